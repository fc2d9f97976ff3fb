//! Turns HTML into the text that a person would see of it.
//!
//! What HTML hides is not part of the text: a mark says how much it is, so that a brain never reads what
//! a person does not. Comments, scripts and tooltips leave no mark. Nothing is ever loaded. What hides
//! is found by heuristics; what they miss stands in the text, for brain and person alike.

use std::collections::HashMap;

use mail_parser::decoders::html::add_html_token;

use crate::connector::mail::style::{self, Look, Sheet};
use crate::text;

/// How many elements within elements are told apart; what is deeper looks like what it stands in.
const DEPTH_MAX: usize = 256;

/// Attributes of one element that are looked at.
const ATTRIBUTES_MAX: usize = 64;

/// Characters of a link's address and of an image's description.
const LINK_CHARS_MAX: usize = 400;
const IMAGE_CHARS_MAX: usize = 120;

/// Elements without an end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];

/// Elements whose content is no text of the page, up to their end.
const SKIPPED: [&str; 9] =
    ["applet", "iframe", "noembed", "noframes", "object", "script", "style", "template", "title"];

/// Elements that begin and end a line.
const BLOCKS: [&str; 36] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "details",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "html",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "ul",
];

/// Elements of a table, which nothing outside of it ends.
const TABLE: [&str; 9] = ["table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "colgroup"];

/// What a person would see.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The text, lines ended by `\n`.
    pub text: String,
    /// Letters and signs that HTML hides.
    pub hidden: usize,
    /// Whether a link's text names another place than the one that it leads to.
    pub disguised: bool,
}

/// Returns what a person would see of a page.
pub fn seen(html: &str) -> Seen {
    let mut page = Page {
        html,
        at: 0,
        open: Vec::new(),
        too_deep: HashMap::new(),
        sheet: Sheet::default(),
        out: Out::default(),
    };
    while page.at < html.len() {
        page.step();
    }
    while let Some(open) = page.open.pop() {
        page.out.close(&open);
    }
    page.out.flush_hidden();
    Seen {
        text: page.out.text.trim_end().to_owned(),
        hidden: page.out.hidden_all,
        disguised: page.out.disguised,
    }
}

struct Page<'h> {
    html: &'h str,
    at: usize,
    open: Vec<Open>,
    /// How many elements of each name are open within the last of `open`, too deep to be told apart.
    too_deep: HashMap<String, usize>,
    sheet: Sheet,
    out: Out,
}

