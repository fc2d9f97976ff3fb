//! Takes in new messages and puts drafts on the desk.
//!
//! It has no code path that sends an answer, and loads the credentials of sources and brains only.
//! What it does is a function of what is new: the same messages give the same drafts. With nothing new
//! it prints nothing and commits nothing, unless the time of a draft is over or a person is to be
//! reminded.

mod account;
pub mod ask;
mod clearing;
mod content;
mod fetch;
pub mod guarding;
mod identity;
mod offer;
mod remembered;
mod table;
mod telling;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;

use self::account::Account;
use self::ask::{Answer, Brains, Open};
use self::fetch::Given;
use self::table::{Made, Outcome, Row, Table};
use self::telling::Due;
use super::health;
use super::judgement;
use super::pause;
use super::record::{self, Begun};
use super::schedule;
use super::secrets::{self, Make};
use super::settle::{self, Bundle, subject};
use super::shadow;
use super::{Context, Exit, Result, Session};
use crate::automatic;
use crate::brain::{Exchange, Planned};
use crate::config::SourceWiring;
use crate::connector::{ConnectorError, Source};
use crate::content::{likeness, links};
use crate::desk::Desk;
use crate::draft::{self, Draft, Machine, Status};
use crate::entry::{Drafted, Entry, Fact, Ignored};
use crate::error::Hint;
use crate::escalation;
use crate::evidence::{Ending, Part};
use crate::git::DRAFTS;
use crate::git::landing::{Change, Landed};
use crate::git::lock::OwnLock;
use crate::git::objects::blob_id;
use crate::guard::Secrets;
use crate::guard::inbound::Identity;
use crate::id::DraftId;
use crate::ledger::{Ledger, Note, Snapshot};
use crate::message::{Fetched, Message, Unreadable};
use crate::plan::{Action, Confidence, Tier};
use crate::policy::{self, Context as Keep, Finding, Policy, Verdict};
use crate::render::reply_subject;
use crate::text;
use crate::ui::counted;

/// The most bytes of each message that stand below a draft.
const CONTEXT_BYTES_MAX: usize = 64 * 1024;

/// The most messages of a thread that stand below a draft.
const CONTEXT_MESSAGES_MAX: usize = 8;

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
    /// Somebody else asks the shadows, when nobody waits.
    pub shadow_later: bool,
    /// Tell once, and not at every tick, what is away.
    pub quiet: bool,
    /// The process of the run that this is a part of, which wants to read what was done.
    pub part_of: Option<u32>,
}

/// A draft that is to be put on the desk.
struct New {
    id: DraftId,
    draft: Draft,
    file: Vec<u8>,
    note: Note,
    /// The earlier messages of the thread that it answers, too.
    answers_too: Vec<DraftId>,
}

/// Who made a draft.
struct Maker {
    /// The brain, with its route.
    brain: String,
    /// What a model was asked and said.
    exchange: Option<Exchange>,
}

/// A message that no draft knows yet.
struct Candidate {
    id: DraftId,
    message: Message,
    identity: Identity,
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let begun = Begun::new(context, "tick", record::trigger(None));
    let mut part = Part::default();
    let ended = tick(context, &session, options, &mut part).await;
    if !options.dry_run {
        begun.ended(&session, part, &ended, options.part_of);
    }
    ended
}

