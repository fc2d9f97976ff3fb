//! Exit codes, prefixes and the other manners of a command.

use insta::assert_snapshot;

use crate::approve::with_answer;
use crate::support::desk::{Desk, PROGRAM};

#[test]
fn the_code_says_how_it_ended() {
    let desk = Desk::new();
    desk.drafts(&["status", "--exit-code"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, no tick yet.
    Nothing waits for you.
    ");
    desk.with_mail("where is my invoice?").tick();
    desk.drafts(&["status"]).succeeds();
    desk.drafts(&["status", "--exit-code"]).fails(1);
    desk.drafts(&["show", "aaaa"]).fails(129);
    desk.drafts(&["show", "zzzz"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: no draft has an id that begins with `zzzz`
    2> hint: `git drafts list` shows those that wait
    exit 128
    ");
    desk.drafts(&["frobnicate"]).fails(129);
    desk.drafts(&["status", "--json", "--porcelain"]).fails(129);
    desk.drafts(&["-C", "/nowhere/at/all", "status"]).fails(129);
    desk.drafts(&["tick", "--brain", "nobody"]).fails(129);
    assert_snapshot!(desk.seen(), @"
    2> error: there is no brain `nobody`
    2> hint: the wiring has: rules
    exit 129
    ");
    desk.drafts(&["-h"]).succeeds();
    desk.drafts(&["--version"]).succeeds();
}

#[test]
fn the_first_letters_of_an_id_are_enough_while_they_are_unique() {
    let desk = Desk::new();
    for number in 0..20 {
        desk.with_mail(&format!("where is invoice {number}?"));
    }
    desk.tick();
    let ids: Vec<String> = desk.files().iter().map(|file| file["drafts/".len()..][..8].to_owned()).collect();
    let twice = ids.iter().find(|id| ids.iter().filter(|other| other[..1] == id[..1]).count() > 1).unwrap();
    let said = desk.drafts(&["show", &twice[..1]]).fails(128);
    assert!(said.err.contains("begins") && said.err.contains(twice.as_str()), "{}", said.err);
    for name in [twice.as_str(), &format!("drafts/{twice}-re-anything.md"), &desk.draft(twice)] {
        let said = desk.drafts(&["show", name]).succeeds();
        assert!(said.out.contains(&format!("id = \"{twice}\"")));
    }
    // What a list shows of an id is enough to name it.
    let list = desk.drafts(&["list"]).succeeds().out;
    assert_eq!(list.lines().count(), 20);
    for line in list.lines() {
        desk.drafts(&["show", line.split(' ').next().unwrap()]).succeeds();
    }
}

#[test]
fn a_folder_can_be_named_and_a_draft_is_found_below_it() {
    let desk = with_answer();
    let place = desk.path("").display().to_string();
    let mut command = desk.command(PROGRAM);
    let output = command.current_dir("/").args(["-C", &place, "list", "--porcelain"]).output().unwrap();
    assert!(output.status.success());
    let below = desk
        .command(PROGRAM)
        .current_dir(desk.path("drafts"))
        .args(["list", "--porcelain"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, below.stdout);
    let anywhere = desk.command(PROGRAM).current_dir("/").args(["list", "--porcelain"]).output().unwrap();
    assert_eq!(output.stdout, anywhere.stdout, "the wiring names the desk");
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"rnjkmjrz waiting drafts/rnjkmjrz-re-where-is-my-invoice.md");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::new();
    for number in 0..40 {
        desk.with_mail(&format!("where is invoice {number}?"));
    }
    let said = desk.shell("git drafts tick | head -1; for line in list status 'log -n 200' 'list --json'; do git-drafts $line 2>>../err | true; done; cat ../err");
    assert_eq!(said.err, "");
    assert_eq!(said.out, "From mail\n");
    assert_eq!(desk.files().len(), 40);
}

#[test]
fn what_scripts_read_has_no_colour_and_what_people_read_may_have() {
    let desk = with_answer();
    assert!(!desk.drafts(&["status"]).out.contains('\u{1b}'));
    assert!(desk.drafts(&["--color", "always", "status"]).out.contains('\u{1b}'));
}

#[test]
fn json_tells_the_same_as_the_table() {
    let desk = with_answer();
    let said = desk.drafts(&["list", "--json"]).succeeds();
    let list: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&list).unwrap(), @r#"
    {
      "drafts": [
        {
          "action": "route_answer",
          "age_seconds": 0,
          "confidence": 0.9,
          "error": null,
          "findings": [],
          "held": null,
          "id": "rnjkmjrz",
          "last_entry": "drafted",
          "path": "drafts/rnjkmjrz-re-where-is-my-invoice.md",
          "place": "waiting",
          "signer": null,
          "source": "mail",
          "status": "draft",
          "subject": "Re: where is my invoice?",
          "tier": "low",
          "to": [
            "Ada Brown <ada@example.org>"
          ],
          "until": null,
          "waits_for": null
        }
      ],
      "version": 1
    }
    "#);
    let said = desk.drafts(&["status", "--json"]).succeeds();
    let status: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(status["drafts"], list["drafts"]);
    assert_eq!(status["version"], 1);
}

#[test]
fn diff_shows_what_a_person_changed() {
    let desk = with_answer();
    desk.drafts(&["diff"]).succeeds();
    assert_eq!(desk.seen(), "");
    desk.edit("invoice", "Hello Ada", "Dear Ada").drafts(&["diff"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    --- drafted/drafts/rnjkmjrz-re-where-is-my-invoice.md
    +++ drafts/rnjkmjrz-re-where-is-my-invoice.md
    @@ -15,7 +15,7 @@
     findings = []
     +++
     
    -Hello Ada,
    +Dear Ada,
     
     your invoices are in the customer portal at https://example.com/billing, under Billing: each one from the third day of the next month on, to read and to download.
    ");
}

#[test]
fn two_ways_out_are_shown_each_once() {
    let desk = Desk::with_wiring(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[source.copy]\nkind = \"maildir\"\n\
         path = \"mail/second\"\naddress = [\"Sam Hill <sam@example.com>\"]\ntransport = \"nowhere\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n[transport.nowhere]\nkind = \"null\"\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
    );
    desk.shell("mkdir -p ../mail/second/new ../mail/second/cur ../mail/second/tmp").succeeds();
    for number in 0..6 {
        desk.with_mail(&format!("where is invoice {number}?"));
    }
    desk.shell("cd ../mail; for n in 1 3 5; do mv inbox/new/000$n.mail second/new/; done").succeeds();
    desk.tick().shell("sed -i '2s/draft/approved/' drafts/*.md").succeeds();
    desk.shell("sed -i 's/customer portal/TODO/' $(ls drafts/*.md | head -4)").succeeds();
    desk.commit_quietly("yes").drafts(&["send"]).succeeds();
    let said = desk.said().out;
    assert_eq!(said.lines().filter(|line| line.starts_with(' ')).count(), 6, "{said}");
    assert_eq!(said.matches("To out").count(), 1, "{said}");
    assert_eq!(desk.sent().len() + said.matches("[held]").count() + said.matches("[rehearsed]").count(), 6);
}
