//! Asking again: another answer takes the place of one that nobody touched, and never that of one that somebody
//! did.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;
use regex::Regex;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::support::bed::Bed;
use crate::support::desk::{Desk, PROGRAM};
use crate::support::hub::{Message, StateHub};
use crate::support::mail::Mail;

/// A desk whose source asks a program of the operator's, which says what stands in `answer` and keeps what it
/// was asked in `asked`.
fn with_brain() -> Desk {
    let desk = Desk::unmade();
    let program = brain(&desk);
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"m\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n\
         [notify]\nenabled = false\n[brain.m]\nkind = \"exec\"\ncommand = [\"{program}\"]\nretries = 0\n\
         [brain.catalogue]\nkind = \"rules\"\n"
    ));
    desk.drafts(&["init"]).succeeds();
    says(&desk, &reply("The invoice is in the portal."));
    desk
}

fn brain(desk: &Desk) -> String {
    let home = desk.home().display().to_string();
    desk.script("brain", &format!("cat >{home}/asked\necho once >>{home}/calls\ncat {home}/answer"))
}

/// What the brain says from now on.
fn says(desk: &Desk, answer: &str) {
    fs::write(desk.home().join("answer"), answer).unwrap();
}

fn reply(body: &str) -> String {
    format!(
        r#"{{"action": "reply", "body": "{body}", "subject": null, "confidence": 0.8, "why": "asks for it"}}"#
    )
}

fn asked(desk: &Desk) -> String {
    fs::read_to_string(desk.home().join("asked")).unwrap_or_default()
}

fn calls(desk: &Desk) -> usize {
    fs::read_to_string(desk.home().join("calls")).unwrap_or_default().lines().count()
}

/// A draft of the brain's that waits, and its id.
fn with_draft() -> (Desk, String) {
    let desk = with_brain();
    desk.with_mail("where is my invoice?").tick();
    let id = desk.id("invoice");
    (desk, id)
}

