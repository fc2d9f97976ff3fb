//! A week of runs every quarter of an hour, by a clock of its own, with everything that goes wrong in one.
//!
//! `UNATTENDED_RUNS=672` plays all of it, which takes minutes; without, one run an hour, with the same
//! faults.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::desk::Desk;
use crate::support::hub::{Message, StateHub};

/// What one run said and did.
struct Run {
    at: Timestamp,
    code: i32,
    out: String,
    err: String,
}

/// The state of the world in a part of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    Well,
    HubDown,
    BrainDown,
    DiskFull,
    Paused,
    Asleep,
}

fn world(hour: i64) -> World {
    match hour {
        20..26 => World::HubDown,
        40..43 => World::BrainDown,
        60 => World::DiskFull,
        80..90 => World::Asleep,
        100..128 => World::Paused,
        140..143 => World::HubDown,
        _ => World::Well,
    }
}

/// A file system of its own that can be filled; none where nobody may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("week-").tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "none"]).arg(folder.path()).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }

    fn fill(&self) {
        let filled = Command::new("dd")
            .args(["if=/dev/zero", "bs=64k"])
            .arg(format!("of={}", self.0.path().join("ballast").display()))
            .output();
        assert!(filled.is_ok());
    }

    fn empty(&self) {
        let _ = fs::remove_file(self.0.path().join("ballast"));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn in_a_week_with_every_fault_no_draft_is_lost_and_each_change_is_told_once() {
    let runs: usize = std::env::var("UNATTENDED_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(168);
    let hub = StateHub::start();
    let disk = SmallDisk::new();
    if disk.is_none() {
        println!("skipped in part: nobody may mount a disk to fill");
    }
    let place = disk.as_ref().map_or_else(std::env::temp_dir, |disk| disk.0.path().to_owned());
    let desk = Desk::unmade_in(&place);
    let notified = desk.script("notified", "printf '%s\\n' \"$(date +%s) $(cat)\" >>\"$HOME/notices\"");
    desk.script(
        "brain",
        "cat >/dev/null; [ ! -e \"$HOME/brain-down\" ] || exit 1\n\
         echo '{\"action\": \"reply\", \"body\": \"Yes, we do.\", \"confidence\": 0.9, \"why\": \"asked\"}'",
    );
    let home = desk.home().display().to_string();
    let wiring = format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\n\
         dedupes = true\nbrain = \"m\"\n[brain.m]\nkind = \"exec\"\ncommand = [\"{home}/brain\"]\n\
         environment = [\"HOME\", \"PATH\"]\ngive_up_after = \"24h\"\nretries = 0\n\
         [limits]\nmessages_since = \"all\"\n[notify]\ncommand = [\"{notified}\"]\n",
        hub.url()
    );
    let path = desk.home().join(".config/git-drafts/config.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, wiring.replace("path = \"drafts\"", &format!("path = \"{home}/drafts\""))).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    desk.at("2026-11-16T00:00:00Z").drafts(&["init"]).succeeds();

    let begin: Timestamp = "2026-11-16T00:00:00Z".parse().unwrap();
    let minutes = 7 * 24 * 60 / i64::try_from(runs).unwrap();
    let mut told: Vec<Run> = Vec::new();
    let mut asked = 0;
    let mut before = World::Well;
    let began = Instant::now();
    for number in 0..runs {
        let minute = i64::try_from(number).unwrap() * minutes;
        // The clock jumps back by an hour for a while, as after a battery has run out.
        let jump = if (8 * 60..9 * 60).contains(&(minute % (24 * 60))) && minute / 60 > 48 { -60 } else { 0 };
        let now = begin + SignedDuration::from_mins(minute + jump);
        let world = world(minute / 60);
        if world != before {
            change(&desk, &hub, disk.as_ref(), before, world, now);
            before = world;
        }
        // Somebody asks something every few hours, whatever happens here; a hub that is down takes nothing.
        if number % 5 == 0 && world != World::HubDown {
            asked += 1;
            ask(&hub, asked);
        }
        if world == World::Asleep {
            continue;
        }
        desk.at(&now.to_string());
        let said = desk.drafts(&["run", "--trigger", "cron"]);
        told.push(Run { at: now, code: said.code, out: said.out, err: said.err });
    }
    if before != World::Well {
        change(&desk, &hub, disk.as_ref(), before, World::Well, begin);
    }
    let seconds = began.elapsed().as_secs_f64();
    // The last word: whatever waits is taken in now.
    desk.at("2026-11-24T00:00:00Z").drafts(&["run", "--trigger", "cron"]).succeeds();
    desk.drafts(&["run", "--trigger", "cron"]).succeeds();

    let list: Value = serde_json::from_str(&desk.drafts(&["list", "--json"]).succeeds().out).unwrap();
    let drafts = list["drafts"].as_array().unwrap().len();
    let count = |words: &str| told.iter().filter(|run| run.err.contains(words)).count();
    let times = |words: &str| {
        told.iter().filter(|run| run.err.contains(words)).map(|run| run.at.to_string()).collect::<Vec<_>>()
    };
    let hub_away = count("source `hub` is skipped");
    let hub_back = count("source `hub` is back");
    let brain_away = told.iter().filter(|run| run.out.contains("(brain `m` is away")).count();
    let paused = count("paused since");
    let red: Vec<&Run> = told.iter().filter(|run| run.code != 0).collect();
    // Only what a person has to mend: the disk.
    let red_without_a_fault =
        red.iter().filter(|run| world((run.at.duration_since(begin)).as_hours()) != World::DiskFull).count();
    println!(
        "{} runs in {seconds:.0} s; {asked} messages, {drafts} drafts; hub away told {hub_away}, back {hub_back}; \
         brain away told {brain_away}; pause told {paused}; {} runs failed, {red_without_a_fault} of them without a \
         fault",
        told.len(),
        red.len()
    );
    assert_eq!(drafts, asked, "a draft for each message");
    // Two times down, told once each; a run with nothing new says nothing.
    assert_eq!((hub_away, hub_back), (2, 2), "{:?}", times("source `hub`"));
    assert_eq!(brain_away, 1);
    // A pause of 28 hours is spoken of once a day, and not at once.
    assert_eq!(paused, 1, "{:?}", times("paused since"));
    let told_codes: BTreeMap<i32, usize> = told.iter().fold(BTreeMap::new(), |mut codes, run| {
        *codes.entry(run.code).or_default() += 1;
        codes
    });
    assert_eq!(red_without_a_fault, 0, "{told_codes:?}\n{}", red.first().map_or("", |run| &run.err));
    assert!(disk.is_none() || !red.is_empty(), "a full disk is a fault");
    // One notification for each tick that brought something, and none besides, but for the pause.
    let notices = fs::read_to_string(desk.home().join("notices")).unwrap_or_default();
    let new = notices.lines().filter(|line| line.contains("new draft")).count();
    let brought =
        told.iter().filter(|run| run.out.contains("[new draft]") || run.out.contains("[needs you]")).count();
    assert!(new == brought || new == brought + 1, "{new} notices of {brought} ticks that brought something");
    let evidence: Value = serde_json::from_str(&desk.drafts(&["evidence"]).succeeds().out).unwrap();
    let kept = evidence["runs"]["count"].as_u64().unwrap();
    // What ran on a full disk may have left no record; all others did.
    assert!(kept + u64::try_from(red.len()).unwrap() >= u64::try_from(told.len()).unwrap(), "{kept}");
    assert!(evidence["runs"]["streak"].as_u64().unwrap() > 2);
}

