//! The daemon's configuration: as typed ([`tree`]), then as meant, every problem at once.
//!
//! Order of precedence: flag, environment, file, default. Nothing here opens a socket or a directory.

mod tree;

pub use tree::Problem;

use ipnet::IpNet;
use jiff::SignedDuration;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tree::Reader;

/// The port users reach everything on, by default.
pub const DEFAULT_PORT: u16 = 3080;
/// The port health and metrics stand on, by default.
pub const DEFAULT_DIAG_PORT: u16 = 3081;
/// Bytes a configuration file may have.
pub const MAX_FILE: u64 = 256 * 1024;

/// What `countersign configure` prints: every key, with its default and what it means.
pub const TEMPLATE: &str = include_str!("config/template.yaml");

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cluster's name: part of certificates, host names and resource ids.
    pub cluster: String,
    /// Where everything is kept: created 0700.
    pub data_dir: PathBuf,
    /// The one port.
    pub listen: SocketAddr,
    /// The port of plain MySQL clients, to whom the server speaks first; `None` when there is none.
    pub mysql: Option<SocketAddr>,
    /// What people type to reach us; names in the TLS certificate and in links.
    pub public_addr: HostPort,
    /// Health and metrics; `None` switches them off.
    pub diag: Option<SocketAddr>,
    /// The file that unseals keys at rest; made 0600 at the first start when it is absent.
    pub seal_key_file: PathBuf,
    /// Addresses that may speak PROXY protocol to us.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Bounds on what strangers may take.
    pub limits: Limits,
    /// How long a recording is kept after its session ended; for ever without.
    pub keep_recordings: Option<SignedDuration>,
    /// The file of databases that the configuration declares: documents of `kind: db`.
    pub databases_file: Option<PathBuf>,
    /// Log output.
    pub log: Log,
}

/// Bounds on connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that have not said who they are, altogether.
    pub unauthenticated: usize,
    /// The same, from one address.
    pub unauthenticated_per_address: usize,
    /// Sessions that may be open at once.
    pub sessions: usize,
}

/// How the log looks.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The least severe level that is written.
    pub level: Level,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// A log level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the five names of the trade")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One readable line each.
    Text,
    /// One JSON object each.
    Json,
}

/// A host name or address with its port, as people type it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostPort {
    /// The name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What flags and the environment say; each wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data-dir`, `COUNTERSIGN_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--public-addr`.
    pub public_addr: Option<HostPort>,
    /// `--mysql-listen`.
    pub mysql: Option<Switchable>,
    /// `--diag-listen`.
    pub diag: Option<Switchable>,
    /// `--log-level`.
    pub level: Option<Level>,
    /// `--log-format`.
    pub format: Option<LogFormat>,
}

/// An address, or `off`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Switchable {
    /// Not at all.
    Off,
    /// There.
    At(SocketAddr),
}

