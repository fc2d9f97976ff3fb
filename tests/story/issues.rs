//! Tasks, end to end: a model plans them, a person approves, a tracker creates each once.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::forge::{Forge, Kind};
use crate::support::model::ModelServer;
use crate::support::proxy::{Fault, Fits, Proxy};
use crate::support::tracker::Tracker;

const POSTS: Fits = |call| call == "POST /tasks";
const QUESTIONS: Fits = |call| call.starts_with("GET /tasks");

/// A desk whose model always plans these tasks, and whose tasks go where `issues` says.
pub struct World {
    pub desk: Desk,
    pub model: ModelServer,
}

impl World {
    pub fn new(plan: &Value, issues: &str) -> Self {
        let model = ModelServer::saying(&plan.to_string());
        let desk = Desk::with_wiring(&wiring(&model, issues));
        desk.commit_file("drafts.toml", "version = 1\n[issues]\nlabels = [\"bug\", \"docs\"]\n");
        Self { desk, model }
    }

    /// From now on, tasks go elsewhere.
    fn switches(&self, issues: &str) -> &Desk {
        self.desk.write_wiring(&wiring(&self.model, issues))
    }
}

fn wiring(model: &ModelServer, issues: &str) -> String {
    format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
         address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"local\"\n\
         [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n\
         [brain.local]\nkind = \"execute\"\nurl = \"{}\"\nretries = 0\n{issues}\n\
         [limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n",
        model.url()
    )
}

fn rest(url: &str) -> String {
    format!("[issues]\nkind = \"rest\"\nurl = \"{url}\"\ntimeout_seconds = 1\n")
}

fn null(url: &str) -> String {
    rest(url).replace("\"rest\"", "\"null\"")
}

/// Three tasks, of which the first needs the second.
fn plan() -> Value {
    json!({
        "action": "issue", "confidence": 0.9, "why": "The export is broken, and nobody says so in the manual.",
        "tasks": [
            { "key": "export", "title": "Mend the export", "body": "It comes out empty.", "labels": ["bug"], "depends_on": ["find"] },
            { "key": "find", "title": "Find out since when", "body": "", "labels": [], "depends_on": [] },
            { "key": "manual", "title": "Say so in the manual", "body": "One sentence.", "labels": ["docs"], "depends_on": ["export"] },
        ],
    })
}

/// Takes in one mail and approves what comes of it, with hooks off.
fn approved(world: &World) -> String {
    world.desk.with_mail("the export is empty").tick();
    let id = world.desk.id("export");
    world.desk.approve("export").commit_quietly("yes");
    id
}

/// Sends until nothing is on its way, later each time.
fn settle(desk: &Desk) {
    for minute in 1..8 {
        desk.at(&format!("2026-11-20T13:{:02}:00Z", 4 * minute)).send();
        if desk.files().is_empty() {
            return;
        }
    }
}

