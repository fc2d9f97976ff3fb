//! The doctor: each trouble is made for real, told by its name and with its way out, and mended where
//! that is safe.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use serde_json::Value;

use crate::approve::with_answer;
use crate::support::desk::{Desk, KIM};

/// Returns every finding as `name state`, with what it says and its way out, of these states.
fn findings(desk: &Desk, arguments: &[&str], states: &[&str]) -> Vec<String> {
    let said = desk.drafts(&[&["check", "--json"], arguments].concat());
    let json: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = json["findings"].as_array().unwrap();
    let wrong = all.iter().filter(|finding| finding["state"] == "wrong").count();
    assert_eq!((said.code, json["wrong"].as_u64()), (i32::from(wrong > 0), Some(wrong as u64)));
    all.iter()
        .filter(|finding| states.contains(&&*word(finding, "state")))
        .map(|finding| {
            let [name, state, what, hint] = ["name", "state", "what", "hint"].map(|key| word(finding, key));
            let line = format!("{name} {state}: {what}\n  {hint}");
            desk.plain(line.trim_end())
        })
        // What depends on the machine that runs the tests.
        .filter(|line| !line.starts_with("schedule."))
        .collect()
}

/// Everything that is wrong.
fn wrong(desk: &Desk) -> String {
    findings(desk, &[], &["wrong"]).join("\n")
}

/// Everything that should be known.
fn notes(desk: &Desk) -> String {
    findings(desk, &[], &["note"]).join("\n")
}

/// Mends; afterwards nothing is wrong, and branches, index and worktree are as before.
fn mended(desk: &Desk) -> String {
    let before = desk.state();
    let mended = findings(desk, &["--fix"], &["mended"]).join("\n");
    assert_eq!(wrong(desk), "");
    assert_eq!(desk.state(), before);
    mended
}

/// Makes a file look as if it had been left long ago.
fn age(desk: &Desk, path: &str, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::options().append(true).open(desk.path(path)).unwrap().set_modified(then).unwrap();
}

