//! Arguments of the commands about what engines declare.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

use super::{ClusterArgs, DataFormat, RecordedArgs};
use crate::moment::Moment;

/// The API server of Argo CD.
#[derive(Args, Debug, Default)]
pub(crate) struct ArgoArgs {
    /// Argo CD's server, such as `https://argocd.example.com`: says what Applications declare whose repositories no --git
    /// names. Its answer is of now. The token of an account that may get applications is in $ARGOCD_AUTH_TOKEN.
    #[arg(
        id = "argocd_server",
        long = "argocd-server",
        value_name = "URL",
        conflicts_with = "at",
        help_heading = "What to look at"
    )]
    pub(crate) server: Option<String>,

    /// File with the token, in place of $ARGOCD_AUTH_TOKEN.
    #[arg(
        long = "argocd-token-file",
        value_name = "FILE",
        requires = "argocd_server",
        help_heading = "What to look at"
    )]
    pub(crate) token_file: Option<PathBuf>,

    /// PEM file of the authorities that may sign the certificate of Argo CD's server; the system's without it.
    #[arg(
        long = "argocd-ca-file",
        value_name = "FILE",
        requires = "argocd_server",
        help_heading = "What to look at"
    )]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What engines declare, and where: the same for every command about it.
#[derive(Args, Debug)]
pub(crate) struct EstateArgs {
    /// What is live: a dump (`kubectl get -o json`) or a tape; plain, gzip or zstd. The cluster without it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "tape", "context"], help_heading = "What to look at")]
    pub(crate) live: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// How it was then: a time (RFC 3339) or a position (@N, from `drift timeline`); for tapes and stores.
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// Git repository or bundle, with the URL that the engines know it by in front: URL=REPO. Repeatable; a repository
    /// without a URL stands for any.
    #[arg(long, value_name = "[URL=]REPO", action = ArgAction::Append, help_heading = "What to look at")]
    pub(crate) git: Vec<String>,

    #[command(flatten)]
    pub(crate) argocd: ArgoArgs,

    /// Folder of OpenAPI v3 documents of the cluster (*.json, *.json.gz); schemas of built-in kinds come along.
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,

    /// File of own exceptions.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

impl EstateArgs {
    /// Puts together what is asked for.
    pub(crate) fn request(&self) -> crate::gitops::Request<'_> {
        crate::gitops::Request {
            live: self.live.as_deref(),
            recorded: &self.recorded,
            cluster: &self.cluster,
            at: self.at,
            git: &self.git,
            argocd: &self.argocd,
            audit: None,
            schemas: self.schemas.as_deref(),
            rules: self.rules.as_deref(),
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift apps                                          of the current cluster
  drift apps --live shop.tape.gz --git https://git.example.com/shop.git=shop.bundle
  ARGOCD_AUTH_TOKEN=... drift apps --argocd-server https://argocd.example.com")]
pub(crate) struct AppsArgs {
    #[command(flatten)]
    pub(crate) estate: EstateArgs,

    /// How to print it; json and yaml are one AppsReport.
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
    /// Lists the rules of engines and own exceptions, and what each hides.
    List(RulesListArgs),
    /// Says which rules are broken, expired, or hide nothing.
    Check(RulesListArgs),
    /// Says what a file of exceptions would hide now, and over recorded history would have hidden, when, and what not.
    Try(RulesTryArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RulesListArgs {
    #[command(flatten)]
    pub(crate) estate: EstateArgs,

    /// How to print it; json and yaml are one RulesReport.
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
