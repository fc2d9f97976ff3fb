//! Puts right what a crash in the middle of a landing left behind, by state and not by memory.
//!
//! It must never take away what a person may have made: a file goes only while it holds the very bytes
//! that we put there, and a lock only while it is provably ours.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{
    Change, Content, Fingerprint, INDEX_ASIDE, INDEX_HELD, INTENT, LinkedLock, content, gone_path, holds,
    index_entry, index_path, lock_of, open_index, place_file, remove, replace, take_away, write_index_aside,
};
use crate::failpoint::reached;
use crate::git::linked::same_file;
use crate::git::objects::{blob_id, remove_dead_keeps};
use crate::git::{
    Head, LEDGER, MAIN, Repository, Result, from_oid, no_index, unreadable_io, unwritable, unwritable_io,
};
use crate::git::{loose, moving};
use crate::id::ObjectId;

/// The paths of drafts that a half-done landing took away again.
const LOST: &str = "lost";

/// How the names of files begin that are kept for the operator.
pub(crate) const KEPT: &str = "kept-";

/// The start of the machine at which was looked for what a power cut left.
const BOOT: &str = "boot";

/// What [`heal`] put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Each thing, as a sentence.
    pub lines: Vec<String>,
}

/// Returns the paths of drafts that had landed and that a half-done landing took away again: whoever
/// committed right after the crash removed them without knowing.
pub fn lost(repository: &Repository) -> Result<BTreeSet<String>> {
    let path = repository.own_dir().join(LOST);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(ToOwned::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(unreadable_io(&path, &error)),
    }
}

/// Notes which of them are still lost.
pub fn note_lost(repository: &Repository, lost: &BTreeSet<String>) -> Result<()> {
    let path = repository.own_dir().join(LOST);
    if lost.is_empty() {
        return remove(&path);
    }
    let text: String = lost.iter().map(|path| format!("{path}\n")).collect();
    replace(&path, &text)
}

/// Puts right what a crash in the middle of a landing left behind, and returns what that was.
///
/// Runs under the desk's lock, before anything else touches the desk. Decides by state: what the
/// branch, the index and the worktree say, with the intent only as a list of places to look.
pub fn heal(repository: &Repository) -> Result<Healed> {
    let own = repository.own_dir();
    remove_dead_keeps(repository)?;
    let intent = read_intent(&own)?;
    let aside = own.join(INDEX_ASIDE);
    let index = index_path(repository);
    let lock = lock_of(&index);
    let mut healed = Healed::default();

    let tip = repository.tip(MAIN)?;
    let landed = match (&intent, tip) {
        (Some((commit, _)), Some(tip)) => repository.descends(tip, *commit)?,
        _ => false,
    };
    if same_file(&aside, &lock)? {
        if landed {
            fs::rename(&lock, &index).map_err(|error| unwritable_io(&index, &error))?;
        } else {
            remove(&lock)?;
        }
        healed.lines.push("removed the index lock of a landing that was cut off".to_owned());
        reached("heal.unlocked");
    }
    remove(&aside)?;
    let held = own.join(INDEX_HELD);
    if same_file(&held, &lock)? {
        remove(&lock)?;
        healed.lines.push("removed the index lock of a landing that was cut off".to_owned());
        reached("heal.unlocked");
    }
    remove(&held)?;
    // libgit2 writes the copy under a lock of its own.
    remove(&lock_of(&aside))?;
    if moving::remove_left(repository, MAIN)? {
        healed.lines.push("removed the lock of `main` of a landing that was cut off".to_owned());
    }
    let Some((_, changes)) = intent else {
        // One that a power cut left empty.
        remove(&own.join(INTENT))?;
        return Ok(healed);
    };
    if landed {
        note_gone(repository, tip, &changes)?;
    }
    if let Some(top) = repository.worktree() {
        healed.lines.extend(bring_back(&own, top, &changes)?);
    }
    let on_main = repository.head()? == Head::Branch(MAIN.to_owned());
    if let (Some(top), true) = (repository.worktree(), on_main) {
        let mended = heal_worktree(repository, &own, top, landed, tip, &changes)?;
        healed.lines.extend(mended.lines);
        reached("heal.mended");
        // Whoever holds the index keeps it from being mended; the intent stays for the next run.
        if mended.is_index_busy {
            return Ok(healed);
        }
    } else if let (Some(top), false) = (repository.worktree(), landed) {
        healed.lines.extend(take_back(repository, &own, top, &changes)?);
    }
    remove(&own.join(INTENT))?;
    Ok(healed)
}

