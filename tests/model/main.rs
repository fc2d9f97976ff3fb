//! Every order in which things can happen to one draft, searched whole.
//!
//! The decisions are the program's own: each process asks [`git_drafts::delivery::next`] and carries its answer
//! out by the steps of `src/commands/dispatch.rs`, between any two of which anything else may happen. Around it
//! stands a small world ([`world`]): a desk, a ledger, a receiver, two machines, a person and a clock. Each
//! promise is looked at in every state, and each way to break the protocol must be noticed.

mod desk;
mod search;
mod story;
mod world;

use git_drafts::outgoing::Capabilities;

use search::{Search, search};
use world::{Left, Mutant, Rules};

const NEITHER: Capabilities = Capabilities { dedupes: false, can_find: false };
const DEDUPES: Capabilities = Capabilities { dedupes: true, can_find: false };
const CAN_FIND: Capabilities = Capabilities { dedupes: false, can_find: true };
const BOTH: Capabilities = Capabilities { dedupes: true, can_find: true };

const NOTHING: Left = Left {
    crashes: 0,
    take_overs: 0,
    approvals: 1,
    edits: 0,
    removals: 0,
    losses: 0,
    copies: 0,
    resolves: 0,
    delays: 0,
    holds: 0,
    ticks: 0,
    redrafts: 0,
};

/// What may happen beside an approval: each is a search of its own, so that all of them take seconds.
const SCENES: [(&str, Left); 6] = [
    ("two crashes, a revocation, a reset", Left { crashes: 2, removals: 1, losses: 1, ..NOTHING }),
    ("two crashes, an edit, a word", Left { crashes: 2, edits: 1, resolves: 1, ..NOTHING }),
    ("two machines, a crash", Left { take_overs: 1, crashes: 1, ..NOTHING }),
    ("a crash, an edit, a refusal by policy", Left { crashes: 1, edits: 1, holds: 1, ..NOTHING }),
    ("a copy, a delay, a tick", Left { copies: 1, delays: 1, ticks: 1, ..NOTHING }),
    ("a redraft, a crash, an edit", Left { redrafts: 1, crashes: 1, edits: 1, ..NOTHING }),
];

/// The same with more at once; minutes, and gigabytes.
const LONG_SCENES: [(&str, Left); 6] = [
    ("all that persons do", Left { crashes: 2, edits: 1, removals: 1, losses: 1, resolves: 1, ..NOTHING }),
    ("two machines, two crashes, a revocation", Left { take_overs: 1, crashes: 2, removals: 1, ..NOTHING }),
    ("two machines, an edit", Left { take_overs: 1, edits: 1, ..NOTHING }),
    ("two machines, a crash, a word", Left { take_overs: 1, crashes: 1, resolves: 1, ..NOTHING }),
    ("all the rest", Left { crashes: 1, edits: 1, copies: 1, delays: 1, holds: 1, ticks: 1, ..NOTHING }),
    (
        "a redraft, and all that persons do",
        Left { redrafts: 1, crashes: 2, edits: 1, removals: 1, losses: 1, ..NOTHING },
    ),
];

/// Enough to break what is broken.
const SMALL: Left = Left { crashes: 1, edits: 1, copies: 1, holds: 1, ..NOTHING };

/// Another machine takes over, and the first one has not stopped.
const TWO_MACHINES: Left = Left { take_overs: 1, ..NOTHING };

#[track_caller]
fn keeps_its_promises(receiver: Capabilities, scenes: &[(&str, Left)]) {
    for (scene, left) in scenes {
        match search(&Rules::new(receiver, *left, None), None) {
            Search::Kept { states, steps, stories } => {
                println!(
                    "proof: model: {receiver:?}, {scene}: {states} states, {steps} steps, {stories} stories, nothing wrong"
                );
                assert!(states > 1_000, "the search has become too small to mean anything: {states}");
            }
            Search::Broken { wrong, trace } => panic!("{wrong}\n{}", trace.join("\n")),
        }
    }
}

