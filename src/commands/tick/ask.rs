//! Asks the brains about all that is new in a source, several questions at a time.
//!
//! Answers are given back by message, so the order on the desk is that of arrival, whoever answers
//! first. It must never put more into a prompt than one message, the earlier ones that the same
//! answer is for, and what the operator wrote.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::task::JoinSet;

use super::super::{CommandError, Context, Result, Session};
use super::super::{pause, wire};
use super::offer;
use crate::brain::facts;
use crate::brain::model::{Asked, FORMS_MORE, Model};
use crate::brain::program::Program;
use crate::brain::retry::{FAULTS_IN_A_ROW_MAX, Fault};
use crate::brain::rules::{self, Catalogue};
use crate::brain::{Exchange, Planned};
use crate::config::{BrainKind, ModelWiring};
use crate::desk::Desk;
use crate::durable;
use crate::error::FileError;
use crate::git::Commit;
use crate::guard::{Class, Secrets};
use crate::id::DraftId;
use crate::message::{Message, sha256_hex};
use crate::plan::{Action, Plan, Tier};
use crate::policy::Policy;
use crate::prompt::{self, Offer, Prompt};
use crate::reply;
use crate::text;

/// The catalogue's file on the desk.
const ROUTES: &str = "routes.toml";

/// In how many commits a catalogue that is gone is looked for.
const CATALOGUE_COMMITS_MAX: usize = 10_000;

/// The operator's words to language models, on the desk.
const INSTRUCTIONS: &str = "instructions.md";

/// The file in the state folder that says which messages wait for a brain.
const WAITING: &str = "waiting";

/// How long it is remembered since when a message waits.
const WAITING_DAYS_MAX: i64 = 30;

/// What became of one question.
#[derive(Debug)]
pub enum Answer {
    /// A plan, which may be to leave it to a person.
    Planned(Box<Planned>),
    /// The brain is away, and the message waits; why, one line.
    Away(String),
}

impl Answer {
    /// Tells whether this brain gave it.
    fn is_by(&self, brain: &str) -> bool {
        matches!(self, Answer::Planned(planned) if planned.brain == brain)
    }

    /// Tells whether it is that the message wants no answer.
    fn is_ignore(&self) -> bool {
        matches!(self, Answer::Planned(planned) if planned.plan.action == Action::Ignore)
    }
}

/// A message to be asked about.
#[derive(Clone, Copy, Debug)]
pub struct Open<'m> {
    /// Its draft's id.
    pub id: &'m DraftId,
    /// The message.
    pub message: &'m Message,
}

/// The brains of one tick.
pub struct Brains<'s> {
    context: &'s Context,
    session: &'s Session,
    instructions: String,
    offer: Offer,
    brains: BTreeMap<String, Brain>,
    /// The shadows of these brains, by the brain's name.
    shadows: BTreeMap<String, String>,
    /// What the shadows are to be asked: their names, and exactly what was asked before.
    questions: BTreeMap<DraftId, (String, Prompt)>,
    waiting: Waiting,
    /// What the person wants of an answer that is asked for again, and the answer before.
    anew: Option<(Option<String>, String)>,
    /// The brains that were away and in whose place a fallback answered, with what to say of it.
    stand_ins: Vec<(String, String)>,
}

enum Brain {
    Rules(Catalogue),
    Model(Box<State>),
}

/// A model, and how it has fared in this tick.
struct State {
    wiring: ModelWiring,
    model: Option<Arc<Model>>,
    facts: Option<Arc<Program>>,
    facts_failed: bool,
    calls_left: u32,
    faults_in_a_row: u32,
    away: Option<String>,
}

/// A message of one thread, and who is asked about it.
#[derive(Clone)]
struct Question {
    thread: usize,
    place: usize,
    brain: String,
    /// The route that leaves it to this brain, and the tier that it asks for.
    route: Option<(String, Option<Tier>)>,
}

