//! Takes in new messages and puts drafts on the desk.
//!
//! It has no code path that sends an answer, and loads the credentials of sources and brains only.
//! What it does is a function of what is new: the same messages give the same drafts. With nothing new
//! it prints nothing and commits nothing, unless the time of a draft is over or a person is to be
//! reminded.

mod account;
pub mod again;
pub mod ask;
mod clearing;
mod content;
mod fetch;
pub mod guarding;
mod identity;
mod judging;
mod offer;
mod remembered;
mod table;
mod telling;
mod writing;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;

use jiff::Timestamp;

use self::account::Account;
use self::again::Again;
use self::ask::{Answer, Brains, Open};
use self::fetch::Given;
use self::table::{Outcome, Row, Table};
use self::telling::Due;
use super::health;
use super::pause;
use super::record::{self, Begun};
use super::schedule;
use super::secrets::{self, Make};
use super::settle;
use super::shadow;
use super::{Context, Exit, Result, Session};
use crate::automatic;
use crate::brain::Exchange;
use crate::config::SourceWiring;
use crate::connector::{ConnectorError, Source};
use crate::content::{likeness, links};
use crate::desk::Desk;
use crate::draft::Draft;
use crate::entry::{Entry, Fact, Ignored};
use crate::error::Hint;
use crate::evidence::{Ending, Part};
use crate::git::landing::{Change, Landed};
use crate::git::lock::OwnLock;
use crate::git::objects::blob_id;
use crate::guard::Secrets;
use crate::guard::inbound::Identity;
use crate::id::DraftId;
use crate::ledger::{Ledger, Note, Snapshot};
use crate::message::{Fetched, Message, Unreadable};
use crate::plan::Action;
use crate::policy::{self, Policy};
use crate::text;

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
    /// Where it is put.
    path: String,
    file: Vec<u8>,
    note: Note,
    /// The earlier messages of the thread that it answers, too.
    answers_too: Vec<DraftId>,
}

impl New {
    /// Returns the change that puts it on the desk.
    fn change(&self) -> Change {
        Change { path: self.path.clone(), blob: blob_id(&self.file), bytes: Some(self.file.clone()) }
    }
}

/// Who made a draft.
struct Maker {
    /// The brain, with its route.
    brain: String,
    /// What a model was asked and said.
    exchange: Option<Exchange>,
}

/// A thread, the sender, and those who get the answer.
type Group = (String, String, String);

/// A message that no draft knows yet, or one that is asked about again.
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
    // Whoever only sends from here is not told of it when the timer calls.
    let is_watched = context.ui.is_terminal() || !options.quiet;
    if session.wiring.sources.is_empty() && is_watched {
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
    let mut settled = settle::Settled::default();
    if !options.dry_run {
        settled = settle::settle(context, session, &ledger)?;
        settled.healed.iter().for_each(|line| tracing::info!("{line}"));
    }
    let desk = settled.take_desk(&session.repository)?;
    let mut tick = Tick::new(context, session, &ledger, options, desk)?;
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
        tick.tell_ends(&settled.rejected).await;
        tick.note_windows(now);
        tick.brains.note_waiting();
        note_run(session, now);
        tick.note_questions(now);
        tick.account.note_brains(context, session);
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
    policy: Rc<Policy>,
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
    /// The draft that is asked about again, where one is; otherwise messages are new.
    again: Option<Again>,
}

impl<'s> Tick<'s> {
    fn new(
        context: &'s Context,
        session: &'s Session,
        ledger: &'s Ledger<'s>,
        options: &'s Options,
        desk: Desk,
    ) -> Result<Self> {
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
            again: None,
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
        let mut threads: Vec<Vec<Candidate>> = Vec::new();
        let mut positions: BTreeMap<Group, usize> = BTreeMap::new();
        for candidate in candidates {
            let position = *positions.entry(self.group(wiring, &candidate.message)).or_insert_with(|| {
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

    /// Returns what one answer may be for: a thread, its sender, and those who get the answer. Nobody's
    /// message may hide behind somebody else's, or stand in a prompt whose answer goes elsewhere.
    fn group(&self, wiring: &SourceWiring, message: &Message) -> Group {
        let answered = policy::recipients(&self.policy, message, &wiring.address);
        let answered = format!("{answered:?}").to_lowercase();
        (message.thread.clone(), message.from.email.to_lowercase(), answered)
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
            Some(Answer::Planned(planned)) => {
                if planned.exchange.is_some() {
                    self.account.brain(&planned.brain);
                }
                *planned
            }
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
            self.ignore(wiring, candidate, &part_of(&id));
        }
        Ok(())
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

/// Says why an earlier message of a thread has no draft of its own.
fn part_of(id: &DraftId) -> String {
    format!("part of the thread that {id} answers")
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
