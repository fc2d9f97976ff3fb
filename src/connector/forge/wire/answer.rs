//! Reads what a forge says about a call: whether it was taken, when to come again, whether there is more.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::connector::ConnectorError;
use crate::connector::forge::settings::Thread;
use crate::http::{Answer, HttpError};
use crate::outgoing::{Found, Outcome};
use crate::text;

/// When to try again where the forge does not say.
const RETRY: SignedDuration = SignedDuration::from_secs(60);

/// The longest that a forge may ask us to wait.
const WAIT_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Returns when the forge wants to be asked again, if it wants to be left alone until then.
///
/// With a 429 or a 403 that is a no to this call; with an answer that says that nothing is left of what we
/// may ask, it is about the next one. The times are the forge's: at most a day from `now`.
pub fn wait_until(answer: &Answer, now: Timestamp) -> Option<Timestamp> {
    let is_spent = answer.header("x-ratelimit-remaining").map(str::trim) == Some("0");
    let reset = || {
        let seconds = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
        Timestamp::from_second(seconds).ok()
    };
    let said = match answer.status {
        429 => answer.retry_at(now).or_else(|| is_spent.then(reset).flatten()).or(Some(now + RETRY)),
        // Too much at a time may be said in words alone.
        403 => answer.retry_at(now).or_else(|| is_spent.then(reset).flatten()).or_else(|| {
            let words = answer.words.as_deref().unwrap_or_default().to_ascii_lowercase();
            (is_spent || words.contains("rate limit")).then(|| now + RETRY)
        }),
        _ if is_spent => reset(),
        _ => None,
    };
    said.map(|until| until.clamp(now, now + WAIT_MAX))
}

/// Returns the answer where it is a yes; `asked` goes into the error otherwise.
pub fn accept(
    answer: Result<Answer, HttpError>,
    asked: &str,
    now: Timestamp,
) -> Result<Answer, ConnectorError> {
    let refused = |what: String, hint: Option<&str>| {
        Err(ConnectorError::Refused { what, hint: hint.map(str::to_owned) })
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ (HttpError::NotSent { .. } | HttpError::Broken { .. })) => {
            return Err(ConnectorError::Away { what: error.to_string() });
        }
        Err(error @ (HttpError::Invalid { .. } | HttpError::TooLarge { .. })) => {
            return refused(error.to_string(), None);
        }
    };
    let what = format!("the forge answered {} when asked for {asked}", answer.told());
    match answer.status {
        200..=299 => Ok(answer),
        403 | 429 if let Some(until) = wait_until(&answer, now) => {
            Err(ConnectorError::Away { what: patience(&answer, until) })
        }
        300..=399 => refused(
            what,
            Some("redirects are not followed: was the repository renamed, or is `url` not where the API is?"),
        ),
        401 => refused(what, Some("check the `token` of this forge")),
        403 => refused(what, Some("check what the `token` of this forge may do")),
        404 | 405 | 410 => refused(
            what,
            Some("check the `url` and the `repositories` of this forge, and what its `token` may see"),
        ),
        408 | 425 | 429 | 500.. => Err(ConnectorError::Away { what }),
        _ => refused(what, None),
    }
}

/// Says that the forge wants to be left alone for a while.
pub fn patience(answer: &Answer, until: Timestamp) -> String {
    format!("the forge answered {}: it wants no request before {until:.0}", answer.told())
}

