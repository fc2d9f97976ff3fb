//! Whether what git shows is what is committed, and whether everything is there.

use super::Look;
use super::finding::Report;
use crate::desk::Desk;
use crate::git::health::Attribute;
use crate::git::{DRAFTS, LEDGER, MAIN, Repository};

/// The line of `.gitattributes` that a new desk gets.
const ATTRIBUTES: &str = "drafts/** text eol=lf -filter -ident -working-tree-encoding -merge diff";

/// Looks at the repository's features, attributes, objects and worktrees.
pub fn look(look: &Look<'_>, report: &mut Report) {
    let repository = &look.session.repository;
    report.fine("repository", format!("repository {}", look.context.shown(repository.place())));
    features(repository, report);
    attributes(repository, report);
    disguises(repository, report);
    worktrees(repository, report);
    let branches: Vec<&str> =
        [MAIN, LEDGER].into_iter().filter(|branch| matches!(repository.tip(branch), Ok(Some(_)))).collect();
    if let Some(why) = repository.missing_object(&branches) {
        report.wrong(
            "objects.missing",
            format!("something that `main` or `ledger` rests on is missing: {why}"),
            "see `git fsck --connectivity-only`; get it from another clone (`git fetch --refetch <it>`) or a backup",
        );
    }
}

fn features(repository: &Repository, report: &mut Report) {
    if repository.is_shallow() {
        report.wrong(
            "repository.shallow",
            "the repository is a shallow clone, so no history can be believed",
            "git fetch --unshallow",
        );
    }
    let is_set = |key: &str| {
        let value = repository.settings(key).unwrap_or_default().pop().map(|setting| setting.value);
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let place = repository.place().display();
    let trouble = repository.index_trouble();
    if let Some(why) = &trouble {
        let split = format!(
            "git -C {place} config core.splitIndex false && git -C {place} update-index --no-split-index"
        );
        let sparse = format!("git -C {place} sparse-checkout disable");
        let (name, hint) = if why.contains("link") || is_set("core.splitIndex") {
            ("repository.split-index", split)
        } else if why.contains("sdir") || is_set("index.sparse") {
            ("repository.sparse-index", sparse)
        } else {
            ("repository.index", format!("git -C {place} read-tree HEAD, if nothing is staged that you need"))
        };
        report.wrong(name, format!("the index cannot be read, so no draft can land: {why}"), hint);
    }
    if repository.is_partial() {
        report.wrong(
            "repository.partial",
            "the repository is a partial clone, in which objects may be missing",
            "clone it whole: `git clone` without --filter",
        );
    }
}

/// Looks at what git's attributes do to drafts: to any, and to each one that is there.
fn attributes(repository: &Repository, report: &mut Report) {
    let mut paths = vec![format!("{DRAFTS}/kqzmwvst.md")];
    paths.extend(Desk::read(repository).into_iter().flat_map(|desk| desk.files).map(|file| file.path));
    let mut is_text = true;
    if repository.attribute(&paths[0], "text").is_err() {
        // Then not even git can read its index, and that was said.
        return;
    }
    let look_up = |path: &str, name: &str| repository.attribute(path, name).unwrap_or(Attribute::Unspecified);
    for (name, attribute) in [
        ("attributes.filter", "filter"),
        ("attributes.ident", "ident"),
        ("attributes.working-tree-encoding", "working-tree-encoding"),
        ("attributes.text", "text"),
        ("attributes.merge", "merge"),
    ] {
        let wrong = |path: &&String| {
            let found = look_up(path, attribute);
            match attribute {
                "text" => !is_kept_as_it_is(&found, &look_up(path, "eol")),
                "merge" => found != Attribute::Unset,
                _ => matches!(found, Attribute::Set | Attribute::Value(_)),
            }
        };
        let Some(path) = paths.iter().find(wrong) else { continue };
        is_text &= attribute != "text";
        let what = match attribute {
            "text" => "line ends of drafts may be changed: `text eol=lf` is not set on them".to_owned(),
            "merge" => "two versions of a draft may be blended: `-merge` is not set on drafts".to_owned(),
            _ => {
                format!("the attribute `{attribute}` is set on drafts: what you see is not what is committed")
            }
        };
        report.wrong(
            name,
            what,
            format!("`git check-attr -a {path}` shows it; put back `{ATTRIBUTES}` as the last line of .gitattributes, commit it, and look into .git/info/attributes"),
        );
    }
    let autocrlf = repository.settings("core.autocrlf").unwrap_or_default().pop();
    if let Some(setting) = autocrlf.filter(|setting| setting.value != "false") {
        let what =
            format!("`core.autocrlf` is {}, set in the {} configuration", setting.value, setting.scope);
        let hint = format!("git -C {} config --local core.autocrlf false", repository.place().display());
        if is_text {
            report.note(
                "repository.autocrlf",
                format!("{what}: drafts are safe from it, attachments are not"),
                hint,
            );
        } else {
            report.wrong("repository.autocrlf", format!("{what}, and changes the line ends of drafts"), hint);
        }
    }
}

/// Tells whether git leaves a text's line ends alone.
fn is_kept_as_it_is(text: &Attribute, eol: &Attribute) -> bool {
    match text {
        Attribute::Unset => true,
        Attribute::Set | Attribute::Value(_) | Attribute::Unspecified => {
            *eol == Attribute::Value("lf".to_owned())
        }
    }
}

/// Looks for what makes git show another history than the one that counts.
fn disguises(repository: &Repository, report: &mut Report) {
    match repository.has_replacements() {
        Ok(false) => {}
        Ok(true) => report.wrong(
            "repository.replace",
            "there are replacement refs: `git show` may show another text than the one that is sent",
            "look at them with `git replace -l`, and delete them with `git replace -d`",
        ),
        Err(error) => report.error("repository.replace", &error),
    }
    if let Some(path) = repository.grafts() {
        report.wrong(
            "repository.grafts",
            "there are grafts: `git log` may show another history than the one that counts",
            format!("rm {}", path.display()),
        );
    }
}

fn worktrees(repository: &Repository, report: &mut Report) {
    let linked = match repository.linked_worktrees() {
        Ok(linked) => linked,
        Err(error) => return report.error("worktree", &error),
    };
    for linked in linked {
        let place = linked.place.display();
        if !linked.place.exists() {
            report.note(
                "worktree.gone",
                format!("the linked worktree {place} is gone"),
                "git worktree prune",
            );
        } else if linked.branch.as_deref() == Some(MAIN) {
            report.wrong(
                "worktree.main",
                format!("`main` is checked out in the linked worktree {place}, so no draft can land"),
                format!("check out another branch there: git -C {place} switch <branch>"),
            );
        }
    }
}
