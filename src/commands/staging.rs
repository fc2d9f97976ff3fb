//! Changes drafts in the worktree and in the index, all of them or none, and takes that back where no
//! commit came of it.
//!
//! What a person saw fail must not stay staged: the next commit, of whatever, would approve it.

use std::fs;
use std::io;
use std::path::Path;

use super::{CommandError, Context, Result, Session};
use crate::desk;
use crate::draft::{self, Status};
use crate::error::FileError;
use crate::git::landing::Staged;
use crate::git::objects::blob_id;
use crate::git::{self, MAIN};
use crate::id::ObjectId;
use crate::text;

/// What becomes of a draft's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its status is `approved`.
    Approved,
    /// It goes.
    Removed,
}

/// Drafts that were changed and staged.
pub struct Changed<'s> {
    session: &'s Session,
    files: Vec<ChangedFile>,
    staged: Staged,
}

struct ChangedFile {
    path: String,
    /// The bytes before; none where there was no file.
    before: Option<Vec<u8>>,
    /// The blob of the bytes since; none where the file is gone.
    after: Option<ObjectId>,
}

/// Changes these drafts in the worktree and stages them.
///
/// # Errors
/// All is as it was then, as far as nobody else has changed it meanwhile.
pub fn change<'s>(
    context: &Context,
    session: &'s Session,
    wanted: &[(String, Wanted)],
) -> Result<Changed<'s>> {
    let mut changed = Changed { session, files: Vec::new(), staged: Staged::default() };
    let ended = wanted.iter().try_for_each(|(path, wanted)| changed.write(path, *wanted)).and_then(|()| {
        let paths: Vec<&str> = wanted.iter().map(|(path, _)| path.as_str()).collect();
        changed.staged = desk::stage(&session.repository, &paths)?;
        Ok(())
    });
    if let Err(error) = ended {
        changed.put_back(context, |_| true);
        return Err(error);
    }
    Ok(changed)
}

