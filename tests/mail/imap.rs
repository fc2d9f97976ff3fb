//! What a real IMAP server gives, what stays as it is there, and what bad ones cannot do to us.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use git_drafts::connector::imap::Source;
use git_drafts::connector::link::{Login, Server, Tls};
use git_drafts::connector::{ConnectorError, Window};
use git_drafts::error::Hint;
use git_drafts::message::Message;
use jiff::Timestamp;

use crate::cut::{Cut, Proxy};
use crate::run;
use crate::servers::{PASSWORD, Servers};
use crate::support::desk::SAM;
use crate::support::mail::Mail;

fn server(port: u16, tls: Tls, ca_file: Option<PathBuf>) -> Server {
    Server { host: "localhost".to_owned(), port, tls, ca_file, timeout: Duration::from_secs(20) }
}

fn source_at(port: u16, folders: &[&str]) -> Source {
    let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
    let login = Login::new("sam", PASSWORD);
    Source::new("mail", server(port, Tls::None, None), login, folders, Some("Sent".to_owned()))
}

fn source(servers: &Servers) -> Source {
    source_at(servers.ports.imap, &["INBOX"])
}

fn fetch(source: &Source) -> Result<Vec<Message>, ConnectorError> {
    fetch_since(source, None)
}

fn fetch_since(source: &Source, since: Option<Timestamp>) -> Result<Vec<Message>, ConnectorError> {
    let fetched = run(async {
        let fetched = source.fetch(&Window { since }).await;
        source.close().await;
        fetched
    });
    Ok(fetched?.into_iter().map(|fetched| fetched.unwrap()).collect())
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

fn put(servers: &Servers, folder: &str, number: usize, mail: &Mail<'_>) {
    servers.put("sam", folder, &format!("{number:04}.mail"), &mail.write(number, SAM));
}

/// The flags of every mail of a folder.
fn flags(servers: &Servers, folder: &str) -> Vec<String> {
    servers.mails("sam", folder).into_iter().map(|mail| mail.flags).collect()
}

#[test]
fn unread_messages_come_oldest_first_and_stay_unread() {
    let Some(servers) = Servers::start() else { return };
    for number in [3, 1, 2] {
        put(&servers, "INBOX", number, &Mail::default());
    }
    put(&servers, "Sent", 4, &Mail::default());
    let source = source(&servers);
    for _ in 0..2 {
        let found = fetch(&source).unwrap();
        assert_eq!(ids(&found), ["<mail-1@example.org>", "<mail-2@example.org>", "<mail-3@example.org>"]);
        assert_eq!(found[0].body, Mail::default().body.trim_end());
        assert_eq!(found[0].from.email, "ada@example.org");
    }
    // Not even that somebody has seen the list of them is noted.
    assert_eq!(fs::read_dir(servers.maildir("sam", "INBOX").join("new")).unwrap().count(), 3);
    assert_eq!(flags(&servers, "INBOX"), ["", "", ""]);
}

#[test]
fn read_and_deleted_messages_are_left_alone() {
    let Some(servers) = Servers::start() else { return };
    for (number, flags) in [(1, "S"), (2, "T"), (3, "D"), (4, "F")] {
        let name = format!("cur/{number:04}.mail:2,{flags}");
        fs::write(servers.maildir("sam", "INBOX").join(name), Mail::default().write(number, SAM)).unwrap();
    }
    servers.make_account("sam");
    assert_eq!(ids(&fetch(&source(&servers)).unwrap()), ["<mail-4@example.org>"]);
}

#[test]
fn every_folder_that_is_named_is_read_whatever_its_name() {
    let Some(servers) = Servers::start() else { return };
    for (number, folder) in [(1, "Anfragen.&APw-ber uns"), (2, "A &- B"), (3, "INBOX")] {
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(servers.maildir("sam", folder).join(part)).unwrap();
        }
        servers.make_account("sam");
        put(&servers, folder, number, &Mail::default());
    }
    let source = source_at(servers.ports.imap, &["Anfragen/\u{fc}ber uns", "A & B", "INBOX"]);
    assert_eq!(fetch(&source).unwrap().len(), 3);
    let error = fetch(&source_at(servers.ports.imap, &["INBOX", "Nowhere"])).unwrap_err();
    assert!(error.to_string().contains("does not open the folder `Nowhere`"), "{error}");
    assert!(error.hint().unwrap().contains("look at `folders`"), "{error:?}");
}

