//! Disks whose power can be cut: ext4 images on loop devices, with a journal that nobody commits by the way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An image that is mounted, until it is dropped.
pub struct Disk {
    image: PathBuf,
    place: PathBuf,
}

impl Disk {
    /// Makes an image with an empty file system.
    pub fn make(image: &Path) -> io::Result<()> {
        fs::File::create(image)?.set_len(32 << 20)?;
        let options = "lazy_itable_init=0,nodiscard";
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0", "-E", options]).arg(image))
    }

    /// Mounts it; the journal is replayed where that is needed.
    pub fn mount(image: &Path, place: &Path) -> io::Result<Self> {
        fs::create_dir_all(place)?;
        let disk = Self { image: image.to_path_buf(), place: place.to_path_buf() };
        // Nothing is committed but what somebody flushes.
        run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(image).arg(place))?;
        Ok(disk)
    }

    /// Copies what would be on the disk if the power went now.
    pub fn copy(&self, to: &Path) {
        copy(&self.image, to);
    }

    /// Another process makes a file of its own durable, and so commits the journal.
    pub fn foreign_fsync(&self) {
        let file = self.place.join("foreign");
        fs::write(&file, "somebody's\n").unwrap();
        fs::File::open(&file).unwrap().sync_all().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that was just killed may hold it for a moment more: then it goes as soon as it can.
        if run(Command::new("umount").arg(&self.place)).is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(&self.place));
        }
    }
}

/// Copies an image as it is, without its holes.
pub fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("--sparse=always").arg(from).arg(to)).unwrap();
}

/// Says why there can be no disks here, if so.
pub fn unfit(folder: &Path) -> Option<String> {
    let image = folder.join("probe.img");
    let mounted = Disk::make(&image).and_then(|()| Disk::mount(&image, &folder.join("probe")));
    mounted.err().map(|error| error.to_string())
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("{}: {said}", command.get_program().to_string_lossy())))
}
