//! A change of one file: a unified diff, read strictly and applied exactly.
//!
//! Every line that a hunk keeps or takes out must stand in the file as the hunk has it, byte for byte;
//! there is no fuzz. A diff can change the lines of one file that is there. It must never create,
//! delete, rename or move a file, change its mode, or name a path that leads elsewhere.

use std::fmt::Write;

use similar::TextDiff;

use crate::text;

/// The most bytes of a diff.
pub const BYTES_MAX: usize = 256 * 1024;

/// The most bytes of the file that is changed, before and after.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The longest path.
const PATH_CHARS_MAX: usize = 200;

/// The line before a diff in the body of a draft, and the line after it.
const BLOCK: (&str, &str) = ("```diff", "```");

/// git's word for a last line that has no end.
const NO_END: &str = "\\ No newline at end of file";

/// What git writes between the names and the hunks of a change that is more than lines, and in our words.
const MORE_THAN_LINES: [(&str, &str); 10] = [
    ("old mode ", "changes the mode of a file"),
    ("new mode ", "changes the mode of a file"),
    ("new file mode ", "creates a file"),
    ("deleted file mode ", "deletes a file"),
    ("similarity index ", "renames or copies a file"),
    ("rename ", "renames or copies a file"),
    ("copy ", "renames or copies a file"),
    ("dissimilarity index ", "rewrites a file"),
    ("GIT binary patch", "changes a file that is no text"),
    ("Binary files ", "changes a file that is no text"),
];

/// What is wrong with a diff, and on which of its lines, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Flaw {
    /// The line.
    pub line: usize,
    /// What is wrong, in our own words and names from the diff, one line.
    pub what: String,
}

impl Flaw {
    fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: text::one_line(&what.into(), 300) }
    }
}

/// What the numbers in the head of a hunk are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// They must be right.
    Strict,
    /// They are a brain's, who cannot count: only what the lines say is believed.
    Ignored,
}

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The file, relative to the top of its repository.
    pub path: String,
    hunks: Vec<Hunk>,
}

/// One place of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hunk {
    /// The line of its head in the diff, from 0.
    line: usize,
    /// Where the head says that it stands in the file, from 0.
    start: usize,
    /// What stands there before: each line with its end.
    old: Vec<String>,
    /// What shall stand there.
    new: Vec<String>,
}

/// The parts of the body of a draft with a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'b> {
    /// What stands before the diff: why it is made.
    pub why: &'b str,
    /// The diff.
    pub diff: &'b str,
    /// The line of the body on which the diff begins, from 0.
    pub line: usize,
}

/// Finds the one diff in the body of a draft.
///
/// # Errors
/// There is none, it does not end, or something stands behind it.
pub fn block(body: &str) -> Result<Block<'_>, Flaw> {
    let (open, close) = BLOCK;
    let (mut at, mut begun, mut ended) = (0, None, None);
    for (number, line) in body.split_inclusive('\n').enumerate() {
        let word = line.trim_end();
        match (begun, ended) {
            (None, _) if word == open => begun = Some((at, at + line.len(), number + 1)),
            (Some(_), None) if word == close => ended = Some(at),
            (_, Some(_)) if !word.is_empty() => {
                return Err(Flaw::at(number, "something stands behind the diff"));
            }
            _ => {}
        }
        at += line.len();
    }
    match (begun, ended) {
        (None, _) => Err(Flaw::at(0, format!("there is no diff, which begins after a line {open}"))),
        (Some((_, _, line)), None) => Err(Flaw::at(line - 1, format!("no line {close} ends the diff"))),
        (Some((before, start, line)), Some(end)) => {
            Ok(Block { why: body[..before].trim(), diff: &body[start..end], line })
        }
    }
}

/// Returns the path of the file that the diff in a body changes, where it can be read.
pub fn named(body: &str) -> Option<String> {
    Patch::parse(block(body).ok()?.diff, Counts::Ignored).ok().map(|patch| patch.path)
}

/// Writes the body of a draft with a diff.
pub fn body(why: &str, diff: &str) -> String {
    let (open, close) = BLOCK;
    let gap = if why.is_empty() { "" } else { "\n\n" };
    format!("{why}{gap}{open}\n{}\n{close}", diff.trim_end_matches('\n'))
}

