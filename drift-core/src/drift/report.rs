//! What a comparison of declared and live says.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::coverage::Coverage;
use crate::k8s::annotations::{BookkeepingKind, bookkeeping_at};
use crate::k8s::managers::is_by_hand;
use crate::key::{ResourceKey, SourceRevision};
use crate::ownership::{Operation, OwnerEntry};
use crate::path::FieldPath;

/// How a resource as a whole stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Status {
    /// Nothing that counts differs.
    InSync,
    /// Some field differs.
    Drifted,
    /// Declared, not live.
    Missing,
    /// Live, in scope, not declared by anybody.
    Extra,
    /// Could not be compared; a note says why.
    Unknown,
}

/// What was done to a field, relative to what is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldOp {
    /// Live, not declared.
    Add,
    /// Declared, not live.
    Remove,
    /// Declared and live differ.
    Replace,
}

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum DriftClass {
    /// A declared field was changed.
    Changed,
    /// A field was added that is not declared.
    Added,
    /// A declared field was removed.
    Removed,
    /// The declaration moved on, the cluster has not followed yet.
    PendingSync,
    /// The declaration no longer has the field, the applier has not removed it yet.
    PendingRemoval,
    /// A declared field was changed by admission while it was applied.
    Mutated,
    /// A controller holds the field, and it is one of its own: no drift.
    Managed,
    /// An ignore rule hides it: no drift.
    Ignored,
}

impl DriftClass {
    /// Returns `true` if a change of this class makes its resource drifted.
    pub fn counts(self) -> bool {
        !matches!(self, Self::Managed | Self::Ignored)
    }
}

/// Where a difference comes from, in the operator's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum DriftCause {
    /// A person changed it by hand.
    ManualChange,
    /// Another tool or controller changed it.
    AutomationInconsistency,
    /// The platform filled or changed it.
    ProviderVariation,
    /// What is declared cannot be what is meant, or was applied wrongly.
    MisconfiguredDeployment,
    /// A rollout has not come to its end.
    IncompleteRollout,
    /// An image is not the declared one.
    OutdatedImage,
    /// The declaration moved on, the cluster has not followed yet.
    PendingSync,
    /// Admission changed it.
    AdmissionMutation,
    /// Nothing says.
    Unknown,
}

/// The row of the table in the documentation of [`crate::drift`] that gave a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum VerdictRow {
    /// Declared and live, different; the applier owns the live value and it is what was applied last.
    DifferentAsApplied,
    /// Declared and live, different; somebody else owns the live value.
    DifferentByOther,
    /// Declared and live, different; the applier owns it although it applied something else.
    DifferentByAdmission,
    /// Declared, not live.
    DeclaredOnly,
    /// Live, not declared, once applied by the applier.
    OnceApplied,
    /// Live, not declared, owned by somebody else.
    AddedByOther,
    /// Live, not declared, and no owner, but no default explains it.
    AddedByNobody,
    /// Live, not declared; the value that is there by default was changed.
    DefaultChanged,
    /// A controller in a field that is known to be its own.
    ControllersOwn,
    /// A mark in which whoever deployed noted what was deployed.
    DeploymentRecord,
}

impl VerdictRow {
    /// Returns one sentence that explains the verdict.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::DifferentAsApplied => {
                "declared and live differ, and live is what was applied last: the declaration moved on"
            }
            Self::DifferentByOther => {
                "declared and live differ, and somebody other than the applier wrote the live value"
            }
            Self::DifferentByAdmission => {
                "declared and live differ although the applier wrote it: it was changed on the way in"
            }
            Self::DeclaredOnly => "declared, but not live: somebody removed it, or it never arrived",
            Self::OnceApplied => "live, not declared any more, and the applier once applied it",
            Self::AddedByOther => "live, not declared, and written by somebody other than the applier",
            Self::AddedByNobody => {
                "live, not declared, without an owner, and no default of the API server explains it"
            }
            Self::DefaultChanged => "not declared, and live differs from the value that is there by default",
            Self::ControllersOwn => "a controller wrote it, in a field that is known to be its own",
            Self::DeploymentRecord => {
                "a record of the deployment, written with it: it names the moment, the commit, or stands beside what does"
            }
        }
    }
}

