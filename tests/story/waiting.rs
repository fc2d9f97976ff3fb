//! Drafts that wait: threads that move on, drafts that leave by themselves, and reminders.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::approve::with_answer;
use crate::support::desk::{Desk, SAM};
use crate::support::mail::Mail;

/// A message of Ada's or of anybody else's in the thread of the first mail.
fn another(desk: &Desk, from: &str, body: &str) {
    desk.receive(&Mail {
        from,
        subject: "Re: where is my invoice?",
        body,
        headers: "In-Reply-To: <mail-1@example.org>\nReferences: <mail-1@example.org>\n",
        ..Mail::default()
    });
}

/// A desk with one answer, and a policy of these lines.
fn with_policy(lines: &str) -> Desk {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", &format!("version = 1\n{lines}"));
    desk.with_mail("where is my invoice?").tick();
    desk
}

// Stale

#[test]
fn a_newer_message_parks_the_answer_and_another_text_sends_it() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    another(&desk, "Ada Brown <ada@example.org>", "Found it, thank you.\n");
    desk.send();
    assert_eq!(desk.sent(), []);
    desk.drafts(&["send"]).succeeds();
    assert_eq!(desk.seen(), "", "it is said once");
    desk.drafts(&["log", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  route_answer by rules (invoice), tier low
    Fri 20 Nov 12:00:00  approved    [abbrev]  Sam Hill <sam@example.com>, as drafted
    Fri 20 Nov 12:00:00  claimed     [abbrev]  host [host], blob [abbrev]
    Fri 20 Nov 12:00:00  stale       [abbrev]  the thread has <mail-2@example.org>
    ");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Approved, and not sent:
      (change and commit it, or use "git drafts resolve <id> --resend" or "--drop")
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds  the thread moved on
    "#);
    // The tick makes a draft of the newer message; the old one was approved, so it stays.
    desk.tick();
    assert_eq!(desk.files().len(), 2);
    desk.edit(&id, "Hello Ada,", "Hello again, Ada,").commit("now that I have read it");
    assert_eq!(desk.story(&id), "drafted claimed stale claimed sending sent");
    assert!(desk.sent()[0].text.starts_with("Hello again, Ada,"));
}

#[test]
fn an_answer_of_our_own_parks_the_draft_and_says_so() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    another(&desk, SAM, "I told you on the phone.\n");
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [stale]     rnjk -> Ada Brown  Re: where is my invoice?  you wrote in the thread yourself
    2> hint: read the newer message; change the draft and commit it to send it all the same
    ");
    assert_eq!(desk.sent(), []);
    desk.drafts(&["resolve", &id, "--resend"]).succeeds();
    desk.send();
    assert_eq!((desk.sent().len(), desk.files()), (1, Vec::new()));
}

#[test]
fn a_message_after_the_second_approval_parks_the_answer_again() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    another(&desk, "Ada Brown <ada@example.org>", "Found it, thank you.\n");
    desk.send();
    desk.drafts(&["resolve", &id, "--resend"]).succeeds();
    another(&desk, "Ada Brown <ada@example.org>", "No, I did not.\n");
    desk.send();
    assert_eq!(desk.story(&id), "drafted claimed stale withdrawn claimed stale");
    assert_eq!(desk.sent(), []);
}

#[test]
fn automatic_mail_does_not_park_an_answer() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    desk.receive(&Mail {
        subject: "Out of office",
        headers: "Auto-Submitted: auto-replied\nIn-Reply-To: <mail-1@example.org>\n",
        ..Mail::default()
    });
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

// Superseded

#[test]
fn an_approved_answer_is_not_superseded() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    another(&desk, "Ada Brown <ada@example.org>", "where is my invoice? I still wait\n");
    desk.tick();
    assert_eq!(desk.files().len(), 2);
    assert_eq!(desk.story(&id), "drafted");
}

#[test]
fn a_draft_that_was_superseded_can_be_brought_back() {
    let desk = with_answer();
    let id = desk.id("invoice");
    another(&desk, "Ada Brown <ada@example.org>", "where is my invoice? I still wait\n");
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      zkvj  low    0.90  Ada Brown <- Re: where is my invoice?
     ~ [superseded]     rnjk  by zkvjmhlp
     = [known]          1 message has a draft or an answer already
    1 draft waits for you in ~/drafts
    ");
    assert_eq!(desk.story(&id), "drafted superseded");
    desk.git(&["revert", "--no-edit", "HEAD"]).tick().tick();
    assert_eq!(desk.story(&id), "drafted superseded", "a person wants it here");
    assert!(desk.files().iter().any(|file| file.contains(&id)), "{:?}", desk.files());
}

