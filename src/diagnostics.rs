//! Says on stderr what the program does, for whoever looks for a fault, and never a secret.
//!
//! Every line goes through the same scanner as messages and drafts do, and loses what is known here,
//! too. It must never hold the text of a message, a prompt or an answer; libraries, which could say
//! what they carry, are heard only where they warn.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::secret::{self, Known};

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Libraries that carry messages, prompts and credentials; they could say them.
const CARRIERS: [&str; 6] = ["hyper", "hyper_util", "h2", "rustls", "zbus", "tokio"];

/// Characters below which a credential is not looked for: texts without it would hold it.
const CREDENTIAL_CHARS_MIN: usize = 8;

/// The credentials that this process has fetched, shared with all who must not show them.
#[derive(Clone, Default)]
pub struct Credentials(Arc<RwLock<Fetched>>);

#[derive(Default)]
struct Fetched {
    values: Vec<String>,
    known: Known,
}

impl Credentials {
    /// Notes a credential that was fetched.
    pub fn add(&self, value: &str) {
        let value = value.trim();
        let mut fetched = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if value.chars().count() >= CREDENTIAL_CHARS_MIN && !fetched.values.iter().any(|known| known == value)
        {
            fetched.values.push(value.to_owned());
            fetched.known.add(value);
        }
    }

    /// Returns them as they are looked for.
    pub fn known(&self) -> Known {
        self.0.read().unwrap_or_else(PoisonError::into_inner).known.clone()
    }

    /// Returns them, for whoever makes fingerprints of them.
    pub fn values(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values.clone()
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values.len()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.count())
    }
}

/// Begins to write diagnostics to stderr; `GIT_DRAFTS_LOG` says which, else how often `-v` was given.
pub fn start(verbose: u8, credentials: &Credentials) {
    let default = match verbose {
        0 => "warn",
        1 => "git_drafts=info,warn",
        _ => "git_drafts=debug,info",
    };
    let mut filter = EnvFilter::try_from_env("GIT_DRAFTS_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    for carrier in CARRIERS {
        let quiet = format!("{carrier}=warn");
        filter = filter.add_directive(quiet.parse().expect("a module and a level are a directive"));
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr { credentials: credentials.clone() })
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .without_time();
    // Somebody who uses the library may have a subscriber already.
    let _ = subscriber.try_init();
}

/// Makes writers to stderr that show no secret.
struct Stderr {
    credentials: Credentials,
}

impl<'w> MakeWriter<'w> for Stderr {
    type Writer = Line<io::Stderr>;

    fn make_writer(&'w self) -> Self::Writer {
        Line { known: self.credentials.known(), text: Vec::new(), out: io::stderr() }
    }
}

/// One event: it is written when it is whole, so that no secret is cut in two.
struct Line<W: Write> {
    known: Known,
    text: Vec<u8>,
    out: W,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        self.text.clear();
        self.out.write_all(clean(&text, &self.known).as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Line<W> {
    fn drop(&mut self) {
        // Nobody could be told that stderr is gone.
        let _ = self.flush();
    }
}

/// Returns a line with `[redacted]` for every secret in it.
fn clean(text: &str, known: &Known) -> String {
    let (line, _) = secret::redact(text, known);
    if line == text {
        return line;
    }
    let mut clean = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once("[secret:") {
        let Some((_, after)) = after.split_once(']') else { break };
        clean.push_str(before);
        clean.push_str(REDACTED);
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_secrets_and_nothing_else() {
        let credentials = Credentials::default();
        let ours = ["gold", "fish-77"].concat();
        credentials.add(&format!("{ours}\n"));
        credentials.add(&ours);
        credentials.add("short");
        assert_eq!(credentials.count(), 1);
        let token = ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat();
        let mut out = Vec::new();
        let mut line = Line { known: credentials.known(), text: Vec::new(), out: &mut out };
        // In several pieces, as a formatter may write them.
        for piece in ["INFO took ", &ours[..5], &ours[5..], " and ", &token, ", then short\n"] {
            line.write_all(piece.as_bytes()).unwrap();
        }
        drop(line);
        assert_eq!(String::from_utf8(out).unwrap(), "INFO took [redacted] and [redacted], then short\n");
        assert_eq!(format!("{credentials:?}"), "Credentials(1)");
    }
}
