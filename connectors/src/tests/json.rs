//! NDJSON towards a schema.

use arena_tr::connector::{Connector, Polled, Source, Want};
use arena_tr::{DataType, Value};

use super::support::{Dir, drain, read, schema, source_spec, text};
use crate::decode::TextSource;
use crate::decode::json::JsonDecoder;
use crate::file::FileConnector;

fn parse(json: &str, data_type: DataType) -> Result<Value, String> {
    let dir = Dir::new();
    let path = dir.write("one.ndjson", &format!("{{\"a\": {json}}}\n"));
    let (rows, bad) = read(&schema(&[("a", data_type)]), &[("path", &path)]).expect("reads");
    match (rows.as_slice(), bad.as_slice()) {
        ([row], []) => Ok(row[0].clone()),
        ([], [bad]) => Err(bad.reason.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_of_every_kind() {
    let list = DataType::List(Box::new(DataType::Int4));
    let row = DataType::Struct(
        schema(&[("x", DataType::Int8), ("y", DataType::Text), ("z", list.clone())]).fields,
    );
    let cases = [
        ("12", DataType::Int8, "12"),
        ("-9223372036854775808", DataType::Int8, "-9223372036854775808"),
        ("\"12\"", DataType::Int4, "12"),
        ("1e3", DataType::Float8, "1000"),
        ("1.50", DataType::Numeric(None), "1.50"),
        ("1.555", DataType::Numeric(Some((5, 2))), "1.56"),
        ("true", DataType::Bool, "true"),
        ("true", DataType::Text, "true"),
        ("7", DataType::Text, "7"),
        ("\"plain\"", DataType::Text, "plain"),
        (r#""q\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, DataType::Text, "q\"\\/\u{8}\u{c}\n\r\té😀"),
        ("{\"k\": [1, \"}\"]}", DataType::Text, "{\"k\": [1, \"}\"]}"),
        ("{\"b\":1, \"a\":[null,\"]\"]}", DataType::Jsonb, "{\"a\": [null, \"]\"], \"b\": 1}"),
        ("\"text\"", DataType::Jsonb, "\"text\""),
        ("\"2015-07-15T00:00:00.006Z\"", DataType::Timestamp, "2015-07-15 00:00:00.006"),
        ("\"2015-07-15 01:02:03\"", DataType::Timestamp, "2015-07-15 01:02:03"),
        ("\"2015-07-15\"", DataType::Date, "2015-07-15"),
        ("[1, null , 3]", list.clone(), "{1,NULL,3}"),
        ("[]", list.clone(), "{}"),
        ("\"{4,5}\"", list, "{4,5}"),
        ("{\"y\":\"t\",\"other\":{},\"x\":1,\"z\":[2]}", row, "(1,t,{2})"),
    ];
    for (json, data_type, expected) in cases {
        let value = parse(json, data_type.clone()).unwrap_or_else(|e| panic!("{json}: {e}"));
        assert_eq!(value.to_string(), expected, "{json} as {data_type}");
    }
    assert_eq!(parse("null", DataType::Jsonb), Ok(Value::Null));
}

#[test]
fn malformed_values_name_their_column() {
    let cases = [
        ("\"x\"", DataType::Int8, "column \"a\": invalid input syntax for type bigint: \"x\""),
        (
            "300000",
            DataType::Int2,
            "column \"a\": value \"300000\" is out of range for type smallint",
        ),
        ("[1", DataType::Int8, "expected the other kind of bracket at byte 9, found '}'"),
        ("tru", DataType::Bool, "expected a value at byte 7, found 't'"),
        ("1 2", DataType::Int8, "expected ',' or '}' at byte 9, found '2'"),
        ("\"\\u0000\"", DataType::Text, "\\u0000 cannot be converted to text"),
        ("\"\\ud83d\"", DataType::Text, "malformed \\u escape in a string"),
        (
            "\"abc",
            DataType::Text,
            "expected the end of a string at byte 12, found the end of the line",
        ),
        ("1, \"a\": 2", DataType::Int8, "a key occurs twice"),
        ("1} x", DataType::Int8, "expected the end of the line at byte 10, found 'x'"),
    ];
    for (json, data_type, expected) in cases {
        let reason = parse(json, data_type).expect_err(json);
        assert!(reason.starts_with(expected), "{json}: {reason}");
    }
}

#[test]
fn rows_go_on_after_a_malformed_one() {
    let dir = Dir::new();
    let lines = "\u{feff}{\"a\":1,\"b\":\"x\"}\n\n{\"b\":\"y\",\"a\":oops}\r\n{\"b\":\"z\"}\r\n{\"A\":4,\"c\":{\"d\":[]}}";
    let path = dir.write("rows.json", lines);
    let schema = schema(&[("a", DataType::Int8), ("b", DataType::Text)]);
    let (rows, bad) = read(&schema, &[("path", &path)]).expect("reads");
    assert_eq!(
        rows,
        [[Value::Int8(1), text("x")], [Value::Null, text("z")], [Value::Int8(4), Value::Null]]
    );
    assert_eq!(bad.len(), 1);
    assert_eq!((bad[0].position, bad[0].raw.as_str()), (3, "{\"b\":\"y\",\"a\":oops}"));
}

#[test]
fn stopping_delivers_what_came_before_and_then_says_where() {
    let dir = Dir::new();
    let path = dir.write("rows.json", "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":3}\n");
    let schema = schema(&[("a", DataType::Int8)]);
    let mut spec = source_spec(&schema, &[("path", &path)]);
    spec.stop_on_error = true;
    let mut source = FileConnector.source(&spec).expect("opens");
    let want = Want { max_rows: 10, columns: &[true] };
    let Polled::Rows(batch, bad) = source.poll(&want).expect("polls") else { panic!("rows") };
    assert_eq!((batch.rows(), bad.len()), (1, 0));
    for _ in 0..2 {
        let message = source.poll(&want).expect_err("stops").to_string();
        let expected = "line 2: column \"a\": invalid input syntax for type bigint: \"x\"";
        assert_eq!(message, format!("{path}, {expected}"));
    }
}

#[test]
fn block_boundaries_and_poll_sizes_change_nothing() {
    let dir = Dir::new();
    let lines: String = (0..50)
        .map(|i| match i % 7 {
            3 => format!("{{\"s\":\"broken {i}\n"),
            _ => format!("{{\"i\":{i},\"s\":\"text \\u00e9 {}\"}}\n", "x".repeat(i)),
        })
        .collect();
    let path = dir.write("rows.ndjson", &lines);
    let schema = schema(&[("i", DataType::Int8), ("s", DataType::Text)]);
    let expected = read(&schema, &[("path", &path)]).expect("reads");
    assert_eq!((expected.0.len(), expected.1.len()), (43, 7));
    for block_bytes in [1, 5, 16, 64, 1000] {
        for max_rows in [1, 3, 100] {
            let path = path.clone();
            let mut source = TextSource::new(
                "test".to_owned(),
                Box::new(move || Ok(Some(Box::new(std::fs::File::open(&path).expect("opens"))))),
                Box::new(JsonDecoder::new(&schema)),
                &schema,
                false,
            )
            .with_block_bytes(block_bytes);
            for _ in 0..2 {
                let got = drain(&mut source, &schema, max_rows, &[true; 2]).expect("reads");
                assert_eq!(got, expected, "blocks of {block_bytes}, {max_rows} rows");
                assert!(source.restart().expect("restarts"));
            }
        }
    }
}

#[test]
fn unwanted_columns_are_stepped_over() {
    let dir = Dir::new();
    let path = dir.write("rows.ndjson", "{\"a\":\"not a number\",\"b\":[{\"c\":\"]\"}],\"d\":5}\n");
    let schema = schema(&[("a", DataType::Int8), ("b", DataType::Jsonb), ("d", DataType::Int4)]);
    let mut source =
        FileConnector.source(&source_spec(&schema, &[("path", &path)])).expect("opens");
    let (rows, bad) = drain(source.as_mut(), &schema, 10, &[false, false, true]).expect("reads");
    assert_eq!(rows, [[Value::Null, Value::Null, Value::Int4(5)]]);
    assert!(bad.is_empty());
}

#[test]
fn options_and_paths_are_checked() {
    let schema = schema(&[("a", DataType::Int8)]);
    let message = |options: &[(&str, &str)]| {
        let error = FileConnector.source(&source_spec(&schema, options)).err().expect("an error");
        (error.message().to_owned(), error.hint().unwrap_or_default().to_owned())
    };
    assert_eq!(message(&[]).0, "option \"path\" of connector 'file' is missing");
    assert!(message(&[("path", "/none/such.json")]).0.contains("'/none/such.json'"));
    assert!(message(&[("path", "data.bin")]).0.contains("cannot tell the encoding"));
    let (text, hint) = message(&[("path", "x.csv"), ("delimitr", ";")]);
    assert_eq!(text, "unknown option \"delimitr\" of connector 'file'");
    assert_eq!(hint, "known options: delimiter, escape, header, null, path, quote");
}
