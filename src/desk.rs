//! The desk: what the tip of `main` says about each draft.
//!
//! Reads blobs of commits only, never the worktree: what was approved is what is looked at. It never
//! writes; landing and clearing go through [`crate::git::landing`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::approval::CommitFacts;
use crate::delivery::OnDesk;
use crate::draft::{Draft, Status};
use crate::error::FileError;
use crate::git::landing::{self, Staged};
use crate::git::lock::OwnLock;
use crate::git::{DRAFTS, GitError, MAIN, Person, Repository, Result, TreeEntry};
use crate::id::{DraftId, ObjectId};

const MODE_FOLDER: u32 = 0o040_000;

/// How deep folders in the drafts folder are looked into.
const DEPTH_MAX: usize = 4;

/// How many earlier tips of `main` are tried where the last one cannot be read.
const EARLIER_MAX: usize = 50;

/// One file in the drafts folder.
#[derive(Clone, Debug)]
pub struct DeskFile {
    /// Its path in the repository.
    pub path: String,
    /// Its blob.
    pub blob: ObjectId,
    /// What it says, or why that is not clear.
    pub draft: std::result::Result<Draft, FileError>,
    /// The id, as far as one can tell.
    pub id: Option<DraftId>,
}

/// All drafts at one commit of `main`.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The commit.
    pub tip: ObjectId,
    /// The files, in the order of their names.
    pub files: Vec<DeskFile>,
    /// Where the first file of each id stands among them.
    places: BTreeMap<DraftId, usize>,
}

impl Desk {
    /// Reads the tip of `main`.
    ///
    /// # Errors
    /// Where there is no `main`; [`GitError::BrokenMain`] where anything of it cannot be read.
    pub fn read(repository: &Repository) -> Result<Self> {
        let tip = repository.tip(MAIN)?.ok_or(GitError::NoBranch { branch: "main" })?;
        Self::at(repository, tip).map_err(|error| {
            let mut earlier = repository.earlier_tips(MAIN).into_iter().take(EARLIER_MAX);
            let before = earlier.find(|&id| id != tip && Self::at(repository, id).is_ok());
            GitError::BrokenMain { why: error.to_string(), before }
        })
    }

    /// Reads the drafts of a commit.
    pub fn at(repository: &Repository, tip: ObjectId) -> Result<Self> {
        let mut files = Vec::new();
        for entry in listed(repository, tip)? {
            let mut file = DeskFile {
                id: id_in_name(&entry.name),
                path: entry.name,
                blob: entry.id,
                draft: Err(FileError::new("", "")),
            };
            file.draft = if is_plain(entry.mode) {
                let bytes = repository.read(entry.id)?;
                let text = String::from_utf8_lossy(&bytes);
                file.id = id_in_text(&text).or(file.id);
                match std::str::from_utf8(&bytes) {
                    Ok(text) => Draft::parse(&file.path, text),
                    Err(_) => Err(FileError::new(&file.path, "not UTF-8").with_hint("save it as UTF-8")),
                }
            } else {
                Err(not_plain(&file.path))
            };
            if let Ok(draft) = &file.draft {
                file.id = Some(draft.id().clone());
            }
            files.push(file);
        }
        refuse_twins(&mut files);
        let mut places = BTreeMap::new();
        for (place, file) in files.iter().enumerate() {
            if let Some(id) = &file.id {
                places.entry(id.clone()).or_insert(place);
            }
        }
        Ok(Self { tip, files, places })
    }

    /// Returns what stands here for an id.
    pub fn on_desk(&self, id: &DraftId) -> OnDesk {
        match self.find(id) {
            None => OnDesk::Absent,
            Some(DeskFile { draft: Err(_), .. }) => OnDesk::Unreadable,
            Some(DeskFile { draft: Ok(draft), blob, .. }) => match draft.status {
                Status::Draft => OnDesk::Draft(*blob),
                Status::Approved => OnDesk::Approved(*blob),
            },
        }
    }

    /// Returns the file of an id.
    pub fn find(&self, id: &DraftId) -> Option<&DeskFile> {
        self.places.get(id).map(|&place| &self.files[place])
    }

    /// Returns the ids that stand here.
    pub fn ids(&self) -> BTreeSet<DraftId> {
        self.places.keys().cloned().collect()
    }

    /// Returns the ids that the names of the files begin with, whatever is in them.
    pub fn ids_in_names(&self) -> BTreeSet<DraftId> {
        self.files.iter().filter_map(|file| id_in_name(&file.path)).collect()
    }

    /// Tells whether any file here is approved.
    pub fn has_approved(&self) -> bool {
        self.files.iter().any(|file| file.draft.as_ref().is_ok_and(|draft| draft.status == Status::Approved))
    }
}

