//! A desk in the middle of a day's work, a command that is broken on it, and what must hold afterwards.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use crate::support::bed::Bed;
use crate::support::desk::{Desk, PROGRAM, Said};

/// Who takes the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A Maildir: it knows the key, and can be asked.
    Maildir,
    /// A program like `sendmail`: it knows nothing of keys, and cannot be asked.
    Program,
}

/// A desk with, by their subjects:
///
/// - `approved`: approved and committed, and no sender has seen it yet;
/// - `revoked`: approved and committed, and taken back by another commit;
/// - `waiting`: a draft that nobody touched;
/// - `edited`: a draft with a line of the operator's that is not committed;
/// - `fresh`: a mail that no tick has seen;
/// - `notes.md`: staged by the operator, and not committed.
pub struct Scene {
    pub bed: Bed,
    pub receiver: Receiver,
    /// The approval was committed right before the command, by a git that flushes nothing: a power cut may
    /// lose it.
    pub late: bool,
    approved: String,
    drafts: Vec<(String, String)>,
    /// The draft that the broken command is about: its file and its place in the index are the
    /// operator's, and nothing is said about them.
    pub in_hand: &'static str,
    /// Whether nobody knew about the approved draft, so that the operator's word decides.
    pub unsure: bool,
}

const LINE: &str = "The operator's own line.";

/// A word that no draft has.
pub const NOTHING: &str = "no-draft-has-this-word";

/// When the command runs that is broken.
pub const THEN: &str = "2026-11-20T12:10:00Z";

/// When the runs after it begin; each is some minutes after the other.
const AFTER: [&str; 3] = ["2026-11-20T12:20:00Z", "2026-11-20T12:30:00Z", "2026-11-20T13:40:00Z"];

impl Scene {
    /// Makes the desk and saves it.
    pub fn new(receiver: Receiver) -> Self {
        Self::on(Desk::unmade_in(&quick_place()), receiver)
    }

    /// Makes it in a home that has neither a wiring nor a repository yet.
    pub fn on(desk: Desk, receiver: Receiver) -> Self {
        write_wiring(&desk, receiver);
        desk.drafts(&["init"]).succeeds();
        let words = ["approved", "revoked", "waiting", "edited"];
        for word in words {
            desk.with_mail(&format!("where is my invoice? {word}"));
        }
        desk.tick();
        desk.approve("approved").approve("revoked").commit_quietly("yes");
        desk.edit("revoked", "status = \"approved\"", "status = \"draft\"").commit_quietly("no");
        desk.edit("edited", "Hello Ada", LINE);
        desk.with_mail("where is my invoice? fresh");
        fs::write(desk.path("notes.md"), "mine\n").unwrap();
        desk.git(&["add", "notes.md"]);
        let drafts = words.iter().map(|word| ((*word).to_owned(), desk.id(word))).collect();
        let approved = desk.id("approved");
        desk.at(THEN);
        Self {
            bed: Bed::save(desk),
            receiver,
            late: false,
            approved,
            drafts,
            in_hand: NOTHING,
            unsure: false,
        }
    }

    /// A newcomer's home: a wiring and one mail, and no desk unless it was made already.
    pub fn empty(desk: Desk, receiver: Receiver, made: bool) -> Self {
        write_wiring(&desk, receiver);
        if made {
            desk.drafts(&["init"]).succeeds();
        }
        desk.with_mail("where is my invoice? approved").at(THEN);
        let (approved, drafts) = (String::new(), Vec::new());
        Self {
            bed: Bed::save(desk),
            receiver,
            late: false,
            approved,
            drafts,
            in_hand: NOTHING,
            unsure: false,
        }
    }

