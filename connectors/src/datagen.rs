//! The connector `datagen`: rows of any schema out of a seed.
//!
//! Every column has a maker, chosen by its type and changed by `fields.<name>.<option>`. A cell
//! depends on seed, row and column only.
//! Invariant: the same seed and options give the same rows, whatever the size of polls.

use arena_tr::connector::{Connector, Polled, Source, SourceSpec, Want};
use arena_tr::{
    ColumnBuilder, DataType, Decimal, Error, Field, Result, SqlError, SqlState, Value, time,
};

use crate::options::Options;
use crate::random::{Dice, below, push_letters};
use crate::rows::RowSet;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DAY: i64 = 86_400_000_000;

/// Generates rows.
pub(crate) struct DatagenConnector;

/// How the values of a column come about.
#[derive(Debug, Clone)]
enum Maker {
    /// Whole numbers (or days, or microseconds) from `min` on, `span` of them after the first.
    Int {
        min: i64,
        span: u64,
    },
    /// Whole numbers one after the other.
    Sequence {
        start: i64,
    },
    /// The time of the row.
    Clock,
    Float {
        min: f64,
        max: f64,
    },
    Numeric {
        min: i64,
        span: u64,
        scale: u32,
    },
    Bool,
    Text {
        length: usize,
    },
    Bytes {
        length: usize,
    },
    Uuid,
    OneOf(Vec<Value>),
}

struct Column {
    maker: Maker,
    data_type: DataType,
    /// A row is NULL if its number is below this.
    nulls_below: u64,
}

impl Connector for DatagenConnector {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let mut options = Options::new("datagen", &spec.options);
        let mut n_rows: Option<u64> = options.number("rows")?;
        let seed = options.number("seed")?.unwrap_or(0);
        let rows_per_second = options.positive("rows_per_second")?.unwrap_or(1000);
        let start = options.text("start").unwrap_or_else(|| "2024-01-01 00:00:00".to_owned());
        let start = time::parse_timestamp(&start)?;
        let mut columns = Vec::with_capacity(spec.schema.len());
        for field in spec.schema.fields.iter() {
            let (column, rows_of_it) = column(field, &mut options)?;
            columns.push(column);
            n_rows = n_rows.into_iter().chain(rows_of_it).min();
        }
        options.finish()?;
        Ok(Box::new(Datagen {
            seed,
            rows_per_second,
            start,
            n_rows,
            next: 0,
            columns,
            rows: RowSet::new(&spec.schema),
        }))
    }
}

/// The options of one field.
struct FieldOptions<'a> {
    field: &'a Field,
    options: &'a mut Options,
}

impl FieldOptions<'_> {
    fn name(&self, option: &str) -> String {
        format!("fields.{}.{option}", self.field.name)
    }

    fn text(&mut self, option: &str) -> Option<String> {
        let name = self.name(option);
        self.options.text(&name)
    }

    fn invalid(&self, option: &str, why: impl std::fmt::Display) -> Error {
        self.options.invalid(&self.name(option), why)
    }

    /// A value of the field's type.
    fn value(&mut self, option: &str) -> Result<Option<Value>> {
        let Some(text) = self.text(option) else { return Ok(None) };
        match Value::parse(text.trim(), &self.field.data_type) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.invalid(option, format!("is wrong: {}", error.message))),
        }
    }

    fn int(&mut self, option: &str, default: i64) -> Result<i64> {
        Ok(match self.value(option)? {
            None => default,
            Some(value) => whole(&value).unwrap_or(default),
        })
    }

    fn float(&mut self, option: &str, default: f64) -> Result<f64> {
        let value = self.value(option)?.and_then(|v| v.as_f64()).unwrap_or(default);
        if value.is_finite() { Ok(value) } else { Err(self.invalid(option, "must be finite")) }
    }

    fn number<T: std::str::FromStr>(&mut self, option: &str) -> Result<Option<T>> {
        let name = self.name(option);
        self.options.number(&name)
    }
}

