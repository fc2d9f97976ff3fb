//! Moves a branch that only we move under a lock of our own: `main` by the machine's hand, and `ledger`.
//!
//! git writes a branch's new file under the branch's lock and flushes it there, and its log too. Here the
//! file is written aside before the flush that makes the commit durable, so that one flush is for both; after
//! it the lock is taken with that file, and the branch moves by one rename, made durable by one fsync of its
//! folder. So git's lock is held for no flush at all. It must never write a branch's file in place, nor
//! move a branch to what is not flushed.
//!
//! The log of a branch is there for people: it is durable with the next flush, and may lack its last line
//! after a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Signature};

use super::landing::remove;
use super::linked::{LinkedLock, lock_of, same_file};
use super::{
    GitError, Head, Repository, Result, Swap, from_oid, unreadable, unreadable_io, unwritable, unwritable_io,
};
use crate::failpoint::reached;
use crate::id::ObjectId;

/// A branch's new file, which is written and not in its place.
#[must_use = "what is not finished moves nothing"]
pub struct Moving<'r> {
    repository: &'r Repository,
    branch: &'static str,
    to: ObjectId,
    aside: PathBuf,
}

impl<'r> Moving<'r> {
    /// Writes the file that a branch is to become, to be flushed with the commit ([`Repository::flush`]).
    ///
    /// The caller holds the lock of ours under which this branch moves; what a process that died left of
    /// its own move goes.
    pub fn begin(repository: &'r Repository, branch: &'static str, to: ObjectId) -> Result<Self> {
        remove_left(repository, branch)?;
        let aside = aside(repository, branch);
        // A new file each time: the one before may have become the branch's.
        fs::create_dir_all(repository.own_dir())
            .and_then(|()| File::create_new(&aside))
            .and_then(|mut file| file.write_all(format!("{to}\n").as_bytes()))
            .map_err(|error| unwritable_io(&aside, &error))?;
        Ok(Self { repository, branch, to, aside })
    }

    /// Moves the branch, or makes it, if it is where it was believed to be and nobody holds its lock;
    /// durable when it returns. `why` goes into the branch's log.
    pub fn finish(self, from: Option<ObjectId>, why: &str) -> Result<Swap> {
        let path = self.repository.git_dir().join(self.branch);
        let lock = match LinkedLock::take(&self.aside, &path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Swap::Lost),
            Err(error) => return Err(unwritable_io(&lock_of(&path), &error)),
        };
        reached("branch.locked");
        if !self.is_at(from)? {
            lock.release()?;
            return Ok(Swap::Lost);
        }
        self.log(from, why)?;
        lock.becomes_the_target()?;
        flush_folder(&path)?;
        reached("branch.moved");
        Ok(Swap::Done)
    }

    /// Tells whether the branch itself names this commit, or is not there. The caller holds its lock.
    fn is_at(&self, commit: Option<ObjectId>) -> Result<bool> {
        let git = &self.repository.inner;
        match git.find_reference(self.branch) {
            // A symbolic one has no target of its own: whatever it leads to is not ours to move.
            Ok(reference) => Ok(commit.is_some() && reference.target().map(from_oid) == commit),
            Err(error) if error.code() == ErrorCode::NotFound => {
                if commit.is_none() {
                    self.refuse_if_it_is_a_folder()?;
                }
                Ok(commit.is_none())
            }
            Err(error) => Err(unreadable(self.branch, &error)),
        }
    }

    /// Refuses to make a branch where another one has it for a folder.
    fn refuse_if_it_is_a_folder(&self) -> Result<()> {
        let below = format!("{}/*", self.branch);
        let found = self.repository.inner.references_glob(&below);
        let mut found = found.map_err(|error| unreadable(&below, &error))?;
        let name = found.names().next().transpose().map_err(|error| unreadable(&below, &error))?;
        match name {
            Some(other) => Err(GitError::Unwritable {
                what: self.branch.to_owned(),
                why: format!("there is a branch `{other}`"),
            }),
            None => Ok(()),
        }
    }

    /// Adds to the logs of the branch, and of `HEAD` where it names the branch, as git does.
    fn log(&self, from: Option<ObjectId>, why: &str) -> Result<()> {
        if !logs_branches(self.repository) {
            return Ok(());
        }
        let (name, email) = self.repository.log_name();
        let who = Signature::now(name, email).map_err(|error| unwritable("the log of a branch", &error))?;
        let line = log_line(from.unwrap_or(ObjectId::NONE), self.to, &who, why);
        let is_head = self.repository.head()? == Head::Branch(self.branch.to_owned());
        for name in [Some(self.branch), is_head.then_some("HEAD")].into_iter().flatten() {
            let path = self.repository.git_dir().join("logs").join(name);
            let add = || File::options().append(true).create(true).open(&path)?.write_all(&line);
            let added = match add() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).and_then(|()| add())
                }
                added => added,
            };
            added.map_err(|error| unwritable_io(&path, &error))?;
        }
        Ok(())
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is in nobody's way, and goes before the next move.
        let _ = fs::remove_file(&self.aside);
    }
}

