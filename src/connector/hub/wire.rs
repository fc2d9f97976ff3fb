//! Maps between the hub's JSON and our nouns: functions of their arguments, no socket, no clock.
//!
//! Whatever the hub says has gone through [`text`] before it stands in a message, an error or a
//! receipt. An unclear answer to a send is unsure, never a failure.

use std::collections::HashSet;
use std::time::Duration;

use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Map, Value};

use crate::connector::hub::settings::{Fields, Settings};
use crate::connector::{ConnectorError, Window};
use crate::http::{Answer, HttpError, Method, Request, path};
use crate::message::{Address, Fetched, Message, Unreadable, sha256_hex};
use crate::outgoing::{Found, Key, Outcome, Outgoing};
use crate::text;

/// The longest id, of a message, a thread or an agent.
pub const ID_BYTES_MAX: usize = 200;

/// The most messages that one fetch returns.
pub const MESSAGES_MAX: usize = 10_000;

/// The most pages that one fetch asks for.
pub const PAGES_MAX: usize = 1_000;

/// The most bytes that one fetch reads.
pub const FETCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest text of a message; the rest is cut, and a finding says so.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// How many messages of a thread are asked for.
const THREAD_MESSAGES_MAX: usize = 50;

const CURSOR_BYTES_MAX: usize = 2_000;
const SUBJECT_CHARS_MAX: usize = 500;
const PRIORITY_CHARS_MAX: usize = 40;
const STATUS_CHARS_MAX: usize = 40;
const HEALTH_SECONDS_MAX: u64 = 5;

/// When to try again where the hub does not say.
const RETRY_SECONDS: i64 = 60;

/// Asks whether the hub is up.
pub fn health(settings: &Settings) -> Request {
    let timeout = settings.timeout.min(Duration::from_secs(HEALTH_SECONDS_MAX));
    Request::new(Method::Get, path(&settings.paths.health, &[])).within(timeout)
}

/// Asks for a page of unread messages.
pub fn inbox(settings: &Settings, cursor: Option<&str>) -> Request {
    let fields = &settings.fields;
    let request = Request::new(Method::Get, path(&settings.paths.messages, &[]))
        .query(last_step(&fields.to_agent), &settings.agent)
        .query(&fields.unread, "true")
        .query(&fields.limit, settings.page.to_string());
    match cursor {
        Some(cursor) => request.query(&fields.cursor, cursor),
        None => request,
    }
}

/// Asks for the last messages of a thread.
pub fn thread(settings: &Settings, thread: &str) -> Request {
    Request::new(Method::Get, path(&settings.paths.thread, &[("thread_id", thread)]))
        .query(&settings.fields.limit, THREAD_MESSAGES_MAX.to_string())
}

/// Asks for the messages with a key.
pub fn find(settings: &Settings, key: &Key) -> Request {
    Request::new(Method::Get, path(&settings.paths.messages, &[]))
        .query(&settings.fields.idempotency_key, key.as_str())
}

/// Asks to mark a message as read.
pub fn mark_read(settings: &Settings, id: &str) -> Request {
    let request = Request::new(settings.methods.read, path(&settings.paths.read, &[("id", id)]));
    if settings.bodies.read.is_empty() { request } else { request.json(settings.bodies.read.clone().into()) }
}

/// Notes progress.
pub fn progress(settings: &Settings, key: &str, event_type: &str, summary: &str, details: Value) -> Request {
    let fields = &settings.fields;
    let own = [
        (&fields.agent, settings.agent.as_str().into()),
        (&fields.event_type, event_type.into()),
        (&fields.summary, summary.into()),
        (&fields.details, details),
    ];
    Request::new(settings.methods.progress, path(&settings.paths.progress, &[]))
        .header("idempotency-key", key)
        .json(object(&settings.bodies.progress, own))
}

/// Sends a message, or says why the hub has no form for it.
pub fn send(settings: &Settings, outgoing: &Outgoing) -> Result<Request, String> {
    let ([recipient], []) = (outgoing.to.as_slice(), outgoing.cc.as_slice()) else {
        let count = outgoing.to.len() + outgoing.cc.len();
        return Err(format!("a hub message has exactly one recipient in `to`, this has {count}"));
    };
    if !outgoing.attachments.is_empty() {
        return Err("a hub message cannot carry attachments".to_owned());
    }
    let id_or_null = |id: &str| if id.is_empty() { Value::Null } else { id.into() };
    let fields = &settings.fields;
    let own = [
        (&fields.from_agent, settings.agent.as_str().into()),
        (&fields.to_agent, recipient.email.as_str().into()),
        (&fields.subject, outgoing.subject.as_str().into()),
        (&fields.body, outgoing.text.as_str().into()),
        (&fields.thread_id, id_or_null(&outgoing.thread)),
        (&fields.in_reply_to, id_or_null(&outgoing.answers)),
    ];
    Ok(Request::new(settings.methods.send, path(&settings.paths.messages, &[]))
        .header("idempotency-key", outgoing.key.as_str())
        .json(object(&settings.bodies.send, own)))
}

