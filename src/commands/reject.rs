//! Removes drafts and stages that, as `git rm` would; the commit is what rejects.

use std::fs;
use std::io;

use super::approve::{commit, path_of};
use super::{CommandError, Context, Exit, Result, Session};
use crate::desk::{self, Desk};
use crate::git::Repository;
use crate::git::objects::blob_id;
use crate::id::DraftId;
use crate::ledger::Snapshot;
use crate::text;

/// Where reasons wait for the commit that they belong to.
pub const REASONS: &str = "reject";

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The drafts, by the first letters of their ids or by their files.
    pub ids: Vec<String>,
    /// Why.
    pub message: Option<String>,
    /// Commit just these files.
    pub commit: bool,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let mut paths = Vec::new();
    for prefix in &options.ids {
        let id = session.resolve(&desk, &snapshot, prefix)?;
        let path = path_of(&session, &desk, &id)?;
        refuse_changed(&session, &desk, &path)?;
        remove(&session, &id, &path, options.message.as_deref())?;
        paths.push(path);
    }
    if options.commit {
        let message = match &options.message {
            Some(reason) => text::one_line(reason, 200),
            None if paths.len() == 1 => "Reject a draft".to_owned(),
            None => format!("Reject {} drafts", paths.len()),
        };
        return commit(context, &session, &paths, &[], &message);
    }
    context.ui.say("removed, and staged; \"git commit\" rejects");
    Ok(Exit::Done)
}

/// Refuses where the file holds a text that nothing else has, as git-rm(1) does.
fn refuse_changed(session: &Session, desk: &Desk, path: &str) -> Result<()> {
    let Some(top) = session.repository.worktree() else { return Ok(()) };
    let here = match desk::read_here(&top.join(path)) {
        Ok(bytes) => blob_id(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CommandError::system(&top.join(path), error)),
    };
    let committed = session.repository.entry_at(desk.tip, path)?.map(|entry| entry.id);
    if committed == Some(here) || session.repository.staged(path)? == Some(here) {
        return Ok(());
    }
    Err(CommandError::refused(
        format!("{path} has changes that are not committed"),
        format!("they would be lost: `git add {path}` keeps them, `git restore {path}` drops them"),
    ))
}

/// Removes a draft's file, stages that, and notes the reason for the commit that it belongs to.
pub fn remove(session: &Session, id: &DraftId, path: &str, reason: Option<&str>) -> Result<()> {
    let Some(top) = session.repository.worktree() else {
        return Err(CommandError::refused("a bare repository has no files to remove", "work in a clone"));
    };
    let (file, own) = (top.join(path), session.repository.own_dir());
    let aside = own.join("rejected");
    let moved = fs::create_dir_all(&own).and_then(|()| fs::rename(&file, &aside));
    match &moved {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => fs::remove_file(&file),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.kind().into()),
        _ => Ok(()),
    }
    .map_err(|error| CommandError::system(&file, error))?;
    if let Err(error) = desk::stage(&session.repository, path) {
        // Nothing is rejected, so nothing is gone.
        if moved.is_ok() {
            fs::rename(&aside, &file).map_err(|error| CommandError::system(&file, error))?;
        }
        return Err(error.into());
    }
    if moved.is_ok() {
        fs::remove_file(&aside).map_err(|error| CommandError::system(&aside, error))?;
    }
    if let Some(reason) = reason {
        let folder = session.repository.own_dir().join(REASONS);
        let noted = folder.join(id.as_str());
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&noted, text::one_line(reason, 200)))
            .map_err(|error| CommandError::system(&noted, error))?;
    }
    Ok(())
}

/// Forgets the reasons of rejections that were taken back before they were committed: the draft is in
/// the index and in the worktree again.
pub fn forget_reasons_taken_back(repository: &Repository, desk: &Desk) {
    let Ok(reasons) = fs::read_dir(repository.own_dir().join(REASONS)) else { return };
    for reason in reasons.flatten() {
        let id = reason.file_name().to_str().and_then(|name| name.parse::<DraftId>().ok());
        let is_back = |path: &str| {
            let is_here = repository.worktree().is_some_and(|top| top.join(path).exists());
            is_here && repository.staged(path).is_ok_and(|blob| blob.is_some())
        };
        if id.and_then(|id| desk.find(&id)).is_some_and(|file| is_back(&file.path)) {
            let _ = fs::remove_file(reason.path());
        }
    }
}
