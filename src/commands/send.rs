//! Sends what is approved.
//!
//! One sender at a time: who finds the lock taken leaves a mark, and the holder looks again before it
//! leaves. It never asks a brain, and never decides by which hook rang.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::dispatch::{self, Event, Pass, What};
use super::notice::{self, News};
use super::overview::{self, Place};
use super::record::{self, Begun};
use super::wire::Connectors;
use super::{CommandError, Context, Exit, Result, Session, judgement, pause, resolve, show};
use crate::delivery::OnDesk;
use crate::desk::Desk;
use crate::draft::Status;
use crate::evidence::{Ending, Part, Trigger};
use crate::git::Repository;
use crate::git::lock::OwnLock;
use crate::id::{DraftId, shown_length};
use crate::ui::{Tone, Ui, clock, counted};

const AGAIN: &str = "again";

/// How long a sender that nobody waits for stays for an undo window to pass.
const STAY_MAX: Duration = Duration::from_secs(180);

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Write what would be sent into this folder, and send nothing.
    pub to_dir: Option<PathBuf>,
    /// Nobody waits: leave the session of the terminal, and stay for undo windows.
    pub detached: bool,
    /// Print JSON.
    pub json: bool,
    /// Say once, and not at every run, what waits for a person.
    pub quiet: bool,
    /// The process of the run that this is a part of, which wants to read what was done.
    pub part_of: Option<u32>,
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    if options.detached {
        // A group leader cannot leave its session; then whoever started us has done it already.
        let _ = rustix::process::setsid();
    }
    let session = Session::open(context)?;
    if let Some(folder) = &options.to_dir {
        return write_to(context, &session, folder);
    }
    let by = if options.detached { Trigger::Hook } else { record::trigger(None) };
    let begun = Begun::new(context, "send", by);
    let mut part = Part::default();
    let ended = send(context, &session, options, &mut part).await;
    let count = |word| part.sends.get(word).copied().unwrap_or(0);
    let news = News { unsure: count("unsure"), failed: count("failed"), ..News::default() };
    notice::tell(context, &session, news).await;
    begun.ended(&session, part, &ended, options.part_of);
    ended
}

async fn send(context: &Context, session: &Session, options: &Options, part: &mut Part) -> Result<Exit> {
    let mut connectors = Connectors::new(&session.wiring, context);
    let mut stayed = Duration::ZERO;
    let mut told = BTreeSet::new();
    let mut is_silent = true;
    while let Some(lock) = lock_or_leave_mark(&session.repository)? {
        take_mark(&session.repository)?;
        let mut pass = dispatch::pass(context, session, &mut connectors, &lock).await?;
        for event in &pass.events {
            account(part, event);
        }
        is_silent &= pass.events.is_empty();
        if options.quiet {
            leave_out_what_was_told(session, &mut pass);
        }
        // Who looks again has said already what has not changed meanwhile.
        pass.events.retain(|event| lasting(event).is_none_or(|state| told.insert(state)));
        print(context, &pass, options.json);
        // The lock is free while this sender waits, so that others need not. Programs that inherited it have
        // ended: the pass closes all connectors.
        drop(lock);
        if take_mark(&session.repository)? {
            continue;
        }
        let wait = pass.next_at.and_then(|next| wait_for(next, context.now()));
        match wait {
            Some(wait) if options.detached && stayed + wait <= STAY_MAX => {
                tokio::time::sleep(wait).await;
                stayed += wait;
            }
            _ => {
                let is_watched = !options.detached && !options.quiet && !options.json;
                if is_silent && is_watched && context.ui.is_terminal() {
                    tell_why_nothing(context, session)?;
                }
                return Ok(Exit::Done);
            }
        }
    }
    part.ending = Ending::Busy;
    context.ui.say("another sender is at work, and looks again before it leaves");
    Ok(Exit::Done)
}

/// Counts an event for the record of this run; what a person should know of is a fault.
fn account(part: &mut Part, event: &Event) {
    let (id, connector, word) = (&event.id, &event.connector, word(&event.what));
    tracing::info!(draft = %id, connector, event = word, "looked at");
    Part::count(&mut part.sends, word);
    if matches!(event.what, What::Failed(_) | What::Unsure(_)) {
        part.fault(&format!("draft {id}: {word}"));
    }
}

/// Leaves out the states that an earlier run has told already, for a timer whose output is mailed: one
/// notice for each change of state.
fn leave_out_what_was_told(session: &Session, pass: &mut Pass) {
    let path = session.state.join("told");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let now: Vec<String> = pass.events.iter().filter_map(lasting).collect();
    pass.events.retain(|event| lasting(event).is_none_or(|state| !before.lines().any(|line| line == state)));
    if let Err(error) = fs::write(&path, now.join("\n")) {
        tracing::warn!(%error, "what was told could not be noted");
    }
}

