//! Lowering of joins: the condition is split into key columns, conditions of one side, and a
//! residual.
//!
//! A right join becomes a left join with its sides exchanged. NOT IN keeps its NULL rule in one of
//! three ways: none needed (nothing can be NULL), the operator's own (one key), or a condition that
//! also holds when unknown.
//! Invariant: what a pair must fulfil is the conjunction of keys and residual, for every kind of
//! join.

use arena_tr_types::{DataType, Field, Schema, Value};

use super::flow::{Flow, Wanted};
use super::{Lowering, internal, mark};
use crate::error::PlanError;
use crate::logical::{self, Expr, ExprKind, JoinKind, Plan};
use crate::physical::{Join, NodeId, Op};
use crate::rules::join_key::{Condition, split};

/// A join about to be lowered, its sides possibly exchanged.
struct Sides<'p> {
    left: &'p Plan,
    right: &'p Plan,
    kind: JoinKind,
    condition: Condition,
    /// Which left and right columns the parent uses.
    need_left: Vec<bool>,
    need_right: Vec<bool>,
}

/// One side made real: its node, where each of its logical columns is, and its keys.
struct Side {
    node: NodeId,
    places: Vec<Option<usize>>,
    keys: Vec<usize>,
}

impl Lowering<'_> {
    pub(super) fn join(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Join { left, right, kind, on } = &plan.node else {
            return Err(internal("not a join"));
        };
        let n_left = left.width();
        let (need_left, need_right) = match need.split_at_checked(n_left) {
            Some((l, r)) if r.len() == right.width() => (l.to_vec(), r.to_vec()),
            _ => (need.to_vec(), vec![false; right.width()]),
        };
        let condition = split(on.clone(), n_left);
        let mut sides = Sides { left, right, kind: *kind, condition, need_left, need_right };
        sides.null_aware();
        let exchanged = *kind == JoinKind::Right;
        if exchanged {
            sides = sides.exchanged();
        }
        let order = (sides.need_left.clone(), sides.need_right.clone());
        let node = self.join_node(sides, &plan.schema, exchanged)?;
        let mut columns = self.whole(node).exprs.into_iter();
        let mut take = |need: &[bool]| -> Vec<Option<Expr>> {
            need.iter().map(|n| if *n { columns.next().flatten() } else { None }).collect()
        };
        let (first, second) = (take(&order.0), take(&order.1));
        let mut exprs = if exchanged { second.clone() } else { first.clone() };
        if plan.width() > n_left {
            exprs.extend(if exchanged { first } else { second });
        }
        Ok(Flow { node, exprs })
    }

    fn join_node(
        &mut self,
        mut sides: Sides<'_>,
        names: &Schema,
        exchanged: bool,
    ) -> Result<NodeId, PlanError> {
        let (only_left, only_right) = sides.one_sided();
        let keys = std::mem::take(&mut sides.condition.keys);
        let residual = std::mem::take(&mut sides.condition.residual);
        residual.iter().try_for_each(|e| self.check_clock(e))?;
        let n_left = sides.left.width();
        let (mut use_left, mut use_right) = (sides.need_left.clone(), sides.need_right.clone());
        for arm in &residual {
            arm.each_column(&mut |c| match c.checked_sub(n_left) {
                Some(c) => use_right[c] = true,
                None => use_left[c] = true,
            });
        }
        let left_keys = keys.iter().map(|k| &k.left).collect::<Vec<_>>();
        let right_keys = keys.iter().map(|k| &k.right).collect::<Vec<_>>();
        let left = self.side(sides.left, only_left, &left_keys, &use_left)?;
        let right = self.side(sides.right, only_right, &right_keys, &use_right)?;
        let width = self.node(left.node).schema.len();
        let at = |c: usize| match c.checked_sub(n_left) {
            Some(c) => right.places[c].map_or(usize::MAX, |p| p + width),
            None => left.places[c].unwrap_or(usize::MAX),
        };
        let residual = Expr::conjunction(residual).map(|mut e| {
            e.map_columns(&at);
            e
        });
        let mut output = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        let (n, shift) = (sides.left.width(), if exchanged { sides.right.width() } else { 0 });
        for (c, _) in sides.need_left.iter().enumerate().filter(|(_, n)| **n) {
            output.push(at(c));
            fields.push(names.fields[c + shift].clone());
        }
        for (c, _) in sides.need_right.iter().enumerate().filter(|(_, n)| **n) {
            output.push(at(c + n));
            fields.push(names.fields[if exchanged { c } else { c + n }].clone());
        }
        let join = Join {
            kind: sides.kind,
            left_keys: left.keys,
            right_keys: right.keys,
            null_equal: keys.iter().map(|k| k.null_equal).collect(),
            residual,
            left_forget: None,
            right_forget: None,
            output,
        };
        Ok(self.push(Op::Join(join), vec![left.node, right.node], Schema::new(fields)))
    }

    /// Makes one side's keys and used columns real, after the filters of that side alone.
    fn side(
        &mut self,
        plan: &Plan,
        filters: Vec<Expr>,
        keys: &[&Expr],
        used: &[bool],
    ) -> Result<Side, PlanError> {
        let mut need = used.to_vec();
        filters.iter().chain(keys.iter().copied()).for_each(|e| mark(e, &mut need));
        let mut flow = self.plan(plan, &need)?;
        if let Some(predicate) = Expr::conjunction(filters) {
            let predicate = flow.resolve(&predicate)?;
            flow.node = self.filter_node(flow.node, predicate)?;
        }
        let mut wanted = Wanted::default();
        let mut places = vec![None; used.len()];
        for (column, place) in places.iter_mut().enumerate() {
            if used[column] {
                let name = &plan.schema.fields[column].name;
                *place = Some(wanted.add(flow.expr(column)?.clone(), name));
            }
        }
        let mut key_columns = Vec::with_capacity(keys.len());
        for key in keys {
            let name = key.as_column().map_or("key", |c| &plan.schema.fields[c].name);
            self.check_clock(key)?;
            key_columns.push(wanted.add(flow.resolve(key)?, name));
        }
        let (node, columns) = self.only(flow.node, wanted);
        places.iter_mut().flatten().for_each(|p| *p = columns[*p]);
        key_columns.iter_mut().for_each(|p| *p = columns[*p]);
        Ok(Side { node, places, keys: key_columns })
    }
}

