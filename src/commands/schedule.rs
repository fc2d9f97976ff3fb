//! Lets a timer or cron call `run`: writes what they read, switches it on where that was asked, and says how
//! it is.
//!
//! It never switches on what nobody asked for, touches no line of a crontab but its own, and writes nothing
//! before a dry run went well with the same wiring.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::record::{self, Begun};
use super::{CommandError, Context, Exit, Result, Session, evidence as told, init};
use crate::config::secret::SecretRef;
use crate::config::{TransportKind, Wiring};
use crate::durable;
use crate::evidence::Part;
use crate::ledger::{Ledger, LedgerError};
use crate::message::sha256_hex;
use crate::schedule::{self, Block, Every, Job, Torn, Unwritable};
use crate::text;
use crate::ui::{Tone, clock, span};

/// The file in the state folder that says when a dry run was last clean, and with which wiring.
const DRY_RUN: &str = "dry-run";

/// The file in the state folder that says that the crontab has a block of ours, so that `status` asks for it.
const IN_CRONTAB: &str = "in-crontab";

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Switch it on as well.
    pub enable: bool,
    /// How often.
    pub every: Option<String>,
    /// Use the crontab.
    pub cron: bool,
    /// Do so without a clean dry run.
    pub force: bool,
}

/// Who calls this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A timer of the user's systemd.
    Systemd,
    /// A block of the user's crontab.
    Cron,
}

impl How {
    fn subject(self) -> &'static str {
        match self {
            How::Systemd => "a systemd timer",
            How::Cron => "cron",
        }
    }

    fn words(self) -> &'static str {
        match self {
            How::Systemd => "systemd timer",
            How::Cron => "cron",
        }
    }
}

/// What is installed for a desk.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Who calls.
    pub how: How,
    /// Its name: the timer, or the crontab.
    pub name: String,
    /// How often, where that is an interval of ours.
    pub every: Option<Every>,
    /// Whether it is switched on.
    pub is_on: bool,
    /// Whether it is what this version would write.
    pub is_current: bool,
    /// When it runs next, where that is known.
    pub next: Option<Timestamp>,
}

impl Installed {
    /// Returns it as JSON.
    pub fn json(&self) -> Value {
        json!({
            "by": match self.how { How::Systemd => "systemd", How::Cron => "cron" },
            "name": self.name,
            "every": self.every.map(|every| every.to_string()),
            "enabled": self.is_on,
            "current": self.is_current,
            "next": self.next.map(|next| next.to_string()),
        })
    }

    /// Says when it runs next: `next in 11 minutes (systemd timer)`.
    pub fn sentence(&self, now: Timestamp) -> String {
        let how = self.how.words();
        match self.next {
            _ if !self.is_on => format!("{how} not switched on"),
            Some(next) => {
                format!("next in {} ({how})", span(next.duration_since(now).max(SignedDuration::ZERO)))
            }
            None => format!("called by {how}"),
        }
    }
}

/// Notes that a dry run found everything there; for `install`.
pub fn note_dry_run(session: &Session, now: Timestamp) {
    let noted = wiring_digest(session).and_then(|digest| {
        durable::replace(&session.state.join(DRY_RUN), format!("{now} {digest}\n").as_bytes())
    });
    if let Err(error) = noted {
        tracing::warn!(%error, "that the dry run went well could not be noted");
    }
}

fn wiring_digest(session: &Session) -> io::Result<String> {
    Ok(sha256_hex(&fs::read(&session.wiring_path)?))
}

/// Says why a timer is not trusted with this desk yet, if it is not.
fn distrust(session: &Session) -> Result<Option<&'static str>> {
    let path = session.state.join(DRY_RUN);
    let noted = match fs::read_to_string(&path) {
        Ok(noted) => noted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some("no `git drafts tick --dry-run` has gone well here yet"));
        }
        Err(error) => return Err(CommandError::system(&path, error)),
    };
    let digest = wiring_digest(session).map_err(|error| CommandError::system(&session.wiring_path, error))?;
    let is_same = noted.trim_end().split(' ').nth(1) == Some(digest.as_str());
    Ok((!is_same)
        .then_some("the wiring has changed since the last `git drafts tick --dry-run` that went well"))
}

