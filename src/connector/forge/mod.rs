//! Reads issues and comments of a forge (Forgejo, Gitea, GitHub), and comments and opens issues there.
//!
//! Every call is made once: whether it is made again is decided elsewhere, by what we know. A forge does
//! not know our keys, so what is made carries its key as a marker and is looked for by it. Reading changes
//! nothing there.
//!
//! `wire` maps to and from the forge's JSON, `settings` holds what the wiring says, `bookmark` what is
//! remembered between two ticks; here is only the order of the calls.

pub mod bookmark;
pub mod settings;
pub mod wire;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::connector::forge::bookmark::Bookmark;
use crate::connector::forge::settings::{Kind, Repository, Settings, Thread};
use crate::connector::forge::wire::answer::{self, Pages};
use crate::connector::forge::wire::taken::{self, Seen};
use crate::connector::forge::wire::{ask, read};
use crate::connector::{ConnectorError, Window};
use crate::http::{Answer, Client, HttpError, Request};
use crate::message::{Fetched, Message};
use crate::outgoing::{Capabilities, Found, Key, Outcome, Outgoing};
use crate::text;

/// The most issues of a repository that are asked for one by one in a fetch.
const SINGLE_ISSUES_MAX: usize = 50;

/// How far back what was made is looked for: our clock and the forge's may differ by this much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);

/// One forge, as one account sees it.
#[derive(Clone, Debug)]
pub struct Forge {
    source: String,
    settings: Settings,
    client: Client,
    /// What was remembered from the last time.
    known: Bookmark,
    /// What is to be remembered once everything of this time is taken in.
    next: Bookmark,
}

/// What came of asking for a listing.
enum Listing {
    /// Nothing has changed since it was taken in whole.
    Unchanged,
    /// It was read.
    Read(Pages),
}

impl Forge {
    /// Makes a forge of its name in the wiring and its settings; makes no call.
    pub fn new(source: &str, settings: Settings) -> Result<Self, HttpError> {
        let client = Client::new(&settings.url, settings.token.clone(), settings.timeout)?;
        let (known, next) = (Bookmark::default(), Bookmark::default());
        Ok(Self { source: source.to_owned(), settings, client, known, next })
    }

    /// Takes up what [`Forge::bookmark`] gave the last time.
    pub fn resume(&mut self, bookmark: &str) {
        self.known = Bookmark::read(bookmark, &self.settings);
    }

    /// Returns what is to be remembered once all that was fetched is taken in; after a failed fetch, what is
    /// to be remembered in any case.
    pub fn bookmark(&self) -> String {
        self.next.write(&self.settings)
    }

    /// Returns what is new for us in all repositories, oldest first.
    ///
    /// What has not changed since the bookmark gives nothing: it was taken in then.
    pub async fn fetch(&mut self, window: &Window, now: Timestamp) -> Result<Vec<Fetched>, ConnectorError> {
        self.next = self.known.clone();
        if let Some(later) = self.known.later.filter(|later| *later > now) {
            return Err(ConnectorError::Away {
                what: format!("the forge wants no request before {later:.0}"),
            });
        }
        self.next.later = None;
        let mut next = Bookmark::default();
        let mut all = Vec::new();
        for repository in self.settings.repositories.clone() {
            let seen = self.see(&repository, window, now, &mut next).await?;
            all.extend(taken::taken(&self.settings, &self.source, &repository, &seen, window.since, now));
        }
        next.later = self.next.later;
        self.next = next;
        Ok(taken::in_order(all))
    }

    /// Reads what has changed in a repository since the window began.
    async fn see(
        &mut self,
        repository: &Repository,
        window: &Window,
        now: Timestamp,
        next: &mut Bookmark,
    ) -> Result<Seen, ConnectorError> {
        let settings = self.settings.clone();
        // The same request the whole day, so that its answer can be the same.
        let since =
            window.since.map(|since| since - SignedDuration::from_secs(since.as_second().rem_euclid(86_400)));
        let issues = |page| ask::issues(&settings, repository, since, page);
        let comments = |page| ask::comments(&settings, repository, since, page);
        let conditional = window.since.is_some();
        let (asked_issues, asked_comments) =
            (format!("the issues of {repository}"), format!("the comments of {repository}"));
        let mut first = self.list(&issues, &asked_issues, conditional, now).await?;
        let second = self.list(&comments, &asked_comments, conditional, now).await?;
        // Each says something about the other: an issue that is now ours, a comment of a known issue.
        let second = match (&first, second) {
            (Listing::Unchanged, Listing::Unchanged) => Listing::Unchanged,
            (Listing::Unchanged, second @ Listing::Read(_)) => {
                first = self.list(&issues, &asked_issues, false, now).await?;
                second
            }
            (Listing::Read(_), Listing::Unchanged) => {
                self.list(&comments, &asked_comments, false, now).await?
            }
            (Listing::Read(_), second @ Listing::Read(_)) => second,
        };
        let mut seen = Seen::default();
        for (listing, request, place) in
            [(first, issues(1), &mut seen.issues), (second, comments(1), &mut seen.comments)]
        {
            match listing {
                Listing::Unchanged => next.keep(&self.known, &request),
                Listing::Read(pages) => {
                    // The first page says nothing about the others.
                    if let (Some(validator), true) = (&pages.validator, pages.whole) {
                        next.note(&request, validator.clone());
                    }
                    seen.has_more |= !pages.whole;
                    *place = pages.items;
                }
            }
        }
        for (count, number) in seen.missing().into_iter().enumerate() {
            if count >= SINGLE_ISSUES_MAX {
                seen.has_more = true;
                break;
            }
            let thread = Thread { repository: repository.clone(), number };
            match self.ask(&ask::issue(&settings, &thread), &thread.to_string(), now).await {
                Ok(answer) => seen.issues.extend(answer.json().ok()),
                Err(error @ ConnectorError::Away { .. }) => return Err(error),
                Err(ConnectorError::Refused { what, .. }) => drop(seen.gone.insert(number, what)),
            }
        }
        Ok(seen)
    }

