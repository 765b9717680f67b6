//! YAML as kubectl reads it: recorded answers of kubectl, positions, and input made to hurt.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drift_core::{FieldPath, Scalar};
use drift_sources::yaml::{self, ErrorKind};
use proptest::prelude::*;
use serde_json::Value;

/// What kubectl reads differently and nobody writes.
const EXOTIC: &[(&str, &str)] = &[
    ("nel", "YAML 1.1 folds NEL (U+0085) as a line break, YAML 1.2 does not"),
    ("ls", "YAML 1.1 takes LS (U+2028) for a line break, YAML 1.2 for a character"),
    ("surr", "go-yaml refuses surrogate pairs in escapes, which every JSON writer may emit"),
    ("dquote_esc", r"go-yaml refuses the escape `\/`, which YAML 1.2 and JSON have"),
];

/// Reads one document and returns the field under `k` or `spec.k`, or the error.
fn field(text: &str) -> Result<Value, String> {
    let mut documents = yaml::read(text.as_bytes());
    assert_eq!(documents.len(), 1, "{text:?}");
    let value = documents.remove(0).map_err(|e| e.to_string())?.doc.root().to_value();
    let spec = if text.starts_with("spec") { &value["spec"] } else { &value };
    Ok(spec.get("k").cloned().unwrap_or(Value::Null))
}

fn check(name: &str, text: &str, expect: &str) {
    match (field(text), expect.starts_with("ERR")) {
        (Err(_), true) => {}
        (Ok(got), false) => {
            let want: Value = serde_json::from_str(expect).unwrap();
            let equal = got == want || (got.is_number() && got.as_f64() == want.as_f64());
            assert!(equal, "{name}: {got} instead of {want}");
        }
        (got, _) => panic!("{name}: {got:?} instead of {expect}"),
    }
}

#[test]
fn scalars_are_what_kubectl_makes_of_them() {
    let cases: Vec<(String, String)> =
        serde_json::from_str(include_str!("../data/go_yaml_scalars.json")).unwrap();
    for (text, expect) in &cases {
        check(text, &format!("k: {text}\n"), expect);
    }
    assert_eq!(cases.len(), 56);
}

