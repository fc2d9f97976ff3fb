//! Transmits the drafts of one chunk, side by side where the receiver dedupes.
//!
//! All of them are noted as `sending` before the first byte. The outcomes come in the order of the drafts,
//! whoever answered first.

use std::collections::{BTreeMap, HashMap};

use tokio::task::{Id, JoinSet};

use super::super::health;
use super::{Dispatcher, Outbound};
use crate::connector::Transport;
use crate::errand::Errand;
use crate::outgoing::Outcome;

impl Dispatcher<'_, '_, '_> {
    /// Sends each draft once, and says what we know; nothing of those that a pause held back in doubt.
    pub(super) async fn transmit<'d>(
        &mut self,
        transport: &str,
        drafts: Vec<&'d Outbound>,
    ) -> Vec<(&'d Outbound, Outcome)> {
        let together = self.connectors.together(transport);
        let hub = match self.connectors.built(transport).await {
            Ok(Transport::Hub(hub)) if together > 1 => Some(hub.clone()),
            Ok(_) | Err(_) => None,
        };
        let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
        let mut running: JoinSet<(usize, Outcome)> = JoinSet::new();
        let mut started: HashMap<Id, usize> = HashMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            while running.len() >= together {
                take(&mut running, &started, &mut outcomes).await;
            }
            if let (Some(paused), true) = (self.paused(), index > 0) {
                // It did not go, and that is known; of one that may have gone before nothing is.
                if draft.began.is_none() {
                    let until = paused.until.unwrap_or(self.context.now());
                    outcomes.insert(index, Outcome::Deferred { until, reason: paused.sentence() });
                }
                continue;
            }
            *self.tries.entry(draft.id.clone()).or_default() += 1;
            let now = self.context.now();
            match hub.as_ref().filter(|_| draft.errand == Errand::Answer) {
                Some(hub) => {
                    let (hub, outgoing) = (hub.clone(), draft.outgoing.clone());
                    let task = running.spawn(async move { (index, hub.send(&outgoing, now).await) });
                    started.insert(task.id(), index);
                }
                None => {
                    let outcome =
                        self.connectors.send(transport, &draft.outgoing, &draft.errand, self.lock, now).await;
                    outcomes.insert(index, outcome);
                }
            }
        }
        while !running.is_empty() {
            take(&mut running, &started, &mut outcomes).await;
        }
        let told = outcomes.into_iter().map(|(index, outcome)| (drafts[index], outcome));
        told.inspect(|(draft, outcome)| tracing::info!(draft = %draft.id, transport, ?outcome, "transmitted"))
            .collect()
    }

    /// Notes for `status` how the way out is.
    pub(super) fn note_health(&self, transport: &str, outcome: &Outcome) {
        let result = match outcome {
            Outcome::Delivered { .. } => Ok(()),
            Outcome::Deferred { reason, .. } => Err(self.context.credentials.clean(reason)),
            // A clear no comes from a system that works, and a doubt is told of the draft itself.
            Outcome::Failed { .. } | Outcome::Unsure { .. } => return,
        };
        let result = result.as_ref().copied().map_err(String::as_str);
        health::note(&self.session.state, health::Role::Transport, transport, result, self.context.now());
    }
}

/// Waits for one that is on its way. One that broke off may have gone.
async fn take(
    running: &mut JoinSet<(usize, Outcome)>,
    started: &HashMap<Id, usize>,
    outcomes: &mut BTreeMap<usize, Outcome>,
) {
    match running.join_next().await {
        Some(Ok((index, outcome))) => {
            outcomes.insert(index, outcome);
        }
        Some(Err(error)) => {
            if let Some(index) = started.get(&error.id()) {
                outcomes.insert(*index, Outcome::Unsure { reason: format!("the sender broke off: {error}") });
            }
        }
        None => {}
    }
}
