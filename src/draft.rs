//! The draft file: what a person reads, edits and approves.
//!
//! TOML front matter between two `+++` lines, the answer in Markdown, git's scissors line, and below
//! it the message that is answered, quoted. See `docs/draft-format.md`.
//!
//! Written by a writer of our own, because text from outside must never be able to end a string, a
//! fence or the answer; read strictly, because an unclear draft must never be sent.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use crate::error::FileError;
use crate::id::DraftId;
use crate::message::{Address, Message};
use crate::patch;
use crate::plan::{Action, Confidence, Tier};
use crate::task::{self, Flaw, Task};
use crate::text::{self, toml_string, toml_strings};
use crate::version;

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

/// The fence around the front matter, a whole line.
pub const FENCE: &str = "+++";

/// The line that ends the answer: git's own scissors line.
pub const SCISSORS: &str = "------------------------ >8 ------------------------";

/// How git begins the lines that it puts into a file with a conflict.
const CONFLICT_MARKERS: [&str; 3] = ["<<<<<<< ", "||||||| ", ">>>>>>> "];

/// The most bytes of a draft file that are read.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A person's decision, the word in line 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits for a person.
    Draft,
    /// A person wants exactly this sent.
    Approved,
}

impl Status {
    /// Returns the word as it stands in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Approved => "approved",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The keys that only the machine writes, the table `[draft]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The draft's id.
    pub id: DraftId,
    /// What is to be done.
    pub action: Action,
    /// The source of the answered message, by its name in the wiring.
    pub source: String,
    /// The id of the answered message.
    pub answers: String,
    /// How grave it is.
    pub tier: Tier,
    /// How sure the brain said it was, to two decimals.
    pub confidence: Confidence,
    /// One sentence of the brain's, one line.
    pub why: String,
    /// What a person should know before approving.
    pub findings: Vec<String>,
}

/// A draft as its file says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The decision.
    pub status: Status,
    /// The recipients.
    pub to: Vec<Address>,
    /// The other recipients.
    pub cc: Vec<Address>,
    /// The subject, one line.
    pub subject: String,
    /// Not before this time.
    pub send_after: Option<Timestamp>,
    /// Paths of committed files that go along.
    pub attach: Vec<String>,
    /// The tasks of an `issue`, with their texts out of the body; otherwise none.
    pub tasks: Vec<Task>,
    /// The machine's keys.
    pub machine: Machine,
    /// The answer, in Markdown, without blank lines around it; otherwise exactly as it was written.
    pub body: String,
    /// What stands below the scissors line; never sent.
    pub context: String,
}

impl Draft {
    /// Returns the draft's id.
    pub fn id(&self) -> &DraftId {
        &self.machine.id
    }

    /// Returns the name that the machine gives the file: `kqzmwvst-re-invoice-for-october.md`.
    pub fn file_name(&self) -> String {
        let slug = text::slug(&self.subject, 40);
        if slug.is_empty() { format!("{}.md", self.id()) } else { format!("{}-{slug}.md", self.id()) }
    }

    /// Returns the same name with a number at its end: `kqzmwvst-re-invoice-for-october-2.md`.
    pub fn numbered_file_name(&self, number: usize) -> String {
        format!("{}-{number}.md", self.file_name().trim_end_matches(".md"))
    }

    /// Returns what will be done when this is approved: an escalation that a person answered is a reply.
    pub fn effective_action(&self) -> Action {
        match self.machine.action {
            Action::Escalate => Action::Reply,
            action => action,
        }
    }

    /// Returns whom or what it goes to, for people; empty where nobody is named.
    pub fn goes_to(&self) -> String {
        match self.machine.action {
            Action::Issue if self.tasks.len() == 1 => "1 task".to_owned(),
            Action::Issue => format!("{} tasks", self.tasks.len()),
            Action::Patch => patch::named(&self.body).unwrap_or_default(),
            Action::Reply
            | Action::RouteAnswer
            | Action::Note
            | Action::MarkRead
            | Action::Run
            | Action::Escalate
            | Action::Ignore => self.to.first().map(|address| address.shown().to_owned()).unwrap_or_default(),
        }
    }

