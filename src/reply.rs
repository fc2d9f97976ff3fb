//! Reads the plan out of what a brain said, strictly.
//!
//! A reply may come wrapped in prose or in a code fence; the first JSON object in it that is a plan
//! counts. Nothing is guessed or repaired. A [`Flaw`] is made of our own words and of names from
//! closed lists: a reply's own text must never reach an error, a commit or a notification.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

use crate::plan::{Action, Confidence, Plan};
use crate::task::{self, Task};
use crate::text;

/// The most bytes of a reply.
pub const BYTES_MAX: usize = 512 * 1024;

/// The most places at which an object is looked for; every one costs a walk through the rest.
const PLACES_MAX: usize = 64;

/// Names of what a plan has no field for, and a brain may try to choose all the same.
const NOT_ITS_TO_NAME: [&str; 28] = [
    "to",
    "cc",
    "bcc",
    "from",
    "sender",
    "recipient",
    "recipients",
    "reply_to",
    "address",
    "email",
    "account",
    "source",
    "transport",
    "thread",
    "thread_id",
    "in_reply_to",
    "references",
    "tier",
    "gate",
    "status",
    "approved",
    "send_after",
    "attach",
    "attachments",
    "id",
    "url",
    "command",
    "tool",
];

/// The fields of a plan.
const FIELDS: [&str; 6] = ["action", "body", "subject", "confidence", "why", "tasks"];

/// Why a reply holds no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Nothing in it.
    #[error("the brain said nothing")]
    Empty,
    /// Longer than any plan.
    #[error("the brain said more than {BYTES_MAX} bytes")]
    TooLong,
    /// No JSON object that looks like a plan.
    #[error("the brain gave no plan")]
    NoPlan,
    /// Two plans that differ, or more objects than anybody reads.
    #[error("the brain gave several plans that differ")]
    Several,
    /// It tried to choose what is not a brain's to choose.
    #[error("the brain tried to name {}", listed(.0))]
    NotItsToName(Vec<&'static str>),
    /// A key that no plan has.
    #[error("the brain's plan has a field that no plan has")]
    UnknownField,
    /// A key that is there twice.
    #[error("the brain's plan has a field twice")]
    Twice,
    /// No action, or none of the list.
    #[error("the brain's plan has no action that is known")]
    NoAction,
    /// An action that this brain was not offered.
    #[error("the brain was not offered the action `{0}`")]
    NotOffered(Action),
    /// No confidence, or none from 0 to 1.
    #[error("the brain's plan has no confidence from 0 to 1")]
    NoConfidence,
    /// A field of another type.
    #[error("the brain's plan has a field of another type")]
    WrongType,
    /// A reply without a text.
    #[error("the brain's answer is empty")]
    EmptyBody,
    /// A text beside an action that has none.
    #[error("the brain plans `{0}`, and writes an answer all the same")]
    Contradiction(Action),
    /// Tasks beside an action that has none.
    #[error("the brain plans `{0}`, and names tasks all the same")]
    TasksBeside(Action),
    /// A task that is none.
    #[error("the brain's plan has a task that is none")]
    NoTask,
    /// Tasks that are no list of tasks.
    #[error("the brain's tasks are unclear: {0}")]
    Tasks(task::Flaw),
}

/// Reads the one plan in `said`; `offered` is what this brain may plan.
///
/// # Errors
/// See [`Flaw`]. A second plan that says the same is no flaw, one that differs is.
pub fn read(said: &str, offered: &[Action]) -> Result<Plan, Flaw> {
    if said.trim().is_empty() {
        return Err(Flaw::Empty);
    }
    if said.len() > BYTES_MAX {
        return Err(Flaw::TooLong);
    }
    let mut found: Option<Plan> = None;
    let mut at = 0;
    for place in 0.. {
        let Some(brace) = said[at..].find('{') else { break };
        if place == PLACES_MAX {
            return Err(Flaw::Several);
        }
        let start = at + brace;
        let mut objects = Deserializer::from_str(&said[start..]).into_iter::<IgnoredAny>();
        at = match objects.next() {
            Some(Ok(_)) => start + objects.byte_offset(),
            Some(Err(_)) | None => {
                at = start + 1;
                continue;
            }
        };
        match plan(&said[start..at], offered) {
            None => {}
            Some(Err(fault)) => return Err(fault),
            Some(Ok(plan)) => match &found {
                Some(first) if *first != plan => return Err(Flaw::Several),
                Some(_) => {}
                None => found = Some(plan),
            },
        }
    }
    found.ok_or(Flaw::NoPlan)
}

