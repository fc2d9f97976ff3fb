//! The format of a wiring file, as serde reads it; nothing is checked here but types and names of keys.
//!
//! Values know where they stand in the file, so that `stored` can name the line of a mistake.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::stored::sinks::{StoredIssues, StoredPatches};
use crate::connector::hub::settings::{Fields, Paths};
use crate::error::FileError;

/// What is read of a file of any version.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) version: Option<Spanned<i64>>,
}

pub(super) type Sections<K> = BTreeMap<Spanned<String>, Section<K>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    #[serde(rename = "version")]
    pub(super) _version: i64,
    pub(super) desk: StoredDesk,
    #[serde(default = "BTreeMap::new")]
    pub(super) source: Sections<SourceWord>,
    #[serde(default = "BTreeMap::new")]
    pub(super) transport: Sections<TransportWord>,
    #[serde(default = "BTreeMap::new")]
    pub(super) brain: Sections<BrainWord>,
    pub(super) issues: Option<Spanned<StoredIssues>>,
    pub(super) patches: Option<StoredPatches>,
    #[serde(default)]
    pub(super) limits: StoredLimits,
    #[serde(default)]
    pub(super) approval: StoredApproval,
    #[serde(default)]
    pub(super) secrets: StoredSecrets,
    #[serde(default)]
    pub(super) notify: StoredNotify,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredDesk {
    pub(super) path: Spanned<String>,
    pub(super) state: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceWord {
    Maildir,
    Folder,
    Imap,
    Hub,
    Forgejo,
    #[serde(rename = "github")]
    GitHub,
    Program,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TransportWord {
    Maildir,
    Folder,
    Sendmail,
    Smtp,
    Hub,
    Forgejo,
    #[serde(rename = "github")]
    GitHub,
    Program,
    Null,
}

/// What answers in a folder look like.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FormatWord {
    Mail,
    Markdown,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BrainWord {
    Rules,
    Execute,
    #[serde(rename = "openai")]
    OpenAi,
    Anthropic,
    Exec,
}

/// One source, transport or brain, with the keys of every kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section<K> {
    pub(super) kind: Spanned<K>,
    pub(super) path: Option<Spanned<String>>,
    pub(super) sent: Option<Spanned<String>>,
    pub(super) format: Option<Spanned<FormatWord>>,
    pub(super) host: Option<Spanned<String>>,
    pub(super) port: Option<Spanned<i64>>,
    pub(super) tls: Option<Spanned<String>>,
    pub(super) ca_file: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) password: Option<Spanned<Value>>,
    pub(super) folders: Option<Spanned<Vec<String>>>,
    pub(super) copy_to_sent: Option<Spanned<bool>>,
    pub(super) address: Option<Spanned<Vec<String>>>,
    pub(super) transport: Option<Spanned<String>>,
    pub(super) brain: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Vec<String>>>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) settings: Option<Spanned<Value>>,
    pub(super) secrets: Option<Spanned<BTreeMap<Spanned<String>, Spanned<Value>>>>,
    pub(super) routes: Option<Spanned<String>>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) agent: Option<Spanned<String>>,
    pub(super) token: Option<Spanned<Value>>,
    pub(super) dedupes: Option<Spanned<bool>>,
    pub(super) can_find: Option<Spanned<bool>>,
    pub(super) thread_tail: Option<Spanned<bool>>,
    pub(super) acts_on_mentions: Option<Spanned<bool>>,
    pub(super) page: Option<Spanned<i64>>,
    pub(super) timeout_seconds: Option<Spanned<i64>>,
    pub(super) paths: Option<Spanned<StoredPaths>>,
    pub(super) fields: Option<Spanned<StoredFields>>,
    pub(super) methods: Option<Spanned<StoredMethods>>,
    pub(super) bodies: Option<Spanned<StoredBodies>>,
    pub(super) model: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<Value>>,
    pub(super) tunnel: Option<Spanned<Vec<String>>>,
    pub(super) environment: Option<Spanned<Vec<String>>>,
    pub(super) facts: Option<Spanned<Vec<String>>>,
    pub(super) retries: Option<Spanned<i64>>,
    pub(super) concurrency: Option<Spanned<i64>>,
    pub(super) calls_per_tick_max: Option<Spanned<i64>>,
    pub(super) give_up_after: Option<Spanned<String>>,
    pub(super) fallback: Option<Spanned<String>>,
    pub(super) shadow: Option<Spanned<String>>,
    pub(super) login: Option<Spanned<String>>,
    pub(super) repositories: Option<Spanned<Vec<String>>>,
    pub(super) take: Option<Spanned<Vec<String>>>,
    pub(super) comment: Option<Spanned<bool>>,
    pub(super) to: Option<Spanned<String>>,
}

