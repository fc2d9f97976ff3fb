//! Tells which links of a draft a person added that stand neither in its thread nor on the policy's list.
//!
//! What a person typed is never changed; it is shown, and held only where the policy asks for that.

use std::cell::OnceCell;

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

/// The files of the operator's own words, whose links are allowed.
const OWN: [&str; 2] = ["instructions.md", "routes.toml"];

/// The links of the operator's own words at one commit of the desk, read when they are first asked for, and
/// once, however many drafts they are asked about.
pub struct OwnWords<'r> {
    repository: &'r Repository,
    tip: ObjectId,
    known: OnceCell<Known>,
}

impl<'r> OwnWords<'r> {
    /// Names the commit; reads nothing yet.
    pub fn at(repository: &'r Repository, tip: ObjectId) -> Self {
        Self { repository, tip, known: OnceCell::new() }
    }

    fn known(&self) -> Result<&Known> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let mut known = Known::default();
        for path in OWN {
            if let Some(bytes) = self.repository.file_at(self.tip, path)? {
                known.learn(&String::from_utf8_lossy(&bytes));
            }
        }
        Ok(self.known.get_or_init(|| known))
    }
}

/// Returns the links of a draft that are neither in its thread, as far as that is kept, nor in the
/// operator's own words, nor on the list of each policy.
pub fn outside(
    own: &OwnWords<'_>,
    snapshot: &Snapshot<'_>,
    policies: &[&Policy],
    found: &Draft,
) -> Result<Vec<Link>> {
    // Most answers have none.
    if links::unknown(&found.body, &[]).is_empty() {
        return Ok(Vec::new());
    }
    // What the machine drafted has the thread below it, and all links that it left in its answer.
    let mut thread = Known::default();
    if let Some(bytes) = snapshot.file(found.id(), "drafted", "md")? {
        thread.learn(&String::from_utf8_lossy(&bytes));
    }
    let story = snapshot.story(found.id())?;
    let people = found.to.iter().chain(&found.cc).chain(drafted(&story).into_iter().flat_map(envelope));
    people.for_each(|address| thread.learn_address(address));
    if links::unknown(&found.body, &[&thread]).is_empty() {
        return Ok(Vec::new());
    }
    let mut outside: Vec<Link> = Vec::new();
    for policy in policies {
        let allowed = Known::new(&policy.links);
        for link in links::unknown(&found.body, &[&thread, own.known()?, &allowed]) {
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
                "if it is right, leave it; `[links]` in drafts.toml lists links not to warn about",
            );
            error.at(line_of(link))
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
