//! One draft after the other, in a terminal.

use std::fs;

use insta::assert_snapshot;

use crate::support::desk::Desk;
use crate::tmux::{Terminal, has};

const SKY: &str = "Why is the sky blue?";

/// A desk with an answer of the catalogue's on it, and a question that only a person can answer.
fn with_both() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail(SKY).tick();
    desk
}

/// A desk with two answers of the catalogue's on it.
fn with_two_answers() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").with_mail("what are your opening hours?").tick();
    desk
}

/// A desk with one answer of the catalogue's on it.
fn with_answer() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    desk
}

#[test]
fn what_was_decided_becomes_one_commit_and_the_hook_sends() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_both();
    let (invoice, sky) = (desk.id("invoice"), desk.id("sky"));
    let terminal = Terminal::start(&desk, "NO_COLOR=1 git drafts review");
    terminal.shows("(1/2) Approve this?").types("r").shows("Why?").types("ask a physicist");
    terminal.shows("(2/2) Approve this?");
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "", "nothing is written before the end");
    terminal.types("y").shows("ended with 0");
    assert_snapshot!(desk.plain(&terminal.all()), @"
    == 1 of 2: draft zkvj, tier medium, for 0 seconds ==============================

    -- The message --

    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:02 +0000
    Subject: Why is the sky blue?

    > Why is the sky blue?

    -- The answer --

    NEEDS YOU: there is no answer yet.

    -- What happens --

    To:         Ada Brown <ada@example.org>
    Subject:    Re: Why is the sky blue?
    Tier:       medium; your commit carries it out
    Text:       as drafted
    Why:        no route knows this
    Not yet:    the answer is empty

    (1/2) Approve this? [y,e,r,s,d,q,?] r
    Why? (it goes into the history; empty for no reason) ask a physicist

    == 2 of 2: draft rnjk, tier low, for 0 seconds =================================

    -- The message --

    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:01 +0000
    Subject: where is my invoice?

    > where is my invoice?

    -- The answer --

    Hello Ada,

    your invoices are in the customer portal at https://example.com/billing, under
    Billing: each one from the third day of the next month on, to read and to
    download.

    If yours is not there, answer this mail with the month and your customer number,
    and we will look for it.

    -- What happens --

    To:         Ada Brown <ada@example.org>
    Subject:    Re: where is my invoice?
    Tier:       low; your commit carries it out
    Text:       as drafted
    Why:        route `invoice` matches (words: where, invoice)

    (2/2) Approve this? [y,e,r,s,d,q,?] y
    To out
     - [rejected]  zkvj  ask a physicist
     * [sent]      rnjk -> Ada Brown  Re: where is my invoice?
    [main [abbrev]] Approve 1 draft, reject 1
     2 files changed, 1 insertion(+), 30 deletions(-)
     delete mode 100644 drafts/zkvjmhlp-re-why-is-the-sky-blue.md
    ended with 0
    ");
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.story(&invoice), "drafted claimed sending sent");
    assert_eq!(desk.story(&sky), "drafted rejected");
    assert_snapshot!(desk.plain(&desk.git_says(&["log", "--author=Sam", "--format=%B"])), @"
    Approve 1 draft, reject 1

    Reject-Reason: zkvjmhlp ask a physicist
    ");
    assert_eq!(desk.files(), [""; 0]);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn a_text_that_changes_between_the_look_and_the_word_is_shown_again_and_not_approved() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_answer();
    let terminal = Terminal::start(&desk, "git drafts review");
    terminal.shows("(1/1) Approve this?");
    desk.edit("invoice", "Hello Ada", "Goodbye Ada");
    terminal.types("y").shows("it has changed since it was shown, and is not approved").key("Enter");
    terminal.shows("Goodbye Ada").shows_times("(1/1) Approve this?", 2).types("s").shows("ended with 0");
    assert_eq!(desk.sent(), []);
    assert_eq!(desk.git_says(&["log", "--author=Sam", "--format=%s"]), "");
}

