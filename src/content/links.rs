//! Finds everything in a text that leads or loads elsewhere, and makes it mere text unless it is known.
//!
//! Three passes look at it, since none sees what the others see: CommonMark (links, images, definitions,
//! raw HTML), the text as it stands (what mail programs make clickable by themselves), and the text as
//! it is shown once entities and escapes are undone. Nothing is ever fetched.

mod forms;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use self::forms::{plain, scheme_of, target};
use crate::message::Address;

/// How often a text is looked at again after something in it was made text.
const ROUNDS_MAX: usize = 24;

/// The Markdown that [`crate::render`] knows, and so what can become a link.
const MARKDOWN: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

/// One thing that leads or loads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
    /// Where it leads, in the form in which links are compared.
    pub target: String,
}

/// The links that an operator allows: the section `[links]` of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    allow: Vec<Prefix>,
    /// Whether an answer with any other link is held, even if a person typed it.
    pub strict: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Prefix {
    /// Everything below a path, by whole segments.
    Web { secure: bool, host: String, segments: Vec<String> },
    /// One mailbox.
    Mail(String),
}

impl Rules {
    /// Reads the list of the policy.
    ///
    /// # Errors
    /// The first entry that is neither `https://host/path/`, `http://host/path/` nor `mailto:address`.
    pub fn new(allow: &[String], strict: bool) -> Result<Self, String> {
        let allow = allow.iter().map(|entry| Prefix::parse(entry).ok_or_else(|| entry.clone()));
        Ok(Self { allow: allow.collect::<Result<_, _>>()?, strict })
    }
}

impl Prefix {
    fn parse(entry: &str) -> Option<Self> {
        if let Some(address) = entry.strip_prefix("mailto:") {
            let plain = address.contains('@') && !address.contains(['?', '/', ' ', '<', '>', ',']);
            return plain.then(|| Self::Mail(address.to_lowercase()));
        }
        let web = Web::parse(entry).filter(|web| web.rest.is_empty())?;
        let segments = web.path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Some(Self::Web { secure: web.secure, host: web.host, segments })
    }

    fn covers(&self, target: &str) -> bool {
        match self {
            Self::Mail(address) => {
                target.strip_prefix("mailto:").is_some_and(|to| to.split('?').next() == Some(address))
            }
            Self::Web { secure, host, segments } => Web::parse(target).is_some_and(|web| {
                let mut found = web.path.split('/').filter(|segment| !segment.is_empty());
                (web.secure || !secure)
                    && web.host == *host
                    && segments.iter().all(|segment| found.next() == Some(segment))
            }),
        }
    }
}

/// A web address of which every part is plain: no user, no backslash, no way up.
struct Web<'a> {
    secure: bool,
    host: String,
    path: &'a str,
    rest: &'a str,
}

impl<'a> Web<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, after) = url.split_once("://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (host, tail) = after.split_at(end);
        let path_end = tail.find(['?', '#']).unwrap_or(tail.len());
        let (path, rest) = tail.split_at(path_end);
        let lower = path.to_ascii_lowercase();
        let climbs = path.split('/').any(|segment| matches!(segment, "." | ".."))
            || ["%2e", "%2f", "%5c"].iter().any(|code| lower.contains(code));
        let plain_host = !host.is_empty()
            && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
        let plain = plain_host && !climbs && !url.contains(['\\', ' ', '\n', '\t']);
        plain.then(|| Self { secure, host: host.to_lowercase(), path, rest })
    }
}

/// Which links may stand in an answer: those of its thread, the operator's own, and those of the policy.
#[derive(Clone, Debug, Default)]
pub struct Known {
    targets: BTreeSet<String>,
    rules: Rules,
}

impl Known {
    /// Knows what the policy allows.
    pub fn new(rules: &Rules) -> Self {
        Self { targets: BTreeSet::new(), rules: rules.clone() }
    }

    /// Learns every link of a text.
    pub fn learn(&mut self, text: &str) {
        // Each form of a link has one of these.
        if !text.contains(['.', ':', '@', '\\', '[', '<', '&']) {
            return;
        }
        self.targets.extend(found(text).links.into_iter().map(|found| found.target));
    }

    /// Learns who takes part.
    pub fn learn_address(&mut self, address: &Address) {
        self.targets.insert(format!("mailto:{}", address.email.to_lowercase()));
        self.learn(&address.name);
    }

    fn has(&self, target: &str) -> bool {
        self.targets.contains(target) || self.rules.allow.iter().any(|prefix| prefix.covers(target))
    }
}

/// What [`neutral`] made text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Links that nobody knows.
    pub links: usize,
    /// Images.
    pub images: usize,
    /// Pieces of raw HTML.
    pub html: usize,
}

impl Changes {
    /// Adds up two counts.
    pub fn and(self, other: Self) -> Self {
        Self {
            links: self.links + other.links,
            images: self.images + other.images,
            html: self.html + other.html,
        }
    }
}

