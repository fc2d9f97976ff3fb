//! The small world around the decisions: who can do what next, and what must never come of it.
//!
//! A process is one `git drafts send` of one machine. Its steps are those of `src/commands/dispatch.rs`; where
//! a step reads or writes something that others can change, it is a step of its own.

mod redraft;

use std::fmt;

use git_drafts::delivery::{OnDesk, Step as Decision};
use git_drafts::outgoing::Capabilities;

use self::redraft::Redraft;
use crate::desk::{File, Files, Text, by_id, by_name};
use crate::story::{Age, Kind, Noted, Stories, StoryId};

/// The promises, as they are told when one is broken.
pub const TWICE: &str = "it was delivered twice, and no person had asked for that";
pub const NOT_APPROVED: &str = "a text goes out that `main` did not approve when it was read last";
pub const REVOKED: &str = "a text goes out whose approval was taken back before any claim";
pub const GUESSED: &str = "it is noted as not gone, and it went or may still go";
pub const NOT_SENT: &str = "it is noted as sent, and it never arrived";
pub use redraft::REPLACED;
pub const OTHERS: &str = "an approval is judged by what was noted of another draft";
pub const DECIDED: &str = "a machine decides what was left to a person";

/// A way to break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Whatever is to be noted is noted, whoever noted something meanwhile.
    NoCompareAndSwap,
    /// `main` is read once, before the claim, and never again.
    NoReread,
    /// `main` is read before the thread and the transport are asked, and not after that.
    NoLastLook,
    /// A `sending` without an outcome is repeated.
    BlindResend,
    /// `sending` is noted together with the outcome.
    NoWriteAhead,
    /// Each file name has a story of its own.
    KeyByFileName,
    /// A second attempt is not noted before it begins.
    UnnotedRetry,
    /// A receiver's "no" counts at once.
    NoSettling,
    /// A redraft lands although `main` moved.
    LandsAnyway,
    /// What is noted of a redraft that did not land stays.
    NeverTakenBack,
    /// What was approved is claimed whichever draft was noted last.
    NoHold,
    /// A "no" to a second attempt is noted as if there had been no first one.
    BelievesSecondNo,
}

/// What stays the same in a search.
pub struct Rules {
    pub receiver: Capabilities,
    pub stories: Stories,
    pub left: Left,
    mutant: Option<Mutant>,
}

impl Rules {
    pub fn new(receiver: Capabilities, left: Left, mutant: Option<Mutant>) -> Self {
        Self { receiver, stories: Stories::new(receiver), left, mutant }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// How many keys there are to look after: one id, or two file names.
    fn keys(&self) -> usize {
        if self.is(Mutant::KeyByFileName) { 2 } else { 1 }
    }

    fn on_desk(&self, files: Files, key: usize) -> OnDesk {
        if self.is(Mutant::KeyByFileName) { by_name(files, key) } else { by_id(files) }
    }

    /// Asks the program, and lets a mutant spoil the answer.
    fn decide(&self, files: Files, story: StoryId, key: usize, age: Age, machine: u8) -> Decision {
        let on_desk = self.on_desk(files, key);
        let decision = self.stories.next(on_desk, story, age, machine);
        let is_sending = self.stories.last(story).kind == Kind::Sending;
        match decision {
            Decision::NoteUnsure | Decision::Until(_) | Decision::Ask { .. }
                if self.is(Mutant::BlindResend) && is_sending && matches!(on_desk, OnDesk::Approved(_)) =>
            {
                Decision::Resend
            }
            Decision::Until(_) if self.is(Mutant::NoSettling) && is_sending && self.receiver.can_find => {
                let same = self.stories.claim(story).map(|(text, _)| OnDesk::Approved(text.approved()));
                Decision::Ask { resend: same == Some(on_desk) }
            }
            decision => decision,
        }
    }
}

const GENERATIONS: usize = 8;

/// Everything that there is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    files: Files,
    /// Whether a person's commit, and not a reset, took the file away.
    removed_by_person: bool,
    stories: [StoryId; 2],
    age: Age,
    /// The machine that may send.
    sender: u8,
    processes: [Process; 2],
    /// A tick that is about to note `superseded`; whether the story has grown since it looked.
    tick: Option<bool>,
    /// Another draft of the same message, on its way.
    redraft: Option<Redraft>,
    requests: [Option<Request>; 2],
    /// How often each key and generation has arrived.
    arrived: [[u8; GENERATIONS]; 2],
    /// How often a person has said that it may go once more.
    words: u8,
    /// An approval was taken back while no claim stood.
    is_revoked: bool,
    left: Left,
}

