//! Changes the checked-out desk beside a working operator.
//!
//! The naive way (move the branch, then check out) turns drafts into staged deletions when the
//! operator works at the same moment. The order here was tested against that: files first, then the
//! index's lock taken *with its new content*, then the branch, then the index. Every step can be the
//! last one before a crash; [`heal`] puts right what is left, by state and not by memory.
//!
//! It must never touch a path that the operator has changed, nor hold git's locks for longer than
//! the branch needs to move.

mod elsewhere;
mod heal;
mod stage;

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::lease::lease_holder;
use super::linked::{LinkedLock, lock_of};
use super::moving::Moving;
use super::objects::{Batch, Changes, blob_id};
use super::operations::REBASE;
use super::{
    DRAFTS, GitError, Head, MAIN, Repository, Result, Swap, from_oid, no_index, to_oid, unwritable,
    unwritable_io,
};
use crate::failpoint::reached;
use crate::id::ObjectId;

pub(crate) use heal::KEPT;
pub use heal::{
    Healed, heal, is_ours, leftovers, lost, note_lost, remove_finished_head_lock, restarted, taken_away,
};
pub use stage::{Staged, stage, unstage};

/// One path that shall change, and the blob that it is all about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path in the repository, with `/`.
    pub path: String,
    /// The blob that shall stand there, or that stands there and shall go.
    pub blob: ObjectId,
    /// The bytes to put there; none takes the file away.
    pub bytes: Option<Vec<u8>>,
}

/// Why the desk cannot be changed just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Busy {
    /// git is in the middle of something.
    Operation(&'static str),
    /// A commit is being written in an editor.
    Committing,
    /// Another process holds the index.
    IndexLocked,
    /// Another worktree has the branch checked out.
    CheckedOutElsewhere(PathBuf),
    /// libgit2 cannot read this index.
    Index(String),
    /// An approval can still be taken back, and `git reset HEAD~1` must hit it and no commit of ours.
    Window,
    /// The operator, or another process, was faster, several times.
    Moving,
    /// The drafts folder is a symbolic link, or no folder.
    NoFolder,
}

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Busy::Operation(what) => write!(f, "{what} is under way"),
            Busy::Committing => f.write_str("a commit is being written"),
            Busy::IndexLocked => f.write_str("another git process holds the index"),
            Busy::CheckedOutElsewhere(path) => {
                write!(f, "`main` is checked out in the linked worktree {}", path.display())
            }
            Busy::Index(why) => f.write_str(why),
            Busy::Window => f.write_str("an approval can still be taken back"),
            Busy::Moving => f.write_str("the desk keeps moving"),
            Busy::NoFolder => f.write_str("`drafts` is not a plain folder"),
        }
    }
}

/// A change that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The path.
    pub path: String,
    /// What about it, a short phrase.
    pub why: &'static str,
}

/// What came of preparing.
pub enum Prepared<'r> {
    /// It can be carried out once the batch is written.
    Ready(Box<Landing<'r>>),
    /// There is nothing to change (any more).
    Nothing {
        /// What was left out.
        kept: Vec<Kept>,
    },
    /// Not now.
    Busy(Busy),
}

/// How carrying out ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// The branch has the commit, and the worktree and the index agree with it.
    Done {
        /// The commit.
        commit: ObjectId,
        /// What was left out.
        kept: Vec<Kept>,
    },
    /// Not now; the desk is as it was.
    Busy(Busy),
}

/// A prepared change of the desk.
pub struct Landing<'r> {
    repository: &'r Repository,
    tip: Option<ObjectId>,
    commit: ObjectId,
    changes: Vec<Change>,
    kept: Vec<Kept>,
    worktree: Option<(PathBuf, Option<Fingerprint>)>,
    /// The branch's new file, once it is written.
    moving: Option<Moving<'r>>,
}

/// Changes the desk by one commit, in as many attempts as a busy desk may need.
///
/// Writes and flushes the objects itself; for a landing that shares its flush with the ledger use
/// [`prepare`], [`Landing::place`] and [`Landing::finish`].
pub fn land(repository: &Repository, changes: &[Change], message: &str, now: Timestamp) -> Result<Landed> {
    for _ in 0..ATTEMPTS {
        let mut batch = Batch::new(repository);
        match prepare(repository, &mut batch, changes, message, now)? {
            Prepared::Busy(busy) => return Ok(Landed::Busy(busy)),
            Prepared::Nothing { kept } => {
                let commit = repository.tip(MAIN)?.ok_or_else(no_main)?;
                return Ok(Landed::Done { commit, kept });
            }
            Prepared::Ready(mut landing) => {
                let _written = batch.write()?;
                landing.place()?;
                repository.flush()?;
                match landing.finish(message)? {
                    Landed::Busy(Busy::Moving) => {}
                    landed => return Ok(landed),
                }
            }
        }
    }
    Ok(Landed::Busy(Busy::Moving))
}

