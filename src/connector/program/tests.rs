//! Real programs: shell scripts that keep to the protocol, and that do not.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connector::mail::tests::outgoing;
use crate::connector::program::process::Start;
use crate::connector::program::wire::{self, End, Line, Role};
use crate::connector::program::{Program, Settings};
use crate::connector::{ConnectorError, Transport, Window};
use crate::outgoing::{Attachment, Capabilities, Found, Outcome};

/// Says hello to whoever asks first.
const HELLO: &str = r#"read -r line; echo "$line" >hello
echo '{"id":0,"ok":{"protocol":1,"program":"x 1","dedupes":true,"can_find":true,"new":[]}}'"#;

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn wait<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}

fn settings(folder: &TempDir, script: &str) -> Settings {
    let script = format!("cd '{}'\n{script}", folder.path().display());
    Settings {
        name: "x".to_owned(),
        start: Start {
            command: vec!["/bin/sh".to_owned(), "-c".to_owned(), script],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        },
        settings: json!({ "queue": "in" }),
        secrets: vec![("token".to_owned(), "s3cr3t-t0ken".to_owned())],
        capabilities: Capabilities::default(),
        thread_tail: false,
        timeout: Duration::from_secs(10),
    }
}

fn program(folder: &TempDir, script: &str) -> Program {
    Program::new(settings(folder, script), Role::Transport)
}

/// Sends once with a program that said hello and then does this; shows the outcome.
fn send(script: &str) -> String {
    let folder = TempDir::new().unwrap();
    let mut settings = settings(&folder, &format!("{HELLO}\n{script}"));
    settings.timeout = Duration::from_secs(2);
    send_with(&Program::new(settings, Role::Transport), &folder)
}

fn send_with(program: &Program, folder: &TempDir) -> String {
    let lock = File::create(folder.path().join("lock")).unwrap();
    match wait(program.send(&outgoing(), &lock, now())) {
        Outcome::Delivered { receipt } => format!("delivered: {receipt}"),
        Outcome::Deferred { until, reason } => format!("deferred until {until}: {reason}"),
        Outcome::Failed { reason } => format!("failed: {reason}"),
        Outcome::Unsure { reason } => format!("unsure: {reason}"),
    }
}

