//! Reads the lists of keys that count, and of those that count no more.
//!
//! Formats: "ALLOWED SIGNERS" and "KEY REVOCATION LISTS" of ssh-keygen(1), PROTOCOL.krl of OpenSSH. A
//! list with a line that is not understood is no list: nothing is skipped, least of all a revocation.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::SignatureError;
use super::wire::Reader;
use crate::error::FileError;
use crate::text;

/// How a binary list of revoked keys begins.
const KRL: &[u8] = b"SSHKRL\n\0";

/// A public key, as SSH writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    blob: Vec<u8>,
}

impl PublicKey {
    /// Takes the bytes of a key; they begin with its type.
    pub(super) fn from_blob(blob: &[u8]) -> Option<Self> {
        Reader::new(blob).word()?;
        Some(Self { blob: blob.to_vec() })
    }

    /// Reads `ssh-ed25519 AAAA…`: both parts must say the same type.
    fn parse(key_type: &str, base64: &str) -> Option<Self> {
        let blob = STANDARD.decode(base64).ok()?;
        (Reader::new(&blob).word()? == key_type).then_some(Self { blob })
    }

    /// Returns its name, `SHA256:…`, as ssh-keygen shows it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

/// The keys whose signatures count, and whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    lines: Vec<Line>,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    principals: String,
    is_authority: bool,
    namespaces: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    key: PublicKey,
}

impl AllowedSigners {
    /// Reads a list; `path` is how errors name it, `zone` is where times without a `Z` are.
    ///
    /// # Errors
    /// A line that is not understood.
    pub fn parse(path: &str, list: &str, zone: &TimeZone) -> Result<Self, FileError> {
        let mut lines = Vec::new();
        for (index, line) in list.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                lines.push(Line::parse(line, zone).map_err(|what| FileError::new(path, what).at(index + 1))?);
            }
        }
        Ok(Self { lines })
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Says whether a key signs for `who` at `now`; one line that says so is enough.
    pub(super) fn allow(
        &self,
        key: &PublicKey,
        who: &str,
        namespace: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let mut refusal = None;
        for line in self.lines.iter().filter(|line| line.key == *key) {
            match line.refuse(who, namespace, now) {
                None => return Ok(()),
                // Of several lines, the one about this person says what is wrong.
                Some(why) if refusal.is_none() || line.names(who) => refusal = Some(why),
                Some(_) => {}
            }
        }
        Err(refusal.unwrap_or_else(|| SignatureError::UnknownKey { fingerprint: key.fingerprint() }))
    }
}

impl Line {
    fn parse(line: &str, zone: &TimeZone) -> Result<Self, String> {
        let mut words = words(line).ok_or("a quote is not closed")?.into_iter();
        let principals = words.next().unwrap_or_default().replace('"', "");
        let mut parsed = Line {
            principals,
            is_authority: false,
            namespaces: None,
            from: None,
            until: None,
            key: PublicKey { blob: Vec::new() },
        };
        let mut key_type = words.next().ok_or("there is no key")?;
        if !is_key_type(&key_type) {
            parsed.read_options(&key_type, zone)?;
            key_type = words.next().ok_or("there is no key")?;
        }
        if !is_key_type(&key_type) {
            return Err(format!("`{}` is no type of a key", text::one_line(&key_type, 40)));
        }
        let base64 = words.next().unwrap_or_default();
        parsed.key = PublicKey::parse(&key_type, &base64).ok_or("the key cannot be read")?;
        Ok(parsed)
    }

    fn read_options(&mut self, options: &str, zone: &TimeZone) -> Result<(), String> {
        for option in parted(options, ',') {
            let (name, value) = option.split_once('=').unwrap_or((&option, ""));
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            let time = || time_of(value, zone).ok_or(format!("`{}` is no time", text::one_line(value, 40)));
            let slot = match name.to_ascii_lowercase().as_str() {
                "cert-authority" if value.is_empty() && !self.is_authority => {
                    self.is_authority = true;
                    continue;
                }
                "namespaces" if !value.is_empty() && self.namespaces.is_none() => {
                    self.namespaces = Some(value.to_owned());
                    continue;
                }
                "valid-after" => &mut self.from,
                "valid-before" => &mut self.until,
                _ => return Err(format!("the option `{}` is not understood", text::one_line(&option, 60))),
            };
            if slot.replace(time()?).is_some() {
                return Err(format!("the option `{}` stands there twice", text::one_line(name, 60)));
            }
        }
        Ok(())
    }

    /// Tells whether the line names an address itself; a pattern does not say whose key it is.
    fn names(&self, who: &str) -> bool {
        let mut listed = self.principals.split(',');
        !self.principals.contains('!') && listed.any(|listed| listed.eq_ignore_ascii_case(who))
    }

    fn refuse(&self, who: &str, namespace: &str, now: Timestamp) -> Option<SignatureError> {
        let fingerprint = self.key.fingerprint();
        if self.is_authority {
            Some(SignatureError::Authority { fingerprint })
        } else if !self.names(who) && self.principals.contains(['*', '?', '!']) {
            Some(SignatureError::Pattern { fingerprint, who: who.to_owned() })
        } else if !self.names(who) {
            let whose = text::one_line(&self.principals, 100);
            Some(SignatureError::SomebodyElse { fingerprint, who: who.to_owned(), whose })
        } else if self.namespaces.as_ref().is_some_and(|list| !matches_list(namespace, list)) {
            Some(SignatureError::NotForGit { fingerprint })
        } else if let Some(from) = self.from.filter(|from| now < *from) {
            Some(SignatureError::NotYet { fingerprint, from })
        } else {
            let until = self.until.filter(|until| now >= *until)?;
            Some(SignatureError::Expired { fingerprint, until })
        }
    }
}

