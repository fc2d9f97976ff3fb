//! Brings desk and ledger to agree: lands what should be there, notes what a person removed, and
//! takes away what is done.
//!
//! Both `tick` and `send` begin with it. It never sends and never withdraws an approval.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Context, Result, Session, judgement, reject};
use crate::approval::{Removal, find_removal};
use crate::delivery::{Facts, OnDesk, Step, next};
use crate::desk::{self, Desk};
use crate::entry::{Drafted, Entry, Fact, drafted, outlived};
use crate::failpoint::reached;
use crate::git::landing::{self, Busy, Change, Healed, Kept, Landed, Prepared};
use crate::git::objects::Batch;
use crate::git::{GitError, MAIN, Repository};
use crate::id::DraftId;
use crate::ledger::{Ledger, LedgerError, Note, Snapshot};
use crate::outgoing::Capabilities;
use crate::text;

/// What was brought to agree.
#[derive(Debug, Default)]
pub struct Settled {
    /// Drafts that a person rejected, and why.
    pub rejected: Vec<(DraftId, String)>,
    /// Drafts that came back to the desk, or to it at last.
    pub landed: Vec<DraftId>,
    /// Drafts that wait for the desk to be free, and what it is busy with.
    pub parked: Option<(Vec<DraftId>, Busy)>,
    /// What a crash had left, and is put right.
    pub healed: Vec<String>,
    /// The desk as it was found; by now it may be another one.
    pub desk: Option<Desk>,
}

impl Settled {
    /// Returns the desk as it is now; it is read only where it has changed since.
    ///
    /// # Errors
    /// As [`Desk::read`].
    pub fn take_desk(&mut self, repository: &Repository) -> std::result::Result<Desk, GitError> {
        match self.desk.take() {
            Some(desk) if repository.tip(MAIN)? == Some(desk.tip) => Ok(desk),
            Some(_) | None => Desk::read(repository),
        }
    }
}

/// Puts right what a crash left in the repository; for whoever is about to change the desk.
pub fn heal(repository: &Repository) -> std::result::Result<Healed, LedgerError> {
    let _changing = desk::lock(repository)?;
    let mut lines = landing::restarted(repository)?;
    lines.extend(landing::heal(repository)?.lines);
    Ledger::heal(repository)?;
    Ok(Healed { lines })
}

/// Judges every draft that is gone from the desk: notes rejections, and lands the rest again.
pub fn settle(context: &Context, session: &Session, ledger: &Ledger<'_>) -> Result<Settled> {
    let mut settled = Settled { healed: heal(&session.repository)?.lines, ..Settled::default() };
    let lost = landing::lost(&session.repository)?;
    take_back(context, session, ledger)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = ledger.snapshot()?;
    // What is back on the desk is lost no more.
    let paths: BTreeSet<&String> = desk.files.iter().map(|file| &file.path).collect();
    let still: BTreeSet<String> = lost.iter().filter(|path| !paths.contains(path)).cloned().collect();
    if still.len() < lost.len() {
        landing::note_lost(&session.repository, &still)?;
    }
    judgement::forget_old_sights(&session.repository, &desk);
    reject::forget_what_was_taken_back(&session.repository, &desk);
    let mut notes = Vec::new();
    let mut changes = Vec::new();
    let mut landing_ids = Vec::new();
    let named = desk.ids_in_names();
    for id in snapshot.open_ids()? {
        // A file that is named after it, and says another id, was changed and not removed.
        if desk.on_desk(&id) != OnDesk::Absent || named.contains(&id) {
            continue;
        }
        let story = snapshot.story(&id)?;
        if next(OnDesk::Absent, &story, &facts(context)) != Step::JudgeRemoval {
            continue;
        }
        let Some(origin) = drafted(&story) else { continue };
        let removal =
            find_removal(desk.tip, origin.desk, desk::removal_facts(&session.repository, &id, origin.blob))?;
        match removal {
            // Whoever committed right after a crash did not know that the file was taken away.
            Removal::ByPerson { commit, by } if !still.contains(&origin.path) => {
                let reason = reason_of(&session.repository.commit(commit)?.message, &id);
                settled.rejected.push((id.clone(), reason.clone()));
                notes.push(Note::new(
                    &id,
                    &story,
                    entry_after(context, &story, Fact::Rejected { by, reason, commit }),
                ));
            }
            Removal::ByPerson { .. } | Removal::NotByPerson => {
                if let Some(change) = again(&snapshot, &id, origin)? {
                    changes.push(change);
                    landing_ids.push(id);
                }
            }
        }
    }
    let now = context.now();
    ledger.append(&notes, &subject("rejected", notes.iter().map(|note| &note.id)), now)?;
    if let (Some(busy), false) = (judgement::window(&session.repository, now), changes.is_empty()) {
        settled.parked = Some((landing_ids, busy));
    } else if !changes.is_empty() {
        match land(&session.repository, &changes, &subject("draft", &landing_ids), now)? {
            Landed::Done { .. } => {
                // Whoever removes them from now on has seen them.
                let landed = |path: &&String| !changes.iter().any(|change| change.path == **path);
                landing::note_lost(&session.repository, &still.iter().filter(landed).cloned().collect())?;
                settled.landed = landing_ids;
            }
            Landed::Busy(busy) => settled.parked = Some((landing_ids, busy)),
        }
    }
    settled.desk = Some(desk);
    Ok(settled)
}

