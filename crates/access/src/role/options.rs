//! The options of one role, as written. What is `None` was not written; merging decides what that means.

use crate::statement::StatementClasses;
use core::{fmt, str::FromStr};
use jiff::SignedDuration;

/// `spec.options` of one role.
#[expect(missing_docs, reason = "each field is the document's field of the same name")]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoleOptions {
    pub client_idle_timeout: Option<SignedDuration>,
    pub create_db_user_mode: Option<CreateDbUser>,
    pub create_host_user_mode: Option<CreateHostUser>,
    pub db_deny_statements: StatementClasses,
    pub db_read_only: Option<bool>,
    pub desktop_clipboard: Option<bool>,
    pub desktop_directory_sharing: Option<bool>,
    pub device_trust_mode: Option<DeviceTrust>,
    pub disconnect_expired_cert: Option<bool>,
    pub forward_agent: Option<bool>,
    pub lock: Option<LockingMode>,
    pub max_connections: Option<u32>,
    pub max_session_ttl: Option<SignedDuration>,
    pub max_sessions: Option<u32>,
    pub permit_x11_forwarding: Option<bool>,
    pub pin_source_ip: Option<bool>,
    pub port_forwarding: Option<bool>,
    pub record_db: Option<RecordMode>,
    pub record_db_values: Option<RecordValues>,
    pub record_desktop: Option<bool>,
    pub record_default: Option<RecordMode>,
    pub record_input: Option<bool>,
    /// Bytes.
    pub record_max_size: Option<u64>,
    pub record_ssh: Option<RecordMode>,
    pub request_access: Option<RequestAccess>,
    pub request_prompt: Option<String>,
    pub require_session_mfa: Option<RequireMfa>,
    pub ssh_file_copy: Option<bool>,
    pub ssh_local_forwarding: Option<bool>,
    pub ssh_remote_forwarding: Option<bool>,
}

/// A word that is none of those an option takes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{word:?} is not known here; write one of {}", .known.join(", "))]
pub struct UnknownWord {
    /// What was written.
    pub word: String,
    /// What may be written.
    pub known: &'static [&'static str],
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $alias:literal)*,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// The word documents use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word $(| $alias)* => Ok(Self::$variant),)+
                    other => Err(UnknownWord {
                        word: other.chars().take(64).collect(),
                        known: &[$($word,)+],
                    }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

words! {
    /// How database users are made on demand. Later variants win when roles are merged.
    CreateDbUser {
        /// They are not.
        Off = "off",
        /// Made, and kept afterwards.
        Keep = "keep",
        /// Made, and dropped afterwards where that works.
        BestEffortDrop = "best_effort_drop",
    }

    /// How accounts on hosts are made on demand. Earlier variants win when roles are merged.
    CreateHostUser {
        /// They are not.
        Off = "off",
        /// Made, and kept afterwards.
        Keep = "keep",
        /// Made, and removed afterwards.
        InsecureDrop = "insecure-drop" | "insecure_drop" | "drop",
    }

    /// Whether a trusted device is asked for. Later variants win when roles are merged.
    DeviceTrust {
        /// It is not.
        Off = "off",
        /// It is recorded but not demanded.
        Optional = "optional",
        /// No access without.
        Required = "required" | "required-for-humans",
    }

    /// What happens when locks cannot be read afresh. Later variants win when roles are merged.
    LockingMode {
        /// The last known locks hold.
        BestEffort = "best_effort",
        /// Nobody gets in.
        Strict = "strict",
    }

    /// What happens to a session that cannot be recorded. Later variants win when roles are merged.
    RecordMode {
        /// It goes on, and the audit log says that it was not recorded.
        BestEffort = "best_effort",
        /// It does not start, or ends.
        Strict = "strict",
    }

    /// What is kept of the values bound to statements. Later variants win when roles are merged.
    RecordValues {
        /// They are kept, up to a cap.
        Full = "full",
        /// That there was a value is kept, and how long it was.
        Masked = "masked",
        /// Nothing of them.
        Off = "off",
    }

    /// Whether holders are led to an access request at login.
    RequestAccess {
        /// They may ask.
        Optional = "optional",
        /// They are asked to, always.
        Always = "always",
        /// They are asked to, and every request needs a reason.
        Reason = "reason",
    }

    /// Whether a session needs a second factor. Everything but `Off` asks for one.
    RequireMfa {
        /// No.
        Off = "off" | "no" | "false",
        /// Yes.
        Session = "session" | "yes" | "true" | "multi_factor",
        /// A key held in hardware.
        HardwareKey = "hardware_key",
        /// A key held in hardware, touched.
        HardwareKeyTouch = "hardware_key_touch",
        /// A key held in hardware, unlocked by its PIN.
        HardwareKeyPin = "hardware_key_pin",
        /// A key held in hardware, touched and unlocked by its PIN.
        HardwareKeyTouchAndPin = "hardware_key_touch_and_pin",
    }
}

impl RequireMfa {
    /// Whether a session needs a second factor at all.
    #[must_use]
    pub fn is_required(self) -> bool {
        self != Self::Off
    }

    /// Whether nothing but a key held in hardware will do.
    #[must_use]
    pub const fn needs_hardware(self) -> bool {
        match self {
            Self::Off | Self::Session => false,
            Self::HardwareKey
            | Self::HardwareKeyTouch
            | Self::HardwareKeyPin
            | Self::HardwareKeyTouchAndPin => true,
        }
    }
}

impl RoleOptions {
    /// The classes of statements a database session that rests on this role may use.
    #[must_use]
    pub fn db_statements(&self) -> StatementClasses {
        let left = StatementClasses::left_by(self.db_deny_statements);
        if self.db_read_only == Some(true) {
            left.without(StatementClasses::ALL.without(StatementClasses::READ_ONLY))
        } else {
            left
        }
    }
}
