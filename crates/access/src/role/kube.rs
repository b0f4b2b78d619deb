//! `kubernetes_resources`: which objects of a cluster a role is about.

use crate::{ask::KubeCall, identity::Traits, resource::kube_plural, template::Patterns};

/// One checked entry.
#[derive(Clone, Debug)]
pub struct KubeResource {
    /// The kind, `*` for all.
    pub kind: Box<str>,
    /// The API group from role version 8 on; before, any.
    pub api_group: Option<Patterns>,
    /// The namespace; `None` is written for what stands outside any.
    pub namespace: Option<Patterns>,
    /// The name.
    pub name: Patterns,
    /// The verbs; none matches nothing.
    pub verbs: Vec<Box<str>>,
    /// Up to role version 7 a rule on a namespace covers everything inside it.
    pub(crate) covers_inside: bool,
}

impl KubeResource {
    /// Whether the entry, under `allow`, covers the call.
    #[must_use]
    pub fn covers(&self, call: &KubeCall, traits: &Traits) -> bool {
        self.takes_in(call, traits) || self.verb(&call.verb) && self.seen(call, traits)
    }

    /// Whether the entry, under `deny`, forbids the call. Who may not touch something in a namespace may
    /// still look at the namespace.
    #[must_use]
    pub fn takes_in(&self, call: &KubeCall, traits: &Traits) -> bool {
        self.verb(&call.verb) && (self.itself(call, traits) || self.inside(call, traits))
    }

    fn verb(&self, verb: &str) -> bool {
        !verb.is_empty() && self.verbs.iter().any(|own| **own == *"*" || **own == *verb)
    }

    fn itself(&self, call: &KubeCall, traits: &Traits) -> bool {
        let named = |patterns: &Patterns| patterns.matches(&call.name, traits);
        let group =
            self.api_group.as_ref().is_none_or(|group| group.matches(&call.api_group, traits));
        let namespace = match (&self.namespace, &call.namespace) {
            // What stands outside any namespace is not in one of ours, unless all are ours.
            (Some(own), None) => own.has_any(),
            (None, None) => true,
            (Some(own), Some(asked)) => own.matches(asked, traits),
            (None, Some(_)) => false,
        };
        (*self.kind == *"*" || kube_plural(&self.kind) == kube_plural(&call.kind))
            && group
            && namespace
            && named(&self.name)
    }

    /// A rule on a namespace covers what is inside it.
    fn inside(&self, call: &KubeCall, traits: &Traits) -> bool {
        self.covers_inside
            && kube_plural(&self.kind) == "namespaces"
            && call.namespace.as_ref().is_some_and(|namespace| self.name.matches(namespace, traits))
    }

    /// Whoever may touch something in a namespace may look at the namespace.
    fn seen(&self, call: &KubeCall, traits: &Traits) -> bool {
        kube_plural(&call.kind) == "namespaces"
            && matches!(&*call.verb, "get" | "list" | "watch")
            && self
                .namespace
                .as_ref()
                .is_some_and(|namespace| namespace.matches(&call.name, traits))
    }
}