/// Runs `schedule install`.
pub fn install(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    if session.wiring.sources.is_empty() {
        return Err(CommandError::refused(
            "the wiring names no source, so there is nothing to do every quarter of an hour",
            format!("say in {} where messages come from", context.shown(&session.wiring_path)),
        ));
    }
    let how = if options.cron { How::Cron } else { How::Systemd };
    if how == How::Cron && !is_program("crontab") {
        return Err(CommandError::refused(
            "there is no `crontab` here",
            "install cron, or use a systemd timer: `git drafts schedule install`",
        ));
    }
    let places = Places::of(context, &session)?;
    if let Some(other) = places.find(&session)?.into_iter().find(|installed| installed.how != how) {
        return Err(CommandError::refused(
            format!("this desk is already scheduled by {}", other.how.subject()),
            "`git drafts schedule remove` removes that",
        ));
    }
    let before = places.find(&session)?.pop();
    let every = match &options.every {
        Some(text) => Every::parse(text).ok_or_else(|| CommandError::Usage {
            what: format!("`{}` is no interval", text::one_line(text, 40)),
            hint: Some("minutes that divide an hour, hours that divide a day: 15m, 1h, 6h, 1d".to_owned()),
        })?,
        None => before.as_ref().and_then(|before| before.every).unwrap_or(Every::DEFAULT),
    };
    if let Some(why) = distrust(&session)? {
        if !options.force {
            return Err(CommandError::refused(
                why,
                "run it and read what it shows; or install it blindly with --force",
            ));
        }
        context.ui.warn(format!("{why}; installed all the same"));
        tracing::info!("scheduled by --force: {why}");
        let mut part = Part::default();
        part.fault(why);
        Begun::new(context, "schedule install --force", record::trigger(None)).ended(
            &session,
            part,
            &Ok(Exit::Done),
            None,
        );
    }
    let job = Job { every, ..places.job };
    let is_on = options.enable || before.is_some_and(|before| before.is_on);
    match how {
        How::Systemd => install_units(context, &job, options.enable)?,
        How::Cron => {
            let block = job.cron_block(is_on)?;
            write_crontab(&schedule::with_block(&read_crontab()?, &job.desk_id, Some(&block))?)?;
            let path = session.state.join(IN_CRONTAB);
            fs::write(&path, "").map_err(|error| CommandError::system(&path, error))?;
            context.ui.out(format!("Wrote a block into your crontab: every {every}."));
        }
    }
    warn_of_needs(context, &session, &job, how);
    if is_on {
        context.ui.out("It is switched on.");
    } else {
        let cron = if how == How::Cron { " --cron" } else { "" };
        context.ui.say(format!(
            "Nothing is switched on yet: \"git drafts schedule install{cron} --enable\" does that"
        ));
    }
    Ok(Exit::Done)
}

fn install_units(context: &Context, job: &Job, enable: bool) -> Result<()> {
    let folder = units_folder(context);
    let name = schedule::unit(&job.desk_id);
    if !is_program("systemctl") {
        return Err(CommandError::refused(
            "there is no `systemctl` here",
            "`git drafts schedule install --cron` uses your crontab",
        ));
    }
    for (end, text) in [("service", job.service()?), ("timer", job.timer()?)] {
        let path = folder.join(format!("{name}.{end}"));
        durable::replace(&path, text.as_bytes()).map_err(|error| CommandError::system(&path, error))?;
        context.ui.out(format!("Wrote {}", context.shown(&path)));
    }
    let timer = format!("{name}.timer");
    let told = systemctl(&["daemon-reload"])
        .and_then(|_| if enable { systemctl(&["enable", "--now", &timer]).map(|_| ()) } else { Ok(()) });
    match told {
        Ok(()) => {}
        Err(what) if enable => {
            return Err(CommandError::refused(
                format!("your systemd did not switch it on: {what}"),
                "log in as yourself and not by `su` or `sudo`; on a machine where nobody logs in: \
                 `sudo loginctl enable-linger $USER`; or use --cron",
            ));
        }
        Err(what) => tracing::info!(what, "systemd was not told of the units"),
    }
    if !lingers() {
        context
            .ui
            .hint("it runs while you are logged in; for a machine where nobody is: `loginctl enable-linger`");
    }
    Ok(())
}

