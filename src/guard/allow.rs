//! What a person allows of what [`super::leaks`] finds: the list `allow.toml`, beside the wiring.
//!
//! A line holds a keyed hash and never a value. No line allows a known secret, and none is ever read
//! from a repository: whoever can get a commit pulled could write one.

use jiff::Timestamp;
use serde::Deserialize;

use crate::error::FileError;
use crate::guard::{Class, Leak};
use crate::text;
use crate::version;

/// The file's name, beside the wiring.
pub const FILE: &str = "allow.toml";

/// The version of the format.
const VERSION: u32 = 1;

/// The longest that something is allowed everywhere.
pub const DAYS_MAX: u32 = 366;

/// How far a line reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This draft, and these words to these people.
    Once {
        /// The draft's id.
        draft: String,
        /// The keyed hash of what leaves.
        content: String,
    },
    /// This draft, however it is changed.
    Here {
        /// The draft's id.
        draft: String,
    },
    /// Every draft, until then.
    Always {
        /// The end.
        expires: Timestamp,
    },
}

impl Scope {
    /// Returns the word for it in the file and on terminals.
    pub fn word(&self) -> &'static str {
        match self {
            Scope::Once { .. } => "once",
            Scope::Here { .. } => "here",
            Scope::Always { .. } => "always",
        }
    }
}

/// One line of the list: a person's word about one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What it is, in the words of `[secret:KIND]`.
    pub kind: String,
    /// [`super::fingerprint::Key::of_value`].
    pub fingerprint: String,
    /// How far it reaches.
    pub scope: Scope,
    /// Why, in that person's words.
    pub reason: String,
    /// Who.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

impl Allowance {
    /// Writes the line, as a table to be added to the file.
    pub fn render(&self) -> String {
        let mut table = String::from("\n[[allow]]\n");
        let mut line = |key: &str, value: &str| {
            table.push_str(&format!("{key} = {}\n", text::toml_string(value)));
        };
        line("kind", &self.kind);
        line("fingerprint", &self.fingerprint);
        line("scope", self.scope.word());
        match &self.scope {
            Scope::Once { draft, content } => {
                line("draft", draft);
                line("content", content);
            }
            Scope::Here { draft } => line("draft", draft),
            Scope::Always { expires } => line("expires", &expires.to_string()),
        }
        line("reason", &self.reason);
        line("who", &self.who);
        line("at", &self.at.to_string());
        table
    }

    /// Says it in one line, as the ledger keeps it of a send that needed it.
    pub fn told(&self) -> String {
        let until = match &self.scope {
            Scope::Always { expires } => format!(" until {}", expires.strftime("%Y-%m-%d")),
            Scope::Once { .. } | Scope::Here { .. } => String::new(),
        };
        text::one_line(
            &format!("{} {}{until} by {}: {}", self.kind, self.scope.word(), self.who, self.reason),
            300,
        )
    }

    /// Tells whether its time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        matches!(self.scope, Scope::Always { expires } if expires <= now)
    }
}

/// What leaves, as a line of the list may name it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The draft's id.
    pub draft: &'a str,
    /// The keyed hash of its words and recipients.
    pub content: &'a str,
    /// The present time.
    pub now: Timestamp,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowances(pub Vec<Allowance>);

impl Allowances {
    /// Returns the head of a new file.
    pub fn head() -> String {
        format!(
            "# What may leave although it looks like a secret; `git drafts allow` adds to it.\n\
             # To take one back, delete its table.\n\nversion = {VERSION}\n"
        )
    }

