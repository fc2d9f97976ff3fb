//! What must hold for any bytes at all: each function here is the body of one fuzz target.
//!
//! `fuzz_targets/` gives them to the fuzzer, and `tests/corpus.rs` to every file that is kept in
//! `tests/corpus/`. They panic where a promise is broken.

use std::path::Path;

use git_drafts::brain::rules::{self, Catalogue};
use git_drafts::config::Wiring;
use git_drafts::connector::Window;
use git_drafts::connector::forge::settings as forges;
use git_drafts::connector::forge::wire::answer::{self, Pages};
use git_drafts::connector::forge::wire::taken::{self, Seen};
use git_drafts::connector::hub::settings::{Fields, Paths, Settings};
use git_drafts::connector::hub::wire;
use git_drafts::connector::mail::read;
use git_drafts::draft::{self, Draft, Machine, SCISSORS, Status};
use git_drafts::entry::Entry;
use git_drafts::escalation;
use git_drafts::http::Answer;
use git_drafts::message::{Address, Message};
use git_drafts::outgoing::{Found, Outcome};
use git_drafts::patch::{self, Counts, Patch};
use git_drafts::plan::{Action, Confidence, Plan, Tier};
use git_drafts::policy::{self, Policy, Recipients};
use git_drafts::render::markdown_to_html;
use git_drafts::task::{self, Task};
use git_drafts::text;
use jiff::Timestamp;

/// A target with its name, which is also the folder of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 12] = [
    ("draft", draft),
    ("plan", plan),
    ("entry", entry),
    ("mail", mail),
    ("hub", hub),
    ("forge", forge),
    ("policy", policy),
    ("wiring", wiring),
    ("routes", routes),
    ("markdown", markdown),
    ("tasks", tasks),
    ("patch", patch),
];

/// A draft file: what is read and written again reads the same, and no approval appears by itself.
pub fn draft(bytes: &[u8]) {
    let file = String::from_utf8_lossy(bytes);
    if let Ok(found) = Draft::parse("drafts/k.md", &file) {
        let again = Draft::parse("drafts/k.md", &found.render()).expect("what we write can be read");
        assert_eq!(again, found);
        for status in [Status::Draft, Status::Approved] {
            let changed =
                draft::with_status("drafts/k.md", &file, status).expect("its status can be changed");
            let changed = Draft::parse("drafts/k.md", &changed).expect("what is changed can be read");
            assert_eq!(changed, Draft { status, ..found.clone() });
        }
    }
    // The same text wherever somebody else's text may stand.
    let quoted =
        Message { subject: text::one_line(&file, 200), body: text::visible(&file), ..Message::default() };
    let written = Draft {
        status: Status::Draft,
        to: vec![Address::new(&quoted.subject, "ada@example.org")],
        cc: Vec::new(),
        subject: quoted.subject.clone(),
        send_after: None,
        attach: vec![file.to_string()],
        tasks: Vec::new(),
        machine: Machine {
            id: "kqzmwvst".parse().expect("this is an id"),
            action: Action::Reply,
            source: file.to_string(),
            answers: file.to_string(),
            tier: Tier::Low,
            confidence: Confidence::new(0.5).expect("this is a confidence"),
            why: file.to_string(),
            findings: vec![file.to_string()],
        },
        body: draft::canonical_body(&file),
        context: draft::context(&[&quoted], false, 1000),
    };
    let again = Draft::parse("drafts/k.md", &written.render()).expect("what we write can be read");
    assert_eq!(again.status, Status::Draft);
    assert_eq!(again, written);
}

/// A brain's answer: judging it never panics, and neither a recipient nor an account comes of it.
pub fn plan(bytes: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return };
    let message = asked();
    let recipients = Recipients { to: vec![message.from.clone()], cc: Vec::new() };
    let classes = escalation::classes(&message, Some(&plan), &["contract".to_owned()]);
    let noted: Vec<String> = classes.iter().map(|class| format!("{class:?}")).collect();
    let policy = Policy::built_in();
    let _ = policy::judge(&policy, &message, &plan, &recipients, &noted, None);
    let body = draft::canonical_body(&plan.body);
    assert!(text::is_visible(&body));
    assert!(body.lines().all(|line| line.trim_end() != SCISSORS));
}

/// An entry of the ledger: the first line is its file's name; what is read and written again reads the same.
pub fn entry(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (name, file) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(entry) = Entry::parse(name, file) else { return };
    let again = Entry::parse(&entry.file_name(3), &entry.render()).expect("what we write can be read");
    assert_eq!(again, entry);
}

