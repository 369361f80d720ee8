//! Time zones by name: UTC and fixed offsets.
//!
//! Names of places need the time zone database and give a clear error until it is there.
//! Invariant: an offset is east of Greenwich when positive, so local time is UTC plus the offset.

use arena_tr_types::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC};
use arena_tr_types::{SqlError, SqlState};

/// The offset of a time zone in microseconds.
///
/// `UTC`, `GMT`, `Z` and `Etc/UTC` are zero; `+02`, `-05:30`, `UTC+3` and `<+02>-2` follow POSIX as
/// PostgreSQL does in AT TIME ZONE: a bare sign counts hours *west* of Greenwich, so `+02` is two
/// hours behind UTC.
pub(super) fn offset_micros(name: &str) -> Result<i64, SqlError> {
    let trimmed = name.trim();
    let upper = trimmed.to_ascii_uppercase();
    if matches!(
        upper.as_str(),
        "UTC"
            | "GMT"
            | "Z"
            | "ZULU"
            | "UCT"
            | "UNIVERSAL"
            | "GREENWICH"
            | "ETC/UTC"
            | "ETC/GMT"
            | "ETC/UCT"
            | "ETC/ZULU"
            | "ETC/UNIVERSAL"
            | "ETC/GREENWICH"
            | "GMT0"
            | "GMT+0"
            | "GMT-0"
    ) {
        return Ok(0);
    }
    if let Some(hours) = abbreviation(&upper) {
        return Ok(hours * MICROS_PER_HOUR / 2);
    }
    let after_letters = upper.strip_prefix("ETC/").unwrap_or(&upper);
    let digits = after_letters.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let has_letters = digits.len() < after_letters.len();
    match posix_offset(digits) {
        Some(west) => Ok(-west),
        None if is_place(&upper) && !has_letters_only_offset(has_letters, digits) => {
            Err(SqlError::unsupported(format!("time zone \"{name}\"")))
        }
        None => Err(SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("time zone \"{name}\" not recognized"),
        )),
    }
}

fn has_letters_only_offset(has_letters: bool, digits: &str) -> bool {
    has_letters && digits.starts_with(['+', '-'])
}

/// `Area/City`, or one of the zones that the database names with a word.
fn is_place(upper: &str) -> bool {
    let shape = upper.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
    let area = upper.split('/').next().unwrap_or_default();
    shape
        && upper.contains('/')
        && matches!(
            area,
            "AFRICA"
                | "AMERICA"
                | "ANTARCTICA"
                | "ARCTIC"
                | "ASIA"
                | "ATLANTIC"
                | "AUSTRALIA"
                | "BRAZIL"
                | "CANADA"
                | "CHILE"
                | "EUROPE"
                | "INDIAN"
                | "MEXICO"
                | "PACIFIC"
                | "US"
        )
}

/// Half hours east of Greenwich of the abbreviations that PostgreSQL ships and that mean one thing.
fn abbreviation(upper: &str) -> Option<i64> {
    Some(match upper {
        "EST" => -10,
        "EDT" => -8,
        "CST" => -12,
        "CDT" => -10,
        "MST" => -14,
        "MDT" => -12,
        "PST" => -16,
        "PDT" => -14,
        "AKST" => -18,
        "AKDT" => -16,
        "HST" => -20,
        "BST" | "CET" | "MET" => 2,
        "CEST" | "EET" | "MEST" | "SAST" => 4,
        "EEST" | "MSK" => 6,
        "WET" => 0,
        "WEST" => 2,
        "JST" | "KST" => 18,
        "AEST" => 20,
        "AEDT" => 22,
        "NZST" => 24,
        "NZDT" => 26,
        _ => return None,
    })
}

/// `[+-]hh[[:]mm[[:]ss]]` in microseconds.
fn posix_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        b'0'..=b'9' => (1, text),
        _ => return None,
    };
    let parts: Vec<&str> = if digits.contains(':') {
        digits.split(':').collect()
    } else {
        match digits.len() {
            1 | 2 => vec![digits],
            4 if digits.is_ascii() => vec![&digits[..2], &digits[2..]],
            _ => return None,
        }
    };
    if parts.len() > 3 || parts.iter().any(|p| p.is_empty() || p.len() > 3) {
        return None;
    }
    let units = [MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC];
    let mut total = 0;
    for (i, (part, unit)) in parts.iter().zip(units).enumerate() {
        let n: i64 = part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())??;
        if n > if i == 0 { 167 } else { 59 } {
            return None;
        }
        total += n * unit;
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests;
