//! Sinks go on where they were: whatever was written behind a position, the file is in the end as
//! if nothing had happened.

use arena_tr::connector::{Connector, Sink, SinkShape, SinkSpec};
use arena_tr::{Batch, DataType, Epoch, Schema, Value};

use super::support::{Dir, batch, read, schema, sink_spec, text};
use crate::file::FileConnector;

fn two() -> Schema {
    schema(&[("k", DataType::Int8), ("v", DataType::Text)])
}

fn row(k: i64, v: &str) -> Vec<Value> {
    vec![Value::Int8(k), text(v)]
}

fn write(sink: &mut dyn Sink, epoch: usize, delta: &[Batch]) {
    sink.write(Epoch(epoch as u64 + 1), 1_500_000, delta).expect("the shape can express it");
}

/// Twelve epochs whose keys come, change and go, as far as the shape can say so.
fn epochs(shape: &SinkShape) -> Vec<Vec<Batch>> {
    let only_grows = *shape == SinkShape::Rows;
    let epoch = |i: i64| {
        let inserted = batch(&two(), &[row(i, &format!("row {i}")), row(-i - 1, "a, \"b\"")]);
        let mut delta = vec![inserted];
        if i >= 3 && !only_grows {
            delta.push(batch(&two(), &[row(i - 3, &format!("row {}", i - 3))]).negate());
        }
        delta
    };
    (0..12).map(epoch).collect()
}

/// The position, with what it stands for made durable.
fn position(sink: &mut dyn Sink) -> Vec<u8> {
    let at = sink.position().expect("the file is there").expect("it can go on");
    (at.sync)().expect("the file is there");
    at.state
}

fn shapes() -> Vec<(&'static str, SinkShape)> {
    let mut all = Vec::new();
    for name in ["out.ndjson", "out.csv", "out.ndjson.gz", "out.csv.gz"] {
        all.push((name, SinkShape::Changes));
        all.push((name, SinkShape::Rows));
        all.push((name, SinkShape::Upsert(vec![0])));
        if name.starts_with("out.ndjson") {
            all.push((name, SinkShape::Debezium));
        }
    }
    all
}

/// The text in a file, decompressed if need be.
fn contents(path: &str) -> String {
    let bytes = std::fs::read(path).expect("it was written");
    if !path.ends_with(".gz") {
        return String::from_utf8(bytes).expect("text");
    }
    let mut text = String::new();
    let mut members = flate2::read::MultiGzDecoder::new(&bytes[..]);
    std::io::Read::read_to_string(&mut members, &mut text).expect("whole members");
    text
}

fn spec(path: &str, shape: &SinkShape) -> SinkSpec {
    sink_spec(&two(), &[("path", path)], shape.clone())
}

#[test]
fn every_shape_goes_on_where_it_was() {
    for (name, shape) in shapes() {
        let (dir, epochs) = (Dir::new(), epochs(&shape));
        let (whole, broken) = (dir.path(&format!("whole-{name}")), dir.path(name));
        let mut sink = FileConnector.sink(&spec(&whole, &shape)).expect("a sink");
        epochs.iter().enumerate().for_each(|(i, delta)| write(sink.as_mut(), i, delta));
        drop(sink);
        let expected = contents(&whole);
        for at in 0..epochs.len() {
            let mut sink = FileConnector.sink(&spec(&broken, &shape)).expect("a sink");
            (0..at).for_each(|i| write(sink.as_mut(), i, &epochs[i]));
            let position = position(sink.as_mut());
            let length = std::fs::metadata(&broken).expect("it is there").len();
            // What comes later is lost: whole, in part, and with something else at its end.
            for lost in [0, 1, 2] {
                for (i, delta) in epochs.iter().enumerate().skip(at).take(3) {
                    write(sink.as_mut(), i, delta);
                }
                drop(sink);
                let mut bytes = std::fs::read(&broken).expect("it is there");
                match lost {
                    0 => {}
                    1 => bytes.truncate((length as usize).max(bytes.len() / 2)),
                    _ => bytes.extend_from_slice(&[0; 4096]),
                }
                std::fs::write(&broken, bytes).expect("writes");
                sink = FileConnector.sink_at(&spec(&broken, &shape), &position).expect("goes on");
                assert_eq!(std::fs::metadata(&broken).expect("there").len(), length);
            }
            let again = self::position(sink.as_mut());
            assert_eq!(again.len(), position.len(), "{name} {shape:?}: the position it had");
            (at..epochs.len()).for_each(|i| write(sink.as_mut(), i, &epochs[i]));
            drop(sink);
            assert_eq!(contents(&broken), expected, "{name} {shape:?}, on from epoch {at}");
        }
    }
}

