//! Gathers what there is to know about every draft that is not finished; `status` and `list` print it.

use std::cmp::Reverse;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::here::{self, Here};
use super::judgement::{self, Case, Stop};
use super::links::{self, OwnWords};
use super::secrets::{self, Make};
use super::wire::Connectors;
use super::{Context, Result, Session, limit, strays};
use crate::delivery::{Facts, OnDesk, Step, Waiting, next, waits_for};
use crate::desk::{Desk, DeskFile};
use crate::draft::{Draft, Status};
use crate::entry::{Drafted, Entry, Fact, drafted};
use crate::error::FileError;
use crate::git::objects::blob_id;
use crate::id::{DraftId, ObjectId};
use crate::outgoing::Capabilities;
use crate::plan::Tier;
use crate::policy;

/// Where a draft stands, in the order in which `status` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Approved in the worktree, and not committed.
    ApprovedHere,
    /// Removed in the worktree, and not committed.
    RemovedHere,
    /// Approved on `main`; the sender has it.
    Approved,
    /// Approved on `main`, and something forbids sending it.
    Held,
    /// Nobody knows whether it was sent.
    Unsure,
    /// Approved, and the other side said no, or the thread moved on.
    Stopped,
    /// Approved, and what takes it only notes what it would do.
    Rehearsed,
    /// It cannot be understood, or the machine does not know it.
    Unclear,
    /// It waits for a person.
    Waiting,
    /// It has not reached the desk yet.
    Parked,
    /// It was sent, and stands edited on the desk.
    EditedAfter,
}

/// One draft that is not finished.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id.
    pub id: DraftId,
    /// Where it stands.
    pub place: Place,
    /// Its file on the desk or in the worktree.
    pub path: String,
    /// What it says, as far as it can be read; the worktree's version before the committed one.
    pub draft: Option<Draft>,
    /// What was noted when it was drafted.
    pub origin: Option<Drafted>,
    /// Its last entry.
    pub last: Option<Entry>,
    /// What is wrong with its file.
    pub error: Option<FileError>,
    /// Why it is held back.
    pub held: Option<String>,
    /// What else is to be known of it, one line each.
    pub notes: Vec<String>,
    /// The commit that approves it, where one does.
    pub approval: Option<ObjectId>,
    /// The links in it that a person added and nobody allowed, each said in one line.
    pub links: Vec<String>,
    /// Who signed its approval, where that counts.
    pub signer: Option<String>,
    /// Until when it is not sent, and why, where that passes by itself.
    pub later: Option<(Timestamp, String)>,
    /// Since when it is here.
    pub since: Option<Timestamp>,
}

impl Item {
    /// Returns whom it goes to, for people.
    pub fn recipient(&self) -> String {
        let to = self.draft.as_ref().map(Draft::goes_to).filter(|to| !to.is_empty());
        let envelope = || Some(self.origin.as_ref()?.to.first()?.shown().to_owned());
        to.or_else(envelope).unwrap_or_default()
    }

    /// Returns its subject.
    pub fn subject(&self) -> String {
        self.draft.as_ref().map(|draft| draft.subject.clone()).unwrap_or_default()
    }

    /// Returns how long it is here.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.since.map(|since| now.duration_since(since))
    }

    /// Orders drafts as they are read: the gravest first, while one is fresh, and of these the oldest.
    pub fn gravest_first(&self) -> (Reverse<Option<Tier>>, Option<Timestamp>, DraftId) {
        let tier = self.draft.as_ref().map(|draft| draft.machine.tier);
        (Reverse(tier), self.since, self.id.clone())
    }

    /// Tells whether nothing goes on without a person.
    pub fn needs_you(&self) -> bool {
        !matches!(self.place, Place::Approved | Place::Rehearsed | Place::Parked)
    }
}