impl Switchable {
    /// The address, where there is one.
    #[must_use]
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl Config {
    /// Reads `text` (a whole file, or nothing) under `overrides`.
    ///
    /// # Errors
    /// Every problem of the file, in the order of its keys.
    pub fn read(
        text: &str,
        overrides: &Overrides,
        default_data_dir: &Path,
    ) -> Result<Self, Vec<Problem>> {
        let mut file = Reader::parse(text).map_err(|problem| vec![problem])?;
        let mut seal = file.map("seal");
        let mut proxy_protocol = file.map("proxy_protocol");
        let mut limits = file.map("limits");
        let mut recording = file.map("recording");
        let mut log = file.map("log");

        let data_dir = overrides.data_dir.clone().or_else(|| file.value("data_dir"));
        let data_dir = data_dir.unwrap_or_else(|| default_data_dir.to_path_buf());
        let listen =
            overrides.listen.or_else(|| file.value("listen")).unwrap_or(local(DEFAULT_PORT));
        let mysql =
            overrides.mysql.or_else(|| file.value("mysql_listen")).unwrap_or(Switchable::Off);
        let public = overrides.public_addr.clone().or_else(|| file.value("public_addr"));
        let diag = overrides
            .diag
            .or_else(|| file.value("diag_listen"))
            .unwrap_or(Switchable::At(local(DEFAULT_DIAG_PORT)));
        let config = Self {
            cluster: file
                .value::<ClusterText>("cluster")
                .map_or_else(|| "local".to_owned(), |name| name.0),
            seal_key_file: seal.value("key_file").unwrap_or_else(|| data_dir.join("seal.key")),
            data_dir,
            listen,
            public_addr: public.unwrap_or_else(|| HostPort::of(listen)),
            mysql: mysql.address(),
            diag: diag.address(),
            proxy_protocol_from: proxy_protocol.list("trusted").unwrap_or_default(),
            limits: Limits {
                unauthenticated: limits
                    .value::<Count>("unauthenticated")
                    .map_or(4096, |count| count.0),
                unauthenticated_per_address: limits
                    .value::<Count>("unauthenticated_per_address")
                    .map_or(1024, |count| count.0),
                sessions: limits.value::<Count>("sessions").map_or(10_000, |count| count.0),
            },
            databases_file: file.value("databases_file"),
            keep_recordings: recording.value::<Kept>("retention").and_then(|kept| kept.0),
            log: Log {
                level: overrides.level.or_else(|| log.value("level")).unwrap_or(Level::Info),
                format: overrides.format.or_else(|| log.value("format")).unwrap_or(LogFormat::Text),
            },
        };

        let mut problems = file.finish();
        for section in [seal, proxy_protocol, limits, recording, log] {
            problems.extend(section.finish());
        }
        problems.sort_by_key(|problem| problem.line);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

impl Config {
    /// This configuration with the addresses that are really listened on: where it says port 0, the kernel has chosen.
    #[must_use]
    pub fn listening(
        self,
        listen: SocketAddr,
        mysql: Option<SocketAddr>,
        diag: Option<SocketAddr>,
    ) -> Self {
        let port = match self.public_addr.port {
            0 => listen.port(),
            port => port,
        };
        let public_addr = HostPort { port, ..self.public_addr };
        Self { listen, mysql, diag, public_addr, ..self }
    }

    /// What plain MySQL clients type to reach us: the host of [`Self::public_addr`], with the port that listens.
    #[must_use]
    pub fn mysql_addr(&self) -> Option<HostPort> {
        self.mysql.map(|address| HostPort { port: address.port(), ..self.public_addr.clone() })
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl HostPort {
    /// What to type for a listener at `address`: `localhost` for a loopback or unspecified one.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        let host = match address.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            ip => ip.to_string(),
        };
        Self { host, port: address.port() }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be HOST:PORT, such as `gw.example.com:443`";
        let (host, port) = text.rsplit_once(':').ok_or(SHAPE)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let named = !host.is_empty()
            && host.len() <= 253
            && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
        match port.parse() {
            Ok(port) if named => Ok(Self { host: host.to_ascii_lowercase(), port }),
            Ok(_) | Err(_) => Err(SHAPE),
        }
    }
}

impl FromStr for Switchable {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" | "false" => Ok(Self::Off),
            _ => text.parse().map(Self::At).map_err(|_| "must be ADDRESS:PORT or `off`"),
        }
    }
}

impl FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            _ => Err("must be one of error, warn, info, debug"),
        }
    }
}

impl Level {
    /// The name `tracing` knows it by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be `text` or `json`"),
        }
    }
}

/// A positive number of things.
struct Count(usize);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(count) if (1..=1_000_000).contains(&count) => Ok(Self(count)),
            Ok(_) | Err(_) => Err("must be a whole number from 1 to 1000000"),
        }
    }
}

/// How long something is kept: a duration, or for ever.
struct Kept(Option<SignedDuration>);

impl FromStr for Kept {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is shorter is a slip of the pen: `90m` for ninety days would remove yesterday's.
        const LEAST: SignedDuration = SignedDuration::from_hours(24);
        match text.parse::<api::span::Span>() {
            _ if text == "forever" => Ok(Self(None)),
            Ok(span) if span.0 >= LEAST => Ok(Self(Some(span.0))),
            Ok(_) | Err(_) => {
                Err("must be `forever`, or a duration of at least a day such as `90d`")
            }
        }
    }
}

/// A cluster's name.
struct ClusterText(String);

impl FromStr for ClusterText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shaped = text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c));
        if shaped {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be up to 63 of a-z, 0-9, `.` and `-`, beginning with a letter or digit")
        }
    }
}