/// A number, day or microsecond as an integer.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Date(days) => Some(i64::from(*days)),
        Value::Time(micros) | Value::Timestamp(micros) | Value::TimestampTz(micros) => {
            Some(*micros)
        }
        other => other.as_i64(),
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz
    )
}

/// A column, and how many rows it lasts.
fn column(field: &Field, options: &mut Options) -> Result<(Column, Option<u64>)> {
    let data_type = field.data_type.clone();
    let mut options = FieldOptions { field, options };
    let rate: f64 = options.number("null_rate")?.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&rate) {
        return Err(options.invalid("null_rate", "must be between 0 and 1"));
    }
    // 2^64 times the rate; one is all of them.
    let nulls_below = (rate * 18_446_744_073_709_551_616.0) as u64;
    let kind = options.text("kind");
    let (maker, rows) = match (options.text("values"), kind.as_deref()) {
        (Some(values), None) => (one_of(&values, &options)?, None),
        (Some(_), Some(_)) => {
            return Err(options.invalid("kind", "and \"values\" exclude each other"));
        }
        (None, None) if is_time(&data_type) && !bounded(&mut options) => (Maker::Clock, None),
        (None, Some("sequence")) if is_time(&data_type) => (Maker::Clock, None),
        (None, Some("sequence")) => sequence(&mut options)?,
        (None, None | Some("random")) => (random(&mut options)?, None),
        (None, Some(other)) => {
            return Err(options.invalid("kind", format!("is '{other}': sequence or random")));
        }
    };
    Ok((Column { maker, data_type, nulls_below }, rows))
}

/// Whether the field has a least or greatest value of its own.
fn bounded(options: &mut FieldOptions<'_>) -> bool {
    let (min, max) = (options.name("min"), options.name("max"));
    options.options.has(&min) || options.options.has(&max)
}

fn one_of(values: &str, options: &FieldOptions<'_>) -> Result<Maker> {
    let parse = |text: &str| {
        Value::parse(text.trim(), &options.field.data_type)
            .map_err(|e| options.invalid("values", format!("are wrong: {}", e.message)))
    };
    Ok(Maker::OneOf(values.split(',').map(parse).collect::<Result<_>>()?))
}

fn sequence(options: &mut FieldOptions<'_>) -> Result<(Maker, Option<u64>)> {
    if !options.field.data_type.is_integer() && !options.field.data_type.is_text() {
        let why = format!("cannot be a sequence for type {}", options.field.data_type);
        return Err(options.invalid("kind", why));
    }
    let (start, end) = match options.field.data_type.is_integer() {
        true => {
            let start = options.int("start", 0)?;
            let most = match options.field.data_type {
                DataType::Int2 => i64::from(i16::MAX),
                DataType::Int4 => i64::from(i32::MAX),
                _ => i64::MAX,
            };
            (start, Some(options.int("end", most)?))
        }
        false => (options.number("start")?.unwrap_or(0), options.number("end")?),
    };
    match end {
        Some(end) if end < start => Err(options.invalid("end", "lies before \"start\"")),
        Some(i64::MAX) | None => Ok((Maker::Sequence { start }, None)),
        Some(end) => Ok((Maker::Sequence { start }, Some(end.abs_diff(start) + 1))),
    }
}

