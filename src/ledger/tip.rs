//! The branch's tip and the memory of it outside the repository: how both move.
//!
//! Both are written before the flush that makes a commit's objects durable, and put in their places after
//! it, the branch first: a memory may lag behind, and must never be ahead.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::continuity::{TIP_FILE, memory};
use super::{LedgerError, Result};
use crate::durable::Replacement;
use crate::failpoint::reached;
use crate::git::lock::OwnLock;
use crate::git::moving::Moving;
use crate::git::{LEDGER, Repository, Swap};
use crate::id::ObjectId;

/// How often an append is tried while others append or hold the branch's lock.
pub(super) const ATTEMPTS: usize = 200;

/// What the branch and the memory of it are to become: written, to be flushed with the objects.
pub(super) struct Next<'r> {
    moving: Moving<'r>,
    memory: Replacement,
    path: PathBuf,
}

impl<'r> Next<'r> {
    /// Writes both, before the flush. The caller holds the write lock.
    pub(super) fn write(repository: &'r Repository, state: &Path, commit: ObjectId) -> Result<Self> {
        let moving = Moving::begin(repository, LEDGER, commit)?;
        let path = state.join(TIP_FILE);
        let written = Replacement::write(path.clone(), memory(commit).as_bytes()).and_then(|memory| {
            memory.flush_unless_with(repository.git_dir())?;
            Ok(memory)
        });
        match written {
            Ok(memory) => Ok(Self { moving, memory, path }),
            Err(error) => Err(LedgerError::State { path, error }),
        }
    }

    /// Moves the branch and then remembers it, once all is flushed; tells whether nobody was faster.
    pub(super) fn finish(self, from: ObjectId, why: &str) -> Result<bool> {
        let Self { moving, memory, path } = self;
        if finish(moving, Some(from), why)? == Swap::Lost {
            return Ok(false);
        }
        memory.put().map_err(|error| LedgerError::State { path, error })?;
        reached("tip.remembered");
        Ok(true)
    }
}

/// Takes the lock that every writer of the branch holds while it moves it.
pub(super) fn write_lock(repository: &Repository) -> Result<File> {
    Ok(repository.lock(OwnLock::Ledger)?)
}

/// Makes the branch, durably, at a commit that is written.
pub(super) fn make_branch(repository: &Repository, commit: ObjectId, why: &str) -> Result<()> {
    let _writing = write_lock(repository)?;
    for _ in 0..ATTEMPTS {
        let moving = Moving::begin(repository, LEDGER, commit)?;
        repository.flush()?;
        match finish(moving, None, why)? {
            Swap::Done => return Ok(()),
            Swap::Lost if repository.tip(LEDGER)?.is_some() => break,
            Swap::Lost => {}
        }
    }
    Err(LedgerError::Locked)
}

/// Moves the branch; the caller holds the write lock. Where somebody has git's own lock of it, as `git gc`
/// and `git fetch` have at times, that one is waited for.
pub(super) fn finish(moving: Moving<'_>, from: Option<ObjectId>, why: &str) -> Result<Swap> {
    let swap = moving.finish(from, why)?;
    if swap == Swap::Lost {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(swap)
}
