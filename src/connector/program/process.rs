//! One running program: its start, a request and its answer, its end.
//!
//! It gets none of our environment but what the wiring lists, and nothing on its command line but what the
//! wiring says. It is a process group of its own, so that a key on the terminal does not end it in the
//! middle of a send. When its input ends it has to end, too.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::connector::program::wire::{self, End, Line};
use crate::connector::sendmail::inheritable;
use crate::failpoint::reached;
use crate::text;

/// Bytes of one line of an answer.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Lines of one answer.
pub const LINES_MAX: usize = 10_000;

/// Bytes of one answer.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Lines of its stderr that are logged, and characters of each.
const LOG_LINES_MAX: usize = 200;
const LOG_CHARS_MAX: usize = 300;

/// How long it may take to end once its input has ended.
pub const END_WAIT: Duration = Duration::from_secs(2);

/// How long its end is awaited when it was ended.
const KILL_WAIT: Duration = Duration::from_millis(500);

/// How to start a program.
#[derive(Clone, Debug)]
pub struct Start {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// All the variables that it gets.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The request had begun to be written: the program may have done what was asked.
    pub asked: bool,
    /// What happened, one line.
    pub what: String,
}

/// What an answer holds: messages, and how it ended.
#[derive(Debug)]
pub struct Answer {
    /// Its messages, in their order.
    pub messages: Vec<serde_json::Value>,
    /// Its last line.
    pub end: End,
}

/// A program that runs.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Its number and that of its group, until it was waited for: then they are anybody's.
    group: Option<Pid>,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    logging: JoinHandle<()>,
    /// The number of the next request.
    next: u64,
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input tells it to end; what it does not do in time is done for it.
        drop(self.stdin.take());
        let began = Instant::now();
        while began.elapsed() < END_WAIT && !self.has_ended() {
            thread::sleep(Duration::from_millis(5));
        }
        self.end();
    }
}

