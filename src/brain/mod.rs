//! Brains read one message and say what they would do about it; the policy judges that.
//!
//! A brain must never choose a recipient, an account or a thread, hold a credential of a source or
//! a transport, or send. [`Brain`] is a closed list: every later kind joins it here.

pub mod rules;

use crate::error::Hint;
use crate::message::Message;
use crate::plan::{Plan, Tier};

/// Whatever may be asked for a plan.
#[derive(Debug)]
pub enum Brain {
    /// The catalogue of routes: no model, no network.
    Rules(rules::Catalogue),
}

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
}

/// Why a brain gave no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrainError {
    /// It cannot be reached; the message waits and is tried again.
    #[error("{what}")]
    Away {
        /// What was tried and what came back, one line.
        what: String,
    },
    /// It answered, and what it said is no plan or will be the same next time.
    #[error("{what}")]
    Refused {
        /// What it said, one line.
        what: String,
        /// What the operator can do about it.
        hint: Option<String>,
    },
}

impl Hint for BrainError {
    fn hint(&self) -> Option<String> {
        match self {
            BrainError::Away { .. } => None,
            BrainError::Refused { hint, .. } => hint.clone(),
        }
    }
}

impl Brain {
    /// Asks for a plan for `message`.
    ///
    /// Rules answer at once; brains behind a network are why this waits.
    pub async fn plan(&self, message: &Message) -> Result<Planned, BrainError> {
        match self {
            Brain::Rules(catalogue) => {
                let rules::Routed { plan, route, tier } = rules::plan(catalogue, message);
                Ok(Planned { plan, route, tier, brain: "rules".to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    #[test]
    fn rules_name_the_route_and_themselves() {
        let text = "version = 1\ndefault.action = \"ignore\"\n[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\nanswer = \"b\"\n";
        let brain = Brain::Rules(rules::Catalogue::load("routes.toml", text).unwrap());
        let message = Message { body: "x".to_owned(), ..Message::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let planned = runtime.block_on(brain.plan(&message)).unwrap();
        assert_eq!(
            (planned.plan.action, planned.route.as_deref(), planned.tier),
            (Action::RouteAnswer, Some("a"), None)
        );
        assert_eq!(planned.brain, "rules");
    }
}
