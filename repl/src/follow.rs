//! Following a subscription on the screen or in a pipe.
//!
//! On a terminal, as a table: a live picture of the contents, redrawn as epochs come. Otherwise, or
//! in another format: every change as a row with its epoch and weight.
//! Invariant: in change form nothing is left out; the live picture shows the contents of one epoch
//! at a time.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use arena_tr::{Batch, Changes, DataType, Database, Field, Rows, Schema, Subscription, Value};

use crate::args::Format;
use crate::script::Printer;
use crate::{Stop, render};

/// Prints changes until Ctrl-C, or until every source has ended.
pub(crate) fn print(
    db: &Database,
    subscription: &mut Subscription,
    printer: &mut Printer,
) -> Result<(), Stop> {
    let live = printer.terminal && printer.style.format == Format::Table;
    let mut picture = Picture::new(subscription.schema().clone());
    let mut header = printer.style.header;
    let mut shown = Instant::now();
    loop {
        let round = db.run_sources_once().map_err(|e| crate::report("source", "", 0, &e))?;
        let mut moved = false;
        while let Some(changes) =
            subscription.try_next().map_err(|e| crate::report("SUBSCRIBE", "", 0, &e))?
        {
            moved = true;
            if live {
                picture.apply(&changes);
            } else {
                print_changes(&changes, subscription.tells_progress(), printer, header)?;
                header = false;
            }
        }
        let over = round.bounded_left + round.unbounded == 0;
        if live && (over || shown.elapsed() > Duration::from_millis(100)) && (moved || over) {
            picture.draw(printer)?;
            shown = Instant::now();
        }
        if printer.interrupt.take() || subscription.is_closed() {
            return Ok(());
        }
        if over && !printer.terminal {
            return Ok(());
        }
        if round.rows == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn print_changes(
    changes: &Changes,
    progress: bool,
    printer: &Printer,
    header: bool,
) -> Result<(), Stop> {
    let mut fields = vec![
        Field::new("epoch", DataType::Int8, false),
        Field::new("weight", DataType::Int8, progress),
    ];
    if progress {
        fields.push(Field::new("progressed", DataType::Bool, false));
    }
    fields.extend(changes.schema.fields.iter().cloned());
    let schema = Schema::new(fields);
    let epoch = Value::Int8(changes.epoch.0 as i64);
    let line = |weight: Value, progressed: bool, row: Vec<Value>| {
        let mut out = vec![epoch.clone(), weight];
        out.extend(progress.then_some(Value::Bool(progressed)));
        out.extend(row);
        out
    };
    let told = changes.rows().into_iter();
    let mut rows: Vec<Vec<Value>> =
        told.map(|(row, weight)| line(Value::Int8(weight), false, row)).collect();
    if progress {
        // The epoch is complete: no more of its rows will come.
        let nothing = vec![Value::Null; changes.schema.len()];
        rows.push(line(Value::Null, true, nothing));
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut style = printer.style.clone();
    style.header = header && style.format != Format::Json;
    render::rows(&mut out, &to_rows(schema, &rows), &style)?;
    out.flush()?;
    Ok(())
}

fn to_rows(schema: Schema, rows: &[Vec<Value>]) -> Rows {
    let types = schema.types();
    let batch = Batch::from_rows(rows, &types).unwrap_or_else(|_| Batch::new(Vec::new(), 0));
    Rows::of(schema, vec![batch])
}

/// The contents as they stand, by the row's text so that the order is fixed.
struct Picture {
    schema: Schema,
    rows: BTreeMap<String, (Vec<Value>, i64)>,
    lines: usize,
    epoch: u64,
}

/// Most rows of the live picture.
const PICTURE_ROWS: usize = 20;

impl Picture {
    fn new(schema: Schema) -> Self {
        Self { schema, rows: BTreeMap::new(), lines: 0, epoch: 0 }
    }

    fn apply(&mut self, changes: &Changes) {
        self.epoch = changes.epoch.0;
        for (row, weight) in changes.rows() {
            let key = Value::Struct(row.clone().into()).to_string();
            let entry = self.rows.entry(key.clone()).or_insert((row, 0));
            entry.1 += weight;
            if entry.1 == 0 {
                self.rows.remove(&key);
            }
        }
    }

    fn draw(&mut self, printer: &Printer) -> Result<(), Stop> {
        let rows: Vec<Vec<Value>> =
            self.rows.values().take(PICTURE_ROWS).map(|(row, _)| row.clone()).collect();
        let mut text = Vec::new();
        render::rows(&mut text, &to_rows(self.schema.clone(), &rows), &printer.style)?;
        let more = self.rows.len().saturating_sub(PICTURE_ROWS);
        let mut out = std::io::stdout().lock();
        if self.lines > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        out.write_all(&text)?;
        writeln!(out, "epoch {}, {more} more rows; Ctrl-C leaves", self.epoch)?;
        out.flush()?;
        self.lines = text.iter().filter(|b| **b == b'\n').count() + 1;
        Ok(())
    }
}
