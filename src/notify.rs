//! Tells the desktop that a tick brought something, that drafts still wait, or that something went wrong with what was
//! approved: one bubble of each kind, which replaces the last one and goes away when it is not so any more.
//!
//! No text of a message is ever in it, only fixed words, counts and an age. It never fails a tick and never keeps
//! one waiting: where there is no desktop, a line in the log says so.

mod click;

use std::fmt::Display;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use notify_rust::{Notification, Urgency};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub use self::click::{Click, keep};
use crate::plan::Tier;
use crate::text;

/// How long the desktop has to take a notification.
const SHOW_SECONDS_MAX: u64 = 3;

/// How long a command of the operator's has, where there is no desktop.
const COMMAND_SECONDS_MAX: u64 = 10;

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

/// What is shown: fixed words and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bubble {
    /// What it is about.
    pub summary: String,
    /// The rest.
    pub body: String,
    /// Whether it stays until somebody has seen it, where the desktop does so.
    pub is_urgent: bool,
}

/// One of our places on the desktop: what is shown in it replaces what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What waits.
    Waiting,
    /// What went wrong with what was approved.
    Trouble,
}

impl Place {
    /// Both.
    pub const ALL: [Place; 2] = [Place::Waiting, Place::Trouble];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Place::Waiting => "waiting",
            Place::Trouble => "trouble",
        }
    }

    /// The file in the state folder that holds the number of the last notification.
    fn file(self) -> &'static str {
        match self {
            Place::Waiting => "notification",
            Place::Trouble => "notification-trouble",
        }
    }
}

/// Returns the bubble of a digest: `3 new drafts wait` and
/// `medium 2, high 1 · 1 needs you · oldest 2 hours`.
pub fn text(digest: &Digest) -> Bubble {
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
    Bubble { summary, body: parts.join(" · "), is_urgent: false }
}

/// Returns the bubble for approved drafts of which nobody knows whether they went, and such as were refused;
/// none where there is neither.
pub fn trouble(unsure: usize, failed: usize) -> Option<Bubble> {
    let summary = match (unsure, failed) {
        (0, 0) => return None,
        (1, 0) => "1 answer may or may not have gone".to_owned(),
        (unsure, 0) => format!("{unsure} answers may or may not have gone"),
        (0, 1) => "1 approved answer was not taken".to_owned(),
        (0, failed) => format!("{failed} approved answers were not taken"),
        (unsure, failed) => format!("{unsure} may or may not have gone, {failed} not taken"),
    };
    Some(Bubble { summary, body: "\"git drafts status\" tells what to do".to_owned(), is_urgent: true })
}

/// Shows a bubble on the desktop, in the place of notification `replace` if that is still there, and
/// returns its number.
///
/// It waits for the desktop to take it, at most a few seconds, and never for a person.
///
/// # Errors
/// There is no desktop, or it does not answer.
pub async fn show(bubble: &Bubble, replace: Option<u32>) -> Result<u32, NotifyError> {
    let shown = in_time(notification(bubble, replace).show_async()).await?;
    Ok(shown.map_err(no_desktop)?.id())
}

fn no_desktop(error: impl Display) -> NotifyError {
    NotifyError::NoDesktop { what: text::one_line(&error.to_string(), 200) }
}

fn notification(bubble: &Bubble, replace: Option<u32>) -> Notification {
    let mut notification = Notification::new();
    notification.appname("git-drafts").icon("mail-unread");
    notification.summary(&bubble.summary).body(&escaped(&bubble.body));
    if bubble.is_urgent {
        notification.urgency(Urgency::Critical);
    }
    if let Some(number) = replace {
        notification.id(number);
    }
    notification
}

/// Who is told, and how.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// What a click on the bubble does; nothing, if none.
    pub click: Option<Click<'a>>,
    /// The program that gets what no desktop takes, and its arguments.
    pub command: Option<&'a [String]>,
    /// Where the number of the last bubble of a place is kept.
    pub state_dir: &'a Path,
}

