//! Whose commit it is, and what the policy says about that.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never};

pub const CASES: &[Case] = &[
    never("a stranger's commit", "approve; kim git commit -qam yes"),
    never(
        "a stranger's commit, by --author",
        "approve; git commit -qam yes --author 'Kim Lee <kim@example.com>'",
    ),
    never(
        "a stranger's commit in the operator's name",
        "approve
         GIT_COMMITTER_NAME='Kim Lee' GIT_COMMITTER_EMAIL=kim@example.com git commit -qam yes",
    ),
    never(
        "a stranger's address by git -c",
        "unset GIT_COMMITTER_EMAIL GIT_AUTHOR_EMAIL; approve
         git -c user.email=kim@example.com commit -qam yes",
    ),
    never(
        "a stranger's commit, amended by the operator",
        "approve; kim quiet commit -qam yes; git commit -q --amend -m yes",
    ),
    at_once(
        "a stranger's commit, amended as one's own",
        "approve; kim quiet commit -qam yes; git commit -q --amend -m yes --reset-author",
    ),
    never(
        "a stranger's commit, signed off",
        "approve; kim quiet commit -qam yes; git commit -q --amend -s --no-edit",
    ),
    never(
        "a merge of a stranger's approval",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main
         git merge -q --no-ff -m join side",
    ),
    never(
        "a fast-forward to a stranger's approval",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main; git merge -q side",
    ),
    never(
        "a cherry-pick of a stranger's approval",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main
         git cherry-pick side >/dev/null",
    ),
    never(
        "a rebase of a stranger's approval",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main; work
         git switch -q side; git rebase -q main; git switch -q main; git merge -q side",
    ),
    never(
        "am of a stranger's approval",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main
         git format-patch -1 --stdout side | git am -q",
    ),
    at_once(
        "a squash of a stranger's approval",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main
         git merge -q --squash side >/dev/null; git commit -qm mine",
    ),
    at_once(
        "a stranger's edit, approved by the operator",
        "git switch -qc side; soften; kim git commit -qam softer; git switch -q main
         git merge -q side; yes",
    )
    .with_text("Dear Ada"),
    never("an approval, edited by a stranger", "yes_quietly; soften; kim git commit -qam softer"),
    never("an approval, taken back by a stranger", "yes_quietly; unapprove; kim git commit -qam no"),
    at_once(
        "an approval, renamed by a stranger",
        "yes_quietly; git mv \"$(draft invoice)\" drafts/other.md; kim git commit -qam name",
    ),
    at_once("an approval, merged by a stranger", "yes_on_side; work; kim git merge -q -m join side"),
    at_once(
        "an approval that a stranger made too",
        "git switch -qc side; approve; kim git commit -qam yes; git switch -q main; yes_quietly
         git merge -q -m join side",
    ),
    never(
        "commits by replacement",
        "approve; kim quiet commit -qam yes
         git replace HEAD \"$(git commit-tree -p HEAD~1 -m yes 'HEAD^{tree}')\"
         git commit -q --allow-empty -m again",
    ),
    never(
        "commits by grafts",
        "approve; kim quiet commit -qam yes; git commit -q --allow-empty -m again
         echo \"$(git rev-parse HEAD) $(git rev-parse HEAD~2)\" >.git/info/grafts
         git config advice.graftFileDeprecated false",
    ),
    // policy
    never(
        "a policy that is loosened before the approval",
        "policy 'approvers = [\"kim@example.com\"]'; git drafts send; approve; git commit -qam yes",
    ),
    never(
        "a policy loosened by a stranger before his approval",
        "printf 'version = 1\\napprovers = [\"kim@example.com\"]\\n' >drafts.toml
         kim quiet commit -qam policy; approve; kim git commit -qam yes",
    ),
    never(
        "a policy loosened by its owner for an older draft",
        "policy 'approvers = [\"sam@example.com\", \"kim@example.com\"]'; git drafts send; approve
         kim git commit -qam yes",
    ),
    at_once(
        "a policy that names the operator",
        "policy 'approvers = [\"sam@example.com\"]'; git drafts send; yes",
    ),
    // mode = "merge"
    never("in merge mode, a commit", "policy 'mode = \"merge\"'; yes"),
    never("in merge mode, a fast-forward", "policy 'mode = \"merge\"'; yes_on_side; git merge -q side"),
    at_once(
        "in merge mode, a merge",
        "policy 'mode = \"merge\"'; yes_on_side; git merge -q --no-ff -m join side",
    ),
    at_once(
        "in merge mode, a merge of a stranger's branch",
        "policy 'mode = \"merge\"'; git switch -qc side; approve; kim git commit -qam yes
         git switch -q main; git merge -q --no-ff -m join side",
    ),
    never(
        "in merge mode, a merge by a stranger",
        "policy 'mode = \"merge\"'; yes_on_side; kim git merge -q --no-ff -m join side",
    ),
    never(
        "in merge mode, a squash",
        "policy 'mode = \"merge\"'; yes_on_side; git merge -q --squash side >/dev/null
         git commit -qm squashed",
    ),
    at_once(
        "in merge mode, an octopus",
        "policy 'mode = \"merge\"'; yes_on_side; git switch -qc two; work two; git switch -q main
         work; git merge -q -m join side two",
    ),
    never(
        "in merge mode, a cherry-pick",
        "policy 'mode = \"merge\"'; yes_on_side; work; git cherry-pick side >/dev/null",
    ),
    never(
        "in merge mode, an edit inside the merge",
        "policy 'mode = \"merge\"'; yes_on_side; git merge -q --no-ff --no-commit side; soften
         git add drafts; git commit -qm join",
    ),
    never(
        "in merge mode, a merge that is reverted",
        "policy 'mode = \"merge\"'; yes_on_side; quiet merge -q --no-ff -m join side
         git revert --no-edit -m 1 HEAD >/dev/null",
    ),
    at_once(
        "in merge mode, a pull",
        "policy 'mode = \"merge\"'; git clone -q . ../clone; (cd ../clone; yes); work
         git pull -q --no-rebase --no-edit ../clone main",
    ),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @r#"
    a stranger's commit: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a stranger's commit, by --author: never
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
    a stranger's commit in the operator's name: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a stranger's address by git -c: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a stranger's commit, amended by the operator: never
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
    a stranger's commit, amended as one's own: at once
    a stranger's commit, signed off: never
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
    a merge of a stranger's approval: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a fast-forward to a stranger's approval: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a cherry-pick of a stranger's approval: never
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
    a rebase of a stranger's approval: never
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
    am of a stranger's approval: never
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] carries over what kim@example.com approved, and kim@example.com is not an approver
    a squash of a stranger's approval: at once
    a stranger's edit, approved by the operator: at once
    an approval, edited by a stranger: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    an approval, taken back by a stranger: never
        rnjk is still a draft; nothing was sent
    an approval, renamed by a stranger: at once
    an approval, merged by a stranger: at once
    an approval that a stranger made too: at once
    commits by replacement: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    commits by grafts: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a policy that is loosened before the approval: never
        ! [held]      rnjk  commit [abbrev] approves it, and sam@example.com is not an approver
        hint: nobody who is an approver now was one when it was drafted: add one of those to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and sam@example.com is not an approver
    a policy loosened by a stranger before his approval: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        warning: the previous policy stays in force: commit [abbrev] changes drafts.toml, and kim@example.com is not an approver
        hint: look at `git log -p drafts.toml`; to accept it, commit a change of it yourself
    a policy loosened by its owner for an older draft: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    a policy that names the operator: at once
    in merge mode, a commit: never
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
        hint: `mode = "merge"` in drafts.toml asks for a merge: put it on a branch and `git merge --no-ff` that
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
    in merge mode, a fast-forward: never
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
        hint: `mode = "merge"` in drafts.toml asks for a merge: put it on a branch and `git merge --no-ff` that
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
    in merge mode, a merge: at once
    in merge mode, a merge of a stranger's branch: at once
    in merge mode, a merge by a stranger: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
    in merge mode, a squash: never
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
        hint: `mode = "merge"` in drafts.toml asks for a merge: put it on a branch and `git merge --no-ff` that
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
    in merge mode, an octopus: at once
    in merge mode, a cherry-pick: never
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
        hint: `mode = "merge"` in drafts.toml asks for a merge: put it on a branch and `git merge --no-ff` that
        ! [held]      rnjk  commit [abbrev] brought it to main, and that is no merge
    in merge mode, an edit inside the merge: never
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
        hint: read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit
        ! [held]      rnjk  the merge [abbrev] made this text, and none of its parents has it
    in merge mode, a merge that is reverted: never
        rnjk is still a draft; nothing was sent
    in merge mode, a pull: at once
    "#);
}