/// Returns a line for a state that lasts, which the next pass would find again.
fn lasting(event: &Event) -> Option<String> {
    match &event.what {
        What::Held { .. } | What::EditedAfter | What::Unread { again: true, .. } => {
            Some(format!("{} {:?}", event.id, event.what))
        }
        // The time may be another one at each look.
        What::Later { why, .. } => Some(format!("{} {why:?}", event.id)),
        What::Sent
        | What::Rehearsed
        | What::Failed(_)
        | What::Unsure(_)
        | What::Stale { .. }
        | What::Withdrawn(_)
        | What::Rejected(_)
        | What::Read { .. }
        | What::Unread { again: false, .. } => None,
    }
}

/// Says to a person why a send had nothing to say.
fn tell_why_nothing(context: &Context, session: &Session) -> Result<()> {
    let ui = &context.ui;
    if let Some(paused) = pause::paused(session, context.now()) {
        ui.say(paused.sentence());
        ui.hint(paused.way_out);
        return Ok(());
    }
    let items = overview::items_now(context, session)?;
    let at = |place: Place| items.iter().filter(|item| item.place == place).count();
    let stopped = at(Place::Unsure) + at(Place::Stopped);
    let (verb, object) = if stopped == 1 { ("needs", "it") } else { ("need", "them") };
    match (at(Place::ApprovedHere), stopped, at(Place::Rehearsed)) {
        (0, 0, 0) => ui.say("nothing is approved"),
        (0, 0, rehearsed) => {
            ui.say(format!("nothing new to rehearse; {} stays as it is", counted(rehearsed, "draft")));
        }
        (0, stopped, _) => {
            ui.say(format!("{} {verb} you before anything is sent of {object}", counted(stopped, "draft")));
            ui.hint("`git drafts status` tells what to do");
        }
        (here, _, _) => {
            let verb = if here == 1 { "is" } else { "are" };
            ui.say(format!("{} {verb} approved here, and not committed", counted(here, "draft")));
            ui.hint("`git commit -a` sends what is approved");
        }
    }
    Ok(())
}

/// Takes the sender's lock; where another one has it, leaves a mark for that one to look again.
fn lock_or_leave_mark(repository: &Repository) -> Result<Option<File>> {
    if let Some(lock) = repository.try_lock(OwnLock::Send)? {
        return Ok(Some(lock));
    }
    leave_mark(repository)?;
    // The other one may have looked for the mark right before it was there.
    Ok(repository.try_lock(OwnLock::Send)?)
}

/// Prints what happened, by transport.
pub fn print(context: &Context, pass: &Pass, json: bool) {
    let ui = &context.ui;
    for line in &pass.healed {
        tracing::info!("{line}");
    }
    if json {
        let events: Vec<_> = pass.events.iter().map(json_of).collect();
        ui.out(serde_json::json!({ "version": 1, "events": events }));
        return;
    }
    let length = shown_length(pass.events.iter().map(|event| &event.id));
    let mut hints = BTreeSet::new();
    let mut connectors: Vec<&str> = pass.events.iter().map(|event| event.connector.as_str()).collect();
    connectors.sort_unstable();
    connectors.dedup();
    for connector in connectors {
        ui.out(format!("To {connector}"));
        for event in pass.events.iter().filter(|event| event.connector == connector) {
            ui.out(line(ui, event, length));
            // What helps several drafts is said once.
            if let Some(hint) = hint(event, length).filter(|hint| hints.insert(hint.clone())) {
                ui.hint(&hint);
            }
        }
    }
}

fn line(ui: &Ui, event: &Event, length: usize) -> String {
    let id = ui.paint(Tone::Id, event.id.first(length));
    let goes = format!("{id} -> {}  {}", event.to, event.subject);
    let (tone, mark, rest) = match &event.what {
        What::Sent => (Tone::Good, "* [sent]     ", goes),
        What::Rehearsed => (Tone::Faint, "- [rehearsed]", goes),
        What::Held { why, .. } => (Tone::Bad, "! [held]     ", format!("{id}  {why}")),
        What::Later { until, why, .. } => {
            (Tone::Faint, ". [later]    ", format!("{goes}  after {} ({why})", clock(*until)))
        }
        What::Failed(why) => (Tone::Bad, "! [failed]   ", format!("{goes}  {why}")),
        What::Unsure(why) => (Tone::Attention, "? [unsure]   ", format!("{goes}  {why}")),
        What::Stale { ours } => (Tone::Attention, "! [stale]    ", format!("{goes}  {}", stale(*ours))),
        What::Withdrawn(why) => (Tone::Faint, "- [withdrawn]", format!("{goes}  {why}")),
        What::Rejected(why) => (Tone::Faint, "- [rejected] ", format!("{id}  {why}")),
        What::EditedAfter => (
            Tone::Attention,
            "! [edited]   ",
            format!("{id}  was changed after it was sent; nothing more is sent"),
        ),
        What::Read { source } => {
            (Tone::Faint, "- [read]     ", format!("{id}  its message is marked as read in `{source}`"))
        }
        What::Unread { source, why, again } => {
            let next = if *again { "; the next run tries again" } else { "" };
            let line = format!("{id}  its message is not marked as read in `{source}`: {why}{next}");
            (Tone::Attention, "! [unread]   ", line)
        }
    };
    format!(" {} {rest}", ui.paint(tone, mark))
}

