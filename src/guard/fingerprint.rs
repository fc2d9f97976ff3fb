//! Recognises a secret without keeping it: by its length and a keyed hash of its letters.
//!
//! A plain hash of a weak password could be guessed by whoever finds it; one with a random key of this
//! machine cannot, as long as the key stays where it is. Nothing here may ever hold a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::hmac;

use crate::fold;
use crate::message::Message;

/// The first line of a list.
const VERSION: &str = "git-drafts known secrets, version 1";

/// The most spellings that a list holds; the oldest ones of the inbox go first, and those that have the
/// shape of a secret after all others.
pub const SPELLINGS_MAX: usize = 20_000;

/// How many spellings go together where a list is full, so that not every new one moves the whole list.
const SPELLINGS_LEAVING: usize = 1_000;

/// Letters and digits below which a value is not recognised: every text would hold it.
pub const LENGTH_MIN: usize = 6;

/// Letters and digits from which other spellings than the plain one are recognised, too.
const SPELT_LENGTH_MIN: usize = 8;

/// Letters and digits up to which other spellings are recognised; longer ones are blocks of keys.
const SPELT_LENGTH_MAX: usize = 512;

/// Bytes of a keyed hash that are kept.
const MAC_BYTES: usize = 16;

/// The random key of one desk on one machine.
#[derive(Clone)]
pub struct Key {
    mac: hmac::Key,
    /// The odd number that windows are rolled with.
    base: u64,
}

impl Key {
    /// The bytes of a key.
    pub const BYTES: usize = 32;

    /// Makes a key of random bytes.
    pub fn new(bytes: &[u8; Self::BYTES]) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let tag = hmac::sign(&mac, b"base");
        let base = tag.as_ref().iter().take(8).fold(0, |base, byte| base << 8 | u64::from(*byte));
        Self { mac, base: base | 1 }
    }

    /// Reads a key as it is stored: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end();
        let pairs = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> =
            pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect();
        let is_hex = text.len() == 2 * Self::BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(())?;
        Some(Self::new(&bytes?.try_into().ok()?))
    }

    /// Returns the keyed hash of a value, whatever its case and its white space, as people see it in the
    /// list of what they allow: `hmac-sha256:` and 32 hexadecimal digits.
    pub fn of_value(&self, value: &str) -> String {
        let letters = fold::squashed(value).0;
        let letters = if letters.len() < LENGTH_MIN { value.trim() } else { &letters };
        format!("hmac-sha256:{}", hex(&self.hash("value", letters.as_bytes())))
    }

    /// Returns the keyed hash of what an answer says and to whom.
    pub fn of_content(&self, parts: &[&[u8]]) -> String {
        format!("hmac-sha256:{}", hex(&self.hash("content", &with_lengths(parts))))
    }

    /// Returns the keyed hash of a message as it was fetched: of what [`Message::digest`] is made of, with
    /// the secrets that stand in it. Whoever has the ledger and not the key learns nothing of them.
    pub fn of_message(&self, message: &Message) -> String {
        let Message { from, subject, body, .. } = message;
        let parts = [&from.email, subject, body].map(|part| part.as_bytes());
        format!("hmac-sha256:{}", hex(&self.hash("message", &with_lengths(&parts))))
    }

    /// Returns the keyed hash of a thread's name.
    pub fn of_thread(&self, source: &str, thread: &str) -> String {
        hex(&self.hash("thread", format!("{source}\n{thread}").as_bytes())[..8])
    }

    fn hash(&self, what: &str, bytes: &[u8]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(what.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        let tag = context.sign();
        let mut kept = [0; MAC_BYTES];
        kept.copy_from_slice(&tag.as_ref()[..MAC_BYTES]);
        kept
    }

    /// Returns what a window of these letters rolls to.
    fn rolled(&self, letters: &[u8]) -> u64 {
        letters.iter().fold(0, |sum, letter| self.roll(sum, *letter))
    }

    fn roll(&self, sum: u64, letter: u8) -> u64 {
        sum.wrapping_mul(self.base).wrapping_add(u64::from(letter) + 1)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// Where a recognised value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The wiring: one of our own credentials.
    Credential,
    /// A message: a secret by its shape.
    Hard,
    /// A message: no word of a language, and the words around it said that it is a secret.
    Soft,
    /// A message: a word that the words around it made a secret. It is one in its own thread alone.
    Word,
}

impl Origin {
    const ALL: [Origin; 4] = [Origin::Credential, Origin::Hard, Origin::Soft, Origin::Word];

    /// Returns the origin of a value that was taken out of a message.
    pub fn of_message(value: &str, hard: bool) -> Self {
        match (hard, value.chars().all(char::is_alphabetic)) {
            (true, _) => Origin::Hard,
            (false, true) => Origin::Word,
            (false, false) => Origin::Soft,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Origin::Credential => "credential",
            Origin::Hard => "hard",
            Origin::Soft => "soft",
            Origin::Word => "word",
        }
    }
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Origin::ALL.into_iter().find(|origin| origin.word() == word).ok_or(())
    }
}

