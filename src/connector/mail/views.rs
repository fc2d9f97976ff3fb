//! Reads a finished mail as its receiver will: every header and every part, decoded.
//!
//! It is for looking at what leaves, after the last encoding and before the first byte goes.

use mail_parser::decoders::html::html_to_text;
use mail_parser::{MessageParser, MimeHeaders, PartType};

use crate::guard::View;

/// Returns what a receiver reads in a mail of ours; nothing where the bytes are no mail.
pub fn views(mail: &[u8]) -> Option<Vec<View>> {
    let parsed = MessageParser::default().parse(mail)?;
    let mut views = vec![View::prose("the subject", parsed.subject().unwrap_or_default())];
    let people = [parsed.to(), parsed.cc(), parsed.from()];
    let people = people.into_iter().flatten().flat_map(|list| list.iter().cloned().collect::<Vec<_>>());
    let people = people
        .map(|one| format!("{} <{}>", one.name().unwrap_or_default(), one.address().unwrap_or_default()));
    views.push(View::prose("the recipients", people.collect::<Vec<_>>().join(", ")));
    let mut attachments = 0;
    for part in &parsed.parts {
        let name = part.attachment_name();
        attachments += usize::from(name.is_some());
        // By number: where something was found is told and noted, and a name may be the secret itself.
        let place = |what: &str| match name {
            Some(_) => format!("attachment {attachments}"),
            None => what.to_owned(),
        };
        match &part.body {
            PartType::Text(text) => views.push(View::prose(place("the text"), text.replace("\r\n", "\n"))),
            // What marks and entities spell out counts, and what stands in links does.
            PartType::Html(html) => {
                views.push(View::prose(place("the HTML"), html_to_text(html)));
                views.push(View { is_prose: false, ..View::prose(place("the HTML"), html.as_ref()) });
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                views.push(View::bytes(place("an attachment"), bytes));
            }
            PartType::Message(nested) => views.push(View::bytes(place("an attachment"), &nested.raw_message)),
            PartType::Multipart(_) => {}
        }
        views.extend(name.map(|name| View::prose("the name of an attachment", name)));
    }
    let head = mail.windows(4).position(|end| end == b"\r\n\r\n").map_or(mail, |end| &mail[..end]);
    let unfolded = String::from_utf8_lossy(head).replace("\r\n ", " ").replace("\r\n\t", " ");
    views.push(View { is_prose: false, ..View::prose("the headers", unfolded) });
    Some(views)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::mail::tests::outgoing;
    use crate::connector::mail::write::write;
    use crate::message::Address;
    use crate::outgoing::{Attachment, Outgoing};
    use crate::render::markdown_to_html;

    #[test]
    fn a_receiver_s_view_has_everything_decoded() {
        let text =
            "Grüße, and a long line that quoted-printable breaks somewhere before CANARY-1, as it does\n";
        let mail = Outgoing {
            subject: "Grüße CANARY-2".to_owned(),
            to: vec![Address::new("Zoë CANARY-3", "zoe@example.org")],
            text: text.to_owned(),
            html: markdown_to_html("CANA<b></b>RY-4 and &#67;ANARY-5 [x](https://example.org/CANARY-6)"),
            attachments: vec![Attachment { name: "CANARY-7.txt".to_owned(), bytes: b"a CANARY-8".to_vec() }],
            ..outgoing()
        };
        let bytes = write(&mail).unwrap();
        let views = views(&bytes).unwrap();
        let place = |canary: &str| -> String {
            let found = views.iter().find(|view| view.text.contains(canary));
            found.map(|view| view.place.clone()).unwrap_or_default()
        };
        let expected = [
            ("CANARY-1", "the text"),
            ("CANARY-2", "the subject"),
            ("CANARY-3", "the recipients"),
            ("CANARY-5", "the HTML"),
            ("CANARY-6", "the HTML"),
            ("CANARY-7", "the name of an attachment"),
            ("CANARY-8", "attachment 1"),
        ];
        for (canary, expected) in expected {
            assert_eq!(place(canary), expected, "{canary}");
        }
        assert!(!String::from_utf8_lossy(&bytes).contains("CANARY-8"), "it was encoded");
    }

    #[test]
    fn no_place_has_the_name_of_an_attachment() {
        let attachment = |name: &str| Attachment { name: name.to_owned(), bytes: b"plain".to_vec() };
        let attachments = vec![attachment("first.txt"), attachment("CANARY-9.txt")];
        let views = views(&write(&Outgoing { attachments, ..outgoing() }).unwrap()).unwrap();
        assert!(views.iter().any(|view| view.place == "attachment 2"));
        assert!(views.iter().any(|view| view.text.contains("CANARY-9")), "it is looked at");
        assert!(!views.iter().any(|view| view.place.contains("CANARY-9")), "it is not told");
    }
}
