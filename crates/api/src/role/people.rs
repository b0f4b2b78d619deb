//! The parts of a role about people: requests, reviews, joining, administration.

use super::shape::{Texts, Unsupported};
use crate::span::Span;
use access::role::spec::{
    ClaimSpec, ImpersonateSpec, JoinSpec, KindSpec, PartSpec, RequestSpec, RequireJoinSpec,
    ReviewSpec, RuleSpec, ThresholdSpec,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty $(= $schema:ty)?,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])*
            #[serde(default, skip_serializing_if = "super::shape::is_default")]
            $(#[schema(value_type = $schema)])?
            pub $field: $type,)*
        }
    )+};
}

documents! {
    /// `impersonate`.
    ImpersonateDocument {
        /// Users.
        users: Texts = Vec<String>,
        /// Roles.
        roles: Texts = Vec<String>,
    }

    /// `rules[]`.
    RuleDocument {
        /// Kinds of resource, `*` for all.
        resources: Texts = Vec<String>,
        /// What may be done, `*` for all.
        verbs: Texts = Vec<String>,
        /// Under what condition.
        #[serde(rename = "where")]
        condition: Option<String>,
        /// What is written into the log: `log("info", "text")`.
        actions: Texts = Vec<String>,
    }

    /// `request`.
    RequestDocument {
        /// Roles that may be asked for.
        roles: Texts = Vec<String>,
        /// Roles in whose name resources may be asked for.
        search_as_roles: Texts = Vec<String>,
        /// Roles that may be asked for because of a trait.
        claims_to_roles: Vec<ClaimDocument>,
        /// Reviews that decide.
        thresholds: Vec<ThresholdDocument>,
        /// Annotations of requests.
        annotations: BTreeMap<String, Texts> = BTreeMap<String, Vec<String>>,
        /// Who is named as reviewer.
        suggested_reviewers: Texts = Vec<String>,
        /// The longest grant, such as `8h`.
        max_duration: Option<Span>,
        /// Whether a reason is needed.
        reason: Option<ReasonDocument>,
        /// Kubernetes kinds that may be asked for.
        kubernetes_resources: Option<Vec<KindDocument>>,
    }

    /// `request.reason`.
    ReasonDocument {
        /// `optional` or `required`.
        mode: String,
        /// Known, and not supported here.
        #[serde(skip_serializing)]
        #[schema(ignore)]
        prompt: Unsupported,
    }

    /// `claims_to_roles[]`.
    ClaimDocument {
        /// The trait.
        claim: String,
        /// What one of its values must match.
        value: String,
        /// The roles.
        roles: Texts = Vec<String>,
    }

    /// `request.kubernetes_resources[]`.
    KindDocument {
        /// The kind, `*` for all.
        kind: String,
        /// The API group.
        api_group: Option<String>,
    }

    /// `request.thresholds[]`.
    ThresholdDocument {
        /// A name for people.
        name: String,
        /// Which reviews count.
        filter: Option<String>,
        /// Approvals needed; 0 never approves.
        approve: Option<u32>,
        /// Denials needed; 0 never denies.
        deny: Option<u32>,
        /// Parts that must all be reached.
        all_of: Vec<PartDocument>,
    }

    /// `request.thresholds[].all_of[]`.
    PartDocument {
        /// A name for people.
        name: String,
        /// Which reviews count.
        filter: Option<String>,
        /// Approvals needed, at least 1.
        approve: Option<u32>,
    }

    /// `review_requests`.
    ReviewDocument {
        /// Roles whose requests may be reviewed.
        roles: Texts = Vec<String>,
        /// Roles whose requests may be reviewed because of a trait.
        claims_to_roles: Vec<ClaimDocument>,
        /// Under what condition.
        #[serde(rename = "where")]
        condition: Option<String>,
        /// Roles in whose name the requested resources may be looked at.
        preview_as_roles: Texts = Vec<String>,
    }

    /// `join_sessions[]`.
    JoinDocument {
        /// A name for people.
        name: String,
        /// Sessions of holders of these roles.
        roles: Texts = Vec<String>,
        /// `ssh`, `k8s`, `db`, `*`.
        kinds: Texts = Vec<String>,
        /// `observer`, `moderator`, `peer`, `*`.
        modes: Texts = Vec<String>,
    }

    /// `require_session_join[]`.
    RequireJoinDocument {
        /// A name for people.
        name: String,
        /// Who counts.
        filter: String,
        /// `ssh`, `k8s`, `db`, `*`.
        kinds: Texts = Vec<String>,
        /// How many are needed.
        count: u32,
        /// `observer`, `moderator`, `peer`, `*`.
        modes: Texts = Vec<String>,
        /// `terminate` or `pause`.
        on_leave: Option<String>,
    }
}

