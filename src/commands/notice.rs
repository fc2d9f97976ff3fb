//! Tells a person of what changed: once for each change, not in quiet hours, and no longer than it is so.
//!
//! Only counts, tiers and ages. Nothing here makes a command fail.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::check::find_program;
use super::overview::{self, Place};
use super::{Context, Session};
use crate::durable;
use crate::notify::{self, Bubble, Click, Digest, Way};
use crate::plan::Tier;
use crate::ui::span;

/// The file in the state folder that says what came in quiet hours.
const LATER: &str = "notify-later";

/// What is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct News {
    /// How many drafts are new.
    pub new: usize,
    /// How many of these are left to a person.
    pub needs_you: usize,
    /// How many answers became unsure.
    pub unsure: usize,
    /// How many answers were not taken.
    pub failed: usize,
    /// The tiers whose drafts have waited for too long.
    pub due: Vec<String>,
}

impl News {
    fn and(self, other: News) -> News {
        News {
            new: self.new + other.new,
            needs_you: self.needs_you + other.needs_you,
            unsure: self.unsure + other.unsure,
            failed: self.failed + other.failed,
            due: [self.due, other.due].concat(),
        }
    }
}

/// Tells what is new, with what was kept back in quiet hours, and takes away what is not so any more.
pub async fn tell(context: &Context, session: &Session, news: News) {
    let wiring = &session.wiring.notify;
    if !wiring.enabled {
        return;
    }
    let path = session.state.join(LATER);
    let kept: Option<News> = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let all = kept.clone().unwrap_or_default().and(news.clone());
    let has_news = all != News::default();
    let is_shown = notify::Place::ALL.into_iter().any(|place| notify::is_shown(place, &session.state));
    // Reading every draft as `status` does is for whoever has something to say.
    if !has_news && !is_shown {
        return;
    }
    let Ok(items) = overview::items_now(context, session) else { return };
    let waiting: Vec<_> = items.iter().filter(|item| item.needs_you()).collect();
    let is_trouble = |item: &&overview::Item| matches!(item.place, Place::Unsure | Place::Stopped);
    if waiting.is_empty() {
        notify::close(notify::Place::Waiting, &session.state).await;
    }
    if !items.iter().any(|item| is_trouble(&item)) {
        notify::close(notify::Place::Trouble, &session.state).await;
    }
    if !has_news {
        return;
    }
    let local = context.now().to_zoned(TimeZone::system());
    if wiring.quiet.is_some_and(|quiet| quiet.holds(&local)) {
        let text = serde_json::to_vec(&all).expect("numbers are JSON");
        if let Err(error) = durable::replace(&path, &text) {
            tracing::warn!(%error, "what is to be told later could not be noted");
        }
        return;
    }
    if kept.is_some() {
        // Whoever cannot remove it would be told at every run; that is logged.
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, "what was told could not be forgotten");
        }
    }
    let keeper = keeper(session);
    let way = way(session, keeper.as_deref());
    if let Some(bubble) = notify::trouble(all.unsure, all.failed) {
        notify::tell(&bubble, notify::Place::Trouble, way).await;
    }
    if all.new == 0 && all.due.is_empty() {
        return;
    }
    let mut waiting_by_tier: Vec<(Tier, usize)> = Vec::new();
    // A reminder is about its tiers alone.
    for tier in
        Tier::ALL.into_iter().filter(|tier| all.new > 0 || all.due.iter().any(|due| due == tier.as_str()))
    {
        let of = |item: &&&overview::Item| {
            item.draft.as_ref().map_or(Tier::High, |draft| draft.machine.tier) == tier
        };
        waiting_by_tier.push((tier, waiting.iter().filter(of).count()));
    }
    let now = context.now();
    let age = |item: &&overview::Item| item.age(now).and_then(|age| u64::try_from(age.as_secs()).ok());
    let digest = Digest {
        waiting_by_tier,
        // What was decided in quiet hours already is not new any more.
        new: all.new.min(waiting.len()),
        needs_you: all.needs_you.min(waiting.len()),
        oldest_seconds: waiting.iter().filter_map(age).max(),
    };
    notify::notify(&digest, way).await;
}

/// Returns the program that keeps a bubble until it is clicked: ours, where there is anything to open.
fn keeper(session: &Session) -> Option<PathBuf> {
    let program = session.wiring.notify.open.first()?;
    // Nobody should be asked to click for nothing.
    find_program(program, env::var_os("PATH")).ok()?;
    env::current_exe().ok()
}

fn way<'a>(session: &'a Session, keeper: Option<&'a Path>) -> Way<'a> {
    let wiring = &session.wiring.notify;
    let click = keeper.map(|keeper| Click {
        keeper,
        open: &wiring.open,
        folder: session.repository.place(),
        // What a terminal of a desktop runs has it, too; a service is then as good.
        is_service: env::var_os("INVOCATION_ID").is_some(),
    });
    Way { click, command: wiring.command.as_deref(), state_dir: &session.state }
}

/// Reminds of a pause that has gone on for a day or more.
pub async fn tell_pause(context: &Context, session: &Session, since: Option<jiff::Timestamp>) {
    let wiring = &session.wiring.notify;
    let local = context.now().to_zoned(TimeZone::system());
    if !wiring.enabled || wiring.quiet.is_some_and(|quiet| quiet.holds(&local)) {
        return;
    }
    let age = since.map(|since| format!(" for {}", span(context.now().duration_since(since))));
    let bubble = Bubble {
        summary: format!("git-drafts is paused{}", age.unwrap_or_default()),
        body: "\"git drafts resume\" goes on".to_owned(),
        is_urgent: false,
    };
    let keeper = keeper(session);
    notify::tell(&bubble, notify::Place::Waiting, way(session, keeper.as_deref())).await;
}
