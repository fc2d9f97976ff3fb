//! Internet mail: its bytes are read into a message, and an approved answer is written as bytes.
//!
//! Both directions are pure functions of their arguments. Where the bytes come from and where they
//! go is the business of the connectors beside this module; nothing here touches a disk or a net.

use std::ops::Range;

pub mod body;
pub mod limits;
pub mod read;
pub mod views;
pub mod write;

#[cfg(test)]
pub mod tests;

/// Bytes of the longest Message-ID that is believed; RFC 5322 lines end at 998.
pub const MESSAGE_ID_BYTES_MAX: usize = 900;

/// Characters that a Message-ID is made of, between its angle brackets: printable ASCII.
const MESSAGE_ID_CHARACTERS: Range<char> = '\u{21}'..'\u{7f}';

/// Returns the Message-ID with its angle brackets, or nothing if it could not be echoed as it is.
///
/// An id that has to be changed to fit a header would name another message.
pub fn message_id(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
    let plain = !inner.is_empty()
        && inner.len() <= MESSAGE_ID_BYTES_MAX
        && inner.chars().all(|c| MESSAGE_ID_CHARACTERS.contains(&c) && !matches!(c, '<' | '>'));
    plain.then(|| format!("<{inner}>"))
}