    /// Writes the file.
    pub fn render(&self) -> String {
        let mut file = format!("{FENCE}\nstatus = {}\n", toml_string(self.status.as_str()));
        let addresses =
            |list: &[Address]| toml_strings(&list.iter().map(Address::to_string).collect::<Vec<_>>());
        file.push_str(&format!("to = {}\n", addresses(&self.to)));
        if !self.cc.is_empty() {
            file.push_str(&format!("cc = {}\n", addresses(&self.cc)));
        }
        file.push_str(&format!("subject = {}\n", toml_string(&self.subject)));
        if let Some(time) = self.send_after {
            file.push_str(&format!("send_after = {}\n", toml_string(&time.to_string())));
        }
        if !self.attach.is_empty() {
            file.push_str(&format!("attach = {}\n", toml_strings(&self.attach)));
        }
        for task in &self.tasks {
            file.push_str(&format!(
                "\n[[task]]\nkey = {}\ntitle = {}\nlabels = {}\ndepends_on = {}\n",
                toml_string(&task.key),
                toml_string(&task.title),
                toml_strings(&task.labels),
                toml_strings(&task.depends_on),
            ));
        }
        let machine = &self.machine;
        file.push_str(&format!(
            "\n[draft]\nversion = {VERSION}\nid = {}\naction = {}\nsource = {}\nanswers = {}\ntier = {}\nconfidence = {}\nwhy = {}\nfindings = {}\n{FENCE}\n",
            toml_string(machine.id.as_str()),
            toml_string(machine.action.as_str()),
            toml_string(&machine.source),
            toml_string(&machine.answers),
            toml_string(machine.tier.as_str()),
            machine.confidence,
            toml_string(&machine.why),
            toml_strings(&machine.findings),
        ));
        file.push_str(&format!("\n{}\n\n{SCISSORS}\n{}", self.body, self.context));
        file
    }

    /// Reads a file strictly; `path` is how errors name it.
    ///
    /// # Errors
    /// Everything that leaves a doubt about what is to be sent: a missing fence, an unknown or
    /// repeated key, a conflict marker, none or two scissors lines, an address that is none.
    pub fn parse(path: &str, file: &str) -> Result<Self, FileError> {
        let parts = Parts::of(path, file)?;
        let front: Front = toml::from_str(parts.front).map_err(|error| {
            version::newer(path, parts.front, 2, VERSION)
                .unwrap_or_else(|| FileError::from_toml(path, parts.front, 2, &error))
        })?;
        let wrong = |span: std::ops::Range<usize>, what: String| {
            FileError::new(path, what).at(2 + parts.front[..span.start].matches('\n').count())
        };
        let status = match front.status.get_ref().as_str() {
            "draft" => Status::Draft,
            "approved" => Status::Approved,
            other => {
                return Err(wrong(
                    front.status.span(),
                    format!("unknown status `{}`", text::one_line(other, 40)),
                )
                .with_hint("it is `draft` or `approved`"));
            }
        };
        let addresses = |list: Vec<Spanned<String>>| -> Result<Vec<Address>, FileError> {
            list.into_iter()
                .map(|item| {
                    Address::parse(item.get_ref()).ok_or_else(|| {
                        wrong(
                            item.span(),
                            format!("`{}` is not an address", text::one_line(item.get_ref(), 80)),
                        )
                        .with_hint("write one address an item: \"Ada Brown <ada@example.org>\"")
                    })
                })
                .collect()
        };
        let one_line = |item: Spanned<String>, key: &str| -> Result<String, FileError> {
            let hidden =
                item.get_ref().chars().any(|c| c == '\n' || c == '\t') || !text::is_visible(item.get_ref());
            if hidden {
                return Err(wrong(
                    item.span(),
                    format!("`{key}` has a line break or a hidden character in it"),
                ));
            }
            Ok(item.into_inner())
        };
        let send_after = match front.send_after {
            None => None,
            Some(item) => Some(item.get_ref().parse().map_err(|_| {
                wrong(item.span(), format!("`{}` is not a time", text::one_line(item.get_ref(), 40)))
                    .with_hint("write it as \"2026-11-23T08:00:00+01:00\"")
            })?),
        };
        if *front.draft.version.get_ref() != VERSION {
            let version = *front.draft.version.get_ref();
            let other = || {
                let what = format!("version {version} of the draft format is not known");
                wrong(front.draft.version.span(), what).with_hint(format!("the version is {VERSION}"))
            };
            return Err(version::newer(path, parts.front, 2, VERSION).unwrap_or_else(other));
        }
        let body = text::without_blank_edges(&with_line_feeds(parts.body)).to_owned();
        let tasks = tasks(path, &parts, front.draft.action, front.task, &body)?;
        Ok(Self {
            status,
            to: addresses(front.to)?,
            cc: addresses(front.cc)?,
            subject: one_line(front.subject, "subject")?,
            send_after,
            attach: front.attach,
            tasks,
            machine: Machine {
                id: front
                    .draft
                    .id
                    .get_ref()
                    .parse()
                    .map_err(|error: crate::id::NotAnId| wrong(front.draft.id.span(), error.to_string()))?,
                action: front.draft.action,
                source: front.draft.source,
                answers: front.draft.answers,
                tier: front.draft.tier,
                confidence: front.draft.confidence,
                why: front.draft.why,
                findings: front.draft.findings,
            },
            body,
            context: parts.context.to_owned(),
        })
    }
}

