//! What the two sides can do, as bits they exchange.

use core::fmt;

/// A set of capability flags: MySQL's 32, and MariaDB's 32 above them.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Capabilities(u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Capabilities {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            const NAMES: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

flags! {
    /// `CLIENT_MYSQL` (once `LONG_PASSWORD`): a MariaDB server that has more to say leaves it out.
    MYSQL = 0;
    /// Affected rows are the rows found.
    FOUND_ROWS = 1;
    /// Column flags have two bytes.
    LONG_FLAG = 2;
    /// The response names a database.
    CONNECT_WITH_DB = 3;
    /// `database.table.column` is not allowed.
    NO_SCHEMA = 4;
    /// zlib around all packets.
    COMPRESS = 5;
    /// No meaning any more.
    ODBC = 6;
    /// `LOAD DATA LOCAL`: the server may ask for a file.
    LOCAL_FILES = 7;
    /// Spaces before `(`.
    IGNORE_SPACE = 8;
    /// The protocol of 4.1 and later; there is no other here.
    PROTOCOL_41 = 9;
    /// The long idle limit.
    INTERACTIVE = 10;
    /// TLS after the greeting.
    SSL = 11;
    /// No meaning any more.
    IGNORE_SIGPIPE = 12;
    /// Status flags in OK packets.
    TRANSACTIONS = 13;
    /// No meaning any more.
    RESERVED = 14;
    /// 20 bytes of scramble.
    SECURE_CONNECTION = 15;
    /// Several statements in one text.
    MULTI_STATEMENTS = 16;
    /// Several results of one text.
    MULTI_RESULTS = 17;
    /// Several results of one prepared statement.
    PS_MULTI_RESULTS = 18;
    /// Authentication plugins by name.
    PLUGIN_AUTH = 19;
    /// Attributes of the connection in the response.
    CONNECT_ATTRS = 20;
    /// The authentication answer may be longer than 255 bytes.
    PLUGIN_AUTH_LENENC = 21;
    /// Expired passwords are told later.
    EXPIRED_PASSWORDS = 22;
    /// OK packets tell changes of the session's state.
    SESSION_TRACK = 23;
    /// No EOF packets: an OK packet with their first byte ends rows.
    DEPRECATE_EOF = 24;
    /// Result sets may come without metadata.
    OPTIONAL_METADATA = 25;
    /// zstd around all packets.
    ZSTD = 26;
    /// Attributes before the text of a statement.
    QUERY_ATTRIBUTES = 27;
    /// More than one authentication in turn.
    MULTI_FACTOR = 28;
    /// MySQL: reserved to extend this set. MariaDB: progress reports, as they once were.
    EXTENSION = 29;
    /// A client's own.
    VERIFY_SERVER_CERT = 30;
    /// A client's own.
    REMEMBER_OPTIONS = 31;
    /// MariaDB: progress reports, as error packets with the code 65535.
    PROGRESS = 32;
    /// MariaDB: was COM_MULTI.
    COM_MULTI = 33;
    /// MariaDB: COM_STMT_BULK_EXECUTE.
    BULK = 34;
    /// MariaDB: more about a column's type.
    EXTENDED_METADATA = 35;
    /// MariaDB: metadata of a prepared statement may be left out.
    CACHE_METADATA = 36;
    /// MariaDB: a result for each row of a bulk execution.
    BULK_UNIT_RESULTS = 37;
}

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);

    /// What a client may agree with us on whatever server stands behind: MySQL 5.7 and later and MariaDB 10.2 and
    /// later all have it, and what it changes in the conversation is understood here.
    pub const PASSED: Self = Self::MYSQL
        .union(Self::FOUND_ROWS)
        .union(Self::LONG_FLAG)
        .union(Self::CONNECT_WITH_DB)
        .union(Self::NO_SCHEMA)
        .union(Self::ODBC)
        .union(Self::LOCAL_FILES)
        .union(Self::IGNORE_SPACE)
        .union(Self::PROTOCOL_41)
        .union(Self::INTERACTIVE)
        .union(Self::IGNORE_SIGPIPE)
        .union(Self::TRANSACTIONS)
        .union(Self::RESERVED)
        .union(Self::SECURE_CONNECTION)
        .union(Self::MULTI_STATEMENTS)
        .union(Self::MULTI_RESULTS)
        .union(Self::PS_MULTI_RESULTS)
        .union(Self::PLUGIN_AUTH)
        .union(Self::CONNECT_ATTRS)
        .union(Self::PLUGIN_AUTH_LENENC)
        .union(Self::EXPIRED_PASSWORDS)
        .union(Self::SESSION_TRACK)
        .union(Self::DEPRECATE_EOF);

    /// What may be agreed on besides where the server is known to be a MariaDB.
    pub const PASSED_MARIADB: Self =
        Self::PROGRESS.union(Self::BULK).union(Self::EXTENDED_METADATA);

    /// What changes the form or meaning of what follows the handshake: both legs must have agreed alike.
    pub const BINDING: Self = Self::FOUND_ROWS
        .union(Self::NO_SCHEMA)
        .union(Self::COMPRESS)
        .union(Self::LOCAL_FILES)
        .union(Self::IGNORE_SPACE)
        .union(Self::INTERACTIVE)
        .union(Self::MULTI_STATEMENTS)
        .union(Self::MULTI_RESULTS)
        .union(Self::PS_MULTI_RESULTS)
        .union(Self::EXPIRED_PASSWORDS)
        .union(Self::SESSION_TRACK)
        .union(Self::DEPRECATE_EOF)
        .union(Self::OPTIONAL_METADATA)
        .union(Self::ZSTD)
        .union(Self::QUERY_ATTRIBUTES)
        .union(Self::PROGRESS)
        .union(Self::BULK)
        .union(Self::EXTENDED_METADATA)
        .union(Self::CACHE_METADATA)
        .union(Self::BULK_UNIT_RESULTS);

    /// The set whose bits these are, MariaDB's in the upper half.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// MySQL's half.
    #[must_use]
    pub const fn low(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }

    /// MariaDB's half.
    #[must_use]
    pub const fn high(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) fn from_halves(low: u32, high: u32) -> Self {
        Self(u64::from(low) | u64::from(high) << 32)
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(_, flag)| self.contains(*flag));
        f.debug_set().entries(names.map(|(name, _)| format_args!("{name}").to_string())).finish()
    }
}
