//! What sinks write, and that sources read it back.

use arena_tr::connector::{Connector, SinkShape};
use arena_tr::{Batch, DataType, Epoch, Schema, Value};

use super::support::{Dir, batch, read, schema, sink_spec, text, write};
use crate::file::FileConnector;

fn two() -> Schema {
    schema(&[("k", DataType::Int8), ("v", DataType::Text)])
}

fn row(k: i64, v: &str) -> Vec<Value> {
    vec![Value::Int8(k), text(v)]
}

fn change(inserted: &[Vec<Value>], deleted: &[Vec<Value>]) -> Vec<Batch> {
    vec![batch(&two(), inserted), batch(&two(), deleted).negate()]
}

/// What one epoch after the other leaves in a file.
fn written(name: &str, shape: SinkShape, epochs: &[Vec<Batch>]) -> Result<String, arena_tr::Error> {
    let dir = Dir::new();
    let path = dir.path(name);
    let mut sink = FileConnector.sink(&sink_spec(&two(), &[("path", &path)], shape))?;
    for (i, delta) in epochs.iter().enumerate() {
        sink.write(Epoch(i as u64 + 1), 1_500_000, delta)?;
    }
    // Not dropped yet: what was written is readable while the sink lives.
    Ok(std::fs::read_to_string(&path).expect("reads"))
}

/// A value of every type, twice with NULLs.
fn everything() -> (Schema, Vec<Vec<Value>>) {
    let list = DataType::List(Box::new(DataType::Text));
    let row = DataType::Struct(schema(&[("x", DataType::Int4), ("y", DataType::Text)]).fields);
    let cells = [
        ("b", DataType::Bool, "true"),
        ("i2", DataType::Int2, "-7"),
        ("i4", DataType::Int4, "2147483647"),
        ("i8", DataType::Int8, "-9223372036854775808"),
        ("f4", DataType::Float4, "1.5"),
        ("f8", DataType::Float8, "1e+300"),
        ("nan", DataType::Float8, "NaN"),
        ("n", DataType::Numeric(None), "123456789012345678901.50"),
        ("t", DataType::Text, "a \"quoted\", \\ line\nbreak é"),
        ("e", DataType::Varchar(Some(3)), ""),
        ("by", DataType::Bytea, "\\x00ff"),
        ("d", DataType::Date, "2015-07-15"),
        ("ti", DataType::Time, "23:59:59.5"),
        ("ts", DataType::Timestamp, "1969-12-31 23:59:59.999999"),
        ("tz", DataType::TimestampTz, "2015-07-15 00:00:00+00"),
        ("iv", DataType::Interval, "1 day 02:03:04"),
        ("u", DataType::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("j", DataType::Jsonb, "{\"a\": [1, \"x\"]}"),
        ("l", list, "{a,NULL,\"b,c\"}"),
        ("r", row, "(1,\"x y\")"),
    ];
    let value = |text: &str, t: &DataType| Value::parse(text, t).expect("a value");
    let full: Vec<Value> = cells.iter().map(|(_, t, text)| value(text, t)).collect();
    let columns: Vec<_> = cells.iter().map(|(n, t, _)| (*n, t.clone())).collect();
    let nulls = vec![Value::Null; cells.len()];
    (schema(&columns), vec![full.clone(), nulls, full])
}

fn same(left: &[Vec<Value>], right: &[Vec<Value>]) {
    // As text: NaN is not equal to itself.
    assert_eq!(format!("{left:?}"), format!("{right:?}"));
}

#[test]
fn what_is_written_is_read_back() {
    let (schema, rows) = everything();
    let dir = Dir::new();
    for name in ["rows.ndjson", "rows.ndjson.gz", "rows.csv", "rows.csv.gz", "rows.parquet"] {
        let path = dir.path(name);
        let options = [("path", path.as_str())];
        write(&schema, &options, SinkShape::Rows, &[batch(&schema, &rows)]).expect("writes");
        let (back, bad) = read(&schema, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(bad, [], "{name}");
        same(&back, &rows);
    }
    let gzip = std::fs::read(dir.path("rows.csv.gz")).expect("reads");
    assert_eq!(gzip[..2], [0x1f, 0x8b]);
}

#[test]
fn changes_carry_epoch_and_weight() {
    let epochs =
        [change(&[row(1, "a"), row(2, "b,c")], &[]), change(&[row(1, "z")], &[row(1, "a")])];
    let json = written("out.ndjson", SinkShape::Changes, &epochs).expect("writes");
    let expected = "{\"epoch\":1,\"weight\":1,\"k\":1,\"v\":\"a\"}\n\
                    {\"epoch\":1,\"weight\":1,\"k\":2,\"v\":\"b,c\"}\n\
                    {\"epoch\":2,\"weight\":1,\"k\":1,\"v\":\"z\"}\n\
                    {\"epoch\":2,\"weight\":-1,\"k\":1,\"v\":\"a\"}\n";
    assert_eq!(json, expected);
    let csv = written("out.csv", SinkShape::Changes, &epochs).expect("writes");
    assert_eq!(csv, "epoch,weight,k,v\n1,1,1,a\n1,1,2,\"b,c\"\n2,1,1,z\n2,-1,1,a\n");
}

#[test]
fn rows_alone_refuse_a_retraction() {
    let twice = batch(&two(), &[row(1, "a"), row(1, "a")]);
    assert_eq!(
        written("out.csv", SinkShape::Rows, &[vec![twice]]).expect("writes"),
        "k,v\n1,a\n1,a\n"
    );
    let error = written("out.csv", SinkShape::Rows, &[change(&[], &[row(1, "a")])]);
    assert!(error.expect_err("refuses").message().contains("cannot express a retraction"));
}

#[test]
fn upserts_keep_the_last_row_of_a_key() {
    let epochs = [
        change(&[row(1, "a"), row(2, "b")], &[]),
        change(&[row(1, "z")], &[row(1, "a"), row(2, "b")]),
        change(&[row(2, "again")], &[]),
    ];
    let csv = written("out.csv", SinkShape::Upsert(vec![0]), &epochs).expect("writes");
    assert_eq!(csv, "op,k,v\nu,1,a\nu,2,b\nu,1,z\nd,2,b\nu,2,again\n");
    let same_epoch = [change(&[row(1, "a"), row(1, "b")], &[])];
    let later = [change(&[row(1, "a")], &[]), change(&[row(1, "b")], &[])];
    for epochs in [&same_epoch[..], &later[..]] {
        let error = written("out.csv", SinkShape::Upsert(vec![0]), epochs).expect_err("refuses");
        assert!(error.message().ends_with("key (1) does not name one row"), "{error}");
    }
}

#[test]
fn debezium_says_before_and_after() {
    let epochs = [change(&[row(1, "z")], &[row(1, "a")])];
    let json = written("out.json", SinkShape::Debezium, &epochs).expect("writes");
    let expected = "{\"before\":{\"k\":1,\"v\":\"a\"},\"after\":null,\"op\":\"d\",\"ts_ms\":1500}\n\
                    {\"before\":null,\"after\":{\"k\":1,\"v\":\"z\"},\"op\":\"c\",\"ts_ms\":1500}\n";
    assert_eq!(json, expected);
    assert!(written("out.csv", SinkShape::Debezium, &epochs).is_err());
}
