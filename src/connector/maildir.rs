//! A Maildir as a source, and a Maildir as an outbox.
//!
//! The source never moves, renames, marks or removes anything: the folder belongs to the person's
//! mail program. The outbox only ever adds; whatever takes the mails out of it sends them on.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::OFlags;

use crate::connector::mail::limits::RAW_BYTES_MAX;
use crate::connector::mail::read;
use crate::connector::{ConnectorError, Window};
use crate::message::{Fetched, Message, Unreadable};
use crate::text;

pub mod outbox;

#[cfg(test)]
mod tests;

/// How often a folder is listed again because it changed meanwhile.
const LISTINGS_MAX: usize = 4;

/// How often a mail is looked for again because it was renamed meanwhile.
const LOOKUPS_MAX: usize = 4;

/// Characters of a file name in a native id.
const FILE_NAME_CHARS_MAX: usize = 200;

/// A Maildir that is read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The source's name in the wiring.
    pub name: String,
    /// The folder that holds `new` and `cur`.
    pub path: PathBuf,
    /// Another Maildir with what was sent; its messages count for threads only.
    pub sent: Option<PathBuf>,
}

impl Source {
    /// Returns what is in `new` and `cur`, oldest first; trashed messages and drafts are left out.
    ///
    /// `window.since` is compared with the time at which the file was last written.
    pub fn fetch(&self, window: &Window) -> Result<Vec<Fetched>, ConnectorError> {
        let mut found: Vec<(Timestamp, OsString, Fetched)> = Vec::new();
        for mail in self.mails(&self.path)? {
            if window.since.is_some_and(|since| mail.modified < since) {
                continue;
            }
            let fetched = match open(&self.path, &mail) {
                Ok(Some(bytes)) if bytes.len() > RAW_BYTES_MAX => {
                    Err(self.unreadable(&mail, "is larger than 25 MiB".to_owned()))
                }
                Ok(Some(bytes)) => read::read(&self.name, &bytes),
                Ok(None) => continue,
                Err(error) => Err(self.unreadable(&mail, format!("cannot be read: {error}"))),
            };
            let written = fetched.as_ref().ok().and_then(|message| message.date.as_ref());
            let time = written.map_or(mail.modified, |date| date.timestamp());
            found.push((time, mail.unique, fetched));
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Ok(found.into_iter().map(|(_, _, fetched)| fetched).collect())
    }

    /// Returns the messages of a thread, oldest first; see [`Threads::tail`].
    pub fn thread_tail(&self, thread: &str) -> Result<Vec<Message>, ConnectorError> {
        self.threads()?.tail(thread)
    }

    /// Reads which message belongs where, those of the sent folder included.
    pub fn threads(&self) -> Result<Threads, ConnectorError> {
        let mut threads = Threads { source: self.name.clone(), places: Vec::new() };
        for root in std::iter::once(&self.path).chain(&self.sent) {
            threads.add(root, self.mails(root)?)?;
        }
        Ok(threads)
    }

    fn mails(&self, root: &Path) -> Result<Vec<Mail>, ConnectorError> {
        let refused = |what: String| ConnectorError::Refused {
            what,
            hint: Some(format!(
                "set `path` of source `{}` to a Maildir, a folder with `new` and `cur` in it",
                self.name
            )),
        };
        let shown = root.display();
        if !root.join("new").is_dir() && !root.join("cur").is_dir() {
            return Err(refused(format!("there is no Maildir at `{shown}`")));
        }
        mails(root).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
                refused(format!("the Maildir at `{shown}` cannot be read: {error}"))
            }
            _ => ConnectorError::Away { what: format!("the Maildir at `{shown}` cannot be read: {error}") },
        })
    }

    fn unreadable(&self, mail: &Mail, what: String) -> Unreadable {
        let id = format!("file:{}", text::one_line(&mail.unique.to_string_lossy(), FILE_NAME_CHARS_MAX));
        Unreadable { source: self.name.clone(), id, what }
    }
}

/// The threads of a Maildir as they were at one moment.
#[derive(Debug)]
pub struct Threads {
    source: String,
    places: Vec<(PathBuf, Mail, read::Place)>,
}

impl Threads {
    /// Reads where mails belong. One that cannot be read may belong anywhere.
    fn add(&mut self, root: &Path, mails: Vec<Mail>) -> Result<(), ConnectorError> {
        for mail in mails {
            let bytes = open(root, &mail).map_err(|error| cannot_read(&mail.path, &error))?;
            if let Some(place) = bytes.as_deref().and_then(read::place) {
                self.places.push((root.to_owned(), mail, place));
            }
        }
        Ok(())
    }

