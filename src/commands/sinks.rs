//! Builds what takes tasks, when it is first needed, with its credential.

use super::wire::{new_forge, token};
use crate::config::sinks::{ISSUES, IssuesWiring};
use crate::connector::ConnectorError;
use crate::connector::forge;
use crate::connector::issues::{self, Rest, Sink};
use crate::diagnostics::Credentials;
use crate::outgoing::Capabilities;

/// Returns what a sink can do, without building it.
pub fn capabilities(wiring: &IssuesWiring) -> Capabilities {
    match wiring {
        // What was given to a tracker is asked for there, once the wiring names it again.
        IssuesWiring::Null | IssuesWiring::Rest(_) => issues::REST,
        IssuesWiring::Forge(_) => forge::CAPABILITIES,
    }
}

/// Builds a sink.
pub async fn open(wiring: &IssuesWiring, credentials: &Credentials) -> Result<Sink, ConnectorError> {
    match wiring {
        IssuesWiring::Null => Ok(Sink::Null),
        IssuesWiring::Rest(rest) => {
            let token = match &rest.token {
                Some(reference) => Some(token(reference, credentials).await?),
                None => None,
            };
            Rest::new(rest.settings(token))
                .map(Sink::Rest)
                .map_err(|error| ConnectorError::Refused { what: error.to_string(), hint: None })
        }
        IssuesWiring::Forge(wiring) => {
            let forge = new_forge(ISSUES, wiring, credentials).await?;
            match wiring.repositories.first() {
                Some(repository) => Ok(Sink::Forge { forge, repository: repository.clone() }),
                None => Err(missing(ISSUES)),
            }
        }
    }
}

/// Says that the wiring has no such section.
pub fn missing(name: &str) -> ConnectorError {
    ConnectorError::Refused {
        what: format!("the wiring has no section [{name}]"),
        hint: Some("add it to the wiring file".to_owned()),
    }
}
