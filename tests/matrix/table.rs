//! One line of the matrix: a gesture, and what may come of it.
//!
//! The desk of every gesture has two drafts, the answer to an invoice question and a question that only
//! a person can answer, and the receiver is a `sendmail` program: it neither dedupes nor can be asked,
//! so each delivery counts.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::desk::{Desk, Said};
use crate::support::mail::Sent;

/// A gesture, and what it delivers.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    /// A shell script in the desk, after [`WORDS`].
    pub gesture: &'static str,
    pub when: When,
    /// How the delivered text begins.
    pub text: &'static str,
    /// A gesture at the commands that follow, such as a variable that they inherit.
    pub around: &'static str,
}

/// When the answer about the invoice is delivered; nothing else ever is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A hook woke the sender.
    AtOnce,
    /// No hook of ours ran, or none rang; the next run sees it.
    NextRun,
    /// Not at all.
    Never,
}

/// What came of one gesture.
pub struct Row {
    pub name: &'static str,
    /// What is wrong; nothing, hopefully.
    pub wrong: Vec<String>,
    /// The name, and what the operator was told.
    pub told: String,
}

pub const fn at_once(name: &'static str, gesture: &'static str) -> Case {
    Case { name, gesture, when: When::AtOnce, text: "Hello Ada", around: "" }
}

pub const fn next_run(name: &'static str, gesture: &'static str) -> Case {
    Case { when: When::NextRun, ..at_once(name, gesture) }
}

pub const fn never(name: &'static str, gesture: &'static str) -> Case {
    Case { when: When::Never, ..at_once(name, gesture) }
}

impl Case {
    /// The delivered text begins so, and not as the machine drafted it.
    pub const fn with_text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    /// These variables lie around when the sender starts.
    pub const fn amid(self, around: &'static str) -> Self {
        Self { around, ..self }
    }
}

/// Words that gestures use.
pub const WORDS: &str = r#"
set -e
draft() { find drafts -name "*$1*.md"; }
approve() { sed -i '2s/"draft"/"approved"/' "$(draft "${1:-invoice}")"; }
unapprove() { sed -i '2s/"approved"/"draft"/' "$(draft "${1:-invoice}")"; }
soften() { sed -i 's/^Hello Ada/Dear Ada/' "$(draft invoice)"; }
quiet() { git -c core.hooksPath=/dev/null "$@"; }
yes() { approve invoice; git commit -qam yes; }
yes_quietly() { approve invoice; quiet commit -qam yes; }
softer_quietly() { soften; quiet commit -qam softer; }
work() { echo "$1" >>"${1:-work}.txt"; git add "${1:-work}.txt"; quiet commit -qm "work ${1:-}"; }
yes_on_side() { git switch -qc side; yes; git switch -q main; }
softer_on_side() { git switch -qc side; softer_quietly; git switch -q main; }
work_on_side() { git switch -qc side; work side; git switch -q main; }
policy() { printf 'version = 1\n%s\n' "$1" >drafts.toml; git add drafts.toml; quiet commit -qm policy; }
kim() {
  GIT_AUTHOR_NAME='Kim Lee' GIT_AUTHOR_EMAIL=kim@example.com \
  GIT_COMMITTER_NAME='Kim Lee' GIT_COMMITTER_EMAIL=kim@example.com "$@"
}
next_mail() {
  printf 'From: Ada Brown <ada@example.org>\nTo: sam@example.com\nSubject: Why is the grass green?\nMessage-ID: <next@example.org>\nDate: Fri, 20 Nov 2026 11:00:00 +0000\n\nWhy is the grass green?\n' >../mail/inbox/new/next.mail
  git drafts tick >/dev/null 2>&1
}
fails() { if "$@" >/dev/null 2>&1; then echo "went well: $*"; exit 9; fi; }
"#;

const WIRING: &str = r#"version = 1
[desk]
path = "drafts"
[source.mail]
kind = "maildir"
path = "mail/inbox"
address = ["Sam Hill <sam@example.com>"]
transport = "out"
[transport.out]
kind = "sendmail"
command = ["POST"]
[limits]
messages_since = "all"
[notify]
enabled = false
"#;