/// How often [`land`] starts anew when the desk moves under it.
const ATTEMPTS: usize = 3;

/// Looks whether and how `changes` can be made, and adds the tree and the commit to the batch.
pub fn prepare<'r>(
    repository: &'r Repository,
    batch: &mut Batch<'_>,
    changes: &[Change],
    message: &str,
    now: Timestamp,
) -> Result<Prepared<'r>> {
    let on_main = repository.worktree().is_some() && repository.head()? == Head::Branch(MAIN.to_owned());
    if let Some(path) = repository.linked_worktrees_on(MAIN)?.into_iter().next() {
        return Ok(Prepared::Busy(Busy::CheckedOutElsewhere(path)));
    }
    if on_main && let Some(busy) = busy(repository)? {
        return Ok(Prepared::Busy(busy));
    }
    // What the last one left to do has to be done before: [`heal`] could not, for somebody held the index.
    if on_main && repository.own_dir().join(INTENT).exists() {
        return Ok(Prepared::Busy(Busy::IndexLocked));
    }
    if repository.is_rebasing(MAIN)? {
        return Ok(Prepared::Busy(Busy::Operation(REBASE)));
    }
    let worktree = match repository.worktree() {
        Some(top) if on_main => Some((top.to_path_buf(), Fingerprint::of(&index_path(repository))?)),
        _ => None,
    };
    let index = match &worktree {
        Some(_) => match open_index(&index_path(repository)) {
            Ok(index) => Some(index),
            Err(error) => return Ok(Prepared::Busy(Busy::Index(no_index(&error).to_string()))),
        },
        None => None,
    };

    let tip = repository.tip(MAIN)?;
    let tree = match tip {
        Some(tip) => Some(repository.commit(tip)?.tree),
        None => None,
    };
    let mut wanted = Vec::new();
    let mut kept = Vec::new();
    for change in changes {
        let committed = match tree {
            Some(tree) => repository.entry(tree, &change.path)?.map(|entry| entry.id),
            None => None,
        };
        let after = change.bytes.as_ref().map(|_| change.blob);
        if committed == after {
            continue;
        }
        match obstacle(change, committed, index.as_ref(), worktree.as_ref().map(|(top, _)| top.as_path())) {
            Some(why) => kept.push(Kept { path: change.path.clone(), why }),
            None => wanted.push(change.clone()),
        }
    }
    if wanted.is_empty() {
        return Ok(Prepared::Nothing { kept });
    }
    let edits: Changes = wanted
        .iter()
        .map(|change| (change.path.clone(), change.bytes.as_ref().map(|_| change.blob)))
        .collect();
    for change in &wanted {
        if let Some(bytes) = &change.bytes {
            batch.blob(bytes);
        }
    }
    let tree = batch.tree(tree, &edits)?;
    let commit = batch.commit(tree, tip.as_slice(), message, now);
    Ok(Prepared::Ready(Box::new(Landing {
        repository,
        tip,
        commit,
        changes: wanted,
        kept,
        worktree,
        moving: None,
    })))
}

