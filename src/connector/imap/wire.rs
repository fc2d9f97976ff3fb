//! Writes the commands of IMAP (RFC 3501, 9051) and reads its responses; pure, and tested without a socket.
//!
//! Only what we need is written, and of what comes only what we know is read: anything else is passed
//! over. Nothing of a message or of the wiring can end a command.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use jiff::Timestamp;
use jiff::fmt::strtime;

use crate::connector::link::Login;
use crate::text;

/// Bytes of a line of a response, literals not counted: a search in a large folder is one line.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Literals in one response; each of ours has one.
pub const LITERALS_MAX: usize = 64;

/// How deep parentheses nest in what we ask for.
const DEPTH_MAX: usize = 16;

/// Characters of a server's words.
const WORDS_CHARS_MAX: usize = 300;

/// A piece of a response: text up to the end of a line, or bytes that were announced there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(Vec<u8>),
    /// A literal.
    Literal(Vec<u8>),
}

/// Returns how many bytes follow a line that announces a literal.
pub fn announced(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let start = inner.iter().rposition(|&byte| byte == b'{')?;
    let digits = inner[start + 1..].strip_suffix(b"+").unwrap_or(&inner[start + 1..]);
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    // More than fits is too many, too.
    plain.then(|| String::from_utf8_lossy(digits).parse().unwrap_or(u64::MAX))
}

/// How a command ended, or what a server says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Yes.
    Ok,
    /// No.
    No,
    /// Not understood.
    Bad,
    /// The connection ends.
    Bye,
    /// Yes, and we are logged in already.
    Preauth,
}

/// A word of the server's, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it says.
    pub word: Word,
    /// The code in brackets, in capitals: `AUTHENTICATIONFAILED`, `UIDVALIDITY 7`.
    pub code: String,
    /// Its words, one visible line.
    pub words: String,
}

impl Status {
    /// Tells whether the server says that trying later may do.
    pub fn is_passing(&self) -> bool {
        let code = self.code.split(' ').next().unwrap_or_default();
        self.word == Word::Bye
            || matches!(code, "UNAVAILABLE" | "INUSE" | "SERVERBUG" | "LIMIT" | "CONTACTADMIN")
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The command of this tag is over.
    Done(String, Status),
    /// The server waits for the rest of a command.
    GoOn,
    /// A word of the server's own.
    Status(Status),
    /// What it can do, in capitals.
    Capabilities(Vec<String>),
    /// The numbers that a search found.
    Found(Vec<u32>),
    /// Something about a message.
    Message(Item),
    /// Something that we did not ask for.
    Other,
}

/// What a server says about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its number, which holds as long as the folder is selected.
    pub uid: Option<u32>,
    /// Its bytes.
    pub size: Option<u64>,
    /// When it came.
    pub arrived: Option<Timestamp>,
    /// The part of it that was asked for.
    pub body: Option<Vec<u8>>,
}

/// Reads a response, or says that it is none.
pub fn read(pieces: Vec<Piece>) -> Result<Response, String> {
    let line = match pieces.first() {
        Some(Piece::Text(line)) => String::from_utf8_lossy(line).into_owned(),
        Some(Piece::Literal(_)) | None => String::new(),
    };
    let wrong = || format!("`{}` is no response of an IMAP server", text::one_line(&line, 80));
    let (tag, rest) = line.split_once(' ').unwrap_or((&line, ""));
    match tag {
        "+" => Ok(Response::GoOn),
        "*" => {
            let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if let Some(status) = status(rest) {
                return Ok(Response::Status(status));
            }
            let words = || after.split_whitespace();
            match first.to_ascii_uppercase().as_str() {
                "CAPABILITY" => Ok(Response::Capabilities(words().map(str::to_ascii_uppercase).collect())),
                "SEARCH" => Ok(Response::Found(words().map_while(|word| word.parse().ok()).collect())),
                _ if first.bytes().all(|byte| byte.is_ascii_digit())
                    && after.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("FETCH ")) =>
                {
                    let skip = line.len() - after.len() + 6;
                    item(values(pieces, skip).ok_or_else(wrong)?).map(Response::Message).ok_or_else(wrong)
                }
                "" => Err(wrong()),
                _ => Ok(Response::Other),
            }
        }
        _ => status(rest).map(|status| Response::Done(tag.to_owned(), status)).ok_or_else(wrong),
    }
}

/// Reads `OK [CODE] words`.
fn status(text: &str) -> Option<Status> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let word = match word.to_ascii_uppercase().as_str() {
        "OK" => Word::Ok,
        "NO" => Word::No,
        "BAD" => Word::Bad,
        "BYE" => Word::Bye,
        "PREAUTH" => Word::Preauth,
        _ => return None,
    };
    let (code, words) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, words)) => (code.to_ascii_uppercase(), words),
        None => (String::new(), rest),
    };
    Some(Status { word, code, words: text::one_line(words, WORDS_CHARS_MAX) })
}

