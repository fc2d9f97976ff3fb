//! A forge for tests: issues and comments over real HTTP, in memory, as Forgejo or as GitHub speaks, with
//! faults on request.
//!
//! It listens on a free port of this machine until it is dropped. Its clock moves one second with whatever
//! is made, so that nothing depends on the time of day. Every address in its answers can be made to lead
//! to a trap. One request per connection.
//!
//! ```ignore
//! let forge = Forge::start(Kind::GitHub);
//! let number = forge.opens("ada", "It breaks", "@sam, what now?");
//! forge.once_on("POST", Fault::DropHandled);
//! // … let the program run against forge.url() …
//! assert_eq!(forge.comments_of("sam").len(), 1);
//! ```

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use git_drafts::message::sha256_hex;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The one repository.
pub const REPOSITORY: &str = "acme/app";

/// Whose token the forge takes, if it wants one.
const TOKEN_OF: &str = "sam";

/// Whose words a forge speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Forgejo,
    GitHub,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request is read, nothing is done, the connection is closed.
    DropUnhandled,
    /// What was asked is done, and the connection is closed without an answer.
    DropHandled,
    /// What was asked is done, and only half of the answer comes.
    Truncate,
    /// Nothing is done, and this is the answer.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
}

impl Fault {
    /// An error with the forges' body.
    pub fn status(status: u16) -> Self {
        Self::with(status, &[], &json!({"message": "asked for by the test"}).to_string())
    }

    /// An answer with headers.
    pub fn with(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Self::Answer { status, headers, body: body.to_owned() }
    }
}

/// A running forge. All its methods may be called from any thread.
pub struct Forge {
    kind: Kind,
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    kind: Kind,
    issues: Vec<Value>,
    comments: Vec<Value>,
    labels: Vec<Value>,
    requests: Vec<String>,
    rules: Vec<(String, usize, Fault)>,
    token: Option<String>,
    trap: String,
    page_max: usize,
    ids: u64,
    now: Timestamp,
    is_down: bool,
}

