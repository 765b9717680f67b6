//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use drift_core::k8s::selector::Selector;
use drift_core::{KindName, ResourceName, Until};

mod causes;
mod desired;
mod estate;
mod health;
mod listen;
mod lookback;
mod render;

pub(crate) use causes::{CheckArgs, CheckFormat, GraphArgs, GraphFormat, ImpactArgs, WhyArgs, WhyFormat};
pub(crate) use desired::DesiredArgs;
pub(crate) use estate::{AppsArgs, ArgoArgs, RulesArgs, RulesCommand};
pub(crate) use health::{HealthArgs, HealthRuleArgs};
pub(crate) use listen::ListenArgs;
pub(crate) use lookback::{BlameArgs, FightsArgs, HistoryArgs, ObjectFormat, ShowArgs, TimelineArgs};
pub(crate) use render::RenderArgs;

use crate::clock::read_moment;
use crate::output::{ExitCodes, ExitConvention, IncompleteAnswers};

/// Find out what changed in a Kubernetes cluster, who changed it, and why something is broken.
///
/// Compares declared with live resources field by field, without asking the API server to do it, records the history
/// of a cluster, and shows any resource as of any time. Clusters are only read.
#[derive(Debug, Parser)]
#[command(
    name = "drift",
    version,
    after_help = "Exit codes: 0 nothing found, 1 something found, 2 failed, 3 not all could be looked at.\n\
                  With --detailed-exitcode: 0 nothing found, 1 failed, 2 something found, 3 not all could be looked at.\n\n\
                  $DRIFT_STORE is the default of --store; defaults of --namespace, --git and --audit are read from .drift.yaml, \
                  or from ~/.config/drift/config.yaml.\n\n\
                  Start with `drift demo`; it needs no cluster."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colours. `auto` uses them on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWhen,

    /// Write times in the zone of $TZ or of this machine, and read times without a zone in it. Defaults to UTC.
    #[arg(long, global = true)]
    pub(crate) local: bool,

    /// Also write how long ago the last two days were: `(3m ago)`. Text only.
    #[arg(long, global = true)]
    pub(crate) ages: bool,

    /// Use the exit codes of `terraform plan`: 0 nothing found, 1 failed, 2 something found.
    #[arg(long, global = true)]
    pub(crate) detailed_exitcode: bool,

    /// Exit by what was found, also where not all could be looked at: 0 or 1 instead of 3.
    #[arg(long, global = true)]
    pub(crate) allow_unknown: bool,
}

impl Cli {
    /// Returns the exit codes that the command line selects.
    pub(crate) fn exit_codes(&self) -> ExitCodes {
        let convention = match self.detailed_exitcode {
            true => ExitConvention::Detailed,
            false => ExitConvention::Kubectl,
        };
        let incomplete = match self.allow_unknown {
            true => IncompleteAnswers::Allowed,
            false => IncompleteAnswers::Stated,
        };
        ExitCodes { convention, incomplete }
    }
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what drift does, on recorded data; needs no cluster and no network.
    Demo(DemoArgs),
    /// Compare declared with live resources.
    Diff(DiffArgs),
    /// Record every change in a cluster to a tape, a file of JSON lines.
    Record(RecordArgs),
    /// Record the history of a cluster to a store, and report drift as it happens.
    Watch(WatchArgs),
    /// List recorded events, oldest first.
    Timeline(TimelineArgs),
    /// Show a resource as of a time.
    Show(ShowArgs),
    /// List the versions of a resource: who changed what, and when.
    History(HistoryArgs),
    /// Show the health of resources, the reason, and since when.
    Health(HealthArgs),
    /// List the apps of Argo CD, Flux and Helm, with the status by their engine and by comparison.
    Apps(AppsArgs),
    /// List, check and try the rules that hide differences.
    Rules(RulesArgs),
    /// Show who set each field of a resource, when, with which tool, through which app and from which commit.
    Blame(BlameArgs),
    /// List fields that several writers overwrite in turn, and manual changes that an engine reverted.
    Fights(FightsArgs),
    /// Explain why a resource is unhealthy: the change that caused it, its author, and the evidence.
    Why(WhyArgs),
    /// Find what is broken, and what will break at the next restart.
    Check(CheckArgs),
    /// Show what depends on a resource, and what a change of it would break.
    Impact(ImpactArgs),
    /// Show what a resource depends on, and what depends on it.
    Graph(GraphArgs),
    /// Verify the checksums, hash chain and order of a store.
    Verify(StoreArgs),
    /// Remove damaged parts from a store, and report what was lost.
    Repair(RepairArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages of all commands to a directory.
    Man(ManArgs),
    /// Print the version.
    Version,
}

/// The options that select a cluster.
#[derive(Args, Debug, Default)]
pub(crate) struct ClusterArgs {
    /// Context of the kubeconfig file. Defaults to the current context.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,

