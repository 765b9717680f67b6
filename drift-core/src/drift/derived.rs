//! What follows from other objects: live objects that nobody declares, and that a controller made for one that is there.
//!
//! Most of them say so by an owner reference. Many do not: the Secret that a Certificate names, the claim of a StatefulSet,
//! the credentials of a service account, what an operator makes that is to outlive its custom resource. Those are recognized
//! by evidence in both objects: one names the other, and the other carries a record of the controller, or was written by it.
//! A name alone proves nothing, and what a person made stays a person's.

mod author;
mod evidence;
mod index;
mod sources;
#[cfg(test)]
mod tests;

pub(super) use author::{ObjectAuthor, author_of, is_event};
pub(super) use evidence::is_custom;
pub(super) use index::{DerivedObjects, OriginIndex, OriginSide};
