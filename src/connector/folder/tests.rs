//! Real folders, real files.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tempfile::TempDir;

use crate::connector::folder::outbox::{Format, Transport};
use crate::connector::folder::{Source, wire};
use crate::connector::mail::tests::outgoing;
use crate::connector::mail::write::write;
use crate::connector::{ConnectorError, Window};
use crate::message::{Fetched, Message};
use crate::outgoing::{Attachment, Found, Outcome};

const NOTE: &str = "From: Ada Brown <ada@example.org>\nSubject: Wo ist Ärger?\n\nHello,\n\n# where is it?\n";

fn source(folder: &Path) -> Source {
    Source { name: "notes".to_owned(), path: folder.to_owned(), sent: None }
}

/// Writes a file that was left alone for a while.
fn put(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
    let before = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(folder.join(name)).unwrap().set_modified(before).unwrap();
}

fn wait<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}

fn fetch(folder: &Path) -> Vec<Fetched> {
    wait(source(folder).fetch(&Window::default())).unwrap()
}

fn ids(folder: &Path) -> Vec<String> {
    fetch(folder).into_iter().map(|one| one.map_or_else(|wrong| wrong.id, |message| message.id)).collect()
}

fn read(name: &str, text: &str) -> Message {
    wire::read("notes", name, &format!("file:{name}"), text.as_bytes()).unwrap()
}

#[test]
fn markdown_with_a_head_is_a_message_known_by_its_file() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "one.md", NOTE);
    let message = fetch(folder.path()).remove(0).unwrap();
    assert_eq!((&*message.id, &*message.thread), ("file:one.md", "file:one.md"));
    assert_eq!(
        (message.from.to_string(), &*message.subject),
        ("Ada Brown <ada@example.org>".to_owned(), "Wo ist Ärger?")
    );
    assert_eq!(message.body, "Hello,\n\n# where is it?");
    assert!(message.date.is_some(), "that of the file");
    assert_eq!(message.findings, [""; 0]);
}

#[test]
fn the_same_text_in_two_files_is_two_messages() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "monday.md", NOTE);
    put(folder.path(), "tuesday.md", NOTE);
    assert_eq!(ids(folder.path()), ["file:monday.md", "file:tuesday.md"]);
}

#[test]
fn a_message_id_and_a_date_count_where_they_stand() {
    let message = read(
        "x.md",
        &NOTE.replace(
            "Subject:",
            "Message-ID: <1@x>\nIn-Reply-To: <0@x>\nDate: Fri, 20 Nov 2026 11:30:04 +0100\nSubject:",
        ),
    );
    assert_eq!((&*message.id, &*message.thread), ("<1@x>", "<0@x>"));
    assert_eq!(message.date.unwrap().timestamp().to_string(), "2026-11-20T10:30:04Z");
    let wrong = read("x.md", &NOTE.replace("Subject:", "Date: soon\nSubject:"));
    assert_eq!(wrong.findings, ["has no date, or a wrong one"]);
}

#[test]
fn what_has_no_head_or_that_of_a_mail_is_named_and_not_guessed_at() {
    let check = |text: &str, what: &str| {
        let wrong = wire::read("notes", "x.md", "file:x.md", text.as_bytes()).unwrap_err();
        assert_eq!((&*wrong.id, &*wrong.what), ("file:x.md", what));
    };
    check("# a title\n", "does not begin with `From: someone@example.org`");
    check("", "does not begin with `From: someone@example.org`");
    check("Subject: nobody\n\nx\n", "has no sender");
    check(
        "From: a@b.c\nContent-Type: text/html\n\n<b>x\n",
        "its head has `content-type`, which only a mail has; name it .eml if it is one",
    );
    assert_eq!(read("x.eml", "From: a@b.c\nContent-Type: text/html\n\n<b>x</b>\n").body, "x");
}

