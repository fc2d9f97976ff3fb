//! Finds what a person would read in a mail: its text, and the names of what was attached.
//!
//! Transfer encodings are undone here and not by the parser: the parser would also unpack messages
//! within messages, and one that is nested a hundred thousand deep would overflow its stack. What is
//! attached, a forwarded message too, is named and never opened.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode_char;
use mail_parser::{HeaderName, Message, MessagePart, MimeHeaders, PartType};

use crate::connector::mail::html;
use crate::text;

/// Bytes of the canonical text; what goes beyond is cut, and the text says so.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Attachments that are named; a message has at most as many parts anyway.
pub const ATTACHMENTS_MAX: usize = 64;

/// Characters of an attachment's name.
const ATTACHMENT_NAME_CHARS_MAX: usize = 120;

/// Bytes kept free for the line that says that the text was cut.
const CUT_LINE_BYTES_MAX: usize = 128;

/// What may be left out at the end of a text: white space that hides nothing.
pub const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Distinct words of the plain text that an HTML part must have for the two to be compared.
const COMPARED_WORDS_MIN: usize = 8;

/// The readable text of a mail.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The text: lines end in `\n`, nothing is hidden, at most [`TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// What a person should know about it.
    pub findings: Vec<String>,
}

/// Returns the readable text of a parsed mail; `raw` are the bytes that it was parsed from.
pub fn body(mail: &Message<'_>, raw: &[u8]) -> Body {
    let mut findings = Vec::new();
    let preferred = texts(mail, raw, &mail.text_body);
    let html = texts(mail, raw, &mail.html_body);
    let blank = preferred.iter().all(|part| part.text.trim_matches(SPACE).is_empty());
    let chosen = if blank { &html } else { &preferred };
    let text = chosen.iter().map(|part| part.text.trim_end_matches(SPACE)).collect::<Vec<_>>().join("\n\n");
    let (cut, was_cut) = text::bounded(&text, TEXT_BYTES_MAX);
    let text = text::visible(cut).trim_matches('\n').to_owned();
    if !text.is_empty() && chosen.iter().all(|part| part.html || part.text.trim_matches(SPACE).is_empty()) {
        findings.push("HTML only".to_owned());
    }
    if !blank && says_something_else(&preferred, &html) {
        findings.push("the HTML part says something else than the plain text".to_owned());
    }
    if chosen.iter().any(|part| part.hides) {
        findings.push("has text that HTML hides".to_owned());
    }
    if html.iter().any(|part| part.disguised) {
        findings.push("a link names another place than it leads to".to_owned());
    }
    if chosen.iter().any(|part| part.guessed) {
        findings.push("the character set was guessed".to_owned());
    }
    if cut.chars().any(|c| c != '\r' && text::is_hidden(c)) {
        findings.push("has hidden characters".to_owned());
    }
    if is_encrypted(mail) {
        findings.push("is encrypted".to_owned());
    } else if text.is_empty() {
        findings.push("has no text".to_owned());
    }
    let (text, cut_again) = cut_to_limit(text);
    if was_cut || cut_again {
        findings.push("text was cut at 256 KiB".to_owned());
    }
    let text = if was_cut && !cut_again { with_cut_line(&text) } else { text };
    Body { text, findings }
}

/// Returns the names of what was attached, each one visible line.
pub fn attachments(mail: &Message<'_>) -> Vec<String> {
    mail.attachments().take(ATTACHMENTS_MAX).map(attachment_name).collect()
}

/// Counts the parts of a mail, those of attached messages included.
pub fn count_parts(mail: &Message<'_>) -> usize {
    let mut count = 0;
    let mut messages = vec![mail];
    while let Some(message) = messages.pop() {
        count += message.parts.len();
        messages.extend(message.parts.iter().filter_map(|part| match &part.body {
            PartType::Message(nested) => Some(nested),
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Multipart(_) => None,
        }));
    }
    count
}

/// One part as text.
struct Text {
    text: String,
    html: bool,
    guessed: bool,
    /// Something in it cannot be seen.
    hides: bool,
    /// A link's text names another place than the one that it leads to.
    disguised: bool,
}

fn texts(mail: &Message<'_>, raw: &[u8], ids: &[u32]) -> Vec<Text> {
    ids.iter().filter_map(|&id| mail.part(id)).filter_map(|part| readable(part, raw)).collect()
}

