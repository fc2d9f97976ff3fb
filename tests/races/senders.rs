//! Several senders at once, and ticks beside them: each draft goes once.

use std::collections::BTreeMap;
use std::process::Child;

use crate::post::{posted, with_post};
use crate::proof::{Hands, fsck, locks, sized, stories, wait_for_programs};
use crate::support::desk::Desk;

const SENDERS: usize = 8;
const DRAFTS: usize = 6;

#[test]
fn eight_senders_at_once_give_each_draft_away_once() {
    let (rounds, desk) = (sized(3, 40), with_post());
    let delivered = || {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        posted(&desk).into_iter().for_each(|mail| *times.entry(mail.id).or_default() += 1);
        times
    };
    check(&desk, "a mail program", rounds, delivered);
}

#[test]
fn eight_senders_at_once_put_each_draft_into_the_outbox_once() {
    let (rounds, desk) = (sized(3, 40), Desk::new());
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 100000\n");
    let path = desk.home().join(".config/git-drafts/config.toml");
    let wiring = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, wiring.replace("[limits]", "[limits]\nsends_per_hour_max = 100000")).unwrap();
    let delivered = || {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        desk.sent().iter().for_each(|mail| *times.entry(mail.message_id[..8].to_owned()).or_default() += 1);
        times
    };
    check(&desk, "an outbox", rounds, delivered);
}

fn check(desk: &Desk, receiver: &str, rounds: usize, delivered: impl Fn() -> BTreeMap<String, usize>) {
    let mut mails = 0;
    let mut mail = || {
        mails += 1;
        desk.with_mail(&format!("where is invoice {mails}?"));
    };
    let mut left = 0;
    let hands = Hands::of(desk);
    for _ in 0..rounds {
        (0..DRAFTS).for_each(|_| mail());
        desk.tick();
        desk.shell("sed -i '2s/draft/approved/' drafts/*.md").succeeds();
        desk.commit_quietly("yes");
        let approved = desk.files().len();
        assert!(approved >= DRAFTS);
        let before = delivered().len();
        let mut programs: Vec<Child> = Vec::new();
        for number in 0..SENDERS {
            programs.push(hands.start(&["send"]));
            if number % 3 == 0 {
                mail();
                programs.push(hands.start(&["tick"]));
            }
        }
        for mut program in programs {
            assert!(program.wait().unwrap().success());
        }
        wait_for_programs(desk);
        // Whoever came last has left a mark, so nothing waits for another run.
        left += approved - (delivered().len() - before);
        desk.send();
        assert_eq!(delivered().len() - before, approved);
    }
    desk.tick();
    let delivered = delivered();
    let twice = delivered.values().filter(|times| **times > 1).count();
    println!(
        "proof: dispatchers: {receiver}: {rounds} rounds of {SENDERS} senders and ticks at once, {} drafts, \
         {twice} given away twice, 0 missing, {left} left for another run",
        delivered.len(),
    );
    assert_eq!((twice, left), (0, 0));
    for (id, story) in stories(desk) {
        assert_eq!(story.last().unwrap() == "sent", delivered.contains_key(&id), "{id}: {story:?}");
    }
    assert_eq!(stories(desk).len(), mails, "each message has its draft");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_eq!(locks(desk), [""; 0]);
    fsck(desk);
}
