//! The house rules that a compiler does not know: who may name whom, and who may print.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Every module, lowest first. A module names only modules that stand above it here.
///
/// The bars are the layers: nouns, core, edges, commands, arguments. Among the edges the order says
/// who may use whom: connectors and brains speak `http`, `config` holds plain settings of connectors,
/// `ledger` and `desk` use git.
/// Everything else there must not know its neighbours, which [`STRANGERS`] says.
const ORDER: [&[&str]; 5] = [
    &[
        "failpoint",
        "durable",
        "stdin",
        "text",
        "fold",
        "error",
        "version",
        "id",
        "task",
        "plan",
        "message",
        "outgoing",
        "entry",
    ],
    &[
        "patch",
        "draft",
        "errand",
        "automatic",
        "escalation",
        "secret",
        "guard",
        "content",
        "prompt",
        "reply",
        "policy",
        "approval",
        "delivery",
        "lesson",
        "markdown",
        "render",
        "schedule",
        "signature",
    ],
    &[
        "git",
        "http",
        "connector",
        "config",
        "brain",
        "ledger",
        "desk",
        "notify",
        "shadow",
        "evidence",
        "ui",
        "diagnostics",
    ],
    &["commands"],
    &["cli"],
];

/// Edges that the order alone would let name each other, and must not: who, and whom.
const STRANGERS: [(&str, &[&str]); 11] = [
    ("http", &["git"]),
    ("connector", &["git"]),
    ("config", &["git"]),
    ("brain", &["git", "connector", "config"]),
    ("ledger", &["http", "connector", "config", "brain"]),
    ("desk", &["http", "connector", "config", "brain", "ledger"]),
    ("notify", &["git", "http", "connector", "config", "brain", "ledger", "desk"]),
    ("shadow", &["git", "http", "connector", "config", "brain", "ledger", "desk", "notify"]),
    ("evidence", &["git", "http", "connector", "config", "brain", "ledger", "desk", "notify", "shadow"]),
    ("ui", &["git", "http", "connector", "config", "brain", "ledger", "desk", "notify"]),
    ("diagnostics", &["git", "http", "connector", "config", "brain", "ledger", "desk", "notify", "ui"]),
];

/// The longest file, without its tests: one is read in one sitting.
const LINES_MAX: usize = 800;