fn readable(part: &MessagePart<'_>, raw: &[u8]) -> Option<Text> {
    let html = match part.body {
        PartType::Text(_) => false,
        PartType::Html(_) => true,
        PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) | PartType::Multipart(_) => {
            return None;
        }
    };
    let range = part.raw_body_offset() as usize..part.raw_end_offset() as usize;
    let bytes = transfer_decoded(part, raw, raw.get(range).unwrap_or_default());
    let charset = part.content_type().and_then(|kind| kind.attribute("charset"));
    let (text, guessed) = charset_decoded(&bytes, charset);
    if !html {
        return Some(Text { text, html, guessed, hides: false, disguised: false });
    }
    let seen = html::seen(&text);
    let text = without_blank_runs(&seen.text);
    Some(Text { text, html, guessed, hides: seen.hidden > 0, disguised: seen.disguised })
}

/// Undoes the transfer encoding; what is broken stays as it is, so that a person can see it.
fn transfer_decoded(part: &MessagePart<'_>, raw: &[u8], bytes: &[u8]) -> Vec<u8> {
    let header = part.headers.iter().rfind(|header| header.name == HeaderName::ContentTransferEncoding);
    let value = header
        .and_then(|header| raw.get(header.offset_start as usize..header.offset_end as usize))
        .map(|value| String::from_utf8_lossy(value).trim().to_ascii_lowercase())
        .unwrap_or_default();
    match value.as_str() {
        "base64" => base64_decoded(bytes),
        "quoted-printable" => quoted_printable_decoded(bytes),
        _ => bytes.to_vec(),
    }
}

/// Decodes the lines of base64, and keeps what follows them: mailing lists add their footers there.
fn base64_decoded(bytes: &[u8]) -> Vec<u8> {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || b"+/= \t\r\n".contains(&byte);
    let mut end = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if !line.iter().all(|&byte| is_code(byte)) {
            break;
        }
        end += line.len();
    }
    let Some(mut decoded) = base64_decode(&bytes[..end]) else { return bytes.to_vec() };
    decoded.extend_from_slice(&bytes[end..]);
    decoded
}

/// Decodes quoted-printable, and keeps an `=` that stands for nothing, as RFC 2045 advises.
fn quoted_printable_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let content = line.trim_ascii_end();
        let (content, soft) = match content.strip_suffix(b"=") {
            Some(content) if line.ends_with(b"\n") => (content, true),
            Some(_) | None => (content, false),
        };
        let mut rest = content;
        while let Some((&byte, after)) = rest.split_first() {
            let code = match after {
                [first, second, ..] if byte == b'=' => quoted_printable_decode_char(*first, *second),
                _ => None,
            };
            decoded.push(code.unwrap_or(byte));
            rest = if code.is_some() { &after[2..] } else { after };
        }
        if !soft && line.ends_with(b"\n") {
            decoded.push(b'\n');
        }
    }
    decoded
}

/// Returns the text, and whether its character set had to be guessed.
fn charset_decoded(bytes: &[u8], charset: Option<&str>) -> (String, bool) {
    let named = charset.and_then(|name| charset_decoder(name.trim().as_bytes()));
    match (named, std::str::from_utf8(bytes)) {
        (Some(decoder), _) => (decoder(bytes), false),
        (None, Ok(text)) => (text.to_owned(), false),
        (None, Err(_)) => match charset_decoder(b"windows-1252") {
            Some(decoder) => (decoder(bytes), true),
            None => (String::from_utf8_lossy(bytes).into_owned(), true),
        },
    }
}

/// Tells whether hardly any word of the plain text stands in the HTML beside it.
fn says_something_else(plain: &[Text], html: &[Text]) -> bool {
    if plain.iter().any(|part| part.html) || !html.iter().any(|part| part.html) {
        return false;
    }
    let (ours, theirs) = (words(plain), words(html));
    let shared = ours.intersection(&theirs).count();
    ours.len() >= COMPARED_WORDS_MIN && shared * 4 < ours.len()
}

fn words(parts: &[Text]) -> std::collections::BTreeSet<String> {
    parts
        .iter()
        .flat_map(|part| text::bounded(&part.text, TEXT_BYTES_MAX).0.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.chars().count() >= 4)
        .map(str::to_lowercase)
        .collect()
}

fn is_encrypted(mail: &Message<'_>) -> bool {
    let Some(kind) = mail.content_type() else { return false };
    let subtype = kind.subtype().unwrap_or_default();
    let envelops = !kind.attribute("smime-type").is_some_and(|t| t.eq_ignore_ascii_case("signed-data"));
    subtype.eq_ignore_ascii_case("encrypted")
        || (subtype.to_ascii_lowercase().ends_with("pkcs7-mime") && envelops)
}

