//! The binary from outside: what it prints, and how it ends.

mod bad_input;
mod commands;
mod demo;
mod help;
mod run;
#[path = "../../../drift-sinks/schemas/check.rs"]
mod schema;
