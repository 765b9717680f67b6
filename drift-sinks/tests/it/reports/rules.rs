use drift_core::FieldPath;
use drift_core::coverage::Coverage;
use drift_core::drift::rules::{Effect, Justification, Rule, RuleTarget};
use drift_core::drift::{DriftReport, ResourceDrift, Status};
use drift_sinks::report::{HiddenByRule, RuleEpisodeV1, RuleReplayV1, RuleV1, RulesReportV1};

use super::{check_golden, key, plain_resource, time};

fn hidden_job() -> ResourceDrift {
    ResourceDrift {
        status: Status::Extra,
        app: Some(key("Application.argoproj.io/argocd/web")),
        rule: Some("jobs".into()),
        ..plain_resource("Job.batch/shop/one-off")
    }
}

#[test]
fn rules_report() {
    let hidden = HiddenByRule::new(&DriftReport { resources: vec![hidden_job()], ..DriftReport::default() });
    let rule = |name: &str, because| Rule {
        name: name.into(),
        target: RuleTarget::default(),
        effect: Effect::Extra,
        because,
    };
    let justification = Justification {
        reason: "one-off jobs are deleted after a day".into(),
        owner: "team storefront".into(),
        expires: Some(time("2027-01-01T00:00:00Z")),
    };
    let app = "Application.argoproj.io/argocd/web";
    let rules = vec![
        RuleV1::new(None, &rule("jobs", Some(justification)), &hidden),
        RuleV1::new(Some(app), &rule("ignoreDifferences[0]", None), &hidden),
    ];
    let episode = RuleEpisodeV1 {
        key: (&key("Deployment.apps/shop/web")).into(),
        app: (&key(app)).into(),
        path: FieldPath::parse(".spec.replicas").unwrap(),
        path_text: ".spec.replicas".to_owned(),
        rule: Some("jobs".to_owned()),
        since: time("2026-11-21T10:01:00Z"),
        until: Some(time("2026-11-21T10:02:00Z")),
    };
    let lasting = RuleEpisodeV1 { rule: None, until: None, ..episode.clone() };
    let replay = RuleReplayV1 {
        from: time("2026-11-21T10:00:00Z"),
        to: time("2026-11-21T11:00:00Z"),
        hidden: vec![episode],
        remaining: vec![lasting],
    };
    let problem = "rule `old`: expired at 2026-01-01T00:00:00Z".to_owned();
    let report =
        RulesReportV1::new(rules, vec![problem.clone(), problem], Some(replay), &Coverage::default());
    check_golden("rules-report", &report);
    insta::assert_snapshot!(report.render_text());
}
