//! Patches, end to end: a model proposes a change of a file, a person approves, a branch has it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::desk::Desk;
use crate::support::model::ModelServer;

const ROUTES: &str = r#"version = 1

[default]
action = "escalate"
why = "no route knows this"

[[route]]
id = "hours"
match = { words = ["opening hours"] }
answer = """
We are open from nine to five.
"""
"#;

/// What a model says that cannot count: only its lines are right.
const DIFF: &str = "--- a/routes.toml\n+++ b/routes.toml\n@@ -1,2 +1,9 @@\n answer = \"\"\"\n-We are open from nine to five.\n+We are open from nine to six.\n \"\"\"\n";

/// A desk whose model always proposes this diff, with the files of `patches`.
fn world(diff: &str, patches: &str) -> (Desk, ModelServer) {
    let said = json!({ "action": "patch", "body": diff, "subject": "Open until six", "confidence": 0.9, "why": "w" });
    let model = ModelServer::saying(&said.to_string());
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"local\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n\
         [brain.local]\nkind = \"execute\"\nurl = \"{}\"\nretries = 0\n[patches]\n{patches}\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        model.url()
    ));
    desk.commit_file("routes.toml", ROUTES);
    desk.commit_file("drafts.toml", "version = 1\n[gates]\nhigh = \"approve\"\n[undo_seconds]\nhigh = 0\n");
    (desk, model)
}

fn routes() -> (Desk, ModelServer) {
    world(DIFF, "files = [\"routes.toml\"]")
}

/// The branches of changes, by their short names.
fn branches(desk: &Desk) -> Vec<String> {
    let all = desk.git_says(&["for-each-ref", "--format=%(refname:short)", "refs/heads/git-drafts"]);
    all.lines().map(str::to_owned).collect()
}

