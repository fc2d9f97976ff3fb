//! Real folders, real files.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tempfile::TempDir;

use crate::connector::mail::limits::RAW_BYTES_MAX;
use crate::connector::mail::tests::outgoing;
use crate::connector::mail::write::write;
use crate::connector::maildir::outbox::Transport;
use crate::connector::maildir::{Source, Threads, mails, open};
use crate::connector::{ConnectorError, Window};
use crate::error::Hint;
use crate::outgoing::{Found, Outcome};

fn maildir() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["tmp", "new", "cur"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

fn source(folder: &Path) -> Source {
    Source { name: "mail".to_owned(), path: folder.to_owned(), sent: None }
}

fn mail(id: &str, hour: u8, extra: &str) -> String {
    format!(
        "{extra}Message-ID: <{id}@example.org>\nFrom: ada@example.org\nSubject: {id}\n\
         Date: Fri, 20 Nov 2026 {hour:02}:00:00 +0000\n\nhello\n"
    )
}

fn put(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join(name), content).unwrap();
}

/// Shows what a source gave: subjects, or the ids of what could not be read.
fn fetched(source: &Source) -> Vec<String> {
    let all = source.fetch(&Window::default()).unwrap();
    all.into_iter().map(|one| one.map_or_else(|wrong| wrong.id, |message| message.subject)).collect()
}

fn tree(folder: &Path) -> Vec<(String, SystemTime)> {
    let mut found = Vec::new();
    for name in ["", "tmp", "new", "cur"] {
        found.push((name.to_owned(), fs::metadata(folder.join(name)).unwrap().modified().unwrap()));
        for entry in fs::read_dir(folder.join(name)).unwrap().flatten() {
            let path = entry.path().display().to_string();
            found.push((path, entry.metadata().unwrap().modified().unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn mails_come_oldest_first_and_stay_where_they_are() {
    let folder = maildir();
    put(folder.path(), "new/3.x", &mail("third", 12, ""));
    put(folder.path(), "cur/2.x:2,S", &mail("second", 11, ""));
    put(folder.path(), "cur/1.x:2,", &mail("first", 10, ""));
    put(folder.path(), "cur/4.x:2,ST", &mail("trashed", 10, ""));
    put(folder.path(), "cur/5.x:2,D", &mail("draft", 10, ""));
    put(folder.path(), "new/.hidden", &mail("hidden", 10, ""));
    put(folder.path(), "tmp/6.x", &mail("half", 10, ""));
    let before = tree(folder.path());
    assert_eq!(fetched(&source(folder.path())), ["first", "second", "third"]);
    assert_eq!(tree(folder.path()), before);
}

#[test]
fn only_regular_files_are_mails() {
    let folder = maildir();
    let outside = folder.path().join("outside");
    put(folder.path(), "outside", &mail("outside", 10, ""));
    symlink(&outside, folder.path().join("new/1.link")).unwrap();
    fs::create_dir(folder.path().join("new/2.folder")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("new/3.pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(fetched(&source(folder.path())).is_empty());
}

#[test]
fn a_mail_that_a_program_moves_meanwhile_is_found() {
    let folder = maildir();
    put(folder.path(), "new/1.x", &mail("moved", 10, ""));
    let listed = mails(folder.path()).unwrap().remove(0);
    fs::rename(folder.path().join("new/1.x"), folder.path().join("cur/1.x:2,S")).unwrap();
    assert!(open(folder.path(), &listed).unwrap().is_some());
    fs::rename(folder.path().join("cur/1.x:2,S"), folder.path().join("cur/1.x:2,ST")).unwrap();
    assert!(open(folder.path(), &listed).unwrap().is_none());
    fs::remove_file(folder.path().join("cur/1.x:2,ST")).unwrap();
    assert!(open(folder.path(), &listed).unwrap().is_none());
}

#[test]
fn what_is_no_mail_is_named_not_dropped() {
    let folder = maildir();
    put(folder.path(), "new/1.x", "");
    put(folder.path(), "new/2.x", "Subject: nobody\n\nhello\n");
    let large = fs::File::create(folder.path().join("new/3.x")).unwrap();
    large.set_len(RAW_BYTES_MAX as u64 + 1).unwrap();
    let ids = fetched(&source(folder.path()));
    assert_eq!(ids.len(), 3);
    assert!(ids.contains(&"file:3.x".to_owned()), "{ids:?}");
}

#[test]
fn older_files_are_left_out() {
    let folder = maildir();
    put(folder.path(), "new/1.x", &mail("old", 10, ""));
    put(folder.path(), "new/2.x", &mail("recent", 10, ""));
    let since = Timestamp::from_second(1_800_000_000).unwrap();
    for (name, seconds) in [("new/1.x", 1_799_999_999), ("new/2.x", 1_800_000_000)] {
        let file = fs::File::options().write(true).open(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    let found = source(folder.path()).fetch(&Window { since: Some(since) }).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].as_ref().unwrap().subject, "recent");
}

#[test]
fn a_folder_that_is_no_maildir_is_refused_with_a_hint() {
    let folder = TempDir::new().unwrap();
    let error = source(folder.path()).fetch(&Window::default()).unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { .. }));
    assert!(error.hint().unwrap().contains("source `mail`"));
}

#[test]
fn a_thread_is_what_answers_it_in_both_folders() {
    let (inbox, sent) = (maildir(), maildir());
    let answers = |id: &str| format!("In-Reply-To: <{id}@example.org>\n");
    put(inbox.path(), "cur/1.x:2,S", &mail("one", 9, ""));
    put(sent.path(), "cur/2.x:2,S", &mail("two", 10, &answers("one")));
    put(inbox.path(), "new/3.x", &mail("three", 11, &answers("two")));
    put(inbox.path(), "new/3-again.x", &mail("three", 11, &answers("two")));
    put(inbox.path(), "new/4.x", &mail("other", 12, &answers("elsewhere")));
    let mut source = source(inbox.path());
    source.sent = Some(sent.path().to_owned());
    let tail = |thread: &str| -> Vec<String> {
        source.thread_tail(thread).unwrap().into_iter().map(|message| message.subject).collect()
    };
    assert_eq!(tail("<one@example.org>"), ["one", "two", "three"]);
    assert_eq!(tail("<two@example.org>"), ["one", "two", "three"]);
    assert_eq!(tail("<nothing@example.org>"), Vec::<String>::new());
    assert_eq!(fetched(&source).len(), 4);
}

fn transport(folder: &Path) -> Transport {
    Transport { name: "out".to_owned(), path: folder.join("outbox"), host: "atlas/1".to_owned() }
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

const FILE: &str = "vgpjkzkk.1.3f9c2a71.atlas_1";

fn delivered(folder: &str) -> Outcome {
    Outcome::Delivered { receipt: format!("{folder}/{FILE}") }
}

#[test]
fn an_answer_goes_from_tmp_to_new_once() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path()), outgoing());
    assert!(matches!(transport.find(&outgoing.key), Found::Unknown { .. }));
    assert_eq!(transport.prepare(&outgoing, now()), Ok(()));
    assert_eq!(transport.prepare(&outgoing, now()), Ok(()));
    assert_eq!(transport.find(&outgoing.key), Found::No);
    assert_eq!(transport.send(&outgoing, now()), delivered("new"));
    assert_eq!(fs::read(transport.path.join("new").join(FILE)).unwrap(), write(&outgoing).unwrap());
    assert_eq!(transport.find(&outgoing.key), Found::Yes { receipt: format!("new/{FILE}") });
    assert_eq!(transport.prepare(&outgoing, now()), Ok(()));
    assert_eq!(transport.send(&outgoing, now()), delivered("new"));
    assert_eq!(fs::read_dir(transport.path.join("tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(transport.path.join("new")).unwrap().count(), 1);
}

#[test]
fn an_answer_that_was_seen_by_a_reader_is_not_put_there_again() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path()), outgoing());
    transport.prepare(&outgoing, now()).unwrap();
    transport.send(&outgoing, now());
    let read = format!("cur/{FILE}:2,S");
    fs::rename(transport.path.join("new").join(FILE), transport.path.join(&read)).unwrap();
    assert_eq!(transport.find(&outgoing.key), Found::Yes { receipt: read.clone() });
    let elsewhere = Transport { host: "other".to_owned(), ..transport.clone() };
    assert_eq!(elsewhere.prepare(&outgoing, now()), Ok(()));
    assert_eq!(elsewhere.send(&outgoing, now()), Outcome::Delivered { receipt: read });
}

#[test]
fn an_answer_that_was_taken_out_is_not_sent_again() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path()), outgoing());
    transport.prepare(&outgoing, now()).unwrap();
    transport.send(&outgoing, now());
    fs::remove_file(transport.path.join("new").join(FILE)).unwrap();
    assert!(matches!(transport.send(&outgoing, now()), Outcome::Unsure { .. }));
    assert!(matches!(transport.find(&outgoing.key), Found::Unknown { .. }));
}

