//! Two clones over a shared remote: one of them ticks and sends, and handing that over sends nothing twice.

use std::time::Duration;

use crate::post::{KEEP_SLOWLY, times_posted, with_post};
use crate::proof::{Dice, Hands, sized, stories, timed, wait_for_programs};
use crate::support::desk::Desk;

const REFUSES: &str = "another clone of this desk ticks and sends";

#[test]
fn a_clone_that_takes_over_after_a_crash_sends_nothing_twice() {
    let handovers = sized(4, 60);
    let mut dice = Dice::new(5);
    let (mut sent, mut unsure, mut unsure_and_gone) = (0, 0, 0);
    let length = timed(|| _ = about_to_send().send());
    for _ in 0..handovers {
        let kill_after = dice.moment(length);
        let (story, copies) = hand_over(kill_after, &mut dice);
        let facts = format!("killed after {kill_after:?}: {copies} sent: {story}");
        assert!(copies <= 1, "{facts}");
        match story.rsplit(' ').next().unwrap() {
            "sent" => assert_eq!(copies, 1, "{facts}"),
            "unsure" => {
                unsure += 1;
                unsure_and_gone += copies;
            }
            _ => panic!("{facts}"),
        }
        sent += usize::from(story.ends_with("sent"));
    }
    println!(
        "proof: clones: {handovers} handovers after a crash, {sent} sent once, {unsure} unsure (truly gone {unsure_and_gone}), twice 0"
    );
}

/// One clone is killed as it sends, and another takes over; returns the story of the draft, and how often
/// it was given away.
fn hand_over(kill_after: Duration, dice: &mut Dice) -> (String, usize) {
    let desk = about_to_send();
    let id = desk.id("invoice");
    desk.git(&["clone", "-q", "--bare", ".", "../origin.git"]);
    desk.git(&["remote", "add", "origin", "../origin.git"]);

    let here = Hands::of(&desk);
    let mut sender = here.start(&["send"]);
    std::thread::sleep(kill_after);
    sender.kill().unwrap();
    sender.wait().unwrap();
    // A mail program that was started goes on without its sender.
    wait_for_programs(&desk);
    // The lock of a branch that it died with is taken away as git's words say.
    desk.shell("rm -f .git/refs/heads/*.lock").succeeds();
    desk.git(&["push", "-q", "origin", "main", "ledger"]);

    // Another machine: it remembers nothing.
    desk.git(&["clone", "-q", "../origin.git", "../clone"]);
    let there = here.elsewhere(&desk.home().join("clone"), &desk.home().join(".elsewhere"));
    there.git(&["drafts", "init", "."]).succeeds();
    there.git(&["drafts", "send"]).fails(128).says(REFUSES);

    // Whoever is killed as it takes over has taken over, or has not.
    let mut taking = there.start(&["init", "--take-over"]);
    std::thread::sleep(Duration::from_millis(u64::try_from(dice.roll(80)).unwrap()));
    taking.kill().unwrap();
    taking.wait().unwrap();
    there.git(&["drafts", "init", "--take-over"]).succeeds();
    there.git(&["push", "-q", "origin", "ledger"]).succeeds();
    here.git(&["fetch", "-q", "origin", "ledger:ledger"]).succeeds();

    // Both at once: one refuses.
    let both = [here.start(&["send"]), there.start(&["send"])];
    let codes = both.map(|mut sender| sender.wait().unwrap().code());
    assert_eq!(codes, [Some(128), Some(0)]);
    here.git(&["drafts", "send"]).fails(128).says(REFUSES);
    there.git(&["drafts", "send"]).succeeds();

    // And back again, with all that was done over there.
    there.git(&["push", "-q", "origin", "main", "ledger"]).succeeds();
    here.git(&["fetch", "-q", "origin", "ledger:ledger"]).succeeds();
    here.git(&["pull", "-q", "--rebase", "origin", "main"]).succeeds();
    here.git(&["drafts", "init", "--take-over"]).succeeds();
    here.git(&["drafts", "send"]).succeeds();
    (stories(&desk)[&id].join(" "), times_posted(&desk, &id))
}

