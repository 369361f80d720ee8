//! Making and dropping relations, views and sinks.
//!
//! What a statement defines was checked by the planner; here it gets storage, a program, its place
//! in the order of steps, and its past.
//! Invariant: a definition that fails leaves nothing behind; nothing is dropped while something
//! else reads it.

use std::sync::Arc;

use arena_tr_planner::bind::{BoundQuery, Emit};
use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_planner::physical::{Expr, ExprKind, Input, Node, NodeId, Op, PhysicalPlan};
use arena_tr_planner::{Lowered, Mode, lower, optimize};
use arena_tr_storage::arena::{Pool, Tier};
use arena_tr_storage::table::RelationStore;
use arena_tr_types::{DataType, Field, RelationId, Schema, SqlState, Value};
use arena_tr_vm::{ConstEvaluator, Task, compile};

use super::definitions::Object;
use super::{Engine, Entry, Feed, FeedState, Reader, View, kind_name};
use crate::connector::Source;
use crate::error::{Error, Result};
use crate::introspect::plain_relation;
use crate::watermark::Gate;

impl Engine {
    /// Puts a relation into the catalog and behind it what it needs.
    ///
    /// # Errors
    /// When its computed columns cannot be compiled.
    pub(crate) fn add_relation(&mut self, relation: Relation, sql: &str) -> Result<RelationId> {
        let id = relation.id;
        let relation = Arc::new(relation);
        let mut entry = Entry::new(Arc::clone(&relation), sql);
        entry.gate = relation.watermark.map(|w| Gate::new(w.column, w.delay));
        if relation.computed.iter().any(Option::is_some) {
            entry.compute = Some(self.compute_task(&relation)?);
        }
        entry.checks = super::constraint::Checks::new(&relation, &self.pool)?;
        if !matches!(relation.kind, RelationKind::Source | RelationKind::View) {
            let mut store = self.new_store(&relation);
            entry.numbers = super::index::add_all(&mut store, &relation)?;
            entry.store = Some(store);
        }
        self.noted.made(Object::Relation(id));
        self.history.made(id, self.epoch);
        self.relations.insert(id, entry);
        let linked = !relation.keys.foreign.is_empty();
        Arc::make_mut(&mut self.catalog).relations.insert(relation.name.clone(), relation);
        if linked {
            self.relink();
        }
        Ok(id)
    }

    /// An empty store of a relation's rows for a transaction's own use, with its keys.
    ///
    /// # Errors
    /// When memory runs out.
    pub(crate) fn scratch_store(pool: &Pool, relation: &Relation) -> Result<RelationStore> {
        let (types, key) = (relation.schema.types(), relation.primary_key.as_deref());
        let owner = Self::owner(RelationId(0), Tier::Keyed);
        let mut store = RelationStore::keyed(pool, owner, &types, key);
        super::index::add_all(&mut store, relation)?;
        Ok(store)
    }

    /// Whether rows of the relation must differ in some key.
    pub(crate) fn has_keys(relation: &Relation) -> bool {
        !relation.append_only && relation.unique_keys().next().is_some()
    }

    fn new_store(&self, relation: &Relation) -> RelationStore {
        let types = relation.schema.types();
        let owner = Self::owner(relation.id, Tier::Keyed);
        if relation.append_only {
            RelationStore::append_only(&types)
        } else {
            RelationStore::keyed(&self.pool, owner, &types, relation.primary_key.as_deref())
        }
    }

    /// Adds the relation that keeps a relation's rejected rows, if its name is free.
    pub(crate) fn add_error_relation(&mut self, of: &str) -> Result<Option<RelationId>> {
        let fields = [
            Field::new("epoch", DataType::Int8, false),
            Field::new("sqlstate", DataType::Text, false),
            Field::new("reason", DataType::Text, false),
            Field::new("row", DataType::Text, true),
        ];
        self.add_system_relation(&format!("{of}_errors"), Schema::new(fields.to_vec()))
    }

    /// Adds a relation that the engine fills, if its name is free.
    pub(crate) fn add_system_relation(
        &mut self,
        name: &str,
        schema: Schema,
    ) -> Result<Option<RelationId>> {
        if self.find(name).is_some() {
            return Ok(None);
        }
        let id = self.new_id();
        let relation = plain_relation(id, name, RelationKind::System, schema);
        self.add_relation(relation, "").map(Some)
    }

