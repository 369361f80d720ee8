//! Functions of text and byte strings: lengths, case, parts, padding, trimming, searching.
//!
//! Characters are Unicode scalar values; ASCII strings take shortcuts. Case mapping is one
//! character to one character, as the C library's is.
//! Invariant: a cut never splits a character, and no argument, however large, overflows an index.

use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::Kernel;
use super::call::Call;
use super::error::RowErrors;
use super::out::{Out, TextOut, too_long};
use super::row::{fixed, text};

/// The kernel of a function of text or bytes.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let bytes = args.first() == Some(&DataType::Bytea);
    Some(match func {
        Func::Length if bytes => Kernel::new(octet_length),
        Func::Length if matches!(args, [DataType::Char(_)]) => {
            fixed(|r| Ok(char_count(r.str(0).trim_end_matches(' ')) as i32))
        }
        Func::Length => fixed(|r| Ok(char_count(r.str(0)) as i32)),
        Func::OctetLength => Kernel::new(octet_length),
        Func::BitLength => fixed(|r| Ok((r.bytes(0).len() as i32).saturating_mul(8))),
        Func::Lower => text(|r, out| change_case(r.str(0), out, false)),
        Func::Upper => text(|r, out| change_case(r.str(0), out, true)),
        Func::InitCap => text(|r, out| initcap(r.str(0), out)),
        Func::Substr => substr(args.len(), bytes),
        Func::StrPos if bytes => fixed(|r| {
            let at = memchr::memmem::find(r.bytes(0), r.bytes(1));
            Ok(at.map_or(0, |at| at as i32 + 1))
        }),
        Func::StrPos => fixed(|r| Ok(strpos(r.str(0), r.str(1)))),
        Func::Replace => text(|r, out| replace(r.str(0), r.str(1), r.str(2), out)),
        Func::BTrim => trim(args.len(), bytes, true, true),
        Func::LTrim => trim(args.len(), bytes, true, false),
        Func::RTrim => trim(args.len(), bytes, false, true),
        Func::LPad => pad(args.len(), true),
        Func::RPad => pad(args.len(), false),
        Func::Left => text(|r, out| push(out, char_prefix(r.str(0), r.i32(1)))),
        Func::Right => text(|r, out| {
            let s = r.str(0);
            push(out, char_suffix(s, r.i32(1)))
        }),
        Func::Repeat => text(|r, out| repeat(r.str(0), r.i32(1), out)),
        Func::Reverse => text(|r, out| {
            r.str(0).chars().rev().for_each(|c| out.push_char(c));
            Ok(())
        }),
        Func::SplitPart => text(|r, out| push(out, split_part(r.str(0), r.str(1), r.i32(2))?)),
        Func::Ascii => fixed(|r| Ok(r.str(0).chars().next().map_or(0, |c| c as i32))),
        Func::Chr => text(|r, out| {
            out.push_char(chr(r.i32(0))?);
            Ok(())
        }),
        Func::StartsWith => fixed(|r| Ok(r.bytes(0).starts_with(r.bytes(1)))),
        Func::Translate => text(|r, out| {
            translate(r.str(0), r.str(1), r.str(2), out);
            Ok(())
        }),
        Func::Overlay => overlay(args.len(), bytes),
        Func::Concat => concat(args)?,
        _ => return None,
    })
}

fn octet_length(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    let strings = call.strings(0);
    let mut lengths = out.values::<i32>(call.rows);
    if call.args[0].is_const() {
        lengths.fill(strings.views[0].len() as i32);
    } else {
        for (slot, view) in lengths.iter_mut().zip(strings.views.iter()) {
            *slot = view.len() as i32;
        }
    }
    out.set(lengths, call.strict_validity());
}

/// Number of characters.
pub(super) fn char_count(s: &str) -> usize {
    s.chars().count()
}

fn push(out: &mut TextOut, s: &str) -> Result<(), SqlError> {
    out.reserve(s.len())?;
    out.push(s);
    Ok(())
}

/// The one character that this one becomes, if it becomes one.
fn map_char(c: char, upper: bool) -> char {
    if c.is_ascii() {
        return if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    }
    let (first, more) = if upper {
        let mut mapped = c.to_uppercase();
        (mapped.next(), mapped.next())
    } else {
        let mut mapped = c.to_lowercase();
        (mapped.next(), mapped.next())
    };
    if more.is_none() { first.unwrap_or(c) } else { c }
}

/// Appends `s` in lower case.
pub(super) fn lower_into(s: &str, out: &mut String) {
    if s.is_ascii() {
        let start = out.len();
        out.push_str(s);
        out[start..].make_ascii_lowercase();
    } else {
        out.extend(s.chars().map(|c| map_char(c, false)));
    }
}

