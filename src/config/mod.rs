//! Knows the wiring of this machine: where the desk is, where messages come from, where answers go.
//!
//! The wiring may name programs to run, so it is never taken from a repository and never believed
//! when somebody else could have written it. It holds no secret, only references
//! ([`secret::SecretRef`]), and none of its errors shows what may be one.
//!
//! `format` is what the file may hold and `stored` checks it, `file` reads and writes the file itself.

pub mod file;
mod format;
pub mod secret;
pub mod sinks;
mod stored;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned};

use crate::config::secret::{SecretError, SecretRef};
use crate::config::sinks::{IssuesWiring, PatchesWiring};
use crate::connector::folder::outbox::Format;
use crate::connector::forge::settings as forge;
use crate::connector::hub::settings::{Bodies, Fields, Methods, Paths, Settings};
use crate::connector::link::Server;
use crate::error::{FileError, Hint};
use crate::http::Token;
use crate::message::Address;
use crate::secret::Scanner;
use crate::secret::rules::Rules;

/// The wiring of a new machine, and the documentation of every key.
pub const DEFAULT: &str = include_str!("../../templates/config.toml");

/// The brain that is always there.
pub const RULES: &str = "rules";

/// The file's name below the folder of the user's configuration.
const FILE: &str = "git-drafts/config.toml";

/// Everything that is particular to this machine.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Where the drafts are.
    pub desk: DeskPaths,
    /// Where messages come from, in the file's order.
    pub sources: Vec<SourceWiring>,
    /// Where answers go, in the file's order; then the hubs that take the answers to their own messages.
    pub transports: Vec<TransportWiring>,
    /// Who answers, in the file's order; [`RULES`] is always among them.
    pub brains: Vec<BrainWiring>,
    /// Where tasks go; none where nothing takes them.
    pub issues: Option<IssuesWiring>,
    /// What patches may change; none where nothing.
    pub patches: Option<PatchesWiring>,
    /// How much at a time.
    pub limits: Limits,
    /// Whose signatures count.
    pub approval: ApprovalWiring,
    /// What else is a secret.
    pub secrets: SecretsWiring,
    /// What the desktop shows.
    pub notify: NotifyWiring,
    /// What works, but should be known; each names its line.
    pub warnings: Vec<FileError>,
}

/// Where the desk is, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskPaths {
    /// The repository.
    pub path: PathBuf,
    /// The folder for what is remembered outside of it, where the wiring names one; see [`state_dir`].
    pub state: Option<PathBuf>,
}

/// One place that messages come from.
#[derive(Clone, Debug)]
pub struct SourceWiring {
    /// Its name in the file.
    pub name: String,
    /// Who we are there, at least one: the first is the sender, and none is ever a recipient.
    pub address: Vec<Address>,
    /// The transport of its answers. A hub without one takes them itself: then it is also a transport,
    /// by its own name.
    pub transport: String,
    /// The brain that is asked.
    pub brain: String,
    /// What it is.
    pub kind: SourceKind,
}

impl SourceWiring {
    /// Tells whether answers go to somebody else than those who wrote: they pass on what was said, and must not
    /// do so word by word.
    pub fn passes_on(&self) -> bool {
        matches!(&self.kind, SourceKind::Forge(forge) if forge.to.is_some())
    }
}

/// What a source is.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// A Maildir, which is only read.
    Maildir {
        /// The folder that has `cur`, `new` and `tmp`.
        path: PathBuf,
        /// The Maildir of the operator's own answers.
        sent: Option<PathBuf>,
    },
    /// A folder of text files, which is only read.
    Folder {
        /// The folder.
        path: PathBuf,
        /// The folder of the operator's own answers.
        sent: Option<PathBuf>,
    },
    /// Folders on an IMAP server.
    Imap(Box<ImapWiring>),
    /// An agent's inbox on a State Hub.
    Hub(Box<HubWiring>),
    /// Issues and comments of a forge.
    Forge(Box<ForgeWiring>),
    /// A program that speaks our protocol.
    Program(Box<ProgramWiring>),
}

