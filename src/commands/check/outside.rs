//! Whether the wiring can be believed, and whether what it names is there, as far as that needs no
//! network.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::super::{init, way_to_moved_wiring};
use super::Look;
use super::finding::Report;
use super::place::writable;
use crate::config::secret::SecretRef;
use crate::config::{self, ConfigError, SourceKind, TransportKind};
use crate::connector::link::{Server, certificates};
use crate::error::Hint;

/// Looks at the wiring file, who may touch it, and the note of it in the repository.
pub fn wiring(look: &Look<'_>, report: &mut Report) {
    let path = &look.session.wiring_path;
    let shown = look.context.shown(path);
    match &look.wiring_error {
        None => report.fine("wiring", format!("wiring {shown}")),
        Some(error) => {
            let name = match error {
                ConfigError::Missing { .. } => "wiring.missing",
                ConfigError::NotOurs { .. } | ConfigError::WritableByOthers { .. } => "wiring.access",
                _ => "wiring.mistake",
            };
            match way_to_moved_wiring(&look.session.repository, path) {
                Some(hint) if name == "wiring.missing" => report.wrong(name, error.to_string(), hint),
                Some(_) | None => report.error(name, error),
            }
        }
    }
    for warning in &look.session.wiring.warnings {
        report.error("wiring.warning", warning);
    }
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o777);
    // What others may write to is read by a person first.
    if mode & 0o077 != 0 && mode & 0o022 == 0 {
        let what = format!("others may read {shown} (mode {mode:03o}), which says where credentials are");
        if !look.fix {
            report.wrong("wiring.mode", what, "git drafts check --fix");
        } else {
            match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
                Ok(()) => report.mended("wiring.mode", format!("{shown} is yours alone now (mode 600)")),
                Err(error) => {
                    report.wrong("wiring.mode", format!("{what}: {error}"), format!("chmod 600 {shown}"))
                }
            }
        }
    }
    note(look, report);
}

/// Looks at `.git/drafts/wiring`, by which hooks and `-C` find the wiring.
fn note(look: &Look<'_>, report: &mut Report) {
    let session = &look.session;
    let note = session.repository.own_dir().join("wiring");
    let shown = note.display();
    let noted = fs::read_to_string(&note).map(|text| PathBuf::from(text.trim_end_matches('\n')));
    match (config::file::check_trusted(&note), noted) {
        (Err(ConfigError::Missing { .. }), _) if look.wiring_error.is_some() => {}
        (Err(ConfigError::Missing { .. }), _) if look.fix => {
            match init::wire(&session.repository, &session.wiring_path) {
                Ok(_) => report.mended("wiring.note", format!("{shown} says again where the wiring is")),
                Err(error) => report.error("wiring.note", &error),
            }
        }
        (Err(ConfigError::Missing { .. }), _) => report.wrong(
            "wiring.note",
            format!("{shown} is gone, so hooks may not find the wiring"),
            "git drafts check --fix",
        ),
        (Err(error), _) => report.error("wiring.note", &error),
        (Ok(()), Err(error)) => report.wrong(
            "wiring.note",
            format!("{shown}: {error}"),
            format!("rm {shown}, then git drafts check --fix"),
        ),
        (Ok(()), Ok(noted)) if !noted.exists() && noted != session.wiring_path => report.wrong(
            "wiring.note",
            format!("{shown} says that the wiring is at {}, and there is none", noted.display()),
            format!("rm {shown}, then git drafts check --fix"),
        ),
        (Ok(()), Ok(_)) => {}
    }
}

