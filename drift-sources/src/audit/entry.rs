//! One request of the audit log.

use std::sync::Arc;

use drift_core::drift::Owner;
use drift_core::redact::Redactor;
use drift_core::{Actor, Doc, DocBuilder, Kind, Node, Operation, ResourceKey, ResourceVersion, Uid};
use jiff::Timestamp;

/// What a request did to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditVerb {
    /// Created an object, or a subresource such as a pod's binding.
    Create,
    /// Replaced a whole object.
    Update,
    /// Changed a part of an object; server-side apply too.
    Patch,
    /// Deleted one object.
    Delete,
    /// Deleted all objects of a list.
    DeleteCollection,
}

impl AuditVerb {
    /// Parses the verb of a request; `None` for verbs that change nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "create" => Self::Create,
            "update" => Self::Update,
            "patch" => Self::Patch,
            "delete" => Self::Delete,
            "deletecollection" => Self::DeleteCollection,
            _ => return None,
        })
    }

    /// Returns the verb as the audit log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Returns `true` if the verb deletes objects.
    pub fn is_deletion(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteCollection)
    }
}

/// The target of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditTarget {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Plural name of the resource, such as `deployments`.
    pub resource: Arc<str>,
    /// Subresource, empty for the object itself.
    pub subresource: Arc<str>,
    /// Namespace; empty for a cluster-scoped resource, Namespaces included.
    pub namespace: Arc<str>,
    /// Name; empty for a collection.
    pub name: Arc<str>,
    /// Kind, if the entry's bodies, another entry or the built-in schemas name it.
    pub kind: Option<Arc<str>>,
}

impl AuditTarget {
    /// Returns `true` if the target is the resource `key`.
    pub fn is_resource(&self, key: &ResourceKey) -> bool {
        self.group == key.group
            && self.namespace == key.namespace
            && self.name == key.name
            && self.is_kind(&key.kind)
    }

    /// Returns `true` if the target has this kind. If its kind is unknown, the plural decides: `Ingress` matches `ingresses`.
    pub(super) fn is_kind(&self, kind: &str) -> bool {
        match &self.kind {
            Some(known) => **known == *kind,
            None => is_plural(&self.resource, &kind.to_ascii_lowercase()),
        }
    }

    /// Returns the key, if the kind and the name are known.
    pub fn key(&self) -> Option<ResourceKey> {
        let kind = self.kind.as_ref().filter(|_| !self.name.is_empty())?;
        Some(ResourceKey::new(&self.group, kind, &self.namespace, &self.name))
    }
}

fn is_plural(plural: &str, kind: &str) -> bool {
    let stem = kind.strip_suffix('y').unwrap_or(kind);
    let ends = |stem: &str, end: &str| plural.strip_suffix(end) == Some(stem);
    plural == kind || ends(kind, "s") || ends(kind, "es") || ends(stem, "ies")
}

/// A completed request that may have changed something. Bodies are redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Line of the log, from 1.
    pub line: u64,
    /// `auditID` of the request.
    pub id: Arc<str>,
    /// When the server received the request.
    pub received_at: Timestamp,
    /// When the server responded.
    pub at: Timestamp,
    /// The effective user: the impersonated one if there is one.
    pub user: Arc<str>,
    /// The user who impersonated the effective one.
    pub impersonator: Option<Arc<str>>,
    /// What the request did.
    pub verb: AuditVerb,
    /// What the request was about.
    pub target: AuditTarget,
    /// Field manager: the parameter `fieldManager`, else the user agent up to the first `/`, as in the API server.
    pub manager: Arc<str>,
    /// The client's user agent.
    pub user_agent: Arc<str>,
    /// HTTP status of the response, if the log has it.
    pub code: Option<u16>,
    /// resourceVersion in the response, if the log has the response.
    pub version: Option<ResourceVersion>,
    /// UID in the response, if the log has the response.
    pub uid: Option<Uid>,
    /// Whether the object in the response has a `deletionTimestamp`.
    pub is_terminating: bool,
    /// Body of the request, if the log has it.
    pub request: Option<Arc<Doc>>,
    /// The object in the response, without its managedFields, if the log has it.
    pub response: Option<Arc<Doc>>,
    /// Who handed the entry over.
    pub sender: AuditSender,
}

/// Who handed an entry over: only what comes from somebody who is known is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditSender {
    /// A file that was named.
    File,
    /// A sender that knew the secret of a receiver.
    Authenticated,
    /// A sender that anybody on the machine could have been.
    Anyone,
}

