//! Programs as connectors, end to end: the two examples of the documentation, and programs that break.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use serde_json::Value;

use crate::approve::wait_until;
use crate::support::desk::{Desk, Said};
use crate::support::hub::{Fault, StateHub};

/// One of the examples, with what it needs to be tried.
struct Example {
    name: &'static str,
    /// The program without which it cannot run.
    needs: &'static str,
}

const EXAMPLES: [Example; 2] =
    [Example { name: "sqlite", needs: "python3" }, Example { name: "spool", needs: "jq" }];

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/examples/connectors")
}

/// Returns the examples that can run here, and says which cannot.
fn runnable() -> Vec<&'static Example> {
    let runs = |example: &&Example| {
        let runs =
            Command::new(example.needs).arg("--version").output().is_ok_and(|said| said.status.success());
        if !runs {
            eprintln!("skipped: the example `{}` needs {}", example.name, example.needs);
        }
        runs
    };
    EXAMPLES.iter().filter(runs).collect()
}

impl Example {
    /// A desk whose source and transport are this example, with one question in it.
    fn desk(&self) -> Desk {
        let desk = Desk::unmade();
        desk.with("PATH", format!("{}:{}", examples().display(), path_of(&desk)));
        let home = desk.home().display().to_string();
        desk.write_wiring(&format!(
            "version = 1\n[desk]\npath = \"drafts\"\n[source.queue]\nkind = \"program\"\nname = \"{}\"\n\
             address = [\"Sam Hill <sam@example.com>\"]\ndedupes = true\ncan_find = true\n\
             [source.queue.settings]\ninbox = \"{home}/in.jsonl\"\noutbox = \"{home}/out\"\n\
             database = \"{home}/queue.db\"\n[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
            self.name
        ));
        desk.drafts(&["init"]).succeeds();
        // Makes the tables, too.
        desk.drafts(&["connector", "test", "queue"]);
        match self.name {
            "sqlite" => self.python(
                &desk,
                "db.execute(\"INSERT INTO inbox VALUES ('q1', 't1', 'Ada Brown <ada@example.org>', 'Invoice', \
                 'Where is my invoice for October?', '2026-11-20T09:00:00Z', 0)\"); db.commit()",
            ),
            _ => {
                let line = r#"{"id": "q1", "thread": "t1", "from": "Ada Brown <ada@example.org>", "subject": "Invoice", "body": "Where is my invoice for October?", "date": "2026-11-20T09:00:00Z"}"#;
                fs::write(desk.home().join("in.jsonl"), format!("{line}\n")).unwrap();
                String::new()
            }
        };
        desk
    }

