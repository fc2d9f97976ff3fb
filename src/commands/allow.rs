//! Notes a person's word that something which looks like a secret may leave.
//!
//! The word stands in a list beside the wiring, outside every repository, and holds no value. There is
//! no word for a known secret.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use jiff::SignedDuration;

use super::leaving::{self, Leaving};
use super::{CommandError, Context, Exit, Result, Session, secrets, show};
use crate::desk::Desk;
use crate::entry::drafted;
use crate::guard::Class;
use crate::guard::allow::{Allowance, Allowances, DAYS_MAX, Scope};
use crate::ledger::Snapshot;
use crate::text;
use crate::ui::{clock, counted};

/// For how long something is allowed everywhere where nobody says.
const DAYS: u32 = 90;

/// How far a word reaches, as the command line has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// This draft, with these words.
    #[default]
    Once,
    /// This draft.
    Here,
    /// Every draft, for a time.
    Always,
}

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The draft, by the first letters of its id or by its file; none to list.
    pub id: Option<String>,
    /// Which finding, from 1, as `show` numbers them; the only one without.
    pub finding: Option<usize>,
    /// Why.
    pub reason: Option<String>,
    /// How far.
    pub reach: Reach,
    /// How long, such as `90d`.
    pub expires: Option<String>,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    match (&options.id, &options.reason) {
        (None, _) => list(context, &session),
        (Some(id), Some(reason)) => allow(context, &session, id, reason, options),
        (Some(_), None) => Err(CommandError::Usage {
            what: "a reason is missing".to_owned(),
            hint: Some("add `--reason \"public test key\"`, or whatever it is".to_owned()),
        }),
    }
}

fn list(context: &Context, session: &Session) -> Result<Exit> {
    let list = secrets::allowances(session)?;
    for line in &list.0 {
        let over = if line.is_over(context.now()) { " (over)" } else { "" };
        let draft = match &line.scope {
            Scope::Once { draft, .. } | Scope::Here { draft } => format!(" {draft}"),
            Scope::Always { .. } => String::new(),
        };
        context.ui.out(format!("{}{draft}  {}{over}", clock(line.at), line.told()));
    }
    let path = secrets::allow_path(session)?;
    context.ui.say(match list.0.len() {
        0 => format!("nothing is allowed; the list would be {}", context.shown(&path)),
        count => format!(
            "{} in {}; to take one back, delete its table",
            counted(count, "line"),
            context.shown(&path)
        ),
    });
    Ok(Exit::Done)
}

fn allow(context: &Context, session: &Session, id: &str, reason: &str, options: &Options) -> Result<Exit> {
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let id = session.resolve(&desk, &snapshot, id)?;
    let story = snapshot.story(&id)?;
    let source = drafted(&story).map(|origin| origin.source.clone()).unwrap_or_default();
    let outgoing = show::outgoing(context, session, &desk, &id)?;
    let known = secrets::load(context, session, secrets::Make::Yes)?;
    let leaving = Leaving::look(session, &known, &source, &outgoing);
    let number = match (options.finding, leaving.leaks.len()) {
        (Some(number), count) if (1..=count).contains(&number) => number,
        (None, 1) => 1,
        (_, 0) => {
            return Err(CommandError::refused(
                format!("{id} has no secret in it"),
                "`git drafts status` says what it waits for",
            ));
        }
        (_, count) => {
            leaving::tell(context, session, &id, &leaving)?;
            return Err(CommandError::Usage {
                what: format!("{id} has {}", counted(count, "finding")),
                hint: Some("say which one with --finding N".to_owned()),
            });
        }
    };
    let leak = &leaving.leaks[number - 1];
    let now = context.now();
    let draft = id.to_string();
    let scope = match (leak.class, options.reach) {
        (Class::Known, _) => {
            return Err(CommandError::refused(
                format!("a known secret is in {}, and those are never sent", leak.place),
                format!("take it out: `git drafts edit {id}`"),
            ));
        }
        (Class::Hard, Reach::Here | Reach::Always) => {
            return Err(CommandError::refused(
                format!("{} is a secret by its shape, which can be allowed for these words only", leak.kind),
                "use --once",
            ));
        }
        (_, Reach::Once) => Scope::Once { draft, content: leaving.content.clone() },
        (Class::Soft, Reach::Here) => Scope::Here { draft },
        (Class::Soft, Reach::Always) => {
            let days = days(options.expires.as_deref())?;
            let expires = now + SignedDuration::from_hours(24 * i64::from(days));
            Scope::Always { expires }
        }
    };
    // What a person types may hold the value, and the ledger keeps it.
    let thread = known.key.of_thread(&source, &outgoing.thread);
    if known.gravest(reason, Some(&thread)).is_some() {
        return Err(CommandError::refused("there is a secret in the reason", "say it in other words"));
    }
    let name = session.repository.config("user.name").unwrap_or_default();
    let line = Allowance {
        kind: leak.kind.clone(),
        fingerprint: leak.fingerprint.clone(),
        scope,
        reason: text::one_line(reason, 160),
        who: text::one_line(&format!("{name} <{}>", session.owner().unwrap_or_default()), 120),
        at: now,
    };
    let path = secrets::allow_path(session)?;
    // A list that is not understood is not added to.
    secrets::allowances(session)?;
    add(&path, &line).map_err(|error| CommandError::system(&path, error))?;
    context.ui.say(format!("{id}: finding {number} in {} is allowed: {}", leak.place, line.told()));
    context.ui.say("an approved draft goes with the next \"git drafts send\"");
    Ok(Exit::Done)
}

/// Adds a line to the list, and makes it yours alone.
fn add(path: &Path, line: &Allowance) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let mut text = line.render();
    if file.metadata()?.len() == 0 {
        text.insert_str(0, &Allowances::head());
    }
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads how long something is allowed everywhere.
fn days(expires: Option<&str>) -> Result<u32> {
    let Some(expires) = expires else { return Ok(DAYS) };
    let days = expires.strip_suffix('d').and_then(|days| days.parse().ok());
    days.filter(|days| (1..=DAYS_MAX).contains(days)).ok_or_else(|| CommandError::Usage {
        what: format!("`{}` is no time such as 90d", text::one_line(expires, 20)),
        hint: Some(format!("days, from 1d to {DAYS_MAX}d")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_days_up_to_a_year() {
        let read = |text| days(text).ok();
        assert_eq!([None, Some("1d"), Some("366d")].map(read), [Some(90), Some(1), Some(366)]);
        assert_eq!(["0d", "367d", "90", "90h", "d", "-1d", ""].map(|text| read(Some(text))), [None; 7]);
    }
}
