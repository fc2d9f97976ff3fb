//! Decides what is taken of a repository: of everything that is new there, what is for us and still open.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, Zoned};
use serde_json::Value;

use crate::connector::forge::settings::{Repository, Settings, Take, Thread};
use crate::connector::forge::wire::carries_marker;
use crate::connector::forge::wire::read::{self, Issue};
use crate::message::{Fetched, Message, Unreadable};

/// What was read of one repository.
#[derive(Debug, Default)]
pub struct Seen {
    /// Issues and pull requests, as the forge has them.
    pub issues: Vec<Value>,
    /// Comments, as the forge has them.
    pub comments: Vec<Value>,
    /// Issues that comments belong to, and that could not be read: why.
    pub gone: BTreeMap<u64, String>,
    /// Whether there is more than could be read.
    pub has_more: bool,
}

impl Seen {
    /// Returns the numbers of the issues that comments belong to, and that are not there yet.
    pub fn missing(&self) -> Vec<u64> {
        let number_of = |issue: &Value| issue.get("number").and_then(Value::as_u64);
        let there: BTreeSet<u64> = self.issues.iter().filter_map(number_of).collect();
        let wanted: BTreeSet<u64> = self.comments.iter().filter_map(read::number_of_comment).collect();
        wanted.difference(&there).copied().collect()
    }
}

/// Returns what is taken of a repository, oldest first; `since` is when the window begins.
///
/// That there is too much is said anew each day (of UTC, by `now`) while it lasts.
///
/// Left out is what we wrote, what we have answered there by hand since, what stands in an issue that was
/// closed since, and what `take` does not name. What cannot be read says so in its place.
///
/// A comment that we made from a draft answers what the ledger knows of, and nothing that was said meanwhile:
/// it leaves nothing out.
pub fn taken(
    settings: &Settings,
    source: &str,
    repository: &Repository,
    seen: &Seen,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Fetched> {
    let mut taken: Vec<Fetched> = Vec::new();
    let mut issues: BTreeMap<u64, Issue> = BTreeMap::new();
    for value in &seen.issues {
        match read::issue(source, &settings.login, repository, value) {
            Ok(issue) => drop(issues.insert(issue.number, issue)),
            Err(unreadable) => taken.push(Err(unreadable)),
        }
    }
    let mut said: BTreeMap<u64, Vec<Message>> = BTreeMap::new();
    for value in &seen.comments {
        match comment(settings, source, repository, &issues, &seen.gone, value) {
            Ok((number, comment)) => said.entry(number).or_default().push(comment),
            Err(unreadable) => taken.push(Err(unreadable)),
        }
    }
    for (number, issue) in &issues {
        let mut thread = said.remove(number).unwrap_or_default();
        // Comments of one second stay in the order of the forge.
        thread.sort_by_key(when);
        thread.insert(0, issue.message.clone());
        let is_ours = |message: &Message| message.from.email.eq_ignore_ascii_case(&settings.login);
        let is_by_hand = |message: &Message| is_ours(message) && !carries_marker(&message.body);
        let first = thread.iter().rposition(is_by_hand).map_or(0, |last| last + 1);
        for (place, mut message) in thread.into_iter().enumerate().skip(first) {
            if is_ours(&message) {
                continue;
            }
            let at = when(&message);
            let is_settled = issue.closed_at.is_some_and(|closed_at| at <= Some(closed_at));
            let is_old = since.is_some_and(|since| at < Some(since));
            if is_settled || is_old || !wanted(settings, issue, place == 0, &message) {
                continue;
            }
            message.reply_to.extend(settings.to.clone());
            taken.push(Ok(message));
        }
    }
    if seen.has_more {
        taken.push(Err(Unreadable {
            source: source.to_owned(),
            id: format!("{repository}: too much on {}", now.strftime("%Y-%m-%d")),
            what: format!(
                "stands for more in {repository} than can be read: set a shorter `messages_since`, or look there"
            ),
        }));
    }
    taken
}

fn comment(
    settings: &Settings,
    source: &str,
    repository: &Repository,
    issues: &BTreeMap<u64, Issue>,
    gone: &BTreeMap<u64, String>,
    value: &Value,
) -> Result<(u64, Message), Unreadable> {
    let number = read::number_of_comment(value);
    let thread = Thread { repository: repository.clone(), number: number.unwrap_or_default() };
    let title = number.and_then(|number| issues.get(&number)).map(|issue| issue.message.subject.as_str());
    let comment = read::comment(source, &settings.login, &thread, title.unwrap_or_default(), value)?;
    let what = match (number, title) {
        (Some(number), Some(_)) => return Ok((number, comment)),
        (None, _) => "does not say which issue it belongs to".to_owned(),
        (Some(number), None) => match gone.get(&number) {
            Some(why) => format!("belongs to {thread}, which cannot be read: {why}"),
            None => format!("belongs to {thread}, which cannot be read"),
        },
    };
    Err(Unreadable { source: source.to_owned(), id: comment.id, what })
}

fn wanted(settings: &Settings, issue: &Issue, is_issue: bool, message: &Message) -> bool {
    let ours = |login: &String| login.eq_ignore_ascii_case(&settings.login);
    settings.take.iter().any(|take| match take {
        Take::Mentions => {
            mentions(&message.body, &settings.login)
                || (is_issue && mentions(&message.subject, &settings.login))
        }
        Take::Assigned => issue.assignees.iter().any(ours),
        Take::Issues => is_issue,
        Take::Comments => !is_issue,
    })
}

/// Tells whether a text names an account with an `@`.
///
/// `@samuel` and `mail@sam` do not name `sam`, and neither does a team, `@acme/sam`.
pub fn mentions(text: &str, login: &str) -> bool {
    let (text, login) = (text.to_ascii_lowercase(), login.to_ascii_lowercase());
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let Some(rest) = text[at + 1..].strip_prefix(login.as_str()) else { return false };
        let after = rest.chars().next();
        // A dot may end a sentence.
        let goes_on = rest.strip_prefix('.').and_then(|rest| rest.chars().next()).is_some_and(joins);
        !before.is_some_and(|c| joins(c) || matches!(c, '/' | '@' | '.'))
            && !after.is_some_and(|c| joins(c) || c == '/')
            && !goes_on
    })
}

