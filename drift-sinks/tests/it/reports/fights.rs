use drift_core::coverage::InputNotes;
use drift_core::drift::Owner;
use drift_core::fights::{Fight, RecordedWrite, Revert, Writer};
use drift_core::k8s::tracking::AppRef;
use drift_core::{FieldPath, Operation};
use drift_sinks::report::{FightReportV1, FightV1, RevertV1};
use jiff::SignedDuration;
use serde_json::json;

use super::{check_golden, key, plain, time};

fn fight() -> Fight {
    let writer = |name: &str| Writer { manager: Some(name.into()), claim: None };
    Fight {
        key: key("Deployment.apps/shop/web"),
        path: FieldPath::parse(".spec.replicas").unwrap(),
        sides: vec![writer("argocd-controller"), writer("kube-controller-manager")],
        flips: 6,
        since: time("2026-11-21T10:00:00Z"),
        last: time("2026-11-21T10:05:00Z"),
        period: SignedDuration::from_millis(60_000),
        values: vec![Some(json!(2)), Some(json!(5)), None],
    }
}

fn revert() -> Revert {
    Revert {
        key: key("Secret/shop/login"),
        path: FieldPath::parse(".data.password").unwrap(),
        hotfix: Some(json!("bmV3")),
        restored: Some(json!("b2xk")),
        by: Some(Owner {
            manager: "kubectl-edit".into(),
            operation: Operation::Update,
            subresource: "".into(),
            time: None,
        }),
        made: RecordedWrite { at: time("2026-11-21T10:01:00Z"), version: 1 },
        claim: AppRef::Argo { namespace: None, name: Some("web".into()) },
        reverted: RecordedWrite { at: time("2026-11-21T10:02:00Z"), version: 2 },
    }
}

#[test]
fn fight_report() {
    let app = key("Application.argoproj.io/argocd/web");
    let fights = vec![FightV1::new(&fight(), std::slice::from_ref(&app))];
    let early =
        Revert { reverted: RecordedWrite { at: time("2026-11-21T09:00:00Z"), version: 1 }, ..revert() };
    let reverts = vec![
        RevertV1::new(&revert(), Some("alice@example.com".to_owned()), Some(&app)),
        RevertV1::new(&early, None, None),
    ];
    let report = FightReportV1::new(fights, reverts, &InputNotes::default());
    check_golden("fight-report", &report);
    insta::assert_snapshot!(report.render_text(plain()));
}
