//! Client certificates towards databases: one per connection, for one database user, for minutes.

use access::name::{SessionId, UserName};
use jiff::Timestamp;
use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::oid_registry::OID_X509_ORGANIZATION_NAME;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{ServerTls, crypto, params};
use crate::{Authorities, SignError, UPSTREAM_LIFE};

/// A connection to a database, as the permit allows it.
#[derive(Clone, Debug)]
pub struct DatabasePlan {
    /// The user in the database: the certificate's common name, as `cert` in `pg_hba.conf` and
    /// `REQUIRE SUBJECT` of MySQL expect it.
    pub database_user: Box<str>,
    /// What the subject says besides that name.
    pub subject: Subject,
    /// Who connects; for the database's own log.
    pub user: UserName,
    /// The session this is; for the database's own log.
    pub session: SessionId,
    /// When the permit ends; the certificate ends then or after [`UPSTREAM_LIFE`].
    pub until: Option<Timestamp>,
}

/// What the subject of a database's client certificate is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    /// The database user alone: `REQUIRE SUBJECT '/CN=app'` of MySQL and MariaDB compares all of it.
    Name,
    /// The database user, and an organizational unit that says who connects in which session: PostgreSQL compares the
    /// common name and logs the rest.
    Traced,
}

impl Authorities {
    /// Makes a key and a client certificate for one connection to a database.
    pub fn sign_database(
        &self,
        plan: &DatabasePlan,
        now: Timestamp,
    ) -> Result<ServerTls, SignError> {
        let most = now.checked_add(UPSTREAM_LIFE).unwrap_or(Timestamp::MAX);
        let mut params = params(now, plan.until.map_or(most, |until| until.min(most)))?;
        params.distinguished_name.push(DnType::CommonName, &*plan.database_user);
        if plan.subject == Subject::Traced {
            let trace = format!("{} {}", plan.user, plan.session);
            params.distinguished_name.push(DnType::OrganizationalUnitName, trace);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(crypto)?;
        let ring = self.ring();
        let authority = &ring.database.active;
        let leaf = params.signed_by(&pair, authority.issuer()).map_err(crypto)?;
        Ok(ServerTls {
            chain: vec![leaf.der().clone(), authority.certificate().clone()],
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der())),
        })
    }

    /// The name of the authority that signs client certificates now, as `REQUIRE ISSUER` of MySQL and MariaDB compares
    /// it: `/O=demo/CN=countersign database authority 1a2b3c4d`.
    pub fn database_issuer(&self) -> String {
        let ring = self.ring();
        let Ok((_, parsed)) = X509Certificate::from_der(ring.database.active.certificate()) else {
            // We made it.
            return String::new();
        };
        let words = parsed.subject().iter_attributes().map(|word| {
            let kind = if *word.attr_type() == OID_X509_ORGANIZATION_NAME { "O" } else { "CN" };
            format!("/{kind}={}", word.as_str().unwrap_or_default())
        });
        words.collect()
    }

    /// What a database must trust for client certificates, in PEM.
    pub fn database_roots_pem(&self) -> String {
        self.ring().database.trusted().map(super::X509Authority::pem).collect()
    }
}
