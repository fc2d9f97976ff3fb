//! Mail as tests write it, and answers as a mail program reads them.

use std::fs;
use std::path::Path;

use mail_parser::MessageParser;

/// An answer that left, as a mail program reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub file: String,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub message_id: String,
    pub in_reply_to: String,
    pub text: String,
}

/// A message that somebody writes to Sam.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    pub id: &'a str,
    pub from: &'a str,
    pub subject: &'a str,
    pub body: &'a str,
    /// Whole header lines, each with its line end.
    pub headers: &'a str,
}

impl Default for Mail<'_> {
    fn default() -> Self {
        Self {
            id: "",
            from: "Ada Brown <ada@example.org>",
            subject: "A question",
            body: "Hello Sam,\n\nwhere can I find our invoice for October?\n",
            headers: "",
        }
    }
}

impl Mail<'_> {
    /// Writes it as the number-th message to somebody; without an id it gets one from its number.
    pub fn write(&self, number: usize, to: &str) -> Vec<u8> {
        let id = if self.id.is_empty() { format!("mail-{number}@example.org") } else { self.id.to_owned() };
        let (minute, second) = (number / 60, number % 60);
        format!(
            "From: {}\nTo: {to}\nSubject: {}\nDate: Fri, 20 Nov 2026 10:{minute:02}:{second:02} +0000\n\
             Message-ID: <{id}>\n{}\n{}",
            self.from, self.subject, self.headers, self.body
        )
        .into_bytes()
    }
}

impl Sent {
    /// Reads a file of the outbox.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let message = MessageParser::default().parse(&bytes);
        let message = message.unwrap_or_else(|| panic!("no mail: {}: {bytes:?}", path.display()));
        let people = |address: Option<&mail_parser::Address<'_>>| -> Vec<String> {
            let all = address.map(|address| address.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
            all.iter().map(|one| one.address().unwrap_or_default().to_owned()).collect()
        };
        Self {
            file: path.file_name().unwrap().to_str().unwrap().to_owned(),
            from: people(message.from()).join(" "),
            to: people(message.to()),
            subject: message.subject().unwrap_or_default().to_owned(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            in_reply_to: message.in_reply_to().as_text().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().replace("\r\n", "\n"),
        }
    }
}