/// Appends `s` in upper or lower case.
pub(super) fn change_case(s: &str, out: &mut TextOut, upper: bool) -> Result<(), SqlError> {
    // A character may need more bytes in the other case, never more than four.
    out.reserve(s.len())?;
    if s.is_ascii() {
        out.push(s);
        let written = out.current();
        if upper { written.make_ascii_uppercase() } else { written.make_ascii_lowercase() }
    } else {
        s.chars().for_each(|c| out.push_char(map_char(c, upper)));
    }
    Ok(())
}

fn initcap(s: &str, out: &mut TextOut) -> Result<(), SqlError> {
    out.reserve(s.len())?;
    let mut in_word = false;
    for c in s.chars() {
        out.push_char(map_char(c, !in_word));
        in_word = c.is_alphanumeric();
    }
    Ok(())
}

/// Byte offset of character `n` (from 0), or the end.
pub(super) fn char_offset(s: &str, n: usize) -> usize {
    if s.is_ascii() {
        return n.min(s.len());
    }
    s.char_indices().nth(n).map_or(s.len(), |(at, _)| at)
}

/// First and end position (from 0, end exclusive) of substring(from, count), before cutting to the
/// length.
fn span(from: i32, count: Option<i32>) -> Result<(usize, usize), SqlError> {
    let start = i64::from(from) - 1;
    let end = match count {
        None => i64::MAX,
        Some(count @ 0..) => start + i64::from(count),
        Some(_) => {
            return Err(SqlError::new(
                SqlState::SUBSTRING_ERROR,
                "negative substring length not allowed",
            ));
        }
    };
    let clip = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    Ok((clip(start), clip(end).max(clip(start))))
}

/// substring(s from `from` for `count`).
pub(super) fn substring(s: &str, from: i32, count: Option<i32>) -> Result<&str, SqlError> {
    let (start, end) = span(from, count)?;
    let rest = &s[char_offset(s, start)..];
    Ok(&rest[..char_offset(rest, end - start)])
}

/// The same of bytes.
fn substring_bytes(s: &[u8], from: i32, count: Option<i32>) -> Result<&[u8], SqlError> {
    let (start, end) = span(from, count)?;
    Ok(&s[start.min(s.len())..end.min(s.len())])
}

fn substr(n_args: usize, bytes: bool) -> Kernel {
    text(move |r, out| {
        let count = if n_args > 2 { Some(r.i32(2)) } else { None };
        if bytes {
            out.push_bytes(substring_bytes(r.bytes(0), r.i32(1), count)?);
            return Ok(());
        }
        push(out, substring(r.str(0), r.i32(1), count)?)
    })
}

/// Position in characters, from 1, of the first occurrence; 0 if there is none.
fn strpos(s: &str, part: &str) -> i32 {
    match memchr::memmem::find(s.as_bytes(), part.as_bytes()) {
        Some(at) => char_count(&s[..at]) as i32 + 1,
        None => 0,
    }
}

fn replace(s: &str, from: &str, to: &str, out: &mut TextOut) -> Result<(), SqlError> {
    if from.is_empty() {
        return push(out, s);
    }
    let mut rest = 0;
    for at in memchr::memmem::find_iter(s.as_bytes(), from.as_bytes()) {
        push(out, &s[rest..at])?;
        push(out, to)?;
        rest = at + from.len();
    }
    push(out, &s[rest..])
}

fn trim(n_args: usize, bytes: bool, left: bool, right: bool) -> Kernel {
    if bytes {
        return text(move |r, out| {
            let (mut s, set) = (r.bytes(0), r.bytes(1));
            while let ([first, rest @ ..], true) = (s, left) {
                if !set.contains(first) {
                    break;
                }
                s = rest;
            }
            while let ([rest @ .., last], true) = (s, right) {
                if !set.contains(last) {
                    break;
                }
                s = rest;
            }
            out.push_bytes(s);
            Ok(())
        });
    }
    text(move |r, out| {
        let (s, set) = (r.str(0), if n_args > 1 { r.str(1) } else { " " });
        let s = if left { s.trim_start_matches(|c| set.contains(c)) } else { s };
        let s = if right { s.trim_end_matches(|c| set.contains(c)) } else { s };
        push(out, s)
    })
}

fn pad(n_args: usize, left: bool) -> Kernel {
    text(move |r, out| {
        let (s, fill) = (r.str(0), if n_args > 2 { r.str(2) } else { " " });
        let wanted = r.i32(1).max(0) as usize;
        let have = char_count(s);
        if have >= wanted || fill.is_empty() {
            return push(out, &s[..char_offset(s, wanted)]);
        }
        // At most four bytes a character.
        out.reserve(wanted.checked_mul(4).ok_or_else(too_long)?)?;
        if !left {
            out.push(s);
        }
        fill.chars().cycle().take(wanted - have).for_each(|c| out.push_char(c));
        if left {
            out.push(s);
        }
        Ok(())
    })
}

/// The first `n` characters; if `n` is negative, all but the last `-n`.
fn char_prefix(s: &str, n: i32) -> &str {
    let n =
        if n >= 0 { n as usize } else { char_count(s).saturating_sub(n.unsigned_abs() as usize) };
    &s[..char_offset(s, n)]
}

