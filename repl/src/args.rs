//! The command line: what to open, what to run, how to print.
//!
//! Invariant: parsing touches nothing outside; a wrong argument is a message and exit code 2.

use std::ffi::OsString;

use lexopt::prelude::*;

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    /// What to run, in order; empty: the interactive shell.
    pub(crate) jobs: Vec<Job>,
    /// A directory argument.
    pub(crate) directory: Option<String>,
    /// What of the directory is to be looked at, without opening its database.
    pub(crate) look: Option<Look>,
    /// How results are printed.
    pub(crate) format: Option<Format>,
    /// Print column names.
    pub(crate) header: bool,
    /// Text for NULL; `None`: the format's own.
    pub(crate) null: Option<String>,
    /// Print nothing but results and errors.
    pub(crate) quiet: bool,
}

/// One thing to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// `-c SQL`.
    Command(String),
    /// `-f FILE`; `-` is standard input.
    File(String),
    /// `run FILE`: with progress, printing the views at the end.
    Run(String),
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Csv,
    Json,
    Ndjson,
    Markdown,
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Args(Args),
    Help,
    Version,
}

pub(crate) const HELP: &str = "\
SQL that stays true while the data moves.

usage: arena-tr [OPTIONS] [DIR]                  the interactive shell
       arena-tr [OPTIONS] [DIR] -c SQL | -f FILE run statements and leave (both may be repeated; FILE - is stdin)
       arena-tr [OPTIONS] [DIR] run FILE         run a script, show progress, print its materialized views
       arena-tr log DIR                          print the records of a database's log
       arena-tr check DIR                        see whether a database's files are sound
       arena-tr repair DIR --truncate-at LSN     cut a damaged log off; says what is lost

DIR is the directory of a database, made if it is not there; without it the database is in memory.

options:
  -c, --command SQL     run these statements
  -f, --file FILE       run the statements of a file
      --format FORMAT   table, csv, json, ndjson or markdown
      --csv --json --ndjson --markdown   the same, shorter
      --no-header       leave out column names
      --null TEXT       print NULL as TEXT
  -q, --quiet           print only results and errors
  -h, --help            print this
  -V, --version         print the version

Results go to standard output, everything else to standard error.
exit codes: 0 done, 1 a statement failed, 2 wrong usage, 3 reading or writing failed, 130 interrupted
";

/// What of a directory is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its log, record by record.
    Log,
    /// Whether all is sound.
    Check,
    /// To be cut off at this LSN.
    Repair(u64),
}

impl Args {
    /// Whether nothing was said yet that a command of its own cannot follow.
    fn is_bare(&self) -> bool {
        self.directory.is_none() && self.jobs.is_empty()
    }
}

impl Format {
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "table" => Self::Table,
            "csv" => Self::Csv,
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "markdown" | "md" => Self::Markdown,
            _ => return None,
        })
    }
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut out = Args {
        jobs: Vec::new(),
        directory: None,
        look: None,
        format: None,
        header: true,
        null: None,
        quiet: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(Parsed::Help),
            Short('V') | Long("version") => return Ok(Parsed::Version),
            Short('c') | Long("command") => out.jobs.push(Job::Command(parser.value()?.string()?)),
            Short('f') | Long("file") => out.jobs.push(Job::File(parser.value()?.string()?)),
            Short('q') | Long("quiet") => out.quiet = true,
            Long("no-header") => out.header = false,
            Long("null") => out.null = Some(parser.value()?.string()?),
            Long("format") => {
                let name = parser.value()?.string()?;
                out.format = Some(Format::by_name(&name).ok_or_else(|| {
                    format!("unknown format '{name}': table, csv, json, ndjson or markdown")
                })?);
            }
            Long(name) if Format::by_name(name).is_some() => out.format = Format::by_name(name),
            Value(word) if word == "log" && out.is_bare() => {
                out.look = Some(Look::Log);
                out.directory = Some(parser.value()?.string()?);
            }
            Value(word) if word == "check" && out.is_bare() => {
                out.look = Some(Look::Check);
                out.directory = Some(parser.value()?.string()?);
            }
            Value(word) if word == "repair" && out.is_bare() => {
                out.directory = Some(parser.value()?.string()?);
                out.look = Some(Look::Repair(truncate_at(&mut parser)?));
            }
            Value(word) if word == "run" => {
                out.jobs.push(Job::Run(parser.value()?.string()?));
            }
            Value(word) if out.directory.is_none() => out.directory = Some(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Parsed::Args(out))
}

/// The rest of `repair DIR --truncate-at LSN`.
fn truncate_at(parser: &mut lexopt::Parser) -> Result<u64, lexopt::Error> {
    match parser.next()? {
        Some(Long("truncate-at")) => {}
        Some(other) => return Err(other.unexpected()),
        None => return Err("repair needs --truncate-at LSN: what stands behind it is lost".into()),
    }
    let text = parser.value()?.string()?;
    u64::from_str_radix(&text, 16).map_err(|_| {
        format!("'{text}' is no LSN: they are hexadecimal, as 'check' prints them").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Result<Parsed, String> {
        parse(words.iter().map(OsString::from)).map_err(|e| e.to_string())
    }

    fn parsed(words: &[&str]) -> Args {
        match args(words) {
            Ok(Parsed::Args(args)) => args,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn jobs_keep_their_order_and_formats_have_two_spellings() {
        let a = parsed(&["-c", "SELECT 1", "-f", "x.sql", "run", "y.sql", "--csv"]);
        let jobs =
            [Job::Command("SELECT 1".into()), Job::File("x.sql".into()), Job::Run("y.sql".into())];
        assert_eq!(a.jobs, jobs);
        assert_eq!(a.format, Some(Format::Csv));
        assert_eq!(parsed(&["--format", "json"]).format, Some(Format::Json));
    }

    #[test]
    fn wrong_arguments_say_what_is_wrong() {
        assert!(args(&["--format", "xml"]).unwrap_err().contains("unknown format 'xml'"));
        assert!(args(&["--nope"]).unwrap_err().contains("--nope"));
        assert!(args(&["-c"]).is_err());
        assert_eq!(parsed(&["data"]).directory.as_deref(), Some("data"));
    }
}
