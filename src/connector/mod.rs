//! Sources give messages, transports take answers; each is one of a closed list.
//!
//! A source must never send; a transport must never read an inbox. Neither knows drafts, the
//! ledger or git.

pub mod mail;
pub mod maildir;
pub mod sendmail;

use jiff::Timestamp;

use crate::error::Hint;

/// What a source is asked for.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Messages that came before this are left out; none means all.
    pub since: Option<Timestamp>,
}

/// Why a source could not be read, or a system not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The system is away; trying later is all that is needed.
    #[error("{what}")]
    Away {
        /// What was tried and what came back, one line.
        what: String,
    },
    /// The system answered, and will answer the same next time.
    #[error("{what}")]
    Refused {
        /// What it said, one line.
        what: String,
        /// What the operator can do about it.
        hint: Option<String>,
    },
}

impl Hint for ConnectorError {
    fn hint(&self) -> Option<String> {
        match self {
            ConnectorError::Away { .. } => None,
            ConnectorError::Refused { hint, .. } => hint.clone(),
        }
    }
}