/// Makes a body of what always stands there and our own fields, which win.
fn object<const N: usize>(always: &Map<String, Value>, own: [(&String, Value); N]) -> Value {
    let mut body = Value::Object(always.clone());
    for (name, value) in own {
        let mut place = &mut body;
        for step in name.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[step];
        }
        *place = value;
    }
    body
}

/// Returns what a field is called in a query, which has no objects.
fn last_step(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Finds a field by its name, in which a dot leads into an object.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    name.split('.').try_fold(value, |value, step| value.get(step))
}

/// Reads whether the hub is up; whatever is not its word for that is down.
pub fn read_health(answer: Result<Answer, HttpError>) -> Result<(), ConnectorError> {
    let away = |what| Err(ConnectorError::Away { what });
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return away(error.to_string()),
    };
    if answer.status != 200 {
        return away(format!("the hub says it is not well: {}", answer.told()));
    }
    let status = match answer.json() {
        Ok(body) => body.get("status").cloned(),
        Err(what) => return away(format!("what the hub says of its health is not JSON: {what}")),
    };
    match status {
        Some(Value::String(word)) if word == "ok" => Ok(()),
        Some(word) => {
            let word = text::one_line(&word.to_string(), STATUS_CHARS_MAX);
            away(format!("the hub says it is not well: its `status` is {word} and not \"ok\""))
        }
        None => away("what the hub says of its health has no `status`".to_owned()),
    }
}

/// Notes when the hub wants to be asked again: it has enough, or is not there for a while, and says for how
/// long.
pub fn noting_when(
    answer: Result<Answer, HttpError>,
    now: Timestamp,
    later: &mut Option<Timestamp>,
) -> Result<Answer, HttpError> {
    if let Some(at) = answer.as_ref().ok().filter(|answer| matches!(answer.status, 429 | 503)) {
        *later = at.retry_at(now).or(*later);
    }
    answer
}

/// Returns the answer where it is a yes; `asked` goes into the error otherwise.
pub fn accept(answer: Result<Answer, HttpError>, asked: &str) -> Result<Answer, ConnectorError> {
    let refused = |what: String, hint: Option<&str>| {
        Err(ConnectorError::Refused { what, hint: hint.map(str::to_owned) })
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ (HttpError::NotSent { .. } | HttpError::Broken { .. })) => {
            return Err(ConnectorError::Away { what: error.to_string() });
        }
        Err(error @ HttpError::Invalid { .. }) => return refused(error.to_string(), None),
        Err(error @ HttpError::TooLarge { .. }) => {
            return refused(error.to_string(), Some("set a smaller `page` for this hub"));
        }
    };
    let what = format!("the hub answered {} when asked {asked}", answer.told());
    match answer.status {
        200..=299 => Ok(answer),
        300..=399 => refused(what, Some("redirects are not followed: set `url` to where the hub is")),
        401 | 403 => refused(what, Some("check the `token` and the `agent` of this hub")),
        404 | 405 => refused(what, Some("check the `url` and the `paths` of this hub")),
        408 | 425 | 429 | 500.. => Err(ConnectorError::Away { what }),
        _ => refused(what, None),
    }
}

/// The inbox as far as it has been read.
#[derive(Debug, Default)]
pub struct Inbox {
    fetched: Vec<Fetched>,
    known: HashSet<(String, String)>,
    cursors: HashSet<String>,
    bytes: usize,
}

