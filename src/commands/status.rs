//! Shows what waits, what is on its way and what is unclear.

mod rows;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::rows::Row;
use super::judgement;
use super::overview::{Item, Place, items};
use super::{
    CommandError, Context, Exit, Result, Session, evidence, health, pause, schedule, staging, strays, tick,
};
use crate::desk::Desk;
use crate::draft::Status;
use crate::entry::Fact;
use crate::error::{FileError, Hint};
use crate::id::{DraftId, shown_length};
use crate::ledger::{Ledger, Snapshot};
use crate::message::Address;
use crate::plan::Tier;
use crate::text;
use crate::ui::{Tone, Ui, clock, span};

/// Behind how much the lines of a section and its advice stand.
const ADVICE: [&str; 2] = ["  ", "   "];

/// The most remarks about one draft; `show` has all of them.
const REMARKS_MAX: usize = 3;

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
    let snapshot = Snapshot::of(&session.repository)?;
    let strays = strays::look(&session, &desk, &snapshot)?.wrong;
    if options.json {
        context.ui.out(json_of(context, &session, &items, &strays));
    } else if options.porcelain {
        print_porcelain(context, &items);
    } else {
        if let Some(trouble) = &trouble {
            context.ui.error(trouble);
        }
        print(context, &session, &items, &strays);
    }
    let needs_you = !strays.is_empty() || trouble.is_some() || items.iter().any(Item::needs_you);
    if options.exit_code && needs_you { Ok(Exit::NeedsYou) } else { Ok(Exit::Done) }
}

fn print(context: &Context, session: &Session, items: &[Item], strays: &[FileError]) {
    let ui = &context.ui;
    let now = context.now();
    let schedule = schedule::installed(context, session);
    let next = schedule.map(|installed| format!(", {}", installed.sentence(now))).unwrap_or_default();
    let place = context.shown(session.repository.place());
    ui.prose(["", "  "], None, format!("On desk {place}, {}{next}.", last_tick(session, now)));
    for line in evidence::runs(session).lines(now) {
        // A fault stands below its run.
        let indent = if line.starts_with(' ') { ["  ", "  "] } else { ["", "  "] };
        ui.prose(indent, None, line);
    }
    for line in health::lines(session, now) {
        ui.prose(["", "  "], Some(Tone::Attention), line);
    }
    if let Some((what, hint)) = elsewhere(context, session) {
        ui.prose(["", "  "], Some(Tone::Attention), format!("{what}."));
        ui.prose(ADVICE, None, format!("({hint})"));
    }
    if let Some(paused) = pause::paused(session, now) {
        let mut sentence = paused.sentence();
        sentence.replace_range(..1, "P");
        ui.prose(["", "  "], Some(Tone::Bad), format!("{sentence}."));
        ui.prose(ADVICE, None, format!("(nothing is drafted or sent; {})", paused.way_out));
    }
    let length = shown_length(items.iter().map(|item| &item.id));
    let approved = || items.iter().filter(|item| item.place == Place::Approved);
    let taken_up = if approved().all(|item| item.later.is_some()) {
        "the sender takes these up, none before its time; \"git drafts send\" does so then"
    } else if approved().any(|item| item.later.is_some()) {
        "the sender takes these up, none before its time; \"git drafts send\" does so now"
    } else {
        "the sender takes these up; \"git drafts send\" does so now"
    };
    let they_land = match session.repository.operation_under_way() {
        Some(operation) => format!("{operation} is under way; they land with the first tick after it"),
        None => "they land with the next tick".to_owned(),
    };
    let sections: [(Place, &str, &str); 11] = [
        (Place::ApprovedHere, "Approved, not committed yet:", "use \"git commit -a\" to send"),
        (
            Place::RemovedHere,
            "Removed, not committed yet:",
            "use \"git commit -a\" to reject, \"git restore --staged --worktree <file>\" to keep",
        ),
        (Place::Approved, "Approved:", taken_up),
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
        (Place::Parked, "Not on the desk yet:", &they_land),
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
        ui.prose(ADVICE, None, format!("({advice})"));
        print_section(ui, place, &here, length, now);
    }
    if !strays.is_empty() {
        ui.out("");
        ui.out(ui.paint(Tone::Heading, "Not drafts:"));
        ui.prose(ADVICE, None, "(nothing is sent of these files; mend, move or delete them)");
        for error in strays {
            print_wrong(ui, "", error);
        }
    }
    if items.is_empty() && strays.is_empty() {
        ui.out("Nothing waits for you.");
    }
}

