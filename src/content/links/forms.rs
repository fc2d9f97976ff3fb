//! Knows the forms that a link has in a text without any marks: what mail programs make clickable.
//!
//! A list of forms is never complete; what is doubtful counts as a link.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Characters that end a link in a text.
const STOPS: &str = r#"\s<>"`|\[\]\\^{}"#;

/// Schemes that lead somewhere without `//`.
const SCHEMES: &str = "mailto|tel|sms|callto|skype|facetime|xmpp|sips?|magnet|javascript|vbscript|file|intent|bitcoin|view-source|blob|ms-[a-z]+|vscode";

static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(r"(?i)[a-z][a-z0-9+.-]*:(?:[/\\]){{2}}(?:\[[0-9a-f:.]+\])?[^{STOPS}]*"))
});

static OTHER_SCHEME: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"(?i)\b(?:(?:{SCHEMES}):|data:[a-z]+/[a-z0-9.+-]+[;,])[^{STOPS}]+")));

static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"[\p{L}\p{N}._%+'-]*[\p{L}\p{N}_%+-]@(?:[\p{L}\p{N}][\p{L}\p{N}\p{M}_-]*\.)+[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*",
    )
});

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"(?i)(?:[\p{L}\p{N}_][\p{L}\p{N}\p{M}_-]*\.)+(?:xn--[a-z0-9-]+|\p{L}[\p{L}\p{M}]+)")
});

static NUMBERS: LazyLock<Regex> = LazyLock::new(|| compiled(r"\d{1,3}(?:\.\d{1,3}){3}"));

/// What belongs to a link behind its host.
static TAIL: LazyLock<Regex> = LazyLock::new(|| compiled(&format!(r"\A\.?(?::\d+)?(?:[/?#\\][^{STOPS}]*)?")));

