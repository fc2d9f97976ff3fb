//! Answers an inbox without ever sending what a person did not approve.
//!
//! `tick` turns messages into drafts and commits them; a person edits and commits; `send` delivers
//! exactly the approved bytes, once. See `docs/architecture.md` for the whole story.
//!
//! The layers, lowest first; a module names only modules of lower layers (`tests/tidy.rs`):
//!
//! - 0, the nouns: [`durable`], [`entry`], [`error`], [`failpoint`], [`fold`], [`id`], [`message`], [`outgoing`], [`plan`], [`stdin`],
//!   [`task`], [`text`], [`version`]
//! - 1, the core, pure functions: [`approval`], [`automatic`], [`content`], [`delivery`], [`draft`],
//!   [`errand`], [`escalation`], [`guard`], [`lesson`], [`markdown`], [`patch`], [`policy`], [`prompt`], [`render`],
//!   [`reply`], [`schedule`], [`secret`], [`signature`]
//! - 2, the edges: [`brain`], [`config`], [`connector`], [`desk`], [`diagnostics`], [`evidence`], [`git`], [`http`],
//!   [`ledger`], [`notify`], [`shadow`], [`ui`]
//! - 3, the commands: [`commands`]
//! - 4, the arguments: [`cli`] (and `main.rs`)

#![deny(unsafe_code)]

pub mod approval;
pub mod automatic;
pub mod brain;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connector;
pub mod content;
pub mod delivery;
pub mod desk;
pub mod diagnostics;
pub mod draft;
pub mod durable;
pub mod entry;
pub mod errand;
pub mod error;
pub mod escalation;
pub mod evidence;
pub mod failpoint;
pub mod fold;
pub mod git;
pub mod guard;
pub mod http;
pub mod id;
pub mod ledger;
pub mod lesson;
pub mod markdown;
pub mod message;
pub mod notify;
pub mod outgoing;
pub mod patch;
pub mod plan;
pub mod policy;
pub mod prompt;
pub mod render;
pub mod reply;
pub mod schedule;
pub mod secret;
pub mod shadow;
pub mod signature;
pub mod stdin;
pub mod task;
pub mod text;
pub mod ui;
pub mod version;