#[test]
fn an_outcome_is_what_the_program_says() {
    let say = |ok: &str| send(&format!("read -r line; cat <<'E'\n{{\"id\":1,\"ok\":{ok}}}\nE"));
    assert_eq!(say(r#"{"outcome":"delivered","receipt":"a\nb"}"#), "delivered: a b");
    assert_eq!(
        say(r#"{"outcome":"deferred","reason":"full","retry_seconds":60}"#),
        "deferred until 2026-11-20T12:01:00Z: `sh`: full"
    );
    assert_eq!(
        say(r#"{"outcome":"deferred","reason":"full","retry_seconds":999999999}"#),
        "deferred until 2026-11-21T12:00:00Z: `sh`: full"
    );
    assert_eq!(say(r#"{"outcome":"failed","reason":"nobody"}"#), "failed: `sh`: nobody");
    assert_eq!(say(r#"{"outcome":"unsure","reason":"hm"}"#), "unsure: `sh`: hm");
}

#[test]
fn whatever_is_no_clear_answer_to_a_send_leaves_us_unsure() {
    let unsure = |script: &str, what: &str| assert_eq!(send(script), format!("unsure: `sh`: {what}"));
    unsure("read -r line; exit 3", "it ended without an answer");
    unsure("read -r line; kill -9 $$", "it ended without an answer");
    unsure("read -r line; printf '{\"id\":1,'", "it ended in the middle of a line");
    unsure("read -r line; echo yes", "it answered with a line that is not JSON (column 1)");
    unsure("read -r line; printf '\\377\\n'", "it answered with a line that is not UTF-8");
    unsure("read -r line; echo '{\"id\":2,\"ok\":{}}'", "it answered with another `id` than 1");
    unsure("read -r line; echo '{\"id\":1,\"ok\":{}}'", "it answered with no known outcome");
    unsure(
        "read -r line; echo '{\"id\":1,\"ok\":{\"outcome\":\"sent\"}}'",
        "it answered with no known outcome",
    );
    unsure("read -r line; echo '{\"id\":1,\"error\":{\"kind\":\"away\",\"what\":\"later\"}}'", "later");
    unsure("read -r line; sleep 60", "it did not answer within 2 s, and was ended");
}

#[test]
fn a_line_without_end_is_cut_off() {
    let folder = TempDir::new().unwrap();
    let script = format!("{HELLO}\nread -r line; yes x | head -c 12000000 | tr -d '\\n'; sleep 60");
    let mut settings = settings(&folder, &script);
    settings.timeout = Duration::from_secs(60);
    let said = send_with(&Program::new(settings, Role::Transport), &folder);
    assert_eq!(said, "unsure: `sh`: it wrote a line of more than 4194304 bytes");
}

#[test]
fn what_goes_wrong_before_the_send_was_written_sends_nothing() {
    let folder = TempDir::new().unwrap();
    let deferred = |script: &str, what: &str| {
        let expected = format!("deferred until 2026-11-20T12:15:00Z: {what}");
        assert_eq!(send_with(&program(&folder, script), &folder), expected);
    };
    let died = send_with(&program(&folder, "exit 1"), &folder);
    assert!(died.starts_with("deferred") && died.contains("ended"), "{died}");
    deferred(
        "read -r line; echo '{\"id\":0,\"ok\":{\"protocol\":2}}'; read -r line",
        "`sh`: it speaks version 2 of the protocol, and we speak 1",
    );
    deferred(
        "read -r line; echo '{\"id\":0,\"ok\":{}}'",
        "`sh`: its `hello` cannot be read: missing field `protocol`",
    );
    deferred(
        "read -r line; echo '{\"id\":0,\"error\":{\"kind\":\"refused\",\"what\":\"no queue\"}}'",
        "`sh`: no queue",
    );
    let mut gone = settings(&folder, "");
    gone.start.command = vec!["/nowhere/git-drafts-connector-x".to_owned()];
    let said = send_with(&Program::new(gone, Role::Transport), &folder);
    assert!(
        said.starts_with("deferred until 2026-11-20T12:15:00Z: `git-drafts-connector-x` cannot be started"),
        "{said}"
    );
}

#[test]
fn a_program_that_can_do_less_than_the_wiring_declares_is_not_used() {
    let folder = TempDir::new().unwrap();
    let mut settings =
        settings(&folder, "read -r line; echo '{\"id\":0,\"ok\":{\"protocol\":1}}'; read -r line");
    settings.capabilities.dedupes = true;
    let said = send_with(&Program::new(settings, Role::Transport), &folder);
    assert_eq!(
        said,
        "deferred until 2026-11-20T12:15:00Z: `sh` says that it cannot do what the wiring declares: `dedupes = true`"
    );
}

#[test]
fn a_program_gets_what_the_wiring_hands_over_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let program = program(
        &folder,
        &format!("env >environment\n{HELLO}\nread -r line; echo '{{\"id\":1,\"ok\":{{}}}}'"),
    );
    wait(program.health()).unwrap();
    let said: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("hello")).unwrap()).unwrap();
    assert_eq!(
        said,
        json!({ "id": 0, "request": "hello", "protocol": 1, "role": "transport", "name": "x",
                "settings": { "queue": "in" }, "secrets": { "token": "s3cr3t-t0ken" } })
    );
    let environment = fs::read_to_string(folder.path().join("environment")).unwrap();
    let names: Vec<&str> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    // The shell adds the last ones.
    assert!(names.iter().all(|name| ["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)), "{names:?}");
    assert!(!format!("{program:?}").contains("s3cr3t"));
}

#[test]
fn a_send_carries_all_that_was_approved_in_one_line() {
    let mut outgoing = outgoing();
    outgoing.text = "a\nb \u{202e} \"".to_owned();
    outgoing.attachments.push(Attachment { name: "a.bin".to_owned(), bytes: vec![0, 255] });
    let line = wire::request(7, "send", wire::send(&outgoing));
    assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((&value["id"], &value["request"]), (&json!(7), &json!("send")));
    let message = &value["message"];
    assert_eq!(
        (&message["key"], &message["text"]),
        (&json!("vgpjkzkk.1.3f9c2a71"), &json!("a\nb \u{202e} \""))
    );
    assert_eq!(message["to"], json!(["Ada Brown <ada@example.org>"]));
    assert_eq!(message["attachments"], json!([{ "name": "a.bin", "base64": "AP8=" }]));
}

#[test]
fn messages_come_in_their_order_and_one_that_cannot_be_read_says_so() {
    let folder = TempDir::new().unwrap();
    let script = format!(
        "{HELLO}\nread -r line; echo '{{\"id\":1,\"message\":{{\"id\":\"b\",\"from\":\"ada@example.org\",\"body\":\"x\",\"new\":1}}}}'
         echo '{{\"id\":null,\"error\":{{\"kind\":\"refused\",\"what\":\"?\"}}}}'
         echo '{{\"id\":1,\"message\":{{\"id\":\"a\",\"from\":\"nobody at all\",\"body\":\"x\"}}}}'
         echo '{{\"id\":1,\"message\":{{\"id\":\"c\",\"from\":\"ada\",\"date\":\"2026-11-01T00:00:00Z\",\"body\":\"old\"}}}}'
         echo '{{\"id\":1,\"ok\":{{}}}}'"
    );
    let window = Window { since: Some("2026-11-13T12:00:00Z".parse().unwrap()) };
    let fetched = wait(program(&folder, &script).fetch(&window)).unwrap();
    let shown: Vec<String> = fetched
        .into_iter()
        .map(|one| one.map_or_else(|wrong| format!("{}: {}", wrong.id, wrong.what), |message| message.id))
        .collect();
    assert_eq!(shown, ["b", "a: `from` is no address such as `Ada Brown <ada@example.org>`"]);
}

#[test]
fn a_message_says_which_field_is_wrong() {
    let read = |more: Value| {
        let mut message = json!({ "id": "1", "from": "Ada <ada@example.org>", "body": "hello" });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wire::read_message("x", &message).map_err(|wrong| wrong.what)
    };
    let whole = read(json!({ "thread": "t", "subject": "a\nb", "date": "2026-11-20T12:00:00+01:00",
        "to": ["sam@example.com"], "headers": { "Auto-Submitted": "yes", "X-Secret": "y" }, "body": "a\u{202e}b" }))
    .unwrap();
    assert_eq!((&*whole.thread, &*whole.subject, &*whole.body), ("t", "a b", "a[hidden: U+202E]b"));
    assert_eq!(whole.headers, [("auto-submitted".to_owned(), "yes".to_owned())]);
    assert_eq!(whole.date.unwrap().to_string(), "2026-11-20T12:00:00+01:00[+01:00]");
    assert_eq!(read(json!({})).unwrap().thread, "1");
    for (more, what) in [
        (json!({ "id": "" }), "`id` is not 1 to 200 bytes long"),
        (json!({ "id": "a b\n" }), "`id` holds white space or characters that cannot be shown"),
        (json!({ "date": "yesterday" }), "`date` is not a time with an offset (RFC 3339)"),
        (json!({ "to": ["a", "b\u{200b}@c.d"] }), "`to` is no address such as `Ada Brown <ada@example.org>`"),
        (json!({ "cc": vec!["a@b.c"; 101] }), "`cc` has more than 100 entries"),
    ] {
        assert_eq!(read(more).unwrap_err(), what);
    }
    assert!(read(json!({ "body": 1 })).unwrap_err().contains("expected a string"));
}

#[test]
fn a_key_is_asked_for_only_where_the_wiring_says_so() {
    let folder = TempDir::new().unwrap();
    let script = format!(
        "{HELLO}\nread -r line; echo '{{\"id\":1,\"ok\":{{\"found\":\"no\"}}}}'; read -r line; exit 1"
    );
    let key = outgoing().key;
    assert!(matches!(wait(program(&folder, &script).find(&key)), Found::Unknown { .. }));
    let mut settings = settings(&folder, &script);
    settings.capabilities.can_find = true;
    let program = Program::new(settings, Role::Transport);
    wait(async {
        assert_eq!(program.find(&key).await, Found::No);
        // It ends instead of an answer: that says nothing about the key.
        assert!(matches!(program.find(&key).await, Found::Away { .. }));
    });
}

#[test]
fn a_program_that_breaks_is_started_again_and_then_left_alone() {
    let folder = TempDir::new().unwrap();
    let program = program(&folder, &format!("echo >>starts\n{HELLO}\nread -r line; exit 1"));
    wait(async {
        for _ in 0..3 {
            let ConnectorError::Away { what } = program.health().await.unwrap_err() else { panic!() };
            assert_eq!(what, "`sh`: it ended without an answer");
        }
        let ConnectorError::Away { what } = program.health().await.unwrap_err() else { panic!() };
        assert_eq!(what, "`sh` broke 3 times, and is left alone in this run");
    });
    assert_eq!(fs::read_to_string(folder.path().join("starts")).unwrap().lines().count(), 3);
}

#[test]
fn a_program_that_floods_its_answer_or_its_stderr_is_bounded() {
    let folder = TempDir::new().unwrap();
    let flood = format!(
        "{HELLO}\nread -r line; yes complaint | head -c 3000000 >&2
         yes '{{\"id\":1,\"message\":{{}}}}' | head -n 20000; echo '{{\"id\":1,\"ok\":{{}}}}'"
    );
    let ConnectorError::Away { what } = wait(program(&folder, &flood).fetch(&Window::default())).unwrap_err()
    else {
        panic!()
    };
    assert_eq!(what, "`sh`: its answer has more than 10000 lines or 67108864 bytes");
}

#[test]
fn the_lock_is_held_as_long_as_a_sending_program_lives() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lock");
    let lock = File::create(&path).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    // It ends, and leaves one of its own behind, which holds none of its pipes.
    let script = format!(
        "{HELLO}\nmkfifo gate; read -r line; (read line <gate) >/dev/null 2>&1 </dev/null &
         echo '{{\"id\":1,\"ok\":{{\"outcome\":\"delivered\",\"receipt\":\"r\"}}}}'; exit 0"
    );
    let program = program(&folder, &script);
    let other = File::open(&path).unwrap();
    wait(async {
        let outcome = program.send(&outgoing(), &lock, now()).await;
        assert_eq!(outcome, Outcome::Delivered { receipt: "r".to_owned() });
        drop(lock);
        assert!(flock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        // What it left behind ends with it, although it has ended by itself.
        program.close().await;
    });
    flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
}

#[test]
fn the_lock_is_free_once_the_transport_is_closed_and_it_can_send_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lock");
    let delivers = r#"while read -r line; do
        echo '{"id":1,"ok":{"outcome":"delivered","receipt":"r"}}'; done"#;
    let transport = Transport::Program(program(&folder, &format!("echo >>starts\n{HELLO}\n{delivers}")));
    wait(async {
        // More often than one that breaks is started.
        for _ in 0..5 {
            let lock = File::create(&path).unwrap();
            flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
            assert!(matches!(transport.send(&outgoing(), &lock, now()).await, Outcome::Delivered { .. }));
            transport.close().await;
        }
    });
    assert_eq!(fs::read_to_string(folder.path().join("starts")).unwrap().lines().count(), 5);
}

#[test]
fn a_program_that_does_not_end_with_its_input_is_ended() {
    let folder = TempDir::new().unwrap();
    let script =
        format!("echo $$ >process\n{HELLO}\nread -r line; echo '{{\"id\":1,\"ok\":{{}}}}'; exec sleep 60");
    let began = Instant::now();
    wait(async {
        let program = program(&folder, &script);
        program.health().await.unwrap();
    });
    assert!(began.elapsed() < Duration::from_secs(20));
    let process = fs::read_to_string(folder.path().join("process")).unwrap();
    assert!(!Path::new("/proc").join(process.trim()).join("exe").exists());
}

fn is_unsure(end: End) -> bool {
    matches!(wire::read_outcome("x", end, now()), Outcome::Unsure { .. })
}

proptest! {
    #[test]
    fn no_line_breaks_the_reading(line in proptest::collection::vec(any::<u8>(), 0..200), text in ".*") {
        let _ = wire::read_line(1, &line);
        let _ = wire::read_line(1, text.as_bytes());
        for value in [json!({ "id": 1, "message": text }), json!({ "id": 1, "ok": { "outcome": text } })] {
            match wire::read_line(1, value.to_string().as_bytes()).unwrap() {
                Line::Message(message) => prop_assert!(wire::read_message("x", &message).is_err()),
                Line::End(end) => prop_assert!(is_unsure(end)),
                Line::Stray => prop_assert!(false),
            }
        }
    }

    #[test]
    fn only_a_clear_word_is_believed(outcome in "[a-z]{0,12}", found in "[a-z]{0,12}") {
        prop_assume!(!["delivered", "deferred", "failed", "unsure"].contains(&&*outcome));
        let end = End::Ok(json!({ "outcome": outcome, "receipt": "r", "reason": "r" }));
        prop_assert!(is_unsure(end));
        prop_assume!(!["yes", "no", "unknown"].contains(&&*found));
        let end = End::Ok(json!({ "found": found, "receipt": "r", "reason": "r" }));
        let is_unknown = matches!(wire::read_found("x", end), Found::Unknown { .. });
        prop_assert!(is_unknown);
    }
}