/// Cuts text that grew past the limit, because hidden characters became marks.
fn cut_to_limit(text: String) -> (String, bool) {
    if text.len() <= TEXT_BYTES_MAX {
        return (text, false);
    }
    (with_cut_line(&text), true)
}

fn with_cut_line(text: &str) -> String {
    let (kept, _) = text::bounded(text, TEXT_BYTES_MAX - CUT_LINE_BYTES_MAX);
    text::visible(&format!("{kept}\n\n[cut here: the message is longer than 256 KiB]"))
}

fn without_blank_runs(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines().map(|line| line.trim_end_matches(SPACE)) {
        if !line.is_empty() || kept.last().is_some_and(|before| !before.is_empty()) {
            kept.push(line);
        }
    }
    kept.join("\n")
}

fn attachment_name(part: &MessagePart<'_>) -> String {
    let name = text::one_line(part.attachment_name().unwrap_or_default(), ATTACHMENT_NAME_CHARS_MAX);
    if !name.is_empty() {
        return name;
    }
    let Some(kind) = part.content_type() else { return "unnamed".to_owned() };
    let kind = format!("unnamed {}/{}", kind.ctype(), kind.subtype().unwrap_or("unknown"));
    text::one_line(&kind, ATTACHMENT_NAME_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::mail::read::read;

    fn check(encoding: &str, content: &str) -> String {
        let mail = format!("From: ada@example.org\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{content}");
        read("mail", mail.as_bytes()).unwrap().body
    }

    #[test]
    fn broken_encodings_are_decoded_as_far_as_they_go() {
        assert_eq!(
            check("quoted-printable", "Gr=C3=BC=C3=\r\n=9Fe, a=b, 1=, ==41 =  \r\nend="),
            "Grüße, a=b, 1=, =A end="
        );
        assert_eq!(check("BASE64", "SGVs\r\nbG8=\r\n"), "Hello");
        assert_eq!(check("base64", "SGVsbG8K\r\n-- \r\nthe list's footer"), "Hello\n-- \nthe list's footer");
        assert_eq!(check("x-unknown", "=41"), "=41");
    }

    #[test]
    fn a_character_set_that_is_not_named_is_guessed() {
        let mail = b"From: ada@example.org\r\n\r\nGr\xfc\xdfe";
        let message = read("mail", mail).unwrap();
        assert_eq!(message.body, "Grüße");
        assert!(message.findings.contains(&"the character set was guessed".to_owned()));
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let head = "From: ada@example.org\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
        let line = "[cut here: the message is longer than 256 KiB]";
        for (letter, cut) in
            [("x", false), ("\u{200b}", true), ("ä\u{7}", true), ("👩\u{200d}", true), ("\u{7}x", true)]
        {
            let message = read("mail", format!("{head}{}", letter.repeat(200_000)).as_bytes()).unwrap();
            assert!(message.body.len() <= TEXT_BYTES_MAX);
            assert!(text::is_visible(&message.body));
            assert_eq!(message.body.ends_with(line), cut, "{letter:?}");
            assert_eq!(message.findings.contains(&"text was cut at 256 KiB".to_owned()), cut);
        }
    }

    #[test]
    fn an_empty_plain_text_gives_way_to_the_html() {
        let mail = "From: ada@example.org\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
            --b\r\n\r\n \r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hello<br>there</p>\r\n--b--";
        let message = read("mail", mail.as_bytes()).unwrap();
        assert_eq!(message.body, "hello\nthere");
        assert!(message.findings.contains(&"HTML only".to_owned()));
    }

    #[test]
    fn two_texts_that_differ_are_a_finding() {
        let parts = |html: &str| {
            let plain = "Please find attached seven yellow bananas, hand picked yesterday morning.";
            let mail = format!(
                "From: ada@example.org\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
                 --b\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b--"
            );
            read("mail", mail.as_bytes())
                .unwrap()
                .findings
                .iter()
                .any(|finding| finding.contains("something else"))
        };
        assert!(parts("<p>Transfer the money today, thanks, your director</p>"));
        assert!(!parts("<p>Please find attached seven <b>yellow</b> bananas, picked yesterday.</p>"));
    }

    #[test]
    fn attached_messages_are_named_and_not_read() {
        let mail = "From: ada@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
            From: x@example.net\r\n\r\nsecret\r\n--b--";
        let message = read("mail", mail.as_bytes()).unwrap();
        assert_eq!(message.body, "see below");
        assert_eq!(message.attachments, ["unnamed message/rfc822"]);
    }
}
