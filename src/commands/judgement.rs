//! Judges an approval by everything that was ever said about the draft, right before it is claimed and
//! again before it is sent.
//!
//! Each check is a function of its own and says what stands in the way. What cannot be read stands in
//! the way of its own draft only, and is never taken for "is not there".

use std::fs;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::links::{self, OwnWords};
use super::{CommandError, Context, Session, errands, leaving};
use crate::approval::{self, Approval};
use crate::config::SourceWiring;
use crate::delivery::{OnDesk, generation};
use crate::desk::{self, Desk, DeskFile};
use crate::draft::{self, Draft};
use crate::entry::{Claimed, Drafted, Entry, drafted, is_carried_over, outlived};
use crate::error::Hint;
use crate::git::landing::Busy;
use crate::git::{GitError, Repository};
use crate::guard::Secrets;
use crate::id::{DraftId, ObjectId};
use crate::ledger::{Ledger, Snapshot};
use crate::outgoing::{Attachment, Key};
use crate::plan::{Gate, Tier};
use crate::policy::{self, Mode, Policy, Recipients};
use crate::render;
use crate::signature::{self, SignatureError, Signer};
use crate::text;

/// The most bytes of all attachments of one answer.
const ATTACHMENTS_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Why an approval waits in its undo window.
pub const UNDO: &str = "time to take it back";

/// Why an approval waits for the time that its draft names.
pub const SEND_AFTER: &str = "`send_after`";

/// Why an approval waits that nothing else forbids.
pub const LIMIT: &str = "the limit of sends per hour is reached";

/// The folder of our own in the repository where first sights of approvals are noted.
const SEEN: &str = "seen";

/// How an approval gets a signature that counts.
pub const SIGN_ANEW: &str = "sign with SSH: `git config gpg.format ssh`, `git config user.signingkey <key>.pub`, and approve anew: set `draft`, commit, set `approved`, `git commit -S`";

/// Why an approved draft is not sent now.
#[derive(Debug)]
pub enum Stop {
    /// Something forbids it.
    Held {
        /// What.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Something that it is judged by could not be read, or is not as it has to be: that says nothing about
    /// the approval.
    Unread {
        /// What.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It goes later.
    Later {
        /// When.
        until: Timestamp,
        /// Why.
        why: &'static str,
        /// The commit that approves it.
        approval: ObjectId,
    },
}

impl Stop {
    fn held(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Stop::Held { why: why.into(), hint: Some(hint.into()) }
    }
}

/// One draft's own trouble must not stop the others.
impl From<GitError> for Stop {
    fn from(error: GitError) -> Self {
        Stop::Unread { why: error.to_string(), hint: error.hint() }
    }
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Stop::Unread { why: error.to_string(), hint: error.hint() }
    }
}

impl From<crate::ledger::LedgerError> for Stop {
    fn from(error: crate::ledger::LedgerError) -> Self {
        Stop::Unread { why: error.to_string(), hint: error.hint() }
    }
}

/// Everything that is said about one approval.
#[derive(Clone, Copy)]
pub struct Case<'c> {
    /// The clock and the host.
    pub context: &'c Context,
    /// The desk's repository and wiring.
    pub session: &'c Session,
    /// What is known of secrets.
    pub secrets: &'c Secrets,
    /// The tip of `main`.
    pub desk: &'c Desk,
    /// The ledger.
    pub snapshot: &'c Snapshot<'c>,
    /// The policy in force.
    pub policy: &'c Policy,
    /// The operator's own words on that desk.
    pub own: &'c OwnWords<'c>,
    /// The draft.
    pub id: &'c DraftId,
    /// Its entries.
    pub story: &'c [Entry],
    /// The approved bytes.
    pub blob: ObjectId,
    /// Whether the undo window and `send_after` are still to be waited for.
    pub waits: bool,
}

/// Refuses what git shows otherwise than it commits it: nobody has read the text that would go.
fn as_it_was_seen(case: &Case<'_>, file: &DeskFile) -> Result<(), Stop> {
    match case.session.repository.filter_of(&file.path)? {
        None => Ok(()),
        Some(attribute) => Err(Stop::held(
            format!("the attribute `{attribute}` is set on it, so what you see is not what would be sent"),
            "take it off `drafts/` in .git/info/attributes and .gitattributes; then `git add --renormalize drafts`",
        )),
    }
}

