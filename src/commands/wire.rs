//! Builds connectors from the wiring, each when it is first needed, so that a command loads no
//! credential that it does not use.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::told::{Event, TOGETHER, note_answered, tell_hub};
use super::{Context, changes, secrets, sinks};
use crate::brain::facts;
use crate::brain::model::{self, Place};
use crate::brain::program::Program;
use crate::brain::protocol::Protocol;
use crate::brain::retry::Fault;
use crate::config::secret::{Secret, SecretRef};
use crate::config::sinks::{ISSUES, IssuesWiring, PATCHES};
use crate::config::{
    ForgeWiring, HubWiring, ModelPlace, ModelWiring, ProgramWiring, SourceKind, SourceWiring, TransportKind,
    Wiring,
};
use crate::connector::forge::{self, Forge};
use crate::connector::hub::Hub;
use crate::connector::issues::Sink;
use crate::connector::link::Login;
use crate::connector::program::process::Start;
use crate::connector::program::wire::Role;
use crate::connector::{ConnectorError, Source, Transport, folder, imap, maildir, program, sendmail, smtp};
use crate::diagnostics::Credentials;
use crate::entry::{Drafted, Fact};
use crate::errand::Errand;
use crate::error::Hint;
use crate::guard::Secrets;
use crate::http::Token;
use crate::message::{Address, Message};
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};
use crate::plan::Action;

/// How long a Maildir's threads are taken to be as they were read.
const THREADS_FRESH: Duration = Duration::from_secs(5);

/// When a transport that could not be built is tried again.
const BUILD_AGAIN_MINUTES: i64 = 15;

/// What became of a draft, and the answer where one was sent.
pub type Told<'a> = (&'a Drafted, &'a Key, &'a Fact, Option<&'a Outgoing>);

/// How a thread goes on; none where its source does not say.
pub type Tail = Result<Option<Vec<Message>>, ConnectorError>;

/// The connectors of a wiring.
pub struct Connectors<'w> {
    wiring: &'w Wiring,
    host: String,
    credentials: Credentials,
    sources: BTreeMap<String, Source>,
    transports: BTreeMap<String, Transport>,
    sink: Option<Sink>,
    threads: BTreeMap<String, (Instant, maildir::Threads)>,
    folders: BTreeMap<String, (Instant, folder::Threads)>,
    /// The sources whose answers' way was opened, or tried to be.
    opened: BTreeSet<(String, Action)>,
}

impl<'w> Connectors<'w> {
    /// Makes the connectors of a wiring; builds none yet.
    pub fn new(wiring: &'w Wiring, context: &Context) -> Self {
        Self {
            wiring,
            host: context.host(),
            credentials: context.credentials.clone(),
            sources: BTreeMap::new(),
            transports: BTreeMap::new(),
            sink: None,
            threads: BTreeMap::new(),
            folders: BTreeMap::new(),
            opened: BTreeSet::new(),
        }
    }

    /// Returns the source of this name, with its credential.
    pub async fn source(&mut self, name: &str) -> Result<&Source, ConnectorError> {
        if !self.sources.contains_key(name) {
            let wiring = self.wiring.source(name).ok_or_else(|| missing("source", name))?;
            self.sources.insert(name.to_owned(), source(wiring, &self.credentials).await?);
        }
        Ok(&self.sources[name])
    }

    /// Returns the name of what takes what a draft asks for: a transport, or a sink.
    pub fn transport_of(&self, origin: &Drafted) -> Option<String> {
        self.wiring.way(self.wiring.source(&origin.source)?, origin.action)
    }

    /// Returns who we are on a source's account.
    pub fn our_address(&self, source: &str) -> Address {
        self.ours(source).into_iter().next().unwrap_or_default()
    }

    /// Returns all of our addresses on a source's account.
    pub fn ours(&self, source: &str) -> Vec<Address> {
        self.wiring.source(source).map(|source| source.address.clone()).unwrap_or_default()
    }