/// As libyaml, and go-yaml after it, takes them; YAML 1.2 wants the lines of a scalar deeper than its block.
#[test]
fn a_quoted_scalar_may_go_on_anywhere() {
    check("at the margin", "spec:\n  k: 'a\n b\nc'\n", r#""a b c""#);
    check("a bracket at the end", "spec:\n    k: '[\n      {\n    1,\n    2\n  }\n]'\n", r#""[ { 1, 2 } ]""#);
    check("double quotes, a blank line", "spec:\n  k: \"a'\n\n  b\\\n  c\"\n", r#""a'\nbc""#);
    check("in a list", "k:\n- 'a\nb'\n- \"c\nd\"\n", r#"["a b","c d"]"#);
    check(
        "many",
        &format!("k:\n{}", "- 'a\n  b\nc'\n".repeat(20)),
        &serde_json::json!(vec!["a b c"; 20]).to_string(),
    );
    let document = yaml::read(b"a: 'x\ny'\nb: 1\n").remove(0).unwrap();
    let b = document.positions.locate(document.doc.root(), &FieldPath::parse("b").unwrap());
    assert_eq!(b.map(|p| p.line), Some(3), "lines stay what they are");
    check("not to the end of the file", "k: 'a\nb: c\n", "ERR");
    let hostile = format!("k:\n{}- 'a\n{}", " ".repeat(100_000), "b\n".repeat(100_000));
    assert!(yaml::read(hostile.as_bytes())[0].is_err());
}

#[test]
fn structures_are_what_kubectl_makes_of_them() {
    let cases: BTreeMap<String, (String, String)> =
        serde_json::from_str(include_str!("../data/go_yaml_structures.json")).unwrap();
    for (name, (text, expect)) in &cases {
        if EXOTIC.iter().all(|(exotic, _)| exotic != name) {
            check(name, &format!("spec:\n{text}"), expect);
        }
    }
    assert_eq!(cases.len(), 57);
    assert!(EXOTIC.iter().all(|(name, _)| cases.contains_key(*name)));
}

#[test]
fn numbers_and_tags_beyond_the_recorded_ones() {
    for (text, expect) in [
        ("{1000000.0: a}", r#"{"1e+06":"a"}"#),
        ("{18446744073709551615: a}", "ERR"),
        ("{\"<<\": {a: 1}}", r#"{"<<":{"a":1}}"#),
        ("[<<, =]", r#"["<<","="]"#),
        ("! 12", "\"12\""),
        ("!foo 12", "\"12\""),
        ("!!int x", "ERR"),
        ("!!float x", "ERR"),
        ("!!null x", "ERR"),
        ("!!binary \"*\"", "ERR"),
        ("!!timestamp 2001-01-01", "\"2001-01-01\""),
        ("{<<: 1}", "ERR"),
        ("{<<: [{a: 1}, 2]}", "ERR"),
        ("{a: 1, <<: {<<: {a: 2, b: 3}, b: 4}}", r#"{"a":2,"b":4}"#),
        ("4611686018427387904.0", "4611686018427388000"),
        (".nan", "ERR"),
    ] {
        check(text, &format!("k: {text}\n"), expect);
    }
}

#[test]
fn a_broken_document_takes_no_other_with_it() {
    let text =
        "a: 1\n---\nb: [1\n---\nc: \"x\n---\nd: {~: 1}\n---\n- e\n...\nf: 6\n--- # g\n\u{1}: 7\n---\nh: 8\n";
    let read: Vec<String> = yaml::read(text.as_bytes())
        .iter()
        .map(|d| match d {
            Ok(d) => format!("{} {}", d.position.line, d.doc.to_json()),
            Err(e) => format!("error in line {}", e.line),
        })
        .collect();
    assert_eq!(
        read,
        [
            "1 {\"a\":1}",
            "error in line 3",
            "error in line 6",
            "error in line 7",
            "9 [\"e\"]",
            "error in line 11",
            "error in line 13",
            "15 {\"h\":8}"
        ]
    );
}

/// Returns `line:column` of a path in the first document.
fn place(text: &str, path: &str) -> String {
    let document = yaml::read(text.as_bytes()).remove(0).unwrap();
    let path = FieldPath::parse(path).unwrap();
    let at = document.positions.locate(document.doc.root(), &path).unwrap();
    format!("{}:{}", at.line, at.column)
}

const POD: &str = "\
# a comment
kind: Pod
metadata:
  name: web
  finalizers: [a/b, c/d]
spec:
  containers:
  - name: side
    image: x
  - image: >-
      y
    name: web
    ports:
    - containerPort: 80
    - {containerPort: 81, protocol: UDP}
";

#[test]
fn every_field_has_its_line() {
    for (path, expect) in [
        (".", "2:1"),
        (".kind", "2:7"),
        (".metadata", "3:1"),
        (".metadata.finalizers[=\"c/d\"]", "5:21"),
        (".spec.containers", "7:3"),
        (".spec.containers[1]", "10:5"),
        (".spec.containers[name=web].image", "11:7"),
        (".spec.containers[name=web].ports[containerPort=80,protocol=TCP]", "14:7"),
        (".spec.containers[name=web].ports[containerPort=81,protocol=UDP].protocol", "15:37"),
        // Not in the file: the nearest field above.
        (".spec.containers[name=web].resources.limits", "10:5"),
        (".spec.containers[name=gone].image", "7:3"),
        (".status", "2:1"),
    ] {
        assert_eq!(place(POD, path), expect, "{path}");
    }
}

#[test]
fn merged_fields_stand_where_they_were_written() {
    let text = "x: &x\n  a: 1\n  b: 2\nk:\n  a: 0\n  <<: *x\n  b: 3\nz: *x\n";
    assert_eq!(place(text, ".k.a"), "2:6");
    assert_eq!(place(text, ".k.b"), "7:6");
    assert_eq!(place(text, ".z"), "8:4");
    assert_eq!(place(text, ".z.a"), "2:6");
}

#[test]
fn json_is_read_as_json_and_has_lines_too() {
    let text = "\n{\"kind\": \"Pod\",\n \"metadata\": {\"n\\u0061me\": \"\\ud83d\\ude00\\/\",\n  \"ü\": [1, {\"b\": 2}]}}\n";
    let documents = yaml::read(text.as_bytes());
    let doc = &documents[0].as_ref().unwrap().doc;
    assert_eq!(doc.to_json(), r#"{"kind":"Pod","metadata":{"name":"😀/","ü":[1,{"b":2}]}}"#);
    assert_eq!(place(text, "."), "2:1");
    assert_eq!(place(text, ".metadata"), "3:2");
    assert_eq!(place(text, ".metadata.name"), "3:28");
    assert_eq!(place(text, ".metadata[\"ü\"][1].b"), "4:18");
}

#[test]
fn a_json_stream_is_read_up_to_the_damage() {
    let read = yaml::read(b"{\"a\":1}{\"b\":2}\n {\"c\":}");
    assert_eq!(read.len(), 3);
    assert_eq!(read[1].as_ref().unwrap().doc.to_json(), r#"{"b":2}"#);
    let error = read[2].as_ref().unwrap_err();
    assert_eq!((error.line, error.column), (2, 7), "{error}");
    // A flow map that is YAML only.
    assert_eq!(yaml::read(b"{a: yes}")[0].as_ref().unwrap().doc.to_json(), r#"{"a":true}"#);
}

#[test]
fn items_of_a_list_are_documents_of_their_own() {
    let yaml = "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: a}\n- kind: Other\n  x: 1\n- {~: 1}\n";
    let json = r#"{"apiVersion":"apps/v1","items":[{"metadata":{"name":"a"}},{"kind":"Other","x":1},{}],"kind":"DeploymentList"}"#;
    let first = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}}"#;
    let second = r#"{"apiVersion":"apps/v1","kind":"Other","x":1}"#;
    let read = yaml::read(yaml.as_bytes());
    assert_eq!(read[0].as_ref().unwrap().doc.to_json(), first);
    assert_eq!(read[1].as_ref().unwrap().doc.to_json(), second);
    assert_eq!(read[2].as_ref().unwrap_err().line, 7);
    let document = read[0].as_ref().unwrap();
    let name = FieldPath::of(&["metadata", "name"]);
    assert_eq!(document.positions.locate(document.doc.root(), &name).unwrap().line, 4);

    let read = yaml::read(json.as_bytes());
    let texts: Vec<String> = read.iter().map(|d| d.as_ref().unwrap().doc.to_json()).collect();
    assert_eq!(texts, [first, second, r#"{"apiVersion":"apps/v1","kind":"Deployment"}"#]);
    assert_eq!(read[1].as_ref().unwrap().position.column, 60);
}

#[test]
fn a_list_in_a_list_is_flattened() {
    let text = "kind: List\nitems:\n- kind: List\n  items: [{a: 1}, {b: 2}]\n- {c: 3}\n";
    let texts: Vec<String> =
        yaml::read(text.as_bytes()).iter().map(|d| d.as_ref().unwrap().doc.to_json()).collect();
    assert_eq!(texts, [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]);
}

fn error(text: &[u8]) -> ErrorKind {
    let started = Instant::now();
    let kind = yaml::read(text).remove(0).unwrap_err().kind;
    assert!(started.elapsed() < Duration::from_secs(20), "took {:?}", started.elapsed());
    kind
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        text.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
    }
    assert_eq!(error(text.as_bytes()), ErrorKind::Bomb);
    let mut text = String::from("a0: &a0 {k: v}\n");
    for i in 1..40 {
        text.push_str(&format!("a{i}: &a{i}\n  <<: [*a{0}, *a{0}]\n", i - 1));
    }
    assert_eq!(error(text.as_bytes()), ErrorKind::Bomb);
    // Few values, much text.
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"].repeat(4000).join(","));
    assert_eq!(error(text.as_bytes()), ErrorKind::Bomb);
    assert_eq!(error(b"a: &a [*a]"), ErrorKind::SelfReference);
    assert_eq!(error(b"a: &a {<<: *a}"), ErrorKind::SelfReference);
}

#[test]
fn deep_nesting_is_refused_without_a_stack_overflow() {
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        (0..2000).map(|i| format!("{}a:\n", " ".repeat(i))).collect(),
        "? ".repeat(100_000),
    ] {
        let kind = error(text.as_bytes());
        assert!(matches!(kind, ErrorKind::Syntax(_) | ErrorKind::TooDeep), "{kind:?}");
    }
    let mut text = String::from("a0: &a0 {k: v}\n");
    for i in 1..300 {
        text.push_str(&format!("a{i}: &a{i} {{k: *a{}}}\n", i - 1));
    }
    assert!(matches!(error(text.as_bytes()), ErrorKind::TooDeep | ErrorKind::Bomb));
}

#[test]
fn bytes_that_are_no_text_are_named() {
    assert_eq!(error(b"a: \0"), ErrorKind::Character(0));
    assert_eq!(error(b"a: \xff"), ErrorKind::Encoding("UTF-8"));
    assert_eq!(error(b"\xff\xfea"), ErrorKind::Encoding("UTF-16"));
    assert_eq!(yaml::read(b"\xef\xbb\xbfa: 1")[0].as_ref().unwrap().doc.to_json(), r#"{"a":1}"#);
    assert!(yaml::read(b"").is_empty() && yaml::read(b"# x\n---\n---\n~\n").is_empty());
}

#[test]
fn an_error_at_the_end_of_a_text_has_a_column() {
    let error = yaml::read(b"\n\n{\n").remove(0).unwrap_err();
    assert_eq!((error.line, error.column), (4, 1), "{error}");
}

#[test]
fn no_error_shows_a_value() {
    for text in [
        "k: !!int s3cret",
        "k: [s3cret",
        "k: \"s3cret",
        "k: {s3cret",
        "s3cret\nk: 1",
        "k: !!binary 's3cret!'",
        "{\"k\": s3cret,,}",
        "k: @s3cret",
        "k: s3cret: x",
    ] {
        let shown = yaml::read(text.as_bytes()).remove(0).unwrap_err().to_string();
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-z/.]{0,5}", inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// Visits every value with its path and the pointer that `serde_json` finds it by.
fn walk(value: &Value, path: FieldPath, visit: &mut impl FnMut(&FieldPath, &Value)) {
    visit(&path, value);
    match value {
        Value::Array(list) => {
            for (i, v) in list.iter().enumerate() {
                walk(v, path.child(drift_core::PathElement::Index(i)), visit);
            }
        }
        Value::Object(map) => map.iter().for_each(|(k, v)| walk(v, path.child(k.as_str()), visit)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        yaml::read(&bytes);
    }

    #[test]
    fn any_yaml_like_text_is_read_or_refused(text in "([a-z:&*{}\\[\\]<>|!\"'# \n\t,?~%.0-9-]|<<|---|: |- |\n  ){0,80}") {
        yaml::read(text.as_bytes());
    }

    #[test]
    fn json_reads_the_same_as_yaml(value in json()) {
        let value = serde_json::json!({ "k": value });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let read = yaml::read(text.as_bytes()).remove(0).unwrap();
        prop_assert_eq!(read.doc.root().to_value(), value.clone());
        // The same text below `---` is read as YAML.
        let text = format!("---\n{text}");
        if let Ok(read) = yaml::read(text.as_bytes()).remove(0) {
            prop_assert_eq!(read.doc.root().to_value(), value);
        }
    }

    #[test]
    fn a_position_is_where_the_value_stands(value in json()) {
        let value = serde_json::json!({ "k": value });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let read = yaml::read(text.as_bytes()).remove(0).unwrap();
        let mut wrong = Vec::new();
        walk(&value, FieldPath::ROOT, &mut |path, v| {
            let at = read.positions.locate(read.doc.root(), path).unwrap();
            let line = text.split('\n').nth(at.line as usize - 1).unwrap();
            let rest: String = line.chars().skip(at.column as usize - 1).collect();
            let nested = matches!(v, Value::Array(_) | Value::Object(_));
            let expect = match (nested, path.elements().last()) {
                (true, Some(drift_core::PathElement::Field(name))) => serde_json::to_string(name).unwrap(),
                (true, _) => String::new(),
                (false, _) => v.to_string(),
            };
            if !rest.starts_with(&expect) {
                wrong.push(format!("{path}: {rest}"));
            }
        });
        prop_assert!(wrong.is_empty(), "{:?}\n{}", wrong, text);
    }

    #[test]
    fn a_set_element_is_found_by_its_value(values in prop::collection::btree_set("[a-z]{1,4}", 1..6)) {
        let values: Vec<String> = values.into_iter().collect();
        let text: String = std::iter::once("k:\n".to_owned()).chain(values.iter().map(|v| format!("- '{v}'\n"))).collect();
        let read = yaml::read(text.as_bytes()).remove(0).unwrap();
        for (i, v) in values.iter().enumerate() {
            let path = FieldPath::of(&["k"]).child(drift_core::PathElement::Value(Scalar::Str(v.as_str().into())));
            prop_assert_eq!(read.positions.locate(read.doc.root(), &path).unwrap().line as usize, i + 2);
        }
    }
}
