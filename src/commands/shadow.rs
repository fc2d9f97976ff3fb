//! Asks the shadows of brains what they would have planned, once the drafts have landed.
//!
//! A shadow is asked exactly what its brain was asked. Its plan is kept to be compared (`stats
//! --shadow`); it must never delay or change a draft, and no fault of it is anybody's error.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::secrets::{self, Make};
use super::{Context, Exit, Result, Session, pause, wire};
use crate::brain::model::{Asked, FORMS_MORE, Model};
use crate::brain::retry::{FAULTS_IN_A_ROW_MAX, Fault};
use crate::config::{BrainKind, ModelWiring};
use crate::git::lock::OwnLock;
use crate::guard::Secrets;
use crate::id::DraftId;
use crate::plan::Action;
use crate::prompt::Prompt;
use crate::reply;
use crate::shadow::{Record, Said, Shadows};

/// What a shadow is asked about one draft.
struct Question {
    id: DraftId,
    prompt: Prompt,
    record: Record,
}

/// Runs the command: asks what waits to be asked, for as long as it may.
pub async fn run(context: &Context) -> Result<Exit> {
    ask(context, &Session::open(context)?).await;
    Ok(Exit::Done)
}

/// Asks what waits to be asked. What cannot be asked in time waits for the next tick.
pub async fn ask(context: &Context, session: &Session) {
    let shadows = Shadows::of(&session.state);
    if shadows.is_empty() {
        return;
    }
    // What cannot be looked through for secrets is not asked for.
    let Ok(secrets) = secrets::load(context, session, Make::No) else { return };
    // Whoever holds the lock asks the same.
    let Ok(Some(_asking)) = session.repository.try_lock(OwnLock::Shadow) else { return };
    shadows.tidy(context.now());
    let mut waiting: BTreeMap<String, VecDeque<Question>> = BTreeMap::new();
    for (id, record) in shadows.all() {
        if let Said::Nothing(prompt) = &record.said {
            let question = Question { id, prompt: prompt.clone(), record };
            waiting.entry(question.record.brain.clone()).or_default().push_back(question);
        }
    }
    let all = async {
        for (brain, questions) in waiting {
            match session.wiring.brain(&brain).map(|wiring| &wiring.kind) {
                Some(BrainKind::Model(wiring)) => {
                    let shadow = Shadow { context, session, shadows: &shadows, secrets: &secrets };
                    shadow.ask(&brain, wiring, questions).await;
                }
                // The wiring wants it no more.
                Some(BrainKind::Rules { .. }) | None => {
                    questions.iter().for_each(|question| shadows.remove(&question.id));
                }
            }
        }
    };
    let longest = Duration::from_secs(session.wiring.limits.shadow_seconds_max);
    if timeout(longest, all).await.is_err() {
        tracing::info!("the shadows were not asked about everything: their time is over");
    }
    context.ui.progress_ends();
}

/// What all shadows of a run need.
struct Shadow<'s> {
    context: &'s Context,
    session: &'s Session,
    shadows: &'s Shadows,
    secrets: &'s Secrets,
}

impl Shadow<'_> {
    async fn ask(&self, brain: &str, wiring: &ModelWiring, mut questions: VecDeque<Question>) {
        let Self { context, session, shadows, .. } = *self;
        let opened = match wire::model(wiring, context).await {
            Ok(settings) => Model::open(settings).await,
            Err(fault) => Err(fault),
        };
        let model = match opened {
            Ok(model) => Arc::new(model),
            Err(fault) => return tracing::info!(brain, %fault, "the shadow is away"),
        };
        let now = context.now();
        let count = questions.len();
        let mut calls_left = wiring.calls_per_tick_max;
        let mut faults_in_a_row = 0;
        let mut done = 0;
        let mut running: JoinSet<(Question, u32, Asked)> = JoinSet::new();
        loop {
            while running.len() < wiring.concurrency
                && faults_in_a_row < FAULTS_IN_A_ROW_MAX
                && calls_left > 0
                && pause::paused(session, context.now()).is_none()
                && let Some(question) = questions.pop_front()
            {
                let reserved = calls_left.min(wiring.retries + 1 + FORMS_MORE);
                calls_left -= reserved;
                running.spawn(asked(model.clone(), question, reserved, now));
            }
            context.ui.progress(format!("asking the shadow {brain}: {done} of {count}"));
            let Some(Ok((question, reserved, asked))) = running.join_next().await else { return };
            done += 1;
            calls_left += reserved.saturating_sub(asked.attempts);
            let said = match asked.said {
                Ok(said) => self.what_was_said(&said, &question.prompt.offered),
                Err(fault @ (Fault::Question { .. } | Fault::Refused { .. })) => {
                    Said::NoPlan(fault.to_string())
                }
                Err(Fault::Later { .. }) => {
                    faults_in_a_row += 1;
                    continue;
                }
                Err(Fault::Away { .. }) => {
                    faults_in_a_row = FAULTS_IN_A_ROW_MAX;
                    continue;
                }
            };
            faults_in_a_row = 0;
            if let Err(error) = shadows.keep(&question.id, &Record { said, ..question.record }) {
                tracing::warn!(%error, "a shadow's plan could not be kept");
            }
        }
    }

    /// Reads a shadow's reply as any brain's: strictly, and without a secret.
    fn what_was_said(&self, said: &str, offered: &[Action]) -> Said {
        // The key that this shadow was asked with is known by now.
        let secrets = Secrets { known: self.context.credentials.known(), ..self.secrets.clone() };
        match reply::read(said, offered) {
            Err(fault) => Said::NoPlan(fault.to_string()),
            Ok(plan) => match secrets.gravest(&plan.text(), None) {
                Some(found) => Said::NoPlan(format!("the answer has a secret in it ({})", found.kind)),
                None => {
                    let body = plan.draft_body();
                    Said::Plan { action: plan.action, body, confidence: plan.confidence }
                }
            },
        }
    }
}

async fn asked(
    model: Arc<Model>,
    question: Question,
    reserved: u32,
    now: Timestamp,
) -> (Question, u32, Asked) {
    let asked = model.ask(&question.prompt, reserved, now).await;
    (question, reserved, asked)
}
