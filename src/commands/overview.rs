//! Gathers what there is to know about every draft that is not finished; `status` and `list` print it.

use std::cmp::Reverse;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::here::{self, Here};
use super::judgement::{self, Case, Stop};
use super::limit::{self, Left};
use super::links::{self, OwnWords};
use super::secrets::{self, Make};
use super::strays::Strays;
use super::wire::Connectors;
use super::{Context, Result, Session, strays};
use crate::delivery::{Facts, OnDesk, Step, Waiting, next, waits_for};
use crate::desk::{Desk, DeskFile};
use crate::draft::{Draft, Status};
use crate::entry::{Drafted, Entry, Fact, drafted};
use crate::error::FileError;
use crate::git::objects::blob_id;
use crate::guard::Secrets;
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::outgoing::Capabilities;
use crate::plan::Tier;
use crate::policy::{self, Policy};

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
    let snapshot = Snapshot::of(&session.repository)?;
    let stories = session.stories(desk, &snapshot)?;
    let mut overview = Overview {
        context,
        session,
        desk,
        snapshot: &snapshot,
        stories: &stories,
        connectors: Connectors::new(&session.wiring, context),
        policy: session.believed_policy(),
        own: OwnWords::at(&session.repository, desk.tip),
        top: here::top(session)?,
        secrets: None,
        strays: None,
        limit: None,
    };
    let mut items = Vec::new();
    for (id, story) in &stories {
        items.extend(overview.item(id, story)?);
    }
    items.sort_by(|a, b| (a.place, a.since, &a.id).cmp(&(b.place, b.since, &b.id)));
    Ok(items)
}

/// What all drafts are looked at with.
struct Overview<'o> {
    context: &'o Context,
    session: &'o Session,
    desk: &'o Desk,
    snapshot: &'o Snapshot<'o>,
    stories: &'o [(DraftId, Vec<Entry>)],
    connectors: Connectors<'o>,
    policy: Option<Policy>,
    own: OwnWords<'o>,
    /// The worktree, where it is on `main`.
    top: Option<&'o Path>,
    /// Read when the first approval is looked at.
    secrets: Option<Secrets>,
    /// Looked for only where a file is gone, which may have been moved.
    strays: Option<Strays>,
    /// Counted when the first approval may be sent.
    limit: Option<Left>,
}

