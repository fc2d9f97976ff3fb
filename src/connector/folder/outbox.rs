//! A folder as an outbox: one file for each answer, named by its key, each once.
//!
//! As in a Maildir's outbox: `prepare` writes the bytes to a hidden file beside, `send` is one rename, and
//! `flush` makes durable whatever was prepared or sent. The hidden file alone proves that a key has not
//! gone: whoever takes files out of the folder leaves no trace.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::connector::folder::wire;
use crate::connector::mail::write::write;
use crate::connector::maildir::outbox::{deferred, refused, rename_without_replacing, unsure, write_new};
use crate::connector::maildir::read_file;
use crate::failpoint::reached;
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};
use crate::text;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// What an answer looks like in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A mail, with its HTML and attachments: `KEY.eml`.
    Mail,
    /// The Markdown that was approved, with a head: `KEY.md`.
    Markdown,
}

impl Format {
    fn name(self, key: &Key) -> String {
        match self {
            Format::Mail => format!("{key}.eml"),
            Format::Markdown => format!("{key}.md"),
        }
    }
}

/// A folder that answers are put into.
#[derive(Clone, Debug)]
pub struct Transport {
    /// The folder; it is made where it is missing.
    pub path: PathBuf,
    /// What the files look like.
    pub format: Format,
}

impl Transport {
    /// Returns what makes sending again safe here: the key is the file name.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { dedupes: true, can_find: true }
    }

    /// Writes the hidden file; does nothing if it is there, or has been sent.
    ///
    /// # Errors
    /// The outcome of the whole, where this is its end.
    pub fn prepare(&self, outgoing: &Outgoing, now: Timestamp) -> Result<(), Outcome> {
        let bytes = self.bytes(outgoing)?;
        self.write_aside(&outgoing.key, &bytes).map_err(|error| refused(&error, now))
    }

    /// Gives the file its name, or finds that it has it.
    pub fn send(&self, outgoing: &Outgoing, now: Timestamp) -> Outcome {
        let bytes = match self.bytes(outgoing) {
            Ok(bytes) => bytes,
            Err(outcome) => return outcome,
        };
        match self.delivered(&outgoing.key) {
            Ok(Some(receipt)) => return Outcome::Delivered { receipt },
            Ok(None) => {}
            Err(error) => return unsure(&format!("the folder cannot be read: {error}")),
        }
        let (aside, name) = (self.aside(&outgoing.key), self.format.name(&outgoing.key));
        match read_file(&aside) {
            Ok(Some(prepared)) if prepared == bytes => {}
            Ok(_) => return deferred("what was prepared is not what is to be sent", now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return unsure("taken out of the folder, or never prepared");
            }
            Err(error) => return refused(&error, now),
        }
        match rename_without_replacing(&aside, &self.path.join(&name)) {
            Ok(()) => {
                reached("outbox.delivered");
                Outcome::Delivered { receipt: name }
            }
            Err(error) => match self.delivered(&outgoing.key) {
                Ok(Some(receipt)) => Outcome::Delivered { receipt },
                Ok(None) if aside.exists() => refused(&error, now),
                Ok(None) | Err(_) => unsure("taken out of the folder, or never prepared"),
            },
        }
    }

    /// Makes everything in the folder durable.
    ///
    /// # Errors
    /// Why that is not certain, in words.
    pub fn flush(&self) -> Result<(), String> {
        let flushed = File::open(&self.path).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        flushed.map_err(|error| {
            text::one_line(&format!("the disk of the folder did not confirm: {error}"), REASON_CHARS_MAX)
        })
    }

    /// Tells whether the key has arrived, for good.
    pub fn find(&self, key: &Key) -> Found {
        let unknown = |reason: String| Found::Unknown { reason: text::one_line(&reason, REASON_CHARS_MAX) };
        match (self.delivered(key), is_there(&self.aside(key))) {
            (Ok(Some(receipt)), _) => match self.flush() {
                Ok(()) => Found::Yes { receipt },
                Err(reason) => Found::Away { reason },
            },
            (Ok(None), Ok(true)) => Found::No,
            (Ok(None), Ok(false)) => unknown("taken out of the folder, or never put there".to_owned()),
            (Err(error), _) | (_, Err(error)) => unknown(format!("the folder cannot be read: {error}")),
        }
    }

    fn bytes(&self, outgoing: &Outgoing) -> Result<Vec<u8>, Outcome> {
        let failed = |reason: String| Outcome::Failed { reason: text::one_line(&reason, REASON_CHARS_MAX) };
        match self.format {
            Format::Mail => write(outgoing).map_err(|error| failed(error.to_string())),
            Format::Markdown => wire::markdown(outgoing).map_err(failed),
        }
    }

    fn write_aside(&self, key: &Key, bytes: &[u8]) -> io::Result<()> {
        if !self.path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        }
        if self.delivered(key)?.is_some() {
            return Ok(());
        }
        let path = self.aside(key);
        match read_file(&path) {
            Ok(Some(there)) if there == bytes => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => write_new(&path, bytes)?,
            Ok(_) | Err(_) => {
                fs::remove_file(&path)?;
                write_new(&path, bytes)?;
            }
        }
        reached("outbox.prepared");
        Ok(())
    }

    /// Returns the file of a key, in whichever form it was written.
    fn delivered(&self, key: &Key) -> io::Result<Option<String>> {
        for format in [self.format, Format::Mail, Format::Markdown] {
            let name = format.name(key);
            if is_there(&self.path.join(&name))? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Returns where the file stands until it is sent: no reader of folders looks at hidden files.
    fn aside(&self, key: &Key) -> PathBuf {
        self.path.join(format!(".{key}.tmp"))
    }
}

/// Tells whether there is anything at a path; what cannot be looked at is an error.
fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