impl Inbox {
    /// Adds a page; returns the cursor of the next one, if there is one within our bounds.
    ///
    /// That there are more is said anew each day (of UTC, by `now`) while it lasts.
    pub fn add(
        &mut self,
        fields: &Fields,
        source: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<Option<String>, ConnectorError> {
        let (messages, next) = read_page(fields, answer)?;
        for value in &messages {
            let fetched = read_message(fields, source, value);
            let identity = match &fetched {
                Ok(message) => (message.id.clone(), message.digest()),
                Err(unreadable) => (unreadable.id.clone(), String::new()),
            };
            if self.known.insert(identity) {
                self.fetched.push(fetched);
            }
        }
        self.bytes += answer.body.len();
        let Some(next) = next else { return Ok(None) };
        if !self.cursors.insert(next.clone()) {
            return Err(ConnectorError::Refused {
                what: "the hub gave the same cursor twice when asked for the inbox".to_owned(),
                hint: Some("tell its operator: its pages never end".to_owned()),
            });
        }
        let is_full = self.fetched.len() >= MESSAGES_MAX
            || self.cursors.len() >= PAGES_MAX
            || self.bytes >= FETCH_BYTES_MAX;
        if is_full {
            self.fetched.truncate(MESSAGES_MAX);
            self.fetched.push(Err(Unreadable {
                source: source.to_owned(),
                id: format!("inbox-too-long-{}", now.strftime("%Y-%m-%d")),
                what: "the inbox is too long to be read to its end: newer messages wait in the hub"
                    .to_owned(),
            }));
            return Ok(None);
        }
        Ok(Some(next))
    }

    /// Returns what was read, without the messages from before the window.
    pub fn within(self, window: &Window) -> Vec<Fetched> {
        let is_within = |fetched: &Fetched| match (fetched, window.since) {
            (Ok(Message { date: Some(date), .. }), Some(since)) => date.timestamp() >= since,
            (Ok(_) | Err(_), _) => true,
        };
        self.fetched.into_iter().filter(is_within).collect()
    }
}

/// Reads the messages of a thread.
pub fn read_thread(fields: &Fields, source: &str, answer: &Answer) -> Result<Vec<Message>, ConnectorError> {
    let (messages, _) = read_page(fields, answer)?;
    let read = |value| {
        read_message(fields, source, value).map_err(|unreadable| ConnectorError::Refused {
            what: format!("message `{}` of the thread cannot be read: {}", unreadable.id, unreadable.what),
            hint: None,
        })
    };
    messages.iter().map(read).collect()
}

/// Reads what became of a send.
pub fn read_outcome(fields: &Fields, answer: Result<Answer, HttpError>, now: Timestamp) -> Outcome {
    let later = |reason: String, until: Option<Timestamp>| Outcome::Deferred {
        until: until.unwrap_or(now.saturating_add(SignedDuration::from_secs(RETRY_SECONDS)).unwrap_or(now)),
        reason,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ HttpError::Invalid { .. }) => return Outcome::Failed { reason: error.to_string() },
        Err(error @ HttpError::NotSent { .. }) => return later(error.to_string(), None),
        Err(error @ (HttpError::Broken { .. } | HttpError::TooLarge { .. })) => {
            return Outcome::Unsure { reason: error.to_string() };
        }
    };
    let reason = format!("the hub answered {}", answer.told());
    let until = answer.retry_at(now);
    match answer.status {
        200 | 201 => match read_receipt(fields, answer.json().as_ref().ok()) {
            Some(receipt) => Outcome::Delivered { receipt },
            None => Outcome::Unsure { reason: format!("{reason} without a readable `{}`", fields.id) },
        },
        // See Other is how a server answers a post that it has taken.
        303 => Outcome::Unsure { reason: format!("{reason}; redirects are not followed") },
        300..=399 => Outcome::Failed { reason: format!("{reason}; redirects are not followed") },
        // Our text for a key never changes, so this may as well mean that the first request is still at it.
        409 => Outcome::Unsure { reason: "the hub says that it has this key with another text".to_owned() },
        408 | 425 | 429 => later(reason, until),
        503 if until.is_some() => later(reason, until),
        400..=499 => Outcome::Failed { reason },
        _ => Outcome::Unsure { reason },
    }
}

/// Reads whether a key has arrived.
pub fn read_found(settings: &Settings, answer: Result<Answer, HttpError>) -> Found {
    let fields = &settings.fields;
    let page = accept(answer, "for a key").and_then(|answer| read_page(fields, &answer));
    let messages = match page {
        Ok((messages, _)) => messages,
        Err(ConnectorError::Away { what }) => return Found::Away { reason: what },
        Err(error @ ConnectorError::Refused { .. }) => return Found::Unknown { reason: error.to_string() },
    };
    let unknown = |reason: &str| Found::Unknown { reason: reason.to_owned() };
    match messages.as_slice() {
        [] => Found::No,
        // A hub that does not know the parameter would list what it likes.
        [message] if field(message, &fields.from_agent).and_then(Value::as_str) != Some(&settings.agent) => {
            unknown("the hub answered with a message of somebody else")
        }
        [message] => match read_receipt(fields, Some(message)) {
            Some(receipt) => Found::Yes { receipt },
            None => unknown("the hub answered with a message without a readable id"),
        },
        [_, _, ..] => unknown("the hub answered with more than one message"),
    }
}

