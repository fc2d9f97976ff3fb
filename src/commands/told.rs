//! Tells a source what became of its drafts: an answered message is read, and a hub's record tells the same
//! story as the ledger.
//!
//! All of it is a courtesy: what cannot be told is logged, and changes nothing. Each event has a key of its
//! own, so that a hub has it once, whoever tells it.

use std::collections::VecDeque;

use serde_json::json;
use tokio::task::JoinSet;

use crate::connector::hub::Hub;
use crate::connector::mail::write;
use crate::connector::{ConnectorError, Source};
use crate::entry::{Drafted, Fact};
use crate::guard::Secrets;
use crate::message::Message;
use crate::outgoing::{Key, Outgoing};

/// How many threads a hub is asked for at a time, and how many drafts' ends it is told of.
pub const TOGETHER: usize = 8;

/// What became of a draft, as its source is told.
pub struct Event {
    name: &'static str,
    kind: &'static str,
    key: String,
    /// Whether its message is read by now.
    pub is_read: bool,
    source: String,
    message: String,
    thread: String,
    /// The Message-ID and the bytes of a copy that the source wants.
    copy: Option<(String, Vec<u8>)>,
}

impl Event {
    /// Makes of an entry what its source is told; none where that is nobody's news.
    pub fn of(origin: &Drafted, key: &Key, fact: &Fact, copied: Option<&Outgoing>) -> Option<Self> {
        let name = match fact {
            Fact::Sent { .. } => "draft_sent",
            Fact::Rejected { .. } => "draft_rejected",
            Fact::Unsure { .. } => "draft_unsure",
            Fact::Failed { .. } => "draft_failed",
            Fact::Withdrawn { .. } => "draft_withdrawn",
            Fact::Stale { .. } => "draft_stale",
            Fact::Superseded { .. } => "draft_superseded",
            Fact::Expired => "draft_expired",
            _ => return None,
        };
        Some(Self {
            name,
            kind: fact.kind(),
            key: format!("{key}.{}", fact.kind()),
            is_read: matches!(fact, Fact::Sent { .. }),
            source: origin.source.clone(),
            message: origin.message.clone(),
            thread: origin.thread.clone(),
            copy: copied
                .filter(|_| matches!(fact, Fact::Sent { .. }))
                .and_then(|outgoing| Some((outgoing.message_id.clone(), write::write(outgoing).ok()?))),
        })
    }

    /// Returns the name of the source that is told.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// Lets a source note that a message was answered.
pub async fn note_answered(source: &Source, event: &Event, origin: &Drafted, secrets: Option<&Secrets>) {
    let copy = event.copy.as_ref().map(|(id, mail)| (id.as_str(), mail.as_slice()));
    let is_answered = |message: &Message| is_it(message, origin, secrets);
    if let Err(error) = source.note_answered(&event.message, is_answered, copy).await {
        tracing::warn!(source = event.source, %error, "the source could not note that it is answered");
    }
}

/// Tells whether this is the very message that a draft was made for, and not another one with its id.
pub fn is_it(message: &Message, origin: &Drafted, secrets: Option<&Secrets>) -> bool {
    let as_it_came = secrets.map(|secrets| secrets.key.of_message(message));
    message.digest() == origin.digest || as_it_came.is_some() && as_it_came == origin.fetched
}

/// Tells a hub of one event.
///
/// # Errors
/// Why the hub has no note of it; that is logged already.
pub async fn tell_hub(hub: &Hub, event: &Event) -> Result<(), ConnectorError> {
    if event.is_read
        && let Err(error) = hub.mark_read(&event.message).await
    {
        tracing::warn!(source = event.source, %error, "the source could not note that it is answered");
    }
    let details = json!({ "message": event.message, "thread": event.thread });
    let summary = format!("1 draft {}", event.kind);
    let noted = hub.progress(&event.key, event.name, &summary, details).await;
    if let Err(error) = &noted {
        tracing::warn!(source = event.source, %error, "the hub took no progress note");
    }
    noted
}

/// Tells a hub of many events, some at a time, until it takes one no more.
pub async fn tell_hub_all(hub: &Hub, events: Vec<Event>) {
    let mut waiting = VecDeque::from(events);
    let mut running: JoinSet<Result<(), ConnectorError>> = JoinSet::new();
    loop {
        while let (true, Some(event)) = (running.len() < TOGETHER, waiting.pop_front()) {
            let hub = hub.clone();
            running.spawn(async move { tell_hub(&hub, &event).await });
        }
        match running.join_next().await {
            None => return,
            Some(Ok(Ok(()))) => {}
            Some(_) if waiting.is_empty() => {}
            Some(_) => {
                tracing::warn!(
                    source = hub.name(),
                    events = waiting.len(),
                    "the hub is not told of the rest"
                );
                waiting.clear();
            }
        }
    }
}
