//! The ledger's story of the draft, by number: each story is kept once, with the program's own entries.

use std::cell::RefCell;
use std::collections::HashMap;

use git_drafts::delivery::{Facts, OnDesk, Step, next};
use git_drafts::entry::{Claimed, Drafted, Entry, Fact, outlived};
use git_drafts::id::ObjectId;
use git_drafts::outgoing::Capabilities;
use git_drafts::plan::{Action, Tier};
use jiff::{SignedDuration, Timestamp};

use crate::desk::Text;

/// What one entry says, without what the decisions never look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Drafted,
    /// `drafted`, of another text in another file.
    Redrafted,
    Claimed(Text),
    Sending,
    Sent,
    Deferred,
    Failed,
    Unsure,
    Stale,
    Withdrawn,
    /// `withdrawn`, by `git drafts resolve --resend`.
    Resend,
    Rejected,
    Superseded,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Noted {
    pub kind: Kind,
    pub machine: u8,
    pub generation: u8,
}

/// How long ago the newest `sending` or `deferred` was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Age {
    Fresh,
    /// Longer than a receiver may be busy, and than a `deferred` lasts.
    Settled,
    /// Longer than another machine may be at it.
    Old,
}

/// The number of a story in [`Stories`].
pub type StoryId = u16;

/// A question to the program: the desk, the story, the time, the machine that asks.
type Question = (OnDeskCode, StoryId, Age, u8);
type OnDeskCode = (u8, Option<ObjectId>);

/// Every story that the search has met, and every answer that the program has given about them.
pub struct Stories {
    receiver: Capabilities,
    known: RefCell<Vec<(Vec<Noted>, Vec<Entry>)>>,
    longer: RefCell<HashMap<(StoryId, Noted), StoryId>>,
    answers: RefCell<HashMap<Question, Step>>,
}

impl Stories {
    /// Begins with one story: a draft was made.
    pub fn new(receiver: Capabilities) -> Self {
        let begin = Noted { kind: Kind::Drafted, machine: 0, generation: 1 };
        Self {
            receiver,
            known: RefCell::new(vec![(vec![begin], vec![entry(begin)])]),
            longer: RefCell::default(),
            answers: RefCell::default(),
        }
    }

    pub fn count(&self) -> usize {
        self.known.borrow().len()
    }

    /// Returns the story that is one entry longer. Attempts that follow each other count as one, so that a
    /// receiver that loses every request does not make stories without end.
    pub fn append(&self, story: StoryId, noted: Noted) -> StoryId {
        if noted.kind == Kind::Sending && self.last(story) == noted {
            return story;
        }
        *self.longer.borrow_mut().entry((story, noted)).or_insert_with(|| {
            let mut known = self.known.borrow_mut();
            let (mut short, mut entries) = known[usize::from(story)].clone();
            short.push(noted);
            entries.push(entry(noted));
            known.push((short, entries));
            StoryId::try_from(known.len() - 1).unwrap()
        })
    }

    /// Asks the program.
    pub fn next(&self, on_desk: OnDesk, story: StoryId, age: Age, machine: u8) -> Step {
        let code = match on_desk {
            OnDesk::Absent => (0, None),
            OnDesk::Draft(blob) => (1, Some(blob)),
            OnDesk::Approved(blob) => (2, Some(blob)),
            OnDesk::Unreadable => (3, None),
        };
        let answer = || {
            let passed = match age {
                Age::Fresh => SignedDuration::ZERO,
                Age::Settled => SignedDuration::from_mins(3),
                Age::Old => SignedDuration::from_mins(40),
            };
            let facts = Facts {
                now: Timestamp::UNIX_EPOCH + passed,
                host: host(machine),
                capabilities: self.receiver,
                rehearses: false,
            };
            next(on_desk, &self.known.borrow()[usize::from(story)].1, &facts)
        };
        self.answers.borrow_mut().entry((code, story, age, machine)).or_insert_with(answer).clone()
    }

    /// Tells whether another draft was noted than the one whose text stands on the desk.
    pub fn is_outlived(&self, story: StoryId, text: Text) -> bool {
        outlived(&self.known.borrow()[usize::from(story)].1, text.path()).is_some()
    }

    /// Returns the text of the last draft that was noted.
    pub fn drafted(&self, story: StoryId) -> Text {
        let known = self.known.borrow();
        let redrafted = known[usize::from(story)].0.iter().rev().find_map(|noted| match noted.kind {
            Kind::Drafted => Some(Text::A),
            Kind::Redrafted => Some(Text::C),
            _ => None,
        });
        redrafted.unwrap_or(Text::A)
    }

    pub fn last(&self, story: StoryId) -> Noted {
        *self.known.borrow()[usize::from(story)].0.last().unwrap()
    }

    /// Returns the last claim: its text and its generation.
    pub fn claim(&self, story: StoryId) -> Option<(Text, u8)> {
        self.known.borrow()[usize::from(story)].0.iter().rev().find_map(|noted| match noted.kind {
            Kind::Claimed(text) => Some((text, noted.generation)),
            _ => None,
        })
    }
}

fn host(machine: u8) -> String {
    format!("machine {machine}")
}

/// Makes the program's own entry; every one is of the same moment, and the clock moves instead.
fn entry(noted: Noted) -> Entry {
    let word = String::new;
    let at = Timestamp::UNIX_EPOCH;
    let text = if noted.kind == Kind::Redrafted { Text::C } else { Text::A };
    let fact = match noted.kind {
        Kind::Drafted | Kind::Redrafted => Fact::Drafted(Box::new(Drafted {
            message: word(),
            digest: word(),
            fetched: None,
            source: word(),
            thread: word(),
            date: None,
            references: vec![],
            to: vec![],
            cc: vec![],
            action: Action::Reply,
            tier: Tier::Low,
            path: text.path().to_owned(),
            blob: text.draft(),
            policy: ObjectId::NONE,
            desk: ObjectId::NONE,
            brain: word(),
            confidence: None,
            prompt: None,
            reply: None,
            guidance: None,
        })),
        Kind::Claimed(text) => Fact::Claimed(Claimed {
            blob: text.approved(),
            attachments: vec![],
            commit: ObjectId::NONE,
            approver: word(),
            signer: None,
            transport: word(),
            overrides: Vec::new(),
        }),
        Kind::Sending => Fact::Sending,
        Kind::Sent => Fact::Sent { receipt: word() },
        Kind::Deferred => Fact::Deferred { until: at + SignedDuration::from_mins(1), reason: word() },
        Kind::Failed => Fact::Failed { reason: word() },
        Kind::Unsure => Fact::Unsure { reason: word() },
        Kind::Stale => Fact::Stale { newer: word() },
        Kind::Withdrawn => Fact::Withdrawn { reason: word(), resend: false },
        Kind::Resend => Fact::Withdrawn { reason: word(), resend: true },
        Kind::Rejected => Fact::Rejected { by: word(), reason: word(), commit: ObjectId::NONE },
        Kind::Superseded => Fact::Superseded { by: word() },
    };
    Entry { at, host: host(noted.machine), generation: u32::from(noted.generation), fact }
}
