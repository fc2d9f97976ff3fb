//! A day's mail at once, on connections that break: `GIT_DRAFTS_MAIL=500 cargo test --release --test mail long
//! -- --nocapture`; without it a few messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Instant;

use crate::cut::{Cut, Proxy};
use crate::servers::{PASSWORD, Servers};
use crate::story::wiring;
use crate::support::desk::{Desk, SAM};
use crate::support::mail::Mail;

/// How many messages there are where nobody says otherwise.
const MESSAGES: usize = 20;

#[test]
fn every_approved_answer_arrives_once_in_its_thread_while_ten_connections_break() {
    let Some(servers) = Servers::start() else { return };
    let count =
        std::env::var("GIT_DRAFTS_MAIL").ok().and_then(|count| count.parse().ok()).unwrap_or(MESSAGES);
    for number in 1..=count {
        let (subject, headers) = (
            format!("where is my invoice {number}?"),
            format!("References: <thread-{number}@example.org>\n"),
        );
        let mail =
            Mail { subject: &subject, body: "where is my invoice?\n", headers: &headers, ..Mail::default() };
        servers.put("sam", "INBOX", &format!("{number:04}.mail"), &mail.write(number, SAM));
    }
    let (imap, smtp) = (Proxy::start(servers.ports.imap), Proxy::start(servers.ports.smtp));
    let desk = Desk::unmade();
    desk.with("MAIL_PASSWORD", PASSWORD).write_wiring(&wiring(imap.port(), smtp.port()));
    desk.drafts(&["init"]).succeeds();
    let policy = fs::read_to_string(desk.path("drafts.toml")).unwrap();
    let policy = regex::Regex::new("(?m)^sends_per_hour_max = .*")
        .unwrap()
        .replace(&policy, "sends_per_hour_max = 100000");
    fs::write(desk.path("drafts.toml"), policy.as_ref()).unwrap();
    desk.commit_quietly("No limit for this proof");

    // Two ticks break in the middle of the inbox; the third brings all of it.
    imap.cut(Cut::FromServer(2_000), 0, 1).cut(Cut::FromServer(6_000), 0, 1);
    let begun = Instant::now();
    for _ in 0..2 {
        desk.drafts(&["tick"]).succeeds().says("is skipped");
        assert!(desk.files().is_empty());
    }
    desk.tick();
    println!("{count} messages drafted after two broken ticks: {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(desk.files().len(), count);
    for file in desk.files() {
        let text = fs::read_to_string(desk.path(&file)).unwrap();
        fs::write(desk.path(&file), text.replacen("status = \"draft\"", "status = \"approved\"", 1)).unwrap();
    }
    desk.commit_quietly("Yes to all of them");

    // Eight break while the answers go out: three of the source's, and of five of the server's one where the
    // mail has begun, and two where nobody can know.
    let part = count / 10;
    for times in [1, 3, 5] {
        imap.cut(Cut::Before("d"), 5 * times * part, 1);
    }
    smtp.cut(Cut::Before("MAIL"), part, 1)
        .cut(Cut::After("RCPT"), 3 * part, 1)
        .cut(Cut::After("DATA"), 5 * part, 1)
        .cut(Cut::AfterDot, 6 * part, 1)
        .cut(Cut::InAnswer(5), 8 * part, 1);
    let begun = Instant::now();
    let sent = desk.drafts(&["send", "--json"]).succeeds().out;
    let seconds = begun.elapsed().as_secs_f64();
    let events = |word: &str| sent.matches(&format!("\"event\":\"{word}\"")).count();
    println!(
        "{count} approved in one commit: {} sent, {} later, {} unsure in {seconds:.1} s, {:.1} a second",
        events("sent"),
        events("later"),
        events("unsure"),
        count as f64 / seconds
    );
    assert_eq!((events("sent"), events("later"), events("unsure")), (count - 3, 1, 2), "{sent}");
    assert_eq!((imap.cuts(), smtp.cuts()), (5, 5));
    println!("connections: {} to Dovecot, {} to Postfix; 10 cut", imap.connections(), smtp.connections());

    // What was later goes out; what is unsure does not, whatever the hour.
    for now in ["2026-11-20T12:30:00Z", "2026-11-20T13:30:00Z", "2026-11-22T13:30:00Z"] {
        desk.at(now).send();
    }
    let arrived = servers.wait_for("ada", "INBOX", count);
    servers.wait_until_delivered();
    let arrived = if arrived.len() == count { servers.mails("ada", "INBOX") } else { arrived };
    assert_eq!(arrived.len(), count);
    let ids: BTreeSet<String> = arrived.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), count, "a Message-ID is there twice");
    let answered: BTreeMap<String, (String, String)> = arrived
        .iter()
        .map(|mail| (mail.header("In-Reply-To"), (mail.header("References"), mail.header("Subject"))))
        .collect();
    for number in 1..=count {
        let question = format!("<mail-{number}@example.org>");
        let (references, subject) = &answered[&question];
        assert_eq!(*references, format!("<thread-{number}@example.org> {question}"));
        assert_eq!(*subject, format!("Re: where is my invoice {number}?"));
    }
    println!("{count} delivered once, each in its thread");

    // A person looks, and says so.
    let unsure = desk.drafts(&["list", "--porcelain"]).succeeds().out;
    let unsure: Vec<&str> = unsure.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(unsure.len(), 2, "{unsure:?}");
    for id in unsure {
        desk.drafts(&["resolve", id, "--sent"]).succeeds();
    }
    desk.send();
    assert!(desk.files().is_empty());
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), count);
    let marked = servers.mails("sam", "INBOX").iter().filter(|mail| mail.flags.contains('R')).count();
    println!("{marked} marked as answered, {} copies in Sent", servers.mails("sam", "Sent").len());
    assert_eq!((marked, servers.mails("sam", "Sent").len()), (count - 2, count - 2));
}
