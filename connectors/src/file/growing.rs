//! A file that a sink writes on, over openings of its database: where it is, and going on there.
//!
//! A compressed file consists of members, each of which is whole by itself: a position ends one,
//! and what is written later begins the next. So the file can be cut at any position and is whole.
//! Invariant: what lies before a position never changes; what lies behind it may be taken away.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arena_tr::connector::SyncSink;
use arena_tr::{Error, Result, SqlState};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Such a file.
pub(crate) struct Growing {
    path: String,
    out: Out,
    device: Arc<Device>,
}

/// What text goes through.
enum Out {
    Plain(Counted),
    Member(GzEncoder<Counted>),
    /// Behind a member that has ended.
    Between(Counted),
    /// A member could not be ended.
    Broken,
}

/// A file and its length.
struct Counted {
    file: File,
    bytes: u64,
}

/// What is known of the file on the device.
#[derive(Default)]
struct Device {
    /// Its name is durable.
    is_named: AtomicBool,
    /// Why something of it may be lost: no later sync brings it back.
    lost: OnceLock<Error>,
}

impl Growing {
    /// A file that was made or emptied just now.
    pub(super) fn anew(path: &str, file: File, is_gzip: bool) -> Self {
        let device = Arc::new(Device::default());
        let counted = Counted { file, bytes: 0 };
        // A file without text is a compressed file too.
        let out = if is_gzip { member(counted) } else { Out::Plain(counted) };
        Self { path: path.to_owned(), out, device }
    }

    /// Opens a file that had so many bytes, and takes away what came later.
    ///
    /// # Errors
    /// When it is not there, or has fewer.
    pub(super) fn at(path: &str, bytes: u64, is_gzip: bool) -> Result<Self> {
        let failed = |e: &io::Error| Error::io(format!("could not go on with file '{path}'"), e);
        let mut file =
            OpenOptions::new().read(true).write(true).open(path).map_err(|e| failed(&e))?;
        let found = file.metadata().map_err(|e| failed(&e))?.len();
        if found < bytes {
            let message = format!("file '{path}' has {found} bytes of {bytes} that were written");
            return Err(Error::new(SqlState::OBJECT_IN_WRONG_STATE, message)
                .with_hint("put the file back, or DROP the sink and CREATE it again"));
        }
        file.set_len(bytes).map_err(|e| failed(&e))?;
        file.seek(SeekFrom::Start(bytes)).map_err(|e| failed(&e))?;
        let counted = Counted { file, bytes };
        let out = if is_gzip { Out::Between(counted) } else { Out::Plain(counted) };
        let device = Device { is_named: AtomicBool::new(true), lost: OnceLock::new() };
        Ok(Self { path: path.to_owned(), out, device: Arc::new(device) })
    }

    /// Writes a text, so that readers of the file see it.
    pub(crate) fn write(&mut self, text: &[u8]) -> Result<()> {
        if let Some(lost) = self.device.lost.get() {
            return Err(lost.clone());
        }
        if text.is_empty() {
            return Ok(());
        }
        self.out = match std::mem::replace(&mut self.out, Out::Broken) {
            Out::Between(counted) => member(counted),
            out => out,
        };
        let written = match &mut self.out {
            Out::Plain(counted) => counted.write_all(text),
            Out::Member(encoder) => encoder.write_all(text).and_then(|()| encoder.flush()),
            Out::Between(_) | Out::Broken => Err(broken()),
        };
        written.map_err(|e| Error::io(&self.path, &e))
    }

    /// How many bytes it has, and what makes them durable. A compressed file is whole there.
    pub(crate) fn position(&mut self) -> Result<(u64, SyncSink)> {
        if let Some(lost) = self.device.lost.get() {
            return Err(lost.clone());
        }
        let failed = |e: &io::Error| Error::io(&self.path, e);
        self.out = match std::mem::replace(&mut self.out, Out::Broken) {
            Out::Member(encoder) => Out::Between(encoder.finish().map_err(|e| failed(&e))?),
            out => out,
        };
        let counted = match &self.out {
            Out::Plain(counted) | Out::Between(counted) => counted,
            Out::Member(_) | Out::Broken => return Err(failed(&broken())),
        };
        let file = counted.file.try_clone().map_err(|e| failed(&e))?;
        let (device, path) = (Arc::clone(&self.device), self.path.clone());
        Ok((counted.bytes, Box::new(move || device.sync(&path, &file))))
    }
}

fn member(counted: Counted) -> Out {
    Out::Member(GzEncoder::new(counted, Compression::default()))
}

fn broken() -> io::Error {
    io::Error::other("an earlier write to it failed")
}

impl Device {
    fn sync(&self, path: &str, file: &File) -> Result<()> {
        let failed = |e: io::Error| {
            // The system may have dropped what it could not write, and say so only once.
            let lost = Error::io(format!("could not make file '{path}' durable"), &e);
            self.lost.get_or_init(|| lost).clone()
        };
        file.sync_all().map_err(failed)?;
        if !self.is_named.load(Ordering::Acquire) {
            sync_dir_of(path).map_err(failed)?;
            self.is_named.store(true, Ordering::Release);
        }
        Ok(())
    }
}

/// Makes a file's name durable.
fn sync_dir_of(path: &str) -> io::Result<()> {
    let dir = Path::new(path).parent().filter(|dir| !dir.as_os_str().is_empty());
    // Only where a directory is a file that can be opened does it have to be synced.
    match cfg!(unix) {
        true => File::open(dir.unwrap_or(Path::new(".")))?.sync_all(),
        false => Ok(()),
    }
}

impl Write for Counted {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let n = self.file.write(text)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