#[test]
fn a_window_is_counted_from_when_a_message_came() {
    let Some(servers) = Servers::start() else { return };
    for (number, hours) in [(1, 50), (2, 3), (3, 0)] {
        put(&servers, "INBOX", number, &Mail::default());
        let path = servers.maildir("sam", "INBOX").join(format!("new/{number:04}.mail"));
        let came = SystemTime::now() - Duration::from_secs(hours * 3600);
        File::options().write(true).open(path).unwrap().set_modified(came).unwrap();
    }
    let ago = |hours: i64| Some(Timestamp::now() - jiff::SignedDuration::from_hours(hours));
    let source = source(&servers);
    assert_eq!(fetch_since(&source, ago(100)).unwrap().len(), 3);
    assert_eq!(fetch_since(&source, ago(4)).unwrap().len(), 2);
    assert_eq!(fetch_since(&source, ago(1)).unwrap().len(), 1);
}

#[test]
fn nothing_is_read_over_a_connection_that_others_may_hear() {
    let Some(servers) = Servers::start() else { return };
    put(&servers, "INBOX", 1, &Mail::default());
    let with = |port, tls, ca_file| {
        let login = Login::new("sam", PASSWORD);
        fetch(&Source::new("mail", server(port, tls, ca_file), login, vec!["INBOX".to_owned()], None))
    };
    for (port, tls) in [(servers.ports.imap, Tls::StartTls), (servers.ports.imaps, Tls::Implicit)] {
        assert_eq!(with(port, tls, Some(servers.ca_file())).unwrap().len(), 1);
        let error = with(port, tls, None).unwrap_err();
        assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("certificate of localhost:"), "{error}");
        assert!(error.hint().unwrap().contains("`ca_file`"), "{error:?}");
    }
    // A server that goes on without TLS, or slips in a word before it, is not believed.
    for script in [
        "* OK hi\r\n|* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK\r\n|",
        "* PREAUTH hi\r\n|* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK\r\n|",
        "* OK hi\r\n|* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK\r\n|TAG OK\r\n* CAPABILITY IMAP4rev1\r\n|",
    ] {
        let (port, heard) = scripted(script);
        let error = with(port, Tls::StartTls, Some(servers.ca_file())).unwrap_err();
        assert!(matches!(error, ConnectorError::Refused { .. }), "{script}: {error}");
        let heard = heard.join().unwrap();
        assert!(!heard.contains("LOGIN") && !heard.contains("AUTHENTICATE"), "{heard}");
    }
}

#[test]
fn a_wrong_password_is_told_with_a_way_out_and_not_shown() {
    let Some(servers) = Servers::start() else { return };
    let login = Login::new("sam", "wr0ng-pass");
    let server = server(servers.ports.imap, Tls::None, None);
    let error = fetch(&Source::new("mail", server, login, vec!["INBOX".to_owned()], None)).unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("refuses the login of `sam`"), "{error}");
    assert!(error.hint().unwrap().contains("app password"), "{error:?}");
    assert!(!format!("{error:?}").contains("wr0ng-pass"));
}

#[test]
fn a_thread_has_both_sides_however_its_messages_name_each_other() {
    let Some(servers) = Servers::start() else { return };
    let answers = |id: &str| format!("In-Reply-To: <{id}>\n");
    let (to_1, to_sent, to_3) =
        (answers("mail-1@example.org"), answers("sent@example.com"), answers("mail-3@example.org"));
    put(&servers, "INBOX", 1, &Mail::default());
    put(&servers, "Sent", 2, &Mail { id: "sent@example.com", from: SAM, headers: &to_1, ..Mail::default() });
    // Only the answer in the other folder leads here, and only this one to the next.
    put(&servers, "INBOX", 3, &Mail { headers: &to_sent, ..Mail::default() });
    put(&servers, "INBOX", 4, &Mail { headers: &to_3, ..Mail::default() });
    put(&servers, "INBOX", 5, &Mail { headers: "References: <mail-11@example.org>\n", ..Mail::default() });
    let tail = |since: Option<&str>| {
        let since = since.map(|since| since.parse().unwrap());
        let source = source(&servers);
        run(source.thread_tail("<mail-1@example.org>", "<mail-1@example.org>", since)).unwrap()
    };
    let all = ["<mail-1@example.org>", "<sent@example.com>", "<mail-3@example.org>", "<mail-4@example.org>"];
    assert_eq!(ids(&tail(None)), all);
    assert_eq!(ids(&tail(Some("2026-11-20T12:00:00Z"))), all);
    assert_eq!(flags(&servers, "INBOX"), ["", "", "", ""]);
}