    /// Kubeconfig file. Defaults to $KUBECONFIG, then to ~/.kube/config.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// The options that select the resources of a comparison.
#[derive(Args, Debug, Default)]
pub(crate) struct ScopeArgs {
    /// Namespace of declared resources that do not name one. Defaults to that of the context, then to `default`.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// Compare all namespaces of the cluster. Defaults to those in which something is declared.
    #[arg(short = 'A', long, help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Only resources with these labels, comma-separated: a=b, a!=b, a in (b, c), a notin (b), a, !a.
    #[arg(short = 'l', long, value_name = "LABELS", help_heading = "Resources")]
    pub(crate) selector: Option<Selector>,

    /// Do not list undeclared resources. By default those in the namespaces of declared ones are listed.
    #[arg(long, help_heading = "Resources")]
    pub(crate) no_extra: bool,
}

/// The options that select resources by namespace and labels.
#[derive(Args, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Only this namespace; that of a KEY that does not name one.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// All namespaces, which is the default; of a KEY without a namespace, in each of them.
    #[arg(short = 'A', long, conflicts_with = "namespace", help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Only resources with these labels, comma-separated: a=b, a!=b, a in (b, c), a notin (b), a, !a.
    #[arg(short = 'l', long, value_name = "LABELS", help_heading = "Resources")]
    pub(crate) selector: Option<Selector>,
}

impl FilterArgs {
    /// Returns the namespace that is asked for; `None` for all.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref().filter(|_| !self.all_namespaces)
    }
}

/// The options that name recorded history: a store or a tape.
#[derive(Args, Debug, Default)]
pub(crate) struct RecordedArgs {
    /// Store that `drift watch` recorded.
    #[arg(long, value_name = "DIR", conflicts_with = "tape", help_heading = "Input")]
    pub(crate) store: Option<PathBuf>,

    /// Tape that `drift record` wrote (plain, gzip or zstd), or `-` for standard input.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) tape: Option<PathBuf>,
}

/// The options that name what is looked at: recorded history, a dump or, without either, the cluster as it is now.
#[derive(Args, Debug, Default)]
pub(crate) struct InputArgs {
    /// Live state: a dump (`kubectl get -o json`) or a tape (plain, gzip or zstd). Defaults to the current cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "Input")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Output format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    Text,
    Json,
    Yaml,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Directory to write the tape and manifests of the demo to, for use with other commands. Defaults to a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Output format of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// Text for people.
    Text,
    /// A DriftReport (see drift-report.v1.schema.json).
    Json,
    /// The same document as YAML.
    Yaml,
    /// Markdown for a comment on a pull request.
    Markdown,
    /// Workflow commands of GitHub Actions, which shows them at the lines of a pull request.
    Github,
    /// Names of the resources that are not in sync, such as deployment.apps/web, as kubectl takes them.
    Name,
    /// Whole objects, by $KUBECTL_EXTERNAL_DIFF or `diff -u -N`, as in `kubectl diff`.
    Diff,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift diff -f k8s/                                  the files of a folder, with the current cluster
  drift diff -R -f k8s/ deploy/web --explain          with folders below; one resource, and why
  drift diff -k overlays/prod                         render a kustomization first
  helm template web chart/ | drift diff -f - -n shop  read manifests from standard input
  drift diff                                          with what Argo CD, Flux and Helm declare
  drift diff --desired ../config@main                 read a Git repository at a revision
  drift diff --desired https://git.example.com/shop/config.git@v1.4:apps
  kubectl get all,cm -n shop -o json --show-managed-fields > live.json
  drift diff --desired k8s/ --live live.json          compare with a dump
  drift diff --desired k8s/ --live shop.tape.gz --at 2026-11-21T10:50:00Z
  drift diff --desired k8s/ --store /var/lib/drift    compare with recorded history
  drift diff --argocd-server https://argocd.example.com --argocd-token-file token
  drift diff --desired k8s/ -o json | jq '.resources[] | select(.status != \"InSync\")'")]
pub(crate) struct DiffArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY", value_parser = desired::resource)]
    pub(crate) keys: Vec<ResourceName>,

    #[command(flatten)]
    pub(crate) declared: DesiredArgs,

    /// Git repository or bundle that the engines read, as URL=REPO with the URL that they use. Without a URL it is used for
    /// every URL. Repeatable.
    #[arg(long, value_name = "[URL=]REPO", action = ArgAction::Append, conflicts_with = "declared")]
    pub(crate) git: Vec<String>,

    #[command(flatten)]
    pub(crate) argocd: ArgoArgs,

    #[command(flatten)]
    pub(crate) render: RenderArgs,

    /// File of exceptions of your own, each with selector, paths, reason, owner and expiry.
    #[arg(long, value_name = "FILE", conflicts_with = "declared")]
    pub(crate) rules: Option<PathBuf>,