/// Returns every draft that is not finished, by place and then by age.
pub fn items(context: &Context, session: &Session, desk: &Desk) -> Result<Vec<Item>> {
    let snapshot = crate::ledger::Snapshot::of(&session.repository)?;
    let connectors = Connectors::new(&session.wiring, context);
    let facts = |story: &[Entry]| Facts {
        now: context.now(),
        host: context.host(),
        capabilities: Capabilities { dedupes: true, can_find: true },
        rehearses: drafted(story)
            .and_then(|origin| connectors.transport_of(origin))
            .is_some_and(|transport| connectors.rehearses(&transport)),
    };
    let policy = session.believed_policy();
    let own = OwnWords::at(&session.repository, desk.tip);
    // Read when the first approval is looked at.
    let mut secrets = None;
    let mut items = Vec::new();
    // Looked for only where a file is gone, which may have been moved.
    let mut strays = None;
    let top = here::top(session)?;
    let stories = session.stories(desk, &snapshot)?;
    let mut limit = None;
    for (id, story) in &stories {
        let (id, mut notes) = (id.clone(), Vec::new());
        let on_desk = desk.on_desk(&id);
        let file = desk.find(&id);
        let origin = drafted(story).cloned();
        let mut path = file
            .map(|file| file.path.clone())
            .or_else(|| origin.as_ref().map(|origin| origin.path.clone()))
            .unwrap_or_default();
        let mut draft = file.and_then(|file| file.draft.as_ref().ok()).cloned();
        let landed = origin.as_ref().map(|origin| origin.blob);
        let mut is_as_drafted = landed.is_some() && landed == file.map(|file| file.blob);
        let mut error = file.and_then(|file| file.draft.as_ref().err()).cloned();
        let step = next(on_desk, story, &facts(story));
        let mut later = None;
        if let Step::Until(until) = step {
            later = Some((until, waits_for(story, &facts(story))));
        }
        let mut place = match step {
            Step::Done => continue,
            Step::JudgeRemoval => Place::Parked,
            Step::Wait(Waiting::Decision) => Place::Waiting,
            Step::Wait(Waiting::Resolve) | Step::NoteUnsure => Place::Unsure,
            Step::Wait(Waiting::Failed | Waiting::Stale) => Place::Stopped,
            Step::Wait(Waiting::Rehearsed) => Place::Rehearsed,
            Step::Wait(Waiting::EditedAfter) => Place::EditedAfter,
            Step::Wait(Waiting::NoMemory | Waiting::Unreadable) => Place::Unclear,
            Step::Withdraw if on_desk == OnDesk::Absent => Place::Parked,
            Step::Withdraw => Place::Waiting,
            Step::Until(_) | Step::Claim { .. } | Step::Send { .. } | Step::Ask { .. } | Step::Resend => {
                Place::Approved
            }
            Step::Clear { .. } => match (top, file) {
                (Some(top), Some(file)) if is_changed(top, file) => {
                    notes.push(format!("what you wrote since is only in {}", file.path));
                    Place::EditedAfter
                }
                _ => continue,
            },
        };
        if place == Place::Unclear && error.is_none() {
            error = Some(strays::unknown(&path));
        }
        let (before, mut changed, mut apart) = (place, None, None);
        if let (Some(top), Some(file)) = (top, file)
            && matches!(place, Place::Waiting | Place::Stopped | Place::Rehearsed)
        {
            match here::look(top, &file.path, file.blob) {
                Here::Same => {}
                Here::Gone => place = Place::RemovedHere,
                Here::Changed(text) => changed = Some((file.path.clone(), text)),
            }
            path.clone_from(&file.path);
            if place == Place::RemovedHere {
                let strays = match &mut strays {
                    Some(strays) => strays,
                    None => strays.insert(strays::look(session, desk, &snapshot)?),
                };
                changed = strays.moved.remove(&id);
            }
            let lies_here = match &changed {
                Some((_, text)) => Some(blob_id(text.as_bytes())),
                None => Some(file.blob).filter(|_| place != Place::RemovedHere),
            };
            let at = changed.as_ref().map_or(&path, |(moved, _)| moved);
            apart = here::apart(file.blob, here::staged(session, at), lies_here);
        }
        if let Some((here, text)) = changed {
            is_as_drafted = false;
            match Draft::parse(&here, &text) {
                Ok(changed) => {
                    let is_approved = changed.status == Status::Approved;
                    place = if is_approved { Place::ApprovedHere } else { before };
                    draft = Some(changed);
                }
                Err(wrong) => {
                    place = Place::Unclear;
                    error = Some(wrong);
                }
            }
            path = here;
        }
        if let Some((staged, said)) = apart {
            notes.push(said.to_owned());
            let bytes = session.repository.read(staged)?;
            let staged = Draft::parse(&path, &String::from_utf8_lossy(&bytes)).ok();
            if let Some(staged) = staged.filter(|staged| staged.status == Status::Approved)
                && place != Place::Unclear
            {
                place = Place::ApprovedHere;
                draft = Some(staged);
            }
        }
        if let (Place::ApprovedHere, Some(draft), Some(policy)) = (place, &draft, &policy)
            && let Some(finding) = policy::obstacles(policy, draft).first()
        {
            notes.push(format!("\"git commit\" refuses it: {finding}"));
        }
        let (mut held, mut signer, mut approval) = (None, None, None);
        if let (Place::Approved, OnDesk::Approved(blob), Some(policy)) = (place, on_desk, &policy) {
            let secrets = match &mut secrets {
                Some(secrets) => secrets,
                none => none.insert(secrets::load(context, session, Make::No)?),
            };
            let case = Case {
                context,
                session,
                secrets,
                desk,
                snapshot: &snapshot,
                policy,
                own: &own,
                id: &id,
                story,
                blob,
                // Looking must not start an undo window.
                waits: false,
            };
            match judgement::judge(&case) {
                Ok(claimed) => {
                    later = later.or_else(|| waits(&case, draft.as_ref(), claimed.commit));
                    if later.is_none() && matches!(step, Step::Claim { .. }) {
                        let limit = match &mut limit {
                            Some(limit) => limit,
                            none => {
                                none.insert(limit::Left::of(context, session, &snapshot, policy, &stories)?)
                            }
                        };
                        later = limit.take().map(|until| (until, judgement::LIMIT.to_owned()));
                    }
                    approval = Some(claimed.commit);
                    signer = claimed.signer;
                }
                Err(Stop::Held { why, .. } | Stop::Unread { why, .. }) => {
                    place = Place::Held;
                    held = Some(why);
                }
                Err(Stop::Later { .. }) => {}
            }
        }
        if draft.is_none()
            && place == Place::Parked
            && let Some(bytes) = snapshot.file(&id, "drafted", "md")?
        {
            draft = Draft::parse(&path, &String::from_utf8_lossy(&bytes)).ok();
        }
        let outside = match (&draft, &policy) {
            // In what the machine wrote, a person has added nothing.
            (Some(draft), Some(policy))
                if !is_as_drafted
                    && matches!(
                        place,
                        Place::ApprovedHere | Place::Approved | Place::Held | Place::Waiting
                    ) =>
            {
                links::outside(&own, &snapshot, &[policy], draft)?
            }
            _ => Vec::new(),
        };
        let since = story.iter().find(|entry| matches!(entry.fact, Fact::Drafted(_))).map(|entry| entry.at);
        items.push(Item {
            id,
            place,
            path,
            draft,
            origin,
            last: story.last().cloned(),
            error,
            held,
            notes,
            approval,
            links: outside.iter().map(links::said).collect(),
            signer,
            later,
            since,
        });
    }
    items.sort_by(|a, b| (a.place, a.since, &a.id).cmp(&(b.place, b.since, &b.id)));
    Ok(items)
}

/// Returns until when an approval that nothing forbids is not sent, and why.
fn waits(case: &Case<'_>, draft: Option<&Draft>, commit: ObjectId) -> Option<(Timestamp, String)> {
    let after = draft?.send_after.filter(|after| *after > case.context.now());
    let after = after.map(|after| (after, judgement::SEND_AFTER.to_owned()));
    after.or_else(|| Some((judgement::window_end(case, commit)?, judgement::UNDO.to_owned())))
}

/// Returns every draft that is not finished, on the desk as it is now.
pub fn items_now(context: &Context, session: &Session) -> Result<Vec<Item>> {
    items(context, session, &Desk::read(&session.repository)?)
}

fn is_changed(top: &Path, file: &DeskFile) -> bool {
    matches!(here::look(top, &file.path, file.blob), Here::Changed(_))
}
