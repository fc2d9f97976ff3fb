//! Decides what may become of a plan, and what may be sent.
//!
//! Everything here is a function of its arguments: no clock, no disk, no network. Nothing that is
//! under review can loosen its own gate: of two policies the stricter one always wins, and nothing in
//! a policy can run a program or name a credential.

pub mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::content::links;
use crate::content::unfinished;
use crate::draft::Draft;
use crate::error::FileError;
use crate::message::{Address, Message};
use crate::plan::{Action, Confidence, Gate, Plan, Tier};
use crate::task::{self, Task};
use crate::text;
use crate::version;

/// The file of the policy in the drafts repository.
pub const FILE: &str = "drafts.toml";

/// The policy of a new desk, and the documentation of every key.
pub const DEFAULT: &str = include_str!("../templates/drafts.toml");

/// The line of [`DEFAULT`] that asks for signatures.
const SIGNED_LINE: &str = "high = \"approve_signed\"\n";

/// Returns the policy file of a desk whose wiring names no signers yet: what it asks for can be given.
pub fn without_signatures() -> String {
    let line = "high = \"approve\"    # \"approve_signed\" once the wiring names signers\n";
    DEFAULT.replacen(SIGNED_LINE, line, 1)
}

const VERSION: u32 = 1;

/// What `[expire]` and `[remind]` say where nothing of that kind happens.
const NEVER: &str = "never";

/// What counts as an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A commit by an approver.
    Commit,
    /// A merge into `main` by an approver.
    Merge,
}

/// What a desk keeps of the messages it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The message stands quoted below its draft.
    Tracked,
    /// Nothing of it is kept.
    None,
}

/// Whom answers go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// The one who wrote, or whom that one names in `Reply-To`.
    Sender,
    /// All who got the message, too.
    All,
}

/// The committed rules of a desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What counts as an approval.
    pub mode: Mode,
    /// What is kept of the messages.
    pub context: Context,
    /// The addresses of committers whose approval counts; empty for whoever owns the clone.
    pub approvers: Vec<String>,
    /// Whom answers go to.
    pub reply: ReplyTo,
    /// Patterns of addresses that are never written to.
    pub deny: Vec<String>,
    /// The most bytes of an answer.
    pub body_bytes_max: usize,
    /// The most sends in any hour.
    pub sends_per_hour_max: usize,
    /// Words whose mention no brain may answer.
    pub escalate_words: Vec<String>,
    /// A plan with less confidence is one tier graver; no confidence makes it milder.
    pub confidence_below: Confidence,
    /// The links that may stand in an answer beside those of its thread.
    pub links: links::Rules,
    /// The labels that tasks may have.
    pub labels: Vec<String>,
    tiers: BTreeMap<Action, Tier>,
    gates: BTreeMap<Tier, Gate>,
    undo_seconds: BTreeMap<Tier, u32>,
    expire_days: BTreeMap<Tier, u32>,
    remind_after: BTreeMap<Tier, SignedDuration>,
}

impl Policy {
    /// Returns the policy of a desk that has no policy file.
    pub fn built_in() -> Self {
        Self::parse(FILE, DEFAULT).expect("the template is tested")
    }

    /// Reads a policy file; `path` is how errors name it.
    ///
    /// # Errors
    /// An unknown key, word or version, a value out of range, or an entry of a list that could match nothing, or
    /// would match everything.
    pub fn parse(path: &str, file: &str) -> Result<Self, FileError> {
        let policy = Self::of_its_day(path, file)?;
        policy.refuse_wrong_entries(path, file)?;
        Ok(policy)
    }