/// Returns the number of the line of a draft's file on which its body begins, from 1.
pub fn body_line(file: &str) -> usize {
    Parts::of("", file).map_or(1, |parts| parts.line_of_body())
}

/// Returns the text with another word in the status line, and nothing else changed.
///
/// # Errors
/// As [`Draft::parse`]: what cannot be read cannot be approved.
pub fn with_status(path: &str, file: &str, status: Status) -> Result<String, FileError> {
    Draft::parse(path, file)?;
    let parts = Parts::of(path, file)?;
    let front: Front =
        toml::from_str(parts.front).map_err(|error| FileError::from_toml(path, parts.front, 2, &error))?;
    let span = front.status.span();
    let offset = parts.front_start;
    Ok(format!(
        "{}{}{}",
        &file[..offset + span.start],
        toml_string(status.as_str()),
        &file[offset + span.end..]
    ))
}

/// Returns which machine keys differ from what was drafted, each with both values.
pub fn changed_machine_keys(drafted: &Machine, found: &Machine) -> Vec<String> {
    let mut changed = Vec::new();
    let mut compare = |key: &str, was: String, is: String| {
        if was != is {
            changed.push(format!("`{key}` was {was} and is {is}"));
        }
    };
    compare("id", toml_string(drafted.id.as_str()), toml_string(found.id.as_str()));
    compare("action", toml_string(drafted.action.as_str()), toml_string(found.action.as_str()));
    compare("source", toml_string(&drafted.source), toml_string(&found.source));
    compare("answers", toml_string(&drafted.answers), toml_string(&found.answers));
    compare("tier", toml_string(drafted.tier.as_str()), toml_string(found.tier.as_str()));
    compare("confidence", drafted.confidence.to_string(), found.confidence.to_string());
    compare("why", toml_string(&drafted.why), toml_string(&found.why));
    compare("findings", toml_strings(&drafted.findings), toml_strings(&found.findings));
    changed
}

/// Reads the tasks of a draft, with their texts out of its body.
fn tasks(
    path: &str,
    parts: &Parts<'_>,
    action: Action,
    written: Vec<Spanned<FrontTask>>,
    body: &str,
) -> Result<Vec<Task>, FileError> {
    let line_of = |start: usize| 2 + parts.front[..start].matches('\n').count();
    if action != Action::Issue {
        return match written.first() {
            None => Ok(Vec::new()),
            Some(task) => Err(FileError::new(path, format!("a draft with action `{action}` has no tasks"))
                .at(line_of(task.get_ref().key.span().start))),
        };
    }
    let lines: Vec<(usize, FrontTask)> = written
        .into_iter()
        .map(|task| (line_of(task.get_ref().key.span().start), task.into_inner()))
        .collect();
    let keys: Vec<&str> = lines.iter().map(|(_, task)| task.key.get_ref().as_str()).collect();
    // First the tables: without them nobody knows which headings there must be.
    let tables: Vec<Task> = lines.iter().map(|(_, task)| task.clone().with_text(String::new())).collect();
    let checked = |tasks: &[Task]| {
        task::in_order(tasks).map(|_| ()).map_err(|flaw| {
            let at = flaw.number().and_then(|number| lines.get(number - 1));
            let line = at.map(|(line, task)| match flaw {
                Flaw::Title(_) => line_of(task.title.span().start),
                Flaw::Labels(_) => task.labels.as_ref().map_or(*line, |labels| line_of(labels.span().start)),
                Flaw::DependsOn(_) | Flaw::Circle(_) => {
                    task.depends_on.as_ref().map_or(*line, |keys| line_of(keys.span().start))
                }
                Flaw::None | Flaw::TooMany | Flaw::Key(_) | Flaw::Twice(_) | Flaw::Body(_) => *line,
            });
            let error = FileError::new(path, flaw.to_string());
            error.at(line)
        })
    };
    checked(&tables)?;
    let texts = task::texts(body, &keys).map_err(|misplaced| {
        let error = FileError::new(path, misplaced.what)
            .with_hint(format!("each task has one section, under a line `{}` and its key", task::HEADING));
        match misplaced.line {
            Some(line) => error.at(parts.line_of_body() + line),
            None => error,
        }
    })?;
    let tasks: Vec<Task> =
        lines.iter().zip(texts).map(|((_, task), text)| task.clone().with_text(text)).collect();
    checked(&tasks)?;
    Ok(tasks)
}

