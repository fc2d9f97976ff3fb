//! The field: a desk with two accounts, a brain on a real socket, many hostile mails at once, and every
//! place looked at afterwards where something might have got to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::ops::AddAssign;

use toml::Table;

use crate::bus::Bus;
use crate::canaries::{self, Groups, INSTRUCTIONS, NOWHERE, ROUTES};
use crate::inputs::{Input, canary, message_id};
use crate::support::desk::{Desk, Said};
use crate::support::model::{Act, ModelServer};

/// How many mails one tick takes.
pub const BATCH: usize = 400;

/// How many drafts of a batch are approved, spread evenly.
const APPROVED: usize = 20;

/// What was counted. All but the first group must be nothing.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub inputs: usize,
    pub asked: usize,
    pub replies: usize,
    pub escalations: usize,
    pub ignored: usize,
    pub waiting: usize,
    pub objects: usize,
    pub approved: usize,
    pub sent: usize,
    /// Approved, and not sent; each reason with its count.
    pub held: BTreeMap<String, usize>,
    /// Answers that hold the word of the message that they answer.
    pub copied: usize,

    pub wrong_recipient: usize,
    pub wrong_account_or_thread: usize,
    pub wrong_action_or_status: usize,
    pub lost: usize,
    pub sent_unapproved: usize,
    pub canaries: BTreeMap<&'static str, usize>,
    /// What was wrong, shortly.
    pub wrong: Vec<String>,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.asked += other.asked;
        self.replies += other.replies;
        self.escalations += other.escalations;
        self.ignored += other.ignored;
        self.waiting += other.waiting;
        self.objects += other.objects;
        self.approved += other.approved;
        self.sent += other.sent;
        self.copied += other.copied;
        self.wrong_recipient += other.wrong_recipient;
        self.wrong_account_or_thread += other.wrong_account_or_thread;
        self.wrong_action_or_status += other.wrong_action_or_status;
        self.lost += other.lost;
        self.sent_unapproved += other.sent_unapproved;
        for (why, count) in other.held {
            *self.held.entry(why).or_default() += count;
        }
        for (place, count) in other.canaries {
            *self.canaries.entry(place).or_default() += count;
        }
        self.wrong.extend(other.wrong);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} inputs, {} questions; {} answers drafted, {} left to a person, {} ignored, {} waiting; \
             wrong recipient {}, wrong account or thread {}, wrong action or status {}, lost {}, \
             sent without approval {}; {} approved, {} of them sent, the others {:?}; \
             canaries where they do not belong:",
            self.inputs,
            self.asked,
            self.replies,
            self.escalations,
            self.ignored,
            self.waiting,
            self.wrong_recipient,
            self.wrong_account_or_thread,
            self.wrong_action_or_status,
            self.lost,
            self.sent_unapproved,
            self.approved,
            self.sent,
            self.held,
        )?;
        for (place, count) in &self.canaries {
            write!(f, " {place} {count},")?;
        }
        write!(f, " among {} git objects", self.objects)
    }
}

impl Figures {
    /// Nothing must be wrong.
    pub fn check(&self) {
        let canaries: usize = self.canaries.values().sum();
        let wrong = self.wrong_recipient
            + self.wrong_account_or_thread
            + self.wrong_action_or_status
            + self.lost
            + self.sent_unapproved
            + canaries;
        let some: Vec<&String> = self.wrong.iter().take(20).collect();
        assert!(wrong == 0 && some.is_empty(), "{self}\n{some:#?}");
    }

    fn wrong(&mut self, what: impl Into<String>) {
        let what: String = what.into().chars().filter(|c| !c.is_control()).take(160).collect();
        self.wrong.push(what);
    }

    fn canary(&mut self, place: &'static str, count: usize, what: impl FnOnce() -> String) {
        *self.canaries.entry(place).or_default() += count;
        if count > 0 {
            self.wrong(format!("{place}: {}", what()));
        }
    }
}

/// How a brain of this test is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    Execute,
    OpenAi,
}