/// Writes the diff between two texts of a file.
pub fn between(path: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .missing_newline_hint(true)
        .to_string()
}

impl Patch {
    /// Reads a diff of one file.
    ///
    /// # Errors
    /// Whatever is more or less than a change of lines of one file with a plain path.
    pub fn parse(diff: &str, counts: Counts) -> Result<Self, Flaw> {
        if diff.len() > BYTES_MAX {
            return Err(Flaw::at(0, format!("the diff is longer than {BYTES_MAX} bytes")));
        }
        let lines: Vec<&str> = diff.trim_end_matches('\n').split('\n').collect();
        let (path, mut at) = head(&lines)?;
        let mut hunks = Vec::new();
        while at < lines.len() {
            let (hunk, next) = hunk(&lines, at, counts)?;
            hunks.push(hunk);
            at = next;
        }
        if hunks.is_empty() {
            return Err(Flaw::at(at.saturating_sub(1), "the diff has no hunk"));
        }
        if hunks.iter().all(|hunk| hunk.old == hunk.new) {
            return Err(Flaw::at(hunks[0].line, "the diff changes nothing"));
        }
        Ok(Self { path, hunks })
    }

    /// Returns the file with the change.
    ///
    /// A hunk stands where its head says. Where one does not, each must have exactly one place in the file,
    /// so that lines which were put before it do no harm. One that only adds lines, without any around them,
    /// would fit anywhere, so only an empty file takes it.
    ///
    /// # Errors
    /// A line that the diff keeps or takes out does not stand in the file, or at several places; or nothing
    /// but a number says where a hunk stands.
    pub fn apply(&self, file: &str) -> Result<String, Flaw> {
        let first = self.hunks[0].line;
        if file.len() > FILE_BYTES_MAX {
            return Err(Flaw::at(first, format!("`{}` is longer than {FILE_BYTES_MAX} bytes", self.path)));
        }
        if file.contains('\r') {
            return Err(Flaw::at(first, format!("`{}` has line ends of another system", self.path)));
        }
        let lines: Vec<&str> = file.split_inclusive('\n').collect();
        if let Some(hunk) = self.hunks.iter().find(|hunk| hunk.old.is_empty() && !lines.is_empty()) {
            return Err(hunk.without_a_place());
        }
        let places = match self.stated(&lines) {
            Some(places) => places,
            None => self.searched(&lines)?,
        };
        let mut changed = String::with_capacity(file.len());
        let mut at = 0;
        for (hunk, place) in self.hunks.iter().zip(places) {
            changed.extend(lines[at..place].iter().copied());
            changed.extend(hunk.new.iter().map(String::as_str));
            at = place + hunk.old.len();
        }
        changed.extend(lines[at..].iter().copied());
        if changed.len() > FILE_BYTES_MAX {
            let what = format!("`{}` would be longer than {FILE_BYTES_MAX} bytes", self.path);
            return Err(Flaw::at(first, what));
        }
        Ok(changed)
    }

    /// Returns the places that the heads of the hunks name, if all of them are right.
    fn stated(&self, lines: &[&str]) -> Option<Vec<usize>> {
        let mut end = 0;
        let mut places = Vec::new();
        for hunk in &self.hunks {
            (hunk.start >= end && hunk.stands_at(lines, hunk.start)).then_some(())?;
            end = hunk.start + hunk.old.len();
            places.push(hunk.start);
        }
        Some(places)
    }

    /// Finds the one place of each hunk.
    fn searched(&self, lines: &[&str]) -> Result<Vec<usize>, Flaw> {
        let mut end = 0;
        let mut places = Vec::new();
        for hunk in &self.hunks {
            if hunk.old.is_empty() {
                return Err(hunk.without_a_place());
            }
            let mut found = (0..lines.len()).filter(|place| hunk.stands_at(lines, *place));
            let place = match (found.next(), found.next()) {
                (Some(place), None) if place >= end => place,
                (Some(_), None) => return Err(Flaw::at(hunk.line, "the hunks are not in the file's order")),
                (Some(_), Some(_)) => {
                    let what = format!("these lines stand in `{}` more than once", self.path);
                    return Err(Flaw::at(hunk.line, what));
                }
                (None, _) => return Err(self.missing(hunk, lines)),
            };
            end = place + hunk.old.len();
            places.push(place);
        }
        Ok(places)
    }

