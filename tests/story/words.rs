//! What a person reads who has made a mistake: each is provoked once, on the real program.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::Desk;

/// Shows what is said about each of these files, under what is wrong in it.
fn each(desk: &Desk, cases: &[&str], say: impl Fn(&str) -> String) -> String {
    let shown = cases.iter().map(|case| {
        let indented = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
        let said: String = say(case).lines().map(indented).collect();
        format!("{}\n{}", case.trim_end().replace('\n', " | "), said)
    });
    desk.plain(&shown.collect::<String>())
}

/// Writes what only its owner may read.
fn write_own(path: &std::path::Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn each_error_of_the_wiring_is_seen_once() {
    let desk = Desk::new();
    let path = desk.home().join(".config/git-drafts/config.toml");
    let about = |head: &'static str| {
        let (desk, path) = (&desk, &path);
        move |case: &str| {
            write_own(path, &format!("{head}{case}"));
            let said = desk.drafts(&["list"]).fails(128).err;
            said.replace(&path.display().to_string(), "config.toml")
        }
    };
    let seen = each(
        &desk,
        &[
            "",
            "version = 2\n",
            "version = 0\n",
            "version = \"1\"\n",
            "version = 1\n",
            "version = 1\ndesk = \"x\"\n",
            "version = 1\n[desk]\n",
            "version = 1\n[desk\n",
            "version = 1\n[desk]\npath = drafts\n",
            "version = 1\n[desk]\npath = \"drafts\n",
            "version = 1\n[desk]\npath \"drafts\"\n",
            "version = 1\n[desk]\npath =\n",
            "version = 1\n[desk]\npath = 5\n",
            "version = 1\n[desk]\npath = \"x\"\npath = \"y\"\n",
            "version = 1\n[desk]\npaht = \"x\"\n",
            "version = 1\n[desk]\npath = \"x\"\nzzz = 1\n",
        ],
        about(""),
    );
    assert_snapshot!(seen, @r#"

        error: config.toml:1: the key `version` is missing
        hint: write `version = 1` at the top
    version = 2
        error: config.toml:1: version 2 is newer than this program, which reads version 1
        hint: install a newer git-drafts
    version = 0
        error: config.toml:1: version 0 of the wiring is not known
        hint: the version is 1
    version = "1"
        error: config.toml:1: `version` is not a whole number
        hint: write it in digits, without quotes and without a point
    version = 1
        error: config.toml:1: the section [desk] is missing
        hint: add `[desk]`, and below it `path = "~/drafts"`
    version = 1 | desk = "x"
        error: config.toml:2: `desk` is not a section
        hint: write [desk], and what belongs to it on the lines below
    version = 1 | [desk]
        error: config.toml:2: the key `path` is missing
        hint: add `path = "~/drafts"`, or where your drafts are
    version = 1 | [desk
        error: config.toml:2: the name of a section does not end
        hint: end it with `]`
    version = 1 | [desk] | path = drafts
        error: config.toml:3: `path` is not in quotes
        hint: write it as `path = "..."`
    version = 1 | [desk] | path = "drafts
        error: config.toml:3: text in quotes does not end on its line
        hint: end it with `"`; longer text stands between `"""` and `"""`
    version = 1 | [desk] | path "drafts"
        error: config.toml:3: no `=` after `path`
        hint: write it as `path = "..."`, or a comment as `# ...`
    version = 1 | [desk] | path =
        error: config.toml:3: `path` has no value
        hint: write it as `path = "..."`
    version = 1 | [desk] | path = 5
        error: config.toml:3: `path` is not text in quotes
        hint: write it as `path = "..."`
    version = 1 | [desk] | path = "x" | path = "y"
        error: config.toml:4: `path` is there twice
        hint: keep one of the two
    version = 1 | [desk] | paht = "x"
        error: config.toml:3: unknown key `paht`
        hint: did you mean `path`?
    version = 1 | [desk] | path = "x" | zzz = 1
        error: config.toml:4: unknown key `zzz`
        hint: the keys here are `path`, `state`
    "#);
    let seen = each(
        &desk,
        &[
            "[transports.x]\nkind = \"null\"\n",
            "[[source]]\nkind = \"maildir\"\n",
            "[source]\nkind = \"maildir\"\n",
            "[source.mail]\npath = \"x\"\n",
            "[source.\"a b\"]\nkind = \"hub\"\n",
            "[source.mail]\nkind = \"maildri\"\n",
            "[source.mail]\nkind = \"pigeon\"\n",
            "[source.mail]\nkind = 5\n",
            "[source.mail]\nkind = \"smtp\"\n",
            "[source.mail]\nkind = \"null\"\n",
            "[transport.out]\nkind = \"imap\"\n",
            "[transport.out]\nkind = \"rest\"\n",
            "[transport.issues]\nkind = \"null\"\n",
            "[transport.out]\n",
            "[transport.out]\nkind = \"null\"\npath = \"x\"\n",
            "[transport.out]\nkind = \"maildir\"\n",
            "[transport.out]\nkind = \"folder\"\npath = \"x\"\nformat = \"md\"\n",
            "[transport.out]\nkind = \"sendmail\"\ncommand = \"sendmail\"\n",
            "[transport.out]\nkind = \"sendmail\"\ncommand = []\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h:25\"\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h\"\nport = 0\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h\"\ntls = \"ssl\"\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h\"\ntls = \"none\"\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h\"\nuser = \"sam\"\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h\"\nuser = \"sam\"\npassword = \"s3cr3t\"\n",
            "[transport.out]\nkind = \"smtp\"\nhost = \"h\"\nuser = \"sam\"\npassword = s3cr3t\n",
        ],
        about("version = 1\n[desk]\npath = \"d\"\n"),
    );
    assert_snapshot!(seen, @r#"
    [transports.x] | kind = "null"
        error: config.toml:4: unknown key `transports`
        hint: did you mean `transport`?
    [[source]] | kind = "maildir"
        error: config.toml:4: `source` is no list of sections
        hint: write [source], or [source.NAME] where it has names
    [source] | kind = "maildir"
        error: config.toml:5: a source has no name
        hint: write the line above as [source.NAME], such as [source.mail]
    [source.mail] | path = "x"
        error: config.toml:4: the key `kind` is missing
        hint: a source is of kind `maildir`, `folder`, `imap`, `hub`, `forgejo`, `github` or `program`
    [source."a b"] | kind = "hub"
        error: config.toml:4: `a b` cannot be a name
        hint: use at most 40 letters, digits, `-` and `_`
    [source.mail] | kind = "maildri"
        error: config.toml:5: `kind` cannot be `maildri`
        hint: did you mean `maildir`?
    [source.mail] | kind = "pigeon"
        error: config.toml:5: `kind` cannot be `pigeon`
        hint: it can be `maildir`, `folder`, `imap`, `hub`, `forgejo`, `github`, `program`
    [source.mail] | kind = 5
        error: config.toml:5: `kind` is not text in quotes
        hint: write it as `kind = "..."`
    [source.mail] | kind = "smtp"
        error: config.toml:5: `kind` cannot be `smtp`
        hint: it takes answers, as a transport; mail comes from `imap`, `maildir` or `folder`
    [source.mail] | kind = "null"
        error: config.toml:5: `kind` cannot be `null`
        hint: only a transport is; leave the source out
    [transport.out] | kind = "imap"
        error: config.toml:5: `kind` cannot be `imap`
        hint: IMAP brings mail, as a source; answers go by `smtp`, `sendmail` or `maildir`
    [transport.out] | kind = "rest"
        error: config.toml:5: `kind` cannot be `rest`
        hint: answers do not go there; tasks do, by a section of their own: [issues] with `kind = "rest"`
    [transport.issues] | kind = "null"
        error: config.toml:4: a transport cannot be called `issues`
        hint: the section [issues] says where those go; give the transport another name
    [transport.out]
        error: config.toml:4: the key `kind` is missing
        hint: a transport is of kind `maildir`, `folder`, `sendmail`, `smtp`, `hub`, `forgejo`, `github`, `program` or `null`
    [transport.out] | kind = "null" | path = "x"
        error: config.toml:6: a `null` transport has no key `path`
        hint: it has none but `kind`
    [transport.out] | kind = "maildir"
        error: config.toml:4: the key `path` of `out` is missing
    [transport.out] | kind = "folder" | path = "x" | format = "md"
        error: config.toml:7: `format` cannot be `md`
        hint: it can be `mail`, `markdown`
    [transport.out] | kind = "sendmail" | command = "sendmail"
        error: config.toml:6: `command` is not a list
        hint: write it as `command = ["..."]`
    [transport.out] | kind = "sendmail" | command = []
        error: config.toml:6: `command` names no program
        hint: write it as `command = ["program", "argument"]`
    [transport.out] | kind = "smtp" | host = "h:25"
        error: config.toml:6: `host` is no name of a machine
        hint: write it as "mail.example.org"; the port has a key of its own
    [transport.out] | kind = "smtp" | host = "h" | port = 0
        error: config.toml:7: `port` is not a number from 1 to 65535
    [transport.out] | kind = "smtp" | host = "h" | tls = "ssl"
        error: config.toml:7: `ssl` is no way to TLS
        hint: write "implicit", "starttls", or on this machine "none"
    [transport.out] | kind = "smtp" | host = "h" | tls = "none"
        error: config.toml:7: the password and mail of `out` would cross the network unencrypted
        hint: use "implicit" or "starttls"; "none" is for 127.0.0.1, ::1 and localhost only
    [transport.out] | kind = "smtp" | host = "h" | user = "sam"
        error: config.toml:7: `user` has no `password`
        hint: add `password`, a reference to it, or take `user` out
    [transport.out] | kind = "smtp" | host = "h" | user = "sam" | password = "s3cr3t"
        error: config.toml:8: `password` is not a reference to a secret
        hint: secrets are never written here: use { command = ["pass", "show", "hub"] }, { env = "HUB_TOKEN" }, { file = "hub.token" } or { credential = "hub" }
    [transport.out] | kind = "smtp" | host = "h" | user = "sam" | password = s3cr3t
        error: config.toml:8: `password` is not in quotes
        hint: secrets are never written here: use { command = ["pass", "show", "hub"] }, { env = "HUB_TOKEN" }, { file = "hub.token" } or { credential = "hub" }
    "#);
    let seen = each(
        &desk,
        &[
            "",
            "address = \"sam@example.com\"\n",
            "address = []\n",
            "address = [5]\n",
            "address = [\"nobody\"]\n",
            "address = [\"sam@example.com\"]\n",
            "address = [\"sam@example.com\"]\ntransport = \"post\"\n",
            "address = [\"sam@example.com\"]\ntransport = \"out\"\nbrain = \"local\"\n[transport.out]\nkind = \"null\"\n",
        ],
        about("version = 1\n[desk]\npath = \"d\"\n[source.mail]\nkind = \"maildir\"\npath = \"m\"\n"),
    );
    assert_snapshot!(seen, @r#"

        error: config.toml:4: the key `address` of `mail` is missing
    address = "sam@example.com"
        error: config.toml:7: `address` is not a list
        hint: write it as `address = ["..."]`
    address = []
        error: config.toml:7: `address` does not say who you are here
        hint: write it as ["Sam Hill <sam@example.com>"]
    address = [5]
        error: config.toml:7: an item of `address` is not text in quotes
        hint: write it as `address = ["..."]`
    address = ["nobody"]
        error: config.toml:7: `nobody` is not an e-mail address
        hint: write it as ["Sam Hill <sam@example.com>"]
    address = ["sam@example.com"]
        error: config.toml:4: the key `transport` of `mail` is missing
        hint: answers must go somewhere; a transport of kind "null" goes nowhere
    address = ["sam@example.com"] | transport = "post"
        error: config.toml:8: there is no transport `post`
        hint: add a section [transport.post]
    address = ["sam@example.com"] | transport = "out" | brain = "local" | [transport.out] | kind = "null"
        error: config.toml:9: there is no brain `local`
        hint: the brains here are `rules`
    "#);
    let seen = each(
        &desk,
        &[
            "[brain.x]\n",
            "[brain.x]\nkind = \"gpt\"\n",
            "[brain.x]\nkind = \"openai\"\n",
            "[brain.x]\nkind = \"openai\"\nurl = \"localhost\"\nmodel = \"m\"\n",
            "[brain.x]\nkind = \"openai\"\nurl = \"http://localhost\"\nmodel = 5\n",
            "[brain.x]\nkind = \"openai\"\nurl = \"http://localhost\"\nmodel = \"m\"\nkey = { evn = \"K\" }\n",
            "[brain.x]\nkind = \"openai\"\nurl = \"http://localhost\"\nmodel = \"m\"\nretries = 99\n",
            "[source.h]\nkind = \"hub\"\nurl = \"https://h\"\nagent = \"sam\"\npaths = \"x\"\n",
            "[source.h]\nkind = \"hub\"\nurl = \"https://h\"\nagent = \"sam\"\nmethods = { read = \"GTE\" }\n",
            "[source.h]\nkind = \"hub\"\nurl = \"https://h\"\nagent = \"sam\"\nbodies = { read = 5 }\n",
            "[source.h]\nkind = \"hub\"\nurl = \"https://h\"\nagent = \"sam\"\npage = 1.5\n",
            "[source.f]\nkind = \"forgejo\"\nurl = \"https://f\"\nlogin = \"@sam\"\n",
            "[issues]\nkind = \"jira\"\n",
            "[issues]\nkind = \"rest\"\n",
            "[patches]\n",
            "[patches]\nfiles = \"routes.toml\"\n",
            "[patches]\nfiles = [\"drafts.toml\"]\n",
            "[limits]\nsends_per_hour_max = \"60\"\n",
            "[limits]\nsends_per_hour_max = -1\n",
            "[limits]\nmessages_since = \"soon\"\n",
            "[notify]\nenabled = yes\n",
            "[notify]\nenabled = \"yes\"\n",
            "[notify]\nquiet = \"22-7\"\n",
            "[notify]\ncommand = \"notify-send\"\n",
            "[secrets]\nextra_rules = []\n",
        ],
        about("version = 1\n[desk]\npath = \"d\"\n"),
    );
    assert_snapshot!(seen, @r#"
    [brain.x]
        error: config.toml:4: the key `kind` is missing
        hint: a brain is of kind `rules`, `openai`, `anthropic`, `execute` or `exec`
    [brain.x] | kind = "gpt"
        error: config.toml:5: `kind` cannot be `gpt`
        hint: it can be `rules`, `execute`, `openai`, `anthropic`, `exec`
    [brain.x] | kind = "openai"
        error: config.toml:4: the key `url` of `x` is missing
        hint: messages go there, so there is no default; such as "http://127.0.0.1:8080/v1"
    [brain.x] | kind = "openai" | url = "localhost" | model = "m"
        error: config.toml:6: the url cannot be read as one
    [brain.x] | kind = "openai" | url = "http://localhost" | model = 5
        error: config.toml:7: `model` is not text in quotes
        hint: write it as `model = "..."`
    [brain.x] | kind = "openai" | url = "http://localhost" | model = "m" | key = { evn = "K" }
        error: config.toml:8: `key` does not name a known place of a secret
        hint: secrets are never written here: use { command = ["pass", "show", "hub"] }, { env = "HUB_TOKEN" }, { file = "hub.token" } or { credential = "hub" }
    [brain.x] | kind = "openai" | url = "http://localhost" | model = "m" | retries = 99
        error: config.toml:8: `retries` is not a number from 0 to 10
    [source.h] | kind = "hub" | url = "https://h" | agent = "sam" | paths = "x"
        error: config.toml:8: `paths` is not a section of [source.h]
        hint: write [source.h.paths], and what belongs to it on the lines below
    [source.h] | kind = "hub" | url = "https://h" | agent = "sam" | methods = { read = "GTE" }
        error: config.toml:8: `read` cannot be `GTE`
        hint: it can be `POST`, `PUT`, `PATCH`
    [source.h] | kind = "hub" | url = "https://h" | agent = "sam" | bodies = { read = 5 }
        error: config.toml:8: what else is sent is not a table
        hint: write it as `{ name = "value" }`
    [source.h] | kind = "hub" | url = "https://h" | agent = "sam" | page = 1.5
        error: config.toml:8: `page` is not a whole number
        hint: write it in digits, without quotes and without a point
    [source.f] | kind = "forgejo" | url = "https://f" | login = "@sam"
        error: config.toml:4: the answers of `f` have nowhere to go
        hint: name a `transport`, such as a hub, or set `comment = true` to answer in the thread, where everybody reads it
    [issues] | kind = "jira"
        error: config.toml:5: `kind` cannot be `jira`
        hint: it can be `null`, `rest`, `forgejo`, `github`
    [issues] | kind = "rest"
        error: config.toml:4: the key `url` of `issues` is missing
    [patches]
        error: config.toml:4: the key `files` is missing
        hint: add the files that may be changed: `files = ["routes.toml"]`
    [patches] | files = "routes.toml"
        error: config.toml:5: `files` is not a list
        hint: write it as `files = ["..."]`
    [patches] | files = ["drafts.toml"]
        error: config.toml:5: `drafts.toml` is never changed by a patch
    [limits] | sends_per_hour_max = "60"
        error: config.toml:5: `sends_per_hour_max` is not a whole number
        hint: write it in digits, without quotes and without a point
    [limits] | sends_per_hour_max = -1
        error: config.toml:5: `sends_per_hour_max` is not a number from 0 to 100000
    [limits] | messages_since = "soon"
        error: config.toml:5: `soon` is no age of messages
        hint: write it as "30m", "12h", "7d", "4w" or "all"
    [notify] | enabled = yes
        error: config.toml:5: `enabled` is not in quotes
        hint: write it as `enabled = true`
    [notify] | enabled = "yes"
        error: config.toml:5: `enabled` is neither true nor false
        hint: write `true` or `false`, without quotes
    [notify] | quiet = "22-7"
        error: config.toml:5: `quiet` is no span of a day
        hint: write it as "22:00-07:00"
    [notify] | command = "notify-send"
        error: config.toml:5: `command` is not a list
        hint: write it as `command = ["..."]`
    [secrets] | extra_rules = []
        error: config.toml:5: `extra_rules` is not text in quotes
        hint: write it as `extra_rules = "..."`
    "#);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
    let said = desk.drafts(&["list"]).fails(128).err;
    fs::remove_file(&path).unwrap();
    let missing = desk.drafts(&["list"]).fails(128).err;
    let named = desk.drafts(&["--config", "other.toml", "list"]).fails(128).err;
    assert_snapshot!(desk.plain(&[said, missing, named].concat()), @"
    error: others may write to ~/.config/git-drafts/config.toml (mode 622), so it is not believed
    hint: read it, then: chmod 600 ~/.config/git-drafts/config.toml
    error: there is no wiring at ~/.config/git-drafts/config.toml
    hint: if it was moved, say where it is now: `git drafts --config FILE init ~/drafts`; else put it back from a backup
    error: there is no wiring at ~/drafts/other.toml
    hint: name another one with --config, or in GIT_DRAFTS_CONFIG
    ");
}

#[test]
fn each_error_of_a_draft_is_seen_before_it_is_approved() {
    let desk = with_answer();
    let (id, file) = (desk.id("invoice"), desk.draft("invoice"));
    let good = desk.text("invoice");
    let seen = each(
        &desk,
        &[
            "s/^status = .*//",
            "s/^status = .*/status = approved/",
            "s/^status = .*/status = \"aproved\"/",
            "s/^to = .*/to = \"ada@example.org\"/",
            "s/^to = .*/to = []/",
            "s/^to = .*/to = [\"Ada Brown\"]/",
            "s/^to = .*/to = [\"nobody\"]/",
            "s/^subject = .*/sujbect = \"x\"/",
            "s/^subject = .*/subject = \"\"/",
            "s/^subject = .*/subject = \"x\"\\nsend_after = \"tomorrow\"/",
            "s/^id = .*/id = \"1\"/",
            "s/^version = .*/version = 2/",
            "s/^version = .*/version = 0/",
            "s/^action = .*/action = \"repyl\"/",
            "s/^tier = .*/tier = \"grave\"/",
            "1s/.*/---/",
            "2,$s/^+++$//",
            "s/>8/8</",
            "s/^Hello/<<<<<<< Hello/",
            "s/customer portal/TODO/",
            "/^Hello/,/look for it/d",
        ],
        |case| {
            desk.shell(&format!("sed -i '{case}' {file}")).succeeds();
            let said = desk.drafts(&["approve", &id]).fails(128).err;
            fs::write(desk.path(&file), &good).unwrap();
            said.replace(&file, "FILE")
        },
    );
    assert_snapshot!(seen, @r#"
    s/^status = .*//
        error: FILE:2: the key `status` is missing
    s/^status = .*/status = approved/
        error: FILE:2: `status` is not in quotes
        hint: write it as `status = "..."`
    s/^status = .*/status = "aproved"/
        error: FILE:2: unknown status `aproved`
        hint: it is `draft` or `approved`
    s/^to = .*/to = "ada@example.org"/
        error: FILE:3: `to` is not a list
        hint: write it as `to = ["..."]`
    s/^to = .*/to = []/
        error: FILE:3: there is nobody to answer to
        hint: mend it first: `git drafts edit rnjkmjrz`
    s/^to = .*/to = ["Ada Brown"]/
        error: FILE:3: `Ada Brown` is not an address
        hint: write one address an item: "Ada Brown <ada@example.org>"
    s/^to = .*/to = ["nobody"]/
        error: FILE:3: `nobody` is not an e-mail address
        hint: write one address an item: "Ada Brown <ada@example.org>"
    s/^subject = .*/sujbect = "x"/
        error: FILE:4: unknown key `sujbect`
        hint: did you mean `subject`?
    s/^subject = .*/subject = ""/
        error: FILE:4: the subject is empty
        hint: mend it first: `git drafts edit rnjkmjrz`
    s/^subject = .*/subject = "x"\nsend_after = "tomorrow"/
        error: FILE:5: `tomorrow` is not a time
        hint: write it as "2026-11-23T08:00:00+01:00"
    s/^id = .*/id = "1"/
        error: FILE:8: `1` is not a draft id: eight or more letters of `ghjklmnpqrstvwxz` are
    s/^version = .*/version = 2/
        error: FILE:7: version 2 is newer than this program, which reads version 1
        hint: install a newer git-drafts
    s/^version = .*/version = 0/
        error: FILE:7: version 0 of the draft format is not known
        hint: the version is 1
    s/^action = .*/action = "repyl"/
        error: FILE:9: unknown action `repyl`
        hint: did you mean `reply`?
    s/^tier = .*/tier = "grave"/
        error: FILE:12: unknown tier `grave`
        hint: it can be `low`, `medium`, `high`
    1s/.*/---/
        error: FILE:1: the first line is not `+++`
        hint: a draft begins with its front matter
    2,$s/^+++$//
        error: FILE: the front matter is not closed by a line `+++`
        hint: put it back between the front matter and your answer
    s/>8/8</
        error: FILE: the scissors line is gone
        hint: put this line below your answer, so that the context is not sent: ------------------------ >8 ------------------------
    s/^Hello/<<<<<<< Hello/
        error: FILE:18: a conflict marker
        hint: resolve the conflict; nothing is sent from a file that has one
    s/customer portal/TODO/
        error: FILE:20: `TODO` still stands in the text
        hint: mend it first: `git drafts edit rnjkmjrz`
    /^Hello/,/look for it/d
        error: FILE:17: the answer is empty
        hint: mend it first: `git drafts edit rnjkmjrz`
    "#);
    // The hook looks, too.
    desk.approve("invoice").edit("invoice", "to = [\"Ada Brown <ada@example.org>\"]", "to = [\"nobody\"]");
    desk.try_git(&["commit", "-qam", "yes"]).fails(1).says(":3: `nobody` is not an e-mail address");
}

#[test]
fn each_error_of_the_policy_and_the_catalogue_is_seen_before_it_is_committed() {
    let desk = Desk::new();
    let about = |name: &'static str, head: &'static str| {
        let desk = &desk;
        move |case: &str| {
            fs::write(desk.path(name), format!("{head}{case}")).unwrap();
            let said = desk.try_git(&["commit", "-qam", "x"]).fails(1).err;
            desk.git(&["reset", "-q", "--hard"]);
            said
        }
    };
    let seen = each(
        &desk,
        &[
            "",
            "version = 2\n",
            "version = 0\n",
            "version = 1\nmode = \"mrege\"\n",
            "version = 1\ncontext = \"x\"\n",
            "version = 1\napprovers = \"kim@example.com\"\n",
            "version = 1\nundo_seconds = 30\n",
            "version = 1\n[tiers]\npay = \"high\"\n",
            "version = 1\n[tiers]\nreply = \"hihg\"\n",
            "version = 1\n[gates]\nlow = \"auto\"\n",
            "version = 1\n[gates]\nlow = \"aprove\"\n",
            "version = 1\n[expire]\nlow = \"soon\"\n",
            "version = 1\n[remind]\nlow = \"soon\"\n",
            "version = 1\n[recipients]\nreply = \"everybody\"\n",
            "version = 1\n[limits]\nsends_per_hour_max = \"x\"\n",
            "version = 1\n[links]\nallow = [\"foo\"]\n",
            "version = 1\n[raise_when]\nconfidence_below = 2\n",
            "version = 1\n[gate]\nlow = \"approve\"\n",
        ],
        about("drafts.toml", ""),
    );
    assert_snapshot!(seen, @r#"

        error: drafts.toml:1: the key `version` is missing
        hint: write `version = 1` at the top
    version = 2
        error: drafts.toml:1: version 2 is newer than this program, which reads version 1
        hint: install a newer git-drafts
    version = 0
        error: drafts.toml:1: version 0 of the policy is not known
        hint: the version is 1
    version = 1 | mode = "mrege"
        error: drafts.toml:2: unknown mode `mrege`
        hint: it is `commit` or `merge`
    version = 1 | context = "x"
        error: drafts.toml:2: unknown context `x`
        hint: it is `tracked` or `none`
    version = 1 | approvers = "kim@example.com"
        error: drafts.toml:2: `approvers` is not a list
        hint: write it as `approvers = ["..."]`
    version = 1 | undo_seconds = 30
        error: drafts.toml:2: `undo_seconds` is not a section
        hint: write [undo_seconds], and what belongs to it on the lines below
    version = 1 | [tiers] | pay = "high"
        error: drafts.toml:3: unknown action `pay`
        hint: it can be `route_answer`, `reply`, `note`, `mark_read`, `escalate`, `ignore`, `issue`, `patch`, `run`
    version = 1 | [tiers] | reply = "hihg"
        error: drafts.toml:3: unknown tier `hihg`
        hint: did you mean `high`?
    version = 1 | [gates] | low = "auto"
        error: drafts.toml:2: the gate `auto` is not supported: nothing is sent without a person
        hint: use `approve`
    version = 1 | [gates] | low = "aprove"
        error: drafts.toml:3: unknown gate `aprove`
        hint: did you mean `approve`?
    version = 1 | [expire] | low = "soon"
        error: drafts.toml:3: `soon` is not a number of days
        hint: write it as "14d", or "never"
    version = 1 | [remind] | low = "soon"
        error: drafts.toml:3: `soon` is not a number of hours or days
        hint: write it as "12h" or "2d", or "never"
    version = 1 | [recipients] | reply = "everybody"
        error: drafts.toml:3: unknown recipients `everybody`
        hint: it is `sender` or `all`
    version = 1 | [limits] | sends_per_hour_max = "x"
        error: drafts.toml:3: `sends_per_hour_max` is not a whole number from 0 on
        hint: write it in digits, without quotes and without a point
    version = 1 | [links] | allow = ["foo"]
        error: drafts.toml:3: `foo` is no beginning of a link
        hint: write "https://docs.example.com/", "https://example.com/help/" or "mailto:help@example.com"
    version = 1 | [raise_when] | confidence_below = 2
        error: drafts.toml:3: confidence is a number from 0 to 1
    version = 1 | [gate] | low = "approve"
        error: drafts.toml:2: unknown key `gate`
        hint: did you mean `gates`?
    "#);
    let seen = each(
        &desk,
        &["", "version = 1\n", "version = 1\n[default]\naction = \"reply\"\n"],
        about("routes.toml", ""),
    );
    assert_snapshot!(seen, @r#"

        error: routes.toml: no version
        hint: begin the file with `version = 1`
    version = 1
        error: routes.toml: no default: what no route knows has no action
        hint: add `[default]` with `action = "escalate"`
    version = 1 | [default] | action = "reply"
        error: routes.toml:3: the default cannot be `reply`
        hint: the default is `escalate` or `ignore`
    "#);
    let seen = each(
        &desk,
        &[
            "[route]\nid = \"a\"\n",
            "[[routes]]\nid = \"a\"\n",
            "[[route]]\n",
            "[[route]]\nid = \"a b\"\nmatch.words = [\"x\"]\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.word = [\"x\"]\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = []\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"!!\"]\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.pattern = \"(\"\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.pattern = \".*\"\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\nanswer = \"\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\nanswer = \"{{ nam }}\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\nanswer = \"{{ name\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\naction = \"pay\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\naction = \"ignore\"\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\nbrain = \"m\"\nanswer = \"x\"\n",
            "[[route]]\nid = \"a\"\nmatch.words = [\"x\"]\nanswer = \"x\"\nconfidence = 2\n",
        ],
        about("routes.toml", "version = 1\n[default]\naction = \"escalate\"\n"),
    );
    assert_snapshot!(seen, @r#"
    [route] | id = "a"
        error: routes.toml:4: `route` is a list of sections
        hint: write each as [[route]]
    [[routes]] | id = "a"
        error: routes.toml:4: unknown key `routes`
        hint: did you mean `route`?
    [[route]]
        error: routes.toml:4: the key `id` is missing
    [[route]] | id = "a b" | match.words = ["x"] | answer = "x"
        error: routes.toml:5: `a b` is no id for a route
        hint: use up to 40 letters, digits, `-` and `_`
    [[route]] | id = "a" | answer = "x"
        error: routes.toml:4: the key `match` is missing
    [[route]] | id = "a" | match.word = ["x"] | answer = "x"
        error: routes.toml:6: unknown key `word`
        hint: did you mean `words`?
    [[route]] | id = "a" | match.words = [] | answer = "x"
        error: routes.toml:6: route `a` can never match: `words` is empty
        hint: remove `words`, or name something in it
    [[route]] | id = "a" | match.words = ["!!"] | answer = "x"
        error: routes.toml:6: `!!` of route `a` can never match: there is no word in it
        hint: use letters and digits; signs go into `pattern`
    [[route]] | id = "a" | match.pattern = "(" | answer = "x"
        error: routes.toml:6: the pattern of route `a` is no regular expression: unclosed group
    [[route]] | id = "a" | match.pattern = ".*" | answer = "x"
        error: routes.toml:6: the pattern of route `a` matches every message
        hint: a pattern must not match an empty text
    [[route]] | id = "a" | match.words = ["x"]
        error: routes.toml:5: route `a` has no answer
        hint: add `answer = """…"""`, or use `action = "escalate"`
    [[route]] | id = "a" | match.words = ["x"] | answer = ""
        error: routes.toml:7: the answer of route `a` is empty
    [[route]] | id = "a" | match.words = ["x"] | answer = "{{ nam }}"
        error: routes.toml:7: the answer of route `a` names a value that does not exist
        hint: an answer may name first_name, name, from, subject and date
    [[route]] | id = "a" | match.words = ["x"] | answer = "{{ name"
        error: routes.toml:7: the answer of route `a` is no template: syntax error: unexpected end of input, expected end of variable block
        hint: an answer may name first_name, name, from, subject and date
    [[route]] | id = "a" | match.words = ["x"] | action = "pay"
        error: routes.toml:7: unknown action `pay`
        hint: it can be `route_answer`, `reply`, `note`, `mark_read`, `escalate`, `ignore`, `issue`, `patch`, `run`
    [[route]] | id = "a" | match.words = ["x"] | action = "ignore" | answer = "x"
        error: routes.toml:8: route `a` has an answer that its action `ignore` never uses
        hint: remove the answer, or use `action = "route_answer"`
    [[route]] | id = "a" | match.words = ["x"] | brain = "m" | answer = "x"
        error: routes.toml:7: route `a` asks a brain, and says what to do all the same
        hint: remove `answer`, `action` and `confidence`
    [[route]] | id = "a" | match.words = ["x"] | answer = "x" | confidence = 2
        error: routes.toml:8: confidence is a number from 0 to 1
    "#);
}

#[test]
fn each_error_of_the_list_of_allowances_is_seen_once() {
    let desk = Desk::new();
    let path = desk.home().join(".config/git-drafts/allow.toml");
    let seen = each(
        &desk,
        &[
            "",
            "version = 2\n",
            "version = 0\n",
            "version = 1\nallow = 5\n",
            "version = 1\n[[allow]]\nkind = \"x\"\n",
        ],
        |case| {
            write_own(&path, case);
            desk.drafts(&["allow", "--list"])
                .fails(128)
                .err
                .replace(&path.display().to_string(), "allow.toml")
        },
    );
    assert_snapshot!(seen, @r#"

        error: allow.toml:1: the key `version` is missing
        hint: write `version = 1` at the top
    version = 2
        error: allow.toml:1: version 2 is newer than this program, which reads version 1
        hint: install a newer git-drafts
    version = 0
        error: allow.toml: version 0 of this list is not known
        hint: the version is 1
    version = 1 | allow = 5
        error: allow.toml:2: `allow` is not a list
        hint: write it as `allow = ["..."]`
    version = 1 | [[allow]] | kind = "x"
        error: allow.toml:2: the key `fingerprint` is missing
    "#);
}

#[test]
fn each_refusal_about_one_draft_or_one_connector_is_seen_once() {
    let desk = with_answer();
    let id = desk.id("invoice");
    let seen = each(
        &desk,
        &[
            "connector test mail",
            "connector test out",
            "connector test a/b",
            "connector test nats --setting folder",
            "connector test nats --to 'Ada Brown'",
            "-C nowhere list",
            "show",
            "show a",
            "show zzzz",
            "show ID --outgoing --raw",
            "resolve ID",
            "resolve ID --sent",
            "allow ID",
            "allow ID --reason x",
            "allow ID --reason x --expires 3d",
            "allow ID --reason x --finding one",
            "review",
            "aprove ID",
            "shadw",
            "approve ID --comit",
            "stats --since yesterday",
            "log -n many",
        ],
        |case| {
            let said = desk.shell(&format!("git drafts {}", case.replace("ID", &id)));
            assert!(said.code > 0 && said.out.is_empty(), "{case}: {said:?}");
            said.err.replace(&id, "ID")
        },
    );
    assert_snapshot!(seen, @"
    connector test mail
        error: `mail` is a Maildir, and only hubs and programs can be tried out
        hint: `git drafts check` looks at it
    connector test out
        error: `out` is a Maildir, and only hubs and programs can be tried out
        hint: `git drafts check` looks at it
    connector test a/b
        error: the wiring has no source and no transport `a/b`
        hint: a program's name has letters, digits, `-` and `_`
    connector test nats --setting folder
        error: `folder` is not KEY=VALUE
        hint: write it as `--setting folder=/var/spool/answers`
    connector test nats --to 'Ada Brown'
        error: `Ada Brown` is no address
        hint: write it as `ada@example.org`, or as the hub calls an agent
    -C nowhere list
        error: there is no folder ~/drafts/nowhere
    show
        error: the following required arguments were not provided:
          <ID>

        Usage: git drafts show <ID>

        For more information, try 'git drafts help show'.
    show a
        error: `a` is not a draft id
        hint: `git drafts list` shows the ids; their first letters are enough
    show zzzz
        error: no draft has an id that begins with `zzzz`
        hint: `git drafts list` shows those that wait
    show ID --outgoing --raw
        error: the argument '--outgoing' cannot be used with '--raw'

        Usage: git drafts show --outgoing <ID>

        For more information, try 'git drafts help show'.
    resolve ID
        error: the following required arguments were not provided:
          <--sent|--resend|--drop>

        Usage: git drafts resolve <--sent|--resend|--drop> <ID>

        For more information, try 'git drafts help resolve'.
    resolve ID --sent
        error: there is nothing to resolve about ID: its last entry is `drafted`
        hint: `git drafts log ID` tells the whole story
    allow ID
        error: the following required arguments were not provided:
          --reason <TEXT>

        Usage: git drafts allow --reason <TEXT> <ID>

        For more information, try 'git drafts help allow'.
    allow ID --reason x
        error: ID has no secret in it
        hint: `git drafts status` says what it waits for
    allow ID --reason x --expires 3d
        error: the following required arguments were not provided:
          --always

        Usage: git drafts allow --always --reason <TEXT> --expires <TIME> <ID>

        For more information, try 'git drafts help allow'.
    allow ID --reason x --finding one
        error: invalid value 'one' for '--finding <N>': not a whole number

        For more information, try 'git drafts help allow'.
    review
        error: review asks questions, and there is no terminal to answer them
        hint: `git drafts digest` prints what waits; `git drafts approve ID` needs no terminal
    aprove ID
        error: unrecognized subcommand 'aprove'
        hint: some similar subcommands exist: 'resolve', 'approve'

        Usage: git drafts [OPTIONS] <COMMAND>

        For more information, try 'git drafts help'.
    shadw
        error: unrecognized subcommand 'shadw'
        hint: a similar subcommand exists: 'show'

        Usage: git drafts [OPTIONS] <COMMAND>

        For more information, try 'git drafts help'.
    approve ID --comit
        error: unexpected argument '--comit' found
        hint: a similar argument exists: '--commit'

        Usage: git drafts approve --commit <ID>...

        For more information, try 'git drafts help approve'.
    stats --since yesterday
        error: `yesterday` is neither a date nor an age
        hint: write it as 2026-11-20, 30d, 4w or 12h
    log -n many
        error: invalid value 'many' for '-n <COUNT>': not a whole number

        For more information, try 'git drafts help log'.
    ");
}
