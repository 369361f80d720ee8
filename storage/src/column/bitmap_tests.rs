//! Tests of bitmaps against vectors of booleans.

use super::*;

const SIZES: [usize; 9] = [0, 1, 7, 63, 64, 65, 128, 1023, 1024];

/// A pattern without a short period.
fn pattern(n: usize, seed: usize) -> Vec<bool> {
    (0..n).map(|i| (i * i + i / 3 + seed * 7) % 5 < 2).collect()
}

fn bits(bitmap: &Bitmap) -> Vec<bool> {
    let rest = bitmap.len() % 64;
    if let (Some(last), 1..) = (bitmap.words().last(), rest) {
        assert_eq!(last >> rest, 0, "bits past the end are zero");
    }
    bitmap.iter().collect()
}

#[test]
fn built_bits_come_back() {
    for n in SIZES {
        let expected = pattern(n, 1);
        let bitmap = Bitmap::from_bools(expected.iter().copied());
        assert_eq!(bits(&bitmap), expected);
        assert_eq!(bitmap.count_valid(), expected.iter().filter(|b| **b).count());
        assert_eq!(bits(&Bitmap::all_valid(n)), vec![true; n]);
        assert!(Bitmap::all_valid(n).normalize().is_none());
        assert_eq!(bits(&Bitmap::none_valid(n)), vec![false; n]);
        assert_eq!(bits(&bitmap.not()), expected.iter().map(|b| !b).collect::<Vec<_>>());
        let mut valid = Vec::new();
        bitmap.for_each_valid(|i| valid.push(i));
        assert_eq!(valid, (0..n).filter(|&i| expected[i]).collect::<Vec<_>>());
    }
}

#[test]
fn slices_at_any_bit() {
    for n in SIZES {
        let expected = pattern(n, 2);
        let bitmap = Bitmap::from_bools(expected.iter().copied());
        for start in [0, 1, 63, 64, 65, 100, n].into_iter().filter(|&s| s <= n) {
            for len in [0, 1, 63, 64, 65, n - start].into_iter().filter(|&l| l <= n - start) {
                assert_eq!(bits(&bitmap.slice(start, len)), expected[start..start + len]);
            }
        }
    }
}

#[test]
fn words_are_shared_where_they_can_be() {
    let bitmap = Bitmap::from_bools(pattern(1024, 3));
    assert!(std::ptr::eq(&bitmap.slice(64, 128).words()[0], &bitmap.words()[1]));
    assert!(std::ptr::eq(&bitmap.slice(64, 960).words()[0], &bitmap.words()[1]));
}

#[test]
fn extending_at_any_bit() {
    for a in SIZES {
        for b in SIZES {
            let (left, right) = (pattern(a, 4), pattern(b, 5));
            let mut builder = BitmapBuilder::default();
            left.iter().for_each(|&bit| builder.push(bit));
            builder.extend(&Bitmap::from_bools(right.iter().copied()));
            builder.push_n(true, a % 70);
            builder.push_n(false, b % 70);
            let mut expected = [left, right].concat();
            expected.resize(expected.len() + a % 70, true);
            expected.resize(expected.len() + b % 70, false);
            assert_eq!(bits(&builder.finish()), expected, "{a} then {b}");
        }
    }
}

#[test]
fn logic_is_row_by_row() {
    for n in SIZES {
        let (a, b) = (pattern(n, 6), pattern(n, 7));
        let (x, y) = (Bitmap::from_bools(a.clone()), Bitmap::from_bools(b.clone()));
        let both: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a && *b).collect();
        let either: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a || *b).collect();
        assert_eq!(bits(&x.and(&y)), both);
        assert_eq!(bits(&x.or(&y)), either);
        assert_eq!(Bitmap::both(Some(&x), None), Some(x.clone()));
        assert_eq!(Bitmap::both(Some(&x), Some(&y)), Some(x.and(&y)));
        assert_eq!(Bitmap::both(None, None), None);
    }
}

#[test]
fn take_reads_the_named_rows() {
    let a = pattern(1024, 8);
    let bitmap = Bitmap::from_bools(a.clone());
    for n in SIZES {
        let rows: Vec<u16> = (0..n).map(|i| ((i * 37) % 1024) as u16).collect();
        let expected: Vec<_> = rows.iter().map(|&r| a[usize::from(r)]).collect();
        assert_eq!(bits(&bitmap.take(&rows)), expected);
    }
}
