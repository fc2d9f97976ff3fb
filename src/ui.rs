//! The only place that prints: data to stdout, talk to stderr, colour only on a terminal.
//!
//! A reader that goes away (`git drafts list | head`) is success, not an error.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Color, Style};
use jiff::{SignedDuration, Timestamp};

use crate::error::Hint;
use crate::markdown::{Form, Line, Look, Style as Page};
use crate::text;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless it is a dumb one or `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a word means, for its colour; everything reads the same without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Good news: sent, staged.
    Good,
    /// It needs a person.
    Attention,
    /// Wrong or refused.
    Bad,
    /// An id.
    Id,
    /// A heading.
    Heading,
    /// Less important.
    Faint,
}

/// The longest line that a person may answer with: as much as a terminal takes.
const LINE_BYTES_MAX: u64 = 4096;

/// Why data could not be printed, the first time that happened; a reader that went away is no reason.
static NOT_PRINTED: OnceLock<io::ErrorKind> = OnceLock::new();

/// Prints what is wrong with the arguments, which may have said how to print.
pub fn usage(text: &str) {
    let _ = write!(anstream::stderr(), "{text}");
}

/// Returns why not all data was printed, if so: whoever keeps it must not take a part for the whole.
pub fn not_printed() -> Option<io::ErrorKind> {
    put(io::stdout().flush());
    NOT_PRINTED.get().copied()
}

fn put(printed: io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = NOT_PRINTED.set(error.kind());
    }
}

/// The terminal, or what stands in for it.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    color_out: bool,
    color_err: bool,
    /// The width of the terminal that stdout was at the beginning; a pager takes its place.
    columns: Option<usize>,
}

/// A pager that shows what is printed; dropping it waits until the person has read.
///
/// As git does it, the pager takes the place of stdout, and of stderr where that is the terminal, too.
pub struct Pager {
    child: Child,
    command: String,
    out: OwnedFd,
    err: Option<OwnedFd>,
    ui: Ui,
}

impl Ui {
    /// Looks at stdout, stderr, `TERM` and the `NO_COLOR` convention once.
    pub fn new(choice: ColorChoice) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wanted = |terminal: bool| match choice {
            ColorChoice::Auto => terminal && !no_color && !is_dumb(),
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self {
            color_out: wanted(io::stdout().is_terminal()),
            color_err: wanted(io::stderr().is_terminal()),
            columns: terminal_columns(),
        }
    }

    /// Returns the same without colours.
    pub fn without_colours(self) -> Self {
        Self { color_out: false, color_err: false, ..self }
    }

    /// Tells whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Shows through a pager whatever is printed from now on, as long as what is returned lives; none where
    /// it cannot be started.
    pub fn page(self, command: &str) -> Option<Pager> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).stdin(Stdio::piped());
        // As git has it: short text stays on the screen, colours are shown, nothing is cleared.
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                shell.env(name, value);
            }
        }
        let out = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3).ok()?;
        let err = if io::stderr().is_terminal() {
            Some(rustix::io::fcntl_dupfd_cloexec(io::stderr(), 3).ok()?)
        } else {
            None
        };
        let mut child = shell.spawn().ok()?;
        let input = child.stdin.take()?;
        let taken = rustix::stdio::dup2_stdout(&input)
            .and_then(|()| if err.is_some() { rustix::stdio::dup2_stderr(&input) } else { Ok(()) });
        let pager = Pager { child, command: command.to_owned(), out, err, ui: self };
        taken.ok().map(|()| pager)
    }

    /// Prints a line of data.
    pub fn out(&self, line: impl Display) {
        put(writeln!(io::stdout(), "{line}"));
    }

    /// Returns the width of the terminal that stdout is, if it is one.
    pub fn columns(&self) -> Option<usize> {
        terminal_columns().or(self.columns)
    }

    /// Prints a line of a table, cut at the edge of a terminal; a pipe gets all of it.
    pub fn row(&self, line: impl Display) {
        let line = line.to_string();
        match self.columns() {
            Some(columns) => self.out(clipped(&line, columns)),
            None => self.out(line),
        }
    }

    /// Prints a sentence: a terminal gets it broken between words, the first line behind `first` and the others
    /// behind `rest`; a pipe gets one line.
    pub fn prose(&self, [first, rest]: [&str; 2], tone: Option<Tone>, sentence: impl Display) {
        let sentence = sentence.to_string();
        let lines = match self.columns() {
            // A terminal that narrow breaks lines as it likes.
            Some(columns) => text::wrapped(&sentence, columns.saturating_sub(text::columns(rest)).max(20)),
            None => vec![sentence],
        };
        for (index, line) in lines.into_iter().enumerate() {
            let indent = if index == 0 { first } else { rest };
            match tone {
                Some(tone) => self.out(format!("{indent}{}", self.paint(tone, line))),
                None => self.out(format!("{indent}{line}")),
            }
        }
    }

    /// Returns how text is laid out on stdout.
    pub fn style(&self) -> Page {
        let form = if self.color_out { Form::Looks } else { Form::Marks };
        Page { columns: self.columns(), form }
    }

    /// Prints lines of text.
    pub fn lines(&self, lines: &[Line]) {
        for line in lines {
            let line: String = line.iter().map(|span| self.looked(span.look, &span.text)).collect();
            self.out(line);
        }
    }

    fn looked(&self, look: Look, text: &str) -> String {
        let plain = Style::new();
        let fg = |color: AnsiColor| plain.fg_color(Some(Color::Ansi(color)));
        let style = match look {
            Look::Plain => return text.to_owned(),
            _ if !self.color_out => return text.to_owned(),
            Look::Strong | Look::Heading => plain.bold(),
            Look::Emphasis => plain.italic(),
            Look::Code => fg(AnsiColor::Cyan),
            Look::Link => fg(AnsiColor::Blue).underline(),
            Look::Struck => plain.strikethrough(),
            Look::Faint => plain.dimmed(),
            Look::Added => fg(AnsiColor::Green),
            Look::Removed => fg(AnsiColor::Red).bold(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Tells whether a person can be asked something.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Asks for a line; none where nobody answers any more.
    pub fn ask(&self, prompt: impl Display) -> Option<String> {
        let mut stdout = io::stdout();
        write!(stdout, "{prompt}").and_then(|()| stdout.flush()).ok()?;
        let mut line = String::new();
        match io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line),
        }
    }

    /// Prints data as it is, without a line end of our own.
    pub fn raw(&self, bytes: &[u8]) {
        put(io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()));
    }

    /// Prints a line of talk.
    pub fn say(&self, line: impl Display) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Shows on a terminal how far something has come, in one line that the next one replaces.
    pub fn progress(&self, line: impl Display) {
        let mut stderr = io::stderr();
        if stderr.is_terminal() && !is_dumb() {
            let _ = write!(stderr, "\r\u{1b}[K{line}").and_then(|()| stderr.flush());
        }
    }

    /// Takes the line of [`Ui::progress`] away.
    pub fn progress_ends(&self) {
        self.progress("");
    }

    /// Prints an error and its way out.
    pub fn error(&self, error: &(impl Display + Hint)) {
        self.say(format!("{} {error}", self.painted(self.color_err, Tone::Bad, "error:")));
        if let Some(hint) = error.hint() {
            self.hint(&hint);
        }
    }

    /// Prints a warning.
    pub fn warn(&self, warning: impl Display) {
        self.say(format!("{} {warning}", self.painted(self.color_err, Tone::Attention, "warning:")));
    }

    /// Prints a way out.
    pub fn hint(&self, hint: &str) {
        self.say(format!("{} {hint}", self.painted(self.color_err, Tone::Faint, "hint:")));
    }

    /// Colours a word that goes to stdout.
    pub fn paint(&self, tone: Tone, text: impl Display) -> String {
        self.painted(self.color_out, tone, text)
    }

    fn painted(&self, color: bool, tone: Tone, text: impl Display) -> String {
        if !color {
            return text.to_string();
        }
        let plain = Style::new();
        let fg = |color: AnsiColor| plain.fg_color(Some(Color::Ansi(color)));
        let style = match tone {
            Tone::Good => fg(AnsiColor::Green),
            Tone::Attention => fg(AnsiColor::Yellow),
            Tone::Bad => fg(AnsiColor::Red).bold(),
            Tone::Id => fg(AnsiColor::Cyan),
            Tone::Heading => plain.bold(),
            Tone::Faint => plain.dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // The pager ends once nobody can write to it any more.
        let _ = io::stdout().flush();
        let _ = rustix::stdio::dup2_stdout(&self.out);
        if let Some(err) = &self.err {
            let _ = rustix::stdio::dup2_stderr(err);
        }
        // Whoever leaves before the end has read enough; a pager that does not start has shown nothing.
        if self.child.wait().is_ok_and(|status| matches!(status.code(), Some(126 | 127))) {
            self.ui.warn(format!("the pager `{}` did not start", text::one_line(&self.command, 80)));
            self.ui
                .hint("`--no-pager` prints without one; `git config --global core.pager less` sets another");
        }
    }
}

/// Returns the width of the terminal that stdout is, if it is one.
fn terminal_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Tells whether the terminal says that it knows no escapes.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Cuts a line at a number of columns, and says so by `…`; colours take none, a tab goes to the next eighth
/// column.
fn clipped(line: &str, columns: usize) -> String {
    let mut cut = String::new();
    // How much of it is followed by enough room for the mark of a cut, and where colours go on after that.
    let (mut used, mut kept, mut is_cut, mut ends) = (0, 0, false, String::new());
    let mut escape = false;
    for c in line.chars() {
        escape |= c == '\u{1b}';
        let wide = match c {
            _ if escape => 0,
            '\t' => 8 - used % 8,
            c => text::columns(c.encode_utf8(&mut [0; 4])),
        };
        is_cut |= used + wide > columns;
        if used + wide < columns && !is_cut {
            cut.push(c);
            kept = cut.len();
        } else if escape {
            // What follows may still end a colour.
            ends.push(c);
        } else if !is_cut {
            cut.push(c);
        }
        escape &= c != 'm';
        used += wide;
    }
    if !is_cut {
        return line.to_owned();
    }
    cut.truncate(kept);
    format!("{cut}…{ends}")
}

/// Returns a time span in the largest unit that fits: `4 minutes`, `2 hours`, `3 days`.
pub fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    counted(usize::try_from(count).unwrap_or(0), unit)
}

/// Returns a count with its noun: `1 draft`, `2 drafts`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Returns a time as the local clock shows it: `Fri 20 Nov 11:45:02`.
pub fn clock(time: Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%a %-d %b %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (seconds, shown) in [(0, "0 seconds"), (61, "1 minute"), (7300, "2 hours"), (200_000, "2 days")] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn a_row_ends_at_the_edge_and_its_colour_with_it() {
        assert_eq!(clipped("abcd", 4), "abcd");
        assert_eq!(clipped("abcdef", 4), "abc…");
        assert_eq!(clipped("\ta世界", 12), "\ta世…");
        assert_eq!(clipped("世世", 3), "世…");
        assert_eq!(clipped("\u{1b}[31mabcd\u{1b}[0m", 4), "\u{1b}[31mabcd\u{1b}[0m");
        assert_eq!(clipped("\u{1b}[31mabc\u{1b}[0mdef", 4), "\u{1b}[31mabc\u{1b}[0m…");
    }

    #[test]
    fn without_colour_there_are_no_escapes() {
        let ui = Ui { color_out: false, color_err: false, columns: None };
        assert_eq!(ui.paint(Tone::Bad, "x"), "x");
        let ui = Ui { color_out: true, color_err: false, columns: None };
        assert_eq!(ui.paint(Tone::Bad, "x"), "\u{1b}[1m\u{1b}[31mx\u{1b}[0m");
    }
}
