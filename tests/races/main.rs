//! Races, a working operator and a bad network against the whole program: nothing twice, nothing lost.
//!
//! Each test has a short form, which every run of the tests takes, and a long one for
//! `GIT_DRAFTS_PROOF=long`. With `--nocapture` each prints a line of figures that begins with `proof:`.

#[path = "../support/mod.rs"]
mod support;

mod beside;
mod clones;
mod forge;
mod network;
mod post;
mod program;
mod proof;
mod redraft;
mod revoke;
mod senders;
