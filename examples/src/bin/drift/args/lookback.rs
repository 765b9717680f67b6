//! Arguments of the commands that look back: what was, and who set it.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::{DataFormat, FilterArgs, RecordedArgs, kind};
use crate::kinds::{KeyName, KindName};
use crate::moment::Moment;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift timeline --store /var/lib/drift -n shop --since 2026-11-21T10:00:00Z
  drift timeline --tape shop.tape.gz deploy/web cm/web-config
  drift timeline --tape shop.tape.gz --manager 'kubectl*' -o json")]
pub(crate) struct TimelineArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) scope: FilterArgs,

    /// Only these kinds, as kubectl names them: deploy, configmaps, Widget.example.com; several with commas.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind, help_heading = "Resources")]
    pub(crate) kind: Vec<KindName>,

    /// Only changes by these field managers; `*` stands for any text; several with commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) manager: Vec<String>,

    /// From then on: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,

    /// Up to then: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN", visible_alias = "at")]
    pub(crate) until: Option<Moment>,

    /// Also changes of nothing but status, and of Events, Leases and the like.
    #[arg(long)]
    pub(crate) all: bool,

    /// How to print it; json and yaml are one Timeline, see timeline.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift show deploy/web -n shop --store /var/lib/drift --at 2026-11-21T10:50:00Z
  drift show Deployment.apps/shop/web --tape shop.tape.gz --at @120 -o json")]
pub(crate) struct ShowArgs {
    /// The resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: KeyName,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Namespace of a name given without one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How it was then: a time (RFC 3339) or a position (@N); the newest without it.
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml", help_heading = "Output")]
    pub(crate) output: ObjectFormat,

    /// Also metadata.managedFields.
    #[arg(long, help_heading = "Output")]
    pub(crate) show_managed_fields: bool,
}

/// How an object is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    Yaml,
    Json,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift history deploy/web -n shop --store /var/lib/drift
  drift history cm/web-config -n shop --tape shop.tape.gz --side-by-side")]
pub(crate) struct HistoryArgs {
    /// The resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: KeyName,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Namespace of a name given without one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// From then on: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,

    /// Up to then: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN", visible_alias = "at")]
    pub(crate) until: Option<Moment>,

    /// Also versions in which nothing but status changed.
    #[arg(long)]
    pub(crate) all: bool,

    /// Each version beside the one before it.
    #[arg(long, help_heading = "Output")]
    pub(crate) side_by_side: bool,

    /// How to print it; json and yaml are one History, see history.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift blame deploy/web -n shop --store /var/lib/drift
  drift blame deploy/web spec.replicas --tape shop.tape.gz --audit audit.jsonl.gz
  drift blame Deployment.apps/shop/web --tape shop.tape.gz --git https://git.example.com/shop.git=shop.bundle")]
pub(crate) struct BlameArgs {
    /// The resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<KeyName>,

    /// Only this field and what is below it, such as spec.template.spec.containers[name=web].image.
    #[arg(value_name = "PATH", requires = "key")]
    pub(crate) field: Option<String>,

    /// The resource, as an option.
    #[arg(long, value_name = "KEY", conflicts_with = "key")]
    pub(crate) resource: Option<KeyName>,

    /// The field, as an option.
    #[arg(long, value_name = "PATH", conflicts_with = "field")]
    pub(crate) path: Option<String>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// How it was then: a time (RFC 3339) or a position (@N); the newest without it.
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// The API server's audit log, plain, gzip or zstd: names the users.
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    pub(crate) audit: Option<PathBuf>,

    /// A repository that engines read, by the URL that they know it by: a folder, a bundle or another URL. Repeatable.
    #[arg(long, value_name = "URL=PLACE", action = ArgAction::Append, help_heading = "What to look at")]
    pub(crate) git: Vec<String>,

    /// Namespace of a name given without one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// How to print it; json and yaml are one BlameReport, see blame-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift fights --store /var/lib/drift
  drift fights deploy/web --tape shop.tape.gz --audit audit.jsonl.gz -o json")]
pub(crate) struct FightsArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Only up to then: a time (RFC 3339) or a position (@N).
    #[arg(long, value_name = "WHEN", help_heading = "What to look at")]
    pub(crate) at: Option<Moment>,

    /// The API server's audit log, plain, gzip or zstd: names the users.
    #[arg(long, value_name = "FILE", help_heading = "What to look at")]
    pub(crate) audit: Option<PathBuf>,

    /// Only this namespace.
    #[arg(short, long, value_name = "NAME", help_heading = "Resources")]
    pub(crate) namespace: Option<String>,

    /// How to print it; json and yaml are one FightReport, see fight-report.v1.schema.json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}
