//! What the machine did with one draft: the entries of the ledger, oldest first.
//!
//! An entry is a fact that is only ever added. Its file is TOML, one fact a file, named
//! `2-claimed.toml` after its number and its kind.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::FileError;
use crate::id::ObjectId;
use crate::message::Address;
use crate::plan::{Action, Confidence, Tier};
use crate::version;

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it was written, by the machine's clock.
    pub at: Timestamp,
    /// The machine that wrote it.
    pub host: String,
    /// The transmission that it belongs to, from 1.
    pub generation: u32,
    /// What happened.
    pub fact: Fact,
}

/// What happened to a draft.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The message was judged not worth an answer.
    Ignored(Ignored),
    /// A draft was made of a message.
    Drafted(Box<Drafted>),
    /// An approval was taken up; nothing irrevocable has happened yet.
    Claimed(Claimed),
    /// From here on it may have gone out.
    Sending,
    /// The other side has taken it, or a person says so.
    Sent {
        /// The other side's words or id.
        receipt: String,
    },
    /// The sink does nothing by design; this is what it would have done.
    Rehearsed {
        /// The SHA-256 of what would have gone out.
        spec_hash: String,
    },
    /// The other side said later.
    Deferred {
        /// When to try again.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// The other side said no, or a person dropped it.
    Failed {
        /// Why.
        reason: String,
    },
    /// Nobody knows whether it went out; a person decides.
    Unsure {
        /// What happened.
        reason: String,
    },
    /// The thread moved on before it went.
    Stale {
        /// What came, by its native id.
        newer: String,
    },
    /// The approval was taken back, or a person wants the same bytes sent anew.
    Withdrawn {
        /// Why.
        reason: String,
        /// Whether the next claim is a new transmission although the bytes are the same.
        resend: bool,
    },
    /// A person removed the draft.
    Rejected {
        /// Who.
        by: String,
        /// Why, in that person's words.
        reason: String,
        /// The commit that removed it.
        commit: ObjectId,
    },
    /// Nobody touched it until its tier's time was over.
    Expired,
    /// A later message of the thread has a draft of its own.
    Superseded {
        /// That draft's id.
        by: String,
    },
}

/// A message that needs no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignored {
    /// The message's id.
    pub message: String,
    /// The message's digest, without its secrets.
    pub digest: String,
    /// A keyed hash of the message as it was fetched; entries of earlier programs have none.
    pub fetched: Option<String>,
    /// Why.
    pub reason: String,
}

/// Where a draft comes from; what is fixed about its answer whatever the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Drafted {
    /// The answered message's id.
    pub message: String,
    /// The answered message's digest, without its secrets.
    pub digest: String,
    /// A keyed hash of the answered message as it was fetched; entries of earlier programs have none.
    pub fetched: Option<String>,
    /// The source's name in the wiring.
    pub source: String,
    /// The thread's native id.
    pub thread: String,
    /// When the answered message was written, by its writer.
    pub date: Option<Timestamp>,
    /// The answered message's ancestors, oldest first.
    pub references: Vec<String>,
    /// The recipients that the envelope gives.
    pub to: Vec<Address>,
    /// The other recipients that the envelope gives.
    pub cc: Vec<Address>,
    /// What is to be done.
    pub action: Action,
    /// How grave it is.
    pub tier: Tier,
    /// The file's path on the desk.
    pub path: String,
    /// The file as it was landed.
    pub blob: ObjectId,
    /// The policy that judged it.
    pub policy: ObjectId,
    /// The tip of `main` when it was drafted.
    pub desk: ObjectId,
    /// The brain that made it.
    pub brain: String,
    /// How sure it said it was; entries of earlier programs leave that to the drafted file.
    pub confidence: Option<Confidence>,
    /// What a language model was asked, as `sha256:…`.
    pub prompt: Option<String>,
    /// What it said, as `sha256:…`; the reply itself is not kept.
    pub reply: Option<String>,
    /// What the operator said for it, where the brain was asked again; one line.
    pub guidance: Option<String>,
}

/// The message that an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About<'e> {
    /// Its native id.
    pub message: &'e str,
    /// Its digest, without the secrets that were known when it was noted.
    pub digest: &'e str,
    /// The keyed hash of it as it was fetched.
    pub fetched: Option<&'e str>,
}

