//! The state table: what happens next to a draft, from what stands on the desk and what was done.
//!
//! [`next`] is the specification; `docs/reliability.md` prints it ([`table`]). It is a pure function.
//! What it must never do is decide twice: whoever carries out a step asks again afterwards.

pub mod table;

use jiff::{SignedDuration, Timestamp};

use crate::automatic;
use crate::entry::{Entry, Fact, claim, drafted};
use crate::id::ObjectId;
use crate::message::{Address, Message};
use crate::outgoing::Capabilities;
use crate::plan::Action;

/// What stands on the tip of `main` for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDesk {
    /// No file.
    Absent,
    /// A file that waits for a person.
    Draft(ObjectId),
    /// A file that a person wants sent.
    Approved(ObjectId),
    /// A file that cannot be understood, or two with one id.
    Unreadable,
}

/// What [`next`] needs to know beside the desk and the ledger.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time.
    pub now: Timestamp,
    /// The name of this machine.
    pub host: String,
    /// What the transport can do.
    pub capabilities: Capabilities,
    /// Whether the transport only notes what it would do.
    pub rehearses: bool,
}

/// What is to be done with a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, ever.
    Done,
    /// A person is asked for.
    Wait(Waiting),
    /// Nothing before this time.
    Until(Timestamp),
    /// Find out who removed it, and note a rejection or land it again.
    JudgeRemoval,
    /// Note that the approval was taken back.
    Withdraw,
    /// Judge the approval and claim it as this generation.
    Claim {
        /// The approved blob.
        blob: ObjectId,
        /// The generation of the transmission.
        generation: u32,
    },
    /// Go on with the claim: look again, then send.
    Send {
        /// The claimed blob.
        blob: ObjectId,
        /// The generation of the claim.
        generation: u32,
    },
    /// Ask the receiver whether it has the key; where it has not, send the same again if `resend`.
    Ask {
        /// Whether the same bytes are still approved.
        resend: bool,
    },
    /// Send the same again with the same key: the receiver delivers it once.
    Resend,
    /// Note that nobody knows.
    NoteUnsure,
    /// Take the file off the desk.
    Clear {
        /// The blob that was sent.
        blob: ObjectId,
    },
}

impl Step {
    /// Tells whether something may leave by this step, or by what follows it at once.
    pub fn may_send(&self) -> bool {
        match self {
            Step::Claim { .. } | Step::Send { .. } | Step::Ask { resend: true } | Step::Resend => true,
            Step::Done
            | Step::Wait(_)
            | Step::Until(_)
            | Step::JudgeRemoval
            | Step::Withdraw
            | Step::Ask { resend: false }
            | Step::NoteUnsure
            | Step::Clear { .. } => false,
        }
    }
}

/// What a draft waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For a person to decide.
    Decision,
    /// For `git drafts resolve`: nobody knows whether it went out.
    Resolve,
    /// For another approval: the other side said no.
    Failed,
    /// For another approval: the thread moved on.
    Stale,
    /// For another transport: this one only rehearses.
    Rehearsed,
    /// Nothing more is sent: it was edited after it went, or may have gone.
    EditedAfter,
    /// The machine has no memory of drafting it.
    NoMemory,
    /// It cannot be read.
    Unreadable,
}

/// How long a `sending` of another machine may still be under way.
const OTHER_HOST: SignedDuration = SignedDuration::from_mins(30);

/// How long a receiver may still be busy with what it was given, so that its "no" means nothing before.
const SETTLE: SignedDuration = SignedDuration::from_mins(2);

/// Returns the next step for a draft.
///
/// The caller holds the sender's lock, so that a `sending` of this machine that is still the last
/// entry belongs to a process that died.
pub fn next(on_desk: OnDesk, story: &[Entry], facts: &Facts) -> Step {
    let Some(last) = effective(story) else {
        return match on_desk {
            OnDesk::Absent => Step::Done,
            OnDesk::Draft(_) | OnDesk::Approved(_) => Step::Wait(Waiting::NoMemory),
            OnDesk::Unreadable => Step::Wait(Waiting::Unreadable),
        };
    };
    match on_desk {
        OnDesk::Unreadable => Step::Wait(Waiting::Unreadable),
        OnDesk::Absent | OnDesk::Draft(_) if is_begun_list(story) && may_be_withdrawn(last) => {
            if facts.capabilities.can_find { Step::Ask { resend: false } } else { Step::NoteUnsure }
        }
        OnDesk::Absent => when_absent(last, facts),
        OnDesk::Draft(_) => when_draft(last, facts),
        OnDesk::Approved(blob) => when_approved(blob, last, story, facts),
    }
}

