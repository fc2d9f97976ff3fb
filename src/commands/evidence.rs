//! Prints what runs did, how the desk is, and what calls this program: one JSON object, for an audit.
//!
//! It reads, and changes nothing. Ids, counts, names and times only: no text of a message.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::overview::{Item, Place, items};
use super::{Context, Exit, Result, Session, pause, schedule, stats, status};
use crate::desk::Desk;
use crate::evidence::{Ending, Record, records, streak};
use crate::git::{LEDGER, MAIN};
use crate::ledger::Ledger;
use crate::message::sha256_hex;
use crate::plan::Tier;
use crate::policy;
use crate::ui::{clock, span};

/// What is known of runs.
pub struct Runs {
    /// Oldest first.
    pub records: Vec<Record>,
    /// How many lines could not be read.
    pub unreadable: usize,
}

/// Reads the records of a desk; none where they cannot be read, which is logged.
pub fn runs(session: &Session) -> Runs {
    let (records, unreadable) = records(&session.state).unwrap_or_else(|error| {
        tracing::warn!(%error, "the records of runs cannot be read");
        (Vec::new(), 0)
    });
    Runs { records, unreadable }
}

impl Runs {
    fn last_run(&self) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.command == "run")
    }

    fn last_scheduled(&self) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.is_scheduled())
    }

    /// Returns the short form for `status --json`.
    pub fn json(&self) -> Value {
        let short = |record: &Record| {
            json!({
                "at": record.at.to_string(),
                "trigger": record.trigger.word(),
                "ending": record.did.ending,
                "exit": record.exit,
                "milliseconds": record.milliseconds,
                "faults": record.did.faults,
            })
        };
        json!({
            "last": self.last_run().map(short),
            "last_scheduled": self.last_scheduled().map(short),
            "streak": streak(&self.records),
        })
    }

    /// Says how the scheduled runs went, for people; nothing before the first one.
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let Some(last) = self.last_scheduled() else { return Vec::new() };
        let ago = span(now.duration_since(last.at).max(SignedDuration::ZERO));
        let how = match last.did.ending {
            Ending::Clean => "clean",
            Ending::Faults => "with faults",
            Ending::Failed => "failed",
            Ending::Paused => "paused",
            Ending::Busy => "busy",
        };
        let clean = match streak(&self.records) {
            0 => String::new(),
            count => format!("; {count} clean in a row"),
        };
        let mut lines = vec![format!("Last scheduled run {} ({ago} ago): {how}{clean}.", clock(last.at))];
        lines.extend(last.did.faults.iter().map(|fault| format!("  {fault}")));
        lines
    }
}

/// Runs the command.
pub fn run(context: &Context, since: Option<&str>) -> Result<Exit> {
    let session = Session::open(context)?;
    let now = context.now();
    let since = since.map(|text| stats::since(text, now)).transpose()?;
    let desk = Desk::read(&session.repository)?;
    let items = items(context, &session, &desk)?;
    let Runs { mut records, unreadable } = runs(&session);
    let streak = streak(&records);
    if let Some(since) = since {
        records.retain(|record| record.at >= since);
    }
    let tip = |branch| session.repository.tip(branch).ok().flatten().map(|id| id.to_string());
    let policy = session.repository.entry_at(desk.tip, policy::FILE)?.map(|entry| entry.id.to_string());
    let digest = std::fs::read(&session.wiring_path).ok().map(|bytes| sha256_hex(&bytes));
    let trouble = Ledger::inspect(&session.repository, &session.state).err().map(|error| error.to_string());
    let at_place = |places: &[Place]| {
        let here = items.iter().filter(|item| places.contains(&item.place));
        here.map(|item| item_json(item, now)).collect::<Vec<_>>()
    };
    let of = |ending: Ending| records.iter().filter(|record| record.did.ending == ending).count();
    let schedules = schedule::all_installed(context, &session)
        .map_or(Value::Null, |installed| installed.iter().map(schedule::Installed::json).collect());
    let evidence = json!({
        "version": 1,
        "kind": "git-drafts evidence",
        "at": now.to_string(),
        "since": since.map(|since| since.to_string()),
        "host": context.host(),
        "program": env!("CARGO_PKG_VERSION"),
        "desk": {
            "path": session.repository.place().display().to_string(),
            "id": Ledger::desk_id(&session.repository)?,
            "main": tip(MAIN),
            "ledger": tip(LEDGER),
            "trouble": trouble,
            "policy": policy,
        },
        "wiring": { "path": session.wiring_path.display().to_string(), "sha256": digest },
        "paused": pause::paused(&session, now).map(|paused| paused.sentence()),
        "schedules": schedules,
        "runs": {
            "count": records.len(),
            "scheduled": records.iter().filter(|record| record.is_scheduled()).count(),
            "clean": of(Ending::Clean),
            "faults": of(Ending::Faults),
            "failed": of(Ending::Failed),
            "paused": of(Ending::Paused),
            "busy": of(Ending::Busy),
            "streak": streak,
            "unreadable": unreadable,
            "first": records.first().map(|record| record.at.to_string()),
            "last": records.last().map(|record| record.at.to_string()),
        },
        "drafts": {
            "waiting": at_place(&[Place::Waiting, Place::ApprovedHere, Place::RemovedHere]),
            "approved": at_place(&[Place::Approved]),
            "held": at_place(&[Place::Held]),
            "unsure": at_place(&[Place::Unsure]),
            "stopped": at_place(&[Place::Stopped]),
            "other": at_place(&[Place::Unclear, Place::Parked, Place::EditedAfter]),
        },
        "records": records,
    });
    context.ui.out(serde_json::to_string_pretty(&evidence).expect("names and numbers are JSON"));
    Ok(Exit::Done)
}

fn item_json(item: &Item, now: Timestamp) -> Value {
    json!({
        "id": item.id.as_str(),
        "place": status::place_word(item.place),
        "tier": item.draft.as_ref().map(|draft| draft.machine.tier).map(Tier::as_str),
        "age_seconds": item.age(now).map(|age| age.as_secs()),
        "last_entry": item.last.as_ref().map(|entry| entry.fact.kind()),
    })
}
