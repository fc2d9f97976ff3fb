//! Programs that stand in for a model or lead to one: a prompt in, a text out, or a tunnel.
//!
//! They get none of our environment but what the wiring lists, and nothing on their command line but
//! what the wiring says. Each is in a process group of its own, and is ended with all that it started: also
//! where we are ended ourselves, by a key on the terminal or by anybody's signal.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::brain::retry::Fault;
use crate::reply;
use crate::stdin;
use crate::text;

/// How long a program may be silent until it is looked whether it has ended.
const OUTPUT_WAIT: Duration = Duration::from_millis(200);

/// How long a tunnel may take until its port answers.
const TUNNEL_SECONDS_MAX: u64 = 20;

/// How often a tunnel's port is tried.
const TUNNEL_PAUSE: Duration = Duration::from_millis(50);

/// A program that gets the prompt on stdin and gives the reply on stdout.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// All the variables that it gets.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take.
    pub timeout: Duration,
    /// The most bytes that it may say.
    pub bytes_max: usize,
}

/// Leads a program's group, and ends it with itself when its input ends: that is when we do, however.
///
/// The kernel could tell the program itself of our end (`PR_SET_PDEATHSIG`), but not what it has started.
const GUARD: &str = "read -r line; kill -s KILL 0";

/// A child that is ended, with its whole group, when it goes out of scope.
#[derive(Debug)]
struct Group {
    child: Child,
    _guard: Guard,
}

/// The process that leads a group; ends it when it goes out of scope.
#[derive(Debug)]
struct Guard {
    leader: std::process::Child,
    /// The number of the group, which is nobody else's before its leader was waited for.
    id: Pid,
}

impl Guard {
    fn start() -> io::Result<Self> {
        let mut leader = std::process::Command::new("/bin/sh")
            .args(["-c", GUARD])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        match i32::try_from(leader.id()).ok().and_then(Pid::from_raw) {
            Some(id) => Ok(Self { leader, id }),
            None => {
                let _ = leader.kill();
                Err(io::Error::other("it has no number"))
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = kill_process_group(self.id, Signal::KILL);
        let _ = self.leader.wait();
    }
}

impl Program {
    /// Asks once.
    pub async fn ask(&self, prompt: &str) -> Result<String, Fault> {
        let shown = shown(&self.command);
        let mut group = start(&self.command, &self.environment, Some(prompt), Stdio::piped())
            .map_err(|error| Fault::Away { what: format!("{shown} cannot be started: {error}") })?;
        let later = |what: String| Fault::Later { what, wait: None };
        let Some(stdout) = group.child.stdout.take() else {
            return Err(later(format!("{shown} has no output")));
        };
        let Ok(said) = timeout(self.timeout, attend(&mut group, stdout, self.bytes_max)).await else {
            return Err(later(format!(
                "{shown} did not end within {} s, and was ended",
                self.timeout.as_secs()
            )));
        };
        match said {
            Ok(Some(said)) => Ok(said),
            Ok(None) => Err(Fault::Question { what: reply::Flaw::TooLong.to_string() }),
            Err(what) => Err(later(format!("{shown} {what}"))),
        }
    }
}

/// Reads what a program says until it has ended; none where it says too much.
async fn attend(
    group: &mut Group,
    mut stdout: ChildStdout,
    bytes_max: usize,
) -> Result<Option<String>, String> {
    let failed = |error: io::Error| error.to_string();
    let mut said = Vec::new();
    let mut buffer = [0; 8192];
    let status = loop {
        match timeout(OUTPUT_WAIT, stdout.read(&mut buffer)).await {
            Ok(read) => match read.map_err(failed)? {
                0 => break group.child.wait().await.map_err(failed)?,
                count => said.extend_from_slice(&buffer[..count]),
            },
            // What it started may hold its output open for ever; it has said all.
            Err(_) => {
                if let Some(status) = group.child.try_wait().map_err(failed)? {
                    break status;
                }
            }
        }
        if said.len() > bytes_max {
            return Ok(None);
        }
    };
    match status.code() {
        Some(0) => Ok(Some(String::from_utf8_lossy(&said).into_owned())),
        Some(code) => Err(format!("ended with status {code}")),
        None => Err("was ended by a signal".to_owned()),
    }
}

/// A way to a server that is there for one tick, such as a port-forward.
#[derive(Debug)]
pub struct Tunnel {
    _group: Group,
}

impl Tunnel {
    /// Starts it, and waits until the server's port answers.
    ///
    /// # Errors
    /// Somebody listens there already, it ends, or the port does not answer in time.
    pub async fn open(
        command: &[String],
        environment: &[(OsString, OsString)],
        host: &str,
        port: u16,
    ) -> Result<Self, Fault> {
        let shown = shown(command);
        let away = |what: String| Fault::Away { what };
        if TcpStream::connect((host, port)).await.is_ok() {
            // Whoever that is would get the messages.
            return Err(away(format!("somebody listens on port {port} before the tunnel {shown} is there")));
        }
        let mut group = start(command, environment, None, Stdio::null())
            .map_err(|error| away(format!("the tunnel {shown} cannot be started: {error}")))?;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(TUNNEL_SECONDS_MAX) {
            if let Ok(Some(_)) = group.child.try_wait() {
                return Err(Fault::Later { what: format!("the tunnel {shown} has ended"), wait: None });
            }
            if TcpStream::connect((host, port)).await.is_ok() {
                return Ok(Self { _group: group });
            }
            sleep(TUNNEL_PAUSE).await;
        }
        let what = format!("the tunnel {shown} leads nowhere after {TUNNEL_SECONDS_MAX} s");
        Err(Fault::Later { what, wait: None })
    }
}

fn start(
    command: &[String],
    environment: &[(OsString, OsString)],
    input: Option<&str>,
    output: Stdio,
) -> io::Result<Group> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no command is set"));
    };
    let input = match input {
        None => Stdio::null(),
        Some(input) => Stdio::from(stdin::in_memory(input.as_bytes())?),
    };
    let guard = Guard::start()?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::null())
        .process_group(guard.id.as_raw_nonzero().get())
        .kill_on_drop(true)
        .spawn()?;
    Ok(Group { child, _guard: guard })
}

/// Names a command by its program alone: arguments may hold what nobody should see.
fn shown(command: &[String]) -> String {
    let program = command.first().map(String::as_str).unwrap_or_default();
    format!("`{}`", text::one_line(program.rsplit('/').next().unwrap_or(program), 60))
}
