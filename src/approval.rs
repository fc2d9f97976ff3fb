//! Finds the person behind an approval, or behind a removal, in the history of `main`.
//!
//! Pure functions over what commits say; whoever calls them reads the commits. Nothing here believes
//! an author, a date or a message: only which commit first held which bytes, and who committed it.

use std::collections::{HashSet, VecDeque};

use crate::id::ObjectId;
use crate::policy::Mode;

/// The most commits that are looked at before the answer is "not found".
pub const COMMITS_MAX: usize = 20_000;

/// How many of those who may approve a hint names.
const APPROVERS_MAX: usize = 3;

/// What one commit says about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// The commit.
    pub id: ObjectId,
    /// Whether its tree holds the file.
    pub holds: bool,
    /// Its parents, first parent first, and whether their trees hold the file.
    pub parents: Vec<(ObjectId, bool)>,
    /// The committer's name.
    pub name: String,
    /// The committer's address.
    pub email: String,
    /// The author's address; another one than the committer's where a commit was carried over.
    pub author_email: String,
    /// Whether it is a commit of the machine's.
    pub machine: bool,
    /// Whether the machine wrote it, whoever committed it since.
    pub machine_author: bool,
}

impl CommitFacts {
    fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

/// Who approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The commit that approves.
    pub commit: ObjectId,
    /// The committer's name.
    pub name: String,
    /// The committer's address.
    pub email: String,
}

/// Why an approved text is not approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The commit that introduced it is by somebody else.
    #[error("commit {} approves it, and {email} is not an approver", commit.short())]
    NotAnApprover {
        /// The commit.
        commit: ObjectId,
        /// Its committer.
        email: String,
    },
    /// The commit that introduced it carries over what somebody else wrote: a rebase, a cherry-pick, `am`.
    #[error("commit {} carries over what {author} approved, and {author} is not an approver", commit.short())]
    CarriedOver {
        /// The commit.
        commit: ObjectId,
        /// Its author.
        author: String,
    },
    /// One side of a merge had the approval and took it back.
    #[error("a merge brought back what was revoked after commit {}", commit.short())]
    Revoked {
        /// The approving commit.
        commit: ObjectId,
    },
    /// The commit that introduced it is the machine's own.
    #[error("commit {} approves it, and that is the machine's own", commit.short())]
    Machine {
        /// The commit.
        commit: ObjectId,
    },
    /// Somebody put the approval into a commit of the machine's, by `--amend`, and nobody can say who.
    #[error("commit {} approves it inside a commit of the machine's", commit.short())]
    Amended {
        /// The commit.
        commit: ObjectId,
    },
    /// A merge made the text: none of its parents holds it.
    #[error("the merge {} made this text, and none of its parents has it", commit.short())]
    MadeByMerge {
        /// The merge.
        commit: ObjectId,
    },
    /// In merge mode, it came to `main` without a merge.
    #[error("commit {} brought it to main, and that is no merge", commit.short())]
    NotAMerge {
        /// The commit.
        commit: ObjectId,
    },
    /// History ends, or is too long, before the commit that introduced it.
    #[error("the commit that approves it cannot be found")]
    NotFound,
}

impl Refusal {
    /// Returns what the person can do about it; `approvers` are the addresses of those who may approve.
    pub fn hint(&self, approvers: &[String]) -> String {
        match self {
            Refusal::NotAnApprover { email, .. } => who_approves(approvers, email),
            Refusal::CarriedOver { author, .. } => who_approves(approvers, author),
            Refusal::Revoked { .. } => {
                "if it shall go after all: set `draft`, commit, set `approved`, commit".to_owned()
            }
            Refusal::Machine { .. } => "approve it in a commit of your own".to_owned(),
            Refusal::Amended { .. } => {
                "make it yours: `git commit --amend --reset-author`; or set `draft`, commit, set `approved`, commit".to_owned()
            }
            Refusal::MadeByMerge { .. } => {
                "read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit".to_owned()
            }
            Refusal::NotAMerge { .. } => {
                "`mode = \"merge\"` in drafts.toml asks for a merge: put it on a branch and `git merge --no-ff` that".to_owned()
            }
            Refusal::NotFound => "approve it anew: set `draft`, commit, set `approved`, commit".to_owned(),
        }
    }
}

