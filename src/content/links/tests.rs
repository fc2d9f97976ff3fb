use proptest::prelude::*;

use super::*;
use crate::render::markdown_to_html;

/// Pieces of which texts are made that try to bring a link past one of the passes.
pub const PIECES: [&str; 56] = [
    "[",
    "](",
    ")",
    "![",
    "]: ",
    "][",
    "]",
    "<",
    ">",
    "(",
    "`",
    "``",
    "```\n",
    "\n",
    "\n\n",
    " ",
    "    ",
    "> ",
    "- ",
    "\\",
    "\\\\",
    "&#46;",
    "&period;",
    "&#58;",
    "&colon;",
    "&#x2F;",
    "&lt;",
    "*",
    "_",
    "**",
    "~~",
    "|",
    "https://",
    "HTTP://",
    "//",
    "www.",
    "evil.example",
    "evil.com/?q=",
    "a.b.co",
    "mailto:",
    "@",
    "eve@evil.example",
    "javascript:",
    "data:text/html,",
    "<a href=\"",
    "<img src=//",
    "<!--",
    "-->",
    "\"",
    "x",
    "ada",
    "#1",
    "/close",
    "[.]",
    "hxxps://",
    "é",
];

fn nothing() -> Known {
    Known::default()
}

fn check(text: &str, expected: &str) {
    let (made, _) = neutral(text, &nothing()).unwrap();
    assert_eq!(made, expected, "{text}");
    assert_still(&made);
}

/// What is left neither leads anywhere by our own passes nor by the bytes of the HTML that goes out.
fn assert_still(made: &str) {
    assert_eq!(unknown(made, &[&nothing()]), [], "{made}");
    let html = markdown_to_html(made).to_lowercase();
    for sign in ["<a ", "<img", "http://", "https://", "www.", "mailto:", "href=\"", "src=\""] {
        let escaped = matches!(sign, "href=\"" | "src=\"");
        assert!(!html.contains(sign) || escaped, "{made}\n{html}");
    }
}

/// Every form of a link, image or loading tag that the notes on security list, and more.
const FORMS: [&str; 62] = [
    "https://evil.example/?q=secret",
    "HTTPS://EVIL.EXAMPLE/?q=secret",
    "http://evil.example",
    "ftp://evil.example/x",
    "ssh://git@evil.example/x",
    "custom+scheme://evil.example",
    "https://evil.example:8443/x#frag",
    "https://user:pass@evil.example/",
    "https://192.0.2.7/x",
    "https://[2001:db8::1]/x",
    "http://3221225991/x",
    "https:\\\\evil.example\\x",
    "//evil.example/x?q=secret",
    "\\\\evilhost\\share",
    "\\\\evil.example\\share\\x",
    "www.evil.example/x",
    "evil.example/?q=secret",
    "secret.evil.com",
    "evil.com",
    "EVIL.Com",
    "192.0.2.7/x",
    "192.0.2.7:8080",
    "evil.xn--p1ai",
    "почта.рф/x",
    "сайт.рф",
    "eve@evil.example",
    "mailto:eve@evil.example?body=secret",
    "tel:+4930123456",
    "javascript:alert(1)",
    "data:text/html,hello",
    "xmpp:eve@evil.example",
    "<https://evil.example/x>",
    "<eve@evil.example>",
    "<scheme:opaque-thing>",
    "[text](https://evil.example/x)",
    "[text](<https://evil.example/x y>)",
    "[text](https://evil.example/x \"title\")",
    "[text](//evil.example/x)",
    "[text](evil.example)",
    "[text](/logout)",
    "[text](javascript:alert(1))",
    "[text](https:evil.example)",
    "[text][1]\n\n[1]: https://evil.example/x",
    "[1][]\n\n[1]: //evil.example",
    "[1]\n\n[1]: <https://evil.example>\n'title'",
    "[unused]: https://evil.example/x",
    "![alt](https://evil.example/x.png)",
    "![](https://evil.example/?q=secret)",
    "![alt][i]\n\n[i]: https://evil.example/x.png",
    "[![alt](https://evil.example/1.png)](https://evil.example/2)",
    "**https://evil.example/x**",
    "_evil.example_",
    "`https://evil.example/x`",
    "```\ncurl https://evil.example/x\n```",
    "| a |\n|---|\n| https://evil.example/x |",
    "https&#58;//evil.example/x",
    "evil&period;example/x",
    "evil\\.example/x",
    "[a](https://evil&period;example)",
    "(see https://evil.example/x).",
    "https://good.example](https://evil.example)",
    "look:https://evil.example",
];