/// The keys that count no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    keys: Vec<PublicKey>,
    sha1: Vec<Vec<u8>>,
    sha256: Vec<Vec<u8>>,
}

impl Revoked {
    /// Reads a list of public keys, one a line, or a KRL; `path` is how errors name it.
    ///
    /// # Errors
    /// Anything in it that is not understood.
    pub fn parse(path: &str, list: &[u8]) -> Result<Self, FileError> {
        if list.starts_with(KRL) {
            return Self::parse_krl(list).map_err(|what| {
                FileError::new(path, what)
                    .with_hint("write the revoked public keys into a plain file, one a line")
            });
        }
        let list = std::str::from_utf8(list)
            .map_err(|_| FileError::new(path, "it is neither a list of public keys nor a KRL"))?;
        let mut revoked = Self::default();
        for (index, line) in list.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || FileError::new(path, "the revoked key cannot be read").at(index + 1);
            // Options may stand before a key, as in authorized_keys.
            let words = words(line).ok_or_else(wrong)?;
            let at = words.iter().position(|word| is_key_type(word)).filter(|at| *at <= 1);
            let pair = at.and_then(|at| Some((&words[at], words.get(at + 1)?))).ok_or_else(wrong)?;
            revoked.keys.push(PublicKey::parse(pair.0, pair.1).ok_or_else(wrong)?);
        }
        Ok(revoked)
    }

    /// Reads a KRL: keys and fingerprints; certificates do not count here anyway.
    fn parse_krl(bytes: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "the KRL is cut off";
        let mut reader = Reader::new(bytes);
        reader.take(KRL.len()).ok_or(CUT)?;
        if reader.u32().ok_or(CUT)? != 1 {
            return Err("the version of the KRL is not known");
        }
        // Its number, its date and its flags: each has eight bytes. Then a reserved string and a comment.
        reader.take(24).ok_or(CUT)?;
        reader.string().ok_or(CUT)?;
        reader.string().ok_or(CUT)?;
        let mut revoked = Self::default();
        while !reader.is_empty() {
            let section = reader.byte().ok_or(CUT)?;
            let mut inner = Reader::new(reader.string().ok_or(CUT)?);
            while !inner.is_empty() && section != 1 {
                let value = inner.string().ok_or(CUT)?;
                match (section, value.len()) {
                    (2, _) => revoked.keys.push(PublicKey::from_blob(value).ok_or(CUT)?),
                    (3, 20) => revoked.sha1.push(value.to_vec()),
                    (5, 32) => revoked.sha256.push(value.to_vec()),
                    _ => return Err("the KRL has a part that is not understood"),
                }
            }
        }
        Ok(revoked)
    }

    /// Tells whether a key is revoked.
    pub fn contains(&self, key: &PublicKey) -> bool {
        let is_in = |list: &[Vec<u8>], digest: &[u8]| list.iter().any(|known| known == digest);
        self.keys.contains(key)
            || is_in(&self.sha1, &Sha1::digest(&key.blob))
            || is_in(&self.sha256, &Sha256::digest(&key.blob))
    }
}

/// Tells whether a word names a type of keys, and is no option.
fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|begin| word.starts_with(begin)) && !word.contains(['=', ',', '"'])
}

/// Parts a line at blanks that are not quoted; none where a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    // A comment behind the key may hold anything.
    let mut words: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                words.last_mut()?.push(c);
            }
            ' ' | '\t' if !quoted => {
                let is_whole = words.len() >= 2 && is_key_type(&words[words.len() - 2]);
                if !words.last()?.is_empty() {
                    if is_whole {
                        return Some(words);
                    }
                    words.push(String::new());
                }
            }
            c => words.last_mut()?.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    (!quoted).then_some(words)
}

/// Parts a text at a mark that is not quoted.
fn parted(text: &str, mark: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        match parts.last_mut() {
            Some(part) if c != mark || quoted => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// Reads `YYYYMMDD` or `YYYYMMDDHHMM[SS]`, with a `Z` for UTC.
fn time_of(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (digits, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(digits) => (digits, &TimeZone::UTC),
        None => (text, zone),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |part| part.parse().ok());
    let time = DateTime::new(
        digits[..4].parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
        0,
    );
    Some(time.ok()?.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Matches a word against a list of patterns as OpenSSH does: `*`, `?`, and `!` for what shall not match.
fn matches_list(word: &str, list: &str) -> bool {
    let (barred, allowed): (Vec<&str>, Vec<&str>) =
        list.split(',').map(str::trim).partition(|pattern| pattern.starts_with('!'));
    let barred = barred.iter().any(|pattern| matches(word.as_bytes(), &pattern.as_bytes()[1..]));
    !barred && allowed.iter().any(|pattern| matches(word.as_bytes(), pattern.as_bytes()))
}

fn matches(word: &[u8], pattern: &[u8]) -> bool {
    match (pattern, word) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            // Stars in a row are one.
            let stars = rest.iter().take_while(|letter| **letter == b'*').count();
            (0..=word.len()).any(|skipped| matches(&word[skipped..], &rest[stars..]))
        }
        ([b'?', rest @ ..], [_, word @ ..]) => matches(word, rest),
        ([first, rest @ ..], [letter, word @ ..]) => first == letter && matches(word, rest),
        _ => false,
    }
}
