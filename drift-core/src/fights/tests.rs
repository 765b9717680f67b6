use serde_json::json;

use super::*;
use crate::object::Doc;
use crate::schema::SchemaSet;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// One version: second, replicas, manager of them, its operation and subresource, Application or Kustomization.
#[derive(Clone, Copy)]
struct Step(i64, i64, &'static str, &'static str, &'static str);

fn object(step: Step) -> Version {
    let Step(second, replicas, manager, sub, app) = step;
    let mut entry = json!({"manager":manager,"operation":if manager == "kustomize-controller" {"Apply"} else {"Update"},
        "fieldsV1":{"f:spec":{"f:replicas":{}},"f:metadata":{"f:labels":{"f:kustomize.toolkit.fluxcd.io/name":{}}}}});
    if sub.is_empty() {
        entry["time"] = json!(at(second).to_string());
    } else {
        entry["subresource"] = json!(sub);
    }
    let mut metadata = json!({"name":"oven","namespace":"bakery","uid":"u","managedFields":[entry]});
    if let Some(app) = app.strip_prefix("argo:") {
        metadata["annotations"] =
            json!({"argocd.argoproj.io/tracking-id":format!("{app}:apps/Deployment:bakery/oven")});
    } else if !app.is_empty() {
        metadata["labels"] =
            json!({"kustomize.toolkit.fluxcd.io/name":app,"kustomize.toolkit.fluxcd.io/namespace":"ops"});
    }
    let value =
        json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":metadata,"spec":{"replicas":replicas}});
    let object = Object::new(Doc::from_value(&value).unwrap()).unwrap();
    Version { at: at(second), object: Some(Arc::new(object)) }
}

fn look(steps: &[Step]) -> FieldConflicts {
    let key = ResourceKey::new("apps", "Deployment", "bakery", "oven");
    let schemas = SchemaSet::bundled();
    let versions: Vec<_> = steps.iter().map(|s| object(*s)).collect();
    find_conflicts(&key, &versions, schemas.kind("apps", "v1", "Deployment").map(|k| k.root()))
}

/// Paths, managers, flips.
fn fights(steps: &[Step]) -> Vec<(String, Vec<String>, usize)> {
    let found = look(steps).fights;
    found
        .iter()
        .map(|f| (f.path.to_string(), f.managers().iter().map(ToString::to_string).collect(), f.flips))
        .collect()
}

const FLUX: &str = "kustomize-controller";
const HPA: &str = "kube-controller-manager";

#[test]
fn an_autoscaler_that_fights_git_is_named_with_it() {
    let flux = |s| Step(s, 2, FLUX, "", "cakes");
    let hpa = |s| Step(s, 4, HPA, "scale", "cakes");
    assert_eq!(fights(&[flux(0), hpa(5), flux(10), hpa(15)]), []);
    let found = look(&[flux(0), hpa(5), flux(10), hpa(15), flux(20)]);
    let fight = &found.fights[0];
    assert_eq!(fight.path.to_string(), ".spec.replicas");
    assert_eq!(fight.managers().iter().map(|m| &**m).collect::<Vec<_>>(), [HPA, FLUX]);
    assert_eq!(
        (fight.flips, fight.since, fight.last, fight.period),
        (4, at(5), at(20), SignedDuration::from_secs(5))
    );
    assert_eq!(fight.values, [Some(json!(2)), Some(json!(4))]);
    // An autoscaler is no hand.
    assert_eq!(found.reverts, []);
}

#[test]
fn a_hotfix_put_back_once_is_no_fight_but_a_revert() {
    let flux = |s| Step(s, 2, FLUX, "", "cakes");
    let found = look(&[flux(0), Step(7, 9, "kubectl-edit", "", "cakes"), flux(30)]);
    assert_eq!(found.fights, []);
    let [revert] = &found.reverts[..] else { panic!("{found:?}") };
    assert_eq!((&revert.hotfix, &revert.restored), (&Some(json!(9)), &Some(json!(2))));
    assert_eq!(&*revert.by.as_ref().unwrap().manager, "kubectl-edit");
    let write = |second, version| RecordedWrite { at: at(second), version };
    assert_eq!((revert.made, revert.reverted), (write(7, 1), write(30, 2)));
    assert_eq!(revert.claim.to_string(), "Kustomization.kustomize.toolkit.fluxcd.io/ops/cakes");
}

#[test]
fn two_applications_have_one_manager_and_fight_all_the_same() {
    let argo = |s, n, app| Step(s, n, "argocd-controller", "", app);
    let steps: Vec<_> = (0..5)
        .map(|i| if i % 2 == 0 { argo(i, 2, "argo:cakes") } else { argo(i, 3, "argo:bread") })
        .collect();
    assert_eq!(fights(&steps), [(".spec.replicas".to_owned(), vec!["argocd-controller".to_owned()], 4)]);
    // One Application alone that goes back and forth follows Git.
    let steps: Vec<_> = (0..7).map(|i| argo(i, 2 + i % 2, "argo:cakes")).collect();
    assert_eq!(fights(&steps), []);
}

#[test]
fn two_kustomizations_fight_for_the_labels_too() {
    let flux = |s, app| Step(s, 2, FLUX, "", app);
    let steps: Vec<_> = (0..5).map(|i| flux(i, if i % 2 == 0 { "cakes" } else { "bread" })).collect();
    let label = r#".metadata.labels["kustomize.toolkit.fluxcd.io/name"]"#;
    assert_eq!(fights(&steps), [(label.to_owned(), vec![FLUX.to_owned()], 4)]);
}

#[test]
fn one_who_changes_a_value_often_and_another_once_do_not_fight() {
    let ann = |s, n| Step(s, n, "kubectl-edit", "", "");
    let bea = |s, n| Step(s, n, "kubectl-scale", "", "");
    assert_eq!(fights(&[ann(0, 1), ann(1, 2), bea(2, 3), ann(3, 4), ann(4, 5), ann(5, 6)]), []);
}

#[test]
fn a_new_life_of_the_object_is_no_round() {
    let flux = |s| object(Step(s, 2, FLUX, "", "cakes"));
    let ann = |s| object(Step(s, 9, "kubectl-edit", "", "cakes"));
    let gone = |s| Version { at: at(s), object: None };
    let key = ResourceKey::new("apps", "Deployment", "bakery", "oven");
    let versions = [flux(0), ann(1), gone(2), flux(3), ann(4), gone(5), flux(6), ann(7), gone(8), flux(9)];
    assert_eq!(find_conflicts(&key, &versions, None).fights, []);
}