/// Makes a desk with two drafts whose receiver counts.
pub fn desk() -> Desk {
    let desk = Desk::unmade();
    let post = desk.script("post", "cat >\"$(mktemp \"$HOME/posted/XXXXXXXX\")\"");
    fs::create_dir(desk.home().join("posted")).unwrap();
    desk.write_wiring(&WIRING.replace("POST", &post)).drafts(&["init"]).succeeds();
    desk.with_mail("where is my invoice?").with_mail("Why is the sky blue?").tick();
    desk
}

/// Runs a script of [`WORDS`] in the desk; it must end well.
pub fn gesture(desk: &Desk, script: &str) -> Said {
    desk.shell(&format!("{WORDS}{script}"))
}

/// Returns every delivery of this desk: subject, and how its text begins.
pub fn delivered(desk: &Desk) -> Vec<String> {
    let posted = fs::read_dir(desk.home().join("posted")).unwrap();
    let mut all: Vec<String> = posted
        .map(|file| Sent::read(&file.unwrap().path()))
        .map(|mail| format!("{}: {}", mail.subject, mail.text.lines().next().unwrap_or_default()))
        .collect();
    all.sort();
    all
}

/// Plays cases on every core, and returns their rows in order.
pub fn play(cases: &[&Case]) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    let cores = 2 * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = play_one(case);
                    rows.lock().unwrap().push(row);
                }
            });
        }
    });
    let place = |row: &Row| cases.iter().position(|case| case.name == row.name);
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(place);
    rows
}

fn play_one(case: &Case) -> Row {
    let desk = desk();
    fs::write(desk.path("scratch.txt"), "mine\n").unwrap();
    let ids = [desk.id("invoice"), desk.id("sky")];
    let mut wrong = Vec::new();
    let count = usize::from(case.when != When::Never);

    let said = gesture(&desk, case.gesture);
    wrong.extend(failed("the gesture", &said));
    wrong.extend(misdelivered(&desk, case, "after the hooks", usize::from(case.when == When::AtOnce)));
    let mut told = ours(&desk.seen());
    let before = Work::of(&desk);
    // The state decides: a sender that nobody rang for comes to the same, and stays there.
    let said = gesture(&desk, &format!("{}\ngit drafts send", case.around));
    wrong.extend(failed("send", &said));
    for line in desk.plain(&desk.seen()).lines().filter(|line| !line.starts_with("To ")) {
        if !told.iter().any(|known| known == line) {
            told.push(line.to_owned());
        }
    }
    wrong.extend(misdelivered(&desk, case, "after a send", count));
    wrong.extend(failed("run", &gesture(&desk, &format!("{}\ngit drafts run", case.around))));
    wrong.extend(misdelivered(&desk, case, "after a run", count));
    wrong.extend(before.differs(&Work::of(&desk)));
    wrong.extend(damage(&desk));
    wrong.extend(lost(&desk, &ids, count));
    Row { name: case.name, wrong, told: row(case, &told) }
}

fn failed(who: &str, said: &Said) -> Option<String> {
    (said.code != 0).then(|| format!("{who} failed: {said:?}"))
}

/// Says what was delivered, if that is not the answer about the invoice, this many times, and nothing else.
fn misdelivered(desk: &Desk, case: &Case, when: &str, count: usize) -> Option<String> {
    let answer = format!("Re: where is my invoice?: {}", case.text);
    let found = delivered(desk);
    let is_right = found.len() == count && found.iter().all(|one| one.starts_with(&answer));
    (!is_right).then(|| format!("{count} expected {when}, delivered: {found:?}; {}", desk.seen()))
}

/// Writes the row of a case: what was told is left out where it is only that the answer is sent.
fn row(case: &Case, told: &[String]) -> String {
    let told: Vec<String> = told
        .iter()
        .map(|line| line.trim_start_matches("2> ").trim().to_owned())
        .map(|line| line.replace("* [sent]      rnjk -> Ada Brown  Re: where is my invoice?", "sent"))
        .collect();
    let when = match case.when {
        When::AtOnce => "at once",
        When::NextRun => "next run",
        When::Never => "never",
    };
    match &told[..] {
        [] => format!("{}: {when}", case.name),
        [only] if only == "sent" => format!("{}: {when}", case.name),
        several => format!("{}: {when}\n    {}", case.name, several.join("\n    ")),
    }
}

