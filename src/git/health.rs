//! Looks at what this program rests on in a repository, for the doctor.
//!
//! It reads only; what git itself knows best, git is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use super::program::{self, run};
use super::{Commit, GitError, Repository, Result, unreadable_io};
use crate::id::ObjectId;

/// One value of git's configuration, and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `system`, `global`, `local` or `worktree`.
    pub scope: String,
    /// The file, as git names it.
    pub origin: String,
    /// The value.
    pub value: String,
}

/// What git's attributes say about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Nothing.
    Unspecified,
    /// `attribute`.
    Set,
    /// `-attribute`.
    Unset,
    /// `attribute=value`.
    Value(String),
}

/// A linked worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Where its files are.
    pub place: PathBuf,
    /// Its branch, by its full name; none where it is detached.
    pub branch: Option<String>,
}

/// A lock file of git's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The file.
    pub path: PathBuf,
    /// How old it is, by the machine's own clock.
    pub age: Duration,
    /// What is in it, where that is a commit's name.
    pub commit: Option<ObjectId>,
}

/// The processes of git's that may hold a lock here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// A git that works in this repository.
    pub here: Option<u32>,
    /// Whether every process could be looked at.
    pub all_seen: bool,
}

impl Repository {
    /// Returns every value of a key, the one that counts last.
    ///
    /// # Errors
    /// Where the configuration cannot be read.
    pub fn settings(&self, key: &str) -> Result<Vec<Setting>> {
        let mut command = self.command();
        command.args(["config", "--show-scope", "--show-origin", "--get-all", key]);
        let output = command.stderr(Stdio::piped()).output().map_err(|error| GitError::Program {
            command: "git config".to_owned(),
            why: error.to_string(),
        })?;
        let talk = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            // git says so where there is no such key.
            Some(1) => return Ok(Vec::new()),
            _ => {
                let why = talk.lines().last().unwrap_or("no error output").to_owned();
                return Err(GitError::Program { command: format!("git config --get-all {key}"), why });
            }
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let setting = |line: &str| {
            let mut words = line.splitn(3, '\t');
            Some(Setting {
                scope: words.next()?.to_owned(),
                origin: words.next()?.trim_start_matches("file:").to_owned(),
                value: words.next()?.to_owned(),
            })
        };
        Ok(text.lines().filter_map(setting).collect())
    }

    /// Returns what git's attributes say about a path, checked-in ones included.
    ///
    /// # Errors
    /// [`GitError::Program`] if neither libgit2 nor git itself can read them.
    pub fn attribute(&self, path: &str, name: &str) -> Result<Attribute> {
        let flags = git2::AttrCheckFlags::FILE_THEN_INDEX;
        match self.inner.get_attr_bytes(Path::new(path), name, flags) {
            Ok(value) => Ok(match git2::AttrValue::from_bytes(value) {
                git2::AttrValue::True => Attribute::Set,
                git2::AttrValue::False => Attribute::Unset,
                git2::AttrValue::String(value) => Attribute::Value(value.to_owned()),
                git2::AttrValue::Bytes(value) => {
                    Attribute::Value(String::from_utf8_lossy(value).into_owned())
                }
                git2::AttrValue::Unspecified => Attribute::Unspecified,
            }),
            // libgit2 looks into the index too, and cannot read one that is split or sparse.
            Err(_) => self.attribute_by_git(path, name),
        }
    }

    fn attribute_by_git(&self, path: &str, name: &str) -> Result<Attribute> {
        let shown = program::run(self.command().args(["check-attr", "-z", name, "--", path]))?;
        // <path> NUL <attribute> NUL <value> NUL (git-check-attr(1))
        Ok(match shown.split('\0').nth(2) {
            Some("set") => Attribute::Set,
            Some("unset") => Attribute::Unset,
            Some("unspecified") | None => Attribute::Unspecified,
            Some(value) => Attribute::Value(value.to_owned()),
        })
    }

    /// Tells whether a remote has promised to give missing objects later.
    pub fn is_partial(&self) -> bool {
        let promises = || -> std::result::Result<bool, git2::Error> {
            let config = self.inner.config()?;
            let mut found = false;
            config.entries(Some(r"^remote\..*\.promisor$"))?.for_each(|entry| {
                found |= entry.value().is_ok_and(|value| value == "true");
            })?;
            Ok(found)
        };
        promises().unwrap_or(false)
    }