/// Returns every link of a text that none of `known` knows, each target once, in the order of the text.
pub fn unknown(text: &str, known: &[&Known]) -> Vec<Link> {
    let mut seen = BTreeSet::new();
    let mut links: Vec<Link> = found(text)
        .links
        .into_iter()
        .filter(|found| !known.iter().any(|known| known.has(&found.target)))
        .map(|found| Link { place: found.place, target: found.target })
        .collect();
    links.sort_by_key(|link| (link.place.start, std::cmp::Reverse(link.place.end)));
    links.retain(|link| seen.insert(link.target.clone()));
    // What stands within a link is part of it.
    let mut end = 0;
    links.retain(|link| {
        let is_within = link.place.end <= end;
        end = end.max(link.place.end);
        !is_within
    });
    links
}

/// Returns where links stand in a text, known or not, in order.
pub fn places(text: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = found(text).links.into_iter().map(|found| found.place).collect();
    places.sort_by_key(|place| place.start);
    places
}

/// Makes every link that is not known unclickable, every image its description, and all raw HTML text.
///
/// None where the text is so tangled that this brings ever new links to light.
pub fn neutral(text: &str, known: &Known) -> Option<(String, Changes)> {
    let mut text = text.to_owned();
    let mut counted = None;
    for _ in 0..ROUNDS_MAX {
        let found = found(&text);
        let count = found.count(known);
        let changes = *counted.get_or_insert(count);
        let edits = found.edits(&text, known);
        if edits.is_empty() {
            return Some((text, changes));
        }
        text = edited(&text, edits);
    }
    None
}

/// Returns a link as text that nobody can click: `hxxps://example[.]com/x`. Doing it twice changes no more.
pub fn unclickable(url: &str) -> String {
    let (scheme, rest) = scheme_of(url).unwrap_or(("", url));
    let mut shown = match scheme.to_ascii_lowercase().as_str() {
        "" => String::new(),
        "http" | "hxxp" => "hxxp:".to_owned(),
        "https" | "hxxps" => "hxxps:".to_owned(),
        _ => format!("{scheme}[:]"),
    };
    let mut before = ' ';
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('.', Some(']')) if before == '[' => shown.push('.'),
            ('.', _) => shown.push_str("[.]"),
            ('@', _) => shown.push_str("[at]"),
            (':', Some('/' | '\\')) => shown.push_str("[:]"),
            ('\\', Some('\\')) => {
                chars.next();
                shown.push_str("[\\]");
            }
            ('\n' | '\t', _) => shown.push(' '),
            (c, _) => shown.push(c),
        }
        before = c;
    }
    shown
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `[text](target)` in all its forms; the place of its text.
    Marked,
    /// `<https://example.org>`
    Auto,
    /// `![text](target)`
    Image,
    /// `[label]: target`
    Definition,
    /// What mail programs make a link of.
    Plain,
}

struct Found {
    place: Range<usize>,
    /// What a person reads as the link's text, in the source.
    inner: Range<usize>,
    target: String,
    /// The target as it was written.
    written: String,
    kind: Kind,
}

#[derive(Default)]
struct Finds {
    links: Vec<Found>,
    /// Where raw HTML begins and ends.
    html: Vec<Range<usize>>,
}

struct Edit {
    place: Range<usize>,
    with: String,
}

impl Finds {
    fn count(&self, known: &Known) -> Changes {
        let images = self.links.iter().filter(|found| found.kind == Kind::Image).count();
        // A link within a link is one.
        let mut ends = 0;
        let mut links = 0;
        let mut places: Vec<&Range<usize>> =
            self.links.iter().filter(|found| !known.has(&found.target)).map(|found| &found.place).collect();
        places.sort_by_key(|place| place.start);
        for place in places {
            links += usize::from(place.start >= ends);
            ends = ends.max(place.end);
        }
        Changes { links, images, html: self.html.len() }
    }

    /// Returns what has to be changed, the innermost first and no two at one place.
    fn edits(&self, text: &str, known: &Known) -> Vec<Edit> {
        let mut edits: Vec<Edit> = self
            .html
            .iter()
            .filter_map(|place| {
                let start = place.start + text[place.clone()].find('<')?;
                Some(Edit { place: start..start + 1, with: "\\<".to_owned() })
            })
            .collect();
        for found in &self.links {
            let is_known = known.has(&found.target);
            if is_known && found.kind != Kind::Image {
                continue;
            }
            let shown = if is_known { found.written.clone() } else { unclickable(&found.written) };
            let inner = &text[found.inner.clone()];
            let with = match found.kind {
                Kind::Plain | Kind::Auto => shown,
                Kind::Marked if inner.trim().is_empty() || inner == shown => shown,
                Kind::Marked if shown.is_empty() => inner.to_owned(),
                Kind::Marked => format!("{inner} ({shown})"),
                Kind::Image if shown.is_empty() => inner.to_owned(),
                Kind::Image if inner.trim().is_empty() => format!("(image: {shown})"),
                Kind::Image => format!("{inner} (image: {shown})"),
                Kind::Definition => {
                    let Some(bracket) = text[found.place.clone()].find('[') else { continue };
                    let start = found.place.start + bracket;
                    edits.push(Edit { place: start..start + 1, with: "\\[".to_owned() });
                    continue;
                }
            };
            if text[found.place.clone()] != with {
                edits.push(Edit { place: found.place.clone(), with });
            }
        }
        edits.sort_by_key(|edit| (edit.place.len(), edit.place.start));
        let mut chosen: BTreeMap<usize, Edit> = BTreeMap::new();
        for edit in edits {
            let before = chosen.range(..edit.place.end).next_back();
            if before.is_none_or(|(_, other)| other.place.end <= edit.place.start) {
                chosen.insert(edit.place.start, edit);
            }
        }
        chosen.into_values().collect()
    }
}

