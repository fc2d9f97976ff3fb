//! Installs the hooks that wake the sender, beside whatever hooks the operator has.
//!
//! Ours is a block between two markers, right after the first line, so that an `exit` of the
//! operator's own hook does not silence it. A hook of the operator's is never replaced, and one that
//! is no shell script is never touched.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Repository, Result, unreadable_io, unwritable_io};

const DOORBELL: &str = include_str!("../../hooks/doorbell");
const PREPARE: &str = include_str!("../../hooks/prepare-commit-msg");
const BEGIN: &str = "# >>> git-drafts >>>";
const END: &str = "# <<< git-drafts <<<";

/// The hooks that a repository with a worktree gets.
pub const HOOKS: [&str; 5] =
    ["prepare-commit-msg", "post-commit", "post-merge", "post-rewrite", "post-applypatch"];

/// The hooks that a bare repository gets.
pub const HOOKS_BARE: [&str; 1] = ["post-receive"];

/// The state of one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookState {
    /// It rings for us.
    Fine,
    /// There is none, or ours is not in it.
    Missing,
    /// Ours is in it, but calls another program or repository.
    Outdated,
    /// git will not run it: it is not executable.
    NotExecutable,
    /// It is the operator's and no shell script, so ours cannot stand in it.
    Foreign,
    /// `core.hooksPath` leads out of this repository.
    Elsewhere,
}

/// One hook, where git looks for it, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name, such as `post-commit`.
    pub name: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// How it is.
    pub state: HookState,
}

/// Returns how each of our hooks is, for a binary at this path.
pub fn inspect(repository: &Repository, binary: &Path) -> Result<Vec<Hook>> {
    let folder = repository.hooks_dir()?;
    let ours = is_within(&folder, repository.git_dir());
    let names: &[&'static str] = if repository.worktree().is_some() { &HOOKS } else { &HOOKS_BARE };
    names
        .iter()
        .map(|name| {
            let path = folder.join(name);
            let state = match read(&path)? {
                Some(text) if text.contains(&block(name, binary, repository.place())) => {
                    if is_executable(&path)? { HookState::Fine } else { HookState::NotExecutable }
                }
                _ if !ours => HookState::Elsewhere,
                Some(text) if text.contains(BEGIN) => HookState::Outdated,
                Some(text) if !is_shell(&text) => HookState::Foreign,
                _ => HookState::Missing,
            };
            Ok(Hook { name, path, state })
        })
        .collect()
}

/// Installs or repairs our hooks and returns how each of them is afterwards.
pub fn install(repository: &Repository, binary: &Path) -> Result<Vec<Hook>> {
    for hook in inspect(repository, binary)? {
        match hook.state {
            HookState::Fine | HookState::Foreign | HookState::Elsewhere => {}
            HookState::NotExecutable => set_executable(&hook.path)?,
            HookState::Missing | HookState::Outdated => {
                let block = block(hook.name, binary, repository.place());
                let existing = read(&hook.path)?;
                let text = with_block(existing.as_deref(), &block);
                write(&hook.path, &text)?;
                if existing.is_none() || hook.state == HookState::Outdated {
                    set_executable(&hook.path)?;
                }
            }
        }
    }
    inspect(repository, binary)
}

/// Returns the lines that a hook of the operator's own needs, for where we cannot put them.
pub fn line(name: &str, binary: &Path, repository: &Path) -> String {
    let block = block(name, binary, repository);
    block.lines().nth(2).unwrap_or_default().to_owned()
}

fn block(name: &str, binary: &Path, repository: &Path) -> String {
    let template = if name == "prepare-commit-msg" { PREPARE } else { DOORBELL };
    template
        .replace("@BINARY@", &quoted(binary))
        .replace("@REPOSITORY@", &quoted(repository))
        .replace("@HOOK@", name)
}

/// Puts the block after the first line of a script, or where an older block stands.
fn with_block(script: Option<&str>, block: &str) -> String {
    let Some(script) = script.filter(|script| !script.trim().is_empty()) else {
        return format!("#!/bin/sh\n{block}");
    };
    if let (Some(begin), Some(end)) = (script.find(BEGIN), script.find(END))
        && begin < end
    {
        let after = script[end..].find('\n').map_or(script.len(), |newline| end + newline + 1);
        return format!("{}{block}{}", &script[..begin], &script[after..]);
    }
    let first = script.find('\n').map_or(script.len(), |newline| newline + 1);
    let newline = if script[..first].ends_with('\n') { "" } else { "\n" };
    format!("{}{newline}{block}{}", &script[..first], &script[first..])
}

/// Quotes a path for a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn is_shell(script: &str) -> bool {
    let first = script.lines().next().unwrap_or_default();
    // A script that is not UTF-8 could not be written back as it was.
    if script.contains('\u{fffd}') {
        return false;
    }
    let Some(interpreter) = first.strip_prefix("#!") else { return script.trim().is_empty() };
    interpreter
        .split_whitespace()
        .take(2)
        .filter_map(|word| word.rsplit('/').next())
        .any(|program| matches!(program, "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh"))
}

