//! Makes of a claim what goes out, and of a draft what it asks for.

use super::judgement::{self, Case, Stop};
use super::{Result, changes};
use crate::delivery::generation;
use crate::desk::DeskFile;
use crate::draft::Draft;
use crate::entry::{Entry, Fact, claim, drafted};
use crate::errand::Errand;
use crate::error::FileError;
use crate::git::Repository;
use crate::ledger::Ledger;
use crate::message::Address;
use crate::outgoing::{Attachment, Key, Outgoing};
use crate::plan::Action;
use crate::policy;
use crate::render;
use crate::text;

/// Renders the answer of the last claim of a story from the claimed blobs, with what else it asks for; none
/// where there is no claim, or its text cannot be read any more.
pub fn rendered(
    repository: &Repository,
    key: Key,
    from: Address,
    story: &[Entry],
) -> Result<Option<(Outgoing, Errand)>> {
    let (Some((Entry { at, .. }, claimed)), Some(origin)) = (claim(story), drafted(story)) else {
        return Ok(None);
    };
    let bytes = repository.read(claimed.blob)?;
    let file = String::from_utf8_lossy(&bytes);
    let Ok(found) = Draft::parse(&origin.path, &file) else { return Ok(None) };
    let errand = of(&found, &origin.path, &file, &key, story)?;
    let attachments = found
        .attach
        .iter()
        .zip(&claimed.attachments)
        .map(|(path, blob)| {
            Ok(Attachment { name: judgement::file_name(path), bytes: repository.read(*blob)? })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Some((render::outgoing(key, *at, from, origin, &found, attachments), errand)))
}

/// Returns what a draft asks for beside an answer.
///
/// # Errors
/// What is wrong with its text, with `path:line`.
pub fn of(
    found: &Draft,
    path: &str,
    file: &str,
    key: &Key,
    story: &[Entry],
) -> std::result::Result<Errand, FileError> {
    let since = story.first().map(|entry| entry.at);
    Errand::of(found, path, file, key, since).map_err(|flaw| FileError::new(path, flaw.what).at(flaw.line))
}

/// Looks at what an approval asks for beside an answer: whether all of it can be done, and is what was
/// rehearsed.
pub fn check(case: &Case<'_>, file: &DeskFile, found: &Draft) -> std::result::Result<(), Stop> {
    match found.effective_action() {
        Action::Issue => check_tasks(case, file, found),
        Action::Patch => {
            let text = String::from_utf8_lossy(&case.session.repository.read(case.blob)?).into_owned();
            match changes::flaw(&case.session.wiring, found, &file.path, &text) {
                None => Ok(()),
                Some(flaw) => Err(Stop::Held { why: flaw.to_string(), hint: flaw.hint.clone() }),
            }
        }
        Action::Reply
        | Action::RouteAnswer
        | Action::Note
        | Action::MarkRead
        | Action::Run
        | Action::Escalate
        | Action::Ignore => Ok(()),
    }
}

fn check_tasks(case: &Case<'_>, file: &DeskFile, found: &Draft) -> std::result::Result<(), Stop> {
    if let Some(label) = policy::unknown_labels(case.policy, &found.tasks).first() {
        let label = text::one_line(label, 60);
        return Err(Stop::Held {
            why: policy::Finding::UnknownLabel(label).to_string(),
            hint: Some(format!(
                "take it out of {}, or add it to `[issues] labels` in drafts.toml; and commit",
                file.path
            )),
        });
    }
    let number = generation(case.blob, case.story);
    let desk = Ledger::desk_id(&case.session.repository)?.unwrap_or_default();
    let key = Key::new(case.id, number, &desk);
    let Ok(Errand::Tasks(list)) = Errand::of(found, &file.path, "", &key, None) else { return Ok(()) };
    match rehearsed(case.story, number) {
        Some(hash) if *hash != list.hash() => Err(Stop::Held {
            why: "what would be created is not what was rehearsed".to_owned(),
            hint: Some(format!(
                "read {}, and approve it anew: set `draft`, commit, set `approved`, commit",
                file.path
            )),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Returns the hash of what was rehearsed last as this generation.
fn rehearsed(story: &[Entry], generation: u32) -> Option<&String> {
    story.iter().rev().find_map(|entry| match &entry.fact {
        Fact::Rehearsed { spec_hash } if entry.generation == generation => Some(spec_hash),
        _ => None,
    })
}
