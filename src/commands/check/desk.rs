//! Whether what people wrote on the desk can be read, and whether the policy counts.

use super::super::{CommandError, POLICY_HINT, strays};
use super::Look;
use super::finding::Report;
use crate::brain::rules::Catalogue;
use crate::desk::Desk;
use crate::error::{FileError, Hint};
use crate::git::{GitError, Head, MAIN, landing, lease};
use crate::ledger::Snapshot;
use crate::policy;
use crate::ui::counted;

/// Looks at policy, catalogue and every draft on the tip of `main`.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let session = &look.session;
    let desk = match Desk::read(&session.repository) {
        Ok(desk) => desk,
        Err(error) => return unreadable(look, &error, report),
    };
    match session.policy_in_force(&desk) {
        Ok(found) => match found.refusal {
            None => report.fine("policy", policy::FILE),
            Some(refusal) => report.wrong(
                "policy.not-in-force",
                format!("the previous policy stays in force: {refusal}"),
                POLICY_HINT,
            ),
        },
        Err(CommandError::File(error)) => report.error("policy", &error),
        Err(error) => report.error("policy", &error),
    }
    match session.repository.file_at(desk.tip, "routes.toml") {
        Ok(None) => {}
        Ok(Some(bytes)) => match Catalogue::load("routes.toml", &String::from_utf8_lossy(&bytes)) {
            Ok(catalogue) => report
                .fine("routes", format!("routes.toml, {}", counted(catalogue.routes().count(), "route"))),
            Err(errors) => errors.iter().for_each(|error| report.error("routes", error)),
        },
        Err(error) => report.error("routes", &error),
    }
    for file in &desk.files {
        if let Err(error) = &file.draft {
            report.error("draft", error);
        }
    }
    report.fine("drafts", format!("{} on the desk", counted(desk.files.len(), "draft")));
    worktree(look, &desk, report);
    busy(look, report);
}

/// Names what stands in the worktree and would not be a draft if it were committed.
fn worktree(look: &Look<'_>, desk: &Desk, report: &mut Report) {
    let session = &look.session;
    let strays = Snapshot::of(&session.repository)
        .map_err(CommandError::from)
        .and_then(|snapshot| strays::look(session, desk, &snapshot));
    let strays = match strays {
        Ok(strays) => strays.wrong,
        Err(error) => return report.error("draft.worktree", &error),
    };
    // What is committed was told with the desk.
    let is_committed = |error: &FileError| desk.files.iter().any(|file| file.path == error.path);
    let strays = strays.into_iter().filter(|error| !is_committed(error));
    for error in strays.chain(strays::broken(session, desk)) {
        let hint = error.hint().unwrap_or_else(|| "mend it, or delete it".to_owned());
        report.note("draft.worktree", error.to_string(), hint);
    }
}

fn unreadable(look: &Look<'_>, error: &GitError, report: &mut Report) {
    let is_gone = matches!(look.session.repository.tip(MAIN), Ok(None));
    let remote = look.session.repository.remote_branch("main").ok().flatten();
    match remote.filter(|_| is_gone) {
        Some(tip) => {
            report.wrong("desk", error.to_string(), format!("take the remote's: `git branch main {tip}`"))
        }
        None if is_gone => report.wrong(
            "desk",
            error.to_string(),
            "`git reflog` knows where it was: `git branch main <commit>`; `git drafts init` begins a new one",
        ),
        None => report.error("desk", error),
    }
}

/// Says what keeps drafts from landing just now.
fn busy(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    if repository.worktree().is_none() {
        return;
    }
    match repository.head() {
        Ok(Head::Branch(branch)) if branch == MAIN || branch == crate::git::LEDGER => {}
        Ok(Head::Branch(branch)) => report.note(
            "desk.branch",
            format!("the worktree shows `{}`, and drafts land on `main`", branch.trim_start_matches("refs/heads/")),
            "`git switch main` shows them",
        ),
        Ok(Head::Detached) => report.note(
            "desk.branch",
            "the worktree shows a commit and no branch; drafts land on `main`, and what you commit here approves nothing",
            "`git switch main`",
        ),
        Err(error) => report.error("desk.branch", &error),
    }
    if let Some(operation) = repository.operation_under_way() {
        report.note(
            "desk.busy",
            format!("{operation} is under way, and drafts wait for its end"),
            "finish it or give it up: `git status` says how",
        );
    }
    if let Some(pid) = lease::lease_holder(repository) {
        report.note(
            "desk.busy",
            format!("a commit is being written (process {pid}), and drafts wait for its end"),
            "save and close the editor",
        );
    }
    if let Ok(lost) = landing::lost(repository)
        && !lost.is_empty()
    {
        report.note(
            "desk.lost",
            format!("a crash took {} off the desk", counted(lost.len(), "draft")),
            "`git drafts tick` puts back what nobody has put back since",
        );
    }
}