#[test]
fn an_answered_message_is_marked_and_the_copy_is_kept_once() {
    let Some(servers) = Servers::start() else { return };
    put(&servers, "INBOX", 1, &Mail::default());
    put(&servers, "INBOX", 2, &Mail { id: "mail-1@example.org.uk", ..Mail::default() });
    put(&servers, "INBOX", 3, &Mail { id: "mail-1@example.org", body: "Something else.", ..Mail::default() });
    let is_answered = |message: &Message| message.body == Mail::default().body.trim_end();
    let copy = b"Message-ID: <k.1.d@example.com>\r\nSubject: Re: A question\r\n\r\nyes\r\n".as_slice();
    let source = source(&servers);
    run(async {
        for _ in 0..2 {
            source
                .note_answered("<mail-1@example.org>", is_answered, Some(("<k.1.d@example.com>", copy)))
                .await
                .unwrap();
        }
        // One that cannot be named, and one that is not there, are nobody's trouble.
        source.note_answered("sha256:00", is_answered, None).await.unwrap();
        source.note_answered("<gone@example.org>", is_answered, None).await.unwrap();
    });
    assert_eq!(
        flags(&servers, "INBOX"),
        ["RS", "", ""],
        "another mail with that id is nobody's answered one"
    );
    let sent = servers.mails("sam", "Sent");
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].flags.as_str(), sent[0].header("Subject").as_str()), ("S", "Re: A question"));
    assert_eq!(
        String::from_utf8(sent[0].bytes.clone()).unwrap().replace("\r\n", "\n"),
        String::from_utf8(copy.to_vec()).unwrap().replace("\r\n", "\n")
    );
}

#[test]
fn a_connection_that_breaks_anywhere_gives_no_half_of_an_inbox() {
    let Some(servers) = Servers::start() else { return };
    for number in 1..=20 {
        put(&servers, "INBOX", number, &Mail::default());
    }
    let proxy = Proxy::start(servers.ports.imap);
    for bytes in [1, 100, 400, 600, 700, 900, 1100, 1500, 2500, 4000, 6000] {
        proxy.cut(Cut::FromServer(bytes), 0, 1);
        let error = fetch(&source_at(proxy.port(), &["INBOX"])).unwrap_err();
        assert!(matches!(error, ConnectorError::Away { .. }), "{bytes}: {error}");
    }
    assert_eq!(proxy.cuts(), 11);
    assert_eq!(fetch(&source_at(proxy.port(), &["INBOX"])).unwrap().len(), 20);
}

#[test]
fn a_kept_connection_that_broke_is_opened_again() {
    let Some(servers) = Servers::start() else { return };
    put(&servers, "INBOX", 1, &Mail::default());
    let proxy = Proxy::start(servers.ports.imap);
    let source = source_at(proxy.port(), &["INBOX"]);
    run(async {
        for _ in 0..3 {
            source.thread_tail("<mail-1@example.org>", "<mail-1@example.org>", None).await.unwrap();
        }
        assert_eq!(proxy.connections(), 1);
        proxy.cut(Cut::Before("d"), 0, 1);
        let tail = source.thread_tail("<mail-1@example.org>", "<mail-1@example.org>", None).await.unwrap();
        assert_eq!((tail.len(), proxy.connections()), (1, 2));
        source.close().await;
    });
}

/// A server that says the parts of a script, `TAG` for the tag of the last command, one after each line it hears; an empty part
/// is said for ever.
fn scripted(script: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
        let mut heard = String::new();
        for part in script.split('|') {
            let tag = heard.lines().last().and_then(|line| line.split(' ').next()).unwrap_or_default();
            let part = part.replace("TAG", tag);
            if let Some(endless) = part.strip_prefix("FOR EVER ") {
                while writer.write_all(endless.repeat(1000).as_bytes()).is_ok() {}
            }
            if writer.write_all(part.as_bytes()).is_err() || reader.read_line(&mut heard).unwrap_or(0) == 0 {
                break;
            }
        }
        heard
    });
    (port, thread)
}

const GREETING: &str = "* OK hi\r\n|* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nTAG OK\r\n|TAG OK\r\n|";