/// Returns the paths and blobs of the drafts at a commit, without reading any of them.
pub fn blobs(repository: &Repository, commit: ObjectId) -> Result<Vec<(String, ObjectId)>> {
    Ok(listed(repository, commit)?.into_iter().map(|entry| (entry.name, entry.id)).collect())
}

/// Tells whether a file may be approved, by a look that is cheaper than reading it as a draft and never
/// misses one.
pub fn may_be_approved(bytes: &[u8]) -> bool {
    let word = Status::Approved.as_str().as_bytes();
    // A TOML string may spell any letter as an escape.
    bytes.windows(word.len()).any(|window| window == word) || bytes.contains(&b'\\')
}

/// Returns what commits say about one approved blob: which of them hold exactly these bytes.
pub fn approval_facts(
    repository: &Repository,
    blob: ObjectId,
) -> impl FnMut(ObjectId) -> Result<CommitFacts> {
    facts(repository, move |_, id| id == blob)
}

/// Returns what commits say about one version of the file at `path`.
pub fn file_facts<'r>(
    repository: &'r Repository,
    path: &'static str,
    blob: ObjectId,
) -> impl FnMut(ObjectId) -> Result<CommitFacts> + 'r {
    facts_by(repository, move |repository, commit| {
        Ok(repository.entry_at(commit, path)?.is_some_and(|entry| entry.id == blob))
    })
}

/// Returns what commits say about a draft's file, by its id and its landed bytes.
pub fn removal_facts<'r>(
    repository: &'r Repository,
    id: &DraftId,
    landed: ObjectId,
) -> impl FnMut(ObjectId) -> Result<CommitFacts> + 'r {
    let id = id.clone();
    facts(repository, move |name, blob| blob == landed || id_in_name(name).as_ref() == Some(&id))
}

/// Returns who put the file on the branch that a commit has at a path, and when.
pub fn put_by(repository: &Repository, commit: ObjectId, path: &str) -> Result<Person> {
    let mut commit = repository.commit(commit)?;
    while let Some(&parent) = commit.parents.first() {
        let parent = repository.commit(parent)?;
        if repository.entry(parent.tree, path)?.is_none() {
            break;
        }
        commit = parent;
    }
    Ok(commit.committer)
}

fn facts<'r>(
    repository: &'r Repository,
    is_it: impl Fn(&str, ObjectId) -> bool + 'r,
) -> impl FnMut(ObjectId) -> Result<CommitFacts> + 'r {
    facts_by(repository, move |repository, commit| {
        Ok(listed(repository, commit)?
            .iter()
            .any(|entry| is_plain(entry.mode) && is_it(&entry.name, entry.id)))
    })
}

fn facts_by<'r>(
    repository: &'r Repository,
    holds: impl Fn(&Repository, ObjectId) -> Result<bool> + 'r,
) -> impl FnMut(ObjectId) -> Result<CommitFacts> + 'r {
    let mut known: BTreeMap<ObjectId, bool> = BTreeMap::new();
    move |id| {
        let mut holds = |commit: ObjectId| -> Result<bool> {
            if let Some(holds) = known.get(&commit) {
                return Ok(*holds);
            }
            let found = holds(repository, commit)?;
            known.insert(commit, found);
            Ok(found)
        };
        let commit = repository.commit(id)?;
        let parents = commit
            .parents
            .iter()
            .map(|&parent| holds(parent).map(|holds| (parent, holds)))
            .collect::<Result<Vec<_>>>()?;
        Ok(CommitFacts {
            id,
            holds: holds(id)?,
            parents,
            machine: commit.committer.is_machine(),
            machine_author: commit.author.is_machine(),
            author_email: commit.author.email,
            name: commit.committer.name,
            email: commit.committer.email,
        })
    }
}

