//! The hub connector against a real hub over real HTTP, which fails in every way it can.

mod support;

use std::time::Duration;

use git_drafts::connector::hub::Hub;
use git_drafts::connector::hub::settings::Settings;
use git_drafts::connector::{ConnectorError, Window};
use git_drafts::http::{Client, HttpError, Method, Request, Token, path};
use git_drafts::message::Address;
use git_drafts::outgoing::{Found, Key, Outcome, Outgoing};
use jiff::Timestamp;
use serde_json::json;
use support::hub::{Fault, Message, StateHub};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn settings(hub: &StateHub) -> Settings {
    Settings { dedupes: true, can_find: true, thread_tail: true, ..Settings::new(&hub.url(), "coder") }
}

fn coder(hub: &StateHub) -> Hub {
    Hub::new("hub", settings(hub)).unwrap()
}

fn key() -> Key {
    Key::new(&"kqzmwvst".parse().unwrap(), 1, "3f9c2a71")
}

fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        key: key(),
        date: "2026-11-20T12:00:00+01:00[+01:00]".parse().unwrap(),
        message_id: String::new(),
        thread: "t1".to_owned(),
        answers: "m1".to_owned(),
        in_reply_to: None,
        references: Vec::new(),
        from: Address::new("", "coder"),
        to: vec![Address::new("", "planner")],
        cc: Vec::new(),
        subject: "Re: a question".to_owned(),
        text: text.to_owned(),
        html: String::new(),
        attachments: Vec::new(),
    }
}

fn send(hub: &StateHub) -> Outcome {
    run(coder(hub).send(&outgoing("main\n"), now()))
}

fn delivered(id: &str) -> Outcome {
    Outcome::Delivered { receipt: format!("hub message {id}") }
}

fn is_unsure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsure { .. })
}

#[test]
fn a_long_inbox_comes_whole_and_in_order() {
    let hub = StateHub::start();
    let ids: Vec<String> = (0..450).map(|_| hub.receive(Message::default())).collect();
    hub.receive(Message { to: "somebody-else".to_owned(), ..Message::default() });
    let fetched = run(coder(&hub).fetch(&Window::default(), now())).unwrap();
    let fetched: Vec<String> = fetched.into_iter().map(|message| message.unwrap().id).collect();
    assert_eq!(fetched, ids);
    assert_eq!(hub.requests().len(), 5);
    assert!(hub.reads().is_empty());
}

#[test]
fn a_message_delivered_twice_is_fetched_once() {
    let hub = StateHub::start();
    hub.delivers_twice();
    hub.receive(Message { priority: Some("high".to_owned()), ..Message::default() });
    let fetched = run(coder(&hub).fetch(&Window::default(), now())).unwrap();
    assert_eq!(fetched.len(), 1);
    assert_eq!(fetched[0].as_ref().unwrap().header("priority"), Some("high"));
}

#[test]
fn a_spoilt_message_is_named_and_the_others_go_on() {
    let hub = StateHub::start();
    hub.receive(Message::default());
    hub.receive_json("coder", json!({"id": "x1", "from_agent": "planner", "body": 7}));
    hub.receive(Message::default());
    let fetched = run(coder(&hub).fetch(&Window::default(), now())).unwrap();
    assert_eq!(fetched.len(), 3);
    let unreadable = fetched[1].as_ref().unwrap_err();
    assert_eq!((unreadable.id.as_str(), unreadable.what.as_str()), ("x1", "`to_agent` is missing"));
}

#[test]
fn what_is_read_is_not_fetched_again() {
    let hub = StateHub::start();
    let id = hub.receive(Message::default());
    let coder = coder(&hub);
    run(coder.mark_read(&id)).unwrap();
    run(coder.mark_read(&id)).unwrap();
    assert_eq!(run(coder.fetch(&Window::default(), now())).unwrap().len(), 0);
    assert_eq!(hub.reads(), ["m1", "m1"]);
}

#[test]
fn a_thread_has_both_sides() {
    let hub = StateHub::start();
    hub.receive(Message::default());
    assert_eq!(send(&hub), delivered("m2"));
    hub.receive(Message { thread: "another".to_owned(), ..Message::default() });
    let thread = run(coder(&hub).thread_tail("t1")).unwrap();
    let from: Vec<&str> = thread.iter().map(|message| message.from.email.as_str()).collect();
    assert_eq!(from, ["planner", "coder"]);
    assert_eq!(thread[1].in_reply_to.as_deref(), Some("m1"));
}

#[test]
fn a_send_arrives_with_its_key_and_its_thread() {
    let hub = StateHub::start();
    hub.receive(Message::default());
    assert_eq!(send(&hub), delivered("m2"));
    let sent = hub.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].key.as_deref(), Some("kqzmwvst.1.3f9c2a71"));
    assert_eq!(
        sent[0].posted,
        json!({
            "from_agent": "coder", "to_agent": "planner", "subject": "Re: a question", "body": "main\n",
            "thread_id": "t1", "in_reply_to": "m1",
        })
    );
}

