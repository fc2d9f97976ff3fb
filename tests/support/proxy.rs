//! A bad network: a proxy in front of one HTTP server, with faults on request.
//!
//! It listens on a free port of this machine until it is dropped, takes one request per connection, reads
//! it whole, and does with it and with its answer what the first rule says that fits. It keeps a list of
//! all requests that were made to it: what the other side got is another matter.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What goes wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is lost, and the connection breaks.
    DropRequest,
    /// Half of the request arrives, and the connection breaks.
    CutRequest,
    /// The request arrives this much later, whether anybody still waits or not.
    HoldRequest(Duration),
    /// The request arrives twice.
    DoubleRequest,
    /// The answer is lost, and the connection breaks.
    DropAnswer,
    /// This many bytes of the answer come, and the connection breaks.
    CutAnswer(usize),
    /// The answer comes this much later.
    HoldAnswer(Duration),
    /// The answer comes byte by byte, with this pause.
    DripAnswer(Duration),
    /// Something comes in place of the answer that is no HTTP.
    Noise,
    /// A page comes in place of the answer, with status 200, as from a network that wants a login.
    Page,
    /// An error comes in place of the answer, with this status.
    Error(u16),
}

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// `METHOD /path?query`.
    pub call: String,
    /// Its idempotency key.
    pub key: String,
}

/// A running proxy. All its methods may be called from any thread.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    acceptor: Option<JoinHandle<()>>,
}

/// Tells whether a rule is about a call, `METHOD /path?query`.
pub type Fits = fn(&str) -> bool;

struct State {
    target: SocketAddr,
    rules: Vec<Rule>,
    made: Vec<Made>,
    under_way: usize,
    is_gone: bool,
}

struct Rule {
    fits: Fits,
    skip: usize,
    times: usize,
    fault: Fault,
}

impl Proxy {
    /// Starts a proxy in front of `url`, `http://ADDRESS:PORT`.
    pub fn start(url: &str) -> Self {
        let target = url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { target, rules: Vec::new(), made: Vec::new(), under_way: 0, is_gone: false };
        let shared = Arc::new(Mutex::new(state));
        let acceptor = Some(accept_connections(listener, shared.clone()));
        Self { address, shared, acceptor }
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Spoils `times` of the calls that fit, after `skip` of them; a rule that was made before goes first.
    pub fn spoil(&self, fits: Fits, skip: usize, times: usize, fault: Fault) {
        self.shared.lock().unwrap().rules.push(Rule { fits, skip, times, fault });
    }

    /// Forgets all faults; what is held stays held.
    pub fn heal(&self) {
        self.shared.lock().unwrap().rules.clear();
    }

    /// Every request that was made, in order, whatever became of it.
    pub fn made(&self) -> Vec<Made> {
        self.shared.lock().unwrap().made.clone()
    }

    /// Tells whether nothing is on the way any more, in either direction.
    pub fn is_quiet(&self) -> bool {
        self.shared.lock().unwrap().under_way == 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().unwrap().is_gone = true;
        // Wakes the acceptor, which then ends.
        let _ = TcpStream::connect(self.address);
        let _ = self.acceptor.take().map(JoinHandle::join);
    }
}

fn accept_connections(listener: TcpListener, shared: Arc<Mutex<State>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.lock().unwrap().is_gone {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = shared.clone();
            shared.lock().unwrap().under_way += 1;
            std::thread::spawn(move || {
                // Whoever goes away in the middle is none of the proxy's errors.
                let _ = serve(&stream, &shared);
                shared.lock().unwrap().under_way -= 1;
            });
        }
    })
}

fn serve(mut client: &TcpStream, shared: &Mutex<State>) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let Some((request, made)) = read_request(client)? else { return Ok(()) };
    let (target, fault) = {
        let mut state = shared.lock().unwrap();
        state.made.push(made.clone());
        (state.target, next_fault(&mut state.rules, &made.call))
    };
    match fault {
        None => client.write_all(&forward(target, &request)?),
        Some(Fault::DropRequest) => Ok(()),
        Some(Fault::CutRequest) => forward(target, &request[..request.len() / 2]).map(|_| ()),
        Some(Fault::HoldRequest(delay)) => {
            std::thread::sleep(delay);
            client.write_all(&forward(target, &request)?)
        }
        Some(Fault::DoubleRequest) => {
            let answer = forward(target, &request)?;
            forward(target, &request)?;
            client.write_all(&answer)
        }
        Some(Fault::DropAnswer) => forward(target, &request).map(|_| ()),
        Some(Fault::CutAnswer(bytes)) => {
            let answer = forward(target, &request)?;
            client.write_all(&answer[..bytes.min(answer.len() - 1)])
        }
        Some(Fault::HoldAnswer(delay)) => {
            let answer = forward(target, &request)?;
            std::thread::sleep(delay);
            client.write_all(&answer)
        }
        Some(Fault::DripAnswer(pause)) => {
            for byte in forward(target, &request)? {
                client.write_all(&[byte])?;
                std::thread::sleep(pause);
            }
            Ok(())
        }
        Some(Fault::Noise) => {
            forward(target, &request)?;
            client.write_all(b"\x16\x03\x01\x00\xa5 no such thing\r\n\r\n")
        }
        Some(Fault::Page) => {
            forward(target, &request)?;
            client.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\nconnection: close\r\n\r\n<p>Please log in.</p>\n",
            )
        }
        Some(Fault::Error(status)) => {
            forward(target, &request)?;
            write!(client, "HTTP/1.1 {status} no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
    }
}

fn next_fault(rules: &mut [Rule], call: &str) -> Option<Fault> {
    for rule in rules.iter_mut().filter(|rule| rule.times > 0 && (rule.fits)(call)) {
        if rule.skip > 0 {
            rule.skip -= 1;
            continue;
        }
        rule.times -= 1;
        return Some(rule.fault);
    }
    None
}

/// Gives bytes to the server, says that there are no more, and returns its whole answer.
fn forward(target: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(target)?;
    server.write_all(request)?;
    server.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn read_request(client: &TcpStream) -> io::Result<Option<(Vec<u8>, Made)>> {
    let mut reader = BufReader::new(client);
    let (mut request, mut key, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some((name, value)) = line.trim_end().split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "idempotency-key" => value.trim().clone_into(&mut key),
                _ => {}
            }
        }
        let is_last = line.trim_end().is_empty();
        request.push_str(&line);
        if is_last {
            break;
        }
    }
    let call = request.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let mut request = request.into_bytes();
    reader.take(length).read_to_end(&mut request)?;
    Ok(Some((request, Made { call, key })))
}