/// Returns the entry that decides: the last one, unless something is known of a transmission that a
/// later note about the desk cannot undo.
///
/// A tick may note `superseded` while the sender sends. What went, or may have gone, stays so whatever is
/// noted after it; only a person's `resolve` opens it again.
pub fn effective(story: &[Entry]) -> Option<&Entry> {
    let transmission = story.iter().rev().find(|entry| match &entry.fact {
        Fact::Claimed(_)
        | Fact::Sending
        | Fact::Sent { .. }
        | Fact::Rehearsed { .. }
        | Fact::Deferred { .. }
        | Fact::Failed { .. }
        | Fact::Unsure { .. }
        | Fact::Stale { .. }
        | Fact::Withdrawn { .. } => true,
        Fact::Ignored(_)
        | Fact::Drafted(_)
        | Fact::Rejected { .. }
        | Fact::Expired
        | Fact::Superseded { .. } => false,
    });
    match transmission {
        Some(entry) if matches!(entry.fact, Fact::Sending | Fact::Sent { .. } | Fact::Unsure { .. }) => {
            Some(entry)
        }
        _ => story.last(),
    }
}

/// Tells whether some tasks of a list may have been created already: a "later" or a "no" to one of them says
/// nothing about those before it, so such a list is never taken back without asking what is there.
pub fn is_begun_list(story: &[Entry]) -> bool {
    drafted(story).is_some_and(|origin| origin.action == Action::Issue)
        && story.iter().any(|entry| matches!(entry.fact, Fact::Sending))
}

fn may_be_withdrawn(last: &Entry) -> bool {
    matches!(last.fact, Fact::Claimed(_) | Fact::Deferred { .. })
}

fn when_absent(last: &Entry, facts: &Facts) -> Step {
    match &last.fact {
        Fact::Drafted(_)
        | Fact::Stale { .. }
        | Fact::Rehearsed { .. }
        | Fact::Failed { .. }
        | Fact::Withdrawn { .. } => Step::JudgeRemoval,
        Fact::Claimed(_) | Fact::Deferred { .. } => Step::Withdraw,
        Fact::Sending => interrupted(last, facts, false),
        Fact::Unsure { .. } => Step::Wait(Waiting::Resolve),
        Fact::Ignored(_)
        | Fact::Sent { .. }
        | Fact::Rejected { .. }
        | Fact::Expired
        | Fact::Superseded { .. } => Step::Done,
    }
}

fn when_draft(last: &Entry, facts: &Facts) -> Step {
    match &last.fact {
        Fact::Claimed(_) | Fact::Deferred { .. } => Step::Withdraw,
        Fact::Sending => interrupted(last, facts, false),
        Fact::Unsure { .. } => Step::Wait(Waiting::Resolve),
        Fact::Sent { .. } => Step::Wait(Waiting::EditedAfter),
        Fact::Ignored(_) => Step::Wait(Waiting::NoMemory),
        Fact::Drafted(_)
        | Fact::Rehearsed { .. }
        | Fact::Failed { .. }
        | Fact::Stale { .. }
        | Fact::Withdrawn { .. }
        | Fact::Rejected { .. }
        | Fact::Expired
        | Fact::Superseded { .. } => Step::Wait(Waiting::Decision),
    }
}

