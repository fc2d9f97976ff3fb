//! Measures what the program costs beside its floor, as ratios in one run.
//!
//! `cargo bench` prints medians in milliseconds and ratios; `cargo bench -- landing` (or `brain`, `hook`,
//! `send`, `side`, `status`, `tick`, `waiting`) runs one part. Milliseconds differ between machines; ratios should not.

mod brain;
#[allow(dead_code)]
#[path = "../tests/support/hub.rs"]
mod hub;
#[allow(dead_code)]
#[path = "../tests/support/model.rs"]
mod model;
mod side;
mod waiting;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use git_drafts::commands::settle::{Bundle, note_and_land};
use git_drafts::draft::{Draft, Machine, Status};
use git_drafts::entry::{Drafted, Entry, Fact};
use git_drafts::git::landing::Change;
use git_drafts::git::objects::{Batch, blob_id};
use git_drafts::git::{LEDGER, Repository};
use git_drafts::id::{DraftId, LENGTH};
use git_drafts::ledger::{Ledger, Note};
use git_drafts::message::Address;
use git_drafts::plan::{Action, Confidence, Tier};
use jiff::Timestamp;

const POLICY: &[u8] = b"version = 1\n";

/// The program, installed: copied, that is. What a linker wrote lies in the kernel's memory page by page, and
/// takes a millisecond longer to start.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = BEDS.path().join("git-drafts");
    fs::copy(env!("CARGO_BIN_EXE_git-drafts"), &program).expect("the program is installed");
    program
});

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|word| part.contains(word.as_str()));
    if runs("landing") {
        landing();
    }
    if runs("tick") {
        tick();
    }
    if runs("brain") {
        brain::brain();
    }
    if runs("send") {
        send();
    }
    if runs("side") {
        side::side();
    }
    if runs("hook") {
        hook();
    }
    if runs("status") {
        status();
    }
    if runs("waiting") {
        waiting::waiting();
    }
    fs::remove_dir_all(BEDS.path()).expect("the beds go");
}

/// Landing N drafts durably, ledger included, over `git fast-import` and `git add && git commit`.
fn landing() {
    println!("landing N drafts of 2 KB durably (ms, median)");
    println!(
        "{:>6} {:>10} {:>12} {:>12} {:>14} {:>16}",
        "N", "ours", "fast-import", "add+commit", "/ fast-import", "/ add+commit"
    );
    for (count, rounds) in [(1, 31), (100, 15), (1000, 7)] {
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..rounds {
            let files = drafts(count, round);
            times[0].push(land_ours(&files));
            times[1].push(land_fast_import(&files));
            times[2].push(land_add_commit(&files));
        }
        let [ours, import, commit] = times.map(median);
        println!(
            "{count:>6} {ours:>10.1} {import:>12.1} {commit:>12.1} {:>14.2} {:>16.2}",
            ours / import,
            ours / commit
        );
    }
}

fn land_ours(files: &[Draft]) -> Duration {
    let bed = Bed::new();
    let repository = Repository::open(&bed.desk()).expect("the desk opens");
    let ledger = Ledger::open(&repository, &bed.folder.join("state")).expect("the ledger opens");
    let tip = repository.tip(git_drafts::git::MAIN).expect("main reads").expect("main is there");
    let now = now();
    let (notes, changes) = to_land(files, tip);
    let began = Instant::now();
    let bundle = Bundle {
        notes: &notes,
        cleared: &[],
        policy: Some(POLICY),
        subject: "drafted",
        changes: &changes,
        message: "draft: bench\n",
        hold: None,
    };
    note_and_land(&repository, &ledger, &bundle, now).expect("it lands").expect("there is something");
    began.elapsed()
}

