//! Whether the ledger is what it was, and the way out where it is not.

use std::fs;
use std::path::{Path, PathBuf};

use super::Look;
use super::finding::Report;
use crate::config::Wiring;
use crate::git::{LEDGER, Repository};
use crate::id::ObjectId;
use crate::ledger::{Ledger, LedgerError, Snapshot};

/// Looks at the ledger's continuity and at every unfinished draft's entries.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let mut troubles = Ledger::troubles(repository, &look.session.state);
    if look.wiring_error.is_some() && troubles.iter().any(is_forgotten) {
        // The wiring may say where that memory is.
        troubles.retain(|trouble| !is_forgotten(trouble));
        report.note(
            "ledger.memory",
            "what this machine remembers of the ledger is not looked at: the wiring cannot be read",
            "mend the wiring, then `git drafts check` again",
        );
    }
    if troubles.is_empty() {
        let open = Snapshot::of(repository).and_then(|snapshot| snapshot.open_ids());
        report.fine("ledger", format!("ledger, {} unfinished", open.map_or(0, |open| open.len())));
    }
    for trouble in &troubles {
        match way_out(look, trouble) {
            Some(hint) => report.wrong(name(trouble), trouble.to_string(), hint),
            None => report.error(name(trouble), trouble),
        }
    }
}

fn is_forgotten(trouble: &LedgerError) -> bool {
    matches!(trouble, LedgerError::Forgotten)
}

/// Returns the name of a trouble, for scripts.
fn name(trouble: &LedgerError) -> &'static str {
    match trouble {
        LedgerError::Git(_) => "ledger.unreadable",
        LedgerError::Entry(_) => "ledger.entry",
        LedgerError::Missing(_) => "ledger.missing",
        LedgerError::Rewound { .. } => "ledger.rewound",
        LedgerError::Foreign(_) => "ledger.foreign",
        LedgerError::Rewritten { .. } => "ledger.rewritten",
        LedgerError::CheckedOut => "ledger.checked-out",
        LedgerError::Shallow => "ledger.shallow",
        LedgerError::Forgotten => "ledger.forgotten",
        LedgerError::AnotherClone(_) => "ledger.another-clone",
        LedgerError::Locked => "ledger.locked",
        LedgerError::State { .. } => "ledger.memory",
    }
}

/// Returns what brings the ledger back, by what is still there; none where the error says it itself.
fn way_out(look: &Look<'_>, trouble: &LedgerError) -> Option<String> {
    let session = &look.session;
    let repository = &session.repository;
    let put_back = |tip: ObjectId| format!("put it back: `git update-ref {LEDGER} {tip}`");
    let from_remote = || -> Option<String> {
        let tip = repository.remote_branch("ledger").ok().flatten()?;
        Some(format!("take the remote's, then see `git drafts check` again: `git update-ref {LEDGER} {tip}`"))
    };
    let tip_file = look.context.shown(&session.state.join("ledger-tip"));
    match trouble {
        LedgerError::Missing(_) | LedgerError::Git(_) => {
            let remembered = Ledger::remembered(&session.state).filter(|tip| repository.has(*tip));
            let lost = matches!(trouble, LedgerError::Missing(None));
            let lost =
                lost.then(|| "restore the branch from a backup: without it nothing is sent".to_owned());
            remembered.map(put_back).or_else(from_remote).or(lost)
        }
        LedgerError::Rewound { remembered, .. } if repository.has(*remembered) => Some(put_back(*remembered)),
        LedgerError::Rewound { remembered, .. } => Some(format!(
            "get commit {remembered} from a backup or another clone (`git fetch <it> ledger`), then {}; if it is lost for ever, \
             what was sent since then may be sent again: look at each approved draft, then `rm {tip_file}` and `git drafts init --take-over`",
            put_back(*remembered).trim_start_matches("put it back: ")
        )),
        LedgerError::CheckedOut => {
            let linked = repository.linked_worktrees().unwrap_or_default();
            let there = linked.into_iter().find(|linked| linked.branch.as_deref() == Some(LEDGER));
            Some(match there {
                Some(linked) => format!("`git worktree remove {}`", linked.place.display()),
                None => "`git switch main`".to_owned(),
            })
        }
        LedgerError::State { .. } => Some(format!(
            "if the ledger is whole (compare it with your backups): `rm {tip_file}` and `git drafts init --take-over`"
        )),
        LedgerError::Entry(_)
        | LedgerError::Foreign(_)
        | LedgerError::Rewritten { .. }
        | LedgerError::Shallow
        | LedgerError::Forgotten
        | LedgerError::AnotherClone(_)
        | LedgerError::Locked => None,
    }
}

/// Finds the state folder of a desk whose ledger does not say its id: the one that remembers a commit that
/// is here.
pub fn state_of(wiring: &Wiring, state_home: &Path, repository: &Repository) -> PathBuf {
    let root = state_home.join("git-drafts");
    let named = wiring.desk.state.clone();
    let others = fs::read_dir(&root).into_iter().flatten().flatten().map(|entry| entry.path());
    let remembers = |state: &PathBuf| Ledger::remembered(state).is_some_and(|tip| repository.has(tip));
    named.iter().cloned().chain(others).find(remembers).or(named).unwrap_or(root)
}