/// Removes what a process that died left of its move of a branch; tells whether it left git's lock of it.
///
/// The caller holds the lock of ours under which this branch moves.
pub fn remove_left(repository: &Repository, branch: &str) -> Result<bool> {
    let aside = aside(repository, branch);
    let is_locked = is_left(repository, branch)?;
    if is_locked {
        remove(&lock_of(&repository.git_dir().join(branch)))?;
    }
    // Last, for the lock is known by it.
    remove(&aside)?;
    Ok(is_locked)
}

/// Tells whether git's lock of a branch is one that a move of ours took.
pub(super) fn is_left(repository: &Repository, branch: &str) -> Result<bool> {
    same_file(&aside(repository, branch), &lock_of(&repository.git_dir().join(branch)))
}

/// Tells whether a move of a branch was begun and not ended.
pub fn is_begun(repository: &Repository, branch: &str) -> Result<bool> {
    let aside = aside(repository, branch);
    aside.try_exists().map_err(|error| unreadable_io(&aside, &error))
}

/// Names the file that is to become a branch.
pub(super) fn aside(repository: &Repository, branch: &str) -> PathBuf {
    let name = branch.rsplit('/').next().unwrap_or(branch);
    repository.own_dir().join(format!("{name}.next"))
}

fn flush_folder(path: &Path) -> Result<()> {
    crate::durable::flush_folder(path).map_err(|error| unwritable_io(path, &error))
}

/// Tells whether git logs where branches were (`core.logAllRefUpdates`).
fn logs_branches(repository: &Repository) -> bool {
    match repository.config("core.logAllRefUpdates") {
        None => !repository.inner.is_bare(),
        Some(value) => {
            value.eq_ignore_ascii_case("always") || git2::Config::parse_bool(value).unwrap_or(true)
        }
    }
}

