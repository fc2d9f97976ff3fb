//! Says after a commit what it did not do: an edit sends nothing, and what went, or may have gone, no commit
//! calls back.
//!
//! It is asked before the sender is rung, which has words of its own for what it does; it changes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::is_about_main;
use crate::commands::{Context, Result, resolve};
use crate::delivery::{OnDesk, effective};
use crate::desk::{self, Desk};
use crate::entry::{Entry, Fact, claim};
use crate::error::{FileError, Hint};
use crate::git::Repository;
use crate::id::{DraftId, ObjectId, shown_length};
use crate::ledger::Snapshot;
use crate::ui::{Tone, clock};

/// What is to be said of one file of a commit.
#[derive(Clone, Debug)]
pub enum Remark {
    /// Of a draft, by as much of its id as is shown.
    Draft(String, About),
    /// Of a file that is none.
    NoDraft {
        /// What is wrong with it.
        error: FileError,
        /// Whether it names an id, so that the sender speaks of it, too.
        has_id: bool,
    },
}

/// What is to be said of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It was edited, and waits.
    StillDraft,
    /// Nobody knows yet whether it went.
    Sending,
    /// It went.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It may have gone, and a person is asked for.
    Unsure,
}

/// Returns what is to be said of the files that the commit at the tip of `main` added, changed or removed.
pub fn remarks(repository: &Repository, tip: ObjectId, drafts: &[(String, ObjectId)]) -> Result<Vec<Remark>> {
    let commit = repository.commit(tip)?;
    let Some(&parent) = commit.parents.first() else { return Ok(Vec::new()) };
    let before = desk::blobs(repository, parent)?;
    if commit.committer.is_machine() || before == drafts || !is_about_main(repository)? {
        return Ok(Vec::new());
    }
    let (desk, before) = (Desk::at(repository, tip)?, Desk::at(repository, parent)?);
    let snapshot = Snapshot::of(repository)?;
    let ids: BTreeSet<DraftId> = desk.ids().union(&before.ids()).cloned().collect();
    let length = shown_length(&ids);
    let mut remarks = Vec::new();
    let mut tell = |id: &DraftId, was_here: bool| -> Result<()> {
        let about = about(desk.on_desk(id), &snapshot.story(id)?, tip, was_here);
        remarks.extend(about.map(|about| Remark::Draft(id.first(length).to_owned(), about)));
        Ok(())
    };
    let mut no_drafts = Vec::new();
    let is_same =
        |path: &str, blob| before.files.iter().any(|before| before.path == path && before.blob == blob);
    for file in desk.files.iter().filter(|file| !is_same(&file.path, file.blob)) {
        match (&file.draft, &file.id) {
            (Err(error), id) => {
                no_drafts.push(Remark::NoDraft { error: error.clone(), has_id: id.is_some() });
            }
            (Ok(_), Some(id)) => tell(id, before.find(id).is_some())?,
            (Ok(_), None) => {}
        }
    }
    for id in before.ids().iter().filter(|id| desk.find(id).is_none()) {
        tell(id, true)?;
    }
    remarks.extend(no_drafts);
    Ok(remarks)
}

/// Decides what is to be said of a draft that a commit added, changed or removed.
///
/// `tip` is that commit, and `was_here` tells whether the draft was on the desk before it. Of what this very
/// commit approves the sender speaks.
fn about(on_desk: OnDesk, story: &[Entry], tip: ObjectId, was_here: bool) -> Option<About> {
    let last = effective(story);
    let claimed = claim(story).map(|(_, claimed)| claimed);
    let is_its_own = claimed.is_some_and(|claimed| claimed.commit == tip);
    match (last.map(|last| (&last.fact, last.at)), on_desk) {
        (Some((Fact::Unsure { .. } | Fact::Sent { .. } | Fact::Sending, _)), _) if is_its_own => None,
        (Some((Fact::Unsure { .. }, _)), _) => Some(About::Unsure),
        // The sender says of it that it was edited.
        (Some((Fact::Sent { .. }, _)), OnDesk::Approved(blob))
            if claimed.is_some_and(|claimed| claimed.blob != blob) =>
        {
            None
        }
        (Some((Fact::Sent { .. }, at)), OnDesk::Draft(_) | OnDesk::Approved(_)) => Some(About::Sent { at }),
        (Some((Fact::Sending, _)), OnDesk::Draft(_)) => Some(About::Sending),
        (Some((Fact::Sent { .. } | Fact::Sending, _)), _) => None,
        (_, OnDesk::Draft(_)) if was_here => Some(About::StillDraft),
        (_, OnDesk::Absent | OnDesk::Draft(_) | OnDesk::Approved(_) | OnDesk::Unreadable) => None,
    }
}

/// Says it; where the sender is rung, only what that one does not say.
pub fn tell(context: &Context, remarks: &[Remark], rings: bool) {
    let ui = &context.ui;
    for remark in remarks {
        match remark {
            Remark::Draft(id, About::StillDraft) if !rings => {
                ui.say(format!("{id} is still a draft; nothing was sent"));
            }
            Remark::Draft(id, About::Sending) if !rings => {
                ui.say(format!("{id} may be going out just now, and no commit calls it back"));
                ui.hint("`git drafts send` finds out what became of it");
            }
            Remark::Draft(_, About::StillDraft | About::Sending) => {}
            Remark::Draft(id, About::Sent { at }) => {
                ui.say(format!("{id} went at {}; no commit calls it back", clock(*at)));
            }
            Remark::Draft(id, About::Unsure) => {
                let mark = ui.paint(Tone::Attention, "? [unsure]   ");
                let id_shown = ui.paint(Tone::Id, id);
                ui.say(format!(
                    " {mark} {id_shown}  it may have gone, and nothing is done with it before that is resolved"
                ));
                ui.hint(&resolve::way_out(id));
            }
            Remark::NoDraft { has_id: true, .. } if rings => {}
            Remark::NoDraft { error, has_id } => {
                ui.warn(error);
                match error.hint().filter(|_| *has_id) {
                    Some(hint) => ui.hint(&hint),
                    None => ui.hint("move it out of `drafts/`: only drafts belong there"),
                }
            }
        }
    }
}
