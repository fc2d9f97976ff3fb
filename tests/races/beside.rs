//! An operator who works all the time, beside ticks that land drafts and senders that clear them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::proof::{Dice, Hands, fsck, locks, sized, stories, wait_for_programs};
use crate::support::desk::Desk;

/// How often somebody tries again what git refused because of a lock.
const TRIES_MAX: usize = 20;

/// How long somebody needs to try again.
const AGAIN: Duration = Duration::from_millis(50);

/// What git says where a lock is in the way, or the branch has moved. The last one may be said by a merge
/// in the moment in which branch and index move; where it stays so, trying again does not help.
const REFUSALS: [&str; 5] = [
    "index.lock",
    "cannot lock ref",
    "could not write index",
    "Unable to write index",
    "would be overwritten by merge",
];

/// Somebody who writes lines and moves them about with git, and approves or rejects a draft at times.
struct Operator<'s> {
    hands: Hands,
    dice: Dice,
    stop: &'s AtomicBool,
    /// Every line that was ever written, with the file that it is in.
    lines: Vec<(&'static str, String)>,
    approved: BTreeSet<String>,
    rejected: BTreeSet<String>,
    commands: usize,
    /// What git refused because of a lock of ours, or because the branch had moved; each was tried again.
    refusals: Vec<String>,
    /// What git refused for another reason: there must be none.
    surprises: Vec<String>,
}

