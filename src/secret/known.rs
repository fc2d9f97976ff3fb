//! The secrets that we know: our own credentials, and what was taken out of the inbox.
//!
//! They are searched for exactly, in every spelling that a brain or a sender may choose. What is
//! kept here is never shown.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use super::decode::Escape;
use super::{Hit, merged};
use crate::fold;

/// The secrets that we know.
///
/// They are found however they are written: in any case, spaced or broken over lines, with hidden
/// marks or look-alikes in them, reversed, rotated, in base64 (any phase, either alphabet, also
/// twice), base32, hex and decimal codes, percent-encoded, quoted-printable, as HTML entities.
#[derive(Clone, Default)]
pub struct Known {
    /// Exact spellings, for secrets too short or too symbolic to be squashed.
    exact: Vec<String>,
    /// Spellings as they look in [`fold::squashed`] text.
    squashed: Vec<String>,
    /// Searches of both, made when they are first needed.
    search: OnceLock<[AhoCorasick; 2]>,
}

impl Known {
    /// Characters below which a secret is not looked for: every text would hold it.
    pub const LENGTH_MIN: usize = 4;

    /// Letters and digits below which only the exact spelling counts.
    const SQUASHED_MIN: usize = 8;

    /// Notes secrets; those under [`Known::LENGTH_MIN`] characters are left out.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut known = Self::default();
        for secret in secrets {
            known.add(secret.as_ref());
        }
        known
    }

    /// Notes one more secret, without the white space around it.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() < Self::LENGTH_MIN || self.exact.iter().any(|known| known == secret) {
            return;
        }
        self.exact.push(secret.to_owned());
        let squashed = spellings(secret).into_iter().map(|spelling| fold::squashed(&spelling).0);
        self.squashed.extend(squashed.filter(|spelling| spelling.len() >= Self::SQUASHED_MIN));
        self.search = OnceLock::new();
    }

    /// Returns where known secrets stand in `text`; all of them are hard.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        if self.exact.is_empty() {
            return Vec::new();
        }
        let mut places = self.places(text);
        for decoded in Escape::ALL.iter().filter_map(|escape| escape.decode(text)) {
            let found = self.places(&decoded.text);
            places.extend(found.into_iter().filter_map(|place| decoded.place(place)));
        }
        let hit = |place: Range<usize>| Hit { kind: "known", start: place.start, end: place.end, hard: true };
        merged(places.into_iter().map(hit).collect())
    }

    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let [exact, squashed] = self.search.get_or_init(|| [search(&self.exact), search(&self.squashed)]);
        let (letters, origins) = fold::squashed(text);
        let mut places = occurrences(exact, text);
        places.extend(occurrences(squashed, &letters).into_iter().filter_map(|found| {
            let first = origins.get(found.start)?;
            let last = origins.get(found.end.checked_sub(1)?)?;
            Some(first.start..last.end)
        }));
        places
    }
}

impl fmt::Debug for Known {
    /// The number of secrets, never one of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({} secrets)", self.exact.len())
    }
}

/// Returns how a secret may be written, apart from what [`fold::squashed`] and [`Escape`] undo.
fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut spellings = vec![secret.to_owned(), secret.chars().rev().collect()];
    spellings.extend((1..26).map(|by| rotated(secret, by)));
    spellings.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    spellings.push(bytes.iter().map(u8::to_string).collect());
    spellings.push(bytes.iter().map(|byte| format!("{byte:03}")).collect());
    spellings.extend((0..5).map(|phase| base32_inside(bytes, phase)));
    for phase in 0..3 {
        let once = base64_inside(bytes, phase);
        spellings.extend((0..3).map(|phase| base64_inside(once.as_bytes(), phase)));
        spellings.push(once);
        spellings.push(base64_inside(&wide, phase));
    }
    spellings
}

fn rotated(text: &str, by: u8) -> String {
    let turn = |c: char, first: u8| char::from((c as u8 - first + by) % 26 + first);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            other => other,
        })
        .collect()
}

/// Returns the base64 letters that `bytes` give wherever they begin at `phase` bytes of a group of
/// three: those which no byte before or after them can change.
fn base64_inside(bytes: &[u8], phase: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    letters_inside(bytes, [0, 4, 2][phase % 3], 6, LETTERS)
}

/// The same for base32, whose groups have five bytes.
fn base32_inside(bytes: &[u8], phase: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    letters_inside(bytes, [0, 2, 4, 1, 3][phase % 5], 5, LETTERS)
}

fn letters_inside(bytes: &[u8], first: usize, bits: usize, letters: &[u8]) -> String {
    let bit = |at: usize| (bytes[at / 8] >> (7 - at % 8)) & 1;
    let starts = (first..).step_by(bits).take_while(|at| at + bits <= bytes.len() * 8);
    starts
        .map(|at| char::from(letters[usize::from((at..at + bits).fold(0, |sum, at| sum << 1 | bit(at)))]))
        .collect()
}

fn search(spellings: &[String]) -> AhoCorasick {
    AhoCorasick::new(spellings).expect("the spellings of a secret are far below the limits of a search")
}

