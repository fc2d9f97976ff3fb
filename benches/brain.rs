//! What a tick costs beside its brain: whole ticks against a server that takes a second for each
//! answer, over plain calls of the same client with the same questions, as many at a time.

use std::collections::VecDeque;
use std::fs;
use std::time::{Duration, Instant};

use git_drafts::http::{Client, Method, Request, path};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::model::{Act, ModelServer};
use crate::{Bed, timed};

/// How long the server thinks.
const THINKS: Duration = Duration::from_secs(1);

const SAID: &str = r#"{"action": "reply", "body": "It comes when it comes.", "subject": null, "confidence": 0.8, "why": "asks when"}"#;

/// Messages and questions at a time. One at a time takes a second for each, so there are fewer.
const ROUNDS: [(usize, usize); 3] = [(40, 1), (200, 8), (200, 32)];

/// A tick of N messages against a slow server, over the calls alone.
pub fn brain() {
    println!("\na tick of N messages against a server that takes 1 s for an answer (s; one process)");
    println!("{:>6} {:>12} {:>10} {:>12} {:>14}", "N", "at a time", "tick", "plain calls", "/ plain calls");
    for (count, concurrency) in ROUNDS {
        let server = ModelServer::start(|_, _| Act::Later(THINKS, Box::new(Act::Say(SAID.to_owned()))));
        let bed = Bed::new();
        ask_a_server(&bed, &server.url(), concurrency);
        for number in 0..count {
            let mail = format!(
                "From: Ada {number} <ada{number}@example.org>\r\nTo: sam@example.com\r\nSubject: Question {number}\r\n\
                 Message-ID: <{number}@example.org>\r\nDate: Fri, 20 Nov 2026 11:30:04 +0100\r\n\r\n{}\r\n",
                "Where is it, and when does it come? ".repeat(40)
            );
            fs::write(bed.folder.join("inbox/new").join(format!("{number}.x")), mail)
                .expect("mail is written");
        }
        let tick = timed(&mut bed.program(&["tick", "--all", "--max", "100000"]));
        let questions: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(questions.len(), count, "each is asked about once");
        assert!(server.at_once() >= concurrency, "as many at a time as may be");
        let drafts = fs::read_dir(bed.desk().join("drafts")).expect("a desk").count();
        assert_eq!(drafts, count, "each is answered");
        let calls = plain_calls(&server.url(), questions, concurrency);
        let (tick, calls) = (tick.as_secs_f64(), calls.as_secs_f64());
        println!("{count:>6} {concurrency:>12} {tick:>10.2} {calls:>12.2} {:>14.3}", tick / calls);
    }
}

/// Lets the bed's source be answered by a server.
fn ask_a_server(bed: &Bed, url: &str, concurrency: usize) {
    let path = bed.folder.join("config.toml");
    let wiring = fs::read_to_string(&path).expect("a wiring");
    let wiring = wiring.replacen("transport = \"out\"\n", "transport = \"out\"\nbrain = \"slow\"\n", 1);
    let brain = format!(
        "[brain.slow]\nkind = \"execute\"\nurl = \"{url}\"\nconcurrency = {concurrency}\ncalls_per_tick_max = 1000\n"
    );
    fs::write(&path, wiring + &brain).expect("the wiring");
}

/// Asks the same questions with the program's own client and nothing around it.
fn plain_calls(url: &str, questions: Vec<Value>, concurrency: usize) -> Duration {
    let client = Client::new(url, None, Duration::from_secs(60)).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = Instant::now();
    runtime.block_on(async {
        let mut left: VecDeque<Value> = questions.into();
        let mut running = JoinSet::new();
        loop {
            while running.len() < concurrency
                && let Some(question) = left.pop_front()
            {
                let client = client.clone();
                running.spawn(async move {
                    let request = Request::new(Method::Post, path("/execute", &[])).json(question);
                    let answer = client.call(&request).await.expect("it answers");
                    assert!(answer.json().expect("JSON")["content"].is_string());
                });
            }
            match running.join_next().await {
                Some(ended) => ended.expect("it ends"),
                None => break,
            }
        }
    });
    began.elapsed()
}
