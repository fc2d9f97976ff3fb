use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn shown(markdown: &str, columns: usize, form: Form) -> String {
    let lines = lines(markdown, Style { columns: Some(columns), form });
    let line = |line: &Line| line.iter().map(|span| span.text.as_str()).collect::<String>();
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

const LETTER: &str = "# Your invoice\n\nHello **Ada**,\nit is *in the portal* at [Billing](https://example.com/billing \"yours\"),\nor write to <billing@example.com>.\n\n1. Log in\n7. Open `Billing`\n   and wait\n\n- one\n- two\n  - three\n\n> you wrote\n> this\n\n```sh\nls  -l\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\nBye\n";

#[test]
fn a_letter_reads_as_one() {
    assert_snapshot!(shown(LETTER, 60, Form::Looks), @r"
    Your invoice

    Hello Ada,
    it is in the portal at Billing <https://example.com/billing>
    (yours),
    or write to billing@example.com.

    1. Log in
    7. Open Billing
       and wait

    - one
    - two
      - three

    > you wrote
    > this

    ```sh
        ls  -l

    | a | b |
    |---|---|
    | 1 | 2 |

    ---

    Bye
    ");
}

#[test]
fn without_colours_the_marks_stay() {
    assert_snapshot!(shown("## Now\n\n**bold** *it* `code` ~~no~~", 60, Form::Marks), @r"
    ## Now

    **bold** *it* `code` ~~no~~
    ");
}

#[test]
fn read_aloud_it_has_words_and_no_marks() {
    assert_snapshot!(shown(LETTER, 200, Form::Words), @r"
    Heading 1: Your invoice

    Hello Ada,
    it is in the portal at Billing, a link to https://example.com/billing, (yours),
    or write to billing@example.com.

    1. Log in
    7. Open Billing
    and wait

    Point: one
    Point: two
    Point: three

    Quoted: you wrote
    this

    Code sh:
    ls  -l
    End of the code.

    | a | b |
    |---|---|
    | 1 | 2 |

    (a line across)

    Bye
    ");
}

#[test]
fn what_markdown_hides_is_shown() {
    for (markdown, hidden) in [
        ("see [here](https://evil.example/x \"a title\")", "https://evil.example/x"),
        ("see [here](https://evil.example/x \"a title\")", "a title"),
        ("Hello\n\n[//]: # (I hereby cancel the contract)\n\nBye", "I hereby cancel the contract"),
        ("[a]: https://one.example\n[a]: https://two.example\n\n[a]", "https://two.example"),
        ("> [a]: https://one.example 'secret'\n", "secret"),
        ("- x\n\n  [a]: https://one.example 'secret'\n- y", "secret"),
        ("a <!-- a comment --> b", "a comment"),
        ("<!--\na block\n-->\n", "a block"),
        ("![alt](https://track.example/1.png)", "https://track.example/1.png"),
        ("```sh the info\nx\n```", "the info"),
        ("[text][label]\n\n[label]: /x", "[label]"),
        ("| a |\n|---|\n| b | too many | cells |\n", "too many | cells"),
        ("1. \n2. x", "1."),
    ] {
        for form in [Form::Looks, Form::Marks, Form::Words] {
            let shown = shown(markdown, 80, form);
            assert!(shown.contains(hidden), "{hidden:?} of {markdown:?} in {shown:?}");
        }
    }
}

#[test]
fn nothing_that_a_terminal_would_obey_comes_through() {
    for markdown in
        ["a\u{1b}[2Jb", "a&#27;[2Jb", "[x](https://e.example/\u{202e}a)", "`\u{7}`", "&#8238;x", "a&#13;b"]
    {
        let shown = shown(markdown, 80, Form::Looks);
        assert!(text::is_visible(&shown), "{shown:?}");
    }
}

#[test]
fn lines_end_where_the_text_has_them_and_at_the_edge() {
    assert_eq!(shown("one\ntwo", 80, Form::Looks), "one\ntwo");
    assert_eq!(shown("- one two three", 9, Form::Looks), "- one two\n  three");
    assert_eq!(shown("世界 世界 世界", 9, Form::Looks), "世界 世界\n世界");
    let long = "https://example.com/a/long/path/that/nobody/breaks";
    assert_eq!(shown(&format!("see {long} now"), 20, Form::Looks), format!("see\n{long}\nnow"));
}

proptest! {
    #[test]
    fn no_letter_is_lost(markdown in "[a-e \\n#*_`>|~\\[\\](){}<!:/\"'+.1-]{0,60}") {
        let count = |text: &str, letter: char| text.chars().filter(|c| *c == letter).count();
        for form in [Form::Looks, Form::Marks, Form::Words] {
            let shown = shown(&markdown, 20, form);
            for letter in 'a'..='e' {
                prop_assert!(count(&shown, letter) >= count(&markdown, letter), "{markdown:?}\n{shown}");
            }
        }
    }

    #[test]
    fn whatever_it_is_made_of_it_can_be_shown(markdown in "(?s).{0,200}", columns in 0usize..40) {
        let shown = shown(&markdown, columns, Form::Looks);
        prop_assert!(text::is_visible(&shown), "{shown:?}");
    }
}
