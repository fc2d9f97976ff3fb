//! A State Hub for tests: the whole contract over real HTTP, in memory, with faults on request.
//!
//! It listens on a free port of this machine until it is dropped. Its clock moves one second with
//! every message, so that nothing depends on the time of day. One request per connection.
//!
//! ```ignore
//! let hub = StateHub::start();
//! hub.receive(Message { subject: "plan".into(), ..Message::default() });
//! hub.once_on("POST /messages", Fault::DropHandled);
//! // … let the program run against hub.url() …
//! assert_eq!(hub.sent().len(), 1);
//! ```

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A running hub. All its methods may be called from any thread.
pub struct StateHub {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

/// A message that somebody sends to the inbox of an agent, `planner` to `coder` by default.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id; the hub numbers it (`m1`, `m2`, …) where there is none.
    pub id: Option<String>,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub body: String,
    pub thread: String,
    pub in_reply_to: Option<String>,
    pub priority: Option<String>,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            id: None,
            from: "planner".to_owned(),
            to: "coder".to_owned(),
            subject: "a question".to_owned(),
            body: "Which branch is released?\n".to_owned(),
            thread: "t1".to_owned(),
            in_reply_to: None,
            priority: None,
        }
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request is read, nothing is done, the connection is closed.
    DropUnhandled,
    /// What was asked is done, and the connection is closed without an answer.
    DropHandled,
    /// What was asked is done, and the answer comes this much later.
    Delay(Duration),
    /// What was asked is done, and only half of the answer comes.
    Truncate,
    /// Nothing is done, and this is the answer.
    Answer { status: u16, header: Option<(&'static str, String)>, body: String },
    /// Nothing is done, and the answer never ends.
    Flood { status: u16 },
}

impl Fault {
    /// An answer with the contract's error body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, header: None, body: error("fault", "asked for by the test").to_string() }
    }

    /// The same with a header, such as `retry-after` or `location`.
    pub fn status_with(status: u16, name: &'static str, value: &str) -> Self {
        Self::Answer { status, header: Some((name, value.to_owned())), body: String::new() }
    }

    /// A success with this body.
    pub fn body(status: u16, body: &str) -> Self {
        Self::Answer { status, header: None, body: body.to_owned() }
    }
}

/// A message that was posted here, in the order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub id: String,
    pub key: Option<String>,
    /// The JSON as it was posted.
    pub posted: Value,
}

/// A progress note that was posted here.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    pub id: String,
    pub key: Option<String>,
    /// The JSON as it was posted.
    pub posted: Value,
}

struct Shared {
    state: Mutex<State>,
    /// Rings when the hub goes, so that delayed answers do not hold up a test.
    gone: Condvar,
}

#[derive(Default)]
struct State {
    inbox: Vec<Stored>,
    sent: Vec<Sent>,
    noted: Vec<Noted>,
    reads: Vec<String>,
    requests: Vec<String>,
    rules: Vec<Rule>,
    token: Option<String>,
    ignores_keys: bool,
    takes_every_copy: bool,
    delivers_twice: bool,
    is_down: bool,
    is_gone: bool,
    flooded_bytes: usize,
    count: usize,
}

/// A message of the hub; `json` is shown as it is, even where a test has spoilt it.
struct Stored {
    id: String,
    to: String,
    thread: String,
    key: Option<String>,
    is_read: bool,
    json: Value,
}

struct Rule {
    /// The begin of `METHOD /path`.
    call: String,
    left: usize,
    fault: Fault,
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
    header: Option<(&'static str, String)>,
    body: String,
}

impl StateHub {
    /// Starts an empty hub that wants no token and has no faults.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { state: Mutex::default(), gone: Condvar::new() });
        let acceptor = Mutex::new(Some(accept_connections(listener, shared.clone())));
        Self { address, shared, acceptor }
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts a message into its addressee's inbox; returns its id.
    pub fn receive(&self, message: Message) -> String {
        let mut state = self.state();
        let id = message.id.clone().unwrap_or_else(|| format!("m{}", state.count + 1));
        let posted = json!({
            "from_agent": message.from, "to_agent": message.to, "subject": message.subject,
            "body": message.body, "thread_id": message.thread, "in_reply_to": message.in_reply_to,
        });
        state.store(&id, None, &posted);
        if let (Some(stored), Some(priority)) = (state.inbox.last_mut(), message.priority) {
            stored.json["priority"] = priority.into();
        }
        id
    }

