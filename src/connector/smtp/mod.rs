//! Submits mail to a server by SMTP, over TLS or on this machine.
//!
//! Up to the dot that ends a mail everything can be taken back, and nothing has gone; from that dot on
//! only the server's answer tells. So nothing is ever said twice, and a connection that breaks is opened
//! again only before the mail begins. SMTP cannot be asked what has arrived, and knows no keys.
//!
//! `wire` has the words; here is only their order.

pub mod wire;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use self::wire::{Extensions, Reply, deferred, failed, unsure};
use crate::connector::ConnectorError;
use crate::connector::link::{Idle, Link, Login, Server, Tls, away, refused};
use crate::connector::mail::write::write;
use crate::failpoint::reached;
use crate::outgoing::{Capabilities, Outcome, Outgoing};

/// How many times longer than any other the answer to the whole mail may take: giving up on it makes it
/// unsure, and servers look at a mail before they take it. RFC 5321 has ten minutes.
const PATIENCE: u32 = 5;

/// How long the farewell may take.
const QUIT_WAIT: Duration = Duration::from_secs(2);

/// A server that takes mail.
#[derive(Clone, Debug)]
pub struct Transport {
    server: Server,
    login: Option<Login>,
    idle: Idle<Session>,
}

/// A connection on which mail can be submitted.
#[derive(Debug)]
struct Session {
    link: Link,
    login: Option<Login>,
    extensions: Extensions,
    /// How long each step may take.
    time: Duration,
}

/// Why an envelope was not taken; nothing has gone.
enum Refused {
    /// The server said so, and the connection can be used again.
    Said(Outcome),
    /// The connection is of no more use.
    Broken(ConnectorError),
}

impl Transport {
    /// Makes a transport; makes no call.
    pub fn new(server: Server, login: Option<Login>) -> Self {
        Self { server, login, idle: Idle::default() }
    }

    /// Returns what makes sending again safe here: nothing.
    ///
    /// A copy in a folder for sent mail would prove that a mail went, where the server puts it there. But
    /// none there proves nothing, so asking could only ever end one doubt and not the other; a person looks.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities { dedupes: false, can_find: false }
    }

    /// Connects, logs in, and looks whether the mail can be written and is not too large.
    pub async fn prepare(&self, outgoing: &Outgoing, now: Timestamp) -> Result<(), Outcome> {
        let mail = write(outgoing).map_err(|error| failed(&error.to_string()))?;
        let mut session = match self.idle.take() {
            Some(session) => session,
            None => self.open().await.map_err(|error| deferred(&error.to_string(), now))?,
        };
        // A server may have closed a kept connection long ago.
        if !session.is_alive().await {
            session = self.open().await.map_err(|error| deferred(&error.to_string(), now))?;
        }
        let most = session.extensions.bytes_max;
        self.idle.keep(session);
        match most {
            Some(most) if mail.len() > most => Err(failed(&format!(
                "the mail has {} bytes, and the server takes at most {most}",
                mail.len()
            ))),
            _ => Ok(()),
        }
    }

    /// Submits the mail, once.
    pub async fn send(&self, outgoing: &Outgoing, now: Timestamp) -> Outcome {
        let mail = match write(outgoing) {
            Ok(mail) => mail,
            Err(error) => return failed(&error.to_string()),
        };
        let kept = self.idle.take();
        let may_open_again = kept.is_some();
        let mut session = match kept {
            Some(session) => session,
            None => match self.open().await {
                Ok(session) => session,
                Err(error) => return deferred(&error.to_string(), now),
            },
        };
        let mut taken = session.envelope(outgoing, mail.len(), now).await;
        if let (Err(Refused::Broken(_)), true) = (&taken, may_open_again) {
            // Nothing but names has been said: a connection that had gone stale says nothing about them.
            session = match self.open().await {
                Ok(session) => session,
                Err(error) => return deferred(&error.to_string(), now),
            };
            taken = session.envelope(outgoing, mail.len(), now).await;
        }
        let (outcome, usable) = match taken {
            Ok(()) => session.mail(&mail, now).await,
            Err(Refused::Said(outcome)) => (outcome, session.is_reset().await),
            Err(Refused::Broken(error)) => (deferred(&error.to_string(), now), false),
        };
        if usable {
            self.idle.keep(session);
        }
        outcome
    }

    /// Ends a kept connection as a polite client does.
    pub async fn close(&self) {
        if let Some(mut session) = self.idle.take() {
            let _ = timeout(QUIT_WAIT, session.say("QUIT\r\n")).await;
        }
    }

    /// Connects and logs in. Whatever goes wrong here, no mail has gone.
    async fn open(&self) -> Result<Session, ConnectorError> {
        let server = &self.server;
        let mut link = Link::open(server).await?;
        link.allow(server.timeout);
        let greeting = read_reply(&mut link).await?;
        if !greeting.is_yes() {
            return Err(away(format!("{server} does not take mail now: {}", greeting.told())));
        }
        let mut extensions = hello(&mut link, server).await?;
        if server.tls == Tls::StartTls {
            if !extensions.starttls {
                return Err(refused(
                    format!("{server} offers no STARTTLS"),
                    Some("set `tls = \"implicit\"` and its port, mostly 465; nothing is sent in plain text"),
                ));
            }
            let answer = say(&mut link, "STARTTLS\r\n", server.timeout).await?;
            if !answer.is_yes() {
                return Err(away(format!("{server} does not begin TLS: {}", answer.told())));
            }
            link = link.secure().await?;
            // What was said in plain text may have been anybody's.
            extensions = hello(&mut link, server).await?;
        }
        let mut session = Session { link, login: self.login.clone(), extensions, time: server.timeout };
        session.log_in(server).await?;
        Ok(session)
    }
}

