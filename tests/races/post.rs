//! A desk whose answers go to a mail program that keeps each mail that it is given, and so counts.

use std::fs;

use crate::support::desk::Desk;

/// How a program keeps a mail: all of it, or nothing.
pub const KEEP: &str =
    r#"cat >"$HOME/post/$$.part"; mv "$HOME/post/$$.part" "$(mktemp "$HOME/post/mail.XXXXXXXXXX")""#;

/// The same, slowly, so that there is time for something to happen before and after it.
pub const KEEP_SLOWLY: &str = r#"sleep 0.05; cat >"$HOME/post/$$.part"; mv "$HOME/post/$$.part" "$(mktemp "$HOME/post/mail.XXXXXXXXXX")"; sleep 0.05"#;

/// A mail as it was given away.
#[derive(Debug)]
pub struct Posted {
    /// The draft that it came from.
    pub id: String,
    /// All of it.
    pub text: String,
}

/// Makes a desk without limits.
pub fn with_post() -> Desk {
    with_post_limits("")
}

/// The same with more keys of its transport.
pub fn with_post_limits(keys: &str) -> Desk {
    let wiring = format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"post\"\n[transport.post]\nkind = \"sendmail\"\n\
         command = [\"HOME/sendmail\"]\n{keys}\n[limits]\nmessages_since = \"all\"\nmessages_per_tick_max = 5000\n\
         sends_per_hour_max = 100000\n[notify]\nenabled = false\n"
    );
    let desk = Desk::unmade();
    desk.write_wiring(&wiring.replace("HOME", &desk.home().display().to_string()));
    fs::create_dir(desk.home().join("post")).unwrap();
    desk.script("sendmail", KEEP);
    desk.drafts(&["init"]).succeeds();
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 100000\n");
    desk
}

/// Every mail that was given away.
pub fn posted(desk: &Desk) -> Vec<Posted> {
    let folder = fs::read_dir(desk.home().join("post")).unwrap().map(|file| file.unwrap());
    folder
        .filter(|file| file.file_name().to_str().unwrap().starts_with("mail."))
        .map(|file| {
            let text = fs::read_to_string(file.path()).unwrap();
            let key = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")).unwrap();
            Posted { id: key[..8].to_owned(), text }
        })
        .collect()
}

/// How often a draft was given away.
pub fn times_posted(desk: &Desk, id: &str) -> usize {
    posted(desk).iter().filter(|mail| mail.id == id).count()
}