impl Operator<'_> {
    fn works(mut self) -> Self {
        let mut gestures = 0;
        while !self.stop.load(Ordering::Relaxed) && self.surprises.is_empty() {
            self.gesture(gestures);
            self.look();
            gestures += 1;
        }
        self
    }

    fn gesture(&mut self, number: usize) {
        match number % 14 {
            0 => {
                self.write("a.txt");
                self.git(&["commit", "-qam", "all"]);
            }
            1 => {
                self.write("b.txt");
                self.git(&["add", "b.txt"]);
                self.git(&["commit", "-qm", "added"]);
            }
            2 | 9 => {
                self.write("a.txt");
                self.stash(&["stash", "-q"]);
                self.git(&["commit", "-qam", "stashed"]);
            }
            3 => {
                self.write("b.txt");
                self.git(&["add", "-A"]);
                self.git(&["reset", "-q"]);
                self.git(&["commit", "-qam", "reset"]);
            }
            4 => {
                self.write("a.txt");
                self.write("b.txt");
                self.git(&["add", "b.txt"]);
                self.git(&["commit", "-qm", "one path", "--", "a.txt"]);
                self.git(&["commit", "-qm", "the other"]);
            }
            5 => {
                self.write("a.txt");
                self.git(&["commit", "-a"]);
            }
            6 => {
                self.write("b.txt");
                self.git(&["add", "b.txt"]);
                self.git(&["commit"]);
            }
            7 | 12 => {
                self.git(&["switch", "-q", "side"]);
                self.write("s.txt");
                self.git(&["commit", "-qam", "on the side"]);
                self.git(&["switch", "-q", "main"]);
            }
            8 => {
                self.write("b.txt");
                self.git(&["commit", "-qa", "--amend", "-m", "amended"]);
            }
            10 => self.approve(),
            11 => self.reject(),
            13 => {
                self.merge();
                self.git(&["reset", "-q", "--hard"]);
                self.git(&["pack-refs", "--all"]);
            }
            _ => unreachable!(),
        }
    }

    /// Appends a line to a file.
    fn write(&mut self, file: &'static str) {
        let line = format!("line {} of the operator's", self.lines.len());
        let path = self.hands.place.join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, format!("{text}{line}\n")).unwrap();
        self.lines.push((file, line));
    }

    fn stash(&mut self, stash: &[&str]) {
        let before = self.stashes();
        if !self.git_may_stop(stash, |operator| operator.stashes() > before) {
            // It was kept, and the worktree was not cleaned: the line is in both.
            self.git(&["stash", "drop", "-q"]);
            return;
        }
        self.git(&["stash", "pop", "-q"]);
    }

    /// Merges the side; a merge that was refused at its end is under way, and a commit concludes it.
    fn merge(&mut self) {
        let is_merging = |operator: &Self| operator.hands.place.join(".git/MERGE_HEAD").exists();
        if !self.git_may_stop(&["merge", "-q", "--no-edit", "side"], is_merging) {
            self.git(&["commit", "-q", "--no-edit"]);
        }
    }

    fn stashes(&self) -> usize {
        self.hands.git(&["stash", "list"]).out.lines().count()
    }

    fn approve(&mut self) {
        let Some((path, id)) = self.some_draft() else { return };
        let Ok(text) = fs::read_to_string(&path) else { return };
        fs::write(&path, text.replacen("status = \"draft\"", "status = \"approved\"", 1)).unwrap();
        self.approved.insert(id);
        self.git(&["commit", "-qam", "yes"]);
    }

    fn reject(&mut self) {
        let Some((path, id)) = self.some_draft() else { return };
        self.rejected.insert(id);
        self.git(&["rm", "-q", "--", path.strip_prefix(&self.hands.place).unwrap().to_str().unwrap()]);
        self.git(&["commit", "-qm", "no"]);
    }

    /// Returns a draft that is on `main` and that nobody has decided about.
    fn some_draft(&mut self) -> Option<(std::path::PathBuf, String)> {
        let listed = self.hands.git(&["ls-files", "drafts"]).out;
        let undecided: Vec<&str> = listed
            .lines()
            .filter(|path| {
                let id = &path["drafts/".len()..][..8];
                !self.approved.contains(id) && !self.rejected.contains(id)
            })
            .collect();
        if undecided.is_empty() {
            return None;
        }
        let path = undecided[self.dice.roll(undecided.len())];
        Some((self.hands.place.join(path), path["drafts/".len()..][..8].to_owned()))
    }

    fn git(&mut self, arguments: &[&str]) {
        self.git_may_stop(arguments, |_| false);
    }

    /// Runs git, again as often as a lock or a moved branch is in the way; gives up if `stop` says so.
    fn git_may_stop(&mut self, arguments: &[&str], stop: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..TRIES_MAX {
            let mut command = self.hands.command("git");
            command.args(arguments).env("EDIT_SECONDS", format!("0.{}", 1 + self.dice.roll(3)));
            // In a terminal a hook waits for the sender, elsewhere it leaves at once.
            command.env("GIT_DRAFTS_HOOK", if self.dice.roll(2) == 0 { "wait" } else { "detach" });
            let output = command.output().unwrap();
            self.commands += 1;
            if output.status.success() {
                return true;
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_refusal = REFUSALS.iter().any(|words| said.contains(words));
            let line =
                format!("git {}: {} {said}", arguments.join(" "), String::from_utf8_lossy(&output.stdout));
            if !is_refusal {
                let state = self.hands.git(&["status", "--short", "--branch"]).out;
                let moves = self.hands.git(&["log", "-g", "-8", "main", "--format=%h %gs"]).out;
                self.surprises.push(format!("{line}\n{state}\n{moves}"));
                return true;
            }
            self.refusals.push(line);
            if stop(self) {
                return false;
            }
            std::thread::sleep(AGAIN);
        }
        self.surprises.push(format!("git {} never went", arguments.join(" ")));
        true
    }

    /// Looks whether every line is where it was written.
    fn look(&mut self) {
        for file in ["a.txt", "b.txt"] {
            let text = fs::read_to_string(self.hands.place.join(file)).unwrap_or_default();
            let there: BTreeSet<&str> = text.lines().collect();
            for (_, line) in self.lines.iter().filter(|(its, _)| *its == file) {
                if !there.contains(line.as_str()) {
                    self.surprises.push(format!("{file} has lost {line:?}"));
                }
            }
        }
    }
}

/// Neither a lock nor a change of the worktree may be there; where one is, everything that led to it is told.
#[track_caller]
fn nothing_is_left(desk: &Desk) {
    assert_eq!(locks(desk), [""; 0]);
    let left = desk.git_says(&["status", "--porcelain"]);
    if left.is_empty() {
        return;
    }
    let log = |arguments: &[&str]| desk.git_says(&[&["log", "--date=iso"][..], arguments].concat());
    panic!(
        "{left}\nHEAD was at\n{}\nmain was at\n{}\nmain\n{}\nledger\n{}\nwe noted\n{}",
        log(&["-g", "HEAD", "--format=%gd %h %gs"]),
        log(&["-g", "main", "--format=%gd %h %gs"]),
        log(&["main", "--name-status", "--format=%cd %h %an %s"]),
        log(&["ledger", "--format=%cd %h %s"]),
        desk.shell("tail -n 300 \"$HOME/.local/state/git-drafts/log\"").out
    );
}

