//! Programs that are run around a repository: git itself, and the operator's own.
//!
//! What a hook of another repository leaks into the environment must never reach them.

use std::process::Command;

use super::{GitError, Result};

/// Runs a command and returns what it printed.
///
/// # Errors
/// [`GitError::Program`] with the last line of its error output.
pub fn run(command: &mut Command) -> Result<String> {
    // Without the environment: `Debug` tells all of that too, and nobody can read on.
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Err(GitError::Program { command: shown, why: error.to_string() }),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(GitError::Program {
        command: shown,
        why: talk.lines().last().unwrap_or("no error output").to_owned(),
    })
}

/// The variables that git sets for one repository and leaks into hooks (`git rev-parse
/// --local-env-vars`), and those that would make our commits somebody's.
pub const GIT_VARIABLES: [&str; 26] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_EDITOR",
    "GIT_REFLOG_ACTION",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
];

/// Takes from a child what a hook of another repository would leak into it.
pub fn without_git_variables(command: &mut Command) {
    for name in GIT_VARIABLES {
        command.env_remove(name);
    }
}

/// Gives a child back the operator's own editor and identity, for a command that a person typed.
pub fn with_own_variables(command: &mut Command) -> &mut Command {
    let own = ["GIT_EDITOR", "GIT_AUTHOR_", "GIT_COMMITTER_"];
    for name in GIT_VARIABLES {
        if let (true, Some(value)) = (own.iter().any(|own| name.starts_with(own)), std::env::var_os(name)) {
            command.env(name, value);
        }
    }
    command
}
