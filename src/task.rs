//! Tasks: what one approval creates in a tracker, in which order, and how their texts stand in a draft.
//!
//! A list that is unclear is no list: a key twice, a circle, a section that belongs to nobody. Nothing
//! is guessed or repaired.

use std::fmt;

use serde::Deserialize;

use crate::text;

/// The most tasks of one draft.
pub const TASKS_MAX: usize = 20;

/// The longest key.
pub const KEY_CHARS_MAX: usize = 32;

/// The longest title.
pub const TITLE_CHARS_MAX: usize = 200;

/// The most labels of a task.
pub const LABELS_MAX: usize = 10;

/// The longest label.
pub const LABEL_CHARS_MAX: usize = 50;

/// The longest text of a task.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// How the heading of a task's text begins, a whole line; its key follows.
pub const HEADING: &str = "## Task: ";

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name in the list: lower-case letters, digits and `-`.
    pub key: String,
    /// Its title, one line.
    pub title: String,
    /// Its text, in Markdown.
    #[serde(default)]
    pub body: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The keys of the tasks that come before it.
    #[serde(default)]
    pub depends_on: Vec<String>,
}

/// Why tasks are no list of tasks; a number is that of a task, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// There is none.
    None,
    /// More than anybody reads.
    TooMany,
    /// A key that is none.
    Key(usize),
    /// A key that an earlier task has.
    Twice(usize),
    /// No title, or none of one line.
    Title(usize),
    /// A label that is none, is there twice, or is one too many.
    Labels(usize),
    /// A text that is too long.
    Body(usize),
    /// It depends on a task that is not there, on itself, or on one twice.
    DependsOn(usize),
    /// It depends on a task that depends on it.
    Circle(usize),
}

impl Flaw {
    /// Returns which task it is about, from 1.
    pub fn number(self) -> Option<usize> {
        match self {
            Flaw::None | Flaw::TooMany => None,
            Flaw::Key(number)
            | Flaw::Twice(number)
            | Flaw::Title(number)
            | Flaw::Labels(number)
            | Flaw::Body(number)
            | Flaw::DependsOn(number)
            | Flaw::Circle(number) => Some(number),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::None => f.write_str("there is no task"),
            Flaw::TooMany => write!(f, "there are more than {TASKS_MAX} tasks"),
            Flaw::Key(number) => {
                write!(
                    f,
                    "the key of task {number} is not 1 to {KEY_CHARS_MAX} lower-case letters, digits and `-`"
                )
            }
            Flaw::Twice(number) => write!(f, "task {number} has the key of an earlier one"),
            Flaw::Title(number) => {
                write!(f, "the title of task {number} is not one line of 1 to {TITLE_CHARS_MAX} characters")
            }
            Flaw::Labels(number) => write!(
                f,
                "the labels of task {number} are not at most {LABELS_MAX} different ones of 1 to {LABEL_CHARS_MAX} characters"
            ),
            Flaw::Body(number) => {
                write!(f, "the text of task {number} is longer than {BODY_BYTES_MAX} bytes")
            }
            Flaw::DependsOn(number) => {
                write!(f, "task {number} depends on something else than other tasks, each once")
            }
            Flaw::Circle(number) => write!(f, "task {number} depends on one that depends on it"),
        }
    }
}

/// Returns the places of the tasks in an order in which each comes after what it depends on, and
/// otherwise as they are written.
///
/// # Errors
/// Everything that leaves a doubt about what is to be created.
pub fn in_order(tasks: &[Task]) -> Result<Vec<usize>, Flaw> {
    if tasks.is_empty() {
        return Err(Flaw::None);
    }
    if tasks.len() > TASKS_MAX {
        return Err(Flaw::TooMany);
    }
    let mut before: Vec<Vec<usize>> = Vec::new();
    for (place, task) in tasks.iter().enumerate() {
        check(task, place + 1)?;
        if tasks[..place].iter().any(|earlier| earlier.key == task.key) {
            return Err(Flaw::Twice(place + 1));
        }
        let mut needs = Vec::new();
        for key in &task.depends_on {
            match tasks.iter().position(|other| other.key == *key) {
                Some(other) if other != place && !needs.contains(&other) => needs.push(other),
                _ => return Err(Flaw::DependsOn(place + 1)),
            }
        }
        before.push(needs);
    }
    let mut order: Vec<usize> = Vec::new();
    while order.len() < tasks.len() {
        let ready = |place: &usize| {
            !order.contains(place) && before[*place].iter().all(|earlier| order.contains(earlier))
        };
        match (0..tasks.len()).find(ready) {
            Some(place) => order.push(place),
            None => {
                let stuck = (0..tasks.len()).find(|place| !order.contains(place)).unwrap_or(0);
                return Err(Flaw::Circle(stuck + 1));
            }
        }
    }
    Ok(order)
}

