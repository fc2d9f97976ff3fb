//! Brains read one message and say what they would do about it; the policy judges that.
//!
//! A brain must never choose a recipient, an account or a thread, hold a credential of a source or
//! a transport, or send. `rules` is a catalogue without model and network; `model` asks a language
//! model in one of several ways (`protocol`, `program`), as often as `retry` allows. `facts` asks the
//! operator's own systems what they know about a message.

pub mod facts;
pub mod model;
pub mod program;
pub mod protocol;
pub mod retry;
pub mod rules;

use crate::plan::{Plan, Tier};
use crate::prompt::Prompt;

/// What a brain answered, and what is noted beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What it would do.
    pub plan: Plan,
    /// The route that answered, where a catalogue did.
    pub route: Option<String>,
    /// The tier that the route asks for; it may only raise the policy's.
    pub tier: Option<Tier>,
    /// The brain's name for the `Brain` trailer.
    pub brain: String,
    /// What a model was asked, and what it said.
    pub exchange: Option<Exchange>,
    /// What a person should know about the reply, in our own words.
    pub findings: Vec<String>,
}

/// One question to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The whole prompt.
    pub prompt: Prompt,
    /// What the operator's own systems say about the message, which stands in the prompt.
    pub facts: Option<String>,
    /// `sha256:` and the digest of the prompt.
    pub prompt_digest: String,
    /// `sha256:` and the digest of the reply; none where there was none. The reply itself is not kept.
    pub reply_digest: Option<String>,
}

impl From<rules::Routed> for Planned {
    fn from(routed: rules::Routed) -> Self {
        let rules::Routed { plan, route, tier, brain: _ } = routed;
        Self { plan, route, tier, brain: "rules".to_owned(), exchange: None, findings: Vec::new() }
    }
}
