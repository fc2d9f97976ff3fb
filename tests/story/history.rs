//! Everything else that people do with git: the tip of `main` decides, whichever way it got there.

use std::fs;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::{Desk, KIM, SAM};

/// A desk with an answer whose approval is on the branch `side`; `main` is checked out.
fn approved_on_a_branch() -> Desk {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).approve("invoice").commit("yes");
    assert_eq!(desk.sent(), []);
    desk.git(&["switch", "-q", "main"]);
    desk
}

/// Exactly one answer has left, and however often anybody asks, it stays one.
#[track_caller]
fn check_sent_once(desk: &Desk) {
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    desk.drafts(&["run"]).succeeds();
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.sent().len(), 1);
}

/// Nothing has left, and however often anybody asks, nothing does.
#[track_caller]
fn check_nothing_sent(desk: &Desk) {
    assert_eq!(desk.sent(), [], "{}", desk.seen());
    desk.drafts(&["run"]).succeeds();
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_rename_sends_once() {
    let desk = with_answer();
    desk.approve("invoice").git(&["mv", &desk.draft("invoice"), "drafts/other.md"]).commit("yes");
    check_sent_once(&desk);
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_rename_between_approval_and_send_sends_once() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    desk.git(&["mv", &desk.draft("invoice"), "drafts/other.md"]).commit("a better name");
    check_sent_once(&desk);
}

#[test]
fn an_edit_after_it_was_sent_sends_nothing_and_says_so() {
    let desk = with_answer();
    // The desk is busy, so the sent draft still stands there.
    fs::write(desk.path(".git/drafts/x"), "").unwrap();
    desk.approve("invoice").commit_quietly("yes");
    let approved = desk.text("invoice");
    let path = desk.path(&desk.draft("invoice"));
    desk.send();
    fs::write(&path, approved.replace("Hello Ada", "Dear Ada")).unwrap();
    desk.git(&["add", "."]).git(&["commit", "-m", "again"]);
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] again
     1 file changed, 32 insertions(+)
     create mode 100644 drafts/rnjkmjrz-re-where-is-my-invoice.md
    2> To out
    2>  ! [edited]    rnjk  was changed after it was sent; nothing more is sent
    2> hint: delete the file and commit; the ledger keeps what was sent
    ");
    check_sent_once(&desk);
    assert!(path.exists(), "what a person wrote stays");
    desk.drafts(&["status"]);
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, last tick 0 seconds ago.

    Changed after they were sent:
      (nothing more is sent; delete the file and commit)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    ");
}

#[test]
fn another_message_for_the_same_commit_sends_nothing() {
    let desk = with_answer();
    let before = desk.git_says(&["rev-parse", "HEAD"]);
    desk.approve("invoice").commit("yes");
    desk.git(&["reset", "-q", "--soft", &before]).git(&["reset", "-q", "--hard", "HEAD@{1}~1"]);
    desk.git(&["commit", "--amend", "-m", "yes, of course"]);
    check_sent_once(&desk);
}

#[test]
fn an_amended_text_after_it_was_sent_sends_nothing() {
    let desk = with_answer();
    desk.approve("invoice").commit("yes");
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]);
    desk.edit("invoice", "Hello Ada", "Dear Ada").git(&["commit", "-q", "-a", "--amend", "-m", "better"]);
    check_sent_once(&desk);
}

#[test]
fn an_amended_text_before_it_was_sent_is_the_one_that_goes() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes").edit("invoice", "Hello Ada", "Dear Ada");
    desk.git(&["commit", "-q", "-a", "--amend", "-m", "better"]);
    check_sent_once(&desk);
    assert!(desk.sent()[0].text.starts_with("Dear Ada"));
}

#[test]
fn a_revert_before_the_send_takes_the_approval_back() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes").git(&["revert", "--no-edit", "HEAD"]);
    check_nothing_sent(&desk);
    assert_eq!(desk.story(&id), "drafted");
    desk.git(&["revert", "--no-edit", "HEAD"]);
    check_sent_once(&desk);
}

