//! What can be learnt from drafts: what became of them, and what another brain would have planned.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::approve::wait_until;
use crate::support::desk::{Desk, Said};
use crate::support::mail::Mail;
use crate::support::model::{Act, ModelServer};

const GOOD: &str = r#"{"action": "reply", "body": "It is in the portal, under Billing.", "subject": null, "confidence": 0.86, "why": "asks for the invoice"}"#;

const INVOICE: &str = "where is my invoice?";

const WIRING: &str = "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
    address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\n[transport.out]\nkind = \"maildir\"\n\
    path = \"mail/outbox\"\n[notify]\nenabled = false\n";

/// The catalogue with this shadow beside it.
fn rules_with_shadow(shadow: &str) -> String {
    format!(
        "{WIRING}[limits]\nmessages_since = \"all\"\nshadow_seconds_max = 2\n[brain.rules]\nkind = \"rules\"\n\
         shadow = \"try\"\n[brain.try]\nretries = 0\n{shadow}\n"
    )
}

fn served(server: &ModelServer) -> String {
    rules_with_shadow(&format!("kind = \"execute\"\nurl = \"{}\"", server.url()))
}

fn json_of(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"))
}

/// Five drafts: one sent as it was drafted, one edited, one rejected, one that waits, one that a person wrote.
fn with_a_past() -> Desk {
    let desk = Desk::new();
    for number in 1..=4 {
        desk.with_mail(&format!("{INVOICE} ({number})"));
    }
    desk.with_mail("Why is the sky blue?").tick();
    desk.approve("invoice-1").commit("yes");
    desk.approve("invoice-2").edit("invoice-2", "Hello Ada,", "Dear Ada,").commit("nearly");
    desk.drafts(&["reject", "--commit", "-m", "not a customer", &desk.id("invoice-3")]).succeeds();
    desk.approve("sky").answer("sky", "It scatters.").commit("an answer of my own");
    assert_eq!(desk.sent().len(), 3);
    desk
}

