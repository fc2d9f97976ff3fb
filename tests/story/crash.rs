//! A sender that dies: what nobody knows is never guessed.

use std::fs;
use std::process::{Child, Command};

use insta::assert_snapshot;

use crate::approve::wait_until;
use crate::support::desk::{Desk, PROGRAM};

/// A desk whose answers go to a program that keeps each mail, and hangs while there is a file `hang`.
/// A desk with one draft, whose mail goes out by a script that keeps it.
pub fn with_sendmail() -> Desk {
    let wiring = "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
        address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"post\"\n[transport.post]\nkind = \"sendmail\"\n\
        command = [\"HOME/sendmail\"]\n[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n";
    let desk = Desk::unmade();
    desk.write_wiring(&wiring.replace("HOME", &desk.home().display().to_string()));
    desk.script(
        "sendmail",
        "cat >\"$HOME/delivered.$$.part\"; mv \"$HOME/delivered.$$.part\" \"$HOME/delivered.$$\"\n\
         while [ -e \"$HOME/hang\" ]; do sleep 0.02; done",
    );
    desk.drafts(&["init"]).succeeds();
    desk.with_mail("where is my invoice?").tick();
    desk
}

fn delivered(desk: &Desk) -> usize {
    let names =
        fs::read_dir(desk.home()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("delivered.") && !name.ends_with(".part")).count()
}

/// Kills the sender after the mail has gone and before it can note that, and lets its program end.
fn interrupted() -> (Desk, String) {
    let desk = with_sendmail();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    fs::write(desk.home().join("hang"), "").unwrap();
    let mut sender: Child = desk.command(PROGRAM).arg("send").spawn().unwrap();
    wait_until(|| delivered(&desk) == 1);
    sender.kill().unwrap();
    sender.wait().unwrap();
    // The mail program still lives, and with it the lock: nobody starts anew beside it.
    desk.send();
    assert_eq!(desk.seen(), "2> another sender is at work, and looks again before it leaves");
    assert_eq!(desk.story(&id), "drafted claimed sending");
    fs::remove_file(desk.home().join("hang")).unwrap();
    let free = || {
        let lock = desk.path(".git/drafts/send.lock");
        Command::new("flock").arg("-n").arg(lock).arg("true").status().unwrap().success()
    };
    wait_until(free);
    (desk, id)
}

#[test]
fn a_claim_that_cannot_be_judged_again_waits_and_is_not_taken_back() {
    let desk = with_sendmail();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    let killed = desk
        .command(PROGRAM)
        .arg("send")
        .env("GIT_DRAFTS_FAILPOINT", "kill:tip.remembered")
        .output()
        .unwrap();
    assert!(!killed.status.success());
    assert_eq!(desk.story(&id), "drafted claimed");
    // What it is held against cannot be read for a while.
    let object = desk.git_says(&["rev-parse", &format!("ledger:{}/{id}/1-drafted.md", &id[..2])]);
    let (folder, name) = object.trim().split_at(2);
    let path = desk.path(&format!(".git/objects/{folder}/{name}"));
    let aside = desk.home().join("aside");
    fs::rename(&path, &aside).unwrap();
    desk.send();
    assert!(desk.seen().contains("[held]"), "{}", desk.seen());
    assert_eq!((delivered(&desk), desk.story(&id).as_str()), (0, "drafted claimed"));
    fs::rename(&aside, &path).unwrap();
    desk.send();
    assert_eq!((delivered(&desk), desk.story(&id).as_str()), (1, "drafted claimed sending sent"));
}

#[test]
fn a_mail_program_gets_an_answer_once() {
    let desk = with_sendmail();
    desk.approve("invoice").commit("yes");
    assert_eq!(delivered(&desk), 1, "{}", desk.seen());
    desk.drafts(&["run"]).succeeds();
    assert_eq!((delivered(&desk), desk.files()), (1, Vec::new()));
}

