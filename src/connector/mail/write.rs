//! Writes an approved answer as the bytes of a mail.
//!
//! The same answer always gives the same bytes: no clock, no randomness, no host name. Nothing in
//! it can add a header, a recipient or a part; what would have to be changed to be safe is refused,
//! because a person approved it as it is. It is not marked as automatic (RFC 3834): a person sent it.

use lettre::message::header::{self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as Attached, Body, Mailbox, Mailboxes, MultiPart, SinglePart};

use crate::connector::mail::message_id;
use crate::message::{Address, sha256_hex};
use crate::outgoing::{Attachment, Outgoing};
use crate::text;

/// Message-IDs in `References`: the first, which names the thread, and the last ones.
pub const REFERENCES_MAX: usize = 20;

/// Bytes of a mail that is written at all; few servers take more.
pub const MAIL_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Bytes of a line without its end, RFC 5322.
const LINE_BYTES_MAX: usize = 998;

/// Bytes of a subject's word above which it has to be encoded, so that its line can be folded.
const WORD_BYTES_MAX: usize = 200;

/// Bytes of text in one encoded word: each becomes at most three, and the word ends at 75.
const ENCODED_BYTES_MAX: usize = 18;

const CC: HeaderName = HeaderName::new_from_ascii_str("Cc");
const DATE: HeaderName = HeaderName::new_from_ascii_str("Date");
const SUBJECT: HeaderName = HeaderName::new_from_ascii_str("Subject");
const TO: HeaderName = HeaderName::new_from_ascii_str("To");