#[test]
fn hidden_half_written_and_foreign_things_are_left_alone() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "one.eml", NOTE);
    for name in [".hidden.md", "two.md~", "three.md.tmp", "four.part", "#five.md#", "six.bak"] {
        put(folder.path(), name, NOTE);
    }
    fs::create_dir(folder.path().join("below")).unwrap();
    put(&folder.path().join("below"), "seven.md", NOTE);
    symlink("/etc/passwd", folder.path().join("eight.md")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("nine.md"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert_eq!(ids(folder.path()), ["file:one.eml"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 10, "nothing is moved");
}

#[test]
fn a_file_that_grows_while_it_is_looked_at_waits_for_the_next_time() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "whole.md", NOTE);
    let growing = folder.path().join("growing.md");
    fs::write(&growing, NOTE).unwrap();
    fs::write(folder.path().join("fresh.md"), NOTE).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
            use std::io::Write;
            fs::OpenOptions::new().append(true).open(&growing).unwrap().write_all(b"more\n").unwrap();
        }
    });
    let found = ids(folder.path());
    stop.send(()).unwrap();
    writer.join().unwrap();
    assert_eq!(found, ["file:whole.md", "file:fresh.md"], "oldest first");
}

#[test]
fn a_folder_that_is_not_there_is_refused_with_a_hint() {
    let error = wait(source(Path::new("/nowhere/at/all")).fetch(&Window::default())).unwrap_err();
    let ConnectorError::Refused { what, hint } = error else { panic!("{error}") };
    assert_eq!(what, "the folder /nowhere/at/all cannot be read: No such file or directory (os error 2)");
    assert_eq!(hint.unwrap(), "set `path` of source `notes` to a folder that you may read");
}

#[test]
fn older_files_are_left_out() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "old.md", NOTE);
    let since = Timestamp::try_from(SystemTime::now() - Duration::from_secs(60)).unwrap();
    assert!(wait(source(folder.path()).fetch(&Window { since: Some(since) })).unwrap().is_empty());
}

#[test]
fn an_answer_to_a_file_belongs_to_its_thread() {
    let (inbox, sent) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    put(inbox.path(), "one.md", &NOTE.replace("Subject:", "Date: Fri, 20 Nov 2026 09:00:00 +0000\nSubject:"));
    let mut answer = outgoing();
    (answer.answers, answer.in_reply_to) = ("file:one.md".to_owned(), None);
    answer.references.clear();
    fs::write(sent.path().join("a.md"), wire::markdown(&answer).unwrap()).unwrap();
    let source = Source { sent: Some(sent.path().to_owned()), ..source(inbox.path()) };
    let tail: Vec<String> = source
        .threads()
        .unwrap()
        .tail("file:one.md")
        .unwrap()
        .into_iter()
        .map(|message| message.subject)
        .collect();
    assert_eq!(tail, ["Wo ist Ärger?", "Re: Invoice for October"]);
    let nowhere = Source { sent: Some(sent.path().join("not yet")), ..source };
    assert_eq!(nowhere.threads().unwrap().tail("file:one.md").unwrap().len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), "one.md", "From: ada@example.org\nSubject: one\n\nhello\n");
    let threads = source(folder.path()).threads().unwrap();
    let path = folder.path().join("one.md");
    fs::remove_file(&path).unwrap();
    assert!(threads.tail("file:one.md").unwrap().is_empty());
    // Nobody can open a socket, not even root.
    let _socket = UnixListener::bind(&path).unwrap();
    let error = threads.tail("file:one.md").unwrap_err();
    assert!(matches!(error, ConnectorError::Away { .. }) && error.to_string().contains("one.md"), "{error}");
}

