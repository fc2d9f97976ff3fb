//! Shows one draft: as its file, or as the exact bytes that would leave.

use super::early::Early;
use super::errands::{self, rendered};
use super::judgement::{self, Case, Stop};
use super::leaving::{self, Leaving};
use super::links::{self, OwnWords};
use super::secrets::{self, Make};
use super::sheet::{self, Sheet};
use super::wire::Connectors;
use super::{CommandError, Context, Exit, Result, Session, here, strays};
use crate::config::TransportKind;
use crate::connector::folder::outbox::Format;
use crate::connector::{folder, forge, mail};
use crate::delivery::{OnDesk, generation};
use crate::desk::{self, Desk};
use crate::draft::Draft;
use crate::entry::{Fact, claim, drafted};
use crate::errand::Errand;
use crate::git::objects::blob_id;
use crate::id::DraftId;
use crate::ledger::{Ledger, Snapshot};
use crate::outgoing::{Attachment, Key, Outgoing};
use crate::render;
use crate::text;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The draft, by the first letters of its id or by its file.
    pub id: String,
    /// Print the exact bytes that would leave.
    pub outgoing: bool,
    /// Print what a language model was asked.
    pub prompt: bool,
    /// Print it laid out for reading; as its file if not.
    pub rendered: bool,
}

/// Runs the command.
pub fn run(context: &Context, options: &Options) -> Result<Exit> {
    let session = Session::open(context)?;
    let desk = Desk::read(&session.repository)?;
    let snapshot = Snapshot::of(&session.repository)?;
    let id = session.resolve(&desk, &snapshot, &options.id)?;
    if options.outgoing {
        context.ui.raw(&outgoing_bytes(context, &session, &desk, &id)?);
        return Ok(Exit::Done);
    }
    if options.prompt {
        context.ui.raw(text::visible(&prompt(&snapshot, &id)?).as_bytes());
        return Ok(Exit::Done);
    }
    if options.rendered {
        show_sheet(context, &session, &desk, &snapshot, &id)?;
        tell_staged(context, &session, &desk, &id)?;
        tell_approval(context, &session, &desk, &snapshot, &id)?;
        tell_secrets(context, &session, &desk, &snapshot, &id)?;
        return Ok(Exit::Done);
    }
    let (path, file) = current(&session, &desk, &snapshot, &id)?;
    context.ui.raw(text::visible(&file).as_bytes());
    if let (Ok(found), Some(policy)) = (Draft::parse(&path, &file), session.believed_policy()) {
        let own = OwnWords::at(&session.repository, desk.tip);
        let outside = links::outside(&own, &snapshot, &[&policy], &found)?;
        outside.iter().for_each(|link| context.ui.warn(links::said(link)));
    }
    tell_staged(context, &session, &desk, &id)?;
    tell_approval(context, &session, &desk, &snapshot, &id)?;
    tell_secrets(context, &session, &desk, &snapshot, &id)?;
    Ok(Exit::Done)
}

/// Shows a draft as `review` does, and what was changed in it.
fn show_sheet(
    context: &Context,
    session: &Session,
    desk: &Desk,
    snapshot: &Snapshot<'_>,
    id: &DraftId,
) -> Result<()> {
    let sheet = match desk.find(id) {
        Some(found) => {
            let own = OwnWords::at(&session.repository, desk.tip);
            Sheet::read(context, session, desk, snapshot, &own, &Early::load(context), found)?
        }
        None => {
            let (path, file) = current(session, desk, snapshot, id)?;
            Sheet::kept(id, path, file, &snapshot.story(id)?)
        }
    };
    let style = context.ui.style();
    context.ui.lines(&sheet.lines("", context.now(), style));
    if let Some(before) = snapshot.file(id, "drafted", "md")? {
        let changes = sheet::changes(&String::from_utf8_lossy(&before), &sheet.file, style);
        if !changes.is_empty() {
            context.ui.out("");
            context.ui.lines(&changes);
        }
    }
    Ok(())
}

