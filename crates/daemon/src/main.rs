//! `countersign`: the daemon.

fn main() {}
