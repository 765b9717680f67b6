use drift_core::Operation;
use drift_core::coverage::InputNotes;
use drift_core::health::rollout::{Rollout, RolloutCounts, RolloutState, RolloutTrigger};
use drift_core::health::{Health, HealthBasis, HealthStatus};
use drift_sinks::report::{HealthListing, HealthReportV1, ResourceHealthV1, RolloutV1, WriterV1};

use super::{check_golden, key, plain, time};

fn health(status: HealthStatus, reason: &str, basis: HealthBasis) -> Health {
    Health {
        status,
        reason: reason.to_owned(),
        message: String::new(),
        since: Some(time("2026-11-21T10:49:51Z")),
        basis,
    }
}

fn rollout() -> RolloutV1 {
    let started = time("2026-11-21T10:49:50Z");
    let rollout = Rollout {
        revision: Some("2".to_owned()),
        generation: Some(4),
        trigger: RolloutTrigger::Changed(vec![("web".to_owned(), "web:1".to_owned(), "web:2".to_owned())]),
        state: RolloutState::Progressing,
        started,
        first_progress: Some(started),
        last_progress: started,
        ended: None,
        stalled: None,
        reason: None,
        counts: RolloutCounts { desired: 3, updated: 1, available: 2, total: 4 },
        steps: vec![(started, RolloutState::Started), (started, RolloutState::Progressing)],
    };
    let who = WriterV1 {
        manager: Some("kubectl-set".to_owned()),
        operation: Some(Operation::Update),
        subresource: None,
        user: Some("alice@example.com".to_owned()),
    };
    RolloutV1::new(rollout, Some(who), time("2026-11-21T10:51:00Z"))
}

#[test]
fn health_report() {
    let web = Health {
        message: "1 of 3 replicas updated".to_owned(),
        ..health(HealthStatus::Progressing, "RollingOut", HealthBasis::BuiltIn)
    };
    let rule = HealthBasis::Rule("Widget.example.com:2".to_owned());
    let resources = vec![
        ResourceHealthV1::new(
            &key("ConfigMap/shop/app"),
            Health { since: None, ..health(HealthStatus::Healthy, "Present", HealthBasis::BuiltIn) },
        ),
        ResourceHealthV1 {
            rollouts: Some(vec![rollout()]),
            ..ResourceHealthV1::new(&key("Deployment.apps/shop/web"), web)
        },
        ResourceHealthV1::new(
            &key("Widget.example.com/shop/one"),
            health(HealthStatus::Degraded, "Failed", rule),
        ),
        ResourceHealthV1::missing(&key("Secret/shop/login"), Some(time("2026-11-21T10:50:00Z"))),
        ResourceHealthV1::missing(&key("Secret/shop/later"), None),
    ];
    let report = HealthReportV1::new(time("2026-11-21T10:51:00Z"), resources, &InputNotes::default());
    check_golden("health-report", &report);
    insta::assert_snapshot!(report.render_text(HealthListing::Everything, plain()));
    let short = report.render_text(HealthListing::NeedAttention, plain());
    assert!(!short.contains("ConfigMap") && short.contains("1 healthy"), "{short}");
}
