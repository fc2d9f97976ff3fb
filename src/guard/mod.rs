//! Looks for secrets wherever they could get in or out: in a message, a prompt, a draft, and the bytes
//! that leave.
//!
//! [`crate::secret`] knows what secrets look like; here is decided which of them are known, how grave
//! each is, and what a person may allow. Nothing here shows a value: a finding has its kind, its place
//! and a keyed hash.

pub mod allow;
pub mod fingerprint;
pub mod inbound;

use std::fmt;
use std::ops::Range;

use crate::guard::fingerprint::{Fingerprints, Key, Origin};
use crate::secret::{Known, Scanner};

/// The kind of a secret that is known.
const KNOWN: &str = "known";

/// The kind of what was taken out of a message because of the words around it.
const FROM_A_MESSAGE: &str = "from-a-message";

/// How grave it is that a secret stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Only the words around it make it one, or it was one in a message: a person may allow it.
    Soft,
    /// It is one by its shape: a person may allow it once, for these bytes.
    Hard,
    /// One of our own credentials, or one by its shape that was taken out of a message: never.
    Known,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Soft => "soft",
            Class::Hard => "hard",
            Class::Known => "known",
        })
    }
}

/// A secret in a text; it does not hold the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is, in the words of `[secret:KIND]`.
    pub kind: String,
    /// How grave it is.
    pub class: Class,
    /// Where the value stands, in bytes.
    pub place: Range<usize>,
}

impl Found {
    fn known(place: Range<usize>) -> Self {
        Self { kind: KNOWN.to_owned(), class: Class::Known, place }
    }
}

/// What a process knows of secrets beside their shapes.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The key of this desk on this machine.
    pub key: Key,
    /// What other processes and earlier ticks knew.
    pub fingerprints: Fingerprints,
    /// The credentials that this process has fetched.
    pub known: Known,
    /// What is looked for by its shape: ours, and the operator's rules.
    pub scanner: Scanner,
}

impl Secrets {
    /// Returns every secret in a text, in its order; no two overlap.
    ///
    /// `thread` is the [`Key::of_thread`] of the thread that the text belongs to.
    pub fn find(&self, text: &str, thread: Option<&str>) -> Vec<Found> {
        let recognised = self.fingerprints.find(&self.key, text, thread);
        let recognised = recognised.into_iter().map(|(place, origin)| match origin {
            Origin::Credential | Origin::Hard => Found::known(place),
            Origin::Soft | Origin::Word => {
                Found { kind: FROM_A_MESSAGE.to_owned(), class: Class::Soft, place }
            }
        });
        merged(shown(&self.scanner, text).into_iter().chain(self.known_in(text)).chain(recognised).collect())
    }

    /// Returns every secret in a text of a message, in its order; no two overlap.
    pub fn find_inbound(&self, text: &str, thread: &str) -> Vec<Found> {
        let recognised = self.fingerprints.find_inbound(&self.key, text, thread);
        let recognised = recognised.into_iter().map(Found::known);
        merged(shown(&self.scanner, text).into_iter().chain(self.known_in(text)).chain(recognised).collect())
    }

    /// Returns `text` with a mark for every secret in it.
    pub fn marked(&self, text: &str, thread: &str) -> String {
        marked(text, &self.find(text, Some(thread)))
    }

    fn known_in(&self, text: &str) -> Vec<Found> {
        self.known.hits(text).into_iter().map(|hit| Found::known(hit.start..hit.end)).collect()
    }

    /// Returns the gravest secret in a text.
    pub fn gravest(&self, text: &str, thread: Option<&str>) -> Option<Found> {
        // Of several equal ones the first.
        self.find(text, thread).into_iter().rev().max_by_key(|found| found.class)
    }
}

/// A text that leaves with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What of the answer it is: `the subject`.
    pub place: String,
    /// The text as whoever gets it can read it.
    pub text: String,
    /// Whether a person wrote it as text: then words around a value say something.
    pub is_prose: bool,
}

impl View {
    /// Makes a view of a text.
    pub fn prose(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into(), is_prose: true }
    }

    /// Makes a view of bytes that need not be text.
    pub fn bytes(place: impl Into<String>, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        Self { place: place.into(), is_prose: str::from_utf8(bytes).is_ok(), text: text.into_owned() }
    }
}

/// A secret that would leave. It does not hold the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What it is, in the words of `[secret:KIND]`.
    pub kind: String,
    /// How grave it is.
    pub class: Class,
    /// Where it stands: `the text, line 3`.
    pub place: String,
    /// [`Key::of_value`].
    pub fingerprint: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is a secret in it ({}, in {})", self.kind, self.place)
    }
}