fn about_to_send() -> Desk {
    let desk = with_post();
    desk.with("GIT_DRAFTS_HOOK", "off").with_mail("where is my invoice?").tick();
    desk.script("sendmail", KEEP_SLOWLY);
    desk.approve("invoice").commit_quietly("yes");
    desk
}

#[test]
fn who_died_while_taking_over_is_in_nobodys_way() {
    let desk = about_to_send();
    // What a death in the middle of moving the branch leaves: git's own lock of it, which is a file of ours.
    std::fs::write(desk.path(".git/drafts/ledger.next"), "").unwrap();
    std::fs::hard_link(desk.path(".git/drafts/ledger.next"), desk.path(".git/refs/heads/ledger.lock"))
        .unwrap();
    desk.drafts(&["init", "--take-over"]).succeeds();
    desk.send();
    assert_eq!(times_posted(&desk, &stories(&desk).into_keys().next().unwrap()), 1);
}

#[test]
fn of_two_clones_that_both_send_all_the_time_one_refuses() {
    let rounds = sized(2, 20);
    let desk: Desk = with_post();
    desk.with("GIT_DRAFTS_HOOK", "off");
    desk.git(&["clone", "-q", "--bare", ".", "../origin.git"]);
    desk.git(&["remote", "add", "origin", "../origin.git"]);
    desk.git(&["clone", "-q", "../origin.git", "../clone"]);
    let mut sender = Hands::of(&desk);
    let mut other = sender.elsewhere(&desk.home().join("clone"), &desk.home().join(".elsewhere"));
    other.git(&["drafts", "init", "."]).succeeds();
    for round in 0..rounds {
        desk.with_mail(&format!("where is invoice {round}?"));
        sender.git(&["drafts", "tick"]).succeeds();
        other.git(&["drafts", "tick"]).fails(128).says(REFUSES);
        sender.git(&["push", "-q", "origin", "main", "ledger"]).succeeds();
        // The colleague approves over there, and it is sent from here.
        other.git(&["pull", "-q", "--rebase", "origin", "main"]).succeeds();
        let approve =
            "sed -i '2s/draft/approved/' drafts/*.md && git commit -qam yes && git push -q origin main";
        assert!(other.command("sh").args(["-c", approve]).status().unwrap().success());
        sender.git(&["pull", "-q", "--rebase", "origin", "main"]).succeeds();
        let programs: Vec<_> = (0..6).map(|number| [&sender, &other][number % 2].start(&["send"])).collect();
        let codes: Vec<i32> =
            programs.into_iter().map(|mut program| program.wait().unwrap().code().unwrap()).collect();
        // Who finds a sender of its own clone at work leaves, and does not even look at the ledger.
        assert!([codes[0], codes[2], codes[4]] == [0; 3] && codes.contains(&128), "{codes:?}");
        // The other one takes over, with everything that there is to know.
        sender.git(&["push", "-q", "origin", "main", "ledger"]).succeeds();
        other.git(&["pull", "-q", "--rebase", "origin", "main"]).succeeds();
        other.git(&["fetch", "-q", "origin", "ledger:ledger"]).succeeds();
        other.git(&["drafts", "init", "--take-over"]).succeeds();
        other.git(&["push", "-q", "origin", "ledger"]).succeeds();
        sender.git(&["fetch", "-q", "origin", "ledger:ledger"]).succeeds();
        (sender, other) = (other, sender);
    }
    let stories = stories(&desk);
    for (id, story) in &stories {
        assert_eq!((times_posted(&desk, id), story.last().unwrap().as_str()), (1, "sent"), "{story:?}");
    }
    assert_eq!(stories.len(), rounds);
    println!("proof: clones: {rounds} rounds of two clones that send at once, each draft sent once");
}
