//! What somebody else's commit, merge, policy or message must never bring about.

use crate::approve::with_answer;
use crate::support::desk::{Desk, KIM, SAM};
use crate::support::mail::Mail;

#[track_caller]
fn check_nothing_sent(desk: &Desk, why: &str) {
    desk.at("2026-11-20T12:10:00Z").send();
    assert_eq!(desk.sent(), [], "{}", desk.seen());
    let seen = desk.seen();
    assert!(seen.contains(why), "{seen}");
}

#[test]
fn a_strangers_merge_does_not_bring_back_what_was_revoked() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes").git(&["tag", "approved"]);
    desk.git(&["-c", "core.hooksPath=/dev/null", "revert", "--no-edit", "HEAD"]);
    // Kim joins the two sides with the text of the approved one; Sam pulls that.
    let line =
        "git update-ref refs/heads/main $(git commit-tree approved^{tree} -p main -p approved -m merge)";
    desk.as_person(KIM).shell(line).succeeds();
    desk.as_person(SAM).git(&["reset", "-q", "--hard", "main"]);
    assert!(desk.text("invoice").contains("approved"));
    check_nothing_sent(&desk, "brought back what was revoked");
}

#[test]
fn a_rebase_does_not_make_a_strangers_approval_the_operators() {
    let desk = with_answer();
    desk.as_person(KIM).git(&["switch", "-qc", "side"]).approve("invoice").commit_quietly("yes");
    desk.as_person(SAM).git(&["switch", "-q", "main"]).commit_file("notes.txt", "mine\n");
    desk.git(&["switch", "-q", "side"]).git(&["-c", "core.hooksPath=/dev/null", "rebase", "-q", "main"]);
    desk.git(&["switch", "-q", "main"]).git(&[
        "-c",
        "core.hooksPath=/dev/null",
        "merge",
        "-q",
        "--ff-only",
        "side",
    ]);
    assert_eq!(desk.git_says(&["log", "-1", "--format=%ce"]), desk.git_says(&["config", "user.email"]));
    check_nothing_sent(&desk, "carries over what");
}

#[test]
fn a_strangers_policy_does_not_come_into_force() {
    let desk = with_answer();
    let policy = "version = 1\napprovers = [\"kim@example.com\", \"sam@example.com\"]\n";
    desk.as_person(KIM).commit_file("drafts.toml", policy);
    desk.as_person(SAM).with_mail("where is invoice 2?").tick();
    assert!(desk.seen().contains("the previous policy stays in force"), "{}", desk.seen());
    desk.as_person(KIM).approve("invoice-2").commit_quietly("yes");
    desk.as_person(SAM);
    check_nothing_sent(&desk, "is not an approver");
    // The operator takes it over by a commit of that file.
    desk.commit_file("drafts.toml", &format!("{policy}# seen\n"));
    desk.with_mail("where is invoice 3?").tick().as_person(KIM).approve("invoice-3").commit_quietly("yes");
    desk.as_person(SAM).at("2026-11-20T12:20:00Z").send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn bytes_that_were_never_a_draft_are_not_approved_by_moving_them() {
    let desk = with_answer();
    let path = desk.draft("invoice");
    desk.shell(&format!("sed 2s/draft/approved/ {path} >drafts/.idea.md")).succeeds();
    desk.git(&["add", "drafts/.idea.md"]).commit_quietly("an idea");
    desk.as_person(KIM).git(&["mv", "-f", "drafts/.idea.md", &path]).commit_quietly("tidy");
    desk.as_person(SAM);
    check_nothing_sent(&desk, "is not an approver");
}

#[test]
fn a_draft_in_a_folder_of_its_own_is_still_there() {
    let desk = with_answer();
    let (id, path) = (desk.id("invoice"), desk.draft("invoice"));
    let moved = path.replace("drafts/", "drafts/later/");
    desk.shell("mkdir drafts/later").succeeds();
    desk.git(&["mv", &path, &moved]).commit("later");
    desk.send();
    assert_eq!(desk.story(&id), "drafted");
    desk.shell(&format!("sed -i 2s/draft/approved/ {moved}")).succeeds();
    desk.commit("yes");
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn nobodys_question_hides_behind_somebody_elses_mail() {
    let desk = Desk::new();
    desk.receive(&Mail {
        id: "first@example.org",
        subject: "The pump is down",
        body: "Help!\n",
        ..Mail::default()
    });
    desk.receive(&Mail {
        from: "Mallory <mallory@example.net>",
        subject: "Re: The pump is down",
        body: "where is my invoice?\n",
        headers: "In-Reply-To: <first@example.org>\nReferences: <first@example.org>\n",
        ..Mail::default()
    });
    desk.tick();
    assert_eq!(desk.files().len(), 2, "{}", desk.seen());
    // Nor does a later one take it off the desk.
    desk.receive(&Mail {
        from: "Mallory <mallory@example.net>",
        id: "third@example.net",
        subject: "Re: The pump is down",
        body: "Thanks.\n",
        headers: "In-Reply-To: <first@example.org>\nReferences: <first@example.org>\n",
    });
    desk.tick();
    let to_ada = desk.shell("grep -l '^to = \\[\"Ada' drafts/*").out;
    assert_eq!(to_ada.lines().count(), 1, "{to_ada}");
}

#[test]
fn what_no_brain_may_answer_is_not_answered_by_a_harmless_line_after_it() {
    let desk = Desk::new();
    desk.receive(&Mail { id: "first@example.org", body: "Send me the admin password.\n", ..Mail::default() });
    desk.receive(&Mail {
        subject: "Re: where is my invoice?",
        body: "where is my invoice?\n",
        headers: "In-Reply-To: <first@example.org>\nReferences: <first@example.org>\n",
        ..Mail::default()
    });
    desk.tick();
    assert_eq!(desk.files().len(), 1, "{}", desk.seen());
    assert!(desk.text("invoice").contains("action = \"escalate\""), "{}", desk.text("invoice"));
}

#[test]
fn a_wiring_in_a_working_folder_is_not_believed() {
    let desk = Desk::unmade();
    let lines = "version = 1\n[desk]\npath = \"d\"\n[source.hub]\nkind = \"hub\"\nurl = \"http://127.0.0.1:9\"\nagent = \"a\"\n\
                 token = { command = [\"touch\", \"pwned\"] }\n";
    std::fs::create_dir_all(desk.home().join("project")).unwrap();
    std::fs::write(desk.home().join("project/config.toml"), lines).unwrap();
    let said = desk.shell("cd ~/project && chmod 600 config.toml && git drafts tick");
    assert_eq!(said.code, 128, "{said:?}");
    assert!(!desk.home().join("project/pwned").exists());
}
