//! Joins of all kinds.
