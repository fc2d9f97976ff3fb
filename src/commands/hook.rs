//! What git's hooks call. They only ring: what is sent is decided by the branches.
//!
//! `prepare-commit-msg` shows what this commit will send, stops what cannot be sent, and keeps ticks
//! from moving `main` under an open editor. All others wake the sender: in a terminal they show what it
//! does for a few seconds, otherwise they leave at once. It must never make git fail by a fault of ours.

mod after;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use similar::{ChangeTag, TextDiff};

use super::early::{self, Early};
use super::links::{self, OwnWords};
use super::{CommandError, Context, Exit, Result, noted_wiring, reject};
use crate::brain::rules::Catalogue;
use crate::delivery::OnDesk;
use crate::desk::{self, Desk};
use crate::draft::{Draft, Status};
use crate::entry::drafted;
use crate::error::Hint;
use crate::git::{self, MAIN, Repository, TreeEntry, lease, operations};
use crate::guard::Class;
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::plan::Gate;
use crate::policy::{self, Policy, Recipients};

/// How long a hook in a terminal waits for the sends of its commit.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a hook waits that was told to: a busy disk may take its time.
const WAIT_ASKED_MAX: Duration = Duration::from_secs(60);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The variable that says how hooks wait: `wait`, `detach`, or `off`.
pub const HOOK_VARIABLE: &str = "GIT_DRAFTS_HOOK";

/// The variable by which `review` says what it showed: a blob and a path a line.
pub const SHOWN_VARIABLE: &str = "GIT_DRAFTS_SHOWN";

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The hook's name.
    pub name: String,
    /// The process id of the git that runs the hook, where the hook tells.
    pub git_pid: Option<u32>,
    /// The hook's own arguments.
    pub arguments: Vec<String>,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    if env::var(HOOK_VARIABLE).is_ok_and(|value| value == "off") {
        return Ok(Exit::Done);
    }
    let repository = Repository::open(&context.directory)?;
    if options.name == "prepare-commit-msg" {
        return prepare(context, &repository, options);
    }
    // A merge asks for its message as a commit does, and rings otherwise.
    if matches!(options.name.as_str(), "post-commit" | "post-merge") {
        lease::drop_lease(&repository)?;
    }
    // A rebase rings once for each commit that it replays, and `main` moves when it is done: then it
    // says so, while git still calls it under way.
    let rebased =
        options.name == "post-rewrite" && options.arguments.first().is_some_and(|by| by == "rebase");
    if repository.operation_under_way() == Some(operations::REBASE) && !rebased {
        return Ok(Exit::Done);
    }
    if options.name == "post-merge" && options.arguments.first().is_some_and(|squash| squash == "1") {
        return Ok(Exit::Done);
    }
    let Some(tip) = repository.tip(MAIN)? else { return Ok(Exit::Done) };
    let drafts = desk::blobs(&repository, tip)?;
    if options.name == "post-commit" {
        forget_reasons(&repository, &drafts);
    }
    // Whatever can be said of it, the sender must hear of it.
    let remarks = match options.name.as_str() {
        "post-commit" => after::remarks(&repository, tip, &drafts).unwrap_or_else(|error| {
            tracing::debug!(%error, "nothing is said of the drafts of this commit");
            Vec::new()
        }),
        _ => Vec::new(),
    };
    let rings = has_approved(&repository, &drafts)? || has_lost(&repository, &drafts)?;
    after::tell(context, &remarks, rings);
    if rings { ring(context, &repository) } else { Ok(Exit::Done) }
}

/// Tells whether the commit that rings is one on `main`: a linked worktree has a `HEAD` of its own,
/// and there git names its folder in `GIT_DIR`.
fn is_about_main(repository: &Repository) -> Result<bool> {
    match env::var_os("GIT_DIR") {
        Some(folder) => {
            let head = PathBuf::from(folder).join("HEAD");
            let text = fs::read_to_string(&head).map_err(|error| CommandError::system(&head, error))?;
            Ok(text.trim_end() == format!("ref: {MAIN}"))
        }
        None => Ok(repository.head()? == git::Head::Branch(MAIN.to_owned())),
    }
}