#[test]
fn a_backlog_that_takes_too_long_gives_the_newest_messages_and_says_that_others_are_left_out() {
    // Two batches, of which the second never comes.
    let mail = "Message-ID: <2@example.org>\r\nFrom: ada@example.org\r\n\r\nhello\r\n";
    let script = format!(
        "{GREETING}TAG OK\r\n|* SEARCH 1 2\r\nTAG OK\r\n|* 1 FETCH (UID 1 RFC822.SIZE 6000000)\r\n\
         * 2 FETCH (UID 2 RFC822.SIZE 6000000)\r\nTAG OK\r\n|* 2 FETCH (UID 2 BODY[] {{{}}}\r\n{mail})\r\nTAG OK\r\n|",
        mail.len()
    );
    let (port, server) = scripted(script.leak());
    let source = source_at(port, &["INBOX", "Work"]).stopping_after(Duration::from_secs(4));
    let fetched = run(source.fetch(&Window { since: None })).unwrap();
    let (read, left_out): (Vec<_>, Vec<_>) = fetched.into_iter().partition(Result::is_ok);
    assert_eq!(ids(&read.into_iter().map(Result::unwrap).collect::<Vec<_>>()), ["<2@example.org>"]);
    let left_out: Vec<_> = left_out.into_iter().map(Result::unwrap_err).collect();
    assert_eq!(left_out.len(), 2);
    assert!(left_out.iter().all(|one| one.leaves_out() && one.what.contains("within 4 s")), "{left_out:?}");
    let heard = server.join().unwrap();
    assert!(heard.lines().last().unwrap().contains("UID FETCH 1 "), "{heard}");
}

#[test]
fn a_message_of_a_thread_that_a_server_keeps_to_itself_is_not_taken_for_one_that_is_not_there() {
    let place = "Message-ID: <1@example.org>\r\n\r\n";
    let look = format!(
        "{GREETING}TAG OK\r\n|* SEARCH 1\r\nTAG OK\r\n|* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n\
         * 1 FETCH (UID 1 RFC822.SIZE 9 BODY[HEADER.FIELDS (MESSAGE-ID)] {{{}}}\r\n{place})\r\nTAG OK\r\n|",
        place.len()
    );
    for (script, words) in [
        (format!("{look}TAG OK\r\n|* 1 FETCH (UID 1 BODY[] NIL)\r\nTAG OK\r\n"), "does not give it"),
        (format!("{look}TAG OK\r\n|TAG OK\r\n"), ""),
        (look.replace("{31}", "{0}").replace(place, ""), "does not give it"),
    ] {
        let (port, server) = scripted(script.leak());
        let login = Login::new("sam", PASSWORD);
        let source =
            Source::new("mail", self::server(port, Tls::None, None), login, vec!["INBOX".to_owned()], None);
        let tail = run(source.thread_tail("<1@example.org>", "<1@example.org>", None));
        drop(source);
        match tail {
            // It was taken out meanwhile.
            Ok(tail) => assert_eq!((tail.len(), words), (0, "")),
            Err(error) => assert!(!words.is_empty() && error.to_string().contains(words), "{error}"),
        }
        server.join().unwrap();
    }
}

#[test]
fn a_hostile_server_costs_a_bounded_amount_and_is_told_in_one_line() {
    let login = "* OK hi\r\n|* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nTAG OK\r\n|TAG OK\r\n|";
    let found = format!("{login}TAG OK\r\n|* SEARCH 1\r\nTAG OK\r\n|");
    for (script, words) in [
        ("".to_owned(), "no whole answer"),
        ("HTTP/1.1 400 Bad Request\r\n".to_owned(), "no response of an IMAP server"),
        ("220 mail ESMTP\r\n".to_owned(), "no response of an IMAP server"),
        ("* BYE go away\r\n".to_owned(), "go away"),
        ("FOR EVER x".to_owned(), "a line without an end"),
        ("* OK {99999999999}\r\n".to_owned(), "more than it said"),
        (format!("{login}TAG NO [UNAVAILABLE] later\r\n"), "later"),
        (format!("{login}FOR EVER * 1 EXISTS\r\n"), "does not come to an end"),
        (format!("{found}* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[] {{900000000}}\r\n"), "more than it said"),
        (format!("{found}* 1 FETCH (UID 1 RFC822.SIZE x)\r\nTAG OK\r\n"), "no response of an IMAP server"),
    ] {
        let (port, server) = scripted(script.leak());
        let begun = Instant::now();
        let source = Source::new(
            "mail",
            Server { timeout: Duration::from_secs(5), ..self::server(port, Tls::None, None) },
            Login::new("sam", PASSWORD),
            vec!["INBOX".to_owned()],
            None,
        );
        let error = fetch(&source).unwrap_err();
        assert!(matches!(error, ConnectorError::Away { .. }), "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        drop(source);
        server.join().unwrap();
    }
}
