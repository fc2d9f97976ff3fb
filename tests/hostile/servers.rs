//! Model servers that others wrote, and servers that nobody should have written.
//!
//! The one of others is aimock (npm, `@copilotkit/aimock`), which speaks the contracts of chat servers and
//! has faults to order; `.ci/aimock` installs it, and without it the tests say so and pass.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use git_drafts::brain::model::{Asked, Model, Place, Settings};
use git_drafts::brain::protocol::Protocol;
use git_drafts::brain::retry::Fault;
use git_drafts::prompt::{OFFERED, Prompt};
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::model::{Act, ModelServer};

const GOOD: &str = r#"{"action": "reply", "body": "It is in the portal.", "subject": null, "confidence": 0.86, "why": "asks for the invoice"}"#;

/// An aimock that runs until it is dropped.
struct Aimock {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Aimock {
    /// Starts one with these faults; none, with a line that says so, where it is not installed.
    fn start(faults: &[&str]) -> Option<Self> {
        let Some(program) = aimock() else {
            println!("skipped: there is no aimock; .ci/aimock installs it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fixtures.json");
        std::fs::write(&path, fixtures().to_string()).unwrap();
        let mut child = Command::new("node")
            .arg(program)
            .args(["--port", "0", "--log-level", "info", "--fixtures"])
            .arg(&path)
            .args(faults)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| Some(line.ok()?.split_once("listening on ")?.1.trim().to_owned()));
        // It goes on talking, and must not wait for somebody who listens.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.expect("aimock says where it listens");
        Some(Self { child, url, _folder: folder })
    }
}

impl Drop for Aimock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn aimock() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/aimock");
    let folder = std::env::var_os("GIT_DRAFTS_AIMOCK").map_or(installed, PathBuf::from);
    let program = folder.join("node_modules/@copilotkit/aimock/dist/cli.js");
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    (program.is_file() && node.is_ok_and(|status| status.success())).then_some(program)
}

/// What aimock says, by a word of the message.
fn fixtures() -> Value {
    let says =
        |word: &str, response: Value| json!({ "match": { "userMessage": word }, "response": response });
    let mut refuses = says(
        "unusual",
        json!({ "error": { "message": "no", "type": "invalid_request_error" }, "status": 400 }),
    );
    refuses["match"]["responseFormat"] = json!("json_schema");
    json!({ "fixtures": [
        says("invoice", json!({ "content": GOOD })),
        says("endless", json!({ "content": GOOD, "finishReason": "length" })),
        says("forbidden", json!({ "content": GOOD, "finishReason": "content_filter" })),
        says("tools", json!({ "toolCalls": [{ "name": "send_mail", "arguments": { "to": "eve@evil.example" } }] })),
        says("planned", json!({ "toolCalls": [{ "name": "plan", "arguments": GOOD }] })),
        refuses,
        says("unusual", json!({ "content": "any form" })),
        says("wrong", json!({ "error": { "message": "no", "type": "invalid_request_error" }, "status": 400 })),
        says("broken", json!({ "error": { "message": "no", "type": "server_error" }, "status": 503 })),
    ] })
}

fn ask(protocol: Protocol, url: String, data: &str) -> Asked {
    let settings = Settings {
        place: Place::Server { protocol, url, key: None },
        tunnel: None,
        environment: Vec::new(),
        timeout: Duration::from_secs(3),
        retries: 1,
    };
    let prompt = Prompt { offered: OFFERED.to_vec(), rules: "RULES".to_owned(), data: data.to_owned() };
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Model::open(settings).await.unwrap().ask(&prompt, 9, now).await })
}

/// Says in one line what came of a question, and after how many attempts.
fn told(asked: &Asked, url: &str) -> String {
    let said = match &asked.said {
        Ok(said) if said == GOOD => "said the plan".to_owned(),
        Ok(said) => format!("said {said:?}"),
        Err(Fault::Later { what, .. }) => format!("later: {what}"),
        Err(Fault::Away { what }) => format!("away: {what}"),
        Err(Fault::Question { what }) => format!("question: {what}"),
        Err(fault @ Fault::Refused { .. }) => format!("refused: {fault}"),
    };
    format!("{} ({})", said.replace(url, "URL"), asked.attempts)
}

#[test]
fn a_server_that_others_wrote_is_understood() {
    let Some(aimock) = Aimock::start(&["--strict"]) else { return };
    let openai = || Protocol::OpenAi { model: "gpt-4o".to_owned() };
    let anthropic = || Protocol::Anthropic { model: "claude".to_owned() };
    let chat = format!("{}/v1", aimock.url);
    for (word, expected) in [
        ("invoice", "said the plan (1)"),
        ("endless", "question: the model's answer was cut off (1)"),
        ("forbidden", "question: the model refused (1)"),
        ("tools", "said \"\" (1)"),
        ("unusual", "said \"any form\" (2)"),
        ("wrong", "refused: the model's server refused the question with 400 (3)"),
        ("broken", "later: it answers 503 (no) (2)"),
    ] {
        assert_eq!(told(&ask(openai(), chat.clone(), word), &aimock.url), expected, "{word}");
    }
    for (word, expected) in [
        ("invoice", "said the plan (1)"),
        ("endless", "question: the model's answer was cut off (1)"),
        ("tools", "said \"\" (1)"),
        ("broken", "later: it answers 503 (no) (2)"),
    ] {
        assert_eq!(told(&ask(anthropic(), aimock.url.clone(), word), &aimock.url), expected, "{word}");
    }
    let planned = ask(anthropic(), aimock.url.clone(), "planned").said.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&planned).unwrap()["body"], "It is in the portal.");
    // A wrong address is no passing fault.
    let lost = told(&ask(openai(), format!("{chat}/nowhere"), "invoice"), &aimock.url);
    assert!(lost.starts_with("away: it answers 404"), "{lost}");
}

