//! A connection to a mail server: TCP, TLS from the beginning or on request, lines and bytes.
//!
//! It must never speak in plain text to another machine, never carry over into TLS what came before it,
//! never wait without an end, never keep more of an answer than its bound, and never show a password.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connector::ConnectorError;
use crate::text;

/// How long the first step, up to a connection, may take.
const CONNECT_SECONDS_MAX: u64 = 10;

/// Bytes of a file with certificates.
const CERTIFICATES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes that are read at a time.
const READ_BYTES: usize = 16 * 1024;

/// How much of a server's words is quoted.
const WORDS_CHARS_MAX: usize = 300;

/// How a connection is made secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Implicit,
    /// On request, before anything is said that matters.
    StartTls,
    /// Not at all: only on the way to this machine itself.
    None,
}

/// Where a mail server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is made secret.
    pub tls: Tls,
    /// The certificates that vouch for it, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long each step may take.
    pub timeout: Duration,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Who we are on a server. The debug text never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name there.
    pub user: String,
    /// The password.
    password: String,
}

impl Login {
    /// Takes a name and a password.
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }

    /// Returns the password, for the one command that says it.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns a server's words as one visible line, with every occurrence of the password blanked out.
    pub fn blank_out(&self, words: &str) -> String {
        let known = if self.password.is_empty() { "\0" } else { &self.password };
        text::one_line(&words.replace(known, "[password]"), WORDS_CHARS_MAX)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, hidden)", self.user)
    }
}

/// Tells whether a host is this machine itself, by its name alone.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// An open connection.
pub struct Link {
    stream: Stream,
    buffer: Vec<u8>,
    server: Server,
    /// When whatever is under way has taken too long.
    deadline: Instant,
}

enum Stream {
    Plain(TcpStream),
    Secret(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.server)
    }
}

impl Link {
    /// Connects; with [`Tls::Implicit`] the connection is secret when this returns.
    ///
    /// # Errors
    /// [`ConnectorError::Away`] where nobody answers; refused where the certificate is not believed.
    pub async fn open(server: &Server) -> Result<Self, ConnectorError> {
        let wait = (server.timeout / 2).min(Duration::from_secs(CONNECT_SECONDS_MAX));
        let away = |what: &dyn fmt::Display| cannot_reach(server, what);
        let connected = timeout(wait, connect(server)).await;
        let stream = connected.map_err(|_| away(&slow(wait)))?.map_err(|error| away(&error))?;
        // Each command is one small write that an answer is awaited for.
        stream.set_nodelay(true).map_err(|error| away(&error))?;
        let deadline = Instant::now() + server.timeout;
        let stream = Stream::Plain(stream);
        let link = Self { stream, buffer: Vec::new(), server: server.clone(), deadline };
        if server.tls == Tls::Implicit { link.secure().await } else { Ok(link) }
    }

    /// Makes the connection secret; whatever came in plain text is refused, because anybody can have said it.
    pub async fn secure(self) -> Result<Self, ConnectorError> {
        let Self { stream, buffer, server, deadline } = self;
        let stream = match stream {
            Stream::Plain(stream) if buffer.is_empty() => stream,
            Stream::Plain(_) => {
                return Err(refused(format!("{server} went on in plain text before TLS"), None));
            }
            Stream::Secret(_) => return Ok(Self { stream, buffer, server, deadline }),
        };
        let name = ServerName::try_from(server.host.clone()).map_err(|_| {
            refused(format!("`{}` is no name that a certificate can have", server.host), None)
        })?;
        let connector = TlsConnector::from(client_config(server.ca_file.as_deref())?);
        match timeout(server.timeout, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Self { stream: Stream::Secret(Box::new(stream)), buffer, server, deadline }),
            Ok(Err(error)) => Err(not_secure(&server, &error)),
            Err(_) => Err(cannot_reach(&server, &slow(server.timeout))),
        }
    }

    /// Gives whatever comes next so much time, all of it together.
    pub fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    /// Writes all of `bytes`.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ConnectorError> {
        let written = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.write_all(bytes).await,
                Stream::Secret(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
            }
        };
        match timeout_at(self.deadline, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broken(&self.server, &error)),
            Err(_) => Err(broken(&self.server, &"it took too long")),
        }
    }

    /// Reads a line without its end, which may be a bare line feed; one of more than `bytes_max` is an error.
    pub async fn read_line(&mut self, bytes_max: usize) -> Result<Vec<u8>, ConnectorError> {
        let mut searched = 0;
        loop {
            let end = self.buffer[searched..].iter().position(|&byte| byte == b'\n');
            if let Some(end) = end.map(|end| searched + end) {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > bytes_max {
                return Err(broken(&self.server, &"a line without an end"));
            }
            self.fill().await?;
        }
    }

    /// Reads exactly so many bytes; the caller has looked whether they are too many.
    pub async fn read_bytes(&mut self, count: usize) -> Result<Vec<u8>, ConnectorError> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Tells whether the other side has said something already that nobody has read yet.
    pub async fn is_ahead(&mut self) -> bool {
        if self.buffer.is_empty() {
            self.buffer.reserve(READ_BYTES);
            let read = async {
                match &mut self.stream {
                    Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await,
                    Stream::Secret(stream) => stream.read_buf(&mut self.buffer).await,
                }
            };
            // What is there already is read without waiting; whatever is wrong shows with the next step.
            let _ = timeout(Duration::ZERO, read).await;
        }
        !self.buffer.is_empty()
    }

    /// Reads what there is, at least a byte.
    async fn fill(&mut self) -> Result<(), ConnectorError> {
        self.buffer.reserve(READ_BYTES);
        let read = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await,
                Stream::Secret(stream) => stream.read_buf(&mut self.buffer).await,
            }
        };
        match timeout_at(self.deadline, read).await {
            Ok(Ok(0)) => Err(broken(&self.server, &"it closed the connection")),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(broken(&self.server, &error)),
            Err(_) => Err(broken(&self.server, &"it took too long")),
        }
    }
}

