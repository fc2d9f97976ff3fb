//! Remembers whose messages are to be marked as read at their source, once the rejection is noted.
//!
//! Whoever rejects asks for it; the sender does it, for it has the credentials, and forgets it only once it is
//! done. So a source that is away, a crash or a commit that comes later loses nothing. What was asked for lies
//! in the repository's own folder, and never in a commit: nobody else's text can mark a message.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{CommandError, Result, Session};
use crate::config::SourceKind;
use crate::durable;
use crate::entry::Drafted;
use crate::git::Repository;
use crate::id::DraftId;

/// The folder of our own with a file for each draft.
pub const FOLDER: &str = "reject-read";

/// Refuses a draft whose message cannot be marked.
pub fn refuse_unmarkable(session: &Session, id: &DraftId, origin: Option<&Drafted>) -> Result<()> {
    let name = origin.map(|origin| origin.source.as_str()).unwrap_or_default();
    let why = match session.wiring.source(name).map(|source| &source.kind) {
        Some(SourceKind::Hub(_) | SourceKind::Imap(_) | SourceKind::Program(_)) => return Ok(()),
        Some(SourceKind::Maildir { .. }) => "a Maildir is only read, and its flags are your mail program's",
        Some(SourceKind::Folder { .. }) => "a folder of files knows of nothing read",
        Some(SourceKind::Forge(_)) => "what was said on a forge is neither read nor unread",
        None => "the wiring has no such source any more",
    };
    Err(CommandError::refused(
        format!("the message of {id} in source `{name}` cannot be marked as read: {why}"),
        "reject it without `--read`",
    ))
}

/// Remembers that the message of a draft is to be marked, durably.
pub fn ask(repository: &Repository, id: &DraftId) -> Result<()> {
    let path = path(repository, id);
    durable::replace(&path, b"")
        .and_then(|()| durable::flush_folder(&path))
        .map_err(|error| CommandError::system(&path, error))
}

/// Forgets it: it is done, cannot be done, or was taken back.
pub fn forget(repository: &Repository, id: &DraftId) -> Result<()> {
    let path = path(repository, id);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CommandError::system(&path, error)),
        _ => Ok(()),
    }
}

/// Returns the drafts whose messages are to be marked, in the order of their ids.
pub fn asked(repository: &Repository) -> Result<Vec<DraftId>> {
    let folder = repository.own_dir().join(FOLDER);
    let failed = |error| CommandError::system(&folder, error);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut ids: Vec<DraftId> = Vec::new();
    for entry in entries {
        // A file that was to be written when a process died has another name.
        ids.extend(entry.map_err(failed)?.file_name().to_str().and_then(|name| name.parse().ok()));
    }
    ids.sort();
    Ok(ids)
}

fn path(repository: &Repository, id: &DraftId) -> PathBuf {
    repository.own_dir().join(FOLDER).join(id.as_str())
}