    /// Refuses what [`Policy::parse`] refuses and [`Policy::of_its_day`] reads, of the file that it was read from.
    ///
    /// # Errors
    /// An entry of a list that could match nothing, or would match everything.
    pub fn refuse_wrong_entries(&self, path: &str, file: &str) -> Result<(), FileError> {
        match self.wrong_entry(path, file) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Reads a policy that was in force once, as [`Policy::parse`] does: an entry that is refused today must not
    /// hold the drafts of its day.
    ///
    /// # Errors
    /// As there, but for entries of lists.
    pub fn of_its_day(path: &str, file: &str) -> Result<Self, FileError> {
        let stored: Stored = toml::from_str(file).map_err(|error| {
            version::newer(path, file, 1, VERSION)
                .unwrap_or_else(|| FileError::from_toml(path, file, 1, &error))
        })?;
        let line_of =
            |key: &str| file.lines().position(|line| line.trim_start().starts_with(key)).map(|line| line + 1);
        let wrong = |key: &str, what: String| {
            let error = FileError::new(path, what);
            error.at(line_of(key))
        };
        if stored.version != VERSION {
            let other = || {
                wrong("version", format!("version {} of the policy is not known", stored.version))
                    .with_hint(format!("the version is {VERSION}"))
            };
            return Err(version::newer(path, file, 1, VERSION).unwrap_or_else(other));
        }
        let mode = match stored.mode.as_deref() {
            None | Some("commit") => Mode::Commit,
            Some("merge") => Mode::Merge,
            Some(other) => {
                return Err(wrong("mode", format!("unknown mode `{}`", text::one_line(other, 40)))
                    .with_hint("it is `commit` or `merge`"));
            }
        };
        let context = match stored.context.as_deref() {
            None | Some("tracked") => Context::Tracked,
            Some("none") => Context::None,
            Some(other) => {
                return Err(wrong("context", format!("unknown context `{}`", text::one_line(other, 40)))
                    .with_hint("it is `tracked` or `none`"));
            }
        };
        let reply = match stored.recipients.reply.as_deref() {
            None | Some("sender") => ReplyTo::Sender,
            Some("all") => ReplyTo::All,
            Some(other) => {
                return Err(wrong("reply", format!("unknown recipients `{}`", text::one_line(other, 40)))
                    .with_hint("it is `sender` or `all`"));
            }
        };
        let gates = merged(&DEFAULTS.gates, stored.gates);
        if gates.values().any(|gate| *gate == Gate::Auto) {
            return Err(wrong(
                "[gates]",
                "the gate `auto` is not supported: nothing is sent without a person".to_owned(),
            )
            .with_hint("use `approve`"));
        }
        let wrong_time = |section: &str, tier: Tier, time: &str, kind: &str, example: &str| {
            let what = format!("`{}` is not a number of {kind}", text::one_line(time, 40));
            let error =
                FileError::new(path, what).with_hint(format!("write it as {example}, or \"{NEVER}\""));
            error.at(line_in(file, section, tier.as_str()))
        };
        let links = links::Rules::new(
            &stored.links.allow.unwrap_or_default(),
            stored.links.strict.unwrap_or_default(),
        )
        .map_err(|entry| {
            let what = format!("`{}` is no beginning of a link", text::one_line(&entry, 80));
            let error = FileError::new(path, what).with_hint(
                "write \"https://docs.example.com/\", \"https://example.com/help/\" or \"mailto:help@example.com\"",
            );
            error.at(line_in(file, "[links]", "allow"))
        })?;
        let labels = stored.issues.labels.unwrap_or_default();
        if let Some(label) = labels.iter().find(|label| !task::is_label(label)) {
            let what = format!("`{}` is no label", text::one_line(label, 60));
            let error = FileError::new(path, what)
                .with_hint(format!("a label is one line of 1 to {} characters", task::LABEL_CHARS_MAX));
            return Err(error.at(line_in(file, "[issues]", "labels")));
        }
        let mut expire_days = BTreeMap::new();
        for (tier, time) in merged(&DEFAULTS.expire, stored.expire) {
            if time != NEVER {
                let days = count_of(&time, 'd', 3650)
                    .ok_or_else(|| wrong_time("[expire]", tier, &time, "days", "\"14d\""))?;
                expire_days.insert(tier, days);
            }
        }
        let mut remind_after = BTreeMap::new();
        for (tier, time) in merged(&DEFAULTS.remind, stored.remind) {
            if time != NEVER {
                let days = count_of(&time, 'd', 3650).map(|days| 24 * days);
                let hours = days.or_else(|| count_of(&time, 'h', 24 * 3650)).ok_or_else(|| {
                    wrong_time("[remind]", tier, &time, "hours or days", "\"12h\" or \"2d\"")
                })?;
                remind_after.insert(tier, SignedDuration::from_hours(i64::from(hours)));
            }
        }
        Ok(Self {
            mode,
            context,
            approvers: stored.approvers.unwrap_or_default(),
            reply,
            deny: stored.recipients.deny.unwrap_or_default(),
            body_bytes_max: stored.limits.body_bytes_max.or(DEFAULTS.limits.body_bytes_max).unwrap_or(0),
            sends_per_hour_max: stored
                .limits
                .sends_per_hour_max
                .or(DEFAULTS.limits.sends_per_hour_max)
                .unwrap_or(0),
            escalate_words: stored.escalate_when.words.unwrap_or_default(),
            confidence_below: stored.raise_when.confidence_below.unwrap_or(Confidence::NONE),
            links,
            labels,
            tiers: merged(&DEFAULTS.tiers, stored.tiers),
            gates,
            undo_seconds: merged(&DEFAULTS.undo_seconds, stored.undo_seconds),
            expire_days,
            remind_after,
        })
    }

    /// Says which entry of a list is none, and on which line.
    fn wrong_entry(&self, path: &str, file: &str) -> Option<FileError> {
        let shown = |entry: &str| text::one_line(entry, 80);
        let error = |section: &str, key: &str, entry: &str, what: String, hint: &str| {
            let error = FileError::new(path, what).with_hint(hint);
            error.at(line_of_entry(file, section, key, entry))
        };
        if let Some(approver) = self.approvers.iter().find(|approver| !is_committer(approver)) {
            let what = format!("`{}` is no address of a committer", shown(approver));
            let hint = "write the whole address of one, as in `git log --format=%ce`: \"kim@example.com\"";
            return Some(error("", "approvers", approver, what, hint));
        }
        if let Some(pattern) = self.deny.iter().find(|pattern| !is_pattern(pattern)) {
            let what = format!("`{}` matches no address", shown(pattern));
            let hint = "write an address, or a pattern such as \"*@example.com\"";
            return Some(error("[recipients]", "deny", pattern, what, hint));
        }
        let word = self.escalate_words.iter().find(|word| word.trim().is_empty())?;
        let what = "a word is empty".to_owned();
        Some(error("[escalate_when]", "words", word, what, "write a word, or take it out"))
    }

    /// Returns how grave an action is; high where the policy does not say.
    pub fn tier(&self, action: Action) -> Tier {
        self.tiers.get(&action).copied().unwrap_or(Tier::High)
    }

    /// Returns what a tier asks for; a signed approval where the policy does not say.
    pub fn gate(&self, tier: Tier) -> Gate {
        self.gates.get(&tier).copied().unwrap_or(Gate::ApproveSigned)
    }

    /// Returns how many seconds an approval of this tier waits before it is sent.
    pub fn undo_seconds(&self, tier: Tier) -> u32 {
        self.undo_seconds.get(&tier).copied().unwrap_or(0)
    }

    /// Returns after how many days an untouched draft of this tier expires, if it does.
    pub fn expire_days(&self, tier: Tier) -> Option<u32> {
        self.expire_days.get(&tier).copied()
    }

    /// Returns how long a draft of this tier may wait before it is spoken of again, and how long after
    /// that it is spoken of once more; none where nobody wants to be reminded.
    pub fn remind_after(&self, tier: Tier) -> Option<SignedDuration> {
        self.remind_after.get(&tier).copied()
    }

    fn denies(&self, address: &Address) -> bool {
        self.deny.iter().any(|pattern| matches_pattern(&address.email, pattern))
    }
}

/// What is wrong or remarkable about a plan or a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The policy has no such action, or this program cannot do it yet.
    ActionNotAllowed(Action),
    /// A reply with nothing in it.
    EmptyBody,
    /// Longer than the policy allows.
    BodyTooLong {
        /// Its bytes.
        bytes: usize,
        /// The most bytes.
        bytes_max: usize,
    },
    /// Nothing to create.
    NoTask,
    /// A label of a task that is not on the policy's list.
    UnknownLabel(String),
    /// A key that says something only about an answer.
    OnlyForAnswers(&'static str),
    /// Nobody to answer to.
    NoRecipient,
    /// The policy forbids writing to this address.
    RecipientDenied(String),
    /// A recipient that the answered message does not name.
    Stranger(String),
    /// Nothing in the subject.
    EmptySubject,
    /// A word of an unfinished text.
    Placeholder(String),
    /// A character that nobody can see.
    HiddenCharacter(char),
    /// It says that something is attached, and nothing is.
    NothingAttached,
    /// The brain itself is not sure enough.
    Unsure(Confidence),
    /// Something that was noted in the message, or that one of the built-in classes says.
    Noted(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::ActionNotAllowed(action) => write!(f, "action `{action}` is not allowed"),
            Finding::EmptyBody => f.write_str("the answer is empty"),
            Finding::BodyTooLong { bytes, bytes_max } => {
                write!(f, "the answer has {bytes} bytes, and {bytes_max} are allowed")
            }
            Finding::NoTask => f.write_str("there is no task"),
            Finding::UnknownLabel(label) => write!(f, "the label `{label}` is not on the policy's list"),
            Finding::OnlyForAnswers(key) => {
                write!(f, "`{key}` is for answers, and nobody is written to by this")
            }
            Finding::NoRecipient => f.write_str("there is nobody to answer to"),
            Finding::RecipientDenied(email) => write!(f, "the policy forbids writing to {email}"),
            Finding::Stranger(email) => write!(f, "recipient is new: {email}"),
            Finding::EmptySubject => f.write_str("the subject is empty"),
            Finding::Placeholder(word) => write!(f, "`{word}` still stands in the text"),
            Finding::HiddenCharacter(c) => {
                write!(f, "a hidden character, U+{:04X}, is in the text", u32::from(*c))
            }
            Finding::NothingAttached => f.write_str("it speaks of an attachment, and there is none"),
            Finding::Unsure(confidence) => write!(f, "the brain is not sure ({confidence})"),
            Finding::Noted(text) => f.write_str(text),
        }
    }
}