    fn python(&self, desk: &Desk, line: &str) -> String {
        let script =
            format!("import sqlite3; db = sqlite3.connect('{}/queue.db'); {line}", desk.home().display());
        let output = desk.command("python3").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the keys and texts of what arrived.
    fn arrived(&self, desk: &Desk) -> Vec<(String, String)> {
        let all = match self.name {
            "sqlite" => self.python(
                desk,
                "import json; print(json.dumps([dict(key=k, text=t) for k, t in db.execute('SELECT key, text FROM outbox ORDER BY key')]))",
            ),
            _ => {
                let read = "find out -name '[!.]*.json' -type f 2>/dev/null | sort | xargs cat | jq -cs .";
                let output = desk.command("sh").current_dir(desk.home()).args(["-c", read]).output().unwrap();
                String::from_utf8(output.stdout).unwrap()
            }
        };
        let all: Value = serde_json::from_str(&all).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.as_array().unwrap().iter().map(|one| (text(&one["key"]), text(&one["text"]))).collect()
    }
}

fn path_of(desk: &Desk) -> String {
    let output = desk.command("sh").args(["-c", "printf %s \"$PATH\""]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn both_examples_keep_to_the_protocol_and_deliver_a_key_once() {
    for example in runnable() {
        let desk = example.desk();
        let said =
            desk.drafts(&["connector", "test", "queue", "--to", "ada@example.org", "--json"]).succeeds();
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["failed"], 0, "{}", said.out);
        assert!(report["checks"].as_array().unwrap().len() > 28, "{}", said.out);
        assert_eq!(example.arrived(&desk).len(), 1, "three times the same key: {}", example.name);
    }
}

#[test]
fn a_message_of_a_program_is_answered_through_it() {
    for example in runnable() {
        let desk = example.desk();
        desk.tick().tick();
        assert_eq!(desk.files().len(), 1, "{}", desk.said().err);
        let id = desk.id("invoice");
        desk.approve("invoice").commit("yes");
        assert!(desk.story(&id).ends_with("claimed sending sent"), "{}", desk.story(&id));
        let arrived = example.arrived(&desk);
        assert_eq!(arrived.len(), 1);
        assert!(
            arrived[0].0.starts_with(&format!("{id}.1.")) && arrived[0].1.contains("portal"),
            "{arrived:?}"
        );
        if example.name == "sqlite" {
            assert_eq!(example.python(&desk, "print(*db.execute('SELECT is_read FROM inbox'))"), "(1,)\n");
        }
    }
}

#[test]
fn a_sender_that_dies_while_a_program_sends_delivers_once() {
    for example in runnable() {
        for point in ["connector.started#2", "connector.asked#3"] {
            let desk = example.desk();
            desk.tick();
            let id = desk.id("invoice");
            desk.approve("invoice").commit_quietly("yes");
            desk.with("GIT_DRAFTS_FAILPOINT", format!("kill:{point}"));
            desk.drafts(&["send"]);
            desk.with("GIT_DRAFTS_FAILPOINT", "");
            // The program holds the lock until it has ended.
            wait_until(|| desk.send().story(&id).ends_with("sent"));
            assert_eq!(example.arrived(&desk).len(), 1, "{} {point}", example.name);
        }
    }
}

/// A desk with one approved answer that goes out through a shell script that has said hello.
fn with_script(script: &str, more: &str) -> Desk {
    let desk = Desk::unmade();
    let program = desk.script(
        "connector",
        &format!(
            "cd '{}'\nread -r line\necho '{{\"id\":0,\"ok\":{{\"protocol\":1,\"dedupes\":true,\"can_find\":true}}}}'\n\
             read -r line || exit 0\nprintf '%s\\n' \"$line\" >>asked\n{script}",
            desk.home().display()
        ),
    );
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n\
         [transport.out]\nkind = \"program\"\ncommand = [\"{program}\"]\ntimeout_seconds = 2\n{more}\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n"
    ));
    desk.drafts(&["init"]).succeeds();
    desk.with_mail("where is my invoice?").tick().approve("invoice").commit_quietly("yes");
    desk
}

#[test]
fn a_credential_that_a_system_says_again_is_neither_kept_nor_shown() {
    let secret = ["own", "-Canary", "-Wx82Lq"].concat();
    let said_again = [
        r#""ok":{"outcome":"failed","reason":"401 for GET /?key=SECRET"}"#,
        r#""ok":{"outcome":"failed","reason":"535 cannot decode BASE64"}"#,
        r#""ok":{"outcome":"deferred","reason":"401 for GET /?key=SECRET"}"#,
        r#""ok":{"outcome":"unsure","reason":"SECRET: no answer"}"#,
        r#""ok":{"outcome":"delivered","receipt":"queued for SECRET"}"#,
        r#""error":{"kind":"refused","what":"401 for GET /?key=SECRET"}"#,
    ];
    for answer in said_again {
        let desk = Desk::unmade();
        let program = desk.script(
            "connector",
            &format!(
                "read -r line\nsecret=$(printf %s \"$line\" | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')\n\
                 coded=$(printf '\\000sam\\000%s' \"$secret\" | base64)\n\
                 echo '{{\"id\":0,\"ok\":{{\"protocol\":1}}}}'\nread -r line || exit 0\n\
                 echo '{{\"id\":1,{answer}}}' | sed \"s|SECRET|$secret|;s|BASE64|$coded|\""
            ),
        );
        let command =
            format!("command = [\"{program}\"]\nsecrets = {{ token = {{ env = \"QUEUE_TOKEN\" }} }}\n");
        desk.write_wiring(&format!(
            "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
             address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n\
             [source.queue]\nkind = \"program\"\naddress = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n{command}\
             [transport.out]\nkind = \"program\"\n{command}\
             [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n"
        ));
        desk.with("QUEUE_TOKEN", &secret);
        desk.drafts(&["init"]).succeeds();
        desk.with_mail("where is my invoice?");
        let mut said = vec![desk.drafts(&["tick"])];
        let id = desk.id("invoice");
        desk.approve("invoice").commit_quietly("yes");
        for command in [&["send"][..], &["log", &id], &["status"], &["connector", "test", "queue"]] {
            said.push(desk.drafts(command));
        }
        let kept = desk.shell("find .. -type f -exec cat {} +").out + &crate::secrets::objects(&desk);
        let coded = STANDARD.encode(format!("\0sam\0{secret}"));
        for trace in [secret.as_str(), coded.trim_end_matches('=')] {
            assert!(!kept.contains(trace), "kept: {answer}");
            assert!(
                !said.iter().any(|said| (said.out.clone() + &said.err).contains(trace)),
                "shown: {answer}"
            );
        }
        assert!(said.iter().any(|said| said.out.contains("[redacted]")), "{answer}: {said:?}");
        assert!(kept.contains("[redacted]"), "{answer}");
    }
}

