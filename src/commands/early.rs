//! Looks for secrets in a draft that is about to be committed, and says where.
//!
//! It is a warning: the text is in the object database already, hooks can be skipped, and the sender
//! decides. It never shows a value.

use super::secrets::{self, Make};
use super::{Context, Result, Session, changes};
use crate::config::Wiring;
use crate::draft::{self, Draft};
use crate::entry::drafted;
use crate::error::FileError;
use crate::guard::allow::{Allowances, Scope};
use crate::guard::fingerprint::Fingerprints;
use crate::guard::fingerprint::Key;
use crate::guard::{Class, Secrets};
use crate::ledger::Snapshot;
use crate::plan::Action;
use crate::policy::{self, Finding, Policy};
use crate::secret::{Known, Scanner};
use crate::text::{self, toml_string};

/// What is known of secrets while git waits.
pub struct Early {
    secrets: Secrets,
    allowances: Allowances,
    /// The wiring, where it can be read.
    wiring: Option<Wiring>,
}

impl Early {
    /// Loads what there is. Where the wiring or the lists cannot be read, only shapes are looked for: a
    /// fault of ours must not stop a commit.
    pub fn load(context: &Context) -> Self {
        let loaded = || -> Result<Self> {
            let session = Session::open(context)?;
            let secrets = secrets::load(context, &session, Make::No)?;
            let allowances = secrets::allowances(&session)?;
            Ok(Self { secrets, allowances, wiring: Some(session.wiring) })
        };
        loaded().unwrap_or_else(|error| {
            tracing::debug!(%error, "only the shapes of secrets are looked for");
            let key = Key::new(&[0; Key::BYTES]);
            let secrets = Secrets {
                key,
                fingerprints: Fingerprints::default(),
                known: Known::default(),
                scanner: Scanner::default(),
            };
            Self { secrets, allowances: Allowances::default(), wiring: None }
        })
    }

    /// Returns the secrets in a draft's subject and text that nobody allowed, each with its line.
    pub fn look(
        &self,
        context: &Context,
        snapshot: &Snapshot<'_>,
        path: &str,
        file: &str,
        draft: &Draft,
    ) -> Result<Vec<(Class, FileError)>> {
        let story = snapshot.story(draft.id())?;
        let thread = drafted(&story).map(|origin| self.secrets.key.of_thread(&origin.source, &origin.thread));
        let subject = file.find("\nsubject = ").map(|at| at + 1);
        let body = file.find("\n+++\n").map(|at| at + 5);
        let body = body.and_then(|at| Some(at + file.get(at..)?.find(draft.body.as_str())?));
        let mut wrong = Vec::new();
        let mut texts = vec![(&draft.subject, subject), (&draft.body, body)];
        texts.extend(draft.tasks.iter().map(|task| (&task.title, file.find(&toml_string(&task.title)))));
        for (text, begin) in texts {
            for found in self.secrets.find(text, thread.as_deref()) {
                let fingerprint = self.secrets.key.of_value(&text[found.place.clone()]);
                if self.is_allowed(context, draft, &fingerprint) {
                    continue;
                }
                let what = format!("there is a secret in it ({})", found.kind);
                let error = FileError::new(path, what).with_hint(hint(draft, found.class));
                wrong.push((found.class, at_line(error, file, begin, &text[..found.place.start])));
            }
            for hit in self.secrets.scanner.random(text) {
                let run = &text[hit.start..hit.end];
                // What the message says itself is no news to whoever wrote it.
                let is_quoted = draft.context.contains(run);
                if is_quoted || self.is_allowed(context, draft, &self.secrets.key.of_value(run)) {
                    continue;
                }
                let what = "a long random word stands in it, as keys and tokens are";
                let error =
                    FileError::new(path, what).with_hint("nothing holds it: look whether it may leave");
                wrong.push((Class::Soft, at_line(error, file, begin, &text[..hit.start])));
            }
        }
        Ok(wrong)
    }

    /// Names the recipients that an answer which goes by mail cannot reach.
    pub fn no_mail(&self, path: &str, file: &str, draft: &Draft) -> Vec<FileError> {
        self.wiring.as_ref().map(|wiring| no_mail(wiring, path, file, draft)).unwrap_or_default()
    }

