//! The suites that every event store runs.

use std::sync::Arc;

use drift_core::{EventStore, testing};
use drift_sinks::store::embedded::EmbeddedStore;
use futures::executor::block_on;

use crate::sample::small;

#[test]
fn the_contract_of_event_stores_holds() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| EmbeddedStore::open_with(dir.path().join(name), &small()).unwrap();
    block_on(testing::event_store(&open("one")));
    let shared: Arc<dyn EventStore> = Arc::new(open("dynamic"));
    block_on(testing::event_store(&*shared));
    block_on(testing::event_store_shared(Arc::new(open("shared"))));
    block_on(testing::event_store(&EmbeddedStore::open(dir.path().join("default")).unwrap()));
    for name in ["one", "dynamic", "shared", "default"] {
        let report = EmbeddedStore::verify(dir.path().join(name)).unwrap();
        assert!(report.is_sound(), "{name}: {report:?}");
    }
}

#[test]
fn the_contract_holds_over_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut open =
        || -> Arc<dyn EventStore> { Arc::new(EmbeddedStore::open_with(dir.path(), &small()).unwrap()) };
    block_on(testing::event_store_reopened(&mut open));
}