struct Request {
    method: String,
    path: String,
    segments: Vec<String>,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Forge {
    /// Starts a forge with an empty repository, which wants no token and has no faults.
    pub fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            kind,
            issues: Vec::new(),
            comments: Vec::new(),
            labels: Vec::new(),
            requests: Vec::new(),
            rules: Vec::new(),
            token: None,
            trap: format!("http://{address}"),
            page_max: 50,
            ids: 1000,
            now: "2026-11-20T11:30:00Z".parse().unwrap(),
            is_down: false,
        };
        let shared = Arc::new(Mutex::new(state));
        let acceptor = Mutex::new(Some(accept_connections(listener, shared.clone())));
        Self { kind, address, shared, acceptor }
    }

    /// The word of its kind in the wiring.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Forgejo => "forgejo",
            Kind::GitHub => "github",
        }
    }

    /// Where its API is: `http://127.0.0.1:PORT/api/v1`, or without the path.
    pub fn url(&self) -> String {
        let below = if self.kind == Kind::Forgejo { "/api/v1" } else { "" };
        format!("http://{}{below}", self.address)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody opens an issue; returns its number.
    pub fn opens(&self, who: &str, title: &str, body: &str) -> u64 {
        let mut state = self.state();
        let issue = state.new_issue(who, title, body, &[]);
        issue["number"].as_u64().unwrap()
    }

    /// Somebody says something in an issue; returns the comment's id.
    pub fn says(&self, who: &str, number: u64, body: &str) -> u64 {
        let mut state = self.state();
        let comment = state.new_comment(who, number, body);
        comment["id"].as_u64().unwrap()
    }

    /// Changes a field of an issue, which makes it changed now.
    pub fn change(&self, number: u64, field: &str, value: Value) {
        let mut state = self.state();
        let now = state.tick();
        let issue = state.issue(number).unwrap();
        issue[field] = value;
        issue["updated_at"] = now.into();
    }

    /// Puts any JSON, however spoilt, among the issues.
    pub fn opens_json(&self, issue: Value) {
        self.state().issues.push(issue);
    }

    /// Puts any JSON, however spoilt, among the comments.
    pub fn says_json(&self, comment: Value) {
        self.state().comments.push(comment);
    }

    /// Takes an issue away, with all that was said there.
    pub fn loses(&self, number: u64) {
        self.state().issues.retain(|issue| issue["number"] != number);
    }

    /// Gives the repository a label.
    pub fn has_label(&self, name: &str) {
        let mut state = self.state();
        let id = state.next_id();
        state.labels.push(json!({"id": id, "name": name}));
    }

    /// From now on every call wants this token.
    pub fn wants_token(&self, token: &str) {
        self.state().token = Some(token.to_owned());
    }

    /// From now on all addresses in the answers lead to this origin.
    pub fn leads_to(&self, origin: &str) {
        origin.clone_into(&mut self.state().trap);
    }

    /// From now on a page has at most this many items, whatever is asked for.
    pub fn pages_of(&self, items: usize) {
        self.state().page_max = items;
    }

    /// Spoils the next request that begins with `call`, for example `POST /repos`.
    pub fn once_on(&self, call: &str, fault: Fault) {
        self.times_on(call, 1, fault);
    }

    /// Spoils the next `times` requests that begin with `call`.
    pub fn times_on(&self, call: &str, times: usize, fault: Fault) {
        self.state().rules.push((call.to_owned(), times, fault));
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        self.state().rules.clear();
    }

    /// Stops listening: connections are refused until [`Self::up`]. What it knows stays.
    pub fn down(&self) {
        self.state().is_down = true;
        if let Some(acceptor) = self.acceptor.lock().unwrap().take() {
            // Wakes the acceptor, which then closes its socket.
            let _ = TcpStream::connect(self.address);
            acceptor.join().unwrap();
        }
    }

    /// Listens again, at the same address.
    pub fn up(&self) {
        self.state().is_down = false;
        let listener = TcpListener::bind(self.address).unwrap();
        *self.acceptor.lock().unwrap() = Some(accept_connections(listener, self.shared.clone()));
    }

    /// The texts of all comments of an account, oldest first.
    pub fn comments_of(&self, who: &str) -> Vec<String> {
        let state = self.state();
        let ours = state.comments.iter().filter(|comment| comment["user"]["login"] == who);
        ours.map(|comment| comment["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The issues as the forge has them.
    pub fn issues(&self) -> Vec<Value> {
        self.state().issues.clone()
    }

    /// Every request that came, spoilt ones too, as `METHOD /path?query`.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// The same, and forgets them.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.down();
    }
}

fn accept_connections(listener: TcpListener, shared: Arc<Mutex<State>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.lock().unwrap().is_down {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = shared.clone();
            // A client that goes away in the middle is none of the forge's errors.
            std::thread::spawn(move || serve(&stream, &shared));
        }
    })
}

fn serve(mut stream: &TcpStream, shared: &Mutex<State>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let Some(request) = read_request(stream)? else { return Ok(()) };
    let (answer, fault) = {
        let mut state = shared.lock().unwrap();
        let call = format!("{} {}", request.method, request.path);
        state.requests.push(call.clone());
        let rule =
            state.rules.iter_mut().find(|(begin, left, _)| *left > 0 && call.starts_with(begin.as_str()));
        let fault = rule.map(|(_, left, fault)| {
            *left -= 1;
            fault.clone()
        });
        let is_handled = matches!(fault, None | Some(Fault::DropHandled | Fault::Truncate));
        (is_handled.then(|| state.handle(&request)), fault)
    };
    match (fault, answer) {
        (None, Some(answer)) => stream.write_all(format_answer(&answer).as_bytes()),
        (Some(Fault::Truncate), Some(answer)) => {
            let whole = format_answer(&answer);
            stream.write_all(&whole.as_bytes()[..whole.len() - answer.body.len().div_ceil(2)])
        }
        (Some(Fault::Answer { status, headers, body }), _) => {
            stream.write_all(format_answer(&Answer { status, headers, body }).as_bytes())
        }
        _ => Ok(()),
    }
}

fn read_request(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    // Half a request is none.
    if reader.take(length).read_to_end(&mut body)? < length as usize {
        return Ok(None);
    }
    let (plain, query) = path.split_once('?').unwrap_or((&path, ""));
    let segments = plain.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%3A", ":")))
        .collect();
    Ok(Some(Request { method, segments, query, headers, body, path }))
}

