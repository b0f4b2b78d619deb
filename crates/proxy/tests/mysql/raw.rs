//! A client that says what it is told to, packet by packet.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wire::mysql::{Capabilities, Greeting, Response, Status, put_packet, take};

use crate::servers::DATABASE;
use crate::stand::{Client, PATIENCE};

pub(crate) trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

pub(crate) struct Raw {
    pub(crate) stream: Box<dyn Both>,
    pub(crate) ahead: BytesMut,
    pub(crate) greeting: Greeting,
}

/// A packet: its sequence number and its payload.
pub(crate) type Packet = (u8, Vec<u8>);

/// What this client can do, unless a test says otherwise.
pub(crate) const ABLE: Capabilities = Capabilities::PASSED;

fn tls(client: &Client, alpn: &[&[u8]]) -> TlsConnector {
    let chain = CertificateDer::pem_file_iter(client.home.join("cert")).unwrap();
    let key = PrivateKeyDer::from_pem_file(client.home.join("key")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for root in &client.roots {
        roots.add(root.clone()).unwrap();
    }
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain.collect::<Result<_, _>>().unwrap(), key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

impl Raw {
    /// Comes in through MySQL's port as `app@orders`.
    pub(crate) async fn enter(client: &Client) -> Self {
        let (raw, answer) = Self::come(client, "gw.example.com", "app@orders", ABLE).await;
        assert_eq!(answer.1[0], 0, "{}", String::from_utf8_lossy(&answer.1));
        raw
    }

    /// Comes to MySQL's port; the answer to the response is returned. TLS begins in the same segment as its request.
    pub(crate) async fn come(
        client: &Client,
        host: &str,
        user: &str,
        capabilities: Capabilities,
    ) -> (Self, Packet) {
        let mut socket = TcpStream::connect(("127.0.0.1", client.port)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut ahead = BytesMut::new();
        let (seq, payload) = packet(&mut socket, &mut ahead).await;
        let greeting = Greeting::read(&payload).unwrap();
        assert_eq!(seq, 0);
        assert!(ahead.is_empty());
        let tls_too = capabilities.union(Capabilities::SSL);
        let response = response(user, tls_too);
        let mut request = BytesMut::new();
        response.put_ssl_request(&mut request);
        let mut first = BytesMut::new();
        put_packet(&mut first, 1, &request);
        let host = host.to_owned().try_into().unwrap();
        let stream = tls(client, &[]).connect(host, Together { socket, first: Some(first) }).await;
        let mut raw = Self { stream: Box::new(stream.unwrap()), ahead, greeting };
        let answer = raw.respond(2, &response).await;
        (raw, answer)
    }

    /// Comes through the tunnel to `target`.
    pub(crate) async fn tunnel(
        client: &Client,
        main: std::net::SocketAddr,
        target: &str,
        user: &str,
        capabilities: Capabilities,
    ) -> (Self, Packet) {
        let socket = TcpStream::connect(main).await.unwrap();
        let host = "gw.example.com".to_owned().try_into().unwrap();
        let mut stream = tls(client, &[b"x-countersign"]).connect(host, socket).await.unwrap();
        stream.write_all(format!("countersign/1 mysql {target}\n").as_bytes()).await.unwrap();
        let mut ahead = BytesMut::new();
        let (_, payload) = packet(&mut stream, &mut ahead).await;
        let greeting = Greeting::read(&payload).unwrap();
        assert!(!greeting.capabilities.contains(Capabilities::SSL));
        let mut raw = Self { stream: Box::new(stream), ahead, greeting };
        let answer = raw.respond(1, &response(user, capabilities)).await;
        (raw, answer)
    }

    async fn respond(&mut self, seq: u8, response: &Response<'_>) -> Packet {
        let mut payload = BytesMut::new();
        response.put(&mut payload);
        self.send(seq, &payload).await;
        self.packet().await
    }

    pub(crate) async fn send(&mut self, seq: u8, payload: &[u8]) {
        let mut out = BytesMut::new();
        put_packet(&mut out, seq, payload);
        self.stream.write_all(&out).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn packet(&mut self) -> Packet {
        packet(&mut self.stream, &mut self.ahead).await
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<Packet> {
        let reading = async {
            // A connection that is severed, and not closed, has its end too.
            while self.stream.read_buf(&mut self.ahead).await.unwrap_or(0) > 0 {}
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the connection does not end");
        let mut packets = Vec::new();
        while let Some(packet) = take(&self.ahead, usize::MAX).unwrap() {
            packets.push((packet.seq, packet.payload.to_vec()));
            let len = packet.len;
            self.ahead.advance(len);
        }
        assert!(self.ahead.is_empty(), "the end is in the middle of a packet");
        packets
    }

    /// Sends a command, and its answer of one packet.
    pub(crate) async fn command(&mut self, payload: &[u8]) -> Packet {
        self.send(0, payload).await;
        self.packet().await
    }

    /// The first value of the first row of a statement, or the error.
    pub(crate) async fn ask(&mut self, text: &str) -> Result<String, String> {
        self.send(0, &[b"\x03", text.as_bytes()].concat()).await;
        self.answer().await
    }

    /// What a statement is answered: the first value, nothing, or the error as `CODE WORDS`.
    pub(crate) async fn answer(&mut self) -> Result<String, String> {
        let (_, first) = self.packet().await;
        match first[0] {
            0 => return Ok(String::new()),
            0xff => return Err(error(&first)),
            _ => {}
        }
        for _ in 0..first[0] {
            self.packet().await;
        }
        let mut value = None;
        loop {
            let (_, row) = self.packet().await;
            match row[0] {
                0xfe if row.len() < 100 => break,
                0xff => return Err(error(&row)),
                len => value.get_or_insert(
                    String::from_utf8_lossy(&row[1..=usize::from(len)]).into_owned(),
                ),
            };
        }
        Ok(value.unwrap_or_default())
    }
}

/// `1045 Access denied`
pub(crate) fn error(payload: &[u8]) -> String {
    assert_eq!(payload[0], 0xff, "{}", String::from_utf8_lossy(payload));
    let error = wire::mysql::ServerError::read(payload).unwrap();
    format!("{} {}", error.code, error.message)
}

/// Whether a payload is an OK packet with this status.
pub(crate) fn is_ok(payload: &[u8]) -> bool {
    wire::mysql::OkPacket::read(payload, Capabilities::NONE)
        .is_ok_and(|ok| payload[0] == 0 && ok.status.contains(Status::AUTOCOMMIT))
}

fn response(user: &str, capabilities: Capabilities) -> Response<'_> {
    Response {
        capabilities,
        max_packet: 1 << 24,
        collation: 45,
        user,
        answer: b"",
        database: Some(DATABASE),
        plugin: Some(wire::mysql::plugin::NATIVE),
        attributes: wire::mysql::Attributes::new(b"\x0cprogram_name\x04test"),
    }
}

async fn packet<S: AsyncRead + Unpin + ?Sized>(stream: &mut S, ahead: &mut BytesMut) -> Packet {
    loop {
        if let Some(packet) = take(ahead, usize::MAX).unwrap() {
            let read = (packet.seq, packet.payload.to_vec());
            let len = packet.len;
            ahead.advance(len);
            return read;
        }
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(ahead)).await;
        assert_ne!(read.expect("no answer").unwrap_or(0), 0, "the connection has ended");
    }
}

/// A socket whose first bytes go out with the second: as a client that does not wait for ours.
struct Together {
    socket: TcpStream,
    first: Option<BytesMut>,
}

impl AsyncRead for Together {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Together {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let this = &mut *self;
        let Some(first) = &this.first else {
            return std::pin::Pin::new(&mut this.socket).poll_write(cx, bytes);
        };
        let both = [first, bytes].concat();
        let before = first.len();
        // A fresh socket has room for both.
        let written =
            std::task::ready!(std::pin::Pin::new(&mut this.socket).poll_write(cx, &both))?;
        assert_eq!(written, both.len());
        this.first = None;
        std::task::Poll::Ready(Ok(written - before))
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
