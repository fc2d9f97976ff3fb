//! What a newer program wrote is called newer, by every command that needs it, and left as it is.

use std::fs;

use crate::approve::with_answer;
use crate::support::desk::Desk;

const NEWER: &str = "version 2 is newer than this program, which reads version 1";

/// Makes a text one of the next version, with a key that nobody here knows.
fn newer(text: &str) -> String {
    text.replacen("version = 1", "version = 2\nunheard_of = true", 1)
}

fn check(desk: &Desk, arguments: &[&str], place: &str) {
    let before = desk.state();
    desk.drafts(arguments).says(&format!("{place}: {NEWER}")).says("install a newer git-drafts");
    assert_eq!(desk.state(), before, "{arguments:?}");
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_newer_wiring_policy_and_catalogue() {
    let desk = with_answer();
    let wiring = desk.home().join(".config/git-drafts/config.toml");
    let text = fs::read_to_string(&wiring).unwrap();
    fs::write(&wiring, newer(&text)).unwrap();
    for command in ["tick", "send", "status", "run"] {
        check(&desk, &[command], "config.toml:1");
    }
    fs::write(&wiring, text).unwrap();
    let policy = fs::read_to_string(desk.path("drafts.toml")).unwrap();
    desk.commit_file("drafts.toml", &newer(&policy));
    desk.approve("invoice").commit_quietly("yes");
    let line = 1 + policy.lines().position(|line| line == "version = 1").unwrap();
    for command in ["tick", "send", "status"] {
        check(&desk, &[command], &format!("drafts.toml:{line}"));
    }
    desk.commit_file("drafts.toml", &policy);
    let catalogue = fs::read_to_string(desk.path("routes.toml")).unwrap();
    desk.commit_file("routes.toml", &newer(&catalogue));
    let line = 1 + catalogue.lines().position(|line| line == "version = 1").unwrap();
    check(&desk, &["check"], &format!("routes.toml:{line}"));
}

#[test]
fn a_newer_draft_is_not_sent() {
    let desk = with_answer();
    desk.edit("invoice", "version = 1", "version = 2\nunheard_of = true").approve("invoice");
    let path = desk.draft("invoice");
    desk.try_git(&["commit", "-am", "yes"]).fails(1).says(&format!("{path}:7: {NEWER}"));
    desk.commit_quietly("yes");
    check(&desk, &["status"], &format!("{path}:7"));
    desk.drafts(&["send"]);
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_newer_ledger() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    // What a newer program's first note would do: another version in the head of the ledger.
    let head = newer(&format!("{}\n", desk.git_says(&["show", "ledger:ledger.toml"])));
    fs::write(desk.home().join("head"), head).unwrap();
    let script = "set -e; export GIT_INDEX_FILE=$HOME/index; git read-tree ledger
        blob=$(git hash-object -w $HOME/head); git update-index --cacheinfo 100644,$blob,ledger.toml
        git update-ref refs/heads/ledger $(git commit-tree -p ledger -m newer $(git write-tree))";
    desk.shell(script).succeeds();
    for command in ["tick", "send", "status", "list", "check"] {
        check(&desk, &[command], "ledger.toml:1");
    }
}
