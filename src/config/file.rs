//! Reads the wiring file if only its owner can have written it, and writes a new one.
//!
//! It must never overwrite a wiring, and never believe a file before its owner and mode are known:
//! both are asked of the open file, so that no other one can take its place in between.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::config::{ConfigError, DEFAULT};
use crate::text;

/// The longest wiring.
const BYTES_MAX: u64 = 1024 * 1024;

/// The line of the template that names the desk.
const DESK_LINE: &str = "path = \"~/drafts\"\n";

/// Checks that nobody but us, or the administrator, can have written a file.
///
/// # Errors
/// No such file, another owner, or a mode that lets others write.
pub fn check_trusted(path: &Path) -> Result<(), ConfigError> {
    open_trusted(path).map(|_| ())
}

/// Reads a file that nobody but us, or the administrator, can have written.
///
/// # Errors
/// Those of [`check_trusted`], and one for what is too long or no text.
pub fn read_trusted(path: &Path) -> Result<String, ConfigError> {
    String::from_utf8(read_trusted_bytes(path)?)
        .map_err(|_| ConfigError::NoText { path: path.to_owned(), bytes_max: BYTES_MAX })
}

/// The same for a file that need not be text.
///
/// # Errors
/// As [`read_trusted`].
pub fn read_trusted_bytes(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    open_trusted(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(ConfigError::NoText { path: path.to_owned(), bytes_max: BYTES_MAX });
    }
    Ok(bytes)
}

/// Writes the wiring of a new machine, with the path of its desk, for `init`.
///
/// The folders are made for us alone, and so is the file.
///
/// # Errors
/// There is a wiring already, the path is not UTF-8, or the file cannot be written.
pub fn write_default(path: &Path, desk: &Path) -> Result<(), ConfigError> {
    let text = default_text(desk)?;
    let not_written = |error| ConfigError::NotWritten { path: path.to_owned(), error };
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(not_written)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(
        |error| match error.kind() {
            ErrorKind::AlreadyExists => ConfigError::Exists { path: path.to_owned() },
            _ => not_written(error),
        },
    )?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a wiring would stand in the way of the next try.
        let _ = fs::remove_file(path);
    }
    written.map_err(not_written)
}

/// Returns the template with the path of the desk.
fn default_text(desk: &Path) -> Result<String, ConfigError> {
    let shown = desk.to_str().ok_or_else(|| ConfigError::NotUtf8 { path: desk.to_owned() })?;
    Ok(DEFAULT.replacen(DESK_LINE, &format!("path = {}\n", text::toml_string(shown)), 1))
}

/// Opens a plain file and returns what is known about it.
///
/// A pipe in its place does not make us wait for a writer.
pub(super) fn open_plain(path: &Path) -> io::Result<(File, Metadata)> {
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok((file, metadata))
}

fn open_trusted(path: &Path) -> Result<File, ConfigError> {
    let (file, metadata) = open_plain(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
        _ => ConfigError::Unreadable { path: path.to_owned(), error },
    })?;
    check_access(path, metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())?;
    Ok(file)
}

/// Checks that nobody but `us`, or the administrator, who can do anything anyway, may have written.
fn check_access(path: &Path, owner: u32, mode: u32, us: u32) -> Result<(), ConfigError> {
    if owner != us && owner != 0 {
        return Err(ConfigError::NotOurs { path: path.to_owned(), owner });
    }
    if mode & 0o022 != 0 {
        return Err(ConfigError::WritableByOthers { path: path.to_owned(), mode: mode & 0o777 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{SecretsWiring, Wiring};
    use crate::error::Hint;

    #[test]
    fn a_new_wiring_is_ours_alone_and_names_the_desk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/config.toml");
        write_default(&path, Path::new("/srv/my \"drafts\"")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let wiring = Wiring::load(&path, folder.path()).unwrap();
        assert_eq!(wiring.desk.path, Path::new("/srv/my \"drafts\""));
    }

    #[test]
    fn a_wiring_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "mine").unwrap();
        let error = write_default(&path, Path::new("/srv/drafts")).unwrap_err();
        assert_eq!(error.to_string(), format!("there is a wiring at {} already", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_wiring_that_others_may_write_to_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        write_default(&path, Path::new("/srv/drafts")).unwrap();
        for (mode, believed) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_trusted(&path).is_ok(), believed, "{mode:o}");
        }
        let error = Wiring::load(&path, folder.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("others may write to {} (mode 602), so it is not believed", path.display())
        );
        assert_eq!(error.hint().unwrap(), format!("read it, then: chmod 600 {}", path.display()));
    }

    #[test]
    fn a_wiring_of_somebody_else_is_not_believed() {
        let check = |owner: u32, us: u32, wrong: &str| {
            let shown = check_access(Path::new("w"), owner, 0o100600, us).map_err(|error| error.to_string());
            assert_eq!(shown.err().unwrap_or_default(), wrong);
        };
        check(1000, 1000, "");
        check(0, 1000, "");
        check(1001, 1000, "w belongs to user 1001, so it is not believed");
        check(1000, 0, "w belongs to user 1000, so it is not believed");
    }

    #[test]
    fn rules_are_read_where_they_are_ours_and_their_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        let wiring = SecretsWiring { extra_rules: Some(path.clone()) };
        let error = || {
            wiring.scanner().map(|_| ()).unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "")
        };
        assert_eq!(error(), "cannot read /rules.toml: entity not found");
        fs::write(&path, "[[rules]]\nid = \"badge\"\nregex = 'acme-[0-9a-f]{8}'\nkeywords = [\"acme\"]\n")
            .unwrap();
        let (scanner, notes) = wiring.scanner().unwrap();
        assert!(notes.is_empty());
        assert!(scanner.scan("it is acme-0a1b2c3d").iter().all(|hit| hit.kind == "badge" && hit.hard));
        assert_eq!(scanner.scan("it is acme-0a1b2c3d").len(), 1);
        fs::write(&path, "[[rules]]\nid = \"badge\"\nregex = '('\n").unwrap();
        assert_eq!(error(), "/rules.toml:3: the pattern does not compile: unclosed group");
        fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
        assert_eq!(error(), "others may write to /rules.toml (mode 622), so it is not believed");
    }

    #[test]
    fn a_missing_wiring_says_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = Wiring::load(&folder.path().join("config.toml"), folder.path()).unwrap_err();
        assert_eq!(error.hint().unwrap(), "`git drafts init` writes one");
        assert!(matches!(read_trusted(folder.path()), Err(ConfigError::Unreadable { .. })));
    }
}
