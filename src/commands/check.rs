//! The doctor: looks at everything that the promises rest on, mends what is safe, and says how to mend
//! the rest.

use std::fs;

use super::{CommandError, Context, Exit, Result, Session, init, tick};
use crate::brain::rules::Catalogue;
use crate::desk::{self, Desk};
use crate::error::Hint;
use crate::git::hooks::{self, HookState};
use crate::git::{DRAFTS, MAIN, landing};
use crate::policy;
use crate::ui::Tone;

/// What one look found.
enum Finding {
    Fine(String),
    Mended(String),
    Wrong { what: String, hint: Option<String> },
}

/// Runs the command.
pub fn run(context: &Context, fix: bool) -> Result<Exit> {
    let session = Session::open(context)?;
    let mut findings = Vec::new();
    findings.push(Finding::Fine(format!("wiring {}", context.shown(&session.wiring_path))));
    findings.extend(
        session
            .wiring
            .warnings
            .iter()
            .map(|warning| Finding::Wrong { what: warning.to_string(), hint: warning.hint() }),
    );
    repository(&session, &mut findings)?;
    ledger(&session, &mut findings);
    hooks_of(&session, fix, &mut findings)?;
    leftovers(&session, fix, &mut findings)?;
    files(context, &session, &mut findings)?;
    identity(&session, &mut findings);
    match tick::last_run(&session) {
        Some(time) => findings.push(Finding::Fine(format!("last tick {}", crate::ui::clock(time)))),
        None => findings.push(Finding::Fine("no tick yet".to_owned())),
    }
    let mut wrong = false;
    for finding in &findings {
        match finding {
            Finding::Fine(what) => {
                context.ui.out(format!("{} {what}", context.ui.paint(Tone::Good, "ok     ")))
            }
            Finding::Mended(what) => {
                context.ui.out(format!("{} {what}", context.ui.paint(Tone::Attention, "mended ")))
            }
            Finding::Wrong { what, hint } => {
                wrong = true;
                context.ui.out(format!("{} {what}", context.ui.paint(Tone::Bad, "wrong  ")));
                if let Some(hint) = hint {
                    context.ui.out(format!("        {hint}"));
                }
            }
        }
    }
    if wrong { Ok(Exit::NeedsYou) } else { Ok(Exit::Done) }
}

fn wrong(what: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding::Wrong { what: what.into(), hint: Some(hint.into()) }
}

fn repository(session: &Session, findings: &mut Vec<Finding>) -> Result<()> {
    let repository = &session.repository;
    findings.push(Finding::Fine(format!("repository {}", repository.place().display())));
    if repository.is_shallow() {
        findings.push(wrong(
            "the repository is a shallow clone, so no history can be believed",
            "git fetch --unshallow",
        ));
    }
    if repository.has_replacements()? {
        findings.push(wrong(
            "there are replacement refs: `git show` may show another text than the one that is sent",
            "look at them with `git replace -l`, and delete them with `git replace -d`",
        ));
    }
    if let Some(attribute) = repository.filter_of(&format!("{DRAFTS}/kqzmwvst.md")) {
        findings.push(wrong(
            format!("the attribute `{attribute}` is set on drafts: what you see is not what is committed"),
            format!("take it off `{DRAFTS}/` in .gitattributes and .git/info/attributes"),
        ));
    }
    for worktree in repository.linked_worktrees_on(MAIN)? {
        findings.push(wrong(
            format!(
                "`main` is checked out in the linked worktree {}, so no draft can land",
                worktree.display()
            ),
            "check out another branch there",
        ));
    }
    Ok(())
}

fn ledger(session: &Session, findings: &mut Vec<Finding>) {
    match session.ledger().map(|ledger| ledger.snapshot().and_then(|snapshot| snapshot.open_ids())) {
        Ok(Ok(open)) => findings.push(Finding::Fine(format!("ledger, {} unfinished", open.len()))),
        Ok(Err(error)) => findings.push(Finding::Wrong { what: error.to_string(), hint: error.hint() }),
        Err(error) => findings.push(Finding::Wrong { what: error.to_string(), hint: error.hint() }),
    }
}