impl Sides<'_> {
    /// The same join seen from the other side.
    fn exchanged(self) -> Self {
        let (n_left, n_right) = (self.left.width(), self.right.width());
        let mut condition = self.condition;
        for key in &mut condition.keys {
            std::mem::swap(&mut key.left, &mut key.right);
        }
        std::mem::swap(&mut condition.left_only, &mut condition.right_only);
        for arm in &mut condition.residual {
            arm.map_columns(&|c| if c < n_left { c + n_right } else { c - n_left });
        }
        let kind = match self.kind {
            JoinKind::Right => JoinKind::Left,
            JoinKind::Left => JoinKind::Right,
            kind => kind,
        };
        Self {
            left: self.right,
            right: self.left,
            kind,
            condition,
            need_left: self.need_right,
            need_right: self.need_left,
        }
    }

    /// Takes the conditions that may be applied to one side's rows before joining; the rest stays
    /// with the pair, because an unmatched row of a kept side must appear.
    fn one_sided(&mut self) -> (Vec<Expr>, Vec<Expr>) {
        let left = std::mem::take(&mut self.condition.left_only);
        let right = std::mem::take(&mut self.condition.right_only);
        let n_left = self.left.width();
        let filters_left = matches!(self.kind, JoinKind::Inner | JoinKind::Semi);
        let filters_right =
            !matches!(self.kind, JoinKind::Full | JoinKind::Right | JoinKind::NullAwareAnti);
        let left = if filters_left {
            left
        } else {
            self.condition.residual.splice(0..0, left);
            Vec::new()
        };
        let right = if filters_right {
            right
        } else {
            let right = right.into_iter().map(|e| e.shifted(n_left));
            self.condition.residual.splice(0..0, right);
            Vec::new()
        };
        (left, right)
    }

    /// Chooses how NOT IN treats NULL.
    fn null_aware(&mut self) {
        if self.kind != JoinKind::NullAwareAnti {
            return;
        }
        let condition = &self.condition;
        let key_nulls = |k: &crate::rules::join_key::Key| {
            !k.null_equal && (k.left.nullable || k.right.nullable)
        };
        let only_keys = condition.left_only.is_empty()
            && condition.right_only.is_empty()
            && condition.residual.is_empty();
        if only_keys && condition.keys.len() == 1 && condition.keys.iter().any(key_nulls) {
            return;
        }
        // A conjunction is false exactly if one arm is: each arm may count as true when it is
        // unknown.
        self.kind = JoinKind::Anti;
        let n_left = self.left.width();
        let keys = std::mem::take(&mut self.condition.keys);
        for key in keys {
            if key_nulls(&key) {
                let equal = Expr::predicate(
                    arena_tr_types::Func::Eq,
                    vec![key.left, key.right.shifted(n_left)],
                );
                self.condition.residual.push(equal);
            } else {
                self.condition.keys.push(key);
            }
        }
        let right_only = std::mem::take(&mut self.condition.right_only);
        self.condition.residual.extend(right_only.into_iter().map(|e| e.shifted(n_left)));
        self.condition.residual.append(&mut self.condition.left_only);
        for arm in self.condition.residual.iter_mut().filter(|arm| arm.nullable) {
            let unknown = std::mem::replace(arm, Expr::boolean(true));
            let span = unknown.span;
            let kind =
                ExprKind::Coalesce(vec![unknown, Expr::literal(Value::Bool(true), DataType::Bool)]);
            *arm = Expr { kind, ty: DataType::Bool, nullable: false, span };
        }
    }
}
