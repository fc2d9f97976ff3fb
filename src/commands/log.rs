//! Tells the story of one draft, or what happened last.

use serde_json::json;

use super::{Context, Exit, Result, Session, sheet};
use crate::desk::Desk;
use crate::draft::Draft;
use crate::entry::{Entry, Fact, drafted};
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::text::{self, fit};
use crate::ui::{Tone, clock};

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The draft; none for everything.
    pub id: Option<String>,
    /// How many of the newest lines are shown without an id.
    pub count: usize,
    /// Show with an approval what was changed since the draft, word by word.
    pub patch: bool,
    /// Print JSON.
    pub json: bool,
    /// Print lines for scripts.
    pub porcelain: bool,
}

/// One line of a story.
struct Line {
    id: DraftId,
    entry: Entry,
    commit: ObjectId,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    match &options.id {
        Some(prefix) => {
            let id = session.resolve(&desk, &snapshot, prefix)?;
            let story = snapshot.story(&id)?;
            let commits = snapshot.commits_of(&id)?;
            let lines: Vec<Line> = story
                .into_iter()
                .zip(commits)
                .map(|(entry, commit)| Line { id: id.clone(), entry, commit })
                .collect();
            print_story(context, &session, &desk, &snapshot, &id, &lines, options)?;
        }
        None => {
            let lines = newest(&snapshot, options.count)?;
            for line in &lines {
                if options.json {
                    context.ui.out(json_line(line));
                } else if options.porcelain {
                    context.ui.out(porcelain(line));
                } else {
                    let id = context.ui.paint(Tone::Id, line.id.first(4));
                    context.ui.out(
                        format!(
                            "{}  {id}  {}  {}",
                            clock(line.entry.at),
                            fit(line.entry.fact.kind(), 10),
                            details(&line.entry)
                        )
                        .trim_end(),
                    );
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn newest(snapshot: &Snapshot<'_>, count: usize) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (commit, added) in snapshot.history(count)? {
        for path in added.iter().rev().filter(|path| path.ends_with(".toml")) {
            let Some(id) = path.split('/').nth(1).and_then(|name| name.parse::<DraftId>().ok()) else {
                continue;
            };
            let number = path
                .rsplit('/')
                .next()
                .and_then(|name| name.split('-').next())
                .and_then(|number| number.parse::<usize>().ok());
            let story = snapshot.story(&id)?;
            if let Some(entry) = number.and_then(|number| story.get(number.saturating_sub(1))) {
                lines.push(Line { id, entry: entry.clone(), commit });
            }
        }
        if lines.len() >= count {
            break;
        }
    }
    lines.truncate(count);
    Ok(lines)
}

fn print_story(
    context: &Context,
    session: &Session,
    desk: &Desk,
    snapshot: &Snapshot<'_>,
    id: &DraftId,
    lines: &[Line],
    options: &Options,
) -> Result<()> {
    let ui = &context.ui;
    if options.json {
        let entries: Vec<_> = lines.iter().map(entry_json).collect();
        ui.out(json!({ "version": 1, "id": id.as_str(), "entries": entries }));
        return Ok(());
    }
    if options.porcelain {
        lines.iter().for_each(|line| ui.out(porcelain(line)));
        return Ok(());
    }
    let subject = match desk.find(id).and_then(|file| file.draft.as_ref().ok()) {
        Some(draft) => draft.subject.clone(),
        None => subject_in_ledger(snapshot, id)?,
    };
    ui.out(format!("draft {}  {subject}", ui.paint(Tone::Id, id)));
    for line in lines {
        let at = clock(line.entry.at);
        if let Fact::Claimed(claimed) = &line.entry.fact {
            // The approval is a commit on main; it is told before the claim that rests on it.
            let approved = session
                .repository
                .commit(claimed.commit)
                .map(|commit| clock(commit.committer.when))
                .unwrap_or_else(|_| at.clone());
            let edited = edited_lines(snapshot, id, claimed.blob, session)?;
            let signed = match &claimed.signer {
                Some(signer) => format!(", signed by {}", text::one_line(signer, 200)),
                None => String::new(),
            };
            ui.out(format!(
                "{approved}  {}  {}  {}, {edited}{signed}",
                fit("approved", 10),
                claimed.commit.short(),
                claimed.approver
            ));
            if options.patch
                && let Some(before) = snapshot.file(id, "drafted", "md")?
            {
                let after = session.repository.read(claimed.blob)?;
                let (before, after) = (String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
                let changes = sheet::changes(&before, &after, ui.style());
                // The heading says what the line before it has said.
                ui.lines(changes.get(1..).unwrap_or_default());
                if !changes.is_empty() {
                    ui.out("");
                }
            }
            for line in &claimed.overrides {
                ui.out(format!("{at}  {}           {}", fit("allowed", 10), text::one_line(line, 300)));
            }
        }
        ui.out(
            format!(
                "{at}  {}  {}  {}",
                fit(line.entry.fact.kind(), 10),
                line.commit.short(),
                details(&line.entry)
            )
            .trim_end(),
        );
    }
    if lines.is_empty() {
        ui.out("the ledger knows nothing of it");
    }
    Ok(())
}

fn subject_in_ledger(snapshot: &Snapshot<'_>, id: &DraftId) -> Result<String> {
    for kind in ["claimed", "drafted"] {
        if let Some(bytes) = snapshot.file(id, kind, "md")?
            && let Ok(draft) = Draft::parse("", &String::from_utf8_lossy(&bytes))
        {
            return Ok(draft.subject);
        }
    }
    Ok(String::new())
}

fn edited_lines(snapshot: &Snapshot<'_>, id: &DraftId, blob: ObjectId, session: &Session) -> Result<String> {
    let Some(before) = snapshot.file(id, "drafted", "md")? else { return Ok(String::new()) };
    let after = session.repository.read(blob)?;
    Ok(crate::commands::hook::edited(&String::from_utf8_lossy(&before), &String::from_utf8_lossy(&after)))
}

/// Says the one thing about an entry that a line has room for.
fn details(entry: &Entry) -> String {
    let text = match &entry.fact {
        Fact::Ignored(ignored) => ignored.reason.clone(),
        Fact::Drafted(drafted) => {
            let made = format!("{} by {}, tier {}", drafted.action, drafted.brain, drafted.tier);
            match &drafted.guidance {
                Some(guidance) => format!("{made}: {}", text::one_line(guidance, 200)),
                None => made,
            }
        }
        Fact::Claimed(claimed) => format!("host {}, blob {}", entry.host, claimed.blob.short()),
        Fact::Sending => format!("generation {}", entry.generation),
        Fact::Sent { receipt } => receipt.clone(),
        Fact::Rehearsed { spec_hash } => spec_hash.chars().take(12).collect(),
        Fact::Deferred { until, reason } => format!("not before {}: {reason}", clock(*until)),
        Fact::Failed { reason } | Fact::Unsure { reason } | Fact::Withdrawn { reason, .. } => reason.clone(),
        Fact::Stale { newer } => format!("the thread has {newer}"),
        Fact::Rejected { by, reason, .. } => format!("{by}: {reason}"),
        Fact::Expired => "nobody touched it".to_owned(),
        Fact::Superseded { by } => format!("by {by}"),
    };
    text::one_line(&text, 160)
}

fn porcelain(line: &Line) -> String {
    format!(
        "{} {} {} {} {}",
        line.entry.at,
        line.id,
        line.entry.fact.kind(),
        line.entry.generation,
        line.commit
    )
}

fn json_line(line: &Line) -> serde_json::Value {
    let mut object = entry_json(line);
    object["id"] = json!(line.id.as_str());
    object
}

fn entry_json(line: &Line) -> serde_json::Value {
    let entry = &line.entry;
    let mut object = json!({
        "entry": entry.fact.kind(),
        "at": entry.at.to_string(),
        "generation": entry.generation,
        "host": entry.host,
        "commit": line.commit.to_string(),
        "details": details(entry),
    });
    if let Fact::Claimed(claimed) = &entry.fact {
        object["approver"] = json!(claimed.approver);
        object["signer"] = json!(claimed.signer);
        object["overrides"] = json!(claimed.overrides);
        object["approving_commit"] = json!(claimed.commit.to_string());
        object["blob"] = json!(claimed.blob.to_string());
    }
    if let Some(origin) = drafted(std::slice::from_ref(entry)) {
        object["message"] = json!(origin.message);
        object["source"] = json!(origin.source);
        object["thread"] = json!(origin.thread);
        if let Some(guidance) = &origin.guidance {
            object["guidance"] = json!(guidance);
        }
    }
    object
}
