//! Approvals that must be signed, with the real ssh-keygen and the real git.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::desk::{Desk, KIM, SAM};
use crate::support::mail::Mail;

const QUIET: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

/// A desk whose low tier asks for signatures, with keys of Sam's, of Kim's and of nobody's; none where
/// ssh-keygen is missing, which is said.
fn signing() -> Option<Desk> {
    signing_with("")
}

fn signing_with(policy: &str) -> Option<Desk> {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        eprintln!("skipped: there is no ssh-keygen");
        return None;
    }
    let desk = Desk::new();
    desk.shell("cd && for who in sam kim nobody; do ssh-keygen -q -t ed25519 -N '' -C $who -f $who; done")
        .succeeds();
    name_signers(&desk, "");
    signers(&desk, &[("sam@example.com", "sam"), ("kim@example.com", "kim")]);
    desk.git(&["config", "gpg.format", "ssh"]);
    signs_with(&desk, "sam");
    desk.commit_file(
        "drafts.toml",
        &format!(
            "version = 1\napprovers = [\"sam@example.com\", \"kim@example.com\"]\n{policy}[gates]\nlow = \"approve_signed\"\n"
        ),
    );
    desk.with_mail("where is my invoice?").tick();
    Some(desk)
}

/// Puts the names of the lists into the wiring.
fn name_signers(desk: &Desk, more: &str) {
    let path = desk.home().join(".config/git-drafts/config.toml");
    let wiring = fs::read_to_string(&path).unwrap();
    let wiring = wiring.split("[approval]").next().unwrap();
    fs::write(&path, format!("{wiring}[approval]\nallowed_signers = \"~/signers\"\n{more}")).unwrap();
}