/// Judges an approval, and returns the claim that it allows.
pub fn judge(case: &Case<'_>) -> Result<Claimed, Stop> {
    let (origin, file) = known(case)?;
    if outlived(case.story, &file.path).is_some() {
        return Err(Stop::held(
            "it was about to be redrafted as it was approved",
            "nothing is lost: the next `git drafts send` sends it",
        ));
    }
    let found =
        file.draft.as_ref().map_err(|error| Stop::Held { why: error.to_string(), hint: error.hint() })?;
    machine_keys(case, origin, file, found)?;
    as_it_was_seen(case, file)?;
    let judged_by = policy_of_its_day(case, origin)?;
    let policies = [&judged_by, case.policy];
    let approval = approver(case, &policies)?;
    written_since(case, &approval)?;
    let (tier, gate) = gate(&policies, origin, found);
    let signer = signer(case, &approval, tier, gate)?;
    content(&policies, file, found)?;
    known_links(case, &policies, file, found)?;
    let attachments = attachments(&case.session.repository, approval.commit, found)?;
    let Some(source) = case.session.wiring.source(&origin.source) else {
        return Err(Stop::held(
            format!(
                "the wiring has no source `{}`, so nobody knows who answers",
                text::one_line(&origin.source, 60)
            ),
            format!("add it to {}", case.context.shown(&case.session.wiring_path)),
        ));
    };
    let blobs = attachments.iter().map(|(_, id)| *id).collect();
    let Some(transport) = case.session.wiring.way(source, found.effective_action()) else {
        return Err(Stop::held(
            format!("the wiring says nowhere where a draft with action `{}` goes", found.machine.action),
            format!(
                "add a section [issues] or [patches] to {}",
                case.context.shown(&case.session.wiring_path)
            ),
        ));
    };
    errands::check(case, file, found)?;
    let overrides = leaving(case, origin, found, source, attachments)?;
    if case.waits {
        wait(case, &policies, tier, found, &approval)?;
    }
    Ok(Claimed {
        blob: case.blob,
        attachments: blobs,
        commit: approval.commit,
        approver: text::one_line(&format!("{} <{}>", approval.name, approval.email), 200),
        signer: signer.map(|signer| signer.to_string()),
        transport,
        overrides,
    })
}

/// Looks for secrets in what would leave at this moment; returns what a person allowed of them.
fn leaving(
    case: &Case<'_>,
    origin: &Drafted,
    found: &Draft,
    source: &SourceWiring,
    attachments: Vec<(Attachment, ObjectId)>,
) -> Result<Vec<String>, Stop> {
    let desk = Ledger::desk_id(&case.session.repository)?.unwrap_or_default();
    let key = Key::new(case.id, generation(case.blob, case.story), &desk);
    let from = source.address.first().cloned().unwrap_or_default();
    let attachments = attachments.into_iter().map(|(attachment, _)| attachment).collect();
    let outgoing = render::outgoing(key, case.context.now(), from, origin, found, attachments);
    leaving::check(case.context, case.session, case.secrets, case.id, &origin.source, &outgoing)
}

/// Forgets when an approval was first seen, once it is claimed.
pub fn forget_first_sight(repository: &Repository, claimed: &Claimed) {
    let path = seen_path(repository, claimed.commit, claimed.blob);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(%error, "a first sight is kept");
    }
}

