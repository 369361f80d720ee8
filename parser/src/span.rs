//! Where in the statement's text something stands, and how to show it.
//!
//! Spans are byte ranges of the text given to the parser, so an error can point at its cause.
//! [`render`] prints an error as psql does: the line with a caret under the place.
//! Invariant: `start <= end`, both on character boundaries of the text they were made from.

#[cfg(test)]
mod tests;

/// A byte range of the source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The widest excerpt of a line, in columns.
const EXCERPT_COLUMNS: usize = 72;
/// How much of a cut line is kept before the caret.
const LEAD_COLUMNS: usize = 40;

/// Line and column of a byte, both from 1, the column in characters.
pub fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let byte = floor(text, byte);
    let before = &text[..byte];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, text[start..byte].chars().count() + 1)
}

/// An error as psql prints it: the message, the line with a caret, the hint.
///
/// ```text
/// ERROR:  column "prise" does not exist
/// LINE 2:   prise
///           ^
/// HINT:  Did you mean "price"?
/// ```
pub fn render(text: &str, span: &Span, message: &str, hint: Option<&str>) -> String {
    let mut out = format!("ERROR:  {message}\n{}", excerpt(text, span));
    if let Some(hint) = hint {
        out.push_str("HINT:  ");
        out.push_str(hint);
        out.push('\n');
    }
    out
}

/// The line a span starts in and a caret line under it, each ended by a line break.
///
/// Tabs become spaces, wide characters count twice, a long line is cut around the place.
pub fn excerpt(text: &str, span: &Span) -> String {
    let at = floor(text, span.start as usize);
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
    let line = text[start..end].trim_end_matches('\r');
    let number = text[..start].matches('\n').count() + 1;

    let cells: Vec<(usize, char, usize)> = line
        .char_indices()
        .map(|(i, c)| if c == '\t' { (i, ' ', 1) } else { (i, c, width(c)) })
        .collect();
    let caret: usize = cells.iter().take_while(|(i, ..)| start + i < at).map(|(_, _, w)| w).sum();
    let total: usize = cells.iter().map(|(_, _, w)| w).sum();
    let (from, to) = window(caret, total);

    let label = format!("LINE {number}: ");
    let mut shown = String::new();
    let mut lead = 0;
    let mut column = 0;
    for (_, c, w) in cells {
        if column >= from && column + w <= to {
            shown.push(c);
            lead += if column < caret { w } else { 0 };
        }
        column += w;
    }
    let (head, tail) = (if from > 0 { "..." } else { "" }, if to < total { "..." } else { "" });
    let indent = " ".repeat(label.len() + head.len() + lead);
    format!("{label}{head}{shown}{tail}\n{indent}^\n")
}

/// Which columns of a line are shown.
fn window(caret: usize, total: usize) -> (usize, usize) {
    if total <= EXCERPT_COLUMNS {
        return (0, total);
    }
    let from = caret.saturating_sub(LEAD_COLUMNS).min(total - EXCERPT_COLUMNS);
    (from, from + EXCERPT_COLUMNS)
}

/// The character boundary at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// How many columns a terminal gives a character.
fn width(c: char) -> usize {
    match u32::from(c) {
        // Control characters and combining marks take no column.
        0..=0x1F
        | 0x7F..=0x9F
        | 0x300..=0x36F
        | 0x200B..=0x200F
        | 0x20D0..=0x20FF
        | 0xFE00..=0xFE0F
        | 0xFE20..=0xFE2F => 0,
        // East Asian wide and full-width forms, and emoji.
        0x1100..=0x115F
        | 0x2E80..=0x303E
        | 0x3041..=0x33FF
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xA000..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE4F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1F64F
        | 0x1F680..=0x1F6FF
        | 0x1F900..=0x1F9FF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}