async fn tick(context: &Context, session: &Session, options: &Options, part: &mut Part) -> Result<Exit> {
    let now = context.now();
    for warning in &session.wiring.warnings {
        context.ui.warn(warning);
    }
    // A new user's first tick; whoever only sends from here has no terminal when the timer calls.
    if session.wiring.sources.is_empty() && context.ui.is_terminal() {
        context.ui.say("the wiring names no source, so there is nothing to take in");
        context.ui.hint(&format!("add a [source.NAME] to {}", context.shown(&session.wiring_path)));
    }
    let Some(ticking) = session.repository.try_lock(OwnLock::Tick)? else {
        part.ending = Ending::Busy;
        context.ui.say("another tick is under way");
        return Ok(Exit::Done);
    };
    if let Some(paused) = pause::paused(session, now) {
        part.ending = Ending::Paused;
        context.ui.say(paused.sentence());
        context.ui.hint(paused.way_out);
        return Ok(Exit::Done);
    }
    let ledger = session.ledger()?;
    let mut rejected = Vec::new();
    if !options.dry_run {
        let settled = settle::settle(context, session, &ledger)?;
        settled.healed.iter().for_each(|line| tracing::info!("{line}"));
        rejected = settled.rejected;
    }
    let mut tick = Tick::new(context, session, &ledger, options)?;
    let mut failed = false;
    let given = tick.fetch_all().await;
    for (wiring, given) in session.wiring.sources.iter().zip(given) {
        failed |= tick.take_in(wiring, given).await?;
    }
    tick.brains.close();
    tick.leave_what_became_known()?;
    tick.clear_left_over()?;
    tick.clear_superseded()?;
    tick.clear_expired(now)?;
    let landed = if options.dry_run { None } else { tick.land()? };
    let due = if options.dry_run { Vec::new() } else { tick.due(now)? };
    tick.print(landed.as_ref(), &due);
    if options.dry_run {
        if tick.account.is_clean() {
            schedule::note_dry_run(session, now);
        }
    } else {
        tick.log();
        tick.tell_others(&due).await;
        tick.tell_ends(&rejected).await;
        tick.note_windows(now);
        tick.brains.note_waiting();
        note_run(session, now);
        tick.note_questions(now);
        *part = tick.account.close(&tick.rows);
        drop(ticking);
        if !options.shadow_later {
            shadow::ask(context, session).await;
        }
    }
    if failed { Ok(Exit::NeedsYou) } else { Ok(Exit::Done) }
}