#[test]
fn another_answer_takes_the_place_of_a_draft_and_is_sent_once() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Tuesday at ten?"));
    desk.drafts(&["redraft", &id[..4], "-m", "shorter, and offer Tuesday"]).succeeds();
    assert_snapshot!(desk.seen(), @"
     * [redrafted]      rnjk  medium 0.80  Ada Brown <- Re: where is my invoice?
    2> hint: `git show` tells what is new, `git revert HEAD` brings the one before back
    ");
    // The same id and the same story, in a file of its own: one commit, and nothing else is touched.
    assert_eq!(desk.files(), [format!("drafts/{id}-re-where-is-my-invoice-2.md")]);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
    assert!(desk.text("invoice").contains("\nTuesday at ten?\n"));
    let commit = desk.git_says(&["show", "--format=%B", "--name-status", "-M"]);
    let commit =
        Regex::new("sha256:[0-9a-f]{64}").unwrap().replace_all(&commit, "sha256:[digest]").into_owned();
    assert_snapshot!(commit.replace(&id, "[id]"), @"
    redraft: [id] reply

    Draft-Id: [id]
    Source: mail
    Brain: m
    Confidence: 0.80
    Tier: medium
    Prompt: sha256:[digest]
    Reply: sha256:[digest]
    Guidance: shorter, and offer Tuesday


    R095	drafts/[id]-re-where-is-my-invoice.md	drafts/[id]-re-where-is-my-invoice-2.md
    ");
    desk.drafts(&["log", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  reply by m, tier medium
    Fri 20 Nov 12:00:00  drafted     [abbrev]  reply by m, tier medium: shorter, and offer Tuesday
    ");
    // What the person wants is a rule; what was answered before is data, and comes before the message.
    let asked = asked(&desk);
    let (rules, data) = asked.split_once("Everything between the two lines").unwrap();
    assert!(
        rules.ends_with("\n# What the person wants of this answer\n\nshorter, and offer Tuesday\n\n"),
        "{rules}"
    );
    assert!(!rules.contains("in the portal"));
    let (before, message) = data.split_once("Everything between the two lines").unwrap();
    assert!(before.contains("\nThe invoice is in the portal.\n") && message.contains("where is my invoice?"));
    // It is approved and sent as every other one.
    desk.approve("invoice").commit("yes").tick();
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.sent()[0].text.trim_end(), "Tuesday at ten?");
    assert_eq!((desk.files(), desk.story(&id).as_str()), (vec![], "drafted drafted claimed sending sent"));
}

#[test]
fn a_draft_may_be_asked_for_as_often_as_one_likes() {
    let (desk, id) = with_draft();
    for number in 2..5 {
        says(&desk, &reply(&format!("Answer {number}.")));
        desk.drafts(&["redraft", &id]).succeeds();
        assert_eq!(desk.files(), [format!("drafts/{id}-re-where-is-my-invoice-{number}.md")]);
    }
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent()[0].text.trim_end(), "Answer 4.");
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn what_a_person_has_touched_is_never_replaced() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let bed = Bed::save(desk);
    let check = |touch: &dyn Fn(&Desk), what: &str| {
        let desk = bed.restore();
        touch(desk);
        let before = (desk.state(), desk.files().first().map(|file| fs::read(desk.path(file)).unwrap()));
        desk.drafts(&["redraft", &id]).fails(128).says(what);
        let after = (desk.state(), desk.files().first().map(|file| fs::read(desk.path(file)).unwrap()));
        assert_eq!(before, after, "{what}");
        assert_eq!(calls(desk), 1, "nobody is asked for nothing");
    };
    let edit = |desk: &Desk| _ = desk.edit("invoice", "in the portal", "in your portal");
    check(&edit, "re-where-is-my-invoice.md has changes that are not committed");
    check(
        &|desk| {
            _ = {
                edit(desk);
                desk.git(&["add", "-A"])
            }
        },
        "has changes that are not committed",
    );
    check(
        &|desk| {
            _ = {
                edit(desk);
                desk.commit_quietly("my words")
            }
        },
        "was edited and committed",
    );
    check(&|desk| _ = desk.approve("invoice"), "has changes that are not committed");
    check(&|desk| _ = desk.approve("invoice").commit_quietly("yes"), "is approved");
    check(&|desk| _ = desk.git(&["rm", "-q", &desk.draft("invoice")]), "has changes that are not committed");
    check(
        &|desk| _ = desk.git(&["mv", &desk.draft("invoice"), "drafts/other.md"]).commit_quietly("mv"),
        "drafts/other.md was renamed",
    );
    let desk = bed.restore();
    desk.approve("invoice").commit("yes").drafts(&["redraft", &id]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: rnjkmjrz is not on the desk
    2> hint: `git drafts log rnjk` tells what became of it
    exit 128
    ");
}

#[test]
fn where_no_other_answer_is_to_be_had_the_draft_stays() {
    let (desk, id) = with_draft();
    let bed = Bed::save(desk);
    let check = |code: i32, prepare: &dyn Fn(&Desk), more: &[&str]| {
        let desk = bed.restore();
        prepare(desk);
        let (state, text) = (desk.git_says(&["rev-parse", "main", "ledger"]), desk.text("invoice"));
        desk.drafts(&[&["redraft", &id[..4]], more].concat()).fails(code);
        let seen = desk.seen();
        assert_eq!((desk.git_says(&["rev-parse", "main", "ledger"]), desk.text("invoice")), (state, text));
        seen
    };
    let nothing = |_: &Desk| {};
    let seen = [
        check(1, &nothing, &[]),
        check(1, &|desk| says(desk, "no plan at all"), &[]),
        check(
            1,
            &|desk| {
                says(
                    desk,
                    r#"{"action": "ignore", "body": "", "subject": null, "confidence": 1, "why": "x"}"#,
                )
            },
            &[],
        ),
        check(128, &|desk| _ = desk.script("brain", "cat >/dev/null; exit 75"), &[]),
        check(
            128,
            &|desk| {
                desk.script("brain", "cat >/dev/null; exit 75");
                let path = desk.home().join(".config/git-drafts/config.toml");
                let wiring = fs::read_to_string(&path).unwrap();
                fs::write(path, wiring.replace("retries = 0", "retries = 0\nfallback = \"catalogue\""))
                    .unwrap();
            },
            &[],
        ),
        check(128, &|desk| fs::remove_dir_all(desk.home().join("mail/inbox")).unwrap(), &[]),
        check(128, &|desk| fs::remove_file(desk.home().join("mail/inbox/new/0001.mail")).unwrap(), &[]),
        check(128, &|desk| _ = desk.drafts(&["pause", "--why", "holiday"]), &[]),
        check(128, &nothing, &["--brain", "catalogue", "-m", "shorter"]),
        check(129, &nothing, &["--brain", "nobody"]),
        check(
            128,
            &nothing,
            &["-m", &format!("use {}", ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat())],
        ),
        check(129, &nothing, &["-m", &"x".repeat(5000)]),
    ];
    assert_snapshot!(seen.join("\n"), @r#"
    2> rnjk stays as it is: m gives the same text
    2> hint: say what you want with `-m`, or ask another with `--brain NAME`; a catalogue says what `routes.toml` says
    exit 1
    2> rnjk stays as it is, and no answer was written: the brain gave no plan
    2> hint: write one: `git drafts edit rnjk`
    exit 1
    2> rnjk stays as it is, and no answer was written: brain `m` wants no answer
    2> hint: write one: `git drafts edit rnjk`
    exit 1
    2> error: brain `m` is away: `brain` ended with status 75
    2> hint: the draft stays as it is; ask again later, or another with `--brain NAME`
    exit 128
    2> error: brain `m` is away, and `catalogue` answers what it can
    2> hint: the draft stays as it is; ask again later, or another with `--brain NAME`
    exit 128
    2> error: source `mail` cannot be read: there is no Maildir at `~/mail/inbox`
    2> hint: set `path` of source `mail` to a Maildir, a folder with `new` and `cur` in it
    exit 128
    2> error: source `mail` does not give the message any more, as it was
    2> hint: write the answer yourself: `git drafts edit rnjk`
    exit 128
    2> error: paused since Fri 20 Nov 12:00:00: holiday
    2> hint: use "git drafts resume" to go on
    exit 128
    2> error: brain `catalogue` is a catalogue, and takes no words of yours
    2> hint: `--brain NAME` asks a language model of the wiring
    exit 128
    2> error: there is no brain `nobody`
    2> hint: the wiring has: m, catalogue, rules
    exit 129
    2> error: there is a secret in what you say (github-token), and the prompt would hold it
    2> hint: say it without
    exit 128
    2> error: what you say is longer than 4096 bytes
    2> hint: what holds for all answers stands in `instructions.md` on the desk
    exit 129
    "#);
    // A catalogue gives the same text, unless its answer was changed.
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    let id = desk.id("invoice");
    desk.drafts(&["redraft", &id]).fails(1).says("rnjk stays as it is: rules (invoice) gives the same text");
    let routes = fs::read_to_string(desk.path("routes.toml")).unwrap();
    desk.commit_file(
        "routes.toml",
        &routes.replace("Hello Ada", "Hello").replace("customer portal", "portal"),
    );
    desk.drafts(&["redraft", &id]).succeeds();
    assert!(desk.text("invoice").contains("in the portal at"));
}

#[test]
fn the_prompt_that_is_shown_is_that_of_the_draft_that_stands() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    desk.drafts(&["redraft", &id, "-m", "shorter"]).succeeds();
    desk.drafts(&["show", &id, "--prompt"]).succeeds().says("\nshorter\n");
    desk.drafts(&["redraft", &id, "--brain", "catalogue"]).succeeds();
    desk.drafts(&["show", &id, "--prompt"]).fails(128).says("no language model was asked");
}

#[test]
fn what_a_brain_could_not_answer_is_answered_later() {
    let desk = with_brain();
    says(&desk, "I am a teapot");
    desk.with_mail("where is my invoice?").tick();
    let id = desk.id("invoice");
    assert!(desk.text("invoice").contains("NEEDS YOU"));
    says(&desk, &reply("In the portal."));
    desk.drafts(&["redraft", &id[..4]]).succeeds();
    let text = desk.text("invoice");
    assert!(text.contains("action = \"reply\"") && text.contains("\nIn the portal.\n"));
    assert!(!text.contains("NEEDS YOU") && text.contains("\n> where is my invoice?\n"), "{text}");
    assert!(!asked(&desk).contains("written before"), "there was no answer before");
}

#[test]
fn the_earlier_messages_that_it_answers_are_asked_about_again_too() {
    let desk = with_brain();
    for (id, headers, body) in [
        ("a@x", "", "First question?\n"),
        ("b@x", "In-Reply-To: <a@x>\nReferences: <a@x>\n", "And a second?\n"),
    ] {
        desk.receive(&Mail { id, headers, subject: "Two things", body, ..Mail::default() });
    }
    desk.receive(&Mail { id: "c@x", body: "canary of another thread\n", ..Mail::default() }).tick();
    let id = desk.id("two-things");
    let before = desk.text("two-things");
    says(&desk, &reply("Both."));
    desk.drafts(&["redraft", &id]).succeeds();
    let asked = asked(&desk);
    assert!(
        asked.contains("First question?") && asked.contains("And a second?") && !asked.contains("canary")
    );
    let context = |text: &str| text.split_once("never sent.").unwrap().1.to_owned();
    assert_eq!(context(&desk.text("two-things")), context(&before), "what it quoted, it quotes");
}

#[test]
fn a_revert_brings_the_draft_before_back_and_it_can_be_sent() {
    let (desk, id) = with_draft();
    let before = desk.text("invoice");
    says(&desk, &reply("Worse."));
    desk.drafts(&["redraft", &id]).succeeds();
    desk.git(&["revert", "--no-edit", "HEAD"]).tick();
    assert_eq!((desk.text("invoice"), desk.files().len()), (before, 1));
    assert_eq!(desk.story(&id), "drafted drafted drafted");
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent()[0].text.trim_end(), "The invoice is in the portal.");
    assert_eq!(desk.story(&id), "drafted drafted drafted claimed sending sent");
}

#[test]
fn a_branch_on_which_the_draft_before_was_approved_does_not_approve_the_new_one() {
    let (desk, id) = with_draft();
    desk.git(&["switch", "-q", "-c", "side"])
        .approve("invoice")
        .commit_quietly("yes")
        .git(&["switch", "-q", "main"]);
    says(&desk, &reply("Another one."));
    desk.drafts(&["redraft", &id]).succeeds();
    desk.try_git(&["merge", "side"]).fails(1).says("CONFLICT");
    desk.drafts(&["run"]);
    assert_eq!(desk.sent(), []);
    desk.git(&["merge", "--abort"]);
    // Somebody who keeps both is stopped by the hook, and past it gets neither sent.
    desk.try_git(&["merge", "side"]).fails(1);
    desk.git(&["checkout", "-q", "side", "--", "drafts"]).git(&["add", "-A"]);
    desk.try_git(&["commit", "-qm", "both"]).fails(1).says("has the id");
    desk.git(&["-c", "core.hooksPath=/dev/null", "commit", "-qm", "both"]).drafts(&["send"]);
    assert_eq!((desk.sent(), desk.files().len()), (vec![], 2), "{}", desk.seen());
}

/// Starts a redraft that stops once it is noted, and before the desk has it.
fn stopped(desk: &Desk, id: &str) -> (Child, Pid) {
    let mut command = desk.command(PROGRAM);
    command.args(["redraft", id]).env("GIT_DRAFTS_FAILPOINT", "stop:redraft.noted");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().expect("it stops");
    (child, pid)
}

#[test]
fn an_approval_that_is_faster_stands_and_is_sent_once() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let (child, pid) = stopped(&desk, &id);
    // Both files lie in the worktree at this moment, and only the one before on `main`.
    desk.approve("invoice.md").commit_quietly("yes");
    kill_process(pid, Signal::CONT).unwrap();
    let said = child.wait_with_output().unwrap();
    assert_snapshot!(String::from_utf8_lossy(&said.stderr), @"
    error: rnjkmjrz stays as it is: the desk moved at that moment
    hint: look at it once more; what you have approved goes with `git drafts send`
    ");
    assert_eq!(desk.story(&id), "drafted drafted drafted", "the one that stands was noted again");
    desk.send();
    assert_eq!(desk.sent()[0].text.trim_end(), "The invoice is in the portal.");
    assert_eq!((desk.sent().len(), desk.files()), (1, vec![]));
    assert_eq!(desk.story(&id), "drafted drafted drafted claimed sending sent");
    desk.drafts(&["run"]).succeeds();
    assert_eq!(desk.sent().len(), 1);
}

#[test]
fn an_approval_after_a_redraft_died_stands_and_is_sent_once() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let (mut child, pid) = stopped(&desk, &id);
    kill_process(pid, Signal::KILL).unwrap();
    child.wait().unwrap();
    desk.approve("invoice.md").commit("yes");
    assert_eq!((desk.sent().len(), desk.files()), (1, vec![]));
    assert_eq!(desk.sent()[0].text.trim_end(), "The invoice is in the portal.");
    assert_eq!(desk.git_says(&["fsck", "--no-dangling"]), "");
}

