//! Creates the tasks of an approval in a tracker, each once.
//!
//! A list is always walked from its beginning: what an earlier walk has created is found by its key, so
//! that one which ended in the middle goes on where it ended, and nothing needs to be noted on the way.
//! Every call is made once: whether it is made again is decided elsewhere, by what we know.

pub mod settings;
pub mod wire;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::connector::forge::settings::Repository;
use crate::connector::forge::{self, Forge};
use crate::connector::issues::settings::Settings;
use crate::connector::issues::wire::{Made, NotTold};
use crate::errand::TaskList;
use crate::failpoint::reached;
use crate::http::{Client, HttpError};
use crate::outgoing::{Capabilities, Found, Key, Outcome};
use crate::task::Task;
use crate::text;

/// The longest receipt, and the longest reason.
const TOLD_CHARS_MAX: usize = 4000;

/// What takes tasks.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Nothing: what would be created is noted.
    Null,
    /// A tracker that speaks the contract.
    Rest(Rest),
    /// The issues of a repository of a forge.
    Forge {
        /// The forge.
        forge: Box<Forge>,
        /// The repository.
        repository: Repository,
    },
}

/// A tracker that speaks the contract.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
}

impl Rest {
    /// Makes a tracker of its settings; makes no call.
    pub fn new(settings: Settings) -> Result<Self, HttpError> {
        Ok(Self { client: Client::new(&settings.url, settings.token, settings.timeout)? })
    }
}

/// What a tracker that speaks the contract can do.
pub const REST: Capabilities = Capabilities { dedupes: true, can_find: true };

impl Sink {
    /// Creates what is not there yet, in order.
    ///
    /// An outcome that is not `Delivered` says how far it came.
    pub async fn create(&self, list: &TaskList, now: Timestamp) -> Outcome {
        let Some((key, earlier)) = list.keys.split_first() else {
            return Outcome::Failed { reason: "the tasks have no key".to_owned() };
        };
        let mut made: BTreeMap<&str, Made> = BTreeMap::new();
        // Before the first one is created, rather than in the middle of the list.
        if let Some((task, reason)) = list.tasks.iter().find_map(|task| Some((task, self.no_form(task)?))) {
            return told(Outcome::Failed { reason }, task, list, &made);
        }
        for task in &list.tasks {
            let stopped = |outcome, made: &BTreeMap<&str, Made>| told(outcome, task, list, made);
            let asked = if self.dedupes() { earlier } else { &list.keys };
            match self.first_of(asked, task, list, now).await {
                Ok(Some(there)) => {
                    made.insert(&task.key, there);
                    continue;
                }
                Ok(None) => {}
                // Nothing was written; but nobody knows whether an earlier walk has created it.
                Err(NotTold::Away(reason)) => {
                    return stopped(Outcome::Deferred { until: wire::again(now), reason }, &made);
                }
                Err(NotTold::Unknown(reason)) => return stopped(Outcome::Failed { reason }, &made),
            }
            let depends_on: Vec<&str> = task
                .depends_on
                .iter()
                .filter_map(|key| Some(made.get(key.as_str())?.reference.as_str()))
                .collect();
            match self.create_one(list, task, key, &depends_on, now).await {
                Ok(there) => made.insert(&task.key, there),
                Err(outcome) => return stopped(outcome, &made),
            };
            reached("task.created");
        }
        Outcome::Delivered { receipt: receipt(list, &made) }
    }

    /// Asks whether the tasks of a list are there.
    ///
    /// Some of them are as good as none where the rest is created next (`goes_on`); where not, nobody can
    /// say that nothing went out.
    pub async fn find(&self, list: &TaskList, goes_on: bool, now: Timestamp) -> Found {
        let mut made: BTreeMap<&str, Made> = BTreeMap::new();
        for task in &list.tasks {
            match self.first_of(&list.keys, task, list, now).await {
                Ok(Some(there)) => drop(made.insert(&task.key, there)),
                Ok(None) => {}
                Err(not_told) => return not_told.into(),
            }
        }
        match made.len() {
            0 => Found::No,
            count if count == list.tasks.len() => Found::Yes { receipt: receipt(list, &made) },
            _ if goes_on => Found::No,
            _ => Found::Unknown { reason: format!("created so far: {}", receipt(list, &made)) },
        }
    }

