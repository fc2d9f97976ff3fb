//! Hands mail to the machine's own mail system, through a program that works like `sendmail`.
//!
//! The recipients are arguments: the program never reads them from the headers. It is believed when
//! it says yes, and when it says no in the words of `sysexits.h`; whatever else happens after it got
//! the first byte, nobody knows whether the mail has gone.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connector::mail::write::{recipients, write};
use crate::failpoint::reached;
use crate::outgoing::{Capabilities, Outcome, Outgoing};
use crate::stdin;
use crate::text;

/// The variables that the program gets, where we have them; no other reaches it.
pub const ENVIRONMENT: [&str; 5] = ["HOME", "PATH", "USER", "LOGNAME", "LANG"];

/// Bytes of its output that are kept; the rest is read and dropped, so that it never waits for us.
const OUTPUT_BYTES_MAX: usize = 4096;

/// How long its output is awaited after it has ended: a program of its own may hold it open.
const OUTPUT_WAIT: Duration = Duration::from_millis(200);

/// How long to wait after it said later.
const RETRY_SECONDS: i64 = 900;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// A program that takes mail as `sendmail` does.
#[derive(Clone, Debug)]
pub struct Transport {
    /// The program and its first arguments; ours follow: `-i -f FROM -- RECIPIENT…`.
    pub command: Vec<String>,
    /// How long it may take; after that it is killed, and nobody knows whether the mail has gone.
    pub timeout: Duration,
    /// Our own environment, of which it gets what [`ENVIRONMENT`] names.
    pub environment: Vec<(OsString, OsString)>,
}

impl Transport {
    /// Returns what makes sending again safe here: nothing.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { dedupes: false, can_find: false }
    }

    /// Hands the mail over once.
    ///
    /// The program inherits `lock`, so that the lock is held as long as it lives, whatever becomes
    /// of us.
    pub async fn send(&self, outgoing: &Outgoing, lock: Option<&File>, now: Timestamp) -> Outcome {
        let bytes = match write(outgoing) {
            Ok(bytes) => with_line_feeds(&bytes),
            Err(error) => return failed(&error.to_string()),
        };
        let (mut child, mail) = match self.spawn(outgoing, &bytes, lock) {
            Ok(started) => started,
            Err(error) => return not_started(&self.shown(), &error, now),
        };
        reached("program.started");
        let attempt = attend(&mut child);
        let Ok((ended, output)) = timeout(self.timeout, attempt).await else {
            // Ours alone, by its own handle: its process group may be ours.
            let _ = child.kill().await;
            let seconds = self.timeout.as_secs();
            return unsure(&format!(
                "{} did not end within {seconds} seconds, and was stopped",
                self.shown()
            ));
        };
        reached("program.ended");
        match ended {
            Ok(status) => {
                // It read through the same open file, so its place in it is ours.
                let took_all = (&mail).stream_position().is_ok_and(|place| place == bytes.len() as u64);
                self.outcome(status, took_all, &output, recipients(outgoing).len(), now)
            }
            Err(error) => unsure(&format!("{}: {error}", self.shown())),
        }
    }

    /// Starts the program with the whole mail as its input.
    fn spawn(&self, outgoing: &Outgoing, bytes: &[u8], lock: Option<&File>) -> io::Result<(Child, File)> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no command is set"));
        };
        let known = |name: &OsString| ENVIRONMENT.iter().any(|known| *name == **known);
        // Dropped when the program has been started: then only it and the caller hold the lock. A mail system
        // may deliver in the background after it has said yes: what it leaves there is not ended.
        let _inherited = lock.map(inheritable).transpose()?;
        let mail = stdin::in_memory(bytes)?;
        let child = Command::new(program)
            .args(arguments)
            .args(["-i", "-f", &outgoing.from.email, "--"])
            .args(recipients(outgoing))
            .env_clear()
            .envs(self.environment.iter().filter(|(name, _)| known(name)).cloned())
            .stdin(mail.try_clone()?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok((child, mail))
    }

    /// Says what its end means. `took_all`: it read the mail to the end.
    fn outcome(
        &self,
        status: ExitStatus,
        took_all: bool,
        output: &str,
        recipients: usize,
        now: Timestamp,
    ) -> Outcome {
        let said = if output.is_empty() { String::new() } else { format!(": {output}") };
        let program = self.shown();
        match status.code() {
            Some(0) if took_all => Outcome::Delivered {
                receipt: text::one_line(&format!("accepted by {program}"), REASON_CHARS_MAX),
            },
            Some(0) => unsure(&format!("{program} said yes before it had read the mail{said}")),
            // EX_TEMPFAIL
            Some(75) => deferred(&format!("{program} says later{said}"), now),
            // EX_NOUSER and EX_NOHOST are about one recipient; the others may have got it.
            Some(code @ (67 | 68)) if recipients > 1 => {
                unsure(&format!("{program} refused a recipient with status {code}{said}"))
            }
            // EX_USAGE to EX_UNAVAILABLE, EX_NOPERM, EX_CONFIG
            Some(code @ (64..=69 | 77 | 78)) => {
                failed(&format!("{program} refused it with status {code}{said}"))
            }
            Some(code) => unsure(&format!("{program} ended with status {code}{said}")),
            None => unsure(&format!("{program} was ended by a signal{said}")),
        }
    }

    /// Returns the program's name without its folder: receipts are kept in the repository.
    fn shown(&self) -> String {
        let program = self.command.first().map(String::as_str).unwrap_or_default();
        let name = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned());
        text::one_line(&name.unwrap_or_default(), 60)
    }
}

