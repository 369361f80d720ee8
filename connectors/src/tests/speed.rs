//! Temporary.
use super::support::{schema, source_spec};
use arena_tr::DataType;
use arena_tr::connector::{Connector, Polled, Source, Want};
use std::time::Instant;
fn pump(name: &str, source: &mut dyn Source, columns: &[bool]) {
    let t = Instant::now();
    let mut n = 0u64;
    while let Polled::Rows(b, bad) = source.poll(&Want { max_rows: 8192, columns }).unwrap() {
        n += b.rows() as u64;
        assert!(bad.is_empty());
    }
    let s = t.elapsed().as_secs_f64();
    println!("{name}: {n} rows {:.3} s, {:.2} M/s", s, n as f64 / s / 1e6);
}
#[test]
fn speed() {
    use std::io::Read;
    let mut text = String::new();
    let gz = std::fs::File::open("/work/shared/conformance/nexmark/bid.ndjson.gz").unwrap();
    flate2::read::GzDecoder::new(gz).read_to_string(&mut text).unwrap();
    let path = "/tmp/conn-speed.ndjson";
    std::fs::write(path, text.repeat(10)).unwrap();
    let s = schema(&[
        ("auction", DataType::Int8),
        ("bidder", DataType::Int8),
        ("price", DataType::Int8),
        ("channel", DataType::Text),
        ("url", DataType::Text),
        ("date_time", DataType::Timestamp),
        ("extra", DataType::Text),
    ]);
    for _ in 0..2 {
        for (name, cols) in [
            ("all", [true; 7]),
            ("auction+price+date_time", [true, false, true, false, false, true, false]),
            ("date_time", [false, false, false, false, false, true, false]),
        ] {
            let mut f =
                crate::file::FileConnector.source(&source_spec(&s, &[("path", path)])).unwrap();
            pump(&format!("ndjson {name}"), f.as_mut(), &cols);
        }
        for (name, cols) in [
            ("all", [true; 7]),
            ("auction+price+date_time", [true, false, true, false, false, true, false]),
        ] {
            let mut f = crate::nexmark::NexmarkConnector
                .source(&source_spec(&s, &[("table", "bid"), ("events", "2000000")]))
                .unwrap();
            pump(&format!("nexmark bid {name}"), f.as_mut(), &cols);
        }
    }
    std::fs::remove_file(path).unwrap();
}