fn check(task: &Task, number: usize) -> Result<(), Flaw> {
    if !is_key(&task.key) {
        return Err(Flaw::Key(number));
    }
    if !is_line(&task.title, TITLE_CHARS_MAX) {
        return Err(Flaw::Title(number));
    }
    let labels = &task.labels;
    let is_new = |(place, label): (usize, &String)| !labels[..place].contains(label);
    if labels.len() > LABELS_MAX
        || !labels.iter().all(|label| is_label(label))
        || !labels.iter().enumerate().all(is_new)
    {
        return Err(Flaw::Labels(number));
    }
    if task.body.len() > BODY_BYTES_MAX {
        return Err(Flaw::Body(number));
    }
    Ok(())
}

/// Tells whether a text can be a label.
pub fn is_label(label: &str) -> bool {
    is_line(label, LABEL_CHARS_MAX)
}

fn is_line(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text::one_line(text, chars_max) == text
}

fn is_key(key: &str) -> bool {
    let is_plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_plain && !key.starts_with('-') && (1..=KEY_CHARS_MAX).contains(&key.len())
}

/// Returns a task's text with no line in it that could be taken for the heading of another one.
pub fn canonical_body(body: &str) -> String {
    // An escape of Markdown's: the reader of the task sees the line as it was written.
    let lines = body.lines().map(|line| if is_heading(line) { format!("\\{line}") } else { line.to_owned() });
    text::without_blank_edges(&lines.collect::<Vec<_>>().join("\n")).to_owned()
}

