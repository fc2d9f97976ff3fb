//! Prints what became of each message of a tick.

use serde_json::json;

use super::super::{Context, Session};
use super::telling::Due;
use crate::desk::{Desk, DeskFile};
use crate::draft::Status;
use crate::git::landing::Landed;
use crate::id::{DraftId, shown_length};
use crate::message::Address;
use crate::plan::{Action, Confidence, Gate, Tier};
use crate::text::{self, fit};
use crate::ui::{Tone, counted, span};

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A draft was made.
    Drafted,
    /// It is left to a person.
    NeedsYou,
    /// The plan was refused, so it is left to a person.
    Refused,
    /// It wants no answer.
    Ignored,
    /// It was taken in before.
    Known,
    /// It cannot be read as a message.
    Unreadable,
    /// It waits for the next tick.
    Waits,
    /// Its draft makes room for a later one.
    Superseded,
    /// Nobody touched its draft until its time was over.
    Expired,
}

impl Outcome {
    /// Returns the word in porcelain and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Drafted => "drafted",
            Outcome::NeedsYou => "needs_you",
            Outcome::Refused => "refused",
            Outcome::Ignored => "ignored",
            Outcome::Known => "known",
            Outcome::Unreadable => "unreadable",
            Outcome::Waits => "waits",
            Outcome::Superseded => "superseded",
            Outcome::Expired => "expired",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The source.
    pub source: String,
    /// The message's native id.
    pub message: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Its draft.
    pub id: Option<DraftId>,
    /// The draft's tier.
    pub tier: Option<Tier>,
    /// The brain's confidence.
    pub confidence: Option<Confidence>,
    /// Who wrote it, one line.
    pub from: String,
    /// Its subject, or that of the answer.
    pub subject: String,
    /// What was planned and made of it, where a draft was.
    pub made: Option<Made>,
    /// What a person should know.
    pub findings: Vec<String>,
    /// Why, one line.
    pub reason: String,
    /// Whether nothing of it was told before.
    pub is_news: bool,
}

impl Row {
    /// Makes a line that says no more than what became of a message.
    pub fn new(source: &str, message: &str, outcome: Outcome, reason: &str) -> Self {
        Self {
            source: source.to_owned(),
            message: message.to_owned(),
            outcome,
            id: None,
            tier: None,
            confidence: None,
            from: String::new(),
            subject: String::new(),
            made: None,
            findings: Vec::new(),
            reason: text::one_line(reason, 200),
            is_news: outcome != Outcome::Known,
        }
    }
}

/// What a brain planned, and what the policy made of it.
#[derive(Clone, Debug)]
pub struct Made {
    /// What the brain planned.
    pub planned: Action,
    /// The brain, with its route.
    pub brain: String,
    /// What the draft is.
    pub action: Action,
    /// What its tier asks for.
    pub gate: Gate,
    /// Whom the answer would go to.
    pub to: Vec<Address>,
    /// Who else would get it.
    pub cc: Vec<Address>,
    /// The text of the answer.
    pub body: String,
}

/// A tick's messages, as they are told.
pub struct Table<'t> {
    /// The terminal and the clock.
    pub context: &'t Context,
    /// The desk and its sources.
    pub session: &'t Session,
    /// What became of each message, in the order of the sources.
    pub rows: &'t [Row],
    /// How many drafts were made.
    pub drafts: usize,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What has waited too long.
    pub due: &'t [Due],
}