#[test]
fn a_desk_that_is_well_has_nothing_wrong_and_is_not_changed() {
    let desk = with_answer();
    let before = (desk.state(), files_of(&desk));
    assert_eq!((wrong(&desk), notes(&desk)), (String::new(), String::new()));
    assert_eq!((desk.state(), files_of(&desk)), before);
    desk.drafts(&["check"]).succeeds();
    let seen: Vec<String> =
        desk.seen().lines().filter(|line| line.starts_with("ok")).map(Into::into).collect();
    assert_snapshot!(seen.join("\n"), @"
    ok      wiring ~/.config/git-drafts/config.toml
    ok      repository ~/drafts
    ok      ledger, 1 unfinished
    ok      5 hooks in place
    ok      drafts.toml
    ok      routes.toml, 4 routes
    ok      1 draft on the desk
    ok      you commit as sam@example.com
    ok      the clock goes on from what it wrote
    ok      state in ~/.state/git-drafts/[desk]
    ok      source `mail` reads ~/mail/inbox
    ok      transport `out` writes to ~/mail/outbox
    ok      notifications are off
    ok      last tick Fri 20 Nov 12:00:00
    ");
    assert_eq!(mended(&desk), "");
}

/// The names of everything in `.git` and in the state folder, and what the small files hold.
fn files_of(desk: &Desk) -> String {
    desk.shell("find .git ../.state -type f ! -path '*/objects/*' | sort | xargs sha1sum").succeeds().out
}

// Hooks

#[test]
fn hooks_that_are_missing_outdated_or_not_executable_are_mended() {
    let desk = with_answer();
    desk.shell(
        "cd .git/hooks; rm post-merge; chmod -x post-commit; sed -i 's/hook post-rewrite/hook nothing/' post-rewrite",
    )
    .succeeds();
    assert_snapshot!(wrong(&desk), @"
    hook.not-executable wrong: hook ~/drafts/.git/hooks/post-commit is not executable, so git does not run it
      git drafts check --fix
    hook.missing wrong: hook ~/drafts/.git/hooks/post-merge is missing
      git drafts check --fix
    hook.outdated wrong: hook ~/drafts/.git/hooks/post-rewrite calls another git-drafts or repository
      git drafts check --fix
    ");
    assert_snapshot!(mended(&desk), @"
    hook mended: hook ~/drafts/.git/hooks/post-commit is installed again
    hook mended: hook ~/drafts/.git/hooks/post-merge is installed again
    hook mended: hook ~/drafts/.git/hooks/post-rewrite is installed again
    ");
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_hooks_path_that_a_moved_desk_left_behind_is_mended() {
    let mut desk = with_answer();
    desk.git(&["config", "--local", "core.hooksPath", &desk.path(".git/hooks").display().to_string()]);
    fs::rename(desk.path(""), desk.home().join("moved")).unwrap();
    desk.moves_to("moved");
    assert_snapshot!(wrong(&desk), @"
    hooks.path wrong: `core.hooksPath` is ~/drafts/.git/hooks, which is not there, so no hook runs: was the desk moved?
      git drafts check --fix
    ");
    assert_snapshot!(findings(&desk, &["--fix"], &["mended"]).join("\n"), @"
    hooks.path mended: `core.hooksPath` is ~/moved/.git/hooks
    hook mended: hook ~/moved/.git/hooks/prepare-commit-msg is installed again
    hook mended: hook ~/moved/.git/hooks/post-commit is installed again
    hook mended: hook ~/moved/.git/hooks/post-merge is installed again
    hook mended: hook ~/moved/.git/hooks/post-rewrite is installed again
    hook mended: hook ~/moved/.git/hooks/post-applypatch is installed again
    ");
    assert_eq!(wrong(&desk), "");
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_wiring_that_was_moved_with_its_desk_is_named_with_the_way_back() {
    let mut desk = Desk::unmade();
    desk.drafts(&["demo", "demo"]).succeeds();
    fs::rename(desk.home().join("demo"), desk.home().join("moved")).unwrap();
    desk.moves_to("moved/drafts");
    assert_snapshot!(wrong(&desk), @"
    wiring.missing wrong: there is no wiring at ~/demo/config.toml
      if it was moved with the desk: `git drafts --config ~/moved/config.toml init ~/moved/drafts`
    hooks.path wrong: `core.hooksPath` is ~/demo/drafts/.git/hooks, which is not there, so no hook runs: was the desk moved?
      git drafts check --fix
    ");
    desk.drafts(&["check", "--fix"]).fails(1);
    let way = "if it was moved with the desk: `git drafts --config ";
    desk.drafts(&["status"]).fails(128).says(way);
    desk.drafts(&["init"]).fails(128).says(way);
    assert!(!desk.home().join("demo").exists(), "no empty wiring is written where it was");
    let hint = desk.drafts(&["status"]).fails(128).err;
    let command = hint.split('`').nth(1).unwrap();
    desk.shell(&format!("cd / && {command}")).succeeds();
    assert_eq!(wrong(&desk), "", "the way out works from anywhere");
}

#[test]
fn what_rests_on_a_wiring_that_cannot_be_read_is_not_looked_at() {
    let mut desk = Desk::unmade();
    desk.drafts(&["demo", "demo"]).succeeds();
    desk.moves_to("demo/drafts");
    let wiring = desk.home().join("demo/config.toml");
    let text = fs::read_to_string(&wiring).unwrap();
    fs::write(&wiring, text.replace("address", "adress")).unwrap();
    let wrong = wrong(&desk);
    assert!(wrong.starts_with("wiring.mistake wrong: ~/demo/config.toml:"), "{wrong}");
    assert!(!wrong.contains("--take-over"), "{wrong}");
    assert!(notes(&desk).contains("what this machine remembers of the ledger is not looked at"));
    let fine = findings(&desk, &[], &["ok"]).join("\n");
    assert!(fine.contains("the last tick is not looked at: the wiring cannot be read"), "{fine}");
}

#[test]
fn a_wiring_without_sources_is_told() {
    let desk = Desk::with_wiring("version = 1\n\n[desk]\npath = \"drafts\"\n\n[notify]\nenabled = false\n");
    assert_snapshot!(notes(&desk), @"
    source.none note: the wiring names no source, so no message is taken in
      add a [source.NAME] to ~/.config/git-drafts/config.toml
    ");
    let first = desk.drafts(&["tick"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    2> the wiring names no source, so there is nothing to take in
    2> hint: add a [source.NAME] to ~/.config/git-drafts/config.toml
    ");
    assert_eq!(desk.drafts(&["tick"]).err, first.err, "not only the first time");
    // A timer has nothing to say of it.
    desk.drafts(&["tick", "--quiet"]).succeeds();
    assert_eq!(desk.seen(), "");
}

#[test]
fn a_command_for_notifications_that_is_not_there_is_told() {
    let desk = with_answer();
    let wiring = desk.home().join(".config/git-drafts/config.toml");
    let text = fs::read_to_string(&wiring).unwrap();
    fs::write(&wiring, text.replace("enabled = false", "command = [\"no-such-notifier\", \"--now\"]"))
        .unwrap();
    assert_snapshot!(wrong(&desk), @"
    notify.command wrong: the command of [notify] `no-such-notifier` is not there
      install it, or name another program as `command` under [notify]
    ");
    fs::write(&wiring, text.replace("enabled = false", "command = [\"/bin/cat\"]")).unwrap();
    assert_eq!((wrong(&desk), notes(&desk)), (String::new(), String::new()));
}

#[test]
fn a_hook_of_another_kind_is_left_alone() {
    let desk = with_answer();
    fs::write(desk.path(".git/hooks/post-commit"), "#!/usr/bin/env python3\n").unwrap();
    let lines = findings(&desk, &["--fix"], &["wrong", "mended"]).join("\n");
    assert!(lines.starts_with("hook.foreign wrong:") && lines.contains("hook post-commit"), "{lines}");
    assert_eq!(fs::read_to_string(desk.path(".git/hooks/post-commit")).unwrap(), "#!/usr/bin/env python3\n");
}

#[test]
fn who_sends_git_elsewhere_for_its_hooks_is_said() {
    let desk = with_answer();
    desk.git(&["config", "--global", "core.hooksPath", "/nowhere/hooks"]);
    let global = findings(&desk, &["--fix"], &["wrong"]);
    assert_snapshot!(global[0], @"
    hooks.path wrong: `core.hooksPath` is /nowhere/hooks, set in the global configuration (~/.gitconfig), so the hooks of this repository do not run
      if those hooks need not run here: git -C ~/drafts config --local core.hooksPath ~/drafts/.git/hooks
    ");
    assert_eq!(global.len(), 6);
    desk.git(&["config", "--local", "core.hooksPath", &desk.path(".git/hooks").display().to_string()]);
    assert_eq!(wrong(&desk), "", "the way out works");
    desk.git(&["config", "--local", "core.hooksPath", "../elsewhere"]);
    assert_snapshot!(findings(&desk, &[], &["wrong"])[0], @"
    hooks.path wrong: `core.hooksPath` is ../elsewhere, set in the local configuration (.git/config), so the hooks of this repository do not run
      if no other hooks are to run here: git -C ~/drafts config --unset core.hooksPath
    ");
}

// The repository

#[test]
fn attributes_and_line_ends_that_change_drafts_are_told() {
    let desk = with_answer();
    desk.commit_file(".gitattributes", "drafts/** filter=x ident working-tree-encoding=UTF-16 merge=union\n");
    desk.git(&["config", "core.autocrlf", "input"]);
    assert_snapshot!(wrong(&desk), @"
    attributes.filter wrong: the attribute `filter` is set on drafts: what you see is not what is committed
      `git check-attr -a drafts/kqzmwvst.md` shows it; put back `drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff` as the last line of .gitattributes, commit it, and look into .git/info/attributes
    attributes.ident wrong: the attribute `ident` is set on drafts: what you see is not what is committed
      `git check-attr -a drafts/kqzmwvst.md` shows it; put back `drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff` as the last line of .gitattributes, commit it, and look into .git/info/attributes
    attributes.working-tree-encoding wrong: the attribute `working-tree-encoding` is set on drafts: what you see is not what is committed
      `git check-attr -a drafts/kqzmwvst.md` shows it; put back `drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff` as the last line of .gitattributes, commit it, and look into .git/info/attributes
    attributes.text wrong: line ends of drafts may be changed: `text eol=lf` is not set on them
      `git check-attr -a drafts/kqzmwvst.md` shows it; put back `drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff` as the last line of .gitattributes, commit it, and look into .git/info/attributes
    attributes.merge wrong: two versions of a draft may be blended: `-merge` is not set on drafts
      `git check-attr -a drafts/kqzmwvst.md` shows it; put back `drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff` as the last line of .gitattributes, commit it, and look into .git/info/attributes
    repository.autocrlf wrong: `core.autocrlf` is input, set in the local configuration, and changes the line ends of drafts
      git -C ~/drafts config --local core.autocrlf false
    ");
    let line = "drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff\n";
    desk.commit_file(".gitattributes", line);
    assert_eq!(wrong(&desk), "", "the way out works");
    assert_snapshot!(notes(&desk), @"
    repository.autocrlf note: `core.autocrlf` is input, set in the local configuration: drafts are safe from it, attachments are not
      git -C ~/drafts config --local core.autocrlf false
    ");
    // One draft alone.
    let draft = desk.draft("invoice");
    fs::create_dir_all(desk.path(".git/info")).unwrap();
    fs::write(desk.path(".git/info/attributes"), format!("{draft} merge\n")).unwrap();
    assert!(wrong(&desk).starts_with("attributes.merge wrong:"), "{}", wrong(&desk));
}

#[test]
fn what_disguises_history_is_told() {
    let desk = with_answer();
    desk.git(&["replace", "HEAD", "HEAD~1"]);
    fs::create_dir_all(desk.path(".git/info")).unwrap();
    fs::write(desk.path(".git/info/grafts"), format!("{}\n", desk.git_says(&["rev-parse", "HEAD"]))).unwrap();
    assert_snapshot!(wrong(&desk), @"
    repository.replace wrong: there are replacement refs: `git show` may show another text than the one that is sent
      look at them with `git replace -l`, and delete them with `git replace -d`
    repository.grafts wrong: there are grafts: `git log` may show another history than the one that counts
      rm ~/drafts/.git/info/grafts
    ");
    desk.shell("git replace -d $(git replace -l); rm .git/info/grafts").succeeds();
    assert_eq!(wrong(&desk), "");
}

#[test]
fn a_repository_that_cannot_be_read_is_told_and_not_fatal() {
    for (make, expected) in [
        ("git init -q --object-format=sha256 -b main other", "names its objects by SHA-256"),
        ("git init -q --ref-format=reftable -b main other", "keeps its references in a reftable"),
        (
            "git init -q -b main other; git -C other config extensions.partialClone origin; \
          git -C other config core.repositoryFormatVersion 1",
            "is a partial clone",
        ),
    ] {
        let mut desk = Desk::unmade();
        desk.shell(make).succeeds();
        desk.moves_to("other");
        let told = wrong(&desk);
        assert!(told.starts_with("repository.unsupported wrong:") && told.contains(expected), "{told}");
        assert!(told.lines().count() == 2, "it has a way out: {told}");
    }
    let desk = Desk::unmade();
    desk.drafts(&["check"]).fails(128);
}

#[test]
fn an_index_that_libgit2_cannot_read_is_told() {
    let desk = with_answer();
    desk.git(&["config", "core.splitIndex", "true"]).git(&["update-index", "--split-index"]);
    assert_snapshot!(wrong(&desk), @"
    repository.split-index wrong: the index cannot be read, so no draft can land: unsupported mandatory extension: 'link'
      git -C ~/drafts config core.splitIndex false && git -C ~/drafts update-index --no-split-index
    ");
    desk.git(&["config", "core.splitIndex", "false"]).git(&["update-index", "--no-split-index"]);
    assert_eq!(wrong(&desk), "", "the way out works");
    desk.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "lessons"]);
    assert!(wrong(&desk).contains("repository.sparse-index wrong:"), "{}", wrong(&desk));
    desk.git(&["sparse-checkout", "disable"]);
    assert_eq!(wrong(&desk), "", "the way out works");
}

#[test]
fn a_shallow_clone_is_told() {
    let mut desk = with_answer();
    let url = format!("file://{}", desk.path("").display());
    desk.git(&["clone", "-q", "--depth", "1", "--no-single-branch", &url, "../clone"]);
    desk.moves_to("clone");
    desk.git(&["branch", "ledger", "origin/ledger"]);
    let told = wrong(&desk);
    assert!(told.contains("repository.shallow wrong:") && told.contains("ledger.shallow wrong:"), "{told}");
}

#[test]
fn worktrees_in_the_way_are_told() {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).git(&["worktree", "add", "-q", "../linked", "main"]);
    assert_snapshot!(wrong(&desk), @"
    worktree.main wrong: `main` is checked out in the linked worktree ~/linked, so no draft can land
      check out another branch there: git -C ~/linked switch <branch>
    ");
    assert_snapshot!(notes(&desk), @"
    desk.branch note: the worktree shows `side`, and drafts land on `main`
      `git switch main` shows them
    ");
    fs::remove_dir_all(desk.home().join("linked")).unwrap();
    assert!(notes(&desk).contains("worktree.gone note:"), "{}", notes(&desk));
    desk.git(&["worktree", "prune"]).git(&["switch", "-q", "main"]);
    assert_eq!((wrong(&desk), notes(&desk)), (String::new(), String::new()));
}

#[test]
fn an_object_that_is_missing_or_empty_is_told() {
    let desk = with_answer();
    let blob = desk.git_says(&["rev-parse", "HEAD:README.md"]);
    let path = format!(".git/objects/{}/{}", &blob[..2], &blob[2..]);
    fs::rename(desk.path(&path), desk.home().join("object")).unwrap();
    assert_snapshot!(wrong(&desk), @"
    objects.missing wrong: something that `main` or `ledger` rests on is missing: fatal: missing blob object '[commit]'
      see `git fsck --connectivity-only`; get it from another clone (`git fetch --refetch <it>`) or a backup
    ");
    fs::rename(desk.home().join("object"), desk.path(&path)).unwrap();
    let empty = ".git/objects/ab/cdefabcdefabcdefabcdefabcdefabcdefabcd";
    fs::create_dir_all(desk.path(".git/objects/ab")).unwrap();
    fs::write(desk.path(empty), "").unwrap();
    assert_snapshot!(wrong(&desk), @"
    objects.empty wrong: there is 1 empty object, which a power cut left
      git drafts check --fix
    ");
    assert_snapshot!(mended(&desk), @"objects.empty mended: removed 1 empty object, which a power cut left");
    assert!(!desk.path(empty).exists());
}

#[test]
fn an_object_without_its_end_is_put_out_of_the_way_after_a_power_cut() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    let id = desk.id("invoice");
    let blob = desk.git_says(&["rev-parse", &format!("ledger:{}/{id}/1-drafted.md", &id[..2])]);
    let path = desk.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    let whole = fs::read(&path).unwrap();
    let cut = || {
        fs::remove_file(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    };
    cut();
    assert!(
        wrong(&desk).contains("objects.cut wrong: there is 1 object without its end, which a power cut left")
    );
    // The machine starts anew: the sender does not read it for ever, and sends nothing without it.
    fs::remove_file(desk.path(".git/drafts/boot")).unwrap();
    desk.drafts(&["send"]);
    assert_eq!((desk.sent().len(), desk.story(&id).as_str()), (0, "drafted"), "{}", desk.seen());
    assert!(!path.exists());
    let kept = desk.path(&format!(".git/drafts/kept-{blob}"));
    assert_eq!(fs::read(&kept).unwrap().len(), whole.len() / 2);
    // It comes back from a backup.
    fs::write(&path, &whole).unwrap();
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

// Locks and leftovers

#[test]
fn a_lock_is_removed_only_when_it_is_certainly_dead() {
    let desk = with_answer();
    for lock in ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "refs/heads/side.lock"] {
        let path = format!(".git/{lock}");
        fs::write(desk.path(&path), "").unwrap();
        let young = wrong(&desk);
        assert!(
            young.starts_with("lock.unclear wrong:") && young.contains(&format!("rm ~/drafts/{path}")),
            "{young}"
        );
        findings(&desk, &["--fix"], &["mended"]);
        assert!(desk.path(&path).exists(), "{lock} may be somebody's");
        age(&desk, &path, 3600);
        let old = wrong(&desk);
        assert!(old.starts_with("lock.stale wrong:") && old.ends_with("git drafts check --fix"), "{old}");
        findings(&desk, &["--fix"], &["mended"]);
        assert!(!desk.path(&path).exists(), "{lock}");
    }
}

#[test]
fn a_lock_beside_a_git_that_works_is_left_alone() {
    let desk = with_answer();
    // A git that waits for its input.
    let mut git = desk
        .command("git")
        .args(["hash-object", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    fs::write(desk.path(".git/index.lock"), "").unwrap();
    age(&desk, ".git/index.lock", 3600);
    let told = findings(&desk, &["--fix"], &["note", "mended", "wrong"]).join("\n");
    assert!(told.starts_with("lock.busy note:") && told.contains(&format!("process {}", git.id())), "{told}");
    assert!(desk.path(".git/index.lock").exists());
    drop(git.stdin.take());
    git.wait().unwrap();
    findings(&desk, &["--fix"], &[]);
    assert!(!desk.path(".git/index.lock").exists());
}

#[test]
fn whoever_keeps_the_senders_lock_is_named() {
    let desk = with_answer();
    let path = desk.path(".git/drafts/send.lock");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lock = fs::File::create(&path).unwrap();
    lock.lock().unwrap();
    // Its only holder: ours is a handle that closes, and leaves the lock with the program.
    let mut program = desk.command("cat").stdin(Stdio::piped()).stdout(lock).spawn().unwrap();
    let told = notes(&desk);
    let name = format!("lock.send note: process {} (`cat`) holds the sender's lock", program.id());
    assert!(told.contains(&name), "{told}");
    drop(program.stdin.take());
    program.wait().unwrap();
    assert!(!notes(&desk).contains("lock.send"));
}

#[test]
fn a_lock_of_the_ledger_that_we_left_is_removed() {
    let desk = with_answer();
    // A lock of ours is a link to the file that the branch was to become.
    fs::write(desk.path(".git/drafts/ledger.next"), "").unwrap();
    fs::hard_link(desk.path(".git/drafts/ledger.next"), desk.path(".git/refs/heads/ledger.lock")).unwrap();
    assert!(wrong(&desk).starts_with("lock.stale wrong:"), "{}", wrong(&desk));
    assert_snapshot!(mended(&desk), @"lock.stale mended: removed ~/drafts/.git/refs/heads/ledger.lock, which a dead process left");
}

#[test]
fn what_a_landing_left_is_put_right() {
    let desk = with_answer();
    let tip = desk.git_says(&["rev-parse", "HEAD"]);
    fs::write(desk.path(".git/drafts/landing"), format!("commit {tip}\n")).unwrap();
    fs::copy(desk.path(".git/index"), desk.path(".git/drafts/index.aside")).unwrap();
    fs::hard_link(desk.path(".git/drafts/index.aside"), desk.path(".git/index.lock")).unwrap();
    assert_snapshot!(wrong(&desk), @"
    leftovers wrong: a landing was cut off and left ~/drafts/.git/drafts/landing, ~/drafts/.git/drafts/index.aside
      git drafts check --fix
    lock.stale wrong: ~/drafts/.git/index.lock is 0 seconds old, and the process that left it is gone
      git drafts check --fix
    ");
    assert_snapshot!(mended(&desk), @"
    leftovers mended: put right what a landing left that was cut off
    leftovers mended: removed the index lock of a landing that was cut off
    ");
    let draft = desk.path(&desk.files()[0]);
    let mine = fs::read_to_string(&draft).unwrap().replacen("Hello", "Dear", 1);
    fs::write(desk.path(".git/drafts/kept-1"), &mine).unwrap();
    assert_snapshot!(wrong(&desk), @"
    leftovers.yours wrong: a version of a file of yours is in ~/drafts/.git/drafts/kept-1
      read it, and put it back or delete it: mv ~/drafts/.git/drafts/kept-1 drafts/
    ");
    findings(&desk, &["--fix"], &[]);
    assert_eq!(fs::read_to_string(desk.path(".git/drafts/kept-1")).unwrap(), mine);
    // An object alone is no safe place: git forgets what no branch leads to.
    desk.git(&["hash-object", "-w", ".git/drafts/kept-1"]);
    findings(&desk, &["--fix"], &[]);
    assert_eq!(fs::read_to_string(desk.path(".git/drafts/kept-1")).unwrap(), mine);
    fs::write(&draft, &mine).unwrap();
    desk.git(&["commit", "-qam", "mine"]);
    assert!(mended(&desk).contains("which git has, too"));
}

// The ledger

#[test]
fn a_ledger_that_is_gone_or_rewound_is_put_back_as_is_said() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes");
    for damage in ["git update-ref refs/heads/ledger ledger~2", "git update-ref -d refs/heads/ledger"] {
        desk.shell(damage).succeeds();
        desk.drafts(&["send"]).fails(128);
        let said = desk.drafts(&["check"]).fails(1);
        let way = said.out.lines().find(|line| line.contains("put it back:")).expect(&said.out).to_owned();
        desk.shell(way.split('`').nth(1).unwrap()).succeeds();
        assert_eq!(wrong(&desk), "", "{damage}");
    }
    desk.send();
    assert_eq!((desk.sent().len(), desk.story(&id).as_str()), (1, "drafted claimed sending sent"));
}

#[test]
fn a_ledger_whose_newest_commits_are_lost_says_what_that_means() {
    let desk = with_answer();
    let state = desk.shell("echo ../.state/git-drafts/*/ledger-tip").succeeds().out;
    fs::write(desk.path(state.trim()), "1234567890123456789012345678901234567890\n").unwrap();
    let told = wrong(&desk);
    assert_snapshot!(told.replace("git-drafts/[desk]", "git-drafts/D"), @"
    ledger.rewound wrong: the ledger was rewound: it was at [abbrev] and is at [abbrev]
      get commit [commit] from a backup or another clone (`git fetch <it> ledger`), then `git update-ref refs/heads/ledger [commit]`; if it is lost for ever, what was sent since then may be sent again: look at each approved draft, then `rm ~/.state/git-drafts/D/ledger-tip` and `git drafts init --take-over`
    ");
    fs::write(desk.path(state.trim()), "nonsense\n").unwrap();
    assert!(wrong(&desk).starts_with("ledger.memory wrong:"), "{}", wrong(&desk));
    fs::remove_file(desk.path(state.trim())).unwrap();
    assert!(wrong(&desk).starts_with("ledger.forgotten wrong:"), "{}", wrong(&desk));
    desk.drafts(&["init", "--take-over", "."]).succeeds();
    assert_eq!(wrong(&desk), "", "the way out works");
}

#[test]
fn a_ledger_in_other_hands_is_told() {
    let desk = with_answer();
    desk.git(&["worktree", "add", "-q", "../ledger", "ledger"]);
    assert_snapshot!(wrong(&desk), @"
    ledger.checked-out wrong: the branch `ledger` is checked out
      `git worktree remove ~/ledger`
    ");
    desk.git(&["worktree", "remove", "../ledger"]);
    desk.shell("git update-ref refs/heads/ledger $(git commit-tree -p ledger -m mine ledger^{tree})")
        .succeeds();
    assert_snapshot!(wrong(&desk), @"
    ledger.foreign wrong: commit [abbrev] on the ledger is not the machine's
      put the ledger back to before it: `git update-ref refs/heads/ledger [commit]^`
    ");
    desk.git(&["update-ref", "refs/heads/ledger", "ledger^"]);
    let clone = desk.path(".git/drafts/clone");
    fs::write(clone, "another\n").unwrap();
    assert!(wrong(&desk).starts_with("ledger.another-clone wrong:"), "{}", wrong(&desk));
}

// What people wrote

#[test]
fn a_broken_policy_catalogue_and_draft_are_told_at_once() {
    let desk = with_answer();
    desk.commit_file("drafts.toml", "version = 1\nmode = \"majority\"\n");
    desk.commit_file("routes.toml", "nonsense\n");
    desk.edit("invoice", "subject = ", "sujbect = ").git(&[
        "-c",
        "core.hooksPath=/dev/null",
        "commit",
        "-qam",
        "oops",
    ]);
    desk.drafts(&["tick"]).fails(128);
    let told = wrong(&desk);
    for name in ["policy wrong: drafts.toml:2", "routes wrong: routes.toml:1", "draft wrong: drafts/rnjk"] {
        assert!(told.contains(name), "{name}: {told}");
    }
}

#[test]
fn a_policy_of_a_strangers_is_told() {
    let desk = with_answer();
    desk.as_person(KIM).commit_file("drafts.toml", "version = 1\napprovers = [\"kim@example.com\"]\n");
    assert_snapshot!(wrong(&desk), @"
    policy.not-in-force wrong: the previous policy stays in force: commit [abbrev] changes drafts.toml, and kim@example.com is not an approver
      look at `git log -p drafts.toml`; to accept it, commit a change of it yourself
    ");
}

#[test]
fn approvers_who_are_strangers_are_told() {
    let desk = with_answer();
    desk.commit_file("drafts.toml", "version = 1\napprovers = [\"kim@exmaple.com\"]\n");
    assert_snapshot!(notes(&desk), @"
    approvers.owner note: you, sam@example.com, are not among the approvers, so your commits approve nothing
      add yourself to `approvers` in drafts.toml and commit it, if that is not meant
    approvers.unknown note: the approver kim@exmaple.com has never committed here
      compare the spelling: git log --format=%ce main | sort -u
    ");
}

#[test]
fn an_unknown_address_is_told() {
    let desk = with_answer();
    fs::write(desk.home().join(".gitconfig"), "").unwrap();
    assert_snapshot!(wrong(&desk), @"
    identity wrong: git does not know your address, so no commit of yours counts as an approval; git would make one up, which is nobody's
      git config --global user.email you@example.com
    ");
    desk.git(&["config", "user.useConfigOnly", "true"]);
    assert!(!wrong(&desk).contains("make one up"), "{}", wrong(&desk));
    desk.git(&["config", "user.email", "sam@example.org"]);
    assert_eq!(wrong(&desk), "");
    assert!(notes(&desk).contains("identity.environment note: GIT_COMMITTER_EMAIL is sam@example.com"));
}

#[test]
fn a_clock_that_went_back_is_told() {
    let desk = with_answer();
    desk.at("2026-11-20T10:59:00Z");
    assert_snapshot!(wrong(&desk), @"
    clock.back wrong: the clock is 1 hour behind commit [abbrev], which this program made: it went back, or it was wrong then
      set it right: timedatectl set-ntp true
    ");
    desk.at("2027-11-20T12:00:00Z").commit_file("notes.txt", "x\n").at("2026-11-20T12:00:00Z");
    assert_eq!(wrong(&desk), "");
    assert_snapshot!(notes(&desk), @"
    clock.future note: commit [abbrev] is 365 days in the future by its committer's clock
      nothing here believes such a clock; set yours right if it is yours
    ");
}

// The world around

#[test]
fn a_wiring_that_is_broken_or_gone_stops_nothing_here() {
    let desk = with_answer();
    let path = desk.home().join(".config/git-drafts/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("address", "adress")).unwrap();
    desk.drafts(&["status"]).fails(128);
    let told = wrong(&desk);
    assert!(told.starts_with("wiring.mistake wrong: ~/.config/git-drafts/config.toml:9:"), "{told}");
    fs::write(&path, &text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
    assert_snapshot!(wrong(&desk), @"
    wiring.access wrong: others may write to ~/.config/git-drafts/config.toml (mode 622), so it is not believed
      read it, then: chmod 600 ~/.config/git-drafts/config.toml
    ");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(wrong(&desk), @"
    wiring.mode wrong: others may read ~/.config/git-drafts/config.toml (mode 644), which says where credentials are
      git drafts check --fix
    ");
    assert_snapshot!(mended(&desk), @"wiring.mode mended: ~/.config/git-drafts/config.toml is yours alone now (mode 600)");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(desk.path(".git/drafts/wiring")).unwrap();
    assert_snapshot!(mended(&desk), @"wiring.note mended: ~/drafts/.git/drafts/wiring says again where the wiring is");
    fs::remove_file(&path).unwrap();
    assert!(wrong(&desk).starts_with("wiring.missing wrong:"), "{}", wrong(&desk));
}

#[test]
fn folders_programs_and_credentials_that_are_not_there_are_told() {
    let wiring = "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/nothing\"\n\
        address = [\"sam@example.com\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\npath = \"mail/file\"\n\
        [transport.post]\nkind = \"sendmail\"\ncommand = [\"no-such-program\", \"--password=hunter2\"]\n\
        [transport.hub]\nkind = \"hub\"\nurl = \"http://127.0.0.1:9/\"\nagent = \"sam\"\ntoken = { command = [\"false\", \"hunter2\"] }\n";
    let desk = Desk::with_wiring(wiring);
    fs::write(desk.home().join("mail/file"), "").unwrap();
    let told = wrong(&desk);
    assert_snapshot!(told, @"
    source.maildir wrong: source `mail`: there is no Maildir at ~/mail/nothing
      set `path` of it to a Maildir, or make one: mkdir -p ~/mail/nothing/new ~/mail/nothing/cur ~/mail/nothing/tmp
    transport.maildir wrong: transport `out`: ~/mail/file/tmp cannot be written: not a directory
      set `path` of it to a folder that you may write to, with new and tmp on one file system
    transport.command wrong: transport `post`: `no-such-program` is not there
      install it, or name another program as its `command`
    credential wrong: hub `hub`: `false` gave no secret: exit status: 1
      run `false` as the wiring says in a terminal to see what it wants
    ");
    assert!(!told.contains("hunter2"), "a secret is never shown");
    desk.write_wiring(
        &wiring
            .replace("\"false\"", "\"echo\"")
            .replace("no-such-program", "sh")
            .replace("mail/file", "mail/outbox")
            .replace("mail/nothing", "mail/inbox"),
    );
    assert_eq!(wrong(&desk), "");
    let all = findings(&desk, &[], &["ok", "note"]).join("\n");
    assert!(
        all.contains("hub `hub` has its credential in what `echo` printed") && !all.contains("hunter2"),
        "{all}"
    );
}

#[test]
fn a_desktop_that_cannot_be_reached_is_told() {
    let desk = Desk::with_wiring("version = 1\n[desk]\npath = \"drafts\"\n[notify]\nenabled = true\n");
    assert_snapshot!(notes(&desk), @"
    source.none note: the wiring names no source, so no message is taken in
      add a [source.NAME] to ~/.config/git-drafts/config.toml
    notify note: no notification can be shown: the session bus ~/.run/bus does not answer: No such file or directory (os error 2)
      ticks work without; `git drafts status` tells what waits, or set `enabled = false` under [notify]
    ");
    let _bus = std::os::unix::net::UnixListener::bind(desk.home().join("bus")).unwrap();
    desk.with("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", desk.home().join("bus").display()));
    assert!(!notes(&desk).contains("notify note:"), "{}", notes(&desk));
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told() {
    let desk = with_answer();
    let folder = desk.shell("echo ../.state/git-drafts/*/").succeeds().out;
    let folder = desk.path(folder.trim().trim_end_matches('/'));
    fs::rename(&folder, desk.home().join("kept")).unwrap();
    fs::write(&folder, "").unwrap();
    assert!(wrong(&desk).contains("state wrong:"), "{}", wrong(&desk));
}

#[test]
fn a_full_disk_is_told() {
    let desk = with_answer();
    let state = desk.home().join(".state");
    fs::rename(&state, desk.home().join("kept")).unwrap();
    fs::create_dir(&state).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&state).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    desk.shell("cp -r ../kept/. ../.state").succeeds();
    let told = wrong(&desk);
    Command::new("umount").arg(&state).status().unwrap();
    assert!(told.starts_with("disk.space wrong: ~/.state/git-drafts/[desk] has 7 MiB left"), "{told}");
}

#[test]
fn a_timer_that_is_off_or_asleep_is_told() {
    let desk = with_answer();
    let schedule = |desk: &Desk| {
        let said = desk.drafts(&["check", "--json"]);
        let json: Value = serde_json::from_str(&said.out).unwrap();
        let names =
            json["findings"].as_array().unwrap().iter().map(|finding| finding["name"].as_str().unwrap());
        names.filter(|name| name.starts_with("schedule")).collect::<Vec<_>>().join(" ")
    };
    let units = desk.home().join(".config/systemd/user");
    fs::create_dir_all(units.join("timers.target.wants")).unwrap();
    fs::write(units.join("mail.timer"), "[Timer]\nOnCalendar=*:0/15\nUnit=post.service\n").unwrap();
    fs::write(units.join("post.service"), "[Service]\nExecStart=/usr/bin/git-drafts -C /other run\n")
        .unwrap();
    assert_eq!(schedule(&desk), "schedule.none", "it is for another desk");
    fs::write(units.join("post.service"), "[Service]\nExecStart=/usr/bin/git-drafts run\n").unwrap();
    assert_eq!(schedule(&desk), "schedule.off");
    std::os::unix::fs::symlink("../mail.timer", units.join("timers.target.wants/mail.timer")).unwrap();
    assert_eq!(schedule(&desk), "schedule");
    assert_eq!(schedule(desk.at("2026-11-22T12:00:00Z")), "schedule schedule.asleep");
}
