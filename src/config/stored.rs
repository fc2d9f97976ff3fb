//! Reads the text of a wiring file: its defaults, and every check beyond the `format`.
//!
//! Each section is read with all the keys that any kind knows, then checked against those of its
//! own, so that a mistake is named with its line. What stands where a secret is expected is never
//! shown.

mod forge;
mod hub;
mod notify;
mod program;
mod servers;
pub(super) mod sinks;
mod told;

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use toml::{Spanned, Value};

use self::program::PROGRAM_KEYS;
use crate::config::format::{
    BrainWord, FormatWord, Head, Section, Sections, SourceWord, Stored, StoredApproval, StoredLimits,
    TransportWord,
};
use crate::config::secret::SecretRef;
use crate::config::{
    ApprovalWiring, BrainKind, BrainWiring, DEFAULT, DeskPaths, Limits, ModelPlace, ModelWiring, RULES,
    SecretsWiring, SourceKind, SourceWiring, TransportKind, TransportWiring, Wiring,
};
use crate::connector::folder::outbox::Format;
use crate::error::FileError;
use crate::http;
use crate::message::Address;
use crate::text;
use crate::version;

const VERSION: u32 = 1;

/// The longest name of a source, a transport or a brain.
const NAME_CHARS_MAX: usize = 40;

const SENDMAIL_SECONDS: u64 = 60;

/// The keys of every language model.
const MODEL_KEYS: [&str; 9] = [
    "environment",
    "facts",
    "timeout_seconds",
    "retries",
    "concurrency",
    "calls_per_tick_max",
    "give_up_after",
    "fallback",
    "shadow",
];

const MODEL_SECONDS: u64 = 120;
const MODEL_RETRIES: usize = 2;
const MODEL_CONCURRENCY: usize = 8;
const MODEL_CALLS_PER_TICK_MAX: usize = 200;
const MODEL_GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(4);

/// What programs of a brain get where the wiring does not say.
const MODEL_ENVIRONMENT: [&str; 3] = ["HOME", "LANG", "PATH"];

const HUB_KEYS: [&str; 14] = [
    "url",
    "agent",
    "token",
    "dedupes",
    "can_find",
    "thread_tail",
    "acts_on_mentions",
    "page",
    "concurrency",
    "timeout_seconds",
    "paths",
    "methods",
    "fields",
    "bodies",
];

const SECRET_FORMS: &str = "secrets are never written here: use { command = [\"pass\", \"show\", \"hub\"] }, { env = \"HUB_TOKEN\" }, { file = \"hub.token\" } or { credential = \"hub\" }";

/// Reads and checks a whole wiring; see [`Wiring::parse`].
pub fn read(path: &Path, text: &str, home: &Path) -> Result<Wiring, FileError> {
    let file = File { path: path.display().to_string(), folder: path.parent(), home, text };
    // A newer version has keys that we do not know: it is named first.
    file.check_version()?;
    let stored: Stored = file.toml()?;
    let defaults: Stored = toml::from_str(DEFAULT).expect("the template is tested");

    let mut warnings = Vec::new();
    let mut transports = file.transports(stored.transport, &mut warnings)?;
    let brains = file.brains(stored.brain, &mut warnings)?;
    let sources = file.sources(stored.source, &mut transports, &brains, &mut warnings)?;
    let issues = stored.issues.map(|issues| file.issues(&issues, &mut warnings)).transpose()?;
    let desk = file.path_of(&stored.desk.path)?;
    let patches = stored.patches.map(|patches| file.patches(&patches, &desk)).transpose()?;
    Ok(Wiring {
        desk: DeskPaths {
            path: desk,
            state: stored.desk.state.as_ref().map(|path| file.path_of(path)).transpose()?,
        },
        sources,
        transports,
        brains,
        issues,
        patches,
        limits: file.limits(stored.limits.over(defaults.limits))?,
        approval: file.approval(&stored.approval)?,
        secrets: SecretsWiring {
            extra_rules: stored.secrets.extra_rules.as_ref().map(|path| file.path_of(path)).transpose()?,
        },
        notify: file.notify(&stored.notify, &defaults.notify)?,
        warnings,
    })
}

