//! Which version our greeting shows, before the server behind it is known or dialled.
//!
//! Clients choose by it: the name of a variable to ask for, whether a statement exists. So a greeting shows the version
//! its target had when it was last dialled. On MySQL's own port the target is not known when we greet; there the
//! greeting shows what all targets have in common that were dialled so far: the one version, or the oldest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use access::name::TargetName;

/// Shown while nothing is known. Clients take a server of 8.0 for one that has everything of today.
const UNKNOWN: &str = "8.0.36-countersign";
/// The longest version that is kept, in bytes.
const MAX_VERSION: usize = 96;
/// Targets whose version is kept.
const MAX_TARGETS: usize = 4096;

/// The versions of targets, as they were last seen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions(Arc<Mutex<BTreeMap<TargetName, Box<str>>>>);

impl Versions {
    /// What a server of `target` has said.
    pub(super) fn learn(&self, target: &TargetName, version: &str) {
        // A MariaDB of old pretended to be a MySQL 5.5.5 for its replicas.
        let version = version.strip_prefix("5.5.5-").unwrap_or(version);
        if version.len() > MAX_VERSION {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(target).is_some_and(|kept| **kept == *version)
            || (known.len() >= MAX_TARGETS && !known.contains_key(target))
        {
            return;
        }
        known.insert(target.clone(), version.into());
    }

    /// What a greeting shows, for `target` or for any.
    pub(super) fn greeting(&self, target: Option<&str>) -> Box<str> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = match target {
            Some(target) => target.parse::<TargetName>().ok().and_then(|target| known.get(&target)),
            None => known.values().min_by_key(|version| numbers(version)),
        };
        shown.map_or(UNKNOWN, |version| &**version).into()
    }
}

/// `10.11.6` of `10.11.6-MariaDB`, to compare. MariaDB's count from 10 and are no MySQL's: a house with both shows
/// MySQL's.
fn numbers(version: &str) -> Vec<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let numbers = version.get(..end).unwrap_or_default();
    numbers.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_shows_what_its_target_has_or_what_all_have() {
        let versions = Versions::default();
        assert_eq!(&*versions.greeting(None), UNKNOWN);
        let (orders, stock) = ("orders".parse().unwrap(), "stock".parse().unwrap());
        versions.learn(&orders, "5.5.5-10.11.6-MariaDB-0+deb12u1");
        assert_eq!(&*versions.greeting(Some("orders")), "10.11.6-MariaDB-0+deb12u1");
        assert_eq!(&*versions.greeting(None), "10.11.6-MariaDB-0+deb12u1");
        versions.learn(&stock, "8.4.2");
        assert_eq!(&*versions.greeting(None), "8.4.2");
        assert_eq!(&*versions.greeting(Some("stock")), "8.4.2");
        assert_eq!(&*versions.greeting(Some("other")), UNKNOWN);
        assert_eq!(&*versions.greeting(Some("no such name!")), UNKNOWN);
    }
}