/// Why an answer cannot be written as a mail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No mail server would take the address, or it would not arrive as it stands there.
    #[error("`{address}` is not an address that mail can be sent to: {why}")]
    Address {
        /// The address, made visible.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody would get it.
    #[error("there is no recipient")]
    NoRecipient,
    /// An id would not stand in the header as it is.
    #[error("`{id}` cannot stand in the `{header}` header")]
    MessageId {
        /// The header's name.
        header: &'static str,
        /// The id, made visible.
        id: String,
    },
    /// The subject is not one visible line.
    #[error("the subject has line breaks or hidden characters in it")]
    Subject,
    /// The date cannot be written, as with the year 10000.
    #[error("the date `{0}` cannot be written in a mail")]
    Date(String),
    /// A text holds what servers disagree about, and some take for the end of the mail.
    #[error("the {0} holds a NUL or a carriage return without a line feed")]
    BareControl(&'static str),
    /// The name of an attachment is empty, a path, or hides something.
    #[error("`{0}` is not a name for an attachment")]
    AttachmentName(String),
    /// It is too large to be taken by mail servers.
    #[error("the mail has {bytes} bytes, more than {MAIL_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bytes are not what they should be: our own mistake, found before it leaves.
    #[error("the mail would not be well-formed: {0}")]
    Malformed(String),
}

/// Returns the complete mail, ready for a transport: ASCII, lines that end in CR LF.
pub fn write(outgoing: &Outgoing) -> Result<Vec<u8>, WriteError> {
    if outgoing.to.is_empty() && outgoing.cc.is_empty() {
        return Err(WriteError::NoRecipient);
    }
    for (name, text) in [("text", &outgoing.text), ("HTML", &outgoing.html)] {
        if has_bare_control(text) {
            return Err(WriteError::BareControl(name));
        }
    }
    let date = jiff::fmt::rfc2822::to_string(&outgoing.date)
        .map_err(|_| WriteError::Date(outgoing.date.to_string()))?;
    let (to, cc) = (mailboxes(&outgoing.to)?, mailboxes(&outgoing.cc)?);
    let mut builder = lettre::Message::builder()
        .from(mailbox(&outgoing.from)?)
        .raw_header(HeaderValue::new(DATE, date.clone()));
    for address in &to {
        builder = builder.to(address.clone());
    }
    for address in &cc {
        builder = builder.cc(address.clone());
    }
    builder = builder
        .raw_header(subject(&outgoing.subject)?)
        .message_id(Some(checked_id("Message-ID", &outgoing.message_id)?));
    if let Some(id) = &outgoing.in_reply_to {
        builder = builder.in_reply_to(checked_id("In-Reply-To", id)?);
    }
    let references = bounded_references(&outgoing.references);
    if !references.is_empty() {
        builder = builder.references(references.join(" "));
    }
    let mail = match content(outgoing)? {
        Content::Single(part) => builder.singlepart(part),
        Content::Multi(part) => builder.multipart(part),
    };
    let mut mail = mail.map_err(|error| WriteError::Malformed(error.to_string()))?;
    // The builder knows only dates in UTC: it takes ours for none and puts the present time there.
    mail.headers_mut().insert_raw(HeaderValue::new(DATE, date));
    // And it never folds a list of addresses without names: fifty of them would break RFC 5322.
    for (name, list) in [(TO, to), (CC, cc)] {
        if !list.is_empty() {
            mail.headers_mut().insert_raw(one_address_a_line(name, list));
        }
    }
    let bytes = mail.formatted();
    check_wire(&bytes)?;
    Ok(bytes)
}

/// Returns the addresses that the mail must be handed over for, each once.
pub fn recipients(outgoing: &Outgoing) -> Vec<&str> {
    let mut recipients: Vec<&Address> = Vec::new();
    for address in outgoing.to.iter().chain(&outgoing.cc) {
        if !recipients.iter().any(|known| known.same_mailbox(address)) {
            recipients.push(address);
        }
    }
    recipients.into_iter().map(|address| address.email.as_str()).collect()
}

fn mailboxes(addresses: &[Address]) -> Result<Vec<Mailbox>, WriteError> {
    addresses.iter().map(mailbox).collect()
}

fn one_address_a_line(name: HeaderName, list: Vec<Mailbox>) -> HeaderValue {
    let encoded: Vec<String> = list.into_iter().map(encoded_mailbox).collect();
    HeaderValue::dangerous_new_pre_encoded(name, encoded.join(", "), encoded.join(",\r\n "))
}

/// Returns the mailbox as the builder would write it into a header of its own.
fn encoded_mailbox(mailbox: Mailbox) -> String {
    let mut headers = header::Headers::new();
    headers.set(header::To::from(Mailboxes::from(mailbox)));
    let line = headers.to_string();
    line.strip_prefix("To: ").unwrap_or(&line).trim_end().to_owned()
}

fn mailbox(address: &Address) -> Result<Mailbox, WriteError> {
    let wrong = |why: &str| WriteError::Address {
        address: text::one_line(&address.to_string(), 400),
        why: why.to_owned(),
    };
    if Address::parse(&address.to_string()).as_ref() != Some(address) {
        return Err(wrong("it has brackets, line breaks or hidden characters in it"));
    }
    if !address.email.is_ascii() {
        return Err(wrong("it is not plain ASCII"));
    }
    let email =
        address.email.parse().map_err(|error: lettre::address::AddressError| wrong(&error.to_string()))?;
    // Encoded words in a name would be shown decoded: not what was approved. The name is ornament.
    let name = Some(address.name.clone()).filter(|name| !name.is_empty() && !name.contains("=?"));
    Ok(Mailbox::new(name, email))
}

fn checked_id(header: &'static str, id: &str) -> Result<String, WriteError> {
    let same = message_id(id).filter(|checked| checked == id);
    same.ok_or_else(|| WriteError::MessageId { header, id: text::one_line(id, 200) })
}

/// Returns the references that can be written: the first and the last ones.
fn bounded_references(references: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = references
        .iter()
        .map(String::as_str)
        .filter(|id| message_id(id).is_some_and(|checked| checked == *id))
        .collect();
    if kept.len() > REFERENCES_MAX {
        kept.drain(1..kept.len() - (REFERENCES_MAX - 1));
    }
    kept
}

fn subject(subject: &str) -> Result<HeaderValue, WriteError> {
    if subject.contains(['\n', '\t']) || !text::is_visible(subject) {
        return Err(WriteError::Subject);
    }
    let foldable = subject.split(' ').all(|word| word.len() <= WORD_BYTES_MAX);
    if foldable && !subject.contains("=?") {
        return Ok(HeaderValue::new(SUBJECT, subject.to_owned()));
    }
    Ok(HeaderValue::dangerous_new_pre_encoded(SUBJECT, subject.to_owned(), encoded_words(subject)))
}

/// Encodes every character (RFC 2047, `Q`), one short word a line.
fn encoded_words(text: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        if used + c.len_utf8() > ENCODED_BYTES_MAX {
            words.push(String::new());
            used = 0;
        }
        used += c.len_utf8();
        let mut buffer = [0; 4];
        for byte in c.encode_utf8(&mut buffer).bytes() {
            if let Some(word) = words.last_mut() {
                word.push_str(&format!("={byte:02X}"));
            }
        }
    }
    words.iter().map(|word| format!("=?utf-8?q?{word}?=")).collect::<Vec<_>>().join("\r\n ")
}

