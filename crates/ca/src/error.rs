//! What can be wrong with a certificate shown to us, and with a wish for a new one.

/// Why a certificate is not believed.
///
/// For logs and the audit; whoever shows the certificate is told only that it is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertError {
    /// It carries a critical option (SSH) or extension (X.509) that we do not know, and so must
    /// not ignore (PROTOCOL.certkeys; RFC 5280 section 4.2).
    #[error("the certificate has the critical option `{0}`, which is not known here")]
    CriticalOption(String),
    /// Its end has come.
    #[error("the certificate expired at {0}")]
    Expired(jiff::Timestamp),
    /// It is a certificate of another kind: a host's for a user's, a server's for a client's.
    #[error("the certificate is not of the kind `{expected}`")]
    Kind {
        /// The kind that was needed.
        expected: &'static str,
    },
    /// It is not the encoding of a certificate.
    #[error("the certificate cannot be read: {0}")]
    Malformed(String),
    /// Its beginning lies further ahead than [`crate::CLOCK_SKEW`].
    #[error("the certificate is not valid before {0}")]
    NotYetValid(jiff::Timestamp),
    /// It is for another name.
    #[error("the certificate is not for `{wanted}`")]
    Principal {
        /// The name that was needed.
        wanted: String,
    },
    /// The signature does not belong to what it signs.
    #[error("the signature of the certificate is wrong")]
    Signature,
    /// The one who signed is not trusted here for this purpose.
    #[error("the certificate is signed by an authority that is not trusted here")]
    UnknownAuthority,
}

/// Why a certificate was not made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignError {
    /// The plan's end is not after `now`.
    #[error("a certificate that ends at {0} would already be over")]
    AlreadyOver(jiff::Timestamp),
    /// The cryptographic library refused.
    #[error("the certificate could not be made: {0}")]
    Crypto(String),
    /// The public key is of a kind, or a strength, that is not accepted.
    #[error("the public key is not accepted: {0}")]
    Key(String),
    /// A name that must not stand in a certificate.
    #[error(
        "`{0}` cannot stand in a certificate: a host name or address without wildcards is needed"
    )]
    Name(String),
    /// A certificate for no name at all would be good for every name.
    #[error("a certificate needs at least one name")]
    NoName,
}
