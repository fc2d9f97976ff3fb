//! A tick, then a send: what a timer or cron calls.
//!
//! Child processes, so that each holds only its own credentials: the one that reads messages and asks
//! brains cannot send, and the one that sends never sees a message from outside. The shadows of brains
//! come last, since nothing waits for them.

use std::env;
use std::process::Command;

use super::{CommandError, Context, Exit, Result, Session, pause};

/// Runs the command.
pub fn run(context: &Context) -> Result<Exit> {
    let session = Session::open(context)?;
    let now = context.now();
    if let Some(paused) = pause::paused(&session, now) {
        if pause::is_reminder_due(&session, now) {
            context.ui.say(paused.sentence());
            context.ui.hint(paused.way_out);
        }
        return Ok(Exit::Done);
    }
    let program =
        env::current_exe().map_err(|error| CommandError::System { what: "git-drafts".to_owned(), error })?;
    let start = |command: &[&str]| {
        let mut child = Command::new(&program);
        child.arg("-C").arg(&context.directory);
        if let Some(config) = &context.config {
            child.arg("--config").arg(config);
        }
        let status = child
            .args(command)
            .status()
            .map_err(|error| CommandError::System { what: program.display().to_string(), error })?;
        // A child that a signal ended has no code, and was not done.
        Ok::<i32, CommandError>(status.code().unwrap_or(128))
    };
    let mut worst = 0;
    for command in [&["tick", "--shadow-later"][..], &["send", "--quiet"][..]] {
        worst = worst.max(start(command)?);
    }
    // How a shadow fares is nobody's error.
    if worst <= 1 {
        start(&["shadow"])?;
    }
    match worst {
        0 => Ok(Exit::Done),
        1 => Ok(Exit::NeedsYou),
        _ => {
            Err(CommandError::Refused { what: "the run did not end well; see above".to_owned(), hint: None })
        }
    }
}
