//! What a source remembers from one tick to the next: what had not changed, and when to come again.
//!
//! It only spares requests. Whoever loses it reads everything again.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::connector::forge::settings::Settings;
use crate::http::Request;
use crate::message::sha256_hex;

/// The most answers that are remembered.
const VALIDATORS_MAX: usize = 1000;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// Before this the forge wants no request.
    pub later: Option<Timestamp>,
    /// By what the forge can be asked whether an answer has changed, by request.
    validators: BTreeMap<String, String>,
}

impl Bookmark {
    /// Reads what [`Bookmark::write`] wrote for the same settings; anything else is nothing.
    ///
    /// What other settings had taken, and left, says nothing about these.
    pub fn read(text: &str, settings: &Settings) -> Self {
        let mut bookmark = Self::default();
        let mut lines = text.lines();
        if lines.next() != Some(&head(settings)) {
            return bookmark;
        }
        for (name, value) in lines.filter_map(|line| line.split_once(' ')) {
            match name {
                "later" => bookmark.later = value.parse().ok(),
                name => drop(bookmark.validators.insert(name.to_owned(), value.to_owned())),
            }
        }
        bookmark
    }

    /// Writes it as lines of text.
    pub fn write(&self, settings: &Settings) -> String {
        let mut text = format!("{}\n", head(settings));
        if let Some(later) = self.later {
            text.push_str(&format!("later {later}\n"));
        }
        for (name, validator) in self.validators.iter().take(VALIDATORS_MAX) {
            text.push_str(&format!("{name} {validator}\n"));
        }
        text
    }

    /// Remembers the answer to a request.
    pub fn note(&mut self, request: &Request, validator: String) {
        self.validators.insert(name(request), validator);
    }

    /// Remembers what an earlier bookmark knows of a request.
    pub fn keep(&mut self, earlier: &Bookmark, request: &Request) {
        if let Some(validator) = earlier.validators.get(&name(request)) {
            self.note(request, validator.clone());
        }
    }

    /// Returns the request as one that is answered with 304 where nothing has changed since.
    pub fn conditional(&self, request: Request) -> Request {
        match self.validators.get(&name(&request)) {
            Some(etag) if etag.starts_with(['"', 'W']) => request.header("if-none-match", etag),
            Some(time) => request.header("if-modified-since", time),
            None => request,
        }
    }
}

fn name(request: &Request) -> String {
    sha256_hex(format!("{:?} {:?}", request.path, request.query).as_bytes())[..16].to_owned()
}

fn head(settings: &Settings) -> String {
    let Settings { kind, url, login, repositories, take, to, token: _, timeout: _ } = settings;
    let all = format!("{kind:?} {url:?} {login:?} {repositories:?} {take:?} {to:?}");
    format!("git-drafts-forge 1 {}", &sha256_hex(all.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::forge::settings::{Kind, Repository, TIMEOUT, Take};
    use crate::http::Method;

    fn settings(login: &str) -> Settings {
        Settings {
            kind: Kind::GitHub,
            url: "http://127.0.0.1:1".to_owned(),
            login: login.to_owned(),
            token: None,
            repositories: vec![Repository::parse("acme/app").unwrap()],
            take: vec![Take::Mentions],
            to: None,
            timeout: TIMEOUT,
        }
    }

    #[test]
    fn a_bookmark_is_for_the_settings_that_it_was_made_with() {
        let request = |page: &str| Request::new(Method::Get, vec!["issues".to_owned()]).query("page", page);
        let mut bookmark =
            Bookmark { later: Some("2026-11-20T12:00:00Z".parse().unwrap()), ..Bookmark::default() };
        bookmark.note(&request("1"), "W/\"a b\"".to_owned());
        bookmark.note(&request("2"), "Fri, 20 Nov 2026 12:05:00 GMT".to_owned());
        let text = bookmark.write(&settings("sam"));
        let read = Bookmark::read(&text, &settings("sam"));
        assert_eq!(read, bookmark);
        for (page, header) in [
            ("1", Some(("if-none-match", "W/\"a b\""))),
            ("2", Some(("if-modified-since", "Fri, 20 Nov 2026 12:05:00 GMT"))),
            ("3", None),
        ] {
            let headers = read.conditional(request(page)).headers;
            assert_eq!(
                headers,
                header.map(|(name, value)| (name, value.to_owned())).into_iter().collect::<Vec<_>>()
            );
        }
        for text in [&text.replace("forge 1", "forge 2"), "", "x", "\u{0}\n\n later"] {
            assert_eq!(Bookmark::read(text, &settings("sam")), Bookmark::default());
        }
        assert_eq!(Bookmark::read(&text, &settings("kim")), Bookmark::default());
    }
}