/// What may become of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A draft, with its tier and what a person should know.
    Drafted {
        /// How grave it is.
        tier: Tier,
        /// What a person should know.
        findings: Vec<Finding>,
    },
    /// No draft of this plan; the message goes to a person.
    Refused {
        /// Why.
        findings: Vec<Finding>,
    },
}

/// Whom an answer goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// RFC 5322 `To`.
    pub to: Vec<Address>,
    /// RFC 5322 `Cc`.
    pub cc: Vec<Address>,
}

/// Returns whom the answer to a message goes to: the envelope decides, and nothing else.
///
/// `Reply-To` before `From` (RFC 5322, 3.6.2); with `reply = "all"` the other addressees as `Cc`;
/// never ourselves, and nobody twice.
pub fn recipients(policy: &Policy, message: &Message, ours: &[Address]) -> Recipients {
    let named =
        if message.reply_to.is_empty() { std::slice::from_ref(&message.from) } else { &message.reply_to[..] };
    let mut chosen = Recipients::default();
    let fresh = |known: &[&[Address]], address: &Address| {
        !address.email.is_empty()
            && !ours.iter().any(|our| our.same_mailbox(address))
            && !known.iter().any(|list| list.iter().any(|other| other.same_mailbox(address)))
    };
    for address in named {
        if fresh(&[&chosen.to], address) && Address::parse(&address.to_string()).is_some() {
            chosen.to.push(address.clone());
        }
    }
    if policy.reply == ReplyTo::All {
        for address in message.to.iter().chain(&message.cc) {
            if fresh(&[&chosen.to, &chosen.cc], address) && Address::parse(&address.to_string()).is_some() {
                chosen.cc.push(address.clone());
            }
        }
    }
    chosen
}

