//! One connection to an IMAP server, from the greeting to the farewell.
//!
//! Every command is said once. A message's number is used only as long as its folder stays selected: no
//! number is ever kept, so a folder that was made anew (`UIDVALIDITY`) cannot be taken for the old one.

use std::time::Duration;

use crate::connector::ConnectorError;
use crate::connector::imap::wire::{self, Item, Piece, Response, Status, Word};
use crate::connector::link::{Link, Login, Server, Tls, away, refused};
use crate::connector::mail::limits::RAW_BYTES_MAX;

/// Bytes of a literal: the largest mail that is read, and what a server may have miscounted.
const LITERAL_BYTES_MAX: u64 = RAW_BYTES_MAX as u64 + 1024 * 1024;

/// Responses to one command.
const RESPONSES_MAX: usize = 100_000;

/// What a slow connection must carry in a second.
const BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// How long the farewell may take.
const LOGOUT_WAIT: Duration = Duration::from_secs(2);

/// A connection that is logged in.
#[derive(Debug)]
pub struct Session {
    link: Link,
    server: Server,
    tags: u32,
}

/// Whether a folder may be changed while it is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// It is only looked at: nothing becomes read by reading it.
    ReadOnly,
    /// Flags may be set.
    ReadWrite,
}

impl Session {
    /// Connects, makes the connection secret and logs in.
    pub async fn open(server: &Server, login: &Login) -> Result<Self, ConnectorError> {
        let link = Link::open(server).await?;
        let mut session = Self { link, server: server.clone(), tags: 0 };
        session.link.allow(server.timeout);
        let greeting = match session.read().await? {
            Response::Status(greeting) => greeting,
            _ => return Err(away(format!("{server} does not greet as an IMAP server does"))),
        };
        if !matches!(greeting.word, Word::Ok | Word::Preauth) {
            return Err(away(format!("{server} does not let us in now: {}", greeting.words)));
        }
        let mut capabilities = session.capabilities().await?;
        if server.tls == Tls::StartTls {
            if greeting.word == Word::Preauth || !capabilities.iter().any(|word| word == "STARTTLS") {
                return Err(refused(
                    format!("{server} offers no STARTTLS"),
                    Some("set `tls = \"implicit\"` and its port, mostly 993; nothing is read in plain text"),
                ));
            }
            session.run("STARTTLS", |_| {}).await?;
            let Self { link, server, tags } = session;
            session = Self { link: link.secure().await?, server, tags };
            // What was said in plain text may have been anybody's.
            capabilities = session.capabilities().await?;
        }
        if greeting.word != Word::Preauth {
            session.log_in(login, &capabilities).await?;
        }
        Ok(session)
    }

    /// Selects a folder.
    pub async fn select(&mut self, folder: &str, selected: Selected) -> Result<(), ConnectorError> {
        let verb = match selected {
            Selected::ReadOnly => "EXAMINE",
            Selected::ReadWrite => "SELECT",
        };
        let status = self.say(&format!("{verb} {}", wire::folder(folder)), |_| {}).await?;
        if status.word == Word::Ok {
            return Ok(());
        }
        Err(self.refusal(
            &format!("does not open the folder `{folder}`"),
            &status,
            Some("look at `folders` and `sent`; a name is written as the server has it, such as \"Archive/2026\""),
        ))
    }

    /// Searches the selected folder; the numbers are in order.
    pub async fn search(&mut self, command: &str) -> Result<Vec<u32>, ConnectorError> {
        let mut found = Vec::new();
        self.run(command, |response| {
            if let Response::Found(more) = response {
                found.extend(more);
            }
        })
        .await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Returns where it leads.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Fetches something about messages of the selected folder; each is given to `take` as it comes.
    pub async fn fetch(
        &mut self,
        uids: &[u32],
        what: &str,
        mut take: impl FnMut(u32, Item),
    ) -> Result<(), ConnectorError> {
        if uids.is_empty() {
            return Ok(());
        }
        self.run(&format!("UID FETCH {} (UID {what})", wire::set(uids)), |response| {
            // A server may speak of other messages, too.
            if let Response::Message(item) = response
                && let Some(uid) = item.uid.filter(|uid| uids.contains(uid))
            {
                take(uid, item);
            }
        })
        .await
    }

    /// Sets flags of messages of the selected folder.
    pub async fn flag(&mut self, uids: &[u32], flags: &str) -> Result<(), ConnectorError> {
        if uids.is_empty() {
            return Ok(());
        }
        self.run(&format!("UID STORE {} +FLAGS.SILENT ({flags})", wire::set(uids)), |_| {}).await
    }

    /// Puts a mail into a folder, read.
    pub async fn append(&mut self, folder: &str, mail: &[u8]) -> Result<(), ConnectorError> {
        let tag = self.begin(&format!("APPEND {} (\\Seen) {{{}}}", wire::folder(folder), mail.len())).await?;
        match self.end_or_go_on(&tag).await? {
            None => {
                self.link.allow(self.time_for(mail.len() as u64));
                self.link.write(mail).await?;
                self.link.write(b"\r\n").await?;
                let status = self.end(&tag, |_| {}).await?;
                self.accept("does not take the copy", status)
            }
            Some(status) => self.accept("does not take the copy", status),
        }
    }

    /// Ends the connection as a polite client does.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(LOGOUT_WAIT, self.run("LOGOUT", |_| {})).await;
    }

