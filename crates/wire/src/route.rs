//! The routing line: what a client that knows us says before the first byte of its protocol.
//!
//! ```text
//! countersign/1 ssh db-box\n
//! countersign/1 postgres orders\n
//! countersign/1 mysql shop\n
//! countersign/1 app grafana\n
//! ```
//!
//! It chooses a target by name and nothing else. It is not authenticated and grants nothing: whoever
//! forges one reaches the same handshake, for a target name of his choice, as everyone does.

/// How every routing line of this version begins.
pub const PREFIX: &str = "countersign/1 ";

/// The longest routing line, its line feed included, in bytes.
pub const MAX_LINE: usize = 512;

/// Where the client wants to go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    /// An application. Only taken inside TLS.
    App {
        /// The target's name.
        target: String,
    },
    /// An SSH target, by the name the client wrote (not checked here).
    Ssh {
        /// The target's name.
        target: String,
    },
    /// A database that speaks PostgreSQL's protocol. Only taken inside TLS.
    Postgres {
        /// The target's name.
        target: String,
    },
    /// A database that speaks MySQL's protocol. Only taken inside TLS.
    MySql {
        /// The target's name.
        target: String,
    },
}

/// Why a routing line was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// No line feed within [`MAX_LINE`] bytes.
    #[error("the routing line is longer than {MAX_LINE} bytes")]
    TooLong,
    /// Not ours, or a version we do not speak.
    #[error("the routing line does not begin with `countersign/1 `")]
    Version,
    /// A byte that no routing line has; its offset.
    #[error("the routing line has a byte that is not printable ASCII at offset {0}")]
    Byte(usize),
    /// The protocol is not one of ours.
    #[error(
        "the routing line names no protocol of ours: expected `ssh`, `postgres`, `mysql` or `app`"
    )]
    Protocol,
    /// Not exactly one target.
    #[error("the routing line must name one target: `countersign/1 PROTOCOL NAME`")]
    Target,
}

/// Reads the routing line at the beginning of `bytes`. `None` means that its end has not been seen yet;
/// otherwise the route and the number of bytes it took.
///
/// # Errors
/// See [`RouteError`]; nothing more need be read after one.
pub fn parse(bytes: &[u8]) -> Result<Option<(Route, usize)>, RouteError> {
    let window = bytes.get(..MAX_LINE).unwrap_or(bytes);
    let Some(end) = window.iter().position(|b| *b == b'\n') else {
        return if bytes.len() >= MAX_LINE { Err(RouteError::TooLong) } else { Ok(None) };
    };
    let line = window.get(..end).unwrap_or_default();
    if let Some(offset) = line.iter().position(|b| !matches!(b, b' '..=b'~')) {
        return Err(RouteError::Byte(offset));
    }
    let text = core::str::from_utf8(line).map_err(|e| RouteError::Byte(e.valid_up_to()))?;
    let rest = text.strip_prefix(PREFIX).ok_or(RouteError::Version)?;
    let (protocol, target) = rest.split_once(' ').ok_or(RouteError::Target)?;
    let route = match protocol {
        "app" => Route::App { target: target.to_owned() },
        "ssh" => Route::Ssh { target: target.to_owned() },
        "postgres" => Route::Postgres { target: target.to_owned() },
        "mysql" => Route::MySql { target: target.to_owned() },
        _ => return Err(RouteError::Protocol),
    };
    if target.is_empty() || target.contains(' ') {
        return Err(RouteError::Target);
    }
    Ok(Some((route, end.saturating_add(1))))
}

/// Writes the routing line for an SSH target.
#[must_use]
pub fn ssh_line(target: &str) -> String {
    format!("{PREFIX}ssh {target}\n")
}

/// Writes the routing line for a database that speaks PostgreSQL's protocol.
#[must_use]
pub fn postgres_line(target: &str) -> String {
    format!("{PREFIX}postgres {target}\n")
}

/// Writes the routing line for an application.
#[must_use]
pub fn app_line(target: &str) -> String {
    format!("{PREFIX}app {target}\n")
}

/// Writes the routing line for a database that speaks MySQL's protocol.
#[must_use]
pub fn mysql_line(target: &str) -> String {
    format!("{PREFIX}mysql {target}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_whatever_follows() {
        let mut bytes = ssh_line("db-box").into_bytes();
        let len = bytes.len();
        bytes.extend_from_slice(b"SSH-2.0-x\r\n");
        assert_eq!(parse(&bytes), Ok(Some((Route::Ssh { target: "db-box".into() }, len))));
        for end in 0..len {
            assert_eq!(parse(&bytes[..end]), Ok(None));
        }
    }

    #[test]
    fn each_protocol_has_its_line() {
        for (line, route) in [
            (ssh_line("a"), Route::Ssh { target: "a".into() }),
            (postgres_line("a"), Route::Postgres { target: "a".into() }),
            (mysql_line("a"), Route::MySql { target: "a".into() }),
            (app_line("a"), Route::App { target: "a".into() }),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(Some((route, line.len()))));
        }
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        assert_eq!(parse(b"countersign/2 ssh a\n"), Err(RouteError::Version));
        assert_eq!(parse(b"countersign/1 telnet a\n"), Err(RouteError::Protocol));
        assert_eq!(parse(b"countersign/1 ssh\n"), Err(RouteError::Target));
        assert_eq!(parse(b"countersign/1 ssh a b\n"), Err(RouteError::Target));
        assert_eq!(parse(b"countersign/1 ssh a\x1b[31m\n"), Err(RouteError::Byte(19)));
        assert_eq!(parse(&[b'a'; MAX_LINE]), Err(RouteError::TooLong));
    }
}
