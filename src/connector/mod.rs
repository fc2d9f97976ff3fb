//! Sources give messages, transports take answers; each is one of a closed list.
//!
//! A source must never send; a transport must never read an inbox. Neither knows drafts, the
//! ledger or git.

pub mod folder;
pub mod forge;
pub mod hub;
pub mod imap;
pub mod issues;
pub mod link;
pub mod mail;
pub mod maildir;
pub mod program;
pub mod sendmail;
pub mod smtp;

use std::fs::File;
use std::path::Path;

use jiff::Timestamp;

use crate::durable;
use crate::error::Hint;
use crate::message::{Fetched, Message};
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};

/// What a source is asked for.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Messages that came before this are left out; none means all.
    pub since: Option<Timestamp>,
}

/// Why a source could not be read, or a system not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The system is away; trying later is all that is needed.
    #[error("{what}")]
    Away {
        /// What was tried and what came back, one line.
        what: String,
    },
    /// The system answered, and will answer the same next time.
    #[error("{what}")]
    Refused {
        /// What it said, one line.
        what: String,
        /// What the operator can do about it.
        hint: Option<String>,
    },
}

impl ConnectorError {
    /// Changes the words of the other side.
    pub fn with_words(mut self, change: impl Fn(&str) -> String) -> Self {
        match &mut self {
            ConnectorError::Away { what } | ConnectorError::Refused { what, .. } => *what = change(what),
        }
        self
    }
}

impl Hint for ConnectorError {
    fn hint(&self) -> Option<String> {
        match self {
            ConnectorError::Away { .. } => None,
            ConnectorError::Refused { hint, .. } => hint.clone(),
        }
    }
}

/// What came of marking a message as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It is marked, now or before.
    Done,
    /// The source has no such message any more.
    NotThere,
    /// The source knows of nothing read.
    Never,
}

/// Whatever messages come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A Maildir.
    Maildir(maildir::Source),
    /// A folder of text files.
    Folder(folder::Source),
    /// Folders on an IMAP server.
    Imap(Box<imap::Source>),
    /// An agent's inbox on a State Hub.
    Hub(Box<hub::Hub>),
    /// Issues and comments of a forge.
    Forge(Box<forge::Forge>),
    /// A program that speaks our protocol.
    Program(program::Program),
}

impl Source {
    /// Returns the messages of a window, oldest first; marks and moves nothing.
    ///
    /// # Errors
    /// [`ConnectorError::Away`] where trying later is all that is needed.
    pub async fn fetch(&mut self, window: &Window, now: Timestamp) -> Result<Vec<Fetched>, ConnectorError> {
        match self {
            Source::Maildir(maildir) => maildir.fetch(window),
            Source::Folder(folder) => folder.fetch(window).await,
            Source::Imap(imap) => {
                let fetched = imap.fetch(window).await;
                imap.close().await;
                fetched
            }
            Source::Hub(hub) => hub.visit(window, now).await,
            Source::Forge(forge) => forge.fetch(window, now).await,
            Source::Program(program) => {
                program.health().await?;
                program.fetch(window).await
            }
        }
    }

    /// Takes up what [`Source::bookmark`] gave the last time.
    pub fn resume(&mut self, bookmark: &str) {
        match self {
            Source::Forge(forge) => forge.resume(bookmark),
            Source::Hub(hub) => hub.resume(bookmark),
            Source::Maildir(_) | Source::Folder(_) | Source::Imap(_) | Source::Program(_) => {}
        }
    }

    /// Returns what the source is to be given back the next time, once all that it gave is taken in.
    ///
    /// It spares work, and nothing depends on it.
    pub fn bookmark(&self) -> Option<String> {
        match self {
            Source::Forge(forge) => Some(forge.bookmark()),
            Source::Hub(hub) => hub.bookmark(),
            Source::Maildir(_) | Source::Folder(_) | Source::Imap(_) | Source::Program(_) => None,
        }
    }

    /// Notes that a message was answered, where that means something there; `copy` is the Message-ID and the
    /// bytes of the answer. `is_answered` knows the message where others may have its id.
    pub async fn note_answered(
        &self,
        id: &str,
        is_answered: impl Fn(&Message) -> bool,
        copy: Option<(&str, &[u8])>,
    ) -> Result<(), ConnectorError> {
        match self {
            // A mail program's flags are its own business.
            Source::Maildir(_) | Source::Folder(_) => Ok(()),
            Source::Imap(imap) => imap.note_answered(id, is_answered, copy).await,
            Source::Hub(hub) => hub.mark_read(id).await.map(|_| ()),
            // What was said there is not read or unread.
            Source::Forge(_) => Ok(()),
            Source::Program(program) => program.mark_read(id).await.map(|_| ()),
        }
    }