fn land_fast_import(files: &[Draft]) -> Duration {
    let bed = Bed::new();
    let mut stream = b"commit refs/heads/main\ncommitter x <x@example.com> 1795000000 +0000\ndata 5\ndraft\nfrom refs/heads/main^0\n".to_vec();
    for draft in files {
        let file = draft.render();
        stream.extend(
            format!("M 100644 inline drafts/{}\ndata {}\n{file}\n", draft.file_name(), file.len()).bytes(),
        );
    }
    let input = bed.folder.join("stream");
    fs::write(&input, stream).expect("the stream is written");
    let mut command = bed.git(&["fast-import", "--quiet"]);
    command.stdin(fs::File::open(&input).expect("the stream opens"));
    timed(&mut command)
}

fn land_add_commit(files: &[Draft]) -> Duration {
    let bed = Bed::new();
    for draft in files {
        fs::write(bed.desk().join("drafts").join(draft.file_name()), draft.render())
            .expect("the file is written");
    }
    let add = timed(&mut bed.git(&["-c", "core.fsync=all", "add", "drafts"]));
    add + timed(&mut bed.git(&[
        "-c",
        "core.fsync=all",
        "-c",
        "core.hooksPath=/dev/null",
        "commit",
        "-q",
        "-m",
        "draft",
    ]))
}

/// A whole tick with N new messages in a Maildir, as a process, over `git add && git commit` of what it
/// landed.
fn tick() {
    println!("\na whole tick with N new messages (ms, median; one process)");
    println!("{:>6} {:>10} {:>12} {:>14}", "N", "tick", "add+commit", "/ add+commit");
    for (count, rounds) in [(1, 15), (100, 9), (1000, 3)] {
        let (mut ticks, mut commits) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let bed = Bed::new();
            for number in 0..count {
                let mail = format!(
                    "From: Ada {number} <ada{number}@example.org>\r\nTo: sam@example.com\r\nSubject: Question {number}\r\n\
                     Message-ID: <{round}.{number}@example.org>\r\nDate: Fri, 20 Nov 2026 11:30:04 +0100\r\n\r\n{}\r\n",
                    "Where is it, and when does it come? ".repeat(40)
                );
                fs::write(bed.folder.join("inbox/new").join(format!("{number}.x")), mail)
                    .expect("mail is written");
            }
            ticks.push(timed(&mut bed.program(&["tick", "--all", "--max", "100000"])));
            commits.push(land_add_commit(&drafts(count, round)));
        }
        let (tick, commit) = (median(ticks), median(commits));
        println!("{count:>6} {tick:>10.1} {commit:>12.1} {:>14.2}", tick / commit);
    }
}

/// A whole `send` of N approvals in one commit, into a Maildir, over what the disk alone takes for the
/// three ledger transitions that stand between an approval and its `sent`: done as git does them, and with
/// the fewest flushes.
fn send() {
    println!("\nsending N approvals of one commit into a Maildir, durably (ms, median; one process)");
    println!(
        "{:>6} {:>10} {:>12} {:>14} {:>10} {:>10} {:>10}",
        "N", "send", "bare fsyncs", "/ bare fsyncs", "fewest", "/ fewest", "/ first"
    );
    let mut first = None;
    for (count, rounds) in [(1, 31), (100, 9)] {
        let (mut sends, mut floors, mut fewest) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let bed = Bed::new();
            approve_waiting(&bed, count, round);
            floors.push(bare_fsyncs(&bed, &["reference", "tip"]));
            fewest.push(bare_fsyncs(&bed, &[]));
            sends.push(timed(&mut bed.sender()));
            let sent = fs::read_dir(bed.folder.join("outbox/new")).expect("an outbox").count();
            assert_eq!(sent, count);
        }
        let (send, floor, fewest) = (median(sends), median(floors), median(fewest));
        let first = *first.get_or_insert(send);
        println!(
            "{count:>6} {send:>10.1} {floor:>12.1} {:>14.2} {fewest:>10.1} {:>10.2} {:>10.2}",
            send / floor,
            send / fewest,
            send / first
        );
    }
}

