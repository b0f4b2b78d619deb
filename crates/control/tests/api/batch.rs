//! Many documents in one transaction: all checked, all written, or none.

use crate::house::{ADMIN, Answer, House, NOBODY};
use api::document::{Kind, MAX_DOCUMENTS};
use serde_json::{Value, json};

/// One good document of each kind; some need each other.
fn good(kind: Kind) -> &'static str {
    match kind {
        Kind::AccessMonitoringRule => {
            "kind: access_monitoring_rule\nversion: v1\nmetadata: {name: many}\nspec:\n  subjects: [access_request]\n  condition: access_request.spec.roles.contains(\"dba\")\n  desired_state: reviewed\n  automatic_review: {integration: builtin, decision: DENIED}\n"
        }
        Kind::App => {
            "kind: app\nversion: v1\nmetadata: {name: many}\nspec: {uri: 'http://many:8080'}\n"
        }
        Kind::ClusterSettings => {
            "kind: cluster_settings\nversion: v1\nmetadata: {name: cluster}\nspec: {require_session_mfa: session}\n"
        }
        Kind::Db => {
            "kind: db\nversion: v1\nmetadata: {name: many}\nspec:\n  protocol: postgres\n  uri: many:5432\n  auth: {method: password, passwords: {app: hunter2-hunter2}}\n"
        }
        Kind::KubeCluster => {
            "kind: kube_cluster\nversion: v1\nmetadata: {name: many}\nspec:\n  server: https://many:6443\n  auth: {method: token, token: hunter2-hunter2}\n"
        }
        Kind::Lock => {
            "kind: lock\nversion: v1\nmetadata: {name: many}\nspec: {target: {user: mallory}}\n"
        }
        Kind::Node => {
            "kind: node\nversion: v1\nmetadata: {name: many}\nspec:\n  addr: many:22\n  auth: {method: password, password: hunter2-hunter2}\n"
        }
        Kind::Role => {
            "kind: role\nversion: v7\nmetadata: {name: many}\nspec: {allow: {logins: [root]}}\n"
        }
        Kind::Token => {
            "kind: token\nversion: v1\nmetadata: {name: many}\nspec: {user: many, expires: '2026-11-08T09:00:00Z'}\n"
        }
        Kind::User => "kind: user\nversion: v1\nmetadata: {name: many}\nspec: {roles: [many]}\n",
    }
}

/// All of them, in an order in which each comes before what it needs.
fn everything() -> String {
    let kinds = [
        Kind::Token,
        Kind::User,
        Kind::Role,
        Kind::Node,
        Kind::Db,
        Kind::KubeCluster,
        Kind::App,
        Kind::Lock,
        Kind::AccessMonitoringRule,
        Kind::ClusterSettings,
    ];
    assert_eq!(kinds.len(), Kind::ALL.len());
    kinds.map(good).join("---\n")
}

/// Which of the documents are there: those called `many`, and the cluster's settings.
async fn written(house: &House) -> Vec<&'static str> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let name = kind.only().unwrap_or("many");
        if house.store.documents().load(kind, name).await.unwrap().is_some() {
            found.push(kind.as_str());
        }
    }
    found
}

