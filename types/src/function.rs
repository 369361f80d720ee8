//! Every built-in function, operator and aggregate, with its signatures.
//!
//! One table per kind: the binder resolves names and overloads here, the virtual machine maps each
//! [`Func`] to a kernel, documentation and completion list it. To add a function: a row here, a kernel in
//! the virtual machine, `.slt` cases.
//! Invariant: a name and argument types select at most one best signature.

use crate::data_type::DataType;

/// A type in a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each names the SQL type it stands for")]
pub enum Ty {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// NUMERIC of any precision; as a result it keeps its own scale.
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Jsonb,
    TextList,
    Int8List,
    /// Any type, each argument its own.
    Any,
    /// One common type for all arguments marked so; as a result, that type.
    Element,
    /// An array of `Element`.
    ElementList,
}

/// When a function may be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    /// Same arguments, same result.
    Immutable,
    /// Refused in views.
    Volatile,
}

/// One way to call a function or operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// What runs.
    pub func: Func,
    /// SQL name; operators have none and are found by [`Func`].
    pub name: &'static str,
    /// Argument types.
    pub args: &'static [Ty],
    /// The last argument may be repeated (any number of times, at least as often as listed).
    pub variadic: bool,
    /// Result type.
    pub ret: Ty,
    /// NULL in any argument gives NULL without a call.
    pub strict: bool,
    /// Whether it may fail for some row (overflow, bad value).
    pub fallible: bool,
    /// When it may be evaluated.
    pub volatility: Volatility,
}

/// A built-in scalar function or operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the signature table documents each")]
pub enum Func {
    // Arithmetic: Int2, Int4, Int8, Float4, Float8, Numeric; date and time forms by argument types.
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Neg,
    // Comparison of two values of one type, NULL if either is NULL.
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    /// Never NULL; NULLs are equal.
    IsDistinct,
    /// Never NULL; NULLs are equal.
    IsNotDistinct,
    // Text.
    Concat,
    Like,
    ILike,
    RegexMatch,
    RegexIMatch,
}

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

impl Ty {
    /// The data type it stands for; `None` for the polymorphic ones.
    pub fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::Bool => DataType::Bool,
            Self::Int2 => DataType::Int2,
            Self::Int4 => DataType::Int4,
            Self::Int8 => DataType::Int8,
            Self::Float4 => DataType::Float4,
            Self::Float8 => DataType::Float8,
            Self::Numeric => DataType::Numeric(None),
            Self::Text => DataType::Text,
            Self::Bytea => DataType::Bytea,
            Self::Date => DataType::Date,
            Self::Time => DataType::Time,
            Self::Timestamp => DataType::Timestamp,
            Self::TimestampTz => DataType::TimestampTz,
            Self::Interval => DataType::Interval,
            Self::Uuid => DataType::Uuid,
            Self::Jsonb => DataType::Jsonb,
            Self::TextList => DataType::List(Box::new(DataType::Text)),
            Self::Int8List => DataType::List(Box::new(DataType::Int8)),
            Self::Any | Self::Element | Self::ElementList => return None,
        })
    }
}
