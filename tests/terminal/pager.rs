//! Long output, and the pager that shows it.

use insta::assert_snapshot;

use crate::support::desk::Desk;
use crate::tmux::{Terminal, has};

fn with_answer() -> Desk {
    let desk = Desk::new();
    desk.with_mail("where is my invoice?").tick();
    desk
}

#[test]
fn on_a_terminal_a_draft_is_laid_out_and_goes_through_gits_pager() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_answer();
    let pager = desk.script("pager", "echo \"LESS=$LESS\"; sed 's/^/| /'");
    desk.git(&["config", "core.pager", &pager]);
    let terminal = Terminal::start(&desk, &format!("NO_COLOR=1 git drafts show {}", desk.id("invoice")));
    let all = terminal.shows("ended with 0").all();
    assert!(all.starts_with("LESS=FRX\n| == draft rnjk, tier low"), "{all}");
    assert!(all.contains("\n| To:         Ada Brown <ada@example.org>\n"), "{all}");
    for line in ["git --no-pager drafts show", "git drafts show --no-pager"] {
        let terminal = Terminal::start(&desk, &format!("{line} {}", desk.id("invoice")));
        assert!(!terminal.shows("ended with 0").all().contains("| "), "{}", terminal.all());
    }
}

#[test]
fn whoever_leaves_the_pager_early_has_read_enough() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = with_answer();
    let terminal = Terminal::start(&desk, "GIT_PAGER='head -n 1' git drafts log");
    terminal.shows("drafted").shows("ended with 0");
    drop(terminal);
    let terminal = Terminal::start(&desk, "GIT_PAGER=no-such-pager git drafts log");
    terminal.shows("the pager `no-such-pager` did not start").shows("`--no-pager`").shows("ended with 0");
}

#[test]
fn in_a_pipe_a_draft_is_its_file_and_rendered_on_request() {
    let desk = with_answer();
    let id = desk.id("invoice");
    assert_eq!(desk.drafts(&["show", &id]).succeeds().out, desk.text("invoice"));
    desk.edit("invoice", "Hello Ada", "Dear **Ada**").approve("invoice").commit("yes");
    desk.drafts(&["show", "--rendered", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    == draft rnjk, tier low ========================================================

    -- The message --

    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:01 +0000
    Subject: where is my invoice?

    > where is my invoice?

    -- The answer --

    Dear **Ada**,

    your invoices are in the customer portal at https://example.com/billing, under Billing: each one from the third day of the next month on, to read and to download.

    If yours is not there, answer this mail with the month and your customer number, and we will look for it.

    -- What happened --

    To:         Ada Brown <ada@example.org>
    Subject:    Re: where is my invoice?
    Status:     sent, Fri 20 Nov 12:00:00
    Tier:       low
    Why:        route `invoice` matches (words: where, invoice)

    -- Changed since it was drafted --

    [-Hello-]{+Dear+} [-Ada,-]{+**Ada**,+}
    ");
    desk.drafts(&["log", "--patch", &id]).succeeds();
    assert_snapshot!(desk.seen(), @"
    draft rnjkmjrz  Re: where is my invoice?
    Fri 20 Nov 12:00:00  drafted     [abbrev]  route_answer by rules (invoice), tier low
    Fri 20 Nov 12:00:00  approved    [abbrev]  Sam Hill <sam@example.com>, 1 line edited

    [-Hello-]{+Dear+} [-Ada,-]{+**Ada**,+}

    Fri 20 Nov 12:00:00  claimed     [abbrev]  host [host], blob [abbrev]
    Fri 20 Nov 12:00:00  sending     [abbrev]  generation 1
    Fri 20 Nov 12:00:00  sent        [abbrev]  new/rnjkmjrz.1.[desk].[host]
    ");
}

#[test]
fn the_digest_has_everything_that_a_decision_needs() {
    let desk = with_answer();
    desk.with_mail("Why is the sky blue?").tick();
    desk.edit("invoice", "to = [", "to = [\"Eve <eve@example.net>\", ");
    desk.drafts(&["digest"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    # 2 drafts wait for you

    ## zkvj, tier medium, for 0 seconds

    - To: `Ada Brown <ada@example.org>`
    - Subject: `Re: Why is the sky blue?`
    - Tier: `medium; your commit carries it out`
    - Text: `as drafted`
    - Why: `no route knows this`
    - Not yet: `the answer is empty`

    NEEDS YOU: there is no answer yet.

    The message:

    ```text
    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:02 +0000
    Subject: Why is the sky blue?

    > Why is the sky blue?
    ```

    ## rnjk, tier medium, for 0 seconds

    - To a stranger: `Eve <eve@example.net>`
    - To: `Ada Brown <ada@example.org>`
    - Subject: `Re: where is my invoice?`
    - Tier: `medium; your commit carries it out`
    - Text: `1 line edited`
    - Why: ``route `invoice` matches (words: where, invoice)``

    The answer:

    ```text
    Hello Ada,

    your invoices are in the customer portal at https://example.com/billing, under Billing: each one from the third day of the next month on, to read and to download.

    If yours is not there, answer this mail with the month and your customer number, and we will look for it.
    ```

    The message:

    ```text
    From: Ada Brown <ada@example.org>
    Date: Fri, 20 Nov 2026 10:00:01 +0000
    Subject: where is my invoice?

    > where is my invoice?
    ```

    `git drafts review` asks about one after the other.
    ");
    desk.git(&["rm", "-q", "-r", "-f", "drafts"]).git(&["commit", "-qm", "none"]);
    desk.drafts(&["digest"]).succeeds();
    assert_eq!(desk.seen(), "");
}

#[test]
fn a_tick_without_a_source_says_each_time_what_is_missing() {
    if !has(&["tmux"]) {
        return;
    }
    let desk = Desk::with_wiring("version = 1\n\n[desk]\npath = \"drafts\"\n");
    // A second one says it, too.
    desk.drafts(&["tick"]).succeeds();
    desk.drafts(&["tick"]).succeeds();
    assert_snapshot!(desk.seen(), @"
    2> the wiring names no source, so there is nothing to take in
    2> hint: add a [source.NAME] to ~/.config/git-drafts/config.toml
    ");
    let terminal = Terminal::start(&desk, "git drafts tick");
    terminal
        .shows("the wiring names no source")
        .shows("add a [source.NAME] to ~/.config")
        .shows("ended with 0");
}
