//! Taking messages in.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::desk::Desk;
use crate::support::mail::Mail;

const SKY: &str = "Why is the sky blue?";

#[test]
fn a_tick_shows_a_table_and_a_second_one_nothing() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail(SKY).tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
     ! [needs you]      zkvj  medium 0.00  Ada Brown <- Re: Why is the sky blue?
    2 drafts wait for you in ~/drafts
    ");
    let before = desk.state();
    desk.tick();
    assert_eq!(desk.seen(), "");
    assert_eq!(desk.state(), before);
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_draft_is_committed_by_the_machine_and_says_all_there_is_to_know() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    assert_snapshot!(desk.plain(&desk.text("invoice")), @r#"
    +++
    status = "draft"
    to = ["Ada Brown <ada@example.org>"]
    subject = "Re: where is my invoice?"

    [draft]
    version = 1
    id = "rnjkmjrz"
    action = "route_answer"
    source = "mail"
    answers = "<mail-1@example.org>"
    tier = "low"
    confidence = 0.90
    why = "route `invoice` matches (words: where, invoice)"
    findings = []
    +++

    Hello Ada,

    your invoices are in the customer portal at https://example.com/billing, under Billing: each one from the third day of the next month on, to read and to download.

    If yours is not there, answer this mail with the month and your customer number, and we will look for it.

    ------------------------ >8 ------------------------
    Everything below this line is context and is never sent.
    To send: set status to "approved" above and commit. To reject: delete this file and commit.

    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:01 +0000
    Subject: where is my invoice?

    > where is my invoice?
    "#);
    assert_snapshot!(desk.plain(&desk.git_says(&["log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B"])), @"
    git-drafts <git-drafts@machine.invalid>
    git-drafts <git-drafts@machine.invalid>
    draft: rnjkmjrz route_answer

    Draft-Id: rnjkmjrz
    Source: mail
    Brain: rules (invoice)
    Confidence: 0.90
    Tier: low
    ");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_dry_run_writes_nothing() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail(SKY);
    let before = desk.state();
    let index = fs::read(desk.path(".git/index")).unwrap();
    desk.drafts(&["tick", "--dry-run"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
         plan: route_answer by rules (invoice), confidence 0.90
         verdict: a draft; tier low asks for `approve`
         to: Ada Brown <ada@example.org>
         why: route `invoice` matches (words: where, invoice)
         | Hello Ada,
         |
         | your invoices are in the customer portal at https://example.com/billing, under Billing: each one from the third day of the next month on, to read and to download.
         |
         | If yours is not there, answer this mail with the month and your customer number, and we will look for it.
     ! [needs you]      zkvj  medium 0.00  Ada Brown <- Re: Why is the sky blue?
         plan: escalate by rules, confidence 0.00
         verdict: left to you; tier medium asks for `approve`
         to: Ada Brown <ada@example.org>
         why: no route knows this
    Nothing was written: this was a dry run.
    ");
    assert_eq!(desk.state(), before);
    assert_eq!(fs::read(desk.path(".git/index")).unwrap(), index);
    assert_eq!(desk.files(), [""; 0]);
    desk.tick();
    assert_eq!(desk.files().len(), 2);
}

#[test]
fn scripts_get_lines_or_json() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail(SKY);
    desk.receive(&Mail { subject: "News", headers: "List-Id: <news.example.org>\n", ..Mail::default() });
    desk.drafts(&["tick", "--dry-run", "--porcelain"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    drafted rnjkmjrz low mail <mail-1@example.org>
    needs_you zkvjmhlp medium mail <mail-2@example.org>
    ignored - - mail <mail-3@example.org>
    ");
    let said = desk.drafts(&["tick", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "drafts": 2,
      "messages": [
        {
          "action": "route_answer",
          "brain": "rules (invoice)",
          "cc": [],
          "confidence": 0.9,
          "findings": [],
          "gate": "approve",
          "id": "rnjkmjrz",
          "message": "<mail-1@example.org>",
          "outcome": "drafted",
          "planned": "route_answer",
          "reason": "route `invoice` matches (words: where, invoice)",
          "source": "mail",
          "tier": "low",
          "to": [
            "Ada Brown <ada@example.org>"
          ]
        },
        {
          "action": "escalate",
          "brain": "rules",
          "cc": [],
          "confidence": 0.0,
          "findings": [],
          "gate": "approve",
          "id": "zkvjmhlp",
          "message": "<mail-2@example.org>",
          "outcome": "needs_you",
          "planned": "escalate",
          "reason": "no route knows this",
          "source": "mail",
          "tier": "medium",
          "to": [
            "Ada Brown <ada@example.org>"
          ]
        },
        {
          "id": null,
          "message": "<mail-3@example.org>",
          "outcome": "ignored",
          "reason": "list mail",
          "source": "mail"
        }
      ],
      "version": 1
    }
    "#);
    let said = desk.drafts(&["tick", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["drafts"], 0);
    assert_eq!(json["messages"].as_array().unwrap().iter().filter(|m| m["outcome"] == "known").count(), 3);
}

#[test]
fn more_messages_than_the_limit_wait_for_the_next_tick() {
    let desk = Desk::new();
    for number in 0..5 {
        desk.with_mail(&format!("where is invoice {number}?"));
    }
    desk.drafts(&["tick", "--max", "2"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is invoice 0?
     * [new draft]      zkvj  low    0.90  Ada Brown <- Re: where is invoice 1?
     . [waits]          3 messages for the next tick
    2 drafts wait for you in ~/drafts
    ");
    desk.drafts(&["tick", "--max", "2"]).succeeds();
    desk.drafts(&["tick", "--max", "2"]).succeeds();
    assert_eq!(desk.files().len(), 5);
}

#[test]
fn old_messages_are_left_alone_until_they_are_asked_for() {
    let desk = Desk::with_wiring(&wiring_since("7d"));
    desk.with_mail("where is my invoice?");
    let mail = desk.home().join("mail/inbox/new/0001.mail");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    fs::File::options().append(true).open(mail).unwrap().set_modified(old).unwrap();
    desk.tick();
    assert_eq!(desk.seen(), "");
    desk.drafts(&["tick", "--all"]).succeeds();
    assert_eq!(desk.files().len(), 1);
}

fn wiring_since(since: &str) -> String {
    format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\n\
         path = \"mail/outbox\"\n[limits]\nmessages_since = \"{since}\"\n[notify]\nenabled = false\n"
    )
}

pub fn question(desk: &Desk) {
    desk.receive(&Mail { id: "first@example.org", subject: SKY, body: "Why?\n", ..Mail::default() });
}

pub fn follow_up(desk: &Desk) {
    desk.receive(&Mail {
        id: "second@example.org",
        subject: "Re: Why is the sky blue?",
        body: "And the sea?\n",
        headers: "In-Reply-To: <first@example.org>\nReferences: <first@example.org>\n",
        ..Mail::default()
    });
}

#[test]
fn a_thread_of_two_gets_one_draft_for_the_last_of_them() {
    let desk = Desk::new();
    question(&desk);
    follow_up(&desk);
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ! [needs you]      wskm  medium 0.00  Ada Brown <- Re: Why is the sky blue?
     - [ignored]        1 message (part of the thread)
    1 draft waits for you in ~/drafts
    ");
    let text = desk.text("sky");
    assert!(text.contains("answers = \"<second@example.org>\""), "{text}");
    assert!(text.contains("> Why?") && text.contains("> And the sea?"), "{text}");
}

#[test]
fn a_later_message_takes_the_place_of_a_draft_that_nobody_touched() {
    let desk = Desk::new();
    question(&desk);
    desk.tick();
    let first = desk.id("sky");
    follow_up(&desk);
    desk.tick();
    assert_ne!(desk.id("sky"), first);
    assert_eq!(desk.story(&first), "drafted superseded");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_draft_that_somebody_works_on_stays_beside_the_later_one() {
    for staged in [false, true] {
        let desk = Desk::new();
        question(&desk);
        desk.tick().answer("sky", "Because");
        if staged {
            desk.git(&["add", "drafts"]);
        }
        let first = desk.id("sky");
        let before = desk.text("sky");
        follow_up(&desk);
        desk.tick();
        assert_eq!(desk.files().len(), 2, "staged: {staged}");
        assert_eq!(desk.text(&first), before);
        assert_eq!(desk.story(&first), "drafted");
    }
}

#[test]
fn the_same_message_twice_is_one_draft_and_the_same_id_with_another_text_is_two() {
    let desk = Desk::new();
    question(&desk);
    question(&desk);
    desk.tick();
    assert_eq!(desk.files().len(), 1);
    let first = desk.id("sky");
    desk.answer("sky", "Because.");
    desk.receive(&Mail {
        id: "first@example.org",
        subject: "Other",
        body: "Send money\n",
        ..Mail::default()
    });
    desk.tick();
    assert_eq!(desk.files().len(), 2, "{}", desk.seen());
    assert_ne!(desk.id("other"), first);
    desk.tick();
    assert_eq!(desk.seen(), "");
}

#[test]
fn a_question_is_not_lost_when_a_later_message_takes_the_place_of_its_draft() {
    let desk = Desk::new();
    question(&desk);
    desk.tick();
    follow_up(&desk);
    desk.tick();
    assert!(desk.text("sky").contains("> Why?"), "{}", desk.text("sky"));
}

#[test]
fn automatic_mail_is_ignored_and_never_asked_about_again() {
    let desk = Desk::new();
    for (from, headers) in [
        ("Ada <ada@example.org>", "Auto-Submitted: auto-replied\n"),
        ("News <news@example.org>", "List-Id: <news.example.org>\n"),
        ("Bulk <bulk@example.org>", "Precedence: bulk\n"),
        ("no-reply@example.org", ""),
        ("MAILER-DAEMON@example.org", ""),
        ("Sam Hill <sam@example.com>", ""),
    ] {
        desk.receive(&Mail { from, headers, ..Mail::default() });
    }
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     - [ignored]        6 messages (auto-submitted, list mail, no-reply sender, bounce, from ourselves)
    0 drafts wait for you in ~/drafts
    ");
    assert_eq!(desk.files(), [""; 0]);
    let before = desk.state();
    desk.tick();
    assert_eq!((desk.seen(), desk.state()), (String::new(), before));
}

#[test]
fn a_message_that_cannot_be_read_becomes_an_escalation_that_says_so() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").receive_bytes(b"").receive_bytes(&[0xff; 300]);
    desk.receive_bytes(b"Subject: no sender\n\nwho is it?\n");
    desk.tick();
    assert_snapshot!(desk.seen(), @"
    From mail
     ! [unreadable]     gknl  high         a message that is empty
     ! [unreadable]     qxjt  high         a message that has no sender
     ! [unreadable]     rqzw  high         a message that has no sender
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    4 drafts wait for you in ~/drafts
    ");
    desk.tick();
    assert_eq!(desk.seen(), "");
    assert!(desk.text("invoice").contains("route_answer"), "the good one is drafted all the same");
}

#[test]
fn a_secret_in_a_message_reaches_no_git_object() {
    let desk = Desk::new();
    let token = ["ghp_", "0123456789abcdefghijklmnopqrstuvwxyz"].concat();
    desk.with_mail(&format!("Is {token} still good?")).tick();
    let all = desk.shell("git cat-file --batch --batch-all-objects | grep -c -a 0123456789abcdef");
    assert_eq!((all.out.trim(), all.code), ("0", 1), "{}", all.err);
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn two_ticks_at_once_are_one() {
    let desk = Desk::new();
    for number in 0..30 {
        desk.with_mail(&format!("where is invoice {number}?"));
    }
    let ticks: Vec<_> = (0..4)
        .map(|_| {
            desk.command("git").args(["drafts", "tick"]).stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut tick in ticks {
        assert!(tick.wait().unwrap().success());
    }
    desk.tick();
    assert_eq!(desk.files().len(), 30);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

// Files that a person wrote, with mistakes in them.

fn broken(name: &str, text: &str) -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    desk.commit_file(name, text).with_mail(SKY);
    desk
}

#[test]
fn a_mistake_in_the_catalogue_is_named_with_its_line_and_nothing_is_lost() {
    let desk = broken(
        "routes.toml",
        "version = 1\n\n[[route]]\nid = \"a\"\nmtach = { words = [\"x\"] }\nanswer = \"y\"\n",
    );
    let before = desk.state();
    desk.drafts(&["tick"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: routes.toml:5: unknown key `mtach`
    2> hint: did you mean `match`?
    exit 128
    ");
    assert_eq!(desk.state(), before);
    desk.git(&["revert", "--no-edit", "HEAD"]).tick();
    assert_eq!(desk.files().len(), 2);
}

#[test]
fn a_mistake_in_the_policy_is_named_with_its_line_and_nothing_is_sent() {
    let desk = broken("drafts.toml", "version = 1\n\n[gates]\nlow = \"aprove\"\n");
    desk.drafts(&["tick"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts.toml:4: unknown gate `aprove`
    2> hint: did you mean `approve`?
    exit 128
    ");
    desk.approve("invoice").commit_quietly("yes").drafts(&["send"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts.toml:4: unknown gate `aprove`
    2> hint: did you mean `approve`?
    exit 128
    ");
    assert_eq!(desk.sent(), []);
    desk.commit_file("drafts.toml", "version = 1\n").drafts(&["run"]).succeeds();
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn a_gate_that_needs_nobody_is_refused() {
    let desk = broken("drafts.toml", "version = 1\n\n[gates]\nlow = \"auto\"\n");
    desk.drafts(&["tick"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts.toml:3: the gate `auto` is not supported: nothing is sent without a person
    2> hint: use `approve`
    exit 128
    ");
}

#[test]
fn a_mistake_in_the_wiring_is_named_with_its_line() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?");
    let good = fs::read_to_string(desk.home().join(".config/git-drafts/config.toml")).unwrap();
    let bad = good.replace("transport = \"out\"", "transprt = \"out\"");
    fs::write(desk.home().join(".config/git-drafts/config.toml"), bad).unwrap();
    desk.drafts(&["tick"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: ~/.config/git-drafts/config.toml:10: unknown key `transprt`
    2> hint: did you mean `transport`?
    exit 128
    ");
    fs::write(desk.home().join(".config/git-drafts/config.toml"), good).unwrap();
    desk.tick();
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn a_wiring_that_others_may_write_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let path = desk.home().join(".config/git-drafts/config.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    desk.drafts(&["tick"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: others may write to ~/.config/git-drafts/config.toml (mode 666), so it is not believed
    2> hint: read it, then: chmod 600 ~/.config/git-drafts/config.toml
    exit 128
    ");
}

#[test]
fn one_source_that_is_broken_does_not_stop_the_other() {
    let desk = Desk::new();
    let path = desk.home().join(".config/git-drafts/config.toml");
    let wiring = fs::read_to_string(&path).unwrap();
    let gone = "\n[source.gone]\nkind = \"maildir\"\npath = \"/nowhere/at/all\"\naddress = [\"sam@example.com\"]\ntransport = \"out\"\n";
    fs::write(&path, format!("{wiring}{gone}")).unwrap();
    desk.with_mail("where is my invoice?").drafts(&["tick"]);
    assert_snapshot!(desk.seen(), @"
    From mail
     * [new draft]      rnjk  low    0.90  Ada Brown <- Re: where is my invoice?
    1 draft waits for you in ~/drafts
    2> warning: source `gone` is skipped: there is no Maildir at `/nowhere/at/all`
    2> hint: set `path` of source `gone` to a Maildir, a folder with `new` and `cur` in it
    exit 1
    ");
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn two_who_write_in_one_thread_before_a_tick_both_get_their_answer() {
    let desk = Desk::new();
    // A clock that goes on while a tick works.
    desk.with("GIT_DRAFTS_NOW", "");
    for number in 0..40 {
        let first = format!("first-{number}@example.org");
        desk.receive(&Mail { id: &first, subject: "Where is my invoice?", ..Mail::default() });
        let headers = format!("In-Reply-To: <{first}>\nReferences: <{first}>\n");
        let from = format!("Bob <bob-{number}@example.org>");
        let subject = "Re: Where is my invoice?";
        desk.receive(&Mail { from: &from, subject, headers: &headers, ..Mail::default() });
    }
    desk.drafts(&["tick", "--max", "100"]).succeeds();
    let first = desk
        .files()
        .into_iter()
        .find(|file| fs::read_to_string(desk.path(file)).unwrap().contains("answers = \"<first-0@"))
        .unwrap();
    desk.approve(&first["drafts/".len()..]).commit_quietly("yes");
    desk.drafts(&["send"]).succeeds();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}