fn random(options: &mut FieldOptions<'_>) -> Result<Maker> {
    let data_type = options.field.data_type.clone();
    Ok(match &data_type {
        DataType::Int2 => between(options, 0, i64::from(i16::MAX))?,
        DataType::Int4 => between(options, 0, i64::from(i32::MAX))?,
        DataType::Int8 => between(options, 0, i64::MAX)?,
        // 2024, its time of day and its days.
        DataType::Date => between(options, 19_723, 20_088)?,
        DataType::Time => between(options, 0, DAY - 1)?,
        DataType::Timestamp | DataType::TimestampTz => {
            between(options, 19_723 * DAY, 20_089 * DAY - 1)?
        }
        DataType::Float4 | DataType::Float8 => {
            let (min, max) = (options.float("min", 0.0)?, options.float("max", 1.0)?);
            if min > max {
                return Err(options.invalid("max", "is less than \"min\""));
            }
            Maker::Float { min, max }
        }
        DataType::Numeric(declared) => numeric(options, *declared)?,
        DataType::Bool => Maker::Bool,
        DataType::Text | DataType::Varchar(_) | DataType::Char(_) => {
            let most = match &data_type {
                DataType::Varchar(Some(n)) | DataType::Char(n) => *n as usize,
                _ => MAX_LENGTH,
            };
            Maker::Text { length: length(options, 10.min(most), most)? }
        }
        DataType::Bytea => Maker::Bytes { length: length(options, 10, MAX_LENGTH)? },
        DataType::Uuid => Maker::Uuid,
        other => {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!(
                    "datagen has no random values of type {other} (column \"{}\")",
                    options.field.name
                ),
            )
            .with_hint(format!("give some: \"{}\" = '...'", options.name("values"))));
        }
    })
}

/// Longest text that is made.
const MAX_LENGTH: usize = 1 << 20;

fn length(options: &mut FieldOptions<'_>, default: usize, most: usize) -> Result<usize> {
    match options.number("length")?.unwrap_or(default) {
        length if length > most => {
            Err(options.invalid("length", format!("is greater than {most}")))
        }
        length => Ok(length),
    }
}

fn between(options: &mut FieldOptions<'_>, least: i64, most: i64) -> Result<Maker> {
    let min = options.int("min", least)?;
    let max = options.int("max", most.max(min))?;
    if min > max {
        return Err(options.invalid("max", "is less than \"min\""));
    }
    Ok(Maker::Int { min, span: max.abs_diff(min) })
}

fn numeric(options: &mut FieldOptions<'_>, declared: Option<(u8, u8)>) -> Result<Maker> {
    let scale = u32::from(declared.map_or(2, |(_, scale)| scale)).min(12);
    let most = match declared {
        Some((precision, scale)) => 10i64.pow(u32::from(precision.saturating_sub(scale)).min(3)),
        None => 1000,
    };
    let unit = 10i64.pow(scale);
    let mut mantissa = |option: &str, default: i64| -> Result<i64> {
        match options.value(option)? {
            None => Ok(default),
            Some(value) => Decimal::from_i64(unit)
                .checked_mul(value.as_decimal().unwrap_or(Decimal::from_i64(0)))
                .ok()
                .and_then(|d| d.round(0).ok())
                .and_then(Decimal::to_i64)
                .ok_or_else(|| options.invalid(option, "is out of range")),
        }
    };
    let min = mantissa("min", 0)?;
    // The greatest value must still have its digits before the point.
    let max = mantissa("max", min.max(most * unit - 1))?;
    if min > max {
        return Err(options.invalid("max", "is less than \"min\""));
    }
    Ok(Maker::Numeric { min, span: max.abs_diff(min), scale })
}

struct Datagen {
    seed: u64,
    rows_per_second: u64,
    start: i64,
    n_rows: Option<u64>,
    next: u64,
    columns: Vec<Column>,
    rows: RowSet,
}

