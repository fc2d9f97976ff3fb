//! Asks again about the message of one draft.
//!
//! It is read once more where it came from, and then goes the way of every new message: secrets are taken
//! out, a brain is asked, its plan is judged, a file is made. It must never write: what becomes of the draft
//! before is the caller's.

use std::time::Duration;

use tokio::time::timeout;

use super::ask::{Answer, Open};
use super::fetch::FETCH_SECONDS_MAX;
use super::table::Made;
use super::{Candidate, New, Options, Tick, part_of};
use crate::automatic;
use crate::brain::Planned;
use crate::commands::{CommandError, Context, Result, Session, wire};
use crate::config::{BrainKind, SourceWiring};
use crate::connector::{ConnectorError, Window};
use crate::desk::Desk;
use crate::draft::{self, Draft};
use crate::entry::{About, Drafted, Entry, Fact};
use crate::error::Hint;
use crate::git::landing::Change;
use crate::guard::Class;
use crate::guard::inbound::Identity;
use crate::id::DraftId;
use crate::ledger::{Ledger, Note};
use crate::message::Fetched;
use crate::plan::Action;
use crate::text;

/// The most bytes that a person may say about an answer.
pub const GUIDANCE_BYTES_MAX: usize = 4 * 1024;

/// What is known of the draft that is asked about again.
pub(super) struct Again {
    /// Its entries.
    pub story: Vec<Entry>,
    /// What it quotes.
    pub quoted: String,
    /// What the person wants.
    pub guidance: Option<String>,
}

/// What is asked again.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The draft.
    pub id: &'q DraftId,
    /// Its entries.
    pub story: &'q [Entry],
    /// Where it comes from.
    pub origin: &'q Drafted,
    /// The draft as it stands.
    pub draft: &'q Draft,
    /// What the person wants, as it was typed.
    pub guidance: Option<&'q str>,
    /// The brain, where it is not the source's own.
    pub brain: Option<&'q str>,
}

/// What the brain made of it.
pub enum Anew {
    /// Another draft.
    Drafted(Box<Redraft>),
    /// The same text.
    Same {
        /// Who made it.
        brain: String,
    },
    /// No draft: it is left to a person, or wants no answer.
    None {
        /// Why, one line.
        why: String,
    },
}

/// A draft that is to stand in the place of the one before.
pub struct Redraft {
    /// The ledger's entry.
    pub note: Note,
    /// The desk's file.
    pub change: Change,
    /// The message of the desk's commit.
    pub message: String,
    /// The policy that judged it.
    pub policy: Vec<u8>,
    /// What it says.
    pub draft: Draft,
    /// Who made it.
    pub brain: String,
}

