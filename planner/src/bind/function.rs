//! Overload resolution: which signature a call means.
//!
//! PostgreSQL's steps, over the signature table: an exact match; else the candidates that implicit
//! casts reach, of these the ones with most exact arguments, then with most preferred types, then
//! what untyped literals suggest.
//! Invariant: the arguments of a call made here have the types of its signature.

use std::sync::Arc;

use arena_tr_parser::Span;
use arena_tr_types::function::{self, Signature, Ty, Volatility};
use arena_tr_types::{DataType, Field, Func, SqlState};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;
use super::coerce::{
    Category, category, common_type, is_implicit, is_preferred, same_base, type_name,
};

/// A signature with its polymorphic types decided.
#[derive(Debug, Clone)]
struct Candidate {
    signature: &'static Signature,
    args: Vec<DataType>,
    element: DataType,
}

impl Candidate {
    /// What `signature` means for these argument types, if implicit casts lead there.
    fn new(signature: &'static Signature, actual: &[DataType]) -> Option<Self> {
        if !signature.takes(actual.len()) {
            return None;
        }
        let formal: Vec<Ty> = (0..actual.len()).map(|i| signature.arg(i)).collect::<Option<_>>()?;
        let element = element_type(&formal, actual)?;
        let mut args = Vec::with_capacity(actual.len());
        for (ty, actual) in formal.iter().zip(actual) {
            let target = match ty {
                Ty::Any if *actual == DataType::Unknown => DataType::Text,
                Ty::Any => actual.clone(),
                Ty::Record => match actual {
                    DataType::Struct(_) => actual.clone(),
                    _ => return None,
                },
                Ty::Element => element.clone(),
                Ty::ElementList => DataType::List(Box::new(element.clone())),
                concrete => concrete.data_type()?,
            };
            if !is_implicit(actual, &target) {
                return None;
            }
            args.push(target);
        }
        Some(Self { signature, args, element })
    }

    /// How many arguments have exactly their type; a signature that takes anything is no exact
    /// match.
    fn exact(&self, actual: &[DataType]) -> usize {
        let exact = |i: &usize| {
            self.signature.arg(*i) != Some(Ty::Any) && is_exact(&self.args[*i], &actual[*i])
        };
        (0..actual.len()).filter(exact).count()
    }

    /// How many arguments the signature gives a type of its own.
    fn concrete(&self) -> usize {
        (0..self.args.len()).filter(|i| self.signature.arg(*i) != Some(Ty::Any)).count()
    }

    /// How many arguments have exactly their type or get a preferred one.
    fn preferred(&self, actual: &[DataType]) -> usize {
        self.args.iter().zip(actual).filter(|(a, b)| is_exact(a, b) || is_preferred(a)).count()
    }

    /// The type of the result.
    fn ret(&self) -> Option<DataType> {
        Some(match self.signature.ret {
            Ty::Element => self.element.clone(),
            Ty::ElementList => DataType::List(Box::new(self.element.clone())),
            Ty::Record => row_type(&self.args),
            Ty::Any => return None,
            concrete => concrete.data_type()?,
        })
    }
}

/// Text types count as one: TEXT takes them all without conversion of meaning.
fn is_exact(formal: &DataType, actual: &DataType) -> bool {
    same_base(formal, actual) || formal.is_text() && actual.is_text()
}

/// The type of ROW(...) over these types.
pub(crate) fn row_type(types: &[DataType]) -> DataType {
    let field = |(i, ty): (usize, &DataType)| Field::new(format!("f{}", i + 1), ty.clone(), true);
    DataType::Struct(types.iter().enumerate().map(field).collect::<Arc<[Field]>>())
}

/// The one type behind all `Element` and `ElementList` arguments.
fn element_type(formal: &[Ty], actual: &[DataType]) -> Option<DataType> {
    let mut types = Vec::new();
    for (ty, actual) in formal.iter().zip(actual) {
        match (ty, actual) {
            (Ty::Element, t) => types.push(t),
            (Ty::ElementList, DataType::List(t)) => types.push(&**t),
            (Ty::ElementList, DataType::Unknown) => {}
            (Ty::ElementList, _) => return None,
            _ => {}
        }
    }
    common_type(types).ok()
}

/// What resolution found.
enum Choice {
    One(Candidate),
    None,
    Many,
}

