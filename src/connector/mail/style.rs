//! Reads as much of CSS as it takes to see that something cannot be seen.
//!
//! A heuristic: the style of an element, and rules with one plain selector. What is not understood hides
//! nothing.

use std::collections::HashMap;

/// Rules of a page's own sheets that are looked at, and the bytes of their declarations.
const RULES_MAX: usize = 2000;
const DECLARATIONS_BYTES_MAX: usize = 4096;

/// Colours that differ by no more than this in each part are the same for an eye.
const SAME_COLOUR_MAX: u8 = 16;

const BLACK: Colour = [0, 0, 0];
const WHITE: Colour = [255, 255, 255];

/// Red, green and blue.
pub type Colour = [u8; 3];

/// How an element looks, as far as that decides whether its text is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Nothing in it is shown, whatever that looks like.
    pub is_gone: bool,
    /// Its letters have no size.
    pub is_tiny: bool,
    /// Its letters are not drawn.
    pub is_invisible: bool,
    /// The colour of its letters; none where that is not known.
    pub ink: Option<Colour>,
    /// The colour behind them; none where that is not known.
    pub background: Option<Colour>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            is_gone: false,
            is_tiny: false,
            is_invisible: false,
            ink: Some(BLACK),
            background: Some(WHITE),
        }
    }
}

impl Look {
    /// Tells whether text that looks so is not seen.
    pub fn hides(&self) -> bool {
        let alike = |a: Colour, b: Colour| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= SAME_COLOUR_MAX);
        let same = self.ink.zip(self.background).is_some_and(|(ink, background)| alike(ink, background));
        self.is_gone || self.is_tiny || self.is_invisible || same
    }

    /// Takes on declarations: `display: none; color: #fff`.
    pub fn wears(&mut self, declarations: &str) {
        let lower = without_comments(declarations).to_ascii_lowercase();
        let mut cuts = false;
        let mut shut = false;
        let mut floats = false;
        let mut far = false;
        for declaration in lower.split(';') {
            let Some((key, value)) = declaration.split_once(':') else { continue };
            let value = value.trim().trim_end_matches("!important").trim();
            match key.trim() {
                "display" => self.is_gone |= value == "none",
                "opacity" => self.is_gone |= number(value).is_some_and(|(number, _)| number < 0.05),
                "mso-hide" => self.is_gone |= value == "all",
                "visibility" => self.is_invisible = matches!(value, "hidden" | "collapse"),
                "font-size" => self.is_tiny = is_tiny(value),
                "font" => {
                    let size = value.split([' ', '/']).find(|part| number(part).is_some());
                    self.is_tiny = size.is_some_and(is_tiny);
                }
                "color" if is_transparent(value) => self.is_gone = true,
                "color" if value != "inherit" => self.ink = colour(value),
                "background-color" if is_transparent(value) || value == "inherit" => {}
                "background-color" => self.background = colour(value),
                "background-image" => {
                    self.background = self.background.filter(|_| value == "none");
                }
                "background" if value.contains("url(") || value.contains("gradient") => {
                    self.background = None;
                }
                "background" if !matches!(value, "none" | "inherit" | "transparent" | "0") => {
                    self.background = value.split_whitespace().next().and_then(colour);
                }
                "overflow" | "overflow-y" | "overflow-x" => cuts |= value == "hidden",
                "height" | "max-height" | "width" | "max-width" => {
                    shut |= number(value).is_some_and(|(number, _)| number == 0.0);
                }
                "position" => floats |= matches!(value, "absolute" | "fixed" | "relative"),
                "left" | "right" | "top" | "bottom" => far |= is_far(value),
                "text-indent" | "margin-left" | "margin-top" => self.is_gone |= is_far(value),
                "clip" => self.is_gone |= value.replace([' ', ','], "").starts_with("rect(000"),
                "clip-path" => self.is_gone |= value.contains("inset(50%") || value.contains("inset(100%"),
                _ => {}
            }
        }
        self.is_gone |= (cuts && shut) || (floats && far);
    }
}

/// The rules of a page's own sheets that have one plain selector.
#[derive(Debug, Default)]
pub struct Sheet {
    rules: HashMap<String, String>,
}