/// Returns what a language model was asked before this draft was made.
fn prompt(snapshot: &Snapshot<'_>, id: &DraftId) -> Result<String> {
    let story = snapshot.story(id)?;
    // The last draft's own: of one before it, another may have been asked.
    let number =
        story.iter().rposition(|entry| matches!(entry.fact, Fact::Drafted(_))).map(|index| index + 1);
    if let Some(number) = number
        && let Some(bytes) = snapshot.file_of(id, number, "drafted", "prompt")?
    {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    Err(match drafted(&story).and_then(|drafted| drafted.prompt.as_ref()) {
        Some(digest) => CommandError::Refused {
            what: format!("the prompt of {id} was not kept ({digest})"),
            hint: Some("`context = \"none\"` in drafts.toml keeps messages out of the repository".to_owned()),
        },
        None => CommandError::Refused {
            what: format!("no language model was asked about {id}"),
            hint: Some(format!("`git drafts log {id}` tells who made it")),
        },
    })
}

/// Says beside the text that `git commit` would take another one.
pub fn tell_staged(context: &Context, session: &Session, desk: &Desk, id: &DraftId) -> Result<()> {
    if let Some(file) = desk.find(id)
        && let Some(top) = here::top(session)?
    {
        let staged = here::staged(session, &file.path);
        let here = desk::read_here(&top.join(&file.path)).ok().map(|bytes| blob_id(&bytes));
        if let Some((_, said)) = here::apart(file.blob, staged, here) {
            context.ui.warn(format!("{}: {said}", file.path));
        }
    }
    Ok(())
}

/// Says beside the text whether its approval is signed, where that was or is to be looked at.
fn tell_approval(
    context: &Context,
    session: &Session,
    desk: &Desk,
    snapshot: &Snapshot<'_>,
    id: &DraftId,
) -> Result<()> {
    let story = snapshot.story(id)?;
    let claimed = claim(&story).map(|(_, claimed)| claimed.clone());
    let claimed = match (desk.on_desk(id), session.believed_policy()) {
        (OnDesk::Approved(blob), Some(policy)) => {
            let known = secrets::load(context, session, Make::No)?;
            let case = Case {
                context,
                session,
                secrets: &known,
                desk,
                snapshot,
                policy: &policy,
                own: &OwnWords::at(&session.repository, desk.tip),
                id,
                story: &story,
                blob,
                waits: false,
            };
            match judgement::judge(&case) {
                Ok(claimed) => Some(claimed),
                Err(Stop::Held { why, .. } | Stop::Unread { why, .. }) => {
                    context.ui.say(format!("approved, and held back: {why}"));
                    None
                }
                Err(Stop::Later { .. }) => None,
            }
        }
        (OnDesk::Absent, _) => claimed,
        (OnDesk::Approved(_) | OnDesk::Draft(_) | OnDesk::Unreadable, _) => None,
    };
    if let Some(signer) = claimed.and_then(|claimed| claimed.signer) {
        context.ui.say(format!("approved, and signed by {}", text::one_line(&signer, 200)));
    }
    Ok(())
}

/// Numbers the secrets beside the text, for `git drafts allow`.
fn tell_secrets(
    context: &Context,
    session: &Session,
    desk: &Desk,
    snapshot: &Snapshot<'_>,
    id: &DraftId,
) -> Result<()> {
    let story = snapshot.story(id)?;
    // What cannot be rendered does not leave, and is told elsewhere.
    let (Some(origin), Ok(outgoing)) = (drafted(&story), outgoing(context, session, desk, id)) else {
        return Ok(());
    };
    let known = secrets::load(context, session, Make::No)?;
    leaving::tell(context, session, id, &Leaving::look(session, &known, &origin.source, &outgoing))
}

/// Returns a draft's path and text: from the worktree, else from the desk, else as it was claimed or
/// drafted.
pub fn current(
    session: &Session,
    desk: &Desk,
    snapshot: &Snapshot<'_>,
    id: &DraftId,
) -> Result<(String, String)> {
    if let Some(file) = desk.find(id) {
        let here = session.repository.worktree().and_then(|top| desk::read_here(&top.join(&file.path)).ok());
        let bytes = match here {
            Some(bytes) => bytes,
            // Its file may have been moved, and `git commit` takes it from there.
            None => match strays::look(session, desk, snapshot)?.moved.remove(id) {
                Some(moved) => return Ok(moved),
                None => session.repository.read(file.blob)?,
            },
        };
        return Ok((file.path.clone(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    for kind in ["claimed", "drafted"] {
        if let Some(bytes) = snapshot.file(id, kind, "md")? {
            return Ok((format!("{id}.md"), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Err(CommandError::Refused {
        what: format!("{id} has no text"),
        hint: Some(format!("`git drafts log {id}` tells why")),
    })
}

/// Returns the exact bytes that leave, or would leave, for a draft.
///
/// For one that was claimed these are the bytes of that claim. For one that is approved on `main` they are
/// what a claim at this moment would give: only the date can differ. For one that is neither, the
/// worktree's text is rendered, as a preview.
pub fn outgoing_bytes(context: &Context, session: &Session, desk: &Desk, id: &DraftId) -> Result<Vec<u8>> {
    let snapshot = Snapshot::of(&session.repository)?;
    let story = snapshot.story(id)?;
    let source = drafted(&story).map(|origin| origin.source.clone()).unwrap_or_default();
    let (outgoing, errand) = load(context, session, desk, id)?;
    match errand {
        Errand::Tasks(list) => return Ok(list.specs().into_bytes()),
        Errand::Change(change) => return Ok(change.diff.into_bytes()),
        Errand::Answer => {}
    }
    let transport =
        session.wiring.source(&source).map(|source| source.transport.as_str()).unwrap_or_default();
    let kind = session.wiring.transport(transport).map(|transport| &transport.kind);
    if matches!(kind, Some(TransportKind::Hub(_))) {
        let to: Vec<String> = outgoing.to.iter().map(ToString::to_string).collect();
        let head = format!(
            "Idempotency-Key: {}\nFrom: {}\nTo: {}\nThread: {}\nSubject: {}\n\n",
            outgoing.key,
            outgoing.from,
            to.join(", "),
            outgoing.thread,
            outgoing.subject
        );
        return Ok(format!("{head}{}", outgoing.text).into_bytes());
    }
    if let Some(TransportKind::Folder { format: Format::Markdown, .. }) = kind {
        return folder::wire::markdown(&outgoing).map_err(|what| CommandError::Refused { what, hint: None });
    }
    if let Some(TransportKind::Forge(forge)) = kind {
        let text = forge::wire::marked(&outgoing.text, outgoing.key.as_str())
            .map_err(|what| CommandError::Refused { what, hint: None })?;
        return Ok(format!("Comment-On: {} at {}\n\n{text}", outgoing.thread, forge.url).into_bytes());
    }
    mail::write::write(&outgoing)
        .map_err(|error| CommandError::Refused { what: error.to_string(), hint: None })
}

/// Returns what leaves, or would leave, for a draft; as [`outgoing_bytes`] has it.
pub fn outgoing(context: &Context, session: &Session, desk: &Desk, id: &DraftId) -> Result<Outgoing> {
    load(context, session, desk, id).map(|(outgoing, _)| outgoing)
}

fn load(context: &Context, session: &Session, desk: &Desk, id: &DraftId) -> Result<(Outgoing, Errand)> {
    let repository = &session.repository;
    let snapshot = Snapshot::of(repository)?;
    let story = snapshot.story(id)?;
    let Some(origin) = drafted(&story) else {
        return Err(CommandError::refused(format!("the ledger does not know {id}"), "it is not sent"));
    };
    let connectors = Connectors::new(&session.wiring, context);
    let from = connectors.our_address(&origin.source);
    let desk_id = Ledger::desk_id(repository)?.unwrap_or_default();
    let unreadable = || CommandError::refused(format!("{id} cannot be read"), "see `git drafts status`");
    Ok(match (desk.on_desk(id), claim(&story)) {
        (OnDesk::Approved(blob), claimed) if claimed.is_none_or(|(_, claimed)| claimed.blob != blob) => {
            let file = desk.find(id).ok_or_else(unreadable)?;
            let found = file.draft.as_ref().map_err(|_| unreadable())?;
            let key = Key::new(id, generation(blob, &story), &desk_id);
            let text = String::from_utf8_lossy(&repository.read(blob)?).into_owned();
            let errand = errands::of(found, &file.path, &text, &key, &story)?;
            let files = attachments(session, desk, found)?;
            (render::outgoing(key, context.now(), from, origin, found, files), errand)
        }
        (OnDesk::Absent | OnDesk::Approved(_), Some((entry, _))) => {
            let key = Key::new(id, entry.generation, &desk_id);
            rendered(repository, key, from, &story)?.ok_or_else(unreadable)?
        }
        (OnDesk::Draft(_) | OnDesk::Unreadable | OnDesk::Absent | OnDesk::Approved(_), _) => {
            let (path, file) = current(session, desk, &snapshot, id)?;
            let found = Draft::parse(&path, &file)?;
            let key =
                Key::new(id, generation(crate::git::objects::blob_id(file.as_bytes()), &story), &desk_id);
            let errand = errands::of(&found, &path, &file, &key, &story)?;
            let files = attachments(session, desk, &found)?;
            (render::outgoing(key, context.now(), from, origin, &found, files), errand)
        }
    })
}

fn attachments(session: &Session, desk: &Desk, found: &Draft) -> Result<Vec<Attachment>> {
    match judgement::attachments(&session.repository, desk.tip, found) {
        Ok(attachments) => Ok(attachments.into_iter().map(|(attachment, _)| attachment).collect()),
        Err(Stop::Held { why, hint } | Stop::Unread { why, hint }) => {
            Err(CommandError::Refused { what: why, hint })
        }
        Err(Stop::Later { why, .. }) => Err(CommandError::Refused { what: why.to_owned(), hint: None }),
    }
}