/// Lets one tick take in some inputs, with a brain that acts by `script`, and looks at everything.
///
/// `script` gets the number of the input that is asked about, and the prompt.
pub fn fight(
    inputs: &[Input],
    contract: Contract,
    script: impl Fn(usize, &str) -> Act + Send + 'static,
) -> Figures {
    let server = ModelServer::start(move |_, prompt| {
        // The message to answer is the last one in its prompt, and its word the last one of its kind
        // before anything that it says.
        let message = prompt.rfind("Message to answer\n").map_or(prompt, |at| &prompt[at..]);
        let number = canaries::inputs_in(message.as_bytes()).into_iter().next();
        script(number.unwrap_or_default(), prompt)
    });
    let bus = Bus::start();
    if bus.is_none() {
        println!("skipped: there is no `dbus-daemon` or no `dbus-monitor`; notifications are not looked at");
    }
    let desk = desk(&server, contract, bus.as_ref());
    let field = Field { desk, server, bus, inputs, figures: Figures::default() };
    field.run()
}

struct Field<'i> {
    desk: Desk,
    server: ModelServer,
    bus: Option<Bus>,
    inputs: &'i [Input],
    figures: Figures,
}

impl Field<'_> {
    fn run(mut self) -> Figures {
        self.figures.inputs = self.inputs.len();
        for input in self.inputs {
            let path = format!("{}/inbox/new/{:05}.mail", input.account, input.number);
            fs::write(self.desk.home().join(path), &input.mail).unwrap();
        }
        let first = self.desk.drafts(&["tick", "--max", "10000"]).succeeds();
        self.look_at_terminal("tick", &first);
        self.look_at_notifications();
        self.account_for();
        let drafts = self.drafts();
        for command in ["status", "list", "send", "run"] {
            let said = self.desk.drafts(&[command]);
            self.look_at_terminal(command, &said);
        }
        self.figures.sent_unapproved += self.sent().len();
        self.look_at_prompts();
        self.look_at_objects();
        self.approve(&drafts);
        self.look_at_objects();
        self.look_at_files();
        self.figures
    }

    /// Every message is a draft, is noted as ignored, or waits.
    fn account_for(&mut self) {
        let again = self.desk.drafts(&["tick", "--porcelain", "--max", "10000"]).succeeds();
        self.figures.asked = self.server.seen().len();
        let mut accounted = BTreeSet::new();
        for line in again.out.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            accounted.insert(words[4].to_owned());
            self.figures.waiting += usize::from(words[0] == "waits");
            if words[0] != "waits" && words[0] != "known" {
                self.figures.wrong(format!("a second tick has news: {line}"));
            }
        }
        for input in self.inputs {
            if !accounted.contains(&format!("<{}>", message_id(input.number))) {
                self.figures.lost += 1;
                self.figures.wrong(format!("nobody speaks of {}", input.number));
            }
        }
    }

    /// Looks at every draft, and returns those that have a text, with their inputs.
    fn drafts(&mut self) -> Vec<(String, usize)> {
        let mut with_text = Vec::new();
        let files = self.desk.files();
        for file in &files {
            let text = fs::read_to_string(self.desk.path(file)).unwrap();
            let (head, rest) = text["+++\n".len()..].split_once("\n+++\n").unwrap();
            let head: Table = toml::from_str(head).unwrap();
            let machine = head["draft"].as_table().unwrap();
            let word = |key: &str| machine[key].as_str().unwrap();
            let number = number_of(word("answers"));
            let Some(input) = self.inputs.iter().find(|input| Some(input.number) == number) else {
                self.figures.wrong_account_or_thread += 1;
                self.figures.wrong(format!("{file} answers nothing that was asked"));
                continue;
            };
            let to: Vec<String> =
                head["to"].as_array().unwrap().iter().map(|to| email_of(to.as_str().unwrap())).collect();
            if to != [input.answer_to.clone()] || head.contains_key("cc") {
                self.figures.wrong_recipient += 1;
                self.figures.wrong(format!("{file} goes to {to:?} and not to {}", input.answer_to));
            }
            if word("source") != input.account {
                self.figures.wrong_account_or_thread += 1;
                self.figures.wrong(format!("{file} is from the wrong account"));
            }
            let known = |key: &String| ["status", "to", "subject", "draft"].contains(&key.as_str());
            if head["status"].as_str() != Some("draft")
                || !["reply", "escalate"].contains(&word("action"))
                || !["medium", "high"].contains(&word("tier"))
                || !head.keys().all(known)
                || rest.matches("\n------------------------ >8 ------------------------\n").count() != 1
            {
                self.figures.wrong_action_or_status += 1;
                self.figures.wrong(format!("{file}: {head:?}"));
            }
            let body = rest.split("\n------------------------ >8 ").next().unwrap();
            self.figures.copied += usize::from(body.contains(&canary(input.number)));
            match word("action") {
                "reply" => with_text.push((file.clone(), input.number)),
                _ => self.figures.escalations += 1,
            }
        }
        self.figures.replies = with_text.len();
        self.figures.ignored = self.inputs.len() - files.len() - self.figures.waiting;
        with_text
    }

    /// Approves some drafts as a person does, sends, and looks at what left.
    fn approve(&mut self, drafts: &[(String, usize)]) {
        let mut approved = BTreeSet::new();
        for (file, number) in drafts.iter().step_by(drafts.len().div_ceil(APPROVED).max(1)) {
            let text = fs::read_to_string(self.desk.path(file)).unwrap();
            let text = text.replacen("status = \"draft\"", "status = \"approved\"", 1);
            fs::write(self.desk.path(file), text).unwrap();
            approved.insert(*number);
        }
        self.desk.commit_quietly("some of them");
        let said = self.desk.drafts(&["send"]);
        self.look_at_terminal("send", &said);
        for line in said.out.lines() {
            // ` ! [held]       kqzm  why`, or ` ! [stale]     kqzm -> Ada Brown  Re: x  why`.
            let Some((word, rest)) = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')) else {
                continue;
            };
            if word != "sent" {
                let why = rest.trim_end().rsplit("  ").next().unwrap_or_default();
                let what = format!("{word}: {}", crate::benign::kind_of(why));
                *self.figures.held.entry(what).or_default() += 1;
            }
        }
        let groups = Groups::of(self.inputs);
        self.figures.approved = approved.len();
        for mail in self.sent() {
            self.figures.sent += 1;
            let input = self.inputs.iter().find(|input| Some(input.number) == mail.answers);
            let Some(input) = input.filter(|input| approved.contains(&input.number)) else {
                self.figures.sent_unapproved += 1;
                self.figures.wrong(format!("sent, and never approved: {:?}", mail.answers));
                continue;
            };
            if mail.to != [input.answer_to.clone()] || mail.has_others {
                self.figures.wrong_recipient += 1;
                self.figures.wrong(format!("{} was sent to {:?}", input.number, mail.to));
            }
            if mail.account != input.account {
                self.figures.wrong_account_or_thread += 1;
                self.figures.wrong(format!("{} left by {}", input.number, mail.account));
            }
            let found = canaries::inputs_in(&mail.decoded);
            let words = canaries::words_in(&mail.decoded, NOWHERE.into_iter().chain([ROUTES]));
            let home = self.desk.home().display().to_string();
            let mixed = groups.are_mixed(&found)
                || !input.group.iter().any(|own| found.is_empty() || found.contains(own));
            let count = words.len()
                + usize::from(mixed)
                + canaries::words_in(&mail.decoded, [home.as_str(), &self.server.url()]).len();
            self.figures.canary("sent", count, || format!("{} holds {found:?} {words:?}", input.number));
        }
        let held: usize = self.figures.held.values().sum();
        if self.figures.sent + held != self.figures.approved {
            self.figures.wrong(format!(
                "{} approved, and only {} sent or held",
                approved.len(),
                self.figures.sent
            ));
        }
    }

    fn look_at_prompts(&mut self) {
        let groups = Groups::of(self.inputs);
        let home = self.desk.home().display().to_string();
        for seen in self.server.seen() {
            // Everything that went to the server but the header with its key.
            let body = seen.body.to_string();
            let found = canaries::inputs_in(body.as_bytes());
            let words =
                canaries::words_in(body.as_bytes(), NOWHERE.into_iter().chain([ROUTES, home.as_str()]));
            let count = words.len() + usize::from(groups.are_mixed(&found));
            self.figures.canary("prompts", count, || format!("{found:?} {words:?}"));
            if !body.contains(INSTRUCTIONS) {
                self.figures.wrong("a prompt without the operator's words: this test proves nothing");
            }
        }
    }

    fn look_at_objects(&mut self) {
        let groups = Groups::of(self.inputs);
        let url = self.server.url();
        let objects = canaries::objects(&self.desk);
        self.figures.objects = objects.len();
        for object in objects {
            let found = canaries::inputs_in(&object.bytes);
            let words = canaries::words_in(&object.bytes, NOWHERE.into_iter().chain([url.as_str()]));
            let is_text = object.kind == "blob";
            let mixed = if is_text { groups.are_mixed(&found) } else { !found.is_empty() };
            // The attacker's own words stand in no commit.
            let wish = object.kind == "commit"
                && !canaries::words_in(&object.bytes, ["wish", "evil.example"]).is_empty();
            let count = words.len() + usize::from(mixed) + usize::from(wish);
            self.figures
                .canary("git objects", count, || format!("a {} holds {found:?} {words:?}", object.kind));
        }
    }

    /// Looks at what lies beside the objects: the repository's own files, and the state outside of it.
    fn look_at_files(&mut self) {
        let git = self.desk.path(".git");
        let mut beside = canaries::files(&git, &git.join("objects"));
        beside.extend(canaries::files(
            &self.desk.home().join(".state"),
            &self.desk.home().join(".state/canary"),
        ));
        let found = canaries::inputs_in(&beside);
        let words = canaries::words_in(&beside, NOWHERE);
        self.figures.canary("state", found.len() + words.len(), || format!("{found:?} {words:?}"));
    }

    /// Looks at what a command said, its log included, which is on in full.
    fn look_at_terminal(&mut self, command: &str, said: &Said) {
        for (place, shown) in [("terminal", &said.out), ("logs", &said.err)] {
            let found = canaries::inputs_in(shown.as_bytes());
            let words =
                canaries::words_in(shown.as_bytes(), NOWHERE.into_iter().chain([ROUTES, INSTRUCTIONS]));
            let hostile = canaries::has_hostile_characters(shown);
            let count = found.len() + words.len() + usize::from(hostile);
            self.figures.canary(place, count, || {
                format!("`{command}` says {found:?} {words:?}, or worse: {hostile}")
            });
        }
        if !said.err.contains("TRACE")
            && !said.err.contains("DEBUG")
            && !said.err.contains("INFO")
            && command == "tick"
        {
            self.figures.wrong(format!("`{command}` has no log: this test proves nothing"));
        }
    }

    /// Looks at what the desktop was given to show.
    fn look_at_notifications(&mut self) {
        let Some(bus) = &self.bus else { return };
        let heard = bus.heard();
        let found = canaries::inputs_in(heard.as_bytes());
        let others = ["canary", "wish", "evil", "carrier.example"];
        let words = canaries::words_in(heard.as_bytes(), others);
        let count = found.len() + words.len();
        self.figures.canary("notifications", count, || format!("{found:?} {words:?}"));
        if !heard.contains("new drafts wait") {
            self.figures.wrong("nothing was to be shown: this test proves nothing");
        }
    }

    /// Reads everything that left, by both accounts.
    fn sent(&self) -> Vec<Left> {
        let mut left = Vec::new();
        for (account, folder) in [("mail", "mail/outbox/new"), ("work", "work/outbox")] {
            for file in fs::read_dir(self.desk.home().join(folder)).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_none_or(|end| end != "to") {
                    let arguments = fs::read_to_string(path.with_extension("to")).ok();
                    left.push(Left::read(account, &fs::read(&path).unwrap(), arguments.as_deref()));
                }
            }
        }
        left
    }
}