impl AuditSender {
    /// Returns the word for it in a stored occurrence.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Authenticated => "authenticated",
            Self::Anyone => "anyone",
        }
    }

    /// Parses the word; what was stored without one is from anyone.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "file" => Self::File,
            "authenticated" => Self::Authenticated,
            _ => Self::Anyone,
        }
    }
}

impl AuditEntry {
    /// Returns who made the request.
    pub fn actor(&self) -> Actor {
        Actor { manager: Some(Arc::clone(&self.manager)), user: Some(Arc::clone(&self.user)) }
    }

    /// Returns the field manager as which the request wrote, as an owner of fields.
    ///
    /// The log does not name the kind of a patch, but server-side apply must say in its body what it applies, which no other patch does.
    pub fn writer(&self) -> Owner {
        let says = |name| self.request.as_ref().is_some_and(|r| r.root().get(name).is_some());
        let applies = self.verb == AuditVerb::Patch && says("apiVersion") && says("kind");
        Owner {
            manager: Arc::clone(&self.manager),
            operation: if applies { Operation::Apply } else { Operation::Update },
            subresource: Arc::clone(&self.target.subresource),
            time: Timestamp::from_second(self.at.as_second()).ok(),
        }
    }

    /// Returns `true` if the request succeeded.
    pub fn is_done(&self) -> bool {
        self.code.is_none_or(|c| (200..300).contains(&c))
    }

    /// Parses an entry.
    ///
    /// Returns `Ok(None)` for an entry without a change: another stage than the last, a read, a dry run, or a request without
    /// a resource.
    pub(super) fn read(root: Node<'_>, line: u64, redactor: &Redactor) -> Result<Option<Self>, &'static str> {
        if root.kind() != Kind::Map {
            return Err("it is not a map");
        }
        if root.str_at(&["stage"]).is_some_and(|s| s != "ResponseComplete") {
            return Ok(None);
        }
        let verb = root.str_at(&["verb"]).ok_or("`verb` is missing")?;
        let Some(verb) = AuditVerb::parse(verb) else { return Ok(None) };
        let Some(reference) = root.get("objectRef").filter(|r| !r.is_null()) else { return Ok(None) };
        let uri = root.str_at(&["requestURI"]).or_else(|| root.str_at(&["uri"])).unwrap_or_default();
        let (request, response) = (body_of(root, "requestObject"), body_of(root, "responseObject"));
        if query_parameters(uri).any(|(name, _)| name == "dryRun") || request.is_some_and(is_dry_run) {
            return Ok(None);
        }
        let at = time_of(root, &["stageTimestamp", "requestReceivedTimestamp", "time"])?;
        let (user, impersonator) = parse_users(root)?;
        let target = parse_target(reference, request, response)?;
        let user_agent = root.str_at(&["userAgent"]).unwrap_or_default();
        let answer = response.filter(|r| r.str_at(&["kind"]) != Some("Status"));
        let metadata = answer.and_then(|r| r.get("metadata"));
        let meta = |name: &str| metadata.and_then(|m| m.str_at(&[name])).filter(|t| !t.is_empty());
        let bodies = Bodies { redactor, target: &target, verb };
        Ok(Some(Self {
            line,
            id: root.str_at(&["auditID"]).unwrap_or_default().into(),
            received_at: time_of(root, &["requestReceivedTimestamp", "time", "stageTimestamp"])?,
            at,
            user,
            impersonator,
            verb,
            manager: field_manager(uri, user_agent).into(),
            user_agent: user_agent.into(),
            code: status_code(root),
            version: meta("resourceVersion").map(ResourceVersion::new),
            uid: meta("uid").map(Uid::new),
            is_terminating: meta("deletionTimestamp").is_some(),
            request: bodies.redacted(request),
            response: bodies.redacted(answer),
            target,
            sender: AuditSender::File,
        }))
    }
}

fn body_of<'a>(root: Node<'a>, name: &str) -> Option<Node<'a>> {
    root.get(name).filter(|n| matches!(n.kind(), Kind::Map | Kind::List))
}