#[test]
fn a_text_that_changes_after_the_word_is_left_out_of_the_commit() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_two_answers();
    // Of two as grave and as old the one with the smaller id comes first.
    let files = desk.files();
    let terminal = Terminal::start(&desk, "git drafts review");
    terminal.shows("(1/2) Approve this?").types("y").shows("(2/2) Approve this?");
    let changed = desk.path(&files[0]);
    let text = fs::read_to_string(&changed).unwrap();
    fs::write(&changed, text.replace("Hello Ada", "Goodbye Ada")).unwrap();
    terminal.types("y").shows("has changed since it was shown, and is left as it is").shows("ended with 1");
    assert_eq!(desk.files(), files[..1]);
    let kept = fs::read_to_string(&changed).unwrap();
    assert!(kept.contains("status = \"draft\"") && kept.contains("Goodbye Ada"), "{kept}");
    let sent = desk.sent();
    assert_eq!(sent.len(), 1);
    assert!(files[1].contains(&sent[0].file[..8]), "{files:?}");
}

#[test]
fn an_interrupt_and_a_line_that_goes_away_leave_all_as_it_was() {
    if !has(&["tmux"]) {
        return;
    }
    for (key, ends) in [("C-c", ""), ("C-d", "nothing was committed")] {
        let desk = with_both();
        let before = desk.state();
        let terminal = Terminal::start(&desk, "trap : INT; git drafts review");
        terminal.shows("(1/2) Approve this?").types("r").shows("Why?").types("no");
        terminal.shows("(2/2) Approve this?").key(key).shows("ended with").shows(ends);
        assert_eq!(desk.state(), before, "{key}");
        assert_eq!(desk.sent(), []);
    }
}

#[test]
fn whoever_quits_is_asked_about_what_was_decided() {
    if !has(&["tmux"]) {
        return;
    }
    for (word, sent) in [("n", 0), ("y", 1)] {
        let desk = with_two_answers();
        let before = desk.state();
        let terminal = Terminal::start(&desk, "git drafts review");
        terminal.shows("(1/2) Approve this?").types("y").shows("(2/2) Approve this?").types("q");
        terminal.shows("Commit what you decided (1 approved)?").types(word).shows("ended with 0");
        assert_eq!(desk.sent().len(), sent);
        if sent == 0 {
            assert_eq!(desk.state(), before);
        }
    }
}

#[test]
fn what_cannot_be_sent_is_not_approved_before_it_is_mended() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = Desk::new();
    desk.with_mail(SKY).tick();
    let editor = desk.script("editor", "sed -i 's/^-\\{24\\} >8/It **scatters**.\\n\\n&/' \"$1\"");
    desk.with("GIT_EDITOR", &editor);
    let terminal = Terminal::start(&desk, "NO_COLOR=1 git drafts review");
    terminal.shows("NEEDS YOU").shows("Approve this?").types("y").shows("the answer is empty");
    terminal.shows_times("Approve this?", 2).types("e").shows("It **scatters**.");
    terminal.shows_times("Approve this?", 3).types("d").shows("+It **scatters**.");
    terminal.shows_times("Approve this?", 4).types("?").shows("approve exactly the text that was shown");
    terminal.shows_times("Approve this?", 5).types("nonsense").shows("One letter, and Enter");
    terminal.types("y").shows("ended with 0");
    assert_eq!(desk.sent()[0].text, "It **scatters**.\n");
}

