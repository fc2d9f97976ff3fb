//! The memory: what the machine did with each draft, on a branch that is only ever added to.
//!
//! The tree holds a folder for each draft (`kq/kqzmwvst/2-claimed.toml`), the policies that drafts were
//! judged by, and a marker for each draft that is not finished (`open/kqzmwvst`), so that nothing here
//! grows with what is done. The only paths that ever go away are those markers.
//!
//! The last tip that we wrote is remembered outside the repository. A ledger that is gone, rewound, or
//! written by anybody else stops all sending: without memory nobody knows what was sent.

mod continuity;
mod tip;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use self::continuity::{Growth, continuity, growth, remember, remembered};
use self::tip::{ATTEMPTS, Next, finish, make_branch, write_lock};
use crate::entry::Entry;
use crate::error::{FileError, Hint};
use crate::git::moving::{self, Moving};
use crate::git::objects::{Batch, Changes};
use crate::git::{GitError, Head, LEDGER, Repository, Swap};
use crate::id::{DraftId, ObjectId};
use crate::message::sha256_hex;
use crate::version;

const VERSION: u32 = 1;
const HEAD_FILE: &str = "ledger.toml";
const OPEN: &str = "open";
const POLICY: &str = "policy";
const SENDERS: &str = "senders";
const CLONE_FILE: &str = "clone";

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// git could not read or write.
    #[error(transparent)]
    Git(#[from] GitError),
    /// An entry cannot be understood.
    #[error("ledger:{0}")]
    Entry(FileError),
    /// There is no ledger; the remote to fetch one from, where there is one.
    #[error("there is no branch `ledger`, so nobody knows what was sent")]
    Missing(Option<String>),
    /// The branch is behind what we wrote, or on another history.
    #[error("the ledger was rewound: it was at {} and is at {}", remembered.short(), tip.short())]
    Rewound {
        /// The last tip that we wrote.
        remembered: ObjectId,
        /// The branch's tip.
        tip: ObjectId,
    },
    /// Somebody else committed to it.
    #[error("commit {} on the ledger is not the machine's", .0.short())]
    Foreign(ObjectId),
    /// A commit removed or changed what must stay.
    #[error("commit {} on the ledger changes `{path}`", commit.short())]
    Rewritten {
        /// The commit.
        commit: ObjectId,
        /// The path.
        path: String,
    },
    /// A worktree has it checked out.
    #[error("the branch `ledger` is checked out")]
    CheckedOut,
    /// History is cut off.
    #[error("the repository is a shallow clone")]
    Shallow,
    /// Nothing outside the repository remembers this ledger.
    #[error("nothing on this machine remembers this ledger, so nobody knows whether it is whole")]
    Forgotten,
    /// Another clone of this desk ticks and sends; the remote to fetch its ledger from, where there is one.
    #[error("another clone of this desk ticks and sends, or this one was copied")]
    AnotherClone(Option<String>),
    /// Others kept writing.
    #[error("the ledger is locked by another process")]
    Locked,
    /// The memory outside the repository cannot be read or written.
    #[error("{}: {error}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl Hint for LedgerError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            LedgerError::Git(error) => return error.hint(),
            LedgerError::Entry(error) => return error.hint(),
            LedgerError::Missing(Some(remote)) => {
                format!("fetch it: `git fetch {remote} ledger:ledger`; or restore the branch from a backup")
            }
            LedgerError::Missing(None) => {
                "`git drafts check` may know where it was; otherwise restore the branch from a backup"
                    .to_owned()
            }
            LedgerError::Rewound { remembered, .. } => format!(
                "put it back: `git update-ref refs/heads/ledger {remembered}`; if that commit is gone, see `git drafts check`"
            ),
            LedgerError::Foreign(commit) | LedgerError::Rewritten { commit, .. } => {
                format!("put the ledger back to before it: `git update-ref refs/heads/ledger {commit}^`")
            }
            LedgerError::CheckedOut => {
                "check out `main` again: nobody but the machine writes the ledger".to_owned()
            }
            LedgerError::Shallow => "fetch the rest: `git fetch --unshallow`".to_owned(),
            LedgerError::Forgotten => {
                "if nothing was lost (compare it with your backups): `git drafts init --take-over`".to_owned()
            }
            LedgerError::AnotherClone(remote) => format!(
                "to move that here: stop it there, `git fetch {} ledger:ledger`, and `git drafts init --take-over`",
                remote.as_deref().unwrap_or("<its folder>")
            ),
            LedgerError::Locked => "try again; if it stays so, see `git drafts check`".to_owned(),
            LedgerError::State { .. } => return None,
        };
        Some(hint)
    }
}

/// Result of ledger work.
pub type Result<T> = std::result::Result<T, LedgerError>;