/// PostgreSQL's selection among overloads. `infix`: an untyped operand is first taken to be of the
/// other's type.
fn choose(
    signatures: impl Iterator<Item = &'static Signature>,
    actual: &[DataType],
    infix: bool,
) -> Choice {
    let mut candidates: Vec<Candidate> =
        signatures.filter_map(|s| Candidate::new(s, actual)).collect();
    if infix && let [a, b] = actual {
        let other = if *a == DataType::Unknown { b } else { a };
        let assumed = [other.clone(), other.clone()];
        let fits = |c: &&Candidate| c.args.iter().zip(&assumed).all(|(f, a)| is_exact(f, a));
        if (*a == DataType::Unknown) != (*b == DataType::Unknown)
            && let Some(found) = candidates.iter().find(fits)
        {
            return Choice::One(found.clone());
        }
    }
    keep_best(&mut candidates, |c| c.exact(actual));
    keep_best(&mut candidates, |c| c.preferred(actual));
    if candidates.len() > 1 {
        suggest_by_literals(&mut candidates, actual);
    }
    keep_best(&mut candidates, Candidate::concrete);
    match candidates.len() {
        0 => Choice::None,
        1 => Choice::One(candidates.remove(0)),
        _ => Choice::Many,
    }
}

/// Keeps the candidates with the highest score.
fn keep_best(candidates: &mut Vec<Candidate>, score: impl Fn(&Candidate) -> usize) {
    let best = candidates.iter().map(&score).max().unwrap_or(0);
    candidates.retain(|c| score(c) == best);
}

/// An untyped literal is text if any candidate takes text there; else it is of the category that
/// all candidates agree on, in its preferred type if one takes that.
fn suggest_by_literals(candidates: &mut Vec<Candidate>, actual: &[DataType]) {
    for (i, ty) in actual.iter().enumerate() {
        if *ty != DataType::Unknown {
            continue;
        }
        let text = candidates.iter().any(|c| category(&c.args[i]) == Category::String);
        let first = category(&candidates[0].args[i]);
        let wanted = if text { Category::String } else { first };
        if !text && candidates.iter().any(|c| category(&c.args[i]) != first) {
            continue;
        }
        candidates.retain(|c| category(&c.args[i]) == wanted);
        if candidates.iter().any(|c| is_preferred(&c.args[i])) {
            candidates.retain(|c| is_preferred(&c.args[i]));
        }
    }
    let mut known = actual.iter().filter(|t| **t != DataType::Unknown);
    if candidates.len() > 1
        && let Some(one) = known.next()
        && known.all(|t| t == one)
    {
        let all_one = |c: &Candidate| c.args.iter().all(|a| is_exact(a, one));
        if candidates.iter().filter(|c| all_one(c)).count() == 1 {
            candidates.retain(all_one);
        }
    }
}

/// Functions whose result is NULL only if an argument is.
const KEEP_NON_NULL: &[Func] = {
    use Func::*;
    &[
        Add,
        Sub,
        Mul,
        Div,
        Mod,
        Neg,
        Pow,
        BitAnd,
        BitOr,
        BitXor,
        BitNot,
        ShiftLeft,
        ShiftRight,
        Eq,
        NotEq,
        Lt,
        LtEq,
        Gt,
        GtEq,
        IsDistinct,
        IsNotDistinct,
        Like,
        ILike,
        SimilarTo,
        RegexMatch,
        RegexIMatch,
        StartsWith,
        Length,
        OctetLength,
        Lower,
        Upper,
        InitCap,
        Substr,
        StrPos,
        Replace,
        BTrim,
        LTrim,
        RTrim,
        LPad,
        RPad,
        Left,
        Right,
        Repeat,
        Reverse,
        SplitPart,
        ConcatAll,
        Md5,
        Abs,
        Sign,
        Ceil,
        Floor,
        Round,
        Trunc,
        Sqrt,
        Exp,
        Ln,
        DateTrunc,
        ToChar,
        ToDate,
        MakeDate,
        WindowStart,
        ArrayMake,
        RowMake,
        ToJsonb,
        Cardinality,
        Gcd,
        Lcm,
        RegexpReplace,
    ]
};

/// Every function that a statement can call in PostgreSQL 15, sorted, one a line: the names in
/// `pg_proc` of kind `f` without those whose arguments or result no statement can write
/// (`internal`, `cstring`, triggers, handlers). A user of PostgreSQL who calls one that this engine
/// does not have is told that it is not supported yet, not that it does not exist.
const POSTGRES_FUNCTIONS: &str = include_str!("postgres_functions.txt");

/// Whether PostgreSQL has a function of this name.
pub(crate) fn is_in_postgres(name: &str) -> bool {
    POSTGRES_FUNCTIONS.lines().any(|line| line == name)
}

