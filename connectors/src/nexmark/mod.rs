//! The connector `nexmark`: people, auctions and bids out of a seed.
//!
//! The generator is our own, not the `nexmark` crate: that one draws events one after the other
//! from a cryptographic generator and builds every string of every event, so three sources would
//! each make all three kinds in full. Here the number of an event determines everything about it
//! ([`model`]): events of other kinds are skipped for the price of a remainder, columns nobody
//! wants are never made, and floating point, which differs between machines in its last digits, is
//! not used. Proportions, ids, skew and the form of the fields are those of the benchmark.
//!
//! Within a group of `out_of_order` events the order is a fixed shuffle while times rise with the
//! numbers: that is the disorder of the stream. A poll for `n` rows goes through `n` events of all
//! kinds, so that sources polled side by side stay at the same event time.
//! Invariant: sources with the same seed and options are parts of one stream, whatever the size of
//! polls.

mod model;
mod words;

use arena_tr::connector::{Connector, Polled, Source, SourceSpec, Want};
use arena_tr::{ColumnBuilder, DataType, Error, Result, Schema, SqlState, time};

use crate::options::Options;
use crate::rows::RowSet;
use model::{Kind, Model};

/// Most events in a group.
const MAX_GROUP: u64 = 1_000_000;

/// Generates the events of the Nexmark benchmark.
pub(crate) struct NexmarkConnector;

type Number = fn(&Model, u64) -> i64;
type Text = fn(&Model, u64, &mut Vec<u8>);

/// How a column is made.
#[derive(Clone, Copy)]
enum Maker {
    Number(Number),
    Time(Number),
    Text(Text),
}

const PERSON: &[(&str, Maker)] = &[
    ("id", Maker::Number(Model::own_id)),
    ("name", Maker::Text(words::name)),
    ("email_address", Maker::Text(words::email)),
    ("credit_card", Maker::Text(words::credit_card)),
    ("city", Maker::Text(words::city)),
    ("state", Maker::Text(words::state)),
    ("date_time", Maker::Time(Model::time)),
    ("extra", Maker::Text(|model, event, out| words::extra(model, event, 0, 10, out))),
];

const AUCTION: &[(&str, Maker)] = &[
    ("id", Maker::Number(Model::own_id)),
    ("item_name", Maker::Text(words::item_name)),
    ("description", Maker::Text(words::description)),
    ("initial_bid", Maker::Number(Model::price)),
    ("reserve", Maker::Number(Model::reserve)),
    ("date_time", Maker::Time(Model::time)),
    ("expires", Maker::Time(Model::expires)),
    ("seller", Maker::Number(Model::seller)),
    ("category", Maker::Number(Model::category)),
    ("extra", Maker::Text(|model, event, out| words::extra(model, event, 0, 10, out))),
];

const BID: &[(&str, Maker)] = &[
    ("auction", Maker::Number(Model::auction)),
    ("bidder", Maker::Number(Model::bidder)),
    ("price", Maker::Number(Model::price)),
    ("channel", Maker::Text(words::channel)),
    ("url", Maker::Text(words::url)),
    ("date_time", Maker::Time(Model::time)),
    ("extra", Maker::Text(|model, event, out| words::extra(model, event, 10, 15, out))),
];

impl Connector for NexmarkConnector {
    fn name(&self) -> &'static str {
        "nexmark"
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let mut options = Options::new("nexmark", &spec.options);
        // `type` is what the benchmark's own scripts call it.
        let table = options.text("type");
        let (kind, fields) = match options.text("table").or(table).as_deref() {
            Some("person") => (Kind::Person, PERSON),
            Some("auction") => (Kind::Auction, AUCTION),
            Some("bid") => (Kind::Bid, BID),
            other => {
                let given = other.map_or("is missing".to_owned(), |t| format!("is '{t}'"));
                return Err(options.invalid("table", format!("{given}: person, auction or bid")));
            }
        };
        let start = options.text("start").unwrap_or_else(|| "2015-07-15 00:00:00".to_owned());
        let model = Model {
            seed: options.number("seed")?.unwrap_or(0),
            events_per_second: options.positive("events_per_second")?.unwrap_or(10_000),
            start: time::parse_timestamp(&start)?,
        };
        let group = options.positive("out_of_order")?.unwrap_or(64);
        if group > MAX_GROUP {
            return Err(options.invalid("out_of_order", format!("is greater than {MAX_GROUP}")));
        }
        let events = options.number("events")?;
        options.finish()?;
        let columns = columns(&spec.schema, fields, &spec.name)?;
        Ok(Box::new(NexmarkSource {
            kind,
            model,
            columns,
            order: Order::new(events.unwrap_or(u64::MAX), group),
            is_bounded: events.is_some(),
            rows: RowSet::new(&spec.schema),
            events: Vec::new(),
            text: Vec::new(),
        }))
    }
}