/// Folders on an IMAP server, as the wiring describes them.
#[derive(Clone, Debug)]
pub struct ImapWiring {
    /// Where the server is.
    pub server: Server,
    /// Who we are there.
    pub user: String,
    /// Where the password is.
    pub password: SecretRef,
    /// The folders whose unread messages are taken in; at least one.
    pub folders: Vec<String>,
    /// The folder of the operator's own answers.
    pub sent: Option<String>,
    /// A copy of each answer is put there.
    pub copy_to_sent: bool,
}

/// A server that takes mail, as the wiring describes it.
#[derive(Clone, Debug)]
pub struct SmtpWiring {
    /// Where the server is.
    pub server: Server,
    /// Who we are there, and where the password is; none where the server wants no login.
    pub login: Option<(String, SecretRef)>,
}

/// One way that answers go.
#[derive(Clone, Debug)]
pub struct TransportWiring {
    /// Its name in the file.
    pub name: String,
    /// What it is.
    pub kind: TransportKind,
}

/// What a transport is.
#[derive(Clone, Debug)]
pub enum TransportKind {
    /// A Maildir that answers are put into.
    Maildir {
        /// The folder that has `cur`, `new` and `tmp`.
        path: PathBuf,
    },
    /// A folder that answers are put into, a file each.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the files look like.
        format: Format,
    },
    /// A program that takes a message as sendmail does.
    Sendmail {
        /// The program and its arguments; at least the program.
        command: Vec<String>,
        /// How long it may take.
        timeout_seconds: u64,
    },
    /// A server that takes mail.
    Smtp(Box<SmtpWiring>),
    /// A State Hub.
    Hub(Box<HubWiring>),
    /// Comments on a forge.
    Forge(Box<ForgeWiring>),
    /// A program that speaks our protocol.
    Program(Box<ProgramWiring>),
    /// Nothing at all.
    Null,
}

impl TransportKind {
    /// Tells whether the place where answers go would notify whoever is mentioned in one, follow its
    /// references or carry out commands in it.
    pub fn acts_on_mentions(&self) -> bool {
        match self {
            TransportKind::Maildir { .. }
            | TransportKind::Folder { .. }
            | TransportKind::Sendmail { .. }
            | TransportKind::Smtp(_)
            | TransportKind::Null => false,
            TransportKind::Hub(hub) => hub.acts_on_mentions,
            TransportKind::Forge(_) => true,
            TransportKind::Program(program) => program.acts_on_mentions,
        }
    }
}

/// One who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrainWiring {
    /// Its name in the file.
    pub name: String,
    /// What it is.
    pub kind: BrainKind,
    /// The language model that is asked the same once the drafts are there, and whose plans are only
    /// compared.
    pub shadow: Option<String>,
}

/// What a brain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrainKind {
    /// A catalogue of answers.
    Rules {
        /// The catalogue; none means `routes.toml` on the desk.
        routes: Option<PathBuf>,
    },
    /// A language model.
    Model(Box<ModelWiring>),
}

/// A language model, as the wiring describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelWiring {
    /// Where it is.
    pub place: ModelPlace,
    /// Where the key is, where the server wants one.
    pub key: Option<SecretRef>,
    /// A command that leads to the server while it runs.
    pub tunnel: Option<Vec<String>>,
    /// The names of the variables that programs get.
    pub environment: Vec<String>,
    /// A program that says what the operator's own systems know about a message.
    pub facts: Option<Vec<String>>,
    /// How long one attempt may take.
    pub timeout_seconds: u64,
    /// The most further attempts at one question.
    pub retries: u32,
    /// The most questions at a time.
    pub concurrency: usize,
    /// The most attempts of one tick.
    pub calls_per_tick_max: u32,
    /// How long a message waits for a brain that is away, until it is left to a person.
    pub give_up_after: SignedDuration,
    /// The catalogue that answers what it clearly can while the model is away.
    pub fallback: Option<String>,
}

