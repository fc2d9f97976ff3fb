//! A mail program that is killed, hangs, or lies: nobody can ask it, so at most once, and unsure is said.

use crate::post::{KEEP, KEEP_SLOWLY, times_posted, with_post_limits};
use crate::proof::{Dice, Hands, locks, sized, stories, timed, wait_for_programs};
use crate::support::desk::Desk;

/// What a program does, and whether the mail has gone then.
const PROGRAMS: [(&str, &str, usize); 8] = [
    ("is killed before it reads", "kill -9 $$", 0),
    ("is killed in the middle", "head -c 100 >/dev/null; kill -9 $$", 0),
    ("is killed after it kept the mail", "KEEP; kill -9 $$", 1),
    ("hangs before it reads", "exec sleep 20", 0),
    ("hangs after it kept the mail", "KEEP; exec sleep 20", 1),
    ("ends badly after it kept the mail", "KEEP; exit 1", 1),
    ("ends badly before", "cat >/dev/null; exit 70", 0),
    ("is ended by a signal of its own", "KEEP; kill -TERM $$", 1),
];

#[test]
fn a_mail_program_that_dies_or_hangs_leaves_us_unsure_and_is_not_started_again() {
    let rounds = sized(1, 6);
    let desk = with_post_limits("timeout_seconds = 1");
    desk.with("GIT_DRAFTS_HOOK", "off");
    let (mut runs, mut gone) = (0, 0);
    for round in 0..rounds {
        for (number, (name, lines, copies)) in PROGRAMS.into_iter().enumerate() {
            desk.script("sendmail", &lines.replace("KEEP", KEEP));
            let id = approved(&desk, &format!("where is invoice {round}-{number}?"));
            desk.send().said().says("? [unsure]");
            desk.drafts(&["run"]);
            desk.drafts(&["run"]);
            let story = || stories(&desk)[&id].join(" ");
            assert_eq!(
                (story().as_str(), times_posted(&desk, &id)),
                ("drafted claimed sending unsure", copies),
                "{name}"
            );
            desk.drafts(&["status", "--exit-code"]).fails(1).says("Unsure whether sent:");
            (runs, gone) = (runs + 1, gone + copies);

            desk.script("sendmail", KEEP);
            let way = ["--sent", "--resend", "--drop"][(number + round) % 3];
            desk.drafts(&["resolve", &id, way]).succeeds();
            desk.send().send();
            let more = usize::from(way == "--resend");
            assert_eq!(times_posted(&desk, &id), copies + more, "{name} {way}: {}", story());
            if way == "--drop" {
                desk.git(&["rm", "-q", &desk.draft(&id)]).commit("no").send();
            }
            assert_eq!(desk.files(), [""; 0], "{name} {way}: {}", story());
        }
    }
    println!("proof: mail program: {runs} runs, unsure {runs} (truly gone {gone}), started twice 0");
}

#[test]
fn a_sender_that_is_killed_at_any_moment_gives_a_mail_away_at_most_once() {
    let kills = sized(8, 120);
    let desk = with_post_limits("");
    desk.with("GIT_DRAFTS_HOOK", "off");
    let (mut dice, mut sent, mut unsure, mut gone) = (Dice::new(7), 0, 0, 0);
    desk.script("sendmail", KEEP_SLOWLY);
    approved(&desk, "where is the first invoice?");
    let length = timed(|| _ = desk.send());
    for number in 0..kills {
        let id = approved(&desk, &format!("where is invoice {number}?"));
        let mut sender = Hands::of(&desk).start(&["send"]);
        let moment = dice.moment(length);
        std::thread::sleep(moment);
        sender.kill().unwrap();
        sender.wait().unwrap();
        wait_for_programs(&desk);
        desk.send().send();
        let (story, copies) = (stories(&desk)[&id].join(" "), times_posted(&desk, &id));
        let facts = format!("killed after {moment:?}: {copies} sent: {story}");
        if story.ends_with("unsure") {
            assert!(copies <= 1, "{facts}");
            (unsure, gone) = (unsure + 1, gone + copies);
            desk.drafts(&["resolve", &id, "--sent"]).succeeds();
            desk.send();
        } else {
            assert_eq!((story.ends_with("sent"), copies), (true, 1), "{facts}");
            sent += 1;
        }
        let locks = locks(&desk);
        assert_eq!((desk.files(), locks), (Vec::new(), Vec::new()), "{facts}");
        assert_eq!(desk.git_says(&["status", "--porcelain"]), "", "{facts}");
    }
    println!(
        "proof: mail program: {kills} senders killed, {sent} sent once, {unsure} unsure (truly gone {gone}), twice 0"
    );
}

/// Drafts and approves one answer; returns its id.
fn approved(desk: &Desk, question: &str) -> String {
    desk.with_mail(question).tick();
    let files = desk.files();
    assert_eq!(files.len(), 1);
    let id = files[0]["drafts/".len()..][..8].to_owned();
    desk.approve(&id).commit_quietly("yes");
    id
}
