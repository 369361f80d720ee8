//! The program as a user starts it: arguments, formats, streams, exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::root;

/// Where this build's results are.
fn target_folder() -> std::path::PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.ancestors().nth(3).expect("target/debug/deps/test");
    folder.to_owned()
}

/// The program, built once.
pub(crate) fn program() -> Command {
    // Cargo builds the program for its own package only, so it is asked for here; the build is
    // shared.
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--package", "arena-tr-repl", "--target-dir"])
            .arg(target_folder())
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the program builds");
    });
    Command::new(target_folder().join("debug/arena-tr"))
}

fn run(args: &[&str], input: &str) -> Output {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(input.as_bytes()).expect("the program reads its input");
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

#[test]
fn results_go_to_stdout_and_the_rest_to_stderr() {
    let out = run(
        &["-c", "CREATE TABLE t (a INT); INSERT INTO t VALUES (1); SELECT a, 'x' AS b FROM t"],
        "",
    );
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout), " a | b\n---+---\n 1 | x\n(1 row)\n");
    assert_eq!(text(&out.stderr), "CREATE TABLE\nINSERT 0 1\n");
    let quiet = run(&["-q", "-c", "CREATE TABLE t (a INT)"], "");
    assert_eq!((text(&quiet.stdout), text(&quiet.stderr)), (String::new(), String::new()));
}

#[test]
fn every_format_prints_the_same_rows() {
    let sql =
        "SELECT 1 AS a, 'x,\"y' AS b, NULL::int AS c, TIMESTAMP '2015-07-15 00:00:00.006' AS d";
    let of = |args: &[&str]| {
        let out = run(&[args, &["-c", sql]].concat(), "");
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    assert_eq!(of(&["--csv"]), "a,b,c,d\r\n1,\"x,\"\"y\",,2015-07-15 00:00:00.006\r\n");
    let object = r#"{"a":1,"b":"x,\"y","c":null,"d":"2015-07-15 00:00:00.006"}"#;
    assert_eq!(of(&["--ndjson"]), format!("{object}\n"));
    assert_eq!(of(&["--json"]), format!("[\n  {object}\n]\n"));
    assert_eq!(
        of(&["--format", "markdown", "--null", "-"]),
        "| a | b | c | d |\n| ---: | --- | ---: | --- |\n| 1 | x,\"y | - | 2015-07-15 00:00:00.006 |\n"
    );
    assert_eq!(
        of(&["--csv", "--no-header", "--null", "N"]),
        "1,\"x,\"\"y\",N,2015-07-15 00:00:00.006\r\n"
    );
}

#[test]
fn exit_codes_say_what_happened() {
    let code = |args: &[&str]| run(args, "").status.code();
    assert_eq!(code(&["-c", "SELECT 1"]), Some(0));
    assert_eq!(code(&["-c", "SELECT 1/0"]), Some(1));
    assert_eq!(code(&["-c", "SELECT nope"]), Some(1));
    assert_eq!(code(&["--nope"]), Some(2));
    assert_eq!(code(&["--format", "xml"]), Some(2));
    assert_eq!(code(&["-f", "no such file.sql"]), Some(3));
    // A directory that cannot be made.
    assert_eq!(code(&["/dev/null/somewhere", "-c", "SELECT 1"]), Some(3));
    assert_eq!(code(&["check", "no such directory"]), Some(3));
}

#[test]
fn a_script_stops_at_its_first_error_with_line_and_caret() {
    let script = "CREATE TABLE t (a INT);\n\nSELECT a,\n  b FROM t;\nSELECT 'never';\n";
    let out = run(&["-f", "-"], script);
    assert_eq!(out.status.code(), Some(1));
    let err = text(&out.stderr);
    assert!(err.contains("stdin:4:"), "{err}");
    assert!(err.contains("column \"b\" does not exist") && err.contains('^'), "{err}");
    assert!(!text(&out.stdout).contains("never"));
}

#[test]
fn statements_come_from_stdin_too() {
    let out = run(&["--csv", "--no-header"], "SELECT 1;\nSELECT 2");
    assert_eq!(text(&out.stdout), "1\r\n2\r\n");
    let out = run(&["--version"], "");
    assert!(text(&out.stdout).starts_with("arena-tr 0."));
}

#[test]
fn copy_reads_rows_behind_the_statement() {
    let script = "CREATE TABLE t (a INT, b TEXT);\nCOPY t FROM STDIN;\n1\tx;y\n2\t\\N\n\\.\n\
                  COPY t (b, a) FROM STDIN WITH (FORMAT csv, HEADER);\nb,a\n\"it's, 3\",3\n\\.\n\
                  COPY (SELECT * FROM t ORDER BY a) TO STDOUT;\n\
                  COPY t TO STDOUT (FORMAT csv, NULL 'none');";
    let out = run(&["-f", "-"], script);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let expected = "1\tx;y\n2\t\\N\n3\tit's, 3\n1,x;y\n2,none\n3,\"it's, 3\"\n";
    assert_eq!(text(&out.stdout), expected);
    assert_eq!(text(&out.stderr), "CREATE TABLE\nCOPY 2\nCOPY 1\n");
}

#[test]
fn copy_behind_c_reads_standard_input() {
    let sql = "CREATE TABLE t (a INT); COPY t FROM STDIN; SELECT sum(a) FROM t";
    let out = run(&["-q", "--format", "csv", "-c", sql], "1\n2\n\\N\n");
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout), "sum\r\n3\r\n");
    let wrong = run(&["-c", "CREATE TABLE t (a INT); COPY t FROM STDIN"], "1\nx\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("STDIN"), "{}", text(&wrong.stderr));
}