/// One spelling of one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spelling {
    origin: Origin,
    /// Bytes of its letters and digits, folded.
    length: usize,
    /// What they roll to: a quick look that spares the hash.
    rolled: u32,
    mac: [u8; MAC_BYTES],
    /// The keyed hash of the thread that it stood in; none for a credential.
    thread: Option<String>,
}

/// The values that are recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprints {
    spellings: Vec<Spelling>,
    known: BTreeSet<Spelling>,
}

/// Why a list cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It was written by another version, or it is none.
    #[error("it is no list of version 1")]
    Version,
    /// It was made with another key.
    #[error("it was made with another key")]
    OtherKey,
    /// A line is not understood.
    #[error("line {0} is malformed")]
    Line(usize),
}

impl Fingerprints {
    /// Reads a list.
    ///
    /// # Errors
    /// Another version, another key, a malformed line: a list that is not understood is no empty list.
    pub fn parse(key: &Key, text: &str) -> Result<Self, ListError> {
        let mut lines = text.lines().enumerate();
        if lines.next().is_none_or(|(_, line)| line != VERSION) {
            return Err(ListError::Version);
        }
        if lines.next().is_none_or(|(_, line)| line != check_line(key)) {
            return Err(ListError::OtherKey);
        }
        let mut list = Self::default();
        for (index, line) in lines {
            list.push(spelling(line).ok_or(ListError::Line(index + 1))?);
        }
        Ok(list)
    }

    /// Writes the list.
    pub fn render(&self, key: &Key) -> String {
        let mut text = format!("{VERSION}\n{}\n", check_line(key));
        for Spelling { origin, length, rolled, mac, thread } in &self.spellings {
            let (origin, thread) = (origin.word(), thread.as_deref().unwrap_or("-"));
            text.push_str(&format!("{origin} {length} {rolled:08x} {} {thread}\n", hex(mac)));
        }
        text
    }

    /// Notes a value; tells whether that changed anything. `thread` is [`Key::of_thread`].
    pub fn add(&mut self, key: &Key, value: &str, origin: Origin, thread: Option<&str>) -> bool {
        let mut changed = false;
        for letters in spellings(value) {
            let letters = letters.as_bytes();
            changed |= self.push(Spelling {
                origin,
                length: letters.len(),
                rolled: high(key.rolled(letters)),
                mac: key.hash("spelling", letters),
                thread: thread.map(str::to_owned),
            });
        }
        changed
    }

    /// Adds what another list has.
    pub fn extend(&mut self, other: Fingerprints) {
        for spelling in other.spellings {
            self.push(spelling);
        }
    }

    /// Returns where values stand in a text, and where they come from; in no order.
    ///
    /// A [`Origin::Word`] is looked for in its own thread alone.
    pub fn find(&self, key: &Key, text: &str, thread: Option<&str>) -> Vec<(Range<usize>, Origin)> {
        let is_here = |one: &Spelling| thread.is_some() && one.thread.as_deref() == thread;
        self.look(key, text, |one| one.origin != Origin::Word || is_here(one))
    }

