//! What a mail server says or leaves unsaid, and what is known then.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use git_drafts::connector::link::{Login, Server, Tls};
use git_drafts::connector::mail::write::write;
use git_drafts::connector::smtp::Transport;
use git_drafts::id::DraftId;
use git_drafts::message::Address;
use git_drafts::outgoing::{Attachment, Key, Outcome, Outgoing};
use jiff::Timestamp;

use crate::cut::{Cut, Proxy};
use crate::run;
use crate::servers::{PASSWORD, Servers};

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn server(port: u16, tls: Tls, ca_file: Option<PathBuf>) -> Server {
    Server { host: "localhost".to_owned(), port, tls, ca_file, timeout: Duration::from_secs(20) }
}

fn transport(port: u16) -> Transport {
    Transport::new(server(port, Tls::None, None), Some(Login::new("sam", PASSWORD)))
}

fn outgoing(to: &[&str]) -> Outgoing {
    let id: DraftId = "kqzmwvst".parse().unwrap();
    let key = Key::new(&id, 1, "3f9c2a71");
    Outgoing {
        message_id: format!("<{key}@example.com>"),
        key,
        date: "2026-11-20T12:52:07+01:00[Europe/Berlin]".parse().unwrap(),
        thread: "<1@example.org>".to_owned(),
        answers: "<1@example.org>".to_owned(),
        in_reply_to: Some("<1@example.org>".to_owned()),
        references: vec!["<1@example.org>".to_owned()],
        from: Address::new("Sam Hill", "sam@example.com"),
        to: to.iter().map(|to| Address::new("", to)).collect(),
        cc: Vec::new(),
        subject: "Re: Invoice".to_owned(),
        text: "Hello Ada,\n\n.\n..\nit is in the portal.\n".to_owned(),
        html: String::new(),
        attachments: Vec::new(),
    }
}

fn to_ada() -> Outgoing {
    outgoing(&["ada@example.org"])
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered { receipt } => format!("delivered: {receipt}"),
        Outcome::Deferred { until, reason } => {
            assert_eq!(until.to_string(), "2026-11-20T12:15:00Z");
            format!("deferred: {reason}")
        }
        Outcome::Failed { reason } => format!("failed: {reason}"),
        Outcome::Unsure { reason } => format!("unsure: {reason}"),
    }
}

/// Prepares and sends, as a sender does.
fn send(transport: &Transport, outgoing: &Outgoing) -> String {
    run(async {
        let outcome = match transport.prepare(outgoing, now()).await {
            Ok(()) => transport.send(outgoing, now()).await,
            Err(outcome) => outcome,
        };
        transport.close().await;
        shown(&outcome)
    })
}

#[track_caller]
fn assert_says(outcome: &str, begins: &str, words: &str) {
    assert!(outcome.starts_with(begins) && outcome.contains(words), "{outcome:?} is not {begins} … {words}");
}

#[test]
fn a_mail_arrives_as_it_was_written_by_every_way() {
    let Some(servers) = Servers::start() else { return };
    let ports = servers.ports;
    for (port, tls) in [(ports.smtp, Tls::None), (ports.smtp, Tls::StartTls), (ports.smtps, Tls::Implicit)] {
        let server = server(port, tls, Some(servers.ca_file()));
        for login in [None, Some(Login::new("sam", PASSWORD))] {
            assert_says(
                &send(&Transport::new(server.clone(), login), &to_ada()),
                "delivered: 250 ",
                "queued",
            );
        }
    }
    let written = String::from_utf8(write(&to_ada()).unwrap()).unwrap().replace("\r\n", "\n");
    let arrived = servers.wait_for("ada", "INBOX", 6);
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), 6);
    for mail in &arrived {
        let bytes = String::from_utf8(mail.bytes.clone()).unwrap();
        assert!(bytes.ends_with(&written), "{bytes}");
        assert_eq!(mail.header("Return-Path"), "<sam@example.com>");
        assert!(!bytes.contains("Bcc"), "{bytes}");
    }
    let secret = arrived.iter().filter(|mail| mail.header("Received").contains("ESMTPSA"));
    assert_eq!(secret.count(), 2);
}

