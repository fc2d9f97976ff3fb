//! The limit of sends per hour, and when it lets the next approvals go.
//!
//! The sender and `status` count by it alike; of the times only `status` speaks, for the sender looks again.

use jiff::{SignedDuration, Timestamp};

use super::{Context, Result, Session};
use crate::entry::{Entry, Fact};
use crate::id::DraftId;
use crate::ledger::Snapshot;
use crate::policy::Policy;

/// The time that the limit is about.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Why nothing goes where nothing ever will.
pub const NONE: &str = "`sends_per_hour_max` is 0, so nothing is sent";

/// What to do about that.
pub const NONE_HINT: &str = "raise it under [limits] in drafts.toml and in the wiring, whichever says 0";

/// Returns how many sends there may be in any hour: the policy and the wiring both say so, and the stricter wins.
pub fn per_hour(session: &Session, policy: &Policy) -> usize {
    policy.sends_per_hour_max.min(session.wiring.limits.sends_per_hour_max)
}

/// What the limit leaves.
pub struct Left {
    /// When the transmissions of the last hour began, oldest first.
    began: Vec<Timestamp>,
    most: usize,
    /// How many approvals go before the next one.
    ahead: usize,
    now: Timestamp,
}

impl Left {
    /// Counts what began to be sent in the last hour, and what is about to be.
    pub fn of(
        context: &Context,
        session: &Session,
        snapshot: &Snapshot<'_>,
        policy: &Policy,
        stories: &[(DraftId, Vec<Entry>)],
    ) -> Result<Self> {
        let now = context.now();
        let mut began = snapshot.sends_since(now - HOUR)?;
        began.sort_unstable();
        let most = per_hour(session, policy);
        let is_claimed =
            |story: &[Entry]| matches!(story.last().map(|last| &last.fact), Some(Fact::Claimed(_)));
        let ahead = stories.iter().filter(|(_, story)| is_claimed(story)).count();
        Ok(Self { began, most, ahead, now })
    }

    /// Takes the place of one approval; returns when it may go, where that is not now.
    pub fn take(&mut self) -> Option<Timestamp> {
        let place = self.began.len() + self.ahead;
        self.ahead += 1;
        if place < self.most {
            return None;
        }
        // Once that one is an hour old, there is room. Where all of them go before, what is sent then counts.
        let freed = self.began.get(place - self.most).copied().unwrap_or(self.now);
        Some(freed.saturating_add(HOUR).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-20T{clock}:00Z").parse().unwrap()
    }

    #[test]
    fn an_approval_goes_when_the_oldest_send_of_the_hour_is_an_hour_old() {
        let check = |most, ahead, expected: &[Option<&str>]| {
            let began = vec![at("11:10"), at("11:20"), at("11:50")];
            let mut left = Left { began, most, ahead, now: at("12:00") };
            let taken: Vec<Option<Timestamp>> = expected.iter().map(|_| left.take()).collect();
            assert_eq!(
                taken,
                expected.iter().map(|clock| clock.map(at)).collect::<Vec<_>>(),
                "{most} {ahead}"
            );
        };
        check(5, 0, &[None, None, Some("12:10"), Some("12:20"), Some("12:50"), Some("13:00")]);
        check(3, 0, &[Some("12:10"), Some("12:20")]);
        check(4, 1, &[Some("12:10")]);
        // The limit was made smaller.
        check(1, 0, &[Some("12:50")]);
        check(0, 0, &[Some("13:00")]);
    }
}
