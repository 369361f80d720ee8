//! Walking and rewriting plans and expressions: the few moves that every rule and lowering are made
//! of.
//!
//! Rewrites take ownership and hand the same boxes back, so a rule that changes nothing copies
//! nothing.
//! Invariant: a rewrite keeps the type of every expression it touches.

use std::sync::LazyLock;

use arena_tr_types::{DataType, Func, Schema, Value, function};

use super::{AggCall, Expr, ExprKind, Node, Plan, TimeWindow, WindowCall};

/// Whether a function gives NULL as soon as one argument is NULL, in all of its overloads.
pub fn is_strict(func: Func) -> bool {
    static STRICT: LazyLock<Vec<bool>> = LazyLock::new(|| {
        let mut strict = vec![true; Func::ALL.len()];
        for signature in function::signatures().filter(|s| !s.strict) {
            strict[signature.func as usize] = false;
        }
        strict
    });
    STRICT.get(func as usize).copied().unwrap_or(false)
}

/// Whether a call may give another result for the same arguments (randomness, clocks, the epoch's
/// time).
pub fn is_volatile(func: Func) -> bool {
    static VOLATILE: LazyLock<Vec<bool>> = LazyLock::new(|| {
        let mut volatile = vec![false; Func::ALL.len()];
        let fixed = function::Volatility::Immutable;
        for signature in function::signatures().filter(|s| s.volatility != fixed) {
            volatile[signature.func as usize] = true;
        }
        volatile
    });
    VOLATILE.get(func as usize).copied().unwrap_or(true)
}

/// The comparison that holds for `b ? a` whenever `func` holds for `a ? b`.
pub fn mirrored(func: Func) -> Option<Func> {
    Some(match func {
        Func::Eq => Func::Eq,
        Func::NotEq => Func::NotEq,
        Func::Lt => Func::Gt,
        Func::LtEq => Func::GtEq,
        Func::Gt => Func::Lt,
        Func::GtEq => Func::LtEq,
        Func::IsDistinct => Func::IsDistinct,
        Func::IsNotDistinct => Func::IsNotDistinct,
        _ => return None,
    })
}

impl Expr {
    /// The column at this position.
    pub fn column(index: usize, ty: DataType, nullable: bool) -> Self {
        Self { kind: ExprKind::Column(index), ty, nullable, span: None }
    }

    /// A constant.
    pub fn literal(value: Value, ty: DataType) -> Self {
        let nullable = value.is_null();
        Self { kind: ExprKind::Literal(value), ty, nullable, span: None }
    }

    /// TRUE or FALSE.
    pub fn boolean(value: bool) -> Self {
        Self::literal(Value::Bool(value), DataType::Bool)
    }

    /// A call whose result is BOOLEAN.
    pub fn predicate(func: Func, args: Vec<Expr>) -> Self {
        let never_null = matches!(func, Func::IsDistinct | Func::IsNotDistinct);
        let nullable = !never_null && args.iter().any(|a| a.nullable);
        let span = args.first().and_then(|a| a.span);
        Self { kind: ExprKind::Call { func, args }, ty: DataType::Bool, nullable, span }
    }

    /// `input IS NOT NULL`.
    pub fn is_not_null(input: Expr) -> Self {
        let span = input.span;
        let bool_expr = |kind| Self { kind, ty: DataType::Bool, nullable: false, span };
        let is_null = bool_expr(ExprKind::IsNull(Box::new(input)));
        bool_expr(ExprKind::Not(Box::new(is_null)))
    }

    /// The column's position, if this is a plain column.
    pub fn as_column(&self) -> Option<usize> {
        match self.kind {
            ExprKind::Column(index) => Some(index),
            _ => None,
        }
    }

