//! Every trick against a signature that we know, with keys and signatures of the real ssh-keygen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::tz::TimeZone;
use ring::signature::{Ed25519KeyPair, KeyPair};
use tempfile::TempDir;

use super::wire::push_string;
use super::*;

const SAM: &str = "sam@example.com";

/// What is signed in these tests.
const COMMIT: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
    parent 1111111111111111111111111111111111111111\n\
    author Sam <sam@example.com> 1795176000 +0000\n\
    committer Sam <sam@example.com> 1795176000 +0000\n\nyes\n";

/// A folder with keys; none where ssh-keygen is missing, which is said.
struct Keys(TempDir);

impl Keys {
    fn new() -> Option<Self> {
        if Command::new("ssh-keygen").arg("-?").output().is_err() {
            eprintln!("skipped: there is no ssh-keygen");
            return None;
        }
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> bool {
        Command::new("ssh-keygen")
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
            .status
            .success()
    }

    /// Makes a key and returns its public line.
    fn make(&self, name: &str, kind: &[&str]) -> String {
        let all = [&["-q", "-N", "", "-C", name, "-f", name][..], kind].concat();
        assert!(self.run(&all), "{all:?}");
        fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap().trim_end().to_owned()
    }

    /// Signs a text and returns the armour.
    fn sign(&self, name: &str, namespace: &str, text: &str) -> String {
        let file = self.path("signed");
        fs::write(&file, text).unwrap();
        let _ = fs::remove_file(self.path("signed.sig"));
        assert!(self.run(&["-q", "-Y", "sign", "-n", namespace, "-f", name, "signed"]));
        fs::read_to_string(self.path("signed.sig")).unwrap()
    }

    /// Signs [`COMMIT`] as git does.
    fn signed(&self, name: &str) -> Vec<u8> {
        with_signature(COMMIT, &self.sign(name, "git", COMMIT))
    }
}

/// Puts an armour into the header of a commit as git does.
fn with_signature(commit: &str, armour: &str) -> Vec<u8> {
    let (head, text) = commit.split_once("\n\n").unwrap();
    let value = armour.trim_end_matches('\n').replace('\n', "\n ");
    format!("{head}\ngpgsig {value}\n\n{text}").into_bytes()
}

fn armoured(blob: &[u8]) -> String {
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn list(text: &str) -> AllowedSigners {
    AllowedSigners::parse("signers", text, &TimeZone::UTC).unwrap()
}

fn told(result: Result<Signer>) -> String {
    let text = match result {
        Ok(signer) => format!("signed by {signer}"),
        Err(error) => error.to_string(),
    };
    let fingerprint = regex::Regex::new("SHA256:[A-Za-z0-9+/]{43}").unwrap();
    fingerprint.replace_all(&text, "[key]").into_owned()
}

#[track_caller]
fn check(commit: &[u8], signers: &str, expected: &str) {
    check_revoked(commit, signers, b"", expected);
}

#[track_caller]
fn check_revoked(commit: &[u8], signers: &str, revoked: &[u8], expected: &str) {
    let revoked = Revoked::parse("revoked", revoked).unwrap();
    assert_eq!(told(verify(commit, SAM, &list(signers), &revoked, now())), expected);
}

const GOOD: &str = "signed by sam@example.com with [key]";

#[test]
fn keys_of_every_kind_that_counts_are_verified() {
    let Some(keys) = Keys::new() else { return };
    for (name, kind) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
    ] {
        let public = keys.make(name, kind);
        let commit = keys.signed(name);
        check(&commit, &format!("{SAM} {public}"), GOOD);
        let fingerprint = PublicKey::from_blob(&STANDARD.decode(public.split(' ').nth(1).unwrap()).unwrap());
        let shown = Command::new("ssh-keygen").args(["-lf"]).arg(keys.path(name)).output().unwrap();
        assert!(String::from_utf8_lossy(&shown.stdout).contains(&fingerprint.unwrap().fingerprint()));
        // A bit anywhere in what was signed, or in the signature itself.
        for from in ["yes", "1111", "sam@", "+0000"] {
            let text = String::from_utf8(commit.clone()).unwrap();
            let changed = text.replacen(from, &from.to_uppercase().replace('1', "2").replace('0', "1"), 1);
            assert_ne!(changed, text);
            check(changed.as_bytes(), &format!("{SAM} {public}"), DOES_NOT_FIT);
        }
    }
}

const DOES_NOT_FIT: &str = "has a signature that does not fit: it was changed, or it is another commit's";

#[test]
fn ecdsa_signatures_with_short_numbers_are_verified_too() {
    let Some(keys) = Keys::new() else { return };
    let public = keys.make("p256", &["-t", "ecdsa", "-b", "256"]);
    for _ in 0..40 {
        check(&keys.signed("p256"), &format!("{SAM} {public}"), GOOD);
    }
}

#[test]
fn what_is_unsigned_or_signed_by_a_stranger_is_refused() {
    let Some(keys) = Keys::new() else { return };
    let sam = keys.make("sam", &["-t", "ed25519"]);
    keys.make("stranger", &["-t", "ed25519"]);
    check(COMMIT.as_bytes(), &format!("{SAM} {sam}"), "is not signed");
    // A signature in the text is none.
    let armour = keys.sign("sam", "git", COMMIT).replace('\n', "\n ");
    check(format!("{COMMIT}\ngpgsig {armour}").as_bytes(), &format!("{SAM} {sam}"), "is not signed");
    check(
        &keys.signed("stranger"),
        &format!("{SAM} {sam}"),
        "is signed by [key], which is not in the list of signers",
    );
    check(&keys.signed("sam"), "", "is signed by [key], which is not in the list of signers");
}

#[test]
fn a_signature_of_another_commit_does_not_fit() {
    let Some(keys) = Keys::new() else { return };
    let sam = keys.make("sam", &["-t", "ed25519"]);
    let armour = keys.sign("sam", "git", &COMMIT.replace("yes", "no"));
    check(&with_signature(COMMIT, &armour), &format!("{SAM} {sam}"), DOES_NOT_FIT);
}

#[test]
fn the_key_must_be_that_of_whose_commit_it_is() {
    let Some(keys) = Keys::new() else { return };
    let (sam, kim) = (keys.make("sam", &["-t", "ed25519"]), keys.make("kim", &["-t", "ed25519"]));
    let signers = format!("{SAM} {sam}\nkim@example.com {kim}\n");
    check(&keys.signed("kim"), &signers, "is sam@example.com's, and is signed by [key] of kim@example.com");
    check(&keys.signed("sam"), &signers, GOOD);
    check(&keys.signed("sam"), &format!("other@example.com,SAM@example.com {sam}"), GOOD);
}

#[test]
fn a_pattern_does_not_say_whose_key_it_is() {
    let Some(keys) = Keys::new() else { return };
    let sam = keys.make("sam", &["-t", "ed25519"]);
    let refused = "is signed by [key], which is listed for a pattern and not for sam@example.com";
    for pattern in ["*", "*@example.com", "sa?@example.com", "!kim@example.com,*", "!x@y.z,sam@example.com"] {
        check(&keys.signed("sam"), &format!("{pattern} {sam}"), refused);
    }
    check(&keys.signed("sam"), &format!("* {sam}\n{SAM} {sam}\n"), GOOD);
    check(&keys.signed("sam"), &format!("{SAM},*@example.org {sam}\n"), GOOD);
}

#[test]
fn a_key_counts_now_or_not_at_all() {
    let Some(keys) = Keys::new() else { return };
    let sam = keys.make("sam", &["-t", "ed25519"]);
    // The commit is dated 2019, when the key counted; that date is the committer's own word.
    let old = COMMIT.replace("1795176000", "1550000000");
    let back_dated = with_signature(&old, &keys.sign("sam", "git", &old));
    let signers = |options: &str| format!("{SAM} {options} {sam}");
    let expired = "is signed by [key], which counted until 2020-01-01T00:00:00Z";
    check(&back_dated, &signers("valid-before=\"20200101\""), expired);
    check(
        &keys.signed("sam"),
        &signers("valid-after=\"20300101Z\""),
        "is signed by [key], which counts only from 2030-01-01T00:00:00Z",
    );
    let both = "valid-after=\"20260101\",valid-before=\"202611201201\"";
    check(&keys.signed("sam"), &signers(both), GOOD);
    check(
        &keys.signed("sam"),
        &signers("valid-before=\"20261120120000Z\""),
        "is signed by [key], which counted until 2026-11-20T12:00:00Z",
    );
    // Without a Z a time is the reader's own.
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let there = AllowedSigners::parse("s", &signers("valid-before=\"202611201300\""), &zone).unwrap();
    let revoked = Revoked::default();
    assert!(verify(&keys.signed("sam"), SAM, &there, &revoked, now()).is_err());
}

#[test]
fn namespaces_hold_on_both_sides() {
    let Some(keys) = Keys::new() else { return };
    let sam = keys.make("sam", &["-t", "ed25519"]);
    let other = with_signature(COMMIT, &keys.sign("sam", "file", COMMIT));
    check(&other, &format!("{SAM} {sam}"), "has a signature for `file`, not for `git`");
    let signers = |list: &str| format!("{SAM} namespaces=\"{list}\" {sam}");
    let refused = "is signed by [key], which is not listed for the namespace `git`";
    for (list, expected) in [
        ("file", refused),
        ("git", GOOD),
        ("file,git", GOOD),
        ("*", GOOD),
        ("*,!git", refused),
        ("**g?t", GOOD),
        ("*x", refused),
        ("gi", refused),
    ] {
        check(&keys.signed("sam"), &signers(list), expected);
    }
}

#[test]
fn an_authority_signs_no_commits_and_a_certificate_is_no_key() {
    let Some(keys) = Keys::new() else { return };
    let ca = keys.make("ca", &["-t", "ed25519"]);
    let sam = keys.make("sam", &["-t", "ed25519"]);
    let signers = format!("{SAM} cert-authority {ca}\n");
    check(
        &keys.signed("ca"),
        &signers,
        "is signed by [key], which is listed as a `cert-authority` and does not sign itself",
    );
    assert!(keys.run(&["-q", "-s", "ca", "-I", "sam", "-n", SAM, "sam.pub"]));
    fs::copy(keys.path("sam"), keys.path("certified")).unwrap();
    fs::copy(keys.path("sam-cert.pub"), keys.path("certified-cert.pub")).unwrap();
    let armour = keys.sign("sam-cert.pub", "git", COMMIT);
    check(
        &with_signature(COMMIT, &armour),
        &format!("{signers}{SAM} {sam}\n"),
        "is signed by a key of the type `ssh-ed25519-cert-v01@openssh.com`, which does not count",
    );
}

#[test]
fn a_revoked_key_counts_no_more_whatever_the_form_of_the_list() {
    let Some(keys) = Keys::new() else { return };
    let sam = keys.make("sam", &["-t", "ed25519"]);
    let other = keys.make("other", &["-t", "ed25519"]);
    let (commit, signers) = (keys.signed("sam"), format!("{SAM} {sam}"));
    let refused = "is signed by the revoked key [key]";
    check_revoked(&commit, &signers, format!("# gone\n{other}\n{sam}\n").as_bytes(), refused);
    check_revoked(&commit, &signers, format!("no-pty {sam}\n").as_bytes(), refused);
    check_revoked(&commit, &signers, other.as_bytes(), GOOD);
    let hash = Command::new("ssh-keygen").args(["-lf"]).arg(keys.path("sam.pub")).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap().split(' ').nth(1).unwrap().to_owned();
    for (name, specification) in [
        ("key", format!("{sam}\n")),
        ("sha1", format!("sha1: {sam}\n")),
        ("sha256", format!("sha256: {sam}\n")),
        ("hash", format!("hash: {hash}\n")),
    ] {
        fs::write(keys.path("specification"), specification).unwrap();
        assert!(keys.run(&["-q", "-k", "-f", name, "specification"]), "{name}");
        let krl = fs::read(keys.path(name)).unwrap();
        check_revoked(&commit, &signers, &krl, refused);
        // The list is taken whole or not at all.
        for length in KRL_HEAD..krl.len() {
            assert!(Revoked::parse("revoked", &krl[..length]).is_err(), "{name} cut at {length}");
        }
        let mut strange = krl.clone();
        strange.extend_from_slice(&[4, 0, 0, 0, 5, 0, 0, 0, 1, 9]);
        let error = Revoked::parse("revoked", &strange).unwrap_err();
        assert_eq!(error.to_string(), "revoked: the KRL has a part that is not understood");
    }
    assert!(keys.run(&["-q", "-k", "-f", "other-krl", "other.pub"]));
    check_revoked(&commit, &signers, &fs::read(keys.path("other-krl")).unwrap(), GOOD);
}

/// The bytes of a KRL before its first section, where a list without any may end.
const KRL_HEAD: usize = 8 + 4 + 24 + 4 + 4 + 1;

#[test]
fn a_list_with_a_line_that_is_not_understood_is_no_list() {
    let check = |line: &str, wrong: &str| {
        let error = AllowedSigners::parse("s", &format!("# keys\n\n{line}\n"), &TimeZone::UTC).unwrap_err();
        assert_eq!(error.to_string(), format!("s:3: {wrong}"));
    };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(list(&format!("a@b.c {key} Kim's \"key\n\"d@e.f\" namespaces=\"a b\" {key}\n")).len(), 2);
    check("sam@example.com", "there is no key");
    check("sam@example.com ssh-ed25519", "the key cannot be read");
    check("sam@example.com ssh-ed25519 AAAA", "the key cannot be read");
    check(&format!("sam@example.com {}", key.replace("ssh-ed25519", "ssh-rsa")), "the key cannot be read");
    check(&format!("sam@example.com no-touch {key}"), "the option `no-touch` is not understood");
    check(&format!("sam@example.com valid-before=\"soon\" {key}"), "`soon` is no time");
    check(&format!("sam@example.com valid-before=\"20261399\" {key}"), "`20261399` is no time");
    check(
        &format!("a@b.c valid-before=\"20200101\",valid-before=\"20300101\" {key}"),
        "the option `valid-before` stands there twice",
    );
    check(&format!("a@b.c namespaces=git,file {key}"), "the option `file` is not understood");
    check(&format!("a@b.c namespaces=\"git {key}"), "a quote is not closed");
    for list in ["ssh-ed25519 AAAA\n", "SHA256:abc\n", "\u{0}\u{1}", "serial: 7\n"] {
        assert!(Revoked::parse("r", list.as_bytes()).is_err(), "{list:?}");
    }
    assert!(Revoked::parse("r", b"\xff\xfe").is_err());
}

#[test]
fn signatures_of_other_systems_are_refused_by_name() {
    check(
        &with_signature(COMMIT, "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"),
        "",
        "has a PGP signature, and only SSH signatures count",
    );
    check(
        &with_signature(COMMIT, "-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n"),
        "",
        "has an X.509 signature, and only SSH signatures count",
    );
}

#[test]
fn two_signatures_or_an_unknown_one_are_refused() {
    let Some(keys) = Keys::new() else { return };
    let signers = format!("{SAM} {}", keys.make("sam", &["-t", "ed25519"]));
    let good = String::from_utf8(keys.signed("sam")).unwrap();
    let (head, text) = good.split_once("\n\n").unwrap();
    let signature = &head[head.find("gpgsig").unwrap()..];
    let with = |more: &str| format!("{head}\n{more}\n\n{text}").into_bytes();
    check(&with(signature), &signers, "has more than one signature");
    check(&with("gpgsig x"), &signers, "has more than one signature");
    check(
        &with(&signature.replace("gpgsig", "gpgsig-sha256")),
        &signers,
        "has a header `gpgsig-sha256`, which is not understood",
    );
    check(&with("gpgsig"), &signers, "has a header `gpgsig`, which is not understood");
    // Where the header stands does not matter to git, and not to us.
    let bare = good.replace(&format!("{signature}\n"), "");
    check(format!("{signature}\n{bare}").as_bytes(), &signers, GOOD);
    // Another header behind it is part of what was signed.
    check(&with("encoding x"), &signers, DOES_NOT_FIT);
}

#[test]
fn garbage_in_or_behind_a_signature_is_refused() {
    let Some(keys) = Keys::new() else { return };
    let signers = format!("{SAM} {}", keys.make("sam", &["-t", "ed25519"]));
    let armour = keys.sign("sam", "git", COMMIT);
    let check_armour = |armour: &str, what: &str| {
        let told =
            told(verify(&with_signature(COMMIT, armour), SAM, &list(&signers), &Revoked::default(), now()));
        assert_eq!(told, format!("has a malformed signature: {what}"));
    };
    let between = "it is not between its two lines";
    check_armour(&format!("{armour}x\n"), between);
    check_armour(&format!("x\n{armour}"), between);
    check_armour(&format!("{armour}{armour}"), "it holds more than base64");
    check_armour(&armour.replacen("\nU", "\n U", 1), "it holds more than base64");
    check_armour("hello", between);
    check_armour("", between);
    let lines: Vec<&str> = armour.lines().collect();
    let blob = STANDARD.decode(lines[1..lines.len() - 1].join("")).unwrap();
    check_armour(&armoured(&[&blob[..], b"x"].concat()), "something stands behind it");
    for length in 0..blob.len() {
        let cut = with_signature(COMMIT, &armoured(&blob[..length]));
        assert!(verify(&cut, SAM, &list(&signers), &Revoked::default(), now()).is_err(), "{length}");
    }
    // Every single byte counts.
    for at in 0..blob.len() {
        let mut other = blob.clone();
        other[at] ^= 1;
        let other = with_signature(COMMIT, &armoured(&other));
        assert!(verify(&other, SAM, &list(&signers), &Revoked::default(), now()).is_err(), "{at}");
    }
}

#[test]
fn a_huge_signature_is_not_even_read() {
    let huge = format!("{BEGIN}\n{}\n{END}\n", "A".repeat(SIGNATURE_BYTES_MAX));
    check(&with_signature(COMMIT, &huge), "", "has a signature of more than 16384 bytes");
    let lines = format!("{BEGIN}\n{}{END}\n", "AAAA\n".repeat(SIGNATURE_BYTES_MAX));
    check(&with_signature(COMMIT, &lines), "", "has a signature of more than 16384 bytes");
}

/// Writes an SSH signature from its parts.
fn sshsig(key: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
    for part in [key, b"git", b"", b"sha512", signature] {
        push_string(&mut blob, part);
    }
    blob
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut blob = Vec::new();
    parts.iter().for_each(|part| push_string(&mut blob, part));
    blob
}

#[test]
fn weak_keys_and_weak_signatures_are_refused() {
    let refused = |key: &[u8], signature: &[u8], what: &str| {
        check(&with_signature(COMMIT, &armoured(&sshsig(key, signature))), "", what);
    };
    refused(
        &strings(&[b"ssh-dss", b"p", b"q", b"g", b"y"]),
        &strings(&[b"ssh-dss", &[1; 40]]),
        "is signed by a key of the type `ssh-dss`, which does not count",
    );
    refused(
        &strings(&[b"ecdsa-sha2-nistp521", b"nistp521", &[4; 133]]),
        &strings(&[b"ecdsa-sha2-nistp521", &[1; 40]]),
        "is signed by a key of the type `ecdsa-sha2-nistp521`, which does not count",
    );
    let rsa = |bytes: usize| strings(&[b"ssh-rsa", &[1, 0, 1], &[&[0][..], &vec![0xff; bytes]].concat()]);
    refused(
        &rsa(256),
        &strings(&[b"ssh-rsa", &[1; 256]]),
        "has a signature of the type `ssh-rsa`, which does not count",
    );
    refused(
        &rsa(128),
        &strings(&[b"rsa-sha2-512", &[1; 128]]),
        "is signed by an RSA key of 1024 bits, and 2048 to 8192 count",
    );
    refused(
        &strings(&[b"ssh-ed25519", &[1; 32]]),
        &strings(&[b"rsa-sha2-512", &[1; 64]]),
        "has a signature of the type `rsa-sha2-512`, which does not count",
    );
    refused(
        &strings(&[b"ecdsa-sha2-nistp256", b"nistp384", &[4; 97]]),
        &strings(&[b"ecdsa-sha2-nistp256", &strings(&[b"1", b"1"])]),
        "has a malformed signature: its key cannot be read",
    );
}

#[test]
fn a_short_rsa_key_of_ssh_keygen_is_refused_too() {
    let Some(keys) = Keys::new() else { return };
    if !keys.run(&["-q", "-N", "", "-t", "rsa", "-b", "1024", "-f", "short"]) {
        eprintln!("skipped: this ssh-keygen makes no short keys");
        return;
    }
    check(&keys.signed("short"), "", "is signed by an RSA key of 1024 bits, and 2048 to 8192 count");
}

/// Signs [`COMMIT`] as a security key does, and returns the public line and the armour.
fn touched_by(flags: u8) -> (String, String) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = strings(&[SK_ED25519.as_bytes(), pair.public_key().as_ref(), b"ssh:"]);
    let digest = Sha512::digest(COMMIT.as_bytes());
    let signed = [&b"SSHSIG"[..], &strings(&[b"git", b"", b"sha512", &digest])].concat();
    let tail = [&[flags][..], &7u32.to_be_bytes()].concat();
    let message = [&Sha256::digest(b"ssh:")[..], &tail, &Sha256::digest(&signed)[..]].concat();
    let signature = [&strings(&[SK_ED25519.as_bytes(), pair.sign(&message).as_ref()])[..], &tail].concat();
    (format!("{SK_ED25519} {}", STANDARD.encode(&key)), armoured(&sshsig(&key, &signature)))
}

