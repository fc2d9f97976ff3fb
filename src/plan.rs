//! What a brain wants to do with a message, and the words for how grave that is.
//!
//! A plan names an action and a text. It must never be able to name a recipient, an account, a
//! thread or a tier: those are not fields of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::task::{self, Task};

/// What may be done about a message: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Answer with a text of the brain's.
    Reply,
    /// Answer with a text of the catalogue.
    RouteAnswer,
    /// Post a progress note to the hub.
    Note,
    /// Mark the message read, and nothing else.
    MarkRead,
    /// Change a file, as a diff.
    Patch,
    /// Create one task or several.
    Issue,
    /// Run a named procedure.
    Run,
    /// Leave it to a person.
    Escalate,
    /// Leave it unanswered.
    Ignore,
}

impl Action {
    /// Every action, in the order in which the documentation lists them.
    pub const ALL: [Action; 9] = [
        Action::Reply,
        Action::RouteAnswer,
        Action::Note,
        Action::MarkRead,
        Action::Patch,
        Action::Issue,
        Action::Run,
        Action::Escalate,
        Action::Ignore,
    ];

    /// Returns the word that plans, policies and drafts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Reply => "reply",
            Action::RouteAnswer => "route_answer",
            Action::Note => "note",
            Action::MarkRead => "mark_read",
            Action::Patch => "patch",
            Action::Issue => "issue",
            Action::Run => "run",
            Action::Escalate => "escalate",
            Action::Ignore => "ignore",
        }
    }

    /// Tells whether somebody is written to, once it is approved.
    pub fn writes_to_somebody(self) -> bool {
        match self {
            Action::Reply | Action::RouteAnswer | Action::Note | Action::Escalate => true,
            Action::MarkRead | Action::Patch | Action::Issue | Action::Run | Action::Ignore => false,
        }
    }
}

/// How grave an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Easily taken back.
    Low,
    /// Ordinary mail in the operator's name.
    Medium,
    /// Whatever is not clearly one of the others.
    High,
}

impl Tier {
    /// Every tier, mildest first.
    pub const ALL: [Tier; 3] = [Tier::Low, Tier::Medium, Tier::High];

    /// Returns the word that policies and drafts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Low => "low",
            Tier::Medium => "medium",
            Tier::High => "high",
        }
    }
}

/// What a tier asks for before anything is sent; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// The policy itself grants it.
    Auto,
    /// A person's commit.
    Approve,
    /// A person's signed commit.
    ApproveSigned,
}

impl Gate {
    /// Every gate, mildest first.
    pub const ALL: [Gate; 3] = [Gate::Auto, Gate::Approve, Gate::ApproveSigned];

    /// Returns the word that policies use.
    pub fn as_str(self) -> &'static str {
        match self {
            Gate::Auto => "auto",
            Gate::Approve => "approve",
            Gate::ApproveSigned => "approve_signed",
        }
    }
}

/// A word that is not on one of the closed lists.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{word}`")]
pub struct UnknownWord {
    /// `action`, `tier` or `gate`.
    pub what: &'static str,
    /// The word as it was written.
    pub word: String,
}

macro_rules! closed_list {
    ($type:ty, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .into_iter()
                    .find(|known| known.as_str() == word)
                    .ok_or_else(|| UnknownWord { what: $what, word: word.to_owned() })
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

closed_list!(Action, "action");
closed_list!(Tier, "tier");
closed_list!(Gate, "gate");

/// How sure a brain says it is: finite, from 0 to 1.
///
/// TOML knows `nan`, and `nan < 0.8` is false, so the type admits no such value.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

// It is never `nan`.
impl Eq for Confidence {}

impl Confidence {
    /// Nothing is known.
    pub const NONE: Confidence = Confidence(0.0);

    /// Makes a confidence of a number, if it is one.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value + 0.0))
    }

    /// Returns the number, from 0 to 1.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Confidence {
    /// Two decimals, never rounded up to a certainty that was not claimed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The small addition keeps 0.29 from becoming 0.28: 0.29 * 100.0 is 28.999999999999996.
        write!(f, "{:.2}", (self.0 * 100.0 + 1e-9).floor() / 100.0)
    }
}

impl<'de> Deserialize<'de> for Confidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| serde::de::Error::custom("confidence is a number from 0 to 1"))
    }
}

/// What a brain answered, before anything has judged it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What to do.
    pub action: Action,
    /// The text to send, in Markdown, or the diff of a patch; empty where nothing is to be sent.
    #[serde(default)]
    pub body: String,
    /// The subject, where the brain wants another than `Re: …`.
    #[serde(default)]
    pub subject: Option<String>,
    /// How sure the brain says it is.
    pub confidence: Confidence,
    /// One sentence for the operator.
    #[serde(default)]
    pub why: String,
    /// The tasks to create; only with `issue`.
    #[serde(default)]
    pub tasks: Vec<Task>,
}

impl Plan {
    /// Returns every text in it that may go out, for whoever looks for something in it.
    pub fn text(&self) -> String {
        format!(
            "{}\n\n{}\n\n{}",
            self.subject.as_deref().unwrap_or_default(),
            self.body,
            task::readable(&self.tasks)
        )
    }

    /// Returns the text of its draft: the answer, the diff, or the texts of its tasks.
    pub fn draft_body(&self) -> String {
        if self.tasks.is_empty() { self.body.clone() } else { task::sections(&self.tasks) }
    }

    /// Makes the plan that leaves a message to a person.
    pub fn escalate(why: impl Into<String>) -> Self {
        Self {
            action: Action::Escalate,
            body: String::new(),
            subject: None,
            confidence: Confidence::NONE,
            why: why.into(),
            tasks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, wrong: &str) {
        let error = serde_json::from_str::<Plan>(json).unwrap_err().to_string();
        assert!(error.contains(wrong), "{json}: {error}");
    }

    #[test]
    fn a_plan_has_no_field_for_a_recipient() {
        check(r#"{"action": "reply", "confidence": 1, "to": "a@b.c"}"#, "unknown field `to`");
    }

    #[test]
    fn confidence_is_a_number_from_0_to_1() {
        check(r#"{"action": "reply", "body": ""}"#, "missing field `confidence`");
        for value in ["-0.1", "1.0000001", "5", "\"0.9\"", "null", "1e400"] {
            assert!(serde_json::from_str::<Confidence>(value).is_err(), "{value}");
        }
        assert_eq!(Confidence::new(f64::NAN), None);
        assert_eq!(Confidence::new(f64::INFINITY), None);
        assert_eq!(Confidence::new(-0.0).unwrap().to_string(), "0.00");
        assert_eq!(Confidence::new(0.999).unwrap().to_string(), "0.99");
    }

    #[test]
    fn an_action_off_the_list_is_no_plan() {
        check(r#"{"action": "pay", "confidence": 1}"#, "unknown action `pay`");
    }

    #[test]
    fn tiers_and_gates_are_ordered_by_strictness() {
        assert!(Tier::Low < Tier::Medium && Tier::Medium < Tier::High);
        assert!(Gate::Auto < Gate::Approve && Gate::Approve < Gate::ApproveSigned);
    }
}
