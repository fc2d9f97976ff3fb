//! Puts into plain words what the TOML reader and serde say about a file that a person wrote.
//!
//! No value is repeated but one that should have been a word of a list: a secret may stand anywhere.

use std::ops::Range;

use super::nearest;

/// The most keys that a hint lists.
const LISTED_MAX: usize = 14;

/// What our own types say `unknown … ` of, and the words that they know.
const KINDS: [(&str, &[&str]); 3] = [
    ("tier", &["low", "medium", "high"]),
    ("gate", &["approve", "approve_signed"]),
    (
        "action",
        &["route_answer", "reply", "note", "mark_read", "escalate", "ignore", "issue", "patch", "run"],
    ),
];

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Without a full stop.
    pub what: String,
    /// One imperative line.
    pub hint: Option<String>,
}

/// Translates `message`, which is about the bytes `span` of `text`.
pub fn words(message: &str, text: &str, span: &Range<usize>) -> Words {
    let place = Place::of(text, span);
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown_key(rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        return unknown_word(rest, &place);
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        let key = rest.trim_end_matches('`');
        let what = format!("the key `{key}` is missing");
        return match key {
            "version" if span.start == 0 => hinted(what, "write `version = 1` at the top"),
            _ => said(what),
        };
    }
    for (kind, known) in KINDS {
        if let Some(rest) = message.strip_prefix("unknown ").and_then(|rest| rest.strip_prefix(kind))
            && let Some(wrong) = rest.strip_prefix(" `").and_then(|rest| rest.strip_suffix('`'))
        {
            let hint = match nearest(wrong, known) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("it can be {}", list(known)),
            };
            return hinted(message, hint);
        }
    }
    let wrong = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((_, expected)) = wrong.and_then(|rest| rest.rsplit_once(", expected ")) {
        return wrong_type(expected, &place);
    }
    syntax(message, &place)
}

/// What stands around a mistake.
struct Place<'a> {
    /// The key whose value it is, or is part of.
    key: Option<&'a str>,
    /// Whether it is an item of that key's list.
    is_item: bool,
    /// The name of the section, without its brackets.
    section: Option<&'a str>,
    /// Its line, without blanks around it.
    line: &'a str,
    /// The mistake itself.
    itself: &'a str,
}

impl<'a> Place<'a> {
    fn of(text: &'a str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[begin..].lines().next().unwrap_or_default().trim();
        let (key, is_item) = match before.rfind('=') {
            Some(equals) => {
                let between = &before[equals + 1..];
                let is_its_value = !between.contains('\n') || between.contains('[');
                let key = before[..equals].trim_end().rsplit(['\n', ' ', '\t', '{', ',']).next();
                let key = key.filter(|key| is_its_value && !key.is_empty());
                (key, key.is_some() && between.contains('['))
            }
            None => (None, false),
        };
        let section = before[..begin].lines().rev().find_map(header);
        let itself = text.get(span.clone()).unwrap_or_default().trim();
        Self { key, is_item, section, line, itself }
    }

    /// Names the value.
    fn named(&self) -> String {
        match self.key {
            Some(key) if self.is_item => format!("an item of `{key}`"),
            Some(key) => format!("`{key}`"),
            None => "a value".to_owned(),
        }
    }

    /// Writes how the key stands with another value.
    fn written(&self, value: &str) -> String {
        let value = if self.is_item { format!("[{value}]") } else { value.to_owned() };
        match self.key {
            Some(key) => format!("write it as `{key} = {value}`"),
            None => format!("write it as `{value}`"),
        }
    }
}

/// Reads the name of a section: `[source.mail]`, `[[rules]]`.
fn header(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.split(']').next()?;
    Some(name.trim_start_matches('['))
}

fn said(what: impl Into<String>) -> Words {
    Words { what: what.into(), hint: None }
}

fn hinted(what: impl Into<String>, hint: impl Into<String>) -> Words {
    Words { what: what.into(), hint: Some(hint.into()) }
}

