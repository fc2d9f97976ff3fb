//! Finds files in the drafts folder that nothing is sent of: such as are no drafts, such as the ledger does not
//! know, and second ones with an id that another file has.
//!
//! What is not committed is looked at, too: somebody may take it for a draft. It changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{Result, Session, here};
use crate::delivery::effective;
use crate::desk::{self, Desk};
use crate::draft::Draft;
use crate::entry::Fact;
use crate::error::FileError;
use crate::git::DRAFTS;
use crate::id::DraftId;
use crate::ledger::Snapshot;
use crate::text;

/// How deep folders in the drafts folder are looked into.
const DEPTH_MAX: usize = 4;

/// What to do with the file of a draft that nobody wanted.
const ANEW: &str = "delete the file; committed, it waits for you again";

/// What the worktree has in the drafts folder, and `main` has not.
#[derive(Debug, Default)]
pub struct Strays {
    /// What is wrong with each file that is nobody's draft, committed or not.
    pub wrong: Vec<FileError>,
    /// The drafts whose files were moved, with their new paths and texts.
    pub moved: BTreeMap<DraftId, (String, String)>,
}

/// Says that the ledger knows nothing of a draft.
pub fn unknown(path: &str) -> FileError {
    FileError::new(path, "the ledger knows nothing of it, so it is not sent")
        .with_hint("a draft begins with a message; delete the file and commit")
}

/// Says what became of a draft whose file is still here, such as an editor writes that had it open meanwhile;
/// nothing of one that comes to the desk yet.
fn left_over(path: &str, id: &DraftId, fact: &Fact) -> Option<FileError> {
    let (became, hint) = match fact {
        Fact::Sent { .. } => ("was sent".to_owned(), "take what you want of it, and delete the file"),
        Fact::Superseded { by } => (
            format!("was superseded by {}", text::one_line(by, 20)),
            "take what you want of it into that one, and delete the file",
        ),
        Fact::Rejected { .. } => ("was rejected".to_owned(), ANEW),
        Fact::Expired => ("has expired".to_owned(), ANEW),
        Fact::Ignored(_)
        | Fact::Drafted(_)
        | Fact::Claimed(_)
        | Fact::Sending
        | Fact::Rehearsed { .. }
        | Fact::Deferred { .. }
        | Fact::Failed { .. }
        | Fact::Unsure { .. }
        | Fact::Stale { .. }
        | Fact::Withdrawn { .. } => return None,
    };
    Some(FileError::new(path, format!("{id} {became}; this text is only here")).with_hint(hint))
}

/// Looks at the files of the desk that are nobody's, and at those of the worktree that are not on the desk.
pub fn look(session: &Session, desk: &Desk, snapshot: &Snapshot<'_>) -> Result<Strays> {
    let mut strays = Strays::default();
    let nobodys = desk.files.iter().filter(|file| file.id.is_none());
    strays.wrong.extend(nobodys.filter_map(|file| file.draft.as_ref().err()).cloned());
    let Some(top) = here::top(session)? else { return Ok(strays) };
    let committed: BTreeSet<&str> = desk.files.iter().map(|file| file.path.as_str()).collect();
    for path in files(top) {
        if committed.contains(path.as_str()) || session.repository.is_ignored(&path) {
            continue;
        }
        let text = match desk::read_text_here(&top.join(&path)) {
            Ok(text) => text,
            Err(error) => {
                strays.wrong.push(FileError::new(&path, error.to_string()));
                continue;
            }
        };
        let id = desk::id_of(&path, &text);
        let other = id.as_ref().and_then(|id| desk.find(id));
        match (Draft::parse(&path, &text), id, other) {
            (_, Some(id), Some(other)) if top.join(&other.path).exists() => {
                strays.wrong.push(desk::twin(&path, &text, &other.path, &id));
            }
            (Ok(_), Some(id), Some(_)) => {
                strays.moved.insert(id, (path, text));
            }
            (Ok(_), Some(id), None) => match effective(&snapshot.story(&id)?) {
                None => {
                    let hint = "a draft begins with a message; delete the file";
                    strays.wrong.push(unknown(&path).with_hint(hint));
                }
                Some(last) => strays.wrong.extend(left_over(&path, &id, &last.fact)),
            },
            (Ok(_), ..) => {}
            (Err(error), ..) => strays.wrong.push(error),
        }
    }
    Ok(strays)
}

/// Returns what is wrong with drafts that were changed here and cannot be read any more, by their paths.
pub fn broken(session: &Session, desk: &Desk) -> Vec<FileError> {
    let Some(top) = session.repository.worktree() else { return Vec::new() };
    let was_fine = desk.files.iter().filter(|file| file.draft.is_ok());
    let wrong = was_fine.filter_map(|file| {
        let bytes = desk::read_here(&top.join(&file.path)).ok()?;
        Draft::parse(&file.path, &String::from_utf8_lossy(&bytes)).err()
    });
    wrong.collect()
}

/// Returns the paths of the files below the drafts folder of a worktree, in order; dot files are the operator's
/// own.
fn files(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![(DRAFTS.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(top.join(&folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            // A name that is no text is no draft's.
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let path = format!("{folder}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => folders.push((path, depth + 1)),
                Ok(kind) if kind.is_dir() => {}
                Ok(_) | Err(_) => found.push(path),
            }
        }
    }
    found.sort();
    found
}
