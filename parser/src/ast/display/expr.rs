//! Expressions as SQL, with the parentheses that precedence needs.
//!
//! Invariant: an operand is in parentheses unless it binds tighter than what stands around it.

use std::fmt::{self, Display, Formatter};

use super::{commas, string};
use crate::ast::expr::{FrameBound, FrameUnits, LikeKind};
use crate::ast::{
    BinaryOp, Expr, ExprKind, FunctionCall, Literal, OrderBy, UnaryOp, WindowFrame, WindowSpec,
};
use crate::lower::symbol;

/// How tightly a form binds, as in PostgreSQL's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Is,
    Compare,
    Range,
    Other,
    Sum,
    Product,
    Power,
    Zone,
    Sign,
    Atom,
}

/// The level of a binary operator.
fn binary_level(op: BinaryOp) -> Level {
    match op {
        BinaryOp::Eq
        | BinaryOp::NotEq
        | BinaryOp::Lt
        | BinaryOp::LtEq
        | BinaryOp::Gt
        | BinaryOp::GtEq => Level::Compare,
        BinaryOp::Add | BinaryOp::Sub => Level::Sum,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => Level::Product,
        BinaryOp::Pow => Level::Power,
        _ => Level::Other,
    }
}

/// The level of a form.
fn level(kind: &ExprKind) -> Level {
    match kind {
        ExprKind::Or(_) => Level::Or,
        ExprKind::And(_) => Level::And,
        ExprKind::Unary(UnaryOp::Not, _) | ExprKind::Exists { .. } => Level::Not,
        ExprKind::Unary(UnaryOp::Minus | UnaryOp::Plus, _) => Level::Sign,
        ExprKind::Unary(..) => Level::Other,
        ExprKind::IsNull { .. } | ExprKind::IsBool { .. } | ExprKind::IsDistinct { .. } => {
            Level::Is
        }
        ExprKind::Binary(op, ..) => binary_level(*op),
        ExprKind::Quantified { op, .. } => binary_level(*op),
        ExprKind::Between { .. }
        | ExprKind::InList { .. }
        | ExprKind::InQuery { .. }
        | ExprKind::Like { .. } => Level::Range,
        ExprKind::AtTimeZone(..) => Level::Zone,
        // What could run into the next word or bracket.
        ExprKind::Collate(..)
        | ExprKind::TypedString { .. }
        | ExprKind::Literal(Literal::Interval { .. }) => Level::Sign,
        ExprKind::Literal(Literal::Number(n)) if n.starts_with('-') => Level::Sign,
        _ => Level::Atom,
    }
}

/// An operand, in parentheses unless its level is at least the one given.
struct Operand<'a>(&'a Expr, Level);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if level(&self.0.kind) >= self.1 { self.0.fmt(f) } else { write!(f, "({})", self.0) }
    }
}

/// The next tighter level.
fn tighter(than: Level) -> Level {
    match than {
        Level::Or => Level::And,
        Level::And => Level::Not,
        Level::Not => Level::Is,
        Level::Is => Level::Compare,
        Level::Compare => Level::Range,
        Level::Range => Level::Other,
        Level::Other => Level::Sum,
        Level::Sum => Level::Product,
        Level::Product => Level::Power,
        Level::Power => Level::Zone,
        Level::Zone => Level::Sign,
        Level::Sign | Level::Atom => Level::Atom,
    }
}

