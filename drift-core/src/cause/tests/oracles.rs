//! Whole counterfactual checks on small histories, against evaluators that know nothing of the code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cause::counterfactual::check;
use crate::cause::reach::ReachedResource;
use crate::cause::suspicion::Suspicion;
use crate::cause::{ChangeKind, Counterfactual, CounterfactualVerdict, Investigation};
use crate::event::LogPosition;
use crate::event::Until;
use crate::event::{Event, EventBody, EventId, NewEvent, Origin};
use crate::fault::{Fault, FaultBasis, FaultKind, OnsetBasis, VersionRef};
use crate::history::ResourceOp;
use crate::history::{Change, Moment};
use crate::k8s::scheduling::{NodeWithPods, fits_node};
use crate::object::{Doc, Object};
use crate::schema::SchemaSet;
use crate::stream::{Position, Revision, StreamId};

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

fn mark(n: u64) -> Moment {
    let time = jiff::Timestamp::from_second(1_700_000_000 + n as i64).unwrap();
    Moment { version: None, at: LogPosition { position: Position::new(n), time } }
}

/// A log of objects as they come, all there before anything fails.
fn events(objects: &[Value]) -> Vec<Event> {
    let one = |(i, value): (usize, &Value)| {
        let (object, at) = (object(value), mark(i as u64 + 1).at);
        let body = EventBody::Applied(Arc::clone(&object));
        let (uid, occurred_at, observed_at) = (None, None, at.time);
        let new = NewEvent { uid, origin: Origin::default(), observed_at, occurred_at, body };
        new.at(StreamId::live(object.key()), Revision::FIRST, at.position)
    };
    objects.iter().enumerate().map(one).collect()
}

fn change(before: &Value, after: &Value) -> Change {
    let (before, after) = (object(before), object(after));
    Change {
        id: EventId::from_bytes([0; 32]),
        key: after.key(),
        op: ResourceOp::Update,
        mark: mark(50),
        fields: Vec::new(),
        manager: None,
        user: None,
        before: Some(before),
        after: Some(after),
    }
}

fn fault(kind: FaultKind, on: &Value, message: &str) -> Fault {
    let key = object(on).key();
    Fault {
        kind,
        basis: FaultBasis::Health,
        shown_by: VersionRef { key: key.clone(), version: None },
        on: key,
        reason: String::new(),
        message: message.to_owned(),
        onset: mark(100),
        onset_basis: OnsetBasis::Recorded,
        evidence: EventId::from_bytes([0; 32]),
        started: None,
        containers: std::collections::BTreeSet::new(),
    }
}

fn on<T>(objects: &[Value], ask: impl FnOnce(&Investigation<'_>) -> T) -> T {
    let schemas = SchemaSet::bundled();
    ask(&Investigation::from_events(&events(objects), Until::End, &schemas))
}

/// Asks the row of the table of checks that a change of a kind is for.
fn ask(
    investigation: &Investigation<'_>,
    fault: &Fault,
    change: Change,
    kind: ChangeKind,
    ports: &[u16],
) -> Counterfactual {
    let reached = ReachedResource::start(&change.key);
    let change = Arc::new(change);
    check(&Suspicion { investigation, fault, reached: &reached, change: &change, kind, field: None, ports })
}

fn verdict(was: bool, is: bool) -> CounterfactualVerdict {
    if was && !is { CounterfactualVerdict::Holds } else { CounterfactualVerdict::Fails }
}

type Labels = BTreeMap<String, String>;

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map("[ab]", "[xy]", 0..3)
}

fn pod(namespace: &str, name: &str, labels: &Labels, spec: Value) -> Value {
    json!({"apiVersion":"v1","kind":"Pod","metadata":{"name":name,"namespace":namespace,"labels":labels},"spec":spec,"status":{}})
}