    /// The constant, if this is one.
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The function and its two arguments, if this is a call with two.
    pub fn as_binary(&self) -> Option<(Func, &Expr, &Expr)> {
        match &self.kind {
            ExprKind::Call { func, args } => match args.as_slice() {
                [a, b] => Some((*func, a, b)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Calls `f` with each direct operand.
    pub fn each_child<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Now => {}
            ExprKind::Call { args, .. }
            | ExprKind::And(args)
            | ExprKind::Or(args)
            | ExprKind::Coalesce(args) => args.iter().for_each(f),
            ExprKind::Not(input) | ExprKind::IsNull(input) | ExprKind::Cast { input, .. } => {
                f(input);
            }
            ExprKind::Case { branches, otherwise } => {
                for (when, then) in branches {
                    f(when);
                    f(then);
                }
                otherwise.iter().for_each(|e| f(e));
            }
            ExprKind::InList { input, list } => {
                f(input);
                list.iter().for_each(f);
            }
        }
    }

    /// Calls `f` with each direct operand, to change it in place.
    pub fn each_child_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        match &mut self.kind {
            ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Now => {}
            ExprKind::Call { args, .. }
            | ExprKind::And(args)
            | ExprKind::Or(args)
            | ExprKind::Coalesce(args) => args.iter_mut().for_each(f),
            ExprKind::Not(input) | ExprKind::IsNull(input) | ExprKind::Cast { input, .. } => {
                f(input);
            }
            ExprKind::Case { branches, otherwise } => {
                for (when, then) in branches {
                    f(when);
                    f(then);
                }
                otherwise.iter_mut().for_each(|e| f(e));
            }
            ExprKind::InList { input, list } => {
                f(input);
                list.iter_mut().for_each(f);
            }
        }
    }

    /// Calls `f` with this expression and everything below it.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        self.each_child(&mut |child| child.walk(f));
    }

    /// Whether `f` holds somewhere in this expression.
    pub fn any(&self, f: &dyn Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        self.walk(&mut |e| found |= f(e));
        found
    }

    /// Calls `f` with each column position that occurs, as often as it occurs.
    pub fn each_column(&self, f: &mut dyn FnMut(usize)) {
        self.walk(&mut |e| {
            if let ExprKind::Column(index) = e.kind {
                f(index);
            }
        });
    }

    /// Whether all columns that occur fulfil `f` (true if there are none).
    pub fn columns_all(&self, f: &dyn Fn(usize) -> bool) -> bool {
        let mut all = true;
        self.each_column(&mut |c| all &= f(c));
        all
    }

    /// Whether no column, parameter or clock occurs.
    pub fn is_constant(&self) -> bool {
        !self.any(&|e| match &e.kind {
            ExprKind::Column(_) | ExprKind::Param(_) | ExprKind::Now => true,
            ExprKind::Call { func, .. } => is_volatile(*func),
            _ => false,
        })
    }

    /// How many nodes it has.
    pub fn size(&self) -> usize {
        let mut n = 0;
        self.walk(&mut |_| n += 1);
        n
    }

    /// Replaces each column position by `f` of it, in place.
    pub fn map_columns(&mut self, f: &dyn Fn(usize) -> usize) {
        if let ExprKind::Column(index) = &mut self.kind {
            *index = f(*index);
        } else {
            self.each_child_mut(&mut |child| child.map_columns(f));
        }
    }

    /// The same over columns that moved up by `by`.
    #[must_use]
    pub fn shifted(mut self, by: usize) -> Self {
        self.map_columns(&|c| c + by);
        self
    }

    /// Replaces column `i` by `exprs[i]`: moves an expression from above a projection to below it.
    #[must_use]
    pub fn substituted(mut self, exprs: &[Expr]) -> Self {
        self.substitute(exprs);
        self
    }

    /// [`Expr::substituted`] in place.
    pub fn substitute(&mut self, exprs: &[Expr]) {
        if let ExprKind::Column(index) = self.kind {
            let span = self.span;
            *self = exprs[index].clone();
            self.span = span.or(self.span);
        } else {
            self.each_child_mut(&mut |child| child.substitute(exprs));
        }
    }

    /// The arms of a conjunction; of anything else, itself.
    pub fn into_conjuncts(self, out: &mut Vec<Expr>) {
        match self.kind {
            ExprKind::And(arms) => arms.into_iter().for_each(|a| a.into_conjuncts(out)),
            _ => out.push(self),
        }
    }

    /// The conjunction of these predicates; `None` of none.
    pub fn conjunction(mut arms: Vec<Expr>) -> Option<Expr> {
        match arms.len() {
            0 => None,
            1 => arms.pop(),
            _ => {
                let nullable = arms.iter().any(|a| a.nullable);
                let span = arms.iter().filter_map(|a| a.span).reduce(|a, b| a.to(b));
                Some(Self { kind: ExprKind::And(arms), ty: DataType::Bool, nullable, span })
            }
        }
    }
}