/// Puts drafts on the desk and approves them all in one commit, which no hook sees.
fn approve_waiting(bed: &Bed, count: usize, round: usize) {
    let commit = |message: &str| {
        let none = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsync=all"];
        timed(bed.git(&none).args(["commit", "-q", "-a", "-m", message]));
    };
    let policy = bed.desk().join("drafts.toml");
    let text = fs::read_to_string(&policy).expect("a policy");
    let text = text.lines().map(|line| match line.starts_with("sends_per_hour_max") {
        true => "sends_per_hour_max = 100000\n".to_owned(),
        false => format!("{line}\n"),
    });
    fs::write(&policy, text.collect::<String>()).expect("no limit");
    commit("no limit");
    // A policy that is new to it is remembered, once.
    timed(&mut bed.program(&["send"]));
    land_waiting(bed, count, round);
    for file in fs::read_dir(bed.desk().join("drafts")).expect("a desk") {
        let path = file.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a draft");
        fs::write(&path, text.replacen("status = \"draft\"", "status = \"approved\"", 1)).expect("approved");
    }
    commit("yes");
}

/// Does three times what makes one ledger commit durable, and nothing else: eight small files and a flush,
/// and each of `one_by_one` by lock, fsync, rename and fsync of its folder, as git does a reference.
///
/// With none of them the reference is written before the flush, and takes a rename and an fsync of its
/// folder: the fewest that there can be, and what we do.
fn bare_fsyncs(bed: &Bed, one_by_one: &[&str]) -> Duration {
    let folder = bed.folder.join("bare");
    fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, durably: bool| {
        let mut file = fs::File::create(folder.join(name)).expect("a file");
        file.write_all(&[b'x'; 200]).expect("it is written");
        if durably {
            file.sync_all().expect("it is durable");
        }
    };
    let began = Instant::now();
    for transition in 0..3 {
        for object in 0..8 {
            write(&format!("object-{transition}-{object}"), false);
        }
        if one_by_one.is_empty() {
            write("next", false);
        }
        rustix::fs::syncfs(fs::File::open(&folder).expect("a folder")).expect("it is flushed");
        let put = |from: &str, to: &str| {
            fs::rename(folder.join(from), folder.join(to)).expect("it is moved");
            fs::File::open(&folder).and_then(|folder| folder.sync_all()).expect("it is durable");
        };
        for name in one_by_one {
            write("lock", true);
            put("lock", name);
        }
        if one_by_one.is_empty() {
            put("next", "reference");
        }
    }
    began.elapsed()
}

/// `git commit` with our hooks and nothing of ours to do, over one without hooks.
fn hook() {
    println!("\ngit commit with nothing of ours to do (ms, median)");
    let bed = Bed::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..61 {
        for hooks in [true, false] {
            fs::write(bed.desk().join("notes.md"), format!("{round} {hooks}\n"))
                .expect("the file is written");
            let none = ["-c", "core.hooksPath=/dev/null"];
            let add = timed(&mut bed.git(&["add", "notes.md"]));
            assert!(add > Duration::ZERO);
            let mut arguments: Vec<&str> = if hooks { Vec::new() } else { none.to_vec() };
            arguments.extend(["commit", "-q", "-m", "a note"]);
            let time = timed(&mut bed.git(&arguments));
            if hooks { with.push(time) } else { without.push(time) }
        }
    }
    let (with, without) = (median(with), median(without));
    println!("with {with:.1}, without {without:.1}, ratio {:.2}", with / without);
}

/// `status` with ten drafts that wait, and ever more that are finished.
fn status() {
    println!("\nstatus with 10 waiting drafts and N finished ones (ms, median)");
    println!("{:>8} {:>10} {:>12}", "N", "status", "/ first");
    let mut first = None;
    for count in [100, 10_000, 100_000] {
        let bed = Bed::new();
        finish(&bed, count);
        // As git's own housekeeping leaves it; otherwise the packs of this bench would be counted.
        timed(&mut bed.git(&["gc", "-q"]));
        land_waiting(&bed, 10, 0);
        let times = (0..31).map(|_| timed(&mut bed.program(&["status"]))).collect();
        let time = median(times);
        println!("{count:>8} {time:>10.1} {:>12.2}", time / *first.get_or_insert(time));
    }
}

