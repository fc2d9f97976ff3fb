//! Random sequences of what persons, mails, crashes and timers do to a desk, against a reference in memory.
//!
//! The program, git and the desk are the real ones. After each step the desk, the outbox and the reference must
//! agree; at the end everything approved has been sent once, and git finds nothing wrong.
//!
//! `PROPTEST_CASES=200 cargo test --test random -- --nocapture` runs more of them and shows what they did. A
//! failing sequence is made short, and its seed kept in `proptest-regressions/`, which is tried first next time.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;
use proptest::test_runner::FileFailurePersistence;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use support::desk::Desk;

/// The most mails of one sequence.
const MAILS_MAX: usize = 4;

/// Where a crash is tried; a point that is not reached makes it an ordinary run.
const POINTS: [&str; 16] = [
    "objects.written",
    "objects.flushed",
    "intent.written",
    "intent.removed",
    "index.prepared",
    "index.locked",
    "index.moved",
    "branch.moved",
    "file.aside",
    "file.placed",
    "file.cleared",
    "tip.remembered",
    "outbox.prepared",
    "outbox.delivered",
    "heal.noted",
    "heal.mended",
];

/// What a file of a draft says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct File {
    approved: bool,
    /// How often a person has changed its text.
    edits: usize,
}

/// The drafts that have a file, by the number of their mail.
type Files = BTreeMap<usize, File>;

/// `main` at one moment.
#[derive(Clone, Debug, Default)]
struct Main {
    files: Files,
    /// What a person's commit has taken away.
    removed: BTreeSet<usize>,
    /// What a revert of the tip brings back; none where the tip is the machine's.
    before: Option<Files>,
}

#[derive(Clone, Debug, Default)]
struct Reference {
    mails: usize,
    /// How many of them a tick has seen.
    drafted: usize,
    main: Main,
    /// The worktree.
    files: Files,
    /// What was sent, and which text of it.
    sent: BTreeMap<usize, usize>,
    /// What the ledger calls rejected, and nothing else since.
    rejected: BTreeSet<usize>,
    /// `main` after each step.
    points: Vec<Main>,
    /// The mail whose draft the last step was about, where it was about one.
    chosen: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Mail,
    Tick,
    Send,
    Run,
    CrashTick(&'static str, u32),
    CrashSend(&'static str, u32),
    Edit(Index),
    ApproveByHand(Index),
    ApproveByCommand(Index),
    Unapprove(Index),
    Commit,
    CommitQuietly,
    Amend,
    Revert,
    Reset(usize),
    Reject(Index),
}

impl Reference {
    /// Returns the draft that an index means, among those that a step may touch.
    fn chosen(&self, index: Index, fits: fn(&Self, usize, File) -> bool) -> Option<usize> {
        let all: Vec<usize> = self
            .files
            .iter()
            .filter(|(mail, file)| fits(self, **mail, **file))
            .map(|(mail, _)| *mail)
            .collect();
        (!all.is_empty()).then(|| *index.get(&all))
    }

    fn any(&self, fits: fn(&Self, usize, File) -> bool) -> bool {
        self.files.iter().any(|(mail, file)| fits(self, *mail, *file))
    }

    /// What is about to be taken off the desk is left alone, so that the reference need not guess.
    fn may_edit(&self, mail: usize, _: File) -> bool {
        !self.main.files.get(&mail).is_some_and(|file| file.approved)
    }

    fn may_approve(&self, mail: usize, file: File) -> bool {
        !file.approved && self.may_edit(mail, file)
    }

    fn may_approve_at_once(&self, mail: usize, file: File) -> bool {
        self.may_approve(mail, file) && self.may_reject(mail, file)
    }

    fn may_unapprove(&self, mail: usize, file: File) -> bool {
        file.approved && self.may_reject(mail, file)
    }

    fn may_reject(&self, mail: usize, file: File) -> bool {
        self.main.files.get(&mail) == Some(&file)
    }

    fn is_clean(&self) -> bool {
        self.files == self.main.files
    }

    fn by_person(&mut self, files: Files) {
        let before = std::mem::replace(&mut self.main.files, files);
        let gone: Vec<usize> =
            before.keys().filter(|mail| !self.main.files.contains_key(mail)).copied().collect();
        self.main.removed.extend(gone);
        self.main.removed.retain(|mail| !self.main.files.contains_key(mail));
        self.main.before = Some(before);
    }

    fn by_machine(&mut self, mail: usize, file: Option<File>) {
        for files in [&mut self.main.files, &mut self.files] {
            match file {
                Some(file) => files.insert(mail, file),
                None => files.remove(&mail),
            };
        }
        self.main.before = None;
    }

    /// Notes what a person removed, and lands the rest again.
    fn settle(&mut self) {
        for mail in 1..=self.drafted {
            let done = self.sent.contains_key(&mail) || self.rejected.contains(&mail);
            if done || self.main.files.contains_key(&mail) {
                continue;
            }
            if self.main.removed.contains(&mail) {
                self.rejected.insert(mail);
            } else {
                self.by_machine(mail, Some(File::default()));
            }
        }
    }

    fn tick(&mut self) {
        self.settle();
        for mail in self.drafted + 1..=self.mails {
            self.by_machine(mail, Some(File::default()));
        }
        self.drafted = self.mails;
    }

    fn send(&mut self) {
        self.settle();
        let approved: Vec<(usize, File)> = self
            .main
            .files
            .iter()
            .filter(|(_, file)| file.approved)
            .map(|(mail, file)| (*mail, *file))
            .collect();
        for (mail, file) in approved {
            let sent = *self.sent.entry(mail).or_insert(file.edits);
            // Another text than the one that went stays, and is told.
            if sent == file.edits {
                self.by_machine(mail, None);
            }
        }
    }
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self { points: vec![Main::default()], ..Self::default() }).boxed()
    }