#[test]
fn drafts_land_and_leave_beside_an_operator_who_never_rests() {
    let landings_min = sized(30, 200);
    let desk = Desk::new();
    let wiring = fs::read_to_string(desk.home().join(".config/git-drafts/config.toml")).unwrap();
    let wiring =
        wiring.replace("[limits]", "[limits]\nsends_per_hour_max = 1000\nmessages_per_tick_max = 500");
    fs::write(desk.home().join(".config/git-drafts/config.toml"), wiring).unwrap();
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 1000\n");
    desk.commit_file("a.txt", "").commit_file("b.txt", "").git(&["switch", "-qc", "side"]);
    desk.commit_file("s.txt", "").git(&["switch", "-q", "main"]);
    let editor = desk.script("editor", "sleep \"$EDIT_SECONDS\"; echo edited >\"$1\"");
    desk.with("GIT_EDITOR", &editor);

    let stop = AtomicBool::new(false);
    let operator = Operator {
        hands: Hands::of(&desk),
        dice: Dice::new(1),
        stop: &stop,
        lines: Vec::new(),
        approved: BTreeSet::new(),
        rejected: BTreeSet::new(),
        commands: 0,
        refusals: Vec::new(),
        surprises: Vec::new(),
    };
    let mut mails = 0;
    let operator = std::thread::scope(|scope| {
        let working = scope.spawn(|| operator.works());
        while landings(&desk) < landings_min && !working.is_finished() {
            mails += 1;
            let said = desk.with_mail(&format!("where is invoice {mails}?")).drafts(&["tick"]);
            if said.code != 0 {
                stop.store(true, Ordering::Relaxed);
                said.succeeds();
            }
            if mails % 5 == 0 {
                desk.drafts(&["send"]).succeeds();
            }
        }
        stop.store(true, Ordering::Relaxed);
        working.join().unwrap()
    });
    wait_for_programs(&desk);
    assert!(operator.surprises.is_empty(), "{}", operator.surprises.join("\n"));

    // Nothing was killed, so nothing may be left to heal: neither a lock, nor a deletion that nobody made.
    nothing_is_left(&desk);
    let landed = landings(&desk);
    desk.drafts(&["run"]).succeeds();
    desk.drafts(&["run"]).succeeds();
    nothing_is_left(&desk);
    fsck(&desk);

    let stories = stories(&desk);
    assert_eq!(stories.len(), mails, "each message has its draft");
    let mut lost = Vec::new();
    let on_main = desk.git_says(&["ls-tree", "--name-only", "main", "drafts/"]);
    for (id, story) in &stories {
        let kept = match story.last().unwrap().as_str() {
            "sent" => operator.approved.contains(id) && delivered(&desk, id) == 1,
            "rejected" => operator.rejected.contains(id),
            _ => on_main.contains(id.as_str()),
        };
        if !kept {
            lost.push(format!("{id}: {}", story.join(" ")));
        }
    }
    let sent = desk.sent().len();
    println!(
        "proof: stress: {landed} landings, {} drafts lost, {} lines of the operator's and 0 lost, {} sent, {} rejected, \
         {} refusals seen by the operator in {} commands, 0 locks left",
        lost.len(),
        operator.lines.len(),
        sent,
        operator.rejected.len(),
        operator.refusals.len(),
        operator.commands,
    );
    assert_eq!(lost, [""; 0]);
    // Each time the machine moves `main`, it holds the locks once: that is in the way of one command at most,
    // and of a second one where that is tried again too soon. Mostly nobody is hit.
    let moves = landed + sent;
    assert!(
        operator.refusals.len() <= moves,
        "{} of {moves}: {:?}",
        operator.refusals.len(),
        operator.refusals
    );
    assert_eq!(sent, operator.approved.len());
    let on_side = desk.git_says(&["show", "side:s.txt"]);
    for (_, line) in operator.lines.iter().filter(|(file, _)| *file == "s.txt") {
        assert!(on_side.lines().any(|there| there == line), "{line}");
    }
}

#[test]
fn a_rebase_of_main_is_not_spoilt_by_a_tick() {
    for rebase in ["--merge", "--apply"] {
        let desk = Desk::new();
        desk.git(&["switch", "-qc", "side"]).commit_file("s.txt", "s\n").git(&["switch", "-q", "main"]);
        desk.commit_file("a.txt", "a\n").with_mail("where is my invoice?");
        // The hook runs for every commit that is replayed, while `HEAD` names no branch.
        let hook = desk.path(".git/hooks/post-checkout");
        let lines = "unset $(git rev-parse --local-env-vars); git drafts tick >>\"$HOME/said\" 2>&1";
        fs::rename(desk.script("hook", lines), hook).unwrap();
        desk.git(&["rebase", "-q", rebase, "side"]);
        let said = fs::read_to_string(desk.home().join("said")).unwrap();
        // The other backend writes nowhere which branch it is about, and overwrites it: then the draft comes back.
        assert!(rebase == "--apply" || said.contains("a rebase is under way"), "{said}");
        desk.tick();
        assert_eq!(desk.files().len(), 1);
        assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    }
}