/// Reads what the program says, and waits for its end.
async fn attend(child: &mut Child) -> (io::Result<ExitStatus>, String) {
    let mut reading = JoinSet::new();
    reading.spawn(keep(child.stderr.take()));
    reading.spawn(keep(child.stdout.take()));
    let status = child.wait().await;
    let mut said = Vec::new();
    while let Ok(Some(Ok(kept))) = timeout(OUTPUT_WAIT, reading.join_next()).await {
        said.extend(kept);
        said.push(b' ');
    }
    let said = text::one_line(&String::from_utf8_lossy(&said), REASON_CHARS_MAX);
    (status, said)
}

/// Reads to the end and returns the beginning.
async fn keep(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut output) = output else { return kept };
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
    }
    kept
}

/// Returns a second descriptor of an open file that a program started by us keeps.
pub(in crate::connector) fn inheritable(lock: &File) -> io::Result<OwnedFd> {
    let descriptor = fcntl_dupfd_cloexec(lock, 3)?;
    fcntl_setfd(&descriptor, FdFlags::empty())?;
    Ok(descriptor)
}

/// Ends lines as local programs expect them; a mail of ours has no other carriage returns.
fn with_line_feeds(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|&byte| byte != b'\r').collect()
}

/// Says what it means that the program was not started: nothing has been written.
fn not_started(program: &str, error: &io::Error, now: Timestamp) -> Outcome {
    let reason = format!("{program} cannot be started: {error}");
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::ArgumentListTooLong => failed(&reason),
        _ => deferred(&reason, now),
    }
}

fn failed(reason: &str) -> Outcome {
    Outcome::Failed { reason: text::one_line(reason, REASON_CHARS_MAX) }
}

fn unsure(reason: &str) -> Outcome {
    Outcome::Unsure { reason: text::one_line(reason, REASON_CHARS_MAX) }
}

