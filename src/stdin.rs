//! What a program that we start is given to read.

use std::fs::File;
use std::io::{self, Seek, Write};

use rustix::fs::{MemfdFlags, memfd_create};

/// Returns a file in memory that holds `bytes` and is read from its beginning.
///
/// A file and no pipe: a program that does not read it makes nobody wait, and one that reads a pipe would
/// take our death for the end of the text, and go on with the half of it. A clone of the file shares the
/// place up to which it was read.
pub fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}
