//! Refuses mails that would cost the parser more memory or stack than a mail is worth.
//!
//! The parser takes linear time on anything, but keeps every header, address and part that it finds:
//! 25 MiB of empty headers became 1 GiB, and messages nested in messages a stack overflow. What is
//! counted here is never less than what the parser can find, and far more than honest mail has.

/// Bytes of a mail that is read at all.
pub const RAW_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Parts of a mail that is read at all, those of attached messages included.
pub const PARTS_MAX: usize = 64;

/// Lines that look like a `Content-Type` header. Nothing nests deeper than there are such lines.
pub const PART_HEADS_MAX: usize = 8 * PARTS_MAX;

/// Runs of dashes, each of which could begin a part.
const DASH_RUNS_MAX: usize = 100_000;

/// Bytes that could be headers: those from the start, or from a run of dashes, to an empty line.
const HEAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Says why a mail must not be parsed, if it must not.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    if bytes.trim_ascii().is_empty() {
        return Err("is empty".to_owned());
    }
    if bytes.len() > RAW_BYTES_MAX {
        return Err("is larger than 25 MiB".to_owned());
    }
    let (mut part_heads, mut dash_runs, mut head_bytes, mut in_head) = (0, 0, 0, true);
    for line in bytes.split(|&byte| byte == b'\n') {
        let runs = line.chunk_by(|a, b| a == b).filter(|run| run.starts_with(b"--")).count();
        in_head = runs > 0 || (in_head && !line.trim_ascii().is_empty());
        head_bytes += if in_head { line.len() } else { 0 };
        part_heads += usize::from(is_part_head(line));
        dash_runs += runs;
    }
    if part_heads > PART_HEADS_MAX || dash_runs > DASH_RUNS_MAX {
        return Err(too_many_parts());
    }
    if head_bytes > HEAD_BYTES_MAX {
        return Err("has headers of more than 4 MiB".to_owned());
    }
    Ok(())
}

/// Says that a mail has too many parts.
pub fn too_many_parts() -> String {
    format!("has more than {PARTS_MAX} parts")
}

/// Tells whether the parser could take a line for a `Content-Type` header: it overlooks white space
/// within a name, and colons before it.
fn is_part_head(line: &[u8]) -> bool {
    const NAME: &[u8] = b"content-type";
    let name = line.iter().filter(|byte| !byte.is_ascii_whitespace()).skip_while(|&&byte| byte == b':');
    name.take(NAME.len()).map(u8::to_ascii_lowercase).eq(NAME.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(mail: &str) -> String {
        check(mail.as_bytes()).expect_err("should be refused")
    }

    #[test]
    fn what_has_nothing_or_too_much_is_refused() {
        assert_eq!(refused(" \r\n\r\n"), "is empty");
        assert_eq!(refused(&"x".repeat(RAW_BYTES_MAX + 1)), "is larger than 25 MiB");
        assert_eq!(refused(&"a:\n".repeat(3_000_000)), "has headers of more than 4 MiB");
        assert_eq!(
            refused(&format!("a: b\n\n x--b\n{}", "a:\n".repeat(3_000_000))),
            "has headers of more than 4 MiB"
        );
        assert_eq!(refused(&format!("a: b\n\n{}", "x--b\n\n".repeat(200_000))), "has more than 64 parts");
        assert_eq!(refused(&" : Content - Type:x\n\n".repeat(600)), "has more than 64 parts");
    }

    #[test]
    fn large_honest_mail_passes() {
        let lines = "0123456789abcdef0123456789abcdef\r\n".repeat(600_000);
        let mail = format!("Subject: x\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\n{lines}--b--\r\n");
        assert_eq!(check(mail.as_bytes()), Ok(()));
    }
}
