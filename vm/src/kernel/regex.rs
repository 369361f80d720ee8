//! Regular expressions: `~`, SIMILAR TO, substring by pattern and the regexp_ functions.
//!
//! Compiled patterns are kept per thread: a constant pattern is looked up once per row at the cost
//! of comparing two strings, a varying one costs a hash lookup. Positions are characters, from 1,
//! as PostgreSQL counts them.
//! Invariant: a search continues behind an empty match by one character, so every loop ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use arena_tr_types::{DataType, Func, SqlError, SqlState};
use regex::Regex;

use super::Kernel;
use super::out::TextOut;
use super::regex_syntax::{Options, from_similar, invalid, translate};
use super::row::{Row, RowResult, fixed, text, text_opt};
use super::text::{char_count, char_offset};

/// Most compiled patterns that a thread keeps.
const CACHE_PATTERNS: usize = 256;

/// How the source of a pattern is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Dialect {
    /// PostgreSQL's advanced regular expressions.
    Are,
    /// SIMILAR TO, with its escape character (`None`: the default).
    Similar(Option<Escape>),
}

/// An escape string, kept short: two characters are too many already.
type Escape = [Option<char>; 2];

#[derive(Default)]
struct Cache {
    /// The last one used, so that a constant pattern is found without hashing.
    last: Option<(String, Options, Dialect, Rc<Regex>)>,
    all: HashMap<(String, Options, Dialect), Rc<Regex>>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

fn compiled(pattern: &str, options: Options, dialect: Dialect) -> Result<Rc<Regex>, SqlError> {
    CACHE.with_borrow_mut(|cache| {
        if let Some((source, o, d, regex)) = &cache.last
            && source == pattern
            && *o == options
            && *d == dialect
        {
            return Ok(Rc::clone(regex));
        }
        let key = (pattern.to_owned(), options, dialect);
        let regex = match cache.all.get(&key) {
            Some(regex) => Rc::clone(regex),
            None => {
                let regex = Rc::new(compile(pattern, options, dialect)?);
                if cache.all.len() >= CACHE_PATTERNS {
                    cache.all.clear();
                }
                cache.all.insert(key, Rc::clone(&regex));
                regex
            }
        };
        cache.last = Some((pattern.to_owned(), options, dialect, Rc::clone(&regex)));
        Ok(regex)
    })
}

fn compile(pattern: &str, options: Options, dialect: Dialect) -> Result<Regex, SqlError> {
    let source = match dialect {
        Dialect::Are => translate(pattern, options)?,
        Dialect::Similar(escape) => {
            let escape: Option<String> = escape.map(|e| e.into_iter().flatten().collect());
            translate(&from_similar(pattern, escape.as_deref())?, options)?
        }
    };
    Regex::new(&source).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => invalid("regular expression is too complex"),
        _ => invalid("the pattern is not understood"),
    })
}

/// The escape argument, if the call has one.
fn similar(r: Row<'_>) -> Dialect {
    if r.n_args() < 3 {
        return Dialect::Similar(None);
    }
    let mut chars = r.str(2).chars();
    Dialect::Similar(Some([chars.next(), chars.next()]))
}

/// The kernel of a function of patterns.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let plain = Options::default();
    let n = args.len();
    Some(match func {
        Func::RegexMatch => {
            fixed(move |r| Ok(compiled(r.str(1), plain, Dialect::Are)?.is_match(r.str(0))))
        }
        Func::RegexIMatch => {
            let options = Options { ignore_case: true, ..plain };
            fixed(move |r| Ok(compiled(r.str(1), options, Dialect::Are)?.is_match(r.str(0))))
        }
        Func::SimilarTo => {
            fixed(move |r| Ok(compiled(r.str(1), plain, similar(r))?.is_match(r.str(0))))
        }
        Func::SubstringRegex => text_opt(move |r, out| {
            let regex = compiled(r.str(1), plain, Dialect::Are)?;
            push_group(&regex, r.str(0), 0, usize::from(regex.captures_len() > 1), out)
        }),
        Func::SubstringSimilar => text_opt(move |r, out| {
            let regex = compiled(r.str(1), plain, similar(r))?;
            push_group(&regex, r.str(0), 0, usize::from(regex.captures_len() > 1), out)
        }),
        Func::RegexpLike => fixed(move |r| {
            let regex =
                compiled(r.str(1), no_global("regexp_like", flags(r, 2, n)?)?, Dialect::Are)?;
            Ok(regex.is_match(r.str(0)))
        }),
        Func::RegexpCount => fixed(move |r| regexp_count(r, n)),
        Func::RegexpInstr => fixed(move |r| regexp_instr(r, n)),
        Func::RegexpSubstr => text_opt(move |r, out| regexp_substr(r, n, out)),
        Func::RegexpReplace => regexp_replace(args),
        Func::RegexpMatch => text_opt(move |r, out| regexp_match(r, n, out)),
        Func::RegexpSplitToArray => text(move |r, out| regexp_split(r, n, out)),
        _ => return None,
    })
}