    /// What is likely is what leads to sends; steps that could not be taken are not proposed.
    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let index = any::<Index>;
        let crash = || (select(&POINTS[..]), prop_oneof![3 => Just(1u32), 1 => 2..4u32]);
        let is_waiting = state.main.files.values().any(|file| file.approved);
        let news = state.mails > state.drafted;
        let steps = [
            (if state.files.is_empty() { 9 } else { 2 }, Just(Step::Mail).boxed()),
            (if news { 6 } else { 1 }, Just(Step::Tick).boxed()),
            (if is_waiting { 3 } else { 1 }, Just(Step::Send).boxed()),
            (1, Just(Step::Run).boxed()),
            (
                if news { 6 } else { 0 },
                crash().prop_map(|(point, time)| Step::CrashTick(point, time)).boxed(),
            ),
            (
                if is_waiting { 12 } else { 0 },
                crash().prop_map(|(point, time)| Step::CrashSend(point, time)).boxed(),
            ),
            (3, index().prop_map(Step::Edit).boxed()),
            (6, index().prop_map(Step::ApproveByHand).boxed()),
            (3, index().prop_map(Step::ApproveByCommand).boxed()),
            (3, index().prop_map(Step::Unapprove).boxed()),
            (4, Just(Step::Commit).boxed()),
            (8, Just(Step::CommitQuietly).boxed()),
            (4, Just(Step::Amend).boxed()),
            (4, Just(Step::Revert).boxed()),
            (2, (1..4usize).prop_map(Step::Reset).boxed()),
            (2, index().prop_map(Step::Reject).boxed()),
        ];
        let is_tip = state.main.before.is_some() && state.is_clean();
        let fits = [
            state.mails < MAILS_MAX,
            true,
            true,
            true,
            true,
            true,
            state.any(|state, mail, file| state.may_edit(mail, file)),
            state.any(|state, mail, file| state.may_approve(mail, file)),
            state.any(|state, mail, file| state.may_approve_at_once(mail, file)),
            state.is_clean() && state.any(|state, mail, file| state.may_unapprove(mail, file)),
            !state.is_clean(),
            !state.is_clean(),
            is_tip,
            is_tip,
            state.points.len() > 1,
            state.is_clean() && !state.files.is_empty(),
        ];
        let likely = steps.into_iter().zip(fits).filter(|((weight, _), fits)| *fits && *weight > 0);
        Union::new_weighted(likely.map(|(step, _)| step).collect()).boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match step {
            Step::Mail => state.mails < MAILS_MAX,
            Step::Tick | Step::Send | Step::Run | Step::CrashTick(..) | Step::CrashSend(..) => true,
            Step::Edit(index) => state.chosen(*index, Self::may_edit).is_some(),
            Step::ApproveByHand(index) => state.chosen(*index, Self::may_approve).is_some(),
            Step::ApproveByCommand(index) => state.chosen(*index, Self::may_approve_at_once).is_some(),
            Step::Unapprove(index) => state.chosen(*index, Self::may_unapprove).is_some() && state.is_clean(),
            Step::Commit | Step::CommitQuietly => !state.is_clean(),
            Step::Amend | Step::Revert => state.main.before.is_some() && state.is_clean(),
            Step::Reset(back) => *back < state.points.len(),
            Step::Reject(index) => state.chosen(*index, Self::may_reject).is_some() && state.is_clean(),
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        match step {
            Step::Mail => state.mails += 1,
            Step::Tick => state.tick(),
            Step::Send => state.send(),
            // After a crash comes an ordinary run: tick, then send.
            Step::Run | Step::CrashTick(..) | Step::CrashSend(..) => {
                state.tick();
                state.send();
            }
            Step::Edit(index) => {
                let mail = state.chosen(*index, Self::may_edit).expect("the precondition holds");
                state.chosen = mail;
                state.files.entry(mail).or_default().edits += 1;
            }
            Step::ApproveByHand(index) => {
                let mail = state.chosen(*index, Self::may_approve).expect("the precondition holds");
                state.chosen = mail;
                state.files.entry(mail).or_default().approved = true;
            }
            Step::ApproveByCommand(index) => {
                let mail = state.chosen(*index, Self::may_approve_at_once).expect("the precondition holds");
                state.chosen = mail;
                let mut files = state.main.files.clone();
                files.entry(mail).or_default().approved = true;
                state.files.entry(mail).or_default().approved = true;
                state.by_person(files);
                state.send();
            }
            Step::Unapprove(index) => {
                let mail = state.chosen(*index, Self::may_unapprove).expect("the precondition holds");
                state.chosen = mail;
                state.files.entry(mail).or_default().approved = false;
                state.by_person(state.files.clone());
            }
            Step::Commit => {
                state.by_person(state.files.clone());
                state.send();
            }
            Step::CommitQuietly => state.by_person(state.files.clone()),
            Step::Amend => state.send(),
            Step::Revert => {
                let before = state.main.before.clone().expect("the precondition holds");
                state.files.clone_from(&before);
                state.by_person(before);
                state.send();
            }
            Step::Reset(back) => {
                state.main = state.points[state.points.len() - 1 - back].clone();
                state.files.clone_from(&state.main.files);
            }
            Step::Reject(index) => {
                let mail = state.chosen(*index, Self::may_reject).expect("the precondition holds");
                state.chosen = mail;
                state.files.remove(&mail);
                state.by_person(state.files.clone());
                state.send();
            }
        }
        state.points.push(state.main.clone());
        state
    }
}

