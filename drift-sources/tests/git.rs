//! The `git` source against repositories made by the real `git` program.
#![cfg(feature = "git")]

#[path = "git/blame.rs"]
mod blame;
#[path = "git/history.rs"]
mod history;
#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/open.rs"]
mod open;
#[path = "git/repository.rs"]
mod repository;
