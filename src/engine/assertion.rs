//! Assertions: standing queries that must stay empty, maintained before a commit changes anything.
//!
//! An assertion's program reads tables and streams only: the views that its query names are planned
//! in place, materialized ones too. So it can step on what a commit brings before any relation,
//! view or sink has seen it, and a commit that would make it return rows has nothing to undo but
//! the programs that stepped. They take the same changes back with opposite weights, which leads a
//! program without order of arrival, event time and errors where it was; others are forgotten and
//! built anew from the relations' contents when they are asked next. That is also how they come
//! back when a database is opened: neither the log nor a snapshot has their state.
//!
//! The planner is told that all inputs may retract and that none has a watermark. So nothing is
//! ever forgotten or closed, and taking back is always legal.
//!
//! Invariant: after every commit each assertion's query returns no rows, and a program that is kept
//! has taken in exactly what its relations hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arena_tr_parser::ast::{Emit, StatementKind};
use arena_tr_planner::bind::BoundQuery;
use arena_tr_planner::catalog::{Catalog, Relation, RelationKind};
use arena_tr_planner::physical::{Op, PhysicalPlan};
use arena_tr_planner::{Mode, lower, optimize};
use arena_tr_storage::Batch;
use arena_tr_types::{AggFunc, DataType, Epoch, RelationId, SqlError, SqlState, Timestamp, Value};
use arena_tr_vm::{ConstEvaluator, OnError, Program, StepInput, Task, compile};

use super::commit::Deltas;
use super::definitions::Object;
use super::{Engine, kind_name};
use crate::error::{Error, Result};

/// How many offending rows an error shows.
const SHOWN_ROWS: usize = 3;

/// All assertions.
#[derive(Default)]
pub(crate) struct Assertions {
    named: BTreeMap<String, Assertion>,
    /// Which of them read a table or stream.
    watching: BTreeMap<RelationId, BTreeSet<String>>,
}

/// A standing query that must stay empty.
pub(crate) struct Assertion {
    /// The query's text.
    pub(crate) query: String,
    /// Everything that it reads: what its text names, and what views among that read.
    pub(crate) reads: BTreeSet<RelationId>,
    /// To whom its memory is charged.
    pub(crate) id: RelationId,
    program: Arc<Program>,
    /// Tables and streams, in the order of the program's inputs.
    inputs: Vec<RelationId>,
    types: Vec<DataType>,
    /// Whether the program is where it was after it has taken changes back.
    reversible: bool,
    /// None: to be built from the contents when it is asked next.
    running: Option<Running>,
}

/// A program with what its query returns: nothing, while the assertion holds.
struct Running {
    task: Task,
    rows: Vec<Batch>,
}

impl Assertions {
    /// All, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Assertion)> {
        self.named.iter()
    }

    /// Whether there is one of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// The one of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Assertion> {
        self.named.get(name)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    fn insert(&mut self, name: String, assertion: Assertion) {
        for input in &assertion.inputs {
            self.watching.entry(*input).or_default().insert(name.clone());
        }
        self.named.insert(name, assertion);
    }

    fn remove(&mut self, name: &str) -> Option<Assertion> {
        let removed = self.named.remove(name)?;
        self.watching.retain(|_, names| {
            names.remove(name);
            !names.is_empty()
        });
        Some(removed)
    }

    /// Those that read something of what a commit changes.
    pub(super) fn touched(&self, deltas: &Deltas) -> BTreeSet<String> {
        if self.watching.is_empty() {
            return BTreeSet::new();
        }
        let changed = deltas.iter().filter(|(_, delta)| delta.iter().any(|b| b.live() > 0));
        changed.filter_map(|(id, _)| self.watching.get(id)).flatten().cloned().collect()
    }
}

impl Assertion {
    /// Plans a query as an assertion.
    ///
    /// # Errors
    /// 0A000 for what cannot be maintained before a commit or taken back.
    pub(crate) fn new(
        id: RelationId,
        query: String,
        bound: BoundQuery,
        catalog: &Catalog,
    ) -> Result<Self> {
        let mode = Mode::Standing { emit: arena_tr_planner::Emit::Changes };
        let plan = optimize(bound.plan, &ConstEvaluator::default())?;
        let plan = lower(plan, catalog, &mode)?.plan;
        check_inputs(&plan, catalog)?;
        let reversible = is_reversible(&plan)?;
        let program = Arc::new(compile(&plan, "assertion")?);
        let inputs: Vec<RelationId> = plan.inputs.iter().map(|i| i.relation).collect();
        let reads = bound.reads.into_iter().chain(inputs.iter().copied()).collect();
        let types = plan.schema.types();
        Ok(Self { query, reads, id, program, inputs, types, reversible, running: None })
    }

