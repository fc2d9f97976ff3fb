//! Finds the drafts that leave the desk by themselves: a later one answers for them, or nobody touched
//! them until their time was over.
//!
//! Both are decided by what stands on the desk and in the ledger, and by nothing that an earlier tick
//! remembers: what cannot be cleared now is found again. What a person has touched never leaves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::super::Result;
use super::Tick;
use super::table::{Outcome, Row};
use crate::delivery::OnDesk;
use crate::desk::{self, Desk};
use crate::draft;
use crate::entry::{Drafted, Entry, Fact, drafted};
use crate::git::landing::{self, Change};
use crate::git::{Head, MAIN, Person};
use crate::id::DraftId;
use crate::message::Message;
use crate::plan::Action;
use crate::policy::Recipients;
use crate::ui::counted;

/// What makes a later draft answer for an earlier one, beside the thread.
#[derive(Clone, Copy)]
struct Answer<'a> {
    thread: &'a str,
    source: &'a str,
    to: &'a [crate::message::Address],
    cc: &'a [crate::message::Address],
    action: Action,
}

impl<'a> Answer<'a> {
    fn of(origin: &'a Drafted) -> Self {
        let Drafted { thread, source, to, cc, action, .. } = origin;
        Self { thread, source, to, cc, action: *action }
    }

    /// Tells whether this one may stand for an earlier draft: the same people in the same thread.
    ///
    /// What was left to a person is replaced only by what is left to a person: a question that nobody
    /// has answered must not vanish behind the answer to another one.
    fn may_stand_for(&self, earlier: &Drafted) -> bool {
        let same_thread = earlier.thread == self.thread && earlier.source == self.source;
        let same_people = earlier.to == self.to && earlier.cc == self.cc;
        let answered = earlier.action != Action::Escalate || self.action == Action::Escalate;
        same_thread && same_people && answered
    }
}

/// A draft that may stand for an earlier one.
struct Later<'a> {
    id: &'a DraftId,
    origin: &'a Drafted,
    context: &'a str,
    at: Timestamp,
    is_new: bool,
}

/// Where drafts stand among those of a tick, by source and thread.
pub(super) type Threads = BTreeMap<(String, String), Vec<usize>>;

/// Finds the threads of the drafts that wait as they were landed.
pub(super) fn threads(desk: &Desk, stories: &[(DraftId, Vec<Entry>)]) -> Threads {
    let mut threads = Threads::new();
    for (place, _, _, origin) in waiting(desk, stories) {
        threads.entry((origin.source.clone(), origin.thread.clone())).or_default().push(place);
    }
    threads
}

/// Returns the drafts that stand on the desk as they were landed, and of which nothing else is known, with
/// their places in the list.
fn waiting<'a>(
    desk: &'a Desk,
    stories: &'a [(DraftId, Vec<Entry>)],
) -> impl Iterator<Item = (usize, &'a DraftId, &'a [Entry], &'a Drafted)> {
    stories.iter().enumerate().filter_map(|(place, (id, story))| {
        let origin = drafted(story)?;
        let waits = matches!(story.last()?.fact, Fact::Drafted(_));
        let stands = waits && desk.on_desk(id) == OnDesk::Draft(origin.blob);
        stands.then_some((place, id, story.as_slice(), origin))
    })
}

