//! The program: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    git_drafts::cli::main(std::env::args_os())
}
