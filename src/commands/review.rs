//! Shows one draft after the other and asks what is to become of it, in the manner of `git add -p`.
//!
//! Nothing is written before the last question: decisions are kept here, each with the blob that was
//! shown, and one commit carries them out. What is not the text that was shown is not approved. It never
//! sends: the commit's hook rings as for any other commit.

use super::early::Early;
use super::links::OwnWords;
use super::overview::{Item, Place, items};
use super::sheet::Sheet;
use super::staging::{self, Changed, Wanted};
use super::{CommandError, Context, Exit, Result, Session, approve, diff, edit, reject};
use crate::desk::{self, Desk};
use crate::draft::{self, Status};
use crate::error::FileError;
use crate::git::objects::blob_id;
use crate::id::{DraftId, ObjectId};
use crate::ledger::Snapshot;
use crate::markdown::{Form, Look, Style, span};
use crate::policy::Mode;
use crate::text;
use crate::ui::{Tone, Ui, counted};

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The drafts, by the first letters of their ids or by their files; all that wait without one.
    pub ids: Vec<String>,
    /// For whoever has the screen read aloud: words in the place of marks and rules.
    pub plain: bool,
}

/// What a person says to a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Approve,
    Edit,
    Reject,
    Skip,
    Diff,
    Quit,
    Help,
}

/// What was decided about a draft that was shown.
struct Decision {
    id: DraftId,
    path: String,
    subject: String,
    /// The bytes that were shown.
    blob: ObjectId,
    verdict: Verdict,
}

enum Verdict {
    Approved,
    Rejected { reason: String },
}

impl Verdict {
    fn wanted(&self) -> Wanted {
        match self {
            Verdict::Approved => Wanted::Approved,
            Verdict::Rejected { .. } => Wanted::Removed,
        }
    }
}

/// What came of asking about one draft.
enum Asked {
    Decided(Decision),
    Skipped,
    /// It has left the desk meanwhile.
    Gone,
    Ended(Ended),
}

/// What the questions ended with.
enum Ended {
    /// Every draft was asked about.
    Asked,
    /// The person had enough.
    Quit,
    /// Nobody answers any more.
    HungUp,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let ui = if options.plain { context.ui.without_colours() } else { context.ui };
    let context = &Context { ui, ..context.clone() };
    let ui = &context.ui;
    if !ui.can_ask() {
        return Err(CommandError::refused(
            "review asks questions, and there is no terminal to answer them",
            "`git drafts digest` prints what waits; `git drafts approve ID` needs no terminal",
        ));
    }
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    refuse_elsewhere(context, &session, &desk)?;
    let (queue, others) = queue(context, &session, &desk, options)?;
    if queue.is_empty() {
        ui.say("no draft waits for you");
        tell_others(ui, others);
        return Ok(Exit::Done);
    }
    let early = Early::load(context);
    let mut decisions = Vec::new();
    let mut ended = Ended::Asked;
    for (index, id) in queue.iter().enumerate() {
        if index > 0 {
            ui.out("");
        }
        let head = format!("{} of {}", index + 1, queue.len());
        match ask_about(context, &session, &early, options, id, &head)? {
            Asked::Decided(decision) => decisions.push(decision),
            Asked::Skipped => {}
            Asked::Gone => ui.say(format!("{id} is not on the desk any more")),
            Asked::Ended(end) => {
                ended = end;
                break;
            }
        }
    }
    if wants_commit(ui, &ended, &decisions)? {
        return commit(context, &session, decisions);
    }
    if !matches!(ended, Ended::Asked) || decisions.is_empty() {
        ui.say("nothing was committed");
    }
    tell_others(ui, others);
    Ok(Exit::Done)
}

/// Review makes a commit on `main`: where that is not what approves, it says so before anybody has read
/// ten drafts.
fn refuse_elsewhere(context: &Context, session: &Session, desk: &Desk) -> Result<()> {
    staging::check_worktree(context, session, "review")?;
    if session.committed_policy(desk)?.mode == Mode::Merge {
        return Err(CommandError::refused(
            "here a merge approves (`mode = \"merge\"` in drafts.toml), and review makes a plain commit",
            "set the status on a branch, and merge that with `git merge --no-ff`",
        ));
    }
    staging::check_on_main(context, session)?;
    if let Some(what) = session.repository.operation_under_way() {
        return Err(CommandError::refused(
            format!("{what} is under way in the drafts repository"),
            "end it first: `git status` says how",
        ));
    }
    Ok(())
}

