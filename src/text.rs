//! Makes text from outside safe to show, to store and to compare.
//!
//! Whatever a person cannot see must not reach a draft, a terminal or a brain unseen: control,
//! bidirectional and invisible characters become visible marks. Nothing here ever drops text.

use jiff::SignedDuration;
use unicode_width::UnicodeWidthStr;

/// Returns `text` with every invisible or terminal-controlling character shown as a mark.
///
/// Lines end in `\n`; tabs stay. A run of hidden characters becomes one mark, such as
/// `[hidden: U+200B x14]`. Applying it twice changes nothing more.
pub fn visible(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut shown = String::with_capacity(text.len());
    let mut run: Vec<char> = Vec::new();
    let mut before = '\n';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().filter(|next| *next != '\u{fe0f}');
        let joins_emoji = c == '\u{200d}' && is_pictograph(before) && next.is_some_and(is_pictograph);
        let is_style = c == '\u{fe0f}';
        let hides = (is_hidden(c) && !joins_emoji) || (is_style && !takes_style(before));
        if hides {
            run.push(c);
        } else {
            push_mark(&mut shown, &mut run);
            shown.push(c);
        }
        before = if hides { '\0' } else { c };
    }
    push_mark(&mut shown, &mut run);
    shown
}

/// Tells whether `text` shows all there is in it: [`visible`] would change nothing.
pub fn is_visible(text: &str) -> bool {
    visible(text) == text
}

/// Returns `text` as one visible line of at most `chars_max` characters.
///
/// White space of any kind becomes single spaces; a cut is shown as `…`.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let line = visible(&words.join(" "));
    if line.chars().count() <= chars_max {
        return line;
    }
    let mut cut: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Writes `text` as a single-line TOML basic string, quotes included.