/// What may still happen, so that the search ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Left {
    pub crashes: u8,
    pub take_overs: u8,
    pub approvals: u8,
    pub edits: u8,
    pub removals: u8,
    pub losses: u8,
    pub copies: u8,
    pub resolves: u8,
    /// "Later" from the receiver, and a thread that moved on.
    pub delays: u8,
    /// Something other than the desk forbids what was approved.
    pub holds: u8,
    pub ticks: u8,
    pub redrafts: u8,
}

/// A request on its way to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    key: usize,
    generation: u8,
    machine: u8,
    /// Whether its sender still listens.
    is_awaited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Process {
    /// Not there, or between two rounds of a pass.
    Idle,
    /// In a pass that began before another machine took over, about to read `main`.
    Began,
    /// Has read `main`, and reads the ledger next; whether `main` moved since.
    Looked { seen: Files, moved: bool },
    /// Has decided, and notes it next; whether the story has grown since.
    Noting { noted: Noted, key: usize, outdated: bool },
    /// Lands the lost draft again, or takes the sent one away.
    Landing { key: usize, sent: Option<Text> },
    /// Has judged the claim and asks the thread and the transport; reads `main` for the last time next.
    Preparing(Outbound),
    /// Notes `sending` next.
    Beginning(Outbound),
    /// Transmits next.
    Transmitting(Outbound),
    /// Waits for the receiver's answer.
    Listening(Outbound),
}

/// A claim on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Outbound {
    key: usize,
    text: Text,
    generation: u8,
    earlier: Earlier,
    /// `main` moved since it was read.
    moved: bool,
    /// The story has grown since it was read.
    outdated: bool,
}

/// What is known of an earlier attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Earlier {
    None,
    NotThere,
    Unknown,
}

/// What the receiver makes of a request, as its sender sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    No,
    Later,
    Lost,
}

/// What happened, for a trace.
#[derive(Clone, Copy)]
pub struct What {
    machine: Option<u8>,
    words: &'static str,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.machine {
            Some(machine) => write!(f, "machine {machine}: {}", self.words),
            None => f.write_str(self.words),
        }
    }
}

/// One thing that can happen next.
pub struct Step {
    pub what: What,
    pub world: World,
    /// The promise that it breaks.
    pub wrong: Option<&'static str>,
    /// Whether it happens without crash, person or take-over.
    pub calm: bool,
}

impl World {
    /// A draft waits on the desk.
    pub fn begin(left: Left) -> Self {
        Self {
            files: [File::Draft(Text::A), File::None],
            removed_by_person: false,
            stories: [0; 2],
            age: Age::Fresh,
            sender: 0,
            processes: [Process::Idle; 2],
            tick: None,
            redraft: None,
            requests: [None; 2],
            arrived: [[0; GENERATIONS]; 2],
            words: 0,
            is_revoked: false,
            left,
        }
    }

    /// Returns everything that can happen next.
    pub fn steps(&self, rules: &Rules) -> Vec<Step> {
        let mut steps = Vec::new();
        for machine in 0..2 {
            self.machine_steps(rules, machine, &mut steps);
        }
        self.receiver_steps(rules, &mut steps);
        self.clock_steps(rules, &mut steps);
        self.person_steps(rules, &mut steps);
        self.other_steps(rules, &mut steps);
        self.redraft_steps(rules, &mut steps);
        steps
    }

    /// Tells whether nothing is under way and somebody knows what became of the draft.
    pub fn is_told(&self, rules: &Rules) -> bool {
        let idle = self.processes == [Process::Idle; 2] && self.requests == [None; 2];
        let idle = idle && self.tick.is_none() && self.redraft.is_none();
        idle && (0..rules.keys()).all(|key| self.key_is_told(rules, key))
    }

