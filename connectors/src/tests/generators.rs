//! Generators: the same seed, the same rows.

use std::collections::{HashMap, HashSet};

use arena_tr::connector::{Connector, Polled, Source, Want};
use arena_tr::{DataType, Schema, Value};

use super::support::{drain, schema, source_spec};
use crate::datagen::DatagenConnector;
use crate::nexmark::NexmarkConnector;

type Rows = Vec<Vec<Value>>;

fn table(name: &str) -> Schema {
    let of = |names: &str| {
        let column = |name| match name {
            "date_time" | "expires" => (name, DataType::Timestamp),
            "id" | "auction" | "bidder" | "price" | "initial_bid" | "reserve" | "seller"
            | "category" => (name, DataType::Int8),
            _ => (name, DataType::Varchar(None)),
        };
        schema(&names.split(' ').map(column).collect::<Vec<_>>())
    };
    match name {
        "person" => of("id name email_address credit_card city state date_time extra"),
        "auction" => of(
            "id item_name description initial_bid reserve date_time expires seller category extra",
        ),
        _ => of("auction bidder price channel url date_time extra"),
    }
}

fn nexmark(name: &str, options: &[(&str, &str)]) -> Box<dyn Source> {
    let mut all = vec![("table", name)];
    all.extend_from_slice(options);
    NexmarkConnector.source(&source_spec(&table(name), &all)).expect("a source")
}

fn events(name: &str, options: &[(&str, &str)], max_rows: usize) -> Rows {
    let schema = table(name);
    let wanted = vec![true; schema.len()];
    drain(nexmark(name, options).as_mut(), &schema, max_rows, &wanted).expect("generates").0
}

fn ints(rows: &Rows, schema: &Schema, name: &str) -> Vec<i64> {
    let at = schema.index_of(name).expect("a column");
    let int = |v: &Value| match v {
        Value::Timestamp(micros) => *micros,
        other => other.as_i64().expect("a number"),
    };
    rows.iter().map(|row| int(&row[at])).collect()
}

#[test]
fn nexmark_does_not_depend_on_polls_or_wanted_columns() {
    let options = [("events", "5000"), ("seed", "7")];
    for name in ["person", "auction", "bid"] {
        let expected = events(name, &options, 4096);
        for max_rows in [1, 7, 64] {
            assert_eq!(events(name, &options, max_rows), expected, "{name} by {max_rows}");
        }
        assert_ne!(events(name, &[("events", "5000"), ("seed", "8")], 4096), expected);
        let schema = table(name);
        let mut source = nexmark(name, &options);
        let first: Vec<bool> = (0..schema.len()).map(|i| i == 0).collect();
        let rows = drain(source.as_mut(), &schema, 100, &first).expect("generates").0;
        let firsts = |rows: &Rows| rows.iter().map(|r| r[0].clone()).collect::<Vec<_>>();
        assert_eq!(firsts(&rows), firsts(&expected));
        assert!(rows.iter().all(|row| row[1].is_null()));
        assert!(source.restart().expect("restarts"));
        let again =
            drain(source.as_mut(), &schema, 99, &vec![true; schema.len()]).expect("again").0;
        assert_eq!(again, expected);
    }
}

