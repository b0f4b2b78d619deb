//! `spec.options`.

use super::shape::{Flag, Timeout, Unsupported, Word};
use crate::size::Size;
use crate::span::Span;
use access::role::options::{
    CreateDbUser, CreateHostUser, DeviceTrust, LockingMode, RecordMode, RecordValues,
    RequestAccess, RequireMfa, RoleOptions,
};
use access::statement::StatementClass;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! options {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $schema:ty,)+ ; unsupported: $($known:ident)+) => {
        /// Options of the sessions of a role's holders. What is not written, other roles decide.
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct OptionsDocument {
            $($(#[$doc])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(value_type = Option<$schema>)]
            pub $field: Option<$type>,)+
            $(/// Known, and not supported here.
            #[serde(default, skip_serializing)]
            #[schema(ignore)]
            pub $known: Unsupported,)+
        }
    };
}

options! {
    /// `standard`, the only format of certificates there is.
    cert_format: Word<CertFormat> = String,
    /// End a session that is idle for so long; `never`.
    client_idle_timeout: Timeout = String,
    /// How database users are made on demand: `off`, `keep`, `best_effort_drop`.
    create_db_user_mode: Word<CreateDbUser> = String,
    /// How accounts on hosts are made on demand: `off`, `keep`, `insecure-drop`.
    create_host_user_mode: Word<CreateHostUser> = String,
    /// Classes of SQL statements that are refused: `ddl`, `grant`, `write`, …
    db_deny_statements: Vec<Word<StatementClass>> = Vec<String>,
    /// Whether database sessions may read only.
    db_read_only: Flag = bool,
    /// Whether a desktop shares its clipboard.
    desktop_clipboard: Flag = bool,
    /// Whether a desktop shares directories.
    desktop_directory_sharing: Flag = bool,
    /// Whether a trusted device is needed: `off`, `optional`, `required`.
    device_trust_mode: Word<DeviceTrust> = String,
    /// Whether a session ends with the certificate.
    disconnect_expired_cert: Flag = bool,
    /// Whether the user's SSH agent may be forwarded.
    forward_agent: Flag = bool,
    /// What happens when locks cannot be read: `strict`, `best_effort`.
    lock: Word<LockingMode> = String,
    /// The most connections at once; 0 is any number.
    max_connections: u32 = u32,
    /// How long a certificate lives, such as `8h`.
    max_session_ttl: Span = Span,
    /// The most sessions of one connection; 0 is any number.
    max_sessions: u32 = u32,
    /// Whether X11 may be forwarded.
    permit_x11_forwarding: Flag = bool,
    /// Whether a certificate is good from one address alone.
    pin_source_ip: Flag = bool,
    /// Whether ports may be forwarded; `ssh_port_forwarding` says it more exactly.
    port_forwarding: Flag = bool,
    /// What is recorded.
    record_session: RecordDocument = RecordDocument,
    /// Whether holders are led to a request: `optional`, `always`, `reason`.
    request_access: Word<RequestAccess> = String,
    /// What they are asked for.
    request_prompt: String = String,
    /// Whether a session needs a second factor: a switch, or the sort of key.
    require_session_mfa: Word<RequireMfa> = String,
    /// Whether files may be copied.
    ssh_file_copy: Flag = bool,
    /// Which ports may be forwarded.
    ssh_port_forwarding: ForwardingDocument = ForwardingDocument,
    ; unsupported: cert_extensions create_db_user create_desktop_user create_host_user create_host_user_default_shell
        enhanced_recording idp max_kubernetes_connections mfa_verification_interval
}

/// The format of certificates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CertFormat;

impl core::str::FromStr for CertFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text == "standard" {
            Ok(Self)
        } else {
            Err("not supported here; write `standard`, or remove it")
        }
    }
}

impl core::fmt::Display for CertFormat {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("standard")
    }
}

/// `record_session`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordDocument {
    /// For sessions of which nothing else is said: `strict`, `best_effort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub default: Option<Word<RecordMode>>,
    /// For databases: `strict`, `best_effort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub db: Option<Word<RecordMode>>,
    /// What is kept of the values bound to SQL statements: `full`, `masked`, `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub db_values: Option<Word<RecordValues>>,
    /// Whether desktops are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub desktop: Option<Flag>,
    /// Whether what is typed into terminals is recorded too. It is not, unless a role says so: it holds every
    /// password that is typed, also where the terminal shows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub input: Option<Flag>,
    /// The size at which a recording ends, as it is on disk: `2GiB`; any, unless a role says. A session that must be
    /// recorded ends with it. Over several roles the smallest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// For SSH: `strict`, `best_effort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ssh: Option<Word<RecordMode>>,
}

/// `ssh_port_forwarding`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardingDocument {
    /// `-L` and `-D`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<DirectionDocument>,
    /// `-R`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<DirectionDocument>,
}

/// One direction of forwarding.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectionDocument {
    /// Whether it is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub enabled: Option<Flag>,
}

impl OptionsDocument {
    pub(super) fn options(&self) -> RoleOptions {
        let flag = |flag: &Option<Flag>| flag.map(|Flag(on)| on);
        let direction = |read: fn(&ForwardingDocument) -> &Option<DirectionDocument>| {
            self.ssh_port_forwarding
                .as_ref()
                .and_then(|ports| read(ports).as_ref())
                .and_then(|way| flag(&way.enabled))
        };
        let record = self.record_session.clone().unwrap_or_default();
        RoleOptions {
            client_idle_timeout: self.client_idle_timeout.map(|Timeout(Span(timeout))| timeout),
            create_db_user_mode: self.create_db_user_mode.map(|Word(mode)| mode),
            create_host_user_mode: self.create_host_user_mode.map(|Word(mode)| mode),
            db_deny_statements: self
                .db_deny_statements
                .iter()
                .flatten()
                .map(|Word(class)| *class)
                .collect(),
            db_read_only: flag(&self.db_read_only),
            desktop_clipboard: flag(&self.desktop_clipboard),
            desktop_directory_sharing: flag(&self.desktop_directory_sharing),
            device_trust_mode: self.device_trust_mode.map(|Word(mode)| mode),
            disconnect_expired_cert: flag(&self.disconnect_expired_cert),
            forward_agent: flag(&self.forward_agent),
            lock: self.lock.map(|Word(mode)| mode),
            max_connections: self.max_connections,
            max_session_ttl: self.max_session_ttl.map(|Span(ttl)| ttl),
            max_sessions: self.max_sessions,
            permit_x11_forwarding: flag(&self.permit_x11_forwarding),
            pin_source_ip: flag(&self.pin_source_ip),
            port_forwarding: flag(&self.port_forwarding),
            record_desktop: flag(&record.desktop),
            record_db: record.db.map(|Word(mode)| mode),
            record_db_values: record.db_values.map(|Word(values)| values),
            record_default: record.default.map(|Word(mode)| mode),
            record_input: flag(&record.input),
            record_max_size: record.max_size.map(|Size(bytes)| bytes),
            record_ssh: record.ssh.map(|Word(mode)| mode),
            request_access: self.request_access.map(|Word(mode)| mode),
            request_prompt: self.request_prompt.clone(),
            require_session_mfa: self.require_session_mfa.map(|Word(mode)| mode),
            ssh_file_copy: flag(&self.ssh_file_copy),
            ssh_local_forwarding: direction(|ports| &ports.local),
            ssh_remote_forwarding: direction(|ports| &ports.remote),
        }
    }
}