    fn key_is_told(&self, rules: &Rules, key: usize) -> bool {
        let story = self.stories[key];
        let on_desk = rules.on_desk(self.files, key);
        match (rules.decide(self.files, story, key, Age::Old, self.sender), on_desk) {
            // Gone: sent, or by a person's hand, or another draft has taken its place.
            (Decision::Done, OnDesk::Absent) => {
                let done = [Kind::Sent, Kind::Rejected, Kind::Superseded];
                done.contains(&rules.stories.last(story).kind)
            }
            // A person is asked, and can see why. What is approved never waits for an approval.
            (Decision::Wait(waiting), OnDesk::Approved(_)) => {
                use git_drafts::delivery::Waiting::{EditedAfter, Failed, Resolve, Stale};
                [EditedAfter, Failed, Resolve, Stale].contains(&waiting)
            }
            (Decision::Wait(_), _) => true,
            _ => false,
        }
    }

    // The machines.

    fn machine_steps(&self, rules: &Rules, machine: u8, steps: &mut Vec<Step>) {
        let mut add = |words, world, wrong| {
            steps.push(Step { what: What { machine: Some(machine), words }, world, wrong, calm: true });
        };
        match self.processes[usize::from(machine)] {
            Process::Idle => {
                // A program that is started to send inherits the lock of the machine.
                let program = !rules.receiver.dedupes && !rules.receiver.can_find;
                let locked = program && self.requests.iter().flatten().any(|one| one.machine == machine);
                if self.sender == machine && !locked {
                    add("reads main", self.with(machine, self.look()), None);
                    if let Some(world) = self.put_right(rules) {
                        add("puts right what is left of a redraft", world, None);
                    }
                }
            }
            Process::Began => {
                add("reads main", self.with(machine, self.look()), None);
            }
            Process::Looked { seen, moved } => {
                for key in 0..rules.keys() {
                    self.decided(rules, machine, key, (seen, moved), &mut add);
                }
            }
            Process::Noting { noted, key, outdated } => {
                let mut world = self.with(machine, self.again(machine));
                if outdated && !rules.is(Mutant::NoCompareAndSwap) {
                    add("does not note it: the story has grown", world, None);
                    return;
                }
                let mut wrong = self.objection(rules, noted, key);
                if rules.is(Mutant::NoWriteAhead) && matches!(noted.kind, Kind::Sent | Kind::Unsure) {
                    world.append(rules, key, Noted { kind: Kind::Sending, ..noted });
                    wrong = None;
                }
                world.append(rules, key, noted);
                if let (Kind::Claimed(text), true) = (noted.kind, rules.is(Mutant::NoReread)) {
                    let outbound = Outbound {
                        key,
                        text,
                        generation: noted.generation,
                        earlier: Earlier::None,
                        moved: false,
                        outdated: false,
                    };
                    world.processes[usize::from(machine)] = Process::Preparing(outbound);
                }
                add(noted.kind.words(), world, wrong);
            }
            Process::Landing { key, sent } => {
                let mut world = self.with(machine, self.again(machine));
                let place = if rules.is(Mutant::KeyByFileName) {
                    key
                } else {
                    usize::from(self.files[0] == File::None)
                };
                match (sent, self.files[place]) {
                    (Some(text), File::Approved(here)) if here == text => {
                        world.change(place, File::None, false);
                        add("takes the sent file off the desk", world, None);
                    }
                    (None, File::None) if self.files == [File::None; 2] => {
                        world.change(0, File::Draft(rules.stories.drafted(self.stories[key])), false);
                        add("lands the lost draft again", world, None);
                    }
                    _ => add("leaves the desk as it is", world, None),
                }
            }
            Process::Preparing(outbound) => {
                if self.left.delays > 0 && outbound.earlier == Earlier::None {
                    let mut world = self.with(machine, self.noting(machine, outbound, Kind::Stale));
                    world.left.delays -= 1;
                    add("finds that the thread moved on", world, None);
                }
                if outbound.moved && !rules.is(Mutant::NoReread) && !rules.is(Mutant::NoLastLook) {
                    add("finds that main moved", self.with(machine, self.again(machine)), None);
                } else {
                    let approved = OnDesk::Approved(outbound.text.approved());
                    let stands = rules.on_desk(self.files, outbound.key) == approved;
                    let wrong = (!stands).then_some(NOT_APPROVED);
                    let outbound = Outbound { moved: false, ..outbound };
                    add("reads main once more", self.with(machine, Process::Beginning(outbound)), wrong);
                }
            }
            Process::Beginning(outbound) => self.begins(rules, machine, outbound, &mut add),
            Process::Transmitting(outbound) => {
                let request =
                    Request { key: outbound.key, generation: outbound.generation, machine, is_awaited: true };
                let mut world = self.with(machine, Process::Listening(outbound));
                if world.put(request) {
                    add("transmits", world, self.is_revoked.then_some(REVOKED));
                }
            }
            Process::Listening(outbound) => {
                let answered =
                    self.requests.iter().flatten().any(|one| one.machine == machine && one.is_awaited);
                if answered {
                    let mut world = *self;
                    world.stop_listening(machine);
                    world.hear(rules, machine, outbound, Answer::Lost);
                    add("waits no longer for an answer", world, None);
                }
            }
        }
    }

