//! What goes out, and what we know about it afterwards.
//!
//! Sending does not succeed or fail: it ends in what we know. An error after the first byte that
//! cannot be taken back is never reported as a failure.

use std::fmt;

use jiff::{Timestamp, Zoned};

use crate::id::DraftId;
use crate::message::Address;

/// The key of one transmission, the same on every attempt: `kqzmwvst.1.3f9c2a71`.
///
/// Draft id, generation, and the desk's own id, so that two desks that answer one message never
/// share a key. Used as `Idempotency-Key`, as the left part of the `Message-ID`, and as a marker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// Makes the key of a generation of a draft on a desk.
    pub fn new(id: &DraftId, generation: u32, desk: &str) -> Self {
        Self(format!("{id}.{generation}.{desk}"))
    }

    /// Returns this key, and then those of the earlier generations of its draft, the last one first.
    pub fn with_earlier(&self) -> Vec<Key> {
        let parts = self.0.split_once('.').and_then(|(id, rest)| Some((id, rest.split_once('.')?)));
        let Some((id, (generation, desk))) = parts else { return vec![self.clone()] };
        let last = generation.parse::<u32>().unwrap_or(1);
        (1..=last).rev().map(|generation| Key(format!("{id}.{generation}.{desk}"))).collect()
    }

    /// Returns the key as it stands in headers: letters, digits and dots.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file that goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file name, without folders.
    pub name: String,
    /// The committed bytes.
    pub bytes: Vec<u8>,
}

/// One approved answer, rendered: a function of the claim and the approved blob, so that the same
/// key always gives the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The key of this transmission.
    pub key: Key,
    /// The time of the claim.
    pub date: Zoned,
    /// The `Message-ID`, with angle brackets.
    pub message_id: String,
    /// The native thread id of the source.
    pub thread: String,
    /// The native id of the message that it answers.
    pub answers: String,
    /// The `In-Reply-To` header, with angle brackets; none where the answered message had no id.
    pub in_reply_to: Option<String>,
    /// The `References` header, oldest first.
    pub references: Vec<String>,
    /// Who we are on that account.
    pub from: Address,
    /// The recipients that were approved.
    pub to: Vec<Address>,
    /// The other recipients that were approved.
    pub cc: Vec<Address>,
    /// The subject, one line.
    pub subject: String,
    /// The Markdown text as it was approved.
    pub text: String,
    /// The sanitised HTML made of it.
    pub html: String,
    /// What goes along.
    pub attachments: Vec<Attachment>,
}

/// What a transport can do to make sending again safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The same key is delivered once, however often it is sent.
    pub dedupes: bool,
    /// It can be asked whether a key has arrived.
    pub can_find: bool,
}

/// What we know after trying to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has taken it.
    Delivered {
        /// The other side's own words or id, one line.
        receipt: String,
    },
    /// The other side said later, and has not taken it.
    Deferred {
        /// When to try again.
        until: Timestamp,
        /// Why, one line.
        reason: String,
    },
    /// The other side said no, and has not taken it.
    Failed {
        /// Why, one line.
        reason: String,
    },
    /// Nobody knows whether it was taken.
    Unsure {
        /// What happened, one line.
        reason: String,
    },
}

/// What a transport says when asked for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It has arrived.
    Yes {
        /// The other side's id of it, one line.
        receipt: String,
    },
    /// It has certainly not arrived.
    No,
    /// It cannot be asked just now.
    Away {
        /// What was tried and what came back, one line.
        reason: String,
    },
    /// The transport cannot tell, now or later.
    Unknown {
        /// Why not, one line.
        reason: String,
    },
}
