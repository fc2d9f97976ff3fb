//! Sends what is approved: looks at every draft, takes the next step of the state table, and looks
//! again until nothing is left to do.
//!
//! The order is the promise: flush, claim, recheck the thread, prepare, re-read `main` last of all,
//! note `sending`, transmit, note the outcome. It never talks to a brain, never reads the worktree,
//! and never takes "could not read" for "is not there". The caller holds the sender's lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

use jiff::{SignedDuration, Timestamp};

use super::settle::{self, entry_after, subject};
use super::wire::Connectors;
use super::{Context, Result, Session};
use crate::approval;
use crate::delivery::{Facts, OnDesk, Step, Waiting, newer, next};
use crate::desk::{self, Desk};
use crate::draft::{self, Draft};
use crate::entry::{Claimed, Drafted, Entry, Fact, claim, drafted};
use crate::error::Hint;
use crate::git::landing::{Change, Landed};
use crate::id::{DraftId, ObjectId};
use crate::ledger::{Ledger, Note, Snapshot};
use crate::message::sha256_hex;
use crate::outgoing::{Attachment, Capabilities, Found, Key, Outcome, Outgoing};
use crate::plan::{Gate, Tier};
use crate::policy::{self, Mode, Policy, Recipients};
use crate::render;
use crate::secret;
use crate::text;

/// The most rounds of one pass: each round takes every draft one step further.
const ROUNDS_MAX: usize = 12;

/// How many drafts begin to be sent by one ledger entry, where the receiver dedupes.
const CHUNK: usize = 100;

/// The most bytes of all attachments of one answer.
const ATTACHMENTS_BYTES_MAX: usize = 25 * 1024 * 1024;

/// When a thread's tail that could not be read is read again.
const TAIL_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Something that happened to a draft, to be told.
#[derive(Clone, Debug)]
pub struct Event {
    /// The draft.
    pub id: DraftId,
    /// What happened.
    pub what: What,
    /// The transport's or the source's name.
    pub connector: String,
    /// Whom it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
}

/// What happened to a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The other side has it.
    Sent,
    /// The sink only noted what it would do.
    Rehearsed,
    /// It is approved, and something forbids sending it.
    Held {
        /// What.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It goes later.
    Later {
        /// When.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// The other side said no.
    Failed(String),
    /// Nobody knows whether it went.
    Unsure(String),
    /// The thread moved on.
    Stale,
    /// The approval was taken back in time.
    Withdrawn(String),
    /// A person rejected it.
    Rejected(String),
    /// It was changed after it went.
    EditedAfter,
}

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
    let settled = settle::settle(context, session, &ledger)?;
    let mut dispatcher = Dispatcher {
        context,
        session,
        ledger,
        connectors,
        lock,
        pass: Pass::default(),
        told: BTreeSet::new(),
        doubted: BTreeSet::new(),
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
    Ok(dispatcher.pass)
}

struct Dispatcher<'s, 'c, 'w> {
    context: &'s Context,
    session: &'s Session,
    ledger: Ledger<'s>,
    connectors: &'c mut Connectors<'w>,
    lock: &'c File,
    pass: Pass,
    /// What was told in this pass already, so that a held draft is told once.
    told: BTreeSet<(DraftId, String)>,
    /// What a receiver that dedupes gave no clear answer about: in this pass it is tried once more.
    doubted: BTreeSet<DraftId>,
}

/// A claimed draft on its way out.
struct Outbound {
    id: DraftId,
    story: Vec<Entry>,
    claimed: Claimed,
    origin: Drafted,
    outgoing: Outgoing,
    /// Whether `sending` is noted already, by a process that died.
    began: bool,
}

/// What stands in the way of an approved draft.
struct Held {
    why: String,
    hint: Option<String>,
}

impl Held {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: Some(hint.into()) }
    }
}

enum Judged {
    Ready(Box<Note>),
    Held(Held),
    Later(Timestamp, String),
}

