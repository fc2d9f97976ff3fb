//! Files in the drafts folder that nothing is sent of: each is named, with its line and a way out.

use std::fs;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;

/// Everything that a person may leave in the drafts folder.
fn with_strays() -> Desk {
    let desk = with_answer();
    let draft = desk.draft("invoice");
    let text = desk.text("invoice");
    fs::write(desk.path("drafts/foo.md"), "Dear Ada,\n").unwrap();
    fs::write(desk.path("drafts/copy.md"), &text).unwrap();
    fs::write(desk.path("drafts/other.md"), text.replace(&desk.id("rnjkmjrz"), "kkkkkkkk")).unwrap();
    fs::write(desk.path("drafts/notes.log"), "ignored\n").unwrap();
    fs::write(desk.path("drafts/.foo.md.swp"), "an editor's\n").unwrap();
    fs::write(desk.path(".git/info/exclude"), "*.log\n").unwrap();
    symlink(desk.path(&draft), desk.path("drafts/link.md")).unwrap();
    desk
}

#[test]
fn status_and_check_name_what_is_no_draft() {
    let desk = with_strays();
    desk.drafts(&["status", "--exit-code"]).fails(1);
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Waiting for you:
      (edit and set status to "approved", or use "git drafts approve <id>"; delete the file to reject)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds

    Not drafts:
      (nothing is sent of these files; mend, move or delete them)
    	drafts/copy.md:8: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
              (delete one of the two; nothing is sent from either)
    	drafts/foo.md:1: the first line is not `+++`
              (a draft begins with its front matter)
    	drafts/link.md: it is no plain file
    	drafts/other.md: the ledger knows nothing of it, so it is not sent
              (a draft begins with a message; delete the file)
    exit 1
    "#);
    desk.drafts(&["check"]).succeeds();
    let seen = desk.seen();
    let told: Vec<&str> = seen.lines().filter(|line| line.contains(" drafts/")).collect();
    assert_snapshot!(told.join("\n"), @"
    note    drafts/copy.md:8: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
    note    drafts/foo.md:1: the first line is not `+++`
    note    drafts/link.md: it is no plain file
    note    drafts/other.md: the ledger knows nothing of it, so it is not sent
    ");
    // Committed, past the hook, they are named all the same; and nothing is sent of any.
    desk.git(&["add", "."]).git(&["-c", "core.hooksPath=/dev/null", "commit", "-qm", "all"]);
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, last tick 0 seconds ago.

    Unclear, so nothing is sent:
      (mend or delete the file, and commit)
    	kkkk  drafts/other.md: the ledger knows nothing of it, so it is not sent
              (a draft begins with a message; delete the file and commit)
    	rnjk  drafts/copy.md: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
              (delete one of the two and commit; nothing is sent from either)

    Not drafts:
      (nothing is sent of these files; mend, move or delete them)
    	drafts/foo.md:1: the first line is not `+++`
              (a draft begins with its front matter)
    	drafts/link.md: not a plain file
              (a link or a submodule is never sent)
    ");
    desk.send();
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_commit_of_a_file_that_is_no_draft_warns() {
    let desk = with_answer();
    fs::write(desk.path("drafts/notes.txt"), "hello\n").unwrap();
    desk.git(&["add", "-A"]).git(&["commit", "-m", "notes"]);
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] notes
     1 file changed, 1 insertion(+)
     create mode 100644 drafts/notes.txt
    2> warning: drafts/notes.txt:1: the first line is not `+++`
    2> hint: move it out of `drafts/`: only drafts belong there
    ");
}

#[test]
fn a_draft_that_is_broken_here_is_named_with_its_line() {
    let desk = with_answer();
    desk.edit("invoice", "subject = ", "sujbect = ");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, last tick 0 seconds ago.

    Unclear, so nothing is sent:
      (mend or delete the file, and commit)
    	rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md:4: unknown key `sujbect`
              (did you mean `subject`?)
    ");
    desk.drafts(&["check"]).succeeds().says("invoice.md:4: unknown key `sujbect`");
}

#[test]
fn a_draft_whose_file_was_moved_is_still_that_draft() {
    let desk = with_answer();
    let draft = desk.draft("invoice");
    fs::create_dir(desk.path("drafts/later")).unwrap();
    fs::rename(desk.path(&draft), desk.path("drafts/later/ada.md")).unwrap();
    desk.drafts(&["list", "--porcelain"]).succeeds();
    assert_snapshot!(desk.seen(), @"rnjkmjrz waiting drafts/later/ada.md");
    desk.drafts(&["status"]).succeeds();
    assert!(desk.seen().contains("Waiting for you:"), "{}", desk.seen());
}
