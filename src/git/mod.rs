//! The only place that names git2: a repository as this program needs it.
//!
//! Reads objects, never the worktree's idea of them; moves branches by compare-and-swap only; makes
//! its own writes durable. It must never run git's hooks, filters or transports, never believe
//! `GIT_*` variables, and never take "could not read" for "is not there".

mod deflate;
pub mod health;
pub mod hooks;
pub mod landing;
pub mod lease;
mod linked;
pub mod lock;
pub mod loose;
pub mod moving;
pub mod objects;
pub mod operations;
pub mod program;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use git2::ErrorCode;
use jiff::Timestamp;

use self::health::Attribute;
use crate::error::Hint;
use crate::failpoint::reached;
use crate::id::ObjectId;

/// The branch that holds the desk.
pub const MAIN: &str = "refs/heads/main";

/// The branch that holds the memory.
pub const LEDGER: &str = "refs/heads/ledger";

/// The folder of the drafts in the repository.
pub const DRAFTS: &str = "drafts";

/// The name of the machine's commits.
pub const MACHINE_NAME: &str = "git-drafts";

/// The address of the machine's commits; `.invalid` can never be an approver (RFC 2606).
pub const MACHINE_EMAIL: &str = "git-drafts@machine.invalid";

/// What git said no to.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no repository.
    #[error("{path}: not a git repository")]
    NoRepository {
        /// Where one was looked for.
        path: String,
    },
    /// The repository has a format that libgit2 cannot work with.
    #[error("{path}: {what}")]
    Unsupported {
        /// The repository.
        path: String,
        /// The feature, as a sentence.
        what: String,
        /// The way out.
        hint: String,
    },
    /// An object that must be there is not, or cannot be read.
    #[error("cannot read {what}: {why}")]
    Unreadable {
        /// What was to be read.
        what: String,
        /// What libgit2 said.
        why: String,
    },
    /// A branch that must be there is not.
    #[error("there is no branch `{branch}`")]
    NoBranch {
        /// Its short name.
        branch: &'static str,
    },
    /// The tip of `main` cannot be read, or something that it names.
    #[error("cannot read `main`: {why}")]
    BrokenMain {
        /// What cannot be read, and why.
        why: String,
        /// The newest commit of `main` before it that can be read, by git's log of the branch.
        before: Option<ObjectId>,
    },
    /// A write did not go through.
    #[error("cannot write {what}: {why}")]
    Unwritable {
        /// What was to be written.
        what: String,
        /// What libgit2 or the system said.
        why: String,
    },
    /// Another process of git's is changing the index.
    #[error("cannot write {index}: another git process holds it")]
    IndexHeld {
        /// The index's file.
        index: String,
    },
    /// A program that ends otherwise than with 0.
    #[error("`{command}` failed: {why}")]
    Program {
        /// The command line.
        command: String,
        /// The end of its error output.
        why: String,
    },
}

impl Hint for GitError {
    fn hint(&self) -> Option<String> {
        match self {
            GitError::NoRepository { .. } => {
                Some("run `git drafts init`, or name a drafts repository with -C".to_owned())
            }
            GitError::Unsupported { hint, .. } => Some(hint.clone()),
            GitError::NoBranch { branch } => Some(format!(
                "bring it back: `git branch {branch} <commit>`; `git reflog` knows where it was; nothing was sent"
            )),
            GitError::Unreadable { .. } => Some("see what `git fsck` says; nothing was sent".to_owned()),
            GitError::BrokenMain { before: None, .. } => {
                Some("see what `git fsck` says; nothing was sent".to_owned())
            }
            GitError::BrokenMain { before: Some(before), .. } => Some(format!(
                "nothing was sent; if `git fsck` says that objects are empty or missing, a power cut took a commit \
                 that git had not flushed: `git update-ref refs/heads/main {before} && git rm -rqf --cached {DRAFTS} && git reset -q -- {DRAFTS}` puts \
                 back the one before it, your files stay as they are, and you commit again"
            )),
            GitError::IndexHeld { .. } => {
                Some("try again when it is done; `git drafts check` tells if it has died".to_owned())
            }
            GitError::Unwritable { .. } | GitError::Program { .. } => None,
        }
    }
}

