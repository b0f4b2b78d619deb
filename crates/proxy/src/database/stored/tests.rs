//! Documents and sealed passwords become databases, or say what is wrong.

use ca::{Authorities, SealKey};
use serde_json::{Value, json};
use store::{Absent, Commit};

use super::*;

/// A store with one database document, and passwords sealed for it.
async fn stored(
    spec: Value,
    passwords: Option<Value>,
) -> (tempfile::TempDir, StoredDatabases, TargetName) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(|| "2026-11-22T12:00:00Z".parse().unwrap());
    let options = store::Options::new("demo".parse().unwrap(), clock);
    let store = Store::open(&dir.path().join("data"), options).await.unwrap();
    let seal = Arc::new(SealKey::generate().unwrap());
    let document =
        json!({ "kind": "db", "version": "v1", "metadata": { "name": "orders" }, "spec": spec });
    store.commit(Commit::new().put("/db/orders", document.to_string())).await.unwrap();
    if let Some(passwords) = passwords {
        let sealed = seal.seal(passwords.to_string().as_bytes(), "db/orders").unwrap();
        store.secrets().save("db/orders", sealed, Absent).await.unwrap();
    }
    (dir, StoredDatabases::new(store, seal), "orders".parse().unwrap())
}

fn password(login: &DbLogin) -> Option<&str> {
    match login {
        DbLogin::Certificate => None,
        DbLogin::Password(password) => Some(password),
    }
}

#[tokio::test]
async fn the_least_that_is_said_is_a_log_in_by_certificate_to_a_server_that_is_checked() {
    let (_dir, databases, name) =
        stored(json!({ "protocol": "postgres", "uri": "db-1:5432" }), None).await;
    let found = databases.database(&name, DbUser::Standing("app")).await.unwrap().unwrap();
    assert_eq!((&*found.addr, found.protocol), ("db-1:5432", Protocol::Postgres));
    assert_eq!((found.tls.mode, password(&found.login)), (TlsMode::VerifyFull, None));
    assert!(found.admin.is_none() && found.server_version.is_none());
    let nowhere = "nowhere".parse().unwrap();
    assert!(databases.database(&nowhere, DbUser::Made).await.unwrap().is_none());
}

#[tokio::test]
async fn a_password_is_the_asked_users_own() {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let pem = Authorities::generate("demo", now).unwrap().tls_roots_pem();
    let spec = json!({
        "protocol": "mysql", "uri": "[::1]:3306", "server_version": "8.0.39",
        "tls": { "mode": "verify-ca", "server_name": "db.example", "ca_cert": pem },
        "auth": { "method": "password" },
        "admin_user": { "name": "root", "method": "password" },
    });
    let sealed = json!({ "app": "one", "": "two" });
    let (_dir, databases, name) = stored(spec, Some(sealed)).await;
    let found = databases.database(&name, DbUser::Standing("app")).await.unwrap().unwrap();
    assert_eq!(password(&found.login), Some("one"));
    assert!(!format!("{found:?}").contains("one"), "{found:?}");
    let admin = found.admin.unwrap();
    assert_eq!((&*admin.user, password(&admin.login)), ("root", Some("two")));
    assert_eq!(found.tls.server_name.as_deref(), Some("db.example"));
    assert_eq!((found.tls.mode, found.tls.trust.roots.len()), (TlsMode::VerifyCa, 1));
    assert_eq!(
        (found.protocol, found.server_version.as_deref()),
        (Protocol::MySql, Some("8.0.39"))
    );
    // A user we make has no password, and nobody gets the administrator's.
    let made = databases.database(&name, DbUser::Made).await.unwrap().unwrap();
    assert_eq!(password(&made.login), None);
    for user in ["bob", ""] {
        let none = databases.database(&name, DbUser::Standing(user)).await;
        assert!(matches!(&none, Err(DatabaseError::NoSecret(name)) if &**name == user), "{none:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    let bad = async |spec: Value, sealed: Option<Value>| {
        let (_dir, databases, name) = stored(spec, sealed).await;
        databases.database(&name, DbUser::Standing("app")).await.unwrap_err()
    };
    let spec = |tls: Value| json!({ "protocol": "postgres", "uri": "db-1:5432", "tls": tls });
    assert!(matches!(bad(json!({ "uri": "db-1:5432" }), None).await, DatabaseError::Malformed(_)));
    for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let error = bad(spec(json!({ "ca_cert": pem })), None).await;
        assert!(matches!(error, DatabaseError::Authorities), "{pem:?}: {error:?}");
    }
    let by_password =
        json!({ "protocol": "postgres", "uri": "db-1:5432", "auth": { "method": "password" } });
    assert!(matches!(bad(by_password.clone(), None).await, DatabaseError::NoSecret(_)));
    assert!(matches!(bad(by_password, Some(json!(["app"]))).await, DatabaseError::Secret));
}
