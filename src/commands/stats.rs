//! Counts what became of drafts, and compares what shadows planned with what was approved.
//!
//! It reads the ledger and the shadows' records, and changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{CommandError, Context, Exit, Result, Session};
use crate::config;
use crate::draft::Draft;
use crate::entry::{Fact, drafted};
use crate::id::DraftId;
use crate::ledger::Snapshot;
use crate::lesson::{By, Comparison, Fate, Lesson, ShadowPlan, Tally, compare, tallies};
use crate::shadow::{Said, Shadows};
use crate::text::{columns, fit, one_line};
use crate::ui::{Tone, Ui, counted};

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only drafts made since then: a date, a time, or an age.
    pub since: Option<String>,
    /// Compare with the plans of shadows.
    pub shadow: bool,
    /// Print JSON.
    pub json: bool,
}

/// A draft's lesson, and the bodies that were drafted and sent where a shadow is compared with them.
struct Found {
    lesson: Lesson,
    bodies: Option<(String, String)>,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let since = options.since.as_deref().map(|text| since(text, context.now())).transpose()?;
    let session = Session::open(context)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let plans = if options.shadow { plans(&session) } else { BTreeMap::new() };
    let mut found = Vec::new();
    for id in snapshot.ids_with_prefix("")? {
        let with_bodies = plans.contains_key(&id);
        if options.shadow && !with_bodies {
            continue;
        }
        found.extend(learn(&snapshot, &id, since, with_bodies)?);
    }
    found.sort_by(|a, b| (a.lesson.at, &a.lesson.id).cmp(&(b.lesson.at, &b.lesson.id)));
    match (options.shadow, options.json) {
        (false, false) => print(&context.ui, &found),
        (false, true) => context.ui.out(to_json(since, &found)),
        (true, json) => {
            let compared = comparisons(&plans, &found);
            if json {
                context.ui.out(shadows_json(since, &compared));
            } else {
                print_shadows(&context.ui, &compared);
            }
        }
    }
    Ok(Exit::Done)
}

/// Reads the time after which drafts count.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp> {
    let age = config::age(text).map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN));
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::system()).ok()?.timestamp());
    age.or_else(|| text.parse().ok()).or_else(day).ok_or_else(|| CommandError::Usage {
        what: format!("`{}` is neither a date nor an age", one_line(text, 40)),
        hint: Some("write it as 2026-11-20, 30d, 4w or 12h".to_owned()),
    })
}

/// Reads what the ledger holds about one draft; none where no draft was made, or not since then.
fn learn(
    snapshot: &Snapshot<'_>,
    id: &DraftId,
    since: Option<Timestamp>,
    with_bodies: bool,
) -> Result<Option<Found>> {
    let story = snapshot.story(id)?;
    let Some(origin) = drafted(&story) else { return Ok(None) };
    if since.is_some_and(|since| story.first().is_some_and(|first| first.at < since)) {
        return Ok(None);
    }
    let text = |kind: &str| -> Result<Option<Draft>> {
        let bytes = snapshot.file(id, kind, "md")?;
        Ok(bytes.and_then(|bytes| Draft::parse(kind, &String::from_utf8_lossy(&bytes)).ok()))
    };
    let was_claimed = story.iter().any(|entry| matches!(entry.fact, Fact::Claimed(_)));
    let approved = if was_claimed { text("claimed")? } else { None };
    let before = if was_claimed || origin.confidence.is_none() { text("drafted")? } else { None };
    let lesson = Lesson::of(id, &story, origin, before.as_ref(), approved.as_ref());
    let bodies = match (lesson.in_common, before, approved) {
        (Some(_), Some(before), Some(approved)) if with_bodies => Some((before.body, approved.body)),
        _ => None,
    };
    Ok(Some(Found { lesson, bodies }))
}

/// Returns the shadows' plans, by draft.
fn plans(session: &Session) -> BTreeMap<DraftId, ShadowPlan> {
    let records = Shadows::of(&session.state).all().into_iter();
    let plan = |(id, record): (DraftId, crate::shadow::Record)| {
        let (action, body) = match record.said {
            Said::Nothing(_) => return None,
            Said::Plan { action, body, .. } => (Some(action), body),
            Said::NoPlan(_) => (None, String::new()),
        };
        Some((id, ShadowPlan { brain: one_line(&record.brain, 60), action, body }))
    };
    records.filter_map(plan).collect()
}