    /// Says which line of a hunk is the first that the file does not have.
    fn missing(&self, hunk: &Hunk, lines: &[&str]) -> Flaw {
        let line = hunk.old.iter().find(|line| !lines.contains(&line.as_str()));
        Flaw::at(
            hunk.line,
            match line {
                Some(line) => format!("`{}` has no line `{}`", self.path, text::one_line(line, 80)),
                None => format!("`{}` does not have these lines in a row", self.path),
            },
        )
    }
}

impl Hunk {
    fn without_a_place(&self) -> Flaw {
        Flaw::at(self.line, "the hunk has no line that says where it stands")
    }

    fn stands_at(&self, lines: &[&str], place: usize) -> bool {
        let here = lines.get(place..).and_then(|rest| rest.get(..self.old.len()));
        if !here.is_some_and(|here| here.iter().zip(&self.old).all(|(line, old)| line == old)) {
            return false;
        }
        // A line without an end can only be the last one.
        let ends = |part: &[String]| part.last().is_none_or(|line| line.ends_with('\n'));
        let is_end = place + self.old.len() == lines.len();
        let before = place.checked_sub(1).and_then(|before| lines.get(before));
        let joins = before.is_some_and(|before| !before.ends_with('\n')) && !self.new.is_empty();
        !joins && (is_end || (ends(&self.old) && ends(&self.new)))
    }
}

/// Reads the names of a diff; returns the path and where the hunks begin.
fn head(lines: &[&str]) -> Result<(String, usize), Flaw> {
    let mut at = 0;
    let mut named = None;
    if let Some(names) = lines[0].strip_prefix("diff --git ") {
        named = Some(names);
        at += 1;
    }
    loop {
        let Some(line) = lines.get(at) else { return Err(Flaw::at(0, "there is no line `--- a/…`")) };
        if let Some((_, what)) = MORE_THAN_LINES.iter().find(|(word, _)| line.starts_with(word)) {
            return Err(Flaw::at(at, format!("the diff {what}")));
        }
        if line.starts_with("index ") && named.is_some() {
            // git's names of the two texts; what counts is the file that is there.
            if line.ends_with(" 120000") || line.ends_with(" 160000") {
                return Err(Flaw::at(at, "the diff changes what is no plain file"));
            }
            at += 1;
            continue;
        }
        break;
    }
    let old = name(lines, at, "--- ", "a/")?;
    let new = name(lines, at + 1, "+++ ", "b/")?;
    if old != new {
        return Err(Flaw::at(at + 1, "the diff names two files"));
    }
    if named.is_some_and(|names| names != format!("a/{old} b/{new}")) {
        return Err(Flaw::at(0, "the diff names two files"));
    }
    Ok((old.to_owned(), at + 2))
}

/// Reads one of the two lines that name the file.
fn name<'l>(lines: &[&'l str], at: usize, word: &str, side: &str) -> Result<&'l str, Flaw> {
    let wrong = || Flaw::at(at, format!("there is no line `{word}{side}…`"));
    let name = lines.get(at).and_then(|line| line.strip_prefix(word)).ok_or_else(wrong)?;
    // A time may follow the name, as diff(1) has it.
    let name = name.split('\t').next().unwrap_or(name);
    if name == "/dev/null" {
        let what = if side == "a/" { "the diff creates a file" } else { "the diff deletes a file" };
        return Err(Flaw::at(at, what));
    }
    let path = name.strip_prefix(side).ok_or_else(wrong)?;
    match wrong_path(path) {
        None => Ok(path),
        Some(why) => Err(Flaw::at(at, format!("the path `{}` {why}", text::one_line(path, 80)))),
    }
}

