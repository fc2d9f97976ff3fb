//! Stages paths in the index, all of them or none, and takes that back.

use std::fs;
use std::io;
use std::path::Path;

use super::{
    Fingerprint, INDEX_ASIDE, LinkedLock, Result, index_entry, index_path, remove, unwritable, unwritable_io,
    write_index_aside,
};
use crate::git::{GitError, Repository, from_oid, unreadable_io};
use crate::id::ObjectId;

/// What staging has changed in the index, to be taken back.
#[derive(Default)]
pub struct Staged {
    paths: Vec<StagedPath>,
}

struct StagedPath {
    path: String,
    before: Option<git2::IndexEntry>,
    after: Option<ObjectId>,
}

impl Staged {
    /// Returns the blob that was staged for a path; none where its removal was.
    pub fn blob(&self, path: &str) -> Option<ObjectId> {
        self.paths.iter().find(|staged| staged.path == path)?.after
    }
}

/// Stages paths as they are in the worktree, as `git add` and `git rm` do; for whoever holds the desk's lock.
///
/// # Errors
/// Nothing is staged then.
pub fn stage(repository: &Repository, paths: &[&str]) -> Result<Staged> {
    let Some(top) = repository.worktree() else { return Ok(Staged::default()) };
    let failed = |error: git2::Error| unwritable("the index", &error);
    let mut wanted = Vec::new();
    for path in paths {
        let blob = match fs::symlink_metadata(top.join(path)) {
            Ok(_) => Some(from_oid(repository.inner.blob_path(&top.join(path)).map_err(failed)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable_io(&top.join(path), &error)),
        };
        wanted.push((*path, blob));
    }
    let mut staged = Staged::default();
    edit_index(repository, |index| {
        for (path, blob) in wanted {
            let before = index.get_path(Path::new(path), 0);
            match blob {
                Some(blob) => index.add(&index_entry(top, path, blob)?)?,
                None => index.remove_path(Path::new(path))?,
            }
            staged.paths.push(StagedPath { path: path.to_owned(), before, after: blob });
        }
        Ok(())
    })?;
    Ok(staged)
}

/// Takes back what was staged for some paths, but for those that somebody has staged otherwise since; for
/// whoever holds the desk's lock.
///
/// # Errors
/// Nothing is taken back then.
pub fn unstage(repository: &Repository, staged: &Staged, is_meant: impl Fn(&str) -> bool) -> Result<()> {
    edit_index(repository, |index| {
        for StagedPath { path, before, after } in staged.paths.iter().filter(|staged| is_meant(&staged.path))
        {
            if index.get_path(Path::new(path), 0).map(|entry| from_oid(entry.id)) != *after {
                continue;
            }
            match before {
                Some(before) => index.add(before)?,
                None => index.remove_path(Path::new(path))?,
            }
        }
        Ok(())
    })
}

/// Writes another index in the place of the one that is there, if nobody else does at the same moment.
///
/// The index's lock is a link to a file of ours, so that [`super::heal`] knows it after a crash.
fn edit_index(
    repository: &Repository,
    edit: impl FnOnce(&mut git2::Index) -> std::result::Result<(), git2::Error>,
) -> Result<()> {
    let (own, index) = (repository.own_dir(), index_path(repository));
    fs::create_dir_all(&own).map_err(|error| unwritable_io(&own, &error))?;
    let before = Fingerprint::of(&index)?;
    write_index_aside(repository, &own, edit).map_err(|error| unwritable("the index", &error))?;
    let lock = match LinkedLock::take(&own.join(INDEX_ASIDE), &index) {
        Ok(lock) => lock,
        Err(error) => {
            remove(&own.join(INDEX_ASIDE))?;
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => GitError::IndexHeld { index: index.display().to_string() },
                _ => unwritable_io(&index, &error),
            });
        }
    };
    if Fingerprint::of(&index)? != before {
        lock.release()?;
        remove(&own.join(INDEX_ASIDE))?;
        return Err(GitError::IndexHeld { index: index.display().to_string() });
    }
    lock.becomes_the_target()?;
    remove(&own.join(INDEX_ASIDE))
}