/// Who owns a live field by `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Field manager.
    pub manager: Arc<str>,
    /// How it wrote.
    pub operation: Operation,
    /// Through which subresource, empty for the object itself.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub subresource: Arc<str>,
    /// When, in whole seconds; `scale` entries have none.
    pub time: Option<Timestamp>,
}

impl Owner {
    pub(super) fn of(entry: &OwnerEntry<'_>) -> Self {
        Self {
            manager: entry.shared_manager(),
            operation: entry.operation,
            subresource: entry.subresource.into(),
            time: entry.time(),
        }
    }
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftChange {
    /// Where.
    pub path: FieldPath,
    /// What was done.
    pub op: FieldOp,
    /// What kind of difference.
    pub class: DriftClass,
    /// Where it comes from.
    pub cause: DriftCause,
    /// Declared value; secrets are redacted.
    pub desired: Option<Value>,
    /// Live value; secrets are redacted.
    pub live: Option<Value>,
    /// The value that is there by default, where somebody changed it.
    pub default: Option<Value>,
    /// Owner of the live field; of several the one that wrote last. Of a removed field who removed it, as far as history or the
    /// audit log show that; an object alone does not.
    pub owner: Option<Owner>,
    /// When a removed field went away, where history or the audit log show it.
    pub removed_at: Option<Timestamp>,
    /// A time after which a removed field went away: what applies wrote it then.
    pub removed_after: Option<Timestamp>,
    /// User behind the change, where an audit source saw it.
    pub user: Option<Arc<str>>,
    /// Which row of the table fired.
    pub row: VerdictRow,
    /// The ignore rule that hides it, if one does.
    pub rule: Option<Arc<str>>,
    /// Line of the declaring file, if the field or its parent stands in one.
    pub line: Option<u32>,
    /// The commit behind a change that waits for the cluster: the one that last changed this field's declaration.
    pub commit: Option<Arc<CommitRef>>,
}

/// A commit, as reports name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CommitRef {
    /// Its full id.
    pub id: Arc<str>,
    /// Who wrote it, `Name <address>`.
    pub author: Arc<str>,
    /// The first paragraph of its message.
    pub message: Arc<str>,
}

impl DriftChange {
    /// Returns `true` if the change waits for the cluster to follow its declaration.
    pub fn is_pending(&self) -> bool {
        matches!(self.class, DriftClass::PendingSync | DriftClass::PendingRemoval)
    }

    /// Names who removed a field and when; who did it may be unknown although the time is known.
    pub fn set_remover(&mut self, remover: Option<Owner>, at: Timestamp) {
        if self.class == DriftClass::Removed
            && let Some(remover) = &remover
        {
            self.cause = match is_by_hand(&remover.manager) {
                true => DriftCause::ManualChange,
                false => DriftCause::AutomationInconsistency,
            };
        }
        self.owner = remover.map(|o| Owner { time: o.time.or(Some(at)), ..o });
        self.removed_at = Some(at);
    }

    /// Returns when the change was made, as far as that is known.
    pub fn time(&self) -> Option<Timestamp> {
        self.removed_at.or_else(|| self.owner.as_ref()?.time)
    }

    /// Returns `true` if the field is one in which an engine or a controller keeps records of its own.
    ///
    /// What a person writes there is an edit, but for a request to a controller, which is made that way.
    pub(crate) fn is_bookkeeping(&self) -> bool {
        let by_hand = self.owner.as_ref().is_some_and(|o| is_by_hand(&o.manager));
        let is_bookkeeping = |path: &FieldPath| {
            bookkeeping_at(path).is_some_and(|kind| !by_hand || kind == BookkeepingKind::Request)
        };
        // All labels or annotations at once, and nothing but bookkeeping in them.
        let all = |v: &Value| {
            let map = v.as_object().filter(|m| self.path.len() == 2 && !m.is_empty());
            map.is_some_and(|m| m.keys().all(|k| is_bookkeeping(&self.path.child(k.as_str()))))
        };
        is_bookkeeping(&self.path) || self.desired.iter().chain(&self.live).all(all)
    }
}