/// Returns the first key of a task that was not drafted: what a key names may be created already, so it
/// is the machine's, and no task is added or called otherwise.
pub fn new_task_key<'f>(drafted: &Draft, found: &'f Draft) -> Option<&'f str> {
    let is_new = |task: &&Task| !drafted.tasks.iter().any(|known| known.key == task.key);
    found.tasks.iter().find(is_new).map(|task| task.key.as_str())
}

/// Returns the body as drafts keep it: visible, `\n` line ends, no blank lines around it, and no line
/// that could be taken for the scissors line or for a conflict.
pub fn canonical_body(body: &str) -> String {
    let visible = text::visible(body);
    let lines: Vec<String> = visible
        .lines()
        .map(|line| {
            let is_ours = line.trim_end() == SCISSORS || is_conflict_marker(line);
            if is_ours { format!(" {line}") } else { line.to_owned() }
        })
        .collect();
    text::without_blank_edges(&lines.join("\n")).to_owned()
}

fn is_conflict_marker(line: &str) -> bool {
    CONFLICT_MARKERS.iter().any(|marker| line.starts_with(marker))
}

/// Returns the text with `\n` for every line end, also for one that was turned into a Windows one twice.
fn with_line_feeds(text: &str) -> String {
    text.split('\n').map(|line| line.trim_end_matches('\r')).collect::<Vec<_>>().join("\n")
}

/// Writes what stands below the scissors line of a draft that answers `messages`, oldest first.
///
/// Every line of theirs is quoted, so that nothing in it can look like a fence, scissors or a key.
pub fn context(messages: &[&Message], needs_you: bool, bytes_max: usize) -> String {
    context_after("", messages, needs_you, bytes_max)
}

/// Returns what a context quotes: everything from its first message on.
pub fn quoted_part(context: &str) -> &str {
    context.find("\nFrom: ").map_or("", |start| &context[start..])
}

/// Writes a context whose first part is what older drafts of the thread quoted ([`quoted_part`]).
pub fn context_after(older: &str, messages: &[&Message], needs_you: bool, bytes_max: usize) -> String {
    let mut context = String::from(
        "Everything below this line is context and is never sent.\n\
         To send: set status to \"approved\" above and commit. To reject: delete this file and commit.\n",
    );
    if needs_you {
        context
            .push_str("NEEDS YOU: there is no answer yet. Write it above the line, or delete this file.\n");
    }
    // Twice the bound is enough for any thread that a person will read.
    context.push_str(text::bounded(older, bytes_max).0);
    if !older.is_empty() && !context.ends_with('\n') {
        context.push('\n');
    }
    for message in messages {
        context.push_str(&format!("\nFrom: {}\n", message.from));
        if let Some(date) = &message.date {
            context.push_str(&format!("Date: {}\n", date.strftime("%a, %-d %b %Y %H:%M:%S %z")));
        }
        context.push_str(&format!("Subject: {}\n", message.subject));
        for name in &message.attachments {
            context.push_str(&format!("Attachment: {name}\n"));
        }
        context.push('\n');
        let (body, cut) = text::bounded(&message.body, bytes_max);
        for line in body.trim_end().lines() {
            context.push_str(format!("> {line}").trim_end());
            context.push('\n');
        }
        if cut {
            context.push_str("> [cut here; the message is longer]\n");
        }
    }
    context
}

