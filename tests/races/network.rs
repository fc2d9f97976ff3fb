//! A bad network in front of a State Hub: whatever is lost on the way, an answer arrives once.
//!
//! Where the hub delivers a key once, or can be asked, each answer arrives exactly once as soon as the
//! network heals. Where it can do neither, we transmit at most once, and say that we do not know.

use std::time::Duration;

use crate::proof::{sized, stories, wait_until};
use crate::support::desk::Desk;
use crate::support::hub::{Message, StateHub};
use crate::support::proxy::{Fault, Fits, Proxy};

const ROUTES: &str = r#"version = 1

[default]
action = "escalate"
why = "no route knows this"

[[route]]
id = "branch"
match = { words = ["which", "branch"] }
answer = """
The branch is main.
"""
"#;

/// What can go wrong; a call may take one second.
pub const FAULTS: [Fault; 15] = [
    Fault::DropRequest,
    Fault::CutRequest,
    Fault::HoldRequest(Duration::from_millis(1300)),
    Fault::DoubleRequest,
    Fault::DropAnswer,
    Fault::CutAnswer(0),
    Fault::CutAnswer(20),
    Fault::CutAnswer(100),
    Fault::CutAnswer(usize::MAX),
    Fault::HoldAnswer(Duration::from_millis(1300)),
    Fault::DripAnswer(Duration::from_millis(15)),
    Fault::Noise,
    Fault::Page,
    Fault::Error(500),
    Fault::Error(503),
];

/// When it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    FirstSend,
    SecondSend,
    FirstTwoSends,
    EverySend,
    FirstQuestion,
    EveryQuestion,
    Everything,
}

const MOMENTS: [Moment; 7] = [
    Moment::FirstSend,
    Moment::SecondSend,
    Moment::FirstTwoSends,
    Moment::EverySend,
    Moment::FirstQuestion,
    Moment::EveryQuestion,
    Moment::Everything,
];

const SENDS: Fits = |call| call == "POST /messages";
const QUESTIONS: Fits = |call| call.starts_with("GET /messages?idempotency_key=");
const ALL: Fits = |_| true;

impl Moment {
    /// Spoils the network; what comes before the fault is an answer that is lost.
    fn spoil(self, proxy: &Proxy, fault: Fault) {
        match self {
            Moment::FirstSend => proxy.spoil(SENDS, 0, 1, fault),
            Moment::SecondSend => {
                proxy.spoil(SENDS, 0, 1, Fault::DropRequest);
                proxy.spoil(SENDS, 0, 1, fault);
            }
            Moment::FirstTwoSends => proxy.spoil(SENDS, 0, 2, fault),
            Moment::EverySend => proxy.spoil(SENDS, 0, usize::MAX, fault),
            Moment::FirstQuestion => {
                proxy.spoil(SENDS, 0, 1, Fault::DropAnswer);
                proxy.spoil(QUESTIONS, 0, 1, fault);
            }
            Moment::EveryQuestion => {
                proxy.spoil(SENDS, 0, 1, Fault::DropAnswer);
                proxy.spoil(QUESTIONS, 0, usize::MAX, fault);
            }
            Moment::Everything => proxy.spoil(ALL, 0, usize::MAX, fault),
        }
    }
}

/// What a hub can do.
#[derive(Clone, Copy)]
struct Receiver {
    name: &'static str,
    dedupes: bool,
    can_find: bool,
}

#[test]
fn a_hub_that_dedupes_and_can_be_asked_gets_each_answer_once() {
    check(Receiver { name: "dedupes and can be asked", dedupes: true, can_find: true });
}

#[test]
fn a_hub_that_dedupes_gets_each_answer_once() {
    check(Receiver { name: "dedupes", dedupes: true, can_find: false });
}

#[test]
fn a_hub_that_can_be_asked_gets_each_answer_once() {
    check(Receiver { name: "can be asked", dedupes: false, can_find: true });
}

#[test]
fn a_hub_that_can_do_neither_is_given_each_answer_at_most_once() {
    check(Receiver { name: "can do neither", dedupes: false, can_find: false });
}

