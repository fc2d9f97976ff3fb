//! Reads and writes the text of a file: functions of their arguments, no disk, no clock.
//!
//! A file whose name ends in `.md`, `.markdown` or `.txt` is Markdown with a head; any other is a mail. Both
//! go through the one reader of mails and its bounds. The head of a Markdown file says nothing about how
//! its text is encoded: it is UTF-8, as it stands.

use crate::connector::mail::read::{self, Place};
use crate::connector::mail::write::{WriteError, write};
use crate::message::{Fetched, Message, Unreadable};
use crate::outgoing::Outgoing;
use crate::text;

/// How a mail reader is told that the text is what it looks like.
const PLAIN: &[u8] =
    b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";

/// Bytes of a head: what comes later is text.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Reads a file as the message that it is, or says why it cannot be read. `id` is what one without a
/// Message-ID is known by.
pub fn read(source: &str, name: &str, id: &str, bytes: &[u8]) -> Fetched {
    let wrong = |what: String| Unreadable { source: source.to_owned(), id: id.to_owned(), what };
    let message = match is_markdown(name) {
        true => read::read(source, &as_mail(bytes).map_err(wrong)?),
        false => read::read(source, bytes),
    };
    let message = message.map_err(|unreadable| wrong(unreadable.what))?;
    let is_named = !message.id.starts_with("sha256:");
    // A file has a name and a time, so that neither is missed.
    let is_odd = |finding: &String| {
        let undated = finding.starts_with("has no date") && !has_head(bytes, "date");
        !undated && !finding.starts_with("has no Message-ID")
    };
    let findings = message.findings.iter().filter(|finding| is_odd(finding)).cloned().collect();
    let thread = if is_named || message.thread != message.id { message.thread } else { id.to_owned() };
    Ok(Message { thread, id: if is_named { message.id } else { id.to_owned() }, findings, ..message })
}

/// Reads a file's place in its thread.
pub fn place(name: &str, id: &str, bytes: &[u8]) -> Option<Place> {
    let mut place = match is_markdown(name) {
        true => read::place(&as_mail(bytes).ok()?)?,
        false => read::place(bytes)?,
    };
    if place.id.starts_with("sha256:") {
        id.clone_into(&mut place.id);
    }
    // An answer to a file without a Message-ID names it so.
    let answers = head_value(bytes, "answers").filter(|answers| answers.starts_with("file:"));
    place.in_reply_to = place.in_reply_to.or(answers);
    Some(place)
}

/// Writes an answer as Markdown with a head; the same answer always gives the same bytes.
///
/// # Errors
/// What could not be a mail, and attachments, have no form here.
pub fn markdown(outgoing: &Outgoing) -> Result<Vec<u8>, String> {
    // Its checks are ours, too: one recipient at least, nothing that ends a line.
    write(outgoing).map_err(|error: WriteError| error.to_string())?;
    if !outgoing.attachments.is_empty() {
        return Err("a Markdown file cannot carry attachments; set `format = \"mail\"`".to_owned());
    }
    let people = |people: &[crate::message::Address]| {
        people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let lines = [
        ("From", outgoing.from.to_string()),
        ("To", people(&outgoing.to)),
        ("Cc", people(&outgoing.cc)),
        ("Subject", outgoing.subject.clone()),
        ("Date", outgoing.date.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()),
        ("Message-ID", outgoing.message_id.clone()),
        ("Answers", outgoing.answers.clone()),
        ("In-Reply-To", outgoing.in_reply_to.clone().unwrap_or_default()),
        ("References", outgoing.references.join(" ")),
    ];
    let mut file = String::new();
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        if value.contains(['\n', '\r']) || !text::is_visible(value) {
            return Err(format!("`{name}` is not one visible line"));
        }
        file.push_str(&format!("{name}: {value}\n"));
    }
    Ok(format!("{file}\n{}\n", outgoing.text.trim_end_matches('\n')).into_bytes())
}

fn is_markdown(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".md", ".markdown", ".txt"].iter().any(|end| name.ends_with(end))
}

/// Makes a mail of Markdown with a head.
fn as_mail(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(name) = head(bytes)
        .find_map(|(name, _)| (name.starts_with("content-") || name == "mime-version").then_some(name))
    {
        return Err(format!("its head has `{name}`, which only a mail has; name it .eml if it is one"));
    }
    if head(bytes).next().is_none() {
        return Err("does not begin with `From: someone@example.org`".to_owned());
    }
    Ok([PLAIN, bytes].concat())
}

fn has_head(bytes: &[u8], name: &str) -> bool {
    head(bytes).any(|(known, _)| known == name)
}

fn head_value(bytes: &[u8], name: &str) -> Option<String> {
    head(bytes).find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Returns the names, in lower case, and values of the lines up to the first empty one.
fn head(bytes: &[u8]) -> impl Iterator<Item = (String, String)> {
    let bytes = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let line = |line: &[u8]| String::from_utf8_lossy(line).trim_end_matches('\r').to_owned();
    bytes.split(|&byte| byte == b'\n').map(line).take_while(|line| !line.trim().is_empty()).filter_map(
        |line| {
            let (name, value) = line.split_once(':')?;
            let plain =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            plain.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
        },
    )
}
