//! A disk that is full at every size that a run may need more than there is, and one that nobody may write:
//! what could not be done then is done when there is room again.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::sample;
use crate::scene::{Receiver, Scene};
use crate::support::desk::{Desk, Said};

/// Room for everything, in KiB.
const ROOM: u64 = 64 << 10;

/// A small disk in memory, until it is dropped.
struct Disk {
    place: PathBuf,
    _folder: TempDir,
}

impl Disk {
    /// Mounts one, or says why there can be none.
    fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_path_buf();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={ROOM}k"), "tmpfs"], &place);
        mounted.map(|()| Self { place, _folder: folder })
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.place).unwrap();
    }

    /// KiB that are in use.
    fn used(&self) -> u64 {
        let output = Command::new("df").args(["--output=used", "-k"]).arg(&self.place).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().last().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

fn mount(options: &[&str], place: &Path) -> Result<(), String> {
    let output =
        Command::new("mount").args(options).arg(place).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Runs once while the disk is unfit, and lets the next runs do the rest; returns what is wrong after them.
fn broken(scene: &Scene, disk: &Disk, unfit: &str) -> Vec<String> {
    let desk = scene.bed.restore();
    disk.remount(unfit);
    let said: Said = scene.says(&["run"]);
    disk.remount(&format!("rw,size={ROOM}k"));
    let mut wrong = Vec::new();
    let sentence = said.err.lines().any(|line| line.contains("error: "));
    if said.err.contains("panicked") || !(said.code <= 1 || said.code == 128 && sentence) {
        wrong.push(format!("`run` ended with {}: {}{}", said.code, said.out, said.err));
    }
    wrong.extend(scene.aftermath());
    let place = format!("{:?} with {unfit} at {}", scene.receiver, desk.home().display());
    wrong.into_iter().map(|what| format!("{place}\n  {what}")).collect()
}

#[test]
fn a_full_disk_loses_and_doubles_nothing() {
    let (mut sizes, mut unsure, mut wrong) = (0, 0, Vec::new());
    for receiver in [Receiver::Maildir, Receiver::Program] {
        let disk = match Disk::new() {
            Ok(disk) => disk,
            Err(why) => return println!("skipped: proof: full: no disk can be mounted here: {}", why.trim()),
        };
        let scene = Scene::on(Desk::unmade_in(&disk.place), receiver);
        scene.bed.restore();
        let before = disk.used();
        scene.says(&["run"]).succeeds();
        let after = disk.used().max(before + 32);
        // Pages are of 4 KiB; some more than is left in the end is needed on the way.
        let all: Vec<u64> = (before..after + 64).step_by(4).collect();
        for size in sample(&all, 3) {
            wrong.extend(broken(&scene, &disk, &format!("size={size}k")));
            sizes += 1;
            unsure += usize::from(scene.story().ends_with("unsure"));
        }
        wrong.extend(broken(&scene, &disk, "ro"));
        sizes += 1;
    }
    println!("proof: full: {sizes} full or read-only disks, {} violations, {unsure} unsure", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
