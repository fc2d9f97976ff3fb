//! Whether every brain that a source, a route, a fallback or a shadow names is there, with its program
//! and its credential. It asks nobody anything.

use std::collections::BTreeSet;
use std::env;

use super::super::CommandError;
use super::super::secrets::{self, Make};
use super::super::tick::ask;
use super::Look;
use super::finding::Report;
use super::outside::find_program;
use crate::config::{BrainKind, ModelPlace, ModelWiring};
use crate::desk::Desk;
use crate::error::Hint;

/// Looks at every brain that is named.
pub async fn look(look: &Look<'_>, report: &mut Report) {
    let Ok(desk) = Desk::read(&look.session.repository) else { return };
    let names = named(look, &desk, report);
    let mut models = 0;
    for name in &names {
        if let Some(BrainKind::Model(model)) = look.session.wiring.brain(name).map(|brain| &brain.kind) {
            models += 1;
            self::model(name, model, report).await;
        }
    }
    if models > 0 {
        let read = secrets::load(look.context, &look.session, Make::No)
            .and_then(|secrets| ask::read_instructions(&look.session, &desk, &secrets));
        if let Err(error) = read {
            report.error("instructions", &error);
        }
    }
}

/// Returns the names of all brains that may be asked, and reports routes that name none.
fn named(look: &Look<'_>, desk: &Desk, report: &mut Report) -> BTreeSet<String> {
    let session = &look.session;
    let mut found = BTreeSet::new();
    let mut names: Vec<String> = session.wiring.sources.iter().map(|source| source.brain.clone()).collect();
    while let Some(name) = names.pop() {
        // What a source, a fallback or a shadow names was looked for when the wiring was read.
        let Some(brain) = session.wiring.brain(&name).filter(|_| found.insert(name.clone())) else {
            continue;
        };
        names.extend(brain.shadow.clone());
        match &brain.kind {
            BrainKind::Model(model) => names.extend(model.fallback.clone()),
            BrainKind::Rules { routes } => match ask::catalogue(session, desk, routes.as_ref()) {
                Ok((shown, catalogue)) => {
                    for (brain, line) in catalogue.brains() {
                        match ask::check_model(session, &shown, brain, line) {
                            Ok(()) => names.push(brain.to_owned()),
                            Err(error) => report.error("route.brain", &error),
                        }
                    }
                }
                // The one on the desk is told with the other files there.
                Err(CommandError::Files(_)) if routes.is_none() => {}
                Err(error) => report.error("brain.routes", &error),
            },
        }
    }
    found
}

async fn model(name: &str, model: &ModelWiring, report: &mut Report) {
    let command = match &model.place {
        ModelPlace::Exec { command } => Some(("command", command)),
        ModelPlace::Execute { .. } | ModelPlace::OpenAi { .. } | ModelPlace::Anthropic { .. } => {
            model.tunnel.as_ref().map(|tunnel| ("tunnel", tunnel))
        }
    };
    let mut is_fine = true;
    if let Some((key, command)) = command {
        let program = command.first().map(String::as_str).unwrap_or_default();
        if let Err(why) = find_program(program, env::var_os("PATH")) {
            is_fine = false;
            report.wrong(
                "brain.command",
                format!("brain `{name}`: `{program}` {why}"),
                format!("install it, or name another program as its `{key}`"),
            );
        }
    }
    if let Some(key) = &model.key
        // The secret itself goes nowhere.
        && let Err(error) = key.resolve(|variable| env::var_os(variable)).await
    {
        is_fine = false;
        let hint = error.hint().unwrap_or_else(|| format!("look at `key` of `{name}` in the wiring"));
        report.wrong("brain.key", format!("brain `{name}`: {error}"), hint);
    }
    if is_fine {
        let asks = match &model.place {
            ModelPlace::Exec { command } => {
                format!("runs {}", command.first().map(String::as_str).unwrap_or_default())
            }
            ModelPlace::Execute { url }
            | ModelPlace::OpenAi { url, .. }
            | ModelPlace::Anthropic { url, .. } => format!("asks {url}"),
        };
        let key = model.key.as_ref().map_or_else(String::new, |key| format!(", with its key in {key}"));
        report.fine("brain", format!("brain `{name}` {asks}{key}"));
    }
}
