//! The connectors `stdin` and `stdout`: text through the process's standard streams.
//!
//! Reading from a terminal or a pipe blocks, and a source must not: a thread reads and hands blocks
//! over. It starts with the first poll, so that a script that comes through standard input is not
//! eaten.
//! Invariant: standard input is read once, by one source.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use arena_tr::connector::{Connector, Sink, SinkSpec, Source, SourceSpec};
use arena_tr::{Error, Result, SqlState};

use crate::decode::{Open, TextSource};
use crate::file;
use crate::options::Options;
use crate::shape::{self, Out, TextSink};

/// Bytes handed over at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Chunks that may wait to be decoded.
const CHUNKS: usize = 16;

/// Reads standard input.
pub(crate) struct StdinConnector;

/// Writes standard output.
pub(crate) struct StdoutConnector;

static IS_TAKEN: AtomicBool = AtomicBool::new(false);

impl Connector for StdinConnector {
    fn name(&self) -> &'static str {
        "stdin"
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let open: Open = Box::new(|| match IS_TAKEN.swap(true, Ordering::SeqCst) {
            false => Ok(Some(Box::new(Chunks::of(Box::new(io::stdin()))?))),
            true => Err(Error::new(
                SqlState::OBJECT_IN_WRONG_STATE,
                "standard input is read by another source already",
            )),
        });
        source(spec, once(open))
    }
}

/// Opens the first time, and then says that there is no other.
fn once(mut open: Open) -> Open {
    let mut is_open = false;
    Box::new(move || match std::mem::replace(&mut is_open, true) {
        false => open(),
        true => Ok(None),
    })
}

fn source(spec: &SourceSpec, open: Open) -> Result<Box<dyn Source>> {
    let mut options = Options::new("stdin", &spec.options);
    let encode = file::known_encoding(spec.encode.as_deref().unwrap_or("json"))?;
    let decoder = file::decoder(encode, &mut options, spec)?;
    options.finish()?;
    let place = "standard input".to_owned();
    Ok(Box::new(TextSource::new(place, open, decoder, &spec.schema, spec.stop_on_error)))
}

impl Connector for StdoutConnector {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
        let mut options = Options::new("stdout", &spec.options);
        let encode = file::known_encoding(spec.encode.as_deref().unwrap_or("json"))?;
        let encoder = shape::encoder(encode, &mut options, spec)?;
        options.finish()?;
        let out = Out::Stream(Box::new(io::stdout()));
        Ok(Box::new(TextSink::new("standard output".to_owned(), out, encoder, spec)?))
    }
}

/// What a thread reads, chunk by chunk; asking for more than it has is `WouldBlock`.
struct Chunks {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Chunks {
    fn of(mut input: Box<dyn Read + Send>) -> Result<Self> {
        let (sender, chunks) = sync_channel(CHUNKS);
        let read = move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let chunk = match input.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(n) => Ok(buffer[..n].to_vec()),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => Err(e),
                };
                let is_last = chunk.is_err();
                if sender.send(chunk).is_err() || is_last {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(read)
            .map_err(|e| Error::io("could not start reading standard input", &e))?;
        Ok(Self { chunks, chunk: Vec::new(), at: 0 })
    }
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.chunk = match self.chunks.try_recv() {
                Ok(chunk) => chunk?,
                Err(TryRecvError::Empty) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryRecvError::Disconnected) => return Ok(0),
            };
            self.at = 0;
        }
        let n = out.len().min(self.chunk.len() - self.at);
        out[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use arena_tr::connector::{Polled, Want};
    use arena_tr::{DataType, Field, Schema, Value};

    use super::*;

    #[test]
    fn a_silent_pipe_is_pending_and_a_closed_one_the_end() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let schema = Schema::new(vec![Field::new("a", DataType::Int8, true)]);
        let spec = SourceSpec {
            name: "s".to_owned(),
            schema,
            options: Default::default(),
            encode: None,
            data: None,
            stop_on_error: false,
        };
        let mut reader = Some(reader);
        let open: Open = Box::new(move || {
            Ok(Some(Box::new(Chunks::of(Box::new(reader.take().expect("opened once")))?)))
        });
        let mut source = source(&spec, once(open)).expect("a source");
        let want = Want { max_rows: 10, columns: &[true] };
        assert!(matches!(source.poll(&want).expect("polls"), Polled::Pending));
        io::Write::write_all(&mut writer, b"{\"a\":1}\n{\"a\"").expect("writes");
        let mut wait = || {
            let started = Instant::now();
            loop {
                match source.poll(&want).expect("polls") {
                    Polled::Pending if started.elapsed() < Duration::from_secs(20) => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    other => return other,
                }
            }
        };
        let rows = |polled| match polled {
            Polled::Rows(batch, bad) if bad.is_empty() => batch.to_rows(&[DataType::Int8]),
            other => panic!("no rows but {other:?}"),
        };
        assert_eq!(rows(wait()), [[Value::Int8(1)]]);
        io::Write::write_all(&mut writer, b":2}").expect("writes");
        drop(writer);
        assert_eq!(rows(wait()), [[Value::Int8(2)]]);
        assert!(matches!(wait(), Polled::End));
        assert!(!source.restart().expect("restart answers"));
    }
}
