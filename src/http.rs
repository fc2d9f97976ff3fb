//! Speaks HTTP to one configured system; the only place that names reqwest.
//!
//! It must never follow a redirect, never go to an address that came in an answer, never read more
//! than its bound, never send a request twice by itself, and never show a token.
//!
//! What is asked ([`Request`]) and what came back ([`Answer`]) are plain values, so that each system's
//! mapping can be written and tested without a socket. [`Client::call`] is the only I/O.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::Value;

use crate::failpoint::reached;
use crate::text;

/// The most that is read of an answer's body.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest that a system may ask us to wait.
pub const RETRY_AFTER_HOURS_MAX: i64 = 24;

/// How long the first step, up to an encrypted connection, may take.
const CONNECT_SECONDS_MAX: u64 = 10;

/// How much of another system's words is quoted.
const WORDS_CHARS_MAX: usize = 300;

/// A bearer token. Its debug text never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a secret, without the white space around it.
    ///
    /// Refuses an empty one, and one with characters that no header can carry.
    pub fn new(secret: &str) -> Result<Self, HttpError> {
        let secret = secret.trim();
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(HttpError::Invalid {
                what: "the token is empty or holds characters that no header can carry".to_owned(),
            });
        }
        Ok(Self(secret.to_owned()))
    }

    /// Returns `words` with every occurrence of the token blanked out.
    fn blank_out(&self, words: &str) -> String {
        words.replace(&self.0, "[token]")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes something new.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

/// One request, below the base URL of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is done.
    pub method: Method,
    /// The path's segments, not encoded; see [`path`].
    pub path: Vec<String>,
    /// The query's names and values, not encoded.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON body.
    pub body: Option<Value>,
    /// A time-out of its own, where the client's does not fit.
    pub timeout: Option<Duration>,
}

impl Request {
    /// Makes a request without a query, further headers or a body.
    pub fn new(method: Method, path: Vec<String>) -> Self {
        Self { method, path, query: Vec::new(), headers: Vec::new(), body: None, timeout: None }
    }

    /// Adds a pair to the query.
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the JSON body.
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Sets a time-out of its own.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// Returns the segments of `template` with every `{name}` replaced by its value.
///
/// A value stays one segment, whatever is in it: the template is split first.
pub fn path(template: &str, values: &[(&str, &str)]) -> Vec<String> {
    template
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let value = name.and_then(|name| values.iter().find(|(known, _)| *known == name));
            value.map_or(segment, |(_, value)| value).to_owned()
        })
        .collect()
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case; a value that is not text is left out.
    pub headers: Vec<(String, String)>,
    /// The body. Whole where the status is 2xx; empty where it is 3xx; as much as came otherwise.
    pub body: Vec<u8>,
    /// What the other side said about an error: one visible line, cut, without our token.
    pub words: Option<String>,
}

impl Answer {
    /// Makes an answer of what was read; reads the other side's words where it is an error.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>, token: Option<&Token>) -> Self {
        let mut answer = Self { status, headers, body, words: None };
        if !answer.is_success() {
            answer.words = words(&answer.body, token);
        }
        answer
    }

    /// Tells whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Tells whether the status is 3xx: the other side wants us elsewhere.
    pub fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }

    /// Returns a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON, or what is wrong with it; see [`read_json`].
    pub fn json(&self) -> Result<Value, String> {
        read_json(&self.body)
    }

    /// Returns when the other side wants to be asked again, if it says so; see [`retry_at`].
    pub fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.header("retry-after").and_then(|value| retry_at(value, now))
    }

    /// Returns the status and the other side's words: `404 (no such message)`.
    pub fn told(&self) -> String {
        match &self.words {
            Some(words) => format!("{} ({words})", self.status),
            None => self.status.to_string(),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The request, the base URL or the token cannot be used; nothing was sent.
    #[error("{what}")]
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// There was no connection (refused, unknown host, TLS); nothing was sent.
    #[error("cannot reach {origin}: {what}")]
    NotSent {
        /// Scheme, host and port.
        origin: String,
        /// Why not.
        what: String,
    },
    /// It broke after the request may have been written: a time-out, a broken link, half an answer.
    #[error("no whole answer from {origin}: {what}")]
    Broken {
        /// Scheme, host and port.
        origin: String,
        /// How it broke.
        what: String,
    },
    /// The answer's body is longer than the bound; the rest was not read.
    #[error("the answer from {origin} is longer than {bytes_max} bytes")]
    TooLarge {
        /// Scheme, host and port.
        origin: String,
        /// The bound.
        bytes_max: usize,
    },
}

impl HttpError {
    /// Tells whether it is certain that the other side got nothing.
    pub fn is_nothing_sent(&self) -> bool {
        match self {
            HttpError::Invalid { .. } | HttpError::NotSent { .. } => true,
            HttpError::Broken { .. } | HttpError::TooLarge { .. } => false,
        }
    }
}

/// A way to one system.
///
/// Redirects and compression are off, and so is keeping connections: on a kept one that the other
/// side has just closed, nobody could say whether a request had arrived. Proxies come from the
/// environment as with git, except on the way to this machine itself.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    base: Base,
    token: Option<Token>,
    token_header: Option<&'static str>,
    timeout: Duration,
    body_bytes_max: usize,
}