#[test]
fn an_approved_change_stands_on_a_branch_of_its_own_and_nothing_else_moves() {
    let (desk, model) = routes();
    desk.with_mail("you close at six").tick();
    assert!(model.seen()[0].prompt.contains("We are open from nine to five."), "the model saw the file");
    let text = desk.text("six");
    let (above, _) = text.split_once("------------------------ >8").unwrap();
    assert_snapshot!(desk.plain(above), @r#"
    +++
    status = "draft"
    to = []
    subject = "Open until six"

    [draft]
    version = 1
    id = "rnjkmjrz"
    action = "patch"
    source = "mail"
    answers = "<mail-1@example.org>"
    tier = "high"
    confidence = 0.90
    why = "w"
    findings = []
    +++

    ```diff
    --- a/routes.toml
    +++ b/routes.toml
    @@ -8,5 +8,5 @@
     id = "hours"
     match = { words = ["opening hours"] }
     answer = """
    -We are open from nine to five.
    +We are open from nine to six.
     """
    ```
    "#);
    let id = desk.id("six");
    // Work of the operator's that is under way, staged and not.
    fs::write(desk.path("routes.toml"), ROUTES.replace("nine", "ten")).unwrap();
    desk.git(&["add", "routes.toml"]);
    fs::write(desk.path("routes.toml"), ROUTES.replace("nine", "eleven")).unwrap();
    desk.approve("six").git(&["commit", "-qm", "yes", "--", &desk.draft("six")]);
    let said = desk.said();
    assert!(said.err.contains("[sent]"), "{}", said.err);
    let branch = branches(&desk);
    assert_eq!(branch.len(), 1);
    assert_snapshot!(desk.plain(&desk.git_says(&["log", "-1", "--format=%an%n%B", "-p", &branch[0]])), @r#"
    git-drafts
    Open until six

    Draft-Key: rnjkmjrz.1.[desk]


    diff --git a/routes.toml b/routes.toml
    index [abbrev]..[abbrev] 100644
    --- a/routes.toml
    +++ b/routes.toml
    @@ -8,5 +8,5 @@ why = "no route knows this"
     id = "hours"
     match = { words = ["opening hours"] }
     answer = """
    -We are open from nine to five.
    +We are open from nine to six.
     """
    "#);
    assert_eq!(desk.git_says(&["show", "main:routes.toml"]), ROUTES.trim_end());
    assert_eq!(desk.git_says(&["show", ":routes.toml"]), ROUTES.replace("nine", "ten").trim_end());
    assert_eq!(fs::read_to_string(desk.path("routes.toml")).unwrap(), ROUTES.replace("nine", "eleven"));
    assert_eq!(desk.git_says(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    let log = desk.drafts(&["log", &id]).succeeds().out;
    let commit = desk.git_says(&["rev-parse", &branch[0]]);
    assert!(log.contains(&format!("branch {}", branch[0])) && log.contains(&commit[..7]), "{log}");
    assert_eq!(desk.files(), [""; 0]);
    // A person takes it over, in the usual way.
    desk.git(&["restore", "--staged", "--worktree", "routes.toml"]).git(&[
        "merge",
        "-q",
        "--no-edit",
        &branch[0],
    ]);
    assert!(fs::read_to_string(desk.path("routes.toml")).unwrap().contains("nine to six"));
    desk.drafts(&["check"]).succeeds();
}

#[test]
fn a_change_is_applied_once_whenever_the_sender_dies() {
    for point in ["change.written", "branch.moved#3", "branch.moved#4"] {
        let (desk, _model) = routes();
        desk.with_mail("you close at six").tick();
        let id = desk.id("six");
        desk.approve("six").commit_quietly("yes");
        let died = desk.with("GIT_DRAFTS_FAILPOINT", format!("kill:{point}")).drafts(&["send"]);
        assert_ne!(died.code, 0, "{point}");
        let before = branches(&desk);
        assert_eq!(before.len(), usize::from(point != "change.written"), "{point}");
        let tip = before.first().map(|branch| desk.git_says(&["rev-parse", branch]));
        desk.with("GIT_DRAFTS_FAILPOINT", "").send();
        let after = branches(&desk);
        assert_eq!(after.len(), 1, "{point}");
        assert!(tip.is_none_or(|tip| tip == desk.git_says(&["rev-parse", &after[0]])), "{point}");
        assert!(desk.story(&id).ends_with("sent"), "{point}: {}", desk.story(&id));
        assert_eq!(desk.git_says(&["rev-list", "--count", &format!("main..{}", after[0])]), "1");
    }
}

#[test]
fn a_change_that_a_person_built_upon_is_still_found() {
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let id = desk.id("six");
    desk.approve("six").commit_quietly("yes");
    desk.with("GIT_DRAFTS_FAILPOINT", "kill:branch.moved#3").drafts(&["send"]);
    let branch = branches(&desk).remove(0);
    desk.git(&["checkout", "-q", &branch]).commit_file("more", "more").git(&["checkout", "-q", "main"]);
    let tip = desk.git_says(&["rev-parse", &branch]);
    desk.with("GIT_DRAFTS_FAILPOINT", "").send();
    assert!(desk.story(&id).ends_with("sent"), "{}", desk.story(&id));
    assert_eq!(desk.git_says(&["rev-parse", &branch]), tip);
}

#[test]
fn a_branch_with_something_else_is_left_alone() {
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let id = desk.id("six");
    let desk_id = desk.git_says(&["show", "ledger:ledger.toml"]);
    let desk_id = desk_id
        .split('"')
        .find(|word| word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit()))
        .unwrap();
    let branch = format!("git-drafts/{id}.1.{desk_id}");
    desk.git(&["branch", &branch]);
    let tip = desk.git_says(&["rev-parse", &branch]);
    desk.approve("six").commit_quietly("yes").drafts(&["send"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    To patches
     ! [failed]    rnjk -> routes.toml  Open until six  drafts/rnjkmjrz-open-until-six.md:19: there is a branch `git-drafts/rnjkmjrz.1.[desk]` with something else on it
    2> hint: change it and commit, or `git drafts resolve rnjk --resend` or `--drop`
    ");
    assert_eq!(desk.git_says(&["rev-parse", &branch]), tip);
    assert_eq!(desk.story(&id), "drafted claimed sending failed");
}

#[test]
fn what_a_model_proposes_and_does_not_fit_is_left_to_a_person() {
    for (diff, why) in [
        (
            DIFF.replace("-We are open from nine to five.", "-We are open from eight to five."),
            "the patch cannot be applied: `routes.toml` has no line `We are open from eight to five.`",
        ),
        (
            DIFF.replace("routes.toml", "drafts.toml"),
            "the patch cannot be applied: `drafts.toml` is not among the files that patches may change",
        ),
        (
            DIFF.replace("a/routes.toml", "a/../../etc/passwd")
                .replace("b/routes.toml", "b/../../etc/passwd"),
            "the patch cannot be applied: the path `../../etc/passwd` leads elsewhere",
        ),
        (
            DIFF.replace("--- a/routes.toml", "--- /dev/null"),
            "the patch cannot be applied: the diff creates a file",
        ),
        ("I would change the hours.".to_owned(), "the patch cannot be applied: there is no line `--- a/…`"),
    ] {
        let (desk, _model) = world(&diff, "files = [\"routes.toml\"]");
        desk.with_mail("you close at six").tick();
        let text = desk.text("six");
        assert!(text.contains("action = \"escalate\"") && text.contains(&text_of(why)), "{why}: {text}");
        assert_eq!(branches(&desk), [""; 0]);
    }
}

#[test]
fn lines_that_a_number_alone_places_are_refused() {
    const ADDS: &str = "--- a/routes.toml\n+++ b/routes.toml\n@@ -5,0 +6 @@\n+# Ours.\n";
    let (desk, _model) = world(ADDS, "files = [\"routes.toml\"]");
    desk.with_mail("you close at six").tick();
    let why = "the patch cannot be applied: the hunk has no line that says where it stands";
    let text = desk.text("six");
    assert!(text.contains("action = \"escalate\"") && text.contains(why), "{text}");

    // Nor does a person get one past the hook or the sender.
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let path = desk.path(&desk.draft("six"));
    let whole = fs::read_to_string(&path).unwrap();
    let (above, rest) = whole.split_once("@@ -8,5 +8,5 @@\n").unwrap();
    let (_, below) = rest.split_once("```").unwrap();
    fs::write(&path, format!("{above}@@ -5,0 +6 @@\n+# Ours.\n```{below}")).unwrap();
    let hook = desk.approve("six").try_git(&["commit", "-qam", "yes"]);
    assert_ne!(hook.code, 0);
    assert_snapshot!(desk.plain(&hook.err), @r#"
    error: drafts/rnjkmjrz-open-until-six.md:21: the patch cannot be applied: the hunk has no line that says where it stands
    hint: change it to fit what stands in ~/drafts now, or set the draft's status back to "draft"
    "#);
    desk.commit_quietly("all the same").send();
    assert!(desk.seen().contains("[held]") && desk.seen().contains(why), "{}", desk.seen());
    assert_eq!(branches(&desk), [""; 0]);
}

/// A text as it stands in a string of TOML.
fn text_of(why: &str) -> String {
    why.replace('\\', "\\\\").replace('"', "\\\"")
}

#[test]
fn a_patch_that_does_not_apply_is_refused_before_it_is_approved_and_held_after() {
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let id = desk.id("six");
    desk.edit("six", "-We are open from nine to five.", "-We are open from ten to five.").approve("six");
    let hook = desk.try_git(&["commit", "-qam", "yes"]);
    assert_ne!(hook.code, 0);
    assert_snapshot!(desk.plain(&hook.err), @r#"
    error: drafts/rnjkmjrz-open-until-six.md:21: the patch cannot be applied: `routes.toml` has no line `We are open from ten to five.`
    hint: change it to fit what stands in ~/drafts now, or set the draft's status back to "draft"
    "#);
    desk.commit_quietly("all the same").drafts(&["send"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    To patches
     ! [held]      rnjk  drafts/rnjkmjrz-open-until-six.md:21: the patch cannot be applied: `routes.toml` has no line `We are open from ten to five.`
    2> hint: change it to fit what stands in ~/drafts now, or set the draft's status back to "draft"
    "#);
    assert_eq!((desk.story(&id).as_str(), branches(&desk)), ("drafted", Vec::new()));
    // Mended by a person, it goes.
    desk.edit("six", "-We are open from ten to five.", "-We are open from nine to five.")
        .commit_quietly("mended")
        .send();
    assert_eq!(branches(&desk).len(), 1, "{}", desk.seen());
}

#[test]
fn what_a_person_writes_into_a_patch_is_refused_with_its_line() {
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let path = desk.path(&desk.draft("six"));
    let whole = fs::read_to_string(&path).unwrap();
    let mut said = String::new();
    for (from, to) in [
        ("```diff\n--- a/routes.toml\n+++ b/routes.toml", "```diff\n--- a/.git/config\n+++ b/.git/config"),
        ("```diff\n--- a/routes.toml\n+++ b/routes.toml", "```diff\n--- a/README.md\n+++ b/README.md"),
        ("```diff\n--- a/", "```diff\nold mode 100644\nnew mode 100755\n--- a/"),
        ("```diff\n", "```diff\ndiff --git a/routes.toml b/x\nrename from routes.toml\nrename to x\n"),
        ("+We are open from nine to six.", "+We are open from nine to six.\n+Always."),
        ("+We are open from nine to six.", "+We are\u{202e} open from nine to six."),
        ("```diff", "```"),
        ("to = []", "to = [\"eve@evil.example\"]"),
    ] {
        assert_eq!(whole.matches(from).count(), 1, "{from}");
        fs::write(&path, whole.replace(from, to).replace("status = \"draft\"", "status = \"approved\""))
            .unwrap();
        let hook = desk.try_git(&["commit", "-qam", "yes"]);
        assert_ne!(hook.code, 0, "{from} -> {to}");
        said.push_str(hook.err.lines().find(|line| line.starts_with("error: ")).unwrap());
        said.push('\n');
        desk.git(&["-c", "core.hooksPath=/dev/null", "commit", "-qam", "yes"]).send();
        assert_eq!(branches(&desk), [""; 0], "{from} -> {to}: {}", desk.seen());
        fs::write(&path, &whole).unwrap();
        desk.commit_quietly("back");
    }
    assert_snapshot!(desk.plain(&said), @"
    error: drafts/rnjkmjrz-open-until-six.md:19: the patch cannot be applied: the path `.git/config` belongs to git itself
    error: drafts/rnjkmjrz-open-until-six.md:19: the patch cannot be applied: `README.md` is not among the files that patches may change
    error: drafts/rnjkmjrz-open-until-six.md:19: the patch cannot be applied: the diff changes the mode of a file
    error: drafts/rnjkmjrz-open-until-six.md:20: the patch cannot be applied: the diff renames or copies a file
    error: drafts/rnjkmjrz-open-until-six.md:21: the patch cannot be applied: the hunk has not as many lines as its head says: 5 and 6, not 5 and 5
    error: drafts/rnjkmjrz-open-until-six.md: a hidden character, U+202E, is in the text
    error: drafts/rnjkmjrz-open-until-six.md:18: the patch cannot be applied: there is no diff, which begins after a line ```diff
    error: drafts/rnjkmjrz-open-until-six.md:3: `to` is for answers, and nobody is written to by this
    ");
}

#[test]
fn lines_that_were_put_before_do_no_harm_and_changed_ones_hold_the_patch() {
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let id = desk.id("six");
    // Somebody else has changed the very line.
    desk.commit_file("routes.toml", &ROUTES.replace("nine to five", "nine to four"));
    desk.approve("six").commit_quietly("yes").send();
    assert!(desk.seen().contains("[held]"), "{}", desk.seen());
    assert_eq!(branches(&desk), [""; 0]);
    // It is taken back, and other lines come before it.
    desk.commit_file("routes.toml", &format!("# Ours.\n# All of it.\n{ROUTES}")).send();
    let branch = branches(&desk);
    assert_eq!(branch.len(), 1, "{}", desk.seen());
    let changed = desk.git_says(&["show", &format!("{}:routes.toml", branch[0])]);
    assert_eq!(changed, format!("# Ours.\n# All of it.\n{}", ROUTES.replace("to five", "to six")).trim_end());
    assert!(desk.story(&id).ends_with("sent"));
}

/// Another repository in the home, with a hook that would tell, and a file of two lines.
fn site(desk: &Desk) {
    desk.shell(
        "git init -q ~/site && cd ~/site && printf 'one\\ntwo\\n' >page.txt && git add . && git commit -qm one && \
         printf '#!/bin/sh\\ntouch ~/rang\\n' >.git/hooks/reference-transaction && chmod +x .git/hooks/reference-transaction",
    )
    .succeeds();
}

fn in_site(desk: &Desk, line: &str) -> String {
    desk.shell(&format!("cd ~/site && {line}")).succeeds().out.trim_end().to_owned()
}

const PAGE: &str = "--- a/page.txt\n+++ b/page.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";

#[test]
fn another_repository_gets_a_branch_and_nothing_of_it_is_touched() {
    let (desk, _model) = world(PAGE, "files = [\"page.txt\"]\nrepository = \"../../site\"");
    site(&desk);
    desk.with_mail("a typo").tick();
    let before = in_site(&desk, "git status --porcelain; git rev-parse HEAD; cat page.txt");
    desk.approve("six").commit_quietly("yes").send();
    assert!(desk.seen().contains("[sent]"), "{}", desk.seen());
    assert_eq!(in_site(&desk, "git status --porcelain; git rev-parse HEAD; cat page.txt"), before);
    assert_eq!(
        in_site(&desk, "git show $(git for-each-ref --format='%(refname)' refs/heads/git-drafts):page.txt"),
        "one\n2"
    );
    assert!(!desk.home().join("rang").exists(), "no hook runs");
    assert_eq!(branches(&desk), [""; 0]);
    in_site(&desk, "git fsck --strict");
}

#[test]
fn a_repository_in_the_middle_of_something_is_waited_for() {
    let (desk, _model) = world(PAGE, "files = [\"page.txt\"]\nrepository = \"../../site\"");
    site(&desk);
    desk.with_mail("a typo").tick();
    in_site(&desk, "git checkout -q --detach");
    desk.approve("six").commit_quietly("yes").drafts(&["send"]).succeeds();
    assert!(desk.seen().contains("is on no branch"), "{}", desk.seen());
    in_site(&desk, "git checkout -q -");
    desk.send();
    assert!(desk.seen().contains("[sent]"), "{}", desk.seen());
}

#[test]
fn only_a_plain_text_that_is_there_is_changed() {
    let change = |make: &dyn Fn(&Path)| {
        let (desk, _model) = world(PAGE, "files = [\"page.txt\"]\nrepository = \"../../site\"");
        site(&desk);
        make(&desk.home().join("site"));
        in_site(&desk, "git add -A && git commit -qm changed");
        let tick = desk.with_mail("a typo").drafts(&["tick"]).succeeds();
        let said = desk.text("typo");
        assert_eq!(in_site(&desk, "git for-each-ref refs/heads/git-drafts"), "");
        let line = said.lines().find(|line| line.starts_with("why = ")).unwrap().to_owned();
        // The model is not even offered it, so what it says all the same is no plan.
        assert!(said.contains("action = \"escalate\""), "{said}");
        (line, tick.err)
    };
    let page = |site: &Path| site.join("page.txt");
    let (why, warned) = change(&|site| {
        fs::write(site.join("other"), "one\ntwo\n").unwrap();
        fs::remove_file(page(site)).unwrap();
        symlink("other", page(site)).unwrap();
    });
    assert_eq!(why, "why = \"the brain was not offered the action `patch`\"");
    assert!(warned.contains("`page.txt` is not a plain file"), "{warned}");
    let (_, warned) =
        change(&|site| fs::set_permissions(page(site), fs::Permissions::from_mode(0o755)).unwrap());
    assert!(warned.contains("`page.txt` is not a plain file"), "{warned}");
    let (_, warned) = change(&|site| fs::write(page(site), b"one\ntwo\n\xff\n").unwrap());
    assert!(warned.contains("`page.txt` is not a text"), "{warned}");
    let (_, warned) = change(&|site| fs::remove_file(page(site)).unwrap());
    assert!(warned.contains("there is no `page.txt`, and a patch creates none"), "{warned}");
}

#[test]
fn a_file_with_a_secret_is_shown_to_no_model() {
    let (desk, model) = world(PAGE, "files = [\"page.txt\"]\nrepository = \"../../site\"");
    site(&desk);
    let secret = ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat();
    in_site(&desk, &format!("echo {secret} >>page.txt && git commit -qam more"));
    let tick = desk.with_mail("a typo").drafts(&["tick"]).succeeds();
    assert!(tick.err.contains("there is a secret in `page.txt`"), "{}", tick.err);
    assert!(model.seen().iter().all(|seen| !seen.prompt.contains(&secret)));
}

#[test]
fn a_wiring_that_would_let_a_patch_loosen_a_gate_is_refused() {
    for (files, wrong) in [
        ("[\"drafts.toml\"]", "`drafts.toml` is never changed by a patch"),
        ("[\"drafts/x.md\"]", "`drafts/x.md` is never changed by a patch"),
        ("[\".git/config\"]", "the path `.git/config` belongs to git itself"),
        ("[\"../x\"]", "the path `../x` leads elsewhere"),
        ("[]", "`files` is not a list of 1 to 20 files"),
    ] {
        let (desk, _model) = routes();
        let path = desk.home().join(".config/git-drafts/config.toml");
        let wiring = fs::read_to_string(&path).unwrap().replace("[\"routes.toml\"]", files);
        fs::write(&path, wiring).unwrap();
        let said = desk.drafts(&["tick"]);
        assert_ne!(said.code, 0);
        assert!(said.err.contains(wrong), "{files}: {}", said.err);
    }
}

#[test]
fn git_applies_what_we_apply_and_the_same_comes_of_it() {
    let (desk, _model) = routes();
    desk.with_mail("you close at six").tick();
    let diff = desk.drafts(&["show", "--outgoing", &desk.id("six")]).succeeds().out;
    desk.approve("six").commit_quietly("yes").send();
    let ours = desk.git_says(&["show", &format!("{}:routes.toml", branches(&desk)[0])]);
    fs::write(desk.home().join("x.diff"), diff).unwrap();
    let mut apply: Command = desk.command("git");
    assert!(
        apply.args(["apply", "--unidiff-zero"]).arg(desk.home().join("x.diff")).status().unwrap().success()
    );
    assert_eq!(fs::read_to_string(desk.path("routes.toml")).unwrap().trim_end(), ours);
}