/// Writes the list of signers: what stands before a key, and the key.
fn signers(desk: &Desk, lines: &[(&str, &str)]) {
    let lines: Vec<String> =
        lines.iter().map(|(before, key)| format!("{before} {}", public(desk, key))).collect();
    fs::write(desk.home().join("signers"), lines.concat()).unwrap();
    fs::set_permissions(desk.home().join("signers"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn public(desk: &Desk, key: &str) -> String {
    fs::read_to_string(desk.home().join(format!("{key}.pub"))).unwrap()
}

fn signs_with(desk: &Desk, key: &str) {
    desk.git(&["config", "user.signingkey", desk.home().join(key).to_str().unwrap()]);
}

fn approve_signed(desk: &Desk) {
    desk.approve("invoice").git(&[&QUIET[..], &["commit", "-qaS", "-m", "yes"]].concat());
}

#[track_caller]
fn check_held(desk: &Desk, why: &str) {
    desk.send();
    let seen = desk.seen();
    assert!(seen.contains("[held]") && seen.contains(why), "{seen}");
    assert_eq!(desk.sent(), []);
}

#[track_caller]
fn check_sent(desk: &Desk) {
    desk.send();
    assert_eq!(desk.sent().len(), 1, "{}", desk.seen());
}

#[test]
fn a_signed_approval_is_sent_and_the_story_says_by_whose_key() {
    let Some(desk) = signing() else { return };
    let id = desk.id("invoice");
    approve_signed(&desk);
    let fingerprint = desk.shell("ssh-keygen -lf ~/sam.pub | cut -d' ' -f2").out.trim().to_owned();
    let signer = format!("signed by sam@example.com with {fingerprint}");
    desk.drafts(&["status"]).says("signed by sam@example.com with SHA256:");
    desk.drafts(&["status", "--json"]).says(&fingerprint);
    desk.drafts(&["show", &id]).says(&signer);
    check_sent(&desk);
    desk.drafts(&["log", &id]).says(&signer);
    desk.drafts(&["log", &id, "--json"]).says(&fingerprint);
    desk.drafts(&["show", &id]).says(&signer);
    desk.drafts(&["check"]).says("signers ~/signers, 2 keys; tier low, high asks for a signature");
    // The ledger keeps the very bytes that were verified.
    let path = format!("{}/{id}/2-claimed.commit", &id[..2]);
    let kept = desk.git_says(&["ls-tree", "-r", "--name-only", "ledger"]);
    let path = kept.lines().find(|line| line.ends_with(&path)).unwrap_or_else(|| panic!("{kept}"));
    assert!(desk.git_says(&["show", &format!("ledger:{path}")]).contains("BEGIN SSH SIGNATURE"));
}

#[test]
fn an_unsigned_approval_is_held_until_it_is_made_anew() {
    let Some(desk) = signing() else { return };
    let id = desk.id("invoice");
    desk.approve("invoice").commit("yes");
    let seen = desk.seen();
    assert!(seen.contains("needs a signed approval (tier low), and `commit.gpgsign` is off"), "{seen}");
    check_held(&desk, "tier low asks for a signed approval, and commit [abbrev] is not signed");
    desk.drafts(&["status"]).says("asks for a signed approval");
    desk.drafts(&["show", &id]).says("held back: tier low asks for a signed approval");
    assert_eq!(desk.story(&id), "drafted");
    desk.edit("invoice", "status = \"approved\"", "status = \"draft\"").commit_quietly("wait");
    approve_signed(&desk);
    check_sent(&desk);
}

#[test]
fn a_commit_that_git_signs_by_itself_is_not_warned_about() {
    let Some(desk) = signing() else { return };
    desk.git(&["config", "commit.gpgsign", "true"]).approve("invoice").commit("yes");
    let seen = desk.seen();
    assert!(!seen.contains("needs a signed approval"), "{seen}");
    assert_eq!(desk.sent().len(), 1, "{seen}");
}

#[test]
fn without_signers_a_draft_that_needs_one_says_what_is_missing() {
    let Some(desk) = signing() else { return };
    let path = desk.home().join(".config/git-drafts/config.toml");
    let wiring = fs::read_to_string(&path).unwrap();
    fs::write(&path, wiring.split("[approval]").next().unwrap()).unwrap();
    approve_signed(&desk);
    check_held(&desk, "tier low asks for a signed approval, and the wiring names no signers");
    desk.said().says("allowed_signers = \"~/.ssh/allowed_signers\"");
    desk.drafts(&["check"]).says("no signers in the wiring: approvals of tier low, high are held");
}

#[test]
fn a_list_that_others_can_change_is_not_believed() {
    let Some(desk) = signing() else { return };
    approve_signed(&desk);
    let list = desk.home().join("signers");
    fs::set_permissions(&list, fs::Permissions::from_mode(0o620)).unwrap();
    check_held(&desk, "others may write to");
    desk.drafts(&["check"]).fails(1).says("others may write to");
    fs::remove_file(&list).unwrap();
    check_held(&desk, "signers is not there");
    fs::write(&list, "sam@example.com ssh-ed25519 nonsense\n").unwrap();
    check_held(&desk, "signers:1: the key cannot be read");
    // In the repository a commit could change it, also through a link.
    fs::remove_file(&list).unwrap();
    fs::write(desk.path("signers"), format!("sam@example.com {}", public(&desk, "sam"))).unwrap();
    std::os::unix::fs::symlink(desk.path("signers"), &list).unwrap();
    check_held(&desk, "lies in the repository");
}

#[test]
fn a_strangers_key_does_not_count_whatever_git_is_told() {
    let Some(desk) = signing() else { return };
    signs_with(&desk, "nobody");
    approve_signed(&desk);
    // git itself believes what the repository says.
    let yes = desk.script("yes", "case \"$*\" in *find-principals*) echo sam@example.com;; *) cat >/dev/null; echo 'Good \"git\" signature for sam@example.com with ED25519 key SHA256:x';; esac");
    desk.git(&["config", "gpg.ssh.program", &yes]);
    desk.shell("echo \"sam@example.com $(cat ~/nobody.pub)\" >.git/signers").succeeds();
    desk.git(&["config", "gpg.ssh.allowedSignersFile", desk.path(".git/signers").to_str().unwrap()]);
    desk.git(&["verify-commit", "HEAD"]);
    check_held(&desk, "which is not in the list of signers");
}

#[test]
fn a_replaced_commit_is_verified_as_it_is() {
    let Some(desk) = signing() else { return };
    // A commit with a good signature, for the same tree, that is not on main.
    approve_signed(&desk);
    let good = desk.git_says(&["rev-parse", "HEAD"]);
    signs_with(&desk, "nobody");
    desk.git(&[&QUIET[..], &["commit", "-q", "--amend", "-S", "-m", "mine"]].concat());
    desk.git(&["replace", "HEAD", &good]);
    desk.git(&["config", "gpg.ssh.allowedSignersFile", desk.home().join("signers").to_str().unwrap()]);
    desk.git(&["verify-commit", "HEAD"]);
    check_held(&desk, "which is not in the list of signers");
}

#[test]
fn the_key_must_be_that_of_the_approver_whose_commit_it_is() {
    let Some(desk) = signing() else { return };
    // Sam signs with his own key in the name of Kim, who is an approver, too.
    desk.as_person(KIM);
    approve_signed(&desk);
    desk.as_person(SAM);
    check_held(&desk, "is kim@example.com's, and is signed by");
}

#[test]
fn a_key_must_count_at_the_present_time() {
    let Some(desk) = signing() else { return };
    signers(&desk, &[("sam@example.com valid-before=\"20200101\"", "sam")]);
    desk.with("GIT_DRAFTS_NOW", "2026-11-20T12:00:00Z").at("2019-06-01T12:00:00Z");
    approve_signed(&desk);
    desk.with("GIT_DRAFTS_NOW", "").at("2026-11-20T12:00:00Z");
    assert!(desk.git_says(&["log", "-1", "--format=%cI"]).starts_with("2019"));
    check_held(&desk, "which counted until 2020-01-01");
    signers(&desk, &[("sam@example.com valid-after=\"20300101Z\"", "sam")]);
    check_held(&desk, "which counts only from 2030-01-01");
    signers(&desk, &[("sam@example.com namespaces=\"file\"", "sam")]);
    check_held(&desk, "which is not listed for the namespace `git`");
    signers(&desk, &[("*@example.com", "sam")]);
    check_held(&desk, "which is listed for a pattern");
    signers(&desk, &[("sam@example.com cert-authority", "sam")]);
    check_held(&desk, "listed as a `cert-authority`");
    signers(&desk, &[("sam@example.com namespaces=\"git\",valid-before=\"20300101\"", "sam")]);
    check_sent(&desk);
}

#[test]
fn a_revoked_key_counts_no_more_in_either_form() {
    let Some(desk) = signing() else { return };
    approve_signed(&desk);
    name_signers(&desk, "revoked = \"~/revoked\"\n");
    check_held(&desk, "revoked is not there");
    desk.shell("cp ~/sam.pub ~/revoked && chmod 600 ~/revoked").succeeds();
    check_held(&desk, "is signed by the revoked key");
    desk.shell("ssh-keygen -q -kf ~/krl ~/sam.pub && cat ~/krl >~/revoked").succeeds();
    check_held(&desk, "is signed by the revoked key");
    desk.shell("printf 'SSHKRL\\n\\0\\0' >~/revoked").succeeds();
    check_held(&desk, "the KRL is cut off");
    desk.shell("cat ~/kim.pub >~/revoked").succeeds();
    check_sent(&desk);
}

#[test]
fn a_key_that_is_revoked_between_the_claim_and_the_send_sends_nothing() {
    let Some(desk) = signing() else { return };
    let id = desk.id("invoice");
    desk.shell("touch ~/revoked && chmod 600 ~/revoked").succeeds();
    name_signers(&desk, "revoked = \"~/revoked\"\n");
    // An outbox that cannot be written leaves the claim to be looked at again.
    let outbox = desk.home().join("mail/outbox");
    fs::remove_dir_all(&outbox).unwrap();
    fs::write(&outbox, "no folder").unwrap();
    approve_signed(&desk);
    desk.send();
    assert_eq!(desk.story(&id), "drafted claimed deferred", "{}", desk.seen());
    fs::remove_file(&outbox).unwrap();
    fs::create_dir_all(outbox.join("new")).unwrap();
    desk.shell("cat ~/sam.pub >~/revoked").succeeds();
    desk.at("2026-11-20T13:00:00Z").send();
    desk.said().says("is signed by the revoked key");
    assert_eq!(desk.sent(), []);
}

#[test]
fn what_rewrites_a_commit_takes_its_signature_away() {
    for line in [
        "git commit -q --amend --no-edit",
        "git commit -q --allow-empty -m x && git rebase -q --force-rebase HEAD~2",
        "git cherry-pick HEAD >/dev/null; git reset -q --soft HEAD~1 && git commit -qm again",
    ] {
        let Some(desk) = signing() else { return };
        approve_signed(&desk);
        desk.git(&["config", "core.hooksPath", "/dev/null"]).shell(line).succeeds();
        check_held(&desk, "is not signed");
    }
}

#[test]
fn a_signature_moved_to_another_commit_or_doubled_is_refused() {
    for (line, why) in [
        ("sed 's/^yes$/yes!/'", "does not fit"),
        ("sed 's/^author .*/author Kim Lee <kim@example.com> 1795176000 +0000/'", "does not fit"),
        ("sed '/^gpgsig/i gpgsig x'", "has more than one signature"),
        ("sed 's/^gpgsig /gpgsig-sha256 /'", "a header `gpgsig-sha256`"),
        ("sed 's/ SSH SIG/ PGP SIG/'", "has a PGP signature, and only SSH signatures count"),
        ("sed 's/^ -----END.*/&\\n x/'", "has a malformed signature"),
        (
            "sed \"s/^ -----END.*/$(head -c 20000 /dev/zero | tr '\\0' A)\\n&/; s/^AAAA/ AAAA/\"",
            "of more than 16384 bytes",
        ),
    ] {
        let Some(desk) = signing() else { return };
        approve_signed(&desk);
        let forge = format!(
            "git cat-file commit HEAD | {line} >~/forged && git update-ref refs/heads/main $(git hash-object -t commit -w --literally ~/forged)"
        );
        desk.shell(&forge).succeeds();
        check_held(&desk, why);
    }
}

#[test]
fn an_unsigned_merge_carries_a_signed_approval_and_makes_none() {
    let merge = [&QUIET[..], &["merge", "-q", "--no-ff", "-m", "merge", "side"]].concat();
    let Some(desk) = signing() else { return };
    desk.git(&["switch", "-qc", "side"]);
    approve_signed(&desk);
    desk.git(&["switch", "-q", "main"]).git(&merge);
    check_sent(&desk);
    // Where the merge is the approval, the merge must be signed.
    let Some(desk) = signing_with("mode = \"merge\"\n") else { return };
    desk.git(&["switch", "-qc", "side"]);
    approve_signed(&desk);
    desk.git(&["switch", "-q", "main"]).git(&merge);
    check_held(&desk, "is not signed");
    desk.git(&["reset", "-q", "--hard", "HEAD~1"]);
    desk.git(&[&QUIET[..], &["merge", "-q", "-S", "--no-ff", "-m", "merge", "side"]].concat());
    check_sent(&desk);
}

#[test]
fn a_new_desk_asks_for_signatures_if_the_wiring_names_signers() {
    let desk = Desk::new();
    assert!(desk.git_says(&["show", "main:drafts.toml"]).contains("high = \"approve\" "));
    let Some(desk) = signing() else { return };
    desk.shell("cd && rm -rf drafts .state && git drafts init").succeeds();
    assert!(desk.git_says(&["show", "main:drafts.toml"]).contains("high = \"approve_signed\"\n"));
    desk.receive(&Mail { subject: "Deploy", body: "Please deploy to production now.\n", ..Mail::default() });
    desk.tick().answer("deploy", "It is done.").approve("deploy").commit_quietly("yes");
    check_held(&desk, "tier high asks for a signed approval, and commit [abbrev] is not signed");
}
