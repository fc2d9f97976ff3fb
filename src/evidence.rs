//! What each run did, for whoever decides how far to trust the next one: a line of JSON for each, in the
//! folder that remembers.
//!
//! Counts, names of the wiring, ids of commits and notes, and faults in our own words: never a text of a
//! message, and nothing that anything is decided by. Whoever can write in that folder can forge it, and
//! who starts the program can say that a timer did; it tells an operator what happened, and proves nothing
//! against him.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::text;

/// The version of a line.
pub const VERSION: u32 = 1;

/// The file in the state folder.
const FILE: &str = "runs.jsonl";

/// The most lines that are kept: a month of runs every quarter of an hour, and what people do besides.
pub const RECORDS_MAX: usize = 4000;

/// The most bytes that are kept.
pub const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The most bytes of one line; a longer one loses its lists.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// The most faults of one run that are kept, and the most characters of each.
const FAULTS_MAX: usize = 20;
const FAULT_CHARS_MAX: usize = 240;

/// How long a timer may have taken to start us.
const TRIGGERED_SECONDS_MAX: i64 = 30;

/// What started a run, as far as the process can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A timer of systemd.
    Timer,
    /// A line of a crontab.
    Cron,
    /// A service of systemd that no timer started, as far as is known.
    Service,
    /// A hook of git.
    Hook,
    /// A person, or a program of theirs.
    Hand,
}

impl Trigger {
    /// Tells whether nobody had to do anything for it.
    pub fn is_scheduled(self) -> bool {
        match self {
            Trigger::Timer | Trigger::Cron => true,
            Trigger::Service | Trigger::Hook | Trigger::Hand => false,
        }
    }

    /// Returns the word in JSON and on terminals.
    pub fn word(self) -> &'static str {
        match self {
            Trigger::Timer => "timer",
            Trigger::Cron => "cron",
            Trigger::Service => "service",
            Trigger::Hook => "hook",
            Trigger::Hand => "hand",
        }
    }
}

/// What a unit or a crontab says of itself on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `--trigger timer`.
    Timer,
    /// `--trigger cron`.
    Cron,
}

/// What a process sees of who started it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `INVOCATION_ID`, which systemd gives to all processes of a service.
    pub invocation: Option<String>,
    /// `SYSTEMD_EXEC_PID`: the process that systemd itself started.
    pub exec_pid: Option<u32>,
    /// `TRIGGER_UNIT`: what started the service, from systemd 252 on.
    pub trigger_unit: Option<String>,
    /// How long ago that was, by `TRIGGER_TIMER_REALTIME_USEC`.
    pub triggered_seconds_ago: Option<i64>,
    /// This process.
    pub pid: u32,
    /// Whether stdin or stderr is a terminal.
    pub has_terminal: bool,
}

