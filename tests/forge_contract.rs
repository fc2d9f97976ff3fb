//! The forge connector against what others say about forges: the published contracts of Forgejo and GitHub,
//! served by Prism, which refuses what they do not allow; and a GitHub of somebody else's, which remembers.
//!
//! `.ci/forges` starts these servers and says where they are. Without that, each test says that it skips.

use std::time::Duration;

use git_drafts::connector::Window;
use git_drafts::connector::forge::Forge;
use git_drafts::connector::forge::settings::{Kind, Repository, Settings, Take, Thread};
use git_drafts::connector::forge::wire::{ask, marked, marker};
use git_drafts::http::{Answer, Client, Method, Request, Token, path};
use git_drafts::outgoing::{Found, Outcome};
use jiff::Timestamp;
use serde_json::{Value, json};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Where a server is, if `.ci/forges` has started it.
fn server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        println!("left out: {variable} names no server; see .ci/forges");
    }
    url
}

fn settings(kind: Kind, url: &str, login: &str, repository: &str) -> Settings {
    Settings {
        kind,
        url: url.to_owned(),
        login: login.to_owned(),
        token: Some(Token::new("test_token_admin").unwrap()),
        repositories: vec![Repository::parse(repository).unwrap()],
        take: Take::ALL.to_vec(),
        to: None,
        timeout: Duration::from_secs(30),
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

/// Every request that the connector can make.
fn requests(settings: &Settings) -> Vec<Request> {
    let repository = &settings.repositories[0];
    let thread = Thread { repository: repository.clone(), number: 12 };
    let since = Some("2026-11-20T12:00:00Z".parse().unwrap());
    let labels = match settings.kind {
        Kind::Forgejo => vec![json!(7)],
        Kind::GitHub => vec![json!("bug")],
    };
    let mut requests = vec![
        ask::issue(settings, &thread),
        ask::labels(settings, repository, 1),
        ask::create_comment(settings, &thread, &marked("yes", "kqzmwvst.1.3f9c2a71").unwrap()),
        ask::create_issue(settings, repository, "t", "b", labels),
    ];
    for (since, page) in [(None, 1), (since, 3)] {
        requests.push(ask::issues(settings, repository, since, page));
        requests.push(ask::newest_issues(settings, repository, since, page));
        requests.push(ask::comments(settings, repository, since, page));
        requests.push(ask::thread(settings, &thread, since, page));
    }
    requests
}

/// Says what the contract has against a request, if anything.
fn violation(answer: &Answer) -> Option<String> {
    let violations: Value =
        serde_json::from_str(answer.header("sl-violations").unwrap_or("[]")).unwrap_or_default();
    let of_request = |one: &&Value| one["location"][0] == "request";
    let first = violations.as_array().into_iter().flatten().find(of_request);
    match (answer.is_success(), first) {
        (true, None) => None,
        (_, Some(first)) => Some(first.to_string()),
        (false, None) => Some(answer.told()),
    }
}

fn check_contract(kind: Kind, url: &str) {
    let settings = settings(kind, url, "sam", "acme/app");
    let client = Client::new(url, settings.token.clone(), settings.timeout).unwrap();
    let mut checked = 0;
    for request in requests(&settings) {
        let answer = run(client.call(&request)).unwrap();
        assert_eq!(violation(&answer), None, "{request:?}");
        checked += 1;
    }
    // The contract does refuse something.
    let thread = Thread { repository: settings.repositories[0].clone(), number: 12 };
    let mut wrong = ask::create_comment(&settings, &thread, "yes");
    wrong.body = Some(json!({"text": "no body"}));
    assert!(violation(&run(client.call(&wrong)).unwrap()).is_some());
    // And what it shows as examples can be read, or is named.
    let fetched = run(Forge::new("app", settings).unwrap().fetch(&Window::default(), now())).unwrap();
    assert!(!fetched.is_empty());
    let read = fetched.iter().filter(|one| one.is_ok()).count();
    println!(
        "{kind:?}: {checked} requests as the contract has them, {read} of {} examples read",
        fetched.len()
    );
}

#[test]
fn every_request_is_as_forgejos_contract_has_it() {
    if let Some(url) = server("GIT_DRAFTS_TEST_PRISM_FORGEJO") {
        check_contract(Kind::Forgejo, &url);
    }
}

#[test]
fn every_request_is_as_githubs_contract_has_it() {
    if let Some(url) = server("GIT_DRAFTS_TEST_PRISM_GITHUB") {
        check_contract(Kind::GitHub, &url);
    }
}

#[test]
fn a_github_of_somebody_else_takes_and_gives_what_ours_does() {
    let Some(url) = server("GIT_DRAFTS_TEST_EMULATE") else { return };
    let name = format!("app-{}", now().as_millisecond());
    let settings = settings(Kind::GitHub, &url, "admin", &format!("admin/{name}"));
    let client = Client::new(&url, settings.token.clone(), settings.timeout).unwrap();
    let made = Request::new(Method::Post, path("/user/repos", &[])).json(json!({"name": name}));
    assert_eq!(run(client.call(&made)).unwrap().status, 201);

    let repository = settings.repositories[0].clone();
    let forge = || Forge::new("app", settings.clone()).unwrap();
    let (key, other) = (marker("k.1.t1"), marker("k.1.t2"));
    let find = |marker: &str| run(forge().find_issue_by_marker(&repository, marker, Some(now()), now()));
    assert_eq!(find(&key), Found::No);
    let opened =
        run(forge().create_issue(&repository, "It breaks", &marked("Here.", "k.1.t1").unwrap(), &[], now()));
    let thread = Thread { repository: repository.clone(), number: 1 };
    assert_eq!(opened, Outcome::Delivered { receipt: thread.to_string() });
    assert_eq!(find(&key), Found::Yes { receipt: thread.to_string() });
    assert_eq!(find(&other), Found::No);

    let find = |marker: &str| run(forge().find_comment_by_marker(&thread, marker, now()));
    assert_eq!(find(&other), Found::No);
    let outcome = run(forge().create_comment(&thread, &marked("**yes**", "k.1.t2").unwrap(), now()));
    let Outcome::Delivered { receipt } = outcome else { panic!("{outcome:?}") };
    assert_eq!(find(&other), Found::Yes { receipt });
    assert_eq!(find(&key), Found::No);
    for number in 0..130 {
        let outcome = run(forge().create_comment(&thread, &format!("and {number}"), now()));
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    }
    let tail = run(forge().thread_tail(&thread.to_string(), None, now())).unwrap();
    assert_eq!((tail.len(), tail[130].body.as_str()), (131, "and 129"));
    // It does not list the comments of a whole repository, so nothing can be fetched from it.
    let gone = Thread { number: 99, ..thread.clone() };
    let outcome = run(forge().create_comment(&gone, "nobody", now()));
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
}
