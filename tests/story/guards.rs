//! What holds while things happen at the same time, or behind the machine's back.

use std::fs;

use crate::approve::{wait_until, with_answer};
use crate::support::desk::{Desk, KIM, SAM};
use crate::support::mail::Mail;

/// A desk with an escalation of tier high that is answered and approved, and that no hook saw.
fn with_grave_answer() -> Desk {
    let desk = Desk::new();
    desk.receive(&Mail { subject: "Deploy", body: "Please deploy to production now.\n", ..Mail::default() })
        .tick();
    assert!(desk.text("deploy").contains("tier = \"high\""));
    desk.answer("deploy", "It is done.").approve("deploy").commit_quietly("yes");
    desk
}

#[test]
fn a_grave_answer_can_be_taken_back_within_its_window() {
    let desk = with_grave_answer();
    desk.send();
    assert!(desk.said().out.contains("[later]"), "{}", desk.seen());
    desk.at("2026-11-20T12:00:29Z").send();
    assert_eq!(desk.sent(), []);
    desk.git(&["revert", "--no-edit", "HEAD"]).at("2026-11-20T12:00:31Z").send();
    assert_eq!(desk.sent(), []);
    desk.git(&["-c", "core.hooksPath=/dev/null", "revert", "--no-edit", "HEAD"]).send();
    desk.at("2026-11-20T12:01:31Z").send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn a_tick_does_not_land_on_an_approval_that_can_still_be_taken_back() {
    let desk = with_grave_answer();
    desk.send().with_mail("where is my invoice?").tick();
    assert_eq!(desk.git_says(&["log", "-1", "--format=%s"]), "yes");
}

#[test]
fn an_approval_does_not_wait_for_the_window_of_another_one() {
    let desk = with_grave_answer();
    desk.with("GIT_DRAFTS_NOW", "").with("GIT_DRAFTS_HOOK", "detach");
    desk.with_mail("where is my invoice?").tick();
    desk.git(&["commit", "-q", "--allow-empty", "-m", "rings"]);
    wait_until(|| desk.path(".git/drafts/seen").exists());
    desk.approve("invoice").commit("yes");
    wait_until(|| desk.sent().len() == 1 && desk.files().len() == 1);
    // The sender that stays must not outlive its desk: with nothing left to wait for it goes when rung.
    desk.git(&["-c", "core.hooksPath=/dev/null", "rm", "-qf", &desk.draft("deploy")]).commit_quietly("no");
    fs::write(desk.path(".git/drafts/again"), "").unwrap();
    wait_until(|| desk.shell("flock -n .git/drafts/send.lock true").code == 0);
}

#[test]
fn many_senders_at_once_send_once() {
    let desk = Desk::new();
    for number in 0..8 {
        desk.receive(&Mail { subject: &format!("Number {number}"), ..Mail::default() });
    }
    desk.tick().shell("sed -i '2s/draft/approved/' drafts/*.md").succeeds();
    desk.commit_quietly("yes");
    let senders: Vec<_> = (0..6)
        .map(|_| {
            desk.command("git").args(["drafts", "run"]).stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut sender in senders {
        assert!(sender.wait().unwrap().success());
    }
    desk.send();
    assert_eq!((desk.sent().len(), desk.files()), (8, Vec::new()));
}

#[test]
fn a_replaced_object_does_not_change_what_is_sent() {
    let desk = with_answer();
    desk.approve("invoice").commit_quietly("yes");
    let other = desk.text("invoice").replace("Hello Ada", "Send money");
    fs::write(desk.home().join("other"), other).unwrap();
    let draft = desk.draft("invoice");
    desk.shell(&format!("git replace $(git rev-parse HEAD:{draft}) $(git hash-object -w ../other)"))
        .succeeds();
    assert!(desk.git_says(&["show", &format!("HEAD:{draft}")]).contains("Send money"));
    desk.send();
    assert!(desk.sent()[0].text.starts_with("Hello Ada"), "{}", desk.sent()[0].text);
    desk.drafts(&["check"]).fails(1).says("replacement refs");
}

#[test]
fn an_attachment_is_the_committed_one() {
    let desk = with_answer();
    fs::write(desk.path("price.txt"), "10 crowns\n").unwrap();
    desk.git(&["add", "price.txt"])
        .edit("invoice", "\n[draft]", "attach = [\"price.txt\"]\n\n[draft]")
        .approve("invoice");
    desk.commit_quietly("with the price");
    fs::write(desk.path("price.txt"), "99 crowns\n").unwrap();
    desk.send();
    let file = desk.home().join("mail/outbox/new").join(&desk.sent()[0].file);
    let mail = fs::read(file).unwrap();
    let parsed = mail_parser::MessageParser::default().parse(&mail).unwrap();
    assert_eq!(
        parsed.attachments().map(|part| part.contents().to_vec()).collect::<Vec<_>>(),
        [b"10 crowns\n"]
    );
}

#[test]
fn an_attachment_that_is_not_committed_holds_the_answer() {
    let desk = with_answer();
    fs::write(desk.path("price.txt"), "10 crowns\n").unwrap();
    desk.edit("invoice", "\n[draft]", "attach = [\"price.txt\"]\n\n[draft]").approve("invoice").commit("yes");
    desk.said().says("`price.txt` is not in the approving commit");
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_colleague_who_is_an_approver_approves_on_a_branch() {
    let desk = Desk::new();
    desk.commit_file("drafts.toml", "version = 1\napprovers = [\"kim@example.com\", \"sam@example.com\"]\n");
    desk.with_mail("where is my invoice?").tick();
    let id = desk.id("invoice");
    desk.as_person(KIM).git(&["switch", "-qc", "side"]).approve("invoice").commit("yes");
    desk.as_person(SAM)
        .git(&["switch", "-q", "main"])
        .git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    assert_eq!(desk.sent().len(), 1);
    desk.drafts(&["log", &id]).says("Kim Lee <kim@example.com>");
}

#[test]
fn a_merge_clears_the_desk_as_a_commit_does() {
    let desk = with_answer();
    desk.git(&["switch", "-qc", "side"]).approve("invoice").commit("yes").git(&["switch", "-q", "main"]);
    desk.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_draft_that_is_not_utf_8_is_refused_and_stops_no_other() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("where is invoice 2?").tick();
    desk.shell(&format!("printf '\\377' >>{}; sed -i 2s/draft/approved/ drafts/*", desk.draft("my-invoice")))
        .succeeds();
    desk.commit_quietly("yes").send();
    desk.said().says("not UTF-8");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn a_broken_draft_stops_no_other() {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("where is invoice 2?").tick();
    desk.edit("my-invoice", "[draft]", "[draft").approve("invoice-2").commit_quietly("yes");
    desk.send();
    assert_eq!(desk.sent().len(), 1);
    desk.with_mail("where is invoice 3?").tick();
    assert_eq!(desk.files().len(), 2);
}

#[test]
fn an_outbox_that_is_no_folder_is_tried_again_until_it_is_mended() {
    let desk = with_answer();
    let (id, outbox) = (desk.id("invoice"), desk.home().join("mail/outbox"));
    fs::remove_dir_all(&outbox).unwrap();
    fs::write(&outbox, "no folder").unwrap();
    desk.approve("invoice").commit_quietly("yes").send();
    assert!(desk.seen().contains("the outbox cannot be written"), "{}", desk.seen());
    assert_eq!(desk.story(&id), "drafted claimed deferred");
    fs::remove_file(&outbox).unwrap();
    fs::create_dir_all(outbox.join("new")).unwrap();
    desk.send();
    assert_eq!(desk.sent(), [], "it is not time yet");
    desk.at("2026-11-20T12:20:00Z").send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn an_inbox_is_only_read() {
    let desk = with_answer();
    let look = || desk.shell("cd ../mail/inbox && ls -lR --time-style=full-iso && cat new/*").out;
    let before = look();
    desk.approve("invoice").commit("yes").drafts(&["run"]).succeeds();
    assert_eq!(look(), before);
}

#[test]
fn a_policy_or_a_catalogue_that_cannot_be_read_is_not_committed() {
    let desk = with_answer();
    for (file, from, line) in
        [("drafts.toml", "s/^version/verzion/", "drafts.toml:"), ("routes.toml", "$a[[", "routes.toml:")]
    {
        desk.shell(&format!("sed -i '{from}' {file}")).succeeds();
        desk.try_git(&["commit", "-qam", "broken"]).fails(1).says(line);
        desk.git(&["restore", "--staged", "--worktree", file]);
    }
    // An empty variable is none, and the hook looks all the same.
    desk.with("GIT_DRAFTS_CONFIG", "").shell("sed -i 's/^version/verzion/' drafts.toml").succeeds();
    desk.try_git(&["commit", "-qam", "broken"]).fails(1).says("drafts.toml:");
    desk.drafts(&["list"]).succeeds();
}

#[test]
fn nothing_is_sent_under_a_policy_that_denies_what_nobody_is_called() {
    let desk = with_answer();
    fs::write(desk.path("drafts.toml"), "version = 1\n[recipients]\ndeny = [\"rival @example.org\"]\n")
        .unwrap();
    desk.approve("invoice").commit_quietly("yes");
    desk.drafts(&["send"]).fails(128).says("drafts.toml:3: `rival @example.org` matches no address");
    assert_eq!(desk.sent(), []);
}

#[test]
fn what_is_no_plain_file_in_the_place_of_a_draft_is_not_opened() {
    let desk = with_answer();
    let file = desk.draft("invoice");
    desk.shell(&format!("rm {file} && mkfifo {file}")).succeeds();
    desk.drafts(&["status"]).succeeds();
    desk.drafts(&["approve", &desk.files()[0][7..11]]).fails(128).says("it is no plain file");
    desk.shell(&format!("rm {file} && ln -s ../README.md {file}")).succeeds();
    desk.drafts(&["approve", &file[7..11]]).fails(128).says("it is no plain file");
    assert_eq!(
        fs::read_to_string(desk.path("README.md")).unwrap(),
        desk.git_says(&["show", "main:README.md"]) + "\n"
    );
}

#[test]
fn data_that_cannot_be_written_is_no_success() {
    let desk = with_answer();
    desk.shell("git drafts digest >/dev/full")
        .fails(128)
        .says("cannot write to standard output: No space left on device");
    desk.shell("git drafts list | head -c 1").succeeds();
}