/// The last `n` characters; if `n` is negative, all but the first `-n`.
fn char_suffix(s: &str, n: i32) -> &str {
    let skip =
        if n < 0 { n.unsigned_abs() as usize } else { char_count(s).saturating_sub(n as usize) };
    &s[char_offset(s, skip)..]
}

fn repeat(s: &str, n: i32, out: &mut TextOut) -> Result<(), SqlError> {
    let n = n.max(0) as usize;
    out.reserve(s.len().checked_mul(n).ok_or_else(too_long)?)?;
    if !s.is_empty() {
        (0..n).for_each(|_| out.push(s));
    }
    Ok(())
}

fn split_part<'a>(s: &'a str, delimiter: &str, n: i32) -> Result<&'a str, SqlError> {
    if n == 0 {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, "field position must not be zero"));
    }
    if delimiter.is_empty() {
        return Ok(if n == 1 || n == -1 { s } else { "" });
    }
    let skip = n.unsigned_abs() as usize - 1;
    let part = if n > 0 { s.split(delimiter).nth(skip) } else { s.rsplit(delimiter).nth(skip) };
    Ok(part.unwrap_or(""))
}

fn chr(code: i32) -> Result<char, SqlError> {
    let limit = |message: String| SqlError::new(SqlState::PROGRAM_LIMIT, message);
    match u32::try_from(code) {
        Err(_) => {
            let message = "character number must be positive";
            Err(SqlError::new(SqlState::INVALID_PARAMETER, message))
        }
        Ok(0) => Err(limit("null character not permitted".into())),
        Ok(code) if code > 0x10_FFFF => {
            Err(limit(format!("requested character too large for encoding: {code}")))
        }
        Ok(code) => char::from_u32(code)
            .ok_or_else(|| limit(format!("requested character not valid for encoding: {code}"))),
    }
}

fn translate(s: &str, from: &str, to: &str, out: &mut TextOut) {
    for c in s.chars() {
        match from.chars().position(|f| f == c) {
            None => out.push_char(c),
            Some(at) => {
                if let Some(replacement) = to.chars().nth(at) {
                    out.push_char(replacement);
                }
            }
        }
    }
}

fn overlay(n_args: usize, bytes: bool) -> Kernel {
    text(move |r, out| {
        let from = r.i32(2);
        let given = if n_args > 3 { Some(r.i32(3)) } else { None };
        if from <= 0 {
            return Err(SqlError::new(
                SqlState::SUBSTRING_ERROR,
                "negative substring length not allowed",
            ));
        }
        let after =
            |length: i32| from.checked_add(length).ok_or_else(|| SqlError::out_of_range("integer"));
        if bytes {
            let new = r.bytes(1);
            let resume = after(given.unwrap_or(new.len() as i32))?;
            out.push_bytes(substring_bytes(r.bytes(0), 1, Some(from - 1))?);
            out.push_bytes(new);
            out.push_bytes(substring_bytes(r.bytes(0), resume, None)?);
            return Ok(());
        }
        let (old, new) = (r.str(0), r.str(1));
        let resume = after(given.unwrap_or(char_count(new) as i32))?;
        push(out, substring(old, 1, Some(from - 1))?)?;
        push(out, new)?;
        push(out, substring(old, resume, None)?)
    })
}

/// `||` of strings, of bytes, and of text with a value of another type.
fn concat(args: &[DataType]) -> Option<Kernel> {
    let [a, b] = args else { return None };
    let is_text = |ty: &DataType| ty.is_text() || *ty == DataType::Unknown;
    let both_bytes = *a == DataType::Bytea && *b == DataType::Bytea;
    if (is_text(a) && is_text(b)) || both_bytes {
        return Some(Kernel::new(concat_strings));
    }
    if !is_text(a) && !is_text(b) {
        return None;
    }
    let (a, b) = (a.clone(), b.clone());
    Some(text(move |r, out| {
        super::print::push_cast(r, 0, &a, out);
        super::print::push_cast(r, 1, &b, out);
        Ok(())
    }))
}

fn concat_strings(call: &Call<'_>, out: &mut Out<'_>, errors: &mut RowErrors) {
    let validity = call.strict_validity();
    let mut text = out.text(call.rows);
    let (a, b) = (call.strings(0), call.strings(1));
    for i in call.selection {
        if validity.as_ref().is_some_and(|v| !v.get(i)) {
            continue;
        }
        let (left, right) = (a.get(call.args[0].index(i)), b.get(call.args[1].index(i)));
        let result = text.reserve(left.len() + right.len()).and_then(|()| {
            text.push_bytes(left);
            text.push_bytes(right);
            text.end(i)
        });
        if let Err(error) = result {
            errors.push(i, error);
        }
    }
    out.set_text(text, validity);
}

#[cfg(test)]
mod tests;
