//! Shows one draft: as its file, or as the exact bytes that would leave.

use super::wire::Connectors;
use super::{CommandError, Context, Exit, Result, Session};
use crate::config::TransportKind;
use crate::connector::mail;
use crate::desk::Desk;
use crate::draft::Draft;
use crate::entry::{claim, drafted};
use crate::id::DraftId;
use crate::ledger::Snapshot;
use crate::outgoing::{Attachment, Key};
use crate::render;
use crate::text;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The draft, by the first letters of its id or by its file.
    pub id: String,
    /// Print the exact bytes that would leave.
    pub outgoing: bool,
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
    let (_, file) = current(&session, &desk, &snapshot, &id)?;
    context.ui.raw(text::visible(&file).as_bytes());
    Ok(Exit::Done)
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
        let here = session.repository.worktree().and_then(|top| std::fs::read(top.join(&file.path)).ok());
        let bytes = match here {
            Some(bytes) => bytes,
            None => session.repository.read(file.blob)?,
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
/// For one that was claimed these are the bytes of that claim; for one that was not, those that a claim
/// at this moment would give: only date and key can differ.
pub fn outgoing_bytes(context: &Context, session: &Session, desk: &Desk, id: &DraftId) -> Result<Vec<u8>> {
    let snapshot = Snapshot::of(&session.repository)?;
    let story = snapshot.story(id)?;
    let Some(origin) = drafted(&story) else {
        return Err(CommandError::refused(format!("the ledger does not know {id}"), "it is not sent"));
    };
    let claimed = claim(&story);
    let sent = desk.find(id).is_none();
    let (path, file) = match (sent, claimed) {
        (true, Some((_, claimed))) => (
            origin.path.clone(),
            String::from_utf8_lossy(&session.repository.read(claimed.blob)?).into_owned(),
        ),
        _ => current(session, desk, &snapshot, id)?,
    };
    let draft = Draft::parse(&path, &file)?;
    let connectors = Connectors::new(&session.wiring, context.host());
    let desk_id = crate::ledger::Ledger::desk_id(&session.repository)?.unwrap_or_default();
    let (at, generation) = claimed.map_or((context.now(), 1), |(entry, _)| (entry.at, entry.generation));
    let mut attachments = Vec::new();
    for path in &draft.attach {
        let bytes = session.repository.file_at(desk.tip, path)?.ok_or_else(|| {
            CommandError::refused(
                format!("`{path}` is not committed"),
                "commit the file, or take it out of `attach`",
            )
        })?;
        let name = path.rsplit('/').next().unwrap_or(path);
        attachments.push(Attachment { name: text::one_line(name, 120), bytes });
    }
    let from = connectors.our_address(&origin.source);
    let outgoing =
        render::outgoing(Key::new(id, generation, &desk_id), at, from, origin, &draft, attachments);
    let transport = connectors.transport_of(&origin.source).unwrap_or_default();
    let is_hub = matches!(
        session.wiring.transport(&transport).map(|transport| &transport.kind),
        Some(TransportKind::Hub(_))
    );
    if is_hub {
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
    mail::write::write(&outgoing)
        .map_err(|error| CommandError::Refused { what: error.to_string(), hint: None })
}
