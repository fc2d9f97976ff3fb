//! Named points at which a debug build can be made to die, so that the proofs in `tests/proof` crash the
//! program right after each step that leaves a trace. A release build has none of it.
//!
//! `GIT_DRAFTS_FAILPOINT` says what happens: `kill:branch.moved#2` dies by SIGKILL when that point is
//! reached for the second time (the number may be left out), `stop:branch.moved` stops there until it is
//! continued or killed, and `trace:FILE` goes on and writes the names into a file, a line for each time.
//!
//! A name is `thing.participle`: what has just been done. The idea is that of etcd's gofail.

#[cfg(debug_assertions)]
pub use armed::reached;

/// Says that the program has come to a named point.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reached(_name: &'static str) {}

#[cfg(debug_assertions)]
mod armed {
    use std::env;
    use std::fs::File;
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    enum Action {
        Trace(File),
        Signal { signal: Signal, name: String, time: u32 },
    }

    static ACTION: LazyLock<Option<Action>> = LazyLock::new(|| {
        let value = env::var("GIT_DRAFTS_FAILPOINT").ok()?;
        Some(parse(&value).unwrap_or_else(|| panic!("GIT_DRAFTS_FAILPOINT={value}: not understood")))
    });

    static TIMES: AtomicU32 = AtomicU32::new(0);

    fn parse(value: &str) -> Option<Action> {
        let (verb, what) = value.split_once(':')?;
        let (name, time) = what.split_once('#').unwrap_or((what, "1"));
        let signal = match verb {
            "trace" => {
                return File::options().append(true).create(true).open(what).ok().map(Action::Trace);
            }
            "kill" => Signal::KILL,
            "stop" => Signal::STOP,
            _ => return None,
        };
        Some(Action::Signal { signal, name: name.to_owned(), time: time.parse().ok()? })
    }

    /// Says that the program has come to a named point.
    pub fn reached(name: &'static str) {
        match ACTION.as_ref() {
            None => {}
            Some(Action::Trace(file)) => {
                let mut file = file;
                file.write_all(format!("{name}\n").as_bytes()).expect("the trace can be written");
            }
            Some(Action::Signal { name: wanted, time, signal }) => {
                if name != wanted || TIMES.fetch_add(1, Ordering::SeqCst) + 1 != *time {
                    return;
                }
                kill_process(getpid(), *signal).expect("a process may signal itself");
                // It may take a moment until it works, and nothing may happen until then.
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