/// Returns the lines of a gesture that are ours: what became of drafts, and the hints below.
fn ours(seen: &str) -> Vec<String> {
    let is_event = |line: &str| {
        let line = line.trim_start_matches("2> ");
        ["* [", "! [", "- [", ". [", "? ["].iter().any(|mark| line.trim_start().starts_with(mark))
            && line.starts_with(' ')
            || line.contains(" is still a draft")
            || line.starts_with("error: drafts/")
            || line.contains("git-drafts:")
    };
    let mut lines: Vec<String> = Vec::new();
    let mut follows = false;
    for line in seen.lines() {
        let is_hint = line.trim_start_matches("2> ").starts_with("hint: ");
        follows = is_event(line) || follows && is_hint;
        if follows && !lines.iter().any(|known| known == line) {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// The operator's own work, as it is at a moment.
struct Work {
    /// Lines of `git status --porcelain`.
    status: BTreeSet<String>,
    /// What must not change at all: where `HEAD` is, the stash, the index beside the drafts, files.
    rest: String,
}

impl Work {
    fn of(desk: &Desk) -> Self {
        let status = desk.git_says(&["status", "--porcelain", "-uall"]);
        let look = "git symbolic-ref -q HEAD || git rev-parse HEAD; git stash list; \
                    git ls-files -v -s -- . ':!drafts'; git config --list --local; \
                    cat scratch.txt; git diff -- . ':!drafts'";
        Self { status: status.lines().map(str::to_owned).collect(), rest: desk.shell(look).succeeds().out }
    }

    /// Says what of it changed, but for drafts that left the desk as they should.
    fn differs(&self, after: &Self) -> Option<String> {
        let new: Vec<&String> = after.status.difference(&self.status).collect();
        if !new.is_empty() {
            return Some(format!("the index or the worktree changed: {new:?}"));
        }
        (self.rest != after.rest)
            .then(|| format!("the operator's work changed:\n{}\nto\n{}", self.rest, after.rest))
    }
}

const EMPTY_TREE: &str = "missing tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Says what git finds broken, and what locks were left.
pub fn damage(desk: &Desk) -> Option<String> {
    let fsck = desk.shell("git fsck --strict --no-dangling --no-progress 2>&1");
    // `git rebase --root` leaves a commit of its own with the empty tree, which git never writes.
    let said: Vec<&str> = fsck.out.lines().filter(|line| !line.ends_with(EMPTY_TREE)).collect();
    if !said.is_empty() {
        return Some(format!("fsck: {said:?}"));
    }
    let locks = desk
        .shell("find \"$(git rev-parse --git-common-dir)\" -path '*/drafts' -prune -o -name '*.lock' -print");
    (!locks.out.is_empty()).then(|| format!("locks: {}", locks.out))
}

/// Says which draft is neither delivered, nor on `main`, nor rejected; or was begun twice.
fn lost(desk: &Desk, ids: &[String; 2], count: usize) -> Vec<String> {
    let [invoice, _] = ids;
    let mut wrong = Vec::new();
    let texts = desk
        .shell("git grep -h '^id = ' refs/heads/main -- drafts; git ls-tree -r --name-only refs/heads/main")
        .out;
    for id in ids {
        let story = desk.story(id);
        let begun = story.split(' ').filter(|word| *word == "sending").count();
        let is_sent = story.ends_with(" sent");
        let expected = if id == invoice { count } else { 0 };
        if begun != expected || is_sent != (expected == 1) {
            wrong.push(format!("the ledger says of {id}: {story}"));
        }
        if expected == 0 && !story.ends_with("rejected") && !texts.contains(id.as_str()) {
            wrong.push(format!("{id} is lost: {story}"));
        }
    }
    wrong
}
