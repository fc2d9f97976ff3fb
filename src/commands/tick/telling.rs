//! Tells the desktop and the hub what a tick brought, and the desktop what still waits.
//!
//! Only counts, tiers and ages: no text of any message is ever told.

use std::collections::BTreeMap;
use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::notice::{self, News};
use super::super::told::{self, Event};
use super::super::{Result, Session, overview};
use super::Tick;
use super::table::Outcome;
use crate::connector::Source;
use crate::delivery::OnDesk;
use crate::entry::drafted;
use crate::id::DraftId;
use crate::message::sha256_hex;
use crate::outgoing::Key;
use crate::plan::Tier;
use crate::policy::Policy;
use crate::ui::counted;

/// The file in the state folder that says when each tier was last spoken of.
const REMINDED: &str = "reminded";

/// The drafts of a tier that have waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tier.
    pub tier: Tier,
    /// How many.
    pub count: usize,
    /// For how long the oldest one has waited.
    pub oldest: SignedDuration,
}

impl Tick<'_> {
    /// Logs what became of each message that has a draft: ids and words of ours, no text of it.
    pub(super) fn log(&self) {
        for row in &self.rows {
            let Some(id) = &row.id else { continue };
            let tier = row.tier.map_or("", Tier::as_str);
            tracing::info!(draft = %id, source = row.source, tier, outcome = row.outcome.word(), "taken in");
        }
    }

    /// Returns of which tiers it is time to be reminded, and notes that it was done.
    ///
    /// A tick that brought drafts tells of all that waits anyway, and so reminds, too.
    pub(super) fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        // Reading every draft as `status` does is for the tick that has something to say.
        let may_be_due = self.stories.iter().any(|(id, story)| {
            let Some(origin) = drafted(story).filter(|_| self.desk.on_desk(id) != OnDesk::Absent) else {
                return false;
            };
            let after = self.policy.remind_after(origin.tier);
            let age = story.first().map(|entry| now.duration_since(entry.at)).unwrap_or_default();
            after.is_some_and(|after| age >= after)
        });
        let reminded = reminded(self.session);
        if !may_be_due {
            return Ok(Vec::new());
        }
        let waiting: Vec<(Tier, SignedDuration)> = overview::items_now(self.context, self.session)?
            .iter()
            .filter(|item| item.needs_you())
            .filter_map(|item| Some((item.origin.as_ref()?.tier, item.age(now)?)))
            .collect();
        let due = due(&self.policy, &waiting, &reminded, now);
        let mut noted = reminded;
        noted.extend(due.iter().map(|due| (due.tier, now)));
        if !due.is_empty() {
            let text: String = noted.iter().map(|(tier, at)| format!("{tier} {at}\n")).collect();
            if let Err(error) = fs::write(self.session.state.join(REMINDED), text) {
                tracing::warn!(%error, "that drafts were spoken of again could not be noted");
            }
        }
        Ok(if self.drafts.is_empty() { due } else { Vec::new() })
    }

    /// Tells the desktop and the hub that there is something new, or the desktop that something waits.
    pub(super) async fn tell_others(&mut self, due: &[Due]) {
        let needs_you = self
            .rows
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::NeedsYou | Outcome::Refused | Outcome::Unreadable))
            .count();
        let due = due.iter().map(|due| due.tier.to_string()).collect();
        let news = News { new: self.drafts.len(), needs_you, due, ..News::default() };
        notice::tell(self.context, self.session, news).await;
        if self.drafts.is_empty() {
            return;
        }
        for hub in &self.hubs {
            let Source::Hub(hub) = hub else { continue };
            let ids: Vec<&str> = self.drafts.iter().map(|new| new.id.as_str()).collect();
            let key = format!("tick.{}", &sha256_hex(ids.join(" ").as_bytes())[..16]);
            let ready = self.drafts.len() - needs_you;
            let verbs = [ready, needs_you].map(|count| if count == 1 { "s" } else { "" });
            let summary = format!(
                "{} wait{} for a person, {needs_you} need{} one to answer",
                counted(ready, "draft"),
                verbs[0],
                verbs[1]
            );
            let details = json!({ "drafts": self.drafts.len(), "needs_you": needs_you });
            match hub.progress(&key, "drafts_ready", &summary, details).await {
                Ok(()) => self.account.hub_note(hub.name(), &key),
                Err(error) => tracing::warn!(%error, "the hub took no progress note"),
            }
        }
    }

    /// Tells the hubs what drafts came to their end in this tick: a person had rejected them, their time was
    /// over, or a later one answers for them.
    pub(super) async fn tell_ends(&self, rejected: &[(DraftId, String)]) {
        let cleared = self.cleared.iter().map(|(note, _)| &note.id);
        let mut events = match self.ends(rejected.iter().map(|(id, _)| id).chain(cleared)) {
            Ok(events) => events,
            Err(error) => return tracing::warn!(%error, "the hub is not told what became of drafts"),
        };
        for hub in &self.hubs {
            let Source::Hub(hub) = hub else { continue };
            if let Some(events) = events.remove(hub.name()) {
                told::tell_hub_all(hub, events).await;
            }
        }
    }

    /// Returns what the ledger says now of drafts, by their sources: what could not be cleared is not noted
    /// either.
    fn ends<'d>(&self, ids: impl Iterator<Item = &'d DraftId>) -> Result<BTreeMap<String, Vec<Event>>> {
        let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        let snapshot = self.ledger.snapshot()?;
        for id in ids {
            let story = snapshot.story(id)?;
            let (Some(origin), Some(last)) = (drafted(&story), story.last()) else { continue };
            let key = Key::new(id, last.generation, self.ledger.desk());
            if let Some(event) = Event::of(origin, &key, &last.fact, None) {
                events.entry(event.source().to_owned()).or_default().push(event);
            }
        }
        Ok(events)
    }
}

