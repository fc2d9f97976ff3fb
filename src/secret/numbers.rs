//! Finds numbers of payment cards and bank accounts by their checksums.
//!
//! Both are soft: an invoice may well name an account, and one number in ten passes for a card's.

use std::ops::Range;

use super::Hit;

/// Digits of a card by its first ones: the networks' ranges of ISO/IEC 7812.
const CARDS: [(u32, u32, usize); 8] = [
    (340_000, 349_999, 15),
    (370_000, 379_999, 15),
    (352_800, 358_999, 16),
    (400_000, 499_999, 16),
    (510_000, 559_999, 16),
    (222_100, 272_099, 16),
    (601_100, 601_199, 16),
    (644_000, 659_999, 16),
];

/// Characters of an account number by country (the registry of ISO 13616).
const ACCOUNTS: [(&str, usize); 36] = [
    ("AD", 24),
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
];

/// Both have eight characters in a row, among which at least one of each eight is a digit.
const STEP: usize = 8;

/// Returns the numbers in `text` whose checksum is right.
pub fn hits(text: &str) -> Vec<Hit> {
    let bytes = text.as_bytes();
    let mut hits = Vec::new();
    let mut at = STEP - 1;
    while at < bytes.len() {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let is_near = is_digit(at) || is_gap(bytes[at]) && is_digit(at + 1);
        if !is_near {
            at += STEP;
            continue;
        }
        let run = run(bytes, at);
        at = run.end.max(at + 1) + STEP - 1;
        if run.len() >= 13 {
            hits.extend(card(bytes, &run).or_else(|| account(bytes, &run)));
        }
    }
    hits
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// Returns the capitals, digits and single gaps around a digit.
fn run(bytes: &[u8], at: usize) -> Range<usize> {
    const BYTES_MAX: usize = 48;
    let belongs = |at: usize| {
        let byte = bytes[at];
        byte.is_ascii_digit()
            || byte.is_ascii_uppercase()
            || is_gap(byte) && !bytes.get(at + 1).is_some_and(|b| is_gap(*b))
    };
    let start = (at.saturating_sub(BYTES_MAX)..at).rev().take_while(|at| belongs(*at)).last().unwrap_or(at);
    let end = (at..bytes.len().min(at + BYTES_MAX))
        .take_while(|at| belongs(*at))
        .last()
        .map_or(at + 1, |at| at + 1);
    start..end
}

fn card(bytes: &[u8], run: &Range<usize>) -> Option<Hit> {
    let starts = run.clone().filter(|at| {
        bytes[*at].is_ascii_digit() && (*at == run.start || !bytes[*at - 1].is_ascii_alphanumeric())
    });
    for start in starts {
        let (digits, end) = digits(bytes, start, run.end);
        let Some(first) = digits.get(..6) else { continue };
        let first = first.iter().fold(0, |number, digit| number * 10 + u32::from(*digit));
        let is_card =
            CARDS.iter().any(|(from, to, length)| (*from..=*to).contains(&first) && digits.len() == *length);
        if is_card && luhn(&digits) {
            return Some(Hit { kind: "payment-card", start, end, hard: false });
        }
    }
    None
}

/// Returns the digits from `start` on, over gaps, and where they end.
fn digits(bytes: &[u8], start: usize, end: usize) -> (Vec<u8>, usize) {
    let run = bytes[start..end].iter().take_while(|byte| byte.is_ascii_digit() || is_gap(**byte)).count();
    let piece = &bytes[start..start + run];
    let length = piece.iter().rposition(u8::is_ascii_digit).map_or(0, |last| last + 1);
    let joins = bytes.get(start + length).is_some_and(u8::is_ascii_alphanumeric);
    let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
    if joins { (Vec::new(), start) } else { (digits, start + length) }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit) * 2) {
            (0, _) => u32::from(*digit),
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

fn account(bytes: &[u8], run: &Range<usize>) -> Option<Hit> {
    run.clone().find_map(|start| {
        let head = bytes.get(start..start + 4)?;
        let starts = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        if !starts || !head[2..].iter().all(u8::is_ascii_digit) {
            return None;
        }
        let (_, length) = ACCOUNTS.iter().find(|(country, _)| country.as_bytes() == &head[..2])?;
        let mut letters = Vec::new();
        let mut end = start;
        while letters.len() < *length {
            let byte = *bytes.get(end)?;
            if byte.is_ascii_digit() || byte.is_ascii_uppercase() {
                letters.push(byte);
            } else if !is_gap(byte) {
                return None;
            }
            end += 1;
        }
        let joins = bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
        (!joins && is_account(&letters)).then_some(Hit { kind: "iban", start, end, hard: false })
    })
}

/// ISO 7064: the first four characters go to the end, letters count from ten, and 97 leaves one.
fn is_account(letters: &[u8]) -> bool {
    let turned = letters[4..].iter().chain(&letters[..4]);
    turned.fold(0_u32, |rest, letter| match letter {
        b'0'..=b'9' => (rest * 10 + u32::from(letter - b'0')) % 97,
        _ => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    }) == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, found: &[&str]) {
        let hits: Vec<&str> = hits(text).iter().map(|hit| &text[hit.start..hit.end]).collect();
        assert_eq!(hits, found, "{text}");
    }

    #[test]
    fn a_checksum_makes_a_card_and_an_account() {
        // The numbers that networks and banks publish for tests.
        check("card 4111 1111 1111 1111, thanks", &["4111 1111 1111 1111"]);
        check("card 4111-1111-1111-1112, thanks", &[]);
        check("378282246310005", &["378282246310005"]);
        check("pay to DE89 3704 0044 0532 0130 00 please", &["DE89 3704 0044 0532 0130 00"]);
        check("GB82WEST12345698765432", &["GB82WEST12345698765432"]);
        check("GB82WEST12345698765433", &[]);
        check("call +49 170 1234567 or 0800 123 4567 89", &[]);
        check("order 1234567890123456 of 2024-11-20 12:30:01", &[]);
        check("4000 0000 0000 0000 0000 0000", &[]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_counted(text in "([A-Z0-9 é-]){0,80}") {
            for hit in hits(&text) {
                prop_assert!(text.get(hit.start..hit.end).is_some());
            }
        }
    }
}
