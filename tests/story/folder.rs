//! A folder of text files, end to end: any script is a source, any script takes the answers.

use std::fs;

use insta::assert_snapshot;

use crate::support::desk::Desk;

const WIRING: &str = r#"version = 1
[desk]
path = "drafts"
[source.notes]
kind = "folder"
path = "questions"
sent = "../../answers"
address = ["Sam Hill <sam@example.com>"]
transport = "files"
[transport.files]
kind = "folder"
path = "answers"
format = "markdown"
[limits]
messages_since = "all"
[notify]
enabled = false
"#;

fn desk() -> Desk {
    let desk = Desk::unmade();
    desk.write_wiring(WIRING);
    fs::create_dir(desk.home().join("questions")).unwrap();
    desk.drafts(&["init"]).succeeds();
    desk
}

fn ask(desk: &Desk, name: &str) {
    let text = "From: Ada Brown <ada@example.org>\nSubject: Invoice\n\nWhere is my invoice for October?\n";
    fs::write(desk.home().join("questions").join(name), text).unwrap();
}

fn answers(desk: &Desk) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(desk.home().join("answers"))
        .into_iter()
        .flatten()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_becomes_a_draft_and_its_approved_answer_a_file() {
    let desk = desk();
    ask(&desk, "one.md");
    desk.tick().tick();
    assert_eq!(desk.files().len(), 1);
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes");
    let name =
        format!("{id}.1.{}.md", desk.git_says(&["show", "ledger:ledger.toml"]).split('"').nth(1).unwrap());
    assert_eq!(answers(&desk), std::slice::from_ref(&name));
    let file = fs::read_to_string(desk.home().join("answers").join(&name)).unwrap();
    assert_snapshot!(desk.plain(&file[..file.find("\n\n").unwrap()]), @"
    From: Sam Hill <sam@example.com>
    To: Ada Brown <ada@example.org>
    Subject: Re: Invoice
    Date: Fri, 20 Nov 2026 12:00:00 +0000
    Message-ID: <rqzvzpjn.1.[desk]@example.com>
    Answers: file:one.md
    ");
    assert_eq!(desk.drafts(&["show", "--outgoing", &id]).succeeds().out, file);
    desk.tick().send();
    assert_eq!((desk.files().len(), answers(&desk).len()), (0, 1), "a thread that ended with ours is done");
}

#[test]
fn a_sender_that_dies_after_the_file_is_there_writes_no_second_one() {
    for point in ["outbox.prepared", "outbox.delivered"] {
        let desk = desk();
        ask(&desk, "one.md");
        desk.tick();
        let id = desk.id("invoice");
        desk.approve("invoice").commit_quietly("yes");
        desk.with("GIT_DRAFTS_FAILPOINT", format!("kill:{point}"));
        assert_ne!(desk.drafts(&["send"]).code, 0, "{point}");
        desk.with("GIT_DRAFTS_FAILPOINT", "").send();
        assert_eq!(answers(&desk).len(), 1, "{point}");
        assert!(desk.story(&id).ends_with("sent"), "{point}: {}", desk.story(&id));
    }
}

#[test]
fn an_answer_of_ones_own_in_the_thread_holds_the_approved_one() {
    let desk = desk();
    ask(&desk, "one.md");
    desk.tick();
    fs::create_dir_all(desk.home().join("answers")).unwrap();
    let own = "From: sam@example.com\nTo: ada@example.org\nAnswers: file:one.md\nSubject: Re: Invoice\n\nHere it is.\n";
    fs::write(desk.home().join("answers/by-hand.md"), own).unwrap();
    desk.approve("invoice").commit("yes");
    assert_eq!(answers(&desk), ["by-hand.md"]);
    let id = desk.id("invoice");
    assert!(desk.story(&id).ends_with("stale"), "{}", desk.story(&id));
}

#[test]
fn a_folder_that_is_gone_is_one_line_and_the_way_out() {
    let desk = desk();
    fs::remove_dir(desk.home().join("questions")).unwrap();
    desk.drafts(&["tick"]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> warning: source `notes` is skipped: the folder ~/questions cannot be read: No such file or directory (os error 2)
    2> hint: set `path` of source `notes` to a folder that you may read
    exit 1
    ");
}