fn time_of(root: Node<'_>, names: &[&str]) -> Result<Timestamp, &'static str> {
    let text = names.iter().find_map(|n| root.str_at(&[n])).ok_or("`stageTimestamp` is missing")?;
    text.parse().map_err(|_| "`stageTimestamp` is not a time")
}

/// Returns the effective user and who impersonates it.
fn parse_users(root: Node<'_>) -> Result<(Arc<str>, Option<Arc<str>>), &'static str> {
    let name = |field| {
        let user = root.get(field)?;
        user.as_str().or_else(|| user.str_at(&["username"])).filter(|n| !n.is_empty())
    };
    let user: Arc<str> = name("user").ok_or("`user` is missing")?.into();
    Ok(match name("impersonatedUser") {
        Some(other) => (other.into(), Some(user)),
        None => (user, None),
    })
}

fn parse_target(
    reference: Node<'_>,
    request: Option<Node<'_>>,
    response: Option<Node<'_>>,
) -> Result<AuditTarget, &'static str> {
    let text = |name: &str| reference.str_at(&[name]).unwrap_or_default();
    let resource = text("resource");
    if resource.is_empty() {
        return Err("`objectRef.resource` is missing");
    }
    let subresource = text("subresource");
    let is_object = is_whole(subresource);
    let named = |body: Option<Node<'_>>| {
        body.filter(|_| is_object).and_then(|b| b.str_at(&["metadata", "name"]).map(Arc::<str>::from))
    };
    // A name that the server generates is known from its answer alone.
    let name = match text("name") {
        "" => named(response).or_else(|| named(request)).unwrap_or_default(),
        name => name.into(),
    };
    let group = text("apiGroup");
    // A Namespace's own reference carries its name as its namespace.
    let is_namespace = group.is_empty() && resource == "namespaces";
    let namespace = if is_namespace { "" } else { text("namespace") };
    let kind = [response, request].into_iter().flatten().filter(|_| is_object).find_map(kind_of);
    Ok(AuditTarget {
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.into(),
        name,
        kind,
    })
}

/// Returns `true` if requests to a subresource contain the whole object, as those to `status` do.
pub(super) fn is_whole(subresource: &str) -> bool {
    matches!(subresource, "" | "status" | "finalize" | "approval" | "ephemeralcontainers" | "resize")
}

fn kind_of(body: Node<'_>) -> Option<Arc<str>> {
    let kind = body.str_at(&["kind"]).filter(|k| !k.is_empty())?;
    // Options and outcomes travel in place of the object, and a collection's answer is its list.
    let other =
        matches!(kind, "Status" | "DeleteOptions" | "Scale" | "Eviction" | "Binding" | "TokenRequest");
    (!other && !kind.ends_with("List")).then(|| kind.into())
}

fn status_code(root: Node<'_>) -> Option<u16> {
    let code = root.at(&["responseStatus", "code"]).or_else(|| root.get("code"))?;
    code.as_i64().and_then(|c| u16::try_from(c).ok())
}

fn is_dry_run(request: Node<'_>) -> bool {
    request.str_at(&["kind"]) == Some("DeleteOptions")
        && request.get("dryRun").is_some_and(|d| !d.is_empty() && !d.is_null())
}

/// Returns the parameters of a request's URI.
fn query_parameters(uri: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = uri.split_once('?').map_or("", |(_, q)| q);
    query.split('&').map(|p| p.split_once('=').unwrap_or((p, "")))
}

/// Returns the field manager that the API server writes down for a request.
fn field_manager(uri: &str, user_agent: &str) -> String {
    match query_parameters(uri).find(|(name, value)| *name == "fieldManager" && !value.is_empty()) {
        Some((_, value)) => percent_decoded(value),
        None => user_agent.split('/').next().unwrap_or_default().chars().take(128).collect(),
    }
}

/// Resolves `%XX` and `+`; what is malformed stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let hex = |b: u8| (b as char).to_digit(16);
        bytes = match (first, rest) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push((hex(*high).unwrap_or_default() * 16 + hex(*low).unwrap_or_default()) as u8);
                after
            }
            (b'+', _) => {
                out.push(b' ');
                rest
            }
            _ => {
                out.push(*first);
                rest
            }
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Redacts the bodies of an entry.
struct Bodies<'a> {
    redactor: &'a Redactor,
    target: &'a AuditTarget,
    verb: AuditVerb,
}

impl Bodies<'_> {
    fn redacted(&self, body: Option<Node<'_>>) -> Option<Arc<Doc>> {
        // Tokens are credentials in a field that is no Secret's; a deletion's body says nothing more.
        let is_token = self.target.resource.ends_with("tokenreviews") || &*self.target.subresource == "token";
        let body = body.filter(|_| !is_token && !self.verb.is_deletion())?;
        let kind = match (&*self.target.group, &*self.target.resource) {
            ("", "secrets") => "Secret",
            _ => self.target.kind.as_deref().unwrap_or_default(),
        };
        let doc = without_managed_fields(body);
        Some(Arc::new(self.redactor.redact_doc(&self.target.group, kind, &doc)))
    }
}

