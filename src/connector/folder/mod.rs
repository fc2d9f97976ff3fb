//! A folder of text files as a source, and a folder that answers are put into: any script can be the
//! other side.
//!
//! The source never moves, renames, marks or removes anything. A file is a mail (RFC 5322), or Markdown
//! with a head of `From:`, `Subject:` and the like. What a program may still be writing is left for the
//! next time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::connector::mail::limits::RAW_BYTES_MAX;
use crate::connector::mail::read::Place;
use crate::connector::maildir::{cannot_read, members, read_file};
use crate::connector::{ConnectorError, Window};
use crate::message::{Fetched, Message, Unreadable, sha256_hex};
use crate::text;

pub mod outbox;
pub mod wire;

#[cfg(test)]
mod tests;

/// The most files of one fetch: the rest waits, and that is said.
pub const FILES_MAX: usize = 10_000;

/// How long a file has to be left alone until it is taken for whole.
const SETTLED: Duration = Duration::from_secs(1);

/// Bytes of a file name in a native id.
const NAME_BYTES_MAX: usize = 180;

/// A folder that is read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The source's name in the wiring.
    pub name: String,
    /// The folder; what lies in folders below it is not looked at.
    pub path: PathBuf,
    /// Another folder with what was sent; its files count for threads only.
    pub sent: Option<PathBuf>,
}

/// One file, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    name: String,
    bytes: u64,
    modified: SystemTime,
}

impl Entry {
    fn time(&self) -> Timestamp {
        Timestamp::try_from(self.modified).unwrap_or(Timestamp::MAX)
    }

    /// Returns what a file without a Message-ID is known by: its name. Two files with one text are two
    /// messages.
    fn id(&self) -> String {
        if self.name.len() <= NAME_BYTES_MAX && text::one_line(&self.name, NAME_BYTES_MAX) == self.name {
            format!("file:{}", self.name)
        } else {
            format!("file:sha256:{}", sha256_hex(self.name.as_bytes()))
        }
    }
}

impl Source {
    /// Returns the messages in the folder, oldest first.
    ///
    /// `window.since` is compared with the time at which the file was last written. Files that were
    /// written a moment ago are looked at twice: one that grows meanwhile is left for the next time.
    pub async fn fetch(&self, window: &Window) -> Result<Vec<Fetched>, ConnectorError> {
        let mut found: Vec<(Timestamp, String, Fetched)> = Vec::new();
        let mut entries = self.settled().await?;
        entries.retain(|entry| window.since.is_none_or(|since| entry.time() >= since));
        let beyond = entries.len().saturating_sub(FILES_MAX);
        for entry in entries.into_iter().take(FILES_MAX) {
            let fetched = match read_file(&entry.path) {
                Ok(Some(bytes)) if bytes.len() > RAW_BYTES_MAX => {
                    Err(self.unreadable(&entry, "is larger than 25 MiB".to_owned()))
                }
                Ok(Some(bytes)) => wire::read(&self.name, &entry.name, &entry.id(), &bytes)
                    .map(|message| dated(message, &entry)),
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Err(self.unreadable(&entry, format!("cannot be read: {error}"))),
            };
            let written = fetched.as_ref().ok().and_then(|message| message.date.as_ref());
            let time = written.map_or(entry.time(), |date| date.timestamp());
            found.push((time, entry.name, fetched));
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut fetched: Vec<Fetched> = found.into_iter().map(|(_, _, fetched)| fetched).collect();
        if beyond > 0 {
            let what = format!("the folder holds more than {FILES_MAX} files: {beyond} of them wait there");
            fetched.push(Err(Unreadable {
                source: self.name.clone(),
                id: "folder-too-long".to_owned(),
                what,
            }));
        }
        Ok(fetched)
    }

    /// Reads which message belongs where, those of the sent folder included.
    pub fn threads(&self) -> Result<Threads, ConnectorError> {
        let mut places = Vec::new();
        for folder in std::iter::once(&self.path).chain(&self.sent) {
            // Where answers go is made with the first of them.
            if Some(folder) == self.sent.as_ref() && !folder.exists() {
                continue;
            }
            for entry in self.list(folder)? {
                let bytes = read_if_there(&entry.path)?;
                if let Some(place) = bytes.and_then(|bytes| wire::place(&entry.name, &entry.id(), &bytes)) {
                    places.push((entry, place));
                }
            }
        }
        Ok(Threads { source: self.name.clone(), places })
    }

    /// Lists the files that nobody is writing.
    async fn settled(&self) -> Result<Vec<Entry>, ConnectorError> {
        let before = self.list(&self.path)?;
        let now = SystemTime::now();
        // A time that has yet to come says nothing: a clock was moved.
        let fresh = |entry: &&Entry| now.duration_since(entry.modified).is_ok_and(|age| age < SETTLED);
        if before.iter().find(fresh).is_none() {
            return Ok(before);
        }
        tokio::time::sleep(SETTLED).await;
        let after = self.list(&self.path)?;
        let (settled, written): (Vec<Entry>, Vec<Entry>) =
            after.into_iter().partition(|entry| before.contains(entry));
        if !written.is_empty() {
            tracing::info!(
                source = self.name,
                files = written.len(),
                "being written, so left for the next time"
            );
        }
        Ok(settled)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, ConnectorError> {
        list(folder).map_err(|error| {
            let what = format!("the folder {} cannot be read: {error}", folder.display());
            match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
                    let hint = format!("set `path` of source `{}` to a folder that you may read", self.name);
                    ConnectorError::Refused { what, hint: Some(hint) }
                }
                _ => ConnectorError::Away { what },
            }
        })
    }