/// Returns the verdict on a plan, with every finding and not only the first.
///
/// `noted` is what the built-in classes and the scanner say about message and plan: with any of them
/// no brain's answer becomes a draft. `route_tier` may raise the tier, never lower it.
pub fn judge(
    policy: &Policy,
    message: &Message,
    plan: &Plan,
    recipients: &Recipients,
    noted: &[String],
    route_tier: Option<Tier>,
) -> Verdict {
    let mut findings: Vec<Finding> = noted.iter().cloned().map(Finding::Noted).collect();
    match plan.action {
        Action::Reply | Action::RouteAnswer => {
            if plan.body.trim().is_empty() {
                findings.push(Finding::EmptyBody);
            }
            if plan.body.len() > policy.body_bytes_max {
                findings
                    .push(Finding::BodyTooLong { bytes: plan.body.len(), bytes_max: policy.body_bytes_max });
            }
            if recipients.to.is_empty() {
                findings.push(Finding::NoRecipient);
            }
            for address in recipients.to.iter().chain(&recipients.cc).filter(|address| policy.denies(address))
            {
                findings.push(Finding::RecipientDenied(address.email.clone()));
            }
        }
        Action::Issue | Action::Patch => {
            let body = plan.draft_body();
            if plan.action == Action::Issue && plan.tasks.is_empty() {
                findings.push(Finding::NoTask);
            } else if body.trim().is_empty() {
                findings.push(Finding::EmptyBody);
            }
            if body.len() > policy.body_bytes_max {
                findings.push(Finding::BodyTooLong { bytes: body.len(), bytes_max: policy.body_bytes_max });
            }
        }
        Action::Escalate => {}
        action @ (Action::Note | Action::MarkRead | Action::Run | Action::Ignore) => {
            findings.push(Finding::ActionNotAllowed(action));
        }
    }
    let escalated = plan.action == Action::Escalate;
    if !findings.is_empty() && !escalated {
        return Verdict::Refused { findings };
    }
    // A person may answer an escalation in place; then it is a reply.
    let action = if escalated { Action::Reply } else { plan.action };
    let mut tier = policy.tier(action).max(route_tier.unwrap_or(Tier::Low));
    if !escalated && plan.confidence < policy.confidence_below {
        findings.push(Finding::Unsure(plan.confidence));
    }
    if !message.findings.is_empty() || !findings.is_empty() {
        tier = raised(tier);
    }
    findings.extend(message.findings.iter().cloned().map(Finding::Noted));
    Verdict::Drafted { tier, findings }
}

/// Returns what keeps an approved draft from being sent under this policy, every reason.
///
/// `envelope` is whom the answered message names; a recipient beyond it is a [`Finding::Stranger`],
/// which raises the tier ([`tier_to_send`]) and is not a reason here.
pub fn obstacles(policy: &Policy, draft: &Draft) -> Vec<Finding> {
    let mut found = match draft.effective_action() {
        Action::Reply | Action::RouteAnswer => obstacles_of_an_answer(policy, draft),
        Action::Issue => {
            let title = draft.tasks.iter().find_map(|task| unfinished::placeholder(&task.title));
            let word = unfinished::placeholder(&draft.body).or(title);
            only_for_answers(draft).into_iter().chain(word.map(Finding::Placeholder)).collect()
        }
        // A file may hold any word: the catalogue has templates.
        Action::Patch => only_for_answers(draft),
        action @ (Action::Note | Action::MarkRead | Action::Run | Action::Escalate | Action::Ignore) => {
            vec![Finding::ActionNotAllowed(action)]
        }
    };
    if draft.body.trim().is_empty() {
        found.push(Finding::EmptyBody);
    }
    if draft.body.len() > policy.body_bytes_max {
        found.push(Finding::BodyTooLong { bytes: draft.body.len(), bytes_max: policy.body_bytes_max });
    }
    if let Some(hidden) =
        draft.body.chars().find(|c| text::is_hidden(*c) && !matches!(c, '\u{200c}' | '\u{200d}'))
    {
        found.push(Finding::HiddenCharacter(hidden));
    }
    found
}

