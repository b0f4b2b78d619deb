//! `tsh kube credentials`: the exec plugin of kubectl (`client.authentication.k8s.io`).

use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::profile::{Profile, TLS_CERTIFICATE, TLS_KEY};

/// The version that is answered in when nobody says which.
const VERSION: &str = "client.authentication.k8s.io/v1";
/// The versions that are known.
const VERSIONS: [&str; 2] = [VERSION, "client.authentication.k8s.io/v1beta1"];

/// Give kubectl the certificate of this login: what `tsh kube login` writes into the kubeconfig
///
/// It answers in the version that kubectl names in KUBERNETES_EXEC_INFO.
///
///     tsh kube credentials
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CredentialsArgs {}

/// Prints the credential.
///
/// # Errors
/// Not logged in.
pub fn run(cx: &mut Context, _: CredentialsArgs) -> Result<Exit, Error> {
    let profile = Profile::logged_in(&cx.home, cx.now())?;
    let missing = || Error::not_logged_in("the certificate of this login is missing");
    let certificate = cx.home.read(TLS_CERTIFICATE)?.ok_or_else(missing)?;
    let key = cx.home.read_secret(TLS_KEY)?.ok_or_else(missing)?;
    let asked = cx.env("KUBERNETES_EXEC_INFO");
    let version = asked.and_then(|text| version(&text)).unwrap_or(VERSION);
    let expires = profile.expires.map(|expires| expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let credential = json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {
            "expirationTimestamp": expires,
            "clientCertificateData": certificate,
            "clientKeyData": key,
        },
    });
    writeln!(cx.out.raw(), "{credential}")?;
    Ok(Exit::Done)
}

/// The version that kubectl wants.
fn version(info: &str) -> Option<&'static str> {
    let info: Value = serde_json::from_str(info).ok()?;
    let wanted = info.get("apiVersion")?.as_str()?;
    VERSIONS.into_iter().find(|version| *version == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_is_answered_in_its_own_version() {
        let info =
            |version: &str| json!({"apiVersion": version, "kind": "ExecCredential"}).to_string();
        assert_eq!(version(&info(VERSIONS[1])), Some(VERSIONS[1]));
        assert_eq!(version(&info(VERSION)), Some(VERSION));
        assert_eq!(version(&info("client.authentication.k8s.io/v9")), None);
        assert_eq!(version("{"), None);
    }
}
