use drift_core::checks::{CheckResult, Severity};
use drift_core::coverage::{Coverage, InputNotes};
use drift_core::impact::{Affected, Impact, Proposal};
use drift_sinks::report::{CheckReportV1, ImpactReportV1};

use super::{check_golden, key, partial, plain};

fn missing_config() -> CheckResult {
    CheckResult {
        severity: Severity::Warning,
        key: key("Deployment.apps/shop/web"),
        check: "missing-config",
        message: "ConfigMap shop/web-config has no key PORT".to_owned(),
        evidence: "container web: env PORT".to_owned(),
        next: "put the object or key back, or change the reference, before the next restart",
    }
}

fn crash_loop() -> CheckResult {
    CheckResult {
        severity: Severity::Error,
        key: key("Pod/shop/cart-0"),
        check: "crash",
        message: "container crashes since 2026-11-21 10:49:45Z".to_owned(),
        evidence: String::new(),
        next: "read the message and the log of the last run; compare with the last change of template and configuration",
    }
}

#[test]
fn check_report() {
    let report = CheckReportV1::new(&[crash_loop(), missing_config()], &partial("secrets is forbidden"));
    check_golden("check-report", &report);
    insta::assert_snapshot!(report.render_text(plain()));
    assert_eq!(CheckReportV1::new(&[], &InputNotes::default()).render_text(plain()), "nothing found\n");
}

#[test]
fn impact_report() {
    let affected = vec![
        Affected {
            distance: 1,
            key: key("Deployment.apps/shop/web"),
            through: key("ConfigMap/shop/web-config"),
            relation: "uses",
            evidence: "field .spec.template.spec.volumes[name=\"config\"]".to_owned(),
            effect: "new pods see it",
        },
        Affected {
            distance: 2,
            key: key("Service/shop/web"),
            through: key("Deployment.apps/shop/web"),
            relation: "selects",
            evidence: "labels app=web".to_owned(),
            effect: "sends traffic to it",
        },
    ];
    let impact = Impact { affected, breaks: vec![missing_config()], mends: vec![crash_loop()] };
    let report = ImpactReportV1::new(
        &Proposal::Delete(key("ConfigMap/shop/web-config")),
        &impact,
        &Coverage::default(),
    );
    check_golden("impact-report", &report);
    insta::assert_snapshot!(report.render_text(plain()));
}