    /// Lets the newcomer go on from whatever there is, and returns what is wrong after it.
    pub fn newcomer(&self) -> Vec<String> {
        let desk = &self.bed.desk;
        let mut wrong = Vec::new();
        for line in [&["init"][..], &["tick"], &["run"]] {
            let said = self.says(line);
            if said.code != 0 {
                wrong.push(format!("{line:?} ended with {}: {}{}", said.code, said.out, said.err));
                return wrong;
            }
        }
        if desk.files().len() != 1 {
            wrong.push(format!("the drafts: {:?}", desk.files()));
            return wrong;
        }
        desk.approve("approved").commit_quietly("yes");
        let said = self.says(&["run"]);
        if self.delivered("approved") != 1 || !desk.files().is_empty() {
            wrong.push(format!("sent {}: {said:?}", self.delivered("approved")));
        }
        let fsck = desk.try_git(&["fsck", "--strict", "--no-dangling"]);
        if fsck.code != 0 || !fsck.out.is_empty() || !self.locks().is_empty() {
            wrong.push(format!("fsck: {}{} {:?}", fsck.out, fsck.err, self.locks()));
        }
        desk.at(THEN);
        wrong
    }

    /// The same desk, and the sender died when the mail had gone and nothing was noted.
    pub fn unsure() -> Self {
        let scene = Self::new(Receiver::Program);
        let mut command = scene.command(&["send"]);
        command.env("GIT_DRAFTS_FAILPOINT", "kill:program.ended").output().unwrap();
        wait_until(|| lock_is_free(&scene.bed.desk));
        scene.says(&["send"]).succeeds().says("unsure");
        Self { bed: scene.bed.saved_anew(), unsure: true, ..scene }
    }

    /// The id of a draft.
    pub fn id(&self, word: &str) -> &str {
        &self.drafts.iter().find(|(known, _)| known == word).expect("a draft of the scene").1
    }

    /// Waits until whatever the broken command had started is done.
    pub fn settle(&self) {
        wait_until(|| lock_is_free(&self.bed.desk));
    }

    /// The program with these arguments, on the restored desk.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bed.desk.command(PROGRAM);
        command.args(arguments);
        command
    }

    /// Runs the program and returns what it said.
    pub fn says(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().unwrap())
    }

    /// Lets the next ordinary runs do what is to be done, and returns what is wrong after them.
    pub fn aftermath(&self) -> Vec<String> {
        let desk = &self.bed.desk;
        let mut wrong = Vec::new();
        // A mail program outlives a sender that was killed, and holds its lock until it ends.
        wait_until(|| lock_is_free(desk));
        for now in AFTER {
            desk.at(now);
            let said = self.says(&["run"]);
            if said.code != 0 {
                wrong.push(format!("`run` ended with {}: {}{}", said.code, said.out, said.err));
            }
        }
        let before = desk.state();
        let said = self.says(&["run"]);
        if desk.state() != before || !said.out.is_empty() || !said.err.is_empty() {
            wrong.push(format!("the runs do not come to rest: {}{}", said.out, said.err));
        }
        self.check(&mut wrong);
        desk.at(THEN);
        wrong
    }

    /// How often an answer of this draft has arrived.
    pub fn delivered(&self, word: &str) -> usize {
        let about = format!("Re: where is my invoice? {word}");
        self.bed.desk.sent().iter().filter(|sent| sent.subject == about).count()
    }

    /// The story of the draft that is approved.
    pub fn story(&self) -> String {
        self.bed.desk.story(&self.approved)
    }

    fn check(&self, wrong: &mut Vec<String>) {
        let desk = &self.bed.desk;
        let mut claim = |holds: bool, what: &dyn Fn() -> String| {
            if !holds {
                wrong.push(what());
            }
        };
        // At most once, and what is called sent has arrived.
        let (arrived, story) = (self.delivered("approved"), self.story());
        let last = story.rsplit(' ').next().unwrap_or_default();
        let tries = story.split(' ').filter(|word| *word == "sending").count();
        let fine = match (self.receiver, last) {
            (_, "sent") if self.unsure => (1..=tries).contains(&arrived),
            (_, "sent") => arrived == 1,
            (_, "unsure" | "failed") if self.unsure => arrived == 1,
            (Receiver::Program, "unsure") => arrived <= 1,
            (_, "drafted") => self.late && arrived == 0 && !self.is_approved(),
            _ => false,
        };
        claim(fine, &|| format!("the approved draft arrived {arrived} times: {story}"));
        for sent in desk.sent() {
            claim(sent.text.starts_with("Hello Ada"), &|| format!("sent: {}", sent.text));
        }
        // Nothing else went.
        for word in ["revoked", "waiting", "edited", "fresh"] {
            claim(self.delivered(word) == 0, &|| format!("{word} was sent"));
        }
        let wrongly = ["rejected", "superseded", "expired", "stale", "withdrawn"];
        let taken = !self.unsure && wrongly.iter().any(|word| story.contains(word));
        claim(!taken, &|| format!("the approved draft: {story}"));
        for (word, id) in self.drafts.iter().filter(|(word, _)| word != "approved") {
            let story = desk.story(id);
            claim(story == "drafted", &|| format!("{word}: {story}"));
        }
        // Every draft is where it was, and the new mail has one.
        let listing = desk.git_says(&["ls-tree", "-r", "--name-only", "main", "drafts/"]);
        for (word, id) in &self.drafts {
            let gone = word == "approved" && last == "sent";
            claim(listing.contains(id) != gone, &|| format!("{word} on main: {listing}"));
        }
        let fresh = listing.lines().filter(|line| line.contains("fresh")).count();
        claim(fresh == 1, &|| format!("{fresh} drafts of the fresh mail"));
        // The operator's work is as it was.
        let status = desk.git_says(&["status", "--porcelain", "-uall"]);
        let lost = |line: &&str| self.late && last == "drafted" && line.contains("approved");
        let lines: Vec<&str> =
            status.lines().filter(|line| !lost(line) && !line.contains(self.in_hand)).collect();
        let edited = desk.text("edited").matches(LINE).count();
        claim(edited == 1, &|| "the operator's line is lost".to_owned());
        let works = lines.iter().any(|line| line.starts_with("A  notes.md"))
            && lines.iter().any(|line| line.starts_with(" M drafts/") && line.contains("edited"));
        claim(works && lines.len() == 2, &|| format!("git status: {status}"));
        // Nothing of ours lies about, and git finds no fault.
        let locks = self.locks();
        claim(locks.is_empty(), &|| format!("left behind: {locks:?}"));
        let fsck = desk.try_git(&["fsck", "--strict", "--no-dangling"]);
        claim(fsck.code == 0 && fsck.out.is_empty(), &|| format!("fsck: {}{}", fsck.out, fsck.err));
    }

    /// Tells whether the draft that is to be approved is so on `main`.
    fn is_approved(&self) -> bool {
        let about = format!("drafts/{}*", self.approved);
        !self.bed.desk.try_git(&["grep", "-l", "status = \"approved\"", "main", "--", &about]).out.is_empty()
    }

    /// Locks and half-done things in the repository.
    fn locks(&self) -> Vec<String> {
        let found = self.bed.desk.shell(
            "find .git -name '*.lock' -size 0 -path '.git/drafts/*' -prune -o -name '*.lock' -print -o \
             -path .git/drafts/landing -print -o -path '.git/drafts/*aside*' -print -o -name 'gone-*' -print",
        );
        found.succeeds().out.lines().map(ToOwned::to_owned).collect()
    }
}