fn obstacles_of_an_answer(policy: &Policy, draft: &Draft) -> Vec<Finding> {
    let mut found = Vec::new();
    if draft.to.is_empty() {
        found.push(Finding::NoRecipient);
    }
    for address in draft.to.iter().chain(&draft.cc).filter(|address| policy.denies(address)) {
        found.push(Finding::RecipientDenied(address.email.clone()));
    }
    if draft.subject.trim().is_empty() {
        found.push(Finding::EmptySubject);
    }
    if let Some(word) =
        unfinished::placeholder(&draft.body).or_else(|| unfinished::placeholder(&draft.subject))
    {
        found.push(Finding::Placeholder(word));
    }
    if draft.attach.is_empty() && unfinished::promises_attachment(&draft.body) {
        found.push(Finding::NothingAttached);
    }
    found
}

/// Returns the keys that a person filled in although nobody is written to: what they meant is not what
/// would happen.
fn only_for_answers(draft: &Draft) -> Vec<Finding> {
    let keys =
        [("to", draft.to.is_empty()), ("cc", draft.cc.is_empty()), ("attach", draft.attach.is_empty())];
    keys.into_iter().filter(|(_, empty)| !empty).map(|(key, _)| Finding::OnlyForAnswers(key)).collect()
}

/// Returns the labels of tasks that are not on the policy's list, each once.
///
/// The list says what there is, and is no gate: only the policy in force is asked.
pub fn unknown_labels(policy: &Policy, tasks: &[Task]) -> Vec<String> {
    let mut unknown: Vec<String> = Vec::new();
    for label in tasks.iter().flat_map(|task| &task.labels) {
        if !policy.labels.contains(label) && !unknown.contains(label) {
            unknown.push(label.clone());
        }
    }
    unknown
}

/// Returns the recipients of a draft whom the answered message does not name.
pub fn strangers(draft: &Draft, envelope: &Recipients) -> Vec<Finding> {
    stranger_addresses(draft, &envelope.to, &envelope.cc)
        .into_iter()
        .map(|address| Finding::Stranger(address.email.clone()))
        .collect()
}

/// Returns the addresses of the recipients of a draft who are neither in `to` nor in `cc` of its envelope.
pub fn stranger_addresses<'d>(draft: &'d Draft, to: &[Address], cc: &[Address]) -> Vec<&'d Address> {
    let known = |address: &Address| to.iter().chain(cc).any(|other| other.same_mailbox(address));
    draft.to.iter().chain(&draft.cc).filter(|address| !known(address)).collect()
}

/// Returns the tier by which an approved draft is gated: its own, the policies' now, raised by a
/// stranger among the recipients; never milder than any of them.
pub fn tier_to_send(policies: &[&Policy], draft: &Draft, has_strangers: bool) -> Tier {
    let action = draft.effective_action();
    let judged = policies.iter().map(|policy| policy.tier(action)).max().unwrap_or(Tier::High);
    let tier = draft.machine.tier.max(judged);
    if has_strangers { raised(tier) } else { tier }
}

/// Returns the strictest gate that any of the policies asks for.
pub fn strictest_gate(policies: &[&Policy], tier: Tier) -> Gate {
    policies.iter().map(|policy| policy.gate(tier)).max().unwrap_or(Gate::ApproveSigned)
}

/// Tells whether a committer may approve under all of the policies; `owner` owns this clone.
pub fn may_approve(policies: &[&Policy], email: &str, owner: Option<&str>) -> bool {
    policies.iter().all(|policy| {
        if policy.approvers.is_empty() {
            owner.is_some_and(|owner| owner.eq_ignore_ascii_case(email))
        } else {
            policy.approvers.iter().any(|approver| approver.eq_ignore_ascii_case(email))
        }
    })
}

/// Names those who may approve under all of the policies; `owner` owns this clone.
pub fn approvers(policies: &[&Policy], owner: Option<&str>) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for email in policies.iter().flat_map(|policy| &policy.approvers).map(String::as_str).chain(owner) {
        let is_named = named.iter().any(|other| other.eq_ignore_ascii_case(email));
        if !is_named && may_approve(policies, email, owner) {
            named.push(email.to_owned());
        }
    }
    named
}

/// Returns the next graver tier.
pub fn raised(tier: Tier) -> Tier {
    match tier {
        Tier::Low => Tier::Medium,
        Tier::Medium | Tier::High => Tier::High,
    }
}

/// Matches an address against a pattern in which `*` stands for anything, without regard to case.
fn matches_pattern(email: &str, pattern: &str) -> bool {
    // A domain with a dot at its end is the same domain.
    let (email, pattern) = (email.trim_end_matches('.').to_lowercase(), pattern.to_lowercase());
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = email.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Tells whether an address can be a committer's: something stands on both sides of one `@`, and nothing that git
/// leaves out.
fn is_committer(email: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '*' | ',');
    Address::new("", email).is_mail() && !email.contains(is_odd)
}

/// Tells whether any address can match a pattern: it has one `@` at most, with something on both sides, and no
/// white space. An agent's name has none.
fn is_pattern(pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('@').collect();
    parts.len() <= 2 && parts.iter().all(|part| !part.is_empty()) && !pattern.contains(char::is_whitespace)
}

/// Reads `14d` as 14, for a count from 1 to `most`.
fn count_of(time: &str, unit: char, most: u32) -> Option<u32> {
    time.strip_suffix(unit)?.parse().ok().filter(|count| (1..=most).contains(count))
}

