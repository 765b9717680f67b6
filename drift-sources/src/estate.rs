//! What is looked at, as one value to ask: a cluster, a store, a tape or a dump, at a time, with Git, audit log and schemas.
//!
//! | I want to look at … | open it with |
//! |---|---|
//! | a tape that `drift record` wrote | [`Estate::tape`] |
//! | what `kubectl get -o json` printed | [`Estate::dump`] |
//! | a store that `drift watch` keeps, or one of my own | [`Estate::store`] |
//! | the cluster as it is now | `Estate::cluster` (feature `kubernetes`) |
//!
//! | I want to know … | ask |
//! |---|---|
//! | what differs from what is declared, and who did it | [`Estate::diff`] |
//! | which change broke this resource | [`Estate::why`] |
//! | what is broken at all, by root | [`Estate::incidents`] |
//! | who set each field, through what, from which commit | [`Estate::blame`] |
//! | who overwrites whom | [`Estate::fights`] |
//! | how resources are doing, and since when | [`Estate::health`] |
//! | how each Application, Kustomization and release is doing | [`Estate::apps`] |
//! | what depends on what | [`Estate::graph`] |
//! | what happened | [`Estate::timeline`] |
//!
//! Questions are async, since stores and clusters are, and return core's own results. [`EstateOptions::open_blocking`] gives a
//! [`BlockingEstate`], which asks the same of files and stores without a runtime. What a question needs is read when it is first
//! asked and used by the next one; [`Estate::cause_index`] and [`Estate::declared_apps`] return it, for callers who go on
//! without IO.
//!
//! # Example
//!
//! Why is this Pod broken? `Cargo.toml` names `drift-core`, and `drift-sources` with the feature `estate`; nothing else is needed.
//!
//! ```no_run
//! use drift_sources::estate::Estate;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let estate = Estate::tape("incident.tape.gz").open_blocking()?;
//!     let why = estate.why(&"Pod/shop/web-0".parse()?)?;
//!     match why.causes.first().filter(|_| why.abstained_because.is_none()) {
//!         Some(cause) => println!("{} changed at {}", cause.root.key, cause.root.mark.at.time),
//!         None => println!("{}", why.abstained_because.unwrap_or_default()),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! With everything that is known besides, as of a moment:
//!
//! ```no_run
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! use drift_core::Until;
//! use drift_sources::estate::Estate;
//!
//! let estate = Estate::tape("incident.tape.gz")
//!     .at("2026-11-21T10:50:00Z".parse::<Until>()?)
//!     .audit("audit.jsonl.gz")
//!     .git("https://git.example.com/shop.git=shop.bundle")
//!     .open()
//!     .await?;
//! let key = estate.find(&"deploy/web".parse()?).await?;
//! for field in estate.blame(&key).await? {
//!     println!("{} by {:?} from {:?}", field.field.path, field.user, field.commit);
//! }
//! for note in estate.notes().texts() {
//!     eprintln!("note: {note}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **Invariant:** judges nothing itself: it opens, reads and joins, and the verdicts are core's. It knows no sink: a store is given
//! as `Arc<dyn EventStore>`.

mod apps;
#[cfg(feature = "argo-server")]
mod argocd;
mod attribution;
mod blocking;
mod blocking_estate;
mod cause_commits;
#[cfg(feature = "kubernetes")]
mod cluster;
mod commits;
mod comparison;
mod coverage;
mod desired;
mod error;
mod file;
mod grants;
mod health;
mod history;
mod idle_rules;
mod kustomizations;
mod live;
mod moment;
mod names;
mod opened;
mod options;
mod origins;
mod place;
mod prune;
mod questions;
mod rendered;
mod repositories;
mod rollouts;
mod rules;
mod schemas;
mod secrets;
mod users;
mod versions;
mod writers;

pub use apps::{AppComparison, AppliedRule, DeclaredApps};
pub use attribution::actor_text;
pub use blocking_estate::BlockingEstate;
pub use cause_commits::CauseCommits;
#[cfg(feature = "kubernetes")]
pub use cluster::{cluster_source, connect_cluster, learn_cluster};
pub use commits::CommitSource;
pub use comparison::{ComparedNamespaces, Comparison};
pub use coverage::HistoryUpkeep;
pub use desired::DesiredState;
pub use drift_core::coverage::InputNotes;
pub use error::{EstateError, SearchedInput};
pub use file::InputFile;
pub use grants::grant_commands;
pub use health::{HealthSnapshot, ResourceHealth, assess_documents};
pub use history::{RecordedHistory, play_tape, tape_key, tape_key_path};
pub use live::{ClusterScope, DefaultNamespace, LiveState};
pub use opened::{Estate, local_renderer};
pub use options::EstateOptions;
pub use place::{ChartPlace, DesiredPlace};
pub use questions::{AppOverview, AppsOverview, CauseSources, TimelineEntry};
pub use repositories::open_repositories;
pub use rollouts::AttributedRollout;
pub use rules::{read_edge_rules, read_exceptions, read_health_rules};
pub use schemas::gather_schemas;
pub use secrets::learn_tape;
pub use users::UserLog;
pub use writers::{AttributedField, AttributedFight, AttributedRevert, FieldContention, WriterHistory};
