//! Removes drafts and stages that, as `git rm` would; the commit is what rejects.

use std::fs;
use std::io;

use super::approve::{commit_or_take_back, ids, path_of};
use super::staging::{self, Wanted, check_on_main, check_worktree};
use super::{CommandError, Context, Exit, Result, Session, reads, resolve};
use crate::desk::{self, Desk};
use crate::entry::drafted;
use crate::error::FileError;
use crate::git::Repository;
use crate::git::objects::blob_id;
use crate::id::DraftId;
use crate::ledger::Snapshot;
use crate::text;
use crate::ui::counted;

/// Where reasons wait for the commit that they belong to.
pub const REASONS: &str = "reject";

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The drafts, by the first letters of their ids or by their files.
    pub ids: Vec<String>,
    /// Why.
    pub message: Option<String>,
    /// Mark their messages as read at their sources, too.
    pub read: bool,
    /// Commit just these files.
    pub commit: bool,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    check_worktree(context, &session, "reject")?;
    check_on_main(context, &session)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let ids = ids(&session, &desk, &snapshot, &options.ids)?;
    resolve::refuse_unsure(&snapshot, &ids)?;
    if options.read {
        // Only the clone that sends has the sources' credentials, and would ever do it.
        session.ledger()?;
        for id in &ids {
            reads::refuse_unmarkable(&session, id, drafted(&snapshot.story(id)?))?;
        }
    }
    let mut wanted = Vec::new();
    for id in &ids {
        let path = path_of(&desk, id)?;
        refuse_changed(context, &session, &desk, &path)?;
        wanted.push((path, Wanted::Removed));
    }
    let ask = || match options.read {
        true => ids.iter().try_for_each(|id| reads::ask(&session.repository, id)),
        false => Ok(()),
    };
    // Before anything is removed, for a crash may follow; and after, for a tick in between takes what is still
    // there for taken back.
    let changed = match ask().and_then(|()| staging::change(context, &session, &wanted)) {
        Ok(changed) => changed,
        Err(error) => {
            forget_what_was_taken_back(&session.repository, &desk);
            return Err(error);
        }
    };
    let noted = ask().and_then(|()| match &options.message {
        Some(reason) => ids.iter().try_for_each(|id| note_reason(&session, id, reason)),
        None => Ok(()),
    });
    if let Err(error) = noted {
        changed.take_back(context, |_| true);
        forget_what_was_taken_back(&session.repository, &desk);
        return Err(error);
    }
    if !options.commit {
        context.ui.say(match options.read {
            true => "removed, and staged; \"git commit\" rejects, and the sender marks as read",
            false => "removed, and staged; \"git commit\" rejects",
        });
        return Ok(Exit::Done);
    }
    let message = match &options.message {
        Some(reason) => text::one_line(reason, 200),
        None if ids.len() == 1 => "Reject a draft".to_owned(),
        None => format!("Reject {}", counted(ids.len(), "draft")),
    };
    let ended = commit_or_take_back(context, &session, &changed, &wanted, &message)?;
    if ended == Exit::NeedsYou {
        forget_what_was_taken_back(&session.repository, &desk);
    }
    Ok(ended)
}

/// Refuses where the file holds a text that nothing else has, as git-rm(1) does.
fn refuse_changed(context: &Context, session: &Session, desk: &Desk, path: &str) -> Result<()> {
    let file = session.repository.place().join(path);
    let here = match desk::read_here(&file) {
        Ok(bytes) => blob_id(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CommandError::system(&file, error)),
    };
    let committed = session.repository.entry_at(desk.tip, path)?.map(|entry| entry.id);
    if committed == Some(here) || session.repository.staged(path)? == Some(here) {
        return Ok(());
    }
    let (git, word) = (staging::git(context, session), text::shell_word(path));
    Err(FileError::new(path, "has changes that are not committed and would be lost")
        .with_hint(format!("`{git} add {word}` keeps them, `{git} restore {word}` drops them"))
        .into())
}

/// Notes the reason of a rejection for the commit that it belongs to.
pub fn note_reason(session: &Session, id: &DraftId, reason: &str) -> Result<()> {
    let folder = session.repository.own_dir().join(REASONS);
    let noted = folder.join(id.as_str());
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&noted, text::one_line(reason, 200)))
        .map_err(|error| CommandError::system(&noted, error))
}

/// Forgets what was noted for rejections that were taken back before they were committed: the draft is in
/// the index and in the worktree again.
pub fn forget_what_was_taken_back(repository: &Repository, desk: &Desk) {
    let noted = [REASONS, reads::FOLDER].map(|folder| fs::read_dir(repository.own_dir().join(folder)));
    for note in noted.into_iter().flatten().flatten().flatten() {
        let id = note.file_name().to_str().and_then(|name| name.parse::<DraftId>().ok());
        let is_back = |path: &str| {
            let is_here = repository.worktree().is_some_and(|top| top.join(path).exists());
            is_here && repository.staged(path).is_ok_and(|blob| blob.is_some())
        };
        if id.and_then(|id| desk.find(&id)).is_some_and(|file| is_back(&file.path)) {
            let _ = fs::remove_file(note.path());
        }
    }
}
