//! Fetches a secret from where the wiring says it is.
//!
//! A secret never stands in the wiring, and is never shown: not by [`Secret`]'s debug text, not by an
//! error, which names the reference only. Of a command only the program is named, and what it says
//! about its troubles is not repeated: both may hold the secret.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::config::file::open_plain;
use crate::error::Hint;

/// How long a command may take to tell its secret.
const COMMAND_SECONDS_MAX: u64 = 30;

/// The most that is read of anything that holds a secret.
const BYTES_MAX: u64 = 64 * 1024;

/// Where systemd puts the credentials of a unit.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// The first line that a program prints; at least the program.
    Command(Vec<String>),
    /// An environment variable.
    Env(String),
    /// The first line of a file that only its owner can read.
    File(PathBuf),
    /// The first line of a systemd credential of this name, in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl SecretRef {
    /// Fetches the secret; `environment` looks up a variable.
    ///
    /// # Errors
    /// It is not there, is empty, took too long, or others can read it.
    pub async fn resolve(
        &self,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Secret, SecretError> {
        let bytes = match self {
            SecretRef::Command(command) => printed(command, Duration::from_secs(COMMAND_SECONDS_MAX)).await?,
            SecretRef::Env(name) => environment(name)
                .ok_or_else(|| SecretError::NotSet { name: name.clone() })?
                .into_encoded_bytes(),
            SecretRef::File(path) => stored(path, 0o077)?,
            SecretRef::Credential(name) => {
                let folder = environment(CREDENTIALS)
                    .ok_or_else(|| SecretError::NotSet { name: CREDENTIALS.to_owned() })?;
                // Only the unit can reach them, and systemd shows its access list as group bits.
                stored(&Path::new(&folder).join(name), 0)?
            }
        };
        first_line(bytes).ok_or_else(|| SecretError::Empty { place: self.to_string() })
    }
}

impl fmt::Display for SecretRef {
    /// Names the place, as errors do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Command(command) => write!(f, "what `{}` printed", program(command)),
            SecretRef::Env(name) => write!(f, "the environment variable `{name}`"),
            SecretRef::File(path) => write!(f, "{}", path.display()),
            SecretRef::Credential(name) => write!(f, "the credential `{name}`"),
        }
    }
}

