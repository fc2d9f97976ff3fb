//! Sets drafts to approved and stages them, as `git add` would; the commit is what approves.

use std::io;

use super::staging::{self, Changed, Wanted, check_on_main, check_worktree};
use super::{CommandError, Context, Exit, Result, Session, early, edit, hook, resolve};
use crate::desk::{self, Desk};
use crate::draft::Draft;
use crate::error::{FileError, Hint};
use crate::git::{self, MAIN};
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::text;
use crate::ui::counted;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The drafts, by the first letters of their ids or by their files.
    pub ids: Vec<String>,
    /// Open the editor first.
    pub edit: bool,
    /// Commit just these files.
    pub commit: bool,
    /// The commit's message.
    pub message: Option<String>,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    check_worktree(context, &session, "approve")?;
    check_on_main(context, &session)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let ids = ids(&session, &desk, &snapshot, &options.ids)?;
    resolve::refuse_unsure(&snapshot, &ids)?;
    if options.edit && edit::open(context, &session, &desk, &ids)? == Exit::NeedsYou {
        return Ok(Exit::NeedsYou);
    }
    let (mut wanted, mut doubtful) = (Vec::new(), Vec::new());
    for id in &ids {
        let path = path_of(&desk, id)?;
        let (text, draft) = sendable(context, &session, &desk, &path)?;
        // The hook of the commit says the same.
        if !options.commit {
            doubtful.extend(early::strangers(&snapshot, &path, &text, &draft)?);
        }
        wanted.push((path, Wanted::Approved));
    }
    let changed = staging::change(context, &session, &wanted)?;
    for doubt in &doubtful {
        context.ui.warn(doubt);
        doubt.hint().iter().for_each(|hint| context.ui.hint(hint));
    }
    if changed.is_committed()? {
        context.ui.say("approved and committed already; \"git drafts send\" sends");
        return Ok(Exit::Done);
    }
    if !options.commit {
        context.ui.say("approved, and staged; \"git commit\" sends");
        return Ok(Exit::Done);
    }
    let subject =
        desk.find(&ids[0]).and_then(|file| file.draft.as_ref().ok()).map(|draft| draft.subject.clone());
    let message = match (&options.message, subject) {
        (Some(message), _) => message.clone(),
        (None, Some(subject)) if ids.len() == 1 => format!("Approve \"{}\"", text::one_line(&subject, 60)),
        (None, _) => format!("Approve {}", counted(ids.len(), "draft")),
    };
    commit_or_take_back(context, &session, &changed, &wanted, &message)
}

/// Finds the drafts that a command line names, each once.
pub fn ids(
    session: &Session,
    desk: &Desk,
    snapshot: &Snapshot<'_>,
    prefixes: &[String],
) -> Result<Vec<DraftId>> {
    let mut ids = Vec::new();
    for prefix in prefixes {
        let id = session.resolve(desk, snapshot, prefix)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Reads a draft as it is here, and says at once what the commit would say: this cannot be sent as it is.
fn sendable(context: &Context, session: &Session, desk: &Desk, path: &str) -> Result<(String, Draft)> {
    let file = session.repository.place().join(path);
    let text = match desk::read_text_here(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let whence = match session.repository.staged(path)? {
                Some(_) => "restore",
                None => "restore --staged --worktree",
            };
            let git = staging::git(context, session);
            return Err(FileError::new(path, "the file is not there")
                .with_hint(format!("`{git} {whence} {}` brings it back", text::shell_word(path)))
                .into());
        }
        Err(error) => return Err(CommandError::system(&file, error)),
    };
    let draft = Draft::parse(path, &text)?;
    if let Some(error) = early::no_mail(&session.wiring, path, &text, &draft).into_iter().next() {
        return Err(error.into());
    }
    let hint = format!("mend it first: `git drafts edit {}`", draft.id());
    let policy = session.committed_policy(desk)?;
    match hook::obstacles(&policy, path, &text, &draft, &hint).into_iter().next() {
        None => Ok((text, draft)),
        Some(error) => Err(error.into()),
    }
}

/// Commits what was changed, or puts everything back as it was.
pub fn commit_or_take_back(
    context: &Context,
    session: &Session,
    changed: &Changed<'_>,
    wanted: &[(String, Wanted)],
    message: &str,
) -> Result<Exit> {
    let paths: Vec<String> = wanted.iter().map(|(path, _)| path.clone()).collect();
    if commit(session, changed, &paths, &[], message)? {
        return Ok(Exit::Done);
    }
    context.ui.say(match (changed.take_back(context, |_| true), paths.len()) {
        (false, _) => "nothing was committed",
        (true, 1) => "nothing was committed; the draft is as it was",
        (true, _) => "nothing was committed; the drafts are as they were",
    });
    Ok(Exit::NeedsYou)
}

/// Commits just these paths with the operator's own git: hooks, signature and identity are theirs. Tells
/// whether they are committed; git has said why not.
///
/// `shown` are the paths whose text a person was shown, each with its blob: the hook refuses the commit
/// if it holds another one ([`hook::SHOWN_VARIABLE`]).
pub fn commit(
    session: &Session,
    changed: &Changed<'_>,
    paths: &[String],
    shown: &[(String, ObjectId)],
    message: &str,
) -> Result<bool> {
    let before = session.repository.tip(MAIN)?;
    let mut command = session.repository.command();
    git::program::with_own_variables(command.args(["commit", "--only", "-m", message, "--"]).args(paths));
    command.env_remove(hook::SHOWN_VARIABLE);
    if !shown.is_empty() {
        let lines: Vec<String> = shown.iter().map(|(path, blob)| format!("{blob} {path}")).collect();
        command.env(hook::SHOWN_VARIABLE, lines.join("\n"));
    }
    let status = command.status().map_err(|error| CommandError::System { what: "git".to_owned(), error })?;
    if status.success() {
        return Ok(true);
    }
    tracing::debug!(?status, "git commit failed");
    // git may have moved the branch and failed after that.
    Ok(session.repository.tip(MAIN)? != before && changed.is_committed()?)
}

/// Returns the worktree path of a draft that is on the desk.
pub fn path_of(desk: &Desk, id: &DraftId) -> Result<String> {
    desk.find(id).map(|file| file.path.clone()).ok_or_else(|| {
        CommandError::refused(format!("{id} is not on the desk"), format!("`git drafts log {id}` tells why"))
    })
}
