//! Reads issues and comments as messages, or says which field stands in the way.

use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use crate::connector::forge::settings::{Repository, Thread};
use crate::connector::forge::wire::answer::comment_id;
use crate::message::{Address, Fetched, Message, Unreadable, sha256_hex};
use crate::text;

/// The longest text of a message; the rest is cut, and a finding says so.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

const LOGIN_BYTES_MAX: usize = 200;
const TITLE_CHARS_MAX: usize = 500;
const ATTACHMENTS_MAX: usize = 50;

/// Who has written what nobody wrote any more: both forges call deleted accounts so.
const GHOST: &str = "ghost";

/// Accounts of the forges themselves, by which programs write.
const MACHINES: [&str; 2] = ["forgejo-actions", "gitea-actions"];

/// An issue or a pull request.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// What was written when it was opened; its subject is the title.
    pub message: Message,
    /// Who is to see to it.
    pub assignees: Vec<String>,
    /// When it was closed, where it is.
    pub closed_at: Option<Timestamp>,
}

/// Reads an issue; `source` is its name in the wiring, `login` who we are.
///
/// # Errors
/// A field that is needed is missing, or is something else.
pub fn issue(source: &str, login: &str, repository: &Repository, value: &Value) -> Result<Issue, Unreadable> {
    let number = value.get("number").and_then(Value::as_u64).filter(|number| *number > 0);
    let id = match number {
        Some(number) => Thread { repository: repository.clone(), number }.to_string(),
        None => digest_of(value),
    };
    let unreadable =
        |what: String| Unreadable { source: source.to_owned(), id: id.clone(), what: what.clone() };
    let read = || {
        let number = number.ok_or("has no `number`")?;
        let title = text_of(value, "title")?.ok_or("has no `title`")?;
        let mut message = message(source, login, value)?;
        message.id.clone_from(&id);
        message.thread.clone_from(&id);
        message.subject = text::one_line(title, TITLE_CHARS_MAX);
        let is_closed = value.get("state").and_then(Value::as_str) == Some("closed");
        let closed_at = text_of(value, "closed_at")?.map(|time| time_of("closed_at", time)).transpose()?;
        let closed_at = closed_at.as_ref().or(message.date.as_ref()).map(Zoned::timestamp);
        Ok(Issue { number, assignees: assignees(value), closed_at: closed_at.filter(|_| is_closed), message })
    };
    read().map_err(unreadable)
}

/// Reads a comment of a thread with this title.
///
/// # Errors
/// As [`issue`].
pub fn comment(source: &str, login: &str, thread: &Thread, title: &str, value: &Value) -> Fetched {
    let native = value.get("id").and_then(Value::as_u64);
    let id = match native {
        Some(native) if thread.number > 0 => comment_id(thread, native),
        Some(_) | None => digest_of(value),
    };
    let read = || {
        native.ok_or("has no `id`")?;
        Ok(Message {
            id: id.clone(),
            thread: thread.to_string(),
            subject: text::one_line(title, TITLE_CHARS_MAX),
            ..message(source, login, value)?
        })
    };
    read().map_err(|what: String| Unreadable { source: source.to_owned(), id: id.clone(), what })
}

/// Returns the number of the thread that a comment stands in: the end of the address that the forge gives,
/// which is not looked at otherwise.
pub fn number_of_comment(value: &Value) -> Option<u64> {
    ["issue_url", "pull_request_url"].iter().find_map(|name| {
        let last = value.get(name)?.as_str()?.rsplit('/').next()?;
        let plain = !last.starts_with('0') && last.bytes().all(|byte| byte.is_ascii_digit());
        last.parse().ok().filter(|_| plain)
    })
}

/// Reads what issues and comments have in common; id, thread and subject are left to the caller.
fn message(source: &str, login: &str, value: &Value) -> Result<Message, String> {
    if !value.is_object() {
        return Err("is no object".to_owned());
    }
    let (from, is_machine) = writer(value)?;
    let date = text_of(value, "created_at")?.ok_or("has no `created_at`")?;
    let (body, is_cut) = text::bounded(text_of(value, "body")?.unwrap_or_default(), BODY_BYTES_MAX);
    let cut = || format!("the text is longer than {BODY_BYTES_MAX} bytes and was cut");
    let automatic = || ("auto-submitted".to_owned(), "auto-generated".to_owned());
    Ok(Message {
        source: source.to_owned(),
        from,
        to: vec![Address::new("", login)],
        date: Some(time_of("created_at", date)?),
        headers: is_machine.then(automatic).into_iter().collect(),
        body: text::visible(body),
        attachments: attachments(value),
        findings: is_cut.then(cut).into_iter().collect(),
        has_thread_subject: true,
        ..Message::default()
    })
}

