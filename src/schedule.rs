//! What is written so that a timer calls this program: units of a user's systemd, or a block in a crontab.
//!
//! Texts from facts: nothing here looks at the machine, and nothing is started. Whatever comes from a path
//! is quoted so that it stays one word, and one that cannot be is refused.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, Zoned};

/// The longest that a scheduled run may take; whatever is at work then is ended.
pub const RUN_SECONDS_MAX: u64 = 1800;

/// How much longer systemd waits, so that the run can tell how it ended.
const GRACE_SECONDS: u64 = 60;

/// Where programs are looked for. A user manager's own path lacks what people install for themselves.
const PATH: [&str; 5] = [".local/bin", ".cargo/bin", "/usr/local/bin", "/usr/bin", "/bin"];

const SERVICE: &str = include_str!("../templates/schedule/service");
const TIMER: &str = include_str!("../templates/schedule/timer");
const HARDENING: &str = include_str!("../templates/schedule/hardening");
const SOFT: &str = include_str!("../templates/schedule/soft");

/// How often: a number of minutes that divides an hour, or of hours that divides a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    minutes: u32,
}

impl Every {
    /// What `schedule install` takes without `--every`.
    pub const DEFAULT: Every = Every { minutes: 15 };

    /// Returns every interval there is, shortest first.
    pub fn all() -> impl Iterator<Item = Self> {
        let minutes = (1..60).filter(|minutes| 60 % minutes == 0);
        let hours = (1..=24).filter(|hours| 24 % hours == 0).map(|hours| hours * 60);
        minutes.chain(hours).map(|minutes| Self { minutes })
    }

    /// Reads `15m`, `2h` or `1d`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "1d" {
            return Some(Self { minutes: 24 * 60 });
        }
        Self::all().find(|every| every.to_string() == text || text == format!("{}m", every.minutes))
    }

    /// Returns the expression of systemd.time(7).
    pub fn calendar(self) -> String {
        match (self.minutes, self.minutes / 60) {
            (minutes, 0) => format!("*-*-* *:00/{minutes}:00"),
            (_, 1) => "*-*-* *:00:00".to_owned(),
            (_, 24) => "*-*-* 06:00:00".to_owned(),
            (_, hours) => format!("*-*-* 00/{hours}:00:00"),
        }
    }

    /// Returns the five fields of crontab(5).
    pub fn cron(self) -> String {
        match (self.minutes, self.minutes / 60) {
            (1, _) => "* * * * *".to_owned(),
            (minutes, 0) => format!("*/{minutes} * * * *"),
            (_, 1) => "0 * * * *".to_owned(),
            (_, 24) => "0 6 * * *".to_owned(),
            (_, hours) => format!("0 */{hours} * * *"),
        }
    }

    /// Returns when cron runs next, by the local clock; none on a day whose clock is put forward over it.
    pub fn next_after(self, local: &Zoned) -> Option<Timestamp> {
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        let every = i64::from(self.minutes);
        let next = match every {
            1440 if minute < 360 => 360,
            1440 => 1440 + 360,
            every => (minute / every + 1) * every,
        };
        let midnight = local.start_of_day().ok()?;
        Some(midnight.checked_add(SignedDuration::from_mins(next)).ok()?.timestamp())
    }

    /// Returns by how much systemd may start later, so that not all the world asks at once.
    fn delay_seconds(self) -> u32 {
        (self.minutes * 60 / 10).clamp(1, 300)
    }
}

impl std::fmt::Display for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.minutes {
            minutes if minutes % 60 == 0 => write!(f, "{}h", minutes / 60),
            minutes => write!(f, "{minutes}m"),
        }
    }
}

