//! Lists the drafts that are not finished, one line each.

use serde_json::json;

use super::overview::items;
use super::status::{item_json, place_word};
use super::{Context, Exit, Result, Session};
use crate::desk::Desk;
use crate::id::shown_length;
use crate::text::{columns, fit};
use crate::ui::Tone;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Print JSON.
    pub json: bool,
    /// Print lines for scripts.
    pub porcelain: bool,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let items = items(context, &session, &Desk::read(&session.repository)?)?;
    let ui = &context.ui;
    if options.json {
        let now = context.now();
        ui.out(json!({ "version": 1, "drafts": items.iter().map(|item| item_json(item, now)).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if options.porcelain {
        for item in &items {
            ui.out(format!(
                "{} {} {}",
                item.id,
                place_word(item.place),
                if item.path.is_empty() { "-" } else { &item.path }
            ));
        }
        return Ok(Exit::Done);
    }
    let length = shown_length(items.iter().map(|item| &item.id));
    let width = items.iter().map(|item| columns(&item.recipient())).max().unwrap_or(0).min(28);
    for item in &items {
        let tier = item.draft.as_ref().map_or("", |draft| draft.machine.tier.as_str());
        let id = ui.paint(Tone::Id, item.id.first(length));
        let line = format!(
            "{id}  {}  {}  {}  {}",
            fit(place_word(item.place), 13),
            fit(tier, 6),
            fit(&item.recipient(), width),
            item.subject()
        );
        ui.row(line.trim_end());
    }
    Ok(Exit::Done)
}
