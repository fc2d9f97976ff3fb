//! Finds what the words in front give away: `password: …`, `"api_key": "…"`, "the PIN is …".
//!
//! Only soft hits come from here: the words say that a secret follows, and people also talk about
//! passwords.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::Hit;
use super::values::{is_markup, is_placeholder, is_prose, is_random};

/// What names of secrets hold; the search begins at these, in lower case, with a capital, and in capitals.
pub const WORDS: &[&str] = &[
    "pass",
    "pwd",
    "pw",
    "kennwort",
    "zugangscode",
    "contrase",
    "clave",
    "senha",
    "wachtwoord",
    "hasło",
    "haslo",
    "пароль",
    "key",
    "token",
    "secret",
    "pin",
    "schlüssel",
    "schluessel",
    "auth",
    "credential",
    "identified by",
    "SecureString",
];

/// Bytes of a text that are looked at from the name on.
const BYTES_MAX: usize = 400;

/// Bytes of a name in front of its word.
const PREFIX_BYTES_MAX: usize = 60;

/// What makes a key one that opens something.
const KEYS: [&str; 23] = [
    "api",
    "access",
    "secret",
    "private",
    "priv",
    "auth",
    "account",
    "shared",
    "signing",
    "encryption",
    "client",
    "db",
    "database",
    "service",
    "consumer",
    "master",
    "session",
    "storage",
    "admin",
    "app",
    "application",
    "project",
    "user",
];

/// Characters from which on the value of any other key, and of a setting, is no word.
const LONG: usize = 16;

/// Endings of a name that is about a secret and does not hold it.
const ABOUT: [&str; 30] = [
    "file", "path", "url", "uri", "length", "len", "type", "hint", "field", "label", "policy", "reset",
    "expiry", "expires", "in", "count", "limit", "regex", "pattern", "prompt", "name", "class", "min", "max",
    "dir", "format", "endpoint", "at", "id", "methods",
];

/// A name, perhaps what it is for, a sign or a verb, and the value; begins at the word of the name.
///
/// Groups: 1 the word, 2 the rest of the name, then one of: 3 `:`, `=` or the verb with the value in
/// quotes (4) or bare (5); 6 the value of an element; 7 a value in quotes behind a comma or a space.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    compiled(concat!(
        r#"(?i)\A(pass(?:word|wd|code|phrase|wort|e)?|pwd|pw|kennwort|zugangscode|contrase(?:\xc3\xb1|n)a|clave|"#,
        r#"senha|wachtwoord|has(?:\xc5\x82|l)o|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|\xd0\x9f\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|"#,
        r#"key|token|secret|pin|schl(?:\xc3\xbc|ue)ssel|auth|credentials?|identified by|securestring)([a-z0-9_.-]{0,40}?)"#,
        r#"(?:[ \t]{1,3}(?:for|to|of|on|f(?:\xc3\xbc|ue)r|zu[mr]?|pour|para|per|voor)[ \t][^\n:=.!?]{1,40}?)?"#,
        r#"(?:\\?["'`*\])]){0,3}"#,
        r#"(?:([ \t]{0,4}(?:[:=]{1,3}>?|<-|\xef\xbc\x9a)\*{0,2}[ \t]{0,8}(?:\r?\n[ \t>]{0,8})?"#,
        // A line may end before the verb or after it: mail is wrapped.
        r#"|(?:[ \t]{1,3}|[ \t]?\r?\n[ \t>]{0,8})(?:is|ist|lautet|est|es|\xc3\xa9|is\ now|is\ still)"#,
        r#"(?:[ \t]{1,3}|[ \t]?\r?\n[ \t>]{0,8}|:[ \t]{0,8}(?:\r?\n[ \t>]{0,8})?))"#,
        r#"(?:[bu@]?(?:\\?["'`]|\*){1,2}([^"'`\r\n]{4,200}?)\\?["'`]|([^\s"'`,;<>]{4,200}))"#,
        r#"|>[ \t]{0,4}([^<\s]{4,200})[ \t]{0,4}<"#,
        r#"|(?:[ \t]{0,2},[ \t]{0,4}|[ \t]{1,4}|\(|\.assign\()\\?["']([^"'`\s]{4,200}?)\\?["'])"#,
    ))
});

