//! Reads the sections of forges, and checks that the answers of a source have a way to go.

use toml::Spanned;

use super::{File, listed};
use crate::config::format::{Section, SourceWord, TransportWord};
use crate::config::{ForgeWiring, SourceKind, SourceWiring, TransportKind, TransportWiring};
use crate::connector::folder::outbox::Format;
use crate::connector::forge::settings::{Kind, Repository, TIMEOUT, Take};
use crate::error::FileError;
use crate::message::Address;
use crate::text;

const KEYS: [&str; 5] = ["url", "login", "token", "repositories", "timeout_seconds"];

/// The most repositories of one forge: each costs two requests at least.
const REPOSITORIES_MAX: usize = 200;

/// What is taken where the wiring does not say.
const TAKE: [Take; 2] = [Take::Mentions, Take::Assigned];

/// Tells whether the answers of a source of a forge are comments that it makes itself.
pub fn comments_itself(section: &Section<SourceWord>) -> bool {
    section.comment.as_ref().is_some_and(|comment| *comment.get_ref())
}

impl File<'_> {
    pub fn forge_source(
        &self,
        name: &Spanned<String>,
        section: &Section<SourceWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<ForgeWiring, FileError> {
        let (kind, article) = match section.kind.get_ref() {
            SourceWord::GitHub => (Kind::GitHub, "`github` source"),
            _ => (Kind::Forgejo, "`forgejo` source"),
        };
        let keys = [&KEYS[..], &["take", "comment", "to", "transport", "brain"]].concat();
        self.check_keys(section, article, &keys)?;
        match (comments_itself(section), &section.transport) {
            (true, Some(transport)) => {
                let what = format!(
                    "`{}` comments itself and has a transport, and either may be meant",
                    name.get_ref()
                );
                return Err(self
                    .wrong(&transport.span(), what)
                    .with_hint("take `comment` or `transport` out"));
            }
            (false, None) => {
                return Err(self
                    .wrong(&name.span(), format!("the answers of `{}` have nowhere to go", name.get_ref()))
                    .with_hint(
                        "name a `transport`, such as a hub, or set `comment = true` to answer in the thread, where everybody reads it",
                    ));
            }
            (true, None) | (false, Some(_)) => {}
        }
        let take = match &section.take {
            None => TAKE.to_vec(),
            Some(words) => self.take(words)?,
        };
        let to = match &section.to {
            None => None,
            Some(to) => Some(Address::parse(to.get_ref()).ok_or_else(|| {
                self.wrong(&to.span(), "`to` names nobody").with_hint("write it as \"planner\"")
            })?),
        };
        Ok(ForgeWiring { take, to, ..self.forge(name, kind, section, warnings)? })
    }

    pub fn forge_transport(
        &self,
        name: &Spanned<String>,
        section: &Section<TransportWord>,
        warnings: &mut Vec<FileError>,
    ) -> Result<ForgeWiring, FileError> {
        let (kind, article) = match section.kind.get_ref() {
            TransportWord::GitHub => (Kind::GitHub, "`github` transport"),
            _ => (Kind::Forgejo, "`forgejo` transport"),
        };
        self.check_keys(section, article, &KEYS)?;
        self.forge(name, kind, section, warnings)
    }

    /// Returns the transport by which a source comments itself.
    pub fn own_comments(
        &self,
        name: &Spanned<String>,
        forge: &ForgeWiring,
        transports: &[TransportWiring],
    ) -> Result<TransportWiring, FileError> {
        if transports.iter().any(|transport| transport.name == *name.get_ref()) {
            let what = format!("`{}` comments itself and is a transport, too", name.get_ref());
            return Err(self.wrong(&name.span(), what).with_hint("rename one of them"));
        }
        let kind = TransportKind::Forge(Box::new(forge.clone()));
        Ok(TransportWiring { name: name.get_ref().clone(), kind })
    }

    /// Checks that what a source's answers have suits the way that they go: a thread, or a recipient.
    pub fn check_way(
        &self,
        source: &SourceWiring,
        section: &Section<SourceWord>,
        transports: &[TransportWiring],
    ) -> Result<(), FileError> {
        let Some(transport) = transports.iter().find(|transport| transport.name == source.transport) else {
            return Ok(());
        };
        let at =
            |span: &Option<Spanned<String>>| span.as_ref().map_or_else(|| section.kind.span(), Spanned::span);
        match (&source.kind, &transport.kind) {
            (SourceKind::Forge(from), TransportKind::Forge(to)) => {
                if from.kind != to.kind || from.url.trim_end_matches('/') != to.url.trim_end_matches('/') {
                    let what = format!("`{}` is another forge, where these threads are not", transport.name);
                    return Err(self.wrong(&at(&section.transport), what));
                }
                let missing =
                    from.repositories.iter().find(|one| !to.repositories.iter().any(|other| other.is(one)));
                if let Some(missing) = missing {
                    let what = format!("`{}` may not comment in {missing}", transport.name);
                    return Err(self
                        .wrong(&at(&section.transport), what)
                        .with_hint(format!("add it to the `repositories` of `{}`", transport.name)));
                }
                if let Some(to) = &section.to {
                    let what = "`to` means nothing here: a comment answers whoever wrote";
                    return Err(self.wrong(&to.span(), what).with_hint("take it out"));
                }
                Ok(())
            }
            (_, TransportKind::Forge(_)) => {
                let what = format!(
                    "`{}` comments on a forge, and nothing of `{}` stands there",
                    transport.name, source.name
                );
                Err(self.wrong(&at(&section.transport), what))
            }
            (SourceKind::Forge(_), TransportKind::Hub(_)) if section.to.is_none() => {
                let what = format!("nobody on `{}` is named who gets the answers", transport.name);
                Err(self.wrong(&at(&section.transport), what).with_hint(format!(
                    "add `to = \"planner\"`, an agent there, to [source.{}]",
                    source.name
                )))
            }
            (
                SourceKind::Forge(_),
                TransportKind::Maildir { .. }
                | TransportKind::Sendmail { .. }
                | TransportKind::Smtp(_)
                | TransportKind::Folder { format: Format::Mail, .. },
            ) => {
                let what =
                    format!("`{}` takes mail, and an account on a forge has no address", transport.name);
                Err(self
                    .wrong(&at(&section.transport), what)
                    .with_hint("use a hub, a folder of Markdown, `null`, or `comment = true`"))
            }
            // All other pairs are their own connectors' business.
            _ => Ok(()),
        }
    }

    fn forge<K>(
        &self,
        name: &Spanned<String>,
        kind: Kind,
        section: &Section<K>,
        warnings: &mut Vec<FileError>,
    ) -> Result<ForgeWiring, FileError> {
        let example = match kind {
            Kind::Forgejo => "https://codeberg.org/api/v1",
            Kind::GitHub => "https://api.github.com",
        };
        let url = self.required(&section.url, "url", name).map_err(|error| {
            error.with_hint(format!("there is no default; it is that of the API, such as \"{example}\""))
        })?;
        self.check_url(name, url, warnings)?;
        let login = self.required(&section.login, "login", name)?;
        self.check_login(login)?;
        let repositories = self.required(&section.repositories, "repositories", name)?;
        let token = section.token.as_ref().map(|token| self.secret("token", token)).transpose()?;
        Ok(ForgeWiring {
            kind,
            url: url.get_ref().clone(),
            login: login.get_ref().clone(),
            token,
            repositories: self.repositories(repositories)?,
            take: Vec::new(),
            to: None,
            timeout_seconds: self.timeout_seconds(section, TIMEOUT.as_secs())?,
        })
    }

    /// Refuses a login that is no name of an account.
    pub fn check_login(&self, login: &Spanned<String>) -> Result<(), FileError> {
        let known = Address::parse(login.get_ref()).is_some_and(|address| address.email == *login.get_ref());
        if known && !login.get_ref().contains(['@', '/']) {
            return Ok(());
        }
        Err(self
            .wrong(&login.span(), "`login` is no name of an account")
            .with_hint("write it without the `@`"))
    }

    fn repositories(&self, stored: &Spanned<Vec<String>>) -> Result<Vec<Repository>, FileError> {
        let wrong =
            |what: String| Err(self.wrong(&stored.span(), what).with_hint("write it as [\"owner/name\"]"));
        let mut repositories: Vec<Repository> = Vec::new();
        for text in stored.get_ref() {
            match Repository::parse(text) {
                Some(one) if repositories.iter().any(|other| other.is(&one)) => {}
                Some(one) => repositories.push(one),
                None => return wrong(format!("`{}` is no repository", text::one_line(text, 80))),
            }
        }
        match repositories.len() {
            0 => wrong("`repositories` names none".to_owned()),
            1..=REPOSITORIES_MAX => Ok(repositories),
            _ => wrong(format!("`repositories` names more than {REPOSITORIES_MAX}")),
        }
    }

    fn take(&self, stored: &Spanned<Vec<String>>) -> Result<Vec<Take>, FileError> {
        let words = Take::ALL.map(Take::as_str);
        let mut taken = Vec::new();
        for word in stored.get_ref() {
            match Take::ALL.into_iter().find(|take| take.as_str() == word) {
                Some(take) if taken.contains(&take) => {}
                Some(take) => taken.push(take),
                None => {
                    let what = format!("`{}` is nothing that can be taken", text::one_line(word, 40));
                    return Err(self
                        .wrong(&stored.span(), what)
                        .with_hint(format!("it is {}", listed(&words))));
                }
            }
        }
        if taken.is_empty() {
            let hint = format!("it is {}", listed(&words));
            return Err(self.wrong(&stored.span(), "`take` takes nothing").with_hint(hint));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Wiring;
    use crate::error::Hint;

    const FORGE: &str = "[source.app]\nkind = \"github\"\nurl = \"https://api.github.com\"\nlogin = \"sam\"\nrepositories = [\"acme/app\"]\n";
    const HUB: &str = "[transport.hub]\nkind = \"hub\"\nurl = \"https://hub.example\"\nagent = \"sam\"\n";

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

    fn forge(wiring: &Wiring) -> &ForgeWiring {
        match &wiring.sources[0].kind {
            SourceKind::Forge(forge) => forge,
            _ => panic!("no forge"),
        }
    }

    #[test]
    fn a_forge_says_where_its_answers_go() {
        check(
            FORGE,
            "4: the answers of `app` have nowhere to go",
            "name a `transport`, such as a hub, or set `comment = true` to answer in the thread, where everybody reads it",
        );
        check(
            &format!("{FORGE}comment = false\n"),
            "4: the answers of `app` have nowhere to go",
            "name a `transport`, such as a hub, or set `comment = true` to answer in the thread, where everybody reads it",
        );
        check(
            &format!("{FORGE}comment = true\ntransport = \"hub\"\n{HUB}"),
            "10: `app` comments itself and has a transport, and either may be meant",
            "take `comment` or `transport` out",
        );
        let own = wiring(&format!("{FORGE}comment = true\n")).unwrap();
        assert_eq!(own.sources[0].transport, "app");
        assert_eq!(own.sources[0].address, [Address::new("", "sam")]);
        let kind = &own.transport("app").unwrap().kind;
        assert!(matches!(kind, TransportKind::Forge(to) if **to == *forge(&own)) && kind.acts_on_mentions());
        check(
            &format!("{FORGE}comment = true\n[transport.app]\nkind = \"null\"\n"),
            "4: `app` comments itself and is a transport, too",
            "rename one of them",
        );
    }

    #[test]
    fn on_a_hub_somebody_gets_the_answers() {
        check(
            &format!("{FORGE}transport = \"hub\"\n{HUB}"),
            "9: nobody on `hub` is named who gets the answers",
            "add `to = \"planner\"`, an agent there, to [source.app]",
        );
        let own = wiring(&format!("{FORGE}transport = \"hub\"\nto = \"planner\"\n{HUB}")).unwrap();
        assert_eq!(forge(&own).to, Some(Address::new("", "planner")));
        check(
            &format!("{FORGE}transport = \"hub\"\nto = \"\"\n{HUB}"),
            "10: `to` names nobody",
            "write it as \"planner\"",
        );
        wiring(&format!("{FORGE}transport = \"hub\"\n[transport.hub]\nkind = \"null\"\n")).unwrap();
        for mail in [
            "kind = \"maildir\"\npath = \"x\"\n",
            "kind = \"folder\"\npath = \"x\"\n",
            "kind = \"sendmail\"\ncommand = [\"x\"]\n",
            "kind = \"smtp\"\nhost = \"smtp.example.com\"\nuser = \"sam\"\npassword = { env = \"P\" }\n",
        ] {
            check(
                &format!("{FORGE}transport = \"out\"\n[transport.out]\n{mail}"),
                "9: `out` takes mail, and an account on a forge has no address",
                "use a hub, a folder of Markdown, `null`, or `comment = true`",
            );
        }
    }

    #[test]
    fn a_transport_of_a_forge_comments_where_its_sources_threads_are() {
        let transport = |lines: &str| FORGE.replace("source.app", "transport.app") + lines;
        let from = format!("{FORGE}transport = \"app\"\n");
        assert_eq!(wiring(&format!("{from}{}", transport(""))).unwrap().transports.len(), 1);
        let elsewhere = transport("").replace("api.github.com", "git.example/api/v3");
        check(&format!("{from}{elsewhere}"), "9: `app` is another forge, where these threads are not", "");
        let other = transport("").replace("acme/app", "acme/other");
        check(
            &format!("{from}{other}"),
            "9: `app` may not comment in acme/app",
            "add it to the `repositories` of `app`",
        );
        check(
            &format!("{from}to = \"ada\"\n{}", transport("")),
            "10: `to` means nothing here: a comment answers whoever wrote",
            "take it out",
        );
        check(
            &format!(
                "[source.mail]\nkind = \"maildir\"\npath = \"x\"\naddress = [\"a@b.c\"]\ntransport = \"app\"\n{}",
                transport("")
            ),
            "8: `app` comments on a forge, and nothing of `mail` stands there",
            "",
        );
        check(
            &transport("take = [\"issues\"]\n"),
            "9: a `github` transport has no key `take`",
            "its keys are `url`, `login`, `token`, `repositories`, `timeout_seconds`",
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_a_way_out() {
        let with = |from: &str, to: &str| FORGE.replace(from, to) + "comment = true\n";
        check(
            &with("url =", "#url ="),
            "4: the key `url` of `app` is missing",
            "there is no default; it is that of the API, such as \"https://api.github.com\"",
        );
        check(
            &with("url =", "#url =").replace("github\"\n", "forgejo\"\n"),
            "4: the key `url` of `app` is missing",
            "there is no default; it is that of the API, such as \"https://codeberg.org/api/v1\"",
        );
        check(&with("login =", "#login ="), "4: the key `login` of `app` is missing", "");
        check(
            &with("repositories =", "#repositories ="),
            "4: the key `repositories` of `app` is missing",
            "",
        );
        for login in ["@sam", "", "a b", "sam@example.com", "acme/sam"] {
            check(
                &with("\"sam\"", &format!("\"{login}\"")),
                "7: `login` is no name of an account",
                "write it without the `@`",
            );
        }
        for (repository, wrong) in [
            ("\"acme\"", "8: `acme` is no repository"),
            ("\"a/b/c\"", "8: `a/b/c` is no repository"),
            ("\"a/..\"", "8: `a/..` is no repository"),
            ("\"https://h/a\"", "8: `https://h/a` is no repository"),
            ("", "8: `repositories` names none"),
        ] {
            check(&with("\"acme/app\"", repository), wrong, "write it as [\"owner/name\"]");
        }
        let words = "it is `mentions`, `assigned`, `issues`, `comments`";
        check(&with("login", "take = []\nlogin"), "7: `take` takes nothing", words);
        check(&with("login", "take = [\"all\"]\nlogin"), "7: `all` is nothing that can be taken", words);
        check(
            &with("login", "token = \"s3cr3t\"\nlogin"),
            "7: `token` is not a reference to a secret",
            super::super::SECRET_FORMS,
        );
        check(
            &with("login", "agent = \"x\"\nlogin"),
            "7: a `github` source has no key `agent`",
            "its keys are `url`, `login`, `token`, `repositories`, `timeout_seconds`, `take`, `comment`, `to`, `transport`, `brain`",
        );
        let plain = wiring(&with("https://api.github.com", "http://git.example/api/v1")).unwrap();
        assert_eq!(plain.warnings.len(), 1);
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let bare = wiring(&format!("{FORGE}comment = true\n")).unwrap();
        assert_eq!((&forge(&bare).take[..], forge(&bare).timeout_seconds), (&TAKE[..], 30));
        let told = crate::config::DEFAULT;
        assert!(told.contains("#take = [\"mentions\", \"assigned\"] "));
    }
}
