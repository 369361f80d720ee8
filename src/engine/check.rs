//! The integrity walk: whether what is kept agrees with itself.
//!
//! Contents are compared with their indexes and counts, constraints are looked at again, assertions
//! and materialized views are computed anew. It works on an open database, an object at a time.
//! Invariant: nothing is changed; what is called damaged is.

use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_planner::physical::{Op, PhysicalPlan};
use arena_tr_storage::Batch;
use arena_tr_types::{AggFunc, RelationId, SqlState, Timestamp};
use arena_tr_vm::{OnError, StepInput, Task};

use super::commit::Deltas;
use super::{Engine, kind_name};
use crate::error::{Error, Result};

/// What a check found of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    Ok,
    /// What is wrong.
    Damaged(String),
    /// Why nothing can be said.
    Skipped(String),
}

/// A view computed anew.
pub(crate) enum Anew {
    /// What it has more and less than what is kept.
    Differs(Vec<Batch>),
    /// Why it cannot be computed.
    Cannot(String),
}

impl Engine {
    /// The relations that a check looks at: names and ids.
    pub(crate) fn checked_relations(&self) -> Vec<RelationId> {
        let kept = self.relations.iter().filter(|(_, entry)| {
            !crate::introspect::is_hidden(&entry.relation.name)
                && entry.relation.kind != RelationKind::View
        });
        kept.map(|(id, _)| *id).collect()
    }

    /// Looks at one relation; none if it is gone.
    ///
    /// # Errors
    /// When memory runs out.
    pub(crate) fn check_relation(
        &mut self,
        id: RelationId,
    ) -> Result<Option<(String, &'static str, Finding)>> {
        let Some(entry) = self.relations.get(&id) else { return Ok(None) };
        let relation = std::sync::Arc::clone(&entry.relation);
        let found = match entry.store.as_ref().map(|store| store.verify()) {
            None => Finding::Skipped("it keeps no rows".to_owned()),
            Some(Err(what)) => Finding::Damaged(what),
            Some(Ok(())) if entry.view.is_some() => self.check_view(id)?,
            Some(Ok(())) => match self.check_constraints(id, &relation) {
                Ok(()) => Finding::Ok,
                Err(error) => Finding::Damaged(described(&error)),
            },
        };
        Ok(Some((relation.name.clone(), kind_name(relation.kind), found)))
    }

    /// Whether all rows fulfil NOT NULL, CHECK and FOREIGN KEY; keys are their indexes' matter.
    fn check_constraints(&mut self, id: RelationId, relation: &Relation) -> Result<()> {
        if !matches!(relation.kind, RelationKind::Table | RelationKind::Stream) {
            return Ok(());
        }
        for batch in self.contents(id) {
            self.check_rows(id, batch)?;
        }
        self.check_references(id)
    }

    fn check_view(&self, id: RelationId) -> Result<Finding> {
        let entry = self.entry(id)?;
        let Some(view) = &entry.view else { return Ok(Finding::Ok) };
        let differs = match self.view_anew(id)? {
            Anew::Cannot(why) => return Ok(Finding::Skipped(why)),
            Anew::Differs(rows) => rows,
        };
        if differs.is_empty() {
            return Ok(Finding::Ok);
        }
        let weights = crate::connector::weighted(&differs).map(|(_, _, weight)| weight);
        let n = weights.fold(0u64, |n, weight| n.saturating_add(weight.unsigned_abs()));
        Ok(match inexact(&view.plan) {
            Some(why) => Finding::Skipped(why.to_owned()),
            None => Finding::Damaged(format!("rows that differ from its query: {n}")),
        })
    }