/// Adds finished drafts to the ledger, a thousand a commit.
fn finish(bed: &Bed, count: usize) {
    let repository = Repository::open(&bed.desk()).expect("the desk opens");
    let ledger = Ledger::open(&repository, &bed.folder.join("state")).expect("the ledger opens");
    let mut batch = Batch::new(&repository);
    let policy = batch.blob(b"version = 1\n");
    let _written = batch.write().expect("the policy is written");
    for start in (0..count).step_by(1000) {
        let mut notes = Vec::new();
        for number in start..(start + 1000).min(count) {
            let id = DraftId::derive(&format!("finished {number}"), LENGTH + 4);
            let entry = |fact| Entry { at: now(), host: "atlas".to_owned(), generation: 1, fact };
            let origin = Drafted { policy, ..origin("drafts/x.md", policy, policy) };
            notes.push(Note::new(&id, &[], entry(Fact::Drafted(Box::new(origin)))));
            let sent = Note::new(&id, &[], entry(Fact::Sent { receipt: "250 2.0.0 queued".to_owned() }));
            notes.push(Note { after: 1, ..sent });
        }
        ledger.append(&notes, "sent: 1000 drafts", now()).expect("it is noted");
    }
    assert!(repository.tip(LEDGER).expect("the ledger reads").is_some());
}

fn land_waiting(bed: &Bed, count: usize, round: usize) {
    let repository = Repository::open(&bed.desk()).expect("the desk opens");
    let ledger = Ledger::open(&repository, &bed.folder.join("state")).expect("the ledger opens");
    let tip = repository.tip(git_drafts::git::MAIN).expect("main reads").expect("main is there");
    let (notes, changes) = to_land(&drafts(count, round), tip);
    let bundle = Bundle {
        notes: &notes,
        cleared: &[],
        policy: Some(POLICY),
        subject: "drafted",
        changes: &changes,
        message: "draft: bench\n",
        hold: None,
    };
    note_and_land(&repository, &ledger, &bundle, now()).expect("it lands");
}

/// Where every bed lies until the end: ext4 slows down every new file for seconds after many were
/// deleted, and would measure the deletion of the last round's bed with this round's.
static BEDS: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// A desk with its Maildirs in a folder of its own, and a HOME of its own.
struct Bed {
    folder: PathBuf,
}

impl Bed {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let folder = BEDS.path().join(COUNT.fetch_add(1, Ordering::Relaxed).to_string());
        let bed = Self { folder };
        let path = bed.folder.as_path();
        for part in ["inbox/new", "inbox/cur", "inbox/tmp", "outbox/new", "outbox/cur", "outbox/tmp"] {
            fs::create_dir_all(path.join(part)).expect("a Maildir");
        }
        let wiring = path.join("config.toml");
        fs::write(
            &wiring,
            "version = 1\n[desk]\npath = \"desk\"\nstate = \"state\"\n[source.mail]\nkind = \"maildir\"\npath = \"inbox\"\n\
             address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\npath = \"outbox\"\n\
             [limits]\nsends_per_hour_max = 100000\n[notify]\nenabled = false\n",
        )
        .expect("the wiring");
        fs::set_permissions(&wiring, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
        fs::write(
            path.join(".gitconfig"),
            "[user]\nname = Sam Hill\nemail = sam@example.com\n[gc]\nauto = 0\n",
        )
        .expect("a .gitconfig");
        let made = bed.program(&["init", "desk"]).output().expect("init runs");
        assert!(made.status.success(), "{made:?}");
        bed
    }

