//! One commit, in all its forms.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never};

pub const CASES: &[Case] = &[
    at_once("commit -a", "approve; git commit -qam yes"),
    at_once("add, commit", "approve; git add drafts; git commit -qm yes"),
    at_once("commit -- path", "echo a >a; git add a; approve; git commit -qm yes -- drafts"),
    at_once("commit --include", "echo a >a; git add a; approve; git commit -qim yes drafts"),
    at_once("commit --no-verify", "approve; git commit -qanm yes"),
    at_once("commit in an editor", "approve; GIT_EDITOR='sed -i 1s/^/yes/' git commit -qa"),
    at_once(
        "commit in an editor that shows the diff",
        "approve; GIT_EDITOR='sed -i 1s/^/yes/' git commit -qav",
    ),
    at_once(
        "commit in an editor, comments begin with ;",
        "git config core.commentChar ';'; approve; GIT_EDITOR='sed -i 1s/^/yes/' git commit -qa",
    ),
    never("commit given up in the editor", "approve; fails env GIT_EDITOR=true git commit -a"),
    never("commit --dry-run", "approve; git commit -qa --dry-run >/dev/null"),
    never("add alone", "approve; git add drafts"),
    at_once(
        "commit of the status alone, by add -p",
        "approve; soften; printf 'y\\nn\\n' | git add -p >/dev/null; git commit -qm yes",
    ),
    at_once(
        "commit of an index that update-index wrote",
        "f=$(draft invoice); approve; b=$(git hash-object -w \"$f\"); unapprove
         git update-index --cacheinfo \"100644,$b,$f\"; git commit -qm yes",
    ),
    at_once(
        "commit beside a file that will be added",
        "echo a >a; git add -N a; approve; git commit -qm yes -- drafts",
    ),
    at_once("commit --allow-empty after it", "yes_quietly; git commit -qm again --allow-empty"),
    at_once("commit with another work", "approve; echo a >a; git add a; git commit -qam both"),
    never("an edit without approval", "soften; git commit -qam softer"),
    at_once("commit of an edited text", "soften; approve; git commit -qam yes").with_text("Dear Ada"),
    at_once("commit of an edit, then the approval", "softer_quietly; yes").with_text("Dear Ada"),
    at_once("amend the message before the send", "yes_quietly; git commit -q --amend -m 'yes, do'"),
    at_once("amend the message after the send", "yes; git commit -q --amend -m 'gone'"),
    at_once("amend the text before the send", "yes_quietly; soften; git commit -qa --amend --no-edit")
        .with_text("Dear Ada"),
    at_once(
        "amend the text after the send",
        "yes; git reset -q --hard HEAD~1; soften; git commit -qa --amend --no-edit",
    ),
    never("amend the approval away", "yes_quietly; unapprove; git commit -qa --amend --allow-empty -m no"),
    never("amend the machine's commit", "approve; git commit -qa --amend --no-edit"),
    at_once(
        "amend the machine's commit, as one's own",
        "approve; git commit -qa --amend --no-edit --reset-author",
    ),
    never("commit -C of the machine's", "approve; git commit -qa -C HEAD"),
    at_once(
        "commit --fixup, autosquash",
        "softer_quietly; approve; git commit -qa --fixup HEAD
         GIT_EDITOR=true git rebase -q -i --autosquash HEAD~2",
    )
    .with_text("Dear Ada"),
    at_once(
        "commit with a co-author",
        "approve; git commit -qam yes --trailer 'Co-authored-by: Kim Lee <kim@example.com>'",
    ),
    at_once(
        "commit dated next year",
        "approve
         GIT_AUTHOR_DATE=2027-11-20T12:00:00Z GIT_COMMITTER_DATE=2027-11-20T12:00:00Z git commit -qam yes",
    ),
    at_once(
        "commit dated 1970",
        "approve; GIT_AUTHOR_DATE='@1 +0000' GIT_COMMITTER_DATE='@1 +0000' git commit -qam yes",
    ),
    at_once(
        "commit in Latin-1",
        "approve; printf 'gr\\374n' | git -c i18n.commitEncoding=ISO-8859-1 commit -qaF -",
    ),
    at_once(
        "commit with a signature",
        "ssh-keygen -q -t ed25519 -N '' -f ../key; approve
         git -c gpg.format=ssh -c user.signingKey=../key.pub commit -qa -S -m yes",
    ),
    at_once(
        "commit by an address in capitals",
        "approve
         GIT_COMMITTER_EMAIL=Sam@EXAMPLE.com GIT_AUTHOR_EMAIL=SAM@example.com git commit -qam yes",
    ),
    at_once("commit with an empty message", "approve; git commit -qa --allow-empty-message -m ''"),
    at_once("a draft made executable", "approve; chmod +x drafts/*; git commit -qam yes"),
    at_once("a draft made executable afterwards", "yes_quietly; chmod +x drafts/*; git commit -qam mode"),
    at_once("a draft renamed", "approve; git mv \"$(draft invoice)\" drafts/other.md; git commit -qam yes"),
    at_once(
        "a draft renamed to capitals",
        "approve; f=$(draft invoice); git mv \"$f\" \"drafts/$(basename \"$f\" .md | tr a-z A-Z).md\"
         git commit -qam yes",
    ),
    at_once(
        "a draft renamed after the approval",
        "yes_quietly; git mv \"$(draft invoice)\" drafts/other.md; git commit -qam name",
    ),
    at_once(
        "a draft moved into a folder",
        "mkdir drafts/later; git mv \"$(draft invoice)\" drafts/later; approve; git commit -qam yes",
    ),
    never(
        "a draft moved out of the folder",
        "approve; git mv \"$(draft invoice)\" other.md; git commit -qam yes",
    ),
    at_once(
        "a draft moved out of the folder and back",
        "f=$(draft invoice); git mv \"$f\" other.md; git commit -qam out; git mv other.md \"$f\"
         approve; git commit -qam back",
    ),
    never(
        "a draft copied",
        "approve; cp \"$(draft invoice)\" drafts/copy.md; git add drafts
         fails git commit -qm both; quiet commit -qm both",
    ),
    at_once(
        "a draft copied, and the copy deleted",
        "approve; cp \"$(draft invoice)\" drafts/copy.md; git add drafts; quiet commit -qm both
         git rm -q drafts/copy.md; git commit -qm one",
    ),
    at_once(
        "a draft copied out of the folder",
        "approve; cp \"$(draft invoice)\" copy.md; git add .; git reset -q scratch.txt
         git commit -qm yes",
    ),
    never(
        "a link in its place",
        "approve; f=$(draft invoice); mv \"$f\" ../aside.md; ln -s ../../aside.md \"$f\"
         fails git commit -qam link; quiet commit -qam link",
    ),
    never(
        "a submodule in its place",
        "f=$(draft invoice); git update-index --cacheinfo \"160000,$(git rev-parse HEAD),$f\"
         fails git commit -qm module; quiet commit -qm module; rm \"$f\"; mkdir \"$f\"",
    ),
    at_once(
        "a folder in its place",
        "approve; f=$(draft invoice); mv \"$f\" ../aside.md; mkdir \"$f\"
         mv ../aside.md \"$f/a.txt\"; git add -A drafts; git commit -qm folder",
    ),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @"
    commit -a: at once
    add, commit: at once
    commit -- path: at once
    commit --include: at once
    commit --no-verify: at once
    commit in an editor: at once
    commit in an editor that shows the diff: at once
    commit in an editor, comments begin with ;: at once
    commit given up in the editor: never
    commit --dry-run: never
    add alone: never
    commit of the status alone, by add -p: at once
    commit of an index that update-index wrote: at once
    commit beside a file that will be added: at once
    commit --allow-empty after it: at once
    commit with another work: at once
    an edit without approval: never
        rnjk is still a draft; nothing was sent
    commit of an edited text: at once
    commit of an edit, then the approval: at once
    amend the message before the send: at once
    amend the message after the send: at once
    amend the text before the send: at once
    amend the text after the send: at once
        sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
        hint: delete the file and commit; the ledger keeps what was sent
        ! [edited]    rnjk  was changed after it was sent; nothing more is sent
    amend the approval away: never
    amend the machine's commit: never
        ! [held]      rnjk  commit [abbrev] approves it inside a commit of the machine's
        hint: make it yours: `git commit --amend --reset-author`; or set `draft`, commit, set `approved`, commit
        ! [held]      rnjk  commit [abbrev] approves it inside a commit of the machine's
    amend the machine's commit, as one's own: at once
    commit -C of the machine's: never
        ! [held]      rnjk  commit [abbrev] approves it inside a commit of the machine's
        hint: make it yours: `git commit --amend --reset-author`; or set `draft`, commit, set `approved`, commit
        ! [held]      rnjk  commit [abbrev] approves it inside a commit of the machine's
    commit --fixup, autosquash: at once
    commit with a co-author: at once
    commit dated next year: at once
    commit dated 1970: at once
    commit in Latin-1: at once
    commit with a signature: at once
    commit by an address in capitals: at once
    commit with an empty message: at once
    a draft made executable: at once
    a draft made executable afterwards: at once
    a draft renamed: at once
    a draft renamed to capitals: at once
    a draft renamed after the approval: at once
    a draft moved into a folder: at once
    a draft moved out of the folder: never
        - [rejected]  rnjk  yes
    a draft moved out of the folder and back: at once
        - [rejected]  rnjk  out
        sent
    a draft copied: never
        ! [held]      rnjk  drafts/copy.md: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
        hint: delete one of the two and commit; nothing is sent from either
    a draft copied, and the copy deleted: at once
    a draft copied out of the folder: at once
    a link in its place: never
        ! [held]      rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md: not a plain file
        hint: a link or a submodule is never sent
    a submodule in its place: never
        ! [held]      rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md: not a plain file
        hint: a link or a submodule is never sent
    a folder in its place: at once
    ");
}