/// Takes back what was placed on `main` and did not land, where the operator has gone to another branch
/// since: it would be in the way back.
fn take_back(repository: &Repository, own: &Path, top: &Path, changes: &[Intended]) -> Result<Vec<String>> {
    let index = open_index(&index_path(repository)).map_err(|error| no_index(&error))?;
    let mut healed = Vec::new();
    for Intended { puts, blob, path } in changes {
        let file = top.join(path);
        if *puts && index.get_path(Path::new(path), 0).is_none() && holds(&file, *blob)? {
            take_away(own, &file, *blob)?;
            healed.push(format!("took back {path}, which had not landed"));
        }
    }
    Ok(healed)
}

/// Gives an operator who has just come to `main`, and missed `changes` on the way, what the branch has;
/// tells whether that could be done now. Where it `is_last` and could not, their files stay: by them the next
/// [`heal`] knows that nobody has removed the drafts.
pub(super) fn catch_up(repository: &Repository, changes: &[Change], is_last: bool) -> Result<bool> {
    let (Some(top), Some(tip)) = (repository.worktree(), repository.tip(MAIN)?) else { return Ok(true) };
    let own = repository.own_dir();
    let missed: Vec<Intended> = changes.iter().map(Intended::of).collect();
    note_gone(repository, Some(tip), &missed)?;
    let index = open_index(&index_path(repository)).map_err(|error| no_index(&error))?;
    let mut placed = Vec::new();
    for change in changes {
        let path = top.join(&change.path);
        let committed = repository.entry_at(tip, &change.path)?.map(|entry| entry.id);
        let is_staged = index.get_path(Path::new(&change.path), 0).is_some();
        if let (Some(bytes), false, true) = (&change.bytes, is_staged, committed == Some(change.blob))
            && matches!(content(&path).map_err(|error| unreadable_io(&path, &error))?, Content::Missing)
        {
            match place_file(&own, &path, bytes) {
                Ok(()) => placed.push((path, change.blob)),
                // The operator takes the folder away: they are gone again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unwritable_io(&path, &error)),
            }
        }
    }
    let mended = heal_worktree(repository, &own, top, true, Some(tip), &missed)?;
    if mended.is_index_busy && !is_last {
        for (path, blob) in placed {
            take_away(&own, &path, blob)?;
        }
    }
    Ok(!mended.is_index_busy)
}

/// Notes what has landed and is not on the branch any more: who removed it did not know that it was there.
fn note_gone(repository: &Repository, tip: Option<ObjectId>, changes: &[Intended]) -> Result<()> {
    let mut gone = lost(repository)?;
    let known = gone.len();
    for Intended { puts, path, .. } in changes {
        let there = match tip {
            Some(tip) => repository.entry_at(tip, path)?.is_some(),
            None => false,
        };
        if *puts && !there {
            gone.insert(path.clone());
        }
    }
    if gone.len() > known {
        note_lost(repository, &gone)?;
        reached("heal.noted");
    }
    Ok(())
}

