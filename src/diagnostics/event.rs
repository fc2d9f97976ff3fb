//! What is logged of one event: a level, a message and fields, each one line and without a secret.

use std::fmt::{Debug, Display, Write};

use tracing::Level;
use tracing::field::{Field, Visit};

use super::clean;
use crate::secret::Known;
use crate::text;

/// The most characters of a message or a field.
const CHARS_MAX: usize = 2000;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How grave it is.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// What it is about.
    pub fields: Vec<(String, String)>,
}

impl Event {
    /// Reads an event of tracing's, and takes secrets out.
    pub fn of(event: &tracing::Event<'_>, known: &Known) -> Self {
        let mut read = Self { level: *event.metadata().level(), message: String::new(), fields: Vec::new() };
        event.record(&mut Reader { event: &mut read, known });
        read
    }

    /// Returns it as one line: the message, then the fields.
    pub fn line(&self) -> String {
        let mut line = self.message.clone();
        for (name, value) in &self.fields {
            let space = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{space}{name}={value}");
        }
        line
    }
}

struct Reader<'e> {
    event: &'e mut Event,
    known: &'e Known,
}

impl Reader<'_> {
    fn add(&mut self, field: &Field, value: impl Display) {
        // Secrets first: what is cut in two is not found.
        let value = text::one_line(&clean(&value.to_string(), self.known), CHARS_MAX);
        match field.name() {
            "message" => self.event.message = value,
            name => self.event.fields.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, value);
    }
}
