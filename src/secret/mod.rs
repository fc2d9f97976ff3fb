//! Finds secrets in text and takes them out.
//!
//! Vendors' keys by their documented [`shapes`], what the words in front give away
//! (`assignments`), `numbers` of cards and accounts, the operator's own [`rules`], and [`known`]
//! secrets in any spelling. Keys are also found through one pass of `decode`. Nothing here may ever
//! show, log or keep a value that it found.
//!
//! One search for the beginnings of shapes and for the words of names goes over the text; a pattern
//! is only tried where one of them stands.

mod assignments;
mod checks;
mod decode;
mod entropy;
pub mod known;
mod numbers;
pub mod rules;
pub mod shapes;
mod values;

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

use decode::{Decoded, Escape};
pub use known::Known;
use rules::Rules;
use shapes::SHAPES;

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

/// What is looked for: our own shapes, and the operator's rules.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    extra: Rules,
}

impl Scanner {
    /// Returns a scanner that also looks for what the operator's rules say.
    pub fn new(extra: Rules) -> Self {
        Self { extra }
    }

    /// Returns every secret that shows itself by its shape or by the words in front of it.
    ///
    /// In the order of the text, and no two overlap.
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        let mut hits = plain(text);
        for decoded in decode::base64_runs(text).iter().chain(&escaped(text)) {
            hits.extend(inside(decoded));
        }
        hits.extend(numbers::hits(text));
        hits.extend(self.extra.hits(text));
        merged(hits)
    }

    /// Returns `text` with every secret in it replaced by `[secret:KIND]`, and the kinds.
    ///
    /// The name in front of a value stays: `password: [secret:password]`.
    pub fn redact(&self, text: &str, known: &Known) -> (String, Vec<&'static str>) {
        let mut hits = self.scan(text);
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

    /// Returns the random runs of a text that goes out, where [`Scanner::scan`] finds nothing: a person
    /// is asked about them, and nothing more.
    pub fn random(&self, text: &str) -> Vec<Hit> {
        let (found, marks) = (self.scan(text), marks(text));
        let overlaps = |hit: &Hit| found.iter().any(|known| hit.start < known.end && known.start < hit.end);
        entropy::hits(text).into_iter().filter(|hit| !in_a_mark(&marks, hit) && !overlaps(hit)).collect()
    }
}

/// Scans by our own shapes and names alone; see [`Scanner::scan`].
pub fn scan(text: &str) -> Vec<Hit> {
    Scanner::default().scan(text)
}

/// Redacts by our own shapes and names, and what is known; see [`Scanner::redact`].
pub fn redact(text: &str, known: &Known) -> (String, Vec<&'static str>) {
    Scanner::default().redact(text, known)
}

/// What a piece of text may be the beginning of.
#[derive(Clone, Copy)]
enum Beginning {
    /// The shape of this index.
    Shape(usize),
    /// A word of a name.
    Name,
}

/// What is searched for, and what each of it may be the beginning of.
static LITERALS: LazyLock<(Vec<String>, Vec<Beginning>)> = LazyLock::new(|| {
    let mut literals: Vec<String> = Vec::new();
    let mut beginnings = Vec::new();
    for (index, shape) in SHAPES.iter().enumerate() {
        literals.extend(shape.literals.iter().map(|literal| (*literal).to_owned()));
        beginnings.resize(literals.len(), Beginning::Shape(index));
    }
    for word in assignments::WORDS {
        let mut title = word.chars();
        let first = title.next().map(char::to_uppercase).into_iter().flatten();
        literals.extend([(*word).to_owned(), first.chain(title).collect(), word.to_uppercase()]);
        beginnings.resize(literals.len(), Beginning::Name);
    }
    (literals, beginnings)
});

/// The bytes of a process from which on an automaton is worth the time that it takes to make.
const MANY_BYTES: usize = 64 * 1024;

/// Returns where which of the [`LITERALS`] stands, by where they end and then where they begin.
fn beginnings(text: &str) -> Vec<(usize, usize)> {
    static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);
    let before = LOOKED_AT.fetch_add(text.len(), Ordering::Relaxed);
    if before.saturating_add(text.len()) < MANY_BYTES { one_by_one(text) } else { all_at_once(text) }
}

/// Compares each literal that begins as the text goes on: a tick or a send of a few short texts is over before
/// an automaton would be made.
fn one_by_one(text: &str) -> Vec<(usize, usize)> {
    static BY_FIRST: LazyLock<Vec<Vec<usize>>> = LazyLock::new(|| {
        let mut by_first = vec![Vec::new(); 256];
        for (index, literal) in LITERALS.0.iter().enumerate() {
            by_first[usize::from(literal.as_bytes()[0])].push(index);
        }
        by_first
    });
    let (literals, text) = (&LITERALS.0, text.as_bytes());
    let mut found = Vec::new();
    for (start, first) in text.iter().enumerate() {
        let stands = |index: &&usize| text[start..].starts_with(literals[**index].as_bytes());
        found.extend(BY_FIRST[usize::from(*first)].iter().filter(stands).map(|index| (start, *index)));
    }
    found.sort_by_key(|(start, index)| (start + literals[*index].len(), *start, *index));
    found
}