/// An element that is open.
struct Open {
    name: String,
    look: Look,
    /// Where it leads, and where its text begins.
    link: Option<(String, usize)>,
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Page<'_> {
    fn step(&mut self) {
        let rest = &self.html[self.at..];
        let next = rest.as_bytes().get(1).copied().unwrap_or_default();
        if !rest.starts_with('<') {
            let end = rest.find('<').unwrap_or(rest.len());
            self.at += end;
            self.text(end);
        } else if let Some(comment) = rest.strip_prefix("<!--") {
            // `<!-->` is one, too.
            let closed = comment.strip_prefix('>').or_else(|| comment.strip_prefix("->"));
            let after = closed.or_else(|| comment.find("-->").map(|end| &comment[end + 3..]));
            self.at = after.map_or(self.html.len(), |after| self.html.len() - after.len());
        } else if next.is_ascii_alphabetic() {
            self.start();
        } else if next == b'/' && rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) {
            let name_end = rest[2..].find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
            let name = rest[2..name_end.map_or(rest.len(), |end| end + 2)].to_ascii_lowercase();
            self.at += rest.find('>').map_or(rest.len(), |end| end + 1);
            self.end(&name);
        } else if matches!(next, b'!' | b'?' | b'/') {
            self.at += rest.find('>').map_or(rest.len(), |end| end + 1);
        } else {
            self.at += 1;
            self.text(1);
        }
    }

    /// Takes the `length` bytes before the place as text.
    fn text(&mut self, length: usize) {
        let decoded = decoded(&self.html[self.at - length..self.at]);
        let (hides, keeps) = match self.open.last() {
            Some(open) => (open.look.hides(), self.open.iter().any(|open| open.name == "pre")),
            None => (false, false),
        };
        self.out.text(&decoded, hides, keeps);
    }

    fn start(&mut self) {
        let Some((tag, length)) = tag(&self.html[self.at + 1..]) else {
            self.at = self.html.len();
            return;
        };
        self.at += 1 + length;
        let name = tag.name.as_str();
        if SKIPPED.contains(&name) {
            self.skip(name);
            return;
        }
        self.end_implied(name);
        let outer = self.open.last().map(|open| open.look).unwrap_or_default();
        let mut look = outer;
        for declarations in self.sheet.of(name, tag.attribute("class"), tag.attribute("id")) {
            look.wears(declarations);
        }
        let colour = |key: &str| tag.attribute(key).and_then(style::colour);
        if let Some(background) = colour("bgcolor") {
            look.background = Some(background);
        }
        if tag.attribute("background").is_some() {
            look.background = None;
        }
        if let Some(ink) = colour(if name == "body" { "text" } else { "color" }) {
            look.ink = Some(ink);
        } else if name == "a" {
            look.ink = None;
        }
        if tag.attribute("hidden").is_some() {
            look.is_gone = true;
        }
        if let Some(declarations) = tag.attribute("style") {
            look.wears(declarations);
        }
        if name == "img" {
            let shown = text::one_line(tag.attribute("alt").unwrap_or_default(), IMAGE_CHARS_MAX);
            if !shown.is_empty() {
                self.out.text(&format!("[image: {shown}]"), look.hides(), false);
            }
        }
        if BLOCKS.contains(&name) || matches!(name, "br" | "hr" | "tr") {
            self.out.line(name == "p" || name == "br");
        } else if matches!(name, "td" | "th") {
            self.out.text(" ", false, false);
        }
        if VOID.contains(&name) {
            return;
        }
        if self.open.len() >= DEPTH_MAX {
            *self.too_deep.entry(tag.name).or_default() += 1;
            return;
        }
        let link = tag.attribute("href").filter(|_| name == "a" && !look.hides());
        let link = link.map(|href| (href.trim().to_owned(), self.out.text.len()));
        self.open.push(Open { name: tag.name, look, link });
    }

    /// Leaves out an element and all that is in it.
    fn skip(&mut self, name: &str) {
        let rest = &self.html.as_bytes()[self.at..];
        let is_end =
            |window: &[u8]| window.starts_with(b"</") && window[2..].eq_ignore_ascii_case(name.as_bytes());
        let end = rest.windows(name.len() + 2).position(is_end).unwrap_or(rest.len());
        if name == "style" {
            self.sheet.read(&self.html[self.at..self.at + end]);
        }
        self.at += end;
    }

    fn end(&mut self, name: &str) {
        if name == "p" || name == "tr" {
            self.out.line(name == "p");
        }
        if let Some(count) = self.too_deep.get_mut(name).filter(|count| **count > 0) {
            *count -= 1;
            return;
        }
        let is_table = TABLE.contains(&name);
        let is_block = BLOCKS.contains(&name);
        if (!is_table && self.is_deep_in(&TABLE)) || (!is_block && !is_table && self.is_deep_in(&BLOCKS)) {
            return;
        }
        for place in (0..self.open.len()).rev() {
            let open = self.open[place].name.as_str();
            if open == name {
                self.close_to(place);
                return;
            }
            // A cell ends with its table, and a word in bold ends no paragraph.
            if (TABLE.contains(&open) && !is_table) || (BLOCKS.contains(&open) && !is_block && !is_table) {
                return;
            }
        }
    }

    /// Ends what the beginning of another element ends without saying so.
    fn end_implied(&mut self, name: &str) {
        let ended: &[&str] = match name {
            "li" => &["li"],
            "dt" | "dd" => &["dt", "dd"],
            "td" | "th" => &["td", "th"],
            "tr" => &["tr"],
            "thead" | "tbody" | "tfoot" => &["thead", "tbody", "tfoot"],
            "option" => &["option"],
            name if BLOCKS.contains(&name) || name == "hr" => &["p"],
            _ => return,
        };
        let within: &[&str] = match name {
            "li" => &["ul", "ol", "menu", "dir", "td", "th"],
            "dt" | "dd" => &["dl", "td", "th"],
            "td" | "th" => &["tr", "table"],
            "tr" | "thead" | "tbody" | "tfoot" => &["table"],
            "option" => &["select"],
            _ => &["td", "th", "table", "div", "li", "blockquote", "section", "article", "center"],
        };
        if self.is_deep_in(ended) || self.is_deep_in(within) {
            return;
        }
        for place in (0..self.open.len()).rev() {
            let open = self.open[place].name.as_str();
            if ended.contains(&open) {
                self.close_to(place);
                return;
            }
            if within.contains(&open) {
                return;
            }
        }
    }

    /// Tells whether one of these is open, too deep to be told apart.
    fn is_deep_in(&self, names: &[&str]) -> bool {
        !self.too_deep.is_empty()
            && names.iter().any(|name| self.too_deep.get(*name).is_some_and(|count| *count > 0))
    }

    fn close_to(&mut self, place: usize) {
        while self.open.len() > place {
            if let Some(open) = self.open.pop() {
                self.out.close(&open);
                self.too_deep.clear();
            }
        }
    }
}

