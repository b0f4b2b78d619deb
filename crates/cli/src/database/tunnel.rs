//! The local end of a tunnel to a database or an application: what a client says here goes on inside TLS with the login's certificate.
//!
//! ```text
//!   client ──TCP on loopback (its owner's alone), or a private socket──► tsh ══TLS, certificate══► daemon ──► the target that was named
//! ```
//!
//! Each connection is one to the daemon, which says who may what; nothing is decided here. Certificate and key are read
//! again when they have changed: a new login serves the next connection. A refusal comes from the daemon in the client's own
//! protocol; only that the daemon is out of reach is said from here ([`super::words`]).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use api::database::DatabaseProtocol;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::owner::owner;
use super::words::{self, Speech};
use crate::client::{stored_authorities, stored_identity};
use crate::error::Error;
use crate::exit::Exit;
use crate::home::Home;
use crate::profile::{Profile, TLS_CERTIFICATE};
use crate::route::CONNECT_TIMEOUT;
use crate::trust::{Trust, client_config, server_name, tunnel_config};

/// Connections at once; those that come meanwhile wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 500;
/// Bytes that are on their way in one direction of a connection: then the writer waits.
const BUFFER: usize = 64 * 1024;
/// How long the listener rests when a connection cannot be accepted, for want of descriptors for example.
const REST: Duration = Duration::from_millis(100);

/// Where clients come in.
#[derive(Debug)]
pub enum Entrance {
    /// A port of loopback.
    Port(TcpListener),
    /// A socket in a directory that only its owner can enter.
    Socket(UnixListener),
}

/// A way to one target.
pub struct Tunnel {
    home: Home,
    protocol: Speech,
    line: Box<str>,
    /// The TLS of the login whose certificate was written then.
    tls: Mutex<Option<(SystemTime, TlsConnector)>>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Tunnel {
    /// To the database `name`.
    #[must_use]
    pub fn new(home: &Home, protocol: DatabaseProtocol, name: &str) -> Self {
        Self::by(home, Speech::Database(protocol), protocol.as_str(), name)
    }

    /// To the application `name`, which is `http` or anything over TCP.
    #[must_use]
    pub fn to_app(home: &Home, name: &str, http: bool) -> Self {
        Self::by(home, if http { Speech::Http } else { Speech::Unknown }, "app", name)
    }

    /// To everything behind the server's own HTTP, as who is logged in.
    #[must_use]
    pub fn to_http(home: &Home) -> Self {
        Self { home: home.clone(), protocol: Speech::Http, line: "".into(), tls: Mutex::new(None) }
    }

    fn by(home: &Home, protocol: Speech, word: &str, name: &str) -> Self {
        let line = format!("countersign/1 {word} {name}\n").into();
        Self { home: home.clone(), protocol, line, tls: Mutex::new(None) }
    }

    /// Serves until `stop`. What goes wrong with single connections is handed to `told`, which must not block.
    pub async fn serve(
        self: Arc<Self>,
        entrance: Entrance,
        told: fn(&Error),
        stop: impl Future<Output = ()>,
    ) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut open = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            while open.try_join_next().is_some() {}
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, entrance.next().await)
            };
            let (place, came) = tokio::select! {
                came = next => came,
                // What is open ends with the set.
                () = &mut stop => return,
            };
            let Ok(client) = came else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let tunnel = Arc::clone(&self);
            open.spawn(async move {
                let _place = place;
                let (client, ends) = client;
                if let Err(error) = tunnel.carry(client, ends).await {
                    told(&error);
                }
            });
        }
    }

    /// Carries one connection to its end, if it is its owner's.
    async fn carry(&self, mut client: Box<dyn Stream>, ends: Option<Ends>) -> Result<(), Error> {
        let connected = match ends.map_or(Ok(()), |ends| ends.are_ours()) {
            Ok(()) => self.connect().await,
            Err(error) => Err(error),
        };
        let mut server = match connected {
            Ok(server) => server,
            Err(error) => {
                // A client that is gone already has nobody to be told.
                let _told = client.write_all(&words::refusal(self.protocol, &error)).await;
                let _told = client.shutdown().await;
                return Err(error);
            }
        };
        // How a connection ends is between client and server: both have said it, or are gone.
        let _ended = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await;
        Ok(())
    }

    /// A connection to the daemon that has named the target.
    async fn connect(&self) -> Result<TlsStream<TcpStream>, Error> {
        let profile = Profile::load(&self.home)?
            .filter(|profile| profile.expires.is_some())
            .ok_or_else(|| Error::not_logged_in("you are logged out"))?;
        let address = profile.proxy;
        let unreachable = |error: io::Error| {
            Error::network(format!("cannot reach the server `{address}`"))
                .because(error)
                .hint("is the daemon running there? tsh status")
        };
        let tls = self.tls()?;
        let name = server_name(&address)?;
        let connecting = async {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let mut stream = tls.connect(name, stream).await?;
            stream.write_all(self.line.as_bytes()).await?;
            stream.flush().await?;
            Ok(stream)
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(unreachable),
            Err(_) => Err(unreachable(io::ErrorKind::TimedOut.into())),
        }
    }

    /// TLS with the certificate of the login there is now.
    fn tls(&self) -> Result<TlsConnector, Error> {
        let file = self.home.file(TLS_CERTIFICATE);
        let written = std::fs::metadata(file).and_then(|found| found.modified()).ok();
        let mut kept = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((then, tls)), Some(written)) = (&*kept, written)
            && *then == written
        {
            return Ok(tls.clone());
        }
        let trust = Trust::Authorities(stored_authorities(&self.home)?);
        let identity = stored_identity(&self.home)?;
        // Without a line to begin with, it is the port's HTTP that is spoken.
        let config = match self.line.is_empty() {
            true => client_config(trust, Some(identity))?,
            false => tunnel_config(trust, identity)?,
        };
        let tls = TlsConnector::from(Arc::new(config));
        *kept = written.map(|written| (written, tls.clone()));
        Ok(tls)
    }
}

