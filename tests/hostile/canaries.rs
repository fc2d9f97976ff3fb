//! Words that must not turn up where they do not belong: one in the text of each input, and one in each
//! thing of the operator's that no brain and no stranger may see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use mail_parser::MessageParser;
use regex::bytes::Regex;

use crate::inputs::Input;
use crate::support::desk::Desk;

/// What stands in the operator's files and variables, and may be nowhere else.
pub const NOWHERE: [&str; 5] = [
    "canary-of-the-wiring",
    "canary-of-the-key",
    "canary-of-the-environment",
    "canary-of-the-state",
    "canary-of-the-home",
];

/// What stands in the catalogue, which is committed, and is in no prompt and no answer.
pub const ROUTES: &str = "canary-of-the-routes";

/// What stands in the operator's instructions, which every prompt holds.
pub const INSTRUCTIONS: &str = "canary-of-the-instructions";

static CANARY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"canary-(\d{5})").unwrap());

/// Returns the inputs whose word is in some bytes.
pub fn inputs_in(bytes: &[u8]) -> BTreeSet<usize> {
    CANARY
        .captures_iter(bytes)
        .map(|found| std::str::from_utf8(&found[1]).unwrap().parse().unwrap())
        .collect()
}

/// Returns which of these words are in some bytes.
pub fn words_in<'w>(bytes: &[u8], words: impl IntoIterator<Item = &'w str>) -> Vec<&'w str> {
    let has = |word: &str| Regex::new(&regex::escape(word)).unwrap().is_match(bytes);
    words.into_iter().filter(|word| has(word)).collect()
}

/// What each input may stand beside: all inputs of its thread, sender and account.
pub struct Groups(BTreeMap<usize, Vec<usize>>);

impl Groups {
    pub fn of(inputs: &[Input]) -> Self {
        Self(inputs.iter().map(|input| (input.number, input.group.clone())).collect())
    }

    /// Tells whether these stand together although they are of several groups.
    pub fn are_mixed(&self, found: &BTreeSet<usize>) -> bool {
        let Some(first) = found.first() else { return false };
        let Some(group) = self.0.get(first) else { return true };
        !found.iter().all(|number| group.contains(number))
    }
}

/// One object of the repository.
pub struct Object {
    pub kind: String,
    pub bytes: Vec<u8>,
}

/// Returns all objects of the repository, those included that no branch reaches.
pub fn objects(desk: &Desk) -> Vec<Object> {
    let arguments = ["cat-file", "--batch-all-objects", "--unordered", "--batch"];
    let output = desk.command("git").args(arguments).output().unwrap();
    assert!(output.status.success());
    let mut rest = &output.stdout[..];
    let mut objects = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let [_, kind, size] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{head}") };
        let size: usize = size.parse().unwrap();
        let bytes = rest[end + 1..][..size].to_vec();
        objects.push(Object { kind: kind.to_owned(), bytes });
        rest = &rest[end + 1 + size + 1..];
    }
    objects
}

/// Returns what lies in a folder, and in those within, except below one of them.
pub fn files(folder: &Path, but: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path == but || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            all.extend(files(&path, but));
        } else {
            all.extend(fs::read(&path).unwrap_or_default());
            all.push(b'\n');
        }
    }
    all
}

/// Returns the bytes of a mail, and after them all its parts as a reader decodes them.
pub fn decoded(mail: &[u8]) -> Vec<u8> {
    let mut all = mail.to_vec();
    if let Some(message) = MessageParser::default().parse(mail) {
        for part in &message.parts {
            all.push(b'\n');
            all.extend(part.contents());
        }
        for header in message.headers() {
            all.push(b'\n');
            all.extend(header.value().as_text().unwrap_or_default().bytes());
        }
    }
    all
}

/// Tells whether something would reach a terminal that is no visible text: an escape, a bell, a text
/// that turns round.
pub fn has_hostile_characters(shown: &str) -> bool {
    let hostile = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || ('\u{e0000}'..='\u{e007f}').contains(&c)
    };
    shown.chars().any(hostile)
}

#[test]
fn a_canary_is_found() {
    assert_eq!(inputs_in(b"x canary-00012 canary-00003 canary-1"), BTreeSet::from([3, 12]));
    assert_eq!(words_in(b"a canary-of-the-key", NOWHERE), ["canary-of-the-key"]);
    assert!(has_hostile_characters("\u{1b}[2J") && !has_hostile_characters("a\nb ü 李"));
    let mail = b"Subject: x\nContent-Transfer-Encoding: base64\n\nY2FuYXJ5LTAwMDEy\n";
    assert_eq!(inputs_in(&decoded(mail)), BTreeSet::from([12]));
}