/// One entry that is to be added, with the files that go with it.
#[derive(Clone, Debug)]
pub struct Note {
    /// The draft.
    pub id: DraftId,
    /// How many entries the draft had when this was decided: where there are more by now, what was
    /// decided is out of date, and the note is not added.
    pub after: usize,
    /// What happened.
    pub entry: Entry,
    /// Files beside the entry, by extension: the drafted or approved text (`md`), the raw approving
    /// commit (`commit`).
    pub files: Vec<(&'static str, Vec<u8>)>,
}

impl Note {
    /// Makes a note without files, which follows `story`.
    pub fn new(id: &DraftId, story: &[Entry], entry: Entry) -> Self {
        Self { id: id.clone(), after: story.len(), entry, files: Vec::new() }
    }
}

/// The ledger of a repository.
pub struct Ledger<'r> {
    repository: &'r Repository,
    state: PathBuf,
    desk_id: String,
}

/// A new tip of the ledger that is in a batch, and not yet on the branch; nobody else adds meanwhile.
pub struct Staged<'r> {
    from: ObjectId,
    next: Next<'r>,
    /// The drafts whose notes are in it.
    added: BTreeSet<DraftId>,
    _writing: File,
}

impl<'r> Ledger<'r> {
    /// Makes the first commit of a new ledger, and returns the new desk's id.
    ///
    /// # Errors
    /// Where the branch exists already, by anybody's hand.
    pub fn create(repository: &Repository, now: Timestamp) -> Result<String> {
        let desk_id = nonce().chars().take(8).collect::<String>();
        let clone = clone_id(repository, true)?.unwrap_or_default();
        let mut batch = Batch::new(repository);
        let head = batch.blob(format!("version = {VERSION}\nid = \"{desk_id}\"\n").as_bytes());
        let sender = batch.blob(b"");
        let files = Changes::from([
            (HEAD_FILE.to_owned(), Some(head)),
            (format!("{SENDERS}/1-{clone}"), Some(sender)),
        ]);
        let tree = batch.tree(None, &files)?;
        let commit = batch.commit(tree, &[], &message("ledger: begin"), now);
        let _written = batch.write()?;
        make_branch(repository, commit, "git-drafts: init")?;
        Ok(desk_id)
    }

    /// Makes the branch of a ledger that a remote has.
    ///
    /// # Errors
    /// Where the branch exists already, by anybody's hand.
    pub fn adopt(repository: &Repository, tip: ObjectId) -> Result<()> {
        make_branch(repository, tip, "git-drafts: taken from the remote")
    }

    /// Returns the desk's id, which every clone of it shares; none where there is no ledger.
    pub fn desk_id(repository: &Repository) -> Result<Option<String>> {
        let Some(tip) = repository.tip(LEDGER)? else { return Ok(None) };
        let Some(file) = repository.file_at(tip, HEAD_FILE)? else { return Err(LedgerError::Foreign(tip)) };
        let file = String::from_utf8_lossy(&file);
        let head: LedgerHead = toml::from_str(&file)
            .map_err(|error| {
                version::newer(HEAD_FILE, &file, 1, VERSION)
                    .unwrap_or_else(|| FileError::from_toml(HEAD_FILE, &file, 1, &error))
            })
            .map_err(LedgerError::Entry)?;
        if head.version != VERSION {
            let what = format!("version {} of the ledger is not known", head.version);
            let other = || FileError::new(HEAD_FILE, what);
            let error = version::newer(HEAD_FILE, &file, 1, VERSION).unwrap_or_else(other);
            return Err(LedgerError::Entry(error));
        }
        let plain = head.id.len() == 8 && head.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if plain { Ok(Some(head.id)) } else { Err(LedgerError::Foreign(tip)) }
    }

    /// Opens the ledger, if it is what we last saw or has only been added to since.
    ///
    /// `state` is the folder outside the repository that remembers its tip.
    ///
    /// # Errors
    /// Everything that means that we do not know what was sent: see [`LedgerError`].
    pub fn open(repository: &'r Repository, state: &Path) -> Result<Self> {
        if repository.is_shallow() {
            return Err(LedgerError::Shallow);
        }
        let Some(desk_id) = Self::desk_id(repository)? else {
            return Err(LedgerError::Missing(repository.remote_name()));
        };
        is_checked_out(repository, state)?;
        let ledger = Self { repository, state: state.to_path_buf(), desk_id };
        is_another_clones(repository, state)?;
        ledger.check_continuity()?;
        Ok(ledger)
    }