/// Says what started this process.
///
/// A claim alone is not believed: a line that somebody copied out of a unit into a terminal is a person's.
pub fn trigger(claim: Option<Claim>, seen: &Surroundings) -> Trigger {
    let by_systemd = seen.invocation.is_some() && seen.exec_pid == Some(seen.pid);
    // A service that is started by hand afterwards is still told of the timer that started it last.
    let is_now = seen.triggered_seconds_ago.is_some_and(|seconds| seconds.abs() <= TRIGGERED_SECONDS_MAX);
    let by_timer = is_now && seen.trigger_unit.as_ref().is_some_and(|unit| unit.ends_with(".timer"));
    match claim {
        Some(Claim::Timer) if by_systemd && by_timer => Trigger::Timer,
        Some(Claim::Cron) if !seen.has_terminal && !by_systemd => Trigger::Cron,
        Some(_) | None if by_systemd => Trigger::Service,
        Some(_) | None => Trigger::Hand,
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It did all that there was to do.
    #[default]
    Clean,
    /// It went through, and something was away or went wrong.
    Faults,
    /// It did not go through, or not to its end.
    Failed,
    /// It did nothing, because of `git drafts pause`.
    Paused,
    /// It did nothing, because another one was at work.
    Busy,
}

/// One source in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRun {
    /// Its name in the wiring.
    pub name: String,
    /// How many messages it gave, known ones included.
    pub messages: usize,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// What a tick or a sender did: its part of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// How it ended.
    pub ending: Ending,
    /// The sources that were read, in the order of the wiring.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceRun>,
    /// How many plans each brain made; one that stood in for another is named so: `rules, for local`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub brains: BTreeMap<String, usize>,
    /// How many messages came to what.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub messages: BTreeMap<String, usize>,
    /// What became of how many approved drafts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sends: BTreeMap<String, usize>,
    /// The ids of new drafts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drafted: Vec<String>,
    /// The hub and the key of each progress note that was taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hub_notes: Vec<String>,
    /// What went wrong, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl Part {
    /// Notes something that went wrong.
    pub fn fault(&mut self, what: &str) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(text::one_line(what, FAULT_CHARS_MAX));
        }
        if self.ending == Ending::Clean {
            self.ending = Ending::Faults;
        }
    }

    /// Counts something under a name.
    pub fn count(counts: &mut BTreeMap<String, usize>, name: &str) {
        *counts.entry(text::one_line(name, 80)).or_default() += 1;
    }

    /// Adds what the next child of the same run did.
    pub fn join(&mut self, other: Part) {
        let graver = |ending: Ending| match ending {
            Ending::Clean => 0,
            Ending::Busy => 1,
            Ending::Paused => 2,
            Ending::Faults => 3,
            Ending::Failed => 4,
        };
        if graver(other.ending) > graver(self.ending) {
            self.ending = other.ending;
        }
        self.sources.extend(other.sources);
        self.drafted.extend(other.drafted);
        self.hub_notes.extend(other.hub_notes);
        for (ours, theirs) in [
            (&mut self.brains, other.brains),
            (&mut self.messages, other.messages),
            (&mut self.sends, other.sends),
        ] {
            for (name, count) in theirs {
                *ours.entry(name).or_default() += count;
            }
        }
        self.faults.extend(other.faults);
        self.faults.truncate(FAULTS_MAX);
    }

    /// Tells whether it has nothing to tell: a hook that rang for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Leaves it for the parent that asked for it.
    pub fn leave(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_vec(self)?)
    }

    /// Takes what a child left; none where it left nothing, or nothing whole.
    pub fn take(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        // Whether it goes away decides nothing: the next one of this name is written over it.
        let _ = fs::remove_file(path);
        serde_json::from_slice(&bytes).ok()
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the line.
    pub version: u32,
    /// When it began.
    pub at: Timestamp,
    /// What was run: `run`, `tick`, `send`, `schedule install --force`.
    pub command: String,
    /// What started it.
    pub trigger: Trigger,
    /// `INVOCATION_ID`, by which `journalctl` finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// The program's version.
    pub program: String,
    /// How long it took.
    pub milliseconds: u64,
    /// Its exit code.
    pub exit: u8,
    /// The tip of `main` when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<String>,
    /// The tip of `ledger` when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// What it did.
    pub did: Part,
}

impl Record {
    /// Tells whether a timer or cron started it, and it had anything to do.
    pub fn is_scheduled(&self) -> bool {
        self.command == "run"
            && self.trigger.is_scheduled()
            && !matches!(self.did.ending, Ending::Paused | Ending::Busy)
    }

    fn line(&self) -> Vec<u8> {
        let json = |record: &Self| serde_json::to_vec(record).expect("names and numbers are JSON");
        let mut line = json(self);
        if line.len() > LINE_BYTES_MAX {
            let mut shorter = self.clone();
            shorter.did.drafted.truncate(50);
            shorter.did.sources.truncate(20);
            shorter.did.faults.truncate(5);
            shorter.did.hub_notes.truncate(5);
            line = json(&shorter);
        }
        line.push(b'\n');
        line
    }
}

/// Returns how many of the newest scheduled runs were clean, up to the last one that was not.
pub fn streak(oldest_first: &[Record]) -> usize {
    let scheduled = oldest_first.iter().rev().filter(|record| record.is_scheduled());
    scheduled.take_while(|record| record.did.ending == Ending::Clean).count()
}

/// Adds a record to those in a folder of state; the oldest make room for it.
///
/// # Errors
/// It could not be written; the older ones are as they were.
pub fn note(state: &Path, record: &Record) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    let path = state.join(FILE);
    // A lock of its own: the file itself is replaced when it has grown too long.
    let lock = File::options().create(true).append(true).mode(0o600).open(state.join("runs.lock"))?;
    lock.lock()?;
    let mut file = File::options().create(true).append(true).read(true).mode(0o600).open(&path)?;
    let bytes = file.metadata()?.len();
    // Half a line that a full disk or a power cut left must not take this one along.
    let torn = bytes > 0 && !ends_whole(&path)?;
    let line = record.line();
    let written = if torn { file.write_all(&[b"\n", &line[..]].concat()) } else { file.write_all(&line) };
    if let Err(error) = written {
        // Where the disk is full, what was whole stays so.
        let _ = file.set_len(bytes);
        return Err(error);
    }
    if bytes + line.len() as u64 > BYTES_MAX {
        shorten(&path)?;
    }
    Ok(())
}