    /// Steps its program; what its query returns then. A program that fails is forgotten.
    fn step(&mut self, deltas: &Deltas, (epoch, now): (Epoch, Timestamp)) -> Result<&[Batch]> {
        let Some(running) = &mut self.running else { return Ok(&[]) };
        let inputs: Vec<&[Batch]> = self
            .inputs
            .iter()
            .map(|input| deltas.get(input).map_or(&[][..], Vec::as_slice))
            .collect();
        let stepped = running.task.step(&StepInput {
            epoch,
            now,
            watermark: Timestamp::MIN,
            deltas: &inputs,
            on_error: OnError::Abort,
            cancel: None,
        });
        match stepped {
            Ok(output) => {
                if !output.delta.is_empty() {
                    running.rows.extend(output.delta);
                    running.rows = Batch::consolidate(std::mem::take(&mut running.rows));
                }
                Ok(self.running.as_ref().map_or(&[], |running| &running.rows))
            }
            Err(error) => {
                self.running = None;
                Err(error.into())
            }
        }
    }

    /// Takes changes back that it has just stepped on.
    fn take_back(&mut self, deltas: &Deltas, at: (Epoch, Timestamp)) {
        let of_input = |(id, delta): (&RelationId, &Vec<Batch>)| {
            let negated = delta.iter().map(Batch::negate).collect();
            self.inputs.contains(id).then(|| (*id, Batch::consolidate(negated)))
        };
        let back: Deltas = deltas.iter().filter_map(of_input).collect();
        let is_back = self.reversible && self.step(&back, at).is_ok_and(<[Batch]>::is_empty);
        if !is_back {
            self.running = None;
        }
    }

    /// The error of what its query returns.
    fn violation(&self, name: &str, rows: &[Batch]) -> Option<Error> {
        let returned = rows.iter().flat_map(|batch| batch.to_weighted_rows(&self.types));
        let mut shown = Vec::with_capacity(SHOWN_ROWS);
        let mut more = 0usize;
        for (row, weight) in returned.filter(|(_, weight)| *weight > 0) {
            if shown.len() < SHOWN_ROWS {
                shown.push(text_of(&row));
                more += usize::try_from(weight - 1).unwrap_or(usize::MAX);
            } else {
                more = more.saturating_add(usize::try_from(weight).unwrap_or(usize::MAX));
            }
        }
        if shown.is_empty() {
            return None;
        }
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("assertion \"{name}\" is violated");
        let detail = format!("Its query returns {}{and}.", shown.join(", "));
        Some(SqlError::new(SqlState::CHECK_VIOLATION, message).with_detail(detail).into())
    }
}

impl Engine {
    /// What exists, as an assertion's query sees it: materialized views stand for their queries,
    /// and nothing only grows or has event time.
    pub(crate) fn catalog_of_assertions(&self) -> Catalog {
        let mut catalog = (*self.catalog).clone();
        for relation in catalog.relations.values_mut() {
            if let Some(seen) = self.as_asserted(relation) {
                *relation = Arc::new(seen);
            }
        }
        catalog
    }

    fn as_asserted(&self, relation: &Relation) -> Option<Relation> {
        match relation.kind {
            RelationKind::Stream => {
                let seen = relation.clone();
                Some(Relation { append_only: false, watermark: None, ..seen })
            }
            RelationKind::MaterializedView => {
                let sql = &self.relations.get(&relation.id)?.sql;
                let statement = arena_tr_parser::parse_one(sql).ok()?;
                let StatementKind::CreateView(create) = statement.kind else { return None };
                let mut query = *create.query;
                if matches!(query.emit.take(), Some(Emit::OnWindowClose { .. })) {
                    return None;
                }
                let mut seen = relation.clone();
                seen.view_query = Some(Arc::new(query));
                seen.view_columns = create.columns.into_iter().map(|c| c.name).collect();
                Some(seen)
            }
            _ => None,
        }
    }

