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
        if call.part {
            return self.touches(call, traits);
        }
        self.verb(&call.verb)
            && (self.itself(call, traits) || self.inside(call, traits) || self.seen(call, traits))
    }

    /// Whether the entry, under `deny`, forbids the call. Who may not touch something in a namespace may
    /// still look at the namespace.
    #[must_use]
    pub fn takes_in(&self, call: &KubeCall, traits: &Traits) -> bool {
        // A collection with something forbidden in it cannot be had, or removed, as a whole.
        if call.is_collective() && !call.part {
            return self.touches(call, traits) && !self.only_seen(call);
        }
        self.verb(&call.verb) && (self.itself(call, traits) || self.inside(call, traits))
    }

    fn verb(&self, verb: &str) -> bool {
        !verb.is_empty() && self.verbs.iter().any(|own| **own == *"*" || **own == *verb)
    }

    fn itself(&self, call: &KubeCall, traits: &Traits) -> bool {
        let named = |patterns: &Patterns| match call.is_collective() {
            true => patterns.has_any(),
            false => patterns.matches(&call.name, traits),
        };
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

    /// Whether the entry is about anything in the collection that the call names.
    fn touches(&self, call: &KubeCall, traits: &Traits) -> bool {
        if !self.verb(&call.verb) {
            return false;
        }
        let group =
            self.api_group.as_ref().is_none_or(|group| group.matches(&call.api_group, traits));
        let kind = *self.kind == *"*" || kube_plural(&self.kind) == kube_plural(&call.kind);
        let place = match (&self.namespace, &call.namespace) {
            // Of all namespaces, those that it names.
            (_, None) => true,
            (Some(own), Some(asked)) => own.matches(asked, traits),
            (None, Some(_)) => false,
        };
        let inside = self.covers_inside
            && kube_plural(&self.kind) == "namespaces"
            && call.namespace.as_ref().is_none_or(|asked| self.name.matches(asked, traits));
        kind && group && place || inside || self.only_seen(call)
    }

    /// Whether the call looks at namespaces, and the entry is about something inside some.
    fn only_seen(&self, call: &KubeCall) -> bool {
        kube_plural(&call.kind) == "namespaces"
            && kube_plural(&self.kind) != "namespaces"
            && *self.kind != *"*"
            && self.namespace.is_some()
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
