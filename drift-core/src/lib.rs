//! Model and judgements of `drift`: what changed in a cluster, who did it, and why is it broken.
//!
//! This crate does no IO, starts no thread and reads no clock: time is an argument, and the same log gives the same
//! bytes. Sources of observations live in `drift-sources`, stores and reports in `drift-sinks`.

mod key;
mod object;
mod path;
pub mod schema;

pub use key::{Cursor, KeyError, ResourceKey, ResourceVersion, SourceRevision, Uid};
pub use object::{
    BuildError, Children, DecodeError, Doc, DocBuilder, Kind, Node, Object, ObjectError, PackError, Packed,
    Packer,
};
pub use path::{FieldPath, PathElement, PathError, Scalar};
