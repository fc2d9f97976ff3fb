//! The documentation says what is true now: sessions are run, quoted parts are made from the code,
//! links lead somewhere.
//!
//! A fenced `console` block is run command by command (`$ `), with a home of its own, a fixed clock
//! and no configuration of the system; all blocks of a file share that home. `...` on a line of its
//! own stands for lines that are left out, and `# ends with N` behind a command for its exit code.
//! A comment `<!-- run … -->` is run silently, `<!-- hub -->` starts a State Hub with two messages,
//! `<!-- forge -->` a Forgejo with two issues.
//! Parts between `<!-- begin NAME -->` and `<!-- end -->` are made here.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` writes what has changed, but for what a person has shortened.

mod support;

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use git_drafts::config::Wiring;
use git_drafts::delivery::table;
use git_drafts::error::Hint;
use git_drafts::policy;
use git_drafts::secret::shapes;
use regex::Regex;
use serde_json::Value;
use support::forge::{Forge, Kind};
use support::hub::{Message, StateHub};

/// Whoever may write pages holds this.
static PAGES: Mutex<()> = Mutex::new(());

const BINARY: &str = env!("CARGO_BIN_EXE_git-drafts");

/// The beginning of a session of one command, whose output may have lines that look like commands.
const WHOLE: &str = "```console,whole";

/// What documentation calls the home of its reader.
const HOME: &str = "/home/sam";

/// What documentation calls the State Hub that `<!-- hub -->` starts.
const HUB: &str = "http://127.0.0.1:7070";

/// What documentation calls the Forgejo that `<!-- forge -->` starts.
const FORGE: &str = "http://127.0.0.1:3000";

/// The first moment of every session; each command comes a minute later.
const BEGIN: i64 = 1_795_175_100;

/// A time as `git drafts` shows it.
const CLOCK: &str = r"\b[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2} \d\d:\d\d:\d\d\b";

const GITCONFIG: &str = "[user]\n\tname = Sam Hill\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n[core]\n\tpager = cat\n[gc]\n\tauto = 0\n";

#[test]
fn every_session_is_as_it_is_shown() {
    let _writing = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let files = Mutex::new(pages());
    let wrong = Mutex::new(Vec::new());
    // Most of a session is waiting for the disk.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(path) = files.lock().unwrap().pop() else { return };
                    let found = sessions_of(&path);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}\n(UPDATE_DOCS=1 writes what is so)", wrong.join("\n"));
}