impl Client {
    /// Makes a client for what lies below `base_url`; `timeout` is for each whole call.
    pub fn new(base_url: &str, token: Option<Token>, timeout: Duration) -> Result<Self, HttpError> {
        let base = Base::parse(base_url)?;
        // The error says that a provider is there already, which is all we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connect_timeout = (timeout / 2).min(Duration::from_secs(CONNECT_SECONDS_MAX));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("git-drafts/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .connect_timeout(connect_timeout);
        if base.loopback {
            builder = builder.no_proxy();
        }
        builder = if base.encrypted {
            builder.https_only(true)
        } else {
            // Without TLS no certificates are read: a machine that has none must still reach its own hub.
            builder.tls_certs_only([])
        };
        let inner = builder.build().map_err(|error| HttpError::Invalid {
            what: format!("cannot prepare a connection to {}: {}", base.origin, innermost(&error)),
        })?;
        Ok(Self { inner, base, token, token_header: None, timeout, body_bytes_max: BODY_BYTES_MAX })
    }

    /// Sets another bound for bodies.
    pub fn with_body_bytes_max(mut self, bytes_max: usize) -> Self {
        self.body_bytes_max = bytes_max;
        self
    }

    /// Gives the token in a header of this name, and not as a bearer's.
    pub fn with_token_header(mut self, name: &'static str) -> Self {
        self.token_header = Some(name);
        self
    }

    /// Returns scheme, host and port, as errors name the system.
    pub fn origin(&self) -> &str {
        &self.base.origin
    }

    /// Sends one request, once, and reads its answer.
    pub async fn call(&self, request: &Request) -> Result<Answer, HttpError> {
        let timeout = request.timeout.unwrap_or(self.timeout);
        let broken = |error: &reqwest::Error| failure(error, &self.base.origin, timeout);
        let mut response = self.prepare(request)?.send().await.map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        let whole = match status {
            300..400 => Ok(()),
            _ => self.read(&mut response, &mut body, broken).await,
        };
        // The status of an error says what became of the request, even where its words are cut.
        if (200..300).contains(&status) {
            whole?;
        }
        reached("request.answered");
        Ok(Answer::new(status, headers, body, self.token.as_ref()))
    }

    fn prepare(&self, request: &Request) -> Result<reqwest::RequestBuilder, HttpError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder =
            self.inner.request(method, self.base.url(request)?).header("accept", "application/json");
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(token) = &self.token {
            builder = match self.token_header {
                Some(name) => builder.header(name, &token.0),
                None => builder.bearer_auth(&token.0),
            };
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        if let Some(timeout) = request.timeout {
            builder = builder.timeout(timeout);
        }
        Ok(builder)
    }

    async fn read(
        &self,
        response: &mut reqwest::Response,
        body: &mut Vec<u8>,
        broken: impl Fn(&reqwest::Error) -> HttpError,
    ) -> Result<(), HttpError> {
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            let room = self.body_bytes_max - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Err(HttpError::TooLarge {
                    origin: self.base.origin.clone(),
                    bytes_max: self.body_bytes_max,
                });
            }
        }
        Ok(())
    }
}

