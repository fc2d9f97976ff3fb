//! A tick with one new message, and `status`, beside drafts that wait: each has links in its question and in
//! its answer.

use std::fs;

use crate::hub::{Message, StateHub};
use crate::{Bed, median, timed};

const ROUTES: &str = "version = 1\n[default]\naction = \"escalate\"\nwhy = \"no route knows this\"\n\
     [[route]]\nid = \"branch\"\nmatch = { words = [\"which\", \"branch\"] }\nanswer = \"\"\"\n\
     The branch is main: https://docs.example.com/branches and https://docs.example.com/releases.\n\"\"\"\n";

/// Beside 2,000 drafts that wait over beside 20, so that what grows faster than their number is seen.
pub fn waiting() {
    println!("\na tick with 1 new message, and status, beside N drafts that wait (ms, median)");
    println!("{:>6} {:>10} {:>10} {:>10} {:>10}", "N", "tick", "/ first", "status", "/ first");
    let mut first = None;
    for count in [20, 2_000] {
        let hub = StateHub::start();
        let bed = bed(&hub);
        (0..count).for_each(|number| ask(&hub, number));
        timed(&mut bed.program(&["tick"]));
        let (mut ticks, mut looks) = (Vec::new(), Vec::new());
        for number in 0..5 {
            ask(&hub, count + number);
            ticks.push(timed(&mut bed.program(&["tick"])));
            looks.push(timed(&mut bed.program(&["status"])));
        }
        let waiting = fs::read_dir(bed.desk().join("drafts")).expect("a desk").count();
        assert!(waiting >= count + 5, "{waiting} drafts wait");
        let (tick, look) = (median(ticks), median(looks));
        let (first_tick, first_look) = *first.get_or_insert((tick, look));
        println!(
            "{count:>6} {tick:>10.1} {:>10.2} {look:>10.1} {:>10.2}",
            tick / first_tick,
            look / first_look
        );
    }
}

fn bed(hub: &StateHub) -> Bed {
    let bed = Bed::new();
    let path = bed.folder.join("config.toml");
    let wiring = fs::read_to_string(&path).expect("a wiring");
    let (head, _) = wiring.split_once("[source.mail]").expect("a source");
    let hub = format!(
        "{head}[source.hub]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"coder\"\n[limits]\nmessages_since = \"all\"\n\
         messages_per_tick_max = 10000\n[notify]\nenabled = false\n",
        hub.url()
    );
    fs::write(&path, hub).expect("the wiring");
    fs::write(bed.desk().join("routes.toml"), ROUTES).expect("a catalogue");
    timed(&mut bed.git(&["add", "routes.toml"]));
    timed(&mut bed.git(&["commit", "-q", "-m", "routes"]));
    bed
}

fn ask(hub: &StateHub, number: usize) {
    let links =
        format!("It stands at https://example.org/jobs/{number} and https://example.org/{number}/a.\n");
    hub.receive(Message {
        from: format!("planner-{}", number % 7),
        subject: format!("question {number}"),
        body: format!("Which branch is released for job {number}?\n\n{}", links.repeat(6)),
        thread: format!("thread-{number}"),
        ..Message::default()
    });
}
