//! The connector `file`: rows of a file, changes into a file.
//!
//! Encoding and compression follow from ENCODE and the path's ending; the formats themselves are
//! elsewhere. Files, and nothing else of the file system, are touched here.
//! Invariant: every error names the path.

mod growing;

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use arena_tr::connector::{Connector, Sink, SinkSpec, Source, SourceSpec};
use arena_tr::{Error, Result, SqlState};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

pub(crate) use growing::Growing;

use crate::decode::csv::{CsvDecoder, CsvFormat};
use crate::decode::json::JsonDecoder;
use crate::decode::{Decode, Open, TextSource};
use crate::options::Options;
use crate::parquet;
use crate::shape::{self, Out, Position, TextSink};

/// Reads and writes files.
pub(crate) struct FileConnector;

impl Connector for FileConnector {
    fn name(&self) -> &'static str {
        "file"
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let mut options = Options::new("file", &spec.options);
        let path = options.required("path")?;
        let (encode, is_gzip) = encoding(spec.encode.as_deref(), &path)?;
        if encode == "parquet" {
            options.finish()?;
            refuse_gzip(is_gzip, &path)?;
            if spec.data.is_some() {
                return Err(Error::unsupported("reading Parquet from standard input"));
            }
            return parquet::source(path, spec);
        }
        let decoder = decoder(encode, &mut options, spec)?;
        options.finish()?;
        if let Some(data) = spec.data.clone() {
            let open: Open =
                Box::new(move || Ok(Some(Box::new(std::io::Cursor::new(Arc::clone(&data))))));
            return Ok(Box::new(TextSource::new(
                path,
                open,
                decoder,
                &spec.schema,
                spec.stop_on_error,
            )));
        }
        open(&path)?;
        let place = path.clone();
        let open: Open = Box::new(move || Ok(Some(reader(&path, is_gzip)?)));
        Ok(Box::new(TextSource::new(place, open, decoder, &spec.schema, spec.stop_on_error)))
    }

    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
        let Place { path, encode, is_gzip, mut options } = Place::of(spec)?;
        if encode == "parquet" {
            options.finish()?;
            return parquet::sink(path, spec);
        }
        let encoder = shape::encoder(encode, &mut options, spec)?;
        options.finish()?;
        let file = create(&path)?;
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let out = match (is_file, is_gzip) {
            (true, _) => Out::File(Growing::anew(&path, file, is_gzip)),
            // A device or a pipe has no beginning to go back to.
            (false, true) => Out::Stream(Box::new(GzEncoder::new(file, Compression::default()))),
            (false, false) => Out::Stream(Box::new(file)),
        };
        Ok(Box::new(TextSink::new(path, out, encoder, spec)?))
    }

    fn sink_at(&self, spec: &SinkSpec, position: &[u8]) -> Result<Box<dyn Sink>> {
        let Place { path, encode, is_gzip, mut options } = Place::of(spec)?;
        if encode == "parquet" {
            return Err(Error::unsupported(format!("going on with Parquet file '{path}'")));
        }
        let encoder = shape::encoder(encode, &mut options, spec)?;
        options.finish()?;
        let position = Position::from_bytes(position)?;
        let file = Growing::at(&path, position.bytes, is_gzip)?;
        Ok(Box::new(TextSink::at(path, file, encoder, spec, position.kept)?))
    }
}

/// Where a sink writes to, and what else its options say.
struct Place {
    path: String,
    encode: &'static str,
    is_gzip: bool,
    options: Options,
}

impl Place {
    fn of(spec: &SinkSpec) -> Result<Self> {
        let mut options = Options::new("file", &spec.options);
        let path = options.required("path")?;
        let (encode, is_gzip) = encoding(spec.encode.as_deref(), &path)?;
        if encode == "parquet" {
            refuse_gzip(is_gzip, &path)?;
        }
        Ok(Self { path, encode, is_gzip, options })
    }
}

/// The decoder of a text format, with its options.
pub(crate) fn decoder(
    encode: &str,
    options: &mut Options,
    spec: &SourceSpec,
) -> Result<Box<dyn Decode>> {
    match encode {
        "json" => Ok(Box::new(JsonDecoder::new(&spec.schema))),
        "csv" => Ok(Box::new(CsvDecoder::new(CsvFormat::from_options(options)?, &spec.schema))),
        other => Err(Error::unsupported(format!("reading '{other}' as text"))),
    }
}

/// The name of an encoding as we have it.
pub(crate) fn known_encoding(encode: &str) -> Result<&'static str> {
    match encode.to_ascii_lowercase().as_str() {
        "json" | "ndjson" | "jsonl" => Ok("json"),
        "csv" => Ok("csv"),
        "parquet" => Ok("parquet"),
        other => Err(Error::unsupported(format!("ENCODE {}", other.to_uppercase()))
            .with_hint("encodings: JSON, CSV, PARQUET")),
    }
}

/// The encoding, and whether the file is compressed by gzip.
fn encoding(encode: Option<&str>, path: &str) -> Result<(&'static str, bool)> {
    let lower = path.to_ascii_lowercase();
    let (stem, is_gzip) = match lower.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (lower.as_str(), false),
    };
    if let Some(encode) = encode {
        return Ok((known_encoding(encode)?, is_gzip));
    }
    let known = match stem.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json" | "ndjson" | "jsonl") => "json",
        Some("csv") => "csv",
        Some("parquet") => "parquet",
        _ => {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                format!("cannot tell the encoding of file '{path}' from its ending"),
            )
            .with_hint("FORMAT PLAIN ENCODE JSON | CSV | PARQUET"));
        }
    };
    Ok((known, is_gzip))
}

fn refuse_gzip(is_gzip: bool, path: &str) -> Result<()> {
    match is_gzip {
        true => Err(Error::unsupported(format!("Parquet inside gzip ('{path}')"))),
        false => Ok(()),
    }
}

/// Opens a file for reading.
pub(crate) fn open(path: &str) -> Result<File> {
    let failed = |e: &std::io::Error| Error::io(format!("could not open file '{path}'"), e);
    let file = File::open(path).map_err(|e| failed(&e))?;
    if file.metadata().map_err(|e| failed(&e))?.is_dir() {
        return Err(Error::new(SqlState::IO_ERROR, format!("'{path}' is a directory")));
    }
    Ok(file)
}

/// Creates a file, or empties it.
pub(crate) fn create(path: &str) -> Result<File> {
    File::create(path).map_err(|e| Error::io(format!("could not create file '{path}'"), &e))
}

fn reader(path: &str, is_gzip: bool) -> Result<Box<dyn Read + Send>> {
    let file = open(path)?;
    Ok(match is_gzip {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    })
}
