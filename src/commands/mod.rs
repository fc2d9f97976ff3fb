//! The commands: gather facts, ask the core, carry out, print.
//!
//! Only here are the clock, the environment and the host's name asked for. Each command is a file of
//! its own with one public `run`.

pub mod allow;
pub mod approve;
pub mod bubble;
pub mod changes;
pub mod check;
pub mod completion;
pub mod connector;
pub mod demo;
pub mod diff;
pub mod digest;
pub mod dispatch;
pub mod early;
pub mod edit;
pub mod errands;
pub mod evidence;
pub mod health;
pub mod here;
pub mod hook;
pub mod init;
pub mod judgement;
pub mod leaving;
pub mod limit;
pub mod links;
pub mod list;
pub mod log;
pub mod man;
pub mod notice;
pub mod overview;
pub mod pager;
pub mod pause;
pub mod reads;
pub mod record;
pub mod redraft;
pub mod reject;
pub mod resolve;
pub mod review;
pub mod run;
pub mod schedule;
pub mod secrets;
pub mod send;
pub mod settle;
pub mod shadow;
pub mod sheet;
pub mod show;
pub mod sinks;
pub mod staging;
pub mod stats;
pub mod status;
pub mod strays;
pub mod tick;
pub mod told;
pub mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::approval;
use crate::config::{self, ConfigError, Wiring};
use crate::connector::ConnectorError;
use crate::desk::{self, Desk};
use crate::diagnostics::Credentials;
use crate::durable;
use crate::entry::Entry;
use crate::error::{FileError, Hint};
use crate::git::{self, GitError, LEDGER, MAIN, Repository};
use crate::id::{self, DraftId, ObjectId};
use crate::ledger::{Ledger, LedgerError, Snapshot};
use crate::policy::{self, Policy};
use crate::signature::keys::{AllowedSigners, Revoked};
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
    /// The credentials that were fetched, which nothing may show.
    pub credentials: Credentials,
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

/// The policy that holds.
pub struct InForce {
    /// What it says.
    pub policy: Rc<Policy>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Why the committed one does not count, where it does not.
    pub refusal: Option<String>,
    /// Whether it is the one that is remembered.
    is_kept: bool,
}

/// What to do about a policy that does not count.
const POLICY_HINT: &str = "look at `git log -p drafts.toml`; to accept it, commit a change of it yourself";

