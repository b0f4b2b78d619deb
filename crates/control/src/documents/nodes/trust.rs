//! What a node and the house need to trust each other.

use crate::documents::{allowed, fetch, load};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body},
};
use access::name::TargetName;
use api::audit::{NewEvent, code};
use api::document::Kind;
use api::endpoints::{Verb, documents as table};
use api::node::{HostCertificate, HostKey, NodeDocument, NodeTrust};
use api::problem::Problem;
use axum::{
    Json,
    extract::{Path, State},
};
use jiff::{SignedDuration, Timestamp};
use store::kv::Commit;

/// How long a host certificate lasts. Hosts are few and renewed by hand, so long; rotating the host
/// authority ends them all.
const HOST_CERTIFICATE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// The most further names in a host certificate.
const MAX_NAMES: usize = 32;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.on(&table::NODE_TRUST, trust).on(&table::NODE_HOST_CERTIFICATE, host_certificate)
}

/// What a host needs to trust us. Also for a node that is still to be written, so that a host can be
/// prepared first.
async fn trust(State(control): State<Control>, Path(name): Path<String>) -> Answer<NodeTrust> {
    name.parse::<TargetName>().map_err(|error| Failure::field("name", error))?;
    let authorities = control.authorities();
    let keys = authorities.trusted_user_ca_keys().map_err(Failure::internal)?;
    let known = authorities.known_hosts("*").map_err(Failure::internal)?;
    Ok(Json(NodeTrust {
        trusted_user_ca_keys: lines(&keys),
        sshd_config: vec![
            "TrustedUserCAKeys /etc/ssh/countersign_user_ca.pub".to_owned(),
            "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub".to_owned(),
        ],
        known_hosts: lines(&known),
    }))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

async fn host_certificate(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Body(asked): Body<HostKey>,
) -> Answer<HostCertificate> {
    let node: NodeDocument = load(&control, &name).await?;
    // A rule with a condition reaches only the nodes it holds for.
    allowed(&control, &caller, &node, Verb::Update)?;
    let key = ca::parse_user_key(&asked.public_key)
        .map_err(|error| Failure::field("public_key", error))?;
    if asked.names.len() > MAX_NAMES {
        return Err(Failure::field("names", format!("more than {MAX_NAMES} names")));
    }
    let mut names = vec![name.clone()];
    let host = node.spec.addr.rsplit_once(':').map_or(node.spec.addr.as_str(), |(host, _)| host);
    names.push(host.trim_matches(['[', ']']).to_owned());
    for (number, extra) in asked.names.iter().enumerate() {
        extra
            .parse::<TargetName>()
            .map_err(|error| Failure::field(&format!("names[{number}]"), error))?;
        // A certificate for another node's name would let this host stand in for it.
        if *extra != name
            && fetch(&control, &store::documents::key(Kind::Node, extra)).await?.is_some()
        {
            return Err(Failure::field(
                &format!("names[{number}]"),
                "this is the name of another node",
            ));
        }
        names.push(extra.clone());
    }
    names.dedup();
    let now = control.now();
    let expires = until(now)?;
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let certificate = control
        .authorities()
        .sign_host(&borrowed, &key, expires, now)
        .map_err(Failure::internal)?;
    let certificate = ca::Authorities::certificate_line(&certificate).map_err(Failure::internal)?;
    let event = caller
        .sign(NewEvent::new(code::CERT_ISSUED, now))
        .target(format!("node/{name}"))
        .with("kind", "host")
        .with("names", names)
        .with("expires", expires.to_string());
    control.commit(Commit::new().event(event)).await?;
    Ok(Json(HostCertificate { certificate, expires }))
}

fn until(now: Timestamp) -> Result<Timestamp, Failure> {
    now.checked_add(HOST_CERTIFICATE_LIFE).map_err(|_| Problem::internal().into())
}
