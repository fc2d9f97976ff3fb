//! Applies approved changes of files: on a branch of their own, from the tip of the repository that the
//! wiring names.
//!
//! It must never touch a worktree or an index, check anything out, run a hook, push, or move a branch that
//! is there. What was applied before is found by what stands on its branch.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::config::Wiring;
use crate::config::sinks::PatchesWiring;
use crate::draft::{self, Draft};
use crate::errand::Change;
use crate::error::{FileError, Hint};
use crate::failpoint::reached;
use crate::git::objects::{Batch, Changes};
use crate::git::{Comparison, GitError, Head, Repository, Swap};
use crate::id::ObjectId;
use crate::outgoing::{Capabilities, Found, Outcome};
use crate::patch::{self, Counts, Flaw, Patch};
use crate::text;

/// A branch is made once, and can be looked for.
pub const CAPABILITIES: Capabilities = Capabilities { dedupes: true, can_find: true };

/// Where the branches of changes are.
const BRANCHES: &str = "refs/heads/git-drafts/";

/// The mode of a plain file: no other is changed, so that no mode is.
const MODE_PLAIN: u32 = 0o100_644;

/// When a repository that is in the middle of something is looked at again.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Why a change is not applied.
#[derive(Debug)]
enum Trouble {
    /// The repository cannot be looked at now, or is in the middle of something.
    Now(String),
    /// The diff is none that may be applied here.
    Flaw(Flaw),
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Trouble::Now(text::one_line(&error.to_string(), 300))
    }
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        Trouble::Flaw(flaw)
    }
}

/// The repository that changes go to, at its tip.
pub struct Place<'w> {
    repository: Repository,
    tip: ObjectId,
    wiring: &'w PatchesWiring,
}

impl<'w> Place<'w> {
    fn open(wiring: &'w PatchesWiring) -> Result<Self, Trouble> {
        let repository = Repository::open(&wiring.repository)?;
        let shown = wiring.repository.display();
        let tip = match repository.head()? {
            Head::Branch(branch) => {
                repository.tip(&branch)?.ok_or_else(|| Trouble::Now(format!("{shown} has no commit yet")))?
            }
            Head::Detached => return Err(Trouble::Now(format!("{shown} is on no branch"))),
        };
        Ok(Self { repository, tip, wiring })
    }

    /// Returns the text of a file that may be changed, as a commit has it.
    fn text(&self, commit: ObjectId, path: &str) -> Result<String, Trouble> {
        let wrong = |what: String| Trouble::Flaw(Flaw { line: 0, what });
        let shown = text::one_line(path, 80);
        if !self.wiring.files.iter().any(|file| file == path) {
            return Err(wrong(format!("`{shown}` is not among the files that patches may change")));
        }
        let entry = self.repository.entry_at(commit, path)?;
        let entry = entry.ok_or_else(|| wrong(format!("there is no `{shown}`, and a patch creates none")))?;
        if entry.mode != MODE_PLAIN {
            return Err(wrong(format!("`{shown}` is not a plain file")));
        }
        let bytes = self.repository.read(entry.id)?;
        String::from_utf8(bytes).map_err(|_| wrong(format!("`{shown}` is not a text")))
    }

    fn applied(
        &self,
        commit: ObjectId,
        diff: &str,
        counts: Counts,
    ) -> Result<(Patch, String, String), Trouble> {
        let patch = Patch::parse(diff, counts)?;
        let before = self.text(commit, &patch.path)?;
        let after = patch.apply(&before)?;
        Ok((patch, before, after))
    }
}

/// Returns the files that a model may be shown, as they are now; those that it may not are told.
pub fn offered(wiring: &PatchesWiring, bytes_max: usize) -> (Vec<(String, String)>, Vec<String>) {
    let mut troubles = Vec::new();
    let place = match Place::open(wiring) {
        Ok(place) => place,
        Err(Trouble::Now(why) | Trouble::Flaw(Flaw { what: why, .. })) => return (Vec::new(), vec![why]),
    };
    let mut files = Vec::new();
    for path in &wiring.files {
        match place.text(place.tip, path) {
            Ok(text) if text.len() <= bytes_max && text::is_visible(&text) => {
                files.push((path.clone(), text))
            }
            Ok(_) => troubles
                .push(format!("`{path}` is longer than {bytes_max} bytes, or has hidden characters in it")),
            Err(Trouble::Now(why) | Trouble::Flaw(Flaw { what: why, .. })) => troubles.push(why),
        }
    }
    (files, troubles)
}

/// Makes of a brain's diff the one that stands in its draft, with the path: what it says is applied, and
/// written anew with numbers that are right.
///
/// # Errors
/// Why it is no change that may be made here, one line.
pub fn drafted(wiring: &PatchesWiring, said: &str) -> Result<(String, String), String> {
    let diff = patch::block(said).map_or(said, |block| block.diff);
    let applied = Place::open(wiring).and_then(|place| place.applied(place.tip, diff, Counts::Ignored));
    match applied {
        Ok((patch, before, after)) => Ok((patch.path.clone(), patch::between(&patch.path, &before, &after))),
        Err(Trouble::Now(why) | Trouble::Flaw(Flaw { what: why, .. })) => {
            Err(format!("the patch cannot be applied: {why}"))
        }
    }
}