/// Says what a run by the timer will lack: it has no terminal's variables.
fn warn_of_needs(context: &Context, session: &Session, job: &Job, how: How) {
    let file = job.environment_file();
    let text = fs::read_to_string(&file).unwrap_or_default();
    for reference in session.wiring.secrets() {
        match reference {
            SecretRef::Env(name) => {
                let is_there = text.lines().any(|line| line.trim_start().starts_with(&format!("{name}=")));
                if !is_there {
                    context.ui.warn(format!("a timer has no `{name}`, which the wiring reads"));
                    context
                        .ui
                        .hint(&format!("add a line `{name}=…` to {} (chmod 600)", context.shown(&file)));
                }
            }
            SecretRef::Credential(name) if how == How::Systemd => {
                let file = job.credential_file(name);
                if !file.exists() {
                    context
                        .ui
                        .warn(format!("there is no credential `{name}`, so the service would not start"));
                    context.ui.hint(&format!("put it into {} (chmod 600)", context.shown(&file)));
                }
            }
            SecretRef::Credential(name) => {
                context.ui.warn(format!("cron gives no credential `{name}`, which the wiring reads"));
                context.ui.hint("use { file = \"…\" } or { command = […] }, or a systemd timer");
            }
            SecretRef::Command(_) | SecretRef::File(_) => {}
        }
    }
}

/// Runs `schedule status`.
pub fn status(context: &Context, as_json: bool) -> Result<Exit> {
    let session = Session::open(context)?;
    let found = Places::of(context, &session)?.find(&session)?;
    let now = context.now();
    let runs = told::runs(&session);
    if as_json {
        let schedules: Vec<Value> = found.iter().map(Installed::json).collect();
        context.ui.out(json!({ "version": 1, "schedules": schedules, "runs": runs.json() }));
        return Ok(Exit::Done);
    }
    let ui = &context.ui;
    for installed in &found {
        let every = installed.every.map(|every| format!(", every {every}")).unwrap_or_default();
        let (tone, state) = if installed.is_on { (Tone::Good, "on") } else { (Tone::Attention, "off") };
        ui.out(format!("{}: {}{every}", installed.name, ui.paint(tone, state)));
        if let Some(next) = installed.next.filter(|_| installed.is_on) {
            let after = span(next.duration_since(now).max(SignedDuration::ZERO));
            ui.out(format!("  next run {}, in {after}", clock(next)));
        }
        if !installed.is_current {
            ui.out(
                "  it is not what this version would write; \"git drafts schedule install\" writes it anew",
            );
        }
        if !installed.is_on {
            let cron = if installed.how == How::Cron { " --cron" } else { "" };
            ui.out(format!("  \"git drafts schedule install{cron} --enable\" switches it on"));
        }
    }
    if found.is_empty() {
        ui.out("Nothing is installed.");
        ui.out(
            "  (\"git drafts schedule install\" writes a systemd timer, with --cron a block of your crontab)",
        );
    }
    for line in runs.lines(now) {
        ui.out(line);
    }
    Ok(Exit::Done)
}

/// Runs `schedule remove`.
pub fn remove(context: &Context) -> Result<Exit> {
    let session = Session::open(context)?;
    let places = Places::of(context, &session)?;
    let found = places.find(&session)?;
    for installed in &found {
        match installed.how {
            How::Cron => {
                write_crontab(&schedule::with_block(&read_crontab()?, &places.job.desk_id, None)?)?;
                // Only `status` asks less for it then.
                let _ = fs::remove_file(session.state.join(IN_CRONTAB));
            }
            How::Systemd => {
                if let Err(what) = systemctl(&["disable", "--now", &installed.name]) {
                    tracing::info!(what, "systemd did not switch the timer off");
                }
                let service = installed.name.replace(".timer", ".service");
                let link = places.folder.join("timers.target.wants").join(&installed.name);
                for path in [link, places.folder.join(&installed.name), places.folder.join(service)] {
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(CommandError::system(&path, error));
                        }
                        Ok(()) | Err(_) => {}
                    }
                }
                if let Err(what) = systemctl(&["daemon-reload"]) {
                    tracing::info!(what, "systemd was not told that the units are gone");
                }
            }
        }
        match installed.how {
            How::Systemd => context.ui.out(format!("Removed {}.", installed.name)),
            How::Cron => context.ui.out("Removed the block from your crontab."),
        }
    }
    if found.is_empty() {
        context.ui.out("Nothing was installed.");
    }
    Ok(Exit::Done)
}

