//! Reads a brain's answer for what would act, lead or load elsewhere once it is sent, and makes it
//! mere text.
//!
//! A brain may have been talked into anything, so this happens before the draft is written: a person
//! then approves the very bytes that go. What a person typed is never changed here, only reported.

pub mod copied;
pub mod likeness;
pub mod links;
pub mod mentions;
pub mod unfinished;

use self::links::Known;

/// How often links and mentions are looked for again, since each may bring the other to light.
const PASSES_MAX: usize = 4;

/// A brain's answer of which nothing acts, leads or loads that nobody allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// The answer.
    pub body: String,
    /// What was changed, in our own words: a person should know it first.
    pub findings: Vec<String>,
}

/// Makes an answer safe to be read where it goes; none where it is too tangled for that, and then it
/// must not become a draft.
///
/// `acts_on_mentions` says whether the place that it goes to would notify whoever is mentioned, follow
/// references or carry out commands.
pub fn cleaned(body: &str, known: &Known, acts_on_mentions: bool) -> Option<Cleaned> {
    let mut body = body.to_owned();
    let (mut changes, mut mentions) = (links::Changes::default(), 0);
    for _ in 0..PASSES_MAX {
        let before = body.clone();
        let (text, changed) = links::neutral(&body, known)?;
        body = text;
        changes = changes.and(changed);
        if acts_on_mentions {
            let (text, count) = mentions::neutral(&body)?;
            body = text;
            mentions += count;
        }
        if body == before {
            return Some(Cleaned { body, findings: findings(changes, mentions) });
        }
    }
    None
}

fn findings(changes: links::Changes, mentions: usize) -> Vec<String> {
    let counted = |count: usize, one: &str, more: &str| match count {
        0 => None,
        1 => Some(one.to_owned()),
        count => Some(format!("{count} {more}")),
    };
    [
        counted(
            changes.links,
            "a link that was not in the thread was made unclickable",
            "links that were not in the thread were made unclickable",
        ),
        counted(changes.images, "an image was made text", "images were made text"),
        counted(changes.html, "raw HTML was made text", "pieces of raw HTML were made text"),
        counted(
            mentions,
            "a mention, reference or command was made ineffective",
            "mentions, references or commands were made ineffective",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_changed_is_counted_in_our_own_words() {
        let body = "![x](https://a.example/1.png) <b>hi</b> [y](https://b.example/) https://c.example/ @ada";
        let cleaned = cleaned(body, &Known::default(), true).unwrap();
        assert_eq!(
            cleaned.findings,
            [
                "3 links that were not in the thread were made unclickable",
                "an image was made text",
                "2 pieces of raw HTML were made text",
                "a mention, reference or command was made ineffective",
            ]
        );
        assert_eq!(
            cleaned.body,
            "x (image: hxxps://a[.]example/1[.]png) \\<b>hi\\</b> y (hxxps://b[.]example/) \
             hxxps://c[.]example/ `@ada`"
        );
    }

    #[test]
    fn an_ordinary_answer_stays_as_it_is() {
        let body = "Hello Ada,\n\n**yes**, 2 < 3 & \"so\"; see `a.b` in invoice.pdf (e.g. page 3), version 1.2.3.\n\n- one\n- two";
        assert_eq!(
            cleaned(body, &Known::default(), true).unwrap(),
            Cleaned { body: body.to_owned(), findings: vec![] }
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn what_is_clean_stays_as_it_is(parts in prop::collection::vec(prop::sample::select(links::tests::PIECES.to_vec()), 0..12)) {
            let body = parts.concat();
            if let Some(once) = cleaned(&body, &Known::default(), true) {
                let twice = cleaned(&once.body, &Known::default(), true);
                prop_assert_eq!(twice, Some(Cleaned { body: once.body, findings: vec![] }));
            }
        }
    }
}
