//! Tries out what a hub can do.
//!
//! What only reads is tried out always, what sends only with a recipient: two messages with one key.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::report::Report;
use crate::connector::Window;
use crate::connector::hub::Hub;
use crate::connector::hub::settings::Settings;
use crate::id::{DraftId, LENGTH};
use crate::message::Address;
use crate::outgoing::{Found, Key, Outcome, Outgoing};

/// A hub, and what may be done there.
pub struct Trial<'a> {
    /// Its name in the wiring.
    pub name: &'a str,
    /// Its settings; what it can do is tried out also where they do not declare it, and is then no failure
    /// of a hub that nobody asked for it.
    pub settings: Settings,
    /// Whom test messages go to.
    pub to: Option<Address>,
    /// The thread that they belong to.
    pub thread: Option<String>,
}

impl Trial<'_> {
    /// Tries everything out.
    pub async fn run(self, now: Timestamp, report: &mut Report) {
        report.part(format!("hub `{}` at {}", self.name, self.settings.url));
        let able = Settings { dedupes: true, can_find: true, thread_tail: true, ..self.settings.clone() };
        let hub = match Hub::new(self.name, able) {
            Ok(hub) => hub,
            Err(error) => {
                report.check("can be called", Err(error.to_string()));
                return;
            }
        };
        if !report.check("says that it is up", said(hub.health().await)) {
            return;
        }
        let inbox = hub.fetch(&Window::default(), now).await;
        let unread = inbox.as_ref().map(Vec::len).unwrap_or_default();
        report.check("gives its inbox", said(inbox.map(|_| ())).map(|_| format!("{unread} unread")));
        let key = test_key(now, self.name, 1);
        let finds = hub.find(&key).await;
        let knows_none = finds == Found::No;
        let claim = "says of a new key that it has not arrived";
        if knows_none || self.settings.can_find || self.to.is_some() {
            report.check(claim, if knows_none { Ok(String::new()) } else { Err(words(&finds)) });
        } else {
            report.skip(claim, format!("the wiring has no `can_find = true`, and {}", words(&finds)));
        }
        let Some(to) = &self.to else {
            let why = "nothing is sent without --to AGENT";
            report.skip("delivers the same key once", why);
            report.skip("finds what has arrived", why);
            self.thread_only(&hub, report).await;
            return;
        };
        let thread = self.thread.clone().unwrap_or_else(|| format!("git-drafts-{key}"));
        let message = test_message(&key, &self.settings.agent, to, &thread, now);
        let (first, second) = (hub.send(&message, now).await, hub.send(&message, now).await);
        let dedupes = match (&first, &second) {
            (Outcome::Delivered { receipt: one }, Outcome::Delivered { receipt: two }) if one == two => {
                Ok(one.clone())
            }
            (Outcome::Delivered { receipt: one }, Outcome::Delivered { receipt: two }) => {
                Err(format!("it became {one} and {two}: the hub ignores the key"))
            }
            (one, two) => Err(format!("it said {one:?}, then {two:?}")),
        };
        let is_once = report.check("delivers the same key once", dedupes);
        report.saw("dedupes", is_once);
        let found = hub.find(&key).await;
        let finds = match &found {
            Found::Yes { receipt } if knows_none => Ok(receipt.clone()),
            other => Err(words(other)),
        };
        let can_find = report.check("finds what has arrived", finds);
        report.saw("can_find", can_find);
        let tail = match hub.thread_tail(&thread).await {
            Ok(tail)
                if tail.iter().any(|sent| {
                    sent.subject == message.subject && sent.body.trim() == message.text.trim()
                }) =>
            {
                Ok(format!("{} messages", tail.len()))
            }
            Ok(tail) => Err(format!("the message that was sent is not among its {} messages", tail.len())),
            Err(error) => Err(error.to_string()),
        };
        let gives_threads = report.check("gives the messages of a thread", tail);
        report.saw("thread_tail", gives_threads);
    }

    async fn thread_only(&self, hub: &Hub, report: &mut Report) {
        let claim = "gives the messages of a thread";
        let Some(thread) = &self.thread else {
            report.skip(claim, "no thread is read without --thread ID");
            return;
        };
        let tail = match hub.thread_tail(thread).await {
            Ok(tail) if tail.is_empty() => Err("the thread has no messages".to_owned()),
            Ok(tail) => Ok(format!("{} messages", tail.len())),
            Err(error) => Err(error.to_string()),
        };
        let gives = report.check(claim, tail);
        report.saw("thread_tail", gives);
    }
}

/// Makes a key that nobody has used: the moment and the connector are in it.
pub fn test_key(now: Timestamp, name: &str, number: u32) -> Key {
    let id = DraftId::derive(&format!("test {name} {} {}", now.as_nanosecond(), std::process::id()), LENGTH);
    Key::new(&id, number, "test")
}

/// Makes a message that says what it is, with what breaks careless programs in it.
pub fn test_message(key: &Key, from: &str, to: &Address, thread: &str, now: Timestamp) -> Outgoing {
    let text = "A test by `git drafts connector test`; nothing needs to be done.\n\n'\"\\ $(true) `true` %s <b>&amp;</b> Grüße 👋\n";
    Outgoing {
        key: key.clone(),
        date: now.to_zoned(TimeZone::UTC),
        message_id: format!("<{key}@git-drafts.invalid>"),
        thread: thread.to_owned(),
        answers: thread.to_owned(),
        in_reply_to: None,
        references: Vec::new(),
        from: Address::new("", from),
        to: vec![to.clone()],
        cc: Vec::new(),
        subject: format!("Test {key} of git-drafts: '\"\\ $(true) %s"),
        text: text.to_owned(),
        html: "<p>A test by git-drafts; nothing needs to be done.</p>\n".to_owned(),
        attachments: Vec::new(),
    }
}

fn said(result: Result<(), crate::connector::ConnectorError>) -> Result<String, String> {
    result.map(|()| String::new()).map_err(|error| error.to_string())
}

fn words(found: &Found) -> String {
    match found {
        Found::Yes { receipt } => format!("it says that it has arrived: {receipt}"),
        Found::No => "it says that it has not arrived".to_owned(),
        Found::Away { reason } | Found::Unknown { reason } => reason.clone(),
    }
}
