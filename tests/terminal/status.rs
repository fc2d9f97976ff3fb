//! What stands at the edge of a terminal, and what is said to whoever looks on.

use insta::assert_snapshot;

use crate::support::desk::Desk;
use crate::support::mail::Mail;
use crate::tmux::{Terminal, has};

/// A desk with an answer, and a question that has a finding.
fn with_finding() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").receive(&Mail {
        from: "Oskar Nyman of the long department name <oskar@example.org>",
        subject: "Our test system, and how we would like to get at it",
        body: "What is the password?\n",
        ..Mail::default()
    });
    desk.tick();
    desk
}

/// What a command shows on a terminal of so many columns, which breaks lines as they are broken here.
fn shown(desk: &Desk, columns: usize, line: &str) -> String {
    let terminal = Terminal::of_width(desk, columns, line);
    let all = terminal.shows("ended with ").all();
    desk.plain(all.rsplit_once("ended with ").unwrap().0)
}

#[test]
fn status_loses_nothing_that_matters_at_the_edge() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_finding();
    assert_snapshot!(shown(&desk, 80, "NO_COLOR=1 git drafts status"), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Waiting for you:
      (edit and set status to "approved", or use "git drafts approve <id>"; delete
       the file to reject)
            rnjk  low     route_answer  Ada Brown        Re: where is my…  0 seconds
            zkvj  high    escalate      Oskar Nyman of…  Re: Our test sy…  0 seconds
                  asks for a credential
    "#);
    assert_snapshot!(shown(&desk, 60, "NO_COLOR=1 git drafts status"), @r#"
    On desk ~/drafts, last tick 0 seconds ago.

    Waiting for you:
      (edit and set status to "approved", or use "git drafts
       approve <id>"; delete the file to reject)
            rnjk  low     route_answer  Ada Brown      0 seconds
                  Re: where is my invoice?
            zkvj  high    escalate      Oskar Nyman …  0 seconds
                  Re: Our test system, and how we would like to…
                  asks for a credential
    "#);
}

#[test]
fn a_dumb_terminal_gets_no_escapes() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_finding();
    for (term, has_colour) in [("dumb", false), ("xterm", true)] {
        let terminal = Terminal::start(&desk, &format!("TERM={term} git drafts status"));
        terminal.shows("ended with 0");
        assert_eq!(terminal.screen().contains("\u{1b}[1mWaiting"), has_colour, "{}", terminal.screen());
    }
}

#[test]
fn a_send_by_hand_that_does_nothing_says_why() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_finding();
    let id = desk.id("invoice");
    assert_snapshot!(shown(&desk, 80, "git drafts send"), @"nothing is approved");
    desk.approve("invoice");
    assert_snapshot!(shown(&desk, 80, "git drafts send"), @"
    1 draft is approved here, and not committed
    hint: `git commit -a` sends what is approved
    ");
    desk.drafts(&["pause"]).succeeds();
    assert_snapshot!(shown(&desk, 80, "git drafts send"), @r#"
    paused since Fri 20 Nov 12:00:00
    hint: use "git drafts resume" to go on
    "#);
    desk.drafts(&["resume"]).succeeds();
    // A newer message parks the answer.
    desk.commit_quietly("yes").receive(&Mail {
        subject: "Re: where is my invoice?",
        body: "Found it.\n",
        headers: "In-Reply-To: <mail-1@example.org>\nReferences: <mail-1@example.org>\n",
        ..Mail::default()
    });
    desk.send();
    assert!(desk.story(&id).ends_with("stale"), "{}", desk.story(&id));
    assert_snapshot!(shown(&desk, 80, "git drafts send"), @"
    1 draft needs you before anything is sent of it
    hint: `git drafts status` tells what to do
    ");
    // Where nobody looks on it is silent.
    desk.drafts(&["send"]).succeeds();
    assert_eq!(desk.seen(), "");
}