impl<K> Section<K> {
    /// Returns the keys that are there, but for `kind`, and where their values stand.
    pub(super) fn keys(&self) -> Vec<(&'static str, Range<usize>)> {
        fn at<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
            value.as_ref().map(Spanned::span)
        }
        [
            ("path", at(&self.path)),
            ("sent", at(&self.sent)),
            ("format", at(&self.format)),
            ("host", at(&self.host)),
            ("port", at(&self.port)),
            ("tls", at(&self.tls)),
            ("ca_file", at(&self.ca_file)),
            ("user", at(&self.user)),
            ("password", at(&self.password)),
            ("folders", at(&self.folders)),
            ("copy_to_sent", at(&self.copy_to_sent)),
            ("address", at(&self.address)),
            ("transport", at(&self.transport)),
            ("brain", at(&self.brain)),
            ("command", at(&self.command)),
            ("name", at(&self.name)),
            ("settings", at(&self.settings)),
            ("secrets", at(&self.secrets)),
            ("routes", at(&self.routes)),
            ("url", at(&self.url)),
            ("agent", at(&self.agent)),
            ("token", at(&self.token)),
            ("dedupes", at(&self.dedupes)),
            ("can_find", at(&self.can_find)),
            ("thread_tail", at(&self.thread_tail)),
            ("acts_on_mentions", at(&self.acts_on_mentions)),
            ("page", at(&self.page)),
            ("timeout_seconds", at(&self.timeout_seconds)),
            ("paths", at(&self.paths)),
            ("fields", at(&self.fields)),
            ("methods", at(&self.methods)),
            ("bodies", at(&self.bodies)),
            ("model", at(&self.model)),
            ("key", at(&self.key)),
            ("tunnel", at(&self.tunnel)),
            ("environment", at(&self.environment)),
            ("facts", at(&self.facts)),
            ("retries", at(&self.retries)),
            ("concurrency", at(&self.concurrency)),
            ("calls_per_tick_max", at(&self.calls_per_tick_max)),
            ("give_up_after", at(&self.give_up_after)),
            ("fallback", at(&self.fallback)),
            ("shadow", at(&self.shadow)),
            ("login", at(&self.login)),
            ("repositories", at(&self.repositories)),
            ("take", at(&self.take)),
            ("comment", at(&self.comment)),
            ("to", at(&self.to)),
        ]
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
        .collect()
    }
}

/// A method that changes something.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum MethodWord {
    Post,
    Put,
    Patch,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredMethods {
    pub(super) send: Option<MethodWord>,
    pub(super) read: Option<MethodWord>,
    pub(super) progress: Option<MethodWord>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredBodies {
    pub(super) send: Option<Spanned<Value>>,
    pub(super) read: Option<Spanned<Value>>,
    pub(super) progress: Option<Spanned<Value>>,
}

/// Declares the table that renames some of a hub's names.
macro_rules! renaming {
    ($stored:ident of $names:ident: $($key:ident),* $(,)?) => {
        #[derive(Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $stored {
            $($key: Option<Spanned<String>>,)*
        }

        impl $stored {
            /// Returns `default` with what stands here, each checked, in its place.
            pub(super) fn over(
                self,
                default: $names,
                check: impl Fn(&str, &Spanned<String>) -> Result<(), FileError>,
            ) -> Result<$names, FileError> {
                Ok($names {
                    $($key: match self.$key {
                        Some(name) => {
                            check(stringify!($key), &name)?;
                            name.into_inner()
                        }
                        None => default.$key,
                    },)*
                })
            }
        }
    };
}

renaming!(StoredPaths of Paths: health, messages, read, thread, progress);
renaming!(
    StoredFields of Fields: id, from_agent, to_agent, subject, body, thread_id, in_reply_to, created_at,
    priority, messages, next_cursor, unread, limit, cursor, idempotency_key, agent, event_type, summary,
    details,
);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredLimits {
    pub(super) messages_per_tick_max: Option<Spanned<i64>>,
    pub(super) messages_since: Option<Spanned<String>>,
    pub(super) sends_per_hour_max: Option<Spanned<i64>>,
    pub(super) shadow_seconds_max: Option<Spanned<i64>>,
}

impl StoredLimits {
    pub(super) fn over(self, default: StoredLimits) -> StoredLimits {
        StoredLimits {
            messages_per_tick_max: self.messages_per_tick_max.or(default.messages_per_tick_max),
            messages_since: self.messages_since.or(default.messages_since),
            sends_per_hour_max: self.sends_per_hour_max.or(default.sends_per_hour_max),
            shadow_seconds_max: self.shadow_seconds_max.or(default.shadow_seconds_max),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredApproval {
    pub(super) allowed_signers: Option<Spanned<String>>,
    pub(super) revoked: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSecrets {
    pub(super) extra_rules: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredNotify {
    pub(super) enabled: Option<bool>,
    pub(super) quiet: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Vec<String>>>,
    pub(super) open: Option<Spanned<Vec<String>>>,
}
