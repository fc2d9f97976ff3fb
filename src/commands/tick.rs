//! Takes in new messages and puts drafts on the desk.
//!
//! It has no code path that sends an answer, and loads the credentials of sources and brains only.
//! What it does is a function of what is new: the same messages give the same drafts, and with
//! nothing new it prints nothing and commits nothing.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

use jiff::Timestamp;
use serde_json::json;

use self::table::{Outcome, Row, Table};
use super::judgement;
use super::settle::{self, Bundle, subject};
use super::wire::source;
use super::{CommandError, Context, Exit, Result, Session};
use crate::automatic;
use crate::brain::rules::Catalogue;
use crate::brain::{Brain, BrainError, Planned};
use crate::config::{BrainKind, SourceWiring};
use crate::connector::{ConnectorError, Source, Window};
use crate::delivery::OnDesk;
use crate::desk::Desk;
use crate::draft::{self, Draft, Machine, Status};
use crate::entry::{Drafted, Entry, Fact, Ignored, drafted};
use crate::error::{FileError, Hint};
use crate::escalation;
use crate::git::landing::{self, Change, Landed};
use crate::git::objects::blob_id;
use crate::git::{DRAFTS, Repository};
use crate::id::{DraftId, LENGTH};
use crate::ledger::{Ledger, Note, Snapshot};
use crate::message::{Fetched, Message};
use crate::notify;
use crate::plan::{Action, Confidence, Plan, Tier};
use crate::policy::{self, Context as Keep, Finding, Policy, Verdict};
use crate::render::reply_subject;
use crate::secret::{self, Known};
use crate::text;
use crate::ui::counted;

/// The most bytes of each message that stand below a draft.
const CONTEXT_BYTES_MAX: usize = 64 * 1024;

/// The most messages of a thread that stand below a draft.
const CONTEXT_MESSAGES_MAX: usize = 8;

/// The catalogue's file on the desk.
const ROUTES: &str = "routes.toml";

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Show what would happen; write nothing.
    pub dry_run: bool,
    /// Ask this brain instead of the sources' own.
    pub brain: Option<String>,
    /// Take at most this many new messages.
    pub messages_max: Option<usize>,
    /// Take messages of any age.
    pub all: bool,
    /// Print JSON.
    pub json: bool,
    /// Print lines for scripts.
    pub porcelain: bool,
}

/// A draft that is to be put on the desk.
struct New {
    id: DraftId,
    draft: Draft,
    file: Vec<u8>,
    note: Note,
}

/// A message that no draft knows yet.
struct Candidate {
    id: DraftId,
    message: Message,
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    let now = context.now();
    let session = Session::open(context)?;
    for warning in &session.wiring.warnings {
        context.ui.warn(warning);
    }
    let Some(_ticking) = lock(&session.repository)? else {
        context.ui.say("another tick is under way");
        return Ok(Exit::Done);
    };
    let ledger = session.ledger()?;
    if !options.dry_run {
        let settled = settle::settle(context, &session, &ledger)?;
        settled.healed.iter().for_each(|line| tracing::info!("{line}"));
    }
    let mut tick = Tick::new(context, &session, &ledger, options)?;
    let mut failed = false;
    for wiring in &session.wiring.sources {
        failed |= tick.take_in(wiring).await?;
    }
    let landed = if options.dry_run { None } else { tick.land()? };
    tick.print(landed.as_ref());
    if !options.dry_run {
        tick.tell_others().await;
        tick.note_windows(now);
        note_run(&session, now);
    }
    if failed { Ok(Exit::NeedsYou) } else { Ok(Exit::Done) }
}

struct Tick<'s> {
    context: &'s Context,
    session: &'s Session,
    ledger: &'s Ledger<'s>,
    options: &'s Options,
    desk: Desk,
    snapshot: Snapshot<'s>,
    policy: Policy,
    policy_bytes: Vec<u8>,
    catalogues: BTreeMap<String, Brain>,
    hubs: Vec<Source>,
    taken: BTreeMap<DraftId, String>,
    budget: usize,
    rows: Vec<Row>,
    drafts: Vec<New>,
    ignored: Vec<Note>,
    superseded: Vec<(Note, Change)>,
    /// The sources of which nothing waits for the next tick.
    complete: Vec<String>,
}

