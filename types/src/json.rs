//! json forms of values.
