//! drift-sinks