/// A desk behind a bad network, and a clock that only goes on.
struct Bench {
    receiver: Receiver,
    hub: StateHub,
    proxy: Proxy,
    desk: Desk,
    minutes: usize,
}

/// What is counted over all runs.
#[derive(Default)]
struct Figures {
    runs: usize,
    once: usize,
    unsure: usize,
    unsure_and_gone: usize,
    /// Nothing was sent, and that was said.
    failed: usize,
    transmissions: usize,
}

fn check(receiver: Receiver) {
    // The short form takes one in nine, each time another fault of another moment.
    let step = sized(9, 1);
    let cases: Vec<(Fault, Moment)> = MOMENTS
        .into_iter()
        .flat_map(|moment| FAULTS.map(|fault| (fault, moment)))
        .filter(|(_, moment)| {
            receiver.can_find || !matches!(moment, Moment::FirstQuestion | Moment::EveryQuestion)
        })
        .step_by(step)
        .collect();
    let mut bench = Bench::new(receiver, cases.len());
    let mut figures = Figures::default();
    for (number, (fault, moment)) in cases.into_iter().enumerate() {
        bench.run(number, fault, moment, &mut figures);
    }
    println!(
        "proof: receiver: {}: {} runs, {} transmissions, exactly once {}, unsure {} (truly gone {}), \
         refused before anything went {}, twice 0",
        receiver.name,
        figures.runs,
        figures.transmissions,
        figures.once,
        figures.unsure,
        figures.unsure_and_gone,
        figures.failed
    );
}

impl Bench {
    fn new(receiver: Receiver, questions: usize) -> Self {
        let hub = StateHub::start();
        match (receiver.dedupes, receiver.can_find) {
            (true, _) => {}
            (false, true) => hub.takes_every_copy(),
            (false, false) => hub.ignores_keys(),
        }
        let proxy = Proxy::start(&hub.url());
        let desk = Desk::with_wiring(&format!(
            "version = 1\n[desk]\npath = \"drafts\"\n[source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\n\
             dedupes = {}\ncan_find = {}\nthread_tail = {}\ntimeout_seconds = 1\n[limits]\nmessages_since = \"all\"\n\
             messages_per_tick_max = 500\nsends_per_hour_max = 10000\n[notify]\nenabled = false\n",
            proxy.url(),
            receiver.dedupes,
            receiver.can_find,
            // A thread that shows our own answer would settle what this hub cannot say.
            receiver.can_find,
        ));
        desk.commit_file("routes.toml", ROUTES);
        desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 10000\n");
        for number in 0..questions {
            hub.receive(Message {
                subject: format!("question {number:03}"),
                body: format!("Which branch is released for job {number}?\n"),
                thread: format!("thread-{number}"),
                ..Message::default()
            });
        }
        desk.tick();
        assert_eq!(desk.files().len(), questions);
        Self { receiver, hub, proxy, desk, minutes: 0 }
    }

    /// Moves the clock.
    fn later(&mut self, minutes: usize) {
        self.minutes += minutes;
        let (days, minutes) = (self.minutes / 1440, self.minutes % 1440);
        let date = jiff::civil::date(2026, 11, 20) + jiff::Span::new().days(i64::try_from(days).unwrap());
        self.desk.at(&format!("{date}T{:02}:{:02}:00Z", minutes / 60, minutes % 60));
    }

    /// How many copies of a draft the hub has.
    fn copies(&self, id: &str) -> usize {
        let is_its = |key: &Option<String>| key.as_ref().is_some_and(|key| key.starts_with(id));
        self.hub.sent().iter().filter(|sent| is_its(&sent.key)).count()
    }

    /// How often we gave a draft to the network.
    fn transmissions(&self, id: &str) -> usize {
        self.proxy.made().iter().filter(|made| SENDS(&made.call) && made.key.starts_with(id)).count()
    }

    fn story(&self, id: &str) -> String {
        stories(&self.desk)[id].join(" ")
    }

    /// Runs until nothing moves any more, while time passes.
    fn settle(&mut self, id: &str) -> String {
        loop {
            let before = self.story(id);
            self.later(21);
            self.desk.drafts(&["send"]);
            if self.story(id) == before {
                return before;
            }
        }
    }

