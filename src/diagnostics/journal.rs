//! Speaks to journald in its own protocol, so that `journalctl` finds a draft by its id.
//!
//! The protocol is systemd.io/JOURNAL_NATIVE_PROTOCOL: a datagram of fields, a line each.

use std::fmt::Write;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::fs::fstat;
use tracing::Level;

use super::event::Event;

/// Where journald listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// The most bytes of one event; a longer one is cut, so that it fits into a datagram.
const EVENT_BYTES_MAX: usize = 32 * 1024;

/// The journal.
pub struct Journal {
    socket: UnixDatagram,
    /// Fields of every event.
    common: Vec<(String, String)>,
}

impl Journal {
    /// Opens it; `invocation` is in every event, since a journal does not tell that of all user services.
    pub fn open(path: &Path, invocation: Option<&str>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A journal that is stuck must not keep a run waiting.
        socket.set_nonblocking(true)?;
        let invocation = invocation.map(|id| crate::text::one_line(id, 64));
        let common = invocation.map(|id| ("invocation".to_owned(), id));
        Ok(Self { socket, common: common.into_iter().collect() })
    }

    /// Writes an event.
    pub fn write(&self, event: &Event) -> io::Result<()> {
        self.socket.send(&datagram(event, &self.common)).map(|_| ())
    }
}

/// Tells whether stderr is the journal: `JOURNAL_STREAM` names its device and its inode.
pub fn is_stderr(journal_stream: Option<&str>) -> bool {
    let Ok(stat) = fstat(io::stderr()) else { return false };
    journal_stream.is_some_and(|stream| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Writes an event as journald takes it. What stands in it is one line already.
fn datagram(event: &Event, common: &[(String, String)]) -> Vec<u8> {
    let priority = match event.level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    };
    let mut text = format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER=git-drafts\nMESSAGE={}\n", event.line());
    for (name, value) in common.iter().chain(&event.fields) {
        // A draft's id has a name of its own; other fields say whose they are, and hide none of systemd's.
        let _ = match name.as_str() {
            "draft" => writeln!(text, "DRAFT_ID={value}"),
            name => writeln!(text, "GIT_DRAFTS_{}={value}", name.to_uppercase()),
        };
    }
    let (mut whole, cut) = crate::text::bounded(&text, EVENT_BYTES_MAX);
    if cut {
        whole = &whole[..whole.rfind('\n').map_or(0, |end| end + 1)];
    }
    whole.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str, fields: &[(&str, &str)]) -> Event {
        Event {
            level: Level::WARN,
            message: message.to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn an_event_arrives_with_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::open(&path, Some("0a1b")).unwrap();
        journal.write(&event("looked at", &[("draft", "kqzmwvst"), ("connector", "out")])).unwrap();
        let mut bytes = [0; 1024];
        let length = journald.recv(&mut bytes).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&bytes[..length]),
            "PRIORITY=4\nSYSLOG_IDENTIFIER=git-drafts\nMESSAGE=looked at draft=kqzmwvst connector=out\n\
             GIT_DRAFTS_INVOCATION=0a1b\nDRAFT_ID=kqzmwvst\nGIT_DRAFTS_CONNECTOR=out\n"
        );
    }

    #[test]
    fn an_event_that_is_too_long_loses_whole_fields() {
        let long = "x".repeat(EVENT_BYTES_MAX);
        let whole = datagram(&event("m", &[("a", "1")]), &[]);
        assert!(datagram(&event("m", &[("a", &long)]), &[]).len() < whole.len());
        assert!(datagram(&event("m", &[("draft", "kqzmwvst"), ("a", &long)]), &[]).ends_with(b"\n"));
    }

    #[test]
    fn another_streams_number_is_not_stderrs() {
        for stream in [None, Some(""), Some("0:0"), Some("1"), Some("nonsense")] {
            assert!(!is_stderr(stream), "{stream:?}");
        }
    }
}
