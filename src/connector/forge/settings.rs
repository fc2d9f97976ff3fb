//! What the wiring says about one forge, and the names of places on it.

use std::fmt;
use std::time::Duration;

use crate::http::Token;
use crate::message::Address;

/// The longest name of an owner or a repository.
const NAME_BYTES_MAX: usize = 100;

/// How long a call may take where the wiring does not say.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Whose API a forge speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Forgejo, and Gitea, which it comes from.
    Forgejo,
    /// GitHub.
    GitHub,
}

impl Kind {
    /// Returns its word in the wiring.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Forgejo => "forgejo",
            Kind::GitHub => "github",
        }
    }
}

/// One forge, as the wiring describes it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose API it speaks.
    pub kind: Kind,
    /// The base URL of the API.
    pub url: String,
    /// Who we are there.
    pub login: String,
    /// The token, where one is needed.
    pub token: Option<Token>,
    /// What is read and written; nothing else is ever asked for.
    pub repositories: Vec<Repository>,
    /// What is taken of what is read.
    pub take: Vec<Take>,
    /// Who gets the answers, where they do not go back to the thread.
    pub to: Option<Address>,
    /// How long each call may take.
    pub timeout: Duration,
}

/// What is taken of a repository; each word adds to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// What names us with an `@`.
    Mentions,
    /// Issues that we are assigned to, and what is said there.
    Assigned,
    /// All new issues and pull requests.
    Issues,
    /// All new comments.
    Comments,
}

impl Take {
    /// All of them, in the order in which they are told.
    pub const ALL: [Take; 4] = [Take::Mentions, Take::Assigned, Take::Issues, Take::Comments];

    /// Returns its word in the wiring.
    pub fn as_str(self) -> &'static str {
        match self {
            Take::Mentions => "mentions",
            Take::Assigned => "assigned",
            Take::Issues => "issues",
            Take::Comments => "comments",
        }
    }
}

/// A repository: `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// The account or the organisation.
    pub owner: String,
    /// Its name there.
    pub name: String,
}

impl Repository {
    /// Reads `owner/name`: each letters, digits, `-`, `_` and `.`.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.len() <= NAME_BYTES_MAX
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        (plain(owner) && plain(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// Tells whether both name the same repository: forges do not look at case.
    pub fn is(&self, other: &Repository) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// An issue or a pull request, with all that is said there: `owner/name#12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Where it is.
    pub repository: Repository,
    /// Its number there.
    pub number: u64,
}

impl Thread {
    /// Reads `owner/name#12`.
    pub fn parse(text: &str) -> Option<Self> {
        let (repository, number) = text.split_once('#')?;
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        Some(Self {
            repository: Repository::parse(repository)?,
            number: number.parse().ok().filter(|_| plain)?,
        })
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.repository, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_read_as_they_are_written() {
        for text in ["acme/app#1", "a/b.c_d-e#18446744073709551615", "a/.github#7"] {
            assert_eq!(Thread::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_mean_another_place_is_no_thread() {
        for text in [
            "",
            "acme/app",
            "acme#1",
            "acme/app#",
            "acme/app#01",
            "acme/app#+1",
            "acme/app#1#2",
            "acme/app#18446744073709551616",
            "acme/../app#1",
            "acme/..#1",
            "a/b/c#1",
            "a b/c#1",
            "a%2Fb/c#1",
            "https://evil.example/a#1",
            "<m1@example.org>",
        ] {
            assert_eq!(Thread::parse(text), None, "{text}");
        }
    }
}
