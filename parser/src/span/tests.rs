//! How places are shown.

use super::{Span, excerpt, line_column, render};

/// The excerpt of the first place where `what` stands.
fn show(text: &str, what: &str) -> String {
    let at = text.find(what).unwrap();
    excerpt(text, &Span::new(at, at + what.len()))
}

#[test]
fn a_caret_stands_under_the_place() {
    assert_eq!(show("SELECT a\nFROM t", "t"), "LINE 2: FROM t\n             ^\n");
    assert_eq!(show("SELECT a", "SELECT"), "LINE 1: SELECT a\n        ^\n");
}

#[test]
fn tabs_and_wide_characters_keep_the_caret_in_place() {
    assert_eq!(show("\tx", "x"), "LINE 1:  x\n         ^\n");
    assert_eq!(show("'日本' x", "x"), "LINE 1: '日本' x\n               ^\n");
    assert_eq!(show("'e\u{301}' x", "x"), "LINE 1: 'e\u{301}' x\n            ^\n");
    assert_eq!(show("a\r\nb", "b"), "LINE 2: b\n        ^\n");
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let text = format!("SELECT {} HERE {}", "a, ".repeat(100), "b, ".repeat(100));
    let shown = show(&text, "HERE");
    let (line, caret) = shown.split_once('\n').unwrap();
    assert!(line.starts_with("LINE 1: ...") && line.ends_with("..."), "{line}");
    assert_eq!(line.len(), "LINE 1: ......".len() + super::EXCERPT_COLUMNS);
    assert_eq!(&line[caret.find('^').unwrap()..][..4], "HERE");
}

#[test]
fn places_outside_the_text_do_no_harm() {
    assert_eq!(excerpt("ab", &Span::new(9, 12)), "LINE 1: ab\n          ^\n");
    assert_eq!(excerpt("", &Span::new(0, 0)), "LINE 1: \n        ^\n");
    assert_eq!(excerpt("é", &Span::new(1, 1)), "LINE 1: é\n        ^\n");
}

#[test]
fn the_whole_message() {
    let text = "SELECT prise";
    assert_eq!(
        render(text, &Span::new(7, 12), "no column prise", Some("Did you mean price?")),
        "ERROR:  no column prise\nLINE 1: SELECT prise\n               ^\nHINT:  Did you mean price?\n"
    );
}

#[test]
fn lines_and_columns_count_from_one() {
    assert_eq!(line_column("ab\ncé d", 3), (2, 1));
    assert_eq!(line_column("ab\ncé d", 7), (2, 4));
    assert_eq!(line_column("", 5), (1, 1));
}
