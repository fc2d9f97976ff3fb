//! Approving: the word in the second line, and a commit.

use std::fs;

use insta::assert_snapshot;

use crate::support::desk::{Desk, Said};
use crate::support::mail::Mail;

const SKY: &str = "Why is the sky blue?";

/// A desk with one answer of the catalogue's on it.
pub fn with_answer() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    desk
}

/// A desk with one question that only a person can answer.
fn with_escalation() -> Desk {
    let desk = Desk::new();
    desk.with_mail(SKY).tick();
    desk
}

#[test]
fn a_commit_that_sets_the_status_sends_once_and_clears_the_desk() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes");
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] yes
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> To out
    2>  * [sent]      rnjk -> Ada Brown  Re: where is my invoice?
    ");
    assert_snapshot!(desk.plain(&format!("{:#?}", desk.sent())), @r#"
    [
        Sent {
            file: "rnjkmjrz.1.[desk].[host]",
            from: "sam@example.com",
            to: [
                "ada@example.org",
            ],
            subject: "Re: where is my invoice?",
            message_id: "rnjkmjrz.1.[desk]@example.com",
            in_reply_to: "mail-1@example.org",
            text: "Hello Ada,\n\nyour invoices are in the customer portal at https://example.com/billing, under Billing: each one from the third day of the next month on, to read and to download.\n\nIf yours is not there, answer this mail with the month and your customer number, and we will look for it.\n",
        },
    ]
    "#);
    assert_eq!(desk.files(), [""; 0]);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert_snapshot!(desk.plain(&desk.git_says(&["log", "--format=%cn: %s"])), @"
    git-drafts: sent: rnjkmjrz
    Sam Hill: yes
    git-drafts: draft: rnjkmjrz route_answer
    git-drafts: desk: begin
    ");
    desk.send().send().tick();
    assert_eq!(desk.sent().len(), 1);
    desk.drafts(&["log", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  route_answer by rules (invoice), tier low
    Fri 20 Nov 12:00:00  approved    [abbrev]  Sam Hill <sam@example.com>, as drafted
    Fri 20 Nov 12:00:00  claimed     [abbrev]  host [host], blob [abbrev]
    Fri 20 Nov 12:00:00  sending     [abbrev]  generation 1
    Fri 20 Nov 12:00:00  sent        [abbrev]  new/rnjkmjrz.1.[desk].[host]
    ");
}

#[test]
fn approve_stages_and_the_commit_sends() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.drafts(&["approve", &id[..4]]).succeeds();
    assert_snapshot!(desk.seen(), @r#"2> approved, and staged; "git commit" sends"#);
    assert_eq!(desk.git_says(&["diff", "--cached", "--stat", "--format="]).lines().count(), 2);
    assert_eq!(desk.sent(), []);
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Approved, not committed yet:
      (use "git commit -a" to send)
    	rnjk  low     route_answer  Ada Brown  Re: where is my invoice?  0 seconds
    "#);
    desk.git(&["commit", "-m", "yes"]);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn approve_with_commit_commits_just_that_file() {
    let desk = with_answer();
    fs::write(desk.path("README.md"), "mine\n").unwrap();
    desk.git(&["add", "README.md"]);
    desk.drafts(&["approve", &desk.draft("invoice"), "--commit", "-m", "right"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] right
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> To out
    2>  * [sent]      rnjk -> Ada Brown  Re: where is my invoice?
    ");
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "M  README.md");
}

#[test]
fn approve_with_the_editor_sends_what_the_editor_wrote() {
    let desk = with_answer();
    let editor = desk.script("editor", "sed -i 's/^Hello Ada,/Dear Ada,/' \"$1\"");
    desk.with("GIT_EDITOR", &editor);
    desk.drafts(&["approve", "--edit", "--commit", &desk.id("invoice")]).succeeds();
    let sent = desk.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text.starts_with("Dear Ada,\n"), "{}", sent[0].text);
}

#[test]
fn the_editor_of_the_commit_shows_what_it_will_send() {
    let desk = with_answer();
    let editor = desk.script("editor", "cp \"$1\" \"$HOME/shown\"; sed -i '1s/^/yes/' \"$1\"");
    desk.with("GIT_EDITOR", &editor).edit("invoice", "Hello Ada", "Dear Ada").approve("invoice");
    desk.git(&["commit", "-a"]);
    let shown = fs::read_to_string(desk.home().join("shown")).unwrap();
    let ours: Vec<&str> = shown.lines().take_while(|line| !line.contains("Please enter")).collect();
    assert_snapshot!(ours.join("\n"), @"


    # This commit approves 1 draft:
    #   rnjkmjrz  route_answer to Ada Brown <ada@example.org> (1 line edited)
    ");
    assert_eq!(desk.git_says(&["log", "--author=Sam", "-1", "--format=%B"]), "yes");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_commit_that_edits_and_does_not_approve_says_so() {
    let desk = with_answer();
    desk.edit("invoice", "Hello Ada", "Dear Ada").commit("better");
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] better
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> rnjk is still a draft; nothing was sent
    ");
    assert_eq!(desk.sent(), []);
}

#[test]
fn what_is_committed_is_sent_and_not_what_stands_in_the_worktree() {
    let desk = with_answer();
    desk.approve("invoice").git(&["add", "."]).edit("invoice", "Hello Ada", "You fool");
    let path = desk.path(&desk.draft("invoice"));
    desk.git(&["commit", "-m", "yes"]);
    assert!(desk.sent()[0].text.starts_with("Hello Ada"));
    // What the operator works on stays, and never goes out.
    assert!(fs::read_to_string(path).unwrap().contains("You fool"));
    desk.send().commit("oh");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn an_escalation_is_answered_in_place() {
    let desk = with_escalation();
    desk.answer("sky", "Because of *Rayleigh* scattering.").approve("sky").commit("science");
    let sent = desk.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to, ["ada@example.org"]);
    assert_eq!(sent[0].subject, "Re: Why is the sky blue?");
    assert_eq!(sent[0].in_reply_to, "mail-1@example.org");
    assert_eq!(sent[0].text.trim_end(), "Because of *Rayleigh* scattering.");
}

#[test]
fn many_drafts_in_one_commit_are_each_sent_once() {
    let desk = Desk::new();
    for number in 0..12 {
        desk.receive(&Mail {
            from: &format!("Guest {number} <guest-{number}@example.org>"),
            subject: &format!("Number {number}"),
            ..Mail::default()
        });
    }
    desk.tick();
    desk.shell("sed -i '2s/draft/approved/' drafts/*.md").succeeds();
    desk.commit("all of them");
    let mut to: Vec<String> = desk.sent().into_iter().flat_map(|sent| sent.to).collect();
    to.sort();
    let mut guests: Vec<String> = (0..12).map(|number| format!("guest-{number}@example.org")).collect();
    guests.sort();
    assert_eq!(to, guests);
    assert_eq!(desk.files(), [""; 0]);
    desk.send();
    assert_eq!(desk.sent().len(), 12);
}

#[test]
fn a_detached_hook_sends_all_the_same() {
    let desk = with_answer();
    desk.with("GIT_DRAFTS_HOOK", "detach").approve("invoice").commit("yes");
    assert_eq!(desk.seen().lines().filter(|line| line.starts_with("2>")).count(), 0);
    wait_until(|| desk.sent().len() == 1 && desk.files().is_empty());
}

/// Waits for what another process does, for ten seconds.
#[track_caller]
pub fn wait_until(done: impl Fn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !done() {
        assert!(std::time::Instant::now() < until, "it did not happen");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn show_outgoing_prints_the_very_bytes_that_leave() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice").commit_quietly("yes");
    let folder = desk.home().join("preview");
    desk.drafts(&["send", "--to-dir", folder.to_str().unwrap()]).succeeds();
    assert_eq!(desk.sent(), []);
    let before = desk.drafts(&["show", "--outgoing", &id]).succeeds().out;
    assert_eq!(fs::read_to_string(folder.join(format!("{id}.eml"))).unwrap(), before);
    desk.send();
    let file = desk.home().join("mail/outbox/new").join(&desk.sent()[0].file);
    assert_eq!(fs::read_to_string(file).unwrap(), before);
    assert_eq!(desk.drafts(&["show", "--outgoing", &id]).succeeds().out, before);
}

#[test]
fn a_changed_recipient_is_the_one_who_gets_it() {
    let desk = with_answer();
    desk.edit(
        "invoice",
        "to = [\"Ada Brown <ada@example.org>\"]",
        "to = [\"Bo <bo@example.org>\"]\ncc = [\"cy@example.org\"]",
    );
    desk.approve("invoice").commit("to Bo");
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] to Bo
     1 file changed, 3 insertions(+), 2 deletions(-)
    2> warning: drafts/rnjkmjrz-re-where-is-my-invoice.md:3: bo@example.org is a stranger: the message does not name them
    2> hint: look at each letter of it; if it is right, leave it
    2> warning: drafts/rnjkmjrz-re-where-is-my-invoice.md:4: cy@example.org is a stranger: the message does not name them
    2> hint: look at each letter of it; if it is right, leave it
    2> To out
    2>  * [sent]      rnjk -> bo@example.org, cy@example.org  Re: where is my invoice?
    ");
    // A stranger among the recipients raises the tier by one step; low has become medium: no window.
    assert_eq!(desk.sent()[0].to, ["bo@example.org"]);
}

#[test]
fn approve_warns_of_a_recipient_whom_the_message_does_not_name() {
    let desk = with_answer();
    desk.edit("invoice", "ada@example.org>\"]", "ada@exmaple.org>\"]");
    desk.drafts(&["approve", "rnjk"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    2> warning: drafts/rnjkmjrz-re-where-is-my-invoice.md:3: ada@exmaple.org is a stranger: the message does not name them
    2> hint: look at each letter of it; if it is right, leave it
    2> approved, and staged; "git commit" sends
    "#);
    desk.git(&["commit", "-m", "yes"]);
    assert_eq!(desk.sent()[0].to, ["ada@exmaple.org"]);
    assert!(desk.seen().contains("rnjk -> ada@exmaple.org  Re: where"), "{}", desk.seen());
}

#[test]
fn a_file_may_be_named_and_a_second_one_with_its_id_is_refused() {
    let desk = with_answer();
    fs::copy(desk.path(&desk.draft("invoice")), desk.path("drafts/copy.md")).unwrap();
    desk.drafts(&["approve", "drafts/copy.md"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts/copy.md:8: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
    2> hint: delete one of the two; nothing is sent from either
    exit 128
    ");
    fs::rename(desk.path("drafts/copy.md"), desk.path("drafts/rnjk-copy.md")).unwrap();
    desk.drafts(&["approve", "drafts/rnjk-copy.md"]).fails(128).says("has the id rnjkmjrz too");
    assert!(desk.text("re-where").contains("status = \"draft\""));
    desk.drafts(&["approve", "drafts/rnjkmjrz-re-where-is-my-invoice.md"]).succeeds();
}

// What must not go.

/// Approves with the hook in the way, then around it; nothing may be sent either way.
fn check_held(desk: &Desk, why: &str) -> String {
    let hooked = desk.try_git(&["commit", "-a", "-m", "yes"]);
    let seen = desk.seen();
    if hooked.code == 0 {
        desk.send();
    } else {
        desk.commit_quietly("yes").send();
    }
    let said = desk.said();
    Said { err: format!("{}{seen}", said.err), ..said }.says(why);
    assert_eq!(desk.sent(), []);
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.sent(), []);
    seen
}

#[test]
fn an_escalation_without_an_answer_is_refused_before_the_commit_and_by_send() {
    let desk = with_escalation();
    desk.approve("sky");
    let seen = check_held(&desk, "the answer is empty");
    assert_snapshot!(seen, @r#"
    2> error: drafts/rnjkmjrz-re-why-is-the-sky-blue.md:17: the answer is empty
    2> hint: mend it, or set status back to "draft"; `git commit --no-verify` does not get round this
    exit 1
    "#);
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [held]      rnjk  the answer is empty
    2> hint: mend drafts/rnjkmjrz-re-why-is-the-sky-blue.md, and commit
    ");
}

#[test]
fn a_placeholder_is_refused_with_its_line() {
    let desk = with_answer();
    desk.edit("invoice", "customer portal", "TODO portal").approve("invoice");
    let seen = check_held(&desk, "`TODO` still stands in the text");
    assert_snapshot!(seen, @r#"
    2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md:20: `TODO` still stands in the text
    2> hint: mend it, or set status back to "draft"; `git commit --no-verify` does not get round this
    exit 1
    "#);
}

#[test]
fn a_secret_is_refused() {
    let desk = with_answer();
    let key = ["AKIA", "IOSFODNN7EXAMPLA"].concat();
    desk.edit("invoice", "customer portal", &format!("portal {key}")).approve("invoice");
    let seen = check_held(&desk, "secret");
    assert!(!seen.contains("IOSFODNN7"), "{seen}");
    assert_snapshot!(seen, @"
    2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md:20: there is a secret in it (aws-key-id)
    2> hint: take it out, and change it where it is used; if it is none: `git drafts allow rnjk --reason WHY`
    exit 1
    ");
}

#[test]
fn a_key_of_the_machines_is_not_to_be_changed() {
    let desk = with_answer();
    desk.edit("invoice", "tier = \"low\"", "tier = \"high\"").approve("invoice");
    let seen = check_held(&desk, "a key of the machine's was changed");
    assert_snapshot!(seen, @r#"
    [main [abbrev]] yes
     1 file changed, 2 insertions(+), 2 deletions(-)
    2> To out
    2>  ! [held]      rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md: a key of the machine's was changed: `tier` was "low" and is "high"
    2> hint: put the old value back: only the keys above `[draft]` are yours
    "#);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let desk = with_answer();
    desk.edit("invoice", "subject = ", "sujbect = ").approve("invoice");
    let seen = check_held(&desk, "unknown");
    assert_snapshot!(seen, @"
    2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md:4: unknown key `sujbect`
    2> hint: did you mean `subject`?
    exit 1
    ");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, last tick 0 seconds ago.

    Unclear, so nothing is sent:
      (mend or delete the file, and commit)
    	rnjk  drafts/rnjkmjrz-re-where-is-my-invoice.md:4: unknown key `sujbect`
              (did you mean `subject`?)
    ");
}

#[test]
fn conflict_markers_are_never_sent() {
    let desk = with_answer();
    desk.edit("invoice", "Hello Ada,", "<<<<<<< HEAD\nHello Ada,\n=======\nDear Ada,\n>>>>>>> other")
        .approve("invoice");
    check_held(&desk, "conflict");
    let desk = with_answer();
    desk.edit(
        "invoice",
        "status = \"draft\"",
        "<<<<<<< HEAD\nstatus = \"draft\"\n=======\nstatus = \"approved\"\n>>>>>>> other",
    );
    check_held(&desk, "conflict");
}

#[test]
fn no_scissors_or_two_are_refused() {
    for two in [false, true] {
        let desk = with_answer();
        let line = "------------------------ >8 ------------------------";
        desk.edit("invoice", line, &if two { format!("{line}\n{line}") } else { String::new() })
            .approve("invoice");
        check_held(&desk, "scissors");
    }
}

#[test]
fn a_text_without_a_recipient_is_refused() {
    let desk = with_answer();
    desk.edit("invoice", "to = [\"Ada Brown <ada@example.org>\"]", "to = []").approve("invoice");
    let seen = check_held(&desk, "there is nobody to answer to");
    assert_snapshot!(seen, @r#"
    2> error: drafts/rnjkmjrz-re-where-is-my-invoice.md:3: there is nobody to answer to
    2> hint: mend it, or set status back to "draft"; `git commit --no-verify` does not get round this
    exit 1
    "#);
}

#[test]
fn a_denied_recipient_is_refused() {
    let desk = with_answer();
    desk.commit_file("drafts.toml", "version = 1\n[recipients]\ndeny = [\"*@rival.example\"]\n");
    desk.edit("invoice", "to = [\"Ada Brown <ada@example.org>\"]", "to = [\"x@rival.example\"]")
        .approve("invoice");
    check_held(&desk, "rival.example");
}

#[test]
fn a_second_file_with_one_id_is_refused_by_the_hook_and_held_by_the_sender() {
    let desk = with_answer();
    let id = desk.id("invoice");
    desk.approve("invoice");
    let before = desk.git_says(&["rev-parse", "main"]);
    fs::copy(desk.path(&desk.draft("invoice")), desk.path("drafts/copy.md")).unwrap();
    desk.git(&["add", "."]);
    desk.try_git(&["commit", "-m", "both"]).fails(1);
    assert_snapshot!(desk.seen(), @"
    2> error: drafts/copy.md:8: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
    2> hint: leave it out of the commit: `git rm --cached drafts/copy.md`
    exit 1
    ");
    assert_eq!(desk.git_says(&["rev-parse", "main"]), before);
    // What comes in without the hook, as by a pull, is held.
    desk.git(&["-c", "core.hooksPath=/dev/null", "commit", "-qm", "both"]).send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [held]      rnjk  drafts/copy.md: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
    2> hint: delete one of the two and commit; nothing is sent from either
    ");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    On desk ~/drafts, last tick 0 seconds ago.

    Unclear, so nothing is sent:
      (mend or delete the file, and commit)
    	rnjk  drafts/copy.md: drafts/rnjkmjrz-re-where-is-my-invoice.md has the id rnjkmjrz too
              (delete one of the two and commit; nothing is sent from either)
    ");
    assert_eq!((desk.sent(), desk.story(&id).as_str()), (Vec::new(), "drafted"));
    // Both being there already, other commits go through.
    fs::write(desk.path("notes.txt"), "x\n").unwrap();
    desk.git(&["add", "notes.txt"]).git(&["commit", "-qm", "notes"]).said().succeeds();
    desk.git(&["rm", "-q", "drafts/copy.md"]).git(&["commit", "-m", "one"]);
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn another_drafts_id_in_a_file_is_refused_and_rejects_nothing() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail(SKY).tick();
    let (mine, other) = (desk.id("invoice"), desk.id("sky"));
    desk.edit("invoice", &format!("id = \"{mine}\""), &format!("id = \"{other}\"")).approve("invoice");
    desk.try_git(&["commit", "-am", "hm"]).fails(1).says("put its own id back");
    desk.commit_quietly("hm").send();
    assert_eq!(desk.sent(), []);
    assert_eq!(desk.story(&mine), "drafted");
    assert_eq!(desk.story(&other), "drafted");
}

#[test]
fn a_link_in_the_place_of_a_draft_is_never_followed() {
    let desk = with_answer();
    let path = desk.path(&desk.draft("invoice"));
    let aside = desk.home().join("aside.md");
    desk.approve("invoice");
    fs::rename(&path, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    desk.git(&["add", "."]);
    check_held(&desk, "not a plain file");
}

#[test]
fn a_file_that_the_machine_never_drafted_is_not_sent() {
    let desk = with_answer();
    let text =
        desk.text("invoice").replace(&desk.id("invoice"), "kqzmwvst").replace("\"draft\"", "\"approved\"");
    fs::write(desk.path("drafts/kqzmwvst-mine.md"), text).unwrap();
    desk.git(&["add", "."]).git(&["commit", "-m", "mine"]);
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] mine
     1 file changed, 32 insertions(+)
     create mode 100644 drafts/kqzmwvst-mine.md
    2> To 
    2>  ! [held]      kqzm  drafts/kqzmwvst-mine.md: the ledger knows nothing of it, so it is not sent
    2> hint: a draft begins with a message; delete the file and commit
    ");
    assert_eq!(desk.sent(), []);
}

#[test]
fn an_approval_waits_for_send_after_and_for_the_undo_window() {
    let desk = with_answer();
    desk.edit("invoice", "[draft]", "send_after = \"2026-11-20T13:00:00Z\"\n[draft]")
        .approve("invoice")
        .commit("later");
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] later
     1 file changed, 2 insertions(+), 1 deletion(-)
    2> To out
    2>  . [later]     rnjk -> Ada Brown  Re: where is my invoice?  after Fri 20 Nov 13:00:00 (`send_after`)
    2> hint: take `send_after` out of it and commit, to send it at once
    ");
    assert_eq!(desk.sent(), []);
    desk.at("2026-11-20T13:00:01Z").send();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn the_limit_of_sends_per_hour_holds() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 2\n");
    for number in 0..3 {
        desk.receive(&Mail { subject: &format!("Number {number}"), ..Mail::default() });
    }
    desk.tick().shell("sed -i '2s/draft/approved/' drafts/*.md").succeeds();
    desk.commit("all");
    assert_eq!(desk.sent().len(), 2, "{}", desk.seen());
    desk.at("2026-11-20T12:59:00Z").send();
    assert_eq!(desk.sent().len(), 2);
    desk.at("2026-11-20T13:00:10Z").send();
    assert_eq!(desk.sent().len(), 3);
}

#[test]
fn a_message_that_came_meanwhile_stops_the_answer() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    desk.receive(&Mail {
        subject: "Re: where is my invoice?",
        body: "Found it, thank you.\n",
        headers: "In-Reply-To: <mail-1@example.org>\nReferences: <mail-1@example.org>\n",
        ..Mail::default()
    });
    let id = desk.id("invoice");
    desk.send();
    assert_snapshot!(desk.seen(), @"
    To out
     ! [stale]     rnjk -> Ada Brown  Re: where is my invoice?  the thread moved on
    2> hint: read the newer message; change the draft and commit it to send it all the same
    ");
    assert_eq!(desk.sent(), []);
    // The operator read it, and wants it sent all the same.
    desk.drafts(&["resolve", &id, "--resend"]).succeeds();
    desk.send();
    assert_eq!(desk.story(&id), "drafted claimed stale withdrawn claimed sending sent");
}