impl Entrance {
    /// A port of loopback; 0 is one that the kernel chooses.
    ///
    /// # Errors
    /// It is taken, or may not be used.
    pub async fn port(port: u16) -> Result<(Self, u16), Error> {
        let cannot = |error: io::Error| {
            Error::usage(format!("cannot listen on 127.0.0.1:{port}"))
                .because(error)
                .hint("take another port, or leave --port out")
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        Ok((Self::Port(listener), port))
    }

    /// A socket at `path`.
    ///
    /// # Errors
    /// It cannot be made there.
    pub fn socket(path: &PathBuf) -> Result<Self, Error> {
        let listener = UnixListener::bind(path).map_err(|error| {
            Error::internal(format!("cannot make the socket `{}`", path.display())).because(error)
        })?;
        Ok(Self::Socket(listener))
    }

    /// The next client, and where a stranger could have come from.
    async fn next(&self) -> io::Result<(Box<dyn Stream>, Option<Ends>)> {
        match self {
            Self::Port(listener) => {
                let (stream, client) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let ends = Ends { client, here: stream.local_addr()? };
                Ok((Box::new(stream), Some(ends)))
            }
            Self::Socket(listener) => Ok((Box::new(listener.accept().await?.0), None)),
        }
    }
}

/// The two ends of a connection within this machine.
#[derive(Clone, Copy, Debug)]
struct Ends {
    client: SocketAddr,
    here: SocketAddr,
}

impl Ends {
    /// Whether whoever came is who runs this process: the port is open to everybody on the machine, the login is not.
    fn are_ours(self) -> Result<(), Error> {
        // Only Linux has the table; elsewhere the port is as open as loopback is.
        if !cfg!(target_os = "linux") {
            return Ok(());
        }
        let refused = |why: String| Err(Error::new(Exit::Denied, why));
        match owner(self.client, self.here) {
            Ok(Some(uid)) if uid == rustix::process::geteuid().as_raw() => Ok(()),
            Ok(Some(uid)) => refused(format!(
                "this port is another user's: user id {uid} of this machine came, and may not use his login"
            )),
            Ok(None) => refused("it cannot be told whose this connection is".to_owned()),
            Err(error) => {
                Err(Error::internal("it cannot be told whose this connection is").because(error))
            }
        }
    }
}

/// A client's connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
