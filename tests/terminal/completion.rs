//! Completion in real shells: what Tab does.

use std::fs;
use std::time::Instant;

use crate::support::desk::Desk;
use crate::tmux::{Terminal, has};

/// A subject that a shell would run, and a terminal obey.
const HOSTILE: &[u8] = b"From: Eve <eve@example.net>\r\nMessage-ID: <e@example.net>\r\nSubject: $(touch ~/owned) %F{red}\x1b[31m\r\n\r\nSurprise\r\n";

fn with_drafts() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").receive_bytes(HOSTILE).tick();
    desk
}

/// Plays the same in a shell that is ready: ids with subjects, after both ways to say the command.
fn check(desk: &Desk, shell: &str) {
    let (invoice, hostile) = (desk.id("invoice"), desk.id("touch"));
    let path = desk.path("").canonicalize().unwrap();
    let before = desk.state();
    let after = |line: &str, tabs: usize, shown: &[&str]| {
        let terminal = Terminal::start(desk, shell);
        terminal.shows("ready>").keys(line);
        (0..tabs).for_each(|_| {
            terminal.key("Tab");
        });
        shown.iter().for_each(|words| {
            terminal.shows(words);
        });
    };
    for command in ["git drafts", "git-drafts"] {
        let all = ["Re: where is my invoice?", &hostile, "[hidden: U+001B][31m"];
        after(&format!("{command} show "), 2, &all);
        let line = format!("{command} approve {invoice}");
        after(&line[..line.len() - 3], 1, &[&line]);
        after(&format!("{command} dig"), 1, &[&format!("{command} digest")]);
    }
    let line = format!("git-drafts -C {} show {invoice}", path.display());
    after(&line[..line.len() - 3], 1, &[&line]);
    assert_eq!(desk.state(), before);
    assert!(!desk.home().join("owned").exists(), "a subject was run");
}

fn script(desk: &Desk, shell: &str, path: &str) {
    let said = desk.drafts(&["completions", shell]).succeeds();
    let path = desk.home().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, said.out).unwrap();
}

#[test]
fn bash_completes_ids_with_their_subjects() {
    if !has(&["tmux", "bash"]) || !has_file("/usr/share/bash-completion/completions/git") {
        return;
    }
    let desk = with_drafts();
    script(&desk, "bash", "drafts.bash");
    let rc = "PS1='ready> '\n. /usr/share/bash-completion/bash_completion\n. /usr/share/bash-completion/completions/git\n. ~/drafts.bash\n";
    fs::write(desk.home().join("rc"), rc).unwrap();
    check(&desk, "bash --rcfile ~/rc -i");
}

#[test]
fn zsh_completes_ids_with_their_subjects() {
    if !has(&["tmux", "zsh"]) {
        return;
    }
    let desk = with_drafts();
    script(&desk, "zsh", "zsh/_git-drafts");
    let rc = "PS1='ready> '\nfpath=(~/zsh $fpath)\nautoload -U compinit\ncompinit -u -D\n";
    fs::write(desk.home().join(".zshrc"), rc).unwrap();
    check(&desk, "zsh -d -i");
}

#[test]
fn fish_completes_ids_with_their_subjects() {
    if !has(&["tmux", "fish"]) {
        return;
    }
    let desk = with_drafts();
    script(&desk, "fish", ".config/fish/conf.d/git-drafts.fish");
    let config = "function fish_prompt; echo 'ready> '; end\nfunction fish_greeting; end\n";
    fs::write(desk.home().join(".config/fish/config.fish"), config).unwrap();
    check(&desk, "fish -i");
}

#[test]
fn completion_is_quick_and_writes_nothing() {
    let desk = with_drafts();
    let listing = || desk.shell("find ~ -printf '%p %T@ %s\\n' | sort").out;
    let before = listing();
    let mut fastest = u128::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let said = desk.command("git-drafts").args(["complete", "--", "show", ""]).output().unwrap();
        fastest = fastest.min(began.elapsed().as_millis());
        assert_eq!(String::from_utf8(said.stdout).unwrap().lines().count(), 2);
    }
    assert_eq!(listing(), before);
    assert!(fastest < 50, "{fastest} ms");
    // Where there is nothing to offer, there is nothing to say.
    for words in [["--config", "/nowhere", "show", ""], ["no-such", "command", "", ""]] {
        let said = desk.command("git-drafts").args(["complete", "--"]).args(words).output().unwrap();
        assert!(said.status.success() && said.stdout.is_empty() && said.stderr.is_empty(), "{said:?}");
    }
}

fn has_file(path: &str) -> bool {
    let is_here = std::path::Path::new(path).exists();
    if !is_here {
        eprintln!("skipped: there is no {path}");
    }
    is_here
}