#[test]
fn who_comes_back_to_main_as_a_draft_lands_finds_it_there() {
    let desk = Desk::new();
    desk.git(&["switch", "-qc", "side"]).with_mail("where is my invoice?");
    // The hook runs when index and worktree are those of `main`, and `HEAD` still names the other branch.
    let note_tip =
        || fs::write(desk.home().join("tip"), desk.git_says(&["rev-parse", "main"]) + "\n").unwrap();
    // The tick is nobody's child there, as one of the timer is.
    let lines = "setsid -f git drafts tick >/dev/null 2>&1\nread before <\"$HOME/tip\"\n\
                 while read now <.git/refs/heads/main && [ $now = $before ]; do sleep 0.01; done";
    note_tip();
    let hook = desk.path(".git/hooks/post-index-change");
    fs::rename(desk.script("hook", lines), &hook).unwrap();
    desk.git(&["switch", "-q", "main"]);
    fs::remove_file(hook).unwrap();
    wait_for_programs(&desk);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_eq!(desk.files().len(), 1);
    // And the other way round: what is sent goes away from under who comes back.
    desk.approve("invoice").commit_quietly("yes").git(&["switch", "-q", "side"]);
    note_tip();
    fs::rename(
        desk.script("hook", &lines.replace("tick", "send")),
        desk.path(".git/hooks/post-index-change"),
    )
    .unwrap();
    desk.git(&["switch", "-q", "main"]);
    wait_for_programs(&desk);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_eq!((desk.files(), desk.sent().len()), (Vec::new(), 1));
}

#[test]
fn what_somebody_who_keeps_the_index_missed_is_theirs_in_the_next_run() {
    for commits in [false, true] {
        let desk = Desk::new();
        desk.git(&["switch", "-qc", "side"]).with_mail("where is my invoice?");
        fs::write(desk.home().join("tip"), desk.git_says(&["rev-parse", "main"]) + "\n").unwrap();
        // On the way to `main` as a draft lands there; and whoever comes keeps the index for longer than anybody
        // is waited for.
        let lines = "setsid -f git drafts tick >/dev/null 2>&1\nread before <\"$HOME/tip\"\n\
                     while read now <.git/refs/heads/main && [ $now = $before ]; do sleep 0.01; done\n\
                     while ! (set -C; : >.git/index.lock) 2>/dev/null; do sleep 0.001; done";
        let hook = desk.path(".git/hooks/post-index-change");
        fs::rename(desk.script("hook", lines), &hook).unwrap();
        desk.git(&["switch", "-q", "main"]);
        fs::remove_file(hook).unwrap();
        wait_for_programs(&desk);
        fs::remove_file(desk.path(".git/index.lock")).unwrap();
        if commits {
            // A commit of an index that knows nothing of the draft takes it off `main`, and is no rejection.
            desk.git(&["commit", "-q", "--allow-empty", "-m", "knows nothing of it"]);
        }
        desk.tick();
        assert_eq!(desk.git_says(&["status", "--porcelain"]), "", "{commits}");
        assert_eq!(desk.files().len(), 1, "{commits}");
        assert_eq!(stories(&desk).into_values().collect::<Vec<_>>(), [["drafted"]], "{commits}");
    }
}

#[test]
fn what_a_dead_tick_placed_is_not_in_the_way_back_to_main() {
    let desk = Desk::new();
    desk.git(&["branch", "side"]).with_mail("where is my invoice?");
    desk.with("GIT_DRAFTS_FAILPOINT", "kill:file.placed").drafts(&["tick"]);
    assert_eq!(desk.files().len(), 1, "it died with the file in place: {}", desk.seen());
    desk.with("GIT_DRAFTS_FAILPOINT", "").git(&["switch", "-q", "side"]).tick();
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    desk.git(&["switch", "-q", "main"]);
    assert_eq!(desk.files().len(), 1);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

/// How many landings there were: the reference log of `main` has each.
fn landings(desk: &Desk) -> usize {
    let log = desk.git_says(&["log", "-g", "main", "--format=%gs"]);
    log.lines().filter(|line| line.starts_with("draft")).count()
}

fn delivered(desk: &Desk, id: &str) -> usize {
    desk.sent().iter().filter(|sent| sent.message_id.starts_with(id)).count()
}