/// An approval that was taken up.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The approved file.
    pub blob: ObjectId,
    /// The approved files that go along.
    pub attachments: Vec<ObjectId>,
    /// The commit that approves it.
    pub commit: ObjectId,
    /// Whose commit that is.
    pub approver: String,
    /// Who signed that commit and with which key, where the signature is valid.
    pub signer: Option<String>,
    /// The transport's name in the wiring.
    pub transport: String,
    /// What a person allows although it looks like a secret, as far as this answer needs it; one line each.
    pub overrides: Vec<String>,
}

impl Fact {
    /// Returns the word for it in file names and on terminals.
    pub fn kind(&self) -> &'static str {
        match self {
            Fact::Ignored(_) => "ignored",
            Fact::Drafted(_) => "drafted",
            Fact::Claimed(_) => "claimed",
            Fact::Sending => "sending",
            Fact::Sent { .. } => "sent",
            Fact::Rehearsed { .. } => "rehearsed",
            Fact::Deferred { .. } => "deferred",
            Fact::Failed { .. } => "failed",
            Fact::Unsure { .. } => "unsure",
            Fact::Stale { .. } => "stale",
            Fact::Withdrawn { .. } => "withdrawn",
            Fact::Rejected { .. } => "rejected",
            Fact::Expired => "expired",
            Fact::Superseded { .. } => "superseded",
        }
    }

    /// Changes the words that the other side said, or that we say of it; none of what is compared later.
    pub fn with_words(mut self, change: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Fact::Sent { receipt: words }
            | Fact::Deferred { reason: words, .. }
            | Fact::Failed { reason: words }
            | Fact::Unsure { reason: words }
            | Fact::Withdrawn { reason: words, .. } => *words = change(words),
            Fact::Ignored(_)
            | Fact::Drafted(_)
            | Fact::Claimed(_)
            | Fact::Sending
            | Fact::Rehearsed { .. }
            | Fact::Stale { .. }
            | Fact::Rejected { .. }
            | Fact::Expired
            | Fact::Superseded { .. } => {}
        }
        self
    }

    /// Returns the message that it is about, where it is the first of a story.
    pub fn about(&self) -> Option<About<'_>> {
        let (message, digest, fetched) = match self {
            Fact::Ignored(Ignored { message, digest, fetched, .. }) => (message, digest, fetched),
            Fact::Drafted(drafted) => (&drafted.message, &drafted.digest, &drafted.fetched),
            Fact::Claimed(_)
            | Fact::Sending
            | Fact::Sent { .. }
            | Fact::Rehearsed { .. }
            | Fact::Deferred { .. }
            | Fact::Failed { .. }
            | Fact::Unsure { .. }
            | Fact::Stale { .. }
            | Fact::Withdrawn { .. }
            | Fact::Rejected { .. }
            | Fact::Expired
            | Fact::Superseded { .. } => return None,
        };
        Some(About { message, digest, fetched: fetched.as_deref() })
    }

    /// Tells whether the machine must still look after a draft whose last entry this is, even when
    /// its file is gone from the desk.
    pub fn is_open(&self) -> bool {
        match self {
            Fact::Drafted(_)
            | Fact::Claimed(_)
            | Fact::Sending
            | Fact::Deferred { .. }
            | Fact::Unsure { .. }
            | Fact::Stale { .. }
            | Fact::Rehearsed { .. }
            | Fact::Failed { .. }
            | Fact::Withdrawn { .. } => true,
            Fact::Ignored(_)
            | Fact::Sent { .. }
            | Fact::Rejected { .. }
            | Fact::Expired
            | Fact::Superseded { .. } => false,
        }
    }
}

/// Returns the `drafted` entry of a story.
pub fn drafted(story: &[Entry]) -> Option<&Drafted> {
    story.iter().rev().find_map(|entry| match &entry.fact {
        Fact::Drafted(drafted) => Some(&**drafted),
        _ => None,
    })
}

/// Returns the entry of the draft whose file stands at `path`, with its number, where the last entry is
/// another draft of the same message: that one did not land, or was taken away again.
///
/// What stands on `main` is what a person sees and approves, so it is the one that counts.
pub fn outlived<'s>(story: &'s [Entry], path: &str) -> Option<(usize, &'s Drafted)> {
    let mut drafts = story.iter().enumerate().rev().map_while(|(index, entry)| match &entry.fact {
        Fact::Drafted(drafted) => Some((index + 1, &**drafted)),
        _ => None,
    });
    let (_, last) = drafts.next()?;
    drafts.find(|(_, before)| before.path == path && last.path != path)
}

