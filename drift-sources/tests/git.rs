//! The `git` source against repositories made by the real `git` program.
#![cfg(feature = "git")]

#[path = "git/blame.rs"]
mod blame;
#[path = "git/repository.rs"]
mod repository;
