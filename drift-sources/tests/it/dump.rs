//! Dumps in every shape that people make them.

use std::io::{Cursor, Write};

use drift_core::{Cursor as SourceCursor, Observation, Scope, Source};
use drift_sources::dump::{Dump, DumpError, DumpOptions, DumpSource};
use futures::StreamExt;
use proptest::prelude::*;

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}"#;
const SERVICE: &str = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(bytes: impl Into<Vec<u8>>) -> Result<Vec<String>, DumpError> {
    let dump = Dump::from_stream("live.json", Cursor::new(bytes.into()), DumpOptions::default())?;
    dump.map(|o| o.map(|o| o.key().to_string())).collect()
}

fn check(text: &str, expect: &[&str]) {
    for bytes in
        [text.as_bytes().to_vec(), gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 1).unwrap()]
    {
        assert_eq!(read(bytes).unwrap(), expect, "{text}");
    }
}

#[test]
fn every_shape_of_a_dump_is_read() {
    let both = ["Pod//a", "Service//b"];
    check(POD, &["Pod//a"]);
    check(
        &format!(r#"{{"apiVersion":"v1","items":[{POD},{SERVICE}],"kind":"List","metadata":{{}}}}"#),
        &both,
    );
    check(&format!(" {POD}\n\n{SERVICE} "), &both);
    check(&format!("[{POD},\n {SERVICE}]"), &both);
    check(&format!("---\n{POD}\n---\n{SERVICE}\n"), &both);
    check(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n",
        &["Pod//a"],
    );
    check(&format!("\u{feff}{POD}"), &["Pod//a"]);
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(POD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(read(wide).unwrap(), ["Pod//a"]);
}

#[test]
fn items_take_the_kind_of_their_list_wherever_it_stands() {
    let items =
        r#""items":[{"metadata":{"name":"a"}},{"kind":"Other","apiVersion":"x/v1","metadata":{"name":"b"}}]"#;
    let keys = ["Deployment.apps//a", "Other.x//b"];
    check(&format!(r#"{{"kind":"DeploymentList","apiVersion":"apps/v1",{items}}}"#), &keys);
    // What has to wait for the kind comes last.
    check(
        &format!(r#"{{"apiVersion":"apps/v1",{items},"kind":"DeploymentList"}}"#),
        &["Other.x//b", "Deployment.apps//a"],
    );
    check(
        &format!(r#"{{"kind":"DeploymentList",{items},"apiVersion":"apps/v1"}}"#),
        &["Other.x//b", "Deployment.apps//a"],
    );
    check(r#"{"kind":"PodList","apiVersion":"v1","items":null}"#, &[]);
    check(r#"{"kind":"PodList","apiVersion":"v1","items":[]}"#, &[]);
}

#[test]
fn an_object_with_a_field_called_items_is_no_list() {
    for text in [
        r#"{"apiVersion":"x/v1","items":[{"a":1},2],"kind":"Menu","metadata":{"name":"m"}}"#,
        r#"{"apiVersion":"x/v1","kind":"Menu","items":[{"a":1},2],"metadata":{"name":"m"}}"#,
        r#"{"apiVersion":"x/v1","items":"none","kind":"Menu","metadata":{"name":"m"}}"#,
    ] {
        check(text, &["Menu.x//m"]);
        let dump =
            Dump::from_stream("x", Cursor::new(text.as_bytes().to_vec()), DumpOptions::default()).unwrap();
        let want: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(dump.last().unwrap().unwrap().root().to_value(), want);
    }
}

fn error(bytes: impl Into<Vec<u8>>) -> String {
    use std::error::Error;
    let error = read(bytes).unwrap_err();
    let source = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    format!("{error}{source}")
}

#[test]
fn a_dump_that_is_not_whole_is_an_error_with_a_place() {
    let list = format!("{{\"kind\":\"List\",\"items\":[\n{POD},\n{SERVICE}\n]}}");
    for cut in 1..list.len() {
        let cut_off = error(&list.as_bytes()[..cut]);
        assert!(cut_off.contains("live.json: line "), "{cut}: {cut_off}");
    }
    let long: String = (0..500)
        .map(|i| format!("{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"p{i}\"}}}}\n"))
        .collect();
    let packed = gzip(long.as_bytes());
    let shown = error(&packed[..packed.len() / 2]);
    assert!(shown.contains("the compressed data ends early"), "{shown}");
    assert_eq!(error(""), "live.json is empty: neither JSON nor YAML");
    assert_eq!(
        error(format!("[{POD} {SERVICE}]")),
        "live.json: line 1, column 59 (byte 58 decompressed): `,` or `]` expected"
    );
    assert_eq!(
        error("{\"kind\":\"List\",\"items\":[\n{\"a\":tru}]}"),
        "live.json: line 2, column 9 (byte 25 decompressed): expected ident"
    );
    assert_eq!(
        error("{\"kind\":\"List\",\"items\":[\n\n{\"a\":1}]}"),
        "live.json: line 3: not a Kubernetes object: `apiVersion` is missing"
    );
    assert!(error(format!("{{\"items\":[{POD}],\"kind\":List}}")).contains("line 1"));
    assert!(error("a: [").contains("live.json: line 1, column "));
}

#[test]
fn bounds_hold() {
    let options = DumpOptions { max_size: 300, max_object: 100 };
    let run = |text: String| {
        Dump::from_stream("x", Cursor::new(text.into_bytes()), options).unwrap().find_map(Result::err)
    };
    assert!(run(POD.to_owned()).is_none());
    assert!(run(POD.repeat(10)).unwrap().to_string().contains("more than 300 bytes"));
    assert!(run(format!("{{\"a\":\"{}\"}}", "x".repeat(200))).unwrap().to_string().contains("100 bytes"));
    assert!(run(format!("a: {}", "x".repeat(200))).unwrap().to_string().contains("100 bytes"));
    // Depth costs no stack.
    assert!(read("[".repeat(1 << 20)).is_err() && read("{\"a\":".repeat(1 << 18)).is_err());
}

#[test]
fn a_dump_is_one_listing_and_half_a_dump_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.json");
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let observe = |text: &str, after: Option<&str>| -> Vec<String> {
        std::fs::write(&path, text).unwrap();
        let source: Box<dyn Source> = Box::new(DumpSource::new(path.clone(), Scope::default(), at));
        let stream = source.observe(after.map(SourceCursor::new));
        futures::executor::block_on_stream(stream.map(|o| match o {
            Ok(Observation::Applied(a)) => a.key.to_string(),
            Ok(Observation::RelistStarted(_)) => "start".to_owned(),
            Ok(Observation::RelistDone { .. }) => "done".to_owned(),
            Ok(Observation::Checkpoint(c)) => c.to_string(),
            Ok(other) => panic!("{other:?}"),
            Err(e) => e.to_string().replace(path.to_str().unwrap(), "FILE"),
        }))
        .collect()
    };
    assert_eq!(
        observe(&format!("{POD}{SERVICE}"), None),
        ["start", "Pod//a", "Service//b", "done", "dump:end"]
    );
    assert_eq!(observe(&format!("{POD}{{"), None), ["start", "Pod//a", "FILE cannot be read"]);
    assert!(observe(POD, Some("dump:end")).is_empty());
    assert_eq!(observe(POD, Some("line:3")), ["cannot go on from cursor `line:3`"]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(bytes);
    }

    #[test]
    fn any_json_like_text_is_read_or_refused(text in r#"([\[\]{},:" \n\\a1-]|"items":|"kind":"List"|"kind":"PodList"|\{"apiVersion":"v1","kind":"Pod","metadata":\{"name":"a"\}\}){0,30}"#) {
        let _ = read(text);
    }
}
