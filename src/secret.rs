//! Finds secrets in text and takes them out.
//!
//! Known secrets are found exactly, in the spellings that a brain or a sender may choose; vendors'
//! keys by their documented shapes; assignments by the words in front. Nothing here may ever show,
//! log or keep a value that it found.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::fold;

/// A secret in a text: bytes `start..end` of it are the value, without the name in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What it is, in the words of `[secret:KIND]`.
    pub kind: &'static str,
    /// Where the value begins, in bytes.
    pub start: usize,
    /// Where the value ends, in bytes.
    pub end: usize,
    /// Whether it is a secret by its shape; otherwise only the words around it say so.
    pub hard: bool,
}

/// Returns every secret that shows itself by its shape or by the words in front of it.
///
/// In the order of the text, and no two overlap.
pub fn scan(text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = SHAPES.iter().flat_map(|shape| shape.hits(text)).collect();
    let marks: Vec<Range<usize>> = MARK.find_iter(text.as_bytes()).map(|mark| mark.range()).collect();
    let in_a_mark = |hit: &Hit| marks.iter().any(|mark| mark.contains(&hit.start));
    hits.extend(assignments(text).into_iter().filter(|hit| !in_a_mark(hit)));
    merged(hits)
}

/// Returns `text` with every secret in it replaced by `[secret:KIND]`, and the kinds.
///
/// The name in front of a value stays: `password: [secret:password]`.
pub fn redact(text: &str, known: &Known) -> (String, Vec<&'static str>) {
    let mut hits = scan(text);
    hits.extend(known.hits(text));
    let hits = merged(hits);
    let mut redacted = String::with_capacity(text.len());
    let mut after = 0;
    for hit in &hits {
        redacted.push_str(&text[after..hit.start]);
        redacted.push_str("[secret:");
        redacted.push_str(hit.kind);
        redacted.push(']');
        after = hit.end;
    }
    redacted.push_str(&text[after..]);
    (redacted, hits.into_iter().map(|hit| hit.kind).collect())
}

/// The secrets that we know: our own credentials, and what was taken out of the inbox.
///
/// They are found however they are written: in any case, spaced or broken over lines, with hidden
/// marks or look-alikes in them, reversed, in base64 (any phase, either alphabet) and in hex.
#[derive(Clone, Default)]
pub struct Known {
    /// Exact spellings, for secrets too short or too symbolic to be squashed.
    exact: Vec<String>,
    /// Spellings as they look in [`fold::squashed`] text.
    squashed: Vec<String>,
}

impl Known {
    /// Characters below which a secret is not looked for: every text would hold it.
    pub const LENGTH_MIN: usize = 4;

    /// Letters and digits below which only the exact spelling counts.
    const SQUASHED_MIN: usize = 8;

    /// Notes secrets; those under [`Known::LENGTH_MIN`] characters are left out.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut known = Self::default();
        for secret in secrets {
            known.add(secret.as_ref());
        }
        known
    }

    /// Notes one more secret, without the white space around it.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() < Self::LENGTH_MIN {
            return;
        }
        self.exact.push(secret.to_owned());
        let mut spellings: Vec<String> =
            (0..3).map(|phase| base64_inside(secret.as_bytes(), phase)).collect();
        spellings.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
        spellings.push(secret.to_owned());
        spellings.push(secret.chars().rev().collect());
        let squashed = spellings.iter().map(|spelling| fold::squashed(spelling).0);
        self.squashed.extend(squashed.filter(|spelling| spelling.len() >= Self::SQUASHED_MIN));
    }

    /// Returns where known secrets stand in `text`; all of them are hard.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        if self.exact.is_empty() {
            return Vec::new();
        }
        let (letters, places) = fold::squashed(text);
        let exact = self.exact.iter().flat_map(|secret| occurrences(text, secret));
        let squashed =
            self.squashed.iter().flat_map(|secret| occurrences(&letters, secret)).filter_map(|found| {
                let first = places.get(found.start)?;
                let last = places.get(found.end.checked_sub(1)?)?;
                Some(first.start..last.end)
            });
        let places = exact.chain(squashed);
        merged(places.map(|p| Hit { kind: "known", start: p.start, end: p.end, hard: true }).collect())
    }
}

impl fmt::Debug for Known {
    /// The number of secrets, never one of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({} secrets)", self.exact.len())
    }
}