impl Binder<'_> {
    /// A call of the function of this name, if there is one by that name at all.
    pub(crate) fn call_by_name(
        &mut self,
        name: &str,
        args: Vec<Expr>,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let types = self.types_of(&args);
        match choose(function::signatures_by_name(name), &types, false) {
            Choice::One(candidate) => self.finish_call(candidate, args, span),
            Choice::None => {
                let message = format!("function {name}({}) does not exist", list(&types));
                let known = function::signatures_by_name(name).next().is_some();
                if !known && is_in_postgres(name) {
                    let what = format!("function {name}");
                    return Err(PlanError::not_built(what).at(self.place(span)));
                }
                let hint = if known {
                    "No function matches the given name and argument types. You might need to add \
                     explicit type casts."
                        .to_owned()
                } else {
                    self.function_hint(name)
                };
                Err(PlanError::of(SqlState::UNDEFINED_FUNCTION, message)
                    .with_hint(hint)
                    .at(self.place(span)))
            }
            Choice::Many => {
                let message = format!("function {name}({}) is not unique", list(&types));
                Err(PlanError::of(SqlState::AMBIGUOUS_FUNCTION, message)
                    .with_hint(
                        "Could not choose a best candidate function. You might need to add \
                         explicit type casts.",
                    )
                    .at(self.place(span)))
            }
        }
    }

    /// What to say about a name that no function has.
    fn function_hint(&self, name: &str) -> String {
        match super::scope::closest(name, function::function_names()) {
            Some(near) => format!("Perhaps you meant to call the function \"{near}\"."),
            None => "No function matches the given name and argument types. You might need to add \
                     explicit type casts."
                .to_owned(),
        }
    }

    /// A call of an operator; `symbol` is what errors print.
    pub(crate) fn call_operator(
        &mut self,
        func: Func,
        args: Vec<Expr>,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let types = self.types_of(&args);
        let infix = args.len() == 2;
        let message = match choose(function::operator_signatures(func), &types, infix) {
            Choice::One(candidate) => return self.finish_call(candidate, args, span),
            Choice::None => "operator does not exist",
            Choice::Many => "operator is not unique",
        };
        let ambiguous = message.ends_with("unique");
        Err(operator_error(message, func, &types, ambiguous).at(self.place(span)))
    }

    /// Arguments' types. Parameters already typed have theirs.
    fn types_of(&self, args: &[Expr]) -> Vec<DataType> {
        args.iter().map(|e| e.ty.clone()).collect()
    }

    /// Casts the arguments to the candidate's types and makes the call.
    fn finish_call(
        &mut self,
        candidate: Candidate,
        args: Vec<Expr>,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let signature = candidate.signature;
        if signature.volatility == Volatility::Volatile {
            self.refuse_volatile(signature.name, span)?;
        }
        let ty = candidate.ret().ok_or_else(|| {
            PlanError::not_built(format!("a call of {} here", signature.func.name()))
                .at(self.place(span))
        })?;
        let mut typed = Vec::with_capacity(args.len());
        for (arg, to) in args.into_iter().zip(&candidate.args) {
            // The blanks of CHAR(n) are bytes, though no characters.
            let padded = signature.func == Func::OctetLength && matches!(arg.ty, DataType::Char(_));
            typed.push(if padded { arg } else { self.implicit(arg, to)? });
        }
        let nullable = match KEEP_NON_NULL.contains(&signature.func) {
            true if signature.strict => typed.iter().any(|a| a.nullable),
            true => false,
            false => true,
        };
        let kind = ExprKind::Call { func: signature.func, args: typed };
        Ok(Expr { kind, ty, nullable, span: self.place(span) })
    }
}

/// The error of an operator that these types do not have.
pub(crate) fn operator_error(
    message: &str,
    func: Func,
    types: &[DataType],
    ambiguous: bool,
) -> PlanError {
    let symbol = func.symbol().unwrap_or(func.name());
    let operands = match types {
        [one] => format!("{symbol} {}", type_name(one)),
        [a, b] => format!("{} {symbol} {}", type_name(a), type_name(b)),
        many => format!("{symbol} ({})", list(many)),
    };
    let (state, hint) = if ambiguous {
        (
            SqlState::AMBIGUOUS_FUNCTION,
            "Could not choose a best candidate operator. You might need to add explicit type casts.",
        )
    } else {
        (
            SqlState::UNDEFINED_FUNCTION,
            "No operator matches the given name and argument types. You might need to add \
             explicit type casts.",
        )
    };
    PlanError::of(state, format!("{message}: {operands}")).with_hint(hint)
}

/// Type names, separated by commas.
pub(crate) fn list(types: &[DataType]) -> String {
    types.iter().map(type_name).collect::<Vec<_>>().join(", ")
}