impl Changed<'_> {
    fn write(&mut self, path: &str, wanted: Wanted) -> Result<()> {
        let repository = &self.session.repository;
        let file = repository.place().join(path);
        let failed = |error: io::Error| CommandError::system(&file, error);
        let before = match desk::read_here(&file) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound && wanted == Wanted::Removed => None,
            Err(error) => return Err(failed(error)),
        };
        let after = match (wanted, &before) {
            (Wanted::Removed, _) => None,
            (Wanted::Approved, None) => return Ok(()),
            (Wanted::Approved, Some(bytes)) => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| FileError::new(path, "it is not UTF-8").with_hint("save it as UTF-8"))?;
                Some(draft::with_status(path, text, Status::Approved)?)
            }
        };
        match &after {
            None if before.is_some() => fs::remove_file(&file).map_err(failed)?,
            Some(after) if before.as_deref() != Some(after.as_bytes()) => {
                desk::replace_here(repository, path, after.as_bytes()).map_err(failed)?;
            }
            None | Some(_) => {}
        }
        let after = after.map(|text| blob_id(text.as_bytes()));
        self.files.push(ChangedFile { path: path.to_owned(), before, after });
        Ok(())
    }

    /// Returns the blob that is staged for a path; none where its removal is.
    pub fn staged(&self, path: &str) -> Option<ObjectId> {
        self.staged.blob(path)
    }

    /// Returns the bytes that a file had before; none where there was no file.
    pub fn before(&self, path: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.path == path)?.before.as_deref()
    }

    /// Tells whether a commit of this would change nothing: `main` has it all.
    pub fn is_committed(&self) -> Result<bool> {
        let repository = &self.session.repository;
        let Some(tip) = repository.tip(MAIN)? else { return Ok(false) };
        for file in &self.files {
            let committed = repository.entry_at(tip, &file.path)?.map(|entry| entry.id);
            if committed != self.staged(&file.path) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the changes of some paths back, and says what of them cannot be; tells whether all could.
    pub fn take_back(&self, context: &Context, is_meant: impl Fn(&str) -> bool) -> bool {
        if !self.files.iter().any(|file| is_meant(&file.path)) {
            return true;
        }
        let unstaged = desk::unstage(&self.session.repository, &self.staged, &is_meant);
        if let Err(error) = &unstaged {
            context.ui.warn(format!("it stays staged: {error}"));
            let paths = self.files.iter().map(|file| file.path.as_str());
            context.ui.hint(&format!("`{} restore --staged {}`", git(context, self.session), words(paths)));
        }
        self.put_back(context, is_meant) && unstaged.is_ok()
    }

    fn put_back(&self, context: &Context, is_meant: impl Fn(&str) -> bool) -> bool {
        let repository = &self.session.repository;
        let mut is_all = true;
        for file in self.files.iter().filter(|file| is_meant(&file.path)) {
            let Some(before) = &file.before else { continue };
            let now = match desk::read_here(&repository.place().join(&file.path)) {
                Ok(bytes) => Ok(Some(blob_id(&bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            };
            let why = match now {
                Ok(now) if now == file.after => match desk::replace_here(repository, &file.path, before) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
                Ok(_) => "it has changed meanwhile".to_owned(),
                Err(error) => error.to_string(),
            };
            context.ui.warn(format!("{} stays as it is: {why}", file.path));
            is_all = false;
        }
        is_all
    }
}

/// Refuses where the drafts in the worktree are not the ones that a person means: in a linked worktree, in
/// a bare repository. `verb` is the command.
pub fn check_worktree(context: &Context, session: &Session, verb: &str) -> Result<()> {
    let repository = &session.repository;
    let by_hand = "change the file here and commit, which counts once it is on `main`";
    match (repository.linked_worktree(), repository.worktree()) {
        (None, Some(_)) => Ok(()),
        (None, None) => Err(CommandError::refused(
            format!("{} is a bare repository, with no files to {verb}", context.shown(repository.place())),
            "work in a clone of it",
        )),
        (Some(linked), top) => {
            let what = format!(
                "{} is a linked worktree, and `git drafts {verb}` works in the main one",
                context.shown(linked)
            );
            let hint = match top {
                Some(top) if !is_main_in(session, linked) => {
                    format!("`cd {}`, or {by_hand}", shell_path(context, top))
                }
                Some(_) | None => by_hand.to_owned(),
            };
            Err(CommandError::refused(what, hint))
        }
    }
}

/// Refuses where `main` is not checked out.
pub fn check_on_main(context: &Context, session: &Session) -> Result<()> {
    let repository = &session.repository;
    if repository.head()? == git::Head::Branch(MAIN.to_owned()) {
        return Ok(());
    }
    let elsewhere =
        repository.linked_worktrees()?.into_iter().find(|linked| linked.branch.as_deref() == Some(MAIN));
    Err(match elsewhere {
        Some(linked) => CommandError::refused(
            format!(
                "`main` is checked out in {}, and only what is on `main` is sent",
                context.shown(&linked.place)
            ),
            "change the file there and commit",
        ),
        None => CommandError::refused(
            "`main` is not checked out here, and only what is on `main` is sent",
            format!("`{} switch main`, or edit the file on your branch and merge it", git(context, session)),
        ),
    })
}

fn is_main_in(session: &Session, place: &Path) -> bool {
    let Ok(all) = session.repository.linked_worktrees() else { return false };
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    all.iter().any(|linked| linked.branch.as_deref() == Some(MAIN) && real(&linked.place) == real(place))
}

/// Returns how git is called in the desk from the folder that a person is in: `git`, or `git -C ~/drafts`.
pub fn git(context: &Context, session: &Session) -> String {
    let place = session.repository.place();
    match (context.directory.canonicalize(), place.canonicalize()) {
        (Ok(here), Ok(there)) if here == there => "git".to_owned(),
        _ => format!("git -C {}", shell_path(context, place)),
    }
}

/// Returns a path as it can be pasted into a shell.
fn shell_path(context: &Context, path: &Path) -> String {
    let shown = context.shown(path);
    match text::shell_word(shown.trim_start_matches('~')) {
        word if shown.trim_start_matches('~') == word => shown,
        _ => text::shell_word(&path.display().to_string()),
    }
}

/// Returns paths as words for a shell.
pub fn words<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    paths.map(text::shell_word).collect::<Vec<_>>().join(" ")
}