    /// Opens a source's connector. It is asked for rows from the next round on.
    pub(crate) fn attach_feed(&mut self, id: RelationId, source: Box<dyn Source>) -> Result<()> {
        let n_columns = self.delivered_columns(id)?;
        let gate_column = self.entry(id)?.gate.as_ref().map(|g| g.column);
        let mut wanted = vec![false; n_columns];
        if let Some(column) = gate_column {
            self.want(id, &[column], &mut wanted)?;
        }
        let feed = Feed { source, state: FeedState::Fresh, wanted, delivered: 0 };
        self.entry_mut(id)?.connector = Some(feed);
        Ok(())
    }

    /// A source's connector opened once more.
    pub(crate) fn reopen(&self, id: RelationId) -> Result<Box<dyn Source>> {
        let Some((connector, spec)) = &self.entry(id)?.feed_of else {
            let name = &self.entry(id)?.relation.name;
            return Err(Error::new(SqlState::INTERNAL, format!("\"{name}\" has no connector")));
        };
        self.connectors.get(connector)?.source(spec)
    }

    /// Number of columns that are delivered: those that are not computed.
    pub(crate) fn delivered_columns(&self, id: RelationId) -> Result<usize> {
        Ok(self.entry(id)?.relation.computed.iter().filter(|c| c.is_none()).count())
    }

    /// Marks the delivered columns that these relation columns need; a computed one needs all.
    fn want(&self, id: RelationId, columns: &[usize], wanted: &mut [bool]) -> Result<()> {
        let relation = &self.entry(id)?.relation;
        for &column in columns {
            if relation.computed[column].is_some() {
                wanted.fill(true);
            } else {
                let before = relation.computed[..column].iter().filter(|c| c.is_none()).count();
                wanted[before] = true;
            }
        }
        Ok(())
    }

    /// A view's query, planned to stand.
    pub(crate) fn plan_standing(
        &self,
        bound: BoundQuery,
        notices: &mut Vec<String>,
    ) -> Result<Lowered> {
        let mode = standing(bound.emit);
        let plan = optimize(bound.plan, &ConstEvaluator::default())?;
        let lowered = lower(plan, &self.catalog, &mode)?;
        notices.extend(lowered.notices.iter().map(notice));
        Ok(lowered)
    }

    /// Starts a standing query under a relation that is in place already, and brings it up to the
    /// present.
    ///
    /// # Errors
    /// When the plan cannot be compiled or a source cannot be read again.
    pub(crate) fn start_view(
        &mut self,
        id: RelationId,
        lowered: Lowered,
        notices: &mut Vec<String>,
    ) -> Result<Vec<arena_tr_storage::Batch>> {
        let name = self.entry(id)?.relation.name.clone();
        let program = Arc::new(compile(&lowered.plan, &name)?);
        let inputs: Vec<RelationId> = lowered.plan.inputs.iter().map(|i| i.relation).collect();
        let mut clocks: Vec<RelationId> = inputs.iter().flat_map(|i| self.clocks_of(*i)).collect();
        clocks.sort_unstable();
        clocks.dedup();
        for input in &lowered.plan.inputs {
            self.want_input(input)?;
        }
        let task = Task::new(Arc::clone(&program), &self.pool, id.0)?;
        let plan = Arc::new(lowered.plan);
        let watermark = arena_tr_types::time::TIMESTAMP_NEG_INFINITY;
        let view = View { program, plan, task, inputs, clocks, watermark, failed: None };
        self.entry_mut(id)?.view = Some(view);
        self.order.push(id);
        self.backfill(id, notices)
    }

    /// Adds a reader of a relation's changes: from now on all columns of it are used.
    pub(crate) fn follow(&mut self, id: RelationId, reader: Reader) -> Result<()> {
        self.want_all(id)?;
        let since = self.epoch;
        self.entry_mut(id)?.readers.push((since, reader));
        Ok(())
    }

    /// Marks every delivered column as used, if the relation has a connector.
    pub(crate) fn want_all(&mut self, id: RelationId) -> Result<()> {
        if let Some(feed) = &mut self.entry_mut(id)?.connector {
            feed.wanted.fill(true);
        }
        Ok(())
    }

    fn want_input(&mut self, input: &Input) -> Result<()> {
        let entry = self.entry(input.relation)?;
        let Some(feed) = &entry.connector else { return Ok(()) };
        let mut wanted = feed.wanted.clone();
        self.want(input.relation, &input.columns, &mut wanted)?;
        if let Some(feed) = &mut self.entry_mut(input.relation)?.connector {
            feed.wanted = wanted;
        }
        Ok(())
    }