/// Result of git work.
pub type Result<T> = std::result::Result<T, GitError>;

/// A name, an address and a time, as commits have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name, as it stands in the commit.
    pub name: String,
    /// The address, as it stands in the commit.
    pub email: String,
    /// When, by that person's clock.
    pub when: Timestamp,
}

impl Person {
    /// Tells whether this is the machine itself.
    pub fn is_machine(&self) -> bool {
        self.email == MACHINE_EMAIL
    }
}

/// What a commit says.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents, first parent first.
    pub parents: Vec<ObjectId>,
    /// Who wrote it; free text, never believed.
    pub author: Person,
    /// Who committed it.
    pub committer: Person,
    /// The message, lossily decoded; no state is ever read from it.
    pub message: String,
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// The name, lossily decoded where it is not UTF-8.
    pub name: String,
    /// The file mode, `0o100644` for a plain file.
    pub mode: u32,
    /// The object.
    pub id: ObjectId,
}

/// What `HEAD` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch, by its full name, whether it has commits yet or not.
    Branch(String),
    /// A commit.
    Detached,
}

/// How two trees differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Paths that only the later tree has.
    pub added: Vec<String>,
    /// Paths of the earlier tree that the later one lacks or has otherwise.
    pub rewritten: Vec<String>,
}

/// How a compare-and-swap of a branch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The branch is where it was wanted.
    Done,
    /// Somebody else moved it first, or holds its lock.
    Lost,
}

/// A repository on the local disk.
pub struct Repository {
    inner: git2::Repository,
    common: PathBuf,
    worktree: Option<PathBuf>,
    linked: Option<PathBuf>,
    /// Who stands in the logs of branches: name and address.
    log_name: OnceCell<(String, String)>,
    /// Small objects that were read, which never change; libgit2 reads a blob anew each time.
    remembered: RefCell<HashMap<ObjectId, Vec<u8>>>,
}

/// How many objects are remembered, and up to which size in bytes: the first ones, and none makes room.
const REMEMBERED_MAX: usize = 256;
const REMEMBERED_BYTES_MAX: usize = 16 * 1024;

impl Repository {
    /// Opens the repository of exactly this worktree or bare folder; a linked worktree stands for the
    /// main one, whose index and files are the desk's.
    ///
    /// # Errors
    /// [`GitError::NoRepository`], and [`GitError::Unsupported`] for what libgit2 cannot handle.
    pub fn open(path: &Path) -> Result<Self> {
        let (inner, linked) = with_durable_refs(|| {
            let mut inner = git2::Repository::open(path)?;
            let mut linked = None;
            if inner.is_worktree() {
                linked = inner.workdir().map(Path::to_owned);
                inner = git2::Repository::open(inner.commondir())?;
            }
            // The reference store is made on first use, and keeps the setting of that moment.
            let _ = inner.refname_to_id(MAIN);
            Ok((inner, linked))
        })
        .map_err(|error| not_opened(path, &error))?;
        // libgit2 ends folders in `/`; people do not.
        let plain = |path: &Path| path.components().collect::<PathBuf>();
        let common = plain(inner.commondir());
        let worktree = inner.workdir().map(plain);
        let linked = linked.as_deref().map(plain);
        Ok(Self {
            inner,
            common,
            worktree,
            linked,
            log_name: OnceCell::new(),
            remembered: RefCell::default(),
        })
    }

    /// Tells whether there is a repository in this folder, and not only what a power cut left of its making.
    pub fn is_made(path: &Path) -> bool {
        let git = path.join(".git");
        path.join("HEAD").exists() || (git.exists() && !is_empty(&git.join("HEAD")))
    }