/// Tells whether a commit that approves the draft that counts was written for another one, and carried over.
///
/// To git a draft that came may be one that went, under another name, and a rebase or a cherry-pick gives it what
/// was said of that one. Such a commit keeps when it was written, which is before the draft, and was committed
/// anew after it. Where a clock is behind both are before; that is nobody's fault, but for a redraft, which is
/// so like the draft before it that any doubt counts. Dates are compared in whole seconds, as git has them.
pub fn is_carried_over(story: &[Entry], written: Timestamp, committed: Timestamp) -> bool {
    let drafts = || {
        story.iter().filter_map(|entry| match &entry.fact {
            Fact::Drafted(drafted) => Some((entry.at, drafted.blob)),
            _ => None,
        })
    };
    let (Some((_, first)), Some((_, last))) = (drafts().next(), drafts().next_back()) else { return false };
    let Some((at, _)) = drafts().find(|(_, blob)| *blob == last) else { return false };
    let is_before = |date: Timestamp| date.as_second() < at.as_second();
    is_before(written) && (first != last || !is_before(committed))
}

/// Returns the last claim of a story, with its entry.
pub fn claim(story: &[Entry]) -> Option<(&Entry, &Claimed)> {
    story.iter().rev().find_map(|entry| match &entry.fact {
        Fact::Claimed(claimed) => Some((entry, claimed)),
        _ => None,
    })
}

impl Entry {
    /// Returns the file name that the entry has as number `number` of its story.
    pub fn file_name(&self, number: usize) -> String {
        format!("{number}-{}.toml", self.fact.kind())
    }

    /// Writes the file.
    pub fn render(&self) -> String {
        let mut stored = Stored {
            version: VERSION,
            at: self.at.to_string(),
            host: self.host.clone(),
            generation: self.generation,
            ..Stored::default()
        };
        let people = |list: &[Address]| Some(list.iter().map(Address::to_string).collect());
        match &self.fact {
            Fact::Ignored(ignored) => {
                stored.message = Some(ignored.message.clone());
                stored.digest = Some(ignored.digest.clone());
                stored.fetched.clone_from(&ignored.fetched);
                stored.reason = Some(ignored.reason.clone());
            }
            Fact::Drafted(drafted) => {
                stored.message = Some(drafted.message.clone());
                stored.digest = Some(drafted.digest.clone());
                stored.fetched.clone_from(&drafted.fetched);
                stored.source = Some(drafted.source.clone());
                stored.thread = Some(drafted.thread.clone());
                stored.date = drafted.date.map(|date| date.to_string());
                stored.references = Some(drafted.references.clone());
                stored.to = people(&drafted.to);
                stored.cc = people(&drafted.cc);
                stored.action = Some(drafted.action.to_string());
                stored.tier = Some(drafted.tier.to_string());
                stored.path = Some(drafted.path.clone());
                stored.blob = Some(drafted.blob.to_string());
                stored.policy = Some(drafted.policy.to_string());
                stored.desk = Some(drafted.desk.to_string());
                stored.brain = Some(drafted.brain.clone());
                stored.confidence = drafted.confidence.map(Confidence::value);
                stored.prompt.clone_from(&drafted.prompt);
                stored.reply.clone_from(&drafted.reply);
                stored.guidance.clone_from(&drafted.guidance);
            }
            Fact::Claimed(claimed) => {
                stored.blob = Some(claimed.blob.to_string());
                stored.attachments = Some(claimed.attachments.iter().map(ObjectId::to_string).collect());
                stored.commit = Some(claimed.commit.to_string());
                stored.approver = Some(claimed.approver.clone());
                stored.signed = Some(claimed.signer.is_some());
                stored.signer = claimed.signer.clone();
                stored.transport = Some(claimed.transport.clone());
                // Programs that do not know the key read every claim that did not need it.
                stored.overrides = Some(claimed.overrides.clone()).filter(|overrides| !overrides.is_empty());
            }
            Fact::Sending | Fact::Expired => {}
            Fact::Sent { receipt } => stored.receipt = Some(receipt.clone()),
            Fact::Rehearsed { spec_hash } => stored.spec_hash = Some(spec_hash.clone()),
            Fact::Deferred { until, reason } => {
                stored.until = Some(until.to_string());
                stored.reason = Some(reason.clone());
            }
            Fact::Failed { reason } | Fact::Unsure { reason } => stored.reason = Some(reason.clone()),
            Fact::Stale { newer } => stored.newer = Some(newer.clone()),
            Fact::Withdrawn { reason, resend } => {
                stored.reason = Some(reason.clone());
                stored.resend = Some(*resend);
            }
            Fact::Rejected { by, reason, commit } => {
                stored.by = Some(by.clone());
                stored.reason = Some(reason.clone());
                stored.commit = Some(commit.to_string());
            }
            Fact::Superseded { by } => stored.by = Some(by.clone()),
        }
        toml::to_string(&stored).expect("strings, numbers and lists of strings are TOML")
    }

