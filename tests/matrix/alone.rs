//! Gestures that need a test of their own: what is told is longer, or more than one thing happens.

use std::fs;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::support::desk::Desk;
use crate::table::{damage, delivered, desk, gesture};

/// Runs a gesture that must end well.
#[track_caller]
fn play(desk: &Desk, script: &str) {
    gesture(desk, script).succeeds();
}

/// So many deliveries, now and after two further runs; nothing broken.
#[track_caller]
fn check_delivered(desk: &Desk, count: usize) {
    assert_eq!(delivered(desk).len(), count, "{}", desk.seen());
    for _ in 0..2 {
        desk.drafts(&["run"]).succeeds();
        assert_eq!(delivered(desk).len(), count, "{}", desk.seen());
    }
    assert_eq!(damage(desk), None);
}

/// `send` and `run` refuse; what `send` says is returned.
#[track_caller]
fn check_refused(desk: &Desk) -> String {
    let before = delivered(desk);
    desk.drafts(&["run"]).fails(128);
    desk.drafts(&["send"]).fails(128);
    assert_eq!(delivered(desk), before);
    desk.seen()
}

#[test]
fn the_ledger_merged_into_main_changes_nothing() {
    let desk = desk();
    play(&desk, "git merge -q --allow-unrelated-histories -m ledger ledger; yes");
    check_delivered(&desk, 1);
    play(&desk, "git revert --no-edit -m 1 HEAD~2 >/dev/null");
    check_delivered(&desk, 1);
}