/// A mail: all of its text is visible, and its place is the same by either way of reading.
pub fn mail(bytes: &[u8]) {
    let place = read::place(bytes);
    let Ok(message) = read::read("mail", bytes) else { return };
    is_clean(&message);
    if let Some(place) = place {
        assert_eq!(place.id, message.id);
        assert_eq!(place.thread(), message.thread);
    }
}

/// A hub's answer, whose status is the first three bytes: what is unclear is never taken for delivered.
pub fn hub(bytes: &[u8]) {
    let (status, body) = bytes.split_at(bytes.len().min(3));
    let status = String::from_utf8_lossy(status).parse().unwrap_or(200);
    let settings = Settings {
        url: "http://127.0.0.1:8080".to_owned(),
        agent: "sam".to_owned(),
        token: None,
        paths: Paths::default(),
        fields: Fields::default(),
        methods: Default::default(),
        bodies: Default::default(),
        dedupes: true,
        can_find: true,
        thread_tail: true,
        page: 50,
        timeout: std::time::Duration::from_secs(5),
    };
    let fields = &settings.fields;
    let answer = || Answer::new(status, Vec::new(), body.to_vec(), None);
    let _ = wire::read_health(Ok(answer()));
    let mut inbox = wire::Inbox::default();
    let _ = inbox.add(fields, "hub", &answer(), Timestamp::UNIX_EPOCH);
    for message in inbox.within(&Window { since: None }).iter().flatten() {
        is_clean(message);
    }
    for message in wire::read_thread(fields, "hub", &answer()).iter().flatten() {
        is_clean(message);
    }
    if let Outcome::Delivered { receipt } = wire::read_outcome(fields, Ok(answer()), Timestamp::UNIX_EPOCH) {
        assert!(matches!(status, 200 | 201) && text::is_visible(&receipt));
    }
    if let Found::Yes { receipt } = wire::read_found(&settings, Ok(answer())) {
        assert!(text::is_visible(&receipt));
    }
}

/// A forge's answer: what is taken of it shows all there is in it, nothing of it is counted twice, and only
/// what says where it is was made.
pub fn forge(bytes: &[u8]) {
    let (status, body) = bytes.split_at(bytes.len().min(3));
    let status = String::from_utf8_lossy(status).parse().unwrap_or(200);
    let answer = || Answer::new(status, Vec::new(), body.to_vec(), None);
    let repository = forges::Repository::parse("acme/app").expect("it is one");
    let settings = forges::Settings {
        kind: forges::Kind::GitHub,
        url: "http://127.0.0.1:8080".to_owned(),
        login: "sam".to_owned(),
        token: None,
        repositories: vec![repository.clone()],
        take: forges::Take::ALL.to_vec(),
        to: None,
        timeout: forges::TIMEOUT,
    };
    let mut pages = Pages::default();
    if pages.add(&answer(), 100, "issues").is_ok() {
        let given = pages.items.len();
        // The same items as issues and as comments: most are one of them at most.
        let seen = Seen { issues: pages.items.clone(), comments: pages.items, ..Seen::default() };
        let now = Timestamp::UNIX_EPOCH;
        let taken = taken::in_order(taken::taken(&settings, "app", &repository, &seen, None, now));
        assert!(taken.len() <= 2 * given);
        for message in taken.iter().flatten() {
            is_clean(message);
            assert!(forges::Thread::parse(&message.thread).is_some());
        }
    }
    let thread = forges::Thread { repository, number: 12 };
    let made = |made: &serde_json::Value| answer::comment_made(&thread, made);
    if let Outcome::Delivered { receipt } = answer::outcome(Ok(answer()), Timestamp::UNIX_EPOCH, made) {
        assert!(matches!(status, 200 | 201) && receipt.starts_with("acme/app#12#issuecomment-"));
    }
}

/// A policy: it can be asked about everything.
pub fn policy(bytes: &[u8]) {
    let Ok(policy) = Policy::parse(policy::FILE, &String::from_utf8_lossy(bytes)) else { return };
    for tier in Tier::ALL {
        let _ = (policy.gate(tier), policy.undo_seconds(tier), policy.expire_days(tier));
    }
    let message = asked();
    let _ = policy::recipients(&policy, &message, &message.to);
    let _ = policy::may_approve(&[&policy], "sam@example.com", None);
}

