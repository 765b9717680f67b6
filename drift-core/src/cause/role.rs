//! What a changed resource is to a faulty one: the second key of the table of effects.

/// What a changed resource is to the faulty one.
///
/// For example, if a pod crashes: its Deployment is [`SelfOrOwner`](Self::SelfOrOwner), the ConfigMap that it reads a
/// [`Dependency`](Self::Dependency), the Service that it connects to a [`Peer`](Self::Peer), and the database behind that
/// Service a [`PeerBackend`](Self::PeerBackend).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateRole {
    /// The faulty resource itself, or what owns it.
    SelfOrOwner,
    /// What it refers to: configuration, claims, classes, service accounts.
    Dependency,
    /// A Service that it talks to.
    Peer,
    /// A pod, workload or policy behind such a Service.
    PeerBackend,
    /// A policy object that can reject or restrict it: a namespace, quota, policy, webhook or role.
    Policy,
    /// A node that runs it or could run it.
    Node,
    /// A workload that competes with it for nodes or quota.
    Competitor,
    /// The controller that should reconcile it.
    Controller,
    /// A webhook or policy that changed it on admission, or what serves that.
    AdmissionWebhook,
}
