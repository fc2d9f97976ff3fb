//! What the shadow of a brain is to be asked, and what it planned: files outside the repository.
//!
//! A shadow is tried out: its plans are compared with what a person approved, and nothing else is made
//! of them. They must never stand on the desk or in the ledger, so they lie in the folder that
//! remembers, and old ones make room for new ones.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::id::DraftId;
use crate::plan::{Action, Confidence};
use crate::prompt::{OFFERED, Prompt};
use crate::text;

/// The version of the files.
const VERSION: u32 = 1;

/// The folder below that of the state.
const FOLDER: &str = "shadow";

/// The most records that are kept.
pub const RECORDS_MAX: usize = 1000;

/// The most bytes of all records together.
pub const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How many days a plan is kept.
pub const PLAN_DAYS_MAX: i64 = 90;

/// How many hours a question waits for its shadow.
pub const QUESTION_HOURS_MAX: i64 = 24;

/// The most bytes of an answer that are kept.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of one file that are read.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// What is known of a shadow's part in one draft.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When the message was drafted.
    pub at: Timestamp,
    /// The shadow's name in the wiring.
    pub brain: String,
    /// The digest of the prompt, as `sha256:…`.
    pub prompt: String,
    /// What the shadow said.
    pub said: Said,
}

/// What a shadow said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Nothing yet: this is what it is to be asked.
    Nothing(Prompt),
    /// A plan.
    Plan {
        /// What it would do.
        action: Action,
        /// Its answer.
        body: String,
        /// How sure it says it is.
        confidence: Confidence,
    },
    /// No plan; why, in our own words.
    NoPlan(String),
}

impl Record {
    /// Makes the record of a question.
    pub fn question(at: Timestamp, brain: &str, prompt: Prompt) -> Self {
        Self { at, brain: brain.to_owned(), prompt: prompt.digest(), said: Said::Nothing(prompt) }
    }

    /// Tells whether its time is over.
    fn is_over(&self, now: Timestamp) -> bool {
        let hours = match &self.said {
            Said::Nothing(_) => QUESTION_HOURS_MAX,
            Said::Plan { .. } | Said::NoPlan(_) => 24 * PLAN_DAYS_MAX,
        };
        // A clock that goes back makes nothing stay for ever.
        self.at > now + SignedDuration::from_hours(24)
            || now.duration_since(self.at) > SignedDuration::from_hours(hours)
    }

    fn render(&self) -> String {
        let mut stored = Stored {
            version: VERSION,
            at: self.at.to_string(),
            brain: self.brain.clone(),
            prompt: self.prompt.clone(),
            ..Stored::default()
        };
        match &self.said {
            Said::Nothing(Prompt { offered, rules, data }) => {
                stored.offered = Some(offered.iter().map(ToString::to_string).collect());
                stored.rules = Some(rules.clone());
                stored.data = Some(data.clone());
            }
            Said::Plan { action, body, confidence } => {
                stored.action = Some(action.to_string());
                stored.confidence = Some(confidence.value());
                stored.body = Some(text::bounded(body, BODY_BYTES_MAX).0.to_owned());
            }
            Said::NoPlan(why) => stored.no_plan = Some(why.clone()),
        }
        toml::to_string(&stored).expect("strings and numbers are TOML")
    }

    /// Reads a file; none where it is not understood.
    fn parse(file: &str) -> Option<Self> {
        let stored: Stored = toml::from_str(file).ok()?;
        if stored.version != VERSION {
            return None;
        }
        let said = match stored {
            Stored { rules: Some(rules), data: Some(data), offered, .. } => {
                // Questions of earlier programs do not say what they offer.
                let offered = match offered {
                    Some(words) => words.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?,
                    None => OFFERED.to_vec(),
                };
                Said::Nothing(Prompt { offered, rules, data })
            }
            Stored { action: Some(action), confidence: Some(confidence), body: Some(body), .. } => {
                Said::Plan { action: action.parse().ok()?, body, confidence: Confidence::new(confidence)? }
            }
            Stored { no_plan: Some(why), .. } => Said::NoPlan(why),
            Stored { .. } => return None,
        };
        Some(Self { at: stored.at.parse().ok()?, brain: stored.brain, prompt: stored.prompt, said })
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    at: String,
    brain: String,
    prompt: String,
    offered: Option<Vec<String>>,
    rules: Option<String>,
    data: Option<String>,
    action: Option<String>,
    confidence: Option<f64>,
    body: Option<String>,
    no_plan: Option<String>,
}

/// The folder of the records, one file a draft.
#[derive(Clone, Debug)]
pub struct Shadows {
    folder: PathBuf,
}

impl Shadows {
    /// Returns the records below a folder of state; nothing is made yet.
    pub fn of(state: &Path) -> Self {
        Self { folder: state.join(FOLDER) }
    }

    /// Writes the record of a draft, in the place of its earlier one.
    pub fn keep(&self, id: &DraftId, record: &Record) -> io::Result<()> {
        // Nobody else reads what stands here: it quotes messages.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        durable::replace(&self.path(id), record.render().as_bytes())
    }

    /// Returns every record that can be read, oldest first.
    pub fn all(&self) -> Vec<(DraftId, Record)> {
        let mut all: Vec<(DraftId, Record)> =
            self.files().filter_map(|(id, path)| Some((id, Record::parse(&read(&path)?)?))).collect();
        all.sort_by(|(a, one), (b, other)| (one.at, a).cmp(&(other.at, b)));
        all
    }

    /// Tells whether there is no record at all.
    pub fn is_empty(&self) -> bool {
        self.files().next().is_none()
    }

