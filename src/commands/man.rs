//! Writes the man pages, so that `git help drafts` finds them.

use std::fs;
use std::path::Path;

use super::{CommandError, Context, Exit, Result};

/// Writes a page for the program and one for each command into a folder, such as
/// `~/.local/share/man/man1`.
pub fn run(context: &Context, folder: &Path, program: clap::Command) -> Result<Exit> {
    let folder = context.directory.join(folder);
    fs::create_dir_all(&folder).map_err(|error| CommandError::system(&folder, error))?;
    clap_mangen::generate_to(program, &folder).map_err(|error| CommandError::system(&folder, error))?;
    let shown = context.shown(&folder);
    context.ui.say(format!(
        "wrote the pages to {shown}; `git help drafts` finds them if its parent is on your MANPATH"
    ));
    Ok(Exit::Done)
}
