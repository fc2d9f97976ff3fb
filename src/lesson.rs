//! What became of each draft, and what that says about who wrote it.
//!
//! The evidence is in the ledger: the drafted text, the approved one, and what was noted about them.
//! Everything here counts and compares it. It must never change what becomes of a draft.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::delivery::effective;
use crate::draft::Draft;
use crate::entry::{Drafted, Entry, Fact, claim};
use crate::id::{DraftId, ObjectId};
use crate::plan::{Action, Confidence, Tier};
use crate::text;

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It was sent as it was drafted.
    AsDrafted,
    /// It was sent with changes of a person's.
    Edited,
    /// A person removed it.
    Rejected,
    /// Nobody touched it in time.
    Expired,
    /// A later message of the thread has a draft of its own.
    Superseded,
    /// Nothing yet: a person, an undo window, or a transport that does not know.
    Waiting,
}

impl Fate {
    /// Every fate, in the order in which tables show them.
    pub const ALL: [Fate; 6] =
        [Fate::AsDrafted, Fate::Edited, Fate::Rejected, Fate::Expired, Fate::Superseded, Fate::Waiting];

    /// Returns the word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::AsDrafted => "as_drafted",
            Fate::Edited => "edited",
            Fate::Rejected => "rejected",
            Fate::Expired => "expired",
            Fate::Superseded => "superseded",
            Fate::Waiting => "waiting",
        }
    }
}

/// What the ledger holds about one draft, as evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The draft.
    pub id: DraftId,
    /// When it was drafted.
    pub at: Timestamp,
    /// What was planned, after the policy had judged it.
    pub action: Action,
    /// How grave it was.
    pub tier: Tier,
    /// How sure the brain said it was, as far as that can still be read.
    pub confidence: Option<Confidence>,
    /// The brain, without its route.
    pub brain: String,
    /// What a language model was asked, as `sha256:…`.
    pub prompt: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// Why, in the words of whoever rejected it.
    pub reason: Option<String>,
    /// The drafted file.
    pub drafted: ObjectId,
    /// The approved file, where it was sent.
    pub approved: Option<ObjectId>,
    /// How much the sent answer has in common with the drafted one, where one was drafted and sent.
    pub in_common: Option<f64>,
}

impl Lesson {
    /// Draws the lesson of one draft: its story, the drafted text, and the approved one if there is one.
    pub fn of(
        id: &DraftId,
        story: &[Entry],
        origin: &Drafted,
        drafted: Option<&Draft>,
        approved: Option<&Draft>,
    ) -> Self {
        let last = effective(story);
        let was_sent =
            last.is_some_and(|last| matches!(last.fact, Fact::Sent { .. } | Fact::Rehearsed { .. }));
        let sent = approved.filter(|_| was_sent);
        let fate = match last.map(|last| &last.fact) {
            Some(Fact::Sent { .. } | Fact::Rehearsed { .. }) => match (drafted, sent) {
                (Some(drafted), Some(sent)) if says_the_same(drafted, sent) => Fate::AsDrafted,
                // What cannot be compared is not taken for an acceptance.
                _ => Fate::Edited,
            },
            Some(Fact::Rejected { .. }) => Fate::Rejected,
            Some(Fact::Expired) => Fate::Expired,
            Some(Fact::Superseded { .. }) => Fate::Superseded,
            Some(
                Fact::Ignored(_)
                | Fact::Drafted(_)
                | Fact::Claimed(_)
                | Fact::Sending
                | Fact::Deferred { .. }
                | Fact::Failed { .. }
                | Fact::Unsure { .. }
                | Fact::Stale { .. }
                | Fact::Withdrawn { .. },
            )
            | None => Fate::Waiting,
        };
        let reason = match last.map(|last| &last.fact) {
            Some(Fact::Rejected { reason, .. }) if !reason.is_empty() => Some(reason.clone()),
            _ => None,
        };
        let had_a_text = origin.action != Action::Escalate;
        Self {
            id: id.clone(),
            at: story.first().map(|entry| entry.at).unwrap_or_default(),
            action: origin.action,
            tier: origin.tier,
            confidence: origin.confidence.or_else(|| drafted.map(|draft| draft.machine.confidence)),
            brain: text::one_line(without_route(&origin.brain), 60),
            prompt: origin.prompt.clone(),
            fate,
            reason,
            drafted: origin.blob,
            approved: claim(story).filter(|_| was_sent).map(|(_, claimed)| claimed.blob),
            in_common: match (drafted, sent) {
                (Some(drafted), Some(sent)) if had_a_text => Some(in_common(&drafted.body, &sent.body)),
                _ => None,
            },
        }
    }
}

