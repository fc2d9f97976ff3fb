//! Maps between mail and the words of SMTP (RFC 5321); pure, and tested without a socket.
//!
//! The words go out as they stand here, and a reply means what is written here: what a server has said
//! no to has not gone, and what it has not answered may have.

use jiff::{SignedDuration, Timestamp};

use crate::connector::link::Login;
use crate::connector::mail::write::recipients;
use crate::outgoing::{Outcome, Outgoing};
use crate::text;

/// Bytes of a line of a reply; RFC 5321 has 512.
pub const LINE_BYTES_MAX: usize = 4096;

/// Lines of a reply.
pub const LINES_MAX: usize = 100;

/// How we name ourselves: our real name is nobody's business, and few machines of people have one.
pub const EHLO: &str = "EHLO [127.0.0.1]\r\n";

/// Ends the mail. Once it is written, nobody but the server knows.
pub const FINAL_DOT: &str = ".\r\n";

/// How long to wait after the server said later, or could not be reached.
pub const RETRY_SECONDS: i64 = 900;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// What a server said: a code, and its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The code: 2 yes, 3 go on, 4 later, 5 no.
    pub code: u16,
    /// The words of each line.
    pub lines: Vec<String>,
}

impl Reply {
    /// Adds a line; tells whether it is the last one.
    ///
    /// # Errors
    /// The line is none of a reply, in words.
    pub fn add(&mut self, line: &[u8]) -> Result<bool, String> {
        let line = String::from_utf8_lossy(line);
        let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        let code = code.and_then(|code| code.parse().ok()).filter(|code| (200..600).contains(code));
        let (Some(code), mark) = (code, line.as_bytes().get(3)) else {
            return Err(format!("`{}` is no reply of a mail server", text::one_line(&line, 80)));
        };
        if !matches!(mark, None | Some(b' ' | b'-')) || (!self.lines.is_empty() && code != self.code) {
            return Err(format!("`{}` is no reply of a mail server", text::one_line(&line, 80)));
        }
        if self.lines.len() == LINES_MAX {
            return Err(format!("a reply has more than {LINES_MAX} lines"));
        }
        self.code = code;
        self.lines.push(line.get(4..).unwrap_or_default().to_owned());
        Ok(mark != Some(&b'-'))
    }

    /// Tells whether it says yes.
    pub fn is_yes(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Tells whether it says that the connection ends.
    pub fn is_farewell(&self) -> bool {
        self.code == 421
    }

    /// Returns code and words as one visible line: `550 5.1.1 no such user`.
    pub fn told(&self) -> String {
        text::one_line(&format!("{} {}", self.code, self.lines.join(" ")), REASON_CHARS_MAX)
    }
}

/// What a server says that it can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// It can begin TLS.
    pub starttls: bool,
    /// It takes `AUTH PLAIN`.
    pub plain: bool,
    /// It takes `AUTH LOGIN`.
    pub login: bool,
    /// It takes the size of a mail with the sender.
    pub size: bool,
    /// The most bytes that it takes, where it says so.
    pub bytes_max: Option<usize>,
}

impl Extensions {
    /// Reads the reply to `EHLO`.
    pub fn read(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.lines.iter().skip(1) {
            // Some old servers write `AUTH=PLAIN`.
            let line = line.replace('=', " ").to_ascii_uppercase();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.split_first() {
                Some((&"STARTTLS", _)) => found.starttls = true,
                Some((&"AUTH", methods)) => {
                    found.plain |= methods.contains(&"PLAIN");
                    found.login |= methods.contains(&"LOGIN");
                }
                Some((&"SIZE", size)) => {
                    found.size = true;
                    // Zero means that there is no limit.
                    let most = size.first().and_then(|size| size.parse().ok());
                    found.bytes_max = most.filter(|most| *most > 0);
                }
                _ => {}
            }
        }
        found
    }
}

/// Returns what begins a login in one step.
pub fn auth_plain(login: &Login) -> String {
    format!("AUTH PLAIN {}\r\n", base64(&format!("\0{}\0{}", login.user, login.password())))
}

/// Returns what is said one after the other in a login in three steps.
pub fn auth_login(login: &Login) -> [String; 3] {
    let line = |text: &str| format!("{}\r\n", base64(text));
    ["AUTH LOGIN\r\n".to_owned(), line(&login.user), line(login.password())]
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Returns who sends it. The bytes are ASCII, so no other parameter is ever needed.
pub fn mail_from(outgoing: &Outgoing, bytes: usize, extensions: Extensions) -> String {
    let from = &outgoing.from.email;
    if extensions.size {
        format!("MAIL FROM:<{from}> SIZE={bytes}\r\n")
    } else {
        format!("MAIL FROM:<{from}>\r\n")
    }
}

/// Returns who gets it, a command for each; what is in the mail's headers has no say.
pub fn rcpt_to(outgoing: &Outgoing) -> Vec<(String, String)> {
    let command = |to: &str| (to.to_owned(), format!("RCPT TO:<{to}>\r\n"));
    recipients(outgoing).into_iter().map(command).collect()
}

/// Returns the mail as it goes over the wire, without the final dot: a line that begins with a dot gets
/// another one, so that no line of it can end it.
pub fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(mail.len() + mail.len() / 64);
    let mut begins = true;
    for &byte in mail {
        if begins && byte == b'.' {
            stuffed.push(b'.');
        }
        stuffed.push(byte);
        begins = byte == b'\n';
    }
    stuffed
}

