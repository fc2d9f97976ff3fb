//! What each kind of model server is asked, and where its answer stands: no socket is touched here.
//!
//! Nothing of an answer but the model's text is used: no tool call, no link, no address.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::brain::retry::Fault;
use crate::http::{Answer, HttpError, Method, Request, path};
use crate::prompt::{Prompt, schema};

/// The most tokens of an answer, for servers that must be told.
const TOKENS_MAX: u32 = 4096;

/// The version of the Messages API that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// The name of the one tool that a Messages server is made to use.
const TOOL: &str = "plan";

/// How a server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `POST {url}/execute`, `{"prompt"}` to `{"content"}`.
    Execute,
    /// `POST {url}/chat/completions`.
    OpenAi {
        /// The model's name there.
        model: String,
    },
    /// `POST {url}/v1/messages`.
    Anthropic {
        /// The model's name there.
        model: String,
    },
}

/// How strongly a chat server is asked for JSON; not every one takes every form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An answer that keeps to the schema.
    Schema,
    /// Any JSON object.
    Object,
    /// Any text.
    Plain,
}

impl Form {
    /// Returns the next weaker form.
    pub fn weaker(self) -> Option<Form> {
        match self {
            Form::Schema => Some(Form::Object),
            Form::Object => Some(Form::Plain),
            Form::Plain => None,
        }
    }
}

impl Protocol {
    /// Returns the strongest form that the protocol knows.
    pub fn strongest(&self) -> Form {
        match self {
            Protocol::OpenAi { .. } => Form::Schema,
            Protocol::Execute | Protocol::Anthropic { .. } => Form::Plain,
        }
    }

    /// Writes the request for a prompt.
    pub fn request(&self, prompt: &Prompt, form: Form) -> Request {
        let post = |place: &str| Request::new(Method::Post, path(place, &[]));
        match self {
            Protocol::Execute => post("/execute").json(json!({ "prompt": prompt.text() })),
            Protocol::OpenAi { model } => {
                let mut body = json!({
                    "model": model,
                    "messages": [
                        { "role": "system", "content": prompt.rules },
                        { "role": "user", "content": prompt.data },
                    ],
                    "stream": false,
                });
                match form {
                    Form::Schema => {
                        body["response_format"] = json!({
                            "type": "json_schema",
                            "json_schema": { "name": TOOL, "strict": true, "schema": schema(&prompt.offered) },
                        });
                    }
                    Form::Object => body["response_format"] = json!({ "type": "json_object" }),
                    Form::Plain => {}
                }
                post("/chat/completions").json(body)
            }
            Protocol::Anthropic { model } => {
                post("/v1/messages").header("anthropic-version", ANTHROPIC_VERSION).json(json!({
                    "model": model,
                    "max_tokens": TOKENS_MAX,
                    "system": prompt.rules,
                    "messages": [{ "role": "user", "content": prompt.data }],
                    "tools": [{ "name": TOOL, "description": "Gives the plan.", "input_schema": schema(&prompt.offered) }],
                    "tool_choice": { "type": "tool", "name": TOOL },
                }))
            }
        }
    }

    /// Reads the model's text out of an answer.
    pub fn said(&self, answer: &Answer, now: Timestamp) -> Result<String, Fault> {
        if !answer.is_success() {
            return Err(refusal(answer, now));
        }
        let unreadable =
            || Fault::Later { what: "its answer is not what its contract says".to_owned(), wait: None };
        let json = answer.json().map_err(|_| unreadable())?;
        match self {
            Protocol::Execute => json["content"].as_str().map(str::to_owned).ok_or_else(unreadable),
            Protocol::OpenAi { .. } => {
                let choices = json["choices"].as_array().ok_or_else(unreadable)?;
                let Some(choice) = choices.first() else { return Err(question("the model gave no choice")) };
                let message = &choice["message"];
                if message["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty()) {
                    return Err(question("the model refused"));
                }
                ended(choice["finish_reason"].as_str())?;
                text_of(&message["content"]).ok_or_else(unreadable)
            }
            Protocol::Anthropic { .. } => {
                let content = json["content"].as_array().ok_or_else(unreadable)?;
                ended(json["stop_reason"].as_str())?;
                let plan = content.iter().find(|part| part["type"] == "tool_use" && part["name"] == TOOL);
                match plan {
                    Some(plan) => Ok(plan["input"].to_string()),
                    None => text_of(&json["content"]).ok_or_else(unreadable),
                }
            }
        }
    }
}

