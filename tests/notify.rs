//! The notification on a real desktop: a bus, a screen and a notification server of our own.
//!
//! Needs `dbus-daemon`, `Xvfb`, `dunst` and `dunstctl`; without them the test says so and passes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use git_drafts::notify::{Digest, Place, Way, close, notify, show, tell, text, trouble};
use git_drafts::plan::Tier;

const PROGRAMS: [&str; 5] = ["dbus-daemon", "dbus-send", "Xvfb", "dunst", "dunstctl"];

/// How long each program has to be ready.
const READY_SECONDS_MAX: u64 = 20;

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Shows every bubble until it is closed, and notes what it got.
const DUNST: &str = "[global]\nmarkup = full\n[note]\nappname = git-drafts\nscript = FOLDER/note\n[urgency_normal]\ntimeout = 0\n";

const NOTE: &str =
    "#!/bin/sh\nprintf '%s|%s|%s\\n' \"$DUNST_ID\" \"$DUNST_SUMMARY\" \"$DUNST_BODY\" >>FOLDER/notes\n";

/// A child that ends with the test, whatever becomes of that.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A desktop on which only this test shows anything. Fields are dropped in this order.
struct Desktop {
    _dunst: Program,
    _screen: Program,
    _bus: Program,
    folder: tempfile::TempDir,
    bus: String,
    display: String,
}

impl Desktop {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = |text: &str| text.replace("FOLDER", folder.path().to_str().unwrap());
        fs::write(folder.path().join("bus.conf"), here(BUS)).unwrap();
        fs::write(folder.path().join("dunstrc"), here(DUNST)).unwrap();
        fs::write(folder.path().join("note"), here(NOTE)).unwrap();
        let mut permissions = fs::metadata(folder.path().join("note")).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
        fs::set_permissions(folder.path().join("note"), permissions).unwrap();

        let mut dbus_daemon = Command::new("dbus-daemon");
        dbus_daemon.arg("--config-file").arg(folder.path().join("bus.conf"));
        let (bus_program, bus) = started(dbus_daemon.args(["--nofork", "--print-address=1"]));
        // The screen looks for a free display and tells its number.
        let mut xvfb = Command::new("Xvfb");
        let (screen, display) =
            started(xvfb.args(["-displayfd", "1", "-screen", "0", "640x320x24", "-nolisten", "tcp"]));
        let display = format!(":{display}");
        let mut dunst = Command::new("dunst");
        dunst.arg("-conf").arg(folder.path().join("dunstrc"));
        dunst.env("DISPLAY", &display).env("DBUS_SESSION_BUS_ADDRESS", &bus);
        dunst.env_remove("WAYLAND_DISPLAY").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let dunst = Program(dunst.spawn().unwrap());
        let desktop = Self { _dunst: dunst, _screen: screen, _bus: bus_program, folder, bus, display };
        until(|| desktop.dunstctl(&["is-paused"]).status.success());
        desktop
    }

    fn state_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// Runs one of the tests below as a process that knows only this desktop's bus.
    fn run(&self, test: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", test])
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("GIT_DRAFTS_TEST_STATE", self.state_dir())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn dunstctl(&self, arguments: &[&str]) -> Output {
        Command::new("dunstctl").args(arguments).env("DBUS_SESSION_BUS_ADDRESS", &self.bus).output().unwrap()
    }

    fn bubbles(&self) -> String {
        String::from_utf8(self.dunstctl(&["count", "displayed"]).stdout).unwrap().trim().to_owned()
    }

    /// Keeps a picture of the screen where `NOTIFY_PICTURE` says, for a person to look at.
    fn keep_picture(&self) {
        let Some(path) = std::env::var_os("NOTIFY_PICTURE") else { return };
        let mut import = Command::new("import");
        let import = import.args(["-window", "root"]).arg(path).env("DISPLAY", &self.display);
        assert!(import.status().is_ok_and(|status| status.success()));
    }

    /// Returns what the server noted, once it is so many lines.
    fn notes(&self, lines: usize) -> Vec<String> {
        let read = || -> Vec<String> {
            let notes = fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
            notes.lines().map(str::to_owned).collect()
        };
        until(|| read().len() >= lines);
        read()
    }
}

/// Starts a program that prints one line when it is ready, and returns that line.
fn started(command: &mut Command) -> (Program, String) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let program = Program(child);
    assert!(!line.trim().is_empty(), "{command:?} did not start");
    (program, line.trim().to_owned())
}