/// Forgets when approvals were first seen that do not stand on the desk any more: whoever approves the same
/// anew gets the whole time again to take it back.
pub fn forget_old_sights(repository: &Repository, desk: &Desk) {
    let Ok(seen) = fs::read_dir(repository.own_dir().join(SEEN)) else { return };
    for file in seen.flatten() {
        let name = file.file_name();
        let blob = name.to_str().and_then(|name| name.split_once('-')?.1.parse::<ObjectId>().ok());
        let stands = |blob| desk.ids().iter().any(|id| desk.on_desk(id) == OnDesk::Approved(blob));
        if blob.is_some_and(|blob| !stands(blob)) {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// Returns until when an approval that was seen already can be taken back; notes nothing.
pub fn window_end(case: &Case<'_>, commit: ObjectId) -> Option<Timestamp> {
    let now = case.context.now();
    let seen = fs::read_to_string(seen_path(&case.session.repository, commit, case.blob)).ok()?;
    end_of(&sights(&seen), now).filter(|until| *until > now)
}

/// Says that an approval is in its undo window, if one is: nothing lands on top of it meanwhile.
pub fn window(repository: &Repository, now: Timestamp) -> Option<Busy> {
    let seen = fs::read_dir(repository.own_dir().join(SEEN)).ok()?;
    let open = seen
        .flatten()
        .filter_map(|file| end_of(&sights(&fs::read_to_string(file.path()).ok()?), now))
        .any(|until| until > now);
    open.then_some(Busy::Window)
}

/// Returns the attachments of a draft as a commit has them.
pub fn attachments(
    repository: &Repository,
    commit: ObjectId,
    found: &Draft,
) -> Result<Vec<(Attachment, ObjectId)>, Stop> {
    let mut attachments = Vec::new();
    let mut total = 0;
    for path in &found.attach {
        let held = |what: &str| {
            Stop::held(
                format!("`{}` {what}", text::one_line(path, 100)),
                "commit the file, or take it out of `attach`",
            )
        };
        let entry =
            repository.entry_at(commit, path)?.ok_or_else(|| held("is not in the approving commit"))?;
        if !desk::is_plain(entry.mode) {
            return Err(held("is not a plain file"));
        }
        let bytes = repository.read(entry.id)?;
        if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
            return Err(held("is a pointer of Git LFS and not the file"));
        }
        total += bytes.len();
        if total > ATTACHMENTS_BYTES_MAX {
            return Err(held("makes the attachments larger than 25 MiB"));
        }
        attachments.push((Attachment { name: file_name(path), bytes }, entry.id));
    }
    Ok(attachments)
}

/// Returns the name under which an attachment goes out.
pub fn file_name(path: &str) -> String {
    text::one_line(path.rsplit('/').next().unwrap_or(path), 120)
}

fn known<'c>(case: &Case<'c>) -> Result<(&'c Drafted, &'c DeskFile), Stop> {
    match (drafted(case.story), case.desk.find(case.id)) {
        (Some(origin), Some(file)) => Ok((origin, file)),
        _ => Err(Stop::held("the ledger does not say where it comes from", "delete the file and commit")),
    }
}

fn machine_keys(case: &Case<'_>, origin: &Drafted, file: &DeskFile, found: &Draft) -> Result<(), Stop> {
    let landed = case.snapshot.file(case.id, "drafted", "md")?.unwrap_or_default();
    let landed = Draft::parse(&origin.path, &String::from_utf8_lossy(&landed))
        .map_err(|_| Stop::held("the ledger's copy of it cannot be read", "see `git drafts check`"))?;
    if let Some(key) = draft::new_task_key(&landed, found) {
        return Err(Stop::held(
            format!("{}: there was no task `{}` when it was drafted", file.path, text::one_line(key, 60)),
            "put the old key back, or take the task out: a key is the machine's, so that nothing is created twice",
        ));
    }
    match draft::changed_machine_keys(&landed.machine, &found.machine).first() {
        None => Ok(()),
        Some(changed) => Err(Stop::held(
            format!("{}: a key of the machine's was changed: {}", file.path, text::one_line(changed, 300)),
            "put the old value back: only the keys above `[draft]` are yours",
        )),
    }
}

fn policy_of_its_day(case: &Case<'_>, origin: &Drafted) -> Result<Rc<Policy>, Stop> {
    match case.snapshot.policy(origin.policy)? {
        Some(bytes) => case.session.policy_of_its_day(&bytes).map_err(|error| {
            Stop::held(format!("the policy that judged it: {error}"), "see `git drafts check`")
        }),
        None => Err(Stop::held("the policy that judged it is gone", "see `git drafts check`")),
    }
}

fn approver(case: &Case<'_>, policies: &[&Policy]) -> Result<Approval, Stop> {
    let repository = &case.session.repository;
    let owner = case.session.owner();
    let mode =
        if policies.iter().any(|policy| policy.mode == Mode::Merge) { Mode::Merge } else { Mode::Commit };
    let may_approve = |email: &str| policy::may_approve(policies, email, owner.as_deref());
    let look = desk::approval_facts(repository, case.blob);
    let descends = |later, earlier| repository.descends(later, earlier);
    approval::find(case.desk.tip, mode, may_approve, look, descends)?.map_err(|refusal| {
        let approvers = policy::approvers(policies, owner.as_deref());
        Stop::held(text::one_line(&refusal.to_string(), 300), refusal.hint(&approvers))
    })
}

/// Refuses an approval that git has carried over from another draft; without the desk's `.gitattributes` nothing
/// else would stop that.
fn written_since(case: &Case<'_>, approval: &Approval) -> Result<(), Stop> {
    let commit = case.session.repository.commit(approval.commit)?;
    if !is_carried_over(case.story, commit.author.when, commit.committer.when) {
        return Ok(());
    }
    Err(Stop::held(
        format!("commit {} is older than this draft, so it was made for another", approval.commit.short()),
        "read it, then approve it in a commit of its own: set `draft`, commit, set `approved`, commit",
    ))
}

fn gate(policies: &[&Policy], origin: &Drafted, found: &Draft) -> (Tier, Gate) {
    let envelope = Recipients { to: origin.to.clone(), cc: origin.cc.clone() };
    let tier = policy::tier_to_send(policies, found, !policy::strangers(found, &envelope).is_empty());
    (tier, policy::strictest_gate(policies, tier))
}

/// Returns who signed the approval; where nobody asks for a signature, one that does not count is none.
fn signer(case: &Case<'_>, approval: &Approval, tier: Tier, gate: Gate) -> Result<Option<Signer>, Stop> {
    let verified = verified(case, approval, tier);
    match gate {
        Gate::Auto | Gate::Approve => Ok(verified.ok()),
        Gate::ApproveSigned => verified.map(Some),
    }
}

/// Verifies the signature of the approving commit on the bytes that were read, by the keys that the wiring
/// names and as of now. git's own configuration and programs have no part in it.
fn verified(case: &Case<'_>, approval: &Approval, tier: Tier) -> Result<Signer, Stop> {
    let asks = format!("tier {tier} asks for a signed approval");
    let Some((signers, revoked)) = case.session.signers()? else {
        let wiring = case.context.shown(&case.session.wiring_path);
        return Err(Stop::held(
            format!("{asks}, and the wiring names no signers"),
            format!(
                "name them in {wiring}: `[approval]`, `allowed_signers = \"~/.ssh/allowed_signers\"`; {SIGN_ANEW}"
            ),
        ));
    };
    let raw = case.session.repository.read(approval.commit)?;
    signature::verify(&raw, &approval.email, &signers, &revoked, case.context.now()).map_err(|error| {
        let why = format!("{asks}, and commit {} {error}", approval.commit.short());
        let hint = match error {
            SignatureError::UnknownKey { .. } => {
                format!("if that key is {}'s, add a line for it to the list of signers", approval.email)
            }
            _ => SIGN_ANEW.to_owned(),
        };
        Stop::held(text::one_line(&why, 400), text::one_line(&hint, 300))
    })
}

fn content(policies: &[&Policy], file: &DeskFile, found: &Draft) -> Result<(), Stop> {
    for policy in policies {
        if let Some(finding) = policy::obstacles(policy, found).first() {
            return Err(Stop::held(finding.to_string(), format!("mend {}, and commit", file.path)));
        }
    }
    Ok(())
}

/// Holds an answer with a link that nobody allowed, where a policy is strict about links.
fn known_links(case: &Case<'_>, policies: &[&Policy], file: &DeskFile, found: &Draft) -> Result<(), Stop> {
    if !policies.iter().any(|policy| policy.links.strict) {
        return Ok(());
    }
    match links::outside(case.own, case.snapshot, policies, found)?.first() {
        None => Ok(()),
        Some(link) => Err(Stop::held(
            links::said(link),
            format!("take it out of {}, or add it to `[links] allow` in drafts.toml; and commit", file.path),
        )),
    }
}

/// Waits for the undo window, from when this approval was first seen, and for `send_after`.
fn wait(
    case: &Case<'_>,
    policies: &[&Policy],
    tier: Tier,
    found: &Draft,
    approval: &Approval,
) -> Result<(), Stop> {
    let now = case.context.now();
    if let Some(until) = found.send_after.filter(|after| *after > now) {
        return Err(Stop::Later { until, why: SEND_AFTER, approval: approval.commit });
    }
    let undo = policies.iter().map(|policy| policy.undo_seconds(tier)).max().unwrap_or(0);
    if undo == 0 {
        return Ok(());
    }
    let until = first_sight(case, approval.commit, SignedDuration::from_secs(i64::from(undo)))?;
    if until > now { Err(Stop::Later { until, why: UNDO, approval: approval.commit }) } else { Ok(()) }
}

/// A moment in which the sender first saw an approval, and how long it can be taken back from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sight {
    at: Timestamp,
    undo: SignedDuration,
}