/// Returns when a message was written.
pub fn when(message: &Message) -> Option<Timestamp> {
    message.date.as_ref().map(Zoned::timestamp)
}

/// Returns what was taken of all repositories, oldest first; what cannot be read comes last.
pub fn in_order(mut taken: Vec<Fetched>) -> Vec<Fetched> {
    taken.sort_by_key(|fetched| match fetched {
        Ok(message) => (false, when(message)),
        Err(_) => (true, None),
    });
    taken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::forge::settings::{Kind, TIMEOUT};

    fn settings(take: &[Take]) -> Settings {
        Settings {
            kind: Kind::GitHub,
            url: "http://127.0.0.1:1".to_owned(),
            login: "sam".to_owned(),
            token: None,
            repositories: vec![Repository::parse("acme/app").unwrap()],
            take: take.to_vec(),
            to: None,
            timeout: TIMEOUT,
        }
    }

    /// An issue that was opened at this minute.
    fn issue(number: u64, who: &str, minute: u32, body: &str) -> Value {
        json!({
            "id": 1000 + number, "number": number, "title": "t", "body": body, "state": "open",
            "user": {"login": who}, "created_at": format!("2026-11-20T12:{minute:02}:00Z"), "assignees": [],
        })
    }

    /// A comment of this minute; the minute is its id, too.
    fn said(number: u64, who: &str, minute: u32, body: &str) -> Value {
        json!({
            "id": minute, "body": body, "user": {"login": who},
            "created_at": format!("2026-11-20T12:{minute:02}:00Z"),
            "issue_url": format!("http://h/repos/acme/app/issues/{number}"),
        })
    }

    fn check(take: &[Take], issues: &[Value], comments: &[Value], expected: &[&str]) {
        let seen = Seen { issues: issues.to_vec(), comments: comments.to_vec(), ..Seen::default() };
        let settings = settings(take);
        let taken = in_order(taken_of(&settings, &seen, None));
        let ids: Vec<String> = taken
            .into_iter()
            .map(|fetched| match fetched {
                Ok(message) => message.id.replace("acme/app", "").replace("issuecomment-", ""),
                Err(unreadable) => unreadable.what,
            })
            .collect();
        assert_eq!(ids, expected);
    }

    fn taken_of(settings: &Settings, seen: &Seen, since: Option<Timestamp>) -> Vec<Fetched> {
        let now = "2026-11-20T13:00:00Z".parse().unwrap();
        taken(settings, "forge", &settings.repositories[0], seen, since, now)
    }

    #[test]
    fn each_word_takes_what_it_says() {
        let mut assigned = issue(2, "ada", 2, "it breaks");
        assigned["assignees"] = json!([{"login": "Sam"}]);
        let issues = [issue(1, "ada", 1, "it breaks"), assigned, issue(3, "ada", 3, "what does @Sam say?")];
        let comments =
            [said(1, "bob", 11, "@sam: it does"), said(1, "bob", 12, "so"), said(2, "bob", 13, "too")];
        check(&[Take::Mentions], &issues, &comments, &["#3", "#1#11"]);
        check(&[Take::Assigned], &issues, &comments, &["#2", "#2#13"]);
        check(&[Take::Issues], &issues, &comments, &["#1", "#2", "#3"]);
        check(&[Take::Comments], &issues, &comments, &["#1#11", "#1#12", "#2#13"]);
        check(&Take::ALL, &issues, &comments, &["#1", "#2", "#3", "#1#11", "#1#12", "#2#13"]);
    }

    #[test]
    fn what_we_have_answered_there_is_not_taken() {
        let issues = [issue(1, "ada", 1, ""), issue(2, "Sam", 2, "")];
        let ours = said(1, "SAM", 12, "it is main");
        check(&Take::ALL, &issues, &[said(1, "bob", 11, ""), ours.clone()], &[]);
        check(
            &Take::ALL,
            &issues,
            &[ours, said(1, "bob", 13, ""), said(2, "bob", 14, "")],
            &["#1#13", "#2#14"],
        );
    }

    #[test]
    fn what_was_sent_from_a_draft_hides_nothing_that_was_said_meanwhile() {
        let issues = [issue(1, "ada", 1, "")];
        let sent = said(1, "Sam", 12, "it is main\n\n<!-- git-drafts: kqzmwvst.1.3f9c2a71 -->");
        let by_hand = said(1, "sam", 13, "see above");
        let bob = said(1, "bob", 11, "");
        check(&Take::ALL, &issues, &[bob.clone(), sent.clone()], &["#1", "#1#11"]);
        check(&Take::ALL, &issues, &[bob.clone(), sent.clone(), by_hand], &[]);
        // Somebody else's marker makes nothing ours.
        let copied = said(1, "eve", 14, "<!-- git-drafts: kqzmwvst.1.3f9c2a71 -->");
        check(&Take::ALL, &issues, &[bob, sent, copied], &["#1", "#1#11", "#1#14"]);
    }

    #[test]
    fn what_was_said_before_an_issue_was_closed_is_settled() {
        let mut closed = issue(1, "ada", 1, "");
        closed["state"] = json!("closed");
        closed["closed_at"] = json!("2026-11-20T12:12:00Z");
        check(
            &Take::ALL,
            &[closed.clone()],
            &[said(1, "bob", 11, ""), said(1, "bob", 13, "still")],
            &["#1#13"],
        );
        // Opened again, it is open.
        closed["state"] = json!("open");
        check(&Take::ALL, &[closed], &[], &["#1"]);
    }

    #[test]
    fn the_window_leaves_out_what_came_before_it() {
        let seen = Seen {
            issues: vec![issue(1, "ada", 1, "")],
            comments: vec![said(1, "ada", 2, "")],
            ..Seen::default()
        };
        for (since, kept) in
            [("2026-11-20T12:01:00Z", 2), ("2026-11-20T12:01:01Z", 1), ("2026-11-20T13:00:00Z", 0)]
        {
            assert_eq!(taken_of(&settings(&Take::ALL), &seen, Some(since.parse().unwrap())).len(), kept);
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_in_its_place() {
        let lost =
            json!({"id": 5, "body": "", "user": {"login": "bob"}, "created_at": "2026-11-20T12:00:00Z"});
        check(
            &Take::ALL,
            &[issue(1, "ada", 1, ""), json!({"number": 2})],
            &[lost, said(3, "bob", 3, ""), json!({"id": 6})],
            &[
                "#1",
                "has no `title`",
                "does not say which issue it belongs to",
                "belongs to acme/app#3, which cannot be read",
                "has no `user`",
            ],
        );
        let seen = Seen { has_more: true, ..Seen::default() };
        let more = taken_of(&settings(&Take::ALL), &seen, None).remove(0).unwrap_err();
        assert!(more.what.starts_with("stands for more in acme/app than can be read"), "{}", more.what);
        assert_eq!(more.id, "acme/app: too much on 2026-11-20", "the next day, it is not known");
    }

    #[test]
    fn answers_go_to_whom_the_wiring_names() {
        let settings = Settings { to: recipient("planner"), ..settings(&Take::ALL) };
        let seen = Seen { issues: vec![issue(1, "ada", 1, "")], ..Seen::default() };
        let message = taken_of(&settings, &seen, None).remove(0).unwrap();
        assert_eq!((message.from.email.as_str(), message.reply_to[0].email.as_str()), ("ada", "planner"));
    }

    fn recipient(text: &str) -> Option<crate::message::Address> {
        crate::message::Address::parse(text)
    }

    #[test]
    fn a_mention_is_the_whole_name() {
        for text in ["@sam", "hello @Sam, is it so?", "(@sam)", "**@sam**", "ask @sam.", "é @sam\n"] {
            assert!(mentions(text, "sam"), "{text}");
        }
        for text in [
            "",
            "sam",
            "@samuel",
            "@sam-hill",
            "@sam_",
            "ada@sam",
            "@acme/sam",
            "@sam/x",
            "@sam.example",
            "@@sam",
        ] {
            assert!(!mentions(text, "sam"), "{text}");
        }
    }
}
