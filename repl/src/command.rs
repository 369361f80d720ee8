//! The shell's own commands: psql's backslash ones and the dot ones of other shells.
//!
//! Invariant: a command changes how the shell behaves or prints; the database changes by SQL alone.

use std::fmt::Write as _;

/// Every command, for completion and for finding what was meant.
pub(crate) const NAMES: &[&str] = &[
    "\\?",
    "\\d",
    "\\dt",
    "\\df",
    "\\i",
    "\\o",
    "\\q",
    "\\timing",
    "\\watch",
    "\\x",
    ".exit",
    ".functions",
    ".help",
    ".mode",
    ".plan",
    ".bytecode",
    ".quit",
    ".read",
    ".schema",
    ".state",
    ".tables",
    ".timer",
    ".watch",
];

pub(crate) const HELP: &str = "\
SQL ends with a semicolon and may take several lines. Ctrl-C cancels a statement, Ctrl-D leaves.

  \\d [NAME]       .tables .schema     relations, or the columns of one
  \\df [WORD]      .functions          functions
  \\timing         .timer              print how long each statement took
  \\watch NAME     .watch              follow a view live; Ctrl-C returns
  \\i FILE         .read               run a script
                  .plan QUERY         the physical plan
                  .bytecode QUERY     the program that would run
                  .state QUERY        what each operator keeps, and when it may forget
                  .mode FORMAT        table, csv, json, ndjson or markdown
  \\?              .help               this
  \\q              .quit .exit         leave
";

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Quit,
    Timing,
    Watch(String),
    Read(String),
    Mode(String),
    /// A statement to run instead.
    Sql(String),
    /// What is wrong with it.
    Wrong(String),
}

/// Whether a line is for the shell.
pub(crate) fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('\\') || (line.starts_with('.') && !line.starts_with(".."))
}

/// Reads a command line.
pub(crate) fn parse(line: &str) -> Command {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let with = |make: fn(String) -> Command| match rest {
        "" => Command::Wrong(format!("{name} needs an argument; .help lists the commands")),
        rest => make(rest.to_owned()),
    };
    match name {
        "\\?" | ".help" | "\\h" => Command::Help,
        "\\q" | ".quit" | ".exit" => Command::Quit,
        "\\timing" | ".timer" => Command::Timing,
        "\\watch" | ".watch" => with(Command::Watch),
        "\\i" | ".read" => with(Command::Read),
        ".mode" => with(Command::Mode),
        "\\d" | "\\dt" | ".tables" | ".schema" if rest.is_empty() => {
            Command::Sql("SHOW TABLES".to_owned())
        }
        "\\d" | ".schema" => Command::Sql(format!("DESCRIBE {rest}")),
        "\\df" | ".functions" => Command::Sql(functions(rest)),
        ".plan" => with(|q| Command::Sql(format!("EXPLAIN {q}"))),
        ".bytecode" => with(|q| Command::Sql(format!("EXPLAIN (BYTECODE) {q}"))),
        ".state" => with(|q| Command::Sql(format!("EXPLAIN (STATE) {q}"))),
        _ => Command::Wrong(unknown(name)),
    }
}

fn functions(word: &str) -> String {
    let pattern = word.replace('\'', "''");
    format!("SELECT * FROM arena.functions WHERE name LIKE '%{pattern}%' ORDER BY name, arguments")
}

fn unknown(name: &str) -> String {
    let mut text = format!("unknown command {name}");
    let nearest = NAMES.iter().min_by_key(|known| distance(name, known));
    if let Some(nearest) = nearest.filter(|known| distance(name, known) <= 2) {
        let _ = write!(text, "; did you mean {nearest}?");
    }
    text.push_str(" (.help lists the commands)");
    text
}

/// Edit distance of two short words (Wagner and Fischer).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = change.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_of_commands_work() {
        assert_eq!(parse("\\d"), parse(".tables"));
        assert_eq!(parse("\\d bids"), Command::Sql("DESCRIBE bids".into()));
        assert_eq!(parse(".plan SELECT 1;"), Command::Sql("EXPLAIN SELECT 1".into()));
        assert_eq!(parse("\\watch v"), Command::Watch("v".into()));
        assert!(matches!(parse(".read"), Command::Wrong(_)));
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let Command::Wrong(text) = parse("\\timig") else { panic!("known") };
        assert!(text.contains("\\timing"), "{text}");
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn numbers_that_start_with_a_point_are_not_commands_of_one_word() {
        assert!(is_command(".help") && is_command("  \\d"));
        assert!(!is_command("SELECT .5"));
    }
}
