//! Promotion: instead of a grant for a while, lasting membership of a list that grants the same.

use crate::name::{RoleName, UserName};
use std::collections::BTreeSet;

/// A list of people who hold some roles for as long as they are on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessList {
    /// Its name.
    pub name: Box<str>,
    /// Who decides who is on it.
    pub owners: BTreeSet<UserName>,
    /// What its members hold.
    pub grants: BTreeSet<RoleName>,
}
