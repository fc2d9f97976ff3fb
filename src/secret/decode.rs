//! Reads a text through the encodings that mail and web use, one pass of each.
//!
//! Every decoded byte knows where its spelling stands, so that what is found can be taken out of
//! the text as it was written.

use std::ops::Range;

/// Letters of base64 below which nothing worth finding fits.
const BASE64_LETTERS_MIN: usize = 24;

/// Bytes that an encoded run may have; the rest is left.
const RUN_BYTES_MAX: usize = 64 * 1024;

/// Bytes to either side of an escape that are read with it.
const AROUND_BYTES_MAX: usize = 4096;

/// A piece of a text as its encoding means it.
pub struct Decoded {
    /// What it says. Bytes that are no UTF-8 are `?`.
    pub text: String,
    /// For each byte of `text`, where its spelling stands.
    places: Vec<Range<usize>>,
}

impl Decoded {
    fn new(bytes: Vec<u8>, places: Vec<Range<usize>>) -> Self {
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            error
                .into_bytes()
                .into_iter()
                .map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' })
                .collect()
        });
        Self { text, places }
    }

    /// Returns where the spelling of some bytes of `text` stands.
    pub fn place(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        let first = self.places.get(bytes.start)?;
        let last = self.places.get(bytes.end.checked_sub(1)?)?;
        Some(first.start..last.end)
    }
}

/// A way to write bytes as others, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `%2D`, of addresses.
    Percent,
    /// `=2D` and a line ending in `=`, of mail.
    QuotedPrintable,
    /// `&#45;`, `&#x2d;`, `&amp;`, of pages.
    Entity,
}

impl Escape {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Percent, Self::QuotedPrintable, Self::Entity];

    fn sign(self) -> u8 {
        match self {
            Self::Percent => b'%',
            Self::QuotedPrintable => b'=',
            Self::Entity => b'&',
        }
    }

    /// Reads the escape that `bytes` begin with: its length, and what it stands for.
    fn read(self, bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
        match (self, bytes) {
            (Self::QuotedPrintable, [b'=', b'\n', ..]) => Some((2, Vec::new())),
            (Self::QuotedPrintable, [b'=', b'\r', b'\n', ..]) => Some((3, Vec::new())),
            (Self::Percent | Self::QuotedPrintable, [_, high, low, ..]) => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                Some((3, vec![digit(*high)? << 4 | digit(*low)?]))
            }
            (Self::Entity, [_, rest @ ..]) => entity(rest).map(|(length, said)| (1 + length, said)),
            (Self::Percent | Self::QuotedPrintable, _) | (Self::Entity, []) => None,
        }
    }

    /// Reads the whole of a text; nothing where it has no such escape.
    pub fn decode(self, text: &str) -> Option<Decoded> {
        self.decode_part(text.as_bytes(), 0..text.len())
    }

    /// Reads each word of a text that has such an escape in it.
    pub fn words(self, text: &str) -> Vec<Decoded> {
        let bytes = text.as_bytes();
        let mut words = Vec::new();
        let mut from = 0;
        while let Some(sign) = text[from..].find(char::from(self.sign())).map(|at| from + at) {
            if self.read(&bytes[sign..]).is_none() {
                from = sign + 1;
                continue;
            }
            let word = self.word(bytes, sign, from);
            from = text.ceil_char_boundary(word.end.max(sign + 1));
            words.extend(self.decode_part(bytes, word));
        }
        words
    }

    /// Returns the run without white space around an escape, not before `from`.
    fn word(self, bytes: &[u8], sign: usize, from: usize) -> Range<usize> {
        let least = from.max(sign.saturating_sub(AROUND_BYTES_MAX));
        let before = bytes[least..sign].iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let most = bytes.len().min(sign + AROUND_BYTES_MAX);
        let mut end = sign;
        while end < most {
            if !bytes[end].is_ascii_whitespace() {
                end += 1;
            } else {
                break;
            }
            // A soft line break joins.
            if self == Self::QuotedPrintable && bytes[end - 1] == b'=' {
                let breaks =
                    bytes[end..].iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                end += breaks;
            }
        }
        sign - before..end.min(most)
    }

    fn decode_part(self, bytes: &[u8], part: Range<usize>) -> Option<Decoded> {
        let mut decoded = Vec::with_capacity(part.len());
        let mut places = Vec::with_capacity(part.len());
        let mut found = false;
        let mut at = part.start;
        while at < part.end {
            let escape = if bytes[at] == self.sign() { self.read(&bytes[at..part.end]) } else { None };
            let (length, said) = escape.unwrap_or_else(|| (1, vec![bytes[at]]));
            found |= length > 1;
            places.extend(std::iter::repeat_n(at..at + length, said.len()));
            decoded.extend(said);
            at += length;
        }
        found.then(|| Decoded::new(decoded, places))
    }
}

/// Reads what follows a `&`: its length, and what it stands for.
fn entity(rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    const NAMES: [(&str, u8); 16] = [
        ("amp", b'&'),
        ("lt", b'<'),
        ("gt", b'>'),
        ("quot", b'"'),
        ("apos", b'\''),
        ("nbsp", b' '),
        ("lowbar", b'_'),
        ("dash", b'-'),
        ("hyphen", b'-'),
        ("equals", b'='),
        ("colon", b':'),
        ("commat", b'@'),
        ("sol", b'/'),
        ("period", b'.'),
        ("plus", b'+'),
        ("excl", b'!'),
    ];
    let length = rest.iter().take(10).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&rest[..length]).ok()?;
    let said = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?.to_string().into_bytes()
        }
        None => vec![NAMES.iter().find(|(known, _)| *known == name)?.1],
    };
    Some((length + 1, said))
}