/// Looks at every source and transport.
pub async fn connectors(look: &Look<'_>, report: &mut Report) {
    let wiring = &look.session.wiring;
    let mut credentials: Vec<Credential<'_>> = Vec::new();
    if wiring.sources.is_empty() && look.wiring_error.is_none() {
        report.note(
            "source.none",
            "the wiring names no source, so no message is taken in",
            format!("add a [source.NAME] to {}", look.context.shown(&look.session.wiring_path)),
        );
    }
    for source in &wiring.sources {
        let name = &source.name;
        match &source.kind {
            SourceKind::Maildir { path, sent } => {
                let mut fine = true;
                for (key, path) in [("path", Some(path)), ("sent", sent.as_ref())] {
                    let trouble = path.and_then(|path| Some((path, unreadable_maildir(path)?)));
                    if let Some((path, why)) = trouble {
                        fine = false;
                        report.wrong(
                            "source.maildir",
                            format!("source `{name}`: {why}"),
                            format!("set `{key}` of it to a Maildir, or make one: mkdir -p {0}/new {0}/cur {0}/tmp", path.display()),
                        );
                    }
                }
                if fine {
                    report.fine("source", format!("source `{name}` reads {}", look.context.shown(path)));
                }
            }
            SourceKind::Folder { path, .. } => match fs::read_dir(path) {
                Ok(_) => report.fine("source", format!("source `{name}` reads {}", look.context.shown(path))),
                Err(error) => report.wrong(
                    "source.folder",
                    format!("source `{name}`: {} cannot be read: {error}", path.display()),
                    format!("set `path` of it to a folder, or make one: mkdir -p {}", path.display()),
                ),
            },
            SourceKind::Program(program) => {
                check_program(report, "source", name, &program.command);
                credentials.extend(program.secrets.iter().map(|(_, secret)| program_secret(name, secret)));
            }
            SourceKind::Imap(imap) => {
                let folders = imap.folders.join(", ");
                server(report, "source", name, &imap.server, &format!("reads {folders} at"));
                credentials.push(Credential { what: "source", name, key: "password", place: &imap.password });
            }
            SourceKind::Hub(hub) => {
                credentials.extend(hub.token.as_ref().map(|token| hub_token(name, token)))
            }
            SourceKind::Forge(forge) => {
                credentials.extend(forge.token.as_ref().map(|token| forge_token(name, token)))
            }
        }
    }
    for transport in &wiring.transports {
        let name = &transport.name;
        match &transport.kind {
            TransportKind::Maildir { path } => match unwritable_maildir(path) {
                None => report
                    .fine("transport", format!("transport `{name}` writes to {}", look.context.shown(path))),
                Some(why) => report.wrong(
                    "transport.maildir",
                    format!("transport `{name}`: {why}"),
                    "set `path` of it to a folder that you may write to, with new and tmp on one file system",
                ),
            },
            TransportKind::Folder { path, .. } => match writable(path) {
                Ok(()) => report
                    .fine("transport", format!("transport `{name}` writes to {}", look.context.shown(path))),
                Err(error) => report.wrong(
                    "transport.folder",
                    format!("transport `{name}`: {} cannot be written: {error}", path.display()),
                    "set `path` of it to a folder that you may write to",
                ),
            },
            TransportKind::Sendmail { command, .. } => check_program(report, "transport", name, command),
            TransportKind::Program(program) => {
                check_program(report, "transport", name, &program.command);
                let secrets = program.secrets.iter().map(|(_, secret)| program_secret(name, secret));
                let new: Vec<_> = secrets.filter(|secret| !credentials.contains(secret)).collect();
                credentials.extend(new);
            }
            TransportKind::Smtp(smtp) => {
                server(report, "transport", name, &smtp.server, "submits mail to");
                let password = smtp.login.as_ref().map(|(_, password)| password);
                credentials.extend(password.map(|place| Credential {
                    what: "transport",
                    name,
                    key: "password",
                    place,
                }));
            }
            TransportKind::Hub(hub) => {
                let token = hub.token.as_ref().map(|token| hub_token(name, token));
                credentials.extend(
                    token.filter(|token| !credentials.iter().any(|known| known.place == token.place)),
                );
            }
            TransportKind::Forge(forge) => {
                let token = forge.token.as_ref().map(|token| forge_token(name, token));
                credentials.extend(
                    token.filter(|token| !credentials.iter().any(|known| known.place == token.place)),
                );
            }
            TransportKind::Null => {
                report.fine("transport", format!("transport `{name}` rehearses and sends nothing"))
            }
        }
    }
    for Credential { what, name, key, place } in credentials {
        // The secret itself goes nowhere.
        match place.resolve(|variable| env::var_os(variable)).await {
            Ok(_) => report.fine("credential", format!("{what} `{name}` has its credential in {place}")),
            Err(error) => match error.hint() {
                Some(hint) => report.wrong("credential", format!("{what} `{name}`: {error}"), hint),
                None => report.wrong(
                    "credential",
                    format!("{what} `{name}`: {error}"),
                    format!("look at `{key}` of `{name}` in the wiring"),
                ),
            },
        }
    }
}

