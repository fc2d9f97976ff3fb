//! The state table as documentation: every answer of [`next`], written down.
//!
//! `docs/reliability.md` holds this text, and a test compares the two. It must never say anything
//! that [`next`] did not answer.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

use super::{Facts, OnDesk, Step, Waiting, next};
use crate::entry::{Claimed, Drafted, Entry, Fact, Ignored};
use crate::id::ObjectId;
use crate::outgoing::Capabilities;
use crate::plan::{Action, Tier};

const HERE: &str = "this machine";
const ELSEWHERE: &str = "another machine";
const CLAIMED: ObjectId = ObjectId::new([1; 20]);
const OTHER: ObjectId = ObjectId::new([2; 20]);

/// Returns the state table as Markdown: on the desk, last entry of the ledger, next step.
pub fn markdown() -> String {
    let desks = [
        ("absent", OnDesk::Absent),
        ("draft", OnDesk::Draft(OTHER)),
        ("approved: nothing claimed, or the claimed text", OnDesk::Approved(CLAIMED)),
        ("approved: another text than the claimed one", OnDesk::Approved(OTHER)),
        ("unreadable", OnDesk::Unreadable),
    ];
    let mut table = String::from("| on the desk | last entry | next step |\n|---|---|---|\n");
    for (desk, on_desk) in desks {
        let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
        for case in cases() {
            let was_claimed = case.story.iter().any(|entry| matches!(entry.fact, Fact::Claimed(_)));
            if on_desk == OnDesk::Approved(OTHER) && !was_claimed {
                continue;
            }
            let step = words(&next(on_desk, &case.story, &case.facts));
            match rows.iter_mut().find(|(known, _)| *known == step) {
                Some((_, names)) => names.push(case.name),
                None => rows.push((step, vec![case.name])),
            }
        }
        for (step, names) in rows {
            let names =
                if on_desk == OnDesk::Unreadable { "any, or none".to_owned() } else { names.join(", ") };
            writeln!(table, "| {desk} | {names} | {step} |").expect("a string takes everything");
        }
    }
    table
}

struct Case {
    name: &'static str,
    story: Vec<Entry>,
    facts: Facts,
}

fn cases() -> Vec<Case> {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
    let facts = |dedupes: bool, can_find: bool, rehearses: bool| Facts {
        now,
        host: HERE.to_owned(),
        capabilities: Capabilities { dedupes, can_find },
        rehearses,
    };
    let entry = |host: &str, fact: Fact| Entry { at: now, host: host.to_owned(), generation: 1, fact };
    let word = || "x".to_owned();
    let ignored =
        || Fact::Ignored(Ignored { message: word(), digest: word(), fetched: None, reason: word() });
    let withdrawn = |resend: bool| Fact::Withdrawn { reason: word(), resend };
    let deferred =
        |hours: i64| Fact::Deferred { until: now + SignedDuration::from_hours(hours), reason: word() };
    let rejected = || Fact::Rejected { by: word(), reason: word(), commit: OTHER };
    let plain = facts(false, false, false);
    let mut cases = vec![
        Case { name: "none", story: vec![], facts: plain.clone() },
        Case { name: "`ignored`", story: vec![entry(HERE, ignored())], facts: plain.clone() },
    ];
    let mut add = |name, host: &str, claimed: bool, fact: Option<Fact>, facts: &Facts| {
        let mut story = vec![entry(HERE, drafted(Action::Reply))];
        if claimed {
            story.push(entry(HERE, claim()));
        }
        story.extend(fact.map(|fact| entry(host, fact)));
        cases.push(Case { name, story, facts: facts.clone() });
    };
    add("`drafted`", HERE, false, None, &plain);
    add("`claimed`", HERE, true, None, &plain);
    let sending = Some(Fact::Sending);
    let asked = facts(true, true, false);
    let deduped = facts(true, false, false);
    let slow = facts(false, true, false);
    let later = |facts: &Facts| Facts { now: now + SignedDuration::from_hours(1), ..facts.clone() };
    for (name, facts) in [
        ("`sending` (it can be asked and dedupes; in the last two minutes)", asked.clone()),
        ("`sending` (it can be asked and dedupes; longer ago)", later(&asked)),
        ("`sending` (it can be asked and does not dedupe; in the last two minutes)", slow.clone()),
        ("`sending` (it can be asked and does not dedupe; longer ago)", later(&slow)),
    ] {
        add(name, HERE, true, sending.clone(), &facts);
    }
    add("`sending` (the receiver delivers a key once)", HERE, true, sending.clone(), &deduped);
    add("`sending` (the receiver can do neither)", HERE, true, sending.clone(), &plain);
    add("`sending` of another machine (in the last half hour)", ELSEWHERE, true, sending.clone(), &plain);
    add("`sending` of another machine (longer ago)", ELSEWHERE, true, sending, &later(&plain));
    add("`sent`", HERE, true, Some(Fact::Sent { receipt: word() }), &plain);
    add("`deferred` (until later)", HERE, true, Some(deferred(1)), &plain);
    add("`deferred` (the time is over)", HERE, true, Some(deferred(-1)), &plain);
    add("`failed`", HERE, true, Some(Fact::Failed { reason: word() }), &plain);
    add("`unsure`", HERE, true, Some(Fact::Unsure { reason: word() }), &plain);
    add("`stale`", HERE, true, Some(Fact::Stale { newer: word() }), &plain);
    let rehearsed = || Some(Fact::Rehearsed { spec_hash: word() });
    add("`rehearsed` (the transport is still `null`)", HERE, true, rehearsed(), &facts(true, true, true));
    add("`rehearsed` (the transport is another now)", HERE, true, rehearsed(), &plain);
    add("`withdrawn`", HERE, true, Some(withdrawn(false)), &plain);
    add("`withdrawn` (by `resolve --resend`)", HERE, true, Some(withdrawn(true)), &plain);
    add("`rejected`", HERE, false, Some(rejected()), &plain);
    add("`expired`", HERE, false, Some(Fact::Expired), &plain);
    add("`superseded`", HERE, false, Some(Fact::Superseded { by: word() }), &plain);
    let mut add_list = |name, fact: Fact| {
        let facts = [drafted(Action::Issue), claim(), Fact::Sending, fact];
        let story = facts.into_iter().map(|fact| entry(HERE, fact)).collect();
        cases.push(Case { name, story, facts: asked.clone() });
    };
    add_list("`deferred` (a list of tasks that had begun; until later)", deferred(1));
    add_list("`deferred` (a list of tasks that had begun; the time is over)", deferred(-1));
    add_list("`claimed` (a list of tasks that had begun)", claim());
    cases
}

