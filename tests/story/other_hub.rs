//! A hub that looks different: other paths, names, methods and bodies, mapped by the wiring alone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::desk::Desk;

/// The mapping, as docs/how-to/state-hub.md shows it.
const MAPPING: &str = r#"[source.hub.paths]
health = "/v2/health"
messages = "/v2/items"
read = "/v2/items/{id}/state"
progress = "/v2/log"

[source.hub.methods]
read = "PUT"

[source.hub.fields]
messages = "result.items"
next_cursor = "result.after"
id = "uid"
from_agent = "meta.author"
to_agent = "meta.addressee"
subject = "meta.title"
thread_id = "meta.conversation"
in_reply_to = "meta.answers"
created_at = "meta.when"
body = "content.text"
unread = "open"
limit = "max"
idempotency_key = "key"
event_type = "what"

[source.hub.bodies]
send = { content = { format = "markdown" }, urgent = false }
read = { status = "read" }
"#;

/// What happened there.
#[derive(Default)]
struct Seen {
    /// The requests in their order, as `METHOD /path`.
    requests: Vec<String>,
    /// The bodies of each kind of request, the last ones.
    bodies: BTreeMap<String, Value>,
    /// What was posted, by key.
    items: BTreeMap<String, Value>,
}

/// Serves the other hub until the process ends; returns its URL.
fn serve(seen: &Arc<Mutex<Seen>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &seen);
        }
    });
    url
}

fn answer(stream: TcpStream, seen: &Mutex<Seen>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "idempotency-key" => value.clone_into(&mut key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = line.rsplit_once(' ').unwrap().0.to_owned();
    let call = request.split('?').next().unwrap().to_owned();
    let mut seen = seen.lock().unwrap();
    if let Ok(body) = serde_json::from_slice(&body) {
        seen.bodies.insert(call.clone(), body);
    }
    seen.requests.push(request.clone());
    let question = json!({
        "uid": "q-1",
        "meta": { "author": "planner", "addressee": "coder", "title": "question", "conversation": "c1",
                  "answers": null, "when": "2026-11-20T09:00:00Z" },
        "content": { "text": "Which branch is released?\n", "format": "markdown" }
    });
    let (status, answer) = match call.as_str() {
        "GET /v2/health" => (200, json!({ "status": "ok" })),
        "GET /v2/items" if request.contains("open=true") => {
            (200, json!({ "result": { "items": [question], "after": null } }))
        }
        "GET /v2/items" => {
            let found = seen.items.iter().filter(|(known, _)| request.ends_with(&format!("key={known}")));
            let found: Vec<Value> = found
                .map(|(known, item)| {
                    let mut item = item.clone();
                    item["uid"] = format!("a-{known}").into();
                    item
                })
                .collect();
            (200, json!({ "result": { "items": found, "after": null } }))
        }
        "POST /v2/items" => {
            let item = serde_json::from_slice(&body).unwrap();
            seen.items.insert(key.clone(), item);
            (201, json!({ "uid": format!("a-{key}") }))
        }
        "PUT /v2/items/q-1/state" => (200, json!({})),
        "POST /v2/log" => (201, json!({})),
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    let head =
        format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    reader.get_mut().write_all(format!("{head}{answer}").as_bytes())
}

#[test]
fn a_hub_with_other_paths_names_methods_and_bodies_is_mapped_by_the_wiring_alone() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let url = serve(&seen);
    let desk = Desk::with_wiring(&format!(
        "version = 1\n[desk]\npath = \"drafts\"\n[source.hub]\nkind = \"hub\"\nurl = \"{url}\"\nagent = \"coder\"\n\
         can_find = true\n{MAPPING}[limits]\nmessages_since = \"all\"\n[notify]\nenabled = false\n"
    ));
    desk.commit_file("routes.toml", crate::hub::ROUTES);
    desk.tick();
    let id = desk.id("question");
    desk.approve("question").commit_quietly("yes");
    // The sender dies once `sending` is noted; the hub is asked for the key under its own names.
    desk.with("GIT_DRAFTS_FAILPOINT", "kill:branch.moved#2");
    assert_ne!(desk.drafts(&["send"]).code, 0);
    // A hub that does not dedupe may still be busy with it; its "no" counts after two minutes.
    desk.with("GIT_DRAFTS_FAILPOINT", "").at("2026-11-20T12:05:00Z").send();
    assert!(desk.story(&id).ends_with("sent"), "{}", desk.story(&id));

    let seen = seen.lock().unwrap();
    assert_eq!(seen.items.len(), 1);
    assert_eq!(
        seen.bodies["POST /v2/items"],
        json!({
            "meta": { "author": "coder", "addressee": "planner", "title": "Re: question", "conversation": "c1", "answers": "q-1" },
            "content": { "format": "markdown", "text": "The branch is main.\n" },
            "urgent": false
        })
    );
    assert_eq!(seen.bodies["PUT /v2/items/q-1/state"], json!({ "status": "read" }));
    assert_eq!(seen.bodies["POST /v2/log"]["what"], "draft_sent");
    let inbox = "GET /v2/items?addressee=coder&open=true&max=100".to_owned();
    assert!(seen.requests.contains(&inbox), "{:?}", seen.requests);
    assert!(seen.requests.iter().any(|request| request.starts_with(&format!("GET /v2/items?key={id}.1."))));
    let posts = seen.requests.iter().filter(|request| *request == "POST /v2/items").count();
    assert_eq!(posts, 1);
}

#[test]
fn the_mapping_is_the_one_that_the_documentation_shows() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/how-to/state-hub.md");
    assert!(std::fs::read_to_string(page).unwrap().contains(MAPPING));
}
