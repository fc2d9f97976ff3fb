//! The protocol that programs speak, version 1: functions of their arguments, no process, no clock.
//!
//! A request is one line of JSON with an `id`; its answer is any number of lines with a `message`, then one
//! with `ok` or `error`, all with the same `id`. Fields that we do not know are ignored, so that a later
//! program can say more; an outcome, a version or a shape that we do not know is no answer at all. What an
//! unclear answer to a send means is decided here: unsure, never a failure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::connector::mail::read::KEPT_HEADERS;
use crate::connector::{ConnectorError, Window};
use crate::message::{Address, Fetched, Message, Unreadable, sha256_hex};
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};
use crate::text;

/// The version of the protocol.
pub const PROTOCOL: u64 = 1;

/// The longest id, of a message or a thread.
pub const ID_BYTES_MAX: usize = 200;

/// The longest text of a message; the rest is cut, and a finding says so.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Addresses, references, headers and names of attachments that are kept of a message.
const LIST_MAX: usize = 100;

const SUBJECT_CHARS_MAX: usize = 500;
const HEADER_CHARS_MAX: usize = 400;

/// Characters of whatever a program says about itself, a receipt or a reason.
pub const WORDS_CHARS_MAX: usize = 300;

/// When to try again where the program does not say.
const RETRY_SECONDS: i64 = 900;

/// The longest time that a program can put a send off.
const RETRY_SECONDS_MAX: i64 = 24 * 3600;

/// What a program is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It gives messages.
    Source,
    /// It takes answers.
    Transport,
}

impl Role {
    /// Returns the word of the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Role::Source => "source",
            Role::Transport => "transport",
        }
    }
}

/// What a program says that it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Its name and version, in its own words, one line.
    pub program: String,
    /// What makes sending again safe there.
    pub capabilities: Capabilities,
    /// It gives the messages of a thread.
    pub thread_tail: bool,
}

/// The end of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It did what was asked.
    Ok(Value),
    /// It did not, and says why.
    Error {
        /// Trying later is all that is needed.
        away: bool,
        /// It does not know the request.
        unknown: bool,
        /// What is wrong, one line.
        what: String,
        /// What the operator can do, one line.
        hint: Option<String>,
    },
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A message; others may follow.
    Message(Value),
    /// The last line.
    End(End),
    /// An error about a line that was no request, which is said without an `id`.
    Stray,
}

/// Makes the line of a request, its end included.
pub fn request(id: u64, name: &str, parameters: Value) -> Vec<u8> {
    let mut object = Map::from_iter([("id".to_owned(), id.into()), ("request".to_owned(), name.into())]);
    if let Value::Object(parameters) = parameters {
        object.extend(parameters);
    }
    let mut line = Value::Object(object).to_string().into_bytes();
    line.push(b'\n');
    line
}

/// What the first request says.
pub fn hello(role: Role, name: &str, settings: &Value, secrets: &[(String, String)]) -> Value {
    let secrets: Map<String, Value> =
        secrets.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({ "protocol": PROTOCOL, "role": role.word(), "name": name, "settings": settings, "secrets": secrets })
}

/// What a fetch asks for.
pub fn fetch(window: &Window) -> Value {
    json!({ "since": window.since.map(|since| since.to_string()) })
}

/// What a send hands over.
pub fn send(outgoing: &Outgoing) -> Value {
    let people = |people: &[Address]| people.iter().map(ToString::to_string).collect::<Vec<_>>();
    let attachments: Vec<Value> = outgoing
        .attachments
        .iter()
        .map(|file| json!({ "name": file.name, "base64": STANDARD.encode(&file.bytes) }))
        .collect();
    json!({ "message": {
        "key": outgoing.key.as_str(),
        "message_id": outgoing.message_id,
        "date": outgoing.date.timestamp().to_string(),
        "thread": outgoing.thread,
        "answers": outgoing.answers,
        "in_reply_to": outgoing.in_reply_to,
        "references": outgoing.references,
        "from": outgoing.from.to_string(),
        "to": people(&outgoing.to),
        "cc": people(&outgoing.cc),
        "subject": outgoing.subject,
        "text": outgoing.text,
        "html": outgoing.html,
        "attachments": attachments,
    } })
}

/// What asks for a key.
pub fn find(key: &Key) -> Value {
    json!({ "key": key.as_str() })
}

/// Reads a line of the answer to request `id`, or says what is wrong with it.
///
/// # Errors
/// It is not JSON, has another id, or not exactly one of `message`, `ok` and `error`.
pub fn read_line(id: u64, line: &[u8]) -> Result<Line, String> {
    let text = str::from_utf8(line).map_err(|_| "it answered with a line that is not UTF-8".to_owned())?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("it answered with a line that is not JSON (column {})", error.column()))?;
    let Value::Object(mut object) = value else {
        return Err("it answered with a line that is not an object".to_owned());
    };
    if object.get("id") == Some(&Value::Null) && object.contains_key("error") {
        return Ok(Line::Stray);
    }
    if object.get("id").and_then(Value::as_u64) != Some(id) {
        return Err(format!("it answered with another `id` than {id}"));
    }
    match (object.remove("message"), object.remove("ok"), object.remove("error")) {
        (Some(message), None, None) => Ok(Line::Message(message)),
        (None, Some(ok @ Value::Object(_)), None) => Ok(Line::End(End::Ok(ok))),
        (None, None, Some(error)) => read_error(error).map(Line::End),
        (None, Some(_), None) => Err("it answered with an `ok` that is not an object".to_owned()),
        _ => Err("it answered with a line that has not one of `message`, `ok` and `error`".to_owned()),
    }
}

