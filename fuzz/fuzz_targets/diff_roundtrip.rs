//! Of any two documents, the diff leads from one to the other and back, with and without a schema.
#![no_main]

use drift_core::schema::SchemaSet;
use drift_core::{Doc, diff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&[u8], &[u8], u8)| {
    let (Ok(a), Ok(b)) = (Doc::from_json(data.0), Doc::from_json(data.1)) else { return };
    let schemas = SchemaSet::bundled();
    let kinds: Vec<_> = schemas.kinds().collect();
    for ty in [None, kinds.get(usize::from(data.2) % kinds.len()).map(|k| k.root())] {
        assert!(diff(&a, &a, ty).is_empty());
        let found = diff(&a, &b, ty);
        let Ok(there) = found.patch(&a, ty) else { panic!("{a:?} {b:?}: no place for {found:?}") };
        assert!(diff(&there, &b, ty).is_empty(), "{a:?} {b:?}: {found:?}");
        let Ok(back) = found.invert().patch(&there, ty) else {
            panic!("{a:?} {b:?}: no way back of {found:?}")
        };
        assert!(diff(&back, &a, ty).is_empty(), "{a:?} {b:?}: {found:?}");
    }
});