#[test]
fn the_three_kinds_are_parts_of_one_stream() {
    let options = [("events", "100010"), ("seed", "1")];
    let [people, auctions, bids] =
        ["person", "auction", "bid"].map(|name| events(name, &options, 5000));
    // 2,000 whole rounds and ten events more.
    assert_eq!((people.len(), auctions.len(), bids.len()), (2001, 6003, 92_006));
    let (person, auction, bid) = (table("person"), table("auction"), table("bid"));
    let known = |rows: &Rows, schema: &Schema| -> HashMap<i64, i64> {
        ints(rows, schema, "id").into_iter().zip(ints(rows, schema, "date_time")).collect()
    };
    let (people, opened) = (known(&people, &person), known(&auctions, &auction));
    assert_eq!((people.len(), opened.len()), (2001, 6003), "ids are unique");
    let before = |who: &HashMap<i64, i64>, ids: Vec<i64>, times: Vec<i64>| {
        for (id, time) in ids.into_iter().zip(times) {
            assert!(who.get(&id).is_some_and(|t| *t <= time), "{id} is not there at {time}");
        }
    };
    before(&people, ints(&auctions, &auction, "seller"), ints(&auctions, &auction, "date_time"));
    before(&people, ints(&bids, &bid, "bidder"), ints(&bids, &bid, "date_time"));
    before(&opened, ints(&bids, &bid, "auction"), ints(&bids, &bid, "date_time"));
    let hot = ints(&bids, &bid, "auction").iter().filter(|id| **id % 100 == 0).count();
    assert!((45_000..49_000).contains(&hot), "{hot} bids on hot auctions");
    let prices = ints(&bids, &bid, "price");
    assert!(prices.iter().all(|p| (100..=100_000_000).contains(p)));
    let cheap = prices.iter().filter(|p| **p < 100_000).count();
    assert!((45_000..47_000).contains(&cheap), "half of the magnitudes: {cheap}");
    let lasting = ints(&auctions, &auction, "expires").into_iter().zip(ints(
        &auctions,
        &auction,
        "date_time",
    ));
    assert!(lasting.into_iter().all(|(expires, opened)| expires > opened));
}

#[test]
fn nexmark_times_rise_but_for_the_shuffle_in_groups() {
    let bid = table("bid");
    let times = |group: &str| {
        let options = [("events", "6400"), ("out_of_order", group), ("events_per_second", "1000")];
        ints(&events("bid", &options, 1000), &bid, "date_time")
    };
    let ordered = times("1");
    assert!(ordered.is_sorted());
    assert_eq!(ordered[1] - ordered[0], 1000);
    for group in ["64", "953", "100"] {
        let mut shuffled = times(group);
        assert!(!shuffled.is_sorted());
        let latest = shuffled.iter().scan(i64::MIN, |max, t| {
            *max = (*max).max(*t);
            Some(*max - t)
        });
        let width: i64 = group.parse().expect("a number");
        assert!(latest.max().is_some_and(|late| late < width * 1000), "{group}");
        shuffled.sort_unstable();
        assert_eq!(shuffled, ordered, "the same events");
    }
}

#[test]
fn nexmark_has_the_form_of_the_benchmark() {
    let urls: Rows = events("bid", &[("events", "2000")], 5000);
    for row in &urls {
        let (channel, url) = (row[3].to_string(), row[4].to_string());
        assert!(
            url.starts_with("https://www.nexmark.com/") && url.split('/').count() == 7,
            "{url}"
        );
        let is_hot = ["apple", "google", "facebook", "baidu"].contains(&channel.as_str());
        assert!(is_hot || channel.starts_with("channel-"), "{channel}");
        assert!(!(is_hot && url.contains("channel_id")), "{url}");
    }
    assert!(urls.iter().any(|row| row[4].to_string().contains("&channel_id=")));
    let states: HashSet<String> =
        events("person", &[("events", "20000")], 5000).iter().map(|r| r[5].to_string()).collect();
    assert_eq!(states.len(), 6);
}

#[test]
fn nexmark_sources_polled_side_by_side_stay_together() {
    let (mut people, mut bids) = (nexmark("person", &[]), nexmark("bid", &[]));
    assert!(!people.is_bounded());
    for _ in 0..5 {
        let last = |source: &mut Box<dyn Source>, name| {
            let schema = table(name);
            let wanted = vec![true; schema.len()];
            let want = Want { max_rows: 1000, columns: &wanted };
            let Polled::Rows(batch, _) = source.poll(&want).expect("polls") else { panic!("rows") };
            *ints(&batch.to_rows(&schema.types()), &schema, "date_time").iter().max().expect("rows")
        };
        let apart = last(&mut people, "person") - last(&mut bids, "bid");
        assert!(apart.abs() < 2 * 64 * 100, "{apart} microseconds apart");
    }
}