    /// Makes this clone the one that ticks and sends.
    ///
    /// Without a shared remote that every claim is pushed to, two clones that both send would send
    /// twice; so exactly one may, and the ledger says which.
    pub fn take_over(repository: &Repository, now: Timestamp) -> Result<()> {
        let clone = clone_id(repository, true)?.unwrap_or_default();
        let _writing = write_lock(repository)?;
        for _ in 0..ATTEMPTS {
            let snapshot = Snapshot::of(repository)?;
            let (number, _) = snapshot.sender()?.unwrap_or_default();
            let mut batch = Batch::new(repository);
            let file = batch.blob(b"");
            let path = format!("{SENDERS}/{}-{clone}", number + 1);
            let tree = batch.tree(Some(snapshot.tree), &Changes::from([(path, Some(file))]))?;
            let commit = batch.commit(tree, &[snapshot.tip], &message("ledger: another clone"), now);
            let _written = batch.write()?;
            let moving = Moving::begin(repository, LEDGER, commit)?;
            repository.flush()?;
            if finish(moving, Some(snapshot.tip), "git-drafts: take over")? == Swap::Done {
                return Ok(());
            }
        }
        Err(LedgerError::Locked)
    }

    /// Looks whether the ledger is what we last saw, or has only been added to; remembers nothing.
    ///
    /// For commands that only show: a colleague's clone, which may not send, can show its desk.
    pub fn inspect(repository: &Repository, state: &Path) -> Result<()> {
        if repository.is_shallow() {
            return Err(LedgerError::Shallow);
        }
        Self::desk_id(repository)?.ok_or_else(|| LedgerError::Missing(repository.remote_name()))?;
        growth(repository, state).map(drop)
    }

    /// Returns everything that stands in the way of believing the ledger; remembers nothing.
    pub fn troubles(repository: &Repository, state: &Path) -> Vec<LedgerError> {
        let mut found = Vec::new();
        if repository.is_shallow() {
            found.push(LedgerError::Shallow);
        }
        match Self::desk_id(repository) {
            Ok(Some(_)) => {}
            Ok(None) => found.push(LedgerError::Missing(repository.remote_name())),
            Err(error) => found.push(error),
        }
        if found.iter().all(|error| matches!(error, LedgerError::Shallow)) {
            let parts = [is_checked_out, is_another_clones, has_lost_something, is_unreadable];
            found.extend(parts.iter().filter_map(|part| part(repository, state).err()));
        }
        found
    }

    /// Returns the last tip that was remembered in a state folder.
    pub fn remembered(state: &Path) -> Option<ObjectId> {
        remembered(state).ok().flatten()
    }

    /// Removes what a process of ours left that died while it moved the branch, git's lock of it above all.
    pub fn heal(repository: &Repository) -> Result<()> {
        if moving::is_begun(repository, LEDGER)? {
            let _writing = write_lock(repository)?;
            moving::remove_left(repository, LEDGER)?;
        }
        Ok(())
    }

    /// Returns the desk's own id, eight hex digits.
    pub fn desk(&self) -> &str {
        &self.desk_id
    }

    /// Returns the ledger as it is now.
    pub fn snapshot(&self) -> Result<Snapshot<'r>> {
        Snapshot::of(self.repository)
    }

    /// Adds notes in one durable commit, whatever others add at the same time, and returns the drafts
    /// whose notes were added.
    ///
    /// A note about a draft that has got another entry since the note was decided is left out.
    pub fn append(&self, notes: &[Note], subject: &str, now: Timestamp) -> Result<BTreeSet<DraftId>> {
        if notes.is_empty() {
            return Ok(BTreeSet::new());
        }
        let _writing = write_lock(self.repository)?;
        for _ in 0..ATTEMPTS {
            self.refuse_if_rewound()?;
            let mut batch = Batch::new(self.repository);
            let snapshot = self.snapshot()?;
            let (commit, added) = stage_on(&snapshot, &mut batch, notes, subject, now)?;
            if added.is_empty() {
                return Ok(added);
            }
            let _written = batch.write()?;
            let next = Next::write(self.repository, &self.state, commit)?;
            self.repository.flush()?;
            if next.finish(snapshot.tip, subject)? {
                return Ok(added);
            }
        }
        Err(LedgerError::Locked)
    }

    /// Adds the objects of a new tip to a batch that others share, and keeps others from adding until it is
    /// committed.
    pub fn stage(
        &self,
        batch: &mut Batch<'_>,
        notes: &[Note],
        subject: &str,
        now: Timestamp,
    ) -> Result<Staged<'r>> {
        let writing = write_lock(self.repository)?;
        self.refuse_if_rewound()?;
        let snapshot = self.snapshot()?;
        let (commit, added) = stage_on(&snapshot, batch, notes, subject, now)?;
        let next = Next::write(self.repository, &self.state, commit)?;
        Ok(Staged { from: snapshot.tip, next, added, _writing: writing })
    }

    /// Moves the branch to a staged tip whose batch is written and flushed, and returns the drafts whose notes
    /// were added; where somebody was faster, adds the notes anew.
    pub fn commit_staged(
        &self,
        staged: Staged<'_>,
        notes: &[Note],
        subject: &str,
        now: Timestamp,
    ) -> Result<BTreeSet<DraftId>> {
        let Staged { from, next, added, _writing: writing } = staged;
        if next.finish(from, subject)? {
            return Ok(added);
        }
        drop(writing);
        self.append(notes, subject, now)
    }

    /// Keeps a policy readable for as long as a draft that it judged.
    pub fn policy_path(policy: ObjectId) -> String {
        format!("{POLICY}/{policy}.toml")
    }

    /// Refuses to add to a branch that somebody has rewound since this ledger was opened: what is decided
    /// on it would be decided without memory. The caller holds the write lock.
    fn refuse_if_rewound(&self) -> Result<()> {
        growth(self.repository, &self.state).map(drop)
    }

    /// Refuses a branch that is not what was remembered of it and more, and remembers it as it is now.
    fn check_continuity(&self) -> Result<()> {
        let Growth { from, to } = continuity(self.repository, &self.state)?;
        if from == Some(to) {
            return Ok(());
        }
        let _writing = write_lock(self.repository)?;
        remember(&self.state, to)
    }
}