/// Says what helps against a stranger's approval, whoever reads it: the stranger, too. Who is named later approves
/// only drafts made since.
fn who_approves(approvers: &[String], email: &str) -> String {
    let who = match approvers {
        [] => {
            return "nobody who is an approver now was one when it was drafted: add one of those to `approvers` in drafts.toml".to_owned();
        }
        named if named.len() > APPROVERS_MAX => {
            format!("{} and {} more", named[..APPROVERS_MAX].join(", "), named.len() - APPROVERS_MAX)
        }
        named => named.join(" or "),
    };
    format!(
        "{who} may approve it (set `draft`, commit, set `approved`, commit); for new drafts, {email} can be added to `approvers` in drafts.toml"
    )
}

/// Follows, from the tip of `main`, the parents that hold the approved file, to who introduced it.
///
/// In [`Mode::Commit`] that is the non-merge commit that first holds it; where several did so on
/// their own, one by an approver is enough. In [`Mode::Merge`] it is the merge that brought it to the
/// first-parent line of `main`. `look` reads what a commit says about exactly these bytes, `descends`
/// tells whether its first commit comes after its second.
///
/// Committer and author must both be approvers: a rebase makes a stranger's commit the operator's by
/// committer, and only the author still says whose decision it was. And a merge cannot bring back what
/// one of its sides had and took back.
pub fn find<E>(
    tip: ObjectId,
    mode: Mode,
    may_approve: impl Fn(&str) -> bool,
    mut look: impl FnMut(ObjectId) -> Result<CommitFacts, E>,
    mut descends: impl FnMut(ObjectId, ObjectId) -> Result<bool, E>,
) -> Result<Result<Approval, Refusal>, E> {
    let judge = |facts: &CommitFacts| -> Result<Approval, Refusal> {
        if facts.machine {
            Err(Refusal::Machine { commit: facts.id })
        } else if facts.machine_author {
            Err(Refusal::Amended { commit: facts.id })
        } else if !may_approve(&facts.author_email) && facts.author_email != facts.email {
            Err(Refusal::CarriedOver { commit: facts.id, author: facts.author_email.clone() })
        } else if may_approve(&facts.email) {
            Ok(Approval { commit: facts.id, name: facts.name.clone(), email: facts.email.clone() })
        } else {
            Err(Refusal::NotAnApprover { commit: facts.id, email: facts.email.clone() })
        }
    };
    // All holders are visited before anybody is believed: whether a side took the approval back may
    // stand behind any of them.
    let mut candidates = Vec::new();
    let mut lacking = Vec::new();
    let mut seen = HashSet::from([tip]);
    let mut queue = VecDeque::from([tip]);
    let mut on_first_line = Some(tip);
    while let Some(id) = queue.pop_front() {
        if seen.len() > COMMITS_MAX {
            return Ok(Err(Refusal::NotFound));
        }
        let facts = look(id)?;
        let holders = || facts.parents.iter().filter(|(_, holds)| *holds).map(|(parent, _)| *parent);
        lacking.extend(facts.parents.iter().filter(|(_, holds)| !holds).map(|(parent, _)| *parent));
        let is_held_before = holders().next().is_some();
        match mode {
            Mode::Commit if is_held_before => {}
            Mode::Commit if facts.is_merge() => {
                candidates.push((id, Err(Refusal::MadeByMerge { commit: id })))
            }
            Mode::Commit => candidates.push((id, judge(&facts))),
            Mode::Merge if on_first_line == Some(id) => {
                on_first_line = facts.parents.first().filter(|(_, holds)| *holds).map(|(first, _)| *first);
                match (on_first_line, is_held_before) {
                    (Some(_), _) => {}
                    (None, true) => candidates.push((id, judge(&facts))),
                    (None, false) if facts.is_merge() => {
                        candidates.push((id, Err(Refusal::MadeByMerge { commit: id })));
                    }
                    (None, false) => candidates.push((id, Err(Refusal::NotAMerge { commit: id }))),
                }
            }
            Mode::Merge => {}
        }
        queue.extend(holders().filter(|parent| seen.insert(*parent)));
    }
    let mut refusal = Refusal::NotFound;
    for (commit, verdict) in candidates {
        match verdict {
            Ok(approval) => {
                let mut revoked = false;
                for side in &lacking {
                    revoked |= descends(*side, commit)?;
                }
                if !revoked {
                    return Ok(Ok(approval));
                }
                refusal = Refusal::Revoked { commit };
            }
            Err(why) => refusal = why,
        }
    }
    Ok(Err(refusal))
}

