//! Mail over the network: real Dovecot, real Postfix, and connections that break.

#[path = "../support/mod.rs"]
mod support;

mod cut;
mod imap;
mod long;
mod servers;
mod smtp;
mod story;

/// Runs a future to its end.
fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
