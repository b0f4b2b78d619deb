//! Servers that speak just enough of TLS and HTTP to be misbehaved with.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cli::context::{Context, Way};
use cli::exit::Exit;
use cli::output::Output;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority and the server certificate it signed.
pub(crate) struct Authority {
    pub(crate) certificate: CertificateDer<'static>,
    config: Arc<rustls::ServerConfig>,
}

/// A TLS server.
pub(crate) struct Tls {
    pub(crate) address: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tls {
    /// All that clients said to it, after they were believed in.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("127.0.0.1")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let certificate = issuer.as_ref().der().clone();
        let chain = vec![leaf.der().clone(), certificate.clone()];
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Self { certificate, config: Arc::new(config) }
    }

    /// Serves connections with `answer` until the test ends.
    pub(crate) fn serve(&self, answer: impl Fn(&mut dyn ReadWrite) + Send + 'static) -> Tls {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (config, ears) = (self.config.clone(), heard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut tls = Ears {
                    stream: rustls::StreamOwned::new(connection, stream),
                    heard: ears.clone(),
                };
                answer(&mut tls);
                tls.stream.conn.send_close_notify();
                let _sent = tls.stream.flush();
            }
        });
        Tls { address, heard }
    }
}

/// A stream whose every byte read is remembered.
struct Ears<S> {
    stream: S,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl<S: Read> Read for Ears<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.heard.lock().unwrap().extend_from_slice(buffer.get(..read).unwrap());
        Ok(read)
    }
}

impl<S: Write> Write for Ears<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Both directions.
pub(crate) trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}

/// An HTTP server on a UNIX socket, one question per connection.
pub(crate) struct Http {
    pub(crate) path: PathBuf,
    dir: tempfile::TempDir,
}

impl Http {
    /// `answer` gets the stream, the number of the question from 1, and its head.
    pub(crate) fn serve(answer: impl Fn(&mut dyn ReadWrite, usize, &str) + Send + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().flatten().enumerate() {
                let mut stream = stream;
                stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
                let head = head(&mut stream);
                answer(&mut stream, at + 1, &head);
            }
        });
        Self { path, dir }
    }
}

/// The head of a question.
pub(crate) fn head(stream: &mut dyn ReadWrite) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Answers with JSON.
pub(crate) fn json(stream: &mut dyn ReadWrite, body: &str) {
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _sent = stream.write_all(text.as_bytes());
}

/// Answers with events, and breaks off.
pub(crate) fn events(stream: &mut dyn ReadWrite, events: &[(u64, &str)]) {
    let mut text = String::from(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\n\n",
    );
    for (id, request) in events {
        text += &format!(
            "id: {id}\nevent: change\ndata: {{\"revision\":{id},\"resource\":\"request\",\"name\":\"x\",\"verb\":\"put\",\"request\":{request}}}\n\n"
        );
    }
    let _sent = stream.write_all(text.as_bytes());
}

/// The story's request, as the server shows it.
pub(crate) fn request(state: &str, revision: u64) -> String {
    let decided = match state {
        "pending" => r#""missing":{"sentence":"1 more approval from: bob","reviewers":["bob"]}"#,
        _ => {
            r#""decided_by":"bob","decision_reason":"go ahead","start":"2019-11-07T19:38:00Z","until":"2019-11-07T20:38:00Z""#
        }
    };
    format!(
        r#"{{"id":"bc8ca931-fec9-4b15","user":"alice","roles":["dba"],"reason":"ticket #1234","state":"{state}","created":"2019-11-07T19:38:00Z","answer_by":"2019-11-08T19:38:00Z","duration":"1h","revision":{revision},{decided}}}"#
    )
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `tsh` says on both outputs, talking to `server`, and how it ends.
pub(crate) fn said(server: &Http, words: &str) -> (String, String, Exit) {
    let (out, err) = (Sink::default(), Sink::default());
    let mut cx = Context::of_parts(
        Output::to(Box::new(out.clone())),
        Output::to(Box::new(err.clone())),
        &server.dir.path().join("tsh"),
        Box::new(io::empty()),
        Box::new(|_| None),
        Box::new(|| "2019-11-07T19:38:30Z".parse().unwrap()),
    );
    cx.way = Way::Socket(server.path.clone());
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    let exit = cli::tsh::run(&mut cx, &words);
    let text = |sink: Sink| String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    (text(out), text(err), exit)
}