    /// Reads the file; `path` is how errors name it.
    ///
    /// # Errors
    /// Another version, an unknown key or scope, a key that does not belong to its scope.
    pub fn parse(path: &str, file: &str) -> Result<Self, FileError> {
        let stored: Stored = toml::from_str(file).map_err(|error| {
            version::newer(path, file, 1, VERSION)
                .unwrap_or_else(|| FileError::from_toml(path, file, 1, &error))
        })?;
        if stored.version != VERSION {
            let other = || {
                let what = format!("version {} of this list is not known", stored.version);
                FileError::new(path, what).with_hint(format!("the version is {VERSION}"))
            };
            return Err(version::newer(path, file, 1, VERSION).unwrap_or_else(other));
        }
        let lines = stored.allow.into_iter().enumerate();
        let read = |(index, line): (usize, StoredLine)| {
            line.read().map_err(|what| FileError::new(path, format!("table {}: {what}", index + 1)))
        };
        lines.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the line that allows a leak, if one does.
    pub fn permits(&self, leak: &Leak, about: &About<'_>) -> Option<&Allowance> {
        self.0.iter().find(|line| {
            line.fingerprint == leak.fingerprint
                && line.kind == leak.kind
                && may(leak.class, &line.scope)
                && match &line.scope {
                    Scope::Once { draft, content } => draft == about.draft && content == about.content,
                    Scope::Here { draft } => draft == about.draft,
                    Scope::Always { expires } => about.now < *expires,
                }
        })
    }
}

/// Tells whether a person may allow a class that far.
pub fn may(class: Class, scope: &Scope) -> bool {
    match class {
        Class::Known => false,
        Class::Hard => matches!(scope, Scope::Once { .. }),
        Class::Soft => true,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    #[serde(default)]
    allow: Vec<StoredLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLine {
    kind: String,
    fingerprint: String,
    scope: String,
    draft: Option<String>,
    content: Option<String>,
    expires: Option<String>,
    reason: String,
    who: String,
    at: String,
}

impl StoredLine {
    fn read(self) -> Result<Allowance, String> {
        let time = |key: &str, text: &str| {
            text.parse::<Timestamp>().map_err(|_| format!("`{key}` is no time such as 2026-11-20T12:00:00Z"))
        };
        let scope = match (self.scope.as_str(), self.draft, self.content, self.expires) {
            ("once", Some(draft), Some(content), None) => Scope::Once { draft, content },
            ("here", Some(draft), None, None) => Scope::Here { draft },
            ("always", None, None, Some(expires)) => Scope::Always { expires: time("expires", &expires)? },
            ("once", ..) => return Err("`once` goes with `draft` and `content`".to_owned()),
            ("here", ..) => return Err("`here` goes with `draft`".to_owned()),
            ("always", ..) => return Err("`always` goes with `expires`".to_owned()),
            _ => return Err("`scope` is none of `once`, `here` and `always`".to_owned()),
        };
        let at = time("at", &self.at)?;
        Ok(Allowance {
            kind: self.kind,
            fingerprint: self.fingerprint,
            scope,
            reason: self.reason,
            who: self.who,
            at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn line(scope: Scope) -> Allowance {
        Allowance {
            kind: "password".to_owned(),
            fingerprint: "hmac-sha256:aa".to_owned(),
            scope,
            reason: "public \"test\" key\n+++".to_owned(),
            who: "Sam Hill <sam@example.com>".to_owned(),
            at: time("2026-11-20T12:00:00Z"),
        }
    }

    fn scopes() -> [Scope; 3] {
        let draft = || "kqzmwvst".to_owned();
        [
            Scope::Once { draft: draft(), content: "c".to_owned() },
            Scope::Here { draft: draft() },
            Scope::Always { expires: time("2027-02-18T12:00:00Z") },
        ]
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let lines: Vec<Allowance> = scopes().map(line).to_vec();
        let file: String =
            std::iter::once(Allowances::head()).chain(lines.iter().map(Allowance::render)).collect();
        assert_eq!(Allowances::parse(FILE, &file), Ok(Allowances(lines)));
        assert_eq!(Allowances::parse(FILE, &Allowances::head()), Ok(Allowances::default()));
    }

    #[test]
    fn a_mistake_is_told_with_its_table() {
        let good = Allowances::head() + &line(Scope::Here { draft: "kqzmwvst".to_owned() }).render();
        let check = |from: &str, to: &str, expected: &str| {
            let error = Allowances::parse(FILE, &good.replace(from, to)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            "version = 1",
            "version = 2",
            "allow.toml:4: version 2 is newer than this program, which reads version 1",
        );
        check("\"here\"", "\"there\"", "allow.toml: table 1: `scope` is none of `once`, `here` and `always`");
        check("\"here\"", "\"always\"", "allow.toml: table 1: `always` goes with `expires`");
        check("\"here\"", "\"once\"", "allow.toml: table 1: `once` goes with `draft` and `content`");
        check("at = \"2026", "at = \"x", "allow.toml: table 1: `at` is no time such as 2026-11-20T12:00:00Z");
    }

    #[test]
    fn what_is_graver_may_be_allowed_less_far() {
        let may_be = |class| scopes().map(|scope| may(class, &scope));
        assert_eq!(may_be(Class::Soft), [true, true, true]);
        assert_eq!(may_be(Class::Hard), [true, false, false]);
        assert_eq!(may_be(Class::Known), [false, false, false]);
    }

    #[test]
    fn a_line_reaches_as_far_as_it_says() {
        // Which of the three scopes lets a soft finding of this draft pass.
        let check = |draft: &str, content: &str, now: &str, expected: [bool; 3]| {
            let leak = Leak {
                kind: "password".to_owned(),
                class: Class::Soft,
                place: "the text".to_owned(),
                fingerprint: "hmac-sha256:aa".to_owned(),
            };
            let about = About { draft, content, now: time(now) };
            let passes = |leak: &Leak| {
                scopes().map(|scope| Allowances(vec![line(scope)]).permits(leak, &about).is_some())
            };
            assert_eq!(passes(&leak), expected, "{draft} {content} {now}");
            assert_eq!(passes(&Leak { class: Class::Hard, ..leak.clone() }), [expected[0], false, false]);
            for other in [
                Leak { class: Class::Known, ..leak.clone() },
                Leak { kind: "token".to_owned(), ..leak.clone() },
                Leak { fingerprint: "hmac-sha256:bb".to_owned(), ..leak.clone() },
            ] {
                assert_eq!(passes(&other), [false; 3]);
            }
        };
        check("kqzmwvst", "c", "2026-11-20T12:00:00Z", [true, true, true]);
        check("kqzmwvst", "d", "2026-11-20T12:00:00Z", [false, true, true]);
        check("mrnpmrnp", "c", "2026-11-20T12:00:00Z", [false, false, true]);
        check("kqzmwvst", "c", "2027-02-18T12:00:00Z", [true, true, false]);
    }

    #[test]
    fn a_line_is_told_in_one_line() {
        let told = scopes().map(|scope| line(scope).told());
        assert_eq!(
            told,
            [
                "password once by Sam Hill <sam@example.com>: public \"test\" key +++",
                "password here by Sam Hill <sam@example.com>: public \"test\" key +++",
                "password always until 2027-02-18 by Sam Hill <sam@example.com>: public \"test\" key +++",
            ]
        );
    }
}