    /// Returns what a transport can do, without building it.
    pub fn capabilities(&self, transport: &str) -> Capabilities {
        match transport {
            ISSUES => return self.wiring.issues.as_ref().map(sinks::capabilities).unwrap_or_default(),
            PATCHES => return changes::CAPABILITIES,
            _ => {}
        }
        match self.wiring.transport(transport).map(|transport| &transport.kind) {
            Some(TransportKind::Maildir { .. } | TransportKind::Folder { .. } | TransportKind::Null) => {
                Capabilities { dedupes: true, can_find: true }
            }
            Some(TransportKind::Hub(hub)) => Capabilities { dedupes: hub.dedupes, can_find: hub.can_find },
            Some(TransportKind::Forge(_)) => forge::CAPABILITIES,
            Some(TransportKind::Program(program)) => {
                Capabilities { dedupes: program.dedupes, can_find: program.can_find }
            }
            Some(TransportKind::Sendmail { .. } | TransportKind::Smtp(_)) | None => Capabilities::default(),
        }
    }

    /// Tells whether a transport only notes what it would do.
    pub fn rehearses(&self, transport: &str) -> bool {
        if transport == ISSUES {
            return matches!(self.wiring.issues, Some(IssuesWiring::Null));
        }
        matches!(self.wiring.transport(transport).map(|transport| &transport.kind), Some(TransportKind::Null))
    }

    /// Builds what a source's answers go through, with its credential: what must not leave is to be known
    /// before it is looked for. What cannot be built is told when it is needed.
    pub async fn open_for(&mut self, origin: &Drafted) {
        if !self.opened.insert((origin.source.clone(), origin.action)) {
            return;
        }
        let _ = self.source(&origin.source).await;
        match self.transport_of(origin).as_deref() {
            Some(ISSUES) => drop(self.sink().await),
            Some(PATCHES) | None => {}
            Some(transport) => drop(self.transport(transport).await),
        }
    }