#[test]
fn a_claim_that_is_faster_is_sent_and_nothing_is_drafted_anew() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    // The brain takes its time, and the person approves meanwhile.
    let home = desk.home().display().to_string();
    desk.script("brain", &format!("cat >/dev/null; touch {home}/asking; while [ ! -e {home}/go ]; do sleep 0.01; done; cat {home}/answer"));
    let child = desk.command(PROGRAM).args(["redraft", &id]).stderr(Stdio::piped()).spawn().unwrap();
    crate::approve::wait_until(|| desk.home().join("asking").exists());
    desk.approve("invoice").commit("yes");
    assert_eq!(desk.sent().len(), 1);
    fs::write(desk.home().join("go"), "").unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(128));
    assert!(String::from_utf8_lossy(&said.stderr).contains("stays as it is"), "{said:?}");
    assert_eq!((desk.story(&id).as_str(), desk.files()), ("drafted claimed sending sent", vec![]));
}

/// Asks again, and acts while the brain is asked.
fn while_asked(desk: &Desk, id: &str, act: impl FnOnce()) -> String {
    let home = desk.home().display().to_string();
    desk.script("brain", &format!("cat >/dev/null; touch {home}/asking; while [ ! -e {home}/go ]; do sleep 0.01; done; cat {home}/answer"));
    let child = desk.command(PROGRAM).args(["redraft", id]).stderr(Stdio::piped()).spawn().unwrap();
    crate::approve::wait_until(|| desk.home().join("asking").exists());
    act();
    fs::write(desk.home().join("go"), "").unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(128), "{said:?}");
    String::from_utf8_lossy(&said.stderr).into_owned()
}