/// The text as far as it is written.
#[derive(Default)]
struct Out {
    text: String,
    /// A space is due before the next word.
    space: bool,
    /// Hidden letters since the last visible one.
    hidden: usize,
    hidden_all: usize,
    disguised: bool,
}

impl Out {
    fn text(&mut self, text: &str, hides: bool, keeps_space: bool) {
        if hides {
            self.hidden += text.chars().filter(|c| !c.is_whitespace() && !text::is_hidden(*c)).count();
            return;
        }
        if keeps_space {
            self.flush_hidden();
            self.text.push_str(text);
            return;
        }
        // A space that does not break is one that a person sees as a space.
        for c in text.chars() {
            if c.is_whitespace() {
                self.space = true;
                continue;
            }
            self.flush_hidden();
            if self.space && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
                self.text.push(' ');
            }
            self.space = false;
            self.text.push(c);
        }
    }

    fn line(&mut self, always: bool) {
        self.space = false;
        let begins = self.text.is_empty() || self.text.ends_with("\n\n");
        if !begins && (always || !self.text.ends_with('\n')) {
            self.text.push('\n');
        }
    }

    fn flush_hidden(&mut self) {
        if self.hidden == 0 {
            return;
        }
        self.hidden_all += self.hidden;
        if !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
            self.text.push(' ');
        }
        self.text.push_str(&format!("[hidden: {} characters of HTML]", self.hidden));
        self.hidden = 0;
        self.space = true;
    }

    fn close(&mut self, open: &Open) {
        if let Some((href, start)) = &open.link {
            self.lead(href, *start);
        }
        if BLOCKS.contains(&open.name.as_str()) {
            self.line(false);
        }
    }

    /// Says where a link leads, unless its text says so.
    fn lead(&mut self, href: &str, start: usize) {
        let shown = self.text.get(start..).unwrap_or_default().trim();
        let lower = href.to_ascii_lowercase();
        let leads = ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme));
        if !leads || shown == href || href.strip_prefix("mailto:") == Some(shown) {
            return;
        }
        let named = host_of(shown);
        self.disguised |= named.is_some() && named != host_of(href);
        let href = text::one_line(href, LINK_CHARS_MAX).replace(['<', '>'], "");
        self.flush_hidden();
        self.text.push_str(&format!(" <{href}>"));
        self.space = true;
    }
}

/// Returns the host that a text names, if it is a web address and nothing else.
fn host_of(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let after = ["https://", "http://"].iter().find_map(|scheme| lower.strip_prefix(scheme));
    let rest = after.unwrap_or(&lower);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_start_matches("www.");
    let plain = host.contains('.')
        && host.split('.').all(|label| !label.is_empty())
        && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
        && (after.is_some() || host.rsplit('.').next().is_some_and(|last| last.len() > 1));
    plain.then(|| host.to_owned())
}

/// Reads a tag behind its `<`; none where it does not end.
fn tag(rest: &str) -> Option<(Tag, usize)> {
    let bytes = rest.as_bytes();
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let mut at = bytes.iter().position(|&byte| ends(byte))?;
    let name = rest[..at].to_ascii_lowercase();
    let mut attributes = Vec::new();
    loop {
        while bytes.get(at).is_some_and(|&byte| byte.is_ascii_whitespace() || byte == b'/') {
            at += 1;
        }
        if *bytes.get(at)? == b'>' {
            return Some((Tag { name, attributes }, at + 1));
        }
        let start = at;
        // An `=` at the beginning is part of the name.
        at += 1;
        while !ends(*bytes.get(at)?) && bytes[at] != b'=' {
            at += 1;
        }
        let key = rest.get(start..at).unwrap_or_default().to_ascii_lowercase();
        let mut after = at;
        while bytes.get(after)?.is_ascii_whitespace() {
            after += 1;
        }
        let mut value = "";
        if bytes[after] == b'=' {
            at = after + 1;
            while bytes.get(at)?.is_ascii_whitespace() {
                at += 1;
            }
            let (from, to) = match bytes[at] {
                quote @ (b'"' | b'\'') => {
                    let from = at + 1;
                    let to = from + bytes[from..].iter().position(|&byte| byte == quote)?;
                    at = to + 1;
                    (from, to)
                }
                _ => {
                    let from = at;
                    let end = |byte: u8| byte.is_ascii_whitespace() || byte == b'>';
                    at = from + bytes[from..].iter().position(|&byte| end(byte))?;
                    (from, at)
                }
            };
            value = rest.get(from..to).unwrap_or_default();
        }
        if attributes.len() < ATTRIBUTES_MAX && !attributes.iter().any(|(known, _)| *known == key) {
            attributes.push((key, decoded(value)));
        }
    }
}

