use proptest::prelude::*;

use super::*;

const FILE: &str = "one\ntwo\nthree\nfour\nfive\n";
const HEAD: &str = "--- a/routes.toml\n+++ b/routes.toml\n";

fn check(diff: &str, file: &str, expected: &str) {
    let said = match Patch::parse(diff, Counts::Strict).and_then(|patch| patch.apply(file)) {
        Ok(changed) => changed,
        Err(Flaw { line, what }) => format!("{line}: {what}"),
    };
    assert_eq!(said, expected, "{diff}");
}

fn check_head(head: &str, expected: &str) {
    check(&format!("{head}@@ -1 +1 @@\n-one\n+1\n"), FILE, expected);
}

#[test]
fn lines_are_changed_where_they_stand() {
    check(&format!("{HEAD}@@ -2,2 +2,2 @@\n two\n-three\n+3\n"), FILE, "one\ntwo\n3\nfour\nfive\n");
    check(&format!("{HEAD}@@ -5 +5,2 @@ fn x\n five\n+six\n"), FILE, "one\ntwo\nthree\nfour\nfive\nsix\n");
    check(
        &format!("{HEAD}@@ -1,2 +1 @@\n-one\n two\n@@ -5 +4 @@\n-five\n+5\n"),
        FILE,
        "two\nthree\nfour\n5\n",
    );
    check(&format!("{HEAD}@@ -0,0 +1 @@\n+one\n"), "", "one\n");
    let git =
        "diff --git a/x y/z.md b/x y/z.md\nindex 1234567..89abcde 100644\n--- a/x y/z.md\n+++ b/x y/z.md\n";
    check_head(git, "1\ntwo\nthree\nfour\nfive\n");
}

#[test]
fn a_blank_line_without_its_space_is_a_blank_line() {
    check(&format!("{HEAD}@@ -1,3 +1,3 @@\n-a\n+b\n\n c\n"), "a\n\nc\n", "b\n\nc\n");
}

#[test]
fn the_end_of_the_last_line_is_kept_given_and_taken() {
    let no_end = "\\ No newline at end of file\n";
    check(&format!("{HEAD}@@ -1,2 +1,2 @@\n-a\n+b\n c\n{no_end}"), "a\nc", "b\nc");
    check(&format!("{HEAD}@@ -1 +1 @@\n-a\n{no_end}+a\n"), "a", "a\n");
    check(&format!("{HEAD}@@ -1 +1 @@\n-a\n+a\n{no_end}"), "a\n", "a");
    check(
        &format!("{HEAD}@@ -1 +1 @@\n-a\n+a\n{no_end}"),
        "a\nb\n",
        "2: `routes.toml` does not have these lines in a row",
    );
    check(
        &format!("{HEAD}@@ -1 +1,2 @@\n-a\n+b\n{no_end}+c\n"),
        "a\n",
        "6: a line follows one that has no end",
    );
    check(&format!("{HEAD}@@ -1,0 +2 @@\n+b\n"), "a", "2: the hunk has no line that says where it stands");
}

#[test]
fn lines_that_moved_are_found_where_they_are_the_only_ones() {
    let diff = format!("{HEAD}@@ -2,2 +2,2 @@\n two\n-three\n+3\n");
    check(&diff, &format!("zero\n{FILE}"), "zero\none\ntwo\n3\nfour\nfive\n");
    check(&diff, &format!("zero\n{FILE}{FILE}"), "2: these lines stand in `routes.toml` more than once");
    // Several, and one of them is where it is said to be.
    check(&diff, &format!("{FILE}{FILE}"), &format!("one\ntwo\n3\nfour\nfive\n{FILE}"));
    // One hunk that is elsewhere makes the place of every other one doubtful.
    let two = format!("{HEAD}@@ -1 +1 @@\n-a\n+A\n@@ -4 +4 @@\n-d\n+D\n");
    check(&two, "a\na\nb\nc\nd\n", "2: these lines stand in `routes.toml` more than once");
    let swapped = format!("{HEAD}@@ -1 +1 @@\n-d\n+D\n@@ -4 +4 @@\n-a\n+A\n");
    check(&swapped, "a\nb\nc\nd\n", "5: the hunks are not in the file's order");
}

