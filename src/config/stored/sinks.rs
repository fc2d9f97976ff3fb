//! Reads and checks `[issues]` and `[patches]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::File;
use crate::config::sinks::{ISSUES, IssuesWiring, PATCHES, PatchesWiring, RestWiring};
use crate::config::{ForgeWiring, TransportWiring};
use crate::connector::forge::settings::{Kind, Repository};
use crate::error::FileError;
use crate::patch;
use crate::policy;
use crate::text;

const ISSUES_SECONDS: u64 = 30;

/// The most files that patches may change: a language model is shown all of them.
const FILES_MAX: usize = 20;

/// The keys of every kind may stand there whatever `kind` says, so that it is all that a switch changes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct StoredIssues {
    kind: Option<Spanned<IssuesWord>>,
    url: Option<Spanned<String>>,
    token: Option<Spanned<Value>>,
    repository: Option<Spanned<String>>,
    login: Option<Spanned<String>>,
    timeout_seconds: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IssuesWord {
    Null,
    Rest,
    Forgejo,
    #[serde(rename = "github")]
    GitHub,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct StoredPatches {
    repository: Option<Spanned<String>>,
    files: Spanned<Vec<Spanned<String>>>,
}

impl File<'_> {
    pub(super) fn issues(
        &self,
        stored: &Spanned<StoredIssues>,
        warnings: &mut Vec<FileError>,
    ) -> Result<IssuesWiring, FileError> {
        let name = Spanned::new(stored.span(), ISSUES.to_owned());
        let stored = stored.get_ref();
        let token = stored.token.as_ref().map(|token| self.secret("token", token)).transpose()?;
        let timeout_seconds =
            self.count(&stored.timeout_seconds, "timeout_seconds", 1..=600, ISSUES_SECONDS as usize)? as u64;
        if let Some(url) = &stored.url {
            self.check_url(&name, url, warnings)?;
        }
        if let Some(login) = &stored.login {
            self.check_login(login)?;
        }
        match stored.kind.as_ref().map(Spanned::get_ref) {
            None | Some(IssuesWord::Null) => Ok(IssuesWiring::Null),
            Some(IssuesWord::Rest) => {
                let url = self.required(&stored.url, "url", &name)?.get_ref().clone();
                Ok(IssuesWiring::Rest(RestWiring { url, token, timeout_seconds }))
            }
            Some(word @ (IssuesWord::Forgejo | IssuesWord::GitHub)) => {
                let kind = if matches!(word, IssuesWord::GitHub) { Kind::GitHub } else { Kind::Forgejo };
                let url = self.required(&stored.url, "url", &name)?.get_ref().clone();
                let login = self.required(&stored.login, "login", &name)?.get_ref().clone();
                let repository = self.required(&stored.repository, "repository", &name)?;
                let Some(repository) = Repository::parse(repository.get_ref()) else {
                    let shown = text::one_line(repository.get_ref(), 80);
                    return Err(self
                        .wrong(&repository.span(), format!("`{shown}` is no repository"))
                        .with_hint("write it as \"owner/name\""));
                };
                Ok(IssuesWiring::Forge(Box::new(ForgeWiring {
                    kind,
                    url,
                    login,
                    token,
                    repositories: vec![repository],
                    take: Vec::new(),
                    to: None,
                    timeout_seconds,
                })))
            }
        }
    }

    pub(super) fn patches(&self, stored: &StoredPatches, desk: &Path) -> Result<PatchesWiring, FileError> {
        let repository: PathBuf =
            stored.repository.as_ref().map_or_else(|| Ok(desk.to_owned()), |path| self.path_of(path))?;
        let files = stored.files.get_ref();
        if files.is_empty() || files.len() > FILES_MAX {
            let what = format!("`files` is not a list of 1 to {FILES_MAX} files");
            return Err(self
                .wrong(&stored.files.span(), what)
                .with_hint("such as [\"routes.toml\"], relative to the top of the repository"));
        }
        for file in files {
            let path = file.get_ref();
            let shown = text::one_line(path, 80);
            if let Some(why) = patch::wrong_path(path) {
                return Err(self.wrong(&file.span(), format!("the path `{shown}` {why}")));
            }
            // Nothing under review may loosen its own gate.
            if path == policy::FILE || path.starts_with("drafts/") {
                return Err(self.wrong(&file.span(), format!("`{shown}` is never changed by a patch")));
            }
        }
        Ok(PatchesWiring { repository, files: files.iter().map(|file| file.get_ref().clone()).collect() })
    }

    /// Refuses transports that have the name of a sink.
    pub(super) fn check_sink_names(&self, transports: &[TransportWiring]) -> Result<(), FileError> {
        match transports.iter().find(|transport| [ISSUES, PATCHES].contains(&transport.name.as_str())) {
            None => Ok(()),
            Some(transport) => {
                let what = format!("a transport cannot be called `{}`", transport.name);
                Err(FileError::new(self.path.as_str(), what).with_hint(format!(
                    "the section [{}] says where those go; give the transport another name",
                    transport.name
                )))
            }
        }
    }
}
