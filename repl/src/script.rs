//! Running texts that are not typed: `-c`, `-f`, `run`.
//!
//! Statements run one after the other and print as they finish; the first that fails stops the
//! script with its file and line.
//! Invariant: what was printed of a script that stopped had been committed.

use std::io::{IsTerminal, Read, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use arena_tr::sql::CopyStream;
use arena_tr::{Database, Outcome, Session};

use crate::render::{self, Style};
use crate::{Interrupt, Stop, copy, follow, report};

/// Where and how results are printed.
pub(crate) struct Printer {
    pub(crate) style: Style,
    pub(crate) quiet: bool,
    pub(crate) interrupt: Interrupt,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
}

impl Printer {
    /// Prints what a statement gave, and follows what it subscribed to.
    pub(crate) fn show(
        &mut self,
        session: &Session,
        mut outcome: Outcome,
        stream: Option<&CopyStream>,
    ) -> Result<(), Stop> {
        if let (Some(CopyStream::Out(options)), Some(rows)) = (stream, &outcome.rows) {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            copy::print(&mut out, rows, options)?;
            return Ok(out.flush()?);
        }
        let subscription = outcome.subscription.take();
        self.outcome(outcome)?;
        match subscription {
            Some(mut subscription) => follow::print(&session.database(), &mut subscription, self),
            None => Ok(()),
        }
    }

    /// Prints what a statement gave.
    pub(crate) fn outcome(&mut self, outcome: Outcome) -> Result<(), Stop> {
        for notice in &outcome.notices {
            if !self.quiet {
                eprintln!("notice: {notice}");
            }
        }
        if let Some(rows) = &outcome.rows {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            render::rows(&mut out, rows, &self.style)?;
            out.flush()?;
        } else if !self.quiet && outcome.subscription.is_none() {
            eprintln!("{}", outcome.tag);
        }
        Ok(())
    }
}

/// A text of statements.
struct Script<'a> {
    /// What errors call it.
    name: &'a str,
    text: &'a str,
    /// The rows of COPY ... FROM STDIN stand in it.
    has_rows: bool,
    /// Where WAIT FOR SOURCES reads the sources to their end.
    drains: Option<&'a Database>,
}

/// Runs a file; `-` is standard input.
pub(crate) fn file(session: &mut Session, path: &str, printer: &mut Printer) -> Result<(), Stop> {
    let (name, text) = read(path)?;
    Script { name: &name, text: &text, has_rows: true, drains: None }.run(session, printer)
}

/// Runs a text.
pub(crate) fn text(
    session: &mut Session,
    name: &str,
    sql: &str,
    printer: &mut Printer,
) -> Result<(), Stop> {
    Script { name, text: sql, has_rows: false, drains: None }.run(session, printer)
}

fn read(path: &str) -> Result<(String, String), Stop> {
    let (name, result) = if path == "-" {
        let mut text = String::new();
        ("stdin".to_owned(), std::io::stdin().read_to_string(&mut text).map(|_| text))
    } else {
        (path.to_owned(), std::fs::read_to_string(path))
    };
    match result {
        Ok(text) => Ok((name, text)),
        Err(error) => {
            eprintln!("error: cannot read {name}: {error}");
            Err(Stop::Io)
        }
    }
}

impl Script<'_> {
    fn run(&self, session: &mut Session, printer: &mut Printer) -> Result<(), Stop> {
        let mut at = 0;
        // Rows within the text are no statements: what follows them is split anew.
        while let Some(next) = self.run_from(at, session, printer)? {
            at = next;
        }
        Ok(())
    }

    /// Runs the statements from a place on; where to go on behind rows that stand in the text.
    fn run_from(
        &self,
        from: usize,
        session: &mut Session,
        printer: &mut Printer,
    ) -> Result<Option<usize>, Stop> {
        for range in arena_tr::sql::split(&self.text[from..]) {
            let range = from + range.start..from + range.end;
            let part = &self.text[range.clone()];
            if let Some(db) = self.drains.filter(|_| arena_tr::sql::is_wait_for_sources(part)) {
                drain(db, printer)?;
                continue;
            }
            match arena_tr::sql::copy_stream(part) {
                Some(CopyStream::In) if self.has_rows => {
                    let (rows, next) = copy::inline(self.text, range.end);
                    self.copy_in(range, rows, session, printer)?;
                    return Ok(Some(next));
                }
                Some(CopyStream::In) => {
                    let rows = copy::rest_of_input()?;
                    self.copy_in(range, &rows, session, printer)?;
                }
                other => self.statement(range, other, session, printer)?,
            }
        }
        Ok(None)
    }

    fn copy_in(
        &self,
        range: Range<usize>,
        rows: &str,
        session: &mut Session,
        printer: &mut Printer,
    ) -> Result<(), Stop> {
        let offset = range.start;
        let done = session.copy_in(&self.text[range], rows.as_bytes());
        printer.outcome(done.map_err(|error| report(self.name, self.text, offset, &error))?)
    }

    fn statement(
        &self,
        range: Range<usize>,
        stream: Option<CopyStream>,
        session: &mut Session,
        printer: &mut Printer,
    ) -> Result<(), Stop> {
        let offset = range.start;
        let outcomes = session
            .execute(&self.text[range])
            .map_err(|error| report(self.name, self.text, offset, &error))?;
        for outcome in outcomes {
            printer.show(session, outcome, stream.as_ref())?;
        }
        if printer.interrupt.take() {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }
}

