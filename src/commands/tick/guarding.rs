//! Keeps secrets out of what a tick writes: taken out of messages first, looked for in answers, and once
//! more in each file before it becomes a git object.

use super::{Candidate, New, Outcome, Row, Tick};
use crate::brain::Planned;
use crate::commands::Result;
use crate::commands::secrets::{self, Writer};
use crate::config::SourceWiring;
use crate::draft::{self, Draft};
use crate::entry::About;
use crate::guard::inbound::{self, Identity, Value};
use crate::guard::{Class, Secrets};
use crate::ledger::Note;
use crate::message::{Fetched, Message};
use crate::plan::{Action, Plan, Tier};

impl Tick<'_> {
    /// Takes secrets out of all that a source gave, before anything else sees it, and remembers them.
    pub fn without_secrets(
        &mut self,
        wiring: &SourceWiring,
        fetched: Vec<Fetched>,
    ) -> Result<Vec<(Fetched, Identity)>> {
        let mut values: Vec<(Value, String)> = Vec::new();
        for message in fetched.iter().flatten() {
            let thread = self.secrets.key.of_thread(&wiring.name, &message.thread);
            values.extend(
                inbound::values(&self.secrets.scanner, message)
                    .into_iter()
                    .map(|value| (value, thread.clone())),
            );
        }
        self.remember(&values)?;
        Ok(fetched.into_iter().map(|item| inbound::without_secrets(item, &self.secrets)).collect())
    }

    /// Notes the credentials that were fetched, and values that were taken out.
    pub fn remember(&mut self, values: &[(Value, String)]) -> Result<()> {
        if !self.options.dry_run {
            return secrets::note(self.context, self.session, &mut self.secrets, Writer::Tick, values);
        }
        let Secrets { key, fingerprints, known, .. } = &mut self.secrets;
        *known = self.context.credentials.known();
        for (value, thread) in values {
            fingerprints.add(key, &value.text, value.origin, Some(thread));
        }
        Ok(())
    }

    /// Looks for secrets in an answer. A grave one leaves nothing of it but why; another one is told,
    /// and holds the draft until a person allows it. Returns what is to be noted against the answer.
    pub fn look_at_answer(&self, candidate: &mut Candidate, planned: &mut Planned) -> Option<String> {
        let thread = self.secrets.key.of_thread(&candidate.message.source, &candidate.message.thread);
        let answer = planned.plan.text();
        let Plan { body, subject, why, tasks, .. } = &mut planned.plan;
        *why = self.secrets.marked(why, &thread);
        let found = self.secrets.gravest(&answer, Some(&thread))?;
        if found.class == Class::Soft {
            let what = format!("the answer has what may be a secret in it ({})", found.kind);
            candidate.message.findings.push(what);
            return None;
        }
        body.clear();
        tasks.clear();
        *subject = None;
        // A hash of an answer with a weak password in it could be guessed.
        if let Some(exchange) = &mut planned.exchange {
            exchange.reply_digest = None;
        }
        Some(format!("the answer has a secret in it ({})", found.kind))
    }

    /// Looks once more at a file before it becomes a git object; what nobody should have written there
    /// leaves it. Tells whether it had to.
    pub fn without_what_is_left(&self, draft: &mut Draft, message: &Message) -> bool {
        let thread = self.secrets.key.of_thread(&draft.machine.source, &message.thread);
        let found = self.secrets.gravest(&draft.render(), Some(&thread));
        let Some(found) = found.filter(|found| found.class > Class::Soft) else { return false };
        draft.subject = "Re:".to_owned();
        draft.body = String::new();
        draft.tasks = Vec::new();
        draft.context = draft::context(&[], true, 0);
        draft.machine.action = Action::Escalate;
        draft.machine.tier = Tier::High;
        draft.machine.why = format!("a secret stands in the message ({}): read it where it came", found.kind);
        draft.machine.findings = Vec::new();
        for person in draft.to.iter_mut().chain(&mut draft.cc) {
            person.name = String::new();
        }
        true
    }

    /// Leaves drafts to the next tick that hold a credential which was fetched only after they were made:
    /// then it is taken out of the message. The earlier messages that such a draft answers wait with it.
    pub fn leave_what_became_known(&mut self) -> Result<()> {
        self.remember(&[])?;
        let known = self.context.credentials.known();
        let holds = |new: &New| {
            let mut files = new.note.files.iter().map(|(_, bytes)| bytes).chain([&new.file]);
            files.any(|bytes| !known.hits(&String::from_utf8_lossy(bytes)).is_empty())
        };
        let (left, kept): (Vec<New>, Vec<New>) = self.drafts.drain(..).partition(holds);
        self.drafts = kept;
        for new in left {
            let source = new.draft.machine.source;
            let (dropped, kept): (Vec<Note>, Vec<Note>) =
                self.ignored.drain(..).partition(|note| new.answers_too.contains(&note.id));
            self.ignored = kept;
            let waiting: Vec<About<'_>> =
                dropped.iter().chain([&new.note]).filter_map(|note| note.entry.fact.about()).collect();
            let rows = self.rows.iter_mut().filter(|row| row.source == source);
            let waits = |row: &Row| waiting.iter().any(|about| about.message == row.message);
            for row in rows.filter(|row| row.outcome != Outcome::Known && waits(row)) {
                // What the row said may have the credential in it, too.
                let why = "one of our own credentials stands in it; the next tick takes it out";
                *row = Row::new(&source, &row.message, Outcome::Waits, why);
            }
            self.complete.retain(|name| *name != source);
        }
        Ok(())
    }
}