    /// Removes what is over, what cannot be read, and what is too much: the oldest first.
    pub fn tidy(&self, now: Timestamp) {
        let mut kept = Vec::new();
        for (id, path) in self.files() {
            let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            match read(&path).and_then(|file| Record::parse(&file)).filter(|record| !record.is_over(now)) {
                Some(record) => kept.push((record.at, bytes, id)),
                None => self.remove(&id),
            }
        }
        self.remove_halves(now);
        kept.sort();
        for (_, _, id) in &kept[..surplus(&kept)] {
            self.remove(id);
        }
    }

    /// Removes what a crash left of a record that was being written.
    fn remove_halves(&self, now: Timestamp) {
        let hour = SignedDuration::from_hours(1);
        for file in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
            let is_old = modified
                .and_then(|at| Timestamp::try_from(at).ok())
                .is_some_and(|at| now.duration_since(at) > hour);
            if is_old && file.file_name().to_string_lossy().ends_with(".new") {
                // Where it stays, the next tick tries again.
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Removes a record.
    pub fn remove(&self, id: &DraftId) {
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(%error, "a shadow's record could not be removed");
        }
    }

    fn path(&self, id: &DraftId) -> PathBuf {
        self.folder.join(format!("{id}.toml"))
    }

    fn files(&self) -> impl Iterator<Item = (DraftId, PathBuf)> {
        let listing = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        listing.filter_map(|file| {
            let path = file.path();
            let id = path.file_name()?.to_str()?.strip_suffix(".toml")?.parse().ok()?;
            Some((id, path))
        })
    }
}

/// Returns how many of the oldest records are too much.
fn surplus(oldest_first: &[(Timestamp, u64, DraftId)]) -> usize {
    let mut bytes = 0;
    let fits = |(count, (_, more, _)): &(usize, &(Timestamp, u64, DraftId))| {
        bytes += more;
        *count < RECORDS_MAX && bytes <= BYTES_MAX
    };
    let kept = oldest_first.iter().rev().enumerate().take_while(fits).count();
    oldest_first.len() - kept
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= FILE_BYTES_MAX).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100_000 + hours)
    }

    fn id(number: usize) -> DraftId {
        DraftId::derive(&number.to_string(), 8)
    }

    fn plan(hours: i64, body: &str) -> Record {
        let said = Said::Plan {
            action: Action::Reply,
            body: body.to_owned(),
            confidence: Confidence::new(0.29).unwrap(),
        };
        Record { at: at(hours), brain: "try".to_owned(), prompt: "sha256:x".to_owned(), said }
    }

    fn question(hours: i64) -> Record {
        let prompt =
            Prompt { offered: OFFERED.to_vec(), rules: "r\n".to_owned(), data: "\u{1b} \"\"\" d".to_owned() };
        Record::question(at(hours), "try", prompt)
    }

    #[test]
    fn every_record_reads_as_it_was_written() {
        let nothing = Record { said: Said::NoPlan("why".to_owned()), ..plan(0, "") };
        for record in [question(0), plan(0, "a\n+++\n\u{1b}'''"), nothing] {
            assert_eq!(Record::parse(&record.render()), Some(record));
        }
        assert_eq!(Record::parse(&plan(0, "x").render().replace("version = 1", "version = 2")), None);
        assert_eq!(Record::parse(&plan(0, "x").render().replace("0.29", "nan")), None);
        assert_eq!(Record::parse("version = 1\nat = \"x\"\nbrain = \"\"\nprompt = \"\"\n"), None);
    }

    #[test]
    fn a_long_answer_is_kept_in_part() {
        let record = plan(0, &"é".repeat(BODY_BYTES_MAX));
        let Some(Record { said: Said::Plan { body, .. }, .. }) = Record::parse(&record.render()) else {
            panic!("no plan")
        };
        assert_eq!(body.len(), BODY_BYTES_MAX);
    }

    #[test]
    fn what_is_over_or_unreadable_goes_and_the_rest_stays_private() {
        let state = tempfile::tempdir().unwrap();
        let shadows = Shadows::of(state.path());
        shadows.tidy(at(0));
        let now = 24 * 200;
        let ages = [question(now - 23), question(now - 25), plan(now - 24 * 89, ""), plan(now - 24 * 91, "")];
        for (number, record) in ages.iter().chain([&plan(now + 25, "")]).enumerate() {
            shadows.keep(&id(number), record).unwrap();
        }
        fs::write(shadows.path(&id(9)), "no record").unwrap();
        let half = shadows.folder.join(format!("{}.toml.7.new", id(0)));
        let write_half = |hours: i64| {
            let modified = std::time::SystemTime::from(at(hours));
            File::create(&half).unwrap().set_modified(modified).unwrap();
        };
        write_half(now);
        shadows.tidy(at(now));
        assert!(half.exists(), "somebody may be writing it");
        write_half(now - 2);
        shadows.tidy(at(now));
        assert!(!half.exists());
        let left: Vec<DraftId> = shadows.all().into_iter().map(|(id, _)| id).collect();
        assert_eq!(left, [id(2), id(0)]);
        assert!(!shadows.path(&id(9)).exists());
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&shadows.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_oldest_make_room() {
        let check = |count: usize, bytes: u64, expected: usize| {
            let all: Vec<_> = (0..count).map(|number| (at(number as i64), bytes, id(number))).collect();
            assert_eq!(surplus(&all), expected, "{count} of {bytes} bytes");
        };
        check(0, 0, 0);
        check(RECORDS_MAX, 1, 0);
        check(RECORDS_MAX + 7, 1, 7);
        check(3, BYTES_MAX / 2, 1);
        check(1, BYTES_MAX + 1, 1);
    }
}
