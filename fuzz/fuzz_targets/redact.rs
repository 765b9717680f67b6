//! A value of a Secret is in no output, wherever it stood. Line 1 is an object, then a text; the value is planted in both.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::redact::{RedactOptions, Redactor, SecretValues};
use drift_core::{Doc, Object};
use drift_fuzz::{KEY, PLANTED, pick, split_line};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// Returns what the value reads as in base64 at each of the three places where it can begin, without what depends on its neighbours.
fn encoded() -> [String; 3] {
    [0, 1, 2].map(|skip| {
        let text = STANDARD.encode([&b"__"[..skip], PLANTED.as_bytes()].concat());
        text[4..text.len() - 4].to_owned()
    })
}

static ENCODED: LazyLock<[String; 3]> = LazyLock::new(encoded);

/// Knows the value; nothing that is blanked teaches it more.
static VALUES: LazyLock<SecretValues> = LazyLock::new(|| {
    let values = SecretValues::default();
    values.learn([&object_of(&secret()).expect("a Secret")]);
    values
});

fn assert_gone(text: &str, what: &str) {
    assert!(!text.contains(PLANTED), "{what}: {text}");
    assert!(ENCODED.iter().all(|encoded| !text.contains(encoded)), "{what}, in base64: {text}");
}

fn secret() -> serde_json::Value {
    let data = json!({"token": STANDARD.encode(PLANTED)});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": data})
}

fn object_of(value: &serde_json::Value) -> Option<Object> {
    Object::new(Doc::from_value(value).ok()?).ok()
}

fuzz_target!(|data: &[u8]| {
    // A part of the value that stands in the input is not the value.
    if ENCODED.iter().any(|part| data.windows(part.len()).any(|w| w == part.as_bytes())) {
        return;
    }
    let (first, rest) = split_line(data);
    // The text that is blanked is cut in two, and the value stands between in one of its forms.
    let text = String::from_utf8_lossy(rest);
    let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, after) = text.split_at(half);
    let encoded = STANDARD.encode([before.as_bytes(), PLANTED.as_bytes(), after.as_bytes()].concat());
    let as_json = serde_json::to_string(&format!("{before}{PLANTED}{after}")).expect("a text");
    let forms = [format!("{before}{PLANTED}{after}"), encoded, as_json];
    let blanked = VALUES.blank(&forms[usize::from(pick(data, 3))]);
    assert_gone(&blanked, "blanked");
    assert_eq!(VALUES.blank(&blanked), blanked);

    // An object that holds the Secret and copies of its value.
    let Ok(mut document) = serde_json::from_slice::<serde_json::Value>(first) else { return };
    let Some(map) = document.as_object_mut() else { return };
    map.insert("zz-copy".into(), secret());
    map.insert("zz-text".into(), secret().to_string().into());
    map.insert("aa-value".into(), format!("{before}{PLANTED}{after}").into());
    let Some(object) = object_of(&document) else { return };
    let redactor = Redactor::with_values(RedactOptions::new(KEY), SecretValues::default());
    let redacted = redactor.redact(object);
    assert_gone(&redacted.doc().to_json(), "redacted");
    let again = redactor.redact(redacted.clone());
    assert_eq!(again.doc().to_json(), redacted.doc().to_json());
});
