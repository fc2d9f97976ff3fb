//! What git is in the middle of: merges, rebases, and branches that other worktrees have checked out.
//!
//! It must never take "could not read" for "is not there".

use std::io;
use std::path::{Path, PathBuf};

use super::{Repository, Result, from_oid, unreadable_io};

/// What [`Repository::operation_under_way`] calls a rebase.
pub const REBASE: &str = "a rebase";

impl Repository {
    /// Tells whether a rebase of `branch` is under way in the main worktree: `HEAD` is detached until it is
    /// done, and then it moves the branch from where that was in the beginning, or fails.
    pub fn is_rebasing(&self, branch: &str) -> Result<bool> {
        rebases(self.inner.path(), branch)
    }

    /// Returns the linked worktrees that have `branch` checked out, or rebase it.
    pub fn linked_worktrees_on(&self, branch: &str) -> Result<Vec<PathBuf>> {
        let folder = self.common.join("worktrees");
        let mut found = Vec::new();
        let listing = match std::fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(unreadable_io(&folder, &error)),
        };
        for worktree in listing {
            let path = worktree.map_err(|error| unreadable_io(&folder, &error))?.path();
            if is_gone(&path) {
                continue;
            }
            let head = match std::fs::read_to_string(path.join("HEAD")) {
                Ok(head) => head,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable_io(&path, &error)),
            };
            if head.trim_end() == format!("ref: {branch}") || rebases(&path, branch)? {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Says which of git's longer operations is under way in the main worktree, if one is.
    pub fn operation_under_way(&self) -> Option<&'static str> {
        match self.inner.state() {
            // Between two commits of a series git notes nothing but the list of what is still to be done.
            git2::RepositoryState::Clean if self.inner.path().join("sequencer").exists() => {
                Some("a series of picks or reverts")
            }
            git2::RepositoryState::Clean => None,
            // While the hook of a merge runs, git still calls it under way, and has moved the branch.
            git2::RepositoryState::Merge if self.is_merged() => None,
            git2::RepositoryState::Merge => Some("a merge"),
            git2::RepositoryState::Revert | git2::RepositoryState::RevertSequence => Some("a revert"),
            git2::RepositoryState::CherryPick | git2::RepositoryState::CherryPickSequence => {
                Some("a cherry-pick")
            }
            git2::RepositoryState::Bisect => Some("a bisect"),
            git2::RepositoryState::Rebase
            | git2::RepositoryState::RebaseInteractive
            | git2::RepositoryState::RebaseMerge => Some(REBASE),
            git2::RepositoryState::ApplyMailbox | git2::RepositoryState::ApplyMailboxOrRebase => {
                Some("an apply")
            }
        }
    }

    /// Tells whether what is being merged is part of `HEAD` already.
    fn is_merged(&self) -> bool {
        let merged = || {
            let heads = std::fs::read_to_string(self.inner.path().join("MERGE_HEAD")).ok()?;
            let head = from_oid(self.inner.refname_to_id("HEAD").ok()?);
            let mut heads = heads.lines().map(str::trim);
            Some(heads.all(|id| id.parse().is_ok_and(|id| self.descends(head, id).unwrap_or(false))))
        };
        merged().unwrap_or(false)
    }
}

/// Tells whether somebody deleted the worktree with this folder of git's, so that `git worktree prune` would
/// forget it. One that is locked lies on a disk that is not there now.
fn is_gone(folder: &Path) -> bool {
    let place = std::fs::read_to_string(folder.join("gitdir"));
    let is_missing = |place: String| matches!(Path::new(place.trim_end()).try_exists(), Ok(false));
    place.is_ok_and(is_missing) && matches!(folder.join("locked").try_exists(), Ok(false))
}

/// Tells whether a rebase of `branch` is under way in the worktree with this folder of git's.
fn rebases(folder: &Path, branch: &str) -> Result<bool> {
    for name in ["rebase-merge/head-name", "rebase-apply/head-name"] {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(name) if name.trim_end() == branch => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable_io(&path, &error)),
        }
    }
    Ok(false)
}
