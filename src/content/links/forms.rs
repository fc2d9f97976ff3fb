//! Knows the forms that a link has in a text without any marks: what mail programs make clickable.
//!
//! A list of forms is never complete; what is doubtful counts as a link.
//!
//! Every process looks at a few short texts, so that compiling a pattern costs more than all its searches.
//! A pattern is compiled only where the letters stand that it cannot do without, and for a text in ASCII,
//! which most are, without the tables of Unicode.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, bytes};

/// Characters that end a link in a text.
const STOPS: &str = r#"\s<>"`|\[\]\\^{}"#;

/// Schemes that lead somewhere without `//`.
const SCHEMES: &str = "mailto|tel|sms|callto|skype|facetime|xmpp|sips?|magnet|javascript|vbscript|file|intent|bitcoin|view-source|blob|ms-[a-z]+|vscode";

/// A form of links, or a part of one.
struct Form {
    /// Tells whether a text has the letters that the pattern cannot do without.
    may_be_in: fn(&str) -> bool,
    /// For any text.
    any: LazyLock<Regex>,
    /// For one in ASCII; it finds the same there.
    ascii: LazyLock<bytes::Regex>,
}

/// Makes a form of what it cannot do without and its pattern, which names the letters of Unicode as `\p{L}`,
/// `\p{N}` and `\p{M}`, in brackets.
macro_rules! form {
    ($may_be_in:expr, $pattern:expr) => {
        Form {
            may_be_in: $may_be_in,
            any: LazyLock::new(|| compiled(&$pattern)),
            ascii: LazyLock::new(|| compiled_for_ascii(&$pattern)),
        }
    };
}

static SCHEME: Form = form!(
    |text| has_pair(text, |first, second| first == ':' && matches!(second, '/' | '\\')),
    format!(r"(?i)[a-z][a-z0-9+.-]*:(?:[/\\]){{2}}(?:\[[0-9a-f:.]+\])?[^{STOPS}]*")
);

static OTHER_SCHEME: Form = form!(
    // Each of these schemes ends in a letter, and where it leads does not begin with a space.
    |text| {
        has_pair(text, |first, second| first.is_alphabetic() && second == ':')
            && has_pair(text, |first, second| first == ':' && !second.is_whitespace())
    },
    format!(r"(?i)\b(?:(?:{SCHEMES}):|data:[a-z]+/[a-z0-9.+-]+[;,])[^{STOPS}]+")
);

static MAIL: Form = form!(
    |text| text.contains('@'),
    r"[\p{L}\p{N}._%+'-]*[\p{L}\p{N}_%+-]@(?:[\p{L}\p{N}][\p{L}\p{N}\p{M}_-]*\.)+[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*"
);

static NAME: Form = form!(
    |text| has_pair(text, |first, second| first == '.' && second.is_alphabetic()),
    // Without `(?i)`, which takes long to compile; it would add these three to the letters.
    r"(?:[\p{L}\p{N}_\x{345}][\p{L}\p{N}\p{M}_-]*\.)+(?:[xX][nN]--[A-Za-z0-9\x{17f}\x{212a}-]+|[\p{L}\x{345}][\p{L}\p{M}]+)"
);

static NUMBERS: Form = form!(
    |text| has_pair(text, |first, second| first == '.' && second.is_numeric()),
    r"\d{1,3}(?:\.\d{1,3}){3}"
);

/// What belongs to a link behind its host.
static TAIL: Form = form!(|_| true, format!(r"\A\.?(?::\d+)?(?:[/?#\\][^{STOPS}]*)?"));