    /// Returns the file of grafts, the older way to show another history than the one that is there.
    pub fn grafts(&self) -> Option<PathBuf> {
        let path = self.common.join("info/grafts");
        fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0).then_some(path)
    }

    /// Says why libgit2 cannot read the index, if it cannot.
    pub fn index_trouble(&self) -> Option<String> {
        let path = self.inner.path().join("index");
        git2::Index::open(&path).err().map(|error| error.message().to_owned())
    }

    /// Returns the first thing that `branches` rest on and that is not there.
    ///
    /// git walks every commit and tree, and looks whether each blob exists; it reads none.
    pub fn missing_object(&self, branches: &[&str]) -> Option<String> {
        let mut command = self.command();
        command.arg("--no-replace-objects").args(["rev-list", "--objects", "--quiet"]).args(branches);
        match run(&mut command) {
            Ok(_) => None,
            Err(GitError::Program { why, .. }) => Some(why),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Returns the linked worktrees, those whose folder is gone included.
    pub fn linked_worktrees(&self) -> Result<Vec<Linked>> {
        let folder = self.common.join("worktrees");
        let listing = match fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable_io(&folder, &error)),
        };
        let mut found = Vec::new();
        for entry in listing.flatten() {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            let branch = read("HEAD").trim_end().strip_prefix("ref: ").map(ToOwned::to_owned);
            let git_file = PathBuf::from(read("gitdir").trim_end());
            let place = git_file.parent().map_or_else(|| entry.path(), Path::to_owned);
            found.push(Linked { place, branch });
        }
        found.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(found)
    }

    /// Returns git's lock files.
    pub fn locks(&self) -> Vec<Lock> {
        let names = ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"];
        let mut paths: Vec<PathBuf> = names.iter().map(|name| self.common.join(name)).collect();
        let mut folders = vec![self.common.join("refs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "lock") {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        let lock = |path: PathBuf| {
            let modified = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
            let age = SystemTime::now().duration_since(modified).unwrap_or_default();
            let commit = fs::read_to_string(&path).ok().and_then(|text| text.trim_end().parse().ok());
            Some(Lock { path, age, commit })
        };
        paths.into_iter().filter_map(lock).collect()
    }

    /// Looks for a git that works in this repository or has one of these files open; the one that
    /// started us, and those before it, are not meant.
    pub fn processes(&self, files: &[PathBuf]) -> Processes {
        let mut found = Processes { here: None, all_seen: true };
        let ancestors = ancestors();
        let Ok(listing) = fs::read_dir("/proc") else { return Processes::default() };
        for entry in listing.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let own = ancestors.contains(&pid);
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            let is_git = name.trim_end().starts_with("git");
            if own {
                continue;
            }
            if is_git {
                match self.has_here(&entry.path()) {
                    Ok(true) => found.here = Some(pid),
                    Ok(false) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(_) => found.all_seen = false,
                }
            }
            let open = fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
            if open.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| files.contains(&file)) {
                found.here = Some(pid);
            }
        }
        found
    }

    /// Tells whether a git works in this repository just now; programs of ours, and whoever started this one,
    /// are not meant.
    pub fn is_git_at_work(&self) -> bool {
        let ancestors = ancestors();
        let is_other = |process: &PathBuf| {
            let pid = process.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            pid.is_some_and(|pid| !ancestors.contains(&pid))
        };
        let is_git = |process: &PathBuf| {
            fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim_end() == "git")
        };
        let listing = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        listing.filter(is_other).filter(is_git).any(|process| self.has_here(&process).unwrap_or(false))
    }

    /// Tells whether a process, by its folder in `/proc`, works in a folder of this repository.
    fn has_here(&self, process: &Path) -> io::Result<bool> {
        let folder = fs::read_link(process.join("cwd"))?;
        Ok(folder.starts_with(self.place()) || folder.starts_with(&self.common))
    }

    /// Returns the newest commits of a branch, first parents first, at most so many.
    pub fn newest(&self, tip: ObjectId, most: usize) -> Result<Vec<Commit>> {
        let mut commits = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = vec![tip];
        while let (Some(id), true) = (next.pop(), commits.len() < most) {
            if seen.insert(id) {
                let commit = self.commit(id)?;
                next.extend(commit.parents.iter().rev());
                commits.push(commit);
            }
        }
        Ok(commits)
    }

    /// Tells whether an object is there.
    pub fn has(&self, id: ObjectId) -> bool {
        self.inner.odb().is_ok_and(|odb| odb.exists(super::to_oid(id)))
    }
}

/// Returns this process and those that started it.
fn ancestors() -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut pid = std::process::id();
    while pid > 1 && found.insert(pid) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
        pid = parent.unwrap_or(0);
    }
    found
}
