//! Entries as occurrences: what a store keeps of them, and back.

use std::sync::Arc;

use drift_core::{Doc, Node, Occurrence, OccurrenceKind, ResourceVersion, Uid};
use serde_json::json;

use super::entry::{AuditEntry, AuditSender, AuditTarget, AuditVerb};

/// Converts an entry to an occurrence about its resource.
pub(super) fn to_occurrence(entry: &AuditEntry, cluster: &str) -> Occurrence {
    let target = &entry.target;
    let sub = if target.subresource.is_empty() { String::new() } else { format!("/{}", target.subresource) };
    let what = format!("{}{sub} {}/{}", target.resource, target.namespace, target.name);
    let outcome = match entry.code {
        Some(code) if !entry.is_done() => format!(", refused with {code}"),
        _ => String::new(),
    };
    // A request that was refused is no change, and must not be taken for one by its reason.
    let reason =
        if entry.is_done() { entry.verb.as_str().into() } else { format!("{}-refused", entry.verb.as_str()) };
    let body = entry.request.as_deref().map(|d| d.root().to_value());
    let detail = json!({
        "auditID": &*entry.id, "verb": entry.verb.as_str(), "user": &*entry.user, "impersonator": entry.impersonator.as_deref(),
        "userAgent": &*entry.user_agent, "manager": &*entry.manager, "resource": &*target.resource,
        "subresource": &*target.subresource, "code": entry.code, "receivedAt": entry.received_at.to_string(),
        "resourceVersion": entry.version.as_ref().map(ResourceVersion::as_str), "uid": entry.uid.as_ref().map(Uid::as_str),
        "terminating": entry.is_terminating, "requestObject": body, "sender": entry.sender.as_str(),
    });
    Occurrence {
        kind: OccurrenceKind::Audit,
        about: target.key().map(|k| k.in_cluster(cluster)),
        at: entry.at,
        reason: reason.into(),
        message: format!(
            "{} by {} through {}: {what}{outcome}",
            entry.verb.as_str(),
            entry.user,
            entry.manager
        )
        .into(),
        actor: entry.actor(),
        detail: Doc::from_value(&detail).ok().map(Arc::new),
    }
}

impl AuditEntry {
    /// Restores an entry from an occurrence that was made of one, as a store has it; `None` for any other. `line` says which of two
    /// entries of the same time comes first.
    pub fn from_occurrence(occurrence: &Occurrence, line: u64) -> Option<Self> {
        if occurrence.kind != OccurrenceKind::Audit {
            return None;
        }
        let detail = occurrence.detail.as_deref()?.root();
        let text = |name: &str| detail.str_at(&[name]).unwrap_or_default();
        let given = |name: &str| Some(text(name)).filter(|t| !t.is_empty());
        let about = occurrence.about.as_ref()?;
        Some(Self {
            line,
            id: text("auditID").into(),
            received_at: given("receivedAt").and_then(|t| t.parse().ok()).unwrap_or(occurrence.at),
            at: occurrence.at,
            user: given("user")?.into(),
            impersonator: given("impersonator").map(Into::into),
            verb: AuditVerb::parse(text("verb"))?,
            target: AuditTarget {
                group: Arc::clone(&about.group),
                resource: text("resource").into(),
                subresource: text("subresource").into(),
                namespace: Arc::clone(&about.namespace),
                name: Arc::clone(&about.name),
                kind: Some(Arc::clone(&about.kind)),
            },
            manager: text("manager").into(),
            user_agent: text("userAgent").into(),
            code: detail.get("code").and_then(Node::as_i64).and_then(|c| u16::try_from(c).ok()),
            version: given("resourceVersion").map(ResourceVersion::new),
            uid: given("uid").map(Uid::new),
            is_terminating: detail.get("terminating").and_then(Node::as_bool) == Some(true),
            request: detail.get("requestObject").filter(|r| !r.is_null()).map(|r| Arc::new(r.to_doc())),
            response: None,
            sender: AuditSender::parse(text("sender")),
        })
    }
}

#[cfg(test)]
mod tests {
    use drift_core::redact::{RedactOptions, Redactor};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_what_it_was_after_it_was_stored() {
        let value = json!({"kind":"Event","auditID":"a","stage":"ResponseComplete","verb":"patch",
            "requestURI":"/x?fieldManager=kubectl-set","user":{"username":"ann"},"impersonatedUser":{"username":"bea"},
            "userAgent":"kubectl/v1","responseStatus":{"code":200},"requestObject":{"spec":{"replicas":2}},
            "responseObject":{"kind":"Deployment","metadata":{"name":"d","resourceVersion":"9","uid":"u"}},
            "objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"n","name":"d"},
            "requestReceivedTimestamp":"2026-01-01T00:00:00.5Z","stageTimestamp":"2026-01-01T00:00:01Z"});
        let redactor = Redactor::new(RedactOptions::new([7; 32]));
        let doc = Doc::from_value(&value).expect("plain data");
        let entry = AuditEntry::read(doc.root(), 4, &redactor).expect("an entry").expect("a change");
        for sender in [AuditSender::File, AuditSender::Authenticated, AuditSender::Anyone] {
            let entry = AuditEntry { sender, ..entry.clone() };
            let stored = AuditEntry::from_occurrence(&to_occurrence(&entry, ""), 4);
            // The answer is left out: it is the version that the store has anyway.
            assert_eq!(stored, Some(AuditEntry { response: None, ..entry }));
        }
        let other = Occurrence { kind: OccurrenceKind::Outside, ..to_occurrence(&entry, "") };
        assert_eq!(AuditEntry::from_occurrence(&other, 4), None);
    }
}
