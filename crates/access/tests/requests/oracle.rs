//! A second opinion on thresholds: the plainest way to say the same thing.
//!
//! It knows roles instead of expressions and counts by hand; what the law decides must be what it says.

use std::collections::BTreeSet;

/// Whose reviews count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    Anyone,
    Holding(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) who: Who,
    pub(crate) approve: u32,
    pub(crate) deny: u32,
    pub(crate) all_of: Vec<(Who, u32)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Vote {
    pub(crate) holding: BTreeSet<String>,
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opinion {
    No,
    Waiting,
    Yes,
}

/// Each list is one role of the requester with its bars, any of which is enough; all lists must agree.
pub(crate) fn opinion(lists: &[Vec<Bar>], votes: &[Vote]) -> Opinion {
    let count = |who: Who, yes: bool| {
        let mut count = 0;
        for vote in votes {
            let counts = match who {
                Who::Anyone => true,
                Who::Holding(role) => vote.holding.contains(role),
            };
            if counts && vote.yes == yes {
                count += 1;
            }
        }
        count
    };
    let mut agreeing = 0;
    for list in lists {
        let mut agrees = false;
        for bar in list {
            if bar.deny != 0 && count(bar.who, false) >= bar.deny {
                return Opinion::No;
            }
            let mut met = bar.approve != 0 || !bar.all_of.is_empty();
            met &= count(bar.who, true) >= bar.approve;
            for (who, approve) in &bar.all_of {
                met &= count(*who, true) >= *approve;
            }
            agrees |= met;
        }
        agreeing += usize::from(agrees);
    }
    if !lists.is_empty() && agreeing == lists.len() { Opinion::Yes } else { Opinion::Waiting }
}

impl Bar {
    /// The same as a role document writes it.
    pub(crate) fn yaml(&self) -> String {
        let filter = |who: Who| match who {
            Who::Anyone => String::new(),
            Who::Holding(role) => format!("filter: 'contains(reviewer.roles, \"{role}\")', "),
        };
        let parts: Vec<String> = self
            .all_of
            .iter()
            .map(|(who, approve)| format!("{{{}approve: {approve}}}", filter(*who)))
            .collect();
        format!(
            "{{{}approve: {}, deny: {}, all_of: [{}]}}",
            filter(self.who),
            self.approve,
            self.deny,
            parts.join(", ")
        )
    }
}