/// The search must find that this way of working breaks that promise.
#[track_caller]
fn is_caught(receiver: Capabilities, left: Left, mutant: Mutant, promise: &'static str) {
    match search(&Rules::new(receiver, left, Some(mutant)), Some(promise)) {
        Search::Kept { states, .. } => panic!("{mutant:?} goes unnoticed in {states} states"),
        Search::Broken { wrong, trace } => {
            println!("{mutant:?}: {wrong}\n{}\n", trace.join("\n"));
            assert_eq!(wrong, promise);
        }
    }
}

#[test]
fn a_receiver_that_can_do_nothing_gets_it_at_most_once() {
    keeps_its_promises(NEITHER, &SCENES);
}

#[test]
fn a_receiver_that_dedupes_delivers_it_once() {
    keeps_its_promises(DEDUPES, &SCENES);
}

#[test]
fn a_receiver_that_can_be_asked_gets_it_once() {
    keeps_its_promises(CAN_FIND, &SCENES);
}

#[test]
fn a_receiver_that_can_do_both_delivers_it_once() {
    keeps_its_promises(BOTH, &SCENES);
}

#[test]
#[ignore = "the long form: `cargo test --test model -- --ignored --nocapture`"]
fn every_receiver_with_more_at_once() {
    for receiver in [NEITHER, DEDUPES, CAN_FIND, BOTH] {
        keeps_its_promises(receiver, &LONG_SCENES);
    }
}

#[test]
fn without_compare_and_swap_two_machines_send() {
    is_caught(NEITHER, TWO_MACHINES, Mutant::NoCompareAndSwap, world::TWICE);
}

#[test]
fn without_reading_main_again_a_revoked_draft_goes() {
    is_caught(NEITHER, SMALL, Mutant::NoReread, world::NOT_APPROVED);
}

#[test]
fn without_a_last_look_what_was_revoked_while_preparing_goes() {
    is_caught(BOTH, SMALL, Mutant::NoLastLook, world::NOT_APPROVED);
}

#[test]
fn repeating_what_may_have_gone_sends_twice() {
    is_caught(NEITHER, SMALL, Mutant::BlindResend, world::TWICE);
    is_caught(CAN_FIND, SMALL, Mutant::BlindResend, world::TWICE);
}

#[test]
fn noting_a_sending_after_it_went_sends_twice() {
    is_caught(NEITHER, SMALL, Mutant::NoWriteAhead, world::TWICE);
    is_caught(CAN_FIND, SMALL, Mutant::NoWriteAhead, world::TWICE);
}

#[test]
fn a_key_that_is_a_file_name_sends_a_copy_again() {
    is_caught(BOTH, SMALL, Mutant::KeyByFileName, world::TWICE);
}

#[test]
fn a_second_attempt_that_is_not_noted_sends_twice() {
    is_caught(CAN_FIND, SMALL, Mutant::UnnotedRetry, world::TWICE);
}

#[test]
fn a_no_of_a_receiver_that_is_still_busy_is_a_guess() {
    is_caught(CAN_FIND, SMALL, Mutant::NoSettling, world::TWICE);
    is_caught(BOTH, SMALL, Mutant::NoSettling, world::GUESSED);
}

/// Another draft of the same message, beside an approval.
const REDRAFT: Left = Left { redrafts: 1, crashes: 1, ..NOTHING };

#[test]
fn a_redraft_that_does_not_look_at_main_again_replaces_what_was_approved() {
    is_caught(BOTH, REDRAFT, Mutant::LandsAnyway, world::REPLACED);
}

#[test]
fn a_redraft_that_is_never_taken_back_holds_an_approval_for_ever() {
    is_caught(BOTH, REDRAFT, Mutant::NeverTakenBack, search::STUCK);
}

#[test]
fn without_a_hold_an_approval_is_judged_by_another_draft() {
    is_caught(BOTH, REDRAFT, Mutant::NoHold, world::OTHERS);
}

#[test]
fn a_no_to_a_second_attempt_says_nothing_about_the_first() {
    is_caught(DEDUPES, SMALL, Mutant::BelievesSecondNo, world::GUESSED);
    is_caught(BOTH, SMALL, Mutant::BelievesSecondNo, world::GUESSED);
}
