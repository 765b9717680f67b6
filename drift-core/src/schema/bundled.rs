//! The built-in kinds that the crate ships.
//!
//! To make the table again, with the OpenAPI documents of a cluster (one file for each group and version) and the Go
//! module `k8s.io/api` of the same release:
//! `cargo run -p drift-examples --bin generate-schemas -- --openapi DIR --go DIR --out drift-core/data/kubernetes.txt`

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::build::SchemaSetBuilder;
use super::{SchemaSet, defaults, openapi, table};

const TABLE: &str = include_str!("../../data/kubernetes.txt");

/// What is known of built-in types by their OpenAPI names.
pub(super) struct BuiltIn {
    omitted: HashMap<&'static str, Vec<&'static str>>,
}

impl BuiltIn {
    /// Returns the fields of a type of which the API server drops the zero value, sorted; `None` for a type that is
    /// not built in.
    pub(super) fn omitted(&self, name: &str) -> Option<&[&'static str]> {
        self.omitted.get(name).map(Vec::as_slice)
    }
}

/// Returns what is known of built-in types.
pub(super) fn types() -> &'static BuiltIn {
    static TYPES: OnceLock<BuiltIn> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut omitted: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut before_first = Vec::new();
        let mut fields = &mut before_first;
        for line in TABLE.lines().skip(1) {
            let word = |text: &'static str| text.split(' ').next().unwrap_or_default();
            if let Some(head) = line.strip_prefix("type ") {
                fields = omitted.entry(word(head)).or_default();
            } else if let Some(field) = line.strip_prefix(' ') {
                fields.extend(word(field).strip_suffix('?'));
            }
        }
        BuiltIn { omitted }
    })
}

/// Returns the set of built-in kinds.
pub(super) fn set() -> Arc<SchemaSet> {
    static SET: OnceLock<Arc<SchemaSet>> = OnceLock::new();
    Arc::clone(SET.get_or_init(|| Arc::new(decode())))
}