/// Refuses what a model did not end by itself: half a plan may parse as another one.
fn ended(reason: Option<&str>) -> Result<(), Fault> {
    match reason {
        Some("length" | "max_tokens" | "model_context_window_exceeded") => {
            Err(question("the model's answer was cut off"))
        }
        Some("content_filter" | "refusal") => Err(question("the model refused")),
        Some(_) | None => Ok(()),
    }
}

/// Returns a content that is a text, or a list of parts of which some are; null is an empty text.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        Value::Array(parts) => {
            let texts = parts.iter().filter(|part| part["type"] == "text");
            Some(texts.filter_map(|part| part["text"].as_str()).collect())
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// Says what a status that is no success means.
fn refusal(answer: &Answer, now: Timestamp) -> Fault {
    let what = format!("it answers {}", answer.told());
    match answer.status {
        400 | 413 | 422 => Fault::Refused { status: answer.status },
        408 | 409 | 425 | 429 | 500..=599 => {
            let wait = answer.retry_at(now).map(|at| at.duration_since(now).unsigned_abs());
            Fault::Later { what, wait }
        }
        300..=399 => Fault::Away {
            what: format!("it wants us elsewhere ({}); redirects are not followed", answer.status),
        },
        _ => Fault::Away { what },
    }
}

/// Says what it means that there was no answer.
pub fn fault(error: &HttpError) -> Fault {
    match error {
        HttpError::Invalid { .. } => Fault::Away { what: error.to_string() },
        HttpError::NotSent { .. } | HttpError::Broken { .. } => {
            Fault::Later { what: error.to_string(), wait: None }
        }
        HttpError::TooLarge { bytes_max, .. } => {
            question(&format!("the model's answer is longer than {bytes_max} bytes"))
        }
    }
}