/// Reads each run of base64 that says something in letters.
///
/// Either alphabet, with or without `=` at the end; a run may go over lines, as mail wraps them.
pub fn base64_runs(text: &str) -> Vec<Decoded> {
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut from = 0;
    // A run of this length has a letter at every such step.
    while let Some(letter) = bytes.get(from + BASE64_LETTERS_MIN - 1) {
        let probe = from + BASE64_LETTERS_MIN - 1;
        if value_of(*letter).is_none() {
            from = probe + 1;
            continue;
        }
        let before = bytes[from..probe].iter().rev().take_while(|byte| value_of(**byte).is_some()).count();
        let start = probe - before;
        if before + 1 < BASE64_LETTERS_MIN {
            // It may begin here, and the next step is from here on.
            let after = bytes[probe + 1..]
                .iter()
                .take(BASE64_LETTERS_MIN)
                .take_while(|b| value_of(**b).is_some())
                .count();
            if before + 1 + after < BASE64_LETTERS_MIN {
                from = probe + 1 + after;
                continue;
            }
        }
        let letters = letters(bytes, start);
        from = letters.last().map_or(probe, |last| last.0) + 1;
        runs.extend(decode_run(&letters));
    }
    runs
}

/// Returns the letters of the run that begins at `start`, with their values, over wrapped lines.
fn letters(bytes: &[u8], start: usize) -> Vec<(usize, u8)> {
    let mut letters = Vec::new();
    let mut at = start;
    let mut line = start;
    while let Some(byte) = bytes.get(at).filter(|_| letters.len() < RUN_BYTES_MAX) {
        if let Some(value) = value_of(*byte) {
            letters.push((at, value));
            at += 1;
            continue;
        }
        let skip =
            bytes[at..].iter().take(8).take_while(|byte| matches!(byte, b'\r' | b'\n' | b'>' | b' ')).count();
        let is_wrapped = at - line >= 40 && matches!(byte, b'\r' | b'\n');
        if !is_wrapped || bytes.get(at + skip).is_none_or(|byte| value_of(*byte).is_none()) {
            break;
        }
        at += skip;
        line = at;
    }
    letters
}

fn decode_run(letters: &[(usize, u8)]) -> Option<Decoded> {
    /// Bytes by which letters are told from pictures.
    const SAMPLE: usize = 18;
    if letters.len() < BASE64_LETTERS_MIN {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    let mut places = Vec::with_capacity(letters.len() / 4 * 3);
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    for four in letters.chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, (_, value)| bits << 6 | u32::from(*value))
            << (6 * (4 - four.len()));
        let all = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        let place = four.first()?.0..four.last()?.0 + 1;
        for byte in &all[..four.len() - 1] {
            bytes.push(*byte);
            places.push(place.clone());
        }
        if bytes.len() == SAMPLE && bytes.iter().filter(|byte| is_text(byte)).count() < SAMPLE {
            return None;
        }
    }
    Some(Decoded::new(bytes, places))
}

fn value_of(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn check(escape: Escape, text: &str, word: &str, spelling: &str) {
        let words = escape.words(text);
        let found = words.iter().find_map(|decoded| {
            let at = decoded.text.find(word)?;
            Some(&text[decoded.place(at..at + word.len())?])
        });
        assert_eq!(found, Some(spelling), "{:?}", words.iter().map(|word| &word.text).collect::<Vec<_>>());
    }

    #[test]
    fn an_escape_is_read_and_knows_its_place() {
        check(Escape::Percent, "see /?q=a%2Db%2dc now", "a-b-c", "a%2Db%2dc");
        check(Escape::QuotedPrintable, "it is ab=\ncd=3Dx.", "abcd=x", "ab=\ncd=3Dx");
        check(Escape::Entity, "<b>a&#45;b&#x2D;c&amp;d</b>", "a-b-c&d", "a&#45;b&#x2D;c&amp;d");
        assert!(Escape::Percent.words("100% of it, and 5%").is_empty());
        assert!(Escape::Entity.words("this & that; AT&T;").is_empty());
    }

    #[test]
    fn base64_is_read_where_it_says_something() {
        let secret = "the quick brown fox jumps over it";
        for encoded in [STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)] {
            for before in ["", "it is ", "data:text/plain;base64,"] {
                let text = format!("{before}{encoded} and more");
                let runs = base64_runs(&text);
                assert_eq!(runs.len(), 1, "{text}");
                assert!(runs[0].text.starts_with(secret));
                assert_eq!(runs[0].place(0..3), Some(before.len()..before.len() + 4));
            }
        }
        let long = STANDARD.encode(secret.repeat(5));
        let wrapped: Vec<&str> =
            long.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let runs = base64_runs(&format!("> {}\n", wrapped.join("\n> ")));
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].text, secret.repeat(5));
        assert!(base64_runs("internationalisation/of/everything/there/is").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_can_be_decoded(text in "([A-Za-z0-9+/=%&#;\n é]){0,200}") {
            for escape in Escape::ALL {
                for decoded in escape.words(&text).into_iter().chain(escape.decode(&text)) {
                    prop_assert_eq!(decoded.places.len(), decoded.text.len());
                    prop_assert!(decoded.places.iter().all(|place| place.end <= text.len()));
                }
            }
            for decoded in base64_runs(&text) {
                prop_assert_eq!(decoded.places.len(), decoded.text.len());
            }
        }

        #[test]
        fn base64_of_any_words_is_found(words in "[a-z ]{24,60}", before in "[a-z]{0,20} ") {
            let text = format!("{before}{}", STANDARD.encode(&words));
            prop_assert!(base64_runs(&text).iter().any(|run| run.text == words));
        }
    }
}