/// A value of a response: an atom, a string, or a list.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Atom(String),
    Text(Vec<u8>),
    List(Vec<Value>),
}

/// Reads the values of a response after the first `skip` bytes.
fn values(pieces: Vec<Piece>, skip: usize) -> Option<Vec<Value>> {
    let mut open: Vec<Vec<Value>> = vec![Vec::new()];
    for (index, piece) in pieces.into_iter().enumerate() {
        let text = match piece {
            Piece::Literal(bytes) => {
                open.last_mut()?.push(Value::Text(bytes));
                continue;
            }
            Piece::Text(text) => text,
        };
        let text = if index == 0 { text.get(skip..)? } else { &text[..] };
        // What announces a literal is not a value.
        let text = match announced(text) {
            Some(_) => &text[..text.iter().rposition(|&byte| byte == b'{')?],
            None => text,
        };
        read_text(text, &mut open)?;
    }
    let values = open.pop()?;
    open.is_empty().then_some(values)
}

fn read_text(text: &[u8], open: &mut Vec<Vec<Value>>) -> Option<()> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b' ' => {}
            b'(' if open.len() > DEPTH_MAX => return None,
            b'(' => open.push(Vec::new()),
            b')' => {
                let list = open.pop()?;
                open.last_mut()?.push(Value::List(list));
            }
            b'"' => {
                let mut quoted = Vec::new();
                loop {
                    let &byte = text.get(at)?;
                    at += 1;
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            quoted.push(*text.get(at)?);
                            at += 1;
                        }
                        _ => quoted.push(byte),
                    }
                }
                open.last_mut()?.push(Value::Text(quoted));
            }
            _ => {
                // `BODY[HEADER.FIELDS (MESSAGE-ID)]` is one atom.
                let (start, mut brackets) = (at - 1, 0_u32);
                at = start;
                while let Some(&byte) = text.get(at) {
                    match byte {
                        b'[' => brackets += 1,
                        b']' => brackets = brackets.saturating_sub(1),
                        b' ' | b'(' | b')' | b'"' if brackets == 0 => break,
                        _ => {}
                    }
                    at += 1;
                }
                let atom = String::from_utf8_lossy(&text[start..at]).to_ascii_uppercase();
                open.last_mut()?.push(Value::Atom(atom));
            }
        }
    }
    Some(())
}

fn item(values: Vec<Value>) -> Option<Item> {
    let Some(Value::List(attributes)) = values.into_iter().next() else { return None };
    let mut item = Item::default();
    let mut attributes = attributes.into_iter();
    while let Some(Value::Atom(name)) = attributes.next() {
        let value = attributes.next()?;
        match (name.as_str(), value) {
            ("UID", Value::Atom(uid)) => item.uid = Some(uid.parse().ok()?),
            ("RFC822.SIZE", Value::Atom(size)) => item.size = Some(size.parse().ok()?),
            ("INTERNALDATE", Value::Text(time)) => item.arrived = internal_date(&time),
            (name, Value::Text(body)) if name.starts_with("BODY[") => item.body = Some(body),
            (name, Value::Atom(nil)) if name.starts_with("BODY[") && nil == "NIL" => {
                item.body = Some(Vec::new());
            }
            _ => {}
        }
    }
    Some(item)
}

/// Reads `17-Jul-1996 02:44:25 -0700`, whose day may begin with a space.
fn internal_date(text: &[u8]) -> Option<Timestamp> {
    let text = String::from_utf8_lossy(text);
    strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?.to_timestamp().ok()
}