#[derive(Deserialize)]
struct StoredError {
    kind: String,
    what: String,
    hint: Option<String>,
}

fn read_error(value: Value) -> Result<End, String> {
    let error: StoredError = serde_json::from_value(value)
        .map_err(|_| "it answered with an error without `kind` and `what`".to_owned())?;
    let line = |text: &str| text::one_line(text, WORDS_CHARS_MAX);
    let (away, unknown) = match error.kind.as_str() {
        "away" => (true, false),
        "refused" => (false, false),
        "unknown_request" => (false, true),
        other => {
            return Err(format!("it answered with an error of no known kind: {}", text::one_line(other, 40)));
        }
    };
    Ok(End::Error { away, unknown, what: line(&error.what), hint: error.hint.as_deref().map(line) })
}

#[derive(Deserialize)]
struct StoredHello {
    protocol: u64,
    #[serde(default)]
    program: String,
    #[serde(default)]
    dedupes: bool,
    #[serde(default)]
    can_find: bool,
    #[serde(default)]
    thread_tail: bool,
}

/// Reads what a program can do.
///
/// # Errors
/// It speaks another version, or says nothing that can be read.
pub fn read_hello(ok: &Value) -> Result<Hello, String> {
    let stored: StoredHello = serde_json::from_value(ok.clone()).map_err(|error| {
        format!("its `hello` cannot be read: {}", text::one_line(&error.to_string(), 100))
    })?;
    if stored.protocol != PROTOCOL {
        return Err(format!(
            "it speaks version {} of the protocol, and we speak {PROTOCOL}",
            stored.protocol
        ));
    }
    Ok(Hello {
        program: text::one_line(&stored.program, 100),
        capabilities: Capabilities { dedupes: stored.dedupes, can_find: stored.can_find },
        thread_tail: stored.thread_tail,
    })
}

