//! Reads an agent's inbox on a State Hub and sends answers there.
//!
//! Every call is made once: whether it is made again is decided elsewhere, by what we know. What a
//! hub can do is declared in its settings, never assumed. Reading never marks anything as read.
//!
//! `wire` maps to and from the hub's JSON, `settings` holds what the wiring says; here is only the
//! order of the calls.

pub mod settings;
pub mod wire;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::connector::hub::settings::Settings;
use crate::connector::{ConnectorError, Marked, Window};
use crate::http::{Answer, Client, HttpError, RETRY_AFTER_HOURS_MAX, Request};
use crate::message::{Fetched, Message};
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};

/// One hub, as one agent sees it.
#[derive(Clone, Debug)]
pub struct Hub {
    source: String,
    settings: Settings,
    client: Client,
    /// Before this the hub wants no request for its inbox.
    later: Option<Timestamp>,
}

impl Hub {
    /// Makes a hub of its name in the wiring and its settings; makes no call.
    pub fn new(source: &str, settings: Settings) -> Result<Self, HttpError> {
        let client = Client::new(&settings.url, settings.token.clone(), settings.timeout)?;
        Ok(Self { source: source.to_owned(), settings, client, later: None })
    }

    /// Checks that the hub is up, within a few seconds; anything but its word for that is down.
    pub async fn health(&self) -> Result<(), ConnectorError> {
        wire::read_health(self.call(&wire::health(&self.settings)).await)
    }

    /// Takes up what [`Hub::bookmark`] gave the last time; of a hub elsewhere it says nothing.
    pub fn resume(&mut self, bookmark: &str) {
        let later = bookmark.trim_end().split_once(' ').filter(|(_, url)| *url == self.settings.url);
        self.later = later.and_then(|(later, _)| later.parse().ok());
    }

    /// Returns when the hub wants to be asked again, to be remembered, where it said so.
    pub fn bookmark(&self) -> Option<String> {
        self.later.map(|later| format!("{later} {}\n", self.settings.url))
    }

    /// Checks that the hub is up, and returns its inbox as [`Hub::fetch`] does. A hub that has said when it
    /// wants to be asked again (429 or 503 with `Retry-After`) is asked nothing before.
    pub async fn visit(&mut self, window: &Window, now: Timestamp) -> Result<Vec<Fetched>, ConnectorError> {
        // One that is farther away was noted by a clock that has gone back since.
        let farthest = now + SignedDuration::from_hours(RETRY_AFTER_HOURS_MAX);
        if let Some(later) = self.later.filter(|later| *later > now && *later <= farthest) {
            return Err(ConnectorError::Away { what: format!("the hub wants no request before {later:.0}") });
        }
        let mut later = None;
        let health = self.call(&wire::health(&self.settings)).await;
        let visited = match wire::read_health(wire::noting_when(health, now, &mut later)) {
            Ok(()) => self.pages(window, now, &mut later).await,
            Err(error) => Err(error),
        };
        self.later = later;
        visited.map_err(|error| match (error, later) {
            (ConnectorError::Away { what }, Some(later)) => {
                ConnectorError::Away { what: format!("{what}: it wants no request before {later:.0}") }
            }
            (error, _) => error,
        })
    }

    /// Returns the unread messages of the window, oldest first, each once.
    ///
    /// A message that cannot be read as one says so in its place. An inbox beyond our bounds ends
    /// with an entry that says so, so that nothing is left out silently.
    pub async fn fetch(&self, window: &Window, now: Timestamp) -> Result<Vec<Fetched>, ConnectorError> {
        self.pages(window, now, &mut None).await
    }

    /// Reads page after page; notes when the hub wants to be asked again, where it stops us.
    async fn pages(
        &self,
        window: &Window,
        now: Timestamp,
        later: &mut Option<Timestamp>,
    ) -> Result<Vec<Fetched>, ConnectorError> {
        let mut inbox = wire::Inbox::default();
        let mut cursor = None;
        loop {
            let request = wire::inbox(&self.settings, cursor.as_deref());
            let answer = wire::noting_when(self.call(&request).await, now, later);
            let answer = wire::accept(answer, "for the inbox")?;
            cursor = inbox.add(&self.settings.fields, &self.source, &answer, now)?;
            if cursor.is_none() {
                return Ok(inbox.within(window));
            }
        }
    }

    /// Tells whether the hub gives the messages of a thread.
    pub fn has_thread_tail(&self) -> bool {
        self.settings.thread_tail
    }

    /// Returns the last messages of a thread, oldest first.
    ///
    /// One message that cannot be read makes all of it an error: who asks wants to know whether
    /// something new has come.
    pub async fn thread_tail(&self, thread: &str) -> Result<Vec<Message>, ConnectorError> {
        if !self.settings.thread_tail {
            return Err(ConnectorError::Refused {
                what: "this hub gives no threads".to_owned(),
                hint: Some("if it does, set `thread_tail = true`".to_owned()),
            });
        }
        let answer = self.call(&wire::thread(&self.settings, thread)).await;
        let answer = wire::accept(answer, "for a thread")?;
        wire::read_thread(&self.settings.fields, &self.source, &answer)
    }

    /// Marks a message as read; again is the same.
    pub async fn mark_read(&self, id: &str) -> Result<Marked, ConnectorError> {
        match self.call(&wire::mark_read(&self.settings, id)).await {
            Ok(answer) if answer.status == 404 => Ok(Marked::NotThere),
            answer => wire::accept(answer, "to mark a message as read").map(|_| Marked::Done),
        }
    }

    /// Returns its name in the wiring.
    pub fn name(&self) -> &str {
        &self.source
    }

    /// Notes progress; the same key again is the same note.
    ///
    /// `key` is letters, digits and punctuation of ASCII; `details` an object.
    pub async fn progress(
        &self,
        key: &str,
        event_type: &str,
        summary: &str,
        details: Value,
    ) -> Result<(), ConnectorError> {
        let request = wire::progress(&self.settings, key, event_type, summary, details);
        wire::accept(self.call(&request).await, "to note progress").map(|_| ())
    }

    /// Returns what the wiring declares that this hub can do.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { dedupes: self.settings.dedupes, can_find: self.settings.can_find }
    }

    /// Sends one message, once; a later attempt is counted from `now`.
    pub async fn send(&self, outgoing: &Outgoing, now: Timestamp) -> Outcome {
        match wire::send(&self.settings, outgoing) {
            Ok(request) => wire::read_outcome(&self.settings.fields, self.call(&request).await, now),
            Err(reason) => Outcome::Failed { reason },
        }
    }

    /// Asks whether a key has arrived.
    pub async fn find(&self, key: &Key) -> Found {
        if !self.settings.can_find {
            return Found::Unknown { reason: "this hub cannot be asked for a key".to_owned() };
        }
        wire::read_found(&self.settings, self.call(&wire::find(&self.settings, key)).await)
    }

    async fn call(&self, request: &Request) -> Result<Answer, HttpError> {
        self.client.call(request).await
    }
}
