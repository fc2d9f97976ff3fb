//! The whole way: a message on an IMAP server becomes a draft, a commit, and a mail that Postfix delivers.

use crate::cut::{Cut, Proxy};
use crate::servers::{PASSWORD, Servers};
use crate::support::desk::{Desk, SAM};
use crate::support::mail::Mail;

/// The wiring of a desk between both servers.
pub fn wiring(imap: u16, smtp: u16) -> String {
    format!(
        r#"version = 1

[desk]
path = "drafts"

[source.mail]
kind = "imap"
host = "localhost"
port = {imap}
tls = "none"
user = "sam"
password = {{ env = "MAIL_PASSWORD" }}
sent = "Sent"
address = ["Sam Hill <sam@example.com>"]
transport = "out"
timeout_seconds = 20

[transport.out]
kind = "smtp"
host = "localhost"
port = {smtp}
tls = "none"
user = "sam"
password = {{ env = "MAIL_PASSWORD" }}
timeout_seconds = 20

[limits]
messages_since = "all"
messages_per_tick_max = 10000
sends_per_hour_max = 100000

[notify]
enabled = false
"#
    )
}

fn desk(imap: u16, smtp: u16) -> Desk {
    let desk = Desk::unmade();
    desk.with("MAIL_PASSWORD", PASSWORD).write_wiring(&wiring(imap, smtp));
    desk.drafts(&["init"]).succeeds();
    desk
}

/// A desk without anything between it and the servers.
fn near(servers: &Servers) -> Desk {
    desk(servers.ports.imap, servers.ports.smtp)
}

fn ask(servers: &Servers, number: usize, headers: &str) {
    let mail =
        Mail { subject: "where is my invoice?", body: "where is my invoice?\n", headers, ..Mail::default() };
    servers.put("sam", "INBOX", &format!("{number:04}.mail"), &mail.write(number, SAM));
}

fn flags(servers: &Servers) -> Vec<String> {
    servers.mails("sam", "INBOX").into_iter().map(|mail| mail.flags).collect()
}

/// Nothing more has come to Ada than this.
#[track_caller]
fn assert_delivered(servers: &Servers, count: usize) {
    servers.wait_for("ada", "INBOX", count);
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), count);
}

#[test]
fn a_message_becomes_a_draft_a_commit_and_one_mail_in_its_thread() {
    let Some(servers) = Servers::start() else { return };
    ask(&servers, 1, "References: <before@example.org>\n");
    let desk = near(&servers);
    desk.tick();
    assert_eq!(flags(&servers), [""]);
    desk.approve("invoice").commit("yes");
    desk.said().succeeds().says("[sent]");
    let id = desk.git_says(&["log", "--format=%s", "ledger"]);
    assert!(id.contains("sent"), "{id}");

    let arrived = servers.wait_for("ada", "INBOX", 1);
    let mail = &arrived[0];
    assert_eq!(mail.header("In-Reply-To"), "<mail-1@example.org>");
    assert_eq!(mail.header("References"), "<before@example.org> <mail-1@example.org>");
    assert_eq!(mail.header("Subject"), "Re: where is my invoice?");
    assert_eq!(mail.header("From"), "\"Sam Hill\" <sam@example.com>");
    assert_eq!(mail.header("Return-Path"), "<sam@example.com>");
    assert_eq!(flags(&servers), ["RS"]);
    let sent = servers.mails("sam", "Sent");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].header("Message-ID"), mail.header("Message-ID"));

    desk.tick().send();
    assert_delivered(&servers, 1);
    assert_eq!(servers.mails("sam", "Sent").len(), 1);
}

#[test]
fn a_folder_that_was_made_anew_gives_no_second_draft() {
    let Some(servers) = Servers::start() else { return };
    ask(&servers, 1, "");
    let desk = near(&servers);
    desk.tick();
    let before = (servers.uid_validity("sam", "INBOX"), desk.state());
    // The number is a time in seconds.
    while servers.uid_validity("sam", "INBOX") == before.0 {
        servers.forget_numbers("sam", "INBOX");
        desk.tick();
    }
    assert_eq!(desk.state(), before.1);
    desk.approve("invoice").commit("yes");
    assert_delivered(&servers, 1);
    assert_eq!(flags(&servers), ["RS"]);
}

#[test]
fn reject_marks_the_message_as_read_and_not_as_answered() {
    let Some(servers) = Servers::start() else { return };
    let proxy = Proxy::start(servers.ports.imap);
    let desk = desk(proxy.port(), servers.ports.smtp);
    ask(&servers, 1, "");
    ask(&servers, 2, "");
    desk.tick();
    let ids: Vec<String> = desk.files().iter().map(|path| path[7..15].to_owned()).collect();
    desk.drafts(&["reject", &ids[0], "--commit", "-m", "no"]).succeeds();
    assert_eq!(flags(&servers), ["", ""]);
    // The server is away at first.
    proxy.cut(Cut::Refuse, 0, 1);
    desk.drafts(&["reject", &ids[1], "--read", "--commit", "-m", "spam"]).says("the next run tries again");
    desk.drafts(&["send"]).succeeds().says("[read]");
    let mut marked = flags(&servers);
    marked.sort();
    assert_eq!(marked, ["", "S"]);
    desk.tick();
    assert_eq!(desk.files(), [""; 0], "neither comes back");
}

