//! Whether approvals can count: who commits here, whom the policy names, and what the clocks say.

use std::collections::BTreeSet;
use std::env;

use jiff::{SignedDuration, Timestamp};

use super::Look;
use super::finding::Report;
use crate::desk::Desk;
use crate::git::{Commit, LEDGER, MAIN};
use crate::policy::Policy;
use crate::text;
use crate::ui::span;

/// How many commits are looked at for people and times.
const COMMITS_MAX: usize = 5_000;

/// How far the clock may be behind what it wrote: commits have whole seconds.
const BEHIND_MAX: SignedDuration = SignedDuration::from_secs(2);

/// How far in the future a commit may be before it is said.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Looks at the owner, the approvers and the clock.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let newest = |branch| {
        let tip = repository.tip(branch).ok().flatten();
        tip.and_then(|tip| repository.newest(tip, COMMITS_MAX).ok()).unwrap_or_default()
    };
    let (main, ledger) = (newest(MAIN), newest(LEDGER));
    owner(look, report);
    let policy = Desk::read(repository).ok().and_then(|desk| look.session.policy_in_force(&desk).ok());
    if let Some(found) = policy {
        let committers: BTreeSet<String> =
            main.iter().map(|commit| commit.committer.email.to_lowercase()).collect();
        approvers(&found.policy, look.session.owner().as_deref(), &committers, report);
    }
    clock(&main, &ledger, look.context.now(), report);
}

fn owner(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    let Some(owner) = look.session.owner() else {
        let guesses = repository.config("user.useConfigOnly").as_deref() != Some("true");
        let guess = if guesses { "; git would make one up, which is nobody's" } else { "" };
        return report.wrong(
            "identity",
            format!("git does not know your address, so no commit of yours counts as an approval{guess}"),
            "git config --global user.email you@example.com",
        );
    };
    report.fine("identity", format!("you commit as {owner}"));
    for variable in ["GIT_COMMITTER_EMAIL", "GIT_AUTHOR_EMAIL"] {
        let set = env::var(variable).ok().filter(|set| !set.is_empty() && !set.eq_ignore_ascii_case(&owner));
        if let Some(set) = set {
            report.note(
                "identity.environment",
                format!("{variable} is {}, and commits under it are not yours", text::one_line(&set, 80)),
                format!("unset {variable}"),
            );
        }
    }
}

fn approvers(policy: &Policy, owner: Option<&str>, committers: &BTreeSet<String>, report: &mut Report) {
    if policy.approvers.is_empty() {
        return;
    }
    let is_one = |email: &str| policy.approvers.iter().any(|approver| approver.eq_ignore_ascii_case(email));
    if let Some(owner) = owner.filter(|owner| !is_one(owner)) {
        report.note(
            "approvers.owner",
            format!("you, {owner}, are not among the approvers, so your commits approve nothing"),
            "add yourself to `approvers` in drafts.toml and commit it, if that is not meant",
        );
    }
    for approver in policy.approvers.iter().filter(|approver| !committers.contains(&approver.to_lowercase()))
    {
        report.note(
            "approvers.unknown",
            format!("the approver {} has never committed here", text::one_line(approver, 80)),
            "compare the spelling: git log --format=%ce main | sort -u",
        );
    }
}

/// Compares the clock with what was written by it.
fn clock(main: &[Commit], ledger: &[Commit], now: Timestamp, report: &mut Report) {
    let ours = ledger.iter().chain(main.iter().filter(|commit| commit.committer.is_machine()));
    let newest =
        ours.filter(|commit| commit.committer.is_machine()).max_by_key(|commit| commit.committer.when);
    match newest.map(|commit| (commit, commit.committer.when.duration_since(now))) {
        Some((commit, behind)) if behind > BEHIND_MAX => report.wrong(
            "clock.back",
            format!(
                "the clock is {} behind commit {}, which this program made: it went back, or it was wrong then",
                span(behind),
                commit.id.short()
            ),
            "set it right: timedatectl set-ntp true",
        ),
        _ => report.fine("clock", "the clock goes on from what it wrote"),
    }
    let ahead = main.iter().filter(|commit| !commit.committer.is_machine());
    for commit in ahead.filter(|commit| commit.committer.when.duration_since(now) > AHEAD_MAX).take(3) {
        report.note(
            "clock.future",
            format!(
                "commit {} is {} in the future by its committer's clock",
                commit.id.short(),
                span(commit.committer.when.duration_since(now))
            ),
            "nothing here believes such a clock; set yours right if it is yours",
        );
    }
}