impl AggCall {
    /// Calls `f` with each expression of the call.
    pub fn each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.args.iter().for_each(&mut *f);
        self.filter.iter().for_each(&mut *f);
        self.order.iter().for_each(|k| f(&k.expr));
    }

    /// Calls `f` with each expression of the call, to change it in place.
    pub fn each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.args.iter_mut().for_each(&mut *f);
        self.filter.iter_mut().for_each(&mut *f);
        self.order.iter_mut().for_each(|k| f(&mut k.expr));
    }
}

impl WindowCall {
    /// Calls `f` with each expression of the call.
    pub fn each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        self.args.iter().for_each(&mut *f);
        self.filter.iter().for_each(&mut *f);
    }

    /// Calls `f` with each expression of the call, to change it in place.
    pub fn each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        self.args.iter_mut().for_each(&mut *f);
        self.filter.iter_mut().for_each(&mut *f);
    }
}

impl Plan {
    /// Number of output columns.
    pub fn width(&self) -> usize {
        self.schema.len()
    }

    /// Column `index` of this plan's output as an expression.
    pub fn column(&self, index: usize) -> Expr {
        let field = &self.schema.fields[index];
        Expr::column(index, field.data_type.clone(), field.nullable)
    }

    /// All output columns as expressions.
    pub fn columns(&self) -> Vec<Expr> {
        (0..self.width()).map(|i| self.column(i)).collect()
    }

    /// The plan with the columns of `schema` alone: those that the binder put behind them, to sort
    /// by, hidden.
    #[must_use]
    pub fn shown(self, schema: &Schema) -> Plan {
        if self.width() == schema.len() {
            return self;
        }
        let exprs = (0..schema.len()).map(|i| self.column(i)).collect();
        let span = self.span;
        Plan { node: Node::Project { input: Box::new(self), exprs }, schema: schema.clone(), span }
    }

    /// The inputs, left to right.
    pub fn children(&self) -> Vec<&Plan> {
        match &self.node {
            Node::Scan { .. } | Node::Values { .. } => Vec::new(),
            Node::Filter { input, .. }
            | Node::Project { input, .. }
            | Node::Aggregate { input, .. }
            | Node::TimeWindow { input, .. }
            | Node::Distinct { input }
            | Node::TopN { input, .. }
            | Node::Over { input, .. }
            | Node::Unnest { input, .. }
            | Node::Sort { input, .. }
            | Node::Limit { input, .. } => vec![input],
            Node::Join { left, right, .. } | Node::SetOp { left, right, .. } => vec![left, right],
            Node::Union { inputs } => inputs.iter().collect(),
        }
    }

    /// The inputs, to change in place.
    pub fn children_mut(&mut self) -> Vec<&mut Plan> {
        match &mut self.node {
            Node::Scan { .. } | Node::Values { .. } => Vec::new(),
            Node::Filter { input, .. }
            | Node::Project { input, .. }
            | Node::Aggregate { input, .. }
            | Node::TimeWindow { input, .. }
            | Node::Distinct { input }
            | Node::TopN { input, .. }
            | Node::Over { input, .. }
            | Node::Unnest { input, .. }
            | Node::Sort { input, .. }
            | Node::Limit { input, .. } => vec![input],
            Node::Join { left, right, .. } | Node::SetOp { left, right, .. } => vec![left, right],
            Node::Union { inputs } => inputs.iter_mut().collect(),
        }
    }

    /// Rewrites bottom-up: inputs first, then the node over them.
    #[must_use]
    pub fn rewrite_up(mut self, f: &mut dyn FnMut(Plan) -> Plan) -> Plan {
        for child in self.children_mut() {
            let owned = std::mem::replace(child, Plan::placeholder());
            *child = owned.rewrite_up(f);
        }
        f(self)
    }

    /// Something to leave behind while a plan is taken out of its place.
    pub(crate) fn placeholder() -> Plan {
        let schema = Schema::new(Vec::new());
        Plan { node: Node::Values { rows: Vec::new() }, schema, span: None }
    }