    fn unreadable(&self, entry: &Entry, what: String) -> Unreadable {
        Unreadable { source: self.name.clone(), id: entry.id(), what }
    }
}

/// Gives a message without a date that of its file.
fn dated(message: Message, entry: &Entry) -> Message {
    if message.date.is_some() {
        return message;
    }
    Message { date: Some(entry.time().to_zoned(TimeZone::UTC)), ..message }
}

/// The threads of a folder as they were at one moment.
#[derive(Debug)]
pub struct Threads {
    source: String,
    places: Vec<(Entry, Place)>,
}

impl Threads {
    /// Returns the messages of a thread, oldest first, as [`maildir::Threads::tail`] does.
    ///
    /// [`maildir::Threads::tail`]: crate::connector::maildir::Threads::tail
    pub fn tail(&self, thread: &str) -> Result<Vec<Message>, ConnectorError> {
        let known = members(thread, self.places.iter().map(|(_, place)| place));
        let mut messages: BTreeMap<(Timestamp, String), Message> = BTreeMap::new();
        for (entry, place) in self.places.iter().filter(|(_, place)| known.contains(&place.id)) {
            let Some(bytes) = read_if_there(&entry.path)? else { continue };
            let Ok(message) = wire::read(&self.source, &entry.name, &entry.id(), &bytes) else { continue };
            let message = dated(message, entry);
            if messages.values().any(|other| other.id == message.id && other.digest() == message.digest()) {
                continue;
            }
            let time = message.date.as_ref().map_or(entry.time(), |date| date.timestamp());
            messages.insert((time, format!("{} {}", place.id, entry.name)), message);
        }
        Ok(messages.into_values().collect())
    }
}

/// Reads a file of a thread; none where it is gone. One that cannot be read may belong to any thread.
fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ConnectorError> {
    match read_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map_err(|error| cannot_read(path, &error)),
    }
}

/// Lists the files of a folder that may be messages, by name.
///
/// Left out: what is no regular file, and what its name says is hidden, a backup or half-written.
fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_aside(&name) {
            continue;
        }
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_file() {
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            entries.push(Entry { path, name, bytes: metadata.len(), modified });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Tells whether a name is that of a file which is hidden, a backup, or not finished.
pub fn is_aside(name: &str) -> bool {
    let ends = ["~", ".tmp", ".part", ".swp", ".new", ".bak"];
    name.starts_with(['.', '#']) || ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
}
