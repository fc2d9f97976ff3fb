//! Whether the disks can be relied on: space, kind, and that the state can be written.

use std::path::Path;

use super::Look;
use super::finding::Report;
use crate::ui::counted;

/// Below this nothing more may be noted soon, and then nothing is sent.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// The same for files.
const FREE_FILES_MIN: u64 = 1000;

/// File systems that are another machine's, by the numbers of `statfs(2)`.
const NETWORK: [(u64, &str); 11] = [
    (0x6969, "nfs"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb"),
    (0x517b, "smb"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "afs"),
    (0x00c3_6400, "ceph"),
    (0x7375_7245, "coda"),
    (0x564c, "ncp"),
    (0x0bd0_0bd0, "lustre"),
    (0x6573_5546, "fuse"),
];

/// Looks at the state folder and at the disks of repository and state.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let state = &look.session.state;
    match writable(state) {
        Ok(()) => report.fine("state", format!("state in {}", look.context.shown(state))),
        Err(error) => report.wrong(
            "state",
            format!("{} cannot be written: {error}", state.display()),
            "nothing is sent without it; see who owns the folder",
        ),
    }
    for place in [look.session.repository.git_dir(), state] {
        let Some(place) = place.ancestors().find(|place| place.exists()) else { continue };
        if let Some(kind) = network(place) {
            report.note(
                "disk.network",
                format!(
                    "{} is on a file system of kind {kind}, where locks and flushes may mean nothing",
                    place.display()
                ),
                "keep it on a local disk: only those have been tried",
            );
        }
        let Ok(disk) = rustix::fs::statvfs(place) else { continue };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if let Some(what) = shortage(free, disk.f_files, disk.f_favail) {
            report.wrong(
                "disk.space",
                format!("{} has {what} left", place.display()),
                "make room: what cannot be noted is not sent",
            );
        }
    }
}

/// Says what a disk lacks, if it does. Some file systems count no files, and say that there are none.
fn shortage(free_bytes: u64, files: u64, free_files: u64) -> Option<String> {
    if free_bytes < FREE_BYTES_MIN {
        return Some(format!("{} MiB", free_bytes / (1024 * 1024)));
    }
    let few = files > 0 && free_files < FREE_FILES_MIN;
    few.then(|| format!("room for {}", counted(usize::try_from(free_files).unwrap_or(0), "file")))
}

/// Returns the kind of the file system, where that is another machine's.
pub fn network(place: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(place).ok()?.f_type;
    // The kernel's numbers have 32 bits, whatever the type of the field.
    name_of(kind as u64 & 0xffff_ffff)
}

fn name_of(kind: u64) -> Option<&'static str> {
    NETWORK.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

/// Asks whether a folder can be written; where there is none yet, the one that it would be made in.
///
/// Nothing is tried out: a file in somebody's `new` is a mail.
pub fn writable(folder: &Path) -> std::io::Result<()> {
    let nearest = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    if !nearest.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::NotADirectory));
    }
    Ok(rustix::fs::access(nearest, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_before_nothing_can_be_noted() {
        const MIB: u64 = 1024 * 1024;
        let check = |bytes, files, free_files, expected: &str| {
            assert_eq!(shortage(bytes, files, free_files).unwrap_or_default(), expected);
        };
        check(64 * MIB, 5000, 1000, "");
        check(64 * MIB - 1, 5000, 1000, "63 MiB");
        check(500 * MIB, 5000, 999, "room for 999 files");
        check(500 * MIB, 0, 0, "");
    }

    #[test]
    fn the_disks_of_other_machines_are_known_by_name() {
        assert_eq!(name_of(0x6969), Some("nfs"));
        assert_eq!(name_of(0xef53), None, "ext4");
        // On some machines the field is a signed number of 32 bits.
        assert_eq!(name_of(i64::from(0xff53_4d42_u32 as i32) as u64 & 0xffff_ffff), Some("cifs"));
    }
}
