//! Saying no: the file goes, the commit's message is the reason.

use std::fs;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;

#[test]
fn deleting_the_file_rejects_with_the_message_as_the_reason() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.git(&["rm", "-q", &desk.draft("invoice")]).git(&["commit", "-m", "answered by phone"]);
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] answered by phone
     1 file changed, 32 deletions(-)
     delete mode 100644 drafts/rnjkmjrz-re-where-is-my-invoice.md
    2> To out
    2>  - [rejected]  rnjk  answered by phone
    ");
    desk.drafts(&["log", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  route_answer by rules (invoice), tier low
    Fri 20 Nov 12:00:00  rejected    [abbrev]  Sam Hill <sam@example.com>: answered by phone
    ");
    desk.tick();
    assert_eq!(desk.files(), [""; 0], "it does not come back");
    assert_eq!(desk.sent(), []);
}

#[test]
fn reject_takes_the_reason_with_it() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("Why is the sky blue?").tick();
    let (invoice, sky) = (desk.id("invoice"), desk.id("sky"));
    desk.drafts(&["reject", "-m", "spam", &sky[..4]]).succeeds();
    assert_snapshot!(desk.seen(), @r#"2> removed, and staged; "git commit" rejects"#);
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Removed, not committed yet:
      (use "git commit -a" to reject, "git restore --staged --worktree <file>" to keep)
    	zkvj  medium  escalate  Ada Brown  Re: Why is the sky blue?  0 seconds

    Waiting for you:
      (edit and set status to "approved", or use "git drafts approve <id>"; delete the file to reject)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    "#);
    desk.approve("invoice").commit("tidy up");
    assert_snapshot!(desk.plain(&desk.git_says(&["log", "-1", "--author=Sam", "--format=%B"])), @"
    tidy up

    Reject-Reason: zkvjmhlp spam
    ");
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.story(&invoice), "drafted claimed sending sent");
    let log = desk.drafts(&["log", &sky]).succeeds();
    assert!(log.out.contains("Sam Hill <sam@example.com>: spam"), "{}", log.out);
}

#[test]
fn reject_with_commit_is_done_at_once() {
    let desk = with_answer();
    let id = desk.id("invoice");
    fs::write(desk.path("README.md"), "mine\n").unwrap();
    desk.git(&["add", "README.md"]).drafts(&["reject", &id, "--commit", "-m", "no need"]).succeeds();
    assert_eq!(desk.story(&id), "drafted rejected");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "M  README.md");
}

#[test]
fn a_reason_that_was_taken_back_is_forgotten_by_the_next_run() {
    let desk = with_answer();
    let (id, path) = (desk.id("invoice"), desk.draft("invoice"));
    desk.drafts(&["reject", "-m", "spam", &id]).succeeds();
    desk.tick();
    assert!(desk.path(&format!(".git/drafts/reject/{id}")).exists(), "it is still about to be rejected");
    desk.git(&["restore", "--staged", "--worktree", &path]).tick();
    desk.git(&["rm", "-q", &path]).git(&["commit", "-m", "answered by phone"]);
    let log = desk.drafts(&["log", &id]).succeeds();
    assert!(log.out.contains("answered by phone"), "{}", log.out);
}

#[test]
fn a_reason_outlives_a_commit_that_was_given_up() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.drafts(&["reject", "-m", "spam", &id]).succeeds();
    desk.with("GIT_EDITOR", "false").try_git(&["commit"]).fails(1);
    desk.git(&["commit", "-m", "tidy up"]);
    let log = desk.drafts(&["log", &id]).succeeds();
    assert!(log.out.contains(": spam"), "{}", log.out);
}

#[test]
fn a_rejected_draft_that_is_restored_waits_and_can_be_sent() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.git(&["rm", "-q", &desk.draft("invoice")]).git(&["commit", "-qm", "no"]);
    assert_eq!(desk.story(&id), "drafted rejected");
    desk.git(&["revert", "--no-edit", "HEAD"]).drafts(&["status", "--porcelain"]).succeeds();
    assert_snapshot!(desk.seen(), @"waiting rnjkmjrz low drafts/rnjkmjrz-re-where-is-my-invoice.md");
    desk.approve("invoice").commit("yes, after all");
    assert_eq!(desk.story(&id), "drafted rejected claimed sending sent");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_file_that_is_only_gone_from_the_worktree_is_not_rejected() {
    let desk = with_answer();
    let id = desk.id("invoice");
    let path = desk.draft("invoice");
    fs::remove_file(desk.path(&path)).unwrap();
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.story(&id), "drafted");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Removed, not committed yet:
      (use "git commit -a" to reject, "git restore --staged --worktree <file>" to keep)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    "#);
    desk.git(&["restore", &path]);
    assert_eq!(desk.files(), [path]);
}

#[test]
fn a_reset_that_loses_the_landing_rejects_nothing() {
    let desk = with_answer();
    let (id, file) = (desk.id("invoice"), desk.draft("invoice"));
    let text = desk.text("invoice");
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]);
    assert_eq!(desk.files(), [""; 0]);
    desk.tick();
    assert_eq!(desk.files(), [file]);
    assert_eq!(desk.text("invoice"), text);
    assert_eq!(desk.story(&id), "drafted");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_merge_that_loses_a_draft_rejects_nothing() {
    let desk = Desk::new();
    desk.git(&["switch", "-qc", "side"]).commit_file("notes.txt", "mine\n").git(&["switch", "-q", "main"]);
    desk.with_mail("where is my invoice?").tick();
    let id = desk.id("invoice");
    desk.git(&["merge", "-q", "-s", "ours", "--no-commit", "side"]).git(&[
        "rm",
        "-qf",
        &desk.draft("invoice"),
    ]);
    desk.git(&["commit", "-qm", "lost in a merge"]);
    assert_ne!(desk.story(&id), "drafted rejected");
    desk.tick();
    assert_eq!(desk.id("invoice"), id);
}

#[test]
fn an_approved_draft_that_is_deleted_before_the_send_is_not_sent() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    desk.git(&["rm", "-q", &desk.draft("invoice")]).git(&["commit", "-qm", "no, wait"]);
    desk.send();
    assert_eq!(desk.sent(), []);
    assert_eq!(desk.story(&id), "drafted rejected");
}

#[test]
fn the_machines_own_clearing_is_no_rejection() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes");
    desk.drafts(&["run"]).succeeds();
    desk.git(&["revert", "--no-edit", "HEAD"]);
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.story(&id), "drafted claimed sending sent");
    assert_eq!(desk.files(), [""; 0], "the very bytes that were sent are cleared again");
}

#[test]
fn a_text_that_nothing_else_has_is_not_rejected_away() {
    let desk = with_answer();
    let file = desk.draft("invoice");
    desk.edit("invoice", "Hello Ada,", "Dear Ada,");
    desk.drafts(&["reject", &file[7..11]]).fails(128).says("has changes that are not committed");
    assert!(desk.text("invoice").contains("Dear Ada,"));
    desk.git(&["add", &file]);
    // And where the index cannot be written, the file stays, too.
    fs::write(desk.path(".git/index.lock"), "").unwrap();
    desk.drafts(&["reject", &file[7..11]]).fails(128).says("another git process holds it");
    assert!(desk.text("invoice").contains("Dear Ada,"));
    fs::remove_file(desk.path(".git/index.lock")).unwrap();
    desk.drafts(&["reject", &file[7..11]]).succeeds();
    assert!(desk.files().is_empty());
}
