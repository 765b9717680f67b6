//! Arguments of the commands about what engines declare.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};
use drift_core::Until;

use drift_sources::estate::EstateOptions;

use super::{ClusterArgs, DataFormat, RecordedArgs, RenderArgs};
use crate::clock::read_moment;
use crate::failure::Failure;
use crate::looked_at;

/// The API server of Argo CD.
#[derive(Args, Debug, Default)]
pub(crate) struct ArgoArgs {
    /// Server of Argo CD, such as `https://argocd.example.com`. Used to render Applications whose repository is not given
    /// with --git, as of now. $ARGOCD_AUTH_TOKEN holds the token of an account that may get applications.
    #[arg(
        id = "argocd_server",
        long = "argocd-server",
        value_name = "URL",
        conflicts_with = "at",
        help_heading = "Input"
    )]
    pub(crate) server: Option<String>,

    /// File with the token. Defaults to $ARGOCD_AUTH_TOKEN.
    #[arg(
        long = "argocd-token-file",
        value_name = "FILE",
        requires = "argocd_server",
        help_heading = "Input"
    )]
    pub(crate) token_file: Option<PathBuf>,

    /// PEM file of the certificate authorities to trust for the server of Argo CD. Defaults to those of the system.
    #[arg(long = "argocd-ca-file", value_name = "FILE", requires = "argocd_server", help_heading = "Input")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// The options that name a cluster with its GitOps engines, common to every command about apps.
#[derive(Args, Debug)]
pub(crate) struct EstateArgs {
    /// Live state: a dump (`kubectl get -o json`) or a tape (plain, gzip or zstd). Defaults to the current cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "Input")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N, see `drift timeline`) of a tape or store.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Git repository or bundle that the engines read, as URL=REPO with the URL that they use. Without a URL it is used for
    /// every URL. Repeatable.
    #[arg(long, value_name = "[URL=]REPO", action = ArgAction::Append, help_heading = "Input")]
    pub(crate) git: Vec<String>,

    #[command(flatten)]
    pub(crate) argocd: ArgoArgs,

    #[command(flatten)]
    pub(crate) render: RenderArgs,

    /// Directory of OpenAPI v3 documents of the cluster (*.json, *.json.gz). Schemas of built-in kinds are included.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,

    /// File of exceptions of your own.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

impl EstateArgs {
    /// Returns what is looked at.
    pub(crate) fn options(&self) -> Result<EstateOptions, Failure> {
        let options = looked_at::any(self.live.as_deref(), &self.recorded, &self.cluster)?;
        let options = looked_at::with_sources(options.at(self.at.unwrap_or_default()), None, &self.git);
        looked_at::with_declared(
            self.render.apply(options),
            self.schemas.as_deref(),
            self.rules.as_deref(),
            &self.argocd,
        )
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift apps                                          list the apps of the current cluster
  drift apps -n shop                                  list the apps of a namespace
  drift apps --live shop.tape.gz --git https://git.example.com/shop.git=shop.bundle
  ARGOCD_AUTH_TOKEN=... drift apps --argocd-server https://argocd.example.com")]
pub(crate) struct AppsArgs {
    #[command(flatten)]
    pub(crate) estate: EstateArgs,

    /// Only the apps that lie in this namespace, or declare something in it.
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// The apps of all namespaces. This is the default.
    #[arg(short = 'A', long, help_heading = "Resources")]
    pub(crate) all_namespaces: bool,

    /// Output format; json and yaml print an AppsReport (see apps-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules of the engines and your own exceptions, with what each of them hides.
    List(RulesListArgs),
    /// List rules that are broken, expired, or hide nothing.
    Check(RulesListArgs),
    /// Show what a file of exceptions would hide now, and would have hidden in recorded history.
    Try(RulesTryArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RulesListArgs {
    #[command(flatten)]
    pub(crate) estate: EstateArgs,

    /// Output format; json and yaml print a RulesReport (see rules-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
pub(crate) struct RulesTryArgs {
    /// File of exceptions to try.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) list: RulesListArgs,
}
