//! Prints what became of each message of a tick.

use serde_json::json;

use super::super::{Context, Session};
use crate::desk::{Desk, DeskFile};
use crate::draft::Status;
use crate::git::landing::Landed;
use crate::id::{DraftId, shown_length};
use crate::message::Address;
use crate::plan::{Confidence, Tier};
use crate::text::{self, fit};
use crate::ui::{Tone, counted};

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
    /// Whom the answer would go to.
    pub to: Vec<Address>,
    /// What a person should know.
    pub findings: Vec<String>,
    /// Why, one line.
    pub reason: String,
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
                    object["to"] = json!(row.to.iter().map(Address::to_string).collect::<Vec<_>>());
                    object["findings"] = json!(row.findings);
                }
                object
            })
            .collect();
        self.context.ui.out(json!({ "version": 1, "messages": messages, "drafts": self.drafts }));
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
        let news = |row: &&Row| !matches!(row.outcome, Outcome::Known);
        if !self.rows.iter().any(|row| news(&row)) {
            return;
        }
        let length = shown_length(self.rows.iter().filter_map(|row| row.id.as_ref()));
        for wiring in &self.session.wiring.sources {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.source == wiring.name).collect();
            if !rows.iter().any(news) {
                continue;
            }
            ui.out(format!("From {}", wiring.name));
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
            let waiting = of(Outcome::Waits).len();
            if waiting > 0 {
                ui.out(format!(
                    " {} {} for the next tick",
                    ui.paint(Tone::Faint, ". [waits]         "),
                    counted(waiting, "message")
                ));
            }
        }
        if self.dry_run {
            ui.out("Nothing was written: this was a dry run.");
            return;
        }
        self.print_end(landed);
    }

    fn print_end(&self, landed: Option<&Landed>) {
        let ui = &self.context.ui;
        let place = self.context.shown(self.session.repository.place());
        match landed {
            Some(Landed::Busy(busy)) => {
                ui.out(format!(
                    "{} cannot be put on the desk yet: {busy}. They are kept, and land with the next tick.",
                    counted(self.drafts, "draft")
                ));
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
            Outcome::Superseded | Outcome::Ignored | Outcome::Known | Outcome::Waits => {
                format!(" {mark} {id}  {}", row.reason)
            }
        };
        ui.row(line.trim_end());
        if self.dry_run && row.id.is_some() {
            let to: Vec<String> = row.to.iter().map(Address::to_string).collect();
            ui.out(format!(
                "     to: {}",
                if to.is_empty() { "nobody yet".to_owned() } else { to.join(", ") }
            ));
            if !row.reason.is_empty() {
                ui.out(format!("     why: {}", row.reason));
            }
            for finding in &row.findings {
                ui.out(format!("     finding: {finding}"));
            }
        }
    }
}
