//! Where secrets are looked for: in messages, prompts, answers, commits and the bytes that leave; and
//! what a person may allow.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use serde_json::json;

use crate::approve::with_answer;
use crate::support::desk::Desk;
use crate::support::hub::{Message, StateHub};
use crate::support::mail::Mail;
use crate::support::model::ModelServer;

/// A token that shows itself, put together here so that no forge takes this file for a leak.
fn token() -> String {
    ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat()
}

/// A password that only the words around it give away.
fn password() -> String {
    ["Plum", "-Tractor", "-4417"].concat()
}

/// One of our own credentials.
fn credential() -> String {
    ["own", "-Canary", "-Wx82Lq"].concat()
}

/// All that any object of the repository holds, also those that no branch reaches.
pub fn objects(desk: &Desk) -> String {
    let output = desk.command("git").args(["cat-file", "--batch-all-objects", "--batch"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that lies in the home but the mail and the wiring.
fn kept(desk: &Desk) -> String {
    let files = "find .. -type f -not -path '../mail/*' -not -path '../.config/*' -exec cat {} +";
    format!("{}\n{}", desk.shell(files).out, objects(desk))
}

fn says(body: &str) -> String {
    json!({ "action": "reply", "body": body, "subject": null, "confidence": 0.9, "why": "w" }).to_string()
}

/// A desk whose brain is a model that always says the same.
fn with_model(server: &ModelServer, more: &str) -> Desk {
    Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"m\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n\
         [notify]\nenabled = false\n[brain.m]\nkind = \"openai\"\nmodel = \"m\"\nretries = 0\nurl = \"{}\"\n{more}\n",
        server.url()
    ))
}

/// Writes a line into the answer of a draft and approves it while hooks are off.
fn approve_with(desk: &Desk, word: &str, line: &str) {
    desk.edit(word, "customer portal", &format!("portal\n\n{line}\n\nthe portal")).approve(word);
    desk.commit_quietly("yes");
}

/// Checks that a draft is held for a reason that shows no value, and that nothing is sent.
#[track_caller]
fn held(desk: &Desk, value: &str) -> String {
    desk.send();
    let seen = desk.seen();
    assert!(seen.contains("[held]") && !seen.contains(value), "{seen}");
    assert_eq!(desk.sent(), []);
    let line = seen.lines().find(|line| line.contains("[held]")).unwrap();
    line.split_once("]      ").unwrap().1[6..].to_owned()
}

// What comes in.

#[test]
fn a_secret_in_any_part_of_a_message_reaches_no_object_and_no_prompt() {
    let server = ModelServer::saying(&says("It is in the portal."));
    let desk = with_model(&server, "");
    let (token, password) = (token(), password());
    let mixed = format!(
        "--x\r\n\r\nThe password is {password}\r\n\r\nreversed: {}\r\n--x\r\n\
         Content-Disposition: attachment; filename=\"{token}.txt\"\r\n\r\nfile\r\n--x--\r\n",
        password.chars().rev().collect::<String>(),
    );
    desk.receive(&Mail {
        from: &format!("\"{token}\" <ada@example.org>"),
        subject: &format!("Key {token}"),
        headers: &format!(
            "X-Key: {token}\nReferences: <root@x> <{token}@example.org>\nContent-Type: multipart/mixed; boundary=x\n"
        ),
        body: &mixed,
        ..Mail::default()
    })
    .tick();
    assert_eq!(server.seen().len(), 1, "{}", desk.seen());
    let all = format!("{}\n{}", kept(&desk), server.seen()[0].prompt);
    let rest = &token[4..];
    for value in [rest, &password, &password.to_lowercase(), &password.chars().rev().collect::<String>()] {
        assert!(!all.contains(value), "{}", all.lines().find(|line| line.contains(value)).unwrap());
    }
    let text = desk.text("key");
    for line in [
        "subject = \"Re: Key [secret:github-token]\"",
        "to = [\"[secret:github-token] <ada@example.org>\"]",
        "> The password is [secret:password]",
        "> reversed: [secret:known]",
        "a secret was taken out (github-token)",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(server.seen()[0].prompt.contains("Attached, not shown: [secret:github-token].txt"));
    desk.tick();
    assert_eq!((desk.seen().as_str(), server.seen().len()), ("", 1), "it is known");
}

#[test]
fn a_message_whose_id_is_a_secret_needs_a_person() {
    let desk = Desk::new();
    let id = format!("{}@example.org", token());
    desk.receive(&Mail { id: &id, ..Mail::default() }).tick();
    assert!(desk.seen().contains("has a secret in its id or in an address"), "{}", desk.seen());
    assert!(!kept(&desk).contains(&token()[4..]));
    assert_eq!(desk.files().len(), 1);
    desk.tick();
    assert_eq!(desk.seen(), "");
}

#[test]
fn what_one_message_gives_away_is_taken_out_of_its_whole_thread() {
    let desk = Desk::new();
    let password = password();
    let first = format!("Password: {password}\n");
    let second = format!("{password} does not work.\n");
    desk.receive(&Mail { id: "a@x", subject: "Box one", body: &first, ..Mail::default() }).tick();
    let headers = "References: <a@x>\nIn-Reply-To: <a@x>\n";
    desk.receive(&Mail { id: "b@x", subject: "Box two", body: &second, headers, ..Mail::default() });
    desk.receive(&Mail { id: "c@x", subject: "Other", body: &second, ..Mail::default() }).tick();
    assert!(desk.text("two").contains("> [secret:known] does not work."), "{}", desk.text("two"));
    // In another thread it is a word: nobody's mail is spoilt by somebody else's.
    assert!(desk.text("other").contains(&password));
    desk.tick();
    assert_eq!(desk.seen(), "");
}

#[test]
fn a_mail_of_thousands_of_secrets_makes_nothing_forgotten() {
    let desk = Desk::new();
    desk.receive(&Mail {
        id: "a@x",
        subject: "Key",
        body: &format!("It is {}\n", token()),
        ..Mail::default()
    })
    .tick();
    let body: String = (0..5_000).map(|n| format!("password: Plum-{n:05}-Tractor\n")).collect();
    let begin = std::time::Instant::now();
    desk.receive(&Mail { id: "b@x", subject: "Flood", body: &body, ..Mail::default() }).tick();
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
    assert!(desk.seen().contains("holds more secrets than are looked at"), "{}", desk.seen());
    assert!(!kept(&desk).contains("-Tractor"));
    desk.tick();
    assert_eq!((desk.seen().as_str(), desk.files().len()), ("", 2));
    let reversed: String = token().chars().rev().collect();
    desk.with_mail("where is my invoice?").tick();
    approve_with(&desk, "invoice", &reversed);
    assert!(held(&desk, &reversed).contains("there is a secret in it (known"), "{}", desk.seen());
}

#[test]
fn a_state_folder_that_is_lost_makes_no_second_draft() {
    let desk = Desk::new();
    desk.receive(&Mail { body: &format!("Password: {}\n", password()), ..Mail::default() }).tick();
    desk.shell("rm -r ../.state/git-drafts/*/secrets").succeeds();
    desk.tick();
    assert_eq!((desk.seen().as_str(), desk.files().len()), ("", 1));
}

#[test]
fn a_rule_that_comes_or_goes_makes_no_second_draft() {
    let desk = with_rules("");
    let body = "Where is my invoice? My badge is acme-0a1b2c3d.\n";
    desk.receive(&Mail { id: "a@x", subject: "Invoice", body, ..Mail::default() });
    // The same id with another text, and one whose badge stands in its id.
    desk.receive(&Mail { id: "a@x", subject: "Again", body: "Take acme-11111111!\n", ..Mail::default() });
    desk.receive(&Mail { id: "acme-22222222@x", subject: "Badge", ..Mail::default() });
    let many: String = (0..60).map(|number| format!("acme-{number:08x}\n")).collect();
    desk.receive(&Mail { id: "b@x", subject: "Badges", body: &many, ..Mail::default() });
    desk.receive(&Mail {
        id: "c@x",
        subject: "News of acme-33333333",
        headers: "Precedence: bulk\nList-Id: <news.example.org>\n",
        ..Mail::default()
    });
    desk.tick();
    assert!(desk.seen().contains("[ignored]"), "{}", desk.seen());
    assert_eq!(desk.files().len(), 3, "{}", desk.seen());
    for rules in [BADGE, "", BADGE] {
        write_rules(&desk, rules);
        desk.tick();
        assert_eq!((desk.seen().as_str(), desk.files().len()), ("", 3), "{rules}");
    }
    // What is noted of a message as it came says nothing without the key.
    let noted = desk.shell("git log -p --format= ledger -- '*.toml' | grep -c 'fetched = .hmac-sha256:'");
    assert_eq!(noted.out.trim(), "5");
    desk.shell("rm -r ../.state/git-drafts/*/secrets").succeeds();
    write_rules(&desk, "");
    desk.tick();
    assert_eq!((desk.seen().as_str(), desk.files().len()), ("", 3), "its text tells it without the key");
}

#[test]
fn a_message_that_was_seen_is_seen_whatever_is_taken_out_of_it_since() {
    let desk = with_rules("");
    desk.receive(&Mail { id: "a@x", subject: "Invoice", body: "Where is my invoice?\n", ..Mail::default() });
    desk.receive(&Mail {
        id: "b@x",
        from: "Eve <eve@example.org>",
        subject: "Mine, too",
        body: "And mine? I am acme-0a1b2c3d.\n",
        headers: "In-Reply-To: <a@x>\nReferences: <a@x>\n",
    });
    desk.tick();
    assert_eq!(desk.files().len(), 2, "{}", desk.seen());
    desk.approve("invoice").commit_quietly("yes");
    write_rules(&desk, BADGE);
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn what_is_kept_of_secrets_is_for_the_owner_alone() {
    let desk = Desk::new();
    desk.receive(&Mail { body: &format!("Password: {}\n", password()), ..Mail::default() }).tick();
    let folder = desk.shell("echo ../.state/git-drafts/*/secrets").out;
    let folder = desk.path(folder.trim());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("key"))), (0o700, 0o600));
    let list = fs::read_to_string(folder.join("tick")).unwrap();
    assert!(list.contains("\nsoft 15 ") && !list.to_lowercase().contains("tractor"), "{list}");
}