/// What stands below the headers.
enum Content {
    Single(SinglePart),
    Multi(MultiPart),
}

fn content(outgoing: &Outgoing) -> Result<Content, WriteError> {
    let plain = SinglePart::plain(outgoing.text.clone());
    let readable = if outgoing.html.is_empty() {
        Content::Single(plain)
    } else {
        let both = MultiPart::alternative().boundary(boundary(outgoing, "alternative"));
        Content::Multi(both.singlepart(plain).singlepart(SinglePart::html(outgoing.html.clone())))
    };
    if outgoing.attachments.is_empty() {
        return Ok(readable);
    }
    let mixed = MultiPart::mixed().boundary(boundary(outgoing, "mixed"));
    let mut mixed = match readable {
        Content::Single(part) => mixed.singlepart(part),
        Content::Multi(part) => mixed.multipart(part),
    };
    for file in &outgoing.attachments {
        mixed = mixed.singlepart(attached(file)?);
    }
    Ok(Content::Multi(mixed))
}

/// Returns a boundary that is a function of the answer and stands nowhere in its texts.
fn boundary(outgoing: &Outgoing, kind: &str) -> String {
    let mut boundary = format!("{kind}:{}", outgoing.key);
    loop {
        boundary = format!("=_{}", &sha256_hex(boundary.as_bytes())[..32]);
        if !outgoing.text.contains(&boundary) && !outgoing.html.contains(&boundary) {
            return boundary;
        }
    }
}

fn attached(file: &Attachment) -> Result<SinglePart, WriteError> {
    let wrong = || WriteError::AttachmentName(text::one_line(&file.name, 200));
    let plain = !file.name.is_empty()
        && file.name.len() <= 200
        && !file.name.contains(['/', '\\', '"', '\n', '\t'])
        && text::is_visible(&file.name);
    if !plain {
        return Err(wrong());
    }
    let body = Body::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64);
    let body = body.map_err(|_| wrong())?;
    Ok(Attached::new(file.name.clone()).body(body, kind(&file.name)))
}

/// Returns the media type of well-known file names; any other file is bytes.
fn kind(name: &str) -> ContentType {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let kind = match extension.as_deref() {
        Some("csv") => "text/csv; charset=utf-8",
        Some("gif") => "image/gif",
        Some("ics") => "text/calendar; charset=utf-8",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("txt" | "md" | "patch" | "diff") => "text/plain; charset=utf-8",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    };
    ContentType::parse(kind).unwrap_or(header::ContentType::TEXT_PLAIN)
}

fn has_bare_control(text: &str) -> bool {
    text.contains('\0') || text.replace("\r\n", "").contains('\r')
}

