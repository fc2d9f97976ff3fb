//! Keeps ticks from moving `main` while a commit message is being written.
//!
//! A plain `git commit` holds no lock while its editor is open, and fails afterwards if the branch has
//! moved. So the hook that runs before the editor notes git's process id, and whoever lands waits while
//! that process lives. A dead one keeps nobody waiting.

use std::fs;
use std::path::Path;

use super::landing::remove;
use super::{Repository, Result, unwritable_io};

const LEASE: &str = "committing";

/// Notes that a `git commit` with this process id is being written, so that no tick moves the branch
/// under its editor.
pub fn take_lease(repository: &Repository, git_pid: u32) -> Result<()> {
    let own = repository.own_dir();
    let path = own.join(LEASE);
    fs::create_dir_all(&own)
        .and_then(|()| fs::write(&path, format!("{git_pid}\n")))
        .map_err(|error| unwritable_io(&path, &error))
}

/// Gives the lease back.
pub fn drop_lease(repository: &Repository) -> Result<()> {
    remove(&repository.own_dir().join(LEASE))
}

/// Returns the process id of a `git commit` that is being written, if it is still alive.
pub fn lease_holder(repository: &Repository) -> Option<u32> {
    let pid: u32 = fs::read_to_string(repository.own_dir().join(LEASE)).ok()?.trim().parse().ok()?;
    is_git_alive(pid).then_some(pid)
}

/// Tells whether a process with this id lives and is a git, or one of ours; where nobody can say what it
/// is, whether it lives.
pub fn is_git_alive(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(_) if pid == std::process::id() => true,
        Ok(name) => name.trim_end().starts_with("git"),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|process| rustix::process::test_kill_process(process).is_ok()),
    }
}