fn is_within(folder: &Path, git_dir: &Path) -> bool {
    match (folder.canonicalize(), git_dir.canonicalize()) {
        (Ok(folder), Ok(git_dir)) => folder.starts_with(git_dir),
        // A hooks folder that is not there yet: git names it below the repository unless told otherwise.
        _ => folder
            .parent()
            .and_then(|parent| parent.canonicalize().ok())
            .is_some_and(|parent| git_dir.canonicalize().is_ok_and(|git_dir| parent.starts_with(git_dir))),
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable_io(path, &error)),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("git-drafts-new");
    let permissions = fs::metadata(path).map(|metadata| metadata.permissions()).ok();
    let written = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&new, text)?;
        if let Some(permissions) = permissions {
            fs::set_permissions(&new, permissions)?;
        }
        fs::rename(&new, path)
    };
    written().map_err(|error| unwritable_io(path, &error))
}

fn is_executable(path: &Path) -> Result<bool> {
    let metadata = fs::metadata(path).map_err(|error| unreadable_io(path, &error))?;
    Ok(metadata.permissions().mode() & 0o111 != 0)
}

fn set_executable(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| unwritable_io(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "# >>> git-drafts >>>\n# why\nring\n# <<< git-drafts <<<\n";

    #[test]
    fn the_block_stands_beside_the_operators_own_lines() {
        assert_eq!(with_block(None, BLOCK), format!("#!/bin/sh\n{BLOCK}"));
        assert_eq!(
            with_block(Some("#!/bin/sh\nmine\nexit 0\n"), BLOCK),
            format!("#!/bin/sh\n{BLOCK}mine\nexit 0\n")
        );
        assert_eq!(with_block(Some("#!/bin/sh"), BLOCK), format!("#!/bin/sh\n{BLOCK}"));
    }

    #[test]
    fn an_older_block_is_replaced_where_it_stands() {
        let old = "#!/bin/bash\nfirst\n# >>> git-drafts >>>\nold\n# <<< git-drafts <<<\nlast\n";
        let new = with_block(Some(old), BLOCK);
        assert_eq!(new, format!("#!/bin/bash\nfirst\n{BLOCK}last\n"));
        assert_eq!(with_block(Some(&new), BLOCK), new);
    }

    #[test]
    fn only_shell_scripts_are_touched() {
        for shell in ["#!/bin/sh\n", "#!/usr/bin/env bash\n", "#!/bin/dash -e\n", ""] {
            assert!(is_shell(shell), "{shell:?}");
        }
        for other in ["#!/usr/bin/env python3\n", "\u{7f}ELF", "#!/usr/bin/perl\n"] {
            assert!(!is_shell(other), "{other:?}");
        }
    }

    #[test]
    fn a_path_with_a_quote_is_still_one_word() {
        assert_eq!(quoted(Path::new("/home/o'neill/x y")), r"'/home/o'\''neill/x y'");
    }
}