#[test]
fn files_of_many_members_are_read() {
    let (dir, shape) = (Dir::new(), SinkShape::Rows);
    let path = dir.path("out.csv.gz");
    let mut sink = FileConnector.sink(&spec(&path, &shape)).expect("a sink");
    let mut expected = Vec::new();
    for i in 0..50 {
        let row = row(i, &"x".repeat(i as usize));
        write(sink.as_mut(), i as usize, &[batch(&two(), std::slice::from_ref(&row))]);
        expected.push(row);
        // Twice: a position where nothing was written adds nothing.
        assert_eq!(position(sink.as_mut()), position(sink.as_mut()));
    }
    let (found, bad) = read(&two(), &[("path", &path)]).expect("reads while the sink lives");
    assert_eq!((found, bad), (expected, Vec::new()));
}

#[test]
fn a_file_that_has_lost_something_is_refused() {
    let (dir, shape) = (Dir::new(), SinkShape::Upsert(vec![0]));
    let path = dir.path("out.csv");
    let mut sink = FileConnector.sink(&spec(&path, &shape)).expect("a sink");
    write(sink.as_mut(), 0, &[batch(&two(), &[row(1, "a")])]);
    let position = position(sink.as_mut());
    drop(sink);
    let text = std::fs::read(&path).expect("it is there");
    let refused = |position: &[u8]| {
        let error = FileConnector.sink_at(&spec(&path, &shape), position).err();
        error.expect("it cannot go on").message().to_owned()
    };
    std::fs::write(&path, &text[..text.len() - 1]).expect("writes");
    let message = refused(&position);
    let n = text.len();
    assert!(
        message.ends_with(&format!("has {} bytes of {n} that were written", n - 1)),
        "{message}"
    );
    std::fs::remove_file(&path).expect("it is there");
    assert!(refused(&position).starts_with("could not go on with file"));
    assert!(!std::fs::exists(&path).expect("looks"), "a file that is gone is not made anew");
    // A position that is not one: cut anywhere, of another version, with something behind it.
    std::fs::write(&path, &text).expect("writes");
    for n in 0..position.len() {
        let _ = refused(&position[..n]);
    }
    assert!(refused(&[&[2], &position[1..]].concat()).contains("by a later version"));
    let _ = refused(&[&position[..], &[0]].concat());
    assert_eq!(std::fs::read(&path).expect("it is there"), text);
}

#[test]
fn what_only_goes_forward_has_no_position() {
    let shape = SinkShape::Changes;
    let dir = Dir::new();
    let mut parquet =
        FileConnector.sink(&spec(&dir.path("out.parquet"), &SinkShape::Rows)).expect("a sink");
    assert!(parquet.begins_empty());
    assert!(parquet.position().expect("answers").is_none());
    if cfg!(unix) {
        let sink_spec = SinkSpec { encode: Some("json".to_owned()), ..spec("/dev/null", &shape) };
        let mut device = FileConnector.sink(&sink_spec).expect("a sink");
        write(device.as_mut(), 0, &[batch(&two(), &[row(1, "a")])]);
        assert!(!device.begins_empty());
        assert!(device.position().expect("answers").is_none());
    }
}