    /// A standing query without a name, for SUBSCRIBE and sinks. Its contents at the start are kept
    /// as its only contents, for the reader's snapshot.
    pub(crate) fn start_anonymous(
        &mut self,
        bound: BoundQuery,
        sql: &str,
        notices: &mut Vec<String>,
    ) -> Result<(RelationId, Vec<arena_tr_storage::Batch>)> {
        let (schema, reads) = (bound.schema.clone(), bound.reads.clone());
        let lowered = self.plan_standing(bound, notices)?;
        let id = self.new_id();
        let name = format!("(query {})", id.0);
        let mut relation = plain_relation(id, &name, RelationKind::MaterializedView, schema);
        relation.append_only = lowered.output.append_only;
        let mut entry = Entry::new(Arc::new(relation), sql);
        entry.reads = reads;
        self.noted.made(Object::Relation(id));
        self.relations.insert(id, entry);
        match self.start_view(id, lowered, notices) {
            Ok(contents) => Ok((id, contents)),
            Err(error) => {
                self.forget(id);
                Err(error)
            }
        }
    }

    /// Drops a relation. With `cascade` also what reads it; otherwise that is an error.
    ///
    /// # Errors
    /// 2BP01 when something reads it.
    pub(crate) fn drop_relation(&mut self, id: RelationId, cascade: bool) -> Result<()> {
        let readers = self.readers_of(id);
        if !readers.is_empty() && !cascade {
            let relation = &self.entry(id)?.relation;
            let what = kind_name(relation.kind);
            return Err(Error::new(
                SqlState::DEPENDENT_OBJECTS,
                format!("cannot drop {what} {} because other objects depend on it", relation.name),
            )
            .with_hint(format!(
                "{} read it; DROP ... CASCADE drops them too",
                self.names(&readers).join(", ")
            )));
        }
        let subscriptions = self.subscriptions_to(id);
        if !subscriptions.is_empty() && !cascade {
            let relation = &self.entry(id)?.relation;
            let (what, names) = (kind_name(relation.kind), subscriptions.join(", "));
            let why = "because subscriptions follow it";
            let message = format!("cannot drop {what} {} {why}", relation.name);
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS, message)
                .with_hint(format!("{names} would go too with DROP ... CASCADE")));
        }
        let assertions = self.assertions_on(id);
        if !assertions.is_empty() && !cascade {
            let relation = &self.entry(id)?.relation;
            let (what, names) = (kind_name(relation.kind), assertions.join(", "));
            let why = "because assertions read it";
            let message = format!("cannot drop {what} {} {why}", relation.name);
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS, message)
                .with_hint(format!("{names} would go too with DROP ... CASCADE")));
        }
        if let (Some(link), false) = (self.links_from_others(id).first(), cascade) {
            return Err(self.referenced_error(id, *link)?);
        }
        self.drop_links(id)?;
        for reader in readers {
            if self.relations.contains_key(&reader) {
                self.drop_relation(reader, true)?;
            }
        }
        let attached: Vec<RelationId> = {
            let entry = self.entry(id)?;
            entry.late.into_iter().chain(entry.errors).collect()
        };
        self.forget(id);
        for other in attached {
            if self.relations.contains_key(&other) {
                self.drop_relation(other, true)?;
            }
        }
        Ok(())
    }

    /// Removes every trace of a relation.
    pub(crate) fn forget(&mut self, id: RelationId) {
        self.order.retain(|other| *other != id);
        let noted = &mut self.noted;
        self.sinks.retain(|name, sink| {
            let stays = sink.input != id;
            if !stays {
                noted.dropped(Object::Sink(name.clone()));
            }
            stays
        });
        for name in self.subscriptions_to(id) {
            self.drop_subscription(&name);
        }
        for name in self.assertions_on(id) {
            self.drop_assertion(&name);
        }
        self.history.dropped(id);
        if let Some(mut entry) = self.relations.remove(&id) {
            self.noted.dropped(Object::Relation(id));
            for index in &entry.relation.keys.indexes {
                self.noted.dropped(Object::Index(id, index.name.clone()));
            }
            entry.end_readers();
            let catalog = Arc::make_mut(&mut self.catalog);
            if catalog.relations.get(&entry.relation.name).is_some_and(|r| r.id == id) {
                catalog.relations.remove(&entry.relation.name);
            }
            if !entry.relation.keys.foreign.is_empty() {
                self.relink();
            }
        }
    }

    /// What reads a relation: views whose text names it, directly or through plain views.
    pub(crate) fn readers_of(&self, id: RelationId) -> Vec<RelationId> {
        let readers = self.relations.iter().filter(|(_, e)| e.reads.contains(&id));
        readers.map(|(id, _)| *id).collect()
    }

    fn names(&self, ids: &[RelationId]) -> Vec<String> {
        ids.iter()
            .filter_map(|id| self.relations.get(id))
            .map(|e| match crate::introspect::is_hidden(&e.relation.name) {
                true => "a sink or subscription".to_owned(),
                false => e.relation.name.clone(),
            })
            .collect()
    }

    /// The value that DEFAULT stands for.
    pub(crate) fn default_of(&self, relation: &Relation, column: usize) -> Result<Value> {
        match &relation.defaults[column] {
            None => Ok(Value::Null),
            Some(expr) => {
                use arena_tr_planner::ConstEval;
                let evaluator = ConstEvaluator::at(self.time());
                Ok(evaluator.eval(expr)?)
            }
        }
    }

    /// A program that appends nothing but puts computed columns in their places. Its input is the
    /// delivered columns.
    fn compute_task(&self, relation: &Relation) -> Result<Task> {
        let schema = &relation.schema;
        let delivered: Vec<usize> =
            (0..schema.len()).filter(|i| relation.computed[*i].is_none()).collect();
        let column = |i: usize| {
            let at = delivered.iter().position(|d| *d == i).unwrap_or(0);
            let field = &schema.fields[i];
            Expr {
                kind: ExprKind::Column(at),
                ty: field.data_type.clone(),
                nullable: field.nullable,
                span: None,
            }
        };
        let exprs: Vec<Expr> = relation
            .computed
            .iter()
            .enumerate()
            .map(|(i, computed)| match computed {
                None => column(i),
                // Computed columns may only use delivered ones, so positions shift by the computed
                // ones before.
                Some(expr) => {
                    let mut expr = expr.clone();
                    expr.map_columns(&|c| delivered.iter().position(|d| *d == c).unwrap_or(0));
                    expr
                }
            })
            .collect();
        let types: Vec<DataType> =
            delivered.iter().map(|i| schema.fields[*i].data_type.clone()).collect();
        let plan = row_plan(relation, &types, Op::Project { exprs }, schema.clone());
        let program = Arc::new(compile(&plan, &relation.name)?);
        Ok(Task::new(program, &self.pool, relation.id.0)?)
    }
}