fn is_checked_out(repository: &Repository, _: &Path) -> Result<()> {
    let here = repository.worktree().is_some() && repository.head()? == Head::Branch(LEDGER.to_owned());
    if here || !repository.linked_worktrees_on(LEDGER)?.is_empty() {
        return Err(LedgerError::CheckedOut);
    }
    Ok(())
}

fn is_another_clones(repository: &Repository, _: &Path) -> Result<()> {
    let here = Snapshot::of(repository)?;
    let (number, clone) = here.sender()?.unzip();
    if clone != clone_id(repository, false)? {
        return Err(LedgerError::AnotherClone(repository.remote_name()));
    }
    // Whoever took over elsewhere is known here as soon as that ledger was fetched, and before it is merged.
    let desk = repository.entry(here.tree, HEAD_FILE)?;
    for tip in repository.remote_branches("ledger")? {
        let there = Snapshot::at(repository, tip, repository.commit(tip)?.tree);
        let is_same_desk = repository.entry(there.tree, HEAD_FILE)? == desk;
        if is_same_desk && there.sender()?.unzip().0 > number {
            return Err(LedgerError::AnotherClone(repository.remote_name()));
        }
    }
    Ok(())
}

fn has_lost_something(repository: &Repository, state: &Path) -> Result<()> {
    continuity(repository, state).map(drop)
}

fn is_unreadable(repository: &Repository, _: &Path) -> Result<()> {
    let snapshot = Snapshot::of(repository)?;
    snapshot.open_ids()?.iter().try_for_each(|id| snapshot.story(id).map(|_| ()))
}

/// The ledger at one moment.
pub struct Snapshot<'r> {
    repository: &'r Repository,
    tip: ObjectId,
    tree: ObjectId,
    /// What stands in its top folder, once it was looked at.
    top: OnceCell<Folders>,
    /// What stands in the shards that were looked at: of thousands of drafts, no tree is read twice.
    shards: RefCell<BTreeMap<String, Folders>>,
}

/// The entries of a folder by their names.
type Folders = BTreeMap<String, ObjectId>;

impl<'r> Snapshot<'r> {
    /// Reads the branch's tip, without any check of continuity.
    pub fn of(repository: &'r Repository) -> Result<Self> {
        let tip = repository.tip(LEDGER)?.ok_or_else(|| LedgerError::Missing(repository.remote_name()))?;
        let tree = repository.commit(tip)?.tree;
        Ok(Self::at(repository, tip, tree))
    }

    fn at(repository: &'r Repository, tip: ObjectId, tree: ObjectId) -> Self {
        Self { repository, tip, tree, top: OnceCell::new(), shards: RefCell::default() }
    }

    /// Returns which clone ticks and sends, with the number of that decision.
    fn sender(&self) -> Result<Option<(usize, String)>> {
        let Some(folder) = self.repository.entry(self.tree, SENDERS)? else { return Ok(None) };
        let entries = self.repository.entries(folder.id)?;
        let decisions = entries.iter().filter_map(|entry| {
            let (number, clone) = entry.name.split_once('-')?;
            Some((number.parse().ok()?, clone.to_owned()))
        });
        Ok(decisions.max())
    }