fn deferred(reason: &str, now: Timestamp) -> Outcome {
    let until = now.saturating_add(SignedDuration::from_secs(RETRY_SECONDS)).unwrap_or(now);
    Outcome::Deferred { until, reason: text::one_line(reason, REASON_CHARS_MAX) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{FlockOperation, flock};
    use tempfile::TempDir;

    use super::*;
    use crate::connector::mail::tests::outgoing;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn transport(folder: &TempDir, script: &str) -> Transport {
        let path = folder.path().join("program");
        fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", folder.path().display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let environment = [("PATH", "/usr/bin:/bin"), ("HOME", "/nowhere"), ("HUB_TOKEN", "secret")];
        Transport {
            // Through the shell: a script that another thread's child still holds open for writing
            // cannot be executed.
            command: vec!["/bin/sh".to_owned(), path.display().to_string()],
            timeout: Duration::from_secs(20),
            environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
        }
    }

    fn run(transport: &Transport, outgoing: &Outgoing, lock: Option<&File>) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(transport.send(outgoing, lock, now()))
    }

    fn check(script: &str) -> String {
        let folder = TempDir::new().unwrap();
        match run(&transport(&folder, script), &outgoing(), None) {
            Outcome::Delivered { receipt } => format!("delivered: {receipt}"),
            Outcome::Deferred { until, reason } => format!("deferred until {until}: {reason}"),
            Outcome::Failed { reason } => format!("failed: {reason}"),
            Outcome::Unsure { reason } => format!("unsure: {reason}"),
        }
    }

    #[test]
    fn the_program_gets_the_mail_the_recipients_and_nothing_else() {
        let folder = TempDir::new().unwrap();
        let transport = transport(&folder, "echo \"$@\" >arguments; env | sort >environment; cat >mail");
        let mut outgoing = outgoing();
        outgoing.cc = vec![crate::message::Address::new("", "-oQ/tmp@example.org")];
        let outcome = run(&transport, &outgoing, None);
        assert_eq!(outcome, Outcome::Delivered { receipt: "accepted by sh".to_owned() });
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("arguments"), "-i -f sam@example.com -- ada@example.org -oQ/tmp@example.org\n");
        assert!(!read("environment").contains("secret"));
        assert!(read("environment").contains("HOME=/nowhere"));
        assert_eq!(read("mail"), String::from_utf8(write(&outgoing).unwrap()).unwrap().replace("\r\n", "\n"));
    }

    #[test]
    fn what_the_program_says_is_what_we_know() {
        assert_eq!(
            check("cat >mail; echo no such user >&2; exit 67"),
            "failed: sh refused it with status 67: no such user"
        );
        assert_eq!(check("cat >mail; exit 78"), "failed: sh refused it with status 78");
        assert_eq!(check("cat >mail; exit 75"), "deferred until 2026-11-20T12:15:00Z: sh says later");
        assert_eq!(check("cat >mail; exit 1"), "unsure: sh ended with status 1");
        assert_eq!(check("cat >mail; exit 71"), "unsure: sh ended with status 71");
        assert_eq!(check("cat >mail; kill -9 $$"), "unsure: sh was ended by a signal");
    }

    #[test]
    fn one_refused_recipient_of_two_leaves_us_unsure() {
        let folder = TempDir::new().unwrap();
        let mut outgoing = outgoing();
        outgoing.cc = vec![crate::message::Address::new("", "b@example.org")];
        let outcome = run(&transport(&folder, "cat >mail; exit 67"), &outgoing, None);
        assert!(matches!(outcome, Outcome::Unsure { .. }));
    }

    #[test]
    fn a_yes_before_the_end_of_the_mail_is_not_believed() {
        let folder = TempDir::new().unwrap();
        let mut outgoing = outgoing();
        outgoing.text = "a long text\n".repeat(100_000);
        let outcome = run(&transport(&folder, "exit 0"), &outgoing, None);
        assert!(matches!(outcome, Outcome::Unsure { .. }), "{outcome:?}");
    }

    #[test]
    fn a_program_that_hangs_is_stopped_and_leaves_us_unsure() {
        let folder = TempDir::new().unwrap();
        let mut transport = transport(&folder, "echo $$ >process; exec sleep 60");
        transport.timeout = Duration::from_secs(1);
        assert!(matches!(run(&transport, &outgoing(), None), Outcome::Unsure { .. }));
        let process = fs::read_to_string(folder.path().join("process")).unwrap();
        assert!(!Path::new("/proc").join(process.trim()).join("exe").exists());
    }

    #[test]
    fn a_program_that_talks_without_end_is_bounded() {
        let said = check("cat >mail; yes complaint | head -c 1000000 >&2; exit 70");
        assert!(said.starts_with("unsure: sh ended with status 70: complaint complaint"));
        assert!(said.chars().count() < 400);
    }

    #[test]
    fn a_program_that_leaves_another_behind_is_not_awaited() {
        let began = std::time::Instant::now();
        assert_eq!(check("cat >mail; sleep 12 & exit 0"), "delivered: accepted by sh");
        assert!(began.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn a_program_that_cannot_be_started_has_sent_nothing() {
        let folder = TempDir::new().unwrap();
        let mut transport = transport(&folder, "");
        transport.command = vec!["/nowhere/sendmail".to_owned()];
        assert!(matches!(run(&transport, &outgoing(), None), Outcome::Failed { .. }));
        transport.command.clear();
        assert!(matches!(run(&transport, &outgoing(), None), Outcome::Failed { .. }));
    }

    #[test]
    fn the_lock_is_held_as_long_as_the_program_lives() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("lock");
        let lock = File::create(&path).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        // The program ends at once and leaves one of its own behind, as mail systems do.
        let script = "mkfifo gate; cat >mail; (read line <gate) & exit 0";
        let outcome = run(&transport(&folder, script), &outgoing(), Some(&lock));
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        drop(lock);
        let other = File::open(&path).unwrap();
        assert!(flock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        fs::write(folder.path().join("gate"), "\n").unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
    }
}
