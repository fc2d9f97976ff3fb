//! What becomes of drafts in a pass of the sender, in the words that are told.

use jiff::Timestamp;

use crate::draft::Draft;
use crate::entry::Drafted;
use crate::id::{DraftId, ObjectId};
use crate::policy;
use crate::text;

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

/// Returns whom or what a draft goes to, for people. Whom its message does not name stands there by address, for
/// a name may be right where the address is not.
pub(super) fn goes_to(draft: &Draft, origin: Option<&Drafted>) -> String {
    let Some(origin) = origin else { return draft.goes_to() };
    let strangers = policy::stranger_addresses(draft, &origin.to, &origin.cc);
    if strangers.is_empty() {
        return draft.goes_to();
    }
    let known = draft.to.first().filter(|address| !strangers.contains(address)).map(|_| draft.goes_to());
    let strangers = strangers.iter().map(|address| text::one_line(&address.email, 80));
    known.into_iter().chain(strangers).collect::<Vec<_>>().join(", ")
}