    /// Returns a draft's entries, oldest first; empty where the ledger does not know it.
    pub fn story(&self, id: &DraftId) -> Result<Vec<Entry>> {
        let files = self.files(id)?;
        let mut entries = BTreeMap::new();
        for (name, blob) in files.iter().filter(|(name, _)| name.ends_with(".toml")) {
            let path = format!("{}/{id}/{name}", id.shard());
            let file = self.repository.read(*blob)?;
            let entry = Entry::parse(&path, &String::from_utf8_lossy(&file)).map_err(LedgerError::Entry)?;
            let number = number_of(name)
                .ok_or_else(|| LedgerError::Entry(FileError::new(&path, "an entry without a number")))?;
            entries.insert(number, entry);
        }
        Ok(entries.into_values().collect())
    }

    /// Returns the newest file with this extension beside a draft's entries, such as the approved text.
    pub fn file(&self, id: &DraftId, kind: &str, extension: &str) -> Result<Option<Vec<u8>>> {
        let end = format!("-{kind}.{extension}");
        let newest = self
            .files(id)?
            .into_iter()
            .filter(|(name, _)| name.ends_with(&end))
            .max_by_key(|(name, _)| number_of(name));
        match newest {
            Some((_, blob)) => Ok(Some(self.repository.read(blob)?)),
            None => Ok(None),
        }
    }

    /// Returns the file with this extension beside one entry of a draft, by the entry's number.
    pub fn file_of(
        &self,
        id: &DraftId,
        number: usize,
        kind: &str,
        extension: &str,
    ) -> Result<Option<Vec<u8>>> {
        let path = format!("{}/{id}/{number}-{kind}.{extension}", id.shard());
        match self.repository.entry(self.tree, &path)? {
            Some(entry) => Ok(Some(self.repository.read(entry.id)?)),
            None => Ok(None),
        }
    }

    /// Tells whether a message was drafted more than once; reads no entry.
    pub fn is_redrafted(&self, id: &DraftId) -> Result<bool> {
        Ok(self.files(id)?.iter().filter(|(name, _)| name.ends_with("-drafted.toml")).count() > 1)
    }

    /// Returns the drafts that are not finished.
    pub fn open_ids(&self) -> Result<BTreeSet<DraftId>> {
        let Some(folder) = self.repository.entry(self.tree, OPEN)? else { return Ok(BTreeSet::new()) };
        Ok(self.repository.entries(folder.id)?.iter().filter_map(|entry| entry.name.parse().ok()).collect())
    }

    /// Returns the drafts whose ids begin with `prefix`, finished or not.
    pub fn ids_with_prefix(&self, prefix: &str) -> Result<BTreeSet<DraftId>> {
        let mut found = BTreeSet::new();
        for shard in self.repository.entries(self.tree)?.iter().filter(|entry| entry.name.len() == 2) {
            let near = prefix.starts_with(&shard.name) || shard.name.starts_with(prefix);
            if near {
                let entries = self.repository.entries(shard.id)?;
                let matching = entries.iter().filter(|entry| entry.name.starts_with(prefix));
                found.extend(matching.filter_map(|entry| entry.name.parse::<DraftId>().ok()));
            }
        }
        Ok(found)
    }

    /// Returns a policy that judged some draft, as it was.
    pub fn policy(&self, policy: ObjectId) -> Result<Option<Vec<u8>>> {
        match self.repository.entry(self.tree, &Ledger::policy_path(policy))? {
            Some(entry) => Ok(Some(self.repository.read(entry.id)?)),
            None => Ok(None),
        }
    }

    /// Returns when the transmissions began that began since a time, one for each.
    pub fn sends_since(&self, since: Timestamp) -> Result<Vec<Timestamp>> {
        let mut began = Vec::new();
        let mut at = self.tip;
        loop {
            let commit = self.repository.commit(at)?;
            let Some(&parent) = commit.parents.first() else { return Ok(began) };
            if commit.committer.when + SignedDuration::from_secs(1) < since {
                return Ok(began);
            }
            let before = self.repository.commit(parent)?.tree;
            let added = self.repository.compare(Some(before), commit.tree)?.added;
            let count = added.iter().filter(|path| path.ends_with("-sending.toml")).count();
            began.extend(std::iter::repeat_n(commit.committer.when, count));
            at = parent;
        }
    }

    /// Returns the newest commits, newest first: which entries each one added.
    pub fn history(&self, count: usize) -> Result<Vec<(ObjectId, Vec<String>)>> {
        let mut history = Vec::new();
        let mut at = Some(self.tip);
        while let (Some(id), true) = (at, history.len() < count) {
            let commit = self.repository.commit(id)?;
            let before = match commit.parents.first() {
                Some(&parent) => Some(self.repository.commit(parent)?.tree),
                None => None,
            };
            history.push((id, self.repository.compare(before, commit.tree)?.added));
            at = commit.parents.first().copied();
        }
        Ok(history)
    }

