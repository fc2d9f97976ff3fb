//! Gives every input that is kept in `tests/corpus/` to the fuzz target that it is for.
//!
//! The inputs are seeds and what the fuzzer found interesting; `fuzz/README.md` says how to look for more.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Larger inputs say nothing that smaller ones do not.
const BYTES_MAX: usize = 4096;

#[test]
fn every_kept_input_keeps_the_promises() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut folders = 0;
    for (name, target) in targets::TARGETS {
        let mut inputs = 0;
        for file in fs::read_dir(corpus.join(name)).unwrap() {
            let path = file.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.len() <= BYTES_MAX, "{} is too large to keep", path.display());
            // Shown only where the target panics.
            println!("{}", path.display());
            target(&bytes);
            inputs += 1;
        }
        assert!(inputs >= 3, "{name} has too few inputs");
        folders += 1;
    }
    assert_eq!(fs::read_dir(&corpus).unwrap().count(), folders, "a folder of no target");
}
