//! Weeks without anybody who looks on: real timers, a real cron, a real journal, and a simulated week.
//!
//! The first three need root, `unshare`, `setpriv` and what their scripts name; without them they say so and
//! pass.

#[path = "../support/mod.rs"]
mod support;

mod week;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use support::desk::PROGRAM;

/// Runs a script in a world of its own, and returns what it printed; nothing where this machine cannot.
fn played(script: &str) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can make a world of its own");
        return None;
    }
    let folder = tempfile::Builder::new().prefix("unattended-").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!("{}/tests/unattended/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("timeout")
        .args(["-k", "10", "170", "unshare", "-m", "--propagation", "private", "bash", &script])
        .arg(folder.path())
        .arg(PROGRAM)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Some(said),
        // 127: there is no `unshare`.
        Some(77 | 127) => {
            println!("{said}{err}");
            None
        }
        _ => panic!("{:?}\n{said}\n{err}", output.status),
    }
}

/// Returns what a script printed below a heading.
fn part(said: &str, heading: &str) -> String {
    let of = |part: &str| part.strip_prefix(&format!("{heading}\n")).map(|rest| rest.trim_end().to_owned());
    said.split("== ").skip(1).find_map(of).unwrap_or_else(|| panic!("no {heading} in {said}"))
}

#[test]
fn a_systemd_timer_runs_it_and_only_a_real_fault_paints_the_unit_red() {
    let Some(said) = played("systemd.sh") else { return };
    assert_eq!(part(&said, "the service by hand"), "\"trigger\":\"service\"", "{said}");
    assert!(part(&said, "on").ends_with(".timer: on, every 1m"), "{said}");
    assert!(part(&said, "streak").contains(": clean; "), "{said}");
    assert!(part(&said, "journal").starts_with("taken in draft="), "{said}");
    assert_eq!(part(&said, "by invocation"), "1", "{said}");
    assert_eq!(part(&said, "no names and subjects"), "0", "{said}");
    assert_eq!(part(&said, "a dead hub"), "Result=success\nExecMainStatus=0", "{said}");
    // That the unit was red, and green again, is what the script waited for.
    assert_eq!(part(&said, "a broken desk"), "", "{said}");
    assert_eq!(part(&said, "next"), "known", "{said}");
    let click = part(&said, "a click");
    assert!(click == "inactive, 1 shown, 1 kept\nopened" || click.starts_with("left out: "), "{said}");
    let off = part(&said, "off");
    let lines: Vec<&str> = off.lines().collect();
    assert!(lines[0].contains(".timer: off"), "{said}");
    assert!(lines[1].starts_with("Removed git-drafts-") && lines[2] == "Nothing is installed.", "{said}");
}

#[test]
fn cron_runs_it_and_every_other_line_of_the_crontab_stays() {
    let Some(said) = played("cron.sh") else { return };
    assert!(said.contains("your crontab: off, every 1m\n"), "{said}");
    let runs = part(&said, "runs");
    assert!(runs.contains("\"trigger\":\"cron\",\"exit\":0"), "{said}");
    assert!(runs.contains("Last scheduled run: clean; "), "{said}");
    assert_eq!(part(&said, "crontab"), "# mine\n@yearly true", "{said}");
}