/// Checks that a base URL of the wiring can be used, and says what is wrong with it.
pub fn check_url(base_url: &str) -> Result<(), HttpError> {
    Base::parse(base_url).map(|_| ())
}

/// Returns the host and the port of a base URL, to see whether anybody listens there.
pub fn host_and_port(base_url: &str) -> Option<(String, u16)> {
    let url = Url::parse(base_url).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), url.port_or_known_default()?))
}

/// Tells whether tokens and messages would cross a network unencrypted: plain http to another machine.
///
/// False for what is no usable URL at all; [`check_url`] refuses that.
pub fn insecure(base_url: &str) -> bool {
    Base::parse(base_url).is_ok_and(|base| !base.encrypted && !base.loopback)
}

/// Reads a `Retry-After`, in seconds or as an HTTP date; at most [`RETRY_AFTER_HOURS_MAX`] from `now`.
///
/// A time that has passed is `now`; what is neither is nothing.
pub fn retry_at(value: &str, now: Timestamp) -> Option<Timestamp> {
    let value = value.trim();
    let latest = now.checked_add(SignedDuration::from_hours(RETRY_AFTER_HOURS_MAX)).ok()?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, too.
        let seconds = value.parse().unwrap_or(i64::MAX);
        return Some(now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(latest).min(latest));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(at.clamp(now, latest))
}

/// Reads JSON from outside, or says what is wrong with it.
///
/// What is not UTF-8 and half surrogate pairs (`\ud83d` alone) become U+FFFD: one broken character in
/// one message must not hide all the others of the same answer.
pub fn read_json(bytes: &[u8]) -> Result<Value, String> {
    let text = pair_surrogates(&String::from_utf8_lossy(bytes));
    serde_json::from_str(&text).map_err(|error| text::one_line(&error.to_string(), WORDS_CHARS_MAX))
}

/// The configured URL below which everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    /// Scheme, host and port.
    origin: String,
    /// Origin and path, without a slash at the end.
    prefix: String,
    encrypted: bool,
    loopback: bool,
}

impl Base {
    fn parse(text: &str) -> Result<Self, HttpError> {
        let invalid = |what: &str| Err(HttpError::Invalid { what: what.to_owned() });
        // None of these errors shows the URL: it may hold a password.
        let Ok(url) = Url::parse(text) else {
            return invalid("the url cannot be read as one");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return invalid("the url does not start with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("the url holds a user or a password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid("the url holds a query or a fragment");
        }
        let Some(host) = url.host_str() else {
            return invalid("the url names no host");
        };
        let origin = url.origin().ascii_serialization();
        Ok(Self {
            prefix: format!("{origin}{}", url.path().trim_end_matches('/')),
            encrypted: url.scheme() == "https",
            loopback: is_loopback(host),
            origin,
        })
    }

    /// Returns the address of a request: always below the prefix.
    fn url(&self, request: &Request) -> Result<Url, HttpError> {
        let mut address = self.prefix.clone();
        for segment in &request.path {
            // These two mean other folders however they are encoded, and an empty one may.
            if matches!(segment.as_str(), "" | "." | "..") {
                return Err(HttpError::Invalid { what: format!("`{segment}` cannot be part of a path") });
            }
            address.push('/');
            percent_encode(segment, &mut address);
        }
        for (index, (name, value)) in request.query.iter().enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            percent_encode(name, &mut address);
            address.push('=');
            percent_encode(value, &mut address);
        }
        Url::parse(&address)
            .map_err(|error| HttpError::Invalid { what: format!("no address of it below the url: {error}") })
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Adds `text` to `encoded`; all but the unreserved characters of RFC 3986 as `%XX`.
fn percent_encode(text: &str, encoded: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
}

/// Finds out what a failed call means for the request.
fn failure(error: &reqwest::Error, origin: &str, timeout: Duration) -> HttpError {
    let origin = origin.to_owned();
    if error.is_builder() {
        return HttpError::Invalid { what: format!("the request cannot be made: {}", innermost(error)) };
    }
    if error.is_connect() || error.is_dns() {
        let what = if error.is_timeout() { "no connection in time".to_owned() } else { innermost(error) };
        return HttpError::NotSent { origin, what };
    }
    let what = if error.is_timeout() {
        format!("nothing more within {} s", timeout.as_secs_f32())
    } else {
        innermost(error)
    };
    HttpError::Broken { origin, what }
}

/// Returns the text of the first cause, which is the one that helps; never a URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = match cause.downcast_ref::<reqwest::Error>() {
        // It shows its URL where it is the last of the chain.
        Some(error) if error.url().is_some() => "the request failed".to_owned(),
        Some(_) | None => cause.to_string(),
    };
    text::one_line(&text, WORDS_CHARS_MAX)
}