/// What a verdict on a resource rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum Basis {
    /// Schema of the kind and managedFields.
    SchemaAndOwnership,
    /// Schema of the kind; the object carries no managedFields.
    Schema,
    /// managedFields, but no schema of the kind: lists are compared as wholes.
    Ownership,
    /// Neither: a plain structural comparison.
    Structure,
}

/// Where a desired object is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// File, relative to the root of what was read.
    pub file: Arc<str>,
    /// Line on which the object begins, from 1.
    pub line: u32,
    /// Commit, where it comes from Git.
    pub revision: Option<SourceRevision>,
}

/// How one resource stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceDrift {
    /// Which resource.
    pub key: ResourceKey,
    /// How it stands as a whole.
    pub status: Status,
    /// What differs, sorted by path.
    pub changes: Vec<DriftChange>,
    /// What the verdict rests on.
    pub basis: Basis,
    /// Field manager that applies what is declared, as found in the object.
    pub applier: Option<Arc<str>>,
    /// Where it is declared.
    pub declared: Option<Declaration>,
    /// Who created it, for one that nobody declares.
    pub creator: Option<Owner>,
    /// What a reader should know besides: why it could not be compared, what was left out.
    pub notes: Vec<String>,
    /// The Application, Kustomization or release that declares it; `None` for manifests that were named by hand.
    pub app: Option<ResourceKey>,
    /// Of a whole missing or extra resource, why it is so, where that is known.
    pub class: Option<DriftClass>,
    /// The rule that hides or keeps the whole resource.
    pub rule: Option<Arc<str>>,
}

impl ResourceDrift {
    /// Makes the verdict of a resource that is as declared, to be filled in.
    pub fn in_sync(key: &ResourceKey) -> Self {
        Self {
            key: key.clone(),
            status: Status::InSync,
            changes: Vec::new(),
            basis: Basis::Structure,
            applier: None,
            declared: None,
            creator: None,
            notes: Vec::new(),
            app: None,
            class: None,
            rule: None,
        }
    }
}

/// Resources by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Declared resources that were compared.
    pub declared: usize,
    /// Resources in sync.
    pub in_sync: usize,
    /// Resources that drifted.
    pub drifted: usize,
    /// Declared, not live.
    pub missing: usize,
    /// Live, not declared.
    pub extra: usize,
    /// Could not be compared.
    pub unknown: usize,
    /// Fields that differ and count.
    pub changes: usize,
}

/// How all resources stand, sorted by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriftReport {
    /// Every resource that was looked at.
    pub resources: Vec<ResourceDrift>,
    /// What a reader should know of the whole, besides what could not be looked at.
    pub notes: Vec<String>,
    /// What could not be looked at.
    pub coverage: Coverage,
}

impl DriftReport {
    /// Returns `true` if everything that is declared was compared: nothing is [`Status::Unknown`], and nothing was left out.
    pub fn is_complete(&self) -> bool {
        self.coverage.is_complete() && self.resources.iter().all(|r| r.status != Status::Unknown)
    }

    /// Counts resources by status.
    pub fn summary(&self) -> Summary {
        let mut s = Summary::default();
        for r in &self.resources {
            let counter = match r.status {
                Status::InSync => &mut s.in_sync,
                Status::Drifted => &mut s.drifted,
                Status::Missing => &mut s.missing,
                Status::Extra => &mut s.extra,
                Status::Unknown => &mut s.unknown,
            };
            *counter += 1;
            s.declared += usize::from(r.status != Status::Extra);
            s.changes += r.changes.iter().filter(|c| c.class.counts()).count();
        }
        s
    }
}