    fn run(&mut self, number: usize, fault: Fault, moment: Moment, figures: &mut Figures) {
        let file = self.desk.draft(&format!("question-{number:03}"));
        let id = &file["drafts/".len()..][..8];
        self.later(if number == 0 { 721 } else { 1 });
        self.desk.approve(id).commit_quietly("yes");
        moment.spoil(&self.proxy, fault);
        let said = self.desk.drafts(&["send"]);
        self.proxy.heal();
        // At once, while what was held is still on its way.
        let again = self.desk.drafts(&["run"]);
        wait_until("the network is quiet", || self.proxy.is_quiet());
        let story = self.settle(id);

        let (copies, ours) = (self.copies(id), self.transmissions(id));
        let facts = format!(
            "{} {fault:?} {moment:?}: {copies} copies of {ours} transmissions: {story}\n{}{}",
            self.receiver.name, said.out, again.out
        );
        figures.runs += 1;
        figures.transmissions += ours;
        // What the network doubles is two for a hub that takes every copy.
        let most = if fault == Fault::DoubleRequest && !self.receiver.dedupes { 2 } else { 1 };
        assert!(copies <= most, "{facts}");
        let is_unsure = story.ends_with("unsure");
        if story.ends_with("failed") {
            // Nobody could read the thread, for a page that came instead: nothing was sent, and a person is told.
            assert_eq!((fault, moment, ours), (Fault::Page, Moment::Everything, 0), "{facts}");
            figures.failed += 1;
            self.desk.drafts(&["resolve", id, "--resend"]).succeeds();
            assert!(self.settle(id).ends_with("sent"), "{facts}");
            return;
        }
        assert!(is_unsure || story.ends_with("sent"), "{facts}");
        if is_unsure {
            figures.unsure += 1;
            figures.unsure_and_gone += usize::from(copies > 0);
            assert!(said.out.contains("? [unsure]") || again.out.contains("? [unsure]"), "{facts}");
            assert!(self.may_be_unsure(fault, moment), "{facts}");
            self.resolve(number, id);
        } else {
            figures.once += usize::from(copies == 1);
            assert!(copies >= 1, "{facts}");
        }
        if !self.receiver.dedupes && !self.receiver.can_find {
            assert_eq!(ours, 1, "{facts}");
        }
        assert!(!self.desk.files().contains(&file), "{facts}");
        assert_eq!(self.desk.git_says(&["status", "--porcelain"]), "");
    }

    /// Only who can neither dedupe nor be asked leaves us unsure, and who answers a question with nonsense.
    fn may_be_unsure(&self, fault: Fault, moment: Moment) -> bool {
        let is_neither = !self.receiver.dedupes && !self.receiver.can_find;
        let is_asked = matches!(moment, Moment::FirstQuestion | Moment::EveryQuestion | Moment::Everything);
        is_neither
            || (self.receiver.can_find && is_asked && fault == Fault::Page)
            || (!self.receiver.dedupes && fault == Fault::DoubleRequest)
    }

    /// Shows that a person is asked, and that each answer does what it says.
    fn resolve(&mut self, number: usize, id: &str) {
        self.desk.drafts(&["status", "--exit-code"]).fails(1).says("Unsure whether sent:");
        let (copies, way) = (self.copies(id), ["--sent", "--resend", "--drop"][number % 3]);
        self.desk.drafts(&["resolve", id, way]).succeeds();
        let story = self.settle(id);
        let more = self.copies(id) - copies;
        match way {
            "--sent" => assert_eq!((more, story.ends_with("unsure sent")), (0, true), "{story}"),
            // The key is another one: the person said that this one shall arrive, whatever the first one did.
            "--resend" => assert_eq!((more, story.ends_with("sending sent")), (1, true), "{story}"),
            _ => {
                assert_eq!((more, story.ends_with("unsure failed")), (0, true), "{story}");
                self.desk.git(&["rm", "-q", &self.desk.draft(id)]).commit("no");
            }
        }
    }
}
