//! A tick, then a send: what a timer or cron calls.
//!
//! Child processes, so that each holds only its own credentials: the one that reads messages and asks
//! brains cannot send, and the one that sends never sees a message from outside. The shadows of brains
//! come last, since nothing waits for them.

use std::env;
use std::fs;
use std::os::fd::OwnedFd;
use std::process;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::notice;
use super::record::{self, Begun};
use super::{CommandError, Context, Exit, Result, Session, pause};
use crate::evidence::{Claim, Ending, Part};
use crate::schedule;

/// How long a child that is to end has for what it is in the middle of.
const END_SECONDS_MAX: u64 = 10;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What the unit or the crontab says that it is.
    pub trigger: Option<Claim>,
    /// The longest that it may take, where it is not the usual time.
    pub seconds_max: Option<u64>,
}

/// Runs the command.
pub async fn run(context: &Context, options: Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let begun = Begun::new(context, "run", record::trigger(options.trigger));
    let mut part = Part::default();
    // A person looks on, and ends what takes too long by a key.
    let is_bounded = options.trigger.is_some() || options.seconds_max.is_some();
    let seconds = options.seconds_max.unwrap_or(schedule::RUN_SECONDS_MAX);
    let until = is_bounded.then(|| Instant::now() + Duration::from_secs(seconds));
    // Who looks on is told what a timer is told once.
    let is_watched = options.trigger.is_none() && context.ui.is_terminal();
    let quiet: &[&str] = if is_watched { &[] } else { &["--quiet"] };
    let ended = children(context, &session, quiet, until, &mut part).await;
    begun.ended(&session, part, &ended, None);
    ended
}

async fn children(
    context: &Context,
    session: &Session,
    quiet: &[&str],
    until: Option<Instant>,
    part: &mut Part,
) -> Result<Exit> {
    let now = context.now();
    if let Some(paused) = pause::paused(session, now) {
        part.ending = Ending::Paused;
        let is_due = pause::is_reminder_due(session, now);
        // Who looks on is told each time.
        if is_due || context.ui.is_terminal() {
            context.ui.say(paused.sentence());
            context.ui.hint(paused.way_out);
        }
        if is_due {
            notice::tell_pause(context, session, paused.since).await;
        }
        return Ok(Exit::Done);
    }
    let mut worst = 0;
    // A tick that hangs leaves some time for what is approved.
    let tick_until =
        until.map(|until| until.min(Instant::now() + until.duration_since(Instant::now()) / 3 * 2));
    for (command, until) in [(&["tick", "--shadow-later"][..], tick_until), (&["send"][..], until)] {
        let pid = process::id().to_string();
        let code = child(context, &[command, quiet, &["--part-of", &pid]].concat(), until).await?;
        match Part::take(&record::part_file(session, command[0], process::id())) {
            Some(did) => part.join(did),
            // It did not come so far as to tell.
            None => {
                part.fault(&format!("`{}` ended with {code}", command[0]));
                part.ending = Ending::Failed;
            }
        }
        worst = worst.max(code);
    }
    // How a shadow fares is nobody's error.
    if worst <= 1 {
        child(context, &["shadow"], until).await?;
    }
    match worst {
        0 => Ok(Exit::Done),
        1 => Ok(Exit::NeedsYou),
        _ => {
            Err(CommandError::Refused { what: "the run did not end well; see above".to_owned(), hint: None })
        }
    }
}

/// Runs this program once more, and returns its exit code.
async fn child(context: &Context, arguments: &[&str], until: Option<Instant>) -> Result<i32> {
    let program =
        env::current_exe().map_err(|error| CommandError::System { what: "git-drafts".to_owned(), error })?;
    let failed = |error| CommandError::System { what: program.display().to_string(), error };
    let mut command = Command::new(&program);
    command.arg("-C").arg(&context.directory);
    if let Some(config) = &context.config {
        command.arg("--config").arg(config);
    }
    command.args(arguments);
    let mut child = command.spawn().map_err(failed)?;
    let Some(until) = until else {
        // A child that a signal ended has no code, and was not done.
        return Ok(child.wait().await.map_err(failed)?.code().unwrap_or(128));
    };
    if let Ok(status) = timeout_at(until, child.wait()).await {
        return Ok(status.map_err(failed)?.code().unwrap_or(128));
    }
    context.ui.warn(format!("`{}` takes too long and is ended", arguments[0]));
    end(&mut child).await;
    Ok(128)
}

/// Ends a child and what it has started: politely, then not.
async fn end(child: &mut Child) {
    let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) else { return };
    // By handles, since a number may become another process's meanwhile; before anybody is told, since
    // what a dead process has started is nobody's child.
    let all: Vec<OwnedFd> = family(pid)
        .into_iter()
        .filter_map(|pid| pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok())
        .collect();
    for signal in [Signal::TERM, Signal::KILL] {
        for process in &all {
            // Whoever has ended already cannot be told.
            let _ = pidfd_send_signal(process, signal);
        }
        // Also what does not heed the first signal while its parent does must go.
        let until = Instant::now() + Duration::from_secs(END_SECONDS_MAX);
        let _ = timeout_at(until, child.wait()).await;
    }
}

/// Returns a process and all that it has started, as far as that still has a parent.
fn family(pid: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(i32, i32)> = processes
        .filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            // proc_pid_stat(5): the name stands in brackets, and may hold some.
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len() {
        let children = parents.iter().filter(|(_, parent)| *parent == family[next]).map(|(pid, _)| *pid);
        let children: Vec<i32> = children.filter(|pid| !family.contains(pid)).collect();
        family.extend(children);
        next += 1;
    }
    family
}
