//! Sinks that write text: the shape of a change, then its rows through an encoder.
//!
//! Whatever the shape, the text of one epoch goes out in one piece and is flushed, so that a file can be read
//! while it grows.
//! Invariant: an epoch that its shape cannot express writes nothing.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::io::Write;

use arena_tr::connector::{Sink, SinkShape, SinkSpec};
use arena_tr::{Batch, DataType, Epoch, Error, Result, SqlState, Timestamp, Value};

use crate::decode::csv::CsvFormat;
use crate::encode::{CsvEncoder, Encoder, JsonEncoder, Lead};
use crate::options::Options;

/// A sink of text.
pub(crate) struct TextSink {
    /// What is written to, for messages.
    place: String,
    out: Box<dyn Write + Send>,
    encoder: Encoder,
    shape: SinkShape,
    types: Vec<DataType>,
    /// The keys that stand, for an upsert.
    standing: HashMap<Key, ()>,
    text: Vec<u8>,
}

impl TextSink {
    /// A sink that writes NDJSON or CSV to `out`; the header is written at once.
    pub(crate) fn new(
        place: String,
        out: Box<dyn Write + Send>,
        encoder: Encoder,
        spec: &SinkSpec,
    ) -> Result<Self> {
        if matches!((&spec.shape, &encoder), (SinkShape::Debezium, Encoder::Csv(_))) {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                format!("sink \"{}\": ENVELOPE DEBEZIUM is JSON", spec.name),
            )
            .with_hint("FORMAT PLAIN ENCODE JSON"));
        }
        let mut sink = Self {
            place,
            out,
            encoder,
            shape: spec.shape.clone(),
            types: spec.schema.types(),
            standing: HashMap::new(),
            text: Vec::new(),
        };
        let leads: &[&str] = match &sink.shape {
            SinkShape::Changes => &["epoch", "weight"],
            SinkShape::Upsert(_) => &["op"],
            SinkShape::Rows | SinkShape::Debezium => &[],
        };
        sink.encoder.header(leads, &mut sink.text);
        sink.hand_over()?;
        Ok(sink)
    }

    /// Writes out the text at hand.
    fn hand_over(&mut self) -> Result<()> {
        let written = self.out.write_all(&self.text).and_then(|()| self.out.flush());
        self.text.clear();
        written.map_err(|e| Error::io(&self.place, &e))
    }

    fn changes(&mut self, epoch: Epoch, delta: &[Batch]) {
        for (batch, i, weight) in weighted(delta) {
            let epoch = i64::try_from(epoch.0).unwrap_or(i64::MAX);
            let leads = [Lead::Int("epoch", epoch), Lead::Int("weight", weight)];
            self.encoder.row(&leads, batch, i, &mut self.text);
        }
    }

    fn rows(&mut self, delta: &[Batch]) -> Result<()> {
        for (batch, i, weight) in weighted(delta) {
            if weight < 0 {
                return Err(retraction(&self.place));
            }
            for _ in 0..weight {
                self.encoder.row(&[], batch, i, &mut self.text);
            }
        }
        Ok(())
    }

    fn upsert(&mut self, keys: &[usize], delta: &[Batch]) -> Result<()> {
        let mut order: Vec<(Key, Turn<'_>)> = Vec::new();
        let mut place_of: HashMap<Key, usize> = HashMap::new();
        for (batch, i, weight) in weighted(delta) {
            let key =
                Key(keys.iter().map(|k| batch.columns[*k].value(i, &self.types[*k])).collect());
            let at = *place_of.entry(key.clone()).or_insert_with(|| {
                order.push((key, Turn::default()));
                order.len() - 1
            });
            let turn = &mut order[at].1;
            turn.weight += weight;
            let row = if weight > 0 { &mut turn.inserted } else { &mut turn.deleted };
            *row = Some((batch, i));
        }
        // All are judged before any is kept: an epoch that fails changes nothing.
        for (key, turn) in &order {
            let after = i64::from(self.standing.contains_key(key)) + turn.weight;
            if !(0..=1).contains(&after) {
                return Err(not_unique(&self.place, key));
            }
        }
        for (key, turn) in order {
            let before = self.standing.contains_key(&key);
            let after = i64::from(before) + turn.weight == 1;
            match (after, turn.inserted, turn.deleted) {
                (true, Some((batch, i)), _) => {
                    self.encoder.row(&[Lead::Word("op", "u")], batch, i, &mut self.text);
                }
                (false, _, Some((batch, i))) if before => {
                    self.encoder.row(&[Lead::Word("op", "d")], batch, i, &mut self.text);
                }
                _ => {}
            }
            if after {
                self.standing.insert(key, ());
            } else {
                self.standing.remove(&key);
            }
        }
        Ok(())
    }

    /// Deletions first: a row that replaces another comes after it.
    fn debezium(&mut self, now: Timestamp, delta: &[Batch]) {
        let Encoder::Json(json) = &self.encoder else { return };
        let millis = now.div_euclid(1000);
        for deletes in [true, false] {
            for (batch, i, weight) in weighted(delta).filter(|(_, _, w)| (*w < 0) == deletes) {
                let (before, after, op) = match deletes {
                    true => (&b"{\"before\":"[..], &b",\"after\":null"[..], "d"),
                    false => (&b"{\"before\":null,\"after\":"[..], &b""[..], "c"),
                };
                for _ in 0..weight.unsigned_abs() {
                    self.text.extend_from_slice(before);
                    json.object(&[], batch, i, &mut self.text);
                    self.text.extend_from_slice(after);
                    let rest = format!(",\"op\":\"{op}\",\"ts_ms\":{millis}}}\n");
                    self.text.extend_from_slice(rest.as_bytes());
                }
            }
        }
    }
}

