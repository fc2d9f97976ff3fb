//! Checks that a program keeps to the protocol: its answers, their order, its errors, and its end.
//!
//! What could send is asked only where a recipient is named; hostile input never holds a whole `send`.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::hub::{test_key, test_message};
use super::report::Report;
use crate::connector::program::process::{Answer, Process};
use crate::connector::program::wire::{self, End, Hello, Role};
use crate::connector::program::{Settings, hello, shown};
use crate::connector::{ConnectorError, Window};
use crate::message::Address;
use crate::outgoing::{Found, Key, Outcome};
use crate::ui::counted;

/// How long a message of hostile input may be.
const HUGE_BYTES: usize = 1024 * 1024;

/// A program, and what may be done with it.
pub struct Trial {
    /// How it is started, and what it is handed.
    pub settings: Settings,
    /// The wiring declares what it can do.
    pub declares: bool,
    /// Whom test messages go to.
    pub to: Option<Address>,
    /// The thread that they belong to, and that is read.
    pub thread: Option<String>,
    /// The time.
    pub now: Timestamp,
}

impl Trial {
    /// Tries a role out.
    pub async fn run(&self, role: Role, report: &mut Report) {
        report.part(format!("{} as a {}", shown(&self.settings.start.command), role.word()));
        let mut process = match Process::start(&self.settings.start, &self.settings.name, None) {
            Ok(process) => process,
            Err(error) => {
                report.check("starts", Err(error.to_string()));
                return;
            }
        };
        let said = hello(&mut process, &self.settings, role).await;
        let words = |said: &Hello| format!("{}, protocol {}", said.program, wire::PROTOCOL);
        if !report.check("says hello", said.as_ref().map(words).map_err(ConnectorError::to_string)) {
            return;
        }
        let said = said.unwrap_or_default();
        if role == Role::Transport {
            report.saw("dedupes", said.capabilities.dedupes);
            report.saw("can_find", said.capabilities.can_find);
        } else {
            report.saw("thread_tail", said.thread_tail);
        }
        if self.declares {
            report.check("can do what the wiring declares", self.declared(role, &said));
        }
        let up = self.accepted(&mut process, "health", json!({})).await.map(|_| String::new());
        report.check("says that it is up", up);
        report.check("answers in the order of the requests", self.in_order(&mut process).await);
        report.check("says of an unknown request that it is one", self.unknown(&mut process).await);
        match role {
            Role::Source => self.source(&mut process, &said, report).await,
            Role::Transport => self.transport(&mut process, &said, report).await,
        }
        for (claim, bytes) in hostile() {
            report.check(claim, self.survives(&mut process, role, &bytes).await);
        }
        if !process.runs() {
            process = match self.fresh(role).await {
                Ok(process) => process,
                Err(what) => {
                    report.check("ends when its input ends", Err(what));
                    return;
                }
            };
        }
        let ended = process.close().await;
        let late = || "it still runs two seconds later".to_owned();
        report.check("ends when its input ends", ended.then(String::new).ok_or_else(late));
    }

    fn declared(&self, role: Role, said: &Hello) -> Result<String, String> {
        let wiring = (self.settings.capabilities, self.settings.thread_tail);
        let all = [
            ("dedupes", role == Role::Transport && wiring.0.dedupes, said.capabilities.dedupes),
            ("can_find", role == Role::Transport && wiring.0.can_find, said.capabilities.can_find),
            ("thread_tail", role == Role::Source && wiring.1, said.thread_tail),
        ];
        let lie = all.iter().find(|(_, declared, said)| *declared && !said);
        match lie {
            Some((key, ..)) => Err(format!("it says that it cannot `{key}`; take the line out")),
            None => Ok(String::new()),
        }
    }

