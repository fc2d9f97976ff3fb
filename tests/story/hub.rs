//! A State Hub, end to end, over real HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use insta::assert_snapshot;

use crate::approve::wait_until;
use crate::support::desk::Desk;
use crate::support::hub::{Fault, Message, StateHub};

/// A catalogue that knows one answer.
pub const ROUTES: &str = r#"version = 1

[default]
action = "escalate"
why = "no route knows this"

[[route]]
id = "branch"
match = { words = ["which", "branch"] }
answer = """
The branch is main.
"""
"#;

/// A desk whose messages come from a hub and whose answers go there.
pub fn with_hub(hub: &StateHub, more: &str) -> Desk {
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\n{more}\n\
         [limits]\nmessages_since = \"all\"\nmessages_per_tick_max = 500\nsends_per_hour_max = 1000\n\
         [notify]\nenabled = false\n",
        hub.url()
    ));
    desk.commit_file("routes.toml", ROUTES);
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 1000\n");
    desk
}

pub fn ask(hub: &StateHub, number: usize) -> String {
    hub.receive(Message {
        from: format!("planner-{}", number % 7),
        subject: format!("question {number}"),
        body: format!("Which branch is released for job {number}?\n"),
        thread: format!("thread-{number}"),
        ..Message::default()
    })
}

/// Approves some of the drafts that wait, in one commit.
fn approve(desk: &Desk, count: usize) {
    set_approved(desk, count);
    desk.commit("yes");
}

/// The same with hooks off: a hook's sender would stay, and try again in its own time.
fn approve_and_send(desk: &Desk) {
    set_approved(desk, 1);
    desk.commit_quietly("yes").send();
}

fn set_approved(desk: &Desk, count: usize) {
    desk.shell(&format!(
        "grep -l '^status = \"draft\"' drafts/*.md | head -{count} | xargs sed -i 2s/draft/approved/"
    ))
    .succeeds();
}

#[test]
fn two_hundred_messages_are_each_answered_once_in_their_own_thread() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\ncan_find = true\nthread_tail = true");
    let threads: BTreeMap<String, String> =
        (0..200).map(|number| (ask(&hub, number), format!("thread-{number}"))).collect();
    desk.tick();
    assert_eq!(desk.files().len(), 200);
    assert_eq!(hub.noted().len(), 1);
    desk.tick();
    assert_eq!(hub.noted().len(), 1, "a tick that brought nothing tells nobody");

    let mut left = 200;
    for (round, size) in [1, 2, 7, 40, 100, 50].into_iter().enumerate() {
        // Each time some answers are dropped on the way: done over there, and nobody here knows.
        hub.times_on("POST /messages", round, Fault::DropHandled);
        approve(&desk, size);
        desk.send();
        left -= size;
        assert_eq!(hub.sent().len(), 200 - left);
    }
    assert_eq!(desk.files(), [""; 0]);
    desk.drafts(&["run"]).succeeds();

    let sent = hub.sent();
    assert_eq!(sent.len(), 200);
    let keys: BTreeSet<_> = sent.iter().map(|sent| sent.key.clone().unwrap()).collect();
    assert_eq!(keys.len(), 200);
    for sent in &sent {
        let answered = sent.posted["in_reply_to"].as_str().unwrap();
        assert_eq!(sent.posted["thread_id"], threads[answered].as_str());
        assert_eq!(sent.posted["body"].as_str().unwrap().trim_end(), "The branch is main.");
    }
    let answered: BTreeSet<_> =
        sent.iter().map(|sent| sent.posted["in_reply_to"].as_str().unwrap()).collect();
    assert_eq!(answered.len(), 200);
    let read: BTreeSet<String> = hub.reads().into_iter().collect();
    assert_eq!(read, threads.into_keys().collect());
}

