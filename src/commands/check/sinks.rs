//! Whether tasks and changes of files can go where the wiring says, as far as that needs no network.

use std::env;

use super::super::changes;
use super::Look;
use super::finding::Report;
use crate::config::secret::SecretRef;
use crate::config::sinks::{IssuesWiring, PatchesWiring};
use crate::error::Hint;
use crate::ui::counted;

/// Looks at `[issues]` and `[patches]`.
pub async fn look(look: &Look<'_>, report: &mut Report) {
    match &look.session.wiring.issues {
        Some(IssuesWiring::Null) => report.fine("issues", "tasks are rehearsed, and none is created"),
        Some(IssuesWiring::Rest(rest)) => issues(&rest.url, rest.token.as_ref(), report).await,
        Some(IssuesWiring::Forge(forge)) => issues(&forge.url, forge.token.as_ref(), report).await,
        None => {}
    }
    if let Some(wiring) = &look.session.wiring.patches {
        patches(look, wiring, report);
    }
}

async fn issues(url: &str, token: Option<&SecretRef>, report: &mut Report) {
    let Some(token) = token else {
        return report.fine("issues", format!("tasks are created at {url}"));
    };
    // The secret itself goes nowhere.
    match token.resolve(|variable| env::var_os(variable)).await {
        Ok(_) => report.fine("issues", format!("tasks are created at {url}, with the token in {token}")),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "look at `token` of [issues] in the wiring".to_owned());
            report.wrong("issues", format!("tasks cannot be created: {error}"), hint);
        }
    }
}

fn patches(look: &Look<'_>, wiring: &PatchesWiring, report: &mut Report) {
    let shown = look.context.shown(&wiring.repository);
    match changes::trouble(wiring) {
        None => {
            let files = counted(wiring.files.len(), "file");
            report.fine("patches", format!("patches may change {files} of {shown}"));
        }
        Some((why, hint)) => report.wrong(
            "patches",
            format!("patches cannot be applied to {shown}: {why}"),
            hint.unwrap_or_else(|| "look at [patches] in the wiring".to_owned()),
        ),
    }
}