/// Returns the tiers whose drafts have waited too long and were not spoken of for as long.
///
/// `waiting` has each draft's tier and age. What was noted by a clock that has gone back since does not
/// keep anybody silent.
fn due(
    policy: &Policy,
    waiting: &[(Tier, SignedDuration)],
    reminded: &BTreeMap<Tier, Timestamp>,
    now: Timestamp,
) -> Vec<Due> {
    let mut found = Vec::new();
    for tier in Tier::ALL {
        let Some(after) = policy.remind_after(tier) else { continue };
        let long = || waiting.iter().filter(|(of, age)| *of == tier && *age >= after).map(|(_, age)| *age);
        let spoken_of = reminded.get(&tier).is_some_and(|at| *at <= now && now.duration_since(*at) < after);
        if let (Some(oldest), false) = (long().max(), spoken_of) {
            found.push(Due { tier, count: long().count(), oldest });
        }
    }
    found
}

fn reminded(session: &Session) -> BTreeMap<Tier, Timestamp> {
    let text = fs::read_to_string(session.state.join(REMINDED)).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (tier, at) = line.split_once(' ')?;
            Some((tier.parse().ok()?, at.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::FILE;

    #[test]
    fn each_tier_is_spoken_of_once_in_its_time() {
        let policy = Policy::parse(FILE, "version = 1\n[remind]\nmedium = \"2d\"\nhigh = \"12h\"\n").unwrap();
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let check = |waiting: &[(Tier, i64)], reminded: &[(Tier, &str)], expected: &str| {
            let waiting: Vec<_> =
                waiting.iter().map(|(tier, hours)| (*tier, SignedDuration::from_hours(*hours))).collect();
            let reminded = reminded.iter().map(|(tier, at)| (*tier, at.parse().unwrap())).collect();
            let due: Vec<String> = due(&policy, &waiting, &reminded, now)
                .iter()
                .map(|due| format!("{} {} {}h", due.tier, due.count, due.oldest.as_hours()))
                .collect();
            assert_eq!(due.join(", "), expected);
        };
        check(&[(Tier::High, 11), (Tier::Medium, 47), (Tier::Low, 9999)], &[], "");
        check(&[(Tier::High, 12), (Tier::High, 13), (Tier::High, 2)], &[], "high 2 13h");
        check(&[(Tier::High, 20), (Tier::Medium, 48)], &[], "medium 1 48h, high 1 20h");
        check(&[(Tier::High, 20)], &[(Tier::High, "2026-11-20T00:00:01Z")], "");
        check(&[(Tier::High, 20)], &[(Tier::High, "2026-11-20T00:00:00Z")], "high 1 20h");
        check(&[(Tier::High, 20)], &[(Tier::High, "2026-12-24T00:00:00Z")], "high 1 20h");
    }
}