/// Returns the line of a key in a section of a file, counted from 1.
fn line_in(file: &str, section: &str, key: &str) -> Option<usize> {
    let mut lines = file.lines().enumerate().skip_while(|(_, line)| line.trim() != section).skip(1);
    lines
        .find(|(_, line)| line.trim_start().starts_with(key) || line.trim_start().starts_with('['))
        .filter(|(_, line)| line.trim_start().starts_with(key))
        .map(|(index, _)| index + 1)
}

/// Returns the line of an entry of a list in a section of a file, or that of the list; at the top of the file the
/// section is empty.
fn line_of_entry(file: &str, section: &str, key: &str, entry: &str) -> Option<usize> {
    let list = match section {
        "" => file.lines().position(|line| line.trim_start().starts_with(key)).map(|index| index + 1),
        _ => line_in(file, section, key),
    }?;
    let quoted = text::toml_string(entry);
    let of_entry = file.lines().skip(list - 1).position(|line| line.contains(&quoted));
    Some(of_entry.map_or(list, |index| list + index))
}

fn merged<K: Copy + Ord, V: Clone>(defaults: &BTreeMap<K, V>, mut stored: BTreeMap<K, V>) -> BTreeMap<K, V> {
    for (key, value) in defaults {
        stored.entry(*key).or_insert_with(|| value.clone());
    }
    stored
}

