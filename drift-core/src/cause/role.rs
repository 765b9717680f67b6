//! What a changed resource is to a faulty one.

/// Where the changed object stands to the faulty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateRole {
    /// It is the faulty one, or makes it.
    SelfOrOwner,
    /// The faulty one depends on it.
    Dependency,
    /// The faulty one talks to it.
    Peer,
    /// It is what stands behind a peer.
    PeerBackend,
    /// It decides about the faulty one: namespace, quota, policy, webhook, role.
    Policy,
    /// It is a node that could run the faulty one.
    Node,
    /// It takes room that the faulty one needs.
    Competitor,
    /// It is the controller that should bring the faulty one forward.
    Controller,
    /// It changes what is made on admission, and did change the faulty one.
    AdmissionWebhook,
}
