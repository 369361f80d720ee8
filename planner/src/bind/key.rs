//! Keys of tables: PRIMARY KEY, UNIQUE, FOREIGN KEY, and CREATE INDEX.
//!
//! Names that are not given are those that PostgreSQL makes up.
//! Invariant: the columns that a foreign key references are a key of the referenced table.

use std::sync::Arc;

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, ConstraintKind};
use arena_tr_types::{DataType, Field, Schema, SqlState};

use crate::catalog::{Catalog, ForeignKey, Index, Keys, Relation, RelationKind};
use crate::error::PlanError;

use super::coerce::type_name;
use super::ddl::catalog_name;
use super::scope::dotted;
use super::{BindOptions, Binder};

/// CREATE INDEX.
#[derive(Debug, Clone)]
pub struct BoundIndex {
    /// The table.
    pub relation: Arc<Relation>,
    /// The index.
    pub index: Index,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// A key as it is written.
struct KeyDef {
    name: Option<ast::Ident>,
    columns: Vec<usize>,
    primary: bool,
    span: Span,
}

/// Checks CREATE INDEX.
///
/// # Errors
/// When there is no such table or column, or a clause is not built.
pub fn bind_index(
    create: &ast::CreateIndex,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundIndex, PlanError> {
    let binder = Binder::new(catalog, options);
    let relation = binder.relation(&create.table)?;
    let span = create.table.span;
    match relation.kind {
        RelationKind::Table => {}
        RelationKind::View | RelationKind::System => {
            let message = format!("cannot create index on relation \"{}\"", relation.name);
            return Err(PlanError::of(SqlState::WRONG_OBJECT_TYPE, message).at(span));
        }
        kind => {
            let what = match kind {
                RelationKind::MaterializedView => "an index of a materialized view",
                _ => "an index of a source or stream",
            };
            return Err(PlanError::not_built(what).at(span));
        }
    }
    let mut notices = Vec::new();
    if let Some(method) = &create.method {
        notices.extend(index_method(method)?);
    }
    let mut columns = Vec::with_capacity(create.columns.len());
    for column in &create.columns {
        let Some(position) = relation.schema.index_of(&column.name) else {
            let message = format!("column \"{}\" does not exist", column.name);
            return Err(PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(column.span));
        };
        if !columns.contains(&position) {
            columns.push(position);
        }
    }
    let name = match &create.name {
        Some(name) => catalog_name(name),
        None => {
            choose_name(&relation.name, &relation.schema, &columns, "idx", &|n| catalog.is_taken(n))
        }
    };
    let index = Index { name, columns, unique: create.unique, constraint: false };
    Ok(BoundIndex { relation, index, notices })
}

/// What is to be said of an index method.
fn index_method(method: &ast::Ident) -> Result<Option<String>, PlanError> {
    match method.name.as_str() {
        "hash" => Ok(None),
        "btree" => {
            let notice = "the index is kept as a hash: it finds equal keys, not ranges";
            Ok(Some(notice.to_owned()))
        }
        known @ ("gin" | "gist" | "spgist" | "brin") => {
            Err(PlanError::not_built(format!("index method {known}")).at(method.span))
        }
        other => {
            let message = format!("access method \"{other}\" does not exist");
            Err(PlanError::of(SqlState("42704"), message).at(method.span))
        }
    }
}

/// `table_columns_label`, with a number behind it if that is taken.
fn choose_name(
    table: &str,
    schema: &Schema,
    columns: &[usize],
    label: &str,
    taken: &dyn Fn(&str) -> bool,
) -> String {
    let table = table.rsplit('.').next().unwrap_or(table);
    let mut base = table.to_owned();
    for &column in columns {
        base.push('_');
        base.push_str(&schema.fields[column].name);
    }
    base.push('_');
    base.push_str(label);
    let numbered = (1..).map(|n| format!("{base}{n}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or(base)
}

impl Binder<'_> {
    /// The columns of the primary key, and the UNIQUE constraints.
    pub(super) fn keys(
        &self,
        create: &ast::CreateRelation,
        name: &str,
        schema: &Schema,
    ) -> Result<(Option<Vec<usize>>, Keys), PlanError> {
        let defs = self.key_definitions(create, schema)?;
        if let Some(second) = defs.iter().filter(|k| k.primary).nth(1) {
            let table = dotted(&create.name);
            let message = format!("multiple primary keys for table \"{table}\" are not allowed");
            return Err(PlanError::of(SqlState::INVALID_TABLE_DEFINITION, message).at(second.span));
        }
        if let (Some(first), true) = (defs.first(), create.kind != ast::RelationKind::Table) {
            let key = if first.primary { "PRIMARY KEY" } else { "UNIQUE" };
            return Err(PlanError::not_built(format!("{key} of a source or stream"))
                .with_hint("Rows of a stream are only ever added: a TABLE has a key.")
                .at(first.span));
        }
        let mut keys = Keys::default();
        let primary = defs.iter().find(|k| k.primary).map(|k| k.columns.clone());
        for def in defs {
            let table_taken = |n: &str| {
                n == name
                    || self.catalog.is_taken(n)
                    || keys.primary.as_deref() == Some(n)
                    || keys.indexes.iter().any(|i| i.name == n)
            };
            let made = match &def.name {
                Some(given) if table_taken(&given.name) => {
                    let message = format!("relation \"{}\" already exists", given.name);
                    return Err(PlanError::of(SqlState::DUPLICATE_TABLE, message).at(given.span));
                }
                Some(given) => given.name.clone(),
                None if def.primary => choose_name(name, schema, &[], "pkey", &table_taken),
                None => choose_name(name, schema, &def.columns, "key", &table_taken),
            };
            match def.primary {
                true => keys.primary = Some(made),
                false => keys.indexes.push(Index {
                    name: made,
                    columns: def.columns,
                    unique: true,
                    constraint: true,
                }),
            }
        }
        Ok((primary, keys))
    }

    /// Keys as written, the primary key first. One that says what an earlier one says is left out;
    /// its name stays, if the earlier one has none.
    fn key_definitions(
        &self,
        create: &ast::CreateRelation,
        schema: &Schema,
    ) -> Result<Vec<KeyDef>, PlanError> {
        let mut all: Vec<KeyDef> = Vec::new();
        for (i, column) in create.columns.iter().enumerate() {
            let own = |primary| KeyDef { name: None, columns: vec![i], primary, span: column.span };
            all.extend(column.primary_key.then(|| own(true)));
            all.extend(column.unique.then(|| own(false)));
        }
        for constraint in &create.constraints {
            let (columns, primary) = match &constraint.kind {
                ConstraintKind::PrimaryKey(columns) => (columns, true),
                ConstraintKind::Unique(columns) => (columns, false),
                _ => continue,
            };
            let (columns, span) = self.key_columns(columns, schema, primary)?;
            all.push(KeyDef { name: constraint.name.clone(), columns, primary, span });
        }
        all.sort_by_key(|k| !k.primary);
        let mut kept: Vec<KeyDef> = Vec::with_capacity(all.len());
        for def in all {
            let same = |k: &&mut KeyDef| k.columns == def.columns && !def.primary;
            match kept.iter_mut().find(same) {
                Some(earlier) if earlier.name.is_none() || def.name.is_none() => {
                    earlier.name = earlier.name.take().or(def.name);
                }
                _ => kept.push(def),
            }
        }
        Ok(kept)
    }

    fn key_columns(
        &self,
        columns: &[ast::Ident],
        schema: &Schema,
        primary: bool,
    ) -> Result<(Vec<usize>, Span), PlanError> {
        let mut positions = Vec::with_capacity(columns.len());
        let mut span = columns.first().map_or(Span::default(), |c| c.span);
        for column in columns {
            span = span.to(column.span);
            let Some(position) = schema.index_of(&column.name) else {
                let message = format!("column \"{}\" named in key does not exist", column.name);
                return Err(PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(column.span));
            };
            if positions.contains(&position) {
                let key = if primary { "primary key" } else { "unique" };
                let message =
                    format!("column \"{}\" appears twice in {key} constraint", column.name);
                return Err(PlanError::of(SqlState::DUPLICATE_COLUMN, message).at(column.span));
            }
            positions.push(position);
        }
        Ok((positions, span))
    }

    /// Adds the FOREIGN KEY constraints to a table's keys; `own`: its columns and primary key.
    pub(super) fn foreign_keys(
        &self,
        create: &ast::CreateRelation,
        name: &str,
        own: (&Schema, Option<&[usize]>),
        keys: &mut Keys,
    ) -> Result<(), PlanError> {
        for constraint in &create.constraints {
            let ConstraintKind::ForeignKey(def) = &constraint.kind else { continue };
            if create.kind != ast::RelationKind::Table {
                let what = "FOREIGN KEY of a source or stream";
                return Err(PlanError::not_built(what).at(def.span));
            }
            let key = self.foreign_key(def, constraint.name.as_ref(), name, own, keys)?;
            keys.foreign.push(key);
        }
        Ok(())
    }

    fn foreign_key(
        &self,
        def: &ast::ForeignKey,
        given: Option<&ast::Ident>,
        name: &str,
        (schema, primary): (&Schema, Option<&[usize]>),
        keys: &Keys,
    ) -> Result<ForeignKey, PlanError> {
        let columns = referencing(&def.columns, schema)?;
        let parent = catalog_name(&def.parent);
        let relation;
        let parent_side = if parent == name {
            (schema, primary, keys)
        } else {
            relation = self.relation(&def.parent)?;
            if relation.kind != RelationKind::Table {
                let message = format!("referenced relation \"{parent}\" is not a table");
                let error = PlanError::of(SqlState::WRONG_OBJECT_TYPE, message);
                return Err(error.at(def.parent.span));
            }
            (&relation.schema, relation.primary_key.as_deref(), &relation.keys)
        };
        let parent_columns = referenced(def, &parent, parent_side, columns.len())?;
        let taken = |n: &str| keys.foreign.iter().any(|k| k.name == n);
        let label = match given {
            Some(given) if taken(&given.name) => {
                let given_name = &given.name;
                let message =
                    format!("constraint \"{given_name}\" for relation \"{name}\" already exists");
                return Err(PlanError::of(SqlState("42710"), message).at(given.span));
            }
            Some(given) => given.name.clone(),
            None => choose_name(name, schema, &columns, "fkey", &taken),
        };
        for (own, other) in columns.iter().zip(&parent_columns) {
            let (own, other) = (&schema.fields[*own], &parent_side.0.fields[*other]);
            if !comparable(&own.data_type, &other.data_type) {
                return Err(incompatible(&label, own, other).at(def.span));
            }
        }
        Ok(ForeignKey {
            name: label,
            columns,
            parent,
            parent_columns,
            on_delete: def.on_delete,
            on_update: def.on_update,
        })
    }
}

/// Positions of the columns that a foreign key names.
fn referencing(columns: &[ast::Ident], schema: &Schema) -> Result<Vec<usize>, PlanError> {
    let position = |column: &ast::Ident| {
        schema.index_of(&column.name).ok_or_else(|| {
            let message = format!(
                "column \"{}\" referenced in foreign key constraint does not exist",
                column.name
            );
            PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(column.span)
        })
    };
    columns.iter().map(position).collect()
}

/// Positions of the columns that a foreign key references: so many, and a key of their table.
fn referenced(
    def: &ast::ForeignKey,
    parent: &str,
    (schema, primary, keys): (&Schema, Option<&[usize]>, &Keys),
    wanted: usize,
) -> Result<Vec<usize>, PlanError> {
    let columns = if def.parent_columns.is_empty() {
        primary.map(<[usize]>::to_vec).ok_or_else(|| {
            let message = format!("there is no primary key for referenced table \"{parent}\"");
            PlanError::of(SqlState("42704"), message).at(def.span)
        })?
    } else {
        referencing(&def.parent_columns, schema)?
    };
    if columns.len() != wanted {
        let message = "number of referencing and referenced columns for foreign key disagree";
        return Err(PlanError::of(SqlState("42830"), message).at(def.span));
    }
    if !is_key(&columns, primary, keys) {
        let message = format!(
            "there is no unique constraint matching given keys for referenced table \"{parent}\""
        );
        return Err(PlanError::of(SqlState("42830"), message).at(def.span));
    }
    Ok(columns)
}

/// The error of columns of a foreign key that no index compares.
fn incompatible(label: &str, own: &Field, other: &Field) -> PlanError {
    let message = format!("foreign key constraint \"{label}\" cannot be implemented");
    PlanError::of(SqlState::DATATYPE_MISMATCH, message).with_hint(format!(
        "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
        own.name,
        other.name,
        type_name(&own.data_type),
        type_name(&other.data_type)
    ))
}

/// Whether no two rows have the same values in these columns.
fn is_key(columns: &[usize], primary: Option<&[usize]>, keys: &Keys) -> bool {
    let same = |key: &[usize]| same_columns(key, columns);
    primary.is_some_and(same) || keys.indexes.iter().any(|i| i.unique && same(&i.columns))
}

/// Whether two lists name the same columns, in any order.
pub(super) fn same_columns(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c)) && b.iter().all(|c| a.contains(c))
}

/// Whether an index of one type finds values of the other.
fn comparable(a: &DataType, b: &DataType) -> bool {
    let is_int = |t: &DataType| matches!(t, DataType::Int2 | DataType::Int4 | DataType::Int8);
    let is_text = |t: &DataType| matches!(t, DataType::Text | DataType::Varchar(_));
    let is_numeric = |t: &DataType| matches!(t, DataType::Numeric(_));
    let classes: [&dyn Fn(&DataType) -> bool; 3] = [&is_int, &is_text, &is_numeric];
    a == b || classes.iter().any(|class| class(a) && class(b))
}