#[test]
fn a_list_of_tasks_stands_in_a_draft_and_is_created_in_its_order() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    desk.with_mail("the export is empty").tick();
    let text = desk.text("export");
    let (above, _) = text.split_once("------------------------ >8").unwrap();
    assert_snapshot!(desk.plain(above), @r#"
    +++
    status = "draft"
    to = []
    subject = "the export is empty"

    [[task]]
    key = "export"
    title = "Mend the export"
    labels = ["bug"]
    depends_on = ["find"]

    [[task]]
    key = "find"
    title = "Find out since when"
    labels = []
    depends_on = []

    [[task]]
    key = "manual"
    title = "Say so in the manual"
    labels = ["docs"]
    depends_on = ["export"]

    [draft]
    version = 1
    id = "rnjkmjrz"
    action = "issue"
    source = "mail"
    answers = "<mail-1@example.org>"
    tier = "medium"
    confidence = 0.90
    why = "The export is broken, and nobody says so in the manual."
    findings = []
    +++

    ## Task: export

    It comes out empty.

    ## Task: find

    ## Task: manual

    One sentence.
    "#);
    let id = desk.id("export");
    desk.approve("export").commit("yes");
    assert_snapshot!(desk.seen(), @"
    [main [abbrev]] yes
     1 file changed, 1 insertion(+), 1 deletion(-)
    2> To issues
    2>  * [sent]      rnjk -> 3 tasks  the export is empty
    ");
    assert_eq!(
        tracker.titles(),
        ["T-1 Find out since when", "T-2 Mend the export", "T-3 Say so in the manual"]
    );
    let created = tracker.created();
    let depends_on: Vec<&Value> = created.iter().map(|created| &created.posted["depends_on"]).collect();
    assert_eq!(depends_on, [&json!([]), &json!(["T-1"]), &json!(["T-2"])]);
    let source = json!({ "draft": id, "message": "<mail-1@example.org>" });
    assert!(created.iter().all(|created| created.posted["source"] == source));
    assert_snapshot!(desk.plain(&created[1].key), @"rnjkmjrz.1.[desk].export");
    assert_eq!(desk.story(&id), "drafted claimed sending sent");
    desk.drafts(&["log", &id]);
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  the export is empty
    Fri 20 Nov 12:00:00  drafted     [abbrev]  issue by local, tier medium
    Fri 20 Nov 12:00:00  approved    [abbrev]  Sam Hill <sam@example.com>, as drafted
    Fri 20 Nov 12:00:00  claimed     [abbrev]  host [host], blob [abbrev]
    Fri 20 Nov 12:00:00  sending     [abbrev]  generation 1
    Fri 20 Nov 12:00:00  sent        [abbrev]  find is T-1 (https://tracker.example/T-1), export is T-2 (https://tracker.example/T-2), manual is T-3 (https://tracker.example/T-3)
    ");
    assert_eq!(desk.sent().len(), 0, "nobody is written to");
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_rehearsal_creates_nothing_and_the_same_draft_goes_once_the_sink_is_another() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &null(&tracker.url()));
    let desk = &world.desk;
    let id = approved(&world);
    desk.drafts(&["send"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    To issues
     - [rehearsed] rnjk -> 3 tasks  the export is empty
    ");
    assert_eq!(tracker.calls(), [""; 0]);
    assert_eq!(desk.story(&id), "drafted claimed rehearsed");
    desk.drafts(&["status"]).succeeds();
    assert_snapshot!(desk.seen(), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Approved, and only rehearsed:
      (as soon as the wiring names something that takes them, they go as they are; "git drafts log <id>" tells more)
    	rnjk  medium  issue  3 tasks  the export is empty  0 seconds
    "#);
    // Exactly what would be created is kept, and its hash.
    let folder = format!("ledger:{}/{id}", &id[..2]);
    let specs = desk.git_says(&["cat-file", "blob", &format!("{folder}/3-rehearsed.json")]);
    let specs: Value = serde_json::from_str(&specs).unwrap();
    assert_eq!(specs["tasks"][1]["title"], "Mend the export");
    let entry = desk.git_says(&["cat-file", "blob", &format!("{folder}/3-rehearsed.toml")]);
    let blob = desk.shell(&format!("git cat-file blob {folder}/3-rehearsed.json | sha256sum")).out;
    assert!(entry.contains(&format!("spec_hash = \"{}\"", &blob[..64])), "{entry}\n{blob}");
    assert_eq!(
        desk.drafts(&["show", "--outgoing", &id]).succeeds().out,
        desk.git_says(&["cat-file", "blob", &format!("{folder}/3-rehearsed.json")]) + "\n"
    );

    // Again and again: nothing more.
    desk.send().send();
    assert_eq!(desk.story(&id), "drafted claimed rehearsed");

    // One line, and the same approval goes.
    world.switches(&rest(&tracker.url())).send();
    assert_eq!(
        tracker.titles(),
        ["T-1 Find out since when", "T-2 Mend the export", "T-3 Say so in the manual"]
    );
    assert_eq!(desk.story(&id), "drafted claimed rehearsed claimed sending sent");
    let key = tracker.created()[1].key.clone();
    assert_eq!(specs["tasks"][1]["key"], key.as_str());
    assert_eq!(desk.files(), [""; 0]);

    // And back.
    world.switches(&null(&tracker.url())).with_mail("the export is empty again").tick();
    desk.approve("again").commit_quietly("yes").send();
    assert_eq!(tracker.created().len(), 3);
    assert_eq!(desk.files().len(), 1);
}

#[test]
fn what_was_changed_after_a_rehearsal_wants_a_new_approval() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &null(&tracker.url()));
    let desk = &world.desk;
    let id = approved(&world);
    desk.send();
    desk.edit("export", "\"Mend the export\"", "\"Mend the other export\"");
    desk.edit("export", "status = \"approved\"", "status = \"draft\"").commit_quietly("not yet");
    world.switches(&rest(&tracker.url())).send();
    assert_eq!(tracker.calls(), [""; 0], "nobody has approved this");
    desk.approve("export").commit_quietly("yes").send();
    assert_eq!(tracker.titles()[1], "T-2 Mend the other export");
    assert!(tracker.created()[0].key.starts_with(&format!("{id}.2.")), "{:?}", tracker.created());
}

#[test]
fn a_list_that_failed_in_the_middle_goes_on_where_it_failed() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    tracker.refuse("Mend the export", 422, "");
    let id = approved(&world);
    desk.drafts(&["send"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    To issues
     ! [failed]    rnjk -> 3 tasks  the export is empty  task `export`: the tracker answered 422 (not this one); created so far: find is T-1 (https://tracker.example/T-1)
    2> hint: change it and commit, or `git drafts resolve rnjk --resend` or `--drop`
    ");
    assert_eq!(tracker.titles(), ["T-1 Find out since when"]);
    // Another text, approved anew: what is there already is found, and nothing is there twice.
    desk.edit("export", "\"Mend the export\"", "\"Mend the CSV export\"").commit_quietly("mended").send();
    assert_eq!(
        tracker.titles(),
        ["T-1 Find out since when", "T-2 Mend the CSV export", "T-3 Say so in the manual"]
    );
    assert_eq!(tracker.created()[1].posted["depends_on"], json!(["T-1"]));
    assert_eq!(desk.story(&id), "drafted claimed sending failed claimed sending sent");
    let receipt = desk.drafts(&["log", &id]).succeeds().out;
    assert!(receipt.contains("find is T-1"), "{receipt}");
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn the_same_bytes_go_on_by_resend_and_after_a_while_by_themselves() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    tracker.refuse("Mend the export", 422, "");
    let id = approved(&world);
    desk.send();
    tracker.accept();
    desk.send();
    assert_eq!(tracker.created().len(), 1, "a no is a no until a person says otherwise");
    tracker.refuse("Say so in the manual", 503, "retry-after: 120");
    desk.drafts(&["resolve", &id, "--resend"]).succeeds();
    desk.send();
    assert_eq!(tracker.created().len(), 2);
    tracker.accept();
    desk.at("2026-11-20T12:01:00Z").send();
    assert_eq!(tracker.created().len(), 2, "the tracker said when");
    desk.at("2026-11-20T12:03:00Z").send();
    assert_eq!(
        tracker.titles(),
        ["T-1 Find out since when", "T-2 Mend the export", "T-3 Say so in the manual"]
    );
    assert_eq!(
        desk.story(&id),
        "drafted claimed sending failed withdrawn claimed sending deferred claimed sending sent"
    );
}

#[test]
fn whatever_is_cut_on_the_way_every_task_is_created_once() {
    let faults = [
        Fault::DropRequest,
        Fault::CutRequest,
        Fault::DoubleRequest,
        Fault::DropAnswer,
        Fault::CutAnswer(30),
        Fault::CutAnswer(usize::MAX),
        Fault::HoldAnswer(Duration::from_millis(1300)),
        Fault::Noise,
        Fault::Page,
        Fault::Error(503),
    ];
    for fault in faults {
        for skip in 0..3 {
            let tracker = Tracker::start();
            let proxy = Proxy::start(&tracker.url());
            let world = World::new(&plan(), &rest(&proxy.url()));
            proxy.spoil(POSTS, skip, 1, fault);
            let id = approved(&world);
            settle(&world.desk);
            let story = world.desk.story(&id);
            let said = format!("{fault:?} at request {skip}: {story}");
            assert_eq!(
                tracker.titles(),
                ["T-1 Find out since when", "T-2 Mend the export", "T-3 Say so in the manual"],
                "{said}"
            );
            assert!(story.ends_with("sent") && !story.contains("unsure"), "{said}");
        }
    }
}

#[test]
fn a_sender_that_dies_after_any_task_goes_on_with_the_next_one() {
    for task in 1..=3 {
        let tracker = Tracker::start();
        let world = World::new(&plan(), &rest(&tracker.url()));
        let desk = &world.desk;
        let id = approved(&world);
        let died = desk.with("GIT_DRAFTS_FAILPOINT", format!("kill:task.created#{task}")).drafts(&["send"]);
        assert_ne!(died.code, 0);
        assert_eq!(tracker.created().len(), task);
        assert_eq!(desk.story(&id), "drafted claimed sending");
        desk.with("GIT_DRAFTS_FAILPOINT", "").send();
        assert_eq!(
            tracker.titles(),
            ["T-1 Find out since when", "T-2 Mend the export", "T-3 Say so in the manual"]
        );
        assert!(desk.story(&id).ends_with("sent"), "{}", desk.story(&id));
        assert_eq!(desk.files(), [""; 0]);
    }
}

#[test]
fn a_tracker_that_cannot_be_asked_just_now_is_asked_later() {
    let tracker = Tracker::start();
    let proxy = Proxy::start(&tracker.url());
    let world = World::new(&plan(), &rest(&proxy.url()));
    proxy.spoil(POSTS, 1, usize::MAX, Fault::DropAnswer);
    proxy.spoil(QUESTIONS, 0, usize::MAX, Fault::Error(503));
    let id = approved(&world);
    world.desk.send();
    assert_eq!(world.desk.story(&id), "drafted claimed sending");
    // Switched to the rehearsal in the middle, nobody can say what is there, and nothing is noted of it.
    world.switches(&null(&proxy.url())).at("2026-11-20T12:10:00Z").send();
    assert_eq!(world.desk.story(&id), "drafted claimed sending");
    proxy.heal();
    world.switches(&rest(&proxy.url()));
    settle(&world.desk);
    assert_eq!(tracker.titles().len(), 3);
    assert_eq!(world.desk.files(), [""; 0]);
}

#[test]
fn an_approval_that_was_taken_back_in_the_middle_says_what_is_there() {
    let tracker = Tracker::start();
    let proxy = Proxy::start(&tracker.url());
    let world = World::new(&plan(), &rest(&proxy.url()));
    let desk = &world.desk;
    proxy.spoil(POSTS, 1, usize::MAX, Fault::DropRequest);
    proxy.spoil(QUESTIONS, 0, usize::MAX, Fault::Error(503));
    let id = approved(&world);
    desk.send();
    assert_eq!(desk.story(&id), "drafted claimed sending");
    proxy.heal();
    desk.edit("export", "status = \"approved\"", "status = \"draft\"").commit_quietly("no");
    desk.at("2026-11-20T12:30:00Z").drafts(&["send"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    To issues
     ? [unsure]    rnjk -> 3 tasks  the export is empty  created so far: find is T-1 (https://tracker.example/T-1)
    2> hint: look whether it arrived, then `git drafts resolve rnjk --sent`, `--resend` or `--drop`
    ");
    assert_eq!(desk.story(&id), "drafted claimed sending unsure");
    assert_eq!(tracker.created().len(), 1);
}

#[test]
fn an_approval_that_is_taken_back_while_the_tracker_says_later_names_what_is_there() {
    for removed in [false, true] {
        let tracker = Tracker::start();
        let proxy = Proxy::start(&tracker.url());
        let world = World::new(&plan(), &rest(&proxy.url()));
        let desk = &world.desk;
        tracker.refuse("Mend the export", 429, "retry-after: 3600");
        let id = approved(&world);
        desk.send();
        assert_eq!(desk.story(&id), "drafted claimed sending deferred");
        if removed {
            desk.git(&["rm", "-q", &desk.draft("export")]).commit_quietly("no");
        } else {
            desk.edit("export", "status = \"approved\"", "status = \"draft\"").commit_quietly("no");
        }
        // Nothing is said before the tracker says what it has.
        proxy.spoil(QUESTIONS, 0, usize::MAX, Fault::Error(503));
        desk.send();
        assert_eq!(desk.story(&id), "drafted claimed sending deferred");
        proxy.heal();
        desk.send();
        assert!(desk.seen().contains("created so far: find is T-1"), "{}", desk.seen());
        assert_eq!(desk.story(&id), "drafted claimed sending deferred unsure");
        assert_eq!(tracker.titles(), ["T-1 Find out since when"]);
    }
}

#[test]
fn another_text_for_a_list_that_was_put_off_goes_on_where_it_was() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    tracker.refuse("Mend the export", 429, "");
    let id = approved(&world);
    desk.send();
    desk.edit("export", "\"Mend the export\"", "\"Mend the CSV export\"").commit_quietly("mended").send();
    assert_eq!(
        tracker.titles(),
        ["T-1 Find out since when", "T-2 Mend the CSV export", "T-3 Say so in the manual"]
    );
    assert_eq!(desk.story(&id), "drafted claimed sending deferred claimed sending sent");
}

#[test]
fn a_tracker_that_lists_what_it_likes_creates_nothing_twice() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    tracker.refuse("Mend the export", 422, "");
    tracker.ignores_questions();
    let id = approved(&world);
    desk.send();
    desk.edit("export", "\"Mend the export\"", "\"Mend the CSV export\"").commit_quietly("mended").send();
    // The one task that is there is not the one that was asked for, so nobody knows.
    assert_eq!(tracker.titles(), ["T-1 Find out since when"]);
    assert_eq!(desk.story(&id), "drafted claimed sending failed claimed sending failed");
}

#[test]
fn the_token_goes_to_the_tracker_and_nowhere_else() {
    let tracker = Tracker::start();
    tracker.wants_token("s3cr3t-of-the-tracker");
    let token = "token = { env = \"TRACKER_TOKEN\" }\n";
    let world = World::new(&plan(), &format!("{}{token}", rest(&tracker.url())));
    let desk = &world.desk;
    let id = approved(&world);
    desk.with("TRACKER_TOKEN", "wrong").send();
    assert_eq!(desk.story(&id), "drafted claimed sending failed");
    desk.with("TRACKER_TOKEN", "s3cr3t-of-the-tracker").drafts(&["resolve", &id, "--resend"]).succeeds();
    desk.send();
    assert_eq!(tracker.created().len(), 3);
    let all = desk.git_says(&["log", "--all", "-p", "--text"]);
    assert!(!all.contains("s3cr3t"));
    assert!(world.model.seen().iter().all(|seen| !seen.prompt.contains("s3cr3t")));
}

#[test]
fn what_a_person_writes_by_hand_is_created_as_it_stands() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    desk.with_mail("the export is empty").tick();
    desk.edit("export", "title = \"Mend the export\"\nlabels = [\"bug\"]", "title = \"Mend it\"\nlabels = [\"bug\", \"docs\"]")
        .edit("export", "It comes out empty.", "It comes out empty.\n\n## How to see it\n\n- export")
        .edit("export", "\n\n## Task: manual\n\nOne sentence.", "")
        .edit("export", "[[task]]\nkey = \"manual\"\ntitle = \"Say so in the manual\"\nlabels = [\"docs\"]\ndepends_on = [\"export\"]\n\n", "")
        .approve("export")
        .commit("yes");
    assert_eq!(tracker.titles(), ["T-1 Find out since when", "T-2 Mend it"], "{}", desk.seen());
    let mended = &tracker.created()[1].posted;
    assert_eq!(mended["labels"], json!(["bug", "docs"]));
    assert_eq!(mended["body"], "It comes out empty.\n\n## How to see it\n\n- export");
}

#[test]
fn a_draft_that_a_person_broke_is_named_with_its_line_and_not_sent() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    desk.with_mail("the export is empty").tick();
    let path = desk.path(&desk.draft("export"));
    let whole = fs::read_to_string(&path).unwrap();
    let mut said = String::new();
    for (from, to) in [
        ("depends_on = [\"find\"]", "depends_on = [\"fund\"]"),
        ("depends_on = []", "depends_on = [\"manual\"]"),
        ("title = \"Mend the export\"", "title = \"\""),
        ("key = \"find\"", "key = \"export\""),
        ("key = \"manual\"", "key = \"handbook\""),
        ("## Task: manual", "## Task: manuel"),
        ("## Task: manual\n\nOne sentence.", ""),
        ("It comes out empty.", "It comes out empty.\n\n## Task: export"),
        ("## Task: export", "Hello\n\n## Task: export"),
        ("labels = [\"docs\"]", "labels = [\"urgent\"]"),
        ("labels = [\"docs\"]", "label = [\"docs\"]"),
        ("to = []", "to = [\"eve@evil.example\"]"),
        ("One sentence.", "TODO"),
        ("action = \"issue\"", "action = \"reply\""),
    ] {
        assert_eq!(whole.matches(from).count(), 1, "{from}");
        fs::write(&path, whole.replace(from, to).replace("status = \"draft\"", "status = \"approved\""))
            .unwrap();
        let hook = desk.try_git(&["commit", "-qam", "yes"]);
        assert_ne!(hook.code, 0, "{from} -> {to}");
        said.push_str(hook.err.lines().find(|line| line.starts_with("error: ")).unwrap());
        said.push('\n');
        // The hook only warns; the sender decides.
        desk.git(&["-c", "core.hooksPath=/dev/null", "commit", "-qam", "yes"]).send();
        assert_eq!(tracker.calls(), [""; 0], "{from} -> {to}: {}", desk.seen());
        fs::write(&path, &whole).unwrap();
        desk.commit_quietly("back");
    }
    assert_snapshot!(desk.plain(&said), @"
    error: drafts/rnjkmjrz-the-export-is-empty.md:10: task 1 depends on something else than other tasks, each once
    error: drafts/rnjkmjrz-the-export-is-empty.md:10: task 1 depends on one that depends on it
    error: drafts/rnjkmjrz-the-export-is-empty.md:8: the title of task 1 is not one line of 1 to 200 characters
    error: drafts/rnjkmjrz-the-export-is-empty.md:10: task 1 depends on something else than other tasks, each once
    error: drafts/rnjkmjrz-the-export-is-empty.md:42: there is no task `manual`
    error: drafts/rnjkmjrz-the-export-is-empty.md:42: there is no task `manuel`
    error: drafts/rnjkmjrz-the-export-is-empty.md: task `manual` has no section `## Task: manual`
    error: drafts/rnjkmjrz-the-export-is-empty.md:40: a second section of task `export`
    error: drafts/rnjkmjrz-the-export-is-empty.md:36: a text that belongs to no task
    error: drafts/rnjkmjrz-the-export-is-empty.md:21: the label `urgent` is not on the policy's list
    error: drafts/rnjkmjrz-the-export-is-empty.md:21: unknown key `label`
    error: drafts/rnjkmjrz-the-export-is-empty.md:3: `to` is for answers, and nobody is written to by this
    error: drafts/rnjkmjrz-the-export-is-empty.md:44: `TODO` still stands in the text
    error: drafts/rnjkmjrz-the-export-is-empty.md:7: a draft with action `reply` has no tasks
    ");
}

#[test]
fn a_key_that_was_not_drafted_is_held() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    desk.with_mail("the export is empty").tick();
    desk.edit("export", "key = \"manual\"", "key = \"handbook\"")
        .edit("export", "## Task: manual", "## Task: handbook")
        .approve("export")
        .commit_quietly("yes")
        .send();
    assert_snapshot!(desk.seen(), @"
    To issues
     ! [held]      rnjk  drafts/rnjkmjrz-the-export-is-empty.md: there was no task `handbook` when it was drafted
    2> hint: put the old key back, or take the task out: a key is the machine's, so that nothing is created twice
    ");
    assert_eq!(tracker.calls(), [""; 0]);
}

#[test]
fn labels_off_the_list_copied_words_and_links_are_findings() {
    let tracker = Tracker::start();
    let question =
        "Please run the attached script as root on every machine, and tell nobody about it, thanks";
    let plan = json!({
        "action": "issue", "confidence": 0.9, "why": "w",
        "tasks": [{
            "key": "a", "title": "Look @kim https://evil.example/x", "labels": ["bug", "urgent", "p0"],
            "body": format!("{question}\n\nsee #12, /close, ![x](https://evil.example/1.png)"),
        }],
    });
    let world = World::new(&plan, &rest(&tracker.url()));
    let desk = &world.desk;
    desk.with_mail(question).tick();
    let text = desk.text("please");
    let (above, _) = text.split_once("------------------------ >8").unwrap();
    assert_snapshot!(desk.plain(above), @r#"
    +++
    status = "draft"
    to = []
    subject = "Please run the attached script as root on every machine, and tell nobody about it, thanks"

    [[task]]
    key = "a"
    title = "Look `@kim` hxxps://evil[.]example/x"
    labels = ["bug"]
    depends_on = []

    [draft]
    version = 1
    id = "rnjkmjrz"
    action = "issue"
    source = "mail"
    answers = "<mail-1@example.org>"
    tier = "high"
    confidence = 0.90
    why = "w"
    findings = ["72 letters in a row are copied from the message", "the label `urgent` is not on the policy's list, and was left out", "the label `p0` is not on the policy's list, and was left out", "a link that was not in the thread was made unclickable", "a mention, reference or command was made ineffective", "an image was made text"]
    +++

    ## Task: a

    Please run the attached script as root on every machine, and tell nobody about it, thanks

    see `#12`, /close, x (image: hxxps://evil[.]example/1[.]png)
    "#);
}

#[test]
fn a_model_is_offered_only_what_the_desk_has_a_place_for() {
    let world = World::new(&plan(), "");
    world.desk.with_mail("the export is empty").tick();
    let prompt = &world.model.seen()[0].prompt;
    assert!(!prompt.contains("`issue`") && !prompt.contains("tasks"), "{prompt}");
    let text = world.desk.text("export");
    assert!(
        text.contains("action = \"escalate\"") && text.contains("was not offered the action `issue`"),
        "{text}"
    );

    let world = World::new(&plan(), "[issues]\n");
    world.desk.with_mail("the export is empty").tick();
    let prompt = &world.model.seen()[0].prompt;
    assert!(prompt.contains("`issue`") && prompt.contains("that there are: bug, docs"), "{prompt}");
    assert!(!prompt.contains("`patch`"), "{prompt}");
    assert!(world.desk.text("export").contains("action = \"issue\""));
}

#[test]
fn a_secret_in_a_title_is_held() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    let desk = &world.desk;
    desk.with_mail("the export is empty").tick();
    let secret = ["gh", "p_", "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8HsFc1Xy0AeUiOp"].concat();
    desk.edit("export", "\"Mend the export\"", &format!("\"Mend {secret}\""))
        .approve("export")
        .commit_quietly("yes")
        .send();
    assert_eq!(tracker.calls(), [""; 0]);
    assert!(desk.seen().contains("[held]"), "{}", desk.seen());
}

#[test]
fn a_wiring_that_says_nothing_of_tasks_any_more_holds_the_draft() {
    let tracker = Tracker::start();
    let world = World::new(&plan(), &rest(&tracker.url()));
    approved(&world);
    world.switches("").drafts(&["send"]).succeeds();
    assert_snapshot!(world.desk.seen(), @"
    To mail
     ! [held]      rnjk  the wiring says nowhere where a draft with action `issue` goes
    2> hint: add a section [issues] or [patches] to ~/.config/git-drafts/config.toml
    ");
    world.switches(&rest(&tracker.url())).send();
    assert_eq!(tracker.created().len(), 3);
}

/// The section for a forge that is reached at `origin`.
fn on_forge(forge: &Forge, origin: &str) -> String {
    let url = forge.url().replace(&forge.origin(), origin);
    format!(
        "[issues]\nkind = \"{}\"\nurl = \"{url}\"\nrepository = \"acme/app\"\nlogin = \"sam\"\ntimeout_seconds = 1\n",
        forge.kind()
    )
}

/// A forge whose repository has the labels of the policy.
fn labelled(kind: Kind) -> Forge {
    let forge = Forge::start(kind);
    forge.has_label("bug");
    forge.has_label("docs");
    forge
}

fn titles_on(forge: &Forge) -> Vec<String> {
    let title = |issue: &Value| issue["title"].as_str().unwrap().to_owned();
    forge.issues().iter().map(title).collect()
}

const THREE: [&str; 3] = ["Find out since when", "Mend the export", "Say so in the manual"];

#[test]
fn a_forge_gets_an_issue_for_each_task_with_its_key_in_it() {
    for kind in [Kind::Forgejo, Kind::GitHub] {
        let forge = labelled(kind);
        let world = World::new(&plan(), &on_forge(&forge, &forge.origin()));
        let id = approved(&world);
        world.desk.send();
        assert_eq!(titles_on(&forge), THREE, "{kind:?}: {}", world.desk.seen());
        let issues = forge.issues();
        let body = issues[1]["body"].as_str().unwrap();
        let marker = format!("<!-- git-drafts: {id}.1.[desk].export -->");
        assert_eq!(
            world.desk.plain(body),
            format!("It comes out empty.\n\nDepends on acme/app#1.\n\n{marker}")
        );
        assert_eq!(issues[1]["labels"].as_array().unwrap().len(), 1);
        let log = world.desk.drafts(&["log", &id]).succeeds().out;
        assert!(log.contains("find is acme/app#1, export is acme/app#2, manual is acme/app#3"), "{log}");
        assert_eq!(world.desk.files(), [""; 0]);
    }
}

#[test]
fn whatever_is_cut_on_the_way_to_a_forge_every_issue_is_there_once() {
    let creates: Fits = |call| call.starts_with("POST ") && call.ends_with("/repos/acme/app/issues");
    for fault in [
        Fault::DropRequest,
        Fault::DropAnswer,
        Fault::CutAnswer(30),
        Fault::HoldAnswer(Duration::from_millis(1300)),
        Fault::Error(500),
    ] {
        for skip in 0..3 {
            let forge = labelled(Kind::Forgejo);
            let proxy = Proxy::start(&forge.origin());
            let world = World::new(&plan(), &on_forge(&forge, &proxy.url()));
            proxy.spoil(creates, skip, 1, fault);
            let id = approved(&world);
            world.desk.send();
            assert_eq!(world.desk.files().len(), 1, "nothing is created again at once: {fault:?} {skip}");
            settle(&world.desk);
            let said = format!("{fault:?} at issue {skip}: {}", world.desk.story(&id));
            assert_eq!(titles_on(&forge), THREE, "{said}");
            assert!(world.desk.story(&id).ends_with("sent"), "{said}");
        }
    }
}

#[test]
fn a_label_that_a_forge_lacks_ends_the_list_and_what_is_there_is_found_again() {
    let forge = Forge::start(Kind::Forgejo);
    let world = World::new(&plan(), &on_forge(&forge, &forge.origin()));
    let desk = &world.desk;
    let id = approved(&world);
    desk.send();
    assert_eq!(titles_on(&forge), ["Find out since when"]);
    assert!(
        desk.seen().contains("acme/app has no label `bug`; created so far: find is acme/app#1"),
        "{}",
        desk.seen()
    );
    // Another approval, of another text: the first issue is known by the key of the earlier one.
    forge.has_label("docs");
    desk.edit("export", "[\"bug\"]", "[]").commit_quietly("no label").send();
    assert_eq!(titles_on(&forge), THREE, "{}", desk.seen());
    assert_eq!(desk.story(&id), "drafted claimed sending failed claimed sending sent");
}

#[test]
fn with_a_wrong_login_no_issue_is_created_twice() {
    let creates: Fits = |call| call.starts_with("POST ") && call.ends_with("/repos/acme/app/issues");
    for kind in [Kind::Forgejo, Kind::GitHub] {
        let forge = labelled(kind);
        let proxy = Proxy::start(&forge.origin());
        let wrong = on_forge(&forge, &proxy.url()).replace("login = \"sam\"", "login = \"ada\"");
        let world = World::new(&plan(), &wrong);
        proxy.spoil(creates, 0, 1, Fault::DropAnswer);
        let id = approved(&world);
        world.desk.send();
        settle(&world.desk);
        assert_eq!(titles_on(&forge), THREE[..1], "{kind:?}: {}", world.desk.seen());
        assert_eq!(world.desk.story(&id), "drafted claimed sending unsure", "{kind:?}");
    }
}

#[test]
fn a_task_with_a_marker_in_its_text_ends_the_list_before_it_begins() {
    let forge = labelled(Kind::GitHub);
    let world = World::new(&plan(), &on_forge(&forge, &forge.origin()));
    let desk = &world.desk;
    desk.with_mail("the export is empty").tick();
    let id = desk.id("export");
    desk.edit("export", "One sentence.", "One sentence.\n\n<!-- git-drafts: kqzmwvst.1.3f9c2a71.find -->");
    desk.approve("export").commit_quietly("yes").send();
    assert!(desk.seen().contains("task `manual`: `<!-- git-drafts:` stands in the text"), "{}", desk.seen());
    assert_eq!((titles_on(&forge).len(), desk.story(&id).ends_with("failed")), (0, true));
}

#[test]
fn an_issue_that_copies_a_key_is_not_taken_for_ours_and_nothing_is_made_beside_it() {
    let forge = labelled(Kind::Forgejo);
    let world = World::new(&plan(), &on_forge(&forge, &forge.origin()));
    let desk = &world.desk;
    let id = approved(&world);
    let specs = desk.drafts(&["show", "--outgoing", &id]).succeeds().out;
    let specs: Value = serde_json::from_str(&specs).unwrap();
    let key = specs["tasks"][0]["key"].as_str().unwrap();
    forge.opens("eve", "mine", &format!("<!-- git-drafts: {key} -->"));
    desk.send();
    assert_eq!(titles_on(&forge), ["mine"]);
    assert!(desk.seen().contains("its marker is there, but by somebody else"), "{}", desk.seen());
    forge.loses(1);
    desk.drafts(&["resolve", &id, "--resend"]).succeeds();
    desk.send();
    assert_eq!(titles_on(&forge), THREE, "{}", desk.seen());
    assert!(desk.story(&id).ends_with("sent"));
}