/// Where a model is. A URL is checked, and there is no default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelPlace {
    /// `POST {url}/execute`.
    Execute {
        /// The base URL.
        url: String,
    },
    /// `POST {url}/chat/completions`.
    OpenAi {
        /// The base URL.
        url: String,
        /// The model's name there.
        model: String,
    },
    /// `POST {url}/v1/messages`.
    Anthropic {
        /// The base URL.
        url: String,
        /// The model's name there.
        model: String,
    },
    /// A program: the prompt on stdin, the reply on stdout.
    Exec {
        /// The program and its arguments; at least the program.
        command: Vec<String>,
    },
}

/// One hub, as the wiring describes it: [`Settings`] with a reference where they have a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubWiring {
    /// The base URL, checked.
    pub url: String,
    /// Who we are there.
    pub agent: String,
    /// Where the bearer token is, where the hub wants one.
    pub token: Option<SecretRef>,
    /// Where its calls are.
    pub paths: Paths,
    /// How its calls are made.
    pub methods: Methods,
    /// What it calls its fields and query parameters.
    pub fields: Fields,
    /// What else stands in what it is sent.
    pub bodies: Bodies,
    /// It delivers the same key once, however often it is sent.
    pub dedupes: bool,
    /// It can be asked whether a key has arrived.
    pub can_find: bool,
    /// It gives the messages of a thread.
    pub thread_tail: bool,
    /// It notifies whoever is mentioned in a text, follows references or carries out commands.
    pub acts_on_mentions: bool,
    /// How many messages are asked for at a time.
    pub page: usize,
    /// How many answers may be on their way at a time, where it dedupes.
    pub concurrency: usize,
    /// How long each call may take.
    pub timeout_seconds: u64,
}

impl HubWiring {
    /// Returns the settings of the connector, with the token that [`HubWiring::token`] refers to.
    pub fn settings(&self, token: Option<Token>) -> Settings {
        Settings {
            url: self.url.clone(),
            agent: self.agent.clone(),
            token,
            paths: self.paths.clone(),
            methods: self.methods,
            fields: self.fields.clone(),
            bodies: self.bodies.clone(),
            dedupes: self.dedupes,
            can_find: self.can_find,
            thread_tail: self.thread_tail,
            page: self.page,
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }
}

/// One forge, as the wiring describes it: [`forge::Settings`] with a reference where they have a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeWiring {
    /// Whose API it speaks.
    pub kind: forge::Kind,
    /// The base URL of the API, checked.
    pub url: String,
    /// Who we are there.
    pub login: String,
    /// Where the token is, where one is needed.
    pub token: Option<SecretRef>,
    /// What is read and written.
    pub repositories: Vec<forge::Repository>,
    /// What is taken of what is read.
    pub take: Vec<forge::Take>,
    /// Who gets the answers, where they do not go back to the thread.
    pub to: Option<Address>,
    /// How long each call may take.
    pub timeout_seconds: u64,
}

impl ForgeWiring {
    /// Returns the settings of the connector, with the token that [`ForgeWiring::token`] refers to.
    pub fn settings(&self, token: Option<Token>) -> forge::Settings {
        forge::Settings {
            kind: self.kind,
            url: self.url.clone(),
            login: self.login.clone(),
            token,
            repositories: self.repositories.clone(),
            take: self.take.clone(),
            to: self.to.clone(),
            timeout: Duration::from_secs(self.timeout_seconds),
        }
    }
}

/// A program that is a connector, as the wiring describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramWiring {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// The names of the variables that it gets.
    pub environment: Vec<String>,
    /// What is handed over to it.
    pub settings: serde_json::Value,
    /// Where its secrets are, by name.
    pub secrets: Vec<(String, SecretRef)>,
    /// It delivers the same key once, however often it is sent.
    pub dedupes: bool,
    /// It can be asked whether a key has arrived.
    pub can_find: bool,
    /// It gives the messages of a thread.
    pub thread_tail: bool,
    /// It notifies whoever is mentioned in a text, follows references or carries out commands.
    pub acts_on_mentions: bool,
    /// How long each answer may take.
    pub timeout_seconds: u64,
}