fn ends_whole(path: &Path) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Keeps the newest lines: at most three quarters of each bound.
fn shorten(path: &Path) -> io::Result<()> {
    let mut kept: VecDeque<Vec<u8>> = VecDeque::new();
    let mut bytes = 0;
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        bytes += line.len() as u64;
        kept.push_back(line);
        while kept.len() > RECORDS_MAX * 3 / 4 || bytes > BYTES_MAX / 4 * 3 {
            bytes -= kept.pop_front().map_or(0, |line| line.len() as u64);
        }
    }
    durable::replace(path, &kept.into_iter().flatten().collect::<Vec<u8>>())
}

/// Returns the records in a folder of state, oldest first, and how many lines could not be read.
///
/// # Errors
/// The file is there, and cannot be read.
pub fn records(state: &Path) -> io::Result<(Vec<Record>, usize)> {
    let file = match File::open(state.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let mut records: VecDeque<Record> = VecDeque::new();
    let mut unreadable = 0;
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        match serde_json::from_slice::<Record>(&line) {
            Ok(record) if record.version == VERSION => records.push_back(record),
            Ok(_) | Err(_) if line.is_empty() => {}
            Ok(_) | Err(_) => unreadable += 1,
        }
        if records.len() > RECORDS_MAX {
            records.pop_front();
        }
    }
    Ok((records.into(), unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(trigger: Trigger, ending: Ending) -> Record {
        Record {
            version: VERSION,
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
            command: "run".to_owned(),
            trigger,
            invocation: None,
            program: "0.1.0".to_owned(),
            milliseconds: 31,
            exit: 0,
            desk: None,
            ledger: None,
            did: Part { ending, ..Part::default() },
        }
    }

    #[test]
    fn a_claim_counts_only_with_what_systemd_or_cron_leave() {
        let check =
            |claim, invocation: Option<&str>, exec_pid, unit: Option<&str>, has_terminal, expected| {
                let seen = Surroundings {
                    invocation: invocation.map(str::to_owned),
                    exec_pid,
                    trigger_unit: unit.map(str::to_owned),
                    triggered_seconds_ago: unit.map(|_| 2),
                    pid: 7,
                    has_terminal,
                };
                assert_eq!(trigger(claim, &seen), expected, "{claim:?} {seen:?}");
            };
        let timer = Some("git-drafts-3f9c.timer");
        check(Some(Claim::Timer), Some("id"), Some(7), timer, false, Trigger::Timer);
        let stale = Surroundings {
            invocation: Some("id".to_owned()),
            exec_pid: Some(7),
            trigger_unit: timer.map(str::to_owned),
            triggered_seconds_ago: Some(31),
            pid: 7,
            has_terminal: false,
        };
        assert_eq!(trigger(Some(Claim::Timer), &stale), Trigger::Service);
        // `systemctl start` by hand; a systemd that does not tell; a path unit.
        check(Some(Claim::Timer), Some("id"), Some(7), None, false, Trigger::Service);
        check(Some(Claim::Timer), Some("id"), Some(7), Some("inbox.path"), false, Trigger::Service);
        // A shell in a unit, and a terminal that a user manager started, hand on their variables.
        check(Some(Claim::Timer), Some("id"), Some(6), timer, false, Trigger::Hand);
        check(Some(Claim::Timer), Some("id"), None, timer, true, Trigger::Hand);
        check(Some(Claim::Timer), None, None, None, true, Trigger::Hand);
        check(None, Some("id"), Some(7), timer, false, Trigger::Service);
        check(Some(Claim::Cron), None, None, None, false, Trigger::Cron);
        check(Some(Claim::Cron), None, None, None, true, Trigger::Hand);
        // cron itself is a service of systemd's.
        check(Some(Claim::Cron), Some("id"), Some(1), None, false, Trigger::Cron);
        check(None, None, None, None, false, Trigger::Hand);
    }

    #[test]
    fn a_streak_is_of_scheduled_runs_that_had_something_to_do() {
        let check = |runs: &[(Trigger, Ending)], expected| {
            let runs: Vec<Record> = runs.iter().map(|(trigger, ending)| record(*trigger, *ending)).collect();
            assert_eq!(streak(&runs), expected);
        };
        check(&[], 0);
        check(&[(Trigger::Timer, Ending::Clean), (Trigger::Cron, Ending::Clean)], 2);
        check(&[(Trigger::Hand, Ending::Clean), (Trigger::Service, Ending::Clean)], 0);
        check(&[(Trigger::Timer, Ending::Faults), (Trigger::Timer, Ending::Clean)], 1);
        check(&[(Trigger::Timer, Ending::Clean), (Trigger::Timer, Ending::Failed)], 0);
        // What a person does breaks nothing, and neither does a run that did nothing.
        check(&[(Trigger::Timer, Ending::Clean), (Trigger::Hand, Ending::Failed)], 1);
        check(&[(Trigger::Timer, Ending::Clean), (Trigger::Timer, Ending::Paused)], 1);
        check(&[(Trigger::Timer, Ending::Clean), (Trigger::Timer, Ending::Busy)], 1);
    }

    #[test]
    fn the_newest_records_are_kept_within_the_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = record(Trigger::Timer, Ending::Clean);
        record.did.drafted = vec!["kqzmwvst".to_owned(); 400];
        let line = record.line().len() as u64;
        // What is nearly full is not written line by line here.
        let lines = usize::try_from(BYTES_MAX / line).unwrap();
        fs::write(folder.path().join(FILE), record.line().repeat(lines)).unwrap();
        for milliseconds in 0..5 {
            note(folder.path(), &Record { milliseconds, ..record.clone() }).unwrap();
        }
        let bytes = fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(bytes <= BYTES_MAX, "{bytes}");
        let (kept, unreadable) = records(folder.path()).unwrap();
        assert_eq!(unreadable, 0);
        assert!(kept.len() >= lines / 2, "{}", kept.len());
        let last: Vec<u64> = kept[kept.len() - 5..].iter().map(|record| record.milliseconds).collect();
        assert_eq!(last, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn half_a_line_takes_no_other_one_along() {
        let folder = tempfile::tempdir().unwrap();
        note(folder.path(), &record(Trigger::Timer, Ending::Clean)).unwrap();
        let mut file = File::options().append(true).open(folder.path().join(FILE)).unwrap();
        file.write_all(b"{\"version\":1,\"at\":\"20").unwrap();
        note(folder.path(), &record(Trigger::Cron, Ending::Clean)).unwrap();
        let (kept, unreadable) = records(folder.path()).unwrap();
        assert_eq!((kept.len(), unreadable), (2, 1));
    }

    #[test]
    fn a_line_of_the_first_version_is_still_read() {
        let folder = tempfile::tempdir().unwrap();
        let line = r#"{"version":1,"at":"2026-11-20T12:00:00Z","command":"run","trigger":"timer","invocation":"0a","program":"0.1.0","milliseconds":31,"exit":0,"desk":"4c1d","ledger":"77a2","did":{"ending":"faults","sources":[{"name":"hub","messages":0,"fault":"away"}],"brains":{"rules, for local":1},"messages":{"drafted":1},"sends":{"sent":2},"drafted":["kqzmwvst"],"hub_notes":["hub tick.1"],"faults":["x"]}}"#;
        fs::write(folder.path().join(FILE), format!("{line}\n{{\"version\":2}}\n")).unwrap();
        let (kept, unreadable) = records(folder.path()).unwrap();
        assert_eq!((kept.len(), unreadable), (1, 1));
        assert_eq!(kept[0].did.sources[0].fault.as_deref(), Some("away"));
        assert_eq!(String::from_utf8(kept[0].line()).unwrap().trim_end(), line);
    }

    #[test]
    fn parts_of_a_run_add_up() {
        let mut run = Part { ending: Ending::Faults, ..Part::default() };
        Part::count(&mut run.sends, "sent");
        let mut other = Part::default();
        Part::count(&mut other.sends, "sent");
        other.fault("a\nb");
        assert_eq!(other.ending, Ending::Faults);
        run.join(other);
        assert_eq!((run.sends["sent"], run.faults.join("|")), (2, "a b".to_owned()));
        run.join(Part { ending: Ending::Busy, ..Part::default() });
        assert_eq!(run.ending, Ending::Faults);
    }
}