static SHARE: Form = form!(|text| text.contains(r"\\"), r#"\\\\[A-Za-z0-9][A-Za-z0-9_.-]*\\[^\s<>"`|]+"#);

/// Tells whether two characters stand next to each other that are so.
fn has_pair(text: &str, is_so: impl Fn(char, char) -> bool) -> bool {
    text.chars().zip(text.chars().skip(1)).any(|(first, second)| is_so(first, second))
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

fn compiled_for_ascii(pattern: &str) -> bytes::Regex {
    let mut ascii = pattern.to_owned();
    for (class, letters) in
        [(r"\p{L}", "A-Za-z"), (r"\p{N}", "0-9"), (r"\p{M}", ""), (r"\x{17f}\x{212a}", ""), (r"\x{345}", "")]
    {
        ascii = ascii.replace(class, letters);
    }
    let built = bytes::RegexBuilder::new(&ascii).unicode(false).build();
    built.expect("the pattern is a constant that the tests compile")
}

/// A part of a text without white space; no link goes over its ends.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    /// Where it begins in the whole text.
    start: usize,
    is_ascii: bool,
}

impl<'t> Word<'t> {
    /// Makes a word of a text that may have white space in it, too.
    fn of(text: &'t str, start: usize) -> Self {
        Self { text, start, is_ascii: text.is_ascii() }
    }

    /// Returns where a form stands first.
    fn first(self, form: &Form) -> Option<Range<usize>> {
        if (form.may_be_in)(self.text) { self.find_at(form, self.start) } else { None }
    }

    /// Returns where a form stands first from byte `from` of the whole text on.
    fn find_at(self, form: &Form, from: usize) -> Option<Range<usize>> {
        let from = from - self.start;
        let hit = if self.is_ascii {
            form.ascii.find_at(self.text.as_bytes(), from)?.range()
        } else {
            form.any.find_at(self.text, from)?.range()
        };
        Some(self.start + hit.start..self.start + hit.end)
    }

    /// Returns wherever a form stands that is never empty.
    fn find_iter(self, form: &'static Form) -> impl Iterator<Item = Range<usize>> + 't {
        std::iter::successors(self.first(form), move |hit| self.find_at(form, hit.end))
    }

    /// Returns the rest of it from byte `from` of the whole text on.
    fn rest(self, from: usize) -> Self {
        Self { text: &self.text[from - self.start..], start: from, is_ascii: self.is_ascii }
    }
}

/// Returns the words of a text that may have a link: each form has one of these letters.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut start = 0;
    let words = text.split_inclusive(char::is_whitespace).map(move |word| {
        start += word.len();
        Word::of(word.trim_end(), start - word.len())
    });
    words.filter(|word| word.text.contains(['.', ':', '@', '\\']))
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
    for word in words(text) {
        let mut next = word.first(&SCHEME);
        while let Some(hit) = next {
            let scheme = text[hit.clone()].split(':').next().unwrap_or_default();
            let mut from = hit.end;
            if ["hxxp", "hxxps"].contains(&scheme.to_ascii_lowercase().as_str()) {
                // Unclickable already; what follows may not be.
                from = hit.start + scheme.len();
            } else {
                let place = trimmed(text, hit);
                take(place.clone(), target(&text[place]), &mut taken);
            }
            next = word.find_at(&SCHEME, from);
        }
        for hit in word.find_iter(&OTHER_SCHEME) {
            let place = trimmed(text, hit);
            let url = &text[place.clone()];
            // Trimmed to the bare word, it was a word and a colon.
            if url.contains(':') {
                take(place, target(url), &mut taken);
            }
        }
        for hit in word.find_iter(&SHARE) {
            take(hit.clone(), text[hit].to_owned(), &mut taken);
        }
        for hit in word.find_iter(&MAIL) {
            let target = format!("mailto:{}", text[hit.clone()].to_lowercase());
            take(hit, target, &mut taken);
        }
        for (host, end) in hosts(word) {
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
    }
    found
}

/// Returns where hosts stand, and where the link of each of them ends.
///
/// Names and numbers are looked for apart, and what was found ahead is kept: a search for both at once
/// reads a long row of numbers to its end for each of them.
fn hosts(word: Word<'_>) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
    let mut from = word.start;
    let mut name = word.first(&NAME);
    let mut numbers = word.first(&NUMBERS);
    std::iter::from_fn(move || {
        if name.as_ref().is_some_and(|hit| hit.start < from) {
            name = word.find_at(&NAME, from);
        }
        if numbers.as_ref().is_some_and(|hit| hit.start < from) {
            numbers = word.find_at(&NUMBERS, from);
        }
        let host = name.iter().chain(&numbers).min_by_key(|hit| hit.start)?.clone();
        from = word.rest(host.end).find_at(&TAIL, host.end).map_or(host.end, |tail| tail.end);
        Some((host, from))
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
        ("", None) if hosts(Word::of(rest, 0)).next().is_some_and(|(host, _)| host.start == 0) => {
            address("https", rest)
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMS: [&Form; 7] = [&SCHEME, &OTHER_SCHEME, &MAIL, &NAME, &NUMBERS, &TAIL, &SHARE];

    fn all(text: &str, form: &Form, is_ascii: bool) -> Vec<Range<usize>> {
        let looked = Word { text, start: 0, is_ascii };
        let next = |hit: &Range<usize>| if hit.is_empty() { None } else { looked.find_at(form, hit.end) };
        std::iter::successors(looked.find_at(form, 0), next).collect()
    }

    proptest! {
        #[test]
        fn a_text_in_ascii_has_the_same_links_by_both_patterns(text in r"[a-zA-Z0-9.:/\\@_ <>'%+\n\[\]-]{0,60}") {
            for form in FORMS {
                prop_assert_eq!(all(&text, form, true), all(&text, form, false));
            }
        }

        #[test]
        fn no_form_is_where_its_letters_are_not(text in "[a-zXN0-9.:/\\\\@_ \n\u{17f}\u{212a}\u{345}é٣ⅷ字\u{301}-]{0,40}") {
            for form in FORMS {
                prop_assert!(form.any.find(&text).is_none() || (form.may_be_in)(&text), "{}", form.any.as_str());
            }
        }

        #[test]
        fn no_link_goes_over_white_space(text in r"[a-z0-9.:/\\\\@é \n\u{a0}\[\]-]{0,60}") {
            for form in FORMS.into_iter().filter(|form| !form.any.is_match("")) {
                let whole: Vec<Range<usize>> = form.any.find_iter(&text).map(|hit| hit.range()).collect();
                let by_word: Vec<Range<usize>> = words(&text).flat_map(|word| word.find_iter(form)).collect();
                prop_assert_eq!(by_word, whole);
            }
        }

        #[test]
        fn a_name_is_the_same_as_if_case_did_not_count(text in "[a-zXN.\u{17f}\u{212a}\u{345}éÉ٣ⅷ字\u{301}-]{0,30}") {
            static FOLDED: LazyLock<Regex> = LazyLock::new(|| {
                compiled(r"(?i)(?:[\p{L}\p{N}_][\p{L}\p{N}\p{M}_-]*\.)+(?:xn--[a-z0-9-]+|\p{L}[\p{L}\p{M}]+)")
            });
            let found = FOLDED.find_iter(&text).map(|hit| hit.range()).collect::<Vec<_>>();
            prop_assert_eq!(all(&text, &NAME, false), found);
        }
    }
}