    /// Marks a message as read; again is the same. `is_it` knows the message where others may have its id.
    ///
    /// # Errors
    /// Why it may not be marked, which can be otherwise the next time.
    pub async fn mark_read(
        &self,
        id: &str,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<Marked, ConnectorError> {
        match self {
            Source::Imap(imap) => imap.mark_read(id, is_it).await,
            Source::Hub(hub) => hub.mark_read(id).await,
            Source::Program(program) => program.mark_read(id).await,
            Source::Maildir(_) | Source::Folder(_) | Source::Forge(_) => Ok(Marked::Never),
        }
    }

    /// Ends what is kept open.
    pub async fn close(&self) {
        match self {
            Source::Imap(imap) => imap.close().await,
            Source::Program(program) => program.close().await,
            Source::Maildir(_) | Source::Folder(_) | Source::Hub(_) | Source::Forge(_) => {}
        }
    }
}

/// Whatever answers go to.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A Maildir that answers are put into.
    Maildir(maildir::outbox::Transport),
    /// A folder that answers are put into.
    Folder(folder::outbox::Transport),
    /// A program that takes mail as sendmail does.
    Sendmail(sendmail::Transport),
    /// A server that takes mail.
    Smtp(Box<smtp::Transport>),
    /// A State Hub.
    Hub(Box<hub::Hub>),
    /// Comments on a forge.
    Forge(Box<forge::Forge>),
    /// A program that speaks our protocol.
    Program(program::Program),
    /// Nothing at all: what would be sent is only noted.
    Null,
}

impl Transport {
    /// Returns what makes sending again safe.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Transport::Maildir(outbox) => outbox.capabilities(),
            Transport::Folder(outbox) => outbox.capabilities(),
            Transport::Sendmail(sendmail) => sendmail.capabilities(),
            Transport::Smtp(smtp) => smtp.capabilities(),
            Transport::Hub(hub) => hub.capabilities(),
            Transport::Forge(forge) => forge.capabilities(),
            Transport::Program(program) => program.capabilities(),
            Transport::Null => Capabilities { dedupes: true, can_find: true },
        }
    }

    /// Does all that can still be taken back.
    ///
    /// # Errors
    /// The outcome of the whole, where this is its end.
    pub async fn prepare(&self, outgoing: &Outgoing, now: Timestamp) -> Result<(), Outcome> {
        match self {
            Transport::Maildir(outbox) => outbox.prepare(outgoing, now),
            Transport::Folder(outbox) => outbox.prepare(outgoing, now),
            Transport::Sendmail(_) => mail::write::write(outgoing)
                .map(|_| ())
                .map_err(|error| Outcome::Failed { reason: error.to_string() }),
            Transport::Forge(forge) => forge.prepare(outgoing),
            Transport::Program(program) => program.prepare(now).await,
            Transport::Smtp(smtp) => smtp.prepare(outgoing, now).await,
            Transport::Hub(_) | Transport::Null => Ok(()),
        }
    }

    /// Sends, once. A program that is started for it inherits `lock`.
    pub async fn send(&self, outgoing: &Outgoing, lock: &File, now: Timestamp) -> Outcome {
        match self {
            Transport::Maildir(outbox) => outbox.send(outgoing, now),
            Transport::Folder(outbox) => outbox.send(outgoing, now),
            Transport::Sendmail(sendmail) => sendmail.send(outgoing, Some(lock), now).await,
            Transport::Smtp(smtp) => smtp.send(outgoing, now).await,
            Transport::Hub(hub) => hub.send(outgoing, now).await,
            Transport::Forge(forge) => forge.send(outgoing, now).await,
            Transport::Program(program) => program.send(outgoing, lock, now).await,
            Transport::Null => Outcome::Failed { reason: "the transport `null` sends nothing".to_owned() },
        }
    }

    /// Makes everything durable that was prepared or delivered so far, all of it at once.
    ///
    /// # Errors
    /// Why that is not certain, in words.
    pub fn flush(&self) -> Result<(), String> {
        match self {
            Transport::Maildir(outbox) => outbox.flush(),
            Transport::Folder(outbox) => outbox.flush(),
            Transport::Sendmail(_)
            | Transport::Smtp(_)
            | Transport::Hub(_)
            | Transport::Forge(_)
            | Transport::Program(_)
            | Transport::Null => Ok(()),
        }
    }

    /// As [`Transport::flush`], where the flush of `other`'s disk, which comes before anything rests on what
    /// was prepared or delivered, does not do it.
    ///
    /// # Errors
    /// Why that is not certain, in words.
    pub fn flush_unless_with(&self, other: &Path) -> Result<(), String> {
        match self {
            Transport::Maildir(outbox) if durable::is_on_one_disk(&outbox.path, other) => Ok(()),
            Transport::Folder(outbox) if durable::is_on_one_disk(&outbox.path, other) => Ok(()),
            transport => transport.flush(),
        }
    }

    /// Ends what is kept open.
    pub async fn close(&self) {
        match self {
            Transport::Smtp(smtp) => smtp.close().await,
            Transport::Program(program) => program.close().await,
            Transport::Maildir(_)
            | Transport::Folder(_)
            | Transport::Sendmail(_)
            | Transport::Hub(_)
            | Transport::Forge(_)
            | Transport::Null => {}
        }
    }

    /// Asks whether a key has arrived; `thread` is where it went.
    pub async fn find(&self, key: &Key, thread: &str, now: Timestamp) -> Found {
        match self {
            Transport::Maildir(outbox) => outbox.find(key),
            Transport::Folder(outbox) => outbox.find(key),
            Transport::Sendmail(_) => {
                Found::Unknown { reason: "a sendmail program cannot be asked".to_owned() }
            }
            Transport::Smtp(_) => Found::Unknown { reason: "a mail server cannot be asked".to_owned() },
            Transport::Hub(hub) => hub.find(key).await,
            Transport::Forge(forge) => forge.find(key, thread, now).await,
            Transport::Program(program) => program.find(key).await,
            Transport::Null => Found::No,
        }
    }
}
