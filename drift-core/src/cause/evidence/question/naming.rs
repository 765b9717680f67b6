//! Whom complaints and the own status name.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::{Kind, Node};

use super::super::closure::dns_services;
use super::super::index::ResourceId;
use super::super::mentions::{dotted_words, name_words};
use super::super::words::{camel_parts, holds_whole};
use super::Question;

/// Texts of failure that are about names, and not about what has them.
const DNS_TROUBLE: [&str; 5] = ["no such host", "server misbehaving", "name resolution", "nxdomain", ":53: "];

impl Question<'_> {
    /// Finds others whom the complaints or the own status name.
    pub(super) fn find_named(&mut self) {
        let mut named: BTreeMap<ResourceId, f64> = BTreeMap::new();
        let mut put = |id: ResourceId, cost: f64| {
            let c = named.entry(id).or_insert(cost);
            *c = c.min(cost);
        };
        let texts: BTreeSet<&str> = self.said.iter().map(|s| &*s.what.complaint.message).collect();
        let own_namespace = &self.key(self.symptom).namespace;
        for text in texts {
            let joined = text.to_ascii_lowercase().replace(' ', "");
            for word in name_words(text).collect::<BTreeSet<_>>() {
                let parts: Vec<&str> = word.split('.').collect();
                let hits: BTreeSet<ResourceId> = self
                    .index
                    .named(parts[0], self.until)
                    .chain(self.index.named(word, self.until))
                    .collect();
                for id in hits.iter().copied().filter(|id| !self.family.contains(id)) {
                    let key = self.key(id);
                    let is_in_reach = key.namespace.is_empty()
                        || key.namespace == *own_namespace
                        || (parts.len() > 1 && parts.contains(&&*key.namespace))
                        || holds_whole(text, &key.namespace);
                    // A short name may stand for anything, unless its namespace is beside it.
                    let is_full = parts.get(1).is_some_and(|p| **p == *key.namespace);
                    if (key.name.len() < 4 && !is_full) || !is_in_reach {
                        continue;
                    }
                    let says_kind = || {
                        let parts = camel_parts(&key.kind);
                        parts.iter().all(|p| joined.contains(&p.to_ascii_lowercase()))
                    };
                    let is_named_with_kind = &*key.kind == "Service" || says_kind();
                    let far = if key.namespace.is_empty() || hits.len() > 6 { 0.5 } else { 0.0 };
                    put(id, far + if is_named_with_kind { 0.4 } else { 1.1 });
                }
            }
            for value in dotted_words(text).collect::<BTreeSet<_>>() {
                let holders: BTreeSet<ResourceId> = self.index.holding(&value, self.until).collect();
                if (1..=5).contains(&holders.len()) {
                    holders.iter().for_each(|id| put(*id, 0.6 + 0.2 * holders.len() as f64));
                }
            }
            let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | '-' | ':');
            for word in text.split(|c| !is_part(c)).filter(|w| w.len() >= 7) {
                let address = word.split(':').next().unwrap_or_default();
                if let Some(id) =
                    self.index.at_address(address, self.until).filter(|id| !self.family.contains(id))
                {
                    put(id, 0.4);
                    self.owners(id).into_iter().for_each(|owner| put(owner, 0.4));
                }
            }
        }
        if DNS_TROUBLE.iter().any(|text| self.whole.contains(text)) {
            for (service, _) in dns_services(self) {
                put(service, 0.4);
            }
        }
        if let Some(status) =
            self.investigation.history.now(self.key(self.symptom)).and_then(|o| o.root().get("status"))
        {
            let mut found = Vec::new();
            names_in(status, 0, &mut found);
            for (name, namespace, kind, is_bad) in found {
                for id in self.index.named(&name, self.until).collect::<BTreeSet<_>>() {
                    let key = self.key(id);
                    let fits_namespace =
                        key.namespace.is_empty() || *key.namespace == *namespace.unwrap_or(own_namespace);
                    if fits_namespace && kind.is_none_or(|k| k == &*key.kind) && !self.family.contains(&id) {
                        put(id, if is_bad { 0.4 } else { 1.2 });
                    }
                }
            }
        }
        self.named = named;
    }
}

/// Name, namespace, kind, and whether the words beside it say that it is not well.
type NamedItem<'a> = (String, Option<&'a str>, Option<&'a str>, bool);

/// Finds the objects that a status lists.
fn names_in<'a>(node: Node<'a>, depth: usize, out: &mut Vec<NamedItem<'a>>) {
    if depth > 10 || out.len() > 500 {
        return;
    }
    if node.kind() == Kind::Map
        && let Some(name) = node.str_at(&["name"])
    {
        use crate::health::HealthStatus::{Degraded, Missing};
        use crate::health::words::{hint, meaning};
        let health = node.at(&["health", "status"]);
        let texts = node.children().chain(health).filter_map(Node::as_str);
        let is_bad = texts.into_iter().any(|t| {
            let said = if t.contains(' ') { hint(t) } else { meaning(t) };
            matches!(said, Some(Degraded | Missing))
        });
        out.push((
            name.to_ascii_lowercase(),
            node.str_at(&["namespace"]).filter(|n| !n.is_empty()),
            node.str_at(&["kind"]),
            is_bad,
        ));
    }
    node.children()
        .filter(|n| matches!(n.kind(), Kind::Map | Kind::List))
        .for_each(|n| names_in(n, depth + 1, out));
}
