//! Looks at the exact bytes that would leave, and says which secrets are in them and what a person
//! allows of that.
//!
//! It decides nothing by what a hook said, and nothing by what is written in the text itself: a
//! comment such as `gitleaks:allow` is text.

use super::judgement::Stop;
use super::secrets::{self, Make, Writer};
use super::wire::Connectors;
use super::{Context, Result, Session};
use crate::config::TransportKind;
use crate::connector::mail;
use crate::entry::Drafted;
use crate::guard::allow::{About, Allowance, Allowances};
use crate::guard::fingerprint::Key;
use crate::guard::{self, Class, Leak, Secrets, View};
use crate::id::DraftId;
use crate::message::Address;
use crate::outgoing::Outgoing;

/// What is in an answer.
pub struct Leaving {
    /// The secrets in it; number 1 is the first.
    pub leaks: Vec<Leak>,
    /// The keyed hash of its words and recipients.
    pub content: String,
}

impl Leaving {
    /// Looks at an answer as its receiver will get it.
    pub fn look(session: &Session, secrets: &Secrets, source: &str, outgoing: &Outgoing) -> Self {
        let thread = secrets.key.of_thread(source, &outgoing.thread);
        let leaks = guard::leaks(secrets, &views(session, source, outgoing), Some(&thread));
        Self { leaks, content: content(&secrets.key, outgoing) }
    }

    /// Returns each secret with the line that allows it, if one does.
    pub fn allowed<'a>(
        &'a self,
        context: &Context,
        id: &DraftId,
        list: &'a Allowances,
    ) -> Vec<(&'a Leak, Option<&'a Allowance>)> {
        let about = About { draft: id.as_str(), content: &self.content, now: context.now() };
        self.leaks.iter().map(|leak| (leak, list.permits(leak, &about))).collect()
    }
}

/// Returns what is known of secrets, with the credentials of whatever is about to leave. The caller holds
/// the sender's lock.
pub async fn known(
    context: &Context,
    session: &Session,
    connectors: &mut Connectors<'_>,
    leaving: &[&Drafted],
) -> Result<Secrets> {
    for origin in leaving {
        connectors.open_for(origin).await;
    }
    let mut secrets = secrets::load(context, session, Make::Yes)?;
    secrets::note(context, session, &mut secrets, Writer::Send, &[])?;
    Ok(secrets)
}

/// Returns what a person allowed as far as this answer needs it, one line each.
///
/// # Errors
/// There is a secret in it that nobody allowed, or that nobody may.
pub fn check(
    context: &Context,
    session: &Session,
    secrets: &Secrets,
    id: &DraftId,
    source: &str,
    outgoing: &Outgoing,
) -> std::result::Result<Vec<String>, Stop> {
    let leaving = Leaving::look(session, secrets, source, outgoing);
    if leaving.leaks.is_empty() {
        return Ok(Vec::new());
    }
    let list = secrets::allowances(session)?;
    let mut overrides = Vec::new();
    for (number, (leak, line)) in leaving.allowed(context, id, &list).into_iter().enumerate() {
        match line {
            Some(line) => overrides.push(line.told()),
            None => {
                let hint = hint(id, number + 1, leaving.leaks.len(), leak.class);
                return Err(Stop::Held { why: leak.to_string(), hint: Some(hint) });
            }
        }
    }
    Ok(overrides)
}

/// Says what to do about a secret.
fn hint(id: &DraftId, number: usize, count: usize, class: Class) -> String {
    let finding = if count > 1 { format!(" --finding {number}") } else { String::new() };
    let allow = format!("`git drafts allow {}{finding} --reason WHY`", id.first(4));
    match class {
        Class::Known => "take it out; a known secret is never sent, and nobody can allow it".to_owned(),
        Class::Hard => format!(
            "take it out, and change it where it is used: it is in the history now; if it is none: {allow}"
        ),
        Class::Soft => format!("take it out; if it is none: {allow}"),
    }
}

/// Returns what the receiver of an answer can read.
fn views(session: &Session, source: &str, outgoing: &Outgoing) -> Vec<View> {
    let transport = session.wiring.source(source).map(|source| source.transport.as_str()).unwrap_or_default();
    let is_mail = !matches!(
        session.wiring.transport(transport).map(|transport| &transport.kind),
        Some(TransportKind::Hub(_) | TransportKind::Forge(_))
    );
    if is_mail
        && let Ok(bytes) = mail::write::write(outgoing)
        && let Some(mut views) = mail::views::views(&bytes)
    {
        // A file of Markdown and a program are told which message it answers, whatever its id is.
        if outgoing.in_reply_to.is_none() {
            views.push(View::prose("the id of the answered message", &outgoing.answers));
        }
        return views;
    }
    // A hub and a forge get these as they are; what cannot be written as a mail leaves as none.
    let people: Vec<String> = outgoing.to.iter().chain(&outgoing.cc).map(Address::to_string).collect();
    let mut views = vec![
        View::prose("the subject", &outgoing.subject),
        View::prose("the recipients", people.join(", ")),
        View::prose("the text", &outgoing.text),
        View::prose("the thread", &outgoing.thread),
    ];
    for attachment in &outgoing.attachments {
        views.push(View::bytes(format!("`{}`", attachment.name), &attachment.bytes));
        views.push(View::prose("the name of an attachment", &attachment.name));
    }
    views
}

/// Returns the keyed hash of what leaves, whenever it does.
fn content(key: &Key, outgoing: &Outgoing) -> String {
    let people: Vec<String> = outgoing.to.iter().map(Address::to_string).collect();
    let others: Vec<String> = outgoing.cc.iter().map(Address::to_string).collect();
    let (people, others) = (people.join("\n"), others.join("\n"));
    let mut parts: Vec<&[u8]> =
        vec![people.as_bytes(), others.as_bytes(), outgoing.subject.as_bytes(), outgoing.text.as_bytes()];
    for attachment in &outgoing.attachments {
        parts.extend([attachment.name.as_bytes(), &attachment.bytes]);
    }
    key.of_content(&parts)
}

/// Tells each secret in an answer with its number, and whether it is allowed.
pub fn tell(context: &Context, session: &Session, id: &DraftId, leaving: &Leaving) -> Result<()> {
    let list = secrets::allowances(session)?;
    for (number, (leak, line)) in leaving.allowed(context, id, &list).into_iter().enumerate() {
        let state = match (line, leak.class) {
            (Some(line), _) => format!("allowed: {}", line.told()),
            (None, Class::Known) => "held; a known secret cannot be allowed".to_owned(),
            (None, Class::Hard) => "held; it can be allowed once".to_owned(),
            (None, Class::Soft) => "held until it is allowed".to_owned(),
        };
        context.ui.say(format!("finding {}: {} in {}: {state}", number + 1, leak.kind, leak.place));
    }
    Ok(())
}
