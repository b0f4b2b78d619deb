//! SCRAM-SHA-256 (RFC 5802, RFC 7677), bound to the TLS connection where the server offers it (RFC 5929,
//! section 4.1, `tls-server-end-point`).
//!
//! The exchange is `postgres-protocol`'s, which also limits how much work a server may ask for.

use aws_lc_rs::digest::{self, Algorithm, SHA256, SHA384, SHA512};
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use wire::postgres::auth::{Mechanisms, SCRAM, SCRAM_PLUS};
use x509_parser::oid_registry as oid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::database::{Fault, Leg};

/// Rounds of PBKDF2 that a server may ask for. PostgreSQL's own count is 4096 (`scram_iterations`); this many take some
/// tens of milliseconds of one processor. `postgres-protocol` takes no more either.
const MAX_ITERATIONS: u32 = 100_000;

/// One exchange.
pub(super) struct Scram {
    exchange: ScramSha256,
    stage: Stage,
}

/// How far it is. Each message of the server has its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// Our first message goes out.
    Begun,
    /// Our proof goes out.
    Answered,
    /// The server has proven that it knows the password too.
    Proven,
}

impl Scram {
    /// Chooses a mechanism, and makes the first message.
    pub(super) fn begin(
        leg: &Leg,
        password: &[u8],
        offered: Mechanisms<'_>,
    ) -> Result<(Self, &'static str), Fault> {
        let end_point = match leg {
            Leg::Plain(_) => None,
            Leg::Tls(stream) => {
                let (_, tls) = stream.get_ref();
                tls.peer_certificates().and_then(|chain| chain.first()).and_then(|der| hash(der))
            }
        };
        let (mechanism, binding) = match end_point {
            Some(hash) if offered.contains(SCRAM_PLUS) => {
                (SCRAM_PLUS, ChannelBinding::tls_server_end_point(hash))
            }
            // "We would have bound it": a server that did offer it sees that somebody took the offer away.
            Some(_) => (SCRAM, ChannelBinding::unrequested()),
            None => (SCRAM, ChannelBinding::unsupported()),
        };
        if !offered.contains(mechanism) {
            return Err(Fault::Method("SASL without SCRAM-SHA-256".into()));
        }
        let exchange = ScramSha256::new(password, binding);
        Ok((Self { exchange, stage: Stage::Begun }, mechanism))
    }

    /// The message to be sent.
    pub(super) fn message(&self) -> &[u8] {
        self.exchange.message()
    }

    /// Takes the server's first message. The password is hashed as often as the server wants, on a thread where nobody
    /// else waits for it.
    pub(super) async fn go_on(mut self, data: &[u8]) -> Result<Self, Fault> {
        if self.stage != Stage::Begun {
            return Err(out_of_order());
        }
        if let Some(count) = iterations(data).filter(|count| *count > MAX_ITERATIONS) {
            let why = format!("it asks for {count} iterations, and {MAX_ITERATIONS} are the most");
            return Err(Fault::Unproven(why.into()));
        }
        let data = data.to_vec();
        let hashed = tokio::task::spawn_blocking(move || {
            self.exchange.update(&data).map_err(unproven)?;
            self.stage = Stage::Answered;
            Ok(self)
        });
        // Only a runtime that ends does not run it.
        hashed.await.unwrap_or(Err(Fault::Vanished("the log-in")))
    }

    /// Takes the server's last message: its own proof.
    pub(super) fn finish(&mut self, data: &[u8]) -> Result<(), Fault> {
        if self.stage != Stage::Answered {
            return Err(out_of_order());
        }
        self.exchange.finish(data).map_err(unproven)?;
        self.stage = Stage::Proven;
        Ok(())
    }

    /// Whether the server may say that the log-in is done.
    pub(super) fn is_proven(&self) -> Result<(), Fault> {
        if self.stage == Stage::Proven {
            Ok(())
        } else {
            Err(Fault::Unproven("it ended the exchange before its proof".into()))
        }
    }
}

/// The iteration count of a server's first message (RFC 5802, section 7: `i=`). What has none is refused later.
fn iterations(data: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(data).ok()?;
    text.split(',').find_map(|part| part.strip_prefix("i="))?.parse().ok()
}

fn out_of_order() -> Fault {
    Fault::Malformed("a message of SCRAM is out of its order".into())
}

fn unproven(error: std::io::Error) -> Fault {
    Fault::Unproven(access::display::shown_short(&error.to_string(), 128).into())
}

/// The hash of a certificate that a connection is bound to: by the hash function of its signature, but not below
/// SHA-256. `None` where the signature has no single one: there is nothing to bind to.
fn hash(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let signed = &certificate.signature_algorithm.algorithm;
    let known: [(_, &'static Algorithm); 9] = [
        (oid::OID_PKCS1_MD5WITHRSAENC, &SHA256),
        (oid::OID_PKCS1_SHA1WITHRSA, &SHA256),
        (oid::OID_PKCS1_SHA256WITHRSA, &SHA256),
        (oid::OID_PKCS1_SHA384WITHRSA, &SHA384),
        (oid::OID_PKCS1_SHA512WITHRSA, &SHA512),
        (oid::OID_SIG_ECDSA_WITH_SHA256, &SHA256),
        (oid::OID_SIG_ECDSA_WITH_SHA384, &SHA384),
        (oid::OID_SIG_ECDSA_WITH_SHA512, &SHA512),
        (oid::OID_SHA1_WITH_RSA, &SHA256),
    ];
    let (_, algorithm) = known.into_iter().find(|(one, _)| one == signed)?;
    Some(digest::digest(algorithm, der).as_ref().to_vec())
}
