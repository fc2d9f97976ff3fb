//! Keeps one bubble on the desktop until it is clicked or gone: what a tick starts, and does not wait for.

use std::path::PathBuf;

use super::{CommandError, Context, Exit, Result};
use crate::notify::{self, Bubble, Place};

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is shown.
    pub bubble: Bubble,
    /// Which of ours it takes the place of.
    pub place: Place,
    /// The folder that remembers its number.
    pub state: PathBuf,
    /// What a click starts.
    pub open: Vec<String>,
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    // It outlives the terminal that the tick was started in. A group leader cannot leave its session.
    let _ = rustix::process::setsid();
    let Options { bubble, place, state, open } = options;
    match notify::keep(bubble, *place, state, open, |word| context.ui.out(word)).await {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(CommandError::Refused { what: error.to_string(), hint: None }),
    }
}
