//! The built-in aggregates and the names SQL gives them.
//!
//! Invariant: every name gives one aggregate; which argument types it takes is decided by the binder.

/// A built-in aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the SQL aggregate of its name")]
pub enum AggFunc {
    /// count(*): no argument.
    CountStar,
    Count,
    Sum,
    Avg,
    Min,
    Max,
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
    BoolAnd,
    BoolOr,
    FirstValue,
    LastValue,
    ArrayAgg,
    StringAgg,
    /// The argument of the only row; an error when there are more. Used for scalar subqueries.
    SingleValue,
}

impl AggFunc {
    /// The aggregate of this SQL name (lower case), if there is one.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "avg" | "mean" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "var_pop" => Self::VarPop,
            "var_samp" | "variance" => Self::VarSamp,
            "stddev_pop" => Self::StddevPop,
            "stddev_samp" | "stddev" => Self::StddevSamp,
            "bool_and" | "every" => Self::BoolAnd,
            "bool_or" => Self::BoolOr,
            "first_value" => Self::FirstValue,
            "last_value" => Self::LastValue,
            "array_agg" => Self::ArrayAgg,
            "string_agg" => Self::StringAgg,
            _ => return None,
        })
    }
}
