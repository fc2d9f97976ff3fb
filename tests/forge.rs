//! The forge connector against a forge over real HTTP, which speaks as Forgejo and as GitHub and fails in
//! every way it can; and on real payloads of forges, where `GIT_DRAFTS_CORPUS` names them.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use git_drafts::connector::forge::Forge;
use git_drafts::connector::forge::settings::{self as wired, Repository, Settings, TIMEOUT, Take, Thread};
use git_drafts::connector::forge::wire::{marker, read};
use git_drafts::connector::{ConnectorError, Window};
use git_drafts::http::{Token, read_json};
use git_drafts::message::{Address, Fetched, Message};
use git_drafts::outgoing::{Found, Key, Outcome, Outgoing};
use git_drafts::text;
use jiff::Timestamp;
use serde_json::{Value, json};
use support::forge::{Fault, Forge as Double, Kind, REPOSITORY};

const KINDS: [Kind; 2] = [Kind::Forgejo, Kind::GitHub];

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn repository() -> Repository {
    Repository::parse(REPOSITORY).unwrap()
}

fn settings(double: &Double) -> Settings {
    Settings {
        kind: if double.kind() == "github" { wired::Kind::GitHub } else { wired::Kind::Forgejo },
        url: double.url(),
        login: "sam".to_owned(),
        token: None,
        repositories: vec![repository()],
        take: Take::ALL.to_vec(),
        to: None,
        timeout: TIMEOUT,
    }
}

fn forge(double: &Double) -> Forge {
    Forge::new("app", settings(double)).unwrap()
}

fn window() -> Window {
    Window { since: Some("2026-11-13T12:00:00Z".parse().unwrap()) }
}

fn fetch(forge: &mut Forge) -> Result<Vec<Fetched>, ConnectorError> {
    run(forge.fetch(&window(), now()))
}

fn ids(fetched: Vec<Fetched>) -> Vec<String> {
    fetched.into_iter().map(|message| message.unwrap().id.replace("acme/app", "")).collect()
}

fn key() -> Key {
    Key::new(&"kqzmwvst".parse().unwrap(), 1, "3f9c2a71")
}

fn outgoing(number: u64) -> Outgoing {
    Outgoing {
        key: key(),
        date: "2026-11-20T12:00:00+01:00[+01:00]".parse().unwrap(),
        message_id: String::new(),
        thread: format!("{REPOSITORY}#{number}"),
        answers: format!("{REPOSITORY}#{number}"),
        in_reply_to: None,
        references: Vec::new(),
        from: Address::new("", "sam"),
        to: vec![Address::new("", "ada")],
        cc: Vec::new(),
        subject: "Re: It breaks".to_owned(),
        text: "It is fixed on `main`.\n".to_owned(),
        html: String::new(),
        attachments: Vec::new(),
    }
}

fn send(double: &Double) -> Outcome {
    run(forge(double).send(&outgoing(1), now()))
}

fn find(double: &Double) -> Found {
    run(forge(double).find(&key(), &format!("{REPOSITORY}#1"), now()))
}

#[test]
fn what_is_said_on_a_forge_becomes_messages() {
    for kind in KINDS {
        let double = Double::start(kind);
        let number = double.opens("ada", "It breaks", "How do I start it?");
        let comment = double.says("bob", number, "Same here, @sam");
        let fetched = fetch(&mut forge(&double)).unwrap();
        let messages: Vec<Message> = fetched.into_iter().map(Result::unwrap).collect();
        let [issue, said] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!((&*issue.id, &*issue.thread, &*issue.from.email), ("acme/app#1", "acme/app#1", "ada"));
        assert_eq!((&*issue.subject, &*issue.body), ("It breaks", "How do I start it?"));
        assert_eq!(said.id, format!("acme/app#1#issuecomment-{comment}"));
        assert_eq!((&*said.thread, &*said.subject, &*said.from.email), ("acme/app#1", "It breaks", "bob"));
    }
}

