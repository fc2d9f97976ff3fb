//! Locks and files that somebody left behind: what is ours or certainly dead is put right.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

use super::super::{desk, settle};
use super::Look;
use super::finding::Report;
use super::place;
use crate::desk::Desk;
use crate::git::health::Lock;
use crate::git::lock::OwnLock;
use crate::git::loose::{self, Broken};
use crate::git::objects::blob_id;
use crate::git::{LEDGER, landing};
use crate::ledger::Ledger;
use crate::text;
use crate::ui::span;

/// A lock that nobody alive can hold is dead when it is older than this: no git works for so long on one.
const DEAD_AFTER: Duration = Duration::from_mins(10);

/// What is known about a lock.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// A run of ours left it.
    is_ours: bool,
    /// A process that works here and may hold it.
    holder: Option<u32>,
    /// Whether every process that could hold it could be looked at.
    all_seen: bool,
    age: Duration,
}

/// Whose a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// Somebody's who works.
    Busy(u32),
    /// Ours, and left.
    Ours,
    /// Somebody's who is gone.
    Dead,
    /// Nobody can tell.
    Unclear,
}

/// Judges a lock.
fn whose(facts: &Facts) -> Whose {
    match facts {
        Facts { is_ours: true, .. } => Whose::Ours,
        Facts { holder: Some(pid), .. } => Whose::Busy(*pid),
        Facts { all_seen: true, age, .. } if *age >= DEAD_AFTER => Whose::Dead,
        Facts { .. } => Whose::Unclear,
    }
}

/// Looks at git's locks, at what a landing left and at broken objects; mends what is safe where asked to.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    sender(look, report);
    // Without this lock somebody changes the desk right now, and nothing is left over.
    match repository.try_lock(OwnLock::Desk) {
        Ok(Some(free)) => {
            drop(free);
            leftovers(look, report);
        }
        Ok(None) => {
            return report.note("leftovers", "the desk is being changed right now", "look again in a moment");
        }
        Err(error) => report.error("leftovers", &error),
    }
    locks(look, report);
    taken_away(look, report);
    broken_objects(look, report);
}

/// Names whoever keeps the sender's lock: nothing goes out until it is free.
fn sender(look: &Look<'_>, report: &mut Report) {
    if let Some((id, name)) = look.session.repository.lock_holder(OwnLock::Send) {
        let name = text::one_line(&name, 60);
        report.note(
            "lock.send",
            format!("process {id} (`{name}`) holds the sender's lock, and nobody else sends until it ends"),
            "it is a sender at work, or a program that one has started; end it if it does not end itself",
        );
    }
}

fn leftovers(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let left = landing::leftovers(repository);
    if left.is_empty() {
        return;
    }
    if !look.fix {
        let names: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
        let what = format!("a landing was cut off and left {}", names.join(", "));
        return report.wrong("leftovers", what, "git drafts check --fix");
    }
    match settle::heal(repository) {
        Ok(healed) => {
            report.mended("leftovers", "put right what a landing left that was cut off");
            healed.lines.into_iter().for_each(|line| report.mended("leftovers", line));
        }
        Err(error) => report.error("leftovers", &error),
    }
}

fn locks(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let locks = repository.locks();
    if locks.is_empty() {
        return;
    }
    let paths: Vec<PathBuf> = locks.iter().map(|lock| lock.path.clone()).collect();
    let processes = repository.processes(&paths);
    let is_local = place::network(repository.git_dir()).is_none();
    for lock in &locks {
        let facts = Facts {
            is_ours: is_ours(look, lock),
            holder: processes.here,
            all_seen: processes.all_seen && is_local,
            age: lock.age,
        };
        let age = span(SignedDuration::try_from(lock.age).unwrap_or_default());
        let shown = lock.path.display();
        let whose = whose(&facts);
        match whose {
            Whose::Busy(pid) => report.note(
                "lock.busy",
                format!("{shown} is {age} old, and a git works here (process {pid})"),
                "let it end, or save and close its editor",
            ),
            Whose::Ours | Whose::Dead if look.fix => match remove(look, lock, whose) {
                Ok(()) => report.mended("lock.stale", format!("removed {shown}, which a dead process left")),
                Err(error) => report.wrong("lock.stale", format!("{shown}: {error}"), format!("rm {shown}")),
            },
            Whose::Ours | Whose::Dead => report.wrong(
                "lock.stale",
                format!("{shown} is {age} old, and the process that left it is gone"),
                "git drafts check --fix",
            ),
            Whose::Unclear => report.wrong(
                "lock.unclear",
                format!("{shown} is {age} old, and nobody can tell whose it is"),
                format!("if no git and no editor works here: rm {shown}"),
            ),
        }
    }
}

