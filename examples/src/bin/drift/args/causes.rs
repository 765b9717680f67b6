//! Arguments of the commands about causes and dependencies.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use drift_core::graph::EdgeRules;
use drift_core::{ResourceName, Until};
use drift_sources::estate::read_edge_rules;

use super::{DataFormat, FilterArgs, HealthRuleArgs, InputArgs};
use crate::clock::read_moment;
use crate::failure::Failure;

/// The option that adds rules for edges of the dependency graph.
#[derive(Args, Debug)]
pub(crate) struct EdgeArgs {
    /// File of rules for the references of custom resources, used in addition to the bundled ones. One rule per line, such
    /// as `Widget.example.com uses spec.configRef -> ref:ConfigMap`; see docs/edges.md. Repeatable.
    #[arg(long = "edges", value_name = "FILE", action = ArgAction::Append, help_heading = "Input")]
    files: Vec<PathBuf>,
}

impl EdgeArgs {
    /// Reads the rules.
    pub(crate) fn rules(&self) -> Result<EdgeRules, Failure> {
        Ok(read_edge_rules(&self.files)?)
    }
}

/// Output format of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhyFormat {
    Text,
    Json,
    Yaml,
    Markdown,
}

impl WhyFormat {
    /// Returns the format of a document; Markdown is a text for people.
    pub(crate) fn data(self) -> DataFormat {
        match self {
            Self::Text | Self::Markdown => DataFormat::Text,
            Self::Json => DataFormat::Json,
            Self::Yaml => DataFormat::Yaml,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift why deploy/web -n shop                        in the cluster as it is now; it does not say what changed
  drift why --store /var/lib/drift                    everything that is broken, by root cause
  drift why deploy/web -n shop --store /var/lib/drift
  drift why Pod/shop/web-0 --tape shop.tape.gz --audit audit.jsonl.gz --git shop.bundle
  drift why svc/web -n shop --tape shop.tape.gz --at 2026-11-21T10:50:00Z -o json
  drift why deploy/web -n shop --store /var/lib/drift -o markdown   for a chat or a ticket
  drift why deploy/web -n shop --store /var/lib/drift --explain     with the numbers")]
pub(crate) struct WhyArgs {
    /// Resource, such as deploy/web or Deployment.apps/shop/web. Without it, everything that is broken, by root cause.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<ResourceName>,

    /// The resource, as an option.
    #[arg(long, value_name = "KEY", conflicts_with = "key")]
    pub(crate) resource: Option<ResourceName>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    #[command(flatten)]
    pub(crate) health: HealthRuleArgs,

    /// Explain the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N); later events are ignored.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Audit log of the API server (plain, gzip or zstd), to name the users.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) audit: Option<PathBuf>,

    /// Git repository that the engines read, as URL=PLACE with the URL that they use and a directory, bundle or URL to read
    /// it from. Without a URL it is used for every URL. Repeatable.
    #[arg(long, value_name = "[URL=]PLACE", action = ArgAction::Append, help_heading = "Input")]
    pub(crate) git: Vec<String>,

    #[command(flatten)]
    pub(crate) scope: FilterArgs,

    /// Output format; json and yaml print a CauseReport (see cause-report.v1.schema.json), without KEY an IncidentReport;
    /// markdown is for a chat or a ticket, and needs a KEY.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: WhyFormat,

    /// Show the numbers: scores with their parts, the evidence in nats, places in both views, event ids, and every change that
    /// was considered.
    #[arg(long, help_heading = "Output")]
    pub(crate) explain: bool,

    /// Multiply the weight of a part of the score, such as fit=0.5, to measure what it is worth.
    #[arg(long, value_name = "PART=FACTOR", action = ArgAction::Append, hide = true)]
    pub(crate) weight: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift check -n shop                                 the cluster as it is now
  drift check --store /var/lib/drift -n shop -l app=web
  drift check --tape shop.tape.gz --at 2026-11-21T10:50:00Z -o json
  drift check --list                                  list all checks")]
pub(crate) struct CheckArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<ResourceName>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    #[command(flatten)]
    pub(crate) health: HealthRuleArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N). Defaults to the end of the record.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    #[command(flatten)]
    pub(crate) scope: FilterArgs,

    /// List the checks and what makes each of them report something.
    #[arg(long)]
    pub(crate) list: bool,

    /// Output format; json and yaml print a CheckReport (see check-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: CheckFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift impact cm/web-config -n shop                             if it were deleted
  drift impact --change web-config.yaml --tape shop.tape.gz      if it were changed as in the file")]
pub(crate) struct ImpactArgs {
    /// Resource that would be deleted, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<ResourceName>,

    /// Manifest of one object as it would be after a change.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) change: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    #[command(flatten)]
    pub(crate) health: HealthRuleArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N). Defaults to the end of the record.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Namespace of KEY, if KEY does not name one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Output format; json and yaml print an ImpactReport (see impact-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

/// Output format of `drift check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Text,
    Json,
    Yaml,
    /// Workflow commands of GitHub Actions, which shows them in the summary of a run.
    Github,
}

/// Output format of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A tree for people.
    Text,
    /// DOT, for Graphviz.
    Dot,
    /// Mermaid, for Markdown.
    Mermaid,
    /// SVG image; dependents are left of their dependencies, and missing resources are red.
    Svg,
    /// A DependencyGraph (see dependency-graph.v1.schema.json).
    Json,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift graph deploy/web -n shop
  drift graph svc/web -n shop --tape shop.tape.gz --at 2026-11-21T10:50:00Z -o svg > web.svg
  drift graph widget/one -n shop --tape shop.tape.gz --edges our.edges")]
pub(crate) struct GraphArgs {
    /// Resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: ResourceName,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N). Defaults to the end of the record.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Namespace of KEY, if KEY does not name one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Number of hops to follow in each direction.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) depth: usize,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: GraphFormat,
}
