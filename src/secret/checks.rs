//! Checksums and structures that vendors document: what tells a key from a text that looks like one.
//!
//! Each takes the whole token as it stands in the text.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What is looked at beyond the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing: prefix and length are enough.
    Shape,
    /// The value must not be a word of a language.
    Random,
    /// The last six characters are the CRC-32 of the thirty before them, in base 62.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of the value in hex, lowest byte first.
    Crc32Hex,
    /// Base32 whose last two bytes are the CRC-16 of those before them.
    Crc16Base32,
    /// Bech32 (BIP 173).
    Bech32,
    /// Three parts of base64 with dots, the first a JSON object with `alg`.
    Jwt,
    /// A base64 of `user:password`.
    BasicPair,
    /// The part before the first dot is base64 of a number.
    Snowflake,
}

impl Check {
    /// What documentation calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shape => "prefix and length",
            Self::Random => "prefix, length, no word",
            Self::Crc32Base62 => "CRC-32 in base 62",
            Self::Crc32Hex => "CRC-32 in hex",
            Self::Crc16Base32 => "CRC-16",
            Self::Bech32 => "Bech32 checksum",
            Self::Jwt => "header is JSON with `alg`",
            Self::BasicPair => "base64 of `user:password`",
            Self::Snowflake => "base64 of a number",
        }
    }

    /// Tells whether `token` is what it seems to be.
    pub fn holds(self, token: &str) -> bool {
        match self {
            Self::Shape => true,
            Self::Random => super::values::is_random(token),
            Self::Crc32Base62 => crc32_base62(token),
            Self::Crc32Hex => crc32_hex(token),
            Self::Crc16Base32 => crc16_base32(token),
            Self::Bech32 => bech32(token),
            Self::Jwt => jwt(token),
            Self::BasicPair => basic_pair(token),
            Self::Snowflake => snowflake(token),
        }
    }

    /// Tells whether a value that fails is still one to ask about: a checksum can be mistyped, and a
    /// text that is no JSON is no web token at all.
    pub fn asks_when_wrong(self) -> bool {
        match self {
            Self::Crc32Base62 | Self::Crc32Hex | Self::Crc16Base32 | Self::Bech32 => true,
            Self::Shape | Self::Random | Self::Jwt | Self::BasicPair | Self::Snowflake => false,
        }
    }
}

/// The form of GitHub and npm: a prefix, `_`, thirty characters, and six of checksum.
fn crc32_base62(token: &str) -> bool {
    let Some((_, rest)) = token.split_once('_') else { return false };
    let Some((value, sum)) = rest.split_at_checked(30) else { return false };
    base62(crc32(value.as_bytes())) == sum
}

fn base62(mut number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut letters = [b'0'; 6];
    for letter in letters.iter_mut().rev() {
        *letter = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    letters.map(char::from).iter().collect()
}

/// The form of Grafana: everything before the last `_`, and the checksum of it.
fn crc32_hex(token: &str) -> bool {
    let Some((value, sum)) = token.rsplit_once('_') else { return false };
    let bytes = crc32(value.as_bytes()).to_le_bytes();
    sum.eq_ignore_ascii_case(&bytes.map(|byte| format!("{byte:02x}")).concat())
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn crc16_base32(token: &str) -> bool {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in token.bytes() {
        let five = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return false,
        };
        bits = bits << 5 | u32::from(five);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    let Some((value, sum)) = bytes.split_last_chunk::<2>() else { return false };
    crc16(value) == u16::from_le_bytes(*sum)
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

fn bech32(token: &str) -> bool {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = token.to_ascii_lowercase();
    let Some((prefix, data)) = lower.rsplit_once('1') else { return false };
    let values: Option<Vec<u8>> =
        data.chars().map(|c| LETTERS.find(c).and_then(|at| u8::try_from(at).ok())).collect();
    let Some(values) = values else { return false };
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(values).fold(1, polymod) == 1
}

fn polymod(sum: u32, value: u8) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
    GENERATOR
        .iter()
        .enumerate()
        .fold(next, |sum, (bit, part)| if top >> bit & 1 == 1 { sum ^ part } else { sum })
}

fn jwt(token: &str) -> bool {
    let Some(header) = token.split('.').next() else { return false };
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(header) else { return false };
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return false };
    value.get("alg").is_some()
}

fn basic_pair(token: &str) -> bool {
    let Ok(bytes) = STANDARD_NO_PAD.decode(token.trim_end_matches('=')) else { return false };
    let Ok(pair) = String::from_utf8(bytes) else { return false };
    pair.split_once(':').is_some_and(|(_, password)| !password.is_empty())
        && !pair.chars().any(char::is_control)
}

fn snowflake(token: &str) -> bool {
    let Some(first) = token.split('.').next() else { return false };
    let Ok(bytes) = STANDARD_NO_PAD.decode(first) else { return false };
    bytes.len() >= 17 && bytes.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(check: Check, token: &str, holds: bool) {
        assert_eq!(check.holds(token), holds, "{check:?} {token}");
    }

    #[test]
    fn a_checksum_tells_a_key_from_its_likeness() {
        // The example of <https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>'s
        // scheme, made here: thirty letters and their checksum.
        let value = "x7Qm2Zk9Rw4Tb6Nj3Lp5Vd8Hsx7Qm2";
        let token = format!("ghp{}{value}{}", '_', base62(crc32(value.as_bytes())));
        check(Check::Crc32Base62, &token, true);
        check(Check::Crc32Base62, &token.replace('Q', "q"), false);
        assert_eq!(base62(0), "000000");
        assert_eq!(base62(61), "00000z");
        assert_eq!(base62(u32::MAX), "4gfFC3");
    }

    #[test]
    fn checksums_are_the_published_ones() {
        // The check values of the catalogue of CRCs, and a vector of BIP 173.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc16(b"123456789"), 0x31c3);
        check(Check::Bech32, "A12UEL5L", true);
        check(Check::Bech32, "A12UEL5M", false);
        check(
            Check::Bech32,
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
            true,
        );
    }

    #[test]
    fn a_structure_is_read_before_it_is_believed() {
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        check(Check::Jwt, &format!("{header}.eyJzdWIiOiIxIn0.x"), true);
        check(Check::Jwt, "eyJhYmNkZWZnaGlq.eyJzdWIiOiIxIn0.x", false);
        check(Check::BasicPair, "dXNlcjpwYXNz", true);
        check(Check::BasicPair, "authentication", false);
        check(Check::Snowflake, "MTIzNDU2Nzg5MDEyMzQ1Njc4.x.y", true);
        check(Check::Snowflake, "TWFpbC5leGFtcGxlLm9yZw.x.y", false);
    }
}
