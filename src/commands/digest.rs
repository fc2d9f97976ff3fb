//! Prints the drafts that wait as one readable text in Markdown, for a mail or a chat.
//!
//! Whatever comes from outside stands in code spans and code blocks: no reader of the text loads a picture,
//! follows a link or calls somebody because a message said so.

use super::early::Early;
use super::links::OwnWords;
use super::overview::{Item, Place, items};
use super::sheet::{Sheet, message_of};
use super::{Context, Exit, Result, Session};
use crate::desk::Desk;
use crate::id::shown_length;
use crate::ledger::Snapshot;
use crate::text;
use crate::ui::{counted, span};

/// The most bytes of an answer that are shown.
const ANSWER_BYTES_MAX: usize = 32 * 1024;

/// The most bytes of a message that are shown.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// Runs the command.
pub fn run(context: &Context) -> Result<Exit> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let items = items(context, &session, &desk)?;
    let mut waiting: Vec<&Item> = items
        .iter()
        .filter(|item| matches!(item.place, Place::Waiting | Place::ApprovedHere | Place::Unclear))
        .collect();
    waiting.sort_by_key(|item| item.gravest_first());
    let others = items.iter().filter(|item| item.needs_you()).count() - waiting.len();
    if waiting.is_empty() && others == 0 {
        return Ok(Exit::Done);
    }
    let ui = &context.ui;
    let early = Early::load(context);
    let own = OwnWords::at(&session.repository, desk.tip);
    let length = shown_length(items.iter().map(|item| &item.id));
    ui.out(match waiting.len() {
        1 => "# 1 draft waits for you".to_owned(),
        several => format!("# {several} drafts wait for you"),
    });
    for item in &waiting {
        let Some(found) = desk.find(&item.id) else { continue };
        let sheet = Sheet::read(context, &session, &desk, &snapshot, &own, &early, found)?;
        let age = item.age(context.now()).map(|age| format!(", for {}", span(age))).unwrap_or_default();
        ui.out(format!("\n## {}, tier {}{age}\n", item.id.first(length), sheet.tier));
        ui.raw(part(&sheet, item.id.first(length)).as_bytes());
    }
    if others > 0 {
        ui.out(format!(
            "\n{} in another way: `git drafts status`.",
            match others {
                1 => "1 more needs you".to_owned(),
                several => format!("{several} more need you"),
            }
        ));
    }
    if !waiting.is_empty() {
        ui.out("\n`git drafts review` asks about one after the other.");
    }
    Ok(Exit::Done)
}

/// Writes what there is to say about one draft.
fn part(sheet: &Sheet, id: &str) -> String {
    let mut part = String::new();
    let mut line = |label: &str, text: &str| part.push_str(&format!("- {label}: {}\n", code_span(text)));
    let draft = match &sheet.draft {
        Ok(draft) => draft,
        Err(error) => {
            line("File", &sheet.path);
            line("Unclear", &error.to_string());
            return part;
        }
    };
    for (label, list) in [("To", &draft.to), ("Cc", &draft.cc)] {
        for address in list {
            let is_stranger = sheet.strangers.contains(&address.email);
            line(if is_stranger { "To a stranger" } else { label }, &address.to_string());
        }
    }
    line("Subject", &draft.subject);
    if let Some(time) = draft.send_after {
        line("Not before", &time.to_string());
    }
    draft.attach.iter().for_each(|path| line("Attached", path));
    line("Tier", &sheet.gate_sentence());
    line("Text", &sheet.edited);
    line("Why", &draft.machine.why);
    draft.machine.findings.iter().chain(&sheet.remarks).for_each(|finding| line("Finding", finding));
    for task in &draft.tasks {
        line("Task", &task.title);
        task.labels.iter().for_each(|label| line("Label", label));
    }
    sheet.obstacles.iter().for_each(|obstacle| line("Not yet", &obstacle.what));
    if !draft.body.trim().is_empty() {
        part.push_str(&block("The answer", &draft.body, ANSWER_BYTES_MAX, id));
    } else if draft.tasks.is_empty() {
        part.push_str("\nNEEDS YOU: there is no answer yet.\n");
    }
    let message = message_of(&draft.context);
    if message.trim().is_empty() {
        part.push_str("\nThe message is not kept in this repository.\n");
    } else {
        part.push_str(&block("The message", message, MESSAGE_BYTES_MAX, id));
    }
    part
}

/// Writes a text as a code block that nothing in it can end, and says what is left out.
fn block(heading: &str, text: &str, bytes_max: usize, id: &str) -> String {
    let text = text::visible(text.trim_end());
    let (shown, is_cut) = text::bounded(&text, bytes_max);
    let fence = "`".repeat(longest_run(shown).max(2) + 1);
    let mut block = format!("\n{heading}:\n\n{fence}text\n{shown}\n{fence}\n");
    if is_cut {
        let rest = counted(text.len() - shown.len(), "byte");
        block.push_str(&format!("\n({rest} are left out here: `git drafts show {id}`)\n"));
    }
    block
}

/// Writes a text as a code span that nothing in it can end.
fn code_span(text: &str) -> String {
    let text = text::one_line(text, 2000);
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Parser};

    use super::*;

    #[test]
    fn nothing_in_a_text_ends_its_block_or_its_span() {
        for hostile in
            ["```\n![x](https://track.example/1.png)\n```", "a\n````\n@all", "` `` ```", "<img src=x>"]
        {
            let markdown = format!("{}\n{}", code_span(hostile), block("The answer", hostile, 1000, "kqzm"));
            let acts = Parser::new(&markdown).any(|event| {
                matches!(event, Event::Html(_) | Event::InlineHtml(_))
                    || matches!(
                        event,
                        Event::Start(pulldown_cmark::Tag::Image { .. } | pulldown_cmark::Tag::Link { .. })
                    )
            });
            assert!(!acts, "{markdown}");
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let block = block("The answer", &"x".repeat(40), 30, "kqzm");
        assert!(block.ends_with("\n(10 bytes are left out here: `git drafts show kqzm`)\n"), "{block}");
    }
}
