//! What the wiring says about one hub: where it is, who we are there, what it calls things.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::http::{Method, Token};

/// One hub, as the wiring describes it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base URL, a path prefix included.
    pub url: String,
    /// Who we are there: whose inbox is read, and who our messages are from.
    pub agent: String,
    /// The bearer token, where the hub wants one.
    pub token: Option<Token>,
    /// Where its calls are.
    pub paths: Paths,
    /// How its calls are made.
    pub methods: Methods,
    /// What it calls its fields and query parameters.
    pub fields: Fields,
    /// What else stands in what it is sent.
    pub bodies: Bodies,
    /// It delivers the same key once, however often it is sent.
    pub dedupes: bool,
    /// It can be asked whether a key has arrived.
    pub can_find: bool,
    /// It gives the messages of a thread.
    pub thread_tail: bool,
    /// How many messages are asked for at a time.
    pub page: usize,
    /// How long each call may take.
    pub timeout: Duration,
}

impl Settings {
    /// Describes a hub that speaks the contract and of which nothing else is known.
    pub fn new(url: &str, agent: &str) -> Self {
        Self {
            url: url.to_owned(),
            agent: agent.to_owned(),
            token: None,
            paths: Paths::default(),
            methods: Methods::default(),
            fields: Fields::default(),
            bodies: Bodies::default(),
            dedupes: false,
            can_find: false,
            thread_tail: false,
            page: 100,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The paths of a hub's calls, below its URL; `{id}` and `{thread_id}` stand for whole segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Tells whether the hub is up.
    pub health: String,
    /// Lists messages, takes new ones, and is asked for a key.
    pub messages: String,
    /// Marks the message `{id}` as read.
    pub read: String,
    /// Lists the messages of the thread `{thread_id}`.
    pub thread: String,
    /// Takes progress notes.
    pub progress: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            health: "/state/health".to_owned(),
            messages: "/messages".to_owned(),
            read: "/messages/{id}/read".to_owned(),
            thread: "/threads/{thread_id}/messages".to_owned(),
            progress: "/progress".to_owned(),
        }
    }
}

/// The methods of the calls that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods {
    /// Sends a message.
    pub send: Method,
    /// Marks a message as read.
    pub read: Method,
    /// Notes progress.
    pub progress: Method,
}

impl Default for Methods {
    fn default() -> Self {
        Self { send: Method::Post, read: Method::Post, progress: Method::Post }
    }
}

/// What stands in the bodies of calls beside our own fields, always the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// In a message.
    pub send: Map<String, Value>,
    /// In what marks a message as read; without anything there is no body.
    pub read: Map<String, Value>,
    /// In a progress note.
    pub progress: Map<String, Value>,
}

/// What a hub calls its fields and query parameters. A dot leads into an object: `content.text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// In a message and in the answer to a send: its id.
    pub id: String,
    /// In a message: who wrote it.
    pub from_agent: String,
    /// In a message and in the query of the inbox: whom it is for.
    pub to_agent: String,
    /// In a message.
    pub subject: String,
    /// In a message: Markdown.
    pub body: String,
    /// In a message.
    pub thread_id: String,
    /// In a message: the id that it answers, or null.
    pub in_reply_to: String,
    /// In a message: RFC 3339 with offset.
    pub created_at: String,
    /// In a message, optional.
    pub priority: String,
    /// In a page: its messages.
    pub messages: String,
    /// In a page: where the next one begins, or null.
    pub next_cursor: String,
    /// In the query of the inbox.
    pub unread: String,
    /// In the query of the inbox and of a thread.
    pub limit: String,
    /// In the query of the inbox.
    pub cursor: String,
    /// In the query that asks for a key.
    pub idempotency_key: String,
    /// In a progress note: who notes it.
    pub agent: String,
    /// In a progress note.
    pub event_type: String,
    /// In a progress note.
    pub summary: String,
    /// In a progress note: an object.
    pub details: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            id: "id".to_owned(),
            from_agent: "from_agent".to_owned(),
            to_agent: "to_agent".to_owned(),
            subject: "subject".to_owned(),
            body: "body".to_owned(),
            thread_id: "thread_id".to_owned(),
            in_reply_to: "in_reply_to".to_owned(),
            created_at: "created_at".to_owned(),
            priority: "priority".to_owned(),
            messages: "messages".to_owned(),
            next_cursor: "next_cursor".to_owned(),
            unread: "unread".to_owned(),
            limit: "limit".to_owned(),
            cursor: "cursor".to_owned(),
            idempotency_key: "idempotency_key".to_owned(),
            agent: "agent".to_owned(),
            event_type: "event_type".to_owned(),
            summary: "summary".to_owned(),
            details: "details".to_owned(),
        }
    }
}