#[test]
fn a_reset_before_the_send_takes_the_approval_back() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes").git(&["reset", "-q", "--hard", "HEAD~1"]);
    check_nothing_sent(&desk);
    desk.approve("invoice").commit("yes");
    check_sent_once(&desk);
}

#[test]
fn a_stash_approves_nothing() {
    let desk = with_answer();
    desk.approve("invoice").git(&["stash"]);
    check_nothing_sent(&desk);
    desk.git(&["stash", "pop"]);
    check_nothing_sent(&desk);
    desk.commit("yes");
    check_sent_once(&desk);
}

#[test]
fn a_commit_on_another_branch_approves_nothing() {
    check_nothing_sent(&approved_on_a_branch());
}

#[test]
fn a_detached_head_approves_nothing() {
    let desk = with_answer();
    desk.git(&["switch", "-q", "--detach"]).approve("invoice").commit("yes");
    check_nothing_sent(&desk);
    let commit = desk.git_says(&["rev-parse", "HEAD"]);
    desk.git(&["switch", "-q", "main"]).git(&["cherry-pick", &commit]);
    check_sent_once(&desk);
}

#[test]
fn a_rebase_of_main_onto_other_work_sends_once() {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).commit_file("notes.txt", "mine\n").git(&["switch", "-q", "main"]);
    desk.approve("invoice").commit_quietly("yes");
    desk.git(&["rebase", "-q", "side"]);
    desk.send();
    check_sent_once(&desk);
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn the_hook_rings_when_a_rebase_is_done() {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).commit_file("notes.txt", "mine\n").git(&["switch", "-q", "main"]);
    desk.approve("invoice").commit_quietly("yes");
    desk.git(&["rebase", "-q", "side"]);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_cherry_pick_sends_once() {
    let desk = approved_on_a_branch();
    desk.git(&["cherry-pick", "side"]);
    check_sent_once(&desk);
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_patch_carries_the_approval_of_its_author_and_of_nobody_else() {
    for (author, sent) in [(SAM, true), (KIM, false)] {
        let desk = approved_on_a_branch();
        let patch = desk.git_says(&["format-patch", "-1", "--stdout", "side"]).replace(SAM, author);
        fs::write(desk.home().join("patch"), format!("{patch}\n")).unwrap();
        desk.git(&["am", "-q", desk.home().join("patch").to_str().unwrap()]);
        if sent { check_sent_once(&desk) } else { check_nothing_sent(&desk) }
    }
}

#[test]
fn a_squash_merge_approves_with_the_commit_that_follows() {
    let desk = approved_on_a_branch();
    desk.git(&["merge", "-q", "--squash", "side"]);
    check_nothing_sent(&desk);
    desk.git(&["commit", "-m", "squashed"]);
    check_sent_once(&desk);
}

#[test]
fn a_fast_forward_carries_the_approval() {
    let desk = approved_on_a_branch();
    desk.git(&["merge", "-q", "--ff-only", "side"]);
    check_sent_once(&desk);
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_merge_carries_the_approval_of_an_approver() {
    let desk = approved_on_a_branch();
    desk.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    check_sent_once(&desk);
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_merge_does_not_launder_the_approval_of_a_stranger() {
    let desk = with_answer();
    desk.as_person(KIM).git(&["switch", "-qc", "side"]).approve("invoice").commit("yes");
    desk.as_person(SAM)
        .git(&["switch", "-q", "main"])
        .git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    check_nothing_sent(&desk);
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    2> hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
    ");
}

#[test]
fn an_approver_who_is_named_may_approve_and_nobody_else() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\napprovers = [\"kim@example.com\"]\n");
    desk.with_mail("where is my invoice?").tick();
    desk.approve("invoice").commit("yes");
    // The one who is no approver reads who is.
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] yes
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> To out
    2>  ! [held]      rnjk  commit [abbrev] approves it, and sam@example.com is not an approver
    2> hint: kim@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, sam@example.com can be added to `approvers` in drafts.toml
    ");
    check_nothing_sent(&desk);
    desk.edit("invoice", "status = \"approved\"", "status = \"draft\"").commit("no");
    desk.as_person(KIM).approve("invoice").commit("yes");
    check_sent_once(&desk);
}

#[test]
fn an_author_is_not_a_committer() {
    let desk = with_answer();
    desk.as_person(KIM).approve("invoice").git(&["commit", "-qam", "yes", "--author", SAM]);
    check_nothing_sent(&desk);
}

#[test]
fn a_machines_name_approves_nothing() {
    let desk = with_answer();
    desk.as_person("git-drafts <git-drafts@machine.invalid>").approve("invoice").commit("yes");
    check_nothing_sent(&desk);
}

#[test]
fn a_merge_that_itself_approves_is_refused() {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).commit_file("notes.txt", "mine\n").git(&["switch", "-q", "main"]);
    desk.commit_file("other.txt", "other\n").git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    desk.approve("invoice").git(&["add", "."]).git(&["commit", "-m", "evil"]);
    check_nothing_sent(&desk);
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
    2> hint: read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit
    ");
}

