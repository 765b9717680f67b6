//! Arguments of the commands about causes and dependencies.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args, ValueEnum};
use drift_core::graph::EdgeRules;

use super::{DataFormat, RecordedArgs};
use crate::failure::Failure;
use crate::kinds::KeyName;
use crate::moment::Moment;

/// Edges of the dependency graph that the user knows of.
#[derive(Args, Debug)]
pub(crate) struct EdgeArgs {
    /// Rules for what custom resources refer to, beside those that come along; one `KIND.GROUP RELATION PATH -> TARGET` a line,
    /// such as `Widget.example.com uses spec.configRef -> ref:ConfigMap`; see docs/edges.md. Repeatable.
    #[arg(long = "edges", value_name = "FILE", action = ArgAction::Append, help_heading = "What to look at")]
    files: Vec<PathBuf>,
}

/// Largest file of edge rules that is read.
const MAX_RULES: u64 = 1 << 20;

impl EdgeArgs {
    /// Reads the rules.
    pub(crate) fn rules(&self) -> Result<Arc<EdgeRules>, Failure> {
        let mut rules = EdgeRules::bundled();
        for path in &self.files {
            let name = path.display().to_string();
            let failed = |e: &dyn std::error::Error| {
                Failure::new(format!("cannot read edge rules `{name}`")).because(e)
            };
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).map_err(|e| failed(&e))?;
            file.take(MAX_RULES + 1).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
            if bytes.len() as u64 > MAX_RULES {
                return Err(Failure::new(format!("edge rules `{name}` are larger than {MAX_RULES} bytes")));
            }
            let text = String::from_utf8(bytes).map_err(|e| failed(&e))?;
            rules = rules.with(&text).map_err(|e| {
                failed(&e).hint("KIND.GROUP RELATION PATH -> TARGET, one a line; see docs/edges.md")
            })?;
        }
        Ok(Arc::new(rules))
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift why --store /var/lib/drift                    what is broken now, and what are the roots
  drift why deploy/web -n shop --store /var/lib/drift
  drift why Pod/shop/web-0 --tape shop.tape.gz --audit audit.jsonl.gz --git shop.bundle
  drift why svc/web -n shop --tape shop.tape.gz --at 2026-11-21T10:50:00Z -o json")]
pub(crate) struct WhyArgs {
    /// The resource, such as deploy/web or Deployment.apps/shop/web; without one, everything that is broken, by root.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<KeyName>,

    /// The same, as an option.
    #[arg(long, value_name = "KEY", conflicts_with = "key")]
    pub(crate) resource: Option<KeyName>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    /// The moment of the question: a time (RFC 3339) or a position (@N); nothing later is looked at.
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// The API server's audit log, plain, gzip or zstd: names the users.
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    pub(crate) audit: Option<PathBuf>,

    /// A repository that engines read: a folder, a bundle or a URL, with the URL that they know it by before it. Repeatable.
    #[arg(long, value_name = "[URL=]PLACE", action = ArgAction::Append, help_heading = "What to look at")]
    pub(crate) git: Vec<String>,

    /// Namespace of a name given without one; without a name, only what is broken in it.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How to print it; json and yaml are one CauseReport, see cause-report.v1.schema.json, without KEY one IncidentReport.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,

    /// Multiplies the weight of a part of the score, such as counterfactual=0.5, to measure what it is worth.
    #[arg(long, value_name = "PART=FACTOR", action = ArgAction::Append, hide = true)]
    pub(crate) weight: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift check --store /var/lib/drift -n shop
  drift check --tape shop.tape.gz --at 2026-11-21T10:50:00Z -o json
  drift check --list                                  all checks, and what makes them fire")]
pub(crate) struct CheckArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    /// How it was then: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// Only this namespace.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// List the checks.
    #[arg(long)]
    pub(crate) list: bool,

    /// How to print it; json and yaml are one CheckReport, see check-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift impact cm/web-config -n shop --store /var/lib/drift      if it went away
  drift impact --change web-config.yaml --tape shop.tape.gz      if it became as the file says")]
pub(crate) struct ImpactArgs {
    /// The resource, such as deploy/web or Deployment.apps/shop/web: what if it went away.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<KeyName>,

    /// A manifest of one object: what if it became so.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) change: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    /// As things were then: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// Namespace of a name given without one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How to print it; json and yaml are one ImpactReport, see impact-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

/// How a graph is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A tree for people.
    Text,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// A picture: who depends stands left of what it depends on, and what is missing is red.
    Svg,
    /// One DependencyGraph.
    Json,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift graph deploy/web -n shop --store /var/lib/drift
  drift graph svc/web -n shop --tape shop.tape.gz --at 2026-11-21T10:50:00Z -o svg > web.svg
  drift graph widget/one -n shop --tape shop.tape.gz --edges our.edges")]
pub(crate) struct GraphArgs {
    /// The resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: KeyName,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) edges: EdgeArgs,

    /// How it was then: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// Namespace of a name given without one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How many steps away.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) depth: usize,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: GraphFormat,
}
