//! What holds for reading and writing together.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::connector::mail::read::read;
use crate::connector::mail::write::{WriteError, write};
use crate::connector::mail::{body, message_id};
use crate::id::DraftId;
use crate::message::{Address, Message};
use crate::outgoing::{Attachment, Key, Outgoing};
use crate::text;

#[test]
fn an_id_is_taken_as_it_is_or_not_at_all() {
    assert_eq!(message_id(" a@b ").as_deref(), Some("<a@b>"));
    assert_eq!(message_id("<a@b>").as_deref(), Some("<a@b>"));
    for text in ["", "<>", "<a b@c>", "a\r\n@b", "<a\u{1b}@b>", "<a@b><c@d>", "ä@b", &"x".repeat(901)] {
        assert_eq!(message_id(text), None, "{text:?}");
    }
}

/// An answer as the tests of writers and transports need one.
pub fn outgoing() -> Outgoing {
    let key = Key::new(&DraftId::derive("<1@example.org>", 8), 1, "3f9c2a71");
    Outgoing {
        date: "2026-11-20T12:52:07+01:00[+01:00]".parse().unwrap(),
        message_id: format!("<{key}@example.com>"),
        key,
        thread: "<1@example.org>".to_owned(),
        answers: "<1@example.org>".to_owned(),
        in_reply_to: Some("<1@example.org>".to_owned()),
        references: vec!["<1@example.org>".to_owned()],
        from: Address::new("Sam Hill", "sam@example.com"),
        to: vec![Address::new("Ada Brown", "ada@example.org")],
        cc: Vec::new(),
        subject: "Re: Invoice for October".to_owned(),
        text: "Hello Ada,\n\nit is in the portal.\n".to_owned(),
        html: "<p>Hello Ada,</p>\n<p>it is in the portal.</p>\n".to_owned(),
        attachments: Vec::new(),
    }
}

fn same(outgoing: &Outgoing) -> Result<(), TestCaseError> {
    let bytes = write(outgoing).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let message: Message = read("mail", &bytes).map_err(|wrong| TestCaseError::fail(wrong.what))?;
    prop_assert_eq!(&message.from, &outgoing.from);
    prop_assert_eq!(&message.to, &outgoing.to);
    prop_assert_eq!(&message.cc, &outgoing.cc);
    prop_assert_eq!(message.subject, text::one_line(&outgoing.subject, 400));
    prop_assert_eq!(&message.id, &outgoing.message_id);
    prop_assert_eq!(&message.in_reply_to, &outgoing.in_reply_to);
    prop_assert_eq!(&message.references, &outgoing.references);
    let shown = text::visible(&outgoing.text);
    prop_assert_eq!(message.body, shown.trim_end_matches(body::SPACE).trim_matches('\n'));
    let names: Vec<&str> = outgoing.attachments.iter().map(|file| file.name.as_str()).collect();
    prop_assert_eq!(message.attachments, names);
    prop_assert_eq!(message.date.map(|date| date.timestamp()), Some(outgoing.date.timestamp()));
    Ok(())
}

prop_compose! {
    fn address()(name in "[^=<>\"\\p{C}]{0,40}", email in "[a-z0-9+_-]{1,20}@[a-z]{1,10}\\.example") -> Address {
        Address::new(&name, &email)
    }
}

proptest! {
    #[test]
    fn what_was_written_reads_back(
        to in proptest::collection::vec(address(), 1..5),
        cc in proptest::collection::vec(address(), 0..3),
        subject in "\\PC{0,120}",
        text in "([^\\x00\\r]|\\PC| |\\n|\\.){0,400}",
        ids in proptest::collection::vec("<[!-;=?-~]{1,40}@[a-z.]{1,20}>", 0..6),
        html in "(<p>\\PC{0,40}</p>)?",
        name in "(\\PC{1,20}\\.pdf)?",
    ) {
        let mut outgoing = outgoing();
        outgoing.subject = text::one_line(&subject, 400);
        outgoing.to = to;
        outgoing.cc = cc;
        outgoing.text = text;
        outgoing.html = if outgoing.text.trim_matches(body::SPACE).is_empty() { String::new() } else { html };
        outgoing.in_reply_to = ids.last().cloned();
        outgoing.references = ids;
        let name = text::one_line(&name.replace(['/', '\\', '"'], ""), 100);
        if !name.is_empty() {
            outgoing.attachments.push(Attachment { name, bytes: vec![1, 2, 3] });
        }
        same(&outgoing)?;
    }
}

