//! What the scheduler says about why no node takes a pod: `0/6 nodes are available: 1 Insufficient cpu, 5 node(s) had …`.

use super::change_kind::ChangeKind;

/// Why nodes refuse a pod, in the words that the scheduler's plugins use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Why {
    Taint,
    Cordon,
    Selector,
    Room,
    Ports,
    Storage,
    Reach,
    Apart,
    Spread,
    Other,
}

fn why(text: &str) -> Why {
    let has = |t: &str| text.contains(t);
    match () {
        () if has("Insufficient") || has("Too many pods") => Why::Room,
        () if has("taint") => Why::Taint,
        () if has("unschedulable") => Why::Cordon,
        () if has("free ports") => Why::Ports,
        () if has("volume node affinity") => Why::Reach,
        () if has("topology spread") => Why::Spread,
        () if has("affinity rules") || has("anti-affinity") => Why::Apart,
        () if has("affinity/selector") || has("node affinity") || has("node selector") => Why::Selector,
        () if has("persistent") || has("volume") || has("PersistentVolume") => Why::Storage,
        () => Why::Other,
    }
}

/// Nodes that refuse a pod, by why, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    by: Vec<(u32, Why)>,
    all: u32,
}

impl Refusals {
    /// Reads the first of the texts that counts nodes; `None` when none does.
    pub(super) fn read(message: &str) -> Option<Self> {
        let (head, rest) = message.split_once(" nodes are available: ")?;
        let all: u32 = head.rsplit(['/', ' ']).next()?.parse().ok()?;
        let rest = rest.split(" | ").next().unwrap_or(rest);
        // What preemption says after it repeats the reasons in other words.
        let rest = rest.split("preemption:").next().unwrap_or(rest);
        let mut by = Vec::new();
        for part in rest.split([',', '.']).map(str::trim).filter(|p| !p.is_empty()) {
            match part.split_once(' ').and_then(|(n, text)| Some((n.parse::<u32>().ok()?, text))) {
                Some((n, text)) => by.push((n, why(text))),
                // A reason of the pod alone counts for every node: a claim that is missing or not bound.
                None if why(part) != Why::Other => by.push((all, why(part))),
                None => {}
            }
        }
        (!by.is_empty()).then_some(Self { by, all })
    }

    /// Returns for which part of the nodes a change of a class can be the reason; `None` when the class has no word of its own.
    pub(super) fn share(&self, class: ChangeKind) -> Option<f64> {
        let reasons: &[Why] = match class {
            ChangeKind::NodeTaint => &[Why::Taint],
            ChangeKind::NodeCordon => &[Why::Cordon, Why::Taint],
            ChangeKind::NodeLabels => &[Why::Selector, Why::Spread, Why::Reach, Why::Apart],
            ChangeKind::NodeStatus => &[Why::Room, Why::Taint, Why::Cordon],
            ChangeKind::Requests => &[Why::Room],
            ChangeKind::ContainerPorts => &[Why::Ports],
            ChangeKind::Placement => &[Why::Selector, Why::Taint, Why::Spread, Why::Apart, Why::Reach],
            ChangeKind::StorageClass | ChangeKind::Claim => &[Why::Storage, Why::Reach],
            ChangeKind::Volume | ChangeKind::Volumes => &[Why::Storage, Why::Reach, Why::Room],
            _ => return None,
        };
        if self.by.iter().any(|(_, w)| *w == Why::Other) {
            return None;
        }
        let refused: u32 = self.by.iter().filter(|(_, w)| reasons.contains(w)).map(|(n, _)| *n).sum();
        Some((f64::from(refused) / f64::from(self.all.max(1))).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_by_node() {
        let text = "0/6 nodes are available: 1 node(s) had untolerated taint(s), 5 node(s) didn't have free ports for the requested pod ports. no new claims to deallocate, preemption: 0/6 nodes are available: 1 Preemption is not helpful for scheduling, 5 No preemption victims found for incoming pod.";
        let got = Refusals::read(text).unwrap();
        assert_eq!(got.share(ChangeKind::ContainerPorts), Some(5.0 / 6.0));
        assert_eq!(got.share(ChangeKind::NodeTaint), Some(1.0 / 6.0));
        assert_eq!(got.share(ChangeKind::Requests), Some(0.0));
        assert_eq!(got.share(ChangeKind::Image), None);
    }

    #[test]
    fn a_reason_of_the_pod_counts_for_every_node() {
        let text = "0/3 nodes are available: persistentvolumeclaim \"data\" not found. not found";
        let got = Refusals::read(text).unwrap();
        assert_eq!(got.share(ChangeKind::Claim), Some(1.0));
        assert_eq!(got.share(ChangeKind::NodeTaint), Some(0.0));
        let text = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
        assert_eq!(Refusals::read(text).unwrap().share(ChangeKind::StorageClass), Some(1.0));
        assert_eq!(Refusals::read("no nodes"), None);
    }
}