#[test]
fn a_lost_answer_is_unsure_and_sending_again_sends_nothing_twice() {
    let hub = StateHub::start();
    hub.once_on("POST /messages", Fault::DropHandled);
    assert!(is_unsure(&send(&hub)));
    assert_eq!(send(&hub), delivered("m1"));
    assert_eq!(hub.sent().len(), 1);
}

#[test]
fn a_lost_answer_is_found_by_its_key() {
    let hub = StateHub::start();
    assert_eq!(run(coder(&hub).find(&key())), Found::No);
    hub.once_on("POST /messages", Fault::Truncate);
    assert!(is_unsure(&send(&hub)));
    assert_eq!(run(coder(&hub).find(&key())), Found::Yes { receipt: "hub message m1".to_owned() });
}

#[test]
fn a_hub_that_ignores_keys_gets_two_and_cannot_say_so() {
    let hub = StateHub::start();
    hub.ignores_keys();
    send(&hub);
    send(&hub);
    assert_eq!(hub.sent().len(), 2);
    assert!(matches!(run(coder(&hub).find(&key())), Found::Unknown { .. }));
}

#[test]
fn the_same_key_with_another_text_fails() {
    let hub = StateHub::start();
    send(&hub);
    let outcome = run(coder(&hub).send(&outgoing("another\n"), now()));
    assert_eq!(
        outcome,
        Outcome::Unsure { reason: "the hub says that it has this key with another text".to_owned() }
    );
}

#[test]
fn a_hub_that_is_down_gets_it_later() {
    let hub = StateHub::start();
    hub.down();
    let Outcome::Deferred { until, reason } = send(&hub) else { panic!("must be deferred") };
    assert_eq!(until.as_second() - now().as_second(), 60);
    assert!(reason.starts_with(&format!("cannot reach {}: ", hub.url())), "{reason}");
    assert!(matches!(run(coder(&hub).health()), Err(ConnectorError::Away { .. })));
    assert!(matches!(run(coder(&hub).fetch(&Window::default(), now())), Err(ConnectorError::Away { .. })));
    hub.up();
    run(coder(&hub).health()).unwrap();
    assert_eq!(send(&hub), delivered("m1"));
}

#[test]
fn a_broken_link_is_unsure_whether_or_not_it_was_handled() {
    for (fault, sent) in [(Fault::DropUnhandled, 0), (Fault::DropHandled, 1), (Fault::Truncate, 1)] {
        let hub = StateHub::start();
        hub.once(fault.clone());
        let outcome = send(&hub);
        assert!(is_unsure(&outcome), "{fault:?}: {outcome:?}");
        assert_eq!(hub.sent().len(), sent, "{fault:?}");
        assert_eq!(hub.requests().len(), 1, "nothing is tried again by itself");
    }
}

#[test]
fn a_late_answer_is_unsure() {
    let hub = StateHub::start();
    hub.once(Fault::Delay(Duration::from_secs(60)));
    let hasty = Settings { timeout: Duration::from_millis(500), ..settings(&hub) };
    let outcome = run(Hub::new("hub", hasty).unwrap().send(&outgoing("main\n"), now()));
    assert!(is_unsure(&outcome), "{outcome:?}");
    assert_eq!(hub.sent().len(), 1);
}

#[test]
fn each_status_means_what_the_contract_says() {
    let check = |fault: Fault, expected: &str| {
        let hub = StateHub::start();
        hub.once_on("POST /messages", fault.clone());
        let told = match send(&hub) {
            Outcome::Delivered { .. } => "delivered".to_owned(),
            Outcome::Deferred { until, .. } => format!("deferred {}", until.as_second() - now().as_second()),
            Outcome::Failed { reason } => format!("failed: {reason}"),
            Outcome::Unsure { .. } => "unsure".to_owned(),
        };
        assert_eq!(told, expected, "{fault:?}");
        assert!(hub.sent().is_empty());
    };
    check(Fault::status(404), "failed: the hub answered 404 (asked for by the test)");
    check(Fault::status(429), "deferred 60");
    check(Fault::status(500), "unsure");
    check(Fault::status(503), "unsure");
    check(Fault::status_with(429, "retry-after", "5"), "deferred 5");
    check(Fault::status_with(503, "retry-after", "Fri, 20 Nov 2026 12:02:00 GMT"), "deferred 120");
    check(Fault::body(201, "{\"id\""), "unsure");
    check(Fault::Flood { status: 201 }, "unsure");
    check(Fault::Flood { status: 400 }, "failed: the hub answered 400");
}

#[test]
fn redirects_are_not_followed() {
    let trap = StateHub::start();
    let hub = StateHub::start();
    for status in [301, 302, 303, 307, 308] {
        hub.times_on("", 2, Fault::status_with(status, "location", &format!("{}/messages", trap.url())));
        let outcome = send(&hub);
        assert_eq!(matches!(outcome, Outcome::Failed { .. }), status != 303, "{outcome:?}");
        let error = run(coder(&hub).fetch(&Window::default(), now())).unwrap_err();
        assert!(matches!(error, ConnectorError::Refused { .. }));
    }
    assert!(trap.requests().is_empty());
}

