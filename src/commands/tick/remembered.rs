//! What is remembered from one tick to the next: when a source was read, its bookmark, and what shadows are to be
//! asked.
//!
//! A source that was not taken in whole is read again as if it had not been read.

use std::fs;

use jiff::Timestamp;

use super::{New, Tick};
use crate::config::SourceWiring;
use crate::connector::Source;
use crate::guard::Class;
use crate::message::sha256_hex;
use crate::shadow::{Record, Shadows};

impl Tick<'_> {
    /// Returns how far back a source is read: as far as the wiring says, counted from when the source was
    /// last taken in whole, so that a holiday hides nothing.
    pub(super) fn since(&self, wiring: &SourceWiring, now: Timestamp) -> Option<Timestamp> {
        let path = self.session.state.join(window_file(&wiring.name));
        let last = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        self.session.wiring.limits.since(last.unwrap_or(now).min(now))
    }

    /// Notes which sources were taken in whole; for after everything is written.
    pub(super) fn note_windows(&self, now: Timestamp) {
        for name in &self.complete {
            if let Err(error) = fs::write(self.session.state.join(window_file(name)), format!("{now}\n")) {
                tracing::warn!(%error, "when the source was read could not be noted");
            }
            if let Some(bookmark) = self.bookmarks.get(name) {
                self.keep_bookmark(name, bookmark);
            }
        }
    }

    /// Notes what shadows are to be asked about the drafts of this tick; for after everything is written.
    pub(super) fn note_questions(&mut self, now: Timestamp) {
        let shadows = Shadows::of(&self.session.state);
        for New { id, .. } in &self.drafts {
            let Some((brain, prompt)) = self.brains.take_question(id) else { continue };
            if self.secrets.gravest(&prompt.text(), None).is_some_and(|found| found.class > Class::Soft) {
                continue;
            }
            if let Err(error) = shadows.keep(id, &Record::question(now, &brain, prompt)) {
                tracing::warn!(%error, "what a shadow is to be asked could not be noted");
            }
        }
    }

    /// Gives a source the bookmark of the last time.
    pub(super) fn resume(&self, wiring: &SourceWiring, source: &mut Source) {
        if let Ok(bookmark) = fs::read_to_string(self.session.state.join(bookmark_file(&wiring.name))) {
            source.resume(&bookmark);
        }
    }

    /// Takes the bookmark of a source that was read, to be noted once all of it is taken in. What one that
    /// could not be read wants to be given back, such as when to come again, is noted at once.
    pub(super) fn remember_source(&mut self, wiring: &SourceWiring, source: &Source, was_read: bool) {
        let Some(bookmark) = source.bookmark() else { return };
        if was_read {
            self.bookmarks.insert(wiring.name.clone(), bookmark);
        } else if !self.options.dry_run {
            self.keep_bookmark(&wiring.name, &bookmark);
        }
    }

    fn keep_bookmark(&self, source: &str, bookmark: &str) {
        if let Err(error) = fs::write(self.session.state.join(bookmark_file(source)), bookmark) {
            tracing::warn!(%error, "what a source remembers could not be noted");
        }
    }
}

/// Names the file of a source's window; the source's name is the operator's, and may be any key of TOML.
fn window_file(source: &str) -> String {
    format!("window-{}", &sha256_hex(source.as_bytes())[..16])
}

/// Names the file of what a source remembers.
fn bookmark_file(source: &str) -> String {
    format!("bookmark-{}", &sha256_hex(source.as_bytes())[..16])
}
