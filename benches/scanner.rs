//! Measures the scanner for secrets on real text: what it finds by class, what it takes for a secret
//! in real mail, and how fast it is, beside other scanners on the same files.
//!
//! `GIT_DRAFTS_CORPUS` names the folder of the text; without it there is nothing to measure.
//! `DETECT_SECRETS` and `RIPSECRETS` name the other programs; `.ci/scan` installs them and sets all
//! three. `cargo bench --bench scanner -- recall` (or `speed`) runs one part.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use git_drafts::connector::mail::read;
use git_drafts::secret::Scanner;
use serde_json::Value;

/// Bytes of text for one measurement of speed.
const SPEED_BYTES: usize = 48 * 1024 * 1024;

/// Files that the text is cut into.
const SPEED_FILE_BYTES: usize = 1024 * 1024;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [mode, folder] = arguments.as_slice()
        && mode == "files"
    {
        return scan_files(Path::new(folder));
    }
    let Some(corpus) = std::env::var_os("GIT_DRAFTS_CORPUS").map(PathBuf::from) else {
        return println!("left out: GIT_DRAFTS_CORPUS names no folder of real text");
    };
    let runs = |part: &str| arguments.is_empty() || arguments.iter().any(|word| part.contains(word.as_str()));
    let bed = tempfile::tempdir().expect("a folder of our own");
    let items = items(&corpus);
    if runs("recall") {
        recall(&items, bed.path());
    }
    if runs("speed") {
        speed(&items, bed.path());
    }
}

/// One text with what is known about it.
struct Item {
    class: String,
    /// Whether it holds a secret; none for real mail.
    secret: Option<bool>,
    /// The end of its name, by which others tell languages.
    end: String,
    text: String,
}

fn items(corpus: &Path) -> Vec<Item> {
    let mut items = Vec::new();
    for value in lines(corpus, "secrets-creddata") {
        let class = word(&value, "category").split(':').next().unwrap_or_default().to_owned();
        let secret = match word(&value, "label") {
            "T" => true,
            "F" => false,
            _ => continue,
        };
        let end = word(&value, "ext").trim_start_matches('.').to_owned();
        items.push(Item { class, secret: Some(secret), end, text: decoded(&value, "text_b64") });
    }
    for value in lines(corpus, "secrets-rule-examples") {
        let class = "vendors' examples".to_owned();
        let secret = Some(value["label"] == 1);
        items.push(Item { class, secret, end: "txt".to_owned(), text: decoded(&value, "text_b64") });
    }
    for (set, class) in [("secrets-credsweeper", "sample files"), ("secrets-leaky-repo", "leaky files")] {
        for value in lines(corpus, set) {
            let expected =
                value["expected"].as_array().map_or(value["risk"].as_u64() > Some(0), |all| !all.is_empty());
            let end = word(&value, "path").rsplit('.').next().unwrap_or_default().replace('/', "_");
            let text = decoded(&value, "content_b64");
            items.push(Item { class: class.to_owned(), secret: Some(expected), end, text });
        }
    }
    let mut folders = mail_folders(corpus);
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).expect("the corpus reads").flatten().map(|e| e.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !["README", "LICENSE", "COPYING"].iter().any(|word| name.contains(word))
                && let Ok(message) = read::read("mail", &fs::read(&path).expect("the corpus reads"))
            {
                let text = format!("{}\n{}", message.subject, message.body);
                items.push(Item { class: "real mail".to_owned(), secret: None, end: "txt".to_owned(), text });
            }
        }
    }
    items
}

fn mail_folders(corpus: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(corpus).expect("the corpus reads").flatten().map(|entry| entry.path());
    folders
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mail-")))
        .collect()
}

