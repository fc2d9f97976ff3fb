//! Maps between a tracker's JSON and our nouns: functions of their arguments, no socket, no clock.
//!
//! An unclear answer to a request that creates something is unsure, never a failure, and an answer about
//! a key that does not name the key says nothing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::errand::TaskList;
use crate::http::{Answer, HttpError, Method, Request, path};
use crate::outgoing::{Found, Outcome};
use crate::task::Task;
use crate::text;

/// The longest name of a task in a tracker.
const REF_CHARS_MAX: usize = 200;

/// The longest address of a task.
const URL_CHARS_MAX: usize = 500;

/// When to try again where the tracker does not say.
const RETRY: SignedDuration = SignedDuration::from_secs(60);

/// A task that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What the tracker calls it.
    pub reference: String,
    /// Where people find it; may be empty.
    pub url: String,
}

/// Why nobody knows whether a key has created a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTold {
    /// The tracker cannot be asked just now.
    Away(String),
    /// It does not say, now or later.
    Unknown(String),
}

impl From<NotTold> for Found {
    fn from(not_told: NotTold) -> Self {
        match not_told {
            NotTold::Away(reason) => Found::Away { reason },
            NotTold::Unknown(reason) => Found::Unknown { reason },
        }
    }
}

/// Asks to create a task; `depends_on` are what the tracker calls those that come before it.
pub fn create(list: &TaskList, task: &Task, key: &str, depends_on: &[&str]) -> Request {
    Request::new(Method::Post, path("/tasks", &[])).header("idempotency-key", key).json(json!({
        "title": task.title,
        "body": task.body,
        "labels": task.labels,
        "source": { "draft": list.draft.as_str(), "message": list.message },
        "depends_on": depends_on,
    }))
}

/// Returns the text of a task for a tracker that has no field for what comes before it.
pub fn with_earlier(body: &str, depends_on: &[&str]) -> String {
    if depends_on.is_empty() {
        return body.to_owned();
    }
    format!("{body}\n\nDepends on {}.", depends_on.join(", ")).trim_start().to_owned()
}

/// Asks whether a key has created a task.
pub fn find(key: &str) -> Request {
    Request::new(Method::Get, path("/tasks", &[])).query("key", key)
}

/// Reads what became of a task that was to be created.
pub fn read_created(answer: Result<Answer, HttpError>, now: Timestamp) -> Result<Made, Outcome> {
    let later = |reason: String, until: Option<Timestamp>| Outcome::Deferred {
        until: until.unwrap_or(again(now)),
        reason,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ HttpError::Invalid { .. }) => return Err(Outcome::Failed { reason: error.to_string() }),
        Err(error @ HttpError::NotSent { .. }) => return Err(later(error.to_string(), None)),
        Err(error @ (HttpError::Broken { .. } | HttpError::TooLarge { .. })) => {
            return Err(Outcome::Unsure { reason: error.to_string() });
        }
    };
    let reason = format!("the tracker answered {}", answer.told());
    let until = answer.retry_at(now);
    Err(match answer.status {
        200 | 201 => match answer.json().ok().as_ref().and_then(made) {
            Some(made) => return Ok(made),
            None => Outcome::Unsure { reason: format!("{reason} without a readable `ref`") },
        },
        // See Other is how a server answers a post that it has taken.
        303 => Outcome::Unsure { reason: format!("{reason}; redirects are not followed") },
        300..=399 => Outcome::Failed { reason: format!("{reason}; redirects are not followed") },
        // What a key asks for never changes, so this may as well mean that the first request is still at it.
        409 => {
            Outcome::Unsure { reason: "the tracker says that it has this key with another task".to_owned() }
        }
        408 | 425 | 429 => later(reason, until),
        503 if until.is_some() => later(reason, until),
        400..=499 => Outcome::Failed { reason },
        _ => Outcome::Unsure { reason },
    })
}

/// Reads whether a key has created a task.
///
/// # Errors
/// The tracker did not say.
pub fn read_found(answer: Result<Answer, HttpError>, key: &str) -> Result<Option<Made>, NotTold> {
    let unknown = |reason: String| Err(NotTold::Unknown(reason));
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ (HttpError::NotSent { .. } | HttpError::Broken { .. })) => {
            return Err(NotTold::Away(error.to_string()));
        }
        Err(error @ (HttpError::Invalid { .. } | HttpError::TooLarge { .. })) => {
            return unknown(error.to_string());
        }
    };
    let what = format!("the tracker answered {} when asked for a key", answer.told());
    match answer.status {
        200 => {}
        408 | 425 | 429 | 500.. => return Err(NotTold::Away(what)),
        _ => return unknown(what),
    }
    let body = answer.json().unwrap_or(Value::Null);
    match body.get("tasks").and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => Ok(None),
        // A tracker that does not know the parameter would list what it likes.
        Some([task]) if task.get("key").and_then(Value::as_str) != Some(key) => {
            unknown(format!("{what}, with a task of another key"))
        }
        Some([task]) => match made(task) {
            Some(made) => Ok(Some(made)),
            None => unknown(format!("{what}, without a readable `ref`")),
        },
        Some([_, _, ..]) => unknown(format!("{what}, with more than one task")),
        None => unknown(format!("{what}, without a list `tasks`")),
    }
}

