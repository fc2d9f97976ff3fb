//! Tries a connector out: whether a program keeps to the protocol, and what a hub can do.
//!
//! Nothing is sent unless the command line names a recipient. What is tried out is never read from the
//! wiring's word for it: the lines that are printed are what was seen.

mod hub;
mod program;
mod report;

use serde_json::Value;

use self::report::Report;
use super::wire::{program_settings, token_of, variables};
use super::{CommandError, Context, Exit, Result, Session};
use crate::config::{self, HubWiring, ProgramWiring, SourceKind, TransportKind, Wiring};
use crate::connector::program::process::Start;
use crate::connector::program::wire::Role;
use crate::connector::program::{PREFIX, Settings};
use crate::message::Address;
use crate::outgoing::Capabilities;

/// How long a program that the wiring does not name may take for an answer.
const SECONDS_MAX: u64 = 20;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The connector.
    pub name: String,
    /// Whom test messages go to.
    pub to: Option<String>,
    /// The thread that they belong to, and that is read.
    pub thread: Option<String>,
    /// `KEY=VALUE` for a program that the wiring does not name.
    pub settings: Vec<String>,
    /// Print JSON.
    pub json: bool,
}

/// What is tried out.
enum Subject {
    Hub(&'static str, Box<HubWiring>),
    Program(Vec<Role>, Option<Box<ProgramWiring>>),
}

/// Runs the command.
pub async fn run(context: &Context, options: &Options) -> Result<Exit> {
    let to = options.to.as_deref().map(recipient).transpose()?;
    let wiring = wiring(context)?;
    let mut report = Report::new(&context.credentials);
    match subject(wiring.as_ref(), &options.name)? {
        Subject::Hub(section, hub) => {
            let token = token_of(&hub, &context.credentials).await?;
            let settings = hub.settings(token);
            let trial = hub::Trial { name: &options.name, settings, to, thread: options.thread.clone() };
            trial.run(context.now(), &mut report).await;
            report.lines(&format!("{section}.{}", options.name));
        }
        Subject::Program(roles, wiring) => {
            let settings = match &wiring {
                Some(wiring) => program_settings(&options.name, wiring, &context.credentials).await?,
                None => unwired(options)?,
            };
            let trial = program::Trial {
                settings,
                declares: wiring.is_some(),
                to,
                thread: options.thread.clone(),
                now: context.now(),
            };
            for role in &roles {
                trial.run(*role, &mut report).await;
            }
            if wiring.is_none() {
                report.lines(&format!("source.{}", options.name));
            }
        }
    }
    if options.json {
        report.print_json(context, &options.name)
    } else {
        report.print(context)
    }
    Ok(if report.has_failed() { Exit::NeedsYou } else { Exit::Done })
}

/// Reads the wiring of the desk, or of the user; none where there is none.
fn wiring(context: &Context) -> Result<Option<Wiring>> {
    if let Ok(session) = Session::open(context) {
        return Ok(Some(session.wiring));
    }
    let path = config::wiring_path(context.config.clone(), None, None, &context.config_home());
    match Wiring::load(&path, &context.home()) {
        Ok(wiring) => Ok(Some(wiring)),
        Err(config::ConfigError::Missing { .. }) if context.config.is_none() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Finds what a name means: what the wiring calls so, else a program.
fn subject(wiring: Option<&Wiring>, name: &str) -> Result<Subject> {
    let source = wiring.and_then(|wiring| wiring.source(name)).map(|source| &source.kind);
    let transport = wiring.and_then(|wiring| wiring.transport(name)).map(|transport| &transport.kind);
    let tells_itself = |kind: &str| {
        let what = format!("`{name}` is {kind}, and only hubs and programs can be tried out");
        Err(CommandError::refused(what, "`git drafts check` looks at it"))
    };
    match (source, transport) {
        (Some(SourceKind::Hub(hub)), _) => Ok(Subject::Hub("source", hub.clone())),
        (_, Some(TransportKind::Hub(hub))) => Ok(Subject::Hub("transport", hub.clone())),
        (Some(SourceKind::Program(program)), Some(TransportKind::Program(_))) => {
            Ok(Subject::Program(vec![Role::Source, Role::Transport], Some(program.clone())))
        }
        (Some(SourceKind::Program(program)), _) => {
            Ok(Subject::Program(vec![Role::Source], Some(program.clone())))
        }
        (_, Some(TransportKind::Program(program))) => {
            Ok(Subject::Program(vec![Role::Transport], Some(program.clone())))
        }
        (Some(SourceKind::Maildir { .. }), _) | (_, Some(TransportKind::Maildir { .. })) => {
            tells_itself("a Maildir")
        }
        (Some(SourceKind::Folder { .. }), _) | (_, Some(TransportKind::Folder { .. })) => {
            tells_itself("a folder")
        }
        (Some(SourceKind::Imap(_)), _) => tells_itself("an IMAP account"),
        (Some(SourceKind::Forge(_)), _) | (_, Some(TransportKind::Forge(_))) => tells_itself("a forge"),
        (_, Some(TransportKind::Smtp(_))) => tells_itself("an SMTP server"),
        (_, Some(TransportKind::Sendmail { .. })) => tells_itself("a sendmail program"),
        (_, Some(TransportKind::Null)) => tells_itself("a rehearsal (`null`)"),
        (None, None) => Ok(Subject::Program(vec![Role::Source, Role::Transport], None)),
    }
}

/// Makes the settings of a program that the wiring does not name.
fn unwired(options: &Options) -> Result<Settings> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if options.name.is_empty() || !options.name.chars().all(plain) {
        let what = format!("the wiring has no source and no transport `{}`", options.name);
        return Err(CommandError::refused(what, "a program's name has letters, digits, `-` and `_`"));
    }
    let mut settings = serde_json::Map::new();
    for setting in &options.settings {
        let Some((key, value)) = setting.split_once('=') else {
            let what = format!("`{setting}` is not KEY=VALUE");
            let hint = Some("write it as `--setting folder=/var/spool/answers`".to_owned());
            return Err(CommandError::Usage { what, hint });
        };
        settings.insert(key.to_owned(), value.into());
    }
    Ok(Settings {
        name: options.name.clone(),
        start: Start {
            command: vec![format!("{PREFIX}{}", options.name)],
            environment: variables(&["HOME", "LANG", "PATH"].map(str::to_owned)),
        },
        settings: Value::Object(settings),
        secrets: Vec::new(),
        capabilities: Capabilities::default(),
        thread_tail: false,
        timeout: std::time::Duration::from_secs(SECONDS_MAX),
    })
}

fn recipient(text: &str) -> Result<Address> {
    Address::parse(text).ok_or_else(|| CommandError::Usage {
        what: format!("`{}` is no address", crate::text::one_line(text, 60)),
        hint: Some("write it as `ada@example.org`, or as the hub calls an agent".to_owned()),
    })
}