/// Returns the drafts to ask about, the gravest first and of these the oldest, and how many need a person
/// in another way.
fn queue(
    context: &Context,
    session: &Session,
    desk: &Desk,
    options: &Options,
) -> Result<(Vec<DraftId>, usize)> {
    let mut items = items(context, session, desk)?;
    items.retain(Item::needs_you);
    let asks = |item: &Item| {
        matches!(item.place, Place::Waiting | Place::ApprovedHere | Place::Unclear)
            && desk.find(&item.id).is_some()
    };
    let (mut asked, others): (Vec<Item>, Vec<Item>) = items.into_iter().partition(asks);
    if !options.ids.is_empty() {
        let snapshot = Snapshot::of(&session.repository)?;
        let wanted =
            options.ids.iter().map(|id| session.resolve(desk, &snapshot, id)).collect::<Result<Vec<_>>>()?;
        for id in &wanted {
            if !asked.iter().any(|item| item.id == *id) {
                return Err(CommandError::refused(
                    format!("{id} does not wait for a decision"),
                    format!("`git drafts log {id}` tells why"),
                ));
            }
        }
        asked.retain(|item| wanted.contains(&item.id));
    }
    asked.sort_by_key(Item::gravest_first);
    Ok((asked.into_iter().map(|item| item.id).collect(), others.len()))
}

fn tell_others(ui: &Ui, others: usize) {
    if others > 0 {
        ui.say(format!(
            "{} something else; see \"git drafts status\"",
            match others {
                1 => "1 draft needs".to_owned(),
                several => format!("{several} drafts need"),
            }
        ));
    }
}

/// Shows a draft and asks until there is an answer.
fn ask_about(
    context: &Context,
    session: &Session,
    early: &Early,
    options: &Options,
    id: &DraftId,
    head: &str,
) -> Result<Asked> {
    let ui = &context.ui;
    loop {
        let Some(sheet) = read(context, session, early, id)? else { return Ok(Asked::Gone) };
        ui.lines(&sheet.lines(head, context.now(), style(ui, options)));
        ui.out("");
        let answer = loop {
            match ask(ui, options, head)? {
                None => return Ok(Asked::Ended(Ended::HungUp)),
                Some(Answer::Help) => help(ui, options),
                Some(Answer::Diff) => show_diff(context, session, &sheet)?,
                Some(Answer::Approve) if !sheet.obstacles.is_empty() => tell_obstacles(ui, &sheet.obstacles),
                Some(answer) => break answer,
            }
        };
        let decided = |verdict| Decision {
            id: id.clone(),
            path: sheet.path.clone(),
            subject: sheet.draft.as_ref().map(|draft| draft.subject.clone()).unwrap_or_default(),
            blob: sheet.blob,
            verdict,
        };
        match answer {
            Answer::Quit => return Ok(Asked::Ended(Ended::Quit)),
            Answer::Skip => return Ok(Asked::Skipped),
            Answer::Edit => {
                let desk = Desk::read(&session.repository)?;
                if let Err(error) = edit::open(context, session, &desk, std::slice::from_ref(id)) {
                    ui.error(&error);
                }
            }
            Answer::Approve if now(session, &sheet.path)? == Some(sheet.blob) => {
                return Ok(Asked::Decided(decided(Verdict::Approved)));
            }
            Answer::Approve => {
                ui.warn("it has changed since it was shown, and is not approved");
                // That must be read before the draft is shown again.
                if ui.ask("Press Enter to see it again. ").is_none() {
                    return Ok(Asked::Ended(Ended::HungUp));
                }
            }
            Answer::Reject => match ui.ask("Why? (it goes into the history; empty for no reason) ") {
                None => return Ok(Asked::Ended(Ended::HungUp)),
                Some(reason) => {
                    let reason = text::one_line(&reason, 200);
                    return Ok(Asked::Decided(decided(Verdict::Rejected { reason })));
                }
            },
            Answer::Diff | Answer::Help => {}
        }
    }
}

fn read(context: &Context, session: &Session, early: &Early, id: &DraftId) -> Result<Option<Sheet>> {
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    match desk.find(id) {
        Some(found) => {
            let own = OwnWords::at(&session.repository, desk.tip);
            Sheet::read(context, session, &desk, &snapshot, &own, early, found).map(Some)
        }
        None => Ok(None),
    }
}

