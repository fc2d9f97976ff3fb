//! What was tried out, as a test runner tells it.

use serde_json::{Value, json};

use super::super::Context;
use crate::diagnostics::Credentials;
use crate::ui::Tone;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passed,
    Failed,
    Skipped,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Passed => "ok",
            State::Failed => "failed",
            State::Skipped => "skipped",
        }
    }

    fn tone(self) -> Tone {
        match self {
            State::Passed => Tone::Good,
            State::Failed => Tone::Bad,
            State::Skipped => Tone::Attention,
        }
    }
}

struct Check {
    part: String,
    claim: String,
    state: State,
    what: String,
}

/// Everything that was tried out, in its order.
pub struct Report {
    credentials: Credentials,
    part: String,
    checks: Vec<Check>,
    /// What was seen that the wiring declares.
    seen: Vec<(&'static str, bool)>,
    section: Option<String>,
}

impl Report {
    /// Begins a report that shows none of these credentials.
    pub fn new(credentials: &Credentials) -> Self {
        Self {
            credentials: credentials.clone(),
            part: String::new(),
            checks: Vec::new(),
            seen: Vec::new(),
            section: None,
        }
    }

    /// Begins a part, such as a role.
    pub fn part(&mut self, part: impl Into<String>) {
        self.part = part.into();
    }

    /// Adds how a claim came out, with what there is to say; tells whether it holds.
    pub fn check(&mut self, claim: &str, result: Result<String, String>) -> bool {
        let (state, what) = match result {
            Ok(what) => (State::Passed, what),
            Err(what) => (State::Failed, what),
        };
        self.add(claim, state, what);
        state == State::Passed
    }

    /// Adds a claim that was not tried out, and why.
    pub fn skip(&mut self, claim: &str, why: impl Into<String>) {
        self.add(claim, State::Skipped, why.into());
    }

    /// Notes what the wiring may declare.
    pub fn saw(&mut self, key: &'static str, can: bool) {
        match self.seen.iter_mut().find(|(known, _)| *known == key) {
            // What only one of two roles can is not what both can; the wiring has one word for it.
            Some(seen) => seen.1 |= can,
            None => self.seen.push((key, can)),
        }
    }

    /// Prints at the end what was seen, as lines of this section.
    pub fn lines(&mut self, section: &str) {
        self.section = Some(section.to_owned());
    }

    /// Tells whether a claim does not hold.
    pub fn has_failed(&self) -> bool {
        self.count(State::Failed) > 0
    }

    fn add(&mut self, claim: &str, state: State, what: String) {
        let what = self.credentials.clean(&what);
        self.checks.push(Check { part: self.part.clone(), claim: claim.to_owned(), state, what });
    }

    fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|check| check.state == state).count()
    }

    /// Prints a line for each claim, and the lines for the wiring.
    pub fn print(&self, context: &Context) {
        let ui = &context.ui;
        let mut part = "";
        for check in &self.checks {
            if check.part != part {
                part = &check.part;
                ui.out(part);
            }
            let word = ui.paint(check.state.tone(), format!("{:8}", check.state.word()));
            let what = if check.what.is_empty() { String::new() } else { format!(": {}", check.what) };
            ui.out(format!("  {word} {}{what}", check.claim));
        }
        let (passed, failed, skipped) =
            (self.count(State::Passed), self.count(State::Failed), self.count(State::Skipped));
        ui.out(format!("{passed} ok, {failed} failed, {skipped} skipped"));
        if let (Some(section), false) = (&self.section, self.seen.is_empty()) {
            ui.out(format!("\n[{section}]"));
            for (key, can) in &self.seen {
                ui.out(format!("{key} = {can}"));
            }
        }
    }

    /// Prints one JSON object.
    pub fn print_json(&self, context: &Context, name: &str) {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                json!({
                    "part": check.part,
                    "claim": check.claim,
                    "state": check.state.word(),
                    "what": check.what,
                })
            })
            .collect();
        let seen: serde_json::Map<String, Value> =
            self.seen.iter().map(|(key, can)| ((*key).to_owned(), (*can).into())).collect();
        context.ui.out(json!({
            "version": 1,
            "name": name,
            "checks": checks,
            "failed": self.count(State::Failed),
            "seen": seen,
        }));
    }
}
