//! Looks at who wrote and at what a brain wants to say, before either is judged.

use super::Tick;
use crate::brain::Planned;
use crate::config::SourceWiring;
use crate::content::links::Known;
use crate::content::{self, copied, likeness};
use crate::draft;
use crate::entry::drafted;
use crate::message::{Address, Message};
use crate::plan::Action;

impl Tick<'_> {
    /// Makes a plan's text one in which nothing acts, leads or loads that nobody allowed.
    ///
    /// Returns what a person should know first, or why the plan must not become a draft.
    pub(super) fn clean(
        &self,
        wiring: &SourceWiring,
        planned: &mut Planned,
        messages: &[&Message],
    ) -> Result<Vec<String>, String> {
        let mut findings = Vec::new();
        let plan = &mut planned.plan;
        if plan.action == Action::Issue {
            let bodies = messages.iter().map(|message| message.body.as_str());
            if let Some(letters) = copied::longest_run(&plan.body, bodies) {
                findings.push(format!("{letters} letters in a row are copied from the message"));
            }
        }
        if plan.action == Action::Escalate {
            return Ok(findings);
        }
        let body = draft::canonical_body(&plan.body);
        let mut known = self.known(wiring, messages);
        if planned.exchange.is_none() {
            // The catalogue is the operator's own text.
            known.learn(&body);
        }
        let transport = self.session.wiring.transport(&wiring.transport);
        let acts = transport.is_some_and(|transport| transport.kind.acts_on_mentions());
        let Some(cleaned) = content::cleaned(&body, &known, acts) else {
            return Err("the answer is too tangled to make its links text".to_owned());
        };
        findings.extend(cleaned.findings);
        plan.body = cleaned.body;
        let wants = plan.subject.as_deref().unwrap_or_default();
        if content::cleaned(wants, &known, acts).is_none_or(|cleaned| cleaned.body != wants) {
            plan.subject = None;
            findings.push("a subject with a link or a mention in it was not taken".to_owned());
        }
        Ok(findings)
    }

    /// Says whom the sender only looks like: ourselves, an approver, or somebody who waits for an answer.
    pub(super) fn look_alike(&self, from: &Address) -> Option<String> {
        let ours = self.session.wiring.sources.iter().flat_map(|source| source.address.iter().cloned());
        let approvers = self.policy.approvers.iter().map(|email| Address::new("", email));
        let asked = self.stories.iter().filter_map(|(_, story)| drafted(story));
        let asked = asked.flat_map(|origin| origin.to.iter().chain(&origin.cc).cloned());
        likeness::look_alike(from, &ours.chain(approvers).chain(asked).collect::<Vec<_>>())
    }

    /// Returns the links of a thread, of those who take part, and of what the operator wrote.
    fn known(&self, wiring: &SourceWiring, messages: &[&Message]) -> Known {
        let mut known = Known::new(&self.policy.links);
        known.learn(self.brains.instructions());
        for message in messages {
            known.learn(&message.subject);
            known.learn(&message.body);
            let people = [&message.to, &message.cc, &message.reply_to, &wiring.address];
            people.into_iter().flatten().chain([&message.from]).for_each(|one| known.learn_address(one));
        }
        known
    }
}