/// Tells whether two drafts would leave as the same answer to the same people; when is another matter.
fn says_the_same(drafted: &Draft, approved: &Draft) -> bool {
    let Draft { to, cc, subject, attach, tasks, body, status: _, send_after: _, machine: _, context: _ } =
        drafted;
    (to, cc, subject, attach, tasks, body)
        == (&approved.to, &approved.cc, &approved.subject, &approved.attach, &approved.tasks, &approved.body)
}

/// Returns a brain's name without its route: `rules (invoice)` is by `rules`.
fn without_route(brain: &str) -> &str {
    brain.split_once(" (").map_or(brain, |(name, _)| name)
}

/// Returns how much two texts have in common, from 0 to 1: the words that both have, as often as both
/// have them, twice, over the words of both. Neither order nor case nor punctuation counts.
pub fn in_common(one: &str, other: &str) -> f64 {
    let words = |text: &str| -> BTreeMap<String, usize> {
        let mut words = BTreeMap::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *words.entry(word.to_lowercase()).or_default() += 1;
        }
        words
    };
    let (one, other) = (words(one), words(other));
    let all: usize = one.values().chain(other.values()).sum();
    if all == 0 {
        return 1.0;
    }
    let both: usize =
        one.iter().map(|(word, count)| other.get(word).map_or(0, |there| *count.min(there))).sum();
    2.0 * both as f64 / all as f64
}

/// How many drafts became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [usize; Fate::ALL.len()],
    /// Of those that held an answer, how many a person has sent or rejected, and how many unchanged.
    decided: usize,
    accepted: usize,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, lesson: &Lesson) {
        self.counts[lesson.fate as usize] += 1;
        let is_decided = matches!(lesson.fate, Fate::AsDrafted | Fate::Edited | Fate::Rejected);
        // An escalation holds nothing that could be accepted as it is.
        if is_decided && lesson.action != Action::Escalate {
            self.decided += 1;
            self.accepted += usize::from(lesson.fate == Fate::AsDrafted);
        }
    }

    /// Returns how many became this.
    pub fn count(&self, fate: Fate) -> usize {
        self.counts[fate as usize]
    }

    /// Returns how many there are.
    pub fn all(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Returns the share that was sent as it was drafted, of the drafted answers that a person has sent or
    /// rejected; none where there are none.
    pub fn accepted(&self) -> Option<f64> {
        (self.decided > 0).then(|| self.accepted as f64 / self.decided as f64)
    }
}

/// What drafts are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// What was planned.
    Action,
    /// How grave it was.
    Tier,
    /// How sure the brain said it was, in bands.
    Confidence,
    /// Who wrote it.
    Brain,
}

impl By {
    /// Every way, in the order in which tables are shown.
    pub const ALL: [By; 4] = [By::Action, By::Tier, By::Confidence, By::Brain];

    /// Returns the word in headings and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Action => "action",
            By::Tier => "tier",
            By::Confidence => "confidence",
            By::Brain => "brain",
        }
    }
}

/// The bands of confidence, the surest first: where each begins, and how it is called.
const BANDS: [(f64, &str); 5] = [
    (0.9, "0.90 to 1.00"),
    (0.8, "0.80 to 0.89"),
    (0.7, "0.70 to 0.79"),
    (0.5, "0.50 to 0.69"),
    (0.0, "0.00 to 0.49"),
];

/// Counts lessons in groups, each with its name, in the order of the closed list that they are from.
///
/// An escalation holds no answer that could be accepted as it is, so only the groups by action have them.
pub fn tallies(lessons: &[Lesson], by: By) -> Vec<(String, Tally)> {
    let mut groups: BTreeMap<(usize, String), Tally> = BTreeMap::new();
    for lesson in lessons.iter().filter(|lesson| by == By::Action || lesson.action != Action::Escalate) {
        let (place, name) = match by {
            By::Action => (lesson.action as usize, lesson.action.to_string()),
            By::Tier => (lesson.tier as usize, lesson.tier.to_string()),
            By::Confidence => band(lesson.confidence),
            By::Brain => (0, lesson.brain.clone()),
        };
        groups.entry((place, name)).or_default().add(lesson);
    }
    groups.into_iter().map(|((_, name), tally)| (name, tally)).collect()
}

