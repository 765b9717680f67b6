//! The `kubernetes` source against a real API server; ignored, and reported so, where there is none.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking and say what they saw"
)]

mod control_plane;
#[path = "../shared/ledger.rs"]
mod ledger;
mod soak;
mod writers;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let missing = ["etcd", "kube-apiserver"].iter().any(|name| control_plane::find(name).is_none());
    let trial = |name: &str, run: fn()| {
        let run = move || -> Result<(), Failed> {
            run();
            Ok(())
        };
        Trial::test(name, run).with_kind("KUBEBUILDER_ASSETS").with_ignored_flag(missing)
    };
    let trials = vec![
        trial("every_version_of_a_real_server_is_recorded_or_in_a_gap", soak::restarts_compaction_and_kills),
        trial("a_real_cluster_is_listed_whole_and_says_what_is_denied", soak::snapshots),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}
