//! Sends what is approved: looks at every draft, takes the next step of the state table, and looks
//! again until nothing is left to do.
//!
//! The order is the promise: flush, claim, recheck the thread, prepare, re-read `main` last of all,
//! note `sending`, transmit, note the outcome. It never talks to a brain, never reads the worktree,
//! and never takes "could not read" for "is not there". The caller holds the sender's lock.

mod clear;
mod event;
mod lists;
mod reads;
mod transmit;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use jiff::{SignedDuration, Timestamp};

use super::errands::rendered;
use super::judgement::{self, Case, Stop};
use super::leaving;
use super::limit::{self, Left};
use super::links::OwnWords;
use super::pause::{self, Paused};
use super::settle::{self, entry_after, subject};
use super::wire::{Connectors, Tail};
use super::{Context, Result, Session, strays};
use crate::connector::ConnectorError;
use crate::delivery::{Facts, OnDesk, Step, Waiting, busy_until, newer, next, waits_for};
use crate::desk::Desk;
use crate::entry::{Claimed, Drafted, Entry, Fact, claim, drafted};
use crate::errand::Errand;
use crate::error::Hint;
use crate::git::MAIN;
use crate::git::landing::Change;
use crate::guard::Secrets;
use crate::guard::inbound::without_secrets;
use crate::id::{DraftId, ObjectId};
use crate::ledger::{Ledger, Note};
use crate::message::{Message, sha256_hex};
use crate::outgoing::{Capabilities, Key, Outcome, Outgoing};
use crate::text;

pub use self::event::{Event, What};
use self::lists::Answer;

/// The most rounds of one pass: each round takes every draft one step further.
const ROUNDS_MAX: usize = 12;

/// How many drafts begin to be sent by one ledger entry, where the receiver dedupes.
const CHUNK: usize = 100;

/// How often a draft is transmitted in one pass, where that is safe: a lost answer is settled at once, and
/// a receiver that keeps losing them is left alone for a while.
const TRIES_MAX: usize = 2;

/// When a receiver that could not say what it has is asked again.
const TRY_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// When a send that the hourly limit holds back is looked at again.
const LIMIT_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// When a thread's tail that could not be read is read again.
const TAIL_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// What one pass did.
#[derive(Debug, Default)]
pub struct Pass {
    /// What happened, in this order.
    pub events: Vec<Event>,
    /// When there will be something to do again.
    pub next_at: Option<Timestamp>,
    /// What a crash had left, and is put right.
    pub healed: Vec<String>,
}

/// Takes every draft as far as it can go now.
pub async fn pass(
    context: &Context,
    session: &Session,
    connectors: &mut Connectors<'_>,
    lock: &File,
) -> Result<Pass> {
    let ledger = session.ledger()?;
    let mut settled = settle::settle(context, session, &ledger)?;
    let desk = settled.take_desk(&session.repository)?;
    let mut dispatcher = Dispatcher {
        desk,
        context,
        session,
        ledger,
        connectors,
        lock,
        pass: Pass::default(),
        told: BTreeSet::new(),
        tries: BTreeMap::new(),
    };
    dispatcher.pass.healed = settled.healed;
    for (id, reason) in settled.rejected {
        dispatcher.tell_rejected(&id, reason).await?;
    }
    for _ in 0..ROUNDS_MAX {
        dispatcher.pass.next_at = None;
        if !dispatcher.round().await? {
            break;
        }
    }
    dispatcher.mark_as_read().await?;
    dispatcher.connectors.close().await;
    Ok(dispatcher.pass)
}

struct Dispatcher<'s, 'c, 'w> {
    context: &'s Context,
    session: &'s Session,
    ledger: Ledger<'s>,
    connectors: &'c mut Connectors<'w>,
    lock: &'c File,
    pass: Pass,
    /// The desk as this round found it, for words only: what is sent is read again right before.
    desk: Desk,
    /// What was told in this pass already, so that a held draft is told once.
    told: BTreeSet<(DraftId, String)>,
    /// How often each draft was transmitted or asked for in this pass.
    tries: BTreeMap<DraftId, usize>,
}