/// A vendor's documented shape. The first group, where there is one, is the value.
struct Shape {
    kind: &'static str,
    regex: Regex,
    /// Whether a word of a language in the value's place is no secret.
    random: bool,
}

impl Shape {
    fn hits(&self, text: &str) -> Vec<Hit> {
        let found = self.regex.captures_iter(text.as_bytes()).filter_map(|captures| value_of(&captures));
        found
            .map(|place| whole_characters(text, place))
            .filter(|place| !is_placeholder(&text[place.clone()]))
            .filter(|place| !self.random || is_random(&text[place.clone()]))
            .map(|place| Hit { kind: self.kind, start: place.start, end: place.end, hard: true })
            .collect()
    }
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    const PRIVATE_KEY: &str = concat!(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        r"(?:(?:[A-Za-z0-9+/=:,.>()\s\\_]|-[A-Za-z0-9]){32,}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        r"|[\s>\\n]{0,16}[A-Za-z0-9+/=]{32,}[A-Za-z0-9+/=\s\\>]*)",
    );
    const URL: &str =
        r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@<>"'?#]{0,100}:([^\s/@<>"']{2,200})@[a-z0-9\[]"#;
    const AUTHORIZATION: &str = r#"(?i)\bauthorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic|token)\s{1,4}([a-z0-9._~+/=-]{8,4096})"#;
    let shape = |kind, pattern: &str, random| Shape { kind, regex: compiled(pattern), random };
    vec![
        shape("private-key", PRIVATE_KEY, false),
        shape("aws-key-id", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", false),
        shape("github-token", r"\bgh[opsur]_[A-Za-z0-9]{36,255}\b", false),
        shape("github-token", r"\bgithub_pat_[A-Za-z0-9_]{60,255}\b", false),
        shape("gitlab-token", r"\bgl(?:pat|ptt|dt|rt|cbt|ft|agent|imt)-[A-Za-z0-9_-]{20,255}", true),
        shape("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}", true),
        shape("slack-token", r"\bxapp-\d-[A-Za-z0-9-]{20,255}", true),
        shape("stripe-key", r"\b[rs]k_live_[A-Za-z0-9]{16,255}\b", false),
        shape("google-key", r"\bAIza[A-Za-z0-9_-]{35}", true),
        shape("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b", false),
        shape("pypi-token", r"\bpypi-AgE[A-Za-z0-9_-]{40,1000}", false),
        shape("anthropic-key", r"\bsk-ant-[A-Za-z0-9_-]{20,255}", true),
        shape("openai-key", r"\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,255}", true),
        shape("openai-key", r"\bsk-[A-Za-z0-9]{32,255}\b", true),
        shape("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{32,128}", false),
        shape("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", false),
        shape("url-password", URL, false),
        shape("authorization", AUTHORIZATION, true),
    ]
});

/// A name, perhaps what it is for, a sign or a verb, and the value.
///
/// Groups: 1 the sign before a query's name, 2 the name, 3 `:`, `=` or the verb, then the value in
/// quotes (4) or bare (5).
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    compiled(concat!(
        r#"(?i)(^|[^a-z0-9])((?:[a-z0-9]{1,20}[_.-]){0,3}"#,
        r#"(?:pass(?:word|wd|code|phrase|wort)|pwd|pw|pass|kennwort|zugangscode|mot\ de\ passe|contrase(?:\xc3\xb1|n)a|clave|"#,
        r#"senha|wachtwoord|has(?:\xc5\x82|l)o|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|"#,
        r#"(?:api|access|secret|private|auth|account|shared|signing|encryption)[ _-]?key|"#,
        r#"(?:api|access|auth|bearer|refresh|session|bot)[ _-]?token|token|client[ _-]?secret|secret|pin|"#,
        r#"api-schl(?:\xc3\xbc|ue)ssel))"#,
        r#"(?:[ \t]{1,3}(?:for|to|of|on|f(?:\xc3\xbc|ue)r|zu[mr]?|pour|para|per|voor)[ \t][^\n:=.!?]{1,40}?)?["'`*]{0,2}"#,
        r#"([ \t]{0,4}(?:[:=]>?|\xef\xbc\x9a)\*{0,2}[ \t]{0,8}(?:\r?\n[ \t>]{0,8})?"#,
        // A line may end before the verb or after it: mail is wrapped.
        r#"|(?:[ \t]{1,3}|[ \t]?\r?\n[ \t>]{0,8})(?:is|ist|lautet|est|es|\xc3\xa9|is\ now|is\ still)"#,
        r#"(?:[ \t]{1,3}|[ \t]?\r?\n[ \t>]{0,8}|:[ \t]{0,8}(?:\r?\n[ \t>]{0,8})?))"#,
        r#"(?:["'`*]{1,2}([^"'`\r\n]{4,200})["'`]|([^\s"'`,;<>]{4,200}))"#,
    ))
});

