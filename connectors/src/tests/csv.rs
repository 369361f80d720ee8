//! CSV as COPY reads it.

use arena_tr::{DataType, Schema, Value};

use super::support::{Dir, drain, read, schema, text};
use crate::decode::TextSource;
use crate::decode::csv::{CsvDecoder, CsvFormat, Header};

fn two() -> Schema {
    schema(&[("k", DataType::Int8), ("v", DataType::Text)])
}

fn rows(csv: &str, options: &[(&str, &str)]) -> (Vec<Vec<Value>>, Vec<(u64, String)>) {
    let dir = Dir::new();
    let path = dir.write("rows.csv", csv);
    let mut options = options.to_vec();
    options.push(("path", &path));
    let (rows, bad) = read(&two(), &options).expect("reads");
    (rows, bad.into_iter().map(|b| (b.position, b.reason)).collect())
}

#[test]
fn quotes_nulls_and_line_breaks() {
    let csv = "k,v\r\n1,plain\r\n2,\"a \"\"b\"\", c\r\nd\"\n,\n3,\"\"\n4,mid\"d,l\"e";
    let (rows, bad) = rows(csv, &[]);
    assert_eq!(
        rows,
        [
            [Value::Int8(1), text("plain")],
            [Value::Int8(2), text("a \"b\", c\r\nd")],
            [Value::Null, Value::Null],
            [Value::Int8(3), text("")],
            [Value::Int8(4), text("midd,le")],
        ]
    );
    assert_eq!(bad, []);
}

#[test]
fn malformed_records_keep_their_line() {
    let csv = "k,v\n1\n2,\"two\nlines\"\nx,y\n3,a,b\n4,d\n5,\"open";
    let (rows, bad) = rows(csv, &[]);
    assert_eq!(rows, [[Value::Int8(2), text("two\nlines")], [Value::Int8(4), text("d")]]);
    let expected = [
        (2, "missing data for column \"v\""),
        (5, "column \"k\": invalid input syntax for type bigint: \"x\""),
        (6, "extra data after last expected column"),
        (8, "unterminated CSV quoted field"),
    ];
    assert_eq!(bad, expected.map(|(line, reason)| (line, reason.to_owned())));
}

#[test]
fn headers() {
    let one = [[Value::Int8(1), text("a")]];
    assert_eq!(rows("1,a\n", &[("header", "false")]).0, one);
    assert_eq!(rows("v,k\n1,a\n", &[("header", "true")]).0, one, "by position");
    assert_eq!(rows("V,x,K\na,9,1\n", &[("header", "name")]).0, one, "by name");
    assert_eq!(rows("v\na\n", &[("header", "name")]).0, [[Value::Null, text("a")]]);
    assert_eq!(rows("k,v\n1,a\n", &[("header", "match")]).0, one);
    let (rows, bad) = rows("v,k\n1,a\n", &[("header", "match")]);
    assert_eq!((rows.len(), bad.len()), (0, 2));
    assert_eq!(bad[0].1, "the header is (v, k), but the columns are (k, v)");
}

#[test]
fn other_delimiters_and_nulls() {
    let options =
        [("delimiter", "\\t"), ("quote", "'"), ("escape", "\\"), ("null", "-"), ("header", "off")];
    let (rows, bad) = rows("1\t'it\\'s'\n-\t'-'\n", &options);
    assert_eq!(rows, [[Value::Int8(1), text("it's")], [Value::Null, text("-")]]);
    assert_eq!(bad, []);
}

#[test]
fn block_boundaries_change_nothing() {
    let csv: String = (0..40).map(|i| format!("{i},\"a\"\"{}\n,\"\n", "y".repeat(i))).collect();
    let dir = Dir::new();
    let path = dir.write("rows.csv", &csv);
    let expected = read(&two(), &[("path", &path), ("header", "false")]).expect("reads");
    assert_eq!((expected.0.len(), expected.1.len()), (40, 0));
    let format = CsvFormat {
        delimiter: b',',
        quote: b'"',
        escape: b'"',
        null: Vec::new(),
        header: Header::None,
    };
    for block_bytes in [1, 7, 32] {
        let path = path.clone();
        let mut source = TextSource::new(
            "test".to_owned(),
            Box::new(move || Ok(Some(Box::new(std::fs::File::open(&path).expect("opens"))))),
            Box::new(CsvDecoder::new(format.clone(), &two())),
            &two(),
            false,
        )
        .with_block_bytes(block_bytes);
        assert_eq!(drain(&mut source, &two(), 3, &[true; 2]).expect("reads"), expected);
    }
}