/// A wiring.
pub fn wiring(bytes: &[u8]) {
    let file = String::from_utf8_lossy(bytes);
    let _ = Wiring::parse(Path::new("/etc/git-drafts/config.toml"), &file, Path::new("/home/sam"));
}

/// A catalogue of routes: it answers a message, or a person does.
pub fn routes(bytes: &[u8]) {
    let Ok(catalogue) = Catalogue::load("routes.toml", &String::from_utf8_lossy(bytes)) else { return };
    let routed = rules::plan(&catalogue, &asked());
    if let Some(route) = &routed.route {
        assert!(catalogue.routes().any(|known| known == route));
    }
}

/// Markdown: its HTML has only tags that can neither run, load nor track, and links that say where they go.
pub fn markdown(bytes: &[u8]) {
    const TAGS: &str = "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th \
                        thead tr ul";
    let html = markdown_to_html(&String::from_utf8_lossy(bytes));
    for tag in html.split('<').skip(1) {
        let inner = tag.split('>').next().unwrap_or_default();
        let name = inner.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        assert!(TAGS.split_whitespace().any(|known| known == name), "<{inner}>");
        if let Some((_, url)) = inner.split_once("href=\"") {
            let url = url.to_ascii_lowercase();
            let safe = ["http:", "https:", "mailto:"].iter().any(|scheme| url.starts_with(scheme));
            assert!(safe, "<{inner}>");
        }
    }
}

/// A draft with tasks: what is read is a list in an order, each with the text of its own section, and reads
/// the same once it is written.
pub fn tasks(bytes: &[u8]) {
    let file = String::from_utf8_lossy(bytes);
    if let Ok(found) = Draft::parse("drafts/k.md", &file)
        && found.machine.action == Action::Issue
    {
        assert_eq!(task::in_order(&found.tasks).expect("it is a list").len(), found.tasks.len());
        let again = Draft::parse("drafts/k.md", &found.render()).expect("what we write can be read");
        assert_eq!(again, found);
    }
    // The same text wherever a brain's text may stand.
    let text = |body: &str| Task {
        key: "a".to_owned(),
        title: "A".to_owned(),
        body: task::canonical_body(&text::visible(body)),
        labels: Vec::new(),
        depends_on: Vec::new(),
    };
    let (one, other) = file.split_at(file.floor_char_boundary(file.len() / 2));
    let both = [text(one), Task { key: "b".to_owned(), ..text(other) }];
    let read = task::texts(&draft::canonical_body(&task::sections(&both)), &["a", "b"]);
    assert_eq!(read.expect("what we write can be read").len(), 2);
}

/// A diff, and after a line `====` the file: what is applied took out only what stood there, and never two
/// things come of it.
pub fn patch(bytes: &[u8]) {
    let both = String::from_utf8_lossy(bytes);
    let (diff, file) = both.split_once("====\n").unwrap_or((&both, ""));
    let _ = patch::block(diff);
    for counts in [Counts::Strict, Counts::Ignored] {
        let Ok(patch) = Patch::parse(diff, counts) else { continue };
        assert!(patch::wrong_path(&patch.path).is_none());
        let Ok(changed) = patch.apply(file) else { continue };
        // What came of it can be said anew, and says the same.
        let diff = patch::between(&patch.path, file, &changed);
        if file != changed {
            let again = Patch::parse(&diff, Counts::Strict).expect("what we write can be read");
            assert_eq!(again.apply(file).expect("it stands where it says"), changed);
        }
    }
}

fn is_clean(message: &Message) {
    assert!(text::is_visible(&message.body), "{:?}", message.body);
    for line in [&message.subject, &message.from.name, &message.from.email, &message.id, &message.thread] {
        assert!(text::is_visible(line) && !line.contains('\n'), "{line:?}");
    }
    let context = draft::context(&[message], true, 1000);
    assert!(context.lines().all(|line| line.trim_end() != SCISSORS), "{context}");
    assert!(!message.digest().is_empty());
}

fn asked() -> Message {
    Message {
        id: "<1@example.org>".to_owned(),
        source: "mail".to_owned(),
        thread: "<1@example.org>".to_owned(),
        from: Address::new("Ada Brown", "ada@example.org"),
        to: vec![Address::new("Sam Hill", "sam@example.com")],
        subject: "Invoice for October".to_owned(),
        body: "Hello Sam,\n\nwhere is my invoice for October?\n".to_owned(),
        ..Message::default()
    }
}
