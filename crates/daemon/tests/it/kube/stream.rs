//! The programs and ports of the tests' API server, over WebSocket (v4, v5) and SPDY/3.1.
//!
//! `cat` gives back what it reads, `echo` its words, `fail` ends with 3, `sleep` never ends, `size` says the size of its
//! terminal. A port answers each connection with what it was sent.

use super::server::{Answer, status};
use base64::Engine as _;
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use http_body_util::{BodyExt as _, Empty};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::kube::spdy::{DICTIONARY, Spdy, Way};
use wire::kube::websocket::{Sender, WebSocket, message};
use wire::kube::{Channel, Program};

type Io = TokioIo<Upgraded>;

/// Answers a request for a stream.
pub(crate) fn answer(mut request: Request<Incoming>) -> Answer {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let program = Program::read(request.uri().query().unwrap_or_default());
    let spoken = header("upgrade").to_ascii_lowercase();
    let asked = request.uri().query().unwrap_or_default();
    let flags = ["stdin=true", "stdout=true", "stderr=true", "tty=true"];
    let streams = 1 + flags.iter().filter(|flag| asked.contains(*flag)).count();
    let is_port = request.uri().path().ends_with("/portforward");
    let mut answer = Response::builder().status(101).header("connection", "Upgrade");
    if spoken == "websocket" {
        let offered = header("sec-websocket-protocol");
        let chosen = offered.split(',').map(str::trim).next().unwrap_or_default().to_owned();
        if is_port {
            return status(403, "Forbidden", "this server forwards ports over SPDY alone");
        }
        let key = header("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        let accept = ring_sha1(key.as_bytes());
        answer = answer
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", base64::prelude::BASE64_STANDARD.encode(accept))
            .header("sec-websocket-protocol", chosen);
    } else {
        let version = if is_port { "portforward.k8s.io" } else { "v4.channel.k8s.io" };
        answer = answer.header("upgrade", "SPDY/3.1").header("x-stream-protocol-version", version);
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        let stream = TokioIo::new(stream);
        match (spoken.as_str(), is_port) {
            ("websocket", _) => websocket(stream, program).await,
            (_, false) => spdy(stream, program, streams).await,
            (_, true) => ports(stream).await,
        }
    });
    answer.body(Empty::<Bytes>::new().boxed_unsync()).unwrap()
}

fn ring_sha1(bytes: &[u8]) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().to_vec()
}

/// What a program does with what it is told: bytes on channels, and its status when it ends.
struct Running {
    program: Program,
    started: bool,
    read: usize,
}

impl Running {
    fn step(
        &mut self,
        heard: &[(Channel, Vec<u8>)],
        closed: bool,
    ) -> (Vec<(u8, Vec<u8>)>, Option<u8>) {
        let words: Vec<&str> = self.program.command.iter().map(String::as_str).collect();
        let mut said = Vec::new();
        let first = !std::mem::replace(&mut self.started, true);
        let end = match words.as_slice() {
            ["echo", rest @ ..] => {
                said.push((1, format!("{}\n", rest.join(" ")).into_bytes()));
                Some(0)
            }
            ["fail"] => {
                said.push((2, b"it failed\n".to_vec()));
                Some(3)
            }
            ["cat", limit] => {
                for (channel, bytes) in heard {
                    if *channel == Channel::Stdin {
                        self.read += bytes.len();
                        said.push((1, bytes.clone()));
                    }
                }
                (self.read >= limit.parse().unwrap() || closed).then_some(0)
            }
            ["size"] => {
                let size = heard.iter().find(|(channel, _)| *channel == Channel::Resize);
                let size = size.map(|(_, bytes)| String::from_utf8_lossy(bytes).trim().to_owned());
                said.extend(size.iter().map(|size| (1, format!("{size}\r\n").into_bytes())));
                size.map(|_| 0)
            }
            _ => {
                if first {
                    said.push((1, b"sleeping\n".to_vec()));
                }
                None
            }
        };
        (said, end)
    }
}