    /// Returns which commit added each entry of a draft, oldest first.
    ///
    /// Walks back only as far as the draft's first entry.
    pub fn commits_of(&self, id: &DraftId) -> Result<Vec<ObjectId>> {
        let path = format!("{}/{id}", id.shard());
        let mut commits = Vec::new();
        let mut at = self.tip;
        let mut here = self.repository.entry(self.tree, &path)?.map(|entry| entry.id);
        while let Some(tree) = here {
            let commit = self.repository.commit(at)?;
            let before = match commit.parents.first() {
                Some(&parent) => self.repository.entry_at(parent, &path)?.map(|entry| entry.id),
                None => None,
            };
            if before != Some(tree) {
                let count = |tree: Option<ObjectId>| -> Result<usize> {
                    let Some(tree) = tree else { return Ok(0) };
                    Ok(self
                        .repository
                        .entries(tree)?
                        .iter()
                        .filter(|entry| entry.name.ends_with(".toml"))
                        .count())
                };
                let added = count(Some(tree))? - count(before)?.min(count(Some(tree))?);
                commits.extend(std::iter::repeat_n(at, added));
            }
            let Some(&parent) = commit.parents.first() else { break };
            at = parent;
            here = before;
        }
        commits.reverse();
        Ok(commits)
    }

    fn files(&self, id: &DraftId) -> Result<Vec<(String, ObjectId)>> {
        let Some(folder) = self.folder(id)? else { return Ok(Vec::new()) };
        Ok(self.repository.entries(folder)?.into_iter().map(|entry| (entry.name, entry.id)).collect())
    }

    fn folder(&self, id: &DraftId) -> Result<Option<ObjectId>> {
        let read = |tree| -> Result<Folders> {
            Ok(self.repository.entries(tree)?.into_iter().map(|entry| (entry.name, entry.id)).collect())
        };
        let top = match self.top.get() {
            Some(top) => top,
            None => {
                let top = read(self.tree)?;
                self.top.get_or_init(|| top)
            }
        };
        let Some(&shard) = top.get(id.shard()) else { return Ok(None) };
        let mut shards = self.shards.borrow_mut();
        if !shards.contains_key(id.shard()) {
            shards.insert(id.shard().to_owned(), read(shard)?);
        }
        Ok(shards[id.shard()].get(id.as_str()).copied())
    }
}

/// Adds to a batch the tree and the commit that `notes` make of a snapshot.
fn stage_on(
    snapshot: &Snapshot<'_>,
    batch: &mut Batch<'_>,
    notes: &[Note],
    subject: &str,
    now: Timestamp,
) -> Result<(ObjectId, BTreeSet<DraftId>)> {
    let mut changes = Changes::new();
    let mut counts: BTreeMap<&DraftId, usize> = BTreeMap::new();
    let mut added = BTreeSet::new();
    let marker = batch.blob(b"");
    for note in notes {
        let count = match counts.get(&note.id) {
            Some(count) => *count,
            None => snapshot.files(&note.id)?.iter().filter(|(name, _)| name.ends_with(".toml")).count(),
        };
        if count != note.after {
            tracing::info!(draft = %note.id, kind = note.entry.fact.kind(), "not noted: the draft moved on meanwhile");
            continue;
        }
        let number = count + 1;
        counts.insert(&note.id, number);
        added.insert(note.id.clone());
        let folder = format!("{}/{}", note.id.shard(), note.id);
        let entry = batch.blob(note.entry.render().as_bytes());
        changes.insert(format!("{folder}/{}", note.entry.file_name(number)), Some(entry));
        for (extension, bytes) in &note.files {
            let file = batch.blob(bytes);
            changes.insert(format!("{folder}/{number}-{}.{extension}", note.entry.fact.kind()), Some(file));
        }
        if let crate::entry::Fact::Drafted(drafted) = &note.entry.fact {
            changes.insert(Ledger::policy_path(drafted.policy), Some(drafted.policy));
        }
        changes.insert(format!("{OPEN}/{}", note.id), note.entry.fact.is_open().then_some(marker));
    }
    let tree = batch.tree(Some(snapshot.tree), &changes)?;
    let commit = batch.commit(tree, &[snapshot.tip], &message(subject), now);
    Ok((commit, added))
}

/// A ledger commit's message; the nonce keeps two machines from ever making the same commit.
fn message(subject: &str) -> String {
    format!("{subject}\n\nNonce: {}\n", nonce())
}