    async fn source(&self, process: &mut Process, said: &Hello, report: &mut Report) {
        let first = self.fetched(process).await;
        let count = |ids: &Vec<String>| counted(ids.len(), "message");
        report.check(
            "gives messages that can be read, each once",
            first.as_ref().map(count).map_err(Clone::clone),
        );
        let Ok(ids) = first else { return };
        let again = self.fetched(process).await;
        report.check(
            "gives them again: reading marks nothing as read",
            match again {
                Ok(again) if again == ids => Ok(String::new()),
                Ok(again) => Err(format!("{}, then {}", ids.len(), again.len())),
                Err(what) => Err(what),
            },
        );
        let claim = "gives the messages of a thread";
        match (&self.thread, said.thread_tail) {
            (_, false) => report.skip(claim, "it says that it cannot"),
            (None, true) => report.skip(claim, "no thread is read without --thread ID"),
            (Some(thread), true) => {
                let tail = self.accepted(process, "thread_tail", json!({ "thread": thread })).await;
                report.check(claim, tail.and_then(|answer| self.read(&answer).map(|ids| count(&ids))));
            }
        }
        let nothing = self.refuses(process, "thread_tail", json!({})).await;
        if said.thread_tail {
            report.check("refuses a request without what it needs", nothing);
        }
    }

    async fn transport(&self, process: &mut Process, said: &Hello, report: &mut Report) {
        let key = test_key(self.now, &self.settings.name, 1);
        let can_find = said.capabilities.can_find;
        if can_find {
            report.check("says of a new key that it has not arrived", self.finds(process, &key, None).await);
        }
        report.check("refuses a send without a message", self.refuses(process, "send", json!({})).await);
        let claims = ["sends", "delivers the same key once", "remembers the key when it is started again"];
        let Some(to) = &self.to else {
            claims.iter().for_each(|claim| report.skip(claim, "nothing is sent without --to ADDRESS"));
            return;
        };
        let first = self.sends(process, &key, to).await;
        if !report.check(claims[0], first.clone()) {
            return;
        }
        let receipt = first.unwrap_or_default();
        let same = |again: Result<String, String>| match again {
            Ok(again) if again == receipt => Ok(again),
            Ok(again) => Err(format!("it became `{receipt}` and `{again}`")),
            Err(what) => Err(what),
        };
        if can_find {
            report.check("finds what has arrived", self.finds(process, &key, Some(&receipt)).await);
        }
        if said.capabilities.dedupes {
            let again = self.sends(process, &key, to).await;
            report.check(claims[1], same(again));
            let again = match self.fresh(Role::Transport).await {
                Ok(mut fresh) => self.sends(&mut fresh, &key, to).await,
                Err(what) => Err(what),
            };
            report.check(claims[2], same(again));
        } else {
            claims[1..].iter().for_each(|claim| report.skip(claim, "it says that it does not"));
        }
        let claim = "does not act on half a line";
        if can_find {
            report.check(claim, self.half_a_send(to).await);
        } else {
            report.skip(claim, "it cannot be asked whether it did");
        }
    }

    async fn in_order(&self, process: &mut Process) -> Result<String, String> {
        for _ in 0..3 {
            self.accepted(process, "health", json!({})).await?;
        }
        Ok(String::new())
    }

    async fn unknown(&self, process: &mut Process) -> Result<String, String> {
        match self.ask(process, "git-drafts-no-such-request", json!({})).await?.end {
            End::Error { unknown: true, .. } => Ok(String::new()),
            other => Err(format!("it answered {}", told(&other))),
        }
    }

    async fn refuses(
        &self,
        process: &mut Process,
        request: &str,
        parameters: Value,
    ) -> Result<String, String> {
        match self.ask(process, request, parameters).await?.end {
            End::Error { what, .. } => Ok(what),
            End::Ok(ok) if ok.get("outcome").is_some_and(|word| word == "failed") => Ok(String::new()),
            ok @ End::Ok(_) => Err(format!("it answered {}", told(&ok))),
        }
    }

    /// Looks whether a program goes on after a line that nobody should write.
    async fn survives(&self, process: &mut Process, role: Role, line: &[u8]) -> Result<String, String> {
        if !process.runs() {
            *process = self.fresh(role).await?;
        }
        process.write_raw(line, self.limit()).await?;
        self.accepted(process, "health", json!({})).await.map(|_| String::new())
    }

    /// Writes a whole `send` without the end of its line, and looks whether it went.
    async fn half_a_send(&self, to: &Address) -> Result<String, String> {
        let key = test_key(self.now, &self.settings.name, 2);
        let mut process = self.fresh(Role::Transport).await?;
        let mut line = wire::request(90, "send", wire::send(&self.message(&key, to)));
        line.pop();
        process.write_raw(&line, self.limit()).await?;
        process.close().await;
        let mut fresh = self.fresh(Role::Transport).await?;
        self.finds(&mut fresh, &key, None).await
    }

