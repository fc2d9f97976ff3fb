//! How errors look: what is wrong, where, and a hint that one can act on.

mod toml_words;

use std::fmt;

use crate::text;

/// An error that may know a way out.
pub trait Hint {
    /// Returns what the person can do about it, as one imperative line, or nothing.
    fn hint(&self) -> Option<String>;
}

/// Something wrong in a file that a person wrote.
///
/// Displayed as `path:line: what is wrong`, so that editors can jump there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file, as the person would name it.
    pub path: String,
    /// The line, counted from 1, where there is one to name.
    pub line: Option<usize>,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FileError {
    /// Makes an error about a whole file.
    pub fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        // Names of files and keys come from outside, and errors go to terminals.
        Self { path: text::visible(&path.into()), line: None, what: text::visible(&what.into()), hint: None }
    }

    /// Names the line, counted from 1, where it is known.
    pub fn at(mut self, line: impl Into<Option<usize>>) -> Self {
        self.line = line.into().or(self.line);
        self
    }

    /// Adds the way out.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes an error of what the TOML reader said about `file`, whose first line is line
    /// `first_line` of the file.
    pub fn from_toml(path: &str, file: &str, first_line: usize, error: &toml::de::Error) -> Self {
        let message = error.message().trim_end_matches('\n').lines().collect::<Vec<_>>().join(" ");
        let Some(span) = error.span() else { return Self::new(path, message) };
        let words = toml_words::words(&message, file, &span);
        let mut wrong = Self::new(path, words.what);
        let before = file.get(..span.start.min(file.len())).unwrap_or_default();
        wrong.line = Some(first_line + before.matches('\n').count());
        wrong.hint = words.hint.map(|hint| text::visible(&hint));
        wrong
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

impl std::error::Error for FileError {}

impl Hint for FileError {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// Returns the known word that a misspelt one is nearest to, if it is near.
pub fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let (nearest, distance) =
        known.iter().map(|known| (*known, edits(wrong, known))).min_by_key(|(_, distance)| *distance)?;
    (distance <= 1 + wrong.len() / 3).then_some(nearest)
}

/// Counts the single-letter edits between two words (Levenshtein; a swap counts as two).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_shown_with_its_line_and_the_right_one() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Keys {
            to: String,
            subject: String,
        }
        let text = "to = \"a\"\nsujbect = \"b\"\n";
        let error = toml::from_str::<Keys>(text).unwrap_err();
        let error = FileError::from_toml("drafts/k.md", text, 2, &error);
        assert_eq!(error.to_string(), "drafts/k.md:3: unknown key `sujbect`");
        assert_eq!(error.hint().as_deref(), Some("did you mean `subject`?"));
    }
}
