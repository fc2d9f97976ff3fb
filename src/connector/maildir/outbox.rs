//! A Maildir as an outbox: answers are put into `new`, each under its key, each once.
//!
//! `prepare` writes the bytes to `tmp`, `send` is one rename to `new`, and `flush` makes durable what was
//! prepared or moved, however many they are. The rename is all that cannot be taken back; an error before
//! it is a failure, an error after it never is. So `prepare` must not be called for a key that may have
//! been sent: whoever takes the mails out of the outbox leaves no trace, and only the file in `tmp` proves
//! that a key has not gone.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::connector::mail::write::write;
use crate::connector::maildir::{find, read_file};
use crate::failpoint::reached;
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};
use crate::text;

/// How long to wait after an error that may pass, as when the disk is full.
const RETRY_SECONDS: i64 = 900;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// A Maildir that answers are put into.
#[derive(Clone, Debug)]
pub struct Transport {
    /// The transport's name in the wiring.
    pub name: String,
    /// The folder that holds `tmp`, `new` and `cur`; they are made where they are missing.
    pub path: PathBuf,
    /// The name of this machine, which ends the file names.
    pub host: String,
}

impl Transport {
    /// Returns what makes sending again safe here: the key is the file name.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { dedupes: true, can_find: true }
    }

    /// Writes the mail to `tmp`; does nothing if it is there, or has been delivered.
    pub fn prepare(&self, outgoing: &Outgoing, now: Timestamp) -> Result<(), Outcome> {
        let (name, bytes) = self.file(outgoing)?;
        self.write_to_tmp(&outgoing.key, &name, &bytes).map_err(|error| refused(&error, now))
    }

    /// Moves the prepared mail to `new`, or finds that it was moved before.
    pub fn send(&self, outgoing: &Outgoing, now: Timestamp) -> Outcome {
        let (name, bytes) = match self.file(outgoing) {
            Ok(file) => file,
            Err(outcome) => return outcome,
        };
        match self.delivered(&outgoing.key) {
            Ok(Some(receipt)) => return Outcome::Delivered { receipt },
            Ok(None) => {}
            Err(error) => return unsure(&format!("the outbox cannot be read: {error}")),
        }
        let (tmp, new) = (self.path.join("tmp").join(&name), self.path.join("new").join(&name));
        match read_file(&tmp) {
            Ok(Some(prepared)) if prepared == bytes => {}
            Ok(_) => return deferred("what was prepared is not what is to be sent", now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.gone(&outgoing.key),
            Err(error) => return refused(&error, now),
        }
        match rename_without_replacing(&tmp, &new) {
            Ok(()) => {
                reached("outbox.delivered");
                Outcome::Delivered { receipt: format!("new/{name}") }
            }
            Err(error) => self.not_renamed(&outgoing.key, &tmp, &error, now),
        }
    }

    /// Makes everything in the outbox durable: one `syncfs`, where an fsync a mail would cost a journal
    /// commit each.
    ///
    /// # Errors
    /// Why that is not certain, in words.
    pub fn flush(&self) -> Result<(), String> {
        let flushed = File::open(&self.path).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        flushed.map_err(|error| {
            text::one_line(&format!("the disk of the outbox did not confirm: {error}"), REASON_CHARS_MAX)
        })
    }

    /// Tells whether the key has arrived, for good.
    pub fn find(&self, key: &Key) -> Found {
        let unknown = |reason: String| Found::Unknown { reason: text::one_line(&reason, REASON_CHARS_MAX) };
        match self.delivered(key) {
            Ok(Some(receipt)) => {
                return match self.flush() {
                    Ok(()) => Found::Yes { receipt },
                    Err(reason) => Found::Away { reason },
                };
            }
            Ok(None) => {}
            Err(error) => return unknown(format!("the outbox cannot be read: {error}")),
        }
        match find(&self.path, &["tmp"], |name| names(name, key)) {
            Ok(Some(_)) => Found::No,
            Ok(None) => unknown("taken out of the outbox, or never put there".to_owned()),
            Err(error) => unknown(format!("the outbox cannot be read: {error}")),
        }
    }

    fn file(&self, outgoing: &Outgoing) -> Result<(String, Vec<u8>), Outcome> {
        let failed = |reason: String| Outcome::Failed { reason: text::one_line(&reason, REASON_CHARS_MAX) };
        let key = outgoing.key.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if key.is_empty() || key.starts_with('.') || !key.chars().all(plain) {
            return Err(failed(format!("`{key}` cannot be a file name")));
        }
        let host: String = self.host.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        let bytes = write(outgoing).map_err(|error| failed(error.to_string()))?;
        Ok((format!("{key}.{host}"), bytes))
    }

    fn write_to_tmp(&self, key: &Key, name: &str, bytes: &[u8]) -> io::Result<()> {
        for folder in ["tmp", "new", "cur"] {
            let folder = self.path.join(folder);
            if !folder.is_dir() {
                DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            }
        }
        if self.delivered(key)?.is_some() {
            return Ok(());
        }
        let path = self.path.join("tmp").join(name);
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

    /// Returns where a key stands, as `new/…` or `cur/…`, whatever flags a reader has added.
    fn delivered(&self, key: &Key) -> io::Result<Option<String>> {
        let path = find(&self.path, &["new", "cur"], |name| names(name, key))?;
        Ok(path.map(|path| {
            let shown = path.strip_prefix(&self.path).unwrap_or(&path).display().to_string();
            text::one_line(&shown, REASON_CHARS_MAX)
        }))
    }

    fn not_renamed(&self, key: &Key, tmp: &Path, error: &io::Error, now: Timestamp) -> Outcome {
        match self.delivered(key) {
            Ok(Some(receipt)) => Outcome::Delivered { receipt },
            Ok(None) if tmp.exists() => refused(error, now),
            Ok(None) => self.gone(key),
            Err(_) => unsure(&format!("the outbox cannot be read: {error}")),
        }
    }

    fn gone(&self, key: &Key) -> Outcome {
        match self.delivered(key) {
            Ok(Some(receipt)) => Outcome::Delivered { receipt },
            Ok(None) | Err(_) => unsure("not in `tmp` any more: taken out of the outbox, or never prepared"),
        }
    }
}

/// Tells whether a file name is that of a key, on whichever host it was put there.
fn names(unique: &OsStr, key: &Key) -> bool {
    let unique = unique.to_string_lossy();
    unique.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

pub(in crate::connector) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

pub(in crate::connector) fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A plain rename does as well where the file system knows no better: it is one step, and
        // only a file of the same key could stand there. A link and an unlink would be two: stopped
        // between them, a mail that was taken out would look as if it had never gone.
        Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => fs::rename(from, to),
        other => Ok(other?),
    }
}

/// Says what an error means that came before the rename.
pub(in crate::connector) fn refused(error: &io::Error, now: Timestamp) -> Outcome {
    // Nothing has left, and whoever mends the folder need not approve again.
    deferred(&text::one_line(&format!("the outbox cannot be written: {error}"), REASON_CHARS_MAX), now)
}

pub(in crate::connector) fn deferred(reason: &str, now: Timestamp) -> Outcome {
    let until = now.saturating_add(SignedDuration::from_secs(RETRY_SECONDS)).unwrap_or(now);
    Outcome::Deferred { until, reason: reason.to_owned() }
}

pub(in crate::connector) fn unsure(reason: &str) -> Outcome {
    Outcome::Unsure { reason: text::one_line(reason, REASON_CHARS_MAX) }
}