/// A wiring file, and what its paths are relative to.
struct File<'a> {
    path: String,
    folder: Option<&'a Path>,
    home: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn wrong(&self, span: &Range<usize>, what: impl Into<String>) -> FileError {
        let before = self.text.get(..span.start).unwrap_or_default();
        FileError::new(self.path.as_str(), what).at(1 + before.matches('\n').count())
    }

    fn toml<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        toml::from_str(self.text)
            .map_err(|error| told::told(FileError::from_toml(&self.path, self.text, 1, &error), self.text))
    }

    fn check_version(&self) -> Result<(), FileError> {
        let Some(version) = self.toml::<Head>()?.version else {
            return Err(FileError::new(self.path.as_str(), "the key `version` is missing")
                .at(1)
                .with_hint(format!("write `version = {VERSION}` at the top")));
        };
        let known = *version.get_ref();
        if known == i64::from(VERSION) {
            return Ok(());
        }
        let wrong = self.wrong(&version.span(), format!("version {known} of the wiring is not known"));
        Err(version::newer(&self.path, self.text, 1, VERSION)
            .unwrap_or_else(|| wrong.with_hint(format!("the version is {VERSION}"))))
    }

    fn sources(
        &self,
        stored: Sections<SourceWord>,
        transports: &mut Vec<TransportWiring>,
        brains: &[BrainWiring],
        warnings: &mut Vec<FileError>,
    ) -> Result<Vec<SourceWiring>, FileError> {
        let stored = in_order(stored);
        let mut sources = Vec::new();
        let mut own_transports = Vec::new();
        for (name, section) in &stored {
            let source = self.source(name, section, warnings)?;
            let own = match &source.kind {
                SourceKind::Hub(hub) => Some(("hub", TransportKind::Hub(hub.clone()))),
                SourceKind::Program(program) => Some(("program", TransportKind::Program(program.clone()))),
                SourceKind::Maildir { .. }
                | SourceKind::Folder { .. }
                | SourceKind::Imap(_)
                | SourceKind::Forge(_) => None,
            };
            if let (None, Some((word, kind))) = (&section.transport, own) {
                if transports.iter().any(|transport| transport.name == source.name) {
                    let what =
                        format!("`{}` is a {word} and a transport, and either may be meant", source.name);
                    return Err(self
                        .wrong(&name.span(), what)
                        .with_hint(format!("add `transport = \"{}\"`, or rename one of them", source.name)));
                }
                own_transports.push(TransportWiring { name: source.name.clone(), kind });
            }
            if let (true, SourceKind::Forge(forge)) = (forge::comments_itself(section), &source.kind) {
                own_transports.push(self.own_comments(name, forge, transports)?);
            }
            sources.push(source);
        }
        transports.append(&mut own_transports);
        for (source, (_, section)) in sources.iter().zip(&stored) {
            self.check_way(source, section, transports)?;
        }
        let transports: Vec<&str> = transports.iter().map(|transport| transport.name.as_str()).collect();
        let brains: Vec<&str> = brains.iter().map(|brain| brain.name.as_str()).collect();
        for (_, section) in &stored {
            self.check_known("transport", &section.transport, &transports)?;
            self.check_known("brain", &section.brain, &brains)?;
        }
        Ok(sources)
    }

    fn source(
        &self,
        name: &Spanned<String>,
        section: &Section<SourceWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<SourceWiring, FileError> {
        self.check_name(name)?;
        let (kind, address, transport) = match section.kind.get_ref() {
            kind @ (SourceWord::Maildir | SourceWord::Folder) => {
                let is_folder = matches!(kind, SourceWord::Folder);
                let keys = ["path", "sent", "address", "transport", "brain"];
                self.check_keys(
                    section,
                    if is_folder { "`folder` source" } else { "`maildir` source" },
                    &keys,
                )?;
                let path = self.path_of(self.required(&section.path, "path", name)?)?;
                let sent = section.sent.as_ref().map(|path| self.path_of(path)).transpose()?;
                let (address, transport) = self.account(name, section)?;
                let kind = match is_folder {
                    true => SourceKind::Folder { path, sent },
                    false => SourceKind::Maildir { path, sent },
                };
                (kind, address, transport)
            }
            SourceWord::Imap => {
                let imap = self.imap(name, section)?;
                let (address, transport) = self.account(name, section)?;
                (SourceKind::Imap(Box::new(imap)), address, transport)
            }
            SourceWord::Hub => {
                let keys = [&HUB_KEYS[..], &["transport", "brain"]].concat();
                self.check_keys(section, "`hub` source", &keys)?;
                let hub = self.hub(name, section, warnings)?;
                let address = Address::new("", &hub.agent);
                (SourceKind::Hub(Box::new(hub)), vec![address], section.transport.as_ref().unwrap_or(name))
            }
            SourceWord::Forgejo | SourceWord::GitHub => {
                let forge = self.forge_source(name, section, warnings)?;
                let address = Address::new("", &forge.login);
                (
                    SourceKind::Forge(Box::new(forge)),
                    vec![address],
                    section.transport.as_ref().unwrap_or(name),
                )
            }
            SourceWord::Program => {
                let keys = [&PROGRAM_KEYS[..], &["address", "transport", "brain"]].concat();
                self.check_keys(section, "`program` source", &keys)?;
                let program = self.connector_program(name, section)?;
                let address = self.addresses(self.required(&section.address, "address", name)?)?;
                (SourceKind::Program(Box::new(program)), address, section.transport.as_ref().unwrap_or(name))
            }
        };
        Ok(SourceWiring {
            name: name.get_ref().clone(),
            address,
            transport: transport.get_ref().clone(),
            brain: section.brain.as_ref().map_or(RULES, |brain| brain.get_ref()).to_owned(),
            kind,
        })
    }

    fn transport_of<'a, K>(
        &self,
        name: &Spanned<String>,
        section: &'a Section<K>,
    ) -> Result<&'a Spanned<String>, FileError> {
        self.required(&section.transport, "transport", name).map_err(|error| {
            error.with_hint("answers must go somewhere; a transport of kind \"null\" goes nowhere")
        })
    }

    /// Reads who we are on an account of mail, and where its answers go.
    fn account<'a>(
        &self,
        name: &Spanned<String>,
        section: &'a Section<SourceWord>,
    ) -> Result<(Vec<Address>, &'a Spanned<String>), FileError> {
        let stored = self.required(&section.address, "address", name)?;
        let address = self.addresses(stored)?;
        if let Some(name) = address.iter().find(|address| !address.is_mail()) {
            let shown = text::one_line(&name.email, 60);
            return Err(self
                .wrong(&stored.span(), format!("`{shown}` is not an e-mail address"))
                .with_hint("write it as [\"Sam Hill <sam@example.com>\"]"));
        }
        Ok((address, self.transport_of(name, section)?))
    }

    fn transports(
        &self,
        stored: Sections<TransportWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<Vec<TransportWiring>, FileError> {
        let transport = |(name, section): (Spanned<String>, Section<TransportWord>)| {
            self.check_name(&name)?;
            self.check_sink_name(&name)?;
            let kind = match section.kind.get_ref() {
                TransportWord::Maildir => {
                    self.check_keys(&section, "`maildir` transport", &["path"])?;
                    let path = self.path_of(self.required(&section.path, "path", &name)?)?;
                    TransportKind::Maildir { path }
                }
                TransportWord::Folder => {
                    self.check_keys(&section, "`folder` transport", &["path", "format"])?;
                    let path = self.path_of(self.required(&section.path, "path", &name)?)?;
                    let format = match section.format.as_ref().map(Spanned::get_ref) {
                        None | Some(FormatWord::Mail) => Format::Mail,
                        Some(FormatWord::Markdown) => Format::Markdown,
                    };
                    TransportKind::Folder { path, format }
                }
                TransportWord::Sendmail => {
                    self.check_keys(&section, "`sendmail` transport", &["command", "timeout_seconds"])?;
                    let command = self.command(self.required(&section.command, "command", &name)?)?;
                    let timeout_seconds = self.timeout_seconds(&section, SENDMAIL_SECONDS)?;
                    TransportKind::Sendmail { command, timeout_seconds }
                }
                TransportWord::Smtp => TransportKind::Smtp(Box::new(self.smtp(&name, &section)?)),
                TransportWord::Hub => {
                    self.check_keys(&section, "`hub` transport", &HUB_KEYS)?;
                    TransportKind::Hub(Box::new(self.hub(&name, &section, warnings)?))
                }
                TransportWord::Forgejo | TransportWord::GitHub => {
                    TransportKind::Forge(Box::new(self.forge_transport(&name, &section, warnings)?))
                }
                TransportWord::Program => {
                    self.check_keys(&section, "`program` transport", &PROGRAM_KEYS)?;
                    TransportKind::Program(Box::new(self.connector_program(&name, &section)?))
                }
                TransportWord::Null => {
                    self.check_keys(&section, "`null` transport", &[])?;
                    TransportKind::Null
                }
            };
            Ok(TransportWiring { name: name.into_inner(), kind })
        };
        in_order(stored).into_iter().map(transport).collect()
    }

    fn brains(
        &self,
        stored: Sections<BrainWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<Vec<BrainWiring>, FileError> {
        let stored = in_order(stored);
        let mut brains = Vec::new();
        for (name, section) in &stored {
            self.check_name(name)?;
            let kind = match section.kind.get_ref() {
                BrainWord::Rules => {
                    self.check_keys(section, "`rules` brain", &["routes", "shadow"])?;
                    let routes = section.routes.as_ref().map(|path| self.path_of(path)).transpose()?;
                    BrainKind::Rules { routes }
                }
                BrainWord::Execute | BrainWord::OpenAi | BrainWord::Anthropic | BrainWord::Exec => {
                    BrainKind::Model(Box::new(self.model(name, section, warnings)?))
                }
            };
            let shadow = section.shadow.as_ref().map(|shadow| shadow.get_ref().clone());
            brains.push(BrainWiring { name: name.get_ref().clone(), kind, shadow });
        }
        if !brains.iter().any(|brain| brain.name == RULES) {
            let kind = BrainKind::Rules { routes: None };
            brains.push(BrainWiring { name: RULES.to_owned(), kind, shadow: None });
        }
        let (catalogues, models): (Vec<_>, Vec<_>) =
            brains.iter().partition(|brain| matches!(brain.kind, BrainKind::Rules { .. }));
        let names =
            |brains: &[&BrainWiring]| brains.iter().map(|brain| brain.name.clone()).collect::<Vec<_>>();
        let (catalogues, models) = (names(&catalogues), names(&models));
        for (name, section) in &stored {
            self.check_known("rules brain", &section.fallback, &catalogues)?;
            self.check_known("language model", &section.shadow, &models)?;
            if let Some(shadow) = section.shadow.as_ref().filter(|shadow| shadow.get_ref() == name.get_ref())
            {
                let what = format!("`{}` cannot be its own shadow", name.get_ref());
                return Err(self.wrong(&shadow.span(), what).with_hint("name another brain of the wiring"));
            }
        }
        Ok(brains)
    }

    fn model(
        &self,
        name: &Spanned<String>,
        section: &Section<BrainWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<ModelWiring, FileError> {
        let keys = |own: &[&'static str]| [own, &MODEL_KEYS].concat();
        let place = match section.kind.get_ref() {
            BrainWord::Execute => {
                self.check_keys(section, "`execute` brain", &keys(&["url", "key", "tunnel"]))?;
                ModelPlace::Execute { url: self.model_url(name, section, warnings)? }
            }
            BrainWord::OpenAi => {
                self.check_keys(section, "`openai` brain", &keys(&["url", "model", "key", "tunnel"]))?;
                let url = self.model_url(name, section, warnings)?;
                ModelPlace::OpenAi { url, model: self.model_name(name, section)? }
            }
            BrainWord::Anthropic => {
                self.check_keys(section, "`anthropic` brain", &keys(&["url", "model", "key", "tunnel"]))?;
                let url = self.model_url(name, section, warnings)?;
                ModelPlace::Anthropic { url, model: self.model_name(name, section)? }
            }
            BrainWord::Exec | BrainWord::Rules => {
                self.check_keys(section, "`exec` brain", &keys(&["command"]))?;
                ModelPlace::Exec { command: self.command(self.required(&section.command, "command", name)?)? }
            }
        };
        let give_up_after = match &section.give_up_after {
            None => MODEL_GIVE_UP_AFTER,
            Some(age) => age_of(age.get_ref()).flatten().ok_or_else(|| {
                self.wrong(&age.span(), "`give_up_after` is no time")
                    .with_hint("write it as \"30m\", \"4h\" or \"2d\"")
            })?,
        };
        let count = |value, key, range, default| self.count(value, key, range, default);
        Ok(ModelWiring {
            place,
            key: section.key.as_ref().map(|key| self.secret("key", key)).transpose()?,
            tunnel: section.tunnel.as_ref().map(|tunnel| self.program("tunnel", tunnel)).transpose()?,
            environment: self.environment(section)?,
            facts: section.facts.as_ref().map(|facts| self.program("facts", facts)).transpose()?,
            timeout_seconds: self.timeout_seconds(section, MODEL_SECONDS)?,
            retries: count(&section.retries, "retries", 0..=10, MODEL_RETRIES)? as u32,
            concurrency: count(&section.concurrency, "concurrency", 1..=64, MODEL_CONCURRENCY)?,
            calls_per_tick_max: count(
                &section.calls_per_tick_max,
                "calls_per_tick_max",
                1..=100_000,
                MODEL_CALLS_PER_TICK_MAX,
            )? as u32,
            give_up_after,
            fallback: section.fallback.as_ref().map(|name| name.get_ref().clone()),
        })
    }

    fn model_url(
        &self,
        name: &Spanned<String>,
        section: &Section<BrainWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<String, FileError> {
        let url = self.required(&section.url, "url", name).map_err(|error| {
            error.with_hint("messages go there, so there is no default; such as \"http://127.0.0.1:8080/v1\"")
        })?;
        self.check_url(name, url, warnings)?;
        Ok(url.get_ref().clone())
    }

    fn model_name(&self, name: &Spanned<String>, section: &Section<BrainWord>) -> Result<String, FileError> {
        let model = self.required(&section.model, "model", name)?;
        let plain = !model.get_ref().is_empty() && text::one_line(model.get_ref(), 200) == *model.get_ref();
        if plain {
            Ok(model.get_ref().clone())
        } else {
            Err(self.wrong(&model.span(), "`model` has no name"))
        }
    }

    fn environment(&self, section: &Section<BrainWord>) -> Result<Vec<String>, FileError> {
        let Some(names) = &section.environment else {
            return Ok(MODEL_ENVIRONMENT.map(str::to_owned).to_vec());
        };
        if names.get_ref().iter().all(|name| is_variable(name)) {
            return Ok(names.get_ref().clone());
        }
        Err(self.wrong(&names.span(), "`environment` is a list of names in capitals, digits and `_`"))
    }

    fn check_url(
        &self,
        name: &Spanned<String>,
        url: &Spanned<String>,
        warnings: &mut Vec<FileError>,
    ) -> Result<(), FileError> {
        http::check_url(url.get_ref()).map_err(|error| self.wrong(&url.span(), error.to_string()))?;
        if http::insecure(url.get_ref()) {
            let what =
                format!("messages and the token of `{}` cross the network unencrypted", name.get_ref());
            warnings
                .push(self.wrong(&url.span(), what).with_hint("use https://, or a tunnel to this machine"));
        }
        Ok(())
    }

    fn limits(&self, stored: StoredLimits) -> Result<Limits, FileError> {
        let since = match &stored.messages_since {
            Some(age) => age_of(age.get_ref()).ok_or_else(|| {
                let shown = text::one_line(age.get_ref(), 40);
                self.wrong(&age.span(), format!("`{shown}` is no age of messages"))
                    .with_hint("write it as \"30m\", \"12h\", \"7d\", \"4w\" or \"all\"")
            })?,
            None => None,
        };
        Ok(Limits {
            messages_per_tick_max: self.count(
                &stored.messages_per_tick_max,
                "messages_per_tick_max",
                1..=10_000,
                0,
            )?,
            messages_since: since,
            sends_per_hour_max: self.count(
                &stored.sends_per_hour_max,
                "sends_per_hour_max",
                0..=100_000,
                0,
            )?,
            shadow_seconds_max: self.count(&stored.shadow_seconds_max, "shadow_seconds_max", 1..=3600, 0)?
                as u64,
        })
    }

    fn approval(&self, stored: &StoredApproval) -> Result<ApprovalWiring, FileError> {
        let path = |path: &Option<Spanned<String>>| path.as_ref().map(|path| self.path_of(path)).transpose();
        if let (Some(revoked), None) = (&stored.revoked, &stored.allowed_signers) {
            let what = "`revoked` takes keys away, and no `allowed_signers` gives any";
            return Err(self
                .wrong(&revoked.span(), what)
                .with_hint("add `allowed_signers`, or take `revoked` out"));
        }
        Ok(ApprovalWiring {
            allowed_signers: path(&stored.allowed_signers)?,
            revoked: path(&stored.revoked)?,
        })
    }

    fn check_name(&self, name: &Spanned<String>) -> Result<(), FileError> {
        let word = name.get_ref();
        let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if plain && (1..=NAME_CHARS_MAX).contains(&word.len()) {
            return Ok(());
        }
        let what = format!("`{}` cannot be a name", text::one_line(word, NAME_CHARS_MAX));
        Err(self
            .wrong(&name.span(), what)
            .with_hint(format!("use at most {NAME_CHARS_MAX} letters, digits, `-` and `_`")))
    }

    /// Refuses the first key that another kind may have, but not this one.
    fn check_keys<K>(&self, section: &Section<K>, kind: &str, keys: &[&str]) -> Result<(), FileError> {
        let foreign = section
            .keys()
            .into_iter()
            .filter(|(key, _)| !keys.contains(key))
            .min_by_key(|(_, span)| span.start);
        let Some((key, span)) = foreign else { return Ok(()) };
        let wrong = self.wrong(&span, format!("a {kind} has no key `{key}`"));
        Err(match (key, keys) {
            ("address", _) => wrong.with_hint("its `agent` is who you are there"),
            (_, []) => wrong.with_hint("it has none but `kind`"),
            (_, keys) => wrong.with_hint(format!("its keys are {}", listed(keys))),
        })
    }

    fn check_known(
        &self,
        what: &str,
        name: &Option<Spanned<String>>,
        known: &[impl AsRef<str>],
    ) -> Result<(), FileError> {
        let Some(name) = name else { return Ok(()) };
        let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
        if known.contains(&name.get_ref().as_str()) {
            return Ok(());
        }
        let shown = text::one_line(name.get_ref(), NAME_CHARS_MAX);
        let wrong = self.wrong(&name.span(), format!("there is no {what} `{shown}`"));
        let section = if what == "language model" { "brain" } else { what };
        Err(if known.is_empty() {
            wrong.with_hint(format!("add a section [{section}.{shown}]"))
        } else {
            wrong.with_hint(format!("the {what}s here are {}", listed(&known)))
        })
    }

    fn required<'a, T>(
        &self,
        value: &'a Option<Spanned<T>>,
        key: &str,
        name: &Spanned<String>,
    ) -> Result<&'a Spanned<T>, FileError> {
        value.as_ref().ok_or_else(|| {
            self.wrong(&name.span(), format!("the key `{key}` of `{}` is missing", name.get_ref()))
        })
    }

    fn count(
        &self,
        value: &Option<Spanned<i64>>,
        key: &str,
        range: RangeInclusive<usize>,
        default: usize,
    ) -> Result<usize, FileError> {
        let Some(value) = value else { return Ok(default) };
        usize::try_from(*value.get_ref()).ok().filter(|count| range.contains(count)).ok_or_else(|| {
            let what = format!("`{key}` is not a number from {} to {}", range.start(), range.end());
            self.wrong(&value.span(), what)
        })
    }

    fn timeout_seconds<K>(&self, section: &Section<K>, default: u64) -> Result<u64, FileError> {
        let default = usize::try_from(default).unwrap_or(usize::MAX);
        Ok(self.count(&section.timeout_seconds, "timeout_seconds", 1..=600, default)? as u64)
    }

    fn addresses(&self, stored: &Spanned<Vec<String>>) -> Result<Vec<Address>, FileError> {
        let addresses: Option<Vec<Address>> =
            stored.get_ref().iter().map(|text| Address::parse(text)).collect();
        addresses.filter(|addresses| !addresses.is_empty()).ok_or_else(|| {
            self.wrong(&stored.span(), "`address` does not say who you are here")
                .with_hint("write it as [\"Sam Hill <sam@example.com>\"]")
        })
    }

    fn command(&self, stored: &Spanned<Vec<String>>) -> Result<Vec<String>, FileError> {
        self.program("command", stored)
    }

    fn program(&self, key: &str, stored: &Spanned<Vec<String>>) -> Result<Vec<String>, FileError> {
        let command = stored.get_ref();
        if is_command(command) {
            return Ok(command.clone());
        }
        Err(self
            .wrong(&stored.span(), format!("`{key}` names no program"))
            .with_hint(format!("write it as `{key} = [\"program\", \"argument\"]`")))
    }

    /// Reads a path: absolute, below the home, or relative to the folder of the file.
    fn path_of(&self, stored: &Spanned<String>) -> Result<PathBuf, FileError> {
        self.full_path(stored.get_ref()).map_err(|what| self.wrong(&stored.span(), what))
    }

    fn full_path(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("the path is empty, or none".to_owned());
        }
        match text.strip_prefix('~') {
            Some("") => Ok(self.home.to_owned()),
            Some(rest) => match rest.strip_prefix('/') {
                Some(below) => Ok(self.home.join(below.trim_start_matches('/'))),
                None => Err("only your own home is known as `~`".to_owned()),
            },
            None => Ok(self.folder.map_or_else(|| PathBuf::from(text), |folder| folder.join(text))),
        }
    }

    /// Reads where a secret is. What stands here instead of that is never shown: it may be the secret.
    fn secret(&self, key: &str, stored: &Spanned<Value>) -> Result<SecretRef, FileError> {
        let wrong = |what: &str| Err(self.wrong(&stored.span(), what).with_hint(SECRET_FORMS));
        let Value::Table(table) = stored.get_ref() else {
            return wrong(&format!("`{key}` is not a reference to a secret"));
        };
        let mut pairs = table.iter();
        let (Some((place, value)), None) = (pairs.next(), pairs.next()) else {
            return wrong(&format!("`{key}` does not name exactly one place of a secret"));
        };
        match (place.as_str(), value) {
            ("command", Value::Array(words)) => {
                let words: Option<Vec<String>> =
                    words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
                match words.filter(|words| is_command(words)) {
                    Some(words) => Ok(SecretRef::Command(words)),
                    None => {
                        wrong(&format!("the command of `{key}` is not a list of a program and its arguments"))
                    }
                }
            }
            ("command", _) => {
                wrong(&format!("the command of `{key}` is not a list of a program and its arguments"))
            }
            ("env", Value::String(name)) if is_variable(name) => Ok(SecretRef::Env(name.clone())),
            ("env", _) => {
                wrong(&format!("the variable of `{key}` is not a name in capitals, digits and `_`"))
            }
            ("file", Value::String(path)) => {
                self.full_path(path).map(SecretRef::File).or_else(|what| wrong(&what))
            }
            ("credential", Value::String(name)) if is_credential(name) => {
                Ok(SecretRef::Credential(name.clone()))
            }
            ("file" | "credential", _) => wrong(&format!("the place of `{key}` cannot be one")),
            _ => wrong(&format!("`{key}` does not name a known place of a secret")),
        }
    }
}

/// Returns the sections as they stand in the file.
fn in_order<K>(sections: Sections<K>) -> Vec<(Spanned<String>, Section<K>)> {
    let mut sections: Vec<_> = sections.into_iter().collect();
    sections.sort_by_key(|(name, _)| name.span().start);
    sections
}

/// Returns the entries of a table as they stand in the file.
fn in_order_of(
    table: Option<&BTreeMap<Spanned<String>, Spanned<Value>>>,
) -> Vec<(&Spanned<String>, &Spanned<Value>)> {
    let mut entries: Vec<_> = table.into_iter().flatten().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// Reads a time span as [`text::duration`] does, or `all`, which is none.
pub fn age_of(text: &str) -> Option<Option<SignedDuration>> {
    if text == "all" { Some(None) } else { text::duration(text).map(Some) }
}

fn is_command(words: &[String]) -> bool {
    words.first().is_some_and(|program| !program.is_empty()) && words.iter().all(|word| !word.contains('\0'))
}

/// Tells whether this is surely the name of a variable: a token that was put in its place has small
/// letters, too, and is then not shown by an error.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Tells whether this is a file name that systemd would take for a credential.
fn is_credential(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::HubWiring;
    use crate::connector::hub::settings::Paths;
    use crate::error::Hint;

    const MAIL: &str = "[source.mail]\nkind = \"maildir\"\npath = \"~/Mail/inbox\"\naddress = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"null\"\n";
    const HUB: &str = "[source.hub]\nkind = \"hub\"\nurl = \"https://hub.example\"\nagent = \"sam\"\n";

    fn parse(text: &str) -> Result<Wiring, FileError> {
        read(Path::new("/home/sam/.config/git-drafts/config.toml"), text, Path::new("/home/sam"))
    }

    /// Reads `sections` from line 4 on.
    fn wiring(sections: &str) -> Result<Wiring, FileError> {
        parse(&format!("version = 1\n[desk]\npath = \"~/drafts\"\n{sections}"))
    }

    fn check(sections: &str, wrong: &str, hint: &str) {
        let error = wiring(sections).unwrap_err();
        let shown = error.to_string();
        assert_eq!(shown.strip_prefix("/home/sam/.config/git-drafts/config.toml:").unwrap(), wrong);
        assert_eq!(error.hint().unwrap_or_default(), hint);
    }

    fn hub(wiring: &Wiring) -> &HubWiring {
        match &wiring.sources[0].kind {
            SourceKind::Hub(hub) => hub,
            _ => panic!("no hub"),
        }
    }

    #[test]
    fn the_template_is_a_wiring_without_sources() {
        let wiring = parse(DEFAULT).unwrap();
        assert_eq!(wiring.desk.path, Path::new("/home/sam/drafts"));
        assert!(wiring.sources.is_empty() && wiring.transports.is_empty() && wiring.warnings.is_empty());
        assert_eq!(wiring.brains.len(), 1);
        assert_eq!(
            wiring.limits,
            Limits {
                messages_per_tick_max: 50,
                messages_since: Some(SignedDuration::from_hours(7 * 24)),
                sends_per_hour_max: 60,
                shadow_seconds_max: 120,
            }
        );
        assert!(wiring.notify.enabled);
    }

    #[test]
    fn the_examples_of_the_template_are_a_wiring() {
        let examples: Vec<&str> = DEFAULT
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .collect();
        let wiring = parse(&examples.join("\n")).unwrap();
        let sources: Vec<_> =
            wiring.sources.iter().map(|source| (&*source.name, &*source.transport)).collect();
        assert_eq!(
            sources,
            [
                ("mail", "out"),
                ("notes", "files"),
                ("account", "submission"),
                ("hub", "hub"),
                ("forge", "hub"),
                ("queue", "queue")
            ]
        );
        let transports: Vec<&str> = wiring.transports.iter().map(|transport| &*transport.name).collect();
        assert_eq!(transports, ["out", "files", "post", "submission", "nowhere", "hub", "queue"]);
    }

    #[test]
    fn the_examples_of_the_template_are_the_defaults() {
        let bare = wiring(HUB).unwrap();
        let bare = hub(&bare);
        let told = |line: String| assert!(DEFAULT.contains(&line), "{line}");
        told(format!("#page = {} ", bare.page));
        told(format!("#concurrency = {} ", bare.concurrency));
        told(format!("#timeout_seconds = {} ", bare.timeout_seconds));
        told(format!("#timeout_seconds = {SENDMAIL_SECONDS}\n"));
        told(format!("#dedupes = {} ", bare.dedupes));
        told(format!("#health = \"{}\"\n", bare.paths.health));
        told(format!("#read = \"{}\"\n", bare.paths.read));
        told(format!("#thread = \"{}\"\n", bare.paths.thread));
        told(format!("#body = \"{}\" ", bare.fields.body));
    }

    #[test]
    fn rules_of_secrets_are_named_by_their_file() {
        let bare = parse(DEFAULT).unwrap();
        assert_eq!(bare.secrets.extra_rules, None);
        let told = wiring("[secrets]\nextra_rules = \"gitleaks.toml\"\n").unwrap();
        let path = told.secrets.extra_rules.unwrap();
        assert_eq!(path, Path::new("/home/sam/.config/git-drafts/gitleaks.toml"));
    }

    #[test]
    fn signers_are_named_by_their_file_and_revocations_alone_mean_nothing() {
        let bare = parse(DEFAULT).unwrap();
        assert_eq!(bare.approval, ApprovalWiring::default());
        let told =
            wiring("[approval]\nallowed_signers = \"~/.ssh/allowed_signers\"\nrevoked = \"krl\"\n").unwrap();
        let told = (told.approval.allowed_signers.unwrap(), told.approval.revoked.unwrap());
        assert_eq!(told.0, Path::new("/home/sam/.ssh/allowed_signers"));
        assert_eq!(told.1, Path::new("/home/sam/.config/git-drafts/krl"));
        check(
            "[approval]\nrevoked = \"krl\"\n",
            "5: `revoked` takes keys away, and no `allowed_signers` gives any",
            "add `allowed_signers`, or take `revoked` out",
        );
    }

    #[test]
    fn sources_keep_the_order_of_the_file() {
        let source = |name: &str| HUB.replace("hub]", &format!("{name}]"));
        let wiring = wiring(&[source("z"), source("a"), source("m")].concat()).unwrap();
        let names: Vec<&str> = wiring.sources.iter().map(|source| &*source.name).collect();
        assert_eq!(names, ["z", "a", "m"]);
    }

    #[test]
    fn paths_start_at_the_home_or_at_the_folder_of_the_file() {
        for (path, full) in [
            ("~/Mail", "/home/sam/Mail"),
            ("~", "/home/sam"),
            ("/srv/mail", "/srv/mail"),
            ("mail/inbox", "/home/sam/.config/git-drafts/mail/inbox"),
        ] {
            let text = format!("version = 1\n[desk]\npath = \"{path}\"\n");
            assert_eq!(parse(&text).unwrap().desk.path, Path::new(full));
        }
        check("state = \"~kim/x\"", "4: only your own home is known as `~`", "");
        check("state = \"\"", "4: the path is empty, or none", "");
    }

    #[test]
    fn a_hub_takes_the_answers_to_its_own_messages() {
        let own = wiring(HUB).unwrap();
        assert_eq!(own.sources[0].transport, "hub");
        assert_eq!(own.sources[0].address, [Address::new("", "sam")]);
        assert!(
            matches!(&own.transport("hub").unwrap().kind, TransportKind::Hub(wiring) if **wiring == *hub(&own))
        );

        let other = wiring(&format!("{HUB}transport = \"out\"\n[transport.out]\nkind = \"null\"\n")).unwrap();
        assert_eq!((&*other.sources[0].transport, other.transports.len()), ("out", 1));

        check(
            &format!("{HUB}[transport.hub]\nkind = \"null\"\n"),
            "4: `hub` is a hub and a transport, and either may be meant",
            "add `transport = \"hub\"`, or rename one of them",
        );
    }

    #[test]
    fn a_hub_promises_nothing_unless_the_wiring_says_so() {
        let bare = wiring(HUB).unwrap();
        assert!(!hub(&bare).dedupes && !hub(&bare).can_find && !hub(&bare).thread_tail);
        let able = wiring(&format!(
            "{HUB}dedupes = true\npage = 7\n[source.hub.paths]\nread = \"/api/{{id}}/seen\"\n[source.hub.fields]\nbody = \"text\"\n"
        ))
        .unwrap();
        let settings = hub(&able).settings(None);
        assert!(settings.dedupes && !settings.can_find);
        assert_eq!(
            (&*settings.paths.read, &*settings.fields.body, settings.page),
            ("/api/{id}/seen", "text", 7)
        );
        assert_eq!(settings.paths.messages, Paths::default().messages);
    }

    #[test]
    fn an_unencrypted_hub_elsewhere_is_warned_about() {
        let check = |url: &str, warnings: &[&str]| {
            let wiring = wiring(&HUB.replace("https://hub.example", url)).unwrap();
            let shown: Vec<String> = wiring.warnings.iter().map(FileError::to_string).collect();
            assert_eq!(shown, warnings);
        };
        check("http://127.0.0.1:8080", &[]);
        check(
            "http://hub.example",
            &[
                "/home/sam/.config/git-drafts/config.toml:6: messages and the token of `hub` cross the network unencrypted",
            ],
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_a_way_out() {
        check(&format!("{MAIL}[brian.x]\n"), "11: unknown key `brian`", "did you mean `brain`?");
        check(
            "[source.mail]\nkind = \"maildri\"\n",
            "5: `kind` cannot be `maildri`",
            "did you mean `maildir`?",
        );
        check(
            "[source.mail]\npath = \"x\"\n",
            "4: the key `kind` is missing",
            "a source is of kind `maildir`, `folder`, `imap`, `hub`, `forgejo`, `github` or `program`",
        );
        let elsewhere =
            "answers do not go there; tasks do, by a section of their own: [issues] with `kind = \"rest\"`";
        check("[transport.x]\nkind = \"rest\"\nurl = \"u\"\n", "5: `kind` cannot be `rest`", elsewhere);
        check(
            &MAIL.replace("Sam Hill <sam@example.com>", "nobody"),
            "7: `nobody` is not an e-mail address",
            "write it as [\"Sam Hill <sam@example.com>\"]",
        );
        check(
            "[source.\"a b\"]\nkind = \"hub\"\n",
            "4: `a b` cannot be a name",
            "use at most 40 letters, digits, `-` and `_`",
        );
        check(&MAIL.replace("path", "#path"), "4: the key `path` of `mail` is missing", "");
        check(
            &MAIL.replace("transport =", "#transport ="),
            "4: the key `transport` of `mail` is missing",
            "answers must go somewhere; a transport of kind \"null\" goes nowhere",
        );
        check(
            &MAIL.replace("\"out\"", "\"post\""),
            "8: there is no transport `post`",
            "the transports here are `out`",
        );
        check(
            &MAIL.replace("[transport.out]\nkind = \"null\"\n", ""),
            "8: there is no transport `out`",
            "add a section [transport.out]",
        );
        check(
            &format!("{HUB}brain = \"local\"\n"),
            "8: there is no brain `local`",
            "the brains here are `rules`",
        );
        check(
            &MAIL.replace("\"Sam Hill <sam@example.com>\"", ""),
            "7: `address` does not say who you are here",
            "write it as [\"Sam Hill <sam@example.com>\"]",
        );
        check(&HUB.replace("https://", "ftp://"), "6: the url does not start with http:// or https://", "");
        check(
            &HUB.replace("\"sam\"", "\" \""),
            "7: the agent has no name, or one with hidden characters",
            "",
        );
        check(&format!("{HUB}page = 0\n"), "8: `page` is not a number from 1 to 1000", "");
        check(
            "[transport.post]\nkind = \"sendmail\"\ncommand = []\n",
            "6: `command` names no program",
            "write it as `command = [\"program\", \"argument\"]`",
        );
        check(
            "[limits]\nsends_per_hour_max = -1\n",
            "5: `sends_per_hour_max` is not a number from 0 to 100000",
            "",
        );
        check(
            "[limits]\nmessages_since = \"soon\"\n",
            "5: `soon` is no age of messages",
            "write it as \"30m\", \"12h\", \"7d\", \"4w\" or \"all\"",
        );
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        check(
            &format!("[source.hub]\nkind = \"maildir\"\nurl = \"https://h\"\n{MAIL}"),
            "6: a `maildir` source has no key `url`",
            "its keys are `path`, `sent`, `address`, `transport`, `brain`",
        );
        check(
            &format!("{HUB}address = [\"a@b.c\"]\n"),
            "8: a `hub` source has no key `address`",
            "its `agent` is who you are there",
        );
        check(
            &format!("{MAIL}path = \"x\"\n"),
            "11: a `null` transport has no key `path`",
            "it has none but `kind`",
        );
        check(
            "[brain.rules]\nkind = \"rules\"\ncommand = [\"x\"]\n",
            "6: a `rules` brain has no key `command`",
            "its keys are `routes`, `shadow`",
        );
    }

    const MODEL: &str =
        "[brain.local]\nkind = \"openai\"\nurl = \"http://127.0.0.1:8080/v1\"\nmodel = \"m\"\n";

    #[test]
    fn a_model_has_bounds_and_no_default_address() {
        let wiring = wiring(MODEL).unwrap();
        let BrainKind::Model(model) = &wiring.brain("local").unwrap().kind else { panic!("no model") };
        assert_eq!((model.timeout_seconds, model.retries, model.concurrency), (120, 2, 8));
        assert_eq!((model.calls_per_tick_max, model.give_up_after.as_hours()), (200, 4));
        assert_eq!(model.environment, MODEL_ENVIRONMENT);
        assert_eq!((&model.fallback, &model.key, &model.tunnel), (&None, &None, &None));
        for kind in ["execute", "openai", "anthropic"] {
            check(
                &format!("[brain.local]\nkind = \"{kind}\"\n"),
                "4: the key `url` of `local` is missing",
                "messages go there, so there is no default; such as \"http://127.0.0.1:8080/v1\"",
            );
        }
        check("[brain.local]\nkind = \"exec\"\n", "4: the key `command` of `local` is missing", "");
        check(
            "[brain.local]\nkind = \"openai\"\nurl = \"http://127.0.0.1/\"\n",
            "4: the key `model` of `local` is missing",
            "",
        );
    }

    #[test]
    fn a_wrong_setting_of_a_model_is_named_with_its_line() {
        for (line, wrong, hint) in [
            ("url = \"x\"", "8: `url` is there twice", "keep one of the two"),
            ("key = \"s3cr3t\"", "8: `key` is not a reference to a secret", SECRET_FORMS),
            ("retries = 11", "8: `retries` is not a number from 0 to 10", ""),
            ("concurrency = 0", "8: `concurrency` is not a number from 1 to 64", ""),
            ("timeout_seconds = 601", "8: `timeout_seconds` is not a number from 1 to 600", ""),
            ("calls_per_tick_max = 0", "8: `calls_per_tick_max` is not a number from 1 to 100000", ""),
            (
                "give_up_after = \"all\"",
                "8: `give_up_after` is no time",
                "write it as \"30m\", \"4h\" or \"2d\"",
            ),
            (
                "fallback = \"local\"",
                "8: there is no rules brain `local`",
                "the rules brains here are `rules`",
            ),
            (
                "shadow = \"rules\"",
                "8: there is no language model `rules`",
                "the language models here are `local`",
            ),
            ("shadow = \"local\"", "8: `local` cannot be its own shadow", "name another brain of the wiring"),
            (
                "tunnel = []",
                "8: `tunnel` names no program",
                "write it as `tunnel = [\"program\", \"argument\"]`",
            ),
            (
                "environment = [\"a=b\"]",
                "8: `environment` is a list of names in capitals, digits and `_`",
                "",
            ),
            (
                "routes = \"x\"",
                "8: a `openai` brain has no key `routes`",
                "its keys are `url`, `model`, `key`, `tunnel`, `environment`, `facts`, `timeout_seconds`, `retries`, `concurrency`, `calls_per_tick_max`, `give_up_after`, `fallback`, `shadow`",
            ),
        ] {
            check(&format!("{MODEL}{line}\n"), wrong, hint);
        }
        check(&MODEL.replace("http:", "ftp:"), "6: the url does not start with http:// or https://", "");
        check(&MODEL.replace("\"m\"", "\" \""), "7: `model` has no name", "");
        let elsewhere = wiring(&MODEL.replace("127.0.0.1", "models.example")).unwrap();
        assert_eq!(elsewhere.warnings.len(), 1);
    }

    #[test]
    fn the_catalogue_may_have_a_language_model_as_its_shadow() {
        let rules = "[brain.rules]\nkind = \"rules\"\nshadow = \"local\"\n";
        let wiring = wiring(&format!("{rules}{MODEL}")).unwrap();
        assert_eq!(wiring.brain("rules").unwrap().shadow.as_deref(), Some("local"));
        assert_eq!(wiring.brain("local").unwrap().shadow, None);
        check(rules, "6: there is no language model `local`", "add a section [brain.local]");
    }

    #[test]
    fn another_version_is_refused_whatever_is_in_it() {
        let check = |text: &str, wrong: &str, hint: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().ends_with(wrong), "{error}");
            assert_eq!(error.hint().unwrap(), hint);
        };
        check(
            "version = 2\nnew_key = 1\n[source.x]\nkind = \"carrier-pigeon\"\n",
            "config.toml:1: version 2 is newer than this program, which reads version 1",
            "install a newer git-drafts",
        );
        check("\nversion = 0\n", "config.toml:2: version 0 of the wiring is not known", "the version is 1");
        check(
            "[desk]\npath = \"d\"\n",
            "config.toml:1: the key `version` is missing",
            "write `version = 1` at the top",
        );
    }

    #[test]
    fn the_paths_of_a_hub_have_their_holes_and_nothing_else() {
        let check_path = |line: &str, wrong: &str| {
            check(&format!("{HUB}[source.hub.paths]\n{line}\n"), wrong, "");
        };
        check_path("read = \"/messages/read\"", "9: the path `read` does not hold the segment `{id}` once");
        check_path("read = \"/messages/x{id}\"", "9: the path `read` does not hold the segment `{id}` once");
        check_path(
            "thread = \"/t/{id}\"",
            "9: the path `thread` does not hold the segment `{thread_id}` once",
        );
        check_path("health = \"/h/{id}\"", "9: the path `health` has nothing to put into braces");
        check_path("health = \"up\"", "9: the path `health` does not start with `/`");
        for path in ["/a/../b", "//a", "/a?b=c", "/a b", "/a/"] {
            check_path(
                &format!("health = \"{path}\""),
                "9: the path `health` holds more than plain segments",
            );
        }
        check(
            &format!("{HUB}[source.hub.paths]\nhelth = \"/up\"\n"),
            "9: unknown key `helth`",
            "did you mean `health`?",
        );
        check(
            &format!("{HUB}[source.hub.fields]\nbody = \"\"\n"),
            "9: the field `body` has no name, or no plain one",
            "",
        );
    }

    #[test]
    fn a_secret_is_named_by_its_place() {
        let check = |token: &str, secret: SecretRef| {
            let wiring = wiring(&format!("{HUB}token = {token}\n")).unwrap();
            assert_eq!(hub(&wiring).token, Some(secret));
        };
        let command = ["pass", "show", "hub"].map(str::to_owned).to_vec();
        check("{ command = [\"pass\", \"show\", \"hub\"] }", SecretRef::Command(command));
        check("{ env = \"HUB_TOKEN\" }", SecretRef::Env("HUB_TOKEN".to_owned()));
        check("{ file = \"~/hub.token\" }", SecretRef::File("/home/sam/hub.token".into()));
        check("{ credential = \"hub\" }", SecretRef::Credential("hub".to_owned()));
    }

    #[test]
    fn a_secret_in_the_wiring_is_refused_and_never_shown() {
        for (token, wrong) in [
            ("\"s3cr3t\"", "`token` is not a reference to a secret"),
            ("[\"s3cr3t\"]", "`token` is not a reference to a secret"),
            ("123456", "`token` is not a reference to a secret"),
            ("{}", "`token` does not name exactly one place of a secret"),
            ("{ env = \"A\", file = \"b\" }", "`token` does not name exactly one place of a secret"),
            ("{ value = \"s3cr3t\" }", "`token` does not name a known place of a secret"),
            ("{ env = \"s3cr3t\" }", "the variable of `token` is not a name in capitals, digits and `_`"),
            ("{ env = 123456 }", "the variable of `token` is not a name in capitals, digits and `_`"),
            (
                "{ command = \"echo s3cr3t\" }",
                "the command of `token` is not a list of a program and its arguments",
            ),
            ("{ command = [] }", "the command of `token` is not a list of a program and its arguments"),
            ("{ file = [\"s3cr3t\"] }", "the place of `token` cannot be one"),
            ("{ credential = \"../s3cr3t\" }", "the place of `token` cannot be one"),
        ] {
            check(&format!("{HUB}token = {token}\n"), &format!("8: {wrong}"), SECRET_FORMS);
        }
        let unquoted = wiring(&format!("{HUB}token = s3cr3t\n")).unwrap_err();
        assert!(!format!("{unquoted:?}").contains("s3cr3t"), "{unquoted:?}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reading(text in ".*", value in "[\\[\\]{}=\"a-z0-9~/. \n-]{0,60}") {
            let _ = parse(&text);
            let _ = wiring(&format!("{HUB}token = {value}"));
            let _ = wiring(&format!("{HUB}[source.hub.paths]\nread = {value}"));
        }
    }
}