/// The options that argument `k` gives, if there is such an argument.
fn flags(r: Row<'_>, k: usize, n_args: usize) -> Result<Options, SqlError> {
    if k < n_args { Options::parse(r.str(k)) } else { Ok(Options::default()) }
}

fn no_global(function: &str, options: Options) -> Result<Options, SqlError> {
    if !options.global {
        return Ok(options);
    }
    Err(SqlError::new(
        SqlState::INVALID_PARAMETER,
        format!("{function}() does not support the \"global\" option"),
    ))
}

/// Argument `k` as a number of at least `least`, or 1 where the call does not have it.
fn number(r: Row<'_>, k: usize, n_args: usize, name: &str, least: i32) -> Result<usize, SqlError> {
    let value = if k < n_args { r.i32(k) } else { least.max(1) };
    if value < least {
        return Err(bad_parameter(name, value));
    }
    Ok(value as usize)
}

fn bad_parameter(name: &str, value: i32) -> SqlError {
    SqlError::new(
        SqlState::INVALID_PARAMETER,
        format!("invalid value for parameter \"{name}\": {value}"),
    )
}

/// Writes a group of the first match at or behind byte `from`; NULL if there is none.
fn push_group(
    regex: &Regex,
    s: &str,
    from: usize,
    group: usize,
    out: &mut TextOut,
) -> RowResult<()> {
    let found = if group == 0 {
        regex.find_at(s, from)
    } else {
        regex.captures_at(s, from).and_then(|c| c.get(group))
    };
    let Some(found) = found else { return Ok(None) };
    out.push(found.as_str());
    Ok(Some(()))
}

/// Where to search after a match: behind it, and one character further if it was empty. `None` at
/// the end.
fn next_start(s: &str, start: usize, end: usize) -> Option<usize> {
    if end > start {
        return Some(end);
    }
    s[end..].chars().next().map(|c| end + c.len_utf8())
}

/// Calls `f` with each match at or behind byte `from` until it says stop.
fn each_match(
    regex: &Regex,
    s: &str,
    from: usize,
    mut f: impl FnMut(&regex::Captures<'_>) -> bool,
) {
    let mut at = Some(from);
    while let Some(from) = at {
        let Some(captures) = regex.captures_at(s, from) else { return };
        let Some(whole) = captures.get(0) else { return };
        if !f(&captures) {
            return;
        }
        at = next_start(s, whole.start(), whole.end());
    }
}

/// Byte offset of the start position (characters from 1); `None` if it is behind the end.
fn start_offset(s: &str, start: usize) -> Option<usize> {
    (start <= char_count(s) + 1).then(|| char_offset(s, start - 1))
}

fn regexp_count(r: Row<'_>, n_args: usize) -> Result<i32, SqlError> {
    let start = number(r, 2, n_args, "start", 1)?;
    let regex = compiled(r.str(1), no_global("regexp_count", flags(r, 3, n_args)?)?, Dialect::Are)?;
    let mut count = 0;
    if let Some(from) = start_offset(r.str(0), start) {
        each_match(&regex, r.str(0), from, |_| {
            count += 1;
            true
        });
    }
    Ok(count)
}

/// Start and end of group `group` of match number `n` (from 1) at or behind `from`.
fn nth_group(
    regex: &Regex,
    s: &str,
    from: usize,
    n: usize,
    group: usize,
) -> Option<(usize, usize)> {
    let (mut seen, mut found) = (0, None);
    each_match(regex, s, from, |captures| {
        seen += 1;
        if seen == n {
            found = captures.get(group).map(|m| (m.start(), m.end()));
        }
        seen < n
    });
    found
}

fn regexp_instr(r: Row<'_>, n_args: usize) -> Result<i32, SqlError> {
    let s = r.str(0);
    let start = number(r, 2, n_args, "start", 1)?;
    let nth = number(r, 3, n_args, "n", 1)?;
    let end_option = if n_args > 4 { r.i32(4) } else { 0 };
    if !matches!(end_option, 0 | 1) {
        return Err(bad_parameter("endoption", end_option));
    }
    let options = no_global("regexp_instr", flags(r, 5, n_args)?)?;
    let group = if n_args > 6 { number(r, 6, n_args, "subexpr", 0)? } else { 0 };
    let regex = compiled(r.str(1), options, Dialect::Are)?;
    let found = start_offset(s, start).and_then(|from| nth_group(&regex, s, from, nth, group));
    Ok(found.map_or(0, |(start, end)| {
        let at = if end_option == 1 { end } else { start };
        char_count(&s[..at]) as i32 + 1
    }))
}

fn regexp_substr(r: Row<'_>, n_args: usize, out: &mut TextOut) -> RowResult<()> {
    let s = r.str(0);
    let start = number(r, 2, n_args, "start", 1)?;
    let nth = number(r, 3, n_args, "n", 1)?;
    let options = no_global("regexp_substr", flags(r, 4, n_args)?)?;
    let group = if n_args > 5 { number(r, 5, n_args, "subexpr", 0)? } else { 0 };
    let regex = compiled(r.str(1), options, Dialect::Are)?;
    let found = start_offset(s, start).and_then(|from| nth_group(&regex, s, from, nth, group));
    Ok(found.map(|(start, end)| out.push(&s[start..end])))
}

/// regexp_replace: (text, pattern, replacement [, flags]) or (text, pattern, replacement, start [,
/// n [, flags]]).
fn regexp_replace(args: &[DataType]) -> Kernel {
    let n_args = args.len();
    let with_start = args.get(3) == Some(&DataType::Int4);
    text(move |r, out| {
        let s = r.str(0);
        let flag_argument = if with_start { 5 } else { 3 };
        let options = replace_flags(r, flag_argument, n_args)?;
        let start = if with_start { number(r, 3, n_args, "start", 1)? } else { 1 };
        // Match number n only; 0 means all.
        let nth = match (with_start && n_args > 4, options.global) {
            (true, _) => number(r, 4, n_args, "n", 0)?,
            (false, true) => 0,
            (false, false) => 1,
        };
        let key = Options { global: false, ..options };
        let regex = compiled(r.str(1), key, Dialect::Are)?;
        let Some(from) = start_offset(s, start) else {
            out.push(s);
            return Ok(());
        };
        let (mut copied, mut seen, mut result) = (0, 0, Ok(()));
        each_match(&regex, s, from, |captures| {
            seen += 1;
            if nth != 0 && seen < nth {
                return true;
            }
            if let Some(whole) = captures.get(0) {
                out.push(&s[copied..whole.start()]);
                push_replacement(r.str(2), captures, out);
                copied = whole.end();
            }
            result = out.reserve(s.len());
            nth == 0 && result.is_ok()
        });
        result?;
        out.push(&s[copied..]);
        Ok(())
    })
}

/// A digit in front means that the start was meant: PostgreSQL says so.
fn replace_flags(r: Row<'_>, k: usize, n_args: usize) -> Result<Options, SqlError> {
    if k < n_args && k == 3 && r.str(k).starts_with(|c: char| c.is_ascii_digit()) {
        let error = SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("invalid regular expression option: \"{}\"", &r.str(k)[..1]),
        );
        return Err(error.with_hint(
            "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.",
        ));
    }
    flags(r, k, n_args)
}