    /// Carries out what the program decides, as `Dispatcher::round` does.
    fn decided(
        &self,
        rules: &Rules,
        machine: u8,
        key: usize,
        (seen, moved): (Files, bool),
        add: &mut impl FnMut(&'static str, World, Option<&'static str>),
    ) {
        let story = self.stories[key];
        let claim = rules.stories.claim(story);
        let out = |earlier| {
            let (text, generation) = claim.expect("only a claim is sent");
            Outbound { key, text, generation, earlier, moved, outdated: false }
        };
        let note = |kind, generation| {
            let noted = Noted { kind, machine, generation };
            self.with(machine, Process::Noting { noted, key, outdated: false })
        };
        let of_claim = claim.map_or(1, |(_, generation)| generation);
        let hold = |mut world: World| {
            world.left.holds -= 1;
            world
        };
        let may_hold = self.left.holds > 0;
        match rules.decide(seen, story, key, self.age, machine) {
            Decision::Done | Decision::Wait(_) | Decision::Until(_) => {
                add("has nothing to do", self.with(machine, Process::Idle), None);
            }
            Decision::JudgeRemoval if self.removed_by_person => {
                add("decides that a person rejected it", note(Kind::Rejected, of_claim), None);
            }
            Decision::JudgeRemoval => {
                let landing = Process::Landing { key, sent: None };
                add("decides that it was lost", self.with(machine, landing), None);
            }
            Decision::Withdraw => add("decides to withdraw", note(Kind::Withdrawn, of_claim), None),
            Decision::NoteUnsure => add("decides that nobody knows", note(Kind::Unsure, of_claim), None),
            // As `judgement::judge` does: what is known of another draft is not what this one is judged by.
            Decision::Claim { blob, .. }
                if rules.stories.is_outlived(story, Text::of(blob))
                    && seen[0] != File::None
                    && !rules.is(Mutant::NoHold) =>
            {
                add("holds what was approved", self.with(machine, Process::Idle), None);
            }
            Decision::Claim { blob, generation } => {
                let generation = u8::try_from(generation).expect("few generations fit into a search");
                let is_others = rules.stories.is_outlived(story, Text::of(blob)) && seen[0] != File::None;
                let wrong = is_others.then_some(OTHERS);
                add("decides to claim", note(Kind::Claimed(Text::of(blob)), generation), wrong);
            }
            Decision::Clear { blob } => {
                let landing = Process::Landing { key, sent: Some(Text::of(blob)) };
                add("decides to clear the desk", self.with(machine, landing), None);
            }
            Decision::Send { .. } => {
                add("decides to send", self.with(machine, Process::Preparing(out(Earlier::None))), None);
                if may_hold {
                    add("decides to send, and it is forbidden", hold(note(Kind::Withdrawn, of_claim)), None);
                }
            }
            Decision::Resend => {
                let world = self.with(machine, Process::Preparing(out(Earlier::Unknown)));
                add("decides to send the same again", world, None);
                if may_hold {
                    add(
                        "decides to send again, and it is forbidden",
                        hold(note(Kind::Unsure, of_claim)),
                        None,
                    );
                }
            }
            Decision::Ask { resend } => {
                let there = self.arrived[key][usize::from(of_claim)] > 0;
                // Until the receiver is certainly done with the last attempt, its "no" is none.
                let busy = self.age == Age::Fresh && !rules.is(Mutant::NoSettling);
                if there {
                    add("asks, and it is there", note(Kind::Sent, of_claim), None);
                } else if resend {
                    let earlier = if busy { Earlier::Unknown } else { Earlier::NotThere };
                    let world = self.with(machine, Process::Preparing(out(earlier)));
                    add("asks, and it is not there: again", world, None);
                    if may_hold && busy {
                        let world = hold(self.with(machine, Process::Idle));
                        add("asks, it is not there, it is forbidden now: later", world, None);
                    } else if may_hold {
                        let world = hold(note(Kind::Withdrawn, of_claim));
                        add("asks, it is not there, and is forbidden now", world, None);
                    }
                } else {
                    add("asks, and it is not there", note(Kind::Withdrawn, of_claim), None);
                }
            }
        }
    }

