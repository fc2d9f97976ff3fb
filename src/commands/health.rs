//! Remembers of each source, transport and language model when it last worked, and how it last did not.
//!
//! One small file for each, so that a tick and a send never write the same one. It is talk for a person:
//! nothing is decided by it, and what cannot be read is not known.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Session;
use super::tick::ask;
use crate::text;
use crate::ui::{counted, span};

/// The folder below that of the state.
const FOLDER: &str = "health";

/// Characters of what went wrong.
const WHAT_CHARS_MAX: usize = 300;

const VERSION: u32 = 1;

/// What one is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Messages come from it.
    Source,
    /// Answers go there.
    Transport,
    /// It is asked what to answer.
    Brain,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Source => "source",
            Role::Transport => "transport",
            Role::Brain => "brain",
        }
    }
}

/// How one of them is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    version: u32,
    /// When it last did what was asked.
    last_success: Option<Timestamp>,
    /// When it last did not, and what was said.
    last_failure: Option<(Timestamp, String)>,
    /// When it began to fail, if it fails now.
    since: Option<Timestamp>,
}

impl Health {
    /// Returns what is known after it worked, or did not.
    fn after(self, result: Result<(), &str>, now: Timestamp) -> Self {
        match result {
            Ok(()) => Self { version: VERSION, last_success: Some(now), since: None, ..self },
            Err(what) => Self {
                version: VERSION,
                last_failure: Some((now, text::one_line(what, WHAT_CHARS_MAX))),
                since: self.since.or(Some(now)),
                ..self
            },
        }
    }

    /// Says in a line that it fails, if it does.
    fn sentence(&self, now: Timestamp) -> Option<String> {
        let (since, (_, what)) = (self.since?, self.last_failure.as_ref()?);
        let ago = |time: Timestamp| span(now.duration_since(time).max(SignedDuration::ZERO));
        let worked = match self.last_success {
            Some(time) => format!("last worked {} ago", ago(time)),
            None => "never worked".to_owned(),
        };
        Some(format!("away for {} ({worked}): {what}", ago(since)))
    }
}

/// Notes that one of them worked, or what it said when it did not.
pub fn note(state: &Path, role: Role, name: &str, result: Result<(), &str>, now: Timestamp) {
    let path = path(state, role, name);
    let health = read(&path).unwrap_or_default().after(result, now);
    let written = serde_json::to_string(&health)
        .map_err(std::io::Error::other)
        .and_then(|text| fs::create_dir_all(state.join(FOLDER)).and_then(|()| fs::write(&path, text)));
    if let Err(error) = written {
        tracing::warn!(name, %error, "how it went could not be noted");
    }
}

/// Returns every source and transport of the wiring with what is known of it, and the brains that were asked.
fn all(session: &Session) -> Vec<(Role, &str, Option<Health>)> {
    let sources = session.wiring.sources.iter().map(|source| (Role::Source, source.name.as_str()));
    let transports = session.wiring.transports.iter().map(|way| (Role::Transport, way.name.as_str()));
    let known = |(role, name)| (role, name, read(&path(&session.state, role, name)));
    let brains = session.wiring.brains.iter().map(|brain| (Role::Brain, brain.name.as_str()));
    let brains = brains.map(known).filter(|(.., health)| health.is_some());
    sources.chain(transports).map(known).chain(brains).collect()
}

/// Returns a line for each that fails now.
pub fn lines(session: &Session, now: Timestamp) -> Vec<String> {
    let line = |(role, name, health): (Role, &str, Option<Health>)| {
        Some(format!("{} `{name}` has been {}", role.word(), health?.sentence(now)?))
    };
    let all = all(session);
    let is_without_brain = all.iter().any(|(role, _, health)| {
        *role == Role::Brain && health.as_ref().is_some_and(|health| health.since.is_some())
    });
    let mut lines: Vec<String> = all.into_iter().filter_map(line).collect();
    if is_without_brain && let waiting @ 1.. = ask::waiting(session) {
        let verb = if waiting == 1 { "waits" } else { "wait" };
        lines.push(format!("{} {verb} for a brain that is away", counted(waiting, "message")));
    }
    lines
}

/// Returns all of them as JSON.
pub fn json(session: &Session) -> Value {
    let one = |(role, name, health): (Role, &str, Option<Health>)| {
        let health = health.unwrap_or_default();
        json!({
            "name": name,
            "role": role.word(),
            "fails_since": health.since.map(|time| time.to_string()),
            "last_success": health.last_success.map(|time| time.to_string()),
            "last_failure": health.last_failure.map(|(at, what)| json!({ "at": at.to_string(), "what": what })),
        })
    };
    Value::Array(all(session).into_iter().map(one).collect())
}

fn path(state: &Path, role: Role, name: &str) -> PathBuf {
    state.join(FOLDER).join(format!("{}-{name}", role.word()))
}

fn read(path: &Path) -> Option<Health> {
    let health: Health = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (health.version == VERSION).then_some(health)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i8) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z").parse().unwrap()
    }

    #[test]
    fn a_failure_counts_from_its_first_time_until_it_works_again() {
        let check = |health: &Health, hour, line: Option<&str>| {
            assert_eq!(health.sentence(at(hour)).as_deref(), line);
        };
        let new = Health::default().after(Err("no route\nto host"), at(8));
        check(&new, 10, Some("away for 2 hours (never worked): no route to host"));
        let works = new.after(Ok(()), at(11));
        check(&works, 12, None);
        let away = works.after(Err("refused"), at(12)).after(Err("slow"), at(13));
        check(&away, 14, Some("away for 2 hours (last worked 3 hours ago): slow"));
    }

    #[test]
    fn what_is_written_is_read_again_and_another_version_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        note(folder.path(), Role::Source, "hub", Err("x"), at(8));
        note(folder.path(), Role::Source, "hub", Ok(()), at(9));
        let path = path(folder.path(), Role::Source, "hub");
        let health = read(&path).unwrap();
        assert_eq!((health.last_success, health.since), (Some(at(9)), None));
        assert_eq!(health.last_failure, Some((at(8), "x".to_owned())));
        fs::write(&path, "{\"version\":2,\"last_success\":null,\"last_failure\":null,\"since\":null}")
            .unwrap();
        assert_eq!(read(&path), None);
        fs::write(&path, "half").unwrap();
        assert_eq!(read(&path), None);
    }
}
