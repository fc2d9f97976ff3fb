//! The operator's own rules, in the format of gitleaks.
//!
//! Such a file says what else is a secret; it cannot take anything away from our own shapes. A rule
//! whose keywords are all general words (`key`, `token`, …) guesses, and is soft; any other is hard.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::Hit;
use crate::error::FileError;

/// Rules that a file may have.
const RULES_MAX: usize = 2000;

/// Bytes that one compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Words that any assignment may have: by them alone nothing is known for sure.
const GENERAL: [&str; 16] = [
    "access",
    "api",
    "apikey",
    "api_key",
    "auth",
    "credential",
    "creds",
    "key",
    "passw",
    "passwd",
    "password",
    "pass",
    "pwd",
    "secret",
    "token",
    "user",
];

/// The rules of a file.
#[derive(Clone, Debug, Default)]
pub struct Rules(Option<Arc<Compiled>>);

#[derive(Debug)]
struct Compiled {
    rules: Vec<Rule>,
    /// The keywords of all rules, in lower case.
    keywords: AhoCorasick,
    /// For each keyword, the rule that it belongs to.
    owners: Vec<usize>,
    /// The rules without keywords, which are always tried.
    always: Vec<usize>,
    allowed: Vec<Allowed>,
}

#[derive(Debug)]
struct Rule {
    kind: &'static str,
    regex: Regex,
    group: usize,
    bits_min: f64,
    hard: bool,
    allowed: Vec<Allowed>,
}

/// What a rule leaves alone.
#[derive(Debug)]
struct Allowed {
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<String>,
    /// Whether regexes and stop words must both say so.
    all: bool,
}

/// What the regexes of an allow list look at.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Target {
    #[default]
    Secret,
    Match,
    Line,
}

impl Rules {
    /// Reads a file of rules, and returns notes on what in it has no meaning here.
    ///
    /// # Errors
    ///
    /// Says with its line what is no rule: broken TOML, a rule without id or regex, a pattern that
    /// does not compile, a group that the pattern does not have.
    pub fn parse(path: &str, text: &str) -> Result<(Self, Vec<FileError>), FileError> {
        let file = File { path, text };
        let stored: StoredFile =
            toml::from_str(text).map_err(|error| FileError::from_toml(path, text, 1, &error))?;
        if stored.rules.len() > RULES_MAX {
            return Err(FileError::new(path, format!("more than {RULES_MAX} rules")));
        }
        let mut notes = Vec::new();
        if let Some(extend) = &stored.extend {
            notes.push(file.note(&extend.span(), "`[extend]` is not followed: name the whole file"));
        }
        let mut global = Vec::new();
        for list in stored.allowlist.iter().chain(&stored.allowlists) {
            global.extend(file.allowed(list, &mut notes)?);
        }
        let mut rules = Vec::new();
        let mut keywords = Vec::new();
        let mut owners = Vec::new();
        let mut always = Vec::new();
        let mut ids = BTreeSet::new();
        for stored in &stored.rules {
            let Some(rule) = file.rule(stored, &mut ids, &mut notes)? else { continue };
            let index = rules.len();
            let words = &stored.get_ref().keywords;
            if words.is_empty() {
                always.push(index);
            }
            keywords.extend(words.iter().map(|word| word.to_lowercase()));
            owners.resize(keywords.len(), index);
            rules.push(rule);
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&keywords)
            .map_err(|error| FileError::new(path, format!("the keywords are too many: {error}")))?;
        Ok((Self(Some(Arc::new(Compiled { rules, keywords, owners, always, allowed: global }))), notes))
    }

    /// Returns how many rules there are.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |compiled| compiled.rules.len())
    }

    /// Returns what the rules find in `text`.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        let Some(compiled) = &self.0 else { return Vec::new() };
        let mut wanted: BTreeSet<usize> = compiled.always.iter().copied().collect();
        for found in compiled.keywords.find_overlapping_iter(text) {
            wanted.insert(compiled.owners[found.pattern().as_usize()]);
        }
        let rules = wanted.into_iter().map(|index| &compiled.rules[index]);
        rules.flat_map(|rule| rule.hits(text, &compiled.allowed)).collect()
    }
}