fn all_at_once(text: &str) -> Vec<(usize, usize)> {
    static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let search = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&LITERALS.0);
        search.expect("a few hundred short literals make a small search")
    });
    SEARCH.find_overlapping_iter(text).map(|found| (found.start(), found.pattern().as_usize())).collect()
}

/// Finds shapes and assignments in a text as it stands.
fn plain(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut named = Vec::new();
    for (start, literal) in beginnings(text) {
        match LITERALS.1[literal] {
            Beginning::Shape(index) => {
                let hit = SHAPES[index].hit(index, text.as_bytes(), start);
                hits.extend(hit.map(|hit| whole_characters(text, hit)));
            }
            Beginning::Name => named.extend(assignments::hit(text, start)),
        }
    }
    if !named.is_empty() {
        let marks = marks(text);
        hits.extend(named.into_iter().filter(|hit| !in_a_mark(&marks, hit)));
    }
    hits
}

fn escaped(text: &str) -> Vec<Decoded> {
    Escape::ALL.iter().flat_map(|escape| escape.words(text)).collect()
}

/// Finds keys in what a part of a text means; they stand where its spelling does.
fn inside(decoded: &Decoded) -> Vec<Hit> {
    let hits = plain(&decoded.text).into_iter().filter(|hit| hit.hard);
    hits.filter_map(|hit| {
        let place = decoded.place(hit.start..hit.end)?;
        Some(Hit { start: place.start, end: place.end, ..hit })
    })
    .collect()
}

/// Returns where a text has what [`redact`] leaves, which looks like an assignment itself.
fn marks(text: &str) -> Vec<Range<usize>> {
    static MARK: LazyLock<Regex> = LazyLock::new(|| {
        let mark = RegexBuilder::new(r"\[secret:[a-z0-9._-]{2,60}\]").unicode(false).build();
        mark.expect("the pattern is a constant that the tests compile")
    });
    MARK.find_iter(text.as_bytes()).map(|mark| mark.range()).collect()
}

fn in_a_mark(marks: &[Range<usize>], hit: &Hit) -> bool {
    marks.iter().any(|mark| mark.contains(&hit.start))
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

/// Widens a hit to whole characters of `text`.
fn whole_characters(text: &str, hit: Hit) -> Hit {
    Hit { start: text.floor_char_boundary(hit.start), end: text.ceil_char_boundary(hit.end), ..hit }
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

    /// Made up like [`made_up`], with the checksum of GitHub and npm: CRC-32 in base 62.
    fn checked(prefix: &str) -> String {
        made_up(prefix, 30) + ["0H4", "VYC"].concat().as_str()
    }

    #[test]
    fn both_searches_find_the_same() {
        let texts = LITERALS.0.iter().map(|literal| format!("x{literal}x{literal}")).collect::<String>();
        let (few, many) = (one_by_one(&texts), all_at_once(&texts));
        assert!(few.len() >= 2 * LITERALS.0.len());
        assert_eq!(few, many);
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
            ("github-token", checked(&["gh", "p_"].concat())),
            ("github-token", checked(&["gh", "o_"].concat())),
            ("github-token", [made_up(&["github", "_pat_"].concat(), 22), made_up("_", 59)].concat()),
            ("gitlab-token", made_up(&["glp", "at-"].concat(), 20)),
            ("slack-token", made_up(&["xo", "xb-1234567890-"].concat(), 24)),
            ("stripe-key", made_up(&["sk", "_live_"].concat(), 24)),
            ("google-key", made_up(&["AI", "za"].concat(), 35)),
            ("npm-token", checked(&["np", "m_"].concat())),
            ("pypi-token", made_up(&["pypi", "-AgEIcHlwaS5vcmc"].concat(), 60)),
            ("anthropic-key", made_up(&["sk-", "ant-api03-"].concat(), 40)),
            ("openai-key", made_up(&["sk-", "proj-"].concat(), 40)),
            ("openai-key", made_up("sk-", 48)),
            ("sendgrid-key", [made_up(&["S", "G."].concat(), 22), made_up(".", 43)].concat()),
            ("jwt", [["eyJ", "hbGciOiJIUzI1NiJ9"].concat(), made_up(".eyJ", 30), made_up(".", 43)].concat()),
            ("telegram-token", made_up(&["123456789", ":AA"].concat(), 33)),
            ("mailchimp-key", ["0123456789abcdef", "0123456789abcdef", "-us", "12"].concat()),
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

    proptest! {
        #[test]
        fn both_searches_find_the_same_in_any_text(
            parts in prop::collection::vec((0..LITERALS.0.len(), 0usize..4, "[a-zé世 :-]{0,2}"), 0..12)
        ) {
            // Beginnings of literals beside each other, so that one ends within another.
            let text: String = parts.iter().map(|(index, cut, rest)| {
                let literal = &LITERALS.0[*index];
                let end = literal.floor_char_boundary(literal.len().saturating_sub(*cut));
                format!("{}{rest}", &literal[..end])
            }).collect();
            prop_assert_eq!(one_by_one(&text), all_at_once(&text));
        }

        #[test]
        fn any_text_can_be_scanned(text in "(password: |token=|://a:|sk-|[a-z0-9é世 .:=@\n]){0,20}") {
            let hits = scan(&text);
            prop_assert!(hits.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(hits.iter().all(|hit| text.get(hit.start..hit.end).is_some()));
        }
    }
}