/// Whether a claim still stands.
enum Stands {
    Yes,
    /// Why not.
    No(String),
    /// Something could not be read; what is to be told.
    Unknown(What),
}

/// What is known of an earlier attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Earlier {
    /// The receiver says that it did not arrive.
    NotThere,
    /// Nothing.
    Unknown,
}

/// A claimed draft on its way out.
struct Outbound {
    id: DraftId,
    story: Vec<Entry>,
    claimed: Claimed,
    origin: Drafted,
    outgoing: Outgoing,
    errand: Errand,
    /// Whether `sending` is noted already, by an attempt of which nobody knows how it ended.
    began: Option<Earlier>,
}

impl Dispatcher<'_, '_, '_> {
    /// Takes every draft one step further; tells whether anything moved.
    async fn round(&mut self) -> Result<bool> {
        // At one commit the desk is what it was.
        if self.session.repository.tip(MAIN)? != Some(self.desk.tip) {
            self.desk = Desk::read(&self.session.repository)?;
        }
        let desk = self.desk.clone();
        let snapshot = self.ledger.snapshot()?;
        let (policy, _) = self.session.policy(self.context, &desk)?;
        let stories = self.session.stories(&desk, &snapshot)?;
        // Counted once there is something to claim: it reads an hour of the ledger.
        let mut limit = None;
        let leaves = |(id, story): &&(DraftId, Vec<Entry>)| {
            next(desk.on_desk(id), story, &self.facts(story)).may_send()
        };
        let leaving: Vec<&Drafted> =
            stories.iter().filter(leaves).filter_map(|(_, story)| drafted(story)).collect();
        let secrets = leaving::known(self.context, self.session, self.connectors, &leaving).await?;
        let own = OwnWords::at(&self.session.repository, desk.tip);
        let (mut notes, mut claims, mut outbound, mut clear) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, story) in &stories {
            let on_desk = desk.on_desk(id);
            let case = |blob, waits| Case {
                context: self.context,
                session: self.session,
                secrets: &secrets,
                desk: &desk,
                snapshot: &snapshot,
                policy: &policy,
                own: &own,
                id,
                story,
                blob,
                waits,
            };
            let case_of = |story: &[Entry]| {
                case(claim(story).map_or(ObjectId::NONE, |(_, claimed)| claimed.blob), false)
            };
            match next(on_desk, story, &self.facts(story)) {
                Step::Done | Step::JudgeRemoval => {}
                Step::Wait(waiting) => self.tell_waiting(&desk, id, story, waiting),
                Step::Until(time) => self.waits(id, story, time),
                Step::Withdraw => {
                    let why = match on_desk {
                        OnDesk::Absent => "the draft was removed",
                        _ => "the approval was taken back or changed",
                    };
                    notes.push(self.withdrawn(id, story, why));
                }
                Step::NoteUnsure => {
                    let reason =
                        "it was being sent when the sender stopped, and the receiver cannot be asked";
                    notes.push(self.unsure(id, story, reason));
                }
                Step::Ask { .. } | Step::Resend
                    if self.tries.get(id).is_some_and(|tries| *tries >= TRIES_MAX) =>
                {
                    self.wait_until(self.context.now() + TRY_AGAIN);
                }
                Step::Ask { resend } => match self.ask(id, story, resend).await {
                    Answer::Arrived(receipt) => {
                        self.tell(id, story, What::Sent);
                        notes.push(self.note(id, story, Fact::Sent { receipt }));
                    }
                    Answer::Unknown(reason) => notes.push(self.unsure(id, story, &reason)),
                    Answer::NotThere if resend => {
                        let busy = story.last().and_then(|last| busy_until(last, self.context.now()));
                        let earlier = if busy.is_some() { Earlier::Unknown } else { Earlier::NotThere };
                        match (self.still_stands(&case_of(story)), busy) {
                            (Stands::Yes, _) => {
                                outbound.extend(self.outbound(id, story, Some(earlier), &secrets));
                            }
                            (Stands::No(why), Some(until)) => self.later(id, story, until, &why),
                            (Stands::No(why), None) => notes.extend(self.taken_back(id, story, &why).await),
                            (Stands::Unknown(what), _) => self.tell(id, story, what),
                        }
                    }
                    Answer::NotThere => {
                        notes.push(self.withdrawn(
                            id,
                            story,
                            "it had not gone out when the approval was taken back",
                        ));
                    }
                    Answer::Later(reason) => {
                        self.tries.insert(id.clone(), TRIES_MAX);
                        self.later(id, story, self.context.now() + TRY_AGAIN, &reason);
                    }
                },
                Step::Resend => match self.still_stands(&case_of(story)) {
                    Stands::Yes => {
                        outbound.extend(self.outbound(id, story, Some(Earlier::Unknown), &secrets))
                    }
                    Stands::No(why) => {
                        notes.push(self.unsure(id, story, &format!("it may have gone, and now: {why}")))
                    }
                    Stands::Unknown(what) => self.tell(id, story, what),
                },
                Step::Send { blob, .. } => match self.still_stands(&case(blob, false)) {
                    Stands::Yes => outbound.extend(self.outbound(id, story, None, &secrets)),
                    Stands::No(why) => notes.extend(self.taken_back(id, story, &why).await),
                    Stands::Unknown(what) => self.tell(id, story, what),
                },
                Step::Claim { blob, generation } => {
                    let left = match &mut limit {
                        Some(left) => left,
                        none => {
                            none.insert(Left::of(self.context, self.session, &snapshot, &policy, &stories)?)
                        }
                    };
                    claims.extend(self.claim_note(&case(blob, true), generation, left)?);
                }
                Step::Clear { blob } => {
                    if let Some(file) = desk.find(id) {
                        clear.push((id.clone(), Change { path: file.path.clone(), blob, bytes: None }));
                    }
                }
            }
        }
        if let Some(paused) = self.paused() {
            if let Some(until) = paused.until {
                self.wait_until(until);
            }
            for claim in std::mem::take(&mut claims) {
                let story = stories.iter().find(|(id, _)| *id == claim.id);
                self.tell(&claim.id, story.map_or(&[], |(_, story)| story), held_by(&paused));
            }
            for draft in std::mem::take(&mut outbound) {
                self.tell(&draft.id, &draft.story, held_by(&paused));
            }
        }
        let noted = subject("noted", notes.iter().map(|note| &note.id));
        let added = self.ledger.append(&notes, &noted, self.context.now())?;
        let mut moved = !added.is_empty();
        for (note, (id, story)) in
            notes.iter().filter_map(|note| Some((note, stories.iter().find(|(id, _)| *id == note.id)?)))
        {
            if let (Some(origin), true) = (drafted(story), added.contains(id)) {
                let key = Key::new(id, note.entry.generation, self.ledger.desk());
                self.connectors.after(origin, &key, &note.entry.fact, Some(&secrets)).await;
            }
        }
        moved |= self.append_claims(&claims)?;
        moved |= self.send_all(outbound, &secrets).await?;
        moved |= self.clear(clear)?;
        Ok(moved)
    }

    /// Notes claims; the flush of this append makes the operator's own fresh commit durable, too, before
    /// anything rests on it.
    fn append_claims(&self, claims: &[Note]) -> Result<bool> {
        let names = subject("claimed", claims.iter().map(|note| &note.id));
        let added = self.ledger.append(claims, &names, self.context.now())?;
        for note in claims.iter().filter(|note| added.contains(&note.id)) {
            if let Fact::Claimed(claimed) = &note.entry.fact {
                judgement::forget_first_sight(&self.session.repository, claimed);
            }
        }
        Ok(!added.is_empty())
    }

    /// Judges an approval and makes the note of its claim, or says what stands in the way.
    fn claim_note(&mut self, case: &Case<'_>, generation: u32, left: &mut Left) -> Result<Option<Note>> {
        let (id, story) = (case.id, case.story);
        let claimed = match judgement::judge(case) {
            Ok(_) if limit::per_hour(self.session, case.policy) == 0 => {
                let (why, hint) = (limit::NONE.to_owned(), Some(limit::NONE_HINT.to_owned()));
                self.tell(id, story, What::Held { why, hint });
                return Ok(None);
            }
            Ok(claimed) => match left.take() {
                None => claimed,
                Some(_) => {
                    self.later(id, story, self.context.now() + LIMIT_AGAIN, judgement::LIMIT);
                    return Ok(None);
                }
            },
            Err(Stop::Later { until, why, approval }) => {
                self.wait_until(until);
                self.tell(id, story, What::Later { until, why: why.to_owned(), approval: Some(approval) });
                return Ok(None);
            }
            Err(Stop::Held { why, hint } | Stop::Unread { why, hint }) => {
                self.tell(id, story, What::Held { why, hint });
                return Ok(None);
            }
        };
        let repository = &self.session.repository;
        let files = vec![("md", repository.read(case.blob)?), ("commit", repository.read(claimed.commit)?)];
        let entry = Entry {
            at: self.context.now(),
            host: self.context.host(),
            generation,
            fact: Fact::Claimed(claimed),
        };
        let mut note = Note::new(id, story, entry);
        note.files = files;
        Ok(Some(note))
    }

    /// Judges a claim again before it goes on: what was revoked or forbidden since is not sent.
    ///
    /// What could not be read leaves the claim as it is: it neither goes on nor is it taken back.
    fn still_stands(&self, case: &Case<'_>) -> Stands {
        let Some((_, claimed)) = claim(case.story) else {
            return Stands::No("the ledger has no claim of it".to_owned());
        };
        match judgement::judge(case) {
            Ok(now) if now.commit == claimed.commit && now.attachments == claimed.attachments => Stands::Yes,
            Ok(_) => Stands::No("another commit approves it now".to_owned()),
            Err(Stop::Held { why, .. }) => Stands::No(why),
            Err(Stop::Unread { why, hint }) => Stands::Unknown(What::Held { why, hint }),
            Err(Stop::Later { .. }) => Stands::Yes,
        }
    }

    /// Renders a claim from what the ledger keeps of it, and looks for secrets in the very bytes.
    fn outbound(
        &mut self,
        id: &DraftId,
        story: &[Entry],
        began: Option<Earlier>,
        secrets: &Secrets,
    ) -> Option<Outbound> {
        let ((entry, claimed), origin) = (claim(story)?, drafted(story)?);
        let from = self.connectors.our_address(&origin.source);
        let key = Key::new(id, entry.generation, self.ledger.desk());
        match rendered(&self.session.repository, key, from, story) {
            Ok(Some((outgoing, errand))) => {
                let looked =
                    leaving::check(self.context, self.session, secrets, id, &origin.source, &outgoing);
                if let Err(Stop::Held { why, hint } | Stop::Unread { why, hint }) = looked {
                    self.tell(id, story, What::Held { why, hint });
                    return None;
                }
                let (claimed, origin, story) = (claimed.clone(), origin.clone(), story.to_vec());
                Some(Outbound { id: id.clone(), claimed, origin, outgoing, errand, began, story })
            }
            Ok(None) => None,
            // One draft's own trouble must not stop the others.
            Err(error) => {
                self.tell(id, story, What::Held { why: error.to_string(), hint: error.hint() });
                None
            }
        }
    }

    async fn send_all(&mut self, outbound: Vec<Outbound>, secrets: &Secrets) -> Result<bool> {
        let (moved, count) = (!outbound.is_empty(), outbound.len());
        let mut by_transport: BTreeMap<String, Vec<Outbound>> = BTreeMap::new();
        for draft in outbound {
            by_transport.entry(draft.claimed.transport.clone()).or_default().push(draft);
        }
        for (transport, drafts) in by_transport {
            let dedupes = self.connectors.capabilities(&transport).dedupes;
            // One crash must not make a hundred drafts unsure: batches are for receivers that dedupe.
            let size = if dedupes { CHUNK } else { 1 };
            let mut rest = drafts.into_iter().peekable();
            while rest.peek().is_some() {
                let chunk: Vec<Outbound> = rest.by_ref().take(size).collect();
                // Nothing is lost if this sender dies while it waits for the desk: the receiver can be asked.
                let clears = dedupes && chunk.len() == count;
                self.send_chunk(&transport, chunk, clears, secrets).await?;
            }
        }
        Ok(moved)
    }

    /// Rechecks, prepares, re-reads `main`, notes `sending`, transmits and notes what came of it; `clears`
    /// says that what was sent leaves the desk with the same flush, and not in the next round.
    async fn send_chunk(
        &mut self,
        transport: &str,
        chunk: Vec<Outbound>,
        clears: bool,
        secrets: &Secrets,
    ) -> Result<()> {
        if self.connectors.rehearses(transport) {
            return self.rehearse(chunk);
        }
        let ready = self.prepared(transport, chunk, secrets).await?;
        let ready = self.flushed(transport, ready).await?;
        // Each attempt is noted: how long the receiver may be busy counts from the last one.
        let begins: Vec<Note> =
            ready.iter().map(|draft| self.note(&draft.id, &draft.story, Fact::Sending)).collect();
        let names = subject("sending", begins.iter().map(|note| &note.id));
        // Last of all: is `main` still what these were judged on? If not, the next round judges them again.
        if self.session.repository.tip(MAIN)? != Some(self.desk.tip) || self.paused().is_some() {
            return Ok(());
        }
        let begun = self.ledger.append(&begins, &names, self.context.now())?;
        let drafts = ready.iter().filter(|draft| begun.contains(&draft.id)).collect();
        let transmitted = self.transmit(transport, drafts).await;
        let flushed = self.connectors.flush(transport, self.session.repository.git_dir()).await;
        let mut outcomes = Vec::new();
        for (draft, outcome) in transmitted {
            self.note_health(transport, &outcome);
            let outcome = match (&flushed, outcome) {
                (Err(reason), Outcome::Delivered { .. }) => Outcome::Unsure { reason: reason.clone() },
                (_, outcome) => outcome,
            };
            // The story has grown by `sending`.
            let after = draft.story.len() + 1;
            if let Some(fact) = self.told(transport, draft, outcome) {
                outcomes.push((draft, Note { after, ..self.note(&draft.id, &draft.story, fact) }));
            }
        }
        let notes: Vec<Note> = outcomes.iter().map(|(_, note)| note.clone()).collect();
        let names = match &notes[..] {
            [only] => subject(only.entry.fact.kind(), [&only.id]),
            several => subject("sent", several.iter().map(|note| &note.id)),
        };
        if clears {
            self.note_and_clear(&outcomes, &names)?;
        } else {
            self.ledger.append(&notes, &names, self.context.now())?;
        }
        let told = outcomes.iter().map(|(draft, note)| {
            (&draft.origin, &draft.outgoing.key, &note.entry.fact, Some(&draft.outgoing))
        });
        self.connectors.after_all(told.collect(), Some(secrets)).await;
        Ok(())
    }

    /// Returns the drafts of a chunk whose threads have not moved on and whose transport is ready.
    async fn prepared(
        &mut self,
        transport: &str,
        chunk: Vec<Outbound>,
        secrets: &Secrets,
    ) -> Result<Vec<Outbound>> {
        let (mut notes, mut stopped) = (Vec::new(), Vec::new());
        let mut ready = Vec::new();
        // What began to go out is not prepared again: a file that a receiver has taken must not come back.
        let (began, fresh): (Vec<_>, Vec<_>) = chunk.into_iter().partition(|draft| draft.began.is_some());
        ready.extend(began);
        let drafted_at =
            |draft: &Outbound| draft.story.first().map_or(draft.outgoing.date.timestamp(), |entry| entry.at);
        let origins: Vec<_> = fresh.iter().map(|draft| (&draft.origin, drafted_at(draft))).collect();
        let tails = self.connectors.thread_tails(&origins, self.context.now()).await;
        for (draft, tail) in fresh.into_iter().zip(tails) {
            match self.checked(transport, &draft, tail, secrets).await {
                Checked::Ready => ready.push(draft),
                Checked::Stop(fact, what) => {
                    notes.push(self.note(&draft.id, &draft.story, *fact));
                    self.tell(&draft.id, &draft.story, what);
                    stopped.push(draft);
                }
            }
        }
        let names = subject("noted", notes.iter().map(|note| &note.id));
        let added = self.ledger.append(&notes, &names, self.context.now())?;
        let noted = stopped.iter().zip(&notes).filter(|(draft, _)| added.contains(&draft.id));
        let told = noted.map(|(draft, note)| (&draft.origin, &draft.outgoing.key, &note.entry.fact, None));
        self.connectors.after_all(told.collect(), Some(secrets)).await;
        Ok(ready)
    }

    /// Makes what was prepared durable, where `sending` does not; what cannot be is left for later.
    async fn flushed(&mut self, transport: &str, ready: Vec<Outbound>) -> Result<Vec<Outbound>> {
        let flushed = self.connectors.flush(transport, self.session.repository.git_dir()).await;
        let Err(reason) = flushed else { return Ok(ready) };
        let until = self.context.now() + TAIL_AGAIN;
        let (began, fresh): (Vec<_>, Vec<_>) = ready.into_iter().partition(|draft| draft.began.is_some());
        let mut notes = Vec::new();
        for draft in &fresh {
            self.later(&draft.id, &draft.story, until, &reason);
            notes.push(self.note(&draft.id, &draft.story, Fact::Deferred { until, reason: reason.clone() }));
        }
        let names = subject("noted", notes.iter().map(|note| &note.id));
        self.ledger.append(&notes, &names, self.context.now())?;
        Ok(began)
    }

    /// Says what is to be noted of an outcome; nothing where the same key can be asked for or sent again.
    fn told(&mut self, transport: &str, draft: &Outbound, outcome: Outcome) -> Option<Fact> {
        // A "later" or a "no" to this attempt says nothing about an earlier one that may have arrived.
        let outcome = match (draft.began, outcome) {
            (Some(Earlier::Unknown), Outcome::Deferred { reason, .. } | Outcome::Failed { reason }) => {
                Outcome::Unsure { reason: format!("an earlier attempt may have arrived; now: {reason}") }
            }
            (_, outcome) => outcome,
        };
        let (fact, what) = match outcome {
            Outcome::Delivered { receipt } => (Fact::Sent { receipt }, What::Sent),
            Outcome::Deferred { until, reason } => (
                Fact::Deferred { until, reason: reason.clone() },
                What::Later { until, why: reason, approval: None },
            ),
            Outcome::Failed { reason } => (Fact::Failed { reason: reason.clone() }, What::Failed(reason)),
            Outcome::Unsure { reason } => {
                let Capabilities { dedupes, can_find } = self.connectors.capabilities(transport);
                if dedupes || can_find {
                    // `sending` stays the last word: the next round, or the next run, finds out.
                    let until = self.context.now() + TRY_AGAIN;
                    if self.tries.get(&draft.id).is_some_and(|tries| *tries >= TRIES_MAX) {
                        self.later(&draft.id, &draft.story, until, &reason);
                    }
                    return None;
                }
                (Fact::Unsure { reason: reason.clone() }, What::Unsure(reason))
            }
        };
        // That a pause came in between is told by the next round, with its way out.
        if !matches!(&what, What::Later { why, .. } if self.paused().is_some_and(|paused| *why == paused.sentence()))
        {
            self.tell(&draft.id, &draft.story, what);
        }
        Some(fact)
    }

    /// Notes what would be sent.
    fn rehearse(&mut self, chunk: Vec<Outbound>) -> Result<()> {
        let mut notes = Vec::new();
        for draft in chunk {
            let Outgoing { to, cc, subject, text, .. } = &draft.outgoing;
            let (spec_hash, files) = match &draft.errand {
                Errand::Tasks(list) => (list.hash(), vec![("json", list.specs().into_bytes())]),
                Errand::Answer | Errand::Change(_) => {
                    (sha256_hex(format!("{:?}", (to, cc, subject, text)).as_bytes()), Vec::new())
                }
            };
            let note = self.note(&draft.id, &draft.story, Fact::Rehearsed { spec_hash });
            notes.push(Note { files, ..note });
            self.tell(&draft.id, &draft.story, What::Rehearsed);
        }
        let names = subject("rehearsed", notes.iter().map(|note| &note.id));
        self.ledger.append(&notes, &names, self.context.now())?;
        Ok(())
    }

    /// Looks whether the thread moved on, and lets the transport do all that can be taken back.
    async fn checked(&mut self, transport: &str, draft: &Outbound, tail: Tail, secrets: &Secrets) -> Checked {
        let deferred = |reason: String, until: Timestamp| {
            Checked::Stop(
                Box::new(Fact::Deferred { until, reason: reason.clone() }),
                What::Later { until, why: reason, approval: None },
            )
        };
        match tail {
            Ok(Some(mut tail)) => {
                // A tail with messages that were known says nothing about the draft either.
                if let Err(error) = self.drop_what_was_known(&mut tail, draft, secrets) {
                    return deferred(
                        format!("what was known of the thread could not be read: {error}"),
                        self.context.now() + TAIL_AGAIN,
                    );
                }
                let ours = self.connectors.ours(&draft.origin.source);
                let known = last_known(&draft.story).unwrap_or(&draft.origin.message);
                if let Some(newer) = newer(&tail, known, draft.origin.date, &ours) {
                    let ours = ours.iter().any(|our| our.same_mailbox(&newer.from));
                    return Checked::Stop(
                        Box::new(Fact::Stale { newer: newer.id.clone() }),
                        What::Stale { ours },
                    );
                }
            }
            Ok(None) => {}
            // A login page in its place, or a token that has run out, says nothing about the draft.
            Err(ConnectorError::Away { what } | ConnectorError::Refused { what, .. }) => {
                return deferred(
                    format!("the thread could not be read again: {what}"),
                    self.context.now() + TAIL_AGAIN,
                );
            }
        }
        match self.connectors.prepare(transport, &draft.outgoing, self.context.now()).await {
            Ok(()) => Checked::Ready,
            Err(Outcome::Deferred { until, reason }) => deferred(reason, until),
            Err(Outcome::Failed { reason }) => {
                Checked::Stop(Box::new(Fact::Failed { reason: reason.clone() }), What::Failed(reason))
            }
            // Preparing sends nothing, so there is nothing else to be unsure about.
            Err(Outcome::Unsure { reason } | Outcome::Delivered { receipt: reason }) => {
                deferred(reason, self.context.now() + TAIL_AGAIN)
            }
        }
    }

    /// Takes out of a thread the messages that a tick had seen before it made this draft: whoever approved
    /// it could see them, too.
    fn drop_what_was_known(
        &self,
        tail: &mut Vec<Message>,
        draft: &Outbound,
        secrets: &Secrets,
    ) -> Result<()> {
        let Some(drafted_at) = draft.story.first().map(|entry| entry.at) else { return Ok(()) };
        let snapshot = self.ledger.snapshot()?;
        let mut unknown = Vec::new();
        for message in tail.drain(..) {
            let story = snapshot.story(&DraftId::derive(&message.id, crate::id::LENGTH))?;
            let (_, identity) = without_secrets(Ok(message.clone()), secrets);
            let was_known = story.first().is_some_and(|entry| {
                entry.at <= drafted_at && entry.fact.about().is_some_and(|about| identity.is(&about))
            });
            if message.id == draft.origin.message || !was_known {
                unknown.push(message);
            }
        }
        *tail = unknown;
        Ok(())
    }

    /// Takes sent drafts off the desk.
    fn paused(&self) -> Option<Paused> {
        pause::paused(self.session, self.context.now())
    }

    fn facts(&self, story: &[Entry]) -> Facts {
        let capabilities = match claim(story) {
            Some((_, claimed)) => self.connectors.capabilities(&claimed.transport),
            None => Capabilities::default(),
        };
        let transport = drafted(story).and_then(|origin| self.connectors.transport_of(origin));
        let rehearses = transport.is_some_and(|transport| self.connectors.rehearses(&transport));
        Facts { now: self.context.now(), host: self.context.host(), capabilities, rehearses }
    }

    /// Makes a note, without any credential that the other side may have said again: it stays for ever.
    fn note(&self, id: &DraftId, story: &[Entry], fact: Fact) -> Note {
        let fact = fact.with_words(|words| self.context.credentials.clean(words));
        let mut entry = entry_after(self.context, story, fact);
        if let Some((claim, _)) = claim(story) {
            entry.generation = claim.generation;
        }
        Note::new(id, story, entry)
    }

    fn withdrawn(&mut self, id: &DraftId, story: &[Entry], why: &str) -> Note {
        self.tell(id, story, What::Withdrawn(why.to_owned()));
        self.note(id, story, Fact::Withdrawn { reason: text::one_line(why, 300), resend: false })
    }

    fn unsure(&mut self, id: &DraftId, story: &[Entry], reason: &str) -> Note {
        self.tell(id, story, What::Unsure(reason.to_owned()));
        self.note(id, story, Fact::Unsure { reason: text::one_line(reason, 300) })
    }

    fn later(&mut self, id: &DraftId, story: &[Entry], until: Timestamp, why: &str) {
        self.wait_until(until);
        self.tell(id, story, What::Later { until, why: why.to_owned(), approval: None });
    }

    /// Says for what an approval waits, unless this pass has said something of it already.
    fn waits(&mut self, id: &DraftId, story: &[Entry], until: Timestamp) {
        self.wait_until(until);
        if !self.pass.events.iter().any(|event| event.id == *id) {
            self.later(id, story, until, &waits_for(story, &self.facts(story)));
        }
    }

    fn wait_until(&mut self, time: Timestamp) {
        self.pass.next_at = Some(self.pass.next_at.map_or(time, |known| known.min(time)));
    }

    fn tell_waiting(&mut self, desk: &Desk, id: &DraftId, story: &[Entry], waiting: Waiting) {
        let held = |why: String, hint: Option<String>| What::Held { why, hint };
        let what = match waiting {
            Waiting::Decision | Waiting::Resolve | Waiting::Failed | Waiting::Stale | Waiting::Rehearsed => {
                return;
            }
            Waiting::EditedAfter => What::EditedAfter,
            Waiting::NoMemory => {
                let path = desk.find(id).map_or("", |file| &file.path);
                let unknown = strays::unknown(path);
                held(unknown.to_string(), unknown.hint())
            }
            Waiting::Unreadable => match desk.find(id).map(|file| &file.draft) {
                Some(Err(error)) => held(error.to_string(), error.hint()),
                _ => return,
            },
        };
        self.tell(id, story, what);
    }

    fn tell(&mut self, id: &DraftId, story: &[Entry], what: What) {
        let what = what.with_words(|words| self.context.credentials.clean(words));
        if !self.told.insert((id.clone(), format!("{what:?}"))) {
            return;
        }
        let origin = drafted(story);
        let transport = claim(story).map(|(_, claimed)| claimed.transport.clone());
        let source = origin.map(|origin| origin.source.clone()).unwrap_or_default();
        let connector = transport.or_else(|| self.connectors.transport_of(origin?)).unwrap_or(source);
        let draft = self.desk.find(id).and_then(|file| file.draft.as_ref().ok());
        let to = draft.map(|draft| event::goes_to(draft, origin)).filter(|to| !to.is_empty());
        let envelope = || Some(origin?.to.first()?.shown().to_owned());
        self.pass.events.push(Event {
            id: id.clone(),
            what,
            connector,
            to: to.or_else(envelope).unwrap_or_default(),
            subject: draft.map(|draft| draft.subject.clone()).unwrap_or_default(),
        });
    }

    async fn tell_rejected(&mut self, id: &DraftId, reason: String) -> Result<()> {
        let story = self.ledger.snapshot()?.story(id)?;
        if let (Some(origin), Some(last)) = (drafted(&story), story.last()) {
            let key = Key::new(id, last.generation, self.ledger.desk());
            self.connectors.after(origin, &key, &last.fact, None).await;
        }
        self.tell(id, &story, What::Rejected(reason));
        Ok(())
    }
}

enum Checked {
    Ready,
    Stop(Box<Fact>, What),
}

/// Returns the newest message of the thread that a person knew of when approving again: the one that
/// made the last approval stale, if there was one.
fn last_known(story: &[Entry]) -> Option<&String> {
    let (_, earlier) = story.split_last()?;
    earlier.iter().rev().find_map(|entry| match &entry.fact {
        Fact::Stale { newer } => Some(newer),
        _ => None,
    })
}

fn held_by(paused: &Paused) -> What {
    What::Held { why: paused.sentence(), hint: Some(paused.way_out.to_owned()) }
}