impl Rule {
    fn hits(&self, text: &str, global: &[Allowed]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for captures in self.regex.captures_iter(text.as_bytes()) {
            let Some(whole) = captures.get(0) else { continue };
            // Without a group named, the first that took part is the secret.
            let group = if self.group > 0 {
                captures.get(self.group)
            } else {
                captures.iter().skip(1).flatten().next()
            };
            let secret = group.unwrap_or(whole);
            let found = Found { text, whole: whole.range(), secret: secret.range() };
            let is_allowed = self.allowed.iter().chain(global).any(|allowed| allowed.covers(&found));
            if !is_allowed && bits(secret.as_bytes()) >= self.bits_min {
                let start = text.floor_char_boundary(secret.start());
                let end = text.ceil_char_boundary(secret.end());
                hits.push(Hit { kind: self.kind, start, end, hard: self.hard });
            }
        }
        hits
    }
}

/// What a rule found, for its allow lists.
struct Found<'a> {
    text: &'a str,
    whole: Range<usize>,
    secret: Range<usize>,
}

impl Allowed {
    fn covers(&self, found: &Found<'_>) -> bool {
        let bytes = found.text.as_bytes();
        let target = match self.target {
            Target::Secret => &bytes[found.secret.clone()],
            Target::Match => &bytes[found.whole.clone()],
            Target::Line => {
                let start =
                    bytes[..found.whole.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let after = bytes[found.whole.end..].iter().position(|byte| *byte == b'\n');
                &bytes[start..after.map_or(bytes.len(), |at| found.whole.end + at)]
            }
        };
        let secret = String::from_utf8_lossy(&bytes[found.secret.clone()]).to_lowercase();
        let by_regex = self.regexes.iter().any(|regex| regex.is_match(target));
        let by_word = self.stopwords.iter().any(|word| secret.contains(word.as_str()));
        if self.all {
            (self.regexes.is_empty() || by_regex) && (self.stopwords.is_empty() || by_word)
        } else {
            by_regex || by_word
        }
    }
}

/// Shannon's entropy, in bits a byte.
fn bits(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let length = bytes.len().max(1) as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

// The format

/// A file of rules as it is written. Keys without a meaning here are left alone: others' tools use them.
#[derive(Deserialize)]
struct StoredFile {
    #[serde(default)]
    rules: Vec<Spanned<StoredRule>>,
    allowlist: Option<Spanned<StoredAllowed>>,
    #[serde(default)]
    allowlists: Vec<Spanned<StoredAllowed>>,
    extend: Option<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredRule {
    id: Option<Spanned<String>>,
    regex: Option<Spanned<String>>,
    secret_group: Option<Spanned<usize>>,
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    path: Option<Spanned<String>>,
    allowlist: Option<Spanned<StoredAllowed>>,
    #[serde(default)]
    allowlists: Vec<Spanned<StoredAllowed>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredAllowed {
    #[serde(default)]
    regexes: Vec<Spanned<String>>,
    regex_target: Option<Target>,
    #[serde(default)]
    stopwords: Vec<String>,
    condition: Option<String>,
    paths: Option<Spanned<Vec<String>>>,
    commits: Option<Spanned<Vec<String>>>,
}

struct File<'a> {
    path: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn note(&self, span: &Range<usize>, what: impl Into<String>) -> FileError {
        let before = self.text.get(..span.start).unwrap_or_default();
        FileError::new(self.path, what).at(1 + before.matches('\n').count())
    }

    /// Reads one rule; none where it is about the paths of files alone.
    fn rule(
        &self,
        stored: &Spanned<StoredRule>,
        ids: &mut BTreeSet<String>,
        notes: &mut Vec<FileError>,
    ) -> Result<Option<Rule>, FileError> {
        let span = stored.span();
        let rule = stored.get_ref();
        let Some(id) = &rule.id else {
            return Err(self
                .note(&span, "the rule has no `id`")
                .with_hint("write `id = \"…\"`, its name in findings"));
        };
        let kind = kind(id.get_ref());
        if kind.is_empty() {
            return Err(self.note(&id.span(), "the `id` has no letter or digit"));
        }
        if !ids.insert(kind.clone()) {
            return Err(self.note(&id.span(), format!("a rule `{kind}` is there already")));
        }
        if let Some(path) = &rule.path {
            let what = format!("rule `{kind}` looks at paths of files, which a message has not");
            notes.push(self.note(&path.span(), format!("{what}: left out")));
            return Ok(None);
        }
        let Some(pattern) = &rule.regex else {
            return Err(self.note(&span, format!("rule `{kind}` has no `regex`")));
        };
        let regex = self.regex(pattern)?;
        let group = rule.secret_group.as_ref().map_or(0, |group| *group.get_ref());
        if group >= regex.captures_len() {
            let span = rule.secret_group.as_ref().map_or(span, Spanned::span);
            return Err(self
                .note(&span, format!("rule `{kind}` has no group {group}"))
                .with_hint(format!("its regex has {} of them", regex.captures_len() - 1)));
        }
        let mut allowed = Vec::new();
        for list in rule.allowlist.iter().chain(&rule.allowlists) {
            allowed.extend(self.allowed(list, notes)?);
        }
        let is_general = |word: &String| GENERAL.contains(&word.to_lowercase().as_str());
        Ok(Some(Rule {
            // The words live as long as the program, as the rules do: a file is read once.
            kind: String::leak(kind),
            regex,
            group,
            bits_min: rule.entropy.unwrap_or(0.0),
            hard: !rule.keywords.iter().all(is_general),
            allowed,
        }))
    }

    fn allowed(
        &self,
        stored: &Spanned<StoredAllowed>,
        notes: &mut Vec<FileError>,
    ) -> Result<Option<Allowed>, FileError> {
        let list = stored.get_ref();
        for (name, span) in [
            ("paths", list.paths.as_ref().map(Spanned::span)),
            ("commits", list.commits.as_ref().map(Spanned::span)),
        ] {
            if let Some(span) = span {
                notes.push(self.note(&span, format!("`{name}` of an allow list mean nothing for a message")));
            }
        }
        let all = match list.condition.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("OR" | "||") => false,
            Some("AND" | "&&") => true,
            Some(other) => {
                return Err(self
                    .note(&stored.span(), format!("unknown condition `{other}`"))
                    .with_hint("it is \"OR\" or \"AND\""));
            }
        };
        // One that asks for a path as well never holds for a message.
        let never = all && (list.paths.is_some() || list.commits.is_some());
        if never || list.regexes.is_empty() && list.stopwords.is_empty() {
            return Ok(None);
        }
        let regexes: Result<Vec<Regex>, FileError> =
            list.regexes.iter().map(|regex| self.regex(regex)).collect();
        Ok(Some(Allowed {
            regexes: regexes?,
            target: list.regex_target.unwrap_or_default(),
            stopwords: list.stopwords.iter().map(|word| word.to_lowercase()).collect(),
            all,
        }))
    }

    fn regex(&self, pattern: &Spanned<String>) -> Result<Regex, FileError> {
        let compiled = compiled(pattern.get_ref()).or_else(|error| {
            // Go takes a brace for itself where it counts nothing.
            compiled(&with_braces_escaped(pattern.get_ref())).map_err(|_| error)
        });
        compiled.map_err(|error| {
            let text = error.to_string();
            let last =
                text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            self.note(&pattern.span(), format!("the pattern does not compile: {last}"))
                .with_hint("patterns are those of Rust's regex: no look-around, no back-references")
        })
    }
}

fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_BYTES_MAX).build()
}

