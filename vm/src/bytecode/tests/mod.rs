//! The text form round-trips, the verifier refuses what it lists, the opcode page is up to date.

mod mutation;
mod queries;
mod random;
mod resume;

use super::opcode::opcode_page;
use super::table::{Kind, OPCODES};
use super::{Opcode, Program, Slot};

/// A small program in the text form.
const PER_MIN: &str = "\
program per_min
input bids 3 append (0 auction int8, 2 price int8, 5 ts timestamp?)
const c0 int8 100
const c1 int8 60000000
const c2 int8 0
state g0 group (auction int8, price int8, start timestamp?) -> (auction int8, start timestamp?, n int8, hi int8?) {keys: [0, 2], aggs: [{func: count_star, args: [], distinct: false, filter: none, order: [], ty: int8}, {func: max, args: [1], distinct: false, filter: none, order: [], ty: int8}], retracts: false, forget: {column: 1, lag: 0}}
output (auction int8, n int8) {order: [{column: 1, desc: true, nulls_first: false}], limit: 10, offset: 0, width: none}
registers [i64, i64, i64, i64]
selections 3
pipeline 0  on delta bids
   0  load.col         r0  bids.price
   1  sel.gt.i64       s1  r0, c0   @s0                    ; c0 = 100
   2  stop.empty       @s1
   3  load.col         r1  bids.ts
   4  window.start     r2  r1, c1, c2   @s1                ; c1 = 60000000, c2 = 0
   5  load.col         r3  bids.auction
   6  group.upsert     g0  [r3, r0, r2]   @s1
   7  agg.count        g0.0
   8  agg.max          g0.1
pipeline 1  on changed g0
   0  load.col         r0  auction
   1  load.col         r1  n
   2  emit             [r0, r1]   @s0
";

#[test]
fn text_reads_back_and_prints_alike() {
    let program = Program::parse(PER_MIN).expect("a program");
    let text = program.to_text();
    assert_eq!(Program::parse(&text).expect("its own text"), program);
    for line in
        ["sel.gt.i64", "; c0 = 100", "load.col         r0  bids.price", "agg.max          g0.1"]
    {
        assert!(text.contains(line), "{line} in:\n{text}");
    }
    assert_eq!(program.fingerprint(), Program::parse(PER_MIN).expect("again").fingerprint());
    let other = PER_MIN.replace("int8 100", "int8 101");
    assert_ne!(program.fingerprint(), Program::parse(&other).expect("another").fingerprint());
}

#[test]
fn errors_name_the_line() {
    for (from, to, line) in [
        ("load.col         r3", "load.column r3", 16),
        ("int8 100", "int8 x", 3),
        ("@s1\n   7", "@x1\n   7", 17),
        ("bids.auction", "bids.bidder", 16),
        ("registers", "registries", 8),
    ] {
        let text = PER_MIN.replacen(from, to, 1);
        let error = Program::parse(&text).expect_err(to);
        assert_eq!(error.line, line, "{to}: {error}");
    }
    for end in 0..PER_MIN.len() {
        let _ = Program::parse(&PER_MIN[..end]);
    }
}

/// Each change breaks one property of the verifier's list.
#[test]
fn the_verifier_refuses() {
    let cases: &[(&str, &str, &str)] = &[
        ("bids.price\n", "bids.ts\n", ""),
        ("registers [i64, i64, i64, i64]", "registers [i64, i64, bool, i64]", "type"),
        ("registers [i64, i64, i64, i64]", "registers [i64, i64, i64]", "exist"),
        ("s1  r0, c0", "s1  r3, c0", "before it is defined"),
        ("s1  r0, c0", "s1  r0, c9", "does not exist"),
        ("s1  r0, c0", "s0  r0, c0", "cannot be defined"),
        ("s1  r0, c0", "s7  r0, c0", "cannot be defined"),
        ("[r3, r0, r2]   @s1", "[r3, r0, r2]   @s0", "computed under"),
        ("[r3, r0, r2]   @s1", "[r3, r0, r2]   @s2", "before it is defined"),
        ("[r3, r0, r2]   @s1", "[r3, r0]   @s1", "wanted"),
        ("agg.max          g0.1", "agg.max          g0.0", "no aggregate"),
        ("agg.max          g0.1", "agg.max          g0.7", "no aggregate"),
        ("group.upsert     g0", "group.upsert     g1", "no group state"),
        ("group.upsert     g0", "distinct.update  g0", "no distinct state"),
        ("group.upsert     g0  [r3, r0, r2]   @s1", "stop.empty       @s1", "looked up"),
        ("on changed g0", "on delta bids", ""),
        ("[r0, r1]   @s0", "[r0]   @s0", "wanted"),
        ("keys: [0, 2]", "keys: [0, 3]", "does not exist"),
        ("forget: {column: 1", "forget: {column: 2", "does not exist"),
        ("sel.gt.i64       s1  r0, c0   @s0 ", "sel.gt.i64       s1  r0, c0   @s1 ", "before"),
    ];
    for (from, to, message) in cases {
        assert!(PER_MIN.contains(from), "{from}");
        let text = PER_MIN.replacen(from, to, 1);
        match Program::parse(&text) {
            Err(error) => assert!(error.message.contains(message), "{to}: {error}"),
            Ok(_) => assert!(message.is_empty(), "accepted: {to}"),
        }
    }
}