#[test]
fn a_removal_that_is_faster_stands() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let file = desk.files().remove(0);
    let said = while_asked(&desk, &id, || {
        desk.git(&["rm", "-q", &file]).commit_quietly("not this one");
    });
    assert!(said.contains("stays as it is: it was removed or renamed meanwhile"), "{said}");
    assert_eq!((desk.story(&id).as_str(), desk.files()), ("drafted", vec![]));
    desk.tick();
    assert_eq!((desk.story(&id).as_str(), desk.files()), ("drafted rejected", vec![]));
}

#[test]
fn a_draft_that_is_renamed_and_approved_meanwhile_stays_and_is_sent_once() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let file = desk.files().remove(0);
    while_asked(&desk, &id, || {
        desk.approve("invoice").git(&["mv", &file, &format!("drafts/{id}-mine.md")]).commit_quietly("yes");
    });
    assert_eq!(desk.files(), [format!("drafts/{id}-mine.md")]);
    desk.send();
    assert_eq!(desk.sent()[0].text.trim_end(), "The invoice is in the portal.");
    assert_eq!((desk.sent().len(), desk.files()), (1, vec![]));
}

#[test]
fn a_redraft_that_dies_anywhere_leaves_one_draft_that_is_sent_once() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let bed = Bed::save(desk);
    let trace = bed.desk.home().join("trace");
    let with_point = |action: &str| -> Command {
        let mut command = bed.desk.command(PROGRAM);
        command.args(["redraft", &id]).env("GIT_DRAFTS_FAILPOINT", action);
        command
    };
    assert!(with_point(&format!("trace:{}", trace.display())).output().unwrap().status.success());
    let points = numbered(&fs::read_to_string(&trace).unwrap());
    assert!(points.contains(&"redraft.noted#1".to_owned()) && points.len() > 8, "{points:?}");
    for (number, point) in points.iter().enumerate() {
        let desk = bed.restore();
        let died = with_point(&format!("kill:{point}")).output().unwrap();
        assert_eq!(died.status.signal(), Some(9), "{point}");
        desk.drafts(&[["tick", "send"][number % 2]]).succeeds();
        // One file, on `main`, in the index and in the worktree, with the text that its last entry says.
        assert_eq!(
            (desk.files().len(), desk.git_says(&["status", "--porcelain"]).as_str()),
            (1, ""),
            "{point}"
        );
        let newest = desk.git_says(&["ls-tree", "--name-only", &format!("ledger:{}/{id}", &id[..2])]);
        let newest = newest.lines().filter(|name| name.ends_with("-drafted.md")).max().unwrap().to_owned();
        let noted = desk.git_says(&["show", &format!("ledger:{}/{id}/{newest}", &id[..2])]);
        assert_eq!(noted.trim_end(), desk.text("invoice").trim_end(), "{point}");
        desk.drafts(&["check"]).succeeds();
        desk.approve("invoice").commit("yes");
        assert_eq!((desk.sent().len(), desk.files()), (1, vec![]), "{point}: {}", desk.seen());
        assert_eq!(desk.git_says(&["fsck", "--no-dangling"]), "", "{point}");
    }
}

