//! `arena-tr`: the interactive shell and the runner of scripts.
//!
//! Arguments become jobs; without a job there is the shell. Results go to standard output,
//! everything else to standard error.
//! Invariant: the exit code says what happened: 0 done, 1 a statement failed, 2 wrong usage, 3
//! reading or writing failed, 130 interrupted.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the program that prints")]

mod args;
mod command;
mod complete;
mod copy;
mod follow;
mod render;
mod script;
mod shell;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arena_tr::disk::Disk;
use arena_tr::disk::RealDisk;
use arena_tr::{
    CancelHandle, Database, Error, ErrorKind, Options, check_directory, log_records, truncate_log,
};

use args::{Args, Job, Look, Parsed};
use render::Style;

/// Why the program ends early.
pub(crate) enum Stop {
    /// A statement failed; printed already.
    Failed(ErrorKind),
    /// Reading or writing outside the database failed; printed already.
    Io,
    /// Ctrl-C.
    Interrupted,
    /// Nobody reads the output any more.
    BrokenPipe,
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        eprintln!("error: cannot write: {error}");
        Self::Io
    }
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::BrokenPipe => 0,
            Self::Failed(ErrorKind::Cancelled) | Self::Interrupted => 130,
            Self::Failed(ErrorKind::Io | ErrorKind::Corrupt) | Self::Io => 3,
            Self::Failed(_) => 1,
        }
    }
}

/// Ctrl-C: cancels the running statement; a flag tells loops that are not inside a statement.
#[derive(Clone)]
pub(crate) struct Interrupt {
    flag: Arc<AtomicBool>,
}

impl Interrupt {
    fn install(cancel: CancelHandle) -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let handler = move || {
            seen.store(true, Ordering::Relaxed);
            cancel.cancel();
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            eprintln!("warning: Ctrl-C will end the program at once: {error}");
        }
        Self { flag }
    }

    /// Whether Ctrl-C was pressed since the last call.
    pub(crate) fn take(&self) -> bool {
        self.flag.swap(false, Ordering::Relaxed)
    }
}

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Args(args)) => args,
        Ok(Parsed::Help) => {
            print!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::Version) => {
            println!("arena-tr {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}\nTry 'arena-tr --help'.");
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => ExitCode::from(stop.code()),
    }
}

/// The database in the directory that was named, or one in memory.
fn open(args: &Args) -> Result<Database, Stop> {
    let quiet = args.quiet;
    let tell = move |line: &str| {
        if !quiet {
            eprintln!("{line}");
        }
    };
    let options = Options {
        connectors: arena_tr_connectors::all(),
        on_notice: Some(Arc::new(tell)),
        ..Options::default()
    };
    let Some(directory) = &args.directory else { return Ok(Database::with_options(options)) };
    Database::open_with(directory, options).map_err(|error| {
        eprintln!("{}", error.render());
        Stop::Failed(error.kind())
    })
}

/// `repair DIR --truncate-at LSN`.
fn repair(directory: &str, lsn: u64) -> Result<(), Stop> {
    let lost = truncate_log(&RealDisk, Path::new(directory), lsn).map_err(|error| {
        eprintln!("{}", error.render());
        Stop::Failed(error.kind())
    })?;
    let epochs = match lost.epochs {
        Some((first, last)) => format!(", of epochs {first} to {last}"),
        None => String::new(),
    };
    eprintln!(
        "the log ends at LSN {lsn:X} now; lost: {} bytes, {} readable records{epochs}",
        lost.bytes, lost.records
    );
    Ok(())
}

/// `log DIR`, `check DIR` and `repair DIR`.
fn look(directory: &str, look: Look) -> Result<(), Stop> {
    if let Look::Repair(lsn) = look {
        return repair(directory, lsn);
    }
    let failed = |error: Error| {
        eprintln!("{}", error.render());
        Stop::Failed(error.kind())
    };
    let checked = match look {
        Look::Log => {
            let mut out = std::io::stdout().lock();
            let mut printed = Ok(());
            let checked = log_records(&RealDisk, Path::new(directory), |record| {
                if printed.is_ok() {
                    printed = writeln!(out, "{record}");
                }
            });
            printed?;
            checked.map_err(failed)?
        }
        _ => {
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            check_directory(&disk, Path::new(directory)).map_err(failed)?
        }
    };
    let torn = if checked.torn { "; an unfinished record behind it will be cut off" } else { "" };
    eprintln!(
        "{} records up to epoch {}; the log ends at LSN {:X}{torn}",
        checked.records, checked.epoch, checked.end
    );
    for of in &checked.snapshots {
        let (number, epoch, bytes) = (of.number, of.epoch, of.bytes);
        match &of.damaged {
            None => eprintln!("snapshot {number} of epoch {epoch}: {bytes} bytes, whole"),
            Some(why) => eprintln!("snapshot {number} of epoch {epoch}: {why}"),
        }
    }
    match checked.snapshots.iter().any(|of| of.damaged.is_some()) {
        true => Err(Stop::Failed(ErrorKind::Corrupt)),
        false => Ok(()),
    }
}

fn run(args: &Args) -> Result<(), Stop> {
    if let (Some(what), Some(directory)) = (args.look, &args.directory) {
        return look(directory, what);
    }
    let db = open(args)?;
    let mut session = db.session();
    let interrupt = Interrupt::install(session.cancel_handle());
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let style = Style {
        format: args.format.unwrap_or(args::Format::Table),
        header: args.header,
        null: args.null.clone(),
    };
    let mut printer = script::Printer { style, quiet: args.quiet, interrupt, terminal };
    if args.jobs.is_empty() {
        if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return shell::run(&db, session, printer, args.directory.as_deref());
        }
        return script::file(&mut session, "-", &mut printer);
    }
    for job in &args.jobs {
        match job {
            Job::Command(sql) => script::text(&mut session, "-c", sql, &mut printer)?,
            Job::File(path) => script::file(&mut session, path, &mut printer)?,
            Job::Run(path) => script::run_file(&db, &mut session, path, &mut printer)?,
        }
    }
    Ok(())
}

/// Prints an error that stands in a text, with the text's name and line.
pub(crate) fn report(name: &str, text: &str, offset: usize, error: &Error) -> Stop {
    let at = error.span().map_or(offset, |span| offset + span.start as usize);
    let line = text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
    eprintln!("{name}:{line}: {}", error.render());
    Stop::Failed(error.kind())
}
