//! An approval on one side and an edit on the other, joined in every way that git has: what goes out is
//! a text that somebody approved, or nothing.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never, next_run};

pub const CASES: &[Case] = &[
    // merge: the approval here, the edit there
    next_run("merge of an edit, undecided", "softer_on_side; yes_quietly; fails git merge side"),
    next_run(
        "merge of an edit, given up",
        "softer_on_side; yes_quietly; fails git merge side; git merge --abort",
    ),
    at_once(
        "merge of an edit, ours",
        "softer_on_side; yes_quietly; fails git merge side; git checkout -q --ours drafts
         git add drafts; git commit -qm ours",
    ),
    never(
        "merge of an edit, theirs",
        "softer_on_side; yes_quietly; fails git merge side; git checkout -q --theirs drafts
         git add drafts; git commit -qm theirs",
    ),
    never(
        "merge of an edit, by hand",
        "softer_on_side; yes_quietly; fails git merge side; soften; git add drafts
         git commit -qm both",
    ),
    at_once(
        "merge of an edit, by hand, then approved",
        "softer_on_side; yes_quietly; fails git merge side; soften; unapprove; git add drafts
         quiet commit -qm both; yes",
    )
    .with_text("Dear Ada"),
    at_once("merge -X ours of an edit", "softer_on_side; yes_quietly; git merge -q -X ours -m join side"),
    never("merge -X theirs of an edit", "softer_on_side; yes_quietly; git merge -q -X theirs -m join side"),
    at_once("merge -s ours of an edit", "softer_on_side; yes_quietly; git merge -q -s ours -m join side"),
    never(
        "merge --squash of an edit",
        "softer_on_side; yes_quietly; fails git merge --squash side; git checkout -q --theirs drafts
         git add drafts; git commit -qm squashed",
    ),
    // the edit here, the approval there
    at_once(
        "merge of an approval, theirs",
        "yes_on_side; softer_quietly; fails git merge side; git checkout -q --theirs drafts
         git add drafts; git commit -qm theirs",
    ),
    never(
        "merge of an approval, ours",
        "yes_on_side; softer_quietly; fails git merge side; git checkout -q --ours drafts
         git add drafts; git commit -qm ours",
    ),
    never(
        "merge of an approval, by hand",
        "yes_on_side; softer_quietly; fails git merge side; approve; git add drafts
         git commit -qm both",
    ),
    at_once(
        "merge -X theirs of an approval",
        "yes_on_side; softer_quietly; git merge -q -X theirs -m join side",
    ),
    // rebase
    next_run("rebase onto an edit, undecided", "softer_on_side; yes_quietly; fails git rebase side"),
    next_run(
        "rebase onto an edit, given up",
        "softer_on_side; yes_quietly; fails git rebase side; git rebase --abort",
    ),
    never(
        "rebase onto an edit, skipped",
        "softer_on_side; yes_quietly; fails git rebase side; git rebase --skip >/dev/null 2>&1",
    ),
    at_once(
        "rebase onto an edit, the approval",
        "softer_on_side; yes_quietly; fails git rebase side; git checkout -q --theirs drafts
         git add drafts; GIT_EDITOR=true git rebase --continue >/dev/null",
    ),
    at_once(
        "rebase of an edit onto the approval, skipped",
        "yes_on_side; softer_quietly; fails git rebase side; git rebase --skip >/dev/null",
    ),
    never(
        "rebase of an edit onto the approval, the edit",
        "yes_on_side; softer_quietly; fails git rebase side; git checkout -q --theirs drafts
         git add drafts; GIT_EDITOR=true git rebase --continue >/dev/null",
    ),
    at_once("rebase --apply onto an edit", "softer_on_side; yes_quietly; git rebase -q --apply side"),
    next_run(
        "rebase --apply of an edit onto the approval",
        "yes_on_side; softer_quietly; git rebase -q --apply side",
    )
    .with_text("Dear Ada"),
    // pull
    next_run(
        "pull --rebase onto an edit, undecided",
        "git clone -q . ../clone; (cd ../clone; softer_quietly); yes_quietly
         fails git pull --rebase ../clone main",
    ),
    next_run(
        "pull of an edit, undecided",
        "git clone -q . ../clone; (cd ../clone; softer_quietly); yes_quietly
         fails git pull --no-rebase ../clone main",
    ),
    // cherry-pick
    next_run(
        "cherry-pick of an edit, given up",
        "softer_on_side; yes_quietly; fails git cherry-pick side; git cherry-pick --abort",
    ),
    never(
        "cherry-pick of an edit, taken",
        "softer_on_side; yes_quietly; fails git cherry-pick side; git checkout -q --theirs drafts
         git add drafts; git -c core.editor=true cherry-pick --continue >/dev/null",
    ),
    at_once(
        "cherry-pick of an approval, taken",
        "yes_on_side; softer_quietly; fails git cherry-pick side; git checkout -q --theirs drafts
         git add drafts; git -c core.editor=true cherry-pick --continue >/dev/null",
    ),
    // patches
    at_once(
        "am of an edit blends",
        "softer_on_side; yes_quietly; git format-patch -1 --stdout side | git am -q",
    )
    .with_text("Dear Ada"),
    at_once(
        "am of an approval blends",
        "yes_on_side; softer_quietly; git format-patch -1 --stdout side | git am -q",
    )
    .with_text("Dear Ada"),
    next_run(
        "stash pop of an edit onto the approval",
        "soften; git stash -q; yes_quietly; fails git stash pop",
    ),
    at_once(
        "checkout -m of an edit",
        "yes_on_side; soften; fails git switch -q side; git checkout -q -- drafts; git merge -q side",
    ),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @"
    merge of an edit, undecided: next run
    merge of an edit, given up: next run
    merge of an edit, ours: at once
    merge of an edit, theirs: never
        rnjk is still a draft; nothing was sent
    merge of an edit, by hand: never
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
        hint: read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
    merge of an edit, by hand, then approved: at once
    merge -X ours of an edit: at once
    merge -X theirs of an edit: never
    merge -s ours of an edit: at once
    merge --squash of an edit: never
        rnjk is still a draft; nothing was sent
    merge of an approval, theirs: at once
    merge of an approval, ours: never
    merge of an approval, by hand: never
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
        hint: read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
    merge -X theirs of an approval: at once
    rebase onto an edit, undecided: next run
    rebase onto an edit, given up: next run
    rebase onto an edit, skipped: never
    rebase onto an edit, the approval: at once
    rebase of an edit onto the approval, skipped: at once
    rebase of an edit onto the approval, the edit: never
    rebase --apply onto an edit: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
    rebase --apply of an edit onto the approval: next run
    pull --rebase onto an edit, undecided: next run
    pull of an edit, undecided: next run
    cherry-pick of an edit, given up: next run
    cherry-pick of an edit, taken: never
        rnjk is still a draft; nothing was sent
    cherry-pick of an approval, taken: at once
    am of an edit blends: at once
    am of an approval blends: at once
    stash pop of an edit onto the approval: next run
    checkout -m of an edit: at once
    ");
}