impl Table<'_> {
    /// Prints one JSON object.
    pub fn print_json(&self) {
        let messages: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let mut object = json!({
                    "id": row.id.as_ref().map(DraftId::as_str),
                    "source": row.source,
                    "message": row.message,
                    "outcome": row.outcome.word(),
                    "reason": row.reason,
                });
                if let (Some(tier), Some(confidence)) = (row.tier, row.confidence) {
                    object["tier"] = json!(tier.as_str());
                    object["confidence"] = json!(confidence.value());
                    object["findings"] = json!(row.findings);
                }
                if let Some(made) = &row.made {
                    let people =
                        |list: &[Address]| json!(list.iter().map(Address::to_string).collect::<Vec<_>>());
                    object["planned"] = json!(made.planned.as_str());
                    object["brain"] = json!(made.brain);
                    object["action"] = json!(made.action.as_str());
                    object["gate"] = json!(made.gate.as_str());
                    object["to"] = people(&made.to);
                    object["cc"] = people(&made.cc);
                }
                object
            })
            .collect();
        let mut object = json!({ "version": 1, "messages": messages, "drafts": self.drafts });
        if !self.due.is_empty() {
            let due = self.due.iter().map(|due| {
                let oldest = due.oldest.as_secs();
                json!({ "tier": due.tier.as_str(), "drafts": due.count, "oldest_seconds": oldest })
            });
            object["reminded"] = due.collect();
        }
        self.context.ui.out(object);
    }

    /// Prints a line for each message.
    pub fn print_porcelain(&self) {
        for row in self.rows {
            let id = row.id.as_ref().map_or("-", DraftId::as_str);
            let tier = row.tier.map_or("-", Tier::as_str);
            let message = text::one_line(&row.message, 300).replace(' ', "_");
            self.context.ui.out(format!("{} {id} {tier} {} {message}", row.outcome.word(), row.source));
        }
    }

    /// Prints the table, in the manner of `git fetch`; nothing where nothing is new.
    pub fn print(&self, landed: Option<&Landed>) {
        let ui = &self.context.ui;
        let news = |row: &&Row| row.is_news;
        for due in self.due {
            let verb = if due.count == 1 { "waits" } else { "wait" };
            ui.out(format!(
                "{} of tier {} {verb} for you, the oldest for {} (see \"git drafts status\")",
                counted(due.count, "draft"),
                due.tier,
                span(due.oldest)
            ));
        }
        if !self.rows.iter().any(|row| news(&row)) {
            if self.dry_run {
                ui.out("Nothing is new, and nothing was written: this was a dry run.");
            }
            return;
        }
        let length = shown_length(self.rows.iter().filter_map(|row| row.id.as_ref()));
        for source in self.sources() {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.source == source).collect();
            if !rows.iter().any(news) {
                continue;
            }
            ui.out(format!("From {source}"));
            for row in &rows {
                self.print_row(row, length);
            }
            let of = |outcome| rows.iter().filter(|row| row.outcome == outcome).collect::<Vec<_>>();
            let ignored = of(Outcome::Ignored);
            if !ignored.is_empty() {
                let mut reasons: Vec<&str> = Vec::new();
                for row in &ignored {
                    let reason = row.reason.split(" that ").next().unwrap_or(&row.reason);
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                }
                ui.out(format!(
                    " {} {} ({})",
                    ui.paint(Tone::Faint, "- [ignored]       "),
                    counted(ignored.len(), "message"),
                    reasons.join(", ")
                ));
            }
            let known = of(Outcome::Known).len();
            if known > 0 {
                let verb = if known == 1 { "has a draft" } else { "have drafts" };
                ui.out(format!(
                    " {} {} {verb} or an answer already",
                    ui.paint(Tone::Faint, "= [known]         "),
                    counted(known, "message")
                ));
            }
            let waiting = of(Outcome::Waits);
            let mut reasons: Vec<&str> = waiting.iter().map(|row| row.reason.as_str()).collect();
            reasons.dedup();
            if !waiting.is_empty() {
                let why = match reasons[..] {
                    ["for the next tick"] => String::new(),
                    _ => format!(" ({})", reasons.join("; ")),
                };
                ui.out(format!(
                    " {} {} for the next tick{why}",
                    ui.paint(Tone::Faint, ". [waits]         "),
                    counted(waiting.len(), "message")
                ));
            }
        }
        if self.dry_run {
            ui.out("Nothing was written: this was a dry run.");
            return;
        }
        self.print_end(landed);
    }

    /// Returns the sources of the wiring, then those that it does not have any more.
    fn sources(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.session.wiring.sources.iter().map(|source| source.name.as_str()).collect();
        for row in self.rows {
            if !names.contains(&row.source.as_str()) {
                names.push(&row.source);
            }
        }
        names
    }

    fn print_end(&self, landed: Option<&Landed>) {
        let ui = &self.context.ui;
        let place = self.context.shown(self.session.repository.place());
        match landed {
            Some(Landed::Busy(busy)) => {
                let later = match self.drafts {
                    0 => String::new(),
                    1 => " It is kept, and lands with the next tick.".to_owned(),
                    _ => " They are kept, and land with the next tick.".to_owned(),
                };
                let what = match self.drafts {
                    0 => "The desk cannot be changed".to_owned(),
                    drafts => format!("{} cannot be put on the desk", counted(drafts, "draft")),
                };
                ui.out(format!("{what} yet: {busy}.{later}"));
            }
            Some(Landed::Done { kept, .. }) => {
                for kept in kept {
                    ui.out(format!("{} is left as it is: {}", kept.path, kept.why));
                }
            }
            None => {}
        }
        if let Ok(desk) = Desk::read(&self.session.repository) {
            let waits =
                |file: &&DeskFile| file.draft.as_ref().map_or(true, |draft| draft.status == Status::Draft);
            let waiting = desk.files.iter().filter(waits).count();
            let verb = if waiting == 1 { "waits" } else { "wait" };
            ui.out(format!("{} {verb} for you in {place}", counted(waiting, "draft")));
        }
    }

    fn print_row(&self, row: &Row, length: usize) {
        let ui = &self.context.ui;
        let id = row.id.as_ref().map_or_else(|| " ".repeat(length), |id| id.first(length).to_owned());
        let id = ui.paint(Tone::Id, id);
        let tier = fit(row.tier.map_or("", Tier::as_str), 6);
        let confidence = row.confidence.map(|confidence| confidence.to_string()).unwrap_or_default();
        let (mark, tone) = match row.outcome {
            Outcome::Drafted => ("* [new draft]     ", Tone::Good),
            Outcome::NeedsYou => ("! [needs you]     ", Tone::Attention),
            Outcome::Refused => ("x [refused]       ", Tone::Bad),
            Outcome::Unreadable => ("! [unreadable]    ", Tone::Attention),
            Outcome::Superseded => ("~ [superseded]    ", Tone::Faint),
            Outcome::Expired => ("~ [expired]       ", Tone::Faint),
            Outcome::Ignored | Outcome::Known | Outcome::Waits => return,
        };
        let mark = ui.paint(tone, mark);
        let who = text::one_line(&row.from, 40);
        let line = match row.outcome {
            Outcome::Drafted | Outcome::NeedsYou => {
                format!(" {mark} {id}  {tier} {confidence}  {who} <- {}", text::one_line(&row.subject, 60))
            }
            Outcome::Refused => format!(" {mark} {id}  no draft     {who} ({}) -> needs you", row.reason),
            Outcome::Unreadable => format!(" {mark} {id}  {tier}       a message that {}", row.reason),
            Outcome::Expired => {
                format!(" {mark} {id}  {}  {}", text::one_line(&row.subject, 60), row.reason)
            }
            Outcome::Superseded | Outcome::Ignored | Outcome::Known | Outcome::Waits => {
                format!(" {mark} {id}  {}", row.reason)
            }
        };
        ui.row(line.trim_end());
        if let (true, Some(made)) = (self.dry_run, &row.made) {
            self.print_made(row, made);
        }
    }

    /// Prints the plan, the verdict and the final recipients.
    fn print_made(&self, row: &Row, made: &Made) {
        let ui = &self.context.ui;
        let people = |list: &[Address]| list.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
        let confidence = row.confidence.map(|confidence| confidence.to_string()).unwrap_or_default();
        ui.out(format!("     plan: {} by {}, confidence {confidence}", made.planned, made.brain));
        let tier = row.tier.map_or("", Tier::as_str);
        let verdict = match row.outcome {
            Outcome::Refused => "refused, and left to you",
            Outcome::NeedsYou => "left to you",
            Outcome::Drafted
            | Outcome::Ignored
            | Outcome::Known
            | Outcome::Unreadable
            | Outcome::Waits
            | Outcome::Superseded
            | Outcome::Expired => "a draft",
        };
        ui.out(format!("     verdict: {verdict}; tier {tier} asks for `{}`", made.gate));
        let to = if made.to.is_empty() { "nobody yet".to_owned() } else { people(&made.to) };
        ui.out(format!("     to: {to}"));
        if !made.cc.is_empty() {
            ui.out(format!("     cc: {}", people(&made.cc)));
        }
        if !row.reason.is_empty() {
            ui.out(format!("     why: {}", row.reason));
        }
        for finding in &row.findings {
            ui.out(format!("     finding: {finding}"));
        }
        for line in made.body.lines() {
            ui.out(format!("     | {line}").trim_end());
        }
    }
}
