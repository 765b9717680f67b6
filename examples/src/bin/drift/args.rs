//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

mod causes;
mod estate;
mod health;
mod listen;
mod lookback;

pub(crate) use causes::{CheckArgs, GraphArgs, GraphFormat, ImpactArgs, WhyArgs};
pub(crate) use estate::{AppsArgs, ArgoArgs, RulesArgs, RulesCommand};
pub(crate) use health::HealthArgs;
pub(crate) use listen::ListenArgs;
pub(crate) use lookback::{BlameArgs, FightsArgs, HistoryArgs, ObjectFormat, ShowArgs, TimelineArgs};

use crate::kinds::KindName;
use crate::moment::Moment;
use crate::output::ExitCodes;
use crate::selector::Selector;

/// Says what drifted in a Kubernetes cluster, who did it, and when.
///
/// Compares what is declared with what is live, field by field and by schema, without asking the API server to do it;
/// keeps history, and shows how any resource was at any time.
#[derive(Debug, Parser)]
#[command(
    name = "drift",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 nothing found, 1 something found, 2 failed or only part of it could be looked at.\n\
                  With --detailed-exitcode: 0 nothing found, 1 failed, 2 something found.\n\n\
                  Start with `drift demo`; it needs no cluster."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to colour: auto is on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorWhen,

    /// Exit codes as `terraform plan` has them: 0 nothing found, 1 failed, 2 something found.
    #[arg(long, global = true)]
    pub(crate) detailed_exitcode: bool,
}

impl Cli {
    /// Returns the exit codes that are asked for.
    pub(crate) fn exit_codes(&self) -> ExitCodes {
        if self.detailed_exitcode { ExitCodes::Detailed } else { ExitCodes::Kubectl }
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
    /// Shows what this program does, on recorded data: no cluster, no network.
    Demo(DemoArgs),
    /// Compares what is declared with what is live.
    Diff(DiffArgs),
    /// Records a cluster as a tape: every change of every resource, as JSON lines.
    Record(RecordArgs),
    /// Keeps the history of a cluster in a store, and says what drifts as it happens.
    Watch(WatchArgs),
    /// Lists what happened, one line per event, oldest first.
    Timeline(TimelineArgs),
    /// Shows a resource as it was at a time.
    Show(ShowArgs),
    /// Shows the versions of a resource: who changed what, and when.
    History(HistoryArgs),
    /// Says how resources are doing, why, and since when.
    Health(HealthArgs),
    /// Lists every Application, Kustomization, HelmRelease and Helm release: its engine's view beside ours.
    Apps(AppsArgs),
    /// Says which rules hide what, which are broken, and what other rules would hide.
    Rules(RulesArgs),
    /// Says where each field of a resource has its value from: who, with what, when, through what, from which commit.
    Blame(BlameArgs),
    /// Lists fields that two writers overwrite in turn, and hand changes that an engine put back.
    Fights(FightsArgs),
    /// Says why a resource is unhealthy: which recorded change, by whom, with the evidence.
    Why(WhyArgs),
    /// Finds what is broken, and what will break at the next restart.
    Check(CheckArgs),
    /// Tells what depends on a resource, and what a change of it would break.
    Impact(ImpactArgs),
    /// Shows what a resource depends on, and what depends on it.
    Graph(GraphArgs),
    /// Checks that a store is whole: checksums, hash chain, order.
    Verify(StoreArgs),
    /// Cuts what is damaged out of a store, and says what was lost.
    Repair(RepairArgs),
}

/// Which cluster.
#[derive(Args, Debug, Default)]
pub(crate) struct ClusterArgs {
    /// Context of the kubeconfig; the current one without it. The file is $KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,

    /// Kubeconfig file, in place of $KUBECONFIG.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// Which resources of a comparison.
#[derive(Args, Debug, Default)]
pub(crate) struct ScopeArgs {
    /// Namespace of declared resources that name none; without it that of the context, or `default`.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// Look at all namespaces of the cluster, not only at those in which something is declared.
    #[arg(short = 'A', long, help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Only declared resources with these labels, and undeclared ones with them: a=b, a!=b, a in (b, c), a notin (b), a,
    /// !a; several with commas.
    #[arg(short = 'l', long, value_name = "LABELS", help_heading = "Resources")]
    pub(crate) selector: Option<Selector>,

    /// Leave out live resources that nobody declares; otherwise those in the namespaces of declared ones are listed.
    #[arg(long, help_heading = "Resources")]
    pub(crate) no_extra: bool,
}

/// Which resources of recorded history.
#[derive(Args, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Only this namespace.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// All namespaces, as without -n.
    #[arg(short = 'A', long, conflicts_with = "namespace", help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Only resources with these labels: a=b, a!=b, a in (b, c), a notin (b), a, !a; several with commas.
    #[arg(short = 'l', long, value_name = "LABELS", help_heading = "Resources")]
    pub(crate) selector: Option<Selector>,
}

/// Recorded history: a store or a tape.
#[derive(Args, Debug, Default)]
pub(crate) struct RecordedArgs {
    /// Store that `drift watch` keeps.
    #[arg(long, value_name = "DIR", conflicts_with = "tape", help_heading = "What to look at")]
    pub(crate) store: Option<PathBuf>,

