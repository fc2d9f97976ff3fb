//! Moves `main` while the worktree is on another branch, or where there is none.
//!
//! Nothing in the worktree changes, and still the operator may be in the middle of `git switch main`: git
//! reads the branch, then writes index and worktree under the index's lock, and says last that `HEAD` is
//! there. A branch that moves in between would make our change one of the operator's, a draft that has
//! landed a staged deletion. So that lock is held while the branch moves, and who arrives right after it
//! is brought up to date.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{
    Busy, INDEX_HELD, INTENT, Landed, Landing, LinkedLock, Moving, Result, heal, index_path, lock_of, remove,
    unwritable_io,
};
use crate::failpoint::reached;
use crate::git::{Head, MAIN, Repository, Swap};

/// How long a `git switch` may take before it holds the index's lock, and after that.
const SWITCH_WAIT: Duration = Duration::from_millis(300);

/// How long one that holds the lock, or works on, is waited for.
const SWITCH_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often it is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Moves the branch, and forgets the intent.
pub fn finish(landing: &Landing<'_>, moving: Option<Moving<'_>>, subject: &str) -> Result<Landed> {
    let repository = landing.repository;
    let landed = if repository.worktree().is_none() {
        swap(landing, moving, subject)?
    } else {
        with_index_locked(repository, || {
            let moves =
                repository.head()? == Head::Branch(MAIN.to_owned()) || repository.is_rebasing(MAIN)?;
            if moves { Ok(Landed::Busy(Busy::Moving)) } else { swap(landing, moving, subject) }
        })?
    };
    let is_met = match (&landed, repository.worktree()) {
        (Landed::Done { .. }, Some(_)) => meet(landing)?,
        _ => true,
    };
    // Otherwise the next run knows by the intent what they missed.
    if is_met {
        remove(&repository.own_dir().join(INTENT))?;
    }
    Ok(landed)
}

fn swap(landing: &Landing<'_>, moving: Option<Moving<'_>>, subject: &str) -> Result<Landed> {
    match landing.swap(moving, subject)? {
        Swap::Done => Ok(Landed::Done { commit: landing.commit, kept: landing.kept.clone() }),
        Swap::Lost => Ok(Landed::Busy(Busy::Moving)),
    }
}

/// Holds the index's lock, as a link to a file of ours so that [`heal`] knows it after a crash.
fn with_index_locked(repository: &Repository, act: impl FnOnce() -> Result<Landed>) -> Result<Landed> {
    let held = repository.own_dir().join(INDEX_HELD);
    fs::write(&held, "").map_err(|error| unwritable_io(&held, &error))?;
    let landed = match LinkedLock::take(&held, &index_path(repository)) {
        Ok(lock) => {
            reached("elsewhere.locked");
            let landed = act();
            reached("elsewhere.moved");
            lock.release()?;
            landed?
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Landed::Busy(Busy::IndexLocked),
        Err(error) => return Err(unwritable_io(&lock_of(&index_path(repository)), &error)),
    };
    remove(&held)?;
    Ok(landed)
}

/// Waits for an operator who was on the way to `main` as it moved, and gives them what they missed; tells whether
/// nobody is there any more who has not got it.
fn meet(landing: &Landing<'_>) -> Result<bool> {
    let repository = landing.repository;
    let lock = lock_of(&index_path(repository));
    let begin = Instant::now();
    loop {
        // Asked before the look, so that whoever ends in between is looked for once more.
        let waited = begin.elapsed();
        let is_waited_for = waited < SWITCH_WAIT
            || (waited < SWITCH_WAIT_MAX && (lock.exists() || repository.is_git_at_work()));
        if repository.head()? == Head::Branch(MAIN.to_owned()) {
            // An operator who works on holds the index again and again, and not all the time.
            let is_last = waited >= SWITCH_WAIT_MAX;
            let is_met = heal::catch_up(repository, &landing.changes, is_last)?;
            if is_met || is_last {
                return Ok(is_met);
            }
        } else if !is_waited_for {
            return Ok(true);
        }
        thread::sleep(LOOK_EVERY);
    }
}