impl ImpersonateDocument {
    pub(super) fn spec(&self) -> ImpersonateSpec {
        ImpersonateSpec { users: self.users.0.clone(), roles: self.roles.0.clone() }
    }
}

impl RuleDocument {
    pub(super) fn spec(&self) -> RuleSpec {
        RuleSpec {
            resources: self.resources.0.clone(),
            verbs: self.verbs.0.clone(),
            where_: self.condition.clone(),
            actions: self.actions.0.clone(),
        }
    }
}

fn claims(list: &[ClaimDocument]) -> Vec<ClaimSpec> {
    let specs = list.iter().map(|claim| ClaimSpec {
        claim: claim.claim.clone(),
        value: claim.value.clone(),
        roles: claim.roles.0.clone(),
    });
    specs.collect()
}

impl RequestDocument {
    pub(super) fn spec(&self) -> RequestSpec {
        let kinds = |list: &Vec<KindDocument>| {
            list.iter()
                .map(|kind| KindSpec { kind: kind.kind.clone(), api_group: kind.api_group.clone() })
                .collect()
        };
        RequestSpec {
            roles: self.roles.0.clone(),
            search_as_roles: self.search_as_roles.0.clone(),
            claims_to_roles: claims(&self.claims_to_roles),
            thresholds: self.thresholds.iter().map(ThresholdDocument::spec).collect(),
            annotations: self
                .annotations
                .iter()
                .map(|(key, values)| (key.clone(), values.0.clone()))
                .collect(),
            suggested_reviewers: self.suggested_reviewers.0.clone(),
            max_duration: self.max_duration.map(|Span(duration)| duration),
            reason_mode: self.reason.as_ref().map(|reason| reason.mode.clone()),
            kubernetes_resources: self.kubernetes_resources.as_ref().map(kinds),
        }
    }
}

impl ThresholdDocument {
    fn spec(&self) -> ThresholdSpec {
        let parts = self.all_of.iter().map(|part| PartSpec {
            name: part.name.clone(),
            filter: part.filter.clone(),
            approve: part.approve,
        });
        ThresholdSpec {
            name: self.name.clone(),
            filter: self.filter.clone(),
            approve: self.approve,
            deny: self.deny,
            all_of: parts.collect(),
        }
    }
}

impl ReviewDocument {
    pub(super) fn spec(&self) -> ReviewSpec {
        ReviewSpec {
            roles: self.roles.0.clone(),
            claims_to_roles: claims(&self.claims_to_roles),
            where_: self.condition.clone(),
            preview_as_roles: self.preview_as_roles.0.clone(),
        }
    }
}

impl JoinDocument {
    pub(super) fn spec(&self) -> JoinSpec {
        JoinSpec {
            name: self.name.clone(),
            roles: self.roles.0.clone(),
            kinds: self.kinds.0.clone(),
            modes: self.modes.0.clone(),
        }
    }
}

impl RequireJoinDocument {
    pub(super) fn spec(&self) -> RequireJoinSpec {
        RequireJoinSpec {
            name: self.name.clone(),
            filter: self.filter.clone(),
            kinds: self.kinds.0.clone(),
            count: self.count,
            modes: self.modes.0.clone(),
            on_leave: self.on_leave.clone(),
        }
    }
}