/// Writes a name or an id as a quoted string; nothing where it has characters that none can hold.
pub fn quoted(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    plain.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Writes the name of a folder as servers know it: in modified UTF-7, quoted.
pub fn folder(name: &str) -> String {
    let base64 = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let is_plain = |c: char| (' '..='~').contains(&c);
    let mut written = String::new();
    let chars: Vec<char> = name.chars().collect();
    for run in chars.chunk_by(|a, b| is_plain(*a) == is_plain(*b)) {
        if is_plain(run[0]) {
            let run: String = run.iter().collect();
            written.push_str(&run.replace('&', "&-").replace('\\', "\\\\").replace('"', "\\\""));
        } else {
            let run: String = run.iter().collect();
            let units: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
            written.push_str(&format!("&{}-", base64.encode(units)));
        }
    }
    format!("\"{written}\"")
}

/// Writes the login in one step, as servers have it that take it with the command.
pub fn plain(login: &Login) -> String {
    STANDARD.encode(format!("\0{}\0{}", login.user, login.password()))
}

/// Writes the login as a plain command; nothing where the name or the password cannot stand in it.
pub fn login(login: &Login) -> Option<String> {
    Some(format!("LOGIN {} {}", quoted(&login.user)?, quoted(login.password())?))
}

/// Writes the search for what nobody has read since some day; days are the server's, so one more is asked
/// for.
pub fn unseen(since: Option<Timestamp>) -> String {
    format!("UID SEARCH UNSEEN UNDELETED UNDRAFT{}", days_since(since, 1))
}

/// Writes the search for what belongs to a thread: messages that are, name or answer one of the ids.
///
/// An id that no search can hold is left out; `None` where none is left.
pub fn thread(ids: &[String], since: Option<Timestamp>) -> Option<String> {
    let mut keys = ids.iter().filter_map(|id| quoted(id)).flat_map(|id| {
        ["Message-ID", "In-Reply-To", "References"].map(|header| format!("HEADER {header} {id}"))
    });
    let first = keys.next()?;
    let any = keys.fold(first, |known, key| format!("OR {key} {known}"));
    Some(format!("UID SEARCH UNDELETED{} {any}", days_since(since, 0)))
}

/// Writes the search for one message.
pub fn by_id(id: &str) -> Option<String> {
    Some(format!("UID SEARCH HEADER Message-ID {}", quoted(id)?))
}

/// Writes a set of numbers; there is at least one.
pub fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn days_since(since: Option<Timestamp>, more: i64) -> String {
    let day = since.and_then(|since| since.checked_sub(jiff::SignedDuration::from_hours(24 * more)).ok());
    match day.and_then(|day| strtime::format("%d-%b-%Y", &day.to_zoned(jiff::tz::TimeZone::UTC)).ok()) {
        Some(day) => format!(" SINCE {day}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Response {
        read(vec![Piece::Text(text.as_bytes().to_vec())]).unwrap()
    }

    fn status_of(word: Word, code: &str, words: &str) -> Status {
        Status { word, code: code.to_owned(), words: words.to_owned() }
    }

    #[test]
    fn responses_are_read_and_others_passed_over() {
        assert_eq!(
            line("a1 NO [AUTHENTICATIONFAILED] no \u{1b}such"),
            Response::Done(
                "a1".to_owned(),
                status_of(Word::No, "AUTHENTICATIONFAILED", "no [hidden: U+001B]such")
            )
        );
        assert_eq!(
            line("* OK [UIDVALIDITY 17] UIDs valid"),
            Response::Status(status_of(Word::Ok, "UIDVALIDITY 17", "UIDs valid"))
        );
        assert_eq!(line("* BYE"), Response::Status(status_of(Word::Bye, "", "")));
        assert_eq!(line("+ idling"), Response::GoOn);
        assert_eq!(line("+"), Response::GoOn);
        assert_eq!(
            line("* CAPABILITY imap4rev1 AUTH=PLAIN"),
            Response::Capabilities(vec!["IMAP4REV1".to_owned(), "AUTH=PLAIN".to_owned()])
        );
        assert_eq!(line("* SEARCH 2 3 5"), Response::Found(vec![2, 3, 5]));
        assert_eq!(line("* SEARCH"), Response::Found(Vec::new()));
        // What RFC 7162 adds is no number.
        assert_eq!(line("* SEARCH 2 (MODSEQ 917)"), Response::Found(vec![2]));
        for other in ["* 23 EXISTS", "* FLAGS (\\Seen)", "* LIST () \"/\" INBOX", "* 3 EXPUNGE"] {
            assert_eq!(line(other), Response::Other, "{other}");
        }
        for none in ["", "*", "* ", "hello", "HTTP/1.1 200 OK", "a1", "220 mail ESMTP"] {
            assert!(read(vec![Piece::Text(none.as_bytes().to_vec())]).is_err(), "{none}");
        }
    }

    fn fetch(pieces: &[&str]) -> Option<Item> {
        let pieces = pieces.iter().enumerate().map(|(index, text)| match index % 2 {
            0 => Piece::Text(text.as_bytes().to_vec()),
            _ => Piece::Literal(text.as_bytes().to_vec()),
        });
        match read(pieces.collect()) {
            Ok(Response::Message(item)) => Some(item),
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        }
    }

    #[test]
    fn a_message_is_read_in_whatever_order_it_comes() {
        let arrived = Some("1996-07-17T09:44:25Z".parse().unwrap());
        let whole = Item { uid: Some(7), size: Some(44), arrived, body: Some(b"a (b) \"c".to_vec()) };
        let date = "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\"";
        let head = format!("* 12 FETCH (FLAGS (\\Seen) UID 7 RFC822.SIZE 44 {date} BODY[] {{8}}");
        assert_eq!(fetch(&[&head, "a (b) \"c", ")"]), Some(whole.clone()));
        let tail = format!(" RFC822.SIZE 44 {date} UID 7)");
        assert_eq!(fetch(&["* 12 fetch (BODY[]<0> {8}", "a (b) \"c", &tail]), Some(whole));
        assert_eq!(fetch(&["* 1 FETCH (UID 1 BODY[] \"a \\\"b\\\\\")"]).unwrap().body.unwrap(), b"a \"b\\");
        assert_eq!(fetch(&["* 1 FETCH (UID 1 BODY[] NIL)"]).unwrap().body.unwrap(), b"");
        let fields = fetch(&["* 1 FETCH (BODY[HEADER.FIELDS (MESSAGE-ID)] {3}", "x: ", " UID 3)"]).unwrap();
        assert_eq!((fields.uid, fields.body.unwrap()), (Some(3), b"x: ".to_vec()));
        let single = fetch(&["* 1 FETCH (INTERNALDATE \" 7-Jul-1996 02:44:25 +0000\")"]).unwrap();
        assert_eq!(single.arrived, Some("1996-07-07T02:44:25Z".parse().unwrap()));
        for broken in
            ["* 1 FETCH (UID", "* 1 FETCH (UID x)", "* 1 FETCH UID 3", "* 1 FETCH (BODY[] \"a", "* 1 FETCH "]
        {
            assert_eq!(fetch(&[broken]), None, "{broken}");
        }
        let deep = format!("* 1 FETCH {}{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(fetch(&[&deep]), None);
    }

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line() {
        for (line, count) in [
            ("* 1 FETCH (BODY[] {310}", Some(310)),
            ("x {5+}", Some(5)),
            ("x {99999999999999999999999}", Some(u64::MAX)),
            ("x {}", None),
            ("x {a}", None),
            ("x {5} ", None),
            ("x 5}", None),
        ] {
            assert_eq!(announced(line.as_bytes()), count, "{line}");
        }
    }

    #[test]
    fn a_folder_is_named_as_servers_know_it() {
        for (name, written) in [
            ("INBOX", "\"INBOX\""),
            ("Sent Items", "\"Sent Items\""),
            ("[Gmail]/All Mail", "\"[Gmail]/All Mail\""),
            ("A&B", "\"A&-B\""),
            ("Entw\u{fc}rfe", "\"Entw&APw-rfe\""),
            ("~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}", "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("a\r\nb DELETE", "\"a&AA0ACg-b DELETE\""),
        ] {
            assert_eq!(folder(name), written);
        }
    }

    #[test]
    fn commands_say_what_is_looked_for() {
        let since = Some("2026-11-20T12:00:00Z".parse().unwrap());
        assert_eq!(unseen(None), "UID SEARCH UNSEEN UNDELETED UNDRAFT");
        assert_eq!(unseen(since), "UID SEARCH UNSEEN UNDELETED UNDRAFT SINCE 19-Nov-2026");
        assert_eq!(by_id("<a\"b@c>").unwrap(), "UID SEARCH HEADER Message-ID \"<a\\\"b@c>\"");
        assert_eq!(by_id("<a\r\nb>"), None);
        assert_eq!(
            thread(&["<1@x>".to_owned(), "<\u{fc}>".to_owned()], since).unwrap(),
            "UID SEARCH UNDELETED SINCE 20-Nov-2026 OR HEADER References \"<1@x>\" OR HEADER In-Reply-To \
             \"<1@x>\" HEADER Message-ID \"<1@x>\""
        );
        assert_eq!(thread(&[], None), None);
        assert_eq!(set(&[1, 2, 7]), "1,2,7");
        assert_eq!(login(&Login::new("sam", "a\"b")).unwrap(), "LOGIN \"sam\" \"a\\\"b\"");
        assert_eq!(login(&Login::new("sam", "p\u{e4}ss")), None);
        assert_eq!(plain(&Login::new("sam", "s3cr3t")), "AHNhbQBzM2NyM3Q=");
    }

    proptest! {
        #[test]
        fn no_response_breaks_the_reading(
            texts in proptest::collection::vec("[*+a1 ]{0,3}(FETCH|SEARCH|OK|)[ ()\\[\\]\"{}\\\\A-Z0-9]{0,30}", 1..4)
        ) {
            let pieces = texts.iter().enumerate().map(|(index, text)| match index % 2 {
                0 => Piece::Text(text.as_bytes().to_vec()),
                _ => Piece::Literal(text.as_bytes().to_vec()),
            });
            let _ = read(pieces.collect());
        }

        #[test]
        fn nothing_in_a_name_ends_a_command(name in ".*") {
            let written = folder(&name);
            prop_assert!(written.bytes().all(|byte| (b' '..0x7f).contains(&byte)));
            if let Some(written) = quoted(&name) {
                prop_assert!(!written.contains(['\r', '\n']));
            }
        }
    }
}