/// Makes the world so, after it was otherwise.
fn change(
    desk: &Desk,
    hub: &StateHub,
    disk: Option<&SmallDisk>,
    before: World,
    after: World,
    now: Timestamp,
) {
    desk.at(&now.to_string());
    match before {
        World::HubDown => hub.up(),
        World::BrainDown => fs::remove_file(desk.home().join("brain-down")).unwrap(),
        World::DiskFull => disk.into_iter().for_each(SmallDisk::empty),
        World::Paused => drop(desk.drafts(&["resume"]).succeeds()),
        World::Asleep | World::Well => {}
    }
    match after {
        World::HubDown => hub.down(),
        World::BrainDown => fs::write(desk.home().join("brain-down"), "").unwrap(),
        World::DiskFull => disk.into_iter().for_each(SmallDisk::fill),
        World::Paused => drop(desk.drafts(&["pause", "--why", "holidays"]).succeeds()),
        World::Asleep | World::Well => {}
    }
}

fn ask(hub: &StateHub, number: usize) {
    hub.receive(Message {
        from: format!("planner-{number}"),
        subject: format!("question {number}"),
        body: format!("Do you build branch {number}?\n"),
        thread: format!("thread-{number}"),
        to: "coder".to_owned(),
        ..Message::default()
    });
}
