//! Questions to the audit log, and what proves its answers.

use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, List},
};
use access::name::RequestId;
use api::audit::{AuditEvent, AuditOrder, AuditPage, AuditQuery, NewEvent, code};
use api::bundle::{retired_digest, sealed_digest};
use api::endpoints::audit as table;
use api::page::MAX_SEARCH;
use api::problem::Problem;
use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};
use store::audit::{AuditError, Report};
use store::recording::Wrong;

/// The most codes in one question.
const MAX_CODES: usize = 32;
/// Seals of recordings compared at a time.
const SEALS: u32 = 1000;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::QUERY, query)
        .on(&table::CHECKPOINT, checkpoint)
        .on(&table::PROOF, prove)
        .on(&table::CONSISTENCY, consistency)
        .on(&table::VERIFY, verify)
        .on(&table::EXPORT, export)
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::NoSigner => Problem::new(503, "audit.no_signer", error.to_string()).into(),
            AuditError::Beyond { .. } => {
                Problem::new(404, "audit.beyond", error.to_string()).into()
            }
            AuditError::TooMany => Problem::new(422, "audit.too_many", error.to_string()).into(),
            AuditError::Fault(fault) => fault.into(),
            AuditError::Damaged(_) => Self {
                problem: Box::new(
                    Problem::new(500, "audit.damaged", "the audit log is damaged")
                        .hint("tctl audit verify"),
                ),
                cause: Some(Box::new(error)),
            },
            AuditError::Signer(_) => Self::internal(error),
        }
    }
}

async fn query(State(control): State<Control>, list: List) -> Answer<AuditPage> {
    Ok(Json(control.store().audit().query(question(&list)?).await?))
}

fn question(list: &List) -> Result<AuditQuery, Failure> {
    let words = |name: &str| -> Result<Option<String>, Failure> {
        match list.text(name) {
            Some(text) if text.len() > MAX_SEARCH => {
                Err(Failure::field(name, format!("longer than {MAX_SEARCH} bytes")))
            }
            other => Ok(other.map(str::to_owned)),
        }
    };
    let codes: Vec<String> =
        words("code")?.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
    if codes.len() > MAX_CODES {
        return Err(Failure::field("code", format!("more than {MAX_CODES} codes")));
    }
    let order = match list.text("order") {
        None | Some("newest") => AuditOrder::Newest,
        Some("oldest") => AuditOrder::Oldest,
        Some(_) => return Err(Failure::field("order", "expected newest or oldest")),
    };
    Ok(AuditQuery {
        since: list.parsed("since")?,
        until: list.parsed("until")?,
        codes,
        user: words("user")?,
        login: words("login")?,
        session: words("session")?,
        request: words("request")?,
        target: words("target")?,
        text: words("text")?,
        order,
        limit: u32::try_from(list.limit()?).ok(),
        cursor: list.parsed("cursor")?,
    })
}

async fn checkpoint(State(control): State<Control>) -> Answer<Value> {
    let audit = control.store().audit();
    let signed = audit.checkpoint().await?;
    let key = audit.key()?.to_string();
    Ok(Json(json!({ "size": signed.size, "root": signed.root, "note": signed.note, "key": key })))
}

fn number(field: &str, text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::field(field, "expected a number"))
}

async fn prove(
    State(control): State<Control>,
    Path(seq): Path<String>,
    list: List,
) -> Answer<Value> {
    let proof = control.store().audit().prove(number("seq", &seq)?, list.parsed("size")?).await?;
    Ok(Json(serde_json::to_value(proof).map_err(Failure::internal)?))
}

async fn consistency(
    State(control): State<Control>,
    Path(older): Path<String>,
    list: List,
) -> Answer<Value> {
    let proof =
        control.store().audit().consistency(number("size", &older)?, list.parsed("size")?).await?;
    Ok(Json(serde_json::to_value(proof).map_err(Failure::internal)?))
}

async fn verify(State(control): State<Control>) -> Answer<Value> {
    let mut report = control.store().audit().verify(Vec::new()).await?;
    recordings(&control, &mut report).await?;
    Ok(Json(serde_json::to_value(report).map_err(Failure::internal)?))
}

/// Compares every recording that was sealed with the log: its list of files by digest, the files by size. Their bytes
/// are compared one recording at a time, where that is asked for.
async fn recordings(control: &Control, report: &mut Report) -> Result<(), Failure> {
    let bare = restored_bare(control).await?;
    let mut asked = AuditQuery {
        codes: vec![code::RECORDING_SEALED.to_owned()],
        order: AuditOrder::Oldest,
        limit: Some(SEALS),
        ..AuditQuery::default()
    };
    loop {
        let page = control.store().audit().query(asked.clone()).await?;
        for event in &page.events {
            let Some((session, digest)) = sealed_digest(event) else { continue };
            let (_, wrong) = control.shelf().sealed_files(session, digest.to_owned()).await?;
            match wrong {
                None => report.recordings += 1,
                Some(Wrong::Missing(_)) if is_retired(control, session, digest).await? => {
                    report.retired += 1;
                }
                Some(Wrong::Missing(_)) if bare.is_some_and(|restored| event.seq < restored) => {
                    report.absent += 1;
                }
                Some(wrong @ (Wrong::Missing(_) | Wrong::Changed { .. })) => {
                    report.recordings += 1;
                    report.problem(event.seq, wrong.to_string());
                }
            }
        }
        let Some(next) = page.next else { return Ok(()) };
        asked.cursor = Some(next);
    }
}

/// Whether the log says that this recording, with this digest, grew too old.
async fn is_retired(control: &Control, session: &str, digest: &str) -> Result<bool, Failure> {
    let retired = retired(control, session).await?;
    Ok(retired.iter().any(|event| retired_digest(event) == Some((session, digest))))
}

/// The events that retired the recording of a session: none, or one.
pub(crate) async fn retired(control: &Control, session: &str) -> Result<Vec<AuditEvent>, Failure> {
    let asked = AuditQuery {
        codes: vec![code::RECORDING_RETIRED.to_owned()],
        session: Some(session.to_owned()),
        ..AuditQuery::default()
    };
    Ok(control.store().audit().query(asked).await?.events)
}

/// The number of the last restore from a backup without recordings: those sealed before cannot be here.
async fn restored_bare(control: &Control) -> Result<Option<u64>, Failure> {
    let asked = AuditQuery {
        codes: vec![code::CLUSTER_RESTORED.to_owned()],
        limit: Some(SEALS),
        ..AuditQuery::default()
    };
    let restored = control.store().audit().query(asked).await?.events;
    let bare = |event: &&AuditEvent| event.event.body.get("recordings") == Some(&json!(false));
    Ok(restored.iter().find(bare).map(|event| event.seq))
}

/// What leaves the house is itself on the record, before it leaves.
async fn export(State(control): State<Control>, caller: Caller, list: List) -> Answer<Value> {
    let text = list
        .text("request")
        .ok_or_else(|| Failure::field("request", "missing: the id of an access request"))?;
    let id: RequestId = text.parse().map_err(|error| Failure::field("request", error))?;
    let event = caller
        .sign(NewEvent::new(code::AUDIT_EXPORTED, control.now()))
        .with("exported", id.to_string());
    control.store().record(vec![event]).await?;
    let mut bundle = control.store().audit().export(&id.to_string()).await?;
    for recording in &mut bundle.recordings {
        let digest = recording.digest.clone();
        (recording.files, _) = control.shelf().sealed_files(&recording.session, digest).await?;
    }
    Ok(Json(serde_json::to_value(bundle).map_err(Failure::internal)?))
}
