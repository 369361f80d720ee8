//! Every built-in function, operator and aggregate, with its signatures.
//!
//! One table per theme: the binder resolves names and overloads here, the virtual machine maps each
//! [`Func`] to a kernel, documentation and completion list it. To add a function: a row in
//! `func.rs`, a row in the table of its theme, a kernel in the virtual machine, `.slt` cases.
//! Invariant: a name and argument types select at most one best signature.

mod aggregate;
mod func;
mod table_json;
mod table_math;
mod table_nested;
mod table_operator;
mod table_text;
mod table_time;

#[cfg(test)]
mod tests;

pub use aggregate::AggFunc;
pub use func::Func;

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
    Int4List,
    Int8List,
    JsonbList,
    /// Any type, each argument its own.
    Any,
    /// A row type: of the arguments' types (`row_make`), or as an argument.
    Record,
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
    /// Depends on the epoch's time as well.
    Stable,
    /// Refused in views.
    Volatile,
}

/// One way to call a function or operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// What runs.
    pub func: Func,
    /// SQL name, lower case; of an operator its symbol.
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

/// A strict, immutable signature that cannot fail; the methods below say otherwise.
const fn sig(func: Func, name: &'static str, args: &'static [Ty], ret: Ty) -> Signature {
    let volatility = Volatility::Immutable;
    Signature { func, name, args, variadic: false, ret, strict: true, fallible: false, volatility }
}

impl Signature {
    /// It may fail for some row.
    const fn fails(mut self) -> Self {
        self.fallible = true;
        self
    }

    /// It sees NULL arguments.
    const fn sees_null(mut self) -> Self {
        self.strict = false;
        self
    }

    /// Its last argument repeats.
    const fn repeats(mut self) -> Self {
        self.variadic = true;
        self
    }

    /// It may be evaluated only once per statement, never in a view.
    const fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// It reads the epoch's time.
    const fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }

    /// Whether a call with this many arguments fits.
    pub fn takes(&self, n_args: usize) -> bool {
        if self.variadic { n_args >= self.args.len() } else { n_args == self.args.len() }
    }

    /// The type of the argument at this position (the last one repeats if variadic).
    pub fn arg(&self, position: usize) -> Option<Ty> {
        match self.args.get(position) {
            Some(ty) => Some(*ty),
            None if self.variadic => self.args.last().copied(),
            None => None,
        }
    }
}

/// Operators, found by symbol; functions that SQL's grammar calls without a name are here as well.
fn operators() -> impl Iterator<Item = &'static Signature> {
    table_operator::OPERATORS.iter()
}

/// Functions with a name, theme by theme.
fn functions() -> impl Iterator<Item = &'static Signature> {
    table_math::FUNCTIONS
        .iter()
        .chain(table_text::FUNCTIONS)
        .chain(table_time::FUNCTIONS)
        .chain(table_json::FUNCTIONS)
        .chain(table_nested::FUNCTIONS)
}

/// Every signature: operators, then functions.
pub fn signatures() -> impl Iterator<Item = &'static Signature> {
    operators().chain(functions())
}

/// The overloads of a function of this name (lower case). None: there is no such function.
pub fn signatures_by_name(name: &str) -> impl Iterator<Item = &'static Signature> {
    functions().filter(move |s| s.name == name)
}

/// The same as [`signatures_by_name`], under the word that overload resolution uses.
pub fn candidates(name: &str) -> impl Iterator<Item = &'static Signature> {
    signatures_by_name(name)
}

/// The overloads of an operator, given by any function that has its symbol: those of one argument
/// for a prefix operator, of two for an infix one. A signature's own `func` is what runs (`||` of
/// an array and an element is [`Func::ArrayAppend`]). For functions without a symbol: all
/// signatures of that function.
pub fn operator_signatures(func: Func) -> impl Iterator<Item = &'static Signature> {
    let symbol = func.symbol();
    let n_args = if matches!(func, Func::Neg | Func::BitNot | Func::Abs | Func::Sqrt | Func::Cbrt) {
        1
    } else {
        2
    };
    signatures().filter(move |s| match symbol {
        Some(symbol) => {
            s.name == symbol && s.args.len() == n_args || s.func == func && s.args.len() > 2
        }
        None => s.func == func,
    })
}

/// Names of all functions, each once, in table order: for completion and for `SHOW FUNCTIONS`.
pub fn function_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for signature in functions() {
        if !names.contains(&signature.name) {
            names.push(signature.name);
        }
    }
    names
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
            Self::Int4List => DataType::List(Box::new(DataType::Int4)),
            Self::Int8List => DataType::List(Box::new(DataType::Int8)),
            Self::JsonbList => DataType::List(Box::new(DataType::Jsonb)),
            Self::Any | Self::Record | Self::Element | Self::ElementList => return None,
        })
    }
}