/// What [`redact`] leaves; it looks like an assignment itself.
static MARK: LazyLock<Regex> = LazyLock::new(|| compiled(r"\[secret:[a-z-]{2,16}\]"));

fn assignments(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut from = 0;
    while let Some(captures) = ASSIGNMENT.captures_at(text.as_bytes(), from) {
        let Some(whole) = captures.get(0) else { break };
        // A name may stand where the value of another was looked for: `secret: token: x`.
        from = captures.get(3).map_or(whole.end(), |sign| sign.end() - 1).max(from + 1);
        hits.extend(assignment(text, &captures));
    }
    hits
}

fn assignment(text: &str, captures: &Captures<'_>) -> Option<Hit> {
    let before = captures.get(1)?.as_bytes();
    let name = String::from_utf8_lossy(captures.get(2)?.as_bytes()).to_ascii_lowercase();
    let sign = captures.get(3)?;
    let quoted = captures.get(4);
    let mut place = whole_characters(text, quoted.or_else(|| captures.get(5))?.range());
    let in_query = matches!(before, b"?" | b"&");
    if quoted.is_none() {
        let value = &text[place.clone()];
        let cut = if in_query { value.find(['&', '#']) } else { None };
        let value = value[..cut.unwrap_or(value.len())]
            .trim_end_matches(['.', ',', ':', ';', '?', ')', ']', '}', '*']);
        place.end = place.start + value.len();
    }
    let value = text.get(place.clone())?;
    let is_secret = if is_placeholder(value) || value.chars().count() < 4 || is_markup(value) {
        false
    } else if quoted.is_some() {
        !value.contains(' ') || name.ends_with("phrase")
    } else if is_random(value) {
        true
    } else {
        // A word of a language is a password only after a strong name and alone on its line.
        let strong = name.contains("pass") && !name.ends_with("pass") || name.contains("wort");
        let rest = text[place.end..].lines().next().unwrap_or_default();
        let spelt = sign.as_bytes().iter().any(|byte| matches!(byte, b':' | b'='));
        let same_line = !sign.as_bytes().contains(&b'\n');
        strong && spelt && same_line && rest.trim_matches(['.', ' ', '\t']).is_empty() && !is_prose(value)
    };
    let kind = if name.contains("token") {
        "token"
    } else if name.contains("key") || name.contains("schl") {
        "api-key"
    } else if name.contains("secret") {
        "secret"
    } else if name.ends_with("pin") {
        "pin"
    } else {
        "password"
    };
    is_secret.then_some(Hit { kind, start: place.start, end: place.end, hard: false })
}

/// Tells whether a value is no word of a language: a digit among letters, a symbol, odd capitals,
/// or a long number.
fn is_random(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    let inner_capital = value.split(['-', '_', '/', '.']).any(|word| {
        let capitals = word.chars().filter(|c| c.is_uppercase()).count();
        capitals > 0
            && capitals < word.chars().count()
            && !(capitals == 1 && word.starts_with(char::is_uppercase))
    });
    let symbol = value.contains(['!', '$', '%', '^', '&', '#', '@', '+', '~']);
    if letters == 0 {
        digits >= 4 && digits == value.len() || symbol
    } else {
        digits > 0 || symbol || inner_capital
    }
}

/// Tells whether a value stands for one that is not there.
fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 17] = [
        "password",
        "passwd",
        "passwort",
        "pass",
        "secret",
        "token",
        "example",
        "changeme",
        "redacted",
        "hidden",
        "placeholder",
        "your",
        "insert",
        "dummy",
        "removed",
        "kennwort",
        "mypassword",
    ];
    let lower = value.to_ascii_lowercase();
    let first = value.chars().next();
    let repeats = first.is_some_and(|first| value.chars().all(|c| c == first));
    let masked = value.chars().filter(|c| matches!(c, '*' | '•' | '●' | '…' | '.' | '?' | '_' | '-')).count();
    repeats
        || masked * 2 > value.chars().count()
        || value.starts_with(['<', '[', '{', '(', '$', '%'])
        || WORDS.contains(&lower.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        || ["your", "example", "xxxx", "<your", "redacted"].iter().any(|word| lower.starts_with(word))
}

