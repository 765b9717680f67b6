//! Arguments of `drift health`.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use drift_core::health::HealthRules;
use drift_core::k8s::selector::Selector;
use drift_core::{ResourceName, Until};
use drift_sources::estate::read_health_rules;

use super::{ClusterArgs, DataFormat, RecordedArgs};
use crate::clock::read_moment;
use crate::failure::Failure;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift health -n shop                                list what is not healthy in a namespace
  drift health deploy/web -n shop --store /var/lib/drift --at 2026-11-21T10:50:00Z
  kubectl get all -A -o json | drift health --live - --all
  drift health --live crs.yaml --health-rules mine.txt       use rules of your own
  drift health deploy/web -n shop --store /var/lib/drift --rollouts")]
pub(crate) struct HealthArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<ResourceName>,

    /// Live state: a dump (`kubectl get -o json`), manifests with status, or a tape (plain, gzip or zstd). Defaults to the
    /// current cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "Input")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N) of a tape or store.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(flatten)]
    pub(crate) scope: HealthScopeArgs,

    /// Also list the rollouts of workloads in recorded history: trigger, author, progress and duration.
    #[arg(long)]
    pub(crate) rollouts: bool,

    #[command(flatten)]
    pub(crate) rules: HealthRuleArgs,

    /// Also list healthy resources. json and yaml always list all.
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,

    /// Output format; json and yaml print a HealthReport (see health-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

/// The options that name rules for the health of custom resources.
#[derive(Args, Debug, Default)]
pub(crate) struct HealthRuleArgs {
    /// File of health rules for custom resources, used before the bundled ones. Repeatable.
    #[arg(long, visible_alias = "rules", value_name = "FILE", action = ArgAction::Append)]
    health_rules: Vec<PathBuf>,

    /// Do not use the bundled health rules, only the conventions of the API.
    #[arg(long, hide = true)]
    no_health_rules: bool,
}

impl HealthRuleArgs {
    /// Reads the rules.
    pub(crate) fn rules(&self) -> Result<HealthRules, Failure> {
        let bundled = if self.no_health_rules { HealthRules::none() } else { HealthRules::bundled() };
        Ok(read_health_rules(&self.health_rules, bundled)?)
    }
}

/// The options that select resources by namespace and labels.
#[derive(Args, Debug, Default)]
pub(crate) struct HealthScopeArgs {
    /// Only this namespace; that of a KEY that does not name one. Defaults to that of the context for a cluster, else to all.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// All namespaces of the cluster; of a KEY without a namespace, in each of them.
    #[arg(short = 'A', long, help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Only resources with these labels, comma-separated: a=b, a!=b, a in (b, c), a notin (b), a, !a.
    #[arg(short = 'l', long, value_name = "LABELS", help_heading = "Resources")]
    pub(crate) selector: Option<Selector>,
}

impl HealthScopeArgs {
    /// Returns the namespace that is asked for, if one is.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref().filter(|_| !self.all_namespaces)
    }
}
