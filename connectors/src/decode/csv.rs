//! CSV as PostgreSQL's COPY reads it: RFC 4180, NULL as unquoted text, line breaks inside quotes.
//!
//! A record without quotes is cut at its delimiters; one with quotes is walked through.
//! Invariant: a quoted field is never NULL; every record has as many fields as the file has
//! columns.

use arena_tr::{Schema, SqlState};
use memchr::{memchr, memchr_iter, memchr3};

use super::{Decode, Step};
use crate::options::{Options, boolean};
use crate::rows::{Fault, RowSet};

/// What stands for what in a CSV file.
#[derive(Debug, Clone)]
pub(crate) struct CsvFormat {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    pub(crate) escape: u8,
    pub(crate) null: Vec<u8>,
    pub(crate) header: Header,
}

/// What the first record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// A row like the others.
    None,
    /// Names that nobody looks at: columns go by position.
    Skip,
    /// Names that must be those of the columns.
    Match,
    /// Names that say which column is which.
    Name,
}

impl CsvFormat {
    pub(crate) fn from_options(options: &mut Options) -> arena_tr::Result<Self> {
        let quote = options.byte("quote")?.unwrap_or(b'"');
        let format = Self {
            delimiter: options.byte("delimiter")?.unwrap_or(b','),
            quote,
            escape: options.byte("escape")?.unwrap_or(quote),
            null: options.text("null").unwrap_or_default().into_bytes(),
            header: match options.text("header").map(|t| t.to_ascii_lowercase()).as_deref() {
                None => Header::Skip,
                Some("match") => Header::Match,
                Some("name") => Header::Name,
                Some(text) => match boolean(text) {
                    Some(true) => Header::Skip,
                    Some(false) => Header::None,
                    None => {
                        let why = format!("must be true, false, match or name, not '{text}'");
                        return Err(options.invalid("header", why));
                    }
                },
            },
        };
        if format.delimiter == format.quote {
            return Err(options.invalid("delimiter", "and \"quote\" must be different"));
        }
        Ok(format)
    }
}

/// Reads CSV.
pub(crate) struct CsvDecoder {
    format: CsvFormat,
    names: Vec<String>,
    /// The column of each field of a record.
    columns: Vec<Option<usize>>,
    header_is_due: bool,
    /// Why nothing of this file can be read.
    spoiled: Option<Fault>,
    scratch: Vec<u8>,
}

impl CsvDecoder {
    pub(crate) fn new(format: CsvFormat, schema: &Schema) -> Self {
        Self {
            header_is_due: format.header != Header::None,
            format,
            names: schema.fields.iter().map(|f| f.name.to_string()).collect(),
            columns: (0..schema.len()).map(Some).collect(),
            spoiled: None,
            scratch: Vec::new(),
        }
    }

    /// The end of the record at the start of `text`: without its line break, and with it; whether
    /// it has quotes. `None` if the text ends before.
    fn record(&self, text: &[u8], is_last: bool) -> Option<(usize, usize, bool)> {
        let CsvFormat { quote, escape, .. } = self.format;
        let plain = memchr(b'\n', text);
        let line = &text[..plain.unwrap_or(text.len())];
        if memchr(quote, line).is_none() {
            return match plain {
                Some(n) => Some((n, n + 1, false)),
                None => is_last.then_some((text.len(), text.len(), false)),
            };
        }
        let (mut at, mut is_quoted) = (0, false);
        while let Some(n) = memchr3(quote, escape, b'\n', &text[at..]) {
            at += n + 1;
            match text[at - 1] {
                b'\n' if !is_quoted => return Some((at - 1, at, true)),
                byte if byte == quote => is_quoted = !is_quoted,
                byte if byte == escape && is_quoted => {
                    at += usize::from(text.get(at).is_some_and(|b| *b == quote || *b == escape));
                }
                _ => {}
            }
        }
        is_last.then_some((text.len(), text.len(), true))
    }

