//! A bad network in front of a forge: whatever is lost on the way, a comment stands there once.
//!
//! A forge takes every copy, and is asked for the marker of a key before anything is sent again.

use crate::network::FAULTS;
use crate::proof::{sized, stories, wait_until};
use crate::support::desk::Desk;
use crate::support::forge::{Forge, Kind};
use crate::support::proxy::{Fault, Fits, Proxy};

const ROUTES: &str = "version = 1\n[default]\naction = \"escalate\"\nwhy = \"no route\"\n[[route]]\nid = \"branch\"\n\
                      match = { words = [\"which\", \"branch\"] }\nanswer = \"\"\"\nThe branch is main.\n\"\"\"\n";

/// When it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    FirstComment,
    SecondComment,
    EveryComment,
    FirstQuestion,
    EveryQuestion,
    Everything,
}

const MOMENTS: [Moment; 6] = [
    Moment::FirstComment,
    Moment::SecondComment,
    Moment::EveryComment,
    Moment::FirstQuestion,
    Moment::EveryQuestion,
    Moment::Everything,
];

const COMMENTS: Fits = |call| call.starts_with("POST ");
/// The thread's tail is asked for since a time, a key since ever.
const QUESTIONS: Fits =
    |call| call.starts_with("GET ") && call.contains("/comments?") && !call.contains("since=");
const ALL: Fits = |_| true;

impl Moment {
    fn spoil(self, proxy: &Proxy, fault: Fault) {
        match self {
            Moment::FirstComment => proxy.spoil(COMMENTS, 0, 1, fault),
            Moment::SecondComment => {
                proxy.spoil(COMMENTS, 0, 1, Fault::DropRequest);
                proxy.spoil(COMMENTS, 0, 1, fault);
            }
            Moment::EveryComment => proxy.spoil(COMMENTS, 0, usize::MAX, fault),
            Moment::FirstQuestion => {
                proxy.spoil(COMMENTS, 0, 1, Fault::DropAnswer);
                proxy.spoil(QUESTIONS, 0, 1, fault);
            }
            Moment::EveryQuestion => {
                proxy.spoil(COMMENTS, 0, 1, Fault::DropAnswer);
                proxy.spoil(QUESTIONS, 0, usize::MAX, fault);
            }
            Moment::Everything => proxy.spoil(ALL, 0, usize::MAX, fault),
        }
    }
}

#[test]
fn forgejo_gets_each_comment_once() {
    check(Kind::Forgejo);
}

#[test]
fn github_gets_each_comment_once() {
    check(Kind::GitHub);
}

struct Bench {
    forge: Forge,
    proxy: Proxy,
    desk: Desk,
    minutes: usize,
}

#[derive(Default)]
struct Figures {
    runs: usize,
    once: usize,
    unsure: usize,
    doubled_by_the_network: usize,
    transmissions: usize,
}

fn check(kind: Kind) {
    // The short form takes one in thirteen, each time another fault of another moment.
    let cases: Vec<(Fault, Moment)> = MOMENTS
        .into_iter()
        .flat_map(|moment| FAULTS.map(|fault| (fault, moment)))
        .step_by(sized(13, 1))
        .collect();
    let mut bench = Bench::new(kind, cases.len());
    let mut figures = Figures::default();
    for (number, (fault, moment)) in cases.into_iter().enumerate() {
        bench.run(number, fault, moment, &mut figures);
    }
    println!(
        "proof: comments on {kind:?}: {} runs, {} transmissions, exactly once {}, unsure {}, doubled by the \
         network itself {}, sent twice by us 0, lost 0",
        figures.runs, figures.transmissions, figures.once, figures.unsure, figures.doubled_by_the_network
    );
}

impl Bench {
    fn new(kind: Kind, questions: usize) -> Self {
        let forge = Forge::start(kind);
        let proxy = Proxy::start(&forge.origin());
        let url = forge.url().replace(&forge.origin(), &proxy.url());
        let desk = Desk::with_wiring(&format!(
            "version = 1\n[desk]\npath = \"drafts\"\n[source.app]\nkind = \"{}\"\nurl = \"{url}\"\nlogin = \"sam\"\n\
             repositories = [\"acme/app\"]\ncomment = true\ntimeout_seconds = 1\n[limits]\nmessages_since = \"4w\"\n\
             messages_per_tick_max = 500\nsends_per_hour_max = 10000\n[notify]\nenabled = false\n",
            forge.kind()
        ));
        desk.commit_file("routes.toml", ROUTES);
        desk.commit_file("drafts.toml", "version = 1\n[limits]\nsends_per_hour_max = 10000\n");
        for number in 0..questions {
            forge.opens("ada", &format!("question {number:03}"), "@sam, which branch is released?");
        }
        desk.tick();
        assert_eq!(desk.files().len(), questions);
        Self { forge, proxy, desk, minutes: 721 }
    }

    /// Moves the clock.
    fn later(&mut self, minutes: usize) {
        self.minutes += minutes;
        let (days, minutes) = (self.minutes / 1440, self.minutes % 1440);
        let date = jiff::civil::date(2026, 11, 20) + jiff::Span::new().days(i64::try_from(days).unwrap());
        self.desk.at(&format!("{date}T{:02}:{:02}:00Z", minutes / 60, minutes % 60));
    }

    fn copies(&self, id: &str) -> usize {
        let marker = format!("<!-- git-drafts: {id}.");
        self.forge.comments_of("sam").iter().filter(|body| body.contains(&marker)).count()
    }

    fn transmissions(&self, number: usize) -> usize {
        let call = format!("/issues/{}/comments", number + 1);
        self.proxy.made().iter().filter(|made| COMMENTS(&made.call) && made.call.contains(&call)).count()
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
        self.later(1);
        self.desk.approve(id).commit_quietly("yes");
        moment.spoil(&self.proxy, fault);
        let said = self.desk.drafts(&["send"]);
        // At once, while what was held is still on its way; then while it is bad, when a busy receiver's time is
        // over and it has what was held.
        self.desk.drafts(&["send"]);
        wait_until("the network is quiet", || self.proxy.is_quiet());
        self.later(3);
        let again = self.desk.drafts(&["send"]);
        self.proxy.heal();
        wait_until("the network is quiet", || self.proxy.is_quiet());
        let story = self.settle(id);

        let (copies, ours) = (self.copies(id), self.transmissions(number));
        let facts = format!(
            "{fault:?} {moment:?}: {copies} copies of {ours} transmissions: {story}\n{}{}",
            said.out, again.out
        );
        figures.runs += 1;
        figures.transmissions += ours;
        let is_doubled = fault == Fault::DoubleRequest && copies == 2;
        figures.doubled_by_the_network += usize::from(is_doubled);
        assert!(copies == 1 || is_doubled || (copies == 0 && story.ends_with("unsure")), "{facts}");
        if story.ends_with("unsure") {
            figures.unsure += 1;
            // A page in place of an answer to the question is the only thing that nobody can make sense of.
            let is_asked =
                matches!(moment, Moment::FirstQuestion | Moment::EveryQuestion | Moment::Everything);
            assert!(is_asked && fault == Fault::Page, "{facts}");
            let (copies, way) = (self.copies(id), if copies == 0 { "--resend" } else { "--sent" });
            self.desk.drafts(&["resolve", id, way]).succeeds();
            assert!(self.settle(id).ends_with("sent"), "{facts}");
            assert_eq!(self.copies(id), copies.max(1), "{facts}");
        } else {
            figures.once += usize::from(copies == 1);
            assert!(story.ends_with("sent"), "{facts}");
        }
        assert!(!self.desk.files().contains(&file), "{facts}");
    }
}
