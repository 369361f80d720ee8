//! The built-in aggregates and the names SQL gives them.
//!
//! Invariant: every name gives one aggregate; which argument types it takes is decided by the
//! binder.

macro_rules! aggregates {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// A built-in aggregate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "each is the SQL aggregate of its name")]
        pub enum AggFunc { $($(#[$doc])* $variant,)* }

        impl AggFunc {
            /// Every aggregate, in declaration order.
            pub const ALL: &'static [AggFunc] = &[$(AggFunc::$variant,)*];

            /// Its unique name, lower case, as bytecode text prints it.
            pub const fn name(self) -> &'static str {
                match self { $(AggFunc::$variant => $name,)* }
            }
        }
    };
}

aggregates! {
    /// count(*): no argument.
    CountStar "count_star";
    Count "count";
    Sum "sum";
    Avg "avg";
    Min "min";
    Max "max";
    VarPop "var_pop";
    VarSamp "var_samp";
    StddevPop "stddev_pop";
    StddevSamp "stddev_samp";
    BoolAnd "bool_and";
    BoolOr "bool_or";
    FirstValue "first_value";
    LastValue "last_value";
    ArrayAgg "array_agg";
    StringAgg "string_agg";
    /// The argument of the only row; an error when there are more. Used for scalar subqueries.
    SingleValue "single_value";
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
