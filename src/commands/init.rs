//! Makes a drafts repository, or repairs one.
//!
//! Run again it puts back the branches, the hooks and the wiring that are missing, and changes nothing that a
//! person wrote or removed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{
    CommandError, Context, Exit, Result, is_desk, noted_wiring, settle, way_to_moved_wiring, wiring_beside,
};
use crate::config::{self, ConfigError, Wiring, file};
use crate::desk::{self, Desk};
use crate::git::hooks::{self, HookState};
use crate::git::landing::{Change, Landed};
use crate::git::objects::blob_id;
use crate::git::{DRAFTS, GitError, LEDGER, MAIN, Repository, landing};
use crate::ledger::Ledger;
use crate::policy;

/// The files of a new desk, beside its policy.
const SEEDS: [(&str, &str); 5] = [
    (".gitattributes", include_str!("../../templates/gitattributes")),
    ("README.md", include_str!("../../templates/README.md")),
    ("routes.toml", include_str!("../../templates/routes.toml")),
    ("instructions.md", include_str!("../../templates/instructions.md")),
    ("lessons/README.md", include_str!("../../templates/lessons.md")),
];

/// Runs the command.
pub fn run(context: &Context, folder: Option<&Path>, take_over: bool) -> Result<Exit> {
    // Hints say `git drafts init` about the desk that a command was about.
    let here = Repository::discover(&context.directory).ok().filter(is_desk).filter(|_| folder.is_none());
    let noted = here.as_ref().and_then(noted_wiring);
    let wiring_path = config::wiring_path(context.config.clone(), None, noted, &context.config_home());
    // An empty one beside the one that was moved would be taken for it.
    if let Some(here) = here.as_ref().filter(|here| wiring_beside(here, &wiring_path).is_some())
        && let Some(hint) = way_to_moved_wiring(here, &wiring_path)
    {
        let what = format!("there is no wiring at {}", context.shown(&wiring_path));
        return Err(CommandError::refused(what, hint));
    }
    let place = match (folder, here) {
        (Some(folder), _) => context.directory.join(folder),
        (None, Some(here)) => here.place().to_path_buf(),
        (None, None) if wiring_path.exists() => Wiring::load(&wiring_path, &context.home())?.desk.path,
        (None, None) => context.home().join("drafts"),
    };
    let is_made = Repository::is_made(&place);
    let repository = match Repository::open(&place) {
        Ok(repository) if is_made => repository,
        Err(error) if is_made && !matches!(error, GitError::NoRepository { .. }) => return Err(error.into()),
        // There is none, or the half of one that a crash or a power cut left.
        _ => Repository::init(&place)?,
    };
    landing::remove_finished_head_lock(&repository)?;
    refuse_unfit(context, &repository)?;
    let made = lay_out(context, &repository, has_signers(context, &wiring_path))?;
    let wired = wire(&repository, &wiring_path)?;
    if take_over {
        // What was rewound is not taken over: the ledger would only part from what it was.
        let wiring = Wiring::load(&wiring_path, &context.home())?;
        if let Some(desk_id) = Ledger::desk_id(&repository)? {
            Ledger::inspect(&repository, &config::state_dir(&wiring, &context.state_home(), &desk_id))?;
        }
        Ledger::take_over(&repository, context.now())?;
        context.ui.out("This clone ticks and sends from now on; no other one does.");
    }
    let ui = &context.ui;
    let shown = context.shown(repository.place());
    ui.out(if made {
        format!("Made a drafts repository in {shown}")
    } else {
        format!("Checked the drafts repository in {shown}")
    });
    if wired {
        ui.out(format!(
            "Wrote the wiring {}; say there where messages come from",
            context.shown(&wiring_path)
        ));
    } else if let Ok(wiring) = Wiring::load(&wiring_path, &context.home())
        && !is_same_folder(&wiring.desk.path, repository.place())
    {
        ui.warn(format!(
            "{} names {} as the desk, and two desks that read one inbox both answer it",
            context.shown(&wiring_path),
            context.shown(&wiring.desk.path)
        ));
        ui.hint(&format!(
            "set `path` under [desk] to {shown}, or give this desk a wiring of its own: `git drafts --config FILE init {shown}`"
        ));
    }
    let mut exit = Exit::Done;
    for hook in hooks::install(&repository, &binary()?)? {
        let what = match hook.state {
            HookState::Fine => continue,
            HookState::Foreign => "is no shell script",
            HookState::Elsewhere => "lies outside this repository (`core.hooksPath`)",
            HookState::Missing | HookState::Outdated | HookState::NotExecutable => "could not be installed",
        };
        exit = Exit::NeedsYou;
        ui.warn(format!("hook {} {what}: approvals wait for the timer", context.shown(&hook.path)));
        ui.hint(&format!("add this line to it: {}", hooks::line(hook.name, &binary()?, repository.place())));
    }
    if repository.config("user.email").is_none() {
        ui.warn("git does not know your address, so no commit of yours would count as an approval");
        ui.hint("git config --global user.email you@example.com");
    }
    Ok(exit)
}

