//! A tracker for tests: the contract of the issue sink over real HTTP, in memory.
//!
//! It keeps every task, gives a key one task however often it is asked for, refuses a key with another
//! task, and can be told to say no. One request per connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A running tracker.
pub struct Tracker {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// A task that was created.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    pub key: String,
    pub reference: String,
    /// The JSON as it was posted.
    pub posted: Value,
}

#[derive(Default)]
struct State {
    created: Vec<Created>,
    /// Titles that are refused, and with which status and header.
    refusals: Vec<(String, u16, String)>,
    calls: Vec<String>,
    token: Option<String>,
    ignores_questions: bool,
    is_gone: bool,
}

impl Tracker {
    /// Starts an empty tracker.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().is_gone {
                    return;
                }
                let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
                // Whoever goes away in the middle is none of the tracker's errors.
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every task, in the order of creation.
    pub fn created(&self) -> Vec<Created> {
        self.state.lock().unwrap().created.clone()
    }

    /// Titles and references of all tasks.
    pub fn titles(&self) -> Vec<String> {
        let title = |created: &Created| {
            format!("{} {}", created.reference, created.posted["title"].as_str().unwrap())
        };
        self.created().iter().map(title).collect()
    }

    /// Every call that came: `POST kqzmwvst.1.….export`, `GET …`.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Refuses tasks of this title; a header may go along, such as `retry-after: 60`.
    pub fn refuse(&self, title: &str, status: u16, header: &str) {
        self.state.lock().unwrap().refusals.push((title.to_owned(), status, header.to_owned()));
    }

    /// Refuses nothing any more.
    pub fn accept(&self) {
        self.state.lock().unwrap().refusals.clear();
    }

    /// Wants this token from now on.
    pub fn wants_token(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    /// Lists all tasks from now on, whatever it is asked for.
    pub fn ignores_questions(&self) {
        self.state.lock().unwrap().ignores_questions = true;
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.state.lock().unwrap().is_gone = true;
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let (mut key, mut length, mut token) = (String::new(), 0, None);
    loop {
        let mut line = String::new();
        // Half a request asks for nothing.
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "idempotency-key" => value.trim().clone_into(&mut key),
            "authorization" => token = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = target.split_once("?key=").map(|(_, key)| key.to_owned());
    let path = target.split('?').next().unwrap_or_default();
    let (status, header, body) = {
        let mut state = state.lock().unwrap();
        state.calls.push(format!("{method} {}", asked.as_ref().unwrap_or(&key)));
        if state.token.is_some() && state.token != token {
            (401, String::new(), json!({ "error": { "message": "no token" } }))
        } else {
            match (method, path, asked) {
                ("POST", "/tasks", None) => create(&mut state, key, &body),
                ("GET", "/tasks", Some(key)) => (200, String::new(), find(&state, &key)),
                _ => (404, String::new(), json!({})),
            }
        }
    };
    let body = body.to_string();
    let header = if header.is_empty() { header } else { format!("{header}\r\n") };
    write!(
        &stream,
        "HTTP/1.1 {status} x\r\nconnection: close\r\n{header}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn create(state: &mut State, key: String, body: &[u8]) -> (u16, String, Value) {
    let Ok(posted) = serde_json::from_slice::<Value>(body) else { return (400, String::new(), json!({})) };
    if let Some(known) = state.created.iter().find(|created| created.key == key) {
        return if known.posted == posted {
            (200, String::new(), shown(known))
        } else {
            (409, String::new(), json!({}))
        };
    }
    let refusal = state.refusals.iter().find(|(title, ..)| posted["title"] == title.as_str());
    if let Some((_, status, header)) = refusal {
        return (*status, header.clone(), json!({ "error": { "message": "not this one" } }));
    }
    let reference = format!("T-{}", state.created.len() + 1);
    let created = Created { key, reference, posted };
    let answer = shown(&created);
    state.created.push(created);
    (201, String::new(), answer)
}

fn find(state: &State, key: &str) -> Value {
    let fits = |created: &&Created| state.ignores_questions || created.key == key;
    json!({ "tasks": state.created.iter().filter(fits).map(shown).collect::<Vec<_>>() })
}

fn shown(created: &Created) -> Value {
    let url = format!("https://tracker.example/{}", created.reference);
    json!({ "key": created.key, "ref": created.reference, "url": url })
}
