//! Reads the sections of mail servers: IMAP sources and SMTP transports.

use std::net::IpAddr;
use std::time::Duration;

use toml::{Spanned, Value};

use super::File;
use crate::config::format::Section;
use crate::config::secret::SecretRef;
use crate::config::{ImapWiring, SmtpWiring};
use crate::connector::link::{Server, Tls, is_loopback};
use crate::error::FileError;
use crate::text;

/// The keys of every server.
const SERVER_KEYS: [&str; 7] = ["host", "port", "tls", "ca_file", "user", "password", "timeout_seconds"];

const IMAP_SECONDS: u64 = 30;
const SMTP_SECONDS: u64 = 60;

/// The folder that every IMAP server has.
const INBOX: &str = "INBOX";

/// The longest name of a host, a user or a folder.
const NAME_CHARS_MAX: usize = 255;

/// The ports where the wiring names none: with TLS from the beginning, with STARTTLS, and without.
struct Ports([u16; 3]);

impl Ports {
    fn of(&self, tls: Tls) -> u16 {
        match tls {
            Tls::Implicit => self.0[0],
            Tls::StartTls => self.0[1],
            Tls::None => self.0[2],
        }
    }
}

impl File<'_> {
    pub(super) fn imap<K>(
        &self,
        name: &Spanned<String>,
        section: &Section<K>,
    ) -> Result<ImapWiring, FileError> {
        let own = ["folders", "sent", "copy_to_sent", "address", "transport", "brain"];
        self.check_keys(section, "`imap` source", &[&SERVER_KEYS[..], &own].concat())?;
        let server = self.server(name, section, &Ports([993, 143, 143]), IMAP_SECONDS)?;
        let user = self.name_of("user", self.required(&section.user, "user", name)?)?;
        let password = self.password(self.required(&section.password, "password", name)?)?;
        let folders = match &section.folders {
            None => vec![INBOX.to_owned()],
            Some(folders) => {
                let plain = |folder: &String| is_plain(folder);
                if folders.get_ref().is_empty() || !folders.get_ref().iter().all(plain) {
                    return Err(self
                        .wrong(&folders.span(), "`folders` is not a list of folders")
                        .with_hint("write it as [\"INBOX\", \"Archive/2026\"], as the server names them"));
                }
                folders.get_ref().clone()
            }
        };
        let sent = section.sent.as_ref().map(|sent| self.name_of("sent", sent)).transpose()?;
        let copy_to_sent = match (&section.copy_to_sent, &sent) {
            (Some(copy), None) => {
                return Err(self
                    .wrong(&copy.span(), "`copy_to_sent` needs a folder")
                    .with_hint("add `sent`, the folder of your own mail, or take it out"));
            }
            (copy, sent) => sent.is_some() && copy.as_ref().is_none_or(|copy| *copy.get_ref()),
        };
        Ok(ImapWiring { server, user, password, folders, sent, copy_to_sent })
    }

    pub(super) fn smtp<K>(
        &self,
        name: &Spanned<String>,
        section: &Section<K>,
    ) -> Result<SmtpWiring, FileError> {
        if let Some(folder) = &section.folders {
            return Err(self
                .wrong(&folder.span(), "a `smtp` transport has no key `folders`")
                .with_hint("folders belong to the source of kind \"imap\""));
        }
        self.check_keys(section, "`smtp` transport", &SERVER_KEYS)?;
        let server = self.server(name, section, &Ports([465, 587, 25]), SMTP_SECONDS)?;
        let login = match (&section.user, &section.password) {
            (Some(user), Some(password)) => Some((self.name_of("user", user)?, self.password(password)?)),
            (None, None) => None,
            (Some(user), None) => {
                return Err(self
                    .wrong(&user.span(), "`user` has no `password`")
                    .with_hint("add `password`, a reference to it, or take `user` out"));
            }
            (None, Some(password)) => {
                return Err(self
                    .wrong(&password.span(), "`password` has no `user`")
                    .with_hint("add `user`, or take `password` out"));
            }
        };
        Ok(SmtpWiring { server, login })
    }

    fn server<K>(
        &self,
        name: &Spanned<String>,
        section: &Section<K>,
        ports: &Ports,
        seconds: u64,
    ) -> Result<Server, FileError> {
        let host = self.required(&section.host, "host", name)?;
        if !is_host(host.get_ref()) {
            return Err(self
                .wrong(&host.span(), "`host` is no name of a machine")
                .with_hint("write it as \"mail.example.org\"; the port has a key of its own"));
        }
        let tls = match section.tls.as_ref().map(|tls| tls.get_ref().as_str()) {
            None | Some("implicit") => Tls::Implicit,
            Some("starttls") => Tls::StartTls,
            Some("none") if is_loopback(host.get_ref()) => Tls::None,
            Some("none") => {
                let what = format!(
                    "the password and mail of `{}` would cross the network unencrypted",
                    name.get_ref()
                );
                let span = section.tls.as_ref().map_or(host.span(), Spanned::span);
                return Err(self.wrong(&span, what).with_hint(
                    "use \"implicit\" or \"starttls\"; \"none\" is for 127.0.0.1, ::1 and localhost only",
                ));
            }
            Some(other) => {
                let what = format!("`{}` is no way to TLS", text::one_line(other, 40));
                let span = section.tls.as_ref().map_or(host.span(), Spanned::span);
                return Err(self
                    .wrong(&span, what)
                    .with_hint("write \"implicit\", \"starttls\", or on this machine \"none\""));
            }
        };
        let port = self.count(&section.port, "port", 1..=65535, ports.of(tls).into())?;
        Ok(Server {
            host: host.get_ref().clone(),
            port: u16::try_from(port).unwrap_or(u16::MAX),
            tls,
            ca_file: section.ca_file.as_ref().map(|path| self.path_of(path)).transpose()?,
            timeout: Duration::from_secs(self.timeout_seconds(section, seconds)?),
        })
    }

    fn password(&self, password: &Spanned<Value>) -> Result<SecretRef, FileError> {
        self.secret("password", password)
    }

    fn name_of(&self, key: &str, stored: &Spanned<String>) -> Result<String, FileError> {
        if is_plain(stored.get_ref()) {
            return Ok(stored.get_ref().clone());
        }
        Err(self.wrong(&stored.span(), format!("`{key}` has no name, or one with hidden characters")))
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && text::one_line(name, NAME_CHARS_MAX) == *name
}

