//! What a value looks like: random, a word, a placeholder, a piece of code.

/// Tells whether a value is no word of a language: a digit among letters, a symbol, odd capitals,
/// or a long number.
pub fn is_random(value: &str) -> bool {
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
pub fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 19] = [
        "password",
        "pw",
        "pwd",
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
    let bare = value.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let first = value.chars().next();
    let repeats = first.is_some_and(|first| value.chars().all(|c| c == first));
    let masked = value.chars().filter(|c| matches!(c, '*' | '•' | '●' | '…' | '.' | '?' | '_' | '-')).count();
    let bytes = value.as_bytes();
    let longest = bytes.chunk_by(|a, b| a.eq_ignore_ascii_case(b)).map(<[u8]>::len).max().unwrap_or_default();
    let begins = |word: &str| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    repeats
        || longest >= 6 && longest * 2 > bytes.len()
        || masked * 2 > value.chars().count()
        || value.starts_with(['<', '[', '{', '(', '$', '%'])
        || WORDS.iter().any(|word| bare.eq_ignore_ascii_case(word))
        || ["your", "example", "xxxx", "redacted"].iter().any(|word| begins(word))
        || value.contains("EXAMPLE")
}

/// Tells whether a value is code, markup or an address: something that fetches a secret or names a page.
pub fn is_markup(value: &str) -> bool {
    let code = ["(", "::", "->", "[secret:", "[hidden:", "process.env", "os.environ", "getenv", "${", "{{"];
    value.contains("://") || value.starts_with("www.") || code.iter().any(|sign| value.contains(sign))
}

/// Tells whether a word after `password:` says something about the password.
pub fn is_prose(value: &str) -> bool {
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
