//! A client that writes its frames by hand.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use wire::postgres::Startup;
use wire::postgres::back::Fields;
use wire::postgres::startup::SSL_REQUEST;

use crate::servers::DATABASE;
use crate::stand::{ACCOUNT, Client, PATIENCE, TARGET};

/// A message: its type and its body.
pub(crate) type Message = (u8, Vec<u8>);

/// A connection inside TLS.
pub(crate) struct Raw {
    pub(crate) stream: TlsStream<TcpStream>,
}

/// TLS with a person's certificate, offering this protocol.
pub(crate) async fn tls(
    client: &Client,
    socket: TcpStream,
    alpn: Option<&str>,
) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(client.file("ca.pem")).unwrap() {
        roots.add(root.unwrap()).unwrap();
    }
    let chain = CertificateDer::pem_file_iter(client.file("cert.pem"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_file(client.file("key.pem")).unwrap();
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap()
}

impl Raw {
    /// Comes in by SSLRequest, up to the end of the TLS handshake.
    pub(crate) async fn knock(client: &Client) -> Self {
        let mut socket = TcpStream::connect(client.addr()).await.unwrap();
        socket.write_all(&SSL_REQUEST).await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'S');
        Self { stream: tls(client, socket, None).await }
    }

    /// Comes in by TLS at once, with this ALPN.
    pub(crate) async fn direct(client: &Client, alpn: &str) -> Self {
        let socket = TcpStream::connect(client.addr()).await.unwrap();
        Self { stream: tls(client, socket, Some(alpn)).await }
    }

    /// A session at the target, ready for its first query; with the key it was given.
    pub(crate) async fn open(client: &Client) -> (Self, Vec<u8>) {
        let mut raw = Self::knock(client).await;
        let key = raw.begin(&Startup::new(ACCOUNT, &format!("{TARGET}/{DATABASE}"))).await;
        (raw, key)
    }

    /// Starts a session; the body of BackendKeyData.
    pub(crate) async fn begin(&mut self, startup: &Startup) -> Vec<u8> {
        self.send(&startup.packet()).await;
        let messages = self.until(b'Z').await;
        assert_eq!(messages[0], (b'R', vec![0; 4]), "{messages:?}");
        messages.iter().find(|(kind, _)| *kind == b'K').expect("a key").1.clone()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A gateway that has closed is seen by what is read next.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let reading = async {
            let mut header = [0; 5];
            self.stream.read_exact(&mut header).await.ok()?;
            let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
            let mut body = vec![0; length as usize - 4];
            self.stream.read_exact(&mut body).await.ok()?;
            Some((header[0], body))
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the gateway hangs")
    }

    /// Messages up to and with the first of this type, or to the end.
    pub(crate) async fn until(&mut self, kind: u8) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
            if messages.last().is_some_and(|(last, _)| *last == kind) {
                break;
            }
        }
        messages
    }

    /// Sends these frames, and returns the types of what comes up to ReadyForQuery.
    pub(crate) async fn kinds(&mut self, frames: &[u8]) -> String {
        self.send(frames).await;
        kinds(&self.until(b'Z').await)
    }

    /// Runs a query; the first column of its rows.
    pub(crate) async fn query(&mut self, sql: &str) -> Vec<String> {
        let mut out = Vec::new();
        wire::postgres::write::query(&mut out, sql);
        self.send(&out).await;
        let messages = self.until(b'Z').await;
        let error = messages.iter().find(|(kind, _)| *kind == b'E');
        assert!(error.is_none(), "{sql}: {:?}", error.map(|(_, body)| shown(body)));
        let rows = messages.iter().filter(|(kind, _)| *kind == b'D');
        rows.map(|(_, body)| String::from_utf8(body[6..].to_vec()).unwrap()).collect()
    }
}

/// The types of messages, in order; what may come at any time is left out.
pub(crate) fn kinds(messages: &[Message]) -> String {
    let said = messages.iter().filter(|(kind, _)| !matches!(kind, b'S' | b'N' | b'A'));
    said.map(|(kind, _)| char::from(*kind)).collect()
}

/// An error as `SQLSTATE message | detail | hint`.
pub(crate) fn shown(body: &[u8]) -> String {
    let fields = Fields::of(body);
    let field = |name| String::from_utf8_lossy(fields.get(name).unwrap_or_default()).into_owned();
    format!("{} {} | {} | {}", field(b'C'), field(b'M'), field(b'D'), field(b'H'))
}

/// Sends these bytes in the clear and returns all that comes back.
pub(crate) async fn clear(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut back = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut back)).await.expect("it hangs");
    back
}