fn asked(desk: &Desk) -> usize {
    fs::read_to_string(desk.home().join("asked")).unwrap_or_default().lines().count()
}

#[test]
fn a_program_that_dies_hangs_or_lies_after_the_send_leaves_it_unsure_and_is_not_asked_again() {
    for script in ["exit 1", "sleep 60", "echo nonsense", "echo '{\"id\":1,\"ok\":{\"outcome\":\"sure\"}}'"] {
        let desk = with_script(script, "");
        let id = desk.id("invoice");
        desk.send();
        assert!(desk.story(&id).ends_with("sending unsure"), "{script}: {}", desk.story(&id));
        desk.send();
        assert_eq!(asked(&desk), 1, "{script}");
    }
}

#[test]
fn a_program_that_is_not_there_puts_the_send_off_in_one_line() {
    let desk = with_script("exit 1", "");
    fs::remove_file(desk.home().join("connector")).unwrap();
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To out
     . [later]     rnjk -> Ada Brown  Re: where is my invoice?  after Fri 20 Nov 12:15:00 (`connector` cannot be started: No such file or directory (os error 2))
    2> hint: the first `git drafts send` or run after that tries again
    ");
    let id = desk.id("invoice");
    assert!(desk.story(&id).ends_with("claimed deferred"), "{}", desk.story(&id));
}

#[test]
fn a_program_that_breaks_the_protocol_fails_the_test_and_says_where() {
    let desk = Desk::unmade();
    desk.script(
        "git-drafts-connector-bad",
        "read -r line; echo '{\"id\":0,\"ok\":{\"protocol\":1,\"program\":\"bad 0\"}}'\n\
         while read -r line; do echo '{\"id\":1,\"ok\":{}}'; done; sleep 60",
    );
    desk.with("PATH", format!("{}:{}", desk.home().display(), path_of(&desk)));
    desk.drafts(&["connector", "test", "bad"]).fails(1).says("it answered with another `id` than 2");
    desk.drafts(&["connector", "test", "no-such"]).fails(1).says("No such file");
    desk.drafts(&["connector", "test", "../bad"]).fails(128);
}

#[test]
fn what_a_hub_can_do_is_tried_out_and_printed_as_lines_for_the_wiring() {
    let hub = StateHub::start();
    let desk = crate::hub::with_hub(&hub, "");
    crate::hub::ask(&hub, 1);
    desk.drafts(&["connector", "test", "hub"]).succeeds();
    assert!(hub.sent().is_empty(), "nothing is sent without --to");
    desk.drafts(&["connector", "test", "hub", "--to", "planner", "--thread", "thread-1"]).succeeds();
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @"
    hub `hub` at [hub]
      ok       says that it is up
      ok       gives its inbox: 1 unread
      ok       says of a new key that it has not arrived
      ok       delivers the same key once: hub message m2
      ok       finds what has arrived: hub message m2
      ok       gives the messages of a thread: 2 messages
    6 ok, 0 failed, 0 skipped

    [source.hub]
    dedupes = true
    can_find = true
    thread_tail = true
    ");
    assert_eq!((hub.sent().len(), hub.reads().len()), (1, 0));
}

#[test]
fn what_the_wiring_does_not_claim_of_a_hub_is_no_failure() {
    let hub = StateHub::start();
    hub.always_on("GET /messages?idempotency_key", Fault::status(404));
    let test = |more: &str| crate::hub::with_hub(&hub, more).drafts(&["connector", "test", "hub"]);
    test("")
        .succeeds()
        .says("skipped  says of a new key that it has not arrived: the wiring has no `can_find = true`");
    test("can_find = true").fails(1).says("failed   says of a new key that it has not arrived");
}

