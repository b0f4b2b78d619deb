//! What clients are told: errors with SQLSTATE, DETAIL and HINT, and notices.

use wire::postgres::write::{Report, Severity, report};
use wire::postgres::{Malformed, StartupError};

use crate::error::{Error, Side};
use crate::gate::{Cut, Refused};

/// The SQLSTATEs that are used (PostgreSQL documentation, appendix A).
mod code {
    /// invalid_authorization_specification
    pub(super) const NOT_ALLOWED: &str = "28000";
    /// too_many_connections
    pub(super) const TOO_MANY: &str = "53300";
    /// admin_shutdown: drivers know it as "the session was ended from outside".
    pub(super) const CUT: &str = "57P01";
    /// feature_not_supported
    pub(super) const UNSUPPORTED: &str = "0A000";
    /// protocol_violation
    pub(super) const PROTOCOL: &str = "08P01";
    /// connection_failure
    pub(super) const LOST: &str = "08006";
    /// sqlclient_unable_to_establish_sqlconnection
    pub(super) const UNREACHABLE: &str = "08001";
    /// system_error
    pub(super) const HOUSE: &str = "58000";
    /// invalid_catalog_name
    pub(super) const NO_TARGET: &str = "3D000";
    /// insufficient_privilege
    pub(super) const STATEMENT: &str = "42501";
    /// successful_completion
    pub(super) const NOTHING: &str = "00000";
    /// warning
    pub(super) const WARNING: &str = "01000";
}

const CONNECT: &str = "Connect with: tsh db connect NAME";

fn fatal(out: &mut Vec<u8>, code: &str, message: &str, detail: &str, hint: &str) {
    report(out, Report { severity: Severity::Fatal, code, message, detail, hint });
}

/// No, and what to do about it.
pub(super) fn refused(out: &mut Vec<u8>, refused: &Refused) {
    let (mut details, mut hints) = (Vec::new(), Vec::new());
    for line in &refused.lines {
        // Names and reasons are other people's words.
        let line = access::display::shown(line);
        match line.strip_prefix("hint: ") {
            Some(hint) => hints.push(hint.to_owned()),
            None => details.push(line),
        }
    }
    let code =
        if &*refused.code == "too_many_sessions" { code::TOO_MANY } else { code::NOT_ALLOWED };
    fatal(out, code, "Access denied", &details.join("\n"), &hints.join("\n"));
}

/// The way to the database failed.
pub(super) fn failed(out: &mut Vec<u8>, error: &Error) {
    if let Error::Database { fault, .. } = error
        && let Some(server) = fault.server().filter(|server| !server.is_about_the_login())
    {
        let detail = server.detail.as_deref().unwrap_or_default();
        let hint = server.hint.as_deref().unwrap_or_default();
        return fatal(out, &server.sqlstate, &server.message, detail, hint);
    }
    let code = match error.side() {
        Side::Client => code::NOT_ALLOWED,
        Side::House => code::HOUSE,
        Side::Target => code::UNREACHABLE,
    };
    fatal(out, code, error.public(), "", "");
}

/// The session is ended by us.
pub(super) fn cut(out: &mut Vec<u8>, cut: &Cut) {
    fatal(
        out,
        code::CUT,
        &cut.line,
        "The gateway ended this session; an open transaction is rolled back.",
        &cut.hint,
    );
}

/// The database closed the connection in the middle of a session.
pub(super) fn lost(out: &mut Vec<u8>) {
    fatal(out, code::LOST, "The database closed the connection.", "", "Connect again.");
}

/// The client, or the database, broke the protocol.
pub(super) fn malformed(out: &mut Vec<u8>, error: Malformed) {
    fatal(out, code::PROTOCOL, &error.to_string(), "", "");
}

/// The client's first packet is none.
pub(super) fn malformed_startup(out: &mut Vec<u8>, error: StartupError) {
    let code = match error {
        StartupError::Version { .. } => code::UNSUPPORTED,
        StartupError::Length(_)
        | StartupError::Request
        | StartupError::Secret(_)
        | StartupError::End
        | StartupError::Text(_)
        | StartupError::Many
        | StartupError::NoUser => code::PROTOCOL,
    };
    fatal(out, code, &error.to_string(), "", "");
}

/// A session was asked for without TLS.
pub(super) fn clear_text(out: &mut Vec<u8>) {
    let detail = "This gateway knows its users by client certificates, which need TLS.";
    fatal(
        out,
        code::NOT_ALLOWED,
        "TLS is required",
        detail,
        &format!("Use sslmode=verify-full. {CONNECT}"),
    );
}

/// No certificate of ours was shown.
pub(super) fn no_certificate(out: &mut Vec<u8>) {
    let detail =
        "No client certificate was shown, or it has expired, or it is not from this gateway.";
    fatal(
        out,
        code::NOT_ALLOWED,
        "Access denied",
        detail,
        &format!("Log in with: tsh login\n{CONNECT}"),
    );
}

/// Replication was asked for.
pub(super) fn no_replication(out: &mut Vec<u8>) {
    let detail = "A replication stream cannot be recorded statement by statement.";
    fatal(out, code::UNSUPPORTED, "Replication connections are not supported", detail, "");
}

/// No target was named.
pub(super) fn no_target(out: &mut Vec<u8>, database: &str) {
    let database = access::display::shown_short(database, 128);
    let hint = format!("Use dbname=NAME/{database}, or the host name NAME.<gateway>. {CONNECT}");
    let detail = "A gateway serves many databases: the connection has to say which.";
    fatal(out, code::NO_TARGET, "No target is named", detail, &hint);
}

/// Words for someone who waits: a notice for each line.
pub(super) fn notices(out: &mut Vec<u8>, words: &str) {
    for message in words.lines() {
        let message = &access::display::shown(message);
        report(
            out,
            Report {
                severity: Severity::Notice,
                code: code::NOTHING,
                message,
                detail: "",
                hint: "",
            },
        );
    }
}

/// A warning in a session.
pub(super) fn warning(out: &mut Vec<u8>, message: &str) {
    report(
        out,
        Report { severity: Severity::Warning, code: code::WARNING, message, detail: "", hint: "" },
    );
}

/// A statement was refused; the session goes on.
pub(super) fn refused_statement(out: &mut Vec<u8>, message: &str, detail: &str, hint: &str) {
    report(out, Report { severity: Severity::Error, code: code::STATEMENT, message, detail, hint });
}
