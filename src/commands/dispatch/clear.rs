//! Takes off the desk what was sent: with the entry that says so, or in a round of its own.

use super::super::Result;
use super::super::settle::{self, Bundle, subject};
use super::{Dispatcher, Outbound};
use crate::entry::Fact;
use crate::git::landing::{Change, Landed};
use crate::id::DraftId;
use crate::ledger::Note;

impl Dispatcher<'_, '_, '_> {
    /// Notes what came of drafts, and with the same flush takes off the desk what was sent, if it can be
    /// changed now; a later round clears what stays.
    pub(super) fn note_and_clear(&self, outcomes: &[(&Outbound, Note)], names: &str) -> Result<()> {
        let sent = outcomes.iter().filter(|(_, note)| matches!(note.entry.fact, Fact::Sent { .. }));
        let (ids, changes): (Vec<&DraftId>, Vec<Change>) = sent
            .filter_map(|(draft, _)| {
                let path = self.desk.find(&draft.id)?.path.clone();
                Some((&draft.id, Change { path, blob: draft.claimed.blob, bytes: None }))
            })
            .unzip();
        let notes: Vec<Note> = outcomes.iter().map(|(_, note)| note.clone()).collect();
        let (message, now) = (subject("sent", ids), self.context.now());
        if changes.is_empty() {
            self.ledger.append(&notes, names, now)?;
            return Ok(());
        }
        let bundle = Bundle {
            notes: &notes,
            cleared: &[],
            policy: None,
            subject: names,
            changes: &changes,
            message: &message,
            hold: None,
        };
        settle::note_and_land(&self.session.repository, &self.ledger, &bundle, now)?;
        Ok(())
    }

    /// Takes files off the desk; tells whether any went.
    pub(super) fn clear(&self, done: Vec<(DraftId, Change)>) -> Result<bool> {
        if done.is_empty() {
            return Ok(false);
        }
        let changes: Vec<Change> = done.iter().map(|(_, change)| change.clone()).collect();
        let message = subject("sent", done.iter().map(|(id, _)| id));
        match settle::land(&self.session.repository, &changes, &message, self.context.now())? {
            // What was kept is edited or staged; it stays, and is cleared once that is settled.
            Landed::Done { kept, .. } => Ok(kept.len() < changes.len()),
            Landed::Busy(busy) => {
                tracing::info!(%busy, "the desk is cleared later");
                Ok(false)
            }
        }
    }
}
