//! Puts together what a person should see of a draft before a decision: the text, whom it goes to, how
//! grave it is, what is remarkable, what is in the way, and the message that it answers.
//!
//! `review`, `show` and `digest` print it. It decides nothing: what is said here early, the hook and the
//! sender look at again.

use jiff::Timestamp;

use super::early::Early;
use super::hook::edited;
use super::links::{self, OwnWords};
use super::{CommandError, Context, Result, Session, diff};
use crate::desk::{self, Desk, DeskFile};
use crate::draft::{self, Draft};
use crate::entry::{Drafted, Entry, Fact, drafted};
use crate::error::{FileError, Hint};
use crate::git::objects::blob_id;
use crate::guard::Class;
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::markdown::{self, Form, Line, Look, Style, span};
use crate::message::Address;
use crate::plan::{Action, Gate, Tier};
use crate::policy::{self, Policy, Recipients};
use crate::task::Task;
use crate::text;
use crate::ui;

/// What a person should see of one draft.
pub struct Sheet {
    /// Its id.
    pub id: DraftId,
    /// Its file in the repository.
    pub path: String,
    /// The file's text, as it stands in the worktree, or on the desk where there is none.
    pub file: String,
    /// The blob that these bytes would be.
    pub blob: ObjectId,
    /// What it says, or why that is not clear.
    pub draft: std::result::Result<Draft, FileError>,
    /// How grave it is to send it.
    pub tier: Tier,
    /// What it asks for; nothing any more, where it has left the desk.
    pub gate: Option<Gate>,
    /// For how many seconds its approval can be taken back.
    pub undo_seconds: u32,
    /// The addresses among the recipients that the answered message does not name.
    pub strangers: Vec<String>,
    /// What should be known, one line each.
    pub remarks: Vec<String>,
    /// What keeps it from being sent as it is.
    pub obstacles: Vec<FileError>,
    /// What became of it, where it has left the desk.
    pub status: Option<String>,
    /// How much a person has changed.
    pub edited: String,
    /// Since when it waits.
    pub since: Option<Timestamp>,
}

impl Sheet {
    /// Reads a draft that is on the desk, and what there is to say of it.
    pub fn read(
        context: &Context,
        session: &Session,
        desk: &Desk,
        snapshot: &Snapshot<'_>,
        own: &OwnWords<'_>,
        early: &Early,
        found: &DeskFile,
    ) -> Result<Self> {
        let (id, path) = (found.id.clone(), found.path.clone());
        let Some(id) = id else {
            return Err(CommandError::refused(format!("{path} has no id"), "see `git drafts status`"));
        };
        let bytes = here(session, found)?;
        let file = String::from_utf8_lossy(&bytes).into_owned();
        // Two files with one id are two that nothing is sent from, whatever each of them says.
        let draft = match &found.draft {
            Err(error) if blob_id(&bytes) == found.blob => Err(error.clone()),
            Ok(_) | Err(_) => match std::str::from_utf8(&bytes) {
                Ok(text) => Draft::parse(&path, text),
                Err(_) => Err(FileError::new(&path, "not UTF-8").with_hint("save it as UTF-8")),
            },
        };
        let story = snapshot.story(&id)?;
        let origin = drafted(&story);
        let today = session.committed_policy(desk)?;
        let mut sheet = Self {
            blob: blob_id(&bytes),
            tier: Tier::High,
            gate: Some(Gate::ApproveSigned),
            undo_seconds: 0,
            strangers: Vec::new(),
            remarks: Vec::new(),
            obstacles: Vec::new(),
            status: None,
            edited: String::new(),
            since: story.iter().find(|entry| matches!(entry.fact, Fact::Drafted(_))).map(|entry| entry.at),
            id,
            path,
            file,
            draft,
        };
        let draft = match &sheet.draft {
            Ok(draft) => draft.clone(),
            Err(error) => {
                sheet.obstacles.push(error.clone());
                return Ok(sheet);
            }
        };
        sheet.judge(&today, snapshot, origin, &draft)?;
        sheet.tell_desk(snapshot, &story, &draft)?;
        for (class, error) in early.look(context, snapshot, &sheet.path, &sheet.file, &draft)? {
            if class > Class::Soft {
                sheet.obstacles.push(error);
            } else {
                sheet.remarks.push(error.to_string());
            }
        }
        sheet.obstacles.extend(early.errand(snapshot, &today, &sheet.path, &sheet.file, &draft)?);
        let outside = links::outside(own, snapshot, &[&today], &draft)?;
        for link in &outside {
            if today.links.strict {
                sheet.obstacles.push(FileError::new(&sheet.path, links::said(link)));
            } else {
                sheet.remarks.push(links::said(link));
            }
        }
        if sheet.gate == Some(Gate::ApproveSigned)
            && let Some(why) = session.signs_not()
        {
            sheet.remarks.push(format!("it asks for a signed commit, and {why}: it would be held"));
        }
        Ok(sheet)
    }