    /// Puts any JSON, however spoilt, into the inbox of `agent`.
    pub fn receive_json(&self, agent: &str, json: Value) {
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let stored = Stored {
            id: text("id"),
            to: agent.to_owned(),
            thread: text("thread_id"),
            key: None,
            is_read: false,
            json,
        };
        self.state().inbox.push(stored);
    }

    /// From now on every call but the health check wants this bearer token.
    pub fn wants_token(&self, token: &str) {
        self.state().token = Some(token.to_owned());
    }

    /// From now on a key means nothing: the same message twice is two messages.
    pub fn ignores_keys(&self) {
        self.state().ignores_keys = true;
    }

    /// From now on the same message twice is two messages, and still a key can be asked for.
    pub fn takes_every_copy(&self) {
        self.state().takes_every_copy = true;
    }

    /// From now on the inbox lists every message twice.
    pub fn delivers_twice(&self) {
        self.state().delivers_twice = true;
    }

    /// Spoils the next request.
    pub fn once(&self, fault: Fault) {
        self.times_on("", 1, fault);
    }

    /// Spoils the next request that begins with `call`, for example `POST /messages`.
    pub fn once_on(&self, call: &str, fault: Fault) {
        self.times_on(call, 1, fault);
    }

    /// Spoils every request that begins with `call`, until [`Self::heal`].
    pub fn always_on(&self, call: &str, fault: Fault) {
        self.times_on(call, usize::MAX, fault);
    }

    /// Spoils the next `times` requests that begin with `call`.
    pub fn times_on(&self, call: &str, times: usize, fault: Fault) {
        self.state().rules.push(Rule { call: call.to_owned(), left: times, fault });
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

    /// The messages that were posted.
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// The progress notes that were posted.
    pub fn noted(&self) -> Vec<Noted> {
        self.state().noted.clone()
    }

    /// The ids that were marked as read, each call once.
    pub fn reads(&self) -> Vec<String> {
        self.state().reads.clone()
    }

    /// Every request that came, spoilt ones too, as `METHOD /path?query` with the path as it came.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// How many bytes of endless answers were taken by the other side or its kernel.
    pub fn flooded_bytes(&self) -> usize {
        self.state().flooded_bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for StateHub {
    fn drop(&mut self) {
        self.state().is_gone = true;
        self.shared.gone.notify_all();
        self.down();
    }
}

fn accept_connections(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.state.lock().unwrap().is_down {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = shared.clone();
            // A client that goes away in the middle is none of the hub's errors.
            std::thread::spawn(move || serve(stream, &shared));
        }
    })
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let Some(request) = read_request(&stream)? else { return Ok(()) };
    let mut state = shared.state.lock().unwrap();
    state.requests.push(format!("{} {}", request.method, request.path));
    match state.next_fault(&request) {
        None => {
            let answer = state.handle(&request);
            drop(state);
            write_answer(&stream, &answer)
        }
        Some(Fault::DropUnhandled) => Ok(()),
        Some(Fault::DropHandled) => {
            state.handle(&request);
            Ok(())
        }
        Some(Fault::Delay(delay)) => {
            let answer = state.handle(&request);
            drop(shared.gone.wait_timeout_while(state, delay, |state| !state.is_gone).unwrap());
            write_answer(&stream, &answer)
        }
        Some(Fault::Truncate) => {
            let answer = state.handle(&request);
            drop(state);
            let whole = format_answer(&answer);
            let half = whole.len() - answer.body.len().div_ceil(2);
            (&stream).write_all(&whole.as_bytes()[..half])
        }
        Some(Fault::Answer { status, header, body }) => {
            drop(state);
            write_answer(&stream, &Answer { status, header, body })
        }
        Some(Fault::Flood { status }) => {
            drop(state);
            flood(&stream, status, shared)
        }
    }
}

/// Writes until the other side hangs up.
fn flood(mut stream: &TcpStream, status: u16, shared: &Shared) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} fault\r\nconnection: close\r\n\r\n")?;
    let chunk = [b' '; 64 * 1024];
    loop {
        stream.write_all(&chunk)?;
        shared.state.lock().unwrap().flooded_bytes += chunk.len();
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
    reader.take(length).read_to_end(&mut body)?;
    let (plain, query) = path.split_once('?').unwrap_or((&path, ""));
    let segments = plain.split('/').skip(1).map(percent_decode).collect();
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (percent_decode(name), percent_decode(value)))
        .collect();
    Ok(Some(Request { method, segments, query, headers, body, path }))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = text_of(tail.get(..2)).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (rest, _) = match (first, byte) {
            (b'%', Some(byte)) => (&tail[2..], bytes.push(byte)),
            _ => (tail, bytes.push(*first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn text_of(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok()
}

fn format_answer(answer: &Answer) -> String {
    let header =
        answer.header.as_ref().map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 {} answer\r\ncontent-type: application/json\r\nconnection: close\r\n{header}content-length: {}\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        answer.body
    )
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
    stream.write_all(format_answer(answer).as_bytes())
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "details": {}}})
}