    /// Returns what was said in a thread from `since` on, oldest first.
    ///
    /// One comment that cannot be read makes all of it an error: who asks wants to know whether something
    /// new has come.
    pub async fn thread_tail(
        &self,
        thread: &str,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Message>, ConnectorError> {
        let refused =
            |what: String, hint: &str| ConnectorError::Refused { what, hint: Some(hint.to_owned()) };
        let thread =
            self.known_thread(thread).map_err(|what| refused(what, "see `repositories` of this forge"))?;
        let pages = self.comments_of(&thread, since, now).await?;
        if !pages.whole {
            return Err(refused(format!("{thread} is too long to be read to its end"), "answer there"));
        }
        let read = |value| {
            read::comment(&self.source, &self.settings.login, &thread, "", value).map_err(|unreadable| {
                ConnectorError::Refused {
                    what: format!("`{}` of the thread {}", unreadable.id, unreadable.what),
                    hint: None,
                }
            })
        };
        let mut tail = pages.items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        tail.sort_by_key(taken::when);
        Ok(tail)
    }

    /// Returns what a forge can do: it can be asked, and takes every copy.
    pub fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    /// Looks whether an answer has the form of a comment; makes no call.
    pub fn prepare(&self, outgoing: &Outgoing) -> Result<(), Outcome> {
        wire::comment(&self.settings, outgoing).map(|_| ()).map_err(|reason| Outcome::Failed { reason })
    }

    /// Comments, once; a later attempt is counted from `now`.
    pub async fn send(&self, outgoing: &Outgoing, now: Timestamp) -> Outcome {
        match wire::comment(&self.settings, outgoing) {
            Ok((thread, body)) => self.create_comment(&thread, &body, now).await,
            Err(reason) => Outcome::Failed { reason },
        }
    }

    /// Asks whether the comment of a key is in a thread.
    pub async fn find(&self, key: &Key, thread: &str, now: Timestamp) -> Found {
        match self.known_thread(thread) {
            Ok(thread) => self.find_comment_by_marker(&thread, &wire::marker(key.as_str()), now).await,
            Err(reason) => Found::Unknown { reason },
        }
    }

    /// Makes a comment with this body, once. Its receipt is `owner/name#12#issuecomment-345`.
    pub async fn create_comment(&self, thread: &Thread, body: &str, now: Timestamp) -> Outcome {
        let answer = self.client.call(&ask::create_comment(&self.settings, thread, body)).await;
        answer::outcome(answer, now, |made| answer::comment_made(thread, made))
    }

    /// Looks for a comment of ours in a thread.
    pub async fn find_comment_by_marker(&self, thread: &Thread, marker: &str, now: Timestamp) -> Found {
        match self.comments_of(thread, None, now).await {
            Ok(pages) => answer::found(&pages.items, pages.whole, marker, &self.settings.login, |made| {
                answer::comment_made(thread, made)
            }),
            Err(error) => not_found(error),
        }
    }

    /// Opens an issue with this title and body, once. Its receipt is `owner/name#12`.
    ///
    /// A label that the repository does not have fails on Forgejo before anything is made; GitHub makes it, or
    /// leaves it out, as its rights there are.
    pub async fn create_issue(
        &self,
        repository: &Repository,
        title: &str,
        body: &str,
        labels: &[String],
        now: Timestamp,
    ) -> Outcome {
        let labels = match self.labels(repository, labels, now).await {
            Ok(labels) => labels,
            // Nothing was made yet.
            Err(ConnectorError::Away { what }) => {
                return Outcome::Deferred { until: now + SignedDuration::from_mins(1), reason: what };
            }
            Err(ConnectorError::Refused { what, .. }) => return Outcome::Failed { reason: what },
        };
        let request = ask::create_issue(&self.settings, repository, title, body, labels);
        answer::outcome(self.client.call(&request).await, now, |made| {
            let number = made.get("number").and_then(Value::as_u64)?;
            Some(Thread { repository: repository.clone(), number }.to_string())
        })
    }

    /// Looks for an issue that we opened in a repository since then, or ever.
    pub async fn find_issue_by_marker(
        &self,
        repository: &Repository,
        marker: &str,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Found {
        let since = since.map(|since| since - CLOCKS_DIFFER);
        let issues = |page| ask::newest_issues(&self.settings, repository, since, page);
        match self.pages(issues, &format!("the issues of {repository}"), now).await {
            Ok(pages) => answer::found(&pages.items, pages.whole, marker, &self.settings.login, |made| {
                let number = made.get("number").and_then(Value::as_u64)?;
                Some(Thread { repository: repository.clone(), number }.to_string())
            }),
            Err(error) => not_found(error),
        }
    }

    /// Returns labels as the forge wants them.
    async fn labels(
        &self,
        repository: &Repository,
        names: &[String],
        now: Timestamp,
    ) -> Result<Vec<Value>, ConnectorError> {
        if names.is_empty() || self.settings.kind == Kind::GitHub {
            return Ok(names.iter().map(|name| Value::from(name.as_str())).collect());
        }
        let labels = |page| ask::labels(&self.settings, repository, page);
        let known = self.pages(labels, &format!("the labels of {repository}"), now).await?;
        let id_of = |name: &String| {
            let is_it = |label: &&Value| label.get("name").and_then(Value::as_str) == Some(name);
            let id =
                known.items.iter().find(is_it).and_then(|label| label.get("id").filter(|id| id.is_u64()));
            id.cloned().ok_or_else(|| ConnectorError::Refused {
                what: format!("{repository} has no label `{}`", text::one_line(name, 60)),
                hint: None,
            })
        };
        names.iter().map(id_of).collect()
    }

    async fn comments_of(
        &self,
        thread: &Thread,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Pages, ConnectorError> {
        let comments = |page| ask::thread(&self.settings, thread, since, page);
        self.pages(comments, &format!("the comments of {thread}"), now).await
    }

    /// Returns a thread of a repository of the wiring, or says why it is none.
    fn known_thread(&self, thread: &str) -> Result<Thread, String> {
        let known = |thread: &Thread| {
            self.settings.repositories.iter().any(|repository| repository.is(&thread.repository))
        };
        Thread::parse(thread).filter(known).ok_or_else(|| {
            format!("`{}` is no issue of this forge's repositories", text::one_line(thread, 100))
        })
    }

    async fn list(
        &mut self,
        request: &impl Fn(usize) -> Request,
        asked: &str,
        conditional: bool,
        now: Timestamp,
    ) -> Result<Listing, ConnectorError> {
        let mut pages = Pages::default();
        let first = if conditional { self.known.conditional(request(1)) } else { request(1) };
        let answer = self.client.call(&first).await;
        if matches!(&answer, Ok(answer) if answer.status == 304) {
            return Ok(Listing::Unchanged);
        }
        let mut answer = self.accept(answer, asked, now)?;
        while pages.add(&answer, ask::page_size(self.settings.kind), asked)? {
            answer = self.ask(&request(pages.pages + 1), asked, now).await?;
        }
        Ok(Listing::Read(pages))
    }

    /// Reads all pages within our bounds.
    async fn pages(
        &self,
        request: impl Fn(usize) -> Request,
        asked: &str,
        now: Timestamp,
    ) -> Result<Pages, ConnectorError> {
        let mut pages = Pages::default();
        loop {
            let answer = self.client.call(&request(pages.pages + 1)).await;
            let answer = answer::accept(answer, asked, now)?;
            if !pages.add(&answer, ask::page_size(self.settings.kind), asked)? {
                return Ok(pages);
            }
        }
    }

    async fn ask(
        &mut self,
        request: &Request,
        asked: &str,
        now: Timestamp,
    ) -> Result<Answer, ConnectorError> {
        let answer = self.client.call(request).await;
        self.accept(answer, asked, now)
    }

    /// Accepts an answer, and remembers when the forge wants to be asked again.
    fn accept(
        &mut self,
        answer: Result<Answer, HttpError>,
        asked: &str,
        now: Timestamp,
    ) -> Result<Answer, ConnectorError> {
        if let Ok(answer) = &answer {
            self.next.later = answer::wait_until(answer, now).or(self.next.later);
        }
        answer::accept(answer, asked, now)
    }
}

/// What every forge can do.
pub const CAPABILITIES: Capabilities = Capabilities { dedupes: false, can_find: true };

fn not_found(error: ConnectorError) -> Found {
    match error {
        ConnectorError::Away { what } => Found::Away { reason: what },
        ConnectorError::Refused { what, .. } => Found::Unknown { reason: what },
    }
}