#[test]
fn an_answer_without_an_end_is_left() {
    let hub = StateHub::start();
    hub.always_on("", Fault::Flood { status: 200 });
    let error = run(coder(&hub).fetch(&Window::default(), now())).unwrap_err();
    assert!(error.to_string().ends_with("is longer than 8388608 bytes"), "{error}");
    assert!(matches!(run(coder(&hub).health()), Err(ConnectorError::Away { .. })));

    let client = Client::new(&hub.url(), None, Duration::from_secs(10)).unwrap().with_body_bytes_max(1000);
    let error = run(client.call(&Request::new(Method::Get, path("/messages", &[])))).unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { bytes_max: 1000, .. }));
    assert!(!error.is_nothing_sent());
    assert!(hub.flooded_bytes() < 64 * 1024 * 1024);
}

#[test]
fn a_hostile_id_reaches_only_its_own_call() {
    let hub = StateHub::start();
    let hostile = ["../../admin?x=", "a/b/read#", "%2e%2e", "m1&unread=false", "müller", "{id}"];
    let coder = coder(&hub);
    for id in hostile {
        hub.receive(Message { id: Some(id.to_owned()), thread: id.to_owned(), ..Message::default() });
        run(coder.mark_read(id)).unwrap();
        assert_eq!(run(coder.thread_tail(id)).unwrap().len(), 1);
    }
    assert_eq!(hub.reads(), hostile);
}

#[test]
fn an_id_that_cannot_be_kept_is_a_message_that_cannot_be_read() {
    let hub = StateHub::start();
    let hostile = ["..", "a\nb", "\u{202e}x", &"x".repeat(10_000)];
    for id in hostile {
        hub.receive(Message { id: Some(id.to_owned()), ..Message::default() });
    }
    let coder = coder(&hub);
    for fetched in run(coder.fetch(&Window::default(), now())).unwrap() {
        assert!(fetched.unwrap_err().id.starts_with("sha256:"));
    }
    let before = hub.requests().len();
    for id in ["", ".", ".."] {
        assert!(matches!(run(coder.mark_read(id)), Err(ConnectorError::Refused { .. })));
    }
    assert_eq!(hub.requests().len(), before);
}

#[test]
fn a_token_is_carried_and_never_shown() {
    let hub = StateHub::start();
    hub.wants_token("s3cr3t-t0ken");
    let error = run(coder(&hub).fetch(&Window::default(), now())).unwrap_err();
    assert_eq!(error.to_string(), "the hub answered 401 (a bearer token is needed) when asked for the inbox");

    let token = Token::new("s3cr3t-t0ken").unwrap();
    let coder = Hub::new("hub", Settings { token: Some(token), ..settings(&hub) }).unwrap();
    run(coder.fetch(&Window::default(), now())).unwrap();
    hub.always_on("", Fault::body(403, r#"{"error": {"message": "Bearer s3cr3t-t0ken may not"}}"#));
    let error = run(coder.fetch(&Window::default(), now())).unwrap_err();
    let outcome = run(coder.send(&outgoing("main\n"), now()));
    hub.down();
    let away = run(coder.fetch(&Window::default(), now())).unwrap_err();
    for shown in
        [format!("{coder:?}"), format!("{error} {error:?}"), format!("{outcome:?}"), format!("{away:?}")]
    {
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}

#[test]
fn a_progress_note_is_noted_once_per_key() {
    let hub = StateHub::start();
    let coder = coder(&hub);
    for _ in 0..2 {
        run(coder.progress("tick.7", "drafts", "2 drafts wait", json!({"drafts": 2}))).unwrap();
    }
    let noted = hub.noted();
    assert_eq!(noted.len(), 1);
    assert_eq!(
        noted[0].posted,
        json!({"agent": "coder", "event_type": "drafts", "summary": "2 drafts wait", "details": {"drafts": 2}})
    );
    let error = run(coder.progress("two\r\nlines", "drafts", "", json!({}))).unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { .. }));
}

#[test]
fn an_endpoint_that_speaks_no_tls_gets_nothing() {
    let hub = StateHub::start();
    let url = hub.url().replace("http://", "https://");
    let coder = Hub::new("hub", Settings { url, ..settings(&hub) }).unwrap();
    let outcome = run(coder.send(&outgoing("main\n"), now()));
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert!(hub.requests().is_empty());
}

#[test]
fn silence_before_the_request_is_later_and_after_it_unsure() {
    // Connections are made by the kernel and never taken up.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let send = |scheme: &str| {
        let settings = Settings {
            timeout: Duration::from_millis(500),
            ..Settings::new(&format!("{scheme}://{address}"), "coder")
        };
        run(Hub::new("hub", settings).unwrap().send(&outgoing("main\n"), now()))
    };
    assert!(matches!(send("https"), Outcome::Deferred { .. }));
    assert!(is_unsure(&send("http")));
}