/// Shows a bubble in its place; where no desktop takes it, the command gets it.
///
/// What goes wrong is only logged.
pub async fn tell(bubble: &Bubble, place: Place, way: Way<'_>) {
    let Way { click, command, state_dir } = way;
    // Without a bus, nobody needs to be started to find that out.
    if let Some(click) = &click
        && matches!(in_time(zbus::Connection::session()).await, Ok(Ok(_)))
    {
        match click::start(bubble, place, state_dir, click).await {
            Ok(()) => return,
            Err(error) => tracing::debug!("a click will do nothing: {error}"),
        }
    }
    match show(bubble, last(place, state_dir)).await {
        Ok(number) => {
            if let Err(error) = remember(place, state_dir, number) {
                tracing::info!("the next notification will not replace this one: {error}");
            }
        }
        Err(error) => {
            tracing::info!("{error}");
            if let Some(command) = command {
                hand_over(bubble, command).await;
            }
        }
    }
}

/// Shows a digest that has something to tell, in the place of the last one.
pub async fn notify(digest: &Digest, way: Way<'_>) {
    if digest.new == 0 && digest.waiting_by_tier.iter().all(|(_, count)| *count == 0) {
        return;
    }
    tell(&text(digest), Place::Waiting, way).await;
}

/// Tells whether something was shown in a place that was not taken away since.
pub fn is_shown(place: Place, state_dir: &Path) -> bool {
    last(place, state_dir).is_some()
}

/// Takes away what was shown in a place, since it is not so any more.
pub async fn close(place: Place, state_dir: &Path) {
    let Some(number) = last(place, state_dir) else { return };
    // Whoever restarted the desktop has closed it; it must not be tried for ever.
    let _ = fs::remove_file(state_dir.join(place.file()));
    let closing = async {
        let bus = zbus::Connection::session().await?;
        let name = "org.freedesktop.Notifications";
        bus.call_method(
            Some(name),
            "/org/freedesktop/Notifications",
            Some(name),
            "CloseNotification",
            &(number,),
        )
        .await
    };
    match in_time(closing).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::info!("the bubble stays: {}", text::one_line(&error.to_string(), 200)),
        Err(error) => tracing::info!("the bubble stays: {error}"),
    }
}

async fn in_time<F: Future>(future: F) -> Result<F::Output, NotifyError> {
    tokio::time::timeout(Duration::from_secs(SHOW_SECONDS_MAX), future)
        .await
        .map_err(|_| NotifyError::TooSlow { seconds: SHOW_SECONDS_MAX })
}

/// Gives a bubble to a program of the operator's, on stdin: the summary, then the body.
async fn hand_over(bubble: &Bubble, command: &[String]) {
    let Some((program, arguments)) = command.split_first() else { return };
    let run = async {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read is asked how it ended all the same.
            let _ = stdin.write_all(format!("{}\n{}\n", bubble.summary, bubble.body).as_bytes()).await;
        }
        child.wait().await
    };
    match tokio::time::timeout(Duration::from_secs(COMMAND_SECONDS_MAX), run).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => tracing::warn!(program, %status, "the command of [notify] ended"),
        Ok(Err(error)) => tracing::warn!(program, %error, "the command of [notify] did not run"),
        Err(_) => tracing::warn!(program, "the command of [notify] took longer than {COMMAND_SECONDS_MAX} s"),
    }
}

/// Returns the number of the last notification, if it is known.
fn last(place: Place, state_dir: &Path) -> Option<u32> {
    let number = fs::read_to_string(state_dir.join(place.file())).ok()?.trim().parse().ok()?;
    (number != 0).then_some(number)
}

fn remember(place: Place, state_dir: &Path, number: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
    // Half a number would only leave one bubble too many.
    fs::write(state_dir.join(place.file()), format!("{number}\n"))
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
        assert_eq!((&*shown.summary, &*shown.body), (summary, body));
        assert_eq!(escaped(&shown.body), shown.body);
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
        let place = Place::Waiting;
        assert_eq!(last(place, &state), None);
        remember(place, &state, 7).unwrap();
        assert_eq!((last(place, &state), last(Place::Trouble, &state)), (Some(7), None));
        for nonsense in ["", "0", "-1", "7 8", "99999999999"] {
            fs::write(state.join(place.file()), nonsense).unwrap();
            assert_eq!(last(place, &state), None, "{nonsense:?}");
        }
    }
}