fn band(confidence: Option<Confidence>) -> (usize, String) {
    let reached =
        |confidence: Confidence| BANDS.iter().position(|(begin, _)| confidence.value() >= begin - 1e-9);
    match confidence.and_then(reached) {
        Some(place) => (place, BANDS[place].1.to_owned()),
        None => (BANDS.len(), "not known".to_owned()),
    }
}

/// A shadow's plan for a draft.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowPlan {
    /// The shadow's name in the wiring.
    pub brain: String,
    /// What it planned; none where its reply held no plan.
    pub action: Option<Action>,
    /// Its answer; empty unless it planned one.
    pub body: String,
}

/// What shadows planned, beside what a person did about the same message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What became of the drafts, by what the shadow planned for their messages (`none`: no plan).
    pub by_plan: Vec<(String, Tally)>,
    /// Of those that a person has decided, how many the shadow would have ended in the same way:
    /// answered what was sent, ignored what was rejected.
    pub agreed: usize,
    /// How many a person has decided.
    pub decided: usize,
    /// How many answers were sent to which the shadow had planned one, too.
    pub compared: usize,
    /// What the shadow's answers and the sent ones have in common, on the average of those.
    pub in_common: Option<f64>,
    /// What the drafted answers and the sent ones have in common, on the average of the same.
    pub drafted_in_common: Option<f64>,
}