/// Reads what became of what was to be made; `made` reads where it is now.
pub fn outcome(
    answer: Result<Answer, HttpError>,
    now: Timestamp,
    made: impl Fn(&Value) -> Option<String>,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ HttpError::Invalid { .. }) => return Outcome::Failed { reason: error.to_string() },
        Err(error @ HttpError::NotSent { .. }) => {
            return Outcome::Deferred { until: now + RETRY, reason: error.to_string() };
        }
        Err(error @ (HttpError::Broken { .. } | HttpError::TooLarge { .. })) => {
            return Outcome::Unsure { reason: error.to_string() };
        }
    };
    let reason = format!("the forge answered {}", answer.told());
    match answer.status {
        200 | 201 => match answer.json().ok().as_ref().and_then(made) {
            Some(receipt) => Outcome::Delivered { receipt },
            None => Outcome::Unsure { reason: format!("{reason} and did not say where it is") },
        },
        403 | 429 if let Some(until) = wait_until(&answer, now) => {
            Outcome::Deferred { until, reason: patience(&answer, until) }
        }
        // See Other is how a server answers a post that it has taken.
        303 => Outcome::Unsure { reason: format!("{reason}; redirects are not followed") },
        300..=399 => Outcome::Failed {
            reason: format!("{reason}; redirects are not followed: was the repository renamed?"),
        },
        401 => Outcome::Failed { reason: format!("{reason}: the token is not known there") },
        403 => Outcome::Failed { reason: format!("{reason}: the token may not do that, or it is locked") },
        404 => Outcome::Failed { reason: format!("{reason}: it is gone, or the token may not see it") },
        410 => Outcome::Failed { reason: format!("{reason}: it was deleted, or issues are off there") },
        408 | 425 => Outcome::Deferred { until: now + RETRY, reason },
        400..=499 => Outcome::Failed { reason },
        _ => Outcome::Unsure { reason },
    }
}

/// Returns where a comment is, as the forge's own pages number it.
pub fn comment_made(thread: &Thread, comment: &Value) -> Option<String> {
    comment.get("id").and_then(Value::as_u64).map(|id| comment_id(thread, id))
}

/// Returns the id of a comment: `owner/name#12#issuecomment-345`.
pub fn comment_id(thread: &Thread, id: u64) -> String {
    format!("{thread}#issuecomment-{id}")
}

/// Reads whether something with our marker is among `items`; `whole` says whether these are all there are.
///
/// What we make ends with its marker. Whoever can write there can copy one, and we may quote it: one of
/// somebody else's, or within a text, is no arrival. But it is no proof of the contrary either, since `login`
/// may be wrong, and what we made may have been edited there.
pub fn found(
    items: &[Value],
    whole: bool,
    marker: &str,
    login: &str,
    made: impl Fn(&Value) -> Option<String>,
) -> Found {
    let unknown = |reason: &str| Found::Unknown { reason: reason.to_owned() };
    let marked: Vec<&Value> = items
        .iter()
        .filter(|item| item.get("body").and_then(Value::as_str).is_some_and(|body| body.contains(marker)))
        .collect();
    let is_ours = |item: &Value| {
        let author = item.pointer("/user/login").and_then(Value::as_str);
        author.is_some_and(|author| author.eq_ignore_ascii_case(login))
    };
    let ends_with_it = |item: &Value| {
        let last = item.get("body").and_then(Value::as_str).and_then(|body| body.trim_end().lines().last());
        last == Some(marker)
    };
    match marked.iter().find(|item| is_ours(item) && ends_with_it(item)) {
        Some(ours) => match made(ours) {
            Some(receipt) => Found::Yes { receipt },
            None => unknown("it is there, and the forge does not say where"),
        },
        None if marked.iter().any(|item| is_ours(item)) => unknown(
            "its marker is there, but not as the last line of what you wrote: was it quoted or edited?",
        ),
        None if !marked.is_empty() => {
            unknown("its marker is there, but by somebody else: is `login` who the token belongs to?")
        }
        None if whole => Found::No,
        None => unknown("there is more than can be read"),
    }
}

/// Some items of one kind, as far as they have been read.
#[derive(Debug, Default)]
pub struct Pages {
    /// The items, each once, in the order of the forge.
    pub items: Vec<Value>,
    /// Whether there is no more.
    pub whole: bool,
    /// How many pages were read.
    pub pages: usize,
    /// By what the forge can be asked whether anything has changed; only where one page is all.
    pub validator: Option<String>,
    known: HashSet<u64>,
    bytes: usize,
}