/// Finds the other side's words in the body of an error: `{"error": {"message": …}}`, `{"message": …}`
/// or `{"error": "…"}`.
fn words(body: &[u8], token: Option<&Token>) -> Option<String> {
    let body = read_json(body).ok()?;
    let said = ["/error/message", "/message", "/error"]
        .iter()
        .find_map(|pointer| body.pointer(pointer).and_then(Value::as_str))?;
    // The token first: a cut must not leave half of it.
    let said = token.map_or_else(|| said.to_owned(), |token| token.blank_out(said));
    let line = text::one_line(&said, WORDS_CHARS_MAX);
    (!line.is_empty()).then_some(line)
}

/// Replaces JSON escapes of half surrogate pairs, which are no characters, by that of U+FFFD.
fn pair_surrogates(json: &str) -> String {
    let mut paired = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        paired.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match escaped_unit(rest) {
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            Some(0xd800..=0xdbff) => match rest.get(6..).and_then(escaped_unit) {
                Some(0xdc00..=0xdfff) => 12,
                Some(_) | None => 0,
            },
            Some(0xdc00..=0xdfff) => 0,
            Some(_) => 6,
        };
        if length == 0 {
            paired.push_str("\\ufffd");
            rest = &rest[6..];
        } else {
            paired.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    paired.push_str(rest);
    paired
}

/// Reads the UTF-16 unit of an escape such as `\ud83d` at the start of `json`.
fn escaped_unit(json: &str) -> Option<u16> {
    let digits = json.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(base: &str, request: &Request) -> Result<String, String> {
        let base = Base::parse(base).map_err(|error| error.to_string())?;
        base.url(request).map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    fn get(id: &str) -> Request {
        Request::new(Method::Get, path("/messages/{id}/read", &[("id", id)]))
    }

    #[test]
    fn addresses_lie_below_the_base() {
        for base in ["https://hub.example/api", "https://hub.example/api/", "HTTPS://HUB.example:443/api//"] {
            assert_eq!(url(base, &get("m 1")).unwrap(), "https://hub.example/api/messages/m%201/read");
        }
        assert_eq!(
            url("http://[::1]:80", &get("m").query("to agent", "a&b=c#d\n")).unwrap(),
            "http://[::1]/messages/m/read?to%20agent=a%26b%3Dc%23d%0A"
        );
    }

    #[test]
    fn a_hostile_id_stays_one_segment() {
        for (id, encoded) in [
            ("../../admin?x=", "..%2F..%2Fadmin%3Fx%3D"),
            ("a\nb\tc", "a%0Ab%09c"),
            ("%2e%2e", "%252e%252e"),
            ("{id}", "%7Bid%7D"),
            ("\\..\\x", "%5C..%5Cx"),
            ("//evil.example/", "%2F%2Fevil.example%2F"),
        ] {
            assert_eq!(
                url("http://h.example/p", &get(id)).unwrap(),
                format!("http://h.example/p/messages/{encoded}/read")
            );
        }
    }

    #[test]
    fn an_id_that_means_another_folder_is_refused() {
        for id in ["", ".", ".."] {
            assert!(url("http://h.example", &get(id)).unwrap_err().contains("cannot be part of a path"));
        }
    }

    proptest! {
        #[test]
        fn no_id_leaves_its_place(id in ".{1,40}") {
            prop_assume!(id != "." && id != "..");
            let url = Base::parse("http://h.example/p").unwrap().url(&get(&id)).unwrap();
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert_eq!((segments[0], segments[1], segments[3]), ("p", "messages", "read"));
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }

        #[test]
        fn well_formed_json_stays_as_it_is(text in ".*") {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(read_json(json.as_bytes()), Ok(Value::String(text)));
        }

        #[test]
        fn no_bytes_break_the_reading_of_json(bytes in prop::collection::vec(any::<u8>(), 0..64), tail in r"[\\ud8c0-9a-f]{0,24}") {
            let _ = read_json(&bytes);
            let _ = read_json(format!("\"{tail}\"").as_bytes());
        }
    }

    #[test]
    fn a_base_with_more_than_a_place_is_refused_without_showing_it() {
        for (base, what) in [
            ("https://sam:hunter2@h.example", "the url holds a user or a password"),
            ("https://hunter2@h.example", "the url holds a user or a password"),
            ("https://h.example/?hunter2", "the url holds a query or a fragment"),
            ("https://h.example/#hunter2", "the url holds a query or a fragment"),
            ("ftp://h.example/hunter2", "the url does not start with http:// or https://"),
            ("hunter2", "the url cannot be read as one"),
        ] {
            assert_eq!(check_url(base).unwrap_err().to_string(), what);
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for base in [
            "http://127.0.0.1:8080",
            "http://127.1",
            "http://[::1]/x",
            "http://localhost",
            "https://h.example",
        ] {
            assert!(!insecure(base), "{base}");
        }
        for base in
            ["http://h.example", "http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example"]
        {
            assert!(insecure(base), "{base}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(" s3cr3t\n").unwrap();
        let client = Client::new("http://127.0.0.1:1", Some(token.clone()), Duration::from_secs(1)).unwrap();
        assert!(!format!("{token:?} {client:?}").contains("s3cr3t"));
        for secret in ["", "two words", "a\nb", "ü"] {
            assert!(Token::new(secret).is_err(), "{secret:?}");
        }
    }

    #[test]
    fn the_words_of_an_error_are_one_short_line_without_our_token() {
        let token = Token::new("s3cr3t").unwrap();
        let check = |body: &str, told: &str| {
            let answer = Answer::new(404, Vec::new(), body.as_bytes().to_vec(), Some(&token));
            assert_eq!(answer.told(), told);
        };
        check(
            r#"{"error": {"code": "x", "message": "no such\n\u001b[2Jmessage"}}"#,
            "404 (no such [hidden: U+001B][2Jmessage)",
        );
        check(r#"{"message": "token s3cr3t is not known"}"#, "404 (token [token] is not known)");
        check(r#"{"error": "no"}"#, "404 (no)");
        check("<html>", "404");
        let long =
            Answer::new(500, Vec::new(), format!("{{\"error\": {:?}}}", "x".repeat(9000)).into(), None);
        assert_eq!(long.words.unwrap().chars().count(), WORDS_CHARS_MAX);
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (value, at) in [
            ("90", Some("2026-11-20T12:01:30Z")),
            ("0", Some("2026-11-20T12:00:00Z")),
            ("99999999999999999999999", Some("2026-11-21T12:00:00Z")),
            ("Fri, 20 Nov 2026 12:05:00 GMT", Some("2026-11-20T12:05:00Z")),
            ("Fri, 20 Nov 2026 11:00:00 GMT", Some("2026-11-20T12:00:00Z")),
            ("Mon, 20 Nov 2034 11:00:00 GMT", Some("2026-11-21T12:00:00Z")),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_at(value, now), at.map(|at| at.parse().unwrap()), "{value}");
        }
    }

    #[test]
    fn half_characters_do_not_hide_the_rest() {
        for (json, text) in [
            (r#""a\ud83db""#, "a\u{fffd}b"),
            (r#""\udc00\ud83d\ud83d\ude00""#, "\u{fffd}\u{fffd}😀"),
            (r#""\\ud83d""#, r"\ud83d"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
        ] {
            assert_eq!(read_json(json.as_bytes()), Ok(Value::String(text.to_owned())), "{json}");
        }
        assert_eq!(read_json(b"\"a\xffb\""), Ok(Value::String("a\u{fffd}b".to_owned())));
        assert!(read_json(b"{").is_err());
    }
}