/// Says why a path may not be named; none where it is a plain one below the top of a repository.
pub fn wrong_path(path: &str) -> Option<&'static str> {
    if path.is_empty() || text::one_line(path, PATH_CHARS_MAX) != path {
        return Some("is no plain name");
    }
    if path.contains(['\\', ':', '"', '*', '?', '<', '>', '|', '~']) {
        return Some("has a character that no plain name has");
    }
    path.split('/').find_map(|part| {
        // Some systems take `.GIT` and `git~1` for `.git`, and drop dots and spaces at an end.
        let folded = part.trim_end_matches(['.', ' ']).to_lowercase();
        match part {
            "" => Some("has a part without a name"),
            "." | ".." => Some("leads elsewhere"),
            _ if folded.starts_with(".git") => Some("belongs to git itself"),
            _ if folded.len() != part.len() => Some("ends a name in a dot or a space"),
            _ => None,
        }
    })
}

/// Reads one hunk; returns it, and where the next one begins.
fn hunk(lines: &[&str], at: usize, counts: Counts) -> Result<(Hunk, usize), Flaw> {
    let (old_start, old_count, new_count) = numbers(lines[at], counts)
        .ok_or_else(|| Flaw::at(at, "there is no head of a hunk, such as `@@ -1,3 +1,4 @@`"))?;
    let (mut old, mut new): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut next = at + 1;
    // Which of both sides the line before stood on.
    let mut last = (false, false);
    while let Some(&line) = lines.get(next) {
        let is_full = old.len() >= old_count && new.len() >= new_count;
        if line == NO_END {
            for (side, here) in [(&mut old, last.0), (&mut new, last.1)] {
                if let (Some(line), true) = (side.last_mut(), here) {
                    line.pop();
                }
            }
            last = (false, false);
            next += 1;
            continue;
        }
        if counts == Counts::Strict && is_full || line.starts_with("@@") {
            break;
        }
        let is_last = lines.get(next + 1).is_none_or(|line| line.starts_with("@@"));
        if counts == Counts::Ignored && line.is_empty() && is_last {
            // Whoever cannot count leaves a blank line between two hunks, too.
            next += 1;
            continue;
        }
        // Editors take the one space off a blank line.
        let (sign, text) =
            if line.is_empty() { (" ", "") } else { line.split_at_checked(1).unwrap_or(("", line)) };
        last = match sign {
            " " => (true, true),
            "-" => (true, false),
            "+" => (false, true),
            _ => return Err(Flaw::at(next, "a line begins with neither ` `, `-` nor `+`")),
        };
        for (side, here) in [(&mut old, last.0), (&mut new, last.1)] {
            if here {
                if side.last().is_some_and(|line| !line.ends_with('\n')) {
                    return Err(Flaw::at(next, "a line follows one that has no end"));
                }
                side.push(format!("{text}\n"));
            }
        }
        next += 1;
    }
    if counts == Counts::Strict && (old.len() != old_count || new.len() != new_count) {
        let mut what = String::from("the hunk has not as many lines as its head says: ");
        write!(what, "{} and {}, not {old_count} and {new_count}", old.len(), new.len())
            .expect("a string takes everything");
        return Err(Flaw::at(at, what));
    }
    if old.is_empty() && new.is_empty() {
        return Err(Flaw::at(at, "the hunk is empty"));
    }
    // Before the first line of nothing stands line 0.
    let start = if old.is_empty() { old_start } else { old_start.saturating_sub(1) };
    Ok((Hunk { line: at, start, old, new }, next))
}

/// Reads `@@ -1,3 +1,4 @@`: where it stands, and how many lines each side has.
fn numbers(head: &str, counts: Counts) -> Option<(usize, usize, usize)> {
    let rest = head.strip_prefix("@@")?;
    let range = |range: &str, sign: char| -> Option<(usize, usize)> {
        let range = range.strip_prefix(sign)?;
        let (start, count) = range.split_once(',').unwrap_or((range, "1"));
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<usize>().ok().filter(|number| is_plain && *number <= FILE_BYTES_MAX)
        };
        Some((number(start)?, number(count)?))
    };
    let read = || {
        let (ranges, _) = rest.strip_prefix(' ')?.split_once(" @@")?;
        let (old, new) = ranges.split_once(' ')?;
        let ((start, old), (_, new)) = (range(old, '-')?, range(new, '+')?);
        Some((start, old, new))
    };
    match counts {
        Counts::Strict => read(),
        // Line 0 has no lines before it, so this is never right by chance.
        Counts::Ignored => Some(read().map_or((usize::MAX, 0, 0), |(start, _, _)| (start, 0, 0))),
    }
}

#[cfg(test)]
mod tests;
