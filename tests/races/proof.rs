//! What all proofs share: how long they are, chance, hands that work beside each other, and what the
//! ledger says.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::desk::{Desk, PROGRAM, Said};

/// Chooses between the short form and the long form of a proof.
pub fn sized(short: usize, long: usize) -> usize {
    let is_long = std::env::var("GIT_DRAFTS_PROOF").is_ok_and(|form| form == "long");
    if is_long { long } else { short }
}

/// Waits for something that must happen soon.
#[track_caller]
pub fn wait_until(what: &str, done: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "it did not happen: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs something and returns how long it took.
pub fn timed(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

/// Chance that is the same in each run; what differs from run to run is the order of processes.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    /// Returns a moment between the begin and a bit after the end of something that takes this long.
    pub fn moment(&mut self, length: Duration) -> Duration {
        length * u32::try_from(self.roll(1200)).unwrap() / 1000
    }
}

/// Hands that work in a desk's repository, from any thread, with the environment of the desk.
#[derive(Clone)]
pub struct Hands {
    pub place: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Hands {
    /// Takes the environment as the desk has it now.
    pub fn of(desk: &Desk) -> Self {
        let command = desk.command("git");
        let environment = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        Self { place: command.get_current_dir().unwrap().to_owned(), environment }
    }

    /// The same hands in another clone, on a machine that remembers nothing.
    pub fn elsewhere(&self, place: &Path, state: &Path) -> Self {
        let mut other = self.clone();
        other.place = place.to_owned();
        other.environment.push(("XDG_STATE_HOME".into(), state.into()));
        other
    }

    /// Prepares a command.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.place).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    /// Starts the program beside whatever else runs; what it says is not shown.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(PROGRAM);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs git.
    pub fn git(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command("git").args(arguments).output().unwrap())
    }
}

/// Waits until no program works on the desk, nor any that a hook has left behind.
pub fn wait_for_programs(desk: &Desk) {
    let place = desk.home().display().to_string();
    let is_here = |process: &Path| {
        let names_it = fs::read(process.join("cmdline"))
            .is_ok_and(|command| String::from_utf8_lossy(&command).contains(&place));
        names_it || fs::read_link(process.join("cwd")).is_ok_and(|folder| folder.starts_with(desk.home()))
    };
    let is_anybody_here = || {
        let mut processes = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
        processes.any(|process| is_here(&process))
    };
    // A parent may end while the list is read, and its child have a lower number.
    wait_until("all programs end", || (0..3).all(|_| !is_anybody_here()));
}

/// The stories of all drafts that the ledger knows, each as words in order: `drafted claimed sending sent`.
pub fn stories(desk: &Desk) -> BTreeMap<String, Vec<String>> {
    stories_at(desk, "ledger")
}

/// The same as of some commit of the ledger.
pub fn stories_at(desk: &Desk, ledger: &str) -> BTreeMap<String, Vec<String>> {
    let mut entries: Vec<(String, usize, String)> = desk
        .git_says(&["ls-tree", "-r", "--name-only", ledger])
        .lines()
        .filter_map(|path| {
            let (folder, name) = path.strip_suffix(".toml")?.rsplit_once('/')?;
            let (number, word) = name.split_once('-')?;
            Some((folder.rsplit_once('/')?.1.to_owned(), number.parse().ok()?, word.to_owned()))
        })
        .collect();
    entries.sort();
    let mut stories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, _, word) in entries {
        stories.entry(id).or_default().push(word);
    }
    stories
}

/// Whatever git or we have locked and left: none may be there while nobody works.
pub fn locks(desk: &Desk) -> Vec<String> {
    let found = desk.shell("find .git -name '*.lock' ! -path '.git/drafts/*.lock'; ls .git/drafts/landing .git/drafts/index.aside* 2>/dev/null || :");
    found.out.lines().map(ToOwned::to_owned).collect()
}

/// Checks the repository as git does.
pub fn fsck(desk: &Desk) {
    let said = desk.try_git(&["fsck", "--no-dangling", "--no-progress"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
}
