//! Takes secrets out of a message, before a brain or git sees anything of it.
//!
//! What is taken out is known from then on: in the other messages of its thread, in the prompt and in
//! the answer. The same message in the same thread always comes out the same.

use std::collections::BTreeSet;

use crate::entry::About;
use crate::guard::fingerprint::Origin;
use crate::guard::{Class, Found, Secrets, marked};
use crate::message::{Address, Fetched, Message, Unreadable, sha256_hex};
use crate::secret::{Known, Scanner};
use crate::text;

/// A value that shows itself in a message. Its debug text never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({:?})", self.origin)
    }
}

/// Letters below which a value is not looked for elsewhere: a PIN is also a year.
const ELSEWHERE_CHARS_MIN: usize = 6;

/// The most different values of one message that are looked for elsewhere: whoever writes thousands
/// would make room for them in the list of what is known.
pub const VALUES_MAX: usize = 50;

/// The most messages with one id and different texts that are told apart whatever is taken out of them.
const SAME_ID_MAX: usize = 16;

/// Returns what shows itself as a secret in a message, and is long enough to be looked for elsewhere:
/// each value once, those that have the shape of one first, and at most [`VALUES_MAX`].
pub fn values(scanner: &Scanner, message: &Message) -> Vec<Value> {
    let mut values = different_values(scanner, message);
    values.truncate(VALUES_MAX);
    values
}

fn different_values(scanner: &Scanner, message: &Message) -> Vec<Value> {
    let mut values = Vec::new();
    let mut seen = BTreeSet::new();
    let mut message = message.clone();
    for text in texts(&mut message) {
        for hit in scanner.scan(text) {
            let value = &text[hit.start..hit.end];
            let is_number = value.len() < 8 && value.bytes().all(|byte| byte.is_ascii_digit());
            if value.chars().count() >= ELSEWHERE_CHARS_MIN && !is_number && seen.insert(value.to_owned()) {
                let origin = Origin::of_message(value, hit.hard);
                values.push(Value { text: value.to_owned(), origin });
            }
        }
    }
    values.sort_by_key(|value| value.origin);
    values
}

/// What the ledger may know a message by.
#[derive(Clone)]
pub struct Identity {
    /// Its id as it came, which may have a secret in it: for comparing and deriving alone.
    native: String,
    /// Its id as it is noted.
    pub message: String,
    /// Its digest without its secrets; of a message that cannot be read, what is wrong with it.
    pub digest: String,
    /// The digest at a time when nothing was known but shapes.
    shown_digest: String,
    /// The keyed hash of it as it came, whatever is taken out; none where it could not be read at all.
    pub fetched: Option<String>,
}

impl Identity {
    /// Makes the identity of what its source could not read.
    pub fn of_unreadable(unreadable: &Unreadable) -> Self {
        let Unreadable { id, what, .. } = unreadable;
        let what = text::one_line(what, 200);
        Self {
            native: id.clone(),
            message: id.clone(),
            digest: what.clone(),
            shown_digest: what,
            fetched: None,
        }
    }

    /// Tells whether a message of which this was noted has the same id.
    pub fn has_id(&self, known: &About<'_>) -> bool {
        known.message == self.message || known.message == self.native
    }

    /// Tells whether it is the message of which this was noted.
    ///
    /// The digests tell it where the key was lost, or nothing was noted that needs one.
    pub fn is(&self, known: &About<'_>) -> bool {
        let is_as_it_came = self.fetched.is_some() && known.fetched == self.fetched.as_deref();
        let reads_the_same = known.digest == self.digest || known.digest == self.shown_digest;
        self.has_id(known) && (is_as_it_came || reads_the_same)
    }

    /// Returns what the first entry of its story says about it.
    pub fn about(&self) -> About<'_> {
        let Self { message, digest, fetched, .. } = self;
        About { message, digest, fetched: fetched.as_deref() }
    }

    /// Returns what the draft's id is derived from: the first of these that no other message has.
    ///
    /// They are numbered, so that they are the same whatever is taken out; but the second is
    /// [`Identity::name_by_text`].
    pub fn names(&self) -> impl Iterator<Item = String> {
        let numbered = (2..=SAME_ID_MAX).map(|number| format!("{}\n{number}", self.message));
        [self.message.clone(), self.name_by_text()].into_iter().chain(numbered)
    }

    /// Returns the name of a message that an earlier program told apart by its text, and of one whose
    /// other names are all taken.
    pub fn name_by_text(&self) -> String {
        format!("{}\n{}", self.message, self.digest)
    }

    /// Returns the name that it may have had before a secret was seen in its id.
    pub fn name_before(&self) -> Option<&str> {
        (self.native != self.message).then_some(&self.native)
    }
}