    /// Puts together what is kept of a draft that has left the desk, or has not reached it.
    pub fn kept(id: &DraftId, path: String, file: String, story: &[Entry]) -> Self {
        let draft = Draft::parse(&path, &file);
        Self {
            id: id.clone(),
            blob: blob_id(file.as_bytes()),
            tier: draft.as_ref().map_or(Tier::High, |draft| draft.machine.tier),
            gate: None,
            undo_seconds: 0,
            strangers: Vec::new(),
            remarks: Vec::new(),
            obstacles: Vec::new(),
            edited: String::new(),
            since: None,
            status: story.last().map(|entry| format!("{}, {}", entry.fact.kind(), ui::clock(entry.at))),
            draft,
            path,
            file,
        }
    }

    /// Judges by the policy of today and of the draft's day, as the sender does.
    fn judge(
        &mut self,
        today: &Policy,
        snapshot: &Snapshot<'_>,
        origin: Option<&Drafted>,
        draft: &Draft,
    ) -> Result<()> {
        let bytes = origin.map(|origin| snapshot.policy(origin.policy)).transpose()?.flatten();
        let its_day =
            bytes.and_then(|bytes| Policy::of_its_day(policy::FILE, &String::from_utf8_lossy(&bytes)).ok());
        let policies: Vec<&Policy> = std::iter::once(today).chain(&its_day).collect();
        let envelope = origin
            .map(|origin| Recipients { to: origin.to.clone(), cc: origin.cc.clone() })
            .unwrap_or_default();
        let strangers = policy::strangers(draft, &envelope);
        self.tier = policy::tier_to_send(&policies, draft, !strangers.is_empty());
        self.gate = Some(policy::strictest_gate(&policies, self.tier));
        self.undo_seconds = policies.iter().map(|policy| policy.undo_seconds(self.tier)).max().unwrap_or(0);
        self.strangers = strangers
            .into_iter()
            .filter_map(|finding| match finding {
                policy::Finding::Stranger(email) => Some(email),
                _ => None,
            })
            .collect();
        for policy in policies {
            for finding in policy::obstacles(policy, draft) {
                let error = FileError::new(&self.path, finding.to_string());
                if !self.obstacles.contains(&error) {
                    self.obstacles.push(error);
                }
            }
        }
        Ok(())
    }

    /// Says what the ledger knows, and what a person changed where nobody may.
    fn tell_desk(&mut self, snapshot: &Snapshot<'_>, story: &[Entry], draft: &Draft) -> Result<()> {
        let Some(bytes) = snapshot.file(&self.id, "drafted", "md")? else {
            let what = "the ledger does not know it, so it is never sent";
            self.obstacles.push(FileError::new(&self.path, what));
            return Ok(());
        };
        let before = String::from_utf8_lossy(&bytes).into_owned();
        self.edited = edited(&before, &self.file);
        if let Ok(before) = Draft::parse(&self.path, &before) {
            let changed = draft::changed_machine_keys(&before.machine, &draft.machine);
            let error =
                |what: String| FileError::new(&self.path, what).with_hint("put it back: `git drafts diff`");
            self.obstacles.extend(changed.into_iter().map(error));
        }
        if let Some(Entry { fact: Fact::Withdrawn { reason, .. }, .. }) = story.last() {
            self.remarks.push(format!("an earlier approval was taken back: {reason}"));
        }
        Ok(())
    }

    /// Returns the sheet as lines for a terminal; `head` is said first, such as `1 of 3`.
    pub fn lines(&self, head: &str, now: Timestamp, style: Style) -> Vec<Line> {
        let mut lines = vec![title(&self.head(head, now), style), Line::new()];
        let draft = match &self.draft {
            Ok(draft) => draft,
            Err(error) => {
                lines.extend(labelled("File", &self.path, Look::Plain, style));
                lines.extend(labelled("Unclear", &error.to_string(), Look::Removed, style));
                lines.extend(hint_line(error, style));
                return lines;
            }
        };
        lines.extend(self.message_lines(draft, style));
        lines.push(section("The answer", style));
        lines.push(Line::new());
        if draft.body.trim().is_empty() && draft.tasks.is_empty() {
            lines.push(vec![span(Look::Strong, "NEEDS YOU: there is no answer yet.")]);
        } else {
            lines.extend(markdown::lines(&draft.body, style));
        }
        lines.push(Line::new());
        for task in &draft.tasks {
            lines.extend(task_lines(task, style));
        }
        if style.form == Form::Words {
            lines.push(vec![span(Look::Plain, "End of the answer.")]);
            lines.push(Line::new());
        }
        let heading = if self.status.is_none() { "What happens" } else { "What happened" };
        lines.push(section(heading, style));
        lines.push(Line::new());
        lines.extend(self.fact_lines(draft, style));
        lines
    }

