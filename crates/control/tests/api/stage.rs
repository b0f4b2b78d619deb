//! The people and roles that the stories are about.

use crate::house::{ADMIN, Answer, House};
use access::name::RequestId;
use control::Caller;
use http::Request;
use serde_json::{Value, json};

/// Alice may ask for `dba`; bob and carol may review it; ada administers; mallory holds nothing.
const ROLES: &str = "
kind: role
version: v7
metadata: {name: engineer}
spec: {allow: {request: {roles: [dba], max_duration: 4h}}}
---
kind: role
version: v7
metadata: {name: reviewer}
spec: {allow: {review_requests: {roles: [dba]}}}
---
kind: role
version: v7
metadata: {name: admin}
spec: {allow: {rules: [{resources: ['*'], verbs: ['*']}]}}
---
kind: role
version: v7
metadata: {name: dba}
spec: {allow: {logins: [root], node_labels: {'*': '*'}}}
";

impl House {
    /// A house with everybody in it.
    pub(crate) async fn staged() -> Self {
        let house = Self::open().await;
        for document in api::document::parse(ROLES).unwrap() {
            let answer = house.yaml("POST", "/v1/roles", &document.text).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        house.person("alice", &["engineer"]).await;
        house.person("bob", &["reviewer"]).await;
        house.person("carol", &["reviewer"]).await;
        house.person("ada", &["admin"]).await;
        house.person("mallory", &[]).await;
        house
    }

    /// One call by the administrator on the host, with a document as its body.
    pub(crate) async fn yaml(&self, method: &str, path: &str, text: &str) -> Answer {
        self.document(ADMIN, method, path, text).await
    }

    /// One call with a document as its body.
    pub(crate) async fn document(
        &self,
        caller: Caller,
        method: &str,
        path: &str,
        text: &str,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/yaml")
            .body(axum::body::Body::from(text.to_owned()))
            .unwrap();
        self.send(caller, request).await
    }

    /// Asks for `dba`, and gives the answer.
    pub(crate) async fn ask(&self, name: &str) -> Answer {
        let body = json!({"roles": ["dba"], "reason": "ticket #1234"});
        self.call(self.user(name), "POST", "/v1/requests", &body).await
    }

    /// Asks for `dba`, and gives the id.
    pub(crate) async fn asked(&self, name: &str) -> RequestId {
        let answer = self.ask(name).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// Reviews.
    pub(crate) async fn review(&self, caller: Caller, id: RequestId, decision: &str) -> Answer {
        let body = json!({"decision": decision, "reason": "seen"});
        self.call(caller, "POST", &format!("/v1/requests/{id}/reviews"), &body).await
    }

    /// Any other verb on a request.
    pub(crate) async fn verb(
        &self,
        caller: Caller,
        id: RequestId,
        verb: &str,
        body: Value,
    ) -> Answer {
        self.call(caller, "POST", &format!("/v1/requests/{id}/{verb}"), &body).await
    }

    /// The request as the administrator on the host sees it.
    pub(crate) async fn request(&self, id: RequestId) -> Value {
        self.get(ADMIN, &format!("/v1/requests/{id}")).await.body
    }

    /// Every code the audit log has for a request, oldest first.
    pub(crate) async fn history(&self, id: RequestId) -> Vec<String> {
        let answer = self.get(ADMIN, &format!("/v1/audit?request={id}&order=oldest")).await;
        let events = answer.body["events"].as_array().unwrap();
        events.iter().map(|event| event["code"].as_str().unwrap().to_owned()).collect()
    }
}