    /// Tape that `drift record` wrote: JSON lines, plain, gzip or zstd; `-` is standard input.
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    pub(crate) tape: Option<PathBuf>,
}

/// How a document is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    Text,
    Json,
    Yaml,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Folder to put the demo's tape and manifests in, to try other commands on; nothing is kept without it.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people.
    Text,
    /// One DriftReport, see drift-report.v1.schema.json.
    Json,
    /// The same as YAML.
    Yaml,
    /// For the comment of a pull request.
    Markdown,
    /// Whole objects through $KUBECTL_EXTERNAL_DIFF, or `diff -u -N`, as `kubectl diff` does.
    Diff,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift diff --desired k8s/                           the folder against the current cluster
  drift diff --desired k8s/ --explain                 with the rule behind every verdict
  kustomize build . | drift diff --desired -          what comes from standard input
  drift diff --desired ../config@main                 a Git repository at a revision
  drift diff --desired https://git.example.com/shop/config.git@v1.4:apps
  kubectl get all,cm -n shop -o json --show-managed-fields > live.json
  drift diff --desired k8s/ --live live.json          a dump
  drift diff --desired k8s/ --live shop.tape.gz --at 2026-11-21T10:50:00Z
  drift diff --desired k8s/ --store /var/lib/drift    what `drift watch` has recorded
  drift diff --argocd-server https://argocd.example.com --argocd-token-file token    what Argo CD renders
  drift diff --desired k8s/ -o json | jq '.resources[] | select(.status != \"InSync\")'")]
pub(crate) struct DiffArgs {
    /// What is declared: a folder, a file, `-` for standard input, or a Git repository as PATH_OR_URL@REV\[:FOLDER\], read
    /// without a checkout. Repeatable.
    /// Without it, what Argo CD, Flux and Helm in what is looked at declare.
    #[arg(long, value_name = "WHAT", action = ArgAction::Append, conflicts_with = "argocd_server")]
    pub(crate) desired: Vec<String>,

    /// Git repository or bundle, with the URL that the engines know it by in front: URL=REPO. Repeatable; a repository
    /// without a URL stands for any.
    #[arg(long, value_name = "[URL=]REPO", action = ArgAction::Append, conflicts_with = "desired")]
    pub(crate) git: Vec<String>,

    #[command(flatten)]
    pub(crate) argocd: ArgoArgs,

    /// File of own exceptions: selector, paths, reason, owner, expiry.
    #[arg(long, value_name = "FILE", conflicts_with = "desired")]
    pub(crate) rules: Option<PathBuf>,

    /// What is live: a dump (`kubectl get -o json`) or a tape; plain, gzip or zstd. The cluster without it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "What to look at")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// How it was then: a time (RFC 3339) or a position (@N, from `drift timeline`); for tapes and stores.
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// The API server's audit log, plain, gzip or zstd: names the user behind each change.
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    pub(crate) audit: Option<PathBuf>,

    /// Folder of OpenAPI v3 documents of the cluster (*.json, *.json.gz); schemas of built-in kinds come along.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(flatten)]
    pub(crate) scope: ScopeArgs,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DiffFormat,

    /// Also say which row of the verdict table fired, for every field.
    #[arg(long, help_heading = "Output")]
    pub(crate) explain: bool,

    /// Also list fields that controllers hold as their own, and what rules hide.
    #[arg(long, help_heading = "Output")]
    pub(crate) show_managed: bool,

    /// Declared and live beside each other.
    #[arg(long, help_heading = "Output")]
    pub(crate) side_by_side: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift record -o shop.tape.gz -n shop                until Ctrl-C
  drift record -o estate.tape.zst --for 10m           ten minutes
  drift record -o now.tape --once                     what is there now, no changes")]
pub(crate) struct RecordArgs {
    /// Tape to write, or to go on with; .gz and .zst are compressed. Values of Secrets are hashed before they are written;
    /// the key is put beside the tape as TAPE.key, and only who has it can compare Secrets.
    #[arg(short, long, value_name = "TAPE")]
    pub(crate) output: PathBuf,

    /// How long, such as 60s, 10m, 2h; until Ctrl-C without it.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "once")]
    pub(crate) duration: Option<std::time::Duration>,

    /// Only what is there now.
    #[arg(long)]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// Namespace; all without it.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift watch --store /var/lib/drift --desired k8s/   history, and findings as they come and go
  drift watch --store /var/lib/drift                  history only
  drift watch --store s --tape shop.tape.gz           puts a tape into a store
  drift watch --store s --listen 8088                 also what pipelines and the audit log tell:
    curl -H 'Content-Type: application/cloudevents+json' --data @built.json http://127.0.0.1:8088/events
  drift watch --store s --listen 0.0.0.0:8088 --listen-secret-file /etc/drift/secret

Ctrl-C ends it; the next run goes on where it stopped, and what was missed in between is a recorded gap.")]
pub(crate) struct WatchArgs {
    /// Store to keep the history in; made if it is not there.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) store: PathBuf,

    /// Take this tape in place of a cluster, to its end.
    #[arg(long, value_name = "FILE", conflicts_with = "context")]
    pub(crate) tape: Option<PathBuf>,

    /// What is declared, as for `drift diff`; findings are against it.
    #[arg(long, value_name = "WHAT", action = ArgAction::Append)]
    pub(crate) desired: Vec<String>,

    /// Folder of OpenAPI v3 documents of the cluster (*.json, *.json.gz); schemas of built-in kinds come along.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,

    /// How long, such as 60s, 10m, 2h; until Ctrl-C without it.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<std::time::Duration>,

    #[command(flatten)]
    pub(crate) listen: ListenArgs,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// Namespace; all without it.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// How to print findings; json is one Finding per line, see finding.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: LineFormat,
}

/// How a stream of things is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineFormat {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// Store to check.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) store: PathBuf,

    /// How to print it; json and yaml are one StoreReport, see store-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// Store to repair; nothing else may have it open. Keep a copy: what is damaged is dropped.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) store: PathBuf,

    /// Do it; without this only say what would be dropped.
    #[arg(long)]
    pub(crate) yes: bool,

    /// How to print it; json and yaml are one StoreReport, see store-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: DataFormat,
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
        format!("`{text}` is no duration: a number with a unit, such as 60s, 10m or 1h30m, expected")
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
