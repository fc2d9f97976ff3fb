//! The proof: the program is stopped wherever it can be stopped, and the next ordinary run must make it
//! good. Each test says in one line how often it did what; `GIT_DRAFTS_PROOF=long` does it at length, and
//! `GIT_DRAFTS_PROOF=10` with samples that are ten times as large.
//!
//! `cargo test --test proof -- --nocapture` shows the lines.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod errors;
mod flushes;
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

/// Tells whether somebody may want to see how far it is.
pub fn at_length() -> bool {
    env::var_os("GIT_DRAFTS_PROOF").is_some()
}

/// Every one of many in the long form; a sample, spread evenly, in the others.
pub fn sample<T: Clone>(all: &[T], short: usize) -> Vec<T> {
    let times = env::var("GIT_DRAFTS_PROOF").ok().and_then(|form| form.parse().ok()).unwrap_or(1);
    let count = short * times;
    if long() || all.len() <= count {
        return all.to_vec();
    }
    (0..count).map(|n| all[n * all.len() / count].clone()).collect()
}