/// Forgets the reasons of rejections that have been committed; one that was given up keeps its reason.
fn forget_reasons(repository: &Repository, drafts: &[(String, ObjectId)]) {
    let Ok(reasons) = fs::read_dir(repository.own_dir().join(reject::REASONS)) else { return };
    for reason in reasons.flatten() {
        let id = reason.file_name().to_str().and_then(|name| name.parse::<DraftId>().ok());
        let here = |id: &DraftId| drafts.iter().any(|(path, _)| desk::id_in_name(path).as_ref() == Some(id));
        if !id.as_ref().is_some_and(here) {
            let _ = fs::remove_file(reason.path());
        }
    }
}

/// Tells whether any draft is approved; where none can be, none is read as one.
fn has_approved(repository: &Repository, drafts: &[(String, ObjectId)]) -> Result<bool> {
    for (_, blob) in drafts {
        if desk::may_be_approved(&repository.read(*blob)?) {
            return Ok(Desk::read(repository)?.has_approved());
        }
    }
    Ok(false)
}

/// Tells whether a draft that is not finished is gone from the desk: rejected, or taken back.
fn has_lost(repository: &Repository, drafts: &[(String, ObjectId)]) -> Result<bool> {
    let here: BTreeSet<DraftId> = drafts.iter().filter_map(|(path, _)| desk::id_in_name(path)).collect();
    Ok(Snapshot::of(repository)?.open_ids()?.iter().any(|id| !here.contains(id)))
}

/// Starts the sender in a session of its own, and shows what it does while that is quick.
fn ring(context: &Context, repository: &Repository) -> Result<Exit> {
    let wait_max = match env::var(HOOK_VARIABLE).as_deref() {
        Ok("wait") => Some(WAIT_ASKED_MAX),
        Ok("detach") => None,
        _ => io::stderr().is_terminal().then_some(WAIT_MAX),
    };
    let own = repository.own_dir();
    fs::create_dir_all(&own).map_err(|error| CommandError::system(&own, error))?;
    let path = if wait_max.is_some() {
        own.join(format!("ring-{}.log", std::process::id()))
    } else {
        own.join("send.log")
    };
    let output = File::create(&path).map_err(|error| CommandError::system(&path, error))?;
    let child = start_sender(context, repository, &output)?;
    let Some(wait_max) = wait_max else { return Ok(Exit::Done) };
    show(context, child, &path, wait_max);
    let _ = fs::remove_file(&path);
    Ok(Exit::Done)
}

fn start_sender(context: &Context, repository: &Repository, output: &File) -> Result<Child> {
    let program =
        env::current_exe().map_err(|error| CommandError::System { what: "git-drafts".to_owned(), error })?;
    let failed = |error| CommandError::System { what: program.display().to_string(), error };
    let mut command = Command::new(&program);
    command.arg("-C").arg(repository.place());
    if let Some(config) = context.config.clone().or_else(|| noted_wiring(repository)) {
        command.arg("--config").arg(config);
    }
    command.args(["send", "--detached"]);
    git::program::without_git_variables(&mut command);
    // No pipe of git's may stay open: whoever reads git's output would wait for the sender.
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output.try_clone().map_err(failed)?)
        .current_dir("/")
        .spawn()
        .map_err(failed)
}

