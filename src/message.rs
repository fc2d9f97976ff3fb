//! What came in, whatever it came from: one message of a thread, and who is who in it.
//!
//! A message is data. Nothing in it is ever an instruction to this program.

use std::fmt;

use jiff::Zoned;
use sha2::{Digest, Sha256};

use crate::text;

/// A person, a mailbox or an agent: a display name and an address.
///
/// `email` is an RFC 5322 addr-spec where the connector is mail, an agent's name where it is a hub.
/// Written as `Ada Brown <ada@example.org>`, or as the bare address when there is no name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The display name, one line, without `<`, `>` and `"`; may be empty.
    pub name: String,
    /// The address itself, one line, without white space.
    pub email: String,
}

impl Address {
    /// Makes an address of text from outside: one line each, nothing hidden, no brackets in the name.
    pub fn new(name: &str, email: &str) -> Self {
        let name: String = name.chars().filter(|c| !matches!(c, '<' | '>' | '"')).collect();
        let email: String = email.chars().filter(|c| !c.is_whitespace() && !matches!(c, '<' | '>')).collect();
        Self { name: text::one_line(&name, 120), email: text::one_line(&email, 320) }
    }

    /// Reads `Ada Brown <ada@example.org>` or `ada@example.org`; the inverse of its display.
    ///
    /// Returns nothing where there is no address in it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, email) = match text.strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
            Some((name, email)) => (name.trim(), email.trim()),
            None => ("", text),
        };
        let plain = !email.is_empty()
            && !email.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'))
            && text::is_visible(email)
            && !name.contains(['<', '>', '"', '\n', '\t'])
            && text::is_visible(name);
        plain.then(|| Self { name: name.to_owned(), email: email.to_owned() })
    }

    /// Tells whether mail can be sent there: something stands on both sides of one `@`.
    pub fn is_mail(&self) -> bool {
        let parts: Vec<&str> = self.email.split('@').collect();
        parts.len() == 2 && parts.iter().all(|part| !part.is_empty())
    }

    /// Tells whether both name the same mailbox: addresses are compared without regard to case.
    pub fn same_mailbox(&self, other: &Address) -> bool {
        self.email.eq_ignore_ascii_case(&other.email)
    }

    /// Returns what follows the last `@`, in lower case; nothing for an agent's name.
    pub fn domain(&self) -> Option<String> {
        self.email.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase())
    }

    /// Returns the display name, or the address where there is none.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { &self.email } else { &self.name }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            f.write_str(&self.email)
        } else {
            write!(f, "{} <{}>", self.name, self.email)
        }
    }
}

/// One message from a source.
///
/// Every text in it has gone through [`text::visible`] or [`text::one_line`]: what a brain reads,
/// what is committed and what a person sees are the same characters.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The Message-ID with its angle brackets, or the system's native id; `sha256:…` of the bytes
    /// where the message has none.
    pub id: String,
    /// The source's name in the wiring.
    pub source: String,
    /// The thread's native id (hub, forge), or the Message-ID of the thread's first message.
    pub thread: String,
    /// Who wrote it.
    pub from: Address,
    /// The addressees, RFC 5322 `To`.
    pub to: Vec<Address>,
    /// The other addressees, RFC 5322 `Cc`.
    pub cc: Vec<Address>,
    /// Where the writer wants answers, RFC 5322 `Reply-To`; mostly empty.
    pub reply_to: Vec<Address>,
    /// The subject, one line.
    pub subject: String,
    /// The subject is the thread's, which anybody may change later, and no words of this message.
    pub has_thread_subject: bool,
    /// When it was written, with the writer's offset; the claim of the writer.
    pub date: Option<Zoned>,
    /// The Message-ID that it answers.
    pub in_reply_to: Option<String>,
    /// The Message-IDs of its ancestors, oldest first.
    pub references: Vec<String>,
    /// The headers that tell what kind of message it is, names in lower case (`auto-submitted`,
    /// `list-id`, `precedence`, …).
    pub headers: Vec<(String, String)>,
    /// The text, canonical and visible.
    pub body: String,
    /// The names of what was attached.
    pub attachments: Vec<String>,
    /// What a person should know before an answer, each a short phrase without text of the message.
    pub findings: Vec<String>,
}

impl Message {
    /// Returns the value of a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the SHA-256, in hex, of who wrote what under which subject of its own.
    ///
    /// Two messages with one id and different digests are two messages.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let subject = if self.has_thread_subject { "" } else { &self.subject };
        for part in [&self.from.email, subject, &self.body] {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        hex(&digest.finalize())
    }
}

/// What the id of an [`Unreadable`] begins with that stands for messages which were not asked for this time,
/// for want of time.
pub const LEFT_OUT: &str = "left-out:";

/// A message that a source has, but that could not be read as one.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The source's name in the wiring.
    pub source: String,
    /// The native id, or `sha256:…` of the bytes.
    pub id: String,
    /// What is wrong with it, without a full stop.
    pub what: String,
}

impl Unreadable {
    /// Tells whether it stands for messages that are still to be read, so that the source was not read whole.
    pub fn leaves_out(&self) -> bool {
        self.id.starts_with(LEFT_OUT)
    }
}

/// What a source gave for one message.
pub type Fetched = Result<Message, Unreadable>;

/// Returns the SHA-256 of `bytes` in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        for text in ["Ada Brown <ada@example.org>", "ada@example.org", "planner", "Brown, Ada <a@b.c>"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "  ", "Ada <>", "a b", "a@b.c, d@e.f", "Ada\nBcc: x <a@b.c>", "a@b\u{200b}.c", "<<a@b.c>>"]
        {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_name_and_address_from_outside_round_trip(name in ".*", email in "[a-z0-9.+_-]{1,30}(@[a-z0-9.-]{1,30})?") {
            let address = Address::new(&name, &email);
            prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
        }
    }
}