/// Ends what [`take_away`] had begun: a file that holds what we put there goes, any other comes back.
fn bring_back(own: &Path, top: &Path, changes: &[Intended]) -> Result<Vec<String>> {
    let mut healed = Vec::new();
    for Intended { blob, path, .. } in changes {
        let aside = gone_path(own, *blob);
        let found = content(&aside).map_err(|error| unreadable_io(&aside, &error))?;
        let is_as_we_put_it = matches!(&found, Content::Bytes(bytes) if blob_id(bytes) == *blob);
        if !is_as_we_put_it && !matches!(found, Content::Missing) {
            match fs::hard_link(&aside, top.join(path)) {
                Ok(()) => healed.push(format!("put {path} back, which was changed as it was taken away")),
                // Somebody made it anew, or is on a branch without the folder; this version is kept where it
                // is, under its own name.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) =>
                {
                    let kept = own.join(format!("{KEPT}{blob}"));
                    fs::rename(&aside, &kept).map_err(|error| unwritable_io(&kept, &error))?;
                    healed.push(format!("another version of {path} is kept in {}", kept.display()));
                }
                Err(error) => return Err(unwritable_io(&top.join(path), &error)),
            }
        }
        remove(&aside)?;
    }
    Ok(healed)
}

/// Removes the lock of `HEAD` that is `HEAD` itself: libgit2 makes a new one by a link to its lock, and the
/// lock stays if that is the last thing that it does.
pub fn remove_finished_head_lock(repository: &Repository) -> Result<()> {
    let head = repository.git_dir().join("HEAD");
    let lock = lock_of(&head);
    if same_file(&head, &lock)? { remove(&lock) } else { Ok(()) }
}

/// Removes what a power cut left, if the machine has started anew since the last call; returns what that
/// was, each thing as a sentence.
pub fn restarted(repository: &Repository) -> Result<Vec<String>> {
    let own = repository.own_dir();
    let note = own.join(BOOT);
    // Where the system does not say, every call looks.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if !boot.is_empty() && fs::read_to_string(&note).is_ok_and(|before| before == boot) {
        return Ok(Vec::new());
    }
    let mended = loose::put_away(repository, &loose::broken(repository)?)?;
    fs::create_dir_all(&own)
        .and_then(|()| fs::write(&note, boot))
        .map_err(|error| unwritable_io(&note, &error))?;
    Ok(mended)
}

/// Returns the files of ours that a landing which was cut off has left.
pub fn leftovers(repository: &Repository) -> Vec<PathBuf> {
    let own = repository.own_dir();
    let aside = own.join(INDEX_ASIDE);
    let lock = lock_of(&aside);
    let all = [own.join(INTENT), aside, lock, own.join(INDEX_HELD), moving::aside(repository, MAIN)];
    all.into_iter().filter(|path| path.exists()).collect()
}

/// Returns the files of the worktree that a crash, or a person who was faster, left with us.
pub fn taken_away(repository: &Repository) -> Vec<PathBuf> {
    let names = |name: &str| name.starts_with("gone-") || name.starts_with(KEPT);
    let listing = fs::read_dir(repository.own_dir()).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        listing.filter(|file| file.file_name().to_str().is_some_and(names)).map(|file| file.path()).collect();
    found.sort();
    found
}

/// Tells whether a lock file of git's is one that a landing of ours left, or a move of the ledger.
pub fn is_ours(repository: &Repository, lock: &Path) -> bool {
    let own = repository.own_dir();
    if *lock == lock_of(&index_path(repository)) {
        return [INDEX_ASIDE, INDEX_HELD]
            .iter()
            .any(|name| same_file(&own.join(name), lock).unwrap_or(false));
    }
    [MAIN, LEDGER].into_iter().any(|branch| {
        *lock == lock_of(&repository.git_dir().join(branch))
            && moving::is_left(repository, branch).unwrap_or(false)
    })
}

/// What [`heal_worktree`] did.
#[derive(Default)]
struct Mended {
    lines: Vec<String>,
    /// Whether something is left to do, because somebody held or changed the index meanwhile.
    is_index_busy: bool,
}

