//! Sends what is approved.
//!
//! One sender at a time: who finds the lock taken leaves a mark, and the holder looks again before it
//! leaves. It never asks a brain, and never decides by which hook rang.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::dispatch::{self, Event, Pass, What};
use super::notice::{self, News};
use super::record::{self, Begun};
use super::wire::Connectors;
use super::{CommandError, Context, Exit, Result, Session, judgement, show};
use crate::delivery::OnDesk;
use crate::desk::Desk;
use crate::draft::Status;
use crate::evidence::{Ending, Part, Trigger};
use crate::git::Repository;
use crate::git::lock::OwnLock;
use crate::id::{DraftId, shown_length};
use crate::ui::{Tone, Ui, clock};

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
    while let Some(lock) = lock_or_leave_mark(&session.repository)? {
        take_mark(&session.repository)?;
        let mut pass = dispatch::pass(context, session, &mut connectors, &lock).await?;
        for event in &pass.events {
            account(part, event);
        }
        if options.quiet {
            leave_out_what_was_told(session, &mut pass);
        }
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
            _ => return Ok(Exit::Done),
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
    let lasting = |event: &Event| match &event.what {
        What::Held { .. } | What::EditedAfter | What::Unread { again: true, .. } => {
            Some(format!("{} {:?}", event.id, event.what))
        }
        _ => None,
    };
    let now: Vec<String> = pass.events.iter().filter_map(lasting).collect();
    pass.events.retain(|event| lasting(event).is_none_or(|state| !before.lines().any(|line| line == state)));
    if let Err(error) = fs::write(&path, now.join("\n")) {
        tracing::warn!(%error, "what was told could not be noted");
    }
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
    let mut connectors: Vec<&str> = pass.events.iter().map(|event| event.connector.as_str()).collect();
    connectors.sort_unstable();
    connectors.dedup();
    for connector in connectors {
        ui.out(format!("To {connector}"));
        for event in pass.events.iter().filter(|event| event.connector == connector) {
            print_event(ui, event, length);
        }
    }
}

fn print_event(ui: &Ui, event: &Event, length: usize) {
    let id = ui.paint(Tone::Id, event.id.first(length));
    let goes = format!("{id} -> {}  {}", event.to, event.subject);
    let (tone, mark, rest) = match &event.what {
        What::Sent => (Tone::Good, "* [sent]     ", goes),
        What::Rehearsed => (Tone::Faint, "- [rehearsed]", goes),
        What::Held { why, .. } => (Tone::Bad, "! [held]     ", format!("{id}  {why}")),
        What::Later { until, why } => {
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
    ui.out(format!(" {} {rest}", ui.paint(tone, mark)));
    match &event.what {
        What::Held { hint: Some(hint), .. } => ui.hint(hint),
        What::Unsure(_) => ui.hint(&format!(
            "look whether it arrived, then `git drafts resolve {} --sent`, `--resend` or `--drop`",
            event.id.first(length)
        )),
        What::Stale { .. } => {
            ui.hint("read the newer message; change the draft and commit it to send it all the same")
        }
        What::Later { why, .. } if why == judgement::UNDO => {
            ui.hint("\"git revert HEAD\" or \"git reset HEAD~1\" takes it back until then");
        }
        What::EditedAfter => ui.hint("delete the file and commit; the ledger keeps what was sent"),
        _ => {}
    }
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
        What::Later { until, why } => Some(format!("{why}, until {until}")),
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
