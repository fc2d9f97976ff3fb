//! Brains that nobody should trust, and mail that was written to talk a brain into something: whatever
//! they say, nobody but the one who wrote gets an answer, and only once a person has approved it.
//!
//! Each test prints a line of figures that begins with `hostile:`. The short form uses inputs of our own;
//! `GIT_DRAFTS_CORPUS=… GIT_DRAFTS_PROOF=long cargo test --test hostile -- --nocapture` uses all items of
//! the injection sets, in the carriage of real mails.

#[path = "../support/mod.rs"]
mod support;

mod benign;
mod bus;
mod canaries;
mod field;
mod inputs;
mod obedience;
mod servers;
mod wishes;

use std::env;
use std::path::PathBuf;

/// Returns the folder of the corpus where the long form is wanted and there is one; says so otherwise.
pub fn corpus() -> Option<PathBuf> {
    let long = env::var("GIT_DRAFTS_PROOF").is_ok_and(|form| form == "long");
    let folder = env::var_os("GIT_DRAFTS_CORPUS").map(PathBuf::from).filter(|folder| folder.is_dir());
    if long && folder.is_none() {
        println!("skipped: GIT_DRAFTS_CORPUS names no folder; inputs of our own are used");
    }
    folder.filter(|_| long)
}