fn question(what: &str) -> Fault {
    Fault::Question { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::prompt::OFFERED;

    fn prompt() -> Prompt {
        Prompt { offered: OFFERED.to_vec(), rules: "RULES".to_owned(), data: "DATA".to_owned() }
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn openai() -> Protocol {
        Protocol::OpenAi { model: "m".to_owned() }
    }

    fn anthropic() -> Protocol {
        Protocol::Anthropic { model: "m".to_owned() }
    }

    fn check(protocol: &Protocol, status: u16, body: &str, expected: &str) {
        let answer = Answer::new(status, Vec::new(), body.as_bytes().to_vec(), None);
        let said = match protocol.said(&answer, now()) {
            Ok(said) => format!("said {said}"),
            Err(Fault::Later { what, .. }) => format!("later: {what}"),
            Err(Fault::Away { what }) => format!("away: {what}"),
            Err(Fault::Question { what }) => format!("question: {what}"),
            Err(refused @ Fault::Refused { .. }) => format!("refused: {refused}"),
        };
        assert_eq!(said, expected, "{body}");
    }

    #[test]
    fn the_message_never_stands_in_the_part_of_the_rules() {
        let body = |protocol: Protocol| protocol.request(&prompt(), Form::Plain).body.unwrap();
        assert_eq!(body(Protocol::Execute), json!({ "prompt": "RULES\nDATA" }));
        let chat = body(openai());
        assert_eq!(
            (&chat["messages"][0]["role"], &chat["messages"][0]["content"]),
            (&json!("system"), &json!("RULES"))
        );
        assert_eq!(
            (&chat["messages"][1]["role"], &chat["messages"][1]["content"]),
            (&json!("user"), &json!("DATA"))
        );
        let messages = body(anthropic());
        assert_eq!(
            (&messages["system"], &messages["messages"][0]["content"]),
            (&json!("RULES"), &json!("DATA"))
        );
    }

    #[test]
    fn json_is_asked_for_as_strongly_as_the_server_takes_it() {
        let format = |form| openai().request(&prompt(), form).body.unwrap()["response_format"].clone();
        assert_eq!(format(Form::Schema)["json_schema"]["schema"], schema(&prompt().offered));
        assert_eq!(format(Form::Object), json!({ "type": "json_object" }));
        assert_eq!(format(Form::Plain), Value::Null);
        assert_eq!(Form::Schema.weaker().and_then(Form::weaker).and_then(Form::weaker), None);
    }

    #[test]
    fn only_the_text_of_an_answer_is_read() {
        let contract = "later: its answer is not what its contract says";
        for (protocol, body, expected) in [
            (Protocol::Execute, r#"{"content": "x", "cost": 1}"#, "said x"),
            (Protocol::Execute, r#"{"text": "x"}"#, contract),
            (Protocol::Execute, "<html>", contract),
            (openai(), r#"{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}"#, "said x"),
            (
                openai(),
                r#"{"choices": [{"message": {"content": [{"type": "text", "text": "x"}, {"type": "image"}]}}]}"#,
                "said x",
            ),
            (
                openai(),
                r#"{"choices": [{"message": {"content": null, "tool_calls": [{"function": {"name": "send"}}]}}]}"#,
                "said ",
            ),
            (openai(), r#"{"choices": [{"message": {"content": {"a": 1}}}]}"#, contract),
            (openai(), r#"{"choices": []}"#, "question: the model gave no choice"),
            (openai(), r#"{"error": "x"}"#, contract),
            (
                openai(),
                r#"{"choices": [{"message": {"content": "x", "refusal": "no"}}]}"#,
                "question: the model refused",
            ),
            (
                openai(),
                r#"{"choices": [{"message": {"content": "x"}, "finish_reason": "length"}]}"#,
                "question: the model's answer was cut off",
            ),
            (
                openai(),
                r#"{"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}"#,
                "question: the model refused",
            ),
            (
                anthropic(),
                r#"{"content": [{"type": "tool_use", "name": "plan", "input": {"a": 1}}]}"#,
                r#"said {"a":1}"#,
            ),
            (
                anthropic(),
                r#"{"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}"#,
                "said x",
            ),
            (
                anthropic(),
                r#"{"content": [], "stop_reason": "max_tokens"}"#,
                "question: the model's answer was cut off",
            ),
            (anthropic(), r#"{"type": "error"}"#, contract),
        ] {
            check(&protocol, 200, body, expected);
        }
    }

    #[test]
    fn a_status_says_whose_fault_it_is() {
        for (status, expected) in [
            (302, "away: it wants us elsewhere (302); redirects are not followed"),
            (400, "refused: the model's server refused the question with 400"),
            (401, "away: it answers 401 (no)"),
            (404, "away: it answers 404 (no)"),
            (413, "refused: the model's server refused the question with 413"),
            (429, "later: it answers 429 (no)"),
            (500, "later: it answers 500 (no)"),
            (529, "later: it answers 529 (no)"),
        ] {
            check(&openai(), status, r#"{"error": "no"}"#, expected);
        }
    }

    #[test]
    fn retry_after_is_kept() {
        let headers = vec![("retry-after".to_owned(), "7".to_owned())];
        let answer = Answer::new(429, headers, Vec::new(), None);
        let fault = Protocol::Execute.said(&answer, now()).unwrap_err();
        assert_eq!(
            fault,
            Fault::Later { what: "it answers 429".to_owned(), wait: Some(Duration::from_secs(7)) }
        );
    }
}
