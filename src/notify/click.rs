//! Keeps a bubble for as long as a person may click on it, in a process of its own, so that no tick waits.
//!
//! The desktop tells a click only to whoever showed the bubble (Desktop Notifications Specification,
//! `ActionInvoked`), and a tick ends. So the tick starts its own program once more as a *keeper*, which shows
//! the bubble, says so, and stays until the bubble is gone, the next one takes its place, or the longest time
//! is over. It holds no lock and reads no draft.

use std::env;
use std::future::poll_fn;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use notify_rust::NotificationResponse;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zbus::export::futures_core::Stream;
use zbus::fdo::{DBusProxy, RequestNameFlags};

use super::{Bubble, NotifyError, Place, in_time, last, no_desktop, notification, remember};

/// How long a bubble is kept; one that is still there then does nothing more.
const KEPT_MAX: Duration = Duration::from_secs(3 * 24 * 3600);

/// How long a keeper has to show its bubble.
const READY_SECONDS_MAX: u64 = 5;

/// What it says when it has.
const SHOWN: &str = "shown";

/// What a click on a bubble starts, and who waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Click<'a> {
    /// This program, which is started as the keeper.
    pub keeper: &'a Path,
    /// The program that a click starts, and its arguments; it runs in `folder`.
    pub open: &'a [String],
    /// The desk.
    pub folder: &'a Path,
    /// A service manager runs us, and takes away whatever is left when we end: the keeper must be a service
    /// of its own.
    pub is_service: bool,
}

/// Starts a keeper that shows a bubble, and returns when it is shown.
///
/// # Errors
/// It was not shown, or not in time; then it will not be either.
pub(super) async fn start(
    bubble: &Bubble,
    place: Place,
    state_dir: &Path,
    click: &Click<'_>,
) -> Result<(), NotifyError> {
    if click.is_service {
        // Without a service manager that one may talk to, a process of ours is better than none.
        match ready(service(bubble, place, state_dir, click), Ready::Ended).await {
            Ok(()) => return Ok(()),
            Err(error) => tracing::debug!("the bubble is not kept by a service: {error}"),
        }
    }
    let mut command = Command::new(click.keeper);
    command.args(arguments(bubble, place, state_dir, click)).current_dir(click.folder);
    ready(command, Ready::Line).await
}

/// By what one sees that a keeper has shown its bubble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    /// It says so.
    Line,
    /// Whoever started it has ended well.
    Ended,
}

async fn ready(mut command: Command, by: Ready) -> Result<(), NotifyError> {
    let failed = |what: String| NotifyError::NoDesktop { what };
    // It must not keep open what somebody reads to the end, such as cron.
    let output = if by == Ready::Line { Stdio::piped() } else { Stdio::null() };
    command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(format!("the keeper: {error}")))?;
    let shown = async {
        match child.stdout.take() {
            Some(output) => {
                let mut line = String::new();
                let _ = BufReader::new(output).read_line(&mut line).await;
                line.trim_end() == SHOWN
            }
            None => child.wait().await.is_ok_and(|status| status.success()),
        }
    };
    let shown = timeout(Duration::from_secs(READY_SECONDS_MAX), shown).await;
    match shown {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed("the keeper of the bubble could not show it".to_owned())),
        Err(_) => {
            let _ = child.kill().await;
            Err(NotifyError::TooSlow { seconds: READY_SECONDS_MAX })
        }
    }
}

/// Returns the arguments of a keeper: `bubble --place waiting --state DIR [--urgent] SUMMARY BODY -- OPEN…`.
fn arguments(bubble: &Bubble, place: Place, state_dir: &Path, click: &Click<'_>) -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<std::ffi::OsString> = vec!["bubble".into(), "--place".into(), place.word().into()];
    arguments.extend(["--state".into(), state_dir.into()]);
    if bubble.is_urgent {
        arguments.push("--urgent".into());
    }
    arguments.extend([(&bubble.summary).into(), (&bubble.body).into(), "--".into()]);
    arguments.extend(click.open.iter().map(Into::into));
    arguments
}

/// Returns the command that starts a keeper as a service of its own, and ends when it is ready.
fn service(bubble: &Bubble, place: Place, state_dir: &Path, click: &Click<'_>) -> Command {
    let mut command = Command::new("systemd-run");
    command.args([
        "--user",
        "--quiet",
        "--collect",
        "--description=git-drafts: a bubble that can be clicked",
    ]);
    // What a click opened outlives the keeper.
    command.args(["--property=Type=notify", "--property=KillMode=process"]);
    command.arg(format!("--property=TimeoutStartSec={READY_SECONDS_MAX}"));
    let mut folder = std::ffi::OsString::from("--property=WorkingDirectory=");
    folder.push(click.folder);
    command.arg(folder);
    for name in ["DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "PATH"] {
        if env::var_os(name).is_some() {
            command.arg(format!("--setenv={name}"));
        }
    }
    command.arg("--").arg(click.keeper);
    // A service manager puts the values of variables in (systemd.service(5)); there are none here.
    let as_it_is = |argument: &std::ffi::OsString| match argument.to_str() {
        Some(text) => text.replace('$', "$$").into(),
        None => argument.clone(),
    };
    command.args(arguments(bubble, place, state_dir, click).iter().map(as_it_is));
    command
}