/// Says that the worktree has another branch than `main`, and how to come back; its files are not the desk's.
fn elsewhere(context: &Context, session: &Session) -> Option<(String, String)> {
    session.repository.worktree()?;
    let error = staging::check_on_main(context, session).err()?;
    match session.repository.operation_under_way() {
        Some(operation) => Some((
            format!("{operation} is under way, and `main` is not checked out meanwhile"),
            "finish it, or abort it; only what is on `main` is sent".to_owned(),
        )),
        None => Some((error.to_string(), error.hint()?)),
    }
}

fn print_section(ui: &Ui, place: Place, items: &[&Item], length: usize, now: Timestamp) {
    // A file that cannot be read has nothing to show but what is wrong with it.
    let unclear = items.iter().filter_map(|item| Some((item, item.error.as_ref()?)));
    for (item, error) in unclear.filter(|_| place == Place::Unclear) {
        print_wrong(ui, &ui.paint(Tone::Id, item.id.first(length)), error);
    }
    let rows = items.iter().filter(|item| place != Place::Unclear || item.error.is_none());
    let rows: Vec<Row> = rows.map(|item| row(item, length, now)).collect();
    for line in rows::lines(&rows, ui.columns(), |id| ui.paint(Tone::Id, id)) {
        ui.out(line);
    }
}

/// Prints what is wrong with a file, and what to do about it on a line of its own.
fn print_wrong(ui: &Ui, id: &str, error: &FileError) {
    let first = if id.is_empty() { "\t".to_owned() } else { format!("\t{id}  ") };
    let rest = " ".repeat(10);
    ui.prose([&first, &rest], None, error);
    if let Some(hint) = error.hint() {
        ui.prose([&rest, &rest], None, format!("({hint})"));
    }
}

fn row(item: &Item, length: usize, now: Timestamp) -> Row {
    let mut remarks = remarks(item);
    if remarks.len() > REMARKS_MAX {
        let more = remarks.split_off(REMARKS_MAX - 1).len();
        remarks.push(format!("and {more} more: \"git drafts show {}\"", item.id.first(length)));
    }
    Row {
        id: item.id.first(length).to_owned(),
        tier: item.draft.as_ref().map_or("", |draft| draft.machine.tier.as_str()).to_owned(),
        action: action(item),
        recipient: item.recipient(),
        subject: item.subject(),
        age: item.age(now).map(span).unwrap_or_default(),
        remarks,
    }
}

fn action(item: &Item) -> String {
    item.draft.as_ref().map(|draft| draft.machine.action.to_string()).unwrap_or_default()
}

/// Returns what a person should know, the most important first.
fn remarks(item: &Item) -> Vec<String> {
    let mut remarks: Vec<String> = state(item).into_iter().collect();
    remarks.extend(item.notes.iter().chain(&item.links).cloned());
    // Of what a person has decided the findings are known.
    if remarks.is_empty() || item.needs_you() {
        remarks.extend(item.draft.iter().flat_map(|draft| draft.machine.findings.clone()));
    }
    remarks.iter().map(|remark| text::one_line(remark, 300)).filter(|remark| !remark.is_empty()).collect()
}

/// Says why it stands where it does.
fn state(item: &Item) -> Option<String> {
    if let Some(why) = &item.held {
        return Some(why.clone());
    }
    if let Some((until, why)) = &item.later {
        let until = clock(*until);
        if why != judgement::UNDO {
            return Some(format!("not before {until}: {why}"));
        }
        let signed = if item.signer.is_some() { "signed, " } else { "" };
        let back = match &item.approval {
            Some(approval) => format!("; \"git revert {}\" takes it back", approval.short()),
            None => String::new(),
        };
        return Some(format!("{signed}goes at {until}{back}"));
    }
    match item.last.as_ref().map(|entry| &entry.fact) {
        Some(Fact::Unsure { reason } | Fact::Failed { reason } | Fact::Deferred { reason, .. }) => {
            Some(reason.clone())
        }
        Some(Fact::Stale { .. }) => Some("the thread moved on".to_owned()),
        Some(Fact::Sending) => Some("being sent".to_owned()),
        _ => item.signer.as_ref().map(|signer| format!("signed by {signer}")),
    }
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
    let findings = item.notes.iter().chain(&item.links).chain(findings);
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
        "findings": findings.collect::<Vec<_>>(),
        "held": item.held,
        "error": item.error.as_ref().map(error_json),
        "until": item.later.as_ref().map(|(until, _)| until.to_string()),
        "waits_for": item.later.as_ref().map(|(_, why)| why.clone()),
        "signer": item.signer,
        "last_entry": item.last.as_ref().map(|entry| entry.fact.kind()),
    })
}

fn error_json(error: &FileError) -> Value {
    json!({ "path": error.path, "line": error.line, "what": error.what, "hint": error.hint })
}

fn json_of(context: &Context, session: &Session, items: &[Item], strays: &[FileError]) -> Value {
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
        "strays": strays.iter().map(error_json).collect::<Vec<_>>(),
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