    /// Returns where values stand in a message: our own credentials, and what was taken out of its thread.
    ///
    /// What is a secret in one thread is a word in another, so that a message comes out the same whatever
    /// others have written since.
    pub fn find_inbound(&self, key: &Key, text: &str, thread: &str) -> Vec<Range<usize>> {
        let counts =
            |one: &Spelling| one.origin == Origin::Credential || one.thread.as_deref() == Some(thread);
        self.look(key, text, counts).into_iter().map(|(place, _)| place).collect()
    }

    fn look(&self, key: &Key, text: &str, counts: impl Fn(&Spelling) -> bool) -> Vec<(Range<usize>, Origin)> {
        if self.spellings.is_empty() {
            return Vec::new();
        }
        let (letters, places) = fold::squashed(text);
        let letters = letters.as_bytes();
        let mut by_length: BTreeMap<usize, Vec<&Spelling>> = BTreeMap::new();
        for one in self.spellings.iter().filter(|one| one.length <= letters.len() && counts(one)) {
            by_length.entry(one.length).or_default().push(one);
        }
        let mut found = Vec::new();
        for (length, mut wanted) in by_length {
            wanted.sort_by_key(|one| (one.rolled, one.origin));
            for start in windows(key, letters, length, &wanted) {
                let mac = key.hash("spelling", &letters[start..start + length]);
                // The gravest origin of several comes first.
                let known = wanted.iter().filter(|one| one.mac == mac).map(|one| one.origin).min();
                if let (Some(origin), Some(first), Some(last)) =
                    (known, places.get(start), places.get(start + length - 1))
                {
                    found.push((first.start..last.end, origin));
                }
            }
        }
        found
    }

    /// Returns how many spellings are known.
    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    /// Tells whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    fn push(&mut self, spelling: Spelling) -> bool {
        if !self.known.insert(spelling.clone()) {
            return false;
        }
        self.spellings.push(spelling);
        if self.spellings.len() > SPELLINGS_MAX {
            self.forget_oldest();
        }
        true
    }

    /// Forgets the oldest of what words alone made a secret, then the oldest of what has the shape of one;
    /// never a credential.
    fn forget_oldest(&mut self) {
        let mut leaving = SPELLINGS_LEAVING;
        for gone in [&[Origin::Soft, Origin::Word][..], &[Origin::Hard]] {
            let known = &mut self.known;
            self.spellings.retain(|one| {
                let goes = leaving > 0 && gone.contains(&one.origin);
                if goes {
                    leaving -= 1;
                    known.remove(one);
                }
                !goes
            });
        }
    }
}

/// Returns where windows of a length begin that roll to what one of these rolls to.
fn windows<'t>(
    key: &'t Key,
    letters: &'t [u8],
    length: usize,
    wanted: &'t [&Spelling],
) -> impl Iterator<Item = usize> + 't {
    // A bit for each value's last sixteen bits: nearly every window is told by one look.
    let mut quick = vec![0_u64; 1024];
    for one in wanted {
        let bit = one.rolled & 0xffff;
        quick[bit as usize / 64] |= 1 << (bit % 64);
    }
    let leaving = (1..length).fold(1_u64, |power, _| power.wrapping_mul(key.base));
    let mut sum = key.rolled(&letters[..length]);
    (0..=letters.len() - length).filter(move |start| {
        if let Some(before) = start.checked_sub(1) {
            let gone = (u64::from(letters[before]) + 1).wrapping_mul(leaving);
            sum = key.roll(sum.wrapping_sub(gone), letters[before + length]);
        }
        let rolled = high(sum);
        let bit = rolled & 0xffff;
        quick[bit as usize / 64] & 1 << (bit % 64) != 0
            && wanted.binary_search_by_key(&rolled, |one| one.rolled).is_ok()
    })
}

/// Returns the upper half, which every letter of a window has had its part in.
fn high(sum: u64) -> u32 {
    (sum >> 32) as u32
}