#[test]
fn stats_count_what_became_of_drafts() {
    let desk = with_a_past();
    desk.drafts(&["stats"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    action          drafts  accepted  as drafted  edited  rejected  expired  superseded  waiting
      route_answer       4       33%           1       1         1        0           0        1
      escalate           1         -           0       1         0        0           0        0
    tier
      low                4       33%           1       1         1        0           0        1
    confidence
      0.90 to 1.00       4       33%           1       1         1        0           0        1
    brain
      rules              4       33%           1       1         1        0           0        1
    ");
    let early = desk.drafts(&["stats", "--since", "2026-11-21"]).succeeds();
    assert_eq!((early.out.as_str(), early.err.as_str()), ("", "no draft has been made\n"));
    desk.at("2026-11-22T12:00:00Z");
    assert_eq!(json_of(&desk.drafts(&["stats", "--json", "--since", "1d"]))["drafts"], json!([]));
    let all = json_of(&desk.drafts(&["stats", "--json", "--since", "3d"]));
    assert_eq!(all["drafts"].as_array().unwrap().len(), 5);
    desk.drafts(&["stats", "--since", "soon"]).fails(129).says("hint: write it as 2026-11-20, 30d");
}

#[test]
fn the_evidence_outlives_the_desk_and_a_collection_of_garbage() {
    let desk = with_a_past();
    let before = json_of(&desk.drafts(&["stats", "--json"]));
    // Nothing of the desk's history is left but what stands on it now.
    desk.shell(
        "git update-ref refs/heads/main $(git commit-tree main^{tree} -m anew) && \
         git reflog expire --expire=now --all && git gc -q --prune=now",
    )
    .succeeds();
    let after = json_of(&desk.drafts(&["stats", "--json"]));
    assert_eq!(after, before);
    let became = |word: &str| {
        let all = after["drafts"].as_array().unwrap();
        all.iter().filter(|draft| draft["became"] == word).cloned().collect::<Vec<_>>()
    };
    let edited = became("edited").into_iter().find(|draft| draft["action"] == "route_answer").unwrap();
    let text = |key: &str| desk.git_says(&["cat-file", "-p", edited[key].as_str().unwrap()]);
    assert!(text("drafted").contains("Hello Ada,") && text("approved").contains("Dear Ada,"));
    assert!(edited["in_common"].as_f64().is_some_and(|share| share > 0.9 && share < 1.0), "{edited}");
    let rejected = &became("rejected")[0];
    assert_eq!((&rejected["reason"], &rejected["approved"]), (&json!("not a customer"), &Value::Null));
    assert_eq!((&rejected["confidence"], &rejected["brain"]), (&json!(0.9), &json!("rules")));
}

#[test]
fn entries_of_an_earlier_program_are_counted_too() {
    let desk = with_a_past();
    let before = json_of(&desk.drafts(&["stats", "--json"]));
    // An earlier program left the confidence to the drafted file.
    let rewritten = desk.shell(
        "export GIT_INDEX_FILE=$PWD/.git/older; git read-tree ledger || exit\n\
         git ls-files '*-drafted.toml' | while read -r path; do\n\
         blob=$(git cat-file -p \":$path\" | grep -v ^confidence | git hash-object -w --stdin)\n\
         git update-index --cacheinfo 100644,$blob,$path; echo $path; done\n\
         git update-ref refs/heads/ledger $(git commit-tree $(git write-tree) -m older)",
    );
    assert_eq!(rewritten.succeeds().out.lines().count(), 5);
    assert!(!desk.shell("git grep '^confidence = ' ledger -- '*.toml'").out.contains("confidence"));
    assert_eq!(json_of(&desk.drafts(&["stats", "--json"])), before);
}

#[test]
fn a_shadow_is_asked_what_its_brain_was_asked_and_is_only_compared() {
    let server = ModelServer::saying(GOOD);
    let shadow = ModelServer::start(|_, prompt| {
        let canary = GOOD.replace("portal", "portal, says the canary of the shadow");
        let ignore = r#"{"action": "ignore", "confidence": 1, "why": "x"}"#;
        Act::Say(if prompt.contains("thanks") { ignore.to_owned() } else { canary })
    });
    let desk = Desk::with_wiring(&format!(
        "{}[limits]\nmessages_since = \"all\"\n[brain.m]\nkind = \"openai\"\nmodel = \"m\"\nurl = \"{}\"\nshadow = \"try\"\n\
         [brain.try]\nkind = \"openai\"\nmodel = \"t\"\nurl = \"{}\"\n",
        WIRING.replace("transport = \"out\"\n", "transport = \"out\"\nbrain = \"m\"\n"),
        server.url(),
        shadow.url(),
    ));
    desk.with_mail("Where is it? 1").with_mail("Where is it? 2").with_mail("Many thanks");
    desk.drafts(&["tick"]).succeeds();
    let said = desk.said();
    assert_eq!((server.seen().len(), shadow.seen().len()), (3, 3));
    let prompts = |server: &ModelServer| {
        let mut all: Vec<String> = server.seen().into_iter().map(|seen| seen.prompt).collect();
        all.sort();
        all
    };
    assert_eq!(prompts(&server), prompts(&shadow));
    // Nobody sees its plan, and no object holds it.
    let objects = desk.command("git").args(["cat-file", "--batch-all-objects", "--batch"]).output().unwrap();
    let all = String::from_utf8_lossy(&objects.stdout);
    assert!(!all.contains("canary of the shadow") && !all.contains("\"try\""));
    assert!(!said.out.contains("canary") && !said.err.contains("canary"));
    assert!(!desk.drafts(&["status"]).out.contains("try"));

    desk.approve("it-1").commit("yes");
    desk.approve("it-2").edit("it-2", "Billing", "Billing, I think").commit("nearly");
    desk.drafts(&["reject", "--commit", &desk.id("thanks")]).succeeds();
    desk.drafts(&["stats", "--shadow"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    try planned  drafts  accepted  as drafted  edited  rejected  expired  superseded  waiting
      reply           2       50%           1       1         0        0           0        0
      ignore          1        0%           0       0         1        0           0        0

    try would have done as you did with 3 of 3.
    Words in common with what you sent, in 2 answers: its own 66%, the drafted 93%.
    ");
    let json = json_of(&desk.drafts(&["stats", "--shadow", "--json"]));
    assert_eq!((&json["version"], &json["shadows"][0]["agreed"]), (&json!(1), &json!(3)));
    assert_eq!(json["shadows"][0]["by_plan"][0]["as_drafted"], 1);
}

#[test]
fn whatever_a_shadow_does_the_drafts_are_the_same() {
    let program = |name: &str, lines: &str| {
        let desk = Desk::unmade();
        let program = desk.script(name, lines);
        desk.write_wiring(&rules_with_shadow(&format!("kind = \"exec\"\ncommand = [\"{program}\"]")));
        desk.drafts(&["init"]).succeeds();
        desk
    };
    let broken = ModelServer::start(|_, _| Act::json(500, json!({})));
    let rude =
        ModelServer::saying(r#"{"action": "reply", "body": "x", "confidence": 1, "to": "eve@evil.example"}"#);
    let plain = Desk::new();
    let desks = [
        Desk::with_wiring(&served(&broken)),
        Desk::with_wiring(&served(&rude)),
        program("none", "cat >/dev/null"),
        program("endless", "yes"),
        program("slow", "sleep 60"),
    ];
    let drafted = |desk: &Desk| {
        desk.with_mail(INVOICE).with_mail("Why is the sky blue?");
        desk.receive(&Mail { id: "odd@example.org", subject: "\u{1b}[2J\u{202e}", ..Mail::default() });
        let said = desk.drafts(&["tick"]).succeeds();
        let drafts = desk.git_says(&["ls-tree", "main", "drafts/"]);
        let message = desk.git_says(&["log", "-1", "--format=%B", "main"]);
        (drafts, message, said.out, said.err)
    };
    let expected = drafted(&plain);
    for desk in &desks {
        assert_eq!(drafted(desk), expected);
    }
    assert_eq!(broken.seen().len(), 3);
    let planned = desks[1].drafts(&["stats", "--shadow"]).succeeds();
    assert!(planned.out.contains("none"), "{}", planned.out);
    desks[4].drafts(&["stats", "--shadow"]).succeeds().says("no shadow has planned anything");
}

#[test]
fn a_slow_shadow_delays_no_send_and_no_other_tick() {
    let server = ModelServer::start(|_, _| Act::Stall);
    let wiring = served(&server).replace("shadow_seconds_max = 2", "shadow_seconds_max = 3600");
    let desk = Desk::with_wiring(&wiring);
    desk.with_mail(INVOICE).drafts(&["tick", "--shadow-later"]).succeeds();
    desk.approve("invoice").commit_quietly("yes");
    let mut run = desk.command("git").args(["drafts", "run"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until(|| desk.sent().len() == 1 && server.seen().len() == 1);
    assert!(run.try_wait().unwrap().is_none(), "the shadow is still being asked");
    // Meanwhile another tick and its own shadow do not wait for that one.
    desk.with_mail("Why is the sky blue?").tick();
    assert_eq!(desk.files().len(), 1);
    drop(server);
    run.wait().unwrap();
}

#[test]
fn a_tick_that_still_asks_its_shadow_keeps_no_other_tick_away() {
    let server = ModelServer::start(|_, _| Act::Stall);
    let wiring = served(&server).replace("shadow_seconds_max = 2", "shadow_seconds_max = 3600");
    let desk = Desk::with_wiring(&wiring);
    desk.with_mail(INVOICE);
    let mut tick = desk.command("git").args(["drafts", "tick"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until(|| server.seen().len() == 1);
    assert_eq!(desk.files().len(), 1, "the draft is there before anybody asks the shadow");
    desk.with_mail("Why is the sky blue?").tick();
    assert_eq!(desk.files().len(), 2);
    assert!(tick.try_wait().unwrap().is_none(), "the shadow is still being asked");
    drop(server);
    tick.wait().unwrap();
}

#[test]
fn a_shadow_that_takes_too_long_is_asked_again_by_the_next_tick() {
    let server =
        ModelServer::start(|count, _| if count == 0 { Act::Stall } else { Act::Say(GOOD.to_owned()) });
    let desk =
        Desk::with_wiring(&served(&server).replace("shadow_seconds_max = 2", "shadow_seconds_max = 1"));
    desk.with_mail(INVOICE).tick();
    desk.drafts(&["stats", "--shadow"]).succeeds().says("no shadow has planned anything");
    desk.tick();
    assert_eq!(server.seen().len(), 2);
    assert_eq!(json_of(&desk.drafts(&["stats", "--shadow", "--json"]))["shadows"][0]["brain"], "try");
    // A day later nobody would ask any more.
    desk.with_mail("where is another invoice?");
    desk.drafts(&["tick", "--shadow-later"]).succeeds();
    desk.at("2026-11-21T13:00:00Z").tick();
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_secret_in_a_shadow_s_plan_is_kept_nowhere() {
    let secret = ["AKIA", "IOSFODNN7", "EXAMPLQ"].concat();
    let server = ModelServer::saying(&GOOD.replace("Billing", &secret));
    let desk = Desk::with_wiring(&served(&server));
    desk.with_mail(INVOICE).tick();
    let found = desk.shell(&format!("grep -rl {secret} \"$HOME\""));
    assert_eq!((found.out.as_str(), found.code), ("", 1));
    let json = json_of(&desk.drafts(&["stats", "--shadow", "--json"]));
    assert_eq!(json["shadows"][0]["by_plan"][0]["name"], "none");
    // Nobody else reads what shadows said.
    let mut folders = fs::read_dir(desk.home().join(".state/git-drafts")).unwrap();
    let state = folders.find(|folder| folder.as_ref().unwrap().path().is_dir()).unwrap().unwrap().path();
    assert_eq!(fs::metadata(state.join("shadow")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn instructions_that_no_prompt_may_hold_stop_the_shadow_and_no_draft() {
    let server = ModelServer::saying(GOOD);
    let desk = Desk::with_wiring(&served(&server));
    desk.commit_file("instructions.md", &format!("use {}\n", ["AKIA", "IOSFODNN7", "EXAMPLQ"].concat()));
    desk.with_mail(INVOICE);
    desk.drafts(&["tick"])
        .succeeds()
        .says("warning: the shadow `try` is not asked: instructions.md:1: there is a secret");
    assert_eq!((desk.files().len(), server.seen().len()), (1, 0));
}

#[test]
fn a_dry_run_asks_no_shadow() {
    let server = ModelServer::saying(GOOD);
    let desk = Desk::with_wiring(&served(&server));
    desk.with_mail(INVOICE).drafts(&["tick", "--dry-run"]).succeeds();
    assert!(server.seen().is_empty());
    desk.tick();
    assert_eq!(server.seen().len(), 1);
}

// What the brains of a wiring need

#[test]
fn each_source_has_a_brain_of_its_own() {
    let (one, other) = (ModelServer::saying(GOOD), ModelServer::saying(&GOOD.replace("Billing", "Help")));
    let source = "[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\naddress = [\"Sam Hill <sam@example.com>\"]\n\
        transport = \"out\"\nbrain = \"one\"\n";
    let desk = Desk::unmade();
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(desk.home().join("mail/second").join(folder)).unwrap();
    }
    desk.write_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n{source}{}[transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n[brain.one]\nkind = \"execute\"\nurl = \"{}\"\n\
         [brain.other]\nkind = \"execute\"\nurl = \"{}\"\n",
        source.replace("source.mail", "source.second").replace("mail/inbox", "mail/second").replace("one", "other"),
        one.url(),
        other.url(),
    ));
    desk.drafts(&["init"]).succeeds();
    desk.with_mail("Where is the bill?");
    let mail = Mail { id: "second@example.org", subject: "Where is the help?", ..Mail::default() };
    let second = mail.write(9, crate::support::desk::SAM);
    fs::write(desk.home().join("mail/second/new/1.mail"), second).unwrap();
    desk.tick();
    assert_eq!((one.seen().len(), other.seen().len()), (1, 1));
    assert!(desk.text("bill").contains("under Billing.") && desk.text("the-help").contains("under Help."));
}

#[test]
fn check_looks_at_every_brain_that_is_named() {
    let models = "[brain.m]\nkind = \"exec\"\ncommand = [\"no-such-model\", \"--key=hunter2\"]\nshadow = \"try\"\n\
        [brain.try]\nkind = \"openai\"\nmodel = \"t\"\nurl = \"http://127.0.0.1:9/v1\"\nkey = { env = \"TRY_KEY\" }\n\
        tunnel = [\"no-such-tunnel\"]\n[brain.route]\nkind = \"anthropic\"\nmodel = \"t\"\nurl = \"http://127.0.0.1:9\"\n\
        key = { command = [\"false\", \"hunter2\"] }\n[brain.unused]\nkind = \"exec\"\ncommand = [\"no-such-thing\"]\n";
    let desk = Desk::with_wiring(&format!("{WIRING}{models}"));
    let route = |brain: &str| {
        format!(
            "version = 1\ndefault.action = \"escalate\"\n[[route]]\nid = \"a\"\nmatch = {{ words = [\"a\"] }}\nbrain = \"{brain}\"\n"
        )
    };
    let wrong = |desk: &Desk| {
        let all = json_of(&desk.drafts(&["check", "--json"]));
        let findings =
            all["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] == "wrong");
        let line = |finding: &Value| {
            [&finding["name"], &finding["what"], &finding["hint"]]
                .map(|word| word.as_str().unwrap().to_owned())
                .join(" | ")
        };
        findings.map(line).filter(|line| !line.starts_with("schedule")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(wrong(&desk), "", "nobody names any of them");
    desk.commit_file("routes.toml", &route("nobody"));
    assert_snapshot!(wrong(&desk), @"route.brain | routes.toml:6: there is no brain `nobody` | brains stand in the wiring, each as [brain.NAME]");
    desk.commit_file("routes.toml", &route("route"));
    assert_snapshot!(wrong(&desk), @"brain.key | brain `route`: `false` gave no secret: exit status: 1 | run `false` as the wiring says in a terminal to see what it wants");
    desk.write_wiring(
        &format!("{WIRING}{models}").replace("transport = \"out\"\n", "transport = \"out\"\nbrain = \"m\"\n"),
    );
    assert_snapshot!(wrong(&desk), @"
    brain.command | brain `m`: `no-such-model` is not there | install it, or name another program as its `command`
    brain.command | brain `try`: `no-such-tunnel` is not there | install it, or name another program as its `tunnel`
    brain.key | brain `try`: the environment variable `TRY_KEY` is not set | look at `key` of `try` in the wiring
    ");
    let fixed = models.replace("no-such-model", "sh").replace("no-such-tunnel", "sh");
    desk.write_wiring(
        &format!("{WIRING}{fixed}").replace("transport = \"out\"\n", "transport = \"out\"\nbrain = \"m\"\n"),
    );
    desk.with("TRY_KEY", "hunter2");
    assert_eq!(wrong(&desk), "");
    let said = desk.drafts(&["check"]).succeeds();
    assert!(!said.out.contains("hunter2"));
    assert_snapshot!(said.out.lines().filter(|line| line.contains("brain")).collect::<Vec<_>>().join("\n"), @"
    ok      brain `m` runs sh
    ok      brain `try` asks http://127.0.0.1:9/v1, with its key in the environment variable `TRY_KEY`
    ");
    desk.commit_file("instructions.md", &format!("use {}\n", ["AKIA", "IOSFODNN7", "EXAMPLQ"].concat()));
    assert_snapshot!(wrong(&desk), @"instructions | instructions.md:1: there is a secret in it (aws-key-id), and every prompt would hold it | take it out, and change it where it is used");
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    let server = ModelServer::saying(GOOD);
    let wiring = WIRING.replace("transport = \"out\"\n", "transport = \"out\"\nbrain = \"m\"\n");
    let desk = Desk::with_wiring(&format!(
        "{wiring}[limits]\nmessages_since = \"all\"\n[brain.m]\nkind = \"execute\"\nurl = \"{}\"\nconcurrency = 1\n",
        server.url()
    ));
    for number in 1..=3 {
        desk.with_mail(&format!("Question {number}?"));
    }
    desk.drafts(&["tick", "--dry-run"]).succeeds();
    assert_eq!(desk.said().err, "");
    let on_a_terminal = desk.shell("script -qec 'git drafts tick' /dev/null 2>&1").succeeds();
    for step in ["asking m: 0 of 3", "asking m: 2 of 3"] {
        assert!(on_a_terminal.out.contains(step), "{:?}", on_a_terminal.out);
    }
    // What is left of it when the tick is over is nothing.
    let lines = on_a_terminal.out.replace("\r\n", "\n");
    let left: Vec<&str> = lines.lines().map(|line| line.rsplit("\u{1b}[K").next().unwrap()).collect();
    assert!(!left.iter().any(|line| line.contains("asking")), "{left:?}");
}
