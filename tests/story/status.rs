//! What `status` says of the worktree and of what git has staged, beside what is on `main`.

use std::fs;

use crate::approve::with_answer;
use crate::support::desk::Desk;
use crate::support::mail::Mail;
use crate::tick::{follow_up, question};

#[test]
fn a_draft_that_was_moved_is_shown_as_it_would_be_committed() {
    for way in ["git mv", "mv"] {
        let desk = with_answer();
        desk.drafts(&["approve", "rnjk"]).succeeds();
        desk.shell(&format!("{way} {} drafts/ada.md", desk.draft("invoice"))).succeeds();
        desk.drafts(&["status"]).succeeds().says("Approved, not committed yet:");
        desk.drafts(&["show", "rnjk"]).succeeds().says("status = \"approved\"");
        desk.git(&["add", "-A"]).commit("yes");
        assert_eq!(desk.sent().len(), 1, "{way}: {}", desk.seen());
    }
}

#[test]
fn what_was_changed_since_it_was_staged_is_told_before_and_after() {
    let desk = with_answer();
    let path = desk.draft("invoice");
    desk.drafts(&["approve", "rnjk"]).succeeds();
    desk.edit("invoice", "Hello Ada,", "Half written, Ada,");
    let apart =
        "changed since you staged it: \"git commit\" takes what is staged, \"git commit -a\" what is here";
    desk.drafts(&["status"]).succeeds().says("Approved, not committed yet:").says(apart);
    desk.drafts(&["show", "rnjk"]).succeeds().says(&format!("warning: {path}: {apart}"));
    desk.drafts(&["diff", "rnjk"]).succeeds().says("+Half written, Ada,").says(apart);
    desk.git(&["commit", "-qm", "yes"]);
    assert!(desk.sent()[0].text.contains("Hello Ada,"), "{:?}", desk.sent());
    desk.drafts(&["status"])
        .succeeds()
        .says("Changed after they were sent:")
        .says(&format!("what you wrote since is only in {path}"));
    // Put back, it goes by itself.
    desk.git(&["restore", &path]).send();
    desk.drafts(&["status"]).succeeds().says("Nothing waits for you.");
}

#[test]
fn what_git_commit_would_send_is_approved_whatever_the_file_says_by_now() {
    let desk = with_answer();
    desk.drafts(&["approve", "rnjk"]).succeeds();
    let path = desk.draft("invoice");
    let text = desk.text("invoice");
    fs::write(desk.path(&path), text.replace("status = \"approved\"", "status = \"draft\"")).unwrap();
    desk.drafts(&["list", "--porcelain"]).succeeds().says("rnjkmjrz approved-here");
    fs::remove_file(desk.path(&path)).unwrap();
    desk.drafts(&["status"])
        .succeeds()
        .says("Approved, not committed yet:")
        .says("its file is gone since you staged it, and \"git commit\" takes what is staged");
    desk.git(&["commit", "-qm", "yes"]);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_text_that_is_written_after_its_draft_left_the_desk_is_named() {
    let desk = with_answer();
    let (path, text) = (desk.draft("invoice"), desk.text("invoice"));
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.files(), [""; 0]);
    fs::create_dir_all(desk.path("drafts")).unwrap();
    fs::write(desk.path(&path), &text).unwrap();
    let said = format!("{path}: rnjkmjrz was sent; this text is only here");
    desk.drafts(&["status"]).succeeds().says(&said).says("take what you want of it, and delete the file");
    desk.drafts(&["check"]).succeeds().says(&said);

    let desk = Desk::new();
    question(&desk);
    desk.tick();
    let (first, path, text) = (desk.id("sky"), desk.draft("sky"), desk.text("sky"));
    follow_up(&desk);
    desk.tick();
    let second = desk.id("sky");
    fs::write(desk.path(&path), &text).unwrap();
    desk.drafts(&["status"])
        .succeeds()
        .says(&format!("{path}: {first} was superseded by {second}; this text is only here"));
}

#[test]
fn the_files_of_another_branch_say_nothing_about_the_desk() {
    let desk = with_answer();
    for line in ["checkout -q ledger", "checkout -q --detach"] {
        desk.git(&line.split(' ').collect::<Vec<_>>());
        desk.drafts(&["status"])
            .succeeds()
            .says("`main` is not checked out here, and only what is on `main` is sent.")
            .says("git switch main");
        desk.drafts(&["list", "--porcelain"]).succeeds().says("rnjkmjrz waiting");
    }
    desk.git(&["switch", "-q", "main"]).drafts(&["status"]).succeeds();
    assert!(!desk.seen().contains("checked out"), "{}", desk.seen());
}

#[test]
fn an_approval_that_the_hook_refuses_is_marked_before() {
    let desk = Desk::new();
    desk.with_mail("Why is the sky blue?").tick();
    desk.approve("sky");
    desk.drafts(&["status"]).succeeds().says("\"git commit\" refuses it: the answer is empty");
    desk.try_git(&["commit", "-qam", "yes"]).fails(1).says("the answer is empty");
}

#[test]
fn an_approval_that_the_limit_holds_back_says_until_when() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 1\n");
    for number in 0..3 {
        desk.receive(&Mail { subject: &format!("Number {number}"), ..Mail::default() });
    }
    desk.tick().shell("sed -i '2s/draft/approved/' drafts/*.md").succeeds();
    desk.commit("all");
    let said = desk.at("2026-11-20T12:20:00Z").drafts(&["status"]).succeeds();
    let said = said.says("not before Fri 20 Nov 13:00:00: the limit of sends per hour is reached");
    said.says("not before Fri 20 Nov 13:20:00: the limit of sends per hour is reached");
}

#[test]
fn a_limit_of_no_sends_promises_no_time() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 0\n");
    desk.with_mail("Where do I find my invoice?").tick();
    desk.approve("invoice");
    desk.commit("yes");
    let why = "`sends_per_hour_max` is 0, so nothing is sent";
    desk.drafts(&["send"]).succeeds().says(why).says("raise it under [limits]");
    let status = desk.drafts(&["status"]).succeeds().says(why);
    assert!(!status.out.contains("not before"), "{}", status.out);
    assert!(desk.sent().is_empty());
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 5\n");
    desk.drafts(&["send"]).succeeds();
    assert_eq!(desk.sent().len(), 1);
}