/// Returns how a value may be written, as it looks in squashed text: as it is, reversed, in base64 at any
/// phase, and in hex.
fn spellings(value: &str) -> Vec<String> {
    let value = value.trim();
    let plain = fold::squashed(value).0;
    if plain.len() < LENGTH_MIN {
        return Vec::new();
    }
    let mut spellings = vec![plain.clone()];
    if (SPELT_LENGTH_MIN..=SPELT_LENGTH_MAX).contains(&plain.len()) {
        spellings.push(plain.chars().rev().collect());
        let hex = hex(value.as_bytes());
        let others = (0..3).map(|phase| base64_inside(value, phase)).chain([hex]);
        spellings.extend(
            others.map(|other| fold::squashed(&other).0).filter(|other| other.len() >= SPELT_LENGTH_MIN),
        );
    }
    spellings
}

/// Returns the base64 letters that a value gives whatever stands before it, where it begins at `phase`
/// bytes of a group of three, and whatever stands behind it.
fn base64_inside(value: &str, phase: usize) -> String {
    let framed = [&[0; 2][..phase], value.as_bytes()].concat();
    let letters = STANDARD_NO_PAD.encode(&framed);
    let last = framed.len() * 8 / 6;
    letters.get([0, 2, 3][phase]..last).unwrap_or_default().to_owned()
}

/// Joins parts so that no two lists of them give the same bytes.
fn with_lengths(parts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts {
        all.extend((part.len() as u64).to_be_bytes());
        all.extend(*part);
    }
    all
}

fn check_line(key: &Key) -> String {
    format!("key {}", hex(&key.hash("check", b"")[..4]))
}