fn when_approved(blob: ObjectId, last: &Entry, story: &[Entry], facts: &Facts) -> Step {
    let claimed = claim(story).map(|(_, claimed)| claimed.blob);
    let same = claimed == Some(blob);
    let claim_anew = || Step::Claim { blob, generation: generation(blob, story) };
    match &last.fact {
        Fact::Ignored(_) => Step::Wait(Waiting::NoMemory),
        Fact::Drafted(_)
        | Fact::Withdrawn { .. }
        | Fact::Rejected { .. }
        | Fact::Expired
        | Fact::Superseded { .. } => claim_anew(),
        Fact::Claimed(_) if same => Step::Send { blob, generation: last.generation },
        Fact::Claimed(_) => Step::Withdraw,
        Fact::Deferred { until, .. } if same && *until > facts.now => Step::Until(*until),
        // The next walk of a list finds what an earlier one has created, under whichever generation.
        Fact::Deferred { .. } if same || is_begun_list(story) => claim_anew(),
        Fact::Deferred { .. } => Step::Withdraw,
        Fact::Sending => interrupted(last, facts, same),
        Fact::Unsure { .. } => Step::Wait(Waiting::Resolve),
        Fact::Rehearsed { .. } if same && facts.rehearses => Step::Wait(Waiting::Rehearsed),
        Fact::Rehearsed { .. } => claim_anew(),
        Fact::Failed { .. } if same => Step::Wait(Waiting::Failed),
        Fact::Stale { .. } if same => Step::Wait(Waiting::Stale),
        Fact::Failed { .. } | Fact::Stale { .. } => claim_anew(),
        Fact::Sent { .. } if same => Step::Clear { blob },
        Fact::Sent { .. } => Step::Wait(Waiting::EditedAfter),
    }
}

/// Decides about a `sending` without an outcome. `resend` tells whether the same bytes are still
/// approved; a receiver that dedupes is then simply given them again.
fn interrupted(last: &Entry, facts: &Facts, resend: bool) -> Step {
    if last.host != facts.host {
        // Another machine's: it may be at it right now, and its key is no lock.
        let patience = last.at.checked_add(OTHER_HOST).unwrap_or(Timestamp::MAX);
        return if patience > facts.now { Step::Until(patience) } else { Step::NoteUnsure };
    }
    match facts.capabilities {
        // Whoever dedupes may be given the same again whatever it says.
        Capabilities { can_find: true, dedupes: true } if resend => Step::Ask { resend },
        Capabilities { can_find: true, .. } => match busy_until(last, facts.now) {
            Some(settled) => Step::Until(settled),
            None => Step::Ask { resend },
        },
        Capabilities { can_find: false, dedupes: true } if resend => Step::Resend,
        Capabilities { can_find: false, .. } => Step::NoteUnsure,
    }
}

/// Says for what a [`Step::Until`] waits, in a few words.
pub fn waits_for(story: &[Entry], facts: &Facts) -> String {
    match effective(story) {
        Some(Entry { fact: Fact::Deferred { reason, .. }, .. }) => reason.clone(),
        Some(last) if last.host != facts.host => format!("`{}` may be sending it", last.host),
        Some(_) | None => "the receiver may be busy with an attempt that was interrupted".to_owned(),
    }
}

/// Returns until when a receiver may still be busy with an interrupted transmission: before that, its "no" is
/// no reason to note that nothing went.
pub fn busy_until(sending: &Entry, now: Timestamp) -> Option<Timestamp> {
    let settled = sending.at.checked_add(SETTLE).unwrap_or(Timestamp::MAX);
    (settled > now).then_some(settled)
}

/// Returns the generation of the next claim of `blob`.
///
/// It starts at 1 and is raised by a claim of other bytes, and by a resend that a person asked for:
/// whatever may have left traces under a key is never sent anew under the same one.
pub fn generation(blob: ObjectId, story: &[Entry]) -> u32 {
    let Some((entry, claimed)) = claim(story) else { return 1 };
    let resend = story
        .iter()
        .rev()
        .take_while(|later| !matches!(later.fact, Fact::Claimed(_)))
        .any(|later| matches!(later.fact, Fact::Withdrawn { resend: true, .. }));
    if resend || claimed.blob != blob { entry.generation + 1 } else { entry.generation }
}

