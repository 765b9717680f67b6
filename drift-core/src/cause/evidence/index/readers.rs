//! Who reads labels and annotations of which domain: API groups, and what runs.

use std::sync::Arc;

use crate::event::LogPosition;
use crate::object::{Node, Object};

use super::{EvidenceIndex, ResourceId};

impl EvidenceIndex {
    /// Takes what a resource says about who reads labels and annotations of which domain.
    pub(super) fn take_readers(&mut self, id: ResourceId, object: &Object, at: LogPosition) {
        let key = self.resources[id as usize].key.clone();
        if key.group.contains('.') && !key.group.ends_with(".k8s.io") {
            self.groups.entry(Arc::clone(&key.group)).or_insert(at);
        }
        let mut run = |name: &str| {
            if !self.runners.contains_key(name) && name != "kubernetes" {
                self.runners.insert(name.into(), at);
            }
        };
        if matches!(&*key.kind, "Deployment" | "DaemonSet" | "StatefulSet" | "IngressClass") {
            run(&key.name);
            key.name.split('-').filter(|p| p.len() > 3).for_each(&mut run);
        }
        if !key.namespace.is_empty() {
            run(&key.namespace);
        }
        if key.group_kind() == ("", "Pod") {
            let containers = object.root().at(&["spec", "containers"]).into_iter().flat_map(Node::children);
            for image in containers.filter_map(|c| c.str_at(&["image"])) {
                // Without the registry's host and the tag.
                let path = image
                    .split_once('/')
                    .filter(|(host, _)| host.contains(['.', ':']))
                    .map_or(image, |p| p.1);
                let repository = path.split([':', '@']).next().unwrap_or_default();
                repository.split(['/', '-']).filter(|p| p.len() > 3).for_each(&mut run);
            }
        }
    }
}
