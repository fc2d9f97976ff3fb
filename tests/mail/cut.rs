//! A bad network in front of one mail server: connections that break where a test wants it.
//!
//! It listens on a free port of this machine until it is dropped, and passes every line and byte on in
//! both directions, until the first rule that fits cuts the connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The other side is not there at all.
    Refuse,
    /// Before a line of the client's that begins so; the server never sees it.
    Before(&'static str),
    /// After a line of the client's that begins so has arrived; the answer is lost.
    After(&'static str),
    /// After so many bytes of a mail.
    InMail(usize),
    /// With the whole mail but for the dot that ends it.
    BeforeDot,
    /// Once the dot has arrived; the answer is lost.
    AfterDot,
    /// Once the dot has arrived, with so many bytes of the answer.
    InAnswer(usize),
    /// After so many bytes from the server.
    FromServer(usize),
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    acceptor: Option<JoinHandle<()>>,
}

struct State {
    target: SocketAddr,
    rules: Vec<Rule>,
    connections: usize,
    cuts: usize,
    is_gone: bool,
}

struct Rule {
    cut: Cut,
    skip: usize,
    times: usize,
}

impl Proxy {
    /// Starts a proxy in front of a port of this machine.
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let state = State { target, rules: Vec::new(), connections: 0, cuts: 0, is_gone: false };
        let shared = Arc::new(Mutex::new(state));
        let acceptor = Some(accept(listener, shared.clone()));
        Self { address, shared, acceptor }
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts `times` times at this place, after it has come by `skip` times.
    pub fn cut(&self, cut: Cut, skip: usize, times: usize) -> &Self {
        self.shared.lock().unwrap().rules.push(Rule { cut, skip, times });
        self
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.shared.lock().unwrap().connections
    }

    /// How many connections it has cut.
    pub fn cuts(&self) -> usize {
        self.shared.lock().unwrap().cuts
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

impl State {
    /// Tells whether a connection breaks here, and counts it.
    fn breaks(&mut self, fits: impl Fn(Cut) -> bool) -> Option<Cut> {
        for rule in self.rules.iter_mut().filter(|rule| rule.times > 0 && fits(rule.cut)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            self.cuts += 1;
            return Some(rule.cut);
        }
        None
    }
}

fn accept(listener: TcpListener, shared: Arc<Mutex<State>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.lock().unwrap().is_gone {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = shared.clone();
            std::thread::spawn(move || {
                // Whoever goes away in the middle is none of the proxy's errors.
                let _ = serve(&stream, &shared);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    })
}

fn serve(client: &TcpStream, shared: &Arc<Mutex<State>>) -> io::Result<()> {
    let target = {
        let mut state = shared.lock().unwrap();
        state.connections += 1;
        if state.breaks(|cut| cut == Cut::Refuse).is_some() {
            return Ok(());
        }
        state.target
    };
    let server = TcpStream::connect(target)?;
    let answers = Arc::new(Mutex::new(Answers::All));
    let back = {
        let (server, client, shared, answers) =
            (server.try_clone()?, client.try_clone()?, shared.clone(), answers.clone());
        std::thread::spawn(move || {
            let _ = pass_back(&server, &client, &shared, &answers);
            let _ = client.shutdown(Shutdown::Both);
        })
    };
    let _ = pass_on(client, &server, shared, &answers);
    let _ = server.shutdown(Shutdown::Write);
    // What the server still says is read to its end, so that it is done with what it has.
    let _ = back.join();
    Ok(())
}

/// How much of what the server says still gets through.
enum Answers {
    All,
    Bytes(usize),
}

fn pass_on(
    client: &TcpStream,
    server: &TcpStream,
    shared: &Mutex<State>,
    answers: &Mutex<Answers>,
) -> io::Result<()> {
    let (mut reader, mut server) = (BufReader::new(client), server);
    let mut in_mail: Option<usize> = None;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let begins = |word: &str| line.starts_with(word.as_bytes());
        let is_dot = line == b".\r\n";
        let cut = {
            let mut state = shared.lock().unwrap();
            match &mut in_mail {
                Some(bytes) => {
                    *bytes += line.len();
                    let so_far = *bytes;
                    state.breaks(|cut| match cut {
                        Cut::InMail(bytes) => so_far >= bytes,
                        Cut::BeforeDot | Cut::AfterDot | Cut::InAnswer(_) => is_dot,
                        _ => false,
                    })
                }
                None => state.breaks(|cut| match cut {
                    Cut::Before(word) | Cut::After(word) => begins(word),
                    _ => false,
                }),
            }
        };
        match cut {
            Some(Cut::Before(_) | Cut::InMail(_) | Cut::BeforeDot) => return Ok(()),
            Some(Cut::After(_) | Cut::AfterDot) => *answers.lock().unwrap() = Answers::Bytes(0),
            Some(Cut::InAnswer(bytes)) => *answers.lock().unwrap() = Answers::Bytes(bytes),
            Some(Cut::Refuse | Cut::FromServer(_)) | None => {}
        }
        server.write_all(&line)?;
        match in_mail {
            Some(_) if is_dot => in_mail = None,
            None if line == b"DATA\r\n" => in_mail = Some(0),
            _ => {}
        }
    }
}

fn pass_back(
    server: &TcpStream,
    client: &TcpStream,
    shared: &Mutex<State>,
    answers: &Mutex<Answers>,
) -> io::Result<()> {
    let (mut server, mut client) = (server, client);
    let (mut buffer, mut so_far) = ([0; 4096], 0);
    loop {
        let count = server.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        so_far += count;
        let lost = |cut| matches!(cut, Cut::FromServer(bytes) if so_far >= bytes);
        if shared.lock().unwrap().breaks(lost).is_some() {
            return client.shutdown(Shutdown::Both);
        }
        let room = match &*answers.lock().unwrap() {
            Answers::All => count,
            Answers::Bytes(bytes) => count.min(*bytes),
        };
        client.write_all(&buffer[..room])?;
        if room < count {
            client.shutdown(Shutdown::Both)?;
        }
    }
}
