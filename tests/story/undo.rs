//! The time in which an approval can be taken back.

use std::fs;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::{Desk, KIM};
use crate::support::mail::Mail;

/// Longer than a sender stays for a window to pass, so that no test waits for it.
const POLICY: &str = "version = 1\n[undo_seconds]\nlow = 600\n";

/// Still in the window, and after it.
const WITHIN: &str = "2026-11-20T12:09:59Z";
const AFTER: &str = "2026-11-20T12:10:00Z";

fn with_window() -> Desk {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", POLICY);
    desk.with_mail("where is my invoice?").tick();
    desk
}

/// A desk with one approval that the sender has seen.
fn approved() -> (Desk, String) {
    let desk = with_window();
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent(), []);
    (desk, id)
}

#[test]
fn the_hook_says_when_it_goes_and_how_to_take_it_back() {
    let (desk, id) = approved();
    assert_snapshot!(desk.seen(), @r#"
    [main [abbrev]] yes
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> To out
    2>  . [later]     rnjk -> Ada Brown  Re: where is my invoice?  after Fri 20 Nov 12:10:00 (time to take it back)
    2> hint: "git revert [abbrev]", or "git drafts reject <id> --commit", takes it back until then
    "#);
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Approved:
      (the sender takes these up, none before its time; "git drafts send" does so then)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds  goes at Fri 20 Nov 12:10:00; "git revert [abbrev]" takes it back
    "#);
    desk.at(WITHIN).send();
    assert_eq!(desk.sent(), []);
    desk.at(AFTER).send();
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.story(&id), "drafted claimed sending sent");
    assert_eq!(fs::read_dir(desk.path(".git/drafts/seen")).unwrap().count(), 0);
}

#[test]
fn each_hint_names_the_commit_that_approves_whatever_was_committed_since() {
    let desk = with_window();
    desk.with_mail("and where is my other invoice?").tick();
    let mut commits = Vec::new();
    for word in ["where-is-my-invoice", "other"] {
        desk.approve(word).commit("yes");
        commits.push(desk.git_says(&["rev-parse", "HEAD"])[..7].to_owned());
    }
    desk.commit_file("notes.txt", "mine\n");
    for command in ["send", "status"] {
        let said = desk.drafts(&[command]).succeeds();
        commits.iter().fold(said, |said, commit| said.says(&format!("\"git revert {commit}\"")));
    }
    // It takes back the one that it stands under.
    desk.git(&["revert", "--no-edit", &commits[0]]).at(AFTER).send();
    assert_eq!(desk.sent().len(), 1);
    assert!(desk.sent()[0].subject.contains("other"), "{:?}", desk.sent());
}

#[test]
fn a_run_sends_it_without_another_commit() {
    let (desk, _) = approved();
    desk.at(WITHIN).drafts(&["run"]).succeeds();
    assert_eq!(desk.sent(), []);
    desk.at(AFTER).drafts(&["run"]).succeeds();
    assert_eq!((desk.sent().len(), desk.files()), (1, Vec::new()));
}

#[test]
fn a_sender_that_nobody_waits_for_stays_for_a_short_window() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", &POLICY.replace("600", "1"));
    desk.with_mail("where is my invoice?").with("GIT_DRAFTS_NOW", "").tick();
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    assert!(desk.seen().contains("[later]") && desk.seen().contains("[sent]"), "{}", desk.seen());
}

