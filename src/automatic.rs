//! Tells which mail no program may answer: automatic mail, list mail, bounces and our own.
//!
//! The rules are those of RFC 3834 and, for lists, of RFC 2369 and RFC 2919. They come before every
//! brain, and none can overrule them: two machines that answer each other never stop.

use std::fmt;

use crate::message::{Address, Message};

/// Why a message is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// We wrote it.
    FromOurselves,
    /// It reports what became of another message.
    Bounce,
    /// A program sent it, or its writer asks programs for silence.
    AutoSubmitted,
    /// It went to many.
    List,
    /// Nobody reads what is sent back.
    NoReply,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::FromOurselves => "from ourselves",
            Reason::Bounce => "bounce",
            Reason::AutoSubmitted => "auto-submitted",
            Reason::List => "list mail",
            Reason::NoReply => "no-reply sender",
        })
    }
}

/// Returns why `message` must never be answered, or nothing; `ours` are our own addresses.
///
/// A no-reply sender that names somebody else in `Reply-To` is a contact form: a person waits there.
pub fn reason(message: &Message, ours: &[Address]) -> Option<Reason> {
    if ours.iter().any(|address| address.same_mailbox(&message.from)) {
        return Some(Reason::FromOurselves);
    }
    [
        (Reason::Bounce, is_bounce as fn(&Message) -> bool),
        (Reason::AutoSubmitted, is_auto),
        (Reason::List, is_list),
    ]
    .into_iter()
    .find(|(_, holds)| holds(message))
    .map(|(reason, _)| reason)
    .or_else(|| (is_no_reply(&message.from) && !has_a_reader(message, ours)).then_some(Reason::NoReply))
}

fn is_bounce(message: &Message) -> bool {
    let local = local_part(&message.from);
    let sender = words_of(&local);
    has(message, "return-path", |value| value == "<>")
        || has(message, "report-type", |value| !value.is_empty())
        || has(message, "content-type", |value| value.starts_with("multipart/report"))
        || message.header("x-failed-recipients").is_some()
        || sender.starts_with("-mailer-daemon-")
        || sender.starts_with("-mailerdaemon-")
        || sender.starts_with("-bounce-")
        || sender.starts_with("-bounces-")
        || (local == "postmaster" && tells_of_a_failure(&message.subject))
}

/// `Auto-Submitted` other than `no` (RFC 3834), and the older habits of the same meaning.
fn is_auto(message: &Message) -> bool {
    has(message, "auto-submitted", |value| first_token(value) != "no")
        || has(message, "precedence", |value| value == "auto_reply")
        || ["x-autoreply", "x-autorespond"].iter().any(|name| has(message, name, |value| value != "no"))
        || has(message, "x-auto-response-suppress", |value| {
            value.split(',').any(|kind| matches!(kind.trim(), "dr" | "oof" | "autoreply" | "all"))
        })
}

fn is_list(message: &Message) -> bool {
    ["list-id", "list-unsubscribe", "list-post"].iter().any(|name| message.header(name).is_some())
        || has(message, "precedence", |value| matches!(value, "bulk" | "junk" | "list"))
}

fn is_no_reply(address: &Address) -> bool {
    const WORDS: [&str; 12] = [
        "-noreply-",
        "-no-reply-",
        "-donotreply-",
        "-do-not-reply-",
        "-dontreply-",
        "-do-not-respond-",
        "-keine-antwort-",
        "-nicht-antworten-",
        "-no-responder-",
        "-noresponder-",
        "-ne-pas-repondre-",
        "-nepasrepondre-",
    ];
    let words = words_of(&local_part(address));
    WORDS.iter().any(|word| words.contains(word))
}

/// Tells whether `Reply-To` names a mailbox that somebody else reads.
fn has_a_reader(message: &Message, ours: &[Address]) -> bool {
    message.reply_to.iter().any(|address| {
        !is_no_reply(address)
            && !address.same_mailbox(&message.from)
            && !ours.iter().any(|our| our.same_mailbox(address))
    })
}

/// Tells whether any header of that name has a value (trimmed, lower case) for which `holds`.
///
/// Any, not the first: a second, milder header must not hide the stricter one.
fn has(message: &Message, name: &str, holds: impl Fn(&str) -> bool) -> bool {
    message.headers.iter().any(|(known, value)| known == name && holds(&value.trim().to_ascii_lowercase()))
}

/// Reads `auto-replied; owner-email=…` and `no (comment)` as their first word.
fn first_token(value: &str) -> &str {
    value.split([';', '(', ' ', '\t']).next().unwrap_or_default()
}

fn local_part(address: &Address) -> String {
    let local = address.email.rsplit_once('@').map_or(address.email.as_str(), |(local, _)| local);
    local.to_ascii_lowercase()
}

