//! drift-benches