/// What is to be called, and what it needs.
#[derive(Clone, Debug)]
pub struct Job {
    /// This program.
    pub program: PathBuf,
    /// The repository.
    pub desk: PathBuf,
    /// The wiring.
    pub wiring: PathBuf,
    /// The desk's own id, which makes the name.
    pub desk_id: String,
    /// The home, which `PATH` begins with.
    pub home: PathBuf,
    /// How often.
    pub every: Every,
    /// Variables that say where things are, where they are not the usual ones.
    pub variables: Vec<(String, String)>,
    /// The names of systemd's credentials that the wiring reads.
    pub credentials: Vec<String>,
    /// Whether the wiring reads variables.
    pub reads_variables: bool,
    /// Whether the wiring names a program that may have to change its user or group.
    pub changes_user: bool,
}

/// A path or a value that cannot stand in a unit or a crontab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot stand in a schedule: it is not plain text on one line")]
pub struct Unwritable {
    /// It, shown.
    pub what: String,
}

/// Returns the name of a desk's units, without their ending.
pub fn unit(desk_id: &str) -> String {
    format!("git-drafts-{desk_id}")
}

impl Job {
    /// Returns where the variables are that the wiring reads: beside the wiring.
    pub fn environment_file(&self) -> PathBuf {
        self.beside("environment")
    }

    /// Returns where a credential is.
    pub fn credential_file(&self, name: &str) -> PathBuf {
        self.beside("credentials").join(name)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.wiring.parent().unwrap_or(Path::new("/")).join(name)
    }

    /// Returns the text of the service.
    ///
    /// # Errors
    /// A path holds what cannot stand in a unit.
    pub fn service(&self) -> Result<String, Unwritable> {
        let words = [plain(&self.program)?, "-C", plain(&self.desk)?, "--config", plain(&self.wiring)?];
        let words = words.into_iter().map(unit_word).chain(["run --trigger timer".to_owned()]);
        let exec = words.collect::<Vec<_>>().join(" ");
        let mut variables = String::new();
        for (name, value) in &self.variables {
            let value = plain(Path::new(value))?;
            variables += &format!("Environment={}\n", unit_quoted(&format!("{name}={value}"), false));
        }
        let mut credentials = String::new();
        for name in &self.credentials {
            let file = self.credential_file(name);
            credentials += &format!("LoadCredential={name}:{}\n", percent(plain(&file)?));
        }
        let hardening = if self.changes_user { SOFT } else { HARDENING };
        let path = self.path()?;
        Ok(filled(
            SERVICE,
            &[
                ("name", &unit(&self.desk_id)),
                ("description", &percent(plain(&self.desk)?)),
                ("exec", &exec),
                ("desk", &percent(plain(&self.desk)?)),
                ("path", &unit_inner(&path, false)),
                ("variables", &variables),
                ("environment_file", &percent(plain(&self.environment_file())?)),
                ("credentials", &credentials),
                ("seconds", &(RUN_SECONDS_MAX + GRACE_SECONDS).to_string()),
                ("hardening", hardening.trim_end()),
            ],
        ))
    }

    /// Returns the text of the timer.
    ///
    /// # Errors
    /// A path holds what cannot stand in a unit.
    pub fn timer(&self) -> Result<String, Unwritable> {
        Ok(filled(
            TIMER,
            &[
                ("every", &self.every.to_string()),
                ("description", &percent(plain(&self.desk)?)),
                ("calendar", &self.every.calendar()),
                ("delay", &self.every.delay_seconds().to_string()),
            ],
        ))
    }

    /// Returns the block of a crontab, with its marks; `is_on` says whether cron heeds it.
    ///
    /// # Errors
    /// A path holds what cannot stand in a crontab.
    pub fn cron_block(&self, is_on: bool) -> Result<String, Unwritable> {
        let mut command = String::new();
        if self.reads_variables {
            let file = shell_word(plain(&self.environment_file())?);
            command += &format!("set -a; [ ! -r {file} ] || . {file}; set +a; ");
        }
        for (name, value) in &self.variables {
            command += &format!("{name}={} ", shell_word(plain(Path::new(value))?));
        }
        command += &format!("PATH={} ", shell_word(&self.path()?));
        for word in [plain(&self.program)?, "-C", plain(&self.desk)?, "--config", plain(&self.wiring)?] {
            command += &format!("{} ", shell_word(word));
        }
        // cron makes a line end of every per cent sign.
        let command = (command + "run --trigger cron").replace('%', "\\%");
        let switch = if is_on { "" } else { "#off " };
        let (begin, end) = marks(&self.desk_id);
        Ok(format!("{begin}\n{switch}{} {command}\n{end}\n", self.every.cron()))
    }