    fn head(&self, head: &str, now: Timestamp) -> String {
        let age = self.since.map(|since| format!(", for {}", ui::span(now.duration_since(since))));
        let dash = if head.is_empty() { "" } else { ": " };
        format!("{head}{dash}draft {}, tier {}{}", self.id.first(4), self.tier, age.unwrap_or_default())
    }

    fn message_lines(&self, draft: &Draft, style: Style) -> Vec<Line> {
        let mut lines = vec![section("The message", style), Line::new()];
        let context = message_of(&draft.context);
        if context.trim().is_empty() {
            lines.push(vec![span(Look::Faint, "It is not kept in this repository.")]);
        }
        // Whoever wrote the message must not be able to begin a line of ours, however it is wrapped.
        for line in context.trim_end().lines() {
            let (first, rest, text) = match line.strip_prefix('>') {
                Some(text) => ("> ", "> ", text.strip_prefix(' ').unwrap_or(text)),
                None => ("", "    ", line),
            };
            let (first, rest) = ([span(Look::Faint, first)], [span(Look::Faint, rest)]);
            lines.extend(markdown::wrapped(&[span(Look::Plain, text)], &first, &rest, style.columns));
        }
        lines.push(Line::new());
        lines
    }

    /// Returns what decides: it stands last, just above the question.
    pub fn fact_lines(&self, draft: &Draft, style: Style) -> Vec<Line> {
        let mut lines = Vec::new();
        for (label, address) in
            draft.to.iter().map(|to| ("To", to)).chain(draft.cc.iter().map(|cc| ("Cc", cc)))
        {
            let (shown, look) = self.recipient(address);
            lines.extend(labelled(label, &shown, look, style));
        }
        match draft.effective_action() {
            Action::Issue => lines.extend(labelled("Creates", &draft.goes_to(), Look::Strong, style)),
            Action::Patch => lines.extend(labelled("Changes", &draft.goes_to(), Look::Strong, style)),
            Action::Reply
            | Action::RouteAnswer
            | Action::Note
            | Action::MarkRead
            | Action::Run
            | Action::Escalate
            | Action::Ignore => {
                if draft.to.is_empty() {
                    lines.extend(labelled("To", "nobody", Look::Removed, style));
                }
            }
        }
        lines.extend(labelled("Subject", &draft.subject, Look::Strong, style));
        if let Some(time) = draft.send_after {
            lines.extend(labelled("Not before", &ui::clock(time), Look::Plain, style));
        }
        for path in &draft.attach {
            lines.extend(labelled("Attached", path, Look::Plain, style));
        }
        if let Some(status) = &self.status {
            lines.extend(labelled("Status", status, Look::Strong, style));
        }
        lines.extend(labelled("Tier", &self.gate_sentence(), Look::Plain, style));
        if !self.edited.is_empty() {
            lines.extend(labelled("Text", &self.edited, Look::Plain, style));
        }
        if !draft.machine.why.is_empty() {
            lines.extend(labelled("Why", &draft.machine.why, Look::Plain, style));
        }
        for finding in draft.machine.findings.iter().chain(&self.remarks) {
            lines.extend(labelled("Finding", finding, Look::Strong, style));
        }
        for obstacle in &self.obstacles {
            lines.extend(labelled("Not yet", &obstacle.what, Look::Removed, style));
        }
        lines
    }

    fn recipient(&self, address: &Address) -> (String, Look) {
        if self.strangers.contains(&address.email) {
            (format!("{address}  (a stranger: the message does not name them)"), Look::Removed)
        } else {
            (address.to_string(), Look::Strong)
        }
    }

    /// Says what the tier asks for.
    pub fn gate_sentence(&self) -> String {
        let asks = match self.gate {
            None => return self.tier.to_string(),
            Some(Gate::Auto | Gate::Approve) => "your commit carries it out",
            Some(Gate::ApproveSigned) => "your signed commit carries it out",
        };
        match self.undo_seconds {
            0 => format!("{}; {asks}", self.tier),
            seconds => format!("{}; {asks}, {} later", self.tier, ui::counted(seconds as usize, "second")),
        }
    }
}

/// Returns what a person changed in an answer and its head, word by word; nothing where all is as drafted.
pub fn changes(before: &str, after: &str, style: Style) -> Vec<Line> {
    // Neither the word of the decision nor what is never sent is a change of the answer.
    let sent = |file: &str| -> String {
        let lines = file.lines().take_while(|line| line.trim_end() != draft::SCISSORS);
        lines.filter(|line| !line.starts_with("status = ")).map(|line| format!("{line}\n")).collect()
    };
    let words = diff::words(&sent(before), &sent(after));
    if words.is_empty() {
        return words;
    }
    let mut lines = vec![section("Changed since it was drafted", style), Line::new()];
    for line in words {
        lines.extend(markdown::wrapped(&line, &[], &[], style.columns));
    }
    lines
}