    /// Reads a file of the ledger; `name` is its name, with or without folders.
    ///
    /// # Errors
    /// An unknown kind or version, an unknown key, a missing or malformed value: an entry that is not
    /// understood must stop the sender, not be skipped by it.
    pub fn parse(name: &str, file: &str) -> Result<Self, FileError> {
        let wrong = |what: &str| FileError::new(name, what);
        let base = name.rsplit('/').next().unwrap_or(name);
        let kind = base.strip_suffix(".toml").and_then(|base| base.split_once('-')).map(|(_, kind)| kind);
        let stored: Stored = toml::from_str(file).map_err(|error| {
            version::newer(name, file, 1, VERSION)
                .unwrap_or_else(|| FileError::from_toml(name, file, 1, &error))
        })?;
        if stored.version != VERSION {
            let other = || wrong(&format!("version {} of the ledger is not known", stored.version));
            return Err(version::newer(name, file, 1, VERSION).unwrap_or_else(other));
        }
        let reader = Reader { name };
        let reason = || reader.need("reason", stored.reason.clone());
        let fact = match kind {
            Some("ignored") => Fact::Ignored(Ignored {
                message: reader.need("message", stored.message.clone())?,
                digest: reader.need("digest", stored.digest.clone())?,
                fetched: stored.fetched.clone(),
                reason: reason()?,
            }),
            Some("drafted") => Fact::Drafted(Box::new(reader.drafted(&stored)?)),
            Some("claimed") => Fact::Claimed(reader.claimed(&stored)?),
            Some("sending") => Fact::Sending,
            Some("sent") => Fact::Sent { receipt: reader.need("receipt", stored.receipt.clone())? },
            Some("rehearsed") => {
                Fact::Rehearsed { spec_hash: reader.need("spec_hash", stored.spec_hash.clone())? }
            }
            Some("deferred") => {
                Fact::Deferred { until: reader.read("until", stored.until.as_ref())?, reason: reason()? }
            }
            Some("failed") => Fact::Failed { reason: reason()? },
            Some("unsure") => Fact::Unsure { reason: reason()? },
            Some("stale") => Fact::Stale { newer: reader.need("newer", stored.newer.clone())? },
            Some("withdrawn") => {
                Fact::Withdrawn { reason: reason()?, resend: stored.resend.unwrap_or(false) }
            }
            Some("rejected") => Fact::Rejected {
                by: reader.need("by", stored.by.clone())?,
                reason: reason()?,
                commit: reader.read("commit", stored.commit.as_ref())?,
            },
            Some("expired") => Fact::Expired,
            Some("superseded") => Fact::Superseded { by: reader.need("by", stored.by.clone())? },
            _ => {
                return Err(wrong("an entry of a kind that is not known")
                    .with_hint("install the git-drafts that wrote it"));
            }
        };
        let at = reader.read("at", Some(&stored.at))?;
        Ok(Self { at, host: stored.host, generation: stored.generation, fact })
    }
}

struct Reader<'a> {
    name: &'a str,
}

