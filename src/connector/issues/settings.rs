//! What the wiring says about a tracker.

use std::time::Duration;

use crate::http::Token;

/// A tracker that speaks the contract of the issue sink.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base URL, a path prefix included.
    pub url: String,
    /// The bearer token, where one is wanted.
    pub token: Option<Token>,
    /// How long each call may take.
    pub timeout: Duration,
}
