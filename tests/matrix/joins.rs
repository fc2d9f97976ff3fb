//! One line of history joined with another: merge, rebase, cherry-pick, am, pull.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never, next_run};

pub const CASES: &[Case] = &[
    // merge
    at_once("merge, fast-forward", "yes_on_side; git merge -q side"),
    at_once("merge --no-ff", "yes_on_side; git merge -q --no-ff -m join side"),
    at_once("merge of two sides", "yes_on_side; work; git merge -q -m join side"),
    at_once(
        "merge of other work after the approval",
        "work_on_side; yes_quietly; git merge -q -m join side",
    ),
    at_once(
        "merge --no-commit, then commit",
        "yes_on_side; git merge -q --no-ff --no-commit side; git commit -qm join",
    ),
    at_once(
        "merge --no-commit, then merge --continue",
        "yes_on_side; git merge -q --no-ff --no-commit side
         GIT_EDITOR=true git merge --continue >/dev/null",
    ),
    never("merge --no-commit alone", "yes_on_side; git merge -q --no-ff --no-commit side"),
    never("merge --abort", "yes_on_side; git merge -q --no-ff --no-commit side; git merge --abort"),
    at_once(
        "merge --squash, then commit",
        "yes_on_side; git merge -q --squash side >/dev/null; git commit -qm squashed",
    ),
    never("merge --squash alone", "yes_on_side; git merge -q --squash side >/dev/null"),
    at_once("merge in an editor", "yes_on_side; work; GIT_EDITOR=true git merge -q --edit side"),
    at_once("merge -s ort -X patience", "yes_on_side; work; git merge -q -s ort -X patience -m join side"),
    never("merge -s ours", "yes_on_side; git merge -q -s ours -m join side"),
    at_once("merge -s ours, then the same approval", "yes_on_side; git merge -q -s ours -m join side; yes"),
    at_once("merge of a tag", "yes_on_side; git tag -a -m v1 v1 side; git merge -q -m join v1"),
    at_once(
        "merge twice",
        "yes_on_side; git merge -q --no-ff -m join side; git merge -q --no-ff -m join side",
    ),
    at_once(
        "merge of main into a branch, and back",
        "yes_on_side; work; git switch -q side; git merge -q -m up main; git switch -q main
         git merge -q side",
    ),
    at_once(
        "octopus merge",
        "yes_on_side; git switch -qc two; work two; git switch -qc three main; work three
         git switch -q main
         git merge -q -m join side two three",
    ),
    at_once(
        "octopus merge of two approvals of one text",
        "yes_on_side; git switch -qc two; quiet commit -q --allow-empty -m x; approve
         quiet commit -qam 'yes too'
         git switch -q main; work; git merge -q -m join side two",
    ),
    never(
        "octopus merge of an approval and an edit blends",
        "yes_on_side; git switch -qc two; softer_quietly; git switch -q main; work
         git merge -q -m join side two >/dev/null",
    ),
    at_once(
        "merge-tree, commit-tree, merge --ff-only",
        "yes_on_side; work
         git merge -q --ff-only \"$(git commit-tree -p main -p side -m join \"$(git merge-tree --write-tree main side)\")\"",
    ),
    next_run(
        "merge-tree, commit-tree, update-ref",
        "yes_on_side; work
         git update-ref refs/heads/main \"$(git commit-tree -p main -p side -m join \"$(git merge-tree --write-tree main side)\")\"
         git reset -q --hard",
    ),
    // rebase
    at_once("rebase of the approval onto other work", "work_on_side; yes_quietly; git rebase -q side"),
    at_once("rebase --apply of the approval", "work_on_side; yes_quietly; git rebase -q --apply side"),
    at_once("rebase of other work onto the approval", "yes_on_side; work; git rebase -q side"),
    next_run(
        "rebase --apply of other work onto the approval",
        "yes_on_side; work; git rebase -q --apply side",
    ),
    at_once(
        "rebase onto a landing",
        "yes_on_side; next_mail; git switch -q side; git rebase -q main; git switch -q main
         git merge -q side",
    ),
    at_once("rebase of a landing onto the approval", "yes_on_side; next_mail; git rebase -q side"),
    at_once(
        "rebase --onto",
        "git switch -qc side; work side; yes_quietly; git rebase -q --onto main side~1 side
         git switch -q main; git merge -q side",
    ),
    at_once("rebase --root", "yes_quietly; git rebase -q --root"),
    at_once(
        "rebase --rebase-merges",
        "yes_on_side; work; git switch -qc base main~1; work base; git switch -q main
         quiet merge -q -m join side; git rebase -q --rebase-merges base",
    ),
    at_once(
        "rebase --autostash over a work in progress",
        "work; work_on_side; yes_quietly; echo more >>work.txt; git rebase -q --autostash side",
    ),
    at_once("rebase --exec", "work_on_side; yes_quietly; git rebase -q --exec true side"),
    at_once(
        "rebase -i, reword",
        "yes_quietly
         GIT_SEQUENCE_EDITOR='sed -i s/^pick/reword/' GIT_EDITOR='sed -i 1s/yes/no/' git rebase -q -i HEAD~1",
    ),
    at_once(
        "rebase -i, squash",
        "work; yes_quietly
         GIT_SEQUENCE_EDITOR='sed -i 2s/^pick/squash/' GIT_EDITOR=true git rebase -q -i HEAD~2",
    ),
    at_once(
        "rebase -i, edit and amend",
        "yes_quietly; GIT_SEQUENCE_EDITOR='sed -i s/^pick/edit/' git rebase -q -i HEAD~1; soften
         git commit -qa --amend -m softer; git rebase --continue 2>/dev/null >&2",
    )
    .with_text("Dear Ada"),
    never(
        "rebase -i, drop",
        "work; yes_quietly; GIT_SEQUENCE_EDITOR='sed -i /yes/s/^pick/drop/' git rebase -q -i HEAD~2",
    ),
    next_run(
        "rebase --abort",
        "work_on_side; yes_quietly; fails git rebase -q --exec false side; git rebase --abort",
    ),
    next_run("rebase, fast-forward", "yes_on_side; git rebase -q side"),
    // cherry-pick
    at_once("cherry-pick", "yes_on_side; work; git cherry-pick side >/dev/null"),
    at_once("cherry-pick -x", "yes_on_side; work; git cherry-pick -x side >/dev/null"),
    next_run("cherry-pick --ff", "yes_on_side; git cherry-pick --ff side >/dev/null"),
    never("cherry-pick -n", "yes_on_side; git cherry-pick -n side"),
    at_once("cherry-pick -n, then commit", "yes_on_side; git cherry-pick -n side; git commit -qm picked"),
    at_once(
        "cherry-pick -m 1 of a merge",
        "yes_on_side; git switch -qc two main; work two; quiet merge -q --no-ff -m join side
         git switch -q main; git cherry-pick -m 1 two >/dev/null",
    ),
    at_once(
        "cherry-pick of the approval and its copy",
        "yes_on_side; git cherry-pick side >/dev/null; fails git cherry-pick side
         git cherry-pick --skip",
    ),
    at_once(
        "cherry-pick of a series",
        "git switch -qc side; work a; yes; work b; git switch -q main; work
         git cherry-pick main..side >/dev/null",
    ),
    at_once(
        "cherry-pick of a series, given up in the middle",
        "git switch -qc side; yes; echo a >work.txt; git add work.txt; quiet commit -qm a
         git switch -q main; work
         fails git cherry-pick main..side; git cherry-pick --quit
         git checkout -q -f HEAD -- work.txt",
    ),
    // patches
    at_once("format-patch, am", "yes_on_side; work; git format-patch -1 --stdout side | git am -q"),
    at_once("format-patch, am -3", "yes_on_side; work; git format-patch -1 --stdout side | git am -q -3"),
    at_once("am --signoff", "yes_on_side; work; git format-patch -1 --stdout side | git am -q --signoff"),
    never("apply", "yes_on_side; git diff main side | git apply"),
    at_once(
        "apply --index, then commit",
        "yes_on_side; git diff main side | git apply --index; git commit -qm applied",
    ),
    // pull
    at_once("pull, fast-forward", "git clone -q . ../clone; (cd ../clone; yes); git pull -q ../clone main"),
    at_once(
        "pull --no-rebase",
        "git clone -q . ../clone; (cd ../clone; yes); work
         git pull -q --no-rebase --no-edit ../clone main",
    ),
    at_once(
        "pull --rebase of other work",
        "git clone -q . ../clone; (cd ../clone; work side); yes_quietly
         git pull -q --rebase ../clone main",
    ),
    at_once(
        "pull --rebase of an approval",
        "git clone -q . ../clone; (cd ../clone; yes); work; git pull -q --rebase ../clone main",
    ),
    at_once(
        "pull --squash, then commit",
        "git clone -q . ../clone; (cd ../clone; yes); git pull -q --squash ../clone main
         git commit -qm pulled",
    ),
    at_once(
        "pull of a bundle",
        "git clone -q . ../clone; (cd ../clone; yes; git bundle create -q ../bundle main)
         git pull -q ../bundle main",
    ),
    never("fetch alone", "git clone -q . ../clone; (cd ../clone; yes); git fetch -q ../clone main"),
    // by tree
    at_once(
        "checkout of a branch's drafts",
        "yes_on_side; git checkout -q side -- drafts; git commit -qm taken",
    ),
    at_once(
        "restore of a branch's drafts",
        "yes_on_side; git restore --source side drafts; git commit -qam taken",
    ),
    at_once("read-tree -m -u", "yes_on_side; git read-tree -m -u side; git commit -qm read"),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @"
    merge, fast-forward: at once
    merge --no-ff: at once
    merge of two sides: at once
    merge of other work after the approval: at once
    merge --no-commit, then commit: at once
    merge --no-commit, then merge --continue: at once
    merge --no-commit alone: never
    merge --abort: never
    merge --squash, then commit: at once
    merge --squash alone: never
    merge in an editor: at once
    merge -s ort -X patience: at once
    merge -s ours: never
    merge -s ours, then the same approval: at once
    merge of a tag: at once
    merge twice: at once
    merge of main into a branch, and back: at once
    octopus merge: at once
    octopus merge of two approvals of one text: at once
    octopus merge of an approval and an edit blends: never
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
        hint: read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
    merge-tree, commit-tree, merge --ff-only: at once
    merge-tree, commit-tree, update-ref: next run
    rebase of the approval onto other work: at once
    rebase --apply of the approval: at once
    rebase of other work onto the approval: at once
    rebase --apply of other work onto the approval: next run
    rebase onto a landing: at once
    rebase of a landing onto the approval: at once
    rebase --onto: at once
    rebase --root: at once
    rebase --rebase-merges: at once
    rebase --autostash over a work in progress: at once
    rebase --exec: at once
    rebase -i, reword: at once
    rebase -i, squash: at once
    rebase -i, edit and amend: at once
    rebase -i, drop: never
    rebase --abort: next run
    rebase, fast-forward: next run
    cherry-pick: at once
    cherry-pick -x: at once
    cherry-pick --ff: next run
    cherry-pick -n: never
    cherry-pick -n, then commit: at once
    cherry-pick -m 1 of a merge: at once
    cherry-pick of the approval and its copy: at once
    cherry-pick of a series: at once
    cherry-pick of a series, given up in the middle: at once
    format-patch, am: at once
    format-patch, am -3: at once
    am --signoff: at once
    apply: never
    apply --index, then commit: at once
    pull, fast-forward: at once
    pull --no-rebase: at once
    pull --rebase of other work: at once
    pull --rebase of an approval: at once
    pull --squash, then commit: at once
    pull of a bundle: at once
    fetch alone: never
    checkout of a branch's drafts: at once
    restore of a branch's drafts: at once
    read-tree -m -u: at once
    ");
}