fn nonce() -> String {
    let mut bytes = [0; 16];
    // The kernel fills 16 bytes in one call once it is seeded, which it is after boot.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the id of this clone, on this machine, in this folder; makes it where it is wanted and missing.
///
/// A random part that git does not clone, the machine, and the inode of the git folder: a `cp -r`, a
/// restored backup and an `rsync` to another host are other clones, although they hold the same files.
fn clone_id(repository: &Repository, make: bool) -> Result<Option<String>> {
    let own = repository.own_dir();
    let path = own.join(CLONE_FILE);
    let failed = |error| LedgerError::State { path: path.clone(), error };
    let random = match fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
            let random = nonce();
            fs::create_dir_all(&own).map_err(failed)?;
            fs::write(&path, format!("{random}\n")).map_err(failed)?;
            random
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let machine = fs::read_to_string("/etc/machine-id")
        .unwrap_or_else(|_| rustix::system::uname().nodename().to_string_lossy().into_owned());
    let inode = fs::metadata(repository.git_dir()).map_err(failed)?.ino();
    let whole = sha256_hex(format!("{random} {} {inode}", machine.trim()).as_bytes());
    Ok(Some(whole[..16].to_owned()))
}

fn number_of(name: &str) -> Option<usize> {
    name.split_once('-').and_then(|(number, _)| number.parse().ok())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerHead {
    version: u32,
    id: String,
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::continuity::TIP_FILE;
    use super::*;
    use crate::entry::Fact;

    fn now() -> Timestamp {
        Timestamp::from_second(1_795_000_000).unwrap()
    }

    fn note(id: &str, fact: Fact) -> Note {
        Note::new(
            &id.parse().unwrap(),
            &[],
            Entry { at: now(), host: "atlas".to_owned(), generation: 1, fact },
        )
    }

    fn note_after(id: &str, after: usize, fact: Fact) -> Note {
        Note { after, ..note(id, fact) }
    }

    fn failed() -> Fact {
        Fact::Failed { reason: "no".to_owned() }
    }

    fn sent() -> Fact {
        Fact::Sent { receipt: "250".to_owned() }
    }

    struct Bed {
        folder: tempfile::TempDir,
        repository: Repository,
    }

    impl Bed {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init(&folder.path().join("desk")).unwrap();
            Ledger::create(&repository, now()).unwrap();
            Self { folder, repository }
        }

        fn open(&self) -> Result<Ledger<'_>> {
            Ledger::open(&self.repository, &self.folder.path().join("state"))
        }

        fn git(&self, arguments: &[&str]) -> String {
            let mut command = self.repository.command();
            command.args(["-c", "user.name=x", "-c", "user.email=x@example.com"]).args(arguments);
            crate::git::program::run(&mut command).unwrap().trim_end().to_owned()
        }
    }

    #[test]
    fn entries_are_read_in_the_order_in_which_they_were_added() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending)], "sending: kqzmwvst", now()).unwrap();
        for after in 1..11 {
            ledger.append(&[note_after("kqzmwvst", after, failed())], "failed: kqzmwvst", now()).unwrap();
        }
        let story = ledger.snapshot().unwrap().story(&"kqzmwvst".parse().unwrap()).unwrap();
        assert_eq!(story.len(), 11);
        assert_eq!(story[0].fact, Fact::Sending);
        assert_eq!(ledger.snapshot().unwrap().commits_of(&"kqzmwvst".parse().unwrap()).unwrap().len(), 11);
        assert_eq!(ledger.snapshot().unwrap().sends_since(now()).unwrap().len(), 1);
    }

    #[test]
    fn only_unfinished_drafts_are_open() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending), note("mrnpmrnp", sent())], "x", now()).unwrap();
        let open: Vec<String> =
            ledger.snapshot().unwrap().open_ids().unwrap().iter().map(DraftId::to_string).collect();
        assert_eq!(open, ["kqzmwvst"]);
        ledger.append(&[note_after("kqzmwvst", 1, sent())], "x", now()).unwrap();
        assert!(ledger.snapshot().unwrap().open_ids().unwrap().is_empty());
        assert_eq!(ledger.snapshot().unwrap().ids_with_prefix("m").unwrap().len(), 1);
    }

    #[test]
    fn a_note_that_is_out_of_date_is_not_added() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending)], "x", now()).unwrap();
        let added = ledger
            .append(&[note("kqzmwvst", Fact::Expired), note("mrnpmrnp", Fact::Sending)], "x", now())
            .unwrap();
        assert_eq!(added.iter().map(DraftId::as_str).collect::<Vec<_>>(), ["mrnpmrnp"]);
        assert_eq!(ledger.snapshot().unwrap().story(&"kqzmwvst".parse().unwrap()).unwrap().len(), 1);
    }

    #[test]
    fn one_clone_sends_until_another_takes_over() {
        let bed = Bed::new();
        drop(bed.open().unwrap());
        let other = bed.folder.path().join("other");
        bed.git(&["clone", "-q", ".", other.to_str().unwrap()]);
        let clone = Repository::open(&other).unwrap();
        let tip = clone.remote_branch("ledger").unwrap().unwrap();
        clone.swap(LEDGER, None, tip, "x").unwrap();
        let state = bed.folder.path().join("other-state");
        assert!(matches!(Ledger::open(&clone, &state), Err(LedgerError::AnotherClone(_))));
        Ledger::take_over(&clone, now()).unwrap();
        assert!(Ledger::open(&clone, &state).is_ok());
        bed.git(&["fetch", "-q", other.to_str().unwrap(), "ledger:ledger"]);
        assert!(matches!(bed.open(), Err(LedgerError::AnotherClone(_))));
    }

    #[test]
    fn a_rewound_ledger_is_refused() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending)], "x", now()).unwrap();
        bed.git(&["update-ref", "refs/heads/ledger", "refs/heads/ledger^"]);
        assert!(matches!(bed.open(), Err(LedgerError::Rewound { .. })));
    }

    #[test]
    fn a_ledger_that_only_grew_is_accepted_even_when_its_tip_was_not_remembered() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        let before = fs::read(bed.folder.path().join("state").join(TIP_FILE)).unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending)], "x", now()).unwrap();
        fs::write(bed.folder.path().join("state").join(TIP_FILE), before).unwrap();
        assert!(bed.open().is_ok());
    }

    #[test]
    fn a_commit_that_is_not_the_machines_is_refused() {
        let bed = Bed::new();
        drop(bed.open().unwrap());
        let commit = bed.git(&["commit-tree", "ledger^{tree}", "-p", "ledger", "-m", "mine"]);
        bed.git(&["update-ref", "refs/heads/ledger", &commit]);
        assert!(matches!(bed.open(), Err(LedgerError::Foreign(_))));
    }

    #[test]
    fn a_missing_or_checked_out_ledger_is_refused() {
        let bed = Bed::new();
        bed.git(&["symbolic-ref", "HEAD", "refs/heads/ledger"]);
        assert!(matches!(bed.open(), Err(LedgerError::CheckedOut)));
        bed.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        bed.git(&["update-ref", "-d", "refs/heads/ledger"]);
        assert!(matches!(bed.open(), Err(LedgerError::Missing(_))));
    }

    #[test]
    fn a_lock_that_a_dead_process_left_heals() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        let lock = bed.repository.git_dir().join("refs/heads/ledger.lock");
        fs::write(&lock, "x").unwrap();
        let old = std::time::SystemTime::now() - Duration::from_secs(5);
        File::options().write(true).open(&lock).unwrap().set_modified(old).unwrap();
        // It may be a living git's, which holds it as long as it likes.
        let refused = ledger.append(&[note("kqzmwvst", Fact::Sending)], "x", now());
        assert!(matches!(refused, Err(LedgerError::Locked)) && lock.exists(), "{refused:?}");
        // The lock of one that died is a link to what it had prepared.
        fs::hard_link(&lock, bed.repository.own_dir().join("ledger.next")).unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending)], "x", now()).unwrap();
        assert!(!lock.exists() && !moving::is_begun(&bed.repository, LEDGER).unwrap());
    }

    #[test]
    fn a_ledger_that_is_rewound_meanwhile_is_not_added_to() {
        let bed = Bed::new();
        let ledger = bed.open().unwrap();
        ledger.append(&[note("kqzmwvst", Fact::Sending)], "sending", now()).unwrap();
        bed.git(&["update-ref", "refs/heads/ledger", "ledger^"]);
        let refused = ledger.append(&[note("mrnpmrnp", failed())], "failed", now());
        assert!(matches!(refused, Err(LedgerError::Rewound { .. })), "{refused:?}");
    }

    #[test]
    fn many_writers_lose_nothing() {
        let bed = Bed::new();
        drop(bed.open().unwrap());
        let (place, state) = (bed.repository.place().to_path_buf(), bed.folder.path().join("state"));
        thread::scope(|scope| {
            for writer in 0..4 {
                let (place, state) = (&place, &state);
                scope.spawn(move || {
                    let repository = Repository::open(place).unwrap();
                    let ledger = Ledger::open(&repository, state).unwrap();
                    for n in 0..10 {
                        let id = DraftId::derive(&format!("{writer} {n}"), 8);
                        ledger.append(&[note(id.as_str(), Fact::Sending)], "x", now()).unwrap();
                    }
                });
            }
        });
        assert_eq!(bed.open().unwrap().snapshot().unwrap().open_ids().unwrap().len(), 40);
    }
}
