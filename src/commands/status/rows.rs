//! Lays out the lines about the drafts of one section of `status`.
//!
//! Nothing that matters vanishes at the edge of a terminal: what a person should know of a draft stands behind
//! it where there is room, else below it, broken between words. Whatever is cut ends with `…`.

use crate::text::{columns, fit, wrapped};

/// The most columns of the action.
const ACTION_MAX: usize = 12;

/// The most columns of the recipient and of the subject in a pipe.
const PIPED: [usize; 2] = [24, 44];

/// The most columns of both on a terminal that has them.
const SHOWN: [usize; 2] = [40, 72];

/// The fewest columns of both on a terminal, where there is more to show.
const FEWEST: [usize; 2] = [12, 14];

/// The columns of the tier.
const TIER: usize = 6;

/// The columns of the tab that a line begins with.
const TAB: usize = 8;

/// The columns between two cells.
const GAP: usize = 2;

/// What there is to show of one draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// As much of the id as is shown.
    pub id: String,
    /// The tier.
    pub tier: String,
    /// The action.
    pub action: String,
    /// Whom it goes to.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// How long it is here.
    pub age: String,
    /// What a person should know of it, the most important first.
    pub remarks: Vec<String>,
}

/// Returns the lines of a section, with the ids as `paint` shows them, for a terminal of so many columns or for
/// a pipe, which gets one line for each draft.
pub fn lines(rows: &[Row], terminal: Option<usize>, paint: impl Fn(&str) -> String) -> Vec<String> {
    let widest = |cell: fn(&Row) -> &str, most: usize| {
        rows.iter().map(|row| columns(cell(row))).max().unwrap_or(0).min(most)
    };
    let action = widest(|row| &row.action, ACTION_MAX);
    let most = if terminal.is_some() { SHOWN } else { PIPED };
    let mut recipient = widest(|row| &row.recipient, most[0]);
    let mut subject = widest(|row| &row.subject, most[1]);
    let id = rows.iter().map(|row| columns(&row.id)).max().unwrap_or(0);
    let age = widest(|row| &row.age, usize::MAX);
    let whole = |row: &Row, recipient: usize, subject: Option<usize>| {
        let mut cells = vec![paint(&row.id), fit(&row.tier, TIER), fit(&row.action, action)];
        cells.push(fit(&row.recipient, recipient));
        cells.extend(subject.map(|subject| fit(&row.subject, subject)));
        cells.extend(Some(row.age.clone()).filter(|age| !age.is_empty()));
        cells.join("  ")
    };
    let fixed = TAB + id + GAP + TIER + GAP + action + GAP + GAP + age;
    let behind = |row: &Row| {
        let remarks = columns(&row.remarks.join("; "));
        fixed + recipient + GAP + subject + if remarks > 0 { GAP + remarks } else { 0 }
    };
    let Some(terminal) = terminal.filter(|terminal| rows.iter().any(|row| behind(row) > *terminal)) else {
        let line = |row: &Row| {
            let line = format!("\t{}  {}", whole(row, recipient, Some(subject)), row.remarks.join("; "));
            line.trim_end().to_owned()
        };
        return rows.iter().map(line).collect();
    };
    let room = terminal.saturating_sub(fixed + GAP);
    let has_one_line = room >= FEWEST[0].min(recipient) + FEWEST[1].min(subject);
    if has_one_line {
        recipient = recipient.min(room.saturating_sub(subject).max(room / 2).max(FEWEST[0]));
        subject = subject.min(room - recipient);
    } else {
        recipient = recipient.min(terminal.saturating_sub(fixed).max(FEWEST[0]));
    }
    let below = format!("\t{}", " ".repeat(id + GAP));
    let rest = terminal.saturating_sub(TAB + id + GAP).max(20);
    let mut lines = Vec::new();
    for row in rows {
        if has_one_line {
            lines.push(format!("\t{}", whole(row, recipient, Some(subject))));
        } else {
            lines.push(format!("\t{}", whole(row, recipient, None)));
            lines.push(format!("{below}{}", fit(&row.subject, rest)));
        }
        for remark in &row.remarks {
            lines.extend(wrapped(remark, rest).into_iter().map(|line| format!("{below}{line}")));
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(recipient: &str, subject: &str, remarks: &[&str]) -> Row {
        Row {
            id: "kqzm".to_owned(),
            tier: "medium".to_owned(),
            action: "route_answer".to_owned(),
            recipient: recipient.to_owned(),
            subject: subject.to_owned(),
            age: "12 minutes".to_owned(),
            remarks: remarks.iter().map(|&remark| remark.to_owned()).collect(),
        }
    }

    #[track_caller]
    fn check(rows: &[Row], terminal: Option<usize>, expected: &str) {
        let lines = lines(rows, terminal, str::to_owned);
        assert_eq!(lines.join("\n").replace('\t', "        "), expected.trim_matches('\n'));
    }

    fn two() -> [Row; 2] {
        [
            row("Ada Brown", "Re: invoice", &["asks for a credential", "HTML only"]),
            row("a.very.long.address@example.org", "Re: the export of last month is empty", &[]),
        ]
    }

    #[test]
    fn a_pipe_gets_one_line_for_each_draft() {
        check(
            &two(),
            None,
            "
        kqzm  medium  route_answer  Ada Brown                 Re: invoice                            12 minutes  asks for a credential; HTML only
        kqzm  medium  route_answer  a.very.long.address@exa…  Re: the export of last month is empty  12 minutes",
        );
    }

    #[test]
    fn what_has_no_room_behind_a_draft_stands_below_it() {
        check(
            &two(),
            Some(80),
            "
        kqzm  medium  route_answer  Ada Brown        Re: invoice      12 minutes
              asks for a credential
              HTML only
        kqzm  medium  route_answer  a.very.long.ad…  Re: the export…  12 minutes",
        );
        check(
            &[row("Ada", "Re: invoice", &["held by a rule that takes some words to say"])],
            Some(80),
            "
        kqzm  medium  route_answer  Ada  Re: invoice  12 minutes
              held by a rule that takes some words to say",
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_subject_on_a_line_of_its_own() {
        check(
            &two(),
            Some(60),
            "
        kqzm  medium  route_answer  Ada Brown     12 minutes
              Re: invoice
              asks for a credential
              HTML only
        kqzm  medium  route_answer  a.very.long…  12 minutes
              Re: the export of last month is empty",
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_remark_is_cut() {
        let remark = "one two three four five six seven eight nine ten eleven twelve thirteen";
        for terminal in 60..140 {
            let shown = lines(&[row("Jürgen Müller", "Re: 世界", &[remark])], Some(terminal), str::to_owned);
            let text = shown.join(" ");
            let words: Vec<&str> = text.split_whitespace().collect();
            assert!(words.join(" ").contains(remark), "{shown:?}");
            for line in &shown {
                assert!(columns(&line.replace('\t', "        ")) <= terminal, "{terminal}: {line:?}");
            }
        }
    }
}
