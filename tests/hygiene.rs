//! Reads real and hostile texts as messages and as answers, counts what came of them, and prints it:
//!
//!     GIT_DRAFTS_CORPUS=/path/of/the/sets cargo test --release --test hygiene -- --nocapture
//!
//! Nothing of the sets is shown. Without the variable it says that it skips.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git_drafts::connector::mail::read;
use git_drafts::content::links::{self, Known};
use git_drafts::content::{self};
use git_drafts::draft;
use git_drafts::render::markdown_to_html;
use git_drafts::text;
use serde_json::Value;

/// How long one message or answer may take, in a build for tests.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Count {
    items: usize,
    unreadable: usize,
    broke: usize,
    marked: usize,
    html_hides: usize,
    disguised: usize,
    differs: usize,
    tangled: usize,
    changed: usize,
    slowest_read: Duration,
    slowest_cleaned: Duration,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} items: {} unreadable, {} broke the parser; {} with hidden characters, {} with text that HTML hides, \
             {} with a disguised link, {} whose HTML says something else; slowest read {:?}. As answers: {} had \
             something made text, {} too tangled; slowest {:?}",
            self.items,
            self.unreadable,
            self.broke,
            self.marked,
            self.html_hides,
            self.disguised,
            self.differs,
            self.slowest_read,
            self.changed,
            self.tangled,
            self.slowest_cleaned,
        )
    }
}

impl Count {
    /// Reads bytes as a mail, and its text as an answer.
    fn mail(&mut self, bytes: &[u8]) {
        self.items += 1;
        let began = Instant::now();
        let fetched = read::read("mail", bytes);
        self.slowest_read = self.slowest_read.max(began.elapsed());
        let message = match fetched {
            Ok(message) => message,
            Err(unreadable) => {
                self.unreadable += 1;
                self.broke += usize::from(unreadable.what.contains("breaks"));
                return;
            }
        };
        let has = |words: &str| usize::from(message.findings.iter().any(|finding| finding.contains(words)));
        self.marked += has("hidden characters");
        self.html_hides += has("HTML hides");
        self.disguised += has("another place than it leads to");
        self.differs += has("something else");
        for text in [&message.body, &message.subject, &message.from.name, &message.from.email] {
            assert_visible(text);
        }
        // What stands in the draft is what a brain reads.
        let context = draft::context(&[&message], false, usize::MAX);
        for line in message.body.trim_end().lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            assert!(context.contains(&format!("> {line}")));
        }
        let mut known = Known::default();
        known.learn(&message.body);
        assert!(links::unknown(&message.body, &[&known]).is_empty(), "a link of the thread is known");
        self.answer(&message.body);
    }

    /// Takes a text as what a brain wants to say.
    fn answer(&mut self, text: &str) {
        let body = draft::canonical_body(text);
        assert_visible(&body);
        let began = Instant::now();
        let cleaned = content::cleaned(&body, &Known::default(), true);
        self.slowest_cleaned = self.slowest_cleaned.max(began.elapsed());
        let Some(cleaned) = cleaned else {
            self.tangled += 1;
            return;
        };
        self.changed += usize::from(cleaned.body != body);
        assert!(links::unknown(&cleaned.body, &[]).is_empty());
        let html = markdown_to_html(&cleaned.body).to_lowercase();
        for sign in ["<a ", "<img", "<script", "http://", "https://"] {
            assert!(!html.contains(sign), "{sign} is left in an answer");
        }
        let twice = content::cleaned(&cleaned.body, &Known::default(), true);
        assert_eq!(twice.map(|twice| twice.body).as_deref(), Some(cleaned.body.as_str()));
    }
}

fn assert_visible(text: &str) {
    assert!(text::is_visible(text), "a hidden character is left");
    assert_eq!(text::visible(text), text);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn real_and_hostile_texts_are_read_marked_and_made_harmless() {
    let Some(corpus) = std::env::var_os("GIT_DRAFTS_CORPUS") else {
        println!("skipped: GIT_DRAFTS_CORPUS names no folder of sets");
        return;
    };
    let mut all = 0;
    let (mut mails, mut texts) = (Count::default(), Count::default());
    for folder in fs::read_dir(corpus).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("mail-") && !name.starts_with("text-") {
            continue;
        }
        let own = ["README.md", "LICENSE.source"];
        for file in files(&folder).iter().filter(|file| !own.iter().any(|own| file.ends_with(own))) {
            let bytes = fs::read(file).unwrap();
            all += 1;
            if name.starts_with("mail-") {
                mails.mail(&bytes);
                continue;
            }
            let text = String::from_utf8_lossy(&bytes);
            let items: Vec<String> = match file.extension().is_some_and(|kind| kind == "jsonl") {
                true => text
                    .lines()
                    .filter_map(|line| serde_json::from_str(line).ok())
                    .flat_map(strings)
                    .collect(),
                false => vec![text.into_owned()],
            };
            for item in items {
                // As a mail's text, as its HTML, and as an answer.
                for kind in ["plain", "html"] {
                    let head =
                        format!("From: ada@example.org\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n");
                    texts.mail(&[head.as_bytes(), item.as_bytes()].concat());
                }
                texts.answer(&item);
            }
        }
    }
    println!("{all} files\nmail: {mails}\ntext: {texts}");
    assert!(all > 0, "the folder has no sets");
    assert_eq!(mails.broke + texts.broke, 0);
    for slowest in [mails.slowest_read, mails.slowest_cleaned, texts.slowest_read, texts.slowest_cleaned] {
        assert!(slowest < LONGEST, "{slowest:?}");
    }
}

/// Returns the texts of an item.
fn strings(item: Value) -> Vec<String> {
    let Value::Object(fields) = item else { return Vec::new() };
    fields.into_iter().filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect()
}
