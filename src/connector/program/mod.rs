//! Connectors that are programs: anybody's, in any language, over JSON lines on stdin and stdout.
//!
//! `wire` is the protocol, `process` one running program; here is the order of the requests. What a program
//! can do is declared in the wiring, as of a hub, and a program that says it can do less is not used. A
//! program that is started to send inherits the sender's lock: whatever becomes of us, nobody else sends
//! while it lives.

pub mod process;
pub mod wire;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::connector::program::process::{Answer, Broken, Process, Start};
use crate::connector::program::wire::{End, Hello, Role};
use crate::connector::{ConnectorError, Marked, Window};
use crate::message::{Fetched, Message};
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};
use crate::text;

/// How a program's name begins, on the search path.
pub const PREFIX: &str = "git-drafts-connector-";

/// How long the first answer may take.
const HELLO_SECONDS_MAX: u64 = 20;

/// How often a program that breaks is started in one run.
const STARTS_MAX: usize = 3;

/// When a program that could not be used is tried again.
const RETRY_SECONDS: i64 = 900;

/// One connector, as the wiring describes it.
#[derive(Clone)]
pub struct Settings {
    /// The connector's name in the wiring.
    pub name: String,
    /// How the program is started.
    pub start: Start,
    /// What the wiring hands over.
    pub settings: Value,
    /// The secrets that the wiring refers to, by name.
    pub secrets: Vec<(String, String)>,
    /// What the wiring declares.
    pub capabilities: Capabilities,
    /// The wiring declares that it gives threads.
    pub thread_tail: bool,
    /// How long each answer may take.
    pub timeout: Duration,
}

/// A program as a source or as a transport.
#[derive(Clone)]
pub struct Program {
    settings: Arc<Settings>,
    role: Role,
    /// The one that is asked.
    asking: Arc<Mutex<Slot>>,
    /// The one that sends, and holds the sender's lock.
    sending: Arc<Mutex<Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    process: Option<Process>,
    starts: usize,
}

impl std::fmt::Debug for Program {
    /// Shows no settings and no secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Program({}, {})", self.settings.name, self.role.word())
    }
}

impl Program {
    /// Makes a connector; starts nothing yet.
    pub fn new(settings: Settings, role: Role) -> Self {
        Self { settings: Arc::new(settings), role, asking: Arc::default(), sending: Arc::default() }
    }

    /// Returns what the wiring declares.
    pub fn capabilities(&self) -> Capabilities {
        self.settings.capabilities
    }

    /// Tells whether it gives the messages of a thread.
    pub fn has_thread_tail(&self) -> bool {
        self.settings.thread_tail
    }

    /// Checks that the program starts, speaks our protocol, and that its system is up.
    ///
    /// # Errors
    /// What it says, or what became of it.
    pub async fn health(&self) -> Result<(), ConnectorError> {
        let answer = self.ask("health", json!({})).await?;
        wire::accept(&self.shown(), answer.end).map(|_| ())
    }

    /// Returns the messages of the window, in the program's order.
    ///
    /// # Errors
    /// What it says, or what became of it.
    pub async fn fetch(&self, window: &Window) -> Result<Vec<Fetched>, ConnectorError> {
        let answer = self.ask("fetch", wire::fetch(window)).await?;
        wire::accept(&self.shown(), answer.end)?;
        let is_within = |fetched: &Fetched| match (fetched, window.since) {
            (Ok(Message { date: Some(date), .. }), Some(since)) => date.timestamp() >= since,
            (Ok(_) | Err(_), _) => true,
        };
        let read = |message| wire::read_message(&self.settings.name, message);
        Ok(answer.messages.iter().map(read).filter(is_within).collect())
    }

    /// Returns the messages of a thread, oldest first; one that cannot be read makes all of it an error.
    ///
    /// # Errors
    /// What it says, or what became of it.
    pub async fn thread_tail(&self, thread: &str) -> Result<Vec<Message>, ConnectorError> {
        let answer = self.ask("thread_tail", json!({ "thread": thread })).await?;
        wire::accept(&self.shown(), answer.end)?;
        let read = |message| {
            wire::read_message(&self.settings.name, message).map_err(|unreadable| ConnectorError::Refused {
                what: format!(
                    "message `{}` of the thread cannot be read: {}",
                    unreadable.id, unreadable.what
                ),
                hint: None,
            })
        };
        answer.messages.iter().map(read).collect()
    }

    /// Marks a message as read; a program that knows nothing of that does nothing.
    ///
    /// # Errors
    /// What it says, or what became of it.
    pub async fn mark_read(&self, id: &str) -> Result<Marked, ConnectorError> {
        let answer = self.ask("mark_read", json!({ "message": id })).await?;
        match answer.end {
            End::Error { unknown: true, .. } => Ok(Marked::Never),
            end => wire::accept(&self.shown(), end).map(|_| Marked::Done),
        }
    }

    /// Looks whether the program can be used, while everything can still be taken back.
    ///
    /// # Errors
    /// The outcome of the whole, where this is its end.
    pub async fn prepare(&self, now: Timestamp) -> Result<(), Outcome> {
        let mut slot = self.asking.lock().await;
        self.ready(&mut slot, None).await.map_err(|error| later(&error.to_string(), now))
    }