fn lines(corpus: &Path, set: &str) -> Vec<Value> {
    let text = fs::read_to_string(corpus.join(set).join("items.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("the corpus is JSON lines")).collect()
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn decoded(value: &Value, key: &str) -> String {
    let bytes = STANDARD.decode(word(value, key)).expect("the corpus is base64");
    String::from_utf8_lossy(&bytes).into_owned()
}

// What is found

/// A scanner's name, and the items in which it found something.
struct Column {
    name: &'static str,
    found: BTreeSet<usize>,
}

fn recall(items: &[Item], bed: &Path) {
    let folder = bed.join("items");
    fs::create_dir(&folder).expect("a folder of our own");
    for (index, item) in items.iter().enumerate() {
        fs::write(folder.join(format!("{index}.{}", item.end)), &item.text).expect("an item is written");
    }
    let scanner = Scanner::default();
    let ours = |name, found: &dyn Fn(&str) -> bool| Column {
        name,
        found: items
            .iter()
            .enumerate()
            .filter(|(_, item)| found(&item.text))
            .map(|(index, _)| index)
            .collect(),
    };
    let mut columns = vec![
        ours("hard", &|text| scanner.scan(text).iter().any(|hit| hit.hard)),
        ours("and soft", &|text| !scanner.scan(text).is_empty()),
        ours("and random", &|text| !scanner.scan(text).is_empty() || !scanner.random(text).is_empty()),
    ];
    columns.extend(detect_secrets(&folder));
    columns.extend(ripsecrets(&folder));

    println!("secrets found, by class (each line or file is one; hard, and soft, and random are ours)");
    print_head("class", &columns);
    let mut by_class: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(secret) = item.secret {
            by_class.entry(&item.class).or_default()[usize::from(!secret)].push(index);
        }
    }
    let mut classes: Vec<_> = by_class.iter().collect();
    classes.sort_by_key(|(_, [secrets, _])| std::cmp::Reverse(secrets.len()));
    for (class, [secrets, _]) in &classes {
        if !secrets.is_empty() {
            print_row(class, secrets, &columns);
        }
    }
    println!("\ntaken for a secret that is none");
    print_head("class", &columns);
    let plain: Vec<usize> = by_class.values().flat_map(|[_, plain]| plain.clone()).collect();
    print_row("labelled lines", &plain, &columns);
    let mail: Vec<usize> = (0..items.len()).filter(|index| items[*index].secret.is_none()).collect();
    print_row("real mail", &mail, &columns);
    let per_thousand = |column: &Column| {
        let count = mail.iter().filter(|index| column.found.contains(index)).count();
        format!("{:>15.2}", 1000.0 * count as f64 / mail.len().max(1) as f64)
    };
    println!(
        "{:<28}{:>6}{}",
        "of 1,000 real mails",
        "",
        columns.iter().map(per_thousand).collect::<String>()
    );
    println!();
}

fn print_head(first: &str, columns: &[Column]) {
    let names: String = columns.iter().map(|column| format!("{:>15}", column.name)).collect();
    println!("{first:<28}{:>6}{names}", "items");
}

fn print_row(class: &str, indexes: &[usize], columns: &[Column]) {
    let counts: String = columns
        .iter()
        .map(|column| format!("{:>15}", indexes.iter().filter(|index| column.found.contains(index)).count()))
        .collect();
    println!("{class:<28}{:>6}{counts}", indexes.len());
}

fn detect_secrets(folder: &Path) -> Option<Column> {
    let program = other("DETECT_SECRETS")?;
    let output =
        Command::new(program).args(["scan", "--all-files", "--no-verify", "."]).current_dir(folder).output();
    let output = output.expect("detect-secrets runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("detect-secrets prints JSON");
    let found =
        said["results"].as_object().into_iter().flatten().filter_map(|(path, _)| index_of(path)).collect();
    Some(Column { name: "detect-secrets", found })
}

fn ripsecrets(folder: &Path) -> Option<Column> {
    let program = other("RIPSECRETS")?;
    let output = Command::new(program).arg(".").current_dir(folder).output().expect("ripsecrets runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let paths = said.lines().filter_map(|line| line.split(':').next());
    Some(Column { name: "ripsecrets", found: paths.filter_map(index_of).collect() })
}

/// Returns the item that a file was written from.
fn index_of(path: &str) -> Option<usize> {
    path.trim_start_matches("./").split('.').next()?.parse().ok()
}

fn other(variable: &str) -> Option<OsString> {
    let program = std::env::var_os(variable);
    if program.is_none() {
        println!("left out: {variable} names no program");
    }
    program
}

// How fast it is

/// Whole processes over the same files, each on one processor.
fn speed(items: &[Item], bed: &Path) {
    println!("throughput on one processor, as whole processes (MB/s, median of {ROUNDS})");
    println!("{:<28}{:>10}{:>12}{:>10}", "text", "ours", "ripsecrets", "ratio");
    for (name, mail) in [("real mail", true), ("lines of programs", false)] {
        let folder = bed.join(if mail { "mail" } else { "programs" });
        let bytes = write_text(&folder, items.iter().filter(|item| item.secret.is_none() == mail));
        let ours = std::env::current_exe().expect("a program knows its path");
        let theirs = other("RIPSECRETS");
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            times[0].push(timed(on_one_processor(&ours).arg("files").arg(&folder)));
            if let Some(theirs) = &theirs {
                times[1].push(timed(on_one_processor(Path::new(theirs)).arg(&folder)));
            }
        }
        let rate = |times: &[Duration]| bytes as f64 / 1e6 / median(times).as_secs_f64();
        let first = rate(&times[0]);
        if times[1].is_empty() {
            println!("{name:<28}{first:>10.0}");
        } else {
            let second = rate(&times[1]);
            println!("{name:<28}{first:>10.0}{second:>12.0}{:>10.2}", first / second);
        }
    }
}

/// Writes the text of items again and again, and returns how many bytes.
fn write_text<'a>(folder: &Path, items: impl Iterator<Item = &'a Item>) -> usize {
    fs::create_dir(folder).expect("a folder of our own");
    let all: String = items.flat_map(|item| [item.text.as_str(), "\n"]).collect();
    if all.is_empty() {
        return 0;
    }
    let mut written = 0;
    let mut from = 0;
    while written < SPEED_BYTES {
        let end = all.floor_char_boundary(all.len().min(from + SPEED_FILE_BYTES));
        fs::write(folder.join(format!("{written}.txt")), &all[from..end]).expect("a file is written");
        written += end - from;
        from = if end == all.len() { 0 } else { end };
    }
    written
}

fn on_one_processor(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    // Others end with 1 where they found something.
    command.status().expect("the program runs (taskset is of util-linux)");
    began.elapsed()
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// What the other process does: scans each file of a folder, and prints how many hits there were.
fn scan_files(folder: &Path) {
    let scanner = Scanner::default();
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the folder reads").flatten() {
        count += scanner.scan(&fs::read_to_string(entry.path()).expect("the file reads")).len();
    }
    println!("{count}");
}
