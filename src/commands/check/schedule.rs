//! Whether anything calls this program by itself, and when it last did.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::SignedDuration;

use super::super::schedule::{self, How, Installed};
use super::super::tick;
use super::Look;
use super::finding::Report;
use crate::text;
use crate::ui::{clock, span};

/// A timer that has not ticked for so long is asleep.
const ASLEEP_AFTER: SignedDuration = SignedDuration::from_hours(25);

/// What calls this program.
struct Caller {
    /// Where that is written.
    place: String,
    /// Whether it is only written, and not switched on.
    is_off: bool,
}

/// Looks for a timer or a line of a crontab, and at the last tick.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let callers = callers(look);
    for Caller { place, is_off } in &callers {
        if *is_off {
            let unit = place.rsplit('/').next().unwrap_or(place);
            report.note(
                "schedule.off",
                format!("{place} is not enabled"),
                format!("systemctl --user enable --now {unit}"),
            );
        } else {
            report.fine("schedule", format!("{place} calls git-drafts"));
        }
    }
    let ours = match schedule::all_installed(look.context, &look.session) {
        Ok(installed) => installed,
        Err(error) => {
            report.error("schedule.unreadable", &error);
            Vec::new()
        }
    };
    for installed in ours.iter().filter(|installed| !installed.is_current) {
        report.note(
            "schedule.drift",
            format!("{} is not what this version would write", installed.name),
            "git drafts schedule install",
        );
    }
    // A block of ours that is switched off is a comment to cron.
    let is_off = |installed: &&Installed| installed.how == How::Cron && !installed.is_on;
    if let Some(installed) = ours.iter().find(is_off) {
        let what = format!("the block in {} is not switched on", installed.name);
        report.note("schedule.off", what, "git drafts schedule install --cron --enable");
    } else if callers.is_empty() {
        report.note(
            "schedule.none",
            "nothing calls git-drafts by itself: neither a crontab nor a systemd timer of yours",
            "git drafts schedule install --enable",
        );
    }
    let now = look.context.now();
    match tick::last_run(&look.session) {
        None if look.wiring_error.is_some() => {
            report.fine("tick", "the last tick is not looked at: the wiring cannot be read");
        }
        None => report.fine("tick", "no tick yet"),
        Some(time) => {
            let age = now.duration_since(time);
            let works = callers.iter().any(|caller| !caller.is_off);
            if works && age > ASLEEP_AFTER {
                report.wrong(
                    "schedule.asleep",
                    format!("the last tick was {} ago", span(age)),
                    "see what it says: `git drafts run`, the mail of cron, or `journalctl --user`",
                );
            } else {
                report.fine("tick", format!("last tick {}", clock(time)));
            }
        }
    }
}

fn callers(look: &Look<'_>) -> Vec<Caller> {
    let place = look.session.repository.place();
    let calls = |line: &str| calls_desk(line, place, &look.session.wiring_path);
    let mut found = Vec::new();
    let crontab = Command::new("crontab").arg("-l").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let crontab =
        crontab.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut tables = vec![("your crontab".to_owned(), crontab)];
    let system = fs::read_dir("/etc/cron.d").into_iter().flatten().flatten().map(|entry| entry.path());
    for path in system.chain([PathBuf::from("/etc/crontab")]) {
        tables.push((path.display().to_string(), fs::read_to_string(&path).unwrap_or_default()));
    }
    for (name, text) in tables {
        if let Some(line) = text.lines().find(|line| calls(line)) {
            found.push(Caller {
                place: format!("{name} ({})", text::one_line(line.trim(), 80)),
                is_off: false,
            });
        }
    }
    let user = look.context.config_home().join("systemd/user");
    for folder in [user, PathBuf::from("/etc/systemd/user"), PathBuf::from("/etc/systemd/system")] {
        found.extend(timers(&folder, &calls));
    }
    found
}

/// Returns the timers of a folder whose service calls us.
fn timers(folder: &Path, calls: &dyn Fn(&str) -> bool) -> Vec<Caller> {
    let mut units: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    units.sort();
    let is_timer = |path: &&PathBuf| path.extension().is_some_and(|end| end == "timer");
    let caller = |timer: &PathBuf| {
        let text = fs::read_to_string(timer).ok()?;
        let unit = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("Unit="))
            .map(|unit| folder.join(unit.trim()));
        let service = fs::read_to_string(unit.unwrap_or_else(|| timer.with_extension("service"))).ok()?;
        let start = |line: &str| line.trim().strip_prefix("ExecStart=").is_some_and(calls);
        service.lines().any(start).then(|| {
            let wants = folder.join("timers.target.wants").join(timer.file_name().unwrap_or_default());
            Caller { place: timer.display().to_string(), is_off: fs::symlink_metadata(wants).is_err() }
        })
    };
    units.iter().filter(is_timer).filter_map(caller).collect()
}

/// Tells whether a line runs or ticks this desk: one that names another desk or wiring is another's.
fn calls_desk(line: &str, place: &Path, wiring: &Path) -> bool {
    let line = line.trim();
    if line.starts_with('#') || !(line.contains("git-drafts") || line.contains("git drafts")) {
        return false;
    }
    let words = crate::schedule::words(line);
    let after = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        // What cron would read as a line end is escaped.
        words.get(at + 1).map(|path| PathBuf::from(path.replace("\\%", "%")))
    };
    let is_same = |named: Option<PathBuf>, ours: &Path| {
        named.is_none_or(|named| {
            // A shell would replace what begins so.
            named == ours || ours.starts_with(&named) || named.to_string_lossy().starts_with(['$', '~', '%'])
        })
    };
    words.iter().any(|word| matches!(word.as_str(), "run" | "tick"))
        && is_same(after("-C"), place)
        && is_same(after("--config"), wiring)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ours_unless_it_names_another_desk() {
        let check = |line: &str, expected: bool| {
            let found = calls_desk(line, Path::new("/home/sam/drafts"), Path::new("/home/sam/w.toml"));
            assert_eq!(found, expected, "{line}");
        };
        check("*/15 * * * * $HOME/.cargo/bin/git-drafts run", true);
        check("*/15 * * * * sam git drafts run", true);
        check("@hourly git-drafts -C /home/sam/drafts tick", true);
        check("@hourly git-drafts -C \"$HOME/drafts\" tick", true);
        check("@hourly git-drafts --config /home/sam/w.toml run", true);
        check("# */15 * * * * git-drafts run", false);
        check("@hourly git-drafts -C /home/kim/drafts run", false);
        check("@hourly git-drafts --config /home/kim/w.toml run", false);
        check("@hourly git-drafts status", false);
        check("@hourly backup run", false);
    }
}
