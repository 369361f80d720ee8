//! text forms of values.
