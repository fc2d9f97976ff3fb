//! Breaks a program at one of its system calls, by strace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};

use crate::support::desk::{Desk, PROGRAM};

/// A system call that a command makes: the number-th of this name in its process.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    pub number: usize,
    /// The call as strace shows it.
    pub line: String,
}

/// Tells whether programs can be traced here.
pub fn is_there() -> bool {
    Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|ended| ended.success())
}

/// Runs the program on the desk and returns its calls in order; `follow`: and those of its children.
pub fn calls(desk: &Desk, arguments: &[&str], follow: bool) -> Vec<Call> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    traced(desk, &["-qq", "-s", "80", "-o", path], arguments, follow);
    let (mut counts, mut seen, mut calls) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for line in fs::read_to_string(path).unwrap().lines() {
        let (process, line) = if follow { line.split_once(' ').unwrap_or_default() } else { ("", line) };
        let Some((name, _)) = line.trim_start().split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let number: &mut usize = counts.entry((process.to_owned(), name.to_owned())).or_default();
        *number += 1;
        // Each process counts for itself, so one number stands for the calls of all.
        if seen.insert((name.to_owned(), *number)) {
            calls.push(Call { name: name.to_owned(), number: *number, line: line.trim().to_owned() });
        }
    }
    calls
}

/// Runs the program and does this (`signal=KILL`, `error=EIO`) at one call.
pub fn inject(desk: &Desk, arguments: &[&str], follow: bool, call: &Call, what: &str) -> Output {
    let trace = format!("trace={}", call.name);
    let inject = format!("inject={}:{what}:when={}", call.name, call.number);
    traced(desk, &["-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject], arguments, follow)
}

fn traced(desk: &Desk, options: &[&str], arguments: &[&str], follow: bool) -> Output {
    let mut command = desk.command("strace");
    command.args(options).args(follow.then_some("-f")).arg(PROGRAM).args(arguments);
    command.output().unwrap()
}

impl Call {
    /// Tells whether somebody else can see that it was made.
    pub fn leaves_trace(&self) -> bool {
        let name = self.name.as_str();
        match name {
            "open" | "openat" => {
                ["O_CREAT", "O_TRUNC", "O_TMPFILE"].iter().any(|flag| self.line.contains(flag))
            }
            "copy_file_range" | "sendfile" | "ftruncate" | "utimensat" | "flock" | "exit_group" | "rmdir" => {
                true
            }
            "syncfs" | "fsync" | "fdatasync" | "fork" | "vfork" | "execve" | "execveat" | "wait4" => true,
            "clone" | "clone3" | "waitid" | "memfd_create" | "setsid" => true,
            "socket" | "socketpair" | "connect" | "sendto" | "recvfrom" | "sendmsg" | "recvmsg" => true,
            _ => ["write", "pwrite", "link", "rename", "unlink", "mkdir", "symlink", "chmod", "fchmod"]
                .iter()
                .any(|begin| name.starts_with(begin)),
        }
    }

    /// Tells whether it is a look at a file.
    pub fn looks(&self) -> bool {
        let names = ["open", "openat", "read", "pread64", "getdents64", "newfstatat", "statx", "access"];
        names.contains(&self.name.as_str())
    }
}