impl Landing<'_> {
    /// Puts the files into the worktree and prepares the branch's new file and the new index; nothing in git
    /// changes yet.
    ///
    /// Goes before the flush, so that one flush makes all of it durable.
    pub fn place(&mut self) -> Result<()> {
        let own = self.repository.own_dir();
        fs::create_dir_all(&own).map_err(|error| unwritable_io(&own, &error))?;
        write_intent(&own, self.commit, &self.changes)?;
        reached("intent.written");
        self.moving = Some(Moving::begin(self.repository, MAIN, self.commit)?);
        let Some((top, _)) = &self.worktree else { return Ok(()) };
        for change in &self.changes {
            if let Some(bytes) = &change.bytes {
                let path = top.join(&change.path);
                match place_file(&own, &path, bytes) {
                    Ok(()) => reached("file.placed"),
                    // The operator takes the folder away, by going to a branch without it: nothing is
                    // prepared then, and `finish` says that the desk moves.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                    Err(error) => return Err(unwritable_io(&path, &error)),
                }
            }
        }
        match self.write_index(&own, top) {
            Ok(()) => reached("index.prepared"),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {}
            Err(error) => return Err(unwritable("the index", &error)),
        }
        Ok(())
    }

    /// Moves the branch, with the index's lock held over it.
    pub fn finish(mut self, why: &str) -> Result<Landed> {
        let subject = why.lines().next().unwrap_or_default();
        let moving = self.moving.take();
        let Some((top, before)) = &self.worktree else {
            return elsewhere::finish(&self, moving, subject);
        };
        let own = self.repository.own_dir();
        let index = index_path(self.repository);
        let lock = match LinkedLock::take(&own.join(INDEX_ASIDE), &index) {
            Ok(lock) => {
                reached("index.locked");
                lock
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.retreat(top)?;
                return Ok(Landed::Busy(Busy::IndexLocked));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.retreat(top)?;
                return Ok(Landed::Busy(Busy::Moving));
            }
            Err(error) => return Err(unwritable_io(&lock_of(&index), &error)),
        };
        let still = Fingerprint::of(&index)? == *before
            && self.repository.head()? == Head::Branch(MAIN.to_owned())
            && self.repository.operation_under_way().is_none()
            && lease_holder(self.repository).is_none();
        if !still || self.swap(moving, subject)? == Swap::Lost {
            lock.release()?;
            self.retreat(top)?;
            return Ok(Landed::Busy(Busy::Moving));
        }
        lock.becomes_the_target()?;
        reached("index.moved");
        remove(&own.join(INDEX_ASIDE))?;
        for change in self.changes.iter().filter(|change| change.bytes.is_none()) {
            take_away(&own, &top.join(&change.path), change.blob)?;
            reached("file.cleared");
        }
        remove(&own.join(INTENT))?;
        reached("intent.removed");
        Ok(Landed::Done { commit: self.commit, kept: self.kept })
    }

    /// Tells whether every change that was wanted is made: which one is not, and why.
    pub fn left_out(&self) -> Option<&Kept> {
        self.kept.first()
    }

    /// Takes back what [`Landing::place`] did; nothing in git has changed.
    pub fn abandon(self) -> Result<()> {
        match &self.worktree {
            Some((top, _)) => self.retreat(top),
            None => remove(&self.repository.own_dir().join(INTENT)),
        }
    }

    /// Moves the branch, if [`Landing::place`] has prepared that.
    fn swap(&self, moving: Option<Moving<'_>>, why: &str) -> Result<Swap> {
        moving.map_or(Ok(Swap::Lost), |moving| moving.finish(self.tip, why))
    }

    /// Tells whether it takes a file away whose path is like this.
    pub fn removes(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.changes.iter().any(|change| change.bytes.is_none() && is_it(&change.path))
    }

    /// Takes the placed files back; whoever reads the worktree meanwhile sees only drafts.
    fn retreat(&self, top: &Path) -> Result<()> {
        let own = self.repository.own_dir();
        let index = open_index(&index_path(self.repository)).ok();
        for change in self.changes.iter().filter(|change| change.bytes.is_some()) {
            // A file that the operator has just staged is the operator's.
            let staged =
                index.as_ref().is_none_or(|index| index.get_path(Path::new(&change.path), 0).is_some());
            if !staged {
                take_away(&own, &top.join(&change.path), change.blob)?;
            }
        }
        remove(&own.join(INDEX_ASIDE))?;
        remove(&own.join(INTENT))
    }

    fn write_index(&self, own: &Path, top: &Path) -> std::result::Result<(), git2::Error> {
        write_index_aside(self.repository, own, |index| {
            for change in &self.changes {
                match change.bytes {
                    Some(_) => index.add(&index_entry(top, &change.path, change.blob)?)?,
                    None => index.remove_path(Path::new(&change.path))?,
                }
            }
            Ok(())
        })
    }
}

/// Tells whether a path is, in the index and in the worktree, as `blob` is: nobody works on it.
pub fn is_untouched(repository: &Repository, path: &str, blob: ObjectId) -> Result<bool> {
    let on_main = repository.head()? == Head::Branch(MAIN.to_owned());
    let (Some(top), true) = (repository.worktree(), on_main) else { return Ok(true) };
    Ok(repository.staged(path)? == Some(blob) && holds(&top.join(path), blob)?)
}

