//! Takes the effect from what a forge or a bot would act on: mentions, references, commands.
//!
//! A mention or a reference is put into a code span, where forges leave it alone; what is looked for in
//! the raw text (`[skip ci]`) is written with an entity, which reads the same. Words stay as they are.

use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

use crate::content::links;

/// How often a text is looked at again after something in it was changed.
const ROUNDS_MAX: usize = 8;

/// `@ada`, `org/repo#1`, `#1`, `GH-1`, `!1`, and a web address behind a word that would close it.
static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?:^|[^\p{L}\p{N}_@/])(?P<m>@[\p{L}\p{N}_][\p{L}\p{N}_./-]*)|(?P<r>(?:[\p{L}\p{N}_.-]+/)?[\p{L}\p{N}_.-]*#\d+)|(?i:\b(?P<g>gh-\d+)\b)|(?:^|[^\p{L}\p{N}_])(?P<n>!\d+)",
    )
});

/// A word that closes what the address behind it names.
static CLOSES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)\b(?:close[sd]?|closing|fix(?:e[sd]|ing)?|resolve[sd]?|resolving|implement(?:s|ed|ing)?|reopen(?:s|ed)?)\b:?[ \t]+(?P<u>https?://[^\s`<>]+)",
    )
});

/// A command at the beginning of a line: `/merge`, `bors r+`, `recheck`.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?im)^[ \t]*(?P<c>/[a-z][\w-]*|bors (?:r[+=-]|try|retry|merge|delegate|d[+=]|p=|ping)\S*|recheck|reverify|r\+)(?:$|[\s,.:;=])",
    )
});

/// What programs look for in the raw text, wherever it stands; the space or `_` in it is its weak point.
static TRIGGER: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)\[(?:skip|no)(?P<a> )(?:ci|actions|cd|build|pipeline|deploy)\]|\[(?:ci|actions|cd|build)(?P<b> )skip\]|\*\*\*no(?P<c>_)ci\*\*\*|\bskip-checks:(?P<d> ?)true|\b(?:re)?test(?P<e> )this(?: please)?|\bok(?P<f> )to test\b|\badd(?P<g> )to whitelist\b",
    )
});

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// Makes everything ineffective that a forge would act on, and counts it; none where the text is so
/// tangled that it does not come to rest.
pub fn neutral(text: &str) -> Option<(String, usize)> {
    let mut text = text.to_owned();
    let mut counted = None;
    for _ in 0..ROUNDS_MAX {
        let edits = edits(&text);
        let count = *counted.get_or_insert(edits.len());
        if edits.is_empty() {
            return Some((text, count));
        }
        let mut made = String::with_capacity(text.len() + 4 * edits.len());
        let mut at = 0;
        for (place, with) in edits {
            made.push_str(&text[at..place.start]);
            made.push_str(&with);
            at = place.end;
        }
        made.push_str(&text[at..]);
        text = made;
    }
    None
}

/// Returns what has to be changed, in order, no two at one place.
fn edits(text: &str) -> Vec<(Range<usize>, String)> {
    let code = inert(text);
    let in_code = |at: usize| {
        let before = code.partition_point(|place| place.start <= at);
        code[..before].last().is_some_and(|place| place.contains(&at))
    };
    let urls = links::places(text);
    let in_url = |at: usize| {
        let before = urls.partition_point(|place| place.start <= at);
        urls[..before].iter().rev().take(4).any(|place| place.contains(&at))
    };
    let fence = fence(text);
    let span = |place: Range<usize>| {
        // A backslash before it would take the first backtick, and a backtick beside it would join them.
        let (before, after) = (text[..place.start].trim_end_matches('\\'), &text[place.end..]);
        let word = &text[before.len()..place.end];
        let left = if before.ends_with('`') { " " } else { "" };
        let right = if after.starts_with('`') { " " } else { "" };
        (before.len()..place.end, format!("{left}{fence}{word}{fence}{right}"))
    };
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for hit in MENTION.captures_iter(text) {
        let Some(word) = ["m", "r", "g", "n"].iter().find_map(|name| hit.name(name)) else { continue };
        let end = word.start() + word.as_str().trim_end_matches(['.', '-', '/']).len();
        // The entity of a character looks like a reference.
        let entity = word.as_str().starts_with('#') && text[..word.start()].ends_with('&');
        if !entity && !in_code(word.start()) && !in_url(word.start()) {
            edits.push(span(word.start()..end));
        }
    }
    for hit in CLOSES.captures_iter(text) {
        if let Some(url) = hit.name("u").filter(|url| !in_code(url.start())) {
            edits.push(span(url.range()));
        }
    }
    for hit in COMMAND.captures_iter(text) {
        let (Some(whole), Some(command)) = (hit.get(0), hit.name("c")) else { continue };
        if !in_code(command.start()) {
            edits.push(span(command.range()));
        } else if whole.start() == command.start() {
            // In a block of code a space takes it from the beginning of the line.
            edits.push((command.start()..command.start(), " ".to_owned()));
        }
    }
    for hit in TRIGGER.captures_iter(text) {
        let weak = ["a", "b", "c", "d", "e", "f", "g"].iter().find_map(|name| hit.name(name));
        if let Some(weak) = weak {
            let with = if weak.as_str() == "_" { "&#95;" } else { "&#32;" };
            edits.push((weak.range(), with.to_owned()));
        }
    }
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let mut end = 0;
    edits.retain(|(place, _)| {
        let free = place.start >= end;
        end = if free { place.end } else { end };
        free
    });
    edits
}