/// Copies what the sender says to the terminal until it ends, or the time is over.
fn show(context: &Context, mut child: Child, path: &Path, wait_max: Duration) {
    let until = Instant::now() + wait_max;
    let mut shown = 0;
    loop {
        let ended = !matches!(child.try_wait(), Ok(None));
        let text = fs::read(path).unwrap_or_default();
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        if whole > shown {
            context.ui.say(String::from_utf8_lossy(&text[shown..whole]).trim_end());
            shown = whole;
        }
        if ended {
            return;
        }
        if Instant::now() >= until {
            context.ui.say("the sender goes on in the background; \"git drafts status\" tells");
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What a commit will do to drafts.
struct Preview {
    approves: Vec<(DraftId, Draft, String)>,
    rejects: Vec<DraftId>,
    wrong: Vec<crate::error::FileError>,
    /// What is said and does not stop the commit.
    doubtful: Vec<crate::error::FileError>,
}

/// Looks at what is about to be committed, warns, and keeps ticks away from an open editor.
fn prepare(context: &Context, repository: &Repository, options: &Options) -> Result<Exit> {
    if let Some(pid) = options.git_pid {
        lease::take_lease(repository, pid)?;
    }
    if !is_about_main(repository)? {
        return Ok(Exit::Done);
    }
    let index = env::var_os("GIT_INDEX_FILE").map(|index| repository.place().join(PathBuf::from(index)));
    let mut preview = look(context, repository, index.as_deref())?;
    preview.wrong.extend(not_as_shown(repository, index.as_deref())?);
    preview.wrong.extend(broken_settings(repository, index.as_deref())?);
    for doubt in &preview.doubtful {
        context.ui.warn(doubt);
        doubt.hint().iter().for_each(|hint| context.ui.hint(hint));
    }
    if !preview.wrong.is_empty() {
        for error in &preview.wrong {
            context.ui.error(error);
        }
        lease::drop_lease(repository)?;
        return Ok(Exit::NeedsYou);
    }
    warn_unsigned(context, repository, &preview)?;
    if let Some(file) = options.arguments.first() {
        let file = repository.place().join(file);
        add_to_message(repository, &file, &preview)?;
    }
    Ok(Exit::Done)
}

fn look(context: &Context, repository: &Repository, index: Option<&Path>) -> Result<Preview> {
    let mut preview =
        Preview { approves: Vec::new(), rejects: Vec::new(), wrong: Vec::new(), doubtful: Vec::new() };
    let Some(tip) = repository.tip(MAIN)? else { return Ok(preview) };
    let committed: BTreeMap<String, ObjectId> = desk::blobs(repository, tip)?.into_iter().collect();
    let staged = repository.drafts_in_index(index)?;
    let same = |staged: &TreeEntry| committed.get(&staged.name) == Some(&staged.id);
    if staged.len() == committed.len() && staged.iter().all(same) {
        return Ok(preview);
    }
    let desk = Desk::at(repository, tip)?;
    let snapshot = Snapshot::of(repository)?;
    let early = Early::load(context);
    let own = OwnWords::at(repository, desk.tip);
    for entry in staged.iter().filter(|entry| !same(entry) && entry.name.ends_with(".md")) {
        let path = &entry.name;
        if !desk::is_plain(entry.mode) {
            preview.wrong.push(desk::not_plain(path));
            continue;
        }
        let bytes = repository.read(entry.id)?;
        let text = String::from_utf8_lossy(&bytes);
        match Draft::parse(path, &text) {
            Err(error) => preview.wrong.push(error),
            Ok(draft) if draft.status == Status::Approved => {
                // A commit that leaves an approval standing may be one that takes something back: the
                // sender holds what cannot be sent, and a revert must never be refused.
                let was_approved = matches!(desk.on_desk(draft.id()), OnDesk::Approved(_));
                if !was_approved {
                    for (class, error) in early.look(context, &snapshot, path, &text, &draft)? {
                        let stops = class > Class::Soft;
                        if stops { &mut preview.wrong } else { &mut preview.doubtful }.push(error);
                    }
                    let policy = policy_at(repository, desk.tip)?;
                    let hint = "mend it, or set status back to \"draft\"; `git commit --no-verify` does not get round this";
                    preview.wrong.extend(obstacles(&policy, path, &text, &draft, hint));
                    preview.wrong.extend(early.no_mail(path, &text, &draft));
                    preview.wrong.extend(early.errand(&snapshot, &policy, path, &text, &draft)?);
                    let links = links::outside(&own, &snapshot, &[&policy], &draft)?;
                    let links = links::errors(path, &text, &draft, &links);
                    if policy.links.strict { &mut preview.wrong } else { &mut preview.doubtful }
                        .extend(links);
                    preview.doubtful.extend(early::strangers(&snapshot, path, &text, &draft)?);
                }
                let drafted = snapshot.file(draft.id(), "drafted", "md")?.unwrap_or_default();
                let edited = edited(&String::from_utf8_lossy(&drafted), &text);
                preview.approves.push((draft.id().clone(), draft, edited));
            }
            Ok(draft) => {
                // It is not sent, and in the history for ever.
                let found = early.look(context, &snapshot, path, &text, &draft)?.into_iter();
                preview
                    .doubtful
                    .extend(found.filter(|(class, _)| *class > Class::Soft).map(|(_, error)| error));
            }
        }
    }
    preview.wrong.extend(twins(repository, &desk, &staged, &committed)?);
    for file in &desk.files {
        let gone =
            !staged.iter().any(|entry| desk::id_in_name(&entry.name) == file.id || entry.name == file.path);
        if let (true, Some(id)) = (gone, &file.id) {
            preview.rejects.push(id.clone());
        }
    }
    Ok(preview)
}

/// Refuses a file with the id of another one: nobody could say which of them is meant, so neither would be sent.
/// Two that are committed already do not stop the commit that mends something else.
fn twins(
    repository: &Repository,
    desk: &Desk,
    staged: &[TreeEntry],
    committed: &BTreeMap<String, ObjectId>,
) -> Result<Vec<crate::error::FileError>> {
    let known: BTreeMap<&str, &DraftId> =
        desk.files.iter().filter_map(|file| Some((file.path.as_str(), file.id.as_ref()?))).collect();
    let mut by_id: BTreeMap<DraftId, Vec<(&str, Option<String>)>> = BTreeMap::new();
    for entry in staged.iter().filter(|entry| desk::is_plain(entry.mode)) {
        let path = entry.name.as_str();
        if committed.get(path) == Some(&entry.id) {
            if let Some(&id) = known.get(path) {
                by_id.entry(id.clone()).or_default().push((path, None));
            }
            continue;
        }
        let text = String::from_utf8_lossy(&repository.read(entry.id)?).into_owned();
        if let Some(id) = desk::id_of(path, &text) {
            by_id.entry(id).or_default().push((path, Some(text)));
        }
    }
    let mut wrong = Vec::new();
    for (id, files) in by_id.into_iter().filter(|(_, files)| files.len() > 1) {
        let changed = || files.iter().filter(|(_, text)| text.is_some());
        // Of two that are new to this commit the one is meant that was there before.
        let second = changed().find(|(path, _)| !committed.contains_key(*path)).or_else(|| changed().next());
        let Some((path, text)) = second else { continue };
        let other = files.iter().map(|(path, _)| *path).find(|other| other != path).unwrap_or_default();
        let twin = desk::twin(path, text.as_deref().unwrap_or_default(), other, &id);
        let way_out = match committed.contains_key(*path) {
            true => "put its own id back".to_owned(),
            false => format!("leave it out of the commit: `git rm --cached {path}`"),
        };
        wrong.push(twin.with_hint(way_out));
    }
    Ok(wrong)
}

/// Returns the paths that `review` has shown and that would be committed with another text: git reads the
/// worktree itself, and an editor may have been faster.
fn not_as_shown(repository: &Repository, index: Option<&Path>) -> Result<Vec<crate::error::FileError>> {
    let Ok(shown) = env::var(SHOWN_VARIABLE) else { return Ok(Vec::new()) };
    let staged = repository.drafts_in_index(index)?;
    let is_staged = |path: &str, blob: &str| {
        staged.iter().any(|entry| entry.name == path && entry.id.to_string() == blob)
    };
    let wrong =
        shown.lines().filter_map(|line| line.split_once(' ')).filter(|(blob, path)| !is_staged(path, blob));
    Ok(wrong
        .map(|(_, path)| {
            crate::error::FileError::new(path, "it has changed since it was shown")
                .with_hint("look at it again: `git drafts review`")
        })
        .collect())
}

/// Says what is wrong in a policy or a catalogue that is about to be committed: all work would stop at it.
fn broken_settings(repository: &Repository, index: Option<&Path>) -> Result<Vec<crate::error::FileError>> {
    let Some(tip) = repository.tip(MAIN)? else { return Ok(Vec::new()) };
    let mut wrong = Vec::new();
    for name in [policy::FILE, "routes.toml"] {
        let staged = repository.in_index(index, name)?;
        let committed = repository.entry_at(tip, name)?.map(|entry| entry.id);
        let Some(blob) = staged.filter(|blob| Some(*blob) != committed) else { continue };
        let text = String::from_utf8_lossy(&repository.read(blob)?).into_owned();
        match name {
            policy::FILE => wrong.extend(Policy::parse(name, &text).err()),
            _ => wrong.extend(Catalogue::load(name, &text).err().into_iter().flatten()),
        }
    }
    Ok(wrong)
}

/// Says early what the sender would say later; the sender decides.
pub fn obstacles(
    policy: &Policy,
    path: &str,
    text: &str,
    draft: &Draft,
    hint: &str,
) -> Vec<crate::error::FileError> {
    policy::obstacles(policy, draft)
        .into_iter()
        .map(|finding| {
            let line = match &finding {
                policy::Finding::Placeholder(word) => {
                    text.lines().position(|line| line.contains(word.as_str()))
                }
                policy::Finding::EmptyBody => {
                    text.lines().skip(1).position(|line| line == "+++").map(|at| at + 2)
                }
                policy::Finding::NoRecipient => text.lines().position(|line| line.starts_with("to = ")),
                policy::Finding::OnlyForAnswers(key) => {
                    text.lines().position(|line| line.starts_with(&format!("{key} = ")))
                }
                policy::Finding::EmptySubject => text.lines().position(|line| line.starts_with("subject = ")),
                _ => None,
            };
            let error = crate::error::FileError::new(path, finding.to_string()).with_hint(hint);
            error.at(line.map(|line| line + 1))
        })
        .collect()
}

/// Returns the policy that is committed.
fn policy_at(repository: &Repository, tip: ObjectId) -> Result<Policy> {
    Ok(match repository.file_at(tip, policy::FILE)? {
        Some(bytes) => Policy::parse(policy::FILE, &String::from_utf8_lossy(&bytes))?,
        None => Policy::built_in(),
    })
}

/// Says early that a signature will be asked for, where git does not sign by itself. A hook cannot see
/// whether this one commit is signed (`-S`); the sender looks.
fn warn_unsigned(context: &Context, repository: &Repository, preview: &Preview) -> Result<()> {
    let Some(what) = super::signs_not(repository) else { return Ok(()) };
    if preview.approves.is_empty() {
        return Ok(());
    }
    let today = match repository.tip(MAIN)? {
        Some(tip) => repository.file_at(tip, policy::FILE)?,
        None => None,
    };
    let today = today.or_else(|| Some(policy::DEFAULT.as_bytes().to_vec()));
    let snapshot = Snapshot::of(repository)?;
    for (id, draft, _) in &preview.approves {
        let story = snapshot.story(id)?;
        let origin = drafted(&story);
        let its_day = origin.map(|origin| snapshot.policy(origin.policy)).transpose()?.flatten();
        let policies: Vec<Policy> = [&today, &its_day]
            .into_iter()
            .flatten()
            .filter_map(|bytes| Policy::of_its_day(policy::FILE, &String::from_utf8_lossy(bytes)).ok())
            .collect();
        let policies: Vec<&Policy> = policies.iter().collect();
        let envelope = origin
            .map(|origin| Recipients { to: origin.to.clone(), cc: origin.cc.clone() })
            .unwrap_or_default();
        let tier = policy::tier_to_send(&policies, draft, !policy::strangers(draft, &envelope).is_empty());
        if policy::strictest_gate(&policies, tier) == Gate::ApproveSigned {
            context.ui.warn(format!("{id} needs a signed approval (tier {tier}), and {what}"));
            context.ui.hint(
                "commit with -S, or it is held; `git config gpg.format ssh` and `user.signingkey` say how to sign",
            );
        }
    }
    Ok(())
}

/// Adds to a commit message, where an editor opens, what the commit will do, as comments; and the
/// reasons that `reject -m` noted, as trailers.
fn add_to_message(repository: &Repository, file: &Path, preview: &Preview) -> Result<()> {
    let failed = |error| CommandError::system(file, error);
    let mut addition = String::new();
    let folder = repository.own_dir().join(reject::REASONS);
    for id in &preview.rejects {
        let noted = folder.join(id.as_str());
        if let Ok(reason) = fs::read_to_string(&noted) {
            addition.push_str(&format!("\nReject-Reason: {id} {}", reason.trim_end()));
        }
    }
    if !addition.is_empty() {
        addition.insert(0, '\n');
    }
    // git says that no editor opens by the editor `:`.
    let editor_opens = env::var("GIT_EDITOR").as_deref() != Ok(":");
    let strips = matches!(repository.config("commit.cleanup").as_deref(), None | Some("default" | "strip"));
    if editor_opens && strips && !(preview.approves.is_empty() && preview.rejects.is_empty()) {
        let mark = repository
            .config("core.commentChar")
            .filter(|mark| mark != "auto")
            .unwrap_or_else(|| "#".to_owned());
        let mut comments = String::new();
        if !preview.approves.is_empty() {
            comments.push_str(&format!(
                "This commit approves {}:\n",
                crate::ui::counted(preview.approves.len(), "draft")
            ));
            for (id, draft, edited) in &preview.approves {
                let to: Vec<String> = draft.to.iter().chain(&draft.cc).map(ToString::to_string).collect();
                comments.push_str(&format!(
                    "  {id}  {} to {} ({edited})\n",
                    draft.effective_action(),
                    to.join(", ")
                ));
            }
        }
        if !preview.rejects.is_empty() {
            comments.push_str(&format!(
                "This commit rejects {}:\n",
                crate::ui::counted(preview.rejects.len(), "draft")
            ));
            preview.rejects.iter().for_each(|id| comments.push_str(&format!("  {id}\n")));
        }
        addition.push('\n');
        for line in comments.lines() {
            addition.push_str(&format!("\n{mark} {line}"));
        }
    }
    if addition.is_empty() {
        return Ok(());
    }
    let message = fs::read_to_string(file).map_err(failed)?;
    let message = with_addition(&message, &addition);
    fs::write(file, message).map_err(failed)
}

/// Puts our lines after the person's text and before git's own comments.
fn with_addition(message: &str, addition: &str) -> String {
    let comments = message.lines().position(|line| line.starts_with('#'));
    let lines: Vec<&str> = message.lines().collect();
    let (text, rest) = lines.split_at(comments.unwrap_or(lines.len()));
    let text = text.join("\n");
    let rest = if rest.is_empty() { String::new() } else { format!("{}\n", rest.join("\n")) };
    format!("{}{addition}\n{rest}", text.trim_end_matches('\n'))
}

/// Says how much of a draft a person changed: `2 lines edited`, `as drafted`.
pub fn edited(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut changed = 0;
    for operation in diff.ops() {
        let (mut deleted, mut inserted) = (0, 0);
        for change in diff.iter_changes(operation) {
            let is_status = change.value().starts_with("status = ");
            match change.tag() {
                ChangeTag::Delete if !is_status => deleted += 1,
                ChangeTag::Insert if !is_status => inserted += 1,
                ChangeTag::Delete | ChangeTag::Insert | ChangeTag::Equal => {}
            }
        }
        changed += deleted.max(inserted);
    }
    if changed == 0 {
        "as drafted".to_owned()
    } else {
        format!("{} edited", crate::ui::counted(changed, "line"))
    }
}

/// Says why a hook could not do its work, and lets git go on.
pub fn excuse(context: &Context, error: &CommandError) {
    context.ui.warn(format!("git-drafts: {error}"));
    if let Some(hint) = error.hint() {
        context.ui.hint(&hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_changed_is_counted_without_the_status() {
        let before = "status = \"draft\"\na\nb\nc\n";
        assert_eq!(edited(before, &before.replace("draft", "approved")), "as drafted");
        assert_eq!(edited(before, "status = \"approved\"\na\nB\nc\n"), "1 line edited");
        assert_eq!(edited(before, "status = \"approved\"\na\nB\nC\nd\n"), "3 lines edited");
    }

    #[test]
    fn our_comments_stand_before_gits_own() {
        let message = "\n# Please enter the commit message\n#\n";
        assert_eq!(
            with_addition(message, "\n\n# ours"),
            "\n\n# ours\n# Please enter the commit message\n#\n"
        );
        assert_eq!(with_addition("subject\n", "\n\nReject-Reason: x y"), "subject\n\nReject-Reason: x y\n");
    }
}
