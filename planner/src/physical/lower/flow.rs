//! A node with the projection that stands over it, not yet made into columns.
//!
//! Projections cost nothing until an operator needs columns; then all that are pending become one
//! Project.
//! Invariant: every expression of a flow sees the columns of its node.

use arena_tr_types::{Field, Schema};

use super::{Lowering, internal};
use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};
use crate::physical::{NodeId, Op};

/// Largest expression, in nodes, that is repeated rather than computed once into a column.
const REPEAT_SIZE: usize = 64;

/// The lowered form of a logical plan.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// Where the rows come from.
    pub(super) node: NodeId,
    /// Each logical column over the node's columns; `None` for those that the parent does not use.
    pub(super) exprs: Vec<Option<Expr>>,
}

impl Flow {
    /// A logical column over the node's columns.
    pub(super) fn expr(&self, column: usize) -> Result<&Expr, PlanError> {
        let expr = self.exprs.get(column).and_then(Option::as_ref);
        expr.ok_or_else(|| internal("a pruned column is used"))
    }

    /// An expression over logical columns as one over the node's columns.
    pub(super) fn resolve(&self, expr: &Expr) -> Result<Expr, PlanError> {
        let mut resolved = expr.clone();
        self.resolve_in(&mut resolved)?;
        Ok(resolved)
    }

    fn resolve_in(&self, expr: &mut Expr) -> Result<(), PlanError> {
        if let ExprKind::Column(index) = expr.kind {
            let span = expr.span;
            *expr = self.expr(index)?.clone();
            expr.span = span.or(expr.span);
            return Ok(());
        }
        let mut failed = None;
        expr.each_child_mut(&mut |child| failed = failed.take().or(self.resolve_in(child).err()));
        failed.map_or(Ok(()), Err)
    }

    /// A logical column as a column of the node, if it is one without being computed.
    pub(super) fn plain(&self, column: usize) -> Option<usize> {
        self.exprs.get(column)?.as_ref()?.as_column()
    }
}

/// Columns that an operator asks for: distinct expressions over a node, each with a name.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    exprs: Vec<Expr>,
    fields: Vec<Field>,
}

impl Wanted {
    /// Asks for an expression and says where it will be.
    pub(super) fn add(&mut self, expr: Expr, name: &str) -> usize {
        if let Some(found) = self.exprs.iter().position(|e| *e == expr) {
            return found;
        }
        self.append(expr, name)
    }

    /// How many are asked for.
    pub(super) fn len(&self) -> usize {
        self.exprs.len()
    }

    /// Asks for a key behind position 0 and says which key it is.
    pub(super) fn add_key(&mut self, expr: Expr, name: &str) -> usize {
        match self.exprs.iter().skip(1).position(|e| *e == expr) {
            Some(found) => found,
            None => self.append(expr, name) - 1,
        }
    }

    /// Asks for an expression at the next position even if it is there already.
    pub(super) fn append(&mut self, expr: Expr, name: &str) -> usize {
        self.fields.push(Field::new(name, expr.ty.clone(), expr.nullable));
        self.exprs.push(expr);
        self.exprs.len() - 1
    }
}

impl Lowering<'_> {
    /// All columns of a node as a flow.
    pub(super) fn whole(&self, node: NodeId) -> Flow {
        let fields = self.node(node).schema.fields.iter().enumerate();
        let column = |(i, f): (usize, &Field)| Expr::column(i, f.data_type.clone(), f.nullable);
        Flow { node, exprs: fields.map(column).map(Some).collect() }
    }

    /// A node whose columns are exactly the wanted ones; the node itself if they are already.
    pub(super) fn exactly(&mut self, node: NodeId, wanted: Wanted) -> NodeId {
        let all = self.node(node).schema.len() == wanted.exprs.len();
        if all && wanted.exprs.iter().enumerate().all(|(i, e)| e.as_column() == Some(i)) {
            return node;
        }
        // A projection that only picks columns is looked through.
        let below = self.node(node);
        if let Op::Project { exprs: inner } = &below.op
            && inner.iter().all(|e| e.as_column().is_some())
        {
            let exprs: Vec<Expr> = wanted.exprs.into_iter().map(|e| e.substituted(inner)).collect();
            let input = below.inputs[0];
            return self.project_node(input, exprs, wanted.fields);
        }
        self.project_node(node, wanted.exprs, wanted.fields)
    }

    fn project_node(&mut self, input: NodeId, exprs: Vec<Expr>, fields: Vec<Field>) -> NodeId {
        let width = self.node(input).schema.len();
        if exprs.len() == width && exprs.iter().enumerate().all(|(i, e)| e.as_column() == Some(i)) {
            return input;
        }
        self.push(Op::Project { exprs }, vec![input], Schema::new(fields))
    }

    /// A node that has the wanted columns and no others, and where: any order will do.
    pub(super) fn only(&mut self, node: NodeId, wanted: Wanted) -> (NodeId, Vec<usize>) {
        let n = wanted.exprs.len();
        let plain: Option<Vec<usize>> = wanted.exprs.iter().map(Expr::as_column).collect();
        // Wanted expressions are distinct, so as many as there are columns are all of them.
        match plain {
            Some(columns) if n == self.node(node).schema.len() => (node, columns),
            _ => (self.exactly(node, wanted), (0..n).collect()),
        }
    }

    /// A node that holds the wanted columns, and where: the node itself when nothing is computed.
    pub(super) fn holding(&mut self, node: NodeId, wanted: Wanted) -> (NodeId, Vec<usize>) {
        if let Some(columns) = wanted.exprs.iter().map(Expr::as_column).collect() {
            return (node, columns);
        }
        let n = wanted.exprs.len();
        (self.exactly(node, wanted), (0..n).collect())
    }

    /// Makes a flow's needed columns real: a node that has exactly them, and the flow over it.
    pub(super) fn settle(
        &mut self,
        flow: Flow,
        names: &Schema,
        need: &[bool],
    ) -> Result<Flow, PlanError> {
        let mut wanted = Wanted::default();
        let mut places = vec![None; need.len()];
        for (column, place) in places.iter_mut().enumerate() {
            if need[column] {
                let name = &names.fields[column].name;
                *place = Some(wanted.add(flow.expr(column)?.clone(), name));
            }
        }
        let (node, columns) = self.only(flow.node, wanted);
        let whole = self.whole(node);
        let at = |p: Option<usize>| p.and_then(|p| whole.exprs[columns[p]].clone());
        let exprs = places.into_iter().map(at).collect();
        Ok(Flow { node, exprs })
    }

    /// Computes large expressions that would otherwise be repeated by the projection above.
    pub(super) fn settle_repeated(
        &mut self,
        flow: Flow,
        names: &Schema,
        uses: &[usize],
    ) -> Result<Flow, PlanError> {
        let large = |(e, n): (&Option<Expr>, &usize)| {
            *n > 1 && e.as_ref().is_some_and(|e| e.size() > REPEAT_SIZE)
        };
        if !flow.exprs.iter().zip(uses).any(large) {
            return Ok(flow);
        }
        let need: Vec<bool> = flow.exprs.iter().map(Option::is_some).collect();
        self.settle(flow, names, &need)
    }
}
