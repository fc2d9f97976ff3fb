//! Makes of an approved draft what goes out: a function of the claim and the approved bytes.
//!
//! The text is the Markdown as it was approved. The HTML is made of it and holds nothing that could
//! run, load or track: raw HTML is shown as text, images become their description, links lead to
//! `http`, `https` and `mailto` only.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd, html};

use crate::draft::Draft;
use crate::entry::Drafted;
use crate::message::Address;
use crate::outgoing::{Attachment, Key, Outgoing};
use crate::task;

/// Renders an approved draft.
///
/// `claimed_at` is the time of the claim, the same for every attempt of one generation. `from` is who
/// we are on that account; its domain is the right part of the `Message-ID` (RFC 5322, 3.6.4).
pub fn outgoing(
    key: Key,
    claimed_at: Timestamp,
    from: Address,
    drafted: &Drafted,
    draft: &Draft,
    attachments: Vec<Attachment>,
) -> Outgoing {
    let domain = from.domain().unwrap_or_else(|| "git-drafts.invalid".to_owned());
    let answers = is_message_id(&drafted.message).then(|| drafted.message.clone());
    let mut references: Vec<String> =
        drafted.references.iter().filter(|id| is_message_id(id)).cloned().collect();
    references.extend(answers.clone());
    // Titles and labels of tasks stand above the body, and leave, too.
    let text = if draft.tasks.is_empty() { draft.body.clone() } else { task::readable(&draft.tasks) };
    Outgoing {
        message_id: format!("<{key}@{domain}>"),
        key,
        date: claimed_at.to_zoned(TimeZone::UTC),
        thread: drafted.thread.clone(),
        answers: drafted.message.clone(),
        in_reply_to: answers,
        references,
        from,
        to: draft.to.clone(),
        cc: draft.cc.clone(),
        subject: draft.subject.clone(),
        html: markdown_to_html(&text),
        text: format!("{text}\n"),
        attachments,
    }
}

/// Returns the subject of an answer: `Re: ` before it, unless it stands there already.
pub fn reply_subject(subject: &str) -> String {
    let answered = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    if answered { subject.to_owned() } else { format!("Re: {subject}").trim_end().to_owned() }
}

/// Turns Markdown into HTML that is safe to send.
pub fn markdown_to_html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut link_is_safe = Vec::new();
    let events = Parser::new_ext(markdown, options).filter_map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        // The description of an image is the text between its start and its end.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => None,
        Event::Start(Tag::Link { link_type, dest_url, .. }) => {
            let safe = link_type == LinkType::Email || is_safe_link(&dest_url);
            link_is_safe.push(safe);
            safe.then(|| Event::Start(Tag::Link { link_type, dest_url, title: "".into(), id: "".into() }))
        }
        Event::End(TagEnd::Link) => link_is_safe.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link)),
        event => Some(event),
    });
    let mut rendered = String::new();
    html::push_html(&mut rendered, events);
    rendered
}

fn is_safe_link(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "mailto"))
}

/// Tells whether an id may stand in a mail header: `<left@right>` without white space.
fn is_message_id(id: &str) -> bool {
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    inner.is_some_and(|inner| {
        inner.contains('@') && inner.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, html: &str) {
        assert_eq!(markdown_to_html(markdown).trim_end(), html);
    }

    #[test]
    fn markdown_becomes_html() {
        check("Hello **Ada**", "<p>Hello <strong>Ada</strong></p>");
        check("[portal](https://example.com/x)", "<p><a href=\"https://example.com/x\">portal</a></p>");
        check("<ada@example.org>", "<p><a href=\"mailto:ada@example.org\">ada@example.org</a></p>");
    }

    #[test]
    fn nothing_in_it_can_run_load_or_track() {
        check("<script>x()</script>", "&lt;script&gt;x()&lt;/script&gt;");
        check("a <b onclick=\"x\">b</b>", "<p>a &lt;b onclick=\"x\"&gt;b&lt;/b&gt;</p>");
        check("![seen](https://track.example/1.png)", "<p>seen</p>");
        check("[x](javascript:alert(1))", "<p>x</p>");
        check("[x](data:text/html,1) [y](//host/y)", "<p>x y</p>");
    }

    #[test]
    fn a_subject_is_answered_once() {
        assert_eq!(reply_subject("Invoice"), "Re: Invoice");
        assert_eq!(reply_subject("RE: Invoice"), "RE: Invoice");
        assert_eq!(reply_subject("Résumé"), "Re: Résumé");
        assert_eq!(reply_subject(""), "Re:");
    }

    #[test]
    fn only_message_ids_become_headers() {
        assert!(is_message_id("<a@b>"));
        for other in ["sha256:abc", "<a b@c>", "<a@b>\r\nBcc: x", "msg-7", "<<a@b>>"] {
            assert!(!is_message_id(other), "{other}");
        }
    }
}
