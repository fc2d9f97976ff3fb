//! What the wiring says about where tasks and changes of files go: `[issues]` and `[patches]`.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::secret::SecretRef;
use crate::config::{ForgeWiring, SourceWiring, Wiring};
use crate::connector::issues::settings::Settings;
use crate::http::Token;
use crate::plan::Action;

/// The name under which tasks go out; no transport is called so.
pub const ISSUES: &str = "issues";

/// The name under which changes of files go out; no transport is called so.
pub const PATCHES: &str = "patches";

/// Where tasks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuesWiring {
    /// Nowhere: what would be created is noted.
    Null,
    /// A tracker that speaks the contract of the issue sink.
    Rest(RestWiring),
    /// The issues of one repository of a forge.
    Forge(Box<ForgeWiring>),
}

/// A tracker, as the wiring describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestWiring {
    /// The base URL, checked.
    pub url: String,
    /// Where the bearer token is, where one is wanted.
    pub token: Option<SecretRef>,
    /// How long each call may take.
    pub timeout_seconds: u64,
}

impl RestWiring {
    /// Returns the settings of the connector, with the token that [`RestWiring::token`] refers to.
    pub fn settings(&self, token: Option<Token>) -> Settings {
        Settings { url: self.url.clone(), token, timeout: Duration::from_secs(self.timeout_seconds) }
    }
}

/// Which files patches may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchesWiring {
    /// The repository.
    pub repository: PathBuf,
    /// The files, relative to its top; at least one.
    pub files: Vec<String>,
}

impl Wiring {
    /// Returns the name of what takes what a draft of this source asks for; none where nothing does.
    pub fn way(&self, source: &SourceWiring, action: Action) -> Option<String> {
        match action {
            Action::Issue => self.issues.as_ref().map(|_| ISSUES.to_owned()),
            Action::Patch => self.patches.as_ref().map(|_| PATCHES.to_owned()),
            Action::Reply
            | Action::RouteAnswer
            | Action::Note
            | Action::MarkRead
            | Action::Run
            | Action::Escalate
            | Action::Ignore => Some(source.transport.clone()),
        }
    }
}