fn drafted(action: Action) -> Fact {
    Fact::Drafted(Box::new(Drafted {
        message: String::new(),
        digest: String::new(),
        fetched: None,
        source: String::new(),
        thread: String::new(),
        date: None,
        references: vec![],
        to: vec![],
        cc: vec![],
        action,
        tier: Tier::Medium,
        path: String::new(),
        blob: OTHER,
        policy: OTHER,
        desk: OTHER,
        brain: String::new(),
        confidence: None,
        prompt: None,
        reply: None,
        guidance: None,
    }))
}

fn claim() -> Fact {
    Fact::Claimed(Claimed {
        blob: CLAIMED,
        attachments: vec![],
        commit: OTHER,
        approver: String::new(),
        signer: None,
        transport: String::new(),
        overrides: Vec::new(),
    })
}

fn words(step: &Step) -> String {
    let fixed = match step {
        Step::Done => "nothing",
        Step::Wait(waiting) => waits(*waiting),
        Step::Until(_) => "wait until the time is over",
        Step::JudgeRemoval => {
            "find who removed it: a person's commit is noted as `rejected`; otherwise land it (again)"
        }
        Step::Withdraw => "note `withdrawn`",
        Step::Claim { generation, .. } => {
            return format!("judge the approval, then `claimed` as generation {generation}");
        }
        Step::Send { .. } => "look again, then `sending`, transmit, and note what came of it",
        Step::Ask { resend: true } => {
            "ask the receiver: there, `sent`; not there, the same bytes with the same key; no answer, `unsure`"
        }
        Step::Ask { resend: false } => {
            "ask the receiver: there, `sent`; not there, `withdrawn`; no answer, `unsure`"
        }
        Step::Resend => "the same bytes with the same key: the receiver delivers them once",
        Step::NoteUnsure => "note `unsure`",
        Step::Clear { .. } => "take the file off the desk",
    };
    fixed.to_owned()
}

fn waits(waiting: Waiting) -> &'static str {
    match waiting {
        Waiting::Decision => "wait for a person's decision",
        Waiting::Resolve => "wait for `git drafts resolve`",
        Waiting::Failed => "wait for another text, or `resolve --resend`: the other side said no",
        Waiting::Stale => "wait for another text, or `resolve --resend`: the thread moved on",
        Waiting::Rehearsed => "wait for another transport: this one only rehearses",
        Waiting::EditedAfter => "say that it was changed after it was sent; nothing more is sent",
        Waiting::NoMemory => "say that the ledger does not know it; nothing is sent",
        Waiting::Unreadable => "say what is wrong, with `path:line`; nothing is sent, nothing is rejected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_state() {
        let table = markdown();
        for row in [
            "| absent | none, `ignored`, `sent`,",
            "| approved: another text than the claimed one | `claimed`,",
            "| unreadable | any, or none | say what is wrong",
        ] {
            assert!(table.contains(row), "{row}\n{table}");
        }
        assert_eq!(cases().len(), 28);
    }
}