/// Looks whether the program of a connector is there.
fn check_program(report: &mut Report, kind: &'static str, name: &str, command: &[String]) {
    let program = command.first().map(String::as_str).unwrap_or_default();
    match find_program(program, env::var_os("PATH")) {
        Ok(path) => report.fine(kind, format!("{kind} `{name}` runs {}", path.display())),
        Err(why) => report.wrong(
            if kind == "source" { "source.command" } else { "transport.command" },
            format!("{kind} `{name}`: `{program}` {why}"),
            "install it, or name another program as its `command`",
        ),
    }
}

/// Where a connector's credential is, and which key of the wiring says so.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Credential<'w> {
    what: &'static str,
    name: &'w str,
    key: &'static str,
    place: &'w SecretRef,
}

fn hub_token<'w>(name: &'w str, place: &'w SecretRef) -> Credential<'w> {
    Credential { what: "hub", name, key: "token", place }
}

fn forge_token<'w>(name: &'w str, place: &'w SecretRef) -> Credential<'w> {
    Credential { what: "forge", name, key: "token", place }
}

fn program_secret<'w>(name: &'w str, place: &'w SecretRef) -> Credential<'w> {
    Credential { what: "program", name, key: "secrets", place }
}

/// Says where a mail server is, and looks at the certificates that vouch for it.
fn server(report: &mut Report, what: &'static str, name: &str, server: &Server, does: &str) {
    match server.ca_file.as_deref().map(certificates) {
        Some(Err(error)) => {
            let hint = error.hint().unwrap_or_default();
            report.wrong("ca_file", format!("{what} `{name}`: {error}"), hint);
        }
        Some(Ok(_)) | None => report.fine(what, format!("{what} `{name}` {does} {server}")),
    }
}

/// Says why a folder cannot be read as a Maildir.
fn unreadable_maildir(path: &Path) -> Option<String> {
    let shown = path.display();
    let folders: Vec<PathBuf> =
        ["new", "cur"].iter().map(|name| path.join(name)).filter(|path| path.is_dir()).collect();
    if folders.is_empty() {
        return Some(format!("there is no Maildir at {shown}"));
    }
    let access = |folder: &PathBuf| rustix::fs::access(folder, Access::READ_OK | Access::EXEC_OK).err();
    folders.iter().find_map(access).map(|error| format!("{shown} cannot be read: {}", io::Error::from(error)))
}

/// Says why nothing can be put into a Maildir; folders that are missing are made when they are needed.
fn unwritable_maildir(path: &Path) -> Option<String> {
    let mut devices = Vec::new();
    for name in ["tmp", "new"] {
        let folder = path.join(name);
        if let Err(error) = writable(&folder) {
            return Some(format!("{} cannot be written: {error}", folder.display()));
        }
        devices.extend(fs::metadata(&folder).map(|metadata| metadata.dev()));
    }
    let differ = devices.iter().any(|device| *device != devices[0]);
    differ.then(|| {
        format!("tmp and new of {} are on two file systems, so nothing can be moved", path.display())
    })
}