#[test]
fn no_address_of_an_answer_is_ever_followed() {
    let trap = Double::start(Kind::GitHub);
    for kind in KINDS {
        let double = Double::start(kind);
        double.leads_to(&trap.origin());
        double.pages_of(1);
        double.opens("ada", "It breaks", &format!("see {}/x ![x]({}/y.png)", trap.origin(), trap.origin()));
        double.opens("bob", "It breaks, too", "");
        double.says("bob", 1, "so it is");
        assert_eq!(fetch(&mut forge(&double)).unwrap().len(), 3);
        assert!(matches!(send(&double), Outcome::Delivered { .. }));
        assert!(matches!(find(&double), Found::Yes { .. }));
        assert_eq!(run(forge(&double).thread_tail("acme/app#1", None, now())).unwrap().len(), 2);
        let opened = run(forge(&double).create_issue(&repository(), "t", "b", &[], now()));
        assert!(matches!(opened, Outcome::Delivered { .. }));
        for status in [301, 302, 303, 307, 308] {
            let location = format!("{}/repos/acme/app/issues", trap.origin());
            double.times_on("", 2, Fault::with(status, &[("location", &location)], ""));
            assert!(!matches!(send(&double), Outcome::Delivered { .. }));
            let error = fetch(&mut forge(&double)).unwrap_err();
            assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
        }
    }
    assert_eq!(trap.requests(), [""; 0]);
}

#[test]
fn many_pages_come_whole_and_oldest_first() {
    for kind in KINDS {
        for page in [100, 50, 7] {
            let double = Double::start(kind);
            double.pages_of(page);
            let issues: Vec<String> =
                (0..130).map(|_| format!("#{}", double.opens("ada", "t", "b"))).collect();
            let comments: Vec<String> =
                (0..130).map(|_| format!("#1#issuecomment-{}", double.says("bob", 1, "c"))).collect();
            assert_eq!(
                ids(fetch(&mut forge(&double)).unwrap()),
                [issues, comments].concat(),
                "{kind:?} {page}"
            );
        }
    }
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let double = Double::start(Kind::GitHub);
    double.opens("ada", "It breaks", "");
    let mut first = forge(&double);
    assert_eq!(fetch(&mut first).unwrap().len(), 1);
    let bookmark = first.bookmark();
    let again = |bookmark: &str| {
        let mut again = forge(&double);
        again.resume(bookmark);
        double.take_requests();
        let taken = ids(fetch(&mut again).unwrap());
        (taken, double.take_requests().len(), again.bookmark())
    };
    assert_eq!(again(&bookmark), (vec![], 2, bookmark.clone()));
    // A comment changes its issue, and an issue that is now ours makes its old comments ours.
    let comment = double.says("bob", 1, "so it is");
    let (taken, _, bookmark) = again(&bookmark);
    assert_eq!(taken, ["#1".to_owned(), format!("#1#issuecomment-{comment}")]);
    double.change(1, "assignees", json!([{"login": "sam"}]));
    let (taken, requests, bookmark) = again(&bookmark);
    assert_eq!((taken.len(), requests), (2, 3), "the comments are read although they have not changed");
    assert_eq!(again(&bookmark).0, [""; 0]);
    // What the whole inbox is asked for is read in any case.
    let mut all = forge(&double);
    all.resume(&bookmark);
    assert_eq!(run(all.fetch(&Window::default(), now())).unwrap().len(), 2);
}

#[test]
fn a_bookmark_of_many_pages_hides_nothing() {
    let double = Double::start(Kind::GitHub);
    double.pages_of(2);
    for _ in 0..5 {
        double.opens("ada", "t", "b");
    }
    let mut first = forge(&double);
    fetch(&mut first).unwrap();
    let mut again = forge(&double);
    again.resume(&first.bookmark());
    assert_eq!(fetch(&mut again).unwrap().len(), 5);
}

