//! Opens drafts in the operator's editor, and says what is wrong with them afterwards.

use std::process::Command;

use super::staging::check_worktree;
use super::{CommandError, Context, Exit, Result, Session};
use crate::desk::{self, Desk};
use crate::draft::Draft;
use crate::git;
use crate::id::DraftId;
use crate::ledger::Snapshot;

/// Runs the command.
pub fn run(context: &Context, prefixes: &[String]) -> Result<Exit> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let ids = prefixes
        .iter()
        .map(|prefix| session.resolve(&desk, &snapshot, prefix))
        .collect::<Result<Vec<_>>>()?;
    open(context, &session, &desk, &ids)
}

/// Opens the files of these drafts in one editor.
pub fn open(context: &Context, session: &Session, desk: &Desk, ids: &[DraftId]) -> Result<Exit> {
    check_worktree(context, session, "edit")?;
    let top = session.repository.place();
    let mut paths = Vec::new();
    for id in ids {
        let file = desk.find(id).ok_or_else(|| {
            CommandError::refused(
                format!("{id} is not on the desk"),
                format!("`git drafts log {id}` tells why"),
            )
        })?;
        paths.push(file.path.clone());
    }
    let editor = git::program::run(git::program::with_own_variables(
        session.repository.command().args(["var", "GIT_EDITOR"]),
    ))?;
    let editor = editor.trim_end().to_owned();
    // An editor may come with arguments of its own, so a shell reads its line, as git has it.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg(&editor).args(&paths).current_dir(top);
    git::program::without_git_variables(&mut command);
    let status = command.status().map_err(|error| CommandError::System { what: editor.clone(), error })?;
    if !status.success() {
        return Err(CommandError::refused(
            format!("the editor `{editor}` ended with an error"),
            "set another one: `git config --global core.editor vim`",
        ));
    }
    let mut exit = Exit::Done;
    for path in &paths {
        let file = desk::read_text_here(&top.join(path))
            .map_err(|error| CommandError::system(&top.join(path), error))?;
        if let Err(error) = Draft::parse(path, &file) {
            context.ui.error(&error);
            exit = Exit::NeedsYou;
        }
    }
    Ok(exit)
}