/// Returns what is installed for a desk, as cheaply as that can be known; for `status`.
pub fn installed(context: &Context, session: &Session) -> Option<Installed> {
    let places = Places::of(context, session).ok()?;
    let units = places.folder.join(format!("{}.timer", schedule::unit(&places.job.desk_id)));
    if !units.exists() && !session.state.join(IN_CRONTAB).exists() {
        return None;
    }
    places.find(session).ok()?.pop()
}

/// Returns all that is installed for a desk; for `check`.
pub fn all_installed(context: &Context, session: &Session) -> Result<Vec<Installed>> {
    Places::of(context, session)?.find(session)
}

/// Where schedules are, and what would be written there now.
struct Places {
    folder: PathBuf,
    job: Job,
    now: Timestamp,
}

impl Places {
    fn of(context: &Context, session: &Session) -> Result<Self> {
        let home = context.home();
        let desk_id = Ledger::desk_id(&session.repository)?
            .ok_or_else(|| LedgerError::Missing(session.repository.remote_name()))?;
        let wiring = std::path::absolute(&session.wiring_path)
            .map_err(|error| CommandError::system(&session.wiring_path, error))?;
        let variables = [("XDG_CONFIG_HOME", ".config"), ("XDG_STATE_HOME", ".local/state")];
        let variables = variables.into_iter().filter_map(|(name, usual)| {
            let value = env::var(name).ok().filter(|value| Path::new(value).is_absolute())?;
            (Path::new(&value) != home.join(usual)).then(|| (name.to_owned(), value))
        });
        let variables: Vec<(String, String)> = variables.collect();
        let mut credentials: Vec<String> = Vec::new();
        let mut reads_variables = false;
        for reference in session.wiring.secrets() {
            match reference {
                SecretRef::Credential(name) if !credentials.contains(name) => credentials.push(name.clone()),
                SecretRef::Env(_) => reads_variables = true,
                SecretRef::Credential(_) | SecretRef::Command(_) | SecretRef::File(_) => {}
            }
        }
        let job = Job {
            program: init::binary()?,
            desk: session.repository.place().to_owned(),
            wiring,
            desk_id,
            home,
            every: Every::DEFAULT,
            variables,
            credentials,
            reads_variables,
            changes_user: changes_user(&session.wiring),
        };
        Ok(Self { folder: units_folder(context), job, now: context.now() })
    }

    fn find(&self, session: &Session) -> Result<Vec<Installed>> {
        let mut found = Vec::new();
        found.extend(self.units()?);
        if is_program("crontab") {
            found.extend(self.crontab()?);
        } else if session.state.join(IN_CRONTAB).exists() {
            tracing::info!("the crontab that has a block of ours cannot be read: there is no `crontab`");
        }
        Ok(found)
    }

    fn units(&self) -> Result<Option<Installed>> {
        let name = format!("{}.timer", schedule::unit(&self.job.desk_id));
        let read = |path: PathBuf| match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CommandError::system(&path, error)),
        };
        let Some(timer) = read(self.folder.join(&name))? else { return Ok(None) };
        let service = read(self.folder.join(name.replace(".timer", ".service")))?;
        let calendar = timer.lines().find_map(|line| line.strip_prefix("OnCalendar="));
        let every = Every::all().find(|every| calendar == Some(every.calendar().as_str()));
        let wanted = Job { every: every.unwrap_or(self.job.every), ..self.job.clone() };
        let is_current = every.is_some() && wanted.timer()? == timer && service == Some(wanted.service()?);
        let link = self.folder.join("timers.target.wants").join(&name);
        // Where no manager can be asked, the link says what it would do.
        let shown = systemctl(&["show", &name, "--property=ActiveState,NextElapseUSecRealtime"]);
        let shown = shown.unwrap_or_default();
        let property = |key: &str| shown.lines().find_map(|line| line.strip_prefix(key));
        let is_on = match property("ActiveState=") {
            Some(state) => state == "active",
            None => fs::symlink_metadata(link).is_ok(),
        };
        // `Wed 2026-11-25 23:08:00 UTC`; nothing while the service runs.
        let next = property("NextElapseUSecRealtime=").and_then(|text| {
            let text = text.split_once(' ')?.1.strip_suffix(" UTC")?;
            Some(
                DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
            )
        });
        Ok(Some(Installed { how: How::Systemd, name, every, is_on, is_current, next }))
    }

    fn crontab(&self) -> Result<Option<Installed>> {
        let Some(Block { text, is_on }) = schedule::block(&read_crontab()?, &self.job.desk_id)? else {
            return Ok(None);
        };
        let line = text.lines().nth(1).unwrap_or_default().trim_start_matches("#off ");
        let every = Every::all().find(|every| line.starts_with(&format!("{} ", every.cron())));
        let wanted = Job { every: every.unwrap_or(self.job.every), ..self.job.clone() };
        let is_current = every.is_some() && wanted.cron_block(is_on)? == text;
        let local = self.now.to_zoned(TimeZone::system());
        let next = every.and_then(|every| every.next_after(&local)).filter(|_| is_on);
        let name = "your crontab".to_owned();
        Ok(Some(Installed { how: How::Cron, name, every, is_on, is_current, next }))
    }
}

