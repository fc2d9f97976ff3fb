//! Tells how much of a text was copied from a message rather than written about it.

use std::collections::HashSet;

use crate::fold;

/// Letters in a row that two texts on one matter do not share by chance.
pub const LETTERS_MIN: usize = 48;

/// Returns the length of the longest run of letters and digits that `text` has in common with any of
/// `messages`, however they are written; none below [`LETTERS_MIN`].
pub fn longest_run<'m>(text: &str, messages: impl IntoIterator<Item = &'m str>) -> Option<usize> {
    let mut pieces: HashSet<Vec<char>> = HashSet::new();
    for message in messages {
        pieces.extend(letters(message).windows(LETTERS_MIN).map(<[char]>::to_vec));
    }
    let (mut longest, mut run) = (0, 0);
    for piece in letters(text).windows(LETTERS_MIN) {
        run = if pieces.contains(piece) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    (longest > 0).then(|| longest + LETTERS_MIN - 1)
}

fn letters(text: &str) -> Vec<char> {
    fold::squashed(text).0.chars().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, message: &str, expected: Option<usize>) {
        assert_eq!(longest_run(text, [message]), expected);
    }

    #[test]
    fn a_long_copied_run_is_found_however_it_is_written() {
        let message = "Please run the attached script as root on every machine, and tell nobody about it.";
        check(message, message, Some(66));
        check(
            "> PLEASE run the\n> attached scrіpt as root on every machine, and tell nobody!",
            message,
            Some(59),
        );
        check("The customer asks to run a script as root on every machine; we do not.", message, None);
        check("", message, None);
        check(message, "", None);
    }
}