/// Compares the plans of one shadow with what was approved: each plan, the draft's lesson, and the bodies
/// that were drafted and sent.
pub fn compare<'a>(
    plans: impl IntoIterator<Item = (&'a ShadowPlan, &'a Lesson, Option<(&'a str, &'a str)>)>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let mut groups: BTreeMap<usize, (String, Tally)> = BTreeMap::new();
    let (mut shadow_sum, mut drafted_sum) = (0.0, 0.0);
    for (plan, lesson, bodies) in plans {
        let place = plan.action.map_or(Action::ALL.len(), |action| action as usize);
        let name = plan.action.map_or("none", Action::as_str);
        groups.entry(place).or_insert_with(|| (name.to_owned(), Tally::default())).1.add(lesson);
        let answers = matches!(plan.action, Some(Action::Reply | Action::RouteAnswer));
        let agrees = match lesson.fate {
            Fate::AsDrafted | Fate::Edited => Some(answers),
            Fate::Rejected => Some(plan.action == Some(Action::Ignore)),
            Fate::Expired | Fate::Superseded | Fate::Waiting => None,
        };
        comparison.decided += usize::from(agrees.is_some());
        comparison.agreed += usize::from(agrees == Some(true));
        if let (true, Some((drafted, sent))) = (answers, bodies) {
            comparison.compared += 1;
            shadow_sum += in_common(&plan.body, sent);
            drafted_sum += in_common(drafted, sent);
        }
    }
    comparison.by_plan = groups.into_values().collect();
    if comparison.compared > 0 {
        comparison.in_common = Some(shadow_sum / comparison.compared as f64);
        comparison.drafted_in_common = Some(drafted_sum / comparison.compared as f64);
    }
    comparison
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::draft::{Machine, Status};
    use crate::entry::Claimed;
    use crate::message::Address;

    const DRAFTED: ObjectId = ObjectId::new([1; 20]);
    const APPROVED: ObjectId = ObjectId::new([2; 20]);

    fn id() -> DraftId {
        DraftId::derive("x", 8)
    }

    fn draft(body: &str) -> Draft {
        Draft {
            status: Status::Draft,
            to: vec![Address::new("Ada", "ada@example.org")],
            cc: Vec::new(),
            subject: "Re: x".to_owned(),
            send_after: None,
            attach: Vec::new(),
            tasks: Vec::new(),
            machine: Machine {
                id: id(),
                action: Action::Reply,
                source: "mail".to_owned(),
                answers: "<x>".to_owned(),
                tier: Tier::Medium,
                confidence: Confidence::new(0.86).unwrap(),
                why: String::new(),
                findings: Vec::new(),
            },
            body: body.to_owned(),
            context: String::new(),
        }
    }

    fn origin(action: Action) -> Drafted {
        Drafted {
            message: "<x>".to_owned(),
            digest: String::new(),
            fetched: None,
            source: "mail".to_owned(),
            thread: String::new(),
            date: None,
            references: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            action,
            tier: Tier::Medium,
            path: String::new(),
            blob: DRAFTED,
            policy: DRAFTED,
            desk: DRAFTED,
            brain: "local (invoice)".to_owned(),
            confidence: None,
            prompt: Some("sha256:x".to_owned()),
            reply: None,
            guidance: None,
        }
    }

    /// Draws the lesson of a draft that was approved as `approved` and of which `facts` were noted.
    fn lesson(action: Action, approved: Option<&Draft>, facts: &[Fact]) -> Lesson {
        let origin = origin(action);
        let mut all = vec![Fact::Drafted(Box::new(origin.clone()))];
        if approved.is_some() {
            all.push(Fact::Claimed(Claimed {
                blob: APPROVED,
                attachments: Vec::new(),
                commit: APPROVED,
                approver: String::new(),
                signer: None,
                overrides: Vec::new(),
                transport: String::new(),
            }));
        }
        all.extend(facts.iter().cloned());
        let entry = |(number, fact): (usize, Fact)| Entry {
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(number as i64),
            host: String::new(),
            generation: 1,
            fact,
        };
        let story: Vec<Entry> = all.into_iter().enumerate().map(entry).collect();
        Lesson::of(&id(), &story, &origin, Some(&draft("one two")), approved)
    }

    fn sent() -> Fact {
        Fact::Sent { receipt: String::new() }
    }

    fn rejected(reason: &str) -> Fact {
        Fact::Rejected { by: String::new(), reason: reason.to_owned(), commit: APPROVED }
    }

    #[test]
    fn a_lesson_says_what_became_of_the_draft() {
        let approved = |draft: Draft| Draft { status: Status::Approved, ..draft };
        let same = approved(draft("one two"));
        let later = Draft { send_after: Some(Timestamp::UNIX_EPOCH), ..same.clone() };
        let other = approved(draft("one three"));
        let elsewhere = Draft { to: vec![Address::new("", "eve@example.org")], ..same.clone() };
        let renamed = Draft { subject: "Re: y".to_owned(), ..same.clone() };
        let rehearsed = Fact::Rehearsed { spec_hash: String::new() };
        let withdrawn = Fact::Withdrawn { reason: String::new(), resend: false };
        let failed = Fact::Failed { reason: String::new() };
        let superseded = Fact::Superseded { by: String::new() };
        for (approved, facts, fate) in [
            (None, vec![], Fate::Waiting),
            (None, vec![rejected("")], Fate::Rejected),
            (None, vec![Fact::Expired], Fate::Expired),
            (None, vec![superseded.clone()], Fate::Superseded),
            (Some(&same), vec![], Fate::Waiting),
            (Some(&same), vec![Fact::Sending], Fate::Waiting),
            (Some(&same), vec![Fact::Sending, failed], Fate::Waiting),
            (Some(&same), vec![withdrawn.clone()], Fate::Waiting),
            (Some(&same), vec![withdrawn, rejected("")], Fate::Rejected),
            (Some(&same), vec![Fact::Sending, sent()], Fate::AsDrafted),
            (Some(&same), vec![Fact::Sending, sent(), superseded], Fate::AsDrafted),
            (Some(&same), vec![rehearsed], Fate::AsDrafted),
            (Some(&later), vec![sent()], Fate::AsDrafted),
            (Some(&other), vec![sent()], Fate::Edited),
            (Some(&elsewhere), vec![sent()], Fate::Edited),
            (Some(&renamed), vec![sent()], Fate::Edited),
        ] {
            assert_eq!(lesson(Action::Reply, approved, &facts).fate, fate, "{facts:?}");
        }
    }

    #[test]
    fn the_evidence_names_both_texts_the_brain_the_prompt_and_the_reason() {
        let lesson = lesson(Action::Reply, Some(&draft("one three")), &[sent()]);
        assert_eq!((lesson.drafted, lesson.approved), (DRAFTED, Some(APPROVED)));
        assert_eq!((lesson.brain.as_str(), lesson.prompt.as_deref()), ("local", Some("sha256:x")));
        // An entry without it leaves the confidence to the drafted file.
        assert_eq!((lesson.confidence, lesson.in_common), (Confidence::new(0.86), Some(0.5)));
        let lesson = self::lesson(Action::Reply, None, &[rejected("too curt")]);
        assert_eq!((lesson.reason.as_deref(), lesson.approved), (Some("too curt"), None));
    }

    #[test]
    fn what_cannot_be_compared_is_no_acceptance() {
        let origin = origin(Action::Reply);
        let entry = |fact| Entry { at: Timestamp::UNIX_EPOCH, host: String::new(), generation: 1, fact };
        let story = [entry(Fact::Drafted(Box::new(origin.clone()))), entry(sent())];
        let lesson = Lesson::of(&id(), &story, &origin, None, Some(&draft("x")));
        assert_eq!((lesson.fate, lesson.confidence, lesson.in_common), (Fate::Edited, None, None));
    }

    #[test]
    fn only_words_count_and_how_often() {
        for (one, other, share) in [
            ("", "", 1.0),
            ("", "a", 0.0),
            ("a b", "B, a!", 1.0),
            ("a b", "a c", 0.5),
            ("a a a", "a", 0.5),
            ("Grüße aus Köln", "grüsse aus köln", 2.0 / 3.0),
        ] {
            assert!((in_common(one, other) - share).abs() < 1e-9, "{one:?} {other:?}");
        }
    }

    #[test]
    fn groups_are_in_the_order_of_their_lists_and_escalations_only_by_action() {
        let reply = lesson(Action::Reply, Some(&draft("one two")), &[sent()]);
        let with = |confidence: f64| Lesson { confidence: Confidence::new(confidence), ..reply.clone() };
        let lessons = [
            Lesson { confidence: None, fate: Fate::Waiting, ..reply.clone() },
            Lesson { fate: Fate::Rejected, ..with(0.29) },
            with(0.9),
            Lesson { fate: Fate::Edited, tier: Tier::Low, ..with(0.8999) },
            Lesson { action: Action::RouteAnswer, brain: "rules".to_owned(), ..with(1.0) },
            lesson(Action::Escalate, Some(&draft("an answer")), &[sent()]),
        ];
        let shown = |by: By| {
            let group =
                |(name, tally): (String, Tally)| format!("{name} {}/{:?}", tally.all(), tally.accepted());
            tallies(&lessons, by).into_iter().map(group).collect::<Vec<_>>().join(", ")
        };
        let third = 1.0 / 3.0;
        assert_eq!(
            shown(By::Action),
            format!("reply 4/Some({third}), route_answer 1/Some(1.0), escalate 1/None")
        );
        assert_eq!(shown(By::Tier), "low 1/Some(0.0), medium 4/Some(0.6666666666666666)");
        assert_eq!(
            shown(By::Confidence),
            "0.90 to 1.00 2/Some(1.0), 0.80 to 0.89 1/Some(0.0), 0.00 to 0.49 1/Some(0.0), not known 1/None"
        );
        assert_eq!(shown(By::Brain), format!("local 4/Some({third}), rules 1/Some(1.0)"));
    }

    #[test]
    fn a_shadow_agrees_where_it_would_have_ended_as_the_person_did() {
        let plan = |action, body: &str| ShadowPlan { brain: "try".to_owned(), action, body: body.to_owned() };
        let reply = plan(Some(Action::Reply), "one two three four");
        let (escalate, ignore, none) =
            (plan(Some(Action::Escalate), ""), plan(Some(Action::Ignore), ""), plan(None, ""));
        let sent = lesson(Action::Reply, Some(&draft("one three")), &[sent()]);
        let gone = lesson(Action::Reply, None, &[rejected("")]);
        let open = lesson(Action::Reply, None, &[]);
        let bodies = Some(("one two", "one three"));
        let found = compare([
            (&reply, &sent, bodies),
            (&escalate, &sent, bodies),
            (&none, &sent, bodies),
            (&ignore, &gone, None),
            (&reply, &gone, None),
            (&reply, &open, None),
        ]);
        assert_eq!((found.agreed, found.decided, found.compared), (2, 5, 1));
        assert!((found.in_common.unwrap() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(found.drafted_in_common, Some(0.5));
        let names: Vec<&str> = found.by_plan.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["reply", "escalate", "ignore", "none"]);
        assert_eq!(compare([]), Comparison::default());
    }

    proptest! {
        #[test]
        fn a_share_is_from_0_to_1_and_the_same_either_way(one in "[ab é.]{0,20}", other in "[ab é.]{0,20}") {
            let share = in_common(&one, &other);
            prop_assert!((0.0..=1.0).contains(&share));
            prop_assert_eq!(share, in_common(&other, &one));
            prop_assert_eq!(in_common(&one, &one), 1.0);
        }
    }
}