/// Reads the message again, and asks about it.
///
/// The caller holds the tick's lock.
///
/// # Errors
/// The source or the brain is away, the message is not there any more, or something forbids to ask: the draft
/// stays as it is.
pub async fn ask(
    context: &Context,
    session: &Session,
    ledger: &Ledger<'_>,
    question: Question<'_>,
) -> Result<Anew> {
    let Question { id, story, origin, draft: before, guidance, brain } = question;
    let Some(wiring) = session.wiring.source(&origin.source) else {
        return Err(CommandError::refused(
            format!("the wiring has no source `{}`", text::one_line(&origin.source, 60)),
            format!("the message cannot be read again; write the answer: `git drafts edit {}`", id.first(4)),
        ));
    };
    let brain = brain.unwrap_or(&wiring.brain).to_owned();
    let options = Options { brain: Some(brain.clone()), ..Options::default() };
    let mut tick = Tick::new(context, session, ledger, &options, Desk::read(&session.repository)?)?;
    let guidance = tick.checked(guidance, origin)?;
    tick.brains.ask_anew(guidance.clone(), before.body.clone());
    tick.again = Some(Again {
        story: story.to_vec(),
        quoted: draft::quoted_part(&before.context).to_owned(),
        guidance: guidance.clone(),
    });
    let (target, earlier) = tick.find(wiring, id, story).await?;
    let planned = tick.plan(&brain, &target, &earlier).await;
    tick.brains.close();
    tick.remember(&[])?;
    let planned = planned?;
    let is_rules = session.wiring.brain(&planned.brain).is_some_and(|brain| !is_model(&brain.kind));
    if guidance.is_some() && is_rules {
        return Err(CommandError::refused(
            format!("brain `{}` is a catalogue, and takes no words of yours", planned.brain),
            "`--brain NAME` asks a language model of the wiring",
        ));
    }
    if planned.plan.action == Action::Ignore {
        return Ok(Anew::None { why: format!("brain `{}` wants no answer", planned.brain) });
    }
    let earlier: Vec<_> = earlier.into_iter().map(|candidate| candidate.message).collect();
    tick.judge(wiring, target, planned, &earlier)?;
    tick.leave_what_became_known()?;
    let message = tick.commit_message();
    let Some(new) = tick.drafts.pop() else {
        return Err(CommandError::refused(
            "a credential that became known only now stands in the message",
            "ask again: it is taken out then",
        ));
    };
    let made = tick.rows.last().and_then(|row| row.made.as_ref());
    let brain = made.map(|Made { brain, .. }| brain.clone()).unwrap_or_default();
    if new.draft.machine.action == Action::Escalate {
        return Ok(Anew::None { why: new.draft.machine.why });
    }
    if says_the_same(before, &new.draft) {
        return Ok(Anew::Same { brain });
    }
    let (change, policy) = (new.change(), tick.policy_bytes);
    let New { note, draft, .. } = new;
    Ok(Anew::Drafted(Box::new(Redraft { note, change, message, policy, draft, brain })))
}

