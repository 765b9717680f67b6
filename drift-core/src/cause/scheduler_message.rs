//! The scheduler's message why no node is feasible for a pod: `0/6 nodes are available: 1 Insufficient cpu, 5 node(s) had …`.

use super::change_kind::ChangeKind;

/// Why nodes reject a pod, by the plugin of the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rejection {
    Taint,
    Cordon,
    Selector,
    Resources,
    Ports,
    Storage,
    VolumeTopology,
    PodAffinity,
    Spread,
    Other,
}

/// Reads one reason: `1 Insufficient cpu` is one of resources, `2 node(s) had untolerated taint {only: x}` one of taints.
fn rejection(text: &str) -> Rejection {
    let has = |t: &str| text.contains(t);
    match () {
        () if has("Insufficient") || has("Too many pods") => Rejection::Resources,
        () if has("taint") => Rejection::Taint,
        () if has("unschedulable") => Rejection::Cordon,
        () if has("free ports") => Rejection::Ports,
        () if has("volume node affinity") => Rejection::VolumeTopology,
        () if has("topology spread") => Rejection::Spread,
        () if has("affinity rules") || has("anti-affinity") => Rejection::PodAffinity,
        () if has("affinity/selector") || has("node affinity") || has("node selector") => Rejection::Selector,
        () if has("persistent") || has("volume") || has("PersistentVolume") => Rejection::Storage,
        () => Rejection::Other,
    }
}

/// How many nodes reject a pod for which reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SchedulerMessage {
    nodes_by_reason: Vec<(u32, Rejection)>,
    nodes: u32,
}

impl SchedulerMessage {
    /// Reads the first of the texts that counts nodes; `None` when none does.
    pub(super) fn parse(message: &str) -> Option<Self> {
        let (head, rest) = message.split_once(" nodes are available: ")?;
        let nodes: u32 = head.rsplit(['/', ' ']).next()?.parse().ok()?;
        let rest = rest.split(" | ").next().unwrap_or(rest);
        // What preemption says after it repeats the reasons in other words.
        let rest = rest.split("preemption:").next().unwrap_or(rest);
        let mut nodes_by_reason = Vec::new();
        for part in rest.split([',', '.']).map(str::trim).filter(|p| !p.is_empty()) {
            match part.split_once(' ').and_then(|(n, text)| Some((n.parse::<u32>().ok()?, text))) {
                Some((n, text)) => nodes_by_reason.push((n, rejection(text))),
                // A reason of the pod alone counts for every node: a claim that is missing or not bound.
                None if rejection(part) != Rejection::Other => nodes_by_reason.push((nodes, rejection(part))),
                None => {}
            }
        }
        (!nodes_by_reason.is_empty()).then_some(Self { nodes_by_reason, nodes })
    }

    /// Returns the share of the nodes that a change of a kind can be the reason for; `None` where no reason is specific to it.
    pub(super) fn share_explained_by(&self, kind: ChangeKind) -> Option<f64> {
        let reasons: &[Rejection] = match kind {
            ChangeKind::NodeTaint => &[Rejection::Taint],
            ChangeKind::NodeCordon => &[Rejection::Cordon, Rejection::Taint],
            ChangeKind::NodeLabels => {
                &[Rejection::Selector, Rejection::Spread, Rejection::VolumeTopology, Rejection::PodAffinity]
            }
            ChangeKind::NodeStatus => &[Rejection::Resources, Rejection::Taint, Rejection::Cordon],
            ChangeKind::Requests => &[Rejection::Resources],
            ChangeKind::ContainerPorts => &[Rejection::Ports],
            ChangeKind::Placement => &[
                Rejection::Selector,
                Rejection::Taint,
                Rejection::Spread,
                Rejection::PodAffinity,
                Rejection::VolumeTopology,
            ],
            ChangeKind::StorageClass | ChangeKind::Claim => &[Rejection::Storage, Rejection::VolumeTopology],
            ChangeKind::Volume | ChangeKind::Volumes => {
                &[Rejection::Storage, Rejection::VolumeTopology, Rejection::Resources]
            }
            _ => return None,
        };
        if self.nodes_by_reason.iter().any(|(_, w)| *w == Rejection::Other) {
            return None;
        }
        let refused: u32 =
            self.nodes_by_reason.iter().filter(|(_, w)| reasons.contains(w)).map(|(n, _)| *n).sum();
        Some((f64::from(refused) / f64::from(self.nodes.max(1))).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_by_node() {
        let text = "0/6 nodes are available: 1 node(s) had untolerated taint(s), 5 node(s) didn't have free ports for the requested pod ports. no new claims to deallocate, preemption: 0/6 nodes are available: 1 Preemption is not helpful for scheduling, 5 No preemption victims found for incoming pod.";
        let got = SchedulerMessage::parse(text).unwrap();
        assert_eq!(got.share_explained_by(ChangeKind::ContainerPorts), Some(5.0 / 6.0));
        assert_eq!(got.share_explained_by(ChangeKind::NodeTaint), Some(1.0 / 6.0));
        assert_eq!(got.share_explained_by(ChangeKind::Requests), Some(0.0));
        assert_eq!(got.share_explained_by(ChangeKind::Image), None);
    }

    #[test]
    fn a_reason_of_the_pod_counts_for_every_node() {
        let text = "0/3 nodes are available: persistentvolumeclaim \"data\" not found. not found";
        let got = SchedulerMessage::parse(text).unwrap();
        assert_eq!(got.share_explained_by(ChangeKind::Claim), Some(1.0));
        assert_eq!(got.share_explained_by(ChangeKind::NodeTaint), Some(0.0));
        let text = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
        assert_eq!(
            SchedulerMessage::parse(text).unwrap().share_explained_by(ChangeKind::StorageClass),
            Some(1.0)
        );
        assert_eq!(SchedulerMessage::parse("no nodes"), None);
    }
}