#[test]
fn a_certificate_that_nobody_vouches_for_lets_nothing_out() {
    let Some(servers) = Servers::start() else { return };
    let login = || Some(Login::new("sam", PASSWORD));
    for (port, tls) in [(servers.ports.smtp, Tls::StartTls), (servers.ports.smtps, Tls::Implicit)] {
        let outcome = send(&Transport::new(server(port, tls, None), login()), &to_ada());
        assert_says(&outcome, "deferred: ", "certificate");
        // The name on the certificate is another one.
        let elsewhere = Server { host: "127.0.0.1".to_owned(), ..server(port, tls, Some(servers.ca_file())) };
        assert_says(&send(&Transport::new(elsewhere, login()), &to_ada()), "deferred: ", "certificate");
        let none = server(port, tls, Some(servers.root().join("server.key")));
        assert_says(&send(&Transport::new(none, login()), &to_ada()), "deferred: ", "cannot be used");
    }
    let wrong_port = server(servers.ports.smtp, Tls::Implicit, Some(servers.ca_file()));
    assert_says(
        &send(&Transport::new(wrong_port, login()), &to_ada()),
        "deferred: ",
        "does not begin with TLS",
    );
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), 0);
}

#[test]
fn a_no_is_a_failure_and_a_later_is_a_delay_whenever_it_comes() {
    let Some(servers) = Servers::start() else { return };
    let transport = transport(servers.ports.smtp);
    for (to, begins, words) in [
        (
            "nobody@example.org",
            "failed: refused before anything was sent: nobody@example.org: 550",
            "unknown",
        ),
        ("later@example.org", "deferred: not now: later@example.org: 450", "the mailbox is busy"),
        ("slow@example.org", "deferred: the mail was not taken: 451", "not now"),
    ] {
        assert_says(&send(&transport, &outgoing(&[to])), begins, words);
    }
    let mut unwanted = to_ada();
    unwanted.subject = "Re: unwanted".to_owned();
    assert_says(&send(&transport, &unwanted), "failed: the mail was refused: 550", "we do not want this");
    let mut large = to_ada();
    large.attachments = vec![Attachment { name: "a.pdf".to_owned(), bytes: vec![7; 12 << 20] }];
    assert_says(&send(&transport, &large), "failed: the mail has ", "the server takes at most 10240000");
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), 0);
}

#[test]
fn if_one_recipient_is_refused_nobody_gets_it() {
    let Some(servers) = Servers::start() else { return };
    let transport = transport(servers.ports.smtp);
    let mut both = outgoing(&["ada@example.org"]);
    both.cc = vec![Address::new("", "nobody@example.org")];
    let outcome = send(&transport, &both);
    assert_says(&outcome, "failed: refused before anything was sent: nobody@example.org: 550", "");
    assert!(!outcome.contains("ada@"), "{outcome}");
    // The connection is as good as before.
    assert_says(&send(&transport, &to_ada()), "delivered: 250", "");
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), 1);
}

#[test]
fn a_wrong_password_delays_and_is_never_shown() {
    let Some(servers) = Servers::start() else { return };
    let server = server(servers.ports.smtp, Tls::None, None);
    let outcome = send(&Transport::new(server, Some(Login::new("sam", "wr0ng-pass"))), &to_ada());
    assert_says(&outcome, "deferred: ", "refuses the login of `sam`: 535");
    assert!(!outcome.contains("wr0ng-pass"), "{outcome}");
}

#[test]
fn a_connection_that_breaks_is_a_delay_before_the_end_of_the_mail_and_a_doubt_after_it() {
    let Some(servers) = Servers::start() else { return };
    let mut arrived = 0;
    for (cut, begins, arrives) in [
        (Cut::Refuse, "deferred: ", 0),
        (Cut::Before("EHLO"), "deferred: ", 0),
        (Cut::After("EHLO"), "deferred: ", 0),
        (Cut::After("AUTH"), "deferred: ", 0),
        (Cut::After("MAIL"), "deferred: ", 0),
        (Cut::Before("RCPT"), "deferred: ", 0),
        (Cut::Before("DATA"), "deferred: ", 0),
        (Cut::After("DATA"), "deferred: ", 0),
        // So small a mail has left whole when the connection breaks: only the other side could tell.
        (Cut::InMail(100), "unsure: ", 0),
        (Cut::BeforeDot, "unsure: ", 0),
        (Cut::AfterDot, "unsure: ", 1),
        (Cut::InAnswer(1), "unsure: ", 1),
        (Cut::InAnswer(10), "unsure: ", 1),
    ] {
        let proxy = Proxy::start(servers.ports.smtp);
        // Twice, for the one time that a connection is opened again.
        proxy.cut(cut, 0, 2);
        let outcome = send(&transport(proxy.port()), &to_ada());
        println!("{cut:?}: {outcome}");
        assert!(outcome.starts_with(begins), "{cut:?}: {outcome}");
        arrived += arrives;
        servers.wait_for("ada", "INBOX", arrived);
        servers.wait_until_delivered();
        assert_eq!(servers.mails("ada", "INBOX").len(), arrived, "{cut:?}");
    }
}

