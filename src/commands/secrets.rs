//! Keeps what this desk knows of secrets on this machine: the key, the fingerprints of two writers, and
//! what a person allows.
//!
//! `secrets/key` in the folder of the state is made once. `secrets/tick` is written by the tick alone,
//! `secrets/send` by the sender alone, each under its own lock; both are read by all. Values are never
//! written.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::rand::{GetRandomFlags, getrandom};

use super::{CommandError, Context, Result, Session};
use crate::config::file::read_trusted;
use crate::config::{ConfigError, ModelWiring};
use crate::durable;
use crate::guard::Secrets;
use crate::guard::allow::{self, Allowances};
use crate::guard::fingerprint::{Fingerprints, Key, Origin};
use crate::guard::inbound::Value;

/// The folder in that of the state.
const FOLDER: &str = "secrets";

/// The key's file in it.
const KEY: &str = "key";

/// Who writes a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The tick: its credentials, and what it took out of messages.
    Tick,
    /// The sender: its credentials.
    Send,
}

impl Writer {
    const ALL: [Writer; 2] = [Writer::Tick, Writer::Send];

    fn file(self) -> &'static str {
        match self {
            Writer::Tick => "tick",
            Writer::Send => "send",
        }
    }
}

/// Whether a command may write the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// It makes the key where there is none.
    Yes,
    /// It only looks: where there is no key, there is nothing that one was needed for.
    No,
}

/// Returns what is known of secrets now.
///
/// # Errors
/// The key or a list is there and cannot be read: then nobody knows what would leave.
pub fn load(context: &Context, session: &Session, make: Make) -> Result<Secrets> {
    let folder = session.state.join(FOLDER);
    let key = key(&folder, make)?;
    let mut fingerprints = Fingerprints::default();
    for writer in Writer::ALL {
        fingerprints.extend(list(&folder, &key, writer)?);
    }
    let (scanner, notes) = session.wiring.secrets.scanner()?;
    for note in notes {
        tracing::debug!(%note, "a rule of secrets");
    }
    Ok(Secrets { key, fingerprints, known: context.credentials.known(), scanner })
}

/// Notes the credentials that this process has fetched, and values that were taken out of messages with
/// the keyed hash of their thread. The caller holds the writer's lock.
pub fn note(
    context: &Context,
    session: &Session,
    secrets: &mut Secrets,
    writer: Writer,
    values: &[(Value, String)],
) -> Result<()> {
    secrets.known = context.credentials.known();
    let folder = session.state.join(FOLDER);
    let mut own = list(&folder, &secrets.key, writer)?;
    let mut changed = false;
    for value in context.credentials.values() {
        changed |= own.add(&secrets.key, &value, Origin::Credential, None);
    }
    for (value, thread) in values {
        changed |= own.add(&secrets.key, &value.text, value.origin, Some(thread));
    }
    if changed {
        let path = folder.join(writer.file());
        durable::replace(&path, own.render(&secrets.key).as_bytes())
            .map_err(|error| CommandError::system(&path, error))?;
        secrets.fingerprints.extend(own);
    }
    Ok(())
}

/// Notes the variables that a model's program gets and whose names say that they are credentials.
pub fn note_variables(context: &Context, model: &ModelWiring) {
    const WORDS: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL"];
    for name in &model.environment {
        let upper = name.to_ascii_uppercase();
        if let (true, Ok(value)) = (WORDS.iter().any(|word| upper.contains(word)), std::env::var(name)) {
            context.credentials.add(&value);
        }
    }
}

/// Returns where the list of what a person allows is: beside the wiring, never in the repository.
pub fn allow_path(session: &Session) -> Result<PathBuf> {
    let path = session.wiring_path.with_file_name(allow::FILE);
    session.check_outside(&path)?;
    Ok(path)
}

/// Reads what a person allows; nothing where there is no list.
pub fn allowances(session: &Session) -> Result<Allowances> {
    let path = allow_path(session)?;
    match read_trusted(&path) {
        Ok(text) => Ok(Allowances::parse(&path.display().to_string(), &text)?),
        Err(ConfigError::Missing { .. }) => Ok(Allowances::default()),
        Err(error) => Err(error.into()),
    }
}

/// Reads the key, or makes it.
fn key(folder: &Path, make: Make) -> Result<Key> {
    let path = folder.join(KEY);
    let failed = |error| CommandError::system(&path, error);
    let text = match (fs::read_to_string(&path), make) {
        (Err(error), Make::Yes) if error.kind() == ErrorKind::NotFound => {
            make_key(folder, &path).map_err(failed)?
        }
        (Err(error), Make::No) if error.kind() == ErrorKind::NotFound => random_text().map_err(failed)?,
        (read, _) => read.map_err(failed)?,
    };
    Key::parse(&text).ok_or_else(|| {
        CommandError::refused(
            format!("{} is no key", path.display()),
            format!("delete {}: the next tick makes it anew from what is in the inbox", folder.display()),
        )
    })
}

/// Makes the key; of several processes that make it at once, all take that of the first.
fn make_key(folder: &Path, path: &Path) -> io::Result<String> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    let text = random_text()?;
    let aside = folder.join(format!("{KEY}.{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(text),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read_to_string(path),
        Err(error) => Err(error),
    }
}

fn random_text() -> io::Result<String> {
    let mut bytes = [0; Key::BYTES];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn list(folder: &Path, key: &Key, writer: Writer) -> Result<Fingerprints> {
    let path = folder.join(writer.file());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Fingerprints::default()),
        Err(error) => return Err(CommandError::system(&path, error)),
    };
    Fingerprints::parse(key, &text).map_err(|error| {
        CommandError::refused(
            format!("{}: {error}, so nobody knows which secrets are known", path.display()),
            format!("delete {}: the next tick makes it anew from what is in the inbox", folder.display()),
        )
    })
}