    /// Computes a materialized view from what its inputs hold, and compares it with what is kept.
    ///
    /// # Errors
    /// When memory runs out.
    pub(crate) fn view_anew(&self, id: RelationId) -> Result<Anew> {
        let entry = self.entry(id)?;
        let Some(view) = &entry.view else {
            return Err(Error::new(SqlState::INTERNAL, "a view without a query"));
        };
        if let Some(error) = &view.failed {
            return Ok(Anew::Cannot(format!("it failed: {}", error.message())));
        }
        if let Some(input) = view.inputs.iter().find(|input| !self.is_stored(**input)) {
            let name = &self.entry(*input)?.relation.name;
            return Ok(Anew::Cannot(format!("\"{name}\" keeps no rows to compute it from")));
        }
        let contents: Vec<Vec<Batch>> = view.inputs.iter().map(|i| self.contents(*i)).collect();
        let nothing = vec![Vec::new(); view.inputs.len()];
        let mut task = Task::new(view.program.clone(), &self.pool, id.0)?;
        let mut rows: Vec<Batch> = self.contents(id).iter().map(Batch::negate).collect();
        // As a view that is made now: its inputs' rows first, then event time.
        for (deltas, watermark) in [(contents, Timestamp::MIN), (nothing, view.watermark)] {
            let slices: Vec<&[Batch]> = deltas.iter().map(Vec::as_slice).collect();
            let stepped = task.step(&StepInput {
                epoch: self.epoch,
                now: self.now,
                watermark,
                deltas: &slices,
                on_error: OnError::Divert,
                cancel: None,
            });
            match stepped {
                Ok(output) => rows.extend(output.delta),
                Err(error) => return Ok(Anew::Cannot(format!("it cannot be computed: {error}"))),
            }
        }
        Ok(Anew::Differs(Batch::consolidate(rows)))
    }

    /// Commits what a view has to become, and what follows from it, as an epoch of its own.
    ///
    /// # Errors
    /// As [`Engine::commit`].
    pub(crate) fn repair_view(&mut self, id: RelationId) -> Result<Option<arena_tr_types::Epoch>> {
        let message = "it is being computed anew";
        let Some(view) = self.entry_mut(id)?.view.as_mut() else { return Ok(None) };
        let Some(input) = view.inputs.first().copied() else { return Ok(None) };
        view.failed = Some(Error::new(SqlState::OBJECT_IN_WRONG_STATE, message));
        // A failed view is rebuilt by the next commit that touches it.
        self.commit(Deltas::from([(input, Vec::new())])).map(Some)
    }
}

/// What is wrong, with the row that it is about.
fn described(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.message()),
        None => error.message().to_owned(),
    }
}