    /// Says what is wrong with tasks or a change that are about to be approved.
    pub fn errand(
        &self,
        snapshot: &Snapshot<'_>,
        policy: &Policy,
        path: &str,
        file: &str,
        draft: &Draft,
    ) -> Result<Vec<FileError>> {
        let wrong = |word: &str, what: String, hint: &str| {
            FileError::new(path, what).with_hint(hint).at(line_of(file, word))
        };
        let mut found = Vec::new();
        for label in policy::unknown_labels(policy, &draft.tasks) {
            let what = Finding::UnknownLabel(text::one_line(&label, 60)).to_string();
            found.push(wrong(&label, what, "take it out, or add it to `[issues] labels` in drafts.toml"));
        }
        let drafted = snapshot.file(draft.id(), "drafted", "md")?.unwrap_or_default();
        if let Ok(drafted) = Draft::parse(path, &String::from_utf8_lossy(&drafted))
            && let Some(key) = draft::new_task_key(&drafted, draft)
        {
            let what = format!("there was no task `{}` when it was drafted", text::one_line(key, 60));
            found.push(wrong(key, what, "put the old key back, or take the task out"));
        }
        if let (Action::Patch, Some(wiring)) = (draft.machine.action, &self.wiring) {
            found.extend(changes::flaw(wiring, draft, path, file));
        }
        Ok(found)
    }

    /// Tells whether a line may allow it; whether it does for these very words, the sender looks.
    fn is_allowed(&self, context: &Context, draft: &Draft, fingerprint: &str) -> bool {
        let about = |scope: &Scope| match scope {
            Scope::Once { draft: id, .. } | Scope::Here { draft: id } => id == draft.id().as_str(),
            Scope::Always { expires } => context.now() < *expires,
        };
        self.allowances.0.iter().any(|line| line.fingerprint == fingerprint && about(&line.scope))
    }
}

/// Names the recipients of a draft that mail cannot be sent to, where its answer goes by mail.
pub fn no_mail(wiring: &Wiring, path: &str, file: &str, draft: &Draft) -> Vec<FileError> {
    if !wiring.answers_by_mail(&draft.machine.source) {
        return Vec::new();
    }
    let wrong = draft.to.iter().chain(&draft.cc).filter(|address| !address.is_mail());
    wrong
        .map(|address| {
            let what = format!("`{}` is not an e-mail address", text::one_line(&address.email, 60));
            let error = FileError::new(path, what)
                .with_hint("write one address an item: \"Ada Brown <ada@example.org>\"");
            error.at(line_of(file, &address.to_string()))
        })
        .collect()
}

/// Names the recipients of a draft whom the message that it answers does not name.
pub fn strangers(snapshot: &Snapshot<'_>, path: &str, file: &str, draft: &Draft) -> Result<Vec<FileError>> {
    let story = snapshot.story(draft.id())?;
    let Some(origin) = drafted(&story) else { return Ok(Vec::new()) };
    let addresses = policy::stranger_addresses(draft, &origin.to, &origin.cc);
    let said = addresses.into_iter().map(|address| {
        let shown = text::one_line(&address.email, 80);
        let what = format!("{shown} is a stranger: the message does not name them");
        let error =
            FileError::new(path, what).with_hint("look at each letter of it; if it is right, leave it");
        error.at(line_of(file, &address.to_string()))
    });
    Ok(said.collect())
}

/// Returns the line on which a file has a text as a string of TOML, counted from 1.
fn line_of(file: &str, text: &str) -> Option<usize> {
    let written = toml_string(text);
    file.lines().position(|line| line.contains(&written)).map(|index| index + 1)
}

/// Adds the line of a file at which a part of it, and a text in that part, ends.
fn at_line(error: FileError, file: &str, begin: Option<usize>, before: &str) -> FileError {
    match begin.and_then(|begin| file.get(..begin)) {
        Some(part) => error.at(1 + part.matches('\n').count() + before.matches('\n').count()),
        None => error,
    }
}

fn hint(draft: &Draft, class: Class) -> String {
    let allow = format!("`git drafts allow {} --reason WHY`", draft.id().first(4));
    match class {
        Class::Known => "take it out; a known secret is never sent".to_owned(),
        Class::Hard => {
            format!("take it out, and change it where it is used; if it is none: {allow}")
        }
        Class::Soft => format!("take it out, or it is held; if it is none: {allow}"),
    }
}
