//! What is taken back, and what comes back.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never, next_run};

pub const CASES: &[Case] = &[
    // revert
    never("revert before the send", "yes_quietly; git revert --no-edit HEAD >/dev/null"),
    at_once(
        "revert of the revert before the send",
        "yes_quietly; quiet revert --no-edit HEAD >/dev/null; git revert --no-edit HEAD >/dev/null",
    ),
    at_once("revert after the send", "yes; git revert --no-edit HEAD~1 >/dev/null || git revert --abort"),
    at_once("revert of the clearing", "yes; git revert --no-edit HEAD >/dev/null"),
    at_once(
        "revert of the clearing, and of that",
        "yes; git revert --no-edit HEAD >/dev/null; git revert --no-edit HEAD >/dev/null",
    ),
    at_once("revert of approval and clearing", "yes; git revert --no-edit HEAD~2.. >/dev/null"),
    never("revert -n, then commit", "yes_quietly; git revert -n HEAD; git commit -qm no"),
    never(
        "revert -m 1 of a merge",
        "git switch -qc side; yes_quietly; git switch -q main; quiet merge -q --no-ff -m join side
         git revert --no-edit -m 1 HEAD >/dev/null",
    ),
    never("revert of the landing", "git revert --no-edit HEAD >/dev/null"),
    at_once(
        "revert of a series that has the approval",
        "work a; yes; git revert --no-edit HEAD~2.. >/dev/null",
    ),
    at_once(
        "revert of a series after the approval",
        "work a; work b; yes_quietly; git revert --no-edit HEAD~3..HEAD~1 >/dev/null",
    ),
    // reset
    never("reset --soft before the send", "yes_quietly; git reset -q --soft HEAD~1"),
    never("reset --mixed before the send", "yes_quietly; git reset -q HEAD~1"),
    never("reset --hard before the send", "yes_quietly; git reset -q --hard HEAD~1"),
    never("reset --keep before the send", "yes_quietly; git reset -q --keep HEAD~1"),
    next_run(
        "reset --hard, and back by the reflog",
        "yes_quietly; git reset -q --hard HEAD~1; git reset -q --hard 'HEAD@{1}'",
    ),
    at_once(
        "reset --soft, and another commit",
        "yes_quietly; git reset -q --soft HEAD~1; git commit -qm again",
    ),
    at_once("reset --soft after the send", "yes; git reset -q --soft HEAD~1"),
    at_once("reset --mixed after the send", "yes; git reset -q HEAD~1"),
    at_once("reset --hard after the send", "yes; git reset -q --hard HEAD~1"),
    at_once("reset --hard to before the approval after the send", "yes; git reset -q --hard HEAD~2"),
    at_once("reset --hard to the beginning after the send", "yes; git reset -q --hard HEAD~3"),
    never("reset --hard to the beginning", "git reset -q --hard HEAD~1"),
    at_once("reset after the send, and approved anew", "yes; git reset -q --hard HEAD~2; yes"),
    at_once(
        "reset after the send, and another text approved",
        "yes; git reset -q --hard HEAD~2; soften; yes",
    ),
    // stash
    never("stash", "approve; git stash -q"),
    never("stash pop", "approve; git stash -q; git stash pop -q"),
    at_once("stash pop, then commit", "approve; git stash -q; git stash pop -q; git commit -qam yes"),
    at_once(
        "stash apply over other work",
        "approve; git stash -q; work; git stash apply -q; git commit -qam yes",
    ),
    at_once(
        "stash --staged",
        "approve; git add drafts; git stash -q --staged; git stash pop -q --index; git commit -qm yes",
    ),
    never("stash branch", "approve; git stash -q; git stash branch side >/dev/null; git commit -qam yes"),
    at_once(
        "stash branch, merged",
        "approve; git stash -q; work; git stash branch side >/dev/null; git commit -qam yes
         git switch -q main; git merge -q -m join side",
    ),
    never("stash -u of everything", "approve; git stash -q -u"),
    // files
    never("the approval undone in the worktree", "approve; git restore drafts"),
    never("the draft deleted, not committed", "rm \"$(draft invoice)\""),
    never("the draft deleted", "git rm -q \"$(draft invoice)\"; git commit -qm no"),
    never(
        "the approved draft deleted before the send",
        "yes_quietly; git rm -q \"$(draft invoice)\"; git commit -qm no",
    ),
    at_once(
        "deleted and restored before the send",
        "f=$(draft invoice); yes_quietly; git rm -q \"$f\"; quiet commit -qm no
         git checkout -q HEAD~1 -- \"$f\"; git commit -qm yes",
    ),
    at_once(
        "deleted, rejected, restored and approved",
        "f=$(draft invoice); git rm -q \"$f\"; git commit -qm no; git checkout -q HEAD~1 -- \"$f\"
         yes",
    ),
    at_once(
        "restored after the send",
        "f=$(draft invoice); yes; git checkout -q HEAD~1 -- \"$f\"; git commit -qm again",
    ),
    at_once(
        "restored and edited after the send",
        "f=$(draft invoice); yes; git checkout -q HEAD~1 -- \"$f\"; soften; git add drafts
         git commit -qm again",
    ),
    at_once(
        "restored under another name after the send",
        "f=$(draft invoice); yes; git show \"HEAD~1:$f\" >drafts/again.md; git add drafts
         git commit -qm again",
    ),
    at_once(
        "the worktree's folder of drafts deleted, then restored",
        "rm -r drafts; git restore drafts; yes",
    ),
    never("clean", "approve; git stash -q; git clean -qfd -e scratch.txt; git stash drop -q"),
    never(
        "assume-unchanged",
        "git update-index --assume-unchanged \"$(draft invoice)\"; approve; fails git commit -qam yes",
    ),
    at_once("approved, taken back, approved", "yes_quietly; unapprove; quiet commit -qam no; yes"),
    never("approved, and taken back", "yes_quietly; unapprove; git commit -qam no"),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @r#"
    revert before the send: never
        rnjk is still a draft; nothing was sent
    revert of the revert before the send: at once
    revert after the send: at once
    revert of the clearing: at once
    revert of the clearing, and of that: at once
    revert of approval and clearing: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
    revert -n, then commit: never
        rnjk is still a draft; nothing was sent
    revert -m 1 of a merge: never
        rnjk is still a draft; nothing was sent
    revert of the landing: never
        - [rejected]  rnjk  Revert "draft: 2 drafts"
        - [rejected]  zkvj  Revert "draft: 2 drafts"
    revert of a series that has the approval: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
    revert of a series after the approval: at once
    reset --soft before the send: never
    reset --mixed before the send: never
    reset --hard before the send: never
    reset --keep before the send: never
    reset --hard, and back by the reflog: next run
    reset --soft, and another commit: at once
    reset --soft after the send: at once
    reset --mixed after the send: at once
    reset --hard after the send: at once
    reset --hard to before the approval after the send: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
    reset --hard to the beginning after the send: at once
    reset --hard to the beginning: never
    reset after the send, and approved anew: at once
    reset after the send, and another text approved: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
    stash: never
    stash pop: never
    stash pop, then commit: at once
    stash apply over other work: at once
    stash --staged: at once
    stash branch: never
    stash branch, merged: at once
    stash -u of everything: never
    the approval undone in the worktree: never
    the draft deleted, not committed: never
    the draft deleted: never
        - [rejected]  rnjk  no
    the approved draft deleted before the send: never
        - [rejected]  rnjk  no
    deleted and restored before the send: at once
    deleted, rejected, restored and approved: at once
        - [rejected]  rnjk  no
        sent
    restored after the send: at once
    restored and edited after the send: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
    restored under another name after the send: at once
    the worktree's folder of drafts deleted, then restored: at once
    clean: never
    assume-unchanged: never
    approved, taken back, approved: at once
    approved, and taken back: never
        rnjk is still a draft; nothing was sent
    "#);
}