    fn path(&self) -> Result<String, Unwritable> {
        let home = plain(&self.home)?;
        let folders =
            PATH.map(
                |folder| {
                    if folder.starts_with('/') { folder.to_owned() } else { format!("{home}/{folder}") }
                },
            );
        Ok(folders.join(":"))
    }
}

/// A desk's block in a crontab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The whole text, with its marks.
    pub text: String,
    /// Whether cron heeds it.
    pub is_on: bool,
}

/// A crontab in which the marks of a block do not stand in pairs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of your crontab begins or ends a block of git-drafts, and the other mark is missing")]
pub struct Torn {
    /// The line, counted from 1.
    pub line: usize,
}

/// Finds a desk's block in a crontab.
///
/// # Errors
/// Its marks do not stand in a pair, so nobody knows what lies between them.
pub fn block(table: &str, desk_id: &str) -> Result<Option<Block>, Torn> {
    let lines: Vec<&str> = table.lines().collect();
    Ok(span(&lines, desk_id)?.map(|(first, last)| {
        let is_on = lines[first + 1..last].iter().any(|line| !line.is_empty() && !line.starts_with('#'));
        Block { text: lines[first..=last].iter().map(|line| format!("{line}\n")).collect(), is_on }
    }))
}

/// Returns a crontab with a desk's block in the place of the one before, or without one; every other line
/// stays as it is.
///
/// # Errors
/// The marks of the one before do not stand in a pair.
pub fn with_block(table: &str, desk_id: &str, block: Option<&str>) -> Result<String, Torn> {
    let lines: Vec<&str> = table.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let block = block.unwrap_or_default();
    Ok(match span(&lines, desk_id)? {
        Some((first, last)) => joined(&lines[..first]) + block + &joined(&lines[last + 1..]),
        None => joined(&lines) + block,
    })
}

fn span(lines: &[&str], desk_id: &str) -> Result<Option<(usize, usize)>, Torn> {
    let (begin, end) = marks(desk_id);
    let at = |mark: &str| lines.iter().position(|line| *line == mark);
    let count = |mark: &str| lines.iter().filter(|line| **line == mark).count();
    match (at(&begin), at(&end)) {
        (None, None) => Ok(None),
        (Some(first), Some(last)) if first < last && count(&begin) == 1 && count(&end) == 1 => {
            Ok(Some((first, last)))
        }
        (Some(line), _) | (None, Some(line)) => Err(Torn { line: line + 1 }),
    }
}

fn marks(desk_id: &str) -> (String, String) {
    let name = unit(desk_id);
    (format!("# >>> {name}: written by `git drafts schedule` >>>"), format!("# <<< {name} <<<"))
}

/// Puts values in the place of `{name}`, and `{` in that of `{{`.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        if let Some(after) = after.strip_prefix('{') {
            let (inner, after) = after.split_once("}}").expect("the templates are tested");
            text += &format!("{{{inner}}}");
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').expect("the templates are tested");
        text += values.iter().find(|(key, _)| *key == name).expect("the templates are tested").1;
        rest = after;
    }
    text + rest
}

/// Returns a path as text that can stand in one line.
fn plain(path: &Path) -> Result<&str, Unwritable> {
    let text = path.to_str().filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
    text.ok_or_else(|| Unwritable { what: crate::text::one_line(&path.display().to_string(), 120) })
}

/// Doubles what systemd reads as a specifier (systemd.unit(5)).
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// Quotes a word of `ExecStart=` (systemd.service(5)), where it needs that.
fn unit_word(word: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,".contains(c);
    if word.chars().all(is_safe) { word.to_owned() } else { unit_quoted(word, true) }
}