    /// Reads again how a draft's thread goes on; none where the source gives no threads or is gone. The draft
    /// was made at `drafted_at`.
    pub async fn thread_tail(
        &mut self,
        origin: &Drafted,
        drafted_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Vec<Message>>, ConnectorError> {
        let name = &origin.source;
        if self.wiring.source(name).is_none() {
            return Ok(None);
        }
        match self.source(name).await?.clone() {
            Source::Hub(hub) if hub.has_thread_tail() => hub.thread_tail(&origin.thread).await.map(Some),
            Source::Forge(forge) => forge.thread_tail(&origin.thread, origin.date, now).await.map(Some),
            Source::Program(program) if program.has_thread_tail() => {
                program.thread_tail(&origin.thread).await.map(Some)
            }
            Source::Hub(_) | Source::Program(_) => Ok(None),
            Source::Imap(imap) => {
                // A date is the writer's claim: one in the future must not hide what came before the draft.
                let since = origin.date.map(|date| date.min(drafted_at));
                imap.thread_tail(&origin.thread, &origin.message, since).await.map(Some)
            }
            Source::Maildir(maildir) => {
                let fresh = self.threads.get(name).is_some_and(|(read, _)| read.elapsed() < THREADS_FRESH);
                if !fresh {
                    self.threads.insert(name.clone(), (Instant::now(), maildir.threads()?));
                }
                self.threads.get(name).map(|(_, threads)| threads.tail(&origin.thread)).transpose()
            }
            Source::Folder(folder) => {
                let fresh = self.folders.get(name).is_some_and(|(read, _)| read.elapsed() < THREADS_FRESH);
                if !fresh {
                    self.folders.insert(name.clone(), (Instant::now(), folder.threads()?));
                }
                self.folders.get(name).map(|(_, threads)| threads.tail(&origin.thread)).transpose()
            }
        }
    }

    /// The same for several drafts, in their order; hubs are asked for some threads at a time.
    pub async fn thread_tails(&mut self, origins: &[(&Drafted, Timestamp)], now: Timestamp) -> Vec<Tail> {
        let mut running: JoinSet<(usize, Tail)> = JoinSet::new();
        let mut tails: BTreeMap<usize, Tail> = BTreeMap::new();
        for (index, (origin, drafted_at)) in origins.iter().enumerate() {
            let hub = match self.source(&origin.source).await {
                Ok(Source::Hub(hub)) if hub.has_thread_tail() => Some(hub.clone()),
                Ok(_) | Err(_) => None,
            };
            let Some(hub) = hub else {
                tails.insert(index, self.thread_tail(origin, *drafted_at, now).await);
                continue;
            };
            if running.len() >= TOGETHER {
                tails.extend(running.join_next().await.and_then(Result::ok));
            }
            let thread = origin.thread.clone();
            running.spawn(async move { (index, hub.thread_tail(&thread).await.map(Some)) });
        }
        while let Some(read) = running.join_next().await {
            tails.extend(read.ok());
        }
        let broke = || Err(ConnectorError::Away { what: "reading it broke off".to_owned() });
        (0..origins.len()).map(|index| tails.remove(&index).unwrap_or_else(broke)).collect()
    }

    /// Lets a transport do all that can be taken back.
    pub async fn prepare(
        &mut self,
        transport: &str,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<(), Outcome> {
        let opened = match transport {
            PATCHES => return Ok(()),
            ISSUES => self.sink().await.map(|_| None),
            transport => self.transport(transport).await.map(Some),
        };
        match opened {
            Ok(None) => Ok(()),
            Ok(Some(transport)) => transport.prepare(outgoing, now).await,
            Err(error) => Err(Outcome::Deferred {
                until: now + jiff::SignedDuration::from_mins(BUILD_AGAIN_MINUTES),
                reason: error.to_string(),
            }),
        }
    }

    /// Sends, or does what else is asked for, once.
    pub async fn send(
        &mut self,
        transport: &str,
        outgoing: &Outgoing,
        errand: &Errand,
        lock: &File,
        now: Timestamp,
    ) -> Outcome {
        let gone = |what: &str| Outcome::Failed { reason: format!("the wiring has no [{what}] any more") };
        let sent = match errand {
            Errand::Tasks(list) => match self.sink().await {
                Ok(sink) => Ok(sink.create(list, now).await),
                Err(error) => Err(error),
            },
            Errand::Change(change) => {
                let patches = self.wiring.patches.as_ref();
                Ok(patches.map_or_else(|| gone(PATCHES), |patches| changes::apply(patches, change, now)))
            }
            Errand::Answer => match self.transport(transport).await {
                Ok(transport) => Ok(transport.send(outgoing, lock, now).await),
                Err(error) => Err(error),
            },
        };
        // Nothing was written to anybody.
        sent.unwrap_or_else(|error| Outcome::Deferred {
            until: now + jiff::SignedDuration::from_mins(BUILD_AGAIN_MINUTES),
            reason: error.to_string(),
        })
    }

    /// Makes everything durable that a transport has prepared or delivered so far, but what the next flush of
    /// the `ledger`'s disk does.
    ///
    /// # Errors
    /// Why that is not certain, in words.
    pub async fn flush(&mut self, transport: &str, ledger: &Path) -> std::result::Result<(), String> {
        if [ISSUES, PATCHES].contains(&transport) {
            return Ok(());
        }
        match self.transport(transport).await {
            Ok(transport) => transport.flush_unless_with(ledger),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Asks whether what was sent has arrived, or what else was asked for is done.
    ///
    /// `goes_on` tells whether what is not there yet is sent next.
    pub async fn find(
        &mut self,
        transport: &str,
        outgoing: &Outgoing,
        errand: &Errand,
        goes_on: bool,
        now: Timestamp,
    ) -> Found {
        let unknown = |error: ConnectorError| Found::Unknown { reason: error.to_string() };
        match errand {
            Errand::Tasks(list) => match self.sink().await {
                Ok(sink) => sink.find(list, goes_on, now).await,
                Err(error) => unknown(error),
            },
            Errand::Change(change) => match &self.wiring.patches {
                Some(patches) => changes::find(patches, change),
                None => unknown(sinks::missing(PATCHES)),
            },
            Errand::Answer => match self.transport(transport).await {
                Ok(transport) => transport.find(&outgoing.key, &outgoing.thread, now).await,
                Err(error) => unknown(error),
            },
        }
    }

    /// Returns how many answers may be on their way at a time.
    pub fn together(&self, transport: &str) -> usize {
        match self.wiring.transport(transport).map(|transport| &transport.kind) {
            // One crash must not make several drafts unsure.
            Some(TransportKind::Hub(hub)) if hub.dedupes => hub.concurrency,
            _ => 1,
        }
    }

    /// Returns a transport, with its credential.
    pub async fn built(&mut self, transport: &str) -> Result<&Transport, ConnectorError> {
        self.transport(transport).await
    }

    /// Tells the source what became of a draft: an answered message is read, a folder of sent mail gets its
    /// copy, and a hub's record tells the same story as the ledger. What cannot be told is logged, and
    /// changes nothing.
    pub async fn after(&mut self, origin: &Drafted, key: &Key, fact: &Fact, secrets: Option<&Secrets>) {
        self.after_all(vec![(origin, key, fact, None)], secrets).await;
    }

    /// The same for several drafts; hubs are told of some at a time. `secrets` have the key by which a message is
    /// known that had some in it.
    pub async fn after_all(&mut self, told: Vec<Told<'_>>, secrets: Option<&Secrets>) {
        let mut running: JoinSet<()> = JoinSet::new();
        for (origin, key, fact, outgoing) in told {
            let copied = outgoing.filter(|_| self.copies(&origin.source));
            let Some(event) = Event::of(origin, key, fact, copied) else { continue };
            let Ok(source) = self.source(&origin.source).await else { continue };
            let Source::Hub(hub) = source else {
                if event.is_read {
                    note_answered(source, &event, origin, secrets).await;
                }
                continue;
            };
            let hub = hub.clone();
            while running.len() >= TOGETHER {
                let _ = running.join_next().await;
            }
            running.spawn(async move { drop(tell_hub(&hub, &event).await) });
        }
        while running.join_next().await.is_some() {}
    }

    async fn sink(&mut self) -> Result<&Sink, ConnectorError> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => {
                let wiring = self.wiring.issues.as_ref().ok_or_else(|| sinks::missing(ISSUES))?;
                sinks::open(wiring, &self.credentials).await?
            }
        };
        Ok(self.sink.insert(sink))
    }

    /// Tells whether a source wants a copy of each answer.
    fn copies(&self, source: &str) -> bool {
        match self.wiring.source(source).map(|source| &source.kind) {
            Some(SourceKind::Imap(imap)) => imap.copy_to_sent,
            Some(
                SourceKind::Maildir { .. }
                | SourceKind::Folder { .. }
                | SourceKind::Hub(_)
                | SourceKind::Forge(_)
                | SourceKind::Program(_),
            )
            | None => false,
        }
    }

    /// Ends what is kept open; whoever needs it again opens it again.
    pub async fn close(&self) {
        for source in self.sources.values() {
            source.close().await;
        }
        for transport in self.transports.values() {
            transport.close().await;
        }
    }

    async fn transport(&mut self, name: &str) -> Result<&Transport, ConnectorError> {
        if !self.transports.contains_key(name) {
            let wiring = self.wiring.transport(name).ok_or_else(|| missing("transport", name))?;
            let transport = match &wiring.kind {
                TransportKind::Maildir { path } => Transport::Maildir(maildir::outbox::Transport {
                    name: name.to_owned(),
                    path: path.clone(),
                    host: self.host.clone(),
                }),
                TransportKind::Folder { path, format } => {
                    Transport::Folder(folder::outbox::Transport { path: path.clone(), format: *format })
                }
                TransportKind::Sendmail { command, timeout_seconds } => {
                    Transport::Sendmail(sendmail::Transport {
                        command: command.clone(),
                        timeout: Duration::from_secs(*timeout_seconds),
                        environment: env::vars_os().collect(),
                    })
                }
                TransportKind::Smtp(smtp) => {
                    let login = match &smtp.login {
                        Some((user, password)) => Some(login(user, password, &self.credentials).await?),
                        None => None,
                    };
                    Transport::Smtp(Box::new(smtp::Transport::new(smtp.server.clone(), login)))
                }
                TransportKind::Hub(wiring) => Transport::Hub(hub(name, wiring, &self.credentials).await?),
                TransportKind::Forge(wiring) => {
                    Transport::Forge(new_forge(name, wiring, &self.credentials).await?)
                }
                TransportKind::Program(wiring) => {
                    Transport::Program(program(name, wiring, Role::Transport, &self.credentials).await?)
                }
                TransportKind::Null => Transport::Null,
            };
            self.transports.insert(name.to_owned(), transport);
        }
        Ok(&self.transports[name])
    }
}

/// Builds a source, with its credential.
pub async fn source(wiring: &SourceWiring, credentials: &Credentials) -> Result<Source, ConnectorError> {
    match &wiring.kind {
        SourceKind::Maildir { path, sent } => Ok(Source::Maildir(maildir::Source {
            name: wiring.name.clone(),
            path: path.clone(),
            sent: sent.clone(),
        })),
        SourceKind::Folder { path, sent } => Ok(Source::Folder(folder::Source {
            name: wiring.name.clone(),
            path: path.clone(),
            sent: sent.clone(),
        })),
        SourceKind::Imap(imap) => {
            let login = login(&imap.user, &imap.password, credentials).await?;
            let (server, folders, sent) = (imap.server.clone(), imap.folders.clone(), imap.sent.clone());
            let source = imap::Source::new(&wiring.name, server, login, folders, sent);
            Ok(Source::Imap(Box::new(source)))
        }
        SourceKind::Hub(settings) => hub(&wiring.name, settings, credentials).await.map(Source::Hub),
        SourceKind::Forge(settings) => {
            new_forge(&wiring.name, settings, credentials).await.map(Source::Forge)
        }
        SourceKind::Program(settings) => {
            program(&wiring.name, settings, Role::Source, credentials).await.map(Source::Program)
        }
    }
}

/// Makes a forge, with its token.
pub async fn new_forge(
    name: &str,
    wiring: &ForgeWiring,
    credentials: &Credentials,
) -> Result<Box<Forge>, ConnectorError> {
    let token = match &wiring.token {
        Some(reference) => Some(token(reference, credentials).await?),
        None => None,
    };
    Forge::new(name, wiring.settings(token))
        .map(Box::new)
        .map_err(|error| ConnectorError::Refused { what: error.to_string(), hint: None })
}
/// Makes a connector of a program, with the secrets that it is handed; starts nothing.
pub async fn program(
    name: &str,
    wiring: &ProgramWiring,
    role: Role,
    credentials: &Credentials,
) -> Result<program::Program, ConnectorError> {
    Ok(program::Program::new(program_settings(name, wiring, credentials).await?, role))
}

/// Makes the settings of a program, with the secrets that it is handed.
pub async fn program_settings(
    name: &str,
    wiring: &ProgramWiring,
    credentials: &Credentials,
) -> Result<program::Settings, ConnectorError> {
    let mut secrets = Vec::new();
    for (secret, reference) in &wiring.secrets {
        let value = resolved(reference, credentials).await?;
        secrets.push((secret.clone(), value.expose().to_owned()));
    }
    Ok(program::Settings {
        name: name.to_owned(),
        start: Start { command: wiring.command.clone(), environment: variables(&wiring.environment) },
        settings: wiring.settings.clone(),
        secrets,
        capabilities: Capabilities { dedupes: wiring.dedupes, can_find: wiring.can_find },
        thread_tail: wiring.thread_tail,
        timeout: Duration::from_secs(wiring.timeout_seconds),
    })
}

async fn hub(name: &str, wiring: &HubWiring, credentials: &Credentials) -> Result<Box<Hub>, ConnectorError> {
    let token = token_of(wiring, credentials).await?;
    Hub::new(name, wiring.settings(token))
        .map(Box::new)
        .map_err(|error| ConnectorError::Refused { what: error.to_string(), hint: None })
}

/// Fetches a hub's token, where it wants one.
pub async fn token_of(
    wiring: &HubWiring,
    credentials: &Credentials,
) -> Result<Option<Token>, ConnectorError> {
    match &wiring.token {
        Some(reference) => token(reference, credentials).await.map(Some),
        None => Ok(None),
    }
}

/// Fetches the password of a login.
async fn login(user: &str, password: &SecretRef, credentials: &Credentials) -> Result<Login, ConnectorError> {
    Ok(Login::new(user, resolved(password, credentials).await?.expose()))
}

/// Fetches a secret, and notes it among what nothing may show.
async fn resolved(reference: &SecretRef, credentials: &Credentials) -> Result<Secret, ConnectorError> {
    let secret = reference
        .resolve(|name| env::var_os(name))
        .await
        .map_err(|error| ConnectorError::Refused { what: error.to_string(), hint: error.hint() })?;
    credentials.add(secret.expose());
    Ok(secret)
}

/// Fetches a token, and notes it among what nothing may show.
pub async fn token(reference: &SecretRef, credentials: &Credentials) -> Result<Token, ConnectorError> {
    let secret = resolved(reference, credentials).await?;
    Token::new(secret.expose())
        .map_err(|error| ConnectorError::Refused { what: error.to_string(), hint: None })
}

/// Makes the settings of a language model, with its key.
pub async fn model(wiring: &ModelWiring, context: &Context) -> Result<model::Settings, Fault> {
    secrets::note_variables(context, wiring);
    let key = match &wiring.key {
        Some(reference) => {
            let token = token(reference, &context.credentials).await;
            Some(token.map_err(|error| Fault::Away { what: error.to_string() })?)
        }
        None => None,
    };
    let server =
        |protocol: Protocol, url: &String| Place::Server { protocol, url: url.clone(), key: key.clone() };
    let place = match &wiring.place {
        ModelPlace::Execute { url } => server(Protocol::Execute, url),
        ModelPlace::OpenAi { url, model } => server(Protocol::OpenAi { model: model.clone() }, url),
        ModelPlace::Anthropic { url, model } => server(Protocol::Anthropic { model: model.clone() }, url),
        ModelPlace::Exec { command } => Place::Program { command: command.clone() },
    };
    Ok(model::Settings {
        place,
        tunnel: wiring.tunnel.clone(),
        environment: environment(wiring),
        timeout: Duration::from_secs(wiring.timeout_seconds),
        retries: wiring.retries,
    })
}

/// Makes the program that says what the operator's own systems know, where the wiring names one.
pub fn facts(wiring: &ModelWiring) -> Option<Program> {
    Some(Program {
        command: wiring.facts.clone()?,
        environment: environment(wiring),
        timeout: Duration::from_secs(wiring.timeout_seconds),
        bytes_max: facts::BYTES_MAX,
    })
}

fn environment(wiring: &ModelWiring) -> Vec<(OsString, OsString)> {
    variables(&wiring.environment)
}

/// Returns the variables of these names that we have.
pub fn variables(names: &[String]) -> Vec<(OsString, OsString)> {
    names.iter().filter_map(|name| Some((OsString::from(name), env::var_os(name)?))).collect()
}

fn missing(kind: &str, name: &str) -> ConnectorError {
    ConnectorError::Refused {
        what: format!("the wiring has no {kind} `{name}`"),
        hint: Some(format!("add [{kind}.{name}] to the wiring file")),
    }
}