/// What the template says.
static DEFAULTS: LazyLock<Stored> =
    LazyLock::new(|| toml::from_str(DEFAULT).expect("the template is tested"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    mode: Option<String>,
    context: Option<String>,
    approvers: Option<Vec<String>>,
    #[serde(default)]
    tiers: BTreeMap<Action, Tier>,
    #[serde(default)]
    gates: BTreeMap<Tier, Gate>,
    #[serde(default)]
    undo_seconds: BTreeMap<Tier, u32>,
    #[serde(default)]
    expire: BTreeMap<Tier, String>,
    #[serde(default)]
    remind: BTreeMap<Tier, String>,
    #[serde(default)]
    recipients: StoredRecipients,
    #[serde(default)]
    limits: StoredLimits,
    #[serde(default)]
    escalate_when: StoredEscalateWhen,
    #[serde(default)]
    raise_when: StoredRaiseWhen,
    #[serde(default)]
    links: StoredLinks,
    #[serde(default)]
    issues: StoredIssues,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredIssues {
    labels: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLinks {
    allow: Option<Vec<String>>,
    strict: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRecipients {
    deny: Option<Vec<String>>,
    reply: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLimits {
    body_bytes_max: Option<usize>,
    sends_per_hour_max: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEscalateWhen {
    words: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRaiseWhen {
    confidence_below: Option<Confidence>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Machine;
    use crate::error::Hint;

    fn policy(file: &str) -> Policy {
        Policy::parse(FILE, &format!("version = 1\n{file}")).unwrap()
    }

    fn message() -> Message {
        Message {
            from: Address::new("Ada", "ada@example.org"),
            to: vec![Address::new("Sam", "sam@example.com"), Address::new("Kim", "kim@example.com")],
            ..Message::default()
        }
    }

    fn plan(action: Action, body: &str) -> Plan {
        Plan {
            action,
            body: body.to_owned(),
            confidence: Confidence::new(1.0).unwrap(),
            ..Plan::escalate("")
        }
    }

    fn check(policy_file: &str, plan: &Plan, noted: &[&str], verdict: &str) {
        let policy = policy(policy_file);
        let ours = [Address::new("Sam", "sam@example.com")];
        let recipients = recipients(&policy, &message(), &ours);
        let noted: Vec<String> = noted.iter().map(|&text| text.to_owned()).collect();
        let shown = match judge(&policy, &message(), plan, &recipients, &noted, None) {
            Verdict::Drafted { tier, findings } => format!("{tier}: {}", listed(&findings)),
            Verdict::Refused { findings } => format!("refused: {}", listed(&findings)),
        };
        assert_eq!(shown, verdict);
    }

    fn listed(findings: &[Finding]) -> String {
        findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn the_template_is_the_built_in_policy() {
        assert_eq!(Policy::built_in(), policy(""));
    }

    #[test]
    fn a_desk_without_signers_asks_for_no_signatures_and_says_so_in_its_file() {
        let without = policy(&without_signatures().replace("version = 1\n", ""));
        assert_eq!(Policy::built_in().gate(Tier::High), Gate::ApproveSigned);
        assert_eq!(without.gate(Tier::High), Gate::Approve);
        let mut high = Policy::built_in();
        high.gates.insert(Tier::High, Gate::Approve);
        assert_eq!(without, high);
    }

    #[test]
    fn little_confidence_makes_a_plan_graver_and_much_of_it_makes_none_milder() {
        let plan = |action, confidence| Plan {
            confidence: Confidence::new(confidence).unwrap(),
            ..plan(action, if action == Action::Escalate { "" } else { "Hello" })
        };
        let raise = "[raise_when]\nconfidence_below = 0.7";
        check(raise, &plan(Action::Reply, 0.69), &[], "high: the brain is not sure (0.69)");
        check(raise, &plan(Action::RouteAnswer, 0.0), &[], "medium: the brain is not sure (0.00)");
        check(raise, &plan(Action::Reply, 0.7), &[], "medium: ");
        check(raise, &plan(Action::Escalate, 0.0), &[], "medium: ");
        for confidence in [0.0, 1.0] {
            check("", &plan(Action::Reply, confidence), &[], "medium: ");
            check("[tiers]\nreply = \"high\"", &plan(Action::Reply, confidence), &[], "high: ");
        }
        let file = "version = 1\n[raise_when]\nconfidence_below = 1.1\n";
        assert!(Policy::parse(FILE, file).unwrap_err().to_string().starts_with("drafts.toml:3: "));
    }

    #[test]
    fn a_plan_is_judged_by_the_policy_and_never_by_its_confidence() {
        check("", &plan(Action::Reply, "Hello"), &[], "medium: ");
        check("", &plan(Action::RouteAnswer, "Hello"), &[], "low: ");
        check("", &plan(Action::Reply, "  "), &[], "refused: the answer is empty");
        check(
            "[limits]\nbody_bytes_max = 3",
            &plan(Action::Reply, "Hello"),
            &[],
            "refused: the answer has 5 bytes, and 3 are allowed",
        );
        check(
            "[recipients]\ndeny = [\"*@example.org\"]",
            &plan(Action::Reply, "x"),
            &[],
            "refused: the policy forbids writing to ada@example.org",
        );
        check("", &plan(Action::Run, "x"), &[], "refused: action `run` is not allowed");
        check("", &plan(Action::Escalate, ""), &[], "medium: ");
    }

    #[test]
    fn what_no_brain_may_answer_becomes_an_escalation() {
        check(
            "",
            &plan(Action::Reply, "Here it is"),
            &["asks for a credential"],
            "refused: asks for a credential",
        );
        check("", &plan(Action::Escalate, ""), &["asks for a credential"], "high: asks for a credential");
    }

    #[test]
    fn tasks_and_changes_are_judged_without_recipients() {
        let tasks = |labels: &[&str]| {
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            let (key, title) = ("a".to_owned(), "A".to_owned());
            vec![Task { key, title, body: "x".to_owned(), labels, depends_on: Vec::new() }]
        };
        let issue = |labels: &[&str]| Plan { tasks: tasks(labels), ..plan(Action::Issue, "") };
        check("", &issue(&[]), &[], "medium: ");
        check("[recipients]\ndeny = [\"*@example.org\"]", &issue(&[]), &[], "medium: ");
        check("", &plan(Action::Issue, ""), &[], "refused: there is no task");
        check(
            "[limits]\nbody_bytes_max = 9",
            &issue(&[]),
            &[],
            "refused: the answer has 13 bytes, and 9 are allowed",
        );
        check("", &issue(&[]), &["asks for a credential"], "refused: asks for a credential");
        check("", &plan(Action::Patch, "--- a/x"), &[], "high: ");
        check("", &plan(Action::Patch, " "), &[], "refused: the answer is empty");

        let policy = policy("[issues]\nlabels = [\"bug\"]");
        assert_eq!(unknown_labels(&policy, &tasks(&["bug", "Bug", "p0", "p0"])), ["Bug", "p0"]);
        let draft = |action, body: &str| {
            let machine = Machine { action, ..table::draft(Tier::Low).machine };
            Draft { body: body.to_owned(), machine, ..table::draft(Tier::Low) }
        };
        let found = |draft: &Draft| listed(&obstacles(&policy, draft));
        let issue = Draft { tasks: tasks(&["p0"]), ..draft(Action::Issue, "## Task: a\n\nsee attached") };
        assert_eq!(found(&issue), "");
        let to = vec![Address::new("", "ada@example.org")];
        assert_eq!(
            found(&Draft { to, attach: vec!["x".to_owned()], ..issue.clone() }),
            "`to` is for answers, and nobody is written to by this; `attach` is for answers, and nobody is written to by this"
        );
        assert_eq!(found(&draft(Action::Issue, "## Task: a\n\nEDITME")), "`EDITME` still stands in the text");
        assert_eq!(found(&draft(Action::Patch, "+ EDITME {{ name }}")), "");
        assert_eq!(
            found(&draft(Action::Patch, "+ a\u{202e}b")),
            "a hidden character, U+202E, is in the text"
        );
    }

    #[test]
    fn an_action_without_a_tier_is_high() {
        assert_eq!(Policy::built_in().tier(Action::Run), Tier::High);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (file, wrong, hint) in [
            (
                "version = 2",
                "drafts.toml:1: version 2 is newer than this program, which reads version 1",
                "install a newer git-drafts",
            ),
            ("version = 1\nmode = \"pr\"", "drafts.toml:2: unknown mode `pr`", "it is `commit` or `merge`"),
            (
                "version = 1\n[gates]\nlow = \"auto\"",
                "drafts.toml:2: the gate `auto` is not supported: nothing is sent without a person",
                "use `approve`",
            ),
            (
                "version = 1\n[tiers]\nreply = \"mild\"",
                "drafts.toml:3: unknown tier `mild`",
                "it can be `low`, `medium`, `high`",
            ),
            (
                "version = 1\naprovers = []",
                "drafts.toml:2: unknown key `aprovers`",
                "did you mean `approvers`?",
            ),
            (
                "version = 1\n[links]\nallow = [\"docs.example.com\"]",
                "drafts.toml:3: `docs.example.com` is no beginning of a link",
                "write \"https://docs.example.com/\", \"https://example.com/help/\" or \"mailto:help@example.com\"",
            ),
            (
                "version = 1\n[expire]\nlow = \"soon\"",
                "drafts.toml:3: `soon` is not a number of days",
                "write it as \"14d\", or \"never\"",
            ),
            (
                "version = 1\n[issues]\nlabels = [\"bug\", \"\"]",
                "drafts.toml:3: `` is no label",
                "a label is one line of 1 to 50 characters",
            ),
            (
                "version = 1\napprovers = [\n\"kim@example.com\",\n\"sam.example.com\",\n]",
                "drafts.toml:4: `sam.example.com` is no address of a committer",
                "write the whole address of one, as in `git log --format=%ce`: \"kim@example.com\"",
            ),
            (
                "version = 1\napprovers = [\"*@example.com\"]",
                "drafts.toml:2: `*@example.com` is no address of a committer",
                "write the whole address of one, as in `git log --format=%ce`: \"kim@example.com\"",
            ),
            (
                "version = 1\n[recipients]\ndeny = [\"*@y\", \"*@@x\"]",
                "drafts.toml:3: `*@@x` matches no address",
                "write an address, or a pattern such as \"*@example.com\"",
            ),
            (
                "version = 1\n[escalate_when]\nwords = [\"contract\", \" \"]",
                "drafts.toml:3: a word is empty",
                "write a word, or take it out",
            ),
        ] {
            let error = Policy::parse(FILE, file).unwrap_err();
            assert_eq!(error.to_string(), wrong);
            assert_eq!(error.hint().unwrap_or_default(), hint);
        }
    }

    #[test]
    fn every_pattern_that_can_match_an_address_is_taken() {
        for entry in ["*", "*@example.com", "ada@*", "bot-*", "*@*.example", "ada@localhost"] {
            assert_eq!(policy(&format!("[recipients]\ndeny = [\"{entry}\"]")).deny, [entry]);
        }
    }

    #[test]
    fn an_entry_that_is_refused_today_does_not_hold_the_drafts_of_its_day() {
        let file = "version = 1\n[escalate_when]\nwords = [\"\"]\n";
        assert!(Policy::parse(FILE, file).is_err());
        assert_eq!(Policy::of_its_day(FILE, file).unwrap().escalate_words, [""]);
    }

    #[test]
    fn the_stricter_policy_wins() {
        let loose = policy(
            "approvers = [\"sam@example.com\", \"kim@example.com\"]\n[tiers]\nreply = \"low\"\n[gates]\nlow = \"approve\"",
        );
        let strict = policy("approvers = [\"sam@example.com\"]\n[gates]\nlow = \"approve_signed\"");
        for both in [[&loose, &strict], [&strict, &loose]] {
            assert_eq!(strictest_gate(&both, Tier::Low), Gate::ApproveSigned);
            assert!(may_approve(&both, "Sam@Example.com", None));
            assert!(!may_approve(&both, "kim@example.com", None));
        }
    }

    #[test]
    fn an_empty_list_of_approvers_means_the_owner_and_nobody_else() {
        let policy = Policy::built_in();
        assert!(may_approve(&[&policy], "sam@example.com", Some("sam@example.com")));
        assert!(!may_approve(&[&policy], "kim@example.com", Some("sam@example.com")));
        assert!(!may_approve(&[&policy], "kim@example.com", None));
    }

    #[test]
    fn answers_go_where_the_envelope_says() {
        let ours = [Address::new("", "sam@example.com")];
        let mut message = message();
        assert_eq!(recipients(&policy(""), &message, &ours).to, [message.from.clone()]);
        let all = recipients(&policy("[recipients]\nreply = \"all\""), &message, &ours);
        assert_eq!(all.cc, [Address::new("Kim", "kim@example.com")]);
        message.reply_to = vec![Address::new("", "desk@example.org"), Address::new("", "DESK@example.org")];
        assert_eq!(recipients(&policy(""), &message, &ours).to, [Address::new("", "desk@example.org")]);
        message.reply_to = vec![ours[0].clone()];
        assert_eq!(recipients(&policy(""), &message, &ours).to, []);
    }

    #[test]
    fn patterns_match_whole_addresses() {
        for (email, pattern, matches) in [
            ("a@internal.example", "*@internal.example", true),
            ("a@internal.example.", "*@internal.example", true),
            ("a@internal.example.org", "*@internal.example", false),
            ("A@B.c", "a@b.C", true),
            ("a@b.c", "", false),
            ("bot-7@x.example", "bot-*@*.example", true),
        ] {
            assert_eq!(matches_pattern(email, pattern), matches, "{email} {pattern}");
        }
    }
}