#[test]
fn two_sides_that_changed_a_draft_conflict_and_never_blend() {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).edit("invoice", "Hello Ada", "Dear Ada").commit("softer");
    desk.git(&["switch", "-q", "main"]).approve("invoice").commit_quietly("yes");
    desk.try_git(&["merge", "side"]).fails(1).says("CONFLICT");
    assert_eq!(desk.git_says(&["diff", "--name-only", "--diff-filter=U"]), desk.draft("invoice"));
    // Resolving it with a text that nobody approved sends nothing.
    desk.edit("invoice", "Hello Ada", "Dearest Ada").git(&["add", "."]).git(&["commit", "-m", "blend"]);
    check_nothing_sent(&desk);
}

#[test]
fn in_merge_mode_only_a_merge_approves() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\nmode = \"merge\"\n")
        .with_mail("where is my invoice?")
        .tick();
    desk.approve("invoice").commit("yes");
    check_nothing_sent(&desk);
    desk.send();
    assert_snapshot!(desk.seen(), @r#"
    To out
     ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
    2> hint: `mode = "merge"` in drafts.toml asks for a merge: put it on a branch and `git merge --no-ff` that
    "#);
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]).as_person(KIM).git(&["switch", "-qc", "side"]);
    desk.approve("invoice").commit("please").as_person(SAM).git(&["switch", "-q", "main"]);
    desk.git(&["merge", "-q", "--no-ff", "-m", "approved", "side"]);
    check_sent_once(&desk);
}

#[test]
fn a_policy_that_is_loosened_with_the_approval_changes_nothing() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\napprovers = [\"kim@example.com\"]\n");
    desk.with_mail("where is my invoice?").tick();
    fs::write(
        desk.path("drafts.toml"),
        "version = 1\napprovers = [\"kim@example.com\", \"sam@example.com\"]\n",
    )
    .unwrap();
    desk.approve("invoice").commit("both at once");
    check_nothing_sent(&desk);
}