    fn desk(&self) -> PathBuf {
        self.folder.join("desk")
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&*PROGRAM);
        command
            .arg("-C")
            .arg(&self.folder)
            .arg("--config")
            .arg(self.folder.join("config.toml"))
            .args(arguments);
        self.hermetic(command)
    }

    /// Sends where an operator and the hooks do: in the desk, with the wiring that `init` noted there.
    fn sender(&self) -> Command {
        let mut command = Command::new(&*PROGRAM);
        command.arg("send").current_dir(self.desk());
        self.hermetic(command)
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.desk()).args(arguments);
        self.hermetic(command)
    }

    fn hermetic(&self, mut command: Command) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", &self.folder).env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }
}

fn timed(command: &mut Command) -> Duration {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status().expect("it runs");
    let time = began.elapsed();
    assert!(status.success(), "{command:?}");
    time
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn now() -> Timestamp {
    Timestamp::from_second(1_795_000_000).expect("a time")
}

fn drafts(count: usize, round: usize) -> Vec<Draft> {
    (0..count)
        .map(|number| Draft {
            status: Status::Draft,
            to: vec![Address::new("Ada Brown", "ada@example.org")],
            cc: Vec::new(),
            subject: format!("Re: Question {number}"),
            send_after: None,
            attach: Vec::new(),
            tasks: Vec::new(),
            machine: Machine {
                id: DraftId::derive(&format!("{round} {number}"), LENGTH + 2),
                action: Action::Reply,
                source: "mail".to_owned(),
                answers: format!("<{round}.{number}@example.org>"),
                tier: Tier::Medium,
                confidence: Confidence::NONE,
                why: "no route knows this".to_owned(),
                findings: Vec::new(),
            },
            body: format!("Hello {number},\n\n{}", "it comes when it comes. ".repeat(20)),
            context: format!(
                "Everything below this line is context and is never sent.\n\n{}",
                "> where is it, and when?\n".repeat(40)
            ),
        })
        .collect()
}

/// Makes of drafts what the ledger notes and what the desk gets.
fn to_land(files: &[Draft], tip: git_drafts::id::ObjectId) -> (Vec<Note>, Vec<Change>) {
    let (mut notes, mut changes) = (Vec::new(), Vec::new());
    for draft in files {
        let file = draft.render().into_bytes();
        let path = format!("drafts/{}", draft.file_name());
        let mut note = Note::new(draft.id(), &[], drafted(draft, &path, blob_id(&file), tip, now()));
        note.files.push(("md", file.clone()));
        notes.push(note);
        changes.push(Change { path, blob: blob_id(&file), bytes: Some(file) });
    }
    (notes, changes)
}

fn drafted(
    draft: &Draft,
    path: &str,
    blob: git_drafts::id::ObjectId,
    tip: git_drafts::id::ObjectId,
    at: Timestamp,
) -> Entry {
    let origin = Drafted {
        message: draft.machine.answers.clone(),
        desk: tip,
        ..origin(path, blob, blob_id(b"version = 1\n"))
    };
    Entry { at, host: "atlas".to_owned(), generation: 1, fact: Fact::Drafted(Box::new(origin)) }
}

fn origin(path: &str, blob: git_drafts::id::ObjectId, policy: git_drafts::id::ObjectId) -> Drafted {
    Drafted {
        message: "<1@example.org>".to_owned(),
        digest: "0".repeat(64),
        fetched: None,
        source: "mail".to_owned(),
        thread: "<1@example.org>".to_owned(),
        date: Some(now()),
        references: Vec::new(),
        to: vec![Address::new("Ada Brown", "ada@example.org")],
        cc: Vec::new(),
        action: Action::Reply,
        tier: Tier::Medium,
        path: path.to_owned(),
        blob,
        policy,
        desk: blob,
        brain: "rules".to_owned(),
        confidence: None,
        prompt: None,
        reply: None,
        guidance: None,
    }
}
