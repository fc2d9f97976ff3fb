//! The kill switch: while it is on nothing is drafted and nothing is sent.
//!
//! It is a file beside the locks in the repository, so that a timer and a terminal with other variables see
//! the same; looked at before each message and before each send, and not once a run. What cannot be read of
//! it counts as on.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CommandError, Context, Exit, Result, Session};
use crate::durable;
use crate::text;
use crate::ui::{clock, span};

/// The file in our folder of the repository.
const FILE: &str = "paused";

/// When a run last said that it did nothing, for [`is_reminder_due`].
const REMINDED: &str = "paused-told";

/// How often a timer is told that nothing is done.
const REMIND_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// The variable that turns this program off for one process and its children.
const VARIABLE: &str = "GIT_DRAFTS_ENABLED";

/// How a pause ends that somebody made.
const RESUME: &str = "use \"git drafts resume\" to go on";

/// Why nothing is drafted or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Until when; without one until somebody says so.
    pub until: Option<Timestamp>,
    /// The operator's words, or what is wrong; one line.
    pub why: String,
    /// How it ends.
    pub way_out: &'static str,
}

impl Paused {
    /// Says it in one line: `paused since Fri 20 Nov 12:00:00 until Fri 20 Nov 14:00:00: on a plane`.
    pub fn sentence(&self) -> String {
        let since = self.since.map(|time| format!(" since {}", clock(time))).unwrap_or_default();
        let until = self.until.map(|time| format!(" until {}", clock(time))).unwrap_or_default();
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        format!("paused{since}{until}{why}")
    }
}

/// What is in the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    why: String,
}

fn path(session: &Session) -> PathBuf {
    session.repository.own_dir().join(FILE)
}

/// Tells whether nothing is to be drafted or sent now, and why.
pub fn paused(session: &Session, now: Timestamp) -> Option<Paused> {
    let value = env::var_os(VARIABLE);
    let value = value.as_ref().map(|value| value.to_string_lossy());
    by_variable(value.as_deref()).or_else(|| by_file(session, now))
}

fn by_variable(value: Option<&str>) -> Option<Paused> {
    match value {
        None | Some("1" | "true" | "yes" | "on") => None,
        Some(value) => Some(Paused {
            since: None,
            until: None,
            why: format!("`{VARIABLE}` is `{}`", text::one_line(value, 20)),
            way_out: "take `GIT_DRAFTS_ENABLED` out of the environment",
        }),
    }
}

fn by_file(session: &Session, now: Timestamp) -> Option<Paused> {
    let path = path(session);
    let unreadable = |what: String| {
        let why = format!("{} cannot be read: {what}", path.display());
        Some(Paused { since: None, until: None, why, way_out: RESUME })
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return unreadable(error.to_string()),
    };
    match toml::from_str::<Stored>(&text) {
        Ok(Stored { until: Some(until), .. }) if until <= now => None,
        Ok(Stored { since, until, why }) => Some(Paused { since: Some(since), until, why, way_out: RESUME }),
        Err(error) => unreadable(text::one_line(error.message(), 80)),
    }
}

/// Runs `pause`; `length` is as [`text::duration`] reads it.
pub fn pause(context: &Context, length: Option<&str>, why: Option<&str>) -> Result<Exit> {
    let session = Session::open(context)?;
    let since = context.now();
    let until = match length {
        None => None,
        Some(length) => {
            let wrong = || CommandError::Usage {
                what: format!("`{}` is no time span", text::one_line(length, 40)),
                hint: Some("write it as 30m, 2h, 7d or 4w".to_owned()),
            };
            Some(since + text::duration(length).ok_or_else(wrong)?)
        }
    };
    let stored = Stored { since, until, why: text::one_line(why.unwrap_or_default(), 200) };
    let path = path(&session);
    let written = toml::to_string(&stored).map_err(io::Error::other);
    written
        .and_then(|text| durable::replace(&path, text.as_bytes()))
        // Whoever is told that it is paused may pull the plug.
        .and_then(|()| durable::flush_folder(&path))
        .map_err(|error| CommandError::system(&path, error))?;
    // The first run that finds it has nothing to say: whoever pauses knows.
    note_reminder(&session, since);
    let until = until.map(|time| format!(" until {}", clock(time))).unwrap_or_default();
    context.ui.out(format!("Paused{until}: nothing is drafted or sent."));
    context.ui.say(RESUME);
    Ok(Exit::Done)
}

/// Runs `resume`.
pub fn resume(context: &Context) -> Result<Exit> {
    let session = Session::open(context)?;
    let path = path(&session);
    let was = paused(&session, context.now());
    let stored = fs::read_to_string(&path).ok().and_then(|text| toml::from_str::<Stored>(&text).ok());
    let over = stored.and_then(|stored| stored.until);
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(CommandError::system(&path, error)),
    }
    if let Some(still) = paused(&session, context.now()) {
        return Err(CommandError::refused(format!("still {}", still.sentence()), still.way_out));
    }
    let Some(was) = was else {
        context.ui.out(match over {
            Some(until) => format!("The pause ended by itself at {}.", clock(until)),
            None => "It was not paused.".to_owned(),
        });
        return Ok(Exit::Done);
    };
    let after = was.since.map(|since| format!(" after {}", span(context.now().duration_since(since))));
    context.ui.out(format!("Resumed{}.", after.unwrap_or_default()));
    context.ui.say("\"git drafts run\" does now what the timer would do next");
    Ok(Exit::Done)
}

/// Tells whether a run that does nothing should say so: once a day, since what a timer prints is mailed.
pub fn is_reminder_due(session: &Session, now: Timestamp) -> bool {
    let told = fs::read_to_string(session.state.join(REMINDED)).ok();
    let told: Option<Timestamp> = told.and_then(|text| text.trim().parse().ok());
    let is_due = told.is_none_or(|told| now.duration_since(told).abs() >= REMIND_EVERY);
    if is_due {
        note_reminder(session, now);
    }
    is_due
}

fn note_reminder(session: &Session, now: Timestamp) {
    // Before the first tick there is no folder yet.
    if let Err(error) = durable::replace(&session.state.join(REMINDED), format!("{now}\n").as_bytes()) {
        tracing::warn!(%error, "when the pause was told could not be noted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_leaves_it_on() {
        for (value, on) in [(None, true), (Some("1"), true), (Some("true"), true), (Some("on"), true)] {
            assert_eq!(by_variable(value).is_none(), on, "{value:?}");
        }
        for value in ["0", "false", "no", "off", "", "ture", "\u{1b}[31m"] {
            let paused = by_variable(Some(value)).unwrap();
            assert!(!paused.sentence().contains('\u{1b}'), "{value:?}");
        }
    }
}
