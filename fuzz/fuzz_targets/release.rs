//! Any bytes are a stored release or an error that shows nothing of them, the same in each of the forms Helm wrote.
#![no_main]

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::{Doc, Object};
use drift_fuzz::PLANTED;
use drift_sources::helm::{ReleaseError, StoredRelease};
use libfuzzer_sys::fuzz_target;

/// Decodes what a ConfigMap of Helm holds.
fn decode(text: &str) -> Result<StoredRelease, ReleaseError> {
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"release": text},
        "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "n", "labels": {"owner": "helm"}},
    });
    let doc = Doc::from_value(&object).expect("not deep");
    let object = Object::new(doc).expect("it has kind and name");
    let release = StoredRelease::from_object(&object).expect("it is Helm's");
    if let Err(why) = &release {
        assert!(!why.to_string().contains(PLANTED), "{why}");
    }
    release
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = decode(text);
    }
    let plain = decode(&STANDARD.encode(data));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(data).expect("in memory");
    let packed = decode(&STANDARD.encode(packer.finish().expect("in memory")));
    // Bytes that are gzip themselves are unpacked once.
    if !data.starts_with(&[0x1f, 0x8b, 0x08]) {
        assert_eq!(format!("{plain:?}"), format!("{packed:?}"));
    }
});