/// Says what a "no" or "later" means that came before the mail's end; `what` was refused.
pub fn read_refusal(what: &str, reply: &Reply, now: Timestamp) -> Outcome {
    let reason = format!("{what}: {}", reply.told());
    if (500..600).contains(&reply.code) { failed(&reason) } else { deferred(&reason, now) }
}

/// Says what refused recipients mean: whoever is named, nobody got it.
pub fn read_recipients(refused: &[(String, Reply)], now: Timestamp) -> Option<Outcome> {
    let told = |(to, reply): &(String, Reply)| format!("{to}: {}", reply.told());
    let for_good: Vec<String> = refused.iter().filter(|(_, reply)| reply.code >= 500).map(told).collect();
    if !for_good.is_empty() {
        return Some(failed(&format!("refused before anything was sent: {}", for_good.join("; "))));
    }
    let later: Vec<String> = refused.iter().map(told).collect();
    (!later.is_empty()).then(|| deferred(&format!("not now: {}", later.join("; ")), now))
}

/// Says what the reply to the whole mail means.
pub fn read_outcome(reply: &Reply, now: Timestamp) -> Outcome {
    match reply.code {
        200..300 => Outcome::Delivered { receipt: reply.told() },
        // It says that the connection ends, not what has become of the mail: something in between that
        // has waited too long says it, too.
        421 => unsure(&format!("the server gave up after the whole mail was sent: {}", reply.told())),
        400..500 => deferred(&format!("the mail was not taken: {}", reply.told()), now),
        500..600 => failed(&format!("the mail was refused: {}", reply.told())),
        _ => unsure(&format!("the server's last word is no answer: {}", reply.told())),
    }
}

/// Says that it did not go, and never will as it is.
pub fn failed(reason: &str) -> Outcome {
    Outcome::Failed { reason: text::one_line(reason, REASON_CHARS_MAX) }
}

/// Says that it did not go, and can be tried again.
pub fn deferred(reason: &str, now: Timestamp) -> Outcome {
    let until = now.saturating_add(SignedDuration::from_secs(RETRY_SECONDS)).unwrap_or(now);
    Outcome::Deferred { until, reason: text::one_line(reason, REASON_CHARS_MAX) }
}