/// Takes the secrets out of what a source gave; returns what the ledger may know it by, too.
pub fn without_secrets(fetched: Fetched, secrets: &Secrets) -> (Fetched, Identity) {
    let mut message = match fetched {
        Ok(message) => message,
        Err(unreadable) => {
            let identity = Identity::of_unreadable(&unreadable);
            return (Err(unreadable), identity);
        }
    };
    let (native, as_it_came) = (message.id.clone(), Some(secrets.key.of_message(&message)));
    let thread = secrets.key.of_thread(&message.source, &message.thread);
    match take_out(&mut message, secrets, &thread) {
        Ok(shown_digest) => {
            let (id, digest) = (message.id.clone(), message.digest());
            let identity = Identity { native, message: id, digest, shown_digest, fetched: as_it_came };
            (Ok(message), identity)
        }
        Err(unreadable) => {
            let identity = Identity { native, fetched: as_it_came, ..Identity::of_unreadable(&unreadable) };
            (Err(unreadable), identity)
        }
    }
}

/// Takes every secret out of a message: those that show themselves, and those that are known in it.
///
/// `thread` is the keyed hash of the message's thread. Returns the digest of the message without what
/// shows itself alone: that of a time when nothing else was known.
///
/// # Errors
/// A secret stands where nothing can be taken out: in its id, in its thread's, or in an address. Or there
/// are more different ones than are looked for elsewhere: then one could stand in it once more.
fn take_out(message: &mut Message, secrets: &Secrets, thread: &str) -> Result<String, Unreadable> {
    let grave = |text: &str| secrets.find_inbound(text, thread).iter().any(|found| found.class > Class::Soft);
    let people = |people: &[Address]| people.iter().any(|one| grave(&one.email));
    if grave(&message.id)
        || grave(&message.thread)
        || grave(&message.from.email)
        || people(&message.to)
        || people(&message.cc)
        || people(&message.reply_to)
    {
        return Err(Unreadable {
            source: message.source.clone(),
            id: format!("sha256:{}", sha256_hex(message.id.as_bytes())),
            what: "has a secret in its id or in an address, where it cannot be taken out".to_owned(),
        });
    }
    message.references.retain(|id| !grave(id));
    message.in_reply_to = message.in_reply_to.take().filter(|id| !grave(id));
    let own = different_values(&secrets.scanner, message);
    if own.len() > VALUES_MAX {
        return Err(Unreadable {
            source: message.source.clone(),
            id: message.id.clone(),
            what: "holds more secrets than are looked at".to_owned(),
        });
    }
    let own = Known::new(own.into_iter().map(|value| value.text));
    let mut kinds = BTreeSet::new();
    // First by shape, so that a mark says what it was; then what is known, in any spelling.
    for text in texts(message) {
        let found = super::shown(&secrets.scanner, text);
        *text = marked(text, &found);
        kinds.extend(found.into_iter().map(|found| found.kind));
    }
    let shown_digest = message.digest();
    for text in texts(message) {
        let own = own.hits(text).into_iter().map(|hit| Found::known(hit.start..hit.end));
        let found = super::merged(secrets.find_inbound(text, thread).into_iter().chain(own).collect());
        *text = marked(text, &found);
        kinds.extend(found.into_iter().map(|found| found.kind));
    }
    message.findings.extend(kinds.into_iter().map(|kind| format!("a secret was taken out ({kind})")));
    Ok(shown_digest)
}