static SHARE: LazyLock<Regex> = LazyLock::new(|| compiled(r#"\\\\[A-Za-z0-9][A-Za-z0-9_.-]*\\[^\s<>"`|]+"#));

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// Endings of file names that are no top-level domains, so that nothing makes a link of them.
const NO_DOMAINS: &str = "bak bat bmp cfg conf cpp css csv dll doc docx eml env epub exe gif gz hpp htm html ical ics ini \
    ipynb java jpeg jpg js json jsx lock log odp ods odt patch pdf pem php png ppt pptx rtf service \
    sql svg swift tar tex toml ts tsv tsx txt vcf webp xls xlsx xml xz yaml yml";

/// Endings of file names that are also top-level domains. `setup.py` alone is taken for a file: a name
/// of two parts that somebody would have to own beforehand carries nothing out.
const FILES: &str = "ai app cc cs md mov pl pm ps py rs sh so zip";

/// Top-level domains of more than two letters that links of two parts are mostly in.
const DOMAINS: &str = "academy agency arpa art biz blog cfd click cloud club com coop dev digital edu email example \
    finance fun gov group guru help host icu info ink int internal invalid jobs link live local mil \
    mobi money museum name net network news one online onion org page pro rest shop site space \
    store support team tech test today top travel website wiki work world xyz zone";

/// Finds what a mail program would make a link of, outermost first; `code` is where code stands.
pub(super) fn plain(text: &str, code: &[Range<usize>]) -> Vec<(Range<usize>, String)> {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    let mut take = |place: Range<usize>, target: String, taken: &mut BTreeMap<usize, usize>| {
        let is_in = taken.range(..=place.start).next_back().is_some_and(|(_, &end)| end >= place.end);
        if !is_in && !place.is_empty() {
            taken.insert(place.start, place.end);
            found.push((place, target));
        }
    };
    let mut from = 0;
    while let Some(hit) = SCHEME.find_at(text, from) {
        let scheme = hit.as_str().split(':').next().unwrap_or_default();
        from = hit.end();
        if ["hxxp", "hxxps"].contains(&scheme.to_ascii_lowercase().as_str()) {
            // Unclickable already; what follows may not be.
            from = hit.start() + scheme.len();
            continue;
        }
        let place = trimmed(text, hit.range());
        take(place.clone(), target(&text[place]), &mut taken);
    }
    for hit in OTHER_SCHEME.find_iter(text) {
        let place = trimmed(text, hit.range());
        let url = &text[place.clone()];
        // Trimmed to the bare word, it was a word and a colon.
        if url.contains(':') {
            take(place, target(url), &mut taken);
        }
    }
    for hit in SHARE.find_iter(text) {
        take(hit.range(), text[hit.range()].to_owned(), &mut taken);
    }
    for hit in MAIL.find_iter(text) {
        let target = format!("mailto:{}", hit.as_str().to_lowercase());
        take(hit.range(), target, &mut taken);
    }
    for (host, end) in hosts(text) {
        let name = text[host.clone()].trim_start_matches('_');
        let place = trimmed(text, host.end - name.len()..end);
        let tail = text.get(host.end..place.end).unwrap_or_default();
        let before = code.partition_point(|code| code.start <= host.start);
        let in_code = code[..before].last().is_some_and(|code| code.contains(&host.start));
        let goes_on = text[host.end..].starts_with(|c: char| c.is_numeric());
        if !goes_on && is_domain(name, tail, in_code) {
            // `//host` and `\\host` lead there, too.
            let slashes =
                text[..place.start].chars().rev().take(2).take_while(|c| matches!(c, '/' | '\\')).count();
            let start = place.start - slashes;
            take(start..place.end, target(&text[place]), &mut taken);
        }
    }
    found
}

/// Returns where hosts stand, and where the link of each of them ends.
///
/// Names and numbers are looked for apart, and what was found ahead is kept: a search for both at once
/// reads a long row of numbers to its end for each of them.
fn hosts(text: &str) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
    let mut from = 0;
    let mut name = NAME.find(text);
    let mut numbers = NUMBERS.find(text);
    std::iter::from_fn(move || {
        if name.is_some_and(|hit| hit.start() < from) {
            name = NAME.find_at(text, from);
        }
        if numbers.is_some_and(|hit| hit.start() < from) {
            numbers = NUMBERS.find_at(text, from);
        }
        let host = name.into_iter().chain(numbers).min_by_key(|hit| hit.start())?;
        from = host.end() + TAIL.find(&text[host.end()..]).map_or(0, |tail| tail.len());
        Some((host.range(), from))
    })
}

fn is_in(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// Tells whether a name with dots would be taken for a place in the net.
fn is_domain(host: &str, tail: &str, in_code: bool) -> bool {
    let lower = host.to_lowercase();
    let labels: Vec<&str> = lower.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return !tail.is_empty();
    }
    let file = labels.len() == 2 && is_in(FILES, last);
    if is_in(NO_DOMAINS, last) || lower.split('.').all(|label| label.chars().count() == 1) {
        return false;
    }
    let is_line = tail.strip_prefix(':').is_some_and(|line| line.bytes().all(|byte| byte.is_ascii_digit()));
    // `main.rs:12` is a place in a file.
    let in_file = file && is_line;
    if !tail.is_empty() && !in_file {
        return true;
    }
    let likely = last.chars().count() == 2 || last.starts_with("xn--") || is_in(DOMAINS, last);
    let many = labels.len() > 2 || labels[0] == "www";
    // `self.name` in code is a name of the code's.
    if many { likely || !in_code } else { likely && !file && !in_code }
}

/// Leaves out the punctuation behind a link, and a bracket that opens before it.
fn trimmed(text: &str, place: Range<usize>) -> Range<usize> {
    let url = &text[place.clone()];
    let mut end = place.end;
    // How many brackets close that nothing opened; they are counted once, for there may be very many.
    let mut closing = url.matches(')').count().saturating_sub(url.matches('(').count());
    for last in url.chars().rev() {
        match last {
            ')' if closing > 0 => closing -= 1,
            '.' | ',' | ';' | ':' | '!' | '?' | '*' | '_' | '~' | '\'' | '"' => {}
            _ => break,
        }
        end -= last.len_utf8();
    }
    place.start..end
}

/// Returns a link in the form in which links are compared: how a host is written does not matter, what
/// stands behind it does.
pub(super) fn target(written: &str) -> String {
    let written = written.trim();
    let (scheme, rest) = match scheme_of(written) {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), written),
    };
    let after_slashes = rest.strip_prefix("//");
    match (scheme.as_str(), after_slashes) {
        ("mailto", _) => format!("mailto:{}", rest.to_lowercase()),
        ("http" | "https", Some(after)) => address(&scheme, after),
        // A name without a scheme is the same place.
        ("", Some(after)) => address("https", after),
        ("", None) if hosts(rest).next().is_some_and(|(host, _)| host.start == 0) => address("https", rest),
        ("", None) => written.to_owned(),
        (scheme, _) => format!("{scheme}:{rest}"),
    }
}

fn address(scheme: &str, after: &str) -> String {
    let end = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
    let (host, path) = after.split_at(end);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{}{slash}{path}", host.to_lowercase())
}

/// Splits a URL at the colon of its scheme, where it has one.
pub(super) fn scheme_of(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let plain = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'));
    plain.then_some((scheme, rest))
}
