//! Answers an inbox without ever sending what a person did not approve.
//!
//! `tick` turns messages into drafts and commits them; a person edits and commits; `send` delivers
//! exactly the approved bytes, once. See `docs/architecture.md` for the whole story.
//!
//! The layers, lowest first; a module names only modules of lower layers (`tests/tidy.rs`):
//!
//! - 0, the nouns: [`error`], [`id`], [`message`], [`outgoing`], [`plan`], [`text`]
//! - 1, the core, pure functions: [`approval`], [`delivery`], [`draft`], [`policy`], [`render`], [`secret`]
//! - 2, the edges: [`brain`], [`config`], [`connector`], [`desk`], [`git`], [`ledger`], [`notify`], [`ui`]
//! - 3, the commands: [`commands`]
//! - 4, the arguments: `cli` (and `main.rs`)

pub mod approval;
pub mod config;
pub mod connector;
pub mod delivery;
pub mod draft;
pub mod entry;
pub mod error;
pub mod git;
pub mod id;
pub mod message;
pub mod notify;
pub mod outgoing;
pub mod plan;
pub mod policy;
pub mod render;
pub mod text;
