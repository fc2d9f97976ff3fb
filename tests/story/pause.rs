//! The kill switch: nothing is drafted, nothing is sent, and what was approved is sent when it is off again.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::approve::wait_until;
use crate::crash::with_sendmail;
use crate::hub::{ask, with_hub};
use crate::support::desk::{Desk, PROGRAM};
use crate::support::hub::{Fault, StateHub};

fn with_answer() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    desk
}

#[test]
fn while_it_is_paused_nothing_is_drafted_or_sent_and_then_all_of_it() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.drafts(&["pause", "--for", "2h", "--why", "on a plane"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    Paused until Fri 20 Nov 14:00:00: nothing is drafted or sent.
    2> use "git drafts resume" to go on
    "#);
    desk.with_mail("Why is the sky blue?").tick();
    assert_snapshot!(desk.seen(), @r#"
    2> paused since Fri 20 Nov 12:00:00 until Fri 20 Nov 14:00:00: on a plane
    2> hint: use "git drafts resume" to go on
    "#);
    desk.approve("invoice").commit("yes");
    assert_snapshot!(desk.seen(), @r#"
    [main [abbrev]] yes
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> To out
    2>  ! [held]      rnjk  paused since Fri 20 Nov 12:00:00 until Fri 20 Nov 14:00:00: on a plane
    2> hint: use "git drafts resume" to go on
    "#);
    assert_eq!((desk.story(&id).as_str(), desk.sent().len(), desk.files().len()), ("drafted", 0, 1));
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.
    Paused since Fri 20 Nov 12:00:00 until Fri 20 Nov 14:00:00: on a plane.
      (nothing is drafted or sent; use "git drafts resume" to go on)

    Approved:
      (the sender takes these up; "git drafts send" does so now)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    "#);

    desk.drafts(&["resume"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    Resumed after 0 seconds.
    2> "git drafts run" does now what the timer would do next
    "#);
    desk.git(&["drafts", "run"]);
    assert_eq!(
        (desk.story(&id).as_str(), desk.sent().len(), desk.files().len()),
        ("drafted claimed sending sent", 1, 1)
    );
}

#[test]
fn a_pause_ends_when_its_time_is_over() {
    let desk = with_answer();
    desk.drafts(&["pause", "--for", "30m"]).succeeds();
    desk.approve("invoice").commit_quietly("yes");
    desk.at("2026-11-20T12:29:59Z").send();
    assert_eq!(desk.sent().len(), 0);
    desk.at("2026-11-20T12:30:00Z").send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    desk.drafts(&["resume"]).succeeds();
    assert_snapshot!(desk.seen(), @"The pause ended by itself at Fri 20 Nov 12:30:00.");
    desk.drafts(&["resume"]).succeeds();
    assert_snapshot!(desk.seen(), @"It was not paused.");
    for wrong in ["soon", "0m", "-1h", "2"] {
        desk.drafts(&["pause", &format!("--for={wrong}")]).fails(129).says("is no time span");
    }
}

#[test]
fn a_flag_that_cannot_be_read_counts_as_paused() {
    let desk = with_answer();
    desk.approve("invoice").with("GIT_DRAFTS_HOOK", "off").commit_quietly("yes");
    for spoilt in ["", "since = 1\n", "since = \"2026-11-20T12:00:00Z\"\n", "\u{0}"] {
        fs::write(desk.path(".git/drafts/paused"), spoilt).unwrap();
        desk.send();
        assert!(desk.seen().contains("paused: "), "{spoilt:?}: {}", desk.seen());
        assert_eq!(desk.sent().len(), 0, "{spoilt:?}");
    }
    fs::remove_file(desk.path(".git/drafts/paused")).unwrap();
    fs::create_dir(desk.path(".git/drafts/paused")).unwrap();
    desk.send();
    assert_eq!(desk.sent().len(), 0, "{}", desk.seen());
    desk.drafts(&["resume"]).fails(128);
    fs::remove_dir(desk.path(".git/drafts/paused")).unwrap();
    desk.send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_variable_turns_all_of_it_off() {
    let desk = with_answer();
    desk.approve("invoice").with("GIT_DRAFTS_HOOK", "off").commit_quietly("yes");
    desk.with("GIT_DRAFTS_ENABLED", "0").send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [held]      rnjk  paused: `GIT_DRAFTS_ENABLED` is `0`
    2> hint: take `GIT_DRAFTS_ENABLED` out of the environment
    ");
    assert_eq!(desk.sent().len(), 0);
    desk.drafts(&["resume"]).fails(128).says("take `GIT_DRAFTS_ENABLED` out of the environment");
    desk.with("GIT_DRAFTS_ENABLED", "1").send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_timer_is_reminded_of_a_long_pause_once_a_day() {
    let desk = with_answer();
    desk.drafts(&["pause", "--why", "holidays"]).succeeds();
    let told = |time: &str| {
        desk.at(time).git(&["drafts", "run"]);
        desk.seen()
    };
    assert_eq!(told("2026-11-20T12:15:00Z"), "");
    assert_snapshot!(told("2026-11-21T12:15:00Z"), @r#"
    2> paused since Fri 20 Nov 12:00:00: holidays
    2> hint: use "git drafts resume" to go on
    "#);
    assert_eq!(told("2026-11-21T12:30:00Z"), "");
    assert!(told("2026-11-22T12:30:00Z").contains("holidays"));
}

#[test]
fn a_pause_in_the_middle_of_many_questions_stops_the_rest() {
    let desk = Desk::unmade();
    let program = PROGRAM;
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\nbrain = \"script\"\ntransport = \"out\"\n[transport.out]\nkind = \"null\"\n[brain.script]\nkind = \"exec\"\n\
         command = [\"{}\"]\nconcurrency = 1\nenvironment = [\"HOME\", \"PATH\"]\n[limits]\n\
         messages_since = \"all\"\n[notify]\nenabled = false\n",
        desk.home().join("brain").display()
    ));
    let plan = r#"{"action": "reply", "body": "Yes.", "confidence": 0.9, "why": "asked"}"#;
    desk.script("brain", &format!("{program} -C \"$HOME/drafts\" pause >/dev/null 2>&1\necho '{plan}'"));
    desk.drafts(&["init"]).succeeds();
    desk.with_mail("What is one?").with_mail("What is two?").with_mail("What is three?").tick();
    assert_eq!(desk.files().len(), 1, "{}", desk.seen());
    desk.script("brain", &format!("echo '{plan}'"));
    desk.drafts(&["resume"]).succeeds();
    desk.tick();
    assert_eq!(desk.files().len(), 3, "{}", desk.seen());
}

#[test]
fn a_brain_and_what_it_started_end_with_the_tick_however_that_ends() {
    let desk = Desk::unmade();
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\nbrain = \"script\"\ntransport = \"out\"\n[transport.out]\nkind = \"null\"\n[brain.script]\nkind = \"exec\"\n\
         command = [\"{}\"]\nenvironment = [\"HOME\", \"PATH\"]\n[limits]\n\
         messages_since = \"all\"\n[notify]\nenabled = false\n",
        desk.home().join("brain").display()
    ));
    let lines = "sleep 600 & echo $$ $! >\"$HOME/new\"; mv \"$HOME/new\" \"$HOME/processes\"; wait";
    desk.script("brain", lines);
    desk.drafts(&["init"]).succeeds();
    desk.with_mail("What is one?");
    let processes = desk.home().join("processes");
    // What runs in the background has SIGINT switched off, and so would what it starts.
    for signal in [Signal::TERM, Signal::KILL] {
        let mut tick = desk.command(PROGRAM).arg("tick").stderr(Stdio::null()).spawn().unwrap();
        wait_until(|| processes.exists());
        let ids = fs::read_to_string(&processes).unwrap();
        fs::remove_file(&processes).unwrap();
        // Of git-drafts alone: a key on the terminal does not reach a brain either.
        let id = Pid::from_raw(i32::try_from(tick.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
        assert_eq!(tick.wait().unwrap().signal(), Some(signal.as_raw()));
        // A dead process that nobody has waited for has no program.
        let is_gone = |id: &str| fs::read_link(format!("/proc/{id}/exe")).is_err();
        wait_until(|| ids.split_whitespace().all(is_gone));
    }
}

#[test]
fn a_pause_in_the_middle_of_many_sends_stops_the_rest() {
    let desk = with_sendmail();
    desk.with_mail("where is invoice 2?").with_mail("where is invoice 3?").tick();
    let program = crate::support::desk::PROGRAM;
    let pause = format!("{program} -C \"$HOME/drafts\" pause >/dev/null 2>&1");
    desk.script("sendmail", &format!("cat >\"$HOME/delivered.$$\"; {pause}"));
    for file in desk.files() {
        desk.shell(&format!("sed -i '2s/draft/approved/' {file}")).succeeds();
    }
    desk.commit_quietly("yes").send();
    assert_eq!(delivered(&desk), 1, "{}", desk.seen());
    desk.drafts(&["resume"]).succeeds();
    desk.script("sendmail", "cat >\"$HOME/delivered.$$\"");
    desk.send();
    assert_eq!((delivered(&desk), desk.files()), (3, Vec::new()), "{}", desk.seen());
}

#[test]
fn a_pause_in_the_middle_of_a_batch_leaves_no_doubt_about_the_rest() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\nconcurrency = 1");
    for number in 1..=3 {
        ask(&hub, number);
    }
    desk.tick();
    for file in desk.files() {
        desk.shell(&format!("sed -i '2s/draft/approved/' {file}")).succeeds();
    }
    desk.commit_quietly("yes");
    hub.once_on("POST /messages", Fault::Delay(Duration::from_millis(1500)));
    let mut sender = desk.command("git").args(["drafts", "send"]).spawn().unwrap();
    wait_until(|| hub.requests().iter().any(|request| request.starts_with("POST /messages")));
    desk.drafts(&["pause"]).succeeds();
    assert!(sender.wait().unwrap().success());
    let stories: Vec<String> = desk.files().iter().map(|file| desk.story(&file[7..15])).collect();
    assert_eq!(hub.sent().len(), 1, "{stories:?}");
    let deferred = stories.iter().filter(|story| *story == "drafted claimed sending deferred").count();
    assert_eq!(deferred, 2, "{stories:?}");
    desk.drafts(&["resume"]).succeeds();
    desk.send();
    assert_eq!((hub.sent().len(), desk.files()), (3, Vec::new()), "{}", desk.seen());
}

fn delivered(desk: &Desk) -> usize {
    let home = fs::read_dir(desk.home()).unwrap();
    home.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("delivered.")).count()
}