impl Tick<'_> {
    /// Returns what the person wants as it is asked: visible, one line, within its bounds, and no secret.
    fn checked(&self, guidance: Option<&str>, origin: &Drafted) -> Result<Option<String>> {
        let Some(guidance) = guidance else { return Ok(None) };
        if guidance.len() > GUIDANCE_BYTES_MAX {
            return Err(CommandError::Usage {
                what: format!("what you say is longer than {GUIDANCE_BYTES_MAX} bytes"),
                hint: Some("what holds for all answers stands in `instructions.md` on the desk".to_owned()),
            });
        }
        let guidance = text::one_line(guidance, GUIDANCE_BYTES_MAX);
        let thread = self.secrets.key.of_thread(&origin.source, &origin.thread);
        let found = self.secrets.gravest(&guidance, Some(&thread));
        if let Some(found) = found.filter(|found| found.class > Class::Soft) {
            return Err(CommandError::refused(
                format!("there is a secret in what you say ({}), and the prompt would hold it", found.kind),
                "say it without",
            ));
        }
        Ok(Some(guidance).filter(|guidance| !guidance.trim().is_empty()))
    }

    /// Reads the source again, and finds the message with the earlier ones that the same answer is for.
    async fn find(
        &mut self,
        wiring: &SourceWiring,
        id: &DraftId,
        story: &[Entry],
    ) -> Result<(Candidate, Vec<Candidate>)> {
        let about = story.first().and_then(|entry| entry.fact.about());
        let about = about.ok_or_else(|| {
            CommandError::refused("the ledger does not say what it answers", "see `git drafts check`")
        })?;
        let came = story.first().map(|entry| entry.at);
        let window = came.and_then(|at| at.checked_sub(jiff::SignedDuration::from_hours(24 * 3)).ok());
        // Mostly it came shortly before it was drafted; all that there is takes longer to read.
        for since in [window, None] {
            let items = self.read_again(wiring, Window { since }).await?;
            if let Some(place) = place_of(&items, &about) {
                return self.candidates(wiring, id, items, place);
            }
        }
        Err(CommandError::refused(
            format!("source `{}` does not give the message any more, as it was", wiring.name),
            format!("write the answer yourself: `git drafts edit {}`", id.first(4)),
        ))
    }

    async fn read_again(
        &mut self,
        wiring: &SourceWiring,
        window: Window,
    ) -> Result<Vec<(Fetched, Identity)>> {
        let away = |error: ConnectorError| CommandError::Refused {
            what: format!("source `{}` cannot be read: {error}", wiring.name),
            hint: error.hint().or_else(|| Some("the draft stays as it is; ask again later".to_owned())),
        };
        let credentials = &self.context.credentials;
        let mut source = wire::source(wiring, credentials).await.map_err(away)?;
        let limit = Duration::from_secs(FETCH_SECONDS_MAX);
        let fetched = timeout(limit, source.fetch(&window, self.now)).await.unwrap_or_else(|_| {
            let what = format!("it did not give all of it within {FETCH_SECONDS_MAX} s");
            Err(ConnectorError::Away { what })
        });
        source.close().await;
        let fetched = self.without_credentials(fetched).map_err(away)?;
        self.without_secrets(wiring, fetched)
    }

    /// Takes the message at `place`, and those before it that the ledger knows as part of its thread.
    fn candidates(
        &self,
        wiring: &SourceWiring,
        id: &DraftId,
        mut items: Vec<(Fetched, Identity)>,
        place: usize,
    ) -> Result<(Candidate, Vec<Candidate>)> {
        items.truncate(place + 1);
        let mut messages: Vec<Candidate> = Vec::new();
        for (item, identity) in items {
            if let Ok(message) = item {
                // Its own id; that of an earlier one is found below.
                messages.push(Candidate { id: id.clone(), message, identity });
            }
        }
        let target = messages.pop().expect("the message at that place could be read");
        let group = self.group(wiring, &target.message);
        let mut earlier = Vec::new();
        for mut candidate in messages {
            let message = &candidate.message;
            if self.group(wiring, message) != group || automatic::reason(message, &wiring.address).is_some() {
                continue;
            }
            if let Some((own, story)) = self.story_of(&candidate.identity)?
                && matches!(&story.first().map(|entry| &entry.fact),
                    Some(Fact::Ignored(ignored)) if ignored.reason == part_of(id))
            {
                candidate.id = own;
                earlier.push(candidate);
            }
        }
        Ok((target, earlier))
    }

    /// Asks the brain, and nobody in its place.
    async fn plan(&mut self, brain: &str, target: &Candidate, earlier: &[Candidate]) -> Result<Planned> {
        let open: Vec<Open<'_>> =
            earlier.iter().chain([target]).map(|one| Open { id: &one.id, message: &one.message }).collect();
        let mut answers = self.brains.ask(brain, &[open], 1, &self.secrets).await;
        let stays = "the draft stays as it is; ask again later, or another with `--brain NAME`";
        if let Some((_, what)) = self.brains.take_stand_ins().into_iter().next() {
            return Err(CommandError::refused(self.context.credentials.clean(&what), stays));
        }
        match answers.remove(&target.id) {
            Some(Answer::Planned(planned)) => Ok(*planned),
            Some(Answer::Away(why)) => {
                let why = text::one_line(&self.context.credentials.clean(&why), 200);
                Err(CommandError::refused(why, stays))
            }
            None => Err(CommandError::refused(format!("brain `{brain}` was not asked"), stays)),
        }
    }
}

/// Returns where the message stands of which this was noted.
fn place_of(items: &[(Fetched, Identity)], about: &About<'_>) -> Option<usize> {
    items.iter().position(|(item, identity)| item.is_ok() && identity.is(about))
}

fn is_model(kind: &BrainKind) -> bool {
    match kind {
        BrainKind::Model(_) => true,
        BrainKind::Rules { .. } => false,
    }
}

/// Tells whether two drafts would do the same.
fn says_the_same(one: &Draft, other: &Draft) -> bool {
    one.machine.action == other.machine.action
        && one.body == other.body
        && one.subject == other.subject
        && one.tasks == other.tasks
}
