//! 500 approved answers to a receiver with a latency of 50 ms, beside a plain client at the same concurrency.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::hub::{Fault, StateHub};
use crate::{Bed, approve_waiting, median, timed};

const COUNT: usize = 500;
const TOGETHER: usize = 8;
const LATENCY: Duration = Duration::from_millis(50);

/// A whole `send` of N approvals to a hub over a client that only posts the same texts.
pub fn side() {
    println!("\nsending {COUNT} approvals to a hub with {} ms latency (ms, median)", LATENCY.as_millis());
    println!("{:>6} {:>10} {:>14} {:>8} {:>12}", "at", "send", "plain client", "ratio", "one by one");
    let (mut sends, mut floors, mut singles) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..3 {
        floors.push(plain());
        sends.push(ours(TOGETHER, round));
    }
    singles.push(ours(1, 9));
    let (send, floor, single) = (median(sends), median(floors), median(singles));
    println!("{TOGETHER:>6} {send:>10.0} {floor:>14.0} {:>8.2} {single:>12.0}", send / floor);
}

fn hub() -> StateHub {
    let hub = StateHub::start();
    hub.always_on("POST /messages", Fault::Delay(LATENCY));
    hub
}

fn ours(together: usize, round: usize) -> Duration {
    let hub = hub();
    let bed = Bed::new();
    let wiring = fs::read_to_string(bed.folder.join("config.toml")).expect("a wiring");
    let out = format!(
        "[transport.out]\nkind = \"hub\"\nurl = \"{}\"\nagent = \"sam\"\ndedupes = true\nconcurrency = {together}\n",
        hub.url()
    );
    let wiring = wiring.replace("[transport.out]\nkind = \"maildir\"\npath = \"outbox\"\n", &out);
    fs::write(bed.folder.join("config.toml"), wiring).expect("the wiring");
    approve_waiting(&bed, COUNT, round);
    let time = timed(&mut bed.program(&["send"]));
    assert_eq!(hub.sent().len(), COUNT);
    time
}

/// Posts as many messages of the same size from eight threads, each over a connection of its own.
fn plain() -> Duration {
    let hub = hub();
    let address = hub.url().trim_start_matches("http://").to_owned();
    let body = format!(
        "{{\"from_agent\":\"sam\",\"to_agent\":\"x\",\"subject\":\"Re: x\",\"body\":\"{}\",\"thread_id\":\"t\",\"in_reply_to\":null}}",
        "x".repeat(1000)
    );
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..TOGETHER {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= COUNT {
                        return;
                    }
                    let request = format!(
                        "POST /messages HTTP/1.1\r\nhost: {address}\r\nidempotency-key: k{number}\r\n\
                         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let mut stream = TcpStream::connect(&address).expect("the hub is there");
                    stream.write_all(request.as_bytes()).expect("it is written");
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer).expect("it is answered");
                    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
                }
            });
        }
    });
    let time = began.elapsed();
    assert_eq!(hub.sent().len(), COUNT);
    time
}