#[test]
fn a_hunk_that_only_adds_stands_nowhere_but_in_an_empty_file() {
    let nowhere = |line: usize| format!("{line}: the hunk has no line that says where it stands");
    // The head of each names a place that is there.
    for (head, place) in [("@@ -0,0 +1 @@", 0), ("@@ -2,0 +3 @@", 2), ("@@ -5,0 +6 @@", 5)] {
        check(&format!("{HEAD}{head}\n+new\n"), FILE, &nowhere(2));
        let patch = Patch::parse(&format!("{HEAD}{head}\n+new\n"), Counts::Ignored).unwrap();
        assert_eq!((patch.hunks[0].start, patch.apply(FILE).unwrap_err().line), (place, 2));
    }
    check(&format!("{HEAD}@@ -1 +1 @@\n-one\n+1\n@@ -4,0 +5 @@\n+new\n"), FILE, &nowhere(5));
    check(&format!("{HEAD}@@ -0,0 +1,2 @@\n+a\n+b\n"), "", "a\nb\n");
    check(&format!("{HEAD}@@ -1,0 +2 @@\n+a\n"), "", &nowhere(2));
}

#[test]
fn a_diff_that_does_not_fit_says_what_is_missing() {
    check(&format!("{HEAD}@@ -2,2 +2,2 @@\n two\n-tree\n+3\n"), FILE, "2: `routes.toml` has no line `tree`");
    check(
        &format!("{HEAD}@@ -2,2 +2,2 @@\n two\n-five\n+5\n"),
        FILE,
        "2: `routes.toml` does not have these lines in a row",
    );
    check(&format!("{HEAD}@@ -1 +1 @@\n-one \n+1\n"), FILE, "2: `routes.toml` has no line `one`");
    check(
        &format!("{HEAD}@@ -1 +1 @@\n-one\n+1\n"),
        "one\r\n",
        "2: `routes.toml` has line ends of another system",
    );
    check(
        &format!("{HEAD}@@ -9,0 +10 @@\n+six\n"),
        FILE,
        "2: the hunk has no line that says where it stands",
    );
}

#[test]
fn what_is_more_than_a_change_of_lines_of_one_file_is_refused() {
    let plain = "--- a/a\n+++ b/a\n";
    for (line, why) in [
        ("old mode 100644\nnew mode 100755\n", "1: the diff changes the mode of a file"),
        ("new file mode 100644\n", "1: the diff creates a file"),
        ("deleted file mode 100644\n", "1: the diff deletes a file"),
        ("similarity index 90%\nrename from a\nrename to b\n", "1: the diff renames or copies a file"),
        ("copy from a\ncopy to b\n", "1: the diff renames or copies a file"),
        ("index 1234567..89abcde 120000\n", "1: the diff changes what is no plain file"),
        ("GIT binary patch\n", "1: the diff changes a file that is no text"),
        ("Binary files a/a and b/a differ\n", "1: the diff changes a file that is no text"),
    ] {
        check_head(&format!("diff --git a/a b/a\n{line}{plain}"), why);
    }
    check_head("--- /dev/null\n+++ b/a\n", "0: the diff creates a file");
    check_head("--- a/a\n+++ /dev/null\n", "1: the diff deletes a file");
    check_head("--- a/a\n+++ b/b\n", "1: the diff names two files");
    check_head("diff --git a/a b/b\n--- a/a\n+++ b/a\n", "0: the diff names two files");
    check_head("--- a\n+++ a\n", "0: there is no line `--- a/…`");
    check_head("\n--- a/a\n+++ b/a\n", "0: there is no line `--- a/…`");
    check(
        &format!("{HEAD}@@ -1 +1 @@\n-one\n+1\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n-one\n+1\n"),
        FILE,
        "5: there is no head of a hunk, such as `@@ -1,3 +1,4 @@`",
    );
    check(&format!("{HEAD}@@ -1 +1 @@\n one\n"), FILE, "2: the diff changes nothing");
    check(HEAD, FILE, "1: the diff has no hunk");
    check("", FILE, "0: there is no line `--- a/…`");
}

#[test]
fn a_path_stays_below_the_top_and_out_of_git() {
    for (path, why) in [
        ("../a", "leads elsewhere"),
        ("a/../../b", "leads elsewhere"),
        ("./a", "leads elsewhere"),
        ("/etc/passwd", "has a part without a name"),
        ("a//b", "has a part without a name"),
        ("a/", "has a part without a name"),
        (".git/config", "belongs to git itself"),
        ("a/.GIT/hooks/pre-commit", "belongs to git itself"),
        (".git./config", "belongs to git itself"),
        (".gitattributes", "belongs to git itself"),
        ("git~1/config", "has a character that no plain name has"),
        ("a\\b", "has a character that no plain name has"),
        ("c:a", "has a character that no plain name has"),
        ("a./b", "ends a name in a dot or a space"),
    ] {
        check_head(&format!("--- a/{path}\n+++ b/{path}\n"), &format!("0: the path `{path}` {why}"));
    }
    assert_eq!(wrong_path("a\u{202e}b"), Some("is no plain name"));
    assert_eq!(wrong_path(""), Some("is no plain name"));
    assert_eq!(wrong_path("routes/mail.toml"), None);
}