/// What the sequences did and what came of it, for those who read the output.
static COUNTS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn count(what: impl Into<String>, times: usize) {
    *COUNTS.lock().unwrap().entry(what.into()).or_default() += times;
}

/// A desk, and where its `main` was after each step.
struct Real {
    desk: Desk,
    points: Vec<String>,
}

impl Real {
    fn file(&self, mail: usize) -> String {
        self.desk.draft(&format!("question-{mail}"))
    }

    fn edit(&self, mail: usize, from: &str, to: &str) {
        self.desk.edit(&format!("question-{mail}"), from, to);
    }

    /// Lets a command die at a point, and then runs as a timer does.
    fn crash(&self, command: &str, point: &str, time: u32) {
        self.desk.with("GIT_DRAFTS_FAILPOINT", format!("kill:{point}#{time}"));
        let said = self.desk.command(support::desk::PROGRAM).arg(command).output().unwrap();
        self.desk.with("GIT_DRAFTS_FAILPOINT", "");
        match said.status.code() {
            Some(0) => count("a crash that was not reached", 1),
            None => count(format!("killed at {point}"), 1),
            Some(code) => panic!("{command} ended with {code}: {said:?}"),
        }
        self.desk.drafts(&["run"]).succeeds();
    }
}

/// Finds the mail that an answer is for, and which text of it went.
fn which(subject: &str, text: &str) -> (usize, usize) {
    let mail = subject.rsplit(' ').next().unwrap().parse().unwrap();
    (mail, text.matches("One more word.").count())
}

struct Sequences;

impl StateMachineTest for Sequences {
    type SystemUnderTest = Real;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Real {
        let desk = Desk::new();
        let begin = desk.git_says(&["rev-parse", "main"]);
        Real { desk, points: vec![begin] }
    }

