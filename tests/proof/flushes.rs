//! How often a send waits for the disk. What each wait is for is proven by the power cuts.

use crate::scene::{Receiver, Scene};
use crate::strace;

#[test]
fn a_send_waits_for_the_disk_seven_times_and_holds_no_branch_meanwhile() {
    if !strace::is_there() {
        println!("skipped: proof: flushes: there is no strace, or it may not trace");
        return;
    }
    let scene = Scene::new(Receiver::Maildir);
    let (mut flushes, mut held) = (Vec::new(), false);
    for call in strace::calls(scene.bed.restore(), &["send"], false) {
        let is_of_a_branch = call.line.contains("/refs/heads/") && call.line.contains(".lock\"");
        match call.name.as_str() {
            "link" | "linkat" if is_of_a_branch => held = true,
            "rename" | "renameat" | "unlink" if is_of_a_branch => held = false,
            "syncfs" | "fsync" | "fdatasync" => {
                assert!(!held, "{}", call.line);
                flushes.push(call.name);
            }
            _ => {}
        }
    }
    // `claimed`, `sending`, and `sent` with `main`: all that a step rests on, and then each branch.
    assert_eq!(flushes, ["syncfs", "fsync", "syncfs", "fsync", "syncfs", "fsync", "fsync"]);
    assert_eq!(scene.delivered("approved"), 1);
}