fn spelling(line: &str) -> Option<Spelling> {
    let mut words = line.split(' ');
    let origin = words.next()?.parse().ok()?;
    let length = words.next()?.parse().ok().filter(|length| *length >= LENGTH_MIN)?;
    let rolled = u32::from_str_radix(words.next()?, 16).ok()?;
    let mac = words.next().filter(|mac| mac.len() == 2 * MAC_BYTES)?;
    let mac = u128::from_str_radix(mac, 16).ok()?.to_be_bytes();
    let thread = words.next().filter(|thread| !thread.is_empty())?;
    let thread = (thread != "-").then(|| thread.to_owned());
    words.next().is_none().then_some(Spelling { origin, length, rolled, mac, thread })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Key {
        Key::new(&[7; Key::BYTES])
    }

    fn list(values: &[(&str, Origin)]) -> Fingerprints {
        let mut list = Fingerprints::default();
        for (value, origin) in values {
            list.add(&key(), value, *origin, Some("thread"));
        }
        list
    }

    fn secret() -> String {
        ["Wnt3r", "-Mantis", "-41x"].concat()
    }

    #[test]
    fn a_value_is_recognised_however_it_is_written() {
        let secret = secret();
        let list = list(&[(&secret, Origin::Hard)]);
        let mut spellings = vec![
            secret.clone(),
            secret.to_uppercase(),
            secret.chars().rev().collect(),
            secret.chars().flat_map(|c| [c, ' ']).collect::<String>().trim_end().to_owned(),
            secret.replace('-', "\n> "),
            secret.replace('a', "а"),
            hex(secret.as_bytes()),
        ];
        for before in ["", "a", "ab"] {
            spellings.push(STANDARD_NO_PAD.encode(format!("{before}{secret} and more")));
        }
        for spelling in spellings {
            let text = format!("it is {spelling} as you asked");
            let found = list.find(&key(), &text, None);
            assert!(!found.is_empty(), "{spelling}");
            assert!(found.iter().all(|(place, _)| place.start >= 6), "{spelling}");
        }
        assert_eq!(list.find(&key(), &secret, None), [(0..secret.len(), Origin::Hard)]);
        assert_eq!(list.find(&key(), "winter, mantis and 41 others", None), []);
        assert_eq!(list.find(&Key::new(&[8; Key::BYTES]), &secret, None), []);
    }

    #[test]
    fn a_word_counts_in_its_own_thread_alone() {
        let list = list(&[("sunshine", Origin::of_message("sunshine", false))]);
        assert_eq!(list.find(&key(), "enjoy the sunshine", None), []);
        assert_eq!(list.find(&key(), "enjoy the sunshine", Some("other")), []);
        assert_eq!(list.find(&key(), "enjoy the sunshine", Some("thread")), [(10..18, Origin::Word)]);
        assert_eq!(Origin::of_message("sunshine1", false), Origin::Soft);
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_holds_no_value() {
        let mut list = list(&[(&secret(), Origin::Credential), ("hunter2", Origin::Soft)]);
        let text = list.render(&key());
        assert_eq!(Fingerprints::parse(&key(), &text), Ok(list.clone()));
        assert_eq!(list.len(), 7);
        let squashed = fold::squashed(&text).0;
        assert!(!squashed.contains("mantis") && !squashed.contains("hunter2"), "{text}");
        assert!(!list.add(&key(), "hunter2", Origin::Soft, Some("thread")), "it is known");
        assert!(list.add(&key(), "hunter3", Origin::Soft, Some("thread")));
    }

    #[test]
    fn a_list_that_is_not_understood_is_no_empty_list() {
        let text = list(&[("hunter2", Origin::Soft)]).render(&key());
        let check = |text: &str, expected| assert_eq!(Fingerprints::parse(&key(), text), Err(expected));
        check("", ListError::Version);
        check(&text.replace("version 1", "version 2"), ListError::Version);
        check(&text.replace("soft 7", "soft x"), ListError::Line(3));
        check(&text.replace("soft 7", "sort 7"), ListError::Line(3));
        check(&format!("{text}soft 7\n"), ListError::Line(4));
        let other = Key::new(&[8; Key::BYTES]);
        assert_eq!(Fingerprints::parse(&other, &text), Err(ListError::OtherKey));
    }

    #[test]
    fn what_is_short_is_not_noted() {
        assert!(list(&[("4711", Origin::Soft), ("", Origin::Hard), ("k9!q", Origin::Hard)]).is_empty());
    }

    #[test]
    fn a_full_list_forgets_the_oldest_of_the_inbox_and_shapes_last() {
        let mut full = list(&[("our-own-1", Origin::Credential), ("its-shape-1", Origin::Hard)]);
        full.add(&key(), "hunter-number-2", Origin::Soft, Some("thread"));
        let flood = |full: &mut Fingerprints, origin| {
            for number in 0..2 * SPELLINGS_MAX {
                let mac = (number as u128).to_be_bytes();
                full.push(Spelling { origin, length: 9, rolled: 0, mac, thread: None });
                assert!(full.len() <= SPELLINGS_MAX);
            }
        };
        let found = |full: &Fingerprints| {
            ["our-own-1", "its-shape-1", "hunter-number-2"]
                .map(|text| !full.find(&key(), text, None).is_empty())
        };
        assert_eq!(found(&full), [true, true, true]);
        flood(&mut full, Origin::Soft);
        assert_eq!(found(&full), [true, true, false]);
        flood(&mut full, Origin::Hard);
        assert_eq!(found(&full), [true, false, false]);
        assert_eq!(full.known.len(), full.len());
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert!(Key::parse(&"0a".repeat(32)).is_some());
        for wrong in ["", "0a", &"0".repeat(63), &"zz".repeat(32), &"+1".repeat(32), &"é".repeat(32)] {
            assert!(Key::parse(wrong).is_none(), "{wrong}");
        }
        let same = key().of_value("Hunter 22");
        assert_eq!(key().of_value("hunter22"), same);
        assert_ne!(key().of_value("hunter23"), same);
    }

    proptest! {
        #[test]
        fn a_value_in_any_text_is_found(before in "[ -~é]{0,40}", value in "[a-zA-Z0-9]{8,40}", after in "[ -~é]{0,40}") {
            let list = list(&[(&value, Origin::Hard)]);
            let text = format!("{before}{value}{after}");
            prop_assert!(list.find(&key(), &text, None).iter().any(|(place, _)| text.get(place.clone()).is_some()));
        }
    }
}