impl Reader<'_> {
    fn need<T>(&self, key: &str, value: Option<T>) -> Result<T, FileError> {
        value.ok_or_else(|| FileError::new(self.name, format!("`{key}` is missing")))
    }

    fn read<T: std::str::FromStr>(&self, key: &str, value: Option<&String>) -> Result<T, FileError> {
        let value = self.need(key, value)?;
        value.parse().map_err(|_| FileError::new(self.name, format!("`{key}` is malformed")))
    }

    fn people(&self, key: &str, list: Option<&Vec<String>>) -> Result<Vec<Address>, FileError> {
        self.need(key, list)?
            .iter()
            .map(|text| {
                Address::parse(text).ok_or_else(|| FileError::new(self.name, format!("`{key}` is malformed")))
            })
            .collect()
    }

    fn drafted(&self, stored: &Stored) -> Result<Drafted, FileError> {
        Ok(Drafted {
            message: self.need("message", stored.message.clone())?,
            digest: self.need("digest", stored.digest.clone())?,
            fetched: stored.fetched.clone(),
            source: self.need("source", stored.source.clone())?,
            thread: self.need("thread", stored.thread.clone())?,
            date: stored.date.as_ref().map(|date| self.read("date", Some(date))).transpose()?,
            references: self.need("references", stored.references.clone())?,
            to: self.people("to", stored.to.as_ref())?,
            cc: self.people("cc", stored.cc.as_ref())?,
            action: self.read("action", stored.action.as_ref())?,
            tier: self.read("tier", stored.tier.as_ref())?,
            path: self.need("path", stored.path.clone())?,
            blob: self.read("blob", stored.blob.as_ref())?,
            policy: self.read("policy", stored.policy.as_ref())?,
            desk: self.read("desk", stored.desk.as_ref())?,
            brain: self.need("brain", stored.brain.clone())?,
            confidence: stored.confidence.map(|value| self.confidence(value)).transpose()?,
            prompt: stored.prompt.clone(),
            reply: stored.reply.clone(),
            guidance: stored.guidance.clone(),
        })
    }

    fn confidence(&self, value: f64) -> Result<Confidence, FileError> {
        Confidence::new(value).ok_or_else(|| FileError::new(self.name, "`confidence` is malformed"))
    }

    fn claimed(&self, stored: &Stored) -> Result<Claimed, FileError> {
        let attachments = self.need("attachments", stored.attachments.as_ref())?;
        Ok(Claimed {
            blob: self.read("blob", stored.blob.as_ref())?,
            attachments: attachments
                .iter()
                .map(|id| self.read("attachments", Some(id)))
                .collect::<Result<_, _>>()?,
            commit: self.read("commit", stored.commit.as_ref())?,
            approver: self.need("approver", stored.approver.clone())?,
            signer: match self.need("signed", stored.signed)? {
                true => Some(self.need("signer", stored.signer.clone())?),
                false => None,
            },
            transport: self.need("transport", stored.transport.clone())?,
            overrides: stored.overrides.clone().unwrap_or_default(),
        })
    }
}

