//! Shows the whole loop on a mailbox of its own: no configuration, no network, nothing to set up.
//!
//! Everything in it is the real thing: the same commands, a real `git commit`, the real hook. The
//! folder stays for playing.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{CommandError, Context, Exit, Result, hook, init};
use crate::git::{self, Repository};
use crate::id::DraftId;
use crate::ui::{Tone, counted};

macro_rules! messages {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../templates/demo/", $name)).as_slice())),*]
    };
}

/// The mailbox.
const MESSAGES: [(&str, &[u8]); 15] = messages![
    "01-where-is-my-invoice.eml",
    "02-opening-hours.eml",
    "03-lunch-on-tuesday.eml",
    "04-export-is-empty.eml",
    "05-export-is-empty-follow-up.eml",
    "06-only-html.eml",
    "07-old-charset.eml",
    "08-newsletter.eml",
    "09-out-of-office.eml",
    "10-with-an-attachment.eml",
    "11-instructions-for-the-assistant.eml",
    "12-password-inside.eml",
    "13-the-same-again.eml",
    "14-hostile-subject.eml",
    "15-deploy-on-friday.eml",
];

/// The subject of the draft that the demo approves.
const ANSWERED: &str = "Re: Invoice for October";

/// The wiring: two Maildirs beside the desk.
const WIRING: &str = include_str!("../../templates/demo/config.toml");

/// Runs the command.
pub fn run(context: &Context, folder: Option<&Path>) -> Result<Exit> {
    let folder = match folder {
        Some(folder) => context.directory.join(folder),
        None => free_folder(),
    };
    if folder.exists() {
        return Err(CommandError::refused(
            format!("{} exists already", folder.display()),
            format!("play on with `git-drafts -C {0} status`, or name another folder", folder.display()),
        ));
    }
    lay_out(context, &folder)?;
    let desk = folder.join("drafts");
    let ui = &context.ui;
    ui.out(format!(
        "A mailbox with {} lies in {}.",
        counted(MESSAGES.len(), "message"),
        folder.join("mail/inbox").display()
    ));
    ui.out("A tick takes them in. It sends nothing.");
    step(context, &folder, &["tick"])?;

    let Some(id) = first_answer(context, &folder)? else {
        return Err(CommandError::refused(
            "the tick made no draft",
            "this is a fault of git-drafts; please report it",
        ));
    };
    let short = id.first(4);
    ui.out("");
    ui.out("A draft is a file. This one answers a question that the catalogue knows:");
    step(context, &folder, &["show", short])?;
    ui.out("");
    ui.out("You approve it by a word in its second line, and by a commit. A hook sends it.");
    step(context, &folder, &["approve", short])?;
    commit(context, &desk)?;
    ui.out("");
    ui.out("This is what left, byte for byte:");
    print_outbox(context, &folder)?;
    ui.out("");
    ui.out("And this is its story:");
    step(context, &folder, &["log", short])?;
    ui.out("");
    ui.out("The rest waits for you.");
    step(context, &folder, &["status"])?;
    next_steps(context, &desk);
    Ok(Exit::Done)
}

/// Makes the mailboxes, the wiring and the desk.
fn lay_out(context: &Context, folder: &Path) -> Result<()> {
    let inbox = folder.join("mail/inbox");
    for mailbox in ["mail/inbox", "mail/outbox"] {
        for part in ["new", "cur", "tmp"] {
            let path = folder.join(mailbox).join(part);
            fs::create_dir_all(&path).map_err(|error| CommandError::system(&path, error))?;
        }
    }
    for (name, bytes) in MESSAGES {
        let path = inbox.join("new").join(name.trim_end_matches(".eml"));
        fs::write(&path, bytes).map_err(|error| CommandError::system(&path, error))?;
    }
    let wiring = folder.join("config.toml");
    fs::write(&wiring, WIRING)
        .and_then(|()| fs::set_permissions(&wiring, fs::Permissions::from_mode(0o600)))
        .map_err(|error| CommandError::system(&wiring, error))?;

    let repository = Repository::init(&folder.join("drafts"))?;
    // The demo's operator, so that it works for somebody who has no git configuration, and whatever
    // configuration somebody has.
    let hooks = repository.git_dir().join("hooks");
    for (key, value) in [
        ("user.name", "Sam Hill"),
        ("user.email", "sam@example.com"),
        ("commit.gpgSign", "false"),
        ("core.hooksPath", &hooks.display().to_string()),
    ] {
        repository.set_config(key, value)?;
    }
    init::lay_out(context, &repository, false)?;
    init::wire(&repository, &wiring)?;
    git::hooks::install(&repository, &init::binary()?)?;
    Ok(())
}