#[test]
fn a_head_that_cannot_count_is_believed_of_nobody_but_a_brain() {
    let diff = format!("{HEAD}@@ -7,9 +1 @@\n two\n-three\n+3\n\n@@\n-five\n+5\n");
    check(&diff, FILE, "2: the hunk has not as many lines as its head says: 3 and 3, not 9 and 1");
    let patch = Patch::parse(&diff, Counts::Ignored).unwrap();
    assert_eq!(patch.apply(FILE).unwrap(), "one\ntwo\n3\nfour\n5\n");
    for head in
        ["@@ -1 +1", "@@ 1 1 @@", "@@ -+1 +1 @@", "@@ -1,-1 +1 @@", "@@ -99999999999 +1 @@", "@@@ -1 +1 @@"]
    {
        check(
            &format!("{HEAD}{head}\n-one\n+1\n"),
            FILE,
            "2: there is no head of a hunk, such as `@@ -1,3 +1,4 @@`",
        );
    }
}

#[test]
fn a_body_has_one_diff_and_may_say_why() {
    let diff = format!("{HEAD}@@ -1 +1 @@\n-one\n+1\n");
    let whole = body("Because.", &diff);
    assert_eq!(whole, format!("Because.\n\n```diff\n{diff}```"));
    let found = block(&whole).unwrap();
    assert_eq!((found.why, found.diff, found.line), ("Because.", diff.as_str(), 3));
    assert_eq!(block(&body("", &diff)).unwrap().why, "");
    let wrong = |body: &str| block(body).map(|_| ()).unwrap_err();
    assert_eq!(wrong("x").line, 0);
    assert_eq!(wrong("x\n```diff\ny").what, "no line ``` ends the diff");
    assert_eq!(wrong("```diff\ny\n```\n\nand more").line, 4);
}

proptest! {
    #[test]
    fn the_diff_between_two_texts_makes_one_of_the_other(
        old in "([abc]{0,1}\n){0,30}[ab]{0,1}",
        new in "([abc]{0,1}\n){0,30}[ab]{0,1}",
    ) {
        prop_assume!(old != new);
        let diff = between("routes.toml", &old, &new);
        let patch = Patch::parse(&diff, Counts::Strict).unwrap();
        prop_assert_eq!(patch.apply(&old).unwrap(), new.clone());
        // In a draft, too, whose edges and blank lines editors touch.
        let whole = body("Why.", &diff);
        let in_draft = block(&whole).unwrap().diff;
        prop_assert_eq!(Patch::parse(in_draft, Counts::Strict).unwrap().apply(&old).unwrap(), new);
    }

    #[test]
    fn a_file_that_lacks_a_line_of_the_diff_is_never_changed(
        old in "([abc]\n){1,12}",
        new in "([abc]\n){1,12}",
        other in "([abc]\n){1,12}",
    ) {
        prop_assume!(old != new);
        let patch = Patch::parse(&between("routes.toml", &old, &new), Counts::Strict).unwrap();
        if let Ok(changed) = patch.apply(&other) {
            // What the hunks do not name is there as it was, and all that they took out was there.
            let old_lines: usize = patch.hunks.iter().map(|hunk| hunk.old.len()).sum();
            let new_lines: usize = patch.hunks.iter().map(|hunk| hunk.new.len()).sum();
            prop_assert_eq!(changed.lines().count() + old_lines, other.lines().count() + new_lines);
            for hunk in &patch.hunks {
                prop_assert!(other.contains(&hunk.old.concat()));
                prop_assert!(changed.contains(&hunk.new.concat()));
            }
        }
    }

    #[test]
    fn no_text_breaks_the_reading(text in ".*", diff in "(--- a/x\n\\+\\+\\+ b/x\n)?(@@ -[0-9]{1,2},[0-9] \\+[0-9],[0-9] @@\n|[ +-][ab]\n|\\\\ No newline at end of file\n){0,12}", file in "([ab]\n){0,8}") {
        for counts in [Counts::Strict, Counts::Ignored] {
            for diff in [&text, &diff] {
                if let Ok(patch) = Patch::parse(diff, counts) {
                    let _ = patch.apply(&file);
                }
            }
        }
        let _ = block(&text);
    }
}