/// Returns the entries that count as drafts at a commit, named by their paths: everything in the drafts
/// folder and its folders but dot files, which are the operator's own.
fn listed(repository: &Repository, commit: ObjectId) -> Result<Vec<TreeEntry>> {
    let mut found = Vec::new();
    let mut folders: Vec<(String, ObjectId, usize)> = match repository.entry_at(commit, DRAFTS)? {
        Some(entry) if entry.mode == MODE_FOLDER => vec![(DRAFTS.to_owned(), entry.id, 0)],
        _ => Vec::new(),
    };
    while let Some((path, tree, depth)) = folders.pop() {
        for mut entry in repository.entries(tree)?.into_iter().filter(|entry| !entry.name.starts_with('.')) {
            let below = format!("{path}/{}", entry.name);
            if entry.mode != MODE_FOLDER {
                entry.name = below;
                found.push(entry);
            } else if depth < DEPTH_MAX {
                folders.push((below, entry.id, depth + 1));
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Tells whether a mode is that of a plain file.
pub fn is_plain(mode: u32) -> bool {
    matches!(mode, 0o100_644 | 0o100_755)
}

/// Refuses a link, a submodule, or whatever else stands in the place of a draft.
pub fn not_plain(path: &str) -> FileError {
    FileError::new(path, "not a plain file").with_hint("a link or a submodule is never sent")
}

/// Stages paths as they are in the worktree, all or none, under the desk's lock.
pub fn stage(repository: &Repository, paths: &[&str]) -> Result<Staged> {
    let _changing = lock(repository)?;
    landing::heal(repository)?;
    landing::stage(repository, paths)
}

/// Takes back what was staged for some paths, under the desk's lock.
pub fn unstage(repository: &Repository, staged: &Staged, is_meant: impl Fn(&str) -> bool) -> Result<()> {
    let _changing = lock(repository)?;
    landing::heal(repository)?;
    landing::unstage(repository, staged, is_meant)
}

/// Takes the lock under which the machine changes the desk; released when the file is dropped.
pub fn lock(repository: &Repository) -> Result<File> {
    repository.lock(OwnLock::Desk)
}

/// Returns the id that a draft's file name begins with.
pub fn id_in_name(name: &str) -> Option<DraftId> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let word = base.split(['-', '.']).next()?;
    word.parse().ok()
}

/// Returns the id that an unreadable file still names, so that it is not taken for a removed one.
fn id_in_text(text: &str) -> Option<DraftId> {
    text.lines().take(200).find_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"')?.parse().ok())
}

/// Returns the id that a file is taken for: the one in its text, else the one in its name.
pub fn id_of(path: &str, text: &str) -> Option<DraftId> {
    let parsed = Draft::parse(path, text).ok().map(|draft| draft.id().clone());
    parsed.or_else(|| id_in_text(text)).or_else(|| id_in_name(path))
}

/// Says that a file has the id of another one.
pub fn twin(path: &str, text: &str, other: &str, id: &DraftId) -> FileError {
    let error = FileError::new(path, format!("{other} has the id {id} too"))
        .with_hint("delete one of the two; nothing is sent from either");
    let line = text
        .lines()
        .position(|line| line.strip_prefix("id = ").is_some_and(|rest| rest.contains(id.as_str())));
    error.at(line.map(|line| line + 1))
}

/// Refuses every file that shares its id with another one.
fn refuse_twins(files: &mut [DeskFile]) {
    let mut by_id: BTreeMap<DraftId, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        if let Some(id) = &file.id {
            by_id.entry(id.clone()).or_default().push(index);
        }
    }
    for (id, indices) in by_id.into_iter().filter(|(_, indices)| indices.len() > 1) {
        let paths: Vec<String> = indices.iter().map(|&index| files[index].path.clone()).collect();
        for &index in &indices {
            let file = &mut files[index];
            let other = paths.iter().find(|path| **path != file.path).cloned().unwrap_or_default();
            file.draft = Err(FileError::new(&file.path, format!("{other} has the id {id} too"))
                .with_hint("delete one of the two and commit; nothing is sent from either"));
        }
    }
}

/// Reads a draft as it is in the worktree; what is no plain file is not opened, for a pipe has no end and a
/// link leads elsewhere.
///
/// # Errors
/// That of the file system, [`io::ErrorKind::NotFound`] where there is no file.
pub fn read_here(file: &Path) -> io::Result<Vec<u8>> {
    if fs::symlink_metadata(file)?.is_file() {
        fs::read(file)
    } else {
        Err(io::Error::other("it is no plain file"))
    }
}

/// Reads a draft as it is in the worktree, as [`read_here`] does.
///
/// # Errors
/// As there, or that it is no UTF-8.
pub fn read_text_here(file: &Path) -> io::Result<String> {
    String::from_utf8(read_here(file)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// Writes a draft in the worktree: aside and then moved, so that an editor or a crash never sees half of it.
///
/// # Errors
/// That of the file system.
pub fn replace_here(repository: &Repository, path: &str, bytes: &[u8]) -> io::Result<()> {
    let file = repository.place().join(path);
    let own = repository.own_dir();
    let aside = own.join("edit");
    fs::create_dir_all(&own)?;
    fs::write(&aside, bytes)?;
    match fs::rename(&aside, &file) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs::copy(&aside, &file).and_then(|_| fs::remove_file(&aside))
        }
        renamed => renamed,
    }
}
