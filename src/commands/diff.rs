//! Shows what a person changed: the brain's text against the one that stands here.

use similar::{ChangeTag, TextDiff};

use super::show::{current, tell_staged};
use super::{Context, Exit, Result, Session};
use crate::desk::Desk;
use crate::ledger::Snapshot;
use crate::markdown::{Line, Look, span};
use crate::text;
use crate::ui::{Tone, Ui};

/// Lines around a change that are shown.
const CONTEXT_LINES: usize = 3;

/// Runs the command for one draft, or for all that are on the desk.
pub fn run(context: &Context, prefix: Option<&str>) -> Result<Exit> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let ids = match prefix {
        Some(prefix) => vec![session.resolve(&desk, &snapshot, prefix)?],
        None => desk.ids().into_iter().collect(),
    };
    for id in ids {
        let Some(before) = snapshot.file(&id, "drafted", "md")? else { continue };
        let (path, after) = current(&session, &desk, &snapshot, &id)?;
        print(&context.ui, &path, &String::from_utf8_lossy(&before), &after);
        tell_staged(context, &session, &desk, &id)?;
    }
    Ok(Exit::Done)
}

/// Prints what differs between a draft as it was drafted and as it stands; tells whether anything does.
pub fn print(ui: &Ui, path: &str, before: &str, after: &str) -> bool {
    let (before, after) = (text::visible(before), text::visible(after));
    let diff = TextDiff::from_lines(&before, &after);
    if diff.ratio() >= 1.0 {
        return false;
    }
    ui.out(ui.paint(Tone::Heading, format!("--- drafted/{path}\n+++ {path}")));
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        ui.out(ui.paint(Tone::Id, hunk.header()));
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            ui.out(match change.tag() {
                ChangeTag::Delete => ui.paint(Tone::Bad, format!("-{line}")),
                ChangeTag::Insert => ui.paint(Tone::Good, format!("+{line}")),
                ChangeTag::Equal => format!(" {line}"),
            });
        }
    }
    true
}

/// Returns a text with what was changed in it word by word, as `git diff --word-diff` marks it:
/// `[-taken out-]` and `{+put in+}`; without the paragraphs in which nothing was.
pub fn words(before: &str, after: &str) -> Vec<Line> {
    let (before, after) = (text::visible(before), text::visible(after));
    let diff = TextDiff::from_words(&before, &after);
    let mut lines: Vec<(Line, bool)> = vec![(Line::new(), false)];
    let mut changes = diff.iter_all_changes().peekable();
    while let Some(change) = changes.next() {
        let tag = change.tag();
        let mut run = change.value().to_owned();
        while let Some(next) = changes.next_if(|next| next.tag() == tag) {
            run.push_str(next.value());
        }
        for (index, piece) in run.split('\n').enumerate() {
            if index > 0 {
                lines.push((Line::new(), false));
            }
            let marked = match tag {
                ChangeTag::Equal => span(Look::Plain, piece),
                ChangeTag::Delete => span(Look::Removed, &format!("[-{piece}-]")),
                ChangeTag::Insert => span(Look::Added, &format!("{{+{piece}+}}")),
            };
            if let Some((line, is_changed)) = lines.last_mut()
                && !piece.is_empty()
            {
                *is_changed |= tag != ChangeTag::Equal;
                line.push(marked);
            }
        }
    }
    lines.into_iter().filter(|(_, is_changed)| *is_changed).map(|(line, _)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_changed_are_marked_in_their_lines() {
        let shown = |before, after| -> Vec<String> {
            let line = |line: Line| line.into_iter().map(|span| span.text).collect();
            words(before, after).into_iter().map(line).collect()
        };
        assert_eq!(shown("Hello Ada,\n\nyes.\n", "Dear Ada,\n\nyes.\n"), ["[-Hello-]{+Dear+} Ada,"]);
        assert_eq!(shown("a\n", "a\nb\nc\n"), ["{+b+}", "{+c+}"]);
        assert_eq!(shown("a\n", "a\n"), [""; 0]);
        assert_eq!(shown("a\n", "a \u{1b}[2J\n"), ["a{+ [hidden: U+001B][2J+}"]);
    }
}
