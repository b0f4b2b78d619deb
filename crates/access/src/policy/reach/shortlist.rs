//! The roles that may select a target, found by its labels.
//!
//! Somebody may ask for a thousand roles on ten thousand hosts, and any one host is selected by a few of them. A role
//! that wants a label with a value that is written out selects no target without it: it is looked at only where a target
//! carries one of its values. Which roles do select a target is decided as ever, on those that are left.

use crate::{
    identity::User,
    label::Selector,
    policy::Policy,
    role::Role,
    target::{Target, TargetKind},
};
use std::{borrow::Cow, collections::BTreeMap};

/// How many targets of each kind carry a label.
type Frequencies<'p> = BTreeMap<TargetKind, BTreeMap<&'p str, BTreeMap<&'p str, usize>>>;

/// Some roles, in an order of their own, by what they select.
pub(super) struct Shortlist<'p> {
    roles: Vec<&'p Role>,
    kinds: BTreeMap<TargetKind, Drawer<'p>>,
}

/// The roles that select targets of one kind, each by its place in the list, in one place.
#[derive(Default)]
struct Drawer<'p> {
    /// Those that no written value leads to.
    anywhere: Vec<usize>,
    /// Those that select no target without this label, by key and value.
    labelled: BTreeMap<&'p str, BTreeMap<Cow<'p, str>, Vec<usize>>>,
}

/// How often each label stands on a target.
pub(super) fn frequencies(policy: &Policy) -> Frequencies<'_> {
    let mut frequencies = Frequencies::new();
    for target in policy.targets() {
        let kind = frequencies.entry(target.id.kind).or_default();
        for (key, value) in &target.labels {
            *kind.entry(key).or_default().entry(value).or_default() += 1;
        }
    }
    frequencies
}

impl<'p> Shortlist<'p> {
    pub(super) fn new(roles: Vec<&'p Role>, user: &'p User, frequencies: &Frequencies<'_>) -> Self {
        let mut kinds = BTreeMap::new();
        for (kind, labels) in frequencies {
            let drawer: &mut Drawer<'_> = kinds.entry(*kind).or_default();
            for (at, role) in roles.iter().enumerate() {
                drawer.put(at, role.allow.selector(*kind), user, labels);
            }
        }
        Self { roles, kinds }
    }

    /// The roles that may select this target, in the order of the list; the others do not.
    pub(super) fn near(&self, target: &Target) -> Vec<&'p Role> {
        let Some(drawer) = self.kinds.get(&target.id.kind) else { return Vec::new() };
        let mut places = drawer.anywhere.clone();
        for (key, value) in &target.labels {
            let values = drawer.labelled.get(key.as_str());
            places
                .extend(values.and_then(|values| values.get(value.as_str())).into_iter().flatten());
        }
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|at| self.roles.get(at).copied()).collect()
    }
}

impl<'p> Drawer<'p> {
    /// Puts a role where the fewest targets come by.
    fn put(
        &mut self,
        at: usize,
        selector: &'p Selector,
        user: &'p User,
        labels: &BTreeMap<&str, BTreeMap<&str, usize>>,
    ) {
        if selector.is_empty() {
            return;
        }
        let carried = |key: &str, values: &[Cow<'_, str>]| {
            let known = labels.get(key);
            let count = |value: &Cow<'_, str>| known.and_then(|known| known.get(&**value)).copied();
            values.iter().filter_map(count).sum::<usize>()
        };
        let wanted = selector.labels.written(&user.traits);
        match wanted.min_by_key(|(key, values)| carried(key, values)) {
            Some((key, values)) => {
                let places = self.labelled.entry(key).or_default();
                values.into_iter().for_each(|value| places.entry(value).or_default().push(at));
            }
            None => self.anywhere.push(at),
        }
    }
}