fn read_receipt(fields: &Fields, body: Option<&Value>) -> Option<String> {
    let id = field(body?, &fields.id)?.as_str()?;
    let shown = text::one_line(id, ID_BYTES_MAX);
    (!shown.is_empty()).then(|| format!("hub message {shown}"))
}

/// Reads the messages of a page and the cursor of the next one.
fn read_page(fields: &Fields, answer: &Answer) -> Result<(Vec<Value>, Option<String>), ConnectorError> {
    let refused = |what: String| {
        let hint = "check the `url`, `paths` and `fields` of this hub".to_owned();
        Err(ConnectorError::Refused { what, hint: Some(hint) })
    };
    let body = match answer.json() {
        Ok(body) => body,
        Err(what) => return refused(format!("the hub's answer is not JSON: {what}")),
    };
    let Some(Value::Array(messages)) = field(&body, &fields.messages).cloned() else {
        return refused(format!("the hub's answer has no list `{}`", fields.messages));
    };
    let next = match field(&body, &fields.next_cursor) {
        None | Some(Value::Null) => None,
        Some(Value::String(cursor)) if cursor.is_empty() => None,
        Some(Value::String(cursor)) if cursor.len() <= CURSOR_BYTES_MAX => Some(cursor.clone()),
        Some(_) => {
            return refused(format!("the hub's answer has a `{}` that is no short text", fields.next_cursor));
        }
    };
    Ok((messages, next))
}

/// Reads one message, or says which field stands in the way.
fn read_message(fields: &Fields, source: &str, value: &Value) -> Fetched {
    parse_message(fields, source, value).map_err(|what| Unreadable {
        source: source.to_owned(),
        id: id_or_digest(fields, value),
        what,
    })
}

fn parse_message(fields: &Fields, source: &str, value: &Value) -> Result<Message, String> {
    let object = if value.is_object() { value } else { return Err("it is not an object".to_owned()) };
    let id = check_id(&fields.id, required(object, &fields.id)?)?;
    let from = read_agent(&fields.from_agent, required(object, &fields.from_agent)?)?;
    let to = read_agent(&fields.to_agent, required(object, &fields.to_agent)?)?;
    let subject = required(object, &fields.subject)?;
    let thread = check_id(&fields.thread_id, required(object, &fields.thread_id)?)?;
    let in_reply_to = match optional(object, &fields.in_reply_to)? {
        Some(id) => Some(check_id(&fields.in_reply_to, id)?),
        None => None,
    };
    let date = read_time(&fields.created_at, required(object, &fields.created_at)?)?;
    let priority = optional(object, &fields.priority)?;
    let (body, is_cut) = text::bounded(required(object, &fields.body)?, BODY_BYTES_MAX);
    Ok(Message {
        id,
        source: source.to_owned(),
        thread,
        from,
        to: vec![to],
        subject: text::one_line(subject, SUBJECT_CHARS_MAX),
        date: Some(date),
        in_reply_to,
        headers: priority
            .map(|priority| ("priority".to_owned(), text::one_line(priority, PRIORITY_CHARS_MAX)))
            .into_iter()
            .collect(),
        body: text::visible(body),
        findings: is_cut
            .then(|| format!("the text is longer than {BODY_BYTES_MAX} bytes and was cut"))
            .into_iter()
            .collect(),
        ..Message::default()
    })
}

fn required<'a>(object: &'a Value, name: &str) -> Result<&'a str, String> {
    let value = field(object, name).ok_or_else(|| format!("`{name}` is missing"))?;
    value.as_str().ok_or_else(|| format!("`{name}` is not a text"))
}

fn optional<'a>(object: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    match field(object, name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| format!("`{name}` is not a text")),
    }
}

/// Returns an id that a draft can name and a path can hold as it is.
fn check_id(name: &str, id: &str) -> Result<String, String> {
    if id.is_empty() {
        return Err(format!("`{name}` is empty"));
    }
    if id.len() > ID_BYTES_MAX {
        return Err(format!("`{name}` is longer than {ID_BYTES_MAX} bytes"));
    }
    if text::one_line(id, ID_BYTES_MAX) != id {
        return Err(format!("`{name}` holds white space or characters that cannot be shown"));
    }
    if matches!(id, "." | "..") {
        return Err(format!("`{name}` is `{id}`, which names no message"));
    }
    Ok(id.to_owned())
}

/// Returns an agent as an address that can be answered: exactly its name, or nothing.
fn read_agent(name: &str, agent: &str) -> Result<Address, String> {
    let address = Address::parse(agent)
        .filter(|address| address.name.is_empty() && address.email == agent && agent.len() <= ID_BYTES_MAX);
    address.ok_or_else(|| format!("`{name}` is not a plain name of at most {ID_BYTES_MAX} bytes"))
}

