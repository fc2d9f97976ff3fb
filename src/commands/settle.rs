//! Brings desk and ledger to agree: lands what should be there, notes what a person removed, and
//! takes away what is done.
//!
//! Both `tick` and `send` begin with it. It never sends and never withdraws an approval.

use jiff::Timestamp;

use super::{Context, Result, Session};
use crate::approval::{Removal, find_removal};
use crate::delivery::{Facts, OnDesk, Step, next};
use crate::desk::{self, Desk};
use crate::entry::{Entry, Fact, drafted};
use crate::git::landing::{self, Busy, Change, Landed};
use crate::git::{GitError, Repository};
use crate::id::DraftId;
use crate::ledger::{Ledger, Note};
use crate::outgoing::Capabilities;
use crate::text;

/// What was brought to agree.
#[derive(Debug, Default)]
pub struct Settled {
    /// Drafts that a person rejected, and why.
    pub rejected: Vec<(DraftId, String)>,
    /// Drafts that came back to the desk, or to it at last.
    pub landed: Vec<DraftId>,
    /// Drafts that wait for the desk to be free, and what it is busy with.
    pub parked: Option<(Vec<DraftId>, Busy)>,
    /// What a crash had left, and is put right.
    pub healed: Vec<String>,
}

/// Puts right what a crash left in the repository; for whoever is about to change the desk.
pub fn heal(repository: &Repository) -> Result<Vec<String>> {
    let _changing = desk::lock(repository)?;
    Ok(landing::heal(repository)?)
}

/// Judges every draft that is gone from the desk: notes rejections, and lands the rest again.
pub fn settle(context: &Context, session: &Session, ledger: &Ledger<'_>) -> Result<Settled> {
    let mut settled = Settled { healed: heal(&session.repository)?, ..Settled::default() };
    let desk = Desk::read(&session.repository)?;
    let snapshot = ledger.snapshot()?;
    let mut notes = Vec::new();
    let mut changes = Vec::new();
    let mut landing_ids = Vec::new();
    for id in snapshot.open_ids()? {
        // A file that is named after it, and says another id, was changed and not removed.
        let named = |file: &desk::DeskFile| desk::id_in_name(&file.path).as_ref() == Some(&id);
        if desk.on_desk(&id) != OnDesk::Absent || desk.files.iter().any(named) {
            continue;
        }
        let story = snapshot.story(&id)?;
        if next(OnDesk::Absent, &story, &facts(context)) != Step::JudgeRemoval {
            continue;
        }
        let Some(origin) = drafted(&story) else { continue };
        let removal =
            find_removal(desk.tip, origin.desk, desk::removal_facts(&session.repository, &id, origin.blob))?;
        match removal {
            Removal::ByPerson { commit, by } => {
                let reason = reason_of(&session.repository.commit(commit)?.message, &id);
                settled.rejected.push((id.clone(), reason.clone()));
                notes.push(Note::new(
                    &id,
                    entry_after(context, &story, Fact::Rejected { by, reason, commit }),
                ));
            }
            Removal::NotByPerson => {
                if let Some(bytes) = snapshot.file(&id, "drafted", "md")? {
                    changes.push(Change { path: origin.path.clone(), blob: origin.blob, bytes: Some(bytes) });
                    landing_ids.push(id);
                }
            }
        }
    }
    let now = context.now();
    ledger.append(&notes, &subject("rejected", notes.iter().map(|note| &note.id)), now)?;
    if !changes.is_empty() {
        match land(&session.repository, &changes, &subject("draft", &landing_ids), now)? {
            Landed::Done { .. } => settled.landed = landing_ids,
            Landed::Busy(busy) => settled.parked = Some((landing_ids, busy)),
        }
    }
    Ok(settled)
}

/// Changes the desk under its lock.
pub fn land(
    repository: &Repository,
    changes: &[Change],
    message: &str,
    now: Timestamp,
) -> std::result::Result<Landed, GitError> {
    let _changing = desk::lock(repository)?;
    landing::heal(repository)?;
    landing::land(repository, changes, message, now)
}

/// Makes an entry that follows a story, in its last generation.
pub fn entry_after(context: &Context, story: &[Entry], fact: Fact) -> Entry {
    let generation = story.last().map_or(1, |entry| entry.generation);
    Entry { at: context.now(), host: context.host(), generation, fact }
}

/// Writes the subject of a machine's commit: `sent: kqzmwvst`, or `sent: 12 drafts`.
pub fn subject<'a>(verb: &str, ids: impl IntoIterator<Item = &'a DraftId>) -> String {
    let ids: Vec<&DraftId> = ids.into_iter().collect();
    match ids[..] {
        [id] => format!("{verb}: {id}\n"),
        _ => format!("{verb}: {} drafts\n", ids.len()),
    }
}

/// Returns facts for a question that is not about sending.
fn facts(context: &Context) -> Facts {
    Facts {
        now: context.now(),
        not_before: None,
        host: context.host(),
        capabilities: Capabilities::default(),
        rehearses: false,
    }
}

/// Reads why a draft was removed from the removing commit's message: its `Reject-Reason` trailer for
/// this id, else its first line. For information only.
fn reason_of(message: &str, id: &DraftId) -> String {
    let trailer = message.lines().find_map(|line| {
        let (word, reason) = line.strip_prefix("Reject-Reason: ")?.split_once(' ')?;
        (word == id.as_str()).then_some(reason)
    });
    let reason = trailer.or_else(|| message.lines().find(|line| !line.trim().is_empty()));
    text::one_line(reason.unwrap_or_default(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_trailer_or_the_first_line() {
        let id = "kqzmwvst".parse().unwrap();
        assert_eq!(reason_of("Drop the spam\n\nbody\n", &id), "Drop the spam");
        assert_eq!(
            reason_of(
                "Tidy\n\nReject-Reason: mrnpmrnp other\nReject-Reason: kqzmwvst answered by phone\n",
                &id
            ),
            "answered by phone"
        );
    }
}
