//! A model server for tests: real HTTP on a free port, and whatever answer a test wants.
//!
//! It speaks `POST /execute`, `POST …/chat/completions` and `POST …/v1/messages`, and keeps every prompt.
//! One request per connection; it listens until it is dropped.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A running server.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What happens with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// The model says this, in the shape of the contract that was asked.
    Say(String),
    /// This answer, whatever was asked.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// The same after a while.
    Later(Duration, Box<Act>),
    /// No answer, until the other side or the server goes.
    Stall,
    /// An answer that never ends.
    Flood,
    /// Half an answer.
    Truncate,
    /// These bytes instead of an answer.
    Raw(Vec<u8>),
    /// An answer that comes byte by byte, one after each of these times.
    Drip(Duration),
}

impl Act {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: Value) -> Self {
        Act::Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    /// An answer with a header and no body.
    pub fn with_header(status: u16, name: &'static str, value: &str) -> Self {
        Act::Answer { status, headers: vec![(name, value.to_owned())], body: Vec::new() }
    }
}

type Script = Box<dyn Fn(usize, &str) -> Act + Send>;

struct Shared {
    state: Mutex<State>,
    gone: Condvar,
}

struct State {
    script: Script,
    seen: Vec<Seen>,
    now: usize,
    at_once: usize,
    flooded_bytes: usize,
    is_gone: bool,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST /execute`.
    pub call: String,
    /// The headers, in one text, names in lower case.
    pub headers: String,
    /// The body.
    pub body: Value,
    /// All the text in it that a model reads.
    pub prompt: String,
}

impl ModelServer {
    /// Starts a server; the script gets the number of the request, from 0, and the prompt.
    pub fn start(script: impl Fn(usize, &str) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            script: Box::new(script),
            seen: Vec::new(),
            now: 0,
            at_once: 0,
            flooded_bytes: 0,
            is_gone: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), gone: Condvar::new() });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.state.lock().unwrap().is_gone {
                    return;
                }
                let (Ok(stream), shared) = (stream, accepting.clone()) else { continue };
                // A client that goes away in the middle is none of the server's errors.
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Starts a server whose model always says the same.
    pub fn saying(said: &str) -> Self {
        let said = said.to_owned();
        Self::start(move |_, _| Act::Say(said.clone()))
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request that came.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state.lock().unwrap().seen.clone()
    }

    /// The most requests that were under way at the same time.
    pub fn at_once(&self) -> usize {
        self.shared.state.lock().unwrap().at_once
    }

    /// How many bytes of endless answers were taken by the other side or its kernel.
    pub fn flooded_bytes(&self) -> usize {
        self.shared.state.lock().unwrap().flooded_bytes
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().is_gone = true;
        self.shared.gone.notify_all();
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(seen) = read(&stream)? else { return Ok(()) };
    let act = {
        let mut state = shared.state.lock().unwrap();
        let act = (state.script)(state.seen.len(), &seen.prompt);
        state.seen.push(seen.clone());
        state.now += 1;
        state.at_once = state.at_once.max(state.now);
        act
    };
    let ended = perform(&stream, &seen, act, shared);
    shared.state.lock().unwrap().now -= 1;
    ended
}

fn perform(mut stream: &TcpStream, seen: &Seen, act: Act, shared: &Shared) -> io::Result<()> {
    match act {
        Act::Say(said) => write(stream, 200, &[], contract(&seen.call, &said).to_string().as_bytes()),
        Act::Answer { status, headers, body } => write(stream, status, &headers, &body),
        Act::Later(wait, act) => {
            std::thread::sleep(wait);
            perform(stream, seen, *act, shared)
        }
        Act::Stall => {
            let state = shared.state.lock().unwrap();
            let longest = Duration::from_secs(60);
            drop(shared.gone.wait_timeout_while(state, longest, |state| !state.is_gone).unwrap());
            Ok(())
        }
        Act::Flood => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"content\": \"")?;
            let chunk = [b'x'; 64 * 1024];
            loop {
                stream.write_all(&chunk)?;
                shared.state.lock().unwrap().flooded_bytes += chunk.len();
            }
        }
        Act::Raw(bytes) => stream.write_all(&bytes),
        Act::Drip(wait) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{{\"content\": \"")?;
            loop {
                stream.write_all(b"x")?;
                std::thread::sleep(wait);
            }
        }
        Act::Truncate => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{{\"content\""
            )
        }
    }
}

/// What a model's text looks like in the contract of a call.
fn contract(call: &str, said: &str) -> Value {
    if call.ends_with("/chat/completions") {
        json!({ "choices": [{ "message": { "role": "assistant", "content": said }, "finish_reason": "stop" }] })
    } else if call.ends_with("/messages") {
        let input: Value = serde_json::from_str(said).unwrap_or(Value::Null);
        json!({ "content": [{ "type": "tool_use", "name": "plan", "input": input }], "stop_reason": "tool_use" })
    } else {
        json!({ "content": said, "model": "m" })
    }
}

fn write(mut stream: &TcpStream, status: u16, headers: &[(&str, String)], body: &[u8]) -> io::Result<()> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n")?;
    stream.write_all(body)
}

fn read(stream: &TcpStream) -> io::Result<Option<Seen>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let call = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    if call.trim().is_empty() {
        return Ok(None);
    }
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        headers.push_str(&format!("{}:{value}\n", name.to_ascii_lowercase()));
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut prompt = text(&body["prompt"]) + &text(&body["system"]);
    for message in body["messages"].as_array().into_iter().flatten() {
        prompt.push_str(&text(&message["content"]));
    }
    Ok(Some(Seen { call, headers, body, prompt }))
}