/// Returns a time with the offset in which it was written.
fn read_time(name: &str, time: &str) -> Result<Zoned, String> {
    let offset = Pieces::parse(time).ok().and_then(|pieces| pieces.to_numeric_offset());
    match (time.parse::<Timestamp>(), offset) {
        (Ok(timestamp), Some(offset)) => Ok(timestamp.to_zoned(TimeZone::fixed(offset))),
        (Ok(_) | Err(_), _) => Err(format!("`{name}` is not a time with an offset (RFC 3339)")),
    }
}

/// Returns the native id of a message, or a digest that stands for it.
fn id_or_digest(fields: &Fields, value: &Value) -> String {
    match field(value, &fields.id).and_then(Value::as_str) {
        None | Some("") => format!("sha256:{}", sha256_hex(value.to_string().as_bytes())),
        Some(id) => {
            check_id(&fields.id, id).unwrap_or_else(|_| format!("sha256:{}", sha256_hex(id.as_bytes())))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::DraftId;
    use crate::outgoing::Attachment;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn settings() -> Settings {
        Settings { can_find: true, ..Settings::new("http://127.0.0.1:1", "coder") }
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Answer::new(status, headers, body.as_bytes().to_vec(), None)
    }

    fn broken() -> HttpError {
        HttpError::Broken { origin: "http://hub".to_owned(), what: "reset".to_owned() }
    }

    fn not_sent() -> HttpError {
        HttpError::NotSent { origin: "http://hub".to_owned(), what: "refused".to_owned() }
    }

    fn too_large() -> HttpError {
        HttpError::TooLarge { origin: "http://hub".to_owned(), bytes_max: 8 }
    }

    fn outgoing() -> Outgoing {
        let id: DraftId = "kqzmwvst".parse().unwrap();
        Outgoing {
            key: Key::new(&id, 1, "3f9c2a71"),
            date: "2026-11-20T12:00:00+01:00[+01:00]".parse().unwrap(),
            message_id: String::new(),
            thread: "t1".to_owned(),
            answers: "m1".to_owned(),
            in_reply_to: None,
            references: Vec::new(),
            from: Address::new("", "coder"),
            to: vec![Address::new("", "planner")],
            cc: Vec::new(),
            subject: "Re: plan".to_owned(),
            text: "**yes**\n".to_owned(),
            html: String::new(),
            attachments: Vec::new(),
        }
    }

    fn raw() -> Value {
        json!({
            "id": "m1", "from_agent": "planner", "to_agent": "coder", "subject": "plan", "body": "hi",
            "thread_id": "t1", "in_reply_to": null, "created_at": "2026-11-20T11:30:04+01:00",
            "read_at": null, "priority": "high", "mood": 7,
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut message = raw();
        message[name] = value;
        message
    }

    fn read(value: &Value) -> Fetched {
        read_message(&Fields::default(), "hub", value)
    }

    #[test]
    fn a_message_is_mapped_field_by_field() {
        let message = read(&with("in_reply_to", json!("m0"))).unwrap();
        assert_eq!(
            (message.id.as_str(), message.source.as_str(), message.thread.as_str()),
            ("m1", "hub", "t1")
        );
        assert_eq!((message.from.to_string(), message.to[0].to_string()), ("planner".into(), "coder".into()));
        assert_eq!((message.subject.as_str(), message.body.as_str()), ("plan", "hi"));
        assert_eq!(message.date.as_ref().unwrap().to_string(), "2026-11-20T11:30:04+01:00[+01:00]");
        assert_eq!(message.in_reply_to.as_deref(), Some("m0"));
        assert_eq!(message.header("priority"), Some("high"));
        assert!(message.findings.is_empty());
    }

    #[test]
    fn what_a_person_could_not_see_is_shown() {
        let message = read(&with("subject", json!("a\r\nBcc: x\u{202e}"))).unwrap();
        assert_eq!(message.subject, "a Bcc: x[hidden: U+202E]");
        let message = read(&with("body", json!("a\u{1b}[2J\r\nb"))).unwrap();
        assert_eq!(message.body, "a[hidden: U+001B][2J\nb");
    }

    #[test]
    fn a_long_text_is_cut_and_a_finding_says_so() {
        let message = read(&with("body", json!("x".repeat(BODY_BYTES_MAX + 1)))).unwrap();
        assert_eq!(message.body.len(), BODY_BYTES_MAX);
        assert_eq!(message.findings, ["the text is longer than 262144 bytes and was cut"]);
    }

    #[test]
    fn a_message_that_cannot_be_read_names_the_field() {
        for name in ["from_agent", "to_agent", "subject", "body", "thread_id", "created_at"] {
            let mut message = raw();
            message.as_object_mut().unwrap().remove(name);
            let unreadable = read(&message).unwrap_err();
            assert_eq!((unreadable.id, unreadable.what), ("m1".to_owned(), format!("`{name}` is missing")));
            for wrong in [json!(null), json!(7), json!(["a"])] {
                assert_eq!(read(&with(name, wrong)).unwrap_err().what, format!("`{name}` is not a text"));
            }
        }
        for (name, value, what) in [
            ("in_reply_to", json!(7), "`in_reply_to` is not a text"),
            ("priority", json!({}), "`priority` is not a text"),
            (
                "created_at",
                json!("2026-11-20T11:30:04"),
                "`created_at` is not a time with an offset (RFC 3339)",
            ),
            ("created_at", json!("yesterday"), "`created_at` is not a time with an offset (RFC 3339)"),
            ("from_agent", json!("a b"), "`from_agent` is not a plain name of at most 200 bytes"),
            ("from_agent", json!("Ada <a@b.c>"), "`from_agent` is not a plain name of at most 200 bytes"),
            ("from_agent", json!("x".repeat(201)), "`from_agent` is not a plain name of at most 200 bytes"),
            ("thread_id", json!(""), "`thread_id` is empty"),
        ] {
            assert_eq!(read(&with(name, value)).unwrap_err().what, what);
        }
        assert_eq!(read(&json!("m1")).unwrap_err().what, "it is not an object");
    }

    #[test]
    fn an_id_that_cannot_be_kept_as_it_is_becomes_a_digest() {
        for id in ["x".repeat(201).as_str(), "a\nb", "a\u{200b}", ".", ".."] {
            let unreadable = read(&with("id", json!(id))).unwrap_err();
            assert_eq!(unreadable.id, format!("sha256:{}", sha256_hex(id.as_bytes())));
            assert!(unreadable.what.starts_with("`id` "), "{}", unreadable.what);
        }
        for id in [json!(null), json!(7), json!("")] {
            let message = with("id", id);
            let digest = sha256_hex(message.to_string().as_bytes());
            assert_eq!(read(&message).unwrap_err().id, format!("sha256:{digest}"));
        }
        assert_eq!(read(&with("id", json!("../../admin?x="))).unwrap().id, "../../admin?x=");
    }

    #[test]
    fn one_bad_message_does_not_hide_the_others() {
        let mut inbox = Inbox::default();
        let page = json!({"messages": [raw(), {"id": "m2"}, with("id", json!("m3"))], "next_cursor": null});
        let next = inbox.add(&Fields::default(), "hub", &answer(200, &[], &page.to_string()), now()).unwrap();
        assert_eq!(next, None);
        let fetched = inbox.within(&Window::default());
        let ids: Vec<&str> = fetched
            .iter()
            .map(|fetched| match fetched {
                Ok(message) => message.id.as_str(),
                Err(unreadable) => unreadable.id.as_str(),
            })
            .collect();
        assert_eq!(ids, ["m1", "m2", "m3"]);
    }

    fn add(inbox: &mut Inbox, messages: Vec<Value>, next: Value) -> Result<Option<String>, ConnectorError> {
        let page = json!({"messages": messages, "next_cursor": next}).to_string();
        inbox.add(&Fields::default(), "hub", &answer(200, &[], &page), now())
    }

    #[test]
    fn the_same_message_twice_is_one_and_an_edited_one_is_two() {
        let mut inbox = Inbox::default();
        assert_eq!(add(&mut inbox, vec![raw(), raw()], json!("c1")).unwrap().as_deref(), Some("c1"));
        add(&mut inbox, vec![raw(), with("body", json!("other"))], json!("")).unwrap();
        assert_eq!(inbox.within(&Window::default()).len(), 2);
    }

    #[test]
    fn pages_that_never_end_are_ended() {
        let mut inbox = Inbox::default();
        add(&mut inbox, vec![], json!("c1")).unwrap();
        assert!(add(&mut inbox, vec![], json!("c1")).unwrap_err().to_string().contains("same cursor twice"));

        let mut inbox = Inbox::default();
        let pages =
            (0..).take_while(|n| add(&mut inbox, vec![], json!(n.to_string())).unwrap().is_some()).count();
        assert_eq!(pages, PAGES_MAX - 1);
        let fetched = inbox.within(&Window::default());
        let more = fetched[0].as_ref().unwrap_err();
        assert!(more.what.contains("too long"));
        assert_eq!(more.id, "inbox-too-long-2026-11-20", "the next day, it is not known");
    }

    #[test]
    fn a_window_leaves_out_what_came_before_it() {
        for (since, kept) in [("2026-11-20T10:30:04Z", 1), ("2026-11-20T10:30:05Z", 0)] {
            let mut inbox = Inbox::default();
            add(&mut inbox, vec![raw()], json!(null)).unwrap();
            assert_eq!(inbox.within(&Window { since: Some(since.parse().unwrap()) }).len(), kept);
        }
    }

    #[test]
    fn a_page_that_is_none_is_refused() {
        let fields = Fields::default();
        for (body, what) in [
            ("[]", "no list `messages`"),
            ("{", "not JSON"),
            (r#"{"messages": {}}"#, "no list `messages`"),
            (r#"{"messages": [], "next_cursor": 7}"#, "a `next_cursor` that is no short text"),
        ] {
            let error = Inbox::default().add(&fields, "hub", &answer(200, &[], body), now()).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn a_send_says_who_to_whom_in_which_thread() {
        let request = send(&settings(), &outgoing()).unwrap();
        assert_eq!((request.method, request.path), (Method::Post, vec!["messages".to_owned()]));
        assert_eq!(request.headers, [("idempotency-key", "kqzmwvst.1.3f9c2a71".to_owned())]);
        assert_eq!(
            request.body.unwrap(),
            json!({
                "from_agent": "coder", "to_agent": "planner", "subject": "Re: plan", "body": "**yes**\n",
                "thread_id": "t1", "in_reply_to": "m1",
            })
        );
    }

    #[test]
    fn what_the_hub_has_no_form_for_is_not_sent() {
        let planner = Address::new("", "planner");
        let file = Attachment { name: "a".to_owned(), bytes: Vec::new() };
        for (outgoing, what) in [
            (Outgoing { to: vec![], ..outgoing() }, "exactly one recipient in `to`, this has 0"),
            (
                Outgoing { to: vec![planner.clone(); 2], ..outgoing() },
                "exactly one recipient in `to`, this has 2",
            ),
            (Outgoing { cc: vec![planner], ..outgoing() }, "exactly one recipient in `to`, this has 2"),
            (Outgoing { attachments: vec![file], ..outgoing() }, "cannot carry attachments"),
        ] {
            assert!(send(&settings(), &outgoing).unwrap_err().ends_with(what));
        }
    }

    fn check_outcome(answer: Result<Answer, HttpError>, expected: &str) {
        let told = match read_outcome(&Fields::default(), answer, now()) {
            Outcome::Delivered { receipt } => format!("delivered: {receipt}"),
            Outcome::Deferred { until, reason } => {
                format!("deferred {}: {reason}", until.as_second() - now().as_second())
            }
            Outcome::Failed { reason } => format!("failed: {reason}"),
            Outcome::Unsure { reason } => format!("unsure: {reason}"),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn an_answer_to_a_send_means_what_the_contract_says() {
        let no = r#"{"error": {"code": "x", "message": "no\nsuch agent", "details": {}}}"#;
        let check = |status, body, expected| check_outcome(Ok(answer(status, &[], body)), expected);
        check(201, r#"{"id": "m9"}"#, "delivered: hub message m9");
        check(200, r#"{"id": "m\u001b9"}"#, "delivered: hub message m[hidden: U+001B]9");
        check(201, r#"{"id": "m9"#, "unsure: the hub answered 201 without a readable `id`");
        check(201, r#"{"id": ""}"#, "unsure: the hub answered 201 without a readable `id`");
        check(204, "", "unsure: the hub answered 204");
        check(302, "", "failed: the hub answered 302; redirects are not followed");
        check(303, "", "unsure: the hub answered 303; redirects are not followed");
        check(400, no, "failed: the hub answered 400 (no such agent)");
        check(401, "", "failed: the hub answered 401");
        check(409, no, "unsure: the hub says that it has this key with another text");
        check(408, "", "deferred 60: the hub answered 408");
        check(429, no, "deferred 60: the hub answered 429 (no such agent)");
        check(500, no, "unsure: the hub answered 500 (no such agent)");
        check(503, "", "unsure: the hub answered 503");
    }

    #[test]
    fn a_hub_that_says_when_is_asked_again_then() {
        for (status, value, expected) in [
            (503, "90", "deferred 90: the hub answered 503"),
            (429, "Fri, 20 Nov 2026 12:02:00 GMT", "deferred 120: the hub answered 429"),
            (503, "999999999", "deferred 86400: the hub answered 503"),
            (503, "soon", "unsure: the hub answered 503"),
            (500, "90", "unsure: the hub answered 500"),
        ] {
            check_outcome(Ok(answer(status, &[("retry-after", value)], "")), expected);
        }
    }

    #[test]
    fn only_a_request_that_was_never_written_is_deferred() {
        check_outcome(Err(not_sent()), "deferred 60: cannot reach http://hub: refused");
        check_outcome(Err(broken()), "unsure: no whole answer from http://hub: reset");
        check_outcome(Err(too_large()), "unsure: the answer from http://hub is longer than 8 bytes");
        check_outcome(Err(HttpError::Invalid { what: "bad key".to_owned() }), "failed: bad key");
    }

    #[test]
    fn only_one_message_of_ours_is_an_arrival() {
        let check = |answer: Result<Answer, HttpError>, expected: &str| {
            let told = match read_found(&settings(), answer) {
                Found::Yes { receipt } => format!("yes: {receipt}"),
                Found::No => "no".to_owned(),
                Found::Away { reason } => format!("away: {reason}"),
                Found::Unknown { reason } => format!("unknown: {reason}"),
            };
            assert_eq!(told, expected);
        };
        let page = |messages: Value| Ok(answer(200, &[], &json!({"messages": messages}).to_string()));
        let ours = with("from_agent", json!("coder"));
        check(page(json!([])), "no");
        check(page(json!([ours])), "yes: hub message m1");
        check(page(json!([raw()])), "unknown: the hub answered with a message of somebody else");
        check(page(json!([ours, ours])), "unknown: the hub answered with more than one message");
        check(Ok(answer(503, &[], "")), "away: the hub answered 503 when asked for a key");
        check(Err(broken()), "away: no whole answer from http://hub: reset");
        check(Ok(answer(404, &[], "")), "unknown: the hub answered 404 when asked for a key");
        check(Ok(answer(200, &[], "{}")), "unknown: the hub's answer has no list `messages`");
    }

    #[test]
    fn a_hub_is_up_only_by_its_own_word() {
        read_health(Ok(answer(200, &[], r#"{"status": "ok"}"#))).unwrap();
        let degraded = r#"{"status": "degraded"}"#;
        for (answer, said) in [
            (Ok(answer(200, &[], degraded)), "its `status` is \"degraded\" and not \"ok\""),
            (Ok(answer(200, &[], r#"{"ok": true}"#)), "what the hub says of its health has no `status`"),
            (Ok(answer(200, &[], "ok")), "what the hub says of its health is not JSON"),
            (Ok(answer(503, &[], r#"{"status": "ok"}"#)), "the hub says it is not well: 503"),
            (Err(broken()), "no whole answer"),
        ] {
            let error = read_health(answer).unwrap_err();
            assert!(matches!(&error, ConnectorError::Away { what } if what.contains(said)), "{error}");
        }
    }

    #[test]
    fn what_will_be_the_same_next_time_is_refused_and_the_rest_is_away() {
        for (status, is_away) in [
            (302, false),
            (400, false),
            (401, false),
            (404, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let error = accept(Ok(answer(status, &[], "")), "for the inbox").unwrap_err();
            assert_eq!(matches!(error, ConnectorError::Away { .. }), is_away, "{status}");
        }
        for (error, is_away) in [(broken(), true), (not_sent(), true), (too_large(), false)] {
            let error = accept(Err(error), "for the inbox").unwrap_err();
            assert_eq!(matches!(error, ConnectorError::Away { .. }), is_away, "{error}");
        }
    }

    #[test]
    fn a_thread_is_read_whole_or_not_at_all() {
        let page = |messages: Value| answer(200, &[], &json!({"messages": messages}).to_string());
        let fields = Fields::default();
        assert_eq!(read_thread(&fields, "hub", &page(json!([raw(), raw()]))).unwrap().len(), 2);
        let error = read_thread(&fields, "hub", &page(json!([raw(), {"id": "m2"}]))).unwrap_err();
        assert_eq!(error.to_string(), "message `m2` of the thread cannot be read: `from_agent` is missing");
    }

    #[test]
    fn names_and_paths_come_from_the_settings() {
        let mut settings = settings();
        settings.fields.to_agent = "owner".to_owned();
        settings.fields.body = "text".to_owned();
        settings.paths.messages = "/v2/notes/".to_owned();
        settings.paths.read = "/v2/notes/{id}/seen".to_owned();
        let request = inbox(&settings, Some("c 1"));
        assert_eq!(request.path, ["v2", "notes"]);
        let pairs: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["owner=coder", "unread=true", "limit=100", "cursor=c 1"]);
        assert_eq!(mark_read(&settings, "a/b").path, ["v2", "notes", "a/b", "seen"]);
        let body = send(&settings, &outgoing()).unwrap().body.unwrap();
        assert_eq!((&body["owner"], &body["text"]), (&json!("planner"), &json!("**yes**\n")));
    }
}
