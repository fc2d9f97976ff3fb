//! Branches, tags, worktrees, and commits that no porcelain made.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never, next_run};

pub const CASES: &[Case] = &[
    // elsewhere
    never("commit on another branch", "git switch -qc side; yes"),
    never("commit on a detached HEAD", "git switch -q --detach; yes"),
    never(
        "commit on an orphan branch",
        "git switch -q --orphan side; git checkout -q main -- drafts; git commit -qm begin; yes",
    ),
    at_once(
        "commit on another branch after a quiet approval on main",
        "yes_quietly; git switch -qc side; echo a >a; git add a; git commit -qm other",
    ),
    // moved
    next_run("reset --hard to a branch", "yes_on_side; git reset -q --hard side"),
    next_run("update-ref", "yes_on_side; git update-ref refs/heads/main side; git reset -q --hard"),
    next_run("update-ref under a checked-out main", "yes_on_side; git update-ref refs/heads/main side"),
    next_run("branch -f", "git switch -qc side; yes; git branch -q -f main"),
    next_run("switch -C", "yes_on_side; git switch -q -C main side"),
    next_run("push . side:main", "git switch -qc side; yes; git push -q . side:main"),
    next_run("fetch . side:main", "git switch -qc side; yes; git fetch -q . side:main"),
    next_run(
        "push into a checked-out main",
        "git config receive.denyCurrentBranch updateInstead; git clone -q . ../clone
         (cd ../clone; yes; git push -q origin main)",
    ),
    next_run(
        "commit-tree",
        "approve; git add drafts
         git update-ref refs/heads/main \"$(git commit-tree -p HEAD -m yes \"$(git write-tree)\")\"",
    ),
    next_run(
        "fast-import",
        "f=$(draft invoice); approve; b=$(git hash-object -w \"$f\"); git checkout -q -- drafts
         printf 'commit refs/heads/main\\ncommitter Sam Hill <sam@example.com> 1795176000 +0000\\ndata 3\\nyes\\nfrom refs/heads/main^0\\nM 100644 %s %s\\n' \"$b\" \"$f\" | git fast-import --quiet --force
         git reset -q --hard",
    ),
    next_run(
        "filter-branch",
        "yes_quietly
         FILTER_BRANCH_SQUELCH_WARNING=1 git filter-branch -f --msg-filter 'cat; echo more' main >/dev/null 2>&1",
    ),
    // names
    at_once("main renamed away and back", "git branch -m main trunk; git branch -m trunk main; yes"),
    at_once(
        "main as a symbolic ref",
        "git branch -m main trunk; git symbolic-ref refs/heads/main refs/heads/trunk; yes",
    ),
    at_once("tags named main and ledger", "git tag main HEAD~1; git tag ledger HEAD; yes"),
    at_once(
        "annotated tags named main and ledger",
        "git tag -a -m x main HEAD~1; git tag -a -m x ledger HEAD; yes",
    ),
    at_once(
        "branches named after refs",
        "git branch refs/heads/main HEAD~1; git branch heads/main HEAD~1
         git update-ref refs/main HEAD~1; yes",
    ),
    at_once("a remote named main", "git remote add main .; git fetch -q main; yes"),
    at_once(
        "notes on the approval",
        "yes_quietly; git notes add -m 'a note' HEAD; git notes --ref=ledger add -m x HEAD
         git commit -q --allow-empty -m again",
    ),
    at_once(
        "a tag on the approval",
        "yes_quietly; git tag -a -m yes approved; git commit -q --allow-empty -m again",
    ),
    // worktrees
    never(
        "commit in a linked worktree on a branch",
        "git worktree add -q -b side ../side; (cd ../side; yes)",
    ),
    at_once(
        "commit in a linked worktree, merged",
        "git worktree add -q -b side ../side; (cd ../side; yes); git merge -q --no-ff -m join side",
    ),
    at_once(
        "commit on main in a linked worktree",
        "git switch -qc side; git worktree add -q ../main main; (cd ../main; yes)",
    ),
    at_once(
        "merge on main in a linked worktree",
        "git switch -qc side; yes; git worktree add -q ../main main; (cd ../main; git merge -q side)",
    ),
    never("commit in a detached worktree", "git worktree add -q --detach ../side; (cd ../side; yes)"),
    at_once("commit on main beside a locked worktree", "git worktree add -q --lock -b side ../side; yes"),
    at_once(
        "commit on main beside a worktree that is gone",
        "git worktree add -q -b side ../side; rm -r ../side; yes",
    ),
    at_once(
        "commit beside a worktree's configuration",
        "git config extensions.worktreeConfig true; git config --worktree core.sparseCheckout false
         yes",
    ),
    // under way
    next_run(
        "bisect under way",
        "yes_quietly; git bisect start -q; git bisect bad
         git bisect good HEAD~2 >/dev/null 2>&1 || :",
    ),
    at_once("commit while a bisect is under way", "git bisect start -q; yes"),
    at_once(
        "commit --git-dir --work-tree from elsewhere",
        "approve; cd /
         git --git-dir=\"$HOME/drafts/.git\" --work-tree=\"$HOME/drafts\" commit -qam yes",
    ),
    at_once("commit from a folder below", "approve; cd drafts; git commit -qam yes"),
    at_once("commit -C from elsewhere", "approve; cd /; git -C \"$HOME/drafts\" commit -qam yes"),
    at_once(
        "commit by a link to the folder",
        "approve; ln -s drafts ../link; cd ../link; git commit -qam yes",
    ),
    at_once("the repository in another folder", "git init -q --separate-git-dir ../store; yes"),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @"
    commit on another branch: never
    commit on a detached HEAD: never
    commit on an orphan branch: never
    commit on another branch after a quiet approval on main: at once
    reset --hard to a branch: next run
    update-ref: next run
    update-ref under a checked-out main: next run
    branch -f: next run
    switch -C: next run
    push . side:main: next run
    fetch . side:main: next run
    push into a checked-out main: next run
    commit-tree: next run
    fast-import: next run
    filter-branch: next run
    main renamed away and back: at once
    main as a symbolic ref: at once
    tags named main and ledger: at once
    annotated tags named main and ledger: at once
    branches named after refs: at once
    a remote named main: at once
    notes on the approval: at once
    a tag on the approval: at once
    commit in a linked worktree on a branch: never
    commit in a linked worktree, merged: at once
    commit on main in a linked worktree: at once
    merge on main in a linked worktree: at once
    commit in a detached worktree: never
    commit on main beside a locked worktree: at once
    commit on main beside a worktree that is gone: at once
    commit beside a worktree's configuration: at once
    bisect under way: next run
    commit while a bisect is under way: at once
    commit --git-dir --work-tree from elsewhere: at once
    commit from a folder below: at once
    commit -C from elsewhere: at once
    commit by a link to the folder: at once
    the repository in another folder: at once
    ");
}
