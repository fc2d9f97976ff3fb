//! Takes a person's word for what became of a draft that nobody is sure about.

use super::settle::entry_after;
use super::wire::Connectors;
use super::{CommandError, Context, Exit, Result, Session, send};
use crate::delivery::effective;
use crate::desk::Desk;
use crate::entry::{Entry, Fact, claim};
use crate::git::lock::OwnLock;
use crate::id::DraftId;
use crate::ledger::{Note, Snapshot};
use crate::outgoing::Capabilities;

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It has arrived.
    Sent,
    /// It has not: send the same bytes anew.
    Resend,
    /// It has not, and shall not.
    Drop,
}

/// Says how a draft that nobody is sure about is resolved; `id` is as much of its id as is shown.
pub fn way_out(id: &str) -> String {
    format!("look whether it arrived, then `git drafts resolve {id} --sent`, `--resend` or `--drop`")
}

/// Refuses drafts that may have gone: whatever is committed of them, nothing is done before they are resolved.
pub fn refuse_unsure(snapshot: &Snapshot<'_>, ids: &[DraftId]) -> Result<()> {
    for id in ids {
        if let Some(Entry { fact: Fact::Unsure { .. }, .. }) = effective(&snapshot.story(id)?) {
            return Err(CommandError::refused(
                format!("{id} may have gone already, and nobody is sure"),
                way_out(id.as_str()),
            ));
        }
    }
    Ok(())
}

/// Runs the command.
pub fn run(context: &Context, prefix: &str, word: Word) -> Result<Exit> {
    let session = Session::open(context)?;
    let Some(sending) = session.repository.try_lock(OwnLock::Send)? else {
        return Err(CommandError::refused("a sender is at work", "try again when it is done"));
    };
    let ledger = session.ledger()?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = ledger.snapshot()?;
    let id = session.resolve(&desk, &snapshot, prefix)?;
    let story = snapshot.story(&id)?;
    let Some(last) = story.last() else {
        return Err(CommandError::refused(
            format!("the ledger does not know {id}"),
            "`git drafts list` shows the drafts that it knows",
        ));
    };
    let undecided = match &last.fact {
        Fact::Unsure { .. } => true,
        // Where the receiver can be asked, or dedupes, the sender finds out by itself, and better: the same
        // key is safe, and a new one is not.
        Fact::Sending => {
            let connectors = Connectors::new(&session.wiring, context);
            let transport = claim(&story).map(|(_, claimed)| claimed.transport.as_str()).unwrap_or_default();
            let Capabilities { dedupes, can_find } = connectors.capabilities(transport);
            if dedupes || can_find {
                return Err(CommandError::refused(
                    format!("{id} is being sent, and the receiver can tell what became of it"),
                    "`git drafts send` finds out; where it cannot, it says `unsure`",
                ));
            }
            true
        }
        Fact::Failed { .. } | Fact::Stale { .. } | Fact::Deferred { .. } => word != Word::Sent,
        _ => false,
    };
    if !undecided || claim(&story).is_none() {
        return Err(CommandError::refused(
            format!("there is nothing to resolve about {id}: its last entry is `{}`", last.fact.kind()),
            format!("`git drafts log {id}` tells the whole story"),
        ));
    }
    let by = session.owner().unwrap_or_else(|| "the operator".to_owned());
    let fact = match word {
        Word::Sent => Fact::Sent { receipt: format!("{by} says that it arrived") },
        Word::Resend => Fact::Withdrawn { reason: format!("{by} wants it sent anew"), resend: true },
        Word::Drop => Fact::Failed { reason: format!("dropped by {by}") },
    };
    let kind = fact.kind();
    let note = Note::new(&id, &story, entry_after(context, &story, fact));
    let same = ledger.append(&[note], &format!("{kind}: {id}"), context.now())?.contains(&id);
    if !same {
        return Err(CommandError::refused(
            format!("something else was noted about {id} just now"),
            format!("`git drafts log {id}` tells what"),
        ));
    }
    match word {
        Word::Sent => context.ui.say("noted as sent; the next \"git drafts send\" clears the desk"),
        Word::Resend => context.ui.say("\"git drafts send\" sends it anew, if it is still approved"),
        Word::Drop => context.ui.say("given up; change and approve it, or delete it"),
    }
    drop(sending);
    if send::take_mark(&session.repository)? {
        context.ui.say("somebody wanted to send meanwhile: \"git drafts send\" does so now");
    }
    Ok(Exit::Done)
}