/// `\1` to `\9` are groups, `\&` the whole match, `\\` a backslash; another `\x` stands as it is.
fn push_replacement(replacement: &str, captures: &regex::Captures<'_>, out: &mut TextOut) {
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push(&rest[..at]);
        let group = |n: usize| captures.get(n).map_or("", |m| m.as_str());
        let after = &rest[at + 1..];
        let used = match after.bytes().next() {
            Some(digit @ b'1'..=b'9') => {
                out.push(group(usize::from(digit - b'0')));
                1
            }
            Some(b'&') => {
                out.push(group(0));
                1
            }
            Some(b'\\') => {
                out.push("\\");
                1
            }
            _ => {
                out.push("\\");
                0
            }
        };
        rest = &after[used..];
    }
    out.push(rest);
}

fn regexp_match(r: Row<'_>, n_args: usize, out: &mut TextOut) -> RowResult<()> {
    let options = flags(r, 2, n_args)?;
    let options = no_global("regexp_match", options)
        .map_err(|error| error.with_hint("Use the regexp_matches function instead."))?;
    let regex = compiled(r.str(1), options, Dialect::Are)?;
    let Some(captures) = regex.captures(r.str(0)) else { return Ok(None) };
    let first = usize::from(captures.len() > 1);
    let groups = (first..captures.len()).map(|k| captures.get(k).map(|m| m.as_str()));
    super::nested::push_text_list(groups, out);
    Ok(Some(()))
}

fn regexp_split(r: Row<'_>, n_args: usize, out: &mut TextOut) -> Result<(), SqlError> {
    let s = r.str(0);
    let options = no_global("regexp_split_to_array", flags(r, 2, n_args)?)?;
    let regex = compiled(r.str(1), options, Dialect::Are)?;
    let (mut parts, mut part_start, mut last_end) = (Vec::new(), 0, 0);
    each_match(&regex, s, 0, |captures| {
        if let Some(m) = captures.get(0) {
            // An empty match at the start, at the end, or right behind a match does not split.
            if m.start() < s.len() && m.end() > last_end {
                parts.push(Some(&s[part_start..m.start()]));
                part_start = m.end();
            }
            last_end = m.end();
        }
        true
    });
    parts.push(Some(&s[part_start..]));
    super::nested::push_text_list(parts.into_iter(), out);
    Ok(())
}

#[cfg(test)]
mod tests;