#[test]
fn markdown_reads_back_as_what_was_written() {
    let answer = outgoing();
    let bytes = wire::markdown(&answer).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    insta::assert_snapshot!(text, @"
    From: Sam Hill <sam@example.com>
    To: Ada Brown <ada@example.org>
    Subject: Re: Invoice for October
    Date: Fri, 20 Nov 2026 12:52:07 +0100
    Message-ID: <vgpjkzkk.1.3f9c2a71@example.com>
    Answers: <1@example.org>
    In-Reply-To: <1@example.org>
    References: <1@example.org>

    Hello Ada,

    it is in the portal.
    ");
    let back = read("x.md", &text);
    assert_eq!((&back.from, &back.to, &back.subject), (&answer.from, &answer.to, &answer.subject));
    assert_eq!((&back.id, &back.in_reply_to), (&answer.message_id, &answer.in_reply_to));
}

#[test]
fn what_markdown_cannot_carry_is_refused_before_anything_is_written() {
    let mut answer = outgoing();
    answer.attachments.push(Attachment { name: "a.pdf".to_owned(), bytes: vec![1] });
    assert!(wire::markdown(&answer).unwrap_err().contains("format = \"mail\""));
    let mut answer = outgoing();
    answer.subject = "a\nBcc: x@y.z".to_owned();
    assert!(wire::markdown(&answer).is_err());
    let mut answer = outgoing();
    answer.answers = "x\nBcc: x@y.z".to_owned();
    assert_eq!(wire::markdown(&answer).unwrap_err(), "`Answers` is not one visible line");
}

fn transport(folder: &Path, format: Format) -> Transport {
    Transport { path: folder.join("answers"), format }
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn delivered(name: &str) -> Outcome {
    Outcome::Delivered { receipt: name.to_owned() }
}

#[test]
fn an_answer_is_one_file_named_by_its_key_however_often_it_is_sent() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path(), Format::Mail), outgoing());
    assert!(matches!(transport.find(&outgoing.key), Found::Unknown { .. }));
    assert_eq!(transport.prepare(&outgoing, now()), Ok(()));
    assert_eq!(transport.find(&outgoing.key), Found::No);
    assert_eq!(transport.prepare(&outgoing, now()), Ok(()));
    let name = "vgpjkzkk.1.3f9c2a71.eml";
    assert_eq!(transport.send(&outgoing, now()), delivered(name));
    assert_eq!(transport.flush(), Ok(()));
    assert_eq!(transport.find(&outgoing.key), Found::Yes { receipt: name.to_owned() });
    assert_eq!(transport.prepare(&outgoing, now()), Ok(()));
    assert_eq!(transport.send(&outgoing, now()), delivered(name));
    assert_eq!(fs::read_dir(&transport.path).unwrap().count(), 1);
    assert_eq!(fs::read(transport.path.join(name)).unwrap(), write(&outgoing).unwrap());
    let other = Transport { format: Format::Markdown, ..transport };
    assert_eq!(other.prepare(&outgoing, now()), Ok(()));
    assert_eq!(other.send(&outgoing, now()), delivered(name), "in whichever form it went");
}

#[test]
fn an_answer_that_was_taken_out_is_not_sent_again() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path(), Format::Markdown), outgoing());
    transport.prepare(&outgoing, now()).unwrap();
    assert_eq!(transport.send(&outgoing, now()), delivered("vgpjkzkk.1.3f9c2a71.md"));
    fs::remove_file(transport.path.join("vgpjkzkk.1.3f9c2a71.md")).unwrap();
    assert!(matches!(transport.send(&outgoing, now()), Outcome::Unsure { .. }));
    assert!(matches!(transport.find(&outgoing.key), Found::Unknown { .. }));
}

#[test]
fn half_a_file_is_written_again_and_never_sent() {
    let folder = TempDir::new().unwrap();
    let (transport, outgoing) = (transport(folder.path(), Format::Mail), outgoing());
    transport.prepare(&outgoing, now()).unwrap();
    fs::write(transport.path.join(".vgpjkzkk.1.3f9c2a71.tmp"), "From: half").unwrap();
    assert!(matches!(transport.send(&outgoing, now()), Outcome::Deferred { .. }));
    transport.prepare(&outgoing, now()).unwrap();
    assert_eq!(transport.send(&outgoing, now()), delivered("vgpjkzkk.1.3f9c2a71.eml"));
}

#[test]
fn a_folder_that_cannot_be_looked_at_says_nothing_about_a_key() {
    let folder = TempDir::new().unwrap();
    let transport = transport(folder.path(), Format::Mail);
    fs::write(&transport.path, "a file").unwrap();
    assert!(matches!(transport.prepare(&outgoing(), now()), Err(Outcome::Deferred { .. })));
    assert!(matches!(transport.find(&outgoing().key), Found::Unknown { .. }));
}