/// Returns who wrote it, exactly by the login, and whether that is a program.
fn writer(value: &Value) -> Result<(Address, bool), String> {
    let user = match value.get("user") {
        Some(user) if user.is_object() => user,
        Some(Value::Null) => return Ok((Address::new("", GHOST), false)),
        Some(_) => return Err("has a `user` that is none".to_owned()),
        None => return Err("has no `user`".to_owned()),
    };
    let login = text_of(user, "login")?.ok_or("has a `user` without a `login`")?;
    let address = Address::parse(login)
        .filter(|address| address.name.is_empty() && address.email == login && login.len() <= LOGIN_BYTES_MAX)
        .ok_or_else(|| format!("has a `login` that is no plain name of at most {LOGIN_BYTES_MAX} bytes"))?;
    let is_machine = user.get("type").and_then(Value::as_str) == Some("Bot")
        || login.to_ascii_lowercase().ends_with("[bot]")
        || MACHINES.iter().any(|machine| login.eq_ignore_ascii_case(machine));
    Ok((address, is_machine))
}

fn assignees(value: &Value) -> Vec<String> {
    let several = value.get("assignees").and_then(Value::as_array).into_iter().flatten();
    let all = several.chain(value.get("assignee"));
    all.filter_map(|user| user.get("login")?.as_str().map(str::to_owned)).collect()
}

fn attachments(value: &Value) -> Vec<String> {
    let assets = value.get("assets").and_then(Value::as_array).into_iter().flatten();
    let names = assets.filter_map(|asset| asset.get("name")?.as_str());
    names.map(|name| text::one_line(name, 120)).take(ATTACHMENTS_MAX).collect()
}

fn text_of<'v>(value: &'v Value, name: &str) -> Result<Option<&'v str>, String> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has a `{name}` that is no text")),
    }
}

/// Returns a time with the offset in which it was written.
fn time_of(name: &str, time: &str) -> Result<Zoned, String> {
    let offset = Pieces::parse(time).ok().and_then(|pieces| pieces.to_numeric_offset());
    match (time.parse::<Timestamp>(), offset) {
        (Ok(timestamp), Some(offset)) => Ok(timestamp.to_zoned(TimeZone::fixed(offset))),
        (Ok(timestamp), None) => Ok(timestamp.to_zoned(TimeZone::UTC)),
        (Err(_), _) => Err(format!("has a `{name}` that is no time (RFC 3339)")),
    }
}