fn until(ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(READY_SECONDS_MAX), "not ready in time");
        // The programs tell nobody when they are ready.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn missing() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    PROGRAMS.into_iter().find(|program| !is_there(program))
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn digest(new: usize, waiting: usize) -> Digest {
    Digest {
        waiting_by_tier: vec![(Tier::Medium, waiting)],
        new,
        needs_you: 1,
        oldest_seconds: Some(2 * 3600),
    }
}

#[test]
fn each_tick_replaces_the_bubble_of_the_last_one() {
    if let Some(program) = missing() {
        println!("skipped: there is no `{program}`");
        return;
    }
    let desktop = Desktop::start();
    desktop.run("first_tick");
    let first = desktop.notes(1).remove(0);
    let (number, shown) = first.split_once('|').unwrap();
    assert_eq!(shown, "2 new drafts wait|medium 2 · 1 needs you · oldest 2 hours");
    assert_eq!(desktop.bubbles(), "1");

    desktop.run("second_tick");
    let second = "1 new draft waits|3 in all: medium 3 · 1 needs you · oldest 2 hours";
    assert_eq!(desktop.notes(2)[1], format!("{number}|{second}"));
    assert_eq!(desktop.bubbles(), "1");
    desktop.keep_picture();

    // A reminder takes the same place; and a tick with nothing to tell shows none.
    desktop.run("reminder");
    let third = "3 drafts still wait|medium 3 · oldest 2 hours";
    assert_eq!(desktop.notes(3)[2], format!("{number}|{third}"));
    desktop.run("tick_with_nothing_to_tell");

    // Without the number of the last one there is another bubble.
    fs::remove_dir_all(desktop.state_dir()).unwrap();
    desktop.run("first_tick");
    let notes = desktop.notes(4);
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[3].ends_with(shown) && notes[3] != first, "{notes:?}");
    assert_eq!(desktop.bubbles(), "2");

    // Trouble has a place of its own, and both go away when it is over.
    desktop.run("something_unsure");
    assert!(
        desktop.notes(5)[4]
            .ends_with("1 answer may or may not have gone|\"git drafts status\" tells what to do")
    );
    assert_eq!(desktop.bubbles(), "3");
    desktop.keep_picture();
    desktop.run("all_is_decided");
    // The first bubble is nobody's since its number was forgotten.
    until(|| desktop.bubbles() == "1");
    desktop.run("all_is_decided");
    assert_eq!(desktop.notes(5).len(), 5);
}

#[test]
fn without_a_desktop_a_tick_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "tick_without_a_desktop"])
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/none", folder.path().display()))
        .env("GIT_DRAFTS_TEST_STATE", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_bus_that_never_answers_does_not_keep_a_tick_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let began = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "tick_without_a_desktop"])
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()))
        .env("GIT_DRAFTS_TEST_STATE", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

fn without_click(state_dir: &Path) -> Way<'_> {
    Way { click: None, command: None, state_dir }
}

/// A desk with a mailbox, on a desktop of its own.
struct Desk {
    desktop: Desktop,
    home: std::path::PathBuf,
}

impl Desk {
    /// Lays out a desk whose bubbles start `open`; nothing has come yet.
    fn new(open: &str) -> Self {
        let desktop = Desktop::start();
        let home = desktop.folder.path().join("home");
        fs::create_dir_all(home.join("Mail/inbox/new")).unwrap();
        let desk = Self { desktop, home };
        desk.drafts(&["init", "drafts"]);
        let wiring = format!(
            "version = 1\n[desk]\npath = \"drafts\"\nstate = \"state\"\n\
             [source.mail]\nkind = \"maildir\"\npath = \"Mail/inbox\"\n\
             address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n\
             [transport.out]\nkind = \"maildir\"\npath = \"Mail/outbox\"\n\
             [limits]\nmessages_since = \"all\"\n[notify]\nopen = {open}\n"
        );
        fs::write(desk.home.join("config.toml"), wiring).unwrap();
        desk
    }

    fn drafts(&self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_git-drafts"));
        command.args(arguments).current_dir(&self.home).env("HOME", &self.home);
        for name in ["INVOCATION_ID", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "GIT_DRAFTS_CONFIG"] {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("DBUS_SESSION_BUS_ADDRESS", &self.desktop.bus);
        for (role, name) in [("AUTHOR", "Sam Hill"), ("COMMITTER", "Sam Hill")] {
            command.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), "sam@example.com");
        }
        // A pipe that somebody kept open would be read for ever.
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Ticks with one more message.
    fn tick(&self, number: usize) {
        let mail = format!(
            "From: Ada <ada@example.org>\nTo: sam@example.com\nMessage-ID: <{number}@example.org>\n\
             Date: Mon, 2 Nov 2026 09:00:00 +0000\nSubject: Question {number}\n\nHow are you?\n"
        );
        fs::write(self.home.join(format!("Mail/inbox/new/{number}")), mail).unwrap();
        self.drafts(&["--config", "config.toml", "tick"]);
    }