const HTML: [&str; 14] = [
    "<a href=\"https://evil.example\">x</a>",
    "<img src=\"https://evil.example/1.png\">",
    "<img src=//evil.example/1.png>",
    "<IMG SRC='x' onerror=alert(1)>",
    "<script>x()</script>",
    "<style>@import '//evil.example/x';</style>",
    "<iframe src=\"https://evil.example\"></iframe>",
    "<video poster=\"https://evil.example/x\"></video>",
    "<link rel=stylesheet href=https://evil.example/x>",
    "<!-- hidden words -->",
    "<?php x ?>",
    "<![CDATA[x]]>",
    "text <b>bold</b> text",
    "<div>\n\n<b>x</b>\n</div>",
];

#[test]
fn no_form_of_a_link_is_left() {
    for form in FORMS {
        for text in [form.to_owned(), format!("Hello,\n\nplease see {form}\nthanks"), format!("> {form}")] {
            assert!(!unknown(&text, &[&nothing()]).is_empty(), "not seen: {text}");
            let (made, _) = neutral(&text, &nothing()).unwrap();
            assert_still(&made);
        }
    }
}

#[test]
fn no_raw_html_is_left() {
    for form in HTML {
        let (made, changes) = neutral(form, &nothing()).unwrap();
        assert!(changes.html > 0, "{form}");
        let left = found(&made);
        assert!(left.html.is_empty(), "{form} {made}");
        assert_still(&made);
    }
}

#[test]
fn links_become_text_that_a_person_can_read() {
    check("see https://evil.example/x?q=1.", "see hxxps://evil[.]example/x?q=1.");
    check("[portal](https://evil.example/x)", "portal (hxxps://evil[.]example/x)");
    check("![a cat](https://evil.example/1.png)", "a cat (image: hxxps://evil[.]example/1[.]png)");
    check("![](https://evil.example/1.png)", "(image: hxxps://evil[.]example/1[.]png)");
    check("<https://evil.example>", "hxxps://evil[.]example");
    check("eve@evil.example", "eve[at]evil[.]example");
    check("[x](javascript:alert)", "x (javascript[:]alert)");
    check(
        "[x][1]\n\n[1]: https://evil.example",
        "x (hxxps://evil[.]example)\n\n\\[1]: hxxps://evil[.]example",
    );
    check("a <b>b</b>", "a \\<b>b\\</b>");
}

#[test]
fn what_only_looks_like_a_link_stays() {
    for text in [
        "Version 1.2.3 (e.g. v0.9) is out, i.e. now. z.B. so, u.a.m.",
        "See README.md, setup.py, src/main.rs:12 and docs/index.html; a.m. or p.m.",
        "Call `os.path.join(a, b)` or `x.map`.",
        "```\nself.name = np.array(x)\n```",
        "and/or, 24/7, 1/2, C:\\Users, // comment",
        "Ratio 3:2; note: yes. \"tel: none\"",
        "I said so.Please answer, Dr.Müller.",
        "a < b > c, x <- y, 5 <6",
        "[ ] todo, [x] done, [1], see [above].",
        "hxxps://evil[.]example/x",
    ] {
        assert_eq!(neutral(text, &nothing()), Some((text.to_owned(), Changes::default())));
    }
}

#[test]
fn links_of_the_thread_stay_and_only_exactly() {
    let mut known = nothing();
    known.learn("> please see https://shop.example/orders?id=7, or www.shop.example (ask ada@shop.example)");
    for same in [
        "https://shop.example/orders?id=7",
        "[your order](https://shop.example/orders?id=7)",
        "HTTPS://Shop.Example/orders?id=7",
        "<https://shop.example/orders?id=7>",
        "(https://shop.example/orders?id=7).",
        "www.shop.example",
        "https://www.shop.example/",
        "Ada@shop.example",
    ] {
        assert_eq!(unknown(same, &[&known]), [], "{same}");
        assert_eq!(neutral(same, &known).unwrap().0, same);
    }
    for other in [
        "https://shop.example/orders?id=8",
        "https://shop.example/orders?id=7&x=secret",
        "https://shop.example/orders",
        "https://shop.example/Orders?id=7",
        "http://shop.example/orders?id=7",
        "https://shop.example.evil.example/orders?id=7",
        "https://shop.example@evil.example/orders?id=7",
        "eve@shop.example",
    ] {
        assert_ne!(unknown(other, &[&known]), [], "{other}");
    }
    // An image would be loaded from there, whoever named it.
    assert_eq!(
        neutral("![x](https://shop.example/orders?id=7)", &known).unwrap().0,
        "x (image: https://shop.example/orders?id=7)"
    );
}

