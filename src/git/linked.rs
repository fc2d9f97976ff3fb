//! Locks of git's that are taken with their new content: as a link to a file of ours.
//!
//! git makes an empty lock, fills it, and puts it in the place of what it locks. Here the content is written
//! aside, before the lock is wanted, so that the lock is held for a moment only, and is known as ours after
//! a crash by being that file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::landing::remove;
use super::{Result, unreadable_io, unwritable_io};

/// A lock that is held; given back when it is dropped, which is for the ways out that are errors.
pub(super) struct LinkedLock {
    path: PathBuf,
    target: PathBuf,
}

impl LinkedLock {
    /// Takes the lock of `target` as a link to `file`; `AlreadyExists` where somebody has it.
    pub(super) fn take(file: &Path, target: &Path) -> io::Result<Self> {
        let path = lock_of(target);
        fs::hard_link(file, &path)?;
        Ok(Self { path, target: target.to_owned() })
    }

    /// Puts the file in the place of what it locks, and gives the lock back by that.
    pub(super) fn becomes_the_target(self) -> Result<()> {
        fs::rename(&self.path, &self.target).map_err(|error| unwritable_io(&self.target, &error))?;
        std::mem::forget(self);
        Ok(())
    }

    /// Gives the lock back. Where that fails the file it is a link to must stay, for the lock is known by it.
    pub(super) fn release(self) -> Result<()> {
        remove(&self.path)?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for LinkedLock {
    fn drop(&mut self) {
        // What cannot be removed now is known as ours by the next run.
        let _ = fs::remove_file(&self.path);
    }
}

/// Names git's lock of a file.
pub(super) fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Tells whether two paths name one file; a lock that could not be looked at may be ours.
pub(super) fn same_file(a: &Path, b: &Path) -> Result<bool> {
    let identity = |path: &Path| match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable_io(path, &error)),
    };
    let (a, b) = (identity(a)?, identity(b)?);
    Ok(a.is_some() && a == b)
}