#[test]
fn every_quoted_part_is_as_the_code_has_it() {
    let _writing = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let demo = Demo::new();
    let mut wrong = Vec::new();
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        let now = with_parts(&text, &demo);
        if same(&text, &now) {
            continue;
        }
        if updating() {
            fs::write(&path, now).unwrap();
        } else {
            wrong.push(format!("{}\n{}", shown(&path), first_difference(&text, &now)));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n(UPDATE_DOCS=1 writes what is so)", wrong.join("\n"));
}

#[test]
fn every_exit_code_is_the_documented_one() {
    let home = Home::new();
    home.run("git drafts demo demo", 0);
    let page = fs::read_to_string(root().join("docs/reference/commands.md")).unwrap();
    let row = Regex::new(r"(?m)^\| (\d+) \|.*\| `(git drafts [^`]*)` \|$").unwrap();
    let rows: Vec<(i32, String)> =
        row.captures_iter(&page).map(|row| (row[1].parse().unwrap(), row[2].to_owned())).collect();
    assert_eq!(rows.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 1, 128, 129]);
    for (code, command) in rows {
        let output = home.run(&command, 0);
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
}

#[test]
fn every_link_leads_somewhere_and_every_page_is_in_the_summary() {
    let link = Regex::new(r"\]\(([^)#]+)(?:#[^)]*)?\)").unwrap();
    let mut wrong = Vec::new();
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap();
        for target in link.captures_iter(&text).map(|link| link[1].to_owned()) {
            if !target.contains("://") && !path.parent().unwrap().join(&target).exists() {
                wrong.push(format!("{}: {target}", shown(&path)));
            }
        }
    }
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for path in pages() {
        let name = shown(&path);
        let listed = name.strip_prefix("docs/").is_none_or(|name| summary.contains(&format!("({name})")));
        if !listed && name != "docs/SUMMARY.md" {
            wrong.push(format!("docs/SUMMARY.md: {name} is not in it"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_command_and_variable_has_its_place_in_the_reference() {
    let commands = fs::read_to_string(root().join("docs/reference/commands.md")).unwrap();
    for name in command_names() {
        assert!(commands.contains(&format!("<!-- begin help {name} -->")), "{name}");
    }
    let page = fs::read_to_string(root().join("docs/reference/environment.md")).unwrap();
    let variable = Regex::new(r#""(GIT_DRAFTS_[A-Z]+|NO_COLOR|XDG_[A-Z_]+)""#).unwrap();
    for path in files_below(&root().join("src"), "rs").into_iter().filter(|path| !path.ends_with("tests.rs"))
    {
        let text = fs::read_to_string(&path).unwrap();
        for name in variable.captures_iter(&text).map(|found| found[1].to_owned()) {
            let known = name.starts_with("GIT_DRAFTS_TEST") || page.contains(&format!("`{name}`"));
            assert!(known, "docs/reference/environment.md lacks {name} of {}", shown(&path));
        }
    }
}

#[test]
fn every_key_of_the_wiring_is_explained() {
    let page = fs::read_to_string(root().join("docs/reference/wiring.md")).unwrap();
    let (before, rest) = page.split_once("<!-- begin wiring-keys -->").unwrap();
    let after = rest.split_once("<!-- end -->").unwrap().1;
    // The template is quoted above the tables; what counts is a row that says what a key means.
    let rows: Vec<&str> =
        [before, after].iter().flat_map(|part| part.lines()).filter(|line| line.starts_with('|')).collect();
    let mut wrong = Vec::new();
    for (section, kind, keys) in wiring_keys() {
        for key in keys {
            let word = Regex::new(&format!(r"`[^`]*\b{key}\b[^`]*`")).unwrap();
            if !rows.iter().any(|row| word.is_match(row)) {
                wrong.push(format!("[{section}] {kind}: `{key}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/reference/wiring.md says nothing about {wrong:#?}");
}

// What the parts are made of

/// Returns the keys of every section of the wiring, and of every kind of it, as the program itself names them
/// when it meets a wrong one.
fn wiring_keys() -> Vec<(String, String, Vec<String>)> {
    let mut all = Vec::new();
    for section in wiring_words("no_such_section = 1\n") {
        if section == "version" {
            continue;
        }
        let kinds = wiring_words(&format!("[{section}.x]\nkind = \"no such kind\"\n"));
        if kinds.is_empty() || !["source", "transport", "brain"].contains(&section.as_str()) {
            let keys = wiring_words(&format!("[{section}]\nno_such_key = 1\n"));
            all.push((section, String::new(), keys));
            continue;
        }
        for kind in kinds {
            // A key that some kind has, and this one has not.
            let foreign = ["tunnel = [\"x\"]", "path = \"x\"", "routes = \"x\""];
            let keys = foreign.iter().find_map(|foreign| {
                let keys = wiring_words(&format!("[{section}.x]\nkind = \"{kind}\"\n{foreign}\n"));
                (!keys.is_empty()).then_some(keys)
            });
            all.push((section.clone(), kind, keys.unwrap_or_default()));
        }
    }
    all
}

/// Returns what stands there instead of what a wiring has: the words that the hint names.
fn wiring_words(text: &str) -> Vec<String> {
    let desk = if text.starts_with("[desk]") { "" } else { "[desk]\npath = \"d\"\n" };
    // Keys of the top come before any section.
    let whole = match text.starts_with('[') {
        true => format!("version = 1\n{desk}{text}"),
        false => format!("version = 1\n{text}{desk}"),
    };
    let Err(error) = Wiring::parse(Path::new("/w"), &whole, Path::new("/h")) else { return Vec::new() };
    let begins = ["its keys are ", "the keys here are ", "the only key here is ", "it can be "];
    let said = error.hint().filter(|hint| begins.iter().any(|begin| hint.starts_with(begin)));
    let said = said.unwrap_or_default();
    Regex::new("`([^`]+)`").unwrap().captures_iter(&said).map(|word| word[1].to_owned()).collect()
}

fn wiring_keys_markdown() -> String {
    let mut table = "| section | kind | keys |\n|---|---|---|\n".to_owned();
    for (section, kind, keys) in wiring_keys() {
        let name = if kind.is_empty() { format!("`[{section}]`") } else { format!("`[{section}.NAME]`") };
        let kind = if kind.is_empty() { String::new() } else { format!("`{kind}`") };
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        table.push_str(&format!("| {name} | {kind} | {} |\n", keys.join(" ")));
    }
    table
}

fn with_parts(text: &str, demo: &Demo) -> String {
    let begin = Regex::new(r"(?m)^<!-- begin (.+) -->$").unwrap();
    let mut whole = String::new();
    let mut rest = text;
    while let Some(found) = begin.captures(rest) {
        let line = found.get(0).unwrap();
        let end = rest[line.end()..].find("<!-- end -->").expect("a part ends") + line.end();
        whole.push_str(&rest[..line.end()]);
        whole.push_str(&format!("\n\n{}\n\n", part(&found[1], demo).trim_end()));
        rest = &rest[end..];
        let (end, after) = rest.split_at("<!-- end -->".len());
        whole.push_str(end);
        rest = after;
    }
    whole.push_str(rest);
    whole
}

fn part(name: &str, demo: &Demo) -> String {
    let (kind, what) = name.split_once(' ').unwrap_or((name, ""));
    match kind {
        "state-table" => table::markdown(),
        "verdict-table" => policy::table::verdicts(),
        "gate-table" => policy::table::gates(),
        "secret-shapes" => shapes::markdown(),
        "wiring-keys" => wiring_keys_markdown(),
        "help" => {
            let command =
                if what.is_empty() { "git-drafts --help" } else { &format!("git-drafts {what} --help") };
            fenced("text", &Home::new().text(command))
        }
        "file" => {
            fenced(Path::new(what).extension().map_or("text", |end| end.to_str().unwrap()), &file(what))
        }
        // The comment at the top of a file, as text.
        "head" => {
            let lines = file(what);
            let lines = lines.lines().take_while(|line| line.starts_with('#'));
            fenced(
                "text",
                &lines
                    .map(|line| line.trim_start_matches("# ").trim_start_matches('#'))
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
        "json" => fenced("json", &demo.json(what)),
        other => panic!("no such part: {other}"),
    }
}

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```", text.trim_end())
}

fn command_names() -> Vec<String> {
    let help = Home::new().text("git-drafts --help");
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let name = Regex::new(r"(?m)^  ([a-z]+) ").unwrap();
    name.captures_iter(commands).map(|name| name[1].to_owned()).filter(|name| name != "help").collect()
}

/// A demo that was played, for its JSON.
struct Demo {
    home: Home,
}

impl Demo {
    fn new() -> Self {
        let home = Home::new();
        home.run("git drafts demo demo", 0);
        let new = "s/^Message-I[Dd]: .*/Message-ID: <hours@example.net>/";
        home.run(&format!("cd demo/mail/inbox/new; sed '{new}' 02-opening-hours >another; cd"), 1);
        Self { home }
    }

    /// Returns what a command prints as JSON, with one entry of each list.
    fn json(&self, command: &str) -> String {
        let text = self.home.text(&format!("git drafts -C demo {command}"));
        let line = text.lines().next().unwrap_or_default();
        let mut value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{command}: {text}"));
        if let Some(object) = value.as_object_mut() {
            for list in object.values_mut().filter_map(Value::as_array_mut) {
                // The one that says most, and then the first of these.
                list.sort_by_key(|entry| {
                    std::cmp::Reverse(entry.as_object().map_or(0, serde_json::Map::len))
                });
                list.truncate(1);
            }
        }
        serde_json::to_string_pretty(&value).unwrap()
    }
}

// Sessions

/// A home in which sessions are played.
struct Home {
    folder: tempfile::TempDir,
    minutes: Cell<i64>,
    hub: RefCell<Option<StateHub>>,
    forge: RefCell<Option<Forge>>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder, minutes: Cell::new(0), hub: RefCell::default(), forge: RefCell::default() };
        fs::create_dir(home.path()).unwrap();
        fs::create_dir(home.folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(BINARY, home.folder.path().join("bin/git-drafts")).unwrap();
        // The examples, as if they were installed.
        for example in fs::read_dir(root().join("docs/examples/connectors")).unwrap() {
            let example = example.unwrap();
            let link = home.folder.path().join("bin").join(example.file_name());
            std::os::unix::fs::symlink(example.path(), link).unwrap();
        }
        fs::write(home.path().join(".gitconfig"), GITCONFIG).unwrap();
        fs::write(home.folder.path().join("here"), home.path().to_str().unwrap()).unwrap();
        home
    }

    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("sam")
    }

    /// Runs a line of shell where the last one ended, `minutes` after the beginning.
    fn run(&self, line: &str, minutes: i64) -> Output {
        self.minutes.set(minutes);
        let base = self.folder.path();
        let here = fs::read_to_string(base.join("here")).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let seconds = BEGIN + 60 * minutes;
        let now = jiff::Timestamp::from_second(seconds).unwrap();
        let script = format!(
            "exec 2>&1; cd '{}' && {{ {line}\n}}; ended=$?; pwd >'{}'; exit $ended",
            here.trim_end(),
            base.join("here").display()
        );
        let mut script = script.replace(HOME, self.path().to_str().unwrap());
        if let Some(hub) = &*self.hub.borrow() {
            script = script.replace(HUB, &hub.url());
        }
        if let Some(forge) = &*self.forge.borrow() {
            script = script.replace(FORGE, &forge.origin());
        }
        Command::new("sh")
            .arg("-c")
            .arg(script)
            .env_clear()
            .env("PATH", format!("{}:{path}", base.join("bin").display()))
            .env("HOME", self.path())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("USER", "sam")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_EDITOR", self.path().join(".editor"))
            .env("GIT_AUTHOR_DATE", format!("{seconds} +0000"))
            .env("GIT_COMMITTER_DATE", format!("{seconds} +0000"))
            .env("GIT_DRAFTS_NOW", now.to_string())
            // As in a terminal: the hook shows what is sent.
            .env("GIT_DRAFTS_HOOK", "wait")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Returns what a line prints, as documentation shows it.
    fn text(&self, line: &str) -> String {
        self.shown(&self.run(line, 9).stdout)
    }

    /// Writes output as documentation shows it, whatever this machine and its folders are called.
    fn shown(&self, output: &[u8]) -> String {
        let text = String::from_utf8_lossy(output).replace(self.path().to_str().unwrap(), HOME);
        let text = match &*self.hub.borrow() {
            Some(hub) => text.replace(&hub.url(), HUB),
            None => text,
        };
        let text = match &*self.forge.borrow() {
            Some(forge) => text.replace(&forge.origin(), FORGE),
            None => text,
        };
        let host = host_name();
        text.replace(&format!("host {host},"), "host atlas,")
            .replace(&format!("host = \"{host}\""), "host = \"atlas\"")
            .replace(&format!("\"host\": \"{host}\""), "\"host\": \"atlas\"")
            .replace(&format!("\"host\":\"{host}\""), "\"host\":\"atlas\"")
            .lines()
            .map(|line| {
                line.strip_suffix(&format!(".{host}")).map_or(line.to_owned(), |line| format!("{line}.atlas"))
            })
            .map(|line| line.replace(&format!(".{host}\""), ".atlas\""))
            .map(|line| format!("{}\n", self.with_our_clock(line.trim_end())))
            .collect()
    }

    /// Puts the session's time in the place of times by the machine's own clock, which commits have
    /// that git-drafts itself asked git for.
    fn with_our_clock(&self, line: &str) -> String {
        let now = jiff::Timestamp::from_second(BEGIN + 60 * self.minutes.get()).unwrap();
        let now = now.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a %-d %b %H:%M:%S").to_string();
        let clock = Regex::new(CLOCK).unwrap();
        clock
            .replace_all(line, |found: &regex::Captures| {
                let ours = ["Fri 20 Nov 11:", "Fri 20 Nov 12:"].iter().any(|hour| found[0].starts_with(hour));
                if ours { found[0].to_owned() } else { now.clone() }
            })
            .into_owned()
    }
}

fn forge() -> Forge {
    let forge = Forge::start(Kind::Forgejo);
    forge.wants_token("s3cret");
    forge.opens("ada", "How do I install it?", "@sam, how is it installed on Debian?");
    forge.opens("bob", "Colours", "Could it be green?");
    forge.says("bob", 2, "Or do you not like green, @sam?");
    forge
}

fn hub() -> StateHub {
    let hub = StateHub::start();
    hub.receive(Message {
        from: "planner".to_owned(),
        to: "sam".to_owned(),
        subject: "Invoice for October".to_owned(),
        body: "Where can I find our invoice for October?\n".to_owned(),
        thread: "t-17".to_owned(),
        ..Message::default()
    });
    hub.receive(Message {
        from: "release-bot".to_owned(),
        to: "sam".to_owned(),
        subject: "Restart".to_owned(),
        body: "Please restart the production database tonight.\n".to_owned(),
        thread: "t-18".to_owned(),
        ..Message::default()
    });
    hub
}

fn host_name() -> String {
    let output = Command::new("uname").arg("-n").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Plays the sessions of one page; returns what is not as it is shown.
fn sessions_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    if !text.contains("```console") {
        return Vec::new();
    }
    let home = Home::new();
    let mut wrong = Vec::new();
    let mut now = String::new();
    let mut minutes = 0;
    let mut lines = text.lines().enumerate().peekable();
    while let Some((_, line)) = lines.next() {
        now.push_str(&format!("{line}\n"));
        match line {
            "<!-- hub -->" => *home.hub.borrow_mut() = Some(hub()),
            "<!-- forge -->" => *home.forge.borrow_mut() = Some(forge()),
            "<!-- run" => {
                let script: Vec<&str> =
                    lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "-->").collect();
                let script = script.join("\n");
                now.push_str(&format!("{script}\n-->\n"));
                let output = home.run(&script, minutes);
                assert!(output.status.success(), "{}: {script}: {output:?}", shown(path));
            }
            "```console" | WHOLE => {
                let whole = line == WHOLE;
                while let Some((number, line)) = lines.next_if(|(_, line)| *line != "```") {
                    let place = format!("{}:{}", shown(path), number + 1);
                    let command = line.strip_prefix("$ ");
                    let command = command.unwrap_or_else(|| panic!("{place}: a session begins with `$ `"));
                    let mut expected = String::new();
                    while let Some((_, line)) =
                        lines.next_if(|(_, line)| *line != "```" && (whole || !line.starts_with("$ ")))
                    {
                        expected.push_str(&format!("{line}\n"));
                    }
                    minutes += 1;
                    let (got, mistakes) = play(&home, &place, command, &expected, minutes);
                    now.push_str(&format!("{line}\n{got}"));
                    wrong.extend(mistakes);
                }
            }
            _ => {}
        }
    }
    if updating() && now != text {
        fs::write(path, now).unwrap();
    }
    wrong
}

/// Plays one command; returns what a page shall show, and what is wrong with what it shows.
fn play(home: &Home, place: &str, command: &str, expected: &str, minutes: i64) -> (String, Vec<String>) {
    let output = home.run(command, minutes);
    let got = home.shown(&output.stdout);
    let mut wrong = Vec::new();
    let code = command.rsplit_once("# ends with ").map_or(0, |(_, code)| code.trim().parse().unwrap());
    if output.status.code() != Some(code) {
        wrong.push(format!("{place}: `{command}` ends with {:?}\n{got}", output.status.code()));
    }
    if matches(expected, &got) {
        return (expected.to_owned(), wrong);
    }
    // What a person has shortened, a person shortens again.
    let is_shortened = expected.lines().any(|line| line == "...");
    if !updating() || is_shortened {
        wrong.push(format!("{place}: `{command}` prints\n{got}and not\n{expected}"));
    }
    (if is_shortened { expected.to_owned() } else { got }, wrong)
}

/// Compares line by line; a line `...` stands for any lines.
fn matches(expected: &str, got: &str) -> bool {
    fn rest(expected: &[String], got: &[String]) -> bool {
        match expected {
            [] => got.is_empty(),
            [first, after @ ..] if first == "..." => {
                (0..=got.len()).any(|skipped| rest(after, &got[skipped..]))
            }
            [first, after @ ..] => got.first() == Some(first) && rest(after, &got[1..]),
        }
    }
    let lines = |text: &str| normal(text).lines().map(str::to_owned).collect::<Vec<_>>();
    rest(&lines(expected), &lines(got))
}

fn same(a: &str, b: &str) -> bool {
    normal(a) == normal(b)
}

/// Takes out what is another one each time: names of objects and keys, the id of a desk, the clock.
fn normal(text: &str) -> String {
    let clock = Regex::new(CLOCK).unwrap();
    let text = clock.replace_all(text, "Fri 20 Nov 12:00:00");
    let key = Regex::new(r"SHA256:[A-Za-z0-9+/]{43}").unwrap();
    let text = key.replace_all(&text, "SHA256:key");
    let hex = Regex::new(r"[0-9A-Za-z]*").unwrap();
    hex.replace_all(&text, |word: &regex::Captures| {
        let word = &word[0];
        // Now and then a name has no digit in it.
        let is_name = word.len() >= 7
            && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if is_name { "0".repeat(word.len()) } else { word.to_owned() }
    })
    .into_owned()
}

fn first_difference(before: &str, after: &str) -> String {
    let (before, after) = (normal(before), normal(after));
    let mut lines = before.lines().zip(after.lines()).enumerate();
    match lines.find(|(_, (before, after))| before != after) {
        Some((number, (before, after))) => format!("line {}:\n- {before}\n+ {after}", number + 1),
        None => "one is longer".to_owned(),
    }
}

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some_and(|value| !value.is_empty())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Returns every page for people: those at the top, and the book.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).to_vec();
    pages.extend(files_below(&root().join("docs"), "md"));
    pages
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
