//! SQLite does what any backend must do.

use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use proptest::prelude::*;
use store::conformance::model::{Expected, Step, Written, replay};
use store::conformance::{Bench, run};
use store::kv::{Answer, Kv};
use store::sqlite::{SqliteKv, SqliteOptions};

use crate::house::Hand;

#[derive(Debug)]
struct Sqlite {
    root: tempfile::TempDir,
    hand: Hand,
}

impl Sqlite {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), hand: Hand::new() }
    }
}

impl Bench for Sqlite {
    fn open(&self) -> Answer<'_, Arc<dyn Kv>> {
        async {
            let path = self.root.path().join("state.db");
            let kv = SqliteKv::open(&path, SqliteOptions::new(self.hand.clock())).unwrap();
            Arc::new(kv) as Arc<dyn Kv>
        }
        .boxed()
    }

    fn forward(&self, by: SignedDuration) {
        self.hand.forward(by);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_every_rule() {
    run(&|| Box::new(Sqlite::new())).await.unwrap();
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..12_u8;
    let expected = prop_oneof![
        1 => Just(Expected::Absent),
        4 => Just(Expected::Current),
        1 => Just(Expected::Stale),
    ];
    let written = prop_oneof![
        6 => (number(), proptest::collection::vec(any::<u8>(), 0..4)).prop_map(|(n, v)| Written::Put(n, v)),
        3 => number().prop_map(Written::Delete),
        1 => number().prop_map(Written::DeleteGroup),
    ];
    let commit = (
        proptest::collection::vec((number(), expected), 0..3),
        proptest::collection::vec(written, 0..5),
        proptest::option::weighted(0.3, 0..4_usize),
    );
    prop_oneof![
        10 => commit.prop_map(|(expects, written, lease)| Step::Commit(expects, written, lease)),
        3 => (number(), number(), any::<bool>(), 1..5_usize).prop_map(|(g, k, b, l)| Step::Range(g, k, b, l)),
        2 => (1..20_i64).prop_map(Step::Lease),
        1 => (0..4_usize, 1..20_i64).prop_map(|(lease, ttl)| Step::Keep(lease, ttl)),
        1 => (0..4_usize).prop_map(Step::End),
        2 => (1..10_i64).prop_map(Step::Forward),
        1 => (0..8_u64).prop_map(Step::Compact),
        2 => (number(), 0..12_u64).prop_map(|(group, ago)| Step::Watch(group, ago)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_is_a_map_and_a_list(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(replay(&Sqlite::new(), &steps)).map_err(|broken| TestCaseError::fail(broken.to_string()))?;
    }
}
