//! A small HTTP receiver for CloudEvents, CDEvents and the audit log's webhook backend.
//!
//! It accepts `POST`s up to a size from senders that know a secret, and responds with 202 once an observation is queued or, if
//! asked to, [stored](Acceptance::Confirmed). Connections that send slowly or nothing give their places to new ones. TLS is left
//! to a proxy.
//!
//! **Invariant:** no body is read before its sender is authenticated, and no response or error contains a part of a body.
//!
//! ```no_run
//! # async fn listen() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use drift_core::Source;
//! use drift_sources::receiver::{PostDecoder, Receiver, ReceiverOptions, SenderAuth};
//! use futures::StreamExt;
//!
//! // Usually the `webhook_decoder` of `audit` or of an `EventDecoder`.
//! let decoder: PostDecoder = Arc::new(|posted| Err(format!("nothing is read at {}", posted.path)));
//! let auth = SenderAuth::Token("0123456789abcdef".into());
//! let receiver = Receiver::bind("127.0.0.1:8080".parse()?, auth, decoder, ReceiverOptions::default()).await?;
//! while let Some(observation) = receiver.observe(None).next().await {
//!     println!("{:?}", observation?);
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod auth;
mod places;
mod serve;

pub use auth::SenderAuth;
pub use serve::{
    Acceptance, MIN_SECRET, PostDecoder, PostedRequest, Receiver, ReceiverError, ReceiverOptions, Sender,
};
