//! Parquet beyond the round trip that all formats make.

use arena_tr::connector::{Connector, SinkShape};
use arena_tr::{DataType, Schema, Value};

use super::support::{Dir, batch, drain, read, schema, source_spec, text, write};
use crate::file::FileConnector;

fn three() -> Schema {
    schema(&[
        ("id", DataType::Int8),
        ("name", DataType::Text),
        ("price", DataType::Numeric(Some((10, 2)))),
    ])
}

fn rows(n: i64) -> Vec<Vec<Value>> {
    let row = |i: i64| {
        let price = Value::parse(&format!("{i}.25"), &DataType::Numeric(Some((10, 2))));
        let name = if i % 3 == 0 { Value::Null } else { text(&format!("name {i}")) };
        vec![Value::Int8(i), name, price.expect("a price")]
    };
    (0..n).map(row).collect()
}

#[test]
fn row_groups_and_poll_sizes_change_nothing() {
    let dir = Dir::new();
    let path = dir.path("rows.parquet");
    let rows = rows(150_000);
    let (head, tail) = rows.split_at(140_000);
    let batches = [batch(&three(), head), batch(&three(), tail)];
    write(&three(), &[("path", &path)], SinkShape::Rows, &batches).expect("writes");
    let mut source =
        FileConnector.source(&source_spec(&three(), &[("path", &path)])).expect("opens");
    for max_rows in [999, 200_000] {
        let got = drain(source.as_mut(), &three(), max_rows, &[true; 3]).expect("reads").0;
        assert!(got == rows, "by {max_rows}");
        assert!(source.restart().expect("restarts"));
    }
}

#[test]
fn columns_are_found_by_name_and_read_when_wanted() {
    let dir = Dir::new();
    let path = dir.path("rows.parquet");
    write(&three(), &[("path", &path)], SinkShape::Rows, &[batch(&three(), &rows(10))])
        .expect("writes");
    let other = schema(&[("NAME", DataType::Varchar(None)), ("id", DataType::Int4)]);
    let mut source = FileConnector.source(&source_spec(&other, &[("path", &path)])).expect("opens");
    let poll = |source: &mut dyn arena_tr::connector::Source, columns: &[bool]| match source
        .poll(&arena_tr::connector::Want { max_rows: 4, columns })
        .expect("polls")
    {
        arena_tr::connector::Polled::Rows(batch, _) => batch.to_rows(&other.types()),
        other => panic!("no rows but {other:?}"),
    };
    assert_eq!(poll(source.as_mut(), &[false, true])[3], [Value::Null, Value::Int4(3)]);
    // Wanted from the fifth row on.
    assert_eq!(poll(source.as_mut(), &[true, true])[0], [text("name 4"), Value::Int4(4)]);
    assert_eq!(poll(source.as_mut(), &[true, false]).len(), 2);

    let missing = schema(&[("cost", DataType::Int8)]);
    let error = FileConnector.source(&source_spec(&missing, &[("path", &path)])).err();
    let error = error.expect("no such column");
    assert!(error.message().ends_with("has no column \"cost\""), "{error}");
    assert_eq!(error.hint(), Some("its columns: id, name, price"));
}

#[test]
fn a_cell_that_does_not_fit_rejects_its_row() {
    let dir = Dir::new();
    let path = dir.path("rows.parquet");
    let wide = schema(&[("id", DataType::Int8), ("v", DataType::Text)]);
    let row = |id: i64, v: &str| vec![Value::Int8(id), text(v)];
    let rows = [row(1, "1"), row(70_000, "2"), row(3, "x"), row(4, "4")];
    write(&wide, &[("path", &path)], SinkShape::Rows, &[batch(&wide, &rows)]).expect("writes");
    let narrow = schema(&[("id", DataType::Int2), ("v", DataType::Int8)]);
    let (rows, bad) = read(&narrow, &[("path", &path)]).expect("reads");
    assert_eq!(rows, [[Value::Int2(1), Value::Int8(1)], [Value::Int2(4), Value::Int8(4)]]);
    let bad: Vec<_> = bad.into_iter().map(|b| (b.position, b.reason)).collect();
    assert_eq!(
        bad,
        [
            (2, "column \"id\": smallint out of range".to_owned()),
            (3, "column \"v\": invalid input syntax for type bigint: \"x\"".to_owned())
        ]
    );
    let mut spec = source_spec(&narrow, &[("path", &path)]);
    spec.stop_on_error = true;
    let mut source = FileConnector.source(&spec).expect("opens");
    let error = drain(source.as_mut(), &narrow, 10, &[true; 2]).expect_err("stops");
    assert_eq!(error.message(), format!("{path}, row 2: column \"id\": smallint out of range"));
}

#[test]
fn what_is_no_parquet_file_says_so() {
    let dir = Dir::new();
    let path = dir.write("rows.parquet", "not parquet at all, but longer than a footer");
    let error = read(&three(), &[("path", &path)]).expect_err("fails");
    assert!(error.message().starts_with(&format!("Parquet file '{path}'")), "{error}");
    let changes = write(&three(), &[("path", &path)], SinkShape::Changes, &[]);
    assert!(changes.expect_err("fails").message().contains("is not supported yet"));
}
