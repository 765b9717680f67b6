use drift_core::blame::{FieldBlame, Since};
use drift_core::drift::Owner;
use drift_core::{FieldPath, Operation};
use drift_sinks::report::{BlameReportV1, CommitV1, FieldAttribution, FieldBlameV1};
use serde_json::json;

use super::{check_golden, key, partial, plain, time};

fn owner(manager: &str, operation: Operation, subresource: &str) -> Option<Owner> {
    Some(Owner { manager: manager.into(), operation, subresource: subresource.into(), time: None })
}

#[test]
fn blame_report() {
    let key = key("Deployment.apps/shop/web");
    let field = |path: &str, value, at: &str, since, writer| FieldBlame {
        path: FieldPath::parse(path).unwrap(),
        value,
        version: 0,
        at: time(at),
        since,
        writer,
    };
    let replicas = field(
        ".spec.replicas",
        json!(3),
        "2026-11-21T10:48:40Z",
        Since::Recorded,
        owner("kubectl", Operation::Update, "scale"),
    );
    let image = field(
        ".spec.template.spec.containers[name=\"web\"].image",
        json!("web:1.4.2"),
        "2026-11-21T10:30:00Z",
        Since::Recorded,
        owner("argocd-controller", Operation::Apply, ""),
    );
    let label =
        field(".metadata.labels.team", json!("storefront"), "2026-11-20T08:00:00Z", Since::Earlier, None);
    let commit = CommitV1 {
        id: "1f2e3d4c5b6a79880123456789abcdef01234567".to_owned(),
        author: "Robin <robin@example.com>".to_owned(),
        message: "web: 1.4.2".to_owned(),
        file: Some("apps/web.yaml".to_owned()),
        line: Some(30),
    };
    let by_app = FieldAttribution {
        user: None,
        via: Some(super::key("Application.argoproj.io/argocd/web")),
        initiated_by: Some("automated".to_owned()),
        commit: Some(commit),
    };
    let by_hand = FieldAttribution { user: Some("alice@example.com".to_owned()), ..Default::default() };
    let fields = vec![
        FieldBlameV1::new(&key, &label, FieldAttribution::default()),
        FieldBlameV1::new(&key, &replicas, by_hand),
        FieldBlameV1::new(&key, &image, by_app),
    ];
    let report = BlameReportV1::new(&key, fields, &partial("secrets is forbidden"));
    check_golden("blame-report", &report);
    insta::assert_snapshot!(report.render_text(plain()));
}

#[test]
fn the_value_of_a_secret_is_not_in_the_report() {
    let secret = key("Secret/shop/login");
    let field = FieldBlame {
        path: FieldPath::parse(".data.password").unwrap(),
        value: json!("aHVudGVyMg=="),
        version: 0,
        at: time("2026-11-21T10:30:00Z"),
        since: Since::Recorded,
        writer: None,
    };
    let entry = FieldBlameV1::new(&secret, &field, FieldAttribution::default());
    assert_eq!(entry.value, json!("<redacted>"));
}
