//! Arguments in, exit code out.

mod usage;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::commands::{
    CommandError, Context, Exit, Result, allow, approve, bubble, check, completion, connector, demo, diff,
    digest, edit, evidence, hook, init, list, log, man, pager, pause, redraft, reject, resolve, review, run,
    schedule, send, shadow, show, stats, status, tick,
};
use crate::diagnostics::{self, Credentials};
use crate::evidence::Claim;
use crate::notify;
use crate::ui::{self, ColorChoice, Ui};

/// git's code for a fatal error.
const FATAL: u8 = 128;

/// git's code for wrong arguments.
const USAGE: u8 = 129;

/// An inbox worker that drafts answers as git commits and sends only what a person approved
#[derive(Debug, Parser)]
#[command(name = "git-drafts", bin_name = "git drafts", version, max_term_width = 100)]
pub struct Cli {
    /// Work as if started in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    directory: Option<PathBuf>,

    /// Use this wiring file
    #[arg(long, value_name = "FILE", env = "GIT_DRAFTS_CONFIG", global = true)]
    config: Option<OsString>,

    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    color: When,

    /// Say more on stderr (twice: much more)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,

    #[command(subcommand)]
    command: Verb,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

// Only the arguments of the verb that is used are put together, not those of all.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// Show the whole loop on a mailbox of its own, with nothing to set up
    Demo {
        /// Where to lay it out; a new folder
        folder: Option<PathBuf>,
    },
    /// Make a drafts repository, or repair one
    Init {
        /// Where; the desk that you are in, else where the wiring says, else ~/drafts
        folder: Option<PathBuf>,
        /// In a clone: tick and send here from now on, and nowhere else
        #[arg(long)]
        take_over: bool,
    },
    /// Take in new messages, then send what is approved; for a timer or cron
    Run {
        /// What calls it, as `schedule` writes it
        #[arg(long, value_name = "WHAT")]
        trigger: Option<ClaimWord>,
        /// End what takes longer; half an hour with --trigger
        #[arg(long, value_name = "SECONDS", value_parser = |text: &str| number(text, 1, 86_400))]
        seconds_max: Option<u64>,
    },
    /// Let a timer or cron call `run`
    Schedule {
        #[command(subcommand)]
        command: ScheduleVerb,
    },
    /// Draft nothing and send nothing until `resume`
    Pause {
        /// For how long: 30m, 2h, 7d or 4w
        #[arg(long = "for", value_name = "TIME")]
        length: Option<String>,
        /// Why, for whoever looks at `status`
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Go on after `pause`
    Resume,
    /// Take in new messages and put drafts on the desk; sends nothing
    Tick(TickArguments),
    /// Send what is approved
    Send(SendArguments),
    /// Show what waits for you, what is on its way and what is unclear
    Status {
        #[command(flatten)]
        format: Format,
        /// End with 1 when something needs you
        #[arg(long)]
        exit_code: bool,
    },
    /// List the drafts that are not finished
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show a draft, or the bytes that would leave
    Show {
        /// The first letters of its id, or its file
        id: String,
        /// Print the exact bytes that would leave
        #[arg(long)]
        outgoing: bool,
        /// Print what a language model was asked
        #[arg(long, conflicts_with = "outgoing")]
        prompt: bool,
        /// Print the file as it is, as where standard output is no terminal
        #[arg(long, conflicts_with_all = ["outgoing", "prompt"])]
        raw: bool,
        /// Lay it out for reading, as on a terminal
        #[arg(long, conflicts_with_all = ["outgoing", "prompt", "raw"])]
        rendered: bool,
        /// Use no pager
        #[arg(long)]
        no_pager: bool,
    },
    /// Print the drafts that wait as one text in Markdown, for a mail or a chat
    Digest {
        /// Use no pager
        #[arg(long)]
        no_pager: bool,
    },
    /// Show what you changed against what was drafted
    Diff {
        /// The first letters of its id, or its file; all without one
        id: Option<String>,
        /// Use no pager
        #[arg(long)]
        no_pager: bool,
    },
    /// Open drafts in your editor
    Edit {
        /// The first letters of their ids, or their files
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Show one draft after the other and ask; one commit at the end
    Review {
        /// The first letters of their ids, or their files; all that wait without one
        #[arg(value_name = "ID")]
        ids: Vec<String>,
        /// Words in the place of marks and rules, for whoever has the screen read aloud
        #[arg(long)]
        plain: bool,
    },
    /// Set drafts to approved and stage them; the commit sends
    Approve {
        /// The first letters of their ids, or their files
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Open the editor first
        #[arg(short, long)]
        edit: bool,
        /// Commit just these files
        #[arg(long)]
        commit: bool,
        /// The commit's message
        #[arg(short, long, requires = "commit")]
        message: Option<String>,
    },
    /// Allow something in a draft to leave that looks like a secret
    Allow(AllowArguments),
    /// Remove drafts and stage that; the commit rejects
    Reject {
        /// The first letters of their ids, or their files
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why
        #[arg(short, long, value_name = "WHY")]
        message: Option<String>,
        /// Mark their messages as read at their sources, too
        #[arg(long)]
        read: bool,
        /// Commit just these files
        #[arg(long)]
        commit: bool,
    },
    /// Ask the brain again, and put its answer in the place of a draft that nobody touched
    Redraft {
        /// The first letters of its id, or its file
        id: String,
        /// What you want of the answer, for a language model: "shorter, and offer Tuesday"
        #[arg(short, long, value_name = "WISH")]
        message: Option<String>,
        /// Ask this brain of the wiring instead of the source's own
        #[arg(long, value_name = "NAME")]
        brain: Option<String>,
    },
    /// Say what became of a draft that nobody is sure about
    Resolve {
        /// The first letters of its id, or its file
        id: String,
        #[command(flatten)]
        word: Word,
    },
    /// Tell the story of a draft, or what happened last
    Log {
        /// The first letters of its id, or its file; everything without one
        id: Option<String>,
        /// Show this many of the newest lines
        #[arg(short = 'n', value_name = "COUNT", default_value_t = 20, value_parser = count)]
        count: usize,
        /// Show with an approval what was changed since the draft, word by word
        #[arg(short, long, requires = "id")]
        patch: bool,
        /// Use no pager
        #[arg(long)]
        no_pager: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Count what became of drafts, by action, tier, confidence and brain
    Stats {
        /// Only drafts made since then: 2026-11-20, or 30d, 4w, 12h ago
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Compare what shadows planned with what you approved
        #[arg(long)]
        shadow: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what runs did, as one JSON object for an audit
    Evidence {
        /// Only runs since then: 2026-11-20, or 30d, 4w, 12h ago
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
    },
    /// Look at everything that the promises rest on
    Check {
        /// Mend what is safe to mend
        #[arg(long)]
        fix: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try out a connector
    Connector {
        #[command(subcommand)]
        verb: ConnectorVerb,
    },
    /// Write the man pages, so that `git help drafts` finds them
    Man {
        /// Where, such as ~/.local/share/man/man1
        folder: PathBuf,
    },
    /// Print a script that lets a shell complete commands and ids
    Completions {
        /// The shell
        shell: completion::Shell,
    },
    /// Say what a shell may offer for the last of these words
    #[command(hide = true)]
    Complete {
        /// The words up to the cursor
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Ask the shadows of brains about the last drafts
    #[command(hide = true)]
    Shadow,
    /// Show a bubble, and stay for a click on it
    #[command(hide = true)]
    Bubble(BubbleArguments),
    /// What git's hooks call
    #[command(hide = true)]
    Hook {
        /// The hook's name
        name: String,
        /// The process id of the git that runs it
        #[arg(long)]
        git_pid: Option<u32>,
        /// The hook's own arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ClaimWord {
    Timer,
    Cron,
}

#[derive(Debug, Args)]
struct BubbleArguments {
    /// Which of ours it takes the place of
    #[arg(long)]
    place: PlaceWord,
    /// The folder that remembers its number
    #[arg(long)]
    state: PathBuf,
    #[arg(long)]
    urgent: bool,
    summary: String,
    body: String,
    /// What a click starts
    #[arg(last = true)]
    open: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PlaceWord {
    Waiting,
    Trouble,
}

#[derive(Debug, Subcommand)]
enum ScheduleVerb {
    /// Write the units of a systemd timer, or a block of your crontab
    Install {
        /// Switch it on as well
        #[arg(long)]
        enable: bool,
        /// How often: 1m to 30m or 1h to 12h that divide an hour or a day, or 1d
        #[arg(long, value_name = "TIME")]
        every: Option<String>,
        /// Use your crontab, and not systemd
        #[arg(long)]
        cron: bool,
        /// Without a clean dry run before
        #[arg(long)]
        force: bool,
    },
    /// Show what is installed, when it runs next, and whether it is as this version writes it
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Switch it off and remove it
    Remove,
}

#[derive(Debug, Subcommand)]
enum ConnectorVerb {
    /// Check that a program keeps to the protocol, or find out what a hub can do
    Test(ConnectorArguments),
}

#[derive(Debug, Args)]
struct ConnectorArguments {
    /// A source or transport of the wiring, or a program: `nats` is git-drafts-connector-nats
    name: String,
    /// Send test messages to this recipient, too; nothing is sent without
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// The thread that test messages belong to, and that is read
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// A setting of a program that the wiring does not name
    #[arg(long = "setting", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Format {
    /// Print JSON
    #[arg(long, conflicts_with = "porcelain")]
    json: bool,
    /// Print lines for scripts
    #[arg(long)]
    porcelain: bool,
}

#[derive(Debug, Args)]
struct TickArguments {
    /// Show plans, findings and recipients; write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Ask this brain instead of the sources' own
    #[arg(long, value_name = "NAME")]
    brain: Option<String>,
    /// Take at most this many new messages
    #[arg(long, value_name = "COUNT", value_parser = count)]
    max: Option<usize>,
    /// Take messages of any age
    #[arg(long)]
    all: bool,
    /// Leave the shadows to whoever asks them later
    #[arg(long, hide = true)]
    shadow_later: bool,
    /// Say once, and not at every tick, what is away
    #[arg(short, long)]
    quiet: bool,
    /// The run that wants to know what was done
    #[arg(long, hide = true, value_name = "PID")]
    part_of: Option<u32>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct SendArguments {
    /// Write the exact bytes into this folder, and send nothing
    #[arg(long, value_name = "DIR")]
    to_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Say once, and not at every run, what waits for a person
    #[arg(short, long)]
    quiet: bool,
    /// Leave the terminal's session, and stay for undo windows
    #[arg(long, hide = true)]
    detached: bool,
    /// The run that wants to know what was done
    #[arg(long, hide = true, value_name = "PID")]
    part_of: Option<u32>,
}

#[derive(Debug, Args)]
struct AllowArguments {
    /// The first letters of its id, or its file
    #[arg(required_unless_present = "list")]
    id: Option<String>,
    /// Which finding, as `git drafts show` numbers them; the only one without
    #[arg(long, value_name = "N", value_parser = count)]
    finding: Option<usize>,
    /// Why; it is kept in the ledger
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    reason: Option<String>,
    /// This draft, with these words to these people (the default)
    #[arg(long, group = "reach")]
    once: bool,
    /// This draft, however it is changed
    #[arg(long, group = "reach")]
    here: bool,
    /// Every draft, until it expires
    #[arg(long, group = "reach")]
    always: bool,
    /// For how long everywhere, such as 30d; 90d without
    #[arg(long, value_name = "TIME", requires = "always")]
    expires: Option<String>,
    /// Show what is allowed
    #[arg(long, conflicts_with_all = ["id", "finding", "reason", "reach"])]
    list: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Word {
    /// It has arrived
    #[arg(long)]
    sent: bool,
    /// It has not: send the same bytes anew
    #[arg(long)]
    resend: bool,
    /// It has not, and shall not
    #[arg(long)]
    drop: bool,
}

/// Reads a whole number between two others.
fn number(text: &str, least: u64, most: u64) -> std::result::Result<u64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("not a number from {least} to {most}"))
}

fn count(text: &str) -> std::result::Result<usize, String> {
    text.parse().map_err(|_| "not a whole number".to_owned())
}

/// Runs the program with these arguments.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let mut program = Cli::command();
            program.build();
            ui::usage(&usage::text(&program, &arguments, error));
            return ExitCode::from(USAGE);
        }
        Err(error) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    let ui = Ui::new(match cli.color {
        When::Auto => ColorChoice::Auto,
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
    });
    let credentials = Credentials::default();
    let ended = context(&cli, ui, credentials).and_then(|context| {
        diagnostics::start(cli.verbose, &context.credentials, context.state_home().join("git-drafts/log"));
        dispatch(&context, cli.command)
    });
    let ended = match ui::not_printed() {
        Some(kind) if ended.is_ok() => {
            // The kind's own words for it are about storage.
            let error = match kind {
                io::ErrorKind::StorageFull => io::Error::from(rustix::io::Errno::NOSPC),
                kind => kind.into(),
            };
            Err(CommandError::System { what: "cannot write to standard output".to_owned(), error })
        }
        _ => ended,
    };
    match ended {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::NeedsYou) => ExitCode::from(1),
        Err(error) => {
            ui.error(&error);
            ExitCode::from(if matches!(error, CommandError::Usage { .. }) { USAGE } else { FATAL })
        }
    }
}

fn context(cli: &Cli, ui: Ui, credentials: Credentials) -> Result<Context> {
    let failed = |error| CommandError::System { what: "the current folder".to_owned(), error };
    let here = std::env::current_dir().map_err(failed)?;
    let directory = match &cli.directory {
        Some(directory) => here.join(directory),
        None => here.clone(),
    };
    let kind = fs::metadata(&directory);
    if let Err(error) = &kind
        && !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    {
        return Err(CommandError::System {
            what: directory.display().to_string(),
            error: error.kind().into(),
        });
    }
    if !kind.is_ok_and(|kind| kind.is_dir()) {
        return Err(CommandError::Usage {
            what: format!("there is no folder {}", directory.display()),
            hint: None,
        });
    }
    let config = cli.config.as_ref().filter(|path| !path.is_empty()).map(|path| here.join(path));
    Ok(Context { ui, directory, config, credentials })
}

fn dispatch(context: &Context, command: Verb) -> Result<Exit> {
    match command {
        Verb::Demo { folder } => demo::run(context, folder.as_deref()),
        Verb::Init { folder, take_over } => init::run(context, folder.as_deref(), take_over),
        Verb::Run { trigger, seconds_max } => {
            let trigger = trigger.map(|word| match word {
                ClaimWord::Timer => Claim::Timer,
                ClaimWord::Cron => Claim::Cron,
            });
            wait_for(run::run(context, run::Options { trigger, seconds_max }))
        }
        Verb::Schedule { command } => match command {
            ScheduleVerb::Install { enable, every, cron, force } => {
                schedule::install(context, &schedule::Options { enable, every, cron, force })
            }
            ScheduleVerb::Status { json } => schedule::status(context, json),
            ScheduleVerb::Remove => schedule::remove(context),
        },
        Verb::Pause { length, why } => pause::pause(context, length.as_deref(), why.as_deref()),
        Verb::Resume => pause::resume(context),
        Verb::Tick(TickArguments { dry_run, brain, max, all, shadow_later, quiet, part_of, format }) => {
            let options = tick::Options {
                dry_run,
                brain,
                messages_max: max,
                all,
                json: format.json,
                porcelain: format.porcelain,
                shadow_later,
                quiet,
                part_of,
            };
            wait_for(tick::run(context, &options))
        }
        Verb::Send(SendArguments { to_dir, json, quiet, detached, part_of }) => {
            let to_dir = to_dir.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
            wait_for(send::run(context, &send::Options { to_dir, detached, json, quiet, part_of }))
        }
        Verb::Status { format: Format { json, porcelain }, exit_code } => {
            status::run(context, &status::Options { json, porcelain, exit_code })
        }
        Verb::List { format: Format { json, porcelain } } => {
            list::run(context, &list::Options { json, porcelain })
        }
        Verb::Show { id, outgoing, prompt, raw, rendered, no_pager } => {
            let rendered = rendered || (context.ui.is_terminal() && !raw);
            let _pager = pager::start(context, no_pager);
            show::run(context, &show::Options { id, outgoing, prompt, rendered })
        }
        Verb::Digest { no_pager } => {
            let _pager = pager::start(context, no_pager);
            digest::run(context)
        }
        Verb::Diff { id, no_pager } => {
            let _pager = pager::start(context, no_pager);
            diff::run(context, id.as_deref())
        }
        Verb::Edit { ids } => edit::run(context, &ids),
        Verb::Review { ids, plain } => review::run(context, &review::Options { ids, plain }),
        Verb::Approve { ids, edit, commit, message } => {
            approve::run(context, &approve::Options { ids, edit, commit, message })
        }
        Verb::Allow(AllowArguments { id, finding, reason, here, always, expires, .. }) => {
            let reach = match (here, always) {
                (true, _) => allow::Reach::Here,
                (_, true) => allow::Reach::Always,
                _ => allow::Reach::Once,
            };
            allow::run(context, &allow::Options { id, finding, reason, reach, expires })
        }
        Verb::Redraft { id, message, brain } => {
            wait_for(redraft::run(context, &redraft::Options { id, message, brain }))
        }
        Verb::Reject { ids, message, read, commit } => {
            reject::run(context, &reject::Options { ids, message, read, commit })
        }
        Verb::Resolve { id, word } => {
            let word = match word {
                Word { sent: true, .. } => resolve::Word::Sent,
                Word { resend: true, .. } => resolve::Word::Resend,
                Word { .. } => resolve::Word::Drop,
            };
            resolve::run(context, &id, word)
        }
        Verb::Log { id, count, patch, no_pager, format: Format { json, porcelain } } => {
            let _pager = pager::start(context, no_pager);
            log::run(context, &log::Options { id, count, patch, json, porcelain })
        }
        Verb::Stats { since, shadow, json } => stats::run(context, &stats::Options { since, shadow, json }),
        Verb::Evidence { since } => evidence::run(context, since.as_deref()),
        Verb::Shadow => wait_for(shadow::run(context)),
        Verb::Bubble(BubbleArguments { place, state, urgent, summary, body, open }) => {
            let place = match place {
                PlaceWord::Waiting => notify::Place::Waiting,
                PlaceWord::Trouble => notify::Place::Trouble,
            };
            let bubble = notify::Bubble { summary, body, is_urgent: urgent };
            wait_for(bubble::run(context, &bubble::Options { bubble, place, state, open }))
        }
        Verb::Check { fix, json } => wait_for(check::run(context, &check::Options { fix, json })),
        Verb::Connector { verb: ConnectorVerb::Test(arguments) } => {
            let ConnectorArguments { name, to, thread, settings, json } = arguments;
            wait_for(connector::run(context, &connector::Options { name, to, thread, settings, json }))
        }
        Verb::Man { folder } => man::run(context, &folder, Cli::command().bin_name("git-drafts")),
        Verb::Completions { shell } => Ok(completion::script(context, shell)),
        Verb::Complete { words } => {
            let mut program = Cli::command();
            program.build();
            completion::run(context, &program, &words)
        }
        Verb::Hook { name, git_pid, arguments } => {
            let options = hook::Options { name, git_pid, arguments };
            // A fault of ours must never stop a commit: only what would be sent may, and says so itself.
            Ok(hook::run(context, &options).unwrap_or_else(|error| {
                hook::excuse(context, &error);
                Exit::Done
            }))
        }
    }
}

/// Runs a command that waits for the world, on this thread.
fn wait_for(command: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    let failed = |error| CommandError::System { what: "the runtime".to_owned(), error };
    // The runtime makes such a pair for signals, and panics where it cannot: too many open files, say.
    UnixStream::pair().map_err(failed)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?.block_on(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(line: &str) -> String {
        let mut program = Cli::command();
        program.build();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        completion::offered(&program, &words)
    }

    #[test]
    fn what_a_shell_may_offer_follows_the_arguments() {
        assert!(offers("").starts_with("demo init run"), "{}", offers(""));
        assert!(!offers("").contains("hook"));
        for line in
            ["show ", "edit mrnp ", "-C x show ", "--color=never log ", "allow ", "log -n 5 ", "show -- "]
        {
            assert!(offers(line).starts_with("ids"), "{line}: {}", offers(line));
        }
        assert_eq!(offers("show "), "ids, also gone");
        assert_eq!(offers("approve "), "ids");
        assert_eq!(offers("show mrnp "), "");
        assert_eq!(offers("--color "), "auto always never");
        assert_eq!(offers("--color = "), "auto always never");
        assert_eq!(offers("completions "), "bash zsh fish");
        assert_eq!(offers("status -").split(' ').next(), Some("--json"));
        assert_eq!(offers("status -").matches("--config").count(), 1);
        assert_eq!(offers("help "), offers(""));
        assert_eq!(offers("help schedule "), offers("schedule "));
        assert!(offers("schedule ").starts_with("install status remove"));
        for line in ["help schedule install ", "help schedule no ", "help send ", "help no "] {
            assert_eq!(offers(line), "", "{line}");
        }
        for line in ["-C ", "--config ", "send --to-dir ", "man ", "init "] {
            assert_eq!(offers(line), "files", "{line}");
        }
        assert_eq!(offers("reject mrnp -m "), "");
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
