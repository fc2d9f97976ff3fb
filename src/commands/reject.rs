//! Removes drafts and stages that, as `git rm` would; the commit is what rejects.

use std::fs;

use super::approve::{commit, path_of};
use super::{CommandError, Context, Exit, Result, Session};
use crate::desk::Desk;
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
    let Some(top) = session.repository.worktree() else {
        return Err(CommandError::refused("a bare repository has no files to remove", "work in a clone"));
    };
    let mut paths = Vec::new();
    for prefix in &options.ids {
        let id = session.resolve(&desk, &snapshot, prefix)?;
        let path = path_of(&session, &desk, &id)?;
        let file = top.join(&path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(CommandError::system(&file, error));
            }
            _ => {}
        }
        session.repository.stage(&path)?;
        if let Some(reason) = &options.message {
            let folder = session.repository.own_dir().join(REASONS);
            let noted = folder.join(id.as_str());
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(&noted, text::one_line(reason, 200)))
                .map_err(|error| CommandError::system(&noted, error))?;
        }
        paths.push(path);
    }
    if options.commit {
        let message = match &options.message {
            Some(reason) => text::one_line(reason, 200),
            None if paths.len() == 1 => "Reject a draft".to_owned(),
            None => format!("Reject {} drafts", paths.len()),
        };
        return commit(context, &session, &paths, &message);
    }
    context.ui.say("removed, and staged; \"git commit\" rejects");
    Ok(Exit::Done)
}