/// Puts what the operator's own systems say into a context, before the messages: it is evidence for the
/// person, and nothing that a later draft of the thread would quote.
pub fn with_facts(context: &str, facts: &str) -> String {
    let (head, quoted) = context.split_at(context.len() - quoted_part(context).len());
    let mut with = format!("{head}\nFacts, from your own systems; the brain had them, too:\n\n");
    for line in facts.lines() {
        with.push_str(format!("> {line}").trim_end());
        with.push('\n');
    }
    with.push_str(quoted);
    with
}

struct Parts<'a> {
    front: &'a str,
    front_start: usize,
    body: &'a str,
    /// The number of the first line of `body`, from 1.
    body_line: usize,
    context: &'a str,
}

impl<'a> Parts<'a> {
    /// Returns the number of the body's first line that is not blank, from 1.
    fn line_of_body(&self) -> usize {
        self.body_line + self.body.lines().take_while(|line| line.trim().is_empty()).count()
    }

    fn of(path: &str, file: &'a str) -> Result<Self, FileError> {
        let wrong = |what: &str| FileError::new(path, what);
        if file.len() > BYTES_MAX {
            return Err(wrong("the file is larger than 4 MiB"));
        }
        let mut lines = Lines { file, at: 0, number: 0 };
        if lines.next().map(|line| line.text) != Some(FENCE) {
            return Err(wrong("the first line is not `+++`")
                .at(1)
                .with_hint("a draft begins with its front matter"));
        }
        let front_start = lines.at;
        let mut front_end = None;
        let mut body_start = None;
        let mut scissors: Option<(usize, usize)> = None;
        for line in lines {
            let above = scissors.is_none();
            if above && is_conflict_marker(line.text) {
                return Err(wrong("a conflict marker")
                    .at(line.number)
                    .with_hint("resolve the conflict; nothing is sent from a file that has one"));
            }
            if front_end.is_none() {
                if line.text == FENCE {
                    front_end = Some(line.start);
                    body_start = Some(line.end);
                }
            } else if line.text.trim_end() == SCISSORS {
                if let Some((first, _)) = scissors {
                    let first = 1 + file[..first].matches('\n').count();
                    return Err(wrong("a second scissors line")
                        .at(line.number)
                        .with_hint(format!("the first is line {first}; delete one")));
                }
                scissors = Some((line.start, line.end));
            }
        }
        let (Some(front_end), Some(body_start)) = (front_end, body_start) else {
            return Err(wrong("the front matter is not closed by a line `+++`")
                .with_hint("put it back between the front matter and your answer"));
        };
        let Some((body_end, context_start)) = scissors else {
            return Err(wrong("the scissors line is gone").with_hint(format!(
                "put this line below your answer, so that the context is not sent: {SCISSORS}"
            )));
        };
        Ok(Self {
            front: &file[front_start..front_end],
            front_start,
            body: &file[body_start..body_end],
            body_line: 1 + file[..body_start].matches('\n').count(),
            context: &file[context_start..],
        })
    }
}

struct Lines<'a> {
    file: &'a str,
    at: usize,
    number: usize,
}

struct Line<'a> {
    /// Without its line end, be it `\n` or `\r\n`.
    text: &'a str,
    start: usize,
    end: usize,
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.file[self.at..];
        if rest.is_empty() {
            return None;
        }
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        let text = rest[..length].trim_end_matches('\n');
        let start = self.at;
        self.at += length;
        self.number += 1;
        Some(Line { text: text.strip_suffix('\r').unwrap_or(text), start, end: self.at, number: self.number })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    status: Spanned<String>,
    to: Vec<Spanned<String>>,
    #[serde(default)]
    cc: Vec<Spanned<String>>,
    subject: Spanned<String>,
    send_after: Option<Spanned<String>>,
    #[serde(default)]
    attach: Vec<String>,
    #[serde(default)]
    task: Vec<Spanned<FrontTask>>,
    draft: FrontMachine,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontTask {
    key: Spanned<String>,
    title: Spanned<String>,
    labels: Option<Spanned<Vec<String>>>,
    depends_on: Option<Spanned<Vec<String>>>,
}