    /// Returns the messages of a thread, oldest first.
    ///
    /// A message belongs to it if it is the thread's first, or answers or names one that belongs to
    /// it; messages with one id are given once.
    pub fn tail(&self, thread: &str) -> Result<Vec<Message>, ConnectorError> {
        let known = members(thread, self.places.iter().map(|(_, _, place)| place));
        let mut messages: BTreeMap<(Timestamp, String, OsString), Message> = BTreeMap::new();
        for (root, mail, place) in self.places.iter().filter(|(_, _, place)| known.contains(&place.id)) {
            let bytes = open(root, mail).map_err(|error| cannot_read(&mail.path, &error))?;
            let Some(bytes) = bytes else { continue };
            let Ok(message) = read::read(&self.source, &bytes) else { continue };
            if messages.values().any(|other| other.id == message.id && other.digest() == message.digest()) {
                continue;
            }
            let time = message.date.as_ref().map_or(mail.modified, |date| date.timestamp());
            messages.insert((time, place.id.clone(), mail.unique.clone()), message);
        }
        Ok(messages.into_values().collect())
    }
}

/// Says that a thread cannot be told: what cannot be read is not what is not there.
pub(super) fn cannot_read(path: &Path, error: &io::Error) -> ConnectorError {
    let name = text::one_line(&path.display().to_string(), 300);
    ConnectorError::Away {
        what: format!("`{name}`, which may belong to the thread, cannot be read: {error}"),
    }
}

/// Returns the ids of the messages that belong to a thread.
pub(super) fn members<'a>(
    thread: &str,
    places: impl Iterator<Item = &'a read::Place> + Clone,
) -> BTreeSet<String> {
    let mut known = BTreeSet::from([thread.to_owned()]);
    loop {
        let before = known.len();
        for place in places.clone() {
            let names = || place.references.iter().chain(&place.in_reply_to);
            if known.contains(&place.id) || names().any(|id| known.contains(id)) {
                known.extend(names().cloned().chain([place.id.clone()]));
            }
        }
        if known.len() == before {
            return known;
        }
    }
}

/// One file of a Maildir.
#[derive(Clone, Debug)]
struct Mail {
    /// The part of its name that stays when a mail program moves or marks it.
    unique: OsString,
    path: PathBuf,
    modified: Timestamp,
}

/// Lists the mails of a Maildir, each once.
///
/// `new` comes first: a mail program that moves a mail to `cur` meanwhile makes it seen twice, never
/// missed.
fn mails(root: &Path) -> io::Result<Vec<Mail>> {
    let mut mails = BTreeMap::new();
    for folder in ["new", "cur"] {
        for path in files(&root.join(folder))? {
            let metadata = fs::symlink_metadata(&path).ok();
            if metadata.as_ref().is_some_and(|found| !found.is_file()) || is_marked_away(&path) {
                continue;
            }
            // One that was moved since has no time; `open` looks for it under its new name.
            let modified = metadata.and_then(|found| found.modified().ok());
            let modified = modified.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::MAX);
            let unique = unique(&path);
            mails.insert(unique.clone(), Mail { unique, path, modified });
        }
    }
    Ok(mails.into_values().collect())
}

/// Lists a folder without hidden files; one that is missing is empty.
///
/// A rename during a listing may hide a file from it, so a folder that changed is listed again.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for _ in 0..LISTINGS_MAX {
        let before = match fs::metadata(folder) {
            Ok(metadata) => metadata.modified()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !unique(&path).as_bytes().starts_with(b".") {
                found.insert(unique(&path), path);
            }
        }
        if fs::metadata(folder)?.modified()? == before {
            break;
        }
    }
    Ok(found.into_values().collect())
}

/// Reads a mail, wherever a mail program has moved it meanwhile; nothing if it is gone.
///
/// Of one that is too large, a byte more than the limit is read. No link is followed, and no pipe
/// can make us wait.
fn open(root: &Path, mail: &Mail) -> io::Result<Option<Vec<u8>>> {
    let mut path = mail.path.clone();
    for _ in 0..LOOKUPS_MAX {
        match read_file(&path) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        match find(root, &["new", "cur"], |unique| *unique == mail.unique)? {
            Some(moved) => path = moved,
            None => return Ok(None),
        }
        if is_marked_away(&path) {
            return Ok(None);
        }
    }
    Err(io::Error::other("it is renamed all the time"))
}

/// Reads a regular file, up to a byte more than a mail may have; none for a link, a pipe or a folder.
pub(super) fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Ok(None);
        }
        other => other?,
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(RAW_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Finds a file by the part of its name that stays.
fn find(root: &Path, folders: &[&str], fits: impl Fn(&OsStr) -> bool) -> io::Result<Option<PathBuf>> {
    for folder in folders {
        for path in files(&root.join(folder))? {
            if fits(&unique(&path)) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// Returns a file name without its flags: the part that stays.
fn unique(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    let bytes = name.as_bytes();
    let flags = bytes.windows(3).rposition(|window| window == b":2,").unwrap_or(bytes.len());
    OsStr::from_bytes(&bytes[..flags]).to_owned()
}

/// Tells whether a mail program has marked it as thrown away, or as not finished.
fn is_marked_away(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once(":2,").is_some_and(|(_, flags)| flags.contains(['T', 'D']))
}
