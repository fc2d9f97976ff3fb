//! Sets drafts to approved and stages them, as `git add` would; the commit is what approves.

use super::{CommandError, Context, Exit, Result, Session, edit, hook};
use crate::desk::{self, Desk};
use crate::draft::{Draft, Status};
use crate::error::FileError;
use crate::git;
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::policy;
use crate::text;

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
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let ids =
        options.ids.iter().map(|id| session.resolve(&desk, &snapshot, id)).collect::<Result<Vec<_>>>()?;
    if options.edit && edit::open(context, &session, &desk, &ids)? == Exit::NeedsYou {
        return Ok(Exit::NeedsYou);
    }
    let mut paths = Vec::new();
    for id in &ids {
        let path = path_of(&session, &desk, id)?;
        refuse_unsendable(&session, &desk, &path)?;
        desk::set_status(&session.repository, &path, Status::Approved)?;
        desk::stage(&session.repository, &path)?;
        paths.push(path);
    }
    let subject =
        desk.find(&ids[0]).and_then(|file| file.draft.as_ref().ok()).map(|draft| draft.subject.clone());
    let message = match (&options.message, subject) {
        (Some(message), _) => message.clone(),
        (None, Some(subject)) if ids.len() == 1 => format!("Approve \"{}\"", text::one_line(&subject, 60)),
        (None, _) => format!("Approve {} drafts", ids.len()),
    };
    if options.commit {
        return commit(context, &session, &paths, &[], &message);
    }
    context.ui.say("approved, and staged; \"git commit\" sends");
    Ok(Exit::Done)
}

/// Says at once what the commit would say: this cannot be sent as it is.
fn refuse_unsendable(session: &Session, desk: &Desk, path: &str) -> Result<()> {
    let file = session.repository.worktree().map(|top| top.join(path)).unwrap_or_default();
    let text = desk::read_text_here(&file).map_err(|error| CommandError::system(&file, error))?;
    let draft = Draft::parse(path, &text)?;
    let wrong = policy::obstacles(&session.committed_policy(desk)?, &draft);
    match wrong.first() {
        None => Ok(()),
        Some(finding) => Err(FileError::new(path, finding.to_string())
            .with_hint("mend it first: `git drafts edit`, or `git drafts approve --edit`")
            .into()),
    }
}

/// Commits just these paths with the operator's own git: hooks, signature and identity are theirs.
///
/// `shown` are the paths whose text a person was shown, each with its blob: the hook refuses the commit
/// if it holds another one ([`hook::SHOWN_VARIABLE`]).
pub fn commit(
    context: &Context,
    session: &Session,
    paths: &[String],
    shown: &[(String, ObjectId)],
    message: &str,
) -> Result<Exit> {
    let mut command = session.repository.command();
    git::program::with_own_variables(command.args(["commit", "--only", "-m", message, "--"]).args(paths));
    command.env_remove(hook::SHOWN_VARIABLE);
    if !shown.is_empty() {
        let lines: Vec<String> = shown.iter().map(|(path, blob)| format!("{blob} {path}")).collect();
        command.env(hook::SHOWN_VARIABLE, lines.join("\n"));
    }
    let status = command.status().map_err(|error| CommandError::System { what: "git".to_owned(), error })?;
    if status.success() {
        return Ok(Exit::Done);
    }
    tracing::debug!(?status, "git commit refused");
    context.ui.say("nothing was committed");
    Ok(Exit::NeedsYou)
}

/// Refuses where `main` is not checked out.
pub fn check_on_main(session: &Session) -> Result<()> {
    if session.repository.head()? == git::Head::Branch(git::MAIN.to_owned()) {
        return Ok(());
    }
    Err(CommandError::refused(
        "`main` is not checked out here, and only what is on `main` is sent",
        "`git switch main`, or edit the file on your branch and merge it",
    ))
}

/// Returns the worktree path of a draft that is on the desk.
pub fn path_of(session: &Session, desk: &Desk, id: &DraftId) -> Result<String> {
    check_on_main(session)?;
    desk.find(id).map(|file| file.path.clone()).ok_or_else(|| {
        CommandError::refused(format!("{id} is not on the desk"), format!("`git drafts log {id}` tells why"))
    })
}
