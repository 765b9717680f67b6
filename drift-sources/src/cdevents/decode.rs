//! Decodes events to occurrences.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::redact::Redactor;
use drift_core::{Actor, Doc, Kind, Node, Occurrence, OccurrenceKind, ResourceKey};
use jiff::Timestamp;

/// Most events of one batch, and most resources of one event.
const MAX_EVENTS: usize = 1_000;
const MAX_RESOURCES: usize = 100;
/// Bytes of a text for people.
const MAX_TEXT: usize = 400;

/// A body that is not an event. No message contains a value of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Not JSON, or nested too deeply.
    #[error("not valid JSON, or nested too deeply")]
    Json,
    /// A field is missing or of another type.
    #[error("event {event}: `{field}` {problem}")]
    Field {
        /// Number of the event in its batch, from 1.
        event: usize,
        /// Name of the field.
        field: &'static str,
        /// What is wrong with the field.
        problem: &'static str,
    },
    /// Too many events in one batch.
    #[error("a batch of more than {MAX_EVENTS} events")]
    TooMany,
}

/// Decodes events to occurrences.
#[derive(Clone, Debug)]
pub struct EventDecoder {
    cluster: Arc<str>,
    redactor: Redactor,
    /// When events were received, which is the time of those that have none.
    received_at: Option<Timestamp>,
}

impl EventDecoder {
    /// Makes a decoder; `cluster` is the name of the cluster of the resources, empty for the unnamed one.
    pub fn new(cluster: &str, redactor: Redactor) -> Self {
        Self { cluster: cluster.into(), redactor, received_at: None }
    }

    /// Decodes a body in structured mode, a batch, or a bare CDEvent.
    ///
    /// # Errors
    /// When it is not an event.
    pub fn decode_structured(&self, body: &[u8]) -> Result<Vec<Occurrence>, EventError> {
        let doc = Doc::from_json(body).map_err(|_| EventError::Json)?;
        let root = doc.root();
        if root.kind() != Kind::List {
            return self.decode_event(root, 1);
        }
        if root.len() > MAX_EVENTS {
            return Err(EventError::TooMany);
        }
        let mut out = Vec::new();
        for (i, event) in root.children().enumerate() {
            out.extend(self.decode_event(event, i + 1)?);
        }
        Ok(out)
    }

    /// Returns the decoder with which a [`crate::receiver::Receiver`] reads posts of events, in any mode.
    #[cfg(feature = "receiver")]
    pub fn webhook_decoder(self) -> crate::receiver::PostDecoder {
        Arc::new(move |posted: crate::receiver::PostedRequest<'_>| {
            let received = Self { received_at: Some(Timestamp::now()), ..self.clone() };
            let found = match posted.attributes.contains_key("specversion") {
                true => received.decode_binary(posted.attributes, posted.body),
                false => received.decode_structured(posted.body),
            };
            let all = found.map_err(|e| e.to_string())?;
            Ok(all.into_iter().map(drift_core::Observation::Happened).collect())
        })
    }

    /// Decodes a body in binary mode; `attributes` are by their names without `ce-`.
    ///
    /// # Errors
    /// When it is not an event.
    pub fn decode_binary(
        &self,
        attributes: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<Vec<Occurrence>, EventError> {
        let data = match body.trim_ascii() {
            [] => Doc::from_value(&serde_json::Value::Null).map_err(|_| EventError::Json)?,
            body => Doc::from_json(body).map_err(|_| EventError::Json)?,
        };
        let attribute = |name: &str| attributes.get(name).map(String::as_str);
        self.to_occurrences(&attribute, Some(data.root()), 1)
    }

    fn decode_event(&self, event: Node<'_>, number: usize) -> Result<Vec<Occurrence>, EventError> {
        let error = |field, problem| EventError::Field { event: number, field, problem };
        if event.kind() != Kind::Map {
            return Err(error(".", "is not a map"));
        }
        // A request in binary mode as it was saved: its headers beside its body.
        if let (Some(headers), Some(body)) = (event.get("headers"), event.get("body")) {
            let lower = |name: &str| name.to_ascii_lowercase();
            let headers: BTreeMap<String, &str> =
                headers.children().filter_map(|h| Some((lower(h.key()), h.as_str()?))).collect();
            let attribute = |name: &str| headers.get(&format!("ce-{name}")).copied();
            return self.to_occurrences(&attribute, Some(body), number);
        }
        if let Some(context) = event.get("context") {
            // A bare CDEvent: its context has what a CloudEvent has as attributes.
            let attribute = |name: &str| match name {
                "time" => context.str_at(&["timestamp"]),
                name => context.str_at(&[name]),
            };
            return self.to_occurrences(&attribute, Some(event), number);
        }
        if event.get("specversion").is_none() {
            return Err(error("specversion", "is missing"));
        }
        let attribute = |name: &str| event.str_at(&[name]);
        self.to_occurrences(&attribute, event.get("data"), number)
    }

    fn to_occurrences<'a>(
        &self,
        attribute: &dyn Fn(&str) -> Option<&'a str>,
        data: Option<Node<'_>>,
        number: usize,
    ) -> Result<Vec<Occurrence>, EventError> {
        let error = |field, problem| EventError::Field { event: number, field, problem };
        let text = |name| attribute(name).filter(|t| !t.is_empty());
        let kind = text("type").ok_or_else(|| error("type", "is missing"))?;
        let source = text("source").ok_or_else(|| error("source", "is missing"))?;
        let context = data.and_then(|d| d.get("context"));
        let time = text("time").or_else(|| context.and_then(|c| c.str_at(&["timestamp"])));
        // Optional by the specification; a file does not say when an event was received.
        let at: Timestamp = match (time, self.received_at) {
            (Some(time), _) => time.parse().map_err(|_| error("time", "is not a time"))?,
            (None, Some(received)) => received,
            (None, None) => return Err(error("time", "is missing")),
        };
        let subject = text("subject").or_else(|| data.and_then(|d| d.str_at(&["subject", "id"])));
        let reason = short_type(kind);
        let message = match subject {
            Some(subject) => format!("{reason} of {subject} from {source}"),
            None => format!("{reason} from {source}"),
        };
        let occurrence = Occurrence {
            kind: OccurrenceKind::Outside,
            about: None,
            at,
            reason: truncated(reason).into(),
            message: truncated(&message).into(),
            actor: Actor {
                manager: Some(truncated(source).into()),
                user: data.and_then(find_user).map(|u| truncated(u).into()),
            },
            detail: data.filter(|d| !d.is_null()).map(|d| Arc::new(d.to_doc())),
        };
        let keys = find_resources(subject, data);
        let about = |key: Option<ResourceKey>| {
            let about = key.map(|k| k.in_cluster(&self.cluster));
            self.redactor.redact_occurrence(Occurrence { about, ..occurrence.clone() })
        };
        Ok(match keys.is_empty() {
            true => vec![about(None)],
            false => keys.into_iter().map(|k| about(Some(k))).collect(),
        })
    }
}

