//! Every gesture that git offers, against a receiver that counts: what is approved goes out once, all
//! else never, and the operator's own work is left alone.
//!
//! The tables are the list; [`table`] says what is checked for each line of them. What does not fit a
//! line stands in `alone.rs`, as tests of their own.

#[path = "../support/mod.rs"]
mod support;

mod alone;
mod commits;
mod conflicts;
mod joins;
mod people;
mod refs;
mod settings;
mod table;
mod undone;

use std::io::Write;

use table::{Case, Row};

/// Compares what people are told with what they should be told.
type Told = fn(&str);

/// The tables, and what people are told in each of them.
const TABLES: [(&[Case], Told); 7] = [
    (commits::CASES, commits::told),
    (joins::CASES, joins::told),
    (conflicts::CASES, conflicts::told),
    (undone::CASES, undone::told),
    (refs::CASES, refs::told),
    (people::CASES, people::told),
    (settings::CASES, settings::told),
];

#[test]
fn every_gesture_sends_what_is_approved_once_and_nothing_else() {
    // `GIT_DRAFTS_MATRIX=rebase` plays the gestures with that word in their names only.
    let wanted = std::env::var("GIT_DRAFTS_MATRIX").unwrap_or_default();
    let cases: Vec<&Case> =
        TABLES.iter().flat_map(|(cases, _)| *cases).filter(|case| case.name.contains(&wanted)).collect();
    let rows = table::play(&cases);
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| !row.wrong.is_empty())
        .map(|row| format!("{}:\n  {}", row.name, row.wrong.join("\n  ")))
        .collect();
    // Straight to the terminal, so that it is seen without --nocapture.
    writeln!(std::io::stderr(), "proof: matrix: {} gestures, {} wrong", rows.len(), wrong.len()).unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    if wanted.is_empty() {
        for (cases, told) in TABLES {
            let here = |row: &&Row| cases.iter().any(|case| case.name == row.name);
            let lines: Vec<&str> = rows.iter().filter(here).map(|row| row.told.as_str()).collect();
            told(&lines.join("\n"));
        }
    } else {
        rows.iter().for_each(|row| println!("{}", row.told));
    }
}

#[test]
fn no_two_gestures_have_one_name() {
    let mut names: Vec<&str> = TABLES.iter().flat_map(|(cases, _)| *cases).map(|case| case.name).collect();
    names.sort_unstable();
    assert_eq!(names.windows(2).find(|two| two[0] == two[1]), None);
}
