//! Tapes, sound and damaged.

use std::io::{Cursor, Write};
use std::path::Path;

use drift_core::tape::TapeEvent;
use drift_core::{Cursor as SourceCursor, Observation, Source};
use drift_sources::tape::{DamageKind, TapeOptions, TapeReader, TapeSource};
use futures::StreamExt;
use proptest::prelude::*;

fn line(second: u32, resource: &str, event: &str, object: &str) -> String {
    format!(
        r#"{{"ts":"2026-01-01T00:00:{second:02}Z","group":"","version":"v1","resource":"{resource}","type":"{event}","object":{object}}}"#
    ) + "\n"
}

fn object(kind: &str, name: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"{kind}","metadata":{{"name":"{name}"}}}}"#)
}

fn read_with(bytes: impl Into<Vec<u8>>, options: TapeOptions) -> Vec<String> {
    let mut reader = TapeReader::from_stream(Cursor::new(bytes.into()), options).unwrap();
    let mut all = Vec::new();
    while let Some(item) = reader.next() {
        let number = reader.line_number();
        all.push(match item.map(|line| line.event) {
            Err(e) => e.to_string(),
            Ok(TapeEvent::Listed(o)) => format!("{number} listed {}", o.key()),
            Ok(TapeEvent::Added(o)) => format!("{number} added {}", o.key()),
            Ok(TapeEvent::Modified(o)) => format!("{number} modified {}", o.key()),
            Ok(TapeEvent::Deleted(o)) => format!("{number} deleted {}", o.key()),
            Ok(TapeEvent::Bookmark(mark)) => {
                format!("{number} bookmark {:?} {}", mark.version, mark.ends_listing)
            }
            Ok(TapeEvent::Error(s)) => format!("{number} error {}", s.to_json()),
        });
    }
    all
}

fn read(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    read_with(bytes, TapeOptions::default())
}

