//! Checks the SSH signature of a commit: the bytes that were read, the keys that count, the time it is.
//!
//! Pure functions. No program is run, no configuration of git's is asked, and no date of the commit's
//! is believed: a key counts if it counts now. Whatever is odd is refused, never skipped: a second
//! signature, a header that other programs may read otherwise, a byte too many.
//!
//! Formats: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH, RFC 4253 (6.6), RFC 5656 and RFC 8332. [`keys`]
//! reads the lists of keys.

pub mod keys;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use sha2::{Digest, Sha256, Sha512};

use self::keys::{AllowedSigners, PublicKey, Revoked};
use self::wire::Reader;

/// What commits are signed for; the same key may sign other things for other purposes.
const NAMESPACE: &str = "git";

/// The most bytes of a signature as it stands in a commit; one by an RSA key of 8192 bits has 3,000.
const SIGNATURE_BYTES_MAX: usize = 16 * 1024;

/// The fewest bits of an RSA key, and the most.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The flag by which a security key says that somebody touched it (CTAP, "user present").
const USER_PRESENT: u8 = 0x01;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The address that the list gives the key to, as the commit has it.
    pub principal: String,
    /// The key, as `SHA256:…`.
    pub fingerprint: String,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.principal, self.fingerprint)
    }
}

/// Why a commit does not count as signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error("is not signed")]
    Unsigned,
    /// A signature of another system.
    #[error("has {0} signature, and only SSH signatures count")]
    NotSsh(&'static str),
    /// Two of them, and programs differ about which one counts.
    #[error("has more than one signature")]
    Several,
    /// A header that looks like a signature and is none that we know.
    #[error("has a header `{0}`, which is not understood")]
    OtherHeader(String),
    /// Longer than any signature.
    #[error("has a signature of more than {SIGNATURE_BYTES_MAX} bytes")]
    TooLong,
    /// It cannot be read.
    #[error("has a malformed signature: {0}")]
    Malformed(&'static str),
    /// Made for something else than commits.
    #[error("has a signature for `{0}`, not for `{NAMESPACE}`")]
    OtherNamespace(String),
    /// A kind of key that does not count.
    #[error("is signed by a key of the type `{0}`, which does not count")]
    KeyType(String),
    /// A kind of signature that does not count.
    #[error("has a signature of the type `{0}`, which does not count")]
    SignatureType(String),
    /// An RSA key that is too short, or too long to be checked.
    #[error("is signed by an RSA key of {bits} bits, and {} to {} count", RSA_BITS.start(), RSA_BITS.end())]
    RsaBits {
        /// How many it has.
        bits: usize,
    },
    /// A security key signed on its own.
    #[error("is signed by a security key that nobody touched")]
    NobodyPresent,
    /// Other bytes were signed, or by another key.
    #[error("has a signature that does not fit: it was changed, or it is another commit's")]
    DoesNotFit,
    /// The key counts no more.
    #[error("is signed by the revoked key {fingerprint}")]
    Revoked {
        /// The key.
        fingerprint: String,
    },
    /// The key is on no line of the list.
    #[error("is signed by {fingerprint}, which is not in the list of signers")]
    UnknownKey {
        /// The key.
        fingerprint: String,
    },
    /// The key signs keys, not commits.
    #[error("is signed by {fingerprint}, which is listed as a `cert-authority` and does not sign itself")]
    Authority {
        /// The key.
        fingerprint: String,
    },
    /// The list does not say whose key it is.
    #[error("is signed by {fingerprint}, which is listed for a pattern and not for {who}")]
    Pattern {
        /// The key.
        fingerprint: String,
        /// Whose commit it is.
        who: String,
    },
    /// The key is somebody else's.
    #[error("is {who}'s, and is signed by {fingerprint} of {whose}")]
    SomebodyElse {
        /// The key.
        fingerprint: String,
        /// Whose commit it is.
        who: String,
        /// Whose key it is.
        whose: String,
    },
    /// The key is listed for other purposes.
    #[error("is signed by {fingerprint}, which is not listed for the namespace `{NAMESPACE}`")]
    NotForGit {
        /// The key.
        fingerprint: String,
    },
    /// The key counts later.
    #[error("is signed by {fingerprint}, which counts only from {from}")]
    NotYet {
        /// The key.
        fingerprint: String,
        /// From when.
        from: Timestamp,
    },
    /// The key counted before.
    #[error("is signed by {fingerprint}, which counted until {until}")]
    Expired {
        /// The key.
        fingerprint: String,
        /// Until when.
        until: Timestamp,
    },
}

type Result<T> = std::result::Result<T, SignatureError>;

/// Verifies that `who` signed a commit with a key that counts at `now`; `commit` is the raw object.
///
/// # Errors
/// No signature, one that is not understood whole, does not fit or is by a key that is weak, revoked,
/// unknown, somebody else's or out of its time.
pub fn verify(
    commit: &[u8],
    who: &str,
    signers: &AllowedSigners,
    revoked: &Revoked,
    now: Timestamp,
) -> Result<Signer> {
    let (payload, armour) = split(commit)?;
    let blob = unarmoured(&armour)?;
    let key = verified_key(&payload, &blob)?;
    if revoked.contains(&key) {
        return Err(SignatureError::Revoked { fingerprint: key.fingerprint() });
    }
    signers.allow(&key, who, NAMESPACE, now)?;
    Ok(Signer { principal: who.to_owned(), fingerprint: key.fingerprint() })
}

/// Parts a commit into what was signed and the signature.
///
/// git takes a header and the lines behind it that begin with a space as one value.
fn split(commit: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut payload = Vec::with_capacity(commit.len());
    let mut signature: Option<Vec<u8>> = None;
    let mut in_signature = false;
    let mut rest = commit;
    while !rest.is_empty() && rest[0] != b'\n' {
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |newline| newline + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if let (true, Some(text), Some(signature)) =
            (in_signature, line.strip_prefix(b" "), signature.as_mut())
        {
            signature.extend_from_slice(text);
            if signature.len() > SIGNATURE_BYTES_MAX {
                return Err(SignatureError::TooLong);
            }
            continue;
        }
        in_signature = false;
        if let Some(text) = line.strip_prefix(b"gpgsig ") {
            if signature.is_some() {
                return Err(SignatureError::Several);
            }
            if text.len() > SIGNATURE_BYTES_MAX {
                return Err(SignatureError::TooLong);
            }
            signature = Some(text.to_vec());
            in_signature = true;
        } else if line.starts_with(b"gpgsig") {
            let name = line.split(|&byte| byte == b' ' || byte == b'\n').next().unwrap_or_default();
            let name = crate::text::one_line(&String::from_utf8_lossy(name), 40);
            return Err(SignatureError::OtherHeader(name));
        } else {
            payload.extend_from_slice(line);
        }
    }
    payload.extend_from_slice(rest);
    Ok((payload, signature.ok_or(SignatureError::Unsigned)?))
}

/// Takes the base64 out from between its two lines.
fn unarmoured(armour: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(armour).map_err(|_| SignatureError::Malformed("it is no text"))?;
    for (begin, kind) in [
        ("-----BEGIN PGP", "a PGP"),
        ("-----BEGIN SIGNED MESSAGE", "an X.509"),
        ("-----BEGIN CERTIFICATE", "an X.509"),
    ] {
        if text.starts_with(begin) {
            return Err(SignatureError::NotSsh(kind));
        }
    }
    // Some programs end the header with an empty line.
    let text = text.strip_suffix("\n\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text);
    let inner = text
        .strip_prefix(BEGIN)
        .and_then(|text| text.strip_suffix(END))
        .and_then(|text| text.strip_prefix('\n')?.strip_suffix('\n'))
        .ok_or(SignatureError::Malformed("it is not between its two lines"))?;
    STANDARD
        .decode(inner.replace('\n', ""))
        .map_err(|_| SignatureError::Malformed("it holds more than base64"))
}

/// Checks a signature (PROTOCOL.sshsig) on what was signed, and returns the key that made it.
fn verified_key(payload: &[u8], blob: &[u8]) -> Result<PublicKey> {
    let malformed = || SignatureError::Malformed("it is cut off");
    let mut reader = Reader::new(blob);
    if reader.take(6) != Some(b"SSHSIG") {
        return Err(SignatureError::Malformed("it does not begin as an SSH signature"));
    }
    if reader.u32().ok_or_else(malformed)? != 1 {
        return Err(SignatureError::Malformed("its version is not known"));
    }
    let key = reader.string().ok_or_else(malformed)?;
    let namespace = reader.string().ok_or_else(malformed)?;
    let reserved = reader.string().ok_or_else(malformed)?;
    let hash = reader.string().ok_or_else(malformed)?;
    let signature = reader.string().ok_or_else(malformed)?;
    if !reader.is_empty() {
        return Err(SignatureError::Malformed("something stands behind it"));
    }
    if namespace != NAMESPACE.as_bytes() {
        let shown = crate::text::one_line(&String::from_utf8_lossy(namespace), 40);
        return Err(SignatureError::OtherNamespace(shown));
    }
    let digest = match hash {
        b"sha256" => Sha256::digest(payload).to_vec(),
        b"sha512" => Sha512::digest(payload).to_vec(),
        _ => return Err(SignatureError::Malformed("its hash is not known")),
    };
    let mut signed = b"SSHSIG".to_vec();
    for part in [namespace, reserved, hash, &digest] {
        wire::push_string(&mut signed, part);
    }
    verify_with(key, &signed, signature)?;
    PublicKey::from_blob(key).ok_or_else(malformed)
}

/// Checks one signature by one key, both as SSH writes them.
fn verify_with(key: &[u8], signed: &[u8], signature: &[u8]) -> Result<()> {
    let bad_key = || SignatureError::Malformed("its key cannot be read");
    let bad_signature = || SignatureError::Malformed("its inner signature cannot be read");
    let mut key = Reader::new(key);
    let key_type = key.word().ok_or_else(bad_key)?;
    let mut signature = Reader::new(signature);
    let signature_type = signature.word().ok_or_else(bad_signature)?;
    let value = signature.string().ok_or_else(bad_signature)?;
    let other_type = || SignatureError::SignatureType(crate::text::one_line(signature_type, 60));
    if key_type != "ssh-rsa" && key_type != signature_type {
        return match key_type {
            "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | SK_ED25519 | SK_ECDSA => {
                Err(other_type())
            }
            other => Err(SignatureError::KeyType(crate::text::one_line(other, 60))),
        };
    }
    let fits = match key_type {
        "ssh-ed25519" => {
            let point = key.string().ok_or_else(bad_key)?;
            UnparsedPublicKey::new(&ED25519, point).verify(signed, value).is_ok()
        }
        "ecdsa-sha2-nistp256" => {
            let point = ecdsa_point(&mut key, b"nistp256").ok_or_else(bad_key)?;
            let value = ecdsa_value(value, 32).ok_or_else(bad_signature)?;
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, &value).is_ok()
        }
        "ecdsa-sha2-nistp384" => {
            let point = ecdsa_point(&mut key, b"nistp384").ok_or_else(bad_key)?;
            let value = ecdsa_value(value, 48).ok_or_else(bad_signature)?;
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, &value).is_ok()
        }
        "ssh-rsa" => {
            let e = key.number().ok_or_else(bad_key)?;
            let n = key.number().ok_or_else(bad_key)?;
            let parameters = match signature_type {
                "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                "rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
                // `ssh-rsa` itself is SHA-1.
                _ => return Err(other_type()),
            };
            let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
            if !RSA_BITS.contains(&bits) {
                return Err(SignatureError::RsaBits { bits });
            }
            RsaPublicKeyComponents { n, e }.verify(parameters, signed, value).is_ok()
        }
        SK_ED25519 => {
            let point = key.string().ok_or_else(bad_key)?;
            let touched = touched(&mut key, &mut signature, signed)?;
            UnparsedPublicKey::new(&ED25519, point).verify(&touched, value).is_ok()
        }
        SK_ECDSA => {
            let point = ecdsa_point(&mut key, b"nistp256").ok_or_else(bad_key)?;
            let value = ecdsa_value(value, 32).ok_or_else(bad_signature)?;
            let touched = touched(&mut key, &mut signature, signed)?;
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&touched, &value).is_ok()
        }
        other => return Err(SignatureError::KeyType(crate::text::one_line(other, 60))),
    };
    if !key.is_empty() || !signature.is_empty() {
        return Err(SignatureError::Malformed("something stands behind its key or its inner signature"));
    }
    if fits { Ok(()) } else { Err(SignatureError::DoesNotFit) }
}