/// "NOT " or nothing.
fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(literal) => literal.fmt(f),
            ExprKind::Param(n) => write!(f, "${n}"),
            ExprKind::Column(parts) => super::separated(f, parts, "."),
            ExprKind::Wildcard => f.write_str("*"),
            ExprKind::Default => f.write_str("DEFAULT"),
            ExprKind::Unary(op, operand) => unary(f, *op, operand),
            ExprKind::Binary(op, left, right) => {
                let level = binary_level(*op);
                // Comparisons do not associate.
                let left_level = if level == Level::Compare { tighter(level) } else { level };
                let left = Operand(left, left_level);
                write!(f, "{left} {} {}", symbol(*op), Operand(right, tighter(level)))
            }
            ExprKind::And(terms) => terms_of(f, terms, " AND ", Level::Not),
            ExprKind::Or(terms) => terms_of(f, terms, " OR ", Level::And),
            ExprKind::Subquery(query) => write!(f, "({query})"),
            ExprKind::Exists { query, negated } => {
                write!(f, "{}EXISTS ({query})", not(*negated))
            }
            ExprKind::Call(call) => call.fmt(f),
            ExprKind::Array(items) => {
                f.write_str("ARRAY[")?;
                commas(f, items)?;
                f.write_str("]")
            }
            ExprKind::Row(items) => {
                f.write_str("ROW(")?;
                commas(f, items)?;
                f.write_str(")")
            }
            ExprKind::Case { operand, branches, otherwise } => {
                case(f, operand.as_deref(), branches, otherwise.as_deref())
            }
            ExprKind::Unsupported(what) => write!(f, "/* {what} */ NULL"),
            _ => predicate(f, &self.kind),
        }
    }
}

/// Predicates, and what is left.
fn predicate(f: &mut Formatter<'_>, kind: &ExprKind) -> fmt::Result {
    match kind {
        ExprKind::IsNull { expr, negated } => {
            write!(f, "{} IS {}NULL", Operand(expr, Level::Compare), not(*negated))
        }
        ExprKind::IsBool { expr, value, negated } => {
            let value = match value {
                Some(true) => "TRUE",
                Some(false) => "FALSE",
                None => "UNKNOWN",
            };
            write!(f, "{} IS {}{value}", Operand(expr, Level::Compare), not(*negated))
        }
        ExprKind::IsDistinct { left, right, negated } => {
            let (left, right) = (Operand(left, Level::Compare), Operand(right, Level::Compare));
            write!(f, "{left} IS {}DISTINCT FROM {right}", not(*negated))
        }
        ExprKind::Between { expr, low, high, negated, symmetric } => {
            let symmetric = if *symmetric { "SYMMETRIC " } else { "" };
            let expr = Operand(expr, Level::Other);
            let (low, high) = (Operand(low, Level::Other), Operand(high, Level::Other));
            write!(f, "{expr} {}BETWEEN {symmetric}{low} AND {high}", not(*negated))
        }
        ExprKind::InList { expr, list, negated } => {
            write!(f, "{} {}IN (", Operand(expr, Level::Other), not(*negated))?;
            commas(f, list)?;
            f.write_str(")")
        }
        ExprKind::InQuery { expr, query, negated } => {
            write!(f, "{} {}IN ({query})", Operand(expr, Level::Other), not(*negated))
        }
        ExprKind::Quantified { expr, op, all, right } => {
            let level = binary_level(*op);
            let left_level = if level == Level::Compare { tighter(level) } else { level };
            let word = if *all { "ALL" } else { "ANY" };
            write!(f, "{} {} {word} ", Operand(expr, left_level), symbol(*op))?;
            match &right.kind {
                ExprKind::Subquery(query) => write!(f, "({query})"),
                // The library reads only what binds tighter than the operator.
                _ => write!(f, "({})", Operand(right, tighter(level))),
            }
        }
        ExprKind::Like { expr, pattern, escape, kind, negated } => {
            let word = match kind {
                LikeKind::Like => "LIKE",
                LikeKind::ILike => "ILIKE",
                LikeKind::SimilarTo => "SIMILAR TO",
            };
            let (expr, pattern) = (Operand(expr, Level::Other), Operand(pattern, Level::Other));
            write!(f, "{expr} {}{word} {pattern}", not(*negated))?;
            match escape {
                Some(escape) => write!(f, " ESCAPE {}", Operand(escape, Level::Other)),
                None => Ok(()),
            }
        }
        _ => conversion(f, kind),
    }
}