/// Writes a line of a branch's log as git does: both commits, who, when by that clock, and why.
fn log_line(from: ObjectId, to: ObjectId, who: &Signature<'_>, why: &str) -> Vec<u8> {
    let when = who.when();
    let minutes = when.offset_minutes();
    let zone = format!("{}{:02}{:02}", when.sign(), minutes.abs() / 60, minutes.abs() % 60);
    let mut line = format!("{from} {to} ").into_bytes();
    line.extend_from_slice(who.name_bytes());
    line.extend_from_slice(b" <");
    line.extend_from_slice(who.email_bytes());
    line.extend_from_slice(format!("> {} {zone}\t", when.seconds()).as_bytes());
    line.extend(why.trim_end().bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::git::objects::Batch;
    use crate::git::{MAIN, program};

    struct Bed {
        _folder: tempfile::TempDir,
        repository: Repository,
        commits: Vec<ObjectId>,
    }

    impl Bed {
        /// Makes a repository with `main` at the first of three commits.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init(folder.path()).unwrap();
            repository.set_config("user.name", "Sam Hill").unwrap();
            repository.set_config("user.email", "sam@example.com").unwrap();
            let mut commits: Vec<ObjectId> = Vec::new();
            let mut batch = Batch::new(&repository);
            let blob = batch.blob(b"a");
            let tree = batch.tree(None, &[("a".to_owned(), Some(blob))].into()).unwrap();
            for message in ["one\n", "two\n", "three\n"] {
                let parent = commits.last().copied();
                commits.push(batch.commit(tree, parent.as_slice(), message, Timestamp::UNIX_EPOCH));
            }
            let _written = batch.write().unwrap();
            let bed = Self { _folder: folder, repository, commits };
            assert_eq!(bed.moves(None, 0), Swap::Done);
            bed
        }

        fn moves(&self, from: Option<usize>, to: usize) -> Swap {
            let moving = Moving::begin(&self.repository, MAIN, self.commits[to]).unwrap();
            self.repository.flush().unwrap();
            moving.finish(from.map(|from| self.commits[from]), "draft: one\nmore\n").unwrap()
        }

        fn git(&self, arguments: &[&str]) -> String {
            program::run(self.repository.command().args(arguments)).unwrap().trim_end().to_owned()
        }

        fn path(&self, path: &str) -> PathBuf {
            self.repository.git_dir().join(path)
        }

        fn is_clean(&self) -> bool {
            !self.path("refs/heads/main.lock").exists() && !aside(&self.repository, MAIN).exists()
        }
    }

    #[test]
    fn git_sees_the_move_and_its_log() {
        let bed = Bed::new();
        assert_eq!(bed.moves(Some(0), 1), Swap::Done);
        assert_eq!(bed.git(&["rev-parse", "main"]), bed.commits[1].to_string());
        let log = "%H %gn <%ge> %gs";
        let entries: Vec<String> = [1, 0]
            .iter()
            .map(|&at| format!("{} Sam Hill <sam@example.com> draft: one more", bed.commits[at]))
            .collect();
        for name in ["main", "HEAD"] {
            assert_eq!(
                bed.git(&["log", "-g", &format!("--format={log}"), name]),
                entries.join("\n"),
                "{name}"
            );
        }
        bed.git(&["fsck", "--strict"]);
        assert_eq!(bed.repository.earlier_tips(MAIN)[..2], [bed.commits[1], bed.commits[0]]);
        assert!(bed.is_clean());
    }

    #[test]
    fn a_log_names_whoever_has_a_name() {
        let names = |name: &[u8]| {
            let bed = Bed::new();
            let config = [&b"[user]\n\tname = "[..], name, b"\n\temail = jorg@example.com\n"].concat();
            fs::write(bed.path("config"), config).unwrap();
            let again = Repository::open(bed.repository.place()).unwrap();
            let (name, email) = again.log_name();
            format!("{name} <{email}>")
        };
        assert_eq!(names(b"J\xf6rg"), "J\u{fffd}rg <jorg@example.com>");
        assert_eq!(names("Jörg".as_bytes()), "Jörg <jorg@example.com>");
        assert_eq!(names(b"\"<>\""), "unknown <unknown>");
    }

    #[test]
    fn a_packed_branch_moves() {
        let bed = Bed::new();
        bed.git(&["pack-refs", "--all"]);
        assert!(!bed.path("refs/heads/main").exists());
        assert_eq!(bed.moves(Some(0), 1), Swap::Done);
        bed.git(&["pack-refs", "--all"]);
        assert_eq!(bed.moves(Some(1), 2), Swap::Done);
        assert_eq!(bed.git(&["rev-parse", "main"]), bed.commits[2].to_string());
    }

    #[test]
    fn a_branch_that_somebody_else_moved_or_made_stays() {
        let bed = Bed::new();
        assert_eq!(bed.moves(Some(1), 2), Swap::Lost);
        assert_eq!(bed.moves(None, 2), Swap::Lost);
        assert_eq!(bed.git(&["rev-parse", "main"]), bed.commits[0].to_string());
        assert!(bed.is_clean());
        bed.git(&["update-ref", "-d", "refs/heads/main"]);
        assert_eq!(bed.moves(Some(0), 1), Swap::Lost);
        assert!(bed.is_clean() && !bed.path("refs/heads/main").exists());
    }

    #[test]
    fn a_symbolic_branch_is_not_moved_and_neither_is_what_it_leads_to() {
        let bed = Bed::new();
        bed.git(&["branch", "trunk", "main"]);
        bed.git(&["symbolic-ref", "refs/heads/main", "refs/heads/trunk"]);
        assert_eq!(bed.moves(Some(0), 1), Swap::Lost);
        assert_eq!(bed.git(&["rev-parse", "trunk"]), bed.commits[0].to_string());
    }

    #[test]
    fn a_branch_is_not_made_where_another_has_it_for_a_folder() {
        let bed = Bed::new();
        bed.git(&["update-ref", "-d", "refs/heads/main"]);
        bed.git(&["branch", "main/mine", &bed.commits[0].to_string()]);
        bed.git(&["pack-refs", "--all"]);
        let moving = Moving::begin(&bed.repository, MAIN, bed.commits[1]).unwrap();
        let error = moving.finish(None, "x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write refs/heads/main: there is a branch `refs/heads/main/mine`"
        );
        assert!(bed.is_clean());
    }

    #[test]
    fn a_lock_of_anybody_elses_stays_and_nothing_moves() {
        let bed = Bed::new();
        let lock = bed.path("refs/heads/main.lock");
        fs::write(&lock, "").unwrap();
        assert_eq!(bed.moves(Some(0), 1), Swap::Lost);
        assert!(!remove_left(&bed.repository, MAIN).unwrap());
        assert!(lock.exists() && !aside(&bed.repository, MAIN).exists());
    }

    #[test]
    fn a_lock_that_a_move_of_ours_died_with_goes_before_the_next() {
        let bed = Bed::new();
        let moving = Moving::begin(&bed.repository, MAIN, bed.commits[1]).unwrap();
        let lock = LinkedLock::take(&moving.aside, &bed.path(MAIN)).unwrap();
        std::mem::forget((moving, lock));
        assert!(is_left(&bed.repository, MAIN).unwrap());
        assert_eq!(bed.moves(Some(0), 2), Swap::Done);
        assert_eq!(bed.git(&["rev-parse", "main"]), bed.commits[2].to_string());
        assert!(bed.is_clean());
    }

    #[test]
    fn what_died_right_after_its_move_never_becomes_another_tip() {
        let bed = Bed::new();
        let moving = Moving::begin(&bed.repository, MAIN, bed.commits[1]).unwrap();
        LinkedLock::take(&moving.aside, &bed.path(MAIN)).unwrap().becomes_the_target().unwrap();
        std::mem::forget(moving);
        let next = Moving::begin(&bed.repository, MAIN, bed.commits[2]).unwrap();
        assert_eq!(bed.git(&["rev-parse", "main"]), bed.commits[1].to_string());
        drop(next);
        assert!(bed.is_clean());
    }

    #[test]
    fn no_log_is_written_where_git_writes_none() {
        let bed = Bed::new();
        let lines = || fs::read_to_string(bed.path("logs/refs/heads/main")).unwrap().lines().count();
        for (from, to, value, after) in [(0, 1, "false", 1), (1, 2, "true", 2), (2, 1, "always", 3)] {
            bed.git(&["config", "core.logAllRefUpdates", value]);
            assert_eq!(bed.moves(Some(from), to), Swap::Done);
            assert_eq!(lines(), after, "{value}");
        }
    }
}
