//! What needs a real terminal, or a real shell: `review`, `status`, the pager, completion.
//!
//! Needs `tmux`; for completion `bash` with its completion, `zsh` and `fish`. Where one is missing the
//! test says so and passes.

#[path = "../support/mod.rs"]
mod support;

mod completion;
mod pager;
mod review;
mod status;
mod tmux;
