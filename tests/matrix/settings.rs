//! Git's configuration, attributes, hooks, variables and housekeeping.

use insta::assert_snapshot;

use crate::table::{Case, at_once, never, next_run};

pub const CASES: &[Case] = &[
    // hooks
    next_run("core.hooksPath elsewhere", "git config core.hooksPath \"$HOME/hooks\"; yes"),
    next_run(
        "core.hooksPath elsewhere, for this user",
        "git config --global core.hooksPath \"$HOME/hooks\"; yes",
    ),
    next_run("git -c core.hooksPath", "yes_quietly"),
    next_run("hooks not executable", "chmod -x .git/hooks/*; yes 2>/dev/null"),
    next_run("hooks deleted", "rm .git/hooks/*; yes"),
    next_run(
        "hooks of a program that is gone",
        "sed -i \"s|'[^']*git-drafts'|'/nowhere/git-drafts'|\" .git/hooks/*; yes",
    ),
    next_run("hooks off", "export GIT_DRAFTS_HOOK=off; yes"),
    at_once(
        "the operator's own hooks beside ours",
        "for h in post-commit prepare-commit-msg; do echo 'exit 3' >>.git/hooks/$h; done; sed -i '$d' .git/hooks/prepare-commit-msg; yes",
    ),
    at_once(
        "an operator's hook that commits",
        "printf 'if [ ! -e ../once ]; then touch ../once; git commit -q --allow-empty -m mine; fi\\n' >>.git/hooks/post-commit; yes",
    ),
    // line ends and filters
    at_once("core.autocrlf=true", "git config core.autocrlf true; yes 2>/dev/null"),
    at_once("core.autocrlf=input", "git config core.autocrlf input; yes"),
    at_once("core.eol=crlf", "git config core.eol crlf; yes"),
    at_once(
        "an editor that writes CRLF",
        "approve; sed -i 's/$/\\r/' \"$(draft invoice)\"; git commit -qam yes 2>/dev/null",
    ),
    at_once("core.safecrlf=true", "git config core.safecrlf true; git config core.autocrlf input; yes"),
    at_once(
        "core.autocrlf=true without our attributes",
        "git rm -q .gitattributes; quiet commit -qm x; git config core.autocrlf true; yes 2>/dev/null",
    ),
    at_once("core.fileMode=false", "git config core.fileMode false; chmod +x drafts/*; yes"),
    at_once(
        "ident for this user",
        "printf 'drafts/** ident\\n' >../attributes
         git config core.attributesFile \"$HOME/attributes\"; echo '$Id$' >>\"$(draft sky)\"; yes",
    ),
    at_once(
        "filter for this user",
        "printf 'drafts/** filter=shout\\n' >../attributes
         git config core.attributesFile \"$HOME/attributes\"
         git config filter.shout.clean 'sed s/Hello/HELLO/'; yes",
    ),
    never(
        "filter in .git/info/attributes",
        "printf 'drafts/** filter=shout\\n' >.git/info/attributes
         git config filter.shout.clean 'sed s/Hello/HELLO/'
         git config filter.shout.smudge 'sed s/HELLO/Hello/'; yes",
    ),
    never(
        "filter in .git/info/attributes that spoils the front matter",
        "printf 'drafts/** filter=shout\\n' >.git/info/attributes
         git config filter.shout.clean 'tr a-z A-Z'; approve; quiet commit -qam yes",
    ),
    never(
        "ident in .git/info/attributes",
        "printf 'drafts/** ident\\n' >.git/info/attributes
         sed -i 's/^Hello Ada/Hello Ada $Id$/' \"$(draft invoice)\"; yes",
    ),
    never(
        "working-tree-encoding in .git/info/attributes",
        "printf 'drafts/** working-tree-encoding=UTF-16LE-BOM\\n' >.git/info/attributes
         f=$(draft invoice); approve; iconv -t UTF-16LE \"$f\" >../x
         (printf '\\377\\376'; cat ../x) >\"$f\"; rm ../x; g=$(draft sky)
         iconv -t UTF-16LE \"$g\" >../x; (printf '\\377\\376'; cat ../x) >\"$g\"; git commit -qam yes",
    ),
    at_once(
        "merge driver in .git/info/attributes",
        "printf 'drafts/** merge=union\\n' >.git/info/attributes; yes",
    ),
    // the index and the object database
    at_once("index version 4", "git update-index --index-version 4; yes"),
    at_once("an untracked cache", "git update-index --untracked-cache 2>/dev/null; yes"),
    at_once("a commit graph", "git commit-graph write --reachable; yes"),
    at_once("a multi-pack index", "git repack -qad; git multi-pack-index write --no-progress; yes"),
    next_run("gc --prune=now between approval and send", "yes_quietly; git gc -q --prune=now"),
    next_run("pack-refs --all between approval and send", "yes_quietly; git pack-refs --all --prune"),
    next_run("repack -ad between approval and send", "yes_quietly; git repack -qad"),
    next_run(
        "maintenance run between approval and send",
        "yes_quietly
         git maintenance run --quiet --task=gc --task=commit-graph --task=pack-refs --task=loose-objects",
    ),
    at_once(
        "gc --prune=now before the approval",
        "git reflog expire --expire=now --all; git gc -q --prune=now; yes",
    ),
    at_once(
        "gc --prune=now after the send",
        "yes; git reflog expire --expire=now --all; git gc -q --prune=now",
    ),
    at_once(
        "objects of another repository",
        "git clone -q --bare . ../store; echo \"$HOME/store/objects\" >.git/objects/info/alternates
         git repack -qadl; yes",
    ),
    // variables
    at_once(
        "GIT_DIR and GIT_WORK_TREE of the desk",
        "export GIT_DIR=\"$PWD/.git\" GIT_WORK_TREE=\"$PWD\"; yes",
    ),
    next_run(
        "GIT_DIR of another repository",
        "yes_quietly; git init -q ../other",
    )
    .amid("export GIT_DIR=\"$HOME/other/.git\""),
    next_run(
        "GIT_WORK_TREE of another folder",
        "yes_quietly; mkdir ../other",
    )
    .amid("export GIT_WORK_TREE=\"$HOME/other\""),
    next_run(
        "GIT_INDEX_FILE of another index",
        "yes_quietly",
    )
    .amid("export GIT_INDEX_FILE=\"$HOME/index\""),
    next_run(
        "GIT_OBJECT_DIRECTORY of another repository",
        "yes_quietly; git init -q ../other",
    )
    .amid("export GIT_OBJECT_DIRECTORY=\"$HOME/other/.git/objects\""),
    next_run(
        "GIT_COMMON_DIR of another repository",
        "yes_quietly; git init -q ../other",
    )
    .amid("export GIT_COMMON_DIR=\"$HOME/other/.git\""),
    next_run("GIT_NAMESPACE", "yes_quietly").amid("export GIT_NAMESPACE=other"),
    next_run("GIT_REPLACE_REF_BASE", "yes_quietly").amid("export GIT_REPLACE_REF_BASE=refs/notes/"),
    next_run(
        "GIT_AUTHOR_* and GIT_COMMITTER_*",
        "yes_quietly",
    )
    .amid("export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=kim@example.com GIT_COMMITTER_EMAIL=kim@example.com EMAIL=kim@example.com"),
    next_run(
        "GIT_CONFIG_COUNT",
        "yes_quietly",
    )
    .amid("export GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.email GIT_CONFIG_VALUE_0=kim@example.com GIT_CONFIG_KEY_1=core.bare GIT_CONFIG_VALUE_1=true"),
    never(
        "GIT_CONFIG_COUNT that names a stranger the owner",
        "approve; kim quiet commit -qam yes",
    )
    .amid("export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.email GIT_CONFIG_VALUE_0=kim@example.com"),
    never(
        "GIT_CONFIG_PARAMETERS that name a stranger the owner",
        "approve; kim quiet commit -qam yes",
    )
    .amid("export GIT_CONFIG_PARAMETERS=\"'user.email'='kim@example.com'\""),
    never(
        "GIT_CONFIG_GLOBAL that names a stranger the owner",
        "approve; kim quiet commit -qam yes; printf '[user]\\nemail = kim@example.com\\n' >../other",
    )
    .amid("export GIT_CONFIG_GLOBAL=\"$HOME/other\""),
    next_run(
        "GIT_CONFIG of nothing",
        "yes_quietly",
    )
    .amid("export GIT_CONFIG=/dev/null GIT_CONFIG_GLOBAL=/dev/null"),
    next_run(
        "GIT_CEILING_DIRECTORIES and GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "yes_quietly",
    )
    .amid("export GIT_CEILING_DIRECTORIES=\"$HOME\" GIT_DISCOVERY_ACROSS_FILESYSTEM=0"),
    next_run(
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "yes_quietly; git init -q ../other",
    )
    .amid("export GIT_ALTERNATE_OBJECT_DIRECTORIES=\"$HOME/other/.git/objects\""),
    next_run("GIT_QUARANTINE_PATH", "yes_quietly").amid("export GIT_QUARANTINE_PATH=\"$HOME/quarantine\""),
    next_run(
        "GIT_LITERAL_PATHSPECS, GIT_PREFIX, GIT_OPTIONAL_LOCKS",
        "yes_quietly",
    )
    .amid("export GIT_LITERAL_PATHSPECS=1 GIT_PREFIX=drafts/ GIT_OPTIONAL_LOCKS=0"),
    // other settings
    at_once("core.logAllRefUpdates=always", "git config core.logAllRefUpdates always; yes"),
    at_once(
        "commit.gpgSign without a key",
        "git config commit.gpgSign true; approve; git commit -qam yes --no-gpg-sign",
    ),
    at_once("commit.cleanup=verbatim", "git config commit.cleanup verbatim; yes"),
    at_once("core.ignoreCase", "git config core.ignoreCase true; yes"),
    at_once("a split index", "git update-index --split-index; yes"),
    at_once("a sparse checkout", "git sparse-checkout set drafts 2>/dev/null; yes"),
    at_once(
        "a sparse index",
        "git config advice.sparseIndexExpanded false; mkdir a; echo a >a/a; git add a
         quiet commit -qm a; git sparse-checkout set --cone --sparse-index drafts; yes",
    ),
];