/// Writes the texts of tasks as the body of a draft: one section each, under its heading.
pub fn sections(tasks: &[Task]) -> String {
    let sections = tasks.iter().map(|task| match task.body.as_str() {
        "" => format!("{HEADING}{}", task.key),
        body => format!("{HEADING}{}\n\n{body}", task.key),
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

/// What is wrong with the body of a draft with tasks, and on which of its lines, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The line; none where something is missing.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

/// Reads the texts of tasks out of the body of a draft, in the order of `keys`.
///
/// # Errors
/// A text before the first heading, a heading of no task, a task with none or two.
pub fn texts(body: &str, keys: &[&str]) -> Result<Vec<String>, Misplaced> {
    let mut found: Vec<Option<String>> = vec![None; keys.len()];
    let mut here: Option<usize> = None;
    for (number, line) in body.split('\n').enumerate() {
        let wrong = |what: String| Misplaced { line: Some(number), what };
        if is_heading(line) {
            let key = line[HEADING.len()..].trim_end();
            let place = keys
                .iter()
                .position(|known| *known == key)
                .ok_or_else(|| wrong(format!("there is no task `{}`", text::one_line(key, KEY_CHARS_MAX))))?;
            if found[place].is_some() {
                return Err(wrong(format!("a second section of task `{key}`")));
            }
            found[place] = Some(String::new());
            here = Some(place);
            continue;
        }
        match here.and_then(|place| found[place].as_mut()) {
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line.trim().is_empty() => {}
            None => return Err(wrong("a text that belongs to no task".to_owned())),
        }
    }
    let texts = found.into_iter().zip(keys).map(|(text, key)| match text {
        Some(text) => Ok(text::without_blank_edges(&text).to_owned()),
        None => Err(Misplaced { line: None, what: format!("task `{key}` has no section `{HEADING}{key}`") }),
    });
    texts.collect()
}

fn is_heading(line: &str) -> bool {
    line.starts_with(HEADING)
}

/// Returns everything that a reader of the tasks will see, as one text.
pub fn readable(tasks: &[Task]) -> String {
    let shown = |task: &Task| format!("{}\n{}\n\n{}\n", task.title, task.labels.join(", "), task.body);
    tasks.iter().map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn task(key: &str, depends_on: &[&str]) -> Task {
        Task {
            key: key.to_owned(),
            title: format!("Mend {key}"),
            body: String::new(),
            labels: Vec::new(),
            depends_on: depends_on.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    fn check(tasks: &[Task], expected: &str) {
        let said = match in_order(tasks) {
            Ok(order) => order.iter().map(|place| tasks[*place].key.as_str()).collect::<Vec<_>>().join(" "),
            Err(flaw) => flaw.to_string(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn what_others_depend_on_comes_first() {
        check(&[task("a", &[]), task("b", &[])], "a b");
        check(&[task("a", &["b"]), task("b", &["c"]), task("c", &[])], "c b a");
        check(&[task("x", &["z"]), task("y", &[]), task("z", &[])], "y z x");
    }

    #[test]
    fn an_unclear_list_is_none() {
        check(&[], "there is no task");
        check(&vec![task("a", &[]); TASKS_MAX + 1], "there are more than 20 tasks");
        check(&[task("a", &["b"]), task("b", &["a"])], "task 1 depends on one that depends on it");
        check(
            &[task("a", &[]), task("b", &["c"]), task("c", &["b"])],
            "task 2 depends on one that depends on it",
        );
        let else_than = "task 1 depends on something else than other tasks, each once";
        for depends_on in [&["a"][..], &["nobody"], &["b", "b"]] {
            check(&[task("a", depends_on), task("b", &[])], else_than);
        }
        check(&[task("a", &[]), task("a", &[])], "task 2 has the key of an earlier one");
        for key in ["", "A", "a b", "-a", "a/b", "ä", "a.b", &"a".repeat(33)] {
            check(&[task(key, &[])], "the key of task 1 is not 1 to 32 lower-case letters, digits and `-`");
        }
        for title in ["", "a\nb", " a", &"a".repeat(201), "a\u{202e}b"] {
            let wrong = Task { title: title.to_owned(), ..task("a", &[]) };
            check(&[wrong], "the title of task 1 is not one line of 1 to 200 characters");
        }
        for labels in [vec![""], vec!["a\nb"], vec!["a", "a"], vec!["x"; 11]] {
            let labels = labels.into_iter().map(str::to_owned).collect();
            let wrong = Task { labels, ..task("a", &[]) };
            check(&[wrong], "the labels of task 1 are not at most 10 different ones of 1 to 50 characters");
        }
        let long = Task { body: "x".repeat(BODY_BYTES_MAX + 1), ..task("a", &[]) };
        check(&[long], "the text of task 1 is longer than 65536 bytes");
    }

    fn check_texts(body: &str, expected: &str) {
        let said = match texts(body, &["a", "b"]) {
            Ok(texts) => format!("{texts:?}"),
            Err(Misplaced { line: Some(line), what }) => format!("{line}: {what}"),
            Err(Misplaced { line: None, what }) => what,
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn every_line_belongs_to_one_task() {
        check_texts("## Task: a\n\nOne.\n\n## Task: b\nTwo.", r#"["One.", "Two."]"#);
        check_texts("\n## Task: b\n\n## Task: a  \n## Steps\nx", r###"["## Steps\nx", ""]"###);
        check_texts("Hello\n## Task: a\n## Task: b", "0: a text that belongs to no task");
        check_texts("## Task: a\n## Task: c", "1: there is no task `c`");
        check_texts("## Task: a\n## Task: b\n## Task: a", "2: a second section of task `a`");
        check_texts("## Task: a\n", "task `b` has no section `## Task: b`");
        check_texts("", "task `a` has no section `## Task: a`");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bodies in prop::collection::vec("[a#: \nTask]{0,60}|## Task: a\nx", 2)) {
            let tasks: Vec<Task> = ["a", "b"]
                .iter()
                .zip(&bodies)
                .map(|(key, body)| Task { body: canonical_body(body), ..task(key, &[]) })
                .collect();
            let read = texts(&sections(&tasks), &["a", "b"]).unwrap();
            let written: Vec<String> = tasks.into_iter().map(|task| task.body).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn an_order_has_every_task_after_what_it_depends_on(edges in prop::collection::vec((0usize..6, 0usize..6), 0..10)) {
            let names = ["a", "b", "c", "d", "e", "f"];
            let mut tasks: Vec<Task> = names.iter().map(|name| task(name, &[])).collect();
            for (from, to) in edges {
                if from != to && !tasks[from].depends_on.contains(&names[to].to_owned()) {
                    tasks[from].depends_on.push(names[to].to_owned());
                }
            }
            match in_order(&tasks) {
                Ok(order) => {
                    prop_assert_eq!(order.len(), tasks.len());
                    for (position, place) in order.iter().enumerate() {
                        for needed in &tasks[*place].depends_on {
                            let earlier = order.iter().position(|other| tasks[*other].key == *needed).unwrap();
                            prop_assert!(earlier < position);
                        }
                    }
                }
                Err(flaw) => prop_assert!(matches!(flaw, Flaw::Circle(_)), "{flaw}"),
            }
        }
    }
}