/// An option of a command, and its value: `--password hunter2`.
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| compiled(r#"(?i)\A([a-z]+)[ \t=]{1,4}["']?([^\s"'`,;<>-][^\s"'`,;<>]{5,100})"#));

/// Looks whether a secret follows the word of [`WORDS`] at byte `at`.
pub fn hit(text: &str, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let end = text.floor_char_boundary(bytes.len().min(at + BYTES_MAX));
    let piece = &text[at..end];
    let name = Name::read(text, at);
    if !name.may_hold(piece) {
        return None;
    }
    let (word, value) = if name.is_option()
        && let Some(found) = option(piece)
    {
        found
    } else {
        let captures = ASSIGNMENT.captures(piece.as_bytes())?;
        (piece.get(captures.get(1)?.range())?, value(&name, piece, &captures)?)
    };
    Some(Hit { kind: name.kind(word), start: at + value.start, end: at + value.end, hard: false })
}

/// Returns the name of an option, and where its value stands.
fn option(piece: &str) -> Option<(&str, Range<usize>)> {
    let captures = OPTION.captures(piece.as_bytes())?;
    let place = captures.get(2)?.range();
    let value = piece.get(place.clone())?;
    let is_secret = is_random(value) || value.len() >= 8 && !is_prose(value);
    (is_secret && !is_placeholder(value) && !is_markup(value))
        .then_some((piece.get(captures.get(1)?.range())?, place))
}

/// What stands before the word of a name.
struct Name<'a> {
    /// The rest of the same name: `DB_` before `PASSWORD`.
    prefix: &'a str,
    /// The text before that, up to some words.
    before: &'a str,
}

impl<'a> Name<'a> {
    fn read(text: &'a str, at: usize) -> Self {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'$');
        let run = text.as_bytes()[..at]
            .iter()
            .rev()
            .take(PREFIX_BYTES_MAX)
            .take_while(|byte| is_name(byte))
            .count();
        let before = text.ceil_char_boundary((at - run).saturating_sub(24));
        Self { prefix: &text[at - run..at], before: &text[before..at - run] }
    }

    /// Tells whether the word is one of its own, or a part of a name and not of another word.
    fn may_hold(&self, piece: &str) -> bool {
        let word: String = piece.chars().take(2).collect();
        let is_title =
            word.starts_with(char::is_uppercase) && word.chars().nth(1).is_some_and(char::is_lowercase);
        let lower = piece.as_bytes()[..piece.len().min(8)].to_ascii_lowercase();
        let begins = |word: &[u8]| lower.starts_with(word);
        let joined = self.prefix.ends_with(|c: char| c.is_ascii_alphabetic()) && !is_title;
        if begins(b"auth") && self.prefix.eq_ignore_ascii_case("o") {
            return true;
        }
        if !joined {
            return true;
        }
        if begins(b"key") || begins("schl".as_bytes()) {
            return self.opens_something();
        }
        let is_long = begins(b"passw") || begins(b"token") || begins(b"secret") || begins(b"pwd");
        is_long || begins(b"pass") && self.is_account()
    }

    /// Tells whether `key` is one of an interface, an account or a cipher.
    fn opens_something(&self) -> bool {
        let words = if self.prefix.is_empty() { self.before } else { self.prefix };
        let words = words.trim_end_matches([' ', '_', '-', '.']).to_ascii_lowercase();
        let in_sentence = self.prefix.is_empty() && self.before.ends_with([' ', '-']);
        (in_sentence || !self.prefix.is_empty()) && KEYS.iter().any(|key| words.ends_with(key))
    }

    /// Tells whether this is a setting: its name in capitals, alone, and the value right behind `=`.
    fn is_setting(&self, piece: &str) -> bool {
        let name = piece.split('=').next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        self.prefix.ends_with('_') && self.prefix.chars().all(is_name) && name.chars().all(is_name)
    }

    fn is_account(&self) -> bool {
        let prefix = self.prefix.to_ascii_lowercase();
        ["db", "user", "root", "admin", "mysql", "smtp", "ftp", "auth", "key"]
            .iter()
            .any(|word| prefix.ends_with(word))
    }

    fn is_option(&self) -> bool {
        self.prefix.starts_with('-') && self.before.ends_with([' ', '\t', '\n', '(', '`'])
    }

