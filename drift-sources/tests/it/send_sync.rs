//! What the sources return can be moved to and shared between threads.
//!
//! Readers hold a stream and are used through `&mut`; those are only `Send`.

fn is_send<T: Send>() {}
fn is_send_sync<T: Send + Sync>() {}

#[cfg(feature = "manifests")]
#[test]
fn manifests_are_shared() {
    use drift_sources::manifests::{ManifestReader, Manifests};
    is_send_sync::<Manifests>();
    is_send_sync::<ManifestReader>();
}

#[cfg(feature = "dump")]
#[test]
fn dumps_are_sent() {
    use drift_sources::dump::{Dump, DumpError, DumpSource};
    is_send::<Dump>();
    is_send_sync::<DumpSource>();
    is_send_sync::<DumpError>();
}

#[cfg(feature = "tape")]
#[test]
fn tapes_are_sent() {
    use drift_sources::tape::{TapeDamage, TapeReader, TapeSource};
    is_send::<TapeReader>();
    is_send_sync::<drift_core::tape::TapeLine>();
    is_send_sync::<TapeDamage>();
    is_send_sync::<TapeSource>();
}

#[cfg(feature = "audit")]
#[test]
fn audit_logs_are_shared() {
    use drift_sources::audit::{AuditEntry, AuditIndex, AuditJoin, AuditReader, AuditSource};
    is_send::<AuditReader>();
    is_send_sync::<AuditEntry>();
    is_send_sync::<AuditIndex>();
    is_send_sync::<AuditJoin<'_>>();
    is_send_sync::<AuditSource>();
}

#[cfg(feature = "cdevents")]
#[test]
fn events_are_shared() {
    use drift_sources::cdevents::{EventDecoder, EventFileSource};
    is_send_sync::<EventDecoder>();
    is_send_sync::<EventFileSource>();
}

#[cfg(feature = "receiver")]
#[test]
fn receivers_are_shared() {
    is_send_sync::<drift_sources::receiver::Receiver>();
}

#[cfg(feature = "git")]
#[test]
fn git_is_shared() {
    use drift_sources::git::{Blame, GitDesired, GitError, GitRepo, GitSource, PathHistory};
    is_send_sync::<GitRepo>();
    is_send_sync::<GitDesired>();
    is_send_sync::<GitSource>();
    is_send_sync::<GitError>();
    is_send_sync::<Blame>();
    is_send_sync::<PathHistory>();
}

#[cfg(feature = "kubernetes")]
#[test]
fn clusters_are_shared() {
    use drift_sources::kubernetes::{Connection, KubernetesSource, OpenApiDocuments, Snapshot};
    is_send_sync::<Connection>();
    is_send_sync::<KubernetesSource>();
    is_send_sync::<Snapshot>();
    is_send_sync::<OpenApiDocuments>();
}

#[cfg(feature = "argo-server")]
#[test]
fn servers_of_argo_cd_are_shared() {
    use drift_sources::argo::server::{ArgoServer, ServerError};
    is_send_sync::<ArgoServer>();
    is_send_sync::<ServerError>();
}

#[cfg(feature = "gitops")]
#[test]
fn gitops_is_shared() {
    use drift_sources::gitops::{
        App, AppResourceDrift, AppState, ClusterSnapshot, GitOps, IncrementalGitOps, Repositories,
    };
    use drift_sources::helm::StoredRelease;
    use drift_sources::jq::JqSandbox;
    use drift_sources::render::{CommitFiles, Renderer};
    is_send_sync::<App>();
    is_send_sync::<AppState>();
    is_send_sync::<ClusterSnapshot>();
    is_send_sync::<GitOps<'_>>();
    is_send_sync::<IncrementalGitOps<'_>>();
    is_send_sync::<AppResourceDrift>();
    is_send_sync::<Repositories>();
    is_send_sync::<StoredRelease>();
    is_send_sync::<JqSandbox>();
    is_send_sync::<Renderer>();
    is_send_sync::<CommitFiles>();
}
