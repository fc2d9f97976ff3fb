//! What a hub is told of its drafts, and what is marked as read there.

use insta::assert_snapshot;

use crate::hub::{ask, with_hub};
use crate::support::desk::Desk;
use crate::support::hub::{Fault, Message, StateHub};

const ABLE: &str = "dedupes = true\ncan_find = true\nthread_tail = true";

/// The events after the one of the tick: each name with its key.
fn events(desk: &Desk, hub: &StateHub) -> Vec<String> {
    let noted = hub.noted().into_iter().map(|noted| {
        let event = noted.posted["event_type"].as_str().unwrap().to_owned();
        (event, desk.plain(&noted.key.unwrap()))
    });
    let noted = noted.filter(|(event, _)| event != "drafts_ready");
    noted.map(|(event, key)| format!("{event} {key}")).collect()
}

#[test]
fn what_becomes_of_a_draft_is_told_once_under_its_own_key() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, ABLE);
    desk.commit_file("drafts.toml", "version = 1\n[expire]\nlow = \"14d\"\n");
    // A later message of the same person in the same thread, and nobody has touched the first draft.
    hub.receive(Message::default());
    desk.tick();
    hub.receive(Message { body: "Which branch, please?\n".to_owned(), ..Message::default() });
    desk.at("2026-11-20T13:00:00Z").tick();
    assert_eq!(desk.files().len(), 1, "{}", desk.seen());
    // Nobody touches the second one either.
    desk.at("2026-12-05T12:00:00Z").tick().tick();
    assert_eq!(desk.files(), [""; 0], "{}", desk.seen());
    // A thread that goes on before the answer does.
    ask(&hub, 7);
    desk.at("2026-12-05T13:00:00Z").tick();
    hub.receive(Message { from: "reviewer".to_owned(), thread: "thread-7".to_owned(), ..Message::default() });
    desk.approve("question").commit_quietly("yes").send();
    desk.send();
    let story: Vec<String> = desk.files().iter().map(|path| desk.story(&path[7..15])).collect();
    assert_eq!(story, ["drafted claimed stale"], "{}", desk.seen());
    assert_snapshot!(events(&desk, &hub).join("\n"), @"
    draft_superseded vsgwzjvr.1.[desk].superseded
    draft_expired jrvhtjqr.1.[desk].expired
    draft_stale hmkqhjsx.1.[desk].stale
    ");
    assert!(hub.reads().is_empty(), "nothing is marked as read");
}

#[test]
fn a_hub_that_is_away_when_many_drafts_expire_is_not_asked_for_each() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    desk.commit_file("drafts.toml", "version = 1\n[expire]\nlow = \"14d\"\n");
    (0..30).for_each(|number| drop(ask(&hub, number)));
    desk.tick();
    hub.always_on("POST /progress", Fault::DropUnhandled);
    desk.at("2026-12-05T12:00:00Z").tick();
    assert_eq!(desk.files(), [""; 0], "{}", desk.seen());
    let asked = hub.requests().iter().filter(|request| *request == "POST /progress").count();
    assert!(asked <= 1 + 8, "{asked}");
}

#[test]
fn a_rejection_that_a_tick_finds_first_is_told_too() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    desk.tick();
    let id = desk.id("question");
    desk.git(&["rm", "-q", &desk.draft("question")]).commit_quietly("no").tick();
    assert_eq!(desk.story(&id), "drafted rejected");
    desk.send();
    assert_snapshot!(events(&desk, &hub).join("\n"), @"draft_rejected vsgwzjvr.1.[desk].rejected");
}