/// How each column of the schema is made.
fn columns(schema: &Schema, fields: &[(&str, Maker)], source: &str) -> Result<Vec<Maker>> {
    let maker = |field: &arena_tr::Field| {
        let Some((_, maker)) = fields.iter().find(|(name, _)| *name == &*field.name) else {
            let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            let message = format!("source \"{source}\": nexmark has no column \"{}\"", field.name);
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, message)
                .with_hint(format!("its columns: {}", known.join(", "))));
        };
        let (fits, wanted) = match (maker, &field.data_type) {
            (Maker::Number(_), t) => (*t == DataType::Int8, "BIGINT"),
            (Maker::Time(_), t) => {
                (matches!(t, DataType::Timestamp | DataType::TimestampTz), "TIMESTAMP")
            }
            (Maker::Text(_), t) => {
                (matches!(t, DataType::Text | DataType::Varchar(None)), "VARCHAR")
            }
        };
        match fits {
            true => Ok(*maker),
            false => Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "source \"{source}\": column \"{}\" of nexmark is {wanted}, not {}",
                    field.name, field.data_type
                ),
            )),
        }
    };
    schema.fields.iter().map(maker).collect()
}

/// The order in which events come: shuffled inside groups.
#[derive(Debug, Clone, Copy)]
struct Order {
    events: u64,
    group: u64,
    stride: u64,
    /// First event of the group at hand, place of the next one in it, and how many were given.
    base: u64,
    place: u64,
    given_in_group: u64,
}

impl Order {
    fn new(events: u64, group: u64) -> Self {
        // A stride that shares a factor with the size would repeat some events and leave out
        // others.
        let about = group * 5 / 8 + 1;
        let stride = (about..).find(|s| gcd(*s, group) == 1).unwrap_or(1) % group;
        Self { events, group, stride, base: 0, place: 0, given_in_group: 0 }
    }

    #[inline]
    fn next(&mut self) -> Option<u64> {
        loop {
            if self.base >= self.events {
                return None;
            }
            let event = self.base.saturating_add(self.place);
            self.place += self.stride;
            if self.place >= self.group {
                self.place -= self.group;
            }
            self.given_in_group += 1;
            if self.given_in_group == self.group {
                self.base = self.base.saturating_add(self.group);
                (self.place, self.given_in_group) = (0, 0);
            }
            // The last group may be cut short.
            if event < self.events {
                return Some(event);
            }
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

struct NexmarkSource {
    kind: Kind,
    model: Model,
    columns: Vec<Maker>,
    order: Order,
    is_bounded: bool,
    rows: RowSet,
    /// The events of the poll at hand.
    events: Vec<u64>,
    text: Vec<u8>,
}

impl Source for NexmarkSource {
    fn poll(&mut self, want: &Want<'_>) -> Result<Polled> {
        let max_rows = want.max_rows.max(1);
        self.events.clear();
        let mut passed = 0;
        while self.events.len() < max_rows && (passed < max_rows || self.events.is_empty()) {
            let Some(event) = self.order.next() else { break };
            passed += 1;
            if Kind::of(event) == self.kind {
                self.events.push(event);
            }
        }
        if self.events.is_empty() {
            return Ok(Polled::End);
        }
        self.rows.start(want);
        for (column, maker) in self.columns.iter().enumerate() {
            if let Some(builder) = self.rows.builder(column) {
                fill(builder, *maker, &self.model, &self.events, &mut self.text);
            }
        }
        self.rows.end_rows(self.events.len());
        let (batch, bad) = self.rows.finish();
        Ok(Polled::Rows(batch, bad))
    }

    fn restart(&mut self) -> Result<bool> {
        self.order = Order::new(self.order.events, self.order.group);
        Ok(true)
    }

    fn is_bounded(&self) -> bool {
        self.is_bounded
    }
}

fn fill(
    builder: &mut ColumnBuilder,
    maker: Maker,
    model: &Model,
    events: &[u64],
    text: &mut Vec<u8>,
) {
    match maker {
        Maker::Number(make) | Maker::Time(make) => {
            events.iter().for_each(|event| builder.push_i64(make(model, *event)));
        }
        Maker::Text(make) => {
            for event in events {
                text.clear();
                make(model, *event, text);
                builder.push_str(text);
            }
        }
    }
}