    /// Counts the processes that keep a bubble of this desk.
    fn keepers(&self) -> usize {
        let state = self.home.join("state");
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        let words = processes.filter_map(|process| fs::read(process.join("cmdline")).ok());
        words
            .filter(|words| {
                let mut words = words.split(|byte| *byte == 0);
                words.any(|word| word == b"bubble")
                    && words.any(|word| word == state.as_os_str().as_encoded_bytes())
            })
            .count()
    }
}

#[test]
fn a_click_opens_what_the_wiring_says_and_nobody_waits_for_it() {
    if let Some(program) = missing() {
        println!("skipped: there is no `{program}`");
        return;
    }
    let desk = Desk::new(r#"["sh", "-c", "pwd -P >../opened"]"#);
    desk.tick(1);
    assert_eq!((&*desk.desktop.bubbles(), desk.keepers()), ("1", 1));

    // The next bubble takes the place of the first, and its keeper that of the first one's.
    desk.tick(2);
    let notes = desk.desktop.notes(2);
    let number = |note: &str| note.split_once('|').unwrap().0.to_owned();
    assert_eq!(number(&notes[0]), number(&notes[1]), "{notes:?}");
    assert_eq!(desk.desktop.bubbles(), "1");
    until(|| desk.keepers() == 1);

    let opened = desk.home.join("opened");
    assert!(!opened.exists());
    desk.desktop.dunstctl(&["action", "0"]);
    until(|| fs::read_to_string(&opened).is_ok_and(|text| text.ends_with('\n')));
    let folder = fs::read_to_string(&opened).unwrap();
    assert_eq!(Path::new(folder.trim_end()), desk.home.join("drafts").canonicalize().unwrap());
    until(|| desk.keepers() == 0);
}

#[test]
fn a_bubble_that_nobody_clicks_is_kept_by_nobody_once_it_is_gone() {
    if let Some(program) = missing() {
        println!("skipped: there is no `{program}`");
        return;
    }
    let desk = Desk::new(r#"["true"]"#);
    desk.tick(1);
    assert_eq!(desk.keepers(), 1);
    desk.desktop.dunstctl(&["close-all"]);
    until(|| desk.keepers() == 0);

    // Nor where there is nothing to open.
    let desk = Desk::new(r#"["no-such-program"]"#);
    desk.tick(1);
    assert_eq!((&*desk.desktop.bubbles(), desk.keepers()), ("1", 0));
}

fn tick(digest: &Digest) {
    let Some(state_dir) = std::env::var_os("GIT_DRAFTS_TEST_STATE") else { return };
    run(notify(digest, without_click(Path::new(&state_dir))));
}

#[test]
#[ignore = "another test runs it on its own desktop"]
fn first_tick() {
    tick(&digest(2, 2));
}

#[test]
#[ignore = "another test runs it on its own desktop"]
fn second_tick() {
    tick(&digest(1, 3));
}

#[test]
#[ignore = "another test runs it on its own desktop"]
fn reminder() {
    tick(&Digest { needs_you: 0, ..digest(0, 3) });
}

#[test]
#[ignore = "another test runs it on its own desktop"]
fn tick_with_nothing_to_tell() {
    tick(&Digest::default());
}

#[test]
#[ignore = "another test runs it on its own desktop"]
fn something_unsure() {
    let Some(state_dir) = std::env::var_os("GIT_DRAFTS_TEST_STATE") else { return };
    run(tell(&trouble(1, 0).unwrap(), Place::Trouble, without_click(Path::new(&state_dir))));
}

#[test]
#[ignore = "another test runs it on its own desktop"]
fn all_is_decided() {
    let Some(state_dir) = std::env::var_os("GIT_DRAFTS_TEST_STATE") else { return };
    for place in Place::ALL {
        run(close(place, Path::new(&state_dir)));
    }
}

#[test]
#[ignore = "another test runs it on a bus of its own"]
fn tick_without_a_desktop() {
    let Some(state_dir) = std::env::var_os("GIT_DRAFTS_TEST_STATE") else { return };
    assert!(run(show(&text(&digest(1, 1)), None)).is_err());
    run(notify(&digest(1, 1), without_click(Path::new(&state_dir))));
    assert!(!Path::new(&state_dir).join("notification").exists());
}
