//! Tells which links of a draft a person added that stand neither in its thread nor on the policy's list.
//!
//! What a person typed is never changed; it is shown, and held only where the policy asks for that.

use super::Result;
use crate::content::links::{self, Known, Link};
use crate::draft::Draft;
use crate::entry::{Drafted, drafted};
use crate::error::FileError;
use crate::git::Repository;
use crate::id::ObjectId;
use crate::ledger::Snapshot;
use crate::policy::Policy;
use crate::text;

/// The operator's own words on the desk, whose links are allowed.
const OWN: [&str; 2] = ["instructions.md", "routes.toml"];

/// Returns the links of a draft that are neither in its thread, as far as that is kept, nor in what the
/// operator committed on `tip`, nor on the list of each policy.
pub fn outside(
    repository: &Repository,
    snapshot: &Snapshot<'_>,
    tip: ObjectId,
    policies: &[&Policy],
    found: &Draft,
) -> Result<Vec<Link>> {
    // Most answers have none.
    if links::unknown(&found.body, &Known::default()).is_empty() {
        return Ok(Vec::new());
    }
    let mut texts = vec![snapshot.file(found.id(), "drafted", "md")?];
    for path in OWN {
        texts.push(repository.file_at(tip, path)?);
    }
    let texts: Vec<String> =
        texts.into_iter().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let story = snapshot.story(found.id())?;
    let mut outside: Vec<Link> = Vec::new();
    for policy in policies {
        let mut known = Known::new(&policy.links);
        texts.iter().for_each(|text| known.learn(text));
        let people = found.to.iter().chain(&found.cc).chain(drafted(&story).into_iter().flat_map(envelope));
        people.for_each(|address| known.learn_address(address));
        for link in links::unknown(&found.body, &known) {
            if !outside.contains(&link) {
                outside.push(link);
            }
        }
    }
    Ok(outside)
}

/// Says of each link where it stands in a draft's file.
pub fn errors(path: &str, file: &str, found: &Draft, links: &[Link]) -> Vec<FileError> {
    let line_of = |link: &Link| {
        let start = found.body[..link.place.start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = found.body[start..].lines().next()?;
        file.lines().position(|other| other == line).map(|index| index + 1)
    };
    links
        .iter()
        .map(|link| {
            let error = FileError::new(path, said(link)).with_hint(
                "if it is right, leave it; `[links]` in drafts.toml lists what is not to be spoken of",
            );
            match line_of(link) {
                Some(line) => error.at(line),
                None => error,
            }
        })
        .collect()
}

/// Says what is to be known about a link, in a form that nobody can click.
pub fn said(link: &Link) -> String {
    let shown = text::one_line(&links::unclickable(&link.target), 120);
    format!("a link that is neither in the thread nor on the list: {shown}")
}

fn envelope(origin: &Drafted) -> impl Iterator<Item = &crate::message::Address> {
    origin.to.iter().chain(&origin.cc)
}
