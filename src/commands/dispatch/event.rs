//! What becomes of drafts in a pass of the sender, in the words that are told.

use jiff::Timestamp;

use crate::id::{DraftId, ObjectId};

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
        /// The commit that approves it, where it waits before it is claimed.
        approval: Option<ObjectId>,
    },
    /// The other side said no.
    Failed(String),
    /// Nobody knows whether it went.
    Unsure(String),
    /// The thread moved on.
    Stale {
        /// What came is an answer of our own.
        ours: bool,
    },
    /// The approval was taken back in time.
    Withdrawn(String),
    /// A person rejected it.
    Rejected(String),
    /// It was changed after it went.
    EditedAfter,
    /// Its message is marked as read, as whoever rejected it wanted.
    Read {
        /// Where.
        source: String,
    },
    /// Its message could not be marked as read.
    Unread {
        /// Where.
        source: String,
        /// Why.
        why: String,
        /// Whether the next run tries again.
        again: bool,
    },
}

impl What {
    /// Changes the words in it.
    pub(super) fn with_words(mut self, change: impl Fn(&str) -> String) -> Self {
        match &mut self {
            What::Held { why, .. }
            | What::Later { why, .. }
            | What::Failed(why)
            | What::Unsure(why)
            | What::Withdrawn(why)
            | What::Rejected(why)
            | What::Unread { why, .. } => *why = change(why),
            What::Sent | What::Rehearsed | What::Stale { .. } | What::EditedAfter | What::Read { .. } => {}
        }
        self
    }
}