/// Returns when a tracker that does not say is tried again.
pub fn again(now: Timestamp) -> Timestamp {
    now.saturating_add(RETRY).unwrap_or(now)
}

fn made(task: &Value) -> Option<Made> {
    let name = task.get("ref")?.as_str()?;
    let reference = text::one_line(name, REF_CHARS_MAX);
    // A cut name would be sent back as that of another task.
    let url = task.get("url").and_then(Value::as_str).unwrap_or_default();
    (!name.is_empty() && reference == name)
        .then(|| Made { reference, url: text::one_line(url, URL_CHARS_MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Key;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Answer::new(status, headers, body.as_bytes().to_vec(), None)
    }

    #[test]
    fn a_task_is_asked_for_as_the_contract_says() {
        let id: crate::id::DraftId = "kqzmwvst".parse().unwrap();
        let task = Task {
            key: "export".to_owned(),
            title: "Mend the export".to_owned(),
            body: "It is empty.".to_owned(),
            labels: vec!["bug".to_owned()],
            depends_on: vec!["docs".to_owned()],
        };
        let key = Key::new(&id, 2, "3f9c2a71");
        let list = TaskList {
            draft: id,
            message: "<1@example.org>".to_owned(),
            keys: vec![key.clone()],
            since: None,
            tasks: vec![task.clone()],
        };
        let request = create(&list, &task, &TaskList::key(&key, &task), &["T-7"]);
        assert_eq!((request.method, request.path), (Method::Post, vec!["tasks".to_owned()]));
        assert_eq!(request.headers, [("idempotency-key", "kqzmwvst.2.3f9c2a71.export".to_owned())]);
        assert_eq!(
            request.body.unwrap(),
            json!({
                "title": "Mend the export", "body": "It is empty.", "labels": ["bug"],
                "source": { "draft": "kqzmwvst", "message": "<1@example.org>" }, "depends_on": ["T-7"],
            })
        );
    }

    #[test]
    fn what_became_of_a_task_is_never_guessed() {
        let check = |status, headers: &[(&str, &str)], body: &str, expected: &str| {
            let now = NOW.parse().unwrap();
            let said = match read_created(Ok(answer(status, headers, body)), now) {
                Ok(made) => format!("made {} {}", made.reference, made.url),
                Err(Outcome::Deferred { until, reason }) => format!("later {until}: {reason}"),
                Err(Outcome::Failed { reason }) => format!("failed: {reason}"),
                Err(Outcome::Unsure { reason }) => format!("unsure: {reason}"),
                Err(Outcome::Delivered { .. }) => unreachable!("a task is no list"),
            };
            assert_eq!(said, expected);
        };
        check(201, &[], r#"{"ref": "T-1", "url": "https://t.example/1"}"#, "made T-1 https://t.example/1");
        check(200, &[], r#"{"ref": "T-1"}"#, "made T-1 ");
        for body in ["", "[]", r#"{"ref": 1}"#, r#"{"ref": ""}"#, r#"{"ref": "a\nb"}"#] {
            check(201, &[], body, "unsure: the tracker answered 201 without a readable `ref`");
        }
        check(202, &[], "", "unsure: the tracker answered 202");
        check(303, &[], "", "unsure: the tracker answered 303; redirects are not followed");
        check(301, &[], "", "failed: the tracker answered 301; redirects are not followed");
        check(409, &[], "", "unsure: the tracker says that it has this key with another task");
        check(422, &[], "", "failed: the tracker answered 422");
        check(500, &[], "", "unsure: the tracker answered 500");
        check(503, &[], "", "unsure: the tracker answered 503");
        check(503, &[("retry-after", "30")], "", "later 2026-11-20T12:00:30Z: the tracker answered 503");
        check(429, &[], "", "later 2026-11-20T12:01:00Z: the tracker answered 429");
    }

    #[test]
    fn only_an_empty_list_says_that_a_key_has_created_nothing() {
        let check = |status, body: &str, expected: &str| {
            let said = match read_found(Ok(answer(status, &[], body)), "k.1.d.a") {
                Ok(Some(made)) => format!("made {}", made.reference),
                Ok(None) => "no".to_owned(),
                Err(NotTold::Away(reason)) => format!("away: {reason}"),
                Err(NotTold::Unknown(reason)) => format!("unknown: {reason}"),
            };
            assert_eq!(said, expected);
        };
        let asked = "the tracker answered 200 when asked for a key";
        check(200, r#"{"tasks": []}"#, "no");
        check(200, r#"{"tasks": [{"key": "k.1.d.a", "ref": "T-1"}]}"#, "made T-1");
        check(
            200,
            r#"{"tasks": [{"ref": "T-1"}]}"#,
            &format!("unknown: {asked}, with a task of another key"),
        );
        check(
            200,
            r#"{"tasks": [{"key": "k.1.d.a"}]}"#,
            &format!("unknown: {asked}, without a readable `ref`"),
        );
        check(200, r#"{"tasks": [{}, {}]}"#, &format!("unknown: {asked}, with more than one task"));
        check(200, "<p>log in</p>", &format!("unknown: {asked}, without a list `tasks`"));
        check(404, "", "unknown: the tracker answered 404 when asked for a key");
        check(401, "", "unknown: the tracker answered 401 when asked for a key");
        check(502, "", "away: the tracker answered 502 when asked for a key");
    }
}