/// Returns the secrets in what leaves, each once, in the order of the views: number 1 is the first.
pub fn leaks(secrets: &Secrets, views: &[View], thread: Option<&str>) -> Vec<Leak> {
    let mut leaks: Vec<Leak> = Vec::new();
    for View { place, text, is_prose } in views {
        for found in secrets.find(text, thread) {
            if found.class == Class::Soft && !is_prose {
                continue;
            }
            let value = &text[found.place.clone()];
            let fingerprint = secrets.key.of_value(value);
            match leaks.iter_mut().find(|leak| leak.fingerprint == fingerprint) {
                Some(leak) if leak.class >= found.class => {}
                Some(leak) => (leak.class, leak.kind) = (found.class, found.kind),
                None => {
                    let before = &text[..found.place.start];
                    let line = 1 + before.matches('\n').count();
                    let place = if text.trim_end().contains('\n') {
                        format!("{place}, line {line}")
                    } else {
                        place.clone()
                    };
                    leaks.push(Leak { kind: found.kind, class: found.class, place, fingerprint });
                }
            }
        }
    }
    leaks
}

/// Returns `text` with these places replaced by marks.
pub fn marked(text: &str, found: &[Found]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut after = 0;
    for Found { kind, place, .. } in found {
        clean.push_str(&text[after..place.start]);
        clean.push_str(&format!("[secret:{kind}]"));
        after = place.end;
    }
    clean.push_str(&text[after..]);
    clean
}

/// Returns what shows itself as a secret.
fn shown(scanner: &Scanner, text: &str) -> Vec<Found> {
    let class = |hard| if hard { Class::Hard } else { Class::Soft };
    let hits = scanner.scan(text).into_iter();
    hits.map(|hit| Found { kind: hit.kind.to_string(), class: class(hit.hard), place: hit.start..hit.end })
        .collect()
}

/// Joins what overlaps; the gravest gives its kind, and of several the first.
fn merged(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.place.start, std::cmp::Reverse(found.place.end)));
    let mut merged: Vec<Found> = Vec::new();
    for found in all {
        match merged.last_mut() {
            Some(last) if found.place.start < last.place.end => {
                last.place.end = last.place.end.max(found.place.end);
                if found.class > last.class {
                    (last.class, last.kind) = (found.class, found.kind);
                }
            }
            Some(_) | None => merged.push(found),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let key = Key::new(&[7; Key::BYTES]);
        let mut fingerprints = Fingerprints::default();
        fingerprints.add(&key, &["gold", "fish-77"].concat(), Origin::Credential, None);
        fingerprints.add(&key, &["silver", "fish-88"].concat(), Origin::Soft, Some("t"));
        Secrets {
            key,
            fingerprints,
            known: Known::new([["iron", "fish-99"].concat()]),
            scanner: Scanner::default(),
        }
    }

    fn check(views: &[View], expected: &[&str]) {
        let leaks = leaks(&secrets(), views, None);
        let shown: Vec<String> = leaks.iter().map(|leak| format!("{} {leak}", leak.class)).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn each_secret_is_told_once_with_its_class_and_place() {
        let (gold, silver) = (["Gold", "fish-77"].concat(), ["silver", "fish-88"].concat());
        let text = format!("Hello,\nuse {gold}\nand {silver}, password: x1y2z3");
        check(
            &[
                View::prose("the subject", "Hello"),
                View::prose("the text", &text),
                View::prose("HTML", &text),
            ],
            &[
                "known there is a secret in it (known, in the text, line 2)",
                "soft there is a secret in it (from-a-message, in the text, line 3)",
                "soft there is a secret in it (password, in the text, line 3)",
            ],
        );
        check(
            &[View::prose("the subject", format!("password: {}", ["iron", "fish-99"].concat()))],
            &["known there is a secret in it (known, in the subject)"],
        );
    }

    #[test]
    fn words_in_a_picture_say_nothing() {
        let picture = [&[0xff, 0xd8][..], b"password: x1y2z3"].concat();
        check(&[View::bytes("`a.jpg`", &picture)], &[]);
        let key = ["AK", "IA", "QWERTZUIOP234567"].concat();
        let picture = [&[0xff, 0xd8][..], format!(" {key} ").as_bytes()].concat();
        check(
            &[View::bytes("`a.jpg`", &picture)],
            &["hard there is a secret in it (aws-key-id, in `a.jpg`)"],
        );
    }

    #[test]
    fn what_a_scanner_of_others_would_let_pass_does_not_pass() {
        let token = ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat();
        for comment in ["gitleaks:allow", "pragma: allowlist secret", "nosec", "ggignore"] {
            check(
                &[View::prose("the text", format!("{token} # {comment}"))],
                &["hard there is a secret in it (github-token, in the text)"],
            );
        }
    }
}
