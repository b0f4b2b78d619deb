//! What a client is told when it is not let through: ERR packets that stock clients show.

use bytes::BytesMut;
use wire::mysql::put_error;

use crate::database::Fault;
use crate::database::statements::Refusal;
use crate::error::Error;
use crate::gate::{Cut, Refused};

/// Clients keep 512 bytes of an error's words (`MYSQL_ERRMSG_SIZE`), the zero at the end included.
const MAX_WORDS: usize = 511;

/// The payload of an ERR packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Words(pub(super) BytesMut);

fn words(code: u16, state: &[u8; 5], text: &str) -> Words {
    let text = text.trim_end();
    let end = (0..=MAX_WORDS.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let mut out = BytesMut::new();
    put_error(&mut out, code, state, text.get(..end.unwrap_or(0)).unwrap_or_default());
    Words(out)
}

/// He may not come in: `ER_ACCESS_DENIED_ERROR`.
pub(super) fn refused(refused: &Refused) -> Words {
    words(1045, b"28000", &refused.text())
}

/// Nobody knows who he is: `ER_ACCESS_DENIED_ERROR`.
pub(super) fn nobody() -> Words {
    words(
        1045,
        b"28000",
        "Access denied\nNo client certificate that is good here was shown.\nhint: tsh login, then: tsh db connect NAME",
    )
}

/// He speaks without TLS where it is demanded: `ER_SECURE_TRANSPORT_REQUIRED`.
pub(super) fn in_the_clear() -> Words {
    words(
        3159,
        b"HY000",
        "This port speaks TLS with client certificates only.\nhint: tsh db connect NAME, or the client's --ssl-mode=REQUIRED, --ssl-cert and --ssl-key",
    )
}

/// He named no target: `ER_ACCESS_DENIED_ERROR`.
pub(super) fn no_target() -> Words {
    words(
        1045,
        b"28000",
        "Access denied\nName the database server in the user name: DBUSER@TARGET.\nhint: tsh db ls",
    )
}

/// The way to the database failed. What the server itself says is passed on, unless it is about our log-in.
pub(super) fn failed(error: &Error) -> Words {
    if let Error::Database { fault, .. } = error
        && let Fault::Server(said) = &**fault
        && !said.is_about_the_login()
        && let Ok(state) = said.sqlstate.as_bytes().try_into()
    {
        return words(said.number, state, &said.message);
    }
    // ER_ACCESS_DENIED_ERROR would make clients ask for a password: CR_SERVER_LOST's state says whose fault it is.
    words(1105, b"08004", error.public())
}

/// The session ends: `ER_SERVER_SHUTDOWN`.
pub(super) fn cut(cut: &Cut) -> Words {
    if cut.hint.is_empty() {
        return words(1053, b"08S01", &cut.line);
    }
    words(1053, b"08S01", &format!("{}\nhint: {}", cut.line, cut.hint))
}

/// The database has left in the middle of an answer: `ER_NET_READ_ERROR`.
pub(super) fn vanished() -> Words {
    words(1158, b"08S01", "The database closed the connection.")
}

/// The database says what cannot be understood: `ER_NET_PACKETS_OUT_OF_ORDER`.
pub(super) fn garbled() -> Words {
    words(1156, b"08S01", "The database sent what is no MySQL. The session ends.")
}

/// The client says what cannot be understood: `ER_MALFORMED_PACKET`.
pub(super) fn malformed() -> Words {
    words(1835, b"HY000", "Malformed communication packet.")
}

/// The account of a connection stays what it was: `ER_NOT_SUPPORTED_YET`.
pub(super) fn change_user() -> Words {
    words(
        1235,
        b"42000",
        "The database user of a connection cannot be changed here: connect again as the other one.",
    )
}

/// Another database is not chosen by a prepared statement: `ER_UNSUPPORTED_PS`.
pub(super) fn unprepared() -> Words {
    words(1295, b"HY000", "USE cannot be prepared here: say it as a statement of its own.")
}

/// Nobody replicates through here: `ER_SPECIFIC_ACCESS_DENIED_ERROR`.
pub(super) fn replication(command: &str) -> Words {
    words(
        1227,
        b"42000",
        &format!(
            "Replication is not passed on ({command}): connect replicas to the database itself."
        ),
    )
}

/// No such command: `ER_UNKNOWN_COM_ERROR`.
pub(super) fn unknown(code: u8) -> Words {
    words(1047, b"08S01", &format!("Unknown command {code:#04x}."))
}

/// Another database, which he may not use: `ER_DBACCESS_DENIED_ERROR`.
pub(super) fn database(refused: &Refused) -> Words {
    words(1044, b"42000", &refused.text())
}

/// A statement that no role of his allows: `ER_TABLEACCESS_DENIED_ERROR`.
pub(super) fn statement(refusal: &Refusal) -> Words {
    let Refusal { message, detail, hint, .. } = refusal;
    words(1142, b"42000", &format!("{message}\n{detail}\nhint: {hint}"))
}

/// More is prepared than is kept: `ER_MAX_PREPARED_STMT_COUNT_REACHED`.
pub(super) fn too_many_prepared() -> Words {
    words(1461, b"42000", "This connection has too many prepared statements: close some.")
}

/// What was not prepared here does not run: `ER_UNKNOWN_STMT_HANDLER`.
pub(super) fn not_prepared(id: u32) -> Words {
    words(1243, b"HY000", &format!("Unknown prepared statement handler ({id}) given to EXECUTE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_letters() {
        let Words(payload) = words(1142, b"42000", &"é".repeat(400));
        // ERR, two bytes of code, `#` and the state, then 255 letters of two bytes.
        assert_eq!(payload.len(), 9 + 510);
        assert!(std::str::from_utf8(&payload[9..]).is_ok());
    }
}