fn problems(answer: &Answer) -> Vec<String> {
    let errors: Vec<api::problem::FieldProblem> =
        serde_json::from_value(answer.body["errors"].clone()).unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn documents_of_every_kind_are_one_transaction() {
    let house = House::staged().await;
    let before = house.store.revision();
    let dry = house.yaml("POST", "/v1/documents?dry_run=true", &everything()).await;
    assert_eq!((dry.status.as_u16(), &dry.body["dry_run"]), (200, &json!(true)), "{}", dry.body);
    assert_eq!((written(&house).await, house.store.revision()), (vec![], before));
    assert_eq!(dry.body["tokens"], Value::Null, "a secret of nothing");

    let answer = house.yaml("POST", "/v1/documents", &everything()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(written(&house).await.len(), Kind::ALL.len());
    let documents = answer.body["documents"].as_array().unwrap();
    let revisions: Vec<_> = documents.iter().map(|one| &one["revision"]).collect();
    assert!(revisions.iter().all(|one| *one == revisions[0]), "{}", answer.body);
    assert!(documents.iter().all(|one| one["created"] == json!(true)), "{}", answer.body);
    assert!(documents.iter().all(|one| one["warnings"] == json!([])), "{}", answer.body);
    // What belongs to each kind went along: the token opens, the node's password is sealed, all is told.
    let secret = answer.body["tokens"][0]["secret"].as_str().unwrap();
    let login = json!({"token": secret, "keys": crate::login::keys()});
    assert_eq!(house.call(NOBODY, "POST", "/v1/login/token", &login).await.status, 200);
    assert!(house.store.secrets().load("node/many").await.unwrap().is_some());
    let log = house.get(ADMIN, "/v1/audit?order=oldest&limit=1000").await.body;
    for code in [
        "token.created",
        "user.created",
        "role.created",
        "node.created",
        "lock.created",
        "cluster_settings.created",
        "rule.created",
    ] {
        let told = log["events"].as_array().unwrap().iter();
        assert!(told.clone().any(|event| event["code"] == code), "{code}: {log}");
    }
    assert!(!log.to_string().contains("hunter2") && !log.to_string().contains(secret));

    let again = house.yaml("POST", "/v1/documents", &everything()).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "exists"), "{}", again.body);
    assert_eq!(problems(&again).len(), Kind::ALL.len(), "{}", again.body);
    let but_token = everything().split_once("---\n").unwrap().1.to_owned();
    let replaced = house.yaml("POST", "/v1/documents?replace=true", &but_token).await;
    assert_eq!(replaced.status, 200, "{}", replaced.body);
    assert_eq!(replaced.body["documents"][0]["created"], json!(false));
    let token = house.yaml("POST", "/v1/documents?replace=true", good(Kind::Token)).await;
    assert_eq!(token.code(), "exists", "a token is made once: {}", token.body);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_with_document_and_line_and_nothing_is_written() {
    let house = House::staged().await;
    let before = house.store.revision();
    let text = [
        good(Kind::User),
        "kind: role\nversion: v7\nmetadata:\n  name: bad\nspec:\n  allow:\n    request:\n      roles: [dba]\n      thresholds:\n      - approve: 1\n        filter: 'frobnicate(a'\n",
        "kind: node\nversion: v1\nmetadata: {name: many}\nspec:\n  addr: many:22\n  auth:\n    method: key\n",
        "kind: noed\nmetadata: {name: a}\n",
        "kind: lock\nversion: v1\nmetadata: {name: a}\nspec:\n  targets: {}\n",
        good(Kind::User),
        // The stage has one of this name.
        "kind: role\nversion: v7\nmetadata: {name: dba}\nspec: {}\n",
    ]
    .join("---\n");
    let answer = house.yaml("POST", "/v1/documents", &text).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let told = problems(&answer);
    let expected = [
        "document 2, line 16: spec.allow.request.thresholds[0].filter: ",
        "document 3, line 23: spec.auth.private_key: missing",
        "document 4, line 26: kind: `noed` is not a kind",
        "document 5, line 33: spec.targets: unknown field",
        "document 6, line 35: user `many` stands in this text already, from line 1 on",
        "document 7, line 40: role `dba` exists already",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nis not {expected}");
    }
    assert_eq!((written(&house).await, house.store.revision()), (vec![], before));
}

#[tokio::test]
async fn each_kind_is_written_by_who_has_the_rule_for_it_and_nobody_else() {
    let house = House::staged().await;
    for kind in Kind::ALL {
        let role = format!(
            "kind: role\nversion: v7\nmetadata: {{name: only-{0}}}\nspec: {{allow: {{rules: [{{resources: [{0}], verbs: [create, update]}}]}}}}\n",
            kind.as_str()
        );
        assert_eq!(house.yaml("POST", "/v1/roles", &role).await.status, 200);
        house
            .person(&format!("{}-keeper", kind.as_str()), &[&format!("only-{}", kind.as_str())])
            .await;
    }
    for kind in Kind::ALL {
        for text in [good(kind), "kind: [", "{}"] {
            let post = |caller| house.document(caller, "POST", "/v1/documents", text);
            let answer = post(NOBODY).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "unauthenticated"));
            let answer = post(house.user("mallory")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "forbidden"),
                "{text}"
            );
            assert_eq!(problems(&answer), Vec::<String>::new(), "{text}");
        }
        for other in Kind::ALL {
            let keeper = house.user(&format!("{}-keeper", other.as_str()));
            // Beside one that is hers, what is not hers takes all with it; what it says stays unread.
            for (text, line) in [
                (format!("{}---\n{}", good(other), good(kind)), "document 2, line "),
                (
                    format!("{}---\nspec: 1\n{}", good(other), good(kind).replace("spec:", "x:")),
                    "document 2, line ",
                ),
            ] {
                if kind == other {
                    continue;
                }
                let path = "/v1/documents?dry_run=true&replace=true";
                let answer = house.document(keeper.clone(), "POST", path, &text).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.code().as_str()),
                    (403, "forbidden"),
                    "{text}"
                );
                assert!(problems(&answer)[0].starts_with(line), "{}", answer.body);
                assert_eq!(problems(&answer).len(), 1, "{}", answer.body);
            }
        }
    }
    assert_eq!(written(&house).await, Vec::<&str>::new());
    let keeper = house.user("role-keeper");
    let answer = house.document(keeper, "POST", "/v1/documents", good(Kind::Role)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_rule_with_a_condition_counts_for_each_document() {
    let house = House::staged().await;
    let role = "kind: role\nversion: v7\nmetadata: {name: keeper}\nspec:\n  allow:\n    rules:\n    - resources: [node]\n      verbs: [read, create, update]\n      where: equals(resource.metadata.labels[\"team\"], \"db\")\n";
    assert_eq!(house.yaml("POST", "/v1/roles", role).await.status, 200);
    house.person("kim", &["keeper"]).await;
    let node = |name: &str, team: &str| {
        format!(
            "kind: node\nversion: v1\nmetadata: {{name: {name}, labels: {{team: {team}}}}}\nspec: {{addr: 'h:22'}}\n---\n"
        )
    };
    let post = async |path: &str, text: String| {
        house.document(house.user("kim"), "POST", path, &text).await
    };
    let mixed = post("/v1/documents", node("a", "db") + &node("b", "web")).await;
    assert_eq!((mixed.status.as_u16(), problems(&mixed).len()), (403, 1), "{}", mixed.body);
    assert!(problems(&mixed)[0].starts_with("document 2, line 6: "), "{}", mixed.body);
    assert_eq!(house.get(ADMIN, "/v1/nodes/a").await.status, 404);
    assert_eq!(post("/v1/documents", node("a", "db") + &node("b", "db")).await.status, 200);
    // What is another's cannot be taken over by relabelling it, and its host key cannot be signed.
    assert_eq!(
        house.yaml("POST", "/v1/nodes", node("c", "web").trim_end_matches("---\n")).await.status,
        200
    );
    assert_eq!(post("/v1/documents?replace=true", node("c", "db")).await.status, 403);
    let key = json!({"public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ host"});
    let sign = async |name: &str| {
        house
            .call(house.user("kim"), "POST", &format!("/v1/nodes/{name}/host-certificate"), &key)
            .await
            .status
    };
    assert_eq!((sign("a").await.as_u16(), sign("c").await.as_u16()), (200, 403));
}

#[tokio::test]
async fn a_text_has_so_many_documents_and_so_many_bytes_and_fits_into_one_commit() {
    let house = House::staged().await;
    house.person("many", &[]).await;
    // Tokens take the most of a commit.
    let token =
        |number: usize| good(Kind::Token).replace("name: many", &format!("name: t{number}"));
    let text = |count: usize| (0..count).map(token).collect::<Vec<_>>().join("---\n");
    let answer = house.yaml("POST", "/v1/documents", &text(MAX_DOCUMENTS + 1)).await;
    assert_eq!(
        (answer.status.as_u16(), problems(&answer)),
        (422, vec![format!("more than {MAX_DOCUMENTS} documents")])
    );
    let answer = house.yaml("POST", "/v1/documents", &text(MAX_DOCUMENTS)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["tokens"].as_array().unwrap().len(), MAX_DOCUMENTS);
    let long = "# nothing\n".repeat(api::document::MAX_TEXT / 10 + 1);
    assert_eq!(house.yaml("POST", "/v1/documents", &long).await.status, 413);
    assert_eq!(house.yaml("POST", "/v1/documents", "# nothing\n").await.status, 422);
    assert_eq!(house.yaml("POST", "/v1/documents?dryrun=true", good(Kind::Role)).await.status, 422);
}

#[tokio::test]
async fn an_edit_in_a_batch_succeeds_only_if_nobody_was_faster() {
    let house = House::staged().await;
    let role = |revision: Value| {
        format!(
            "kind: role\nversion: v7\nmetadata: {{name: many, revision: {revision}}}\nspec: {{}}\n"
        )
    };
    assert_eq!(house.yaml("POST", "/v1/documents", good(Kind::Role)).await.status, 200);
    let seen = house.get(ADMIN, "/v1/roles/many").await.body["metadata"]["revision"].clone();
    let path = "/v1/documents?replace=true";
    let text = format!("{}---\n{}", role(seen.clone()), good(Kind::Lock));
    assert_eq!(house.yaml("POST", path, &text).await.status, 200);
    let late = house.yaml("POST", path, &text).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "conflict"), "{}", late.body);
    assert_eq!(
        problems(&late),
        ["document 1, line 1: someone else changed role `many` in the meantime"]
    );
}
