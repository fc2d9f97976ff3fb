//! Runs without anybody who looks on: what is installed, what a run says, and what is kept of it.
//!
//! What real timers, cron and the journal make of it is in `tests/unattended`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

use crate::crash::with_sendmail;
use crate::hub::{ask, with_hub};
use crate::support::desk::Desk;
use crate::support::hub::{Fault, StateHub};

/// Runs as the crontab's line does: no terminal, and what it claims.
fn by_cron(desk: &Desk, time: &str) -> String {
    desk.at(time).drafts(&["run", "--trigger", "cron"]);
    desk.seen()
}

fn records(desk: &Desk) -> Vec<Value> {
    let state = state(desk);
    let text = fs::read_to_string(state.join("runs.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn state(desk: &Desk) -> std::path::PathBuf {
    let mut folders = fs::read_dir(desk.home().join(".state/git-drafts")).unwrap();
    folders.find(|folder| folder.as_ref().unwrap().path().is_dir()).unwrap().unwrap().path()
}

#[test]
fn a_timer_is_not_trusted_before_a_dry_run_went_well_with_the_same_wiring() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?");
    desk.drafts(&["schedule", "install"]).fails(128);
    assert_snapshot!(desk.seen(), @r"
    2> error: no `git drafts tick --dry-run` has gone well here yet
    2> hint: run it and read what it shows; or install it blindly with --force
    exit 128
    ");
    desk.drafts(&["tick", "--dry-run"]).succeeds();
    desk.drafts(&["schedule", "install", "--every", "1h"]).succeeds();
    let wiring = desk.home().join(".config/git-drafts/config.toml");
    let text = fs::read_to_string(&wiring).unwrap();
    fs::write(&wiring, format!("# Another wiring.\n{text}")).unwrap();
    desk.drafts(&["schedule", "install"]).fails(128).says("the wiring has changed since");
    assert_eq!(records(&desk).len(), 0);
    desk.drafts(&["schedule", "install", "--force"]).succeeds().says("installed all the same");
    assert_eq!(desk.seen().matches("`git drafts tick --dry-run`").count(), 1, "{}", desk.seen());
    let record = records(&desk).pop().unwrap();
    assert_eq!(record["command"], "schedule install --force");
    assert_eq!(
        record["did"]["faults"][0],
        "the wiring has changed since the last `git drafts tick --dry-run` that went well"
    );
    // The interval from before is kept.
    let unit = desk.drafts(&["schedule", "status"]).succeeds().out;
    assert!(unit.contains("off, every 1h"), "{unit}");
}

#[test]
fn a_dry_run_that_finds_a_source_away_is_no_reason_to_trust_a_timer() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    hub.once_on("GET /messages", Fault::status(503));
    desk.drafts(&["tick", "--dry-run"]).succeeds().says("is skipped");
    desk.drafts(&["schedule", "install"]).fails(128);
    desk.drafts(&["tick", "--dry-run"]).succeeds();
    desk.drafts(&["schedule", "install"]).succeeds();
}

#[test]
fn the_units_are_what_systemd_understands() {
    for desk in [Desk::new(), with_sendmail()] {
        desk.drafts(&["schedule", "install", "--force"]).succeeds();
        let folder = desk.home().join(".config/systemd/user");
        let mut units: Vec<_> = fs::read_dir(&folder).unwrap().map(|unit| unit.unwrap().path()).collect();
        units.sort();
        assert_eq!(units.len(), 2, "{units:?}");
        let analyze = Command::new("systemd-analyze")
            .args(["--user", "--man=no", "verify"])
            .args(&units)
            .env("XDG_RUNTIME_DIR", desk.home())
            .stdin(Stdio::null())
            .output();
        let Ok(verified) = analyze else {
            println!("skipped: there is no `systemd-analyze`");
            return;
        };
        // An unknown key is only said, and not told by the code.
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert_eq!((verified.status.code(), said.as_str()), (Some(0), ""));
        let service = fs::read_to_string(&units[0]).unwrap();
        assert!(service.contains(" run --trigger timer\n"), "{service}");
        let state = format!("Environment=\"XDG_STATE_HOME={}/.state\"\n", desk.home().display());
        assert!(service.contains(&state), "{service}");
        assert!(fs::read_to_string(&units[1]).unwrap().contains("\nPersistent=true\n"));
        // What differs is said, and mended by the next install.
        fs::write(&units[0], service.replace("Nice=5", "Nice=19")).unwrap();
        desk.drafts(&["schedule", "status"]).succeeds().says("not what this version would write");
        desk.drafts(&["check"]).says("is not what this version would write");
        desk.drafts(&["schedule", "install", "--force"]).succeeds();
        assert_eq!(fs::read_to_string(&units[0]).unwrap(), service);
        desk.drafts(&["schedule", "remove"]).succeeds();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
}

#[test]
fn each_run_leaves_a_record_and_a_clean_streak_is_counted() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?");
    by_cron(&desk, "2026-11-20T12:00:00Z");
    by_cron(&desk, "2026-11-20T12:15:00Z");
    desk.approve("invoice").commit("yes");
    let id = desk.story(records(&desk)[0]["did"]["drafted"][0].as_str().unwrap());
    assert_eq!(id, "drafted claimed sending sent");
    desk.at("2026-11-20T12:20:00Z").drafts(&["run"]).succeeds();
    by_cron(&desk, "2026-11-20T12:30:00Z");
    let told: Vec<String> = records(&desk)
        .iter()
        .map(|record| {
            let did = &record["did"];
            let word = |key: &str| record[key].as_str().unwrap().to_owned();
            format!(
                "{} by {}: {} {} {}",
                word("command"),
                word("trigger"),
                did["ending"],
                did["messages"],
                did["sends"]
            )
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    run by cron: "clean" {"drafted":1} null
    run by cron: "clean" {"known":1} null
    send by hook: "clean" null {"sent":1}
    run by hand: "clean" {"known":1} null
    run by cron: "clean" {"known":1} null
    "#);
    let first = &records(&desk)[0];
    assert_eq!(first["did"]["sources"].to_string(), r#"[{"messages":1,"name":"mail"}]"#);
    assert_eq!(first["did"]["brains"].to_string(), r#"{"rules":1}"#);
    assert_eq!(records(&desk)[4]["desk"], desk.git_says(&["rev-parse", "main"]));
    assert_eq!(records(&desk)[4]["ledger"], desk.git_says(&["rev-parse", "ledger"]));
    desk.at("2026-11-20T12:31:00Z").drafts(&["status"]);
    assert_snapshot!(desk.seen(), @r"
    On desk ~/drafts, last tick 1 minute ago.
    Last scheduled run Fri 20 Nov 12:30:00 (1 minute ago): clean; 3 clean in a row.
    Nothing waits for you.
    ");
    let status: Value = serde_json::from_str(&desk.drafts(&["status", "--json"]).out).unwrap();
    assert_eq!(status["runs"]["streak"], 3);
    assert_eq!(status["runs"]["last_scheduled"]["at"], "2026-11-20T12:30:00Z");
    // What is left for the parent is taken.
    let left = fs::read_dir(state(&desk)).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("part-")), "{left:?}");
}

#[test]
fn evidence_is_of_the_time_that_was_asked_for_and_holds_no_text_of_a_message() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("Why is the sky blue?");
    by_cron(&desk, "2026-11-18T12:00:00Z");
    by_cron(&desk, "2026-11-20T12:00:00Z");
    let all = desk.drafts(&["evidence"]).succeeds().out;
    let some: Value =
        serde_json::from_str(&desk.drafts(&["evidence", "--since", "1d"]).succeeds().out).unwrap();
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!((&all["runs"]["count"], &some["runs"]["count"]), (&2.into(), &1.into()));
    // The streak is of all that is kept.
    assert_eq!(some["runs"]["streak"], 2);
    assert_eq!(some["at"], "2026-11-20T12:00:00Z");
    assert_eq!(all["drafts"]["waiting"].as_array().unwrap().len(), 2);
    assert_eq!(all["drafts"]["waiting"][0]["age_seconds"], 2 * 86_400);
    for word in ["invoice", "sky", "ada@", "Ada", "portal"] {
        assert!(!all.to_string().contains(word), "{word}");
    }
    desk.drafts(&["evidence", "--since", "soon"]).fails(129);
}

#[test]
fn a_dead_hub_is_told_once_and_once_more_when_it_is_back() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    assert_eq!(by_cron(&desk, "2026-11-20T12:00:00Z"), "");
    hub.always_on("GET /messages", Fault::status(503));
    let told = by_cron(&desk, "2026-11-20T12:15:00Z");
    assert_snapshot!(told, @"2> warning: source `hub` is skipped: the hub answered 503 (asked for by the test) when asked for the inbox");
    assert_eq!(by_cron(&desk, "2026-11-20T12:30:00Z"), "");
    // A person who looks is told every time.
    desk.drafts(&["tick"]).succeeds().says("source `hub` is skipped");
    assert_eq!(by_cron(&desk, "2026-11-20T12:45:00Z"), "");
    hub.heal();
    ask(&hub, 1);
    let told = by_cron(&desk, "2026-11-20T13:00:00Z");
    assert!(told.starts_with("From hub") && told.contains("2> source `hub` is back"), "{told}");
    let endings: Vec<Value> = records(&desk).iter().map(|record| record["did"]["ending"].clone()).collect();
    assert_eq!(endings, ["clean", "faults", "faults", "faults", "faults", "clean"]);
    assert!(records(&desk).iter().all(|record| record["exit"] == 0));
    let key = records(&desk)[5]["did"]["hub_notes"][0].as_str().unwrap().to_owned();
    assert!(key.starts_with("hub tick."), "{key}");
    assert_eq!(hub.noted().len(), 1);
}

#[test]
fn a_run_that_takes_too_long_is_ended_with_all_that_it_started_and_says_so() {
    let desk = Desk::unmade();
    let brain = desk.script("brain", "echo $$ >\"$HOME/pid\"; sleep 600");
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\nbrain = \"slow\"\ntransport = \"out\"\n\
         [transport.out]\nkind = \"null\"\n[brain.slow]\nkind = \"exec\"\ncommand = [\"{brain}\"]\n\
         environment = [\"HOME\", \"PATH\"]\n[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n"
    ));
    desk.drafts(&["init"]).succeeds();
    desk.with_mail("Why is the sky blue?");
    let began = Instant::now();
    desk.drafts(&["run", "--trigger", "cron", "--seconds-max", "6"]).fails(128);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_snapshot!(desk.seen(), @r"
    2> warning: `tick` takes too long and is ended
    2> error: the run did not end well; see above
    exit 128
    ");
    let pid = fs::read_to_string(desk.home().join("pid")).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    assert!(status.is_empty() || status.contains("State:\tZ"), "{status}");
    let record = records(&desk).pop().unwrap();
    assert_eq!((&record["did"]["ending"], &record["exit"]), (&"failed".into(), &128.into()));
    assert_eq!(record["did"]["faults"][0], "`tick` ended with 128");
}
