//! The proof: the program is stopped wherever it can be stopped, and the next ordinary run must make it
//! good. Each test says in one line how often it did what; `GIT_DRAFTS_PROOF=long` does it at length.
//!
//! `cargo test --test proof -- --nocapture` shows the lines.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod errors;
mod full;
mod kill;
mod points;
mod power;
mod scene;
mod strace;

use std::env;

/// Tells whether this is the long form.
pub fn long() -> bool {
    env::var("GIT_DRAFTS_PROOF").is_ok_and(|form| form == "long")
}

/// Every one of many in the long form; a sample, spread evenly, in the short one.
pub fn sample<T: Clone>(all: &[T], short: usize) -> Vec<T> {
    if long() || all.len() <= short {
        return all.to_vec();
    }
    (0..short).map(|n| all[n * all.len() / short].clone()).collect()
}