/// Tells whether a value is code, markup or an address: something that fetches a secret or names a page.
fn is_markup(value: &str) -> bool {
    let code = ["(", "::", "->", "[secret:", "[hidden:", "process.env", "os.environ", "getenv", "${", "{{"];
    value.contains("://") || value.starts_with("www.") || code.iter().any(|sign| value.contains(sign))
}

/// Tells whether a word after `password:` says something about the password.
fn is_prose(value: &str) -> bool {
    const WORDS: [&str; 44] = [
        "required",
        "optional",
        "none",
        "null",
        "true",
        "false",
        "string",
        "text",
        "here",
        "below",
        "above",
        "changed",
        "unknown",
        "invalid",
        "incorrect",
        "wrong",
        "correct",
        "expired",
        "reset",
        "empty",
        "blank",
        "forgotten",
        "same",
        "default",
        "prompt",
        "protected",
        "login",
        "user",
        "username",
        "yes",
        "undefined",
        "siehe",
        "unten",
        "oben",
        "falsch",
        "vergessen",
        "erforderlich",
        "separat",
        "separately",
        "change",
        "missing",
        "needed",
        "please",
        "encrypted",
    ];
    let lower = value.to_lowercase();
    WORDS.contains(&lower.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Joins hits that overlap; of two kinds the hard one names both, then the longer, then the earlier.
fn merged(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.retain(|hit| hit.start < hit.end);
    hits.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end)));
    let mut merged: Vec<Hit> = Vec::new();
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.start < last.end => {
                if hit.hard && !last.hard {
                    last.kind = hit.kind;
                    last.hard = true;
                }
                last.end = last.end.max(hit.end);
            }
            Some(_) | None => merged.push(hit),
        }
    }
    merged
}

fn value_of(captures: &Captures<'_>) -> Option<Range<usize>> {
    captures.get(1).or_else(|| captures.get(0)).map(|found| found.range())
}

/// Widens a range of bytes to whole characters of `text`.
fn whole_characters(text: &str, mut place: Range<usize>) -> Range<usize> {
    while !text.is_char_boundary(place.start) {
        place.start -= 1;
    }
    while !text.is_char_boundary(place.end) {
        place.end += 1;
    }
    place
}

fn occurrences(text: &str, wanted: &str) -> Vec<Range<usize>> {
    text.match_indices(wanted).map(|(start, found)| start..start + found.len()).collect()
}

/// Returns the base64 letters that `bytes` give wherever they begin at `phase` bytes of a group of
/// three: those which no byte before or after them can change.
fn base64_inside(bytes: &[u8], phase: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| (bytes[at / 8] >> (7 - at % 8)) & 1;
    let first = [0, 4, 2][phase % 3];
    let letters = (first..).step_by(6).take_while(|at| at + 6 <= bytes.len() * 8);
    letters
        .map(|at| char::from(LETTERS[usize::from((at..at + 6).fold(0, |sum, at| sum << 1 | bit(at)))]))
        .collect()
}