/// The file in the state folder that holds the policy in force.
const KEPT_POLICY: &str = "policy.toml";

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
    /// Whether it was said already that the committed policy is not in force.
    warned: Cell<bool>,
    /// The policies that were read, by their bytes: each draft names one, and it is nearly always the same.
    policies: RefCell<Vec<(Vec<u8>, Rc<Policy>)>>,
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
        let wiring = Wiring::load(&wiring_path, &context.home()).map_err(|error| {
            let hint = match (&error, &context.config) {
                (ConfigError::Missing { .. }, Some(_)) => {
                    Some("name another one with --config, or in GIT_DRAFTS_CONFIG".to_owned())
                }
                (ConfigError::Missing { path }, None) => {
                    here.as_ref().and_then(|here| way_to_moved_wiring(here, path))
                }
                _ => None,
            };
            match hint {
                Some(hint) => CommandError::refused(error.to_string(), hint),
                None => error.into(),
            }
        })?;
        let repository = match here {
            Some(repository) => repository,
            None => Repository::open(&wiring.desk.path)?,
        };
        let desk_id =
            Ledger::desk_id(&repository)?.ok_or_else(|| LedgerError::Missing(repository.remote_name()))?;
        let state = config::state_dir(&wiring, &context.state_home(), &desk_id);
        Ok(Self::new(repository, wiring, wiring_path, state))
    }

    /// Puts together what was found.
    pub fn new(repository: Repository, wiring: Wiring, wiring_path: PathBuf, state: PathBuf) -> Self {
        Self {
            repository,
            wiring,
            wiring_path,
            state,
            warned: Cell::new(false),
            policies: RefCell::default(),
        }
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
    pub fn policy(&self, context: &Context, desk: &Desk) -> Result<(Rc<Policy>, Vec<u8>)> {
        let InForce { policy, bytes, refusal, is_kept } = self.policy_in_force(desk)?;
        if let Some(refusal) = refusal.filter(|_| !self.warned.replace(true)) {
            context.ui.warn(format!("the previous policy stays in force: {refusal}"));
            context.ui.hint(POLICY_HINT);
        }
        if !is_kept {
            let kept = self.state.join(KEPT_POLICY);
            durable::replace(&kept, &bytes).map_err(|error| CommandError::system(&kept, error))?;
        }
        Ok((policy, bytes))
    }

    /// Returns the policy in force, and remembers nothing.
    pub fn policy_in_force(&self, desk: &Desk) -> Result<InForce> {
        let committed = self.repository.entry_at(desk.tip, policy::FILE)?;
        let bytes = match &committed {
            Some(entry) => self.repository.read(entry.id)?,
            None => policy::DEFAULT.as_bytes().to_vec(),
        };
        let kept = self.state.join(KEPT_POLICY);
        let believed = match std::fs::read(&kept) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(CommandError::system(&kept, error)),
        };
        let is_kept = believed.as_ref() == Some(&bytes);
        if let Some(believed) = believed.filter(|_| !is_kept) {
            let before = self.policy_of_its_day(&believed)?;
            let refusal = match committed {
                Some(entry) => self.refuse_policy(desk, &before, entry.id)?,
                None => Some("drafts.toml is gone from `main`".to_owned()),
            };
            if refusal.is_some() {
                return Ok(InForce { policy: before, bytes: believed, refusal, is_kept: true });
            }
        }
        let policy = self.policy_of_its_day(&bytes)?;
        policy.refuse_wrong_entries(policy::FILE, &String::from_utf8_lossy(&bytes))?;
        Ok(InForce { policy, bytes, refusal: None, is_kept })
    }

    /// Reads each policy once; whether it may be in force today is for [`Policy::refuse_wrong_entries`] to say.
    ///
    /// # Errors
    /// As [`Policy::of_its_day`].
    pub fn policy_of_its_day(&self, bytes: &[u8]) -> std::result::Result<Rc<Policy>, FileError> {
        let mut policies = self.policies.borrow_mut();
        if let Some((_, policy)) = policies.iter().find(|(known, _)| known == bytes) {
            return Ok(Rc::clone(policy));
        }
        let policy = Rc::new(Policy::of_its_day(policy::FILE, &String::from_utf8_lossy(bytes))?);
        policies.push((bytes.to_vec(), Rc::clone(&policy)));
        Ok(policy)
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
        let bytes = std::fs::read(self.state.join(KEPT_POLICY)).ok().or_else(|| {
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

    /// Reads the keys whose signatures count, and those that count no more; none where the wiring names
    /// none.
    ///
    /// They are held to the rules of the wiring, and never lie where a commit could change them.
    pub fn signers(&self) -> Result<Option<(AllowedSigners, Revoked)>> {
        let wiring = &self.wiring.approval;
        let Some(path) = &wiring.allowed_signers else { return Ok(None) };
        self.check_outside(path)?;
        let list = config::file::read_trusted(path).map_err(|error| self.signers_error(path, error))?;
        let signers = AllowedSigners::parse(&path.display().to_string(), &list, &TimeZone::system())?;
        let revoked = match &wiring.revoked {
            Some(path) => {
                self.check_outside(path)?;
                let list = config::file::read_trusted_bytes(path)
                    .map_err(|error| self.signers_error(path, error))?;
                Revoked::parse(&path.display().to_string(), &list)?
            }
            None => Revoked::default(),
        };
        Ok(Some((signers, revoked)))
    }

    /// Says why git does not sign commits here with SSH, if it does not by itself. For early warnings only.
    pub fn signs_not(&self) -> Option<String> {
        signs_not(&self.repository)
    }

    /// A missing list is no missing wiring.
    fn signers_error(&self, path: &Path, error: ConfigError) -> CommandError {
        match error {
            ConfigError::Missing { .. } => CommandError::refused(
                format!("{} is not there", path.display()),
                format!("{} names it under [approval]", self.wiring_path.display()),
            ),
            error => error.into(),
        }
    }

    /// Refuses a list in the repository: whoever gets a commit pulled could add a key.
    pub fn check_outside(&self, path: &Path) -> Result<()> {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let places = [self.repository.place(), self.repository.git_dir()];
        if places.into_iter().any(|place| real(path).starts_with(real(place)) || path.starts_with(place)) {
            return Err(CommandError::refused(
                format!("{} lies in the repository, where a commit could change it", path.display()),
                format!("move it, and name its new place in {}", self.wiring_path.display()),
            ));
        }
        Ok(())
    }

    /// Finds the one draft whose id begins with `prefix`, waiting ones first.
    pub fn resolve(&self, desk: &Desk, snapshot: &Snapshot<'_>, prefix: &str) -> Result<DraftId> {
        // What Tab completes is a file name; its id is meant.
        if let Some(id) = self.id_of_file(desk, prefix)? {
            return Ok(id);
        }
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

    /// Returns the id of the draft that a file in the worktree is, where `named` is one.
    ///
    /// # Errors
    /// Its id is that of another file, too: nobody could say which is meant.
    fn id_of_file(&self, desk: &Desk, named: &str) -> Result<Option<DraftId>> {
        let top = self.repository.place();
        let base = named.rsplit('/').next().unwrap_or(named);
        let paths = [named.trim_start_matches("./").to_owned(), format!("{}/{base}", git::DRAFTS)];
        let is_file = |path: &&String| base.contains('.') && path.starts_with(git::DRAFTS);
        let texts = paths.iter().filter(is_file);
        let found = texts.filter_map(|path| Some((path, desk::read_text_here(&top.join(path)).ok()?))).next();
        let Some((path, text)) = found else { return Ok(None) };
        let Some(id) = desk::id_of(path, &text) else { return Ok(None) };
        match desk.find(&id) {
            Some(other) if other.path != *path && top.join(&other.path).exists() => {
                Err(desk::twin(path, &text, &other.path, &id).into())
            }
            Some(_) => Ok(Some(id)),
            None => Ok(None),
        }
    }

    /// Reads every unfinished or waiting draft's story.
    pub fn stories(&self, desk: &Desk, snapshot: &Snapshot<'_>) -> Result<Vec<(DraftId, Vec<Entry>)>> {
        let mut ids = desk.ids();
        ids.extend(snapshot.open_ids()?);
        ids.into_iter().map(|id| Ok((id.clone(), snapshot.story(&id)?))).collect()
    }
}

/// Says why git does not sign commits with SSH by itself, if it does not.
fn signs_not(repository: &Repository) -> Option<String> {
    let is_on = |value: String| matches!(value.to_lowercase().as_str(), "true" | "yes" | "on" | "1");
    if !repository.config("commit.gpgsign").is_some_and(is_on) {
        return Some("`commit.gpgsign` is off".to_owned());
    }
    match repository.config("gpg.format").as_deref() {
        Some("ssh") => None,
        _ => Some("`gpg.format` is not `ssh`".to_owned()),
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

/// Returns the file that the wiring of a repository is now, where the noted one is gone and the desk was
/// moved together with it.
fn wiring_beside(repository: &Repository, noted: &Path) -> Option<PathBuf> {
    let beside = repository.place().parent()?.join(noted.file_name()?);
    (!noted.exists() && beside.is_file()).then_some(beside)
}

/// Says how the wiring is found again that a repository notes, where there is none: a new one would be empty.
fn way_to_moved_wiring(repository: &Repository, missing: &Path) -> Option<String> {
    let noted = noted_wiring(repository).filter(|noted| noted == missing)?;
    let place = repository.place().display();
    Some(match wiring_beside(repository, &noted) {
        Some(beside) => {
            format!("if it was moved with the desk: `git drafts --config {} init {place}`", beside.display())
        }
        None => format!(
            "if it was moved, say where it is now: `git drafts --config FILE init {place}`; else put it back from a backup"
        ),
    })
}