// Expired

const LOW: &str = "[expire]\nlow = \"14d\"\n";

#[test]
fn an_untouched_draft_expires_and_is_not_called_rejected() {
    let desk = with_policy(LOW);
    let id = desk.id("invoice");
    desk.at("2026-12-04T11:59:59Z").tick();
    assert_eq!((desk.seen().as_str(), desk.files().len()), ("", 1));
    desk.at("2026-12-04T12:00:00Z").drafts(&["tick", "--dry-run"]).succeeds();
    assert!(desk.seen().contains("[expired]"), "{}", desk.seen());
    assert_eq!(desk.files().len(), 1, "that was a dry run");
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ~ [expired]        rnjk  Re: where is my invoice?  nobody touched it for 14 days
     = [known]          1 message has a draft or an answer already
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.files(), [""; 0]);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_snapshot!(desk.git_says(&["log", "-1", "--format=%cn: %s"]), @"git-drafts: expired: rnjkmjrz");
    desk.drafts(&["log", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  route_answer by rules (invoice), tier low
    Fri 4 Dec 12:00:00  expired     [abbrev]  nobody touched it
    ");
    desk.tick().send();
    assert_eq!((desk.seen().as_str(), desk.story(&id).as_str()), ("", "drafted expired"));
    assert_eq!(desk.sent(), []);
}

#[test]
fn an_expiry_that_a_crash_cut_off_is_made_good() {
    let desk = with_policy(LOW);
    let id = desk.id("invoice");
    desk.at("2026-12-04T12:00:00Z").with("GIT_DRAFTS_FAILPOINT", "kill:tip.remembered");
    desk.drafts(&["tick"]);
    assert_eq!((desk.story(&id).as_str(), desk.files().len()), ("drafted expired", 1));
    desk.with("GIT_DRAFTS_FAILPOINT", "").tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ~ [expired]        rnjk  Re: where is my invoice?  an earlier tick did not come to it
     = [known]          1 message has a draft or an answer already
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.files(), [""; 0]);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_eq!(desk.try_git(&["revert", "--no-edit", "HEAD"]).code, 0);
    desk.tick();
    assert_eq!(desk.files().len(), 1, "a person wants it here");
}