#[test]
fn a_mail_that_did_not_leave_whole_is_a_delay() {
    let Some(servers) = Servers::start() else { return };
    let proxy = Proxy::start(servers.ports.smtp);
    proxy.cut(Cut::InMail(100), 0, 1);
    let mut large = to_ada();
    // More than any buffer between us and the other side holds.
    large.attachments = vec![Attachment { name: "a.bin".to_owned(), bytes: vec![7; 7 << 20] }];
    assert_says(&send(&transport(proxy.port()), &large), "deferred: the mail did not leave whole: ", "");
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), 0);
}

/// A server that takes everything; `begin` is its answer to `DATA`, and `end` that to the dot. Returns what it
/// heard.
fn scripted(begin: &'static str, end: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
        let (mut heard, mut line, mut in_mail) = (String::new(), String::new(), false);
        let mut answer = "220 hi\r\n";
        while writer.write_all(answer.as_bytes()).is_ok() {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                break;
            }
            heard.push_str(&line);
            answer = match line.trim_end() {
                "." if in_mail => {
                    in_mail = false;
                    end
                }
                _ if in_mail => "",
                "DATA" => {
                    in_mail = true;
                    begin
                }
                command if command.starts_with("EHLO") => "250-x\r\n250 AUTH PLAIN\r\n",
                command if command.starts_with("AUTH") => "235 yes\r\n",
                _ => "250 yes\r\n",
            };
        }
        heard
    });
    (port, thread)
}

#[test]
fn what_a_server_says_before_the_end_of_a_mail_is_no_answer_to_it() {
    for (begin, end, begins, words, has_dot) in [
        ("354 go\r\n", "250 kept\r\n", "delivered: ", "kept", true),
        (
            "354 go\r\n250 stray\r\n",
            "554 no\r\n",
            "deferred: ",
            "spoke before the end of the mail: 250 stray",
            false,
        ),
        ("354 go\r\n421 bye\r\n", "", "deferred: ", "421 bye", false),
        ("354 go\r\n", "250 stray\r\n554 no\r\n", "unsure: ", "more than one answer", true),
    ] {
        let (port, server) = scripted(begin, end);
        let outcome = send(&transport(port), &to_ada());
        assert_says(&outcome, begins, words);
        // A line of the mail that is a dot has another before it.
        assert_eq!(server.join().unwrap().lines().any(|line| line == "."), has_dot, "{outcome}");
    }
}

#[test]
fn one_connection_carries_many_mails_and_a_stale_one_is_opened_again_before_the_mail() {
    let Some(servers) = Servers::start() else { return };
    let proxy = Proxy::start(servers.ports.smtp);
    let transport = transport(proxy.port());
    run(async {
        for _ in 0..5 {
            transport.prepare(&to_ada(), now()).await.unwrap();
            let outcome = transport.send(&to_ada(), now()).await;
            assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        }
        assert_eq!(proxy.connections(), 1);
        transport.prepare(&to_ada(), now()).await.unwrap();
        proxy.cut(Cut::After("MAIL"), 0, 1);
        let outcome = transport.send(&to_ada(), now()).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        assert_eq!((proxy.connections(), proxy.cuts()), (2, 1));
        // One that broke between two drafts is found out when the next one is prepared.
        proxy.cut(Cut::Before("NOOP"), 0, 1);
        transport.prepare(&to_ada(), now()).await.unwrap();
        assert_eq!((proxy.connections(), proxy.cuts()), (3, 2));
        transport.close().await;
    });
    servers.wait_for("ada", "INBOX", 6);
    servers.wait_until_delivered();
    assert_eq!(servers.mails("ada", "INBOX").len(), 6);
}

#[test]
fn plain_text_goes_to_this_machine_alone() {
    for host in ["192.0.2.1", "2001:db8::1"] {
        let server = Server { host: host.to_owned(), ..server(25, Tls::None, None) };
        assert_says(
            &send(&Transport::new(server, None), &to_ada()),
            "deferred: ",
            "no address that may be used",
        );
    }
}
