//! Writes what a tick made: into the ledger, and onto the desk.

use super::table::Outcome;
use super::{New, Tick};
use crate::commands::Result;
use crate::commands::judgement;
use crate::commands::settle::{self, Bundle, subject};
use crate::entry::Fact;
use crate::git::landing::{Change, Landed};
use crate::ledger::Note;
use crate::ui::counted;

impl Tick<'_> {
    /// Writes everything: the ledger first, then the desk, with one flush for both.
    ///
    /// The ledger goes first so that a draft on the desk is always remembered: where from, for whom, by
    /// which policy. A draft that is remembered and not on the desk is landed by the next run.
    pub(super) fn land(&mut self) -> Result<Option<Landed>> {
        let mut notes: Vec<Note> = self.drafts.iter().map(|new| new.note.clone()).collect();
        notes.extend(self.ignored.iter().cloned());
        let cleared: Vec<Note> = self.cleared.iter().map(|(note, _)| note.clone()).collect();
        if notes.is_empty() && cleared.is_empty() {
            return Ok(None);
        }
        let now = self.context.now();
        let repository = &self.session.repository;
        let ledger_subject = match (self.drafts.len(), self.ignored.len()) {
            (0, 0) => subject("cleared", cleared.iter().map(|note| &note.id)),
            (drafts, 0) => format!("drafted: {}", counted(drafts, "draft")),
            (0, ignored) => format!("ignored: {}", counted(ignored, "message")),
            (drafts, ignored) => {
                format!("drafted: {}; ignored: {}", counted(drafts, "draft"), counted(ignored, "message"))
            }
        };
        let mut changes: Vec<Change> = self.drafts.iter().map(New::change).collect();
        changes.extend(self.cleared.iter().map(|(_, change)| change.clone()));
        let message = self.commit_message();

        let hold = judgement::window(repository, now);
        let bundle = Bundle {
            notes: &notes,
            cleared: &cleared,
            policy: Some(&self.policy_bytes),
            subject: &ledger_subject,
            changes: &changes,
            message: &message,
            hold: hold.as_ref(),
        };
        let landed = settle::note_and_land(repository, self.ledger, &bundle, now)?;
        if !matches!(landed, Some(Landed::Done { .. })) {
            // The desk was not to be changed now: the next tick finds the same.
            self.rows.retain(|row| !matches!(row.outcome, Outcome::Superseded | Outcome::Expired));
        }
        Ok(landed)
    }

    /// Writes the desk's commit message: fixed words and trailers, and no text of any message.
    pub(super) fn commit_message(&self) -> String {
        let mut message = match &self.drafts[..] {
            [only] if self.again.is_some() => format!("redraft: {} {}\n", only.id, only.draft.machine.action),
            [only] => format!("draft: {} {}\n", only.id, only.draft.machine.action),
            several => subject("draft", several.iter().map(|new| &new.id)),
        };
        if self.drafts.is_empty() {
            let expired = self.cleared.iter().all(|(note, _)| note.entry.fact == Fact::Expired);
            let verb = if expired { "expired" } else { "superseded" };
            message = subject(verb, self.cleared.iter().map(|(note, _)| &note.id));
        }
        message.push('\n');
        for new in &self.drafts {
            let machine = &new.draft.machine;
            let Fact::Drafted(drafted) = &new.note.entry.fact else { continue };
            message.push_str(&format!(
                "Draft-Id: {}\nSource: {}\nBrain: {}\nConfidence: {}\nTier: {}\n",
                machine.id, machine.source, drafted.brain, machine.confidence, machine.tier
            ));
            let words =
                [("Prompt", &drafted.prompt), ("Reply", &drafted.reply), ("Guidance", &drafted.guidance)];
            for (word, value) in words {
                if let Some(value) = value {
                    message.push_str(&format!("{word}: {value}\n"));
                }
            }
        }
        message
    }
}