/// Casts, accesses and other postfix forms.
fn conversion(f: &mut Formatter<'_>, kind: &ExprKind) -> fmt::Result {
    match kind {
        ExprKind::Cast { expr, to, try_ } => {
            write!(f, "{}CAST({expr} AS {to})", if *try_ { "TRY_" } else { "" })
        }
        ExprKind::TypedString { data_type, value } => {
            write!(f, "{data_type} ")?;
            string(f, value)
        }
        ExprKind::Extract { field, expr } if field.bytes().all(|b| b.is_ascii_lowercase()) => {
            write!(f, "EXTRACT({field} FROM {expr})")
        }
        // No unit, but what was written is an identifier.
        ExprKind::Extract { field, expr } => {
            write!(f, "EXTRACT(\"{}\" FROM {expr})", field.replace('"', "\"\""))
        }
        ExprKind::Index(base, index) => write!(f, "{}[{}]", Base(base), Operand(index, Level::Sum)),
        ExprKind::Slice(base, low, high) => {
            write!(f, "{}[", Base(base))?;
            if let Some(low) = low {
                Operand(low, Level::Sum).fmt(f)?;
            }
            f.write_str(" : ")?;
            if let Some(high) = high {
                Operand(high, Level::Sum).fmt(f)?;
            }
            f.write_str("]")
        }
        ExprKind::Field(base, field) => write!(f, "({base}).{field}"),
        ExprKind::AtTimeZone(expr, zone) => {
            let (expr, zone) = (Operand(expr, Level::Zone), Operand(zone, Level::Sign));
            write!(f, "{expr} AT TIME ZONE {zone}")
        }
        ExprKind::Collate(expr, name) => write!(f, "{} COLLATE {name}", Operand(expr, Level::Atom)),
        _ => Ok(()),
    }
}

/// What a subscript stands behind.
struct Base<'a>(&'a Expr);

impl Display for Base<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            ExprKind::Column(_)
            | ExprKind::Index(..)
            | ExprKind::Slice(..)
            | ExprKind::Field(..)
            | ExprKind::Array(_) => self.0.fmt(f),
            _ => write!(f, "({})", self.0),
        }
    }
}

/// An operator before its operand.
fn unary(f: &mut Formatter<'_>, op: UnaryOp, operand: &Expr) -> fmt::Result {
    let (word, level) = match op {
        UnaryOp::Not => ("NOT ", Level::Is),
        UnaryOp::Minus => ("-", Level::Atom),
        UnaryOp::Plus => ("+", Level::Atom),
        UnaryOp::BitNot => ("~ ", Level::Sum),
        UnaryOp::Abs => ("@ ", Level::Sum),
        UnaryOp::Sqrt => ("|/ ", Level::Sum),
        UnaryOp::Cbrt => ("||/ ", Level::Sum),
        UnaryOp::Factorial => ("!! ", Level::Sum),
    };
    write!(f, "{word}{}", Operand(operand, level))
}

/// Terms of AND or OR.
fn terms_of(f: &mut Formatter<'_>, terms: &[Expr], word: &str, level: Level) -> fmt::Result {
    for (i, term) in terms.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        Operand(term, level).fmt(f)?;
    }
    Ok(())
}

/// CASE.
fn case(
    f: &mut Formatter<'_>,
    operand: Option<&Expr>,
    branches: &[(Expr, Expr)],
    otherwise: Option<&Expr>,
) -> fmt::Result {
    f.write_str("CASE")?;
    if let Some(operand) = operand {
        write!(f, " {operand}")?;
    }
    for (when, then) in branches {
        write!(f, " WHEN {when} THEN {then}")?;
    }
    if let Some(otherwise) = otherwise {
        write!(f, " ELSE {otherwise}")?;
    }
    f.write_str(" END")
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            Self::Number(digits) => f.write_str(digits),
            Self::String(text) => string(f, text),
            Self::Bytes(bytes) => {
                f.write_str("X'")?;
                bytes.iter().try_for_each(|b| write!(f, "{b:02X}"))?;
                f.write_str("'")
            }
            Self::Interval { value, leading, last } => {
                f.write_str("INTERVAL ")?;
                string(f, value)?;
                if let Some(leading) = leading {
                    write!(f, " {leading}")?;
                }
                if let Some(last) = last {
                    write!(f, " TO {last}")?;
                }
                Ok(())
            }
        }
    }
}