const INDEX_ASIDE: &str = "index.aside";
/// What the index's lock is a link to while `main` moves and the worktree is elsewhere: no index at all.
const INDEX_HELD: &str = "index.held";
const INTENT: &str = "landing";

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Fingerprint {
    fn of(path: &Path) -> Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self {
                inode: metadata.ino(),
                size: metadata.size(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(super::unreadable_io(path, &error)),
        }
    }
}

fn busy(repository: &Repository) -> Result<Option<Busy>> {
    if let Some(operation) = repository.operation_under_way() {
        return Ok(Some(Busy::Operation(operation)));
    }
    if lease_holder(repository).is_some() {
        return Ok(Some(Busy::Committing));
    }
    if lock_of(&index_path(repository)).exists() {
        return Ok(Some(Busy::IndexLocked));
    }
    let folder = repository.place().join(DRAFTS);
    match fs::symlink_metadata(&folder) {
        Ok(metadata) if !metadata.is_dir() => Ok(Some(Busy::NoFolder)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(super::unreadable_io(&folder, &error)),
    }
}

/// Says why a path must stay as it is: it is not in the state that the change starts from.
fn obstacle(
    change: &Change,
    committed: Option<ObjectId>,
    index: Option<&git2::Index>,
    top: Option<&Path>,
) -> Option<&'static str> {
    let before = if change.bytes.is_some() { None } else { Some(change.blob) };
    if committed != before {
        return Some("another version is committed");
    }
    let (index, top) = (index?, top?);
    let path = Path::new(&change.path);
    if (1..=3).any(|stage| index.get_path(path, stage).is_some()) {
        return Some("is in conflict");
    }
    if index.get_path(path, 0).map(|entry| from_oid(entry.id)) != before {
        return Some("another version is staged");
    }
    match (content(&top.join(path)), &change.bytes) {
        (Err(_), _) => Some("cannot be read in the worktree"),
        (Ok(Content::Missing), _) => None,
        // Nobody's text: a power cut may leave the name of a file that we had put there, and no content.
        (Ok(Content::Bytes(found)), Some(_)) if found.is_empty() => None,
        (Ok(Content::Bytes(found)), _) if blob_id(&found) == change.blob => None,
        (Ok(Content::Bytes(_) | Content::Other), _) => Some("another version is in the worktree"),
    }
}

enum Content {
    Missing,
    Bytes(Vec<u8>),
    /// Not a plain file: never ours to touch.
    Other,
}

/// Reads what stands at a path.
///
/// # Errors
/// It could not be read: whoever took that for something else would leave a file behind, or take it for the
/// operator's.
fn content(path: &Path) -> io::Result<Content> {
    let is_missing =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let read = fs::symlink_metadata(path).and_then(|metadata| match metadata.is_file() {
        true => fs::read(path).map(Content::Bytes),
        false => Ok(Content::Other),
    });
    match read {
        Err(error) if is_missing(&error) => Ok(Content::Missing),
        read => read,
    }
}

fn holds(path: &Path, blob: ObjectId) -> Result<bool> {
    let content = content(path).map_err(|error| super::unreadable_io(path, &error))?;
    Ok(matches!(content, Content::Bytes(bytes) if blob_id(&bytes) == blob))
}

/// Creates a file with its whole content at once, never over another that has any.
///
/// Where the file system can, the file has no name before it is whole, so that nobody's `git add -A`
/// can pick up half of it; elsewhere it is written in our own folder and linked.
fn place_file(own: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    if matches!(content(path)?, Content::Bytes(found) if found.is_empty()) {
        remove_if_there(path)?;
    }
    let placed = match place_nameless(folder, path, bytes) {
        Err(error) if is_unsupported(&error) => place_by_link(&own.join("aside"), path, bytes),
        placed => placed,
    };
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::read(path)? == bytes => Ok(()),
        placed => placed,
    }
}

fn place_nameless(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = fs::File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o666))?);
    file.write_all(bytes)?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

fn place_by_link(aside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove_if_there(aside)?;
    fs::File::create_new(aside)?.write_all(bytes)?;
    let linked = fs::hard_link(aside, path);
    fs::remove_file(aside)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs::File::create_new(path)?.write_all(bytes)
        }
        linked => linked,
    }
}