#[test]
fn a_security_key_must_have_been_touched() {
    let (public, armour) = touched_by(USER_PRESENT);
    check(&with_signature(COMMIT, &armour), &format!("{SAM} {public}"), GOOD);
    let (public, untouched) = touched_by(0);
    let refused = "is signed by a security key that nobody touched";
    check(&with_signature(COMMIT, &untouched), &format!("{SAM} {public}"), refused);
    // Verified, but not touched, is not touched.
    check(&with_signature(COMMIT, &touched_by(4).1), &format!("{SAM} {public}"), refused);
    check(&with_signature(COMMIT, &touched_by(5).1), &format!("{SAM} {public}"), GOOD);
    let lie = STANDARD.decode(untouched.lines().skip(1).take_while(|line| *line != END).collect::<String>());
    let mut lie = lie.unwrap();
    let flags = lie.len() - 5;
    lie[flags] = USER_PRESENT;
    check(&with_signature(COMMIT, &armoured(&lie)), &format!("{SAM} {public}"), DOES_NOT_FIT);
}

#[test]
fn ssh_keygen_takes_our_security_key_for_one() {
    let Some(keys) = Keys::new() else { return };
    let (public, armour) = touched_by(USER_PRESENT);
    assert!(ssh_keygen_verifies(keys.0.path(), &public, &armour));
    assert!(!ssh_keygen_verifies(keys.0.path(), &public, &touched_by(0).1.replacen('A', "B", 1)));
}

fn ssh_keygen_verifies(folder: &Path, public: &str, armour: &str) -> bool {
    fs::write(folder.join("signers"), format!("{SAM} {public}\n")).unwrap();
    fs::write(folder.join("sig"), armour).unwrap();
    fs::write(folder.join("text"), COMMIT).unwrap();
    let line = format!("ssh-keygen -q -Y verify -n git -I {SAM} -f signers -s sig <text");
    Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap().status.success()
}
