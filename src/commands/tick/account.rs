//! Accounts for a tick: what its record will say, and what is away, which a timer's tick tells once.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::super::{Context, Session, health};
use super::table::{Outcome, Row};
use crate::connector::ConnectorError;
use crate::durable;
use crate::evidence::{Part, SourceRun};
use crate::id::DraftId;
use crate::text;

/// The file in the state folder that says which sources and brains were away when a tick last looked.
const AWAY: &str = "away";

/// How a source or a brain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Works,
    Away,
    Refused,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Works => "works",
            State::Away => "away",
            State::Refused => "refused",
        }
    }
}

/// What a tick accounts for.
pub struct Account {
    part: Part,
    /// How everything was that did not work, when it was last told: `source mail`, `away`.
    told: BTreeMap<String, String>,
    now: BTreeMap<String, State>,
    /// Whether what was told already is not told again.
    is_quiet: bool,
    path: PathBuf,
    /// How each language model that was asked did: what is wrong with it, if one message got no answer.
    brains: BTreeMap<String, Option<String>>,
}

impl Account {
    /// Begins one; a quiet tick tells what is away only when that begins, and when it ends.
    pub fn new(session: &Session, is_quiet: bool) -> Self {
        let path = session.state.join(AWAY);
        let told = fs::read_to_string(&path).unwrap_or_default();
        let told = told.lines().filter_map(|line| line.split_once(' '));
        let told = told.map(|(state, what)| (what.to_owned(), state.to_owned())).collect();
        Self { part: Part::default(), told, now: BTreeMap::new(), is_quiet, path, brains: BTreeMap::new() }
    }

    /// Notes that a source was read; tells whether that is news, since it was away.
    pub fn source(&mut self, name: &str, messages: usize) -> bool {
        self.part.sources.push(SourceRun { name: name.to_owned(), messages, fault: None });
        let what = format!("source {name}");
        let was_away = self.told.contains_key(&text::one_line(&what, 120));
        self.is_news(&what, State::Works);
        self.is_quiet && was_away
    }

    /// Notes that a source could not be read; tells whether that is news.
    pub fn source_fault(&mut self, name: &str, error: &ConnectorError) -> bool {
        let fault = text::one_line(&error.to_string(), 200);
        self.part.fault(&format!("source `{name}`: {fault}"));
        self.part.sources.push(SourceRun { name: name.to_owned(), messages: 0, fault: Some(fault) });
        let state = match error {
            ConnectorError::Away { .. } => State::Away,
            ConnectorError::Refused { .. } => State::Refused,
        };
        self.is_news(&format!("source {name}"), state)
    }

    /// Notes that a brain is away, of which `why` may name another one; tells whether that is news.
    ///
    /// What it says about its trouble may differ from time to time; that it is away is one state.
    pub fn brain_fault(&mut self, brain: &str, why: &str) -> bool {
        let named = why.strip_prefix("brain `").and_then(|rest| rest.split('`').next());
        let name = named.unwrap_or(brain);
        let is_away = why.strip_prefix(&format!("brain `{name}` is away"));
        let said = is_away.or_else(|| why.strip_prefix("the brain is away")).unwrap_or(why);
        let said = said.trim_start_matches([':', ',', ' ']).to_owned();
        self.brains.insert(name.to_owned(), Some(said));
        let what = format!("brain {name}");
        if !self.now.contains_key(&text::one_line(&what, 120)) {
            self.part.fault(why);
        }
        self.is_news(&what, State::Away)
    }

    /// Notes that a language model gave an answer.
    pub fn brain(&mut self, name: &str) {
        self.brains.entry(name.to_owned()).or_insert(None);
    }

    /// Remembers for `status` how the language models did that were asked.
    pub fn note_brains(&self, context: &Context, session: &Session) {
        for (name, fault) in &self.brains {
            let fault = fault.as_deref().map(|fault| context.credentials.clean(fault));
            let result = fault.as_deref().map_or(Ok(()), Err);
            health::note(&session.state, health::Role::Brain, name, result, context.now());
        }
    }

    fn is_news(&mut self, what: &str, state: State) -> bool {
        // A name of the wiring may be any key of TOML.
        let what = text::one_line(what, 120);
        let is_news = !self.is_quiet || self.told.get(&what).is_none_or(|told| told != state.word());
        self.now.insert(what, state);
        is_news
    }

    /// Notes a progress note that a hub has taken.
    pub fn hub_note(&mut self, hub: &str, key: &str) {
        self.part.hub_notes.push(format!("{hub} {key}"));
    }

    /// Tells whether everything was there, as a dry run is to find it before a timer is trusted with it.
    pub fn is_clean(&self) -> bool {
        self.part.faults.is_empty()
    }

    /// Notes what is away for the next tick, and returns the record's part of this one.
    pub fn close(mut self, rows: &[Row]) -> Part {
        for row in rows {
            Part::count(&mut self.part.messages, row.outcome.word());
            let made = matches!(
                row.outcome,
                Outcome::Drafted | Outcome::NeedsYou | Outcome::Refused | Outcome::Unreadable
            );
            self.part.drafted.extend(row.id.as_ref().filter(|_| made).map(DraftId::to_string));
            let Some(made) = &row.made else { continue };
            // Its route does not matter here.
            let brain = made.brain.split(" (").next().unwrap_or(&made.brain);
            Part::count(&mut self.part.brains, brain);
            self.now.entry(text::one_line(&format!("brain {brain}"), 120)).or_insert(State::Works);
        }
        // What was not looked at this time is as it was.
        let mut away = self.told.clone();
        for (what, state) in &self.now {
            match state {
                State::Works => away.remove(what),
                State::Away | State::Refused => away.insert(what.clone(), state.word().to_owned()),
            };
        }
        if away != self.told {
            let text: String = away.iter().map(|(what, state)| format!("{state} {what}\n")).collect();
            if let Err(error) = durable::replace(&self.path, text.as_bytes()) {
                tracing::warn!(%error, "what is away could not be noted");
            }
        }
        self.part
    }
}