/// Returns until when this approval can be taken back, from when the sender first saw it; notes that if
/// it is now.
///
/// Neither a policy that asks for less by now nor a clock that goes to and fro makes that time shorter.
fn first_sight(case: &Case<'_>, commit: ObjectId, undo: SignedDuration) -> Result<Timestamp, Stop> {
    let now = case.context.now();
    let path = seen_path(&case.session.repository, commit, case.blob);
    let failed = |error| Stop::from(CommandError::system(&path, error));
    let before = match fs::read_to_string(&path) {
        Ok(text) => sights(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    let after = seen_at(&before, now, undo);
    if after != before {
        let text: String =
            after.iter().map(|Sight { at, undo }| format!("{at} {}\n", undo.as_secs())).collect();
        let aside = path.with_extension("new");
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&aside, text))
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(failed)?;
    }
    Ok(end_of(&after, now).unwrap_or(now))
}

/// Returns the sights after one more look.
///
/// A clock that went back makes a new one, so that an approval does not wait for years. The later one is
/// kept: once the clock is right again, it counts as before.
fn seen_at(before: &[Sight], now: Timestamp, undo: SignedDuration) -> Vec<Sight> {
    let longer = |sight: &Sight| Sight { at: sight.at, undo: sight.undo.max(undo) };
    let mut after: Vec<Sight> = before.iter().map(longer).collect();
    if !after.iter().any(|sight| sight.at <= now) {
        after.push(Sight { at: now, undo });
    }
    after
}