/// Escapes each brace that does not begin a count.
fn with_braces_escaped(pattern: &str) -> String {
    let mut escaped = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let is_count =
            rest.strip_prefix('{').and_then(|inner| inner.split_once('}')).is_some_and(|(count, _)| {
                count.starts_with(|c: char| c.is_ascii_digit())
                    && count.chars().all(|c| c.is_ascii_digit() || c == ',')
            });
        let length = if is_count {
            rest.find('}').map_or(1, |end| end + 1)
        } else if c == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            c.len_utf8()
        };
        if c == '{' && !is_count {
            escaped.push('\\');
        }
        escaped.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    escaped
}

/// Returns an id as a kind: what stands in `[secret:KIND]`.
fn kind(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    id.trim().chars().take(60).map(plain).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Known, Scanner};

    const FILE: &str = r#"
title = "ours"
[allowlist]
stopwords = ["sample"]
[[rules]]
id = "Acme Badge"
description = "a badge of Acme"
regex = '''\b(acme)-([a-z0-9]{8})\b'''
secretGroup = 2
keywords = ["acme-"]
tags = ["x"]
[[rules.allowlists]]
condition = "AND"
regexes = ['''^0+''']
stopwords = ["test"]
[[rules]]
id = "plain-words"
regex = '''word=([a-z0-9]{6,12})'''
entropy = 2.5
keywords = ["key", "password"]
"#;

    fn rules(text: &str) -> Rules {
        Rules::parse("rules.toml", text).unwrap().0
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(Scanner::new(rules(FILE)).redact(text, &Known::default()).0, expected);
    }

    fn refused(text: &str) -> String {
        let error = Rules::parse("rules.toml", text).map(|_| ()).unwrap_err();
        format!("{error}; {}", error.hint.as_deref().unwrap_or("no hint"))
    }

    #[test]
    fn a_rule_finds_what_it_says_and_its_allow_lists_spare() {
        check("badge acme-q1w2e3r4 here", "badge acme-[secret:acme-badge] here");
        check("badge acme-0test123 here", "badge acme-0test123 here");
        check("badge acme-0tast123 here", "badge acme-[secret:acme-badge] here");
        check("badge acme-sample12 here", "badge acme-sample12 here");
        check("badge ACME-q1w2e3r4 here", "badge ACME-q1w2e3r4 here");
    }

    #[test]
    fn a_rule_by_general_words_asks_and_any_other_blocks() {
        let hard = |text: &str| rules(FILE).hits(text).iter().map(|hit| hit.hard).collect::<Vec<_>>();
        assert_eq!(hard("acme-q1w2e3r4"), [true]);
        assert_eq!(hard("key word=q1w2e3r4"), [false]);
        assert_eq!(hard("word=q1w2e3r4"), [false; 0], "without a keyword a rule is not tried");
        assert_eq!(hard("key word=aaaaaaaa"), [false; 0], "too little entropy");
    }

    #[test]
    fn what_is_no_rule_is_named_with_its_line() {
        let said = [
            "[[rules]]\nid = \"a\"\n",
            "[[rules]]\nregex = \"a\"\n",
            "[[rules]]\nid = \"a\"\nregex = '(?=a)'\n",
            "[[rules]]\nid = \"a\"\nregex = 'a(b)'\nsecretGroup = 2\n",
            "[[rules]]\nid = \"a\"\nregex = 'a'\n[[rules]]\nid = \"A\"\nregex = 'b'\n",
            "[[rules]]\nid = \"a\"\nregex = 'a'\n[[rules.allowlists]]\ncondition = \"XOR\"\n",
            "[[rules]\n",
        ];
        insta::assert_snapshot!(said.map(refused).join("\n"), @r#"
        rules.toml:1: rule `a` has no `regex`; no hint
        rules.toml:1: the rule has no `id`; write `id = "…"`, its name in findings
        rules.toml:3: the pattern does not compile: look-around, including look-ahead and look-behind, is not supported; patterns are those of Rust's regex: no look-around, no back-references
        rules.toml:4: rule `a` has no group 2; its regex has 1 of them
        rules.toml:5: a rule `a` is there already; no hint
        rules.toml:4: unknown condition `XOR`; it is "OR" or "AND"
        rules.toml:1: unclosed array table, expected `]`; no hint
        "#);
    }

    #[test]
    fn what_has_no_meaning_for_a_message_is_noted() {
        let text = "[extend]\nuseDefault = true\n[[rules]]\nid = \"a\"\npath = 'x'\n[[rules]]\nid = \"b\"\nregex = '${x}|a{2}'\n[rules.allowlist]\npaths = ['y']\n";
        let (rules, notes) = Rules::parse("rules.toml", text).unwrap();
        assert_eq!(rules.count(), 1);
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(notes.join("\n"), @r"
        rules.toml:1: `[extend]` is not followed: name the whole file
        rules.toml:5: rule `a` looks at paths of files, which a message has not: left out
        rules.toml:10: `paths` of an allow list mean nothing for a message
        ");
        assert_eq!(rules.hits("aa").len(), 1, "Go's brace is a brace");
    }

    /// With GIT_DRAFTS_TEST_RULES, another's file of this format.
    #[test]
    fn a_whole_file_of_gitleaks_loads() {
        let Some(path) = std::env::var_os("GIT_DRAFTS_TEST_RULES") else {
            eprintln!("left out: GIT_DRAFTS_TEST_RULES names no file");
            return;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let began = std::time::Instant::now();
        let (rules, notes) = Rules::parse("gitleaks.toml", &text).unwrap();
        let stated = text.matches("\n[[rules]]").count();
        eprintln!("{} of {stated} rules, {} notes, {:?}", rules.count(), notes.len(), began.elapsed());
        let left_out = notes.iter().filter(|note| note.to_string().contains("left out")).count();
        assert_eq!(rules.count() + left_out, stated);
    }
}