///
/// Every control or hidden character is escaped, so that nothing in it can end the string, start a
/// line or hide from a reader.
pub fn toml_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_hidden(c) && u32::from(c) > 0xffff => {
                quoted.push_str(&format!("\\U{:08X}", u32::from(c)))
            }
            c if is_hidden(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes texts as a single-line TOML array of strings.
pub fn toml_strings<T: AsRef<str>>(texts: &[T]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| toml_string(text.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

/// Returns the columns that `text` takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Returns `text` cut or padded with spaces to exactly `width` columns.
pub fn fit(text: &str, width: usize) -> String {
    let mut fitted = String::new();
    let mut used = 0;
    let whole = columns(text);
    for c in text.chars() {
        let wide = c.to_string().width();
        let room = if whole > width { width.saturating_sub(1) } else { width };
        if used + wide > room {
            break;
        }
        fitted.push(c);
        used += wide;
    }
    if whole > width && width > 0 {
        fitted.push('…');
        used += 1;
    }
    fitted.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    fitted
}

/// Returns `text` as lines of at most `width` columns, broken between words.
///
/// A word that is longer than a line, such as an address of the web, stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| columns(line) + 1 + columns(word) <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Cuts `text` after at most `bytes_max` bytes, at a character's end; tells whether it cut.
pub fn bounded(text: &str, bytes_max: usize) -> (&str, bool) {
    if text.len() <= bytes_max {
        return (text, false);
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

/// Returns the text from its first line that is not blank to its last one.
pub fn without_blank_edges(text: &str) -> &str {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            break;
        }
        start += line.len();
    }
    let rest = &text[start..];
    let end = rest.trim_end().len();
    let line_end = rest[end..].find('\n').map_or(rest.len(), |newline| end + newline);
    &rest[..line_end]
}

/// Reads a time span: `30m`, `12h`, `7d` or `4w`, at most ten years; nothing else.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let unit_seconds = match text.bytes().last()? {
        b'm' => 60,
        b'h' => 3600,
        b'd' => 24 * 3600,
        b'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let count: i64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    let seconds = count.checked_mul(unit_seconds)?;
    (1..=3650 * 24 * 3600).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
}

/// Returns lower-case ASCII letters and digits of `text`, words joined by `-`, for file names.
pub fn slug(text: &str, length_max: usize) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= length_max {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Tells whether a person looking at a screen would miss `c`, or a terminal would obey it.
///
/// C0, DEL and C1 controls; format characters (Unicode category Cf) that hide, reorder or tag;
/// line and paragraph separators; fillers that look like nothing; what is no character at all.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{fe00}'..='\u{fe0e}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{2800}' | '\u{fdd0}'..='\u{fdef}' | '\u{13430}'..='\u{1345f}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        // Never characters, whatever the plane.
        c => u32::from(c) & 0xfffe == 0xfffe,
    }
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Tells whether a character may be followed by the mark that asks for its picture.
fn takes_style(c: char) -> bool {
    let is_sign =
        matches!(c, '0'..='9' | '#' | '*' | '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙');
    is_sign || (is_pictograph(c) && c != '\u{fe0f}')
}

fn push_mark(shown: &mut String, run: &mut Vec<char>) {
    let Some(&first) = run.first() else { return };
    let code = u32::from(first);
    let mark = if run.len() == 1 {
        format!("[hidden: U+{code:04X}]")
    } else if run.iter().all(|&c| c == first) {
        format!("[hidden: U+{code:04X} x{}]", run.len())
    } else {
        format!("[hidden: U+{code:04X} and {} more]", run.len() - 1)
    };
    shown.push_str(&mark);
    run.clear();
}

/// Returns a word as it can be pasted into a POSIX shell.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,+@%=".contains(c);
    if word.chars().all(is_plain) && !word.is_empty() {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, hours) in [("12h", 12), ("120m", 2), ("7d", 168), ("4w", 672), ("3650d", 87_600)] {
            assert_eq!(duration(text), Some(SignedDuration::from_hours(hours)), "{text}");
        }
        for text in
            ["", "7", "d", "0d", "-1d", "+1d", "1.5h", "3651d", "7 d", "7D", "99999999999999999999w", "1é"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn hidden_characters_become_marks() {
        assert_eq!(visible("a\u{200b}\u{200b}b"), "a[hidden: U+200B x2]b");
        assert_eq!(visible("x\u{1b}[2Jy"), "x[hidden: U+001B][2Jy");
        assert_eq!(visible("\u{202e}\u{2066}txt"), "[hidden: U+202E and 1 more]txt");
        assert_eq!(
            visible("a\u{fe0f}\u{fe0f}b❤\u{fe0f}\u{fe0f}"),
            "a[hidden: U+FE0F x2]b❤\u{fe0f}[hidden: U+FE0F]"
        );
        assert_eq!(visible("\u{2800}\u{ffff}x\u{1fffe}"), "[hidden: U+2800 and 1 more]x[hidden: U+1FFFE]");
        assert_eq!(visible("a\r\nb\rc"), "a\nb\nc");
    }

    #[test]
    fn emoji_and_foreign_scripts_stay() {
        for text in [
            "👩\u{200d}💻 ok",
            "❤\u{fe0f}",
            "1\u{fe0f}\u{20e3} ❤\u{fe0f}\u{200d}🔥",
            "Grüße, 世界, שלום, مرحبا",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn one_line_has_one_line_and_a_limit() {
        assert_eq!(one_line("  hi\r\nBcc:\tevil ", 40), "hi Bcc: evil");
        assert_eq!(one_line("abcdefgh", 4), "abc…");
    }

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("Re: Invoice for October!", 40), "re-invoice-for-october");
        assert_eq!(slug("../../etc/passwd", 40), "etc-passwd");
        assert_eq!(slug("世界", 40), "");
        assert_eq!(slug("a-b-c-d", 4), "a-b");
    }

    #[test]
    fn fit_counts_columns_not_characters() {
        assert_eq!(fit("世界", 6), "世界  ");
        assert_eq!(fit("世界世界", 5), "世界…");
        assert_eq!(columns(&fit("世界世界", 4)), 4);
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("世界 世界", 5), ["世界", "世界"]);
        assert_eq!(wrapped("see https://example.org/a/b", 10), ["see", "https://example.org/a/b"]);
        assert_eq!(wrapped("", 10), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn what_is_visible_stays_as_it_is(text in ".*") {
            let once = visible(&text);
            let hides = once.chars().any(|c| is_hidden(c) && c != '\u{200d}');
            prop_assert!(!hides);
            prop_assert_eq!(visible(&once), once);
        }

        #[test]
        fn hidden_characters_are_marked_wherever_they_stand(
            text in "[a❤👩 1\u{fe0f}\u{200d}\u{200b}\u{1b}\u{9b}\u{202e}\u{e0041}\u{2028}\u{ad}\u{85}\r\n]{0,20}",
        ) {
            let once = visible(&text);
            let hides = once.chars().any(|c| is_hidden(c) && c != '\u{200d}');
            prop_assert!(!hides, "{once:?}");
            prop_assert_eq!(visible(&once), once);
            let line = one_line(&text, 40);
            prop_assert!(!line.contains(['\n', '\t']) && is_visible(&line), "{line:?}");
        }

        #[test]
        fn a_slug_is_a_plain_name_whatever_it_is_made_of(text in "(?s).*", hostile in "[./\\\\~\u{0}-\u{1f} a-zA-Z:*?-]{0,60}") {
            for text in [text, hostile] {
                let slug = slug(&text, 40);
                prop_assert!(slug.len() <= 40);
                prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
                prop_assert!(!slug.starts_with('-') && !slug.ends_with('-'));
            }
        }
    }
}