fn is_same_folder(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Tells whether the wiring names signers; one that cannot be read may.
fn has_signers(context: &Context, wiring_path: &Path) -> bool {
    match Wiring::load(wiring_path, &context.home()) {
        Ok(wiring) => wiring.approval.allowed_signers.is_some(),
        Err(ConfigError::Missing { .. }) => false,
        Err(_) => true,
    }
}

/// Returns the program that hooks call.
pub fn binary() -> Result<PathBuf> {
    let failed = |error| CommandError::System { what: "git-drafts".to_owned(), error };
    env::current_exe().and_then(|path| path.canonicalize()).map_err(failed)
}

/// Makes the branches, the files and the folder of a desk, as far as they are missing; tells whether
/// anything was.
pub fn lay_out(context: &Context, repository: &Repository, has_signers: bool) -> Result<bool> {
    settle::heal(repository)?;
    let mut made = false;
    if repository.tip(LEDGER)?.is_none() {
        adopt_or_create_ledger(context, repository)?;
        made = true;
    }
    if repository.tip(MAIN)?.is_none() {
        let policy = if has_signers { policy::DEFAULT.to_owned() } else { policy::without_signatures() };
        let changes: Vec<Change> = SEEDS
            .iter()
            .copied()
            .chain([(policy::FILE, policy.as_str())])
            .map(|(path, text)| Change {
                path: path.to_owned(),
                blob: blob_id(text.as_bytes()),
                bytes: Some(text.as_bytes().to_vec()),
            })
            .collect();
        let _changing = desk::lock(repository)?;
        match landing::land(repository, &changes, "desk: begin\n", context.now())? {
            Landed::Done { kept, .. } => {
                for kept in kept {
                    context.ui.warn(format!("{} is left as it is: {}", kept.path, kept.why));
                }
            }
            Landed::Busy(busy) => {
                return Err(CommandError::refused(
                    format!("the desk is busy: {busy}"),
                    "run `git drafts init` again",
                ));
            }
        }
        made = true;
    }
    if let Some(top) = repository.worktree() {
        let folder = top.join(DRAFTS);
        fs::create_dir_all(&folder).map_err(|error| CommandError::system(&folder, error))?;
    }
    Ok(made)
}

/// Notes in the repository where its wiring is, and writes a wiring where there is none; tells whether
/// it wrote one.
pub fn wire(repository: &Repository, wiring_path: &Path) -> Result<bool> {
    let wiring_path =
        std::path::absolute(wiring_path).map_err(|error| CommandError::system(wiring_path, error))?;
    let wired = !wiring_path.exists();
    if wired {
        file::write_default(&wiring_path, repository.place())?;
    }
    let own = repository.own_dir();
    let note = own.join("wiring");
    fs::create_dir_all(&own)
        .and_then(|()| fs::write(&note, format!("{}\n", wiring_path.display())))
        .map_err(|error| CommandError::system(&note, error))?;
    Ok(wired)
}

/// Takes the ledger that a remote has, makes one for a new desk, and refuses where one is missing.
fn adopt_or_create_ledger(context: &Context, repository: &Repository) -> Result<()> {
    if let Some(remote) = repository.remote_branch("ledger")? {
        Ledger::adopt(repository, remote)?;
        context.ui.say("took the ledger from the remote; another clone ticks and sends (see --take-over)");
        return Ok(());
    }
    let Some(tip) = repository.tip(MAIN)? else {
        Ledger::create(repository, context.now())?;
        return Ok(());
    };
    let shown = context.shown(repository.place());
    if repository.entry_at(tip, policy::FILE)?.is_some() || !Desk::at(repository, tip)?.files.is_empty() {
        return Err(CommandError::refused(
            format!("{shown} has drafts and no branch `ledger`, so nobody knows what was sent"),
            match repository.remote_name() {
                Some(remote) => {
                    format!("fetch it: `git fetch {remote} ledger:ledger`; or restore it from a backup")
                }
                None => "restore it from a backup".to_owned(),
            },
        ));
    }
    Err(CommandError::refused(
        format!("{shown} is a repository of something else"),
        "name an empty folder: `git drafts init <folder>`",
    ))
}

fn refuse_unfit(context: &Context, repository: &Repository) -> Result<()> {
    let shown = context.shown(repository.place());
    if repository.is_shallow() {
        return Err(CommandError::refused(format!("{shown} is a shallow clone"), "`git fetch --unshallow`"));
    }
    if let Some(attribute) = repository.filter_of(&format!("{DRAFTS}/kqzmwvst.md"))? {
        return Err(CommandError::refused(
            format!(
                "{shown} sets the attribute `{attribute}` on drafts, so what you see is not what is committed"
            ),
            format!("take `{attribute}` off `{DRAFTS}/` in .gitattributes and in .git/info/attributes"),
        ));
    }
    Ok(())
}