/// Compares the plans of each shadow.
fn comparisons(plans: &BTreeMap<DraftId, ShadowPlan>, found: &[Found]) -> Vec<(String, Comparison)> {
    let mut by_brain: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for Found { lesson, bodies } in found {
        let Some(plan) = plans.get(&lesson.id) else { continue };
        let bodies = bodies.as_ref().map(|(before, sent)| (before.as_str(), sent.as_str()));
        by_brain.entry(&plan.brain).or_default().push((plan, lesson, bodies));
    }
    by_brain.into_iter().map(|(brain, all)| (brain.to_owned(), compare(all))).collect()
}

fn print(ui: &Ui, found: &[Found]) {
    let lessons: Vec<Lesson> = found.iter().map(|found| found.lesson.clone()).collect();
    if lessons.is_empty() {
        return ui.say("no draft has been made");
    }
    let sections = By::ALL.map(|by| (by.as_str().to_owned(), tallies(&lessons, by)));
    print_table(ui, &sections);
}

fn print_shadows(ui: &Ui, compared: &[(String, Comparison)]) {
    if compared.is_empty() {
        ui.say("no shadow has planned anything");
        return ui.hint("name one in the wiring: `shadow = \"NAME\"` of a brain");
    }
    let sections: Vec<Section> = compared
        .iter()
        .map(|(brain, comparison)| (format!("{brain} planned"), comparison.by_plan.clone()))
        .collect();
    print_table(ui, &sections);
    for (brain, comparison) in compared {
        let Comparison { agreed, decided, compared, in_common, drafted_in_common, .. } = comparison;
        ui.out(format!("\n{brain} would have done as you did with {agreed} of {decided}."));
        if let (Some(its), Some(drafted)) = (in_common, drafted_in_common) {
            ui.out(format!(
                "Words in common with what you sent, in {}: its own {}, the drafted {}.",
                counted(*compared, "answer"),
                percent(*its),
                percent(*drafted)
            ));
        }
    }
}

/// A part of a table: its heading, and its groups.
type Section = (String, Vec<(String, Tally)>);

/// A column: its heading, and what stands in it.
type Column<'a> = (&'a str, Box<dyn Fn(&Tally) -> String>);

fn print_table(ui: &Ui, sections: &[Section]) {
    for line in table(sections, ui.columns()) {
        let is_heading = !line.starts_with("  ");
        if is_heading {
            ui.row(ui.paint(Tone::Heading, line));
        } else {
            ui.row(line);
        }
    }
}

/// Lays out tallies in one table. Where it is wider than the terminal, what never happened is left out.
fn table(sections: &[Section], width: Option<usize>) -> Vec<String> {
    let whole = lines(sections, &Fate::ALL);
    if width.is_none_or(|width| whole.iter().all(|line| columns(line) <= width)) {
        return whole;
    }
    let happened =
        |fate: &Fate| sections.iter().flat_map(|(_, groups)| groups).any(|(_, tally)| tally.count(*fate) > 0);
    let fates: Vec<Fate> = Fate::ALL.into_iter().filter(happened).collect();
    lines(sections, &fates)
}

fn lines(sections: &[Section], fates: &[Fate]) -> Vec<String> {
    let mut shown: Vec<Column<'_>> = vec![
        ("drafts", Box::new(|tally: &Tally| tally.all().to_string())),
        ("accepted", Box::new(|tally: &Tally| tally.accepted().map_or("-".to_owned(), percent))),
    ];
    for fate in fates.iter().copied() {
        shown.push((word(fate), Box::new(move |tally: &Tally| tally.count(fate).to_string())));
    }
    let heads = sections.iter().map(|(heading, _)| columns(heading));
    let names = sections.iter().flat_map(|(_, groups)| groups).map(|(name, _)| 2 + columns(name));
    let width = heads.chain(names).max().unwrap_or(0);
    let line = |name: &str, cell: &dyn Fn(&Column<'_>) -> String| {
        let mut line = fit(name, width);
        for column in &shown {
            line.push_str(&format!("  {:>1$}", cell(column), column.0.len()));
        }
        line.trim_end().to_owned()
    };
    let mut all = Vec::new();
    for (heading, groups) in sections.iter().filter(|(_, groups)| !groups.is_empty()) {
        // The columns are named once.
        let is_first = all.is_empty();
        all.push(line(heading, &|(name, _)| if is_first { (*name).to_owned() } else { String::new() }));
        all.extend(groups.iter().map(|(name, tally)| line(&format!("  {name}"), &|(_, of)| of(tally))));
    }
    all
}

/// Returns the heading of a fate's column.
fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::AsDrafted => "as drafted",
        Fate::Edited | Fate::Rejected | Fate::Expired | Fate::Superseded | Fate::Waiting => fate.as_str(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}%", (share * 100.0).floor())
}