#[test]
fn the_list_of_the_policy_is_prefixes_by_whole_segments() {
    let allow = ["https://docs.example.com/", "https://example.com/help", "mailto:help@example.com"];
    let known = Known::new(&Rules::new(&allow.map(str::to_owned), false).unwrap());
    for allowed in [
        "https://docs.example.com/",
        "https://DOCS.example.com/a/b?c=d#e",
        "docs.example.com",
        "https://example.com/help",
        "https://example.com/help/1",
        "https://example.com/help?x",
        "help@example.com",
    ] {
        assert_eq!(unknown(allowed, &[&known]), [], "{allowed}");
    }
    for other in [
        "http://docs.example.com/",
        "https://docs.example.com.evil.example/",
        "https://docs.example.com@evil.example/",
        "https://docs.example.com:8443/",
        "https://evil.example/https://docs.example.com/",
        "https://example.com/helpers",
        "https://example.com/help/../admin",
        "https://example.com/help/%2e%2e/admin",
        "https://example.com/",
        "https://docs.example.com\\@evil.example/",
        "//evil.example/docs.example.com",
        "eve@example.com",
    ] {
        assert_ne!(unknown(other, &[&known]), [], "{other}");
    }
    for wrong in
        ["docs.example.com", "ftp://example.com/", "https://", "https://a@b.c/", "https://a.b/?x", "mailto:x"]
    {
        assert_eq!(Rules::new(&[wrong.to_owned()], false), Err(wrong.to_owned()));
    }
}

#[test]
fn a_long_and_tangled_text_is_done_in_reasonable_time() {
    for piece in
        ["[", "![", "[x](", "<", "`", "https://evil.example/ ", "[a](https://e.example) ", "&#46;", "> "]
    {
        let text = piece.repeat(200_000 / piece.len());
        let began = std::time::Instant::now();
        let _ = neutral(&text, &nothing());
        assert!(began.elapsed().as_secs() < 30, "{piece}: {:?}", began.elapsed());
    }
}

#[test]
fn learning_a_quarter_of_a_mebibyte_takes_no_time_to_speak_of() {
    const SIZE: usize = 256 * 1024;
    let nested = format!("{}{}", "![a".repeat(SIZE / 16), "](x)".repeat(SIZE / 16));
    for text in [
        format!("https://a.example/{}", ")".repeat(SIZE)),
        format!("https://a.example/{}", "()".repeat(SIZE / 2)),
        format!("a.example/{}", ").".repeat(SIZE / 2)),
        "1.".repeat(SIZE / 2),
        format!("a.example.{}", "1.".repeat(SIZE / 2)),
        nested,
    ] {
        let began = std::time::Instant::now();
        nothing().learn(&text);
        let start: String = text.chars().take(24).collect();
        assert!(began.elapsed().as_secs() < 15, "{start}: {:?}", began.elapsed());
    }
}

#[test]
fn hosts_are_found_in_the_order_of_the_text() {
    let found: Vec<String> = plain("1.2.3.4/x a.example:80 5.6.7.8.b.example 10.0.0.1.2.3.4.5/y", &[])
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    assert_eq!(
        found,
        ["https://1.2.3.4/x", "https://a.example:80/", "https://5.6.7.8.b.example/", "https://2.3.4.5/y"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn whatever_is_put_together_is_made_still(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..14),
    ) {
        let text = pieces.concat();
        let Some((made, _)) = neutral(&text, &nothing()) else { return Ok(()) };
        let left = found(&made);
        prop_assert!(left.html.is_empty() && left.links.is_empty(), "{text:?} {made:?}");
        let html = markdown_to_html(&made).to_lowercase();
        for sign in ["<a ", "<img", "http://", "https://"] {
            prop_assert!(!html.contains(sign), "{text:?} {made:?} {html:?}");
        }
        prop_assert_eq!(neutral(&made, &nothing()), Some((made, Changes::default())));
    }

    #[test]
    fn any_text_can_be_read(text in "(?s).*") {
        let mut known = nothing();
        known.learn(&text);
        let _ = neutral(&text, &nothing());
        prop_assert!(unknown(&text, &[&known]).is_empty());
    }
}
