//! drift-examples