#[test]
fn what_may_have_gone_is_unsure_and_not_sent_again() {
    let (desk, id) = interrupted();
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To post
     ? [unsure]    rnjk -> Ada Brown  Re: where is my invoice?  it was being sent when the sender stopped, and the receiver cannot be asked
    2> hint: look whether it arrived, then `git drafts resolve rnjk --sent`, `--resend` or `--drop`
    ");
    desk.drafts(&["run"]).succeeds();
    assert_eq!(delivered(&desk), 1);
    assert_eq!(desk.story(&id), "drafted claimed sending unsure");
    desk.drafts(&["status", "--exit-code"]).fails(1);
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Unsure whether sent:
      (use "git drafts resolve <id> --sent", "--resend" or "--drop")
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds  it was being sent when the sender stopped, and the receiver cannot be asked
    exit 1
    "#);
}

#[test]
fn resolved_as_sent_it_is_done() {
    let (desk, id) = interrupted();
    desk.send().drafts(&["resolve", &id[..4], "--sent"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"2> noted as sent; the next "git drafts send" clears the desk"#);
    desk.send();
    assert_eq!((delivered(&desk), desk.files()), (1, Vec::new()));
    assert_eq!(desk.story(&id), "drafted claimed sending unsure sent");
}

#[test]
fn resolved_as_resend_it_goes_once_more() {
    let (desk, id) = interrupted();
    desk.send().drafts(&["resolve", &id[..4], "--resend"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"2> "git drafts send" sends it anew, if it is still approved"#);
    assert_eq!(delivered(&desk), 1, "resolve itself sends nothing");
    desk.send().send();
    assert_eq!((delivered(&desk), desk.files()), (2, Vec::new()));
    assert_eq!(desk.story(&id), "drafted claimed sending unsure withdrawn claimed sending sent");
}

#[test]
fn resolved_as_drop_it_never_goes_by_itself() {
    let (desk, id) = interrupted();
    desk.send().drafts(&["resolve", &id[..4], "--drop"]).succeeds();
    assert_snapshot!(desk.seen(), @"2> given up; change and approve it, or delete it");
    desk.send().drafts(&["run"]).succeeds();
    assert_eq!(delivered(&desk), 1);
    assert_eq!(desk.story(&id), "drafted claimed sending unsure failed");
    desk.edit("invoice", "Hello Ada", "Dear Ada").commit("anew");
    assert_eq!(delivered(&desk), 2);
}

#[test]
fn what_is_edited_while_nobody_is_sure_waits_for_a_word() {
    let (desk, id) = interrupted();
    desk.send().edit("invoice", "Hello Ada", "Dear Ada").commit("other words");
    desk.drafts(&["run"]).succeeds();
    assert_eq!(delivered(&desk), 1);
    assert_eq!(desk.story(&id), "drafted claimed sending unsure");
}

/// A desk with an approval that may have gone: its mail program took the mail, and did not say what it did.
fn unsure() -> (Desk, String) {
    let desk = with_sendmail();
    let id = desk.id("invoice");
    desk.script("sendmail", "cat >\"$HOME/delivered.1\"; exit 1");
    desk.approve("invoice").commit("yes");
    assert!(desk.seen().contains("[unsure]"), "{}", desk.seen());
    (desk, id)
}

#[test]
fn a_revert_of_what_may_have_gone_says_so() {
    let (desk, id) = unsure();
    desk.git(&["revert", "--no-edit", "HEAD"]);
    assert_snapshot!(told_by_the_hook(&desk), @"
    2>  ? [unsure]    rnjk  it may have gone, and nothing is done with it before that is resolved
    2> hint: look whether it arrived, then `git drafts resolve rnjk --sent`, `--resend` or `--drop`
    ");
    assert_eq!(desk.story(&id), "drafted claimed sending unsure");
}

#[test]
fn a_commit_about_what_may_have_gone_says_that_it_does_nothing() {
    for way in ["approve", "edit", "remove"] {
        let (desk, id) = unsure();
        match way {
            "approve" => {
                desk.git(&["revert", "--no-edit", "HEAD"]).approve("invoice").commit("yes again");
            }
            "edit" => {
                desk.edit("invoice", "Hello Ada", "Dear Ada").commit("other words");
            }
            _ => {
                desk.git(&["rm", "-q", &desk.draft("invoice")]).git(&["commit", "-m", "no"]);
            }
        }
        assert_eq!(
            told_by_the_hook(&desk),
            "2>  ? [unsure]    rnjk  it may have gone, and nothing is done with it before that is resolved\n\
             2> hint: look whether it arrived, then `git drafts resolve rnjk --sent`, `--resend` or `--drop`",
            "{way}"
        );
        assert_eq!(
            (delivered(&desk), desk.story(&id).as_str()),
            (1, "drafted claimed sending unsure"),
            "{way}"
        );
    }
}

#[test]
fn approve_and_reject_refuse_what_may_have_gone() {
    let (desk, id) = unsure();
    desk.git(&["revert", "--no-edit", "HEAD"]);
    let before = desk.text("invoice");
    for verb in ["approve", "reject"] {
        desk.drafts(&[verb, &id]).fails(128);
        assert_eq!(
            desk.seen(),
            "2> error: rnjkmjrz may have gone already, and nobody is sure\n\
             2> hint: look whether it arrived, then `git drafts resolve rnjkmjrz --sent`, `--resend` or `--drop`\n\
             exit 128"
        );
    }
    assert_eq!((desk.text("invoice"), desk.git_says(&["status", "--porcelain"])), (before, String::new()));
}

fn told_by_the_hook(desk: &Desk) -> String {
    let seen = desk.seen();
    seen.lines().filter(|line| line.starts_with("2>")).collect::<Vec<_>>().join("\n")
}

#[test]
fn there_is_nothing_to_resolve_about_what_is_clear() {
    let desk = with_sendmail();
    desk.drafts(&["resolve", &desk.id("invoice"), "--sent"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: there is nothing to resolve about rnjkmjrz: its last entry is `drafted`
    2> hint: `git drafts log rnjkmjrz` tells the whole story
    exit 128
    ");
    desk.drafts(&["resolve", &desk.id("invoice")]).fails(129);
}

#[test]
fn a_mail_program_that_refuses_fails_and_one_that_says_later_is_asked_later() {
    for (code, story) in [(69, "drafted claimed sending failed"), (75, "drafted claimed sending deferred")] {
        let desk = with_sendmail();
        let id = desk.id("invoice");
        desk.script("sendmail", &format!("cat >/dev/null; exit {code}"));
        desk.approve("invoice").commit("yes");
        assert_eq!(desk.story(&id), story);
        desk.drafts(&["run"]).succeeds();
        assert_eq!(desk.story(&id), story);
    }
}

#[test]
fn a_draft_that_was_deferred_and_lost_by_a_reset_lands_again() {
    let desk = with_sendmail();
    let id = desk.id("invoice");
    let begin = desk.git_says(&["rev-list", "--max-parents=0", "main"]);
    desk.script("sendmail", "cat >/dev/null; exit 75");
    desk.approve("invoice").commit("yes").git(&["reset", "-q", "--hard", &begin]);
    desk.drafts(&["run"]).succeeds();
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.id("invoice"), id);
}

#[test]
fn a_sender_that_is_killed_anywhere_sends_at_most_once() {
    // A different moment each time; whichever it is, never twice, and never forgotten.
    for wait_milliseconds in [5, 15, 25, 35, 50, 70, 100] {
        let desk = with_sendmail();
        let id = desk.id("invoice");
        desk.approve("invoice").commit_quietly("yes");
        let mut sender = desk.command(PROGRAM).arg("send").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_milliseconds));
        let _ = sender.kill();
        sender.wait().unwrap();
        // A mail program that still runs holds the lock, and the next sender leaves at once.
        wait_until(|| {
            desk.send();
            let story = desk.story(&id);
            story.ends_with("unsure") || story.ends_with("sent")
        });
        let story = desk.story(&id);
        let sure = story.ends_with("sent");
        assert!(delivered(&desk) <= 1 && (!sure || delivered(&desk) == 1), "{story}");
        desk.drafts(&["run"]).succeeds();
        assert!(delivered(&desk) <= 1);
        assert_eq!(desk.git_says(&["fsck", "--no-dangling"]), "");
    }
}