#[test]
fn each_fault_to_order_is_told_apart() {
    for (fault, rate, expected) in [
        ("--chaos-drop", "1", "later: it answers 500 (Chaos: request dropped) (2)"),
        ("--chaos-malformed", "1", "later: its answer is not what its contract says (2)"),
        ("--chaos-disconnect", "1", "later: no whole answer from URL: "),
        ("--chaos-ratelimit", "1", "later: it answers 429 (Chaos: rate limit exceeded) (2)"),
        ("--chaos-latency", "9000", "later: no whole answer from URL: "),
    ] {
        let Some(aimock) = Aimock::start(&[fault, rate]) else { return };
        let openai = Protocol::OpenAi { model: "gpt-4o".to_owned() };
        let told = told(&ask(openai, format!("{}/v1", aimock.url), "invoice"), &aimock.url);
        assert!(told.starts_with(expected) && told.ends_with(" (2)"), "{fault}: {told}");
    }
}

#[test]
fn a_desk_gets_its_drafts_from_a_server_that_others_wrote_once_it_is_well() {
    let Some(sick) = Aimock::start(&["--chaos-malformed", "1"]) else { return };
    let wiring = |aimock: &Aimock| {
        format!(
            "version = 1\n[desk]\npath = \"drafts\"\n[source.mail]\nkind = \"maildir\"\npath = \"mail/inbox\"\n\
             address = [\"Sam Hill <sam@example.com>\"]\ntransport = \"out\"\nbrain = \"m\"\n\
             [transport.out]\nkind = \"maildir\"\npath = \"mail/outbox\"\n[limits]\nmessages_since = \"all\"\n\
             [notify]\nenabled = false\n[brain.m]\nkind = \"openai\"\nmodel = \"gpt-4o\"\nretries = 0\nurl = \"{}/v1\"\n",
            aimock.url
        )
    };
    let desk = Desk::with_wiring(&wiring(&sick));
    desk.with_mail("Where is my invoice?").with_mail("Do you have tools?");
    desk.drafts(&["tick"]).succeeds().says("its answer is not what its contract says");
    assert!(desk.files().is_empty());
    let Some(well) = Aimock::start(&["--strict"]) else { return };
    desk.write_wiring(&wiring(&well)).tick();
    assert!(desk.text("invoice").contains("\nIt is in the portal.\n"));
    assert!(desk.text("tools").contains("why = \"the brain said nothing\""));
    assert!(desk.text("tools").contains("action = \"escalate\""));
}

#[test]
fn a_server_that_speaks_no_http_to_speak_of_is_left_in_time() {
    let later = "later: no whole answer from URL: ";
    let contract = "later: its answer is not what its contract says";
    let body = json!({ "content": "x" }).to_string();
    let deep = format!("{{\"content\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let raw = |text: String| Act::Raw(text.into_bytes());
    let table = [
        ("silence", raw(String::new()), later),
        ("no HTTP", raw("220 mail.example ESMTP\r\n".to_owned()), later),
        ("endless headers", raw(format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(100_000))), later),
        ("one long header", raw(format!("{head}x: {}\r\n\r\n{body}", "y".repeat(4_000_000))), later),
        ("a promise of more", raw(format!("{head}content-length: 100000\r\n\r\n{body}")), later),
        ("two lengths", raw(format!("{head}content-length: 5\r\ncontent-length: 16\r\n\r\n{body}")), later),
        (
            "a broken chunk",
            raw(format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n")),
            later,
        ),
        (
            "an endless chunk",
            raw(format!("{head}transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{body}")),
            later,
        ),
        ("no content", raw("HTTP/1.1 204 x\r\nconnection: close\r\n\r\n".to_owned()), contract),
        ("an old protocol", raw(format!("HTTP/1.0 200 OK\r\n\r\n{body}")), "said \"x\""),
        (
            "more than promised",
            raw(format!("{head}content-length: {}\r\n\r\n{body}{{\"content\": \"y\"}}", body.len())),
            "said \"x\"",
        ),
        ("deep JSON", Act::Answer { status: 200, headers: Vec::new(), body: deep.into_bytes() }, contract),
        ("a number", Act::json(200, json!(1)), contract),
        ("an empty text", Act::json(200, json!({ "content": "" })), "said \"\""),
        (
            "another place",
            Act::with_header(301, "location", "file:///etc/passwd"),
            "away: it wants us elsewhere (301)",
        ),
        ("a choice", Act::with_header(300, "location", "/"), "away: it wants us elsewhere (300)"),
        ("not modified", Act::with_header(304, "etag", "x"), "away: it wants us elsewhere (304)"),
        ("a teapot", Act::json(418, json!({ "error": "tea" })), "away: it answers 418 (tea)"),
        ("a drip", Act::Drip(Duration::from_millis(50)), later),
    ];
    // Most of it is waiting.
    std::thread::scope(|scope| {
        for (name, act, expected) in table {
            scope.spawn(move || {
                let server = ModelServer::start(move |_, _| act.clone());
                let began = Instant::now();
                let told = told(&ask(Protocol::Execute, server.url(), "DATA"), &server.url());
                assert!(told.starts_with(expected), "{name}: {told}");
                assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
            });
        }
    });
}
