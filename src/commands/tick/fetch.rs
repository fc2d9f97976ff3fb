//! Reads all sources side by side, so that one that hangs holds up nobody else.
//!
//! What they gave is taken in afterwards, one source after the other in the order of the wiring: the drafts
//! are the same, whoever answered first.

use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::Tick;
use crate::commands::wire::source;
use crate::connector::{ConnectorError, Source, Window};
use crate::message::Fetched;

/// How long all that one source gives may take; each of its calls has a bound of its own.
pub(super) const FETCH_SECONDS_MAX: u64 = 300;

/// The messages of a source, or why there are none.
type Messages = Result<Vec<Fetched>, ConnectorError>;

/// What a source gave.
pub(super) enum Given {
    /// It was read, or said why not.
    Read(Box<Source>, Messages),
    /// There is none: its credential could not be had.
    None(ConnectorError),
}

impl Tick<'_> {
    /// Reads every source of the wiring; returns what they gave in its order.
    pub(super) async fn fetch_all(&self) -> Vec<Given> {
        // On this thread: what some sources do while they wait cannot be moved to another.
        LocalSet::new().run_until(self.fetch_side_by_side()).await
    }

    /// Takes our own credentials out of what a source says of its trouble, which is kept: a system may echo
    /// what it was given. Messages are looked through later, with all else that is known.
    pub(super) fn without_credentials(&self, messages: Messages) -> Messages {
        let clean = |words: &str| self.context.credentials.clean(words);
        let mut fetched = messages.map_err(|error| error.with_words(clean))?;
        for unreadable in fetched.iter_mut().filter_map(|item| item.as_mut().err()) {
            unreadable.what = clean(&unreadable.what);
        }
        Ok(fetched)
    }

    async fn fetch_side_by_side(&self) -> Vec<Given> {
        let now = self.context.now();
        let mut given: Vec<Given> = Vec::new();
        let mut running: JoinSet<(usize, Box<Source>, Messages)> = JoinSet::new();
        for (index, wiring) in self.session.wiring.sources.iter().enumerate() {
            match source(wiring, &self.context.credentials).await {
                Ok(mut source) => {
                    self.resume(wiring, &mut source);
                    let since = if self.options.all { None } else { self.since(wiring, now) };
                    running.spawn_local(async move {
                        let window = Window { since };
                        let limit = Duration::from_secs(FETCH_SECONDS_MAX);
                        let fetched = timeout(limit, source.fetch(&window, now)).await.unwrap_or_else(|_| {
                            let what = format!("it did not give all of it within {FETCH_SECONDS_MAX} s");
                            Err(ConnectorError::Away { what })
                        });
                        (index, Box::new(source), fetched)
                    });
                    given.push(Given::None(ConnectorError::Away { what: "reading it broke off".to_owned() }));
                }
                Err(error) => given.push(Given::None(error)),
            }
        }
        while let Some(read) = running.join_next().await {
            match read {
                Ok((index, source, fetched)) => given[index] = Given::Read(source, fetched),
                Err(error) => tracing::warn!(%error, "a source broke off"),
            }
        }
        given
    }
}
