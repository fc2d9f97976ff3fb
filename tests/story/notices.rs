//! What a person is told who does not look: once for each change, in numbers, and not at night.

use std::fs;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::support::desk::Desk;

/// A desk without a desktop, whose operator has a program for that.
fn with_command(more: &str) -> Desk {
    let desk = Desk::unmade();
    let command = desk.script("tell", "cat >>\"$HOME/told\"; echo == >>\"$HOME/told\"");
    desk.script("sendmail", "cat >/dev/null; kill -9 $$");
    let home = desk.home().display().to_string();
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"post\"\n[transport.post]\nkind = \"sendmail\"\n\
         command = [\"{home}/sendmail\"]\n[limits]\nmessages_since = \"all\"\n[notify]\ncommand = [\"{command}\"]\n{more}\n"
    ));
    desk.drafts(&["init"]).succeeds();
    desk
}

/// What was told since the last look.
fn told(desk: &Desk) -> String {
    let path = desk.home().join("told");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(path);
    text
}

#[test]
fn where_there_is_no_desktop_a_program_is_told_numbers_once() {
    let desk = with_command("");
    desk.with_mail("where is my invoice?").with_mail("Why is the sky blue?").tick();
    assert_snapshot!(told(&desk), @r"
    2 new drafts wait
    low 1, medium 1 · 1 needs you
    ==
    ");
    desk.tick().drafts(&["run"]).succeeds();
    assert_eq!(told(&desk), "");
}

#[test]
fn what_may_not_have_gone_is_told_at_once_and_once() {
    let desk = with_command("");
    desk.with_mail("where is my invoice?").tick();
    told(&desk);
    desk.approve("invoice").commit("yes");
    assert_snapshot!(told(&desk), @r#"
    1 answer may or may not have gone
    "git drafts status" tells what to do
    ==
    "#);
    desk.drafts(&["run"]).succeeds();
    desk.send();
    assert_eq!(told(&desk), "");
}

#[test]
fn nothing_is_told_at_night_and_all_of_it_in_the_morning() {
    let desk = with_command("quiet = \"22:00-07:00\"");
    desk.at("2026-11-20T22:00:00Z").with_mail("where is my invoice?").tick();
    desk.at("2026-11-21T02:00:00Z").with_mail("Why is the sky blue?").tick();
    desk.approve("invoice").commit("yes");
    assert_eq!(told(&desk), "");
    desk.at("2026-11-21T06:59:00Z").drafts(&["run"]).succeeds();
    assert_eq!(told(&desk), "");
    desk.at("2026-11-21T07:00:00Z").drafts(&["run"]).succeeds();
    assert_snapshot!(told(&desk), @r#"
    1 answer may or may not have gone
    "git drafts status" tells what to do
    ==
    2 new drafts wait
    low 1, medium 1 · 1 needs you · oldest 9 hours
    ==
    "#);
    desk.at("2026-11-21T07:15:00Z").drafts(&["run"]).succeeds();
    assert_eq!(told(&desk), "");
}

#[test]
fn a_program_that_hangs_or_is_gone_fails_no_tick() {
    let desk = with_command("");
    desk.script("tell", "sleep 600");
    let began = Instant::now();
    desk.with_mail("where is my invoice?").tick();
    assert!(began.elapsed() < Duration::from_secs(30));
    fs::remove_file(desk.home().join("tell")).unwrap();
    desk.with_mail("Why is the sky blue?").tick();
    assert!(desk.seen().contains("the command of [notify] did not run"), "{}", desk.seen());
    assert_eq!(desk.files().len(), 2);
}

#[test]
fn a_long_pause_is_told_once_a_day() {
    let desk = with_command("");
    desk.drafts(&["pause"]).succeeds();
    for (time, expected) in [
        ("2026-11-20T13:00:00Z", ""),
        ("2026-11-21T12:00:00Z", "git-drafts is paused for 1 day\n\"git drafts resume\" goes on\n==\n"),
        ("2026-11-21T13:00:00Z", ""),
    ] {
        desk.at(time).drafts(&["run"]);
        assert_eq!(told(&desk), expected, "{time}");
    }
}

#[test]
fn quiet_hours_that_are_none_are_named_with_their_line() {
    let desk = with_command("");
    let path = desk.home().join(".config/git-drafts/config.toml");
    let wiring = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{wiring}quiet = \"22-7\"\n")).unwrap();
    desk.drafts(&["tick"]).fails(128).says(":17: `quiet` is no span of a day");
}

#[test]
fn a_run_without_a_terminal_logs_ids_and_no_text() {
    let desk = with_command("");
    desk.with_mail("where is my invoice?").tick();
    let id = desk.id("invoice");
    let log = fs::read_to_string(desk.home().join(".state/git-drafts/log")).unwrap();
    assert!(log.contains(&format!("taken in draft={id} source=mail tier=low outcome=drafted\n")), "{log}");
    for word in ["invoice", "Ada", "portal"] {
        assert!(!log.contains(word), "{word} in {log}");
    }
}