/// Returns where a text is code, in order: forges act on nothing there.
fn inert(text: &str) -> Vec<Range<usize>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut places = Vec::new();
    let mut block = None;
    for (event, place) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Code(_) => places.push(place),
            Event::Start(Tag::CodeBlock(_)) => block = Some(place),
            Event::End(TagEnd::CodeBlock) => places.extend(block.take()),
            _ => {}
        }
    }
    places
}

/// Returns backticks that pair with none in the text.
fn fence(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let lengths: std::collections::BTreeSet<usize> = runs.collect();
    // A run of one pairs with another of one, so it is used only where all of them are in pairs.
    let paired = lengths.iter().all(|&length| length <= 1)
        && text.matches('`').count().is_multiple_of(2)
        && !text.contains("\\`");
    let length = if paired { 1 } else { (1..).find(|length| !lengths.contains(length)).unwrap_or(1) };
    "`".repeat(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let (made, _) = neutral(text).unwrap();
        assert_eq!(made, expected);
        assert_eq!(neutral(&made).unwrap(), (made, 0));
    }

    #[test]
    fn mentions_and_references_are_put_into_code() {
        check("Thanks @ada, see #12.", "Thanks `@ada`, see `#12`.");
        check("(@org/team) and @ada-b.", "(`@org/team`) and `@ada-b`.");
        check("Fixes #1, closes org/repo#2, GH-3, !4", "Fixes `#1`, closes `org/repo#2`, `GH-3`, `!4`");
        check(
            "fixes https://forge.example/o/r/issues/1 now",
            "fixes `https://forge.example/o/r/issues/1` now",
        );
        check("**@ada** > @bob\n> @kim", "**`@ada`** > `@bob`\n> `@kim`");
        check("@admin 你好@ada", "`@admin` 你好@ada");
    }

    #[test]
    fn commands_do_not_begin_a_line() {
        check("/merge\nor\n  /close now", "`/merge`\nor\n  `/close` now");
        check("bors r+\nrecheck", "`bors r+`\n`recheck`");
        check("```\n/lgtm\n```", "```\n /lgtm\n```");
    }

    #[test]
    fn triggers_of_bots_are_not_in_the_raw_text() {
        check("do not [skip ci] or [CI Skip]", "do not [skip&#32;ci] or [CI&#32;Skip]");
        check("***NO_CI***", "***NO&#95;CI***");
        check("`[skip ci]` retest this please", "`[skip&#32;ci]` retest&#32;this please");
        check("skip-checks: true", "skip-checks:&#32;true");
    }

    #[test]
    fn what_nobody_acts_on_stays() {
        for text in [
            "ada@example.org, https://medium.example/@ada/x#12, C# and F#",
            "`@ada #1` and\n\n    @ada\n\nor 50% / 3, either/or, & and !important",
            "/usr/bin is a path; &#64; too",
            "# Heading\n\n1. one",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn stray_backticks_do_not_open_what_was_closed() {
        for text in ["` @ada", "`` @ada ` #1", "@ada` `@bob", "\\`@ada`", "``` @ada", "@a `` @b ` @c"] {
            let (made, _) = neutral(text).unwrap();
            assert!(edits(&made).is_empty(), "{made}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_to_rest_or_is_given_up(text in "[`@#a1 /\\\\\n!\\[\\]-]{0,40}") {
            if let Some((made, _)) = neutral(&text) {
                prop_assert_eq!(neutral(&made), Some((made, 0)));
            }
        }
    }
}
