//! Shows long output through the operator's pager, as git does.

use std::process::Command;

use super::Context;
use crate::git;
use crate::ui::Pager;

/// Starts the pager that git would take, where stdout is a terminal and a pager is wanted; what is
/// returned must live as long as there is something to print.
pub fn start(context: &Context, is_refused: bool) -> Option<Pager> {
    if is_refused || !context.ui.is_terminal() {
        return None;
    }
    let mut command = Command::new("git");
    command.args(["var", "GIT_PAGER"]).current_dir(&context.directory);
    let pager = git::program::run(&mut command).ok()?;
    match pager.trim() {
        "" | "cat" => None,
        pager => context.ui.page(pager),
    }
}