    /// Adds an assertion, or puts it in the place of another of its name.
    ///
    /// # Errors
    /// 23514 when its query returns rows; what was there stays.
    pub(crate) fn add_assertion(&mut self, name: &str, assertion: Assertion) -> Result<()> {
        let mut assertion = assertion;
        // What is replayed was asserted when it happened.
        if self.recalled.is_none() {
            // What is prepared was not asked, and may not fail any more.
            assertion.inputs.iter().try_for_each(|id| self.check_unused(*id))?;
            self.build(name, &mut assertion)?;
            let rows = assertion.running.as_ref().map_or(&[][..], |running| &running.rows);
            if let Some(error) = assertion.violation(name, rows) {
                return Err(error);
            }
        }
        self.drop_assertion(name);
        self.assertions.insert(name.to_owned(), assertion);
        self.noted.made(Object::Assertion(name.to_owned()));
        Ok(())
    }

    /// Removes an assertion.
    pub(crate) fn drop_assertion(&mut self, name: &str) {
        if self.assertions.remove(name).is_some() {
            self.noted.dropped(Object::Assertion(name.to_owned()));
        }
    }

    /// The names of the assertions that read a relation, directly or through views.
    pub(crate) fn assertions_on(&self, id: RelationId) -> Vec<String> {
        let on = self.assertions.iter().filter(|(_, assertion)| assertion.reads.contains(&id));
        on.map(|(name, _)| name.clone()).collect()
    }

    /// Starts an assertion's program over what its relations hold.
    fn build(&self, name: &str, assertion: &mut Assertion) -> Result<()> {
        if assertion.running.is_some() {
            return Ok(());
        }
        let task = Task::new(Arc::clone(&assertion.program), &self.pool, assertion.id.0)?;
        assertion.running = Some(Running { task, rows: Vec::new() });
        let contents = assertion.inputs.iter().map(|id| (*id, self.contents(*id))).collect();
        let at = (self.epoch, self.time());
        assertion.step(&contents, at).map_err(|e| while_checking(e, name)).map(drop)
    }

    /// Lets the assertions that a commit touches step on what it brings, before anything else does;
    /// those that did.
    ///
    /// # Errors
    /// 23514 when one of them would return rows, or what its query fails with. They are as they
    /// were then.
    pub(super) fn step_assertions(
        &mut self,
        deltas: &Deltas,
        at: (Epoch, Timestamp),
    ) -> Result<BTreeSet<String>> {
        let names = self.assertions.touched(deltas);
        if names.is_empty() {
            return Ok(names);
        }
        for (id, delta) in deltas {
            if let Some(store) = &self.entry(*id)?.store {
                // A key that is there twice is the more telling error.
                store.check(delta)?;
            }
        }
        for (i, name) in names.iter().enumerate() {
            if let Err(error) = self.step_assertion(name, deltas, at) {
                for stepped in names.iter().take(i + 1) {
                    if let Some(assertion) = self.assertions.named.get_mut(stepped) {
                        assertion.take_back(deltas, at);
                    }
                }
                return Err(error);
            }
        }
        Ok(names)
    }

    fn step_assertion(
        &mut self,
        name: &str,
        deltas: &Deltas,
        at: (Epoch, Timestamp),
    ) -> Result<()> {
        // Taken out, because it reads the relations while it is built.
        let Some(mut assertion) = self.assertions.named.remove(name) else { return Ok(()) };
        let stepped = self.build(name, &mut assertion).and_then(|()| {
            let rows = assertion.step(deltas, at).map_err(|e| while_checking(e, name))?.to_vec();
            assertion.violation(name, &rows).map_or(Ok(()), Err)
        });
        self.assertions.named.insert(name.to_owned(), assertion);
        stepped
    }

    /// Asks an assertion's query anew; what it returns is an error. None if there is no such one.
    pub(crate) fn check_assertion(&self, name: &str) -> Option<Result<()>> {
        let of = self.assertions.get(name)?;
        let mut fresh = Assertion {
            query: String::new(),
            reads: BTreeSet::new(),
            program: Arc::clone(&of.program),
            inputs: of.inputs.clone(),
            types: of.types.clone(),
            running: None,
            ..*of
        };
        Some(self.build(name, &mut fresh).and_then(|()| {
            let rows = fresh.running.as_ref().map_or(&[][..], |running| &running.rows);
            fresh.violation(name, rows).map_or(Ok(()), Err)
        }))
    }

