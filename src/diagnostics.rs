//! Says what the program does, for whoever looks for a fault, and never a secret: on stderr, in the journal, or in
//! a file.
//!
//! Every line goes through the same scanner as messages and drafts do, and loses what is known here,
//! too. It must never hold the text of a message, a prompt or an answer; libraries, which could say
//! what they carry, are heard only where they warn.

mod event;
mod file;
mod journal;

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{self, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use self::event::Event;
use self::file::Log;
use self::journal::Journal;
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

    /// Returns words from outside with `[redacted]` for every credential in them, also for the beginning of
    /// one that a cut (`…`) left.
    ///
    /// Whatever a connector says goes through this before it is kept or shown: a system may echo what it was
    /// given, and the ledger is for ever.
    pub fn clean(&self, words: &str) -> String {
        let fetched = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = String::with_capacity(words.len());
        let mut after = 0;
        for hit in fetched.known.hits(words) {
            clean.push_str(&words[after..hit.start]);
            clean.push_str(REDACTED);
            after = hit.end;
        }
        clean.push_str(&words[after..]);
        let Some(stem) = clean.strip_suffix('…') else { return clean };
        match fetched.values.iter().filter_map(|value| beginning_at_end(stem, value)).max() {
            Some(length) => format!("{}{REDACTED}…", &stem[..stem.len() - length]),
            None => clean,
        }
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

/// Begins to write diagnostics. `GIT_DRAFTS_LOG` says which, else how often `-v` was given.
///
/// They go to the journal where stderr is the journal's; else to stderr, and where that is no terminal also to
/// the file `log`, with more in it: whoever was not there wants to know more.
pub fn start(verbose: u8, credentials: &Credentials, log: PathBuf) {
    let words = |default: &str| {
        let mut filter =
            EnvFilter::try_from_env("GIT_DRAFTS_LOG").unwrap_or_else(|_| EnvFilter::new(default));
        for carrier in CARRIERS {
            let quiet = format!("{carrier}=warn");
            filter = filter.add_directive(quiet.parse().expect("a module and a level are a directive"));
        }
        filter
    };
    let info = "git_drafts=info,warn";
    let on_terminal = match verbose {
        0 => "warn",
        1 => info,
        _ => "git_drafts=debug,info",
    };
    let beside = if verbose > 1 { on_terminal } else { info };
    let (stream, invocation) = (env::var("JOURNAL_STREAM").ok(), env::var("INVOCATION_ID").ok());
    let journal = journal::is_stderr(stream.as_deref())
        .then(|| Journal::open(Path::new(journal::SOCKET), invocation.as_deref()));
    let place = match journal {
        Some(Ok(journal)) => Some(Place::Journal(journal)),
        Some(Err(_)) | None if io::stderr().is_terminal() => None,
        Some(Err(_)) | None => Some(Place::File(Log::new(log))),
    };
    let stderr = (!matches!(place, Some(Place::Journal(_)))).then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(Stderr { credentials: credentials.clone() })
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .without_time()
            .with_filter(words(on_terminal))
    });
    let beside =
        place.map(|place| Beside { place, credentials: credentials.clone() }.with_filter(words(beside)));
    // Somebody who uses the library may have a subscriber already.
    let _ = tracing_subscriber::registry().with(stderr).with(beside).try_init();
}

/// Where events go that nobody watches.
enum Place {
    Journal(Journal),
    File(Log),
}

struct Beside {
    place: Place,
    credentials: Credentials,
}

impl<S: tracing::Subscriber> Layer<S> for Beside {
    fn on_event(&self, event: &tracing::Event<'_>, _: layer::Context<'_, S>) {
        let event = Event::of(event, &self.credentials.known());
        // Nobody could be told that the log is gone.
        let _ = match &self.place {
            Place::Journal(journal) => journal.write(&event),
            Place::File(log) => log.write(&event, Timestamp::now()),
        };
    }
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

/// Returns how many bytes of the beginning of `value` a text ends with, if they are enough to tell.
fn beginning_at_end(text: &str, value: &str) -> Option<usize> {
    let lengths = value.char_indices().map(|(length, _)| length).skip(Known::LENGTH_MIN);
    lengths.filter(|&length| text.ends_with(&value[..length])).max()
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
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

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

    #[test]
    fn words_from_outside_lose_the_credentials_in_them_and_nothing_else() {
        let ours = ["gold", "fish-77"].concat();
        let credentials = Credentials::default();
        credentials.add(&ours);
        let check = |words: &str, clean: &str| assert_eq!(credentials.clean(words), clean);
        check("250 2.0.0 Ok: queued as 4XyZ0k1q", "250 2.0.0 Ok: queued as 4XyZ0k1q");
        check(&format!("401 for GET /?key={ours}&n=1"), "401 for GET /?key=[redacted]&n=1");
        // As a mail server may say again what `AUTH PLAIN` gave it.
        let said = STANDARD.encode(format!("\0sam\0{ours}"));
        let clean = credentials.clean(&format!("535 cannot decode {said}"));
        assert!(clean.contains(REDACTED) && !clean.contains(&said[8..16]), "{clean}");
        check(&crate::text::one_line(&format!("no {ours}"), 10), "no [redacted]…");
        check("no golf…", "no golf…");
    }
}