    /// Finds the repository that `path` lies in.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn discover(path: &Path) -> Result<Self> {
        let git = git2::Repository::discover_path(path, std::iter::empty::<&Path>())
            .map_err(|error| not_opened(path, &error))?;
        Self::open(&git)
    }

    /// Makes a repository with loose reference files, SHA-1 and the branch `main`, or opens it; one that a
    /// crash or a power cut left half-made is made to its end.
    ///
    /// # Errors
    /// [`GitError::Unwritable`] where the folder cannot be written.
    pub fn init(path: &Path) -> Result<Self> {
        // What is no repository yet, nobody works in: these are the locks of one who died making it.
        for lock in ["HEAD.lock", "config.lock"] {
            landing::remove(&path.join(".git").join(lock))?;
        }
        for name in ["HEAD", "config"] {
            let file = path.join(".git").join(name);
            if is_empty(&file) {
                landing::remove(&file)?;
            }
        }
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main").mkpath(true).external_template(false);
        git2::Repository::init_opts(path, &options)
            .map_err(|error| unwritable(&path.display().to_string(), &error))?;
        Self::open(path)
    }

    /// Returns the folder that all worktrees share, `.git` in most repositories.
    pub fn git_dir(&self) -> &Path {
        &self.common
    }

    /// Returns the name and the address of whoever moves a branch, for its log.
    fn log_name(&self) -> (&str, &str) {
        let (name, email) = self.log_name.get_or_init(|| {
            let readable = |bytes| String::from_utf8_lossy(bytes).into_owned();
            match self.inner.signature() {
                Ok(who) => (readable(who.name_bytes()), readable(who.email_bytes())),
                Err(_) => ("unknown".to_owned(), "unknown".to_owned()),
            }
        });
        (name, email)
    }

    /// Returns the folder of our own files in the repository, made on demand.
    pub fn own_dir(&self) -> PathBuf {
        self.common.join("drafts")
    }

    /// Returns the main worktree; none in a bare repository.
    pub fn worktree(&self) -> Option<&Path> {
        self.worktree.as_deref()
    }

    /// Returns the linked worktree by which it was opened, where it was by one.
    pub fn linked_worktree(&self) -> Option<&Path> {
        self.linked.as_deref()
    }

    /// Returns where people know this repository: its worktree, or the bare folder itself.
    pub fn place(&self) -> &Path {
        self.worktree().unwrap_or(&self.common)
    }

    /// Returns the commit that a branch names; none where there is no such branch.
    ///
    /// # Errors
    /// [`GitError::Unreadable`] for everything but a branch that is not there.
    pub fn tip(&self, branch: &str) -> Result<Option<ObjectId>> {
        match self.inner.refname_to_id(branch) {
            Ok(id) => Ok(Some(from_oid(id))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(unreadable(branch, &error)),
        }
    }

    /// Returns where a branch was, newest first, as far as git logged it.
    pub fn earlier_tips(&self, branch: &str) -> Vec<ObjectId> {
        let Ok(log) = self.inner.reflog(branch) else { return Vec::new() };
        log.iter().flat_map(|entry| [from_oid(entry.id_new()), from_oid(entry.id_old())]).collect()
    }

    /// Returns where any remote had a branch when it was last fetched.
    pub fn remote_branch(&self, name: &str) -> Result<Option<ObjectId>> {
        Ok(self.remote_branches(name)?.into_iter().next())
    }

    /// Returns the name of the remote that is fetched from: the one of `main`, else `origin`, else the first.
    pub fn remote_name(&self) -> Option<String> {
        let remotes = self.inner.remotes().ok()?;
        let names: Vec<&str> = remotes.iter().flatten().flatten().collect();
        let is_one = |name: &String| names.contains(&name.as_str());
        let of_main = self.config("branch.main.remote").filter(is_one);
        let origin = Some("origin".to_owned()).filter(is_one);
        of_main.or(origin).or_else(|| names.first().map(|&name| name.to_owned()))
    }

    /// Returns where each remote that has a branch had it when it was last fetched.
    pub fn remote_branches(&self, name: &str) -> Result<Vec<ObjectId>> {
        let pattern = format!("refs/remotes/*/{name}");
        let failed = |error: git2::Error| unreadable(&pattern, &error);
        let mut found = Vec::new();
        for reference in self.inner.references_glob(&pattern).map_err(failed)? {
            found.extend(reference.map_err(failed)?.target().map(from_oid));
        }
        Ok(found)
    }

    /// Sets a string of the repository's own git configuration.
    pub fn set_config(&self, key: &str, value: &str) -> Result<()> {
        let failed = |error: git2::Error| unwritable("the configuration", &error);
        let mut config = self
            .inner
            .config()
            .and_then(|config| config.open_level(git2::ConfigLevel::Local))
            .map_err(failed)?;
        config.set_str(key, value).map_err(failed)
    }

    /// Reads a commit.
    pub fn commit(&self, id: ObjectId) -> Result<Commit> {
        let commit =
            self.inner.find_commit(to_oid(id)).map_err(|error| unreadable_id("commit", id, &error))?;
        Ok(Commit {
            id,
            tree: from_oid(commit.tree_id()),
            parents: own_parents(id, &commit)?,
            author: person(&commit.author()),
            committer: person(&commit.committer()),
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
        })
    }

    /// Reads the raw bytes of an object: a blob's content, a commit with its signature.
    pub fn read(&self, id: ObjectId) -> Result<Vec<u8>> {
        if let Some(bytes) = self.remembered.borrow().get(&id) {
            return Ok(bytes.clone());
        }
        let odb = self.inner.odb().map_err(|error| unreadable("the object database", &error))?;
        let object = odb.read(to_oid(id)).map_err(|error| unreadable_id("object", id, &error))?;
        let bytes = object.data().to_vec();
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() < REMEMBERED_MAX && bytes.len() <= REMEMBERED_BYTES_MAX {
            remembered.insert(id, bytes.clone());
        }
        Ok(bytes)
    }

    /// Reads the entries of a tree.
    pub fn entries(&self, tree: ObjectId) -> Result<Vec<TreeEntry>> {
        let tree = self.inner.find_tree(to_oid(tree)).map_err(|error| unreadable_id("tree", tree, &error))?;
        Ok(tree
            .iter()
            .map(|entry| TreeEntry {
                name: String::from_utf8_lossy(entry.name_bytes()).into_owned(),
                mode: u32::try_from(entry.filemode_raw()).unwrap_or(0),
                id: from_oid(entry.id()),
            })
            .collect())
    }

    /// Returns the entry at a path such as `drafts/kqzmwvst-re-invoice.md` below a tree.
    pub fn entry(&self, tree: ObjectId, path: &str) -> Result<Option<TreeEntry>> {
        let root = self.inner.find_tree(to_oid(tree)).map_err(|error| unreadable_id("tree", tree, &error))?;
        match root.get_path(Path::new(path)) {
            Ok(entry) => Ok(Some(TreeEntry {
                name: String::from_utf8_lossy(entry.name_bytes()).into_owned(),
                mode: u32::try_from(entry.filemode_raw()).unwrap_or(0),
                id: from_oid(entry.id()),
            })),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    /// Returns the entry at a path in a commit's tree.
    pub fn entry_at(&self, commit: ObjectId, path: &str) -> Result<Option<TreeEntry>> {
        self.entry(self.commit(commit)?.tree, path)
    }

    /// Reads the plain file at a path in a commit's tree.
    pub fn file_at(&self, commit: ObjectId, path: &str) -> Result<Option<Vec<u8>>> {
        match self.entry_at(commit, path)? {
            Some(entry) => self.read(entry.id).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the files directly in a folder of a commit's tree; empty where there is no such folder.
    pub fn files_in(&self, commit: ObjectId, folder: &str) -> Result<Vec<TreeEntry>> {
        match self.entry_at(commit, folder)? {
            Some(entry) => self.entries(entry.id),
            None => Ok(Vec::new()),
        }
    }

    /// Compares two trees by path: what the later one adds, and what it changes or lacks.
    pub fn compare(&self, before: Option<ObjectId>, after: ObjectId) -> Result<Comparison> {
        let find = |id: ObjectId| {
            self.inner.find_tree(to_oid(id)).map_err(|error| unreadable_id("tree", id, &error))
        };
        let before = before.map(find).transpose()?;
        let after = find(after)?;
        let diff = self
            .inner
            .diff_tree_to_tree(before.as_ref(), Some(&after), None)
            .map_err(|error| unreadable("a difference", &error))?;
        let mut comparison = Comparison::default();
        for delta in diff.deltas() {
            let path = |file: git2::DiffFile<'_>| {
                file.path_bytes().map(|path| String::from_utf8_lossy(path).into_owned()).unwrap_or_default()
            };
            match delta.status() {
                git2::Delta::Added => comparison.added.push(path(delta.new_file())),
                _ => comparison.rewritten.push(path(delta.old_file())),
            }
        }
        Ok(comparison)
    }

    /// Moves a branch from one commit to another, or makes it, if nobody else did meanwhile, as git does.
    ///
    /// The new commit must be flushed first ([`Repository::flush`]); the branch's own file is made
    /// durable here. `why` goes into the reference log. For `main` and `ledger` see [`moving::Moving`].
    pub fn swap(&self, branch: &str, from: Option<ObjectId>, to: ObjectId, why: &str) -> Result<Swap> {
        let old = from.map_or(git2::Oid::ZERO_SHA1, to_oid);
        match self.inner.reference_matching(branch, to_oid(to), true, old, why) {
            Ok(_) => {
                reached("branch.moved");
                Ok(Swap::Done)
            }
            Err(error)
                if matches!(error.code(), ErrorCode::Modified | ErrorCode::Locked | ErrorCode::Exists)
                    || (error.code() == ErrorCode::NotFound && self.tip(branch)?.is_none()) =>
            {
                Ok(Swap::Lost)
            }
            Err(error) => Err(unwritable(branch, &error)),
        }
    }

    /// Makes everything written so far to the repository's file system durable.
    ///
    /// One `syncfs` is cheaper than an fsync of each object, and it covers the operator's own fresh
    /// objects too, which a later fsync of ours could otherwise turn into empty files.
    pub fn flush(&self) -> Result<()> {
        let flush = |path: &Path| -> io::Result<()> {
            rustix::fs::syncfs(File::open(path)?).map_err(io::Error::from)
        };
        flush(&self.common).map_err(|error| GitError::Unwritable {
            what: self.common.display().to_string(),
            why: error.to_string(),
        })?;
        reached("objects.flushed");
        Ok(())
    }

    /// Returns what `HEAD` of the main worktree names.
    pub fn head(&self) -> Result<Head> {
        let head = self.inner.find_reference("HEAD").map_err(|error| unreadable("HEAD", &error))?;
        match head.symbolic_target() {
            Ok(Some(branch)) => Ok(Head::Branch(branch.to_owned())),
            Ok(None) => Ok(Head::Detached),
            Err(error) => Err(unreadable("HEAD", &error)),
        }
    }

    /// Tells whether history is cut off, so that nothing can be concluded from it.
    pub fn is_shallow(&self) -> bool {
        self.inner.is_shallow()
    }

    /// Tells whether `descendant` is `ancestor` or comes after it.
    pub fn descends(&self, descendant: ObjectId, ancestor: ObjectId) -> Result<bool> {
        if descendant == ancestor {
            return Ok(true);
        }
        // An ancestor that is not even in the object database is none.
        if self.inner.find_commit(to_oid(ancestor)).is_err_and(|error| error.code() == ErrorCode::NotFound) {
            return Ok(false);
        }
        match self.inner.graph_descendant_of(to_oid(descendant), to_oid(ancestor)) {
            Ok(descends) => Ok(descends),
            Err(error) => Err(unreadable("the history", &error)),
        }
    }

    /// Returns a string of git's own configuration, such as `user.email`.
    pub fn config(&self, key: &str) -> Option<String> {
        self.inner.config().ok()?.get_string(key).ok().filter(|value| !value.is_empty())
    }

    /// Tells whether the repository has replacement refs, which deceive whoever reviews with git.
    pub fn has_replacements(&self) -> Result<bool> {
        let mut names = self
            .inner
            .references_glob("refs/replace/*")
            .map_err(|error| unreadable("refs/replace", &error))?;
        Ok(names.next().is_some())
    }

    /// Tells whether git leaves a file alone that it does not know, by `.gitignore` and the like.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.inner.is_path_ignored(path).unwrap_or(false)
    }

    /// Tells whether git's attributes name a filter or an encoding for a path, checked-in ones included.
    pub fn filter_of(&self, path: &str) -> Result<Option<&'static str>> {
        for name in ["filter", "working-tree-encoding", "ident"] {
            if matches!(self.attribute(path, name)?, Attribute::Set | Attribute::Value(_)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Returns the blob that the index holds for a path.
    pub fn staged(&self, path: &str) -> Result<Option<ObjectId>> {
        let mut index = self.inner.index().map_err(|error| no_index(&error))?;
        // One that was read before may be older than what was staged since.
        index.read(false).map_err(|error| no_index(&error))?;
        Ok(index.get_path(Path::new(path), 0).map(|entry| from_oid(entry.id)))
    }

    /// Returns the entries of an index file below the drafts folder, by path; conflicts are left out.
    pub fn drafts_in_index(&self, index: Option<&Path>) -> Result<Vec<TreeEntry>> {
        let index = self.index(index)?;
        let prefix = format!("{DRAFTS}/");
        Ok(index
            .iter()
            .filter(|entry| entry.path.starts_with(prefix.as_bytes()) && entry.flags & 0x3000 == 0)
            .map(|entry| TreeEntry {
                name: String::from_utf8_lossy(&entry.path).into_owned(),
                mode: entry.mode,
                id: from_oid(entry.id),
            })
            .collect())
    }

    /// Returns the blob at a path of an index, the repository's own where none is named.
    pub fn in_index(&self, index: Option<&Path>, path: &str) -> Result<Option<ObjectId>> {
        let index = self.index(index)?;
        Ok(index.get_path(Path::new(path), 0).map(|entry| from_oid(entry.id)))
    }

    fn index(&self, file: Option<&Path>) -> Result<git2::Index> {
        let opened = match file {
            Some(file) => landing::open_index(file),
            None => self.inner.index(),
        };
        opened.map_err(|error| no_index(&error))
    }

    /// Returns a git command in this repository, with no `GIT_*` variable of a hook around it.
    pub fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.place());
        program::without_git_variables(&mut command);
        command
    }

    /// Returns where git looks for hooks here, whatever `core.hooksPath` says.
    pub fn hooks_dir(&self) -> Result<PathBuf> {
        let shown = program::run(self.command().args(["rev-parse", "--git-path", "hooks"]))?;
        Ok(self.place().join(shown.trim_end()))
    }
}

/// Tells whether a file is there and has no content.
fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0)
}

