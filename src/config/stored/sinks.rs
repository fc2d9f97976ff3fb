//! Reads and checks `[issues]` and `[patches]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::File;
use crate::config::ForgeWiring;
use crate::config::sinks::{ISSUES, IssuesWiring, PATCHES, PatchesWiring, RestWiring};
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

    /// Refuses a transport that has the name of a sink.
    pub(super) fn check_sink_name(&self, name: &Spanned<String>) -> Result<(), FileError> {
        let word = name.get_ref();
        if ![ISSUES, PATCHES].contains(&word.as_str()) {
            return Ok(());
        }
        Err(self
            .wrong(&name.span(), format!("a transport cannot be called `{word}`"))
            .with_hint(format!("the section [{word}] says where those go; give the transport another name")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Wiring;
    use crate::config::sinks::IssuesWiring;
    use crate::error::{FileError, Hint};

    /// Reads `sections` from line 4 on.
    fn wiring(sections: &str) -> Result<Wiring, FileError> {
        let text = format!("version = 1\n[desk]\npath = \"~/drafts\"\n{sections}");
        Wiring::parse(Path::new("config.toml"), &text, Path::new("/home/sam"))
    }

    fn check(sections: &str, wrong: &str, hint: &str) {
        let error = wiring(sections).unwrap_err();
        assert_eq!(error.to_string().strip_prefix("config.toml:").unwrap(), wrong);
        assert_eq!(error.hint().unwrap_or_default(), hint);
    }

    #[test]
    fn one_line_switches_where_tasks_go() {
        let keys = "url = \"https://t.example/api\"\nrepository = \"acme/app\"\nlogin = \"sam\"\ntoken = { env = \"T\" }\n";
        let issues = |kind: &str| {
            let section = if kind.is_empty() { String::new() } else { format!("kind = \"{kind}\"\n") };
            wiring(&format!("[issues]\n{section}{keys}")).unwrap().issues.unwrap()
        };
        assert_eq!(issues(""), IssuesWiring::Null);
        assert_eq!(issues("null"), IssuesWiring::Null);
        let IssuesWiring::Rest(rest) = issues("rest") else { panic!("no tracker") };
        assert_eq!((rest.url.as_str(), rest.timeout_seconds), ("https://t.example/api", 30));
        for kind in ["forgejo", "github"] {
            let IssuesWiring::Forge(forge) = issues(kind) else { panic!("no forge") };
            assert_eq!((forge.kind.as_str(), forge.repositories[0].to_string().as_str()), (kind, "acme/app"));
        }
        assert!(wiring("").unwrap().issues.is_none() && wiring("").unwrap().patches.is_none());
        assert_eq!(wiring("[issues]\n").unwrap().issues, Some(IssuesWiring::Null));
    }

    #[test]
    fn a_mistake_about_tasks_is_named_with_its_line() {
        check("[issues]\nkind = \"rest\"\n", "4: the key `url` of `issues` is missing", "");
        check(
            "[issues]\nkind = \"github\"\nurl = \"https://x.example\"\n",
            "4: the key `login` of `issues` is missing",
            "",
        );
        check(
            "[issues]\nkind = \"forgejo\"\nurl = \"https://x.example\"\nlogin = \"sam\"\nrepository = \"app\"\n",
            "8: `app` is no repository",
            "write it as \"owner/name\"",
        );
        check("[issues]\nurl = \"ftp://x\"\n", "5: the url does not start with http:// or https://", "");
        check(
            "[issues]\nlogin = \"@sam\"\n",
            "5: `login` is no name of an account",
            "write it without the `@`",
        );
        check("[issues]\ntimeout_seconds = 0\n", "5: `timeout_seconds` is not a number from 1 to 600", "");
        check(
            "[issues]\nkind = \"jira\"\n",
            "5: `kind` cannot be `jira`",
            "it can be `null`, `rest`, `forgejo`, `github`",
        );
        let secret = wiring("[issues]\ntoken = \"s3cr3t\"\n").unwrap_err();
        assert!(secret.to_string().ends_with("5: `token` is not a reference to a secret"), "{secret}");
        let warned = wiring("[issues]\nurl = \"http://t.example\"\n").unwrap().warnings;
        assert_eq!(warned.len(), 1, "messages would cross the network unencrypted");
        check(
            "[transport.issues]\nkind = \"null\"\n",
            "4: a transport cannot be called `issues`",
            "the section [issues] says where those go; give the transport another name",
        );
    }

    #[test]
    fn patches_are_of_the_desk_unless_said_otherwise() {
        let patches = |more: &str| {
            let text = format!("[patches]\nfiles = [\"routes.toml\"]\n{more}");
            wiring(&text).unwrap().patches.unwrap().repository
        };
        assert_eq!(patches(""), Path::new("/home/sam/drafts"));
        assert_eq!(patches("repository = \"~/site\"\n"), Path::new("/home/sam/site"));
        check(
            "[patches]\n",
            "4: the key `files` is missing",
            "add the files that may be changed: `files = [\"routes.toml\"]`",
        );
        check(
            "[patches]\nfiles = []\n",
            "5: `files` is not a list of 1 to 20 files",
            "such as [\"routes.toml\"], relative to the top of the repository",
        );
        check("[patches]\nfiles = [\"a\", \"../b\"]\n", "5: the path `../b` leads elsewhere", "");
        check("[patches]\nfiles = [\"drafts.toml\"]\n", "5: `drafts.toml` is never changed by a patch", "");
    }
}
