//! Making a desk, and repairing one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;

#[test]
fn a_lock_of_head_that_a_death_left_is_taken_away() {
    let desk = Desk::unmade();
    desk.drafts(&["init"]).succeeds();
    // libgit2 makes `HEAD` by a link to its lock, and takes the lock away last.
    std::fs::hard_link(desk.path(".git/HEAD"), desk.path(".git/HEAD.lock")).unwrap();
    desk.drafts(&["init"]).succeeds();
    desk.commit_file("notes.md", "mine\n");
    // Any other may be a living git's.
    std::fs::write(desk.path(".git/HEAD.lock"), "").unwrap();
    desk.drafts(&["init"]);
    assert!(desk.path(".git/HEAD.lock").exists());
}

#[test]
fn a_new_desk_is_made_with_its_wiring() {
    let desk = Desk::unmade();
    desk.drafts(&["init"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    Made a drafts repository in ~/drafts
    Wrote the wiring ~/.config/git-drafts/config.toml; say there where messages come from
    ");
    assert_snapshot!(desk.git_says(&["ls-tree", "-r", "--name-only", "main"]), @"
    .gitattributes
    README.md
    drafts.toml
    instructions.md
    lessons/README.md
    routes.toml
    ");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_eq!(desk.git_says(&["branch", "--show-current"]), "main");
    let wiring = desk.home().join(".config/git-drafts/config.toml");
    assert_eq!(fs::metadata(wiring).unwrap().permissions().mode() & 0o777, 0o600);
    desk.drafts(&["check"]).succeeds();
    let seen = desk.seen();
    let fine: Vec<&str> = seen.lines().filter(|line| line.starts_with("ok")).collect();
    assert_snapshot!(fine.join("\n"), @"
    ok      wiring ~/.config/git-drafts/config.toml
    ok      repository ~/drafts
    ok      ledger, 0 unfinished
    ok      5 hooks in place
    ok      drafts.toml
    ok      routes.toml, 4 routes
    ok      0 drafts on the desk
    ok      you commit as sam@example.com
    ok      the clock goes on from what it wrote
    ok      state in ~/.state/git-drafts/[desk]
    ok      no tick yet
    ");
}

#[test]
fn again_it_changes_nothing() {
    let desk = with_answer();
    fs::write(desk.path("README.md"), "mine\n").unwrap();
    let hooks = || desk.shell("cat .git/hooks/*; ls -l .git/hooks").out;
    let (before, scripts) = (desk.state(), hooks());
    desk.drafts(&["init"]).succeeds();
    assert_snapshot!(desk.seen(), @"Checked the drafts repository in ~/drafts");
    assert_eq!((desk.state(), hooks()), (before, scripts));
}

#[test]
fn in_a_desk_it_is_about_that_desk_and_its_own_wiring() {
    let desk = Desk::unmade();
    desk.drafts(&["demo", "demo"]).succeeds();
    fs::remove_file(desk.home().join("demo/drafts/.git/hooks/post-commit")).unwrap();
    desk.shell("cd ~/demo/drafts && git drafts init").succeeds();
    assert_eq!(desk.seen(), "Checked the drafts repository in ~/demo/drafts");
    assert!(desk.home().join("demo/drafts/.git/hooks/post-commit").exists());
    let noted = fs::read_to_string(desk.home().join("demo/drafts/.git/drafts/wiring")).unwrap();
    assert_eq!(noted, format!("{}\n", desk.home().join("demo/config.toml").display()));
    assert!(!desk.home().join(".config/git-drafts/config.toml").exists());
}

#[test]
fn hooks_of_the_operators_keep_their_place() {
    let desk = Desk::unmade();
    desk.shell("git init -q -b main drafts").succeeds();
    let hook = desk.path(".git/hooks/post-commit");
    fs::write(&hook, "#!/bin/sh\necho mine >>\"$HOME/rang\"\nexit 0\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    desk.write_wiring(&wiring()).drafts(&["init"]).succeeds();
    desk.with_mail("where is my invoice?").tick().approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(fs::read_to_string(desk.home().join("rang")).unwrap(), "mine\n");
}

fn wiring() -> String {
    "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
     address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\n\
     path = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n"
        .to_owned()
}

#[test]
fn a_hook_that_is_no_shell_script_is_left_alone_and_said() {
    let desk = Desk::unmade();
    desk.shell("git init -q -b main drafts").succeeds();
    let hook = desk.path(".git/hooks/post-commit");
    fs::write(&hook, "#!/usr/bin/env python3\n").unwrap();
    desk.drafts(&["init"]).fails(1);
    let program = crate::support::desk::PROGRAM;
    assert_snapshot!(desk.seen().replace(program, "[program]"), @r#"
    Made a drafts repository in ~/drafts
    Wrote the wiring ~/.config/git-drafts/config.toml; say there where messages come from
    2> warning: hook ~/drafts/.git/hooks/post-commit is no shell script: approvals wait for the timer
    2> hint: add this line to it: '[program]' -C '~/drafts' hook post-commit "$@" </dev/null || :
    exit 1
    "#);
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/usr/bin/env python3\n");
}

#[test]
fn hooks_elsewhere_are_said() {
    let desk = with_answer();
    desk.git(&["config", "core.hooksPath", "../elsewhere"]);
    desk.drafts(&["init"]).fails(1).says("approvals wait for the timer");
    desk.drafts(&["check"]).fails(1).says("approvals wait for the timer");
}

#[test]
fn check_mends_hooks_that_git_does_not_run() {
    let desk = with_answer();
    desk.shell("chmod -x .git/hooks/post-commit; rm .git/hooks/post-merge").succeeds();
    desk.drafts(&["check"]).fails(1);
    assert_snapshot!(desk.seen().lines().filter(|line| line.contains("hook")).collect::<Vec<_>>().join("\n"), @"
    wrong   hook ~/drafts/.git/hooks/post-commit is not executable, so git does not run it
    wrong   hook ~/drafts/.git/hooks/post-merge is missing
    ok      3 hooks in place
    ");
    desk.drafts(&["check", "--fix"]).succeeds();
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_repository_of_something_else_is_refused() {
    let desk = Desk::unmade();
    desk.shell("git init -q -b main drafts && cd drafts && echo x >x && git add x && git commit -qm x")
        .succeeds();
    let before = desk.state();
    desk.drafts(&["init"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: ~/drafts is a repository of something else
    2> hint: name an empty folder: `git drafts init <folder>`
    exit 128
    ");
    assert_eq!(desk.state(), before);
}

#[test]
fn what_libgit2_cannot_handle_is_refused_in_plain_words() {
    for format in ["--ref-format=reftable", "--object-format=sha256"] {
        let desk = Desk::unmade();
        desk.shell(&format!("git init -q -b main {format} drafts")).succeeds();
        desk.drafts(&["init"]).fails(128);
        match format {
            "--ref-format=reftable" => assert_snapshot!(desk.seen(), @"
            2> error: ~/drafts: keeps its references in a reftable, which git-drafts cannot read
            2> hint: run `git refs migrate --ref-format=files` there, or make a new repository with `git drafts init`
            exit 128
            "),
            _ => assert_snapshot!(desk.seen(), @"
            2> error: ~/drafts: names its objects by SHA-256, which git-drafts cannot read
            2> hint: make a new repository with `git drafts init`
            exit 128
            "),
        }
    }
}

#[test]
fn a_filter_on_drafts_is_refused() {
    let desk = with_answer();
    fs::write(desk.path(".git/info/attributes"), "drafts/** filter=lfs\n").unwrap();
    desk.drafts(&["init"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: ~/drafts sets the attribute `filter` on drafts, so what you see is not what is committed
    2> hint: take `filter` off `drafts/` in .gitattributes and in .git/info/attributes
    exit 128
    ");
}

#[test]
fn a_catalogue_that_was_removed_comes_back_as_the_hint_says() {
    let desk = Desk::new();
    desk.git(&["rm", "-q", "routes.toml", "drafts.toml"]);
    desk.git(&["commit", "-qm", "x"]);
    let hint = desk.with_mail("where is my invoice?").drafts(&["tick"]).fails(128).err;
    assert!(hint.contains("the catalogue is not committed on `main`"), "{hint}");
    let command = hint.split("hint: `").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    assert!(command.ends_with(" -- routes.toml"), "{hint}");
    desk.shell(command).succeeds();
    desk.git(&["commit", "-qm", "back"]);
    desk.tick();
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn outside_of_any_desk_the_way_in_is_said() {
    let desk = Desk::unmade();
    desk.drafts(&["status"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: there is no wiring at ~/.config/git-drafts/config.toml
    2> hint: `git drafts init` writes one
    exit 128
    ");
}
