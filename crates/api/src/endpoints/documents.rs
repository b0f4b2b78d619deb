//! Documents that administrators write: roles, nodes, locks, rules; and many of any kind at once.

use super::{Auth, Endpoint, Parameter, Verb};
use crate::app::AppDocument;
use crate::database::{DatabaseDocument, DatabaseTrust};
use crate::document::{Written, WrittenAll};
use crate::kube::KubeClusterDocument;
use crate::lock::LockDocument;
use crate::node::{HostCertificate, HostKey, NodeDocument, NodeTrust};
use crate::role::RoleDocument;
use crate::rule::{RuleDocument, RuleTest, RuleTested};
use crate::settings::ClusterSettingsDocument;

/// Lists roles.
pub const ROLE_LIST: Endpoint =
    Endpoint::get("/v1/roles", "listRoles", "List roles", Auth::Rule("role", Verb::List))
        .query(super::PAGE)
        .pages::<RoleDocument>();
/// Creates a role.
pub const ROLE_CREATE: Endpoint =
    Endpoint::post("/v1/roles", "createRole", "Create a role", Auth::Rule("role", Verb::Create))
        .takes_document::<RoleDocument>()
        .answers::<Written>();
/// Reads a role.
pub const ROLE_SHOW: Endpoint =
    Endpoint::get("/v1/roles/{name}", "showRole", "Read a role", Auth::Rule("role", Verb::Read))
        .answers::<RoleDocument>();
/// Writes a role.
pub const ROLE_PUT: Endpoint = Endpoint::put(
    "/v1/roles/{name}",
    "putRole",
    "Create or replace a role",
    Auth::Rule("role", Verb::Update),
)
.takes_document::<RoleDocument>()
.answers::<Written>();
/// Removes a role.
pub const ROLE_DELETE: Endpoint = Endpoint::delete(
    "/v1/roles/{name}",
    "deleteRole",
    "Remove a role nobody holds",
    Auth::Rule("role", Verb::Delete),
);

/// Lists nodes.
pub const NODE_LIST: Endpoint =
    Endpoint::get("/v1/nodes", "listNodes", "List nodes", Auth::Rule("node", Verb::List))
        .query(super::PAGE)
        .pages::<NodeDocument>();
/// Creates a node.
pub const NODE_CREATE: Endpoint =
    Endpoint::post("/v1/nodes", "createNode", "Create a node", Auth::Rule("node", Verb::Create))
        .takes_document::<NodeDocument>()
        .answers::<Written>();
/// Reads a node, without its secrets.
pub const NODE_SHOW: Endpoint = Endpoint::get(
    "/v1/nodes/{name}",
    "showNode",
    "Read a node, without its secrets",
    Auth::Rule("node", Verb::Read),
)
.answers::<NodeDocument>();
/// Writes a node.
pub const NODE_PUT: Endpoint = Endpoint::put(
    "/v1/nodes/{name}",
    "putNode",
    "Create or replace a node",
    Auth::Rule("node", Verb::Update),
)
.takes_document::<NodeDocument>()
.answers::<Written>();
/// Removes a node.
pub const NODE_DELETE: Endpoint = Endpoint::delete(
    "/v1/nodes/{name}",
    "deleteNode",
    "Remove a node and its secrets",
    Auth::Rule("node", Verb::Delete),
);
/// What a host needs to trust us.
pub const NODE_TRUST: Endpoint = Endpoint::get(
    "/v1/nodes/{name}/trust",
    "showNodeTrust",
    "Print what a host needs to trust us",
    Auth::Rule("node", Verb::Read),
)
.answers::<NodeTrust>();
/// Signs a host's key.
pub const NODE_HOST_CERTIFICATE: Endpoint = Endpoint::post(
    "/v1/nodes/{name}/host-certificate",
    "signHostKey",
    "Sign a node's host key",
    Auth::Rule("node", Verb::Update),
)
.takes::<HostKey>()
.answers::<HostCertificate>();

/// Lists applications.
pub const APP_LIST: Endpoint =
    Endpoint::get("/v1/apps", "listApps", "List applications", Auth::Rule("app", Verb::List))
        .query(super::PAGE)
        .pages::<AppDocument>();
/// Creates an application.
pub const APP_CREATE: Endpoint = Endpoint::post(
    "/v1/apps",
    "createApp",
    "Create an application",
    Auth::Rule("app", Verb::Create),
)
.takes_document::<AppDocument>()
.answers::<Written>();
/// Reads an application.
pub const APP_SHOW: Endpoint = Endpoint::get(
    "/v1/apps/{name}",
    "showApp",
    "Read an application",
    Auth::Rule("app", Verb::Read),
)
.answers::<AppDocument>();
/// Writes an application.
pub const APP_PUT: Endpoint = Endpoint::put(
    "/v1/apps/{name}",
    "putApp",
    "Create or replace an application",
    Auth::Rule("app", Verb::Update),
)
.takes_document::<AppDocument>()
.answers::<Written>();
/// Removes an application.
pub const APP_DELETE: Endpoint = Endpoint::delete(
    "/v1/apps/{name}",
    "deleteApp",
    "Remove an application",
    Auth::Rule("app", Verb::Delete),
);