fn is_ours(look: &Look<'_>, lock: &Lock) -> bool {
    let repository = &look.session.repository;
    // Without that lock somebody moves the ledger right now.
    let nobody_writes = || repository.try_lock(OwnLock::Ledger).is_ok_and(|lock| lock.is_some());
    landing::is_ours(repository, &lock.path) && nobody_writes()
}

fn remove(look: &Look<'_>, lock: &Lock, whose: Whose) -> super::super::Result<()> {
    let repository = &look.session.repository;
    if whose == Whose::Ours && lock.path == repository.git_dir().join(format!("{LEDGER}.lock")) {
        Ledger::heal(repository)?;
        return Ok(());
    }
    let _changing = desk::lock(repository)?;
    // Another git may have taken it since it was judged: that one is younger.
    if repository.locks().iter().any(|now| now.path == lock.path && now.age >= lock.age) {
        fs::remove_file(&lock.path).map_err(|error| super::super::CommandError::system(&lock.path, error))?;
    }
    Ok(())
}

/// Looks for files of the worktree that were moved aside and not put back.
fn taken_away(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let committed = Desk::read(repository).map(|desk| desk.files).unwrap_or_default();
    for path in landing::taken_away(repository) {
        // The machine's own text, which the ledger has, or one that is on `main`. An object that no branch
        // leads to is no safe place: git forgets it.
        let is_kept = fs::read(&path).is_ok_and(|bytes| {
            let blob = blob_id(&bytes);
            let is_machines = path.to_string_lossy().ends_with(&blob.to_string());
            is_machines || committed.iter().any(|file| file.blob == blob)
        });
        let shown = path.display();
        match (is_kept, look.fix) {
            (true, true) => match fs::remove_file(&path) {
                Ok(()) => report.mended("leftovers", format!("removed {shown}, which git has, too")),
                Err(error) => report.wrong("leftovers", format!("{shown}: {error}"), format!("rm {shown}")),
            },
            (true, false) => report.wrong(
                "leftovers",
                format!("{shown} was left over, and git has it, too"),
                "git drafts check --fix",
            ),
            (false, _) => report.wrong(
                "leftovers.yours",
                format!("a version of a file of yours is in {shown}"),
                format!("read it, and put it back or delete it: mv {shown} drafts/"),
            ),
        }
    }
}

fn broken_objects(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let broken = match loose::broken(repository) {
        Ok(broken) if broken.is_empty() => return,
        Ok(broken) => broken,
        Err(error) => return report.error("objects.unreadable", &error),
    };
    let (empty, cut): (Vec<Broken>, Vec<Broken>) = broken.into_iter().partition(|object| object.is_empty);
    for (name, objects, what) in
        [("objects.empty", empty, "empty object"), ("objects.cut", cut, "object without its end")]
    {
        if objects.is_empty() {
            continue;
        }
        let what = match objects.len() {
            1 => format!("1 {what}"),
            several => format!("{several} {}", what.replacen("object", "objects", 1)),
        };
        let what = format!("{what}, which a power cut left");
        if !look.fix {
            let verb = if objects.len() == 1 { "is" } else { "are" };
            report.wrong(name, format!("there {verb} {what}"), "git drafts check --fix");
            continue;
        }
        match loose::put_away(repository, &objects) {
            Ok(_) if name == "objects.empty" => report.mended(name, format!("removed {what}")),
            Ok(_) => report.mended(name, format!("moved {what} to .git/drafts")),
            Err(error) => report.error(name, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_or_certainly_dead_is_removed() {
        let check = |is_ours: bool, holder: Option<u32>, all_seen: bool, minutes: u64, expected: Whose| {
            let facts = Facts { is_ours, holder, all_seen, age: Duration::from_mins(minutes) };
            assert_eq!(whose(&facts), expected, "{facts:?}");
        };
        check(true, Some(7), false, 0, Whose::Ours);
        check(false, Some(7), true, 600, Whose::Busy(7));
        check(false, None, true, 10, Whose::Dead);
        check(false, None, true, 9, Whose::Unclear);
        check(false, None, false, 600, Whose::Unclear);
    }
}