/// Tells whether a file system, or a system without `/proc`, cannot make files without a name.
fn is_unsupported(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Names the place where a file is looked at before it goes for good; the blob leads back to its path.
fn gone_path(own: &Path, blob: ObjectId) -> PathBuf {
    own.join(format!("gone-{blob}"))
}

/// Removes a worktree file if it still holds `blob`: moved aside first, and put back if it does not.
fn take_away(own: &Path, path: &Path, blob: ObjectId) -> Result<()> {
    if !holds(path, blob)? {
        return Ok(());
    }
    let aside = gone_path(own, blob);
    match fs::rename(path, &aside) {
        Ok(()) if holds(&aside, blob)? => {
            reached("file.aside");
            remove(&aside)
        }
        Ok(()) => fs::hard_link(&aside, path)
            .map_err(|error| unwritable_io(path, &error))
            .and_then(|()| remove(&aside)),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => remove(path),
        Err(error) => Err(unwritable_io(path, &error)),
    }
}

fn index_entry(top: &Path, path: &str, blob: ObjectId) -> std::result::Result<git2::IndexEntry, git2::Error> {
    let metadata = fs::symlink_metadata(top.join(path)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            git2::Error::new(git2::ErrorCode::NotFound, git2::ErrorClass::Os, error.to_string())
        }
        _ => git2::Error::from_str(&error.to_string()),
    })?;
    // The index keeps the low 32 bits of each number, as git does.
    let time = |seconds: i64, nanoseconds: i64| git2::IndexTime::new(seconds as i32, nanoseconds as u32);
    Ok(git2::IndexEntry {
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        dev: metadata.dev() as u32,
        ino: metadata.ino() as u32,
        mode: 0o100_644,
        uid: metadata.uid(),
        gid: metadata.gid(),
        file_size: metadata.size() as u32,
        id: to_oid(blob),
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    })
}

/// Writes the index as it shall be beside the index as it is.
fn write_index_aside(
    repository: &Repository,
    own: &Path,
    edit: impl FnOnce(&mut git2::Index) -> std::result::Result<(), git2::Error>,
) -> std::result::Result<(), git2::Error> {
    let failed = |error: io::Error| git2::Error::from_str(&error.to_string());
    let aside = own.join(INDEX_ASIDE);
    // Never written in place: after a crash the old file may share its inode with the index itself.
    remove_if_there(&aside).map_err(failed)?;
    remove_if_there(&lock_of(&aside)).map_err(failed)?;
    match fs::copy(index_path(repository), &aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let written = open_index(&aside).and_then(|mut index| {
        edit(&mut index)?;
        index.write()
    });
    // A copy that is not what it shall be must not be there for whoever takes the lock with it.
    if written.is_err() {
        remove_if_there(&aside).map_err(failed)?;
    }
    written
}

/// Writes down what is about to change, one line each: the commit, then `put` or `remove` with the
/// blob and the path.
fn write_intent(own: &Path, commit: ObjectId, changes: &[Change]) -> Result<()> {
    let mut text = format!("commit {commit}\n");
    for change in changes {
        let verb = if change.bytes.is_some() { "put" } else { "remove" };
        text.push_str(&format!("{verb} {} {}\n", change.blob, change.path));
    }
    replace(&own.join(INTENT), &text)
}

/// Puts a file of ours in the place of another at once; durable with the next flush.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(|error| unwritable_io(path, &error))
}

/// Opens an index file, and holds it against the number of entries that the file says it has.
///
/// libgit2 takes a file that it is not allowed to look at for one that is not there, and would go on with
/// an empty index: everything else would be staged as deleted.
pub(crate) fn open_index(path: &Path) -> std::result::Result<git2::Index, git2::Error> {
    let index = git2::Index::open(path)?;
    let count = entries_in_file(path).map_err(|error| git2::Error::from_str(&error.to_string()))?;
    if index.len() == count {
        return Ok(index);
    }
    Err(git2::Error::from_str("it could not be read, or changed at that moment"))
}

/// Reads how many entries an index file has, from its header; none where there is no file
/// (gitformat-index(5)).
fn entries_in_file(path: &Path) -> io::Result<usize> {
    let mut header = [0; 12];
    match fs::File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    }
    let [.., a, b, c, d] = header;
    Ok(u32::from_be_bytes([a, b, c, d]) as usize)
}

fn index_path(repository: &Repository) -> PathBuf {
    repository.inner.path().join("index")
}

/// Removes a file of ours, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    remove_if_there(path).map_err(|error| unwritable_io(path, &error))
}

fn no_main() -> GitError {
    GitError::NoBranch { branch: "main" }
}
