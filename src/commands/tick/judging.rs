//! Judges what a brain plans, and makes a draft of it, or an escalation.

use super::table::{Made, Outcome, Row};
use super::{Candidate, Maker, New, Tick};
use crate::brain::Planned;
use crate::commands::Result;
use crate::config::SourceWiring;
use crate::draft::{self, Draft, Machine, Status};
use crate::entry::{Drafted, Entry, Fact};
use crate::escalation;
use crate::git::DRAFTS;
use crate::git::objects::blob_id;
use crate::guard::inbound::Identity;
use crate::id::DraftId;
use crate::message::{Message, Unreadable};
use crate::plan::{Action, Confidence, Tier};
use crate::policy::{self, Context as Keep, Finding, Recipients, Verdict};
use crate::render::reply_subject;
use crate::text;

/// The most bytes of each message that stand below a draft.
const CONTEXT_BYTES_MAX: usize = 64 * 1024;

/// The most messages of a thread that stand below a draft.
const CONTEXT_MESSAGES_MAX: usize = 8;

impl Tick<'_> {
    /// Judges a plan and makes a draft or an escalation of it.
    pub(super) fn judge(
        &mut self,
        wiring: &SourceWiring,
        mut candidate: Candidate,
        mut planned: Planned,
        earlier: &[Message],
    ) -> Result<()> {
        let mut noted: Vec<String> = self.look_at_answer(&mut candidate, &mut planned).into_iter().collect();
        let Candidate { id, mut message, identity } = candidate;
        message.findings.append(&mut planned.findings);
        message.findings.extend(self.look_alike(&message.from));
        // The draft answers the earlier messages of the thread, too, so what they ask for counts as well.
        for asked in earlier.iter().chain([&message]) {
            for class in escalation::classes(asked, Some(&planned.plan), &self.policy.escalate_words) {
                let class = class.to_string();
                if !noted.contains(&class) {
                    noted.push(class);
                }
            }
        }
        // After the scan: what is made unclickable could hide a secret from it.
        let thread: Vec<&Message> = earlier.iter().chain([&message]).collect();
        match self.clean(wiring, &mut planned, &thread) {
            Ok(findings) => drop(message.findings.splice(..0, findings)),
            Err(tangled) => noted.push(tangled),
        }
        let Planned { plan, tier, brain, route, exchange, findings: _ } = planned;
        let recipients = policy::recipients(&self.policy, &message, &wiring.address);
        let verdict = policy::judge(&self.policy, &message, &plan, &recipients, &noted, tier);
        let (outcome, action, tier, body, why, findings) = match verdict {
            Verdict::Drafted { tier, findings } => {
                let outcome =
                    if plan.action == Action::Escalate { Outcome::NeedsYou } else { Outcome::Drafted };
                (outcome, plan.action, tier, plan.draft_body(), plan.why.clone(), findings)
            }
            Verdict::Refused { findings } => {
                let why = findings.first().map(Finding::to_string).unwrap_or_default();
                let tier = policy::raised(self.policy.tier(Action::Reply));
                let findings = findings
                    .into_iter()
                    .chain(message.findings.iter().cloned().map(Finding::Noted))
                    .collect();
                (Outcome::Refused, Action::Escalate, tier, String::new(), why, findings)
            }
        };
        let brain = match route {
            Some(route) => format!("{brain} ({route})"),
            None => brain,
        };
        let subject = match &plan.subject {
            Some(subject) if outcome == Outcome::Drafted => text::one_line(subject, 300),
            _ => reply_subject(&message.subject),
        };
        let needs_you = action == Action::Escalate;
        let context = match (self.policy.context, &self.again) {
            (Keep::None, _) => draft::context(&[], needs_you, 0),
            (Keep::Tracked, Some(again)) if !again.quoted.is_empty() => {
                // What it quotes, it quotes: an earlier question of the thread among it.
                draft::context_after(&again.quoted, &[], needs_you, again.quoted.len())
            }
            (Keep::Tracked, _) => {
                let older = self.older_quotes(&message, &recipients, action)?;
                let mut messages: Vec<&Message> =
                    earlier.iter().rev().take(CONTEXT_MESSAGES_MAX - 1).collect();
                messages.reverse();
                messages.push(&message);
                draft::context_after(&older, &messages, needs_you, CONTEXT_BYTES_MAX)
            }
        };
        let facts = exchange.as_ref().and_then(|exchange| exchange.facts.as_deref());
        let context = match (self.policy.context, facts) {
            (Keep::Tracked, Some(facts)) => draft::with_facts(&context, facts),
            (Keep::Tracked | Keep::None, _) => context,
        };
        let findings: Vec<String> =
            findings.iter().map(|finding| text::one_line(&finding.to_string(), 160)).collect();
        let written_to = if action.writes_to_somebody() { recipients.clone() } else { Default::default() };
        let tasks = if action == Action::Issue { plan.tasks.clone() } else { Vec::new() };
        let mut draft = Draft {
            status: Status::Draft,
            to: written_to.to,
            cc: written_to.cc,
            subject,
            send_after: None,
            attach: Vec::new(),
            tasks,
            machine: Machine {
                id: id.clone(),
                action,
                source: wiring.name.clone(),
                answers: message.id.clone(),
                tier,
                confidence: plan.confidence,
                why: text::one_line(&why, 300),
                findings,
            },
            body: draft::canonical_body(&body),
            context,
        };
        let maker = Maker { brain, exchange };
        let was_mended = self.add(&mut draft, &message, &identity, &recipients, &maker);
        let (outcome, why, from) = if was_mended {
            (Outcome::NeedsYou, &draft.machine.why, &message.from.email[..])
        } else {
            (outcome, &why, message.from.shown())
        };
        let mut row = Row::new(&wiring.name, &message.id, outcome, why);
        row.id = Some(id);
        row.tier = Some(draft.machine.tier);
        row.confidence = Some(draft.machine.confidence);
        row.from = from.to_owned();
        row.subject.clone_from(&draft.subject);
        row.findings.clone_from(&draft.machine.findings);
        row.made = Some(Made {
            planned: plan.action,
            brain: maker.brain,
            action: draft.machine.action,
            gate: self.policy.gate(draft.machine.tier),
            to: draft.to,
            cc: draft.cc,
            body: draft.body,
        });
        self.rows.push(row);
        Ok(())
    }

    /// Makes a draft of a message that cannot be read, so that a person sees that it is there.
    pub(super) fn escalate_unreadable(
        &mut self,
        wiring: &SourceWiring,
        id: DraftId,
        native: &str,
        what: &str,
    ) -> Result<()> {
        let message = Message {
            id: native.to_owned(),
            source: wiring.name.clone(),
            thread: native.to_owned(),
            subject: "a message that cannot be read".to_owned(),
            body: format!("This message {what}.\nIt is in source `{}` as {native}.", wiring.name),
            ..Message::default()
        };
        let why = format!("the message cannot be read: {what}");
        let mut draft = Draft {
            status: Status::Draft,
            to: Vec::new(),
            cc: Vec::new(),
            subject: reply_subject(&message.subject),
            send_after: None,
            attach: Vec::new(),
            tasks: Vec::new(),
            machine: Machine {
                id: id.clone(),
                action: Action::Escalate,
                source: wiring.name.clone(),
                answers: message.id.clone(),
                tier: Tier::High,
                confidence: Confidence::NONE,
                why: text::one_line(&why, 300),
                findings: Vec::new(),
            },
            body: String::new(),
            context: draft::context(&[&message], true, CONTEXT_BYTES_MAX),
        };
        let mut row = Row::new(&wiring.name, native, Outcome::Unreadable, what);
        row.id = Some(id);
        row.tier = Some(Tier::High);
        self.rows.push(row);
        // What cannot be read is told apart by its mistake alone: once it can be read, it is a new message.
        let unreadable =
            Unreadable { source: wiring.name.clone(), id: native.to_owned(), what: what.to_owned() };
        let identity = Identity::of_unreadable(&unreadable);
        let maker = Maker { brain: "none".to_owned(), exchange: None };
        self.add(&mut draft, &message, &identity, &Recipients::default(), &maker);
        Ok(())
    }

    /// Adds a draft, without a secret that is left in it; tells whether there was one.
    fn add(
        &mut self,
        draft: &mut Draft,
        message: &Message,
        identity: &Identity,
        recipients: &Recipients,
        maker: &Maker,
    ) -> bool {
        let was_mended = self.without_what_is_left(draft, message);
        let file = draft.render().into_bytes();
        let (story, guidance) = match &self.again {
            Some(again) => (&again.story[..], again.guidance.clone()),
            None => (&[][..], None),
        };
        let path = path_beside(draft, story);
        let fact = Fact::Drafted(Box::new(Drafted {
            message: message.id.clone(),
            digest: identity.digest.clone(),
            fetched: identity.fetched.clone(),
            source: draft.machine.source.clone(),
            thread: message.thread.clone(),
            date: message.date.as_ref().map(jiff::Zoned::timestamp),
            references: message.references.clone(),
            to: recipients.to.clone(),
            cc: recipients.cc.clone(),
            action: draft.machine.action,
            tier: draft.machine.tier,
            path: path.clone(),
            blob: blob_id(&file),
            policy: blob_id(&self.policy_bytes),
            desk: self.desk.tip,
            brain: maker.brain.clone(),
            confidence: Some(draft.machine.confidence),
            prompt: maker.exchange.as_ref().map(|exchange| exchange.prompt_digest.clone()),
            reply: maker.exchange.as_ref().and_then(|exchange| exchange.reply_digest.clone()),
            guidance,
        }));
        let mut note = self.note(draft.id(), story, fact);
        note.files.push(("md", file.clone()));
        // A prompt holds the message, which may not stay here where the policy says so.
        if let (Some(exchange), Keep::Tracked, false) = (&maker.exchange, self.policy.context, was_mended) {
            note.files.push(("prompt", exchange.prompt.text().into_bytes()));
        }
        let (id, draft) = (draft.id().clone(), draft.clone());
        self.drafts.push(New { id, draft, path, file, note, answers_too: Vec::new() });
        was_mended
    }
}

/// Names a draft's file, as none of its story was named: the file of a redraft stands beside the one before
/// it until that one goes.
fn path_beside(draft: &Draft, story: &[Entry]) -> String {
    let is_taken = |path: &String| {
        story.iter().any(|entry| matches!(&entry.fact, Fact::Drafted(before) if before.path == *path))
    };
    let names = (2..).map(|number| draft.numbered_file_name(number));
    let mut paths = [draft.file_name()].into_iter().chain(names).map(|name| format!("{DRAFTS}/{name}"));
    paths.find(|path| !is_taken(path)).expect("a story is shorter than all numbers")
}