#[test]
fn what_waited_for_a_busy_desk_does_not_expire_as_it_comes() {
    let desk = with_policy(LOW);
    desk.shell(": >.git/index.lock").succeeds();
    desk.with_mail("where is invoice 12?").tick();
    assert_eq!(desk.files().len(), 1);
    desk.shell("rm .git/index.lock").succeeds();
    desk.at("2026-12-10T12:00:00Z").tick();
    desk.tick();
    assert_eq!(desk.files().len(), 1, "{:?}", desk.files());
    desk.at("2026-12-24T12:00:00Z").tick();
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn scripts_see_what_expired() {
    let desk = with_policy(LOW);
    let id = desk.id("invoice");
    let said = desk.at("2026-12-24T12:00:00Z").drafts(&["tick", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let expired: Vec<&Value> =
        json["messages"].as_array().unwrap().iter().filter(|m| m["outcome"] == "expired").collect();
    assert_eq!(expired.len(), 1, "{json}");
    assert_eq!(expired[0]["id"], *id);
}

#[test]
fn what_a_person_touched_never_expires() {
    for touch in ["worktree", "index", "commit", "approved", "removed"] {
        let desk = with_policy(LOW);
        let id = desk.id("invoice");
        let path = desk.draft("invoice");
        match touch {
            "approved" => desk
                .edit("invoice", "[draft]", "send_after = \"2027-11-20T13:00:00Z\"\n[draft]")
                .approve("invoice"),
            "removed" => desk.git(&["rm", "-q", "--cached", &path]),
            _ => desk.edit("invoice", "Hello Ada,", "Dear Ada,"),
        };
        match touch {
            "index" => desk.git(&["add", "drafts"]),
            "commit" | "approved" => desk.commit("mine"),
            _ => &desk,
        };
        let before = desk.state();
        desk.at("2027-02-20T12:00:00Z").tick();
        assert_eq!(desk.state(), before, "{touch}");
        assert_eq!(desk.story(&id), "drafted", "{touch}");
    }
}

#[test]
fn other_tiers_and_other_policies_do_not_expire() {
    for lines in ["", "[expire]\nmedium = \"1d\"\nhigh = \"1d\"\n", "[expire]\nlow = \"never\"\n"] {
        let desk = with_policy(lines);
        desk.at("2028-01-01T12:00:00Z").tick();
        assert_eq!(desk.files().len(), 1, "{lines}");
    }
}

#[test]
fn a_mistake_in_a_time_is_named_with_its_line() {
    for (lines, expected) in [
        (
            "[gates]\nlow = \"approve\"\n[expire]\nlow = \"soon\"\n",
            "drafts.toml:5: `soon` is not a number of days",
        ),
        ("[expire]\nlow = \"12h\"\n", "drafts.toml:3: `12h` is not a number of days"),
        ("[remind]\n\nhigh = \"0d\"\n", "drafts.toml:4: `0d` is not a number of hours or days"),
    ] {
        let desk = Desk::new();
        desk.commit_file("drafts.toml", &format!("version = 1\n{lines}"));
        desk.drafts(&["tick"]).fails(128).says(expected);
    }
}

#[test]
fn a_later_mail_in_the_thread_of_an_expired_draft_is_drafted() {
    let desk = with_policy(LOW);
    let id = desk.id("invoice");
    desk.at("2026-12-04T12:00:00Z").tick();
    another(&desk, "Ada Brown <ada@example.org>", "where is my invoice? I still wait\n");
    desk.tick();
    assert_ne!(desk.id("invoice"), id);
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn an_expired_draft_that_is_brought_back_can_be_sent() {
    let desk = with_policy(LOW);
    let id = desk.id("invoice");
    desk.at("2026-12-04T12:00:00Z").tick();
    desk.git(&["revert", "--no-edit", "HEAD"]).at("2027-12-04T12:00:00Z").tick();
    assert_eq!(desk.id("invoice"), id, "a person wants it here");
    desk.approve("invoice").commit("yes, after all");
    assert_eq!(desk.story(&id), "drafted expired claimed sending sent");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn while_the_desk_is_busy_nothing_expires() {
    let desk = with_policy(LOW);
    let id = desk.id("invoice");
    fs::write(desk.path(".git/index.lock"), "").unwrap();
    desk.at("2026-12-04T12:00:00Z").tick();
    assert_eq!((desk.seen().as_str(), desk.story(&id).as_str()), ("", "drafted"));
    let ledger = desk.git_says(&["rev-parse", "ledger"]);
    desk.tick();
    assert_eq!(desk.git_says(&["rev-parse", "ledger"]), ledger, "nothing is noted again and again");
    fs::remove_file(desk.path(".git/index.lock")).unwrap();
    desk.tick();
    assert_eq!((desk.story(&id).as_str(), desk.files()), ("drafted expired", Vec::new()));
}

// Reminders

#[test]
fn a_tier_that_waits_too_long_is_spoken_of_once_in_its_time() {
    let desk = with_policy("[tiers]\nroute_answer = \"high\"\n[gates]\nhigh = \"approve\"\n");
    desk.at("2026-11-21T11:00:00Z").tick();
    assert_eq!(desk.seen(), "");
    desk.at("2026-11-21T12:00:00Z").drafts(&["run"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"1 draft of tier high waits for you, the oldest for 1 day (see "git drafts status")"#);
    desk.at("2026-11-21T12:15:00Z").drafts(&["run"]).succeeds();
    assert_eq!(desk.seen(), "");
    let said = desk.at("2026-11-22T12:00:00Z").drafts(&["tick", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["reminded"].to_string(), r#"[{"drafts":1,"oldest_seconds":172800,"tier":"high"}]"#);
    // Nobody is reminded of what nobody waits for.
    desk.git(&["rm", "-q", &desk.draft("invoice")]).git(&["commit", "-qm", "no"]);
    desk.at("2026-12-22T12:00:00Z").tick();
    assert_eq!(desk.seen(), "");
}

#[test]
fn low_drafts_wait_in_silence_unless_the_policy_says_otherwise() {
    let desk = with_answer();
    desk.at("2027-11-20T12:00:00Z").tick();
    assert_eq!(desk.seen(), "");
    let desk = with_policy("[remind]\nlow = \"12h\"\n");
    desk.at("2026-11-21T00:00:00Z").tick();
    desk.said().says("1 draft of tier low waits for you, the oldest for 12 hours");
    let before = desk.state();
    desk.at("2026-11-21T01:00:00Z").tick();
    assert_eq!((desk.seen(), desk.state()), (String::new(), before));
}

#[test]
fn a_dry_run_reminds_nobody() {
    let desk = with_policy("[remind]\nlow = \"12h\"\n");
    desk.at("2026-11-21T00:00:00Z").drafts(&["tick", "--dry-run"]).succeeds();
    assert_eq!(desk.seen(), "Nothing is new, and nothing was written: this was a dry run.");
    desk.tick();
    desk.said().says("1 draft of tier low waits");
}