    fn begins(
        &self,
        rules: &Rules,
        machine: u8,
        outbound: Outbound,
        add: &mut impl FnMut(&'static str, World, Option<&'static str>),
    ) {
        let mut world = self.with(machine, self.again(machine));
        let is_first = outbound.earlier == Earlier::None;
        if rules.is(Mutant::NoWriteAhead) || (rules.is(Mutant::UnnotedRetry) && !is_first) {
            world.processes[usize::from(machine)] = Process::Transmitting(outbound);
            add("notes nothing yet", world, None);
        } else if outbound.outdated && !rules.is(Mutant::NoCompareAndSwap) {
            add("does not begin: the story has grown", world, None);
        } else {
            let noted = Noted { kind: Kind::Sending, machine, generation: outbound.generation };
            let wrong = self.objection(rules, noted, outbound.key);
            world.append(rules, outbound.key, noted);
            // The next note follows this one.
            let outbound = Outbound { outdated: false, ..outbound };
            world.processes[usize::from(machine)] = Process::Transmitting(outbound);
            add("notes sending", world, wrong);
        }
    }

    fn noting(&self, machine: u8, outbound: Outbound, kind: Kind) -> Process {
        let Outbound { key, generation, outdated, .. } = outbound;
        Process::Noting { noted: Noted { kind, machine, generation }, key, outdated }
    }

    /// Lets a sender hear an answer, and decide what to note of it, as `Dispatcher::told` does.
    fn hear(&mut self, rules: &Rules, machine: u8, outbound: Outbound, answer: Answer) {
        let unknown = outbound.earlier == Earlier::Unknown && !rules.is(Mutant::BelievesSecondNo);
        let kind = match answer {
            Answer::Taken => Some(Kind::Sent),
            Answer::No if !unknown => Some(Kind::Failed),
            Answer::Later if !unknown => Some(Kind::Deferred),
            Answer::No | Answer::Later | Answer::Lost => {
                let finds_out = rules.receiver.dedupes || rules.receiver.can_find;
                (!finds_out).then_some(Kind::Unsure)
            }
        };
        self.processes[usize::from(machine)] = match kind {
            Some(kind) => self.noting(machine, outbound, kind),
            None => self.again(machine),
        };
    }

    // The receiver.