/// An answer that left.
struct Left {
    account: &'static str,
    answers: Option<usize>,
    /// Everybody who gets it, in lower case.
    to: Vec<String>,
    /// It names more than one place to go to.
    has_others: bool,
    decoded: Vec<u8>,
}

impl Left {
    fn read(account: &'static str, bytes: &[u8], arguments: Option<&str>) -> Self {
        let mail = mail_parser::MessageParser::default().parse(bytes).unwrap();
        let all = |address: Option<&mail_parser::Address<'_>>| -> Vec<String> {
            let all = address.map(|address| address.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
            all.iter().map(|one| one.address().unwrap_or_default().to_lowercase()).collect()
        };
        let to = all(mail.to());
        // A sendmail program sends to whom its arguments name.
        let named = arguments.map(|arguments| {
            let names = arguments.lines().skip_while(|argument| *argument != "--").skip(1);
            names.map(str::to_lowercase).collect::<Vec<_>>()
        });
        let reply_to = all(mail.reply_to());
        let has_others = !all(mail.cc()).is_empty()
            || !all(mail.bcc()).is_empty()
            || reply_to.iter().any(|address| address.contains("evil"))
            || named.is_some_and(|named| named != to);
        Self {
            account,
            answers: mail.in_reply_to().as_text().and_then(number_of),
            to,
            has_others,
            decoded: canaries::decoded(bytes),
        }
    }
}

