//! The locks by which processes of ours keep out of each other's way.
//!
//! Each is `flock(2)` on a file that stays: whoever dies gives it back, and nobody else is held up by it.

use std::fs::{self, DirEntry, File, TryLockError};
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

    /// Returns a process that holds a lock of ours, and its name, if one can be seen. It does not touch the
    /// lock: whoever wants it just now must find it free.
    pub fn lock_holder(&self, which: OwnLock) -> Option<(u32, String)> {
        let path = fs::canonicalize(self.own_dir().join(which.file_name())).ok()?;
        let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
        processes.into_iter().find_map(|process| {
            let id = process.file_name()?.to_str()?.parse().ok()?;
            // The kernel lists a lock with every descriptor that keeps it.
            let holds = |file: &DirEntry| {
                let information = process.join("fdinfo").join(file.file_name());
                fs::read_link(file.path()).is_ok_and(|open| open == path)
                    && fs::read_to_string(information).is_ok_and(|lines| lines.contains("FLOCK"))
            };
            fs::read_dir(process.join("fd")).ok()?.flatten().find(holds)?;
            Some((id, fs::read_to_string(process.join("comm")).unwrap_or_default().trim_end().to_owned()))
        })
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