#[test]
fn a_module_names_only_lower_ones() {
    let order: Vec<&str> = ORDER.concat();
    let mut wrong = Vec::new();
    for source in sources() {
        if source.module == "lib" || source.module == "main" {
            continue;
        }
        let place = order.iter().position(|module| *module == source.module);
        let Some(place) = place else {
            wrong.push(format!("{}: module `{}` has no place in the order", source.path, source.module));
            continue;
        };
        for (line, named) in named_modules(&source.code) {
            let strangers = STRANGERS.iter().find(|(module, _)| *module == source.module);
            let is_stranger = strangers.is_some_and(|(_, whom)| whom.contains(&named.as_str()));
            let is_lower = order[..=place].contains(&named.as_str());
            if !is_lower || is_stranger {
                wrong.push(format!("{}:{line}: `{}` names `{named}`", source.path, source.module));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_is_in_the_order_and_on_the_map() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared = Regex::new(r"(?m)^pub mod ([a-z_]+);").unwrap();
    let mut modules: Vec<&str> =
        declared.captures_iter(&library).map(|found| found.get(1).unwrap().as_str()).collect();
    let mut order: Vec<&str> = ORDER.concat();
    let architecture = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for module in &modules {
        assert!(library.contains(&format!("[`{module}`]")), "the map in src/lib.rs lacks `{module}`");
        assert!(architecture.contains(&format!("`{module}`")), "docs/architecture.md lacks `{module}`");
    }
    modules.sort_unstable();
    order.sort_unstable();
    assert_eq!(modules, order);
}

#[test]
fn each_outside_world_has_one_door() {
    let mut wrong = Vec::new();
    for source in sources() {
        let mut only = |word: &str, here: bool| {
            for (number, line) in source.code.iter().filter(|_| !here) {
                if has_word(line, word) {
                    wrong.push(format!("{}:{number}: `{word}` has no business here", source.path));
                }
            }
        };
        only("git2", source.path.starts_with("src/git/"));
        only("libgit2_sys", source.path.starts_with("src/git/"));
        only("reqwest", source.path == "src/http.rs");
        only("notify_rust", source.module == "notify");
        only("zbus::", source.module == "notify");
        for word in ["println!", "eprintln!", "print!", "eprint!", "io::stdout", "dbg!"] {
            only(word, source.path == "src/ui.rs" && word != "dbg!");
        }
        for word in ["todo!", "unimplemented!"] {
            only(word, false);
        }
        only(".unwrap()", false);
        only("unsafe", source.path == "src/git/mod.rs");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn there_is_one_unsafe_block() {
    let all: Vec<String> = sources()
        .iter()
        .flat_map(|source| source.code.iter())
        .filter(|(_, line)| has_word(line, "unsafe {"))
        .map(|(number, _)| number.to_string())
        .collect();
    assert_eq!(all.len(), 1);
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let long: BTreeMap<String, usize> = sources()
        .into_iter()
        .map(|source| (source.path, source.code.len()))
        .filter(|(path, lines)| *lines > LINES_MAX && !KNOWN_LONG.contains(&path.as_str()))
        .collect();
    assert!(long.is_empty(), "longer than {LINES_MAX} lines without tests: {long:?}");
}

/// Files that are too long and known to be; to be split, and not to be added to.
const KNOWN_LONG: [&str; 0] = [];

struct Source {
    /// From the root.
    path: String,
    /// The top module, `git` for `src/git/landing.rs`.
    module: String,
    /// The lines with their numbers, without comments and without what is for tests only.
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join("src"), &mut paths);
    paths.sort();
    let is_test = |path: &Path| path.file_name().is_some_and(|name| name == "tests.rs");
    paths
        .into_iter()
        .filter(|path| !is_test(path))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            let inner = path.trim_start_matches("src/");
            let module = inner.split(['/', '.']).next().unwrap().to_owned();
            Source { module, code: code_of(&text), path }
        })
        .collect()
}

/// Leaves out comments, and items behind `#[cfg(test)]` up to their closing brace, which rustfmt puts
/// below the attribute.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let opens = lines.by_ref().map(|(_, line)| line).find(|line| line.ends_with(['{', ';', '}']));
            if opens.is_some_and(|line| line.ends_with('{')) {
                lines.by_ref().find(|(_, line)| *line == end);
            }
            continue;
        }
        let bare = line.split("//").next().unwrap_or_default();
        // A web address is no comment.
        let bare = if line.contains("://") && !line.trim_start().starts_with("//") { line } else { bare };
        code.push((index + 1, bare.to_owned()));
    }
    code
}

/// Returns which of our modules some lines name, and where: `crate::text::fit`, and lists such as
/// `use crate::{text, ui::Tone};`.
fn named_modules(code: &[(usize, String)]) -> Vec<(usize, String)> {
    let path = Regex::new(r"\bcrate::([a-z_][a-z_0-9]*)").unwrap();
    let list = Regex::new(r"crate::\{([^}]*)\}").unwrap();
    let item = Regex::new(r"(?:^|,)\s*([a-z_][a-z_0-9]*)").unwrap();
    let mut named = Vec::new();
    for (number, line) in code {
        let found = path.captures_iter(line).map(|found| found[1].to_owned());
        named.extend(found.map(|module| (*number, module)));
        for found in list.captures_iter(line) {
            named.extend(item.captures_iter(&found[1]).map(|item| (*number, item[1].to_owned())));
        }
    }
    named
}

/// Tells whether a word stands in a line by itself: `print!` is not in `println!` nor in `eprint!`.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let begins = word.starts_with(|c: char| c.is_alphanumeric());
        let ends = word.ends_with(|c: char| c.is_alphanumeric());
        !(begins && joins(before) || ends && joins(after))
    })
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|end| end == "rs") {
            paths.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_rules_themselves_can_fail() {
    let code = code_of(
        "use crate::ui::Tone; // crate::git\n#[cfg(test)]\nmod tests {\n    crate::cli;\n}\nuse crate::{text, desk::Desk};\n",
    );
    let named: Vec<String> = named_modules(&code).into_iter().map(|(_, module)| module).collect();
    assert_eq!(named, ["ui", "text", "desk"]);
    assert!(has_word("    print!(\"x\")", "print!"));
    assert!(!has_word("    eprintln!(\"x\")", "print!"));
}
