//! The commands: gather facts, ask the core, carry out, print.
//!
//! Only here are the clock, the environment and the host's name asked for. Each command is a file of
//! its own with one public `run`.

pub mod approve;
pub mod check;
pub mod demo;
pub mod diff;
pub mod dispatch;
pub mod edit;
pub mod hook;
pub mod init;
pub mod judgement;
pub mod list;
pub mod log;
pub mod man;
pub mod overview;
pub mod reject;
pub mod resolve;
pub mod run;
pub mod send;
pub mod settle;
pub mod show;
pub mod status;
pub mod tick;
pub mod wire;

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::approval;
use crate::config::{self, ConfigError, Wiring};
use crate::connector::ConnectorError;
use crate::desk::{self, Desk};
use crate::entry::Entry;
use crate::error::{FileError, Hint};
use crate::git::{GitError, LEDGER, MAIN, Repository};
use crate::id::{self, DraftId, ObjectId};
use crate::ledger::{Ledger, LedgerError, Snapshot};
use crate::policy::{self, Policy};
use crate::ui::Ui;

/// How a command ends when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done: 0.
    Done,
    /// A person is needed, where that was asked: 1.
    NeedsYou,
}

/// What stopped a command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file that a person wrote.
    #[error(transparent)]
    File(#[from] FileError),
    /// Several of them.
    #[error("{}", .0.iter().map(FileError::to_string).collect::<Vec<_>>().join("\nerror: "))]
    Files(Vec<FileError>),
    /// The wiring.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A system outside.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// A file or a program of the system.
    #[error("{what}: {error}")]
    System {
        /// The file or the program.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Anything that is only said, with its way out.
    #[error("{what}")]
    Refused {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The arguments: exit code 129.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl CommandError {
    /// Makes an error that is only said.
    pub fn refused(what: impl Into<String>, hint: impl Into<String>) -> Self {
        CommandError::Refused { what: what.into(), hint: Some(hint.into()) }
    }

    /// Makes an error about a file of the system.
    pub fn system(what: &Path, error: std::io::Error) -> Self {
        CommandError::System { what: what.display().to_string(), error }
    }
}

impl Hint for CommandError {
    fn hint(&self) -> Option<String> {
        match self {
            CommandError::Git(error) => error.hint(),
            CommandError::Ledger(error) => error.hint(),
            CommandError::File(error) => error.hint(),
            CommandError::Files(errors) => errors.iter().find_map(Hint::hint),
            CommandError::Config(error) => error.hint(),
            CommandError::Connector(error) => error.hint(),
            CommandError::System { .. } => None,
            CommandError::Refused { hint, .. } | CommandError::Usage { hint, .. } => hint.clone(),
        }
    }
}

/// Result of a command.
pub type Result<T> = std::result::Result<T, CommandError>;

/// What every command gets.
#[derive(Clone, Debug)]
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    /// The folder that the command works in, absolute.
    pub directory: PathBuf,
    /// The wiring file that was named on the command line or in `GIT_DRAFTS_CONFIG`.
    pub config: Option<PathBuf>,
}

impl Context {
    /// Returns the time. In builds for tests `GIT_DRAFTS_NOW` (RFC 3339) sets it; in a release nobody may
    /// end an undo window by a variable.
    pub fn now(&self) -> Timestamp {
        let set = if cfg!(debug_assertions) { env::var("GIT_DRAFTS_NOW").ok() } else { None };
        set.and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
    }

    /// Returns this machine's name, for the ledger.
    pub fn host(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// Returns the home folder.
    pub fn home(&self) -> PathBuf {
        etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/"))
    }

    fn xdg(&self, variable: &str, default: &str) -> PathBuf {
        // XDG Base Directory Specification: a relative path is to be ignored.
        let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        set.unwrap_or_else(|| self.home().join(default))
    }

    /// Returns `$XDG_CONFIG_HOME`.
    pub fn config_home(&self) -> PathBuf {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// Returns `$XDG_STATE_HOME`.
    pub fn state_home(&self) -> PathBuf {
        self.xdg("XDG_STATE_HOME", ".local/state")
    }

    /// Shows a path as people write it, with `~`.
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(self.home()) {
            Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

/// A desk that is open: its repository, its wiring, and the folder of its state.
pub struct Session {
    /// The repository.
    pub repository: Repository,
    /// The wiring.
    pub wiring: Wiring,
    /// The wiring's file.
    pub wiring_path: PathBuf,
    /// The folder outside the repository that remembers.
    pub state: PathBuf,
}

impl Session {
    /// Finds and opens the desk that a command is about.
    ///
    /// That is the drafts repository that the folder lies in; else the one in its folder `drafts`, as
    /// `demo` lays it out; else the one that the wiring names. The wiring is the named one, else the one
    /// that `init` noted in the repository, else the user's. It is never taken from a working folder: it
    /// can name programs.
    pub fn open(context: &Context) -> Result<Self> {
        let here = Repository::discover(&context.directory).ok().filter(is_desk);
        let here = here.or_else(|| Repository::open(&context.directory.join("drafts")).ok().filter(is_desk));
        let noted = here.as_ref().and_then(noted_wiring);
        let wiring_path = config::wiring_path(context.config.clone(), None, noted, &context.config_home());
        let wiring = Wiring::load(&wiring_path, &context.home())?;
        let repository = match here {
            Some(repository) => repository,
            None => Repository::open(&wiring.desk.path)?,
        };
        let desk_id = Ledger::desk_id(&repository)?.ok_or(LedgerError::Missing)?;
        let state = config::state_dir(&wiring, &context.state_home(), &desk_id);
        Ok(Self { repository, wiring, wiring_path, state })
    }

    /// Opens the ledger, with every check of its continuity.
    pub fn ledger(&self) -> Result<Ledger<'_>> {
        Ok(Ledger::open(&self.repository, &self.state)?)
    }

    /// Returns the policy in force and its bytes: the committed one, if one who may has committed it.
    ///
    /// Whoever can get a commit pulled could otherwise name himself an approver. So a change of the
    /// policy counts only if its commit is by the owner of this clone, or by an approver under the policy
    /// before it; until then the policy before it stays in force, and that is said.
    pub fn policy(&self, context: &Context, desk: &Desk) -> Result<(Policy, Vec<u8>)> {
        let committed = self.repository.entry_at(desk.tip, policy::FILE)?;
        let bytes = match &committed {
            Some(entry) => self.repository.read(entry.id)?,
            None => policy::DEFAULT.as_bytes().to_vec(),
        };
        let kept = self.state.join("policy.toml");
        let believed = match std::fs::read(&kept) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(CommandError::system(&kept, error)),
        };
        if let Some(believed) = believed.filter(|believed| *believed != bytes) {
            let before = Policy::parse(policy::FILE, &String::from_utf8_lossy(&believed))?;
            let refusal = match committed {
                Some(entry) => self.refuse_policy(desk, &before, entry.id)?,
                None => Some("drafts.toml is gone from `main`".to_owned()),
            };
            if let Some(refusal) = refusal {
                context.ui.warn(format!("the policy before stays in force: {refusal}"));
                context
                    .ui
                    .hint("look at `git log -p drafts.toml`; to accept it, commit a change of it yourself");
                return Ok((before, believed));
            }
        }
        let policy = Policy::parse(policy::FILE, &String::from_utf8_lossy(&bytes))?;
        let aside = kept.with_extension("new");
        std::fs::create_dir_all(&self.state)
            .and_then(|()| std::fs::write(&aside, &bytes))
            .and_then(|()| std::fs::rename(&aside, &kept))
            .map_err(|error| CommandError::system(&kept, error))?;
        Ok((policy, bytes))
    }

    /// Reads the policy that is committed, whether it is in force or not.
    pub fn committed_policy(&self, desk: &Desk) -> Result<Policy> {
        match self.repository.file_at(desk.tip, policy::FILE)? {
            Some(bytes) => Ok(Policy::parse(policy::FILE, &String::from_utf8_lossy(&bytes))?),
            None => Ok(Policy::built_in()),
        }
    }

    /// Returns the policy that was in force when a tick or a sender last looked, or the committed one.
    pub fn believed_policy(&self) -> Option<Policy> {
        let bytes = std::fs::read(self.state.join("policy.toml")).ok().or_else(|| {
            let tip = self.repository.tip(MAIN).ok().flatten()?;
            self.repository.file_at(tip, policy::FILE).ok().flatten()
        });
        match bytes {
            Some(bytes) => Policy::parse(policy::FILE, &String::from_utf8_lossy(&bytes)).ok(),
            None => Some(Policy::built_in()),
        }
    }

    /// Says why a committed policy does not count under the one before it.
    fn refuse_policy(&self, desk: &Desk, before: &Policy, blob: ObjectId) -> Result<Option<String>> {
        let owner = self.owner();
        let may = |email: &str| {
            owner.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(email))
                || policy::may_approve(&[before], email, owner.as_deref())
        };
        let look = desk::file_facts(&self.repository, policy::FILE, blob);
        let descends = |later, earlier| self.repository.descends(later, earlier);
        let found = approval::find(desk.tip, policy::Mode::Commit, may, look, descends)?;
        Ok(found.err().map(|refusal| refusal.to_string().replace("approves it", "changes drafts.toml")))
    }

    /// Returns the address whose commits approve where the policy names no approvers.
    pub fn owner(&self) -> Option<String> {
        self.repository.config("committer.email").or_else(|| self.repository.config("user.email"))
    }

    /// Finds the one draft whose id begins with `prefix`, waiting ones first.
    pub fn resolve(&self, desk: &Desk, snapshot: &Snapshot<'_>, prefix: &str) -> Result<DraftId> {
        // What Tab completes is a file name; its id is meant.
        let name = prefix.rsplit('/').next().unwrap_or(prefix);
        let word = name.split(['-', '.']).next().unwrap_or(name);
        if !id::is_prefix(word) {
            return Err(CommandError::Usage {
                what: format!("`{}` is not a draft id", crate::text::one_line(prefix, 60)),
                hint: Some("`git drafts list` shows the ids; their first letters are enough".to_owned()),
            });
        }
        let matching = |ids: BTreeSet<DraftId>| -> Vec<DraftId> {
            ids.into_iter().filter(|id| id.as_str().starts_with(word)).collect()
        };
        let mut waiting = desk.ids();
        waiting.extend(snapshot.open_ids()?);
        let mut found = matching(waiting);
        if found.is_empty() {
            found = matching(snapshot.ids_with_prefix(word)?);
        }
        match &found[..] {
            [id] => Ok(id.clone()),
            [] => Err(CommandError::refused(
                format!("no draft has an id that begins with `{word}`"),
                "`git drafts list` shows those that wait",
            )),
            several => {
                let names: Vec<&str> = several.iter().take(8).map(DraftId::as_str).collect();
                Err(CommandError::refused(
                    format!("`{word}` begins {} ids: {}", several.len(), names.join(", ")),
                    "type one more letter",
                ))
            }
        }
    }

    /// Reads every unfinished or waiting draft's story.
    pub fn stories(&self, desk: &Desk, snapshot: &Snapshot<'_>) -> Result<Vec<(DraftId, Vec<Entry>)>> {
        let mut ids = desk.ids();
        ids.extend(snapshot.open_ids()?);
        ids.into_iter().map(|id| Ok((id.clone(), snapshot.story(&id)?))).collect()
    }
}

/// Tells whether a repository is a drafts repository: it has a ledger, or `main` has a policy.
fn is_desk(repository: &Repository) -> bool {
    let has_policy = || {
        let tip = repository.tip(MAIN).ok().flatten()?;
        repository.entry_at(tip, policy::FILE).ok().flatten()
    };
    repository.tip(LEDGER).is_ok_and(|tip| tip.is_some()) || has_policy().is_some()
}

/// Reads the wiring's path that `init` noted in the repository, if nobody else could have written it.
fn noted_wiring(repository: &Repository) -> Option<PathBuf> {
    let note = repository.own_dir().join("wiring");
    config::file::check_trusted(&note).ok()?;
    let noted = std::fs::read_to_string(note).ok()?;
    Some(PathBuf::from(noted.trim_end_matches('\n'))).filter(|path| path.is_absolute())
}
