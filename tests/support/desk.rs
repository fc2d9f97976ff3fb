//! A desk for tests: a home of its own, the real git, the real program, real hooks and real files.
//!
//! Nothing of the machine shows through: no system configuration, no user's configuration, no desktop,
//! a fixed clock. A test reads as a sentence:
//!
//! ```ignore
//! let desk = Desk::new();
//! desk.with_mail("where is my invoice?").tick().approve("invoice").git(&["commit", "-am", "yes"]);
//! assert_eq!(desk.sent().len(), 1);
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;
use tempfile::TempDir;

use super::mail::{Mail, Sent};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_git-drafts");

/// The operator, who owns the desk.
pub const SAM: &str = "Sam Hill <sam@example.com>";

/// A colleague; an approver only where the policy says so.
pub const KIM: &str = "Kim Lee <kim@example.com>";

/// The first moment of every test.
const BEGIN: &str = "2026-11-20T12:00:00Z";

const WIRING: &str = r#"version = 1

[desk]
path = "drafts"

[source.mail]
kind = "maildir"
path = "mail/inbox"
address = ["Sam Hill <sam@example.com>"]
transport = "out"

[transport.out]
kind = "maildir"
path = "mail/outbox"

[limits]
messages_since = "all"

[notify]
enabled = false
"#;

/// A desk in a folder that goes with it.
pub struct Desk {
    folder: TempDir,
    /// Where the repository is.
    place: PathBuf,
    now: RefCell<String>,
    who: RefCell<String>,
    variables: RefCell<BTreeMap<String, String>>,
    mails: Cell<usize>,
    last: RefCell<Said>,
}