    /// Sends, once. The program inherits `lock`.
    pub async fn send(&self, outgoing: &Outgoing, lock: &File, now: Timestamp) -> Outcome {
        let mut slot = self.sending.lock().await;
        if let Err(error) = self.ready(&mut slot, Some(lock)).await {
            return later(&error.to_string(), now);
        }
        match self.ask_of(&mut slot, "send", wire::send(outgoing)).await {
            Ok(answer) => wire::read_outcome(&self.shown(), answer.end, now),
            Err(Broken { asked: false, what }) => later(&format!("{}: {what}", self.shown()), now),
            Err(Broken { asked: true, what }) => Outcome::Unsure {
                reason: text::one_line(&format!("{}: {what}", self.shown()), wire::WORDS_CHARS_MAX),
            },
        }
    }

    /// Asks whether a key has arrived.
    pub async fn find(&self, key: &Key) -> Found {
        if !self.settings.capabilities.can_find {
            return Found::Unknown { reason: "this program cannot be asked for a key".to_owned() };
        }
        match self.ask("find", wire::find(key)).await {
            Ok(answer) => wire::read_found(&self.shown(), answer.end),
            Err(ConnectorError::Away { what }) => Found::Away { reason: what },
            Err(error @ ConnectorError::Refused { .. }) => Found::Unknown { reason: error.to_string() },
        }
    }

    /// Ends what runs of it, and with that gives back the sender's lock; it is started again when it is
    /// needed again.
    pub async fn close(&self) {
        for slot in [&self.sending, &self.asking] {
            let mut slot = slot.lock().await;
            let Some(mut process) = slot.process.take() else { continue };
            // One that was ended in good order has not broken.
            if process.runs() {
                slot.starts = 0;
            }
            process.close().await;
        }
    }

    async fn ask(&self, request: &str, parameters: Value) -> Result<Answer, ConnectorError> {
        let mut slot = self.asking.lock().await;
        self.ready(&mut slot, None).await?;
        self.ask_of(&mut slot, request, parameters)
            .await
            .map_err(|broken| ConnectorError::Away { what: format!("{}: {}", self.shown(), broken.what) })
    }

    async fn ask_of(&self, slot: &mut Slot, request: &str, parameters: Value) -> Result<Answer, Broken> {
        let Some(process) = &mut slot.process else {
            return Err(Broken { asked: false, what: "it does not run".to_owned() });
        };
        process.ask(request, parameters, self.settings.timeout).await
    }

    /// Starts the program where it does not run, and hears what it can do.
    async fn ready(&self, slot: &mut Slot, lock: Option<&File>) -> Result<(), ConnectorError> {
        if slot.process.as_ref().is_some_and(Process::runs) {
            return Ok(());
        }
        slot.process = None;
        if slot.starts == STARTS_MAX {
            let what = format!("{} broke {STARTS_MAX} times, and is left alone in this run", self.shown());
            return Err(ConnectorError::Away { what });
        }
        slot.starts += 1;
        let mut process = Process::start(&self.settings.start, &self.settings.name, lock)
            .map_err(|error| self.not_started(&error))?;
        let said = hello(&mut process, &self.settings, self.role).await?;
        check_declared(&self.settings, &said).map_err(|what| ConnectorError::Refused {
            what: format!("{} {what}", self.shown()),
            hint: Some(format!(
                "`git drafts connector test {}` prints the lines to put there",
                self.settings.name
            )),
        })?;
        slot.process = Some(process);
        Ok(())
    }

    fn not_started(&self, error: &std::io::Error) -> ConnectorError {
        ConnectorError::Refused {
            what: format!("{} cannot be started: {error}", self.shown()),
            hint: Some(format!(
                "install it, or name another program in the section of `{}`",
                self.settings.name
            )),
        }
    }

    fn shown(&self) -> String {
        shown(&self.settings.start.command)
    }
}

/// Begins the dialogue, and reads what the program says that it can do.
///
/// # Errors
/// It breaks off, refuses, or speaks another version.
pub async fn hello(process: &mut Process, settings: &Settings, role: Role) -> Result<Hello, ConnectorError> {
    let shown = shown(&settings.start.command);
    let words = wire::hello(role, &settings.name, &settings.settings, &settings.secrets);
    let limit = settings.timeout.min(Duration::from_secs(HELLO_SECONDS_MAX));
    let answer = process
        .ask("hello", words, limit)
        .await
        .map_err(|broken| ConnectorError::Away { what: format!("{shown}: {}", broken.what) })?;
    let ok = wire::accept(&shown, answer.end)?;
    wire::read_hello(&ok)
        .map_err(|what| ConnectorError::Refused { what: format!("{shown}: {what}"), hint: None })
}

/// Says what the wiring declares and the program does not.
fn check_declared(settings: &Settings, said: &Hello) -> Result<(), String> {
    let declared = [
        ("dedupes", settings.capabilities.dedupes, said.capabilities.dedupes),
        ("can_find", settings.capabilities.can_find, said.capabilities.can_find),
        ("thread_tail", settings.thread_tail, said.thread_tail),
    ];
    match declared.iter().find(|(_, declared, said)| *declared && !said) {
        Some((key, ..)) => Err(format!("says that it cannot do what the wiring declares: `{key} = true`")),
        None => Ok(()),
    }
}

fn later(reason: &str, now: Timestamp) -> Outcome {
    let until = now.saturating_add(SignedDuration::from_secs(RETRY_SECONDS)).unwrap_or(now);
    Outcome::Deferred { until, reason: text::one_line(reason, wire::WORDS_CHARS_MAX) }
}

/// Names a command by its program alone: arguments may hold what nobody should see.
pub fn shown(command: &[String]) -> String {
    let program = command.first().map(String::as_str).unwrap_or_default();
    format!("`{}`", text::one_line(program.rsplit('/').next().unwrap_or(program), 60))
}