fn write_wiring(desk: &Desk, receiver: Receiver) {
    let transport = match receiver {
        Receiver::Maildir => "kind = \"maildir\"\npath = \"mail/outbox\"\n".to_owned(),
        Receiver::Program => "kind = \"sendmail\"\ncommand = [\"HOME/post\"]\n".to_owned(),
    };
    let wiring = format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\n{transport}\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n"
    );
    desk.write_wiring(&wiring.replace("HOME", &desk.home().display().to_string()));
    // A mail has arrived when its file has its name: one rename.
    desk.script(
        "post",
        "f=\"$HOME/mail/outbox/new\"; cat >\"$f/../$$.part\" && mv \"$f/../$$.part\" \"$f/$$.mail\"",
    );
}

/// Waits until something is so, for ten seconds at most.
pub fn wait_until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not become so");
}

/// A folder in memory where there is one: what is durable is not asked here.
pub fn quick_place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let fits = tempfile::tempfile_in(memory).is_ok();
    if fits { memory.to_path_buf() } else { std::env::temp_dir() }
}

/// Tells whether nobody sends.
pub fn lock_is_free(desk: &Desk) -> bool {
    let lock = desk.path(".git/drafts/send.lock");
    File::open(lock).map_or(true, |lock| lock.try_lock_shared().is_ok())
}

/// Tells whether a process was killed, as it was meant to be.
pub fn was_killed(output: &Output) -> bool {
    output.status.signal() == Some(9)
}