/// What a command said, and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Desk {
    /// Makes a mailbox, a wiring and a desk.
    pub fn new() -> Self {
        Self::with_wiring(WIRING)
    }

    /// The same with another wiring; paths in it are relative to the home.
    pub fn with_wiring(wiring: &str) -> Self {
        let desk = Self::unmade();
        desk.write_wiring(wiring);
        desk.drafts(&["init"]).succeeds();
        desk
    }

    /// Makes a home with git's configuration and mailboxes, and neither a wiring nor a desk.
    pub fn unmade() -> Self {
        Self::unmade_in(&std::env::temp_dir())
    }

    /// The same in a folder of the caller's, on another disk.
    pub fn unmade_in(folder: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("desk-").tempdir_in(folder).unwrap();
        let home = folder.path().canonicalize().unwrap();
        let desk = Self {
            place: home.join("drafts"),
            folder,
            now: RefCell::new(BEGIN.to_owned()),
            who: RefCell::new(SAM.to_owned()),
            variables: RefCell::default(),
            mails: Cell::new(0),
            last: RefCell::default(),
        };
        for path in ["mail/inbox/new", "mail/inbox/cur", "mail/inbox/tmp", "mail/outbox/new"] {
            fs::create_dir_all(home.join(path)).unwrap();
        }
        let config = "[user]\n\tname = Sam Hill\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n\
                      [advice]\n\tdetachedHead = false\n[core]\n\teditor = false\n";
        fs::write(home.join(".gitconfig"), config).unwrap();
        desk
    }

    /// Writes the wiring of this machine.
    pub fn write_wiring(&self, wiring: &str) -> &Self {
        let path = self.home().join(".config/git-drafts/config.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Relative paths count from the wiring's own folder.
        let wiring = wiring.replace("path = \"", &format!("path = \"{}/", self.home().display()));
        fs::write(&path, wiring).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    // The world around.

    /// The home, which all else lies in.
    pub fn home(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// A path in the repository.
    pub fn path(&self, path: &str) -> PathBuf {
        self.place.join(path)
    }

    /// From now on, commands run in this folder of the home; it is the repository that helpers read.
    pub fn moves_to(&mut self, folder: &str) -> &Self {
        self.place = self.home().join(folder);
        self
    }

    /// Moves the clock.
    pub fn at(&self, now: &str) -> &Self {
        now.clone_into(&mut self.now.borrow_mut());
        self
    }

    /// From now on this person types git commands.
    pub fn as_person(&self, who: &str) -> &Self {
        who.clone_into(&mut self.who.borrow_mut());
        self
    }

    /// From now on this variable is set; an empty value takes it away.
    pub fn with(&self, variable: &str, value: impl AsRef<OsStr>) -> &Self {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.variables.borrow_mut().insert(variable.to_owned(), value);
        self
    }

    /// Writes an executable shell script into the home, and returns its path.
    pub fn script(&self, name: &str, lines: &str) -> String {
        let path = self.home().join(name);
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    // Mail.

    /// Puts a mail of Ada's into the inbox; the question is its subject and its text.
    pub fn with_mail(&self, question: &str) -> &Self {
        self.receive(&Mail { subject: question, body: &format!("{question}\n"), ..Mail::default() })
    }

    /// Puts a mail into the inbox; without an id it gets one from its number.
    pub fn receive(&self, mail: &Mail<'_>) -> &Self {
        let number = self.mails.get() + 1;
        self.receive_bytes(&mail.write(number, SAM))
    }

    /// Puts any bytes into the inbox.
    pub fn receive_bytes(&self, bytes: &[u8]) -> &Self {
        let number = self.mails.get() + 1;
        self.mails.set(number);
        fs::write(self.home().join(format!("mail/inbox/new/{number:04}.mail")), bytes).unwrap();
        self
    }

    /// Reads the outbox with a mail parser, in the order of its files' names.
    pub fn sent(&self) -> Vec<Sent> {
        let mut sent: Vec<Sent> = fs::read_dir(self.home().join("mail/outbox/new"))
            .unwrap()
            .map(|file| Sent::read(&file.unwrap().path()))
            .collect();
        sent.sort_by(|a, b| a.file.cmp(&b.file));
        sent
    }

    // Commands.

    /// Runs `git drafts …` in the desk, or in the home while there is no desk.
    pub fn drafts(&self, arguments: &[&str]) -> Said {
        let all: Vec<&str> = [&["drafts"], arguments].concat();
        self.run("git", &all)
    }

    /// Runs git in the desk; it must end well.
    pub fn git(&self, arguments: &[&str]) -> &Self {
        self.try_git(arguments).succeeds();
        self
    }

    /// Runs git in the desk.
    pub fn try_git(&self, arguments: &[&str]) -> Said {
        self.run("git", arguments)
    }

    /// Runs git and returns its output without the last line end.
    pub fn git_says(&self, arguments: &[&str]) -> String {
        self.try_git(arguments).succeeds().out.trim_end().to_owned()
    }

    /// Runs a line in a shell in the desk.
    pub fn shell(&self, line: &str) -> Said {
        self.run("sh", &["-c", line])
    }

    /// Prepares a command with the environment of this desk and nothing else.
    pub fn command(&self, program: &str) -> Command {
        let home = self.home();
        let (name, email) =
            self.who.borrow().split_once(" <").map(|(n, e)| (n.to_owned(), e.to_owned())).unwrap();
        let email = email.trim_end_matches('>');
        let binaries = Path::new(PROGRAM).parent().unwrap().display().to_string();
        let now = self.now.borrow();
        let mut command = Command::new(program);
        command
            .current_dir(if self.place.is_dir() { &self.place } else { &home })
            .env_clear()
            .env("PATH", format!("{binaries}:{}", std::env::var("PATH").unwrap()))
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_STATE_HOME", home.join(".state"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_RUNTIME_DIR", home.join(".run"))
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_DRAFTS_NOW", now.as_str())
            .env("GIT_DRAFTS_HOOK", "wait")
            .stdin(Stdio::null());
        if program == "git" || program == "sh" {
            command
                .env("GIT_AUTHOR_NAME", &name)
                .env("GIT_AUTHOR_EMAIL", email)
                .env("GIT_AUTHOR_DATE", now.as_str())
                .env("GIT_COMMITTER_NAME", &name)
                .env("GIT_COMMITTER_EMAIL", email)
                .env("GIT_COMMITTER_DATE", now.as_str());
        }
        for (variable, value) in self.variables.borrow().iter() {
            if value.is_empty() {
                command.env_remove(variable)
            } else {
                command.env(variable, value)
            };
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Said {
        let output = self.command(program).args(arguments).output().unwrap();
        let said = Said::of(&output);
        *self.last.borrow_mut() = said.clone();
        said
    }

    // What a person does.

    /// Takes the mail in; must end well.
    pub fn tick(&self) -> &Self {
        self.drafts(&["tick"]).succeeds();
        self
    }

    /// Sends; must end well.
    pub fn send(&self) -> &Self {
        self.drafts(&["send"]).succeeds();
        self
    }

    /// Sets a draft to approved in its file, as a person does in an editor.
    pub fn approve(&self, word: &str) -> &Self {
        self.edit(word, "status = \"draft\"", "status = \"approved\"")
    }

    /// Replaces a text that stands once in a draft's file.
    pub fn edit(&self, word: &str, from: &str, to: &str) -> &Self {
        let path = self.path(&self.draft(word));
        let before = fs::read_to_string(&path).unwrap();
        assert_eq!(before.matches(from).count(), 1, "{from:?} in {before}");
        fs::write(&path, before.replace(from, to)).unwrap();
        self
    }

    /// Writes the answer of an escalation.
    pub fn answer(&self, word: &str, text: &str) -> &Self {
        self.edit(word, "+++\n\n\n\n----", &format!("+++\n\n{text}\n\n----"))
    }

    /// Commits everything that changed.
    pub fn commit(&self, message: &str) -> &Self {
        self.git(&["commit", "-a", "-m", message])
    }

    /// Commits everything that changed while hooks are off.
    pub fn commit_quietly(&self, message: &str) -> &Self {
        self.git(&["-c", "core.hooksPath=/dev/null", "commit", "-a", "-m", message])
    }

    /// Writes a file of the desk and commits it alone.
    pub fn commit_file(&self, path: &str, text: &str) -> &Self {
        fs::write(self.path(path), text).unwrap();
        self.git(&["add", path]).git(&["-c", "core.hooksPath=/dev/null", "commit", "-qm", path, "--", path])
    }

    // What there is to see.

    /// What the last command said.
    pub fn said(&self) -> Said {
        self.last.borrow().clone()
    }

    /// The one file on the desk whose name contains a word.
    pub fn draft(&self, word: &str) -> String {
        let all = self.files();
        let found: Vec<&String> = all.iter().filter(|file| file.contains(word)).collect();
        assert_eq!(found.len(), 1, "files with {word:?} among {all:?}");
        found[0].clone()
    }

    /// The id of that file.
    pub fn id(&self, word: &str) -> String {
        self.draft(word)["drafts/".len()..][..8].to_owned()
    }

    /// The files in the folder of drafts, in the worktree.
    pub fn files(&self) -> Vec<String> {
        // `git rm` of the last one takes the folder too.
        let listing = fs::read_dir(self.path("drafts")).into_iter().flatten();
        let mut files: Vec<String> =
            listing.map(|file| format!("drafts/{}", file.unwrap().file_name().to_str().unwrap())).collect();
        files.sort();
        files
    }

    /// The text of the file whose name contains a word.
    pub fn text(&self, word: &str) -> String {
        fs::read_to_string(self.path(&self.draft(word))).unwrap()
    }

    /// The words of a draft's story, in order: `drafted claimed sending sent`.
    pub fn story(&self, id: &str) -> String {
        let log = self.drafts(&["log", id, "--porcelain"]).succeeds();
        log.out.lines().filter_map(|line| line.split(' ').nth(2)).collect::<Vec<_>>().join(" ")
    }

    /// Everything of the repository that a command might change: branches, index, worktree.
    pub fn state(&self) -> String {
        ["for-each-ref", "ls-files -s", "status --porcelain -uall", "stash list"]
            .map(|line| self.git_says(&line.split(' ').collect::<Vec<_>>()))
            .join("\n--\n")
    }

    /// Takes out of a text whatever differs from run to run.
    pub fn plain(&self, text: &str) -> String {
        let mut text = text.replace(&self.home().display().to_string(), "~");
        text = text.replace(&rustix::system::uname().nodename().to_string_lossy().into_owned(), "[host]");
        for (pattern, word) in [
            (r"\b([g-z]{8}\.\d+)\.[0-9a-f]{8}\b", "$1.[desk]"),
            (r"git-drafts/[0-9a-f]{8}\b", "git-drafts/[desk]"),
            (r"\b[0-9a-f]{40}\b", "[commit]"),
            (r"\b[0-9a-f]{7}\b", "[abbrev]"),
            (r"--=_[0-9a-f]{32}", "--=_[boundary]"),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
        }
        text.trim_end().to_owned()
    }

    /// What the last command said, to compare with what is expected.
    pub fn seen(&self) -> String {
        let Said { out, err, code } = self.said();
        let mut seen = out;
        for line in err.lines() {
            seen.push_str(&format!("2> {line}\n"));
        }
        if code != 0 {
            seen.push_str(&format!("exit {code}\n"));
        }
        self.plain(&seen)
    }
}

impl Said {
    pub fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// It must have ended with 0.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }

    /// It must have ended with this code.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// It must have said this, on either side.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.out.contains(words) || self.err.contains(words),
            "no {words:?} in\n{}\n{}",
            self.out,
            self.err
        );
        self
    }
}