/// A secret. Its debug text never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret itself, for the one who needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The program did not start, or broke off.
    #[error("cannot run `{program}` for a secret: {error}")]
    NotRun {
        /// The program.
        program: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The program said no.
    #[error("`{program}` gave no secret: {status}")]
    Refused {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The program is still thinking, and was ended.
    #[error("`{program}` gave no secret within {seconds} s")]
    TooSlow {
        /// The program.
        program: String,
        /// The bound.
        seconds: u64,
    },
    /// Far more than a secret.
    #[error("{place} is longer than {BYTES_MAX} bytes")]
    TooLong {
        /// Where it is.
        place: String,
    },
    /// There is no such environment variable.
    #[error("the environment variable `{name}` is not set")]
    NotSet {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read {} for a secret: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Others can read the file, so it may be no secret any more.
    #[error("others can read the secret in {} (mode {mode:03o})", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing is there, or no text.
    #[error("there is no secret in {place}")]
    Empty {
        /// Where it should be.
        place: String,
    },
}

impl Hint for SecretError {
    fn hint(&self) -> Option<String> {
        match self {
            SecretError::ReadableByOthers { path, .. } => Some(format!("chmod 600 {}", path.display())),
            SecretError::Refused { program, .. } | SecretError::TooSlow { program, .. } => {
                Some(format!("run `{program}` as the wiring says in a terminal to see what it wants"))
            }
            SecretError::NotSet { name } if name == CREDENTIALS => {
                Some("credentials are there only in a systemd unit that has LoadCredential=".to_owned())
            }
            SecretError::NotRun { .. }
            | SecretError::TooLong { .. }
            | SecretError::NotSet { .. }
            | SecretError::Unreadable { .. }
            | SecretError::Empty { .. } => None,
        }
    }
}

/// Returns all that a program prints. What it says on stderr goes nowhere.
async fn printed(command: &[String], timeout: Duration) -> Result<Vec<u8>, SecretError> {
    let program = program(command).to_owned();
    let not_run = |error| SecretError::NotRun { program: program.clone(), error };
    let mut child = Command::new(&program)
        .args(command.iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let mut bytes = Vec::new();
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(BYTES_MAX + 1).read_to_end(&mut bytes).await?;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(timeout, run)
        .await
        .map_err(|_| SecretError::TooSlow { program: program.clone(), seconds: timeout.as_secs() })?
        .map_err(not_run)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(SecretError::TooLong { place: format!("what `{program}` printed") });
    }
    if !status.success() {
        return Err(SecretError::Refused { program, status });
    }
    Ok(bytes)
}

/// Returns what is in a file that has none of the `forbidden` permission bits.
fn stored(path: &Path, forbidden: u32) -> Result<Vec<u8>, SecretError> {
    let unreadable = |error| SecretError::Unreadable { path: path.to_owned(), error };
    let (file, metadata) = open_plain(path).map_err(unreadable)?;
    let mode = metadata.mode() & 0o777;
    if mode & forbidden != 0 {
        return Err(SecretError::ReadableByOthers { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(SecretError::TooLong { place: path.display().to_string() });
    }
    Ok(bytes)
}

/// Returns the first line, if there is anything in it.
fn first_line(bytes: Vec<u8>) -> Option<Secret> {
    let text = String::from_utf8(bytes).ok()?;
    let line = text.lines().next()?;
    (!line.trim().is_empty()).then(|| Secret(line.to_owned()))
}

fn program(command: &[String]) -> &str {
    command.first().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn resolve(secret: SecretRef, environment: &[(&str, &Path)]) -> Result<Secret, SecretError> {
        let look_up = |name: &str| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.as_os_str().to_owned())
        };
        run(secret.resolve(look_up))
    }

    fn check(secret: SecretRef, environment: &[(&str, &Path)], found: &str) {
        let shown = match resolve(secret, environment) {
            Ok(secret) => secret.expose().to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, found);
    }

    #[test]
    fn a_command_tells_its_secret_in_the_first_line() {
        let sh = |script| SecretRef::Command(command(&["sh", "-c", script]));
        check(sh("echo 's3 cr3t'; echo 'user: sam'"), &[], "s3 cr3t");
        check(sh("echo; echo s3cr3t"), &[], "there is no secret in what `sh` printed");
        check(sh("echo s3cr3t; echo s3cr3t >&2; exit 3"), &[], "`sh` gave no secret: exit status: 3");
        check(sh("printf '\\377'"), &[], "there is no secret in what `sh` printed");
        check(sh("yes"), &[], "what `sh` printed is longer than 65536 bytes");
        check(
            SecretRef::Command(command(&["no-such-program", "s3cr3t"])),
            &[],
            "cannot run `no-such-program` for a secret: No such file or directory (os error 2)",
        );
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let began = Instant::now();
        let error = run(printed(&command(&["sleep", "60"]), Duration::from_millis(50))).unwrap_err();
        assert_eq!(error.to_string(), "`sleep` gave no secret within 0 s");
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_variable_holds_a_secret() {
        let secret = || SecretRef::Env("HUB_TOKEN".to_owned());
        check(secret(), &[("HUB_TOKEN", Path::new("s3cr3t"))], "s3cr3t");
        check(
            secret(),
            &[("HUB_TOKEN", Path::new(" "))],
            "there is no secret in the environment variable `HUB_TOKEN`",
        );
        check(secret(), &[], "the environment variable `HUB_TOKEN` is not set");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.token");
        fs::write(&path, "s3cr3t\r\n").unwrap();
        for (mode, accepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(resolve(SecretRef::File(path.clone()), &[]).is_ok(), accepted, "{mode:o}");
        }
        let error = resolve(SecretRef::File(path.clone()), &[]).unwrap_err();
        assert_eq!(error.to_string(), format!("others can read the secret in {} (mode 604)", path.display()));
        assert_eq!(error.hint().unwrap(), format!("chmod 600 {}", path.display()));
    }

    #[test]
    fn a_credential_is_looked_up_in_the_folder_of_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hub"), "s3cr3t\n").unwrap();
        let secret = || SecretRef::Credential("hub".to_owned());
        check(secret(), &[(CREDENTIALS, folder.path())], "s3cr3t");
        check(secret(), &[], "the environment variable `CREDENTIALS_DIRECTORY` is not set");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = resolve(SecretRef::Env("T".to_owned()), &[("T", Path::new("s3cr3t"))]).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }
}
