//! Answers an inbox without ever sending what a person did not approve.
//!
//! `tick` turns messages into drafts and commits them; a person edits and commits; `send` delivers
//! exactly the approved bytes, once. See `docs/architecture.md` for the whole story.
//!
//! The layers, lowest first; a module names only modules of lower layers (`tests/tidy.rs`):
//!
//! - 0, the nouns: [`error`], [`fold`], [`id`], [`message`], [`outgoing`], [`plan`], [`text`]
//! - 1, the core, pure functions: [`approval`], [`automatic`], [`delivery`], [`draft`], [`escalation`], [`policy`], [`render`], [`secret`]
//! - 2, the edges: [`brain`], [`config`], [`connector`], [`desk`], [`git`], [`ledger`], [`notify`], [`ui`]
//! - 3, the commands: [`commands`]
//! - 4, the arguments: `cli` (and `main.rs`)

pub mod automatic;
pub mod brain;
pub mod connector;
pub mod error;
pub mod escalation;
pub mod fold;
pub mod id;
pub mod message;
pub mod outgoing;
pub mod plan;
pub mod secret;
pub mod text;