impl Answer {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, header: None, body: body.to_string() }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &error(code, message))
    }
}

impl State {
    fn next_fault(&mut self, request: &Request) -> Option<Fault> {
        let call = format!("{} {}", request.method, request.path);
        let rule = self.rules.iter_mut().find(|rule| rule.left > 0 && call.starts_with(&rule.call))?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }

    fn handle(&mut self, request: &Request) -> Answer {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        if (request.method.as_str(), segments.as_slice()) == ("GET", &["state", "health"]) {
            return Answer::json(200, &json!({"status": "ok"}));
        }
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        if authorization.is_some() && request.headers.get("authorization") != authorization.as_ref() {
            return Answer::error(401, "unauthorized", "a bearer token is needed");
        }
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["messages"]) => self.list(request),
            ("POST", ["messages"]) => self.post_message(request),
            ("GET", ["messages", id]) => match self.inbox.iter().find(|stored| stored.id == *id) {
                Some(stored) => Answer::json(200, &stored.json),
                None => Answer::error(404, "not_found", "no such message"),
            },
            ("POST", ["messages", id, "read"]) => self.mark_read(id),
            ("GET", ["threads", thread, "messages"]) => self.list_thread(thread, request),
            ("POST", ["progress"]) => self.post_progress(request),
            _ => Answer::error(404, "not_found", "no such call"),
        }
    }

    /// Keeps a message, dated one second after the one before.
    fn store(&mut self, id: &str, key: Option<String>, posted: &Value) {
        self.count += 1;
        let text = |name: &str| posted.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let first: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let at = first + SignedDuration::from_secs(i64::try_from(self.count).unwrap());
        let thread = if text("thread_id").is_empty() { format!("t-{id}") } else { text("thread_id") };
        let json = json!({
            "id": id, "from_agent": text("from_agent"), "to_agent": text("to_agent"),
            "subject": text("subject"), "body": text("body"), "thread_id": thread,
            "in_reply_to": posted.get("in_reply_to"), "created_at": at.to_string(), "read_at": null,
        });
        let stored = Stored { id: id.to_owned(), to: text("to_agent"), thread, key, is_read: false, json };
        self.inbox.push(stored);
    }

    fn list(&self, request: &Request) -> Answer {
        if let Some(key) = request.query.get("idempotency_key").filter(|_| !self.ignores_keys) {
            let found: Vec<&Value> = self
                .inbox
                .iter()
                .filter(|stored| stored.key.as_ref() == Some(key))
                .map(|stored| &stored.json)
                .collect();
            return Answer::json(200, &json!({"messages": found}));
        }
        let Some(agent) = request.query.get("to_agent") else {
            return Answer::error(400, "bad_request", "`to_agent` is missing");
        };
        let number = |name: &str| request.query.get(name).and_then(|number| number.parse().ok());
        let limit: usize = number("limit").unwrap_or(50).clamp(1, 200);
        let from: usize = number("cursor").unwrap_or(0);
        let only_unread = request.query.get("unread").is_some_and(|unread| unread == "true");
        // A cursor is a place among all messages, so that reading some does not shift the pages.
        let mut listed = self
            .inbox
            .iter()
            .enumerate()
            .skip(from)
            .filter(|(_, stored)| stored.to == *agent && !(only_unread && stored.is_read));
        let page: Vec<(usize, &Stored)> = listed.by_ref().take(limit).collect();
        let next = listed.next().map(|(place, _)| place.to_string());
        let copies = if self.delivers_twice { 2 } else { 1 };
        let messages: Vec<&Value> =
            page.iter().flat_map(|(_, stored)| std::iter::repeat_n(&stored.json, copies)).collect();
        Answer::json(200, &json!({"messages": messages, "next_cursor": next}))
    }

    /// Lists the last messages of a thread, oldest first.
    fn list_thread(&self, thread: &str, request: &Request) -> Answer {
        let limit = request.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(50);
        let all: Vec<&Value> =
            self.inbox.iter().filter(|stored| stored.thread == thread).map(|stored| &stored.json).collect();
        Answer::json(200, &json!({"messages": all[all.len().saturating_sub(limit)..]}))
    }

    fn post_message(&mut self, request: &Request) -> Answer {
        let Ok(posted) = serde_json::from_slice::<Value>(&request.body) else {
            return Answer::error(400, "bad_request", "the body is not JSON");
        };
        for name in ["from_agent", "to_agent", "subject", "body"] {
            if !posted.get(name).is_some_and(Value::is_string) {
                return Answer::error(400, "bad_request", &format!("`{name}` is missing"));
            }
        }
        let key = request.headers.get("idempotency-key").cloned();
        let known = self.sent.iter().find(|sent| key.is_some() && sent.key == key);
        match known.filter(|_| !self.ignores_keys && !self.takes_every_copy) {
            Some(sent) if sent.posted == posted => Answer::json(200, &json!({"id": sent.id})),
            Some(_) => Answer::error(409, "conflict", "this key has another body"),
            None => {
                let id = format!("m{}", self.count + 1);
                self.store(&id, key.clone(), &posted);
                self.sent.push(Sent { id: id.clone(), key, posted });
                Answer::json(201, &json!({"id": id}))
            }
        }
    }

    fn mark_read(&mut self, id: &str) -> Answer {
        let Some(stored) = self.inbox.iter_mut().find(|stored| stored.id == id) else {
            return Answer::error(404, "not_found", "no such message");
        };
        stored.is_read = true;
        stored.json["read_at"] = stored.json["created_at"].clone();
        self.reads.push(id.to_owned());
        Answer { status: 204, header: None, body: String::new() }
    }

    fn post_progress(&mut self, request: &Request) -> Answer {
        let Ok(posted) = serde_json::from_slice::<Value>(&request.body) else {
            return Answer::error(400, "bad_request", "the body is not JSON");
        };
        let key = request.headers.get("idempotency-key").cloned();
        let known = self.noted.iter().find(|noted| key.is_some() && noted.key == key);
        match known.filter(|_| !self.ignores_keys) {
            Some(noted) if noted.posted == posted => Answer::json(200, &json!({"id": noted.id})),
            Some(_) => Answer::error(409, "conflict", "this key has another body"),
            None => {
                let id = format!("p{}", self.noted.len() + 1);
                self.noted.push(Noted { id: id.clone(), key, posted });
                Answer::json(201, &json!({"id": id}))
            }
        }
    }
}
