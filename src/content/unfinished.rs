//! Finds what shows that a text is not finished: words to be replaced, and an attachment that is spoken of.
//!
//! Only the writer's own lines count: what is quoted with `>` was finished by somebody else.

use std::sync::LazyLock;

use regex::Regex;

use crate::fold::{self, Phrase};

/// Words that stand where something is still to be written.
const WORDS: [&str; 5] = ["EDITME", "FIXME", "CHANGEME", "TODO", "XXX"];

/// What models leave for a person to fill in: `[Your name]`, `[insert date]`, `{{ name }}`, `<Ihr Name>`.
static BLANKS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)\[(?:your|insert|enter|add|fill in|customer|client|recipient|company|sender|ihr|ihre|dein|deine|hier|kunden?|firma|votre|ins[eé]rer|nom d|su|tu|insertar|nombre d)\b[^\[\]\n]{0,40}\]|\[(?:name|date|datum|fecha|time|link|url|company|firma|phone|telefon|address|amount|number|placeholder|xx+|\.\.\.|…)\]|\{\{[^{}\n]{1,60}\}\}|<(?:your|insert|ihr|ihre|votre|su) [^<>\n]{1,40}>|\blorem ipsum\b|_{5,}",
    )
});

/// Underscores that make a line of their own a rule.
const RULE_MIN: usize = 20;

/// Ways to say that something goes along; a `*` stands for any ending.
const ATTACHES: [&str; 62] = [
    // English
    "attached is",
    "attached are",
    "is attached",
    "are attached",
    "i attach",
    "we attach",
    "i have attached",
    "i ve attached",
    "we have attached",
    "we ve attached",
    "i am attaching",
    "i m attaching",
    "we are attaching",
    "see attached",
    "see the attached",
    "see attachment",
    "see the attachment",
    "find attached",
    "find the attached",
    "find enclosed",
    "attached you will find",
    "attached please find",
    "attached herewith",
    "enclosed please find",
    "enclosed is",
    "enclosed are",
    // German
    "im anhang",
    "anbei",
    "als anhang",
    "in der anlage",
    "ich hange",
    "ich habe angehangt",
    "beigefugt*",
    "angehangt ist",
    "angehangt sind",
    "angehangt finden",
    // French
    "ci joint*",
    "en piece jointe",
    "en pieces jointes",
    "je joins",
    "je vous joins",
    "je t joins",
    "nous joignons",
    "nous vous joignons",
    "en annexe",
    // Spanish
    "te adjunto",
    "le adjunto",
    "les adjunto",
    "os adjunto",
    "adjunto encontr*",
    "adjunto el",
    "adjunto la",
    "adjunto los",
    "adjunto las",
    "adjuntamos",
    "se adjunta*",
    "va adjunt*",
    "en adjunto",
    // Italian, Portuguese, Dutch
    "in allegato",
    "em anexo",
    "bijgevoegd*",
    "in de bijlage",
];

static ATTACHES_PARSED: LazyLock<Vec<Phrase>> =
    LazyLock::new(|| ATTACHES.iter().filter_map(|phrase| Phrase::parse(phrase)).collect());

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// Returns the first thing in a text that was to be replaced.
pub fn placeholder(text: &str) -> Option<String> {
    let own = own_lines(text);
    let words =
        |word: &&&str| own.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == **word);
    if let Some(word) = WORDS.iter().find(words) {
        return Some((*word).to_owned());
    }
    if !may_have_blanks(&own) {
        return None;
    }
    BLANKS.find_iter(&own).find(|hit| !leads(&own[hit.end()..])).map(|hit| hit.as_str().to_owned())
}

/// Tells whether a text has what no blank can do without. Most texts have not, and compiling the pattern
/// would be most of what a short process does.
fn may_have_blanks(text: &str) -> bool {
    let lorem = |word: &[u8]| word.eq_ignore_ascii_case(b"lorem");
    text.contains(['[', '{', '<', '_']) || text.as_bytes().windows(5).any(lorem)
}

/// Tells whether the writer's own lines promise an attachment.
pub fn promises_attachment(text: &str) -> bool {
    let words = fold::words(&own_lines(text));
    ATTACHES_PARSED.iter().any(|phrase| phrase.is_in(&words))
}

/// Tells whether what stands before this was the text of a link: `[your order](https://…)`.
fn leads(after: &str) -> bool {
    after.starts_with(['(', '['])
}

/// Returns the lines that the writer wrote, without those that only part others from each other: a long
/// line of underscores is no blank.
fn own_lines(text: &str) -> String {
    let is_rule = |line: &str| line.len() >= RULE_MIN && line.bytes().all(|byte| byte == b'_');
    let is_own = |line: &&str| !line.trim_start().starts_with('>') && !is_rule(line.trim());
    text.lines().filter(is_own).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_to_be_replaced_is_found() {
        for (text, expected) in [
            ("Hello EDITME,", "EDITME"),
            ("TODO: the price", "TODO"),
            ("It costs XXX euros", "XXX"),
            ("Best,\n[Your Name]", "[Your Name]"),
            ("on [insert date] at noon", "[insert date]"),
            ("Dear [Name],", "[Name]"),
            ("Viele Grüße\n[Ihr Name]", "[Ihr Name]"),
            ("[Votre nom]", "[Votre nom]"),
            ("Hola {{ nombre }}", "{{ nombre }}"),
            ("<your name here>", "<your name here>"),
            ("Lorem ipsum dolor", "Lorem ipsum"),
            ("Amount: ________", "________"),
        ] {
            assert_eq!(placeholder(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_finished_text_has_none() {
        for text in [
            "> TODO: your part\n> [Your name]\nDone.",
            "Todo list, todos, TODOS; XXXL; snake TODO_LIST",
            "See [your order](https://shop.example/7) and [1], [x], [ ].",
            "a < b and c > d, {a}, f{1}",
            "the name [sic]",
            "Done.\n____________________________________\nThe list's footer",
        ] {
            assert_eq!(placeholder(text), None, "{text}");
        }
    }

    #[test]
    fn a_promised_attachment_is_heard_in_several_languages() {
        for text in [
            "I've attached the form.",
            "Please find\nattached the offer.",
            "The file is attached.",
            "I\u{2019}m attaching it.",
            "Anbei die Rechnung.",
            "Die Rechnung finden Sie im Anhang.",
            "Ich habe das Formular beigefügt.",
            "Veuillez trouver ci-joint la facture.",
            "La facture est en pièce jointe.",
            "Je vous joins le devis.",
            "Le adjunto la factura.",
            "Adjuntamos el contrato.",
            "In allegato la fattura.",
            "Segue em anexo a fatura.",
            "Zie in de bijlage.",
        ] {
            assert!(promises_attachment(text), "{text}");
        }
    }

    #[test]
    fn talk_of_somebody_elses_attachment_is_none() {
        for text in [
            "> I've attached the form.\nThank you, got it.",
            "Your attachment could not be opened.",
            "I am attached to this old car.",
            "Ihr Anhang fehlte leider.",
            "Votre pièce jointe est vide.",
            "El archivo adjunto que envió está vacío.",
        ] {
            assert!(!promises_attachment(text), "{text}");
        }
    }
}