fn edited(text: &str, edits: Vec<Edit>) -> String {
    let mut made = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in edits {
        made.push_str(&text[at..edit.place.start]);
        made.push_str(&edit.with);
        at = edit.place.end;
    }
    made.push_str(&text[at..]);
    made
}

fn found(text: &str) -> Finds {
    let mut finds = Finds::default();
    let mut code: Vec<Range<usize>> = Vec::new();
    let mut shown = Shown::default();
    let mut open: Vec<(Found, Option<Range<usize>>)> = Vec::new();
    let parser = Parser::new_ext(text, MARKDOWN);
    for (_, definition) in parser.reference_definitions().iter() {
        let place = definition.span.clone();
        let written = definition.dest.to_string();
        finds.links.push(Found {
            inner: place.clone(),
            place,
            target: target(&written),
            written,
            kind: Kind::Definition,
        });
    }
    for (event, place) in parser.into_offset_iter() {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => {}
            Event::End(TagEnd::Link | TagEnd::Image) => {}
            _ => {
                // What it stands in learns of it when it ends.
                if let Some((_, inner)) = open.last_mut() {
                    let joined = inner.take().map_or(place.clone(), |before| {
                        before.start.min(place.start)..before.end.max(place.end)
                    });
                    *inner = Some(joined);
                }
            }
        }
        let is_text = matches!(event, Event::Text(_));
        match event {
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                let auto = matches!(link_type, LinkType::Autolink | LinkType::Email);
                let written = match link_type {
                    LinkType::Email => format!("mailto:{dest_url}"),
                    _ => dest_url.to_string(),
                };
                let kind = if auto { Kind::Auto } else { Kind::Marked };
                open_at(&mut open, place, written, kind);
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                open_at(&mut open, place, dest_url.to_string(), Kind::Image);
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some((mut found, inner)) = open.pop() {
                    let start = found.place.start + if found.kind == Kind::Image { 2 } else { 1 };
                    found.inner = inner.unwrap_or(start..start);
                    if let Some((_, outer)) = open.last_mut() {
                        let joined = outer.take().map_or(found.place.clone(), |before| {
                            before.start.min(found.place.start)..before.end.max(found.place.end)
                        });
                        *outer = Some(joined);
                    }
                    finds.links.push(found);
                }
            }
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => finds.html.push(place),
            Event::Start(Tag::CodeBlock(_)) | Event::Code(_) => code.push(place),
            Event::Text(decoded) => shown.push(text, &decoded, place),
            _ => {}
        }
        if !is_text {
            shown.look(text, &mut finds.links);
        }
    }
    shown.look(text, &mut finds.links);
    for (place, target) in plain(text, &code) {
        let written = text[place.clone()].to_owned();
        finds.links.push(Found { inner: place.clone(), place, target, written, kind: Kind::Plain });
    }
    finds
}

fn open_at(open: &mut Vec<(Found, Option<Range<usize>>)>, place: Range<usize>, written: String, kind: Kind) {
    let found = Found { inner: place.clone(), place, target: target(&written), written, kind };
    open.push((found, None));
}

/// A run of text as it is shown, with entities and escapes undone, and where each byte of it comes from.
#[derive(Default)]
struct Shown {
    text: String,
    places: Vec<Range<usize>>,
    differs: bool,
}

impl Shown {
    fn push(&mut self, source: &str, decoded: &str, place: Range<usize>) {
        if source.get(place.clone()) == Some(decoded) {
            self.differs |= self.places.last().is_some_and(|last| last.end != place.start);
            self.places.extend(place.map(|byte| byte..byte + 1));
        } else {
            self.differs = true;
            self.places.extend(std::iter::repeat_n(place, decoded.len()));
        }
        self.text.push_str(decoded);
    }

    /// Looks for links that only the shown text has, and begins anew.
    fn look(&mut self, source: &str, links: &mut Vec<Found>) {
        let Shown { text, places, differs } = std::mem::take(self);
        if !differs {
            return;
        }
        for (at, target) in plain(&text, &[]) {
            let (Some(first), Some(last)) = (places.get(at.start), places.get(at.end - 1)) else { continue };
            // A letter of several bytes may be the first or the last one.
            let mut place = first.start..last.end;
            while !source.is_char_boundary(place.end) {
                place.end += 1;
            }
            let written = text[at].to_owned();
            if source[place.clone()] != written {
                links.push(Found { inner: place.clone(), place, target, written, kind: Kind::Plain });
            }
        }
    }
}

#[cfg(test)]
pub mod tests;