/// Returns every text of a message that somebody wrote freely.
fn texts(message: &mut Message) -> Vec<&mut String> {
    let Message { from, to, cc, reply_to, subject, headers, body, attachments, .. } = message;
    let people = [from].into_iter().chain(to).chain(cc).chain(reply_to);
    let mut texts: Vec<&mut String> = vec![subject, body];
    texts.extend(people.map(|one| &mut one.name));
    texts.extend(headers.iter_mut().map(|(_, value)| value));
    texts.extend(attachments);
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::fingerprint::{Fingerprints, Key};

    fn token() -> String {
        ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat()
    }

    fn secrets() -> Secrets {
        let key = Key::new(&[7; Key::BYTES]);
        Secrets {
            key,
            fingerprints: Fingerprints::default(),
            known: Known::new([["our", "-own-key1"].concat()]),
            scanner: Scanner::default(),
        }
    }

    fn taken_out(secrets: &Secrets, message: &Message) -> Message {
        let mut clean = message.clone();
        take_out(&mut clean, secrets, "thread").unwrap();
        clean
    }

    #[test]
    fn every_field_that_somebody_wrote_is_looked_through() {
        let token = token();
        let message = Message {
            id: "<a@b>".to_owned(),
            from: Address::new(&token, "ada@example.org"),
            to: vec![Address::new(&token, "sam@example.com")],
            cc: vec![Address::new(&token, "kim@example.com")],
            reply_to: vec![Address::new(&token, "ada@example.org")],
            subject: token.clone(),
            headers: vec![("list-id".to_owned(), token.clone())],
            body: token.clone(),
            attachments: vec![format!("{token}.txt")],
            references: vec![format!("<{token}@b>"), "<c@b>".to_owned()],
            in_reply_to: Some(format!("<{token}@b>")),
            ..Message::default()
        };
        let clean = taken_out(&secrets(), &message);
        assert!(!format!("{clean:?}").contains(&token[4..20]), "{clean:?}");
        assert_eq!(clean.attachments, ["[secret:github-token].txt"]);
        assert_eq!((clean.references, clean.in_reply_to), (vec!["<c@b>".to_owned()], None));
        assert_eq!(clean.findings, ["a secret was taken out (github-token)"]);
    }

    #[test]
    fn a_secret_that_cannot_be_taken_out_makes_the_message_unreadable() {
        let bad = |change: fn(&mut Message, String)| {
            let mut message = Message { id: "<a@b>".to_owned(), ..Message::default() };
            change(&mut message, format!("<{}@b>", token()));
            let error = take_out(&mut message, &secrets(), "thread").unwrap_err();
            assert!(!format!("{error:?}").contains(&token()[4..20]));
        };
        bad(|message, id| message.id = id);
        bad(|message, id| message.thread = id);
        bad(|message, id| message.from.email = id);
        bad(|message, id| message.cc = vec![Address { name: String::new(), email: id }]);
    }

    #[test]
    fn what_was_taken_out_is_known_in_its_own_thread() {
        let mut secrets = secrets();
        let first = Message { body: "Password: sunshine\n".to_owned(), ..Message::default() };
        assert_eq!(taken_out(&secrets, &first).body, "Password: [secret:password]\n");
        let second = Message { body: "sunshine does not work\n".to_owned(), ..Message::default() };
        assert_eq!(taken_out(&secrets, &second).body, second.body);
        for value in values(&Scanner::default(), &first) {
            secrets.fingerprints.add(&secrets.key.clone(), &value.text, value.origin, Some("thread"));
        }
        assert_eq!(taken_out(&secrets, &second).body, "[secret:known] does not work\n");
        let mut other = second.clone();
        let digest = take_out(&mut other, &secrets, "another thread").unwrap();
        assert_eq!(digest, second.digest());
        assert_eq!(other.body, second.body);
    }

    #[test]
    fn our_own_credentials_are_taken_out() {
        let message = Message { body: "is our-own-key1 ours?".to_owned(), ..Message::default() };
        assert_eq!(taken_out(&secrets(), &message).body, "is [secret:known] ours?");
    }

    #[test]
    fn a_short_value_is_not_looked_for_elsewhere() {
        let body = "The PIN is 2026.\nPIN: 471147\nPassword: hunter2\n";
        let message = Message { body: body.to_owned(), ..Message::default() };
        let values: Vec<String> =
            values(&Scanner::default(), &message).into_iter().map(|value| value.text).collect();
        assert_eq!(values, ["hunter2"]);
    }

    #[test]
    fn a_message_of_thousands_of_secrets_is_unreadable_and_a_few_of_them_are_noted() {
        let lines = |count: usize| (0..count).map(|n| format!("password: Plum-{n:05}-Tractor\n"));
        let with = |count| Message {
            id: "<a@b>".to_owned(),
            body: lines(count).collect::<String>() + &token(),
            ..Message::default()
        };
        let scanner = Scanner::default();
        let few = values(&scanner, &with(VALUES_MAX - 1));
        assert_eq!(few.len(), VALUES_MAX);
        assert!(!format!("{:?}", taken_out(&secrets(), &with(VALUES_MAX - 1))).contains("Tractor"));
        let many = values(&scanner, &with(5_000));
        assert_eq!((many.len(), many[0].origin), (VALUES_MAX, Origin::Hard), "a shape is noted first");
        let error = take_out(&mut with(5_000), &secrets(), "thread").unwrap_err();
        assert_eq!(error.what, "holds more secrets than are looked at");
        let same = Message { body: "password: Plum-Tractor-4417\n".repeat(60), ..Message::default() };
        assert_eq!(values(&scanner, &same).len(), 1);
        assert!(take_out(&mut same.clone(), &secrets(), "thread").is_ok());
    }
}
