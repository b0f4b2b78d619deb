//! The codes of audit events: stable, `subject.past`, one constant each.

/// An access request was filed.
pub const REQUEST_CREATED: &str = "request.created";
/// Someone approved or denied a request, under its thresholds.
pub const REQUEST_REVIEWED: &str = "request.reviewed";
/// An administrator decided a request over its thresholds.
pub const REQUEST_OVERRIDDEN: &str = "request.overridden";
/// Its requester withdrew a pending request.
pub const REQUEST_CANCELLED: &str = "request.cancelled";
/// Its requester gave an approved request back.
pub const REQUEST_RELEASED: &str = "request.released";
/// A reviewer or an administrator ended an approved request.
pub const REQUEST_REVOKED: &str = "request.revoked";
/// A request's time ran out. Written when it is noticed; the end itself is a comparison with the clock.
pub const REQUEST_EXPIRED: &str = "request.expired";
/// A request was promoted to standing access.
pub const REQUEST_PROMOTED: &str = "request.promoted";
/// A command on a request was refused.
pub const REQUEST_REFUSED: &str = "request.refused";
/// A session on a target was opened, before its first byte flowed.
pub const SESSION_STARTED: &str = "session.started";
/// A session on a target ended.
pub const SESSION_ENDED: &str = "session.ended";
/// Someone was not let through to a target.
pub const SESSION_REFUSED: &str = "session.refused";
/// A live session was ended by us: its grant ended, was revoked or locked, or it idled too long.
pub const SESSION_CUT: &str = "session.cut";
/// Someone was told that a session is about to end.
pub const SESSION_WARNED: &str = "session.warned";
/// A command was executed over SSH.
pub const SSH_COMMAND: &str = "ssh.command";
/// An interactive shell was opened over SSH.
pub const SSH_SHELL: &str = "ssh.shell";
/// A port, a socket or an agent was forwarded, or was refused to be.
pub const SSH_FORWARD: &str = "ssh.forward";
/// A file was opened, read, written or removed over SFTP or scp.
pub const SSH_FILE: &str = "ssh.file";
/// An SSH subsystem was started.
pub const SSH_SUBSYSTEM: &str = "ssh.subsystem";
/// A database user was made for a session, or opened again with other roles.
pub const DB_USER_MADE: &str = "db.user.made";
/// A database user that was made for a session was removed, or closed, after the last one.
pub const DB_USER_CLOSED: &str = "db.user.closed";
/// A session's owner had the database stop a statement.
pub const DB_CANCELLED: &str = "db.cancelled";
/// Someone tried to stop a statement of a session that is not his.
pub const DB_CANCEL_REFUSED: &str = "db.cancel.refused";
/// A statement was not passed on to a database: the policy does not allow it.
pub const DB_STATEMENT_REFUSED: &str = "db.statement.refused";
/// A request was passed on to a Kubernetes cluster, and answered.
pub const KUBE_REQUEST: &str = "kube.request";
/// A request was not passed on to a Kubernetes cluster: the policy does not allow it.
pub const KUBE_REQUEST_REFUSED: &str = "kube.request.refused";
/// Someone logged in.
pub const LOGIN_SUCCEEDED: &str = "login.succeeded";
/// A login was refused.
pub const LOGIN_FAILED: &str = "login.failed";
/// Too many failed logins locked a name or an address out for a while.
pub const LOGIN_LOCKED: &str = "login.locked";
/// Someone logged out.
pub const LOGIN_ENDED: &str = "login.ended";
/// An invite link for a user was made.
pub const USER_INVITED: &str = "user.invited";
/// A user was made.
pub const USER_CREATED: &str = "user.created";
/// A user accepted an invite: password and second factor are set.
pub const USER_ENROLLED: &str = "user.enrolled";
/// A user was changed.
pub const USER_UPDATED: &str = "user.updated";
/// A user was removed.
pub const USER_REMOVED: &str = "user.removed";
/// A user's ways to log in were reset.
pub const USER_RESET: &str = "user.reset";
/// A role was made.
pub const ROLE_CREATED: &str = "role.created";
/// A role was changed.
pub const ROLE_UPDATED: &str = "role.updated";
/// A role was removed.
pub const ROLE_REMOVED: &str = "role.removed";
/// A target was made.
pub const NODE_CREATED: &str = "node.created";
/// A target was changed.
pub const NODE_UPDATED: &str = "node.updated";
/// A target was removed.
pub const NODE_REMOVED: &str = "node.removed";
/// A lock was set.
pub const LOCK_CREATED: &str = "lock.created";
/// A lock was changed.
pub const LOCK_UPDATED: &str = "lock.updated";
/// A lock was lifted.
pub const LOCK_REMOVED: &str = "lock.removed";
/// The cluster's settings were written for the first time.
pub const CLUSTER_SETTINGS_CREATED: &str = "cluster_settings.created";
/// The cluster's settings were changed.
pub const CLUSTER_SETTINGS_UPDATED: &str = "cluster_settings.updated";
/// The cluster's settings were removed: the defaults hold.
pub const CLUSTER_SETTINGS_REMOVED: &str = "cluster_settings.removed";
/// A join token was made.
pub const TOKEN_CREATED: &str = "token.created";
/// A join token was used.
pub const TOKEN_USED: &str = "token.used";
/// A join token was removed.
pub const TOKEN_REMOVED: &str = "token.removed";
/// A rule was made.
pub const RULE_CREATED: &str = "rule.created";
/// A rule was changed.
pub const RULE_UPDATED: &str = "rule.updated";
/// A rule was removed.
pub const RULE_REMOVED: &str = "rule.removed";
/// An automatic rule reviewed a request.
pub const RULE_REVIEWED: &str = "rule.reviewed";
/// A certificate was signed.
pub const CERT_ISSUED: &str = "cert.issued";
/// A certificate authority moved to its next generation.
pub const CA_ROTATED: &str = "ca.rotated";
/// Events were exported with their proofs.
pub const AUDIT_EXPORTED: &str = "audit.exported";
/// A recording was closed; the event carries its digest.
pub const RECORDING_SEALED: &str = "recording.sealed";
/// Someone looked at a recording, or exported it.
pub const RECORDING_VIEWED: &str = "recording.viewed";
/// A recording grew older than recordings are kept; written before its files are removed, with their digest.
pub const RECORDING_RETIRED: &str = "recording.retired";
/// A copy of the data left the house.
pub const BACKUP_TAKEN: &str = "backup.taken";
/// The data directory was made from a backup.
pub const CLUSTER_RESTORED: &str = "cluster.restored";
/// The daemon started.
pub const DAEMON_STARTED: &str = "daemon.started";
/// The daemon stopped as it was told to.
pub const DAEMON_STOPPED: &str = "daemon.stopped";