/// Lists databases.
pub const DATABASE_LIST: Endpoint =
    Endpoint::get("/v1/databases", "listDatabases", "List databases", Auth::Rule("db", Verb::List))
        .query(super::PAGE)
        .pages::<DatabaseDocument>();
/// Creates a database.
pub const DATABASE_CREATE: Endpoint = Endpoint::post(
    "/v1/databases",
    "createDatabase",
    "Create a database",
    Auth::Rule("db", Verb::Create),
)
.takes_document::<DatabaseDocument>()
.answers::<Written>();
/// Reads a database, without its secrets.
pub const DATABASE_SHOW: Endpoint = Endpoint::get(
    "/v1/databases/{name}",
    "showDatabase",
    "Read a database, without its secrets",
    Auth::Rule("db", Verb::Read),
)
.answers::<DatabaseDocument>();
/// Writes a database.
pub const DATABASE_PUT: Endpoint = Endpoint::put(
    "/v1/databases/{name}",
    "putDatabase",
    "Create or replace a database",
    Auth::Rule("db", Verb::Update),
)
.takes_document::<DatabaseDocument>()
.answers::<Written>();
/// Removes a database.
pub const DATABASE_DELETE: Endpoint = Endpoint::delete(
    "/v1/databases/{name}",
    "deleteDatabase",
    "Remove a database and its secrets",
    Auth::Rule("db", Verb::Delete),
);
/// What a database server needs to trust us.
pub const DATABASE_TRUST: Endpoint = Endpoint::get(
    "/v1/databases/{name}/trust",
    "showDatabaseTrust",
    "Print what a database server needs to trust us",
    Auth::Rule("db", Verb::Read),
)
.answers::<DatabaseTrust>();

/// Lists Kubernetes clusters.
pub const KUBE_LIST: Endpoint = Endpoint::get(
    "/v1/kube-clusters",
    "listKubeClusters",
    "List Kubernetes clusters",
    Auth::Rule("kube_cluster", Verb::List),
)
.query(super::PAGE)
.pages::<KubeClusterDocument>();
/// Creates a Kubernetes cluster.
pub const KUBE_CREATE: Endpoint = Endpoint::post(
    "/v1/kube-clusters",
    "createKubeCluster",
    "Create a Kubernetes cluster",
    Auth::Rule("kube_cluster", Verb::Create),
)
.takes_document::<KubeClusterDocument>()
.answers::<Written>();
/// Reads a Kubernetes cluster, without its secrets.
pub const KUBE_SHOW: Endpoint = Endpoint::get(
    "/v1/kube-clusters/{name}",
    "showKubeCluster",
    "Read a Kubernetes cluster, without its secrets",
    Auth::Rule("kube_cluster", Verb::Read),
)
.answers::<KubeClusterDocument>();
/// Writes a Kubernetes cluster.
pub const KUBE_PUT: Endpoint = Endpoint::put(
    "/v1/kube-clusters/{name}",
    "putKubeCluster",
    "Create or replace a Kubernetes cluster",
    Auth::Rule("kube_cluster", Verb::Update),
)
.takes_document::<KubeClusterDocument>()
.answers::<Written>();
/// Removes a Kubernetes cluster.
pub const KUBE_DELETE: Endpoint = Endpoint::delete(
    "/v1/kube-clusters/{name}",
    "deleteKubeCluster",
    "Remove a Kubernetes cluster and its secrets",
    Auth::Rule("kube_cluster", Verb::Delete),
);

/// Lists locks.
pub const LOCK_LIST: Endpoint =
    Endpoint::get("/v1/locks", "listLocks", "List locks", Auth::Rule("lock", Verb::List))
        .query(super::PAGE)
        .pages::<LockDocument>();
/// Creates a lock.
pub const LOCK_CREATE: Endpoint =
    Endpoint::post("/v1/locks", "createLock", "Lock out at once", Auth::Rule("lock", Verb::Create))
        .takes_document::<LockDocument>()
        .answers::<Written>();
/// Reads a lock.
pub const LOCK_SHOW: Endpoint =
    Endpoint::get("/v1/locks/{name}", "showLock", "Read a lock", Auth::Rule("lock", Verb::Read))
        .answers::<LockDocument>();
/// Writes a lock.
pub const LOCK_PUT: Endpoint = Endpoint::put(
    "/v1/locks/{name}",
    "putLock",
    "Create or replace a lock",
    Auth::Rule("lock", Verb::Update),
)
.takes_document::<LockDocument>()
.answers::<Written>();
/// Removes a lock.
pub const LOCK_DELETE: Endpoint = Endpoint::delete(
    "/v1/locks/{name}",
    "deleteLock",
    "Remove a lock",
    Auth::Rule("lock", Verb::Delete),
);