#[test]
fn reject_marks_a_message_as_read_only_where_that_is_asked_for() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    let second = ask(&hub, 2);
    desk.tick();
    desk.drafts(&["reject", &desk.id("question-1"), "--commit", "-m", "no"]).succeeds();
    assert_eq!(hub.reads(), [""; 0]);
    desk.drafts(&["reject", &desk.id("question-2"), "--read"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"2> removed, and staged; "git commit" rejects, and the sender marks as read"#);
    desk.send();
    assert_eq!(hub.reads(), [""; 0], "nothing is rejected yet");
    desk.git(&["commit", "-qm", "spam"]);
    assert_snapshot!(desk.seen(), @"
    2> To hub
    2>  - [rejected]  jrvh  spam
    2>  - [read]      jrvh  its message is marked as read in `hub`
    ");
    assert_eq!(hub.reads(), [second]);
    desk.send();
    assert_eq!((hub.reads().len(), desk.seen().as_str()), (1, ""));
}

#[test]
fn a_message_that_could_not_be_marked_is_said_and_marked_by_the_next_run() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    let asked: Vec<String> = (1..4).map(|number| ask(&hub, number)).collect();
    desk.tick();
    let ids: Vec<String> = desk.files().iter().map(|path| path[7..15].to_owned()).collect();
    hub.down();
    let mut reject = vec!["reject", "--read", "--commit", "-m", "spam"];
    reject.extend(ids.iter().map(String::as_str));
    desk.drafts(&reject).succeeds();
    // The source is asked once, and not for each.
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @r#"
    [main [abbrev]] spam
     3 files changed, 84 deletions(-)
     delete mode 100644 drafts/hmkqhjsx-re-question-3.md
     delete mode 100644 drafts/jrvhtjqr-re-question-2.md
     delete mode 100644 drafts/vsgwzjvr-re-question-1.md
    2>  WARN the hub took no progress note source="hub" error=cannot reach [hub]: Connection refused (os error 111)
    2>  WARN the hub took no progress note source="hub" error=cannot reach [hub]: Connection refused (os error 111)
    2>  WARN the hub took no progress note source="hub" error=cannot reach [hub]: Connection refused (os error 111)
    2> To hub
    2>  - [rejected]  hmkq  spam
    2>  - [rejected]  jrvh  spam
    2>  - [rejected]  vsgw  spam
    2>  ! [unread]    hmkq  its message is not marked as read in `hub`: cannot reach [hub]: Connection refused (os error 111); the next run tries again
    2>  ! [unread]    jrvh  its message is not marked as read in `hub`: cannot reach [hub]: Connection refused (os error 111); the next run tries again
    2>  ! [unread]    vsgw  its message is not marked as read in `hub`: cannot reach [hub]: Connection refused (os error 111); the next run tries again
    "#);
    assert!(ids.iter().all(|id| desk.story(id) == "drafted rejected"));
    // Not under way while all is paused.
    hub.up();
    desk.drafts(&["pause"]).succeeds();
    desk.send();
    assert_eq!(hub.reads(), [""; 0]);
    desk.drafts(&["resume"]).succeeds();
    desk.send();
    let mut read = hub.reads();
    read.sort();
    assert_eq!(read, asked, "{}", desk.seen());
}

#[test]
fn a_message_that_is_gone_is_said_once() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    desk.tick();
    let id = desk.id("question");
    hub.once_on("POST /messages", Fault::status(404));
    desk.drafts(&["reject", &id, "--read", "--commit"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] Reject a draft
     1 file changed, 28 deletions(-)
     delete mode 100644 drafts/vsgwzjvr-re-question-1.md
    2> To hub
    2>  - [rejected]  vsgw  Reject a draft
    2>  ! [unread]    vsgw  its message is not marked as read in `hub`: the message is not there any more
    ");
    desk.send();
    assert_eq!((desk.seen().as_str(), hub.reads().len()), ("", 0));
}

#[test]
fn a_rejection_that_is_taken_back_marks_nothing() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    desk.tick();
    let (id, path) = (desk.id("question"), desk.draft("question"));
    desk.drafts(&["reject", &id, "--read"]).succeeds();
    desk.git(&["restore", "--staged", "--worktree", &path]).tick();
    // Another day it is rejected in another way.
    desk.git(&["rm", "-q", &path]).git(&["commit", "-qm", "no"]).send();
    assert_eq!((desk.story(&id).as_str(), hub.reads()), ("drafted rejected", Vec::new()));
}

#[test]
fn a_source_that_cannot_mark_is_said_before_anything_is_removed() {
    let desk = crate::approve::with_answer();
    let files = desk.files();
    desk.drafts(&["reject", &desk.id("invoice"), "--read"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: the message of rnjkmjrz in source `mail` cannot be marked as read: a Maildir is only read, and its flags are your mail program's
    2> hint: reject it without `--read`
    exit 128
    ");
    assert_eq!(desk.files(), files);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}