/// Writes `Billing_noreply2+x` as `-billing-noreply-x-`, so that whole words can be looked for.
fn words_of(local: &str) -> String {
    let words = local.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .fold("-".to_owned(), |all, w| all + w + "-")
}

fn tells_of_a_failure(subject: &str) -> bool {
    const BEGINNINGS: [&str; 7] = [
        "undeliver",
        "delivery status",
        "delivery failure",
        "mail delivery",
        "returned mail",
        "failure notice",
        "warning: could not send",
    ];
    let subject = subject.to_ascii_lowercase();
    BEGINNINGS.iter().any(|beginning| subject.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a message with one header, as `name: value`; `from` and `reply-to` are fields.
    fn check(line: &str, expected: &str) {
        let (name, value) = line.split_once(": ").unwrap();
        let mut message =
            Message { from: Address::new("Ada Brown", "ada@example.org"), ..Message::default() };
        match name {
            "from" => message.from = Address::parse(value).unwrap(),
            name => message.headers.push((name.to_owned(), value.to_owned())),
        }
        let ours = [Address::new("Sam Hill", "Sam@example.com")];
        let reason = reason(&message, &ours).map_or("answered".to_owned(), |reason| reason.to_string());
        assert_eq!(reason, expected, "{line}");
    }

    #[test]
    fn mail_from_people_is_answered() {
        for line in [
            "subject: hello",
            "auto-submitted: no",
            "auto-submitted: No (a person wrote this)",
            "precedence: first-class",
            "x-auto-response-suppress: None",
            "x-autoreply: no",
            "return-path: <ada@example.org>",
            "content-type: text/plain",
            "from: reply@example.org",
            "from: jannoreplyson@example.org",
            "from: bouncer@example.org",
            "from: postmaster@example.org",
            "from: planner",
        ] {
            check(line, "answered");
        }
    }

    #[test]
    fn automatic_mail_is_not() {
        for line in [
            "auto-submitted: auto-replied",
            "auto-submitted: Auto-Generated; owner-email=\"a@b.c\"",
            "auto-submitted: auto-notified",
            "auto-submitted: nothing",
            "precedence: auto_reply",
            "x-auto-response-suppress: DR, RN, NRN, OOF, AutoReply",
            "x-auto-response-suppress: All",
            "x-autorespond: yes",
        ] {
            check(line, "auto-submitted");
        }
    }

    #[test]
    fn list_mail_is_not() {
        for line in [
            "list-id: <git.vger.kernel.org>",
            "list-unsubscribe: <mailto:leave@example.org>",
            "list-post: NO",
            "precedence: Bulk",
            "precedence: junk",
            "precedence: list",
        ] {
            check(line, "list mail");
        }
    }

    #[test]
    fn bounces_are_not() {
        for line in [
            "return-path: <>",
            "report-type: delivery-status",
            "content-type: Multipart/Report; boundary=x",
            "x-failed-recipients: ada@example.org",
            "from: MAILER-DAEMON@example.org",
            "from: mailer-daemon",
            "from: bounce+ada=example.org@lists.example",
            "from: bounces-42@lists.example",
        ] {
            check(line, "bounce");
        }
    }

    #[test]
    fn a_postmaster_bounces_only_when_the_subject_says_so() {
        let from = Address::new("", "postmaster@example.org");
        let subject = "Undeliverable: Invoice".to_owned();
        let message = Message { from, subject, ..Message::default() };
        assert_eq!(reason(&message, &[]), Some(Reason::Bounce));
    }

    #[test]
    fn no_reply_senders_are_not() {
        for line in [
            "from: noreply@example.org",
            "from: No-Reply@example.org",
            "from: no.reply+x@example.org",
            "from: billing_noreply2@example.org",
            "from: do_not_reply@example.org",
            "from: Shop <donotreply@example.org>",
        ] {
            check(line, "no-reply sender");
        }
    }

    #[test]
    fn our_own_mail_is_not() {
        check("from: Somebody Else <sam@EXAMPLE.com>", "from ourselves");
    }

    #[test]
    fn a_second_milder_header_hides_nothing() {
        let headers = [("auto-submitted", "no"), ("auto-submitted", "auto-replied")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let message = Message { headers, ..Message::default() };
        assert_eq!(reason(&message, &[]), Some(Reason::AutoSubmitted));
    }

    #[test]
    fn a_contact_form_is_answered_where_a_person_reads() {
        let ours = [Address::new("", "sam@example.com")];
        let form = |reply_to: &str| Message {
            from: Address::new("", "noreply@forms.example"),
            reply_to: vec![Address::parse(reply_to).unwrap()],
            ..Message::default()
        };
        assert_eq!(reason(&form("ada@example.org"), &ours), None);
        for nobody in ["noreply@forms.example", "no-reply@example.org", "sam@example.com"] {
            assert_eq!(reason(&form(nobody), &ours), Some(Reason::NoReply), "{nobody}");
        }
    }
}