#[test]
fn each_way_to_take_it_back_takes_it_back() {
    for way in ["reset --hard", "reset", "amend", "revert", "reject", "rm", "restore"] {
        let (desk, id) = approved();
        let path = desk.draft("invoice");
        match way {
            "reset --hard" => desk.git(&["reset", "-q", "--hard", "HEAD~1"]),
            "reset" => desk.git(&["reset", "-q", "HEAD~1"]),
            "amend" => desk.edit("invoice", "status = \"approved\"", "status = \"draft\"").git(&[
                "commit",
                "-q",
                "--amend",
                "--allow-empty",
                "--no-edit",
                "-a",
            ]),
            "revert" => desk.git(&["revert", "--no-edit", "HEAD"]),
            "reject" => {
                desk.drafts(&["reject", &id, "--commit"]).succeeds();
                &desk
            }
            "rm" => desk.git(&["rm", "-q", &path]).git(&["commit", "-qm", "no"]),
            _ => desk.git(&["restore", "--source=HEAD~1", &path]).commit("not yet"),
        };
        desk.at(WITHIN).drafts(&["run"]).succeeds();
        desk.at("2026-11-21T12:00:00Z").drafts(&["run"]).succeeds();
        desk.send();
        assert_eq!(desk.sent(), [], "{way}");
        let expected = if matches!(way, "reject" | "rm") { "drafted rejected" } else { "drafted" };
        assert_eq!(desk.story(&id), expected, "{way}");
        assert_eq!(fs::read_dir(desk.path(".git/drafts/seen")).unwrap().count(), 0, "{way}");
    }
}

#[test]
fn a_revert_after_the_send_says_that_it_calls_nothing_back() {
    let desk = with_answer();
    desk.approve("invoice").commit("yes");
    desk.git(&["revert", "--no-edit", "HEAD"]);
    let seen = desk.seen();
    let told: Vec<&str> = seen.lines().filter(|line| line.starts_with("2>")).collect();
    assert_eq!(told, ["2> rnjk went at Fri 20 Nov 12:00:00; no commit calls it back"]);
    assert_eq!((desk.sent().len(), desk.files()), (1, Vec::new()));
}

#[test]
fn an_amended_approval_has_a_window_of_its_own() {
    let (desk, _) = approved();
    desk.at("2026-11-20T12:09:00Z").edit("invoice", "Hello Ada,", "Dear Ada,").git(&[
        "commit",
        "-q",
        "--amend",
        "--no-edit",
        "-a",
    ]);
    desk.at(AFTER).send();
    assert_eq!(desk.sent(), [], "{}", desk.seen());
    desk.at("2026-11-20T12:19:00Z").send();
    assert!(desk.sent()[0].text.starts_with("Dear Ada,"));
}