/// Undoes entities, also those that nobody ended.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        let length =
            rest.bytes().skip(1).take(40).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
        let name = &rest[..=length];
        let is_ended = rest.as_bytes().get(length + 1) == Some(&b';');
        let is_old = name.starts_with("&#") || ["&amp", "&lt", "&gt", "&quot", "&nbsp"].contains(&name);
        let token = format!("{name};");
        let mut character = String::new();
        if length > 0 && (is_ended || is_old) {
            add_html_token(&mut character, token.as_bytes(), false);
        }
        if !character.is_empty() && character != token {
            decoded.push_str(&character);
            rest = &rest[length + 1 + usize::from(is_ended)..];
        } else {
            decoded.push('&');
            rest = &rest[1..];
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(html: &str, expected: &str) {
        assert_eq!(seen(html).text, expected, "{html}");
    }

    #[test]
    fn a_page_becomes_the_text_that_a_person_sees() {
        check("<p>hello<br>there</p>", "hello\nthere");
        check(
            "<html><head><title>t</title><style>p{}</style></head><body> <p>a  b</p>\n<p>c</p></body>",
            "a b\n\nc",
        );
        check(
            "a&amp;b &lt;x&gt; &eacute; &#233; &#xe9; &nope; &amp c&nbsp;d &",
            "a&b <x> é é é &nope; & c d &",
        );
        check("<ul><li>one<li>two</ul>x", "one\ntwo\nx");
        check("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc");
        check("<pre>a\n  b</pre>", "a\n  b");
        check("1 < 2 <3 a<b", "1 < 2 <3 a");
        check("x<script>alert('</p>')</script>y<!-- c --><!-->z", "xyz");
        check("<p title='tip'>x</p><img src=x alt='a cat'><img src=y alt=''>", "x\n[image: a cat]");
        check("", "");
    }

    #[test]
    fn where_a_link_leads_is_said() {
        check("<a href='https://a.example/x'>portal</a>!", "portal <https://a.example/x> !");
        check("<a href='https://a.example/x'>https://a.example/x</a>", "https://a.example/x");
        check("<a href='mailto:ada@a.example'>ada@a.example</a>", "ada@a.example");
        check("<a href='javascript:x()'>x</a><a name=y>z</a>", "xz");
        assert!(seen("<a href='https://evil.example/'>www.bank.example</a>").disguised);
        assert!(!seen("<a href='https://www.bank.example/login'>bank.example</a>").disguised);
        assert!(!seen("<a href='https://news.example/1'>Read more...</a>").disguised);
    }

    #[test]
    fn what_html_hides_is_a_mark_and_no_text() {
        for hidden in [
            "<div style='display:none'>SECRET</div>",
            "<div style='DISPLAY : None !important;'>SECRET</div>",
            "<span style=\"color:red;visibility:hidden\">SECRET</span>",
            "<div hidden>SECRET</div>",
            "<div hidden=until-found><p>SEC<b>RET</b></p></div>",
            "<p style='font-size:0'>SECRET</p>",
            "<p style='font-size:1px;color:#000'>SECRET</p>",
            "<p style='font:0px/1 serif'>SECRET</p>",
            "<p style='opacity:0.0'>SECRET</p>",
            "<p style='color:#ffffff'>SECRET</p>",
            "<p style='color:white'>SECRET</p>",
            "<font color=white>SECRET</font>",
            "<font color='#FEFEFE'>SECRET</font>",
            "<td bgcolor='#112233'><span style='color:rgb(17, 34, 51)'>SECRET</span></td>",
            "<div style='background:#000'>SECRET</div>",
            "<p style='color:transparent'>SECRET</p>",
            "<p style='color:rgba(0,0,0,0)'>SECRET</p>",
            "<div style='max-height:0;overflow:hidden'>SECRET</div>",
            "<div style='position:absolute;left:-9999px'>SECRET</div>",
            "<div style='text-indent:-9999px'>SECRET</div>",
            "<div style='mso-hide:all'>SECRET</div>",
            "<style>.x{display:none}</style><p class='a x'>SECRET</p>",
            "<style>#x, .y { font-size : 0 }</style><p id=x>SECRET</p>",
            "<style>/* c */ p.q{color:#fff}</style><p class=q>SECRET</p>",
            "<div style='display:none'><div>SEC</div>R<p>ET</div>",
            "<img alt=SECRET style='display:none'>",
        ] {
            let seen = seen(&format!("<p>before</p>{hidden}<p>after</p>"));
            assert!(!seen.text.contains("SEC"), "{hidden}: {}", seen.text);
            assert!(seen.text.contains("before") && seen.text.contains("after"), "{hidden}: {}", seen.text);
            assert!(seen.text.contains("[hidden: "), "{hidden}: {}", seen.text);
            assert!(seen.hidden >= 6, "{hidden}: {}", seen.hidden);
        }
        check("a<span hidden>bcd</span>e", "a [hidden: 3 characters of HTML] e");
    }

    #[test]
    fn what_only_looks_hidden_is_text() {
        for shown in [
            "<div style='display:block'>TEXT</div>",
            "<p style='font-size:10px'>TEXT</p>",
            "<p style='font-size:0'><span style='font-size:14px'>TEXT</span></p>",
            "<p style='visibility:hidden'><span style='visibility:visible'>TEXT</span></p>",
            "<td bgcolor=#0000ff><font color=white>TEXT</font></td>",
            "<div style='background:#00f url(x.png)'><p style='color:#fff'>TEXT</p></div>",
            "<a style='color:#fff;background-color:#00f' href=x>TEXT</a>",
            "<style>@media (max-width:600px){.m{display:none}}</style><p class=m>TEXT</p>",
            "<style>.b{background:#123456}</style><p class=b style='color:#fff'>TEXT</p>",
            "<p hidden>x<p>TEXT",
            "<ul><li hidden>x<li>TEXT</ul>",
            "<div style='max-height:0'>TEXT</div>",
            "<div style='opacity:0.9'>TEXT</div>",
        ] {
            assert!(seen(shown).text.contains("TEXT"), "{shown}: {}", seen(shown).text);
        }
        // What holds no letter is no hidden text: newsletters pad their previews so.
        assert_eq!(
            seen("<div style='display:none'>&nbsp;&zwnj; &nbsp;\u{200b}</div>x"),
            Seen { text: "x".to_owned(), ..Seen::default() }
        );
    }

    #[test]
    fn an_end_too_deep_to_be_told_apart_ends_nothing_that_is_open() {
        let deep = "<b>".repeat(DEPTH_MAX - 1);
        for inner in
            ["<i></i>", "<div></div>", "<div><div></div></div>", "<p><span></span></p>", "<div></b></div>"]
        {
            let inner = inner.repeat(3);
            let seen = seen(&format!("<div hidden>{deep}{inner}SECRET</div>shown"));
            assert!(!seen.text.contains("SECRET"), "{inner}: {}", seen.text);
            assert!(seen.text.ends_with("shown"), "{inner}: {}", seen.text);
        }
        // What was never ended ends with what it stands in.
        let seen = seen(&format!("<div hidden>{deep}<div><div>SECRET</div></div></div>shown</div>"));
        assert_eq!(seen.text, "[hidden: 6 characters of HTML] shown");
    }

    #[test]
    fn bombs_take_linear_time() {
        let began = std::time::Instant::now();
        for piece in [
            "<div>",
            "<div hidden>",
            "<b><p>",
            "</p>",
            "<!--",
            "<a href='",
            "<x y=",
            "&",
            "&#",
            "<td>",
            "<style>",
            "<script>",
            "<style>a{</style>",
            "<p class=x>",
            "<li><ul>",
        ] {
            let page = piece.repeat(1_000_000 / piece.len());
            let seen = seen(&page);
            assert!(seen.text.len() <= page.len() + 100);
        }
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }

    proptest! {
        #[test]
        fn any_page_can_be_seen(page in "(?s).*", pieces in prop::collection::vec(prop::sample::select(vec!["<", ">", "</", "p", "div", " style='", "display:none", "'", "=", "&", "#", ";", "<!--", "-->", "é", "x", "<style>", "</style>", "{", "}", "@media"]), 0..30)) {
            seen(&page);
            seen(&pieces.concat());
        }
    }
}