#[test]
fn a_forge_that_has_enough_is_left_alone() {
    let double = Double::start(Kind::GitHub);
    double.opens("ada", "It breaks", "");
    let reset = (now().as_second() + 600).to_string();
    let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &*reset)];
    double.once_on("GET", Fault::with(403, &spent, r#"{"message": "API rate limit exceeded"}"#));
    let mut limited = forge(&double);
    let error = fetch(&mut limited).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the forge answered 403 (API rate limit exceeded): it wants no request before 2026-11-20T12:10:00Z"
    );
    assert!(matches!(error, ConnectorError::Away { .. }));
    let before = double.requests().len();
    let mut next = forge(&double);
    next.resume(&limited.bookmark());
    let error = fetch(&mut next).unwrap_err();
    assert_eq!(error.to_string(), "the forge wants no request before 2026-11-20T12:10:00Z");
    assert_eq!(double.requests().len(), before, "it is not asked at all");
    let mut later = forge(&double);
    later.resume(&next.bookmark());
    let ten = "2026-11-20T12:10:00Z".parse().unwrap();
    assert_eq!(run(later.fetch(&window(), ten)).unwrap().len(), 1);
    // An answer may also say that it is the last one for now.
    let body = "[]";
    double.times_on("GET", 2, Fault::with(200, &spent, body));
    let mut last = forge(&double);
    assert_eq!(fetch(&mut last).unwrap().len(), 0);
    let mut next = forge(&double);
    next.resume(&last.bookmark());
    assert!(matches!(fetch(&mut next), Err(ConnectorError::Away { .. })));
}

#[test]
fn a_comment_of_an_old_issue_brings_its_issue_along() {
    let double = Double::start(Kind::Forgejo);
    double.opens("ada", "old", "");
    let comment = double.says("bob", 1, "still");
    // As if an edit of a comment did not touch its issue.
    double.change(1, "updated_at", json!("2020-01-01T00:00:00Z"));
    let issue = double.issues()[0].clone();
    double.loses(1);
    double.opens_json(json!({
        "id": issue["id"], "number": 1, "title": "old", "body": "", "state": "open", "user": issue["user"],
        "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
    }));
    assert_eq!(ids(fetch(&mut forge(&double)).unwrap()), [format!("#1#issuecomment-{comment}")]);
    // One that is gone is not silently left out.
    double.loses(1);
    let fetched = fetch(&mut forge(&double)).unwrap();
    let unreadable = fetched[0].as_ref().unwrap_err();
    assert_eq!(
        unreadable.what,
        "belongs to acme/app#1, which cannot be read: the forge answered 404 (Not Found) when asked for acme/app#1"
    );
}

#[test]
fn a_spoilt_issue_is_named_and_the_others_go_on() {
    let double = Double::start(Kind::GitHub);
    double.opens("ada", "t", "b");
    double.opens_json(json!({"id": 7, "number": 2, "title": ["x"], "user": {"login": "ada"}}));
    double.says_json(json!({"id": 8, "issue_url": {}, "user": 7}));
    let fetched = fetch(&mut forge(&double)).unwrap();
    let told: Vec<String> = fetched
        .into_iter()
        .map(|one| one.map_or_else(|bad| format!("{:.10}: {}", bad.id, bad.what), |message| message.id))
        .collect();
    assert_eq!(
        told,
        ["acme/app#1", "acme/app#2: has a `title` that is no text", "sha256:f47: has a `user` that is none"]
    );
}

#[test]
fn a_comment_arrives_with_its_marker_and_is_found_by_it() {
    for kind in KINDS {
        let double = Double::start(kind);
        double.opens("ada", "It breaks", "");
        assert_eq!(find(&double), Found::No);
        let Outcome::Delivered { receipt } = send(&double) else { panic!("must be delivered") };
        assert!(receipt.starts_with("acme/app#1#issuecomment-"), "{receipt}");
        assert_eq!(
            double.comments_of("sam"),
            ["It is fixed on `main`.\n\n<!-- git-drafts: kqzmwvst.1.3f9c2a71 -->\n"]
        );
        assert_eq!(find(&double), Found::Yes { receipt });
        // Whoever copies the marker changes nothing.
        double.says("eve", 1, &marker(key().as_str()));
        assert!(matches!(find(&double), Found::Yes { .. }));
    }
}

#[test]
fn a_marker_of_somebody_else_is_no_proof_either_way() {
    let double = Double::start(Kind::GitHub);
    double.opens("ada", "It breaks", "");
    double.says("eve", 1, &marker(key().as_str()));
    assert!(matches!(find(&double), Found::Unknown { .. }));
}

