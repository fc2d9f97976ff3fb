//! The versions of what is stored, and what is said about one that this program does not read.
//!
//! Every stored file names its version, and each reader (`Draft::parse`, `Policy::parse`, `Entry::parse`,
//! `Ledger::desk_id`, `Wiring::load`, …) reads one: 1. When there is a second one, the reader of that file
//! is where the older is turned into the newer, in memory, before anything else looks at it; nothing on
//! disk is rewritten, for an older program may read the same repository. What must never happen is that a
//! newer file is called misspelt, or taken for an older one.

use crate::error::FileError;

/// Says that a file is newer than this program, if that is what is wrong with it.
///
/// For whoever has failed to read `text`, a TOML file whose first line is line `first_line`: a newer one has
/// keys that nobody here knows. The version is that of the file, or of its table `[draft]`.
pub fn newer(path: &str, text: &str, first_line: usize, known: u32) -> Option<FileError> {
    let table: toml::Table = toml::from_str(text).ok()?;
    let version = table.get("version").or_else(|| table.get("draft")?.get("version"))?.as_integer()?;
    if version <= i64::from(known) {
        return None;
    }
    let what = format!("version {version} is newer than this program, which reads version {known}");
    let error = FileError::new(path, what).with_hint("install a newer git-drafts");
    let line = text.lines().position(|line| line.trim_start().starts_with("version"));
    Some(match line {
        Some(line) => error.at(first_line + line),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_file_is_called_newer_and_nothing_else_is() {
        let said = |text: &str| newer("x.toml", text, 2, 1).map(|error| error.to_string());
        let newer = "x.toml:3: version 7 is newer than this program, which reads version 1";
        assert_eq!(said("a = 1\nversion = 7\nunheard_of = true\n").as_deref(), Some(newer));
        assert_eq!(said("[draft]\nversion = 7\n").as_deref(), Some(newer));
        for other in
            ["version = 1\n", "version = 0\n", "version = \"7\"\n", "version = 7\nversion = 7\n", "", "= 7"]
        {
            assert_eq!(said(other), None, "{other}");
        }
    }
}