    async fn fresh(&self, role: Role) -> Result<Process, String> {
        let mut process = Process::start(&self.settings.start, &self.settings.name, None)
            .map_err(|error| format!("it cannot be started again: {error}"))?;
        hello(&mut process, &self.settings, role).await.map_err(|error| error.to_string())?;
        Ok(process)
    }

    async fn sends(&self, process: &mut Process, key: &Key, to: &Address) -> Result<String, String> {
        let answer = self.ask(process, "send", wire::send(&self.message(key, to))).await?;
        match wire::read_outcome("it", answer.end, self.now) {
            Outcome::Delivered { receipt } if receipt.is_empty() => Err("its receipt is empty".to_owned()),
            Outcome::Delivered { receipt } => Ok(receipt),
            Outcome::Deferred { reason, .. } | Outcome::Failed { reason } | Outcome::Unsure { reason } => {
                Err(reason)
            }
        }
    }

    fn message(&self, key: &Key, to: &Address) -> crate::outgoing::Outgoing {
        let thread = self.thread.clone().unwrap_or_else(|| format!("git-drafts-{key}"));
        test_message(key, "test@git-drafts.invalid", to, &thread, self.now)
    }

    async fn finds(
        &self,
        process: &mut Process,
        key: &Key,
        expected: Option<&str>,
    ) -> Result<String, String> {
        let found = wire::read_found("it", self.ask(process, "find", wire::find(key)).await?.end);
        match (found, expected) {
            (Found::No, None) => Ok(String::new()),
            (Found::Yes { receipt }, Some(expected)) if receipt == expected => Ok(receipt),
            (found, _) => Err(format!("it answered {found:?}")),
        }
    }

    async fn fetched(&self, process: &mut Process) -> Result<Vec<String>, String> {
        let answer = self.accepted(process, "fetch", wire::fetch(&Window::default())).await?;
        let ids = self.read(&answer)?;
        let unique: BTreeSet<&String> = ids.iter().collect();
        if unique.len() < ids.len() { Err("two messages have one id".to_owned()) } else { Ok(ids) }
    }

    fn read(&self, answer: &Answer) -> Result<Vec<String>, String> {
        let read = |value| match wire::read_message(&self.settings.name, value) {
            Ok(message) => Ok(message.id),
            Err(unreadable) => Err(format!("`{}`: {}", unreadable.id, unreadable.what)),
        };
        answer.messages.iter().map(read).collect()
    }

    async fn accepted(
        &self,
        process: &mut Process,
        request: &str,
        parameters: Value,
    ) -> Result<Answer, String> {
        let Answer { messages, end } = self.ask(process, request, parameters).await?;
        let end = End::Ok(wire::accept("it", end).map_err(|error| error.to_string())?);
        Ok(Answer { messages, end })
    }

    async fn ask(&self, process: &mut Process, request: &str, parameters: Value) -> Result<Answer, String> {
        process.ask(request, parameters, self.limit()).await.map_err(|broken| broken.what)
    }

    fn limit(&self) -> Duration {
        self.settings.timeout
    }
}

/// Lines that nobody should write; none of them is a request.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let line = |bytes: &[u8]| [bytes, b"\n"].concat();
    vec![
        ("goes on after a line that is not JSON", line(b"{\"id\": 1, \"request\": ")),
        ("goes on after an empty line", line(b"")),
        ("goes on after bytes that are not UTF-8", line(b"{\"id\": \"\xff\xfe\"}")),
        ("goes on after NUL and direction marks", line("{\"\0\u{202e}\": 1".as_bytes())),
        ("goes on after a list", line(b"[1, 2, 3]")),
        ("goes on after deep nesting", line("[".repeat(100_000).as_bytes())),
        ("goes on after a line of 1 MiB", line("x".repeat(HUGE_BYTES).as_bytes())),
    ]
}

fn told(end: &End) -> String {
    match end {
        End::Ok(_) => "`ok`".to_owned(),
        End::Error { away, what, .. } => {
            format!("an error of kind `{}`: {what}", if *away { "away" } else { "refused" })
        }
    }
}
