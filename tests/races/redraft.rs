//! A draft is asked for again while a person approves it.
//!
//! One of the two is faster. Either the text that was approved goes, or the new one stands and goes once that
//! is approved; never both, and never a text that nobody approved.

use std::collections::BTreeMap;
use std::fs;

use crate::proof::{Dice, Hands, fsck, locks, sized, timed, wait_for_programs};
use crate::support::bed::Bed;
use crate::support::desk::Desk;

/// Who was faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// The approval: its text went.
    Approval,
    /// The redraft: the approval had nothing left to approve.
    Redraft,
    /// Both files came to `main`, and a person must say which.
    Both,
}

fn with_draft() -> Desk {
    let desk = Desk::unmade();
    let home = desk.home().display().to_string();
    let program = desk.script("brain", &format!("cat >/dev/null; cat {home}/answer"));
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"m\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n\
         [notify]\nenabled = false\n[brain.m]\nkind = \"exec\"\ncommand = [\"{program}\"]\nretries = 0\n"
    ));
    desk.drafts(&["init"]).succeeds();
    says(&desk, "The first one.");
    desk.with_mail("where is my invoice?").tick();
    says(&desk, "The second one.");
    desk
}

fn says(desk: &Desk, body: &str) {
    let answer = format!(
        r#"{{"action": "reply", "body": "{body}", "subject": null, "confidence": 0.8, "why": "asks for it"}}"#
    );
    fs::write(desk.home().join("answer"), answer).unwrap();
}

#[test]
fn a_redraft_beside_an_approval_sends_one_text_that_was_approved() {
    let desk = with_draft();
    let (id, first) = (desk.id("invoice"), desk.draft("invoice"));
    let bed = Bed::save(desk);
    let mut dice = Dice::new(11);
    let rounds = sized(12, 300);
    let length = timed(|| _ = bed.desk.drafts(&["redraft", &id]).succeeds());
    let mut sides: BTreeMap<Side, usize> = BTreeMap::new();
    for _ in 0..rounds {
        let desk = bed.restore();
        let hands = Hands::of(desk);
        let mut redraft = hands.start(&["redraft", &id]);
        std::thread::sleep(length * u32::try_from(700 + dice.roll(500)).unwrap() / 1000);
        // As an editor saves it, and the hook sends.
        let path = desk.path(&first);
        if let Ok(text) = fs::read_to_string(&path) {
            fs::write(&path, text.replacen("\"draft\"", "\"approved\"", 1)).unwrap();
            hands.git(&["add", &first]);
            hands.git(&["commit", "-qm", "yes", "--", &first]);
        }
        redraft.wait().unwrap();
        wait_for_programs(desk);
        desk.drafts(&["run"]);
        let side = look(desk, &first);
        *sides.entry(side).or_default() += 1;
        desk.drafts(&["run"]);
        assert_eq!((desk.sent().len(), desk.files()), (1, vec![]), "{side:?}: {}", desk.seen());
        assert_eq!(locks(desk), [""; 0], "{side:?}");
        fsck(desk);
    }
    println!("proof: redraft: {rounds} races with an approval, 0 sent twice, 0 lost, {sides:?}");
    assert!(sides.contains_key(&Side::Approval), "{sides:?}");
}

/// Says who was faster, and approves what is left.
fn look(desk: &Desk, first: &str) -> Side {
    let sent: Vec<String> = desk.sent().iter().map(|sent| sent.text.trim_end().to_owned()).collect();
    if !sent.is_empty() {
        assert_eq!((sent, desk.files()), (vec!["The first one.".to_owned()], vec![]), "{}", desk.seen());
        return Side::Approval;
    }
    let on_main = desk.git_says(&["ls-tree", "--name-only", "main", "drafts/"]);
    let side = if on_main.lines().count() == 2 { Side::Both } else { Side::Redraft };
    // What the person has written is there in any case; the person takes it away.
    if desk.path(first).exists() {
        let text = fs::read_to_string(desk.path(first)).unwrap();
        assert!(text.contains("The first one.") && text.contains("approved"), "{side:?}: {text}");
        fs::remove_file(desk.path(first)).unwrap();
    }
    desk.git(&["add", "-A"]);
    assert!(desk.text("invoice").contains("The second one."), "{side:?}");
    desk.approve("invoice").commit("the second one");
    let sent: Vec<String> = desk.sent().iter().map(|sent| sent.text.trim_end().to_owned()).collect();
    assert_eq!(sent, ["The second one."], "{side:?}: {}", desk.seen());
    side
}