/// Returns the part of a draft's context that is about the message, and not about the draft.
pub fn message_of(context: &str) -> &str {
    match context.split_once("\n\n") {
        Some((head, rest)) if head.starts_with("Everything below this line") => rest,
        _ if context.starts_with("Everything below this line") => "",
        Some(_) | None => context,
    }
}

fn here(session: &Session, found: &DeskFile) -> Result<Vec<u8>> {
    if let Some(top) = session.repository.worktree() {
        let file = top.join(&found.path);
        match desk::read_here(&file) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(CommandError::system(&file, error)),
        }
    }
    Ok(session.repository.read(found.blob)?)
}

/// Writes what is to be known of a task beside its text, which stands in the answer.
fn task_lines(task: &Task, style: Style) -> Vec<Line> {
    let mut lines = labelled("Task", &task.title, Look::Strong, style);
    for (label, list) in [("Labels", &task.labels), ("After", &task.depends_on)] {
        if !list.is_empty() {
            lines.extend(labelled(label, &list.join(", "), Look::Plain, style));
        }
    }
    lines.push(Line::new());
    lines
}

fn title(text: &str, style: Style) -> Line {
    match style.form {
        Form::Words => vec![span(Look::Plain, &format!("{text}."))],
        Form::Looks | Form::Marks => {
            let width = style.columns.unwrap_or(80).min(80);
            let line = format!("== {text} ");
            let rest = "=".repeat(width.saturating_sub(text::columns(&line)));
            vec![span(Look::Heading, &format!("{line}{rest}"))]
        }
    }
}

fn section(text: &str, style: Style) -> Line {
    match style.form {
        Form::Words => vec![span(Look::Plain, &format!("{text}:"))],
        Form::Looks | Form::Marks => vec![span(Look::Faint, &format!("-- {text} --"))],
    }
}

/// Writes a line with its label in front; the lines that it is wrapped into stand under it.
fn labelled(label: &str, text: &str, look: Look, style: Style) -> Vec<Line> {
    let (first, rest) = match style.form {
        Form::Words => (format!("{label}: "), String::new()),
        Form::Looks | Form::Marks => (text::fit(&format!("{label}:"), 12), " ".repeat(12)),
    };
    let (first, rest) = ([span(Look::Faint, &first)], [span(Look::Faint, &rest)]);
    markdown::wrapped(&[span(look, text)], &first, &rest, style.columns)
}

fn hint_line(error: &FileError, style: Style) -> Vec<Line> {
    error.hint().map(|hint| labelled("Hint", &hint, Look::Plain, style)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Confidence;

    #[test]
    fn all_of_a_task_is_shown() {
        let draft = Draft {
            status: draft::Status::Draft,
            to: Vec::new(),
            cc: Vec::new(),
            subject: "Export".to_owned(),
            send_after: None,
            attach: Vec::new(),
            tasks: vec![Task {
                key: "export".to_owned(),
                title: "The export is empty".to_owned(),
                body: "Since **Monday**, see <https://example.com/1>.".to_owned(),
                labels: vec!["bug".to_owned()],
                depends_on: Vec::new(),
            }],
            machine: draft::Machine {
                id: "kqzmwvst".parse().unwrap(),
                action: Action::Issue,
                source: "mail".to_owned(),
                answers: "<1@example.org>".to_owned(),
                tier: Tier::Medium,
                confidence: Confidence::NONE,
                why: String::new(),
                findings: Vec::new(),
            },
            body: "## Task: export\n\nSince **Monday**, see <https://example.com/1>.".to_owned(),
            context: String::new(),
        };
        let sheet = Sheet::kept(draft.id(), "drafts/k.md".to_owned(), draft.render(), &[]);
        assert_eq!(sheet.draft.as_ref().map(|draft| &draft.tasks), Ok(&draft.tasks));
        let style = Style { columns: Some(80), form: Form::Words };
        let lines = sheet.lines("", Timestamp::UNIX_EPOCH, style);
        let line = |line: &Line| line.iter().map(|span| span.text.as_str()).collect::<String>();
        let shown = lines.iter().map(line).collect::<Vec<_>>().join("\n");
        for words in [
            "Task: The export is empty",
            "Labels: bug",
            "Since Monday, see https://example.com/1.",
            "Creates: 1 task",
        ] {
            assert!(shown.contains(words), "no {words:?} in\n{shown}");
        }
        assert!(!shown.contains("NEEDS YOU"), "{shown}");
    }
}
