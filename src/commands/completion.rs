//! Says what the shell may offer for the word under the cursor, and prints the scripts that ask.
//!
//! It looks and writes nothing; whatever is wrong with a desk, there is just nothing to offer. What comes
//! from outside is one visible line before a shell sees it.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};

use super::{Context, Exit, Result, Session};
use crate::desk::Desk;
use crate::ledger::Snapshot;
use crate::text;

/// The script of each shell that is known.
const SCRIPTS: [(&str, &str); 3] = [
    ("bash", include_str!("../../templates/completions/git-drafts.bash")),
    ("zsh", include_str!("../../templates/completions/_git-drafts")),
    ("fish", include_str!("../../templates/completions/git-drafts.fish")),
];

/// The most characters of a description.
const MEANING_CHARS_MAX: usize = 60;

/// A shell whose script can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// Bash 4.4 or later, with git's own completion for `git drafts`.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish 3 or later.
    Fish,
}

/// What may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Offer {
    /// One of these words, each with what it means.
    Words(Vec<(String, String)>),
    /// The id of a draft; of one that has left the desk, too, where `also_gone`.
    Ids { also_gone: bool },
    /// The name of a file.
    Files,
}

/// What the words before the cursor say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    offer: Offer,
    directory: Option<PathBuf>,
    config: Option<PathBuf>,
}

/// Prints a shell's script.
pub fn script(context: &Context, shell: Shell) -> Exit {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let script = SCRIPTS.iter().find(|(of, _)| *of == name).map_or("", |(_, script)| script);
    context.ui.raw(script.as_bytes());
    Exit::Done
}

/// Prints what may stand in the place of the last of `words`: a value and a description a line. Ends with
/// 1 where that is the name of a file.
pub fn run(context: &Context, program: &Command, words: &[String]) -> Result<Exit> {
    let current = words.last().map(String::as_str).unwrap_or_default();
    let place = place(program, words);
    let offered = match place.offer {
        Offer::Files => return Ok(Exit::NeedsYou),
        Offer::Words(words) => words,
        Offer::Ids { also_gone } => {
            let directory = place.directory.map(|directory| context.directory.join(directory));
            let config = place.config.map(|config| context.directory.join(config));
            let context = Context {
                directory: directory.unwrap_or_else(|| context.directory.clone()),
                config: config.or_else(|| context.config.clone()),
                ..context.clone()
            };
            ids(&context, also_gone).unwrap_or_default()
        }
    };
    for (value, meaning) in offered.iter().filter(|(value, _)| value.starts_with(current)) {
        context.ui.out(format!("{value}\t{}", text::one_line(meaning, MEANING_CHARS_MAX)));
    }
    Ok(Exit::Done)
}

/// Returns the ids of drafts with their subjects.
fn ids(context: &Context, also_gone: bool) -> Result<Vec<(String, String)>> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let mut ids: Vec<(String, String)> = Vec::new();
    for file in &desk.files {
        let Some(id) = &file.id else { continue };
        let meaning = match &file.draft {
            Ok(draft) => draft.subject.clone(),
            Err(error) => error.what.clone(),
        };
        ids.push((id.to_string(), meaning));
    }
    if also_gone {
        let here = desk.ids();
        let open = Snapshot::of(&session.repository)?.open_ids()?;
        ids.extend(
            open.into_iter()
                .filter(|id| !here.contains(id))
                .map(|id| (id.to_string(), "not on the desk".to_owned())),
        );
    }
    Ok(ids)
}

/// Says in a few words what is offered, for tests of whoever has the arguments.
#[cfg(test)]
pub fn offered(program: &Command, words: &[String]) -> String {
    match place(program, words).offer {
        Offer::Words(words) => words.into_iter().map(|(word, _)| word).collect::<Vec<_>>().join(" "),
        Offer::Ids { also_gone: true } => "ids, also gone".to_owned(),
        Offer::Ids { also_gone: false } => "ids".to_owned(),
        Offer::Files => "files".to_owned(),
    }
}