impl<'s> Tick<'s> {
    fn new(
        context: &'s Context,
        session: &'s Session,
        ledger: &'s Ledger<'s>,
        options: &'s Options,
    ) -> Result<Self> {
        let desk = Desk::read(&session.repository)?;
        let (policy, policy_bytes) = session.policy(context, &desk)?;
        let mut tick = Self {
            context,
            session,
            ledger,
            options,
            snapshot: ledger.snapshot()?,
            policy,
            policy_bytes,
            catalogues: BTreeMap::new(),
            hubs: Vec::new(),
            taken: BTreeMap::new(),
            budget: options.messages_max.unwrap_or(session.wiring.limits.messages_per_tick_max),
            rows: Vec::new(),
            drafts: Vec::new(),
            ignored: Vec::new(),
            superseded: Vec::new(),
            complete: Vec::new(),
            desk,
        };
        // A brain that cannot be loaded stops the tick before any message is looked at.
        let mut names: BTreeSet<&str> =
            session.wiring.sources.iter().map(|source| source.brain.as_str()).collect();
        if let Some(name) = &options.brain {
            names = BTreeSet::from([name.as_str()]);
        }
        for name in names {
            let brain = tick.load_brain(name)?;
            tick.catalogues.insert(name.to_owned(), brain);
        }
        Ok(tick)
    }