struct Tick<'s> {
    context: &'s Context,
    session: &'s Session,
    ledger: &'s Ledger<'s>,
    options: &'s Options,
    /// When this tick began, and when all that it notes was noted: what it took in together was known
    /// together.
    now: Timestamp,
    desk: Desk,
    snapshot: Snapshot<'s>,
    /// What is known of every draft that is not finished or stands on the desk, as this tick found it.
    stories: Vec<(DraftId, Vec<Entry>)>,
    /// Where those of them stand that wait as they were landed.
    threads: clearing::Threads,
    /// Whom the operator knows, once a sender is compared with them.
    acquainted: OnceCell<likeness::Known>,
    /// The links that an answer may have whatever it answers, once there is one.
    own_links: OnceCell<links::Known>,
    policy: Policy,
    policy_bytes: Vec<u8>,
    brains: Brains<'s>,
    secrets: Secrets,
    hubs: Vec<Source>,
    taken: BTreeMap<DraftId, Identity>,
    budget: usize,
    rows: Vec<Row>,
    drafts: Vec<New>,
    ignored: Vec<Note>,
    /// Drafts that leave the desk, because a later one answers for them or their time is over.
    cleared: Vec<(Note, Change)>,
    /// The sources of which nothing waits for the next tick.
    complete: Vec<String>,
    /// What sources want to be given back once all that they gave is taken in.
    bookmarks: BTreeMap<String, String>,
    account: Account,
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
        let snapshot = ledger.snapshot()?;
        let names: Vec<&str> = match &options.brain {
            Some(name) => vec![name],
            None => session.wiring.sources.iter().map(|source| source.brain.as_str()).collect(),
        };
        let make = if options.dry_run { Make::No } else { Make::Yes };
        let secrets = secrets::load(context, session, make)?;
        let stories = session.stories(&desk, &snapshot)?;
        Ok(Self {
            context,
            session,
            ledger,
            options,
            now: context.now(),
            threads: clearing::threads(&desk, &stories),
            stories,
            acquainted: OnceCell::new(),
            own_links: OnceCell::new(),
            snapshot,
            brains: Brains::load(context, session, &desk, names, &policy, &secrets)?,
            policy,
            policy_bytes,
            secrets,
            hubs: Vec::new(),
            taken: BTreeMap::new(),
            budget: options.messages_max.unwrap_or(session.wiring.limits.messages_per_tick_max),
            rows: Vec::new(),
            drafts: Vec::new(),
            ignored: Vec::new(),
            cleared: Vec::new(),
            complete: Vec::new(),
            bookmarks: BTreeMap::new(),
            account: Account::new(session, options.quiet),
            desk,
        })
    }

    /// Takes in one source; tells whether it failed in a way that does not pass by itself.
    async fn take_in(&mut self, wiring: &SourceWiring, given: Given) -> Result<bool> {
        let fetched = match given {
            Given::Read(source, fetched) => {
                self.remember_source(wiring, &source, fetched.is_ok());
                if fetched.is_ok() && matches!(*source, Source::Hub(_)) {
                    self.hubs.push(*source);
                }
                fetched
            }
            Given::None(error) => Err(error),
        };
        let fetched = self.without_credentials(fetched);
        if !self.options.dry_run {
            let fault = fetched.as_ref().err().map(ToString::to_string);
            let result = fault.as_deref().map_or(Ok(()), Err);
            health::note(&self.session.state, health::Role::Source, &wiring.name, result, self.now);
        }
        match fetched {
            Ok(fetched) => {
                if self.account.source(&wiring.name, fetched.len()) {
                    self.context.ui.say(format!("source `{}` is back", wiring.name));
                }
                let is_whole = !fetched.iter().any(|one| one.as_ref().is_err_and(Unreadable::leaves_out));
                self.sort_out(wiring, fetched).await?;
                let all = is_whole
                    && !self
                        .rows
                        .iter()
                        .any(|row| row.source == wiring.name && row.outcome == Outcome::Waits);
                if all && !self.options.dry_run {
                    self.complete.push(wiring.name.clone());
                }
                Ok(false)
            }
            Err(error) => {
                let away = matches!(error, ConnectorError::Away { .. });
                tracing::info!(source = wiring.name, %error, "the source could not be read");
                if self.account.source_fault(&wiring.name, &error) {
                    self.context.ui.warn(format!("source `{}` is skipped: {error}", wiring.name));
                    if let Some(hint) = error.hint() {
                        self.context.ui.hint(&hint);
                    }
                }
                Ok(!away)
            }
        }
    }

    /// Accounts for every message of a source: known, ignored, drafted, escalated, or said to wait.
    async fn sort_out(&mut self, wiring: &SourceWiring, fetched: Vec<Fetched>) -> Result<()> {
        let mut candidates = Vec::new();
        for (item, identity) in self.without_secrets(wiring, fetched)? {
            let id = self.identify(&identity)?;
            match (item, id) {
                (Ok(message), Some(id)) => candidates.push(Candidate { id, message, identity }),
                (Ok(message), None) => {
                    self.row(wiring, &message.id, Outcome::Known, "has a draft or an answer already");
                }
                (Err(unreadable), Some(id)) if self.budget > 0 => {
                    self.budget -= 1;
                    let what = text::one_line(&unreadable.what, 200);
                    self.escalate_unreadable(wiring, id, &unreadable.id, &what)?;
                }
                (Err(unreadable), Some(_)) => {
                    self.row(wiring, &unreadable.id, Outcome::Waits, "for the next tick");
                }
                (Err(unreadable), None) => {
                    self.row(wiring, &unreadable.id, Outcome::Known, "is noted already");
                }
            }
        }
        // By thread, sender and those who get the answer: nobody's message may hide behind somebody
        // else's, or stand in a prompt whose answer goes elsewhere.
        let mut threads: Vec<Vec<Candidate>> = Vec::new();
        let mut positions: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for candidate in candidates {
            let Message { thread, from, .. } = &candidate.message;
            let answered = policy::recipients(&self.policy, &candidate.message, &wiring.address);
            let answered = format!("{answered:?}").to_lowercase();
            let key = (thread.clone(), from.email.to_lowercase(), answered);
            let position = *positions.entry(key).or_insert_with(|| {
                threads.push(Vec::new());
                threads.len() - 1
            });
            threads[position].push(candidate);
        }
        let open: Vec<Vec<Open<'_>>> = threads
            .iter()
            .map(|thread| {
                let open =
                    thread.iter().filter(|one| automatic::reason(&one.message, &wiring.address).is_none());
                open.map(|one| Open { id: &one.id, message: &one.message }).collect()
            })
            .collect();
        let brain = self.options.brain.as_ref().unwrap_or(&wiring.brain);
        let mut answers = self.brains.ask(brain, &open, self.budget, &self.secrets).await;
        for (away, what) in self.brains.take_stand_ins() {
            let what = self.context.credentials.clean(&what);
            if self.account.brain_fault(&away, &what) {
                self.context.ui.warn(what);
            }
        }
        self.remember(&[])?;
        self.budget -= answers.len().min(self.budget);
        for thread in threads {
            self.take_thread(wiring, thread, &mut answers)?;
        }
        Ok(())
    }

    /// Takes the new messages of one thread, oldest first: the last one that wants an answer gets it.
    fn take_thread(
        &mut self,
        wiring: &SourceWiring,
        thread: Vec<Candidate>,
        answers: &mut BTreeMap<DraftId, Answer>,
    ) -> Result<()> {
        let mut open: Vec<Candidate> = Vec::new();
        for candidate in thread {
            match automatic::reason(&candidate.message, &wiring.address) {
                Some(reason) => self.ignore(wiring, candidate, &reason.to_string()),
                None => open.push(candidate),
            }
        }
        let Some(last) = open.pop() else { return Ok(()) };
        let planned = match answers.remove(&last.id) {
            Some(Answer::Planned(planned)) => *planned,
            answer @ (Some(Answer::Away(_)) | None) => {
                let (why, is_news) = match answer {
                    Some(Answer::Away(why)) => {
                        let why = text::one_line(&why, 200);
                        let brain = self.options.brain.as_ref().unwrap_or(&wiring.brain);
                        let is_news = self.account.brain_fault(brain, &why);
                        (why, is_news)
                    }
                    Some(Answer::Planned(_)) | None => ("for the next tick".to_owned(), true),
                };
                for waiting in open.iter().chain([&last]) {
                    self.row_of(wiring, &waiting.message, Outcome::Waits, &why);
                    self.rows.last_mut().expect("it was just added").is_news = is_news;
                }
                return Ok(());
            }
        };
        if planned.plan.action == Action::Ignore {
            let why = match &planned.exchange {
                // A model's words do not stand in a table.
                Some(_) => format!("brain `{}` wants no answer", planned.brain),
                None => text::one_line(&planned.plan.why, 100),
            };
            self.ignore(wiring, last, &why);
            // A last message that wants no answer says nothing about the earlier ones.
            return self.take_thread(wiring, open, answers);
        }
        let id = last.id.clone();
        let earlier: Vec<Message> = open.iter().map(|candidate| candidate.message.clone()).collect();
        self.judge(wiring, last, planned, &earlier)?;
        if let Some(new) = self.drafts.iter_mut().find(|new| new.id == id) {
            new.answers_too = open.iter().map(|candidate| candidate.id.clone()).collect();
        }
        for candidate in open {
            self.ignore(wiring, candidate, &format!("part of the thread that {id} answers"));
        }
        Ok(())
    }

    /// Judges a plan and makes a draft or an escalation of it.
    fn judge(
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
        let older = self.older_quotes(&message, &recipients, action)?;
        let mut messages: Vec<&Message> = earlier.iter().rev().take(CONTEXT_MESSAGES_MAX - 1).collect();
        messages.reverse();
        messages.push(&message);
        let needs_you = action == Action::Escalate;
        let context = match self.policy.context {
            Keep::Tracked => draft::context_after(&older, &messages, needs_you, CONTEXT_BYTES_MAX),
            Keep::None => draft::context(&[], needs_you, 0),
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
        self.add(&mut draft, &message, &identity, &policy::Recipients::default(), &maker);
        Ok(())
    }

    /// Adds a draft, without a secret that is left in it; tells whether there was one.
    fn add(
        &mut self,
        draft: &mut Draft,
        message: &Message,
        identity: &Identity,
        recipients: &policy::Recipients,
        maker: &Maker,
    ) -> bool {
        let was_mended = self.without_what_is_left(draft, message);
        let file = draft.render().into_bytes();
        let path = format!("{DRAFTS}/{}", draft.file_name());
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
            path,
            blob: blob_id(&file),
            policy: blob_id(&self.policy_bytes),
            desk: self.desk.tip,
            brain: maker.brain.clone(),
            confidence: Some(draft.machine.confidence),
            prompt: maker.exchange.as_ref().map(|exchange| exchange.prompt_digest.clone()),
            reply: maker.exchange.as_ref().and_then(|exchange| exchange.reply_digest.clone()),
        }));
        let mut note = self.note(draft.id(), &[], fact);
        note.files.push(("md", file.clone()));
        // A prompt holds the message, which may not stay here where the policy says so.
        if let (Some(exchange), Keep::Tracked, false) = (&maker.exchange, self.policy.context, was_mended) {
            note.files.push(("prompt", exchange.prompt.text().into_bytes()));
        }
        let (id, draft) = (draft.id().clone(), draft.clone());
        self.drafts.push(New { id, draft, file, note, answers_too: Vec::new() });
        was_mended
    }

    fn ignore(&mut self, wiring: &SourceWiring, candidate: Candidate, reason: &str) {
        let Candidate { id, message, identity } = candidate;
        let ignored = Ignored {
            message: message.id.clone(),
            digest: identity.digest,
            fetched: identity.fetched,
            reason: text::one_line(reason, 160),
        };
        self.ignored.push(self.note(&id, &[], Fact::Ignored(ignored)));
        self.row_of(wiring, &message, Outcome::Ignored, reason);
    }

    fn note(&self, id: &DraftId, story: &[Entry], fact: Fact) -> Note {
        Note::new(id, story, Entry { at: self.now, host: self.context.host(), generation: 1, fact })
    }

    fn row(&mut self, wiring: &SourceWiring, message: &str, outcome: Outcome, reason: &str) {
        let row = Row::new(&wiring.name, message, outcome, reason);
        self.rows.push(row);
    }

    fn row_of(&mut self, wiring: &SourceWiring, message: &Message, outcome: Outcome, reason: &str) {
        let mut row = Row::new(&wiring.name, &message.id, outcome, reason);
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
        let mut changes: Vec<Change> = self
            .drafts
            .iter()
            .map(|new| Change {
                path: format!("{DRAFTS}/{}", new.draft.file_name()),
                blob: blob_id(&new.file),
                bytes: Some(new.file.clone()),
            })
            .collect();
        changes.extend(self.cleared.iter().map(|(_, change)| change.clone()));
        let message = self.commit_message();

        let hold = judgement::window(repository, now);
        let bundle = Bundle {
            notes: &notes,
            cleared: &cleared,
            subject: &ledger_subject,
            changes: &changes,
            message: &message,
            hold: hold.as_ref(),
        };
        let landed = settle::note_and_land(repository, self.ledger, &bundle, &self.policy_bytes, now)?;
        if !matches!(landed, Some(Landed::Done { .. })) {
            // The desk was not to be changed now: the next tick finds the same.
            self.rows.retain(|row| !matches!(row.outcome, Outcome::Superseded | Outcome::Expired));
        }
        Ok(landed)
    }

    /// Writes the desk's commit message: fixed words and trailers, and no text of any message.
    fn commit_message(&self) -> String {
        let mut message = match &self.drafts[..] {
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
            for (word, digest) in [("Prompt", &drafted.prompt), ("Reply", &drafted.reply)] {
                if let Some(digest) = digest {
                    message.push_str(&format!("{word}: {digest}\n"));
                }
            }
        }
        message
    }

    fn print(&self, landed: Option<&Landed>, due: &[Due]) {
        let table = Table {
            context: self.context,
            session: self.session,
            rows: &self.rows,
            drafts: self.drafts.len(),
            dry_run: self.options.dry_run,
            due,
        };
        if self.options.json {
            table.print_json();
        } else if self.options.porcelain {
            table.print_porcelain();
        } else {
            table.print(landed);
        }
    }
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
