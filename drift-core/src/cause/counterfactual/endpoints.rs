//! Do pods match the selector of a Service?

use crate::history::{Moment, ResourceOp};
use crate::k8s::pod::template_labels;
use crate::k8s::selector::Selector;
use crate::object::{Node, Object};

use crate::cause::change_kind::ChangeKind;
use crate::cause::investigation::Investigation;
use crate::cause::suspicion::Suspicion;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

/// Pods of a namespace at a time whose labels match, and of them those that are ready.
fn matched(investigation: &Investigation<'_>, namespace: &str, selector: &Selector, at: &Moment) -> usize {
    let pods = investigation.history.of_kind_in("", "Pod", namespace);
    let there = pods.filter_map(|k| investigation.history.at(k, at));
    there.filter(|p| selector.matches(template_labels(p))).count()
}

/// Does the selector before match pods, and the one after not?
pub(super) fn selector(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let read = |o: &Option<std::sync::Arc<Object>>| {
        o.as_ref()
            .and_then(|o| o.root().at(&["spec", "selector"]))
            .and_then(Selector::read)
            .filter(|s| !s.is_empty())
    };
    let count = |s: &Option<Selector>| {
        s.as_ref().map_or(0, |s| matched(investigation, &change.key.namespace, s, &fault.onset))
    };
    let (before, after) = (read(&change.before), read(&change.after));
    let (was, is) = (count(&before), count(&after));
    let show = |s: &Option<Selector>| s.as_ref().map_or("nothing".to_owned(), Selector::to_string);
    let text = format!("{} matches {was} pods, {} matches {is}", show(&before), show(&after));
    Counterfactual::new(CounterfactualVerdict::from_condition(was > 0, is > 0), text)
}

/// Would the workload give the Service endpoints without the change?
pub(super) fn backing(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, kind, .. } = *suspicion;
    let service = investigation
        .history
        .last(&fault.on)
        .and_then(|o| o.root().at(&["spec", "selector"]))
        .and_then(Selector::read);
    let Some(selector) = service else { return Counterfactual::undecided() };
    let gives = |o: Option<&Object>| {
        o.is_some_and(|o| {
            let replicas = o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
            selector.matches(template_labels(o)) && replicas > 0
        })
    };
    let (was, is) = (gives(change.before.as_deref()), gives(change.after.as_deref()));
    if kind == ChangeKind::OtherTemplate && change.op == ResourceOp::Update {
        return Counterfactual::undecided();
    }
    Counterfactual::new(
        CounterfactualVerdict::from_condition(was, is),
        format!("whether its pods match {selector} and any are asked for"),
    )
}
