//! The verdicts and the gates as documentation: every answer of [`judge`] and its neighbours, written
//! down.
//!
//! `docs/reference/policy.md` holds these texts, and a test compares them. They must never say
//! anything that the functions did not answer.

use std::fmt::Write;

use super::{Policy, Recipients, Verdict, judge, strictest_gate, tier_to_send};
use crate::draft::{Draft, Machine, Status};
use crate::id::{DraftId, LENGTH};
use crate::message::{Address, Message};
use crate::plan::{Action, Confidence, Gate, Plan, Tier};
use crate::task::Task;

/// Returns what becomes of each plan under the built-in tiers, as Markdown.
pub fn verdicts() -> String {
    let sure = Confidence::new(1.0).unwrap_or(Confidence::NONE);
    let policy = Policy { confidence_below: sure, ..Policy::built_in() };
    let ada = Address::new("Ada", "ada@example.org");
    let plain = Message { from: ada.clone(), ..Message::default() };
    let remarked = Message { findings: vec!["hidden characters".to_owned()], ..plain.clone() };
    let reachable = Recipients { to: vec![ada], cc: Vec::new() };
    let class = ["asks for a credential".to_owned()];
    let mut table = String::from(
        "| the plan | as it is | too little confidence | a remark about the message | \
         a class that no brain may answer | nobody to answer to |\n|---|---|---|---|---|---|\n",
    );
    for action in Action::ALL.into_iter().filter(|action| *action != Action::Ignore) {
        let body = if matches!(action, Action::Escalate | Action::Issue) { "" } else { "Hello" };
        let task = (action == Action::Issue).then(|| Task {
            key: "a".to_owned(),
            title: "A".to_owned(),
            body: String::new(),
            labels: Vec::new(),
            depends_on: Vec::new(),
        });
        let plan = |confidence| {
            let tasks = task.iter().cloned().collect();
            Plan { action, body: body.to_owned(), confidence, tasks, ..Plan::escalate("") }
        };
        let judged = |message: &Message, confidence, recipients: &Recipients, noted: &[String]| {
            words(action, &judge(&policy, message, &plan(confidence), recipients, noted, None))
        };
        writeln!(
            table,
            "| `{action}` | {} | {} | {} | {} | {} |",
            judged(&plain, sure, &reachable, &[]),
            judged(&plain, Confidence::NONE, &reachable, &[]),
            judged(&remarked, sure, &reachable, &[]),
            judged(&plain, sure, &reachable, &class),
            judged(&plain, sure, &Recipients::default(), &[]),
        )
        .expect("a string takes everything");
    }
    table
}

/// Returns what a draft asks for before it is sent, as Markdown: by its tier, by its recipients, and by
/// the policies of two days.
pub fn gates() -> String {
    let signed = Policy::built_in();
    let plain = Policy { gates: Tier::ALL.map(|tier| (tier, Gate::Approve)).into(), ..signed.clone() };
    let days = [
        ("`approve` for every tier, on both days", [&plain, &plain]),
        ("`approve_signed` for high, on one of them", [&plain, &signed]),
    ];
    let mut table = String::from(
        "| the draft's tier | its recipients | the policies ask for | so it wants |\n|---|---|---|---|\n",
    );
    for tier in Tier::ALL {
        for (people, has_strangers) in [("named by the message", false), ("a new one among them", true)] {
            for (asked, policies) in &days {
                let judged = tier_to_send(policies, &draft(tier), has_strangers);
                let gate = strictest_gate(policies, judged);
                writeln!(table, "| {tier} | {people} | {asked} | `{gate}`, as tier {judged} |")
                    .expect("a string takes everything");
            }
        }
    }
    table
}

fn words(action: Action, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Drafted { tier, .. } if action == Action::Escalate => format!("left to you, {tier}"),
        Verdict::Drafted { tier, .. } => format!("a draft, {tier}"),
        Verdict::Refused { .. } => "refused".to_owned(),
    }
}

/// A catalogue's answer, whose action has the mildest tier, drafted with this one.
pub(super) fn draft(tier: Tier) -> Draft {
    Draft {
        status: Status::Approved,
        to: Vec::new(),
        cc: Vec::new(),
        subject: String::new(),
        send_after: None,
        attach: Vec::new(),
        tasks: Vec::new(),
        machine: Machine {
            id: DraftId::derive("", LENGTH),
            action: Action::RouteAnswer,
            source: String::new(),
            answers: String::new(),
            tier,
            confidence: Confidence::NONE,
            why: String::new(),
            findings: Vec::new(),
        },
        body: String::new(),
        context: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_and_every_tier_has_its_rows() {
        let verdicts = verdicts();
        assert_eq!(verdicts.lines().count(), 2 + Action::ALL.len() - 1);
        for row in [
            "| `reply` | a draft, medium | a draft, high | a draft, high | refused | refused |",
            "| `run` | refused | refused | refused | refused | refused |",
            "| `escalate` | left to you, medium | left to you, medium | left to you, high | left to you, high | left to you, medium |",
        ] {
            assert!(verdicts.contains(row), "{row}\n{verdicts}");
        }
        let gates = gates();
        assert_eq!(gates.lines().count(), 2 + Tier::ALL.len() * 4);
        let row = "| medium | a new one among them | `approve_signed` for high, on one of them | `approve_signed`, as tier high |";
        assert!(gates.contains(row), "{gates}");
    }
}