fn unit_quoted(text: &str, is_command: bool) -> String {
    format!("\"{}\"", unit_inner(text, is_command))
}

fn unit_inner(text: &str, is_command: bool) -> String {
    let text = percent(&text.replace('\\', "\\\\").replace('"', "\\\""));
    // In a command line it would be a variable.
    if is_command { text.replace('$', "$$") } else { text }
}

/// Quotes a word for sh, where it needs that.
fn shell_word(word: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,".contains(c);
    if word.chars().all(is_safe) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Reads the words of a line of a unit or a crontab as far as they are ours to compare: quotes of both kinds,
/// a backslash, and doubled `%` and `$`.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                if let Some(next) = chars.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('%' | '$', _) => {
                chars.next_if_eq(&c);
                word.get_or_insert_default().push(c);
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job {
            program: "/home/sam/.cargo/bin/git-drafts".into(),
            desk: "/home/sam/drafts".into(),
            wiring: "/home/sam/.config/git-drafts/config.toml".into(),
            desk_id: "3f9c0a1b".to_owned(),
            home: "/home/sam".into(),
            every: Every::DEFAULT,
            variables: Vec::new(),
            credentials: Vec::new(),
            reads_variables: false,
            changes_user: false,
        }
    }

    #[test]
    fn an_interval_divides_an_hour_or_a_day() {
        let check = |text: &str, expected: &str| {
            let found = Every::parse(text).map_or("none".to_owned(), |every| {
                format!("{every}: {} | {}", every.calendar(), every.cron())
            });
            assert_eq!(found, expected, "{text}");
        };
        check("1m", "1m: *-*-* *:00/1:00 | * * * * *");
        check("15m", "15m: *-*-* *:00/15:00 | */15 * * * *");
        check("60m", "1h: *-*-* *:00:00 | 0 * * * *");
        check("2h", "2h: *-*-* 00/2:00:00 | 0 */2 * * *");
        check("1d", "24h: *-*-* 06:00:00 | 0 6 * * *");
        for wrong in ["", "7m", "0m", "5h", "90m", "2d", "15", "15 m", "-15m", "١٥m"] {
            check(wrong, "none");
        }
    }

    #[test]
    fn cron_runs_next_at_the_next_multiple() {
        let check = |every: &str, now: &str, expected: &str| {
            let now: Zoned = format!("{now}[UTC]").parse().unwrap();
            let next = Every::parse(every).unwrap().next_after(&now).unwrap();
            assert_eq!(next.to_string(), expected, "{every} after {now}");
        };
        check("15m", "2026-11-20T12:00:00+00", "2026-11-20T12:15:00Z");
        check("15m", "2026-11-20T23:59:59+00", "2026-11-21T00:00:00Z");
        check("1h", "2026-11-20T12:14:00+00", "2026-11-20T13:00:00Z");
        check("6h", "2026-11-20T12:14:00+00", "2026-11-20T18:00:00Z");
        check("1d", "2026-11-20T05:59:00+00", "2026-11-20T06:00:00Z");
        check("1d", "2026-11-20T06:00:00+00", "2026-11-21T06:00:00Z");
    }

    #[test]
    fn every_path_stays_one_word() {
        let awkward = Job {
            program: "/opt/my \"tools\"/git-drafts".into(),
            desk: "/home/sam/100% of $it's".into(),
            variables: vec![("XDG_STATE_HOME".to_owned(), "/home/sam/my $tate".to_owned())],
            credentials: vec!["hub".to_owned()],
            ..job()
        };
        let service = awkward.service().unwrap();
        let line = |begins: &str| service.lines().find(|line| line.starts_with(begins)).unwrap();
        assert_eq!(
            line("ExecStart="),
            "ExecStart=\"/opt/my \\\"tools\\\"/git-drafts\" -C \"/home/sam/100%% of $$it's\" --config \
             /home/sam/.config/git-drafts/config.toml run --trigger timer"
        );
        assert_eq!(line("WorkingDirectory="), "WorkingDirectory=/home/sam/100%% of $it's");
        assert_eq!(line("Environment=\"XDG"), "Environment=\"XDG_STATE_HOME=/home/sam/my $tate\"");
        assert_eq!(
            line("LoadCredential="),
            "LoadCredential=hub:/home/sam/.config/git-drafts/credentials/hub"
        );
        let block = awkward.cron_block(true).unwrap();
        let cron = block.lines().nth(1).unwrap();
        assert_eq!(
            cron,
            "*/15 * * * * XDG_STATE_HOME='/home/sam/my $tate' \
             PATH=/home/sam/.local/bin:/home/sam/.cargo/bin:/usr/local/bin:/usr/bin:/bin \
             '/opt/my \"tools\"/git-drafts' -C '/home/sam/100\\% of $it'\\''s' --config \
             /home/sam/.config/git-drafts/config.toml run --trigger cron"
        );
        for text in [line("ExecStart=").trim_start_matches("ExecStart="), cron] {
            let words = words(text);
            let at = words.iter().position(|word| word == "-C").unwrap();
            assert_eq!(words[at - 1], "/opt/my \"tools\"/git-drafts");
            assert_eq!(words[at + 1].replace("\\%", "%"), "/home/sam/100% of $it's");
        }
        for wrong in ["/home/sam/a\nb", "", "/home/sam/\u{1b}"] {
            assert!(Job { desk: wrong.into(), ..job() }.service().is_err(), "{wrong:?}");
            assert!(Job { desk: wrong.into(), ..job() }.cron_block(true).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_program_that_changes_its_user_is_not_hardened_away() {
        assert!(job().service().unwrap().contains("\nNoNewPrivileges=yes\n"));
        let soft = Job { changes_user: true, ..job() }.service().unwrap();
        let options = ["NoNewPrivileges=", "SystemCall", "Restrict", "LockPersonality="];
        let begins = |line: &str| options.iter().any(|option| line.starts_with(option));
        assert!(!soft.lines().any(begins), "{soft}");
    }

    #[test]
    fn a_crontab_keeps_every_other_line() {
        let id = "3f9c0a1b";
        let mine = "# my own\nMAILTO=sam\n@daily backup\n";
        let on = job().cron_block(true).unwrap();
        let off = job().cron_block(false).unwrap();
        assert_eq!(block(mine, id), Ok(None));
        let table = with_block(mine, id, Some(&off)).unwrap();
        assert_eq!(table, format!("{mine}{off}"));
        assert_eq!(block(&table, id), Ok(Some(Block { text: off, is_on: false })));
        let table = with_block(&format!("{table}@hourly mine\n"), id, Some(&on)).unwrap();
        assert_eq!(table, format!("{mine}{on}@hourly mine\n"));
        assert!(block(&table, id).unwrap().unwrap().is_on);
        // Another desk's block is another desk's.
        assert_eq!(block(&table, "00000000"), Ok(None));
        assert_eq!(with_block(&table, id, None).unwrap(), format!("{mine}@hourly mine\n"));
        // A last line without an end, which crontab(1) lets through nowhere, still stays a line.
        assert_eq!(with_block("@daily x", id, Some(&on)).unwrap(), format!("@daily x\n{on}"));
    }

    #[test]
    fn a_block_without_its_end_is_not_touched() {
        let on = job().cron_block(true).unwrap();
        let lines: Vec<&str> = on.lines().collect();
        for torn in [
            format!("x\n{}\n{}\n", lines[0], lines[1]),
            format!("{}\n{}\n", lines[1], lines[2]),
            format!("{}\n{}\n", lines[2], lines[0]),
            format!("{on}{on}"),
        ] {
            assert!(block(&torn, "3f9c0a1b").is_err(), "{torn}");
            assert!(with_block(&torn, "3f9c0a1b", None).is_err(), "{torn}");
        }
    }
}
