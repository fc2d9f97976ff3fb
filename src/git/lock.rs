//! The locks by which processes of ours keep out of each other's way.
//!
//! Each is `flock(2)` on a file that stays: whoever dies gives it back, and nobody else is held up by it.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

use super::{Repository, Result, unwritable_io};

/// A lock of ours. Whoever takes several takes them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnLock {
    /// Over a whole tick.
    Tick,
    /// Over a whole pass of the sender, and over the programs that it runs.
    Send,
    /// While the machine changes `main`, the index and the worktree.
    Desk,
    /// While the ledger's branch moves.
    Ledger,
    /// While the shadows of brains are asked; beside no other.
    Shadow,
}

impl OwnLock {
    fn file_name(self) -> &'static str {
        match self {
            OwnLock::Tick => "tick.lock",
            OwnLock::Send => "send.lock",
            OwnLock::Desk => "desk.lock",
            OwnLock::Ledger => "ledger.lock",
            OwnLock::Shadow => "shadow.lock",
        }
    }
}

impl Repository {
    /// Takes a lock of ours, and waits for it; given back when the file is dropped.
    pub fn lock(&self, which: OwnLock) -> Result<File> {
        let (file, path) = self.lock_file(which)?;
        file.lock().map_err(|error| unwritable_io(&path, &error))?;
        Ok(file)
    }

    /// Takes a lock of ours, if nobody has it; given back when the file is dropped.
    pub fn try_lock(&self, which: OwnLock) -> Result<Option<File>> {
        let (file, path) = self.lock_file(which)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unwritable_io(&path, &error)),
        }
    }

    fn lock_file(&self, which: OwnLock) -> Result<(File, PathBuf)> {
        let own = self.own_dir();
        let path = own.join(which.file_name());
        let file = fs::create_dir_all(&own)
            .and_then(|()| File::options().create(true).append(true).open(&path))
            .map_err(|error| unwritable_io(&path, &error))?;
        Ok((file, path))
    }
}