fn told(end: u8) -> Vec<u8> {
    match end {
        0 => br#"{"metadata":{},"status":"Success"}"#.to_vec(),
        code => format!(r#"{{"metadata":{{}},"status":"Failure","message":"command terminated with exit code {code}","reason":"NonZeroExitCode","details":{{"causes":[{{"reason":"ExitCode","message":"{code}"}}]}}}}"#).into_bytes(),
    }
}

async fn websocket(mut stream: Io, program: Program) {
    let mut running = Running { program, started: false, read: 0 };
    let mut socket = WebSocket::new(Sender::Client);
    let (mut heard, mut chunk, mut closed) = (Vec::new(), vec![0; 32 * 1024], false);
    loop {
        let (said, end) = running.step(&heard, closed);
        for (channel, bytes) in said {
            for part in bytes.chunks(16 * 1024) {
                if stream.write_all(&message(channel, part)).await.is_err() {
                    return;
                }
            }
        }
        if let Some(end) = end {
            let _ = stream.write_all(&message(3, &told(end))).await;
            let _ = stream.write_all(&wire::kube::websocket::CLOSE).await;
            let _ = stream.flush().await;
            let _ = stream.read(&mut chunk).await;
            return;
        }
        let _ = stream.flush().await;
        heard.clear();
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                // v5: an end of input comes as a message on channel 255.
                closed = socket
                    .follow(&chunk[..read], &mut |channel, bytes: &[u8]| {
                        heard.push((channel, bytes.to_vec()));
                    })
                    .is_err();
            }
        }
    }
}

/// The frames of one direction, whole.
#[derive(Default)]
struct Frames(Vec<u8>);

impl Frames {
    fn next(&mut self) -> Option<Vec<u8>> {
        let head = self.0.get(..8)?;
        let length = u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize;
        (self.0.len() >= 8 + length).then(|| self.0.drain(..8 + length).collect())
    }
}

fn syn_reply(pack: &mut Compress, id: u32) -> Vec<u8> {
    let mut packed = Vec::with_capacity(256);
    pack.compress_vec(&[0; 4], &mut packed, FlushCompress::Sync).unwrap();
    let mut frame = vec![0x80, 3, 0, 2];
    frame.extend(u32::try_from(4 + packed.len()).unwrap().to_be_bytes());
    frame.extend(id.to_be_bytes());
    frame.extend(packed);
    frame
}

fn data(id: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let mut frame = id.to_be_bytes().to_vec();
    frame.extend((u32::from(flags) << 24 | u32::try_from(bytes.len()).unwrap()).to_be_bytes());
    frame.extend(bytes);
    frame
}

fn packer() -> Compress {
    let mut pack = Compress::new(Compression::default(), true);
    pack.set_dictionary(DICTIONARY).unwrap();
    pack
}

async fn spdy(mut stream: Io, program: Program, wanted: usize) {
    let (mut frames, mut pack, mut spdy) = (Frames::default(), packer(), Spdy::new());
    let mut running = Running { program, started: false, read: 0 };
    let (mut heard, mut chunk, mut streams, mut closed) =
        (Vec::new(), vec![0; 32 * 1024], 0, false);
    loop {
        while let Some(frame) = frames.next() {
            spdy.follow(Way::Up, &frame, &mut |channel, bytes: &[u8]| {
                heard.push((channel, bytes.to_vec()));
            })
            .unwrap();
            if frame[..4] == [0x80, 3, 0, 1] {
                let id = u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
                streams += 1;
                stream.write_all(&syn_reply(&mut pack, id)).await.unwrap();
            } else if frame[0] & 0x80 == 0 && frame[4] & 1 == 1 {
                closed = true;
            }
        }
        if streams == wanted {
            let (said, end) = running.step(&heard, closed);
            heard.clear();
            for (channel, bytes) in said {
                let channel = Channel::from_number(channel).unwrap();
                if let Some(id) = spdy.stream(channel) {
                    stream.write_all(&data(id, 0, &bytes)).await.unwrap();
                }
            }
            if let Some(end) = end {
                for channel in [Channel::Stdout, Channel::Stderr] {
                    if let Some(id) = spdy.stream(channel) {
                        stream.write_all(&data(id, 1, b"")).await.unwrap();
                    }
                }
                let error = spdy.stream(Channel::Error).unwrap();
                stream.write_all(&data(error, 1, &told(end))).await.unwrap();
                let _ = stream.flush().await;
                while stream.read(&mut chunk).await.is_ok_and(|read| read > 0) {}
                return;
            }
        }
        let _ = stream.flush().await;
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => frames.0.extend(&chunk[..read]),
        }
    }
}

/// Each data stream gets back what it sends.
async fn ports(mut stream: Io) {
    let (mut frames, mut pack) = (Frames::default(), packer());
    let mut chunk = vec![0; 32 * 1024];
    loop {
        while let Some(frame) = frames.next() {
            if frame[..4] == [0x80, 3, 0, 1] {
                let id = u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
                stream.write_all(&syn_reply(&mut pack, id)).await.unwrap();
            } else if frame[0] & 0x80 == 0 && frame.len() > 8 {
                let id = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
                stream.write_all(&data(id, 0, &frame[8..])).await.unwrap();
            }
        }
        let _ = stream.flush().await;
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => frames.0.extend(&chunk[..read]),
        }
    }
}