fn digest_of(value: &Value) -> String {
    format!("sha256:{}", sha256_hex(value.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn repository() -> Repository {
        Repository::parse("acme/app").unwrap()
    }

    fn raw() -> Value {
        json!({
            "id": 9, "number": 12, "title": "It  breaks\n", "body": "a\r\nb", "state": "open",
            "user": {"login": "ada", "type": "User"}, "assignees": [{"login": "Sam"}], "closed_at": null,
            "created_at": "2026-11-20T11:30:04+01:00", "url": "http://trap.example/",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut issue = raw();
        issue[name] = value;
        issue
    }

    fn read(value: &Value) -> Result<Issue, Unreadable> {
        issue("forge", "sam", &repository(), value)
    }

    #[test]
    fn an_issue_is_a_message_of_whoever_opened_it() {
        let issue = read(&raw()).unwrap();
        let message = &issue.message;
        assert_eq!(
            (&*message.id, &*message.thread, &*message.subject),
            ("acme/app#12", "acme/app#12", "It breaks")
        );
        assert_eq!((message.from.to_string(), message.to[0].to_string()), ("ada".into(), "sam".into()));
        assert_eq!(message.body, "a\nb");
        assert_eq!(message.date.as_ref().unwrap().to_string(), "2026-11-20T11:30:04+01:00[+01:00]");
        assert_eq!((issue.number, issue.assignees, issue.closed_at), (12, vec!["Sam".to_owned()], None));
        assert!(message.headers.is_empty() && message.findings.is_empty());
    }

    #[test]
    fn a_new_title_makes_no_new_message() {
        let digest = |value: Value| read(&value).unwrap().message.digest();
        assert_eq!(digest(raw()), digest(with("title", json!("bug: it breaks"))));
        assert_ne!(digest(raw()), digest(with("body", json!("c"))));
    }

    #[test]
    fn what_a_person_could_not_see_is_shown() {
        let message = read(&with("body", json!("a\u{1b}[2J\u{202e}<!-- do it -->"))).unwrap().message;
        assert_eq!(message.body, "a[hidden: U+001B][2J[hidden: U+202E]<!-- do it -->");
        let message = read(&with("body", json!("x".repeat(BODY_BYTES_MAX + 1)))).unwrap().message;
        assert_eq!(message.body.len(), BODY_BYTES_MAX);
        assert_eq!(message.findings, ["the text is longer than 262144 bytes and was cut"]);
        assert_eq!(read(&with("body", json!(null))).unwrap().message.body, "");
    }

    #[test]
    fn machines_write_automatic_messages() {
        for (user, automatic) in [
            (json!({"login": "ada", "type": "User"}), false),
            (json!({"login": "ada"}), false),
            (json!({"login": "builder", "type": "Bot"}), true),
            (json!({"login": "renovate[bot]", "type": "User"}), true),
            (json!({"login": "Forgejo-Actions"}), true),
            (json!(null), false),
        ] {
            let message = read(&with("user", user.clone())).unwrap().message;
            assert_eq!(message.header("auto-submitted").is_some(), automatic, "{user}");
        }
        assert_eq!(read(&with("user", json!(null))).unwrap().message.from.email, "ghost");
    }

    #[test]
    fn what_cannot_be_read_names_the_field() {
        for (name, value, what) in [
            ("title", json!(null), "has no `title`"),
            ("title", json!(7), "has a `title` that is no text"),
            ("body", json!(["a"]), "has a `body` that is no text"),
            ("user", json!("ada"), "has a `user` that is none"),
            ("user", json!({}), "has a `user` without a `login`"),
            ("user", json!({"login": "a b"}), "has a `login` that is no plain name of at most 200 bytes"),
            (
                "user",
                json!({"login": "A <a@b.c>"}),
                "has a `login` that is no plain name of at most 200 bytes",
            ),
            ("created_at", json!("yesterday"), "has a `created_at` that is no time (RFC 3339)"),
            ("created_at", json!(null), "has no `created_at`"),
        ] {
            let unreadable = read(&with(name, value)).unwrap_err();
            assert_eq!((unreadable.id.as_str(), unreadable.what.as_str()), ("acme/app#12", what));
        }
        for number in [json!(null), json!("12"), json!(0), json!(-1), json!(1.5)] {
            let unreadable = read(&with("number", number)).unwrap_err();
            assert!(unreadable.id.starts_with("sha256:") && unreadable.what == "has no `number`");
        }
        assert_eq!(read(&json!([])).unwrap_err().what, "has no `number`");
    }

    #[test]
    fn a_comment_belongs_to_a_number_and_never_to_an_address() {
        let thread = Thread { repository: repository(), number: 12 };
        let value = json!({
            "id": 345, "body": "so it is", "user": {"login": "bob"}, "created_at": "2026-11-20T11:00:00Z",
            "issue_url": "https://api.github.com/repos/acme/app/issues/12",
        });
        let message = comment("forge", "sam", &thread, "It breaks", &value).unwrap();
        assert_eq!((&*message.id, &*message.thread), ("acme/app#12#issuecomment-345", "acme/app#12"));
        assert_eq!((&*message.subject, &*message.from.email), ("It breaks", "bob"));
        for (address, number) in [
            (json!({"issue_url": "https://api.github.com/repos/acme/app/issues/12"}), Some(12)),
            (json!({"issue_url": "", "pull_request_url": "http://h/acme/app/pulls/7"}), Some(7)),
            (json!({"issue_url": "http://trap.example/12/"}), None),
            (json!({"issue_url": "http://trap.example/012"}), None),
            (json!({"issue_url": 12}), None),
            (json!({}), None),
        ] {
            assert_eq!(number_of_comment(&address), number, "{address}");
        }
    }
}
