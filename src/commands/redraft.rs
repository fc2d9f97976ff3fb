//! Asks the brain again about the message of a draft, and puts what it says in the draft's place.
//!
//! The draft keeps its id, its story and so its key: however often a message is drafted, one answer goes out.
//! What a person has touched is never replaced, and what was approved meanwhile stays.

use super::settle::{self, Replaced};
use super::tick::again::{self, Anew, Question, Redraft};
use super::{CommandError, Context, Exit, Result, Session, pause};
use crate::delivery::OnDesk;
use crate::desk::{Desk, DeskFile};
use crate::draft::Draft;
use crate::entry::{Drafted, Entry, Fact, drafted};
use crate::git::landing::{self, Change};
use crate::git::lock::OwnLock;
use crate::id::DraftId;
use crate::text::{self, fit};
use crate::ui::Tone;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The draft, by the first letters of its id or by its file.
    pub id: String,
    /// What the operator wants of the answer.
    pub message: Option<String>,
    /// Ask this brain instead of the source's own.
    pub brain: Option<String>,
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let Some(_ticking) = session.repository.try_lock(OwnLock::Tick)? else {
        return Err(CommandError::refused("a tick is under way", "try again once it has ended"));
    };
    if let Some(paused) = pause::paused(&session, context.now()) {
        return Err(CommandError::refused(paused.sentence(), paused.way_out));
    }
    let ledger = session.ledger()?;
    settle::settle(context, &session, &ledger)?;
    let (desk, snapshot) = (Desk::read(&session.repository)?, ledger.snapshot()?);
    let id = session.resolve(&desk, &snapshot, &options.id)?;
    let story = snapshot.story(&id)?;
    let (origin, before) = waiting(&session, &desk, &id, &story)?;
    let question = Question {
        id: &id,
        story: &story,
        origin,
        draft: before,
        guidance: options.message.as_deref(),
        brain: options.brain.as_deref(),
    };
    let short = id.first(4);
    let redraft = match again::ask(context, &session, &ledger, question).await? {
        Anew::Drafted(redraft) => redraft,
        Anew::Same { brain } => {
            context.ui.say(format!("{short} stays as it is: {brain} gives the same text"));
            context.ui.hint("say what you want with `-m`, or ask another with `--brain NAME`; a catalogue says what `routes.toml` says");
            return Ok(Exit::NeedsYou);
        }
        Anew::None { why } => {
            context.ui.say(format!("{short} stays as it is, and no answer was written: {why}"));
            context.ui.hint(&format!("write one: `git drafts edit {short}`"));
            return Ok(Exit::NeedsYou);
        }
    };
    let Redraft { note, change, message, policy, draft, brain } = *redraft;
    let changes = [change, Change { path: origin.path.clone(), blob: origin.blob, bytes: None }];
    let replaced = settle::replace(context, &session, &ledger, &note, &changes, (&message, &policy))?;
    if let Replaced::Not { why } = replaced {
        return Err(CommandError::refused(
            format!("{id} stays as it is: {why}"),
            "look at it once more; what you have approved goes with `git drafts send`",
        ));
    }
    tracing::info!(draft = %id, brain, "redrafted");
    tell(context, &id, &draft);
    Ok(Exit::Done)
}

/// Returns the draft, if it waits as it was drafted.
fn waiting<'d>(
    session: &Session,
    desk: &'d Desk,
    id: &DraftId,
    story: &'d [Entry],
) -> Result<(&'d Drafted, &'d Draft)> {
    let short = id.first(4);
    let Some(DeskFile { path, draft, .. }) = desk.find(id) else {
        return Err(CommandError::refused(
            format!("{id} is not on the desk"),
            format!("`git drafts log {short}` tells what became of it"),
        ));
    };
    let draft = draft.as_ref().map_err(|error| error.clone())?;
    let on_desk = desk.on_desk(id);
    if let OnDesk::Approved(_) = on_desk {
        return Err(CommandError::refused(
            format!("{path} is approved"),
            "take that back first: set `status` to \"draft\", and commit",
        ));
    }
    let (Some(origin), Some(Fact::Drafted(_))) = (drafted(story), story.last().map(|entry| &entry.fact))
    else {
        return Err(CommandError::refused(
            format!("{id} is not as it was drafted: its last entry is not `drafted`"),
            format!("`git drafts log {short}` tells the whole story"),
        ));
    };
    let touched = |what: &str, hint: String| Err(CommandError::refused(format!("{path} {what}"), hint));
    if *path != origin.path {
        return touched("was renamed", format!("`git mv {path} {}`, and commit", origin.path));
    }
    if on_desk != OnDesk::Draft(origin.blob) {
        return touched(
            "was edited and committed, and another draft would take its place",
            format!("`git revert` your change, or go on with it; `git drafts diff {short}` shows it"),
        );
    }
    if !landing::is_untouched(&session.repository, path, origin.blob)? {
        return touched(
            "has changes that are not committed",
            format!("`git restore --staged --worktree {path}` drops them; another draft would not keep them"),
        );
    }
    Ok((origin, draft))
}

/// Says what stands in its place now, in the manner of a tick.
fn tell(context: &Context, id: &DraftId, draft: &Draft) {
    let ui = &context.ui;
    let who = draft.goes_to();
    ui.out(format!(
        " {} {}  {} {}  {} <- {}",
        ui.paint(Tone::Good, "* [redrafted]     "),
        ui.paint(Tone::Id, id.first(4)),
        fit(draft.machine.tier.as_str(), 6),
        draft.machine.confidence,
        text::one_line(&who, 40),
        text::one_line(&draft.subject, 60)
    ));
    ui.hint("`git show` tells what is new, `git revert HEAD` brings the one before back");
}
