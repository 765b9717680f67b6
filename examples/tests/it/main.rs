//! The binary from outside: what it prints, and how it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod application_sets;
mod bad_input;
mod blame;
mod causes;
mod commands;
mod declared;
mod demo;
mod exit_codes;
mod gitops;
mod health;
mod help;
mod jsonnet;
mod moment;
mod names;
mod rollouts;
mod run;
#[path = "../../../drift-sinks/schemas/check.rs"]
mod schema;
mod secrets;
mod signals;
mod times;
mod watch;
mod wording;