#[test]
fn a_thread_that_cannot_be_read_to_its_end_says_nothing_about_a_comment() {
    let double = Double::start(Kind::GitHub);
    double.opens("ada", "It breaks", "");
    for _ in 0..120 {
        double.says("ada", 1, "and again");
    }
    double.pages_of(1);
    assert_eq!(find(&double), Found::Unknown { reason: "there is more than can be read".to_owned() });
    let error = run(forge(&double).thread_tail("acme/app#1", None, now())).unwrap_err();
    assert_eq!(error.to_string(), "acme/app#1 is too long to be read to its end");
    assert_eq!(run(forge(&double).thread_tail("acme/app#1", Some(now()), now())).unwrap().len(), 0);
}

#[test]
fn a_broken_link_is_unsure_and_the_forge_is_asked() {
    for (fault, arrived) in
        [(Fault::DropUnhandled, false), (Fault::DropHandled, true), (Fault::Truncate, true)]
    {
        let double = Double::start(Kind::Forgejo);
        double.opens("ada", "It breaks", "");
        double.once_on("POST", fault.clone());
        let outcome = send(&double);
        assert!(matches!(outcome, Outcome::Unsure { .. }), "{fault:?}: {outcome:?}");
        assert_eq!(matches!(find(&double), Found::Yes { .. }), arrived, "{fault:?}");
        assert_eq!(double.requests().iter().filter(|call| call.starts_with("POST")).count(), 1);
    }
}

#[test]
fn a_forge_that_is_down_gets_it_later() {
    let double = Double::start(Kind::Forgejo);
    double.opens("ada", "It breaks", "");
    double.down();
    assert!(matches!(send(&double), Outcome::Deferred { .. }));
    assert!(matches!(find(&double), Found::Away { .. }));
    assert!(matches!(fetch(&mut forge(&double)), Err(ConnectorError::Away { .. })));
    double.up();
    assert!(matches!(send(&double), Outcome::Delivered { .. }));
}

#[test]
fn a_no_of_the_forge_is_told_in_its_words() {
    let check = |fault: Option<Fault>, lock: bool, expected: &str| {
        let double = Double::start(Kind::GitHub);
        double.opens("ada", "It breaks", "");
        double.change(1, "locked", json!(lock));
        if let Some(fault) = fault {
            double.once_on("POST", fault);
        }
        let told = match send(&double) {
            Outcome::Delivered { .. } => "delivered".to_owned(),
            Outcome::Deferred { until, .. } => format!("deferred {}", until.as_second() - now().as_second()),
            Outcome::Failed { reason } => reason,
            Outcome::Unsure { .. } => "unsure".to_owned(),
        };
        assert_eq!(told, expected);
        assert_eq!(double.comments_of("sam"), [""; 0]);
    };
    check(
        None,
        true,
        "the forge answered 403 (Unable to create comment because issue is locked.): the token may not do that, or it is locked",
    );
    check(
        Some(Fault::status(404)),
        false,
        "the forge answered 404 (asked for by the test): it is gone, or the token may not see it",
    );
    check(
        Some(Fault::status(410)),
        false,
        "the forge answered 410 (asked for by the test): it was deleted, or issues are off there",
    );
    check(Some(Fault::with(429, &[("retry-after", "30")], "")), false, "deferred 30");
    check(Some(Fault::with(403, &[("retry-after", "30")], "")), false, "deferred 30");
    check(Some(Fault::status(500)), false, "unsure");
    check(Some(Fault::status(503)), false, "unsure");
    check(Some(Fault::with(200, &[], "<p>Please log in.</p>")), false, "unsure");
}

#[test]
fn only_threads_of_the_wirings_repositories_are_asked_for() {
    let double = Double::start(Kind::GitHub);
    let forge = forge(&double);
    for thread in ["acme/other#1", "acme/app", "../app#1", "acme/app#1/../../x", "<m@example.org>", ""] {
        assert!(matches!(run(forge.thread_tail(thread, None, now())), Err(ConnectorError::Refused { .. })));
        assert!(matches!(run(forge.find(&key(), thread, now())), Found::Unknown { .. }));
        let outcome = run(forge.send(&Outgoing { thread: thread.to_owned(), ..outgoing(1) }, now()));
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        assert!(forge.prepare(&Outgoing { thread: thread.to_owned(), ..outgoing(1) }).is_err());
    }
    assert_eq!(double.requests(), [""; 0]);
}

