//! Asks a language model, over HTTP or through a program, as often as the wiring allows.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use crate::brain::program::{Program, Tunnel};
use crate::brain::protocol::{self, Form, Protocol};
use crate::brain::retry::{Fault, should_retry};
use crate::http::{Client, Token, host_and_port};
use crate::prompt::Prompt;
use crate::reply;

/// The most bytes of an answer's body: a reply in which every character is escaped, and what is around.
const ANSWER_BYTES_MAX: usize = 4 * reply::BYTES_MAX;

const FORMS: [Form; 3] = [Form::Schema, Form::Object, Form::Plain];

/// Attempts that finding a form that a server takes may cost beside its retries.
pub const FORMS_MORE: u32 = FORMS.len() as u32 - 1;

/// Where a model is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A server.
    Server {
        /// How it is spoken to.
        protocol: Protocol,
        /// The base URL, checked.
        url: String,
        /// What it wants to see.
        key: Option<Token>,
    },
    /// A program.
    Program {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

/// A model, as the wiring describes it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// A command that leads to the server while it runs.
    pub tunnel: Option<Vec<String>>,
    /// All the variables that programs get.
    pub environment: Vec<(OsString, OsString)>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// The most further attempts at one question.
    pub retries: u32,
}

/// A model that can be asked, by several at once.
#[derive(Debug)]
pub struct Model {
    way: Way,
    retries: u32,
    /// The place in [`FORMS`] of the strongest form that the server has not refused.
    form: AtomicU8,
    /// Ends with the model.
    _tunnel: Option<Tunnel>,
}

#[derive(Debug)]
enum Way {
    Server { client: Client, protocol: Protocol },
    Program(Program),
}

/// What came of one question.
#[derive(Debug)]
pub struct Asked {
    /// What the model said, or why it did not.
    pub said: Result<String, Fault>,
    /// How often it was asked.
    pub attempts: u32,
}

impl Model {
    /// Prepares a model, and opens its tunnel where it has one.
    pub async fn open(settings: Settings) -> Result<Self, Fault> {
        let Settings { place, tunnel, environment, timeout, retries } = settings;
        let mut opened = None;
        let mut form = Form::Plain;
        let way = match place {
            Place::Server { protocol, url, key } => {
                let client = Client::new(&url, key, timeout).map_err(|error| protocol::fault(&error))?;
                let client = client.with_body_bytes_max(ANSWER_BYTES_MAX);
                let client = match &protocol {
                    Protocol::Anthropic { .. } => client.with_token_header("x-api-key"),
                    Protocol::Execute | Protocol::OpenAi { .. } => client,
                };
                if let (Some(command), Some((host, port))) = (tunnel, host_and_port(&url)) {
                    opened = Some(Tunnel::open(&command, &environment, &host, port).await?);
                }
                form = protocol.strongest();
                Way::Server { client, protocol }
            }
            Place::Program { command } => {
                Way::Program(Program { command, environment, timeout, bytes_max: reply::BYTES_MAX })
            }
        };
        let form = AtomicU8::new(place_of(form));
        Ok(Self { way, retries, form, _tunnel: opened })
    }

    /// Asks one question, at most `attempts_max` times.
    pub async fn ask(&self, prompt: &Prompt, attempts_max: u32, now: Timestamp) -> Asked {
        let mut attempts = 0;
        // Attempts that a fault has spent; one that only found a weaker form is none.
        let mut failed = 0;
        loop {
            attempts += 1;
            let form = FORMS[usize::from(self.form.load(Ordering::Relaxed)).min(FORMS.len() - 1)];
            let fault = match self.attempt(prompt, form, now).await {
                Ok(said) => return Asked { said: Ok(said), attempts },
                Err(fault) => fault,
            };
            if attempts >= attempts_max {
                return Asked { said: Err(fault), attempts };
            }
            if matches!(fault, Fault::Refused { status: 400 | 422 }) && self.weaken(form) {
                continue;
            }
            failed += 1;
            let retry = should_retry(failed, &fault, self.retries);
            tracing::debug!(attempt = attempts, reason = ?retry.reason, "the brain did not answer");
            match retry.after {
                Some(after) => sleep(after).await,
                None => return Asked { said: Err(fault), attempts },
            }
        }
    }

    async fn attempt(&self, prompt: &Prompt, form: Form, now: Timestamp) -> Result<String, Fault> {
        match &self.way {
            Way::Program(program) => program.ask(&prompt.text()).await,
            Way::Server { client, protocol } => {
                let answer = client.call(&protocol.request(prompt, form)).await;
                protocol.said(&answer.map_err(|error| protocol::fault(&error))?, now)
            }
        }
    }

    /// Goes on with a weaker form, since the server may have refused this one; tells whether there is one.
    fn weaken(&self, form: Form) -> bool {
        let Some(weaker) = form.weaker() else { return false };
        self.form.fetch_max(place_of(weaker), Ordering::Relaxed);
        true
    }
}

fn place_of(form: Form) -> u8 {
    match form {
        Form::Schema => 0,
        Form::Object => 1,
        Form::Plain => 2,
    }
}