/// Tells whether a program of the wiring may have to change its user or group: a sendmail hands mail to a queue
/// that way.
fn changes_user(wiring: &Wiring) -> bool {
    wiring.transports.iter().any(|transport| match transport.kind {
        TransportKind::Sendmail { .. } | TransportKind::Program(_) => true,
        TransportKind::Maildir { .. }
        | TransportKind::Folder { .. }
        | TransportKind::Smtp(_)
        | TransportKind::Hub(_)
        | TransportKind::Forge(_)
        | TransportKind::Null => false,
    })
}

fn units_folder(context: &Context) -> PathBuf {
    context.config_home().join("systemd/user")
}

/// Tells whether the user's systemd runs without a login, as far as that can be seen.
fn lingers() -> bool {
    let user = env::var_os("USER").or_else(|| env::var_os("LOGNAME"));
    user.is_some_and(|user| Path::new("/var/lib/systemd/linger").join(user).exists())
}

fn is_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Asks the user's systemd, and returns what it says; else why not, one line.
fn systemctl(arguments: &[&str]) -> std::result::Result<String, String> {
    let mut command = Command::new("systemctl");
    // It shows times by the local clock.
    command.arg("--user").args(arguments).env("TZ", "UTC").stdin(Stdio::null());
    if env::var_os("XDG_RUNTIME_DIR").is_none() {
        // cron and ssh without a login session do not say where the manager is.
        let folder = format!("/run/user/{}", rustix::process::getuid().as_raw());
        if Path::new(&folder).is_dir() {
            command.env("XDG_RUNTIME_DIR", folder);
        }
    }
    output_of(&mut command)
}

fn output_of(command: &mut Command) -> std::result::Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let Output { status, stdout, stderr } = output;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = text::one_line(&String::from_utf8_lossy(&stderr), 300);
    Err(if said.is_empty() { status.to_string() } else { said })
}

fn crontab(argument: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("crontab");
    command.arg(argument).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Reads the user's crontab; an empty one where there is none.
fn read_crontab() -> Result<String> {
    let failed = |error| CommandError::System { what: "crontab".to_owned(), error };
    let Output { status, stdout, stderr } = crontab("-l").output().map_err(failed)?;
    let said = text::one_line(&String::from_utf8_lossy(&stderr), 200);
    if !status.success() {
        // That there is none is said so by every cron; anything else must not pass for it.
        return if said.contains("no crontab for") {
            Ok(String::new())
        } else {
            Err(CommandError::Refused { what: format!("your crontab cannot be read: {said}"), hint: None })
        };
    }
    String::from_utf8(stdout).map_err(|_| CommandError::Refused {
        what: "your crontab is not UTF-8, so it is not touched".to_owned(),
        hint: Some("use a systemd timer, or add the line by hand".to_owned()),
    })
}

fn write_crontab(table: &str) -> Result<()> {
    let failed = |error| CommandError::System { what: "crontab".to_owned(), error };
    let mut child = crontab("-").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(table.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let said = text::one_line(&String::from_utf8_lossy(&output.stderr), 200);
        return Err(CommandError::Refused { what: format!("crontab refused the table: {said}"), hint: None });
    }
    written.map_err(failed)
}

impl From<Torn> for CommandError {
    fn from(torn: Torn) -> Self {
        CommandError::refused(torn.to_string(), "mend it with `crontab -e`")
    }
}

impl From<Unwritable> for CommandError {
    fn from(unwritable: Unwritable) -> Self {
        CommandError::Refused { what: unwritable.to_string(), hint: None }
    }
}
