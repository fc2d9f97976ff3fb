//! Small files that must be whole after a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;

/// Puts a file in the place of another, or makes it with its folder; after a power cut there is one of
/// the two, whole.
///
/// Which of them is not certain before the folder is flushed: for files that may lag behind. Of several
/// processes that write at once, the last one wins.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", process::id()));
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&aside, path)
}

/// A file that is to take the place of another, for one writer at a time.
///
/// It is written, and durable with the next flush of its disk: so one flush is enough for several.
#[derive(Debug)]
#[must_use = "what is not put there changes nothing"]
pub struct Replacement {
    path: PathBuf,
    aside: PathBuf,
    file: File,
}

impl Replacement {
    /// Writes the new file beside the old one, and makes the folder.
    pub fn write(path: PathBuf, bytes: &[u8]) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        Ok(Self { path, aside, file })
    }

    /// Makes it durable, if the flush of `other`'s disk, which comes next, does not.
    pub fn flush_unless_with(&self, other: &Path) -> io::Result<()> {
        if is_on_one_disk(&self.aside, other) { Ok(()) } else { self.file.sync_data() }
    }

    /// Puts it in the place of the old one. Only what is flushed may be put there.
    pub fn put(self) -> io::Result<()> {
        fs::rename(&self.aside, &self.path)
    }
}

/// Tells whether two paths are certainly on one file system, so that one `syncfs` flushes both.
pub fn is_on_one_disk(a: &Path, b: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    device(a).is_some_and(|a| device(b) == Some(a))
}

/// Makes durable which files a folder holds: that of `path`.
pub fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certainly_on_one_disk_shares_a_flush() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        assert!(is_on_one_disk(folder.path(), &folder.path().join("a")));
        assert!(!is_on_one_disk(folder.path(), Path::new("/proc")));
        assert!(!is_on_one_disk(folder.path(), &folder.path().join("missing")));
    }

    #[test]
    fn a_replacement_changes_nothing_before_it_is_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/tip");
        replace(&path, b"old").unwrap();
        let replacement = Replacement::write(path.clone(), b"new").unwrap();
        replacement.flush_unless_with(Path::new("/proc")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replacement.put().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path().join("made")).unwrap().count(), 1);
    }
}