fn occurrences(search: &AhoCorasick, text: &str) -> Vec<Range<usize>> {
    search.find_overlapping_iter(text).map(|found| found.range()).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;
    use crate::secret::redact;

    fn secret() -> String {
        ["Wnt3r", "-Mantis", "-41x"].concat()
    }

    fn hex(secret: &str, between: &str) -> String {
        secret.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(between)
    }

    fn every(secret: &str, write: impl FnMut(char) -> String) -> String {
        secret.chars().map(write).collect()
    }

    fn base32(text: &str) -> String {
        let padded: Vec<u8> = text.bytes().chain([0; 5]).collect();
        base32_inside(&padded, 0).chars().take(text.len().div_ceil(5) * 8).collect()
    }

    fn wrapped(text: &str, width: usize) -> String {
        let lines = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap());
        lines.collect::<Vec<_>>().join("\n> ")
    }

    /// The encodings of the threat notes (E19), and some more: what is found, and what is not.
    #[test]
    fn a_known_secret_is_found_through_encodings() {
        let secret = secret();
        let s = secret.as_str();
        let sentence = format!("the code is {s}, keep it");
        let (half, other) = s.split_at(8);
        let rows = [
            ("as it is", s.to_owned()),
            ("in quotes", format!("\"{s}\"")),
            ("upper case", s.to_uppercase()),
            ("reversed", s.chars().rev().collect()),
            ("spaced", every(s, |c| format!("{c} "))),
            ("dashed", every(s, |c| format!("{c}-"))),
            ("over two quoted lines", format!("{half}\n> {other}")),
            ("zero-width marks", crate::text::visible(&every(s, |c| format!("{c}\u{200b}")))),
            ("tag characters", every(s, |c| format!("{c}\u{e0041}"))),
            ("full width", every(s, |c| char::from_u32(u32::from(c) + 0xfee0).unwrap().to_string())),
            ("Cyrillic look-alikes", s.replace('a', "а").replace('x', "х")),
            ("base64", STANDARD.encode(s)),
            ("base64 of a sentence", STANDARD.encode(&sentence)),
            ("base64, wrapped", wrapped(&STANDARD.encode(&sentence), 20)),
            ("base64url", URL_SAFE_NO_PAD.encode(&sentence)),
            (
                "base64 of UTF-16",
                STANDARD.encode(s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
            ),
            ("base64 twice", STANDARD.encode(STANDARD.encode(s))),
            ("base64 twice, of a sentence", STANDARD.encode(STANDARD.encode(&sentence))),
            ("hex", hex(s, "")),
            ("hex, spaced", hex(s, " ")),
            ("percent-encoded", every(s, |c| format!("%{:02X}", u32::from(c)))),
            ("in a query", format!("https://example.org/?q={}", s.replace('-', "%2D"))),
            ("HTML entities", every(s, |c| format!("&#{};", u32::from(c)))),
            ("some HTML entities", s.replace('-', "&#x2d;")),
            ("quoted-printable", every(s, |c| format!("={:02X}", u32::from(c)))),
            ("quoted-printable, broken", format!("{half}=\n{other}")),
            ("rot13", rotated(s, 13)),
            ("rotated by one", rotated(s, 1)),
            ("base32", base32(s)),
            ("decimal codes", every(s, |c| format!("{} ", u32::from(c)))),
            ("decimal codes, three digits", every(s, |c| format!("{:03},", u32::from(c)))),
            ("in halves", format!("first {half}, and then {other}")),
            ("spelled out", every(s, |c| format!("{c} as in {c}x, "))),
            ("first letters of lines", every(s, |c| format!("{c}nd so on\n"))),
            ("hex of base64", hex(&STANDARD.encode(s), "")),
        ];
        let known = Known::new([s]);
        let mut table = String::new();
        for (name, text) in rows {
            let found = known.hits(&format!("it is {text} as you asked"));
            writeln!(table, "{name}: {}", if found.is_empty() { "not found" } else { "found" }).unwrap();
        }
        insta::assert_snapshot!(table, @r"
        as it is: found
        in quotes: found
        upper case: found
        reversed: found
        spaced: found
        dashed: found
        over two quoted lines: found
        zero-width marks: found
        tag characters: found
        full width: found
        Cyrillic look-alikes: found
        base64: found
        base64 of a sentence: found
        base64, wrapped: found
        base64url: found
        base64 of UTF-16: found
        base64 twice: found
        base64 twice, of a sentence: found
        hex: found
        hex, spaced: found
        percent-encoded: found
        in a query: found
        HTML entities: found
        some HTML entities: found
        quoted-printable: found
        quoted-printable, broken: found
        rot13: found
        rotated by one: found
        base32: found
        decimal codes: found
        decimal codes, three digits: found
        in halves: not found
        spelled out: not found
        first letters of lines: not found
        hex of base64: not found
        ");
    }

    #[test]
    fn what_is_found_is_taken_out_and_nothing_else() {
        let secret = secret();
        let known = Known::new([secret.as_str(), "", "abc"]);
        let spellings = [
            secret.clone(),
            secret.replace('-', "\n> "),
            hex(&secret, " "),
            every(&secret, |c| format!("%{:02X}", u32::from(c))),
            every(&secret, |c| format!("&#{};", u32::from(c))),
        ];
        for spelling in spellings {
            let (redacted, kinds) = redact(&format!("it is {spelling} as you asked"), &known);
            assert_eq!((redacted.as_str(), kinds), ("it is [secret:known] as you asked", vec!["known"]));
        }
        assert_eq!(format!("{known:?}"), "Known(1 secrets)");
        assert!(known.hits("winter, mantis and 41 others").is_empty());
    }

    #[test]
    fn a_short_known_secret_is_found_only_as_it_is() {
        let known = Known::new(["k9!q"]);
        assert_eq!(redact("it is k9!q.", &known).0, "it is [secret:known].");
        assert!(known.hits("k9 q and more").is_empty());
    }

    #[test]
    fn a_known_secret_in_an_assignment_is_known() {
        let value = ["h0rse", "battery"].concat();
        let (redacted, kinds) = redact(&format!("password: {value}"), &Known::new([&value]));
        assert_eq!((redacted.as_str(), kinds), ("password: [secret:known]", vec!["known"]));
    }
}
