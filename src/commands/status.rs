//! Shows what waits, what is on its way and what is unclear.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::overview::{Item, Place, items};
use super::{CommandError, Context, Exit, Result, Session, evidence, health, pause, schedule, tick};
use crate::desk::Desk;
use crate::draft::Status;
use crate::entry::Fact;
use crate::error::Hint;
use crate::id::{DraftId, shown_length};
use crate::ledger::Ledger;
use crate::message::Address;
use crate::plan::Tier;
use crate::text::{self, columns, fit};
use crate::ui::{Tone, span};

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Print JSON.
    pub json: bool,
    /// Print lines for scripts.
    pub porcelain: bool,
    /// End with 1 when a person is needed.
    pub exit_code: bool,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    // A ledger that is not what it was is said first: nothing is sent until it is.
    let desk = Desk::read(&session.repository)?;
    let trouble = Ledger::inspect(&session.repository, &session.state)
        .map_err(CommandError::from)
        .and_then(|()| session.committed_policy(&desk).map(|_| ()))
        .err();
    let items = items(context, &session, &desk)?;
    if options.json {
        context.ui.out(json_of(context, &session, &items));
    } else if options.porcelain {
        print_porcelain(context, &items);
    } else {
        if let Some(trouble) = &trouble {
            context.ui.error(trouble);
        }
        print(context, &session, &items);
    }
    let needs_you = trouble.is_some() || items.iter().any(Item::needs_you);
    if options.exit_code && needs_you { Ok(Exit::NeedsYou) } else { Ok(Exit::Done) }
}

fn print(context: &Context, session: &Session, items: &[Item]) {
    let ui = &context.ui;
    let now = context.now();
    let schedule = schedule::installed(context, session);
    let next = schedule.map(|installed| format!(", {}", installed.sentence(now))).unwrap_or_default();
    let place = context.shown(session.repository.place());
    ui.out(format!("On desk {place}, {}{next}.", last_tick(session, now)));
    for line in evidence::runs(session).lines(now) {
        ui.out(line);
    }
    for line in health::lines(session, now) {
        ui.row(ui.paint(Tone::Attention, line));
    }
    if let Some(paused) = pause::paused(session, now) {
        let mut sentence = paused.sentence();
        sentence.replace_range(..1, "P");
        ui.out(ui.paint(Tone::Bad, format!("{sentence}.")));
        ui.out(format!("  (nothing is drafted or sent; {})", paused.way_out));
    }
    let length = shown_length(items.iter().map(|item| &item.id));
    let sections: [(Place, &str, &str); 11] = [
        (Place::ApprovedHere, "Approved, not committed yet:", "use \"git commit\" to send"),
        (
            Place::RemovedHere,
            "Removed, not committed yet:",
            "use \"git commit\" to reject, \"git restore --staged --worktree <file>\" to keep",
        ),
        (Place::Approved, "Approved:", "the sender takes these up; \"git drafts send\" does so now"),
        (
            Place::Held,
            "Approved, and held back:",
            "mend what is said, and commit; \"git drafts send\" tells how",
        ),
        (
            Place::Unsure,
            "Unsure whether sent:",
            "use \"git drafts resolve <id> --sent\", \"--resend\" or \"--drop\"",
        ),
        (
            Place::Stopped,
            "Approved, and not sent:",
            "change and commit it, or use \"git drafts resolve <id> --resend\" or \"--drop\"",
        ),
        (
            Place::Rehearsed,
            "Approved, and only rehearsed:",
            "as soon as the wiring names something that takes them, they go as they are; \"git drafts log <id>\" tells more",
        ),
        (Place::Unclear, "Unclear, so nothing is sent:", "mend or delete the file, and commit"),
        (
            Place::Waiting,
            "Waiting for you:",
            "edit and set status to \"approved\", or use \"git drafts approve <id>\"; delete the file to reject",
        ),
        (Place::Parked, "Not on the desk yet:", "they land with the next tick"),
        (
            Place::EditedAfter,
            "Changed after they were sent:",
            "nothing more is sent; delete the file and commit",
        ),
    ];
    for (place, heading, advice) in sections {
        let here: Vec<&Item> = items.iter().filter(|item| item.place == place).collect();
        if here.is_empty() {
            continue;
        }
        ui.out("");
        ui.out(ui.paint(Tone::Heading, heading));
        ui.out(format!("  ({advice})"));
        let mut widths = [
            here.iter().map(|item| columns(&action(item))).max().unwrap_or(0).min(12),
            here.iter().map(|item| columns(&item.recipient())).max().unwrap_or(0).min(24),
            here.iter().map(|item| columns(&item.subject())).max().unwrap_or(0).min(44),
        ];
        if let Some(terminal) = ui.columns() {
            // A narrow terminal shortens subjects first: what is behind them matters more.
            let behind = |item: &&&Item| columns(&remark(item)).min(34) + 14;
            let behind = here.iter().map(|item| behind(&item)).max().unwrap_or(0);
            let before = 8 + length + 2 + 6 + 2 + widths[0] + 2 + widths[1] + 2;
            widths[2] = widths[2].min(terminal.saturating_sub(before + behind)).max(16);
        }
        for item in here {
            ui.row(format!("\t{}", line(context, item, length, widths, now)));
        }
    }
    if items.is_empty() {
        ui.out("Nothing waits for you.");
    }
}