/// Notes again what stands on the desk although a later draft of the same message was noted: a redraft that
/// did not land, because a crash or a person was faster, or that a person took back. Returns whose that is.
///
/// What stands on `main` is what a person sees, so it counts, with the policy and the envelope that it was
/// drafted with. Under the desk's lock: nobody is between noting a redraft and landing it.
pub fn take_back(context: &Context, session: &Session, ledger: &Ledger<'_>) -> Result<BTreeSet<DraftId>> {
    let redrafted = |snapshot: &Snapshot<'_>| -> Result<Vec<DraftId>> {
        let mut found = Vec::new();
        for id in snapshot.open_ids()? {
            if snapshot.is_redrafted(&id)? {
                found.push(id);
            }
        }
        Ok(found)
    };
    // Mostly there is none, and then the desk is not read once more.
    if redrafted(&ledger.snapshot()?)?.is_empty() {
        return Ok(BTreeSet::new());
    }
    let _changing = desk::lock(&session.repository)?;
    let (desk, snapshot) = (Desk::read(&session.repository)?, ledger.snapshot()?);
    let mut notes = Vec::new();
    for id in redrafted(&snapshot)? {
        let Some(file) = desk.find(&id).filter(|file| file.draft.is_ok()) else { continue };
        let story = snapshot.story(&id)?;
        let Some((number, before)) = outlived(&story, &file.path) else { continue };
        let fact = Fact::Drafted(Box::new(before.clone()));
        let mut note = Note::new(&id, &story, entry_after(context, &story, fact));
        for extension in ["md", "prompt"] {
            let bytes = snapshot.file_of(&id, number, "drafted", extension)?;
            note.files.extend(bytes.map(|bytes| (extension, bytes)));
        }
        notes.push(note);
    }
    let ids = notes.iter().map(|note| &note.id);
    Ok(ledger.append(&notes, &subject("drafted as before", ids), context.now())?)
}

/// How replacing a draft ended.
pub enum Replaced {
    /// The new one stands in its place.
    Done,
    /// The desk is as it was, and so is what counts of the ledger.
    Not {
        /// Why.
        why: String,
    },
}

