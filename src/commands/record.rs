//! Keeps what a run did, when it is over: for the parent that asked for it, or in the folder that remembers.
//!
//! It changes nothing about how a run ends: what cannot be noted is only logged.

use std::env;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process;
use std::time::Instant;

use jiff::Timestamp;

use super::{Context, Exit, Result, Session};
use crate::evidence::{self, Claim, Ending, Part, Record, Surroundings, Trigger};
use crate::git::{LEDGER, MAIN};

/// A run that has begun.
pub struct Begun {
    command: &'static str,
    at: Timestamp,
    clock: Instant,
    /// What started it.
    pub trigger: Trigger,
}

impl Begun {
    /// Notes that a run begins.
    pub fn new(context: &Context, command: &'static str, trigger: Trigger) -> Self {
        Self { command, at: context.now(), clock: Instant::now(), trigger }
    }

    /// Keeps what it did: for the run that it is a part of, else as a record of its own.
    pub fn ended(self, session: &Session, mut did: Part, ended: &Result<Exit>, part_of: Option<u32>) {
        if let Err(error) = ended {
            did.fault(&error.to_string());
            did.ending = Ending::Failed;
        }
        if let Some(run) = part_of {
            if let Err(error) = did.leave(&part_file(session, self.command, run)) {
                tracing::warn!(%error, "what was done could not be told to the run");
            }
            return;
        }
        // A hook rings at every commit, and mostly for nothing.
        if self.trigger == Trigger::Hook && did.is_empty() {
            return;
        }
        let tip = |branch| session.repository.tip(branch).ok().flatten().map(|id| id.to_string());
        let record = Record {
            version: evidence::VERSION,
            at: self.at,
            command: self.command.to_owned(),
            trigger: self.trigger,
            invocation: surroundings().invocation,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            milliseconds: u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX),
            exit: match ended {
                Ok(Exit::Done) => 0,
                Ok(Exit::NeedsYou) => 1,
                Err(_) => 128,
            },
            desk: tip(MAIN),
            ledger: tip(LEDGER),
            did,
        };
        let Record { command, trigger, milliseconds, exit, .. } = &record;
        tracing::info!(command, trigger = trigger.word(), milliseconds, exit, ending = ?record.did.ending, "ended");
        if let Err(error) = evidence::note(&session.state, &record) {
            tracing::warn!(%error, "what this run did could not be noted");
        }
    }
}

/// Names the file in which a part of a run tells the run what it did.
pub fn part_file(session: &Session, command: &str, run: u32) -> PathBuf {
    session.state.join(format!("part-{command}-{run}"))
}

/// Says what started this process, by what it was told and what it sees.
pub fn trigger(claim: Option<Claim>) -> Trigger {
    evidence::trigger(claim, &surroundings())
}

fn surroundings() -> Surroundings {
    let variable = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
    Surroundings {
        invocation: variable("INVOCATION_ID").map(|id| crate::text::one_line(&id, 64)),
        exec_pid: variable("SYSTEMD_EXEC_PID").and_then(|pid| pid.parse().ok()),
        trigger_unit: variable("TRIGGER_UNIT"),
        triggered_seconds_ago: variable("TRIGGER_TIMER_REALTIME_USEC")
            .and_then(|time| Timestamp::from_microsecond(time.parse().ok()?).ok())
            .map(|time| Timestamp::now().duration_since(time).as_secs()),
        pid: process::id(),
        has_terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
    }
}