pub fn told(rows: &str) {
    assert_snapshot!(rows, @"
    core.hooksPath elsewhere: next run
    core.hooksPath elsewhere, for this user: next run
    git -c core.hooksPath: next run
    hooks not executable: next run
    hooks deleted: next run
    hooks of a program that is gone: next run
        .git/hooks/prepare-commit-msg: 4: /nowhere/git-drafts: not found
        .git/hooks/post-commit: 4: /nowhere/git-drafts: not found
        sent
    hooks off: next run
    the operator's own hooks beside ours: at once
    an operator's hook that commits: at once
    core.autocrlf=true: at once
    core.autocrlf=input: at once
    core.eol=crlf: at once
    an editor that writes CRLF: at once
    core.safecrlf=true: at once
    core.autocrlf=true without our attributes: at once
    core.fileMode=false: at once
    ident for this user: at once
    filter for this user: at once
    filter in .git/info/attributes: never
        ! [held]      rnjk  the attribute `filter` is set on it, so what you see is not what would be sent
        hint: take it off `drafts/` in .git/info/attributes and .gitattributes; then `git add --renormalize drafts`
        ! [held]      rnjk  the attribute `filter` is set on it, so what you see is not what would be sent
    filter in .git/info/attributes that spoils the front matter: never
        ! [held]      rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md:6: unknown key `DRAFT`
        ! [held]      zkvj  drafts/zkvjmhlp-re-why-is-the-sky-blue.md:6: unknown key `DRAFT`
        hint: the keys here are `status`, `to`, `cc`, `subject`, `send_after`, `attach`, `task`, `draft`
    ident in .git/info/attributes: never
        ! [held]      rnjk  the attribute `ident` is set on it, so what you see is not what would be sent
        hint: take it off `drafts/` in .git/info/attributes and .gitattributes; then `git add --renormalize drafts`
        ! [held]      rnjk  the attribute `ident` is set on it, so what you see is not what would be sent
    working-tree-encoding in .git/info/attributes: never
        ! [held]      rnjk  the attribute `working-tree-encoding` is set on it, so what you see is not what would be sent
        hint: take it off `drafts/` in .git/info/attributes and .gitattributes; then `git add --renormalize drafts`
        ! [held]      rnjk  the attribute `working-tree-encoding` is set on it, so what you see is not what would be sent
    merge driver in .git/info/attributes: at once
    index version 4: at once
    an untracked cache: at once
    a commit graph: at once
    a multi-pack index: at once
    gc --prune=now between approval and send: next run
    pack-refs --all between approval and send: next run
    repack -ad between approval and send: next run
    maintenance run between approval and send: next run
    gc --prune=now before the approval: at once
    gc --prune=now after the send: at once
    objects of another repository: at once
    GIT_DIR and GIT_WORK_TREE of the desk: at once
    GIT_DIR of another repository: next run
    GIT_WORK_TREE of another folder: next run
    GIT_INDEX_FILE of another index: next run
    GIT_OBJECT_DIRECTORY of another repository: next run
    GIT_COMMON_DIR of another repository: next run
    GIT_NAMESPACE: next run
    GIT_REPLACE_REF_BASE: next run
    GIT_AUTHOR_* and GIT_COMMITTER_*: next run
    GIT_CONFIG_COUNT: next run
    GIT_CONFIG_COUNT that names a stranger the owner: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
    GIT_CONFIG_PARAMETERS that name a stranger the owner: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
    GIT_CONFIG_GLOBAL that names a stranger the owner: never
        ! [held]      rnjk  commit [abbrev] approves it, and kim@example.com is not an approver
        hint: sam@example.com may approve it (set `draft`, commit, set `approved`, commit); for new drafts, kim@example.com can be added to `approvers` in drafts.toml
    GIT_CONFIG of nothing: next run
    GIT_CEILING_DIRECTORIES and GIT_DISCOVERY_ACROSS_FILESYSTEM: next run
    GIT_ALTERNATE_OBJECT_DIRECTORIES: next run
    GIT_QUARANTINE_PATH: next run
    GIT_LITERAL_PATHSPECS, GIT_PREFIX, GIT_OPTIONAL_LOCKS: next run
    core.logAllRefUpdates=always: at once
    commit.gpgSign without a key: at once
    commit.cleanup=verbatim: at once
    core.ignoreCase: at once
    a split index: at once
        warning: git-drafts: the index: it is split, which git-drafts cannot read
        hint: make it whole: `git config core.splitIndex false` and `git update-index --no-split-index`
        sent
    a sparse checkout: at once
    a sparse index: at once
        warning: git-drafts: the index: it is sparse, which git-drafts cannot read
        hint: make it whole: `git sparse-checkout reapply --no-sparse-index`
        sent
    ");
}