impl Datagen {
    fn time(&self, row: u64) -> i64 {
        let micros = u128::from(row) * 1_000_000 / u128::from(self.rows_per_second);
        self.start.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl Source for Datagen {
    fn poll(&mut self, want: &Want<'_>) -> Result<Polled> {
        let left = self.n_rows.unwrap_or(u64::MAX) - self.next;
        let n = left.min(want.max_rows.max(1) as u64);
        if n == 0 {
            return Ok(Polled::End);
        }
        self.rows.start(want);
        let mut text = Vec::new();
        for (i, column) in self.columns.iter().enumerate() {
            for row in self.next..self.next + n {
                let now = self.time(row);
                let Some(builder) = self.rows.builder(i) else { break };
                let dice = Dice::new(self.seed, row).part(i as u64);
                if column.nulls_below > 0 && dice.roll(1) <= column.nulls_below {
                    builder.push_null();
                } else {
                    push(builder, column, row, now, dice, &mut text)?;
                }
            }
        }
        self.next += n;
        self.rows.end_rows(n as usize);
        let (batch, bad) = self.rows.finish();
        Ok(Polled::Rows(batch, bad))
    }

    fn restart(&mut self) -> Result<bool> {
        self.next = 0;
        Ok(true)
    }

    fn is_bounded(&self) -> bool {
        self.n_rows.is_some()
    }
}

/// Appends the value of one row.
fn push(
    builder: &mut ColumnBuilder,
    column: &Column,
    row: u64,
    now: i64,
    dice: Dice,
    text: &mut Vec<u8>,
) -> std::result::Result<(), SqlError> {
    let random = dice.roll(0);
    let int = |min: i64, span: u64| match span.checked_add(1) {
        Some(n) => min.wrapping_add_unsigned(below(random, n)),
        None => random.cast_signed(),
    };
    match &column.maker {
        Maker::Int { min, span } => push_int(builder, &column.data_type, int(*min, *span)),
        Maker::Sequence { start } => {
            push_int(builder, &column.data_type, start.wrapping_add_unsigned(row))
        }
        Maker::Clock => match column.data_type {
            DataType::Date => push_int(builder, &DataType::Date, now.div_euclid(DAY)),
            DataType::Time => push_int(builder, &DataType::Time, now.rem_euclid(DAY)),
            _ => push_int(builder, &column.data_type, now),
        },
        Maker::Float { min, max } => {
            // 53 random bits fill a float between 0 and 1.
            let part = (random >> 11) as f64 / (1u64 << 53) as f64;
            let value = min * (1.0 - part) + max * part;
            match column.data_type {
                DataType::Float4 => builder.push_f32(value as f32),
                _ => builder.push_f64(value),
            }
            Ok(())
        }
        Maker::Numeric { min, span, scale } => {
            builder.push_decimal(Decimal::new(i128::from(int(*min, *span)), *scale));
            Ok(())
        }
        Maker::Bool => {
            builder.push_bool(random & 1 == 1);
            Ok(())
        }
        Maker::Text { length } => {
            text.clear();
            push_letters(text, dice, *length, LETTERS);
            if let DataType::Char(n) = column.data_type {
                text.resize(n as usize, b' ');
            }
            builder.push_str(text);
            Ok(())
        }
        Maker::Bytes { length } => {
            text.clear();
            text.extend((0..*length).map(|at| dice.roll(at as u64) as u8));
            builder.push_str(text);
            Ok(())
        }
        Maker::Uuid => {
            // Version 4, variant 1, as any random UUID says of itself.
            let bits = u128::from(random) << 64 | u128::from(dice.roll(2));
            let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
            builder.push_i128(bits.cast_signed());
            Ok(())
        }
        Maker::OneOf(values) => {
            builder.push_value(&values[below(random, values.len() as u64) as usize])
        }
    }
}

/// Appends an integer as whatever the type makes of it.
fn push_int(
    builder: &mut ColumnBuilder,
    data_type: &DataType,
    value: i64,
) -> std::result::Result<(), SqlError> {
    match data_type {
        DataType::Int8 | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
            builder.push_i64(value);
            Ok(())
        }
        DataType::Date => {
            let days = i32::try_from(value).map_err(|_| SqlError::out_of_range("date"))?;
            builder.push_i32(days);
            Ok(())
        }
        data_type if data_type.is_text() => {
            builder.push_str(value.to_string().as_bytes());
            Ok(())
        }
        _ => builder.push_value(&Value::Int8(value)),
    }
}
