//! Finds runs of letters and digits that no language has.
//!
//! This is for text that goes out, and only to ask: hashes, ids and signatures look the same.

use super::Hit;

/// Characters below which a run says nothing, in hex and otherwise.
const HEX_MIN: usize = 16;
const RUN_MIN: usize = 16;

/// The longest run that is looked at: longer ones are files.
const RUN_MAX: usize = 512;

/// Bits a character, below which a run is no random one.
const HEX_BITS_MIN: f64 = 2.6;
const BITS_MIN: f64 = 3.3;

/// Returns the random runs of a text that is about to go out; all of them are soft.
pub fn hits(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut at = 0;
    for run in text.split(|c: char| !is_inside(c)) {
        let (start, end) = (at, at + run.len());
        at = end + text[end..].chars().next().map_or(0, char::len_utf8);
        if (RUN_MIN..=RUN_MAX).contains(&run.len()) && is_random(run) {
            hits.push(Hit { kind: "random", start, end, hard: false });
        }
    }
    hits
}

fn is_inside(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-')
}

fn is_random(run: &str) -> bool {
    let bare = run.trim_matches(['=', '-', '_', '/', '+']);
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 && !has_odd_capitals(bare) || digits == bare.len() {
        return false;
    }
    let hex = bare.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if hex {
        return bare.len() >= HEX_MIN && bits(bare) >= HEX_BITS_MIN;
    }
    bits(bare) >= BITS_MIN && !is_words(bare)
}

/// Tells whether capitals stand where no name in a program has them.
fn has_odd_capitals(run: &str) -> bool {
    let bytes = run.as_bytes();
    let odd = bytes.windows(3).filter(|three| {
        three[0].is_ascii_uppercase() && three[1].is_ascii_lowercase() && three[2].is_ascii_uppercase()
    });
    odd.count() >= 2
}

/// Tells whether a run is words and numbers joined by signs: a path, a date, a name with a version.
fn is_words(run: &str) -> bool {
    let parts: Vec<&str> = run.split(['/', '-', '_', '+', '=']).filter(|part| !part.is_empty()).collect();
    let is_word = |part: &&&str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let same = letters.bytes().all(|b| b.is_ascii_lowercase())
            || letters.bytes().all(|b| b.is_ascii_uppercase());
        let title = letters.get(1..).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase()));
        same || title
    };
    let words: usize = parts.iter().filter(is_word).map(|part| part.len()).sum();
    parts.len() > 1 && words * 3 >= run.len() * 2
}

/// Shannon's entropy of the characters, in bits a character.
fn bits(run: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in run.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = f64::from(u32::try_from(run.len()).unwrap_or(u32::MAX));
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, found: &[&str]) {
        let hits: Vec<&str> = hits(text).iter().map(|hit| &text[hit.start..hit.end]).collect();
        assert_eq!(hits, found, "{text}");
    }

    #[test]
    fn what_no_language_has_is_asked_about() {
        let key = ["x7Qm2Zk9", "Rw4Tb6Nj", "3Lp5Vd8H"].concat();
        check(&format!("use {key}, please"), &[&key]);
        let hex = ["9f8e7d6c", "5b4a3f2e", "1d0c"].concat();
        check(&format!("é {hex}"), &[&hex]);
    }

    #[test]
    fn what_people_write_is_not() {
        for text in [
            "internationalization and accountability",
            "see /usr/share/doc/git-2.47/README-first.txt",
            "on 2024-11-20T12:30:01 at 1234567890123456",
            "CamelCaseNamesAreFine and SCREAMING_SNAKE_CASE",
            "----------------------------------------",
            "release-notes-for-version-2-of-the-portal",
        ] {
            check(text, &[]);
        }
    }
}