#[test]
fn every_kind_of_line_is_read() {
    let text = [
        line(1, "pods", "LISTED", &object("Pod", "a")),
        "\n".to_owned(),
        // Typed lists leave the kind out; the line before named it.
        line(2, "pods", "LISTED", r#"{"metadata":{"name":"b"}}"#),
        line(3, "pods", "BOOKMARK", r#"{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}"#),
        line(4, "pods", "ADDED", &object("Pod", "c")),
        line(5, "pods", "MODIFIED", &object("Pod", "c")),
        line(6, "pods", "DELETED", &object("Pod", "c")),
        line(7, "pods", "ERROR", r#"{"kind":"Status","code":410}"#),
    ]
    .concat();
    let expect = [
        "1 listed Pod//a",
        "3 listed Pod//b",
        "4 bookmark Some(ResourceVersion(\"7\")) true",
        "5 added Pod//c",
        "6 modified Pod//c",
        "7 deleted Pod//c",
        "8 error {\"code\":410,\"kind\":\"Status\"}",
    ];
    assert_eq!(read(text.as_str()), expect);
    assert_eq!(read(zstd::encode_all(text.as_bytes(), 1).unwrap()), expect);
    // A recorder that was stopped and started again adds a frame.
    let frames: Vec<u8> =
        text.split_inclusive('\n').flat_map(|l| zstd::encode_all(l.as_bytes(), 1).unwrap()).collect();
    assert_eq!(read(frames), expect);
    assert!(TapeReader::is_tape(text.as_bytes()) && TapeReader::is_tape(&text.as_bytes()[..120]));
    assert!(
        !TapeReader::is_tape(object("Pod", "a").as_bytes()) && !TapeReader::is_tape(b"{\n  \"items\": []}")
    );
}

#[test]
fn a_damaged_line_is_told_and_the_next_one_is_read() {
    let good = line(1, "pods", "ADDED", &object("Pod", "a"));
    let bad = [
        ("{\n", "the line is cut off"),
        ("\0\0\n", "not valid JSON at column 1"),
        ("{\"ts\":\"2026-01-01T00:00:00Z\"}\n", "missing field `group` (column 29)"),
        ("{\"ts\":{\"s3cret\":1}}\n", "a field of another type at column 6"),
        (
            &line(1, "pods", "SEEN", "{}"),
            "`type` is not one of LISTED, ADDED, MODIFIED, DELETED, BOOKMARK, ERROR",
        ),
        (&line(1, "nodes", "ADDED", "{\"metadata\":{}}"), "not a Kubernetes object: `apiVersion` is missing"),
        (&line(1, "pods", "ADDED", "\"s3cret\""), "not a Kubernetes object: `.` must be a map"),
        (&good.replace("2026-01", "s3cret"), "`ts` is not an RFC 3339 time"),
    ];
    for (text, expect) in bad {
        assert_eq!(
            read(format!("{good}{text}{good}")),
            ["1 added Pod//a", &format!("line 2: {expect}"), "3 added Pod//a"]
        );
    }
    let long = line(1, "pods", "ADDED", &object("Pod", &"x".repeat(300_000)));
    let options = TapeOptions { max_line: 1000, ..TapeOptions::default() };
    assert_eq!(
        read_with(format!("{good}{long}{good}"), options),
        ["1 added Pod//a", "line 2: longer than 1000 bytes", "3 added Pod//a"]
    );
}

#[test]
fn a_cut_tape_is_read_up_to_the_cut() {
    let text: String = (0..60).map(|i| line(i, "pods", "ADDED", &object("Pod", &format!("p{i}")))).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let read = read(&packed[..packed.len() / 2]);
    let (last, before) = read.split_last().unwrap();
    assert!(last.ends_with("the compressed data ends early: the file is cut off"), "{last}");
    assert!(before.len() > 20 && before.iter().all(|l| l.contains("added")));
    // The last line of a plain tape may be whole without its line break.
    assert_eq!(self::read(text.trim_end()).len(), 60);
}

fn observe(path: &Path, after: Option<&str>) -> Vec<String> {
    let source: Box<dyn Source> = Box::new(TapeSource::new(path.to_owned(), "east"));
    let stream = source.observe(after.map(SourceCursor::new));
    futures::executor::block_on_stream(stream.map(|o| match o {
        Ok(Observation::Applied(a)) => {
            assert_eq!(&*a.key.cluster, "east");
            format!("applied {}", a.key)
        }
        Ok(Observation::Deleted(d)) => format!("deleted {}", d.key),
        Ok(Observation::RelistStarted(s)) => format!("start {s}"),
        Ok(Observation::RelistDone { scope, observed_at }) => format!("done {scope} {observed_at}"),
        Ok(Observation::Checkpoint(c)) => format!("checkpoint {c}"),
        Ok(Observation::Gap(g)) => {
            let message = g.message.replace(path.to_str().unwrap(), "TAPE");
            format!("gap {:?} {} {:?} {} {message}", g.reason, g.scope, g.from.map(|t| t.to_string()), g.to)
        }
        Ok(other) => panic!("{other:?}"),
        Err(e) => format!("error {}", e.to_string().replace(path.to_str().unwrap(), "TAPE")),
    }))
    .collect()
}

fn tape(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn a_tape_is_told_as_it_was_recorded() {
    let text = [
        line(1, "pods", "LISTED", &object("Pod", "a")),
        line(2, "services", "LISTED", &object("Service", "s")),
        line(3, "pods", "LISTED", &object("Pod", "b")),
        line(4, "pods", "MODIFIED", &object("Pod", "a")),
        line(5, "pods", "DELETED", &object("Pod", "b")),
        line(6, "pods", "ERROR", r#"{"kind":"Status","code":410}"#),
        line(7, "pods", "BOOKMARK", r#"{"metadata":{"annotations":{"k8s.io/initial-events-end":"true"}}}"#),
    ]
    .concat();
    let (_folder, path) = tape(&text);
    let all = observe(&path, None);
    assert_eq!(
        all,
        [
            "start Pod",
            "applied Pod//a",
            "start Service",
            "applied Service//s",
            "applied Pod//b",
            "done Pod 2026-01-01T00:00:04Z",
            "applied Pod//a",
            "deleted Pod//b",
            "gap Expired Pod Some(\"2026-01-01T00:00:06Z\") 2026-01-01T00:00:06Z TAPE line 6: the watch of pods failed with 410",
            // The new listing was empty.
            "start Pod",
            "done Pod 2026-01-01T00:00:07Z",
            "done Service 2026-01-01T00:00:02Z",
            "checkpoint line:7",
        ]
    );
    // Listings that were going on at the cursor are told again as a whole.
    assert_eq!(
        observe(&path, Some("line:3"))[..6],
        [
            "start Pod",
            "applied Pod//a",
            "applied Pod//b",
            "start Service",
            "applied Service//s",
            "done Pod 2026-01-01T00:00:04Z"
        ]
    );
    assert_eq!(
        observe(&path, Some("line:4"))[..3],
        ["start Service", "applied Service//s", "deleted Pod//b"]
    );
    assert!(observe(&path, Some("line:7")).is_empty());
    assert_eq!(observe(&path, Some("line:8")), ["error cannot go on from cursor `line:8`"]);
    assert_eq!(observe(&path, Some("8")), ["error cannot go on from cursor `8`"]);
}

#[test]
fn damage_is_a_gap_and_ends_no_listing() {
    let good = |second, name| line(second, "pods", "LISTED", &object("Pod", name));
    let (_folder, path) = tape(&format!("x\n{}y\nz\n{}", good(1, "a"), good(2, "b")));
    assert_eq!(
        observe(&path, None),
        [
            "gap Corrupt all kinds None 2026-01-01T00:00:01Z TAPE line 1: not valid JSON at column 1",
            "start Pod",
            "applied Pod//a",
            "gap Corrupt all kinds Some(\"2026-01-01T00:00:01Z\") 2026-01-01T00:00:02Z TAPE lines 3 to 4: not valid JSON at column 1",
            "applied Pod//b",
            "checkpoint line:5",
        ]
    );
    let (_folder, path) = tape("x\n");
    assert_eq!(observe(&path, None), ["error TAPE line 1 cannot be read"]);
    assert!(observe(&path.join("gone"), None)[0].contains("is unavailable"));
}

#[test]
fn a_problem_is_a_value() {
    assert_eq!(DamageKind::TooLong(7).to_string(), "longer than 7 bytes");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(bytes);
    }

    #[test]
    fn resuming_anywhere_leaves_nothing_out(
        steps in prop::collection::vec((0..3usize, 0..4usize, 0..3usize), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let kinds = [("pods", "Pod"), ("services", "Service"), ("nodes", "Node")];
        let text: String = steps.iter().enumerate().map(|(i, (kind, event, name))| {
            let (resource, kind) = kinds[*kind];
            line(i as u32, resource, ["LISTED", "ADDED", "MODIFIED", "DELETED"][*event], &object(kind, &format!("n{name}")))
        }).collect();
        let (_folder, path) = tape(&text);
        let cut = cut.index(steps.len()) + 1;
        // Live objects as a naive reader of observations holds them.
        let play = |observations: &[String], live: &mut std::collections::BTreeSet<String>| {
            let mut listed: std::collections::BTreeMap<String, Vec<String>> = Default::default();
            for o in observations {
                let (what, rest) = o.split_once(' ').unwrap();
                let kind = rest.split(['/', ' ']).next().unwrap().to_owned();
                match what {
                    "start" => { listed.insert(kind, Vec::new()); }
                    "applied" => {
                        live.insert(rest.to_owned());
                        listed.entry(kind).or_default().push(rest.to_owned());
                    }
                    "deleted" => { live.remove(rest); }
                    "done" => {
                        let names = listed.remove(&kind).unwrap();
                        live.retain(|k| k.split('/').next() != Some(&kind) || names.contains(k));
                    }
                    _ => {}
                }
            }
        };
        let whole = observe(&path, None);
        let mut expect = Default::default();
        play(&whole, &mut expect);
        let head: String = text.split_inclusive('\n').take(cut).collect();
        let (_folder, short) = tape(&head);
        let mut live = Default::default();
        let first: Vec<String> = observe(&short, None);
        play(&first, &mut live);
        play(&observe(&path, Some(&format!("line:{cut}"))), &mut live);
        // A listing cut in two ends early the first time, so it may drop what only older lines told of.
        let known: std::collections::BTreeSet<String> = live.clone();
        prop_assert!(known.is_subset(&expect) || expect.is_subset(&known), "{expect:?} {known:?}");
        prop_assert_eq!(known, expect);
    }
}