impl Process {
    /// Starts it. It inherits `lock`, so that the lock is held as long as it lives, whatever becomes of us.
    ///
    /// # Errors
    /// It cannot be started; nothing was asked.
    pub fn start(start: &Start, name: &str, lock: Option<&File>) -> io::Result<Self> {
        let Some((program, arguments)) = start.command.split_first() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no command is set"));
        };
        // Dropped when the program has been started: then only it and the caller hold the lock.
        let _inherited = lock.map(inheritable).transpose()?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(start.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pipe = || io::Error::other("it has no pipes");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().ok_or_else(pipe)?);
        let stderr = child.stderr.take().ok_or_else(pipe)?;
        let logging = tokio::spawn(log(name.to_owned(), stderr));
        reached("connector.started");
        Ok(Self { child, group, stdin, stdout: BufReader::new(stdout), logging, next: 0 })
    }

    /// Tells whether it still runs.
    pub fn runs(&self) -> bool {
        self.stdin.is_some() && !self.has_ended()
    }

    /// Tells whether it has ended, and leaves it a zombie: so its group keeps its number.
    fn has_ended(&self) -> bool {
        let Some(leader) = self.group else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(leader), look), Ok(None))
    }

    /// Asks once; after an error the program is not asked again.
    pub async fn ask(
        &mut self,
        name: &str,
        parameters: serde_json::Value,
        limit: Duration,
    ) -> Result<Answer, Broken> {
        let id = self.next;
        self.next += 1;
        let line = wire::request(id, name, parameters);
        let answer = self.ask_line(id, &line, limit).await;
        if answer.is_err() {
            self.end();
        }
        answer
    }

    /// Writes a line as it is, and reads the answer to `id`.
    pub async fn ask_line(&mut self, id: u64, line: &[u8], limit: Duration) -> Result<Answer, Broken> {
        if !self.runs() {
            return Err(Broken { asked: false, what: "it has ended".to_owned() });
        }
        let broken =
            |what: String| Broken { asked: true, what: text::one_line(&what, wire::WORDS_CHARS_MAX) };
        match timeout(limit, self.exchange(id, line)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(what)) => Err(broken(what)),
            Err(_) => Err(broken(format!("it did not answer within {} s, and was ended", limit.as_secs()))),
        }
    }

    async fn exchange(&mut self, id: u64, line: &[u8]) -> Result<Answer, String> {
        let Some(stdin) = &mut self.stdin else { return Err("its input is closed".to_owned()) };
        let written = async {
            stdin.write_all(line).await?;
            stdin.flush().await
        };
        written.await.map_err(|error| format!("it does not read: {error}"))?;
        reached("connector.asked");
        let (mut messages, mut bytes, mut lines) = (Vec::new(), 0, 0);
        loop {
            let line = read_line(&mut self.stdout).await?;
            bytes += line.len();
            lines += 1;
            match wire::read_line(id, &line)? {
                Line::End(end) => return Ok(Answer { messages, end }),
                Line::Message(message) => messages.push(message),
                Line::Stray => tracing::info!("a connector says that a line was no request"),
            }
            if lines > LINES_MAX || bytes > ANSWER_BYTES_MAX {
                return Err(format!(
                    "its answer has more than {LINES_MAX} lines or {ANSWER_BYTES_MAX} bytes"
                ));
            }
        }
    }

    /// Writes bytes that are no request, for whoever tries a program out.
    ///
    /// # Errors
    /// It does not read them in time.
    pub async fn write_raw(&mut self, bytes: &[u8], limit: Duration) -> Result<(), String> {
        let Some(stdin) = &mut self.stdin else { return Err("its input is closed".to_owned()) };
        let written = async {
            stdin.write_all(bytes).await?;
            stdin.flush().await
        };
        match timeout(limit, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("it does not read: {error}")),
            Err(_) => Err(format!("it does not read within {} s", limit.as_secs())),
        }
    }

    /// Closes its input and waits until it ends, then ends what it left behind; tells whether it ended by
    /// itself.
    pub async fn close(&mut self) -> bool {
        drop(self.stdin.take());
        let began = Instant::now();
        while began.elapsed() < END_WAIT && !self.has_ended() {
            sleep(Duration::from_millis(5)).await;
        }
        let by_itself = self.has_ended();
        self.end();
        by_itself
    }

    /// Ends it with all that it has started, also where it has ended itself: what it left in the background
    /// has inherited the sender's lock, and would hold it for ever.
    fn end(&mut self) {
        self.stdin = None;
        self.logging.abort();
        // Before it is waited for: until then nobody else can have its number.
        let Some(group) = self.group.take() else { return };
        let _ = kill_process_group(group, Signal::KILL);
        let began = Instant::now();
        while began.elapsed() < KILL_WAIT
            && (matches!(self.child.try_wait(), Ok(None)) || test_kill_process_group(group).is_ok())
        {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Reads one line, without its end.
async fn read_line(stdout: &mut (impl AsyncRead + AsyncBufReadExt + Unpin)) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let mut bounded = stdout.take(LINE_BYTES_MAX as u64 + 1);
    bounded.read_until(b'\n', &mut line).await.map_err(|error| format!("it cannot be read: {error}"))?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        Some(_) if line.len() >= LINE_BYTES_MAX => {
            Err(format!("it wrote a line of more than {LINE_BYTES_MAX} bytes"))
        }
        Some(_) => Err("it ended in the middle of a line".to_owned()),
        None => Err("it ended without an answer".to_owned()),
    }
}

/// Logs what it says on stderr, as far as that is bearable, and reads the rest away.
async fn log(name: String, stderr: impl AsyncRead + Unpin) {
    let mut stderr = BufReader::new(stderr);
    let mut lines = 0;
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut stderr).take(64 * 1024);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if lines < LOG_LINES_MAX => {
                let said = text::one_line(&String::from_utf8_lossy(&line), LOG_CHARS_MAX);
                tracing::info!(connector = name, "{said}");
            }
            Ok(_) => {}
        }
        lines += 1;
    }
}