/// Says that nobody knows whether it went.
pub fn unsure(reason: &str) -> Outcome {
    Outcome::Unsure { reason: text::one_line(reason, REASON_CHARS_MAX) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connector::mail::tests::outgoing;
    use crate::message::Address;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn reply(text: &str) -> Reply {
        let mut reply = Reply::default();
        let ends: Vec<bool> = text.lines().map(|line| reply.add(line.as_bytes()).unwrap()).collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 1, "{text}");
        assert_eq!(ends.last(), Some(&true), "{text}");
        reply
    }

    fn shown(outcome: Outcome) -> String {
        match outcome {
            Outcome::Delivered { receipt } => format!("delivered: {receipt}"),
            Outcome::Deferred { until, reason } => format!("deferred until {until}: {reason}"),
            Outcome::Failed { reason } => format!("failed: {reason}"),
            Outcome::Unsure { reason } => format!("unsure: {reason}"),
        }
    }

    #[test]
    fn a_reply_has_a_code_and_lines() {
        let told = reply("250-mail.example.org\n250-SIZE 10240000\n250 HELP");
        assert_eq!((told.code, told.lines.len()), (250, 3));
        assert_eq!(reply("250").told(), "250");
        assert_eq!(
            reply("550 5.1.1 \u{1b}[2Jno such user").told(),
            "550 5.1.1 [hidden: U+001B][2Jno such user"
        );
        for line in ["", "25", "abc", "999 x", "250x", "HTTP/1.1 400 Bad Request", "\u{e9}50 x", "+OK POP3"] {
            assert!(Reply::default().add(line.as_bytes()).is_err(), "{line}");
        }
        let mut mixed = reply("250 yes");
        assert!(mixed.add(b"550 no").is_err());
        let mut endless = Reply::default();
        assert!((0..LINES_MAX).all(|_| endless.add(b"250-x") == Ok(false)));
        assert!(endless.add(b"250 x").is_err());
    }

    #[test]
    fn what_a_server_can_do_is_read_from_its_greeting() {
        let check = |lines: &str, expected: Extensions| {
            assert_eq!(Extensions::read(&reply(lines)), expected, "{lines}");
        };
        check("250 STARTTLS", Extensions::default());
        check(
            "250-mail\n250-SIZE 1000\n250-AUTH PLAIN LOGIN\n250 STARTTLS",
            Extensions { starttls: true, plain: true, login: true, size: true, bytes_max: Some(1000) },
        );
        check(
            "250-mail\n250-size 0\n250 auth=login",
            Extensions { login: true, size: true, ..Extensions::default() },
        );
        check("250-mail\n250-SIZE\n250 AUTH XOAUTH2", Extensions { size: true, ..Extensions::default() });
    }

    #[test]
    fn the_envelope_is_that_of_the_approval() {
        let mut outgoing = outgoing();
        outgoing.cc = vec![Address::new("Kim", "kim@example.org"), Address::new("", "ADA@example.org")];
        let size = Extensions { size: true, ..Extensions::default() };
        assert_eq!(mail_from(&outgoing, 7, Extensions::default()), "MAIL FROM:<sam@example.com>\r\n");
        assert_eq!(mail_from(&outgoing, 7, size), "MAIL FROM:<sam@example.com> SIZE=7\r\n");
        let commands: Vec<String> = rcpt_to(&outgoing).into_iter().map(|(_, command)| command).collect();
        assert_eq!(commands, ["RCPT TO:<ada@example.org>\r\n", "RCPT TO:<kim@example.org>\r\n"]);
    }

    #[test]
    fn a_login_is_said_in_base64() {
        let login = Login::new("sam", "s3cr3t");
        assert_eq!(auth_plain(&login), "AUTH PLAIN AHNhbQBzM2NyM3Q=\r\n");
        assert_eq!(auth_login(&login), ["AUTH LOGIN\r\n", "c2Ft\r\n", "czNjcjN0\r\n"]);
    }

    #[test]
    fn what_the_server_says_is_what_we_know() {
        let check =
            |line: &str, expected: &str| assert_eq!(shown(read_outcome(&reply(line), now())), expected);
        check("250 2.0.0 Ok: queued as 7", "delivered: 250 2.0.0 Ok: queued as 7");
        check("452 full", "deferred until 2026-11-20T12:15:00Z: the mail was not taken: 452 full");
        check("554 spam", "failed: the mail was refused: 554 spam");
        check("421 bye", "unsure: the server gave up after the whole mail was sent: 421 bye");
        check("354 go on", "unsure: the server's last word is no answer: 354 go on");

        let check = |line: &str, expected: &str| {
            assert_eq!(shown(read_refusal("the sender", &reply(line), now())), expected);
        };
        check("451 busy", "deferred until 2026-11-20T12:15:00Z: the sender: 451 busy");
        check("421 bye", "deferred until 2026-11-20T12:15:00Z: the sender: 421 bye");
        check("550 no", "failed: the sender: 550 no");
        check("354 what", "deferred until 2026-11-20T12:15:00Z: the sender: 354 what");
    }

    #[test]
    fn one_refused_recipient_is_named_and_nobody_gets_it() {
        let refused = |lines: &[(&str, &str)]| -> Option<String> {
            let refused: Vec<_> = lines.iter().map(|(to, line)| ((*to).to_owned(), reply(line))).collect();
            read_recipients(&refused, now()).map(shown)
        };
        assert_eq!(refused(&[]), None);
        assert_eq!(
            refused(&[("a@b.c", "450 later"), ("d@b.c", "550 no such user")]).unwrap(),
            "failed: refused before anything was sent: d@b.c: 550 no such user"
        );
        assert_eq!(
            refused(&[("a@b.c", "450 later")]).unwrap(),
            "deferred until 2026-11-20T12:15:00Z: not now: a@b.c: 450 later"
        );
    }

    #[test]
    fn no_line_of_a_mail_ends_it() {
        assert_eq!(stuffed(b".\r\n..\r\na.\r\n.b\r\n"), b"..\r\n...\r\na.\r\n..b\r\n");
    }

    proptest! {
        #[test]
        fn what_is_stuffed_has_no_lone_dot_and_reads_the_same(lines in proptest::collection::vec("[.a]{0,4}", 0..6)) {
            let mail: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let stuffed = String::from_utf8(stuffed(mail.as_bytes())).unwrap();
            prop_assert!(stuffed.split("\r\n").all(|line| line != "."));
            let read: String =
                stuffed.split_terminator("\r\n").map(|line| format!("{}\r\n", line.strip_prefix('.').unwrap_or(line))).collect();
            prop_assert_eq!(read, mail);
        }

        #[test]
        fn no_line_breaks_the_reading(line in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = Reply::default().add(&line);
        }
    }
}
