//! The commands of `tctl`.