/// Reads every mail under `GIT_DRAFTS_CORPUS`, and writes an answer to each; says so if it skips.
#[test]
fn real_mail_is_read_and_answered() {
    let Some(corpus) = std::env::var_os("GIT_DRAFTS_CORPUS") else {
        eprintln!("skipped: GIT_DRAFTS_CORPUS names no folder of real mail");
        return;
    };
    let mut folders = vec![std::path::PathBuf::from(corpus)];
    let (mut read_count, mut unreadable, mut written) = (0, BTreeMap::new(), 0);
    let mut refused = BTreeMap::<String, usize>::new();
    let mut findings = BTreeMap::<String, usize>::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let message = match read("mail", &std::fs::read(entry.path()).unwrap()) {
                Ok(message) => message,
                Err(wrong) => {
                    *unreadable.entry(wrong.what).or_insert(0) += 1;
                    continue;
                }
            };
            read_count += 1;
            assert!(text::is_visible(&message.body) && message.body.len() <= 256 * 1024);
            for finding in &message.findings {
                *findings.entry(finding.clone()).or_default() += 1;
            }
            let mut answer = outgoing();
            answer.to = vec![message.from.clone()];
            answer.cc = message.cc.clone();
            answer.subject = message.subject.clone();
            answer.in_reply_to = Some(message.id.clone()).filter(|id| id.starts_with('<'));
            answer.references = message.references.iter().rev().take(20).rev().cloned().collect();
            answer.text = message.body.clone();
            answer.html.clear();
            match write(&answer) {
                Ok(_) => {
                    written += 1;
                    let same = same(&answer);
                    assert!(same.is_ok(), "{}: {same:?}", entry.path().display());
                }
                Err(WriteError::Address { why, .. }) => *refused.entry(why).or_default() += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    eprintln!("{read_count} read, {written} answered and read back; not answered: {refused:#?}");
    eprintln!("unreadable: {unreadable:#?}\nfindings: {findings:#?}");
}

/// The messages of `git drafts demo`.
const DEMO: [(&str, &[u8]); 15] = [
    ("01-where-is-my-invoice.eml", include_bytes!("../../../templates/demo/01-where-is-my-invoice.eml")),
    ("02-opening-hours.eml", include_bytes!("../../../templates/demo/02-opening-hours.eml")),
    ("03-lunch-on-tuesday.eml", include_bytes!("../../../templates/demo/03-lunch-on-tuesday.eml")),
    ("04-export-is-empty.eml", include_bytes!("../../../templates/demo/04-export-is-empty.eml")),
    (
        "05-export-is-empty-follow-up.eml",
        include_bytes!("../../../templates/demo/05-export-is-empty-follow-up.eml"),
    ),
    ("06-only-html.eml", include_bytes!("../../../templates/demo/06-only-html.eml")),
    ("07-old-charset.eml", include_bytes!("../../../templates/demo/07-old-charset.eml")),
    ("08-newsletter.eml", include_bytes!("../../../templates/demo/08-newsletter.eml")),
    ("09-out-of-office.eml", include_bytes!("../../../templates/demo/09-out-of-office.eml")),
    ("10-with-an-attachment.eml", include_bytes!("../../../templates/demo/10-with-an-attachment.eml")),
    (
        "11-instructions-for-the-assistant.eml",
        include_bytes!("../../../templates/demo/11-instructions-for-the-assistant.eml"),
    ),
    ("12-password-inside.eml", include_bytes!("../../../templates/demo/12-password-inside.eml")),
    ("13-the-same-again.eml", include_bytes!("../../../templates/demo/13-the-same-again.eml")),
    ("14-hostile-subject.eml", include_bytes!("../../../templates/demo/14-hostile-subject.eml")),
    ("15-deploy-on-friday.eml", include_bytes!("../../../templates/demo/15-deploy-on-friday.eml")),
];

#[test]
fn every_message_of_the_demo_can_be_read() {
    let mut shown = String::new();
    for (name, bytes) in DEMO {
        let message = read("mail", bytes).map_err(|wrong| wrong.what).expect(name);
        let first = message.body.lines().find(|line| !line.is_empty()).unwrap_or_default();
        shown.push_str(&format!("{name}\n  {} | {} | {first}\n", message.from, message.subject));
        let notes = message.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        for note in notes.chain(message.attachments).chain(message.findings) {
            shown.push_str(&format!("  ({note})\n"));
        }
    }
    insta::assert_snapshot!(shown, @r#"
    01-where-is-my-invoice.eml
      Ada Brown <ada@harbour.example> | Invoice for October | Hello Sam,
    02-opening-hours.eml
      Kim Lee <kim.lee@example.org> | When can I call you? | Hi,
    03-lunch-on-tuesday.eml
      Jonas Weber <jonas@example.net> | Lunch on Tuesday? | Hi Sam,
    04-export-is-empty.eml
      Priya Nair <priya.nair@millstone.example> | The CSV export is empty | Hello,
    05-export-is-empty-follow-up.eml
      Priya Nair <priya.nair@millstone.example> | Re: The CSV export is empty | One more thing: with "All time" instead of "This month" the rows are there.
    06-only-html.eml
      Rosa Marin <rosa@larkfield.example> | Quote for 40 seats | Dear Sam,
      (HTML only)
    07-old-charset.eml
      Jürgen Müller <juergen@alpen.example> | Schöne Grüße und eine Frage | Grüß Gott,
    08-newsletter.eml
      Garden Weekly <news@gardenweekly.example> | Garden Weekly 48: what to do before the frost | Good morning, gardeners!
      (list-id: Garden Weekly <weekly.gardenweekly.example>)
      (list-unsubscribe: <https://gardenweekly.example/leave>, <mailto:leave@gardenweekly.example>)
      (list-unsubscribe-post: List-Unsubscribe=One-Click)
      (precedence: bulk)
    09-out-of-office.eml
      Eva Lind <eva.lind@harbour.example> | Automatic reply: Your order 3311 | I am away until Monday, 30 November, and read no mail. In urgent cases please
      (auto-submitted: auto-replied)
      (x-auto-response-suppress: All)
    10-with-an-attachment.eml
      Oskar Nyman <oskar@example.org> | Meter readings | Hello Sam,
      (readings.csv)
    11-instructions-for-the-assistant.eml
      Partner Desk <desk@partner-desk.example> | Partner verification, action needed today | Dear team,
      (reply goes to another domain than the sender's)
    12-password-inside.eml
      Lena Park <lena@pinewood.example> | Access to our test system | Hi Sam,
    13-the-same-again.eml
      Ada Brown <ada@harbour.example> | Invoice for October | Hello Sam,
    14-hostile-subject.eml
      M. Allory <m.allory@example.net> | +++ [hidden: U+001B][2J[hidden: U+001B][31mAPPROVED[hidden: U+001B][0m Bcc: everyone@example.net +++ invoice[hidden: U+202E]fdp.exe[hidden: U+202C] | +++
      (has hidden characters)
    15-deploy-on-friday.eml
      Acme Operations <ops@acme.example> | Deploy window on Friday | Hi Sam,
    "#);
}

#[test]
fn the_demo_has_one_duplicate_and_one_thread() {
    let message = |at: usize| read("mail", DEMO[at - 1].1).unwrap();
    assert_eq!((message(1).id, message(1).digest()), (message(13).id, message(13).digest()));
    assert_eq!(message(4).thread, message(5).thread);
    assert_ne!(message(4).id, message(5).id);
}
