//! Dies at each named point, and at each point of the recovery from that.

use std::collections::BTreeMap;
use std::fs;

use crate::scene::{Receiver, Scene, lock_is_free, wait_until, was_killed};
use crate::{long, sample};

/// The points that a command comes to, in order, as `branch.moved#2`, on the desk as it is.
fn trace(scene: &Scene, arguments: &[&str]) -> Vec<String> {
    let file = scene.bed.desk.home().join("trace");
    let mut command = scene.command(arguments);
    command.env("GIT_DRAFTS_FAILPOINT", format!("trace:{}", file.display())).output().unwrap();
    numbered(&fs::read_to_string(&file).unwrap_or_default())
}

/// Numbers the names of a trace: each name by how often it has come.
pub fn numbered(names: &str) -> Vec<String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    names
        .lines()
        .map(|name| {
            let time = times.entry(name).or_default();
            *time += 1;
            format!("{name}#{time}")
        })
        .collect()
}

/// Runs a command that dies at a point; tells whether it came to it.
fn dies(scene: &Scene, arguments: &[&str], point: &str) -> bool {
    // Whoever sends next finds the lock free only when a mail program that was started has ended.
    wait_until(|| lock_is_free(&scene.bed.desk));
    let mut command = scene.command(arguments);
    was_killed(&command.env("GIT_DRAFTS_FAILPOINT", format!("kill:{point}")).output().unwrap())
}

fn check(receiver: Receiver, arguments: &[&str]) -> (usize, usize) {
    let scene = Scene::new(receiver);
    scene.bed.restore();
    let points = trace(&scene, arguments);
    assert!(points.len() > 4, "{points:?}");
    let mut wrong = Vec::new();
    for point in &points {
        scene.bed.restore();
        assert!(dies(&scene, arguments, point), "{point}");
        for what in scene.aftermath() {
            wrong.push(format!("{arguments:?} at {point}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    (points.len(), wrong.len())
}

#[test]
fn a_death_at_any_point_is_made_good() {
    let mut runs = 0;
    for receiver in [Receiver::Maildir, Receiver::Program] {
        for command in ["tick", "send"] {
            runs += check(receiver, &[command]).0;
        }
    }
    println!("proof: points: {runs} deaths, 0 violations");
}

/// What the pairs of one command came to.
#[derive(Default)]
struct Pairs {
    runs: usize,
    /// The second death did not come: what it recovers was different this time.
    not_reached: usize,
    wrong: Vec<String>,
}

/// Dies at each point of a command, and then at each point that the run comes to which recovers from that.
fn pairs(receiver: Receiver, arguments: &[&str], pairs: &mut Pairs) {
    let scene = Scene::new(receiver);
    scene.bed.restore();
    let firsts = trace(&scene, arguments);
    for first in sample(&firsts, 4) {
        if long() {
            eprintln!("pairs: {receiver:?}: {} runs; now {arguments:?} at {first}", pairs.runs);
        }
        for recovery in ["tick", "send"] {
            scene.bed.restore();
            assert!(dies(&scene, arguments, &first), "{first}");
            wait_until(|| lock_is_free(&scene.bed.desk));
            let seconds = trace(&scene, &[recovery]);
            for second in sample(&seconds, 1) {
                scene.bed.restore();
                assert!(dies(&scene, arguments, &first), "{first}");
                if !dies(&scene, &[recovery], &second) {
                    pairs.not_reached += 1;
                    continue;
                }
                pairs.runs += 1;
                let wrong = scene.aftermath();
                let where_ = format!("{receiver:?}: {arguments:?} at {first}, then {recovery} at {second}");
                pairs.wrong.extend(wrong.into_iter().map(|what| format!("{where_}: {what}")));
            }
        }
    }
}

fn check_pairs(receiver: Receiver) {
    let mut all = Pairs::default();
    for command in ["tick", "send"] {
        pairs(receiver, &[command], &mut all);
    }
    let Pairs { runs, not_reached, wrong } = all;
    println!(
        "proof: pairs: {receiver:?}: {runs} runs, {} violations, {not_reached} second deaths not reached",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_death_in_the_recovery_from_a_death_is_made_good_with_a_maildir() {
    check_pairs(Receiver::Maildir);
}

#[test]
fn a_death_in_the_recovery_from_a_death_is_made_good_with_a_program() {
    check_pairs(Receiver::Program);
}