/// What happens with a question.
enum Step {
    /// It is answered without asking anybody outside.
    Answered(Answer),
    /// A route leaves it to a language model.
    LeftTo(Question),
    /// The model is asked.
    Ask {
        /// The model.
        model: Arc<Model>,
        /// What it is asked.
        prompt: Prompt,
        /// What knows more about the message.
        facts: Option<Arc<Program>>,
        /// The attempts that it may make.
        calls_reserved: u32,
    },
    /// This tick has asked often enough: it waits, as it does behind any other limit.
    Waits,
}

/// One question that is under way.
struct Running {
    question: Question,
    prompt: Prompt,
    /// What the operator's own systems say; an error in our own words.
    facts: std::result::Result<Option<String>, String>,
    asked: Asked,
    calls_reserved: u32,
}

impl<'s> Brains<'s> {
    /// Loads the brains of these names, and their fallbacks.
    ///
    /// A brain that cannot be loaded stops the tick before any message is looked at. Keys are not
    /// fetched yet, and no tunnel is opened.
    pub fn load<'n>(
        context: &'s Context,
        session: &'s Session,
        desk: &Desk,
        names: impl IntoIterator<Item = &'n str>,
        policy: &Policy,
        secrets: &Secrets,
    ) -> Result<Self> {
        let mut brains = BTreeMap::new();
        let mut shadows = BTreeMap::new();
        let mut instructions = String::new();
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        while let Some(name) = names.pop() {
            if brains.contains_key(&name) {
                continue;
            }
            let Some(wiring) = session.wiring.brain(&name) else {
                let known: Vec<&str> =
                    session.wiring.brains.iter().map(|brain| brain.name.as_str()).collect();
                return Err(CommandError::Usage {
                    what: format!("there is no brain `{}`", text::one_line(&name, 40)),
                    hint: Some(format!("the wiring has: {}", known.join(", "))),
                });
            };
            if let Some(shadow) = &wiring.shadow {
                match read_instructions(session, desk, secrets) {
                    Ok(words) => {
                        instructions = words;
                        shadows.insert(name.clone(), shadow.clone());
                    }
                    // A language model that drafts says so below; for the sake of a shadow nothing stops.
                    Err(error) => context.ui.warn(format!("the shadow `{shadow}` is not asked: {error}")),
                }
            }
            let brain = match &wiring.kind {
                BrainKind::Rules { routes } => {
                    let (shown, catalogue) = catalogue(session, desk, routes.as_ref())?;
                    for (brain, line) in catalogue.brains() {
                        check_model(session, &shown, brain, line)?;
                        names.push(brain.to_owned());
                    }
                    Brain::Rules(catalogue)
                }
                BrainKind::Model(model) => {
                    instructions = read_instructions(session, desk, secrets)?;
                    names.extend(model.fallback.clone());
                    Brain::Model(Box::new(State {
                        wiring: (**model).clone(),
                        model: None,
                        facts: wire::facts(model).map(Arc::new),
                        facts_failed: false,
                        calls_left: model.calls_per_tick_max,
                        faults_in_a_row: 0,
                        away: None,
                    }))
                }
            };
            brains.insert(name, brain);
        }
        let waiting = Waiting::read(session.state.join(WAITING), context.now());
        let asks_models =
            !shadows.is_empty() || brains.values().any(|brain| matches!(brain, Brain::Model(_)));
        let offer = if asks_models { offer::of(context, session, policy, secrets) } else { Offer::default() };
        let (questions, stand_ins) = (BTreeMap::new(), Vec::new());
        let anew = None;
        Ok(Self {
            context,
            session,
            instructions,
            offer,
            brains,
            shadows,
            questions,
            waiting,
            anew,
            stand_ins,
        })
    }

    /// Asks `brain` about the last message of each thread, and about the one before where that wants no
    /// answer; at most `questions_max` questions. What is not in the answers was not asked.
    pub async fn ask(
        &mut self,
        brain: &str,
        threads: &[Vec<Open<'_>>],
        questions_max: usize,
        secrets: &Secrets,
    ) -> BTreeMap<DraftId, Answer> {
        let now = self.context.now();
        let mut answers = BTreeMap::new();
        let last = |(thread, open): (usize, &Vec<Open<'_>>)| {
            let place = open.len().checked_sub(1)?;
            Some(Question { thread, place, brain: brain.to_owned(), route: None })
        };
        let mut queue: VecDeque<Question> = threads.iter().enumerate().filter_map(last).collect();
        let mut running: JoinSet<Running> = JoinSet::new();
        loop {
            while answers.len() + running.len() < questions_max
                && queue.front().is_some_and(|next| running.len() < self.concurrency(&next.brain))
                && let Some(next) = queue.pop_front()
            {
                let first = match self.step(&next, threads, secrets).await {
                    Step::Answered(answer) => self.keep(brain, threads, next, answer, &mut answers),
                    Step::LeftTo(model) => Some(model),
                    Step::Ask { model, prompt, facts, calls_reserved } => {
                        let message = threads[next.thread][next.place].message;
                        let facts = facts.map(|program| {
                            let secrets = known_now(self.context, secrets);
                            FactsWanted { program, message: message.clone(), secrets }
                        });
                        running.spawn(asked(model, next, prompt, facts, calls_reserved, now));
                        None
                    }
                    Step::Waits => None,
                };
                if let Some(first) = first {
                    queue.push_front(first);
                }
            }
            if running.is_empty() {
                break;
            }
            let total = answers.len() + running.len() + queue.len();
            self.context.ui.progress(format!("asking {brain}: {} of {total}", answers.len()));
            if let Some(done) = running.join_next().await {
                let done = done.expect("a question does not panic");
                let question = done.question.clone();
                let answer = self.judge(done, threads[question.thread][question.place].message);
                if let Some(before) = self.keep(brain, threads, question, answer, &mut answers) {
                    queue.push_front(before);
                }
            }
        }
        self.context.ui.progress_ends();
        self.note_stand_ins(&answers);
        answers
    }

    /// Returns what happens with a question now.
    async fn step(&mut self, next: &Question, threads: &[Vec<Open<'_>>], secrets: &Secrets) -> Step {
        if pause::paused(self.session, self.context.now()).is_some() {
            return Step::Waits;
        }
        let message = threads[next.thread][next.place].message;
        let state = match self.brains.get_mut(&next.brain) {
            None => return Step::Answered(Answer::Away(format!("brain `{}` is not loaded", next.brain))),
            Some(Brain::Rules(catalogue)) => {
                let routed = rules::plan(catalogue, message);
                if let (Some(brain), Some(route)) = (&routed.brain, &routed.route) {
                    let route = Some((route.clone(), routed.tier));
                    return Step::LeftTo(Question { brain: brain.clone(), route, ..*next });
                }
                let planned = Planned { brain: next.brain.clone(), ..Planned::from(routed) };
                return Step::Answered(Answer::Planned(Box::new(planned)));
            }
            Some(Brain::Model(state)) => state,
        };
        state.open(self.context).await;
        if let Some(why) = &state.away {
            return Step::Answered(Answer::Away(why.clone()));
        }
        let earlier: Vec<&Message> =
            threads[next.thread][..next.place].iter().map(|open| open.message).collect();
        let prompt = prompt::write(&self.instructions, &self.offer, &earlier, message, random_word);
        let prompt = match &self.anew {
            Some((guidance, before)) => prompt.anew(guidance.as_deref(), before, random_word),
            None => prompt,
        };
        // The brain's own key may have become known only now.
        let secrets = known_now(self.context, secrets);
        let thread = secrets.key.of_thread(&message.source, &message.thread);
        let found = secrets.gravest(&prompt.text(), Some(&thread));
        if let Some(found) = found.filter(|found| found.class > Class::Soft) {
            let why = format!("the brain was not asked: a secret would go along ({})", found.kind);
            return Step::Answered(Answer::Planned(Box::new(left_to_a_person(&next.brain, why, None))));
        }
        let calls_reserved = state.calls_left.min(state.wiring.retries + 1 + FORMS_MORE);
        match &state.model {
            Some(model) if calls_reserved > 0 => {
                state.calls_left -= calls_reserved;
                Step::Ask { model: model.clone(), prompt, facts: state.facts.clone(), calls_reserved }
            }
            Some(_) | None => Step::Waits,
        }
    }

    /// Asks for other answers from now on than the one before, as the person wants it.
    pub fn ask_anew(&mut self, guidance: Option<String>, before: String) {
        self.anew = Some((guidance, before));
    }

    /// Returns the operator's instructions to language models, as they are committed.
    pub fn instructions(&self) -> &str {
        &self.instructions
    }

    /// Ends tunnels and forgets keys; for after the last question.
    pub fn close(&mut self) {
        for brain in self.brains.values_mut() {
            if let Brain::Model(state) = brain {
                state.model = None;
            }
        }
    }

    /// Remembers which messages wait for a brain that is away, and since when.
    pub fn note_waiting(&self) {
        self.waiting.write();
    }

    fn concurrency(&self, brain: &str) -> usize {
        match self.brains.get(brain) {
            Some(Brain::Model(state)) => state.wiring.concurrency,
            Some(Brain::Rules(_)) | None => usize::MAX,
        }
    }

    fn note_stand_ins(&mut self, answers: &BTreeMap<DraftId, Answer>) {
        for (brain, state) in &self.brains {
            if let Brain::Model(state) = state
                && let Some(fallback) = &state.wiring.fallback
                && answers.values().any(|answer| answer.is_by(&stand_in(fallback, brain)))
            {
                let what = format!("brain `{brain}` is away, and `{fallback}` answers what it can");
                self.stand_ins.push((brain.clone(), what));
            }
        }
    }

    /// Returns the brains that were away and in whose place a fallback answered, with what to say of it,
    /// once.
    pub fn take_stand_ins(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.stand_ins)
    }

    /// Puts an answer to the others. Where it is that the message wants none, returns the question
    /// about the message before it in its thread, which goes to `brain` again.
    fn keep(
        &mut self,
        brain: &str,
        threads: &[Vec<Open<'_>>],
        question: Question,
        answer: Answer,
        answers: &mut BTreeMap<DraftId, Answer>,
    ) -> Option<Question> {
        let open = threads[question.thread][question.place];
        let answer = match answer {
            Answer::Away(why) => self.without(&question.brain, open, why),
            Answer::Planned(mut planned) => {
                self.waiting.done(open.id);
                self.note_question(&question, threads, &planned);
                if let Some((route, tier)) = &question.route {
                    planned.route = Some(route.clone());
                    planned.tier = *tier;
                }
                Answer::Planned(planned)
            }
        };
        let wants_none = answer.is_ignore();
        answers.insert(open.id.clone(), answer);
        let place = question.place.checked_sub(1).filter(|_| wants_none)?;
        Some(Question { thread: question.thread, place, brain: brain.to_owned(), route: None })
    }

    /// Notes what the shadow of the brain that answered is to be asked: what the brain was asked, or what
    /// a language model would have been asked in the place of a catalogue.
    fn note_question(&mut self, question: &Question, threads: &[Vec<Open<'_>>], planned: &Planned) {
        let Some(shadow) = self.shadows.get(&question.brain) else { return };
        let thread = &threads[question.thread];
        let open = thread[question.place];
        let prompt = match (&planned.exchange, self.brains.get(&question.brain)) {
            (Some(exchange), _) => exchange.prompt.clone(),
            (None, Some(Brain::Rules(_))) => {
                let earlier: Vec<&Message> =
                    thread[..question.place].iter().map(|open| open.message).collect();
                prompt::write(&self.instructions, &self.offer, &earlier, open.message, random_word)
            }
            // It was not asked, so nobody else is.
            (None, Some(Brain::Model(_)) | None) => return,
        };
        self.questions.insert(open.id.clone(), (shadow.clone(), prompt));
    }

    /// Returns what a shadow is to be asked about a message, once.
    pub fn take_question(&mut self, id: &DraftId) -> Option<(String, Prompt)> {
        self.questions.remove(id)
    }

    /// Makes an answer of what a model said, and keeps count of its faults.
    fn judge(&mut self, done: Running, message: &Message) -> Answer {
        let brain = &done.question.brain;
        let Some(Brain::Model(state)) = self.brains.get_mut(brain) else {
            return Answer::Away(format!("brain `{brain}` is not loaded"));
        };
        state.calls_left += done.calls_reserved - done.asked.attempts.min(done.calls_reserved);
        let reply_digest =
            done.asked.said.as_ref().ok().map(|said| format!("sha256:{}", sha256_hex(said.as_bytes())));
        let no_facts = done.facts.as_ref().err().cloned();
        if let Some(why) = no_facts.as_ref().filter(|_| !state.facts_failed) {
            state.facts_failed = true;
            self.context.ui.warn(format!("brain `{brain}` is asked without facts: {why}"));
        }
        let exchange = Exchange {
            facts: done.facts.ok().flatten(),
            prompt_digest: done.prompt.digest(),
            prompt: done.prompt,
            reply_digest,
        };
        let planned = match done.asked.said {
            Ok(said) => {
                state.faults_in_a_row = 0;
                planned(brain, &said, exchange)
            }
            Err(fault @ (Fault::Question { .. } | Fault::Refused { .. })) => {
                state.faults_in_a_row = 0;
                left_to_a_person(brain, fault.to_string(), Some(exchange))
            }
            Err(fault @ (Fault::Later { .. } | Fault::Away { .. })) => {
                let why = format!("brain `{brain}` is away: {fault}");
                state.faults_in_a_row += 1;
                if matches!(fault, Fault::Away { .. }) || state.faults_in_a_row >= FAULTS_IN_A_ROW_MAX {
                    state.away.get_or_insert_with(|| why.clone());
                }
                return Answer::Away(why);
            }
        };
        let mut planned = planned;
        planned.findings.extend(no_facts.map(|why| format!("the brain had no facts: {why}")));
        if prompt::is_cut(message) {
            planned.findings.push("the brain saw only the beginning of the message".to_owned());
        }
        Answer::Planned(Box::new(planned))
    }

    /// Says what becomes of a message whose brain is away: the fallback answers what it clearly can, a
    /// person gets what has waited too long, and the rest waits.
    fn without(&mut self, brain: &str, open: Open<'_>, why: String) -> Answer {
        let Some(Brain::Model(state)) = self.brains.get(brain) else { return Answer::Away(why) };
        if let Some(name) = &state.wiring.fallback
            && let Some(Brain::Rules(catalogue)) = self.brains.get(name)
        {
            let routed = rules::plan(catalogue, open.message);
            let is_clear = routed.route.is_some() && routed.brain.is_none();
            let mut planned = Planned::from(routed);
            if is_clear {
                planned.brain = stand_in(name, brain);
                self.waiting.done(open.id);
                return Answer::Planned(Box::new(planned));
            }
        }
        let give_up_after = state.wiring.give_up_after;
        let now = self.context.now();
        let since = self.waiting.since(open.id, now);
        if now.duration_since(since) < give_up_after {
            return Answer::Away(why);
        }
        self.waiting.done(open.id);
        // The other side's words stay out of the draft.
        let why = format!("brain `{brain}` has been away since {}", since.strftime("%Y-%m-%d %H:%M UTC"));
        Answer::Planned(Box::new(left_to_a_person(brain, why, None)))
    }
}

impl State {
    /// Fetches the key and opens the tunnel, before the first question.
    async fn open(&mut self, context: &Context) {
        if self.model.is_some() || self.away.is_some() {
            return;
        }
        let opened = match wire::model(&self.wiring, context).await {
            Ok(settings) => Model::open(settings).await,
            Err(fault) => Err(fault),
        };
        match opened {
            Ok(model) => self.model = Some(Arc::new(model)),
            Err(fault) => self.away = Some(format!("the brain is away: {fault}")),
        }
    }
}

/// What a program of the operator's is to be asked about a message.
struct FactsWanted {
    program: Arc<Program>,
    message: Message,
    secrets: Secrets,
}

impl FactsWanted {
    async fn ask(&self) -> std::result::Result<Option<String>, String> {
        let facts = facts::ask(&self.program, &self.message).await?;
        // What our own systems say goes to the brain and into the repository, as a message does.
        let thread = self.secrets.key.of_thread(&self.message.source, &self.message.thread);
        Ok(facts.map(|facts| self.secrets.marked(&facts, &thread)))
    }
}

/// Adds what this process has fetched by now to what is known of secrets.
fn known_now(context: &Context, secrets: &Secrets) -> Secrets {
    Secrets { known: context.credentials.known(), ..secrets.clone() }
}

async fn asked(
    model: Arc<Model>,
    question: Question,
    prompt: Prompt,
    facts: Option<FactsWanted>,
    calls_reserved: u32,
    now: Timestamp,
) -> Running {
    let facts = match facts {
        Some(wanted) => wanted.ask().await,
        None => Ok(None),
    };
    let prompt = match &facts {
        Ok(Some(facts)) => prompt.with_facts(facts, random_word),
        Ok(None) | Err(_) => prompt,
    };
    let asked = model.ask(&prompt, calls_reserved, now).await;
    Running { question, prompt, facts, asked, calls_reserved }
}

/// Names a fallback that answered in the place of a brain.
fn stand_in(fallback: &str, brain: &str) -> String {
    format!("{fallback}, for {brain}")
}

/// Refuses a route that leaves messages to what is no language model of the wiring.
pub fn check_model(session: &Session, path: &str, brain: &str, line: usize) -> Result<()> {
    let wrong = |what: String| FileError::new(path, what).at(line);
    match session.wiring.brain(brain).map(|wiring| &wiring.kind) {
        Some(BrainKind::Model(_)) => Ok(()),
        Some(BrainKind::Rules { .. }) => {
            Err(wrong(format!("brain `{brain}` is no language model")).with_hint("remove `brain`").into())
        }
        None => {
            let what = format!("there is no brain `{}`", text::one_line(brain, 40));
            Err(wrong(what).with_hint("brains stand in the wiring, each as [brain.NAME]").into())
        }
    }
}

/// Makes a plan of a reply; one that holds none is left to a person.
fn planned(brain: &str, said: &str, exchange: Exchange) -> Planned {
    match reply::read(said, &exchange.prompt.offered) {
        Ok(plan) => Planned {
            plan,
            route: None,
            tier: None,
            brain: brain.to_owned(),
            exchange: Some(exchange),
            findings: Vec::new(),
        },
        Err(fault) => {
            let mut planned = left_to_a_person(brain, fault.to_string(), Some(exchange));
            planned.findings.push(fault.to_string());
            planned
        }
    }
}

fn left_to_a_person(brain: &str, why: String, exchange: Option<Exchange>) -> Planned {
    Planned {
        plan: Plan::escalate(why),
        route: None,
        tier: None,
        brain: brain.to_owned(),
        exchange,
        findings: Vec::new(),
    }
}

/// Reads a catalogue, the desk's where no other is named, and returns how errors call it.
pub fn catalogue(session: &Session, desk: &Desk, routes: Option<&PathBuf>) -> Result<(String, Catalogue)> {
    let (shown, text) = match routes {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| CommandError::system(path, error))?;
            (path.display().to_string(), text)
        }
        None => {
            let bytes = session.repository.file_at(desk.tip, ROUTES)?.ok_or_else(|| {
                FileError::new(ROUTES, "the catalogue is not committed on `main`")
                    .with_hint(way_to_catalogue(session, desk))
            })?;
            (ROUTES.to_owned(), String::from_utf8_lossy(&bytes).into_owned())
        }
    };
    let catalogue = Catalogue::load(&shown, &text).map_err(CommandError::Files)?;
    Ok((shown, catalogue))
}

