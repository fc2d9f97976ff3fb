//! Makes lines for a terminal of an answer's Markdown.
//!
//! Everything here is a function of its arguments: no terminal, no colour. What it must never do is leave
//! something out: the answer goes out as the text that it is, so whatever Markdown hides (where a link
//! leads, its title, a definition that nobody refers to, a comment in HTML) is shown. What a terminal
//! would obey becomes a mark.

use std::mem;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::text;

/// The widest lines that are still read with ease.
const COLUMNS_MAX: usize = 100;

/// How a part of a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As text.
    Plain,
    /// Bold.
    Strong,
    /// In italics.
    Emphasis,
    /// Of a program or a machine.
    Code,
    /// A heading.
    Heading,
    /// Where a link leads.
    Link,
    /// Crossed out.
    Struck,
    /// What frames the text.
    Faint,
    /// Put in by a person.
    Added,
    /// Taken out by a person.
    Removed,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it says; visible, without line ends.
    pub text: String,
    /// How it looks.
    pub look: Look,
}

/// A line.
pub type Line = Vec<Span>;

/// By what bold, headings and the like can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By colours and weights.
    Looks,
    /// By Markdown's own marks: there are no colours.
    Marks,
    /// By words: it is read aloud.
    Words,
}

/// How lines are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The width of the terminal; none for lines as long as their paragraphs.
    pub columns: Option<usize>,
    /// By what bold can be told.
    pub form: Form,
}

/// Makes a part of a line; what a terminal would obey becomes a mark.
pub fn span(look: Look, text: &str) -> Span {
    // A line end has no business in a line.
    Span { text: text::visible(text).replace(['\n', '\t'], " "), look }
}

/// Makes lines of Markdown.
pub fn lines(markdown: &str, style: Style) -> Vec<Line> {
    let source = text::visible(markdown);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut writer = Writer {
        source: &source,
        style,
        lines: Vec::new(),
        inline: Vec::new(),
        looks: Vec::new(),
        frames: Vec::new(),
        links: Vec::new(),
        seen: 0,
        wants_gap: false,
        code: None,
    };
    let mut skipped_until = 0;
    for (event, range) in Parser::new_ext(&source, options).into_offset_iter() {
        if range.start < skipped_until {
            continue;
        }
        // A table is read best as it was written.
        if let Event::Start(Tag::Table(_)) = event {
            skipped_until = range.end;
            writer.hidden_before(range.start);
            writer.flush();
            writer.wants_gap = writer.is_after_blank(range.start);
            writer.verbatim(&source[range.clone()], Look::Plain);
            writer.seen = range.end;
            continue;
        }
        writer.event(event, range);
    }
    writer.hidden_before(source.len());
    writer.flush();
    writer.lines
}

/// Wraps one paragraph of spans, `first` before its first line and `rest` before the others.
pub fn wrapped(spans: &[Span], first: &[Span], rest: &[Span], columns: Option<usize>) -> Vec<Line> {
    let room = columns.map(|columns| columns.min(COLUMNS_MAX));
    let width = |line: &[Span]| -> usize { line.iter().map(|span| text::columns(&span.text)).sum() };
    let mut lines = Vec::new();
    let mut line: Line = first.to_vec();
    let mut used = width(first);
    let mut is_empty = true;
    // A word may change its look in the middle; it is not broken there.
    for word in words(spans) {
        let wide = width(&word);
        let is_space = word.iter().all(|span| span.text.trim().is_empty());
        if room.is_some_and(|room| used + wide > room) && !is_empty && !is_space {
            lines.push(trimmed(mem::replace(&mut line, rest.to_vec())));
            used = width(rest);
        }
        is_empty = false;
        used += wide;
        for span in word {
            match line.last_mut() {
                Some(last) if last.look == span.look => last.text.push_str(&span.text),
                _ => line.push(span),
            }
        }
    }
    lines.push(trimmed(line));
    lines
}

fn trimmed(mut line: Line) -> Line {
    while let Some(last) = line.last_mut() {
        let kept = last.text.trim_end().len();
        last.text.truncate(kept);
        if kept > 0 {
            break;
        }
        line.pop();
    }
    line
}

/// Cuts spans into words and the spaces between them.
fn words(spans: &[Span]) -> Vec<Line> {
    let mut words: Vec<Line> = Vec::new();
    let mut in_space = None;
    for span in spans {
        for piece in span.text.split_inclusive(' ').flat_map(|piece| match piece.strip_suffix(' ') {
            Some(word) => [word, " "],
            None => [piece, ""],
        }) {
            if piece.is_empty() {
                continue;
            }
            let is_space = piece == " ";
            let piece = Span { text: piece.to_owned(), look: span.look };
            match words.last_mut() {
                Some(word) if in_space == Some(is_space) => word.push(piece),
                _ => words.push(vec![piece]),
            }
            in_space = Some(is_space);
        }
    }
    words
}

/// What stands before the lines of a container: before the first one, and before the others.
struct Frame {
    first: Option<Span>,
    rest: Span,
}