/// Functions that are called without parentheses.
const BARE: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "user",
    "current_catalog",
];

impl Display for FunctionCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        let bare = matches!(self.name.parts.as_slice(), [name]
            if !name.quoted && BARE.contains(&name.name.as_str()));
        if !(bare && self.args.is_empty() && !self.star) {
            f.write_str("(")?;
            self.arguments(f)?;
            f.write_str(")")?;
        }
        if !self.within_group.is_empty() {
            f.write_str(" WITHIN GROUP (ORDER BY ")?;
            commas(f, &self.within_group)?;
            f.write_str(")")?;
        }
        if let Some(filter) = &self.filter {
            write!(f, " FILTER (WHERE {filter})")?;
        }
        if self.ignore_nulls {
            f.write_str(" IGNORE NULLS")?;
        }
        match &self.over {
            Some(WindowSpec { base: Some(name), partition_by, order_by, frame: None, span })
                if partition_by.is_empty() && order_by.is_empty() && *span == name.span =>
            {
                write!(f, " OVER {name}")
            }
            Some(over) => write!(f, " OVER ({over})"),
            None => Ok(()),
        }
    }
}

impl FunctionCall {
    /// What stands between the parentheses.
    fn arguments(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.distinct {
            f.write_str("DISTINCT ")?;
        }
        if self.star {
            f.write_str("*")?;
        }
        for (i, (name, value)) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            if let Some(name) = name {
                write!(f, "{name} => ")?;
            }
            value.fmt(f)?;
        }
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            commas(f, &self.order_by)?;
        }
        Ok(())
    }
}

impl Display for OrderBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        f.write_str(if self.desc { " DESC" } else { "" })?;
        match self.nulls_first {
            Some(true) => f.write_str(" NULLS FIRST"),
            Some(false) => f.write_str(" NULLS LAST"),
            None => Ok(()),
        }
    }
}

impl Display for WindowSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if let Some(base) = &self.base {
            base.fmt(f)?;
            gap = " ";
        }
        if !self.partition_by.is_empty() {
            write!(f, "{gap}PARTITION BY ")?;
            commas(f, &self.partition_by)?;
            gap = " ";
        }
        if !self.order_by.is_empty() {
            write!(f, "{gap}ORDER BY ")?;
            commas(f, &self.order_by)?;
            gap = " ";
        }
        match &self.frame {
            Some(frame) => write!(f, "{gap}{frame}"),
            None => Ok(()),
        }
    }
}

impl Display for WindowFrame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let units = match self.units {
            FrameUnits::Rows => "ROWS",
            FrameUnits::Range => "RANGE",
            FrameUnits::Groups => "GROUPS",
        };
        write!(f, "{units} BETWEEN {} AND {}", self.start, self.end)?;
        // Which rows are excluded is not kept: frames that exclude any are not built.
        f.write_str(if self.exclude.is_some() { " EXCLUDE TIES" } else { "" })
    }
}

impl Display for FrameBound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnboundedPreceding => f.write_str("UNBOUNDED PRECEDING"),
            Self::Preceding(n) => write!(f, "{} PRECEDING", Operand(n, Level::Other)),
            Self::CurrentRow => f.write_str("CURRENT ROW"),
            Self::Following(n) => write!(f, "{} FOLLOWING", Operand(n, Level::Other)),
            Self::UnboundedFollowing => f.write_str("UNBOUNDED FOLLOWING"),
        }
    }
}