impl Pages {
    /// The most pages of one kind.
    pub const PAGES_MAX: usize = 100;

    /// The most bytes of one kind.
    pub const BYTES_MAX: usize = 64 * 1024 * 1024;

    /// Adds a page; tells whether there is a next one within our bounds. `asked` goes into the error.
    pub fn add(&mut self, answer: &Answer, size: usize, asked: &str) -> Result<bool, ConnectorError> {
        let page = match answer.json() {
            Ok(Value::Array(page)) => page,
            Ok(_) => return Err(no_list(asked, "no list")),
            Err(what) => return Err(no_list(asked, &what)),
        };
        let (count, before) = (page.len(), self.items.len());
        for item in page {
            // Pages move while they are read.
            let id = item.get("id").and_then(Value::as_u64);
            if id.is_none_or(|id| self.known.insert(id)) {
                self.items.push(item);
            }
        }
        self.pages += 1;
        self.bytes += answer.body.len();
        self.validator = validator(answer).filter(|_| self.pages == 1);
        let is_fresh = self.items.len() > before;
        let more = count > 0 && is_fresh && has_next(answer, self.items.len(), count >= size);
        let has_room = self.pages < Self::PAGES_MAX && self.bytes < Self::BYTES_MAX;
        self.whole = !more;
        Ok(more && has_room)
    }
}

/// Tells whether there is another page. The address that the forge gives for it is not looked at.
fn has_next(answer: &Answer, seen: usize, is_full: bool) -> bool {
    let total = answer.header("x-total-count").and_then(|total| total.trim().parse::<usize>().ok());
    match (answer.header("link"), total) {
        (Some(link), _) if link.contains("rel=\"next\"") => true,
        (_, Some(total)) => seen < total,
        (Some(_), None) => false,
        (None, None) => is_full,
    }
}

/// Returns what the forge can be asked with whether anything has changed: an ETag, or a time.
fn validator(answer: &Answer) -> Option<String> {
    let said = answer.header("etag").or_else(|| answer.header("last-modified"))?.trim();
    let plain =
        !said.is_empty() && said.len() <= 200 && said.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    plain.then(|| said.to_owned())
}