fn hooks_of(session: &Session, fix: bool, findings: &mut Vec<Finding>) -> Result<()> {
    let binary = init::binary()?;
    let found = if fix {
        hooks::install(&session.repository, &binary)?
    } else {
        hooks::inspect(&session.repository, &binary)?
    };
    let mut fine = 0;
    for hook in found {
        let shown = hook.path.display();
        let finding = match hook.state {
            HookState::Fine => {
                fine += 1;
                continue;
            }
            HookState::Missing => wrong(format!("hook {shown} is missing"), "git drafts check --fix"),
            HookState::Outdated => wrong(
                format!("hook {shown} calls another git-drafts or repository"),
                "git drafts check --fix",
            ),
            HookState::NotExecutable => wrong(
                format!("hook {shown} is not executable, so git does not run it"),
                "git drafts check --fix",
            ),
            HookState::Foreign | HookState::Elsewhere => wrong(
                format!("hook {shown} is not ours to change: approvals wait for the timer"),
                format!(
                    "add this line to it: {}",
                    hooks::line(hook.name, &binary, session.repository.place())
                ),
            ),
        };
        findings.push(finding);
    }
    findings.push(Finding::Fine(format!("{} in place", crate::ui::counted(fine, "hook"))));
    Ok(())
}

fn leftovers(session: &Session, fix: bool, findings: &mut Vec<Finding>) -> Result<()> {
    if !fix {
        return Ok(());
    }
    let _changing = desk::lock(&session.repository)?;
    for line in landing::heal(&session.repository)?.lines {
        findings.push(Finding::Mended(line));
    }
    for object in landing::remove_empty_objects(&session.repository)? {
        findings.push(Finding::Mended(format!("removed the empty object {object}, which a power cut left")));
    }
    Ok(())
}

fn files(context: &Context, session: &Session, findings: &mut Vec<Finding>) -> Result<()> {
    let desk = Desk::read(&session.repository)?;
    match session.policy(context, &desk) {
        Ok(_) => findings.push(Finding::Fine(policy::FILE.to_owned())),
        Err(CommandError::File(error)) => {
            findings.push(Finding::Wrong { what: error.to_string(), hint: error.hint() })
        }
        Err(error) => return Err(error),
    }
    if let Some(bytes) = session.repository.file_at(desk.tip, "routes.toml")? {
        match Catalogue::load("routes.toml", &String::from_utf8_lossy(&bytes)) {
            Ok(catalogue) => findings.push(Finding::Fine(format!(
                "routes.toml, {}",
                crate::ui::counted(catalogue.routes().count(), "route")
            ))),
            Err(errors) => findings.extend(
                errors.iter().map(|error| Finding::Wrong { what: error.to_string(), hint: error.hint() }),
            ),
        }
    }
    for file in &desk.files {
        if let Err(error) = &file.draft {
            findings.push(Finding::Wrong { what: error.to_string(), hint: error.hint() });
        }
    }
    findings.push(Finding::Fine(format!("{} on the desk", crate::ui::counted(desk.files.len(), "draft"))));
    Ok(())
}

fn identity(session: &Session, findings: &mut Vec<Finding>) {
    match session.owner() {
        Some(email) => findings.push(Finding::Fine(format!("you commit as {email}"))),
        None => findings.push(wrong(
            "git does not know your address, so no commit of yours counts as an approval",
            "git config --global user.email you@example.com",
        )),
    }
    let probe = session.state.join(".probe");
    match fs::create_dir_all(&session.state)
        .and_then(|()| fs::write(&probe, ""))
        .and_then(|()| fs::remove_file(&probe))
    {
        Ok(()) => findings.push(Finding::Fine(format!("state in {}", session.state.display()))),
        Err(error) => findings.push(wrong(
            format!("{} cannot be written: {error}", session.state.display()),
            "nothing is sent without it; see who owns the folder",
        )),
    }
}