/// Returns the newest message of a thread that makes an answer to `answered` stale: one that came later, from
/// the other side or from ourselves. Automatic mail does not count.
///
/// `tail` is oldest first; `date` is the answered message's, for where it is not in the tail any more.
pub fn newer<'m>(
    tail: &'m [Message],
    answered: &str,
    date: Option<Timestamp>,
    ours: &[Address],
) -> Option<&'m Message> {
    let position = tail.iter().rposition(|message| message.id == answered);
    let later = |index: usize, message: &Message| match position {
        Some(position) => index > position,
        None => message.date.as_ref().zip(date).is_some_and(|(written, date)| written.timestamp() > date),
    };
    tail.iter()
        .enumerate()
        .filter(|(index, message)| later(*index, message))
        .map(|(_, message)| message)
        .rfind(|message| match automatic::reason(message, ours) {
            None | Some(automatic::Reason::FromOurselves) => true,
            Some(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Claimed, Drafted, Ignored};
    use crate::plan::Tier;

    fn blob(letter: u8) -> ObjectId {
        ObjectId::new([letter; 20])
    }

    fn entry(word: &str) -> Entry {
        let text = || "x".to_owned();
        let claimed = |letter| {
            Fact::Claimed(Claimed {
                blob: blob(letter),
                attachments: vec![],
                commit: blob(b'c'),
                approver: text(),
                signer: None,
                transport: text(),
                overrides: Vec::new(),
            })
        };
        let fact = match word {
            "ignored" => {
                Fact::Ignored(Ignored { message: text(), digest: text(), fetched: None, reason: text() })
            }
            "drafted" | "list" => Fact::Drafted(Box::new(Drafted {
                message: text(),
                digest: text(),
                fetched: None,
                source: text(),
                thread: text(),
                date: None,
                references: vec![],
                to: vec![],
                cc: vec![],
                action: if word == "list" { Action::Issue } else { Action::Reply },
                tier: Tier::Low,
                path: text(),
                blob: blob(b'd'),
                policy: blob(b'p'),
                desk: blob(b't'),
                brain: text(),
                confidence: None,
                prompt: None,
                reply: None,
                guidance: None,
            })),
            "claimed" => claimed(b'a'),
            "claimed-b" => claimed(b'b'),
            "sending" => Fact::Sending,
            "sent" => Fact::Sent { receipt: text() },
            "rehearsed" => Fact::Rehearsed { spec_hash: text() },
            "deferred" => Fact::Deferred { until: Timestamp::from_second(90).unwrap(), reason: text() },
            "deferred-on" => Fact::Deferred { until: Timestamp::from_second(900).unwrap(), reason: text() },
            "failed" => Fact::Failed { reason: text() },
            "unsure" => Fact::Unsure { reason: text() },
            "stale" => Fact::Stale { newer: text() },
            "withdrawn" => Fact::Withdrawn { reason: text(), resend: false },
            "resend" => Fact::Withdrawn { reason: text(), resend: true },
            "rejected" => Fact::Rejected { by: text(), reason: text(), commit: blob(b'r') },
            "expired" => Fact::Expired,
            "superseded" => Fact::Superseded { by: text() },
            other => panic!("no such entry: {other}"),
        };
        Entry { at: Timestamp::from_second(50).unwrap(), host: "atlas".to_owned(), generation: 1, fact }
    }

    fn facts() -> Facts {
        Facts {
            now: Timestamp::from_second(100).unwrap(),
            host: "atlas".to_owned(),
            capabilities: Capabilities::default(),
            rehearses: false,
        }
    }

    fn check(on_desk: OnDesk, story: &str, expected: &str) {
        check_with(&facts(), on_desk, story, expected);
    }

    fn check_with(facts: &Facts, on_desk: OnDesk, story: &str, expected: &str) {
        let story: Vec<Entry> = story.split_whitespace().map(entry).collect();
        let step = match next(on_desk, &story, facts) {
            Step::Claim { generation, .. } => format!("Claim {generation}"),
            Step::Send { generation, .. } => format!("Send {generation}"),
            Step::Clear { .. } => "Clear".to_owned(),
            Step::Until(time) => format!("Until {}", time.as_second()),
            step => format!("{step:?}"),
        };
        assert_eq!(step, expected, "{on_desk:?} {story:?}");
    }

    const DRAFT: OnDesk = OnDesk::Draft(ObjectId::new([b'd'; 20]));
    const APPROVED: OnDesk = OnDesk::Approved(ObjectId::new([b'a'; 20]));

    #[test]
    fn the_table_when_the_desk_is_empty() {
        for (story, step) in [
            ("", "Done"),
            ("ignored", "Done"),
            ("drafted", "JudgeRemoval"),
            ("drafted claimed", "Withdraw"),
            ("drafted claimed deferred", "Withdraw"),
            ("drafted claimed sending", "NoteUnsure"),
            ("drafted claimed sending unsure", "Wait(Resolve)"),
            ("drafted claimed stale", "JudgeRemoval"),
            ("drafted claimed rehearsed", "JudgeRemoval"),
            ("drafted claimed sending sent", "Done"),
            ("drafted claimed sending failed", "JudgeRemoval"),
            ("drafted claimed withdrawn", "JudgeRemoval"),
            ("drafted rejected", "Done"),
            ("drafted expired", "Done"),
            ("drafted superseded", "Done"),
        ] {
            check(OnDesk::Absent, story, step);
        }
    }

    #[test]
    fn the_table_when_a_draft_waits() {
        for (story, step) in [
            ("", "Wait(NoMemory)"),
            ("ignored", "Wait(NoMemory)"),
            ("drafted", "Wait(Decision)"),
            ("drafted claimed", "Withdraw"),
            ("drafted claimed sending deferred", "Withdraw"),
            ("drafted claimed sending", "NoteUnsure"),
            ("drafted claimed sending unsure", "Wait(Resolve)"),
            ("drafted claimed sending sent", "Wait(EditedAfter)"),
            ("drafted claimed withdrawn", "Wait(Decision)"),
            ("drafted claimed sending failed", "Wait(Decision)"),
            ("drafted claimed stale", "Wait(Decision)"),
            ("drafted claimed rehearsed", "Wait(Decision)"),
            ("drafted rejected", "Wait(Decision)"),
            ("drafted expired", "Wait(Decision)"),
            ("drafted superseded", "Wait(Decision)"),
        ] {
            check(DRAFT, story, step);
        }
    }

    #[test]
    fn the_table_when_it_is_approved() {
        for (story, step) in [
            ("", "Wait(NoMemory)"),
            ("ignored", "Wait(NoMemory)"),
            ("drafted", "Claim 1"),
            ("drafted withdrawn", "Claim 1"),
            ("drafted rejected", "Claim 1"),
            ("drafted expired", "Claim 1"),
            ("drafted superseded", "Claim 1"),
            ("drafted claimed", "Send 1"),
            ("drafted claimed-b", "Withdraw"),
            ("drafted claimed-b withdrawn", "Claim 2"),
            ("drafted claimed sending", "NoteUnsure"),
            ("drafted claimed sending unsure", "Wait(Resolve)"),
            ("drafted claimed sending unsure resend", "Claim 2"),
            ("drafted claimed sending deferred-on", "Until 900"),
            ("drafted claimed sending deferred", "Claim 1"),
            ("drafted claimed-b sending deferred", "Withdraw"),
            ("drafted claimed rehearsed", "Claim 1"),
            ("drafted claimed sending failed", "Wait(Failed)"),
            ("drafted claimed-b sending failed", "Claim 2"),
            ("drafted claimed stale", "Wait(Stale)"),
            ("drafted claimed-b stale", "Claim 2"),
            ("drafted claimed sending sent", "Clear"),
            ("drafted claimed-b sending sent", "Wait(EditedAfter)"),
        ] {
            check(APPROVED, story, step);
        }
    }

    #[test]
    fn what_cannot_be_read_is_neither_sent_nor_rejected() {
        for story in ["", "drafted", "drafted claimed", "drafted claimed sending sent"] {
            check(OnDesk::Unreadable, story, "Wait(Unreadable)");
        }
    }

    #[test]
    fn an_interrupted_sending_is_repeated_only_where_that_is_safe() {
        let with = |dedupes, can_find| Facts { capabilities: Capabilities { dedupes, can_find }, ..facts() };
        let story = "drafted claimed sending";
        check_with(&with(true, false), APPROVED, story, "Resend");
        check_with(&with(false, true), APPROVED, story, "Until 170");
        let later = Facts { now: Timestamp::from_second(200).unwrap(), ..with(false, true) };
        check_with(&later, APPROVED, story, "Ask { resend: true }");
        check_with(&with(true, false), DRAFT, story, "NoteUnsure");
        check_with(&with(true, false), OnDesk::Absent, story, "NoteUnsure");
        check_with(&with(true, true), APPROVED, story, "Ask { resend: true }");
        check_with(&with(true, true), OnDesk::Absent, story, "Until 170");
        check_with(&with(true, true), APPROVED, "drafted claimed-b sending", "Until 170");
        let later = Facts { capabilities: with(true, true).capabilities, ..later };
        check_with(&later, OnDesk::Absent, story, "Ask { resend: false }");
        check_with(&with(true, false), APPROVED, "drafted claimed-b sending", "NoteUnsure");
    }

    #[test]
    fn a_list_that_had_begun_is_taken_back_only_by_asking_what_is_there() {
        let asked = Facts { capabilities: Capabilities { dedupes: true, can_find: true }, ..facts() };
        for on_desk in [DRAFT, OnDesk::Absent] {
            for story in ["list claimed sending deferred", "list claimed sending deferred claimed"] {
                check_with(&asked, on_desk, story, "Ask { resend: false }");
                check(on_desk, story, "NoteUnsure");
            }
            check_with(&asked, on_desk, "list claimed deferred", "Withdraw");
            check_with(&asked, on_desk, "list claimed", "Withdraw");
        }
        check_with(&asked, APPROVED, "list claimed sending deferred-on", "Until 900");
        check_with(&asked, APPROVED, "list claimed sending deferred", "Claim 1");
        check_with(&asked, APPROVED, "list claimed-b sending deferred", "Claim 2");
        check_with(&asked, APPROVED, "list claimed-b deferred", "Withdraw");
    }

    #[test]
    fn what_was_rehearsed_is_sent_by_another_transport_only() {
        let facts = Facts { rehearses: true, ..facts() };
        check_with(&facts, APPROVED, "drafted claimed rehearsed", "Wait(Rehearsed)");
        check_with(&facts, APPROVED, "drafted claimed-b rehearsed", "Claim 2");
    }

    #[test]
    fn another_machines_sending_is_never_repeated() {
        let mut facts = Facts { host: "other".to_owned(), ..facts() };
        facts.capabilities = Capabilities { dedupes: true, can_find: true };
        check_with(&facts, APPROVED, "drafted claimed sending", "Until 1850");
        facts.now = Timestamp::from_second(2000).unwrap();
        check_with(&facts, APPROVED, "drafted claimed sending", "NoteUnsure");
    }

    #[test]
    fn nothing_noted_later_unlocks_what_went_or_may_have_gone() {
        for later in
            ["rejected", "expired", "superseded", "drafted", "rejected superseded", "superseded expired"]
        {
            check(APPROVED, &format!("drafted claimed sending sent {later}"), "Clear");
            check(APPROVED, &format!("drafted claimed sending unsure {later}"), "Wait(Resolve)");
            check(APPROVED, &format!("drafted claimed sending {later}"), "NoteUnsure");
            check(DRAFT, &format!("drafted claimed sending sent {later}"), "Wait(EditedAfter)");
        }
    }

    #[test]
    fn a_thread_that_moved_on_is_noticed() {
        let message = |id: &str, from: &str| Message {
            id: id.to_owned(),
            from: Address::new("", from),
            ..Message::default()
        };
        let ours = [Address::new("", "sam@example.com")];
        let mut tail = vec![message("<1>", "ada@example.org"), message("<2>", "ada@example.org")];
        let later =
            |tail: &[Message], answered| newer(tail, answered, None, &ours).map(|message| message.id.clone());
        assert_eq!(later(&tail, "<2>"), None);
        assert_eq!(later(&tail, "<1>").as_deref(), Some("<2>"));
        tail.push(message("<3>", "sam@example.com"));
        assert_eq!(later(&tail, "<2>").as_deref(), Some("<3>"));
        tail[2] = message("<4>", "no-reply@example.org");
        assert_eq!(later(&tail, "<2>"), None);
    }
}
