//! What a command has changed and no commit came of: it is taken back, or never begun.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;

/// A desk with two answers and a question that only a person can answer.
fn with_three() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("where is the invoice of May?");
    desk.with_mail("Why is the sky blue?").tick();
    desk
}

fn with_hook(desk: &Desk, lines: &str) {
    let hook = desk.path(".git/hooks/pre-commit");
    fs::write(&hook, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The index, and every file of the worktree with its bytes.
fn all(desk: &Desk) -> String {
    let files: Vec<String> =
        desk.files().iter().map(|file| fs::read_to_string(desk.path(file)).unwrap()).collect();
    format!("{}\n{}", desk.state(), files.join("\n"))
}

#[test]
fn an_approval_that_is_not_committed_is_taken_back_to_the_letter() {
    let desk = with_three();
    let (invoice, may) = (desk.id("my-invoice"), desk.id("may"));
    // One text is staged, another one stands in the file.
    desk.edit("my-invoice", "Hello Ada,", "Dear Ada,").git(&["add", "."]);
    desk.edit("my-invoice", "Dear Ada,", "Dearest Ada,");
    let before = all(&desk);
    with_hook(&desk, "echo lint: no >&2; exit 1");
    desk.drafts(&["approve", "--commit", &invoice, &may]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> lint: no
    2> nothing was committed; the drafts are as they were
    exit 1
    ");
    assert_eq!(all(&desk), before);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), format!("MM {}", desk.draft("my-invoice")));
    fs::remove_file(desk.path(".git/hooks/pre-commit")).unwrap();
    desk.drafts(&["approve", "--commit", &invoice, &may, &invoice[..4]]).succeeds();
    assert_eq!(desk.sent().len(), 2);
}

#[test]
fn a_rejection_that_is_not_committed_is_taken_back_with_its_reason() {
    let desk = with_three();
    let (invoice, may) = (desk.id("my-invoice"), desk.id("may"));
    let before = all(&desk);
    with_hook(&desk, "exit 1");
    desk.drafts(&["reject", "--commit", "-m", "spam", &invoice, &may]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> nothing was committed; the drafts are as they were
    exit 1
    ");
    desk.drafts(&["reject", "--commit", &may]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> nothing was committed; the draft is as it was
    exit 1
    ");
    assert_eq!(all(&desk), before);
    assert!(!desk.path(&format!(".git/drafts/reject/{invoice}")).exists());
}

#[test]
fn what_another_hand_changes_meanwhile_is_not_taken_back() {
    let desk = with_answer();
    let (id, file) = (desk.id("invoice"), desk.draft("invoice"));
    with_hook(&desk, &format!("sed -i 's/^Hello Ada/Dear Ada/' {file}; exit 1"));
    desk.drafts(&["approve", "--commit", &id]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> warning: drafts/rnjkmjrz-re-where-is-my-invoice.md stays as it is: it has changed meanwhile
    2> nothing was committed
    exit 1
    ");
    assert!(desk.text("invoice").contains("Dear Ada"));
    assert_eq!(desk.git_says(&["diff", "--cached", "--name-only"]), "");
}

#[test]
fn a_commit_that_git_has_made_before_it_failed_is_not_taken_back() {
    let desk = with_answer();
    let id = desk.id("invoice");
    // The commit is on `main`, and the new index cannot be written.
    let hook = desk.path(".git/hooks/reference-transaction");
    fs::write(&hook, "#!/bin/sh\n[ $1 != committed ] || rm -f .git/index.lock\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    desk.drafts(&["approve", "--commit", &id]).succeeds().says("repository has been updated");
    let main = desk.git_says(&["log", "--format=%s", "-1", "--author=Sam"]);
    assert_eq!(main, "Approve \"Re: where is my invoice?\"");
    assert_eq!(desk.text("invoice").lines().nth(1), Some("status = \"approved\""));
}

#[test]
fn of_several_drafts_none_is_changed_where_one_cannot_be() {
    let desk = with_three();
    let before = all(&desk);
    desk.drafts(&["approve", &desk.id("my-invoice"), &desk.id("sky")]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts/rlrwwxjn-re-why-is-the-sky-blue.md:17: the answer is empty
    2> hint: mend it first: `git drafts edit rlrwwxjn`
    exit 128
    ");
    assert_eq!(all(&desk), before);
    fs::write(desk.path(".git/index.lock"), "").unwrap();
    for command in ["approve", "reject"] {
        desk.drafts(&[command, &desk.id("my-invoice"), &desk.id("may")]).fails(128);
    }
    assert_snapshot!(desk.seen(), @"
    2> error: cannot write ~/drafts/.git/index: another git process holds it
    2> hint: try again when it is done; `git drafts check` tells if it has died
    exit 128
    ");
    fs::remove_file(desk.path(".git/index.lock")).unwrap();
    assert_eq!(all(&desk), before);
}

#[test]
fn a_file_that_is_gone_can_be_brought_back_as_the_hint_says() {
    let desk = with_answer();
    let (id, file) = (desk.id("invoice"), desk.draft("invoice"));
    for remove in [&["rm", "-q", "--cached", &file][..], &["status"]] {
        desk.git(remove);
        fs::remove_file(desk.path(&file)).unwrap();
        let said = desk.drafts(&["approve", &id]).fails(128).says("the file is not there");
        let hint = said.err.split('`').nth(1).unwrap().to_owned();
        desk.shell(&hint).succeeds();
        assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    }
    fs::remove_file(desk.path(&file)).unwrap();
    let said = desk.shell(&format!("cd ..; git drafts approve {id}")).fails(128);
    let hint = said.err.split('`').nth(1).unwrap().to_owned();
    desk.shell(&format!("cd ..; {hint}").replace("~", "$HOME")).succeeds();
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn what_is_approved_and_committed_is_not_approved_anew() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    for arguments in [&["approve", "--commit", &id][..], &["approve", &id]] {
        let said = desk.drafts(arguments).succeeds();
        assert_eq!(said.err, "approved and committed already; \"git drafts send\" sends\n");
    }
}

#[test]
fn in_a_linked_worktree_nothing_of_the_main_one_is_changed() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.git(&["worktree", "add", "-q", "../side", "-b", "side"]);
    let before = all(&desk);
    for command in ["approve", "reject", "edit"] {
        desk.shell(&format!("cd ../side; git drafts {command} {id}")).fails(128).says(command);
    }
    assert_snapshot!(desk.seen(), @"
    2> error: ~/side is a linked worktree, and `git drafts edit` works in the main one
    2> hint: `cd ~/drafts`, or change the file here and commit, which counts once it is on `main`
    exit 128
    ");
    assert_eq!(all(&desk), before);
    // By hand it goes as on any branch.
    desk.shell("cd ../side; sed -i '2s/draft/approved/' drafts/*.md; git commit -qam yes").succeeds();
    assert_eq!(desk.sent(), []);
    desk.git(&["merge", "-q", "side"]);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn where_main_is_checked_out_in_a_linked_worktree_it_is_named() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.git(&["switch", "-qc", "side"]).drafts(&["approve", &id]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: `main` is not checked out here, and only what is on `main` is sent
    2> hint: `git switch main`, or edit the file on your branch and merge it
    exit 128
    ");
    desk.git(&["worktree", "add", "-q", "../main", "main"]).drafts(&["approve", &id]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: `main` is checked out in ~/main, and only what is on `main` is sent
    2> hint: change the file there and commit
    exit 128
    ");
    desk.shell(&format!("cd ../main; git drafts approve {id}")).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: ~/main is a linked worktree, and `git drafts approve` works in the main one
    2> hint: change the file here and commit, which counts once it is on `main`
    exit 128
    ");
    desk.shell("cd ../main; sed -i '2s/draft/approved/' drafts/*.md; git commit -qam yes").succeeds();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_bare_repository_has_no_files_to_approve() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.shell("git clone -q --mirror . ../bare.git").succeeds();
    for command in ["approve", "reject", "edit"] {
        desk.shell(&format!("cd ../bare.git; git drafts {command} {id}")).fails(128).says(command);
    }
    assert_snapshot!(desk.seen(), @"
    2> error: ~/bare.git is a bare repository, with no files to edit
    2> hint: work in a clone of it
    exit 128
    ");
}
