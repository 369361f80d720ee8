//! COPY: whole files in and out.
//!
//! A file is read and written by the connector `file`, so COPY knows the formats that sources and
//! sinks know. COPY FROM is one commit: a malformed row fails it, and then nothing of the file is
//! in the relation.
//! Invariant: the rows of a COPY are all in one epoch or in none.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_parser::ast::{self, CopySubject, Ident};
use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_storage::{Batch, Column, ColumnBuilder};
use arena_tr_types::{Schema, SqlState};

use super::{Context, check_cancel, copy_text};
use crate::connector::{Polled, SinkShape, SinkSpec, SourceSpec, Want};
use crate::engine::commit::Deltas;
use crate::engine::{Engine, kind_name, unknown};
use crate::error::{Error, Result};
use crate::session::Outcome;

/// Rows asked of a file at a time.
const ROWS_PER_READ: usize = 64 * 1024;

/// COPY.
pub(super) fn copy(cx: &Context<'_>, copy: &ast::Copy) -> Result<Outcome> {
    if copy.from { copy_from(cx, copy) } else { copy_to(cx, copy) }
}

fn copy_from(cx: &Context<'_>, copy: &ast::Copy) -> Result<Outcome> {
    let CopySubject::Relation(name, named) = &copy.subject else {
        return Err(Error::new(SqlState::SYNTAX_ERROR, "COPY FROM needs a relation, not a query"));
    };
    if copy.path.is_none() && cx.input.is_none() {
        return Err(Error::unsupported("COPY FROM STDIN in a text of statements")
            .at(copy.path_span)
            .with_hint(
                "The shell reads the rows behind the statement; programs use Session::copy_in.",
            ));
    }
    let mut engine = cx.enter();
    let key = super::catalog_name(name);
    let catalog = cx.catalog(&engine)?;
    let relation = catalog.relations.get(&key).ok_or_else(|| unknown(&key).at(name.span))?;
    if !matches!(relation.kind, RelationKind::Stream | RelationKind::Table) {
        return Err(Error::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("cannot copy into \"{key}\": it is a {}", kind_name(relation.kind)),
        )
        .at(name.span));
    }
    let columns = target_columns(relation, named)?;
    let Place { options, encode, data } = place_of(cx, copy)?;
    let spec = SourceSpec {
        name: format!("COPY {key}"),
        schema: Schema::new(
            columns.iter().map(|c| relation.schema.fields[*c].clone()).collect::<Vec<_>>(),
        ),
        options,
        encode,
        data,
        stop_on_error: true,
    };
    let mut source =
        engine.connectors.get("file")?.source(&spec).map_err(|e| e.at(copy.path_span))?;
    let wanted = vec![true; columns.len()];
    let mut deltas = Deltas::new();
    let mut n_rows = 0;
    loop {
        check_cancel(cx.cancel)?;
        let want = Want { max_rows: ROWS_PER_READ, columns: &wanted };
        match source.poll(&want).map_err(|e| e.at(copy.path_span))? {
            Polled::Rows(batch, _) => {
                let batch = batch.compact();
                n_rows += batch.rows();
                let batch = spread(&engine, relation, &columns, batch)?;
                match cx.in_block() {
                    true => engine.complete(relation.id, batch, &mut deltas)?,
                    false => engine.insert(relation.id, batch, &mut deltas)?,
                }
            }
            Polled::Pending => {}
            Polled::End => break,
        }
    }
    let epoch = cx.commit(&mut engine, deltas)?;
    Ok(Outcome { epoch, ..Outcome::tag(format!("COPY {n_rows}")) })
}

/// Where COPY FROM reads.
struct Place {
    options: BTreeMap<String, String>,
    encode: Option<String>,
    data: Option<Arc<[u8]>>,
}

fn place_of(cx: &Context<'_>, copy: &ast::Copy) -> Result<Place> {
    if let Some(path) = &copy.path {
        let (options, encode) = file_options(path, &copy.options)?;
        return Ok(Place { options, encode, data: None });
    }
    let input = cx.input.unwrap_or_default();
    let named = super::ddl::options(&copy.options)?;
    if let Some("text") | None = named.get("format").map(|f| f.to_lowercase()).as_deref() {
        let csv = copy_text::to_csv(input, &named)?;
        let options = copy_text::csv_options(INPUT);
        return Ok(Place { options, encode: Some("csv".to_owned()), data: Some(csv.into()) });
    }
    let (options, encode) = file_options(INPUT, &copy.options)?;
    Ok(Place { options, encode, data: Some(input.into()) })
}

/// What errors call standard input.
const INPUT: &str = "STDIN";