/// Returns the last end of the sights that are not in the future.
fn end_of(sights: &[Sight], now: Timestamp) -> Option<Timestamp> {
    let ends = sights.iter().filter(|sight| sight.at <= now).map(|sight| sight.at.checked_add(sight.undo));
    ends.map(|end| end.unwrap_or(Timestamp::MAX)).max()
}

fn sights(text: &str) -> Vec<Sight> {
    let sight = |line: &str| {
        let (at, undo) = line.trim().split_once(' ')?;
        Some(Sight { at: at.parse().ok()?, undo: SignedDuration::from_secs(undo.parse().ok()?) })
    };
    text.lines().filter_map(sight).collect()
}

fn seen_path(repository: &Repository, commit: ObjectId, blob: ObjectId) -> PathBuf {
    repository.own_dir().join(SEEN).join(format!("{commit}-{blob}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undo_window_is_never_made_shorter() {
        let time = |clock: &str| format!("2026-11-20T{clock}Z").parse::<Timestamp>().unwrap();
        // Each look: the clock, the window that the policies ask for, and when the approval goes.
        let check = |looks: &[(&str, i64, &str)]| {
            let mut seen = Vec::new();
            for (clock, undo, expected) in looks {
                seen = seen_at(&seen, time(clock), SignedDuration::from_secs(*undo));
                assert_eq!(end_of(&seen, time(clock)), Some(time(expected)), "{looks:?} at {clock}");
            }
        };
        check(&[("12:00:00", 30, "12:00:30"), ("12:00:10", 30, "12:00:30"), ("12:00:31", 30, "12:00:30")]);
        // The clock goes back, and is put right again.
        check(&[("12:00:00", 30, "12:00:30"), ("11:00:00", 30, "11:00:30"), ("12:00:10", 30, "12:00:30")]);
        check(&[("12:00:00", 30, "12:00:30"), ("11:59:50", 30, "12:00:20"), ("12:00:25", 30, "12:00:30")]);
        // It stays back: then the wait ends by the clock that there is.
        check(&[("12:00:00", 30, "12:00:30"), ("11:00:00", 30, "11:00:30"), ("11:00:31", 30, "11:00:30")]);
        // The policy asks for less, or for more.
        check(&[("12:00:00", 600, "12:10:00"), ("12:00:10", 0, "12:10:00")]);
        check(&[("12:00:00", 30, "12:00:30"), ("12:00:10", 600, "12:10:00")]);
    }

    #[test]
    fn a_first_sight_is_read_as_it_was_written() {
        let at = "2026-11-20T12:00:00Z".parse().unwrap();
        assert_eq!(
            sights("2026-11-20T12:00:00Z 30\nnonsense\n\n"),
            [Sight { at, undo: SignedDuration::from_secs(30) }]
        );
    }
}