/// How a draft came to be absent from the tip of `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A person's commit removed it.
    ByPerson {
        /// The commit.
        commit: ObjectId,
        /// The committer, `Name <address>`.
        by: String,
    },
    /// It never landed, a reset took it, a merge lost it, or the machine took it: nobody rejected it.
    NotByPerson,
}

/// Follows, from the tip of `main`, the parents that lack a draft, to the commit that removed it.
///
/// Only a person's commit that is no merge counts as a rejection. `since` is the tip of `main` when
/// the draft was made; nothing before it can have removed it.
pub fn find_removal<E>(
    tip: ObjectId,
    since: ObjectId,
    mut look: impl FnMut(ObjectId) -> Result<CommitFacts, E>,
) -> Result<Removal, E> {
    let mut seen = HashSet::from([tip]);
    let mut queue = VecDeque::from([tip]);
    while let Some(id) = queue.pop_front() {
        if id == since || seen.len() > COMMITS_MAX {
            continue;
        }
        let facts = look(id)?;
        if !facts.is_merge() && facts.parents.iter().any(|(_, holds)| *holds) {
            if !facts.machine {
                return Ok(Removal::ByPerson { commit: id, by: format!("{} <{}>", facts.name, facts.email) });
            }
            continue;
        }
        queue.extend(
            facts
                .parents
                .iter()
                .filter(|(_, holds)| !holds)
                .map(|(parent, _)| *parent)
                .filter(|id| seen.insert(*id)),
        );
    }
    Ok(Removal::NotByPerson)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history as `name: parents (committer) [holds]`, one line a commit, for example
    /// `c: b (sam/kim) +` for a commit `c` on `b` by sam, written by kim, that holds the file.
    fn history(text: &str) -> impl FnMut(ObjectId) -> Result<CommitFacts, ()> {
        let lines: Vec<(ObjectId, Vec<ObjectId>, String, bool)> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (name, rest) = line.split_once(':').unwrap();
                let (parents, rest) = rest.split_once('(').unwrap();
                let (who, mark) = rest.split_once(')').unwrap();
                let parents = parents.split_whitespace().map(id).collect();
                (id(name.trim()), parents, who.to_owned(), mark.trim() == "+")
            })
            .collect();
        move |wanted| {
            let holds = |id: ObjectId| lines.iter().any(|(known, _, _, holds)| *known == id && *holds);
            let (id, parents, who, own) = lines.iter().find(|(known, ..)| *known == wanted).ok_or(())?;
            Ok(CommitFacts {
                id: *id,
                holds: *own,
                parents: parents.iter().map(|&parent| (parent, holds(parent))).collect(),
                name: who.split('/').next().unwrap().to_owned(),
                email: format!("{}@example.com", who.split('/').next().unwrap()),
                author_email: format!("{}@example.com", who.split('/').next_back().unwrap()),
                machine: who == "machine",
                machine_author: who.ends_with("machine"),
            })
        }
    }

    fn id(name: &str) -> ObjectId {
        ObjectId::new([name.bytes().next().unwrap(); 20])
    }

    fn check(mode: Mode, text: &str, expected: &str) {
        let tip = id(text.trim().lines().last().unwrap().trim());
        let may_approve = |email: &str| email == "sam@example.com";
        let mut parents = history(text);
        let descends = |later: ObjectId, earlier: ObjectId| {
            let mut queue = vec![later];
            while let Some(id) = queue.pop() {
                if id == earlier {
                    return Ok(true);
                }
                queue.extend(parents(id)?.parents.iter().map(|(parent, _)| *parent));
            }
            Ok(false)
        };
        let shown = match find(tip, mode, may_approve, history(text), descends).unwrap() {
            Ok(approval) => format!("{} by {}", char::from(approval.commit.as_bytes()[0]), approval.name),
            Err(refusal) => refusal
                .to_string()
                .replace("6161616", "a")
                .replace("6262626", "b")
                .replace("6363636", "c")
                .replace("6464646", "d"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_commit_that_introduced_the_text_approves_it() {
        check(Mode::Commit, "a: (machine)\nb: a (sam) +\nc: b (kim) +\nd: c (machine) +", "b by sam");
    }

    #[test]
    fn a_pull_does_not_launder_a_strangers_approval() {
        check(
            Mode::Commit,
            "a: (machine)\nb: a (kim) +\nc: b (sam) +",
            "commit b approves it, and kim@example.com is not an approver",
        );
        check(
            Mode::Commit,
            "a: (machine)\nb: a (sam)\nc: a (kim) +\nd: b c (sam) +",
            "commit c approves it, and kim@example.com is not an approver",
        );
    }

    #[test]
    fn a_merge_carries_an_approval_and_cannot_make_one() {
        check(Mode::Commit, "a: (machine)\nb: a (kim)\nc: a (sam) +\nd: b c (kim) +", "c by sam");
        check(
            Mode::Commit,
            "a: (machine)\nb: a (sam)\nc: a (sam)\nd: b c (sam) +",
            "the merge d made this text, and none of its parents has it",
        );
    }

    #[test]
    fn the_same_bytes_approved_twice_need_one_approver() {
        check(Mode::Commit, "a: (machine)\nb: a (kim) +\nc: a (sam) +\nd: b c (kim) +", "c by sam");
    }

    #[test]
    fn the_machine_approves_nothing() {
        check(
            Mode::Commit,
            "a: (sam)\nb: a (machine) +",
            "commit b approves it, and that is the machine's own",
        );
    }

    #[test]
    fn a_revert_of_a_revert_approves_again() {
        check(Mode::Commit, "a: (kim) +\nb: a (sam)\nc: b (sam) +", "c by sam");
    }

    #[test]
    fn a_merge_cannot_bring_back_what_was_revoked() {
        check(
            Mode::Commit,
            "a: (machine)\nb: a (sam) +\nc: b (sam)\nd: c b (kim) +",
            "a merge brought back what was revoked after commit b",
        );
    }

    #[test]
    fn two_merges_cannot_either_in_any_mode() {
        // b approves, c revokes, d joins them with the text of b, e merges that into b again.
        let twice = "a: (machine)\nb: a (sam) +\nc: b (sam)\nd: b c (kim) +\ne: b d (kim) +";
        check(Mode::Commit, twice, "a merge brought back what was revoked after commit b");
        // c is the approving merge, d revokes it, e joins the two with the text of c.
        let merged = "a: (machine)\nb: a (kim) +\nc: a b (sam) +\nd: c (sam)\ne: c d (kim) +";
        check(Mode::Merge, merged, "a merge brought back what was revoked after commit c");
    }

    #[test]
    fn a_rebase_does_not_launder_a_strangers_approval() {
        check(
            Mode::Commit,
            "a: (machine)\nb: a (sam/kim) +",
            "commit b carries over what kim@example.com approved, and kim@example.com is not an approver",
        );
    }

    #[test]
    fn an_amended_commit_of_the_machines_is_nobodys_approval() {
        check(
            Mode::Commit,
            "a: (machine)\nb: a (sam/machine) +",
            "commit b approves it inside a commit of the machine's",
        );
    }

    #[test]
    fn in_merge_mode_the_merge_approves() {
        check(Mode::Merge, "a: (machine)\nb: a (kim) +\nc: a b (sam) +\nd: c (kim) +", "c by sam");
        check(Mode::Merge, "a: (machine)\nb: a (sam) +", "commit b brought it to main, and that is no merge");
        check(
            Mode::Merge,
            "a: (machine)\nb: a (sam) +\nc: a b (kim) +",
            "commit c approves it, and kim@example.com is not an approver",
        );
        check(
            Mode::Merge,
            "a: (sam)\nb: a (sam)\nc: a b (sam) +",
            "the merge c made this text, and none of its parents has it",
        );
    }

    fn check_removal(text: &str, expected: &str) {
        let tip = id(text.trim().lines().last().unwrap().trim());
        let shown = match find_removal(tip, id("s"), history(text)).unwrap() {
            Removal::ByPerson { commit, by } => format!("{} by {by}", char::from(commit.as_bytes()[0])),
            Removal::NotByPerson => "not by a person".to_owned(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn only_a_persons_own_commit_rejects() {
        check_removal("s: (sam)\na: s (machine) +\nb: a (sam)\nc: b (machine)", "b by sam <sam@example.com>");
        check_removal("s: (sam)\na: s (machine) +\nb: a (machine)", "not by a person");
        check_removal("s: (sam)\nc: s (sam)", "not by a person");
        check_removal(
            "s: (sam)\na: s (machine) +\nb: a (sam) +\nc: a (kim)\nd: b c (sam)",
            "c by kim <kim@example.com>",
        );
        check_removal(
            "s: (sam)\na: s (machine) +\nb: a (sam) +\nc: a (kim) +\nd: b c (sam)",
            "not by a person",
        );
    }
}
