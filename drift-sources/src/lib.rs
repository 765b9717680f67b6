//! drift-sources