/// Checks the finished bytes, whoever wrote them: ASCII lines, our headers, each once, no other.
fn check_wire(bytes: &[u8]) -> Result<(), WriteError> {
    let wrong = |what: &str| Err(WriteError::Malformed(what.to_owned()));
    if bytes.len() > MAIL_BYTES_MAX {
        return Err(WriteError::TooLarge { bytes: bytes.len() });
    }
    if !bytes.is_ascii() || bytes.contains(&0) {
        return wrong("it has bytes that are not ASCII");
    }
    let Some(lines) = bytes.strip_suffix(b"\r\n") else { return wrong("its last line has no end") };
    let mut head = true;
    let mut names: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(lines).split("\r\n") {
        if line.contains(['\r', '\n']) {
            return wrong("it has a carriage return or a line feed alone");
        }
        if line.len() > LINE_BYTES_MAX {
            return wrong("it has a line of more than 998 bytes");
        }
        head = head && !line.is_empty();
        if head && !line.starts_with([' ', '\t']) {
            names.push(line.split(':').next().unwrap_or_default().to_owned());
        }
    }
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
    if twice || !names.iter().all(|name| HEADERS.contains(&name.as_str())) {
        return wrong("it has a header twice, or one that is not ours");
    }
    Ok(())
}

/// The headers that a mail of ours has.
const HEADERS: [&str; 11] = [
    "Cc",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "In-Reply-To",
    "MIME-Version",
    "Message-ID",
    "References",
    "Subject",
    "To",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::mail::read::read;
    use crate::connector::mail::tests::outgoing;

    fn text(outgoing: &Outgoing) -> String {
        String::from_utf8(write(outgoing).unwrap()).unwrap()
    }

    #[test]
    fn the_same_answer_always_gives_the_same_bytes() {
        let mut outgoing = outgoing();
        outgoing.attachments = vec![Attachment { name: "a.pdf".to_owned(), bytes: vec![0, 13, 255] }];
        assert_eq!(write(&outgoing), write(&outgoing));
        insta::assert_snapshot!(text(&outgoing).replace("\r\n", "\n"), @r#"
        From: "Sam Hill" <sam@example.com>
        Date: Fri, 20 Nov 2026 12:52:07 +0100
        To: "Ada Brown" <ada@example.org>
        Subject: Re: Invoice for October
        Message-ID: <vgpjkzkk.1.3f9c2a71@example.com>
        In-Reply-To: <1@example.org>
        References: <1@example.org>
        MIME-Version: 1.0
        Content-Type: multipart/mixed; boundary="=_aa684e4e008293e0f17df331f6777859"

        --=_aa684e4e008293e0f17df331f6777859
        Content-Type: multipart/alternative;
         boundary="=_455f4986bae318b61835232dc5cbc401"

        --=_455f4986bae318b61835232dc5cbc401
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Hello Ada,

        it is in the portal.

        --=_455f4986bae318b61835232dc5cbc401
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: 7bit

        <p>Hello Ada,</p>
        <p>it is in the portal.</p>

        --=_455f4986bae318b61835232dc5cbc401--
        --=_aa684e4e008293e0f17df331f6777859
        Content-Disposition: attachment; filename="a.pdf"
        Content-Type: application/pdf
        Content-Transfer-Encoding: base64

        AA3/
        --=_aa684e4e008293e0f17df331f6777859--
        "#);
    }

    #[test]
    fn the_date_is_the_claim_s_with_its_offset() {
        assert!(text(&outgoing()).contains("Date: Fri, 20 Nov 2026 12:52:07 +0100\r\n"));
        let mut ancient = outgoing();
        ancient.date = "1901-01-01T00:00:00+00:00[UTC]".parse().unwrap();
        assert!(text(&ancient).contains("Date: Tue, 1 Jan 1901 00:00:00 +0000\r\n"));
    }

    #[test]
    fn no_field_can_add_a_header() {
        let hostile = "x\r\nBcc: evil@example.net\r\n\r\nbody";
        let odd = |change: &dyn Fn(&mut Outgoing)| {
            let mut outgoing = outgoing();
            change(&mut outgoing);
            write(&outgoing)
        };
        let bad = Address { name: String::new(), email: hostile.to_owned() };
        let named = Address { name: hostile.to_owned(), email: "a@example.org".to_owned() };
        for address in [bad, named] {
            assert!(matches!(odd(&|o| o.from = address.clone()), Err(WriteError::Address { .. })));
            assert!(matches!(odd(&|o| o.to = vec![address.clone()]), Err(WriteError::Address { .. })));
            assert!(matches!(odd(&|o| o.cc = vec![address.clone()]), Err(WriteError::Address { .. })));
        }
        assert_eq!(odd(&|o| o.subject = hostile.to_owned()), Err(WriteError::Subject));
        assert!(matches!(odd(&|o| o.message_id = hostile.to_owned()), Err(WriteError::MessageId { .. })));
        assert!(matches!(
            odd(&|o| o.in_reply_to = Some(format!("<{hostile}>"))),
            Err(WriteError::MessageId { .. })
        ));
        let name = Attachment { name: hostile.to_owned(), bytes: Vec::new() };
        assert!(matches!(odd(&|o| o.attachments = vec![name.clone()]), Err(WriteError::AttachmentName(_))));
        let references = odd(&|o| o.references = vec![format!("<{hostile}>"), "<a@b>".to_owned()]).unwrap();
        assert!(String::from_utf8(references).unwrap().contains("References: <a@b>\r\n"));
        assert_eq!(odd(&|o| o.text = "a\rb".to_owned()), Err(WriteError::BareControl("text")));
        assert_eq!(odd(&|o| o.html = "a\0b".to_owned()), Err(WriteError::BareControl("HTML")));
    }

    #[test]
    fn odd_addresses_are_refused_by_name() {
        for email in ["planner", "a@b@c", "a@b..c", "a@pаypal.com", "a,b@c.d", "@x", "x@", "-"] {
            let mut outgoing = outgoing();
            outgoing.to = vec![Address { name: String::new(), email: email.to_owned() }];
            let error = write(&outgoing).unwrap_err();
            assert!(error.to_string().contains(&format!("`{email}`")), "{error}");
        }
        let mut nobody = outgoing();
        nobody.to.clear();
        assert_eq!(write(&nobody), Err(WriteError::NoRecipient));
    }

    #[test]
    fn a_subject_is_shown_as_it_was_approved() {
        for subject in ["=?utf-8?q?hi=0D=0ABcc:_x?=", &"long".repeat(90), "Grüße, 世界", "", "  two  spaces"]
        {
            let mut outgoing = outgoing();
            outgoing.subject = subject.to_owned();
            let message = read("mail", &write(&outgoing).unwrap()).unwrap();
            assert_eq!(message.subject, text::one_line(subject, 400));
        }
    }

    #[test]
    fn a_long_thread_keeps_its_beginning_and_its_end() {
        let mut outgoing = outgoing();
        outgoing.references = (0..300).map(|n| format!("<{n}@example.org>")).collect();
        let message = read("mail", &write(&outgoing).unwrap()).unwrap();
        assert_eq!(message.references.len(), REFERENCES_MAX);
        assert_eq!(message.references[0], "<0@example.org>");
        assert_eq!(message.references[19], "<299@example.org>");
    }

    #[test]
    fn a_text_cannot_end_its_part() {
        let mut outgoing = outgoing();
        outgoing.text = format!("--{0}--\n--{0}\n\nhi", boundary(&outgoing, "alternative"));
        let message = read("mail", &write(&outgoing).unwrap()).unwrap();
        assert_eq!(message.body, outgoing.text);
    }

    #[test]
    fn a_hundred_recipients_are_a_hundred_lines() {
        let mut outgoing = outgoing();
        outgoing.cc = (0..100).map(|n| Address::new("", &format!("someone-{n}@example.org"))).collect();
        let message = read("mail", &write(&outgoing).unwrap()).unwrap();
        assert_eq!(message.cc, outgoing.cc);
    }

    #[test]
    fn every_recipient_is_served_once() {
        let mut outgoing = outgoing();
        outgoing.cc = vec![Address::new("", "ADA@example.org"), Address::new("", "b@example.org")];
        assert_eq!(recipients(&outgoing), ["ada@example.org", "b@example.org"]);
    }
}