fn decode() -> SchemaSet {
    let (mut graph, kinds) = table::read(TABLE).expect("a test reads the table that is compiled in");
    let names = graph.names();
    defaults::apply(&mut graph, &names);
    let roots: Vec<u32> = kinds.iter().map(|k| k.root).collect();
    openapi::status_is_allocated(&mut graph, &roots);
    let mut builder = SchemaSetBuilder::default();
    builder.add(graph, kinds);
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::schema::{Default, ScalarKind, Scope, Shape, Topology};

    #[test]
    fn the_table_is_what_it_says() {
        let set = SchemaSet::bundled();
        assert!(set.kinds().count() > 80);
        let again = set.to_table("", &|ty, field| types().omitted(ty).is_some_and(|f| f.contains(&field)));
        // Defaults were added and some types copied for it, so only the kinds are the same text.
        let kinds = |text: &str| {
            text.lines().filter(|l| l.starts_with("kind ")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&again.unwrap()), kinds(TABLE));
    }

    #[test]
    fn every_default_has_its_field() {
        let (mut graph, _) = table::read(TABLE).unwrap();
        let names = graph.names();
        let applied = defaults::apply(&mut graph, &names);
        let lost: Vec<_> = defaults::edits().iter().filter(|e| !applied.contains(&e.line)).collect();
        assert!(lost.is_empty(), "{lost:#?}");
        let unknown: HashSet<_> =
            defaults::edits().iter().flat_map(|e| &e.types).filter(|t| !names.contains_key(*t)).collect();
        let package = |t: &str| t.rsplit_once('.').map(|(p, _)| p.to_owned());
        let packages: HashSet<_> = names.keys().map(|n| package(n)).collect();
        assert!(unknown.iter().all(|t| packages.contains(&package(t))), "{unknown:?}");
    }

    #[test]
    fn kinds_are_found_with_their_scope() {
        let set = SchemaSet::bundled();
        assert_eq!(set.scope("apps", "Deployment"), Some(Scope::Namespaced));
        assert_eq!(set.scope("", "Namespace"), Some(Scope::Cluster));
        assert_eq!(set.scope("rbac.authorization.k8s.io", "ClusterRole"), Some(Scope::Cluster));
        assert_eq!(set.scope("", "Deployment"), None);
        assert_eq!(set.resource("apps", "deployments").map(|k| k.kind()), Some("Deployment"));
        let versions: Vec<_> =
            set.versions("autoscaling", "HorizontalPodAutoscaler").map(|k| k.version()).collect();
        assert_eq!(versions, ["v1", "v2"]);
    }

    fn ty<'a>(set: &'a SchemaSet, kind: (&str, &str, &str), path: &[&str]) -> crate::schema::TypeRef<'a> {
        let root = set.kind(kind.0, kind.1, kind.2).unwrap().root();
        path.iter().fold(root, |ty, step| match (ty.shape(), *step) {
            (Shape::List(list), "[]") => list.element(),
            _ => ty.child(step).unwrap_or_else(|| panic!("{step} of {ty:?}")),
        })
    }

    #[test]
    fn types_say_what_the_api_says() {
        let set = SchemaSet::bundled();
        let pod = ["spec", "template", "spec", "containers"];
        let deployment = ("apps", "v1", "Deployment");
        let Shape::List(containers) = ty(&set, deployment, &pod).shape() else { panic!("no list") };
        assert!(matches!(containers.topology(), Topology::Map([name]) if **name == *"name"));
        let scalar = |kind, path: &[&str]| match ty(&set, kind, path).shape() {
            Shape::Scalar(kind) => kind,
            other => panic!("{other:?}"),
        };
        let container = |rest: &[&'static str]| [&pod[..], &["[]"], rest].concat();
        assert_eq!(scalar(deployment, &container(&["resources", "limits", "cpu"])), ScalarKind::Quantity);
        assert_eq!(
            scalar(deployment, &container(&["livenessProbe", "httpGet", "port"])),
            ScalarKind::IntOrString
        );
        assert_eq!(scalar(("", "v1", "Secret"), &["data", "x"]), ScalarKind::Bytes);
        assert_eq!(scalar(deployment, &["metadata", "creationTimestamp"]), ScalarKind::Time);
        let Shape::List(ports) = ty(&set, deployment, &container(&["ports"])).shape() else {
            panic!("no list")
        };
        assert!(matches!(ports.topology(), Topology::Map([port, _]) if **port == *"containerPort"));
        assert!(
            matches!(ty(&set, deployment, &["spec", "selector"]).shape(), Shape::Struct(s) if s.is_atomic())
        );
        let crd = ("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        let props = ["spec", "versions", "[]", "schema", "openAPIV3Schema"];
        let schema = ty(&set, crd, &props);
        assert_eq!(
            schema.child("not").map(|t| t.name()),
            Some(schema.name()),
            "a type that refers to itself"
        );
    }

    #[test]
    fn a_default_is_about_its_place_only() {
        let set = SchemaSet::bundled();
        let default = |kind, path: &[&str], name: &str| match ty(&set, kind, path).shape() {
            Shape::Struct(s) => format!("{:?}", s.field(name).unwrap().default()),
            other => panic!("{other:?}"),
        };
        let (pod, deployment) = (("", "v1", "Pod"), ("apps", "v1", "Deployment"));
        assert_eq!(default(pod, &["spec"], "enableServiceLinks"), "Some(Constant(true))");
        assert_eq!(default(deployment, &["spec", "template", "spec"], "enableServiceLinks"), "None");
        assert_eq!(default(deployment, &["spec", "template", "spec"], "nodeName"), "None");
        assert_eq!(default(pod, &["spec"], "nodeName"), "Some(Allocated)");
        assert_eq!(
            default(deployment, &["spec", "template", "spec"], "restartPolicy"),
            r#"Some(Constant("Always"))"#
        );
        assert_eq!(default(deployment, &[], "status"), "Some(Allocated)");
        let job = ("batch", "v1", "Job");
        assert_eq!(default(job, &["spec"], "completionMode"), r#"Some(Constant("NonIndexed"))"#);
        assert_eq!(
            default(("batch", "v1", "CronJob"), &["spec", "jobTemplate", "spec"], "completionMode"),
            "None"
        );
        assert!(
            matches!(SchemaSet::bundled().kind("", "v1", "Pod").map(|k| k.root().shape()), Some(Shape::Struct(s))
            if matches!(s.field("status").unwrap().default(), Some(Default::Allocated)))
        );
    }

    #[test]
    fn entries_of_the_server_are_known_where_it_puts_them() {
        let set = SchemaSet::bundled();
        let volumes = |kind, path: &[&str]| match ty(&set, kind, path).shape() {
            Shape::List(list) => {
                let volume = crate::object::Doc::from_json(br#"{"name":"kube-api-access-x"}"#).unwrap();
                list.allocates(volume.root())
            }
            other => panic!("{other:?}"),
        };
        assert!(volumes(("", "v1", "Pod"), &["spec", "volumes"]));
        assert!(!volumes(("apps", "v1", "Deployment"), &["spec", "template", "spec", "volumes"]));
        let Shape::Map(annotations) =
            ty(&set, ("apps", "v1", "Deployment"), &["metadata", "annotations"]).shape()
        else {
            panic!("no map")
        };
        assert!(annotations.allocates("deployment.kubernetes.io/revision"));
        assert!(annotations.allocates("kubectl.kubernetes.io/last-applied-configuration"));
        assert!(!annotations.allocates("team"));
    }

    #[test]
    fn zero_values_are_dropped_only_where_the_server_does() {
        let set = SchemaSet::bundled();
        let omits = |path: &[&str], name: &str| match ty(&set, ("apps", "v1", "Deployment"), path).shape() {
            Shape::Struct(s) => s.field(name).unwrap().omits_zero(),
            other => panic!("{other:?}"),
        };
        assert!(!omits(&["spec"], "replicas"), "zero replicas are not one");
        assert!(omits(&["spec"], "paused"));
        let container = ["spec", "template", "spec", "containers", "[]"];
        assert!(omits(&[&container[..], &["volumeMounts", "[]"]].concat(), "readOnly"));
        assert!(omits(&[&container[..], &["env", "[]"]].concat(), "value"));
        assert!(!omits(&[&container[..], &["securityContext"]].concat(), "runAsNonRoot"));
        assert!(
            omits(&["spec", "template", "spec", "volumes", "[]", "configMap"], "name"),
            "of an embedded struct"
        );
    }
}