#[test]
fn a_policy_that_was_tightened_since_counts_too() {
    let desk = with_answer();
    desk.commit_file("drafts.toml", "version = 1\n[gates]\nlow = \"approve_signed\"\n");
    desk.approve("invoice").commit("yes");
    assert_snapshot!(desk.seen(), @r#"
    [main [abbrev]] yes
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> warning: rnjkmjrz needs a signed approval (tier low), and `commit.gpgsign` is off
    2> hint: commit with -S, or it is held; `git config gpg.format ssh` and `user.signingkey` say how to sign
    2> To out
    2>  ! [held]      rnjk  tier low asks for a signed approval, and the wiring names no signers
    2> hint: name them in ~/.config/git-drafts/config.toml: `[approval]`, `allowed_signers = "~/.ssh/allowed_signers"`; sign with SSH: `git config gpg.format ssh`, `git config user.signingkey <key>.pub`, and approve anew: set `draft`, commit, set `approved`, `git commit -S`
    "#);
    check_nothing_sent(&desk);
}

#[test]
fn approvals_that_no_hook_saw_are_picked_up_by_the_timer() {
    // Each line approves without any hook of ours.
    for line in [
        "git -c core.hooksPath=/dev/null commit -qam yes",
        "chmod -x .git/hooks/*; git commit -qam yes",
        "git config core.hooksPath \"$HOME/elsewhere\"; git commit -qam yes",
        "git add . && tree=$(git write-tree) && c=$(git commit-tree -p HEAD -m yes $tree) && git update-ref refs/heads/main $c",
    ] {
        let desk = with_answer();
        desk.approve("invoice").shell(line).succeeds();
        assert_eq!(desk.sent(), [], "{line}");
        desk.drafts(&["run"]).succeeds();
        check_sent_once(&desk);
    }
}

#[test]
fn variables_of_another_repository_lead_nobody_astray() {
    let desk = with_answer();
    desk.shell("git init -q ../other && cd ../other && git commit -q --allow-empty -m x").succeeds();
    let other = desk.home().join("other/.git");
    desk.approve("invoice").commit_quietly("yes");
    let before = desk.shell("git -C ../other status --porcelain; git -C ../other rev-parse HEAD").out;
    let said = desk
        .command(crate::support::desk::PROGRAM)
        .env("GIT_DIR", &other)
        .env("GIT_WORK_TREE", desk.home().join("other"))
        .env("GIT_INDEX_FILE", other.join("index"))
        .args(["run"])
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    check_sent_once(&desk);
    assert_eq!(desk.shell("git -C ../other status --porcelain; git -C ../other rev-parse HEAD").out, before);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_commit_of_a_partial_index_sends_what_it_committed() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("Why is the sky blue?").tick();
    desk.approve("invoice").answer("sky", "Because.").approve("sky").git(&["add", "."]);
    desk.git(&["commit", "-qm", "one", "--", &desk.draft("invoice")]);
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.sent()[0].subject, "Re: where is my invoice?");
    desk.git(&["commit", "-qm", "two"]);
    assert_eq!(desk.sent().len(), 2);
}

#[test]
fn a_linked_worktree_works_on_a_branch_and_main_stays_in_peace() {
    let desk = with_answer();
    desk.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let draft = desk.draft("invoice");
    desk.shell(&format!("cd ../side && sed -i 2s/draft/approved/ {draft} && git commit -qam yes")).succeeds();
    assert_eq!(desk.seen(), "");
    check_nothing_sent(&desk);
    desk.with_mail("where is invoice 2?").tick();
    assert_eq!(desk.files().len(), 2);
    assert_eq!(desk.shell("git -C ../side status --porcelain").out, "");
    desk.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    check_sent_once(&desk);
}

#[test]
fn a_linked_worktree_may_commit_what_main_would_refuse() {
    let desk = Desk::new();
    desk.with_mail("Why is the sky blue?").tick().git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let draft = desk.draft("sky");
    // An approved escalation without an answer: on a branch it is nobody's business yet.
    desk.shell(&format!("cd ../side && sed -i 2s/draft/approved/ {draft} && git commit -qam wip")).succeeds();
    check_nothing_sent(&desk);
}

#[test]
fn a_commit_on_a_branch_does_not_talk_about_the_last_one_on_main() {
    let desk = with_answer();
    desk.edit("invoice", "Hello Ada", "Dear Ada").commit("better").git(&["switch", "-qc", "side"]);
    let said = desk.try_git(&["commit", "-q", "--allow-empty", "-m", "elsewhere"]).succeeds();
    assert_eq!(said.err, "");
}