/// How much at a time. Where the policy has a limit too, the stricter one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most new messages of one tick.
    pub messages_per_tick_max: usize,
    /// How old a message may be to be answered; none means any age.
    pub messages_since: Option<SignedDuration>,
    /// The most sends in any hour.
    pub sends_per_hour_max: usize,
    /// How long shadows may be asked after a tick.
    pub shadow_seconds_max: u64,
}

impl Limits {
    /// Returns the time before which messages are left alone, if there is one.
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        self.messages_since.map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN))
    }
}

/// Whose signatures count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalWiring {
    /// The list of keys and whose they are, as ssh-keygen(1) has it.
    pub allowed_signers: Option<PathBuf>,
    /// The list of keys that count no more.
    pub revoked: Option<PathBuf>,
}

/// What else is a secret, beyond what the program knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsWiring {
    /// The operator's own rules, in the format of gitleaks.
    pub extra_rules: Option<PathBuf>,
}

impl SecretsWiring {
    /// Makes the scanner that also looks for what the operator's rules say, and returns notes on
    /// what in these has no meaning for a message.
    ///
    /// # Errors
    /// The file of rules cannot be read, is not ours alone to write, or holds something that is no rule.
    pub fn scanner(&self) -> Result<(Scanner, Vec<FileError>), ConfigError> {
        let Some(path) = &self.extra_rules else { return Ok((Scanner::default(), Vec::new())) };
        let text = file::read_trusted(path).map_err(|error| match error {
            // Its hint is about the wiring.
            ConfigError::Missing { path } => {
                ConfigError::Unreadable { path, error: std::io::ErrorKind::NotFound.into() }
            }
            other => other,
        })?;
        let (rules, notes) = Rules::parse(&path.display().to_string(), &text)?;
        Ok((Scanner::new(rules), notes))
    }
}

/// What the desktop shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyWiring {
    /// A tick that brought something says so.
    pub enabled: bool,
    /// When nothing is shown; it is after that.
    pub quiet: Option<Quiet>,
    /// The program that gets what no desktop takes; at least the program.
    pub command: Option<Vec<String>>,
    /// The program that a click on a bubble starts in the folder of the desk, and its arguments; nothing, if
    /// there is none.
    pub open: Vec<String>,
}

/// A span of every day, by the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The minute of the day that it begins with.
    from: u16,
    /// The minute of the day that it ends before; the next day's, if it is not later.
    to: u16,
}

impl Quiet {
    /// Reads `22:00-07:00`.
    fn parse(text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number(hour) || !is_number(minute) {
                return None;
            }
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, to) = text.split_once('-')?;
        let quiet = Self { from: minute(from)?, to: minute(to)? };
        (quiet.from != quiet.to).then_some(quiet)
    }

    /// Tells whether a local time is in it.
    pub fn holds(self, local: &Zoned) -> bool {
        let now = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute())).unwrap_or(0);
        if self.from < self.to {
            self.from <= now && now < self.to
        } else {
            self.from <= now || now < self.to
        }
    }
}

