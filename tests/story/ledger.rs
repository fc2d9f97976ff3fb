//! The memory: when it is not what it was, nothing is sent and the reason is said.

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;

/// A desk with one answer that is approved and not sent yet.
fn about_to_send() -> Desk {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    desk
}

/// Neither `send` nor `run` does anything, and both say why.
#[track_caller]
fn check_refused(desk: &Desk) -> String {
    desk.drafts(&["run"]).fails(128);
    desk.drafts(&["send"]).fails(128);
    assert_eq!(desk.sent(), []);
    desk.seen()
}

#[test]
fn without_a_ledger_nothing_is_sent() {
    let desk = about_to_send();
    let ledger = desk.git_says(&["rev-parse", "ledger"]);
    desk.git(&["branch", "-qD", "ledger"]);
    assert_snapshot!(check_refused(&desk), @"
    2> error: there is no branch `ledger`, so nobody knows what was sent
    2> hint: `git drafts check` may know where it was; otherwise restore the branch from a backup
    exit 128
    ");
    desk.git(&["branch", "ledger", &ledger]).send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_rewound_ledger_sends_nothing_twice() {
    let desk = with_answer();
    let before = desk.git_says(&["rev-parse", "ledger"]);
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1);
    let after = desk.git_says(&["rev-parse", "ledger"]);
    desk.git(&["update-ref", "refs/heads/ledger", &before]).git(&["reset", "-q", "--hard", "HEAD~1"]);
    desk.drafts(&["send"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: the ledger was rewound: it was at [abbrev] and is at [abbrev]
    2> hint: put it back: `git update-ref refs/heads/ledger [commit]`; if that commit is gone, see `git drafts check`
    exit 128
    ");
    desk.drafts(&["status", "--exit-code"]).fails(1);
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Approved:
      (the sender takes these up; "git drafts send" does so now)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    2> error: the ledger was rewound: it was at [abbrev] and is at [abbrev]
    2> hint: put it back: `git update-ref refs/heads/ledger [commit]`; if that commit is gone, see `git drafts check`
    exit 1
    "#);
    desk.drafts(&["tick"]).fails(128);
    desk.git(&["update-ref", "refs/heads/ledger", &after]).send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_commit_of_somebody_elses_on_the_ledger_stops_all() {
    let desk = about_to_send();
    desk.shell("git update-ref refs/heads/ledger $(git commit-tree -p ledger -m mine ledger^{tree})")
        .succeeds();
    assert_snapshot!(check_refused(&desk), @"
    2> error: commit [abbrev] on the ledger is not the machine's
    2> hint: put the ledger back to before it: `git update-ref refs/heads/ledger [commit]^`
    exit 128
    ");
}

#[test]
fn a_ledger_that_lost_an_entry_stops_all() {
    let desk = about_to_send();
    desk.as_person("git-drafts <git-drafts@machine.invalid>");
    desk.shell(
        "export GIT_INDEX_FILE=$PWD/.git/other; git read-tree ledger; \
         git rm -q --cached $(git ls-files '*-drafted.toml'); \
         git update-ref refs/heads/ledger $(git commit-tree -p ledger -m 'sent: x' $(git write-tree))",
    )
    .succeeds();
    assert_snapshot!(check_refused(&desk), @"
    2> error: commit [abbrev] on the ledger changes `rn/rnjkmjrz/1-drafted.toml`
    2> hint: put the ledger back to before it: `git update-ref refs/heads/ledger [commit]^`
    exit 128
    ");
}

#[test]
fn a_ledger_that_is_checked_out_stops_all() {
    let desk = about_to_send();
    desk.git(&["worktree", "add", "-q", "../ledger", "ledger"]);
    assert_snapshot!(check_refused(&desk), @"
    2> error: the branch `ledger` is checked out
    2> hint: check out `main` again: nobody but the machine writes the ledger
    exit 128
    ");
    desk.git(&["worktree", "remove", "../ledger"]).git(&["switch", "-q", "ledger"]);
    check_refused(&desk);
    desk.git(&["switch", "-q", "main"]).send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn the_ledger_cannot_be_merged_into_main() {
    let desk = with_answer();
    desk.try_git(&["merge", "ledger"]).fails(128).says("unrelated histories");
}

#[test]
fn a_clone_without_the_ledger_sends_nothing_and_init_takes_it_from_the_remote() {
    let mut desk = about_to_send();
    desk.git(&["clone", "-q", "-o", "hub", ".", "../clone"]);
    desk.moves_to("clone");
    // Another machine: it remembers nothing.
    desk.with("XDG_STATE_HOME", desk.home().join(".elsewhere"));
    desk.drafts(&["send"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: there is no branch `ledger`, so nobody knows what was sent
    2> hint: fetch it: `git fetch hub ledger:ledger`; or restore the branch from a backup
    exit 128
    ");
    assert_eq!(desk.sent(), []);
    desk.drafts(&["init"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    Made a drafts repository in ~/clone
    2> took the ledger from the remote; another clone ticks and sends (see --take-over)
    2> warning: ~/.config/git-drafts/config.toml names ~/drafts as the desk, and two desks that read one inbox both answer it
    2> hint: set `path` under [desk] to ~/clone, or give this desk a wiring of its own: `git drafts --config FILE init ~/clone`
    ");
    // Two clones that both send would send twice: the other one must say that it is over there.
    desk.drafts(&["send"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: another clone of this desk ticks and sends, or this one was copied
    2> hint: to move that here: stop it there, `git fetch hub ledger:ledger`, and `git drafts init --take-over`
    exit 128
    ");
    desk.drafts(&["init", "--take-over"]).succeeds();
    desk.send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_copy_of_the_whole_folder_does_not_send_beside_the_original() {
    let mut desk = about_to_send();
    desk.shell("cp -r ~/drafts ~/copy").succeeds();
    desk.moves_to("copy");
    desk.drafts(&["send"]).fails(128);
    assert!(desk.seen().contains("or this one was copied"), "{}", desk.seen());
    assert_eq!(desk.sent(), []);
    desk.moves_to("drafts");
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn without_its_memory_a_ledger_is_not_believed() {
    let desk = about_to_send();
    desk.with("XDG_STATE_HOME", desk.home().join(".elsewhere"));
    desk.drafts(&["send"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: nothing on this machine remembers this ledger, so nobody knows whether it is whole
    2> hint: if nothing was lost (compare it with your backups): `git drafts init --take-over`
    exit 128
    ");
    desk.drafts(&["init", "--take-over"]).succeeds();
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn a_clone_of_main_alone_is_refused_by_init() {
    let mut desk = with_answer();
    desk.git(&["clone", "-q", "--single-branch", "--no-tags", ".", "../clone"]);
    desk.moves_to("clone");
    desk.drafts(&["init", "."]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: ~/clone has drafts and no branch `ledger`, so nobody knows what was sent
    2> hint: fetch it: `git fetch origin ledger:ledger`; or restore it from a backup
    exit 128
    ");
}

#[test]
fn a_shallow_clone_sends_nothing() {
    let mut desk = about_to_send();
    let url = format!("file://{}", desk.path("").display());
    desk.git(&["clone", "-q", "--depth", "1", "--no-single-branch", &url, "../clone"]);
    desk.moves_to("clone");
    desk.with("XDG_STATE_HOME", desk.home().join(".elsewhere")).git(&["branch", "ledger", "origin/ledger"]);
    desk.drafts(&["send"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: the repository is a shallow clone
    2> hint: fetch the rest: `git fetch --unshallow`
    exit 128
    ");
    assert_eq!(desk.sent(), []);
}

#[test]
fn what_was_approved_outlives_reset_and_gc() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes, do");
    let begin = desk.git_says(&["rev-list", "--max-parents=0", "main"]);
    desk.git(&["reset", "-q", "--hard", &begin]).git(&["reflog", "expire", "--expire=now", "--all"]);
    desk.git(&["gc", "-q", "--prune=now"]);
    let shard = &id[..2];
    let kept = desk.git_says(&["show", &format!("ledger:{shard}/{id}/2-claimed.commit")]);
    assert!(kept.contains("committer Sam Hill <sam@example.com>") && kept.ends_with("yes, do"), "{kept}");
    assert!(desk.git_says(&["show", &format!("ledger:{shard}/{id}/2-claimed.md")]).contains("Hello Ada"));
    desk.drafts(&["run"]).succeeds();
    assert_eq!((desk.sent().len(), desk.files()), (1, Vec::new()));
}

#[test]
fn who_has_fetched_that_another_clone_took_over_sends_no_more() {
    let mut desk = about_to_send();
    desk.git(&["init", "-q", "--bare", "-b", "main", "../backup.git"]);
    desk.git(&["remote", "add", "backup", "../backup.git"]).git(&["push", "-q", "backup", "main", "ledger"]);
    desk.git(&["clone", "-q", "-o", "backup", "../backup.git", "../clone"]);
    desk.moves_to("clone");
    desk.with("XDG_STATE_HOME", desk.home().join(".elsewhere"));
    desk.git(&["fetch", "-q", "backup", "ledger:ledger"]).drafts(&["init", "--take-over"]).succeeds();
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    desk.git(&["push", "-q", "backup", "ledger"]);
    // Here the approval still stands, and the ledger does not know that it went.
    desk.moves_to("drafts");
    desk.with("XDG_STATE_HOME", desk.home().join(".state"));
    desk.git(&["fetch", "-q", "backup"])
        .drafts(&["send"])
        .fails(128)
        .says("another clone of this desk ticks and sends");
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}