impl Sheet {
    /// Reads a sheet; what holds only for some screens is left out.
    pub fn read(&mut self, sheet: &str) {
        let sheet = without_comments(sheet);
        let mut rest = sheet.as_str();
        while let Some(start) = rest.find('{') {
            let (selectors, block) = (rest[..start].trim(), &rest[start + 1..]);
            if selectors.rsplit([';', '}']).next().unwrap_or_default().trim().starts_with('@') {
                rest = after_block(block);
                continue;
            }
            let end = block.find('}').unwrap_or(block.len());
            for selector in selectors.rsplit('}').next().unwrap_or_default().split(',') {
                let selector = selector.trim().to_ascii_lowercase();
                let plain =
                    selector.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '#' | '-' | '_'));
                if plain && !selector.is_empty() && self.rules.len() < RULES_MAX {
                    let kept = self.rules.entry(selector).or_default();
                    if kept.len() + end < DECLARATIONS_BYTES_MAX {
                        kept.push_str(&block[..end]);
                        kept.push(';');
                    }
                }
            }
            rest = block.get(end + 1..).unwrap_or_default();
        }
    }

    /// Returns the declarations for an element, the weakest first.
    pub fn of<'s>(
        &'s self,
        name: &str,
        class: Option<&str>,
        id: Option<&str>,
    ) -> impl Iterator<Item = &'s str> + use<'s> {
        let mut selectors = vec![name.to_owned()];
        if !self.rules.is_empty() {
            for class in class.unwrap_or_default().split_whitespace().take(16) {
                let class = class.to_ascii_lowercase();
                selectors.push(format!(".{class}"));
                selectors.push(format!("{name}.{class}"));
            }
            selectors.extend(id.map(|id| format!("#{}", id.trim().to_ascii_lowercase())));
        }
        selectors.into_iter().filter_map(|selector| self.rules.get(&selector).map(String::as_str))
    }
}

/// Reads a colour as far as it is one of the common forms.
pub fn colour(text: &str) -> Option<Colour> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(inner) = text.strip_prefix("rgb").and_then(|t| t.trim_start_matches('a').strip_prefix('(')) {
        let parts: Vec<u8> = inner
            .trim_end_matches(')')
            .split([',', ' ', '/'])
            .filter(|part| !part.is_empty())
            .filter_map(|part| number(part).map(|(number, _)| number.clamp(0.0, 255.0) as u8))
            .collect();
        return parts.first_chunk::<3>().copied();
    }
    let named = match text.as_str() {
        "white" => Some("ffffff"),
        "black" => Some("000000"),
        "snow" => Some("fffafa"),
        "ivory" => Some("fffff0"),
        "whitesmoke" => Some("f5f5f5"),
        "ghostwhite" => Some("f8f8ff"),
        "red" => Some("ff0000"),
        "green" => Some("008000"),
        "blue" => Some("0000ff"),
        "navy" => Some("000080"),
        "gray" | "grey" => Some("808080"),
        "silver" => Some("c0c0c0"),
        "yellow" => Some("ffff00"),
        _ => None,
    };
    let code = named.unwrap_or_else(|| text.strip_prefix('#').unwrap_or(&text));
    if !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| u8::from_str_radix(code.get(range)?, 16).ok();
    match code.len() {
        3 | 4 => Some([part(0..1)? * 17, part(1..2)? * 17, part(2..3)? * 17]),
        6 | 8 => Some([part(0..2)?, part(2..4)?, part(4..6)?]),
        _ => None,
    }
}

fn is_transparent(value: &str) -> bool {
    let compact: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let alpha = compact.strip_prefix("rgba(").and_then(|inner| inner.trim_end_matches(')').split(',').nth(3));
    compact == "transparent" || alpha.and_then(number).is_some_and(|(alpha, _)| alpha < 0.05)
}

fn is_tiny(size: &str) -> bool {
    match number(size) {
        Some((number, "em" | "rem")) => number < 0.15,
        Some((number, "%")) => number < 15.0,
        Some((number, _)) => number < 2.0,
        None => false,
    }
}

fn is_far(value: &str) -> bool {
    number(value).is_some_and(|(number, unit)| number <= -500.0 || (unit.ends_with("em") && number <= -50.0))
}

/// Splits `14px` into its number and its unit.
fn number(value: &str) -> Option<(f32, &str)> {
    let value = value.trim();
    let end =
        value.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    Some((digits.parse().ok()?, unit.trim()))
}

fn without_comments(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(start) = rest.find("/*") {
        kept.push_str(&rest[..start]);
        rest = rest[start + 2..].find("*/").map_or("", |end| &rest[start + 2 + end + 2..]);
    }
    kept.push_str(rest);
    kept
}

/// Returns what follows a block whose `{` was read.
fn after_block(block: &str) -> &str {
    let mut depth = 1;
    for (at, byte) in block.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &block[at + 1..];
        }
    }
    ""
}
