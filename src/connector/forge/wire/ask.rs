//! Builds the requests: paths of names and numbers, never of an address that came in an answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::connector::forge::settings::{Kind, Repository, Settings, Thread};
use crate::http::{Method, Request, path};

/// The version of GitHub's API that we know.
const GITHUB_VERSION: &str = "2022-11-28";

/// Returns how many items are asked for at a time: what the forges give at most without being told otherwise.
pub fn page_size(kind: Kind) -> usize {
    match kind {
        Kind::Forgejo => 50,
        Kind::GitHub => 100,
    }
}

/// Asks for a page of a repository's issues and pull requests, open and closed, the last changed first.
pub fn issues(
    settings: &Settings,
    repository: &Repository,
    since: Option<Timestamp>,
    page: usize,
) -> Request {
    let request = listing(settings, get(settings, "/repos/{owner}/{name}/issues", repository), since, page);
    last_changed_first(settings, request.query("state", "all"), "recentupdate")
}

/// Asks for a page of a repository's issues, the newest first, whoever made them: a forge that is asked for
/// those of a wrong `login` would say that there is none.
pub fn newest_issues(
    settings: &Settings,
    repository: &Repository,
    since: Option<Timestamp>,
    page: usize,
) -> Request {
    let request = listing(settings, get(settings, "/repos/{owner}/{name}/issues", repository), since, page)
        .query("state", "all");
    match settings.kind {
        Kind::Forgejo => request.query("type", "issues"),
        Kind::GitHub => request,
    }
}

/// Asks for a page of all that was said in a repository.
pub fn comments(
    settings: &Settings,
    repository: &Repository,
    since: Option<Timestamp>,
    page: usize,
) -> Request {
    let request = get(settings, "/repos/{owner}/{name}/issues/comments", repository);
    let request = listing(settings, request, since, page);
    match settings.kind {
        // It has no other order.
        Kind::Forgejo => request,
        Kind::GitHub => last_changed_first(settings, request, ""),
    }
}

/// Asks for one issue.
pub fn issue(settings: &Settings, thread: &Thread) -> Request {
    in_thread(settings, Method::Get, "/repos/{owner}/{name}/issues/{number}", thread)
}

/// Asks for a page of what was said in a thread, the oldest first.
pub fn thread(settings: &Settings, thread: &Thread, since: Option<Timestamp>, page: usize) -> Request {
    let request = in_thread(settings, Method::Get, "/repos/{owner}/{name}/issues/{number}/comments", thread);
    listing(settings, request, since, page)
}

/// Asks for a page of a repository's labels.
pub fn labels(settings: &Settings, repository: &Repository, page: usize) -> Request {
    listing(settings, get(settings, "/repos/{owner}/{name}/labels", repository), None, page)
}

/// Makes a comment.
pub fn create_comment(settings: &Settings, thread: &Thread, body: &str) -> Request {
    in_thread(settings, Method::Post, "/repos/{owner}/{name}/issues/{number}/comments", thread)
        .json(json!({ "body": body }))
}

/// Makes an issue; `labels` are names on GitHub and numbers on Forgejo.
pub fn create_issue(
    settings: &Settings,
    repository: &Repository,
    title: &str,
    body: &str,
    labels: Vec<Value>,
) -> Request {
    let values = [("owner", repository.owner.as_str()), ("name", &repository.name)];
    call(settings, Method::Post, path("/repos/{owner}/{name}/issues", &values))
        .json(json!({ "title": title, "body": body, "labels": labels }))
}

fn get(settings: &Settings, template: &str, repository: &Repository) -> Request {
    let values = [("owner", repository.owner.as_str()), ("name", &repository.name)];
    call(settings, Method::Get, path(template, &values))
}

fn in_thread(settings: &Settings, method: Method, template: &str, thread: &Thread) -> Request {
    let Repository { owner, name } = &thread.repository;
    let number = thread.number.to_string();
    call(settings, method, path(template, &[("owner", owner), ("name", name), ("number", &number)]))
}

fn call(settings: &Settings, method: Method, path: Vec<String>) -> Request {
    let request = Request::new(method, path);
    match settings.kind {
        Kind::Forgejo => request,
        Kind::GitHub => request.header("x-github-api-version", GITHUB_VERSION),
    }
}

fn listing(settings: &Settings, request: Request, since: Option<Timestamp>, page: usize) -> Request {
    let size = match settings.kind {
        Kind::Forgejo => "limit",
        Kind::GitHub => "per_page",
    };
    let request = request.query(size, page_size(settings.kind).to_string()).query("page", page.to_string());
    match since {
        Some(since) => request.query("since", since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        None => request,
    }
}

fn last_changed_first(settings: &Settings, request: Request, forgejo: &str) -> Request {
    match settings.kind {
        Kind::Forgejo => request.query("sort", forgejo),
        Kind::GitHub => request.query("sort", "updated").query("direction", "desc"),
    }
}