/// Tells whether this can be looked up: a name of DNS, or an address.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.parse::<IpAddr>().is_ok()
        || (host.len() <= NAME_CHARS_MAX && host.strip_suffix('.').unwrap_or(host).split('.').all(label))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::read;
    use super::*;
    use crate::config::{DEFAULT, SourceKind, TransportKind, Wiring};
    use crate::error::Hint;

    const IMAP: &str = "[source.mail]\nkind = \"imap\"\nhost = \"imap.example.org\"\nuser = \"sam\"\npassword = { env = \"P\" }\naddress = [\"sam@example.org\"]\ntransport = \"out\"\n[transport.out]\nkind = \"null\"\n";
    const SMTP: &str = "[transport.out]\nkind = \"smtp\"\nhost = \"smtp.example.org\"\n";

    /// Reads `sections` from line 4 on.
    fn wiring(sections: &str) -> Result<Wiring, FileError> {
        let text = format!("version = 1\n[desk]\npath = \"~/drafts\"\n{sections}");
        read(Path::new("/home/sam/config.toml"), &text, Path::new("/home/sam"))
    }

    fn imap(sections: &str) -> ImapWiring {
        match wiring(sections).unwrap().sources.swap_remove(0).kind {
            SourceKind::Imap(imap) => *imap,
            other => panic!("{other:?}"),
        }
    }

    fn smtp(sections: &str) -> SmtpWiring {
        match wiring(sections).unwrap().transports.swap_remove(0).kind {
            TransportKind::Smtp(smtp) => *smtp,
            other => panic!("{other:?}"),
        }
    }

    fn check(sections: &str, wrong: &str, hint: &str) {
        let error = wiring(sections).unwrap_err();
        assert_eq!(error.to_string().strip_prefix("/home/sam/config.toml:").unwrap(), wrong);
        assert_eq!(error.hint().unwrap_or_default(), hint);
    }

    /// `IMAP` with a line of its own instead of one of its lines.
    fn with(line: &str) -> String {
        let key = format!("{} =", line.split(' ').next().unwrap());
        match IMAP.lines().find(|known| known.starts_with(&key)) {
            Some(known) => IMAP.replace(known, line),
            None => IMAP.replace("[transport", &format!("{line}\n[transport")),
        }
    }

    #[test]
    fn a_server_has_the_usual_ports_and_tls_from_the_beginning() {
        let bare = imap(IMAP);
        assert_eq!((bare.server.port, bare.server.tls, &bare.server.ca_file), (993, Tls::Implicit, &None));
        assert_eq!((bare.folders, bare.sent, bare.copy_to_sent), (vec!["INBOX".to_owned()], None, false));
        assert_eq!(bare.password, SecretRef::Env("P".to_owned()));
        assert_eq!(imap(&with("tls = \"starttls\"")).server.port, 143);
        assert_eq!(imap(&with("port = 1993")).server.port, 1993);
        let near = imap(&with("host = \"127.0.0.1\"").replace("user", "tls = \"none\"\nuser"));
        assert_eq!((near.server.port, near.server.tls), (143, Tls::None));
        let kept = imap(&with("sent = \"Sent\""));
        assert_eq!((kept.sent.as_deref(), kept.copy_to_sent), (Some("Sent"), true));
        assert!(!imap(&with("copy_to_sent = false").replace("copy", "sent = \"Sent\"\ncopy")).copy_to_sent);

        let bare = smtp(SMTP);
        assert_eq!((bare.server.port, bare.server.tls, bare.login), (465, Tls::Implicit, None));
        assert_eq!(smtp(&format!("{SMTP}tls = \"starttls\"\n")).server.port, 587);
        let known =
            smtp(&format!("{SMTP}user = \"sam\"\npassword = {{ file = \"p\" }}\nca_file = \"ca.pem\"\n"));
        assert_eq!(known.login, Some(("sam".to_owned(), SecretRef::File("/home/sam/p".into()))));
        assert_eq!(known.server.ca_file.as_deref(), Some(Path::new("/home/sam/ca.pem")));
    }

    #[test]
    fn mail_in_plain_text_is_for_this_machine_alone() {
        let hint = "use \"implicit\" or \"starttls\"; \"none\" is for 127.0.0.1, ::1 and localhost only";
        check(
            &with("tls = \"none\""),
            "11: the password and mail of `mail` would cross the network unencrypted",
            hint,
        );
        check(
            &format!("{SMTP}tls = \"none\"\n"),
            "7: the password and mail of `out` would cross the network unencrypted",
            hint,
        );
        for host in ["localhost", "::1", "127.0.0.2"] {
            assert_eq!(
                smtp(&SMTP.replace("smtp.example.org", host).replace("host =", "tls = \"none\"\nhost ="))
                    .server
                    .port,
                25
            );
        }
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_a_way_out() {
        let hint = "write \"implicit\", \"starttls\", or on this machine \"none\"";
        check(&with("tls = \"ssl\""), "11: `ssl` is no way to TLS", hint);
        let hint = "write it as \"mail.example.org\"; the port has a key of its own";
        for host in ["", "a b", "imap.example.org:993", "imaps://imap.example.org", ".", "a..b", "\u{e4}"] {
            check(&with(&format!("host = \"{host}\"")), "6: `host` is no name of a machine", hint);
        }
        for port in ["0", "65536", "-1"] {
            check(&with(&format!("port = {port}")), "11: `port` is not a number from 1 to 65535", "");
        }
        let hint = "write it as [\"INBOX\", \"Archive/2026\"], as the server names them";
        for folders in ["[]", "[\"\"]", "[\"a\\nb\"]"] {
            check(&with(&format!("folders = {folders}")), "11: `folders` is not a list of folders", hint);
        }
        check(
            &with("copy_to_sent = true"),
            "11: `copy_to_sent` needs a folder",
            "add `sent`, the folder of your own mail, or take it out",
        );
        check(&with("user = \"\""), "7: `user` has no name, or one with hidden characters", "");
        check(&IMAP.replace("user", "#user"), "4: the key `user` of `mail` is missing", "");
        check(&IMAP.replace("host", "#host"), "4: the key `host` of `mail` is missing", "");
        check(
            &IMAP.replace("transport =", "#transport ="),
            "4: the key `transport` of `mail` is missing",
            "answers must go somewhere; a transport of kind \"null\" goes nowhere",
        );
        let shown = wiring(&with("password = \"s3cr3t\"")).unwrap_err();
        assert_eq!(shown.to_string(), "/home/sam/config.toml:8: `password` is not a reference to a secret");
        check(
            &format!("{SMTP}user = \"sam\"\n"),
            "7: `user` has no `password`",
            "add `password`, a reference to it, or take `user` out",
        );
        check(
            &format!("{SMTP}password = {{ env = \"P\" }}\n"),
            "7: `password` has no `user`",
            "add `user`, or take `password` out",
        );
        check(
            &format!("{SMTP}folders = [\"INBOX\"]\n"),
            "7: a `smtp` transport has no key `folders`",
            "folders belong to the source of kind \"imap\"",
        );
        check(
            &format!("{SMTP}url = \"smtp://x\"\n"),
            "7: a `smtp` transport has no key `url`",
            "its keys are `host`, `port`, `tls`, `ca_file`, `user`, `password`, `timeout_seconds`",
        );
    }

    #[test]
    fn the_examples_of_the_template_are_the_defaults() {
        for line in [
            format!("#timeout_seconds = {IMAP_SECONDS}                        # for each step\n"),
            format!(
                "#timeout_seconds = {SMTP_SECONDS}                        # for each step; the server's answer to a whole mail may take five times as long\n"
            ),
            format!("#folders = [\"{INBOX}\"] "),
        ] {
            assert!(DEFAULT.contains(&line), "{line}");
        }
    }
}
