//! Shows what a person changed: the brain's text against the one that stands here.

use similar::{ChangeTag, TextDiff};

use super::show::current;
use super::{Context, Exit, Result, Session};
use crate::desk::Desk;
use crate::ledger::Snapshot;
use crate::text;
use crate::ui::Tone;

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
    let ui = &context.ui;
    for id in ids {
        let Some(before) = snapshot.file(&id, "drafted", "md")? else { continue };
        let before = text::visible(&String::from_utf8_lossy(&before));
        let (path, after) = current(&session, &desk, &snapshot, &id)?;
        let after = text::visible(&after);
        let diff = TextDiff::from_lines(&before, &after);
        if diff.ratio() >= 1.0 {
            continue;
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
    }
    Ok(Exit::Done)
}
