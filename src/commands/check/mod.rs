//! The doctor: looks at everything that the promises rest on, mends what is safe, and says how to mend
//! the rest.
//!
//! It works, and says what is wrong, also where every other command refuses. Without `--fix` it changes
//! nothing; with it, only what is certainly ours or certainly dead. It never shows a secret, and needs
//! no network.

mod brains;
mod desk;
mod finding;
mod hooks;
mod ledger;
mod locks;
mod outside;
mod people;
mod place;
mod repository;
mod schedule;
mod signers;
mod sinks;

use self::finding::Report;
pub use self::outside::find_program;
use super::{Context, Exit, Result, Session, is_desk, noted_wiring};
use crate::config::{self, ConfigError, Wiring};
use crate::git::{GitError, Repository};
use crate::ledger::Ledger;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Mend what is safe to mend.
    pub fix: bool,
    /// Print JSON.
    pub json: bool,
}

/// Everything that the parts look at.
struct Look<'c> {
    context: &'c Context,
    session: Session,
    /// Why the wiring cannot be used; the session's is then one without sources.
    wiring_error: Option<ConfigError>,
    fix: bool,
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    let mut report = Report::default();
    match open(context, options.fix) {
        Ok(look) => {
            outside::wiring(&look, &mut report);
            // What a crash left is put right first: the rest may only look wrong because of it.
            locks::look(&look, &mut report);
            repository::look(&look, &mut report);
            ledger::look(&look, &mut report);
            hooks::look(&look, &mut report);
            desk::look(&look, &mut report);
            people::look(&look, &mut report);
            signers::look(&look, &mut report);
            place::look(&look, &mut report);
            outside::connectors(&look, &mut report).await;
            sinks::look(&look, &mut report).await;
            brains::look(&look, &mut report).await;
            outside::notification(&look, &mut report);
            schedule::look(&look, &mut report);
        }
        Err(Closed::Unsupported(error)) => report.error("repository.unsupported", &error),
        Err(Closed::Other(error)) => return Err(error),
    }
    if options.json {
        report.print_json(context);
    } else {
        report.print(context);
    }
    if report.is_wrong() { Ok(Exit::NeedsYou) } else { Ok(Exit::Done) }
}

/// Why there is nothing to look at.
enum Closed {
    /// There is a repository, and libgit2 cannot read it.
    Unsupported(GitError),
    /// There is no desk.
    Other(super::CommandError),
}

/// Finds the desk as every command does, and goes on where others would stop.
fn open(context: &Context, fix: bool) -> std::result::Result<Look<'_>, Closed> {
    let mut here = None;
    let mut unsupported = None;
    let near =
        [Repository::discover(&context.directory), Repository::open(&context.directory.join("drafts"))];
    for repository in near {
        match repository {
            Ok(repository) if here.is_none() && is_desk(&repository) => here = Some(repository),
            Err(error @ GitError::Unsupported { .. }) => unsupported = unsupported.or(Some(error)),
            Ok(_) | Err(_) => {}
        }
    }
    let noted = here.as_ref().and_then(noted_wiring);
    let wiring_path = config::wiring_path(context.config.clone(), None, noted, &context.config_home());
    let wiring = Wiring::load(&wiring_path, &context.home());
    let repository = match (here, &wiring, unsupported) {
        (Some(repository), _, _) => repository,
        (None, Ok(wiring), unsupported) => match Repository::open(&wiring.desk.path) {
            Ok(repository) => repository,
            Err(error @ GitError::Unsupported { .. }) => return Err(Closed::Unsupported(error)),
            Err(error) => {
                return Err(unsupported.map_or(Closed::Other(error.into()), Closed::Unsupported));
            }
        },
        (None, Err(_), Some(error)) => return Err(Closed::Unsupported(error)),
        (None, Err(_), None) => {
            // The wiring is what would have said where the desk is.
            return Err(Closed::Other(match wiring {
                Err(error) => error.into(),
                Ok(_) => unreachable!("the wiring could not be read"),
            }));
        }
    };
    let (wiring, wiring_error) = match wiring {
        Ok(wiring) => (wiring, None),
        Err(error) => (Wiring::bare(repository.place()), Some(error)),
    };
    let desk_id = Ledger::desk_id(&repository).ok().flatten();
    let state_home = context.state_home();
    let state = match desk_id {
        Some(desk_id) => config::state_dir(&wiring, &state_home, &desk_id),
        None => ledger::state_of(&wiring, &state_home, &repository),
    };
    let session = Session::new(repository, wiring, wiring_path, state);
    Ok(Look { context, session, wiring_error, fix })
}