/// Removes prefix and version from a type: `dev.cdevents.pipelinerun.finished.0.2.0` is `pipelinerun.finished`.
fn short_type(kind: &str) -> &str {
    let Some(rest) = kind.strip_prefix("dev.cdevents.") else { return kind };
    let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].trim_end_matches('.')
}

fn truncated(text: &str) -> &str {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|i| text.is_char_boundary(*i));
    &text[..end.unwrap_or_default()]
}

/// Finds the user behind an event, if its data names one.
fn find_user<'a>(data: Node<'a>) -> Option<&'a str> {
    const PLACES: [&[&str]; 6] = [
        &["customData", "user"],
        &["user"],
        &["actor"],
        &["author"],
        &["sender", "login"],
        &["subject", "content", "triggeredBy"],
    ];
    PLACES.iter().find_map(|p| data.str_at(p)).filter(|u| !u.is_empty())
}

/// Finds the resources that an event names, each once.
fn find_resources(subject: Option<&str>, data: Option<Node<'_>>) -> Vec<ResourceKey> {
    let mut keys: Vec<ResourceKey> = subject.and_then(|s| ResourceKey::parse(s).ok()).into_iter().collect();
    for place in data.into_iter().flat_map(|d| [Some(d), d.get("customData"), d.at(&["subject", "content"])])
    {
        let Some(place) = place else { continue };
        let one = [place.get("resource"), place.get("involvedObject")];
        let many = place.get("resources").into_iter().flat_map(Node::children);
        keys.extend(one.into_iter().flatten().chain(many).filter_map(parse_key));
    }
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|k| seen.insert(k.clone()));
    keys.truncate(MAX_RESOURCES);
    keys
}

/// Reads a key as text or as a reference with `apiVersion` or `group`.
fn parse_key(node: Node<'_>) -> Option<ResourceKey> {
    if let Some(text) = node.as_str() {
        return ResourceKey::parse(text).ok();
    }
    let text = |name| node.str_at(&[name]).filter(|t| !t.is_empty());
    let of_version = text("apiVersion").and_then(|v| v.rsplit_once('/')).map(|(group, _)| group);
    let group = text("group").or(of_version).unwrap_or_default();
    Some(ResourceKey::new(group, text("kind")?, text("namespace").unwrap_or_default(), text("name")?))
}

#[cfg(test)]
mod tests {
    use drift_core::redact::RedactOptions;
    use serde_json::{Value, json};