fn to_json(since: Option<Timestamp>, found: &[Found]) -> Value {
    let lessons: Vec<Lesson> = found.iter().map(|found| found.lesson.clone()).collect();
    let mut object = json!({
        "version": 1,
        "since": since.map(|since| since.to_string()),
        "drafts": lessons.iter().map(lesson_json).collect::<Vec<_>>(),
    });
    for by in By::ALL {
        object[format!("by_{}", by.as_str())] = groups_json(&tallies(&lessons, by));
    }
    object
}

fn lesson_json(lesson: &Lesson) -> Value {
    json!({
        "id": lesson.id.as_str(),
        "at": lesson.at.to_string(),
        "action": lesson.action.as_str(),
        "tier": lesson.tier.as_str(),
        "confidence": lesson.confidence.map(|confidence| confidence.value()),
        "brain": lesson.brain,
        "prompt": lesson.prompt,
        "became": lesson.fate.as_str(),
        "reason": lesson.reason,
        "drafted": lesson.drafted.to_string(),
        "approved": lesson.approved.map(|blob| blob.to_string()),
        "in_common": lesson.in_common,
    })
}

fn groups_json(groups: &[(String, Tally)]) -> Value {
    let group = |(name, tally): &(String, Tally)| {
        let mut object = json!({ "name": name, "drafts": tally.all(), "accepted": tally.accepted() });
        for fate in Fate::ALL {
            object[fate.as_str()] = json!(tally.count(fate));
        }
        object
    };
    groups.iter().map(group).collect()
}

fn shadows_json(since: Option<Timestamp>, compared: &[(String, Comparison)]) -> Value {
    let shadow = |(brain, comparison): &(String, Comparison)| {
        json!({
            "brain": brain,
            "by_plan": groups_json(&comparison.by_plan),
            "decided": comparison.decided,
            "agreed": comparison.agreed,
            "compared": comparison.compared,
            "in_common": comparison.in_common,
            "drafted_in_common": comparison.drafted_in_common,
        })
    };
    json!({
        "version": 1,
        "since": since.map(|since| since.to_string()),
        "shadows": compared.iter().map(shadow).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::id::ObjectId;
    use crate::plan::{Action, Tier};

    fn lesson(action: Action, fate: Fate) -> Lesson {
        Lesson {
            id: DraftId::derive("x", 8),
            at: Timestamp::UNIX_EPOCH,
            action,
            tier: Tier::Medium,
            confidence: None,
            brain: String::new(),
            prompt: None,
            fate,
            reason: None,
            drafted: ObjectId::new([0; 20]),
            approved: None,
            in_common: None,
        }
    }

    fn sections() -> Vec<Section> {
        let tally = |action: Action, fates: &[(Fate, usize)]| {
            let mut tally = Tally::default();
            for (fate, count) in fates {
                let lesson = lesson(action, *fate);
                (0..*count).for_each(|_| tally.add(&lesson));
            }
            tally
        };
        let reply = tally(Action::Reply, &[(Fate::AsDrafted, 8), (Fate::Edited, 3), (Fate::Waiting, 12)]);
        let escalate = tally(Action::Escalate, &[(Fate::Edited, 1)]);
        vec![
            ("action".to_owned(), vec![("reply".to_owned(), reply), ("escalate".to_owned(), escalate)]),
            ("tier".to_owned(), vec![("medium".to_owned(), reply)]),
            ("brain".to_owned(), vec![]),
        ]
    }

    #[test]
    fn columns_are_aligned_and_a_narrow_terminal_leaves_out_what_never_happened() {
        assert_snapshot!(table(&sections(), None).join("\n"), @"
        action      drafts  accepted  as drafted  edited  rejected  expired  superseded  waiting
          reply         23       72%           8       3         0        0           0       12
          escalate       1         -           0       1         0        0           0        0
        tier
          medium        23       72%           8       3         0        0           0       12
        ");
        assert_snapshot!(table(&sections(), Some(80)).join("\n"), @"
        action      drafts  accepted  as drafted  edited  waiting
          reply         23       72%           8       3       12
          escalate       1         -           0       1        0
        tier
          medium        23       72%           8       3       12
        ");
        assert_eq!(table(&sections(), Some(200)), table(&sections(), None));
    }

    #[test]
    fn a_time_is_a_date_or_an_age() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (text, expected) in
            [("30d", "2026-10-21T12:00:00Z"), ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z")]
        {
            assert_eq!(since(text, now).unwrap().to_string(), expected);
        }
        assert!(since("2026-11-20", now).is_ok());
        for text in ["", "all", "30", "yesterday", "2026-13-01"] {
            assert!(matches!(since(text, now), Err(CommandError::Usage { .. })), "{text}");
        }
    }
}
