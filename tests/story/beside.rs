//! Drafts land beside an operator who works.

use std::fs;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;
use crate::support::mail::Mail;

/// A desk with work of the operator's on it: staged, unstaged, untracked, removed, and a draft edited.
fn with_work() -> Desk {
    let desk = with_answer();
    desk.commit_file("a.txt", "a\n").commit_file("b.txt", "b\n").commit_file("c.txt", "c\n");
    fs::write(desk.path("a.txt"), "staged\n").unwrap();
    desk.git(&["add", "a.txt"]);
    fs::write(desk.path("a.txt"), "staged, then changed\n").unwrap();
    fs::write(desk.path("b.txt"), "unstaged\n").unwrap();
    desk.git(&["rm", "-q", "c.txt"]);
    fs::write(desk.path("d.txt"), "untracked\n").unwrap();
    desk.edit("invoice", "Hello Ada", "Dear Ada").git(&["add", "drafts"]).edit("invoice", "Dear", "Dearest");
    desk
}

#[test]
fn work_of_the_operator_is_as_before() {
    let desk = with_work();
    let look = || {
        ["status --porcelain", "diff", "diff --cached"]
            .map(|line| desk.git_says(&line.split(' ').collect::<Vec<_>>()))
    };
    let before = look();
    desk.with_mail("Why is the sky blue?").tick();
    assert_eq!(desk.files().len(), 2);
    assert_eq!(look(), before);
    desk.answer("sky", "Because.").approve("sky");
    desk.git(&["commit", "-qm", "yes", "--", &desk.draft("sky")]);
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.files().len(), 1);
    assert_eq!(look(), before);
}

#[test]
fn a_held_index_parks_drafts_until_it_is_free() {
    let desk = Desk::new();
    let lock = desk.path(".git/index.lock");
    fs::write(&lock, "").unwrap();
    desk.with_mail("where is my invoice?").tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    1 draft cannot be put on the desk yet: another git process holds the index. It is kept, and lands with the next tick.
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.files(), [""; 0]);
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, last tick 0 seconds ago.

    Not on the desk yet:
      (they land with the next tick)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    ");
    desk.tick();
    assert!(lock.exists(), "a lock of git's is not ours to take away");
    fs::remove_file(&lock).unwrap();
    desk.tick();
    assert_eq!(desk.files().len(), 1);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_merge_under_way_parks_drafts() {
    let desk = Desk::new();
    desk.git(&["switch", "-qc", "side"]).commit_file("a.txt", "a\n").git(&["switch", "-q", "main"]);
    desk.commit_file("b.txt", "b\n").git(&["merge", "-q", "--no-commit", "side"]);
    desk.with_mail("where is my invoice?").tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    1 draft cannot be put on the desk yet: a merge is under way. It is kept, and lands with the next tick.
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.files(), [""; 0]);
    desk.git(&["commit", "-qm", "merged"]).tick();
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn a_commit_in_an_open_editor_parks_drafts() {
    let desk = Desk::new();
    fs::write(desk.path("a.txt"), "a\n").unwrap();
    let editor = desk.script(
        "editor",
        "git drafts tick >\"$HOME/said\" 2>&1; ls drafts >>\"$HOME/said\"; echo message >\"$1\"",
    );
    desk.with_mail("where is my invoice?")
        .with("GIT_EDITOR", &editor)
        .git(&["add", "a.txt"])
        .git(&["commit"]);
    assert_snapshot!(desk.plain(&fs::read_to_string(desk.home().join("said")).unwrap()), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    1 draft cannot be put on the desk yet: a commit is being written. It is kept, and lands with the next tick.
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.git_says(&["log", "-1", "--author=Sam", "--format=%s"]), "message");
    desk.tick();
    assert_eq!(desk.files().len(), 1);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn drafts_land_on_main_while_the_operator_is_on_another_branch() {
    for line in ["switch -qc side", "switch -q --detach"] {
        let desk = Desk::new();
        desk.git(&line.split(' ').collect::<Vec<_>>()).with_mail("where is my invoice?").tick();
        assert_eq!(desk.git_says(&["status", "--porcelain"]), "", "{line}");
        assert_eq!(desk.files(), [""; 0]);
        desk.git(&["switch", "-q", "main"]);
        assert_eq!(desk.files().len(), 1);
        assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    }
}

#[test]
fn main_in_a_linked_worktree_parks_drafts() {
    let desk = Desk::new();
    desk.git(&["switch", "-qc", "side"]).git(&["worktree", "add", "-q", "../linked", "main"]);
    desk.with_mail("where is my invoice?").tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    1 draft cannot be put on the desk yet: `main` is checked out in the linked worktree ~/drafts/.git/worktrees/linked. It is kept, and lands with the next tick.
    0 drafts wait for you in ~/drafts
    ");
    desk.git(&["worktree", "remove", "../linked"]).git(&["switch", "-q", "main"]).tick();
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn a_file_of_the_operators_in_the_way_is_never_overwritten() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?");
    let said = desk.drafts(&["tick", "--dry-run", "--porcelain"]).succeeds();
    let id = said.out.split(' ').nth(1).unwrap().to_owned();
    let path = format!("drafts/{id}-re-where-is-my-invoice.md");
    fs::write(desk.path(&path), "mine\n").unwrap();
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    drafts/rnjkmjrz-re-where-is-my-invoice.md is left as it is: another version is in the worktree
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(fs::read_to_string(desk.path(&path)).unwrap(), "mine\n");
    fs::remove_file(desk.path(&path)).unwrap();
    desk.tick();
    assert!(desk.text("invoice").contains("Hello Ada"));
}

#[test]
fn while_the_desk_is_busy_nothing_is_superseded() {
    let desk = Desk::new();
    desk.receive(&Mail { id: "first@example.org", subject: "Sky", ..Mail::default() }).tick();
    let first = desk.id("sky");
    fs::write(desk.path(".git/index.lock"), "").unwrap();
    desk.receive(&Mail {
        subject: "Re: Sky",
        headers: "In-Reply-To: <first@example.org>\n",
        ..Mail::default()
    });
    desk.tick();
    assert_eq!(desk.story(&first), "drafted");
    fs::remove_file(desk.path(".git/index.lock")).unwrap();
    desk.tick();
    assert_eq!(desk.files().len(), 1, "the next tick makes up for it: {:?}", desk.files());
    assert_eq!(desk.story(&first), "drafted superseded");
}

#[test]
fn an_operator_who_commits_all_the_time_loses_nothing() {
    let desk = Desk::new();
    let mut work = desk
        .command("sh")
        .args(["-c", "i=0; while [ ! -e ../stop ]; do i=$((i+1)); echo $i >> work.txt; git add -A; git commit -qam \"work $i\"; git stash -q; git stash pop -q; done"])
        .env("GIT_DRAFTS_HOOK", "off")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for number in 0..12 {
        desk.with_mail(&format!("where is invoice {number}?")).tick();
    }
    fs::write(desk.home().join("stop"), "").unwrap();
    work.wait().unwrap();
    desk.shell("git add -A; git commit -qm rest");
    desk.tick();
    assert_eq!(desk.files().len(), 12);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    let lines = fs::read_to_string(desk.path("work.txt")).unwrap();
    let counted: Vec<usize> = lines.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(counted, (1..=counted.len()).collect::<Vec<_>>());
}