impl Wiring {
    /// Reads the wiring file, if only its owner can have written it; `home` is what `~` stands for.
    ///
    /// # Errors
    /// No such file, one that somebody else may write to, or a mistake in it.
    pub fn load(path: &Path, home: &Path) -> Result<Self, ConfigError> {
        let path = std::path::absolute(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        let text = file::read_trusted(&path)?;
        Ok(Self::parse(&path, &text, home)?)
    }

    /// Reads the text of a wiring file; `path` is how errors name it, and its folder is where
    /// relative paths start.
    ///
    /// # Errors
    /// An unknown key, kind or version, a key of another kind, a missing one, a value out of range, a
    /// name that nothing has, or a secret.
    pub fn parse(path: &Path, text: &str, home: &Path) -> Result<Self, FileError> {
        stored::read(path, text, home)
    }

    /// Returns the wiring of a desk that nothing else is known of, for whoever looks at what is wrong.
    pub fn bare(desk: &Path) -> Self {
        let path = Path::new("/");
        let mut wiring = Self::parse(path, DEFAULT, path).expect("the template is tested");
        desk.clone_into(&mut wiring.desk.path);
        wiring
    }

    /// Returns every reference to a secret, in the file's order; the same one may be there twice.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let of_sources = self.sources.iter().flat_map(|source| match &source.kind {
            SourceKind::Imap(imap) => vec![&imap.password],
            SourceKind::Hub(hub) => hub.token.iter().collect(),
            SourceKind::Forge(forge) => forge.token.iter().collect(),
            SourceKind::Program(program) => program.secrets.iter().map(|(_, secret)| secret).collect(),
            SourceKind::Maildir { .. } | SourceKind::Folder { .. } => Vec::new(),
        });
        let of_transports = self.transports.iter().flat_map(|transport| match &transport.kind {
            TransportKind::Smtp(smtp) => smtp.login.iter().map(|(_, password)| password).collect(),
            TransportKind::Hub(hub) => hub.token.iter().collect(),
            TransportKind::Forge(forge) => forge.token.iter().collect(),
            TransportKind::Program(program) => program.secrets.iter().map(|(_, secret)| secret).collect(),
            TransportKind::Maildir { .. }
            | TransportKind::Folder { .. }
            | TransportKind::Sendmail { .. }
            | TransportKind::Null => Vec::new(),
        });
        let of_brains = self.brains.iter().filter_map(|brain| match &brain.kind {
            BrainKind::Model(model) => model.key.as_ref(),
            BrainKind::Rules { .. } => None,
        });
        let of_issues = self.issues.as_ref().and_then(|issues| match issues {
            IssuesWiring::Rest(rest) => rest.token.as_ref(),
            IssuesWiring::Forge(forge) => forge.token.as_ref(),
            IssuesWiring::Null => None,
        });
        of_sources.chain(of_transports).chain(of_brains).chain(of_issues).collect()
    }

    /// Returns the source of this name.
    pub fn source(&self, name: &str) -> Option<&SourceWiring> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Returns the transport of this name.
    pub fn transport(&self, name: &str) -> Option<&TransportWiring> {
        self.transports.iter().find(|transport| transport.name == name)
    }

    /// Tells whether the answers to a source's messages go by mail.
    pub fn answers_by_mail(&self, source: &str) -> bool {
        let transport = self.source(source).and_then(|source| self.transport(&source.transport));
        transport.is_some_and(|transport| match &transport.kind {
            TransportKind::Maildir { .. } | TransportKind::Sendmail { .. } | TransportKind::Smtp(_) => true,
            TransportKind::Folder { format, .. } => *format == Format::Mail,
            TransportKind::Hub(_)
            | TransportKind::Forge(_)
            | TransportKind::Program(_)
            | TransportKind::Null => false,
        })
    }

    /// Returns the brain of this name.
    pub fn brain(&self, name: &str) -> Option<&BrainWiring> {
        self.brains.iter().find(|brain| brain.name == name)
    }
}

/// Why there is no wiring, or no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no wiring file.
    #[error("there is no wiring at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is there, and cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It is longer than any wiring, or is no text.
    #[error("{} is not a text of at most {bytes_max} bytes", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// It belongs to somebody else, who could name programs for us to run.
    #[error("{} belongs to user {owner}, so it is not believed", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// Others may write to it, and could name programs for us to run.
    #[error("others may write to {} (mode {mode:03o}), so it is not believed", path.display())]
    WritableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is a mistake in it.
    #[error(transparent)]
    Mistake(#[from] FileError),
    /// There is a wiring already, and it is not overwritten.
    #[error("there is a wiring at {} already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The desk's path cannot stand in a TOML file.
    #[error("the path {} is not UTF-8", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Missing { .. } => Some("`git drafts init` writes one".to_owned()),
            ConfigError::NotOurs { path, .. } => {
                Some(format!("read it, then make it yours: chown \"$USER\" {}", path.display()))
            }
            ConfigError::WritableByOthers { path, .. } => {
                Some(format!("read it, then: chmod 600 {}", path.display()))
            }
            ConfigError::Mistake(mistake) => mistake.hint(),
            ConfigError::Exists { .. } => Some("edit it, or name another file with --config".to_owned()),
            ConfigError::Secret(error) => error.hint(),
            ConfigError::Unreadable { .. }
            | ConfigError::NoText { .. }
            | ConfigError::NotWritten { .. }
            | ConfigError::NotUtf8 { .. } => None,
        }
    }
}

