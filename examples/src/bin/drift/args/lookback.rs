//! Arguments of the commands about recorded history.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use drift_core::{KindName, ResourceName, Until};

use super::{DataFormat, FilterArgs, InputArgs, RecordedArgs, RenderArgs, kind};
use crate::clock::read_moment;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift timeline --store /var/lib/drift -n shop --since 2026-11-21T10:00:00Z
  drift timeline --tape shop.tape.gz deploy/web cm/web-config
  drift timeline --tape shop.tape.gz --manager 'kubectl*' -o json")]
pub(crate) struct TimelineArgs {
    /// Only these resources, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<ResourceName>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    #[command(flatten)]
    pub(crate) scope: FilterArgs,

    /// Only these kinds, comma-separated, as in kubectl: deploy, configmaps, Widget.example.com.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind, help_heading = "Resources")]
    pub(crate) kind: Vec<KindName>,

    /// Only changes by these field managers, comma-separated; `*` matches any text.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) manager: Vec<String>,

    /// Audit log of the API server (plain, gzip or zstd), to name the users.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) audit: Option<PathBuf>,

    /// Only from this time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N) on.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true)]
    pub(crate) since: Option<Until>,

    /// Only up to this time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N).
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, visible_alias = "at")]
    pub(crate) until: Option<Until>,

    /// Also list changes of status only, and of Events, Leases and the like.
    #[arg(long)]
    pub(crate) all: bool,

    /// Output format; json and yaml print a Timeline (see timeline.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift show deploy/web -n shop --store /var/lib/drift --at 2026-11-21T10:50:00Z
  drift show Deployment.apps/shop/web --tape shop.tape.gz --at @120 -o json")]
pub(crate) struct ShowArgs {
    /// Resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: ResourceName,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Namespace of KEY, if KEY does not name one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N). Defaults to the end of the record.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml", help_heading = "Output")]
    pub(crate) output: ObjectFormat,

    /// Also print metadata.managedFields.
    #[arg(long, help_heading = "Output")]
    pub(crate) show_managed_fields: bool,
}

/// Output format of an object.
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
    /// Resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: ResourceName,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Namespace of KEY, if KEY does not name one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Audit log of the API server (plain, gzip or zstd), to name the users.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) audit: Option<PathBuf>,

    /// Only from this time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N) on.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true)]
    pub(crate) since: Option<Until>,

    /// Only up to this time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N).
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, visible_alias = "at")]
    pub(crate) until: Option<Until>,

    /// Also list versions in which only status changed.
    #[arg(long)]
    pub(crate) all: bool,

    /// Show each version side by side with the one before.
    #[arg(long, help_heading = "Output")]
    pub(crate) side_by_side: bool,

    /// Output format; json and yaml print a History (see history.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  drift blame deploy/web -n shop                      by what the object says of itself
  drift blame deploy/web -n shop --store /var/lib/drift
  drift blame deploy/web spec.replicas --tape shop.tape.gz --audit audit.jsonl.gz
  drift blame Deployment.apps/shop/web --tape shop.tape.gz --git https://git.example.com/shop.git=shop.bundle")]
pub(crate) struct BlameArgs {
    /// Resource, such as deploy/web or Deployment.apps/shop/web.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<ResourceName>,

    /// Only this field and those below it, such as spec.template.spec.containers[name=web].image.
    #[arg(value_name = "PATH", requires = "key")]
    pub(crate) field: Option<String>,

    /// The resource, as an option.
    #[arg(long, value_name = "KEY", conflicts_with = "key")]
    pub(crate) resource: Option<ResourceName>,

    /// The field, as an option.
    #[arg(long, value_name = "PATH", conflicts_with = "field")]
    pub(crate) path: Option<String>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Use the state as of a time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N). Defaults to the end of the record.
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Audit log of the API server (plain, gzip or zstd), to name the users.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) audit: Option<PathBuf>,

    /// Git repository that the engines read, as URL=PLACE with the URL that they use and a directory, bundle or URL to read
    /// it from. Repeatable.
    #[arg(long, value_name = "URL=PLACE", action = ArgAction::Append, help_heading = "Input")]
    pub(crate) git: Vec<String>,

    #[command(flatten)]
    pub(crate) render: RenderArgs,

    /// Namespace of KEY, if KEY does not name one.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Output format; json and yaml print a BlameReport (see blame-report.v1.schema.json).
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
    pub(crate) keys: Vec<ResourceName>,

    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,

    /// Only up to this time (10m, 18:29, 2026-11-21T10:50:00Z) or position (@N).
    #[arg(long, value_name = "WHEN", value_parser = read_moment, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) at: Option<Until>,

    /// Audit log of the API server (plain, gzip or zstd), to name the users.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) audit: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) scope: FilterArgs,

    /// Output format; json and yaml print a FightReport (see fight-report.v1.schema.json).
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: DataFormat,
}