    /// Calls `each` with every field of a record: its number, its text, and whether it was quoted.
    fn fields(
        &mut self,
        record: &[u8],
        has_quotes: bool,
        mut each: impl FnMut(usize, &[u8], bool) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let CsvFormat { delimiter, quote, escape, .. } = self.format;
        let (mut nth, mut at) = (0, 0);
        if !has_quotes {
            for end in memchr_iter(delimiter, record) {
                each(nth, &record[at..end], false)?;
                (nth, at) = (nth + 1, end + 1);
            }
            each(nth, &record[at..], false)?;
            return Ok(nth + 1);
        }
        loop {
            self.scratch.clear();
            let (mut inside, mut quoted, mut more) = (false, false, false);
            while let Some(&byte) = record.get(at) {
                at += 1;
                let next = record.get(at).copied();
                if inside && byte == escape && next.is_some_and(|b| b == quote || b == escape) {
                    self.scratch.extend(next);
                    at += 1;
                } else if byte == quote {
                    (inside, quoted) = (!inside, true);
                } else if byte == delimiter && !inside {
                    more = true;
                    break;
                } else {
                    self.scratch.push(byte);
                }
            }
            if inside {
                return Err(Fault::form("unterminated CSV quoted field"));
            }
            each(nth, &self.scratch, quoted)?;
            nth += 1;
            if !more {
                return Ok(nth);
            }
        }
    }

    fn header(&mut self, record: &[u8], has_quotes: bool) -> Result<(), Fault> {
        let mut names = Vec::new();
        self.fields(record, has_quotes, |_, text, _| {
            names.push(String::from_utf8_lossy(text).into_owned());
            Ok(())
        })?;
        match self.format.header {
            Header::None | Header::Skip => Ok(()),
            Header::Match if names == self.names => Ok(()),
            Header::Match => Err(Fault::form(format!(
                "the header is ({}), but the columns are ({})",
                names.join(", "),
                self.names.join(", ")
            ))),
            Header::Name => {
                let column = |name: &String| {
                    let exact = self.names.iter().position(|n| n == name);
                    exact.or_else(|| self.names.iter().position(|n| n.eq_ignore_ascii_case(name)))
                };
                self.columns = names.iter().map(column).collect();
                let mut found: Vec<usize> = self.columns.iter().flatten().copied().collect();
                found.sort_unstable();
                match found.windows(2).find(|pair| pair[0] == pair[1]) {
                    Some(pair) => {
                        let name = &self.names[pair[0]];
                        Err(Fault::form(format!("the header names column \"{name}\" twice")))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    fn cells(&mut self, record: &[u8], has_quotes: bool, rows: &mut RowSet) -> Result<(), Fault> {
        let columns = std::mem::take(&mut self.columns);
        let null = std::mem::take(&mut self.format.null);
        let read = self.fields(record, has_quotes, |nth, text, quoted| match columns.get(nth) {
            None => Err(Fault::form("extra data after last expected column")),
            Some(None) => Ok(()),
            Some(Some(column)) if !quoted && text == null => {
                rows.push_null(*column);
                Ok(())
            }
            Some(Some(column)) => rows.push_text(*column, text),
        });
        self.columns = columns;
        self.format.null = null;
        let n_fields = read?;
        match self.columns.get(n_fields..) {
            Some([first, ..]) => Err(Fault::form(match first {
                Some(column) => format!("missing data for column \"{}\"", self.names[*column]),
                None => "missing data".to_owned(),
            })),
            _ => Ok(()),
        }
    }
}

impl Decode for CsvDecoder {
    fn row(&mut self, text: &[u8], is_last: bool, rows: &mut RowSet) -> Step {
        let Some((end, bytes, has_quotes)) = self.record(text, is_last) else { return Step::Short };
        let record = text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]);
        let lines = match has_quotes {
            true => memchr_iter(b'\n', &text[..bytes]).count().max(1) as u64,
            false => 1,
        };
        if std::mem::take(&mut self.header_is_due) {
            return match self.header(record, has_quotes) {
                Ok(()) => Step::Skip(bytes, lines),
                Err(fault) => {
                    self.spoiled = Some(fault.clone());
                    Step::Bad(bytes, lines, fault)
                }
            };
        }
        if let Some(fault) = &self.spoiled {
            return Step::Bad(bytes, lines, Fault { state: SqlState("22P04"), ..fault.clone() });
        }
        match self.cells(record, has_quotes, rows) {
            Ok(()) => Step::Row(bytes, lines),
            Err(fault) => Step::Bad(bytes, lines, fault),
        }
    }

    fn restart(&mut self) {
        self.header_is_due = self.format.header != Header::None;
        self.spoiled = None;
    }
}
