//! Whether the hooks wake the sender, and who decides which hooks git runs.

use std::path::Path;

use super::super::init;
use super::Look;
use super::finding::Report;
use crate::git::health::Setting;
use crate::git::hooks::{self, Hook, HookState};
use crate::ui::counted;

/// Looks at the hooks path and at each hook; puts ours back where that is asked for.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let mut hooks_path = repository.settings("core.hooksPath").unwrap_or_default();
    let own = repository.git_dir().join("hooks");
    if let Some(Setting { value, .. }) = hooks_path.last().filter(|setting| is_left_behind(setting)) {
        let what =
            format!("`core.hooksPath` is {value}, which is not there, so no hook runs: was the desk moved?");
        if !look.fix {
            return report.wrong("hooks.path", what, "git drafts check --fix");
        }
        match repository.set_config("core.hooksPath", &own.display().to_string()) {
            Ok(()) => report.mended("hooks.path", format!("`core.hooksPath` is {}", own.display())),
            Err(error) => return report.error("hooks.path", &error),
        }
        hooks_path.clear();
    }
    let found = init::binary().and_then(|binary| {
        let before = hooks::inspect(repository, &binary)?;
        let after = if look.fix { hooks::install(repository, &binary)? } else { before.clone() };
        Ok((binary, before, after))
    });
    let (binary, before, after) = match found {
        Ok(found) => found,
        Err(error) => return report.error("hooks", &error),
    };
    let place = repository.place();
    let line = |hook: &Hook| hooks::line(hook.name, &binary, place);
    path(look, hooks_path.last(), &after, report);
    let mut fine = 0;
    for (before, hook) in before.iter().zip(&after) {
        let shown = hook.path.display();
        let fix = "git drafts check --fix";
        match hook.state {
            HookState::Fine if before.state != HookState::Fine => {
                report.mended("hook", format!("hook {shown} is installed again"));
                fine += 1;
            }
            HookState::Fine => fine += 1,
            HookState::Missing => report.wrong("hook.missing", format!("hook {shown} is missing"), fix),
            HookState::Outdated => {
                report.wrong(
                    "hook.outdated",
                    format!("hook {shown} calls another git-drafts or repository"),
                    fix,
                );
            }
            HookState::NotExecutable => report.wrong(
                "hook.not-executable",
                format!("hook {shown} is not executable, so git does not run it"),
                fix,
            ),
            HookState::Foreign => report.wrong(
                "hook.foreign",
                format!(
                    "hook {shown} is no shell script and not ours to change: approvals wait for the timer"
                ),
                format!("let it run this line, too: {}", line(hook)),
            ),
            HookState::Elsewhere => report.wrong(
                "hook.elsewhere",
                format!("hook {shown} is not ours to change: approvals wait for the timer"),
                format!("add this line to it: {}", line(hook)),
            ),
        }
    }
    if fine > 0 {
        report.fine("hooks", format!("{} in place", counted(fine, "hook")));
    }
}

/// Tells whether this repository's own configuration names the hooks folder of a repository that is gone: that is
/// where it was itself before somebody moved it.
fn is_left_behind(setting: &Setting) -> bool {
    let path = Path::new(&setting.value);
    setting.scope == "local" && path.is_absolute() && path.ends_with(".git/hooks") && !path.exists()
}

/// Says who sends git elsewhere for its hooks.
fn path(look: &Look<'_>, setting: Option<&Setting>, hooks: &[Hook], report: &mut Report) {
    let Some(Setting { scope, origin, value }) = setting else { return };
    let repository = &look.session.repository;
    let set = format!("`core.hooksPath` is {value}, set in the {scope} configuration ({origin})");
    if !hooks.iter().any(|hook| hook.state == HookState::Elsewhere) {
        return report.fine("hooks.path", set);
    }
    let own = repository.git_dir().join("hooks");
    let here =
        format!("git -C {} config --local core.hooksPath {}", repository.place().display(), own.display());
    let hint = match scope.as_str() {
        "local" | "worktree" => {
            format!(
                "if no other hooks are to run here: git -C {} config --unset core.hooksPath",
                repository.place().display()
            )
        }
        _ => format!("if those hooks need not run here: {here}"),
    };
    report.wrong("hooks.path", format!("{set}, so the hooks of this repository do not run"), hint);
}