/// A connection that is kept for the next one who needs it; clones share it.
pub struct Idle<T>(Arc<Mutex<Option<T>>>);

impl<T> Idle<T> {
    /// Takes the connection, if there is one.
    pub fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps a connection.
    pub fn keep(&self, connection: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }
}

impl<T> Clone for Idle<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }
}

impl<T> fmt::Debug for Idle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Idle")
    }
}

/// Makes an error that trying again does not mend.
pub fn refused(what: impl Into<String>, hint: Option<&str>) -> ConnectorError {
    ConnectorError::Refused { what: text::one_line(&what.into(), 400), hint: hint.map(str::to_owned) }
}

/// Makes an error that passes.
pub fn away(what: impl Into<String>) -> ConnectorError {
    ConnectorError::Away { what: text::one_line(&what.into(), 400) }
}

async fn connect(server: &Server) -> io::Result<TcpStream> {
    let found = lookup_host((server.host.as_str(), server.port)).await?;
    // Whatever a name says: in plain text nothing goes to another machine.
    let allowed = |address: &SocketAddr| server.tls != Tls::None || address.ip().is_loopback();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address that may be used");
    for address in found.filter(allowed) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, ConnectorError> {
    let failed = |error: rustls::Error| refused(format!("TLS cannot be used: {error}"), None);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let config = match ca_file {
        Some(path) => builder.with_root_certificates(certificates(path)?).with_no_client_auth(),
        None => {
            let verifier = Verifier::new(provider).map_err(failed)?;
            let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
            builder.with_no_client_auth()
        }
    };
    Ok(Arc::new(config))
}

/// Reads who vouches for a server.
pub fn certificates(path: &Path) -> Result<RootCertStore, ConnectorError> {
    let shown = path.display();
    let unusable = |what: &dyn fmt::Display| {
        refused(
            format!("the certificates in {shown} cannot be used: {what}"),
            Some("`ca_file` is a PEM file with the certificate of whoever vouches for the server"),
        )
    };
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(CERTIFICATES_BYTES_MAX).read_to_end(&mut pem));
    read.map_err(|error| unusable(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"there is none in it"));
    }
    Ok(roots)
}

/// Says why there is no TLS: a certificate that is not believed stays so, anything else may pass.
fn not_secure(server: &Server, error: &io::Error) -> ConnectorError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => refused(
            format!("the certificate of {server} is not believed: {error}"),
            Some(
                "if the server is yours, name who vouches for it as `ca_file`; else look whether `host` is right",
            ),
        ),
        Some(rustls::Error::InvalidMessage(_)) => refused(
            format!("{server} does not begin with TLS: {error}"),
            Some("set `tls = \"starttls\"`, or the port that begins with TLS"),
        ),
        Some(_) | None => cannot_reach(server, error),
    }
}

fn cannot_reach(server: &Server, what: &dyn fmt::Display) -> ConnectorError {
    away(format!("cannot reach {server}: {what}"))
}

fn broken(server: &Server, what: &dyn fmt::Display) -> ConnectorError {
    away(format!("no whole answer from {server}: {what}"))
}

fn slow(limit: Duration) -> String {
    format!("nothing within {} seconds", limit.as_secs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["mail.example.org", "10.0.0.1", "localhost.example.org", "127.0.0.1.example.org", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let login = Login::new("sam", "s3cr3t");
        assert_eq!(format!("{login:?}"), "Login(sam, hidden)");
        assert_eq!(login.blank_out("no: \"s3cr3t\"\r\nBye"), "no: \"[password]\" Bye");
        assert_eq!(Login::new("sam", "").blank_out("no"), "no");
    }
}