#[test]
fn half_a_mail_in_tmp_is_written_again_and_never_sent() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path()), outgoing());
    transport.prepare(&outgoing, now()).unwrap();
    fs::write(transport.path.join("tmp").join(FILE), "From: half").unwrap();
    assert!(matches!(transport.send(&outgoing, now()), Outcome::Deferred { .. }));
    transport.prepare(&outgoing, now()).unwrap();
    assert_eq!(transport.send(&outgoing, now()), delivered("new"));
}

#[test]
fn what_cannot_be_written_fails_before_it_is_sent() {
    let folder = TempDir::new().unwrap();
    let (transport, mut outgoing) = (transport(folder.path()), outgoing());
    fs::write(&transport.path, "a file").unwrap();
    assert!(matches!(
        transport.prepare(&outgoing, now()),
        Err(Outcome::Failed { .. } | Outcome::Deferred { .. })
    ));
    outgoing.to.clear();
    let Err(Outcome::Failed { reason }) = transport.prepare(&outgoing, now()) else { panic!() };
    assert_eq!(reason, "there is no recipient");
}

#[test]
fn a_mail_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
    let folder = maildir();
    put(folder.path(), "cur/1.x:2,", &mail("first", 10, ""));
    put(folder.path(), "cur/2.x:2,", &mail("second", 11, "In-Reply-To: <first@example.org>\n"));
    let source = source(folder.path());
    let listed = mails(folder.path()).unwrap();
    let threads = source.threads().unwrap();
    let tail = || threads.tail("<first@example.org>").map(|tail| tail.len());
    assert_eq!(tail().unwrap(), 2);
    let path = folder.path().join("cur/2.x:2,");
    fs::remove_file(&path).unwrap();
    assert_eq!(tail().unwrap(), 1);
    // Nobody can open a socket, not even root.
    let _socket = UnixListener::bind(&path).unwrap();
    let mut places = Threads { source: "mail".to_owned(), places: Vec::new() };
    for error in [tail().unwrap_err(), places.add(folder.path(), listed).unwrap_err()] {
        assert!(matches!(error, ConnectorError::Away { .. }) && error.to_string().contains("2.x"), "{error}");
    }
}