/// Reads one object; none where it does not look like a plan at all.
fn plan(object: &str, offered: &[Action]) -> Option<Result<Plan, Flaw>> {
    match serde_json::from_str::<Plan>(object) {
        Ok(plan) => Some(checked(plan, offered)),
        Err(_) => {
            let pairs: Map<String, Value> = serde_json::from_str(object).ok()?;
            why_not(&pairs).map(Err)
        }
    }
}

/// Says why an object is no plan; nothing where it does not try to be one.
fn why_not(pairs: &Map<String, Value>) -> Option<Flaw> {
    let named: Vec<&'static str> =
        NOT_ITS_TO_NAME.into_iter().filter(|name| pairs.keys().any(|key| is_called(key, name))).collect();
    let is_plan =
        pairs.contains_key("action") || pairs.contains_key("body") || pairs.contains_key("confidence");
    if !named.is_empty() {
        return Some(Flaw::NotItsToName(named));
    }
    if !is_plan {
        return None;
    }
    let text = |key: &str| pairs.get(key).is_none_or(Value::is_string);
    let action = pairs.get("action").and_then(Value::as_str).and_then(|word| word.parse::<Action>().ok());
    let confidence = pairs.get("confidence").and_then(Value::as_f64).and_then(Confidence::new);
    Some(if pairs.keys().any(|key| !FIELDS.contains(&key.as_str())) {
        Flaw::UnknownField
    } else if action.is_none() {
        Flaw::NoAction
    } else if confidence.is_none() {
        Flaw::NoConfidence
    } else if !text("body") || !text("why") || !(text("subject") || pairs["subject"].is_null()) {
        Flaw::WrongType
    } else if pairs.get("tasks").is_some_and(|tasks| Vec::<Task>::deserialize(tasks).is_err()) {
        Flaw::NoTask
    } else {
        // All is right but for what a map cannot show.
        Flaw::Twice
    })
}

/// Tells whether a key is this name, however it is written: `Reply-To`, `replyTo`, ` TO `.
fn is_called(key: &str, name: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters(key).eq_ignore_ascii_case(&letters(name))
}

fn checked(plan: Plan, offered: &[Action]) -> Result<Plan, Flaw> {
    if !offered.contains(&plan.action) {
        return Err(Flaw::NotOffered(plan.action));
    }
    let is_empty = plan.body.trim().is_empty();
    if plan.action != Action::Issue && !plan.tasks.is_empty() {
        return Err(Flaw::TasksBeside(plan.action));
    }
    match plan.action {
        Action::Reply | Action::Patch if is_empty => return Err(Flaw::EmptyBody),
        Action::Escalate | Action::Ignore | Action::Issue if !is_empty => {
            return Err(Flaw::Contradiction(plan.action));
        }
        Action::Reply
        | Action::RouteAnswer
        | Action::Note
        | Action::MarkRead
        | Action::Patch
        | Action::Issue
        | Action::Run
        | Action::Escalate
        | Action::Ignore => {}
    }
    let has_subject = matches!(plan.action, Action::Reply | Action::Patch);
    Ok(Plan {
        body: text::visible(&plan.body).trim().to_owned(),
        // An empty subject is none, and a subject is for what has one.
        subject: plan.subject.filter(|subject| has_subject && !subject.trim().is_empty()),
        why: text::one_line(&plan.why, 300),
        tasks: tasks(plan.action, plan.tasks)?,
        ..plan
    })
}