/// The columns that a file's columns go to: those named, or all that are not computed.
fn target_columns(relation: &Relation, named: &[Ident]) -> Result<Vec<usize>> {
    if named.is_empty() {
        return Ok((0..relation.schema.len())
            .filter(|c| relation.computed[*c].is_none())
            .collect());
    }
    named
        .iter()
        .map(|ident| {
            relation.schema.index_of(&ident.name).ok_or_else(|| {
                Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!(
                        "column \"{}\" of relation \"{}\" does not exist",
                        ident.name, relation.name
                    ),
                )
                .at(ident.span)
            })
        })
        .collect()
}

/// Puts a file's columns where they belong and fills the others with their defaults.
fn spread(engine: &Engine, relation: &Relation, columns: &[usize], batch: Batch) -> Result<Batch> {
    let rows = batch.rows();
    let mut out: Vec<Column> = Vec::with_capacity(relation.schema.len());
    for (i, field) in relation.schema.fields.iter().enumerate() {
        if relation.computed[i].is_some() {
            continue;
        }
        match columns.iter().position(|c| *c == i) {
            Some(at) => out.push(batch.columns[at].clone()),
            None => {
                let value = engine.default_of(relation, i)?;
                out.push(ColumnBuilder::constant(&value, &field.data_type, rows)?);
            }
        }
    }
    Ok(Batch::new(out, rows))
}

fn copy_to(cx: &Context<'_>, copy: &ast::Copy) -> Result<Outcome> {
    let query = match &copy.subject {
        CopySubject::Query(query) => query.clone(),
        CopySubject::Relation(name, columns) => Box::new(select_of(name, columns)),
    };
    let (view, lowered) = super::query::look(cx, &query)?;
    let rows = super::query::read(cx, &view, &lowered.plan)?;
    let n_rows = rows.len();
    let Some(path) = &copy.path else {
        return Ok(Outcome::rows("COPY", rows));
    };
    // The file gets nothing that could still be lost.
    cx.db.settle(None, None)?;
    let (options, encode) = file_options(path, &copy.options)?;
    let spec = SinkSpec {
        name: "COPY".to_owned(),
        schema: rows.schema().clone(),
        options,
        encode,
        shape: SinkShape::Rows,
    };
    let place = |e: Error| e.at(copy.path_span);
    let mut sink = cx.db.engine().connectors.get("file")?.sink(&spec).map_err(place)?;
    sink.write(view.epoch, view.now, rows.batches()).map_err(place)?;
    sink.flush().map_err(place)?;
    Ok(Outcome::tag(format!("COPY {n_rows}")))
}

/// `SELECT columns FROM name`.
fn select_of(name: &ast::ObjectName, columns: &[Ident]) -> ast::Query {
    let items = match columns {
        [] => vec![ast::SelectItem::Wildcard(name.span)],
        columns => columns
            .iter()
            .map(|c| ast::SelectItem::Expr {
                expr: ast::Expr { kind: ast::ExprKind::Column(vec![c.clone()]), span: c.span },
                alias: None,
            })
            .collect(),
    };
    let select = ast::Select {
        distinct: None,
        items,
        from: vec![ast::From::Table { name: name.clone(), as_of: None, alias: None }],
        selection: None,
        group_by: None,
        having: None,
        windows: Vec::new(),
        qualify: None,
        span: name.span,
    };
    ast::Query {
        ctes: Vec::new(),
        recursive: None,
        body: ast::query::SetExpr::Select(Box::new(select)),
        order_by: Vec::new(),
        limit: None,
        offset: None,
        emit: None,
        span: name.span,
    }
}

/// Options for the connector `file`, and the encoding: that of FORMAT, else by the path's ending.
fn file_options(
    path: &str,
    options: &[ast::WithOption],
) -> Result<(BTreeMap<String, String>, Option<String>)> {
    let mut out = super::ddl::options(options)?;
    let format = out.remove("format");
    out.insert("path".to_owned(), path.to_owned());
    let encode = match format.as_deref().map(str::to_lowercase).as_deref() {
        None => None,
        Some("csv") => Some("csv"),
        Some("json" | "ndjson" | "jsonl") => Some("json"),
        Some("parquet") => Some("parquet"),
        Some(other) => {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                format!("COPY format \"{other}\" not recognized"),
            )
            .with_hint("formats: csv, json, parquet"));
        }
    };
    let is_csv = encode.map_or_else(|| names_csv(path), |encode| encode == "csv");
    if is_csv {
        // A file of COPY has no header unless the statement says so.
        out.entry("header".to_owned()).or_insert_with(|| "false".to_owned());
    }
    Ok((out, encode.map(str::to_owned)))
}

/// Whether the path's ending says CSV.
fn names_csv(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.strip_suffix(".gz").unwrap_or(&lower).ends_with(".csv")
}
