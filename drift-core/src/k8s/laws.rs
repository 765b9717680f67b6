//! The rules of Kubernetes against naive evaluators that know nothing of the code.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::network_policy::admits_everything;
use super::rbac::rules_allow;
use super::scheduling::{NodeWithPods, fits_node};
use crate::object::{Doc, Object};

fn object(value: &Value) -> Object {
    Object::new(Doc::from_value(value).unwrap()).unwrap()
}

fn pod(cpu: u32, memory: u32, selector: Option<&str>, tolerates: bool, port: u16) -> Value {
    let mut spec = json!({"nodeName":"n","containers":[{"name":"a","ports":[{"containerPort":80,"hostPort":port}],
        "resources":{"requests":{"cpu":format!("{cpu}m"),"memory":format!("{memory}Mi")}}}]});
    if let Some(disk) = selector {
        spec["nodeSelector"] = json!({"disk":disk});
    }
    if tolerates {
        spec["tolerations"] = json!([{"key":"only","operator":"Exists"}]);
    }
    json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":spec,"status":{"phase":"Running"}})
}

proptest! {
    #[test]
    fn a_pod_fits_where_sums_labels_taints_and_ports_say_so(
        cpu in 0..3000_u32, memory in 0..3000_u32, selector in prop::option::of("ssd|hdd"), tolerates: bool, port in 0..3_u16,
        taken in prop::collection::vec((0..1500_u32, 0..1500_u32, 0..3_u16), 0..4),
        has in (500..4000_u32, 500..4000_u32), disk in "ssd|hdd", tainted: bool, closed: bool,
    ) {
        let node = object(&json!({"apiVersion":"v1","kind":"Node","metadata":{"name":"n","labels":{"disk":disk}},
            "spec":{"unschedulable":closed,"taints": if tainted { json!([{"key":"only","value":"x","effect":"NoSchedule"}]) } else { json!([]) }},
            "status":{"allocatable":{"cpu":format!("{}m", has.0),"memory":format!("{}Mi", has.1)}}}));
        let others: Vec<_> = taken.iter().map(|(c, m, p)| object(&pod(*c, *m, None, false, *p))).collect();
        let room = NodeWithPods { node: &node, pods: others.iter().collect() };
        let asked = object(&pod(cpu, memory, selector.as_deref(), tolerates, port));
        let spec = asked.root().get("spec").unwrap();
        let sum = |f: fn(&(u32, u32, u16)) -> u32| taken.iter().map(f).sum::<u32>();
        let expect = (cpu == 0 || cpu + sum(|t| t.0) <= has.0)
            && (memory == 0 || memory + sum(|t| t.1) <= has.1)
            && selector.as_deref().is_none_or(|s| s == disk)
            && (!tainted || tolerates)
            && !closed
            && (port == 0 || taken.iter().all(|t| t.2 != port));
        prop_assert_eq!(fits_node(spec, &room), expect);
    }

    #[test]
    fn a_role_allows_what_one_of_its_rules_lists(
        rules in prop::collection::vec((prop::collection::vec("get|list|\\*", 1..3), prop::collection::vec("apps|\\*|", 1..3), prop::collection::vec("pods|jobs|\\*", 1..3), prop::collection::vec("a|b", 0..2)), 0..4),
        verb in "get|list|update", group in "apps|batch|", resource in "pods|jobs|nodes", name in prop::option::of("a|b|c"),
    ) {
        let list: Vec<_> = rules.iter().map(|(v, g, r, n)| json!({"verbs":v,"apiGroups":g,"resources":r,"resourceNames":n})).collect();
        let doc = Doc::from_value(&json!(list)).unwrap();
        let within = |all: &Vec<String>, one: &str| all.iter().any(|x| x == "*" || x == one);
        let expect = rules.iter().any(|(v, g, r, n)| {
            within(v, &verb) && within(g, &group) && within(r, &resource)
                && (n.is_empty() || name.as_ref().is_some_and(|x| n.contains(x)))
        });
        prop_assert_eq!(rules_allow(doc.root(), &verb, &group, &resource, name.as_deref()), expect);
    }

    #[test]
    fn a_policy_is_open_when_every_direction_that_it_decides_has_a_rule_without_conditions(
        types in prop::collection::btree_set("Ingress|Egress", 1..3), ingress in prop::option::of(0..2_u8), egress in prop::option::of(0..2_u8),
    ) {
        let rules = |r: Option<u8>, peer: &str| match r {
            None => json!([]),
            Some(0) => json!([{}]),
            Some(_) => json!([{peer: [{"podSelector": {}}]}]),
        };
        let policy = object(&json!({"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"n"},
            "spec":{"podSelector":{},"policyTypes":types,"ingress":rules(ingress, "from"),"egress":rules(egress, "to")}}));
        let expect = (!types.contains("Ingress") || ingress == Some(0)) && (!types.contains("Egress") || egress == Some(0));
        prop_assert_eq!(admits_everything(&policy), expect);
    }
}