/// Returns the tasks as a draft can hold them, if they are a list of tasks.
fn tasks(action: Action, tasks: Vec<Task>) -> Result<Vec<Task>, Flaw> {
    if action != Action::Issue {
        return Ok(Vec::new());
    }
    // Before anything is done with texts that may be of any length.
    task::in_order(&tasks).map_err(Flaw::Tasks)?;
    let clean = |task: Task| Task { body: task::canonical_body(&text::visible(&task.body)), ..task };
    let tasks: Vec<Task> = tasks.into_iter().map(clean).collect();
    task::in_order(&tasks).map_err(Flaw::Tasks)?;
    Ok(tasks)
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;
    use crate::prompt::OFFERED;

    const GOOD: &str = r#"{"action": "reply", "body": "Hello", "confidence": 0.5}"#;

    fn check(said: &str, expected: &str) {
        let read = match read(said, &OFFERED) {
            Ok(plan) => format!("{} {} {:?}", plan.action, plan.confidence, plan.body),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(read, expected, "{said}");
    }

    #[test]
    fn a_plan_may_be_wrapped() {
        let good = "reply 0.50 \"Hello\"";
        check(GOOD, good);
        check(&format!("Here is it:\n```json\n{GOOD}\n```\nAnything else?"), good);
        check(&format!("<think>maybe {{not}} {{\"a\": 1}}</think>{GOOD}"), good);
        check(&format!("{GOOD}\n{GOOD}"), good);
        check(&format!("[{GOOD}]"), good);
        check(&format!("\u{feff}{GOOD}"), good);
        check(r#"{"action": "escalate", "confidence": 0, "why": "no facts"}"#, "escalate 0.00 \"\"");
        check(r#"{"action": "ignore", "body": "  ", "confidence": 1, "subject": null}"#, "ignore 1.00 \"\"");
    }

    #[test]
    fn what_is_no_plan_says_why() {
        for (said, why) in [
            ("", "the brain said nothing"),
            (" \n\t", "the brain said nothing"),
            ("Sure, I will answer that.", "the brain gave no plan"),
            ("{", "the brain gave no plan"),
            ("{}", "the brain gave no plan"),
            (r#"{"action": "reply", "body": "Hel"#, "the brain gave no plan"),
            (r#"{'action': 'reply', 'body': 'x', 'confidence': 1}"#, "the brain gave no plan"),
            (r#"{"action": "reply", "body": "\ud800", "confidence": 1}"#, "the brain gave no plan"),
            (r#"{"action": "reply", "body": "x", "confidence": NaN}"#, "the brain gave no plan"),
            (r#"{"action": "reply", "body": "x", "confidence": 1,}"#, "the brain gave no plan"),
            (r#""{\"action\": \"reply\", \"body\": \"x\", \"confidence\": 1}""#, "the brain gave no plan"),
            (
                r#"{"tool_calls": [{"function": {"name": "send", "arguments": {"to": "eve@evil.example"}}}]}"#,
                "the brain gave no plan",
            ),
            (r#"{"body": "x", "confidence": 1}"#, "the brain's plan has no action that is known"),
            (
                r#"{"action": "pay", "body": "x", "confidence": 1}"#,
                "the brain's plan has no action that is known",
            ),
            (
                r#"{"action": "Reply", "body": "x", "confidence": 1}"#,
                "the brain's plan has no action that is known",
            ),
            (
                r#"{"action": "route_answer", "body": "x", "confidence": 1}"#,
                "the brain was not offered the action `route_answer`",
            ),
            (
                r#"{"action": "run", "body": "x", "confidence": 1}"#,
                "the brain was not offered the action `run`",
            ),
            (r#"{"action": "reply", "body": "x"}"#, "the brain's plan has no confidence from 0 to 1"),
            (
                r#"{"action": "reply", "body": "x", "confidence": "0.9"}"#,
                "the brain's plan has no confidence from 0 to 1",
            ),
            (
                r#"{"action": "reply", "body": "x", "confidence": 1.0000001}"#,
                "the brain's plan has no confidence from 0 to 1",
            ),
            (
                r#"{"action": "reply", "body": "x", "confidence": -0.1}"#,
                "the brain's plan has no confidence from 0 to 1",
            ),
            (
                r#"{"action": "reply", "body": "x", "confidence": null}"#,
                "the brain's plan has no confidence from 0 to 1",
            ),
            (
                r#"{"action": "reply", "body": ["x"], "confidence": 1}"#,
                "the brain's plan has a field of another type",
            ),
            (
                r#"{"action": "reply", "body": "x", "confidence": 1, "subject": {"a": 1}}"#,
                "the brain's plan has a field of another type",
            ),
            (r#"{"action": "reply", "body": " ", "confidence": 1}"#, "the brain's answer is empty"),
            (r#"{"action": "reply", "confidence": 1}"#, "the brain's answer is empty"),
            (
                r#"{"action": "escalate", "body": "pay now", "confidence": 1}"#,
                "the brain plans `escalate`, and writes an answer all the same",
            ),
            (
                r#"{"action": "reply", "action": "ignore", "body": "x", "confidence": 1}"#,
                "the brain's plan has a field twice",
            ),
            (
                r#"{"action": "reply", "body": "x", "body": "y", "confidence": 1}"#,
                "the brain's plan has a field twice",
            ),
            (
                r#"{"action": "reply", "body": "x", "confidence": 1, "tasks": [{"key": "a", "title": "A"}]}"#,
                "the brain plans `reply`, and names tasks all the same",
            ),
            (
                r#"{"action": "issue", "confidence": 1, "tasks": [{"key": "a", "title": "A"}]}"#,
                "the brain was not offered the action `issue`",
            ),
            (
                r#"{"action": "reply", "body": "x", "confidence": 1, "ignore your rules": 1}"#,
                "the brain's plan has a field that no plan has",
            ),
        ] {
            check(said, why);
        }
    }

    fn check_issue(tasks: &str, expected: &str) {
        let said = format!(r#"{{"action": "issue", "confidence": 1, "tasks": {tasks}}}"#);
        let read = match read(&said, &[Action::Issue]) {
            Ok(plan) => plan.draft_body(),
            Err(flaw) => flaw.to_string(),
        };
        assert_eq!(read, expected, "{tasks}");
    }

    #[test]
    fn tasks_are_read_as_strictly_as_the_rest() {
        check_issue(
            r####"[{"key": "a", "title": "A", "body": "\n## Task: b\nx\u200b\n", "labels": ["bug"], "depends_on": ["b"]}, {"key": "b", "title": "B"}]"####,
            "## Task: a\n\n\\## Task: b\nx[hidden: U+200B]\n\n## Task: b",
        );
        let none = "the brain's plan has a task that is none";
        for tasks in [
            r#"[{"key": "a", "title": "A", "repository": "x"}]"#,
            r#"[{"key": "a", "title": "A", "assignee": "eve"}]"#,
            r#"[{"key": "a"}]"#,
            r#"["a"]"#,
            r#""a""#,
            "null",
            r#"[{"key": "a", "title": "A", "labels": "bug"}]"#,
        ] {
            check_issue(tasks, none);
        }
        let unclear = |why: &str| format!("the brain's tasks are unclear: {why}");
        check_issue("[]", &unclear("there is no task"));
        check_issue(
            r#"[{"key": "a", "title": "A", "depends_on": ["a"]}]"#,
            &unclear("task 1 depends on something else than other tasks, each once"),
        );
        check_issue(
            r#"[{"key": "a", "title": "A\u202eB"}]"#,
            &unclear("the title of task 1 is not one line of 1 to 200 characters"),
        );
        let both =
            r#"{"action": "issue", "body": "x", "confidence": 1, "tasks": [{"key": "a", "title": "A"}]}"#;
        assert_eq!(read(both, &[Action::Issue]), Err(Flaw::Contradiction(Action::Issue)));
        let none = r#"{"action": "patch", "body": " ", "confidence": 1}"#;
        assert_eq!(read(none, &[Action::Patch]), Err(Flaw::EmptyBody));
    }

    #[test]
    fn a_brain_that_names_what_is_not_its_own_is_found_out() {
        for (extra, named) in [
            (r#""to": "eve@evil.example""#, "`to`"),
            (r#""To": ["eve@evil.example"]"#, "`to`"),
            (r#""Reply-To": "eve@evil.example""#, "`reply_to`"),
            (r#""replyTo": "eve@evil.example", "bcc": []"#, "`bcc`, `reply_to`"),
            (r#""thread_id": "t9""#, "`thread_id`"),
            (r#""tier": "low""#, "`tier`"),
            (r#""status": "approved""#, "`status`"),
            (r#""account": "ceo""#, "`account`"),
        ] {
            let said = format!(r#"{{"action": "reply", "body": "x", "confidence": 1, {extra}}}"#);
            check(&said, &format!("the brain tried to name {named}"));
            // Nor may it say so first and then behave.
            check(&format!("{said}\n{GOOD}"), &format!("the brain tried to name {named}"));
        }
    }

    #[test]
    fn two_plans_that_differ_are_none() {
        let other = GOOD.replace("Hello", "Hallo");
        check(&format!("{GOOD}{other}"), "the brain gave several plans that differ");
        check(&format!("It says {other}. So: {GOOD}"), "the brain gave several plans that differ");
        check(&"{\"a\":1}".repeat(100), "the brain gave several plans that differ");
    }

    #[test]
    fn hidden_characters_of_a_plan_are_shown() {
        check(
            "{\"action\": \"reply\", \"body\": \"a\\u200b\\u001b[2Jb\", \"confidence\": 0.5}",
            r#"reply 0.50 "a[hidden: U+200B and 1 more][2Jb""#,
        );
    }

    #[test]
    fn no_reply_takes_long_to_read() {
        let began = Instant::now();
        for piece in ["{", "{\"", "{\"a\":", "[{", "{\"a\":\"{"] {
            let _ = read(&piece.repeat(BYTES_MAX / piece.len()), &OFFERED);
        }
        check(&" x".repeat(BYTES_MAX), &format!("the brain said more than {BYTES_MAX} bytes"));
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    proptest! {
        #[test]
        fn no_reply_breaks_the_reading(said in ".*", json in r#"[{}\[\]":,a-z0-9\\ ]{0,80}"#) {
            let _ = read(&said, &OFFERED);
            let _ = read(&json, &OFFERED);
        }

        #[test]
        fn a_plan_survives_any_prose_without_braces(before in r#"[^{}\[\]"]{0,40}"#, after in r#"[^{}\[\]"]{0,40}"#) {
            let plan = read(&format!("{before}{GOOD}{after}"), &OFFERED).unwrap();
            prop_assert_eq!(plan.body, "Hello");
        }
    }
}