impl Sink for TextSink {
    fn write(&mut self, epoch: Epoch, now: Timestamp, delta: &[Batch]) -> Result<()> {
        let shaped = match self.shape.clone() {
            SinkShape::Changes => {
                self.changes(epoch, delta);
                Ok(())
            }
            SinkShape::Rows => self.rows(delta),
            SinkShape::Upsert(keys) => self.upsert(&keys, delta),
            SinkShape::Debezium => {
                self.debezium(now, delta);
                Ok(())
            }
        };
        if let Err(error) = shaped {
            self.text.clear();
            return Err(error);
        }
        self.hand_over()
    }

    fn flush(&mut self) -> Result<()> {
        self.hand_over()
    }
}

/// The encoder that options ask for.
pub(crate) fn encoder(encode: &str, options: &mut Options, spec: &SinkSpec) -> Result<Encoder> {
    match encode {
        "json" => Ok(Encoder::Json(JsonEncoder::new(&spec.schema))),
        "csv" => Ok(Encoder::Csv(CsvEncoder::new(CsvFormat::from_options(options)?, &spec.schema))),
        other => Err(Error::unsupported(format!("writing '{other}' as text"))),
    }
}

/// The live rows of a change and their weights.
pub(crate) fn weighted(delta: &[Batch]) -> impl Iterator<Item = (&Batch, usize, i64)> {
    delta.iter().flat_map(|batch| {
        let rows: Vec<usize> = batch.live_rows().iter().collect();
        rows.into_iter().map(move |i| (batch, i, batch.weight(i))).filter(|(_, _, w)| *w != 0)
    })
}

/// A row was taken back from a sink that can only add.
pub(crate) fn retraction(place: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER,
        format!("{place}: rows alone cannot express a retraction"),
    )
    .with_hint("leave out ENVELOPE APPEND to write changes, or use ENVELOPE UPSERT (KEY (...))")
}

fn not_unique(place: &str, key: &Key) -> Error {
    let cells: Vec<String> = key.0.iter().map(ToString::to_string).collect();
    Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!("{place}: key ({}) does not name one row", cells.join(", ")),
    )
}

/// What an epoch does to one key.
#[derive(Default)]
struct Turn<'a> {
    weight: i64,
    inserted: Option<(&'a Batch, usize)>,
    deleted: Option<(&'a Batch, usize)>,
}

/// Key values, equal as SQL has it.
#[derive(Clone)]
struct Key(Vec<Value>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.eq_sql(b))
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash_sql(state));
    }
}