    async fn capabilities(&mut self) -> Result<Vec<String>, ConnectorError> {
        let mut capabilities = Vec::new();
        self.run("CAPABILITY", |response| {
            if let Response::Capabilities(found) = response {
                capabilities = found;
            }
        })
        .await?;
        Ok(capabilities)
    }

    async fn log_in(&mut self, login: &Login, capabilities: &[String]) -> Result<(), ConnectorError> {
        let can = |word: &str| capabilities.iter().any(|known| known == word);
        let command = wire::login(login).filter(|_| !can("LOGINDISABLED"));
        let status = if can("AUTH=PLAIN") && can("SASL-IR") {
            self.say(&format!("AUTHENTICATE PLAIN {}", wire::plain(login)), |_| {}).await?
        } else if can("AUTH=PLAIN") {
            let tag = self.begin("AUTHENTICATE PLAIN").await?;
            match self.end_or_go_on(&tag).await? {
                Some(status) => status,
                None => {
                    self.link.write(format!("{}\r\n", wire::plain(login)).as_bytes()).await?;
                    self.end(&tag, |_| {}).await?
                }
            }
        } else if let Some(command) = command {
            self.say(&command, |_| {}).await?
        } else {
            return Err(refused(
                format!("{} offers no login with this password", self.server),
                Some("OAuth is not supported; an app password may be"),
            ));
        };
        if status.word == Word::Ok {
            return Ok(());
        }
        let status = Status { words: login.blank_out(&status.words), ..status };
        Err(self.refusal(
            &format!("refuses the login of `{}`", login.user),
            &status,
            Some("look at `user` and `password`; with a second factor an app password is needed"),
        ))
    }

    /// Says a command and reads what comes; the server must say yes.
    async fn run(&mut self, command: &str, take: impl FnMut(Response)) -> Result<(), ConnectorError> {
        let status = self.say(command, take).await?;
        let verb = command.split(' ').take(if command.starts_with("UID ") { 2 } else { 1 });
        self.accept(&format!("refuses {}", verb.collect::<Vec<_>>().join(" ")), status)
    }

    /// Says a command and reads what comes, up to the server's word on it.
    async fn say(&mut self, command: &str, take: impl FnMut(Response)) -> Result<Status, ConnectorError> {
        let tag = self.begin(command).await?;
        self.end(&tag, take).await
    }

    async fn begin(&mut self, command: &str) -> Result<String, ConnectorError> {
        self.tags += 1;
        let tag = format!("d{}", self.tags);
        self.link.allow(self.server.timeout);
        self.link.write(format!("{tag} {command}\r\n").as_bytes()).await?;
        Ok(tag)
    }

    async fn end(&mut self, tag: &str, mut take: impl FnMut(Response)) -> Result<Status, ConnectorError> {
        for _ in 0..RESPONSES_MAX {
            self.link.allow(self.server.timeout);
            match self.read().await? {
                Response::Done(done, status) if done == tag => return Ok(status),
                Response::Status(status) if status.word == Word::Bye && !status.words.is_empty() => {
                    tracing::debug!(server = %self.server, words = status.words, "the server says goodbye");
                }
                response => take(response),
            }
        }
        Err(away(format!("{} does not come to an end", self.server)))
    }

    /// Reads up to where the server waits for the rest of a command, or its word on it.
    async fn end_or_go_on(&mut self, tag: &str) -> Result<Option<Status>, ConnectorError> {
        for _ in 0..RESPONSES_MAX {
            match self.read().await? {
                Response::GoOn => return Ok(None),
                Response::Done(done, status) if done == tag => return Ok(Some(status)),
                _ => {}
            }
        }
        Err(away(format!("{} does not come to an end", self.server)))
    }

    /// Reads one response with its literals.
    async fn read(&mut self) -> Result<Response, ConnectorError> {
        let mut pieces = Vec::new();
        loop {
            let line = self.link.read_line(wire::LINE_BYTES_MAX).await?;
            let announced = wire::announced(&line);
            pieces.push(Piece::Text(line));
            let Some(count) = announced else { break };
            if count > LITERAL_BYTES_MAX || pieces.len() > 2 * wire::LITERALS_MAX {
                return Err(away(format!("{} sends more than it said", self.server)));
            }
            self.link.allow(self.time_for(count));
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            pieces.push(Piece::Literal(self.link.read_bytes(count).await?));
        }
        wire::read(pieces).map_err(away)
    }

    /// Returns how long so many bytes may take.
    fn time_for(&self, bytes: u64) -> Duration {
        self.server.timeout + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN)
    }

    fn accept(&self, what: &str, status: Status) -> Result<(), ConnectorError> {
        if status.word == Word::Ok { Ok(()) } else { Err(self.refusal(what, &status, None)) }
    }

    fn refusal(&self, what: &str, status: &Status, hint: Option<&str>) -> ConnectorError {
        let told = format!("{} {what}: {}", self.server, status.words);
        if status.is_passing() { away(told) } else { refused(told, hint) }
    }
}