impl Session {
    async fn log_in(&mut self, server: &Server) -> Result<(), ConnectorError> {
        let Some(login) = self.login.clone() else { return Ok(()) };
        let answer = if self.extensions.plain {
            self.say(&wire::auth_plain(&login)).await?
        } else if self.extensions.login {
            let mut answer = Reply::default();
            for line in wire::auth_login(&login) {
                answer = self.say(&line).await?;
                if answer.code != 334 {
                    break;
                }
            }
            answer
        } else {
            return Err(refused(
                format!("{server} offers no login with a password"),
                Some("OAuth is not supported; an app password, or another port of the server, may be"),
            ));
        };
        let words = login.blank_out(&answer.told());
        match answer.code {
            200..300 => Ok(()),
            400..500 => {
                Err(away(format!("{server} does not take the login of `{}` now: {words}", login.user)))
            }
            _ => Err(refused(
                format!("{server} refuses the login of `{}`: {words}", login.user),
                Some("look at `user` and `password`; with a second factor an app password is needed"),
            )),
        }
    }

    /// Says from whom and for whom; only if all recipients are taken does the mail go to any.
    async fn envelope(&mut self, outgoing: &Outgoing, bytes: usize, now: Timestamp) -> Result<(), Refused> {
        let from =
            self.say(&wire::mail_from(outgoing, bytes, self.extensions)).await.map_err(Refused::Broken)?;
        if from.is_farewell() {
            return Err(Refused::Broken(away(format!("the server ends the connection: {}", from.told()))));
        }
        if !from.is_yes() {
            return Err(Refused::Said(wire::read_refusal("the sender was refused", &from, now)));
        }
        let mut refused = Vec::new();
        for (to, command) in wire::rcpt_to(outgoing) {
            let answer = self.say(&command).await.map_err(Refused::Broken)?;
            if !answer.is_yes() {
                refused.push((to, answer));
            }
        }
        wire::read_recipients(&refused, now).map_or(Ok(()), |outcome| Err(Refused::Said(outcome)))
    }

    /// Says the mail; tells what is known then, and whether the connection can be used again.
    async fn mail(&mut self, mail: &[u8], now: Timestamp) -> (Outcome, bool) {
        match self.say("DATA\r\n").await {
            Ok(answer) if answer.code == 354 => {}
            Ok(answer) => {
                let outcome = wire::read_refusal("the mail was refused before it began", &answer, now);
                return (outcome, self.is_reset().await);
            }
            Err(error) => return (deferred(&error.to_string(), now), false),
        }
        reached("mail.begun");
        // Without the dot that ends it no server may keep a mail.
        self.link.allow(self.time.saturating_mul(PATIENCE));
        if let Err(error) = self.link.write(&wire::stuffed(mail)).await {
            return (deferred(&format!("the mail did not leave whole: {error}"), now), false);
        }
        reached("mail.written");
        // Whatever the server has said by now is no answer to the whole mail. Without the dot nothing is taken.
        if self.link.is_ahead().await {
            let words = match read_reply(&mut self.link).await {
                Ok(reply) => reply.told(),
                Err(error) => error.to_string(),
            };
            return (deferred(&format!("the server spoke before the end of the mail: {words}"), now), false);
        }
        if let Err(error) = self.link.write(wire::FINAL_DOT.as_bytes()).await {
            return (unsure(&format!("the connection broke with the end of the mail: {error}")), false);
        }
        reached("mail.ended");
        self.link.allow(self.time.saturating_mul(PATIENCE));
        match read_reply(&mut self.link).await {
            Ok(answer) if self.link.is_ahead().await => {
                let said =
                    format!("the server said more than one answer to the whole mail: {}", answer.told());
                (unsure(&said), false)
            }
            Ok(answer) => (wire::read_outcome(&answer, now), !answer.is_farewell()),
            Err(error) => (unsure(&format!("no answer to the whole mail: {error}")), false),
        }
    }

    async fn is_alive(&mut self) -> bool {
        matches!(self.say("NOOP\r\n").await, Ok(answer) if answer.is_yes())
    }

    async fn is_reset(&mut self) -> bool {
        matches!(self.say("RSET\r\n").await, Ok(answer) if answer.is_yes())
    }

    async fn say(&mut self, command: &str) -> Result<Reply, ConnectorError> {
        say(&mut self.link, command, self.time).await
    }
}

/// Says who we are, and reads what the server can do.
async fn hello(link: &mut Link, server: &Server) -> Result<Extensions, ConnectorError> {
    let answer = say(link, wire::EHLO, server.timeout).await?;
    match answer.code {
        200..300 => Ok(Extensions::read(&answer)),
        400..500 => Err(away(format!("{server} does not take mail now: {}", answer.told()))),
        _ => Err(refused(format!("{server} does not know EHLO: {}", answer.told()), None)),
    }
}

async fn read_reply(link: &mut Link) -> Result<Reply, ConnectorError> {
    let mut reply = Reply::default();
    loop {
        let line = link.read_line(wire::LINE_BYTES_MAX).await?;
        if reply.add(&line).map_err(away)? {
            return Ok(reply);
        }
    }
}

/// Says one line and reads the reply to it.
async fn say(link: &mut Link, line: &str, time: Duration) -> Result<Reply, ConnectorError> {
    link.allow(time);
    link.write(line.as_bytes()).await?;
    read_reply(link).await
}
