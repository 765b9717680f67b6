//! Autoscalers and disruption budgets.

use serde_json::{Value, json};

use super::{condition, of};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Degraded, Healthy, Progressing};
use crate::health::tests::check;

#[test]
fn autoscalers_and_budgets() {
    let scaler = |conditions: Value| {
        of("autoscaling/v2", "HorizontalPodAutoscaler", json!({"status": {"conditions": conditions}}))
    };
    let v1 = |text: &str| {
        let notes = json!({"autoscaling.alpha.kubernetes.io/conditions": text});
        of(
            "autoscaling/v1",
            "HorizontalPodAutoscaler",
            json!({"metadata": {"annotations": notes}, "status": {}}),
        )
    };
    let budget = |status: Value| {
        of("policy/v1", "PodDisruptionBudget", json!({"metadata": {"generation": 1}, "status": status}))
    };
    let pods = |healthy: i64, needed: i64, c: Value| json!({"observedGeneration": 1, "currentHealthy": healthy, "desiredHealthy": needed, "conditions": [c]});
    let able = || condition("AbleToScale", "True", "ReadyForNewScale");
    check(
        &HealthRules::none(),
        &[
            (
                scaler(json!([able(), condition("ScalingActive", "True", "ValidMetricFound")])),
                Healthy,
                "ValidMetricFound",
            ),
            (scaler(json!([able()])), Healthy, "ReadyForNewScale"),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "ScalingDisabled")])),
                Healthy,
                "ReadyForNewScale",
            ),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "FailedGetResourceMetric")])),
                Degraded,
                "FailedGetResourceMetric",
            ),
            (
                scaler(json!([condition("AbleToScale", "False", "FailedGetScale")])),
                Degraded,
                "FailedGetScale",
            ),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "InvalidSelector")])),
                Degraded,
                "InvalidSelector",
            ),
            (
                scaler(json!([
                    able(),
                    condition("ScalingActive", "True", "ValidMetricFound"),
                    condition("ScalingLimited", "True", "TooManyReplicas")
                ])),
                Healthy,
                "ValidMetricFound",
            ),
            (
                scaler(json!([able(), condition("ScalingActive", "False", "AmbiguousSelector")])),
                Degraded,
                "AmbiguousSelector",
            ),
            (scaler(json!([])), Progressing, "NotActive"),
            (
                v1(r#"[{"type":"AbleToScale","status":"True","reason":"SucceededGetScale"}]"#),
                Healthy,
                "SucceededGetScale",
            ),
            (
                v1(r#"[{"type":"AbleToScale","status":"False","reason":"FailedGetScale"}]"#),
                Degraded,
                "FailedGetScale",
            ),
            (v1("[{"), Progressing, "NotActive"),
            (
                budget(pods(2, 1, condition("DisruptionAllowed", "True", "SufficientPods"))),
                Healthy,
                "SufficientPods",
            ),
            (
                budget(pods(1, 1, condition("DisruptionAllowed", "False", "InsufficientPods"))),
                Healthy,
                "InsufficientPods",
            ),
            (
                budget(pods(1, 2, condition("DisruptionAllowed", "False", "InsufficientPods"))),
                Degraded,
                "InsufficientPods",
            ),
            (
                budget(pods(2, 1, condition("DisruptionAllowed", "False", "SyncFailed"))),
                Degraded,
                "SyncFailed",
            ),
            (budget(json!({"observedGeneration": 0})), Progressing, "NotObserved"),
            (budget(json!({})), Progressing, "NoStatus"),
        ],
    );
}
