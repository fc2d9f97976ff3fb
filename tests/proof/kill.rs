//! Dies by SIGKILL at each system call. Each is killed on its way in, so every state that a call leaves is
//! met by the next one.

use std::collections::{BTreeSet, hash_map::DefaultHasher};
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use crate::scene::{Receiver, Scene, quick_place, was_killed};
use crate::strace::{self, Call};
use crate::support::desk::{Desk, PROGRAM};
use crate::{long, sample};

/// What was counted.
#[derive(Default)]
struct Tally {
    kills: usize,
    states: usize,
    unsure: usize,
    unsure_arrived: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// In the long form says at once how one command fared.
    fn show(&self, command: &str) {
        if long() {
            let Self { kills, states, wrong, .. } = self;
            eprintln!("kill: {command}: {kills} kills, {states} states, {} wrong", wrong.len());
            wrong.iter().for_each(|what| eprintln!("kill: {what}"));
        }
    }

    fn add(&mut self, other: Tally) {
        self.kills += other.kills;
        self.states += other.states;
        self.unsure += other.unsure;
        self.unsure_arrived += other.unsure_arrived;
        self.wrong.extend(other.wrong);
    }
}

/// The calls to die at: those that leave a trace, and in the long form every open too.
fn points(calls: Vec<Call>, short: usize) -> Vec<Call> {
    let opens = |call: &Call| long() && call.name.starts_with("open");
    // strace starts the program by the first `execve`, and cannot break that one.
    let starts = |call: &Call| call.name == "execve" && call.number == 1;
    let fits = |call: &Call| (call.leaves_trace() || opens(call)) && !starts(call);
    let points: Vec<Call> = calls.into_iter().filter(fits).collect();
    sample(&points, short)
}

/// Kills a command at its calls. What a death leaves is brought to its end by the next runs once for each
/// state, and not again where an earlier death has left the same.
fn check(scene: &Scene, seen: &mut BTreeSet<u64>, arguments: &[&str], follow: bool, short: usize) -> Tally {
    let mut tally = Tally::default();
    let desk = scene.bed.restore();
    for call in points(strace::calls(desk, arguments, follow), short) {
        scene.bed.restore();
        let output = strace::inject(desk, arguments, follow, &call, "signal=KILL");
        scene.settle();
        // Its children may have been killed and not itself.
        tally.kills += usize::from(follow || was_killed(&output));
        if !seen.insert(state(&desk.home())) {
            continue;
        }
        tally.states += 1;
        let wrong = scene.aftermath();
        let place =
            format!("{:?} {arguments:?} at {}#{}: {}", scene.receiver, call.name, call.number, call.line);
        tally.wrong.extend(wrong.into_iter().map(|what| format!("{place}\n  {what}")));
        if !scene.unsure && scene.story().ends_with("unsure") {
            tally.unsure += 1;
            tally.unsure_arrived += usize::from(scene.delivered("approved") > 0);
        }
    }
    tally.show(&format!("{:?} {arguments:?}", scene.receiver));
    tally
}

/// A number for what lies in a home, the same for what no program can tell apart: objects that no branch
/// names yet are counted, the index is taken without the times in it, process numbers are left out.
fn state(home: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut objects = BTreeSet::new();
    hash_folder(home, home, &mut hasher, &mut objects);
    objects.len().hash(&mut hasher);
    hasher.finish()
}

fn hash_folder(home: &Path, folder: &Path, hasher: &mut DefaultHasher, objects: &mut BTreeSet<String>) {
    let mut paths: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.strip_prefix(home).unwrap().display().to_string();
        let name: String = name.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        if path.is_dir() && !path.is_symlink() {
            if !name.ends_with("/objects") {
                name.hash(hasher);
                hash_folder(home, &path, hasher, objects);
            } else {
                objects.extend(files_below(&path));
            }
            continue;
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        (&name, metadata.mode(), metadata.nlink()).hash(hasher);
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes.starts_with(b"DIRC") {
            entries(&bytes).hash(hasher);
        } else if name.contains("/logs/") {
            bytes.len().hash(hasher);
        } else {
            bytes.hash(hasher);
        }
    }
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path.display().to_string()) }
    }
    files
}