#[test]
fn a_recovery_that_dies_is_made_good_by_the_next_one() {
    let (desk, id) = with_draft();
    says(&desk, &reply("Another one."));
    let bed = Bed::save(desk);
    let run = |arguments: &[&str], action: &str| {
        let mut command = bed.desk.command(PROGRAM);
        command.args(arguments).env("GIT_DRAFTS_FAILPOINT", action).output().unwrap().status
    };
    let noted = |desk: &Desk| {
        let died = run(&["redraft", &id], "kill:redraft.noted");
        assert_eq!((died.signal(), desk.story(&id).as_str()), (Some(9), "drafted drafted"));
        desk.approve("invoice.md").commit_quietly("yes");
    };
    let trace = bed.desk.home().join("trace");
    noted(&bed.desk);
    assert!(run(&["send"], &format!("trace:{}", trace.display())).success());
    let points = numbered(&fs::read_to_string(&trace).unwrap());
    for point in points.iter().take(20) {
        noted(bed.restore());
        assert_eq!(run(&["send"], &format!("kill:{point}")).signal(), Some(9), "{point}");
        bed.desk.send();
        let sent: Vec<String> = bed.desk.sent().iter().map(|sent| sent.text.trim_end().to_owned()).collect();
        assert_eq!(sent, ["The invoice is in the portal."], "{point}: {}", bed.desk.seen());
        assert_eq!(bed.desk.files(), [""; 0], "{point}");
    }
}