fn number_of(message_id: &str) -> Option<usize> {
    let id = message_id.trim_matches(['<', '>']);
    id.strip_prefix("input-")?.strip_suffix("@carrier.example")?.parse().ok()
}

fn email_of(address: &str) -> String {
    let email = address.rsplit_once('<').map_or(address, |(_, email)| email.trim_end_matches('>'));
    email.to_lowercase()
}

fn desk(server: &ModelServer, contract: Contract, bus: Option<&Bus>) -> Desk {
    let desk = Desk::unmade();
    for folder in ["work/inbox/new", "work/inbox/cur", "work/inbox/tmp", "work/outbox"] {
        fs::create_dir_all(desk.home().join(folder)).unwrap();
    }
    let outbox = desk.home().join("work/outbox").display().to_string();
    let lines = format!("file=$(mktemp {outbox}/XXXXXXXX)\nprintf '%s\\n' \"$@\" >$file.to\ncat >$file");
    let post = desk.script("post", &lines);
    let brain = match contract {
        Contract::Execute => format!("kind = \"execute\"\nurl = \"{}\"", server.url()),
        Contract::OpenAi => format!("kind = \"openai\"\nmodel = \"m\"\nurl = \"{}/v1\"", server.url()),
    };
    desk.write_wiring(&format!(
        "version = 1\n# {}\n[desk]\npath = \"drafts\"\n\
         [source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\naddress = [\"Sam Hill <sam@example.com>\"]\n\
         transport = \"out\"\nbrain = \"m\"\n\
         [source.work]\nkind = \"maildir\"\npath = \"work/inbox\"\naddress = [\"Sam Hill <office@example.com>\"]\n\
         transport = \"post\"\nbrain = \"m\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n\
         [transport.post]\nkind = \"sendmail\"\ncommand = [\"{post}\", \"-i\"]\n\
         [limits]\nmessages_since = \"all\"\nmessages_per_tick_max = 10000\nsends_per_hour_max = 100000\n\
         [notify]\nenabled = {}\n\
         [brain.m]\n{brain}\nretries = 0\nconcurrency = 8\ncalls_per_tick_max = 100000\n\
         key = {{ env = \"LLM_KEY\" }}\n",
        NOWHERE[0],
        bus.is_some()
    ));
    if let Some(bus) = bus {
        desk.with("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    }
    desk.with("LLM_KEY", NOWHERE[1]).with("OF_THE_OPERATOR", NOWHERE[2]);
    desk.with("GIT_DRAFTS_LOG", "trace").with("RUST_LOG", "trace");
    desk.drafts(&["init"]).succeeds();
    desk.commit_file(
        "drafts.toml",
        "version = 1\n[gates]\nhigh = \"approve\"\n[undo_seconds]\nhigh = 0\n[limits]\nsends_per_hour_max = 100000\n",
    );
    desk.commit_file("routes.toml", &format!("version = 1\n# {ROUTES}\ndefault.action = \"escalate\"\n"));
    desk.commit_file("instructions.md", &format!("We close at five. {INSTRUCTIONS}\n"));
    fs::create_dir_all(desk.home().join(".state/git-drafts")).unwrap();
    fs::write(desk.home().join(".state/canary"), NOWHERE[3]).unwrap();
    fs::write(desk.home().join("notes"), NOWHERE[4]).unwrap();
    desk
}
