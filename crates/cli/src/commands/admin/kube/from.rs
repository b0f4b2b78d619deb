//! A cluster as a context of a kubeconfig has it.

use std::path::Path;

use api::kube::{KubeAuth, KubeAuthMethod, KubeClusterSpec, KubeTls};
use base64::Engine as _;
use serde_json::Value;

use super::read;
use crate::error::Error;
use crate::output::one_line;

/// What a context of the kubeconfig in `file` says. Files that it names are read, relative to it.
///
/// # Errors
/// It cannot be read, has no such context, or proves itself in a way that a daemon cannot take over.
pub(super) fn kubeconfig(file: &Path, context: Option<&str>) -> Result<KubeClusterSpec, Error> {
    let shown = file.display().to_string();
    let wrong = |why: String| Error::usage(format!("`{shown}`: {why}"));
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let root: Value = serde_saphyr::from_str_with_options(&read(file)?, options)
        .map_err(|error| wrong("it is no kubeconfig".into()).because(error))?;
    let named = |list: &str, field: &str, name: &str| {
        let found =
            at(&root, list).as_array().into_iter().flatten().find(|one| at(one, "name") == name);
        let found = found.map(|one| at(one, field).clone()).filter(Value::is_object);
        found.ok_or_else(|| wrong(format!("it has no {field} `{}`", one_line(name))))
    };
    let context = match context.or(at(&root, "current-context").as_str()) {
        Some(context) if !context.is_empty() => named("contexts", "context", context)?,
        Some(_) | None => {
            return Err(wrong("it has no current context".into()).hint("name one with --context"));
        }
    };
    let part = |key: &str| at(&context, key).as_str().unwrap_or_default();
    let cluster = named("clusters", "cluster", part("cluster"))?;
    let user = named("users", "user", part("user"))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let text = |of: &Value, key: &str| -> Result<Option<String>, Error> {
        let data = format!("{key}-data");
        if let Some(data) = at(of, &data).as_str() {
            let bytes = base64::prelude::BASE64_STANDARD.decode(data).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            return text
                .map(Some)
                .ok_or_else(|| wrong(format!("`{key}-data` is no text in base64")));
        }
        at(of, key).as_str().map(|path| read(&folder.join(path))).transpose()
    };
    let token = match (at(&user, "token").as_str(), at(&user, "tokenFile").as_str()) {
        (Some(token), _) => Some(token.to_owned()),
        (None, Some(path)) => Some(read(&folder.join(path))?.trim().to_owned()),
        (None, None) => None,
    };
    let auth = match (token, text(&user, "client-certificate")?, text(&user, "client-key")?) {
        (Some(token), _, _) => KubeAuth {
            method: KubeAuthMethod::Token,
            token: Some(token),
            certificate: None,
            key: None,
        },
        (None, Some(certificate), Some(key)) => KubeAuth {
            method: KubeAuthMethod::Certificate,
            token: None,
            certificate: Some(certificate),
            key: Some(key),
        },
        (None, _, _) => {
            let why = "its user has neither a token nor a client certificate with a key";
            return Err(wrong(why.into())
                .hint("plugins and passwords are people's: make the daemon a service account, and take its token")
                .hint("kubectl create token countersign --duration=8760h"));
        }
    };
    let tls = KubeTls {
        server_name: at(&cluster, "tls-server-name").as_str().map(str::to_owned),
        ca_cert: text(&cluster, "certificate-authority")?,
        insecure_skip_verify: at(&cluster, "insecure-skip-tls-verify").as_bool().unwrap_or(false),
    };
    let server = at(&cluster, "server").as_str().map(str::to_owned);
    let server = server.ok_or_else(|| wrong("its cluster has no server".into()))?;
    Ok(KubeClusterSpec { server: Some(server), tls, auth })
}

/// What stands under a key; nothing is `null`.
fn at<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str, context: Option<&str>) -> Result<KubeClusterSpec, Error> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), "AUTHORITY").unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, text).unwrap();
        kubeconfig(&file, context)
    }

    const TWO: &str = "current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: token}}\n- {name: b, context: {cluster: c, user: key}}\n- {name: p, context: {cluster: c, user: plugin}}\nclusters:\n- {name: c, cluster: {server: 'https://c:6443', certificate-authority: ca.pem, tls-server-name: k}}\nusers:\n- {name: token, user: {token: '0123'}}\n- {name: key, user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}}\n- {name: plugin, user: {exec: {command: aws}}}\n";

    #[test]
    fn a_context_is_a_cluster() {
        let by_token = spec(TWO, None).unwrap();
        assert_eq!(by_token.server.as_deref(), Some("https://c:6443"));
        assert_eq!(by_token.auth.token.as_deref(), Some("0123"));
        assert_eq!(by_token.tls.ca_cert.as_deref(), Some("AUTHORITY"));
        assert_eq!(by_token.tls.server_name.as_deref(), Some("k"));
        let by_key = spec(TWO, Some("b")).unwrap();
        assert_eq!(by_key.auth.certificate.as_deref(), Some("CERT"));
        assert_eq!(by_key.auth.key.as_deref(), Some("KEY"));
        for context in ["p", "no-such"] {
            assert!(spec(TWO, Some(context)).is_err(), "{context}");
        }
        assert!(spec("[]", None).is_err());
    }
}