#[test]
fn an_issue_is_opened_once_and_found_by_its_marker() {
    for kind in KINDS {
        let double = Double::start(kind);
        double.has_label("bug");
        double.opens("eve", "another", "");
        let forge = forge(&double);
        let find = || run(forge.find_issue_by_marker(&repository(), &marker("k.1.t1"), None, now()));
        assert_eq!(find(), Found::No);
        let labels = ["bug".to_owned()];
        let body = format!("It breaks.\n\n{}\n", marker("k.1.t1"));
        double.once_on("POST", Fault::DropHandled);
        let lost = run(forge.create_issue(&repository(), "It breaks", &body, &labels, now()));
        assert!(matches!(lost, Outcome::Unsure { .. }), "{lost:?}");
        assert_eq!(find(), Found::Yes { receipt: "acme/app#2".to_owned() });
        assert_eq!(
            run(forge.find_issue_by_marker(&repository(), &marker("k.1.t1"), Some(now()), now())),
            Found::Yes { receipt: "acme/app#2".to_owned() },
            "clocks may differ"
        );
        let issue = &double.issues()[1];
        assert_eq!((&issue["title"], &issue["body"]), (&json!("It breaks"), &json!(body)));
        assert_eq!(issue["labels"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_wrong_login_is_no_proof_that_no_issue_was_opened() {
    for kind in KINDS {
        let double = Double::start(kind);
        let body = format!("It breaks.\n\n{}\n", marker("k.1.t1"));
        run(forge(&double).create_issue(&repository(), "It breaks", &body, &[], now()));
        let wrong = Forge::new("app", Settings { login: "ada".to_owned(), ..settings(&double) }).unwrap();
        let found = run(wrong.find_issue_by_marker(&repository(), &marker("k.1.t1"), None, now()));
        assert!(matches!(&found, Found::Unknown { reason } if reason.contains("`login`")), "{found:?}");
    }
}

#[test]
fn a_label_that_is_not_there_opens_nothing_on_forgejo() {
    let double = Double::start(Kind::Forgejo);
    double.has_label("bug");
    let labels = ["bug".to_owned(), "urgent".to_owned()];
    let outcome = run(forge(&double).create_issue(&repository(), "t", "b", &labels, now()));
    assert_eq!(outcome, Outcome::Failed { reason: "acme/app has no label `urgent`".to_owned() });
    double.down();
    let outcome = run(forge(&double).create_issue(&repository(), "t", "b", &labels, now()));
    assert!(matches!(outcome, Outcome::Deferred { .. }), "{outcome:?}");
    assert_eq!(double.issues().len(), 0);
}

#[test]
fn a_token_is_carried_and_never_shown() {
    let double = Double::start(Kind::GitHub);
    double.wants_token("s3cr3t-t0ken");
    let error = fetch(&mut forge(&double)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the forge answered 401 (Bad credentials) when asked for the issues of acme/app"
    );
    let token = Some(Token::new("s3cr3t-t0ken").unwrap());
    let mut forge = Forge::new("app", Settings { token, ..settings(&double) }).unwrap();
    fetch(&mut forge).unwrap();
    double.times_on("", 9, Fault::with(403, &[], r#"{"message": "Bearer s3cr3t-t0ken may not"}"#));
    let error = fetch(&mut forge).unwrap_err();
    let outcome = run(forge.send(&outgoing(1), now()));
    for shown in
        [format!("{forge:?}"), format!("{error} {error:?}"), format!("{outcome:?}"), forge.bookmark()]
    {
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}

#[test]
fn a_thread_has_both_sides_from_a_time_on() {
    let double = Double::start(Kind::Forgejo);
    double.opens("ada", "It breaks", "");
    double.says("ada", 1, "really");
    send(&double);
    let tail = run(forge(&double).thread_tail("acme/app#1", None, now())).unwrap();
    let from: Vec<&str> = tail.iter().map(|message| message.from.email.as_str()).collect();
    assert_eq!(from, ["ada", "sam"]);
    let since = "2026-11-20T11:30:03Z".parse().unwrap();
    assert_eq!(run(forge(&double).thread_tail("acme/app#1", Some(since), now())).unwrap().len(), 1);
    double.says_json(json!({"id": 9, "issue_url": "http://h/1", "user": {"login": "a b"}}));
    assert!(run(forge(&double).thread_tail("acme/app#1", None, now())).is_err(), "whole or not at all");
    assert_eq!(Thread::parse("acme/app#1").unwrap().number, 1);
}

/// What is counted over the real payloads.
#[derive(Debug, Default)]
struct Figures {
    files: usize,
    no_json: usize,
    objects: usize,
    issues_read: usize,
    issues_unreadable: usize,
    comments_read: usize,
    comments_unreadable: usize,
    through_a_forge: usize,
}

#[test]
fn real_payloads_are_read_or_say_what_is_wrong() {
    let Some(corpus) = std::env::var_os("GIT_DRAFTS_CORPUS") else {
        println!("left out: GIT_DRAFTS_CORPUS names no folder of payloads");
        return;
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("forge-")) {
            collect(&path, &mut files);
        }
    }
    assert!(files.len() > 100, "too few payloads");
    let (mut figures, mut issues, mut comments) = (Figures::default(), Vec::new(), Vec::new());
    for path in &files {
        figures.files += 1;
        let Ok(payload) = read_json(&fs::read(path).unwrap()) else {
            figures.no_json += 1;
            continue;
        };
        // Whatever an object is: reading it says yes or no, and a yes is a message that shows all there is.
        every_object(&payload, &mut |object| {
            figures.objects += 1;
            let thread = Thread { repository: repository(), number: 1 };
            check_shown(read::issue("app", "sam", &repository(), object).map(|issue| issue.message));
            check_shown(read::comment("app", "sam", &thread, "t", object));
        });
        issues.extend(payload.get("issue").filter(|issue| issue.is_object()).cloned());
        let says = |comment: &&Value| comment.is_object() && payload.get("issue").is_some();
        comments.extend(payload.get("comment").filter(says).cloned());
        if let Some(list) = payload.as_array() {
            let is_issue = |one: &&Value| one.get("title").is_some() && one.get("number").is_some();
            issues.extend(list.iter().filter(is_issue).cloned());
            comments.extend(list.iter().filter(|one| one.get("issue_url").is_some()).cloned());
        }
    }
    // Then as a forge gives them, each under a number of its own.
    for kind in KINDS {
        let double = Double::start(kind);
        for (index, issue) in issues.iter().enumerate() {
            let mut issue = issue.clone();
            let has = issue.get("number").is_some();
            if has {
                issue["number"] = json!(index + 1);
            }
            issue["id"] = json!(100_000 + index);
            issue["state"] = json!("open");
            double.opens_json(issue);
        }
        for (index, comment) in comments.iter().enumerate() {
            let mut comment = comment.clone();
            comment["id"] = json!(200_000 + index);
            comment["issue_url"] = json!("https://forge.example/acme/app/issues/1");
            double.says_json(comment);
        }
        let fetched = run(forge(&double).fetch(&Window::default(), now())).unwrap();
        assert_eq!(fetched.len(), issues.len() + comments.len(), "nothing is left out silently");
        figures.through_a_forge += fetched.len();
        for one in &fetched {
            let is_comment = match one {
                Ok(message) => message.id.contains("#issuecomment-"),
                Err(unreadable) => unreadable.id.contains("#issuecomment-"),
            };
            match (one.is_ok(), is_comment) {
                (true, false) => figures.issues_read += 1,
                (false, false) => figures.issues_unreadable += 1,
                (true, true) => figures.comments_read += 1,
                (false, true) => figures.comments_unreadable += 1,
            }
            if let Err(unreadable) = one {
                println!("unreadable: {}: {}", text::one_line(&unreadable.id, 40), unreadable.what);
            }
        }
    }
    println!("{figures:?}");
}

fn check_shown(fetched: Fetched) {
    match fetched {
        Ok(message) => {
            assert!(text::is_visible(&message.body) && text::is_visible(&message.subject));
            assert!(!message.subject.contains('\n') && !message.id.is_empty());
            assert_eq!(Address::parse(&message.from.to_string()), Some(message.from));
        }
        Err(unreadable) => assert!(!unreadable.what.is_empty() && !unreadable.id.is_empty()),
    }
}

fn every_object(value: &Value, look: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            look(value);
            fields.values().for_each(|inner| every_object(inner, look));
        }
        Value::Array(items) => items.iter().for_each(|inner| every_object(inner, look)),
        _ => {}
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "json" || end == "golden") {
            files.push(path);
        }
    }
}
