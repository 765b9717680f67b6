//! Tapes.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use drift_core::tape::{TapeEvent, TapeLine, WatchedResource};
use drift_core::{Doc, Object};
use drift_sinks::tape::{TapeWriteError, TapeWriter};

const NAMES: [&str; 3] = ["tape.jsonl", "tape.jsonl.gz", "tape.jsonl.zst"];

fn line(n: usize) -> TapeLine {
    let at = "2026-11-21T00:57:51.439600Z".parse().unwrap();
    let (group, version, resource) = ("apps".to_owned(), "v1".to_owned(), "deployments".to_owned());
    let resource = Arc::new(WatchedResource { group, version, resource, namespace: String::new() });
    TapeLine { at, resource, event: TapeEvent::Added(object(n)) }
}

fn object(n: usize) -> Object {
    let metadata = serde_json::json!({"name": format!("web-{n}")});
    let object = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata});
    Object::new(Doc::from_value(&object).unwrap()).unwrap()
}

fn text(n: usize) -> String {
    format!(
        r#"{{"ts":"2026-11-21T00:57:51.4396Z","group":"apps","version":"v1","resource":"deployments","type":"ADDED","object":{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web-{n}"}}}}}}"#
    )
}

fn write(path: &Path, numbers: std::ops::Range<usize>) {
    let mut tape = TapeWriter::append_to(path).unwrap();
    for n in numbers {
        tape.write(&line(n)).unwrap();
    }
    tape.finish().unwrap();
}

fn read(path: &Path) -> std::io::Result<Vec<String>> {
    let file = std::fs::File::open(path)?;
    let mut out = String::new();
    match path.extension().unwrap().to_str().unwrap() {
        "gz" => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut out)?,
        "zst" => zstd::stream::read::Decoder::new(file)?.read_to_string(&mut out)?,
        _ => std::io::BufReader::new(file).read_to_string(&mut out)?,
    };
    Ok(out.lines().map(str::to_owned).collect())
}

#[test]
fn lines_are_as_recorders_write_them_and_a_tape_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let path = dir.path().join(name);
        write(&path, 0..2);
        write(&path, 2..3);
        assert_eq!(read(&path).unwrap(), [text(0), text(1), text(2)], "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_new_tape_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.tape", "a.tape.gz", "a.tape.zst"] {
        write(&dir.path().join(name), 0..3);
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_was_flushed_can_be_read_while_the_tape_grows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tape.jsonl.gz");
    let mut tape = TapeWriter::append_to(&path).unwrap();
    tape.write(&line(0)).unwrap();
    tape.flush().unwrap();
    let mut out = vec![0; text(0).len()];
    flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_exact(&mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), text(0));
}

#[test]
fn a_tape_cut_anywhere_is_mended_and_keeps_its_whole_lines() {
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let path = dir.path().join(name);
        write(&path, 0..2);
        let first = std::fs::metadata(&path).unwrap().len();
        // A killed recorder: lines were flushed one by one and the part was not closed.
        let mut tape = TapeWriter::append_to(&path).unwrap();
        for n in 2..6 {
            tape.write(&line(n)).unwrap();
            tape.flush().unwrap();
        }
        std::mem::forget(tape);
        let whole = std::fs::read(&path).unwrap();
        let mut kept = Vec::new();
        for cut in first as usize..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            write(&path, 9..10);
            let lines = read(&path).unwrap_or_else(|e| panic!("{name} cut at {cut}: {e}"));
            let expected: Vec<_> = (0..lines.len() - 1).map(text).chain([text(9)]).collect();
            assert_eq!(lines, expected, "{name} cut at {cut}");
            kept.push(lines.len());
        }
        assert!(kept.is_sorted() && kept[0] == 3 && kept.last() == Some(&7), "{name}: {kept:?}");
    }
}

#[test]
fn another_file_is_not_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    for name in &NAMES[1..] {
        let path = dir.path().join(name);
        std::fs::write(&path, b"this is no compressed file, and long enough to tell").unwrap();
        let error = TapeWriter::append_to(&path).unwrap_err();
        assert!(matches!(error, TapeWriteError::Damaged { offset: 0, .. }), "{error:?}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 51);
    }
    assert!(matches!(TapeWriter::append_to(dir.path()), Err(TapeWriteError::Io { .. })));
}

#[test]
fn the_last_line_of_another_recorder_stays_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tape.jsonl");
    std::fs::write(&path, text(0)).unwrap();
    write(&path, 1..2);
    assert_eq!(read(&path).unwrap(), [text(0), text(1)]);
    let path = dir.path().join("tape.jsonl.zst");
    std::fs::write(&path, zstd::encode_all(text(0).as_bytes(), 1).unwrap()).unwrap();
    write(&path, 1..2);
    assert_eq!(read(&path).unwrap(), [text(0), text(1)]);
}