    fn kind(&self, word: &str) -> &'static str {
        let word = word.to_ascii_lowercase();
        let prefix = self.prefix.to_ascii_lowercase();
        let has = |part: &str| word.contains(part) || prefix.contains(part);
        if has("token") {
            "token"
        } else if has("key") || has("schl") {
            "api-key"
        } else if has("secret") && !word.contains("string") {
            "secret"
        } else if word == "pin" {
            "pin"
        } else {
            "password"
        }
    }
}

/// Returns where the value stands in `piece`, if it is a secret.
fn value(name: &Name<'_>, piece: &str, captures: &Captures<'_>) -> Option<Range<usize>> {
    let word = piece.get(captures.get(1)?.range())?;
    let rest = piece.get(captures.get(2)?.range())?;
    // The value of an element only where the name is one: `<password>…</password>`.
    let element = captures.get(6).filter(|_| rest.is_empty() && name.before.ends_with('<'));
    let quoted = captures.get(4).or(element);
    let listed = captures.get(7);
    let bare = captures.get(5);
    let mut place = quoted.or(listed).or(bare)?.range();
    if bare.is_some() {
        place.end = place.start + trimmed(&piece[place.clone()], name).len();
    }
    let value = piece.get(place.clone())?;
    if is_placeholder(value)
        || value.chars().count() < 4
        || is_markup(value)
        || is_about(word, rest)
        || word.len() == 2 && !rest.is_empty()
    {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let random = is_random(value);
    let named = !rest.is_empty() || lower == "auth" || lower.starts_with("credential") || lower == "passe";
    let is_long = value.len() >= LONG
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_.".contains(&byte));
    let is_other_key = lower == "key" && !name.opens_something();
    let is_secret = if lower == "identified by" || lower == "securestring" {
        true
    } else if is_other_key {
        is_long && random && !value.contains(['_', '-', '.'])
    } else if quoted.is_some() {
        (!value.contains(' ') || lower.ends_with("phrase")) && !is_prose(value) && (lower != "auth" || random)
    } else if listed.is_some() {
        random || word == "PASSWORD"
    } else if lower == "auth" {
        random && value.len() >= 8
    } else if random || is_long && name.is_setting(piece) {
        true
    } else {
        !named && is_alone(&lower, piece, captures, &place) && !is_prose(value)
    };
    is_secret.then_some(place)
}

/// Cuts off what ends a sentence or a query and not a value.
fn trimmed<'a>(value: &'a str, name: &Name<'_>) -> &'a str {
    let in_query = name.prefix.is_empty() && name.before.ends_with(['?', '&']);
    let cut = if in_query { value.find(['&', '#']) } else { None };
    value[..cut.unwrap_or(value.len())].trim_end_matches(['.', ',', ':', ';', '?', ')', ']', '}', '*', '\\'])
}

/// Tells whether a name goes on after its word, to another one: `tokenizer`, `password_file`.
fn is_about(word: &str, rest: &str) -> bool {
    let Some(first) = rest.chars().next() else { return false };
    let is_capital = word.ends_with(|c: char| c.is_ascii_uppercase());
    if first.is_ascii_lowercase() || is_capital && first.is_ascii_uppercase() {
        return true;
    }
    let start = rest.rfind(|c: char| !c.is_ascii_lowercase()).unwrap_or_default();
    let last = rest[start..].trim_start_matches(['_', '-', '.']).to_ascii_lowercase();
    let all = rest.to_ascii_lowercase();
    ABOUT.iter().any(|about| last == *about || all.ends_with(&format!("_{about}")))
}

/// A word of a language is a password only after a strong name and alone on its line.
fn is_alone(word: &str, piece: &str, captures: &Captures<'_>, place: &Range<usize>) -> bool {
    let strong = word.contains("pass") && !word.ends_with("pass") || word.contains("wort");
    let Some(sign) = captures.get(3) else { return false };
    let rest = piece[place.end..].lines().next().unwrap_or_default();
    let spelt = sign.as_bytes().iter().any(|byte| matches!(byte, b':' | b'='));
    let same_line = !sign.as_bytes().contains(&b'\n');
    strong && spelt && same_line && rest.trim_matches(['.', ' ', '\t', '\\']).is_empty()
}

fn compiled(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("the pattern is a constant that the tests compile")
}