#[test]
fn a_hub_that_is_down_is_one_clear_line_and_no_failure() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    hub.down();
    let said = desk.drafts(&["tick"]).succeeds();
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @"2> warning: source `hub` is skipped: cannot reach [hub]: Connection refused (os error 111)");
    assert_eq!(said.err.lines().filter(|line| !line.starts_with("hint")).count(), 1, "{}", said.err);
    hub.up();
    desk.tick();
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn a_hub_that_has_enough_is_one_clear_line_and_is_not_asked_before_its_time() {
    let until = "Fri, 20 Nov 2026 12:10:00 GMT";
    for (call, fault, said) in [
        (
            "GET /messages",
            Fault::status_with(429, "retry-after", "600"),
            "the hub answered 429 when asked for the inbox",
        ),
        (
            "GET /messages",
            Fault::status_with(503, "retry-after", until),
            "the hub answered 503 when asked for the inbox",
        ),
        ("GET /state", Fault::status_with(503, "retry-after", "600"), "the hub says it is not well: 503"),
    ] {
        let hub = StateHub::start();
        let desk = with_hub(&hub, "");
        ask(&hub, 1);
        hub.once_on(call, fault);
        desk.drafts(&["tick"]).succeeds();
        let wait = "wants no request before 2026-11-20T12:10:00Z";
        assert_eq!(desk.seen(), format!("2> warning: source `hub` is skipped: {said}: it {wait}"));
        let before = hub.requests().len();
        desk.at("2026-11-20T12:09:59Z").drafts(&["tick"]).succeeds();
        assert_eq!(desk.seen(), format!("2> warning: source `hub` is skipped: the hub {wait}"));
        assert_eq!(hub.requests().len(), before, "it is not asked whether it is up either");
        desk.at("2026-11-20T12:10:00Z").tick();
        assert_eq!(desk.files().len(), 1, "{}", desk.seen());
    }
}

#[test]
fn a_hub_that_stops_us_between_two_pages_loses_no_message() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "page = 2");
    (0..5).for_each(|number| drop(ask(&hub, number)));
    hub.once_on(
        "GET /messages?to_agent=coder&unread=true&limit=2&cursor=",
        Fault::status_with(429, "retry-after", "60"),
    );
    desk.tick();
    assert_eq!(desk.files(), [""; 0], "{}", desk.seen());
    desk.at("2026-11-20T12:01:00Z").tick();
    assert_eq!(desk.files().len(), 5, "{}", desk.seen());
}

#[test]
fn a_time_that_a_wrong_clock_noted_is_not_waited_for() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    hub.once_on("GET /messages", Fault::status_with(429, "retry-after", "600"));
    desk.at("2030-01-01T00:00:00Z").tick();
    desk.at("2026-11-20T12:00:00Z").tick();
    assert_eq!(desk.files().len(), 1, "{}", desk.seen());
}

#[test]
fn an_answer_waits_while_the_hub_is_down() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\ncan_find = true");
    ask(&hub, 1);
    desk.tick();
    hub.down();
    desk.approve("question").commit_quietly("yes").send();
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @"
    To hub
     . [later]     vsgw -> planner-1  Re: question 1  after Fri 20 Nov 12:01:00 (cannot reach [hub]: Connection refused (os error 111))
    2> hint: the first `git drafts send` or run after that tries again
    ");
    // Whoever looks, or sends by hand, is told what waits, and until when.
    desk.at("2026-11-20T12:00:30Z").send();
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @"
    To hub
     . [later]     vsgw -> planner-1  Re: question 1  after Fri 20 Nov 12:01:00 (cannot reach [hub]: Connection refused (os error 111))
    2> hint: the first `git drafts send` or run after that tries again
    ");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @r#"
    On desk ~/drafts, last tick 30 seconds ago.
    transport `hub` has been away for 30 seconds (never worked): cannot reach [hub]: Connection refused (os error 111)

    Approved:
      (the sender takes these up, none before its time; "git drafts send" does so then)
    	vsgw  low     route_answer  planner-1  Re: question 1  30 seconds  not before Fri 20 Nov 12:01:00: cannot reach [hub]: Connection refused (os error 111)
    "#);
    // A timer tells it once.
    for said in [1, 0] {
        desk.drafts(&["send", "--quiet"]).succeeds();
        assert_eq!(desk.seen().matches("[later]").count(), said, "{}", desk.seen());
    }
    hub.up();
    desk.at("2026-11-20T14:00:00Z").send();
    assert_eq!(hub.sent().len(), 1, "{}", desk.seen());
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn what_helps_several_drafts_is_said_once() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\ncan_find = true");
    ask(&hub, 1);
    ask(&hub, 2);
    desk.tick();
    hub.down();
    for file in desk.files() {
        desk.approve(&file);
    }
    desk.commit_quietly("yes").send();
    assert_eq!(desk.seen().matches("[later]").count(), 2, "{}", desk.seen());
    assert_eq!(desk.seen().matches("hint: ").count(), 1, "{}", desk.seen());
}