fn compiled(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("the pattern is a constant that the tests compile")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made-up values, put together here so that no forge takes this file for a leak.
    fn made_up(prefix: &str, length: usize) -> String {
        const LETTERS: &[u8] = b"x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8Hs";
        let letters = LETTERS.iter().cycle().take(length).map(|letter| char::from(*letter));
        prefix.chars().chain(letters).collect()
    }

    /// Checks what [`redact`] makes of a text; nothing known.
    fn check(text: &str, expected: &str) {
        let (redacted, kinds) = redact(text, &Known::default());
        assert_eq!(redacted, expected);
        assert_eq!(kinds.len(), redacted.matches("[secret:").count() - text.matches("[secret:").count());
        assert_eq!(redact(&redacted, &Known::default()).0, redacted, "twice is once");
    }

    #[test]
    fn vendors_keys_are_hard_secrets() {
        for (kind, value) in [
            ("aws-key-id", ["AK", "IA", "QWERTZUIOP234567"].concat()),
            ("github-token", made_up(&["gh", "p_"].concat(), 36)),
            ("github-token", made_up(&["gh", "o_"].concat(), 36)),
            ("github-token", made_up(&["github", "_pat_"].concat(), 82)),
            ("gitlab-token", made_up(&["glp", "at-"].concat(), 20)),
            ("slack-token", made_up(&["xo", "xb-1234567890-"].concat(), 24)),
            ("stripe-key", made_up(&["sk", "_live_"].concat(), 24)),
            ("google-key", made_up(&["AI", "za"].concat(), 35)),
            ("npm-token", made_up(&["np", "m_"].concat(), 36)),
            ("pypi-token", made_up(&["pypi", "-AgEIcHlwaS5vcmc"].concat(), 60)),
            ("anthropic-key", made_up(&["sk-", "ant-api03-"].concat(), 40)),
            ("openai-key", made_up(&["sk-", "proj-"].concat(), 40)),
            ("openai-key", made_up("sk-", 48)),
            ("sendgrid-key", [made_up(&["S", "G."].concat(), 22), made_up(".", 43)].concat()),
            ("jwt", [made_up("eyJ", 20), made_up(".eyJ", 30), made_up(".", 43)].concat()),
        ] {
            check(&format!("here it is: {value}, thanks"), &format!("here it is: [secret:{kind}], thanks"));
            let hits = scan(&value);
            assert_eq!(
                (hits.len(), hits[0].hard, hits[0].start, hits[0].end),
                (1, true, 0, value.len()),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_private_key_goes_as_a_block() {
        let (begin, end) = (
            ["-----BEGIN ", "RSA PRIVATE KEY-----"].concat(),
            ["-----END ", "RSA PRIVATE KEY-----"].concat(),
        );
        let lines = [made_up("", 64), made_up("", 64), made_up("", 20)].join("\n");
        check(&format!("a\n{begin}\n{lines}\n{end}\nb"), "a\n[secret:private-key]\nb");
        check(
            &format!("a\n> {begin}\n> {}\n> {end}\nb", lines.replace('\n', "\n> ")),
            "a\n> [secret:private-key]\nb",
        );
        check(&format!("cut off: {begin}\n{lines}"), "cut off: [secret:private-key]");
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\n";
        check(&format!("{begin}\n{headers}{lines}\n{end}"), "[secret:private-key]");
        let prose = format!("a key begins with {begin} and ends with its twin, as everybody knows by now");
        check(&prose, &prose);
    }

    #[test]
    fn the_password_of_an_url_goes_and_the_rest_stays() {
        let url = ["postgres://app:", "s3cr3tpw", "@db.example/main"].concat();
        check(&url, "postgres://app:[secret:url-password]@db.example/main");
        for plain in [
            "https://example.org:8080/a@b",
            "https://ada@example.org",
            "http://user:password@host",
            "ssh://u:<pw>@h",
        ] {
            check(plain, plain);
        }
    }

    #[test]
    fn authorization_headers_lose_their_value() {
        let bearer = ["Authorization: Bea", "rer "].concat();
        check(&format!("{bearer}{}", made_up("", 30)), &format!("{bearer}[secret:authorization]"));
        let basic = ["curl -H 'authorization: Ba", "sic "].concat();
        check(&format!("{basic}dXNlcjpwYXNz' x"), &format!("{basic}[secret:authorization]' x"));
        for plain in [
            "Authorization: Bearer tokens",
            "authorization: basic authentication",
            "Authorization: Bearer <token>",
        ] {
            check(plain, plain);
        }
    }

    #[test]
    fn an_assignment_gives_its_value_away() {
        for (text, expected) in [
            ("the password is hunter2.", "the password is [secret:password]."),
            ("Password: hunter2", "Password: [secret:password]"),
            ("Password: sunshine", "Password: [secret:password]"),
            ("passwd=Tr0ub4dor&3 x", "passwd=[secret:password] x"),
            ("DB_PASSWORD='two-words_99'", "DB_PASSWORD='[secret:password]'"),
            ("password:\n  hunter2\nbye", "password:\n  [secret:password]\nbye"),
            ("the password is\nPlum-Tractor-4417. Tell", "the password is\n[secret:password]. Tell"),
            ("> your password\n> is h4mster\n", "> your password\n> is [secret:password]\n"),
            (
                "The password for the staging box is h4mster!",
                "The password for the staging box is [secret:password]",
            ),
            ("token: 9f8e7d6c5b4a", "token: [secret:token]"),
            ("api key = a1b2c3d4e5f6", "api key = [secret:api-key]"),
            ("\"client_secret\": \"q9w8e7r6\",", "\"client_secret\": \"[secret:secret]\","),
            ("see /cb?token=a1b2c3d4&x=1", "see /cb?token=[secret:token]&x=1"),
            ("PIN: 4711", "PIN: [secret:pin]"),
            ("the password is\nPlum-Tractor-4417. Bye", "the password is\n[secret:password]. Bye"),
            ("the password\nis hunter2", "the password\nis [secret:password]"),
            ("Passwort: geheim123", "Passwort: [secret:password]"),
            ("Das Passwort lautet Sommer2024", "Das Passwort lautet [secret:password]"),
            ("Kennwort ist blauerElefant7", "Kennwort ist [secret:password]"),
            ("Le mot de passe est azerty99", "Le mot de passe est [secret:password]"),
            ("contraseña: abcd1234", "contraseña: [secret:password]"),
            ("пароль: qwerty12", "пароль: [secret:password]"),
            ("secret: token: a1b2c3d4", "secret: token: [secret:token]"),
            ("**Password:** `p4ssw0rt`", "**Password:** `[secret:password]`"),
        ] {
            check(text, expected);
            assert!(scan(text).iter().all(|hit| !hit.hard), "{text}");
        }
    }

    #[test]
    fn talk_about_passwords_is_no_secret() {
        for text in [
            "the password is wrong",
            "I forgot my password, where do I reset it?",
            "password reset",
            "your password has expired",
            "Password: required",
            "password: please choose one",
            "password: ********",
            "password: <your password>",
            "password = os.environ[\"PW\"]",
            "token = get_token(x1)",
            "api_key: ${API_KEY2}",
            "password: see https://example.org/reset1",
            "the password is case-sensitive",
            "the token is valid for 3600 seconds",
            "the secret is patience",
            "compass: north1",
            "Das Passwort ist falsch",
            "password: [secret:password]",
            "token: str",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_known_secret_is_found_however_it_is_written() {
        let secret = ["Wnt3r", "-Mantis", "-41x"].concat();
        let known = Known::new([secret.as_str(), "", "abc"]);
        let hex: String = secret.bytes().map(|byte| format!("{byte:02X} ")).collect();
        let hidden: String = secret.chars().flat_map(|c| [c, '\u{200b}']).collect();
        let mut spellings = vec![
            secret.clone(),
            secret.to_uppercase(),
            secret.chars().rev().collect(),
            secret.chars().flat_map(|c| [c, ' ']).collect(),
            secret.replace('-', "\n> "),
            secret.replace('a', "а"),
            crate::text::visible(&hidden),
            hex,
        ];
        for before in ["", "a", "ab"] {
            let framed = format!("{before}{secret}");
            spellings.push(base64_inside(framed.as_bytes(), 0));
        }
        for spelling in spellings {
            let text = format!("it is {spelling} as you asked");
            let (redacted, kinds) = redact(&text, &known);
            assert!(kinds.contains(&"known"), "{spelling}");
            assert!(redacted.starts_with("it is ") && redacted.ends_with(" as you asked"), "{redacted}");
        }
        assert_eq!(format!("{known:?}"), "Known(1 secrets)");
        assert!(known.hits("winter, mantis and 41 others").is_empty());
    }

    #[test]
    fn a_short_known_secret_is_found_only_as_it_is() {
        let known = Known::new(["k9!q"]);
        assert_eq!(redact("it is k9!q.", &known).0, "it is [secret:known].");
        assert!(known.hits("k9 q and more").is_empty());
    }

    #[test]
    fn a_known_secret_in_an_assignment_is_known() {
        let value = ["h0rse", "battery"].concat();
        let (redacted, kinds) = redact(&format!("password: {value}"), &Known::new([&value]));
        assert_eq!((redacted.as_str(), kinds), ("password: [secret:known]", vec!["known"]));
    }

    proptest! {
        #[test]
        fn any_text_can_be_scanned(text in "(password: |token=|://a:|sk-|[a-z0-9é世 .:=@\n]){0,20}") {
            let hits = scan(&text);
            prop_assert!(hits.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(hits.iter().all(|hit| text.get(hit.start..hit.end).is_some()));
        }
    }
}
