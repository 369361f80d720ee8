//! Random queries and random inputs over three fixed relations.
//!
//! [`query`] writes SQL that the engine should accept and the oracle can evaluate; [`input`] writes
//! commits of inserts, updates and deletes and keeps its own picture of what the relations hold.
//! Invariant: the same seed gives the same text and the same commits.

pub mod input;
pub mod query;

/// The relations that queries read: two tables that are changed, one stream that only grows.
pub const SCHEMA: &str = "
CREATE TABLE t (id INT PRIMARY KEY, a INT, b BIGINT, s TEXT, f BOOLEAN);
CREATE TABLE u (id INT PRIMARY KEY, a INT, c BIGINT, s TEXT, d NUMERIC(8,2));
CREATE STREAM e (k INT, v BIGINT, s TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
";

/// A column's type, as far as the generator needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    /// INTEGER.
    Int,
    /// BIGINT.
    Big,
    /// NUMERIC.
    Numeric,
    /// TEXT.
    Text,
    /// BOOLEAN.
    Bool,
    /// TIMESTAMP.
    Time,
}

/// The relations with their columns, in order.
pub const RELATIONS: &[(&str, &[(&str, Ty)])] = &[
    ("t", &[("id", Ty::Int), ("a", Ty::Int), ("b", Ty::Big), ("s", Ty::Text), ("f", Ty::Bool)]),
    ("u", &[("id", Ty::Int), ("a", Ty::Int), ("c", Ty::Big), ("s", Ty::Text), ("d", Ty::Numeric)]),
    ("e", &[("k", Ty::Int), ("v", Ty::Big), ("s", Ty::Text), ("ts", Ty::Time)]),
];