#[test]
fn a_login_page_in_the_place_of_the_thread_delays_an_answer() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\ncan_find = true\nthread_tail = true");
    ask(&hub, 1);
    desk.tick();
    hub.always_on("GET /threads", Fault::body(200, "<html>please log in</html>"));
    desk.approve("question").commit_quietly("yes").send();
    assert!(desk.seen().contains(". [later]     vsgw -> planner-1"), "{}", desk.seen());
    assert!(desk.seen().contains("the thread could not be read again"), "{}", desk.seen());
    assert_eq!(hub.sent().len(), 0);
    hub.heal();
    desk.at("2026-11-20T14:00:00Z").send();
    assert_eq!((hub.sent().len(), desk.files()), (1, Vec::new()), "{}", desk.seen());
}

#[test]
fn without_promises_of_the_hub_a_lost_answer_is_unsure() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    desk.tick();
    let id = desk.id("question");
    hub.once_on("POST /messages", Fault::DropHandled);
    approve(&desk, 1);
    desk.send();
    assert_eq!(desk.story(&id), "drafted claimed sending unsure");
    assert_eq!(hub.sent().len(), 1);
    desk.drafts(&["resolve", &id, "--sent"]).succeeds();
    desk.send();
    assert_eq!((hub.sent().len(), desk.files()), (1, Vec::new()));
}

#[test]
fn a_spoilt_message_of_the_hub_stops_no_other() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "");
    hub.receive_json("coder", serde_json::json!({"id": "bad", "thread_id": 7, "body": {}}));
    ask(&hub, 1);
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From hub
     ! [unreadable]     jzgm  high         a message that `from_agent` is missing
     * [new draft]      vsgw  low    0.90  planner-1 <- Re: question 1
    2 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.files().len(), 2);
    desk.tick();
    assert_eq!(desk.seen(), "");
}