/// Shows a bubble and waits for a click, which starts `open` in the folder that we are in.
///
/// Prints `shown` and tells the service manager (`sd_notify(3)`) once it is shown.
///
/// # Errors
/// There is no desktop, or it does not answer.
pub async fn keep(
    bubble: &Bubble,
    place: Place,
    state_dir: &Path,
    open: &[String],
    shown: impl FnOnce(&str),
) -> Result<(), NotifyError> {
    // The name is handed on: whoever kept the last bubble of this place sees that it is replaced, and ends.
    let taking = async {
        let bus = zbus::Connection::session().await?;
        let lost = DBusProxy::new(&bus).await?.receive_name_lost().await?;
        bus.request_name_with_flags(name(place, state_dir), RequestNameFlags::all()).await?;
        Ok::<_, zbus::Error>((bus, lost))
    };
    let (_bus, mut lost) = in_time(taking).await?.map_err(no_desktop)?;
    let mut notification = notification(bubble, last(place, state_dir));
    let handle = in_time(notification.action("default", "Open").show_async()).await?.map_err(no_desktop)?;
    if let Err(error) = remember(place, state_dir, handle.id()) {
        tracing::info!("the next notification will not replace this one: {error}");
    }
    shown(SHOWN);
    tell_service_manager();

    // Whichever comes first; the other is dropped with the set.
    let mut ends = JoinSet::new();
    ends.spawn(async move {
        let mut is_clicked = false;
        handle
            .wait_for_action_async(|response| is_clicked = *response == NotificationResponse::Default)
            .await;
        is_clicked
    });
    ends.spawn(async move {
        let _ = poll_fn(|context| Pin::new(&mut lost).poll_next(context)).await;
        false
    });
    let is_clicked = matches!(timeout(KEPT_MAX, ends.join_next()).await, Ok(Some(Ok(true))));
    if is_clicked && let Some((program, arguments)) = open.split_first() {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status().await {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(program, %status, "what a click opens ended"),
            Err(error) => tracing::warn!(program, %error, "what a click opens did not run"),
        }
    }
    Ok(())
}

/// Returns the name that the keeper of a place has on the bus: `git_drafts.bubble.waiting.d0123456789abcdef`.
fn name(place: Place, state_dir: &Path) -> String {
    let hash = Sha256::digest(state_dir.as_os_str().as_encoded_bytes());
    let hash: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("git_drafts.bubble.{}.d{hash}", place.word())
}

/// Tells a service manager that wants to know that the service is ready.
fn tell_service_manager() {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    let told = UnixDatagram::unbound().and_then(|datagram| datagram.send_to(b"READY=1", &socket));
    if let Err(error) = told {
        tracing::info!("the service manager was not told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_place_of_each_desk_has_a_name_that_a_bus_takes() {
        let names = Place::ALL
            .into_iter()
            .flat_map(|place| ["/a", "/ä b"].map(|folder| name(place, Path::new(folder))));
        let all: BTreeSet<String> = names.collect();
        assert!(
            all.iter().all(|name| zbus::names::WellKnownName::try_from(name.as_str()).is_ok()),
            "{all:?}"
        );
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_service_gets_every_word_as_it_is() {
        let bubble = Bubble { summary: "1 new".to_owned(), body: "$HOME".to_owned(), is_urgent: true };
        let open = ["xdg-open".to_owned(), "drafts".to_owned()];
        let click = Click {
            keeper: Path::new("/bin/git-drafts"),
            open: &open,
            folder: Path::new("/home/sam/my desk"),
            is_service: true,
        };
        let command = service(&bubble, Place::Trouble, Path::new("/state"), &click);
        let words: Vec<&str> = command.as_std().get_args().map(|word| word.to_str().unwrap()).collect();
        assert!(words.contains(&"--property=WorkingDirectory=/home/sam/my desk"), "{words:?}");
        let place = words.iter().position(|word| *word == "--").unwrap();
        assert_eq!(
            words[place + 1..].join("|"),
            "/bin/git-drafts|bubble|--place|trouble|--state|/state|--urgent|1 new|$$HOME|--|xdg-open|drafts"
        );
    }
}
