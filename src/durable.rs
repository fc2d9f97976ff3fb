//! Small files that must be whole after a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process;

/// Puts a file in the place of another, or makes it with its folder; after a power cut there is one of
/// the two, whole.
///
/// Which of them is not certain before the folder is flushed: for files that may lag behind. Of several
/// processes that write at once, the last one wins.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", process::id()));
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&aside, path)
}

/// Makes durable which files a folder holds: that of `path`.
pub fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