fn format_answer(answer: &Answer) -> String {
    let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "HTTP/1.1 {} answer\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        answer.body
    )
}

impl Answer {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    fn error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"message": message}))
    }
}

impl State {
    fn handle(&mut self, request: &Request) -> Answer {
        let given = request.headers.get("authorization").map(String::as_str);
        if let Some(token) = &self.token
            && given != Some(&format!("Bearer {token}"))
        {
            return Answer::error(401, "Bad credentials");
        }
        let below = if self.kind == Kind::Forgejo { 2 } else { 0 };
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        if segments.get(..below).is_none_or(|base| base != ["api", "v1"] && below > 0) {
            return Answer::error(404, "Not Found");
        }
        let (owner, name) = REPOSITORY.split_once('/').unwrap();
        match (request.method.as_str(), &segments[below..]) {
            ("GET", ["repos", o, n, "issues"]) if (*o, *n) == (owner, name) => self.list_issues(request),
            ("GET", ["repos", o, n, "issues", "comments"]) if (*o, *n) == (owner, name) => {
                self.list_comments(request, None)
            }
            ("GET", ["repos", o, n, "labels"]) if (*o, *n) == (owner, name) => {
                self.page(request, self.labels.clone())
            }
            ("POST", ["repos", o, n, "issues"]) if (*o, *n) == (owner, name) => self.post_issue(request),
            (method, ["repos", o, n, "issues", number, rest @ ..]) if (*o, *n) == (owner, name) => {
                let Some(number) = number.parse().ok().filter(|number| self.issue(*number).is_some()) else {
                    return Answer::error(404, "Not Found");
                };
                match (method, rest) {
                    ("GET", []) => Answer::json(200, self.issue(number).unwrap()),
                    ("GET", ["comments"]) => self.list_comments(request, Some(number)),
                    ("POST", ["comments"]) => self.post_comment(request, number),
                    _ => Answer::error(404, "Not Found"),
                }
            }
            _ => Answer::error(404, "Not Found"),
        }
    }

    fn list_issues(&self, request: &Request) -> Answer {
        let mut issues = self.since(request, &self.issues);
        let creator = request.query.get("creator").or(request.query.get("created_by"));
        if let Some(creator) = creator {
            issues.retain(|issue| issue["user"]["login"] == creator.as_str());
        }
        if request.query.get("state").map(String::as_str) != Some("all") {
            issues.retain(|issue| issue["state"] == "open");
        }
        let by = if request.query.contains_key("sort") { "updated_at" } else { "created_at" };
        issues.sort_by_key(|issue| std::cmp::Reverse(issue[by].as_str().unwrap_or_default().to_owned()));
        self.page(request, issues)
    }

    fn list_comments(&self, request: &Request, number: Option<u64>) -> Answer {
        let mut comments = self.since(request, &self.comments);
        let end = |number| format!("/{number}");
        if let Some(number) = number {
            comments.retain(|comment| {
                ["issue_url", "pull_request_url"]
                    .iter()
                    .any(|field| comment[*field].as_str().is_some_and(|url| url.ends_with(&end(number))))
            });
        }
        if request.query.get("direction").map(String::as_str) == Some("desc") {
            comments.reverse();
        }
        // Forgejo gives a thread whole.
        match (self.kind, number) {
            (Kind::Forgejo, Some(_)) => Answer {
                headers: vec![("x-total-count", comments.len().to_string())],
                ..Answer::json(200, &comments.into())
            },
            _ => self.page(request, comments),
        }
    }

