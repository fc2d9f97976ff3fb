//! The whole program, as people meet it: real git, real hooks, real files.

#[path = "../support/mod.rs"]
mod support;

mod approve;
mod beside;
mod check;
mod connector;
mod content;
mod crash;
mod exits;
mod folder;
mod forge;
mod guards;
mod history;
mod hub;
mod init;
mod issues;
mod laundering;
mod learn;
mod ledger;
mod notices;
mod other_hub;
mod patches;
mod pause;
mod redraft;
mod reject;
mod schedule;
mod secrets;
mod signed;
mod staging;
mod status;
mod strays;
mod tick;
mod told;
mod undo;
mod versions;
mod waiting;
mod words;
