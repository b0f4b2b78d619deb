//! The certificate a server shows, of an authority made for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ca::Authorities;
use jiff::Timestamp;

/// A server's certificate, its key, and the authority to trust for it; all in PEM.
pub(super) struct Certificate {
    pub(super) chain: String,
    pub(super) key: String,
    pub(super) ca: String,
}

impl Certificate {
    /// For `127.0.0.1` and `localhost`.
    pub(super) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "real servers check it by the real clock")]
        let now = Timestamp::now();
        let authorities = Authorities::generate("database servers", now).unwrap();
        let made = authorities.server_tls(&["127.0.0.1", "localhost"], now).unwrap();
        Self {
            chain: made.chain.iter().map(|der| pem("CERTIFICATE", der)).collect(),
            key: pem("PRIVATE KEY", made.key.secret_der()),
            ca: authorities.tls_roots_pem(),
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<_> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
