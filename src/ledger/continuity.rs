//! Holds the branch against what was remembered of it: who finds it gone, rewound or written by anybody else does
//! not know what was sent.

use std::fs;
use std::io;
use std::path::Path;

use super::{LedgerError, OPEN, Result, SENDERS};
use crate::durable;
use crate::failpoint::reached;
use crate::git::{LEDGER, Repository};
use crate::id::ObjectId;

/// The file outside the repository that remembers the tip.
pub(super) const TIP_FILE: &str = "ledger-tip";

/// Tells whether a tip is the beginning of a ledger, or of its time with another clone: then there is
/// nothing yet that a memory could miss.
fn begins(repository: &Repository, tip: ObjectId) -> Result<bool> {
    let commit = repository.commit(tip)?;
    let Some(&parent) = commit.parents.first() else { return Ok(true) };
    let before = repository.commit(parent)?.tree;
    let comparison = repository.compare(Some(before), commit.tree)?;
    Ok(comparison.rewritten.is_empty() && comparison.added.iter().all(|path| path.starts_with(SENDERS)))
}

/// How the branch went on from what was remembered of it.
pub(super) struct Growth {
    /// The tip that was remembered, if any was.
    pub from: Option<ObjectId>,
    /// The tip now.
    pub to: ObjectId,
}

/// Compares the branch with what was remembered of it, where something is.
pub(super) fn growth(repository: &Repository, state: &Path) -> Result<Growth> {
    // The memory is read before the branch: a writer in between makes the branch newer, never older.
    let from = remembered(state)?;
    let to = repository.tip(LEDGER)?.ok_or_else(|| LedgerError::Missing(repository.remote_name()))?;
    if let Some(from) = from
        && from != to
    {
        check_commits(repository, from, to)?;
    }
    Ok(Growth { from, to })
}

/// As [`growth`], and refuses a branch of which nothing is remembered, unless it only begins.
pub(super) fn continuity(repository: &Repository, state: &Path) -> Result<Growth> {
    let growth = growth(repository, state)?;
    if growth.from.is_none() && !begins(repository, growth.to)? {
        return Err(LedgerError::Forgotten);
    }
    Ok(growth)
}

/// Checks that from one commit to a later one the machine, and nobody else, added, and nothing else.
fn check_commits(repository: &Repository, remembered: ObjectId, tip: ObjectId) -> Result<()> {
    if !repository.descends(tip, remembered)? {
        return Err(LedgerError::Rewound { remembered, tip });
    }
    let marker = format!("{OPEN}/");
    let mut at = tip;
    while at != remembered {
        let commit = repository.commit(at)?;
        let [parent] = commit.parents[..] else { return Err(LedgerError::Foreign(at)) };
        if !commit.committer.is_machine() {
            return Err(LedgerError::Foreign(at));
        }
        let before = repository.commit(parent)?.tree;
        let comparison = repository.compare(Some(before), commit.tree)?;
        if let Some(path) = comparison.rewritten.into_iter().find(|path| !path.starts_with(&marker)) {
            return Err(LedgerError::Rewritten { commit: at, path });
        }
        at = parent;
    }
    Ok(())
}

/// Returns the tip that was written down last; none where nothing was.
pub(super) fn remembered(state: &Path) -> Result<Option<ObjectId>> {
    let path = state.join(TIP_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(tip) => Ok(Some(tip)),
            Err(_) => Err(LedgerError::State {
                path,
                error: io::Error::other("not a commit id; see `git drafts check`"),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::State { path, error }),
    }
}

/// What the file says of a tip.
pub(super) fn memory(tip: ObjectId) -> String {
    format!("{tip}\n")
}

/// Writes the tip down, durably: a new file in place of the old one.
pub(super) fn remember(state: &Path, tip: ObjectId) -> Result<()> {
    let path = state.join(TIP_FILE);
    durable::replace(&path, memory(tip).as_bytes()).map_err(|error| LedgerError::State { path, error })?;
    reached("tip.remembered");
    Ok(())
}