/// Opens a repository so that its references are made durable, and nothing else is.
///
/// libgit2 decides when it opens the reference store whether references are fsynced, and for each
/// object whether that is: with the option on only while opening, branches are durable by themselves
/// and objects wait for one [`Repository::flush`].
fn with_durable_refs<T>(open: impl FnOnce() -> T) -> T {
    static STRICT: Once = Once::new();
    STRICT.call_once(|| git2::opts::strict_object_creation(true));
    fsync_git_dir(true);
    let opened = open();
    fsync_git_dir(false);
    opened
}

/// Sets libgit2's `GIT_OPT_ENABLE_FSYNC_GITDIR`, for which git2 has no safe wrapper.
#[allow(unsafe_code)]
fn fsync_git_dir(on: bool) {
    // SAFETY: the option takes one int by value and stores it in a global of libgit2; libgit2 is
    // initialised by then, because git2 does that on first use, which `opts` above was.
    unsafe {
        libgit2_sys::git_libgit2_opts(
            libgit2_sys::GIT_OPT_ENABLE_FSYNC_GITDIR as std::ffi::c_int,
            std::ffi::c_int::from(on),
        );
    }
}

fn not_opened(path: &Path, error: &git2::Error) -> GitError {
    let shown = path.display().to_string();
    let unsupported = |what: &str, hint: &str| GitError::Unsupported {
        path: shown.clone(),
        what: what.to_owned(),
        hint: hint.to_owned(),
    };
    let message = error.message();
    if error.code() == ErrorCode::NotFound {
        GitError::NoRepository { path: shown }
    } else if message.contains("refstorage") {
        unsupported(
            "keeps its references in a reftable, which git-drafts cannot read",
            "run `git refs migrate --ref-format=files` there, or make a new repository with `git drafts init`",
        )
    } else if message.contains("sha256") || message.contains("object format") {
        unsupported(
            "names its objects by SHA-256, which git-drafts cannot read",
            "make a new repository with `git drafts init`",
        )
    } else if message.contains("partialclone") {
        unsupported(
            "is a partial clone, in which objects may be missing",
            "clone it whole: `git clone` without --filter",
        )
    } else if error.code() == ErrorCode::Owner {
        unsupported(
            "belongs to another user",
            "if you trust it: `git config --global --add safe.directory <path>`",
        )
    } else {
        GitError::Unreadable { what: shown, why: message.to_owned() }
    }
}