    use super::*;

    fn decoder() -> EventDecoder {
        EventDecoder::new("lab", Redactor::new(RedactOptions::new([1; 32])))
    }

    fn line(o: &Occurrence) -> String {
        let about = o.about.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        format!("{about} {} {} by {}", o.reason, o.at, o.actor.user.as_deref().unwrap_or("-"))
    }

    fn check(body: &Value, expect: Result<&[&str], &str>) {
        let got = decoder().decode_structured(body.to_string().as_bytes());
        let got = got.map(|all| all.iter().map(line).collect::<Vec<_>>()).map_err(|e| e.to_string());
        assert_eq!(
            got,
            expect.map(|l| l.iter().map(ToString::to_string).collect()).map_err(str::to_owned),
            "{body}"
        );
    }

    const TIME: &str = "2030-01-01T00:00:00Z";

    #[test]
    fn events_of_all_shapes_become_occurrences() {
        let cloud = json!({"specversion":"1.0","id":"1","source":"flags/bakery","type":"flag.changed","time":TIME,
            "subject":"Deployment.apps/bakery/oven","data":{"user":"ann"}});
        check(&cloud, Ok(&["Deployment.apps/bakery/oven flag.changed 2030-01-01T00:00:00Z by ann"]));
        let cd = json!({"context":{"version":"0.4.1","id":"2","source":"ci","type":"dev.cdevents.pipelinerun.finished.0.2.0","timestamp":TIME},
            "subject":{"id":"run/7","type":"pipelineRun","content":{}},
            "customData":{"user":"bea","resources":["ConfigMap/bakery/flour",{"apiVersion":"apps/v1","kind":"Deployment","namespace":"bakery","name":"oven"}]}});
        let both = [
            "ConfigMap/bakery/flour pipelinerun.finished 2030-01-01T00:00:00Z by bea",
            "Deployment.apps/bakery/oven pipelinerun.finished 2030-01-01T00:00:00Z by bea",
        ];
        check(&cd, Ok(&both));
        // A CDEvent as the data of a CloudEvent, and a batch.
        let wrapped = json!({"specversion":"1.0","id":"3","source":"ci","type":"dev.cdevents.pipelinerun.finished.0.2.0","data":cd});
        check(
            &json!([wrapped, cloud]),
            Ok(&[both[0], both[1], "Deployment.apps/bakery/oven flag.changed 2030-01-01T00:00:00Z by ann"]),
        );
        // A request in binary mode, as saved.
        let saved = json!({"headers":{"CE-Type":"merged","ce-source":"git","ce-time":TIME},"body":{"involvedObject":{"kind":"Pod","namespace":"n","name":"p"}}});
        check(&saved, Ok(&["Pod/n/p merged 2030-01-01T00:00:00Z by -"]));
    }

    #[test]
    fn binary_mode_has_its_attributes_in_headers() {
        let attributes = [("type", "merged"), ("source", "git"), ("time", TIME)];
        let attributes = attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let found = decoder().decode_binary(&attributes, b"").unwrap();
        assert_eq!(line(&found[0]), "- merged 2030-01-01T00:00:00Z by -");
        assert_eq!(decoder().decode_binary(&attributes, b"{"), Err(EventError::Json));
    }

    #[test]
    fn what_is_no_event_says_why_and_shows_no_value() {
        let field = |change: Value| {
            let mut event = json!({"specversion":"1.0","source":"s","type":"t","time":TIME});
            for (name, value) in change.as_object().unwrap() {
                event[name] = value.clone();
            }
            event
        };
        check(&json!("s3cret"), Err("event 1: `.` is not a map"));
        check(&json!({"type":"t"}), Err("event 1: `specversion` is missing"));
        check(&field(json!({"type":7})), Err("event 1: `type` is missing"));
        check(&field(json!({"time":"s3cret"})), Err("event 1: `time` is not a time"));
        check(&json!([field(json!({})), field(json!({"source":""}))]), Err("event 2: `source` is missing"));
        check(&Value::from(vec![0; 1001]), Err("a batch of more than 1000 events"));
        assert_eq!(decoder().decode_structured(b"{\"s3cret"), Err(EventError::Json));
    }

    #[test]
    fn secrets_in_the_data_are_hashed() {
        let event = json!({"specversion":"1.0","source":"s","type":"t","time":TIME,
            "data":{"object":{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"p":"czNjcmV0"}}}});
        let found = decoder().decode_structured(event.to_string().as_bytes()).unwrap();
        let detail = found[0].detail.as_ref().unwrap().to_json();
        assert!(!detail.contains("czNjcmV0") && detail.contains("redacted:"), "{detail}");
    }
}