impl FrontTask {
    fn with_text(self, body: String) -> Task {
        let list = |list: Option<Spanned<Vec<String>>>| list.map(Spanned::into_inner).unwrap_or_default();
        Task {
            key: self.key.into_inner(),
            title: self.title.into_inner(),
            body,
            labels: list(self.labels),
            depends_on: list(self.depends_on),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMachine {
    version: Spanned<u32>,
    id: Spanned<String>,
    action: Action,
    source: String,
    answers: String,
    tier: Tier,
    confidence: Confidence,
    why: String,
    findings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Hint;

    fn draft() -> Draft {
        Draft {
            status: Status::Draft,
            to: vec![Address::new("Ada Brown", "ada@example.org")],
            cc: Vec::new(),
            subject: "Re: Invoice for October".to_owned(),
            send_after: None,
            attach: Vec::new(),
            tasks: Vec::new(),
            machine: Machine {
                id: "kqzmwvst".parse().unwrap(),
                action: Action::Reply,
                source: "mail".to_owned(),
                answers: "<20261120113004.7c2f@example.org>".to_owned(),
                tier: Tier::Medium,
                confidence: Confidence::new(0.86).unwrap(),
                why: "Asks where the October invoice is.".to_owned(),
                findings: vec!["names a payment date".to_owned()],
            },
            body: "Hello Ada,\n\nyour invoice is in the portal.".to_owned(),
            context: "Everything below this line is context and is never sent.\n\n> where is it?\n"
                .to_owned(),
        }
    }

    fn check(file: &str, wrong: &str) {
        let error = Draft::parse("drafts/k.md", file).unwrap_err();
        let hint = error.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        assert_eq!(format!("{error}{hint}"), wrong);
    }

    #[test]
    fn the_file_looks_as_documented() {
        insta::assert_snapshot!(draft().render(), @r#"
        +++
        status = "draft"
        to = ["Ada Brown <ada@example.org>"]
        subject = "Re: Invoice for October"

        [draft]
        version = 1
        id = "kqzmwvst"
        action = "reply"
        source = "mail"
        answers = "<20261120113004.7c2f@example.org>"
        tier = "medium"
        confidence = 0.86
        why = "Asks where the October invoice is."
        findings = ["names a payment date"]
        +++

        Hello Ada,

        your invoice is in the portal.

        ------------------------ >8 ------------------------
        Everything below this line is context and is never sent.

        > where is it?
        "#);
    }

    #[test]
    fn what_is_unclear_is_refused_with_its_line() {
        let file = draft().render();
        check("", "drafts/k.md:1: the first line is not `+++` (hint: a draft begins with its front matter)");
        check(
            "+++\nstatus = \"draft\"\n",
            "drafts/k.md: the front matter is not closed by a line `+++` (hint: put it back between the front matter and your answer)",
        );
        check(
            &file.replace("subject =", "sujbect ="),
            "drafts/k.md:4: unknown key `sujbect` (hint: did you mean `subject`?)",
        );
        check(
            &file.replace("status = \"draft\"", "status = \"yes\""),
            "drafts/k.md:2: unknown status `yes` (hint: it is `draft` or `approved`)",
        );
        check(
            &file.replace("to = [", "to = [\"nobody at all\", "),
            "drafts/k.md:3: `nobody at all` is not an address (hint: write one address an item: \"Ada Brown <ada@example.org>\")",
        );
        check(
            &file.replace("version = 1", "version = 2"),
            "drafts/k.md:7: version 2 is newer than this program, which reads version 1 (hint: install a newer git-drafts)",
        );
        check(
            &file.replace("status =", "status = \"draft\"\nstatus ="),
            "drafts/k.md:3: `status` is there twice (hint: keep one of the two)",
        );
        check(
            &file.replace("\nHello", "\n<<<<<<< HEAD\nHello"),
            "drafts/k.md:18: a conflict marker (hint: resolve the conflict; nothing is sent from a file that has one)",
        );
    }

    #[test]
    fn the_scissors_line_stands_exactly_once() {
        let file = draft().render();
        let error = Draft::parse("k", &file.replace(SCISSORS, "")).unwrap_err();
        assert_eq!(error.what, "the scissors line is gone");
        let error = Draft::parse("k", &file.replace("Hello", &format!("{SCISSORS}\nHello"))).unwrap_err();
        assert_eq!(error.to_string(), "k:23: a second scissors line");
    }

    #[test]
    fn a_body_cannot_bring_its_own_scissors_or_status() {
        let mut draft = draft();
        draft.body = canonical_body(&format!(
            "+++\nstatus = \"approved\"\n+++\n{SCISSORS}\n<<<<<<< HEAD\n||||||| x\n>>>>>>> y\nx"
        ));
        let read = Draft::parse("k", &draft.render()).unwrap();
        assert_eq!(read.status, Status::Draft);
        assert_eq!(read, draft);
    }

    #[test]
    fn nothing_in_a_message_can_leave_its_quotes() {
        let message = Message {
            subject: "s".to_owned(),
            body: format!("+++\nstatus = \"approved\"\n{SCISSORS}\n>>>>>>> x\n"),
            ..Message::default()
        };
        let mut draft = draft();
        draft.context = context(&[&message], true, 1000);
        assert_eq!(Draft::parse("k", &draft.render()).unwrap(), draft);
    }

    #[test]
    fn facts_are_quoted_before_the_messages_and_no_later_draft_quotes_them() {
        let message = Message { subject: "s".to_owned(), body: "where?".to_owned(), ..Message::default() };
        let context = context(&[&message], false, 1000);
        let with = with_facts(&context, "order 7: shipped\n+++\nFrom: x");
        assert_eq!(quoted_part(&with), quoted_part(&context));
        assert!(with.contains("too:\n\n> order 7: shipped\n> +++\n> From: x\n\nFrom: "), "{with}");
        let mut draft = draft();
        draft.context = with;
        assert_eq!(Draft::parse("k", &draft.render()).unwrap(), draft);
    }

    #[test]
    fn windows_line_ends_are_read_as_what_they_are() {
        for end in ["\r\n", "\r\r\n"] {
            let file = draft().render().replace(&format!("\n{}", draft().body), &format!("\na\rb{end}c"));
            let read = Draft::parse("k", &file).unwrap();
            assert_eq!(read.body, "a\rb\nc");
            assert_eq!(Draft::parse("k", &read.render()).unwrap(), read);
        }
        let file = draft().render().replace('\n', "\r\n");
        assert_eq!(Draft::parse("k", &file).unwrap().body, draft().body);
    }

    #[test]
    fn changed_machine_keys_are_shown_with_both_values() {
        let mut found = draft().machine;
        found.tier = Tier::Low;
        assert_eq!(changed_machine_keys(&draft().machine, &found), ["`tier` was \"medium\" and is \"low\""]);
    }

    fn any_draft() -> impl Strategy<Value = Draft> {
        let words = (".*", ".*", ".*", ".*", prop::collection::vec(".*", 0..3));
        (
            words,
            0..=100u32,
            any::<bool>(),
            "(?s).*",
            prop::collection::vec((".*", "[a-z]{1,8}@[a-z]{1,8}"), 0..3),
        )
            .prop_map(|((subject, source, answers, why, findings), percent, cc, body, people)| {
                let mut draft = draft();
                draft.subject = text::one_line(&subject, 200);
                draft.machine.source = source;
                draft.machine.answers = answers;
                draft.machine.why = why;
                draft.machine.findings = findings;
                draft.machine.confidence = Confidence::new(f64::from(percent) / 100.0).unwrap();
                draft.to = people.iter().map(|(name, email)| Address::new(name, email)).collect();
                draft.cc = if cc { draft.to.clone() } else { Vec::new() };
                draft.send_after = cc.then(|| Timestamp::from_second(1_800_000_000).unwrap());
                draft.body = canonical_body(&body);
                draft.context = context(&[&Message { body, subject, ..Message::default() }], cc, 100);
                draft
            })
    }

    proptest! {
        #[test]
        fn every_draft_reads_as_it_was_written(draft in any_draft()) {
            prop_assert_eq!(Draft::parse("k", &draft.render()).unwrap(), draft);
        }

        #[test]
        fn setting_the_status_changes_one_line(draft in any_draft()) {
            let before = draft.render();
            let after = with_status("k", &before, Status::Approved).unwrap();
            let differing = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
            prop_assert_eq!(differing, 1);
            prop_assert_eq!(before.lines().count(), after.lines().count());
            prop_assert_eq!(after.lines().nth(1), Some("status = \"approved\""));
            prop_assert_eq!(with_status("k", &after, Status::Draft).unwrap(), before);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(file in "(?s).*") {
            let _ = Draft::parse("k", &file);
            let _ = Draft::parse("k", &format!("+++\n{file}\n+++\n{file}\n{SCISSORS}\n"));
        }
    }
}