    /// Forgets what assertions have stepped on: the commit failed for another reason.
    pub(super) fn forget_assertions(&mut self, stepped: &BTreeSet<String>) {
        for name in stepped {
            if let Some(assertion) = self.assertions.named.get_mut(name) {
                assertion.running = None;
            }
        }
    }
}

fn while_checking(error: Error, name: &str) -> Error {
    if error.hint().is_some() {
        return error;
    }
    error.with_hint(format!("it is assertion \"{name}\" that cannot be computed"))
}

/// A row as an error shows it.
fn text_of(row: &[Value]) -> String {
    let text = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    };
    format!("({})", row.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// Whether all inputs keep their rows and have them before the views step.
fn check_inputs(plan: &PhysicalPlan, catalog: &Catalog) -> Result<()> {
    for input in &plan.inputs {
        let found = catalog.relations.values().find(|r| r.id == input.relation);
        let kind = found.map_or(RelationKind::System, |r| r.kind);
        if matches!(kind, RelationKind::Table | RelationKind::Stream) {
            continue;
        }
        let what = match kind {
            RelationKind::MaterializedView => "materialized view that emits on window close",
            kind => kind_name(kind),
        };
        return Err(Error::unsupported(format!("an assertion over {what} \"{}\"", input.name))
            .with_hint("assertions read tables and streams, and views over them"));
    }
    Ok(())
}

/// Whether a program is where it was after taking changes back.
///
/// # Errors
/// 0A000 when its result would depend on the order in which rows came, or on event time.
fn is_reversible(plan: &PhysicalPlan) -> Result<bool> {
    use AggFunc::{ArrayAgg, FirstValue, LastValue, StringAgg};
    let mut reversible = true;
    for node in &plan.nodes {
        match &node.op {
            Op::Aggregate(aggregate) => {
                for agg in &aggregate.aggs {
                    if !matches!(agg.func, ArrayAgg | FirstValue | LastValue | StringAgg) {
                        continue;
                    }
                    reversible = false;
                    if agg.order.is_empty() {
                        let name = agg.func.name();
                        let what = format!("{name}() without ORDER BY in an assertion");
                        return Err(Error::unsupported(what)
                            .with_hint("its value depends on the order in which rows came"));
                    }
                }
            }
            Op::PaneAggregate(_) | Op::SessionAggregate(_) | Op::HoldUntilClose { .. } => {
                return Err(Error::unsupported("event time in an assertion"));
            }
            _ => {}
        }
    }
    Ok(reversible)
}

#[cfg(test)]
mod tests {
    use crate::Database;

    fn is_running(db: &Database, name: &str) -> bool {
        db.engine().assertions.get(name).is_some_and(|a| a.running.is_some())
    }

    fn refused(session: &mut crate::Session, sql: &str) -> crate::Error {
        session.execute(sql).map(drop).expect_err("it is to be refused")
    }

    #[test]
    fn a_refused_commit_is_taken_back_and_not_computed_anew() {
        let db = Database::in_memory();
        let mut session = db.session();
        let setup = "CREATE TABLE t (k INT, n INT);
            INSERT INTO t VALUES (1, 1), (2, 2);
            CREATE ASSERTION sums AS (SELECT k FROM t GROUP BY k HAVING sum(n) > 5);
            CREATE ASSERTION texts AS
                (SELECT 1 FROM t HAVING string_agg(n::text, ',' ORDER BY n) LIKE '%9%');
            CREATE ASSERTION zeros AS (SELECT k FROM t WHERE 10 / n > 100)";
        session.execute(setup).expect("it holds");
        for _ in 0..3 {
            let error = refused(&mut session, "INSERT INTO t VALUES (1, 6)");
            assert_eq!(error.message(), "assertion \"sums\" is violated");
            assert!(is_running(&db, "sums") && is_running(&db, "texts"));
        }
        // Order of arrival is not taken back, and a program that failed is of no use.
        let error = refused(&mut session, "UPDATE t SET n = -9 WHERE k = 1");
        assert_eq!(error.message(), "assertion \"texts\" is violated");
        assert!(is_running(&db, "sums") && !is_running(&db, "texts"));
        refused(&mut session, "INSERT INTO t VALUES (1, 0)");
        assert!(is_running(&db, "sums") && !is_running(&db, "zeros"));
        session.execute("INSERT INTO t VALUES (1, 4)").expect("sums to 5");
        assert!(["sums", "texts", "zeros"].iter().all(|name| is_running(&db, name)));
    }
}