fn line(context: &Context, item: &Item, length: usize, widths: [usize; 3], now: Timestamp) -> String {
    let id = context.ui.paint(Tone::Id, item.id.first(length));
    if let (Place::Unclear, Some(error)) = (item.place, &item.error) {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        return format!("{id}  {error}{hint}");
    }
    let tier = item.draft.as_ref().map_or("", |draft| draft.machine.tier.as_str());
    let mut line = format!(
        "{id}  {}  {}  {}  {}",
        fit(tier, 6),
        fit(&action(item), widths[0]),
        fit(&item.recipient(), widths[1]),
        fit(&item.subject(), widths[2]),
    );
    if let Some(age) = item.age(now) {
        line.push_str(&format!("  {}", span(age)));
    }
    let remark = remark(item);
    if !remark.is_empty() {
        line.push_str(&format!("  {remark}"));
    }
    line.trim_end().to_owned()
}

fn action(item: &Item) -> String {
    item.draft.as_ref().map(|draft| draft.machine.action.to_string()).unwrap_or_default()
}

/// Returns the one thing that a person should know first.
fn remark(item: &Item) -> String {
    if let Some(why) = &item.held {
        return text::one_line(why, 120);
    }
    if let Some(until) = item.until {
        let signed = if item.signer.is_some() { "signed, " } else { "" };
        let until = crate::ui::clock(until);
        return format!("{signed}goes at {until}; \"git revert\" or \"git reset\" takes it back");
    }
    let said = match item.last.as_ref().map(|entry| &entry.fact) {
        Some(Fact::Unsure { reason } | Fact::Failed { reason } | Fact::Deferred { reason, .. }) => {
            Some(reason.clone())
        }
        Some(Fact::Stale { .. }) => Some("the thread moved on".to_owned()),
        Some(Fact::Sending) => Some("being sent".to_owned()),
        _ if item.signer.is_some() => item.signer.as_ref().map(|signer| format!("signed by {signer}")),
        _ => None,
    };
    if let Some(link) = item.links.first().filter(|_| said.is_none()) {
        return text::one_line(link, 120);
    }
    let finding = || item.draft.as_ref().and_then(|draft| draft.machine.findings.first()).cloned();
    text::one_line(&said.or_else(finding).unwrap_or_default(), 60)
}

fn last_tick(session: &Session, now: Timestamp) -> String {
    match tick::last_run(session) {
        Some(time) => format!("last tick {} ago", span(now.duration_since(time).max(SignedDuration::ZERO))),
        None => "no tick yet".to_owned(),
    }
}

fn print_porcelain(context: &Context, items: &[Item]) {
    for item in items {
        let tier = item.draft.as_ref().map_or("-", |draft| draft.machine.tier.as_str());
        let path = if item.path.is_empty() { "-" } else { &item.path };
        context.ui.out(format!("{} {} {tier} {path}", place_word(item.place), item.id));
    }
}

/// Returns the word for a place in porcelain and JSON.
pub fn place_word(place: Place) -> &'static str {
    match place {
        Place::ApprovedHere => "approved-here",
        Place::RemovedHere => "removed-here",
        Place::Approved => "approved",
        Place::Held => "held",
        Place::Unsure => "unsure",
        Place::Stopped => "stopped",
        Place::Rehearsed => "rehearsed",
        Place::Unclear => "unclear",
        Place::Waiting => "waiting",
        Place::Parked => "parked",
        Place::EditedAfter => "edited-after",
    }
}

/// Returns one draft as JSON.
pub fn item_json(item: &Item, now: Timestamp) -> Value {
    let draft = item.draft.as_ref();
    let findings = draft.into_iter().flat_map(|draft| &draft.machine.findings);
    json!({
        "id": item.id.as_str(),
        "place": place_word(item.place),
        "status": draft.map(|draft| draft.status).map(Status::as_str),
        "action": draft.map(|draft| draft.machine.action.as_str()),
        "tier": draft.map(|draft| draft.machine.tier).map(Tier::as_str),
        "confidence": draft.map(|draft| draft.machine.confidence.value()),
        "source": draft.map(|draft| draft.machine.source.clone()),
        "to": draft.map(|draft| draft.to.iter().map(Address::to_string).collect::<Vec<_>>()),
        "subject": item.subject(),
        "path": item.path,
        "age_seconds": item.age(now).map(|age| age.as_secs()),
        "findings": item.links.iter().chain(findings).collect::<Vec<_>>(),
        "held": item.held,
        "signer": item.signer,
        "last_entry": item.last.as_ref().map(|entry| entry.fact.kind()),
    })
}

fn json_of(context: &Context, session: &Session, items: &[Item]) -> Value {
    let now = context.now();
    let unsure: Vec<&str> = items
        .iter()
        .filter(|item| item.place == Place::Unsure)
        .map(|item| DraftId::as_str(&item.id))
        .collect();
    json!({
        "version": 1,
        "desk": session.repository.place().display().to_string(),
        "drafts": items.iter().map(|item| item_json(item, now)).collect::<Vec<_>>(),
        "unsure": unsure,
        "paused": pause::paused(session, now).map(|paused| json!({
            "since": paused.since.map(|time| time.to_string()),
            "until": paused.until.map(|time| time.to_string()),
            "why": paused.why,
        })),
        "last_tick": tick::last_run(session).map(|time| json!({ "at": time.to_string() })),
        "connectors": health::json(session),
        "runs": evidence::runs(session).json(),
        "schedule": schedule::installed(context, session).map(|installed| installed.json()),
        "program": env!("CARGO_PKG_VERSION"),
    })
}
