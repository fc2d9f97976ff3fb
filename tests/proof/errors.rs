//! Fails one system call at a time. A command may fail then, with a sentence; it must never take what it
//! could not read for what is not there.

use std::thread;

use crate::scene::{NOTHING, Receiver, Scene};
use crate::strace::{self, Call};
use crate::support::desk::Said;
use crate::{at_length, long, sample};

const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EMFILE", "EACCES"];

/// Fails a command at its calls, each by the next error in turn; returns runs, unsure ones, and what was wrong.
fn check(scene: &Scene, arguments: &[&str], short: usize) -> (usize, usize, Vec<String>) {
    let desk = scene.bed.restore();
    let calls = strace::calls(desk, arguments, false);
    // Before it opens anything of the home, the loader and the runtime are at work.
    let home = desk.home().display().to_string();
    let ours = calls.iter().position(|call| call.line.contains(&home)).unwrap_or_default();
    // The runtime makes its pair of sockets after a try of ours, and panics where that fails, before anything
    // is begun.
    // It also wakes itself by an eventfd, whose writing cannot fail for want of room, or of a disk.
    let wakes = |call: &Call| call.name == "write" && call.line.contains(r#""\1\0\0\0\0\0\0\0", 8)"#);
    let is_the_runtimes = |call: &Call| call.name == "socketpair" && call.number == 2 || wakes(call);
    let fits = |call: &Call| {
        (call.looks() || call.leaves_trace()) && call.name != "exit_group" && !is_the_runtimes(call)
    };
    let points: Vec<Call> = calls.into_iter().skip(ours).filter(fits).collect();
    let (mut runs, mut unsure, mut wrong) = (0, 0, Vec::new());
    let mut chosen = sample(&points, short);
    // What was once taken for something else is tried in the short form, too: an index that libgit2 may not
    // look at, and a file that is to be taken away.
    let is_index = |call: &Call| call.name == "access" && call.line.contains("index.aside");
    let is_file = |call: &Call| call.name == "statx" && call.line.contains("approved.md");
    chosen.extend(points.iter().filter(|call| is_index(call) || is_file(call)).filter(|_| !long()).cloned());
    let count = chosen.len();
    for (turn, call) in chosen.into_iter().enumerate() {
        let error = ERRORS[turn % ERRORS.len()];
        scene.bed.restore();
        let output = strace::inject(desk, arguments, false, &call, &format!("error={error}"));
        scene.settle();
        runs += 1;
        let said = Said::of(&output);
        let mut found = Vec::new();
        let sentence = said.err.lines().any(|line| line.contains("error: ") && line.contains(' '));
        if said.err.contains("panicked") || !(said.code <= 1 || said.code == 128 && sentence) {
            found.push(format!("ended with {}: {}{}", said.code, said.out, said.err));
        }
        found.extend(scene.aftermath());
        unsure += usize::from(scene.story().ends_with("unsure"));
        for what in found {
            let Call { name, number, line } = &call;
            wrong.push(format!(
                "{:?} {arguments:?} {error} at {name}#{number}: {line}\n  {what}",
                scene.receiver
            ));
            if at_length() {
                eprintln!("errors: {}", wrong[wrong.len() - 1]);
            }
        }
        if at_length() && runs % 20 == 0 {
            eprintln!("errors: {:?} {arguments:?}: {runs} of {count}, {} wrong", scene.receiver, wrong.len());
        }
    }
    (runs, unsure, wrong)
}

#[test]
fn an_error_of_any_system_call_loses_and_doubles_nothing() {
    if !strace::is_there() {
        println!("skipped: proof: errors: there is no strace, or it may not trace");
        return;
    }
    let sweep = |receiver| {
        let mut scene = Scene::new(receiver);
        // The tick has the most calls, and is the last one, so that a run that is cut short has seen the others.
        let mut all = vec![check(&scene, &["send"], 8)];
        let id = scene.id("waiting").to_owned();
        scene.in_hand = "waiting";
        all.push(check(&scene, &["approve", &id], 2));
        all.push(check(&scene, &["reject", &id], 2));
        scene.in_hand = NOTHING;
        all.push(check(&scene, &["tick"], 6));
        all
    };
    let mut all = thread::scope(|scope| {
        let program = scope.spawn(|| sweep(Receiver::Program));
        let mut all = sweep(Receiver::Maildir);
        all.extend(program.join().unwrap());
        all
    });
    let runs: usize = all.iter().map(|(runs, _, _)| runs).sum();
    let unsure: usize = all.iter().map(|(_, unsure, _)| unsure).sum();
    let wrong: Vec<String> = all.iter_mut().flat_map(|(_, _, wrong)| wrong.drain(..)).collect();
    println!("proof: errors: {runs} injected errors, {} violations, {unsure} unsure", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