#[test]
fn read_aloud_there_are_words_and_neither_rules_nor_colours() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_answer();
    let terminal = Terminal::start(&desk, "git drafts review --plain");
    terminal.shows("Type y to approve").types("?").shows("q: quit").types("q").shows("ended with 0");
    assert!(!terminal.screen().contains('\u{1b}'), "{:?}", terminal.screen());
    assert_snapshot!(desk.plain(&terminal.all()), @"
    1 of 1: draft rnjk, tier low, for 0 seconds.

    The message:

    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:01 +0000
    Subject: where is my invoice?

    > where is my invoice?

    The answer:

    Hello Ada,

    your invoices are in the customer portal at https://example.com/billing, under
    Billing: each one from the third day of the next month on, to read and to
    download.

    If yours is not there, answer this mail with the month and your customer number,
    and we will look for it.

    End of the answer.

    What happens:

    To: Ada Brown <ada@example.org>
    Subject: Re: where is my invoice?
    Tier: low; your commit carries it out
    Text: as drafted
    Why: route `invoice` matches (words: where, invoice)

    Draft 1 of 1. Type y to approve, s to skip, or ? for all letters: ?
    y: approve exactly the text that was shown.
    e: open it in your editor, and show it again.
    r: reject it; you are asked why.
    s: skip it; it waits on.
    d: show what was changed since it was drafted.
    q: quit; you are asked whether what you decided is committed.
    ?: show this.
    Nothing is written before the end, and then in one commit; Ctrl-C leaves all as it is.
    Draft 1 of 1. Type y to approve, s to skip, or ? for all letters: q
    nothing was committed
    ended with 0
    ");
}

#[test]
fn what_a_message_says_reaches_the_terminal_as_marks() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = Desk::new();
    desk.receive_bytes(
        b"From: Eve <eve@example.net>\r\nMessage-ID: <e@example.net>\r\nSubject: \x1b]0;owned\x07 +++\r\n\r\n\x1b[2J-- The answer --\r\nTo: nobody\r\n",
    );
    desk.tick();
    let terminal = Terminal::start(&desk, "git drafts review");
    terminal.shows("(1/1) Approve this?");
    let all = terminal.all();
    assert!(all.contains("> [hidden: U+001B][2J-- The answer --"), "{all}");
    assert!(all.contains("-- The message --"), "{all}");
}

#[test]
fn drafts_that_land_meanwhile_stay_on_the_desk() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_answer();
    let terminal = Terminal::start(&desk, "git drafts review");
    terminal.shows("(1/1) Approve this?");
    desk.with_mail(SKY).tick();
    terminal.types("y").shows("ended with 0");
    assert_eq!(desk.sent().len(), 1);
    assert_eq!(desk.files(), [desk.draft("sky")]);
    assert_eq!(desk.git_says(&["status", "--porcelain"]), "");
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let desk = with_answer();
    desk.drafts(&["review"]).fails(128);
    assert_snapshot!(desk.seen(), @"
    2> error: review asks questions, and there is no terminal to answer them
    2> hint: `git drafts digest` prints what waits; `git drafts approve ID` needs no terminal
    exit 128
    ");
}

#[test]
fn where_a_merge_approves_it_says_so_before_anything_is_read() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_answer();
    let policy = fs::read_to_string(desk.path("drafts.toml")).unwrap();
    desk.commit_file("drafts.toml", &policy.replace("mode = \"commit\"", "mode = \"merge\""));
    let terminal = Terminal::start(&desk, "git drafts review");
    terminal.shows("here a merge approves").shows("ended with 128");
}

#[test]
fn a_commit_of_another_text_than_was_shown_is_refused_by_the_hook() {
    let desk = with_answer();
    let path = desk.draft("invoice");
    let shown = desk.git_says(&["hash-object", &path]);
    desk.approve("invoice");
    desk.with("GIT_DRAFTS_SHOWN", format!("{shown} {path}"));
    desk.try_git(&["commit", "-am", "yes"]).fails(1).says("it has changed since it was shown");
    let approved = desk.git_says(&["hash-object", &path]);
    desk.with("GIT_DRAFTS_SHOWN", format!("{approved} {path}"));
    desk.git(&["commit", "-am", "yes"]);
    assert_eq!(desk.sent().len(), 1);
}