fn heal_worktree(
    repository: &Repository,
    own: &Path,
    top: &Path,
    landed: bool,
    tip: Option<ObjectId>,
    changes: &[Intended],
) -> Result<Mended> {
    let before = Fingerprint::of(&index_path(repository))?;
    let index = open_index(&index_path(repository)).map_err(|error| no_index(&error))?;
    let mut restage = Vec::new();
    let mut mended = Mended::default();
    for Intended { puts, blob, path } in changes {
        let committed = match tip {
            Some(tip) => repository.entry_at(tip, path)?.map(|entry| entry.id),
            None => None,
        };
        let staged = index.get_path(Path::new(path), 0).map(|entry| from_oid(entry.id));
        let file = top.join(path);
        let found = content(&file).map_err(|error| unreadable_io(&file, &error))?;
        let is_ours = matches!(&found, Content::Bytes(bytes) if blob_id(bytes) == *blob);
        match (puts, landed) {
            (true, true) if committed == Some(*blob) && staged.is_none() && is_ours => {
                restage.push((path, Some(*blob)));
            }
            (true, false) if committed.is_none() && staged.is_none() && is_ours => {
                take_away(own, &file, *blob)?;
                mended.lines.push(format!("took back {path}, which had not landed"));
            }
            (false, true) if committed.is_none() && (staged == Some(*blob) || is_ours) => {
                // The operator's own version stays, and so does what is staged of it.
                if !is_ours && !matches!(found, Content::Missing) {
                    continue;
                }
                if staged == Some(*blob) {
                    restage.push((path, None));
                }
                take_away(own, &file, *blob)?;
                mended.lines.push(format!("cleared {path}"));
            }
            _ => {}
        }
    }
    if restage.is_empty() {
        return Ok(mended);
    }
    mended.is_index_busy = true;
    let written = write_index_aside(repository, own, |index| {
        for (path, blob) in &restage {
            match blob {
                Some(blob) => index.add(&index_entry(top, path, *blob)?)?,
                None => index.remove_path(Path::new(path))?,
            }
        }
        Ok(())
    });
    match written {
        Ok(()) => {}
        // The operator took the file away meanwhile.
        Err(error) if error.code() == git2::ErrorCode::NotFound => {
            remove(&own.join(INDEX_ASIDE))?;
            return Ok(mended);
        }
        Err(error) => return Err(unwritable("the index", &error)),
    }
    let index = index_path(repository);
    if let Ok(lock) = LinkedLock::take(&own.join(INDEX_ASIDE), &index) {
        let is_on_main = repository.head()? == Head::Branch(MAIN.to_owned());
        if is_on_main && Fingerprint::of(&index)? == before {
            lock.becomes_the_target()?;
            mended.lines.extend(restage.iter().map(|(path, _)| format!("staged {path} again")));
            mended.is_index_busy = false;
        } else {
            lock.release()?;
        }
    }
    remove(&own.join(INDEX_ASIDE))?;
    Ok(mended)
}

/// A change as an intent notes it.
struct Intended {
    /// Whether a file is put there; otherwise one is taken away.
    puts: bool,
    blob: ObjectId,
    path: String,
}

impl Intended {
    fn of(change: &Change) -> Self {
        Self { puts: change.bytes.is_some(), blob: change.blob, path: change.path.clone() }
    }
}

/// The commit that a landing was about to make, and its changes.
type Intent = (ObjectId, Vec<Intended>);

fn read_intent(own: &Path) -> Result<Option<Intent>> {
    let path = own.join(INTENT);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable_io(&path, &error)),
    };
    let mut lines = text.lines();
    let commit = lines.next().and_then(|line| line.strip_prefix("commit ")).and_then(|id| id.parse().ok());
    let changes = lines
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let puts = match words.next()? {
                "put" => true,
                "remove" => false,
                _ => return None,
            };
            Some(Intended { puts, blob: words.next()?.parse().ok()?, path: words.next()?.to_owned() })
        })
        .collect();
    // A power cut may leave the file empty: then nothing was done after it either.
    Ok(commit.map(|commit| (commit, changes)))
}