/// Returns the blob that the bytes in the worktree are now; none where there is no file.
fn now(session: &Session, path: &str) -> Result<Option<ObjectId>> {
    let Some(top) = session.repository.worktree() else { return Ok(None) };
    match desk::read_here(&top.join(path)) {
        Ok(bytes) => Ok(Some(blob_id(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CommandError::system(&top.join(path), error)),
    }
}

fn tell_obstacles(ui: &Ui, obstacles: &[FileError]) {
    for obstacle in obstacles {
        ui.error(obstacle);
    }
    ui.hint("e opens it in your editor, s leaves it as it is");
}

fn show_diff(context: &Context, session: &Session, sheet: &Sheet) -> Result<()> {
    let snapshot = Snapshot::of(&session.repository)?;
    match snapshot.file(&sheet.id, "drafted", "md")? {
        Some(before) => {
            let before = String::from_utf8_lossy(&before).into_owned();
            if !diff::print(&context.ui, &sheet.path, &before, &sheet.file) {
                context.ui.out("It is as it was drafted.");
            }
        }
        None => context.ui.out("What was drafted is not in the ledger."),
    }
    Ok(())
}

fn style(ui: &Ui, options: &Options) -> Style {
    if options.plain { Style { columns: ui.columns(), form: Form::Words } } else { ui.style() }
}

fn ask(ui: &Ui, options: &Options, head: &str) -> Result<Option<Answer>> {
    let prompt = if options.plain {
        format!("Draft {head}. Type y to approve, s to skip, or ? for all letters: ")
    } else {
        ui.paint(Tone::Heading, format!("({}) Approve this? [y,e,r,s,d,q,?] ", head.replace(" of ", "/")))
    };
    loop {
        let Some(line) = ui.ask(&prompt) else {
            ui.out("");
            return Ok(None);
        };
        if let Some(answer) = answer(&line) {
            return Ok(Some(answer));
        }
        ui.out("One letter, and Enter; ? says which.");
    }
}

/// Reads an answer; what is no letter of the list is none.
fn answer(line: &str) -> Option<Answer> {
    match line.trim() {
        "y" | "Y" => Some(Answer::Approve),
        "e" | "E" => Some(Answer::Edit),
        "r" | "R" => Some(Answer::Reject),
        "s" | "S" => Some(Answer::Skip),
        "d" | "D" => Some(Answer::Diff),
        "q" | "Q" => Some(Answer::Quit),
        "?" => Some(Answer::Help),
        _ => None,
    }
}

fn help(ui: &Ui, options: &Options) {
    for (letter, does) in [
        ("y", "approve exactly the text that was shown"),
        ("e", "open it in your editor, and show it again"),
        ("r", "reject it; you are asked why"),
        ("s", "skip it; it waits on"),
        ("d", "show what was changed since it was drafted"),
        ("q", "quit; you are asked whether what you decided is committed"),
        ("?", "show this"),
    ] {
        if options.plain {
            ui.out(format!("{letter}: {does}."));
        } else {
            ui.lines(&[vec![span(Look::Strong, letter), span(Look::Plain, &format!(" - {does}"))]]);
        }
    }
    ui.out("Nothing is written before the end, and then in one commit; Ctrl-C leaves all as it is.");
}

/// Tells whether what was decided is to be committed; whoever quits is asked.
fn wants_commit(ui: &Ui, ended: &Ended, decisions: &[Decision]) -> Result<bool> {
    if decisions.is_empty() {
        return Ok(false);
    }
    match ended {
        Ended::Asked => Ok(true),
        Ended::HungUp => Ok(false),
        Ended::Quit => loop {
            let line = ui.ask(format!("Commit what you decided ({})? [y,n] ", summary(decisions)));
            match line.as_deref().map(str::trim) {
                Some("y" | "Y") => return Ok(true),
                Some("n" | "N") | None => return Ok(false),
                Some(_) => {}
            }
        },
    }
}

/// Counts decisions: `2 approved, 1 rejected`.
fn summary(decisions: &[Decision]) -> String {
    let approved = decisions.iter().filter(|decision| matches!(decision.verdict, Verdict::Approved)).count();
    let parts = [(approved, "approved"), (decisions.len() - approved, "rejected")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// Carries out what was decided, in one commit of just these files.
fn commit(context: &Context, session: &Session, decisions: Vec<Decision>) -> Result<Exit> {
    let ui = &context.ui;
    refuse_elsewhere(context, session, &Desk::read(&session.repository)?)?;
    let mut kept = Vec::new();
    for decision in decisions {
        let is_same = now(session, &decision.path)? == Some(decision.blob);
        kept.push((decision, is_same));
    }
    let wanted: Vec<(String, Wanted)> = kept
        .iter()
        .filter(|(_, is_same)| *is_same)
        .map(|(decision, _)| (decision.path.clone(), decision.verdict.wanted()))
        .collect();
    let changed = staging::change(context, session, &wanted)?;
    // An editor may have saved between the look and the word.
    for (decision, is_same) in &mut kept {
        *is_same = *is_same && is_as_shown(session, &changed, decision)?;
    }
    let (done, others): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(_, is_same)| *is_same);
    let done: Vec<Decision> = done.into_iter().map(|(decision, _)| decision).collect();
    changed.take_back(context, |path| others.iter().any(|(decision, _)| decision.path == path));
    for (decision, _) in &others {
        ui.warn(format!("{} has changed since it was shown, and is left as it is", decision.path));
    }
    let exit = if others.is_empty() { Exit::Done } else { Exit::NeedsYou };
    if exit == Exit::NeedsYou {
        ui.hint("look again: `git drafts review`");
    }
    if done.is_empty() {
        ui.say("nothing was committed");
        return Ok(exit);
    }
    let mut shown = Vec::new();
    for decision in &done {
        match (&decision.verdict, changed.staged(&decision.path)) {
            (Verdict::Approved, Some(blob)) => shown.push((decision.path.clone(), blob)),
            (Verdict::Rejected { reason }, _) if !reason.is_empty() => {
                reject::note_reason(session, &decision.id, reason)?;
            }
            (Verdict::Approved | Verdict::Rejected { .. }, _) => {}
        }
    }
    let paths: Vec<String> = done.iter().map(|decision| decision.path.clone()).collect();
    if approve::commit(session, &changed, &paths, &shown, &subject(&done))? {
        return Ok(exit);
    }
    ui.say("nothing was committed");
    // Ten decisions are not to be made anew because of one that a hook refuses.
    let git = staging::git(context, session);
    ui.hint(&format!(
        "what you decided is staged: mend what was said and `{git} commit`, or take it back: \
         `{git} restore --staged --worktree {}`",
        staging::words(paths.iter().map(String::as_str))
    ));
    Ok(Exit::NeedsYou)
}

/// Tells whether what was changed is the text that was shown, and what is staged of an approved one is that
/// with another status.
fn is_as_shown(session: &Session, changed: &Changed<'_>, decision: &Decision) -> Result<bool> {
    let Some(before) = changed.before(&decision.path).filter(|bytes| blob_id(bytes) == decision.blob) else {
        return Ok(false);
    };
    match (&decision.verdict, changed.staged(&decision.path)) {
        (Verdict::Rejected { .. }, staged) => Ok(staged.is_none()),
        (Verdict::Approved, None) => Ok(false),
        (Verdict::Approved, Some(staged)) => {
            let shown = String::from_utf8_lossy(before);
            let wanted = draft::with_status(&decision.path, &shown, Status::Approved)?;
            let staged = session.repository.read(staged)?;
            Ok(with_line_feeds(&String::from_utf8_lossy(&staged)) == with_line_feeds(&wanted))
        }
    }
}

/// git may write line ends another way than an editor does.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Writes the commit's message.
fn subject(done: &[Decision]) -> String {
    let approved: Vec<&Decision> =
        done.iter().filter(|decision| matches!(decision.verdict, Verdict::Approved)).collect();
    let rejected = done.len() - approved.len();
    match (&approved[..], rejected) {
        ([], 1) => "Reject a draft".to_owned(),
        ([], several) => format!("Reject {several} drafts"),
        ([one], 0) => format!("Approve \"{}\"", text::one_line(&one.subject, 60)),
        (several, 0) => format!("Approve {} drafts", several.len()),
        (several, rejected) => format!("Approve {}, reject {rejected}", counted(several.len(), "draft")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_letters_of_the_list_are_answers() {
        assert_eq!(answer(" y\n"), Some(Answer::Approve));
        assert_eq!(answer("?"), Some(Answer::Help));
        for other in ["", "yes", "yy", "n", "1", "\u{1b}[A", "ye"] {
            assert_eq!(answer(other), None, "{other:?}");
        }
    }
}
