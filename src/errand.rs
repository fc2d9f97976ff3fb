//! What an approval asks for: an answer, tasks, or a change of a file.
//!
//! An errand is a function of the approved bytes and of the key, so that the same approval always asks for
//! the same.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::draft::{self, Draft};
use crate::id::DraftId;
use crate::message::sha256_hex;
use crate::outgoing::Key;
use crate::patch::{self, Flaw};
use crate::plan::Action;
use crate::task::{self, Task};

/// What is to be done beside rendering an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Nothing: it is an answer.
    Answer,
    /// Tasks are created.
    Tasks(TaskList),
    /// A file is changed.
    Change(Change),
}

/// The tasks of one approval, in the order in which they are created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskList {
    /// The draft.
    pub draft: DraftId,
    /// The native id of the message that it comes from.
    pub message: String,
    /// The key of this transmission, and then those of the earlier ones of the draft: what one of them has
    /// created is not created again.
    pub keys: Vec<Key>,
    /// When it was drafted: nothing of it was created before.
    pub since: Option<Timestamp>,
    /// The tasks.
    pub tasks: Vec<Task>,
}

impl TaskList {
    /// Returns the key of one task: `kqzmwvst.1.3f9c2a71.export`.
    pub fn key(key: &Key, task: &Task) -> String {
        format!("{key}.{}", task.key)
    }

    /// Writes exactly what is to be created, as JSON that people can read: what a rehearsal notes.
    pub fn specs(&self) -> String {
        let spec = |task: &Task| -> Value {
            json!({
                "key": self.keys.first().map(|key| Self::key(key, task)),
                "title": task.title,
                "body": task.body,
                "labels": task.labels,
                "source": { "draft": self.draft.as_str(), "message": self.message },
                "depends_on": task.depends_on,
            })
        };
        let specs: Vec<Value> = self.tasks.iter().map(spec).collect();
        format!("{:#}\n", json!({ "version": 1, "tasks": specs }))
    }

    /// Returns the SHA-256 of [`TaskList::specs`].
    pub fn hash(&self) -> String {
        sha256_hex(self.specs().as_bytes())
    }
}

/// The change of a file that was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key of this transmission.
    pub key: Key,
    /// What it changes, in a few words.
    pub subject: String,
    /// Why, in the operator's words; may be empty.
    pub why: String,
    /// The diff.
    pub diff: String,
    /// The draft's path, and the line of the file on which the diff begins, from 1.
    pub place: (String, usize),
}

impl Change {
    /// Says where in the draft a flaw of the diff is, and what.
    pub fn told(&self, flaw: &Flaw) -> String {
        let (path, line) = &self.place;
        format!("{path}:{}: {flaw}", line + flaw.line)
    }
}

impl Errand {
    /// Reads the errand of a draft; `path` and `file` are where it stands, for errors.
    ///
    /// # Errors
    /// A change without one diff; a flaw counts lines of the file, from 1.
    pub fn of(
        found: &Draft,
        path: &str,
        file: &str,
        key: &Key,
        since: Option<Timestamp>,
    ) -> Result<Self, Flaw> {
        match found.effective_action() {
            Action::Issue => {
                let order =
                    task::in_order(&found.tasks).map_err(|flaw| Flaw { line: 1, what: flaw.to_string() })?;
                Ok(Errand::Tasks(TaskList {
                    draft: found.id().clone(),
                    message: found.machine.answers.clone(),
                    keys: key.with_earlier(),
                    since,
                    tasks: order.into_iter().map(|place| found.tasks[place].clone()).collect(),
                }))
            }
            Action::Patch => {
                let begin = draft::body_line(file);
                let block = patch::block(&found.body)
                    .map_err(|flaw| Flaw { line: begin + flaw.line, what: flaw.what })?;
                Ok(Errand::Change(Change {
                    key: key.clone(),
                    subject: found.subject.clone(),
                    why: block.why.to_owned(),
                    diff: block.diff.to_owned(),
                    place: (path.to_owned(), begin + block.line),
                }))
            }
            Action::Reply
            | Action::RouteAnswer
            | Action::Note
            | Action::MarkRead
            | Action::Run
            | Action::Escalate
            | Action::Ignore => Ok(Errand::Answer),
        }
    }
}
