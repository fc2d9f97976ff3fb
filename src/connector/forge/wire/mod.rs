//! Maps between a forge's JSON and our nouns: functions of their arguments, no socket, no clock.
//!
//! Whatever the forge says has gone through [`text`] before it stands in a message, an error or a receipt.
//! Addresses in its answers are never followed: where something is, is known by its number.

pub mod answer;
pub mod ask;
pub mod read;
pub mod taken;

use crate::connector::forge::settings::{Settings, Thread};
use crate::outgoing::Outgoing;
use crate::text;

/// The longest text that is made there; GitHub takes no longer one.
pub const TEXT_CHARS_MAX: usize = 65_536;

/// How every marker begins.
const MARKER_START: &str = "<!-- git-drafts:";

/// Returns what is found again of a key: a comment of HTML, which the forge's pages do not show.
pub fn marker(key: &str) -> String {
    format!("{MARKER_START} {key} -->")
}

/// Tells whether a text holds a marker, of whatever key.
pub fn carries_marker(text: &str) -> bool {
    text.contains(MARKER_START)
}

/// Returns a text with the marker of a key below it, or says why it cannot have one.
///
/// A text of ours that holds a marker could be taken for what another key has made.
pub fn marked(body: &str, key: &str) -> Result<String, String> {
    if carries_marker(body) {
        return Err(format!(
            "`{MARKER_START}` stands in the text, by which what was sent is found again: take it out"
        ));
    }
    Ok(format!("{}\n\n{}\n", body.trim_end(), marker(key)))
}

/// Returns the thread and the text of an answer's comment, or says why a forge has no form for it.
pub fn comment(settings: &Settings, outgoing: &Outgoing) -> Result<(Thread, String), String> {
    let shown = text::one_line(&outgoing.thread, 100);
    let Some(thread) = Thread::parse(&outgoing.thread) else {
        return Err(format!("a comment goes to an issue, and `{shown}` is none"));
    };
    if !settings.repositories.iter().any(|repository| repository.is(&thread.repository)) {
        return Err(format!("{} is not among the `repositories` of this forge", thread.repository));
    }
    let people = outgoing.to.len() + outgoing.cc.len();
    if outgoing.to.len() != 1 || people != 1 {
        return Err(format!(
            "a comment answers one person, who stands in `to`; this has {people}: everybody can read it anyway"
        ));
    }
    if !outgoing.attachments.is_empty() {
        return Err("a comment cannot carry attachments".to_owned());
    }
    let body = marked(&outgoing.text, outgoing.key.as_str())?;
    if body.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("the comment is longer than {TEXT_CHARS_MAX} characters"));
    }
    Ok((thread, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::forge::settings::{Kind, Repository, TIMEOUT, Take};
    use crate::http::Method;
    use crate::message::Address;
    use crate::outgoing::{Attachment, Key};

    fn settings(kind: Kind) -> Settings {
        Settings {
            kind,
            url: "http://127.0.0.1:1".to_owned(),
            login: "sam".to_owned(),
            token: None,
            repositories: vec![Repository::parse("acme/app").unwrap()],
            take: vec![Take::Mentions],
            to: None,
            timeout: TIMEOUT,
        }
    }

    fn outgoing() -> Outgoing {
        Outgoing {
            key: Key::new(&"kqzmwvst".parse().unwrap(), 1, "3f9c2a71"),
            date: "2026-11-20T12:00:00+01:00[+01:00]".parse().unwrap(),
            message_id: String::new(),
            thread: "acme/app#12".to_owned(),
            answers: "acme/app#12#issuecomment-345".to_owned(),
            in_reply_to: None,
            references: Vec::new(),
            from: Address::new("", "sam"),
            to: vec![Address::new("", "ada")],
            cc: Vec::new(),
            subject: "Re: it breaks".to_owned(),
            text: "**yes**\n".to_owned(),
            html: String::new(),
            attachments: Vec::new(),
        }
    }

    #[test]
    fn a_comment_is_the_approved_text_and_the_marker_of_its_key() {
        let (thread, body) = comment(&settings(Kind::Forgejo), &outgoing()).unwrap();
        assert_eq!(body, "**yes**\n\n<!-- git-drafts: kqzmwvst.1.3f9c2a71 -->\n");
        let request = ask::create_comment(&settings(Kind::Forgejo), &thread, &body);
        assert_eq!(
            (request.method, request.path.join("/")),
            (Method::Post, "repos/acme/app/issues/12/comments".into())
        );
        assert_eq!(request.body.unwrap(), serde_json::json!({ "body": body }));
        assert!(body.contains(&marker("kqzmwvst.1.3f9c2a71")) && !body.contains(&marker("kqzmwvst.1")));
    }

    #[test]
    fn what_a_comment_has_no_form_for_is_not_sent() {
        let ada = Address::new("", "ada");
        let file = Attachment { name: "a".to_owned(), bytes: Vec::new() };
        for (outgoing, what) in [
            (Outgoing { thread: "<m1@example.org>".to_owned(), ..outgoing() }, "`<m1@example.org>` is none"),
            (
                Outgoing { thread: "acme/other#1".to_owned(), ..outgoing() },
                "acme/other is not among the `repositories` of this forge",
            ),
            (Outgoing { to: vec![], ..outgoing() }, "this has 0"),
            (Outgoing { to: vec![ada.clone(); 2], ..outgoing() }, "this has 2"),
            (Outgoing { cc: vec![ada], ..outgoing() }, "this has 2"),
            (Outgoing { attachments: vec![file], ..outgoing() }, "cannot carry attachments"),
            (
                Outgoing { text: format!("> {}", marker("k.1.d")), ..outgoing() },
                "`<!-- git-drafts:` stands in the text",
            ),
            (Outgoing { text: "x".repeat(TEXT_CHARS_MAX), ..outgoing() }, "longer than 65536 characters"),
        ] {
            let why = comment(&settings(Kind::GitHub), &outgoing).unwrap_err();
            assert!(why.contains(what), "{why}");
        }
    }

    #[test]
    fn each_forge_is_asked_in_its_own_words() {
        let repository = Repository::parse("acme/app").unwrap();
        let since = Some("2026-11-20T12:00:00.5Z".parse().unwrap());
        let pairs = |request: crate::http::Request| {
            let pairs = request.query.iter().map(|(name, value)| format!("{name}={value}"));
            format!("{}?{}", request.path.join("/"), pairs.collect::<Vec<_>>().join("&"))
        };
        let (forgejo, github) = (settings(Kind::Forgejo), settings(Kind::GitHub));
        for (request, told) in [
            (
                ask::issues(&forgejo, &repository, since, 2),
                "repos/acme/app/issues?limit=50&page=2&since=2026-11-20T12:00:00Z&state=all&sort=recentupdate",
            ),
            (
                ask::issues(&github, &repository, None, 1),
                "repos/acme/app/issues?per_page=100&page=1&state=all&sort=updated&direction=desc",
            ),
            (ask::comments(&forgejo, &repository, None, 1), "repos/acme/app/issues/comments?limit=50&page=1"),
            (
                ask::comments(&github, &repository, None, 1),
                "repos/acme/app/issues/comments?per_page=100&page=1&sort=updated&direction=desc",
            ),
            (
                ask::newest_issues(&forgejo, &repository, since, 1),
                "repos/acme/app/issues?limit=50&page=1&since=2026-11-20T12:00:00Z&state=all&type=issues",
            ),
            (
                ask::newest_issues(&github, &repository, None, 1),
                "repos/acme/app/issues?per_page=100&page=1&state=all",
            ),
        ] {
            assert_eq!(pairs(request), told);
        }
    }
}
