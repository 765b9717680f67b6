//! A small HTTP receiver for what others post: events of the outside, batches of the audit log.
//!
//! It takes `POST`s up to a size, from senders that know a secret, and answers 202 once an observation is queued. TLS is for
//! what stands in front of it.
//!
//! **Invariant:** no body is looked at before its sender is known, and nothing of a body is in an answer or an error.

mod auth;
mod serve;

pub use auth::Auth;
pub use serve::{Decode, Posted, Receiver, ReceiverError, ReceiverOptions};