/// Finds a program as the system would.
pub fn find_program(program: &str, path: Option<std::ffi::OsString>) -> Result<PathBuf, &'static str> {
    let places: Vec<PathBuf> = if program.contains('/') {
        vec![PathBuf::from(program)]
    } else {
        env::split_paths(&path.unwrap_or_default()).map(|folder| folder.join(program)).collect()
    };
    let mut why = "is not there";
    for place in places {
        let Ok(metadata) = fs::metadata(&place) else { continue };
        if metadata.is_file() && metadata.mode() & 0o111 != 0 {
            return Ok(place);
        }
        why = "is not an executable file";
    }
    Err(why)
}

/// Looks whether a notification could reach a desktop.
pub fn notification(look: &Look<'_>, report: &mut Report) {
    if !look.session.wiring.notify.enabled {
        return report.fine("notify", "notifications are off");
    }
    let command = look.session.wiring.notify.command.as_deref().and_then(|command| command.first());
    if let Some(program) = command {
        match find_program(program, env::var_os("PATH")) {
            Ok(path) => report
                .fine("notify.command", format!("notifications without a desktop go to {}", path.display())),
            Err(why) => report.wrong(
                "notify.command",
                format!("the command of [notify] `{program}` {why}"),
                "install it, or name another program as `command` under [notify]",
            ),
        }
    }
    match bus(env::var("DBUS_SESSION_BUS_ADDRESS").ok(), env::var_os("XDG_RUNTIME_DIR")) {
        Ok(place) => report.fine("notify", format!("notifications go to {place}")),
        // Then they go to the command.
        Err(_) if command.is_some() => {}
        Err(why) => report.note(
            "notify",
            format!("no notification can be shown: {why}"),
            "ticks work without; `git drafts status` tells what waits, or set `enabled = false` under [notify]",
        ),
    }
}

/// Finds the session bus as the D-Bus specification has it, and calls there.
fn bus(address: Option<String>, runtime: Option<std::ffi::OsString>) -> Result<String, String> {
    let address = address.filter(|address| !address.is_empty());
    let path = match &address {
        Some(address) => address.split(';').find_map(|address| {
            let keys = address.strip_prefix("unix:")?;
            keys.split(',').find_map(|key| key.strip_prefix("path=")).map(PathBuf::from)
        }),
        None => match runtime {
            Some(folder) => Some(PathBuf::from(folder).join("bus")),
            None => return Err("there is no session bus".to_owned()),
        },
    };
    match (path, address) {
        (Some(path), _) => match UnixStream::connect(&path) {
            Ok(_) => Ok(format!("the session bus {}", path.display())),
            Err(error) => Err(format!("the session bus {} does not answer: {error}", path.display())),
        },
        // Another kind of address is believed.
        (None, Some(address)) => Ok(format!("the session bus {address}")),
        (None, None) => Err("there is no session bus".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        let path = Some(std::ffi::OsString::from("/nowhere:/bin:/usr/bin"));
        assert!(find_program("sh", path.clone()).is_ok());
        assert_eq!(find_program("git-drafts-no-such-program", path.clone()), Err("is not there"));
        assert_eq!(find_program("/etc/passwd", path.clone()), Err("is not an executable file"));
        assert_eq!(find_program("", path), Err("is not an executable file"));
    }

    #[test]
    fn a_bus_of_an_unknown_kind_is_believed_and_none_is_said() {
        assert_eq!(
            bus(Some("unix:abstract=/tmp/x".to_owned()), None),
            Ok("the session bus unix:abstract=/tmp/x".to_owned())
        );
        assert_eq!(bus(None, None), Err("there is no session bus".to_owned()));
        assert_eq!(bus(Some(String::new()), None), Err("there is no session bus".to_owned()));
        let gone = bus(Some("unix:path=/nowhere/bus,guid=1".to_owned()), None).unwrap_err();
        assert!(gone.starts_with("the session bus /nowhere/bus does not answer"), "{gone}");
    }
}