/// Every code there is, by subject.
pub const ALL: &[&str] = &[
    REQUEST_CREATED,
    REQUEST_REVIEWED,
    REQUEST_OVERRIDDEN,
    REQUEST_CANCELLED,
    REQUEST_RELEASED,
    REQUEST_REVOKED,
    REQUEST_EXPIRED,
    REQUEST_PROMOTED,
    REQUEST_REFUSED,
    SESSION_STARTED,
    SESSION_ENDED,
    SESSION_REFUSED,
    SESSION_CUT,
    SESSION_WARNED,
    SSH_COMMAND,
    SSH_SHELL,
    SSH_FORWARD,
    SSH_FILE,
    SSH_SUBSYSTEM,
    DB_USER_MADE,
    DB_USER_CLOSED,
    DB_CANCELLED,
    DB_CANCEL_REFUSED,
    DB_STATEMENT_REFUSED,
    LOGIN_SUCCEEDED,
    LOGIN_FAILED,
    LOGIN_LOCKED,
    LOGIN_ENDED,
    USER_INVITED,
    USER_CREATED,
    USER_ENROLLED,
    USER_UPDATED,
    USER_REMOVED,
    USER_RESET,
    ROLE_CREATED,
    ROLE_UPDATED,
    ROLE_REMOVED,
    NODE_CREATED,
    NODE_UPDATED,
    NODE_REMOVED,
    LOCK_CREATED,
    LOCK_UPDATED,
    LOCK_REMOVED,
    CLUSTER_SETTINGS_CREATED,
    CLUSTER_SETTINGS_UPDATED,
    CLUSTER_SETTINGS_REMOVED,
    TOKEN_CREATED,
    TOKEN_USED,
    TOKEN_REMOVED,
    RULE_CREATED,
    RULE_UPDATED,
    RULE_REMOVED,
    RULE_REVIEWED,
    CERT_ISSUED,
    CA_ROTATED,
    AUDIT_EXPORTED,
    RECORDING_SEALED,
    RECORDING_VIEWED,
    RECORDING_RETIRED,
    BACKUP_TAKEN,
    CLUSTER_RESTORED,
    DAEMON_STARTED,
    DAEMON_STOPPED,
];
