//! Reads text the way that a person does who does not care how it is written.
//!
//! Capital letters, accents, wide and mathematical letters, Cyrillic and Greek look-alikes and the
//! marks of [`crate::text::visible`] say nothing about what was said. A folded text is only for
//! comparing: it must never be shown, stored or sent.

use std::ops::Range;

/// Returns `text` in lower-case base letters; everything that is no letter stays.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    each(text, |_, c| plain.push(c));
    plain
}

/// Returns the letters and digits of `text` alone, folded, and for each byte of them where in
/// `text` its character stood.
pub fn squashed(text: &str) -> (String, Vec<Range<usize>>) {
    let mut letters = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len());
    each(text, |place, c| {
        if c.is_alphanumeric() {
            letters.push(c);
            places.extend(std::iter::repeat_n(place, c.len_utf8()));
        }
    });
    (letters, places)
}

/// Returns the words of `text`, folded: the runs of letters and digits.
pub fn words(text: &str) -> Vec<String> {
    plain(text).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// One word or several in a row, to be found in the words of a text.
///
/// A `*` at the end of a word stands for any ending: `invoic*` finds `invoice` and `invoicing`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase(Vec<(String, bool)>);

impl Phrase {
    /// Reads a phrase; nothing where there is no letter or digit in it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for piece in text.split_whitespace() {
            let mut pieces = words(piece);
            let last = pieces.pop();
            parts.extend(pieces.into_iter().map(|word| (word, false)));
            parts.extend(last.map(|word| (word, piece.ends_with('*'))));
        }
        (!parts.is_empty()).then_some(Self(parts))
    }

    /// Tells whether the phrase occurs in these [`words`].
    pub fn is_in(&self, words: &[String]) -> bool {
        words.windows(self.0.len()).any(|window| {
            window.iter().zip(&self.0).all(
                |(word, (part, open))| {
                    if *open { word.starts_with(part.as_str()) } else { word == part }
                },
            )
        })
    }
}

fn each(text: &str, mut found: impl FnMut(Range<usize>, char)) {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if let Some(length) = mark_length(rest) {
            at += length;
            continue;
        }
        let place = at..at + c.len_utf8();
        at = place.end;
        for lower in c.to_lowercase() {
            let (first, second) = base(lower);
            for folded in [first, second].into_iter().flatten() {
                found(place.clone(), folded);
            }
        }
    }
}

/// Returns the length of the mark of a hidden character at the beginning of `text`.
fn mark_length(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("[hidden: U+")?;
    let end = inner.bytes().take(32).position(|byte| byte == b']')?;
    Some(text.len() - inner.len() + end + 1)
}

/// Returns the one or two letters that a lower-case character is read as.
fn base(c: char) -> (Option<char>, Option<char>) {
    let one = match c {
        '\0'..='\u{7f}' => c,
        '\u{300}'..='\u{36f}' => return (None, None),
        c if crate::text::is_hidden(c) => return (None, None),
        'ß' => return (Some('s'), Some('s')),
        'æ' => return (Some('a'), Some('e')),
        'œ' => return (Some('o'), Some('e')),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        '‘' | '’' | '′' | '＇' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '‐'..='―' | '−' => '-',
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'а' | 'α' | 'ɑ' => 'a',
        'ç' | 'ć' | 'č' | 'с' | 'ϲ' => 'c',
        'ď' | 'đ' | 'ð' | 'ԁ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'е' | 'ё' | 'ε' => 'e',
        'ğ' | 'ģ' => 'g',
        'һ' => 'h',
        'ì'..='ï' | 'ī' | 'į' | 'ı' | 'і' | 'ї' | 'ι' => 'i',
        'ј' => 'j',
        'ķ' | 'к' | 'κ' => 'k',
        'ł' | 'ľ' | 'ļ' | 'ӏ' => 'l',
        'м' => 'm',
        'ñ' | 'ń' | 'ň' | 'ņ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' | 'ѕ' => 's',
        'ť' | 'ţ' | 'ț' | 'т' | 'τ' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' | 'υ' => 'u',
        'ν' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'ý' | 'ÿ' | 'у' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ⓐ'..='ⓩ' => nth(b'a', u32::from(c) - 0x24d0),
        '！'..='～' => nth(b'!', u32::from(c) - 0xff01).to_ascii_lowercase(),
        '\u{1d400}'..='\u{1d6a3}' => nth(b'a', (u32::from(c) - 0x1d400) % 26),
        '\u{1d7ce}'..='\u{1d7ff}' => nth(b'0', (u32::from(c) - 0x1d7ce) % 10),
        other => other,
    };
    (Some(one), None)
}

fn nth(first: u8, offset: u32) -> char {
    char::from_u32(u32::from(first) + offset).unwrap_or('?')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, folded: &str) {
        assert_eq!(plain(text), folded, "{text:?}");
    }

    #[test]
    fn the_same_word_reads_the_same_however_it_is_written() {
        for text in
            ["PassWord", "pásswörd", "ｐａｓｓｗｏｒｄ", "раѕѕword", "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝", "𝖕𝖆𝖘𝖘𝖜𝖔𝖗𝖉", "ⓟⓐⓢⓢⓦⓞⓡⓓ"]
        {
            check(text, "password");
        }
        check("pass[hidden: U+200B x14]word", "password");
        check(
            "[hidden: not a mark, and much too long to be one]",
            "[hidden: not a mark, and much too long to be one]",
        );
        check("Straße, Łódź", "strasse, lodz");
    }

    #[test]
    fn a_phrase_is_whole_words_in_a_row() {
        let found = |phrase: &str, text: &str| Phrase::parse(phrase).unwrap().is_in(&words(text));
        assert!(found("Opening Hours", "what are your opening\nhours?"));
        assert!(!found("opening hours", "hours of opening"));
        assert!(!found("invoice", "invoices"));
        assert!(found("invoic*", "my INVOICES"));
        assert!(found("e-mail", "an e-mail"));
        assert_eq!(Phrase::parse(" ?* "), None);
    }

    proptest! {
        #[test]
        fn places_are_within_the_text(text in ".*") {
            let (letters, places) = squashed(&text);
            prop_assert_eq!(letters.len(), places.len());
            prop_assert!(places.iter().all(|place| text.get(place.clone()).is_some()));
        }
    }
}
