//! Files of events as a source.

use std::io::Write as _;

use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{Cursor, Observation, Source};
use drift_sources::cdevents::EventFileSource;
use futures::StreamExt as _;
use futures::executor::block_on;

fn observe(text: &str, after: Option<&str>) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let redactor = Redactor::new(RedactOptions::new([1; 32]));
    let source = EventFileSource::new(file.path().to_owned(), "lab", redactor);
    let all = block_on(source.observe(after.map(Cursor::new)).collect::<Vec<_>>());
    let name = file.path().to_string_lossy().into_owned();
    all.into_iter()
        .map(|o| match o {
            Ok(Observation::Happened(o)) => format!("{} {}", o.at, o.reason),
            Ok(Observation::Gap(g)) => format!(
                "gap {:?} {} {}",
                g.from.map(|t| t.to_string()),
                g.to,
                g.message.replace(&name, "FILE")
            ),
            Ok(Observation::Checkpoint(c)) => c.to_string(),
            other => format!("{other:?}").replace(&name, "FILE"),
        })
        .collect()
}

fn event(second: u32, kind: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{second}","source":"ci","type":"{kind}","time":"2030-01-01T00:00:0{second}Z"}}"#
    ) + "\n"
}

#[test]
fn a_file_is_observed_line_by_line_and_gone_on_with() {
    let text = event(1, "built") + "\n" + &event(2, "merged");
    assert_eq!(
        observe(&text, None),
        ["2030-01-01T00:00:01Z built", "line:1", "2030-01-01T00:00:02Z merged", "line:3"]
    );
    assert_eq!(observe(&text, Some("line:1")), ["2030-01-01T00:00:02Z merged", "line:3"]);
    assert!(observe(&text, Some("elsewhere"))[0].contains("UnknownCursor"));
}

#[test]
fn what_cannot_be_read_is_a_gap_without_a_value() {
    let text = event(1, "built") + "{\"s3cret\n" + "[7]\n" + &event(2, "merged");
    let seen = observe(&text, None);
    assert_eq!(
        seen[2],
        "gap Some(\"2030-01-01T00:00:01Z\") 2030-01-01T00:00:02Z FILE line 2: not valid JSON, or nested too deeply"
    );
    assert_eq!(seen.len(), 5);
    assert!(observe("nothing\n", None)[0].contains("Corrupt"));
}