// Prompts.

#[test]
fn a_brain_is_not_asked_with_one_of_our_credentials() {
    let server = ModelServer::saying(&says("It is in the portal."));
    let desk = with_model(&server, "key = { env = \"LLM_KEY\" }");
    desk.with("LLM_KEY", credential());
    // No tick has fetched the key yet, so that only the prompt shows it.
    let body = format!("Is {} the key?\n", STANDARD.encode(credential()));
    desk.receive(&Mail { subject: "Key", body: &body, ..Mail::default() }).tick();
    assert_eq!(server.seen().len(), 0);
    let text = desk.text("drafts/");
    assert!(text.contains("action = \"escalate\""), "{text}");
    assert!(!kept(&desk).contains(&STANDARD.encode(credential())), "{text}");
    desk.tick();
    assert_eq!((desk.seen().as_str(), desk.files().len()), ("", 1), "it is known");
    // From now on it is taken out of what comes.
    desk.receive(&Mail { subject: "Once more", body: &body, ..Mail::default() }).tick();
    assert!(server.seen()[0].prompt.contains("Is [secret:known]"));
    assert!(desk.text("once-more").contains("> Is [secret:known]"));
    // The operator's own words are looked through, too.
    desk.commit_file("instructions.md", &format!("Our key:\n{}\n", credential())).with_mail("another");
    desk.drafts(&["tick"]).fails(128).says("instructions.md:2: there is a secret in it (known)");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_credential_of_any_source_is_taken_out_of_the_messages_of_all() {
    let (hub, credential) = (StateHub::start(), credential());
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n\
         [source.zhub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\ntoken = {{ env = \"HUB_TOKEN\" }}\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        hub.url()
    ));
    desk.with("HUB_TOKEN", &credential);
    // The second message is answered together with the first one.
    desk.receive(&Mail { id: "first@example.org", body: "Where are the keys?\n", ..Mail::default() });
    desk.receive(&Mail {
        id: "second@example.org",
        subject: &format!("Re: {credential}"),
        body: &format!("Is {credential} yours?\n"),
        headers: "In-Reply-To: <first@example.org>\nReferences: <first@example.org>\n",
        ..Mail::default()
    });
    // The mailbox comes first, and the hub's credential is fetched all the same before it is taken in.
    desk.tick();
    assert!(!desk.seen().contains(&credential) && desk.seen().contains("[ignored]"), "{}", desk.seen());
    assert!(!kept(&desk).contains(&credential));
    let text = desk.text("drafts/");
    assert!(text.contains("> Is [secret:known] yours?"), "{}", desk.seen());
    assert!(text.contains("> Where are the keys?"), "{text}");
}

// Answers.

#[test]
fn an_answer_with_a_grave_secret_becomes_a_draft_without_it() {
    let (token, credential) = (token(), credential());
    for value in [token.clone(), credential.clone(), STANDARD.encode(&credential)] {
        let server = ModelServer::saying(&says(&format!("Here you are: {value}")));
        let desk = with_model(&server, "key = { env = \"LLM_KEY\" }");
        desk.with("LLM_KEY", &credential).with_mail("where is my invoice?").tick();
        let text = desk.text("invoice");
        assert!(text.contains("action = \"escalate\"") && text.contains("tier = \"high\""), "{text}");
        assert!(text.contains("why = \"the answer has a secret in it ("), "{text}");
        assert!(!kept(&desk).contains(&value), "{text}");
        assert!(!desk.git_says(&["log", "-1", "--format=%B"]).contains("Reply:"));
    }
}

#[test]
fn an_answer_with_a_doubtful_one_is_drafted_and_held() {
    let server = ModelServer::saying(&says("Hello,\n\npassword: x1y2z3-demo"));
    let desk = with_model(&server, "");
    desk.with_mail("where is my invoice?").tick();
    let text = desk.text("invoice");
    assert!(text.contains("the answer has what may be a secret in it (password)"), "{text}");
    assert!(text.contains("tier = \"high\""), "{text}");
    desk.approve("invoice").commit_quietly("yes");
    assert_eq!(held(&desk, "x1y2z3"), "there is a secret in it (password, in the text, line 3)");
}

// Commits.

#[test]
fn a_commit_is_warned_with_path_and_line() {
    let desk = with_answer();
    desk.edit("invoice", "customer portal", &format!("portal\n\n{}\n\nthe", token())).approve("invoice");
    desk.try_git(&["commit", "-aqm", "yes"]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md:22: there is a secret in it (github-token)
    2> hint: take it out, and change it where it is used; if it is none: `git drafts allow rnjk --reason WHY`
    exit 1
    ");
    desk.git(&["checkout", "-q", "."]);
    desk.edit("invoice", "customer portal", "portal\n\npassword: x1y2z3\n\nthe").approve("invoice");
    desk.try_git(&["commit", "-aqm", "yes"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    2> warning: drafts/rnjkmjrz-re-where-is-my-invoice.md:22: there is a secret in it (password)
    2> hint: take it out, or it is held; if it is none: `git drafts allow rnjk --reason WHY`
    2> To out
    2>  ! [held]      rnjk  there is a secret in it (password, in the text, line 5)
    2> hint: take it out; if it is none: `git drafts allow rnjk --reason WHY`
    ");
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_draft_that_is_only_saved_is_warned_too() {
    let desk = with_answer();
    desk.edit("invoice", "customer portal", &format!("portal {}", token()));
    desk.try_git(&["commit", "-aqm", "later"])
        .succeeds()
        .says(".md:20: there is a secret in it (github-token)");
}

// What leaves.

#[test]
fn no_secret_leaves_by_any_part_of_an_answer() {
    let token = token();
    let split = format!("{}**{}**", &token[..9], &token[9..]);
    let entity = format!("&#{};{}", u32::from('g'), &token[1..]);
    for (from, to, place) in [
        ("subject = \"Re:", format!("subject = \"{token} Re:"), "the subject"),
        ("to = [\"Ada Brown", format!("to = [\"{token}"), "the recipients"),
        ("Hello Ada,", format!("Hello,\n{token}"), "the text, line 2"),
        ("Hello Ada,", format!("Hello,\n\n{split}"), "the HTML, line 2"),
        ("Hello Ada,", format!("Hello,\n\n{entity}"), "the text, line 3"),
    ] {
        let desk = with_answer();
        desk.edit("invoice", from, &to).approve("invoice").commit_quietly("yes");
        let told = held(&desk, &token[4..]);
        assert_eq!(told, format!("there is a secret in it (github-token, in {place})"), "{to}");
        assert_eq!(desk.story(&desk.id("invoice")), "drafted");
    }
}

#[test]
fn no_secret_leaves_in_an_attachment() {
    let desk = with_answer();
    fs::write(desk.path("notes.txt"), format!("a\nb {}\n", token())).unwrap();
    desk.git(&["add", "notes.txt"])
        .edit("invoice", "\n[draft]", "attach = [\"notes.txt\"]\n\n[draft]")
        .approve("invoice")
        .commit_quietly("yes");
    assert_eq!(held(&desk, &token()[4..]), "there is a secret in it (github-token, in attachment 1, line 2)");
}

#[test]
fn what_was_taken_out_of_the_inbox_does_not_leave() {
    let (token, password) = (token(), password());
    let mail = |body: &str| {
        let desk = Desk::new();
        desk.receive(&Mail { id: "k@x", subject: "Keys", body, ..Mail::default() });
        desk.with_mail("where is my invoice?").tick();
        desk
    };
    // A token is known in any spelling, and nobody may allow it.
    let reversed: String = token.chars().rev().collect();
    for spelling in [reversed, STANDARD.encode(format!("x{token}")), token.to_uppercase()] {
        let desk = mail(&format!("Use {token} please.\n"));
        approve_with(&desk, "invoice", &spelling);
        assert_eq!(held(&desk, &spelling), "there is a secret in it (known, in the text, line 5)");
        let id = desk.id("invoice");
        desk.drafts(&["allow", &id, "--reason", "it is public"])
            .fails(128)
            .says("a known secret is in the text");
        assert!(!desk.home().join(".config/git-drafts/allow.toml").exists());
    }
    // What only words made a secret is held, and a person may know better.
    let desk = mail(&format!("The password is {password}\n"));
    approve_with(&desk, "invoice", &password.to_uppercase());
    assert_eq!(held(&desk, &password), "there is a secret in it (from-a-message, in the text, line 5)");
    desk.drafts(&["allow", &desk.id("invoice"), "--reason", "the name of our product"]).succeeds();
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn our_own_credentials_do_not_leave_and_each_command_knows_those_of_the_other() {
    let (hub, credential) = (StateHub::start(), credential());
    hub.wants_token(&credential);
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"hub\"\n\
         [transport.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"sam\"\ntoken = {{ env = \"HUB_TOKEN\" }}\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        hub.url()
    ));
    desk.with_mail("where is my invoice?").tick();
    // Only the sender has the token, and it looks before it asks anybody for it.
    desk.with("HUB_TOKEN", &credential);
    approve_with(&desk, "invoice", &format!("hidden: {}", STANDARD.encode(&credential)));
    desk.send();
    assert!(desk.seen().contains("there is a secret in it (known, in the text, line 5)"), "{}", desk.seen());
    assert_eq!(hub.sent().len(), 0);
    // The tick has no token, and takes it out all the same.
    desk.with("HUB_TOKEN", "");
    let body = format!("Is {credential} yours?\n");
    desk.receive(&Mail { subject: "Yours", body: &body, ..Mail::default() }).tick();
    assert!(desk.text("yours").contains("> Is [secret:known] yours?"));
}

#[test]
fn what_goes_to_a_hub_is_looked_through() {
    let hub = StateHub::start();
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        hub.url()
    ));
    let message = Message { from: "planner".to_owned(), subject: "Sky".to_owned(), ..Message::default() };
    hub.receive(Message { body: "Why is it blue?\n".to_owned(), thread: "t".to_owned(), ..message });
    desk.tick().answer("sky", &format!("Ask {}", token())).approve("sky").commit_quietly("yes").send();
    assert!(desk.seen().contains("there is a secret in it (github-token, in the text)"), "{}", desk.seen());
    assert_eq!(hub.sent().len(), 0);
}

#[test]
fn a_list_that_cannot_be_read_sends_nothing() {
    let desk = Desk::new();
    desk.receive(&Mail { body: &format!("Password: {}\n", password()), subject: "Keys", ..Mail::default() });
    desk.with_mail("where is my invoice?").tick().approve("invoice").commit_quietly("yes");
    desk.shell("for list in ../.state/git-drafts/*/secrets/tick; do echo nonsense >>$list; done").succeeds();
    desk.drafts(&["send"]).fails(128).says("nobody knows which secrets are known");
    assert_eq!(desk.sent(), []);
    desk.shell("rm -r ../.state/git-drafts/*/secrets").succeeds();
    desk.tick().send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    desk.shell("grep -q '^soft' ../.state/git-drafts/*/secrets/tick").succeeds();
}

// What a person allows.

/// A desk with an approved answer that has a password in it.
fn with_password() -> (Desk, String) {
    let desk = with_answer();
    approve_with(&desk, "invoice", "password: x1y2z3");
    let id = desk.id("invoice");
    (desk, id)
}

#[test]
fn a_person_allows_a_finding_and_the_log_says_so() {
    let (desk, id) = with_password();
    assert_eq!(held(&desk, "x1y2z3"), "there is a secret in it (password, in the text, line 5)");
    desk.drafts(&["show", &id]).succeeds();
    assert!(desk.said().err.contains("finding 1: password in the text, line 5: held until it is allowed"));
    desk.drafts(&["allow", &id, "--reason", "a public test account"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    2> rnjkmjrz: finding 1 in the text, line 5 is allowed: password once by Sam Hill <sam@example.com>: a public test account
    2> an approved draft goes with the next "git drafts send"
    "#);
    let list = desk.home().join(".config/git-drafts/allow.toml");
    assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&list).unwrap();
    assert!(!text.contains("x1y2z3") && text.contains("fingerprint = \"hmac-sha256:"), "{text}");
    desk.drafts(&["show", &id])
        .succeeds()
        .says("finding 1: password in the text, line 5: allowed: password once");
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    desk.drafts(&["log", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  route_answer by rules (invoice), tier low
    Fri 20 Nov 12:00:00  approved    [abbrev]  Sam Hill <sam@example.com>, 5 lines edited
    Fri 20 Nov 12:00:00  allowed              password once by Sam Hill <sam@example.com>: a public test account
    Fri 20 Nov 12:00:00  claimed     [abbrev]  host [host], blob [abbrev]
    Fri 20 Nov 12:00:00  sending     [abbrev]  generation 1
    Fri 20 Nov 12:00:00  sent        [abbrev]  new/rnjkmjrz.1.[desk].[host]
    ");
    desk.drafts(&["log", &id, "--json"]).succeeds().says("\"overrides\":[\"password once by Sam Hill");
    desk.drafts(&["allow", "--list"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    Fri 20 Nov 12:00:00 rnjkmjrz  password once by Sam Hill <sam@example.com>: a public test account
    2> 1 line in ~/.config/git-drafts/allow.toml; to take one back, delete its table
    ");
}

#[test]
fn once_is_for_these_words_to_these_people() {
    for (from, to) in [
        ("Hello Ada", "Hello dear Ada"),
        ("ada@example.org", "eve@example.org"),
        ("Re: where", "Re: So where"),
    ] {
        let (desk, id) = with_password();
        desk.drafts(&["allow", &id, "--once", "--reason", "a public test account"]).succeeds();
        let path = desk.path(&desk.draft("invoice"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        desk.commit_quietly("another");
        held(&desk, "x1y2z3");
    }
}

#[test]
fn here_is_for_this_draft_and_always_for_a_time() {
    let check = |arguments: &[&str], later: &str, sent: usize| {
        let (desk, id) = with_password();
        desk.drafts(&[&["allow", &id, "--reason", "a public test account"], arguments].concat()).succeeds();
        desk.edit("invoice", "Hello Ada", "Hello dear Ada").commit_quietly("another");
        desk.with_mail("where is invoice 2?").tick();
        approve_with(&desk, "invoice-2", "password: x1y2z3");
        desk.at(later).send();
        assert_eq!(desk.sent().len(), sent, "{arguments:?} {}", desk.seen());
    };
    check(&["--here"], "2026-11-20T12:01:00Z", 1);
    check(&["--always"], "2027-02-18T11:59:00Z", 2);
    check(&["--always"], "2027-02-18T12:00:00Z", 0);
    check(&["--always", "--expires", "1d"], "2026-11-21T12:00:00Z", 0);
}

#[test]
fn a_secret_by_its_shape_is_allowed_for_these_words_only() {
    let desk = with_answer();
    approve_with(&desk, "invoice", &token());
    let id = desk.id("invoice");
    for reach in ["--here", "--always"] {
        desk.drafts(&["allow", &id, reach, "--reason", "it is revoked"])
            .fails(128)
            .says("for these words only");
    }
    desk.drafts(&["allow", &id, "--once", "--reason", &format!("it is {}", token())])
        .fails(128)
        .says("there is a secret in the reason");
    held(&desk, &token()[4..]);
    desk.drafts(&["allow", &id, "--once", "--reason", "it is revoked"]).succeeds();
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn each_of_several_findings_is_allowed_by_its_number() {
    let desk = with_answer();
    approve_with(&desk, "invoice", "password: x1y2z3\npin: 4711");
    let id = desk.id("invoice");
    desk.drafts(&["allow", &id, "--reason", "tests"]).fails(129).says("has 2 findings");
    desk.drafts(&["allow", &id, "--finding", "3", "--reason", "tests"]).fails(129);
    desk.drafts(&["allow", &id, "--finding", "2", "--reason", "tests"]).succeeds();
    assert_eq!(held(&desk, "x1y2z3"), "there is a secret in it (password, in the text, line 5)");
    desk.drafts(&["allow", &id, "--finding", "1", "--reason", "tests"]).succeeds();
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
    let log = desk.drafts(&["log", &id]).succeeds().out;
    assert_eq!(log.matches("  allowed  ").count(), 2, "{log}");
}

#[test]
fn a_word_that_is_taken_back_counts_no_more() {
    let (desk, id) = with_password();
    desk.drafts(&["allow", &id, "--reason", "a public test account"]).succeeds();
    let list = desk.home().join(".config/git-drafts/allow.toml");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.split("\n[[allow]]").next().unwrap()).unwrap();
    held(&desk, "x1y2z3");
    // A list with a mistake is no list, and neither is one that others may write.
    fs::write(&list, text.replace("scope = ", "scoop = ")).unwrap();
    desk.send();
    assert!(desk.seen().contains("allow.toml:9: unknown key `scoop`"), "{}", desk.seen());
    fs::write(&list, &text).unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o622)).unwrap();
    desk.send();
    assert!(desk.seen().contains("others may write to"), "{}", desk.seen());
    assert_eq!(desk.sent(), []);
}

#[test]
fn nothing_in_the_text_or_in_the_repository_allows_anything() {
    let (desk, id) = with_password();
    desk.drafts(&["allow", &id, "--always", "--reason", "a public test account"]).succeeds();
    let list = desk.home().join(".config/git-drafts/allow.toml");
    let text = fs::read_to_string(&list).unwrap();
    fs::remove_file(&list).unwrap();
    for path in ["allow.toml", "drafts/allow.toml", ".gitleaks.toml"] {
        desk.commit_file(path, &text);
    }
    held(&desk, "x1y2z3");
    desk.edit("invoice", "password: x1y2z3", "password: x1y2z3 # gitleaks:allow pragma: allowlist secret")
        .commit_quietly("allowed?");
    held(&desk, "x1y2z3");
}

#[test]
fn a_commit_is_not_warned_of_what_is_allowed() {
    let desk = with_answer();
    desk.edit("invoice", "customer portal", "portal\n\npassword: x1y2z3\n\nthe");
    desk.drafts(&["allow", &desk.id("invoice"), "--reason", "a public test account"]).succeeds();
    desk.approve("invoice").commit("yes");
    assert!(!desk.seen().contains("secret"), "{}", desk.seen());
    assert_eq!(desk.sent().len(), 1);
}

// Logs.

#[test]
fn no_log_has_a_secret_a_message_or_a_prompt_in_it() {
    let server = ModelServer::saying(&says("canary of the answer"));
    let (hub, credential) = (StateHub::start(), credential());
    hub.wants_token(&credential);
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"m\"\n\
         [source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\nbrain = \"m\"\n\
         token = {{ env = \"HUB_TOKEN\" }}\n[transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n\
         [brain.m]\nkind = \"openai\"\nmodel = \"m\"\nretries = 1\nurl = \"{}\"\nkey = {{ env = \"LLM_KEY\" }}\n",
        hub.url(),
        server.url()
    ));
    desk.commit_file("instructions.md", "canary of the instructions\n");
    let llm_key = ["llm", "-Canary", "-Zz91Qp"].concat();
    desk.with("HUB_TOKEN", &credential).with("LLM_KEY", &llm_key);
    desk.with("GIT_DRAFTS_LOG", "trace").with("RUST_LOG", "trace");
    let body = format!("canary of the body, {} and the password is {}\n", token(), password());
    desk.receive(&Mail { subject: "canary of the subject", body: &body, ..Mail::default() });
    let message = Message { from: "planner".to_owned(), thread: "t".to_owned(), ..Message::default() };
    hub.receive(Message { subject: "Hub canary".to_owned(), body: body.clone(), ..message });
    let mut log = desk.drafts(&["tick"]).succeeds().err;
    desk.shell("sed -i 2s/draft/approved/ drafts/*.md").succeeds();
    desk.commit_quietly("yes").at("2026-11-20T13:00:00Z");
    log.push_str(&desk.drafts(&["send"]).succeeds().err);
    desk.at("2026-11-20T13:01:00Z");
    log.push_str(&desk.drafts(&["send"]).succeeds().err);
    assert_eq!((desk.sent().len(), hub.sent().len()), (1, 1), "{log}");
    assert!(log.contains("TRACE") || log.contains("DEBUG") || log.contains("INFO"), "it was heard: {log}");
    log.push_str(&fs::read_to_string(desk.path(".git/drafts/send.log")).unwrap_or_default());
    let canaries =
        [&credential, &llm_key, &token()[4..], &password(), "canary of", "Charter", "data from outside"];
    for canary in canaries {
        let line = log.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
}

/// A rule that takes a badge for a secret.
const BADGE: &str = "[[rules]]\nid = \"badge\"\nregex = 'acme-[0-9a-f]{8}'\nkeywords = [\"acme\"]\n";

/// A desk whose wiring names a file of rules, with these in it.
fn with_rules(rules: &str) -> Desk {
    let desk = Desk::unmade();
    desk.write_wiring(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\n\
         path = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n\
         [secrets]\nextra_rules = \"rules.toml\"\n",
    );
    write_rules(&desk, rules);
    desk.drafts(&["init"]).succeeds();
    desk
}

fn write_rules(desk: &Desk, rules: &str) {
    let path = desk.home().join(".config/git-drafts/rules.toml");
    fs::write(&path, rules).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_rule_of_the_operator_takes_out_and_holds() {
    let desk = with_rules(BADGE);
    let body = "Where is my invoice for October? My badge is acme-0a1b2c3d.\n";
    desk.receive(&Mail { subject: "Invoice for October", body, ..Mail::default() }).tick();
    let text = desk.text("invoice");
    assert!(text.contains("My badge is [secret:badge]."), "{text}");
    assert!(!kept(&desk).contains("acme-0a1b2c3d"));
    approve_with(&desk, "invoice", "Take acme-99999999 then.");
    assert!(held(&desk, "acme-99999999").contains("there is a secret in it (badge"), "{}", desk.seen());
}

#[test]
fn a_random_word_is_asked_about_and_holds_nothing() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    let run = ["q8Zx", "T2vL", "9mKp", "R4wY", "b7Nd"].concat();
    desk.edit("invoice", "Hello", &format!("{run}, hello"));
    desk.approve("invoice").commit("yes");
    assert!(desk.seen().contains("a long random word stands in it"), "{}", desk.seen());
    assert!(!desk.said().err.contains(&run), "{}", desk.seen());
    desk.send();
    assert_eq!(desk.sent().len(), 1);
}