    /// Says why a task has no form there.
    fn no_form(&self, task: &Task) -> Option<String> {
        match self {
            Sink::Null | Sink::Rest(_) => None,
            Sink::Forge { .. } => forge::wire::marked(&task.body, &task.key).err(),
        }
    }

    fn dedupes(&self) -> bool {
        match self {
            Sink::Null | Sink::Rest(_) => REST.dedupes,
            Sink::Forge { .. } => forge::CAPABILITIES.dedupes,
        }
    }

    /// Returns the task that one of these keys has created.
    async fn first_of(
        &self,
        keys: &[Key],
        task: &Task,
        list: &TaskList,
        now: Timestamp,
    ) -> Result<Option<Made>, NotTold> {
        for key in keys {
            let key = TaskList::key(key, task);
            let found = match self {
                Sink::Null => {
                    let reason = "the wiring names no tracker that could be asked".to_owned();
                    return Err(NotTold::Away(reason));
                }
                Sink::Rest(rest) => wire::read_found(rest.client.call(&wire::find(&key)).await, &key)?,
                Sink::Forge { forge, repository } => {
                    let marker = forge::wire::marker(&key);
                    match forge.find_issue_by_marker(repository, &marker, list.since, now).await {
                        Found::Yes { receipt } => Some(Made { reference: receipt, url: String::new() }),
                        Found::No => None,
                        Found::Away { reason } => return Err(NotTold::Away(reason)),
                        Found::Unknown { reason } => return Err(NotTold::Unknown(reason)),
                    }
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn create_one(
        &self,
        list: &TaskList,
        task: &Task,
        key: &Key,
        depends_on: &[&str],
        now: Timestamp,
    ) -> Result<Made, Outcome> {
        let key = TaskList::key(key, task);
        match self {
            Sink::Null => Err(Outcome::Failed { reason: "the sink `null` creates nothing".to_owned() }),
            Sink::Rest(rest) => {
                let request = wire::create(list, task, &key, depends_on);
                wire::read_created(rest.client.call(&request).await, now)
            }
            Sink::Forge { forge, repository } => {
                let body = forge::wire::marked(&wire::with_earlier(&task.body, depends_on), &key)
                    .map_err(|reason| Outcome::Failed { reason })?;
                match forge.create_issue(repository, &task.title, &body, &task.labels, now).await {
                    Outcome::Delivered { receipt } => Ok(Made { reference: receipt, url: String::new() }),
                    other => Err(other),
                }
            }
        }
    }
}

/// Says in an outcome how far a list came.
fn told(outcome: Outcome, at: &Task, list: &TaskList, made: &BTreeMap<&str, Made>) -> Outcome {
    let said = |reason: String| {
        let so_far = if made.is_empty() {
            String::new()
        } else {
            format!("; created so far: {}", receipt(list, made))
        };
        text::one_line(&format!("task `{}`: {reason}{so_far}", at.key), TOLD_CHARS_MAX)
    };
    match outcome {
        Outcome::Deferred { until, reason } => Outcome::Deferred { until, reason: said(reason) },
        Outcome::Failed { reason } => Outcome::Failed { reason: said(reason) },
        Outcome::Unsure { reason } => Outcome::Unsure { reason: said(reason) },
        delivered @ Outcome::Delivered { .. } => delivered,
    }
}

/// Names what was created: `export is T-1 (https://…), docs is T-2`.
fn receipt(list: &TaskList, made: &BTreeMap<&str, Made>) -> String {
    let one = |task: &Task| {
        let Made { reference, url } = made.get(task.key.as_str())?;
        let place = if url.is_empty() { String::new() } else { format!(" ({url})") };
        Some(format!("{} is {reference}{place}", task.key))
    };
    let all: Vec<String> = list.tasks.iter().filter_map(one).collect();
    text::one_line(&all.join(", "), TOLD_CHARS_MAX)
}
