//! The contract of sinks, as checks.

use jiff::Timestamp;

use crate::event::{Gap, GapReason};
use crate::finding::Finding;
use crate::key::ResourceKey;
use crate::sink::Sink;
use crate::stream::Scope;

fn findings() -> Vec<Finding> {
    let key = ResourceKey::new("apps", "Deployment", "shop", "größe-web");
    let gap = Gap {
        scope: Scope::of_kind("apps", "Deployment"),
        from: None,
        to: Timestamp::UNIX_EPOCH,
        from_version: None,
        to_version: None,
        reason: GapReason::SourceDown,
        message: "the source did not run".into(),
    };
    let at = Timestamp::UNIX_EPOCH;
    let missing = Finding::missing(&key, at);
    vec![
        missing.resolved(at),
        missing,
        Finding::unmanaged(&key, at),
        Finding::two_owners(&key, vec![ResourceKey::new("argoproj.io", "Application", "argocd", "shop")], at),
        Finding::latent_break(&key, "missing-config", "ConfigMap `größe` does not exist", at),
        Finding::gap_seen(gap),
    ]
}

/// Checks a sink: it has a name, and accepts an empty batch, findings of any kind, many at once, and the same again.
///
/// # Panics
/// When the sink breaks its contract.
pub async fn sink(sink: &dyn Sink) {
    assert!(!sink.name().is_empty(), "a sink has a name for messages about it");
    sink.deliver(&[]).await.expect("an empty batch is taken");
    let findings = findings();
    sink.deliver(&findings).await.expect("findings of any kind are taken");
    sink.deliver(&findings).await.expect("the same batch is taken again: delivery is at least once");
    let many: Vec<_> = findings.iter().cycle().take(1000).cloned().collect();
    sink.deliver(&many).await.expect("a large batch is taken");
}