    fn load_brain(&self, name: &str) -> Result<Brain> {
        let Some(wiring) = self.session.wiring.brain(name) else {
            let known: Vec<&str> =
                self.session.wiring.brains.iter().map(|brain| brain.name.as_str()).collect();
            return Err(CommandError::Usage {
                what: format!("there is no brain `{}`", text::one_line(name, 40)),
                hint: Some(format!("the wiring has: {}", known.join(", "))),
            });
        };
        let BrainKind::Rules { routes } = &wiring.kind;
        let (shown, text) = match routes {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| CommandError::system(path, error))?;
                (path.display().to_string(), text)
            }
            None => {
                let bytes = self.session.repository.file_at(self.desk.tip, ROUTES)?.ok_or_else(|| {
                    FileError::new(ROUTES, "the catalogue is not committed on `main`")
                        .with_hint("`git drafts init` writes one; commit it")
                })?;
                (ROUTES.to_owned(), String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        Ok(Brain::Rules(Catalogue::load(&shown, &text).map_err(CommandError::Files)?))
    }

    /// Takes in one source; tells whether it failed in a way that does not pass by itself.
    async fn take_in(&mut self, wiring: &SourceWiring) -> Result<bool> {
        let now = self.context.now();
        let since = if self.options.all { None } else { self.since(wiring, now) };
        let fetched = match source(wiring).await {
            Ok(source) => {
                let fetched = source.fetch(&Window { since }).await;
                if fetched.is_ok() && matches!(source, Source::Hub(_)) {
                    self.hubs.push(source);
                }
                fetched
            }
            Err(error) => Err(error),
        };
        match fetched {
            Ok(fetched) => {
                self.sort_out(wiring, fetched).await?;
                let all =
                    !self.rows.iter().any(|row| row.source == wiring.name && row.outcome == Outcome::Waits);
                if all && !self.options.dry_run {
                    self.complete.push(wiring.name.clone());
                }
                Ok(false)
            }
            Err(error) => {
                let away = matches!(error, ConnectorError::Away { .. });
                tracing::info!(source = wiring.name, %error, "the source could not be read");
                self.context.ui.warn(format!("source `{}` is skipped: {error}", wiring.name));
                if let Some(hint) = error.hint() {
                    self.context.ui.hint(&hint);
                }
                Ok(!away)
            }
        }
    }

    /// Returns how far back a source is read: as far as the wiring says, counted from when the source was
    /// last taken in whole, so that a holiday hides nothing.
    fn since(&self, wiring: &SourceWiring, now: Timestamp) -> Option<Timestamp> {
        let path = self.session.state.join(window_file(&wiring.name));
        let last = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        self.session.wiring.limits.since(last.unwrap_or(now).min(now))
    }

    /// Notes which sources were taken in whole; for after everything is written.
    fn note_windows(&self, now: Timestamp) {
        for name in &self.complete {
            if let Err(error) = fs::write(self.session.state.join(window_file(name)), format!("{now}\n")) {
                tracing::warn!(%error, "when the source was read could not be noted");
            }
        }
    }

    /// Accounts for every message of a source: known, ignored, drafted, escalated, or said to wait.
    async fn sort_out(&mut self, wiring: &SourceWiring, fetched: Vec<Fetched>) -> Result<()> {
        let mut candidates = Vec::new();
        for item in fetched {
            match item {
                Ok(mut message) => {
                    take_out_secrets(&mut message);
                    match self.identify(&message.id, &message.digest())? {
                        Some(id) => candidates.push(Candidate { id, message }),
                        None => {
                            self.row(wiring, &message.id, Outcome::Known, "has a draft or an answer already")
                        }
                    }
                }
                Err(unreadable) => {
                    let what = text::one_line(&unreadable.what, 200);
                    match self.identify(&unreadable.id, &unreadable.what)? {
                        Some(id) if self.budget > 0 => {
                            self.budget -= 1;
                            self.escalate_unreadable(wiring, id, &unreadable.id, &what)?;
                        }
                        Some(_) => self.row(wiring, &unreadable.id, Outcome::Waits, "for the next tick"),
                        None => self.row(wiring, &unreadable.id, Outcome::Known, "is noted already"),
                    }
                }
            }
        }
        // By thread and sender: nobody's message may hide behind somebody else's.
        let mut threads: Vec<Vec<Candidate>> = Vec::new();
        let mut positions: BTreeMap<(String, String), usize> = BTreeMap::new();
        for candidate in candidates {
            let who = candidate.message.from.email.to_lowercase();
            let position = *positions.entry((candidate.message.thread.clone(), who)).or_insert_with(|| {
                threads.push(Vec::new());
                threads.len() - 1
            });
            threads[position].push(candidate);
        }
        for thread in threads {
            self.take_thread(wiring, thread).await?;
        }
        Ok(())
    }

    /// Gives a message its id; none where it is known. A message with a known id and another text, and
    /// one whose id clashes, gets an id of its own.
    fn identify(&mut self, native: &str, digest: &str) -> Result<Option<DraftId>> {
        let with_digest = format!("{native}\n{digest}");
        for name in [native, &with_digest] {
            for length in [LENGTH, LENGTH + 2, LENGTH + 4] {
                let id = DraftId::derive(name, length);
                let known = match self.taken.get(&id) {
                    Some(known) => Some(known.clone()),
                    None => self.snapshot.story(&id)?.first().and_then(|entry| match &entry.fact {
                        Fact::Ignored(ignored) => Some(format!("{}\n{}", ignored.message, ignored.digest)),
                        Fact::Drafted(drafted) => Some(format!("{}\n{}", drafted.message, drafted.digest)),
                        _ => None,
                    }),
                };
                match known {
                    None => {
                        self.taken.insert(id.clone(), with_digest.clone());
                        return Ok(Some(id));
                    }
                    Some(known) if known == with_digest => return Ok(None),
                    // The same id with another text: look for it under the longer name.
                    Some(known) if known.split('\n').next() == native.split('\n').next() => break,
                    Some(_) => {}
                }
            }
        }
        Ok(None)
    }

    /// Takes the new messages of one thread, oldest first: the last one that wants an answer gets it.
    async fn take_thread(&mut self, wiring: &SourceWiring, thread: Vec<Candidate>) -> Result<()> {
        let mut open: Vec<Candidate> = Vec::new();
        for candidate in thread {
            match automatic::reason(&candidate.message, &wiring.address) {
                Some(reason) => self.ignore(wiring, candidate, &reason.to_string()),
                None => open.push(candidate),
            }
        }
        let Some(last) = open.pop() else { return Ok(()) };
        if self.budget == 0 {
            for waiting in open.iter().chain([&last]) {
                self.row_of(wiring, &waiting.message, Outcome::Waits, "for the next tick");
            }
            return Ok(());
        }
        self.budget -= 1;
        let brain = self.options.brain.as_ref().unwrap_or(&wiring.brain);
        let planned = match &self.catalogues.get(brain) {
            Some(brain) => brain.plan(&last.message).await,
            None => Err(BrainError::Away { what: format!("brain `{brain}` is not loaded") }),
        };
        match planned {
            // A last message that wants no answer says nothing about the earlier ones.
            Ok(Planned { plan: Plan { action: Action::Ignore, why, .. }, .. }) => {
                self.ignore(wiring, last, &text::one_line(&why, 100));
                return Box::pin(self.take_thread(wiring, open)).await;
            }
            Ok(planned) => {
                let id = last.id.clone();
                let earlier: Vec<Message> = open.iter().map(|candidate| candidate.message.clone()).collect();
                self.judge(wiring, last, planned, &earlier)?;
                for candidate in open {
                    self.ignore(wiring, candidate, &format!("part of the thread that {id} answers"));
                }
            }
            Err(BrainError::Away { what }) => self.row_of(wiring, &last.message, Outcome::Waits, &what),
            Err(BrainError::Refused { what, .. }) => {
                let planned =
                    Planned { plan: Plan::escalate(what), route: None, tier: None, brain: brain.clone() };
                self.judge(wiring, last, planned, &[])?;
                for waiting in open {
                    self.row_of(wiring, &waiting.message, Outcome::Waits, "for the next tick");
                }
            }
        }
        Ok(())
    }

    /// Judges a plan and makes a draft or an escalation of it.
    fn judge(
        &mut self,
        wiring: &SourceWiring,
        candidate: Candidate,
        planned: Planned,
        earlier: &[Message],
    ) -> Result<()> {
        let Candidate { id, message } = candidate;
        let Planned { plan, tier, brain, route } = planned;
        // The draft answers the earlier messages of the thread, too, so what they ask for counts as well.
        let mut noted: Vec<String> = Vec::new();
        for asked in earlier.iter().chain([&message]) {
            for class in escalation::classes(asked, Some(&plan), &self.policy.escalate_words) {
                let class = class.to_string();
                if !noted.contains(&class) {
                    noted.push(class);
                }
            }
        }
        if plan.action != Action::Escalate
            && let Some(hit) = secret::scan(&plan.body).first()
        {
            noted.push(format!("the answer has a secret in it ({})", hit.kind));
        }
        let recipients = policy::recipients(&self.policy, &message, &wiring.address);
        let verdict = policy::judge(&self.policy, &message, &plan, &recipients, &noted, tier);
        let (outcome, action, tier, body, why, findings) = match verdict {
            Verdict::Drafted { tier, findings } => {
                let outcome =
                    if plan.action == Action::Escalate { Outcome::NeedsYou } else { Outcome::Drafted };
                (outcome, plan.action, tier, plan.body.clone(), plan.why.clone(), findings)
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
        let older = self.supersede(wiring, &message, &recipients, action, &id)?;
        let mut messages: Vec<&Message> = earlier.iter().rev().take(CONTEXT_MESSAGES_MAX - 1).collect();
        messages.reverse();
        messages.push(&message);
        let needs_you = action == Action::Escalate;
        let context = match self.policy.context {
            Keep::Tracked => draft::context_after(&older, &messages, needs_you, CONTEXT_BYTES_MAX),
            Keep::None => draft::context(&[], needs_you, 0),
        };
        let findings: Vec<String> =
            findings.iter().map(|finding| text::one_line(&finding.to_string(), 160)).collect();
        let draft = Draft {
            status: Status::Draft,
            to: recipients.to.clone(),
            cc: recipients.cc.clone(),
            subject,
            send_after: None,
            attach: Vec::new(),
            machine: Machine {
                id: id.clone(),
                action,
                source: wiring.name.clone(),
                answers: message.id.clone(),
                tier,
                confidence: plan.confidence,
                why: text::one_line(&why, 300),
                findings: findings.clone(),
            },
            body: draft::canonical_body(&body),
            context,
        };
        let mut row = self.made(wiring, &message.id, outcome, &why);
        row.id = Some(id.clone());
        row.tier = Some(tier);
        row.confidence = Some(plan.confidence);
        row.from = message.from.shown().to_owned();
        row.subject.clone_from(&draft.subject);
        row.to.clone_from(&draft.to);
        row.findings = findings;
        self.rows.push(row);
        self.add(draft, &message, message.digest(), &recipients, brain);
        Ok(())
    }

    /// Makes a draft of a message that cannot be read, so that a person sees that it is there.
    fn escalate_unreadable(
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
        let draft = Draft {
            status: Status::Draft,
            to: Vec::new(),
            cc: Vec::new(),
            subject: reply_subject(&message.subject),
            send_after: None,
            attach: Vec::new(),
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
        let mut row = self.made(wiring, native, Outcome::Unreadable, what);
        row.id = Some(id);
        row.tier = Some(Tier::High);
        self.rows.push(row);
        // What cannot be read is told apart by its mistake.
        self.add(draft, &message, what.to_owned(), &policy::Recipients::default(), "none".to_owned());
        Ok(())
    }

    fn add(
        &mut self,
        draft: Draft,
        message: &Message,
        digest: String,
        recipients: &policy::Recipients,
        brain: String,
    ) {
        let file = draft.render().into_bytes();
        let path = format!("{DRAFTS}/{}", draft.file_name());
        let fact = Fact::Drafted(Box::new(Drafted {
            message: message.id.clone(),
            digest,
            source: draft.machine.source.clone(),
            thread: message.thread.clone(),
            date: message.date.as_ref().map(jiff::Zoned::timestamp),
            references: message.references.clone(),
            to: recipients.to.clone(),
            cc: recipients.cc.clone(),
            action: draft.machine.action,
            tier: draft.machine.tier,
            path,
            blob: blob_id(&file),
            policy: blob_id(&self.policy_bytes),
            desk: self.desk.tip,
            brain,
        }));
        let mut note = self.note(draft.id(), &[], fact);
        note.files.push(("md", file.clone()));
        self.drafts.push(New { id: draft.id().clone(), draft, file, note });
    }

    /// Takes an older answer to the same people in the same thread off the desk, if nobody has touched it.
    ///
    /// What was left to a person is replaced only by what is left to a person: a question that nobody has
    /// answered must not vanish behind the answer to another one. Returns what the older drafts quoted, for
    /// the new one to quote.
    fn supersede(
        &mut self,
        wiring: &SourceWiring,
        message: &Message,
        recipients: &policy::Recipients,
        action: Action,
        by: &DraftId,
    ) -> Result<String> {
        let mut older = String::new();
        for (id, story) in self.session.stories(&self.desk, &self.snapshot)? {
            let Some(origin) = drafted(&story) else { continue };
            let waits = matches!(story.last().map(|entry| &entry.fact), Some(Fact::Drafted(_)));
            let same_thread = origin.thread == message.thread && origin.source == message.source;
            let same_people = origin.to == recipients.to && origin.cc == recipients.cc;
            let answered = origin.action != Action::Escalate || action == Action::Escalate;
            let on_desk = self.desk.on_desk(&id) == OnDesk::Draft(origin.blob);
            if !(waits && same_thread && same_people && answered && on_desk) {
                continue;
            }
            if !landing::is_untouched(&self.session.repository, &origin.path, origin.blob)? {
                continue;
            }
            let change = Change { path: origin.path.clone(), blob: origin.blob, bytes: None };
            let note = self.note(&id, &story, Fact::Superseded { by: by.to_string() });
            let mut row = self.made(wiring, &origin.message, Outcome::Superseded, &format!("by {by}"));
            row.id = Some(id.clone());
            self.rows.push(row);
            self.superseded.push((note, change));
            if let Some(Ok(draft)) = self.desk.find(&id).map(|file| &file.draft) {
                older.push_str(draft::quoted_part(&draft.context));
            }
        }
        Ok(older)
    }

    fn ignore(&mut self, wiring: &SourceWiring, candidate: Candidate, reason: &str) {
        let Candidate { id, message } = candidate;
        let ignored = Ignored {
            message: message.id.clone(),
            digest: message.digest(),
            reason: text::one_line(reason, 160),
        };
        self.ignored.push(self.note(&id, &[], Fact::Ignored(ignored)));
        self.row_of(wiring, &message, Outcome::Ignored, reason);
    }

    fn note(&self, id: &DraftId, story: &[Entry], fact: Fact) -> Note {
        Note::new(id, story, Entry { at: self.context.now(), host: self.context.host(), generation: 1, fact })
    }

    fn made(&self, wiring: &SourceWiring, message: &str, outcome: Outcome, reason: &str) -> Row {
        Row {
            source: wiring.name.clone(),
            message: message.to_owned(),
            outcome,
            id: None,
            tier: None,
            confidence: None,
            from: String::new(),
            subject: String::new(),
            to: Vec::new(),
            findings: Vec::new(),
            reason: text::one_line(reason, 200),
        }
    }

    fn row(&mut self, wiring: &SourceWiring, message: &str, outcome: Outcome, reason: &str) {
        let row = self.made(wiring, message, outcome, reason);
        self.rows.push(row);
    }

    fn row_of(&mut self, wiring: &SourceWiring, message: &Message, outcome: Outcome, reason: &str) {
        let mut row = self.made(wiring, &message.id, outcome, reason);
        row.from = message.from.shown().to_owned();
        row.subject.clone_from(&message.subject);
        self.rows.push(row);
    }

    /// Writes everything: the ledger first, then the desk, with one flush for both.
    ///
    /// The ledger goes first so that a draft on the desk is always remembered: where from, for whom, by
    /// which policy. A draft that is remembered and not on the desk is landed by the next run.
    fn land(&mut self) -> Result<Option<Landed>> {
        let mut notes: Vec<Note> = self.drafts.iter().map(|new| new.note.clone()).collect();
        notes.extend(self.ignored.iter().cloned());
        let cleared: Vec<Note> = self.superseded.iter().map(|(note, _)| note.clone()).collect();
        if notes.is_empty() {
            return Ok(None);
        }
        let now = self.context.now();
        let repository = &self.session.repository;
        let ledger_subject = match (self.drafts.len(), self.ignored.len()) {
            (drafts, 0) => format!("drafted: {}", counted(drafts, "draft")),
            (0, ignored) => format!("ignored: {}", counted(ignored, "message")),
            (drafts, ignored) => {
                format!("drafted: {}; ignored: {}", counted(drafts, "draft"), counted(ignored, "message"))
            }
        };
        let mut changes: Vec<Change> = self
            .drafts
            .iter()
            .map(|new| Change {
                path: format!("{DRAFTS}/{}", new.draft.file_name()),
                blob: blob_id(&new.file),
                bytes: Some(new.file.clone()),
            })
            .collect();
        changes.extend(self.superseded.iter().map(|(_, change)| change.clone()));
        let message = self.commit_message();

        let hold = judgement::window(self.session, now);
        let bundle = Bundle {
            notes: &notes,
            cleared: &cleared,
            subject: &ledger_subject,
            changes: &changes,
            message: &message,
            hold: hold.as_ref(),
        };
        Ok(settle::note_and_land(repository, self.ledger, &bundle, &self.policy_bytes, now)?)
    }

    /// Writes the desk's commit message: fixed words and trailers, and no text of any message.
    fn commit_message(&self) -> String {
        let mut message = match &self.drafts[..] {
            [only] => format!("draft: {} {}\n", only.id, only.draft.machine.action),
            several => subject("draft", several.iter().map(|new| &new.id)),
        };
        if self.drafts.is_empty() {
            message = subject("superseded", self.superseded.iter().map(|(note, _)| &note.id));
        }
        message.push('\n');
        for new in &self.drafts {
            let machine = &new.draft.machine;
            let brain = match &new.note.entry.fact {
                Fact::Drafted(drafted) => drafted.brain.clone(),
                _ => String::new(),
            };
            message.push_str(&format!(
                "Draft-Id: {}\nSource: {}\nBrain: {brain}\nConfidence: {}\nTier: {}\n",
                machine.id, machine.source, machine.confidence, machine.tier
            ));
        }
        message
    }

    fn print(&self, landed: Option<&Landed>) {
        let table = Table {
            context: self.context,
            session: self.session,
            rows: &self.rows,
            drafts: self.drafts.len(),
            dry_run: self.options.dry_run,
        };
        if self.options.json {
            table.print_json();
        } else if self.options.porcelain {
            table.print_porcelain();
        } else {
            table.print(landed);
        }
    }

    /// Tells the desktop and the hub that there is something new: counts, and no text of any message.
    async fn tell_others(&self) {
        if self.drafts.is_empty() {
            return;
        }
        let now = self.context.now();
        let Ok(items) = super::overview::items_now(self.context, self.session) else { return };
        let mut by_tier: BTreeMap<Tier, usize> = BTreeMap::new();
        for item in items.iter().filter(|item| item.needs_you()) {
            let tier = item.draft.as_ref().map_or(Tier::High, |draft| draft.machine.tier);
            *by_tier.entry(tier).or_default() += 1;
        }
        let needs_you = self
            .rows
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::NeedsYou | Outcome::Refused | Outcome::Unreadable))
            .count();
        if self.session.wiring.notify.enabled {
            let digest = notify::Digest {
                waiting_by_tier: by_tier.into_iter().collect(),
                new: self.drafts.len(),
                needs_you,
                oldest_seconds: items
                    .iter()
                    .filter_map(|item| item.age(now))
                    .map(|age| u64::try_from(age.as_secs()).unwrap_or(0))
                    .max(),
            };
            notify::notify(&digest, &self.session.state).await;
        }
        for hub in &self.hubs {
            let Source::Hub(hub) = hub else { continue };
            let ids: Vec<&str> = self.drafts.iter().map(|new| new.id.as_str()).collect();
            let key = format!("tick.{}", &crate::message::sha256_hex(ids.join(" ").as_bytes())[..16]);
            let summary = format!(
                "{} wait for a person, {} need one to answer",
                counted(self.drafts.len() - needs_you, "draft"),
                needs_you
            );
            let details = json!({ "drafts": self.drafts.len(), "needs_you": needs_you });
            if let Err(error) = hub.progress(&key, "drafts_ready", &summary, details).await {
                tracing::warn!(%error, "the hub took no progress note");
            }
        }
    }
}

/// Replaces what looks like a secret, before anything else sees the message.
pub fn take_out_secrets(message: &mut Message) {
    let known = Known::default();
    let mut kinds = BTreeSet::new();
    for text in [&mut message.body, &mut message.subject] {
        let (clean, found) = secret::redact(text, &known);
        *text = clean;
        kinds.extend(found);
    }
    message.findings.extend(kinds.into_iter().map(|kind| format!("a secret was taken out ({kind})")));
}

/// Takes the lock of the tick; none where another one holds it.
fn lock(repository: &Repository) -> Result<Option<File>> {
    super::send::try_lock(repository, "tick.lock")
}

/// Names the file of a source's window; the source's name is the operator's, and may be any key of TOML.
fn window_file(source: &str) -> String {
    format!("window-{}", &crate::message::sha256_hex(source.as_bytes())[..16])
}

/// Notes when the last tick ran, for `status`.
fn note_run(session: &Session, now: Timestamp) {
    let path = session.state.join("last-tick");
    if let Err(error) = fs::write(&path, format!("{now}\n")) {
        tracing::warn!(%error, "the time of this tick could not be noted");
    }
}

/// Returns when the last tick ran, as far as that is known.
pub fn last_run(session: &Session) -> Option<Timestamp> {
    fs::read_to_string(session.state.join("last-tick")).ok()?.trim().parse().ok()
}