/// Lists the cluster's settings: one document.
pub const SETTINGS_LIST: Endpoint = Endpoint::get(
    "/v1/cluster-settings",
    "listClusterSettings",
    "List the cluster's settings: one document",
    Auth::Rule("cluster_settings", Verb::List),
)
.query(super::PAGE)
.pages::<ClusterSettingsDocument>();
/// Creates the cluster's settings.
pub const SETTINGS_CREATE: Endpoint = Endpoint::post(
    "/v1/cluster-settings",
    "createClusterSettings",
    "Write the cluster's settings for the first time",
    Auth::Rule("cluster_settings", Verb::Create),
)
.takes_document::<ClusterSettingsDocument>()
.answers::<Written>();
/// Reads the cluster's settings.
pub const SETTINGS_SHOW: Endpoint = Endpoint::get(
    "/v1/cluster-settings/{name}",
    "showClusterSettings",
    "Read the cluster's settings, or the defaults while none are written",
    Auth::Rule("cluster_settings", Verb::Read),
)
.answers::<ClusterSettingsDocument>();
/// Writes the cluster's settings.
pub const SETTINGS_PUT: Endpoint = Endpoint::put(
    "/v1/cluster-settings/{name}",
    "putClusterSettings",
    "Create or replace the cluster's settings",
    Auth::Rule("cluster_settings", Verb::Update),
)
.takes_document::<ClusterSettingsDocument>()
.answers::<Written>();
/// Removes the cluster's settings.
pub const SETTINGS_DELETE: Endpoint = Endpoint::delete(
    "/v1/cluster-settings/{name}",
    "deleteClusterSettings",
    "Go back to the defaults",
    Auth::Rule("cluster_settings", Verb::Delete),
);

/// Lists rules.
pub const RULE_LIST: Endpoint = Endpoint::get(
    "/v1/rules",
    "listRules",
    "List access monitoring rules",
    Auth::Rule("access_monitoring_rule", Verb::List),
)
.query(super::PAGE)
.pages::<RuleDocument>();
/// Creates a rule.
pub const RULE_CREATE: Endpoint = Endpoint::post(
    "/v1/rules",
    "createRule",
    "Create an access monitoring rule",
    Auth::Rule("access_monitoring_rule", Verb::Create),
)
.takes_document::<RuleDocument>()
.answers::<Written>();
/// Reads a rule.
pub const RULE_SHOW: Endpoint = Endpoint::get(
    "/v1/rules/{name}",
    "showRule",
    "Read an access monitoring rule",
    Auth::Rule("access_monitoring_rule", Verb::Read),
)
.answers::<RuleDocument>();
/// Writes a rule.
pub const RULE_PUT: Endpoint = Endpoint::put(
    "/v1/rules/{name}",
    "putRule",
    "Create or replace an access monitoring rule",
    Auth::Rule("access_monitoring_rule", Verb::Update),
)
.takes_document::<RuleDocument>()
.answers::<Written>();
/// Removes a rule.
pub const RULE_DELETE: Endpoint = Endpoint::delete(
    "/v1/rules/{name}",
    "deleteRule",
    "Remove an access monitoring rule",
    Auth::Rule("access_monitoring_rule", Verb::Delete),
);
/// Tries a rule. Nothing is written.
pub const RULE_TEST: Endpoint = Endpoint::post(
    "/v1/rule-tests",
    "testRule",
    "Say what an access monitoring rule would have done with past or made-up requests",
    Auth::Rule("access_monitoring_rule", Verb::Read),
)
.takes::<RuleTest>()
.answers::<RuleTested>();

/// Writes many documents, of any kinds, in one transaction. The rules of the caller's roles are asked for each.
pub const WRITE_ALL: Endpoint = Endpoint::post(
    "/v1/documents",
    "writeDocuments",
    "Create documents of any kinds: all of them, or none",
    Auth::User,
)
.query(&[
    Parameter::new("replace", "`true`: replace what is there already."),
    Parameter::new("dry_run", "`true`: only say what would be written."),
])
.takes_documents()
.answers::<WrittenAll>();

/// All of them.
pub const ALL: &[Endpoint] = &[
    WRITE_ALL,
    ROLE_LIST,
    ROLE_CREATE,
    ROLE_SHOW,
    ROLE_PUT,
    ROLE_DELETE,
    NODE_LIST,
    NODE_CREATE,
    NODE_SHOW,
    NODE_PUT,
    NODE_DELETE,
    NODE_TRUST,
    NODE_HOST_CERTIFICATE,
    APP_LIST,
    APP_CREATE,
    APP_SHOW,
    APP_PUT,
    APP_DELETE,
    DATABASE_LIST,
    DATABASE_CREATE,
    DATABASE_SHOW,
    DATABASE_PUT,
    DATABASE_DELETE,
    DATABASE_TRUST,
    KUBE_LIST,
    KUBE_CREATE,
    KUBE_SHOW,
    KUBE_PUT,
    KUBE_DELETE,
    LOCK_LIST,
    LOCK_CREATE,
    LOCK_SHOW,
    LOCK_PUT,
    LOCK_DELETE,
    SETTINGS_LIST,
    SETTINGS_CREATE,
    SETTINGS_SHOW,
    SETTINGS_PUT,
    SETTINGS_DELETE,
    RULE_LIST,
    RULE_CREATE,
    RULE_SHOW,
    RULE_PUT,
    RULE_DELETE,
    RULE_TEST,
];