/// Returns where the wiring is: as `--config` says, or `GIT_DRAFTS_CONFIG`, or the note of the
/// repository (`.git/drafts/wiring`), or in the folder of the user's configuration.
///
/// An empty path counts as none. Nothing is read here; whoever read the note has checked it with
/// [`file::check_trusted`].
pub fn wiring_path(
    explicit: Option<PathBuf>,
    environment: Option<PathBuf>,
    noted: Option<PathBuf>,
    xdg_config_home: &Path,
) -> PathBuf {
    [explicit, environment, noted]
        .into_iter()
        .flatten()
        .find(|path| !path.as_os_str().is_empty())
        .unwrap_or_else(|| xdg_config_home.join(FILE))
}

/// Reads an age as the wiring has it: `30m`, `12h`, `7d`, `4w`, at most ten years; nothing else.
pub fn age(text: &str) -> Option<SignedDuration> {
    stored::age_of(text).flatten()
}

/// Returns the folder for what is remembered outside the repository.
pub fn state_dir(wiring: &Wiring, xdg_state_home: &Path, desk_id: &str) -> PathBuf {
    match &wiring.desk.state {
        Some(path) => path.clone(),
        None => xdg_state_home.join("git-drafts").join(desk_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiring(desk: &str) -> Wiring {
        let text = format!("version = 1\n[desk]\npath = \"d\"\n{desk}");
        Wiring::parse(Path::new("/etc/x/config.toml"), &text, Path::new("/home/sam")).unwrap()
    }

    #[test]
    fn the_nearer_word_about_the_wiring_wins() {
        let check = |explicit: Option<&str>, environment: Option<&str>, noted: Option<&str>, path: &str| {
            let found = wiring_path(
                explicit.map(PathBuf::from),
                environment.map(PathBuf::from),
                noted.map(PathBuf::from),
                Path::new("/home/sam/.config"),
            );
            assert_eq!(found, Path::new(path));
        };
        check(Some("a"), Some("b"), Some("c"), "a");
        check(None, Some("b"), Some("c"), "b");
        check(None, None, Some("c"), "c");
        check(None, Some(""), None, "/home/sam/.config/git-drafts/config.toml");
    }

    #[test]
    fn state_is_where_the_wiring_says_or_below_the_users_state() {
        let home = Path::new("/home/sam/.local/state");
        assert_eq!(state_dir(&wiring(""), home, "3f9c"), home.join("git-drafts/3f9c"));
        assert_eq!(state_dir(&wiring("state = \"s\""), home, "3f9c"), Path::new("/etc/x/s"));
    }

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let check = |quiet: &str, now: &str, expected: Option<bool>| {
            let now: Zoned = format!("2026-11-20T{now}:00+00[UTC]").parse().unwrap();
            assert_eq!(Quiet::parse(quiet).map(|quiet| quiet.holds(&now)), expected, "{quiet} at {now}");
        };
        check("22:00-07:00", "21:59", Some(false));
        check("22:00-07:00", "22:00", Some(true));
        check("22:00-07:00", "06:59", Some(true));
        check("22:00-07:00", "07:00", Some(false));
        check("12:30-13:30", "13:29", Some(true));
        check("12:30-13:30", "13:30", Some(false));
        for wrong in
            ["", "22-7", "22:00", "24:00-07:00", "22:60-07:00", "7:00-8:00", "07:00-07:00", "+7:00-08:00"]
        {
            check(wrong, "12:00", None);
        }
    }

    #[test]
    fn messages_older_than_the_limit_are_left_alone() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        assert_eq!(wiring("").limits.since(now), Some("2026-11-13T12:00:00Z".parse().unwrap()));
        assert_eq!(wiring("[limits]\nmessages_since = \"all\"").limits.since(now), None);
    }
}
