//! What one look found, and how it is told.

use serde_json::{Value, json};

use super::super::Context;
use crate::error::Hint;
use crate::ui::Tone;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Fine,
    /// It was not, and is now.
    Mended,
    /// It works, and should be known.
    Note,
    /// A promise does not hold, or something does not work.
    Wrong,
}

impl State {
    /// Returns the word in JSON and on terminals.
    pub fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Mended => "mended",
            State::Note => "note",
            State::Wrong => "wrong",
        }
    }

    fn tone(self) -> Tone {
        match self {
            State::Fine => Tone::Good,
            State::Mended | State::Note => Tone::Attention,
            State::Wrong => Tone::Bad,
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name, for scripts: it stays the same from version to version.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What there is to say, one line.
    pub what: String,
    /// The way out: a command, or one imperative line.
    pub hint: Option<String>,
}

/// Everything that was found, in the order in which it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, name: &'static str, state: State, what: String, hint: Option<String>) {
        self.findings.push(Finding { name, state, what, hint });
    }

    /// Adds something that is as it should be.
    pub fn fine(&mut self, name: &'static str, what: impl Into<String>) {
        self.add(name, State::Fine, what.into(), None);
    }

    /// Adds something that is as it should be now.
    pub fn mended(&mut self, name: &'static str, what: impl Into<String>) {
        self.add(name, State::Mended, what.into(), None);
    }

    /// Adds something that works, and should be known.
    pub fn note(&mut self, name: &'static str, what: impl Into<String>, hint: impl Into<String>) {
        self.add(name, State::Note, what.into(), Some(hint.into()));
    }

    /// Adds something that is wrong.
    pub fn wrong(&mut self, name: &'static str, what: impl Into<String>, hint: impl Into<String>) {
        self.add(name, State::Wrong, what.into(), Some(hint.into()));
    }

    /// Adds an error of another part as something that is wrong.
    pub fn error(&mut self, name: &'static str, error: &(impl std::fmt::Display + Hint)) {
        self.add(name, State::Wrong, error.to_string(), error.hint());
    }

    /// Tells whether anything is wrong.
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.state == State::Wrong)
    }

    /// Prints one line for each finding, and its way out below it.
    pub fn print(&self, context: &Context) {
        let ui = &context.ui;
        for finding in &self.findings {
            ui.out(format!(
                "{} {}",
                ui.paint(finding.state.tone(), format!("{:7}", finding.state.word())),
                finding.what
            ));
            if let Some(hint) = &finding.hint {
                ui.out(format!("        {hint}"));
            }
        }
    }

    /// Prints one JSON object.
    pub fn print_json(&self, context: &Context) {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "name": finding.name,
                    "state": finding.state.word(),
                    "what": finding.what,
                    "hint": finding.hint,
                })
            })
            .collect();
        let wrong = self.findings.iter().filter(|finding| finding.state == State::Wrong).count();
        context.ui.out(json!({ "version": 1, "findings": findings, "wrong": wrong }));
    }
}