/// Reads the words up to the cursor as the program would read them.
fn place(program: &Command, words: &[String]) -> Place {
    let mut command = program;
    let mut topic: Option<&Command> = None;
    let mut positional = 0;
    let mut only_positional = false;
    let mut wanting: Option<&Arg> = None;
    let (mut directory, mut config) = (None, None);
    let mut note = |option: &Arg, value: &str| match option.get_id().as_str() {
        "directory" => directory = Some(PathBuf::from(value)),
        "config" => config = Some(PathBuf::from(value)),
        _ => {}
    };
    let (current, before) = words.split_last().map_or(("", &[][..]), |(last, rest)| (last.as_str(), rest));
    for word in before {
        // Bash makes `=` a word of its own.
        if word == "=" && wanting.is_some() {
            continue;
        }
        if let Some(option) = wanting.take() {
            note(option, word);
        } else if only_positional {
            positional += 1;
        } else if word == "--" {
            only_positional = true;
        } else if word.starts_with('-') && word.len() > 1 {
            let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(n, v)| (n, Some(v)));
            if let Some(option) = option(program, command, name) {
                match value {
                    Some(value) => note(option, value),
                    None if takes_value(option) => wanting = Some(option),
                    None => {}
                }
            }
        } else if let Some(found) = topic.unwrap_or(command).find_subcommand(word) {
            positional = 0;
            if topic.is_some() {
                topic = Some(found);
            } else {
                // What is deferred has no commands of its own below `help`, so they are looked up beside it.
                topic = (found.get_name() == "help").then_some(command);
                command = found;
            }
        } else {
            positional += 1;
        }
    }
    let offer = match wanting {
        Some(option) => values(option),
        None if current.starts_with('-') && !only_positional => options(program, command),
        None if topic.unwrap_or(command).has_subcommands() && positional == 0 => {
            subcommands(topic.unwrap_or(command))
        }
        None if topic.is_some() || command.has_subcommands() => Offer::Words(Vec::new()),
        None => {
            let arguments: Vec<&Arg> = command.get_positionals().collect();
            match arguments.get(positional).or(arguments.last().filter(|last| is_list(last))) {
                Some(argument) => argument_values(command, argument),
                None => Offer::Words(Vec::new()),
            }
        }
    };
    Place { offer, directory, config }
}

fn is_list(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

fn option<'c>(program: &'c Command, command: &'c Command, name: &str) -> Option<&'c Arg> {
    let is_it = |option: &&Arg| match name.strip_prefix("--") {
        Some(long) => option.get_long() == Some(long),
        None => name.strip_prefix('-').is_some_and(|short| option.get_short() == short.chars().next()),
    };
    all_options(program, command).find(is_it)
}

/// Returns the options of a command, and those of the program that count everywhere.
fn all_options<'c>(program: &'c Command, command: &'c Command) -> impl Iterator<Item = &'c Arg> {
    let everywhere = program
        .get_arguments()
        .filter(move |option| option.is_global_set() || std::ptr::eq(program, command));
    let is_own = move |option: &&Arg| !std::ptr::eq(program, command) && !option.is_global_set();
    let own = command.get_arguments().filter(is_own);
    own.chain(everywhere).filter(|option| !option.is_positional())
}

fn options(program: &Command, command: &Command) -> Offer {
    let shown = all_options(program, command).filter(|option| !option.is_hide_set());
    let named = shown.filter_map(|option| {
        let name = option.get_long().map(|long| format!("--{long}"));
        let name = name.or_else(|| option.get_short().map(|short| format!("-{short}")))?;
        Some((name, option.get_help().map(ToString::to_string).unwrap_or_default()))
    });
    Offer::Words(named.collect())
}

fn subcommands(command: &Command) -> Offer {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let named = shown.map(|command| {
        (command.get_name().to_owned(), command.get_about().map(ToString::to_string).unwrap_or_default())
    });
    Offer::Words(named.collect())
}

fn argument_values(command: &Command, argument: &Arg) -> Offer {
    match (argument.get_id().as_str(), command.get_name()) {
        ("id" | "ids", name) => Offer::Ids { also_gone: matches!(name, "show" | "log" | "resolve") },
        _ => values(argument),
    }
}

fn values(argument: &Arg) -> Offer {
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        let shown = possible.iter().filter(|value| !value.is_hide_set());
        return Offer::Words(
            shown
                .map(|value| {
                    let meaning = value.get_help().map(ToString::to_string).unwrap_or_default();
                    (value.get_name().to_owned(), meaning)
                })
                .collect(),
        );
    }
    let names = argument.get_value_names().unwrap_or_default();
    match names.first().map(|name| name.as_str()) {
        Some("DIR" | "FILE" | "FOLDER" | "PATH") => Offer::Files,
        Some(_) | None => Offer::Words(Vec::new()),
    }
}
