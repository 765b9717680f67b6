//! Arguments of the command about how resources are doing.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::{ClusterArgs, DataFormat, RecordedArgs, ScopeArgs};
use crate::kinds::KeyName;
use crate::moment::Moment;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift health -n shop                                what is not healthy in a namespace of the cluster
  drift health deploy/web -n shop --store /var/lib/drift --at 2026-11-21T10:50:00Z
  kubectl get all -A -o json | drift health --live - --all
  drift health --live crs.yaml --health-rules mine.txt       with rules of your own before those that come along
  drift health deploy/web -n shop --store /var/lib/drift --rollouts")]
pub(crate) struct HealthArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,

    /// What is live: a dump (`kubectl get -o json`), manifests with status, or a tape; plain, gzip or zstd.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "What to look at")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// How it was then: a time (RFC 3339) or a position (@N); for tapes and stores.
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(flatten)]
    pub(crate) scope: ScopeArgs,

    /// Also print the rollouts of workloads, from recorded history: what set them off, who, how far, how long.
    #[arg(long)]
    pub(crate) rollouts: bool,

    /// File of rules for kinds of your own, tried before those that come along; repeatable.
    #[arg(long = "health-rules", visible_alias = "rules", value_name = "FILE", action = ArgAction::Append)]
    pub(crate) rules: Vec<PathBuf>,

    /// Without the rules that come along: what the conventions of the API say alone.
    #[arg(long, hide = true)]
    pub(crate) no_health_rules: bool,

    /// Also print what is healthy; json and yaml always hold all.
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,

    /// How to print it; json and yaml are one HealthReport, see health-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}