    fn since(&self, request: &Request, items: &[Value]) -> Vec<Value> {
        let since: Option<Timestamp> = request.query.get("since").map(|since| since.parse().unwrap());
        let is_later = |item: &&Value| {
            let updated = item["updated_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            since.is_none_or(|since| updated.is_none_or(|updated| updated >= since))
        };
        items.iter().filter(is_later).cloned().collect()
    }

    fn page(&self, request: &Request, items: Vec<Value>) -> Answer {
        let number = |name: &str| request.query.get(name).and_then(|value| value.parse::<usize>().ok());
        let size = number("limit").or(number("per_page")).unwrap_or(30).min(self.page_max);
        let page = number("page").unwrap_or(1);
        let total = items.len();
        let shown: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
        let has_next = page * size < total;
        let body = Value::from(shown).to_string();
        let mut headers = Vec::new();
        match self.kind {
            Kind::Forgejo => headers.push(("x-total-count", total.to_string())),
            Kind::GitHub => {
                if has_next {
                    headers.push(("link", format!("<{}/next?page={}>; rel=\"next\"", self.trap, page + 1)));
                }
                let etag = format!("W/\"{}\"", sha256_hex(body.as_bytes()));
                let is_known = request.headers.get("if-none-match") == Some(&etag);
                headers.push(("etag", etag));
                headers.push(("x-ratelimit-remaining", "4999".to_owned()));
                if is_known {
                    return Answer { status: 304, headers, body: String::new() };
                }
            }
        }
        Answer { status: 200, headers, body }
    }

    fn post_comment(&mut self, request: &Request, number: u64) -> Answer {
        let body = serde_json::from_slice::<Value>(&request.body).ok();
        let Some(body) = body.as_ref().and_then(|body| body["body"].as_str()) else {
            return Answer::error(422, "Invalid request.\n\n\"body\" wasn't supplied.");
        };
        if self.issue(number).is_some_and(|issue| issue["locked"] == true) {
            return Answer::error(403, "Unable to create comment because issue is locked.");
        }
        let comment = self.new_comment(TOKEN_OF, number, body);
        Answer::json(201, &comment)
    }

    fn post_issue(&mut self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let Some(title) = body["title"].as_str() else { return Answer::error(422, "[Title]: Required") };
        let labels = body["labels"].as_array().cloned().unwrap_or_default();
        if self.kind == Kind::Forgejo && labels.iter().any(|label| !label.is_u64()) {
            return Answer::error(422, "json: cannot unmarshal string into Go struct field of type int64");
        }
        let issue = self.new_issue(TOKEN_OF, title, body["body"].as_str().unwrap_or_default(), &labels);
        Answer::json(201, &issue)
    }

    fn new_issue(&mut self, who: &str, title: &str, body: &str, labels: &[Value]) -> Value {
        let (id, now) = (self.next_id(), self.tick());
        let highest = self.issues.iter().filter_map(|issue| issue["number"].as_u64()).max();
        let number = highest.unwrap_or(0) + 1;
        let url = format!("{}/{REPOSITORY}/issues/{number}", self.trap);
        let issue = json!({
            "id": id, "number": number, "title": title, "body": body, "state": "open", "user": self.user(who),
            "assignees": [], "labels": labels, "created_at": now, "updated_at": now, "closed_at": null,
            "url": url, "html_url": url, "comments_url": url, "events_url": url, "repository_url": url,
            "repository": {"full_name": REPOSITORY, "url": url},
        });
        self.issues.push(issue.clone());
        issue
    }

    fn new_comment(&mut self, who: &str, number: u64, body: &str) -> Value {
        let (id, now) = (self.next_id(), self.tick());
        let url = format!("{}/{REPOSITORY}/issues/{number}", self.trap);
        let comment = json!({
            "id": id, "body": body, "user": self.user(who), "created_at": now, "updated_at": now,
            "url": url, "html_url": url, "issue_url": url, "pull_request_url": "",
        });
        self.comments.push(comment.clone());
        if let Some(issue) = self.issue(number) {
            issue["updated_at"] = now.into();
        }
        comment
    }

    fn user(&self, who: &str) -> Value {
        let url = format!("{}/{who}", self.trap);
        let kind = if who.ends_with("[bot]") { "Bot" } else { "User" };
        match self.kind {
            Kind::Forgejo => {
                json!({"login": who, "id": 1, "avatar_url": url, "html_url": url, "email": "x@y.z"})
            }
            Kind::GitHub => json!({"login": who, "id": 1, "type": kind, "avatar_url": url, "url": url}),
        }
    }

    fn issue(&mut self, number: u64) -> Option<&mut Value> {
        self.issues.iter_mut().find(|issue| issue["number"] == number)
    }

    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn tick(&mut self) -> String {
        self.now += SignedDuration::from_secs(1);
        self.now.to_string()
    }
}
