//! What the tests share: directories that go away, specs in one line, sources read to their end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use arena_tr::connector::{
    BadRow, Connector, Polled, SinkShape, SinkSpec, Source, SourceSpec, Want,
};
use arena_tr::{Batch, DataType, Epoch, Error, Field, Schema, Value};

use crate::file::FileConnector;

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A directory that is removed with the value.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("connectors-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a UTF-8 path").to_owned()
    }

    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("writes");
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn schema(columns: &[(&str, DataType)]) -> Schema {
    Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>())
}

pub(super) fn source_spec(schema: &Schema, options: &[(&str, &str)]) -> SourceSpec {
    SourceSpec {
        name: "test".to_owned(),
        schema: schema.clone(),
        options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        encode: None,
        data: None,
        stop_on_error: false,
    }
}

pub(super) fn sink_spec(schema: &Schema, options: &[(&str, &str)], shape: SinkShape) -> SinkSpec {
    let source = source_spec(schema, options);
    SinkSpec {
        name: source.name,
        schema: source.schema,
        options: source.options,
        encode: None,
        shape,
    }
}

/// Rows and malformed rows up to the end.
pub(super) fn drain(
    source: &mut dyn Source,
    schema: &Schema,
    max_rows: usize,
    columns: &[bool],
) -> Result<(Vec<Vec<Value>>, Vec<BadRow>), Error> {
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    loop {
        match source.poll(&Want { max_rows, columns })? {
            Polled::Rows(batch, more) => {
                assert!(batch.live() <= max_rows, "{} of {max_rows} rows", batch.live());
                rows.extend(batch.to_rows(&schema.types()));
                bad.extend(more);
            }
            Polled::Pending => panic!("a file has always something"),
            Polled::End => return Ok((rows, bad)),
        }
    }
}

/// Everything a file gives, all columns wanted.
pub(super) fn read(
    schema: &Schema,
    options: &[(&str, &str)],
) -> Result<(Vec<Vec<Value>>, Vec<BadRow>), Error> {
    let mut source = FileConnector.source(&source_spec(schema, options))?;
    drain(source.as_mut(), schema, 1000, &vec![true; schema.len()])
}

/// Writes one epoch's change to a file.
pub(super) fn write(
    schema: &Schema,
    options: &[(&str, &str)],
    shape: SinkShape,
    delta: &[Batch],
) -> Result<(), Error> {
    let mut sink = FileConnector.sink(&sink_spec(schema, options, shape))?;
    sink.write(Epoch(1), 0, delta)?;
    sink.flush()
}

pub(super) fn batch(schema: &Schema, rows: &[Vec<Value>]) -> Batch {
    Batch::from_rows(rows, &schema.types()).expect("rows of the schema")
}

pub(super) fn text(s: &str) -> Value {
    Value::text(s)
}