/// Numbers the names of a trace, each by how often it has come.
fn numbered(names: &str) -> Vec<String> {
    let mut points: Vec<String> = Vec::new();
    for name in names.lines() {
        let before = points.iter().filter(|point| point.starts_with(&format!("{name}#"))).count();
        points.push(format!("{name}#{}", before + 1));
    }
    points
}

#[test]
fn a_message_of_a_hub_is_read_again() {
    let hub = StateHub::start();
    let desk = Desk::unmade();
    let program = brain(&desk);
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\n\
         dedupes = true\nbrain = \"m\"\n[notify]\nenabled = false\n[limits]\nmessages_since = \"all\"\n\
         [brain.m]\nkind = \"exec\"\ncommand = [\"{program}\"]\nretries = 0\n",
        hub.url()
    ));
    desk.drafts(&["init"]).succeeds();
    says(&desk, &reply("The branch is main."));
    hub.receive(Message {
        from: "planner".to_owned(),
        subject: "question".to_owned(),
        body: "Which branch is released?\n".to_owned(),
        thread: "thread-1".to_owned(),
        ..Message::default()
    });
    desk.tick();
    let id = desk.id("question");
    says(&desk, &reply("It is release/2."));
    hub.down();
    desk.drafts(&["redraft", &id]).fails(128).says("source `hub` cannot be read: cannot reach");
    hub.up();
    desk.drafts(&["redraft", &id, "-m", "name the branch"]).succeeds();
    desk.approve("question").commit("yes");
    let sent = hub.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].posted["body"].as_str().unwrap().trim_end(), "It is release/2.");
}

