//! Looks at who wrote and at what a brain wants to say, before either is judged.

use super::Tick;
use crate::brain::Planned;
use crate::commands::changes;
use crate::commands::links::said;
use crate::config::SourceWiring;
use crate::content::links::{self, Known};
use crate::content::{self, likeness};
use crate::draft;
use crate::entry::drafted;
use crate::message::{Address, Message};
use crate::patch;
use crate::plan::{Action, Plan};
use crate::policy::{self, Finding};
use crate::task;
use crate::text;

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
        let plan = &mut planned.plan;
        match plan.action {
            Action::Escalate => return Ok(Vec::new()),
            Action::Issue => return self.clean_tasks(wiring, plan, messages),
            Action::Patch => return self.clean_patch(wiring, plan, messages),
            Action::Reply
            | Action::RouteAnswer
            | Action::Note
            | Action::MarkRead
            | Action::Run
            | Action::Ignore => {}
        }
        let mut findings = if wiring.passes_on() { copied(&plan.body, messages) } else { Vec::new() };
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

    /// Does the same with tasks. A tracker acts on mentions, as all do.
    fn clean_tasks(
        &self,
        wiring: &SourceWiring,
        plan: &mut Plan,
        messages: &[&Message],
    ) -> Result<Vec<String>, String> {
        let known = self.known(wiring, messages);
        let mut findings = copied(&task::readable(&plan.tasks), messages);
        let unknown = policy::unknown_labels(&self.policy, &plan.tasks);
        for label in &unknown {
            let finding = Finding::UnknownLabel(text::one_line(label, 60));
            findings.push(format!("{finding}, and was left out"));
        }
        let tangled = || "a task is too tangled to make its links text".to_owned();
        for task in &mut plan.tasks {
            task.labels.retain(|label| !unknown.contains(label));
            let title = content::cleaned(&task.title, &known, true).ok_or_else(tangled)?;
            let body =
                content::cleaned(&draft::canonical_body(&task.body), &known, true).ok_or_else(tangled)?;
            task.title = text::one_line(&title.body, task::TITLE_CHARS_MAX);
            task.body = task::canonical_body(&body.body);
            for finding in title.findings.into_iter().chain(body.findings) {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        task::in_order(&plan.tasks).map_err(|flaw| format!("the tasks are unclear: {flaw}"))?;
        plan.subject = messages.last().map(|message| message.subject.clone());
        Ok(findings)
    }

    /// Makes a brain's diff one that fits, and says what it adds that leads elsewhere: in a diff nothing can
    /// be made text.
    fn clean_patch(
        &self,
        wiring: &SourceWiring,
        plan: &mut Plan,
        messages: &[&Message],
    ) -> Result<Vec<String>, String> {
        let Some(patches) = &self.session.wiring.patches else {
            return Err("the wiring says nowhere what patches may change".to_owned());
        };
        let (path, diff) = changes::drafted(patches, &plan.body)?;
        let added: Vec<&str> = diff.lines().skip(2).filter_map(|line| line.strip_prefix('+')).collect();
        let added = added.join("\n");
        let mut findings = copied(&added, messages);
        let links = links::unknown(&added, &[&self.known(wiring, messages)]);
        findings.extend(links.iter().map(said));
        plan.body = patch::body("", &diff);
        plan.subject.get_or_insert_with(|| format!("Change {path}"));
        Ok(findings)
    }

    /// Says whom the sender only looks like: ourselves, an approver, or somebody who waits for an answer.
    pub(super) fn look_alike(&self, from: &Address) -> Option<String> {
        let known = self.acquainted.get_or_init(|| {
            let ours = self.session.wiring.sources.iter().flat_map(|source| &source.address);
            let approvers: Vec<Address> =
                self.policy.approvers.iter().map(|email| Address::new("", email)).collect();
            let asked = self.stories.iter().filter_map(|(_, story)| drafted(story));
            let asked = asked.flat_map(|origin| origin.to.iter().chain(&origin.cc));
            likeness::Known::new(ours.chain(&approvers).chain(asked))
        });
        known.look_alike(from)
    }

    /// Returns the links of a thread, of those who take part, and of what the operator wrote.
    fn known(&self, wiring: &SourceWiring, messages: &[&Message]) -> Known {
        let own = self.own_links.get_or_init(|| {
            let mut known = Known::new(&self.policy.links);
            known.learn(self.brains.instructions());
            known
        });
        let mut known = own.clone();
        for message in messages {
            known.learn(&message.subject);
            known.learn(&message.body);
            let people = [&message.to, &message.cc, &message.reply_to, &wiring.address];
            people.into_iter().flatten().chain([&message.from]).for_each(|one| known.learn_address(one));
        }
        known
    }
}

/// Tells how much of a text that is no answer was copied rather than written: what an outsider wrote is to be
/// verified and put into the operator's own words.
fn copied(text: &str, messages: &[&Message]) -> Vec<String> {
    let bodies = messages.iter().map(|message| message.body.as_str());
    let letters = content::copied::longest_run(text, bodies);
    letters
        .map(|letters| format!("{letters} letters in a row are copied from the message"))
        .into_iter()
        .collect()
}
