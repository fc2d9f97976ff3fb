//! Tells new messages from those that the ledger knows, and gives each new one its id.

use super::Tick;
use crate::commands::Result;
use crate::entry::{About, Entry};
use crate::guard::inbound::Identity;
use crate::id::{DraftId, LENGTH};

/// Who has an id.
enum Place {
    /// This very message.
    Known,
    /// Nobody.
    Free(DraftId),
    /// Another message.
    Taken,
}

fn about(story: &[Entry]) -> Option<About<'_>> {
    story.first().and_then(|entry| entry.fact.about())
}

impl Tick<'_> {
    /// Gives a message its id; none where it is known. A message with a known id and another text, and
    /// one whose id clashes, gets an id of its own.
    pub(super) fn identify(&mut self, identity: &Identity) -> Result<Option<DraftId>> {
        if let Some(name) = identity.name_before()
            && let Place::Known = self.place(name, identity)?
        {
            return Ok(None);
        }
        let mut free = None;
        for name in identity.names() {
            match self.place(&name, identity)? {
                Place::Known => return Ok(None),
                Place::Taken => {}
                Place::Free(id) => {
                    free = Some(id);
                    // That one is for when all others are taken.
                    if name != identity.name_by_text() {
                        break;
                    }
                }
            }
        }
        if let Some(id) = &free {
            self.taken.insert(id.clone(), identity.clone());
        }
        Ok(free)
    }

    /// Returns the id and the story of a message that the ledger knows.
    pub(super) fn story_of(&self, identity: &Identity) -> Result<Option<(DraftId, Vec<Entry>)>> {
        let before = identity.name_before().map(str::to_owned);
        for name in before.into_iter().chain(identity.names()) {
            for length in [LENGTH, LENGTH + 2, LENGTH + 4] {
                let id = DraftId::derive(&name, length);
                let story = self.snapshot.story(&id)?;
                let about = story.first().and_then(|entry| entry.fact.about());
                if about.is_some_and(|about| identity.is(&about)) {
                    return Ok(Some((id, story)));
                }
            }
        }
        Ok(None)
    }

    /// Finds out who has the id that is derived from a name.
    fn place(&self, name: &str, identity: &Identity) -> Result<Place> {
        for length in [LENGTH, LENGTH + 2, LENGTH + 4] {
            let id = DraftId::derive(name, length);
            let story;
            let known = match self.taken.get(&id) {
                Some(known) => Some(known.about()),
                // Both are as this tick found them; what is not finished is read already.
                None => match self.stories.binary_search_by(|(known, _)| known.cmp(&id)) {
                    Ok(place) => about(&self.stories[place].1),
                    Err(_) => {
                        story = self.snapshot.story(&id)?;
                        about(&story)
                    }
                },
            };
            match known {
                None => return Ok(Place::Free(id)),
                Some(known) if identity.is(&known) => return Ok(Place::Known),
                // The same id with another text: look for it under another name.
                Some(known) if identity.has_id(&known) => return Ok(Place::Taken),
                Some(_) => {}
            }
        }
        Ok(Place::Taken)
    }
}