/// Splits "sujbect`, expected one of `subject`, `to`" into the wrong word and the known ones.
fn wrong_and_known(rest: &str) -> (&str, Vec<&str>) {
    let (wrong, rest) = rest.split_once('`').unwrap_or((rest, ""));
    (wrong, rest.split('`').skip(1).step_by(2).collect())
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn unknown_key(rest: &str) -> Words {
    let (wrong, known) = wrong_and_known(rest);
    let what = format!("unknown key `{wrong}`");
    match nearest(wrong, &known) {
        Some(nearest) => hinted(what, format!("did you mean `{nearest}`?")),
        None if known.len() == 1 => hinted(what, format!("the only key here is `{}`", known[0])),
        None if (2..=LISTED_MAX).contains(&known.len()) => {
            hinted(what, format!("the keys here are {}", list(&known)))
        }
        None => said(what),
    }
}

fn unknown_word(rest: &str, place: &Place<'_>) -> Words {
    let (wrong, known) = wrong_and_known(rest);
    let what = format!("{} cannot be `{wrong}`", place.named());
    match nearest(wrong, &known) {
        Some(nearest) => hinted(what, format!("did you mean `{nearest}`?")),
        None if known.is_empty() => said(what),
        None => hinted(what, format!("it can be {}", list(&known))),
    }
}

fn wrong_type(expected: &str, place: &Place<'_>) -> Words {
    let named = place.named();
    let is_whole = |word: &str| {
        word.strip_prefix(['i', 'u']).is_some_and(|bits| bits == "size" || bits.parse::<u8>().is_ok())
    };
    match expected {
        "a string" | "string" => hinted(format!("{named} is not text in quotes"), place.written("\"...\"")),
        "a sequence" if place.key.is_none() && header(place.line).is_some() => {
            let name = header(place.line).unwrap_or_default();
            hinted(format!("`{name}` is a list of sections"), format!("write each as [[{name}]]"))
        }
        "a sequence" => hinted(format!("{named} is not a list"), place.written("[\"...\"]")),
        "a boolean" => {
            hinted(format!("{named} is neither true nor false"), "write `true` or `false`, without quotes")
        }
        word if is_whole(word) => hinted(
            format!("{named} is not a whole number{}", if word.starts_with('u') { " from 0 on" } else { "" }),
            "write it in digits, without quotes and without a point",
        ),
        "f64" | "f32" => hinted(format!("{named} is not a number"), "write it in digits, without quotes"),
        word if word == "a map" || word.starts_with("struct ") => wrong_section(place),
        other => said(format!("{named} is not {other}")),
    }
}

/// Something else stands where a section is expected.
fn wrong_section(place: &Place<'_>) -> Words {
    if let (true, Some(name)) = (place.line.starts_with("[["), header(place.line)) {
        return hinted(
            format!("`{name}` is no list of sections"),
            format!("write [{name}], or [{name}.NAME] where it has names"),
        );
    }
    match (place.key, place.section) {
        (Some(key), Some(section)) => hinted(
            format!("`{key}` is not a section of [{section}]"),
            format!("write [{section}.{key}], and what belongs to it on the lines below"),
        ),
        (Some(key), None) => hinted(
            format!("`{key}` is not a section"),
            format!("write [{key}], and what belongs to it on the lines below"),
        ),
        (None, _) => said("a section is expected here"),
    }
}

fn syntax(message: &str, place: &Place<'_>) -> Words {
    let value = place.line.split_once('=').map_or("", |(_, value)| value.trim());
    let before_equals = place.line.split(['=', ' ', '\t']).next().unwrap_or_default();
    match message {
        "duplicate key" if place.itself.is_empty() => hinted("a key is there twice", "keep one of the two"),
        "duplicate key" => hinted(format!("`{}` is there twice", place.itself), "keep one of the two"),
        "wanted string or table" => {
            hinted(format!("{} is not text in quotes", place.named()), place.written("\"...\""))
        }
        "string values must be quoted, expected literal string"
            if value.is_empty() || value.starts_with('#') =>
        {
            hinted(format!("{} has no value", place.named()), place.written("\"...\""))
        }
        "string values must be quoted, expected literal string" => {
            let hint = match value.to_lowercase().as_str() {
                "yes" | "on" | "true" => place.written("true"),
                "no" | "off" | "false" => place.written("false"),
                _ => place.written("\"...\""),
            };
            hinted(format!("{} is not in quotes", place.named()), hint)
        }
        "key with no value, expected `=`" => hinted(
            format!("no `=` after `{before_equals}`"),
            format!("write it as `{before_equals} = \"...\"`, or a comment as `# ...`"),
        ),
        "unclosed table, expected `]`" => hinted("the name of a section does not end", "end it with `]`"),
        "unclosed array, expected `]`" => hinted("a list does not end", "end it with `]`"),
        "unclosed inline table, expected `}`" => {
            hinted("a table does not end on its line", "end it with `}`")
        }
        "invalid basic string, expected `\"`" => hinted(
            "text in quotes does not end on its line",
            "end it with `\"`; longer text stands between `\"\"\"` and `\"\"\"`",
        ),
        "invalid literal string, expected `'`" => {
            hinted("text in quotes does not end on its line", "end it with `'`")
        }
        "unquoted keys cannot be empty, expected letters, numbers, `-`, `_`" => {
            hinted("no key before `=`", "write it as `key = \"...\"`")
        }
        "unexpected leading zero, expected nothing" => said("a number cannot begin with 0"),
        other if other.starts_with("missing escaped value") => hinted(
            "no letter may stand after this `\\`",
            "write `\\\\` for a backslash, or use `'` for the quotes",
        ),
        other => said(other),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn the_words_that_are_known_are_those_of_plans() {
        use crate::plan::{Action, Gate, Tier};

        let tiers = Tier::ALL.map(Tier::as_str).to_vec();
        // Nobody is told of a gate that is refused.
        let gates = Gate::ALL.into_iter().filter(|gate| *gate != Gate::Auto).map(Gate::as_str).collect();
        let actions = Action::ALL.map(Action::as_str).to_vec();
        for ((kind, known), words) in KINDS.into_iter().zip([tiers, gates, actions]) {
            assert_eq!(BTreeSet::from_iter(known.iter().copied()), BTreeSet::from_iter(words), "{kind}");
        }
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct File {
        version: Option<i64>,
        path: Option<String>,
        address: Option<Vec<String>>,
        enabled: Option<bool>,
        ratio: Option<f64>,
        count: Option<u32>,
        word: Option<Word>,
        desk: Option<Desk>,
        source: Option<BTreeMap<String, Desk>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Desk {
        path: String,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Commit,
        Merge,
    }

    fn check(text: &str, what: &str, hint: &str) {
        let error = toml::from_str::<File>(text).unwrap_err();
        let words = words(error.message(), text, &error.span().unwrap_or(0..0));
        assert_eq!(
            (words.what.as_str(), words.hint.as_deref().unwrap_or_default()),
            (what, hint),
            "{text}\n{error}"
        );
    }

    #[test]
    fn a_value_of_another_type_is_told_by_its_key() {
        check("path = 5", "`path` is not text in quotes", "write it as `path = \"...\"`");
        check("address = \"a\"", "`address` is not a list", "write it as `address = [\"...\"]`");
        check(
            "address = [\n  \"a\",\n  5,\n]",
            "an item of `address` is not text in quotes",
            "write it as `address = [\"...\"]`",
        );
        check("desk = { path = 5 }", "`path` is not text in quotes", "write it as `path = \"...\"`");
        check(
            "enabled = \"yes\"",
            "`enabled` is neither true nor false",
            "write `true` or `false`, without quotes",
        );
        let digits = "write it in digits, without quotes and without a point";
        check("version = \"1\"", "`version` is not a whole number", digits);
        check("version = 1.5", "`version` is not a whole number", digits);
        check("count = -1", "`count` is not a whole number from 0 on", digits);
        check("ratio = \"0.5\"", "`ratio` is not a number", "write it in digits, without quotes");
        check("word = 5", "`word` is not text in quotes", "write it as `word = \"...\"`");
        check(
            "desk = 5",
            "`desk` is not a section",
            "write [desk], and what belongs to it on the lines below",
        );
        check("[address]\npath = \"x\"", "`address` is a list of sections", "write each as [[address]]");
        check(
            "[source]\npath = \"x\"",
            "`path` is not a section of [source]",
            "write [source.path], and what belongs to it on the lines below",
        );
        check(
            "[[source]]\npath = \"x\"",
            "`source` is no list of sections",
            "write [source], or [source.NAME] where it has names",
        );
    }

    #[test]
    fn a_key_or_a_word_that_is_not_known_leads_to_the_nearest() {
        check("[desk]\npaht = \"x\"", "unknown key `paht`", "did you mean `path`?");
        check("[desk]\nzzz = \"x\"", "unknown key `zzz`", "the only key here is `path`");
        check(
            "zzz = 1",
            "unknown key `zzz`",
            "the keys here are `version`, `path`, `address`, `enabled`, `ratio`, `count`, `word`, `desk`, `source`",
        );
        check("word = \"comit\"", "`word` cannot be `comit`", "did you mean `commit`?");
        check("word = \"zzz\"", "`word` cannot be `zzz`", "it can be `commit`, `merge`");
        check("[desk]\n", "the key `path` is missing", "");
    }

    #[test]
    fn what_is_no_toml_is_told_in_plain_words_and_no_value_with_it() {
        check("= 5", "no key before `=`", "write it as `key = \"...\"`");
        check("count = 08", "a number cannot begin with 0", "");
        check(
            "path = \"a\\qb\"",
            "no letter may stand after this `\\`",
            "write `\\\\` for a backslash, or use `'` for the quotes",
        );
        check("path = s3cr3t", "`path` is not in quotes", "write it as `path = \"...\"`");
        check("path = ", "`path` has no value", "write it as `path = \"...\"`");
        check("enabled = yes", "`enabled` is not in quotes", "write it as `enabled = true`");
        check("path \"x\"", "no `=` after `path`", "write it as `path = \"...\"`, or a comment as `# ...`");
        check(
            "path = \"x\npath = 1",
            "text in quotes does not end on its line",
            "end it with `\"`; longer text stands between `\"\"\"` and `\"\"\"`",
        );
        check("path = 'x\n", "text in quotes does not end on its line", "end it with `'`");
        check("[desk\n", "the name of a section does not end", "end it with `]`");
        check("address = [\"a\"\n", "a list does not end", "end it with `]`");
        check("desk = { path = \"a\"\n", "a table does not end on its line", "end it with `}`");
        check("path = \"a\"\npath = \"b\"", "`path` is there twice", "keep one of the two");
        check("[desk]\npath = \"a\"\n[desk]\npath = \"a\"", "`desk` is there twice", "keep one of the two");
    }
}
