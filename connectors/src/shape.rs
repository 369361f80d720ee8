//! Sinks that write text: the shape of a change, then its rows through an encoder.
//!
//! Whatever the shape, the text of one epoch goes out in one piece and is flushed, so that a file
//! can be read while it grows.
//! Invariant: an epoch that its shape cannot express writes nothing.

use std::io::Write;

use arena_tr::connector::{Sink, SinkPosition, SinkShape, SinkSpec, Upsert, Upserts, weighted};
use arena_tr::{Batch, Epoch, Error, Result, SqlState, Timestamp, Value};

use crate::decode::csv::CsvFormat;
use crate::encode::{CsvEncoder, Encoder, JsonEncoder, Lead};
use crate::file::Growing;
use crate::options::Options;

/// A sink of text.
pub(crate) struct TextSink {
    /// What is written to, for messages.
    place: String,
    out: Out,
    encoder: Encoder,
    shape: SinkShape,
    /// The keys that stand, for an upsert.
    upserts: Upserts,
    text: Vec<u8>,
}

/// What a sink writes to.
pub(crate) enum Out {
    /// Something that only goes forward.
    Stream(Box<dyn Write + Send>),
    /// A file of the sink's own.
    File(Growing),
}

/// Where a sink of text is.
///
/// ```text
/// position = version u8, bytes of the file u64, then what its shape keeps
/// ```
pub(crate) struct Position<'a> {
    pub(crate) bytes: u64,
    /// What the shape keeps.
    pub(crate) kept: &'a [u8],
}

/// The version of positions that this program writes.
const POSITION_VERSION: u8 = 1;

impl<'a> Position<'a> {
    /// What the bytes say.
    pub(crate) fn from_bytes(position: &'a [u8]) -> Result<Self> {
        let read = position.split_first().and_then(|(version, rest)| {
            let (bytes, kept) = rest.split_first_chunk()?;
            (*version == POSITION_VERSION)
                .then_some(Position { bytes: u64::from_le_bytes(*bytes), kept })
        });
        read.ok_or_else(|| {
            let message = "the position of a sink of files was written by a later version";
            Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        })
    }
}

impl TextSink {
    /// A sink that writes NDJSON or CSV to `out`; the header is written at once.
    pub(crate) fn new(place: String, out: Out, encoder: Encoder, spec: &SinkSpec) -> Result<Self> {
        let mut sink = Self::with_nothing(place, out, encoder, spec)?;
        let leads: &[&str] = match &sink.shape {
            SinkShape::Changes => &["epoch", "weight"],
            SinkShape::Upsert(_) => &["op"],
            SinkShape::Rows | SinkShape::Debezium => &[],
        };
        sink.encoder.header(leads, &mut sink.text);
        sink.hand_over()?;
        Ok(sink)
    }

    /// The sink that wrote this file, where its shape had kept this.
    pub(crate) fn at(
        place: String,
        file: Growing,
        encoder: Encoder,
        spec: &SinkSpec,
        kept: &[u8],
    ) -> Result<Self> {
        let mut sink = Self::with_nothing(place, Out::File(file), encoder, spec)?;
        if let SinkShape::Upsert(_) = &sink.shape {
            sink.upserts.restore(kept)?;
        }
        Ok(sink)
    }

    fn with_nothing(place: String, out: Out, encoder: Encoder, spec: &SinkSpec) -> Result<Self> {
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
        let upserts = Upserts::new(keys, spec.schema.types());
        Ok(Self { place, out, encoder, shape: spec.shape.clone(), upserts, text: Vec::new() })
    }

    /// Writes out the text at hand.
    fn hand_over(&mut self) -> Result<()> {
        let written = match &mut self.out {
            Out::File(file) => file.write(&self.text),
            Out::Stream(out) => out
                .write_all(&self.text)
                .and_then(|()| out.flush())
                .map_err(|e| Error::io(&self.place, &e)),
        };
        self.text.clear();
        written
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
        matches!(self.out, Out::File(_))
    }

    fn position(&mut self) -> Result<Option<SinkPosition>> {
        let Out::File(file) = &mut self.out else { return Ok(None) };
        let (bytes, sync) = file.position()?;
        let mut state = vec![POSITION_VERSION];
        state.extend_from_slice(&bytes.to_le_bytes());
        if let SinkShape::Upsert(_) = &self.shape {
            self.upserts.save(&mut state)?;
        }
        Ok(Some(SinkPosition { state, sync }))
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