    /// Calls `f` with each plan node, top down.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Plan)) {
        f(self);
        self.children().into_iter().for_each(|child| child.walk(f));
    }

    /// Calls `f` with each expression that stands directly in this node.
    pub fn each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.node {
            Node::Values { rows } => rows.iter().flatten().for_each(f),
            Node::Filter { predicate, .. } => f(predicate),
            Node::Project { exprs, .. } => exprs.iter().for_each(f),
            Node::Join { on, .. } => on.iter().for_each(f),
            Node::Aggregate { group, aggs, .. } => {
                group.iter().for_each(&mut *f);
                aggs.iter().for_each(|a| a.each_expr(f));
            }
            Node::Over { calls, .. } => calls.iter().for_each(|c| c.each_expr(f)),
            Node::Unnest { call, .. } => f(call),
            _ => {}
        }
    }

    /// Calls `f` with each expression that stands directly in this node, to change it in place.
    pub fn each_expr_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        match &mut self.node {
            Node::Values { rows } => rows.iter_mut().flatten().for_each(f),
            Node::Filter { predicate, .. } => f(predicate),
            Node::Project { exprs, .. } => exprs.iter_mut().for_each(f),
            Node::Join { on, .. } => on.iter_mut().for_each(f),
            Node::Aggregate { group, aggs, .. } => {
                group.iter_mut().for_each(&mut *f);
                aggs.iter_mut().for_each(|a| a.each_expr_mut(f));
            }
            Node::Over { calls, .. } => calls.iter_mut().for_each(|c| c.each_expr_mut(f)),
            Node::Unnest { call, .. } => f(call),
            _ => {}
        }
    }

    /// Whether two plans compute the same rows by the same steps: names and places in the text
    /// aside.
    pub fn same_as(&self, other: &Plan) -> bool {
        same_node(&self.node, &other.node)
    }
}

fn same_node(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (
            Node::Scan { relation: ra, columns: ca, moment: ma },
            Node::Scan { relation: rb, columns: cb, moment: mb },
        ) => ra == rb && ca == cb && ma == mb,
        (Node::Values { rows: a }, Node::Values { rows: b }) => a == b,
        (Node::Filter { input: ia, predicate: pa }, Node::Filter { input: ib, predicate: pb }) => {
            pa == pb && ia.same_as(ib)
        }
        (Node::Project { input: ia, exprs: ea }, Node::Project { input: ib, exprs: eb }) => {
            ea == eb && ia.same_as(ib)
        }
        (
            Node::Join { left: la, right: ra, kind: ka, on: oa },
            Node::Join { left: lb, right: rb, kind: kb, on: ob },
        ) => ka == kb && oa == ob && la.same_as(lb) && ra.same_as(rb),
        (
            Node::Aggregate { input: ia, group: ga, aggs: aa },
            Node::Aggregate { input: ib, group: gb, aggs: ab },
        ) => ga == gb && aa == ab && ia.same_as(ib),
        (
            Node::TimeWindow { input: ia, time: ta, window: wa },
            Node::TimeWindow { input: ib, time: tb, window: wb },
        ) => ta == tb && wa == wb && ia.same_as(ib),
        (Node::Distinct { input: a }, Node::Distinct { input: b }) => a.same_as(b),
        (Node::Union { inputs: a }, Node::Union { inputs: b }) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_as(y))
        }
        (
            Node::SetOp { left: la, right: ra, op: oa, all: aa },
            Node::SetOp { left: lb, right: rb, op: ob, all: ab },
        ) => oa == ob && aa == ab && la.same_as(lb) && ra.same_as(rb),
        (
            Node::Over { input: ia, partition: pa, order: oa, calls: ca },
            Node::Over { input: ib, partition: pb, order: ob, calls: cb },
        ) => pa == pb && oa == ob && ca == cb && ia.same_as(ib),
        // TopN, Unnest, Sort, Limit: no rule asks; the structural comparison is stricter, so it is
        // sound.
        (a, b) => a == b,
    }
}

impl TimeWindow {
    /// How far apart `window_start` and `window_end` are, if that is fixed.
    pub fn fixed_size(&self) -> Option<i64> {
        match self {
            Self::Tumble { size, .. } | Self::Hop { size, .. } => Some(*size),
            Self::Cumulate { .. } | Self::Session { .. } => None,
        }
    }
}
