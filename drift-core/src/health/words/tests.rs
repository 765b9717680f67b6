//! Tables of names and what they are read as.

use super::*;

#[test]
fn names_are_split_as_people_read_them() {
    for (text, words) in [
        ("ImportInProgress", "import in progress"),
        ("HEALTH_OK", "health ok"),
        ("ACMEAccountRegistered", "acme account registered"),
        ("in-progress", "in progress"),
        ("RUNNING", "running"),
        ("", ""),
    ] {
        assert_eq!(split(text).iter().collect::<Vec<_>>().join(" "), words, "{text}");
    }
}

#[test]
fn trouble_is_seen_before_work_and_work_before_success() {
    for (text, want) in [
        ("CreateFailed", Some(Degraded)),
        ("ImportInProgress", Some(Progressing)),
        ("Running", Some(Healthy)),
        ("PROVISIONING", Some(Progressing)),
        ("NotReady", Some(Progressing)),
        ("NoErrors", Some(Healthy)),
        ("Hibernated", Some(Suspended)),
        ("NotFound", Some(Missing)),
        ("Unknown", Some(Unknown)),
        ("PartialSuccess", Some(Degraded)),
        ("PARTIALLY_COMPLETED", Some(Degraded)),
        ("PartiallyReady", Some(Progressing)),
        ("Blue", None),
        ("FailingOver", Some(Progressing)),
        ("FailedOver", Some(Healthy)),
        ("RequestTimedOut", Some(Degraded)),
        ("FiringOnHold", Some(Suspended)),
        ("ActionRequired", Some(Suspended)),
        ("NOTREADY", Some(Progressing)),
        ("unprovisioned", Some(Progressing)),
        ("CREATEFAILED", Some(Degraded)),
        ("NoQuorum", Some(Degraded)),
        ("NotApproved", Some(Suspended)),
        ("NotEnabled", Some(Suspended)),
        ("ToBeFired", Some(Progressing)),
        ("InSync", Some(Healthy)),
        ("OutOfMemory", Some(Degraded)),
        ("ManualInterventionRequired", Some(Suspended)),
        ("initialization", Some(Progressing)),
        ("TemporaryError", Some(Progressing)),
        ("RollbackSucceeded", Some(Degraded)),
        ("FiringSubmitted", Some(Progressing)),
        ("Binding", Some(Progressing)),
    ] {
        assert_eq!(meaning(text), want, "{text}");
    }
}

#[test]
fn condition_types_have_a_polarity() {
    for (name, want) in [
        ("Ready", Polarity::Whole),
        ("DatabaseReady", Polarity::Part),
        ("Synced", Polarity::Part),
        ("ResolvedRefs", Polarity::Part),
        ("Failed", Polarity::Trouble),
        ("HasErrors", Polarity::Trouble),
        ("NotReady", Polarity::Trouble),
        ("DiskPressure", Polarity::PartTrouble),
        ("Reconciling", Polarity::Activity),
        ("RollingUpdate", Polarity::Activity),
        ("Paused", Polarity::Halt),
        ("ScalingLimited", Polarity::Neutral),
        ("NoWarnings", Polarity::Neutral),
        ("ScalingUp", Polarity::Activity),
        ("UpgradeInProgress", Polarity::Activity),
        ("Active", Polarity::Weak),
        ("NodeActive", Polarity::Part),
        ("ACK.Terminal", Polarity::Trouble),
        ("FetchFailed", Polarity::PartTrouble),
        ("Stopped", Polarity::Halt),
        ("UpToDate", Polarity::Part),
        ("InSync", Polarity::Part),
        ("ReconcileError", Polarity::Trouble),
        ("SuccessfulFiring", Polarity::Part),
        ("Annealed", Polarity::Weak),
    ] {
        assert_eq!(polarity(name), want, "{name}");
    }
}

#[test]
fn what_failed_first_is_not_denied_later() {
    for (text, want) in [
        ("FailedNotVisible", Some(Degraded)),
        ("NotFailed", Some(Healthy)),
        ("NotStalledAnyMore", Some(Healthy)),
        ("RequiresApproval", Some(Suspended)),
        ("Unavailable", Some(Degraded)),
    ] {
        assert_eq!(meaning(text), want, "{text}");
    }
}

#[test]
fn messages_hint_at_trouble_waiting_or_a_person() {
    for (text, want) in [
        ("0 of 2 pods are up", Some(Progressing)),
        ("2 of 2 pods are up", None),
        ("pods ready (1/3)", Some(Progressing)),
        ("applied to 1 out of 2 clusters", Some(Progressing)),
        ("10.0.0.0/24 is taken", None),
        ("1/3 pods crashed: error", Some(Degraded)),
        ("Waiting for the chimney", Some(Progressing)),
        ("the burners are not ready", Some(Progressing)),
        ("user must sweep the chimney", Some(Suspended)),
        ("waiting, but the chimney was NOT FOUND", Some(Degraded)),
        ("the order is waiting for admin approval", Some(Suspended)),
        ("", None),
    ] {
        assert_eq!(hint(text), want, "{text}");
    }
    let far = format!("{}failed", "ü".repeat(message::MAX_MESSAGE));
    assert_eq!(hint(&far), None, "a message is read to a bound");
}