/// The file: every key that some kind of entry has, in the order in which they are written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    at: String,
    host: String,
    generation: u32,
    message: Option<String>,
    digest: Option<String>,
    fetched: Option<String>,
    source: Option<String>,
    thread: Option<String>,
    date: Option<String>,
    references: Option<Vec<String>>,
    to: Option<Vec<String>>,
    cc: Option<Vec<String>>,
    action: Option<String>,
    tier: Option<String>,
    path: Option<String>,
    blob: Option<String>,
    policy: Option<String>,
    desk: Option<String>,
    brain: Option<String>,
    confidence: Option<f64>,
    prompt: Option<String>,
    reply: Option<String>,
    guidance: Option<String>,
    attachments: Option<Vec<String>>,
    commit: Option<String>,
    approver: Option<String>,
    signed: Option<bool>,
    signer: Option<String>,
    transport: Option<String>,
    overrides: Option<Vec<String>>,
    receipt: Option<String>,
    spec_hash: Option<String>,
    until: Option<String>,
    reason: Option<String>,
    newer: Option<String>,
    resend: Option<bool>,
    by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_fact() -> Vec<Fact> {
        let object = ObjectId::new([7; 20]);
        let text = || "line \"one\"\n+++ \u{1b}".to_owned();
        let until = Timestamp::from_second(1_800_000_000).unwrap();
        vec![
            Fact::Ignored(Ignored { message: text(), digest: text(), fetched: Some(text()), reason: text() }),
            Fact::Drafted(Box::new(Drafted {
                message: text(),
                digest: text(),
                fetched: Some(text()),
                source: text(),
                thread: text(),
                date: Some(until),
                references: vec![text()],
                to: vec![Address::new("Ada", "ada@example.org")],
                cc: vec![],
                action: Action::Escalate,
                tier: Tier::High,
                path: text(),
                blob: object,
                policy: object,
                desk: object,
                brain: text(),
                confidence: Confidence::new(0.29),
                prompt: Some(text()),
                reply: None,
                guidance: Some(text()),
            })),
            Fact::Claimed(Claimed {
                blob: object,
                attachments: vec![object],
                commit: object,
                approver: text(),
                signer: Some(text()),
                transport: text(),
                overrides: vec![text()],
            }),
            Fact::Sending,
            Fact::Sent { receipt: text() },
            Fact::Rehearsed { spec_hash: text() },
            Fact::Deferred { until, reason: text() },
            Fact::Failed { reason: text() },
            Fact::Unsure { reason: text() },
            Fact::Stale { newer: text() },
            Fact::Withdrawn { reason: text(), resend: true },
            Fact::Rejected { by: text(), reason: text(), commit: object },
            Fact::Expired,
            Fact::Superseded { by: text() },
        ]
    }

    #[test]
    fn an_approval_that_is_older_than_its_draft_was_carried_over() {
        let time = |second| Timestamp::from_second(second).unwrap();
        // Each draft: its blob, and when it came. A commit: when it was written, and committed.
        let check = |drafts: &[(u8, i64)], (written, committed): (i64, i64), expected: bool| {
            let drafts = drafts.iter().map(|&(blob, at)| {
                let drafted = every_fact().into_iter().find_map(|fact| match fact {
                    Fact::Drafted(drafted) => Some(*drafted),
                    _ => None,
                });
                let drafted = Drafted { blob: ObjectId::new([blob; 20]), ..drafted.unwrap() };
                let fact = Fact::Drafted(Box::new(drafted));
                Entry { at: time(at), host: "atlas".to_owned(), generation: 1, fact }
            });
            let story: Vec<Entry> = drafts.collect();
            let found = is_carried_over(&story, time(written), time(committed));
            assert_eq!(found, expected, "{written} {committed}");
        };
        check(&[], (0, 100), false);
        check(&[(1, 10)], (10, 10), false);
        check(&[(1, 10)], (11, 5), false);
        // Rebased after the draft came.
        check(&[(1, 10)], (9, 10), true);
        check(&[(1, 10)], (9, 50), true);
        // A clock that is behind.
        check(&[(1, 10)], (9, 9), false);
        // A redraft, and one that was taken back.
        check(&[(1, 10), (2, 20)], (15, 15), true);
        check(&[(1, 10), (2, 20)], (20, 20), false);
        check(&[(1, 10), (2, 20), (1, 30)], (15, 15), false);
        check(&[(1, 10), (2, 20), (1, 30)], (9, 40), true);
    }

    #[test]
    fn the_draft_whose_file_stands_is_the_one_that_counts() {
        // Each entry: `drafted` with its path, or another kind.
        let check = |story: &str, path: &str, expected: Option<usize>| {
            let facts = story.split(' ').map(|word| match word {
                "sending" => Fact::Sending,
                path => {
                    let drafted = every_fact().into_iter().find_map(|fact| match fact {
                        Fact::Drafted(drafted) => Some(drafted),
                        _ => None,
                    });
                    Fact::Drafted(Box::new(Drafted { path: path.to_owned(), ..*drafted.unwrap() }))
                }
            });
            let entry =
                |fact| Entry { at: Timestamp::UNIX_EPOCH, host: "atlas".to_owned(), generation: 1, fact };
            let story: Vec<Entry> = facts.map(entry).collect();
            assert_eq!(outlived(&story, path).map(|(number, _)| number), expected, "{path}");
        };
        check("a", "a", None);
        check("a b", "b", None);
        check("a b", "a", Some(1));
        // Taken back; and a revert of that.
        check("a b a", "a", None);
        check("a b a", "b", Some(2));
        check("a b a c", "a", Some(3));
        // A file that a person has renamed, and a draft that was decided about since.
        check("a b", "mine", None);
        check("a b sending", "a", None);
    }

    #[test]
    fn every_entry_reads_as_it_was_written() {
        for fact in every_fact() {
            let entry = Entry {
                at: Timestamp::from_second(1).unwrap(),
                host: "atlas".to_owned(),
                generation: 2,
                fact,
            };
            let name = entry.file_name(3);
            assert_eq!(Entry::parse(&name, &entry.render()).unwrap(), entry);
        }
    }

    #[test]
    fn a_claim_of_before_there_were_overrides_reads_as_one_without() {
        let claims = every_fact().into_iter().filter_map(|fact| match fact {
            Fact::Claimed(claimed) => Some(Claimed { overrides: Vec::new(), ..claimed }),
            _ => None,
        });
        for claimed in claims {
            let at = Timestamp::from_second(1).unwrap();
            let entry = Entry { at, host: "atlas".to_owned(), generation: 1, fact: Fact::Claimed(claimed) };
            let file = entry.render();
            assert!(!file.contains("overrides"), "{file}");
            assert_eq!(Entry::parse("2-claimed.toml", &file).unwrap(), entry);
        }
    }

    #[test]
    fn an_entry_of_before_messages_were_known_as_fetched_is_read() {
        let line = "fetched = \"hmac-sha256:0f\"\n";
        let fetched = Some("hmac-sha256:0f".to_owned());
        let facts = every_fact().into_iter().filter_map(|fact| match fact {
            Fact::Ignored(ignored) => Some(Fact::Ignored(Ignored { fetched: fetched.clone(), ..ignored })),
            Fact::Drafted(drafted) => {
                Some(Fact::Drafted(Box::new(Drafted { fetched: fetched.clone(), ..*drafted })))
            }
            _ => None,
        });
        for fact in facts {
            let at = Timestamp::from_second(1).unwrap();
            let entry = Entry { at, host: "atlas".to_owned(), generation: 1, fact };
            let (name, file) = (entry.file_name(1), entry.render());
            assert_eq!(file.matches(line).count(), 1, "{file}");
            let older = file.replace(line, "");
            let read = Entry::parse(&name, &older).unwrap();
            let about = entry.fact.about().unwrap();
            assert_eq!(read.fact.about(), Some(About { fetched: None, ..about }));
            assert_eq!(read.render(), older);
        }
    }

    #[test]
    fn an_entry_of_a_program_that_noted_no_confidence_is_read() {
        let object = ObjectId::new([7; 20]).to_string();
        let file = format!(
            "version = 1\nat = \"2026-11-20T11:52:07Z\"\nhost = \"atlas\"\ngeneration = 1\nmessage = \"m\"\n\
             digest = \"d\"\nsource = \"mail\"\nthread = \"t\"\nreferences = []\nto = []\ncc = []\n\
             action = \"reply\"\ntier = \"medium\"\npath = \"p\"\nblob = \"{object}\"\npolicy = \"{object}\"\n\
             desk = \"{object}\"\nbrain = \"rules\"\n"
        );
        let check = |file: &str| {
            let entry = Entry::parse("1-drafted.toml", file).map_err(|error| error.to_string())?;
            Ok(drafted(&[entry]).unwrap().confidence)
        };
        assert_eq!(check(&file), Ok(None));
        assert_eq!(check(&format!("{file}confidence = 0.29\n")), Ok(Confidence::new(0.29)));
        for value in ["nan", "1.01", "-0.5"] {
            let wrong: Result<_, String> = Err("1-drafted.toml: `confidence` is malformed".to_owned());
            assert_eq!(check(&format!("{file}confidence = {value}\n")), wrong);
        }
    }

    #[test]
    fn an_entry_that_is_not_understood_is_an_error() {
        let good = "version = 1\nat = \"2026-11-20T11:52:07Z\"\nhost = \"atlas\"\ngeneration = 1\n";
        assert!(Entry::parse("kq/kqzmwvst/3-sending.toml", good).is_ok());
        for (name, file, wrong) in [
            (
                "3-sending.toml",
                good.replace("version = 1", "version = 2"),
                "3-sending.toml:1: version 2 is newer than this program, which reads version 1",
            ),
            ("3-flown.toml", good.to_owned(), "3-flown.toml: an entry of a kind that is not known"),
            ("4-sent.toml", good.to_owned(), "4-sent.toml: `receipt` is missing"),
            ("3-sending.toml", format!("{good}colour = 1\n"), "3-sending.toml:5: unknown key `colour`"),
            ("3-sending.toml", good.replace("2026", "soon"), "3-sending.toml: `at` is malformed"),
        ] {
            let error = Entry::parse(name, &file).unwrap_err().to_string();
            assert!(error.starts_with(wrong), "{error}");
        }
    }
}
