//! A terminal of 80 columns and 24 lines, driven as a person does: keys in, a screen out.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::desk::Desk;

/// How long a screen may take to show what is waited for.
const SHOWS_WITHIN: Duration = Duration::from_secs(30);

/// Counts terminals.
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Tells whether programs are here; says which is not.
pub fn has(programs: &[&str]) -> bool {
    for program in programs {
        let mut which = Command::new("sh");
        which.args(["-c", &format!("command -v {program}")]).stdout(Stdio::null());
        if !which.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no {program}");
            return false;
        }
    }
    true
}

/// A terminal in which one command runs; it ends with the test.
pub struct Terminal<'d> {
    desk: &'d Desk,
    socket: PathBuf,
}

impl<'d> Terminal<'d> {
    /// Starts a line of shell in a terminal of the desk's.
    pub fn start(desk: &'d Desk, line: &str) -> Self {
        Self::of_width(desk, 80, line)
    }

    /// The same in one of so many columns.
    pub fn of_width(desk: &'d Desk, columns: usize, line: &str) -> Self {
        // A server that is ending would take the next one with it.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { desk, socket: desk.home().join(format!("tmux-{number}")) };
        let line = format!("{line}; echo \"ended with $?\"; exec sleep 600");
        let columns = columns.to_string();
        let start = ["new-session", "-d", "-x", &columns, "-y", "24", "sh", "-c", &line];
        let config = desk.home().join("tmux.conf");
        std::fs::write(&config, "set -g status off\nset -g history-limit 5000\n").unwrap();
        let mut command = desk.command("tmux");
        command.args(["-u", "-S"]).arg(&terminal.socket).arg("-f").arg(config).args(start);
        assert!(command.env("TERM", "screen-256color").status().unwrap().success());
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.desk.command("tmux").arg("-S").arg(&self.socket).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Types a line, and Enter.
    pub fn types(&self, line: &str) -> &Self {
        self.tmux(&["send-keys", "-l", line]);
        self.key("Enter")
    }

    /// Types, and leaves the line as it is.
    pub fn keys(&self, text: &str) -> &Self {
        self.tmux(&["send-keys", "-l", text]);
        self
    }

    /// Presses a key by tmux's name for it.
    pub fn key(&self, key: &str) -> &Self {
        self.tmux(&["send-keys", key]);
        self
    }

    /// Everything that was shown, what has scrolled away included.
    pub fn all(&self) -> String {
        let shown = self.tmux(&["capture-pane", "-p", "-J", "-S", "-5000"]);
        shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// The screen as it is, with its escapes.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Waits until it was shown so many times.
    #[track_caller]
    pub fn shows_times(&self, words: &str, times: usize) -> &Self {
        let until = Instant::now() + SHOWS_WITHIN;
        while self.all().matches(words).count() < times {
            assert!(Instant::now() < until, "no {words:?} on\n{}", self.all());
            std::thread::sleep(LOOK_EVERY);
        }
        self
    }

    /// Waits until it is shown.
    #[track_caller]
    pub fn shows(&self, words: &str) -> &Self {
        self.shows_times(words, 1)
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let mut command = self.desk.command("tmux");
        let _ = command.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}