#[test]
fn a_token_that_is_wrong_is_said_and_never_shown() {
    let hub = StateHub::start();
    hub.wants_token("right");
    let desk = with_hub(&hub, "token = { env = \"HUB_TOKEN\" }");
    desk.with("HUB_TOKEN", "s3cret-but-wrong").drafts(&["tick"]).fails(1);
    assert!(!desk.seen().contains("s3cret"), "{}", desk.seen());
    assert_snapshot!(desk.seen().replace(&hub.url(), "[hub]"), @"
    2> warning: source `hub` is skipped: the hub answered 401 (a bearer token is needed) when asked for the inbox
    2> hint: check the `token` and the `agent` of this hub
    exit 1
    ");
    ask(&hub, 1);
    desk.with("HUB_TOKEN", "right").tick();
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn a_message_that_comes_twice_from_the_hub_is_one_draft() {
    let hub = StateHub::start();
    hub.delivers_twice();
    let desk = with_hub(&hub, "");
    ask(&hub, 1);
    desk.tick();
    assert_eq!(desk.files().len(), 1);
    hub.always_on("GET /messages", Fault::Delay(Duration::from_millis(20)));
    desk.tick();
    assert_eq!((desk.files().len(), hub.noted().len()), (1, 1));
}

#[test]
fn an_approval_that_is_taken_back_in_the_last_moment_is_not_sent() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\ncan_find = true\nthread_tail = true");
    ask(&hub, 1);
    desk.tick().approve("question").commit_quietly("yes");
    let id = desk.id("question");
    hub.once_on("GET /threads", Fault::Delay(Duration::from_millis(1500)));
    let mut sender = desk.command("git").args(["drafts", "send"]).spawn().unwrap();
    // It is claimed, and its thread is being read: that is before the point of no return.
    wait_until(|| hub.requests().iter().any(|request| request.starts_with("GET /threads")));
    desk.git(&["-c", "core.hooksPath=/dev/null", "revert", "--no-edit", "HEAD"]);
    assert!(sender.wait().unwrap().success());
    assert_eq!(hub.sent(), []);
    assert_eq!(desk.story(&id), "drafted claimed withdrawn");
}

#[test]
fn a_no_to_the_second_attempt_says_nothing_about_the_first() {
    for fault in [Fault::status(403), Fault::status_with(429, "retry-after", "5")] {
        let hub = StateHub::start();
        let desk = with_hub(&hub, "dedupes = true");
        ask(&hub, 1);
        desk.tick();
        let id = desk.id("question");
        hub.once_on("POST /messages", Fault::DropHandled);
        hub.once_on("POST /messages", fault);
        approve_and_send(&desk);
        assert_eq!(hub.sent().len(), 1, "it arrived, and nobody here knows");
        assert_eq!(desk.story(&id), "drafted claimed sending sending");
        // Other words must not go out beside the first ones.
        desk.edit("question", "The branch is main", "The branch is next").commit_quietly("other words");
        desk.send();
        assert_eq!(hub.sent().len(), 1, "{}", desk.seen());
        assert_eq!(desk.story(&id), "drafted claimed sending sending unsure");
    }
}

#[test]
fn a_hub_may_be_busy_with_the_second_attempt_too() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "can_find = true");
    ask(&hub, 1);
    desk.tick();
    let id = desk.id("question");
    let posts = || hub.requests().iter().filter(|request| *request == "POST /messages").count();
    hub.times_on("POST /messages", 2, Fault::DropUnhandled);
    approve_and_send(&desk);
    desk.at("2026-11-20T12:03:00Z").send();
    assert_eq!((posts(), desk.story(&id).as_str()), (2, "drafted claimed sending sending"));
    desk.at("2026-11-20T12:03:30Z").send();
    assert_eq!(posts(), 2, "the hub is asked two minutes after the second attempt, and not after the first");
    desk.at("2026-11-20T12:06:00Z").send();
    assert_eq!((posts(), hub.sent().len()), (3, 1));
}

#[test]
fn what_was_taken_back_while_the_hub_may_be_busy_is_not_called_withdrawn_yet() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true\ncan_find = true");
    ask(&hub, 1);
    desk.tick();
    let id = desk.id("question");
    hub.times_on("POST /messages", 2, Fault::DropUnhandled);
    approve_and_send(&desk);
    let story = desk.story(&id);
    assert!(story.ends_with("sending"), "{story}");
    desk.git(&["-c", "core.hooksPath=/dev/null", "revert", "--no-edit", "HEAD"]).send();
    assert_eq!(desk.story(&id), story, "{}", desk.seen());
    desk.at("2026-11-20T12:03:00Z").send();
    assert_eq!(desk.story(&id), format!("{story} withdrawn"));
}

#[test]
fn what_is_sent_again_is_judged_again() {
    let hub = StateHub::start();
    let desk = with_hub(&hub, "dedupes = true");
    ask(&hub, 1);
    desk.tick();
    hub.times_on("POST /messages", 2, Fault::DropUnhandled);
    approve_and_send(&desk);
    assert_eq!(hub.sent(), []);
    let policy = "version = 1\n[recipients]\ndeny = [\"*\"]\n";
    desk.commit_file("drafts.toml", policy).send();
    assert_eq!(hub.sent(), [], "{}", desk.seen());
}
