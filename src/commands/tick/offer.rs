//! Says what language models may plan beside an answer: only what this desk has a place for.

use crate::commands::{Context, Session, changes};
use crate::guard::{Class, Secrets};
use crate::policy::Policy;
use crate::prompt::{Changeable, FILE_BYTES_MAX, Offer};

/// Returns the offer of a tick.
///
/// A file that cannot be shown is not offered, and that is said: a patch rests on the lines that are there.
pub fn of(context: &Context, session: &Session, policy: &Policy, secrets: &Secrets) -> Offer {
    let labels = session.wiring.issues.as_ref().map(|_| policy.labels.clone());
    let Some(wiring) = &session.wiring.patches else { return Offer { labels, files: Vec::new() } };
    let (files, mut troubles) = changes::offered(wiring, FILE_BYTES_MAX);
    let mut shown = Vec::new();
    for (path, text) in files {
        match secrets.find(&text, None).into_iter().find(|found| found.class > Class::Soft) {
            Some(found) => troubles.push(format!("there is a secret in `{path}` ({})", found.kind)),
            None => shown.push(Changeable { path, text }),
        }
    }
    for trouble in troubles {
        context.ui.warn(format!("no patch of it is offered to language models: {trouble}"));
    }
    Offer { labels, files: shown }
}
