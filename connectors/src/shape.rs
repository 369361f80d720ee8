//! Sinks that write text: the shape of a change, then its rows through an encoder.
//!
//! Whatever the shape, the text of one epoch goes out in one piece and is flushed, so that a file
//! can be read while it grows.
//! Invariant: an epoch that its shape cannot express writes nothing.

use std::io::Write;

use arena_tr::connector::{Sink, SinkShape, SinkSpec, Upsert, Upserts, weighted};
use arena_tr::{Batch, Epoch, Error, Result, SqlState, Timestamp, Value};

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
    /// The keys that stand, for an upsert.
    upserts: Upserts,
    text: Vec<u8>,
    /// Whether the place was emptied when the sink was made.
    begins_empty: bool,
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
        let keys = match &spec.shape {
            SinkShape::Upsert(keys) => keys.clone(),
            _ => Vec::new(),
        };
        let mut sink = Self {
            place,
            out,
            encoder,
            shape: spec.shape.clone(),
            upserts: Upserts::new(keys, spec.schema.types()),
            text: Vec::new(),
            begins_empty: false,
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

    /// The same, for a place that was emptied.
    pub(crate) fn that_begins_empty(mut self) -> Self {
        self.begins_empty = true;
        self
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

    fn upsert(&mut self, delta: &[Batch]) -> Result<()> {
        let upserts = self.upserts.take(delta).map_err(|key| not_unique(&self.place, &key))?;
        for Upsert { deleted, batch, row } in upserts {
            let op = Lead::Word("op", if deleted { "d" } else { "u" });
            self.encoder.row(&[op], batch, row, &mut self.text);
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
            SinkShape::Upsert(_) => self.upsert(delta),
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

    fn begins_empty(&self) -> bool {
        self.begins_empty
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

/// A row was taken back from a sink that can only add.
pub(crate) fn retraction(place: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER,
        format!("{place}: rows alone cannot express a retraction"),
    )
    .with_hint("leave out ENVELOPE APPEND to write changes, or use ENVELOPE UPSERT (KEY (...))")
}

fn not_unique(place: &str, key: &[Value]) -> Error {
    let cells: Vec<String> = key.iter().map(ToString::to_string).collect();
    Error::new(
        SqlState::UNIQUE_VIOLATION,
        format!("{place}: key ({}) does not name one row", cells.join(", ")),
    )
}
