//! The interactive shell.
//!
//! Lines are edited by rustyline with history, colours and completion; a statement may take several
//! lines and ends at its semicolon. While nothing is typed, sources run on in the background.
//! Invariant: no input can end the shell but Ctrl-D and the commands that leave.

use std::path::PathBuf;
use std::time::Instant;

use arena_tr::sql::CopyStream;
use arena_tr::{Database, Session};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use crate::args::Format;
use crate::command::{self, Command};
use crate::complete::SqlHelper;
use crate::script::Printer;
use crate::{Stop, script};

struct Shell<'a> {
    db: &'a Database,
    session: Session,
    printer: Printer,
    timing: bool,
}

/// Runs until Ctrl-D.
pub(crate) fn run(
    db: &Database,
    session: Session,
    printer: Printer,
    directory: Option<&str>,
) -> Result<(), Stop> {
    if !printer.quiet {
        let place = match directory {
            Some(directory) => format!("The database is in {directory}."),
            None => "The database is in memory: it is gone when you leave.".to_owned(),
        };
        eprintln!(
            "arena-tr {}: SQL that stays true while the data moves. .help helps, Ctrl-D leaves.\n{place}",
            env!("CARGO_PKG_VERSION")
        );
    }
    let mut editor = editor(db).map_err(|error| {
        eprintln!("error: cannot use the terminal: {error}");
        Stop::Io
    })?;
    let history = history_file();
    if let Some(path) = &history {
        // No history yet is no failure.
        let _ = editor.load_history(path);
    }
    let mut shell = Shell { db, session, printer, timing: false };
    let result = shell.read_lines(&mut editor);
    if let Some(path) = &history {
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        if let Err(error) = editor.save_history(path) {
            eprintln!("warning: the history was not saved to {}: {error}", path.display());
        }
    }
    result
}

fn editor(db: &Database) -> rustyline::Result<Editor<SqlHelper, FileHistory>> {
    let config = Config::builder()
        .max_history_size(10_000)?
        .history_ignore_space(true)
        .auto_add_history(true)
        .bracketed_paste(true)
        .completion_type(rustyline::CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    let colour = std::env::var_os("NO_COLOR").is_none();
    editor.set_helper(Some(SqlHelper::new(db.clone(), colour)));
    Ok(editor)
}

/// The rows of COPY ... FROM STDIN, up to a line `\\.` or Ctrl-D.
fn copied_lines(editor: &mut Editor<SqlHelper, FileHistory>) -> String {
    eprintln!("Enter the rows, a line each, and end with a line \\. or Ctrl-D.");
    let set_plain = |editor: &mut Editor<SqlHelper, FileHistory>, plain| {
        if let Some(helper) = editor.helper_mut() {
            helper.plain = plain;
        }
    };
    set_plain(editor, true);
    let mut rows = String::new();
    while let Ok(line) = editor.readline(">> ") {
        if line == "\\." {
            break;
        }
        rows.push_str(&line);
        rows.push('\n');
    }
    set_plain(editor, false);
    rows
}

/// `$XDG_STATE_HOME/arena-tr/history`, or the same under `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(|| {
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"))
    })?;
    Some(state.join("arena-tr/history"))
}

impl Shell<'_> {
    fn read_lines(&mut self, editor: &mut Editor<SqlHelper, FileHistory>) -> Result<(), Stop> {
        loop {
            self.db.start_sources(|error| eprintln!("\r{}", error.render()));
            let line = editor.readline("arena-tr> ");
            self.db.stop_sources();
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) if arena_tr::sql::copy_stream(&line) == Some(CopyStream::In) => {
                    let rows = copied_lines(editor);
                    match self.session.copy_in(&line, rows.as_bytes()) {
                        Ok(outcome) => self.printer.outcome(outcome)?,
                        Err(error) => eprintln!("{}", error.render()),
                    }
                }
                Ok(line) => {
                    if self.line(&line)? {
                        return Ok(());
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => {
                    eprintln!("error: cannot read the terminal: {error}");
                    return Err(Stop::Io);
                }
            }
            self.printer.interrupt.take();
        }
    }

    /// Runs what was typed. True to leave.
    fn line(&mut self, line: &str) -> Result<bool, Stop> {
        if !command::is_command(line) {
            self.sql(line);
            return Ok(false);
        }
        match command::parse(line) {
            Command::Help => eprint!("{}", command::HELP),
            Command::Quit => return Ok(true),
            Command::Timing => {
                self.timing = !self.timing;
                eprintln!("timing is {}", if self.timing { "on" } else { "off" });
            }
            Command::Watch(name) => self.sql(&format!("SUBSCRIBE {name}")),
            Command::Read(path) => {
                // What went wrong was printed; the shell goes on.
                let _ = script::file(&mut self.session, &path, &mut self.printer);
            }
            Command::Mode(name) => match Format::by_name(&name) {
                Some(format) => self.printer.style.format = format,
                None => eprintln!("unknown format {name}: table, csv, json, ndjson or markdown"),
            },
            Command::Sql(sql) => self.sql(&sql),
            Command::Wrong(text) => eprintln!("{text}"),
        }
        Ok(false)
    }

    fn sql(&mut self, sql: &str) {
        let start = Instant::now();
        match self.session.execute(sql) {
            Ok(outcomes) => {
                let stream = arena_tr::sql::copy_stream(sql);
                for outcome in outcomes {
                    // What went wrong was printed; the shell goes on.
                    let _ = self.printer.show(&self.session, outcome, stream.as_ref());
                }
            }
            Err(error) => eprintln!("{}", error.render()),
        }
        if self.timing {
            eprintln!("time: {:.3} ms", start.elapsed().as_secs_f64() * 1e3);
        }
    }
}
