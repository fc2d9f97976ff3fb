//! Tells what belongs where in a wiring, to whoever has put it elsewhere or has left it out.

use super::SECRET_FORMS;
use crate::error::FileError;

const SOURCE_KINDS: &str =
    "a source is of kind `maildir`, `folder`, `imap`, `hub`, `forgejo`, `github` or `program`";
const TRANSPORT_KINDS: &str = "a transport is of kind `maildir`, `folder`, `sendmail`, `smtp`, `hub`, `forgejo`, `github`, `program` or `null`";
const BRAIN_KINDS: &str = "a brain is of kind `rules`, `openai`, `anthropic`, `execute` or `exec`";

/// Adds to a mistake of the reader's what only a wiring knows.
pub(super) fn told(error: FileError, text: &str) -> FileError {
    let before = text.lines().take(error.line.unwrap_or(1));
    let section = before.filter_map(|line| line.trim().strip_prefix('[')?.split(['.', ']']).next()).last();
    let section = section.unwrap_or_default();
    if ["source", "transport", "brain"].contains(&section)
        && error.what.ends_with(&format!("is not a section of [{section}]"))
    {
        return FileError { what: format!("a {section} has no name"), ..error }
            .with_hint(format!("write the line above as [{section}.NAME], such as [{section}.mail]"));
    }
    if ["`password` is not in quotes", "`token` is not in quotes", "`key` is not in quotes"]
        .contains(&error.what.as_str())
    {
        return error.with_hint(SECRET_FORMS);
    }
    let hint = match (section, error.what.as_str()) {
        (_, "the key `desk` is missing") => {
            return FileError { what: "the section [desk] is missing".to_owned(), ..error }
                .with_hint("add `[desk]`, and below it `path = \"~/drafts\"`");
        }
        ("desk", "the key `path` is missing") => "add `path = \"~/drafts\"`, or where your drafts are",
        ("patches", "the key `files` is missing") => {
            "add the files that may be changed: `files = [\"routes.toml\"]`"
        }
        ("source", "the key `kind` is missing") => SOURCE_KINDS,
        ("transport", "the key `kind` is missing") => TRANSPORT_KINDS,
        ("brain", "the key `kind` is missing") => BRAIN_KINDS,
        ("transport", "`kind` cannot be `rest`") => {
            "answers do not go there; tasks do, by a section of their own: [issues] with `kind = \"rest\"`"
        }
        ("transport", "`kind` cannot be `imap`") => {
            "IMAP brings mail, as a source; answers go by `smtp`, `sendmail` or `maildir`"
        }
        ("source", "`kind` cannot be `smtp`" | "`kind` cannot be `sendmail`") => {
            "it takes answers, as a transport; mail comes from `imap`, `maildir` or `folder`"
        }
        ("source", "`kind` cannot be `null`") => "only a transport is; leave the source out",
        _ => return error,
    };
    error.with_hint(hint)
}
