//! A log in a file, for runs that nobody watches and that have no journal; bounded.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::event::Event;

/// The most bytes of the file, of the one before it, and of what one process adds.
const BYTES_MAX: u64 = 1024 * 1024;

/// The log; made with its first line.
pub struct Log {
    path: PathBuf,
    open: Mutex<Option<(File, u64)>>,
}

impl Log {
    /// Makes the log of this path.
    pub fn new(path: PathBuf) -> Self {
        Self { path, open: Mutex::new(None) }
    }

    /// Adds an event, in one piece, since several processes may.
    pub fn write(&self, event: &Event, now: Timestamp) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some((self.open()?, 0));
        }
        let Some((file, bytes)) = &mut *open else { return Ok(()) };
        let line = format!("{now:.3} {} {} {}\n", process::id(), event.level, event.line());
        *bytes += line.len() as u64;
        if *bytes > BYTES_MAX {
            return Ok(());
        }
        file.write_all(line.as_bytes())
    }

    fn open(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > BYTES_MAX) {
            // Where another process was first, there is nothing to do.
            let _ = fs::rename(&self.path, self.path.with_extension("1"));
        }
        File::options().create(true).append(true).mode(0o600).open(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_file_and_the_one_before_it_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/log");
        let event = Event { level: Level::INFO, message: "x".repeat(2000), fields: Vec::new() };
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for _ in 0..3 {
            let log = Log::new(path.clone());
            for _ in 0..600 {
                log.write(&event, now).unwrap();
            }
        }
        let bytes = |path: &PathBuf| fs::metadata(path).unwrap().len();
        let before = path.with_extension("1");
        assert!(bytes(&path) <= 2 * BYTES_MAX && bytes(&before) <= 2 * BYTES_MAX);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
        let text = fs::read_to_string(&path).unwrap();
        let begin = format!("2026-11-20T12:00:00.000Z {} INFO xx", process::id());
        assert!(text.starts_with(&begin), "{}", &text[..80]);
    }
}