/// Says how the catalogue comes back that somebody removed: from the newest commit that has it.
fn way_to_catalogue(session: &Session, desk: &Desk) -> String {
    let repository = &session.repository;
    let newest = repository.newest(desk.tip, CATALOGUE_COMMITS_MAX).unwrap_or_default();
    let has_it = |commit: &&Commit| matches!(repository.entry(commit.tree, ROUTES), Ok(Some(_)));
    match newest.iter().find(has_it) {
        Some(Commit { id, .. }) => format!("`git checkout {id} -- {ROUTES}` brings it back; commit it"),
        None => format!("write one in {ROUTES}, and commit it"),
    }
}

/// Reads the operator's instructions as they are committed on `main`; none where there are none.
pub fn read_instructions(session: &Session, desk: &Desk, secrets: &Secrets) -> Result<String> {
    let Some(bytes) = session.repository.file_at(desk.tip, INSTRUCTIONS)? else { return Ok(String::new()) };
    let wrong = |what: String| FileError::new(INSTRUCTIONS, what);
    if bytes.len() > prompt::INSTRUCTIONS_BYTES_MAX {
        let what = format!("longer than {} bytes", prompt::INSTRUCTIONS_BYTES_MAX);
        return Err(wrong(what).with_hint("every prompt holds all of it").into());
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if let Some(found) = secrets.find(&text, None).into_iter().find(|found| found.class > Class::Soft) {
        let line = 1 + text.get(..found.place.start).unwrap_or_default().matches('\n').count();
        let what = format!("there is a secret in it ({}), and every prompt would hold it", found.kind);
        return Err(wrong(what).at(line).with_hint("take it out, and change it where it is used").into());
    }
    Ok(text::visible(&text))
}

/// Returns a random word of 128 bits.
fn random_word() -> String {
    let mut bytes = [0; 16];
    // The kernel fills 16 bytes in one call once it is seeded, which it is after boot.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns how many messages waited for a brain that was away when a tick last looked.
pub fn waiting(session: &Session) -> usize {
    fs::read_to_string(session.state.join(WAITING)).map_or(0, |text| text.lines().count())
}

/// Which messages wait for a brain that is away, and since when: a file outside the repository.
///
/// A loss of it makes messages wait longer, and nothing else.
struct Waiting {
    path: PathBuf,
    since: BTreeMap<DraftId, Timestamp>,
}

impl Waiting {
    fn read(path: PathBuf, now: Timestamp) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let longest = SignedDuration::from_hours(24 * WAITING_DAYS_MAX);
        let since = text
            .lines()
            .filter_map(|line| {
                let (id, since) = line.split_once(' ')?;
                let since: Timestamp = since.parse().ok()?;
                // A clock that went back must not make a message wait for years.
                let believed = since <= now && now.duration_since(since) < longest;
                believed.then_some((id.parse().ok()?, since))
            })
            .collect();
        Self { path, since }
    }

    fn since(&mut self, id: &DraftId, now: Timestamp) -> Timestamp {
        *self.since.entry(id.clone()).or_insert(now)
    }

    fn done(&mut self, id: &DraftId) {
        self.since.remove(id);
    }

    fn write(&self) {
        if self.since.is_empty() && !self.path.exists() {
            return;
        }
        let text: String = self.since.iter().map(|(id, since)| format!("{id} {since}\n")).collect();
        if let Err(error) = durable::replace(&self.path, text.as_bytes()) {
            tracing::warn!(%error, "since when messages wait could not be noted");
        }
    }
}