impl Dispatcher<'_, '_, '_> {
    /// Takes every draft one step further; tells whether anything moved.
    async fn round(&mut self) -> Result<bool> {
        let desk = Desk::read(&self.session.repository)?;
        let snapshot = self.ledger.snapshot()?;
        let (policy, _) = self.session.policy(&desk)?;
        let mut notes = Vec::new();
        let mut claims = Vec::new();
        let mut outbound = Vec::new();
        let mut clear = Vec::new();
        let stories = self.session.stories(&desk, &snapshot)?;
        let on_its_way =
            |story: &[Entry]| matches!(story.last().map(|entry| &entry.fact), Some(Fact::Claimed(_)));
        // What is claimed and not begun counts too: the next round sends it.
        let claimed = stories.iter().filter(|(_, story)| on_its_way(story)).count();
        let mut budget = self.budget(&snapshot, &policy)?.saturating_sub(claimed);
        for (id, story) in stories {
            let on_desk = desk.on_desk(&id);
            let facts = self.facts(&story);
            match next(on_desk, &story, &facts) {
                Step::Done | Step::JudgeRemoval => {}
                Step::Wait(waiting) => self.tell_waiting(&desk, &id, &story, waiting),
                Step::Until(time) => self.wait_until(time),
                Step::Withdraw => {
                    let why = if on_desk == OnDesk::Absent {
                        "the draft was removed"
                    } else {
                        "the approval was taken back or changed"
                    };
                    notes.push(self.note(
                        &id,
                        &story,
                        Fact::Withdrawn { reason: why.to_owned(), resend: false },
                    ));
                    self.tell(&id, &story, What::Withdrawn(why.to_owned()));
                }
                Step::NoteUnsure => {
                    let reason =
                        "it was being sent when the sender stopped, and the receiver cannot be asked"
                            .to_owned();
                    notes.push(self.note(&id, &story, Fact::Unsure { reason: reason.clone() }));
                    self.tell(&id, &story, What::Unsure(reason));
                }
                Step::Ask { resend } => match self.ask(&id, &story).await {
                    Asked::Note(fact, what) => {
                        notes.push(self.note(&id, &story, fact));
                        self.tell(&id, &story, what);
                    }
                    Asked::NotThere if resend => outbound.extend(self.outbound(&id, story, true)?),
                    Asked::NotThere => {
                        let reason = "it had not gone out when the approval was taken back".to_owned();
                        notes.push(self.note(
                            &id,
                            &story,
                            Fact::Withdrawn { reason: reason.clone(), resend: false },
                        ));
                        self.tell(&id, &story, What::Withdrawn(reason));
                    }
                },
                Step::Resend => outbound.extend(self.outbound(&id, story, true)?),
                Step::Send { .. } => outbound.extend(self.outbound(&id, story, false)?),
                Step::Claim { blob, generation } => {
                    match self.judge(&desk, &snapshot, &policy, &id, &story, blob, generation)? {
                        Judged::Ready(_) if budget == 0 => {
                            let until = self.context.now() + SignedDuration::from_mins(10);
                            self.wait_until(until);
                            self.tell(
                                &id,
                                &story,
                                What::Later {
                                    until,
                                    why: "the limit of sends per hour is reached".to_owned(),
                                },
                            );
                        }
                        Judged::Ready(note) => {
                            budget -= 1;
                            claims.push(*note);
                        }
                        Judged::Held(Held { why, hint }) => self.tell(&id, &story, What::Held { why, hint }),
                        Judged::Later(until, why) => {
                            self.wait_until(until);
                            self.tell(&id, &story, What::Later { until, why });
                        }
                    }
                }
                Step::Clear { blob } => {
                    if let Some(file) = desk.find(&id) {
                        clear.push((id, Change { path: file.path.clone(), blob, bytes: None }));
                    }
                }
            }
        }
        let mut moved = !notes.is_empty();
        self.ledger.append(
            &notes,
            &subject("noted", notes.iter().map(|note| &note.id)),
            self.context.now(),
        )?;
        for note in &notes {
            let story = snapshot.story(&note.id)?;
            if let Some(origin) = drafted(&story) {
                let key = Key::new(&note.id, note.entry.generation, self.ledger.desk());
                self.connectors.after(origin, &key, &note.entry.fact).await;
            }
        }
        moved |= self.append_claims(claims)?;
        moved |= self.send_all(outbound).await?;
        moved |= self.clear(clear)?;
        Ok(moved)
    }

    /// Notes claims, unless anybody noted something about one of these drafts meanwhile.
    fn append_claims(&self, claims: Vec<Note>) -> Result<bool> {
        if claims.is_empty() {
            return Ok(false);
        }
        let names = subject("claimed", claims.iter().map(|note| &note.id));
        let expected: Vec<(DraftId, usize)> = {
            let snapshot = self.ledger.snapshot()?;
            claims
                .iter()
                .map(|note| Ok((note.id.clone(), snapshot.story(&note.id)?.len())))
                .collect::<Result<_>>()?
        };
        // The flush of this append makes the operator's own fresh commit durable before we rely on it.
        let unclaimed = |snapshot: &Snapshot<'_>| {
            for (id, length) in &expected {
                if snapshot.story(id)?.len() != *length {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        self.ledger.append_if(&claims, &names, self.context.now(), unclaimed)?;
        Ok(true)
    }

    /// Judges an approval by everything that was ever said about the draft.
    #[allow(clippy::too_many_arguments)]
    fn judge(
        &self,
        desk: &Desk,
        snapshot: &Snapshot<'_>,
        current: &Policy,
        id: &DraftId,
        story: &[Entry],
        blob: ObjectId,
        generation: u32,
    ) -> Result<Judged> {
        let (Some(origin), Some(file)) = (drafted(story), desk.find(id)) else {
            return Ok(Judged::Held(Held::new(
                "the ledger does not say where it comes from",
                "delete the file and commit",
            )));
        };
        let Ok(found) = &file.draft else {
            return Ok(Judged::Held(Held::new("it cannot be read", "see `git drafts status`")));
        };
        let landed = snapshot.file(id, "drafted", "md")?.unwrap_or_default();
        let Ok(landed) = Draft::parse(&origin.path, &String::from_utf8_lossy(&landed)) else {
            return Ok(Judged::Held(Held::new(
                "the ledger's copy of it cannot be read",
                "see `git drafts check`",
            )));
        };
        if let Some(changed) = draft::changed_machine_keys(&landed.machine, &found.machine).first() {
            return Ok(Judged::Held(Held::new(
                format!("{}: a key of the machine's was changed: {changed}", file.path),
                "put the old value back: only the keys above `[draft]` are yours",
            )));
        }
        let judged_by = match snapshot.policy(origin.policy)? {
            Some(bytes) => Policy::parse(policy::FILE, &String::from_utf8_lossy(&bytes))?,
            None => {
                return Ok(Judged::Held(Held::new(
                    "the policy that judged it is gone",
                    "see `git drafts check`",
                )));
            }
        };
        let policies = [&judged_by, current];

        let owner = self.session.owner();
        let mode =
            if policies.iter().any(|policy| policy.mode == Mode::Merge) { Mode::Merge } else { Mode::Commit };
        let may_approve = |email: &str| policy::may_approve(&policies, email, owner.as_deref());
        let look = desk::approval_facts(&self.session.repository, blob);
        let approval = match approval::find(desk.tip, mode, may_approve, look)? {
            Ok(approval) => approval,
            Err(refusal) => return Ok(Judged::Held(Held::new(refusal.to_string(), refusal.hint()))),
        };

        let envelope = Recipients { to: origin.to.clone(), cc: origin.cc.clone() };
        let tier = policy::tier_to_send(&policies, found, !policy::strangers(found, &envelope).is_empty());
        if policy::strictest_gate(&policies, tier) == Gate::ApproveSigned {
            return Ok(Judged::Held(Held::new(
                format!("tier {tier} asks for a signed approval, which this version cannot check"),
                format!(
                    "set `{tier} = \"approve\"` under [gates] in drafts.toml for new drafts, or answer it by hand"
                ),
            )));
        }
        for policy in policies {
            if let Some(finding) = policy::obstacles(policy, found).first() {
                return Ok(Judged::Held(Held::new(
                    finding.to_string(),
                    format!("mend {}, and commit", file.path),
                )));
            }
        }
        if let Some(hit) =
            secret::scan(&format!("{}\n{}", found.subject, found.body)).iter().find(|hit| hit.hard)
        {
            return Ok(Judged::Held(Held::new(
                format!("there is a secret in it ({})", hit.kind),
                "take it out, and change it where it is used: it is in the history now",
            )));
        }
        if let Some(time) = self.not_before(&policies, tier, found, blob)? {
            let why = if found.send_after.is_some_and(|after| after == time) {
                "`send_after`"
            } else {
                "time to take it back"
            };
            return Ok(Judged::Later(time, why.to_owned()));
        }
        let attachments = match self.attachments(approval.commit, found)? {
            Ok(attachments) => attachments,
            Err(held) => return Ok(Judged::Held(held)),
        };
        let Some(transport) = self.connectors.transport_of(&origin.source) else {
            return Ok(Judged::Held(Held::new(
                format!("source `{}` has no transport", origin.source),
                format!(
                    "add `transport = \"…\"` to [source.{}] in {}",
                    origin.source,
                    self.context.shown(&self.session.wiring_path)
                ),
            )));
        };
        let claimed = Claimed {
            blob,
            attachments: attachments.iter().map(|(_, id)| *id).collect(),
            commit: approval.commit,
            approver: text::one_line(&format!("{} <{}>", approval.name, approval.email), 200),
            signed: false,
            transport,
        };
        let entry = Entry {
            at: self.context.now(),
            host: self.context.host(),
            generation,
            fact: Fact::Claimed(claimed),
        };
        let files = vec![
            ("md", self.session.repository.read(blob)?),
            ("commit", self.session.repository.read(approval.commit)?),
        ];
        Ok(Judged::Ready(Box::new(Note { id: id.clone(), entry, files })))
    }

    /// Returns until when an approval waits: the undo window from when it was first seen, `send_after`.
    fn not_before(
        &self,
        policies: &[&Policy],
        tier: Tier,
        found: &Draft,
        blob: ObjectId,
    ) -> Result<Option<Timestamp>> {
        let undo = policies.iter().map(|policy| policy.undo_seconds(tier)).max().unwrap_or(0);
        let now = self.context.now();
        let mut wait = found.send_after;
        if undo > 0 {
            let seen = self.first_seen(blob, now)?;
            let until = seen + SignedDuration::from_secs(i64::from(undo));
            wait = Some(wait.map_or(until, |wait| wait.max(until)));
        }
        Ok(wait.filter(|wait| *wait > now))
    }

    /// Returns when the sender first saw this approval, and notes it if that is now.
    fn first_seen(&self, blob: ObjectId, now: Timestamp) -> Result<Timestamp> {
        let folder = self.session.repository.own_dir().join("seen");
        let path = folder.join(blob.to_string());
        let failed = |error| super::CommandError::system(&path, error);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().parse().unwrap_or(now)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(&folder).map_err(failed)?;
                fs::write(&path, format!("{now}\n")).map_err(failed)?;
                Ok(now)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the attachments as the approving commit has them.
    fn attachments(
        &self,
        commit: ObjectId,
        found: &Draft,
    ) -> Result<std::result::Result<Vec<(Attachment, ObjectId)>, Held>> {
        let mut attachments = Vec::new();
        let mut total = 0;
        for path in &found.attach {
            let held = |what: &str| {
                Ok(Err(Held::new(format!("`{path}` {what}"), "commit the file, or take it out of `attach`")))
            };
            let Some(entry) = self.session.repository.entry_at(commit, path)? else {
                return held("is not in the approving commit");
            };
            if entry.mode != 0o100_644 && entry.mode != 0o100_755 {
                return held("is not a plain file");
            }
            let bytes = self.session.repository.read(entry.id)?;
            if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
                return held("is a pointer of Git LFS and not the file");
            }
            total += bytes.len();
            if total > ATTACHMENTS_BYTES_MAX {
                return held("makes the attachments larger than 25 MiB");
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            attachments.push((Attachment { name: text::one_line(name, 120), bytes }, entry.id));
        }
        Ok(Ok(attachments))
    }

    /// Renders a claim from what the ledger keeps of it.
    fn outbound(&mut self, id: &DraftId, story: Vec<Entry>, began: bool) -> Result<Option<Outbound>> {
        let (Some((entry, claimed)), Some(origin)) = (claim(&story), drafted(&story)) else {
            return Ok(None);
        };
        let (claimed, origin) = (claimed.clone(), origin.clone());
        let bytes = self.session.repository.read(claimed.blob)?;
        let Ok(found) = Draft::parse(&origin.path, &String::from_utf8_lossy(&bytes)) else { return Ok(None) };
        let names = found.attach.iter().map(|path| path.rsplit('/').next().unwrap_or(path));
        let attachments = names
            .zip(&claimed.attachments)
            .map(|(name, blob)| {
                Ok(Attachment {
                    name: text::one_line(name, 120),
                    bytes: self.session.repository.read(*blob)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let key = Key::new(id, entry.generation, self.ledger.desk());
        let from = self.connectors.our_address(&origin.source);
        let outgoing = render::outgoing(key, entry.at, from, &origin, &found, attachments);
        Ok(Some(Outbound { id: id.clone(), claimed, origin, outgoing, began, story }))
    }

    async fn send_all(&mut self, outbound: Vec<Outbound>) -> Result<bool> {
        let moved = !outbound.is_empty();
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
                self.send_chunk(&transport, chunk).await?;
            }
        }
        Ok(moved)
    }

    /// Rechecks, prepares, re-reads `main`, notes `sending`, transmits and notes what came of it.
    async fn send_chunk(&mut self, transport: &str, chunk: Vec<Outbound>) -> Result<()> {
        if self.connectors.rehearses(transport) {
            return self.rehearse(chunk);
        }
        let mut notes = Vec::new();
        let mut ready = Vec::new();
        for draft in chunk {
            match self.checked(transport, &draft).await {
                Ok(()) => ready.push(draft),
                Err((fact, what)) => {
                    notes.push(self.note(&draft.id, &draft.story, fact));
                    self.tell(&draft.id, &draft.story, what);
                }
            }
        }
        let desk = Desk::read(&self.session.repository)?;
        ready.retain(|draft| desk.on_desk(&draft.id) == OnDesk::Approved(draft.claimed.blob));
        let now = self.context.now();
        self.ledger.append(&notes, &subject("noted", notes.iter().map(|note| &note.id)), now)?;

        let begins: Vec<Note> = ready
            .iter()
            .filter(|draft| !draft.began)
            .map(|draft| self.note(&draft.id, &draft.story, Fact::Sending))
            .collect();
        let expected: Vec<(DraftId, usize)> =
            ready.iter().map(|draft| (draft.id.clone(), draft.story.len())).collect();
        let untouched = |snapshot: &Snapshot<'_>| {
            for (id, length) in &expected {
                if snapshot.story(id)?.len() != *length {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        if !begins.is_empty() {
            let names = subject("sending", begins.iter().map(|note| &note.id));
            if !self.ledger.append_if(&begins, &names, now, untouched)? {
                return Ok(());
            }
        }
        let mut outcomes = Vec::new();
        let mut told_of = Vec::new();
        let dedupes = self.connectors.capabilities(transport).dedupes;
        for draft in &ready {
            let outcome =
                self.connectors.send(transport, &draft.outgoing, self.lock, self.context.now()).await;
            // It stays `sending`: the next round asks, or sends the same again under the same key.
            let unclear = dedupes && matches!(outcome, Outcome::Unsure { .. });
            if unclear && self.doubted.insert(draft.id.clone()) {
                tracing::info!(draft = %draft.id, transport, "no clear answer; once more");
                continue;
            }
            told_of.push(draft);
            let (fact, what) = told(outcome);
            tracing::info!(draft = %draft.id, transport, outcome = fact.kind(), "sent");
            outcomes.push(self.note(&draft.id, &draft.story, fact));
            self.tell(&draft.id, &draft.story, what);
        }
        let names = match &outcomes[..] {
            [only] => subject(only.entry.fact.kind(), [&only.id]),
            several => subject("sent", several.iter().map(|note| &note.id)),
        };
        self.ledger.append(&outcomes, &names, self.context.now())?;
        for (draft, note) in told_of.into_iter().zip(&outcomes) {
            self.connectors.after(&draft.origin, &draft.outgoing.key, &note.entry.fact).await;
        }
        Ok(())
    }

    /// Notes what would be sent.
    fn rehearse(&mut self, chunk: Vec<Outbound>) -> Result<()> {
        let mut notes = Vec::new();
        for draft in chunk {
            let spec_hash = sha256_hex(
                format!(
                    "{:?}",
                    (&draft.outgoing.to, &draft.outgoing.cc, &draft.outgoing.subject, &draft.outgoing.text)
                )
                .as_bytes(),
            );
            notes.push(self.note(&draft.id, &draft.story, Fact::Rehearsed { spec_hash }));
            self.tell(&draft.id, &draft.story, What::Rehearsed);
        }
        Ok(self.ledger.append(
            &notes,
            &subject("rehearsed", notes.iter().map(|note| &note.id)),
            self.context.now(),
        )?)
    }

    /// Looks whether the thread moved on, and lets the transport do all that can be taken back.
    async fn checked(&mut self, transport: &str, draft: &Outbound) -> std::result::Result<(), (Fact, What)> {
        if draft.began {
            return Ok(());
        }
        let later = |reason: String, until: Timestamp| {
            (Fact::Deferred { until, reason: reason.clone() }, What::Later { until, why: reason })
        };
        match self.connectors.thread_tail(&draft.origin).await {
            Ok(Some(tail)) => {
                let ours = self.connectors.ours(&draft.origin.source);
                if let Some(newer) = newer(&tail, &draft.origin.message, draft.origin.date, &ours) {
                    return Err((Fact::Stale { newer: newer.id.clone() }, What::Stale));
                }
            }
            Ok(None) => {}
            Err(error) => {
                let until = self.context.now() + TAIL_AGAIN;
                return Err(later(format!("the thread could not be read again: {error}"), until));
            }
        }
        match self.connectors.prepare(transport, &draft.outgoing, self.context.now()).await {
            Ok(()) => Ok(()),
            Err(Outcome::Deferred { until, reason }) => Err(later(reason, until)),
            Err(Outcome::Failed { reason }) => {
                Err((Fact::Failed { reason: reason.clone() }, What::Failed(reason)))
            }
            // Preparing sends nothing, so there is nothing else to be unsure about.
            Err(Outcome::Unsure { reason } | Outcome::Delivered { receipt: reason }) => {
                Err(later(reason, self.context.now() + TAIL_AGAIN))
            }
        }
    }

    /// Asks the receiver about an interrupted transmission.
    async fn ask(&mut self, id: &DraftId, story: &[Entry]) -> Asked {
        let Some((entry, claimed)) = claim(story) else {
            let reason = "the ledger has no claim of it".to_owned();
            return Asked::Note(Fact::Unsure { reason: reason.clone() }, What::Unsure(reason));
        };
        let key = Key::new(id, entry.generation, self.ledger.desk());
        match self.connectors.find(&claimed.transport, &key).await {
            Found::Yes { receipt } => Asked::Note(Fact::Sent { receipt }, What::Sent),
            Found::No => Asked::NotThere,
            Found::Unknown { reason } => {
                Asked::Note(Fact::Unsure { reason: reason.clone() }, What::Unsure(reason))
            }
        }
    }

    /// Takes sent drafts off the desk.
    fn clear(&mut self, done: Vec<(DraftId, Change)>) -> Result<bool> {
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

    fn budget(&self, snapshot: &Snapshot<'_>, policy: &Policy) -> Result<usize> {
        let now = self.context.now();
        let sent = snapshot.sends_since(now - SignedDuration::from_hours(1))?;
        let most = policy.sends_per_hour_max.min(self.session.wiring.limits.sends_per_hour_max);
        Ok(most.saturating_sub(sent))
    }

    fn facts(&self, story: &[Entry]) -> Facts {
        let capabilities = match claim(story) {
            Some((_, claimed)) => self.connectors.capabilities(&claimed.transport),
            None => Capabilities::default(),
        };
        let transport = drafted(story).and_then(|origin| self.connectors.transport_of(&origin.source));
        let rehearses = transport.is_some_and(|transport| self.connectors.rehearses(&transport));
        // What an approval waits for is judged with everything else about it, in `judge`.
        Facts {
            now: self.context.now(),
            not_before: None,
            host: self.context.host(),
            capabilities,
            rehearses,
        }
    }

    fn note(&self, id: &DraftId, story: &[Entry], fact: Fact) -> Note {
        let mut entry = entry_after(self.context, story, fact);
        if let Some((claim, _)) = claim(story) {
            entry.generation = claim.generation;
        }
        Note::new(id, entry)
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
            Waiting::NoMemory => held(
                "the ledger knows nothing of it, so it is not sent".to_owned(),
                Some("a draft begins with a message; delete the file and commit".to_owned()),
            ),
            Waiting::Unreadable => match desk.find(id).map(|file| &file.draft) {
                Some(Err(error)) => held(error.to_string(), error.hint()),
                _ => return,
            },
        };
        self.tell(id, story, what);
    }

    fn tell(&mut self, id: &DraftId, story: &[Entry], what: What) {
        if !self.told.insert((id.clone(), format!("{what:?}"))) {
            return;
        }
        let origin = drafted(story);
        let transport = claim(story).map(|(_, claimed)| claimed.transport.clone());
        let source = origin.map(|origin| origin.source.clone()).unwrap_or_default();
        let connector = transport.or_else(|| self.connectors.transport_of(&source)).unwrap_or(source);
        let desk = Desk::read(&self.session.repository).ok();
        let draft = desk.as_ref().and_then(|desk| desk.find(id)).and_then(|file| file.draft.as_ref().ok());
        let to =
            draft.and_then(|draft| draft.to.first()).or_else(|| origin.and_then(|origin| origin.to.first()));
        self.pass.events.push(Event {
            id: id.clone(),
            what,
            connector,
            to: to.map(|address| address.shown().to_owned()).unwrap_or_default(),
            subject: draft.map(|draft| draft.subject.clone()).unwrap_or_default(),
        });
    }

    async fn tell_rejected(&mut self, id: &DraftId, reason: String) -> Result<()> {
        let story = self.ledger.snapshot()?.story(id)?;
        if let (Some(origin), Some(last)) = (drafted(&story), story.last()) {
            let key = Key::new(id, last.generation, self.ledger.desk());
            self.connectors.after(origin, &key, &last.fact).await;
        }
        self.tell(id, &story, What::Rejected(reason));
        Ok(())
    }
}

enum Asked {
    Note(Fact, What),
    NotThere,
}

fn told(outcome: Outcome) -> (Fact, What) {
    match outcome {
        Outcome::Delivered { receipt } => (Fact::Sent { receipt }, What::Sent),
        Outcome::Deferred { until, reason } => {
            (Fact::Deferred { until, reason: reason.clone() }, What::Later { until, why: reason })
        }
        Outcome::Failed { reason } => (Fact::Failed { reason: reason.clone() }, What::Failed(reason)),
        Outcome::Unsure { reason } => (Fact::Unsure { reason: reason.clone() }, What::Unsure(reason)),
    }
}