#[test]
fn a_hub_that_takes_every_copy_is_seen_to() {
    let hub = StateHub::start();
    hub.ignores_keys();
    let desk = crate::hub::with_hub(&hub, "");
    let said = desk.drafts(&["connector", "test", "hub", "--to", "planner"]).fails(1);
    assert!(
        said.out.contains("the hub ignores the key") && said.out.contains("\ndedupes = false\n"),
        "{}",
        said.out
    );
}

/// A desk with two hubs as sources, and one question in each.
fn with_two_hubs(first: &StateHub, second: &StateHub) -> Desk {
    let source = |name: &str, hub: &StateHub| {
        format!(
            "[source.{name}]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\ntimeout_seconds = 3\n",
            hub.url()
        )
    };
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n{}{}[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        source("first", first),
        source("second", second)
    ));
    for hub in [first, second] {
        crate::hub::ask(hub, 1);
    }
    desk
}

#[test]
fn sources_are_read_side_by_side_and_one_that_hangs_holds_up_no_other() {
    let (first, second) = (StateHub::start(), StateHub::start());
    let desk = with_two_hubs(&first, &second);
    // Both hang until their time-outs; one after the other, the second would be asked 3 s after the first.
    for hub in [&first, &second] {
        hub.always_on("GET /messages", Fault::Delay(Duration::from_secs(60)));
    }
    let mut tick = desk.command("git");
    tick.args(["drafts", "tick"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let tick = tick.spawn().unwrap();
    let is_asked = |hub: &StateHub| hub.requests().iter().any(|request| request.contains("/messages"));
    wait_until(|| is_asked(&first) || is_asked(&second));
    let began = Instant::now();
    wait_until(|| is_asked(&first) && is_asked(&second));
    assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    let said = Said::of(&tick.wait_with_output().unwrap()).succeeds();
    assert_eq!(said.err.matches("is skipped").count(), 2, "{}", said.err);
    first.heal();
    let said = desk.drafts(&["tick"]).succeeds();
    assert!(said.out.starts_with("From first\n"), "{}", said.out);
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn status_says_which_source_is_away_and_since_when_until_it_is_back() {
    let (first, second) = (StateHub::start(), StateHub::start());
    let desk = with_two_hubs(&first, &second);
    desk.tick();
    second.down();
    desk.at("2026-11-20T13:00:00Z").tick();
    desk.at("2026-11-20T15:00:00Z");
    let said = desk.drafts(&["status"]).succeeds();
    let line = said.out.lines().find(|line| line.contains("source `second`")).unwrap();
    assert_eq!(
        line.replace(&second.url(), "[hub]"),
        "source `second` has been away for 2 hours (last worked 3 hours ago): cannot reach [hub]: Connection refused (os error 111)"
    );
    let json: Value = serde_json::from_str(&desk.drafts(&["status", "--json"]).succeeds().out).unwrap();
    let all: Vec<(&str, &str, bool)> = json["connectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["role"].as_str().unwrap(), one["name"].as_str().unwrap(), one["fails_since"].is_string())
        })
        .collect();
    assert_eq!(
        all,
        [
            ("source", "first", false),
            ("source", "second", true),
            ("transport", "first", false),
            ("transport", "second", false)
        ]
    );
    second.up();
    desk.tick();
    assert!(!desk.drafts(&["status"]).succeeds().out.contains("is away"));
}

#[test]
fn answers_to_a_hub_that_dedupes_are_on_their_way_side_by_side() {
    let hub = StateHub::start();
    let desk = crate::hub::with_hub(&hub, "dedupes = true");
    (0..16).for_each(|number| drop(crate::hub::ask(&hub, number)));
    desk.tick();
    desk.shell("sed -i 2s/draft/approved/ drafts/*.md").succeeds();
    desk.commit_quietly("yes");
    hub.always_on("POST /messages", Fault::Delay(Duration::from_secs(1)));
    let began = Instant::now();
    let said = desk.drafts(&["send"]).succeeds();
    // One after the other they would take sixteen seconds, and as long for each mark of reading.
    assert!(began.elapsed() < Duration::from_secs(13), "{:?}", began.elapsed());
    let keys: BTreeSet<_> = hub.sent().into_iter().map(|sent| sent.key).collect();
    assert_eq!((hub.sent().len(), keys.len(), desk.files().len()), (16, 16, 0));
    let told: Vec<&str> = said.out.lines().skip(1).collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!((told.len(), &told), (16, &sorted), "in the order of the drafts, whoever was first");
}
