//! Asks receivers what they have: about what was interrupted, and about a list that is taken back.

use super::super::errands::rendered;
use super::{Dispatcher, TRIES_MAX, TRY_AGAIN, What};
use crate::delivery::is_begun_list;
use crate::entry::{Entry, Fact, claim};
use crate::id::DraftId;
use crate::ledger::Note;
use crate::message::Address;
use crate::outgoing::{Found, Key};

/// What a receiver says about an interrupted transmission.
pub(super) enum Answer {
    Arrived(String),
    NotThere,
    Later(String),
    Unknown(String),
}

impl Dispatcher<'_, '_, '_> {
    /// Asks the receiver about an interrupted transmission.
    pub(super) async fn ask(&mut self, id: &DraftId, story: &[Entry], resend: bool) -> Answer {
        let Some((entry, claimed)) = claim(story) else {
            return Answer::Unknown("the ledger has no claim of it".to_owned());
        };
        let key = Key::new(id, entry.generation, self.ledger.desk());
        // What it asks for is read before anybody is asked: a list is there if all of it is.
        let read = rendered(&self.session.repository, key, Address::default(), story);
        let (outgoing, errand) = match read {
            Ok(Some(both)) => both,
            Err(error) => return Answer::Later(error.to_string()),
            Ok(None) => return Answer::Unknown("its text cannot be read any more".to_owned()),
        };
        let now = self.context.now();
        match self.connectors.find(&claimed.transport, &outgoing, &errand, resend, now).await {
            Found::Yes { receipt } => Answer::Arrived(receipt),
            Found::No => Answer::NotThere,
            Found::Away { reason } => Answer::Later(reason),
            Found::Unknown { reason } => Answer::Unknown(reason),
        }
    }

    /// Notes that a claim does not stand any more; of a list that had begun, what is there, as soon as the
    /// receiver says so.
    pub(super) async fn taken_back(&mut self, id: &DraftId, story: &[Entry], why: &str) -> Option<Note> {
        if !is_begun_list(story) {
            return Some(self.withdrawn(id, story, why));
        }
        match self.ask(id, story, false).await {
            Answer::Arrived(receipt) => {
                self.tell(id, story, What::Sent);
                Some(self.note(id, story, Fact::Sent { receipt }))
            }
            Answer::NotThere => Some(self.withdrawn(id, story, why)),
            Answer::Unknown(reason) => Some(self.unsure(id, story, &reason)),
            Answer::Later(reason) => {
                self.tries.insert(id.clone(), TRIES_MAX);
                self.later(id, story, self.context.now() + TRY_AGAIN, &reason);
                None
            }
        }
    }
}