struct Writer<'a> {
    source: &'a str,
    style: Style,
    lines: Vec<Line>,
    /// The paragraph that is under way, line by line.
    inline: Vec<Line>,
    looks: Vec<Look>,
    frames: Vec<Frame>,
    /// What is to be said behind links that are under way: a label, and where they lead.
    links: Vec<(String, String)>,
    /// Up to where the source has been shown.
    seen: usize,
    /// Whether an empty line belongs before the next one.
    wants_gap: bool,
    /// The text of a code block that is under way.
    code: Option<String>,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        let is_container =
            matches!(&event, Event::Start(Tag::BlockQuote(_) | Tag::List(_) | Tag::Item) | Event::End(_));
        if !is_container {
            self.hidden_before(range.start);
            self.seen = self.seen.max(range.end);
            if self.inline.is_empty() && self.code.is_none() {
                self.wants_gap = self.is_after_blank(range.start);
            }
        }
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.push(self.look(), &text),
            },
            Event::Code(code) => self.marked("`", Look::Code, &code),
            Event::Html(html) | Event::InlineHtml(html) => match &mut self.code {
                Some(code) => code.push_str(&html),
                None => self.push(Look::Code, &html),
            },
            // The text goes out as it is, so its lines end where they end.
            Event::SoftBreak | Event::HardBreak => self.inline.push(Line::new()),
            Event::Rule => {
                self.flush();
                let rule = match self.style.form {
                    Form::Words => "(a line across)",
                    Form::Looks | Form::Marks => "---",
                };
                self.push(Look::Faint, rule);
                self.flush();
            }
            // Not asked for; whatever it would be is shown as it stands there.
            Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => self.push(Look::Plain, &self.source[range]),
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        let form = self.style.form;
        match tag {
            Tag::Paragraph => self.flush(),
            Tag::Heading { level, .. } => {
                self.flush();
                self.looks.push(Look::Heading);
                match form {
                    Form::Looks => {}
                    Form::Marks => self.push(Look::Heading, &format!("{} ", "#".repeat(level as usize))),
                    Form::Words => self.push(Look::Plain, &format!("Heading {}: ", level as usize)),
                }
            }
            Tag::BlockQuote(_) => {
                self.flush();
                match form {
                    Form::Words => self.frame("Quoted: ", ""),
                    Form::Looks | Form::Marks => self.frame("> ", "> "),
                }
            }
            Tag::List(_) => self.flush(),
            Tag::Item => {
                self.flush();
                // The number as it was written, and not as HTML would count it.
                let item = &self.source[range];
                let mark = item.split([' ', '\t', '\n']).next().unwrap_or_default();
                let mark = if matches!(mark, "-" | "*" | "+") && form != Form::Words { "-" } else { mark };
                let mark = match form {
                    Form::Words if matches!(mark, "-" | "*" | "+") => "Point: ".to_owned(),
                    Form::Looks | Form::Marks | Form::Words => format!("{mark} "),
                };
                let rest = " ".repeat(if form == Form::Words { 0 } else { text::columns(&mark) });
                self.frame(&mark, &rest);
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                if let CodeBlockKind::Fenced(info) = &kind {
                    match form {
                        Form::Words => self.push(Look::Plain, &format!("Code {info}:")),
                        Form::Looks | Form::Marks => self.push(Look::Faint, &format!("```{info}")),
                    }
                    self.flush();
                }
                self.code = Some(String::new());
            }
            Tag::HtmlBlock => {
                self.flush();
                self.code = Some(String::new());
            }
            Tag::Emphasis => self.inline_start("*", Look::Emphasis),
            Tag::Strong => self.inline_start("**", Look::Strong),
            Tag::Strikethrough => self.inline_start("~~", Look::Struck),
            Tag::Link { link_type, dest_url, title, id } => self.link(link_type, &dest_url, &title, &id),
            Tag::Image { link_type, dest_url, title, id } => {
                self.push(Look::Faint, "[image: ");
                self.link(link_type, &dest_url, &title, &id);
            }
            // Not asked for, or shown as it was written.
            Tag::Table(_)
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.flush(),
            TagEnd::Heading(_) => {
                self.looks.pop();
                self.flush();
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.flush();
                // One with nothing in it stands there all the same.
                if self.frames.last().is_some_and(|frame| frame.first.is_some()) {
                    self.inline.push(Line::new());
                    self.flush();
                }
                self.frames.pop();
            }
            TagEnd::CodeBlock | TagEnd::HtmlBlock => {
                let code = self.code.take().unwrap_or_default();
                self.verbatim(&code, Look::Code);
                if tag == TagEnd::CodeBlock && self.style.form == Form::Words {
                    self.push(Look::Plain, "End of the code.");
                    self.flush();
                }
            }
            TagEnd::List(_) => self.flush(),
            TagEnd::Emphasis => self.inline_end("*"),
            TagEnd::Strong => self.inline_end("**"),
            TagEnd::Strikethrough => self.inline_end("~~"),
            TagEnd::Link => self.link_end(""),
            TagEnd::Image => self.link_end("]"),
            TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn look(&self) -> Look {
        self.looks.last().copied().unwrap_or(Look::Plain)
    }

    fn push(&mut self, look: Look, text: &str) {
        // An entity may stand for anything, a line end among it.
        if self.inline.is_empty() {
            self.inline.push(Line::new());
        }
        if let Some(line) = self.inline.last_mut() {
            line.push(span(look, text));
        }
    }

    fn marked(&mut self, mark: &str, look: Look, text: &str) {
        match self.style.form {
            Form::Marks => self.push(look, &format!("{mark}{text}{mark}")),
            Form::Looks | Form::Words => self.push(look, text),
        }
    }

    fn inline_start(&mut self, mark: &str, look: Look) {
        self.looks.push(look);
        if self.style.form == Form::Marks {
            self.push(look, mark);
        }
    }

    fn inline_end(&mut self, mark: &str) {
        if self.style.form == Form::Marks {
            self.push(self.look(), mark);
        }
        self.looks.pop();
    }

    /// Notes what is to be said behind a link's text.
    fn link(&mut self, kind: LinkType, target: &str, title: &str, id: &str) {
        let label = match kind {
            LinkType::Reference | LinkType::ReferenceUnknown if !id.is_empty() => format!("[{id}]"),
            _ => String::new(),
        };
        let title = if title.is_empty() { String::new() } else { format!(" ({title})") };
        let is_its_own_text = matches!(kind, LinkType::Autolink | LinkType::Email);
        let target = match (is_its_own_text, self.style.form) {
            (true, _) => String::new(),
            (false, Form::Words) => format!(", a link to {target},"),
            (false, Form::Looks | Form::Marks) => format!(" <{target}>"),
        };
        self.links.push((label, format!("{target}{title}")));
    }

    fn link_end(&mut self, mark: &str) {
        let (label, target) = self.links.pop().unwrap_or_default();
        for (look, text) in [(Look::Faint, mark), (Look::Faint, &label), (Look::Link, &target)] {
            if !text.is_empty() {
                self.push(look, text);
            }
        }
    }

    fn frame(&mut self, first: &str, rest: &str) {
        self.frames.push(Frame { first: Some(span(Look::Faint, first)), rest: span(Look::Faint, rest) });
    }

    /// Takes what stands before the next line from the containers; the first one is said once.
    fn before(&mut self) -> (Line, Line) {
        let rest: Line = self.frames.iter().map(|frame| frame.rest.clone()).collect();
        let first = self.frames.iter_mut().map(|frame| frame.first.take().unwrap_or(frame.rest.clone()));
        (first.collect(), rest)
    }

    /// Writes the paragraph that is under way.
    fn flush(&mut self) {
        let paragraph = mem::take(&mut self.inline);
        if paragraph.is_empty() {
            return;
        }
        self.gap();
        for line in paragraph {
            let (first, rest) = self.before();
            self.lines.extend(wrapped(&line, &first, &rest, self.style.columns));
        }
    }

    /// Tells whether the line before that of a place is an empty one.
    fn is_after_blank(&self, place: usize) -> bool {
        let before = self.source[..place].rfind('\n').map_or("", |line_end| &self.source[..line_end]);
        let line = before.rsplit('\n').next().unwrap_or_default();
        !before.is_empty() && line.trim_matches([' ', '\t', '>']).is_empty()
    }

    /// Writes an empty line, if one belongs here, in the containers that have begun.
    fn gap(&mut self) {
        if mem::take(&mut self.wants_gap) && !self.lines.is_empty() {
            let begun = self.frames.iter().filter(|frame| frame.first.is_none());
            let line: Line = begun.map(|frame| frame.rest.clone()).collect();
            self.lines.push(trimmed(line));
        }
    }

    /// Writes text line by line as it stands there.
    fn verbatim(&mut self, text: &str, look: Look) {
        self.flush();
        self.gap();
        for line in text.trim_end_matches('\n').split('\n') {
            let (mut first, _) = self.before();
            let indent = if look == Look::Code && self.style.form != Form::Words { "    " } else { "" };
            first.push(span(look, &format!("{indent}{}", line.replace('\t', "    "))));
            self.lines.push(trimmed(first));
        }
    }

    /// Shows what stands in the source before a place and made no event: definitions of links, that a
    /// reader of the HTML never sees and a reader of the text does.
    fn hidden_before(&mut self, place: usize) {
        let gap = self.source.get(self.seen..place).unwrap_or_default();
        let hidden: Vec<&str> = gap
            .lines()
            .map(|line| line.trim_matches([' ', '\t', '>']))
            .filter(|line| line.contains('[') || line.contains(char::is_alphabetic))
            .collect();
        if hidden.is_empty() {
            return;
        }
        let hidden = hidden.join("\n");
        self.seen = place;
        self.flush();
        self.wants_gap = true;
        self.verbatim(&hidden, Look::Plain);
    }
}

#[cfg(test)]
#[path = "markdown/tests.rs"]
mod tests;