/// Returns the answer where it is a yes.
///
/// # Errors
/// What the program says is wrong.
pub fn accept(program: &str, end: End) -> Result<Value, ConnectorError> {
    match end {
        End::Ok(value) => Ok(value),
        End::Error { away: true, what, .. } => {
            Err(ConnectorError::Away { what: format!("{program}: {what}") })
        }
        End::Error { what, hint, .. } => {
            Err(ConnectorError::Refused { what: format!("{program}: {what}"), hint })
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum StoredOutcome {
    Delivered { receipt: String },
    Deferred { reason: String, retry_seconds: Option<i64> },
    Failed { reason: String },
    Unsure { reason: String },
}

/// Reads what became of a send.
pub fn read_outcome(program: &str, end: End, now: Timestamp) -> Outcome {
    let line = |words: &str| text::one_line(&format!("{program}: {words}"), WORDS_CHARS_MAX);
    let ok = match end {
        End::Ok(ok) => ok,
        End::Error { unknown: true, what, .. } => return Outcome::Failed { reason: line(&what) },
        // Only an outcome says that nothing has gone.
        End::Error { what, .. } => return Outcome::Unsure { reason: line(&what) },
    };
    match serde_json::from_value(ok) {
        Ok(StoredOutcome::Delivered { receipt }) => {
            Outcome::Delivered { receipt: text::one_line(&receipt, WORDS_CHARS_MAX) }
        }
        Ok(StoredOutcome::Deferred { reason, retry_seconds }) => {
            let seconds = retry_seconds.unwrap_or(RETRY_SECONDS).clamp(1, RETRY_SECONDS_MAX);
            let until = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
            Outcome::Deferred { until, reason: line(&reason) }
        }
        Ok(StoredOutcome::Failed { reason }) => Outcome::Failed { reason: line(&reason) },
        Ok(StoredOutcome::Unsure { reason }) => Outcome::Unsure { reason: line(&reason) },
        Err(_) => Outcome::Unsure { reason: line("it answered with no known outcome") },
    }
}

#[derive(Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
enum StoredFound {
    Yes { receipt: String },
    No,
    Unknown { reason: String },
}

/// Reads whether a key has arrived.
pub fn read_found(program: &str, end: End) -> Found {
    let line = |words: &str| text::one_line(&format!("{program}: {words}"), WORDS_CHARS_MAX);
    match end {
        End::Ok(ok) => match serde_json::from_value(ok) {
            Ok(StoredFound::Yes { receipt }) => {
                Found::Yes { receipt: text::one_line(&receipt, WORDS_CHARS_MAX) }
            }
            Ok(StoredFound::No) => Found::No,
            Ok(StoredFound::Unknown { reason }) => Found::Unknown { reason: line(&reason) },
            Err(_) => {
                Found::Unknown { reason: line("it answered with nothing that says whether it is there") }
            }
        },
        End::Error { away: true, what, .. } => Found::Away { reason: line(&what) },
        End::Error { what, .. } => Found::Unknown { reason: line(&what) },
    }
}

#[derive(Deserialize)]
struct StoredMessage {
    id: String,
    thread: Option<String>,
    from: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    cc: Vec<String>,
    #[serde(default)]
    reply_to: Vec<String>,
    #[serde(default)]
    subject: String,
    date: Option<String>,
    in_reply_to: Option<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    body: String,
    #[serde(default)]
    attachments: Vec<String>,
}

/// Reads one message, or says which field stands in the way.
pub fn read_message(source: &str, value: &Value) -> Fetched {
    parse_message(source, value).map_err(|what| {
        let id = value.get("id").and_then(Value::as_str).and_then(|id| check_id("id", id).ok());
        let id = id.unwrap_or_else(|| format!("sha256:{}", sha256_hex(value.to_string().as_bytes())));
        Unreadable { source: source.to_owned(), id, what }
    })
}

fn parse_message(source: &str, value: &Value) -> Result<Message, String> {
    let stored: StoredMessage =
        serde_json::from_value(value.clone()).map_err(|error| text::one_line(&error.to_string(), 200))?;
    let id = check_id("id", &stored.id)?;
    let date = stored.date.as_deref().map(read_time).transpose()?;
    let (body, is_cut) = text::bounded(&stored.body, BODY_BYTES_MAX);
    let mut findings = Vec::new();
    if is_cut {
        findings.push(format!("the text is longer than {BODY_BYTES_MAX} bytes and was cut"));
    }
    let header = |(name, value): (String, Value)| {
        let name = name.to_ascii_lowercase();
        let value = text::one_line(value.as_str()?, HEADER_CHARS_MAX);
        KEPT_HEADERS.contains(&name.as_str()).then_some((name, value))
    };
    let names = |name: &String| text::one_line(name, 200);
    Ok(Message {
        thread: match &stored.thread {
            Some(thread) => check_id("thread", thread)?,
            None => id.clone(),
        },
        id,
        source: source.to_owned(),
        from: read_person("from", &stored.from)?,
        to: people("to", &stored.to)?,
        cc: people("cc", &stored.cc)?,
        reply_to: people("reply_to", &stored.reply_to)?,
        subject: text::one_line(&stored.subject, SUBJECT_CHARS_MAX),
        date,
        in_reply_to: stored.in_reply_to.as_deref().map(|id| check_id("in_reply_to", id)).transpose()?,
        references: bounded("references", &stored.references)?
            .iter()
            .map(|id| check_id("references", id))
            .collect::<Result<_, _>>()?,
        headers: stored.headers.into_iter().take(LIST_MAX).filter_map(header).collect(),
        body: text::visible(body),
        attachments: bounded("attachments", &stored.attachments)?.iter().map(names).collect(),
        findings,
        ..Message::default()
    })
}

fn bounded<'a>(name: &str, list: &'a [String]) -> Result<&'a [String], String> {
    if list.len() > LIST_MAX { Err(format!("`{name}` has more than {LIST_MAX} entries")) } else { Ok(list) }
}

fn people(name: &str, list: &[String]) -> Result<Vec<Address>, String> {
    bounded(name, list)?.iter().map(|person| read_person(name, person)).collect()
}

/// Returns an address that can be answered as it stands there, or nothing.
fn read_person(name: &str, person: &str) -> Result<Address, String> {
    let wrong = || format!("`{name}` is no address such as `Ada Brown <ada@example.org>`");
    let address = Address::parse(person).ok_or_else(wrong)?;
    if address.email.len() > 320 || address.name.chars().count() > 120 { Err(wrong()) } else { Ok(address) }
}

/// Returns an id that a draft can name as it is.
fn check_id(name: &str, id: &str) -> Result<String, String> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(format!("`{name}` is not 1 to {ID_BYTES_MAX} bytes long"));
    }
    if text::one_line(id, ID_BYTES_MAX) != id {
        return Err(format!("`{name}` holds white space or characters that cannot be shown"));
    }
    Ok(id.to_owned())
}

fn read_time(time: &str) -> Result<Zoned, String> {
    let offset = Pieces::parse(time).ok().and_then(|pieces| pieces.to_numeric_offset());
    match (time.parse::<Timestamp>(), offset) {
        (Ok(timestamp), Some(offset)) => Ok(timestamp.to_zoned(TimeZone::fixed(offset))),
        (Ok(timestamp), None) => Ok(timestamp.to_zoned(TimeZone::UTC)),
        (Err(_), _) => Err("`date` is not a time with an offset (RFC 3339)".to_owned()),
    }
}