fn with_body(registers: &str, selections: u16, body: &str) -> Result<Program, String> {
    let insts: String =
        body.lines().enumerate().map(|(i, line)| format!("  {i} {}\n", line.trim())).collect();
    let text = format!(
        "program p\n\
         input t 1 (0 a int8, 1 b int8?, 2 c bool?, 3 xs int8[]?)\n\
         const c0 int8 10\nconst c1 int8 null\n\
         queue q0 (int8)\n\
         output (a int8) {{order: [], limit: none, offset: 0, width: none}}\n\
         registers [{registers}]\nselections {selections}\n\
         pipeline 0 on delta t\n{insts}"
    );
    Program::parse(&text).map_err(|error| error.message)
}

#[test]
fn errors_come_before_effects() {
    let fails = "load.col r0 t.a\ndiv.i64 r1 c0, r0 @s0";
    let body = format!("{fails}\nemit [r1] @s0");
    assert!(with_body("i64, i64", 2, &body).expect_err("unchecked").contains("not checked"));
    let body = format!("{fails}\ncheck s1 @s0\nemit [r1] @s0");
    assert!(with_body("i64, i64", 2, &body).expect_err("other rows").contains("not part of"));
    let body = format!("{fails}\ncheck s1 @s0\nemit [r1] @s1");
    with_body("i64, i64", 2, &body).expect("checked");
    let body =
        "load.col r0 t.a\npush q0 [r0] @s0\ndiv.i64 r1 c0, r0 @s0\ncheck s1 @s0\nemit [r1] @s1";
    assert!(with_body("i64, i64", 2, body).expect_err("late").contains("behind an effect"));
}

#[test]
fn rows_before_an_expansion_are_only_taken() {
    let start = "load.col r0 t.a\nload.col r1 t.xs\nunnest r1, c1 @s0\n";
    let ok = format!("{start}load.new r2 #0\ntake r3 r0\nemit [r3] @s0");
    with_body("i64, str, i64, i64", 1, &ok).expect("taken");
    for (body, message) in [
        ("emit [r0] @s0", "before the expansion"),
        ("load.col r2 t.a\nemit [r2] @s0", "before the expansion"),
        ("load.new r2 #2\nemit [r2] @s0", "does not exist"),
        ("take r2 r0\ntake r0 r0\nemit [r2] @s0", "again"),
        ("load.new r2 #0\ntake r3 r2\nemit [r3] @s0", "not of the rows before"),
    ] {
        let error = with_body("i64, str, i64, i64", 1, &format!("{start}{body}")).expect_err(body);
        assert!(error.contains(message), "{body}: {error}");
    }
}

#[test]
fn queues_and_states_are_written_before_they_are_read() {
    let text = "program p\ninput t 1 (0 a int8)\nqueue q0 (int8)\n\
        output (a int8) {order: [], limit: none, offset: 0, width: none}\n\
        registers [i64]\nselections 1\n\
        pipeline 0 on queue q0\n 0 load.col r0 #0\n 1 emit [r0] @s0\n\
        pipeline 1 on delta t\n 0 load.col r0 t.a\n 1 push q0 [r0] @s0\n";
    let error = Program::parse(text).expect_err("a queue read too early");
    assert!(error.message.contains("before it is written"), "{error}");
}

#[test]
fn mnemonics_and_slots_are_unique() {
    let mut seen = std::collections::BTreeSet::new();
    for info in OPCODES {
        assert!(seen.insert(info.op.to_string()), "{} twice", info.op);
        assert_eq!(Opcode::from_mnemonic(&info.op.to_string()), Some(info.op));
        assert_eq!(info.op.info().op, info.op);
        let mut slots = std::collections::BTreeSet::new();
        for operand in info.operands {
            assert!(slots.insert(format!("{:?}", operand.slot)), "{}: a slot twice", info.op);
            let list = matches!(
                operand.kind,
                Kind::Args | Kind::Bools | Kind::Columns | Kind::Arms | Kind::Lengths
            );
            assert_eq!(list, operand.slot == Slot::List, "{}: lists are lists", info.op);
        }
    }
}

/// `docs/opcodes.md` is the table. Run with `UPDATE_DOCS=1` to write it.
#[test]
fn the_opcode_page_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/opcodes.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, opcode_page()).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).expect("docs/opcodes.md exists");
    assert_eq!(page, opcode_page(), "run the test with UPDATE_DOCS=1");
}