/// Returns the parents that a commit itself names; libgit2 believes `.git/info/grafts`, which names others.
fn own_parents(id: ObjectId, commit: &git2::Commit<'_>) -> Result<Vec<ObjectId>> {
    let unread =
        || GitError::Unreadable { what: format!("commit {id}"), why: "a parent has no name".to_owned() };
    commit
        .raw_header_bytes()
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"parent "))
        .map(|parent| {
            std::str::from_utf8(parent).ok().and_then(|parent| parent.parse().ok()).ok_or_else(unread)
        })
        .collect()
}

/// Says why an index cannot be read; libgit2 names only the letters of what it does not know.
fn no_index(error: &git2::Error) -> GitError {
    let unsupported = |what: &str, hint: &str| GitError::Unsupported {
        path: "the index".to_owned(),
        what: what.to_owned(),
        hint: hint.to_owned(),
    };
    if error.message().contains("'link'") {
        unsupported(
            "it is split, which git-drafts cannot read",
            "make it whole: `git config core.splitIndex false` and `git update-index --no-split-index`",
        )
    } else if error.message().contains("'sdir'") {
        unsupported(
            "it is sparse, which git-drafts cannot read",
            "make it whole: `git sparse-checkout reapply --no-sparse-index`",
        )
    } else {
        unreadable("the index", error)
    }
}

fn person(signature: &git2::Signature<'_>) -> Person {
    Person {
        name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
        when: Timestamp::from_second(signature.when().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

fn to_oid(id: ObjectId) -> git2::Oid {
    git2::Oid::from_bytes(id.as_bytes()).expect("an object id has twenty bytes")
}

fn from_oid(id: git2::Oid) -> ObjectId {
    ObjectId::new(id.as_bytes().try_into().expect("SHA-1 has twenty bytes"))
}

fn unreadable(what: &str, error: &git2::Error) -> GitError {
    GitError::Unreadable { what: what.to_owned(), why: error.message().to_owned() }
}

fn unreadable_id(kind: &str, id: ObjectId, error: &git2::Error) -> GitError {
    unreadable(&format!("{kind} {id}"), error)
}

fn unreadable_io(path: &Path, error: &io::Error) -> GitError {
    GitError::Unreadable { what: path.display().to_string(), why: error.to_string() }
}

fn unwritable(what: &str, error: &git2::Error) -> GitError {
    GitError::Unwritable { what: what.to_owned(), why: error.message().to_owned() }
}

fn unwritable_io(path: &Path, error: &io::Error) -> GitError {
    GitError::Unwritable { what: path.display().to_string(), why: error.to_string() }
}