fn service(selector: &Labels, ports: &Value) -> Value {
    json!({"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"one"},"spec":{"selector":selector,"ports":ports}})
}

/// A requirement on a label: key, operator, values.
type Requirement = (String, &'static str, BTreeSet<String>);

fn requirements() -> impl Strategy<Value = Vec<Requirement>> {
    let operator = prop::sample::select(vec!["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Near"]);
    let values = prop::collection::btree_set("[1-3]", 1..3);
    prop::collection::vec(("[ab]", operator, values), 0..3)
}

fn expressions(all: &[Requirement]) -> Value {
    let one = |(key, operator, values): &Requirement| match *operator {
        "Exists" | "DoesNotExist" => json!({"key":key,"operator":operator}),
        // The API takes one number to compare with.
        "Gt" | "Lt" => json!({"key":key,"operator":operator,"values":[values.first()]}),
        _ => json!({"key":key,"operator":operator,"values":values}),
    };
    all.iter().map(one).collect()
}

fn meets(labels: &Labels, (key, operator, values): &Requirement) -> bool {
    let number = |t: &String| t.parse::<i64>().unwrap();
    let (have, bound) = (labels.get(key), number(values.first().unwrap()));
    match *operator {
        "In" => have.is_some() && values.contains(have.unwrap()),
        "NotIn" => have.is_none() || !values.contains(have.unwrap()),
        "Exists" => have.is_some(),
        "DoesNotExist" => have.is_none(),
        "Gt" => have.is_some() && number(have.unwrap()) > bound,
        "Lt" => have.is_some() && number(have.unwrap()) < bound,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_selector_is_behind_it_when_it_matched_some_pod_of_its_namespace_and_does_no_more(
        before in labels(), after in labels(), pods in prop::collection::vec((labels(), any::<bool>()), 0..5),
    ) {
        let all: Vec<_> = pods.iter().enumerate()
            .map(|(i, (l, here))| pod(if *here { "one" } else { "two" }, &format!("p{i}"), l, json!({}))).collect();
        let (old, new) = (service(&before, &json!([])), service(&after, &json!([])));
        let found = on(&all, |investigation| ask(investigation, &fault(FaultKind::NoEndpoints, &new, ""), change(&old, &new), ChangeKind::ServiceSelector, &[]));
        // A Service without a selector picks nothing.
        let hits = |s: &Labels| !s.is_empty()
            && pods.iter().any(|(l, here)| *here && s.iter().all(|(k, v)| l.get(k) == Some(v)));
        prop_assert_eq!(found.verdict, verdict(hits(&before), hits(&after)));
    }

    #[test]
    fn target_ports_line_up_by_number_and_by_name(
        before in prop::collection::vec((1..4_i64, 0..3_u8), 1..3), after in prop::collection::vec((1..4_i64, 0..3_u8), 1..3),
        has in prop::collection::vec((1..4_i64, prop::option::of(1..4_i64)), 0..3),
    ) {
        // A target is not given (the port itself), a number, or a name.
        let ports = |all: &[(i64, u8)]| -> Value {
            all.iter().map(|(n, how)| match how {
                0 => json!({"port":n}),
                1 => json!({"port":80,"targetPort":n}),
                _ => json!({"port":80,"targetPort":format!("p{n}")}),
            }).collect()
        };
        let web = Labels::from([("a".to_owned(), "x".to_owned())]);
        let (old, new) = (service(&web, &ports(&before)), service(&web, &ports(&after)));
        let own: Value = has.iter().map(|(n, name)| match name {
            Some(name) => json!({"containerPort":n,"name":format!("p{name}")}),
            None => json!({"containerPort":n}),
        }).collect();
        let it = pod("one", "p", &web, json!({"containers":[{"name":"c","image":"x","ports":own}]}));
        let found = on(&[it, new.clone()], |investigation| {
            ask(investigation, &fault(FaultKind::PortMismatch, &new, ""), change(&old, &new), ChangeKind::ServicePorts, &[])
        });
        let fits = |all: &[(i64, u8)]| all.iter().all(|(n, how)| match how {
            0 | 1 => has.iter().any(|(p, _)| p == n),
            _ => has.iter().any(|(_, name)| *name == Some(*n)),
        });
        prop_assert_eq!(found.verdict, verdict(fits(&before), fits(&after)));
    }

    #[test]
    fn a_service_is_behind_it_when_a_port_that_is_asked_for_went(
        before in prop::collection::btree_set(1..5_u16, 1..4), after in prop::collection::btree_set(1..5_u16, 1..4),
        asked in prop::collection::btree_set(1..5_u16, 0..3),
    ) {
        let ports = |all: &BTreeSet<u16>| -> Value { all.iter().map(|p| json!({"port":p,"targetPort":8080})).collect() };
        let (old, new) = (service(&Labels::new(), &ports(&before)), service(&Labels::new(), &ports(&after)));
        let asked: Vec<u16> = asked.into_iter().collect();
        let found = on(std::slice::from_ref(&new), |investigation| {
            ask(investigation, &fault(FaultKind::NotReady, &new, ""), change(&old, &new), ChangeKind::ServicePorts, &asked)
        });
        let (was, is) = (asked.iter().all(|p| before.contains(p)), asked.iter().all(|p| after.contains(p)));
        let expect = match (was, is) {
            (true, false) => CounterfactualVerdict::Holds,
            (true, true) if before != after => CounterfactualVerdict::Undecided,
            _ => CounterfactualVerdict::Fails,
        };
        prop_assert_eq!(found.verdict, expect);
    }

    #[test]
    fn a_quota_is_behind_it_when_the_sum_fitted_before_and_does_not_now(
        used in (0..8_u64, 0..8_u64), asked in (1..4_u64, 1..4_u64),
        before in (prop::option::of(0..12_u64), prop::option::of(0..12_u64)), after in (prop::option::of(0..12_u64), prop::option::of(0..12_u64)),
        is_named: bool,
    ) {
        // Half a core and 256 Mi are the units; they are written in different ways on each side.
        let quota = |(cpu, memory): (Option<u64>, Option<u64>)| {
            let mut hard = json!({});
            cpu.iter().for_each(|c| hard["requests.cpu"] = json!(format!("{}m", c * 500)));
            memory.iter().for_each(|m| hard["requests.memory"] = json!(format!("{}Ki", m * 256 * 1024)));
            json!({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q","namespace":"one"},"spec":{"hard":hard}})
        };
        let pair = |(cpu, memory): (u64, u64)| format!("requests.cpu={},requests.memory={}Mi", cpu as f64 / 2.0, memory * 256);
        let message = format!("pods \"p\" is forbidden: exceeded quota: {}, requested: {}, used: {}, limited: requests.cpu=0",
            if is_named { "q" } else { "other" }, pair(asked), pair(used));
        let (old, new) = (quota(before), quota(after));
        let found = on(std::slice::from_ref(&new), |investigation| {
            ask(investigation, &fault(FaultKind::OverQuota, &new, &message), change(&old, &new), ChangeKind::Quota, &[])
        });
        let fits = |(cpu, memory): (Option<u64>, Option<u64>)| cpu.is_none_or(|h| used.0 + asked.0 <= h)
            && memory.is_none_or(|h| used.1 + asked.1 <= h);
        let expect = if is_named { verdict(fits(before), fits(after)) } else { CounterfactualVerdict::Fails };
        prop_assert_eq!(found.verdict, expect);
    }

    #[test]
    fn configuration_is_behind_it_when_a_key_that_is_read_and_not_optional_went(
        before in prop::collection::btree_set("[abc]", 0..4), after in prop::collection::btree_set("[abc]", 0..4),
        uses in prop::collection::vec(("[abc]", any::<bool>(), 0..3_u8), 0..4), is_secret: bool, other in prop::option::of("[abc]"),
    ) {
        let (kind, list) = if is_secret { ("Secret", "secret") } else { ("ConfigMap", "configMap") };
        let data = |keys: &BTreeSet<String>| -> Value {
            let data: serde_json::Map<_, _> = keys.iter().map(|k| (k.clone(), json!("x"))).collect();
            json!({"apiVersion":"v1","kind":kind,"metadata":{"name":"conf","namespace":"one"},"data":data})
        };
        let (mut env, mut volumes) = (Vec::new(), Vec::new());
        for (i, (key, optional, how)) in uses.iter().enumerate() {
            match how {
                0 => env.push(json!({"name":format!("E{i}"),"valueFrom":{(list.to_owned() + "KeyRef"):{"name":"conf","key":key,"optional":optional}}})),
                _ => {
                    let items = json!([{"key":key,"path":"f"}]);
                    let name = if is_secret { "secretName" } else { "name" };
                    volumes.push(json!({"name":format!("v{i}"),list:{name:"conf","items":items,"optional":optional}}));
                }
            }
        }
        // What is read of another object does not matter.
        other.iter().for_each(|k| env.push(json!({"name":"O","valueFrom":{(list.to_owned() + "KeyRef"):{"name":"else","key":k}}})));
        let it = pod("one", "p", &Labels::new(), json!({"containers":[{"name":"c","image":"x","env":env}],"volumes":volumes}));
        let (old, new) = (data(&before), data(&after));
        let found = on(&[it.clone(), new.clone()], |investigation| {
            ask(investigation, &fault(FaultKind::ConfigMissing, &it, ""), change(&old, &new), ChangeKind::ConfigData, &[])
        });
        let expect = if uses.iter().any(|(k, optional, _)| !optional && before.contains(k) && !after.contains(k)) {
            CounterfactualVerdict::Holds
        } else if uses.is_empty() {
            CounterfactualVerdict::Undecided
        } else {
            CounterfactualVerdict::Fails
        };
        prop_assert_eq!(found.verdict, expect, "{}", it);
    }

    #[test]
    fn required_affinity_is_one_of_terms_of_which_all_expressions_hold(
        labels in prop::collection::btree_map("[ab]", "[1-3]", 0..3), terms in prop::collection::vec(requirements(), 0..3), has_terms: bool,
    ) {
        let node = object(&json!({"apiVersion":"v1","kind":"Node","metadata":{"name":"n","labels":labels},
            "status":{"allocatable":{"cpu":"1","memory":"1Gi","pods":"10"}}}));
        let mut spec = json!({"containers":[]});
        if has_terms {
            let list: Value = terms.iter().map(|t| json!({"matchExpressions":expressions(t)})).collect();
            spec["affinity"] = json!({"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":list}}});
        }
        let it = object(&pod("one", "p", &Labels::new(), spec));
        let fits = fits_node(it.root().get("spec").unwrap(), &NodeWithPods { node: &node, pods: Vec::new() });
        // A term without expressions matches no node, and neither does no term.
        let expect = !has_terms || terms.iter().any(|t| !t.is_empty() && t.iter().all(|r| meets(&labels, r)));
        prop_assert_eq!(fits, expect);
    }

    #[test]
    fn a_taint_keeps_off_who_tolerates_neither_its_key_nor_value_nor_effect(
        taints in prop::collection::vec(("[ab]", "[xy]", prop::sample::select(vec!["NoSchedule", "PreferNoSchedule", "NoExecute"])), 0..3),
        tolerations in prop::collection::vec((prop::option::of("[ab]"), prop::option::of("[xy]"), prop::option::of(prop::sample::select(vec!["NoSchedule", "NoExecute"]))), 0..3),
    ) {
        let list: Value = taints.iter().map(|(k, v, e)| json!({"key":k,"value":v,"effect":e})).collect();
        let node = object(&json!({"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"spec":{"taints":list},
            "status":{"allocatable":{"cpu":"1","memory":"1Gi","pods":"10"}}}));
        // Without a value it is `Exists`; without a key as well, and then it tolerates everything.
        let list: Value = tolerations.iter().map(|(key, value, effect)| {
            let mut one = json!({"operator":"Exists"});
            if let Some(key) = key {
                one["key"] = json!(key);
                value.iter().for_each(|v| one = json!({"operator":"Equal","key":key,"value":v}));
            }
            effect.iter().for_each(|e| one["effect"] = json!(e));
            one
        }).collect();
        let it = object(&pod("one", "p", &Labels::new(), json!({"containers":[],"tolerations":list})));
        let fits = fits_node(it.root().get("spec").unwrap(), &NodeWithPods { node: &node, pods: Vec::new() });
        let expect = taints.iter().filter(|(_, _, e)| *e != "PreferNoSchedule").all(|(k, v, e)| {
            tolerations.iter().any(|(key, value, effect)| {
                let same = match (key, value) {
                    (None, _) => true,
                    (Some(key), None) => key == k,
                    (Some(key), Some(value)) => key == k && value == v,
                };
                same && effect.is_none_or(|x| x == *e)
            })
        });
        prop_assert_eq!(fits, expect, "{:?} {:?}", taints, tolerations);
    }

    #[test]
    fn a_role_is_behind_it_when_it_allowed_what_was_refused_and_does_no_more(
        before in prop::collection::vec(("get|list|\\*", "pods|jobs", prop::option::of("[xy]")), 0..3),
        after in prop::collection::vec(("get|list|\\*", "pods|jobs", prop::option::of("[xy]")), 0..3),
        verb in "get|list|watch", resource in "pods|jobs", name in "[xyz]",
    ) {
        let group = if resource == "jobs" { "batch" } else { "" };
        let role = |rules: &[(String, String, Option<String>)]| -> Value {
            let rules: Value = rules.iter().map(|(v, r, n)| {
                let names: Vec<_> = n.iter().collect();
                json!({"verbs":[v],"resources":[r],"apiGroups":[if r == "jobs" { "batch" } else { "" }],"resourceNames":names})
            }).collect();
            json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","namespace":"one"},"rules":rules})
        };
        let message = format!("{resource} \"{name}\" is forbidden: User \"system:serviceaccount:one:sa\" cannot {verb} resource \"{resource}\" in API group \"{group}\" in the namespace \"one\"");
        let (old, new) = (role(&before), role(&after));
        let it = pod("one", "p", &Labels::new(), json!({"serviceAccountName":"sa","containers":[]}));
        let found = on(&[it.clone(), new.clone()], |investigation| {
            ask(investigation, &fault(FaultKind::Forbidden, &it, &message), change(&old, &new), ChangeKind::RoleRules, &[])
        });
        let allows = |rules: &[(String, String, Option<String>)]| rules.iter().any(|(v, r, n)| {
            (v == "*" || *v == verb) && *r == resource && n.as_ref().is_none_or(|n| *n == name)
        });
        prop_assert_eq!(found.verdict, verdict(allows(&before), allows(&after)));
    }

    #[test]
    fn a_binding_is_behind_it_when_it_named_the_account_and_does_no_more(
        before in prop::collection::btree_set(("one|two", "sa|sb"), 0..3), after in prop::collection::btree_set(("one|two", "sa|sb"), 0..3),
        is_allowed: bool,
    ) {
        let role = json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","namespace":"one"},
            "rules":[{"verbs":[if is_allowed { "get" } else { "delete" }],"resources":["pods"],"apiGroups":[""]}]});
        let binding = |subjects: &BTreeSet<(String, String)>| -> Value {
            let list: Value = subjects.iter().map(|(ns, n)| json!({"kind":"ServiceAccount","namespace":ns,"name":n})).collect();
            json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"b","namespace":"one"},
                "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":list})
        };
        let message = "pods \"p\" is forbidden: User \"system:serviceaccount:one:sa\" cannot get resource \"pods\" in API group \"\" in the namespace \"one\"";
        let (old, new) = (binding(&before), binding(&after));
        let it = pod("one", "p", &Labels::new(), json!({"serviceAccountName":"sa","containers":[]}));
        let found = on(&[role, it.clone(), new.clone()], |investigation| {
            ask(investigation, &fault(FaultKind::Forbidden, &it, message), change(&old, &new), ChangeKind::Binding, &[])
        });
        let me = ("one".to_owned(), "sa".to_owned());
        let may = |s: &BTreeSet<(String, String)>| is_allowed && s.contains(&me);
        prop_assert_eq!(found.verdict, verdict(may(&before), may(&after)));
    }
}