/// Returns the way out of what happened, where there is one.
fn hint(event: &Event, length: usize) -> Option<String> {
    let hint = match &event.what {
        What::Held { hint, .. } => return hint.clone(),
        What::Unsure(_) => {
            return Some(resolve::way_out(event.id.first(length)));
        }
        What::Failed(_) => {
            return Some(format!(
                "change it and commit, or `git drafts resolve {} --resend` or `--drop`",
                event.id.first(length)
            ));
        }
        What::Stale { .. } => {
            "read the newer message; change the draft and commit it to send it all the same"
        }
        // `HEAD` may be another commit by then, also one of the machine's.
        What::Later { why, approval: Some(approval), .. } if why == judgement::UNDO => {
            return Some(format!(
                "\"git revert {}\", or \"git drafts reject <id> --commit\", takes it back until then",
                approval.short()
            ));
        }
        What::Later { why, .. } => match why.as_str() {
            judgement::SEND_AFTER => "take `send_after` out of it and commit, to send it at once",
            judgement::LIMIT => "`sends_per_hour_max` is set under [limits] in drafts.toml and in the wiring",
            _ => "the first `git drafts send` or run after that tries again",
        },
        What::EditedAfter => "delete the file and commit; the ledger keeps what was sent",
        What::Sent
        | What::Rehearsed
        | What::Withdrawn(_)
        | What::Rejected(_)
        | What::Read { .. }
        | What::Unread { .. } => return None,
    };
    Some(hint.to_owned())
}

/// Says why an answer is stale.
fn stale(ours: bool) -> &'static str {
    if ours { "you wrote in the thread yourself" } else { "the thread moved on" }
}

/// Returns the word for what happened, in JSON and in records.
fn word(what: &What) -> &'static str {
    match what {
        What::Sent => "sent",
        What::Rehearsed => "rehearsed",
        What::Held { .. } => "held",
        What::Later { .. } => "later",
        What::Failed(_) => "failed",
        What::Unsure(_) => "unsure",
        What::Stale { .. } => "stale",
        What::Withdrawn(_) => "withdrawn",
        What::Rejected(_) => "rejected",
        What::EditedAfter => "edited_after",
        What::Read { .. } => "read",
        What::Unread { .. } => "unread",
    }
}

fn json_of(event: &Event) -> serde_json::Value {
    let why = match &event.what {
        What::Sent | What::Rehearsed | What::EditedAfter | What::Read { .. } => None,
        What::Later { until, why, .. } => Some(format!("{why}, until {until}")),
        What::Stale { ours } => Some(stale(*ours).to_owned()),
        What::Held { why, .. }
        | What::Failed(why)
        | What::Unsure(why)
        | What::Withdrawn(why)
        | What::Rejected(why)
        | What::Unread { why, .. } => Some(why.clone()),
    };
    serde_json::json!({
        "id": event.id.as_str(), "event": word(&event.what), "reason": why,
        "connector": event.connector, "to": event.to, "subject": event.subject,
    })
}

fn leave_mark(repository: &Repository) -> Result<()> {
    let path = repository.own_dir().join(AGAIN);
    fs::write(&path, "").map_err(|error| CommandError::system(&path, error))
}

/// Takes the mark that somebody wants the sender to look again; tells whether there was one.
pub fn take_mark(repository: &Repository) -> Result<bool> {
    let path = repository.own_dir().join(AGAIN);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(CommandError::system(&path, error)),
    }
}

fn wait_for(next: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(next.duration_since(now)).ok().map(|wait| wait + Duration::from_millis(50))
}

/// Writes the exact bytes of everything approved into a folder; the ledger and the desk stay as they are.
fn write_to(context: &Context, session: &Session, folder: &Path) -> Result<Exit> {
    fs::create_dir_all(folder).map_err(|error| CommandError::system(folder, error))?;
    let desk = Desk::read(&session.repository)?;
    let mut count = 0;
    for id in approved(&desk) {
        let bytes = show::outgoing_bytes(context, session, &desk, &id)?;
        let path = folder.join(format!("{id}.eml"));
        fs::write(&path, bytes).map_err(|error| CommandError::system(&path, error))?;
        context.ui.out(path.display());
        count += 1;
    }
    if count == 0 {
        context.ui.say("nothing is approved");
    }
    Ok(Exit::Done)
}

fn approved(desk: &Desk) -> Vec<DraftId> {
    desk.files
        .iter()
        .filter(|file| file.draft.as_ref().is_ok_and(|draft| draft.status == Status::Approved))
        .filter_map(|file| file.id.clone())
        .filter(|id| matches!(desk.on_desk(id), OnDesk::Approved(_)))
        .collect()
}