/// Says why the change of a draft cannot be applied now, and on which line; none where it can.
pub fn flaw(wiring: &Wiring, found: &Draft, path: &str, file: &str) -> Option<FileError> {
    let Some(patches) = &wiring.patches else {
        return Some(
            FileError::new(path, "the wiring says nowhere what patches may change")
                .with_hint("add a section [patches] to it, or set the draft's status back to \"draft\""),
        );
    };
    let begin = draft::body_line(file);
    let applied = patch::block(&found.body).map_err(|flaw| (flaw, begin)).and_then(|block| {
        let applied =
            Place::open(patches).and_then(|place| place.applied(place.tip, block.diff, Counts::Strict));
        match applied {
            Ok(_) => Ok(()),
            Err(Trouble::Flaw(flaw)) => Err((flaw, begin + block.line)),
            Err(Trouble::Now(what)) => Err((Flaw { line: 0, what }, begin + block.line)),
        }
    });
    let (flaw, begin) = applied.err()?;
    let error = FileError::new(path, format!("the patch cannot be applied: {flaw}")).at(begin + flaw.line);
    Some(error.with_hint(format!(
        "change it to fit what stands in {} now, or set the draft's status back to \"draft\"",
        patches.repository.display()
    )))
}

/// Applies a change, once.
pub fn apply(wiring: &PatchesWiring, change: &Change, now: Timestamp) -> Outcome {
    match try_apply(wiring, change, now) {
        Ok(receipt) => Outcome::Delivered { receipt },
        Err(Trouble::Now(reason)) => {
            Outcome::Deferred { until: now.saturating_add(AGAIN).unwrap_or(now), reason }
        }
        Err(Trouble::Flaw(flaw)) => Outcome::Failed { reason: text::one_line(&change.told(&flaw), 300) },
    }
}

fn try_apply(wiring: &PatchesWiring, change: &Change, now: Timestamp) -> Result<String, Trouble> {
    let place = Place::open(wiring)?;
    if let Some(receipt) = there(&place, change)? {
        return Ok(receipt);
    }
    let (patch, _, after) = place.applied(place.tip, &change.diff, Counts::Strict)?;
    let repository = &place.repository;
    let mut batch = Batch::new(repository);
    let changes: Changes = BTreeMap::from([(patch.path, Some(batch.blob(after.as_bytes())))]);
    let tree = batch.tree(Some(repository.commit(place.tip)?.tree), &changes)?;
    let commit = batch.commit(tree, &[place.tip], &message(change), now);
    let written = batch.write()?;
    repository.flush()?;
    reached("change.written");
    // Nothing but this makes the branch, and only if it is not there.
    let swapped = repository.swap(&branch(change), None, commit, "git-drafts: an approved change")?;
    drop(written);
    match swapped {
        Swap::Done => Ok(receipt(change, commit)),
        Swap::Lost => there(&place, change)?
            .ok_or_else(|| Trouble::Now("its branch could not be made just now".to_owned())),
    }
}

/// Asks whether a change was applied.
pub fn find(wiring: &PatchesWiring, change: &Change) -> Found {
    match Place::open(wiring).and_then(|place| there(&place, change)) {
        Ok(Some(receipt)) => Found::Yes { receipt },
        Ok(None) => Found::No,
        Err(Trouble::Now(reason)) => Found::Away { reason },
        Err(Trouble::Flaw(flaw)) => Found::Unknown { reason: change.told(&flaw) },
    }
}

/// Returns the receipt of a change that stands on its branch: the first commit there is its parent with the
/// change, whatever a person has put on top.
fn there(place: &Place<'_>, change: &Change) -> Result<Option<String>, Trouble> {
    let repository = &place.repository;
    let branch = branch(change);
    let Some(tip) = repository.tip(&branch)? else { return Ok(None) };
    let mut id = tip;
    for _ in 0..COMMITS_MAX {
        let commit = repository.commit(id)?;
        let Some(&parent) = commit.parents.first() else { break };
        let is_it = match place.applied(parent, &change.diff, Counts::Strict) {
            Ok((patch, _, after)) => {
                let difference = repository.compare(Some(repository.commit(parent)?.tree), commit.tree)?;
                is_only(&difference, &patch.path) && place.text(id, &patch.path)? == after
            }
            Err(Trouble::Flaw(_)) => false,
            // What cannot be read is not taken for something else.
            Err(now @ Trouble::Now(_)) => return Err(now),
        };
        if is_it {
            return Ok(Some(receipt(change, id)));
        }
        id = parent;
    }
    let what = format!("there is a branch `{}` with something else on it", shown(&branch));
    Err(Trouble::Flaw(Flaw { line: 0, what }))
}

fn is_only(difference: &Comparison, path: &str) -> bool {
    difference.added.is_empty() && difference.rewritten == [path]
}

/// How many commits of a branch are looked at for a change that was made there.
const COMMITS_MAX: usize = 100;

fn branch(change: &Change) -> String {
    format!("{BRANCHES}{}", change.key)
}

fn shown(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

fn receipt(change: &Change, commit: ObjectId) -> String {
    format!("branch {}, commit {commit}", shown(&branch(change)))
}

/// Writes the message of the commit: the approved words.
fn message(change: &Change) -> String {
    let subject = text::one_line(&change.subject, 200);
    let why = if change.why.is_empty() { String::new() } else { format!("{}\n\n", change.why) };
    format!("{subject}\n\n{why}Draft-Key: {}\n", change.key)
}

/// Tells whether the repository that patches go to can be used, for `check`.
pub fn trouble(wiring: &PatchesWiring) -> Option<(String, Option<String>)> {
    let place = match Repository::open(&wiring.repository) {
        Err(error) => return Some((error.to_string(), error.hint())),
        Ok(_) => Place::open(wiring),
    };
    let place = match place {
        Ok(place) => place,
        Err(Trouble::Now(why) | Trouble::Flaw(Flaw { what: why, .. })) => return Some((why, None)),
    };
    wiring.files.iter().find_map(|path| match place.text(place.tip, path) {
        Ok(_) => None,
        Err(Trouble::Now(why) | Trouble::Flaw(Flaw { what: why, .. })) => Some((why, None)),
    })
}