/// Puts one draft in the place of another of the same message: notes it, then changes the desk, all or
/// nothing.
///
/// Whoever approves, edits or removes the one before at the same moment is the faster one: `main` moves only
/// from where nobody has touched it, and what was noted is taken back.
pub fn replace(
    context: &Context,
    session: &Session,
    ledger: &Ledger<'_>,
    note: &Note,
    changes: &[Change],
    (message, policy): (&str, &[u8]),
) -> Result<Replaced> {
    let repository = &session.repository;
    let not = |why: String| Ok(Replaced::Not { why });
    {
        let _changing = desk::lock(repository)?;
        let now = context.now();
        landing::heal(repository)?;
        if let Some(busy) = judgement::window(repository, now) {
            return not(busy.to_string());
        }
        let mut batch = Batch::new(repository);
        batch.blob(policy);
        let mut prepared = match landing::prepare(repository, &mut batch, changes, message, now)? {
            Prepared::Ready(prepared) => prepared,
            Prepared::Busy(busy) => return not(busy.to_string()),
            Prepared::Nothing { kept } => return not(touched(kept.first())),
        };
        if let Some(kept) = prepared.left_out() {
            return not(touched(Some(kept)));
        }
        // What is gone already needs no removal, and is a person's decision all the same.
        let stands = |change: &Change| change.bytes.is_some() || prepared.removes(|path| path == change.path);
        if !changes.iter().all(stands) {
            return not("it was removed or renamed meanwhile".to_owned());
        }
        // What somebody said before it stood there was said of the one before.
        let entry = Entry { at: now, ..note.entry.clone() };
        let notes = &[Note { entry, ..note.clone() }];
        let subject = subject("redrafted", [&note.id]);
        let staged = ledger.stage(&mut batch, notes, &subject, now)?;
        let _written = batch.write()?;
        prepared.place()?;
        repository.flush()?;
        if !ledger.commit_staged(staged, notes, &subject, now)?.contains(&note.id) {
            prepared.abandon()?;
            return not("something else was noted about it meanwhile".to_owned());
        }
        reached("redraft.noted");
        if let Landed::Done { .. } = prepared.finish(message)? {
            return Ok(Replaced::Done);
        }
    }
    take_back(context, session, ledger)?;
    not("the desk moved at that moment".to_owned())
}

fn touched(kept: Option<&Kept>) -> String {
    match kept {
        Some(kept) => format!("{}: {}", kept.path, kept.why),
        None => "it stands on the desk already".to_owned(),
    }
}

/// Makes the change that puts a draft back on the desk, as it was drafted.
fn again(snapshot: &Snapshot<'_>, id: &DraftId, origin: &Drafted) -> Result<Option<Change>> {
    let bytes = snapshot.file(id, "drafted", "md")?;
    Ok(bytes.map(|bytes| Change { path: origin.path.clone(), blob: origin.blob, bytes: Some(bytes) }))
}

/// Changes the desk under its lock.
pub fn land(
    repository: &Repository,
    changes: &[Change],
    message: &str,
    now: Timestamp,
) -> std::result::Result<Landed, GitError> {
    let _changing = desk::lock(repository)?;
    landing::heal(repository)?;
    landing::land(repository, changes, message, now)
}

/// What a tick writes, or a sender that clears the desk.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'b> {
    /// The ledger's entries.
    pub notes: &'b [Note],
    /// Entries about drafts that leave the desk, noted only where the desk can be changed now.
    pub cleared: &'b [Note],
    /// The policy that judged new drafts, which the ledger keeps.
    pub policy: Option<&'b [u8]>,
    /// The subject of the ledger's commit.
    pub subject: &'b str,
    /// The desk's files.
    pub changes: &'b [Change],
    /// The message of the desk's commit.
    pub message: &'b str,
    /// Why the desk is left as it is for now, if it is.
    pub hold: Option<&'b Busy>,
}