/// The entries of an index file, without what `stat` said of each.
fn entries(index: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = vec![index.len().to_be_bytes().to_vec()];
    let mut rest = index.get(12..).unwrap_or_default();
    while let Some(entry) = rest.get(40..) {
        let Some(end) = entry.get(22..).and_then(|name| name.iter().position(|&byte| byte == 0)) else {
            break;
        };
        entries.push(entry[..22 + end].to_vec());
        rest = rest.get((62 + end + 8) / 8 * 8..).unwrap_or_default();
    }
    entries
}

/// The commands that send, land and take over, with both receivers.
fn commands(receiver: Receiver) -> Tally {
    let (mut scene, mut seen, mut tally) = (Scene::new(receiver), BTreeSet::new(), Tally::default());
    tally.add(check(&scene, &mut seen, &["tick"], false, 6));
    tally.add(check(&scene, &mut seen, &["send"], false, 8));
    tally.add(check(&scene, &mut seen, &["run"], true, 3));
    tally.add(check(&scene, &mut seen, &["hook", "post-commit"], true, 3));
    tally.add(check(&scene, &mut seen, &["init", "--take-over"], false, 3));
    tally.add(check(&scene, &mut seen, &["check", "--fix"], false, 2));
    // These leave what they are about in the operator's hands.
    scene.in_hand = "waiting";
    let id = scene.id("waiting").to_owned();
    tally.add(check(&scene, &mut seen, &["approve", &id], false, 3));
    tally.add(check(&scene, &mut seen, &["reject", &id], false, 3));
    tally
}

fn resolve() -> Tally {
    let (scene, mut seen, mut tally) = (Scene::unsure(), BTreeSet::new(), Tally::default());
    let id = scene.id("approved").to_owned();
    for word in ["--sent", "--resend", "--drop"] {
        tally.add(check(&scene, &mut seen, &["resolve", &id, word], false, 2));
    }
    tally
}

/// Kills `init` of a new home, and lets it be run again.
fn init() -> Tally {
    let mut tally = Tally::default();
    let new = || {
        let desk = Desk::unmade_in(&quick_place());
        desk.write_wiring(
            "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
             address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\n\
             path = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        );
        desk
    };
    for call in points(strace::calls(&new(), &["init"], false), 6) {
        let desk = new();
        let output = strace::inject(&desk, &["init"], false, &call, "signal=KILL");
        tally.kills += usize::from(was_killed(&output));
        tally.states += 1;
        let place = format!("init at {}#{}: {}", call.name, call.number, call.line);
        // The folder itself is where a person stands who types it again.
        let again = desk.command(PROGRAM).current_dir(desk.home()).arg("init").output().unwrap();
        if !again.status.success() {
            tally.wrong.push(format!("{place}\n  {}", String::from_utf8_lossy(&again.stderr)));
            continue;
        }
        desk.with_mail("where is my invoice?").tick();
        desk.approve("invoice");
        let committed = desk.try_git(&["commit", "-qam", "yes"]);
        if committed.code != 0 {
            tally.wrong.push(format!("{place}\n  {}", committed.err));
            continue;
        }
        let sent = desk.sent().len();
        let fsck = desk.try_git(&["fsck", "--strict", "--no-dangling"]);
        if sent != 1 || fsck.code != 0 || !fsck.out.is_empty() {
            tally.wrong.push(format!("{place}\n  sent {sent} times; fsck: {}{}", fsck.out, fsck.err));
        }
    }
    tally.show("init");
    tally
}

#[test]
fn a_death_at_any_system_call_is_made_good() {
    if !strace::is_there() {
        println!("skipped: proof: kill: there is no strace, or it may not trace");
        return;
    }
    let mut all = Tally::default();
    thread::scope(|scope| {
        let program = scope.spawn(|| commands(Receiver::Program));
        let mut mine = commands(Receiver::Maildir);
        mine.add(resolve());
        mine.add(init());
        all.add(mine);
        all.add(program.join().unwrap());
    });
    let Tally { kills, states, unsure, unsure_arrived, wrong } = all;
    println!(
        "proof: kill: {kills} kills, {states} different states after them, {} violations, {unsure} unsure of which \
         {unsure_arrived} had gone out",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