#[test]
fn main_merged_into_the_ledger_stops_all() {
    let desk = desk();
    play(
        &desk,
        "yes_quietly; git switch -q ledger; git merge -q --allow-unrelated-histories -m main main; git switch -q main",
    );
    assert_snapshot!(check_refused(&desk), @"
    2> error: commit [abbrev] on the ledger is not the machine's
    2> hint: put the ledger back to before it: `git update-ref refs/heads/ledger [commit]^`
    exit 128
    ");
}

#[test]
fn a_commit_by_hand_on_the_ledger_is_healed_as_the_hint_says() {
    let desk = desk();
    play(&desk, "yes_quietly; git switch -q ledger; git commit -q --allow-empty -m mine; git switch -q main");
    let said = check_refused(&desk);
    let hint = desk.said().err.split('`').find(|word| word.starts_with("git update-ref")).unwrap().to_owned();
    assert_snapshot!(said, @"
    2> error: commit [abbrev] on the ledger is not the machine's
    2> hint: put the ledger back to before it: `git update-ref refs/heads/ledger [commit]^`
    exit 128
    ");
    play(&desk, &hint);
    desk.send();
    check_delivered(&desk, 1);
}

#[test]
fn an_older_git_folder_put_back_sends_nothing_twice() {
    let desk = desk();
    play(&desk, "yes_quietly; cp -a .git ../backup; git drafts send");
    assert_eq!(delivered(&desk).len(), 1);
    play(&desk, "mv .git ../newer; cp -a ../backup .git; git reset -q --hard");
    assert_snapshot!(check_refused(&desk), @"
    2> error: another clone of this desk ticks and sends, or this one was copied
    2> hint: to move that here: stop it there, `git fetch <its folder> ledger:ledger`, and `git drafts init --take-over`
    exit 128
    ");
    // Taking over does not make this machine forget what it remembers.
    desk.drafts(&["init", "--take-over", "."]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: the ledger was rewound: it was at [abbrev] and is at [abbrev]
    2> hint: put it back: `git update-ref refs/heads/ledger [commit]`; if that commit is gone, see `git drafts check`
    exit 128
    ");
    // The older folder has not the newer commits; where they are, they heal it.
    play(
        &desk,
        "git fetch -q ../newer ledger:ledger; git drafts init --take-over . >/dev/null; git drafts send",
    );
    check_delivered(&desk, 1);
}

#[test]
fn an_older_copy_of_the_whole_desk_put_back_sends_nothing_twice() {
    let desk = desk();
    play(
        &desk,
        "yes_quietly; cd ..; cp -a drafts backup; git -C drafts drafts send; mv drafts newer; mv backup drafts",
    );
    assert_eq!(delivered(&desk).len(), 1);
    assert_snapshot!(check_refused(&desk), @"
    2> error: another clone of this desk ticks and sends, or this one was copied
    2> hint: to move that here: stop it there, `git fetch <its folder> ledger:ledger`, and `git drafts init --take-over`
    exit 128
    ");
}

#[test]
fn a_copy_that_lacks_nothing_put_back_goes_on_when_told_to() {
    let desk = desk();
    play(&desk, "yes_quietly; cd ..; cp -a drafts backup; mv drafts older; mv backup drafts");
    assert_snapshot!(check_refused(&desk), @"
    2> error: another clone of this desk ticks and sends, or this one was copied
    2> hint: to move that here: stop it there, `git fetch <its folder> ledger:ledger`, and `git drafts init --take-over`
    exit 128
    ");
    desk.drafts(&["init", "--take-over", "."]).succeeds();
    desk.send();
    check_delivered(&desk, 1);
}

#[test]
fn a_desk_in_another_folder_goes_on_there_and_its_hooks_look_where_it_was() {
    let mut desk = desk();
    play(&desk, "mv ../drafts ../desk; cd ../desk; yes");
    assert_snapshot!(desk.seen(), @"
    2> error: there is no folder ~/drafts
    2> error: there is no folder ~/drafts
    ");
    desk.moves_to("desk");
    desk.drafts(&["send"]);
    assert_snapshot!(desk.seen(), @"
    To out
     * [sent]      rnjk -> Ada Brown  Re: where is my invoice?
    ");
}

#[test]
fn without_main_nothing_is_sent() {
    let desk = desk();
    play(&desk, "yes_quietly; git branch -m main trunk");
    assert_snapshot!(check_refused(&desk), @"
    2> error: there is no branch `main`
    2> hint: bring it back: `git branch main <commit>`; `git reflog` knows where it was; nothing was sent
    exit 128
    ");
    play(&desk, "git branch -m trunk main; git drafts send");
    check_delivered(&desk, 1);
}

#[test]
fn a_policy_that_cannot_be_read_sends_nothing() {
    let desk = desk();
    play(&desk, "policy 'approvers = 3'; yes");
    assert_snapshot!(check_refused(&desk), @r#"
    2> error: drafts.toml:2: `approvers` is not a list
    2> hint: write it as `approvers = ["..."]`
    exit 128
    "#);
    play(&desk, "policy ''; git drafts send");
    check_delivered(&desk, 1);
}

#[test]
fn a_stranger_cannot_stop_all_with_a_policy_that_cannot_be_read() {
    let desk = desk();
    play(&desk, "printf 'approvers = 3' >drafts.toml; kim quiet commit -qam policy; yes");
    assert_snapshot!(desk.seen(), @r#"
    2> warning: git-drafts: drafts.toml:1: `approvers` is not a list
    2> hint: write it as `approvers = ["..."]`
    2> warning: the previous policy stays in force: commit [abbrev] changes drafts.toml, and kim@example.com is not an approver
    2> hint: look at `git log -p drafts.toml`; to accept it, commit a change of it yourself
    2> To out
    2>  * [sent]      rnjk -> Ada Brown  Re: where is my invoice?
    "#);
    check_delivered(&desk, 1);
}

#[test]
fn a_link_or_a_submodule_in_the_place_of_a_draft_is_named_at_the_commit() {
    for line in [
        "approve; f=$(draft invoice); mv \"$f\" ../aside.md; ln -s ../../aside.md \"$f\"; git add drafts",
        "git update-index --cacheinfo \"160000,$(git rev-parse HEAD),$(draft invoice)\"",
    ] {
        let desk = desk();
        play(&desk, line);
        desk.try_git(&["commit", "-m", "link"]);
        assert_eq!(
            desk.seen(),
            "2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md: not a plain file\n\
             2> hint: a link or a submodule is never sent\nexit 1"
        );
    }
}

#[test]
fn each_of_two_approvals_goes_with_its_own_commit() {
    let desk = desk();
    desk.answer("sky", "Because.");
    play(&desk, "approve; approve sky; git add \"$(draft sky)\"; git commit -qm sky");
    assert_eq!(delivered(&desk).len(), 1);
    assert!(delivered(&desk)[0].contains("sky"));
    play(&desk, "git commit -qam invoice");
    check_delivered(&desk, 2);
}

#[test]
fn two_approvals_on_two_branches_are_joined_by_an_octopus() {
    let desk = desk();
    desk.answer("sky", "Because.");
    play(
        &desk,
        "git stash -q; yes_on_side; git switch -qc two; git stash pop -q; approve sky; git commit -qam sky
         git switch -q main; work; git merge -q -m join side two",
    );
    check_delivered(&desk, 2);
}

#[test]
fn a_filter_shows_one_text_and_commits_another_and_check_says_so() {
    let desk = desk();
    for (attribute, settings) in [
        ("filter=shout", "git config filter.shout.clean 'sed s/Hello/HELLO/'"),
        ("ident", ""),
        ("working-tree-encoding=UTF-16", ""),
    ] {
        play(&desk, &format!("printf 'drafts/** {attribute}\\n' >.git/info/attributes; {settings}"));
        desk.drafts(&["check"]).fails(1).says(attribute.split('=').next().unwrap());
    }
    let seen = desk.seen();
    let wrong: Vec<&str> = seen.lines().skip_while(|line| !line.starts_with("wrong")).take(2).collect();
    assert_snapshot!(wrong.join("\n"), @"
    wrong   the attribute `working-tree-encoding` is set on drafts: what you see is not what is committed
            `git check-attr -a drafts/kqzmwvst.md` shows it; put back `drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff` as the last line of .gitattributes, commit it, and look into .git/info/attributes
    ");
}

#[test]
fn a_split_index_keeps_the_sent_draft_on_the_desk_until_it_is_whole() {
    let desk = desk();
    play(&desk, "git update-index --split-index; yes");
    assert_eq!(desk.files().len(), 2);
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Waiting for you:
      (edit and set status to "approved", or use "git drafts approve <id>"; delete the file to reject)
    	zkvj  medium  escalate  Ada Brown  Re: Why is the sky blue?  0 seconds
    "#);
    desk.with_mail("Why is the grass green?").tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ! [needs you]      rlrw  medium 0.00  Ada Brown <- Re: Why is the grass green?
     = [known]          2 messages have drafts or an answer already
    1 draft cannot be put on the desk yet: the index: it is split, which git-drafts cannot read. It is kept, and lands with the next tick.
    1 draft waits for you in ~/drafts
    ");
    play(&desk, "git update-index --no-split-index; git drafts run");
    assert_eq!(desk.files().len(), 2, "{:?}", desk.files());
    check_delivered(&desk, 1);
}

#[test]
fn main_in_a_linked_worktree_is_cleared_when_it_is_back() {
    let desk = desk();
    play(&desk, "git switch -qc side; git worktree add -q ../main main; (cd ../main; yes)");
    assert_snapshot!(desk.seen(), @"
    2> To out
    2>  * [sent]      rnjk -> Ada Brown  Re: where is my invoice?
    ");
    check_delivered(&desk, 1);
    assert_eq!(desk.shell("git -C ../main status --porcelain").out, "");
    play(&desk, "git worktree remove ../main; git switch -q main; git drafts run");
    assert_eq!(desk.files().len(), 1);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_linked_worktree_that_was_deleted_is_in_nobodys_way() {
    let desk = desk();
    play(
        &desk,
        "git switch -qc side; git worktree add -q ../main main; git worktree lock ../main; rm -r ../main",
    );
    desk.with_mail("Why is the grass green?").tick();
    assert!(desk.seen().contains("cannot be put on the desk yet"), "it may come back: {}", desk.seen());
    play(&desk, "git worktree unlock main; git drafts run");
    assert_eq!(desk.git_says(&["ls-tree", "--name-only", "main", "drafts/"]).lines().count(), 3);
}

#[test]
fn housekeeping_alongside_loses_and_repeats_nothing() {
    let desk = desk();
    for number in 0..5 {
        desk.with_mail(&format!("where is invoice {number}?"));
    }
    desk.tick();
    // Not beside `gc --prune=now`, nor `repack -ad` after a `gc`: these two lose what git itself commits
    // meanwhile.
    // The file goes with the home, so that the loop ends however the test does.
    let mark = desk.home().join("go-on");
    fs::write(&mark, "").unwrap();
    let housekeeper = "while [ -e \"$HOME/go-on\" ]; do git pack-refs --all; git gc -q; git repack -qd; \
                       git maintenance run --quiet --task=commit-graph --task=loose-objects; done";
    let mut work = desk
        .command("sh")
        .args(["-c", housekeeper])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for number in 0..5 {
        // In such a loop git refuses a commit now and then, as soon as any hook takes a moment: it reads
        // an older `packed-refs`, and says that `HEAD` is elsewhere.
        play(&desk, &format!("approve invoice-{number}; until git commit -qam {number}; do :; done"));
    }
    fs::remove_file(&mark).unwrap();
    work.wait().unwrap();
    desk.send();
    check_delivered(&desk, 5);
    assert_eq!(desk.files().len(), 2);
}

#[test]
fn a_repack_alongside_takes_nothing_away_that_a_tick_writes() {
    let desk = desk();
    let mark = desk.home().join("go-on");
    fs::write(&mark, "").unwrap();
    let mut work = desk
        .command("sh")
        .args(["-c", "while [ -e \"$HOME/go-on\" ]; do git repack -adq; done"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // So many that they are written as a pack.
    for round in 0..3 {
        for number in 0..30 {
            desk.with_mail(&format!("where is invoice {round}-{number}?"));
        }
        desk.tick();
    }
    fs::remove_file(&mark).unwrap();
    work.wait().unwrap();
    assert_eq!((damage(&desk), desk.files().len()), (None, 92));
    assert_eq!(desk.shell("ls .git/objects/pack/*.keep").out, "");
}