    /// Live state: a dump (`kubectl get -o json`) or a tape (plain, gzip or zstd). Defaults to the current cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "Input")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N, see `drift timeline`) of a tape or store.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Audit log of the API server (plain, gzip or zstd), to name the user behind each change.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) audit: Option<PathBuf>,

    /// Directory of OpenAPI v3 documents of the cluster (*.json, *.json.gz). Schemas of built-in kinds are included.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(flatten)]
    pub(crate) scope: ScopeArgs,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DiffFormat,

    /// Show which row of the verdict table decided, for every field.
    #[arg(long, help_heading = "Output")]
    pub(crate) explain: bool,

    /// Also list fields that controllers own, and those hidden by rules.
    #[arg(long, help_heading = "Output")]
    pub(crate) show_managed: bool,

    /// Show declared and live values side by side.
    #[arg(long, help_heading = "Output")]
    pub(crate) side_by_side: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift record -o shop.tape.gz -n shop                record until Ctrl-C
  drift record -o estate.tape.zst --for 10m           record for ten minutes
  drift record -o now.tape --once                     record the current state only")]
pub(crate) struct RecordArgs {
    /// Tape to write, or to append to; .gz and .zst are compressed. Values of Secrets are hashed before they are written;
    /// the key is written to TAPE.key and is needed to compare Secrets.
    #[arg(short, long, value_name = "TAPE")]
    pub(crate) output: PathBuf,

    /// Time to record for, such as 60s, 10m or 2h. Defaults to until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "once")]
    pub(crate) duration: Option<std::time::Duration>,

    /// Record the current state, then stop.
    #[arg(long)]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// Only this namespace. Defaults to all.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift watch --store /var/lib/drift --desired k8s/   record, and report findings
  drift watch --store /var/lib/drift                  record only
  drift watch --store s --tape shop.tape.gz           import a tape
  drift watch --store s --listen 8088                 also accept posted events:
    curl -H 'Content-Type: application/cloudevents+json' --data @built.json http://127.0.0.1:8088/events
  drift watch --store s --listen 0.0.0.0:8088 --listen-secret-file /etc/drift/secret

Ctrl-C stops it. The next run continues where it stopped, and records what it missed as a gap.")]
pub(crate) struct WatchArgs {
    /// Store to record to. Created if it does not exist.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) store: PathBuf,

    /// Read this tape to its end instead of a cluster.
    #[arg(long, value_name = "FILE", conflicts_with = "context")]
    pub(crate) tape: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) declared: DesiredArgs,

    /// Directory of OpenAPI v3 documents of the cluster (*.json, *.json.gz). Schemas of built-in kinds are included.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,

    /// Time to watch for, such as 60s, 10m or 2h. Defaults to until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<std::time::Duration>,

    #[command(flatten)]
    pub(crate) listen: ListenArgs,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// Only this namespace. Defaults to all.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// Audit entries are posted, or their file is named where a question is asked.
    // Not `audit`, for which the configuration may have a default.
    #[arg(id = "audit_file", long = "audit", value_name = "FILE", hide = true)]
    pub(crate) audit: Option<PathBuf>,

    /// All namespaces. This is the default.
    #[arg(short = 'A', long, conflicts_with = "namespace", help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Report only declared resources with these labels, comma-separated: a=b, a!=b, a in (b, c), a notin (b), a, !a. All are recorded.
    #[arg(short = 'l', long, value_name = "LABELS", help_heading = "Resources")]
    pub(crate) selector: Option<Selector>,

    /// Output format; json prints one Finding per line (see finding.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: LineFormat,
}

/// Output format of a stream of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineFormat {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// Store to verify.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) store: PathBuf,

    /// Output format; json and yaml print a StoreReport (see store-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// Store to repair; no other process may use it. Make a copy first: damaged parts are dropped.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) store: PathBuf,

    /// Repair the store. Without it, only report what would be dropped.
    #[arg(long)]
    pub(crate) yes: bool,

    /// Output format; json and yaml print a StoreReport (see store-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  source <(drift completions bash)                    in ~/.bashrc
  drift completions zsh > ~/.zfunc/_drift")]
pub(crate) struct CompletionsArgs {
    /// Shell to complete in.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Directory to write to.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

fn kind(text: &str) -> Result<KindName, std::convert::Infallible> {
    Ok(KindName::parse(text))
}

/// Reads a duration as kubectl takes it: 60s, 10m, 1h30m; a bare number is seconds.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(std::time::Duration::from_secs(seconds.into()));
    }
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    parsed.and_then(|d| std::time::Duration::try_from(d).ok()).ok_or_else(|| {
        format!("invalid duration `{text}`: expected a number with a unit, such as 60s, 10m or 1h30m")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_as_kubectl_does() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(duration(text).ok(), seconds.map(std::time::Duration::from_secs), "{text}");
        };
        check("60s", Some(60));
        check("90", Some(90));
        check("10m", Some(600));
        check("1h30m", Some(5400));
        check("-5s", None);
        check("soon", None);
    }
}