#[test]
fn nexmark_checks_its_columns() {
    let fails = |schema: &Schema, options: &[(&str, &str)]| {
        NexmarkConnector.source(&source_spec(schema, options)).err().expect("fails").to_string()
    };
    let bid = [("table", "bid")];
    let wrong = fails(&schema(&[("price", DataType::Text)]), &bid);
    assert_eq!(wrong, "source \"test\": column \"price\" of nexmark is BIGINT, not text");
    let unknown = fails(&schema(&[("cost", DataType::Int8)]), &bid);
    assert_eq!(unknown, "source \"test\": nexmark has no column \"cost\"");
    assert!(fails(&table("bid"), &[]).contains("person, auction or bid"));
    assert!(fails(&table("bid"), &[("table", "bid"), ("out_of_order", "0")]).contains("zero"));
}

fn generate(schema: &Schema, options: &[(&str, &str)], max_rows: usize) -> Rows {
    let mut source = DatagenConnector.source(&source_spec(schema, options)).expect("a source");
    assert!(source.is_bounded());
    drain(source.as_mut(), schema, max_rows, &vec![true; schema.len()]).expect("generates").0
}

#[test]
fn datagen_fills_every_type_the_same_way_again() {
    let schema = schema(&[
        ("b", DataType::Bool),
        ("i2", DataType::Int2),
        ("i4", DataType::Int4),
        ("i8", DataType::Int8),
        ("f4", DataType::Float4),
        ("f8", DataType::Float8),
        ("n", DataType::Numeric(Some((6, 2)))),
        ("t", DataType::Text),
        ("c", DataType::Char(3)),
        ("by", DataType::Bytea),
        ("d", DataType::Date),
        ("ti", DataType::Time),
        ("ts", DataType::Timestamp),
        ("u", DataType::Uuid),
        ("j", DataType::Jsonb),
    ]);
    let options = [("rows", "300"), ("seed", "5"), ("fields.j.values", "1,\"a\"")];
    let rows = generate(&schema, &options, 1000);
    assert_eq!(rows.len(), 300);
    assert_eq!(generate(&schema, &options, 7), rows);
    assert_ne!(generate(&schema, &[("rows", "300"), ("seed", "6"), options[2]], 7), rows);
    for (value, data_type) in rows.iter().flat_map(|row| row.iter().zip(schema.types())) {
        assert_eq!(Value::parse(&value.to_string(), &data_type).as_ref(), Ok(value));
    }
    assert_eq!(rows[1][12].to_string(), "2024-01-01 00:00:00.001");
}

#[test]
fn datagen_options_of_fields() {
    let schema = schema(&[
        ("id", DataType::Int8),
        ("small", DataType::Int4),
        ("word", DataType::Text),
        ("gone", DataType::Int8),
        ("half", DataType::Float8),
        ("money", DataType::Numeric(None)),
        ("day", DataType::Date),
    ]);
    let options = [
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "10"),
        ("fields.id.end", "209"),
        ("fields.small.min", "-2"),
        ("fields.small.max", "2"),
        ("fields.word.values", "a, b"),
        ("fields.gone.null_rate", "1"),
        ("fields.half.null_rate", "0.5"),
        ("fields.money.min", "1.25"),
        ("fields.money.max", "1.27"),
        ("fields.day.min", "2020-02-28"),
        ("fields.day.max", "2020-03-01"),
    ];
    let rows = generate(&schema, &options, 64);
    let ids: Vec<i64> = rows.iter().map(|r| r[0].as_i64().expect("an id")).collect();
    assert_eq!(ids, (10..210).collect::<Vec<_>>());
    let distinct = |at: usize| {
        let mut all: Vec<String> = rows.iter().map(|r| r[at].to_string()).collect();
        all.sort();
        all.dedup();
        all
    };
    assert_eq!(distinct(1), ["-1", "-2", "0", "1", "2"]);
    assert_eq!(distinct(2), ["a", "b"]);
    assert!(rows.iter().all(|r| r[3].is_null()));
    let nulls = rows.iter().filter(|r| r[4].is_null()).count();
    assert!((70..130).contains(&nulls), "{nulls}");
    assert_eq!(distinct(5), ["1.25", "1.26", "1.27"]);
    assert_eq!(distinct(6), ["2020-02-28", "2020-02-29", "2020-03-01"]);
    for wrong in
        [("fields.id.kind", "x"), ("fields.other.kind", "random"), ("fields.small.min", "x")]
    {
        assert!(DatagenConnector.source(&source_spec(&schema, &[wrong])).is_err(), "{wrong:?}");
    }
}
