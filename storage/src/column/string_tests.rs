//! Tests of string views and columns.

use super::*;

/// Strings around the inline limit, with equal prefixes.
fn samples() -> Vec<String> {
    let mut samples: Vec<String> = [0, 1, 3, 4, 5, 11, 12, 13, 40].map(|n| "x".repeat(n)).into();
    samples.extend(
        ["abcdefghijkl", "abcdefghijkm", "abcdefghijklm", "abcdefghijkln", "é€𝄞"].map(String::from),
    );
    samples
}

fn column(rows: &[String]) -> StrColumn {
    rows.iter().map(String::as_str).collect()
}

fn texts(column: &StrColumn) -> Vec<&str> {
    (0..column.len()).map(|i| column.str_at(i)).collect()
}

#[test]
fn views_are_arrows() {
    let short = View::inline(b"abc");
    assert_eq!(short.to_words(), [0x0063_6261_0000_0003, 0]);
    let long = View::outline(b"abcdefghijklmnop", 2, 7);
    assert_eq!(long.to_words(), [0x6463_6261_0000_0010, 0x0000_0007_0000_0002]);
    assert_eq!((long.len(), long.heap(), long.offset()), (16, 2, 7));
    assert_eq!(long.inline_bytes(), None);
    for view in [short, long, View::EMPTY] {
        assert_eq!(View::from_words(view.to_words()), view);
    }
}

#[test]
fn bytes_come_back_at_every_length() {
    let rows = samples();
    assert_eq!(texts(&column(&rows)), rows);
}

#[test]
fn equality_of_rows_is_equality_of_bytes() {
    let rows = samples();
    let (a, b) = (column(&rows), column(&rows.iter().rev().cloned().collect::<Vec<_>>()));
    for (i, x) in rows.iter().enumerate() {
        for (j, y) in rows.iter().rev().enumerate() {
            assert_eq!(a.row_eq(i, &b, j), x == y, "{x} {y}");
        }
    }
}

#[test]
fn nulls_have_the_empty_view() {
    let column: StrColumn = [Some("a"), None, Some("a long string of text")].into_iter().collect();
    assert!(column.is_null(1) && !column.is_null(0));
    assert_eq!(column.views[1], View::EMPTY);
    assert_eq!(column.iter().filter(Option::is_none).count(), 1);
    assert!(column.slice(2, 1).validity.is_none());
}

#[test]
fn take_and_slice_share_heaps() {
    let rows = samples();
    let all = column(&rows);
    let taken = all.take(&[8u16, 0, 8]);
    assert_eq!(texts(&taken), [&*rows[8], "", &*rows[8]]);
    assert!(Arc::ptr_eq(&taken.heaps, &all.heaps));
    let slice = all.slice(7, 2);
    assert_eq!(texts(&slice), rows[7..9]);
    assert!(Arc::ptr_eq(&slice.heaps, &all.heaps));
    assert_eq!(texts(&slice.copy_heaps()), rows[7..9]);
    assert_eq!(slice.copy_heaps().heap_bytes(), 13 + 40);
}

#[test]
fn concat_moves_views_to_their_heaps() {
    let rows = samples();
    let all = column(&rows);
    let twice = StrColumn::concat(&[&all, &all]);
    assert_eq!(texts(&twice), [rows.clone(), rows.clone()].concat());
    assert_eq!(twice.heaps.len(), 2, "shared, not copied");
    // Many parts, or parts that use little of their heaps, are copied.
    let many: Vec<_> = std::iter::repeat_n(&all, MAX_SHARED_HEAPS + 1).collect();
    assert_eq!(StrColumn::concat(&many).heaps.len(), 1);
    let sparse = StrColumn::concat(&[&all.slice(0, 8), &all.slice(0, 8)]);
    assert_eq!(sparse.heap_bytes(), 26);
    assert_eq!(texts(&sparse), [&rows[..8], &rows[..8]].concat());
}

#[test]
fn large_heaps_are_not_copied_while_building() {
    let row = "0123456789".repeat(1000);
    let rows: Vec<_> = (0..100).map(|i| format!("{i}{row}")).collect();
    let column = column(&rows);
    assert!(column.heaps.len() >= 3, "{}", column.heaps.len());
    assert!(column.heap_bytes() >= 1_000_000);
    assert_eq!(texts(&column), rows);
}

#[test]
fn short_strings_are_padded_with_zeros() {
    let letters = b"abcdefghijkl";
    for n in 0..=INLINE_BYTES {
        let view = View::inline(&letters[..n]);
        let mut data = [0; INLINE_BYTES];
        data[..n].copy_from_slice(&letters[..n]);
        assert_eq!(view, View { len: n as u32, data });
    }
}
