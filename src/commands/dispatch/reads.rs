//! Marks the messages of rejected drafts as read, where whoever rejected them asked for that.

use std::collections::BTreeMap;

use super::{Dispatcher, What};
use crate::commands::secrets::{self, Make};
use crate::commands::told::is_it;
use crate::commands::{Result, reads};
use crate::connector::{ConnectorError, Marked};
use crate::delivery::OnDesk;
use crate::entry::{Drafted, Fact, drafted};
use crate::guard::Secrets;

impl Dispatcher<'_, '_, '_> {
    /// Marks what is to be marked; what cannot be now is said, and left for the next run.
    pub(super) async fn mark_as_read(&mut self) -> Result<()> {
        let repository = &self.session.repository;
        let asked = reads::asked(repository)?;
        if asked.is_empty() || self.paused().is_some() {
            return Ok(());
        }
        let snapshot = self.ledger.snapshot()?;
        let secrets = secrets::load(self.context, self.session, Make::No)?;
        // A source that is away is not waited for once more for each message.
        let mut away: BTreeMap<String, String> = BTreeMap::new();
        for id in asked {
            let story = snapshot.story(&id)?;
            let is_rejected = matches!(story.last().map(|entry| &entry.fact), Some(Fact::Rejected { .. }));
            let Some(origin) = drafted(&story).filter(|_| is_rejected) else {
                // It was not committed yet; or it came otherwise, and nobody asked for that.
                let is_open = story.last().is_some_and(|entry| entry.fact.is_open());
                if !is_open && self.desk.on_desk(&id) == OnDesk::Absent {
                    reads::forget(repository, &id)?;
                }
                continue;
            };
            let source = origin.source.clone();
            let marked = match away.get(&source) {
                Some(why) => Err(why.clone()),
                None => self.mark(origin, &secrets).await.map_err(|error| error.to_string()),
            };
            let what = match marked {
                Ok(Marked::Done) => What::Read { source },
                Ok(Marked::NotThere) => {
                    let why = "the message is not there any more".to_owned();
                    What::Unread { source, why, again: false }
                }
                Ok(Marked::Never) => {
                    let why = "it does not mark messages".to_owned();
                    What::Unread { source, why, again: false }
                }
                Err(why) => {
                    away.insert(source.clone(), why.clone());
                    What::Unread { source, why, again: true }
                }
            };
            if !matches!(what, What::Unread { again: true, .. }) {
                reads::forget(repository, &id)?;
            }
            self.tell(&id, &story, what);
        }
        Ok(())
    }

    async fn mark(
        &mut self,
        origin: &Drafted,
        secrets: &Secrets,
    ) -> std::result::Result<Marked, ConnectorError> {
        let source = self.connectors.source(&origin.source).await?;
        source.mark_read(&origin.message, |message| is_it(message, origin, Some(secrets))).await
    }
}
