//! The `git` source against repositories made by the real `git` program.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod blame;
mod history;
mod hostile;
mod open;
pub(crate) mod repository;
mod source;