impl Tick<'_> {
    /// Returns what the untouched drafts quote that a new one will stand for, for it to quote, too.
    pub(super) fn older_quotes(
        &self,
        message: &Message,
        recipients: &Recipients,
        action: Action,
    ) -> Result<String> {
        let Recipients { to, cc } = recipients;
        let answer = Answer { thread: &message.thread, source: &message.source, to, cc, action };
        let mut older = String::new();
        let thread = (message.source.clone(), message.thread.clone());
        for &place in self.threads.get(&thread).into_iter().flatten() {
            let (id, story) = &self.stories[place];
            let Some(origin) = drafted(story) else { continue };
            if answer.may_stand_for(origin) && self.is_untouched(origin)? {
                older.push_str(self.quoted(id));
            }
        }
        Ok(older)
    }

    /// Takes an untouched draft off the desk once a later one is there that quotes what it quotes.
    pub(super) fn clear_superseded(&mut self) -> Result<()> {
        let mut later: BTreeMap<(&str, &str), Vec<Later<'_>>> = BTreeMap::new();
        for one in self.later() {
            later.entry((&one.origin.source, &one.origin.thread)).or_default().push(one);
        }
        let mut found = Vec::new();
        for (id, story, origin) in self.waiting() {
            let Some(later) = later.get(&(origin.source.as_str(), origin.thread.as_str())) else { continue };
            let quoted = self.quoted(id);
            let stands_for = |later: &&Later<'_>| {
                let newer = later.is_new
                    || !quoted.is_empty()
                        && (story.last().is_some_and(|entry| later.at > entry.at)
                            || !self.context_of(id).contains(draft::quoted_part(later.context)));
                later.id != id
                    && newer
                    && later.context.contains(quoted)
                    && Answer::of(later.origin).may_stand_for(origin)
            };
            if let Some(later) = later.iter().rfind(stands_for)
                && self.is_untouched(origin)?
            {
                let by = later.id.to_string();
                found.push((id.clone(), story.to_vec(), origin.clone(), by));
            }
        }
        for (id, story, origin, by) in found {
            let reason = format!("by {by}");
            self.clear(&id, &story, &origin, Fact::Superseded { by }, (Outcome::Superseded, reason));
        }
        Ok(())
    }

    /// Takes a draft off the desk that nobody has touched for as long as the policy says.
    pub(super) fn clear_expired(&mut self, now: Timestamp) -> Result<()> {
        // While the worktree shows another branch nobody can tell what is being worked on there.
        let repository = &self.session.repository;
        if repository.worktree().is_some() && repository.head()? != Head::Branch(MAIN.to_owned()) {
            return Ok(());
        }
        let cleared: BTreeSet<&DraftId> = self.cleared.iter().map(|(note, _)| &note.id).collect();
        let mut found = Vec::new();
        for (id, story, origin) in self.waiting() {
            let Some(days) = self.policy.expire_days(origin.tier) else { continue };
            let is_over = |since: Timestamp| {
                now.duration_since(since) >= SignedDuration::from_hours(24 * i64::from(days))
            };
            if story.last().is_none_or(|entry| !is_over(entry.at)) || cleared.contains(id) {
                continue;
            }
            // It may have waited for the desk to be free before anybody could see it.
            let put = self.put_by(origin)?;
            let is_shown_long = !put.is_machine() || is_over(put.when);
            if is_shown_long && self.is_untouched(origin)? {
                found.push((id.clone(), story.to_vec(), origin.clone(), days));
            }
        }
        for (id, story, origin, days) in found {
            let days = counted(usize::try_from(days).unwrap_or(0), "day");
            let reason = format!("nobody touched it for {days}");
            self.clear(&id, &story, &origin, Fact::Expired, (Outcome::Expired, reason));
        }
        Ok(())
    }

    /// Takes a draft off the desk that an earlier tick noted as cleared and died before it was.
    pub(super) fn clear_left_over(&mut self) -> Result<()> {
        let mut found = Vec::new();
        for (id, story) in &self.stories {
            let (Some(origin), Some(last)) = (drafted(story), story.last()) else { continue };
            let outcome = match &last.fact {
                Fact::Expired => (Outcome::Expired, "an earlier tick did not come to it".to_owned()),
                Fact::Superseded { by } => (Outcome::Superseded, format!("by {by}")),
                _ => continue,
            };
            // A person who brought one back wants it there.
            let is_left_over = self.desk.on_desk(id) == OnDesk::Draft(origin.blob)
                && self.put_by(origin)?.is_machine()
                && self.is_untouched(origin)?;
            if is_left_over {
                found.push((id.clone(), story.clone(), origin.clone(), last.fact.clone(), outcome));
            }
        }
        for (id, story, origin, fact, outcome) in found {
            self.clear(&id, &story, &origin, fact, outcome);
        }
        Ok(())
    }

    fn put_by(&self, origin: &Drafted) -> Result<Person> {
        Ok(desk::put_by(&self.session.repository, self.desk.tip, &origin.path)?)
    }

    fn clear(
        &mut self,
        id: &DraftId,
        story: &[Entry],
        origin: &Drafted,
        fact: Fact,
        (outcome, reason): (Outcome, String),
    ) {
        let mut row = Row::new(&origin.source, &origin.message, outcome, &reason);
        row.id = Some(id.clone());
        if let Some(Ok(draft)) = self.desk.find(id).map(|file| &file.draft) {
            row.subject.clone_from(&draft.subject);
        }
        self.rows.push(row);
        let change = Change { path: origin.path.clone(), blob: origin.blob, bytes: None };
        self.cleared.push((self.note(id, story, fact), change));
    }

    /// Returns the drafts that stand on the desk as they were landed, and of which nothing else is known.
    fn waiting(&self) -> impl Iterator<Item = (&DraftId, &[Entry], &Drafted)> {
        waiting(&self.desk, &self.stories).map(|(_, id, story, origin)| (id, story, origin))
    }

    /// Returns the drafts that may stand for earlier ones, those of this tick last.
    fn later(&self) -> impl Iterator<Item = Later<'_>> {
        let on_desk = self.stories.iter().filter_map(|(id, story)| {
            let context = self.context_of(id);
            // One that was decided about answers for nothing but its own question.
            let waits = matches!(story.last()?.fact, Fact::Drafted(_));
            let at = story.first().filter(|_| waits)?.at;
            let is_there = self.desk.on_desk(id) != OnDesk::Absent;
            let origin = drafted(story).filter(|_| is_there)?;
            Some(Later { id, origin, context, at, is_new: false })
        });
        let new = self.drafts.iter().filter_map(|new| match &new.note.entry.fact {
            Fact::Drafted(origin) => Some(Later {
                id: &new.id,
                origin,
                context: &new.draft.context,
                at: new.note.entry.at,
                is_new: true,
            }),
            _ => None,
        });
        on_desk.chain(new)
    }

    fn context_of(&self, id: &DraftId) -> &str {
        match self.desk.find(id).map(|file| &file.draft) {
            Some(Ok(draft)) => &draft.context,
            _ => "",
        }
    }

    fn quoted(&self, id: &DraftId) -> &str {
        draft::quoted_part(self.context_of(id))
    }

    fn is_untouched(&self, origin: &Drafted) -> Result<bool> {
        Ok(landing::is_untouched(&self.session.repository, &origin.path, origin.blob)?)
    }
}
