//! The tables of functions in `docs/sql.md`, made from the tables of signatures, and the test that
//! holds them true.
//!
//! Invariant: every signature that SQL can write is in the page, and nothing else is.

use std::fmt::Write;

use super::*;

/// Between these lines of `docs/sql.md` stands what is generated.
const BEGIN: &str = "<!-- generated: functions -->\n";
const END: &str = "<!-- end -->\n";

fn type_name(ty: Ty) -> String {
    match ty {
        Ty::Any => "any".to_owned(),
        Ty::Record => "row".to_owned(),
        Ty::Element => "T".to_owned(),
        Ty::ElementList => "T[]".to_owned(),
        known => known.data_type().map_or("?".to_owned(), |ty| match ty {
            DataType::Timestamp => "timestamp".to_owned(),
            DataType::TimestampTz => "timestamptz".to_owned(),
            DataType::Time => "time".to_owned(),
            other => other.to_string(),
        }),
    }
}

fn call(s: &Signature) -> String {
    let args: Vec<String> = s.args.iter().map(|&ty| type_name(ty)).collect();
    let more = if s.variadic { ", ..." } else { "" };
    format!("({}{more}) → {}", args.join(", "), type_name(s.ret))
}

fn operator(s: &Signature) -> String {
    let args: Vec<String> = s.args.iter().map(|&ty| type_name(ty)).collect();
    format!("{} → {}", args.join(", "), type_name(s.ret))
}

/// One row per name, its overloads side by side.
fn table(
    out: &mut String,
    title: &str,
    signatures: &[Signature],
    write: impl Fn(&Signature) -> String,
) {
    let _ = write!(out, "\n### {title}\n\n| name | takes and gives | remarks |\n|---|---|---|\n");
    let mut names: Vec<&str> = signatures.iter().map(|s| s.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let all: Vec<&Signature> = signatures.iter().filter(|s| s.name == name).collect();
        let mut forms: Vec<String> = all.iter().map(|s| write(s)).collect();
        forms.dedup();
        let mut remarks = Vec::new();
        if all.iter().any(|s| !s.strict) {
            remarks.push("sees NULL");
        }
        match all.iter().map(|s| s.volatility).find(|v| *v != Volatility::Immutable) {
            Some(Volatility::Stable) => remarks.push("of the epoch's time"),
            Some(_) => remarks.push("not in views"),
            None => {}
        }
        let shown = name.replace('|', "\\|");
        let _ = writeln!(out, "| `{shown}` | {} | {} |", forms.join("; "), remarks.join(", "));
    }
}

fn page() -> String {
    let mut out = String::new();
    let symbols: Vec<Signature> = operators()
        .filter(|s| !s.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .copied()
        .collect();
    table(&mut out, "Operators", &symbols, operator);
    let families = [
        ("Mathematics", table_math::FUNCTIONS),
        ("Text and bytes", table_text::FUNCTIONS),
        ("Date and time", table_time::FUNCTIONS),
        ("JSON", table_json::FUNCTIONS),
        ("Arrays and rows", table_nested::FUNCTIONS),
    ];
    for (title, signatures) in families {
        table(&mut out, title, signatures, call);
    }
    out.push_str("\n### Aggregates\n\n");
    let names = AggFunc::ALL.iter().map(|f| f.name()).filter(|n| AggFunc::by_name(n).is_some());
    let names: Vec<String> = names.map(|n| format!("`{n}`")).collect();
    let _ = writeln!(out, "{}; each with `DISTINCT`, `FILTER` and `ORDER BY`.\n", names.join(", "));
    out
}

/// Run with `UPDATE_DOCS=1` to write the page.
#[test]
fn the_functions_of_the_sql_page_are_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
    let text = std::fs::read_to_string(&path).expect("docs/sql.md exists");
    let (before, rest) = text.split_once(BEGIN).expect("docs/sql.md has a place for functions");
    let (now, after) = rest.split_once(END).expect("and an end of it");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}{BEGIN}{}{END}{after}", page());
        std::fs::write(&path, text).expect("the page can be written");
    } else {
        assert_eq!(now, page(), "run the test with UPDATE_DOCS=1");
    }
}
