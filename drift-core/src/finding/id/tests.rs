use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::event::GapReason;
use crate::finding::Finding;
use crate::stream::Scope;

fn key() -> ResourceKey {
    ResourceKey::new("apps", "Deployment", "shop", "web").in_cluster("prod")
}

fn path() -> FieldPath {
    FieldPath::parse(".spec.replicas").unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn kustomization() -> AppRef {
    AppRef::App(ResourceKey::new("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "shop"))
}

fn fight() -> Fight {
    let writer = |manager: Option<&str>, claim| Writer { manager: manager.map(Into::into), claim };
    let argo = |namespace: Option<&str>, name: Option<&str>| AppRef::Argo {
        namespace: namespace.map(Into::into),
        name: name.map(Into::into),
    };
    Fight {
        key: key(),
        path: path(),
        sides: vec![
            writer(None, None),
            writer(Some("argocd-controller"), Some(argo(None, Some("shop")))),
            writer(Some("argocd-controller"), Some(argo(Some("teams"), None))),
            writer(Some("kustomize-controller"), Some(kustomization())),
        ],
        flips: 4,
        since: Timestamp::UNIX_EPOCH,
        last: Timestamp::UNIX_EPOCH,
        period: SignedDuration::ZERO,
        values: Vec::new(),
    }
}

fn revert() -> Revert {
    Revert {
        key: key(),
        path: path(),
        hotfix: None,
        restored: None,
        by: None,
        made: crate::fights::RecordedWrite { at: Timestamp::UNIX_EPOCH, version: 1 },
        claim: kustomization(),
        reverted: crate::fights::RecordedWrite { at: at(), version: 2 },
    }
}

fn gap() -> Gap {
    Gap {
        scope: Scope::of_kind("apps", "Deployment"),
        from: None,
        to: at(),
        from_version: None,
        to_version: None,
        reason: GapReason::WatchLost,
        message: "the watch ended".into(),
    }
}

/// Never edit a golden id: sinks hold them.
#[test]
fn ids_are_those_that_sinks_already_hold() {
    let check = |id: FindingId, golden: &str| assert_eq!(id.to_string(), golden);
    check(Finding::missing(&key(), at()).id, "28cc831fc980f97d319df123e4478da4");
    check(Finding::unmanaged(&key(), at()).id, "45865edf99f7d2d8de6750257ea26157");
    check(FindingId::of_field("drifted", &key(), &path()), "afe7afa2b3bc14b26e8c5c27f89dfaa4");
    let app = |name: &str| ResourceKey::new("argoproj.io", "Application", "argocd", name);
    check(Finding::two_owners(&key(), vec![app("b"), app("a")], at()).id, "b659e6518165fa4bc6ba8dddce00e393");
    check(
        Finding::latent_break(&key(), "missing-config", "ConfigMap x is not there", at()).id,
        "2aa65957b979f7be278334993d3972c8",
    );
    let change = EventId::from_bytes([7; 32]);
    check(
        Finding::explained(&key(), &ResourceKey::new("", "ConfigMap", "shop", "web"), change, at()).id,
        "cfc284ca07f0ab7032cc1375f7850e3e",
    );
    check(Finding::fight(fight()).id, "6bd014bebfde9f6ec531a28116e8cc8f");
    check(Finding::reverted(revert()).id, "d4f7c51d493fc7f55efc6f7c95e4b337");
    check(Finding::gap_seen(gap()).id, "3071786e8ef87f124927f8a7bc216c69");
}

#[test]
fn a_fight_that_goes_on_is_the_same_finding_and_one_with_another_writer_is_not() {
    let before = Finding::fight(fight());
    let later = Finding::fight(Fight { flips: 9, last: at(), ..fight() });
    assert_eq!((later.id, later.at), (before.id, at()));
    let mut joined = fight();
    joined.sides.push(Writer { manager: Some("kubectl".into()), claim: None });
    assert_ne!(Finding::fight(joined).id, before.id);
}

#[test]
fn the_same_resource_of_another_cluster_is_another_finding() {
    let of = |cluster: &str| Finding::missing(&key().in_cluster(cluster), at()).id;
    assert_ne!(of("prod"), of("stage"));
}

#[test]
fn parts_are_told_apart_wherever_they_are_cut() {
    assert_ne!(FindingId::derive(&["ab", "c"]), FindingId::derive(&["a", "bc"]));
}