/// Runs one of our commands and shows it as a person would type it.
fn step(context: &Context, folder: &Path, arguments: &[&str]) -> Result<()> {
    context.ui.out("");
    context.ui.out(context.ui.paint(Tone::Heading, format!("$ git drafts {}", arguments.join(" "))));
    let status = ours(folder, arguments)?
        .status()
        .map_err(|error| CommandError::System { what: "git-drafts".to_owned(), error })?;
    if status.success() {
        return Ok(());
    }
    Err(CommandError::Refused { what: format!("`git drafts {}` failed", arguments.join(" ")), hint: None })
}

fn ours(folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(init::binary()?);
    command.arg("-C").arg(folder).args(arguments);
    git::program::without_git_variables(&mut command);
    Ok(command)
}

/// Returns the draft that only needs a word; always the same one, as the tutorial goes on with another.
fn first_answer(context: &Context, folder: &Path) -> Result<Option<DraftId>> {
    let output = ours(folder, &["list", "--json"])?
        .output()
        .map_err(|error| CommandError::System { what: "git-drafts".to_owned(), error })?;
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let drafts = list["drafts"].as_array().cloned().unwrap_or_default();
    tracing::debug!(count = drafts.len(), directory = %context.directory.display(), "drafts of the demo");
    Ok(drafts
        .iter()
        .find(|draft| draft["action"] == "route_answer" && draft["subject"] == ANSWERED)
        .and_then(|draft| draft["id"].as_str()?.parse().ok()))
}

fn commit(context: &Context, desk: &Path) -> Result<()> {
    context.ui.out("");
    context.ui.out(context.ui.paint(Tone::Heading, "$ git commit -m \"Yes, that is where it is\""));
    let mut command = Command::new("git");
    command.arg("-C").arg(desk).args(["commit", "-m", "Yes, that is where it is"]);
    git::program::without_git_variables(&mut command);
    // The hook talks to stderr; here both go where the demo's own words go.
    let output = command
        .env(hook::HOOK_VARIABLE, "wait")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| CommandError::System { what: "git".to_owned(), error })?;
    for text in [&output.stderr, &output.stdout] {
        context.ui.raw(text);
    }
    if output.status.success() {
        return Ok(());
    }
    Err(CommandError::Refused { what: "`git commit` failed".to_owned(), hint: None })
}

fn print_outbox(context: &Context, folder: &Path) -> Result<()> {
    let outbox = folder.join("mail/outbox/new");
    let failed = |error| CommandError::system(&outbox, error);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&outbox).map_err(failed)?.flatten().map(|file| file.path()).collect();
    paths.sort();
    if paths.is_empty() {
        return Err(CommandError::refused(
            "nothing was sent",
            "this is a fault of git-drafts; please report it",
        ));
    }
    for path in paths {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        context.ui.out("");
        context.ui.out(context.ui.paint(Tone::Heading, format!("$ cat {}", name.display())));
        let bytes = fs::read(&path).map_err(|error| CommandError::system(&path, error))?;
        context.ui.raw(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").as_bytes());
    }
    Ok(())
}

fn next_steps(context: &Context, desk: &Path) {
    let ui = &context.ui;
    let shown = desk.display();
    ui.out("");
    ui.out(ui.paint(Tone::Heading, "Try next:"));
    for line in [
        format!("cd {shown}   # an ordinary git repository"),
        "git-drafts status                  # what waits; with git-drafts on your PATH, `git drafts status` does it"
            .to_owned(),
        "git-drafts edit ID                 # write an answer, set status = \"approved\"".to_owned(),
        "git commit -a                      # ... and it is sent".to_owned(),
        "git rm drafts/<file> && git commit # reject one; the message is the reason".to_owned(),
        "git-drafts log                     # who approved what, and what became of it".to_owned(),
    ] {
        ui.out(format!("  {line}"));
    }
}

/// Returns a folder for the demo that is not there yet.
fn free_folder() -> PathBuf {
    let base = env::temp_dir();
    let first = base.join("git-drafts-demo");
    if !first.exists() {
        return first;
    }
    (2u32..)
        .map(|number| base.join(format!("git-drafts-demo-{number}")))
        .find(|path| !path.exists())
        .unwrap_or(first)
}