#[test]
fn an_approval_of_the_draft_before_that_git_carries_over_does_not_approve_the_new_one() {
    let rebase =
        "git switch -q side && git rebase -q main && git switch -q main && git merge -q --ff-only side";
    for carried in [rebase, "git cherry-pick side"] {
        let (desk, id) = with_draft();
        // With it, both end in a conflict.
        desk.git(&["rm", "-q", ".gitattributes"]).commit_quietly("no attributes");
        desk.git(&["switch", "-q", "-c", "side"]).approve("invoice").commit_quietly("yes");
        desk.git(&["switch", "-q", "main"]).at("2026-11-20T12:30:00Z");
        says(&desk, &reply("Another one."));
        desk.drafts(&["redraft", &id]).succeeds();
        desk.shell(carried).succeeds();
        assert!(
            desk.text("invoice").contains("\nAnother one.\n")
                && desk.text("invoice").contains("\"approved\"")
        );
        desk.drafts(&["send"]).says("is older than this draft, so it was made for another");
        assert_eq!((desk.sent(), desk.story(&id).as_str()), (vec![], "drafted drafted"), "{carried}");
        // Read and approved by itself, it goes.
        desk.edit("invoice", "status = \"approved\"", "status = \"draft\"").commit_quietly("not yet");
        desk.approve("invoice").commit("yes");
        assert_eq!(desk.sent()[0].text.trim_end(), "Another one.");
    }
}

#[test]
fn an_approval_of_a_draft_that_went_does_not_approve_the_one_that_came_for_it() {
    let desk = with_brain();
    desk.receive(&Mail { id: "a@x", subject: "Two things", body: "First question?\n", ..Mail::default() })
        .tick();
    desk.git(&["rm", "-q", ".gitattributes"]).commit_quietly("no attributes");
    desk.git(&["switch", "-q", "-c", "side"]).approve("two-things").commit_quietly("yes");
    desk.git(&["switch", "-q", "main"]).at("2026-11-20T12:30:00Z");
    says(&desk, &reply("Another one."));
    let headers = "In-Reply-To: <a@x>\nReferences: <a@x>\n";
    desk.receive(&Mail { id: "b@x", headers, subject: "Two things", body: "A second?\n", ..Mail::default() })
        .tick();
    desk.shell(
        "git switch -q side && git rebase -q main && git switch -q main && git merge -q --ff-only side",
    )
    .succeeds();
    assert!(desk.text("two-things").contains("\nAnother one.\n"), "git takes the one for the other");
    desk.drafts(&["send"]).says("is older than this draft, so it was made for another");
    assert_eq!(desk.sent(), []);
}
