//! FOR SYSTEM_TIME AS OF: a table of FROM as it was.
//!
//! The moment is an expression that no row has a part in; what it is is found out when the query
//! runs. Said of a plain view, it holds for all that its query reads and says no moment of its own.
//! Invariant: only scans carry moments; a query that stands has none (lowering refuses them).

use arena_tr_parser::Span;
use arena_tr_parser::ast::{AsOf, ObjectName, TableAlias};
use arena_tr_types::{DataType, SqlState};

use crate::catalog::Relation;
use crate::error::PlanError;
use crate::logical::{Expr, Moment, Node, Plan};

use super::coerce::{cast, type_name};
use super::from::{Item, scan};
use super::scope::Scope;
use super::{Binder, Clause};

impl Binder<'_> {
    /// A table, as it is or as of a moment.
    pub(super) fn bind_table_as_of(
        &mut self,
        name: &ObjectName,
        as_of: Option<&AsOf>,
        alias: Option<&TableAlias>,
    ) -> Result<Item, PlanError> {
        let Some(as_of) = as_of else { return self.bind_table(name, alias) };
        if let [single] = name.parts.as_slice()
            && self.ctes.get(&single.name, self.levels.len()).is_some()
        {
            let what = "FOR SYSTEM_TIME AS OF behind the name of a WITH query";
            return Err(PlanError::not_built(what)
                .with_hint("Say it of the tables that the WITH query reads.")
                .at(self.place(name.span)));
        }
        let moment = Some(Box::new(self.bind_moment(as_of)?));
        let outer = std::mem::replace(&mut self.moment, moment);
        let item = self.bind_table(name, alias);
        self.moment = outer;
        item
    }

    /// A relation as of the moment that is said of it or of the view around it.
    pub(super) fn scan_at_moment(&self, relation: &Relation, span: Span) -> Plan {
        let mut plan = scan(relation, self.place(span));
        if let Node::Scan { moment, .. } = &mut plan.node {
            moment.clone_from(&self.moment);
        }
        plan
    }

    fn bind_moment(&mut self, as_of: &AsOf) -> Result<Moment, PlanError> {
        let place = self.place(as_of.expr().span);
        let levels = std::mem::take(&mut self.levels);
        let bind = |binder: &mut Self| {
            let bound = binder.bind_expr(as_of.expr())?;
            match as_of {
                AsOf::Epoch(_) => binder.epoch(bound).map(Moment::Epoch),
                AsOf::Timestamp(_) => binder.time(bound).map(Moment::Time),
            }
        };
        let bound = self.with_level(Scope::default(), Clause::Constant, bind);
        self.levels = levels;
        // A column, which may well be one of a table left of it.
        let of_row = |e: &PlanError| {
            matches!(e.state, SqlState::UNDEFINED_COLUMN | SqlState::UNDEFINED_TABLE)
        };
        match bound {
            Ok((moment, _)) => Ok(moment),
            Err(error) if of_row(&error) => {
                let what = "FOR SYSTEM_TIME AS OF a column (a temporal join)";
                Err(PlanError::not_built(what).at(place))
            }
            Err(error) => Err(error.at(place)),
        }
    }

    fn epoch(&mut self, expr: Expr) -> Result<Expr, PlanError> {
        match expr.ty {
            DataType::Int2 | DataType::Int4 | DataType::Int8 | DataType::Unknown => {
                self.implicit(expr, &DataType::Int8)
            }
            _ => Err(mismatch("EPOCH", "bigint", &expr)),
        }
    }

    fn time(&mut self, expr: Expr) -> Result<Expr, PlanError> {
        match expr.ty {
            DataType::Timestamp | DataType::TimestampTz => Ok(expr),
            DataType::Date => Ok(cast(expr, DataType::Timestamp)),
            DataType::Unknown => self.implicit(expr, &DataType::TimestampTz),
            _ => Err(mismatch("AS OF", "timestamp with time zone", &expr)),
        }
    }
}

fn mismatch(what: &str, wanted: &str, expr: &Expr) -> PlanError {
    let message =
        format!("argument of {what} must be type {wanted}, not type {}", type_name(&expr.ty));
    PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(expr.span)
}