    fn apply(mut real: Real, after: &Reference, step: Step) -> Real {
        let name = format!("{step:?}");
        count(format!("step {}", name.split('(').next().unwrap_or_default()), 1);
        let desk = &real.desk;
        match step {
            Step::Mail => {
                desk.with_mail(&format!("where is my invoice, question {}", after.mails));
            }
            Step::Tick => {
                desk.tick();
            }
            Step::Send => {
                desk.send();
            }
            Step::Run => {
                desk.drafts(&["run"]).succeeds();
            }
            Step::CrashTick(point, time) => real.crash("tick", point, time),
            Step::CrashSend(point, time) => real.crash("send", point, time),
            Step::Edit(_) => {
                let line = "\n\n------------------------ >8";
                real.edit(after.chosen, line, &format!("\n\nOne more word.{line}"));
            }
            Step::ApproveByHand(_) => real.edit(after.chosen, "status = \"draft\"", "status = \"approved\""),
            Step::ApproveByCommand(_) => {
                let id = real.file(after.chosen)["drafts/".len()..][..8].to_owned();
                desk.drafts(&["approve", &id, "--commit"]).succeeds();
            }
            Step::Unapprove(_) => {
                real.edit(after.chosen, "status = \"approved\"", "status = \"draft\"");
                desk.commit_quietly("not yet");
            }
            Step::Commit => {
                desk.commit("a commit");
            }
            Step::CommitQuietly => {
                desk.commit_quietly("a quiet commit");
            }
            Step::Amend => {
                desk.git(&["commit", "--amend", "-m", "other words"]);
            }
            Step::Revert => {
                desk.git(&["revert", "--no-edit", "HEAD"]);
            }
            Step::Reset(back) => {
                let point = &real.points[real.points.len() - 1 - back];
                desk.git(&["reset", "-q", "--hard", point]);
            }
            Step::Reject(_) => {
                let path = real.file(after.chosen);
                desk.git(&["rm", "-q", &path]).git(&["commit", "-m", "no answer"]);
            }
        }
        let tip = real.desk.git_says(&["rev-parse", "main"]);
        real.points.push(tip);
        real
    }

    fn check_invariants(real: &Real, reference: &Reference) {
        let desk = &real.desk;
        let sent: Vec<(usize, usize)> =
            desk.sent().iter().map(|sent| which(&sent.subject, &sent.text)).collect();
        let expected: Vec<(usize, usize)> =
            reference.sent.iter().map(|(mail, text)| (*mail, *text)).collect();
        let mut sorted = sent.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "what was sent");
        let mut found = Files::new();
        for file in desk.git_says(&["ls-tree", "-r", "--name-only", "main", "drafts"]).lines() {
            let text = desk.git_says(&["show", &format!("main:{file}")]);
            let mail = file.rsplit("question-").next().and_then(|end| end.strip_suffix(".md"));
            let approved = text.contains("\nstatus = \"approved\"");
            let edits = text.matches("One more word.").count();
            found.insert(mail.unwrap().parse().unwrap(), File { approved, edits });
        }
        assert_eq!(found, reference.main.files, "what stands on main");
        let dirty = desk.git_says(&["status", "--porcelain"]);
        assert_eq!(dirty.is_empty(), reference.is_clean(), "{dirty}");
    }

    fn teardown(real: Real, mut reference: Reference) {
        reference.tick();
        reference.send();
        real.desk.drafts(&["run"]).succeeds();
        Self::check_invariants(&real, &reference);
        assert_eq!(real.desk.git_says(&["fsck", "--no-dangling"]), "");
        count("sequences", 1);
        count("outcome: sent", reference.sent.len());
        count("outcome: rejected", reference.rejected.len());
        count("outcome: waits for a person", reference.main.files.len());
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(8),
        max_shrink_iters: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("proptest-regressions/random.txt"))),
        ..ProptestConfig::default()
    })]

    fn sequences(sequential 10..30 => Sequences);
}

#[test]
fn whatever_happens_each_approval_is_sent_once_and_nothing_else() {
    sequences();
    for (what, times) in COUNTS.lock().unwrap().iter() {
        println!("proof: random: {times:6}  {what}");
    }
    assert!(COUNTS.lock().unwrap().get("outcome: sent").is_some_and(|sent| *sent > 0), "nothing was sent");
}
