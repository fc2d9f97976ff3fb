//! Names a draft: eight letters that are never a word and never a commit id; and names git objects.
//!
//! A draft's id is a function of the message it answers, so that the same message always gives the
//! same draft. It must never depend on a source's name, which a person may change.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The sixteen letters of an id: no vowel (never a word), no hex letter (never a commit id).
pub const ALPHABET: &[u8; 16] = b"ghjklmnpqrstvwxz";

/// Letters of an id that clashes with nothing.
pub const LENGTH: usize = 8;

/// Letters of the longest id: a clash adds two letters.
pub const LENGTH_MAX: usize = 16;

/// The id of a draft, for example `kqzmwvst`.
///
/// Eight to sixteen letters of [`ALPHABET`], an even number of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftId(String);

impl DraftId {
    /// Derives the id of the draft that answers the message with this Message-ID or native id.
    ///
    /// `length` is [`LENGTH`], or more where that id is taken by another message.
    pub fn derive(message_id: &str, length: usize) -> Self {
        let length = length.clamp(LENGTH, LENGTH_MAX);
        let digest = Sha256::digest(message_id.as_bytes());
        let letters = digest
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|nibble| char::from(ALPHABET[usize::from(nibble)]))
            .take(length)
            .collect();
        Self(letters)
    }

    /// Returns the whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first letters, as many as there are up to `length`; see [`shown_length`].
    pub fn first(&self, length: usize) -> &str {
        &self.0[..length.min(self.0.len())]
    }

    /// Returns the two letters that name the id's folder in the ledger.
    pub fn shard(&self) -> &str {
        &self.0[..2]
    }
}

impl fmt::Display for DraftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a draft id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a draft id: eight or more letters of `ghjklmnpqrstvwxz` are")]
pub struct NotAnId(String);

impl FromStr for DraftId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = (LENGTH..=LENGTH_MAX).contains(&text.len()) && text.len().is_multiple_of(2);
        if fits && is_prefix(text) { Ok(Self(text.to_owned())) } else { Err(NotAnId(text.to_owned())) }
    }
}

/// The name of a git object: the twenty bytes of its SHA-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 20]);

impl ObjectId {
    /// The name of no object.
    pub const NONE: ObjectId = ObjectId([0; 20]);

    /// Makes the name of its twenty bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Returns the twenty bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Returns the first seven hex digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..7].to_owned()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not the name of a git object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an object id: forty hex digits are")]
pub struct NotAnObjectId(String);

impl FromStr for ObjectId {
    type Err = NotAnObjectId;

    fn from_str(text: &str) -> Result<Self, NotAnObjectId> {
        let wrong = || NotAnObjectId(text.to_owned());
        if text.len() != 40 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 20];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// Tells whether `text` may begin an id: only letters of [`ALPHABET`], at least one.
pub fn is_prefix(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// Returns how many letters of each id people need to see so that all of `ids` differ; at least 4.
pub fn shown_length<'a>(ids: impl IntoIterator<Item = &'a DraftId>) -> usize {
    let mut sorted: Vec<&str> = ids.into_iter().map(DraftId::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
        .windows(2)
        .map(|pair| 1 + pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count())
        .max()
        .unwrap_or(0)
        .max(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_gives_the_same_id() {
        let id = DraftId::derive("<20261120113004.7c2f@example.org>", LENGTH);
        assert_eq!(id, DraftId::derive("<20261120113004.7c2f@example.org>", LENGTH));
        assert_eq!(id.as_str().len(), 8);
        assert!(id.as_str().bytes().all(|b| ALPHABET.contains(&b)));
    }

    #[test]
    fn a_clash_adds_letters_and_keeps_the_beginning() {
        let short = DraftId::derive("a", LENGTH);
        let long = DraftId::derive("a", LENGTH + 2);
        assert!(long.as_str().starts_with(short.as_str()));
        assert_eq!(long.as_str().len(), 10);
    }

    #[test]
    fn words_hashes_and_paths_are_not_ids() {
        for text in ["", "kqzm", "deadbeef", "KQZMWVST", "kqzmwvs", "../kqzmw", "kqzmwvst\n"] {
            assert!(text.parse::<DraftId>().is_err(), "{text:?}");
        }
        assert!("kqzmwvst".parse::<DraftId>().is_ok());
    }

    #[test]
    fn shown_ids_are_as_short_as_they_can_be() {
        let ids: Vec<DraftId> = ["kqzmwvst", "kqzmwhhh", "ghjklmnp"].map(|t| t.parse().unwrap()).into();
        assert_eq!(shown_length(&ids), 6);
        assert_eq!(shown_length(&ids[2..]), 4);
    }
}