/// Why a view that is computed anew may be another and right nevertheless.
fn inexact(plan: &PhysicalPlan) -> Option<&'static str> {
    use AggFunc::{ArrayAgg, FirstValue, LastValue, StringAgg};
    for node in &plan.nodes {
        let forgets = match &node.op {
            Op::Aggregate(a) => {
                let by_arrival =
                    |f: &AggFunc| matches!(f, ArrayAgg | FirstValue | LastValue | StringAgg);
                if a.aggs.iter().any(|agg| by_arrival(&agg.func)) {
                    return Some(
                        "computed anew it differs, but it depends on the order of arrival",
                    );
                }
                a.forget.is_some()
            }
            Op::Join(j) => j.left_forget.is_some() || j.right_forget.is_some(),
            Op::TopN(top) => top.forget.is_some(),
            Op::Distinct { forget }
            | Op::SessionAssign { forget, .. }
            | Op::Over { forget, .. } => forget.is_some(),
            Op::PaneAggregate(_) | Op::SessionAggregate(_) | Op::HoldUntilClose { .. } => true,
            _ => false,
        };
        if forgets {
            return Some(
                "computed anew it differs, but it has forgotten what event time has passed",
            );
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use arena_tr_storage::Batch;
    use arena_tr_types::{DataType, Value};

    use crate::{Database, Session};

    const SETUP: &str = "
        CREATE TABLE parent (id INT PRIMARY KEY);
        CREATE TABLE child (id INT NOT NULL CHECK (id < 9), parent INT REFERENCES parent);
        CREATE MATERIALIZED VIEW v AS SELECT parent, count(*) AS n FROM child GROUP BY parent;
        CREATE MATERIALIZED VIEW w AS SELECT sum(n) AS n FROM v;
        CREATE ASSERTION few AS (SELECT parent FROM v WHERE n > 3);
        INSERT INTO parent VALUES (1), (2);
        INSERT INTO child VALUES (1, 1), (2, 1), (3, NULL)";

    fn set_up() -> (Database, Session) {
        let db = Database::in_memory();
        let mut session = db.session();
        session.execute(SETUP).expect("it is right");
        (db, session)
    }

    /// Puts rows past all checks into what is kept of a relation.
    fn smuggle(db: &Database, name: &str, types: &[DataType], rows: &[Vec<Value>]) {
        let delta = Batch::from_rows(rows, types).expect("values of their types");
        let mut engine = db.engine();
        let id = engine.find(name).expect("a relation").id;
        let store = engine.entry_mut(id).expect("a relation").store.as_mut();
        store.expect("it keeps rows").apply(&[delta]).expect("memory");
    }

    /// What is not `ok`: object, status and detail.
    fn found(session: &mut Session) -> Vec<String> {
        let rows = session.query("CHECK DATABASE", &[]).expect("a result").to_vec();
        let text = |v: &Value| v.as_str().unwrap_or("NULL").to_owned();
        let cells = |row: &Vec<Value>| row.iter().map(text).collect::<Vec<_>>();
        let bad = rows.iter().map(cells).filter(|row| row[2] != "ok");
        bad.map(|row| format!("{} {}: {}", row[0], row[2], row[3])).collect()
    }

    #[test]
    fn rows_that_break_a_constraint_are_found() {
        let cases = [
            ([Value::Int4(9), Value::Null], "new row for relation \"child\" violates check"),
            ([Value::Null, Value::Null], "null value in column \"id\""),
            ([Value::Int4(4), Value::Int4(7)], "foreign key \"child_parent_fkey\" does not hold"),
        ];
        for (row, expected) in cases {
            let (db, mut session) = set_up();
            assert_eq!(found(&mut session), [""; 0]);
            smuggle(&db, "child", &[DataType::Int4, DataType::Int4], &[row.to_vec()]);
            let found = found(&mut session);
            // The view does not know the row either.
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(found[0].starts_with(&format!("child damaged: {expected}")), "{found:?}");
            assert!(found[1].starts_with("v damaged: rows that differ"), "{found:?}");
        }
    }

    #[test]
    fn a_violated_assertion_is_found() {
        let (db, mut session) = set_up();
        let row = vec![Value::Int4(5), Value::Int4(1)];
        smuggle(&db, "child", &[DataType::Int4, DataType::Int4], &vec![row; 2]);
        let found = found(&mut session);
        let expected = "few damaged: assertion \"few\" is violated: Its query returns (1).";
        assert_eq!(found.last().map(String::as_str), Some(expected), "{found:?}");
    }

    #[test]
    fn a_view_is_compared_and_repaired() {
        let (db, mut session) = set_up();
        let types = [DataType::Int4, DataType::Int8];
        smuggle(&db, "v", &types, &[vec![Value::Int4(8), Value::Int8(5)]]);
        let expected = [
            "v damaged: rows that differ from its query: 1",
            "w damaged: rows that differ from its query: 2",
        ];
        assert_eq!(found(&mut session), expected);
        let before = db.epoch();
        let differs = |session: &mut Session, sql: &str| {
            let rows = session.query(sql, &[]).expect("a result");
            rows.to_vec().iter().map(|row| format!("{row:?}")).collect::<Vec<_>>()
        };
        let check = "CHECK MATERIALIZED VIEW v";
        assert_eq!(differs(&mut session, check), ["[Int8(-1), Int4(8), Int8(5)]"]);
        assert_eq!((db.epoch(), found(&mut session).len()), (before, 2), "nothing has changed");
        let repair = "CHECK MATERIALIZED VIEW v REPAIR";
        assert_eq!(differs(&mut session, repair), ["[Int8(-1), Int4(8), Int8(5)]"]);
        assert_eq!(db.epoch().0, before.0 + 1);
        // Nothing reads `w`'s own past: what came from `v` left with the row that was too many.
        assert_eq!(differs(&mut session, repair), [""; 0]);
        session.execute("CHECK MATERIALIZED VIEW w REPAIR").expect("a result");
        assert_eq!(found(&mut session), [""; 0]);
        session.execute("INSERT INTO child VALUES (4, 2)").expect("it goes on");
        assert_eq!(found(&mut session), [""; 0]);
    }
}