fn no_list(asked: &str, what: &str) -> ConnectorError {
    ConnectorError::Refused {
        what: format!("the forge's answer about {asked} is no list: {}", text::one_line(what, 200)),
        hint: Some("check the `url` of this forge: it is that of the API".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Answer::new(status, headers, body.as_bytes().to_vec(), None)
    }

    fn thread() -> Thread {
        Thread::parse("acme/app#12").unwrap()
    }

    fn check_outcome(answer: Result<Answer, HttpError>, expected: &str) {
        let told = match outcome(answer, now(), |made| comment_made(&thread(), made)) {
            Outcome::Delivered { receipt } => format!("delivered: {receipt}"),
            Outcome::Deferred { until, reason } => {
                format!("deferred {}: {reason}", until.as_second() - now().as_second())
            }
            Outcome::Failed { reason } => format!("failed: {reason}"),
            Outcome::Unsure { reason } => format!("unsure: {reason}"),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn an_answer_to_a_comment_means_what_it_can_mean() {
        let no = r#"{"message": "no\nsuch thing"}"#;
        let check = |status, body, expected| check_outcome(Ok(answer(status, &[], body)), expected);
        check(
            201,
            r#"{"id": 345, "html_url": "http://evil.example/"}"#,
            "delivered: acme/app#12#issuecomment-345",
        );
        check(201, r#"{"id": "345"}"#, "unsure: the forge answered 201 and did not say where it is");
        check(200, "<p>Please log in.</p>", "unsure: the forge answered 200 and did not say where it is");
        check(202, "", "unsure: the forge answered 202");
        check(
            301,
            "",
            "failed: the forge answered 301; redirects are not followed: was the repository renamed?",
        );
        check(303, "", "unsure: the forge answered 303; redirects are not followed");
        check(401, no, "failed: the forge answered 401 (no such thing): the token is not known there");
        check(403, "", "failed: the forge answered 403: the token may not do that, or it is locked");
        check(404, "", "failed: the forge answered 404: it is gone, or the token may not see it");
        check(410, "", "failed: the forge answered 410: it was deleted, or issues are off there");
        check(422, no, "failed: the forge answered 422 (no such thing)");
        check(423, "", "failed: the forge answered 423");
        check(408, "", "deferred 60: the forge answered 408");
        check(500, no, "unsure: the forge answered 500 (no such thing)");
        check(502, "", "unsure: the forge answered 502");
        check_outcome(Ok(answer(503, &[("retry-after", "9")], "")), "unsure: the forge answered 503");
    }

    #[test]
    fn only_a_request_that_was_never_written_is_deferred() {
        let origin = || "http://forge".to_owned();
        let what = || "x".to_owned();
        let (origin, what) = (origin(), what());
        check_outcome(
            Err(HttpError::NotSent { origin: origin.clone(), what: what.clone() }),
            "deferred 60: cannot reach http://forge: x",
        );
        check_outcome(
            Err(HttpError::Broken { origin: origin.clone(), what }),
            "unsure: no whole answer from http://forge: x",
        );
        check_outcome(
            Err(HttpError::TooLarge { origin, bytes_max: 8 }),
            "unsure: the answer from http://forge is longer than 8 bytes",
        );
    }

    #[test]
    fn a_forge_that_has_enough_is_left_alone_until_it_says() {
        // A reset is this many seconds from now.
        let check = |status, headers: &[(&str, &str)], reset: Option<i64>, seconds: Option<i64>| {
            let reset = reset.map(|reset| (now().as_second() + reset).to_string());
            let mut headers = headers.to_vec();
            headers.extend(reset.as_deref().map(|reset| ("x-ratelimit-reset", reset)));
            let until = wait_until(&answer(status, &headers, ""), now());
            let told = until.map(|until| until.as_second() - now().as_second());
            assert_eq!(told, seconds, "{status} {headers:?}");
        };
        let spent = ("x-ratelimit-remaining", "0");
        check(429, &[], None, Some(60));
        check(429, &[("retry-after", "90")], None, Some(90));
        check(429, &[spent], Some(600), Some(600));
        check(403, &[("retry-after", "90")], None, Some(90));
        check(403, &[spent], Some(600), Some(600));
        check(403, &[spent, ("x-ratelimit-reset", "soon")], None, Some(60));
        check(403, &[spent], Some(-600), Some(0));
        check(403, &[spent], Some(1_000_000), Some(86_400));
        check(403, &[("x-ratelimit-remaining", "7")], Some(600), None);
        check(403, &[], None, None);
        let words = r#"{"message": "You have exceeded a secondary rate limit."}"#;
        assert_eq!(wait_until(&answer(403, &[], words), now()), Some(now() + RETRY));
        check(200, &[spent], Some(600), Some(600));
        check(200, &[("x-ratelimit-remaining", "1")], Some(600), None);
        check(503, &[("retry-after", "90")], None, None);
        let reset = (now().as_second() + 600).to_string();
        let body = r#"{"message": "API rate limit exceeded"}"#;
        check_outcome(
            Ok(answer(403, &[spent, ("x-ratelimit-reset", &reset)], body)),
            "deferred 600: the forge answered 403 (API rate limit exceeded): it wants no request before 2026-11-20T12:10:00Z",
        );
    }

    #[test]
    fn what_will_be_the_same_next_time_is_refused_and_the_rest_is_away() {
        for (status, is_away) in [
            (301, false),
            (401, false),
            (403, false),
            (404, false),
            (410, false),
            (408, true),
            (429, true),
            (502, true),
        ] {
            let error = accept(Ok(answer(status, &[], "")), "issues", now()).unwrap_err();
            assert_eq!(matches!(error, ConnectorError::Away { .. }), is_away, "{status}");
        }
    }

    fn check_found(items: Value, whole: bool, expected: &str) {
        let items = items.as_array().unwrap();
        let told = match found(items, whole, "<!-- k -->", "sam", |made| comment_made(&thread(), made)) {
            Found::Yes { receipt } => format!("yes: {receipt}"),
            Found::No => "no".to_owned(),
            Found::Away { reason } => format!("away: {reason}"),
            Found::Unknown { reason } => format!("unknown: {reason}"),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn only_our_own_marker_is_an_arrival_and_only_a_whole_thread_has_none() {
        let said = |id: u64, who: &str, body: &str| json!({"id": id, "user": {"login": who}, "body": body});
        let (ours, copied) = (said(7, "Sam", "x\n<!-- k -->"), said(8, "eve", "<!-- k -->"));
        let other = said(9, "sam", "<!-- kk -->");
        check_found(json!([other]), true, "no");
        check_found(json!([other, ours]), true, "yes: acme/app#12#issuecomment-7");
        check_found(json!([copied, ours]), false, "yes: acme/app#12#issuecomment-7");
        check_found(json!([other]), false, "unknown: there is more than can be read");
        for body in ["> x\n> <!-- k -->", "<!-- k -->\nno", "you wrote <!-- k -->", " <!-- k -->"] {
            let quoted = said(6, "sam", body);
            check_found(
                json!([copied, quoted]),
                true,
                "unknown: its marker is there, but not as the last line of what you wrote: was it quoted or edited?",
            );
            check_found(json!([quoted, ours]), true, "yes: acme/app#12#issuecomment-7");
        }
        check_found(
            json!([said(5, "sam", "x\r\n\r\n<!-- k -->\r\n")]),
            true,
            "yes: acme/app#12#issuecomment-5",
        );
        check_found(
            json!([copied]),
            true,
            "unknown: its marker is there, but by somebody else: is `login` who the token belongs to?",
        );
        check_found(
            json!([{"user": {"login": "sam"}, "body": "<!-- k -->"}]),
            true,
            "unknown: it is there, and the forge does not say where",
        );
    }

    #[test]
    fn there_is_more_only_where_the_forge_says_so() {
        let next = "<http://evil.example/?page=2>; rel=\"next\", <http://evil.example/?page=9>; rel=\"last\"";
        for (headers, full, more) in [
            (&[("link", next)][..], false, true),
            (&[("link", "<http://h/?page=1>; rel=\"prev\"")], true, false),
            (&[("x-total-count", "3")], true, true),
            (&[("x-total-count", "2")], true, false),
            (&[], true, true),
            (&[], false, false),
        ] {
            let mut pages = Pages::default();
            let size = if full { 2 } else { 3 };
            let page = answer(200, headers, r#"[{"id": 1}, {"id": 2}]"#);
            assert_eq!(pages.add(&page, size, "x").unwrap(), more, "{headers:?}");
            assert_eq!(pages.whole, !more);
        }
    }

    #[test]
    fn pages_that_never_end_are_ended() {
        let page = |first: usize| {
            let items: Vec<Value> = (first..first + 2).map(|id| json!({"id": id})).collect();
            answer(200, &[("x-total-count", "999999")], &Value::from(items).to_string())
        };
        let mut pages = Pages::default();
        let read = (0..).take_while(|n| pages.add(&page(2 * n), 2, "x").unwrap()).count();
        assert_eq!((read, pages.pages, pages.whole), (Pages::PAGES_MAX - 1, Pages::PAGES_MAX, false));
        let mut same = Pages::default();
        assert!(same.add(&page(0), 2, "x").unwrap());
        assert!(!same.add(&page(0), 2, "x").unwrap(), "a forge that gives the same page for ever");
        for body in ["{}", "[", "\"\""] {
            let error = Pages::default().add(&answer(200, &[], body), 2, "the issues of a/b").unwrap_err();
            assert!(
                error.to_string().starts_with("the forge's answer about the issues of a/b is no list"),
                "{error}"
            );
        }
    }
}
