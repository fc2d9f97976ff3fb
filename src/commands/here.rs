//! Compares what git has staged of a draft with its file in the worktree and with `main`.
//!
//! It is for words only: what is sent is ever what is on `main`.

use std::io;
use std::path::Path;

use super::{Result, Session};
use crate::desk;
use crate::git::objects::blob_id;
use crate::git::{DRAFTS, Head, MAIN};
use crate::id::ObjectId;

/// What became of a draft's file in the worktree.
pub enum Here {
    /// It is as it is on `main`.
    Same,
    /// There is none.
    Gone,
    /// It has another text.
    Changed(String),
}

/// Looks at the file of a draft in the worktree.
pub fn look(top: &Path, path: &str, blob: ObjectId) -> Here {
    debug_assert!(path.starts_with(DRAFTS));
    match desk::read_here(&top.join(path)) {
        Ok(bytes) if blob_id(&bytes) == blob => Here::Same,
        Ok(bytes) => Here::Changed(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Here::Gone,
        Err(_) => Here::Same,
    }
}

/// Returns the worktree, if it has `main` checked out; the files of another branch say nothing about the desk.
pub fn top(session: &Session) -> Result<Option<&Path>> {
    let is_main = session.repository.head()? == Head::Branch(MAIN.to_owned());
    Ok(session.repository.worktree().filter(|_| is_main))
}

/// Returns the blob that git has staged for a path; of an index that cannot be read nothing is told here, and
/// whoever has to change it says so.
pub fn staged(session: &Session, path: &str) -> Option<ObjectId> {
    session.repository.staged(path).unwrap_or_else(|error| {
        tracing::debug!(%error, "what is staged is not looked at");
        None
    })
}

/// Returns what is staged of a draft, where `git commit` would take another text than the one that lies here,
/// and what to say of it; `here` is none where its file is gone.
pub fn apart(
    committed: ObjectId,
    staged: Option<ObjectId>,
    here: Option<ObjectId>,
) -> Option<(ObjectId, &'static str)> {
    let staged = staged.filter(|&staged| staged != committed && Some(staged) != here)?;
    Some((
        staged,
        match here {
            Some(_) => {
                "changed since you staged it: \"git commit\" takes what is staged, \"git commit -a\" what is here"
            }
            None => "its file is gone since you staged it, and \"git commit\" takes what is staged",
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_git_would_commit_unseen_is_told() {
        let [main, one, other] = ["main", "one", "other"].map(|text| blob_id(text.as_bytes()));
        let check = |staged: Option<ObjectId>, here: Option<ObjectId>, expected: Option<&str>| {
            let said = apart(main, staged, here).map(|(_, said)| said.split_once(' ').unwrap().0);
            assert_eq!(said, expected, "{staged:?} {here:?}");
        };
        check(Some(one), Some(other), Some("changed"));
        check(Some(one), Some(main), Some("changed"));
        check(Some(one), None, Some("its"));
        // Nothing is staged, or just what lies here, or its removal.
        check(Some(main), Some(one), None);
        check(Some(one), Some(one), None);
        check(None, Some(main), None);
        check(None, None, None);
    }
}