#[test]
fn an_approval_that_comes_back_can_be_taken_back_again() {
    let (desk, _) = approved();
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]).at("2026-11-20T12:01:00Z").send();
    desk.at("2026-11-20T14:00:00Z").git(&["reset", "-q", "--hard", "ORIG_HEAD"]).send();
    assert_eq!(desk.sent(), [], "{}", desk.seen());
    desk.at("2026-11-20T14:10:00Z").send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn nothing_lands_on_top_of_an_approval_in_its_window() {
    let (desk, _) = approved();
    let approval = desk.git_says(&["rev-parse", "HEAD"]);
    desk.with_mail("Why is the sky blue?").at(WITHIN).tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ! [needs you]      zkvj  medium 0.00  Ada Brown <- Re: Why is the sky blue?
     = [known]          1 message has a draft or an answer already
    1 draft cannot be put on the desk yet: an approval can still be taken back. It is kept, and lands with the next tick.
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.git_says(&["rev-parse", "HEAD"]), approval);
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]);
    assert!(desk.text("invoice").contains("status = \"draft\""));
    desk.at(AFTER).tick();
    assert_eq!(desk.files().len(), 2);
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_superseding_that_came_in_a_window_is_made_up_for() {
    let desk = with_window();
    let mail = |id: &str, subject: &str, headers: &str| {
        desk.receive(&Mail { id, subject, headers, ..Mail::default() });
    };
    mail("sky@example.org", "Sky", "");
    desk.tick();
    let first = desk.id("sky");
    desk.approve("invoice").commit("yes");
    mail("sea@example.org", "Re: Sky", "In-Reply-To: <sky@example.org>\n");
    desk.at(WITHIN).tick();
    assert_eq!(desk.story(&first), "drafted");
    desk.at(AFTER).tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ~ [superseded]     rptg  by xwpzsqmj
     = [known]          3 messages have drafts or an answer already
    1 draft waits for you in ~/drafts
    ");
    assert_eq!(desk.story(&first), "drafted superseded");
    assert_ne!(desk.id("sky"), first);
    desk.send();
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_clock_that_goes_to_and_fro_does_not_shorten_the_window() {
    let (desk, _) = approved();
    desk.at("2026-11-20T11:00:00Z").send();
    desk.at(WITHIN).send();
    assert_eq!(desk.sent(), [], "{}", desk.seen());
    desk.at(AFTER).send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_clock_that_stays_back_does_not_stop_the_answer_for_ever() {
    let (desk, _) = approved();
    desk.at("2020-01-01T00:00:00Z").send();
    assert_eq!(desk.sent(), []);
    desk.at("2020-01-01T00:10:00Z").send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn a_later_policy_does_not_shorten_the_window() {
    for who in ["owner", "stranger"] {
        let (desk, _) = approved();
        if who == "stranger" {
            desk.as_person(KIM);
        }
        desk.commit_file("drafts.toml", &POLICY.replace("600", "0"));
        desk.at("2026-11-20T12:01:00Z").with_mail("Why is the sky blue?").drafts(&["run"]).succeeds();
        assert_eq!(desk.sent(), [], "{who}: {}", desk.seen());
        assert_eq!(desk.files().len(), 1, "{who}: nothing lands meanwhile");
        desk.at(AFTER).send();
        assert_eq!(desk.sent().len(), 1, "{who}");
    }
}

#[test]
fn a_stricter_policy_lengthens_the_window_that_is_open() {
    let (desk, _) = approved();
    desk.commit_file("drafts.toml", &POLICY.replace("600", "1200")).at(AFTER).send();
    assert_eq!(desk.sent(), [], "{}", desk.seen());
    desk.at("2026-11-20T12:20:00Z").send();
    assert_eq!(desk.sent().len(), 1);
}

// `send_after`

fn with_send_after(time: &str) -> Desk {
    let desk = with_answer();
    desk.edit("invoice", "[draft]", &format!("send_after = \"{time}\"\n[draft]")).approve("invoice");
    desk
}

#[test]
fn run_waits_for_send_after_as_send_does() {
    for command in ["send", "run"] {
        let desk = with_send_after("2026-11-20T14:00:00+01:00");
        desk.commit("later");
        desk.at("2026-11-20T12:59:59Z").drafts(&[command]).succeeds();
        assert_eq!(desk.sent(), [], "{command}");
        desk.at("2026-11-20T13:00:00Z").drafts(&[command]).succeeds();
        assert_eq!(desk.sent().len(), 1, "{command}");
    }
}

#[test]
fn status_and_send_name_the_time_of_send_after() {
    let desk = with_send_after("2026-11-20T14:00:00+01:00");
    desk.commit_quietly("yes").at("2026-11-20T12:59:00Z").send();
    assert_snapshot!(desk.seen(), @"
    To out
     . [later]     rnjk -> Ada Brown  Re: where is my invoice?  after Fri 20 Nov 13:00:00 (`send_after`)
    2> hint: take `send_after` out of it and commit, to send it at once
    ");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 59 minutes ago.

    Approved:
      (the sender takes these up, none before its time; "git drafts send" does so then)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  59 minutes  not before Fri 20 Nov 13:00:00: `send_after`
    "#);
}

#[test]
fn a_send_after_in_the_past_sends_at_once() {
    let desk = with_send_after("2026-11-19T08:00:00Z");
    desk.commit("now");
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn a_send_after_that_is_no_time_is_refused_with_its_line() {
    let desk = with_send_after("tomorrow");
    desk.try_git(&["commit", "-qam", "later"]).fails(1);
    assert_snapshot!(desk.seen(), @r#"
    2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md:6: `tomorrow` is not a time
    2> hint: write it as "2026-11-23T08:00:00+01:00"
    exit 1
    "#);
    desk.commit_quietly("later");
    desk.send();
    assert_snapshot!(desk.seen(), @r#"
    To out
     ! [held]      rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md:6: `tomorrow` is not a time
    2> hint: write it as "2026-11-23T08:00:00+01:00"
    "#);
    assert_eq!(desk.sent(), []);
}