impl Overview<'_> {
    /// Returns what there is to know of a draft; nothing where it is finished.
    fn item(&mut self, id: &DraftId, story: &[Entry]) -> Result<Option<Item>> {
        let step = next(self.desk.on_desk(id), story, &self.facts(story));
        let Some(mut item) = self.on_main(id, story, &step) else { return Ok(None) };
        let lies_changed = self.look_here(&mut item)?;
        self.tell_a_refusal(&mut item);
        self.judge(&mut item, story, &step)?;
        if item.draft.is_none()
            && item.place == Place::Parked
            && let Some(bytes) = self.snapshot.file(id, "drafted", "md")?
        {
            item.draft = Draft::parse(&item.path, &String::from_utf8_lossy(&bytes)).ok();
        }
        let landed = item.origin.as_ref().map(|origin| origin.blob);
        // In what the machine wrote, a person has added nothing.
        if lies_changed || landed.is_none() || landed != self.desk.find(id).map(|file| file.blob) {
            item.links = self.added_links(&item)?;
        }
        Ok(Some(item))
    }

    fn facts(&self, story: &[Entry]) -> Facts {
        let transport = drafted(story).and_then(|origin| self.connectors.transport_of(origin));
        Facts {
            now: self.context.now(),
            host: self.context.host(),
            capabilities: Capabilities { dedupes: true, can_find: true },
            rehearses: transport.is_some_and(|transport| self.connectors.rehearses(&transport)),
        }
    }

    /// Says where a draft stands by what is committed and noted.
    fn on_main(&self, id: &DraftId, story: &[Entry], step: &Step) -> Option<Item> {
        let file = self.desk.find(id);
        let origin = drafted(story).cloned();
        let path = file.map(|file| &file.path).or(origin.as_ref().map(|origin| &origin.path));
        let path = path.cloned().unwrap_or_default();
        let mut notes = Vec::new();
        let place = match step {
            Step::Done => return None,
            Step::JudgeRemoval => Place::Parked,
            Step::Wait(Waiting::Decision) => Place::Waiting,
            Step::Wait(Waiting::Resolve) | Step::NoteUnsure => Place::Unsure,
            Step::Wait(Waiting::Failed | Waiting::Stale) => Place::Stopped,
            Step::Wait(Waiting::Rehearsed) => Place::Rehearsed,
            Step::Wait(Waiting::EditedAfter) => Place::EditedAfter,
            Step::Wait(Waiting::NoMemory | Waiting::Unreadable) => Place::Unclear,
            Step::Withdraw if self.desk.on_desk(id) == OnDesk::Absent => Place::Parked,
            Step::Withdraw => Place::Waiting,
            Step::Until(_) | Step::Claim { .. } | Step::Send { .. } | Step::Ask { .. } | Step::Resend => {
                Place::Approved
            }
            Step::Clear { .. } => match (self.top, file) {
                (Some(top), Some(file)) if is_changed(top, file) => {
                    notes.push(format!("what you wrote since is only in {}", file.path));
                    Place::EditedAfter
                }
                _ => return None,
            },
        };
        let read = file.map(|file| file.draft.clone()).transpose();
        let (draft, error) = match read {
            Ok(draft) => (draft, (place == Place::Unclear).then(|| strays::unknown(&path))),
            Err(error) => (None, Some(error)),
        };
        let later = match step {
            Step::Until(until) => Some((*until, waits_for(story, &self.facts(story)))),
            _ => None,
        };
        Some(Item {
            id: id.clone(),
            place,
            path,
            draft,
            origin,
            last: story.last().cloned(),
            error,
            held: None,
            notes,
            approval: None,
            links: Vec::new(),
            signer: None,
            later,
            since: story.iter().find(|entry| matches!(entry.fact, Fact::Drafted(_))).map(|entry| entry.at),
        })
    }

    /// Looks at what lies in the worktree and in the index, and tells whether another text than the committed
    /// one lies here.
    fn look_here(&mut self, item: &mut Item) -> Result<bool> {
        let (Some(top), Some(file)) = (self.top, self.desk.find(&item.id)) else { return Ok(false) };
        if !matches!(item.place, Place::Waiting | Place::Stopped | Place::Rehearsed) {
            return Ok(false);
        }
        let (before, mut changed) = (item.place, None);
        match here::look(top, &file.path, file.blob) {
            Here::Same => {}
            Here::Gone => item.place = Place::RemovedHere,
            Here::Changed(text) => changed = Some((file.path.clone(), text)),
        }
        if item.place == Place::RemovedHere {
            let strays = match &mut self.strays {
                Some(strays) => strays,
                none => none.insert(strays::look(self.session, self.desk, self.snapshot)?),
            };
            changed = strays.moved.remove(&item.id);
        }
        let lies_here = match &changed {
            Some((_, text)) => Some(blob_id(text.as_bytes())),
            None => Some(file.blob).filter(|_| item.place != Place::RemovedHere),
        };
        let at = changed.as_ref().map_or(&file.path, |(moved, _)| moved);
        let apart = here::apart(file.blob, here::staged(self.session, at), lies_here);
        let lies_changed = changed.is_some();
        if let Some((path, text)) = changed {
            match Draft::parse(&path, &text) {
                Ok(draft) => {
                    let is_approved = draft.status == Status::Approved;
                    item.place = if is_approved { Place::ApprovedHere } else { before };
                    item.draft = Some(draft);
                }
                Err(error) => {
                    item.place = Place::Unclear;
                    item.error = Some(error);
                }
            }
            item.path = path;
        }
        if let Some((staged, said)) = apart {
            item.notes.push(said.to_owned());
            let bytes = self.session.repository.read(staged)?;
            let staged = Draft::parse(&item.path, &String::from_utf8_lossy(&bytes)).ok();
            if let Some(staged) = staged.filter(|staged| staged.status == Status::Approved)
                && item.place != Place::Unclear
            {
                item.place = Place::ApprovedHere;
                item.draft = Some(staged);
            }
        }
        Ok(lies_changed)
    }

    /// Says what the hook will say of an approval that is not committed yet.
    fn tell_a_refusal(&self, item: &mut Item) {
        if let (Place::ApprovedHere, Some(draft), Some(policy)) = (item.place, &item.draft, &self.policy)
            && let Some(finding) = policy::obstacles(policy, draft).first()
        {
            item.notes.push(format!("\"git commit\" refuses it: {finding}"));
        }
    }

    /// Judges an approval on `main` as the sender will.
    fn judge(&mut self, item: &mut Item, story: &[Entry], step: &Step) -> Result<()> {
        let on_desk = self.desk.on_desk(&item.id);
        let (Place::Approved, OnDesk::Approved(blob), Some(policy)) = (item.place, on_desk, &self.policy)
        else {
            return Ok(());
        };
        let secrets = match &mut self.secrets {
            Some(secrets) => secrets,
            none => none.insert(secrets::load(self.context, self.session, Make::No)?),
        };
        let case = Case {
            context: self.context,
            session: self.session,
            secrets,
            desk: self.desk,
            snapshot: self.snapshot,
            policy,
            own: &self.own,
            id: &item.id,
            story,
            blob,
            // Looking must not start an undo window.
            waits: false,
        };
        let is_claimed_next = matches!(step, Step::Claim { .. });
        match judgement::judge(&case) {
            Ok(_) if is_claimed_next && limit::per_hour(self.session, policy) == 0 => {
                item.place = Place::Held;
                item.held = Some(limit::NONE.to_owned());
            }
            Ok(claimed) => {
                let waits = || waits(&case, item.draft.as_ref(), claimed.commit);
                item.later = item.later.take().or_else(waits);
                if item.later.is_none() && is_claimed_next {
                    let limit = match &mut self.limit {
                        Some(limit) => limit,
                        none => none.insert(Left::of(
                            self.context,
                            self.session,
                            self.snapshot,
                            policy,
                            self.stories,
                        )?),
                    };
                    item.later = limit.take().map(|until| (until, judgement::LIMIT.to_owned()));
                }
                item.approval = Some(claimed.commit);
                item.signer = claimed.signer;
            }
            Err(Stop::Held { why, .. } | Stop::Unread { why, .. }) => {
                item.place = Place::Held;
                item.held = Some(why);
            }
            Err(Stop::Later { .. }) => {}
        }
        Ok(())
    }

    /// Names the links that a person added to what may still be sent.
    fn added_links(&self, item: &Item) -> Result<Vec<String>> {
        let may_go =
            matches!(item.place, Place::ApprovedHere | Place::Approved | Place::Held | Place::Waiting);
        let outside = match (&item.draft, &self.policy) {
            (Some(draft), Some(policy)) if may_go => {
                links::outside(&self.own, self.snapshot, &[policy], draft)?
            }
            _ => Vec::new(),
        };
        Ok(outside.iter().map(links::said).collect())
    }
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
