//! An approval is taken back while it is being sent.
//!
//! The sender claims, then reads `main` again; who takes back changes `main`. If no claim stood in the
//! ledger when that was done, nothing may go out; otherwise it may, and then the ledger says so.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::post::{posted, times_posted, with_post};
use crate::proof::{Dice, Hands, fsck, sized, stories, stories_at, timed};
use crate::support::desk::Desk;

/// How an approval is taken back; the last one approves other words instead.
const WAYS: [&str; 6] = ["reset", "revert", "update-ref", "reject", "draft again", "other words"];

/// What came of a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// It was taken back before there was a claim.
    BeforeClaim,
    /// There was a claim, and the sender saw in time that it was taken back.
    Withdrawn,
    /// It went.
    Sent,
}

/// Looks for the moments between two outcomes: later where the race fell before the edge, sooner otherwise.
struct Edges {
    claim: Duration,
    sending: Duration,
}

impl Edges {
    fn delay(&self, number: usize, length: Duration, dice: &mut Dice) -> Duration {
        let edge = match number % 3 {
            0 => return dice.moment(length),
            1 => self.claim,
            _ => self.sending,
        };
        edge * u32::try_from(950 + dice.roll(100)).unwrap() / 1000
    }

    fn learn(&mut self, side: Side, length: Duration) {
        let step = length / 40;
        let moved = |edge: Duration, later: bool| if later { edge + step } else { edge.saturating_sub(step) };
        self.claim = moved(self.claim, side == Side::BeforeClaim);
        self.sending = moved(self.sending, side != Side::Sent);
    }
}

/// The races of one desk: few, for every look at it reads the story of each draft.
const RACES_PER_DESK: usize = 36;

#[test]
fn what_was_taken_back_before_its_claim_is_never_sent() {
    let desks = sized(1, 14);
    let races = desks * RACES_PER_DESK;
    let mut dice = Dice::new(3);
    let mut edges: Vec<Edges> = Vec::new();
    let mut sides: BTreeMap<Side, usize> = BTreeMap::new();
    for _ in 0..desks {
        let desk = with_post();
        desk.with("GIT_DRAFTS_HOOK", "off");
        for number in 0..RACES_PER_DESK + 2 {
            desk.with_mail(&format!("where is invoice {number}?"));
        }
        desk.tick();
        let drafts = desk.files();
        let lengths = [&drafts[0], &drafts[1]].map(|draft| {
            approve(&desk, draft);
            timed(|| _ = desk.send())
        });
        let length = lengths[0].min(lengths[1]);
        if edges.is_empty() {
            edges.extend(WAYS.iter().map(|_| Edges { claim: length / 4, sending: length / 2 }));
        }
        for (number, draft) in drafts[2..].iter().enumerate() {
            let way = number % WAYS.len();
            let delay = edges[way].delay(number / WAYS.len(), length, &mut dice);
            let side = race(&desk, draft, WAYS[way], delay);
            edges[way].learn(side, length);
            *sides.entry(side).or_default() += 1;
        }
        fsck(&desk);
    }
    println!(
        "proof: revocation: {races} races in {} ways, 0 sent that were taken back before a claim, {sides:?}",
        WAYS.len()
    );
    assert!(sides.contains_key(&Side::BeforeClaim) && sides.contains_key(&Side::Sent), "{sides:?}");
    assert!(sides.contains_key(&Side::Withdrawn) || races < 100, "{sides:?}");
}

fn approve(desk: &Desk, draft: &str) {
    let path = desk.path(draft);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"draft\"", "\"approved\"", 1)).unwrap();
    desk.git(&["commit", "-qm", "yes", "--", draft]);
}

/// Sends, and takes back while that runs; checks what came of it.
fn race(desk: &Desk, draft: &str, way: &str, delay: Duration) -> Side {
    let id = &draft["drafts/".len()..][..8];
    let before = desk.git_says(&["rev-parse", "main"]);
    approve(desk, draft);
    let hands = Hands::of(desk);
    let mut sender = hands.start(&["send"]);
    std::thread::sleep(delay);
    take_back(desk, &hands, draft, way, &before);
    // The order matters: a claim that is not in here was not there when the last command ended.
    let ledger = fs::read_to_string(desk.path(".git/refs/heads/ledger")).unwrap();
    let main = fs::read_to_string(desk.path(".git/refs/heads/main")).unwrap();
    assert!(sender.wait().unwrap().success());
    desk.git(&["reset", "-q", "--hard"]);
    desk.send();
    desk.send();

    let claimed = stories_at(desk, ledger.trim())[id].iter().any(|word| word == "claimed");
    let stood = desk.try_git(&["show", &format!("{}:{draft}", main.trim())]);
    let is_revoked = !stood.out.contains("status = \"approved\"") || stood.out.contains("other words");
    let story = stories(desk)[id].join(" ");
    let first =
        posted(desk).iter().filter(|mail| mail.id == id && !mail.text.contains("other words")).count();
    let all = times_posted(desk, id);
    let facts =
        format!("{way} after {delay:?}: {all} sent, claimed: {claimed}, revoked: {is_revoked}: {story}");

    assert!(all <= 1, "{facts}");
    assert!(first == 0 || claimed || !is_revoked, "{facts}");
    assert_eq!(all == 1, story.ends_with("sent"), "{facts}");
    assert!(!story.contains("unsure"), "{facts}");
    if way == "other words" {
        assert_eq!(all, 1, "{facts}");
    }
    match (first, claimed) {
        (1, _) => Side::Sent,
        (_, true) => Side::Withdrawn,
        (_, false) => Side::BeforeClaim,
    }
}

fn take_back(desk: &Desk, hands: &Hands, draft: &str, way: &str, before: &str) {
    let path = desk.path(draft);
    // The sender clears what is sent: then there is nothing to change any more.
    let rewrite = |from: &str, to: &str| {
        if let Ok(text) = fs::read_to_string(&path) {
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
        }
        again(hands, &["commit", "-qam", way]);
    };
    match way {
        "reset" => again(hands, &["reset", "-q", "--hard", "HEAD~1"]),
        "revert" => again(hands, &["revert", "--no-edit", "HEAD"]),
        "update-ref" => again(hands, &["update-ref", "refs/heads/main", before]),
        "reject" => {
            again(hands, &["drafts", "reject", &draft["drafts/".len()..][..8]]);
            again(hands, &["commit", "-qm", "no"]);
        }
        "draft again" => rewrite("\"approved\"", "\"draft\""),
        _ => rewrite("Hello", "In other words, hello"),
    }
}

/// Runs git, again while a lock is in the way; what cannot be done any more is not.
fn again(hands: &Hands, arguments: &[&str]) {
    for _ in 0..50 {
        let said = hands.git(arguments);
        if said.code == 0 || !(said.err.contains("lock") || said.err.contains("rite index")) {
            return;
        }
    }
    panic!("git {} never went", arguments.join(" "));
}
