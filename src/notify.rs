//! Tells the desktop that a tick brought something, or that drafts still wait: one notification, which
//! replaces the last one.
//!
//! No text of a message is ever in it, only counts and an age. It never fails a tick and never keeps
//! one waiting: where there is no desktop, a line in the log says so.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use notify_rust::Notification;

use crate::plan::Tier;
use crate::text;

/// How long the desktop has to take a notification.
const SHOW_SECONDS_MAX: u64 = 3;

/// The file in the state folder that holds the number of the last notification.
const LAST: &str = "notification";

/// What a tick found out about the desk, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many drafts wait, those of this tick included; each tier at most once. In a reminder, which
    /// has nothing new, those of the tiers that it is about.
    pub waiting_by_tier: Vec<(Tier, usize)>,
    /// How many drafts this tick brought, escalations included.
    pub new: usize,
    /// How many of those that wait are escalations.
    pub needs_you: usize,
    /// The age of the oldest one that waits.
    pub oldest_seconds: Option<u64>,
}

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is no desktop to be reached, or it refused.
    #[error("no desktop took the notification: {what}")]
    NoDesktop {
        /// What went wrong, one line.
        what: String,
    },
    /// The desktop did not answer.
    #[error("the desktop did not take the notification within {seconds} s")]
    TooSlow {
        /// The bound.
        seconds: u64,
    },
}

/// Returns the summary and the body: `3 new drafts wait` and
/// `medium 2, high 1 · 1 needs you · oldest 2 hours`.
///
/// Both consist of fixed words and numbers.
pub fn text(digest: &Digest) -> (String, String) {
    let mut tiers: Vec<(Tier, usize)> =
        digest.waiting_by_tier.iter().copied().filter(|(_, count)| *count > 0).collect();
    tiers.sort_unstable();
    let waiting: usize = tiers.iter().map(|(_, count)| count).sum();
    let summary = match (digest.new, waiting) {
        (0, 0) => "No new drafts".to_owned(),
        (0, 1) => "1 draft still waits".to_owned(),
        (0, waiting) => format!("{waiting} drafts still wait"),
        (1, _) => "1 new draft waits".to_owned(),
        (new, _) => format!("{new} new drafts wait"),
    };
    let tiers: Vec<String> = tiers.iter().map(|(tier, count)| format!("{tier} {count}")).collect();
    let mut parts = Vec::new();
    match waiting {
        0 => {}
        waiting if digest.new == 0 || waiting == digest.new => parts.push(tiers.join(", ")),
        waiting => parts.push(format!("{waiting} in all: {}", tiers.join(", "))),
    }
    match digest.needs_you {
        0 => {}
        1 => parts.push("1 needs you".to_owned()),
        count => parts.push(format!("{count} need you")),
    }
    parts.extend(digest.oldest_seconds.and_then(age).map(|age| format!("oldest {age}")));
    (summary, parts.join(" · "))
}

/// Shows a digest on the desktop, in the place of notification `replace` if that is still there, and
/// returns its number.
///
/// It waits for the desktop to take it, at most a few seconds, and never for a person.
///
/// # Errors
/// There is no desktop, or it does not answer.
pub async fn show(digest: &Digest, replace: Option<u32>) -> Result<u32, NotifyError> {
    let (summary, body) = text(digest);
    let mut notification = Notification::new();
    notification.appname("git-drafts").icon("mail-unread").summary(&summary).body(&escaped(&body));
    if let Some(number) = replace {
        notification.id(number);
    }
    let shown = tokio::time::timeout(Duration::from_secs(SHOW_SECONDS_MAX), notification.show_async())
        .await
        .map_err(|_| NotifyError::TooSlow { seconds: SHOW_SECONDS_MAX })?;
    match shown {
        Ok(handle) => Ok(handle.id()),
        Err(error) => Err(NotifyError::NoDesktop { what: text::one_line(&error.to_string(), 200) }),
    }
}

/// Shows a digest that has something to tell, in the place of the last one.
///
/// The number of the last one is kept in `state_dir`. What goes wrong is only logged.
pub async fn notify(digest: &Digest, state_dir: &Path) {
    if digest.new == 0 && digest.waiting_by_tier.iter().all(|(_, count)| *count == 0) {
        return;
    }
    match show(digest, last(state_dir)).await {
        Ok(number) => {
            if let Err(error) = remember(state_dir, number) {
                tracing::info!("the next notification will not replace this one: {error}");
            }
        }
        Err(error) => tracing::info!("{error}"),
    }
}

/// Returns the number of the last notification, if it is known.
fn last(state_dir: &Path) -> Option<u32> {
    let number = fs::read_to_string(state_dir.join(LAST)).ok()?.trim().parse().ok()?;
    (number != 0).then_some(number)
}

fn remember(state_dir: &Path, number: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    // Half a number would only leave one bubble too many.
    fs::write(state_dir.join(LAST), format!("{number}\n"))
}

/// Returns `text` for a body, which is markup (the Desktop Notifications Specification).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns an age in its largest whole unit; nothing below a minute.
fn age(seconds: u64) -> Option<String> {
    let (count, unit) = match seconds {
        0..60 => return None,
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    Some(if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        waiting_by_tier: &[(Tier, usize)],
        new: usize,
        needs_you: usize,
        oldest_seconds: Option<u64>,
        (summary, body): (&str, &str),
    ) {
        let digest = Digest { waiting_by_tier: waiting_by_tier.to_vec(), new, needs_you, oldest_seconds };
        let shown = text(&digest);
        assert_eq!((&*shown.0, &*shown.1), (summary, body));
        assert_eq!(escaped(&shown.1), shown.1);
    }

    #[test]
    fn a_digest_is_one_line_of_counts() {
        check(
            &[(Tier::Medium, 2), (Tier::High, 1)],
            3,
            1,
            Some(7300),
            ("3 new drafts wait", "medium 2, high 1 · 1 needs you · oldest 2 hours"),
        );
        check(&[(Tier::Low, 1)], 1, 0, Some(59), ("1 new draft waits", "low 1"));
        check(
            &[(Tier::High, 1), (Tier::Low, 4), (Tier::Medium, 0)],
            2,
            2,
            Some(86_400),
            ("2 new drafts wait", "5 in all: low 4, high 1 · 2 need you · oldest 1 day"),
        );
        check(&[], 0, 0, None, ("No new drafts", ""));
        check(&[(Tier::High, 1)], 0, 0, Some(90_000), ("1 draft still waits", "high 1 · oldest 1 day"));
        check(
            &[(Tier::High, 1), (Tier::Medium, 2)],
            0,
            0,
            Some(300_000),
            ("3 drafts still wait", "medium 2, high 1 · oldest 3 days"),
        );
    }

    #[test]
    fn ages_have_one_unit() {
        for (seconds, shown) in [
            (59, None),
            (60, Some("1 minute")),
            (3599, Some("59 minutes")),
            (3600, Some("1 hour")),
            (86_399, Some("23 hours")),
            (86_400 * 400, Some("400 days")),
        ] {
            assert_eq!(age(seconds).as_deref(), shown, "{seconds}");
        }
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escaped("<b>&amp;"), "&lt;b&gt;&amp;amp;");
    }

    #[test]
    fn the_last_number_is_kept_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        assert_eq!(last(&state), None);
        remember(&state, 7).unwrap();
        assert_eq!(last(&state), Some(7));
        for nonsense in ["", "0", "-1", "7 8", "99999999999"] {
            fs::write(state.join(LAST), nonsense).unwrap();
            assert_eq!(last(&state), None, "{nonsense:?}");
        }
    }
}