/// Writes the ledger first and then the desk, with one flush for both.
///
/// The ledger goes first so that a draft on the desk is always remembered: where from, for whom, by
/// which policy. A draft that is remembered and not on the desk is landed by the next run. The answer is
/// none where the desk was not to be changed.
pub fn note_and_land(
    repository: &Repository,
    ledger: &Ledger<'_>,
    bundle: &Bundle<'_>,
    now: Timestamp,
) -> std::result::Result<Option<Landed>, LedgerError> {
    let Bundle { notes, cleared, policy, subject, changes, message, hold } = *bundle;
    let _changing = desk::lock(repository)?;
    landing::heal(repository)?;
    let mut batch = Batch::new(repository);
    policy.map(|policy| batch.blob(policy));
    let mut prepared = match hold {
        Some(hold) => Prepared::Busy(hold.clone()),
        None => landing::prepare(repository, &mut batch, changes, message, now)?,
    };
    let mut notes = notes.to_vec();
    if let Prepared::Ready(landing) = &prepared {
        // What the operator has just touched stays on the desk, and nothing is noted about it.
        let leaves = |note: &&Note| landing.removes(|path| desk::id_in_name(path).as_ref() == Some(&note.id));
        notes.extend(cleared.iter().filter(leaves).cloned());
    }
    if notes.is_empty() && !matches!(prepared, Prepared::Ready(_)) {
        return Ok(if let Prepared::Busy(busy) = prepared { Some(Landed::Busy(busy)) } else { None });
    }
    let staged = ledger.stage(&mut batch, &notes, subject, now)?;
    let _written = batch.write()?;
    if let Prepared::Ready(landing) = &mut prepared {
        landing.place()?;
    }
    repository.flush()?;
    ledger.commit_staged(staged, &notes, subject, now)?;
    let landed = match prepared {
        Prepared::Ready(landing) => landing.finish(message)?,
        Prepared::Busy(busy) => Landed::Busy(busy),
        Prepared::Nothing { kept } if kept.is_empty() => return Ok(None),
        Prepared::Nothing { kept } => match repository.tip(MAIN)? {
            Some(commit) => Landed::Done { commit, kept },
            None => return Ok(None),
        },
    };
    match landed {
        // The desk moved at that moment: once more, by the way that starts anew as often as needed.
        Landed::Busy(Busy::Moving | Busy::IndexLocked) => {
            Ok(Some(landing::land(repository, changes, message, now)?))
        }
        landed => Ok(Some(landed)),
    }
}

/// Makes an entry that follows a story, in its last generation.
pub fn entry_after(context: &Context, story: &[Entry], fact: Fact) -> Entry {
    let generation = story.last().map_or(1, |entry| entry.generation);
    Entry { at: context.now(), host: context.host(), generation, fact }
}

/// Writes the subject of a machine's commit: `sent: kqzmwvst`, or `sent: 12 drafts`.
pub fn subject<'a>(verb: &str, ids: impl IntoIterator<Item = &'a DraftId>) -> String {
    let ids: Vec<&DraftId> = ids.into_iter().collect();
    match ids[..] {
        [id] => format!("{verb}: {id}\n"),
        _ => format!("{verb}: {} drafts\n", ids.len()),
    }
}

/// Returns facts for a question that is not about sending.
fn facts(context: &Context) -> Facts {
    Facts {
        now: context.now(),
        host: context.host(),
        capabilities: Capabilities::default(),
        rehearses: false,
    }
}

/// Reads why a draft was removed from the removing commit's message: its `Reject-Reason` trailer for
/// this id, else its first line. For information only.
fn reason_of(message: &str, id: &DraftId) -> String {
    let trailer = message.lines().find_map(|line| {
        let (word, reason) = line.strip_prefix("Reject-Reason: ")?.split_once(' ')?;
        (word == id.as_str()).then_some(reason)
    });
    let reason = trailer.or_else(|| message.lines().find(|line| !line.trim().is_empty()));
    text::one_line(reason.unwrap_or_default(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_trailer_or_the_first_line() {
        let id = "kqzmwvst".parse().unwrap();
        assert_eq!(reason_of("Drop the spam\n\nbody\n", &id), "Drop the spam");
        assert_eq!(
            reason_of(
                "Tidy\n\nReject-Reason: mrnpmrnp other\nReject-Reason: kqzmwvst answered by phone\n",
                &id
            ),
            "answered by phone"
        );
    }
}