/// Copies a body without `metadata.managedFields`, which is most of many and says nothing that the version does not.
fn without_managed_fields(body: Node<'_>) -> Doc {
    if body.at(&["metadata", "managedFields"]).is_none() {
        return body.to_doc();
    }
    let mut out = DocBuilder::default();
    out.begin_map();
    for child in body.children() {
        out.key(child.key());
        if child.key() != "metadata" {
            out.node(child);
            continue;
        }
        out.begin_map();
        for field in child.children().filter(|f| f.key() != "managedFields") {
            out.key(field.key());
            out.node(field);
        }
        out.end();
    }
    out.end();
    out.finish().expect("a part of a document is no larger or deeper than the whole")
}

#[cfg(test)]
mod tests {
    use drift_core::redact::RedactOptions;
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Option<AuditEntry>, &'static str> {
        let redactor = Redactor::new(RedactOptions::new([7; 32]));
        AuditEntry::read(Doc::from_value(&value).unwrap().root(), 1, &redactor)
    }

    fn with(change: Value) -> Value {
        let mut base = json!({"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete",
            "requestURI":"/apis/apps/v1/namespaces/n/deployments/d?fieldManager=my%20tool","verb":"patch",
            "user":{"username":"ann"},"userAgent":"kubectl/v1 (x)","responseStatus":{"code":200},
            "objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"n","name":"d"},
            "requestReceivedTimestamp":"2026-01-01T00:00:00.5Z","stageTimestamp":"2026-01-01T00:00:01Z"});
        for (name, value) in change.as_object().unwrap() {
            base[name] = value.clone();
        }
        base
    }

    #[test]
    fn the_impersonated_user_counts() {
        let entry = read(with(json!({"impersonatedUser":{"username":"bea"}}))).unwrap().unwrap();
        assert_eq!((&*entry.user, entry.impersonator.as_deref()), ("bea", Some("ann")));
        assert_eq!(&*read(with(json!({}))).unwrap().unwrap().user, "ann");
    }

    #[test]
    fn managers_are_as_the_api_server_writes_them() {
        let manager = |uri: &str| read(with(json!({"requestURI":uri}))).unwrap().unwrap().manager.to_string();
        assert_eq!(manager("/x?a=b&fieldManager=my%20tool"), "my tool");
        assert_eq!(manager("/x?fieldManager="), "kubectl");
        assert_eq!(manager("/x"), "kubectl");
        assert_eq!(manager("/x?fieldManager=a%2"), "a%2");
    }

    #[test]
    fn what_changes_nothing_is_no_entry() {
        for change in [
            json!({"stage":"RequestReceived"}),
            json!({"verb":"get"}),
            json!({"requestURI":"/x?dryRun=All"}),
            json!({"objectRef":null}),
            json!({"verb":"delete","requestObject":{"kind":"DeleteOptions","dryRun":["All"]}}),
        ] {
            assert_eq!(read(with(change.clone())), Ok(None), "{change}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_without_its_value() {
        for (change, expect) in [
            (json!({"stageTimestamp":"s3cret"}), "`stageTimestamp` is not a time"),
            (json!({"user":{}}), "`user` is missing"),
            (json!({"verb":7}), "`verb` is missing"),
            (json!({"objectRef":{"name":"x"}}), "`objectRef.resource` is missing"),
        ] {
            assert_eq!(read(with(change)).unwrap_err(), expect);
        }
    }

    #[test]
    fn a_namespace_has_no_namespace_and_a_generated_name_is_in_the_answer() {
        let reference = json!({"resource":"namespaces","namespace":"a","name":"a"});
        let entry = read(with(json!({"objectRef":reference}))).unwrap().unwrap();
        assert_eq!((&*entry.target.namespace, &*entry.target.name), ("", "a"));
        let entry = read(with(json!({"verb":"create","objectRef":{"resource":"pods","namespace":"n"},
            "responseObject":{"kind":"Pod","metadata":{"name":"job-x1","resourceVersion":"9"}}})));
        let entry = entry.unwrap().unwrap();
        assert_eq!(entry.target.key().unwrap().to_string(), "Pod/n/job-x1");
        assert_eq!(entry.version, Some(ResourceVersion::new("9")));
    }

    #[test]
    fn no_secret_and_no_token_is_kept() {
        let secret = read(with(json!({"objectRef":{"resource":"secrets","namespace":"n","name":"s"},
            "requestObject":{"data":{"p":"czNjcmV0"}},"responseObject":{"kind":"Secret","metadata":{"name":"s"},"data":{"p":"czNjcmV0"}}})));
        let token = read(with(
            json!({"verb":"create","objectRef":{"resource":"serviceaccounts","namespace":"n","name":"s","subresource":"token"},
            "responseObject":{"kind":"TokenRequest","status":{"token":"czNjcmV0"}}}),
        ));
        for entry in [secret, token] {
            assert!(!format!("{:?}", entry.unwrap().unwrap()).contains("czNjcmV0"));
        }
    }
}
