//! A desk that is put back to a saved moment again and again, for proofs that break it hundreds of times.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::desk::Desk;

/// A desk and its home as they were at the saved moment.
///
/// The home is put back in place: the ledger knows its clone by the inode of `.git`, so a copy elsewhere
/// would be another clone.
pub struct Bed {
    pub desk: Desk,
    saved: TempDir,
}

impl Bed {
    /// Saves a desk as it is now.
    pub fn save(desk: Desk) -> Self {
        let saved = tempfile::Builder::new().prefix("saved-").tempdir().unwrap();
        copy_into(&desk.home(), saved.path()).unwrap();
        Self { desk, saved }
    }

    /// Saves the same desk as it is now.
    pub fn saved_anew(self) -> Self {
        Self::save(self.desk)
    }

    /// Puts the whole home back as it was saved.
    pub fn restore(&self) -> &Desk {
        let home = self.desk.home();
        // A process that was just killed may take a moment to go, and write something until then.
        for _ in 0..50 {
            if empty(&home, &home.join("drafts/.git")).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        copy_into(self.saved.path(), &home).unwrap();
        &self.desk
    }

    /// A file or folder of the home as it was saved.
    pub fn saved(&self, path: &str) -> PathBuf {
        self.saved.path().join(path)
    }
}

/// Empties a folder but for one folder and those on the way to it, which are emptied and stay.
fn empty(folder: &Path, but: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if but.starts_with(&path) {
            empty(&path, but)?;
        } else if path.is_symlink() || !path.is_dir() {
            fs::remove_file(&path)?;
        } else {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&path)?, &target)?;
        } else if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy_into(&path, &target)?;
        } else {
            // The time goes with it, so that git's index need not read every file again.
            fs::copy(&path, &target)?;
            fs::File::options().read(true).open(&target)?.set_modified(entry.metadata()?.modified()?)?;
        }
    }
    Ok(())
}