#[test]
fn a_server_that_is_away_is_one_line_and_no_error() {
    let Some(servers) = Servers::start() else { return };
    let proxy = Proxy::start(servers.ports.imap);
    let desk = desk(proxy.port(), servers.ports.smtp);
    let port = proxy.port();
    drop(proxy);
    let said = desk.drafts(&["tick"]).succeeds();
    assert_eq!(
        said.err,
        format!(
            "warning: source `mail` is skipped: cannot reach localhost:{port}: Connection refused (os error 111)\n"
        )
    );
    assert_eq!(said.out, "");
}

#[test]
fn a_wrong_password_needs_a_person_and_is_not_shown() {
    let Some(servers) = Servers::start() else { return };
    let desk = near(&servers);
    desk.with("MAIL_PASSWORD", "wr0ng-pass");
    let said = desk.drafts(&["tick"]).fails(1).says("refuses the login of `sam`").says("app password");
    assert!(!said.err.contains("wr0ng-pass"), "{}", said.err);
    desk.drafts(&["check"]).says("submits mail to localhost:").says("reads INBOX at localhost:");
}

#[test]
fn an_answer_waits_while_the_mail_server_is_away_and_goes_out_once() {
    let Some(servers) = Servers::start() else { return };
    ask(&servers, 1, "");
    let proxy = Proxy::start(servers.ports.smtp);
    let desk = desk(servers.ports.imap, proxy.port());
    proxy.cut(Cut::Refuse, 0, 1).cut(Cut::After("DATA"), 0, 1);
    desk.tick().approve("invoice").commit("yes");
    desk.said().succeeds().says("[later]").says("no whole answer from localhost");
    desk.at("2026-11-20T12:20:00Z").drafts(&["send"]).succeeds().says("[later]");
    assert_delivered(&servers, 0);
    desk.at("2026-11-20T12:40:00Z").drafts(&["send"]).succeeds().says("[sent]");
    desk.at("2026-11-20T13:00:00Z").send();
    assert_delivered(&servers, 1);
}

#[test]
fn after_the_dot_without_an_answer_nothing_is_sent_again_and_a_person_decides() {
    let Some(servers) = Servers::start() else { return };
    ask(&servers, 1, "");
    let proxy = Proxy::start(servers.ports.smtp);
    let desk = desk(servers.ports.imap, proxy.port());
    proxy.cut(Cut::AfterDot, 0, 1);
    desk.tick().approve("invoice").commit("yes");
    desk.said().succeeds().says("[unsure]").says("no answer to the whole mail");
    assert_delivered(&servers, 1);
    for now in ["2026-11-20T12:20:00Z", "2026-11-20T13:20:00Z", "2026-11-21T13:20:00Z"] {
        desk.at(now).send();
    }
    assert_delivered(&servers, 1);
    let id = desk.id("invoice");
    assert_eq!(desk.story(&id), "drafted claimed sending unsure");
    desk.drafts(&["resolve", &id, "--sent"]).succeeds();
    desk.send();
    assert_delivered(&servers, 1);
}

#[test]
fn an_own_answer_or_a_newer_question_makes_a_draft_stale() {
    let Some(servers) = Servers::start() else { return };
    ask(&servers, 1, "");
    let desk = near(&servers);
    desk.tick().approve("invoice");
    let own = Mail { from: SAM, headers: "In-Reply-To: <mail-1@example.org>\n", ..Mail::default() };
    servers.put("sam", "Sent", "0002.mail", &own.write(2, "ada@example.org"));
    desk.commit("yes");
    desk.said().succeeds().says("[stale]").says("you wrote in the thread yourself");
    assert_delivered(&servers, 0);
    assert_eq!(flags(&servers), [""]);
}

#[test]
fn a_copy_that_cannot_be_kept_is_no_failure_of_the_answer() {
    let Some(servers) = Servers::start() else { return };
    ask(&servers, 1, "");
    let proxy = Proxy::start(servers.ports.imap);
    let desk = desk(proxy.port(), servers.ports.smtp);
    desk.tick().approve("invoice");
    // The connection breaks each time that something is to be written.
    for tag in 1..30 {
        for verb in ["SELECT", "APPEND"] {
            let line: &'static str = format!("d{tag} {verb}").leak();
            proxy.cut(Cut::Before(line), 0, 2);
        }
    }
    desk.commit("yes");
    desk.said().succeeds().says("[sent]").says("could not note that it is answered");
    desk.send();
    assert_delivered(&servers, 1);
    assert_eq!(servers.mails("sam", "Sent").len(), 0);
}