/// `run FILE`: the script, its sources with progress, then every materialized view it made.
pub(crate) fn run_file(
    db: &Database,
    session: &mut Session,
    path: &str,
    printer: &mut Printer,
) -> Result<(), Stop> {
    let (name, text) = read(path)?;
    let before = views(session);
    Script { name: &name, text: &text, has_rows: true, drains: Some(db) }.run(session, printer)?;
    drain(db, printer)?;
    for view in views(session).into_iter().filter(|v| !before.contains(v)) {
        print_view(session, &view, printer)?;
    }
    Ok(())
}

fn views(session: &mut Session) -> Vec<String> {
    let rows = session.query("SHOW MATERIALIZED VIEWS", &[]).map(|r| r.to_vec());
    rows.unwrap_or_default().into_iter().map(|row| row[0].to_string()).collect()
}

/// Rows of a view that `run` prints.
const SHOWN_ROWS: usize = 10;

fn print_view(session: &mut Session, view: &str, printer: &mut Printer) -> Result<(), Stop> {
    let quoted = format!("\"{}\"", view.replace('"', "\"\""));
    let fail = |error: arena_tr::Error| report(view, "", 0, &error);
    let count = session.query(&format!("SELECT count(*) FROM {quoted}"), &[]).map_err(fail)?;
    let total = count.to_vec()[0][0].to_string();
    let rows =
        session.query(&format!("SELECT * FROM {quoted} LIMIT {SHOWN_ROWS}"), &[]).map_err(fail)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let shown = rows.len();
    writeln!(
        out,
        "\n{view}: {total} rows{}",
        if total == shown.to_string() { String::new() } else { format!(", the first {shown}") }
    )?;
    render::rows(&mut out, &rows, &printer.style)?;
    out.flush()?;
    Ok(())
}

/// Runs the sources until the bounded ones are drained, with a progress line on standard error.
fn drain(db: &Database, printer: &Printer) -> Result<(), Stop> {
    let start = Instant::now();
    let mut shown = Instant::now();
    let mut rows = 0u64;
    loop {
        let round = db.run_sources_once().map_err(|error| report("source", "", 0, &error))?;
        rows += round.rows;
        let done = round.bounded_left == 0;
        if !printer.quiet && rows > 0 && (done || shown.elapsed() >= Duration::from_millis(200)) {
            shown = Instant::now();
            progress(db, rows, start.elapsed(), done);
        }
        if done {
            return Ok(());
        }
        if printer.interrupt.take() {
            return Err(Stop::Interrupted);
        }
        if round.rows == 0 && round.epoch.is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// One line: events, events per second, watermark, and how far the last event is ahead of it.
fn progress(db: &Database, rows: u64, elapsed: Duration, done: bool) {
    let per_second = rows as f64 / elapsed.as_secs_f64().max(1e-9);
    let time = db.event_time();
    let watermark = match time.watermark {
        i64::MIN => "none yet".to_owned(),
        i64::MAX => "end of time".to_owned(),
        at => arena_tr::Value::Timestamp(at).to_string(),
    };
    let lag = time.lag_micros.map_or(String::new(), |us| format!(", lag {:.1} s", us as f64 / 1e6));
    let line = format!(
        "{rows} events, {per_second:.0} events/s, watermark {watermark}{lag}, {:.1} s",
        elapsed.as_secs_f64()
    );
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}{}", if done { "\n" } else { "" });
    } else if done {
        eprintln!("{line}");
    }
}