const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

/// Returns what a security key signs of `signed` (PROTOCOL.u2f), if somebody touched it.
fn touched(key: &mut Reader<'_>, signature: &mut Reader<'_>, signed: &[u8]) -> Result<Vec<u8>> {
    let malformed = || SignatureError::Malformed("what the security key adds is cut off");
    let application = key.string().ok_or_else(malformed)?;
    let flags = signature.byte().ok_or_else(malformed)?;
    let counter = signature.u32().ok_or_else(malformed)?;
    if flags & USER_PRESENT == 0 {
        return Err(SignatureError::NobodyPresent);
    }
    let mut touched = Sha256::digest(application).to_vec();
    touched.push(flags);
    touched.extend_from_slice(&counter.to_be_bytes());
    touched.extend_from_slice(&Sha256::digest(signed));
    Ok(touched)
}

/// Reads the point of an ECDSA key, behind the name of its curve.
fn ecdsa_point<'k>(key: &mut Reader<'k>, curve: &[u8]) -> Option<&'k [u8]> {
    key.string().filter(|named| *named == curve)?;
    key.string()
}

/// Reads the two numbers of an ECDSA signature into one string of fixed length.
fn ecdsa_value(value: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut reader = Reader::new(value);
    let mut fixed = Vec::with_capacity(2 * length);
    for _ in 0..2 {
        let number = reader.number()?;
        let zeros = length.checked_sub(number.len())?;
        fixed.resize(fixed.len() + zeros, 0);
        fixed.extend_from_slice(number);
    }
    reader.is_empty().then_some(fixed)
}
