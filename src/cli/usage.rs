//! Says what is wrong with the arguments: in clap's words, but for a help that works where git calls us and
//! without what is not for people.

use std::ffi::OsString;

use anstyle::Style;
use clap::error::{ContextKind, ContextValue};
use clap::{Command, Error};

/// How clap ends, before it names `--help`. git makes `man git-drafts` of `git drafts --help`, and a program
/// that cargo has installed brings no man pages.
const FOOTER: &str = "For more information, try '";

/// Returns the text for what is wrong with `arguments`, with colours.
pub fn text(program: &Command, arguments: &[OsString], mut error: Error) -> String {
    let command = command(program, arguments);
    suggest_no_hidden(program, command.last().copied().unwrap_or(program), &mut error);
    let styles = program.get_styles();
    let (valid, faint) = (styles.get_valid(), Style::new().dimmed());
    let (tip, hint) = (format!("  {valid}tip:{valid:#} "), format!("{faint}hint:{faint:#} "));
    let text = error.render().ansi().to_string();
    let text = text.replace(&format!("\n\n{tip}"), &format!("\n{hint}")).replace(&tip, &hint);
    let Some((before, _)) = text.rsplit_once(FOOTER) else { return text };
    let name: Vec<&str> =
        ["git drafts help"].into_iter().chain(command.iter().map(|command| command.get_name())).collect();
    format!("{before}{FOOTER}{}'.\n", name.join(" "))
}

/// Returns the commands that the arguments name, the outer first.
fn command<'c>(program: &'c Command, arguments: &[OsString]) -> Vec<&'c Command> {
    let mut path: Vec<&Command> = Vec::new();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        let at = path.last().copied().unwrap_or(program);
        path.extend(
            at.find_subcommand(word).filter(|found| !found.is_hide_set() && found.get_name() != "help"),
        );
    }
    path
}

/// Takes what is hidden out of what clap suggests, and that every mistake could be a value.
fn suggest_no_hidden(program: &Command, command: &Command, error: &mut Error) {
    let is_shown = |word: &String| {
        let hidden_command = command.find_subcommand(word).is_some_and(Command::is_hide_set);
        let name = word.trim_start_matches('-');
        let mut options = command.get_arguments().chain(program.get_arguments());
        let hidden_option = options.any(|option| option.get_long() == Some(name) && option.is_hide_set());
        !hidden_command && !hidden_option
    };
    if let Some(ContextValue::StyledStrs(tips)) = error.remove(ContextKind::Suggested) {
        let tips: Vec<_> = tips.into_iter().filter(|tip| !tip.to_string().starts_with("to pass ")).collect();
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg] {
        let shown: Vec<String> = match error.remove(kind) {
            Some(ContextValue::String(word)) => [word].into_iter().filter(is_shown).collect(),
            Some(ContextValue::Strings(words)) => words.into_iter().filter(is_shown).collect(),
            Some(other) => {
                error.insert(kind, other);
                continue;
            }
            None => continue,
        };
        match <[String; 1]>::try_from(shown) {
            Ok([one]) => {
                error.insert(kind, ContextValue::String(one));
            }
            Err(several) if !several.is_empty() => {
                error.insert(kind, ContextValue::Strings(several));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    fn said(line: &str) -> String {
        let arguments: Vec<OsString> = std::iter::once("git-drafts")
            .chain(line.split(' ').filter(|word| !word.is_empty()))
            .map(Into::into)
            .collect();
        let mut program = Cli::command();
        program.build();
        let error = Cli::try_parse_from(arguments.clone()).unwrap_err();
        anstream::adapter::strip_str(&text(&program, &arguments, error)).to_string()
    }

    #[test]
    fn the_help_that_is_named_is_the_commands_own() {
        for (line, help) in [
            ("frobnicate", "git drafts help"),
            ("approve", "git drafts help approve"),
            ("-C x approve --no-such", "git drafts help approve"),
            ("connector test", "git drafts help connector test"),
            ("schedule install --evry 5m", "git drafts help schedule install"),
            ("hook", "git drafts help"),
        ] {
            let said = said(line);
            assert!(said.ends_with(&format!("\nFor more information, try '{help}'.\n")), "{line}: {said}");
        }
    }

    #[test]
    fn nothing_hidden_is_suggested() {
        let hints = |line: &str| {
            let said = said(line);
            said.lines().filter_map(|line| line.strip_prefix("hint: ").map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(hints("shadw"), ["a similar subcommand exists: 'show'"]);
        assert_eq!(hints("complet"), ["a similar subcommand exists: 'completions'"]);
        assert_eq!(hints("aprov"), ["a similar subcommand exists: 'approve'"]);
        for line in ["tick --part-off", "tick --shadow-late", "send --detache", "log -n -1", "review --such"]
        {
            assert_eq!(hints(line), [""; 0], "{line}");
        }
        assert_eq!(hints("tick --quit"), ["a similar argument exists: '--quiet'"]);
    }

    #[test]
    fn only_the_last_line_of_an_error_is_another_one() {
        assert!(said("schedule").contains("-h, --help"));
        assert_eq!(
            said("log -n x"),
            "error: invalid value 'x' for '-n <COUNT>': not a whole number\n\n\
             For more information, try 'git drafts help log'.\n"
        );
    }
}