    fn receiver_steps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        for (place, request) in self.requests.iter().enumerate() {
            let Some(request) = *request else { continue };
            let mut end = |words, arrives: bool, answer: Answer| {
                let mut world = *self;
                world.requests[place] = None;
                world.requests.sort_by_key(Option::is_none);
                let mut wrong = None;
                if arrives {
                    let count = &mut world.arrived[request.key][usize::from(request.generation)];
                    // A receiver that dedupes delivers a key once.
                    *count = if rules.receiver.dedupes { 1 } else { (*count + 1).min(9) };
                    wrong = (world.deliveries() > 1 + world.words).then_some(TWICE);
                }
                if let (true, Process::Listening(outbound)) =
                    (request.is_awaited, self.processes[usize::from(request.machine)])
                {
                    world.hear(rules, request.machine, outbound, answer);
                }
                if answer == Answer::Later {
                    world.left.delays -= 1;
                }
                steps.push(Step { what: What { machine: None, words }, world, wrong, calm: true });
            };
            end("the receiver takes it, and says so", true, Answer::Taken);
            end("the receiver takes it, and the answer is lost", true, Answer::Lost);
            end("the request is lost", false, Answer::Lost);
            end("the receiver says no", false, Answer::No);
            if self.left.delays > 0 {
                end("the receiver says later", false, Answer::Later);
            }
        }
    }

    fn deliveries(&self) -> u8 {
        self.arrived.iter().flatten().sum()
    }

    // The clock.

    fn clock_steps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        let nothing_flies = self.requests == [None; 2];
        // Whoever has noted `sending` transmits at once, unless it dies.
        let nothing_comes = !self.processes.iter().any(|one| matches!(one, Process::Transmitting(_)));
        let age = match self.age {
            // Who can be asked is done with everything after this time; that is what the time is for.
            Age::Fresh if (nothing_flies && nothing_comes) || !rules.receiver.can_find => Age::Settled,
            Age::Settled if nothing_flies => Age::Old,
            Age::Fresh | Age::Settled | Age::Old => return,
        };
        let what = What { machine: None, words: "time passes" };
        steps.push(Step { what, world: World { age, ..*self }, wrong: None, calm: true });
    }

    // The person.

    fn person_steps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        let mut add = |words, world| {
            steps.push(Step { what: What { machine: None, words }, world, wrong: None, calm: false });
        };
        for place in 0..2 {
            let file = self.files[place];
            if let (File::Draft(text), true) = (file, self.left.approvals > 0) {
                let mut world = *self;
                world.left.approvals -= 1;
                world.change(place, File::Approved(text), true);
                add("the person approves it", world);
            }
            if let (File::Draft(text) | File::Approved(text), true) = (file, self.left.edits > 0) {
                let mut world = *self;
                world.left.edits -= 1;
                world.change(place, File::Approved(text.edited()), true);
                add("the person edits and approves it", world);
            }
            if let (File::Approved(text), true) = (file, self.left.removals > 0) {
                let mut world = *self;
                world.left.removals -= 1;
                world.left.approvals += 1;
                world.change(place, File::Draft(text), true);
                world.revoke(rules);
                add("the person takes the approval back", world);
            }
            if file != File::None && self.left.removals > 0 {
                let mut world = *self;
                world.left.removals -= 1;
                world.change(place, File::None, true);
                world.revoke(rules);
                add("the person removes it", world);
            }
            if let (File::Draft(text) | File::Approved(text), true) = (file, self.left.losses > 0)
                && text.is_redraft()
            {
                let mut world = *self;
                world.left.losses -= 1;
                world.left.approvals += 1;
                world.change(place, File::Draft(Text::A), true);
                world.revoke(rules);
                add("the person brings the draft before back", world);
            }
            if file != File::None && self.left.losses > 0 {
                let mut world = *self;
                world.left.losses -= 1;
                world.left.approvals += 1;
                world.change(place, File::None, false);
                world.revoke(rules);
                add("the person resets main to before it", world);
            }
        }
        if let (File::Approved(_) | File::Draft(_), File::None, true) =
            (self.files[0], self.files[1], self.left.copies > 0)
        {
            for (words, stays) in [("the person copies it", true), ("the person renames it", false)] {
                let mut world = *self;
                world.left.copies -= 1;
                world.change(1, self.files[0], true);
                if !stays {
                    world.change(0, File::None, true);
                }
                add(words, world);
            }
        }
        if self.left.resolves > 0 {
            self.resolve_steps(rules, &mut add);
        }
    }

    /// `git drafts resolve`, which takes the sender's lock.
    fn resolve_steps(&self, rules: &Rules, add: &mut impl FnMut(&'static str, World)) {
        let machine = self.sender;
        let program = !rules.receiver.dedupes && !rules.receiver.can_find;
        let locked = self.processes[usize::from(machine)] != Process::Idle
            || (program && self.requests.iter().flatten().any(|one| one.machine == machine));
        if locked {
            return;
        }
        for key in 0..rules.keys() {
            let last = rules.stories.last(self.stories[key]);
            let undecided = match last.kind {
                Kind::Unsure => true,
                Kind::Sending => program,
                _ => false,
            };
            let gave_up = matches!(last.kind, Kind::Failed | Kind::Stale | Kind::Deferred);
            let mut say = |words, kind| {
                let mut world = *self;
                world.left.resolves -= 1;
                world.words += u8::from(kind != Kind::Sent);
                world.append(rules, key, Noted { kind, machine, generation: last.generation });
                add(words, world);
            };
            if undecided {
                say("the person says that it arrived", Kind::Sent);
            }
            if undecided || gave_up {
                say("the person wants it sent anew", Kind::Resend);
                say("the person gives it up", Kind::Failed);
            }
        }
    }

    // Crashes, another machine, a tick.

    fn other_steps(&self, rules: &Rules, steps: &mut Vec<Step>) {
        let mut add = |machine, words, world, calm| {
            steps.push(Step { what: What { machine, words }, world, wrong: None, calm });
        };
        for machine in 0..2 {
            if self.processes[usize::from(machine)] != Process::Idle && self.left.crashes > 0 {
                let mut world = self.with(machine, Process::Idle);
                world.left.crashes -= 1;
                world.stop_listening(machine);
                add(Some(machine), "crashes", world, false);
            }
        }
        if self.left.take_overs > 0 {
            let mut world = World { sender: 1 - self.sender, ..*self };
            world.left.take_overs -= 1;
            add(Some(world.sender), "takes over", world, false);
        }
        let drafted = rules.stories.drafted(self.stories[0]);
        let waits = matches!(rules.stories.last(self.stories[0]).kind, Kind::Drafted | Kind::Redrafted)
            && self.files == [File::Draft(drafted), File::None]
            && self.redraft.is_none();
        match self.tick {
            None if self.left.ticks > 0 && waits => {
                let mut world = World { tick: Some(false), ..*self };
                world.left.ticks -= 1;
                add(None, "a tick finds a later message of the thread", world, false);
            }
            None => {}
            Some(outdated) => {
                let mut world = World { tick: None, ..*self };
                if !outdated || rules.is(Mutant::NoCompareAndSwap) {
                    let noted = Noted { kind: Kind::Superseded, machine: self.sender, generation: 1 };
                    world.append(rules, 0, noted);
                }
                if self.files[0] == File::Draft(drafted) {
                    world.change(0, File::None, false);
                }
                add(None, "the tick notes superseded, and takes the file away", world, true);
            }
        }
    }

    // Changes.

    fn look(&self) -> Process {
        Process::Looked { seen: self.files, moved: false }
    }

    /// Returns what a process does after a round. A machine that may send may as well end its pass there and
    /// begin another; one that may not any more still ends the pass that it is in.
    fn again(&self, machine: u8) -> Process {
        if self.sender == machine { Process::Idle } else { Process::Began }
    }

    fn with(&self, machine: u8, process: Process) -> World {
        let mut world = *self;
        world.processes[usize::from(machine)] = process;
        world
    }

    /// Moves `main`.
    fn change(&mut self, place: usize, file: File, by_person: bool) {
        self.files[place] = file;
        self.removed_by_person = by_person && self.files == [File::None; 2];
        if self.files.iter().any(|file| matches!(file, File::Approved(_))) {
            self.is_revoked = false;
        }
        if let Some(Redraft::Noted { moved }) = &mut self.redraft {
            *moved = true;
        }
        for process in &mut self.processes {
            match process {
                Process::Looked { moved, .. } => *moved = true,
                Process::Preparing(outbound) => outbound.moved = true,
                // Whoever has read `main` for the last time does not look back.
                Process::Idle
                | Process::Began
                | Process::Noting { .. }
                | Process::Landing { .. }
                | Process::Beginning(_)
                | Process::Transmitting(_)
                | Process::Listening(_) => {}
            }
        }
    }

    /// Promises that nothing goes out, where nothing is approved any more and no claim stands.
    fn revoke(&mut self, rules: &Rules) {
        let approved = self.files.iter().any(|file| matches!(file, File::Approved(_)));
        let stands = |story: &StoryId| match rules.stories.last(*story).kind {
            Kind::Claimed(_) | Kind::Sending | Kind::Unsure => true,
            // A person may have said so of a sending that is under way elsewhere.
            Kind::Sent | Kind::Resend | Kind::Failed => true,
            Kind::Drafted
            | Kind::Redrafted
            | Kind::Deferred
            | Kind::Stale
            | Kind::Withdrawn
            | Kind::Rejected
            | Kind::Superseded => false,
        };
        self.is_revoked =
            !approved && self.words == 0 && !self.stories.iter().any(stands) && self.requests == [None; 2];
    }

    /// Adds an entry; whoever decided by the shorter story is out of date.
    fn append(&mut self, rules: &Rules, key: usize, noted: Noted) {
        self.stories[key] = rules.stories.append(self.stories[key], noted);
        if matches!(noted.kind, Kind::Sending | Kind::Deferred) {
            self.age = Age::Fresh;
        }
        if key == 0 {
            self.tick = self.tick.map(|_| true);
            if let Some(Redraft::Asking { outdated }) = &mut self.redraft {
                *outdated = true;
            }
        }
        for process in &mut self.processes {
            match process {
                Process::Noting { key: its, outdated, .. } if *its == key => *outdated = true,
                Process::Preparing(outbound)
                | Process::Beginning(outbound)
                | Process::Transmitting(outbound)
                | Process::Listening(outbound)
                    if outbound.key == key =>
                {
                    outbound.outdated = true;
                }
                _ => {}
            }
        }
    }

    /// Says which promise a note of a machine's breaks.
    fn objection(&self, rules: &Rules, noted: Noted, key: usize) -> Option<&'static str> {
        let last = rules.stories.last(self.stories[key]);
        let arrived = self.arrived[key][usize::from(noted.generation)] > 0;
        let flies = |one: &Request| one.key == key && one.generation == noted.generation;
        let may_arrive = self.requests.iter().flatten().any(flies);
        match noted.kind {
            _ if last.kind == Kind::Unsure => Some(DECIDED),
            Kind::Sent if !arrived => Some(NOT_SENT),
            // Where a person has said that it did not arrive, nobody guesses.
            Kind::Withdrawn | Kind::Deferred | Kind::Failed | Kind::Stale
                if (arrived || may_arrive) && self.words == 0 =>
            {
                Some(GUESSED)
            }
            _ => None,
        }
    }

    fn stop_listening(&mut self, machine: u8) {
        for request in self.requests.iter_mut().flatten() {
            request.is_awaited &= request.machine != machine;
        }
    }

    /// Sends a request off, if there is room for one more in this world.
    fn put(&mut self, request: Request) -> bool {
        let room = self.requests.iter_mut().find(|place| place.is_none());
        room.map(|place| *place = Some(request)).is_some()
    }
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Drafted | Kind::Redrafted => "notes drafted",
            Kind::Claimed(Text::A | Text::C) => "notes a claim",
            Kind::Claimed(Text::B | Text::D) => "notes a claim of the edited text",
            Kind::Sending => "notes sending",
            Kind::Sent => "notes sent",
            Kind::Deferred => "notes deferred",
            Kind::Failed => "notes failed",
            Kind::Unsure => "notes unsure",
            Kind::Stale => "notes stale",
            Kind::Withdrawn | Kind::Resend => "notes withdrawn",
            Kind::Rejected => "notes rejected",
            Kind::Superseded => "notes superseded",
        }
    }
}