/// The mode that an EMIT clause asks for. EMIT EVERY belongs to the consumer and plans like EMIT
/// CHANGES.
pub(crate) fn standing(emit: Option<Emit>) -> Mode {
    use arena_tr_planner::Emit as Planned;
    let emit = match emit {
        Some(Emit::OnWindowClose) => Planned::OnWindowClose,
        None | Some(Emit::Changes | Emit::Every(_)) => Planned::Changes,
    };
    Mode::Standing { emit }
}

/// A remark of the planner as a line.
pub(crate) fn notice(notice: &arena_tr_planner::Notice) -> String {
    match &notice.hint {
        Some(hint) => format!("{} ({})", notice.message, hint),
        None => notice.message.clone(),
    }
}

/// A plan of one stateless operator over a relation's rows.
pub(crate) fn row_plan(
    relation: &Relation,
    types: &[DataType],
    op: Op,
    schema: Schema,
) -> PhysicalPlan {
    let fields: Vec<Field> = types.iter().map(|t| Field::new("", t.clone(), true)).collect();
    let input = Input {
        moment: None,
        relation: relation.id,
        name: relation.name.clone(),
        columns: (0..types.len()).collect(),
        types: types.to_vec(),
        append_only: true,
    };
    let node = |op, inputs, schema| Node {
        op,
        inputs,
        schema,
        append_only: true,
        frontier: Default::default(),
    };
    PhysicalPlan {
        nodes: vec![
            node(Op::Input { index: 0 }, Vec::new(), Schema::new(fields)),
            node(op, vec![NodeId(0)], schema.clone()),
        ],
        root: NodeId(1),
        inputs: vec![input],
        schema,
        presentation: Default::default(),
    }
}
